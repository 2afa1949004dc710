# SPDX-License-Identifier: EUPL-1.2
"""The commands around the network: static proof, who reaches whom, and the lines that belong on each switch."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from verbund.network.policy import Rule
    from verbund.network.reachability import Cell, Model
    from verbund.network.structured import DeviceConfig
    from verbund.network.topology import Site

net = typer.Typer(
    name="net",
    no_args_is_help=True,
    help="The network: prove it before anything is plugged in, and see who reaches whom.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How a matrix is written."""

    table = "table"
    json = "json"
    csv = "csv"


@net.command()
def check(
    site: Annotated[
        str | None, typer.Argument(metavar="[SITE]", help="Only this site: its id, TOWN/SITE or short name.")
    ] = None,
) -> None:
    """Prove the network without touching it: each finding with file, line, the check that found it, and what to do.

    VLANs have a way to the gateway, trunks agree, nothing loops, power and ports suffice, subnets and keys are unique,
    rules do something, routes are symmetric, and no way leads from administration to pedagogy or back; else the way is
    printed.

    For example:
      verbund net check

      verbund net check grundschule
    """
    from verbund.cli.console import errors, output, safe
    from verbund.errors import ExitCode
    from verbund.network import checks

    model = _model()
    chosen = _site(model, site) if site is not None else None
    issues = checks.run(model, chosen.key if chosen else None)
    for issue in issues:
        first, *rest = str(issue.finding).split("\n")
        errors.print(safe("\n".join([f"{first} [{issue.check}]", *rest])), markup=False, soft_wrap=True)
    sites = [chosen] if chosen else model.network.sites
    problems = sum(not issue.finding.warning for issue in issues)
    output.print(
        f"{'good' if not problems else f'{problems:,} errors'}: {len(sites):,} sites, "
        f"{sum(len(item.switches) for item in sites):,} switches, "
        f"{sum(len(switch.ports) for item in sites for switch in item.switches):,} ports, "
        f"{sum(len(model.rules[item.key]) for item in sites):,} rules, {len(checks.CHECKS)} checks, "
        f"{len(issues) - problems:,} warnings",
        markup=False,
        soft_wrap=True,
    )
    if not any(issue.check == "separation" for issue in issues):
        parts = sum(len(model.layer2[item.key].parts) for item in model.network.sites)
        rules = sum(map(len, model.rules.values()))
        output.print(
            f"administration and pedagogy are apart: none of {parts:,} parts of layer 2 joins them, none of {rules:,} "
            "rules leads across, also not by way of zones with routers",
            markup=False,
            soft_wrap=True,
        )
    if problems:
        raise typer.Exit(ExitCode.FINDINGS)


@net.command()
def matrix(
    site: Annotated[str, typer.Argument(help="Its id, TOWN/SITE or short name.")],
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.table,
) -> None:
    """Who may reach whom at a site, and which flow and owner decides that.

    For example:
      verbund net matrix grundschule

      verbund net matrix erkrath/rathaus --format csv > matrix.csv
    """
    from verbund.network import reachability

    model = _model()
    cells = reachability.matrix(model, _site(model, site))
    if form is Format.json:
        import json

        typer.echo(json.dumps([_plain(cell) for cell in cells], indent=2, ensure_ascii=False))
    elif form is Format.csv:
        _csv(cells)
    else:
        _table(cells)


class Language(StrEnum):
    """Languages of the papers."""

    de = "de"
    en = "en"


@net.command()
def papers(
    site: Annotated[str, typer.Argument(help="Its id, TOWN/SITE or short name.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Directory to write into (default: .verbund/report/papers/TOWN/SITE)."),
    ] = None,
    lang: Annotated[Language, typer.Option("--lang", "-l", help="Language of the papers.")] = Language.de,
    pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="Write PDF beside HTML; takes seconds.")] = True,
) -> None:
    """Plan, patch sheets per cabinet and communication matrix of a site, to print and to file. Nothing is contacted.

    netzplan (also as SVG), patchplan, kommunikationsmatrix. They show what shall be; where the static proof finds
    errors, the papers say so on their first page.

    For example:
      verbund net papers grundschule

      verbund net papers erkrath/rathaus --lang en --no-pdf --out build/papers
    """
    from verbund.cli.console import errors, output, safe
    from verbund.project import Project
    from verbund.report import write_network_papers

    project = Project.find()
    model = _model()
    chosen = _site(model, site)
    target = out or project.state / "report" / "papers" / chosen.tenant / chosen.name
    for path in write_network_papers(model, [chosen], lambda _: target, project.root, lang=lang.value, with_pdf=pdf):
        output.print(safe(str(path)), markup=False, soft_wrap=True)
    from verbund.network import checks

    problems = sum(not issue.finding.warning for issue in checks.run(model, chosen.key))
    if problems:
        errors.print(
            f"the static proof finds {problems:,} errors, and the papers say so; see verbund net check {chosen.key}",
            markup=False,
            soft_wrap=True,
        )


