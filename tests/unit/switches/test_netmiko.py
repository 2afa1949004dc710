# SPDX-License-Identifier: EUPL-1.2
"""netmiko takes the switches for what they say they are."""

from __future__ import annotations

import pytest
from netmiko.exceptions import ConfigInvalidException
from ntc_templates.parse import parse_output

from verbund.lab.switches.device import Neighbour
from verbund.lab.switches.registry import PLATFORMS

pytestmark = pytest.mark.loopback

ERRORS = r"(% ?(Invalid|Ambiguous|Incomplete|Unrecognized|Wrong|Command incomplete)|Invalid input|Module not present)"
RUN = {"hpe_comware": "display current-configuration"}
# netmiko looks for the plain configuration prompt, so the last line of a set leads back to it where it must.
LINES = {
    "cisco_ios": ["vlan 10", "interface gi1/0/1", "switchport mode access", "switchport access vlan 10"],
    "aruba_aoscx": ["vlan 10", "interface 1/1/1", "vlan access 10", "exit"],
    "aruba_aoss": ["vlan 10", "untagged 1", "exit"],
    "lancom_sx": ["vlan 10", "interface GigabitEthernet 1/1", "switchport access vlan 10", "exit"],
    "hpe_comware": ["vlan 10", "interface GigabitEthernet1/0/1", "port access vlan 10"],
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_login_show_change_refusal_and_save(lab, platform: str) -> None:
    device = lab.device(platform)
    session = lab.login()
    before = session.send_command(RUN.get(platform, "show running-config"))
    assert device.running_config().strip().splitlines()[-1].strip() in before
    session.send_config_set(LINES[platform], error_pattern=ERRORS, bypass_commands="")
    first = device.hardware.ports[0]
    assert device.forwarding()[first].pvid == 10
    assert device.unsaved
    with pytest.raises(ConfigInvalidException):
        session.send_config_set(["vlan 4095"], error_pattern=ERRORS, bypass_commands="")
    if session.check_config_mode():
        session.exit_config_mode()
    session.save_config()
    assert device.saves == 1
    assert not device.unsaved
    assert len(session.send_command(RUN.get(platform, "show running-config"))) > len(before) - 40


@pytest.mark.parametrize(
    ("platform", "template", "commands"),
    [
        (
            "cisco_ios",
            "cisco_ios",
            [
                "show vlan",
                "show interfaces status",
                "show interfaces switchport",
                "show mac-address-table",
                "show version",
            ],
        ),
        ("aruba_aoscx", "aruba_aoscx", ["show vlan", "show mac-address-table", "show system"]),
        (
            "aruba_aoss",
            "hp_procurve",
            ["show vlans", "show interfaces brief", "show mac-address", "show lldp info remote-device"],
        ),
        (
            "hpe_comware",
            "hp_comware",
            ["display vlan brief", "display vlan all", "display interface brief", "display mac-address"],
        ),
    ],
)
def test_what_is_shown_is_what_the_parsers_of_the_field_read(
    lab, platform: str, template: str, commands: list[str]
) -> None:
    first = {"cisco_ios": "GigabitEthernet1/0/1", "hpe_comware": "GigabitEthernet1/0/1", "aruba_aoss": "1"}.get(
        platform, "1/1/1"
    )
    device = lab.device(
        platform,
        macs=[(1, "00:00:5e:00:53:aa", first)],
        neighbours={first: Neighbour("core", "24")},
        startup="vlan 20",
    )
    session = lab.login()
    for command in commands:
        typed = command.replace("mac-address-table", "mac address-table") if platform == "cisco_ios" else command
        rows = parse_output(platform=template, command=command, data=session.send_command(typed) + "\n")
        assert rows, command
        if "vlan" in command:
            assert {"1", "20"} <= {row["vlan_id"] for row in rows}
        if "mac" in command:
            assert len(rows) == 1
    assert device.view().vlans.keys() >= {1, 20}


def test_fifty_lines_of_output_need_no_key_once_paging_is_off(lab) -> None:
    lab.device("cisco_ios", ports=48)
    session = lab.login()
    assert session.send_command("show running-config").count("interface GigabitEthernet") == 48


def test_pipes_filter_what_is_shown(lab) -> None:
    lab.device("cisco_ios", startup="interface gi1/0/3\ndescription Aula")
    session = lab.login()
    assert session.send_command("show running-config | include description").strip() == "description Aula"
    assert (
        session.send_command("show run | section interface GigabitEthernet1/0/3").strip().endswith("description Aula")
    )


def test_a_changed_host_name_changes_the_prompt_at_once(lab) -> None:
    lab.device("cisco_ios")
    session = lab.login()
    session.send_config_set(["hostname sw-neu"], error_pattern=ERRORS, bypass_commands="")
    assert session.find_prompt() == "sw-neu#"


def test_questions_of_aoss_wait_for_one_key(lab) -> None:
    device = lab.device("aruba_aoss", startup="vlan 10\nuntagged 1-3")
    session = lab.login()
    session.config_mode()
    session.write_channel("no vlan 10\n")
    out = session.read_until_pattern(r"\[y/n\]")
    assert "moved to the default VLAN" in out
    assert "1-3" in out
    assert 10 in device.view().vlans
    session.write_channel("y")
    session.read_until_pattern(r"\(config\)#")
    assert 10 not in device.view().vlans
    assert device.forwarding()["2"].pvid == 1
