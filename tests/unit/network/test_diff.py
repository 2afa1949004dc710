# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - lines of devices are as long as they are
"""Plans: golden files per dialect for every kind of change that stock drivers get wrong, and what devices really print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import sample

from verbund.errors import VerbundError
from verbund.network import diff, linter, render, structured

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"
Change = Callable[[dict[str, Any]], None]


def _port(number: int, **settings: Any) -> Change:
    def change(plain: dict[str, Any]) -> None:
        port = plain["ports"][number - 1]
        for key, value in settings.items():
            if value is None:
                port.pop(key, None)
            else:
                port[key] = value

    return change


def _both(*changes: Change) -> Change:
    def change(plain: dict[str, Any]) -> None:
        for one in changes:
            one(plain)

    return change


def _set(path: str, value: Any) -> Change:
    def change(plain: dict[str, Any]) -> None:
        *above, last = path.split(".")
        place: Any = plain
        for step in above:
            place = place[int(step)] if step.isdigit() else place[step]
        place[last] = value

    return change


def _without_vlan_21(plain: dict[str, Any]) -> None:
    plain["vlans"] = [vlan for vlan in plain["vlans"] if vlan["id"] != 21]
    plain["dhcp_snooping"] = "20,22,80"
    plain["channels"][0]["tagged"] = "10,20,22,80,98"
    plain["ports"][3]["tagged"] = "22"


def _many_vlans(plain: dict[str, Any]) -> None:
    plain["vlans"] += [{"id": vlan, "name": f"v{vlan}"} for vlan in range(100, 300, 2)]
    plain["ports"][9]["tagged"] = ",".join(["10", "20", *(str(vlan) for vlan in range(100, 300, 2))])


def _uplink_without_channel(plain: dict[str, Any]) -> None:
    plain["ports"][10] = {"name": plain["ports"][10]["name"], "mode": "parked"}


CASES: dict[str, Change] = {
    "access change": _port(1, access=22),
    "trunk add and remove": _port(10, tagged="10,22"),
    "long list": _many_vlans,
    "range collapse": _port(10, tagged="10,20-22,98"),
    "VLAN deleted": _without_vlan_21,
    "description with blanks": _port(3, description="Dose 3, am Fenster"),
    "member leaves the port channel": _uplink_without_channel,
    "voice VLAN comes": _port(3, voice=80),
    "voice VLAN goes": _port(2, voice=None),
    "802.1X comes": _port(3, dot1x={"mode": "enforce", "auth_fail": 98, "critical": 20}),
    "802.1X goes": _port(1, dot1x=None),
    "802.1X watches only": _port(1, dot1x={"mode": "monitor"}),
    "list of those who may log in": _set("management.allowed", ["10.0.7.0/24", "10.0.9.0/24", "2001:db8:8::/64"]),
    "access becomes trunk": _both(
        _port(1, mode="trunk", access=None, dot1x=None, tagged="20,22", stp="guarded", ra_guard=False)
    ),
    "trunk becomes access": _port(10, mode="access", tagged=None, access=20, stp="edge"),
    "port opened": _port(5, mode="access", access=22),
    "port parked": _port(3, mode="parked", access=None, isolated=None, poe=None),
    "banner": _set("management.banner", ["Neu."]),
    "native VLAN": _port(4, native=22, tagged="10,21"),
    "RADIUS for logins": _set("management.radius_logins", True),
}


@pytest.mark.parametrize("platform", sample.CLI)
def test_golden_plans(platform: Any) -> None:
    config = sample.sample(platform)
    running = render.render(config, ROOT).text
    pages = []
    for title, change in CASES.items():
        plain = sample.plain(platform)
        change(plain)
        wanted = structured.parse(plain)
        text = render.render(wanted, ROOT).text
        plan = diff.plan(platform, running, text)
        assert not linter.lint(plan, running, wanted.management, before=config.management, controller="10.0.9.5"), title
        back = diff.rollback(platform, running, text)
        assert not linter.lint(back, text, config.management, before=wanted.management, controller="10.0.9.5"), title
        assert all(len(part) < 256 for line in plan.lines() for part in line.split("\n")), title
        pages.append("\n".join([f"## {title}", *plan.lines(), "# and back", *back.lines(), ""]))
    file = GOLDEN / f"{platform}.plans"
    content = "\n".join(pages)
    if os.environ.get("VERBUND_GOLDEN") == "write":
        file.write_text(content)
    assert content == file.read_text()


@pytest.mark.parametrize("platform", sample.CLI)
def test_nothing_to_do_is_an_empty_plan(platform: Any) -> None:
    text = render.render(sample.sample(platform), ROOT).text
    plan = diff.plan(platform, text, render.fill(text, lambda _: "geheim"))
    assert plan.empty
    assert plan.lines() == []
    assert plan.difference == ""


def test_secrets_are_filled_last_and_never_shown() -> None:
    text = render.render(sample.sample("cisco_ios"), ROOT).text
    running = text.replace("radius server verbund1", "radius server alt1").replace(
        "server name verbund1", "server name alt1"
    )
    plan = diff.plan("cisco_ios", running, text)
    assert "key <secret:radius/erk-ggs>" in plan.lines()
    assert "key s3hr-geheim" in plan.lines(lambda _: "s3hr-geheim")
    assert "geheim" not in plan.difference


def test_the_inverse_has_the_secrets_of_the_backup() -> None:
    text = render.render(sample.sample("aruba_aoscx"), ROOT).text
    backup = text.replace("key plaintext <secret:radius/erk-ggs>", "key ciphertext AQBap").replace(
        "10.32.12.5", "10.32.12.6"
    )
    back = diff.rollback("aruba_aoscx", backup, text)
    assert any("10.32.12.6" in line and "AQBap" in line for line in back.lines(lambda _: "x"))
    assert not any("AQBap" in line for line in back.lines())


def test_lines_that_cannot_be_read_back_are_sent_with_their_company() -> None:
    text = render.render(sample.sample("cisco_ios"), ROOT).text
    shown = "\n".join(line for line in text.splitlines() if not line.startswith("snmp-server user"))
    assert diff.plan("cisco_ios", shown, text).empty
    assert any(
        line.startswith("snmp-server user") for line in diff.plan("cisco_ios", shown, text, secrets=True).lines()
    )
    fresh = "\n".join(line for line in shown.splitlines() if not line.startswith("snmp-server group"))
    assert any(line.startswith("snmp-server user") for line in diff.plan("cisco_ios", fresh, text).lines())


def test_what_is_not_ours_is_named_and_left_alone() -> None:
    text = render.render(sample.sample("cisco_ios"), ROOT).text
    extra = "license boot level network-advantage\ncrypto pki trustpoint X\n enrollment selfsigned\n"
    more = "interface TenGigabitEthernet1/1/1\n switchport mode trunk\n"
    plan = diff.plan("cisco_ios", extra + text + more, text)
    assert plan.empty
    assert set(plan.foreign) == {
        "license boot level network-advantage", "crypto pki trustpoint X", "interface TenGigabitEthernet1/1/1",
    }  # fmt: skip


def test_what_weakens_the_standard_is_taken_away() -> None:
    text = render.render(sample.sample("cisco_ios"), ROOT).text
    weak = (
        text.replace("no ip http server", "ip http server")
        + "snmp-server community public ro\nusername gast secret 0 x\n"
    )
    lines = diff.plan("cisco_ios", weak, text).lines()
    assert "no ip http server" in lines
    assert "no username gast" in lines
    assert "no snmp-server community <secret> ro" in lines
    assert "no snmp-server community public ro" in diff.plan("cisco_ios", weak, text).lines(lambda _: "x")


def test_ios_as_it_prints() -> None:
    """Headers, encapsulation, hashed secrets, `portfast edge`, wrapped lists: none of it is a difference."""
    text = render.render(sample.sample("cisco_ios"), ROOT).text
    shown = (
        "Building configuration...\r\n\r\nCurrent configuration : 9216 bytes\r\n!\r\nversion 17.9\r\n"
        + text.replace("\n", "\r\n")
        .replace("secret <secret:switch/notfall>", "secret 9 $9$abc")
        .replace("key <secret:radius/erk-ggs>", "key 7 0822455D0A16")
        .replace(" spanning-tree portfast\r\n", " spanning-tree portfast edge\r\n")
        .replace("allowed vlan 10,20-22,80,98", "allowed vlan 10,20-22\r\n switchport trunk allowed vlan add 80,98")
        .replace(" permit 10.0.8.0", " 10 permit 10.0.8.0")
        .replace(" permit 10.0.9.0", " 20 permit 10.0.9.0")
        + "end\r\n"
    )
    assert diff.plan("cisco_ios", shown, text).lines() == []


def test_aos_s_as_it_prints() -> None:
    text = render.render(sample.sample("aruba_aoss"), ROOT).text
    shown = (
        "; JL256A Configuration Editor; Created on release #WC.16.11.0012\n; Ver #14:67.6f.f8.1d:9b\n"
        + text.replace(' key "<secret:radius/erk-ggs>"', "").replace(" auth-port 1812 acct-port 1813", "")
        .replace(' auth sha "<secret:snmp/auth>" priv aes "<secret:snmp/priv>"', "")
        .replace("spanning-tree priority 8\n", "").replace("untagged 5-9", "untagged 5,6-8,9")
    )  # fmt: skip
    shown = "\n".join(
        line for line in shown.splitlines() if not line.startswith(("password manager", "no snmp-server"))
    )
    assert diff.plan("aruba_aoss", shown, text).lines() == []


def test_comware_as_it_prints() -> None:
    text = render.render(sample.sample("hpe_comware"), ROOT).text
    shown = (
        text.replace(" rule permit source 10.0.8.0", " rule 0 permit source 10.0.8.0")
        .replace(" rule permit source 10.0.9.0", " rule 5 permit source 10.0.9.0")
        .replace("key simple <secret:radius/erk-ggs>", "key cipher $c$3$xyz")
        .replace("password simple <secret:switch/notfall>", "password hash $h$6$xyz")
        .replace(" stp instance 0 priority 32768\n", "").replace(" undo telnet server enable\n", "")
    )  # fmt: skip
    assert diff.plan("hpe_comware", shown, text).lines() == []
    opened = text.replace(
        " undo port trunk permit vlan 1\n port trunk permit vlan 10 20\n", " port trunk permit vlan all\n"
    )
    assert "undo port trunk permit vlan 1 to 9 11 to 19 21 to 4094" in diff.plan("hpe_comware", opened, text).lines()


def test_lancom_defaults_that_only_some_print() -> None:
    text = render.render(sample.sample("lancom_sx"), ROOT).text
    shown = text.replace(" switchport mode access\n", "").replace("spanning-tree mode mstp\n", "")
    shown = shown.replace(" description AP Flur\n", " description AP Flur\n poe mode\n no shutdown\n lldp receive\n")
    assert diff.plan("lancom_sx", shown, text).lines() == []


def test_files_are_compared_as_files() -> None:
    one = render.render(sample.sample("linux_bridge"), ROOT).text
    plain = sample.plain("linux_bridge")
    plain["ports"][0]["access"] = 22
    other = render.render(structured.parse(plain), ROOT).text
    text = diff.unified(one, other, "sw1")
    assert "-PVID=20\n" in text
    assert "+PVID=22\n" in text


def test_a_line_that_is_no_sense_is_named() -> None:
    text = render.render(sample.sample("cisco_ios"), ROOT).text
    with pytest.raises(VerbundError, match="interface Vlan99 > switchport trunk allowed vlan 5-3"):
        diff.plan("cisco_ios", text + "interface Vlan99\n switchport trunk allowed vlan 5-3\n", text)
    odd = text + "ip access-list standard VERBUND-MGMT\n permit 10.0.0.0 0.255.0.255\n"
    assert linter.read("cisco_ios", odd).allowed() == linter.read("cisco_ios", text).allowed()


@pytest.mark.parametrize("platform", sample.CLI)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_output_never_ends_in_a_traceback(platform: Any, data: Any) -> None:
    """A capture that is cut, repeated or disturbed gives a plan or a plain error."""
    lines = render.render(sample.sample(platform), ROOT).text.splitlines()
    first = data.draw(st.integers(0, len(lines)))
    last = data.draw(st.integers(first, len(lines)))
    noise = data.draw(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
    text = "\n".join([*lines[first:last], noise, *lines[:first]])
    wanted = "\n".join(lines) + "\n"
    with suppress(VerbundError):
        plan = diff.plan(platform, text, wanted)
        linter.lint(plan, text, sample.sample(platform).management)
