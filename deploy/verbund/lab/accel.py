# SPDX-License-Identifier: EUPL-1.2
"""Whether this machine's KVM really boots a guest. ``/dev/kvm`` being there proves nothing: it is tried."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from verbund.errors import UsageError, VerbundError
from verbund.lab.state import boot_id
from verbund.lab.tools import cache_directory, search_path

QEMU = "qemu-system-x86_64"
TCG = ("-accel", "tcg,thread=multi", "-cpu", "max")
KVM = ("-accel", "kvm", "-cpu", "host")

OLDEST_FOR_TCG = 8
"""QEMU 7.2 under software emulation crashes the kernel of Debian 13 at random (seen on Debian 12)."""

PROBE_SECONDS = 15.0
"""A kernel under a working KVM looks for its init within one or two seconds."""

_ALIVE = re.compile(rb"Run /init as init process|Freeing unused kernel")


def qemu_version() -> str:
    """Version of QEMU, ``10.0.2``.

    Raises:
        VerbundError: QEMU does not say.
    """
    said = subprocess.run(
        [QEMU, "--version"], capture_output=True, text=True, check=False, env={**os.environ, "PATH": search_path()}
    ).stdout
    found = re.search(r"version (\d+(?:\.\d+)+)", said)
    if not found:
        raise VerbundError(f"{QEMU} does not tell its version: {said[:80]!r}")
    return found[1]


def arguments(kernel: Path, initrd: Path, device: Path = Path("/dev/kvm")) -> tuple[str, ...]:
    """The QEMU arguments for the fastest way to run a guest that works here.

    The probe's answer is kept in the cache for this boot of the machine, this QEMU and this kernel.

    Args:
        kernel: the kernel that is tried.
        initrd: its initial file system.
        device: the KVM device.

    Raises:
        UsageError: KVM does not work and QEMU is too old to emulate Debian 13.
    """
    version = qemu_version()
    if os.access(device, os.R_OK | os.W_OK):
        wanted = {"boot": boot_id(), "qemu": version, "kernel": hashlib.sha256(kernel.read_bytes()).hexdigest()[:16]}
        memory = cache_directory() / "kvm.json"
        try:
            known = json.loads(memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if not isinstance(known, dict) or {key: known.get(key) for key in wanted} != wanted:
            known = {**wanted, "works": boots(KVM, kernel, initrd)}
            part = memory.with_name(f"kvm.json.{os.getpid()}")
            part.write_text(json.dumps(known), encoding="utf-8")
            part.replace(memory)
        if known["works"] is True:
            return KVM
    if int(version.split(".")[0]) < OLDEST_FOR_TCG:
        raise UsageError(
            f"KVM does not work on this machine, and QEMU {version} cannot emulate a Debian 13 guest reliably",
            "QEMU 8 is needed: make setup, or on Debian 12: apt-get install -t bookworm-backports qemu-system-x86",
        )
    return TCG


def boots(accelerator: tuple[str, ...], kernel: Path, initrd: Path, seconds: float = PROBE_SECONDS) -> bool:
    """Boot a kernel without a disk and look whether it gets as far as its init.

    Args:
        accelerator: QEMU arguments to try.
        kernel: the kernel to boot.
        initrd: its initial file system.
        seconds: how long to wait.
    """
    with tempfile.TemporaryDirectory(prefix="verbund-probe-") as work:
        serial = Path(work) / "serial"
        serial.touch()
        process = subprocess.Popen(
            [
                "setpriv", "--pdeathsig", "KILL",
                QEMU, *accelerator, "-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", str(kernel), "-initrd", str(initrd), "-append", "console=ttyS0 panic=-1",
                "-serial", f"file:{serial}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(Path(work) / "errors").open("wb"),
            env={**os.environ, "PATH": search_path()},
        )  # fmt: skip
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if _ALIVE.search(serial.read_bytes()):
                    return True
                if process.poll() is not None or b"KVM internal error" in (Path(work) / "errors").read_bytes():
                    return False
                time.sleep(0.1)
            return False
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
