# SPDX-License-Identifier: EUPL-1.2
"""First files for a new tenant and site, with networks that nobody uses yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from verbund.errors import UsageError
from verbund.intent.load import RESERVED_DIRECTORIES, load
from verbund.intent.yaml_source import shown

if TYPE_CHECKING:
    from verbund.intent.compile import Intent

Kind = Literal["school", "townhall"]

TENANT_LENGTH = 14
"""A tenant's first block: 32 small or 4 large sites."""
_SITE_LENGTH = {"small": 19, "large": 16}
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]{0,30}")
_Network = TypeVar("_Network", IPv4Network, IPv6Network)

_TENANT = """\
# SPDX-License-Identifier: EUPL-1.2
id: {id}
name: {name}
contact: IT-Koordination
ipv4: {ipv4}
ipv6: "{ipv6}"
"""

_SITE = """\
# SPDX-License-Identifier: EUPL-1.2
# After every change: verbund check {tenant}
kind: {kind}
name: {name}
short: {short}        # begins every host name
number: {number}
network: {network}

gateways: [{{name: gw1, number: 1}}]
servers: [{{name: srv1, number: 10, port: sw1/47}}]

# type: a model of deploy/verbund/intent/device_types.yml, instead of platform and ports. A second switch needs a cable:
# links: [{{from: sw2/48, to: sw1/46}}]; two parallel ones (sw2/47-48) make a port channel. See docs/network.md.
switches:
  - {{name: sw1, number: 10, platform: {platform}, ports: 48, uplink: 48}}

# The link to the data centre, once the gateway has made its key pair: wireguard: {{key: "its public key"}}

# A slot is a room's block of addresses for ever; a new room takes the next free slot.
rooms:
"""

_ROOMS: dict[str, str] = {
    "school": """\
  - name: r101
    slot: 1
    ports: {switch: sw1, from: 1, to: 6}
    clients: [{profile: school-client, count: 4}, {profile: school-teacher, count: 1}]
    devices: [{kind: printer, number: 10}]
  - name: office
    slot: 2
    ports: {switch: sw1, from: 7, to: 9}
    clients: [{profile: school-office, count: 2}]
    devices: [{kind: phone, number: 10}]
""",
    "townhall": """\
  - name: z001
    slot: 1
    ports: {switch: sw1, from: 1, to: 5}
    clients: [{profile: townhall-counter, count: 2}]
    devices: [{kind: phone, number: 10, count: 2}, {kind: printer, number: 10}]
  - name: z002
    slot: 2
    ports: {switch: sw1, from: 6, to: 11}
    clients: [{profile: townhall-client, count: 3}]
    devices: [{kind: phone, number: 12, count: 3}]
""",
}


def init(inventory: Path, tenant: str, site: str, kind: Kind, size: Literal["small", "large"] = "small") -> list[Path]:
    """Write a tenant (if it is new) and a site that pass ``verbund check``.

    Args:
        inventory: directory of the intent.
        tenant: id of the tenant.
        site: id of the site.
        kind: what stands there.
        size: address plan: ``small`` is a /19, ``large`` a /16.

    Returns:
        The files that were written.

    Raises:
        UsageError: an id is not possible, the site exists already, or no network is free.
        InputError: the intent that is there has errors; they come first.
    """
    for word, what in ((tenant, "tenant"), (site, "site")):
        if not _IDENTIFIER.fullmatch(word):
            raise UsageError(
                f"'{word}' cannot be the id of a {what}",
                "use small letters and digits, beginning with a letter, at most 31 characters",
            )
    if tenant in RESERVED_DIRECTORIES:
        raise UsageError(f"'{tenant}' cannot be the id of a tenant", f"{shown(inventory / tenant)} has another meaning")
    path = inventory / tenant / "sites" / f"{site}.yml"
    if path.exists() or path.is_symlink():
        raise UsageError(f"{shown(path)} exists already", "choose another site id; nothing was changed")
    intent = load(inventory)
    files: list[tuple[Path, str]] = []
    record = intent.tenants.get(tenant)
    if record is None:
        taken4 = [other.ipv4 for other in intent.tenants.values()] + _provider_networks(intent)
        block4 = _free(intent.provider.pools.ipv4, TENANT_LENGTH, taken4, "IPv4 block for a tenant")
        taken6 = [other.ipv6 for other in intent.tenants.values()] + _provider_networks6(intent)
        block6 = _free(intent.provider.pools.ipv6, 48, taken6, "IPv6 block for a tenant")
        text = _TENANT.format(id=tenant, name=tenant.capitalize(), ipv4=block4, ipv6=block6)
        files.append((inventory / tenant / "tenant.yml", text))
    else:
        block4 = record.ipv4
    sites = [compiled for (owner, _), compiled in intent.sites.items() if owner == tenant]
    taken = [
        network
        for compiled in sites
        for network in (compiled.record.network, *(four for four, _ in compiled.zones.values()))
    ]
    network = _free([block4], _SITE_LENGTH[size], taken, f"/{_SITE_LENGTH[size]} in the block of {tenant}")
    numbers = {compiled.record.number for compiled in sites}
    number = next((number for number in range(1, 256) if number not in numbers), None)
    if number is None:
        raise UsageError(f"{tenant} has 255 sites already", "its /48 has room for no more")
    names = {compiled.record.short for compiled in intent.sites.values()}
    head = _SITE.format(
        tenant=tenant,
        kind=kind,
        name=site.capitalize(),
        short=next(short for short in _shorts(tenant, site) if short not in names),
        number=number,
        network=network,
        platform="linux_bridge",
    )
    files.append((path, head + _ROOMS[kind]))
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, text in files:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    return [file for file, _ in files]


def _provider_networks(intent: Intent) -> list[IPv4Network]:
    networks = [*intent.provider.management, *(n for group in intent.provider.networks.values() for n in group)]
    return [network for network in networks if isinstance(network, IPv4Network)]


def _provider_networks6(intent: Intent) -> list[IPv6Network]:
    networks = [*intent.provider.management, *(n for group in intent.provider.networks.values() for n in group)]
    return [network for network in networks if isinstance(network, IPv6Network)]


def _free(pools: Iterable[_Network], length: int, taken: Iterable[_Network], what: str) -> _Network:
    """The first free network of a length."""
    used = list(taken)
    for pool in pools:
        if pool.prefixlen > length:
            continue
        for candidate in pool.subnets(new_prefix=length):
            if not any(candidate.overlaps(other) for other in used):
                return candidate
    raise UsageError(f"no free {what}", "free one, or widen the pools in provider.yml or the block in tenant.yml")


def _shorts(tenant: str, site: str) -> Iterator[str]:
    base = (site[:2] + tenant[:1]).ljust(3, "x")
    yield base
    for number in range(2, 1000):
        yield f"{base}{number}"
