# SPDX-License-Identifier: EUPL-1.2
"""The commands of the system that the lab calls, and where it caches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from verbund.errors import UsageError

PACKAGE_OF = {
    "ip": "iproute2",
    "mke2fs": "e2fsprogs",
    "newuidmap": "uidmap",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "ssh-keygen": "openssh-client",
    "ssh": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
    "xz": "xz-utils",
}
"""Which Debian package brings a command that is not called like it."""


def cache_directory() -> Path:
    """Where images are kept: ``$VERBUND_CACHE``, else ``verbund`` in the user's cache directory (XDG)."""
    named = os.environ.get("VERBUND_CACHE")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "verbund"


def require(names: list[str]) -> None:
    """Fail with one clear message where commands are missing that the lab calls.

    Args:
        names: commands, looked up in PATH and in the system directories that a plain user's PATH lacks.

    Raises:
        UsageError: something is missing; names all of it and the packages that bring it.
    """
    missing = [name for name in names if shutil.which(name, path=search_path()) is None]
    if missing:
        wanted = " ".join(sorted({PACKAGE_OF.get(name, name) for name in missing}))
        raise UsageError(
            f"the lab needs commands that this machine lacks: {', '.join(missing)}",
            f"run make setup, or: apt-get install {wanted}",
        )


def search_path() -> str:
    """PATH with the system directories, which a plain user's shell may not have."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
