# SPDX-License-Identifier: EUPL-1.2
"""``verbund judge``: what other people's scanners say of a host of the lab."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from verbund.judge import Judgement, Policy, Reason, SshFinding
    from verbund.project import Project


BEGIN = "<!-- written by verbund judge --markdown -->"
END = "<!-- end of what is written -->"
"""Where the reasons stand in the page of the documentation."""


class ProfileChoice(StrEnum):
    """The CIS profiles of the data stream."""

    L1_SERVER = "l1-server"
    L1_WORKSTATION = "l1-workstation"
    L2_SERVER = "l2-server"
    L2_WORKSTATION = "l2-workstation"


def register(app: typer.Typer) -> None:
    """Add ``judge``."""
    app.command()(judge)


def judge(
    host: Annotated[
        str | None, typer.Argument(help="Name of a host of the lab; figures count for virtual machines.")
    ] = None,
    *,
    profile: Annotated[
        list[ProfileChoice] | None,
        typer.Option("--profile", "-p", help="Only by this CIS profile; may be given several times (default: all)."),
    ] = None,
    ssh_policy: Annotated[
        list[Path] | None,
        typer.Option(
            "--ssh-policy",
            exists=True,
            dir_okay=False,
            help="Let ssh-audit judge by this policy file too (default: its own, and that of our crypto profile).",
        ),
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Fetch today's scanner and rules.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, progress as errors.")] = False,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", help="Instead: bring the reasons in this page up to date (docs/judges.md)."),
    ] = None,
) -> None:
    """Let OpenSCAP (CIS Debian 13) and ssh-audit judge a host of the lab; print figures and what fails.

    Exit code 1 when a target is missed, something fails without a reason in the list of reasons, a reason is outdated,
    or ssh-audit finds what our profile does not state. Evidence lies in .verbund/judges/HOST/.
    """
    from verbund.cli.console import errors, output, safe
    from verbund.errors import ExitCode, UnreachableError, UsageError
    from verbund.files import write_atomically
    from verbund.judge import HARDENED, PROFILES, Policy, ask, judge_cis, judge_ssh, lint, load, reasons_file, weigh
    from verbund.lab import Lab
    from verbund.project import Project

    def note(text: str) -> None:
        (errors if as_json else output).print(safe(text), markup=False, soft_wrap=True)

    reasons = load(reasons_file())
    if markdown is not None:
        _document(markdown, reasons)
        return
    if host is None:
        raise UsageError("no host is named", "verbund judge HOST; see the hosts with: verbund lab status")
    project = Project.find()
    lab = Lab(project.state)
    of_name = {status.name: status for status in lab.status()}
    if host not in of_name:
        raise UsageError(
            f"the lab has no host {host!r}", f"it has: {', '.join(of_name) or 'none; verbund lab up makes one'}"
        )
    status = of_name[host]
    if not status.answers:
        raise UnreachableError(f"{host} does not answer", "verbund lab up starts it")
    about = ask(lab, host)
    if about.container:
        note(f"warning: {host} is a container; kernel and devices are this machine's, so the figures do not count")
    if not status.enrolled:
        note(f"warning: {host} is not enrolled: this judges a bare Debian")
    target = project.state / "judges" / host
    policies = [Policy(HARDENED[about.suite])] if about.suite in HARDENED else []
    policies += [_own_policy(project, host, target / "ssh-audit.policy")]
    policies += [Policy(str(path), path) for path in ssh_policy or []]
    # ssh-audit first: it takes seconds, and what it may lack is known before the long scan.
    over_the_wire = judge_ssh(status.port, policies, note=note)
    chosen = [PROFILES[choice.value] for choice in profile or list(ProfileChoice)]
    kit, outcomes = judge_cis(lab, host, about, chosen, target, refresh=refresh, note=note)
    judged = {name: weigh(outcome, reasons, status.host_class) for name, outcome in outcomes.items()}
    outdated = lint(reasons_file(), outcomes, status.host_class)

    missed = [name for name, outcome in outcomes.items() if outcome.share < PROFILES[name].target]
    unstated = [finding for findings in over_the_wire.values() for finding in findings if not finding.stated]
    figures: dict[str, Any] = {
        "host": host,
        "class": status.host_class,
        "counts": "container" if about.container else "machine",
        "rolled_out": status.enrolled,
        "suite": about.suite,
        "openscap-scanner": kit.scanner,
        "ssg-debian": kit.rules,
        "profiles": {name: _figures(name, judgement) for name, judgement in judged.items()},
        "ssh-audit": {name: [asdict(finding) for finding in findings] for name, findings in over_the_wire.items()},
        "outdated_reasons": [str(finding) for finding in outdated],
    }
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    write_atomically(target / "figures.json", text, 0o644)
    if as_json:
        typer.echo(text, nl=False)
    else:
        _show(judged, over_the_wire)
        for finding in outdated:
            output.print(safe(str(finding)), markup=False, soft_wrap=True)
        note(f"openscap-scanner {kit.scanner}, ssg-debian {kit.rules}; evidence: {target}")
    if missed or unstated or outdated or any(judgement.open for judgement in judged.values()):
        raise typer.Exit(ExitCode.FINDINGS)


def _own_policy(project: Project, host: str, file: Path) -> Policy:
    """Write the policy of the crypto profile that this host's sshd follows."""
    from verbund.baseline.crypto import chosen, read
    from verbund.baseline.crypto_formats import render
    from verbund.files import write_atomically
    from verbund.intent import load
    from verbund.intent.settings import catalogue
    from verbund.judge import Policy

    intent = load(project.inventory)
    settings = {name: value for name, (value, _, _) in catalogue(project.roles).defaults.items()}
    for known in intent.hosts:
        if known.name == host:
            settings |= intent.variables(known)
    guideline, profile = str(settings["sshd_crypto_guideline"]), str(settings["sshd_crypto_profile"])
    chosen(project.roles, guideline, profile)
    policy = render("ssh-audit", read(project.roles, guideline)[0], profile, str(settings["sshd_openssh"]))
    write_atomically(file, policy, 0o644)
    return Policy(f"our profile {profile} of {guideline}", file, ours=True)


