# SPDX-License-Identifier: EUPL-1.2
"""From the topology to structured configurations: complete, trusted in the right places, always the same bytes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from verbund.errors import UsageError
from verbund.intent import load
from verbund.network import compile as compiler
from verbund.network import structured
from verbund.network.platforms import unknown_ports
from verbund.network.reachability import Model

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.of(load(ROOT / "inventory", today=TODAY))


@pytest.fixture(scope="module")
def configs(model: Model) -> dict[str, structured.DeviceConfig]:
    return {config.name: config for config in compiler.configs(model)}


def test_every_switch_has_one(model, configs):
    assert set(configs) == {switch.host for site in model.network.sites for switch in site.switches}
    for site in model.network.sites:
        for switch in site.switches:
            config = configs[switch.host]
            assert len(config.ports) == switch.size
            assert unknown_ports(config) == [], "names as the platform writes them"


def test_same_bytes_again_and_back(configs):
    again = compiler.configs(Model.of(load(ROOT / "inventory", today=TODAY)))
    assert [structured.dump(config) for config in again] == [structured.dump(config) for config in configs.values()]
    for config in configs.values():
        assert structured.parse(yaml.safe_load(structured.dump(config))) == config


def test_vlans_of_a_port_are_those_of_the_topology(model, configs):
    for site in model.network.sites:
        for switch in site.switches:
            config = configs[switch.host]
            carried = {switch.ports[0].name: frozenset()}
            for port, planned in zip(config.ports, switch.ports, strict=True):
                carried[port.name] = port.tagged
                if planned.channel is not None:
                    bundle = next(item for item in config.channels if item.number == planned.channel)
                    assert bundle.tagged == planned.tagged
                elif planned.mode == "trunk":
                    assert port.tagged == planned.tagged
                    assert config.native(port) == planned.vlan
                elif planned.mode == "access":
                    assert (port.access, port.voice) == (planned.vlan, planned.voice)
                else:
                    assert (port.mode, port.enabled) == ("parked", False)


def test_edges_are_guarded_and_only_cables_are_trusted(model, configs):
    for site in model.network.sites:
        for switch in site.switches:
            for port, planned in zip(configs[switch.host].ports, switch.ports, strict=True):
                if planned.link is None:
                    assert not port.dhcp_trust
                    assert not port.arp_trust
                    assert port.ra_guard
                    assert port.stp == "edge"


def test_the_way_to_the_gateway_is_the_management_uplink(configs):
    assert configs["gym-core"].management.uplinks == ["channel 2"]
    assert configs["gym-sw12"].management.uplinks == ["GigabitEthernet0/1"]
    assert configs["gse-sw1"].management.uplinks == ["1/1/48"]
    assert [port.stp for port in configs["gym-core"].ports[2:4]] == ["guarded", "guarded"]
    assert not next(port for port in configs["gse-sw1"].ports if port.name == "1/1/48").ra_guard
    assert configs["gym-core"].stp.priority < configs["gym-sw1"].stp.priority < configs["gym-sw12"].stp.priority


def test_access_control_follows_the_switch(configs):
    modes = {port.dot1x.mode for port in configs["gym-sw1"].ports if port.dot1x}
    assert modes == {"enforce"}
    assert {port.dot1x.mode for port in configs["gse-sw2"].ports if port.dot1x} == {"monitor"}
    assert not [port for port in configs["gym-sw2"].ports if port.dot1x]
    server = next(port for port in configs["gse-sw1"].ports if "gse-srv1" in (port.description or ""))
    assert server.dot1x is None
    office = next(port for port in configs["gse-sw1"].ports if "gse-office-sv01" in (port.description or ""))
    assert office.dot1x
    assert (office.dot1x.auth_fail, office.dot1x.critical) == (98, 98), "administration stays shut without RADIUS"
    class_room = configs["gse-sw1"].ports[0].dot1x
    assert class_room
    assert class_room.critical == 32
    known = {vlan.id for vlan in configs["gym-sw1"].vlans}
    assert {20, 32, 98} <= known, "VLANs that RADIUS may assign exist beforehand"


def test_snooping_where_the_gateway_answers(configs):
    assert configs["gse-sw1"].dhcp_snooping >= {20, 32}
    assert not configs["gse-sw1"].dhcp_snooping & {10, 12, 99, 999}


def test_one_switch_or_site(model):
    assert [config.name for config in compiler.configs(model, switch="gym-sw3")] == ["gym-sw3"]
    assert {config.name for config in compiler.configs(model, site="erkrath/grundschule")} == {"gse-sw1", "gse-sw2"}
    with pytest.raises(UsageError, match="no switch 'gym-sw33'"):
        compiler.configs(model, switch="gym-sw33")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gse-r1-pc01 1.01", "gse-r1-pc01 1.01"),
        ("Dose »7«", "Dose -7"),
        ('"; reload', "reload"),
        ("a\nno vlan 10", "a-no vlan 10"),
        ("ä" * 80, "ä" * 64),
        ("???", None),
        ("", None),
    ],
)
def test_descriptions_cannot_become_commands(text, expected):
    assert compiler.words(text) == expected
