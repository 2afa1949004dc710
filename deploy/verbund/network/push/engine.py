# SPDX-License-Identifier: EUPL-1.2
"""One switch, from its backup to the saved new configuration, or back to where it was.

read, keep a backup -> compare -> plan linter -> arm the device's own way back -> type line by line -> leave ->
*new* connection -> read again, nothing may differ -> confirm -> save -> read what was saved.

Whatever goes wrong between arming and confirming leads back: by the device's own copy, by the computed inverse, or by
its timer. At no moment a configuration that was not proven over a new connection is one that a restart would bring.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from verbund.errors import UnreachableError, VerbundError
from verbund.network import diff, linter
from verbund.network.platforms import PLATFORMS
from verbund.network.push import ways
from verbund.network.push.store import BusyError, Journal
from verbund.network.push.terminal import RefusedError, SessionLostError, Terminal

if TYPE_CHECKING:
    from verbund.network.push.secrets import Secrets
    from verbund.network.push.store import Stage, Store
    from verbund.network.push.terminal import Login
    from verbund.network.push.ways import Way
    from verbund.network.structured import Management, PlatformName

_SAVE_FAILED = re.compile(
    r"\b(?:fail(?:ed|ure)?|not (?:have )?enough|no space|full|cannot|unable|error|denied)\b", re.IGNORECASE
)
CHANGES = "changes:"
"""How the step begins that shows what will be changed."""
_ATTEMPTS = 3
_RETRY_SECONDS = 5.0
_BOOT_SECONDS = 600.0
"""How long a switch may take from its restart until it answers; large ones with PoE take five minutes."""


class Outcome(StrEnum):
    """What became of a switch."""

    PENDING = "pending"
    SAME = "same"
    DIFFERS = "differs"
    CHANGED = "changed"
    REFUSED = "refused"
    TAKEN_BACK = "taken back"
    NOT_SAVED = "not saved"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_RUN = "not run"


GOOD = frozenset({Outcome.SAME, Outcome.CHANGED})


@dataclass(frozen=True, slots=True)
class Options:
    """How switches are pushed.

    Args:
        dry_run: read and compare only.
        force: also what the plan linter refuses, where the device's own timer brings it back.
        minutes: after which an unconfirmed change is taken back, 2 to 60.
        save_first: save what runs and was not saved, where only a restart is the way back.
        rewrite_secrets: send also the lines whose secrets cannot be read back.
        pause: waits for some seconds and tells whether the run shall stop.
    """

    dry_run: bool = False
    force: bool = False
    minutes: int = 10
    save_first: bool = False
    rewrite_secrets: bool = False
    pause: Callable[[float], bool] = lambda _: True


@dataclass(slots=True)
class Result:
    """What was done to a switch.

    Args:
        outcome: how it ended.
        detail: why, for people; without secrets.
        difference: what differed, line by line.
        commands: how many lines the plan had.
        remarks: findings beside: lines that are not managed, a missing archive, old SSH.
    """

    outcome: Outcome
    detail: str = ""
    difference: str = ""
    commands: int = 0
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Task:
    """A switch and what it shall be.

    Args:
        login: how it is reached.
        site: ``tenant/site``.
        wanted: the rendered configuration.
        management: how it shall be reached afterwards.
    """

    login: Login
    site: str
    wanted: str
    management: Management

    @property
    def name(self) -> str:
        """The name of the switch."""
        return self.login.name

    @property
    def platform(self) -> PlatformName:
        """Its system."""
        return self.login.platform


def push(
    task: Task, options: Options, secrets: Secrets, store: Store, say: Callable[[str], None] = lambda _: None
) -> Result:
    """Bring one switch to what it shall be.

    Args:
        task: the switch.
        options: how.
        secrets: gives the secrets of lines.
        store: backups and journal.
        say: told about each step.

    Returns:
        How it ended; nothing is raised for what a device or its network does.
    """
    work = _Work(task, options, secrets, store, say)
    result: Result
    try:
        with store.claim(task.name):
            result = work.run()
    except BusyError as error:
        result = Result(Outcome.NOT_RUN, str(error))
    except (UnreachableError, SessionLostError) as error:  # before anything was changed; later ones lead back
        result = Result(Outcome.UNREACHABLE, str(error))
    except VerbundError as error:
        result = Result(Outcome.FAILED, str(error))
    result.remarks = [*work.remarks, *result.remarks]
    result.detail = secrets.scrub(result.detail)
    if work.plan is not None:
        result.difference, result.commands = secrets.scrub(work.plan.difference), len(work.plan.commands)
    return result


def read(task: Task, store: Store) -> tuple[str, str]:
    """Read a switch and keep its backup.

    Returns:
        The running and the saved configuration.

    Raises:
        VerbundError: it cannot be read.
    """
    with Terminal(task.login) as terminal:
        running, saved = terminal.running(), terminal.saved()
    store.backup(task.site, task.name, running)
    return running, saved


class _Work:
    def __init__(
        self, task: Task, options: Options, secrets: Secrets, store: Store, say: Callable[[str], None]
    ) -> None:
        self.task = task
        self.options = options
        self.secrets = secrets
        self.store = store
        self.say = say
        self.plan: diff.Plan | None = None
        self.remarks: list[str] = []
        if task.login.legacy:
            self.remarks.append("speaks only old SSH algorithms (ssh_profile: legacy)")

    # -- the way there ---------------------------------------------------------------------------------------------

    def run(self) -> Result:
        task = self.task
        journal = None if self.options.dry_run else self.store.journal(task.name)
        if journal and (result := self._go_on(journal)):
            return result
        with Terminal(task.login) as terminal:
            before = terminal.running()
            self.store.backup(task.site, task.name, before)
            plan = self.plan = diff.plan(
                task.platform, before, task.wanted, secrets=self.options.rewrite_secrets and not self.options.dry_run
            )
            self.remarks += [f"not managed, left alone: {self.secrets.scrub(line)}" for line in plan.foreign]
            if plan.empty:
                return Result(Outcome.SAME)
            if refused := self._lint(plan, before, terminal.controller):
                return refused
            lines = plan.lines(self.secrets)
            if self.options.dry_run:
                return Result(Outcome.DIFFERS)
            self.say(f"{CHANGES}\n{self.secrets.scrub(plan.difference)}".rstrip("\n"))
            self.store.keep_before(task.name, before)
            armed = self._arm(terminal, before)
            return armed if isinstance(armed, Result) else self._change(terminal, lines, before, armed)

    def _lint(self, plan: diff.Plan, before: str, controller: str | None) -> Result | None:
        found = linter.lint(plan, before, self.task.management, controller=controller)
        if not found:
            return None
        timed = ways.choices(self.task.platform)[0] != "none"
        listed = "\n".join(f"    {finding}" for finding in found[:5])
        if len(found) > 5:
            listed += f"\n    and {len(found) - 5} more"
        if self.options.force and timed:
            self.remarks.append(f"pushed although the plan linter refuses it:\n{listed}")
            return None
        hint = (
            "change the site file in two steps: first build the new way, then take the old one away"
            if timed
            else "this device has no timer that brings it back, so --force does not hold here"
        )
        return Result(Outcome.REFUSED, f"the plan linter refuses:\n{listed}\n    hint: {hint}")

    def _arm(self, terminal: Terminal, before: str) -> Way | Result:
        """Arm the best way back that the device has, or say why nothing was begun."""
        task = self.task
        trouble = ""
        for kind in ways.choices(task.platform):
            way = ways.Way(kind, self.options.minutes)
            if way.restarts and self._unsaved(terminal, before):
                if not self.options.save_first:
                    self.store.settle(task.name)
                    return Result(
                        Outcome.REFUSED,
                        "it runs changes that nobody saved; the only way back of this device is a restart, which would "
                        "lose them\n    hint: save or drop them at the device, or use --save-first",
                    )
                self._save(terminal)
            self.say(f"arming {way.kind}, {way.minutes} minutes" if way.timed else "no timer: nothing is saved yet")
            self._note("arming", way)
            try:
                ways.prepare(terminal, way, before)
                ways.arm(terminal, way)
            except RefusedError as error:
                trouble = str(error)
                terminal.leave()
                ways.tidy(terminal, before)
                self.remarks.append(f"has no {way.kind}: {error.answer}")
            except ways.PendingError as error:
                self.store.settle(task.name)
                return Result(Outcome.FAILED, f"nothing was changed: {error}")
            except SessionLostError as error:
                return self._back(before, way, str(error))
            else:
                return way
        self.store.settle(task.name)
        return Result(Outcome.FAILED, f"nothing was changed, for there would be no way back: {trouble}")

    def _unsaved(self, terminal: Terminal, running: str) -> bool:
        return not diff.rollback(self.task.platform, terminal.saved(), running).empty

    def _change(self, terminal: Terminal, lines: list[str], before: str, way: Way) -> Result:
        self.say(f"{len(lines)} lines")
        try:
            terminal.configure()
            for line in lines:
                terminal.order(line)
            terminal.leave()
        except (RefusedError, SessionLostError) as error:
            terminal.close()
            return self._back(before, way, str(error))
        self._note("pushed", way)
        terminal.close()
        return self._prove(before, way)

    def _prove(self, before: str, way: Way) -> Result:
        """Over a new connection: nothing differs any more, then confirm and save."""
        task = self.task
        self.say("reading again over a new connection")
        why = ""
        for _ in range(_ATTEMPTS):
            try:
                with Terminal(task.login) as terminal:
                    left = diff.plan(task.platform, terminal.running(), task.wanted)
                    if left.empty:
                        ways.disarm(terminal, way)
                        self._note("confirmed", way)
                        return self._keep(terminal)
                    why = f"after the push it still differs:\n{self.secrets.scrub(_short(left.difference))}"
                    break
            except (RefusedError, SessionLostError) as error:
                why = f"it could not be confirmed over a new connection: {error}"
                break
            except UnreachableError as error:  # it may take a moment until it has forgotten the session before
                why = f"it could not be confirmed over a new connection: {error}"
                if self.options.pause(_RETRY_SECONDS):
                    break
        return self._back(before, way, why)

    def _keep(self, terminal: Terminal) -> Result:
        """Save what is proven and confirmed, and look whether it was saved."""
        task = self.task
        self.say("saving")
        try:
            self._save(terminal)
            saved = terminal.saved()
        except (RefusedError, SessionLostError) as error:
            return Result(Outcome.NOT_SAVED, f"it runs the new configuration, but did not save it: {error}")
        if not diff.plan(task.platform, saved, task.wanted).empty:
            return Result(Outcome.NOT_SAVED, "it runs the new configuration, but its saved one is another")
        self.store.settle(task.name)
        with suppress(VerbundError):  # it is done; a backup that fails now is made by the next command
            self.store.backup(task.site, task.name, terminal.running())
        return Result(Outcome.CHANGED)

    def _save(self, terminal: Terminal) -> None:
        terminal.leave()
        for line in PLATFORMS[self.task.platform].save:
            said = terminal.order(
                line,
                answers=((r"filename \[", "\n"), (r"y/n", "y\n"), (r"\[confirm\]", "\n")),
                seconds=terminal.login.save_seconds,
            )
            if _SAVE_FAILED.search(said):
                raise RefusedError(line, said.strip().split("\n")[-1])

    # -- the way back ----------------------------------------------------------------------------------------------

    def _back(self, before: str, way: Way, why: str) -> Result:
        """Return to what ran before: at once where a connection can be had, else when the device's timer rings."""
        task = self.task
        self.say("going back")
        trouble = ""
        for attempt in range(_ATTEMPTS):
            try:
                if self._undo(before, way, first=attempt == 0):
                    self.store.settle(task.name)
                    return Result(Outcome.TAKEN_BACK, f"{why}\nit runs again what it ran before")
                trouble = "the inverse commands did not bring everything back"
            except (RefusedError, SessionLostError, UnreachableError) as error:
                trouble = str(error)
            if self.options.pause(_RETRY_SECONDS):
                break
        if not way.timed:
            return Result(
                Outcome.FAILED,
                f"{why}\n{trouble}\n    hint: nothing was saved: switching it off and on brings back what it ran; "
                "or run the same command again when it answers",
            )
        self.say(f"waiting for its own timer: {way.minutes} minutes")
        stop = self.options.pause(way.minutes * 60.0)
        waited = 0.0
        while not stop and waited < _BOOT_SECONDS:
            try:
                if self._is_back(before, way):
                    self.store.settle(task.name)
                    return Result(Outcome.TAKEN_BACK, f"{why}\n{trouble}\nits own timer brought back what ran before")
            except VerbundError as error:
                trouble = str(error)
            stop = self.options.pause(30.0)
            waited += 30.0
        return Result(
            Outcome.FAILED,
            f"{why}\n{trouble}\n    hint: its {way.kind} takes the change back within {way.minutes} minutes of "
            "the push; run the same command again then",
        )

    def _undo(self, before: str, way: Way, *, first: bool) -> bool:
        """Over a new connection: back at once, and look whether it is so; only then the timer is stopped."""
        platform = self.task.platform
        with Terminal(self.task.login) as terminal:
            now = terminal.running()
            if not diff.rollback(platform, before, now).empty and not (first and ways.at_once(terminal, way)):
                back = diff.rollback(platform, before, terminal.running())
                terminal.configure()
                for line in back.lines(self.secrets):
                    # A line that is refused may be one that is not needed; what counts is what is read afterwards.
                    with suppress(RefusedError):
                        terminal.order(line)
                terminal.leave()
        return self._is_back(before, way)

    def _is_back(self, before: str, way: Way) -> bool:
        with Terminal(self.task.login) as terminal:
            if not diff.rollback(self.task.platform, before, terminal.running()).empty:
                return False
            ways.disarm(terminal, way)
            ways.tidy(terminal, before)
            return True

    # -- after somebody pulled the plug of the controller ----------------------------------------------------------

    def _go_on(self, journal: Journal) -> Result | None:
        """End what a killed push began; None when the switch is where it was before, and may be pushed afresh."""
        task = self.task
        way = ways.Way(journal.way, journal.minutes)
        before = self.store.before(task.name)
        self.say(f"ending the push of {journal.since:%Y-%m-%d %H:%M} UTC, which stopped at '{journal.stage}'")
        with Terminal(task.login) as terminal:
            now = terminal.running()
            if diff.plan(task.platform, now, task.wanted).empty:
                ways.disarm(terminal, way)
                self._note("confirmed", way)
                return self._keep(terminal)
        if before is None or journal.stage == "confirmed":
            self.store.settle(task.name)
            return None
        result = self._back(before, way, "an earlier push was cut off")
        return None if result.outcome is Outcome.TAKEN_BACK else result

    def _note(self, stage: Stage, way: Way) -> None:
        self.store.note(
            self.task.name, Journal(stage=stage, way=way.kind, minutes=way.minutes, since=datetime.now(UTC))
        )


def take_back(task: Task, options: Options, secrets: Secrets, store: Store, say: Callable[[str], None]) -> Result:
    """Bring a switch back to what it ran before its last push, as safely as it was brought there.

    Args:
        task: the switch.
        options: how.
        secrets: gives secrets.
        store: where the configuration before the last push is.
        say: told about each step.
    """
    before = store.before(task.name)
    if before is None:
        return Result(Outcome.FAILED, "nothing was pushed to it from here\n    hint: see its backups in git")
    return push(Task(task.login, task.site, before, task.management), options, secrets, store, say)


def _short(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(lines[:12]) + (f"\nand {len(lines) - 12} more lines" if len(lines) > 12 else "")


__all__ = ["GOOD", "Options", "Outcome", "Result", "Task", "push", "read", "take_back"]
