# SPDX-License-Identifier: EUPL-1.2
"""Many switches: the ones farthest from the gateway first, a few at a time, remembered after each.

Within a site a switch is begun when all that are farther from the gateway are good: a mistake is met at the edge, where
it costs one room, and the way to a switch is never changed while something beyond it is still to be done. Sites do not
wait for each other. When one switch of a site is not good, the rest of that site is left alone.
"""

from __future__ import annotations

import secrets as random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from verbund.errors import ExitCode, UsageError
from verbund.files import write_atomically
from verbund.network.push.engine import GOOD, Outcome, Result

if TYPE_CHECKING:
    from verbund.network.push.engine import Task

WORKERS = 20
PER_SITE = 4
"""A site's RADIUS server and the line to it bear a few logins at a time, not twenty."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a switch stands in the order.

    Args:
        name: its name.
        site: ``tenant/site``.
        hops: cables to the gateway.
    """

    name: str
    site: str
    hops: int


class Done(BaseModel):
    """What became of one switch, as the record keeps it."""

    model_config = ConfigDict(extra="forbid")

    site: str
    hops: int
    outcome: Outcome = Outcome.PENDING
    detail: str = ""
    commands: int = 0


class Run(BaseModel):
    """The record of one push."""

    model_config = ConfigDict(extra="forbid")

    id: str
    action: str
    started: datetime
    ended: datetime | None = None
    switches: dict[str, Done] = Field(default_factory=dict)

    def remaining(self) -> list[str]:
        """Switches that are not good yet."""
        return [name for name, done in self.switches.items() if done.outcome not in GOOD]


