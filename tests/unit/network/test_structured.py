# SPDX-License-Identifier: EUPL-1.2
"""The structured configuration: reads what it writes, refuses what cannot be."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from verbund.errors import InputError
from verbund.network import structured

BASE: dict[str, Any] = {
    "version": 1,
    "name": "erk-ggs-sw1",
    "platform": "aruba_aoscx",
    "hostname": "erk-ggs-sw1",
    "management": {
        "vlan": 10,
        "address4": "10.32.10.11/24",
        "gateway4": "10.32.10.1",
        "address6": "2001:db8:32:10::11/64",
        "gateway6": "2001:db8:32:10::1",
        "uplinks": ["1/1/48"],
        "allowed": ["10.0.8.0/24", "2001:db8:8::/64"],
        "admin": {"name": "notfall", "secret": "switch/notfall"},
        "radius": [{"address": "10.32.12.5", "secret": "radius/erk-ggs"}],
        "syslog": ["10.0.8.20"],
        "ntp": ["10.32.10.1"],
        "snmp": {"user": "monitor", "auth": "snmp/auth", "privacy": "snmp/priv"},
        "banner": ["Zugang nur fuer Befugte."],
    },
    "parking": 999,
    "vlans": [
        {"id": 10, "name": "mgmt"},
        {"id": 20, "name": "verw"},
        {"id": 80, "name": "voice"},
        {"id": 98, "name": "quarantaene"},
        {"id": 999, "name": "parking"},
    ],
    "stp": {"region": "erk-ggs"},
    "dhcp_snooping": "20,80",
    "arp_inspection": 20,
    "ports": [
        {"name": "1/1/1 .. 1/1/3", "access": 20, "voice": 80, "dot1x": {"mode": "enforce", "auth_fail": 98}},
        {"name": "1/1/4 .. 1/1/47", "mode": "parked"},
        {
            "name": "1/1/48", "description": "Gateway", "mode": "trunk", "tagged": "10,20,80,98", "stp": "uplink",
            "dhcp_trust": True, "arp_trust": True, "ra_guard": False,
        },
    ],
}  # fmt: skip


def _with(path: str, value: Any) -> dict[str, Any]:
    copy: Any = yaml.safe_load(yaml.safe_dump(BASE))
    *above, last = path.split(".")
    place = copy
    for step in above:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return dict(copy)


def test_what_is_written_is_read_back_and_short() -> None:
    config = structured.parse(BASE)
    text = structured.dump(config)
    assert structured.parse(yaml.safe_load(text)) == config
    assert structured.dump(structured.parse(yaml.safe_load(text))) == text
    assert len(config.ports) == 48
    assert "- {name: 1/1/4 .. 1/1/47, mode: parked}" in text
    assert len(text.splitlines()) < 45


def test_file_names_the_place(tmp_path: Any) -> None:
    file = tmp_path / "sw1.yml"
    file.write_text(structured.dump(structured.parse(BASE)).replace("access: 20", "access: 5000"))
    with pytest.raises(InputError) as caught:
        structured.load(file)
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "5000" in text)
    assert caught.value.findings[0].line == line


def test_schema_accepts_what_the_model_accepts() -> None:
    config = structured.parse(BASE)
    jsonschema.Draft202012Validator(structured.schema()).validate(yaml.safe_load(structured.dump(config)))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("version", 2, "Input should be 1"),
        ("ports.0.access", 30, "VLAN 30, which is not in vlans"),
        ("ports.0.dot1x.auth_fail", 97, "VLAN 97, which is not in vlans"),
        ("ports.0.voice", 20, "untagged and the telephone's at once"),
        ("ports.0.access", ..., "needs access"),
        ("ports.1.access", 20, "parked has no access"),
        ("ports.2.native", 20, "native and tagged at once"),
        ("ports.2.channel", 3, "has no mode and no VLANs of its own"),
        ("ports.0", {"name": "1/1/1", "channel": 3}, "channel 3, which is not defined"),
        ("ports.2.name", "1/1/47", "port 1/1/47 stands twice"),
        ("ports.1.name", "1/1/4 .. 1/2/9", "no range of ports"),
        ("management.uplinks", ["1/1/49"], "no port and no channel"),
        ("management.address4", "10.32.10.11", "not an IPv4 address with its length"),
        ("arp_inspection", "20,98", "needs dhcp_snooping"),
        ("dhcp_snooping", "20,4095", "not between 1 and 4094"),
        ("ports.2.description", "x\nno vlan 10", "up to 64"),
        ("ports.2.description", "a ! b", "up to 64"),
        ("management.admin.secret", "Hunter2!", "never the secret itself"),
        ("management.banner", ["^C"], "plain characters"),
    ],
)
def test_refuses(path: str, value: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        structured.parse(_with(path, value))


def test_vlan_sets() -> None:
    assert structured.vlan_set("10, 20-22,21") == {10, 20, 21, 22}
    assert structured.vlan_text({10, 20, 21, 22, 30}) == "10,20-22,30"
    assert structured.vlan_text({20, 21, 30}, to=" to ", comma=" ") == "20 to 21 30"
    assert structured.vlan_text(()) == ""
    for bad in ("0", "5-3", "a", "4095"):
        with pytest.raises(ValueError, match=r"VLAN|between"):
            structured.vlan_set(bad)
