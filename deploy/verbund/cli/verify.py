# SPDX-License-Identifier: EUPL-1.2
"""``verbund verify`` and ``verbund controls``: prove the baseline, and say what it consists of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbund.baseline.results import HostResult, Results
    from verbund.baseline.verify import Step

_LISTED = 25


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(verify)
    controls = typer.Typer(
        help="List the controls of the standard; 'controls lint' checks them.", invoke_without_command=True
    )
    controls.callback()(list_controls)
    controls.command("lint")(lint_controls)
    app.add_typer(controls, name="controls")


def verify(
    *,
    limit: Annotated[
        str | None,
        typer.Option("--limit", "-l", help="Hosts: names, globs, tenant:T, site:S, room:R, profile:P, class:C, zone:Z"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Hosts asked at a time.")] = 16,
    from_evidence: Annotated[
        bool, typer.Option("--from-evidence", help="Evaluate stored evidence again; contact no host.")
    ] = False,
    learn: Annotated[bool, typer.Option("--learn", help="Write what was asked into the command plans.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result file instead of a table.")] = False,
    directory: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where results go (default: .verbund/results).")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say how many rounds each host took.")] = False,
) -> None:
    """Prove the baseline, host by host and control by control.

    Reads each host in one SSH session, keeps the evidence, evaluates it here. Nothing on a host is changed.
    Exit code 0: all met, excepted or not applicable; 1: something is not; 3: a host could not be asked.
    """
    import sys
    from datetime import UTC, datetime

    from verbund.baseline.target import targets_of
    from verbund.baseline.verify import Verification, exit_code, store
    from verbund.cli.console import output
    from verbund.intent import load
    from verbund.inventory.connection import Connections
    from verbund.inventory.variables import effective
    from verbund.project import Project

    project = Project.find()
    intent = load(project.inventory)
    connections = Connections.load(project.state)
    hosts = intent.select(limit, {"lab": connections.lab})
    targets = targets_of(hosts, effective(project.root, intent, hosts, connections))
    today = datetime.now(UTC).date()
    verification = Verification(
        root=project.root,
        targets=targets,
        release=intent.standard.release,
        deviations={host.name: intent.deviations_for(host, today) for host in hosts},
        state=project.state,
        command=" ".join(["verbund", *sys.argv[1:]]),
        workers=workers,
        from_evidence=from_evidence,
        learn=learn,
        complete=limit is None,
        progress=_progress(quiet=as_json, verbose=verbose),
    )
    results = verification.run()
    path = store(results, directory or project.state / "results")
    if as_json:
        typer.echo(results.model_dump_json(exclude_defaults=True))
    else:
        summary(results)
        output.print(f"results: {path}", markup=False, soft_wrap=True)
    raise typer.Exit(exit_code(results))


def _progress(*, quiet: bool, verbose: bool) -> Callable[[Step], None]:
    """One line per finished host; on a terminal only those with trouble, and a line that counts."""
    import sys
    import time

    from rich.console import Console

    from verbund.cli.console import safe

    # The stream as it is now: while checks run, what they print is kept from the terminal.
    console = Console(file=sys.stderr, highlight=False)
    started = time.monotonic()

    def line(step: Step) -> None:
        seconds = int(time.monotonic() - started)
        told = _told(step.result)
        if verbose and step.rounds:
            told += f" ({step.rounds} round{'s' if step.rounds > 1 else ''})"
        head = f"[{step.done}/{step.total}  {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}]"
        text = safe(f"{head} {step.result.host}: {told}")
        if not console.is_terminal:
            console.print(text, markup=False, soft_wrap=True)
        elif step.result.error or verbose:
            console.file.write("\r\x1b[K")
            console.print(text, markup=False, soft_wrap=True)
        else:
            console.file.write("\r\x1b[K" + text[: max(10, console.width - 1)])
            console.file.flush()
        if console.is_terminal and step.done == step.total:
            console.file.write("\r\x1b[K")
            console.file.flush()

    return (lambda _: None) if quiet else line


def _told(host: HostResult) -> str:
    from verbund.baseline.verify import counts

    if host.error:
        return f"not evaluated: {host.error}"
    return ", ".join(f"{number} {verdict.value}" for verdict, number in sorted(counts(host).items()))


def summary(results: Results) -> None:
    """Print the table of hosts and verdicts, and what is not met."""
    from rich.table import Table
    from rich.text import Text

    from verbund.baseline.results import Verdict
    from verbund.baseline.verify import counts
    from verbund.cli.console import output, safe

    order = (
        (Verdict.MET, "met"),
        (Verdict.NOT_MET, "not met"),
        (Verdict.EXCEPTED, "excepted"),
        (Verdict.NOT_APPLICABLE, "n/a"),
        (Verdict.NOT_EVALUATED, "not eval."),
        (Verdict.STALE, "stale"),
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("host", no_wrap=True)
    for _, name in order:
        table.add_column(name, justify="right")
    # Hosts with nothing to do are many and say nothing: beyond a screenful they are only counted.
    shown = [host for host in results.hosts if len(results.hosts) <= 2 * _LISTED or _trouble(host)]
    for host in shown:
        found = counts(host)
        table.add_row(Text(safe(host.host)), *(str(found[verdict] or "·") for verdict, _ in order))
    if len(shown) < len(results.hosts):
        table.add_row(Text(f"({len(results.hosts) - len(shown)} more hosts with nothing to do)"))
    output.print(table)
    for host in results.hosts:
        if host.error:
            output.print(safe(f"{host.host}: not evaluated: {host.error}"), markup=False, soft_wrap=True)
        if host.facts.get("clock"):
            output.print(safe(f"{host.host}: clock {host.facts['clock']}"), markup=False, soft_wrap=True)
        if host.facts.get("trouble"):
            output.print(safe(f"{host.host}: trouble: {host.facts['trouble']}"), markup=False, soft_wrap=True)
    titles = {control.id: control.title.en for control in results.controls}
    bad = [
        (result, host.host)
        for host in results.hosts
        if not host.error
        for result in host.results
        if result.verdict in {Verdict.NOT_MET, Verdict.STALE, Verdict.NOT_EVALUATED}
    ]
    bad.sort(key=lambda pair: (pair[0].verdict is not Verdict.NOT_MET, pair[0].control, pair[1]))
    for result, name in bad[:_LISTED]:
        reason = result.reason.splitlines()[0][:300] if result.reason else ""
        text = f"{result.verdict.value}: {result.control} {name}: {titles.get(result.control, '')}: {reason}"
        output.print(safe(text), markup=False, soft_wrap=True)
    if len(bad) > _LISTED:
        output.print(f"... and {len(bad) - _LISTED} more in the result file", markup=False)


def _trouble(host: HostResult) -> bool:
    from verbund.baseline.results import Verdict
    from verbund.baseline.verify import counts

    found = counts(host)
    return bool(host.error or found[Verdict.NOT_MET] or found[Verdict.NOT_EVALUATED] or found[Verdict.STALE])


def list_controls(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the controls as JSON.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the catalogue for the documentation (docs/controls.md).")
    ] = False,
) -> None:
    """List the controls of the standard; 'controls lint' checks them."""
    if context.invoked_subcommand is not None:
        return
    import json

    from rich.table import Table

    from verbund.baseline.controls import catalogue_markdown, require_controls
    from verbund.cli.console import output
    from verbund.project import Project

    entries = require_controls(Project.find().roles)
    if as_json:
        listed = [{**entry.control.model_dump(mode="json"), "role": entry.role} for entry in entries]
        typer.echo(json.dumps(listed, indent=1, ensure_ascii=False))
    elif markdown:
        typer.echo(catalogue_markdown(entries), nl=False)
    else:
        table = Table("id", "role", "control", "BSI", box=None, pad_edge=False)
        for entry in entries:
            control = entry.control
            table.add_row(control.id, entry.role, control.title.en, ", ".join(map(str, control.bsi)))
        output.print(table)
        output.print(f"controls: {len(entries)}", markup=False)


def lint_controls() -> None:
    """Check every control: id, role tag, test, marker, BSI reference, coverage; nothing missing, nothing dangling."""
    from verbund.baseline import coverage
    from verbund.baseline.lint import lint
    from verbund.cli.console import output
    from verbund.errors import InputError
    from verbund.intent import load
    from verbund.project import Project
    from verbund.report import lint_places

    project = Project.find()
    entries, findings = lint(project.root, set(load(project.inventory).standard.profiles), coverage.FILE)
    findings += lint_places(project.root, entries)
    if findings:
        raise InputError(findings)
    output.print(f"controls: {len(entries)}, nothing missing, nothing dangling", markup=False)
