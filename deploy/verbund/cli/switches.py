# SPDX-License-Identifier: EUPL-1.2
"""The commands that contact switches: push, verify, backup, rollback, and the difference to what one runs now."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verbund.cli.console import errors, output, safe

if TYPE_CHECKING:
    from verbund.errors import ExitCode
    from verbund.network.push.campaign import Place, Run
    from verbund.network.push.endpoints import Endpoint
    from verbund.network.push.engine import Options, Result, Task
    from verbund.network.push.secrets import Secrets
    from verbund.network.push.store import Store
    from verbund.network.structured import DeviceConfig
    from verbund.network.topology import Switch

Limit = Annotated[
    str | None,
    typer.Option("--limit", "-l", help="Switches: names, globs, tenant:T, site:S; a,b means both."),
]
Everything = Annotated[bool, typer.Option("--all", help="Really all switches of all tenants.")]
SecretsFile = Annotated[
    Path | None,
    typer.Option("--secrets", help="YAML, name: secret; private (0600) or encrypted by ansible-vault."),
]
User = Annotated[
    str | None, typer.Option("--user", help="Log in as; password: secret login/USER. Default: the emergency login.")
]
Workers = Annotated[int, typer.Option(min=1, max=200, help="Switches at a time.")]
PerSite = Annotated[int, typer.Option(min=1, max=50, help="Switches of one site at a time.")]
Timeout = Annotated[
    float, typer.Option(min=1, max=600, help="Seconds without an answer after which a session is lost.")
]
Minutes = Annotated[int, typer.Option(min=2, max=60, help="After these a switch takes back what nobody confirmed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read, compare and show; change nothing.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Also what the plan linter refuses, where the switch's own timer brings it back."),
]
SaveFirst = Annotated[
    bool, typer.Option("--save-first", help="Save what runs unsaved on switches whose only way back is a restart.")
]


@dataclass
class Selection:
    """The switches that a command is about, and what is needed to reach them."""

    limit: str | None
    everything: bool
    secrets_file: Path | None = None
    user: str | None = None
    timeout: float = 30.0

    def __post_init__(self) -> None:
        from verbund.errors import UsageError
        from verbund.network.push import endpoints
        from verbund.project import Project

        if not self.limit and not self.everything:
            raise UsageError("no switches are selected", "use --limit; --all means every switch")
        self.project = Project.find()
        self._lab: dict[str, Endpoint] | None = endpoints.lab()
        self._configs: dict[str, DeviceConfig] = {}
        self.switches: dict[str, tuple[str, Switch]] = {}
        self._load()

    def _load(self) -> None:
        from verbund.errors import UsageError
        from verbund.intent import load
        from verbund.intent.compile import nearest
        from verbund.network import checks
        from verbund.network import compile as compiling
        from verbund.network.platforms import PLATFORMS
        from verbund.network.reachability import Model

        model = Model.of(load(self.project.inventory))
        checks.demand(model)
        known = {switch.host: (site, switch) for site in model.network.sites for switch in site.switches}
        words = {word for site in model.network.sites for word in (site.key, site.name, site.short)}
        chosen: dict[str, None] = {}
        for term in [part.strip() for part in (self.limit or "*").split(",") if part.strip()]:
            kind, _, value = term.partition(":")
            found = [
                host
                for host, (site, _) in known.items()
                if fnmatch.fnmatchcase(host, term)
                or term in {site.key, site.name, site.short}
                or (kind == "site" and value in {site.key, site.name, site.short})
                or (kind == "tenant" and value == site.tenant)
            ]
            if not found:
                raise UsageError(f"--limit: there is no switch and no site '{term}'", nearest(term, words | set(known)))
            chosen.update(dict.fromkeys(found))
        for key in dict.fromkeys(known[host][0].key for host in chosen):
            self._configs.update({config.name: config for config in compiling.configs(model, site=key)})
        for host in chosen:
            site, switch = known[host]
            if PLATFORMS[switch.platform].cli:
                self.switches[host] = (site.key, switch)
            else:
                errors.print(
                    safe(f"{host}: {PLATFORMS[switch.platform].title} is rolled out as a host, with verbund apply"),
                    markup=False,
                    soft_wrap=True,
                )
        if not self.switches:
            raise UsageError("no switch with a command line is selected", "see verbund net render SITE")
        if self._lab is not None and (strange := sorted(set(self.switches) - set(self._lab))):
            raise UsageError(
                f"test switches stand in for the real ones, and there is none for {', '.join(strange[:3])}",
                "limit the command to the running test switches, or unset VERBUND_SWITCHES",
            )

    @cached_property
    def secrets(self) -> Secrets:
        """Resolves names of secrets."""
        from verbund.network.push.secrets import Secrets

        usual = self.project.state / "network" / "secrets.yml"
        return Secrets(self.secrets_file or (usual if usual.is_file() else None))

    @cached_property
    def store(self) -> Store:
        """Backups and journals; those of test switches apart from those of real ones."""
        from verbund.network.push.store import Store

        return Store(self.project.state / ("network" if self._lab is None else "lab-network"))

    def places(self) -> list[Place]:
        """The switches with their distance from the gateway."""
        from verbund.network.push.campaign import Place

        return [Place(host, site, switch.hops or 0) for host, (site, switch) in self.switches.items()]

    def config(self, name: str) -> DeviceConfig:
        """What a switch shall be."""
        return self._configs[name]

    def task(self, name: str) -> Task:
        """What has to be done at a switch."""
        from verbund.network import render
        from verbund.network.push.engine import Task
        from verbund.network.push.terminal import Login

        site, switch = self.switches[name]
        config = self._configs[name]
        management = config.management
        if self._lab is not None:
            place = self._lab[name]
            host, port, keys = place.host, place.port, place.host_keys or ()
            user, password = place.user or "admin", place.password or ""
        else:
            host, port, keys = str(management.address4.ip), 22, switch.host_keys
            user = self.user or management.admin.name
            password = self.secrets(f"login/{self.user}" if self.user else management.admin.secret)
        return Task(
            Login(name, switch.platform, host, port, user, password, keys, switch.legacy, seconds=self.timeout),
            site,
            render.render(config, self.project.root).text,
            management,
        )


class Lines:
    """Progress as lines that also read well in a log file."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shown: set[str] = set()

    def step(self, name: str, text: str) -> None:
        """Something is being done at a switch."""
        from verbund.network.push.engine import CHANGES

        if text.startswith(CHANGES):
            self._shown.add(name)
        self._line(f"{name}: {text}" if name else text)

    def done(self, name: str, result: Result, number: int, total: int) -> None:
        """A switch is done."""
        from verbund.network.push.engine import GOOD, Outcome

        for remark in result.remarks:
            errors.print(safe(f"{name}: {remark}"), markup=False, soft_wrap=True)
        if result.difference and name not in self._shown:
            output.print(safe(result.difference.rstrip("\n")), markup=False, soft_wrap=True)
        lines = f", {result.commands} commands" if result.commands else ""
        self._line(f"{name} ({number}/{total}): {result.outcome.value}{lines}")
        if result.outcome not in GOOD | {Outcome.DIFFERS} and result.detail:
            errors.print(safe(f"{name}: {result.detail}"), markup=False, soft_wrap=True)

    def _line(self, text: str) -> None:
        seconds = int(time.monotonic() - self._start)
        stamp = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        output.print(safe(f"{stamp}  {text}"), markup=False, soft_wrap=True)


