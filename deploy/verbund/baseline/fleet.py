# SPDX-License-Identifier: EUPL-1.2
"""Fetch evidence from many hosts side by side, each over one session that stays open for follow-up questions."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from verbund.baseline.bundle import Answer, Bundle
from verbund.baseline.session import Cancelled, Limits, Session
from verbund.errors import UnreachableError

if TYPE_CHECKING:
    from verbund.baseline.plan import Plan
    from verbund.baseline.target import Target
    from verbund.pki.seal import EvidenceKey

CLOCK_TOLERANCE = 3600
"""Seconds a host's clock may be off before its facts say so."""

_FACTS = (
    'echo "clock=$(date -u +%s)"; echo "name=$(uname -n)"; echo "kernel=$(uname -r)"; '
    'echo "virtualization=$(systemd-detect-virt 2>/dev/null)"; '
    '(. /etc/os-release 2>/dev/null; echo "os=$PRETTY_NAME"); '
    # What keeps a host from being changed or from writing its logs, whatever the checks find.
    "for d in / /etc /tmp /var /var/lib /var/log; do "
    'test -w "$d" || echo "trouble=$d is read-only"; '
    "df -Pk $d 2>/dev/null | "
    """awk 'NR == 2 && $2 > 0 && $4 < 1024 { print "trouble=" $6 " is full: " $4 " KiB left" }'; """
    "df -Pi $d 2>/dev/null | "
    """awk 'NR == 2 && $2 > 0 && $4 == 0 { print "trouble=" $6 " is full: no inode left" }'; """
    "done"
)


@dataclass(slots=True)
class Visit:
    """What is known of one host so far.

    Args:
        target: the host.
        answers: collected answers by command.
        error: why the host could not be asked at all; empty when it could.
        rounds: batches of checks' commands asked so far.
    """

    target: Target
    answers: dict[str, Answer] = field(default_factory=dict)
    error: str = ""
    crash: BaseException | None = None
    rounds: int = 0
    bundle: Bundle | None = None
    _questions: queue.Queue[tuple[str, ...]] = field(default_factory=queue.Queue)

    def ask(self, commands: Sequence[str]) -> None:
        """Have more commands asked over the open session; the visit arrives once more."""
        self._questions.put(tuple(commands))

    def finish(self) -> None:
        """Nothing more to ask: the session may end."""
        self._questions.put(())

    def questions(self, cancelled: threading.Event) -> tuple[str, ...]:
        """Wait for the next questions; empty when there are none any more."""
        while not cancelled.is_set():
            with contextlib.suppress(queue.Empty):
                return self._questions.get(timeout=0.2)
        raise Cancelled


class Fleet:
    """Visits hosts with a bounded number of sessions at a time. Use as a context manager.

    Args:
        targets: the hosts.
        plans: what to ask first, by host class.
        evidence: directory for the bundles; each is stored as soon as it is there, and again when it grew.
        key: seals the bundles.
        workers: sessions at a time.
        limits: of each session.
    """

    def __init__(  # noqa: PLR0917 - what a visit needs
        self,
        targets: Sequence[Target],
        plans: Mapping[str, Plan],
        evidence: Path,
        key: EvidenceKey,
        workers: int,
        limits: Limits | None = None,
    ) -> None:
        self._targets = targets
        self._plans = plans
        self._evidence = evidence
        self._key = key
        self._limits = limits or Limits()
        self._cancelled = threading.Event()
        self._arrived: queue.Queue[Visit] = queue.Queue()
        self._pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="verify")
        self.stored = 0

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def arrivals(self) -> Iterator[Visit]:
        """Visits as they have news. Answer each with ``ask`` or ``finish``; ends when all are finished.

        Raises:
            Exception: a defect in fetching itself.
        """
        # Begun here and not on entering: an interrupt during __enter__ would skip __exit__, and the sessions, never
        # told to end, would keep the process alive for ever.
        for target in self._targets:
            self._pool.submit(self._visit, Visit(target))
        while True:
            # A wait without end could not be interrupted by Ctrl-C.
            with contextlib.suppress(queue.Empty):
                visit = self._arrived.get(timeout=0.5)
                if visit.crash is not None:
                    raise visit.crash
                yield visit

    def _visit(self, visit: Visit) -> None:
        plan = self._plans[visit.target.host_class]
        try:
            with Session(visit.target, self._limits, self._cancelled) as session:
                before = time.time()
                facts = session.ask([_FACTS])[0]
                now = time.time()
                commands: tuple[str, ...] = plan.commands
                while True:
                    if commands:
                        visit.answers |= {answer.command: answer for answer in session.ask(commands)}
                        visit.rounds += 1
                    visit.bundle = self._bundle(visit, plan, facts, (before + now) / 2)
                    visit.bundle.write(self._evidence)
                    self.stored += commands is plan.commands
                    self._arrived.put(visit)
                    commands = visit.questions(self._cancelled)
                    if not commands:
                        return
        except UnreachableError as error:
            visit.error = str(error)
            self._arrived.put(visit)
        except Cancelled:
            return
        except BaseException as error:  # raised again in the main thread
            visit.crash = error
            self._arrived.put(visit)

    def _bundle(self, visit: Visit, plan: Plan, said: Answer, asked_at: float) -> Bundle:
        facts, offset = read_facts(said, asked_at)
        return Bundle(
            host=visit.target.name,
            host_class=visit.target.host_class,
            collected=datetime.fromtimestamp(asked_at, UTC),
            release=plan.release,
            plan=plan.sha256,
            clock_offset=offset,
            facts=facts,
            answers=tuple(visit.answers[command] for command in sorted(visit.answers)),
        ).sealed(self._key)


def read_facts(said: Answer, asked_at: float) -> tuple[dict[str, str], float | None]:
    """Facts and clock offset from what the host said about itself.

    Args:
        said: the answer to the facts question.
        asked_at: the controller's time (Unix seconds) when it was asked.

    Returns:
        facts for reports, and by how many seconds the host's clock is ahead (None: it did not say).
    """
    facts: dict[str, str] = {}
    trouble: dict[str, None] = {}
    for line in said.stdout_bytes.decode("utf-8", "replace").splitlines()[:40]:
        key, _, value = line.partition("=")
        if key == "trouble" and value.strip():
            trouble[value.strip()[:200]] = None
        elif key in {"clock", "name", "kernel", "virtualization", "os"} and value.strip():
            facts[key] = value.strip()[:200]
    if trouble:
        facts["trouble"] = "; ".join(trouble)
    clock = facts.pop("clock", "")
    if not (clock.isascii() and clock.isdigit() and len(clock) < 15):
        return {**facts, "clock": "unknown: the host did not tell its time"}, None
    offset = round(int(clock) - asked_at, 1)
    if abs(offset) > CLOCK_TOLERANCE:
        hours, rest = divmod(int(abs(offset)), 3600)
        way = "ahead of" if offset > 0 else "behind"
        facts["clock"] = f"wrong: {hours} h {rest // 60} min {way} the controller; do not trust times in its logs"
    return facts, offset
