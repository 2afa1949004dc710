# SPDX-License-Identifier: EUPL-1.2
"""The truths that are dangerous: what each system really does with lines that look harmless."""

from __future__ import annotations

import pytest

from verbund.lab.switches.clock import HandClock
from verbund.lab.switches.device import Device
from verbund.lab.switches.ranges import ALL_VLANS
from verbund.lab.switches.registry import PLATFORMS

pytestmark = pytest.mark.loopback


def switch(platform: str, startup: str = "", **more: object) -> Device:
    return Device(platform, "sw1", ports=8, startup=startup, clock=HandClock(), **more)  # type: ignore[arg-type]


def port(device: Device, name: str) -> tuple[int | None, set[int]]:
    found = device.forwarding()[name]
    return found.pvid, set(found.tagged)


# -- Cisco IOS ---------------------------------------------------------------------------------------------------------

IOS_TRUNK = """
vlan 10,20,30
interface GigabitEthernet1/0/1
 switchport mode trunk
 switchport trunk allowed vlan 10,20
"""
GI1 = "GigabitEthernet1/0/1"


@pytest.mark.parametrize(
    ("line", "tagged"),
    [
        ("switchport trunk allowed vlan 30", {30}),
        ("switchport trunk allowed vlan add 30", {10, 20, 30}),
        ("switchport trunk allowed vlan remove 10", {20}),
        ("switchport trunk allowed vlan none", set()),
        ("no switchport trunk allowed vlan 10,20", {10, 20, 30}),
        ("no switchport trunk allowed vlan", {10, 20, 30}),
        ("switchport trunk allowed vlan all", {10, 20, 30}),
        ("switchport trunk allowed vlan 10,99", {10}),
    ],
)
def test_ios_trunk_lists_replace_add_remove_and_fall_open(line: str, tagged: set[int]) -> None:
    device = switch("cisco_ios", IOS_TRUNK)
    device.configure(["interface gi 1/0/1", line])
    assert port(device, GI1)[1] == tagged


def test_ios_vlan_one_comes_back_with_no_list() -> None:
    device = switch("cisco_ios", IOS_TRUNK)
    assert port(device, GI1)[0] is None
    device.configure(["interface gi1/0/1", "no switchport trunk allowed vlan 10"])
    assert port(device, GI1)[0] == 1


def test_ios_no_access_vlan_is_vlan_one_and_a_deleted_vlan_takes_the_port_down() -> None:
    device = switch("cisco_ios", "vlan 20\ninterface Gi1/0/2\nswitchport mode access\nswitchport access vlan 20")
    name = "GigabitEthernet1/0/2"
    assert port(device, name) == (20, set())
    device.configure("no vlan 20")
    assert port(device, name) == (None, set())
    assert "switchport access vlan 20" in device.running_config()
    device.configure("interface Gi1/0/2\nno switchport access vlan 20")
    assert port(device, name) == (1, set())


def test_ios_creates_a_missing_access_vlan_and_says_so() -> None:
    device = switch("cisco_ios")
    said: list[str] = []
    console = device.console()
    console.say = said.append  # type: ignore[method-assign]
    console.configure("interface gi1/0/1")
    console.configure("switchport access vlan 77")
    assert said == ["% Access VLAN does not exist. Creating vlan 77"]
    assert 77 in device.view().vlans


def test_ios_long_lists_are_wrapped_and_read_back() -> None:
    device = switch("cisco_ios", "interface gi1/0/1\nswitchport mode trunk")
    many = ",".join(str(vlan) for vlan in range(2, 200, 2))
    device.configure(["interface gi1/0/1", f"switchport trunk allowed vlan {many}"])
    lines = [line for line in device.running_config().splitlines() if "allowed vlan" in line]
    assert len(lines) > 3
    assert all(" allowed vlan add " in line for line in lines[1:])
    assert " allowed vlan 2," in lines[0]
    assert all(len(line) < 100 for line in lines)


def test_ios_vtp_server_shows_no_vlans_and_keeps_them_over_a_reload() -> None:
    device = switch("cisco_ios", "vlan 10")
    assert "vlan 10" not in device.running_config()
    device.configure("vlan 20\nname neu\nno vlan 10")
    device.reload()
    assert set(device.view().vlans) == {1, 20}
    device.configure("vtp mode transparent")
    assert "vlan 20\n name neu\n" in device.running_config()
    device.save()
    device.configure("no vlan 20")
    device.reload()
    assert set(device.view().vlans) == {1, 20}


def test_ios_members_of_a_bundle_have_its_vlans() -> None:
    device = switch(
        "cisco_ios",
        "vlan 10,20\ninterface Port-channel1\nswitchport mode trunk\nswitchport trunk allowed vlan 10\n"
        "interface range gi1/0/7 - 8\nchannel-group 1 mode active",
    )
    assert port(device, "GigabitEthernet1/0/8")[1] == {10}
    device.configure("interface po1\nswitchport trunk allowed vlan 20\nshutdown")
    assert port(device, "GigabitEthernet1/0/8") == (None, set())
    device.configure("no interface po1")
    assert "shutdown" in device.running_config()


