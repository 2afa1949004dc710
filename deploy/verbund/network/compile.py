# SPDX-License-Identifier: EUPL-1.2
"""From the topology to the structured configuration of each switch.

What differs from switch to switch is decided here, once, for every platform: which VLANs it knows, what each port is
for, whom it trusts, where it reports to. The same intent gives the same bytes.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TYPE_CHECKING, Literal

from verbund.errors import UsageError
from verbund.intent import addresses
from verbund.intent.compile import nearest
from verbund.network.policy import span
from verbund.network.structured import (
    Admin,
    DeviceConfig,
    Dot1x,
    Management,
    Port,
    PortChannel,
    Radius,
    Snmp,
    Stp,
    VlanEntry,
)
from verbund.network.topology import MANAGEMENT, rings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from verbund.network import topology
    from verbund.network.reachability import Model
    from verbund.network.structured import StpRole
    from verbund.network.topology import End, Link, Site, Switch

BANNER = ("Zugang nur für Befugte.", "Zugriffe werden protokolliert, Missbrauch wird verfolgt.")
EMERGENCY_LOGIN = "notfall"
"""The local login that works while no RADIUS server answers; its password is in the vault."""
MONITORING_USER = "monitoring"
STORM_PERCENT = 5
"""Share of a port's speed above which broadcast and multicast is dropped: far above what a room causes."""

_DHCP_SERVER = 67
_PRIORITY_STEP = 4096  # IEEE 802.1Q-2018, 13.26.3: the priority is a multiple of 4096
_LAST_PRIORITY = 61440
# What structured.Words allows, as the characters that it does not.
_NOT_WORDS = re.compile(r"[^A-Za-z0-9ÄÖÜäöüß _.,:;/()+@>=-]")
_LONGEST = 64


def configs(model: Model, *, site: str | None = None, switch: str | None = None) -> list[DeviceConfig]:
    """The structured configurations, in the order of the files.

    Args:
        model: of the whole intent; :func:`verbund.network.checks.demand` says whether it may be built.
        site: only switches of this site (``tenant/site``).
        switch: only this one, by its name in the inventory (``gse-sw1``).

    Raises:
        UsageError: no switch is called so, or one has no cable to the gateway, so nobody could manage it.
    """
    found = [
        _Compiler(model, part).config(item)
        for part in model.network.sites
        if site is None or part.key == site
        for item in part.switches
        if switch is None or item.host == switch
    ]
    if switch is not None and not found:
        known = [item.host for part in model.network.sites for item in part.switches]
        raise UsageError(f"there is no switch '{switch}'", nearest(switch, known))
    return found


