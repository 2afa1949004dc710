# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - lines of devices are as long as they are
"""One switch with everything the standard knows, for any platform; tests change it and look what follows."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from verbund.network import structured
from verbund.network.platforms import PLATFORMS

if TYPE_CHECKING:
    from verbund.network.structured import DeviceConfig, PlatformName

CLI: tuple[PlatformName, ...] = tuple(name for name, platform in PLATFORMS.items() if platform.cli)
ALL: tuple[PlatformName, ...] = tuple(PLATFORMS)

_PORT = {
    "cisco_ios": "GigabitEthernet1/0/{}",
    "aruba_aoscx": "1/1/{}",
    "aruba_aoss": "{}",
    "lancom_sx": "GigabitEthernet1/{}",
    "hpe_comware": "GigabitEthernet1/0/{}",
    "linux_bridge": "swp{}",
    "openvswitch": "swp{}",
}


def port_name(platform: str, number: int) -> str:
    return _PORT[platform].format(number)


def plain(platform: str) -> dict[str, Any]:
    """The sample as a plain value: 12 ports; 1-3 clients, 4 access point, 5-9 unused, 10 spare, 11+12 the uplink."""

    def name(number: int) -> str:
        return port_name(platform, number)

    dot1x = {"mode": "enforce", "auth_fail": 98, "critical": 20}
    return copy.deepcopy({
        "version": 1,
        "name": "erk-ggs-sw1",
        "platform": platform,
        "hostname": "erk-ggs-sw1",
        "management": {
            "vlan": 10,
            "address4": "10.32.10.11/24",
            "gateway4": "10.32.10.1",
            "address6": "2001:db8:32:10::11/64",
            "gateway6": "2001:db8:32:10::1",
            "uplinks": ["channel 1"],
            "allowed": ["10.0.8.0/24", "10.0.9.0/24", "2001:db8:8::/64"],
            "admin": {"name": "notfall", "secret": "switch/notfall"},
            "radius": [{"address": "10.32.12.5", "secret": "radius/erk-ggs"}],
            "syslog": ["10.0.8.20"],
            "ntp": ["10.32.10.1"],
            "snmp": {"user": "monitor", "auth": "snmp/auth", "privacy": "snmp/priv"},
            "banner": ["Zugang nur fuer Befugte.", "Jeder Zugriff wird aufgezeichnet."],
        },
        "parking": 999,
        "vlans": [
            {"id": 10, "name": "mgmt"},
            {"id": 20, "name": "verw"},
            {"id": 21, "name": "verw-wlan"},
            {"id": 22, "name": "paed"},
            {"id": 80, "name": "voice"},
            {"id": 98, "name": "quarantaene"},
            {"id": 999, "name": "parking"},
        ],
        "stp": {"region": "erk-ggs"},
        "dhcp_snooping": "20-22,80",
        "arp_inspection": "20,22",
        "channels": [
            {
                "number": 1, "description": "zum Gateway", "mode": "trunk", "tagged": "10,20-22,80,98",
                "dhcp_trust": True, "arp_trust": True, "ra_guard": False,
            }
        ],
        "ports": [
            {"name": name(1), "description": "r101 Dose 1", "access": 20, "dot1x": dot1x, "storm_percent": 5},
            {"name": name(2), "access": 20, "voice": 80, "dot1x": dot1x, "storm_percent": 5},
            {"name": name(3), "access": 22, "isolated": True, "poe": "off"},
            {"name": name(4), "description": "AP Flur", "mode": "trunk", "native": 10, "tagged": "21,22", "stp": "edge"},
            *({"name": name(number), "mode": "parked"} for number in range(5, 10)),
            {"name": name(10), "description": "sw2", "mode": "trunk", "tagged": "10,20", "stp": "guarded",
             "ra_guard": False},
            {"name": name(11), "description": "Uplink A", "channel": 1},
            {"name": name(12), "description": "Uplink B", "channel": 1},
        ],
    })  # fmt: skip


def sample(platform: str) -> DeviceConfig:
    return structured.parse(plain(platform))
