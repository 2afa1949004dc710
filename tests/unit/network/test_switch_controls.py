# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - lines of devices are as long as they are
"""Switch controls: a rendered switch meets them all, and each broken line breaks exactly its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sample

from verbund.baseline.controls import bsi_catalogue
from verbund.network import controls, render

ROOT = Path(__file__).resolve().parents[3]


def broken(platform: Any, text: str) -> set[str]:
    verdicts = controls.judge(sample.sample(platform), text, ROOT)
    assert len(verdicts) == len(controls.controls())
    return {verdict.control for verdict in verdicts if verdict.outcome == "not met"}


def test_the_list_is_sound() -> None:
    known = bsi_catalogue()
    ids = [control.id for control in controls.controls()]
    assert len(ids) >= 40
    assert ids == sorted(set(ids))
    for control in controls.controls():
        assert controls.platforms_of(control.id, ROOT), f"{control.id} is enforced nowhere"
        for reference in control.bsi:
            assert known[reference.req].level == reference.level, reference
    used = {name for platform in sample.ALL for name in render.control_ids(ROOT, platform)}
    assert used <= set(ids), used - set(ids)


@pytest.mark.parametrize("platform", sample.CLI)
def test_the_standard_meets_all(platform: Any) -> None:
    text = render.render(sample.sample(platform), ROOT).text
    assert broken(platform, text) == set()
    outcomes = {verdict.control: verdict for verdict in controls.judge(sample.sample(platform), text, ROOT)}
    met = [verdict for verdict in outcomes.values() if verdict.outcome == "met"]
    assert len(met) >= 40
    assert all(verdict.evidence for verdict in outcomes.values() if verdict.outcome == "not applicable")


@pytest.mark.parametrize("platform", sample.CLI)
def test_every_line_breaks_its_controls_and_no_others(platform: Any) -> None:
    rows = render.annotated(sample.sample(platform), ROOT)
    wanted = controls.demands(sample.sample(platform), ROOT)
    judged = 0
    seen: set[frozenset[str]] = set()
    for number, (line, ids) in enumerate(rows):
        bare = line.strip()
        header = number + 1 < len(rows) and rows[number + 1][0].startswith(line[: len(line) - len(bare)] + " ")
        lines = {leaf for leaf in wanted.lines if leaf[1] == bare}
        if not ids or ids in seen or header or len(lines) != 1 or bare.startswith(("banner", "header")):
            continue
        if (platform == "cisco_ios" and bare.startswith("snmp-server user")) or bare == "snmp-server":
            continue  # cannot be read back
        text = "\n".join(row for index, (row, _) in enumerate(rows) if index != number)
        assert broken(platform, text) == set(ids), line
        seen.add(ids)
        judged += 1
    assert judged >= 8


@pytest.mark.parametrize(
    ("platform", "old", "new", "control"),
    [
        ("cisco_ios", "no ip http server", "ip http server", "VB-SWI-004"),
        ("cisco_ios", "ntp server", "snmp-server community public ro\nntp server", "VB-SWI-012"),
        ("cisco_ios", "vlan 999\n", "vlan 77\nvlan 999\n", "VB-SWI-021"),
        ("cisco_ios", "username notfall", "username gast secret x\nusername notfall", "VB-SWI-008"),
        ("cisco_ios", "allowed vlan 10,20\n", "allowed vlan 10,20,22\n", "VB-SWI-028"),
        ("cisco_ios", " permit 10.0.9.0 0.0.0.255\n", " permit 10.0.9.0 0.0.0.255\n permit 10.32.0.0 0.0.255.255\n", "VB-SWI-006"),
        ("cisco_ios", " switchport protected\n", " switchport protected\n ip dhcp snooping trust\n", "VB-SWI-037"),
        ("cisco_ios", " authentication port-control auto\n", " authentication port-control auto\n authentication open\n", "VB-SWI-042"),
        ("aruba_aoscx", "ssh server vrf default", "ssh server vrf default\nhttps-server vrf mgmt", "VB-SWI-005"),
        ("aruba_aoscx", "    vlan access 22", "    vlan access 20", "VB-SWI-027"),
        ("aruba_aoscx", "    vlan trunk allowed 10,20\n", "    vlan trunk allowed 10,20,98\n", "VB-SWI-028"),
        ("aruba_aoss", "no telnet-server", "telnet-server", "VB-SWI-003"),
        ("aruba_aoss", "vlan 20\n", 'snmp-server community "public" unrestricted\nvlan 20\n', "VB-SWI-012"),
        ("lancom_sx", "no aaa authentication login http\n", "aaa authentication login http local\n", "VB-SWI-004"),
        ("lancom_sx", "lmc Operating no", "lmc Operating try", "VB-SWI-050"),
        ("lancom_sx", " pvlan isolation\n", "", "VB-SWI-047"),
        ("hpe_comware", " undo telnet server enable", " telnet server enable", "VB-SWI-003"),
        ("hpe_comware", " stp root-protection\n", "", "VB-SWI-035"),
        ("hpe_comware", " port trunk permit vlan 10 20\n", " port trunk permit vlan all\n", "VB-SWI-028"),
    ],
)  # fmt: skip
def test_what_breaks_a_control(platform: str, old: str, new: str, control: str) -> None:
    text = render.render(sample.sample(platform), ROOT).text
    assert old in text
    assert broken(platform, text.replace(old, new, 1)) == {control}


def test_evidence_names_the_line_without_secrets() -> None:
    text = render.render(sample.sample("cisco_ios"), ROOT).text + "snmp-server community geheim ro\n"
    verdict = next(v for v in controls.judge(sample.sample("cisco_ios"), text, ROOT) if v.control == "VB-SWI-012")
    assert verdict.evidence == ("+ snmp-server community <secret> ro",)


def test_files_are_the_hosts_business() -> None:
    verdicts = controls.judge(sample.sample("linux_bridge"), "", ROOT)
    assert {verdict.outcome for verdict in verdicts} == {"not applicable"}
