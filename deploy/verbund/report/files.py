# SPDX-License-Identifier: EUPL-1.2
"""Writing a file so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

from pathlib import Path

from verbund.errors import UsageError
from verbund.files import write_atomically


def replace_bytes(path: Path, content: bytes) -> None:
    """Put a file in place in one step.

    Args:
        path: the file; its directory is made.
        content: what it shall hold.

    Raises:
        UsageError: the directory or the file cannot be written.
    """
    try:
        write_atomically(path, content, 0o644)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}", "name a directory you may write to with --output"
        ) from error
