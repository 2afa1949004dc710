# SPDX-License-Identifier: EUPL-1.2
"""Time as the switches know it: the loop's, or one that a test turns by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Forget it."""


class Clock(Protocol):
    """A clock."""

    def now(self) -> float:
        """Seconds since 1970."""

    def after(self, seconds: float, action: Callable[[], None]) -> Alarm:
        """Do something later."""


class WallClock:
    """Real time, on the running event loop."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def after(self, seconds: float, action: Callable[[], None]) -> Alarm:
        """Do something later."""
        return asyncio.get_running_loop().call_later(seconds, action)


class _Due:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class HandClock:
    """Time that stands still until a test moves it; a ten-minute timer costs no waiting."""

    def __init__(self, start: float = 1_790_000_000.0) -> None:
        self._now = start
        self._due: list[tuple[float, int, _Due]] = []
        self._number = itertools.count()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now

    def after(self, seconds: float, action: Callable[[], None]) -> Alarm:
        """Do something when the clock has been moved so far."""
        due = _Due(action)
        heapq.heappush(self._due, (self._now + seconds, next(self._number), due))
        return due

    def advance(self, seconds: float) -> None:
        """Move time; what falls due happens in order."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            moment, _, due = heapq.heappop(self._due)
            self._now = max(self._now, moment)
            if due.action is not None:
                due.action()
        self._now = end
