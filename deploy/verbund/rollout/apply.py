# SPDX-License-Identifier: EUPL-1.2
"""Apply the standard in waves: run the playbook, verify, and stop at the first wave that is not good."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from verbund.errors import ExitCode, UsageError
from verbund.rollout.playbook import Event, Play, heard
from verbund.rollout.record import GOOD, HostOutcome, Outcome, RunRecord, Runs, RunStatus, Wave, commit, operator
from verbund.rollout.waves import DEFAULT, order, parse_waves, split

if TYPE_CHECKING:
    from verbund.intent import Host, Intent
    from verbund.rollout.ledger import Ledger

MAX_FORKS = 25


@dataclass(frozen=True, slots=True)
class Check:
    """What verification says about one host.

    Args:
        not_met: ids of controls that are not met (accepted exceptions are not among them).
        not_verified: why the host could not be verified; empty when it could.
    """

    not_met: Sequence[str] = ()
    not_verified: str = ""


Verify = Callable[[Sequence["Host"]], dict[str, Check]]


class Watcher(Protocol):
    """Who is told about the run as it goes."""

    def wave(self, number: int, total: int, hosts: Sequence[str], log: Path) -> None:
        """A wave begins."""

    def event(self, event: Event) -> None:
        """A task began, or ended on a host."""

    def note(self, text: str) -> None:
        """Something else worth a line."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to apply.

    Args:
        limit: which hosts, as the intent understands it; kept for the record.
        waves: sizes of waves.
        tags: only tasks with these tags.
        check: change nothing and verify nothing.
        verify: verify each wave after it.
        threshold: how many controls that are not met a host may have.
        command: the command line, for the record.
        playbook: relative to the project.
    """

    limit: str | None = None
    waves: str = DEFAULT
    tags: tuple[str, ...] = ()
    check: bool = False
    verify: bool = True
    threshold: int = 0
    command: tuple[str, ...] = ()
    playbook: str = "playbooks/site.yml"


@dataclass(slots=True)
class Application:
    """One rollout, new or resumed.

    Args:
        root: the project.
        runs: where records are kept.
        hosts: by name; must hold every host still to be done.
        options: how.
        record: what is known so far; it changes as the run goes on.
        verify: verifies hosts; not called in check mode.
        watcher: told about progress.
        ledger: notes which roles a host was brought to; it has looked at the hosts.
    """

    root: Path
    runs: Runs
    hosts: dict[str, Host]
    options: Options
    record: RunRecord
    verify: Verify
    watcher: Watcher
    ledger: Ledger | None = None
    stopped: bool = field(default=False, init=False)

    @classmethod
    def new(  # noqa: PLR0917 - what a run is made of
        cls,
        root: Path,
        runs: Runs,
        intent: Intent,
        hosts: Sequence[Host],
        options: Options,
        verify: Verify,
        watcher: Watcher,
    ) -> Application:
        """Plan a rollout; nothing is written or contacted yet.

        Args:
            root: the project.
            runs: where records are kept.
            intent: the loaded intent.
            hosts: selected hosts.
            options: how.
            verify: verifies hosts.
            watcher: told about progress.

        Raises:
            UsageError: no hosts, or the waves make no sense.
        """
        if not hosts:
            raise UsageError(
                "no hosts are selected, so there is nothing to apply", "check --limit and the other filters"
            )
        names = [host.name for host in order(hosts)]
        record = RunRecord(
            id=runs.new_id(),
            operator=operator(),
            command=list(options.command),
            release=str(intent.standard.release),
            commit=commit(root),
            limit=options.limit,
            tags=list(options.tags),
            check=options.check,
            verify=options.verify,
            wave_sizes=options.waves,
            started=_now(),
            waves=[_wave(wave) for wave in split(names, parse_waves(options.waves))],
        )
        return cls(root, runs, {host.name: host for host in hosts}, options, record, verify, watcher)

    def run(self) -> ExitCode:
        """Do the waves that are not done; stop at the first that is not good.

        Returns:
            GOOD; FINDINGS when a task failed or a control is not met; UNREACHABLE when hosts could not be reached and
            nothing worse happened; INTERRUPTED when it was stopped.

        Raises:
            UsageError: another run is working on one of the hosts.
        """
        with self.runs.claim(self.record.id, self.record.hosts(), self.record):
            self.record.status = RunStatus.RUNNING
            total = len(self.record.waves)
            try:
                for index, wave in enumerate(self.record.waves):
                    if wave.passed:
                        continue
                    self._do(index, total, wave)
                    if self.stopped or not wave.passed:
                        break
            except KeyboardInterrupt:
                # Ctrl-C outside the playbook: during verification, or between two steps.
                self.stopped = True
            except BaseException:
                # A full disk, a closed output: the record must not say "running" for ever.
                self.stopped = True
                with contextlib.suppress(OSError):
                    self._close()
                raise
            self._close()
        return self._exit_code()

    def _close(self) -> None:
        self.record.status = self._status()
        self.record.ended = _now()
        self.runs.save(self.record)

    def _do(self, index: int, total: int, wave: Wave) -> None:
        play = Play(
            root=self.root,
            playbook=self.root / self.options.playbook,
            hosts=list(wave.hosts),
            directory=self.runs.path(self.record.id),
            label=f"wave-{index + 1}",
            tags=self.options.tags,
            check=self.options.check,
            forks=max(1, min(len(wave.hosts), MAX_FORKS, 4 * (os.cpu_count() or 1))),
        )
        wave.started = _now()
        self.runs.save(self.record)
        self.watcher.wave(index + 1, total, list(wave.hosts), play.log)
        wave.hosts = play.run(self.watcher.event)
        self.runs.save(self.record)
        if self.ledger and not self.options.check:
            for name, host in wave.hosts.items():
                if host.outcome in GOOD:
                    self.ledger.applied(name, self.options.tags or None)
        if play.interrupted:
            self.stopped = True
            wave.problem = "interrupted"
        elif all(host.outcome in {Outcome.NOT_RUN, Outcome.UNKNOWN} for host in wave.hosts.values()):
            wave.problem = f"Ansible gave up before it was done:\n{play.last_words()}"
        elif self.options.verify and not self.options.check:
            self._verify(wave)
        wave.ended = _now()
        self.runs.save(self.record)

    def _verify(self, wave: Wave) -> None:
        applied = [name for name, host in wave.hosts.items() if host.outcome in GOOD]
        if not applied:
            return
        self.watcher.note(f"verifying {len(applied)} host{'s' if len(applied) != 1 else ''}")
        checks = self.verify([self.hosts[name] for name in applied])
        for name in applied:
            host, check = wave.hosts[name], checks.get(name, Check(not_verified="verification says nothing about it"))
            host.not_met = list(check.not_met)
            host.not_verified = check.not_verified
            if check.not_verified:
                host.outcome = Outcome.UNREACHABLE
            elif len(check.not_met) > self.options.threshold:
                host.outcome = Outcome.NOT_MET
        wave.verified = True

    def _status(self) -> RunStatus:
        if self.stopped:
            return RunStatus.INTERRUPTED
        return RunStatus.DONE if all(wave.passed for wave in self.record.waves) else RunStatus.FAILED

    def _exit_code(self) -> ExitCode:
        if self.record.status is RunStatus.DONE:
            return ExitCode.GOOD
        if self.stopped:
            return ExitCode.INTERRUPTED
        outcomes = {host.outcome for wave in self.record.waves if wave.started for host in wave.hosts.values()}
        bad = outcomes - GOOD
        return ExitCode.UNREACHABLE if bad == {Outcome.UNREACHABLE} else ExitCode.FINDINGS

    def failures(self) -> list[str]:
        """Plain statements about every host that is not good, and why; empty when all are."""
        found = []
        for wave in self.record.waves:
            if wave.problem and wave.problem != "interrupted":
                found.append(wave.problem)
            for name, host in wave.hosts.items():
                found += _statements(name, host)
        return found


def settle(runs: Runs) -> list[RunRecord]:
    """Close the records of runs that were cut off (killed, power cut), with what is known of their hosts.

    Args:
        runs: where records are kept.

    Returns:
        those records; each is returned once, for it says "interrupted" from now on.
    """
    with runs.gate():
        lost = runs.cut_off()
        for record in lost:
            for number, wave in enumerate(record.waves, start=1):
                # Hosts whose playbook had ended are in the record already; only their verification is missing.
                if wave.started and not wave.ended and {h.outcome for h in wave.hosts.values()} == {Outcome.PENDING}:
                    wave.hosts = heard(runs.path(record.id) / f"wave-{number}.jsonl", list(wave.hosts))
                    wave.problem = "interrupted"
            record.status = RunStatus.INTERRUPTED
            runs.save(record)
    return lost


def rerun(  # noqa: PLR0917 - what a run is made of
    root: Path,
    runs: Runs,
    intent: Intent,
    record: RunRecord,
    options: Options,
    verify: Verify,
    watcher: Watcher,
) -> Application:
    """Continue a run with the hosts that are not done. Its waves that passed stay as they are.

    Args:
        root: the project.
        runs: where records are kept.
        intent: the intent as it is now.
        record: the record of the run.
        options: what was asked for now; limit, tags and check mode are taken from the record.
        verify: verifies hosts.
        watcher: told about progress.

    Raises:
        UsageError: nothing is left to do.
    """
    known = {host.name: host for host in intent.hosts}
    remaining = record.remaining()
    gone = [name for name in remaining if name not in known]
    left = [name for name in remaining if name in known]
    if not left:
        raise UsageError(f"run {record.id} has nothing left to do", "start a new one with 'verbund apply'")
    finished = record.finished()
    kept = []
    for wave in record.waves:
        done = {name: host for name, host in wave.hosts.items() if name in finished}
        if done:
            kept.append(wave.model_copy(update={"hosts": done, "problem": "", "ended": wave.ended or _now()}))
    record.waves = kept + [_wave(names) for names in split(left, parse_waves(record.wave_sizes))]
    record.resumed = [*record.resumed, _now()]
    record.ended = None
    if gone:
        watcher.note(f"no longer in the intent and left out: {', '.join(gone)}")
    settled = Options(
        limit=record.limit,
        waves=record.wave_sizes,
        tags=tuple(record.tags),
        check=record.check,
        verify=record.verify,
        threshold=options.threshold,
        command=options.command,
        playbook=options.playbook,
    )
    return Application(root, runs, {name: known[name] for name in left}, settled, record, verify, watcher)


def _statements(name: str, host: HostOutcome) -> list[str]:
    match host.outcome:
        case Outcome.FAILED | Outcome.UNREACHABLE if host.failures:
            word = "failed" if host.outcome is Outcome.FAILED else "could not be reached"
            return [f"{name}: {word} at '{f.task}': {f.message}{_advice(name, f.message)}" for f in host.failures]
        case Outcome.UNREACHABLE:
            return [f"{name}: could not be verified: {host.not_verified}"]
        case Outcome.NOT_MET:
            return [f"{name}: not met after applying: {', '.join(host.not_met)}"]
        case Outcome.UNKNOWN:
            return [f"{name}: stopped in the middle; its state is unknown until it is applied again"]
        case Outcome.FAILED:
            return [f"{name}: failed; see the log"]
        case _:
            return []


_ADVICE = {
    "missing sudo password": "the automation's account may not use sudo there: verbund enrol --limit {name}",
    "a password is required": "the automation's account may not use sudo there: verbund enrol --limit {name}",
    "no space left on device": "a file system of {name} is full: make room there, then go on",
    "disk quota exceeded": "a quota of {name} is used up: make room there, then go on",
    "read-only file system": "a file system of {name} is mounted read-only, often after an error of its disk: "
    "see 'dmesg' there, repair it, then go on",
}
"""What to do about what the system says (lower case); the words are those of errno(3) and sudo."""


def _advice(name: str, message: str) -> str:
    said = message.lower()
    found = next((advice for words, advice in _ADVICE.items() if words in said), "")
    return f"\n    hint: {found.format(name=name)}" if found else ""


def _wave(names: Sequence[str]) -> Wave:
    return Wave(hosts={name: HostOutcome() for name in names})


def _now() -> datetime:
    return datetime.now(UTC)
