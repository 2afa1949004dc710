# SPDX-License-Identifier: EUPL-1.2
"""Writing a file so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from verbund.errors import UsageError


def replace_bytes(path: Path, content: bytes) -> None:
    """Put a file in place in one step.

    Args:
        path: the file; its directory is made.
        content: what it shall hold.

    Raises:
        UsageError: the directory or the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}", "name a directory you may write to with --output"
        ) from error
