# SPDX-License-Identifier: EUPL-1.2
"""``verbund apply`` on a real host of the lab: dry run, apply, second run without a change, record, verification."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from verbund import intent as intents
from verbund.lab import Lab, lab_hosts
from verbund.rollout import Runs
from verbund.rollout.fleet import Deploy

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parents[2]
SERVER = "gse-srv1"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the sample intent and its enrolled school server."""
    if os.geteuid() != 0:
        pytest.skip("containers of the lab need root")
    root = tmp_path_factory.mktemp("apply")
    shutil.copytree(ROOT / "inventory", root / "inventory")
    for name in ("roles", "playbooks", "plugins", "tests", "ansible.cfg"):
        (root / name).symlink_to(ROOT / name)
    intent = intents.load(root / "inventory")
    hosts = intent.select(SERVER)
    lab = Lab(root / ".verbund")
    try:
        # The gateway is what the server's cable leads to.
        lab.up(lab_hosts(intent, intent.select(f"{SERVER},gse-gw1")), "container")
        results = Deploy(root, root / ".verbund", "enrol", hosts, {}).run(lambda *_: None)
        assert {result.event for result in results.values()} == {"changed"}
        yield root
    finally:
        lab.down()


def _verbund(root, *arguments):
    return subprocess.run(
        [sys.executable, "-c", "from verbund.cli import main; main()", *arguments],
        cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "deploy"), "VERBUND_PROJECT": str(root)},
    )  # fmt: skip


def _changed(root):
    run = Runs(root / ".verbund" / "runs").load("last")
    return run, sum(host.changed_tasks for wave in run.waves for host in wave.hosts.values())


def test_the_way_of_a_rollout(project):
    dry = _verbund(project, "apply", "--limit", SERVER, "--check")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    run, would_change = _changed(project)
    assert run.check
    assert would_change > 0

    first = _verbund(project, "apply", "--limit", SERVER, "--no-verify")
    assert first.returncode == 0, first.stdout + first.stderr
    run, changed = _changed(project)
    assert changed > 0
    assert run.operator
    assert run.release == "2026.1"
    assert "wave 1 of 1" in first.stdout

    second = _verbund(project, "apply", "--limit", SERVER, "--no-verify")
    assert second.returncode == 0, second.stdout + second.stderr
    assert _changed(project)[1] == 0, second.stdout

    # Verification after the wave leaves its result file; what it finds is the baseline's tests' concern.
    _verbund(project, "apply", "--limit", SERVER)
    latest = json.loads((project / ".verbund" / "results" / "latest.json").read_text())
    assert [host["host"] for host in latest["hosts"]] == [SERVER]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["apply"], "no hosts are selected"),
        (["apply", "--limit", "gse-srv9"], "gse-srv1"),
        (["apply", "--limit", SERVER, "--waves", "none"], "--waves"),
        (["apply", "--resume", "nothing"], "no run 'nothing'"),
        (["apply", "--resume", "last", "--limit", SERVER], "leave out the selection"),
        (["apply", "--site", "grundschule", "--tenant", "haan"], "no host matches"),
    ],
)
def test_wrong_usage_is_said_plainly_and_nothing_starts(project, arguments, said):
    before = set((project / ".verbund").rglob("record.json"))
    done = _verbund(project, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert set((project / ".verbund").rglob("record.json")) == before
