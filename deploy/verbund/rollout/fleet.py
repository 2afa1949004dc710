# SPDX-License-Identifier: EUPL-1.2
"""Run a pyinfra deploy on hosts and know what became of each."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from verbund.errors import ExitCode, UsageError
from verbund.rollout.child import Signals, last_lines, start

if TYPE_CHECKING:
    from verbund.intent import Host

_POLL_SECONDS = 0.2
GOOD = {"changed", "unchanged"}


@dataclass(slots=True)
class FleetResult:
    """What became of one host.

    Args:
        event: ``changed``, ``unchanged``, ``failed``, ``unreachable``, ``connected`` (it was reached, then nothing
            more was heard) or ``not run``.
        text: plain sentence.
        path: file with facts, if any.
    """

    event: str = "not run"
    text: str = ""
    path: str = ""


@dataclass(slots=True)
class Deploy:
    """One run of a pyinfra deploy.

    Args:
        root: the project.
        state: its state directory.
        name: ``enrol``, ``facts`` or ``quarantine``: the file in ``deploy/``.
        hosts: the hosts.
        data: values for ``--data``; no secrets, they stand in the process list.
    """

    root: Path
    state: Path
    name: str
    hosts: Sequence[Host]
    data: Mapping[str, str]
    interrupted: int = 0

    def run(self, on_event: Callable[[str, FleetResult], None]) -> dict[str, FleetResult]:
        """Run it to its end; Ctrl-C reaches pyinfra as SIGINT and ends it.

        Args:
            on_event: called with host and news as they come.

        Raises:
            UsageError: no hosts, or the deploy is missing.
        """
        deploy = Path(__file__).resolve().parents[2]
        for needed in (deploy / "inventory.py", deploy / f"{self.name}.py"):
            if not needed.is_file():
                raise UsageError(f"{needed} is missing", "is this a complete checkout?")
        if not self.hosts:
            raise UsageError("no hosts are selected, so there is nothing to do", "check --limit")
        results = {host.name: FleetResult() for host in self.hosts}
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        events = self.log.with_suffix(".jsonl")
        events.write_bytes(b"")
        environment = {
            "VERBUND_PROJECT": str(self.root),
            "VERBUND_EVENTS": str(events),
            "VERBUND_LIMIT": ",".join(results),
            "VERBUND_TENANTS": ",".join(sorted({host.tenant for host in self.hosts})),
        }
        argv = [sys.executable, "-m", "pyinfra", "-y", str(deploy / "inventory.py"), str(deploy / f"{self.name}.py")]
        argv += [part for key, value in self.data.items() for part in ("--data", f"{key}={value}")]
        with self.log.open("wb") as log, events.open("rb") as lines, Signals(self._interrupt):
            child = start(argv, self.root, environment, log)
            sent = 0
            while True:
                ended = child.poll() is not None
                for host, news in _news(lines):
                    if host in results:
                        results[host] = news
                        on_event(host, news)
                if ended:
                    break
                if sent < self.interrupted:
                    sent = self.interrupted
                    os.killpg(child.pid, signal.SIGINT if sent == 1 else signal.SIGKILL)
                time.sleep(_POLL_SECONDS)
        self._explain(results)
        return results

    @property
    def log(self) -> Path:
        """Everything pyinfra printed."""
        if self._started is None:
            self._started = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
        return self.state / "fleet" / f"{self._started}-{self.name}.log"

    _started: str | None = None

    def _explain(self, results: Mapping[str, FleetResult]) -> None:
        """Nobody is left without a reason."""
        for result in results.values():
            if result.event not in {*GOOD, "failed", "unreachable"}:
                result.event = "not run" if result.event == "not run" else "failed"
                if self.interrupted:
                    result.text = "interrupted" + (" in the middle" if result.event == "failed" else "")
                else:
                    result.text = result.text or last_lines(self.log, ("-->",))

    def _interrupt(self) -> None:
        self.interrupted += 1


def exit_code(results: Mapping[str, FleetResult]) -> ExitCode:
    """GOOD when all hosts are, UNREACHABLE when nothing worse happened than hosts not being reached.

    Args:
        results: what ``Deploy.run`` returned.
    """
    bad = {result.event for result in results.values()} - GOOD
    if not bad:
        return ExitCode.GOOD
    return ExitCode.UNREACHABLE if bad == {"unreachable"} else ExitCode.FINDINGS


def _news(stream: BinaryIO) -> list[tuple[str, FleetResult]]:
    found: list[tuple[str, FleetResult]] = []
    while True:
        start_of_line = stream.tell()
        line = stream.readline()
        if not line.endswith(b"\n"):
            stream.seek(start_of_line)
            return found
        try:
            data: dict[str, Any] = json.loads(line)
            found.append(
                (str(data["host"]), FleetResult(str(data["event"]), str(data["text"]), str(data.get("path", ""))))
            )
        except (ValueError, LookupError, TypeError):
            continue
