# SPDX-License-Identifier: EUPL-1.2
"""What the checks know of a host is what the roles ran with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verbund.errors import VerbundError
from verbund.inventory.connection import Connections
from verbund.inventory.variables import effective

pytestmark = pytest.mark.loopback

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(fleet, monkeypatch):
    """The small fleet as a project that Ansible finds by its configuration."""
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)
    (fleet.root / "playbooks").mkdir(exist_ok=True)
    (fleet.root / "ansible.cfg").write_text(
        f"[defaults]\ninventory = {fleet.source}\ninventory_plugins = {ROOT / 'plugins' / 'inventory'}\n"
        "[inventory]\nenable_plugins = verbund\n"
    )
    return fleet


def seen(project, *names):
    intent = project.intent()
    hosts = [host for host in intent.hosts if not names or host.name in names]
    return effective(project.root, intent, hosts, Connections.load(project.root / ".verbund"))


def test_without_overrides_ansible_is_not_asked(project, monkeypatch):
    monkeypatch.setattr("verbund.inventory.variables.as_ansible_sees", lambda *_: pytest.fail("asked"))
    intent = project.intent()
    host = intent.hosts[0]
    assert seen(project, host.name)[host.name].items() >= intent.variables(host).items()


@pytest.mark.parametrize("place", ["inventory", "playbooks"])
def test_what_stands_over_the_intent_reaches_the_checks_as_it_reaches_the_roles(project, place):
    one, other = (host.name for host in project.intent().hosts[:2])
    base = project.inventory if place == "inventory" else project.root / "playbooks"
    (base / "host_vars").mkdir()
    (base / "host_vars" / f"{one}.yml").write_text("sshd_port: 2222\n")
    (base / "group_vars").mkdir()
    (base / "group_vars" / "all.yml").write_text("sshd_port: 22\nverbund_release: later\nbanner_message: own\n")
    found = seen(project, one, other)
    assert found[one]["sshd_port"] == 2222
    assert found[other]["sshd_port"] == 22
    assert found[other]["banner_message"] == "own"
    asked = json.loads(project.ansible("ansible-inventory", "--host", one, "--playbook-dir", "playbooks").stdout)
    ours = {name: value for name, value in asked.items() if not name.startswith("ansible_")}
    assert {name: found[one][name] for name in ours} == ours


def test_overrides_that_cannot_be_read_are_an_error(project):
    (project.inventory / "group_vars").mkdir()
    (project.inventory / "group_vars" / "all.yml").write_text("a: [\n")
    with pytest.raises(VerbundError, match="cannot read the inventory"):
        seen(project)