def push(
    *,
    limit: Limit = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    force: Force = False,
    minutes: Minutes = 10,
    save_first: SaveFirst = False,
    rewrite_secrets: Annotated[
        bool, typer.Option("--rewrite-secrets", help="Send also the lines whose secrets cannot be read back.")
    ] = False,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a push: its id, or 'last'.")] = None,
    secrets: SecretsFile = None,
    user: User = None,
    workers: Workers = 20,
    per_site: PerSite = 4,
    timeout: Timeout = 30.0,
) -> None:
    """Bring switches to what they shall be, so that nobody is cut off: those farthest from the gateway first.

    Each switch: backup, difference, plan linter; its own rollback timer is armed; line by line; a new connection reads
    again; only when nothing differs it is confirmed and saved, else it is brought back. Ctrl-C lets switches that were
    begun come to an end; twice stops at once, and what was not confirmed is taken back by the timers.

    For example:
      verbund net push --limit ggs-sw1 --dry-run

      verbund net push --limit grundschule
    """
    chosen: dict[str, bool | int] = {
        "dry_run": dry_run, "force": force, "minutes": minutes, "save_first": save_first,
        "rewrite_secrets": rewrite_secrets,
    }  # fmt: skip
    _campaign(
        "push", chosen, limit=limit, everything=everything, resume=resume, secrets=secrets, user=user, timeout=timeout,
        workers=workers, per_site=per_site,
    )  # fmt: skip


