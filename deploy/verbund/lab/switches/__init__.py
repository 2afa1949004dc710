# SPDX-License-Identifier: EUPL-1.2
"""Test switches over SSH that hold their state and tell the truth about it; see docs/test-devices.md.

``device`` is a switch, ``server`` puts it on a port, ``farm`` runs many beside a program with threads, ``faults`` is
what can go wrong with them, ``forwarding`` says which VLAN passes which port. The dialects are tables and share no code
with what configures switches: a mistake in one would hide the same mistake in the other.
"""

from verbund.lab.switches.clock import HandClock, WallClock
from verbund.lab.switches.device import Device, Neighbour, Outage
from verbund.lab.switches.farm import Farm
from verbund.lab.switches.faults import Faults
from verbund.lab.switches.forwarding import Forwarding, Reach, Uplink
from verbund.lab.switches.registry import PLATFORMS
from verbund.lab.switches.server import Switch

__all__ = [
    "PLATFORMS",
    "Device",
    "Farm",
    "Faults",
    "Forwarding",
    "HandClock",
    "Neighbour",
    "Outage",
    "Reach",
    "Switch",
    "Uplink",
    "WallClock",
]