@net.command()
def render(
    name: Annotated[str, typer.Argument(metavar="SITE|SWITCH", help="A site, or one switch by its name.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write files below this directory; default: print the lines.")
    ] = None,
    structured: Annotated[bool, typer.Option("--structured", help="Print what the lines are made from.")] = False,
) -> None:
    """The configuration of one switch, or of all switches of a site. Nothing is contacted.

    Secrets stand in it by name only. What a platform cannot do is said, never left out silently.

    For example:
      verbund net render ggs-sw1

      verbund net render grundschule --out build/network
    """
    from verbund.cli.console import errors, output, safe
    from verbund.files import write_atomically
    from verbund.network import render as rendering
    from verbund.network import structured as neutral
    from verbund.project import Project

    root = Project.find().root
    for config in _configs(name):
        rendered = rendering.render(config, root)
        for gap in rendered.gaps:
            places = f" ({len(gap.places)} ports, first {gap.places[0]})" if gap.places else ""
            errors.print(safe(f"{config.name}: {gap.feature}{places}: {gap.reason}"), markup=False, soft_wrap=True)
        if out is None:
            typer.echo(neutral.dump(config) if structured else rendered.text, nl=False)
            continue
        write_atomically(out / f"{config.name}.yml", neutral.dump(config), 0o644)
        if len(rendered.files) == 1:
            write_atomically(out / f"{config.name}.cfg", rendered.text, 0o644)
        else:
            for path, content in rendered.files.items():
                write_atomically(out / config.name / path, content, 0o644)
        output.print(safe(f"{out / config.name}"), markup=False, soft_wrap=True)


@net.command()
def diff(
    switch: Annotated[str, typer.Argument(help="Its name, such as ggs-sw1.")],
    running: Annotated[
        Path | None,
        typer.Option(
            "--running", help="What it printed as its running configuration; default: ask it, change nothing."
        ),
    ] = None,
    commands: Annotated[bool, typer.Option("--commands", help="Print the commands too.")] = False,
    user: Annotated[str | None, typer.Option("--user", help="Log in as; password: secret login/USER.")] = None,
    secrets: Annotated[Path | None, typer.Option("--secrets", help="File of secrets, for the login.")] = None,
) -> None:
    """What differs between a switch and what it shall be, and whether the way there is safe.

    The plan is played line by line: an order that would cut off the management, open a trunk or delete a VLAN in use
    is refused and the line named.

    For example:
      verbund net diff ggs-sw1

      verbund net diff ggs-sw1 --running backup/ggs-sw1.cfg --commands
    """
    from verbund.cli import switches
    from verbund.cli.console import errors, safe
    from verbund.errors import ExitCode, UsageError
    from verbund.network import diff as comparing
    from verbund.network import linter
    from verbund.network import render as rendering
    from verbund.network.platforms import PLATFORMS
    from verbund.project import Project

    found = _configs(switch)
    if len(found) != 1:
        raise UsageError(f"'{switch}' is a site with {len(found)} switches", "name one switch")
    config = found[0]
    try:
        text = (
            running.read_text(encoding="utf-8", errors="replace")
            if running is not None
            else switches.running_of(config.name, user, secrets)
        )
    except OSError as error:
        raise UsageError(
            f"{running} cannot be read: {error.strerror}", "name a file with the running configuration"
        ) from None
    wanted = rendering.render(config, Project.find().root).text
    if not PLATFORMS[config.platform].cli:
        shown = comparing.unified(text, wanted, config.name)
        typer.echo(safe(shown), nl=False)
        raise typer.Exit(ExitCode.FINDINGS if shown else ExitCode.GOOD)
    plan = comparing.plan(config.platform, text, wanted)
    typer.echo(safe(plan.difference), nl=False)
    for line in plan.foreign:
        errors.print(safe(f"not managed, left alone: {line}"), markup=False, soft_wrap=True)
    if commands:
        typer.echo(safe("\n".join(plan.lines())))
    for finding in linter.lint(plan, text, config.management):
        errors.print(safe(f"refused: {finding}"), markup=False, soft_wrap=True)
    if not plan.empty:
        raise typer.Exit(ExitCode.FINDINGS)