class _Compiler:
    """One site's part of the work."""

    def __init__(self, model: Model, site: Site) -> None:
        self.site = site
        self.provider = model.intent.provider
        self.compiled = model.intent.sites[site.tenant, site.name]
        self.hops = {switch.name: switch.hops for switch in site.switches} | dict.fromkeys(site.gateways, 0)
        nodes = [*site.gateways, *(switch.name for switch in site.switches)]
        _, self.single = rings(nodes, [(link.one.node, link.other.node) for link in site.links])
        self.quarantine = site.zones[site.quarantine].vlan
        # Where DHCP answers belong: zones that may ask the gateway for an address.
        self.leased = frozenset(
            zone.vlan
            for zone in site.zones.values()
            for rule in model.rules[site.key]
            if not rule.destinations
            and rule.protocol == "udp"
            and _DHCP_SERVER in rule.ports
            and rule.sources.holds(span(str(zone.four)))
        )
        self.log = [host.address for host in self.compiled.hosts if host.host_class == "server"] or [
            str(address) for address in self.provider.services.log
        ]

    def config(self, switch: Switch) -> DeviceConfig:
        site = self.site
        ends = [
            (index, link, end) for index, link in enumerate(site.links) for end in link.ends if end.node == switch.name
        ]
        snooped = switch.vlans & self.leased
        return DeviceConfig(
            version=1,
            name=switch.host,
            platform=switch.platform,
            hostname=switch.host,
            management=self._management(switch, ends),
            parking=site.parking,
            vlans=list(self._vlans(switch)),
            stp=Stp(region=site.short, priority=_priority(switch)),
            dhcp_snooping=snooped,
            arp_inspection=snooped,
            channels=[
                self._channel(switch, index, link, end)
                for index, link, end in sorted(ends, key=lambda item: item[2].channel or 0)
                if end.channel is not None
            ],
            ports=[self._port(switch, port) for port in switch.ports],
        )

    def _management(self, switch: Switch, ends: list[tuple[int, Link, End]]) -> Management:
        site, zone = self.site, self.site.zones[MANAGEMENT]
        towards = [_name(switch, end) for _, link, end in ends if self._upwards(switch, _far(link, switch))]
        if not towards:
            raise UsageError(
                f"no cable leads from {switch.host} to the gateway: nobody could manage it", "see verbund net check"
            )
        tenant = site.tenant
        return Management(
            vlan=zone.vlan,
            address4=IPv4Interface(f"{addresses.at(zone.four, switch.number)}/{zone.four.prefixlen}"),
            gateway4=IPv4Address(self.compiled.gateway[MANAGEMENT]),
            address6=IPv6Interface(f"{addresses.interface6(zone.six, 0, switch.number)}/{zone.six.prefixlen}"),
            gateway6=IPv6Address(addresses.interface6(zone.six, 0, 1)),
            uplinks=towards,
            allowed=list(self.provider.management),
            admin=Admin(name=EMERGENCY_LOGIN, secret=f"switch/{tenant}/{EMERGENCY_LOGIN}"),
            radius=[
                Radius(address=address, secret=f"radius/{tenant}/{switch.host}")
                for address in self.provider.services.radius
            ],
            radius_logins=bool(self.provider.services.radius),
            syslog=list(map(IPv4Address, self.log)),
            ntp=[IPv4Address(self.compiled.gateway[MANAGEMENT])],
            snmp=Snmp(user=MONITORING_USER, auth=f"snmp/{tenant}/auth", privacy=f"snmp/{tenant}/privacy"),
            banner=list(BANNER),
        )

    def _vlans(self, switch: Switch) -> Iterator[VlanEntry]:
        names: Mapping[int, str] = {zone.vlan: zone.name for zone in self.site.zones.values()}
        for vlan in sorted(switch.vlans):
            yield VlanEntry(id=vlan, name="parking" if vlan == self.site.parking else names.get(vlan, f"vlan{vlan}"))

    # -- cables ----------------------------------------------------------------------------------------------------

    def _upwards(self, switch: Switch, other: str) -> bool:
        """Whether a cable leads nearer to the gateway."""
        mine, theirs = switch.hops, self.hops.get(other)
        return mine is not None and theirs is not None and theirs < mine

    def _role(self, switch: Switch, index: int, other: str) -> StpRole:
        """A switch below never becomes the root; in a ring any cable may be the way to it."""
        return "guarded" if index in self.single and not self._upwards(switch, other) else "uplink"

    def _channel(self, switch: Switch, index: int, link: Link, end: End) -> PortChannel:
        other = _far(link, switch)
        role = self._role(switch, index, other)
        return PortChannel(
            number=end.channel or 1,
            description=words(f"{other} {_other_end(link, switch)}"),
            mode="trunk",
            native=_native(self.site, end.native),
            tagged=end.tagged,
            stp=role,
            # Every switch of the standard stops foreign DHCP and ARP at its own edge. Asking again at each cable would
            # drop what a neighbour has marked (option 82) or leased before a restart.
            dhcp_trust=True,
            arp_trust=True,
            ra_guard=role == "guarded",
        )

    # -- ports -----------------------------------------------------------------------------------------------------

    def _port(self, switch: Switch, port: topology.Port) -> Port:
        if port.link is not None:
            return self._trunk(switch, port, self.site.links[port.link])
        if port.mode == "parked":
            return Port(name=port.name, mode="parked", enabled=False, poe="off")
        label = words(" ".join(filter(None, (*(item.name for item in port.occupants), port.socket, port.patch))))
        power: Literal["auto", "off"] = "auto" if port.supplies else "off"
        if port.mode == "trunk":  # an access point
            return Port(
                name=port.name,
                description=label,
                mode="trunk",
                native=_native(self.site, port.vlan),
                tagged=port.tagged,
                storm_percent=STORM_PERCENT,
                poe=power,
            )
        return Port(
            name=port.name,
            description=label,
            access=port.vlan,
            voice=port.voice,
            dot1x=self._dot1x(switch, port),
            storm_percent=STORM_PERCENT,
            poe=power,
            isolated=port.isolated,
        )

    def _trunk(self, switch: Switch, port: topology.Port, link: Link) -> Port:
        other = _far(link, switch)
        text = words(f"{other} {_other_end(link, switch)}")
        if port.channel is not None:
            return Port(name=port.name, description=text, channel=port.channel, poe="off")
        role = self._role(switch, port.link or 0, other)
        return Port(
            name=port.name,
            description=text,
            mode="trunk",
            native=_native(self.site, port.vlan),
            tagged=port.tagged,
            stp=role,
            dhcp_trust=True,
            arp_trust=True,
            ra_guard=role == "guarded",
            poe="off",
        )

    def _dot1x(self, switch: Switch, port: topology.Port) -> Dot1x | None:
        zone = self.site.zone_of(port.vlan)
        served = any(item.kind == "site-server" for item in port.occupants)
        if switch.dot1x == "off" or zone is None or served:
            return None
        # While no RADIUS server answers, administration stays shut and the others go on working.
        critical = self.quarantine if zone.realm == "administrative" else zone.vlan
        return Dot1x(
            mode="enforce" if switch.dot1x == "enforce" else "monitor", auth_fail=self.quarantine, critical=critical
        )


def words(text: str) -> str | None:
    """Text as a description on a device: foreign characters become a hyphen, at most 64 of them; None when empty.

    Args:
        text: names and labels of the intent.
    """
    clean = _NOT_WORDS.sub("-", text)[:_LONGEST]
    return re.sub(r"^[^A-Za-z0-9ÄÖÜäöüß]+|[^A-Za-z0-9ÄÖÜäöüß).]+$", "", clean) or None


def _priority(switch: Switch) -> int:
    if switch.priority is not None:
        return switch.priority
    return 32768 if switch.hops is None else min(_PRIORITY_STEP * switch.hops, _LAST_PRIORITY)


def _native(site: Site, vlan: int | None) -> int | None:
    return None if vlan == site.parking else vlan


def _name(switch: Switch, end: End) -> str:
    return f"channel {end.channel}" if end.channel is not None else switch.ports[end.ports[0] - 1].name


def _far(link: Link, switch: Switch) -> str:
    return link.other.node if link.one.node == switch.name else link.one.node


def _other_end(link: Link, switch: Switch) -> str:
    """Ports at the other end, as printed on its front."""
    end = link.other if link.one.node == switch.name else link.one
    return str(end).removeprefix(end.node).lstrip("/")


__all__ = ["configs", "words"]
