# SPDX-License-Identifier: EUPL-1.2
"""Hosts as systemd-nspawn containers: native speed, many of them, but no kernel of their own.

Each container has a network namespace (``vb-<lab>-<host>``); all are plugged into a management bridge in the namespace
``vb-<lab>``, so that ssh arrives through ``eth0`` and meets the container's own firewall. Nothing of that is visible in
the machine's own network but one loopback port per host. A container is no security boundary here: root in it is root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from verbund.errors import UsageError, VerbundError
from verbund.lab.hosts import CONTROLLER, MANAGEMENT, Cable, mac
from verbund.lab.state import MARK, HostState, LabState, Process, end, marked
from verbund.lab.tools import require, search_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbund.lab.image import Image

NAMESPACES = Path("/run/netns")

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_INSTANCES = 2048

FIRST_ADDRESS = 10
"""Hosts count from 192.0.2.10 on."""


class Containers:
    """The containers of one lab.

    Args:
        directory: the lab's directory.
        lab: the lab.
        image: what the containers are copies of.
    """

    machine = False

    def __init__(self, directory: Path, lab: LabState, image: Image) -> None:
        self._directory = directory
        self._lab = lab
        self._image = image
        self._plugging = threading.Lock()
        self._hub = f"vb-{lab.id}"

    @staticmethod
    def require() -> None:
        """Fail with one message where root's rights or commands are missing.

        Raises:
            UsageError: names what is missing.
        """
        if os.geteuid() != 0:
            raise UsageError(
                "containers of the lab need root",
                "sudo verbund lab up --driver container; virtual machines (--driver vm) need no root",
            )
        require(["systemd-nspawn", "ip", "nft", "socat", "unshare", "ssh", "ssh-keygen"])

    def management_address(self, state: HostState) -> str:
        """See :class:`verbund.lab.driver.Driver`."""
        number = FIRST_ADDRESS + state.number
        if number >= MANAGEMENT.num_addresses - 1:
            raise UsageError(f"a lab of containers has room for {MANAGEMENT.num_addresses - 1 - FIRST_ADDRESS} hosts")
        return str(MANAGEMENT[number])

    def prepare(self, state: HostState, seed: bytes) -> None:
        """See :class:`verbund.lab.driver.Driver`; only what differs from the image is kept, in ``upper``."""
        upper = self._place(state) / "upper"
        if upper.exists():
            return
        part = self._place(state) / "upper.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o755)
        with tarfile.open(fileobj=BytesIO(seed)) as archive:
            archive.extractall(part, filter="fully_trusted")  # noqa: S202 - we have just made it ourselves
        # Directories that the seed only passes through must look in the copy as they do in the image.
        for directory in [path for path in part.rglob("*") if path.is_dir()] + [part]:
            original = self._image.rootfs / directory.relative_to(part)
            if original.is_dir() and directory.name != ".ssh":
                shutil.copystat(original, directory)
        part.rename(upper)

    def connect(self, hosts: list[HostState], cables: list[Cable], note: Callable[[str], None]) -> None:
        """See :class:`verbund.lab.driver.Driver`."""
        del cables
        _make_room(note)
        if not (NAMESPACES / self._hub).exists():
            self._ip("netns", "add", self._hub)
        if not self._has_link(self._hub, "hub"):
            self._ip("-n", self._hub, "link", "add", "hub", "type", "bridge")
        self._ip("-n", self._hub, "address", "replace", f"{CONTROLLER}/{MANAGEMENT.prefixlen}", "dev", "hub")
        self._ip("-n", self._hub, "link", "set", "hub", "up")
        self._ip("-n", self._hub, "link", "set", "lo", "up")
        for state in hosts:
            if not (NAMESPACES / self._namespace(state.host.name)).exists():
                self._ip("netns", "add", self._namespace(state.host.name))

    def start(self, state: HostState, cables: list[Cable]) -> Process:
        """See :class:`verbund.lab.driver.Driver`.

        Raises:
            VerbundError: the container cannot be started; says why.
        """
        name = state.host.name
        if not self._image.rootfs.is_dir():
            raise UsageError(
                f"the lab's image {self._image.path} has no part for containers", "verbund lab down, then up"
            )
        with self._plugging:
            self._plug(state, cables)
        environment = {**os.environ, "PATH": search_path(), MARK: f"{self._lab.id}:{name}"}
        log = (self._place(state) / "console.log").open("ab")
        with log:
            started = subprocess.Popen(
                self._script("run", self._group(name), name, self._namespace(name), str(self._image.rootfs)),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )
            # Only loopback listens; each connection goes into the management namespace and from there over eth0.
            inner = f"ip netns exec {self._hub} socat STDIO TCP\\:{self.management_address(state)}\\:22\\,nodelay"
            subprocess.Popen(
                [
                    "socat",
                    f"TCP-LISTEN:{state.port},bind=127.0.0.1,fork,reuseaddr,nodelay",
                    f"EXEC:{inner}",
                ],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )
        process = Process.of(started.pid)
        if process is None:
            raise VerbundError(f"the container {name} did not start", f"see {self._place(state) / 'console.log'}")
        return process

    def stop(self, state: HostState) -> None:
        """See :class:`verbund.lab.driver.Driver`."""
        end(marked(self._lab.id, state.host.name))
        self._empty(self._group(state.host.name))

    def snapshot(self, state: HostState, name: str) -> None:
        """See :class:`verbund.lab.driver.Driver`; the host stands still while its files are copied."""
        place = self._place(state)
        (place / "snapshots").mkdir(exist_ok=True)
        self._call(
            self._script("keep", self._group(state.host.name), str(place / "upper"), str(place / "snapshots" / name))
        )

    def restore(self, state: HostState, cables: list[Cable], name: str) -> Process:
        """See :class:`verbund.lab.driver.Driver`."""
        place = self._place(state)
        part, upper, old = place / "upper.part", place / "upper", place / "upper.old"
        self._call(["rm", "-rf", "--", str(part), str(old)])
        # The copy is whole before the host loses anything: whoever is interrupted here has one state or the other.
        self._call(["cp", "--archive", "--reflink=auto", str(place / "snapshots" / name), str(part)])
        self.stop(state)
        if upper.exists():
            upper.rename(old)
        part.rename(upper)
        self._call(["rm", "-rf", "--", str(old), str(place / "work")])
        return self.start(state, cables)

    def screenshot(self, state: HostState, target: Path) -> None:
        """A container has no screen.

        Raises:
            UsageError: always.
        """
        del target
        raise UsageError(f"{state.host.name} is a container and has no screen", "verbund lab up --driver vm")

    def console_command(self, state: HostState) -> list[str]:
        """See :class:`verbund.lab.driver.Driver`; a root shell beside the network.

        Raises:
            UsageError: the host does not run.
        """
        for process in _members(self._group(state.host.name)):
            with contextlib.suppress(OSError, IndexError):
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8", errors="replace")
                numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
                if len(numbers) > 1 and numbers[-1] == "1":
                    return [
                        "nsenter",
                        f"--target={process.pid}",
                        "--mount",
                        "--uts",
                        "--ipc",
                        "--net",
                        "--pid",
                        "su",
                        "-l",
                    ]
        raise UsageError(f"{state.host.name} does not run", "verbund lab up")

    def clean(self) -> None:
        """See :class:`verbund.lab.driver.Driver`."""
        self._empty(f"verbund-{self._lab.id}-")
        if NAMESPACES.is_dir():
            for namespace in sorted(NAMESPACES.iterdir()):
                if namespace.name == self._hub or namespace.name.startswith(f"{self._hub}-"):
                    # Fails on what a killed "ip netns add" left: a file that is no namespace yet.
                    with contextlib.suppress(VerbundError):
                        self._ip("netns", "delete", namespace.name)
                    namespace.unlink(missing_ok=True)
        self._call(self._script("clean", f"verbund-{self._lab.id}-"))

    def _plug(self, state: HostState, cables: list[Cable]) -> None:
        """Give the host a fresh network namespace: no address or filter rule of an earlier run is left in it."""
        name = state.host.name
        own = self._namespace(name)
        plugs = [(self._hub, f"port{state.number}", "eth0")]
        for cable in cables:
            if cable.gateway == name:
                plugs.append((self._namespace(cable.host), "site0", f"cable{cable.port}"))
            elif cable.host == name:
                plugs.append((self._namespace(cable.gateway), f"cable{cable.port}", "site0"))
        if state.host.address and state.host.host_class != "gateway" and len(plugs) == 1:
            # An unplugged port: its other end lies in the hub's namespace and belongs to no bridge. Not a link of type
            # dummy, which not every kernel has.
            plugs.append((self._hub, f"spare{state.number}", "site0"))
        for other, far, _ in plugs:
            if self._has_link(other, far):
                self._ip("-n", other, "link", "delete", far)
        if (NAMESPACES / own).exists():
            self._ip("netns", "delete", own)
        self._ip("netns", "add", own)
        for other, far, near in plugs:
            address = mac(self._lab.id, name, near)
            self._ip("-n", own, "link", "add", near, "address", address, "type", "veth", "peer", far, "netns", other)
            if near == "eth0":
                self._ip("-n", other, "link", "set", far, "master", "hub", "up")
            elif other == self._hub:
                self._ip("-n", other, "link", "set", far, "up")

    def _empty(self, group: str) -> None:
        """End what is left in a container's control group: its processes do not carry the lab's mark."""
        deadline = time.monotonic() + 15
        while members := _members(group):
            if time.monotonic() > deadline:
                raise VerbundError(f"processes of a container do not end: {', '.join(str(p.pid) for p in members)}")
            for process in members:
                process.signal(signal.SIGKILL)
            time.sleep(0.05)

    def _place(self, state: HostState) -> Path:
        return self._directory / "hosts" / state.host.name

    def _namespace(self, host: str) -> str:
        return f"{self._hub}-{host}"

    def _group(self, host: str) -> str:
        return f"verbund-{self._lab.id}-{host}"

    @staticmethod
    def _script(*arguments: str) -> list[str]:
        text = resources.files("verbund.lab").joinpath("container.sh").read_text(encoding="utf-8")
        return ["unshare", "--mount", "--propagation", "private", "sh", "-eu", "-c", text, "container", *arguments]

    def _has_link(self, namespace: str, link: str) -> bool:
        found = subprocess.run(
            ["ip", "-n", namespace, "link", "show", link],
            capture_output=True,
            check=False,
            env={**os.environ, "PATH": search_path()},
        )
        return found.returncode == 0

    def _ip(self, *arguments: str) -> None:
        self._call(["ip", *arguments])

    def _call(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self._directory, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": search_path()},
            # Ctrl-C is for us: a step that was begun ends, so that no host stays frozen and no copy half.
            start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip() or f"exit status {done.returncode}"
            raise VerbundError(f"{' '.join(command[:1] + command[-4:])} failed: {said}")


def _make_room(note: Callable[[str], None]) -> None:
    """See that as many systemds fit on this machine as a lab may have: root's inotify instances are counted together.

    Linux allows a user 128 (inotify(7)), and each systemd with its services takes about six, so some twenty containers
    use them up and the next one ends with "Too many open files". It is only a limit, and holds until the next boot.
    """
    had = int(INOTIFY.read_text(encoding="ascii"))
    if had < INOTIFY_INSTANCES:
        try:
            INOTIFY.write_text(f"{INOTIFY_INSTANCES}\n", encoding="ascii")
        except OSError as error:
            note(f"{INOTIFY} stays at {had} ({error.strerror}): no more than about {had // 6} containers can run here")
        else:
            note(f"fs.inotify.max_user_instances raised from {had} to {INOTIFY_INSTANCES} until the next boot")


def _members(group: str) -> list[Process]:
    """The processes whose control group's name begins so."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                lines = (entry / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
                own = next((line[3:] for line in lines if line.startswith("0::")), "")
                name = own.strip("/").split("/")[0]
                if (name == group or (group.endswith("-") and name.startswith(group))) and (
                    process := Process.of(int(entry.name))
                ):
                    found.append(process)
    return found
