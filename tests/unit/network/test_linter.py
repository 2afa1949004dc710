# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - lines of devices are as long as they are
"""The plan linter finds bad orders: the ones that stock drivers produce, and every planted one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sample

from verbund.network import diff, linter, render, structured
from verbund.network.dialects import Command
from verbund.network.diff import Plan

ROOT = Path(__file__).resolve().parents[3]

UPLINK = {
    "cisco_ios": "interface Port-channel1",
    "lancom_sx": "interface GigabitEthernet 1/11",
    "aruba_aoscx": "interface lag 1",
    "hpe_comware": "interface Bridge-Aggregation1",
}


def lint(platform: Any, *commands: tuple[str, ...], **more: Any) -> list[str]:
    """Lint commands, each given as its sections and itself."""
    config = sample.sample(platform)
    running = render.render(config, ROOT).text
    plan = Plan(platform, tuple(Command(tuple(command[:-1]), command[-1]) for command in commands), (), "")
    return [finding.rule for finding in linter.lint(plan, running, config.management, **more)]


@pytest.mark.parametrize(
    ("platform", "commands", "rule"),
    [
        # what the stock driver of hier_config does to a trunk: open to all, then closed again
        ("cisco_ios", [("interface GigabitEthernet1/0/10", "no switchport trunk allowed vlan 10,20"),
                       ("interface GigabitEthernet1/0/10", "switchport trunk allowed vlan 10,22")], "open-trunk"),
        ("lancom_sx", [("interface GigabitEthernet 1/10", "no switchport trunk allowed vlan"),
                       ("interface GigabitEthernet 1/10", "switchport mode access")], "open-trunk"),
        ("cisco_ios", [("interface GigabitEthernet1/0/1", "switchport mode trunk"),
                       ("interface GigabitEthernet1/0/1", "switchport trunk allowed vlan 20")], "open-trunk"),
        ("cisco_ios", [("interface GigabitEthernet1/0/10", "switchport trunk allowed vlan all"),
                       ("interface GigabitEthernet1/0/10", "switchport trunk allowed vlan 10")], "open-trunk"),
        ("aruba_aoscx", [("interface 1/1/1", "vlan trunk native 999"),
                         ("interface 1/1/1", "vlan trunk allowed 20")], "open-trunk"),
        ("aruba_aoscx", [("interface 1/1/10", "vlan trunk allowed all"),
                         ("interface 1/1/10", "vlan access 20")], "open-trunk"),
        # through VLAN 1
        ("cisco_ios", [("interface GigabitEthernet1/0/1", "no switchport access vlan 20"),
                       ("interface GigabitEthernet1/0/1", "switchport access vlan 22")], "vlan-1"),
        ("aruba_aoss", [("vlan 20", "no untagged 1"), ("vlan 22", "untagged 1")], "vlan-1"),
        # VLANs deleted too early
        ("cisco_ios", [("no vlan 22",), ("interface GigabitEthernet1/0/3", "switchport access vlan 20")], "vlan-in-use"),
        ("aruba_aoscx", [("no vlan 22",)], "vlan-in-use"),
        ("aruba_aoss", [("no vlan 22",)], "vlan-in-use"),
        ("hpe_comware", [("undo vlan 20 to 22",)], "vlan-in-use"),
        ("lancom_sx", [("no vlan 22",)], "vlan-in-use"),
        # the management path: the VLAN, the uplink, the address, the gateway, SSH, who may log in
        ("cisco_ios", [("no vlan 10",)], "management-path"),
        ("hpe_comware", [("undo vlan 10",)], "management-path"),
        ("cisco_ios", [("interface Port-channel1", "switchport trunk allowed vlan 20")], "management-path"),
        ("cisco_ios", [("interface Port-channel1", "switchport trunk allowed vlan remove 10")], "management-path"),
        ("cisco_ios", [("interface Port-channel1", "shutdown")], "management-path"),
        ("cisco_ios", [("interface GigabitEthernet1/0/11", "shutdown"),
                       ("interface GigabitEthernet1/0/12", "shutdown")], "management-path"),
        ("cisco_ios", [("interface Vlan10", "no ip address")], "management-path"),
        ("cisco_ios", [("interface Vlan10", "shutdown")], "management-path"),
        ("cisco_ios", [("no ip default-gateway 10.32.10.1",)], "management-path"),
        ("cisco_ios", [("line vty 0 4", "transport input none")], "management-path"),
        ("cisco_ios", [("ip access-list standard VERBUND-MGMT", "no permit 10.0.8.0 0.0.0.255"),
                       ("ip access-list standard VERBUND-MGMT", "no permit 10.0.9.0 0.0.0.255")], "management-path"),
        ("aruba_aoscx", [("interface lag 1", "no vlan trunk allowed 10")], "management-path"),
        ("aruba_aoscx", [("interface vlan 10", "no ip address 10.32.10.11/24")], "management-path"),
        ("aruba_aoscx", [("no ssh server vrf default",)], "management-path"),
        ("aruba_aoscx", [("no ip route 0.0.0.0/0 10.32.10.1",)], "management-path"),
        ("aruba_aoss", [("vlan 10", "no tagged Trk1")], "management-path"),
        ("aruba_aoss", [("vlan 10", "no ip address")], "management-path"),
        ("aruba_aoss", [("no ip ssh",)], "management-path"),
        ("aruba_aoss", [("no trunk 11-12",)], "management-path"),
        ("aruba_aoss", [("no ip authorized-managers 10.0.8.0 255.255.255.0",),
                        ("no ip authorized-managers 10.0.9.0 255.255.255.0",)], "management-path"),
        ("lancom_sx", [("interface GigabitEthernet 1/11", "shutdown"),
                       ("interface GigabitEthernet 1/12", "switchport trunk allowed vlan remove 10")], "management-path"),
        ("lancom_sx", [("no access management 1",), ("no access management 2",)], "management-path"),
        ("hpe_comware", [("interface Bridge-Aggregation1", "undo port trunk permit vlan 10 99"),
                         ("interface Bridge-Aggregation1", "port trunk permit vlan 10 20")], "management-path"),
        ("hpe_comware", [("interface Bridge-Aggregation1", "port link-type access")], "management-path"),
        ("hpe_comware", [("undo interface Vlan-interface10",)], "management-path"),
        ("hpe_comware", [("undo ssh server enable",)], "management-path"),
    ],
)  # fmt: skip
def test_planted_orders_are_found(platform: str, commands: list[tuple[str, ...]], rule: str) -> None:
    assert rule in lint(platform, *commands)


@pytest.mark.parametrize("platform", sample.CLI)
def test_harmless_lines_pass(platform: str) -> None:
    assert lint(platform) == []
    word = {"aruba_aoss": "name x", "hpe_comware": "description x"}.get(platform, "description x")
    port = "GigabitEthernet 1/1" if platform == "lancom_sx" else sample.port_name(platform, 1)
    assert lint(platform, (f"interface {port}", word)) == []


def test_the_controller_must_be_let_in() -> None:
    command = ("ip access-list standard VERBUND-MGMT", "no permit 10.0.8.0 0.0.0.255")
    assert lint("cisco_ios", command) == []
    assert lint("cisco_ios", command, controller="10.0.8.5") == ["management-path"]


def test_line_and_reason_are_named() -> None:
    config = sample.sample("cisco_ios")
    commands = (Command(("vlan 30",), "name neu"), Command(("interface Port-channel1",), "shutdown"))
    plan = Plan("cisco_ios", commands, (), "")
    finding = linter.lint(plan, render.render(config, ROOT).text, config.management)[0]
    assert plan.lines()[finding.line - 1] == "shutdown"
    assert "no uplink (channel 1) would carry the management VLAN 10" in str(finding)


def test_a_move_of_the_uplink_is_safe_only_in_the_right_order() -> None:
    plain = sample.plain("cisco_ios")
    config = structured.parse(plain)
    plain["ports"][9] = {"name": sample.port_name("cisco_ios", 10), "mode": "trunk", "tagged": "10,20", "stp": "uplink"}
    plain["channels"][0]["tagged"] = "20"
    plain["management"]["uplinks"] = [sample.port_name("cisco_ios", 10)]
    other = structured.parse(plain)
    running, wanted = render.render(config, ROOT).text, render.render(other, ROOT).text
    plan = diff.plan("cisco_ios", running, wanted)
    assert linter.lint(plan, running, other.management, before=config.management) == []
    turned = Plan("cisco_ios", tuple(reversed(plan.commands)), (), "")
    assert plan.commands
    assert linter.lint(turned, running, config.management) != []
