# SPDX-License-Identifier: EUPL-1.2
"""Whoever takes the management VLAN off the uplink hears nothing any more, until a timer brings it back."""

from __future__ import annotations

import socket

import pytest
from netmiko.exceptions import ReadTimeout

from verbund.lab.switches.clock import HandClock
from verbund.lab.switches.device import Device
from verbund.lab.switches.forwarding import Uplink
from verbund.lab.switches.registry import PLATFORMS

pytestmark = pytest.mark.loopback

START = {
    "cisco_ios": """
vtp mode transparent
vlan 10,99
interface GigabitEthernet1/0/8
 switchport mode trunk
 switchport trunk allowed vlan 10,99
interface Vlan99
 ip address 10.0.99.5 255.255.255.0
ip default-gateway 10.0.99.1
archive
 path flash:archive
""",
    "aruba_aoscx": """
vlan 10,99
interface 1/1/8
    vlan trunk native 1
    vlan trunk allowed 10,99
interface vlan 99
    ip address 10.0.99.5/24
ip route 0.0.0.0/0 10.0.99.1
""",
    "aruba_aoss": """
vlan 10
   tagged 8
vlan 99
   tagged 8
   ip address 10.0.99.5 255.255.255.0
ip default-gateway 10.0.99.1
""",
    "lancom_sx": """
vlan 10,99
interface GigabitEthernet 1/8
 switchport mode trunk
 switchport trunk allowed vlan 10,99
interface vlan 99
 ip address 10.0.99.5 255.255.255.0
ip route 0.0.0.0 0.0.0.0 10.0.99.1
""",
    "hpe_comware": """
vlan 10
vlan 99
interface GigabitEthernet1/0/8
 port link-type trunk
 port trunk permit vlan 10 99
interface Vlan-interface99
 ip address 10.0.99.5 255.255.255.0
ip route-static 0.0.0.0 0 10.0.99.1
""",
}
UPLINK = {
    "cisco_ios": "GigabitEthernet1/0/8",
    "aruba_aoscx": "1/1/8",
    "aruba_aoss": "8",
    "lancom_sx": "GigabitEthernet 1/8",
    "hpe_comware": "GigabitEthernet1/0/8",
}
LOSSES = {
    "cisco_ios": [
        "interface gi1/0/8\nswitchport trunk allowed vlan 10",
        "interface gi1/0/8\nswitchport trunk native vlan 99",
        "interface gi1/0/8\nswitchport mode access",
        "interface gi1/0/8\nshutdown",
        "no vlan 99",
        "interface vlan 99\nshutdown",
        "interface vlan 99\nip address 10.0.99.6 255.255.255.0",
        "interface vlan 99\nno ip address",
        "no interface vlan 99",
        "no ip default-gateway",
        "default interface gi1/0/8",
    ],
    "aruba_aoscx": [
        "interface 1/1/8\nno vlan trunk allowed 99",
        "interface 1/1/8\nvlan access 10",
        "interface 1/1/8\nvlan trunk native 99",
        "interface 1/1/8\nshutdown",
        "no vlan 99",
        "vlan 99\nshutdown",
        "interface vlan 99\nno ip address",
        "no ip route 0.0.0.0/0 10.0.99.1",
        "access-list ip M\n10 permit tcp 10.1.0.0/16 any eq 22\napply access-list ip M control-plane vrf default",
    ],
    "aruba_aoss": [
        "vlan 99\nno tagged 8",
        "vlan 99\nuntagged 8",
        "interface 8\ndisable",
        "no vlan 99",
        "vlan 99\nno ip address",
        "trunk 7-8 trk1 lacp",
        "management-vlan 10",
        "no ip default-gateway",
    ],
    "lancom_sx": [
        "interface GigabitEthernet 1/8\nswitchport trunk allowed vlan remove 99",
        "interface GigabitEthernet 1/8\nno switchport mode",
        "interface GigabitEthernet 1/8\nshutdown",
        "no interface vlan 99",
        "no ip route 0.0.0.0 0.0.0.0 10.0.99.1",
    ],
    "hpe_comware": [
        "interface GigabitEthernet1/0/8\nundo port trunk permit vlan 99",
        "interface GigabitEthernet1/0/8\nundo port link-type",
        "interface GigabitEthernet1/0/8\nport trunk pvid vlan 99",
        "interface GigabitEthernet1/0/8\nshutdown",
        "undo vlan 99",
        "undo interface Vlan-interface99",
        "undo ip route-static 0.0.0.0 0 10.0.99.1",
    ],
}
CASES = [(platform, lines) for platform in PLATFORMS for lines in LOSSES[platform]]


