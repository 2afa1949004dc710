# SPDX-License-Identifier: EUPL-1.2
"""Run one ``ansible-playbook`` and know at any time what it is doing.

The child has a session of its own (Ctrl-C in the terminal does not reach it) and dies with us (``PR_SET_PDEATHSIG``).
Its callback plugin ``verbund_progress`` writes one JSON line per host and task to a file that is read while it grows;
the file stays as the log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from verbund.errors import UsageError
from verbund.files import write_atomically
from verbund.rollout.child import Signals, last_lines, start
from verbund.rollout.record import Failure, HostOutcome, Outcome

_POLL_SECONDS = 0.2
_LINE_LIMIT = 65536


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the callback plugin.

    Args:
        kind: ``task``, ``ok``, ``changed``, ``skipped``, ``failed``, ``ignored``, ``unreachable``, ``stats``; or
            ``stopping``, which comes from here when the playbook was asked to stop.
        host: inventory name; empty for ``task``, ``stats`` and ``stopping``.
        task: name of the task.
        message: what the task said, bounded and without control characters.
        data: everything else of the line.
    """

    kind: str
    host: str = ""
    task: str = ""
    message: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Play:
    """One run of a playbook.

    Args:
        root: the project; its ``ansible.cfg`` counts.
        playbook: the playbook file.
        hosts: inventory names to limit to.
        directory: where event file, log and limit file go.
        label: first part of the names of these files, like ``wave-1``.
        tags: only tasks with these tags; empty means all.
        check: change nothing, show differences.
        forks: hosts at the same time.
    """

    root: Path
    playbook: Path
    hosts: Sequence[str]
    directory: Path
    label: str
    tags: Sequence[str] = ()
    check: bool = False
    forks: int = 10
    interrupted: int = 0

    @property
    def events(self) -> Path:
        """One JSON line per host and task."""
        return self.directory / f"{self.label}.jsonl"

    @property
    def log(self) -> Path:
        """Everything ansible-playbook printed."""
        return self.directory / f"{self.label}.log"

    @property
    def _stop(self) -> Path:
        return self.directory / f"{self.label}.stop"

    def run(self, on_event: Callable[[Event], None]) -> dict[str, HostOutcome]:
        """Run it to its end.

        The first Ctrl-C (or SIGTERM) lets the tasks that are running finish and then stops, because a task whose
        connection is cut runs on unseen; the second stops at once. Look at ``interrupted`` afterwards.

        Args:
            on_event: called for each line as it comes.

        Returns:
            What became of each host.

        Raises:
            UsageError: the playbook is missing.
        """
        if not self.playbook.is_file():
            raise UsageError(f"{self.playbook} is missing", "is this a complete checkout?")
        limit = self.directory / f"{self.label}.hosts"
        write_atomically(limit, "".join(f"{name}\n" for name in self.hosts))
        self._stop.unlink(missing_ok=True)
        self.events.write_bytes(b"")
        outcomes = _Outcomes(self.hosts)
        with self.log.open("wb") as log, self.events.open("rb") as lines, Signals(self._interrupt):
            child = start(self._argv(limit), self.root, self._environment(), log)
            told = _Guarded(on_event, self._interrupt)
            sent = 0
            while True:
                ended = child.poll() is not None
                for event in read_events(lines):
                    outcomes.add(event)
                    told(event)
                if ended:
                    break
                if self.interrupted and not sent:
                    sent = 1
                    told(Event("stopping", message="the tasks that are running finish first; Ctrl-C again: at once"))
                if sent < self.interrupted:
                    sent = self.interrupted
                    os.killpg(child.pid, signal.SIGINT if sent == 2 else signal.SIGKILL)
                time.sleep(_POLL_SECONDS)
        self._stop.unlink(missing_ok=True)
        if told.error is not None:
            raise told.error
        return outcomes.result()

    def last_words(self) -> str:
        """The end of the log: why Ansible itself gave up."""
        return last_lines(self.log, ("PLAY", "TASK", "***"))

    def _argv(self, limit: Path) -> list[str]:
        argv = [sys.executable, "-m", "ansible", "playbook", str(self.playbook), "--limit", f"@{limit}"]
        argv += ["--forks", str(self.forks)]
        argv += ["--check", "--diff"] if self.check else []
        argv += ["--tags", ",".join(self.tags)] if self.tags else []
        return argv

    def _environment(self) -> dict[str, str]:
        return {
            "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"),
            "ANSIBLE_CALLBACKS_ENABLED": "verbund_progress",
            "ANSIBLE_NOCOLOR": "1",
            "VERBUND_PROGRESS": str(self.events),
            "VERBUND_STOP": str(self._stop),
        }

    def _interrupt(self) -> None:
        self.interrupted += 1
        self._stop.touch()


