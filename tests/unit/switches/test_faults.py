# SPDX-License-Identifier: EUPL-1.2
"""Each fault is seen by a client as it would be with a real switch."""

from __future__ import annotations

import time

import paramiko
import pytest
from netmiko.exceptions import (
    NetmikoAuthenticationException,
    NetmikoTimeoutException,
    ReadTimeout,
)

from verbund.lab.switches.clock import HandClock
from verbund.lab.switches.device import Device
from verbund.lab.switches.faults import Faults
from verbund.lab.switches.registry import PLATFORMS
from verbund.lab.switches.session import Session

pytestmark = pytest.mark.loopback

VLANS = [f"vlan {number}" for number in range(10, 16)]


@pytest.mark.parametrize("how", ["reset", "close"])
def test_the_connection_breaks_after_some_lines_and_those_are_done(lab, how: str) -> None:
    device = lab.device(faults=Faults(drop_how=how, drop_after_lines=3))
    channel = _shell(lab)
    channel.sendall(("conf t\n" + "\n".join(VLANS) + "\n").encode())
    channel.settimeout(3)
    while channel.recv(1000):
        pass
    assert set(device.view().vlans) == {1, 10, 11}
    device.faults.drop_after_lines = None
    assert lab.login().find_prompt() == "sw1#"


def test_a_lost_cable_is_silence(lab) -> None:
    lab.device(faults=Faults(drop_how="silence", drop_after_lines=0))
    channel = _shell(lab)
    channel.sendall(b"show version\n")
    channel.settimeout(0.3)
    with pytest.raises(TimeoutError):
        _until(channel, "Version", wait=0.3)
    assert not channel.closed


def test_refused_ignored_and_questioned_lines(lab) -> None:
    device = lab.device(faults=Faults(refuse="^vlan 11", ignore="^vlan 12", dialogs="^vlan 13"))
    channel = _shell(lab)
    channel.sendall(b"conf t\nvlan 10\nvlan 11\nvlan 12\nvlan 13\n")
    out = _until(channel, "continue (y/n)?")
    assert out.count("% Invalid input detected at '^' marker.") == 1
    channel.sendall(b"n\n")
    _until(channel, "#")
    assert set(device.view().vlans) == {1, 10}
    channel.sendall(b"vlan 13\ny\n")
    _until(channel, "(config-vlan)#")
    assert set(device.view().vlans) == {1, 10, 13}


def test_refusals_in_the_words_of_the_test(lab) -> None:
    lab.device(faults=Faults(refuse="^vlan", refusal="% Command authorization failed."))
    session = lab.login()
    assert "authorization failed" in session.send_config_set(["vlan 10"], bypass_commands="")


def test_the_prompt_never_returns(lab) -> None:
    device = lab.device(faults=Faults(mute="^write"))
    session = lab.login()
    with pytest.raises(ReadTimeout):
        session.send_command("write memory", read_timeout=0.4)
    assert device.saves == 1


def test_a_slow_save_takes_its_time_on_the_clock_of_the_switch(lab, eventually) -> None:
    device = lab.device(faults=Faults(slow=90))
    session = lab.login()
    session.write_channel("write memory\n")
    session.read_until_pattern("write memory")
    eventually(lambda: len(lab.clock._due) == 1)
    assert device.saves == 0
    lab.advance(89)
    assert device.saves == 0
    lab.advance(1)
    session.read_until_pattern(r"\[OK\][\s\S]*#")
    assert device.saves == 1


def test_a_full_flash_saves_nothing(lab) -> None:
    device = lab.device(faults=Faults(flash_full=True))
    assert "Not enough space" in lab.login().save_config()
    assert device.saves == 0
    assert device.startup is None


def test_pauses_that_cannot_be_switched_off(lab) -> None:
    lab.device("cisco_ios", ports=48, faults=Faults(pager_stays=True))
    session = lab.login()
    session.write_channel("show running-config\n")
    out = session.read_until_pattern("--More--")
    assert out.count("\n") < 30
    session.write_channel(" ")
    out = session.read_until_pattern("--More--")
    session.write_channel("q")
    assert session.read_until_pattern("#").rstrip().endswith("sw1#")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_output_is_paged_until_it_is_switched_off(platform: str) -> None:
    written: list[str] = []
    device = Device(platform, "sw1", ports=48, clock=HandClock())
    session = Session(device, written.append)
    session.start()
    command = "display current-configuration" if platform == "hpe_comware" else "show running-config"
    if platform == "aruba_aoss":
        device.configure(next(f"interface {number}\nname x{number}" for number in range(1, 20)).splitlines())
        device.configure([line for number in range(2, 20) for line in (f"interface {number}", f"name x{number}")])
    written.clear()
    session.receive(command + "\r")
    assert device.dialect.pager in "".join(written)
    for _ in range(40):
        session.receive(" ")
    assert device.dialect.prompt(session).strip() in "".join(written)[-200:]


def test_garbage_and_messages_in_the_middle(lab) -> None:
    lab.device(faults=Faults(garbage="\x1b[2J\x07\x1b[31m", messages=["%LINK-3-UPDOWN: Interface Gi1/0/1 down"] * 30))
    session = lab.login()
    session.write_channel("show clock\n")
    out = session.read_until_pattern(r"UTC[\s\S]*LINK-3-UPDOWN[\s\S]*#", read_timeout=3)
    assert "\x1b[31m" in out
    assert "%LINK-3-UPDOWN" in out


def test_no_echo(lab) -> None:
    device = lab.device()
    session = lab.login()
    device.faults.stale_echo = True
    session.write_channel("show privilege\n")
    out = session.read_until_pattern("#")
    assert "show privilege" not in out
    assert "Current privilege level is 15" in out


