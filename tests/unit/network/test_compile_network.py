# SPDX-License-Identifier: EUPL-1.2
"""From the topology to structured configurations: complete, trusted in the right places, always the same bytes."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verbund.errors import InputError, UsageError
from verbund.intent import load
from verbund.network import checks, structured
from verbund.network import compile as compiler
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


NAMES = ["sw1", "sw2/48", "sw1/1-4", "gw1", "mgmt", "guest", "teaching", "enforce", "ap", "phone", "printer", "a" * 31]
SCALARS = st.none() | st.booleans() | st.integers(-2, 70) | st.sampled_from(NAMES)
WORDS = ["zone", "serves", "native", "stp", "uplink", "zones", "priority", "with_client", "socket", "watts", "type"]
VALUES = SCALARS | st.lists(SCALARS, max_size=3)


def everything() -> dict[str, Any]:
    """A small site that uses most words."""
    value: dict[str, Any] = yaml.safe_load((ROOT / "inventory/haan/sites/rathaus.yml").read_text(encoding="utf-8"))
    value["rooms"] = value["rooms"][:4]
    first, fourth = value["rooms"][0], value["rooms"][3]
    first["devices"].append({"kind": "ap", "number": 100, "zones": ["guest"]})
    first["ports"] = [first["ports"], {"switch": "sw2", "port": 20, "serves": "ap", "socket": "A1"}]
    fourth["devices"][0]["with_client"] = True
    value["links"] = [{"from": "sw2/45-46", "to": "sw1/47-48", "zones": ["mgmt", "guest", "servers"]}]
    value["switches"][0] |= {"uplink": 40, "dot1x": "off", "stp": True}
    value["rooms"] = [first, fourth]
    del value["switches"][1]["uplink"]
    return value


def attempt(root: Path, value: dict[str, Any]) -> int:
    """Load, check, and compile what has no error; returns how many switches were compiled."""
    shutil.copytree(ROOT / "inventory", root / "inventory")
    (root / "inventory/haan/sites/rathaus.yml").write_text(json.dumps(value), encoding="utf-8")
    model = Model.of(load(root / "inventory", ["haan"], today=TODAY))
    if any(not issue.finding.warning for issue in checks.run(model)):
        return 0
    return len([structured.dump(config) for config in compiler.configs(model)])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_loader_accepts_is_checked_and_what_is_clean_compiles(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("any")
    value = everything()
    place, container, step = data.draw(st.sampled_from([value["switches"], value["rooms"], value["links"]])), None, None
    while isinstance(place, dict | list) and place and (step is None or data.draw(st.integers(0, 3))):
        container = place
        step = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place = place[step]
    if isinstance(container, dict) and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(WORDS))
    container[step] = data.draw(VALUES)
    try:
        attempt(root, value)
    except InputError:
        return


def test_the_start_of_these_mutations_compiles(tmp_path):
    assert attempt(tmp_path, everything()) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gse-r1-pc01 1.01", "gse-r1-pc01 1.01"),
        ("Dose »7«", "Dose -7"),
        ('"; reload', "reload"),
        ("a\nno vlan 10", "a-no vlan 10"),
        ("Büro Süd", "Buero Sued"),
        ("x" * 80, "x" * 64),
        ("???", None),
        ("", None),
    ],
)
def test_descriptions_cannot_become_commands(text, expected):
    assert compiler.words(text) == expected
