# SPDX-License-Identifier: EUPL-1.2
"""The inventory at scale, side by side with ``ansible-inventory`` reading the same hosts from plain YAML.

    python tests/bench/bench_inventory.py [--tenants 5,20,50] [--yaml-up-to 20] [--rounds 3] [--directory DIR]

A tenant has 20 sites of 50 hosts. For each number of tenants a table row says what the compilation alone costs, and
``ansible-inventory --host`` from Verbund (cold, then from its cache) and from plain YAML. YAML is left out above
``--yaml-up-to`` tenants: it needs 4 GB and minutes for 50,000 hosts, and the factor is known by then.

The YAML holds the same groups, hosts and variables; shared variables lie once on groups there too, which is the fastest
way to write them in YAML. Wall seconds are the best of the rounds; CPU seconds stand beside them because they stay the
same on a busy machine, so factors and growth are judged by those. Exits 1 when a promise is broken: 50,000 hosts
compiled within 10 s and 1 GB, 3 times faster than YAML cold, 10 times from the cache, growth linear.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy"), str(Path(__file__).resolve().parent)]

MAX_SECONDS, MAX_MEMORY_MB = 10.0, 1024.0
COLD_FACTOR, WARM_FACTOR = 3.0, 10.0
SITES, HOSTS = 20, 50

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


@dataclass(frozen=True)
class Cost:
    """What a command took: best wall and CPU seconds of its rounds, highest peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(argv: list[str], cwd: Path, rounds: int, before: Path | None = None) -> Cost:
    """Run a command several times; ``before`` is removed ahead of each round."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "deploy"),
        "ANSIBLE_INVENTORY_PLUGINS": str(ROOT / "plugins" / "inventory"),
        "ANSIBLE_INVENTORY_ENABLED": "verbund,yaml",
    }
    wall, cpu, memory = float("inf"), float("inf"), 0.0
    for _ in range(rounds):
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)
        started = time.perf_counter()
        child = subprocess.Popen(argv, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(argv)} ended with {child.returncode}")
        wall = min(wall, time.perf_counter() - started)
        cpu = min(cpu, usage.ru_utime + usage.ru_stime)
        memory = max(memory, usage.ru_maxrss / 1024)
    return Cost(wall, cpu, memory)


class Table:
    """Rows that appear as soon as they are measured."""

    _WIDTHS = (7, 24, 8, 8, 8, 12)

    def __init__(self) -> None:
        self._row("hosts", "what", "wall s", "CPU s", "MB", "than YAML")
        self._row(*("-" * width for width in self._WIDTHS))

    def add(self, hosts: int, what: str, cost: Cost, plain: Cost | None = None) -> None:
        """Print one row; ``plain`` is what YAML costs."""
        factor = f"{plain.cpu / cost.cpu:.1f} x faster" if plain else ""
        self._row(f"{hosts:,}", what, f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.memory:,.0f}", factor)

    def _row(self, *cells: str) -> None:
        aligned = [
            cell.ljust(width) if place == 1 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, self._WIDTHS, strict=True))
        ]
        say("| " + " | ".join(aligned) + " |")


def _numbers(text: str) -> list[int]:
    return sorted({int(word) for word in text.split(",")})


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="Measure the inventory at scale.")
    parser.add_argument("--tenants", type=_numbers, default=[5, 20, 50], help="sizes, such as 5,20,50")
    parser.add_argument("--yaml-up-to", type=int, default=20, help="largest number of tenants to compare with YAML")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where to put the fleets (default: a temporary directory)")
    arguments = parser.parse_args()

    from make_fleet import make

    compiled: list[tuple[int, Cost]] = []
    promises: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="verbund-bench-") as temporary:
        base = arguments.directory or Path(temporary)
        table = Table()
        for tenants in arguments.tenants:
            count = tenants * SITES * HOSTS
            inventory = make(base / f"fleet-{tenants}", tenants, SITES, HOSTS)
            cost = measure([sys.executable, "-c", COMPILE, str(inventory)], base, arguments.rounds)
            compiled.append((count, cost))
            table.add(count, "compile the intent", cost)

            (inventory / "verbund.yml").write_text("plugin: verbund\n", encoding="utf-8")
            host = write_yaml(inventory, base / "plain.yml")
            tool = [str(Path(sys.executable).with_name("ansible-inventory")), "--host", host, "-i"]
            plain = None
            if tenants <= arguments.yaml_up_to:
                plain = measure([*tool, str(base / "plain.yml")], base, arguments.rounds)
                table.add(count, "Ansible, plain YAML", plain)
            source = [*tool, str(inventory / "verbund.yml")]
            cold = measure(source, base, arguments.rounds, before=inventory.parent / ".verbund")
            table.add(count, "Ansible, Verbund, cold", cold, plain)
            warm = measure(source, base, arguments.rounds)
            table.add(count, "Ansible, Verbund, cached", warm, plain)
            if plain is not None:
                promises[f"{count:,} hosts: {COLD_FACTOR:.0f} times faster than YAML cold"] = (
                    plain.cpu >= COLD_FACTOR * cold.cpu
                )
                promises[f"{count:,} hosts: {WARM_FACTOR:.0f} times faster than YAML from the cache"] = (
                    plain.cpu >= WARM_FACTOR * warm.cpu
                )

    count, cost = compiled[-1]
    promises[f"{count:,} hosts compiled within {MAX_SECONDS:.0f} s"] = cost.wall <= MAX_SECONDS
    promises[f"{count:,} hosts compiled within {MAX_MEMORY_MB:.0f} MB"] = cost.memory <= MAX_MEMORY_MB
    # Per host, a larger fleet may cost at most 1.3 times what a smaller one does, beyond the start of the program.
    promises["growth is linear"] = all(
        b.cpu <= 1.3 * a.cpu * more / fewer + 0.5 for (fewer, a), (more, b) in pairwise(compiled)
    )
    say("")
    for promise, kept in promises.items():
        say(f"{'kept  ' if kept else 'BROKEN'}  {promise}")
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
