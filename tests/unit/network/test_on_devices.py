# SPDX-License-Identifier: EUPL-1.2
"""Plans on the stateful test switches: there, cut anywhere, and back to the same bytes, never out of reach."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import sample
from test_diff_property import SETTINGS, Case, cases

from verbund.lab.switches.device import Device
from verbund.lab.switches.forwarding import Uplink
from verbund.network import diff

pytestmark = pytest.mark.loopback

SECRET = "Geheim-12345678"


def fresh(platform: str) -> Device:
    names = [port.name for port in sample.sample(platform).ports]
    if platform == "lancom_sx":
        names = [name.replace("GigabitEthernet", "GigabitEthernet ") for name in names]
    return Device(platform, ports=names)


def send(device: Device, lines: list[str]) -> None:
    console = device.console()
    for line in lines:
        # Comware's manuals have the short form; the test switch asks for the group.
        typed = line.replace("undo port-isolate enable", "undo port-isolate enable group 1")
        for part in typed.split("\n"):
            console.configure(part)


def shown(device: Device) -> str:
    # 0 is what a port has that was never set; the test switch prints it all the same.
    lines = [line for line in device.running_config().splitlines() if not line.endswith(" reauth-period 0")]
    return "\n".join(lines) + "\n"


def watch(device: Device) -> None:
    """From here on the device notes every moment in which the controller could not reach it."""
    device.uplink = Uplink(device.hardware.ports[10], 10, controller="10.0.8.5", address="10.32.10.11")
    device.address = device._own_address()
    device.check_reach()
    device.outages.clear()
    assert device.manageable(), device.reach.why


@pytest.mark.parametrize("platform", sample.CLI)
def test_there_and_back(platform: Any) -> None:
    @SETTINGS
    @given(case=cases(platform), seed=st.integers(0, 1000))
    def run(case: Case, seed: int) -> None:
        one, other = case.texts()
        device = fresh(platform)
        send(device, diff.plan(platform, device.running_config(), one, secrets=True).lines(lambda _: SECRET))
        start = shown(device)
        assert diff.plan(platform, start, one).difference == ""
        watch(device)
        lines = diff.plan(platform, start, other).lines(lambda _: SECRET)
        cut = random.Random(seed).randint(0, len(lines))
        send(device, lines[:cut])
        send(device, diff.rollback(platform, start, shown(device)).lines(lambda _: SECRET))
        assert shown(device) == start, f"cut after line {cut}"
        send(device, lines)
        assert diff.plan(platform, shown(device), other).difference == ""
        send(device, diff.rollback(platform, start, shown(device)).lines(lambda _: SECRET))
        assert shown(device) == start
        assert not device.outages

    run()
