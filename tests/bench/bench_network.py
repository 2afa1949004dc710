# SPDX-License-Identifier: EUPL-1.2
"""The network at scale: topology, static checks, proof of separation, matrix and structured configurations.

    python tests/bench/bench_network.py [--switches 100,250,500] [--rounds 3] [--directory DIR]

A site has a core, 19 access switches of 100 ports, and 60 rooms with 30 clients each, printers, telephones and access
points. Reading the files is measured apart, since checks and compilation of an intent that is loaded already are what a
pipeline waits for. Wall seconds are the best of the rounds; CPU seconds stand beside them because they stay the same on
a busy machine. Exits 1 when a promise is broken (judged by CPU seconds): 500 switches with 50,000 ports checked within
5 s, and no finding in what is well-formed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy")]

MAX_SECONDS = 5.0
PER_SITE, PORTS, ROOMS, CLIENTS = 20, 100, 60, 30
SITES_PER_TENANT = 16

PROVIDER: dict[str, Any] = {
    "id": "krzn",
    "name": "Rechenzentrum",
    "contact": "Leitstelle",
    "pools": {"ipv4": ["10.0.0.0/8"], "ipv6": ["2001:db8::/32"]},
    "management": ["172.20.8.0/24"],
    "networks": {"proxy": ["172.20.20.0/28"], "access": ["172.20.16.16/28"]},
    "services": {"radius": ["172.20.16.20"]},
    "flows": [
        {"id": "proxy", "from": {"zones": ["servers", "administration", "teaching"]}, "to": {"networks": ["proxy"]},
         "protocol": "tcp", "ports": [3128], "owner": "Leitstelle", "reason": "Internet"},
        {"id": "access", "from": {"zones": ["mgmt"]}, "to": {"networks": ["access"]},
         "protocol": "udp", "ports": [1812, 1813], "owner": "Leitstelle", "reason": "802.1X"},
        {"id": "media", "from": {"profiles": ["school-client"]}, "to": {"networks": ["proxy"]},
         "protocol": "tcp", "ports": [443], "owner": "Medien", "reason": "Medien"},
    ],
}  # fmt: skip


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def site(short: str, number: int, network: str) -> dict[str, Any]:
    """One school with a core and 19 access switches."""
    switches = [{"name": "core", "number": 10, "platform": "aruba_aoscx", "ports": PORTS, "uplink": [99, 100]}]
    links = []
    for index in range(1, PER_SITE):
        mode = "enforce" if index % 2 else "off"
        switches.append(
            {"name": f"sw{index}", "number": 10 + index, "platform": "cisco_ios", "ports": PORTS, "dot1x": mode}
        )
        links.append({"from": f"sw{index}/99-100", "to": f"core/{2 * index - 1}-{2 * index}"})
    rooms = []
    for index in range(ROOMS):
        # Three rooms of 32 ports on each access switch; the last three hang on the core.
        access = index < 3 * (PER_SITE - 1)
        profile, count = ("school-office", 7) if index % 10 == 9 else ("school-client", CLIENTS if access else 16)
        first = index % 3 * 32 + 1 if access else 39 + index % 3 * 18
        switch = f"sw{index // 3 + 1}" if access else "core"
        device = {"kind": "ap", "number": 100 + index} if index % 2 else {"kind": "phone", "number": 10 + index}
        rooms.append(
            {
                "name": f"r{index + 1}",
                "slot": index + 1,
                "ports": {"switch": switch, "from": first, "to": first + (31 if access else 17)},
                "clients": [{"profile": profile, "count": count}],
                "devices": [device],
            }
        )
    return {
        "kind": "school", "name": f"Schule {short}", "short": short, "number": number, "network": network,
        "gateways": [{"name": "gw1", "number": 1}], "servers": [{"name": "srv1", "number": 10, "port": "core/93"}],
        "switches": switches, "links": links, "rooms": rooms,
    }  # fmt: skip


def make(target: Path, switches: int) -> Path:
    """Write an intent with so many switches; returns its directory."""
    inventory = target / f"inventory-{switches}"
    files: dict[str, Any] = {"provider": PROVIDER}
    for index in range(switches // PER_SITE):
        tenant, place = divmod(index, SITES_PER_TENANT)
        name = f"t{tenant + 1}"
        block = 16 * (tenant + 1)
        files[f"{name}/tenant"] = {
            "id": name, "name": name, "contact": "IT", "ipv4": f"10.{block}.0.0/12",
            "ipv6": f"2001:db8:{tenant + 1}::/48",
        }  # fmt: skip
        files[f"{name}/sites/s{place + 1}"] = site(
            f"{'ab'[tenant]}{place + 1:02}", place + 1, f"10.{block + place}.0.0/16"
        )
    for name, value in files.items():
        path = inventory / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return inventory


def timed(what: Callable[[], Any], rounds: int) -> tuple[float, float, Any]:
    """Best wall and CPU seconds of some rounds, and what came out."""
    best = (float("inf"), float("inf"))
    result = None
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        result = what()
        best = min(best[0], time.perf_counter() - wall), min(best[1], time.process_time() - cpu)
    return *best, result


def main() -> int:
    """Read the command line, measure, and judge."""
    from verbund.intent import load
    from verbund.network import checks, reachability, topology
    from verbund.network import compile as compiler

    parser = argparse.ArgumentParser(description="Measure the network model.")
    parser.add_argument("--switches", default="100,250,500")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path)
    arguments = parser.parse_args()
    kept = True
    with tempfile.TemporaryDirectory() as scratch:
        target = arguments.directory or Path(scratch)
        say("| switches |  ports | what                                   | wall s | CPU s |")
        say("|---------:|-------:|----------------------------------------|-------:|------:|")
        for switches in map(int, arguments.switches.split(",")):
            inventory = make(target, switches)
            rows = []
            *cost, intent = timed(lambda: load(inventory), 1)  # noqa: B023  called at once
            rows.append(("read the files", *cost))
            *build, network = timed(lambda: topology.build(intent), arguments.rounds)  # noqa: B023
            rows.append(("topology", *build))
            *model_cost, model = timed(lambda: reachability.Model.of(intent, network), arguments.rounds)  # noqa: B023
            rows.append(("rules and layer 2", *model_cost))
            *check_cost, issues = timed(lambda: checks.run(model), arguments.rounds)  # noqa: B023
            rows.append(("all static checks, proof of separation", *check_cost))
            *cost, cells = timed(lambda: reachability.matrix(model, network.sites[0]), arguments.rounds)  # noqa: B023
            rows.append((f"matrix of one site ({len(cells)} cells)", *cost))
            *cost, configs = timed(lambda: compiler.configs(model), 1)  # noqa: B023
            rows.append((f"{len(configs)} structured configurations", *cost))
            ports = sum(len(switch.ports) for part in network.sites for switch in part.switches)
            for what, wall, cpu in rows:
                say(f"| {switches:>8,} | {ports:>6,} | {what:<38} | {wall:>6.2f} | {cpu:>5.2f} |")
            for issue in issues[:5]:
                say(str(issue))
            spent = build[1] + model_cost[1] + check_cost[1]
            kept &= not issues and spent <= MAX_SECONDS
            say(f"checked in {spent:.2f} s of CPU (topology, rules, checks), {len(issues)} findings")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
