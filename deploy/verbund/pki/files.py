# SPDX-License-Identifier: EUPL-1.2
"""Write key files: never half, never readable by others for even a moment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def private_directory(path: Path) -> Path:
    """Make a directory (and what is missing above it) that only its owner may enter (0700)."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 in one step."""
    _write(path, text, 0o600)


def write_public(path: Path, text: str) -> None:
    """Write a file with mode 0644 in one step."""
    _write(path, text, 0o644)


def _write(path: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.chmod(mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