class _Guarded:
    """Tells the watcher; what it raises (its terminal is gone, its disk full) stops the playbook in order first."""

    def __init__(self, tell: Callable[[Event], None], stop: Callable[[], None]) -> None:
        self._tell = tell
        self._stop = stop
        self.error: Exception | None = None

    def __call__(self, event: Event) -> None:
        if self.error is None:
            try:
                self._tell(event)
            except Exception as error:
                self.error = error
                self._stop()


def heard(events: Path, hosts: Sequence[str]) -> dict[str, HostOutcome]:
    """What the event file of a playbook that was cut off says about its hosts.

    Args:
        events: the file; need not exist.
        hosts: inventory names the playbook was limited to.
    """
    outcomes, begun = _Outcomes(hosts), False
    if events.exists():
        with events.open("rb") as lines:
            for event in read_events(lines):
                outcomes.add(event)
                begun = begun or event.kind == "task"
    found = outcomes.result()
    for host in found.values():
        if begun and host.outcome is Outcome.NOT_RUN:
            host.outcome = Outcome.UNKNOWN  # its first task may have run without being able to say so
    return found


class _Outcomes:
    """What became of each host, from the events so far."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = {name: HostOutcome(outcome=Outcome.NOT_RUN) for name in hosts}
        self._seen_end = False

    def add(self, event: Event) -> None:
        if event.kind == "stats":
            self._seen_end = True
            for name, counts in event.data.get("hosts", {}).items():
                if name in self._hosts:
                    self._finish(self._hosts[name], counts)
            return
        host = self._hosts.get(event.host)
        if host is None:
            return
        if event.kind == "changed":
            host.changed_tasks += 1
        elif event.kind in {"failed", "unreachable"}:
            host.failures.append(Failure(task=event.task, message=event.message))
            host.outcome = Outcome.FAILED if event.kind == "failed" else Outcome.UNREACHABLE
        if host.outcome is Outcome.NOT_RUN:
            host.outcome = Outcome.UNKNOWN  # something ran; only the end says that it is all

    def result(self) -> dict[str, HostOutcome]:
        return self._hosts

    @staticmethod
    def _finish(host: HostOutcome, counts: dict[str, int]) -> None:
        """The statistics decide: a failure that a rescue block handled is none."""
        if counts.get("unreachable"):
            host.outcome = Outcome.UNREACHABLE
        elif counts.get("failures"):
            host.outcome = Outcome.FAILED
        elif counts.get("complete"):
            host.outcome = Outcome.CHANGED if counts.get("changed") else Outcome.OK
            host.failures = []


def read_events(stream: BinaryIO) -> Iterator[Event]:
    """Complete lines that have come since the last call; a line that is not ours is skipped.

    Args:
        stream: the event file, open for reading; its position moves on.
    """
    while True:
        start = stream.tell()
        line = stream.readline()
        if not line.endswith(b"\n"):
            stream.seek(start)
            return
        try:
            data = json.loads(line)
            yield Event(
                kind=str(data.pop("event")),
                host=str(data.pop("host", "")),
                task=str(data.pop("task", "")),
                message=str(data.pop("message", ""))[:_LINE_LIMIT],
                data=data,
            )
        except (ValueError, KeyError, AttributeError, TypeError):
            continue
