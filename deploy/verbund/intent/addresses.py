# SPDX-License-Identifier: EUPL-1.2
"""The address plan: a pure function of numbers that stand in the files.

No address depends on what else is there or on the order of lists. Slots, numbers and the index of a client within its
room are the only inputs, so adding or removing anything renumbers nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, AF_INET6, inet_ntop
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from verbund.intent.model import Plan, Profile, Site, Standard

_Network = TypeVar("_Network", IPv4Network, IPv6Network)


def plan_of(standard: Standard, network: IPv4Network) -> tuple[str, Plan] | None:
    """The address plan that goes with the length of a site's network, None if there is none."""
    for name, plan in standard.plans.items():
        if plan.length == network.prefixlen:
            return name, plan
    return None


def zone_network(site: Site, plan: Plan, zone: str) -> IPv4Network:
    """The IPv4 subnet of a zone at a site."""
    override = site.zones.get(zone)
    if override is not None and override.network is not None:
        return override.network
    relative = plan.zones[zone]
    return IPv4Network((int(site.network.network_address) + int(relative.network_address), relative.prefixlen))


def zone_network6(tenant_block: IPv6Network, site_number: int, vlan: int) -> IPv6Network:
    """The /64 of a zone: the tenant's /48, one byte for the site, one byte that reads like the VLAN id.

    VLAN 20 at site 7 becomes ``<prefix>:0720::/64``.

    Args:
        tenant_block: a /48.
        site_number: 1 to 255.
        vlan: VLAN id of the zone in the standard, at most 99.
    """
    subnet = site_number << 8 | int(str(vlan), 16)
    return IPv6Network((int(tenant_block.network_address) | subnet << 64, 64))


def room_offset(plan: Plan, plan_name: str, profile: Profile, slot: int, index: int) -> int:
    """Offset of a client within its zone.

    Args:
        plan: the site's address plan.
        plan_name: its name.
        profile: of the client; must have offsets for the plan.
        slot: of the room, from 1.
        index: of the client among its room's clients of that profile, from 1.
    """
    return slot * plan.block + profile.offsets[plan_name].first + index - 1


def capacity(profile: Profile, plan_name: str) -> int:
    """How many clients of a profile one room's block holds."""
    offsets = profile.offsets.get(plan_name)
    return 0 if offsets is None else offsets.last - offsets.first + 1


def last_number(plan: Plan, network: IPv4Network, *, rooms: bool) -> int:
    """Largest number of a single machine or device in a zone (the rooms own what is above)."""
    return plan.block - 1 if rooms else network.num_addresses - 2


def at(network: IPv4Network, offset: int) -> str:
    """The IPv4 address at an offset."""
    # inet_ntop: the same text as ipaddress, ten times faster; fifty thousand hosts notice.
    return inet_ntop(AF_INET, (int(network.network_address) + offset).to_bytes(4, "big"))


def interface6(network: IPv6Network, slot: int, number: int) -> str:
    """The IPv6 address for a slot (0: none) and a number: ``<prefix>::<slot>:<number>``."""
    return inet_ntop(AF_INET6, (int(network.network_address) | slot << 16 | number).to_bytes(16, "big"))


@lru_cache(maxsize=4)
def public_space(reserved: tuple[IPv4Network | IPv6Network, ...]) -> tuple[str, ...]:
    """The internet as networks: everything public, without private space and without what is given.

    A rule towards 0.0.0.0/0 would open every zone; this cannot.

    Args:
        reserved: networks of tenants and provider that are not the internet.
    """
    # RFC 6890 special purpose registries; multicast RFC 5771.
    private = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    ]  # fmt: skip
    four = [IPv4Network("0.0.0.0/0")]
    for hole in [*map(IPv4Network, private), *(n for n in reserved if isinstance(n, IPv4Network))]:
        four = [rest for network in four for rest in _without(network, hole)]
    six = [IPv6Network("2000::/3")]
    for hole6 in [IPv6Network("2001:db8::/32"), *(n for n in reserved if isinstance(n, IPv6Network))]:
        six = [rest for network in six for rest in _without(network, hole6)]
    return (*map(str, sorted(four)), *map(str, sorted(six)))


def _without(network: _Network, hole: _Network) -> list[_Network]:
    if network.subnet_of(hole):
        return []
    return list(network.address_exclude(hole)) if hole.subnet_of(network) else [network]
