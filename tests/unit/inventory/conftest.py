# SPDX-License-Identifier: EUPL-1.2
"""A small project of two tenants, and plain Ansible reading it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "bench")]


class FleetProject:
    """A generated intent in a directory of its own, read with plain ``ansible-inventory``."""

    def __init__(self, root: Path) -> None:
        from make_fleet import make

        self.root = root
        self.inventory = make(root, 2, 2, 12)
        self.source = self.inventory / "verbund.yml"
        self.source.write_text("plugin: verbund\n", encoding="utf-8")

    def ansible(
        self, tool: str, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(Path(sys.executable).with_name(tool)), "-i", str(self.source), *arguments],
            cwd=self.root,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "deploy"),
                "ANSIBLE_INVENTORY_PLUGINS": str(ROOT / "plugins" / "inventory"),
                "ANSIBLE_INVENTORY_ENABLED": "verbund",
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_GATHERING": "explicit",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def host(self, name: str) -> dict:
        return json.loads(self.ansible("ansible-inventory", "--host", name).stdout)

    def intent(self, tenants=None):
        from verbund import intent

        return intent.load(self.inventory, tenants)


@pytest.fixture
def fleet(tmp_path: Path) -> FleetProject:
    return FleetProject(tmp_path)
