# SPDX-License-Identifier: EUPL-1.2
"""What the lab has started, on disk before it is started; and processes, told apart for certain.

A process id alone is never trusted: it is stored with the start time of the process, so a number that was given to
another process since is seen as "gone". And as a process can be started and the controller killed before its number is
written, everything the lab starts carries the lab's id in its environment (``VERBUND_LAB``); ``lab down`` looks for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verbund.errors import UsageError, VerbundError
from verbund.lab.hosts import LabHost

FORMAT = "verbund-lab/1"
MARK = "VERBUND_LAB"
"""Environment variable that marks the processes of a lab: ``<lab id>:<host>``."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be mistaken for another one.

    Args:
        pid: its number.
        started: start time in clock ticks since boot, field 22 of /proc/PID/stat (proc(5)).
        boot: id of the boot it belongs to.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this number now; None where there is none (a zombie is none)."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        if fields[0] in "ZX":
            return None
        return cls(pid, int(fields[19]), boot_id())

    def alive(self) -> bool:
        """Whether it still runs."""
        return Process.of(self.pid) == self

    def signal(self, number: int) -> None:
        """Send a signal, to this very process or to nobody (pidfd closes the race between look and kill)."""
        try:
            handle = os.pidfd_open(self.pid)
        except (ProcessLookupError, OSError):
            return
        try:
            if self.alive():
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def boot_id() -> str:
    """Id of the machine's current boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def marked(lab: str, host: str | None = None) -> list[Process]:
    """All processes of a lab (or of one of its hosts) that we may see, by the mark in their environment.

    Args:
        lab: id of the lab.
        host: name of a host; None for the whole lab.
    """
    wanted = f"{MARK}={lab}:{host if host is not None else ''}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(item == wanted or (host is None and item.startswith(wanted)) for item in environment):
            process = Process.of(int(entry.name))
            if process:
                found.append(process)
    return found


def end(processes: list[Process], grace: float = 0.0) -> None:
    """End processes and wait until they are gone.

    Args:
        processes: which.
        grace: seconds they get to end by themselves after SIGTERM; 0 kills at once.

    Raises:
        VerbundError: one of them does not go within 10 s after SIGKILL.
    """
    if grace:
        for process in processes:
            process.signal(signal.SIGTERM)
        _gone(processes, grace)
    for process in processes:
        process.signal(signal.SIGKILL)
    left = _gone(processes, 10.0)
    if left:
        raise VerbundError(f"processes of the lab cannot be ended: {', '.join(str(process.pid) for process in left)}")


def _gone(processes: list[Process], seconds: float) -> list[Process]:
    """Wait for processes to be gone; returns those that are not."""
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in processes if process.alive()]
        if not left or time.monotonic() > deadline:
            return left
        for process in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        time.sleep(0.05)


@dataclass(slots=True)
class HostState:
    """What the lab knows of one of its hosts.

    Args:
        host: the host.
        number: 0-based, stable while the lab exists; gives the container's management address.
        port: loopback port that leads to its sshd.
        enrolled: whether day 0 is done (certificate login) or the bootstrap key still counts.
        process: the virtual machine or the container; None before it was started.
        snapshots: names, oldest first, with whether the host was enrolled then.
    """

    host: LabHost
    number: int
    port: int
    enrolled: bool = False
    process: Process | None = None
    snapshots: dict[str, bool] = field(default_factory=dict)


@dataclass(slots=True)
class LabState:
    """The state file of a lab.

    Args:
        path: the file.
        id: eight random hex digits; in process environments and namespace names.
        driver: ``vm`` or ``container``.
        suite: Debian release.
        image: directory of the image.
        hosts: by name.
    """

    path: Path
    id: str
    driver: str
    suite: str
    image: str = ""
    hosts: dict[str, HostState] = field(default_factory=dict)

    @classmethod
    def create(cls, path: Path, driver: str, suite: str) -> LabState:
        """A new, empty lab."""
        return cls(path, secrets.token_hex(4), driver, suite)

    @classmethod
    def load(cls, path: Path) -> LabState | None:
        """Read the state file; None where there is no lab.

        Raises:
            UsageError: it is not ours or damaged.
        """
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']!r}")  # noqa: TRY301 - one message for all that is off
            hosts = {
                name: HostState(
                    host=LabHost(**entry["host"]),
                    number=int(entry["number"]),
                    port=int(entry["port"]),
                    enrolled=bool(entry["enrolled"]),
                    process=Process(**entry["process"]) if entry["process"] else None,
                    snapshots=dict(entry["snapshots"]),
                )
                for name, entry in data["hosts"].items()
            }
            return cls(path, str(data["id"]), str(data["driver"]), str(data["suite"]), str(data["image"]), hosts)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path} cannot be read: {error}",
                "it is written by verbund lab; if it was edited, restore it, so that lab down can find what runs",
            ) from error

    def save(self) -> None:
        """Write the state file in one step."""
        data = {
            "format": FORMAT,
            "id": self.id,
            "driver": self.driver,
            "suite": self.suite,
            "image": self.image,
            "hosts": {
                name: {
                    "host": state.host.as_json(),
                    "number": state.number,
                    "port": state.port,
                    "enrolled": state.enrolled,
                    "process": {
                        "pid": state.process.pid,
                        "started": state.process.started,
                        "boot": state.process.boot,
                    }
                    if state.process
                    else None,
                    "snapshots": state.snapshots,
                }
                for name, state in self.hosts.items()
            },
        }
        part = self.path.with_name(f"{self.path.name}.part")
        part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        part.replace(self.path)


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock of a lab, so that two commands do not work on it at once.

    Args:
        path: the lock file; outside of the lab's directory, which ``lab down`` removes.
        wait: wait for the other command instead of giving up.

    Raises:
        UsageError: another command works on the lab.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError("another verbund command is working on this lab", "wait until it is done") from error
        yield