class Runs:
    """The records of pushes.

    Args:
        directory: ``.verbund/network/runs``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def new(self, action: str, places: Sequence[Place]) -> Run:
        """Begin a record.

        Args:
            action: ``push`` or ``rollback``.
            places: the switches.
        """
        moment = datetime.now(UTC)
        return Run(
            id=f"{moment:%Y%m%dT%H%M%SZ}-{random.token_hex(2)}",
            action=action,
            started=moment,
            switches={place.name: Done(site=place.site, hops=place.hops) for place in places},
        )

    def save(self, run: Run) -> None:
        """Write a record in one step."""
        write_atomically(self.directory / f"{run.id}.json", run.model_dump_json(indent=2) + "\n")

    def load(self, name: str) -> Run:
        """Read a record.

        Args:
            name: its id, or ``last``.

        Raises:
            UsageError: there is none.
        """
        known = sorted(path.stem for path in self.directory.glob("*.json"))
        chosen = known[-1] if name == "last" and known else name
        if chosen not in known:
            hint = f"known are {', '.join(known[-5:])}" if known else "nothing was pushed yet"
            raise UsageError(f"there is no push '{name}'", hint)
        try:
            return Run.model_validate_json((self.directory / f"{chosen}.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"the record of the push {chosen} is damaged: {error}", "begin a new one") from None


class Watcher(Protocol):
    """Is told how it goes."""

    def step(self, name: str, text: str) -> None:
        """Something is being done at a switch; without a name: to all."""

    def done(self, name: str, result: Result, number: int, total: int) -> None:
        """A switch is done."""


class Campaign:
    """Do something to many switches.

    Args:
        run: the record, which says which are left.
        runs: where it is kept; None keeps none (dry runs).
        task: makes the task of a switch, when its turn comes.
        action: does it; is given the task and who is told about steps.
        watcher: told how it goes.
        workers: how many at a time.
        per_site: how many at a time in one site.
        go_on: also when one is not good; for what changes nothing.
    """

    def __init__(
        self,
        run: Run,
        runs: Runs | None,
        task: Callable[[str], Task],
        action: Callable[[Task, Callable[[str], None]], Result],
        watcher: Watcher,
        *,
        workers: int = WORKERS,
        per_site: int = PER_SITE,
        go_on: bool = False,
    ) -> None:
        self.record = run
        self.runs = runs
        self.stop = threading.Event()
        self._task = task
        self._action = action
        self._watcher = watcher
        self._workers = workers
        self._per_site = per_site
        self._go_on = go_on
        self._lock = threading.Lock()

    def pause(self, seconds: float) -> bool:
        """Wait; tells whether to stop. For `Options.pause`."""
        return self.stop.wait(seconds)

    def go(self) -> ExitCode:
        """Do all that is left.

        Returns:
            The exit code. Ctrl-C lets switches that were begun come to an end, forward or back, and begins no other.

        Raises:
            KeyboardInterrupt: a second Ctrl-C. What the switches themselves armed takes back what was not confirmed.
        """
        record = self.record
        left = record.remaining()
        for name in left:
            record.switches[name].outcome = Outcome.PENDING
        self._keep()
        sites = {site: deque(levels) for site, levels in _levels(record, left)}
        busy: dict[Future[Result], str] = {}
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="push")
        try:
            while True:
                try:
                    if not self.stop.is_set():
                        self._begin(sites, busy, pool)
                    if not busy:
                        break
                    for future in wait(busy, return_when=FIRST_COMPLETED).done:
                        self._end(busy.pop(future), future.result(), sites, len(left))
                except KeyboardInterrupt:
                    if self.stop.is_set():
                        raise
                    self.stop.set()
                    self._watcher.step("", f"stopping: {len(busy)} switches come to an end, no other is begun")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for done in record.switches.values():
                if done.outcome is Outcome.PENDING and not busy:
                    done.outcome = Outcome.NOT_RUN
            record.ended = datetime.now(UTC)
            self._keep()
        return self._code()

    def _begin(
        self, sites: dict[str, deque[list[str]]], busy: dict[Future[Result], str], pool: ThreadPoolExecutor
    ) -> None:
        for site, levels in sites.items():
            running = sum(self.record.switches[name].site == site for name in busy.values())
            while levels and len(busy) < self._workers and running < self._per_site:
                if not levels[0]:
                    if running:  # the next level waits until this one is good
                        break
                    levels.popleft()
                    continue
                name = levels[0].pop(0)
                busy[pool.submit(self._one, name)] = name
                running += 1

    def _one(self, name: str) -> Result:
        try:
            return self._action(self._task(name), lambda text: self._watcher.step(name, text))
        except Exception as error:
            return Result(Outcome.FAILED, str(error))

    def _end(self, name: str, result: Result, sites: dict[str, deque[list[str]]], total: int) -> None:
        done = self.record.switches[name]
        done.outcome, done.detail, done.commands = result.outcome, result.detail, result.commands
        if not self._go_on and result.outcome not in GOOD | {Outcome.DIFFERS}:
            sites[done.site].clear()
        self._keep()
        ended = sum(one.outcome is not Outcome.PENDING for one in self.record.switches.values())
        self._watcher.done(name, result, ended - (len(self.record.switches) - total), total)

    def _keep(self) -> None:
        if self.runs is not None:
            with self._lock:
                self.runs.save(self.record)

    def _code(self) -> ExitCode:
        outcomes = {done.outcome for done in self.record.switches.values()}
        if self.stop.is_set():
            return ExitCode.INTERRUPTED
        if outcomes & {Outcome.REFUSED, Outcome.TAKEN_BACK, Outcome.NOT_SAVED, Outcome.FAILED}:
            return ExitCode.FINDINGS
        if Outcome.UNREACHABLE in outcomes:
            return ExitCode.UNREACHABLE
        return ExitCode.FINDINGS if Outcome.NOT_RUN in outcomes else ExitCode.GOOD


def _levels(record: Run, names: Sequence[str]) -> Iterator[tuple[str, list[list[str]]]]:
    """Per site, its switches by their distance from the gateway, the farthest first."""
    for site in dict.fromkeys(record.switches[name].site for name in names):
        own = [name for name in names if record.switches[name].site == site]
        distances = sorted({record.switches[name].hops for name in own}, reverse=True)
        yield site, [[name for name in own if record.switches[name].hops == hops] for hops in distances]