def managed(platform: str, clock: HandClock, **more: object) -> Device:
    return Device(
        platform,
        "sw1",
        ports=8,
        startup=START[platform],
        uplink=Uplink(UPLINK[platform], 99, controller="10.0.0.10"),
        clock=clock,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(("platform", "lines"), CASES)
def test_each_way_to_lose_the_switch_is_noticed_and_a_reload_brings_it_back(platform: str, lines: str) -> None:
    clock = HandClock()
    device = managed(platform, clock)
    assert device.reach.packets, device.reach.why
    device.configure(lines)
    assert not device.reach.packets
    assert device.outages[-1].line == lines.splitlines()[-1]
    device.reload()
    clock.advance(device.dialect.boot_seconds)
    assert device.reach.packets


@pytest.mark.parametrize(
    ("platform", "lines"),
    [
        ("cisco_ios", "ip access-list standard M\npermit 10.1.0.0 0.0.255.255\nline vty 0 4\naccess-class M in"),
        ("cisco_ios", "crypto key zeroize rsa"),
        ("cisco_ios", "line vty 0 4\ntransport input telnet"),
        ("aruba_aoscx", "no ssh server vrf default"),
        ("aruba_aoss", "no ip ssh"),
        ("aruba_aoss", "ip authorized-managers 10.1.0.0 255.255.0.0 access manager"),
        ("lancom_sx", "access management 1 99 10.1.0.1 to 10.1.0.9 all\naccess management"),
        ("lancom_sx", "no ip ssh"),
        ("hpe_comware", "undo ssh server enable"),
        ("hpe_comware", "acl basic 2000\nrule permit source 10.1.0.0 0.0.255.255\nssh server acl 2000"),
    ],
)
def test_filters_and_services_shut_out_the_next_login_only(platform: str, lines: str) -> None:
    device = managed(platform, HandClock())
    device.configure(lines)
    assert device.reach.packets
    assert not device.reach.logins
    assert device.outages


def test_a_session_stalls_without_an_end_and_goes_on_when_the_timer_returns_the_way(lab) -> None:
    device = managed("cisco_ios", lab.clock)
    lab.start(device)
    session = lab.login()
    session.config_mode("configure terminal revert timer 5")
    session.send_command("interface gi1/0/8", expect_string=r"#")
    session.write_channel("switchport trunk allowed vlan 10\n")
    with pytest.raises(ReadTimeout):
        session.read_until_pattern(r"\(config-if\)#", read_timeout=0.5)
    assert session.is_alive()
    with (
        socket.create_connection(("127.0.0.1", lab.farm["sw1"].port), timeout=0.4) as late,
        pytest.raises(TimeoutError),
    ):
        late.recv(1)
    lab.advance(4 * 60)
    assert not device.reach.packets
    lab.advance(60)
    assert device.reach.packets
    assert session.read_until_pattern(r"#", read_timeout=5)
    assert device.forwarding()["GigabitEthernet1/0/8"].tagged == {10, 99}
    assert lab.login().find_prompt() == "sw1#"


@pytest.mark.parametrize(
    ("platform", "arm", "loss", "confirm"),
    [
        ("cisco_ios", "configure terminal revert timer 2", "hostname neu", "configure confirm"),
        ("aruba_aoscx", "checkpoint auto 2", "vlan 50", "checkpoint auto confirm"),
        ("hpe_comware", "configuration commit delay 2", "vlan 50", "configuration commit"),
    ],
)
@pytest.mark.parametrize("confirmed", [True, False])
def test_timers_take_back_what_nobody_confirms(
    platform: str, arm: str, loss: str, confirm: str, confirmed: bool
) -> None:
    clock = HandClock()
    device = managed(platform, clock)
    before = device.running_config()
    session = device.console()
    in_config = platform == "hpe_comware"
    if not in_config:
        session.frames.clear()
        session.run(arm)
        session.enter_config()
    else:
        session.configure(arm)
    session.configure(loss)
    after = device.kept()
    clock.advance(100)
    assert device.kept() == after != before
    if confirmed:
        session.frames = session.frames[:1] if in_config else []
        session.run(confirm)
    clock.advance(60)
    assert (device.kept() == after) is confirmed
    assert (device.running_config() == before) is not confirmed
    clock.advance(600)
    assert (device.kept() == after) is confirmed


def test_ios_refuses_the_timer_without_an_archive_and_offers_the_watchdog(lab) -> None:
    clock = lab.clock
    device = lab.device("cisco_ios", startup="vlan 10")
    session = lab.login()
    with pytest.raises(ValueError, match="configuration mode"):
        session.config_mode("configure terminal revert timer 5")
    session.write_channel("reload in 10\n")
    session.read_until_pattern(r"confirm\]")
    session.write_channel("\n")
    session.read_until_pattern(r"#")
    device_before = device.running_config()
    session.send_config_set(["hostname weg"])
    assert device.remaining("reload") == 600
    lab.advance(600)
    assert device.running_config() == device_before
    assert device.booting
    assert clock.now() > 0


@pytest.mark.parametrize("platform", ["aruba_aoss", "hpe_comware"])
def test_the_other_watchdogs_reload_and_can_be_stopped(platform: str) -> None:
    later, stop = {
        "aruba_aoss": ("reload after 10", "no reload"),
        "hpe_comware": ("schedule reboot delay 10", "undo schedule reboot"),
    }[platform]
    for stopped in (True, False):
        clock = HandClock()
        device = managed(platform, clock)
        session = device.console()
        session.configure("vlan 50")
        session.frames.clear()
        session.run(later)
        if stopped:
            session.run(stop)
        clock.advance(601)
        assert (50 in device.view().vlans) is stopped
