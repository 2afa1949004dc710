# SPDX-License-Identifier: EUPL-1.2
"""Write an intent of any size, to measure with.

    python tests/bench/make_fleet.py DIRECTORY --tenants 50 --sites 20 --hosts 50

The directory gets ``inventory/`` with a provider and the tenants; every site has one gateway, one server and the rest
in rooms of eight clients.
"""

from __future__ import annotations

import argparse
import shutil
from ipaddress import IPv4Network
from pathlib import Path

SPDX = "# SPDX-License-Identifier: EUPL-1.2\n"
PER_ROOM = 8
MOST_TENANTS = 252
MOST_SITES = 32

PROVIDER = """\
id: krzn
name: Rechenzentrum
contact: Leitstelle
pools: {ipv4: [10.0.0.0/8], ipv6: ["2001:db8::/32"]}
management: [10.0.8.0/24]
networks: {proxy: [10.0.20.0/28]}
flows:
  - {id: proxy, from: {zones: [servers, administration, teaching]}, to: {networks: [proxy]}, protocol: tcp,
     ports: [3128], owner: Leitstelle, reason: Internet}
"""


def site_text(short: str, number: int, network: str, hosts: int) -> str:
    """One site file with a number of hosts."""
    lines = [
        "kind: school",
        f"name: Schule {short}",
        f"short: {short}",
        f"number: {number}",
        f"network: {network}",
        "gateways: [{name: gw1, number: 1}]",
        "servers: [{name: srv1, number: 10}]",
        "switches:",
    ]
    clients = hosts - 2
    rooms = [min(PER_ROOM, clients - done) for done in range(0, clients, PER_ROOM)]
    for switch in range(0, len(rooms), 5):
        name = f"sw{switch // 5 + 1}"
        lines.append(f"  - {{name: {name}, number: {10 + switch // 5}, platform: cisco_xe, ports: 48, uplink: 48}}")
    lines.append("rooms:")
    for index, count in enumerate(rooms):
        first = index % 5 * PER_ROOM + 1
        ports = f"{{switch: sw{index // 5 + 1}, from: {first}, to: {first + count - 1}}}"
        lines.append(
            f"  - {{name: r{index + 1:03}, slot: {index + 1}, ports: {ports}, "
            f"clients: [{{profile: school-client, count: {count}}}]}}"
        )
    return "\n".join(lines) + "\n"


def make(target: Path, tenants: int, sites: int, hosts: int) -> Path:
    """Write the intent.

    Args:
        target: directory that gets ``inventory/``; an earlier one there is replaced.
        tenants: number of tenants, at most 252.
        sites: sites per tenant, at most 32.
        hosts: hosts per site, 3 to 506.

    Returns:
        The inventory directory.

    Raises:
        ValueError: the numbers do not fit into the address plan.
    """
    if not (1 <= tenants <= MOST_TENANTS and 1 <= sites <= MOST_SITES and 3 <= hosts <= 2 + 63 * PER_ROOM):
        raise ValueError("at most 252 tenants, 32 sites each, 506 hosts each")
    # The larger block where it fits: 62 tenants with 32 sites, or 252 tenants with 8 sites.
    length = 16 if sites <= 8 else 14
    blocks = list(IPv4Network("10.0.0.0/8").subnets(new_prefix=length))[1:]
    if tenants > len(blocks):
        raise ValueError(f"at most {len(blocks)} tenants with {sites} sites each")
    inventory = target / "inventory"
    if inventory.exists():
        shutil.rmtree(inventory)
    inventory.mkdir(parents=True)
    (inventory / "verbund.yml").write_text(SPDX + "plugin: verbund\n", encoding="utf-8")
    (inventory / "provider.yml").write_text(SPDX + PROVIDER, encoding="utf-8")
    for index in range(tenants):
        name = f"t{index + 1:03}"
        directory = inventory / name / "sites"
        directory.mkdir(parents=True)
        text = (
            f'id: {name}\nname: Stadt {name}\ncontact: IT\nipv4: {blocks[index]}\nipv6: "2001:db8:{index + 1:x}::/48"\n'
        )
        (inventory / name / "tenant.yml").write_text(SPDX + text, encoding="utf-8")
        networks = blocks[index].subnets(new_prefix=19)
        for number in range(1, sites + 1):
            short = f"{chr(ord('a') + index // 26)}{chr(ord('a') + index % 26)}{number:02}"
            text = SPDX + site_text(short, number, str(next(networks)), hosts)
            (directory / f"s{number:02}.yml").write_text(text, encoding="utf-8")
    return inventory


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description="Write an intent of any size, to measure with.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument("--sites", type=int, default=20, help="per tenant")
    parser.add_argument("--hosts", type=int, default=50, help="per site")
    arguments = parser.parse_args()
    print(make(arguments.directory, arguments.tenants, arguments.sites, arguments.hosts))  # noqa: T201


if __name__ == "__main__":
    main()
