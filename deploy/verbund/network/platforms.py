# SPDX-License-Identifier: EUPL-1.2
"""One row per platform: how it is reached, how it names things, how it comes back from a mistake, what it cannot do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from verbund.network.structured import DeviceConfig, PlatformName, Port

Rollback = Literal["revert-timer", "checkpoint", "commit-delay", "reload-timer", "inverse", "transaction"]

ALIASES: dict[str, PlatformName] = {
    "cisco_xe": "cisco_ios",
    "hp_procurve": "aruba_aoss",
    "lancom_lcossx": "lancom_sx",
}
"""Names that site files used before, and what they mean."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What we know of a network operating system.

    Args:
        name: the name in structured configurations and of the directory of its templates.
        title: for people.
        netmiko: device type of netmiko.
        negation: the word that takes a line back; empty where the platform has no command line of its own.
        port: what a port is called, as a regular expression.
        channel: what port channel N is called, with ``{}`` for N.
        rollback: how a change is undone when nobody confirms it; the engine falls back to the computed inverse.
        arm: commands that arm the rollback, with ``{minutes}``; empty where there is none.
        confirm: commands that make the change stay.
        save: commands that write it to flash.
        show: what prints the running configuration.
        cannot: feature of the structured configuration -> why this platform does not have it, and what holds instead.
    """

    name: PlatformName
    title: str
    netmiko: str
    negation: str
    port: str
    channel: str
    rollback: Rollback
    show: str
    arm: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    save: tuple[str, ...] = ()
    cannot: dict[str, str] = field(default_factory=dict)

    @property
    def cli(self) -> bool:
        """Whether the configuration is a tree of lines that can be diffed and pushed line by line."""
        return bool(self.negation)

    def channel_name(self, number: int) -> str:
        """What the device calls a port channel."""
        return self.channel.format(number)


PLATFORMS: dict[PlatformName, Platform] = {
    platform.name: platform
    for platform in (
        Platform(
            name="cisco_ios",
            title="Cisco IOS / IOS-XE",
            netmiko="cisco_ios",
            negation="no",
            port=r"(?:FastEthernet|GigabitEthernet|TwoGigabitEthernet|FiveGigabitEthernet|TenGigabitEthernet|"
            r"TwentyFiveGigE|FortyGigabitEthernet)[0-9]+(?:/[0-9]+){1,2}",
            channel="Port-channel{}",
            rollback="revert-timer",
            arm=("configure terminal revert timer {minutes}",),
            confirm=("configure confirm",),
            save=("write memory",),
            show="show running-config",
        ),
        Platform(
            name="aruba_aoscx",
            title="Aruba AOS-CX",
            netmiko="aruba_aoscx",
            negation="no",
            port=r"[0-9]+/[0-9]+/[0-9]+",
            channel="lag {}",
            rollback="checkpoint",
            arm=("checkpoint auto {minutes}",),
            confirm=("checkpoint auto confirm",),
            save=("write memory",),
            show="show running-config",
            cannot={
                "storm_percent": "AOS-CX limits broadcast in kilobits per second; the share is taken of 1 Gbit/s",
            },
        ),
        Platform(
            name="aruba_aoss",
            title="Aruba AOS-S / HP ProCurve",
            netmiko="aruba_osswitch",
            negation="no",
            port=r"(?:[A-Z]|[0-9]{1,2}/[A-Z]?)?[0-9]{1,3}",
            channel="trk{}",
            rollback="reload-timer",
            arm=("reload after {minutes}",),
            confirm=("no reload",),
            save=("write memory",),
            show="show running-config",
            cannot={
                "dot1x.monitor": "AOS-S has no monitor mode of 802.1X: the port stays open and reports nothing",
                "dot1x.critical": "not all versions of AOS-S have a critical VLAN: a client stays out without RADIUS",
            },
        ),
        Platform(
            name="lancom_sx",
            title="LANCOM LCOS SX 4",
            netmiko="lancom_lcossx4",
            negation="no",
            port=r"(?:GigabitEthernet|2\.5GigabitEthernet|10GigabitEthernet)[0-9]+/[0-9]+",
            channel="llag {}",
            rollback="inverse",
            save=("copy running-config startup-config",),
            show="show running-config",
            cannot={
                "ra_guard": "LCOS SX has no RA guard: a rogue router is kept out by 802.1X and found by the monitoring",
                "dot1x.monitor": "LCOS SX has no monitor mode of 802.1X: the port stays open and reports nothing",
                "dot1x.auth_fail": "LCOS SX knows one guest VLAN for the whole switch, none for refused devices",
                "dot1x.critical": "LCOS SX has no VLAN for the time without RADIUS: a client stays out",
                "storm_percent": "LCOS SX has one limit for the whole switch: the lowest of its ports, of 1 Gbit/s",
                "channel.stp": "LCOS SX has one spanning tree setting for all port channels; roles are not set",
                "channel.trust": "LCOS SX trusts per port: members of a channel get the channel's trust",
                "management.banner": "LCOS SX keeps one line: the first line of the banner is shown",
            },
        ),
        Platform(
            name="hpe_comware",
            title="HPE Comware 7 / H3C",
            netmiko="hp_comware",
            negation="undo",
            port=r"(?:GigabitEthernet|Ten-GigabitEthernet|M-GigabitEthernet|Twenty-FiveGigE)[0-9]+/[0-9]+/[0-9]+",
            channel="Bridge-Aggregation{}",
            rollback="commit-delay",
            arm=("configuration commit delay {minutes}",),
            confirm=("configuration commit",),
            save=("save force",),
            show="display current-configuration",
            cannot={
                "dot1x.monitor": "Comware 7 has no monitor mode of 802.1X: the port stays open and reports nothing",
            },
        ),
        Platform(
            name="linux_bridge",
            title="Linux bridge (systemd-networkd)",
            netmiko="linux",
            negation="",
            port=r"[a-z][a-z0-9]{1,14}",
            channel="bond{}",
            rollback="transaction",
            show="cat /etc/systemd/network/*",
            cannot={
                "dot1x": "802.1X of a Linux bridge port is hostapd's, which the base system does not run",
                "stp.mstp": "the kernel speaks 802.1D only; towards MSTP neighbours it falls back to STP",
                "stp.region": "the kernel speaks 802.1D only: there is no region",
                "dhcp_snooping": "a Linux bridge has no DHCP snooping: nftables drops DHCP answers on untrusted ports",
                "arp_inspection": "a Linux bridge has no ARP inspection",
                "storm_percent": "a Linux bridge has no storm control by share of the speed",
                "poe": "the ports have no power",
                "management.snmp": "SNMP is not part of the base system; the host is monitored as a server",
                "management.radius": "logins are the base system's: keys, no RADIUS",
                "management.banner": "the banner is the base system's (role banner)",
                "management.ntp": "time is the base system's (role time)",
                "management.syslog": "logging is the base system's (role logging)",
                "description": "descriptions stand in the files, the kernel does not show them",
            },
        ),
        Platform(
            name="openvswitch",
            title="Open vSwitch",
            netmiko="ovs_linux",
            negation="",
            port=r"[a-z][a-z0-9-]{1,14}",
            channel="bond{}",
            rollback="transaction",
            show="ovs-vsctl --format=json list Port",
            cannot={
                "dot1x": "Open vSwitch has no 802.1X",
                "stp.mstp": "Open vSwitch speaks RSTP, which MSTP neighbours understand; there is no region",
                "stp.region": "Open vSwitch speaks RSTP: there is no region",
                "stp.guard": "Open vSwitch has no BPDU guard and no root guard",
                "dhcp_snooping": "Open vSwitch has no DHCP snooping; flows drop DHCP answers on untrusted ports",
                "arp_inspection": "Open vSwitch has no ARP inspection",
                "storm_percent": "Open vSwitch has no storm control by share of the speed",
                "poe": "the ports have no power",
                "management.snmp": "SNMP is not part of the base system; the host is monitored as a server",
                "management.radius": "logins are the base system's: keys, no RADIUS",
                "management.banner": "the banner is the base system's (role banner)",
                "management.ntp": "time is the base system's (role time)",
                "management.syslog": "logging is the base system's (role logging)",
            },
        ),
    )
}


def platform_named(name: str) -> Platform:
    """The row of a platform, also under an older name.

    Raises:
        KeyError: there is no such platform.
    """
    for platform in PLATFORMS.values():
        if platform.name == ALIASES.get(name, name):
            return platform
    raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that the configuration asks for and the platform does not do.

    Args:
        feature: key of `Platform.cannot`.
        places: ports or other places that ask for it; empty for the whole device.
        reason: what holds instead.
    """

    feature: str
    places: tuple[str, ...]
    reason: str


