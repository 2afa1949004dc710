# SPDX-License-Identifier: EUPL-1.2
"""Growth is linear; the figures for 50,000 hosts are measured in tests/bench."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

from verbund.intent import load

GENERATOR = Path(__file__).parents[2] / "bench" / "make_fleet.py"


def fleet(target: Path, tenants: int) -> Path:
    spec = importlib.util.spec_from_file_location("make_fleet", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_fleet"] = module
    spec.loader.exec_module(module)
    return module.make(target, tenants=tenants, sites=10, hosts=50)


def seconds(inventory: Path, hosts: int) -> float:
    best = float("inf")
    for _ in range(2):
        begin = time.process_time()
        intent = load(inventory)
        total = [(intent.variables(host), intent.groups(host)) for host in intent.hosts]
        best = min(best, time.process_time() - begin)
        assert len(total) == hosts
    return best


def test_growth_is_linear(tmp_path):
    small = seconds(fleet(tmp_path / "a", 1), 500)
    large = seconds(fleet(tmp_path / "b", 8), 4000)
    assert large / small < 8 * 2.5, (small, large)
    # 4,000 hosts; the goal is 50,000 in ten seconds. Generous, because other work runs beside this test.
    assert large < 4
