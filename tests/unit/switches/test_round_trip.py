# SPDX-License-Identifier: EUPL-1.2
"""Whatever is typed, the running configuration is canonical: read back it is the same, to the byte.

The lines are drawn from the tables of the dialects themselves, so that every row takes part.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verbund.lab.switches.clock import HandClock
from verbund.lab.switches.device import Device
from verbund.lab.switches.grammar import Argument, Misunderstood
from verbund.lab.switches.registry import PLATFORMS, dialect
from verbund.lab.switches.state import Refused, Section

pytestmark = pytest.mark.loopback

PORTS = 4


def _port(platform: str, number: int) -> str:
    return dialect(platform).default_ports(PORTS)[number]


def _words(platform: str) -> dict[str, st.SearchStrategy[str]]:
    """One strategy per type of argument."""
    vlan = st.integers(1, 40).map(str)
    address = st.integers(1, 250).map(lambda n: f"10.0.{n % 7}.{n}")
    name = st.sampled_from(["alpha", "beta-2", "GAMMA", "d4"])
    number = st.integers(1, 60).map(str)
    port = st.integers(0, PORTS - 1).map(lambda n: _port(platform, n))
    comware = platform == "hpe_comware"
    vlans = st.lists(st.integers(1, 60), min_size=1, max_size=6).map(
        lambda found: (" " if comware else ",").join(map(str, found))
    )
    ranged = st.tuples(st.integers(2, 30), st.integers(1, 9)).map(
        lambda pair: f"{pair[0]}{' to ' if comware else '-'}{pair[0] + pair[1]}"
    )
    plain_secret = {
        "cisco_ios": st.sampled_from(["geheim", "0 geheim", "9 $9$abc$def"]),
        "aruba_aoscx": st.sampled_from(["plaintext geheim", "ciphertext AQBabc"]),
        "aruba_aoss": name,
        "lancom_sx": st.sampled_from(["unencrypted geheim", "encrypted 00ff"]),
        "hpe_comware": st.sampled_from(["simple geheim", "cipher $c$3$abc"]),
    }[platform]
    bundle = {"cisco_ios": "Port-channel{}", "hpe_comware": "Bridge-Aggregation{}"}.get(platform, "lag {}")
    svi = {"cisco_ios": "Vlan{}", "hpe_comware": "Vlan-interface{}"}.get(platform, "vlan {}")
    many = st.tuples(st.integers(0, PORTS - 2), st.booleans()).map(
        lambda pair: f"{pair[0] + 1}-{pair[0] + 2}" if pair[1] else str(pair[0] + 1)
    )
    return {
        "word": name,
        "quoted": name.map(lambda text: f'"{text} x"'),
        "rest": name,
        "raw": name.map(lambda text: f"{text} und mehr"),
        "int": number,
        "vlan": vlan,
        "vlans": vlans | ranged,
        "vlantext": vlans | ranged,
        "ip": address,
        "host": address,
        "mask": st.sampled_from(["255.255.255.0", "255.255.0.0"]),
        "masklen": st.sampled_from(["255.255.255.0", "24"]),
        "prefix": address.map(lambda text: f"{text}/24"),
        "prefix6": number.map(lambda text: f"2001:db8::{text}/64"),
        "port": port,
        "ports": many,
        "bundle": st.integers(1, 3).map(bundle.format),
        "lag": st.integers(1, 3).map(bundle.format),
        "trunk": st.integers(1, 2).map("trk{}".format),
        "svi": st.integers(1, 40).map(svi.format),
        "secret": plain_secret,
        "key": st.sampled_from(["geheim", "0815"]),
        "hash": st.just("simple geheim"),
        "ip6": number.map("2001:db8::{}".format),
        "ip6u": number.map("2001:db8::{}".format),
        "net6": number.map("2001:db8:{}::/64".format),
        "secrets": name,
        "dropped": name,
    }


@st.composite
def typed_lines(draw: st.DrawFn, platform: str) -> list[str]:
    """Lines of all modes, in any order, some taken back."""
    system = dialect(platform)
    words = _words(platform)

    def line(variant: tuple[str | Argument, ...]) -> str:
        pieces = []
        for piece in variant:
            if isinstance(piece, str):
                pieces.append(piece)
            elif piece.type == "choice":
                pieces.append(draw(st.sampled_from(piece.choices)))
            else:
                pieces.append(draw(words[piece.type]))
        return " ".join(pieces)

    def block(kind: str, count: int) -> list[str]:
        found: list[str] = []
        rules = [
            rule
            for rule in system.tables[kind].rules
            if (rule.variants or isinstance(rule, Section)) and not rule.verbatim
        ]
        for _ in range(draw(st.integers(0, count))):
            rule = draw(st.sampled_from(rules))
            if isinstance(rule, Section):
                found.append(line(draw(st.sampled_from(rule.variants))))
                if kind == "config":
                    found += block(rule.kind, 6)
            elif draw(st.booleans()) or not (undone := list(rule.negations())):
                found.append(line(draw(st.sampled_from(rule.variants))))
            else:
                found.append(f"{system.negation} {line(draw(st.sampled_from(undone)))}")
        return found

    return block("config", 14)


def _device(platform: str, startup: str = "") -> Device:
    return Device(platform, "sw1", ports=PORTS, startup=startup, clock=HandClock())


@pytest.mark.parametrize("platform", PLATFORMS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_running_configuration_read_back_is_the_same_to_the_byte(platform: str, data: st.DataObject) -> None:
    device = _typed(platform, data.draw(typed_lines(platform)))
    shown = device.running_config()
    again = _device(platform)
    again.replace(shown.splitlines())
    assert again.running_config() == shown
    again.replace(device.kept())
    assert again.kept() == device.kept()
    assert again.forwarding() == device.forwarding()


@pytest.mark.parametrize("platform", PLATFORMS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_the_running_configuration_typed_over_itself_changes_nothing(platform: str, data: st.DataObject) -> None:
    device = _typed(platform, data.draw(typed_lines(platform)))
    shown = device.running_config()
    console = device.console()
    for line in shown.splitlines():
        try:
            console.configure(line)
        except Refused:
            # AOS-S: `no untagged` in VLAN 1 of a port that VLAN 1 is the last one of.
            assert platform == "aruba_aoss"
    assert device.running_config() == shown


def _typed(platform: str, lines: list[str]) -> Device:
    """A switch on which lines were typed; what it refuses changes nothing."""
    device = _device(platform)
    console = device.console()
    for line in lines:
        before = device.kept()
        try:
            console.configure(line)
        except Misunderstood:
            assert device.kept() == before, line
        except Refused:
            pass
    return device


def test_every_row_of_every_table_is_reachable() -> None:
    """No row hides behind another one: each of its ways to be written leads to it."""
    for platform in PLATFORMS:
        system = dialect(platform)
        device = _device(platform)
        for kind, table in system.tables.items():
            for rule in table.rules:
                assert not rule.key or rule.variants, (platform, kind, rule.key)
        assert device.types.keys() >= {
            piece.type
            for table in system.tables.values()
            for rule in table.rules
            for variant in rule.variants
            for piece in variant
            if isinstance(piece, Argument) and piece.type != "choice"
        }
