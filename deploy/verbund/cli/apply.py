# SPDX-License-Identifier: EUPL-1.2
"""``verbund apply``: roll the standard out in waves, each verified before the next."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from verbund.cli.console import errors, output, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from verbund.baseline.results import Results
    from verbund.baseline.verify import Step
    from verbund.errors import ExitCode
    from verbund.intent import Host, Intent
    from verbund.project import Project
    from verbund.rollout import Application, Check, Event, Ledger, RunRecord, Verify, Watcher


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(
        "apply",
        epilog="Examples: verbund apply --site grundschule --check    "
        "verbund apply -l 'class:client' --waves 1,5,rest    "
        "verbund apply --site rathaus --drift-only    "
        "verbund apply --resume last",
    )(apply)


def apply(
    *,
    limit: Annotated[
        str | None,
        typer.Option("--limit", "-l", help="Hosts: names, globs, tenant:T, site:S, room:R, profile:P, class:C, zone:Z"),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only hosts of this tenant.")] = None,
    site: Annotated[str | None, typer.Option(help="Only hosts of this site.")] = None,
    room: Annotated[str | None, typer.Option(help="Only hosts of this room.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only hosts with this profile.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Dry run: change nothing, show what would change.")] = False,
    tags: Annotated[str | None, typer.Option(help="Only these roles or controls: sshd,VB-FWL-001")] = None,
    drift_only: Annotated[
        bool, typer.Option("--drift-only", help="Verify first; then only hosts and roles where something differs.")
    ] = False,
    waves: Annotated[str, typer.Option(help="Sizes of the waves; the last one is repeated.")] = "1,10,rest",
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not verify the waves.")] = False,
    threshold: Annotated[int, typer.Option(min=0, help="Controls a host may fail before its wave is bad.")] = 0,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a run: its id, or 'last'.")] = None,
    yes_all: Annotated[bool, typer.Option("--all", help="Really all hosts of all tenants.")] = False,
) -> None:
    """Roll the standard out: one canary host, then the rest in waves; each wave is verified before the next.

    Stops at the first wave that is not good and says which host failed where. The record is kept in .verbund/runs.
    --drift-only costs a fleet that is in order one verification: a role runs where one of its controls is not met, or
    where it or its variables changed since it was applied from here.
    Ctrl-C lets the tasks that are running finish; twice stops at once.
    """
    from verbund import intent as intents
    from verbund.errors import ExitCode, UsageError
    from verbund.project import Project
    from verbund.rollout import Application, Ledger, Options, Runs, rerun, settle

    project = Project.find()
    filters = {"tenant": tenant, "site": site, "room": room, "profile": profile}
    terms = [f"{kind}:{name}" for kind, name in filters.items() if name]
    if resume and (limit or terms or tags or check or drift_only):
        raise UsageError(
            "--resume goes on with what the run was started with",
            "leave out the selection, --tags, --check and --drift-only",
        )
    if drift_only and tags:
        raise UsageError("--drift-only finds out itself which roles are needed", "leave out --tags")
    if not (resume or limit or terms or yes_all):
        raise UsageError(
            "no hosts are selected", "use --limit, --tenant, --site, --room or --profile; --all means every host"
        )
    chosen_tags = known_tags(project, tags)
    intent = intents.load(project.inventory)
    runs = Runs(project.state / "runs")
    watcher = Terminal()
    verify = verifier(project, intent, watcher)
    ledger = Ledger(project.root, project.state / "applied")
    if resume:
        hosts = []
    else:
        hosts = select(intent, limit, terms, project)
        ledger.look([host.name for host in hosts])
    unreached = False
    if drift_only:
        hosts, chosen_tags, unreached = drifted(project, intent, hosts, ledger, watcher)
    options = Options(
        limit=" & ".join([*([limit] if limit else []), *terms]) or None,
        waves=waves,
        tags=chosen_tags,
        check=check,
        verify=not no_verify,
        threshold=threshold,
        command=("verbund", *sys.argv[1:]),
    )
    for lost in settle(runs):
        tell_cut_off(lost, resumed=resume in {lost.id, "last"})
    if resume:
        application = rerun(project.root, runs, intent, runs.load(resume), options, verify, watcher)
        ledger.look(list(application.hosts))
    else:
        application = Application.new(project.root, runs, intent, hosts, options, verify, watcher)
    application.ledger = ledger
    output.print(
        f"run {application.record.id}: {len(application.hosts)} hosts in {len(application.record.waves)} waves, "
        f"release {application.record.release}{', dry run' if application.options.check else ''}",
        markup=False,
        soft_wrap=True,
    )
    code = application.run()
    tell_end(application, code)
    raise typer.Exit(ExitCode.UNREACHABLE if unreached and code is ExitCode.GOOD else code)


def drifted(
    project: Project, intent: Intent, hosts: Sequence[Host], ledger: Ledger, watcher: Watcher
) -> tuple[list[Host], tuple[str, ...], bool]:
    """Verify hosts and find out which of them need which roles.

    Args:
        project: the project.
        intent: the loaded intent.
        hosts: selected hosts.
        ledger: has looked at them.
        watcher: told about each host.

    Returns:
        The hosts that need something, the roles they need together, and whether a host could not be asked.

    Raises:
        typer.Exit: no host that could be asked needs anything; with the exit code of the verification.
    """
    from verbund.baseline.controls import require_controls
    from verbund.baseline.verify import exit_code
    from verbund.rollout.drift import drift

    results = verified(project, intent, hosts, " ".join(["verbund", *sys.argv[1:]]), watcher.note)
    role_of = {entry.control.id: entry.role for entry in require_controls(project.roles)}
    needed = drift(results, role_of, ledger)
    for name, roles in needed.items():
        if roles:
            watcher.note(f"{name} needs {', '.join(sorted(roles))}")
    for host in results.hosts:
        if host.error:
            errors.print(safe(f"{host.host}: could not be asked: {host.error}"), markup=False, soft_wrap=True)
    wanted = set().union(*needed.values())
    if not wanted:
        output.print(f"nothing to do on {len(needed)} of {len(hosts)} hosts", markup=False)
        raise typer.Exit(exit_code(results))
    tags = tuple(role for role in ledger.roles() if role in wanted)
    return [host for host in hosts if needed.get(host.name)], tags, len(needed) < len(hosts)


def known_tags(project: Project, tags: str | None) -> tuple[str, ...]:
    """The roles and controls that ``--tags`` names; Ansible would run nothing for an unknown one and call it good.

    Args:
        project: whose roles and controls there are.
        tags: what was given, separated by commas; None where nothing was.

    Raises:
        UsageError: a tag is neither a role nor a control, or the option is empty.
    """
    if tags is None:
        return ()
    from verbund.baseline.controls import load_controls
    from verbund.errors import UsageError
    from verbund.intent.compile import nearest

    chosen = tuple(part.strip() for part in tags.split(",") if part.strip())
    if not chosen:
        raise UsageError("--tags is empty", "write for example: --tags sshd,VB-FWL-001")
    entries, _ = load_controls(project.roles)
    known = {entry.role for entry in entries} | {entry.control.tag for entry in entries}
    for tag in chosen:
        if tag not in known:
            raise UsageError(f"--tags: there is no role or control '{tag}'", nearest(tag, known))
    return chosen


def select(intent: Intent, limit: str | None, terms: Sequence[str], project: Project) -> list[Host]:
    """Hosts that match the limit and every further term, in the order of the intent.

    Args:
        intent: the loaded intent.
        limit: as ``intent.select`` understands it; None is all.
        terms: like ``site:grundschule``; each narrows the selection.
        project: whose running lab the term ``lab`` means.

    Raises:
        UsageError: something is unknown, or together they select nothing.
    """
    from verbund.errors import UsageError
    from verbund.inventory.connection import Connections

    hosts = intent.select(limit, {"lab": Connections.load(project.state).lab})
    for term in terms:
        names = {host.name for host in intent.select(term)}
        hosts = [host for host in hosts if host.name in names]
    if not hosts:
        raise UsageError(
            f"no host matches {' and '.join([*([limit] if limit else []), *terms])}",
            "the filters narrow each other; see the hosts with: ansible-inventory --graph",
        )
    return hosts


def verifier(project: Project, intent: Intent, watcher: Watcher) -> Verify:
    """What verifies a wave: the baseline's checks, the same as ``verbund verify``.

    Args:
        project: the project.
        intent: the loaded intent.
        watcher: told which hosts are done.
    """

    def verify(hosts: Sequence[Host]) -> dict[str, Check]:
        from verbund.baseline.results import Verdict
        from verbund.rollout import Check

        results = verified(project, intent, hosts, " ".join(["verbund", *sys.argv[1:]]), watcher.note)
        return {
            host.host: Check(
                not_met=[item.control for item in host.results if item.verdict is Verdict.NOT_MET],
                not_verified=host.error,
            )
            for host in results.hosts
        }

    return verify


def verified(
    project: Project, intent: Intent, hosts: Sequence[Host], command: str, note: Callable[[str], None]
) -> Results:
    """Verify hosts and keep the result file.

    Args:
        project: the project.
        intent: the loaded intent.
        hosts: which.
        command: the command line, for the result file.
        note: told about each host.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was fetched is kept.
    """
    from datetime import UTC, datetime

    from verbund.baseline.target import targets_of
    from verbund.baseline.verify import Verification, counts, store
    from verbund.errors import Interrupted
    from verbund.inventory.connection import Connections
    from verbund.inventory.variables import effective

    def told(step: Step) -> None:
        found = ", ".join(f"{number} {verdict.value}" for verdict, number in sorted(counts(step.result).items()))
        note(f"{step.result.host} ({step.done}/{step.total}): {step.result.error or found}")

    today = datetime.now(UTC).astimezone().date()
    verification = Verification(
        root=project.root,
        targets=targets_of(hosts, effective(project.root, intent, hosts, Connections.load(project.state))),
        release=intent.standard.release,
        deviations={host.name: intent.deviations_for(host, today) for host in hosts},
        state=project.state,
        command=command,
        progress=told,
    )
    try:
        results = verification.run()
    except Interrupted as stop:
        raise KeyboardInterrupt from stop
    store(results, project.state / "results")
    return results


def tell_end(application: Application, code: ExitCode) -> None:
    """Say how a run ended, what is wrong and how to go on.

    Args:
        application: the run.
        code: what it returned.
    """
    from verbund.errors import ExitCode

    record = application.record
    for line in application.failures():
        errors.print(safe(line), markup=False, soft_wrap=True)
    counted: dict[str, int] = {}
    for wave in record.waves:
        for host in wave.hosts.values():
            counted[host.outcome.value] = counted.get(host.outcome.value, 0) + 1
    summary = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counted.items()))
    folder = os.path.relpath(application.runs.path(record.id))
    output.print(
        f"run {record.id} is {record.status.value}: {summary}; record and logs: {folder}", markup=False, soft_wrap=True
    )
    if code is not ExitCode.GOOD:
        first = "interrupted; go on" if code is ExitCode.INTERRUPTED else "put the cause right, then go on"
        output.print(
            f"{first} with the hosts that are left: verbund apply --resume {record.id}",
            markup=False,
            soft_wrap=True,
        )


def tell_cut_off(record: RunRecord, *, resumed: bool) -> None:
    """Say what became of a run whose process was killed.

    Args:
        record: its settled record.
        resumed: this very command goes on with it.
    """
    from verbund.rollout import Outcome

    middle = [n for wave in record.waves for n, host in wave.hosts.items() if host.outcome is Outcome.UNKNOWN]
    shown = ", ".join(middle[:5]) + (f" and {len(middle) - 5} more" if len(middle) > 5 else "")
    hint = "" if resumed else f"\n    hint: go on with the hosts that are left: verbund apply --resume {record.id}"
    errors.print(
        safe(f"run {record.id} of {record.operator}, begun {record.started.astimezone():%Y-%m-%d %H:%M}, was cut off: ")
        + (f"it was in the middle of {shown}, whose state is unknown until it is applied again" if middle else "")
        + ("" if middle else f"it was in the middle of no host; {len(record.remaining())} hosts are left")
        + hint,
        markup=False,
        soft_wrap=True,
    )


class Terminal:
    """Progress as lines: one per wave and task, one per host that changes or fails."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def wave(self, number: int, total: int, hosts: Sequence[str], log: Path) -> None:
        """A wave begins."""
        names = ", ".join(hosts[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")
        self._line(f"wave {number} of {total}: {names}   (log: {os.path.relpath(log)})")

    def event(self, event: Event) -> None:
        """A task began, or ended on a host."""
        match event.kind:
            case "task":
                # Ansible checks each role's arguments in a task of its own; that is news only when it fails.
                if "Validating arguments against arg spec" not in event.task:
                    self._line(f"  {event.task}")
            case "changed":
                self._line(f"    {event.host}: changed" + "".join(f"; {a}" for a in event.data.get("actions", [])[:3]))
            case "stopping":
                self._line(f"  stopping: {event.message}")
            case "failed" | "unreachable" | "ignored":
                self._line(f"    {event.host}: {event.kind}: {event.message}")
            case _:
                pass

    def note(self, text: str) -> None:
        """Something else worth a line."""
        self._line(f"  {text}")

    def _line(self, text: str) -> None:
        seconds = int(time.monotonic() - self._start)
        stamp = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        output.print(safe(f"{stamp}  {text}"), markup=False, soft_wrap=True)
