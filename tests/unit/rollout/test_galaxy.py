# SPDX-License-Identifier: EUPL-1.2
"""Roles and plugins build and install as an Ansible collection, and work from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.loopback

ROOT = Path(__file__).resolve().parents[3]


def _run(tool: str, *arguments: str, cwd: Path, **environment: str) -> str:
    empty = cwd / "empty.cfg"
    empty.touch()
    done = subprocess.run(
        [str(Path(sys.executable).with_name(tool)), *arguments],
        cwd=cwd,
        env={**os.environ, "ANSIBLE_CONFIG": str(empty), "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    base = tmp_path_factory.mktemp("galaxy")
    source = base / "source"
    source.mkdir()
    # What git knows, so that state and caches of this machine are not part of the test.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "galaxy.yml", "README.md", "LICENSE", "roles", "plugins", "playbooks", "deploy"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    if not (source / "README.md").exists():
        (source / "README.md").write_text("# Verbund\n")
    _run("ansible-galaxy", "collection", "build", str(source), "--output-path", str(base), cwd=base)
    (archive,) = base.glob("verbund-standard-*.tar.gz")
    _run("ansible-galaxy", "collection", "install", str(archive), "-p", str(base / "collections"), cwd=base)
    return archive, base / "collections"


def test_the_archive_holds_plugins_and_nothing_of_the_controller(installed):
    archive, _ = installed
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
    assert "plugins/inventory/verbund.py" in names
    assert "plugins/callback/verbund_progress.py" in names
    assert not [
        name for name in names if name.startswith(("deploy", "tests", "inventory", ".")) or name.endswith(".pyc")
    ]


def test_plugins_are_found_under_the_collections_name(installed):
    _, collections = installed
    shown = _run(
        "ansible-doc",
        "-t",
        "inventory",
        "verbund.standard.verbund",
        cwd=collections,
        ANSIBLE_COLLECTIONS_PATH=str(collections),
    )
    assert "Reads the intent" in shown


def test_every_role_works_from_the_collection(installed, tmp_path):
    _, collections = installed
    roles = sorted(path.parent.parent.name for path in (ROOT / "roles").glob("*/tasks/main.yml"))
    playbook = tmp_path / "play.yml"
    names = "".join(f"    - verbund.standard.{role}\n" for role in roles) or "    []\n"
    playbook.write_text(f"- hosts: localhost\n  connection: local\n  gather_facts: false\n  roles:\n{names}")
    shown = _run(
        "ansible-playbook",
        "-i",
        "localhost,",
        "--list-tasks",
        str(playbook),
        cwd=tmp_path,
        ANSIBLE_COLLECTIONS_PATH=str(collections),
    )
    for role in roles:
        assert f"{role} :" in shown
    # Roles call the module by its short name; within a collection that resolves to the collection's own.
    _run(
        "ansible-playbook",
        "-i",
        "localhost,",
        "--syntax-check",
        str(playbook),
        cwd=tmp_path,
        ANSIBLE_COLLECTIONS_PATH=str(collections),
    )
