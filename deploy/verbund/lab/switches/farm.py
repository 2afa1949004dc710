# SPDX-License-Identifier: EUPL-1.2
"""Many switches in the background of a program that works with threads, as an engine with netmiko does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from verbund.lab.switches.server import Switch

if TYPE_CHECKING:
    from types import TracebackType

    from verbund.lab.switches.clock import HandClock
    from verbund.lab.switches.device import Device

T = TypeVar("T")


class Farm:
    """Switches on an event loop of their own, in a thread of their own.

    ::

        with Farm([Device("cisco_ios", "sw1"), Device("aruba_aoss", "sw2")]) as farm:
            port = farm["sw1"].port

    Whatever changes a device from outside belongs on that loop: use `call` and `advance`.

    Args:
        devices: the switches, each with a name of its own.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        self.switches = {device.name: Switch(device) for device in devices}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="switches", daemon=True)

    def __getitem__(self, name: str) -> Switch:
        return self.switches[name]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def __enter__(self) -> Farm:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)
        except BaseException:
            self._halt()
            raise
        return self

    async def _start(self) -> None:
        for switch in self.switches.values():
            await switch.start()

    async def _stop(self) -> None:
        for switch in self.switches.values():
            await switch.stop()
        await asyncio.sleep(0.01)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._halt()

    def _halt(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def call(self, action: Callable[[], T]) -> T:
        """Do something on the loop of the switches and wait for it."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(action())
            except BaseException as error:  # goes to the thread that asked
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(60)

    def advance(self, clock: HandClock, seconds: float) -> None:
        """Move a clock that the switches go by."""
        self.call(lambda: clock.advance(seconds))