# -- AOS-CX ------------------------------------------------------------------------------------------------------------

CX_TRUNK = "vlan 10,20,30\ninterface 1/1/1\nvlan trunk native 1\nvlan trunk allowed 10,20"


@pytest.mark.parametrize(
    ("line", "pvid", "tagged"),
    [
        ("vlan trunk allowed 30", None, {10, 20, 30}),
        ("no vlan trunk allowed 10", None, {20}),
        ("no vlan trunk allowed 10,20", 1, {10, 20, 30}),
        ("no vlan trunk allowed", 1, {10, 20, 30}),
        ("vlan trunk native 10", 10, {20}),
        ("vlan trunk native 10 tag", None, {10, 20}),
        ("vlan access 20", 20, set()),
        ("no vlan trunk native", None, {10, 20}),
    ],
)
def test_cx_lists_add_and_the_last_vlan_taken_off_opens_the_trunk(
    line: str, pvid: int | None, tagged: set[int]
) -> None:
    device = switch("aruba_aoscx", CX_TRUNK)
    device.configure(["interface 1/1/1", line])
    assert port(device, "1/1/1") == (pvid, tagged)


def test_cx_native_vlan_on_an_access_port_opens_a_trunk_to_all() -> None:
    device = switch("aruba_aoscx", "vlan 10,20")
    device.configure("interface 1/1/2\nvlan trunk native 20")
    assert port(device, "1/1/2") == (20, {1, 10})
    assert "    vlan trunk allowed all" in device.running_config()


def test_cx_native_resets_the_list_when_the_release_does_what_the_guide_says() -> None:
    device = switch("aruba_aoscx", CX_TRUNK)
    device.faults.native_opens_trunk = True
    device.configure("interface 1/1/1\nvlan trunk native 20")
    assert port(device, "1/1/1") == (20, {1, 10, 30})


def test_cx_refuses_vlans_that_are_not_there_and_moves_ports_of_deleted_ones() -> None:
    device = switch("aruba_aoscx", "vlan 10\ninterface 1/1/1\nvlan access 10")
    with pytest.raises(ValueError, match="VLAN 99 not found"):
        device.configure("interface 1/1/2\nvlan access 99")
    device.configure("no vlan 10")
    assert port(device, "1/1/1") == (1, set())


# -- AOS-S -------------------------------------------------------------------------------------------------------------


def test_aoss_a_port_is_untagged_in_one_vlan_and_moves() -> None:
    device = switch("aruba_aoss", "vlan 10\nuntagged 1-4\nvlan 20\nuntagged 3")
    assert port(device, "3") == (20, set())
    assert "   untagged 1-2,4\n" in device.running_config()
    assert "   no untagged 1-4\n   untagged 5-8\n" in device.running_config()


def test_aoss_leaving_the_last_vlan_leads_back_to_vlan_one() -> None:
    device = switch("aruba_aoss", "vlan 10\nuntagged 1\ntagged 2")
    device.configure("vlan 10\nno untagged 1")
    assert port(device, "1") == (1, set())
    with pytest.raises(ValueError, match="at least one VLAN"):
        device.configure("vlan 1\nno untagged 1")
    device.configure("vlan 1\nno untagged 2")
    assert port(device, "2") == (None, {10})
    device.configure("no vlan 10")
    assert port(device, "2") == (1, set())


def test_aoss_ports_of_a_trunk_leave_their_vlans_and_come_back_to_vlan_one() -> None:
    device = switch("aruba_aoss", "vlan 10\nuntagged 7-8\ntrunk 7-8 trk1 lacp\nvlan 10\ntagged trk1")
    assert port(device, "7") == (1, {10})
    device.configure("no trunk 7-8")
    assert port(device, "7") == (1, set())


# -- LCOS SX -----------------------------------------------------------------------------------------------------------


def test_sx_trunks_carry_vlans_nobody_created_and_fall_open() -> None:
    device = switch(
        "lancom_sx", "interface GigabitEthernet 1/1\nswitchport mode trunk\nswitchport trunk allowed vlan 50"
    )
    assert port(device, "GigabitEthernet 1/1")[1] == {50}
    device.configure("interface GigabitEthernet 1/1\nno switchport trunk allowed vlan")
    assert port(device, "GigabitEthernet 1/1")[1] == ALL_VLANS - {1}


def test_sx_access_ports_need_their_vlan_and_are_trusted_from_the_start() -> None:
    device = switch("lancom_sx", "vlan 10\ninterface GigabitEthernet 1/1\nswitchport access vlan 10")
    assert port(device, "GigabitEthernet 1/1") == (10, set())
    device.configure("no vlan 10")
    assert port(device, "GigabitEthernet 1/1") == (None, set())
    device.configure("interface GigabitEthernet 1/1\nno ip dhcp snooping trust")
    assert " no ip dhcp snooping trust\n" in device.running_config()


# -- Comware -----------------------------------------------------------------------------------------------------------

COMWARE_TRUNK = """
vlan 10
vlan 20
vlan 30
interface GigabitEthernet1/0/1
 port link-type trunk
 undo port trunk permit vlan 1
 port trunk permit vlan 10 20
"""