def _configs(name: str) -> list[DeviceConfig]:
    from verbund.errors import UsageError
    from verbund.intent.compile import nearest
    from verbund.network import checks
    from verbund.network import compile as compiling

    model = _model()
    checks.demand(model)
    everything = compiling.configs(model)
    if found := [config for config in everything if config.name == name]:
        return found
    sites = [site for site in model.network.sites if name in {site.key, site.name, site.short}]
    if not sites:
        known = {config.name for config in everything}
        known |= {word for site in model.network.sites for word in (site.key, site.name, site.short)}
        raise UsageError(f"there is no site and no switch '{name}'", nearest(name, known))
    return compiling.configs(model, site=_site(model, name).key)


def _model() -> Model:
    from verbund.intent import load
    from verbund.network.reachability import Model
    from verbund.project import Project

    return Model.of(load(Project.find().inventory))


def _site(model: Model, name: str) -> Site:
    from verbund.errors import UsageError
    from verbund.intent.compile import nearest

    found = [site for site in model.network.sites if name in {site.key, site.name, site.short}]
    if not found:
        known = {word for site in model.network.sites for word in (site.key, site.name, site.short)}
        raise UsageError(f"there is no site '{name}'", nearest(name, known))
    if len(found) > 1:
        listed = " or ".join(site.key for site in found)
        raise UsageError(f"several sites are called '{name}'", f"write {listed}")
    return found[0]


def _plain(cell: Cell) -> dict[str, Any]:
    return {
        "from": cell.source,
        "to": cell.target,
        "verdict": cell.verdict,
        "some_hosts_only": cell.part,
        "why": cell.why,
        "decided_by": [
            {
                "flow": rule.id,
                "owner": rule.owner,
                "reason": rule.reason,
                "protocol": rule.protocol,
                "ports": sorted(rule.ports),
                "place": _place(rule),
            }
            for rule in cell.rules
        ],
    }


def _csv(cells: list[Cell]) -> None:
    import csv
    import io

    from verbund.text import cell as harmless

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["from", "to", "verdict", "hosts", "protocol", "ports", "flow", "owner", "reason", "place"])
    for cell in cells:
        start = [cell.source, cell.target, cell.verdict, "some" if cell.part else "all"]
        rows = [
            [rule.protocol, " ".join(map(str, sorted(rule.ports))), rule.id, rule.owner, rule.reason, _place(rule)]
            for rule in cell.rules
        ] or [["", "", "", "", cell.why, ""]]
        writer.writerows([harmless(item, 500) for item in (*start, *row)] for row in rows)
    typer.echo(stream.getvalue(), nl=False)


_MARKS = {"allowed": "+", "denied": ".", "direct": "=", "isolated": "/", "cut off": "x"}


def _table(cells: list[Cell]) -> None:
    from verbund.cli.console import output, safe

    rows = list(dict.fromkeys(cell.source for cell in cells))
    columns = list(dict.fromkeys(cell.target for cell in cells))
    by_pair = {(cell.source, cell.target): cell for cell in cells}
    width = max(map(len, rows)) + 3
    output.print(" " * width + "".join(f"{column:>3}" for column in range(1, len(columns) + 1)), soft_wrap=True)
    for source in rows:
        number = f"{columns.index(source) + 1:>2}" if source in columns else "  "
        marks = ""
        for target in columns:
            found = by_pair.get((source, target))
            mark = _MARKS[found.verdict] if found else ""
            marks += f"{'*' if found and found.part else mark:>3}"
        output.print(f"{number} {safe(source)}".ljust(width) + marks, markup=False, soft_wrap=True)
    names = ", ".join(f"{number} {name}" for number, name in enumerate(columns, 1))
    output.print(safe(f"columns: {names}"), markup=False, soft_wrap=True)
    legend = "+ allowed, * allowed for some hosts, . denied, = same VLAN, / isolated from each other, x cut off"
    output.print(legend, markup=False, soft_wrap=True)
    output.print()
    for cell in cells:
        for rule in cell.rules:
            ports = f" {','.join(map(str, sorted(rule.ports)))}" if rule.ports else ""
            some = " (some hosts)" if cell.part else ""
            who = f"{rule.id} ({rule.owner}), {_place(rule)}"
            text = f"{cell.source} -> {cell.target}{some}: {rule.protocol}{ports}, {who}"
            output.print(safe(text), markup=False, soft_wrap=True)


def _place(rule: Rule) -> str:
    return ":".join(map(str, rule.place()[:2]))


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    from verbund.cli import switches

    switches.register(net)
    app.add_typer(net, name="net")
