# SPDX-License-Identifier: EUPL-1.2
"""Any two configurations: the plan turns one into the other on an independent switch and hurts nobody on the way."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import box
import sample

from verbund.network import diff, linter, render, structured

ROOT = Path(__file__).resolve().parents[3]
OPTIONAL = (21, 22, 30, 31, 32, 80, 200)
SETTINGS = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def configurations(draw: Any, platform: str) -> structured.DeviceConfig:
    plain = sample.plain(platform)
    chosen = sorted(draw(st.sets(st.sampled_from(OPTIONAL), min_size=2)))
    vlans = [10, 20, *chosen, 98, 999]
    names = {10: "mgmt", 20: "verw", 98: "quarantaene", 999: "parking"}
    plain["vlans"] = [{"id": vlan, "name": names.get(vlan, f"v{vlan}")} for vlan in vlans]
    usable = [20, *chosen]
    snooped = draw(st.sets(st.sampled_from(usable)))
    plain["dhcp_snooping"] = sorted(snooped)
    plain["arp_inspection"] = sorted(draw(st.sets(st.sampled_from(sorted(snooped))))) if snooped else []
    plain["channels"][0]["tagged"] = [10, *sorted(draw(st.sets(st.sampled_from([*usable, 98]))))]
    plain["stp"] = {
        "region": draw(st.sampled_from(["erk-ggs", "anders"])),
        "priority": draw(st.sampled_from([4096, 8192])),
    }
    plain["management"]["banner"] = draw(st.sampled_from([["Nur Befugte."], ["Zugang nur fuer Befugte.", "Ende."]]))
    plain["management"]["allowed"] = ["10.0.8.0/24", *draw(st.sets(st.sampled_from(["10.0.7.0/24", "10.0.9.0/25"])))]
    ports = []
    for number in range(1, 11):
        name = sample.port_name(platform, number)
        kind = draw(st.sampled_from(["parked", "access", "voice", "trunk", "guarded"]))
        port: dict[str, Any] = {"name": name}
        if kind != "parked" and draw(st.booleans()):
            port["description"] = draw(st.sampled_from(["r101 Dose 1", "zum Keller"]))
        if kind == "parked":
            port["mode"] = "parked"
        elif kind in {"access", "voice"}:
            port["access"] = draw(st.sampled_from(usable))
            if kind == "voice":
                port["voice"] = draw(st.sampled_from([vlan for vlan in usable if vlan != port["access"]]))
            if draw(st.booleans()):
                port["dot1x"] = {
                    "mode": draw(st.sampled_from(["monitor", "enforce"])),
                    "mab": draw(st.booleans()),
                    "auth_fail": draw(st.sampled_from([None, 98])),
                    "critical": draw(st.sampled_from([None, 20])),
                }
            port["isolated"] = draw(st.booleans())
            port["storm_percent"] = draw(st.sampled_from([None, 5, 10]))
        else:
            port["mode"] = "trunk"
            native = draw(st.sampled_from([None, 10, *usable]))
            port["native"] = native
            port["tagged"] = sorted(
                draw(st.sets(st.sampled_from([vlan for vlan in [10, *usable] if vlan != native]), min_size=1))
            )
            port["stp"] = "guarded" if kind == "guarded" else "edge"
            port["ra_guard"] = kind != "guarded"
        if kind != "parked":
            port["enabled"] = draw(st.booleans())
            port["poe"] = draw(st.sampled_from(["auto", "off"]))
        ports.append(port)
    plain["ports"][:10] = ports
    return structured.parse(plain)


@dataclass(frozen=True, repr=False)
class Case:
    """Two configurations of one switch; shown by what differs, which is what a failure is about."""

    one: structured.DeviceConfig
    other: structured.DeviceConfig

    def texts(self) -> tuple[str, str]:
        return render.render(self.one, ROOT).text, render.render(self.other, ROOT).text

    def __repr__(self) -> str:
        before, after = (text.splitlines() for text in self.texts())
        return "\n".join(line for line in difflib.ndiff(before, after) if line[0] in "+-")


@st.composite
def cases(draw: Any, platform: str) -> Case:
    return Case(draw(configurations(platform)), draw(configurations(platform)))


def check(platform: Any, case: Case) -> None:
    running, wanted = case.texts()
    plan = diff.plan(platform, running, wanted)
    device = box.Box(platform).load(running).type(plan.lines())
    assert box.different(device, box.Box(platform).load(wanted)) == []
    now, then = case.other.management, case.one.management
    assert linter.lint(plan, running, now, before=then, controller="10.0.8.5") == []
    back = diff.rollback(platform, running, wanted)
    assert box.different(box.Box(platform).load(wanted).type(back.lines()), box.Box(platform).load(running)) == []
    assert linter.lint(back, wanted, then, before=now, controller="10.0.8.5") == []
    assert diff.plan(platform, wanted, wanted).empty


@pytest.mark.parametrize("platform", sample.CLI)
def test_plan_reaches_the_other_configuration_safely(platform: Any) -> None:
    @SETTINGS
    @given(case=cases(platform))
    def run(case: Case) -> None:
        check(platform, case)

    run()