_ON_PORTS: dict[str, Callable[[Port], object]] = {
    "dot1x": lambda port: port.dot1x,
    "dot1x.monitor": lambda port: port.dot1x and port.dot1x.mode == "monitor",
    "dot1x.auth_fail": lambda port: port.dot1x and port.dot1x.auth_fail,
    "dot1x.critical": lambda port: port.dot1x and port.dot1x.critical,
    "ra_guard": lambda port: port.ra_guard and port.mode == "access" and not port.channel,
    "storm_percent": lambda port: port.storm_percent,
    "poe": lambda port: port.poe == "off" and port.mode != "parked",
    "stp.guard": lambda port: port.stp != "uplink" and port.mode != "parked" and not port.channel,
}
_ON_DEVICE: dict[str, Callable[[DeviceConfig], object]] = {
    "stp.mstp": lambda _: True,
    "stp.region": lambda _: True,
    "dhcp_snooping": lambda config: config.dhcp_snooping,
    "arp_inspection": lambda config: config.arp_inspection,
    "channel.stp": lambda config: [channel for channel in config.channels if channel.stp != "uplink"],
    "channel.trust": lambda config: [one for one in config.channels if one.dhcp_trust or one.arp_trust],
    "management.snmp": lambda config: config.management.snmp,
    "management.radius": lambda config: config.management.radius,
    "management.banner": lambda config: config.management.banner,
    "management.ntp": lambda config: config.management.ntp,
    "management.syslog": lambda config: config.management.syslog,
    "description": lambda config: [port for port in config.ports if port.description],
}


def gaps(config: DeviceConfig) -> list[Gap]:
    """What the configuration asks for and its platform cannot do; reports show it, nothing is left out silently."""
    return list(_gaps(config))


def _gaps(config: DeviceConfig) -> Iterator[Gap]:
    for feature, reason in PLATFORMS[config.platform].cannot.items():
        if test := _ON_PORTS.get(feature):
            if places := tuple(port.name for port in config.ports if test(port)):
                yield Gap(feature, places, reason)
        elif _ON_DEVICE[feature](config):
            yield Gap(feature, (), reason)


def unknown_ports(config: DeviceConfig) -> list[str]:
    """Ports whose names this platform does not use."""
    known = re.compile(PLATFORMS[config.platform].port)
    return [port.name for port in config.ports if not known.fullmatch(port.name)]
