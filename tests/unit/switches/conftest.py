# SPDX-License-Identifier: EUPL-1.2
"""Switches on loopback, and netmiko to talk to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from netmiko import ConnectHandler

from verbund.lab.switches.clock import HandClock
from verbund.lab.switches.device import Device
from verbund.lab.switches.farm import Farm

if TYPE_CHECKING:
    from netmiko.base_connection import BaseConnection

NETMIKO = {
    "cisco_ios": "cisco_ios",
    "aruba_aoscx": "aruba_aoscx",
    "aruba_aoss": "aruba_osswitch",
    "lancom_sx": "lancom_lcossx4",
    "hpe_comware": "hp_comware",
}


class Lab:
    """Some switches and the sessions on them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.clock = HandClock()
        self.farm: Farm

    def start(self, *devices: Device) -> Farm:
        """Run switches until the test is over."""
        self.farm = self._stack.enter_context(Farm(devices))
        return self.farm

    def device(self, platform: str = "cisco_ios", name: str = "sw1", **more: Any) -> Device:
        """A switch on the clock of the test, already listening."""
        device = Device(platform, name, **{"ports": 8, "clock": self.clock, **more})
        self.start(device)
        return device

    def login(self, name: str = "sw1", **more: Any) -> BaseConnection:
        """A netmiko session."""
        switch = self.farm[name]
        platform = switch.device.dialect.name
        connection = ConnectHandler(
            **{
                "device_type": NETMIKO[platform],
                "host": switch.host,
                "port": switch.port,
                "username": "admin",
                "password": "admin",
                "fast_cli": True,
                "global_cmd_verify": True,
                "conn_timeout": 10,
                **more,
            }
        )
        self._stack.callback(connection.remote_conn_pre.close)
        return connection

    def advance(self, seconds: float) -> None:
        """Move the clock of the switches."""
        self.farm.advance(self.clock, seconds)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with ExitStack() as stack:
        yield Lab(stack)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait a little for what another thread does."""

    def wait(test: Callable[[], bool]) -> None:
        end = time.monotonic() + 5
        while not test():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.01)

    return wait