def rollback(
    *,
    limit: Limit = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    force: Force = False,
    minutes: Minutes = 10,
    save_first: SaveFirst = False,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a rollback: its id, or 'last'.")] = None,
    secrets: SecretsFile = None,
    user: User = None,
    workers: Workers = 20,
    per_site: PerSite = 4,
    timeout: Timeout = 30.0,
) -> None:
    """Bring switches back to what they ran before their last push, as carefully as they were brought there.

    For example:
      verbund net rollback --limit ggs-sw1
    """
    chosen: dict[str, bool | int] = {
        "dry_run": dry_run, "force": force, "minutes": minutes, "save_first": save_first
    }  # fmt: skip
    _campaign(
        "rollback", chosen, limit=limit, everything=everything, resume=resume, secrets=secrets, user=user,
        timeout=timeout, workers=workers, per_site=per_site,
    )  # fmt: skip


def _campaign(
    action: str,
    chosen: dict[str, bool | int],
    *,
    limit: str | None,
    everything: bool,
    resume: str | None,
    secrets: Path | None,
    user: str | None,
    timeout: float,
    workers: int,
    per_site: int,
) -> None:
    from verbund.errors import Interrupted, UsageError
    from verbund.network.push import engine
    from verbund.network.push.campaign import Campaign, Runs
    from verbund.network.push.endpoints import lab
    from verbund.project import Project

    state = Project.find().state / ("network" if lab() is None else "lab-network")
    runs = Runs(state / "runs")
    run: Run | None = None
    if resume:
        if limit or everything or chosen["dry_run"]:
            raise UsageError("--resume goes on with what was begun", "leave out the selection and --dry-run")
        run = runs.load(resume)
        if run.action != action:
            raise UsageError(f"{run.id} is a {run.action}", f"go on with: verbund net {run.action} --resume {run.id}")
        left = run.remaining()
        if not left:
            output.print(f"{run.id}: nothing is left to do", markup=False)
            return
        limit = ",".join(left)
    selection = Selection(limit, everything, secrets, user, timeout)
    if run is None:
        run = runs.new(action, selection.places())
    lines = Lines()
    work = engine.push if action == "push" else engine.take_back

    def one(task: Task, say: Callable[[str], None]) -> Result:
        return work(task, options, selection.secrets, selection.store, say)

    dry = bool(chosen["dry_run"])
    campaign = Campaign(run, None if dry else runs, selection.task, one, lines, workers=workers, per_site=per_site)
    options: Options = engine.Options(**chosen, pause=campaign.pause)  # type: ignore[arg-type]
    output.print(
        f"{action} {run.id}: {len(selection.switches)} switches{', dry run' if dry else ''}",
        markup=False,
        soft_wrap=True,
    )
    try:
        code = campaign.go()
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped at once: what was not confirmed is taken back by the switches' own timers",
            f"see how they are with verbund net verify, go on with: verbund net {action} --resume {run.id}",
        ) from None
    if not dry:
        selection.store.commit(f"{action} {run.id}")
    _summary(run, action, code, dry=dry)


