# SPDX-License-Identifier: EUPL-1.2
"""The two terminals every command writes to, and progress that also reads well in a log file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from verbund.errors import Interrupted
from verbund.text import clean

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

LONGEST = 100_000
"""Characters of one message that are shown; a host may send more."""


def safe(text: str) -> str:
    """Text that came from a host or a file, made harmless for a terminal (no escapes, no marks that turn lines)."""
    return clean(text, LONGEST)


@contextmanager
def interruptible(state: str, hint: str = "the same command again goes on") -> Iterator[None]:
    """Turn Ctrl-C within the block into a sentence that says how things stand.

    Args:
        state: what was done and what was not.
        hint: how to go on.

    Raises:
        Interrupted: in place of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {state}", hint) from None


class Stages:
    """Numbered stages with the elapsed time: ``[2/7  0:01:12] rolling out``.

    Args:
        total: how many stages there will be.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._start = time.monotonic()

    def begin(self, text: str) -> None:
        """Announce the next stage."""
        self._done += 1
        self._line(f"[{self._done}/{self._total}  {self.elapsed()}] {text}", "bold")

    def note(self, text: str) -> None:
        """Say something within the stage."""
        self._line(f"        {self.elapsed()}  {safe(text)}", "")

    def elapsed(self) -> str:
        """Time since the first stage as ``h:mm:ss``."""
        seconds = int(time.monotonic() - self._start)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def _line(self, text: str, style: str) -> None:
        output.print(Text(text, style=style), soft_wrap=True)
