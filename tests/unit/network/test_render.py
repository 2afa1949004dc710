# SPDX-License-Identifier: EUPL-1.2
"""Rendering: what an engineer reads line by line is kept as golden files; nothing asked for is left out silently."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sample

from verbund.errors import UsageError, VerbundError
from verbund.network import render, structured
from verbund.network.platforms import PLATFORMS, gaps, platform_named

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    """Compare with a kept file; ``VERBUND_GOLDEN=write`` writes it anew, for a reviewer to read in git."""
    file = GOLDEN / name
    if os.environ.get("VERBUND_GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("platform", sample.ALL)
def test_golden(platform: Any) -> None:
    rendered = render.render(sample.sample(platform), ROOT)
    golden(f"{platform}.cfg", rendered.text)
    assert "{" not in rendered.text
    assert "VB-SWI" not in rendered.text, "control ids belong into the template, not onto the switch"


@pytest.mark.parametrize("platform", sample.ALL)
def test_every_control_of_a_template_is_named_once_or_more(platform: str) -> None:
    template = (ROOT / "templates/network" / platform / "config.j2").read_text()
    assert re.findall(r"VB-SWI-[0-9]{3}", template)
    for line in template.splitlines():
        assert not re.search(r"\{#.*VB-SWI-(?![0-9]{3})", line)


def test_gaps_name_what_a_platform_cannot_do() -> None:
    names = {gap.feature for gap in gaps(sample.sample("lancom_sx"))}
    assert {"ra_guard", "dot1x.auth_fail", "dot1x.critical", "storm_percent", "management.banner"} <= names
    assert not gaps(sample.sample("cisco_ios"))
    places = {gap.feature: gap.places for gap in gaps(sample.sample("openvswitch"))}
    assert places["dot1x"] == ("swp1", "swp2")
    for platform in PLATFORMS.values():
        assert all(reason.strip() for reason in platform.cannot.values())


def test_secrets_come_last_and_must_fit_a_line() -> None:
    text = render.render(sample.sample("cisco_ios"), ROOT).text
    assert "radius/erk-ggs" in text
    filled = render.fill(text, lambda name: f"geheim-{name.replace('/', '.')}")
    assert "<secret" not in filled
    assert " key geheim-radius.erk-ggs\n" in filled
    for bad in ("zwei worte", "a?b", 'a"b', "a\nb", ""):
        with pytest.raises(VerbundError, match="cannot bear"):
            render.fill("key <secret:x>", lambda _, bad=bad: bad)  # type: ignore[misc]


def test_port_names_must_be_the_platforms() -> None:
    plain = sample.plain("aruba_aoscx")
    plain["ports"][0]["name"] = "GigabitEthernet1/0/1"
    with pytest.raises(UsageError, match="is no name of a port on Aruba AOS-CX"):
        render.render(structured.parse(plain), ROOT)


def test_older_names_of_platforms() -> None:
    assert platform_named("hp_procurve").name == "aruba_aoss"
    assert platform_named("cisco_ios").name == "cisco_ios"
    with pytest.raises(KeyError):
        platform_named("vms")


def test_trunks_without_tagged_vlans_are_closed() -> None:
    closed = {
        "cisco_ios": "switchport trunk allowed vlan none",
        "lancom_sx": "switchport trunk allowed vlan none",
        "aruba_aoscx": "vlan trunk allowed 999",
        "openvswitch": "set port swp10 vlan_mode=access tag=999 trunks=[]",
    }
    for platform, line in closed.items():
        plain = sample.plain(platform)
        plain["ports"][9]["tagged"] = ""
        assert line in render.render(structured.parse(plain), ROOT).text


def test_ports_as_aos_s_writes_them() -> None:
    assert render.port_text(["3", "1", "2", "A1", "A2", "Trk10", "Trk2", "9"]) == "1-3,9,A1-A2,Trk2,Trk10"


def test_five_hundred_switches_take_seconds() -> None:
    plain = sample.plain("aruba_aoscx")
    ports = [{"name": f"1/1/{number}", "access": 20} for number in range(13, 49)]
    plain["ports"] += ports
    config = structured.parse(plain)
    render.render(config, ROOT)
    start = time.process_time()
    for _ in range(10):
        render.render(config, ROOT)
    # Ten times what ten switches may take: a guard against work that grows, not a measurement.
    assert time.process_time() - start < 10
