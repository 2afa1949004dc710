# SPDX-License-Identifier: EUPL-1.2
"""The record of a rollout: who did what, when, with which release, and what became of each host.

A record is rewritten in one step after every change, so that it is right whenever the controller dies. Whether a run is
still alive is known by a lock that the kernel drops with the process, never by what the record says.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import secrets
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from verbund.errors import UsageError
from verbund.files import write_atomically


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Outcome(StrEnum):
    """What became of a host in a wave."""

    PENDING = "pending"
    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_RUN = "not run"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


GOOD = {Outcome.OK, Outcome.CHANGED}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Failure(_Part):
    """A task that failed on a host, and what it said."""

    task: str
    message: str


class HostOutcome(_Part):
    """One host in one wave.

    ``not_met`` holds ids of controls, ``not_verified`` says why the host could not be verified; empty when it could.
    """

    outcome: Outcome = Outcome.PENDING
    changed_tasks: int = 0
    failures: list[Failure] = Field(default_factory=list)
    not_met: list[str] = Field(default_factory=list)
    not_verified: str = ""


class Wave(_Part):
    """Hosts that are done together."""

    hosts: dict[str, HostOutcome]
    started: datetime | None = None
    ended: datetime | None = None
    verified: bool = False
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether the next wave may start."""
        return self.ended is not None and not self.problem and all(h.outcome in GOOD for h in self.hosts.values())


class RunRecord(_Part):
    """One rollout."""

    id: str
    status: RunStatus = RunStatus.RUNNING
    operator: str
    command: list[str]
    release: str
    commit: str
    limit: str | None
    tags: list[str] = Field(default_factory=list)
    check: bool = False
    verify: bool = True
    wave_sizes: str
    started: datetime
    ended: datetime | None = None
    resumed: list[datetime] = Field(default_factory=list)
    waves: list[Wave] = Field(default_factory=list)

    def hosts(self) -> set[str]:
        """Every host the run is about."""
        return {name for wave in self.waves for name in wave.hosts}

    def finished(self) -> set[str]:
        """Hosts that need nothing more: applied, and verified where the run verifies."""
        return {
            name
            for wave in self.waves
            for name, host in wave.hosts.items()
            if host.outcome in GOOD and (wave.verified or not self.verify or self.check)
        }

    def remaining(self) -> list[str]:
        """Hosts still to be done, in order."""
        finished = self.finished()
        return list(dict.fromkeys(name for wave in self.waves for name in wave.hosts if name not in finished))


class Runs:
    """The directory of run records.

    Args:
        directory: ``.verbund/runs``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, run: str) -> Path:
        """Directory of one run: record, event and log files of its waves."""
        return self.directory / run

    def new_id(self) -> str:
        """An id that sorts by time and is not used twice."""
        return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"

    def save(self, record: RunRecord) -> None:
        """Write a record in one step."""
        write_atomically(self.path(record.id) / "record.json", record.model_dump_json(indent=2) + "\n")

    def load(self, run: str) -> RunRecord:
        """Read a record.

        Args:
            run: its id, or ``last``.

        Raises:
            UsageError: there is none, or it is damaged.
        """
        known = sorted(path.parent.name for path in self.directory.glob("*/record.json"))
        if run == "last" and known:
            run = known[-1]
        if run not in known:
            hint = (
                f"known runs: {', '.join(known[-5:])}" if known else "there are no runs yet; start with 'verbund apply'"
            )
            raise UsageError(f"there is no run {run!r}", hint)
        path = self.path(run) / "record.json"
        try:
            return RunRecord.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"{path}: cannot be read as a run record: {error}", "start a new run") from None

    def alive(self) -> Iterator[RunRecord]:
        """Records of runs whose process lives."""
        for lock in sorted(self.directory.glob("*/lock")):
            with lock.open("r+") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield self.load(lock.parent.name)

    def cut_off(self) -> list[RunRecord]:
        """Records that still say "running" though their process is gone: it was killed, or the machine went down.

        Returns:
            the records, oldest first; damaged ones are left out.
        """
        living = {record.id for record in self.alive()}
        found = []
        for path in sorted(self.directory.glob("*/record.json")):
            if path.parent.name not in living and b'"status": "running"' in path.read_bytes():
                with suppress(UsageError):
                    found.append(self.load(path.parent.name))
        return [record for record in found if record.status is RunStatus.RUNNING]

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Let nobody else start, resume or settle a run meanwhile."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def claim(self, run: str, hosts: Collection[str], record: RunRecord) -> Iterator[None]:
        """Hold the hosts of a run; the kernel lets go of them when this process ends, however it ends.

        Args:
            run: id of the run.
            hosts: its hosts.
            record: first version of the record, written before anyone else may look.

        Raises:
            UsageError: a run that is alive works on one of the hosts, or this very run is alive.
        """
        self.path(run).mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path(run) / "lock").open("w") as own:
            with self.gate():
                for other in self.alive():
                    common = sorted(set(hosts) & other.hosts())
                    if common or other.id == run:
                        more = f" and {len(common) - 3} more" if len(common) > 3 else ""
                        raise UsageError(
                            f"run {other.id} of {other.operator} is working on {', '.join(common[:3])}{more} right "
                            "now; nothing was started",
                            "wait for it, or stop it with Ctrl-C where it runs",
                        )
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.save(record)
            yield


def operator() -> str:
    """Login name of who runs this, also behind sudo."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def commit(root: Path) -> str:
    """The commit the project stands on, with ``+changes`` if the checkout differs; empty outside git.

    Args:
        root: the checkout.
    """
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=False, capture_output=True, text=True)
        if head.returncode:
            return ""
        status = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], check=False, capture_output=True, text=True
        )
    except OSError:
        return ""
    return head.stdout.strip() + ("+changes" if status.stdout.strip() else "")
