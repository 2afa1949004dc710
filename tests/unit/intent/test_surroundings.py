# SPDX-License-Identifier: EUPL-1.2
"""Where a command runs may be poor: no umlauts, no space, no right to write, a reader that goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def verbund(project, *words, stdout=subprocess.PIPE, **environment):
    return subprocess.run(
        [sys.executable, "-m", "verbund", *words],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "deploy"), **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )


def test_a_terminal_without_umlauts_and_without_home(project):
    done = verbund(project, "explain", "gse-gw1", "verbund_firewall_inbound", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert b"Namensaufl\\xf6sung" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_plainly(project):
    with Path("/dev/full").open("wb") as full:
        done = verbund(project, "schema", "site", stdout=full)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_directory_that_cannot_be_written_is_said_plainly(project, run, monkeypatch):
    def refuse(path, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    result = run("init", "mettmann", "rathaus", "--kind", "townhall")
    assert result.code == 2
    assert "/sites: Permission denied" in result.err
    assert not Path("inventory/mettmann").exists()


def test_init_does_not_write_where_directories_have_another_meaning(project, run):
    result = run("init", "procedures", "rathaus", "--kind", "townhall")
    assert result.code == 2
    assert "'procedures' cannot be the id of a tenant" in result.err
    assert not Path("inventory/procedures/sites").exists()


def test_an_unknown_tag_stops_before_any_host_is_asked(project, run):
    (project / "roles").symlink_to(ROOT / "roles")
    Path("inventory/verbund.yml").touch()
    result = run("apply", "--limit", "gse-gw1", "--tags", "sshdd")
    assert result.code == 2
    assert "there is no role or control 'sshdd'" in result.err
    assert "did you mean 'sshd'?" in result.err
    assert not (project / ".verbund").exists()
