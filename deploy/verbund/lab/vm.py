# SPDX-License-Identifier: EUPL-1.2
"""Hosts as QEMU virtual machines: a kernel of their own, no root needed."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from verbund.errors import UnreachableError, UsageError, VerbundError
from verbund.lab import accel
from verbund.lab.hosts import CONTROLLER, MANAGEMENT, Cable, mac
from verbund.lab.qmp import Qmp
from verbund.lab.state import MARK, HostState, LabState, Process, end, marked
from verbund.lab.tools import require, search_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbund.lab.image import Image

ADDRESS = "192.0.2.15"
"""Every machine has a management network of its own, so all have the same address in it."""

KERNEL_ARGUMENTS = "root=/dev/vda rw console=ttyS0 net.ifnames=0 audit=1 apparmor=1 security=apparmor quiet"


class VirtualMachines:
    """The virtual machines of one lab.

    Args:
        directory: the lab's directory. QEMU runs in it, and all sockets are named relative to it: a socket's address
            holds only 107 bytes, a checkout's path may be longer.
        lab: the lab.
        image: what the machines are copies of.
        memory: MiB per machine.
    """

    machine = True

    def __init__(self, directory: Path, lab: LabState, image: Image, memory: int = 1024) -> None:
        self._directory = directory
        self._lab = lab
        self._image = image
        self._memory = memory

    @staticmethod
    def require() -> None:
        """Fail with one message where commands are missing.

        Raises:
            UsageError: names them.
        """
        require([accel.QEMU, "qemu-img", "ssh", "ssh-keygen", "setpriv", "socat"])

    def management_address(self, state: HostState) -> str:
        """See :class:`verbund.lab.driver.Driver`."""
        del state
        return ADDRESS

    def prepare(self, state: HostState, seed: bytes) -> None:
        """See :class:`verbund.lab.driver.Driver`."""
        place = self._place(state)
        disk = place / "disk.qcow2"
        if disk.exists():
            return
        archive = place / "seed.tar"
        archive.touch(mode=0o600)
        archive.write_bytes(seed)
        part = place / "disk.part"
        backing = str(self._image.disk)
        self._call(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", backing, str(part)])
        part.replace(disk)

    def connect(self, hosts: list[HostState], cables: list[Cable], note: Callable[[str], None]) -> None:
        """See :class:`verbund.lab.driver.Driver`; the cables are sockets between two machines, made by QEMU."""
        del hosts, cables, note
        (self._directory / "cables").mkdir(exist_ok=True)

    def start(self, state: HostState, cables: list[Cable], *more: str) -> Process:
        """See :class:`verbund.lab.driver.Driver`.

        Raises:
            VerbundError: QEMU does not start; says why.
        """
        place = self._place(state)
        for name in ("qmp.sock", "console.sock"):
            (place / name).unlink(missing_ok=True)
        errors = place / "qemu.log"
        command = [*self.command(state, cables, accel.arguments(self._image.kernel, self._image.initrd)), *more]
        with errors.open("wb") as sink:
            started = subprocess.Popen(
                command,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                env={**os.environ, "PATH": search_path(), MARK: f"{self._lab.id}:{state.host.name}"},
            )
        process = Process.of(started.pid)
        deadline = time.monotonic() + 30
        while process and time.monotonic() < deadline:
            if started.poll() is not None:
                break
            if (place / "qmp.sock").exists():
                return process
            time.sleep(0.05)
        said = errors.read_text(encoding="utf-8", errors="replace").strip()[-400:]
        raise VerbundError(f"the virtual machine {state.host.name} did not start: {said or 'no word from QEMU'}")

    def command(self, state: HostState, cables: list[Cable], accelerator: tuple[str, ...]) -> list[str]:
        """The QEMU command line of a host. Paths are relative to the lab's directory; no secret stands in it.

        Args:
            state: the host.
            cables: all cables of the lab.
            accelerator: from :func:`verbund.lab.accel.arguments`.
        """
        name = state.host.name
        place = f"hosts/{name}"
        command = [
            accel.QEMU, "-name", f"verbund-{self._lab.id}-{name}", "-nodefaults", "-no-user-config",
            # One processor each: under emulation a second one costs half as much again for locking (boot to login: 42
            # against 60 s of processor time), and machines run side by side anyway.
            "-machine", "pc", *accelerator, "-smp", "1", "-m", str(self._memory),
            "-display", "none", "-vga", "std", "-rtc", "base=utc", "-device", "virtio-rng-pci",
            "-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd), "-append", KERNEL_ARGUMENTS,
            # A lab's disk need not survive a crash of the controller: the guest never waits for the real disk.
            "-blockdev", ("driver=qcow2,node-name=root,discard=unmap,cache.no-flush=on,file.driver=file,"
            f"file.filename={place}/disk.qcow2"),
            "-device", "virtio-blk-pci,drive=root",
            "-blockdev", f"driver=raw,node-name=seed,read-only=on,file.driver=file,file.filename={place}/seed.tar",
            "-device", "virtio-blk-pci,drive=seed",
            "-chardev", (f"socket,id=console,path={place}/console.sock,server=on,wait=off,"
            f"logfile={place}/console.log,logappend=on"),
            "-serial", "chardev:console",
            "-qmp", f"unix:{place}/qmp.sock,server=on,wait=off",
            "-netdev", (f"user,id=eth0,restrict=on,ipv6=off,net={MANAGEMENT},host={CONTROLLER},dns=192.0.2.3,"
            f"dhcpstart={ADDRESS},hostfwd=tcp:127.0.0.1:{state.port}-{ADDRESS}:22"),
            "-device", f"virtio-net-pci,netdev=eth0,mac={mac(self._lab.id, name, 'eth0')}",
        ]  # fmt: skip
        ports = [(f"cable{cable.port}", cable.host, "gateway", "host") for cable in cables if cable.gateway == name]
        ports += [("site0", name, "host", "gateway") for cable in cables if cable.host == name]
        if state.host.address and state.host.host_class != "gateway" and not ports:
            ports = [("site0", name, "host", "gateway")]  # a socket with nobody at the other end: an unplugged port
        for port, cable, own, other in ports:
            command += [
                "-netdev", (f"dgram,id={port},local.type=unix,local.path=cables/{cable}.{own},"
                f"remote.type=unix,remote.path=cables/{cable}.{other}"),
                "-device", f"virtio-net-pci,netdev={port},mac={mac(self._lab.id, name, port)}",
            ]  # fmt: skip
        return command

    def stop(self, state: HostState) -> None:
        """See :class:`verbund.lab.driver.Driver`."""
        end(marked(self._lab.id, state.host.name))

    def snapshot(self, state: HostState, name: str) -> None:
        """See :class:`verbund.lab.driver.Driver`; memory and disk, so that coming back needs no boot."""
        with Qmp(self._place(state) / "qmp.sock") as machine:
            if name in state.snapshots:
                machine.job("snapshot-delete", tag=name, devices=["root"])
            machine.job("snapshot-save", tag=name, vmstate="root", devices=["root"])

    def restore(self, state: HostState, cables: list[Cable], name: str) -> Process:
        """See :class:`verbund.lab.driver.Driver`."""
        if state.process and state.process.alive():
            try:
                with Qmp(self._place(state) / "qmp.sock") as machine:
                    machine.job("snapshot-load", tag=name, vmstate="root", devices=["root"])
                    machine.run("cont")
            except UnreachableError:
                self.stop(state)
            else:
                return state.process
        return self.start(state, cables, "-loadvm", name)

    def screenshot(self, state: HostState, target: Path) -> None:
        """See :class:`verbund.lab.driver.Driver`."""
        with Qmp(self._place(state) / "qmp.sock") as machine:
            machine.run("screendump", filename=str(target.absolute()), format="png")

    def console_command(self, state: HostState) -> list[str]:
        """See :class:`verbund.lab.driver.Driver`; leave with Ctrl-]."""
        return ["socat", "STDIO,raw,echo=0,escape=0x1d", f"UNIX-CONNECT:hosts/{state.host.name}/console.sock"]

    def clean(self) -> None:
        """See :class:`verbund.lab.driver.Driver`; all of a machine lies in the lab's directory."""

    def _place(self, state: HostState) -> Path:
        return self._directory / "hosts" / state.host.name

    def _call(self, command: list[str]) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": search_path()}
        )
        if done.returncode:
            raise UsageError(f"{command[0]} failed: {done.stderr.strip()}")