def _summary(run: Run, action: str, code: ExitCode, *, dry: bool) -> None:
    from verbund.errors import ExitCode

    counted: dict[str, int] = {}
    for done in run.switches.values():
        counted[done.outcome.value] = counted.get(done.outcome.value, 0) + 1
    output.print(
        f"{action} {run.id}: " + ", ".join(f"{number} {name}" for name, number in sorted(counted.items())),
        markup=False,
        soft_wrap=True,
    )
    if code is not ExitCode.GOOD and not dry:
        output.print(f"go on with what is left: verbund net {action} --resume {run.id}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def backup(
    *,
    limit: Limit = None,
    everything: Everything = False,
    secrets: SecretsFile = None,
    user: User = None,
    workers: Workers = 20,
    per_site: PerSite = 4,
    timeout: Timeout = 30.0,
) -> None:
    """Keep what switches run, without secrets, in git: .verbund/network/backups, laid out as Oxidized does it.

    For example:
      verbund net backup --all
    """
    selection = Selection(limit, everything, secrets, user, timeout)

    def one(task: Task, _: Callable[[str], None]) -> Result:
        from verbund.network.push.engine import Outcome, Result, read

        before = selection.store.backup_path(task.site, task.name)
        old = before.read_text(encoding="utf-8") if before.is_file() else None
        read(task, selection.store)
        new = old != before.read_text(encoding="utf-8")
        return Result(Outcome.CHANGED if new else Outcome.SAME)

    code = _look("backup", selection, one, workers, per_site)
    selection.store.commit("backup")
    raise typer.Exit(code)


def verify(
    *,
    limit: Limit = None,
    everything: Everything = False,
    secrets: SecretsFile = None,
    user: User = None,
    workers: Workers = 20,
    per_site: PerSite = 4,
    timeout: Timeout = 30.0,
) -> None:
    """Whether switches run and have saved what they shall be, and which controls they do not meet. Nothing is changed.

    For example:
      verbund net verify --limit grundschule
    """
    selection = Selection(limit, everything, secrets, user, timeout)

    def one(task: Task, _: Callable[[str], None]) -> Result:
        from verbund.network import controls, diff
        from verbund.network.push.engine import Outcome, Result, read

        running, saved = read(task, selection.store)
        plan = diff.plan(task.platform, running, task.wanted)
        verdicts = controls.judge(selection.config(task.name), running, selection.project.root)
        missed = [verdict for verdict in verdicts if verdict.outcome == "not met"]
        remarks = [f"{verdict.control} is not met: {'; '.join(verdict.evidence[:3])}" for verdict in missed]
        unsaved = not diff.plan(task.platform, saved, running).empty
        if unsaved:
            remarks.append("runs changes that nobody saved: a restart would lose them")
        met = sum(verdict.outcome == "met" for verdict in verdicts)
        remarks.append(f"{met} controls met, {len(missed)} not met")
        bad = bool(missed) or unsaved or not plan.empty
        return Result(
            Outcome.FAILED if bad else Outcome.SAME, "it is not what it shall be" if bad else "", plan.difference,
            len(plan.commands), remarks,
        )  # fmt: skip

    raise typer.Exit(_look("verify", selection, one, workers, per_site))


def _look(
    action: str,
    selection: Selection,
    one: Callable[[Task, Callable[[str], None]], Result],
    workers: int,
    per_site: int,
) -> ExitCode:
    """Something that changes nothing, so that no switch has to wait for another one."""
    from verbund.errors import UnreachableError
    from verbund.network.push.campaign import Campaign, Place, Runs
    from verbund.network.push.engine import Outcome, Result
    from verbund.network.push.terminal import SessionLostError

    def careful(task: Task, say: Callable[[str], None]) -> Result:
        try:
            return one(task, say)
        except (UnreachableError, SessionLostError) as error:
            return Result(Outcome.UNREACHABLE, selection.secrets.scrub(str(error)))

    places = [Place(place.name, place.site, 0) for place in selection.places()]
    run = Runs(selection.store.directory / "runs").new(action, places)
    campaign = Campaign(run, None, selection.task, careful, Lines(), workers=workers, per_site=per_site, go_on=True)
    return campaign.go()


def running_of(name: str, user: str | None, secrets: Path | None) -> str:
    """What a switch runs now.

    Args:
        name: of the switch.
        user: login name, or None for the emergency login.
        secrets: file of secrets, or None.
    """
    from verbund.network.push.terminal import Terminal

    selection = Selection(name, everything=False, secrets_file=secrets, user=user)
    with Terminal(selection.task(name).login) as terminal:
        return terminal.running()


def register(net: typer.Typer) -> None:
    """Add this module's commands to ``verbund net``."""
    for command in (push, verify, backup, rollback):
        net.command()(command)