@pytest.mark.parametrize(
    ("line", "pvid", "tagged"),
    [
        ("port trunk permit vlan 30", None, {10, 20, 30}),
        ("undo port trunk permit vlan 10", None, {20}),
        ("undo port trunk permit vlan 10 20", None, set()),
        ("port trunk permit vlan all", 1, {10, 20, 30}),
        ("port trunk pvid vlan 20", 20, {10}),
        ("undo port link-type", 1, set()),
    ],
)
def test_comware_permits_add_and_undo_takes_away(line: str, pvid: int | None, tagged: set[int]) -> None:
    device = switch("hpe_comware", COMWARE_TRUNK)
    device.configure(["interface GigabitEthernet1/0/1", line])
    assert port(device, GI1) == (pvid, tagged)


def test_comware_a_new_trunk_carries_vlan_one() -> None:
    device = switch("hpe_comware", "interface GigabitEthernet1/0/2\nport link-type trunk")
    assert port(device, "GigabitEthernet1/0/2") == (1, set())


def test_comware_undo_vlan_moves_access_ports_and_leaves_trunks_with_a_dead_pvid() -> None:
    device = switch("hpe_comware", COMWARE_TRUNK + "port trunk pvid vlan 20\ninterface gi1/0/2\nport access vlan 20")
    device.configure("undo vlan 20 to 30")
    assert port(device, "GigabitEthernet1/0/2") == (1, set())
    assert port(device, GI1) == (None, {10})
    assert " port trunk pvid vlan 20\n" in device.running_config()


def test_comware_knows_no_batches_and_at_most_ten_vlans_in_a_line() -> None:
    device = switch("hpe_comware", COMWARE_TRUNK)
    with pytest.raises(ValueError, match="invalid"):
        device.configure("undo vlan batch 10 20")
    with pytest.raises(ValueError, match="invalid"):
        device.configure(
            "interface GigabitEthernet1/0/1\nport trunk permit vlan " + " ".join(str(vlan) for vlan in range(2, 24, 2))
        )


# -- all ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        ("cisco_ios", "interface GigabitEthernet1/0/9"),
        ("aruba_aoscx", "interface 1/1/9"),
        ("aruba_aoss", "interface 9"),
        ("lancom_sx", "interface GigabitEthernet 1/9"),
        ("hpe_comware", "interface GigabitEthernet1/0/9"),
    ],
)
def test_a_port_that_is_not_there_is_refused(platform: str, line: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        switch(platform).configure(line)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_secrets_never_look_like_what_was_typed(platform: str) -> None:
    line = {
        "cisco_ios": "username admin privilege 15 secret streng-geheim",
        "aruba_aoscx": "user admin group administrators password plaintext streng-geheim",
        "aruba_aoss": 'snmpv3 user "netz" auth sha "streng-geheim" priv aes "streng-geheim"',
        "lancom_sx": "username admin privilege 15 password unencrypted streng-geheim",
        "hpe_comware": "local-user admin class manage\npassword simple streng-geheim",
    }[platform]
    device = switch(platform)
    device.configure(line)
    assert "streng-geheim" not in device.running_config()
    assert device.running_config() != switch(platform).running_config()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_not_saved_is_gone_after_a_reload(platform: str) -> None:
    device = switch(platform, {"hpe_comware": "vlan 10\nquit"}.get(platform, "vlan 10\nexit"))
    saved = device.running_config()
    device.configure({"aruba_aoss": "spanning-tree"}.get(platform, "vlan 20"))
    device.configure({"hpe_comware": "sysname other", "aruba_aoss": 'hostname "other"'}.get(platform, "hostname other"))
    assert device.unsaved
    device.reload()
    assert not device.manageable()
    assert device.running_config() == saved
    device.clock.advance(device.dialect.boot_seconds)  # type: ignore[attr-defined]
    assert device.manageable()
    assert not device.unsaved


@pytest.mark.parametrize("platform", PLATFORMS)
def test_abbreviations_mean_the_whole_word_or_nothing(platform: str) -> None:
    whole, short, unclear = {
        "cisco_ios": ("interface GigabitEthernet1/0/1\nswitchport mode trunk", "int gi1/0/1\nsw mo tr", "s"),
        "aruba_aoscx": ("interface 1/1/1\nspanning-tree root-guard", "int 1/1/1\nspan root", "s"),
        "aruba_aoss": ("interface 1\ndisable", "int 1\ndisa", "s"),
        "lancom_sx": ("interface GigabitEthernet 1/1\nswitchport mode trunk", "int gi 1/1\nsw mo tr", "sw"),
        "hpe_comware": ("interface GigabitEthernet1/0/1\nstp edged-port", "int gi1/0/1\nstp ed", "s"),
    }[platform]
    one, other = switch(platform), switch(platform)
    one.configure(whole)
    other.configure(short)
    assert one.running_config() == other.running_config() != switch(platform).running_config()
    with pytest.raises(ValueError, match=r"incomplete|ambiguous|invalid"):
        other.configure(unclear)