def _document(page: Path, reasons: Sequence[Reason]) -> None:
    """Put the reasons between the marks of the page."""
    from verbund.errors import UsageError
    from verbund.files import write_atomically
    from verbund.judge import reasons_markdown

    try:
        before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    except FileNotFoundError:
        raise UsageError(f"there is no page {page}", "the page of the documentation is docs/judges.md") from None
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{page} lacks the lines {BEGIN} and {END}", "the reasons are written between them")
    write_atomically(page, f"{before}{begin}\n\n{reasons_markdown(reasons)}\n{end}{after}", 0o644)


def _figures(name: str, judgement: Judgement) -> dict[str, Any]:
    """The figures of one profile."""
    from verbund.judge import PROFILES

    outcome = judgement.outcome
    return {
        "passed": outcome.passed,
        "failed": outcome.failed,
        "broken": outcome.count("error", "unknown"),
        "not_applicable": outcome.count("notapplicable"),
        "not_checked": outcome.count("notchecked"),
        "share": round(outcome.share, 4),
        "target": PROFILES[name].target,
        "on_purpose": {result.rule: reason.kind for result, reason in judgement.on_purpose},
        "open": [result.rule for result in judgement.open],
    }


def _show(judged: Mapping[str, Judgement], over_the_wire: Mapping[str, tuple[SshFinding, ...]]) -> None:
    """Print figures, then what fails, each rule once."""
    from rich.table import Table
    from rich.text import Text

    from verbund.cli.console import output
    from verbund.judge import PROFILES

    table = Table("profile", "passed", "failed", "on purpose", "open", "n/a", "unchecked", "share", "target")
    for name, judgement in judged.items():
        outcome, target = judgement.outcome, PROFILES[name].target
        numbers = (
            outcome.passed,
            outcome.failed,
            len(judgement.on_purpose),
            len(judgement.open),
            outcome.count("notapplicable"),
            outcome.count("notchecked"),
        )
        share = Text(f"{outcome.share:.1%}", style="green" if outcome.share >= target else "red")
        table.add_row(name, *map(str, numbers), share, f"{target:.0%}")
    output.print(table)
    rules: dict[str, list[str]] = {}
    lines: dict[str, tuple[str, str]] = {}
    for name, judgement in judged.items():
        for result, reason in judgement.on_purpose:
            rules.setdefault(result.rule, []).append(name)
            lines[result.rule] = (reason.kind, result.title)
        for result in judgement.open:
            rules.setdefault(result.rule, []).append(name)
            lines[result.rule] = ("open" if result.result == "fail" else result.result, result.title)
    for rule in sorted(rules, key=lambda rule: (lines[rule][0] != "open", lines[rule][0], rule)):
        kind, title = lines[rule]
        within = "" if len(rules[rule]) == len(judged) else f" ({', '.join(rules[rule])})"
        output.print(Text(f"{kind:12} {rule}{within}: {title}"), soft_wrap=True)
    for policy, findings in over_the_wire.items():
        output.print(Text(f"ssh-audit, {policy}: {'no difference' if not findings else 'differs in'}"), soft_wrap=True)
        for finding in findings:
            judgement_text = "our profile states them" if finding.stated else "our profile does not state them"
            beside = [method for method in finding.actual if method not in finding.expected]
            output.print(Text(f"    {finding.field} ({judgement_text}): {', '.join(beside)}"), soft_wrap=True)