def test_banners_and_keys_before_the_first_prompt(lab) -> None:
    lab.device(faults=Faults(login_banner="Nur fuer Befugte #\n", motd="Wartung heute > 22 Uhr", press_any_key=True))
    client = _client(lab)
    transport = client.get_transport()
    assert transport is not None
    assert b"Nur fuer Befugte" in transport.get_banner()
    channel = client.invoke_shell()
    out = _until(channel, "Press any key to continue")
    assert "Wartung heute > 22 Uhr" in out
    assert "sw1#" not in out
    channel.sendall(b" ")
    _until(channel, "sw1#")


def test_a_new_password_is_asked_for(lab) -> None:
    device = lab.device("hpe_comware", faults=Faults(password_change=True))
    client = _client(lab)
    channel = client.invoke_shell()
    assert "Change now? [Y/N]" in _until(channel, "[Y/N]:")
    channel.send(b"N\n")
    assert "<sw1>" in _until(channel, "<sw1>")
    assert device.sessions


def test_enable_asks_for_its_password(lab) -> None:
    lab.device(privileged=False, enable_password="hoch")
    session = lab.login(secret="hoch")
    assert session.find_prompt() == "sw1>"
    session.enable()
    assert session.find_prompt() == "sw1#"
    other = lab.login(secret="falsch")
    with pytest.raises((ValueError, ReadTimeout)):
        other.enable()


def test_logins_are_denied(lab) -> None:
    lab.device(faults=Faults(deny_logins=True))
    with pytest.raises(NetmikoAuthenticationException):
        lab.login()


def test_one_login_too_many_is_turned_away(lab) -> None:
    refusals = (NetmikoTimeoutException, paramiko.SSHException, EOFError)
    lab.device(faults=Faults(vty_limit=2))
    lab.login()
    second = lab.login()
    with pytest.raises(refusals):
        lab.login()
    second.disconnect()

    # The line is free when the connection is closed, a moment after its session ended.
    end = time.monotonic() + 3
    third = None
    while third is None:
        try:
            third = lab.login()
        except refusals:
            assert time.monotonic() < end
    assert third.find_prompt() == "sw1#"


def _client(lab, **more) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        "127.0.0.1",
        lab.farm["sw1"].port,
        username="admin",
        password="admin",
        look_for_keys=False,
        allow_agent=False,
        **more,
    )
    lab._stack.callback(client.close)
    return client


def _shell(lab) -> paramiko.Channel:
    channel = _client(lab).invoke_shell()
    _until(channel, "sw1#")
    return channel


def _until(channel: paramiko.Channel, text: str, wait: float = 3) -> str:
    channel.settimeout(wait)
    out = ""
    while text not in out:
        data = channel.recv(1000)
        assert data, out
        out += data.decode()
    return out


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
def test_an_old_switch_speaks_group14_sha1_and_ssh_rsa_only(lab) -> None:
    lab.device(faults=Faults(legacy_ssh=True))
    client = _client(lab)
    transport = client.get_transport()
    assert transport is not None
    assert transport.host_key_type == "ssh-rsa"
    assert transport.get_remote_server_key().get_base64() == lab.farm["sw1"].host_key.split()[1]
    with pytest.raises(paramiko.SSHException):
        _client(lab, disabled_algorithms={"kex": ["diffie-hellman-group14-sha1"]})


def test_a_changed_host_key_is_another_one(lab) -> None:
    lab.device()
    first = lab.farm["sw1"].host_key
    known = _client(lab).get_transport().get_remote_server_key()
    assert known.get_base64() == first.split()[1]
    lab.farm.call(lab.farm["sw1"].change_host_key)
    client = paramiko.SSHClient()
    client.get_host_keys().add(f"[127.0.0.1]:{lab.farm['sw1'].port}", known.get_name(), known)
    with pytest.raises(paramiko.BadHostKeyException):
        client.connect("127.0.0.1", lab.farm["sw1"].port, username="admin", password="admin", look_for_keys=False)


def test_a_single_command_without_a_terminal(lab) -> None:
    lab.device("cisco_ios", ports=48)
    _, stdout, _ = _client(lab).exec_command("show running-config")
    assert stdout.read().decode().count("interface GigabitEthernet") == 48


def test_a_reload_is_silence_first_and_a_fresh_login_later(lab) -> None:
    device = lab.device("cisco_ios", startup="vlan 10\nvtp mode transparent")
    session = lab.login()
    session.send_config_set(["vlan 20"], bypass_commands="")
    session.write_channel("reload\n")
    session.read_until_pattern(r"\[yes/no\]:")
    session.write_channel("no\n")
    session.read_until_pattern(r"\[confirm\]")
    session.write_channel("\n")
    with pytest.raises(ReadTimeout):
        session.read_until_pattern("#", read_timeout=0.4)
    lab.advance(device.dialect.boot_seconds)
    assert "vlan 20" not in lab.login().send_command("show running-config")


def test_a_thousand_switches_are_small_and_quick_to_make() -> None:
    clock = HandClock()
    startup = "\n".join(
        f"interface GigabitEthernet1/0/{number}\nswitchport mode access\n"
        "switchport access vlan 10\nspanning-tree portfast"
        for number in range(1, 49)
    )
    devices = [Device("cisco_ios", f"sw{number}", ports=48, startup=startup, clock=clock) for number in range(20)]
    shared = {
        id(setting)
        for device in devices
        for node in device.root.of_kind("interface")
        for setting in node.values.values()
    }
    assert len(shared) == 3
