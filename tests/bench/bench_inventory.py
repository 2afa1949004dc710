# SPDX-License-Identifier: EUPL-1.2
"""The inventory at scale, side by side with ``ansible-inventory`` reading the same hosts from plain YAML.

    python tests/bench/bench_inventory.py [--tenants 50 --sites 20 --hosts 50] [--rounds 3] [--directory DIR]

Prints wall seconds (best of the rounds) and peak memory of: plain YAML, Verbund cold, Verbund from its cache, and of
the compilation alone at a quarter, half and the whole of the size (growth). Exits 1 when a promise is broken: compiled
within 10 s and 1 GB, 3 times faster than YAML cold, 10 times from the cache. The YAML holds the same groups, hosts and
variables; shared variables lie once on groups there too, which is the fastest way to write them in YAML.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy"), str(Path(__file__).resolve().parent)]

MAX_SECONDS, MAX_MEMORY_MB = 10.0, 1024.0
COLD_FACTOR, WARM_FACTOR = 3.0, 10.0

COMPILE = """
import sys
from pathlib import Path
from verbund.inventory import compiled
model = compiled(Path(sys.argv[1]))
sys.stdout.write(str(len(model.names)))
"""


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_yaml(inventory: Path, target: Path) -> str:
    """Write the same inventory as plain YAML; returns the name of one host."""
    from verbund.inventory import compiled

    model = compiled(inventory)
    groups: dict[str, dict] = {item.name: {"hosts": {}, "vars": item.variables} for item in model.settings}
    hosts = {}
    for index, name in enumerate(model.names):
        own = {key: column[index] for key, column in model.own.items()}
        hosts[name] = {**own, "ansible_host": own["verbund_address"]}
        for group in (model.settings[model.settings_of[index]].name, *model.memberships[model.groups_of[index]]):
            groups.setdefault(group, {"hosts": {}})["hosts"][name] = None

    class Plain(yaml.CSafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    with target.open("w", encoding="utf-8") as stream:
        yaml.dump(
            {"all": {"hosts": hosts, "children": groups}}, stream, Dumper=Plain, allow_unicode=True, sort_keys=False
        )
    return model.names[-1]


def measure(argv: list[str], cwd: Path, rounds: int, before: Path | None = None) -> tuple[float, float]:
    """Best wall seconds and peak memory in MB of a command; ``before`` is removed ahead of each round."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "deploy"),
        "ANSIBLE_INVENTORY_PLUGINS": str(ROOT / "plugins" / "inventory"),
        "ANSIBLE_INVENTORY_ENABLED": "verbund,yaml",
    }
    best, memory = float("inf"), 0.0
    for _ in range(rounds):
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)
        started = time.perf_counter()
        child = subprocess.Popen(argv, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(argv)} ended with {child.returncode}")
        best = min(best, time.perf_counter() - started)
        memory = max(memory, usage.ru_maxrss / 1024)
    return best, memory


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="Measure the inventory at scale.")
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument("--sites", type=int, default=20)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where to put the fleets (default: a temporary directory)")
    arguments = parser.parse_args()

    from make_fleet import make

    with tempfile.TemporaryDirectory(prefix="verbund-bench-") as temporary:
        base = arguments.directory or Path(temporary)
        growth = []
        for share in (4, 2, 1):
            tenants = max(1, arguments.tenants // share)
            inventory = make(base / f"fleet-{share}", tenants, arguments.sites, arguments.hosts)
            argv = [sys.executable, "-c", COMPILE, str(inventory)]
            seconds, memory = measure(argv, base, arguments.rounds)
            growth.append((tenants * arguments.sites * arguments.hosts, seconds, memory))
            say(f"compile {growth[-1][0]:>7} hosts   {seconds:7.2f} s  {memory:6.0f} MB")

        (inventory / "verbund.yml").write_text("plugin: verbund\n", encoding="utf-8")
        host = write_yaml(inventory, base / "plain.yml")
        tool = [str(Path(sys.executable).with_name("ansible-inventory")), "--host", host, "-i"]
        state = inventory.parent / ".verbund"
        plain, plain_memory = measure([*tool, str(base / "plain.yml")], base, arguments.rounds)
        say(f"ansible-inventory, plain YAML {plain:7.2f} s  {plain_memory:6.0f} MB")
        cold, cold_memory = measure([*tool, str(inventory / "verbund.yml")], base, arguments.rounds, before=state)
        say(f"ansible-inventory, cold       {cold:7.2f} s  {cold_memory:6.0f} MB   {plain / cold:5.1f} x")
        warm, warm_memory = measure([*tool, str(inventory / "verbund.yml")], base, arguments.rounds)
        say(f"ansible-inventory, from cache {warm:7.2f} s  {warm_memory:6.0f} MB   {plain / warm:5.1f} x")

    _, seconds, memory = growth[-1]
    promises = {
        f"compiled within {MAX_SECONDS:.0f} s": seconds <= MAX_SECONDS,
        f"within {MAX_MEMORY_MB:.0f} MB": memory <= MAX_MEMORY_MB,
        f"{COLD_FACTOR:.0f} times faster than YAML cold": plain >= COLD_FACTOR * cold,
        f"{WARM_FACTOR:.0f} times faster than YAML from the cache": plain >= WARM_FACTOR * warm,
        # Twice the hosts may cost at most 2.6 times the time: linear, with room for a busy machine.
        "growth is linear": all(b[1] <= 2.6 * a[1] + 0.5 for a, b in pairwise(growth)),
    }
    for promise, kept in promises.items():
        say(f"{'kept  ' if kept else 'BROKEN'}  {promise}")
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
