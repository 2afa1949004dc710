# SPDX-License-Identifier: EUPL-1.2
"""The ledger of what was applied, and which roles a host needs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from verbund.baseline.results import ControlResult, HostResult, Results, RunInfo, Verdict
from verbund.errors import VerbundError
from verbund.rollout import Ledger
from verbund.rollout.drift import drift

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = "all: {hosts: {srv1: {one_size: 3, verbund_excepted_controls: []}, pc1: {}}}\n"


@pytest.fixture
def project(tmp_path):
    """Two roles of one variable each, and two hosts."""
    for name, variable in (("one", "one_size"), ("two", "two_size")):
        tasks = tmp_path / "roles" / name / "tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text(
            f"- debug: {{msg: '{{{{ {variable} }}}} {{{{ verbund_excepted_controls }}}}'}}\n"
            f"  tags: [VB-{name.upper()}-001]\n"
        )
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "site.yml").write_text("- hosts: all\n  roles: [{role: one, tags: [one]}, two]\n")
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\n")
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """The inventory read without starting Ansible, which takes a second each time."""
    monkeypatch.setattr(
        "verbund.rollout.ledger.as_ansible_sees",
        lambda root, _: yaml.safe_load((root / "hosts.yml").read_text())["all"]["hosts"],
    )


def seen(project, *hosts):
    ledger = Ledger(project, project / "applied")
    ledger.look(hosts or ("srv1", "pc1"))
    return ledger


@pytest.mark.usefixtures("quick")
def test_what_was_never_applied_counts_as_changed_and_what_was_does_not(project):
    ledger = seen(project)
    assert ledger.changed("srv1") == {"one", "two"}
    ledger.applied("srv1")
    assert ledger.changed("srv1") == set()
    assert seen(project).changed("srv1") == set()
    assert seen(project).changed("pc1") == {"one", "two"}


@pytest.mark.usefixtures("quick")
def test_only_the_role_that_names_a_changed_variable_is_changed(project):
    seen(project).applied("srv1")
    (project / "hosts.yml").write_text(INVENTORY.replace("3", "4"))
    assert seen(project).changed("srv1") == {"one"}


def test_variables_are_the_ones_that_ansible_sees(project):
    seen(project).applied("srv1")
    assert seen(project).changed("srv1") == set()
    (project / "host_vars").mkdir()
    (project / "host_vars" / "srv1.yml").write_text("two_size: 1\n")
    assert seen(project).changed("srv1") == {"two"}


@pytest.mark.usefixtures("quick")
def test_a_deviation_is_news_for_the_role_of_its_control_only(project):
    seen(project).applied("srv1")
    (project / "hosts.yml").write_text(INVENTORY.replace("[]", "[VB-TWO-001]"))
    assert seen(project).changed("srv1") == {"two"}


@pytest.mark.usefixtures("quick")
def test_a_changed_file_of_a_role_or_a_module_is_news(project):
    seen(project).applied("srv1")
    (project / "roles" / "one" / "files").mkdir()
    (project / "roles" / "one" / "files" / "x.sh").write_text("true\n")
    assert seen(project).changed("srv1") == {"one"}
    (project / "plugins" / "modules").mkdir(parents=True)
    (project / "plugins" / "modules" / "m.py").write_text("pass\n")
    assert seen(project).changed("srv1") == {"one", "two"}


@pytest.mark.usefixtures("quick")
def test_words_about_controls_are_no_news(project):
    seen(project).applied("srv1")
    (project / "roles" / "one" / "meta").mkdir()
    (project / "roles" / "one" / "meta" / "controls.yml").write_text("controls: []\n")
    assert seen(project).changed("srv1") == set()


@pytest.mark.usefixtures("quick")
def test_a_part_of_a_role_proves_nothing(project):
    ledger = seen(project)
    ledger.applied("srv1", ["VB-ONE-001"])
    assert ledger.changed("srv1") == {"one", "two"}
    ledger.applied("srv1", ["two"])
    assert ledger.changed("srv1") == {"one"}


@pytest.mark.usefixtures("quick")
def test_a_damaged_ledger_counts_as_none(project):
    seen(project).applied("srv1")
    (project / "applied" / "srv1.json").write_text("{")
    assert seen(project).changed("srv1") == {"one", "two"}


def test_an_inventory_that_cannot_be_read_is_said(project):
    (project / "ansible.cfg").write_text(
        "[defaults]\ninventory = hosts.yml\n[inventory]\nany_unparsed_is_failed = true\n"
    )
    (project / "hosts.yml").write_text("all: [\n")
    with pytest.raises(VerbundError, match="cannot read the inventory"):
        seen(project)


def result(name, error="", **verdicts):
    return HostResult(
        host=name,
        tenant="t",
        site="s",
        room=None,
        host_class="server",
        profile="p",
        zone="z",
        address="192.0.2.1",
        collected=None,
        bundle_sha256=None,
        error=error,
        facts={},
        results=tuple(ControlResult(control=c.replace("_", "-"), verdict=v, reason="") for c, v in verdicts.items()),
    )


@pytest.mark.usefixtures("quick")
def test_a_host_needs_the_roles_of_its_open_controls(project):
    ledger = seen(project)
    ledger.applied("srv1")
    now = datetime.now(UTC)
    run = RunInfo(id="r", started=now, finished=now, operator="o", release="1", command="c")
    roles = {"VB-ONE-001": "one", "VB-TWO-001": "two"}

    def needs(*hosts):
        return drift(Results(run=run, controls=(), hosts=hosts), roles, ledger)

    assert needs(result("srv1", VB_ONE_001=Verdict.MET, VB_TWO_001=Verdict.EXCEPTED)) == {"srv1": set()}
    assert needs(result("srv1", VB_ONE_001=Verdict.NOT_MET)) == {"srv1": {"one"}}
    assert needs(result("srv1", VB_TWO_001=Verdict.NOT_EVALUATED)) == {"srv1": {"two"}}
    assert needs(result("pc1", VB_ONE_001=Verdict.MET)) == {"pc1": {"one", "two"}}
    assert needs(result("pc1", error="no route")) == {}


def test_the_roles_are_those_of_the_playbook():
    assert set(Ledger(ROOT, ROOT).roles()) == {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}
