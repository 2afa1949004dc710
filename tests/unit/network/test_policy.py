# SPDX-License-Identifier: EUPL-1.2
"""Address sets, the rules as they are rolled out, and the matrix of who reaches whom."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from datetime import date
from ipaddress import collapse_addresses, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verbund.errors import InputError
from verbund.intent import load
from verbund.network import checks
from verbund.network.policy import Addresses, rules, span
from verbund.network.reachability import Model, breaches, matrix

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.of(load(ROOT / "inventory", today=TODAY))


# -- address sets ------------------------------------------------------------------------------------------------------

NETWORKS = st.lists(
    st.builds(
        lambda low, length: str(ip_network((low, length), strict=False)), st.integers(0, 255), st.integers(24, 32)
    ),
    max_size=6,
)


def members(texts: list[str]) -> set[int]:
    return {int(address) for text in texts for address in ip_network(text)}


@settings(max_examples=60, deadline=None)
@given(one=NETWORKS, other=NETWORKS)
def test_address_sets_agree_with_sets_of_addresses(one, other):
    first, second = Addresses.of(one), Addresses.of(other)
    assert {n for _, low, high in first.common(second).spans for n in range(low, high + 1)} == members(one) & members(
        other
    )
    assert first.covers(second) == (members(other) <= members(one))
    for text in other:
        assert first.meets(span(text)) == bool(members([text]) & members(one))
        assert first.holds(span(text)) == (members([text]) <= members(one))


def test_address_sets_keep_the_versions_apart():
    four, six = Addresses.of(["0.0.0.0/0"]), Addresses.of(["::/0"])
    assert not four.common(six)
    assert not four.meets(span("::1"))
    assert not six.covers(Addresses.of(["10.0.0.1"]))


# -- rules -------------------------------------------------------------------------------------------------------------


def test_rules_are_those_of_the_gateway(model):
    """What the proof looks at is what the inventory hands to the firewall role, rule by rule."""
    for (tenant, name), site in model.intent.sites.items():
        gateway = next(host for host in site.hosts if host.host_class == "gateway")
        rolled_out = model.intent.variables(gateway)["verbund_firewall_forward"]
        seen = [rule for rule in model.rules[f"{tenant}/{name}"] if rule.destinations]
        assert len(seen) == len(rolled_out)
        for rule, entry in zip(seen, rolled_out, strict=True):
            assert entry["name"].startswith(rule.id)
            assert rule.ports == set(entry["ports"])
            assert rule.sources == Addresses.of(entry["sources"])
            assert rule.destinations == Addresses.of(entry["destinations"])


def test_a_rule_knows_its_line_and_owner(model):
    rule = next(rule for rule in model.rules["erkrath/rathaus"] if rule.id == "einwohner")
    path, line, _ = rule.place()
    assert path.name == "einwohner.yml"
    assert "townhall-client" in path.read_text(encoding="utf-8").splitlines()[line - 1]
    assert rule.owner == "Fachbereich Bürgerdienste"


def test_rules_of_settings_are_seen(tmp_path):
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    path = tmp_path / "inventory/haan/tenant.yml"
    extra = (
        "settings: {firewall_extra_forward: [{name: x, sources: [10.48.0.0/21], destinations: [10.0.99.0/24], "
        "protocol: tcp, ports: [1]}], firewall_extra_inbound: [{name: y, sources: [10.48.0.0/21], protocol: icmp}]}\n"
    )
    path.write_text(path.read_text(encoding="utf-8") + extra, encoding="utf-8")
    intent = load(tmp_path / "inventory", ["haan"], today=TODAY)
    found = {rule.id: rule for rule in rules(intent, intent.sites["haan", "rathaus"]) if rule.setting}
    assert set(found) == {"x", "y"}
    assert found["x"].place()[1] == len(path.read_text(encoding="utf-8").splitlines())
    assert not found["y"].destinations


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{name: x, protocol: icmp, sources: [10.48.0.0/21]}", ("everywhere", 1)),
        ("{name: x, protocol: icmp, sources: [10.48.0.0/21], destinations: []}", None),
        ("{name: x, protocol: icmp, sources: [10.48.8.1-10.48.8.9], destinations: [10.48.0.9]}", ("one", 1)),
    ],
)
def test_settings_mean_what_the_role_makes_of_them(tmp_path, entry, expected):
    """A side that is missing matches everything; an empty one nothing; ranges are sets of nftables, too."""
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    path = tmp_path / "inventory/haan/tenant.yml"
    path.write_text(path.read_text(encoding="utf-8") + f"settings: {{firewall_extra_forward: [{entry}]}}\n", "utf-8")
    intent = load(tmp_path / "inventory", ["haan"], today=TODAY)
    model = Model.of(intent)
    found = [rule for rule in model.rules["haan/rathaus"] if rule.setting]
    assert len(found) == (expected[1] if expected else 0)
    assert bool(breaches(model)) == bool(expected), "from or to the other side"


def test_settings_that_nobody_can_judge_are_refused(tmp_path):
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    path = tmp_path / "inventory/haan/tenant.yml"
    extra = "settings: {firewall_extra_forward: [{name: x, sources: [gateway.example], destinations: [10.0.0.0/8]}]}\n"
    path.write_text(path.read_text(encoding="utf-8") + extra, encoding="utf-8")
    with pytest.raises(InputError, match="firewall_extra_forward of gsh-gw1 cannot be judged"):
        Model.of(load(tmp_path / "inventory", ["haan"], today=TODAY))


def test_a_deviation_of_the_firewall_is_outside_the_proof(tmp_path):
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    path = tmp_path / "inventory/erkrath/deviations.yml"
    extra = (
        "  - id: DEV-ERK-099\n    controls: [VB-FWL-004]\n    scope: {hosts: [gse-gw1]}\n    owner: IT\n    reason: R\n"
        "    compensation: K\n    created: 2026-11-01\n    expires: 2027-03-01\n"
    )
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + "\n" + extra, encoding="utf-8")
    model = Model.of(load(tmp_path / "inventory", ["erkrath"], today=TODAY))
    issues = [str(issue) for issue in checks.run(model) if issue.check == "separation"]
    assert len(issues) == 1
    assert "deviation DEV-ERK-099 excepts VB-FWL-004 on gse-gw1" in issues[0]


@pytest.mark.parametrize("place", ["inventory/group_vars/all.yml", "playbooks/host_vars/gse-gw1/extra.yml"])
def test_rules_in_variables_of_ansible_are_outside_the_proof(tmp_path, place):
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text("sshd_port: 22\n", encoding="utf-8")
    intent = load(tmp_path / "inventory", ["haan"], today=TODAY)
    assert checks.run(Model.of(intent)) == []
    path.write_text("sshd_port: 22\nfirewall_extra_forward: []\n", encoding="utf-8")
    (issue,) = checks.run(Model.of(intent))
    assert issue.check == "separation"
    assert not issue.finding.warning
    assert str(issue.finding).startswith(f"{path}:2:1: firewall_extra_forward stands in a file of Ansible's")


# -- the matrix --------------------------------------------------------------------------------------------------------


def cell(model: Model, key: str, source: str, target: str):
    site = model.network.site(key)
    assert site is not None
    return next(item for item in matrix(model, site) if (item.source, item.target) == (source, target))


def test_cells_name_the_flow_and_its_owner(model):
    printing = cell(model, "erkrath/grundschule", "teaching", "printers")
    assert (printing.verdict, printing.part) == ("allowed", False)
    assert [(rule.id, rule.owner) for rule in printing.rules] == [("printing", "IT-Betrieb")]
    media = cell(model, "erkrath/grundschule", "teaching", "media")
    assert (media.verdict, media.part) == ("allowed", True)
    assert cell(model, "erkrath/grundschule", "guest", "internet").verdict == "allowed"
    assert cell(model, "erkrath/grundschule", "guest", "guest").verdict == "isolated"
    assert cell(model, "erkrath/grundschule", "teaching", "teaching").verdict == "direct"
    apart = cell(model, "erkrath/grundschule", "administration", "teaching")
    assert (apart.verdict, apart.why) == ("denied", "administration and pedagogy never reach each other")
    assert cell(model, "erkrath/grundschule", "teaching", "mgmt").why == "no flow allows it"


def test_between_towns_both_gateways_decide(model):
    office = cell(model, "erkrath/rathaus", "haan/rathaus administration", "servers")
    assert [rule.id for rule in office.rules] == ["registry-office-erkrath"]
    site = model.network.site("erkrath/rathaus")
    assert site is not None
    theirs = {**model.rules, "haan/rathaus": []}
    closed = matrix(Model(model.intent, model.network, theirs, model.layer2), site)
    found = next(c for c in closed if (c.source, c.target) == ("haan/rathaus administration", "servers"))
    assert found.verdict == "denied"


def test_matrix_agrees_with_packets(model):
    """Machines of each zone, every pair of zones: the rules read with plain ipaddress say the same."""
    for site in model.network.sites:
        intent_site = model.intent.sites[site.tenant, site.name]
        gateway = next(host for host in intent_site.hosts if host.host_class == "gateway")
        entries = [
            (
                list(collapse_addresses(n for n in map(ip_network, rule["sources"]) if n.version == 4)),
                list(collapse_addresses(n for n in map(ip_network, rule["destinations"]) if n.version == 4)),
            )
            for rule in model.intent.variables(gateway)["verbund_firewall_forward"]
        ]
        cells = {(c.source, c.target): c for c in matrix(model, site)}
        members_of = {zone: [] for zone in site.zones}
        for item in (*intent_site.hosts, *intent_site.devices):
            members_of[item.zone].append(ip_address(item.address))
        for zone, network in ((name, zone.four) for name, zone in site.zones.items()):
            members_of[zone].append(network[-2])
        for source, begins in members_of.items():
            for target, ends in members_of.items():
                if source == target:
                    continue
                passes = any(
                    any(begin in n for n in starts) and any(end in n for n in stops)
                    for starts, stops in entries
                    for begin in begins
                    for end in ends[:40]
                )
                assert (cells[source, target].verdict == "allowed") == passes, (site.key, source, target)


def test_a_cut_off_part_is_a_class_of_its_own(tmp_path):
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    path = tmp_path / "inventory/erkrath/sites/gymnasium.yml"
    text = path.read_text(encoding="utf-8")
    assert "to: core/3}" in text
    path.write_text(text.replace("to: core/3}", "to: core/3, zones: [mgmt]}"), encoding="utf-8")
    model = Model.of(load(tmp_path / "inventory", today=TODAY))
    lost = cell(model, "erkrath/gymnasium", "teaching at sw2", "servers")
    assert lost.verdict == "cut off"
    assert cell(model, "erkrath/gymnasium", "teaching", "servers").verdict == "allowed"


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    from verbund.cli import main

    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VERBUND_PROJECT", raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["verbund", *words])
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def test_net_check(run):
    code, out, err = run("net", "check")
    assert code == 0
    assert out.startswith("good: 5 sites, 25 switches")
    assert "administration and pedagogy are apart: none of " in out
    assert "[ssh-legacy]" in err
    path = Path("inventory/erkrath/sites/gymnasium.yml")
    path.write_text(
        path.read_text(encoding="utf-8").replace("to: core/3}", "to: core/3, zones: [mgmt]}"), encoding="utf-8"
    )
    code, out, err = run("net", "check", "gymnasium")
    assert code == 1
    assert "[vlan-path]" in err
    assert run("net", "check", "rhe")[0] == 0, "another site is not concerned"
    code, out, err = run("check")
    assert (code, out) == (2, "")
    assert "does not carry it on its way to gw1" in err
    code, _, err = run("net", "check", "gymnasum")
    assert code == 2
    assert "did you mean" in err
    assert run("net", "check", "rathaus")[0] == 2, "two towns have one"


def test_net_matrix_in_every_form(run):
    code, out, _ = run("net", "matrix", "gse")
    assert code == 0
    assert "teaching -> printers: tcp 631,9100, printing (IT-Betrieb)" in out
    code, out, _ = run("net", "matrix", "gse", "--format", "json")
    cells = json.loads(out)
    found = next(item for item in cells if (item["from"], item["to"]) == ("teaching", "printers"))
    assert found["decided_by"][0]["flow"] == "printing"
    code, out, _ = run("net", "matrix", "gse", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["verdict"] for row in rows} >= {"allowed", "denied", "direct", "isolated"}
    assert all(row["owner"] for row in rows if row["verdict"] == "allowed")
    assert {(item["from"], item["to"]) for item in cells} == {(row["from"], row["to"]) for row in rows}
