# SPDX-License-Identifier: EUPL-1.2
"""Static checks, proven both ways: well-formed networks give no finding, one planted mistake gives the right one."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from verbund.errors import InputError
from verbund.intent import load
from verbund.network import checks, topology
from verbund.network.reachability import Model, breaches

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 22)
Files = dict[str, Any]


def key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


def flow(name: str, begin: Files, end: Files, *ports: int, protocol: str = "tcp") -> Files:
    return {
        "id": name, "from": begin, "to": end, "protocol": protocol, "ports": list(ports), "owner": "IT", "reason": "R",
    }  # fmt: skip


PROVIDER: Files = {
    "id": "krzn",
    "name": "R",
    "contact": "Leitstelle",
    "pools": {"ipv4": ["10.16.0.0/12", "10.32.0.0/12", "10.48.0.0/12"], "ipv6": ["2001:db8::/32"]},
    "management": ["10.0.8.0/24"],
    "networks": {
        "access": ["10.0.16.16/28"],
        "north-office": ["10.16.0.0/21"],
        "south-registry": ["10.32.25.10/32"],
    },
    "services": {"radius": ["10.0.16.20"]},
    "wireguard": {"key": key(1), "endpoint": "vpn.example:51820"},
    "town_links": [
        {
            "id": "registry",
            "ends": [
                {"tenant": "north", "site": "hall", "key": key(2), "endpoint": "vpn.north.example:51821"},
                {"tenant": "south", "site": "hall", "key": key(3)},
            ],
            "flows": ["registry-north", "registry-south"],
            "owner": "IT",
            "reason": "R",
        }
    ],
    "flows": [
        flow("access", {"zones": ["mgmt"]}, {"networks": ["access"]}, 1812, 1813, protocol="udp"),
        flow(
            "registry-north",
            {"tenants": ["north"], "sites": ["hall"], "zones": ["administration"]},
            {"networks": ["south-registry"]},
            443,
        ),
        flow(
            "registry-south",
            {"networks": ["north-office"]},
            {"tenants": ["south"], "sites": ["hall"], "classes": ["server"]},
            443,
        ),
    ],
}

SCHOOL: Files = {
    "kind": "school",
    "name": "Schule",
    "short": "nsc",
    "number": 2,
    "network": "10.16.32.0/19",
    "gateways": [{"name": "gw1", "number": 1}],
    "servers": [{"name": "srv1", "number": 10, "port": "core/10"}],
    "zones": {"guest": {"clients": 300}},
    "cabinets": [{"name": "c1", "panels": [{"name": "a", "ports": 24}]}],
    "switches": [
        {"name": "core", "number": 10, "type": "aruba-6200f-24g", "uplink": [25, 26], "cabinet": "c1"},
        {"name": "sw1", "number": 11, "type": "aruba-6200f-48g-poe", "dot1x": "enforce"},
        {"name": "sw2", "number": 12, "type": "aruba-2530-48g-poe"},
    ],
    "links": [{"from": "sw1/49-50", "to": "core/1-2"}, {"from": "sw2/49", "to": "core/3"}],
    "wireguard": {"key": key(4)},
    "rooms": [
        {
            "name": "r1",
            "slot": 1,
            "ports": [{"switch": "sw1", "from": 1, "to": 6, "socket": "1.01", "patch": "c1/a/1"}],
            "clients": [{"profile": "school-client", "count": 3}],
            "devices": [{"kind": "printer", "number": 10}, {"kind": "ap", "number": 100}],
        },
        {
            "name": "office",
            "slot": 2,
            "ports": [{"switch": "sw2", "from": 1, "to": 3}],
            "clients": [{"profile": "school-office", "count": 2}],
            "devices": [{"kind": "phone", "number": 10, "with_client": True}, {"kind": "camera", "number": 10}],
        },
    ],
}


def hall(short: str, network: str, number: int) -> Files:
    return {
        "kind": "townhall",
        "name": "Rathaus",
        "short": short,
        "number": 1,
        "network": network,
        "gateways": [{"name": "gw1", "number": 1}],
        "servers": [{"name": "srv1", "number": 10, "port": "sw1/20"}],
        "switches": [{"name": "sw1", "number": 10, "platform": "lancom_lcossx", "ports": 24, "uplink": 24}],
        "wireguard": {"key": key(number)},
        "rooms": [
            {
                "name": "z1",
                "slot": 1,
                "ports": {"switch": "sw1", "from": 1, "to": 4},
                "clients": [{"profile": "townhall-client", "count": 2}],
                "devices": [{"kind": "phone", "number": 10, "count": 2}],
            }
        ],
    }


def base() -> Files:
    def town(name: str, second: int, index: int) -> Files:
        return {
            "id": name,
            "name": name,
            "contact": "IT",
            "ipv4": f"10.{second}.0.0/14",
            "ipv6": f"2001:db8:{index}::/48",
        }

    return copy.deepcopy(
        {
            "provider": PROVIDER,
            "north/tenant": town("north", 16, 1),
            "north/sites/hall": hall("nha", "10.16.0.0/19", 5),
            "north/sites/school": SCHOOL,
            "south/tenant": town("south", 32, 2),
            "south/sites/hall": hall("sha", "10.32.0.0/19", 6),
            "south/sites/school": SCHOOL | {"short": "ssc", "network": "10.32.32.0/19", "wireguard": {"key": key(7)}},
        }
    )


def compiled(root: Path, files: Files) -> Model:
    for name, value in files.items():
        path = root / "inventory" / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return Model.of(load(root / "inventory", today=TODAY))


def found(model: Model) -> set[str]:
    return {issue.check for issue in checks.run(model)}


def test_well_formed_network_has_no_findings(tmp_path):
    assert [str(issue) for issue in checks.run(compiled(tmp_path, base()))] == []


def test_sample_network_has_no_findings_but_the_old_switch():
    model = Model.of(load(ROOT / "inventory", today=TODAY))
    issues = checks.run(model)
    assert [(issue.check, issue.finding.warning) for issue in issues] == [("ssh-legacy", True)]
    assert breaches(model) == []


# -- planted in site files ---------------------------------------------------------------------------------------------


def school(files: Files) -> Files:
    return files["north/sites/school"]


def _drop_zone(files: Files) -> None:
    school(files)["links"][1]["zones"] = ["mgmt", "administration", "cameras"]


def _drop_management(files: Files) -> None:
    school(files)["links"][1]["zones"] = ["administration", "cameras", "voice"]


def _drop_assigned(files: Files) -> None:
    school(files)["links"][0]["zones"] = ["mgmt", "teaching", "printers", "guest", "administration", "cameras"]


def _unlinked(files: Files) -> None:
    school(files)["switches"].append({"name": "sw3", "number": 13, "type": "aruba-2530-48g-poe"})
    school(files)["links"][1]["to"] = "sw3/49"


def _native(files: Files) -> None:
    school(files)["switches"][2]["native"] = 998


def _client_in_management(files: Files) -> None:
    school(files)["rooms"][0]["ports"][0]["zone"] = "mgmt"


def _printer_in_management(files: Files) -> None:
    school(files)["rooms"][0]["devices"][0] |= {"zone": "mgmt", "number": 40}


def _free_socket_in_management(files: Files) -> None:
    school(files)["rooms"][1]["ports"].append({"switch": "sw2", "port": 20, "zone": "mgmt", "serves": "display"})


def _zone_of_port(files: Files) -> None:
    school(files)["rooms"][0]["ports"][0]["zone"] = "administration"


def _ring_without_stp(files: Files) -> None:
    school(files)["links"].append({"from": "sw1/51", "to": "sw2/51"})
    school(files)["switches"][1]["stp"] = False


def _ring_at_gateway(files: Files) -> None:
    school(files)["links"].append({"from": "sw1/51", "to": "gw1"})


def _ring_with_hole(files: Files) -> None:
    school(files)["links"].append({"from": "sw1/51", "to": "sw2/51", "zones": ["mgmt"]})


def _no_power_at_port(files: Files) -> None:
    school(files)["rooms"][0]["devices"].append({"kind": "ap", "number": 101})
    school(files)["rooms"][0]["ports"].append({"switch": "sw1", "port": 52, "serves": "ap"})


def _no_power_at_all(files: Files) -> None:
    school(files)["rooms"].append(
        {
            "name": "hall",
            "slot": 3,
            "ports": {"switch": "sw1", "from": 10, "to": 22},
            "devices": [{"kind": "ap", "number": 110, "count": 13}],
        }
    )


def _socket_for_others(files: Files) -> None:
    school(files)["rooms"][0]["ports"][0]["serves"] = "printer"


def _telephone_without_client(files: Files) -> None:
    school(files)["rooms"][1]["devices"][0]["count"] = 3


def _server_nowhere(files: Files) -> None:
    del school(files)["servers"][0]["port"]


def _radio_in_management(files: Files) -> None:
    school(files)["rooms"][0]["devices"][1]["zones"] = ["guest", "mgmt"]


def _telephone_in_the_zone_of_its_client(files: Files) -> None:
    school(files)["rooms"][1]["devices"][0]["zone"] = "administration"


def _administrators_among_pupils(files: Files) -> None:
    files["provider"]["management"].append("10.16.40.0/24")


def _too_many_guests(files: Files) -> None:
    school(files)["zones"]["guest"]["clients"] = 2043


def _too_many_strangers(files: Files) -> None:
    school(files)["zones"]["teaching"] = {"clients": 28}


def _parking_used(files: Files) -> None:
    school(files)["zones"]["guest"]["vlan"] = 999


def _shadowed(files: Files) -> None:
    files["provider"]["flows"].append(flow("again", {"zones": ["teaching"]}, {"zones": ["printers"]}, 631))


def _shadowed_by_two(files: Files) -> None:
    files["provider"]["flows"] += [
        flow("first", {"zones": ["voice"]}, {"zones": ["servers"]}, 1000, 1001),
        flow("second", {"zones": ["voice"]}, {"zones": ["servers"]}, 1002),
        flow("both", {"profiles": ["school-client"], "zones": ["voice"]}, {"classes": ["server"]}, 1001, 1002),
    ]
    files["provider"]["flows"][-1]["from"] = {"zones": ["voice"]}


def _idle(files: Files) -> None:
    files["provider"]["flows"].append(flow("nobody", {"profiles": ["townhall-laptop"]}, {"networks": ["access"]}, 443))


def _one_sided_link(files: Files) -> None:
    files["provider"]["town_links"][0]["flows"] = ["registry-south"]


def _same_key(files: Files) -> None:
    school(files)["wireguard"]["key"] = key(5)


def _key_of_the_hub(files: Files) -> None:
    school(files)["wireguard"]["key"] = key(1)


def _nobody_listens(files: Files) -> None:
    del files["provider"]["wireguard"]["endpoint"]


def _foreign_network(files: Files) -> None:
    school(files)["wireguard"]["networks"] = ["10.32.0.0/24"]


def _network_of_neighbour(files: Files) -> None:
    school(files)["wireguard"]["networks"] = ["10.16.8.0/21"]


def _no_link(files: Files) -> None:
    del school(files)["wireguard"]


def _no_radius(files: Files) -> None:
    files["provider"]["services"] = {}


def _radius_unreachable(files: Files) -> None:
    files["provider"]["services"]["radius"] = ["10.0.99.1"]


def _legacy(files: Files) -> None:
    school(files)["switches"][0]["ssh_profile"] = "legacy"


def _opened_by_setting(files: Files) -> None:
    school(files)["gateways"][0]["settings"] = {
        "firewall_extra_forward": [
            {"name": "help", "sources": ["10.16.32.0/21"], "destinations": ["10.16.40.0/21"], "protocol": "tcp",
             "ports": [443], "reason": "R"}
        ]
    }  # fmt: skip


def _opened_by_town(files: Files) -> None:
    files["north/tenant"]["settings"] = {
        "firewall_extra_forward": [
            {
                "name": "any",
                "sources": ["10.0.0.0/8"],
                "destinations": ["10.0.0.0/8"],
                "protocol": "icmp",
                "reason": "R",
            }
        ]
    }


def _opened_through_routers(files: Files) -> None:
    files["provider"]["flows"] += [
        flow("out", {"zones": ["administration"]}, {"zones": ["transit"]}, 443),
        flow("in", {"zones": ["transit"]}, {"zones": ["teaching"]}, 443),
    ]


def _opened_by_chain_of_town_and_procedure(files: Files) -> None:
    files["north/tenant"]["flows"] = [flow("out", {"zones": ["administration"]}, {"zones": ["transit"]}, 443)]
    files["procedures/portal"] = {
        "id": "portal", "name": "P", "vendor": "V", "kind": "web", "decision": "new", "owner": "IT", "reason": "R",
        "flows": [{"from": {"zones": ["transit"]}, "to": {"zones": ["teaching"]}, "protocol": "tcp", "ports": [443]}],
    }  # fmt: skip


PLANTED: dict[Callable[[Files], None], tuple[str, str]] = {
    _drop_zone: ("vlan-path", "VLAN 80 (voice) is used at sw2/1 (nsc-office-sv01), but the cable sw2/49 - core/3"),
    _drop_management: ("vlan-path", "VLAN 10 (mgmt) is the way to manage sw2"),
    _drop_assigned: ("vlan-path", "VLAN 98 (quarantine) may be assigned by 802.1X at sw1"),
    _unlinked: ("vlan-path", "no cable leads from sw2 to the gateway gw1"),
    _native: ("native-mismatch", "are VLAN 998 at sw2/49 and VLAN 999 at core/3"),
    _client_in_management: ("management-access", "port 1 of sw1 (nsc-r1-pc01)"),
    _printer_in_management: ("management-access", "nsc-r1-pr40"),
    _free_socket_in_management: ("management-access", "port 20 of sw2 (office-04)"),
    _radio_in_management: ("management-access", "offers the management VLAN 10 as a radio network"),
    _telephone_in_the_zone_of_its_client: ("port-zone", "VLAN 20 is both untagged and tagged at port 1 of sw2"),
    _administrators_among_pupils: ("subnet-overlap", "10.16.40.0/24 overlaps zone teaching of north/school"),
    _zone_of_port: ("port-zone", "nsc-r1-pc01 belongs into zone teaching, but port 1 of sw1 is in zone administration"),
    _ring_without_stp: ("loop", "sw1 speaks no spanning tree"),
    _ring_at_gateway: ("loop", "gw1 is a gateway"),
    _ring_with_hole: ("vlan-path", "is part of a ring but does not carry VLAN"),
    _no_power_at_port: ("poe-budget", "needs 30 W from port 52 of sw1"),
    _no_power_at_all: ("poe-budget", "what hangs on sw1 needs 420 W"),
    _socket_for_others: ("client-port", "nsc-r1-pc01 (school-client) has no switch port"),
    _telephone_without_client: ("client-port", "nsc-office-tel12 (phone) has no switch port"),
    _server_nowhere: ("client-port", "nsc-srv1 has no switch port"),
    _too_many_guests: ("dhcp-pool", "2043 more clients are expected in zone guest"),
    _too_many_strangers: ("dhcp-pool", "28 more clients are expected in zone teaching"),
    _parking_used: ("vlan-shared", "VLAN 999 of zone guest is the parking VLAN"),
    _shadowed: ("rule-shadowed", "rule 'again' never decides anything"),
    _shadowed_by_two: ("rule-shadowed", "rule 'both' never decides anything"),
    _idle: ("rule-unreachable", "flow 'nobody' leads to no rule"),
    _one_sided_link: ("route-asymmetric", "comes back by way of registry"),
    _same_key: ("wireguard", "the key of north/school in north-school is already that of north/hall"),
    _key_of_the_hub: ("wireguard", "is already that of the data centre"),
    _nobody_listens: ("wireguard", "neither end of the link north-hall has an endpoint"),
    _foreign_network: ("wireguard", "10.32.0.0/24 on the link of north/school belongs to another town"),
    _network_of_neighbour: ("wireguard", "are both allowed through links of north/hall and north/school"),
    _no_link: ("wireguard", "north/school has no link to the data centre"),
    _no_radius: ("dot1x-radius", "no RADIUS server is named"),
    _radius_unreachable: ("dot1x-radius", "no flow lets mgmt reach the RADIUS server 10.0.99.1"),
    _legacy: ("ssh-legacy", "core (Aruba 6200F 24G"),
    _opened_by_setting: ("separation", "a rule lets administration of north/school reach teaching of north/school"),
    _opened_by_town: ("separation", "a rule lets administration of"),
    _opened_through_routers: ("separation", "a chain of rules through a zone with routers lets administration"),
    _opened_by_chain_of_town_and_procedure: ("separation", "rule 'portal' (tcp 443, "),
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.strip("_"))
def test_planted_mistake_is_found(tmp_path, plant):
    check, words = PLANTED[plant]
    files = base()
    plant(files)
    issues = checks.run(compiled(tmp_path, files))
    matching = [issue for issue in issues if issue.check == check and words in issue.finding.message]
    assert matching, [str(issue) for issue in issues]
    place = matching[0].finding
    assert place.path.exists()
    assert 1 <= place.line <= len(place.path.read_text(encoding="utf-8").splitlines())


def test_every_check_has_a_planted_mistake():
    """Checks that no site file can violate (the loader or the compiler stands before them) are planted below."""
    in_topology = {"trunk-mismatch", "port-count"}
    assert set(checks.CHECKS) == {check for check, _ in PLANTED.values()} - {"rule-unreachable"} | in_topology


def test_the_counter_example_names_the_whole_way(tmp_path):
    files = base()
    _opened_through_routers(files)
    text = next(str(i) for i in checks.run(compiled(tmp_path, files)) if i.check == "separation")
    for part in (
        "administration of north/hall (10.16.0.0/21, VLAN 20)",
        "VLAN 20 on sw1/24 - gw1",
        "rule 'out' (tcp 443, ",
        "rule 'in' (tcp 443, ",
        "provider.yml:",
        "teaching of ",
    ):
        assert part in text, text


# -- planted behind the loader and the compiler ------------------------------------------------------------------------


def changed(model: Model, edit: Callable[[topology.Site], topology.Site], name: str = "north/school") -> Model:
    sites = tuple(edit(site) if site.key == name else site for site in model.network.sites)
    return Model.of(model.intent, replace(model.network, sites=sites))


def with_end(site: topology.Site, index: int, side: int, **values: Any) -> topology.Site:
    link = site.links[index]
    end = replace(link.ends[side], **values)
    links = list(site.links)
    links[index] = replace(link, one=end) if side == 0 else replace(link, other=end)
    return replace(site, links=tuple(links))


def with_port(site: topology.Site, switch: int, port: int, **values: Any) -> topology.Site:
    switches = list(site.switches)
    ports = list(switches[switch].ports)
    ports[port] = replace(ports[port], **values)
    switches[switch] = replace(switches[switch], ports=tuple(ports))
    return replace(site, switches=tuple(switches))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return compiled(tmp_path_factory.mktemp("good"), base())


def test_overlapping_subnets(good):
    def overlap(site: topology.Site) -> topology.Site:
        zones = dict(site.zones)
        zones["guest"] = replace(zones["guest"], four=IPv4Network("10.16.0.0/21"))
        return replace(site, zones=zones)

    issue = next(issue for issue in checks.run(changed(good, overlap)) if issue.check == "subnet-overlap")
    assert "zone guest of north/school" in str(issue)
    assert "zone administration of north/hall" in str(issue)


def test_trunk_that_ends_differ_about(good):
    more = changed(good, lambda site: with_end(site, 1, 1, tagged=site.links[1].other.tagged | {84}))
    assert found(more) == {"trunk-mismatch"}


def test_ports_beyond_the_model_and_used_twice(good):
    assert "port-count" in found(changed(good, lambda site: with_end(site, 1, 0, ports=(53,))))
    assert "port-count" in found(changed(good, lambda site: with_end(site, 1, 1, ports=(1,))))
    assert "port-count" in found(
        changed(good, lambda site: replace(site, switches=(replace(site.switches[0], size=24), *site.switches[1:])))
    )
    assert "port-count" in found(changed(good, lambda site: with_end(site, 1, 0, ports=(1,))))


def test_two_zones_in_one_vlan_join_the_sides(good):
    def same(site: topology.Site) -> topology.Site:
        return replace(site, zones=dict(site.zones) | {"teaching": replace(site.zones["teaching"], vlan=20)})

    names = found(changed(good, same))
    assert {"vlan-shared", "separation"} <= names


def test_untagged_join_of_both_sides_prints_the_way(good):
    def join(site: topology.Site) -> topology.Site:
        return with_end(with_end(site, 0, 0, native=32), 0, 1, native=20)

    issues = checks.run(changed(good, join))
    text = next(str(issue) for issue in issues if issue.check == "separation")
    assert "administration and pedagogy of north/school share one layer 2" in text
    assert "joins VLAN 20 and VLAN 32" in text or "joins VLAN 32 and VLAN 20" in text
    assert "nsc-office-sv01 at sw2/1" in text
    assert "nsc-r1-pc01 at sw1/1" in text
    assert "school.yml:" in text


# -- random networks ---------------------------------------------------------------------------------------------------


@st.composite
def sites(draw: st.DrawFn) -> Files:
    """A well-formed school of one to six switches, with rings where every switch speaks spanning tree."""
    count = draw(st.integers(1, 6))
    names = [f"sw{number}" for number in range(1, count + 1)]
    free = dict.fromkeys(names, 40)

    def port(name: str, width: int = 1) -> str:
        first = free[name]
        free[name] += width
        return f"{name}/{first}" if width == 1 else f"{name}/{first}-{first + width - 1}"

    links = []
    for index, name in enumerate(names[1:], 1):
        above = names[draw(st.integers(0, index - 1))]
        width = draw(st.sampled_from([1, 1, 2]))
        links.append({"from": port(name, width), "to": port(above, width)})
    for _ in range(draw(st.integers(0, 2)) if count > 1 else 0):
        one, other = draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))
        links.append({"from": port(one), "to": port(other)})
    rooms: list[Files] = []
    for index, name in enumerate(names):
        pupils, office = draw(st.integers(1, 5)), draw(st.integers(0, 3))
        devices: list[Files] = [{"kind": "printer", "number": 10 + index}] if draw(st.booleans()) else []
        if draw(st.booleans()):
            devices.append({"kind": "ap", "number": 100 + index})
        if office and draw(st.booleans()):
            devices.append({"kind": "phone", "number": 10 + index, "with_client": draw(st.booleans())})
        room: Files = {
            "name": f"r{index}",
            "slot": index + 1,
            "ports": {"switch": name, "from": 1, "to": draw(st.integers(12, 20))},
            "clients": [{"profile": "school-client", "count": pupils}],
            "devices": devices,
        }
        if office:
            room["clients"].append({"profile": "school-office", "count": office})
        rooms.append(room)
    platforms = ["cisco_ios", "aruba_aoscx", "aruba_aoss", "lancom_sx", "hpe_comware", "linux_bridge", "openvswitch"]
    switches = [
        {
            "name": name, "number": 10 + index, "platform": draw(st.sampled_from(platforms)), "ports": 60,
            "dot1x": draw(st.sampled_from(["off", "off", "monitor", "enforce"])),
        }
        for index, name in enumerate(names)
    ]  # fmt: skip
    switches[0]["uplink"] = draw(st.sampled_from([60, [59, 60]]))
    return SCHOOL | {
        "cabinets": [], "switches": switches, "links": links, "rooms": rooms,
        "servers": [{"name": "srv1", "number": 10, "port": "sw1/30"}],
    }  # fmt: skip


QUIET = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def with_school(site: Files) -> Files:
    files = base()
    files["north/sites/school"] = site
    return files


@QUIET
@given(site=sites())
def test_random_well_formed_sites_have_no_findings(tmp_path_factory: pytest.TempPathFactory, site: Files) -> None:
    model = compiled(tmp_path_factory.mktemp("random"), with_school(site))
    assert [str(issue) for issue in checks.run(model)] == []
    assert breaches(model) == []


@QUIET
@given(data=st.data())
def test_any_single_mutation_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    files = with_school(data.draw(sites()))
    kind = data.draw(st.sampled_from(["trunk", "native", "zone", "setting", "flow", "zones of a link"]))
    if kind == "flow":
        ends = data.draw(st.permutations(["administration", "teaching"]))
        files["provider"]["flows"].append(flow("bad", {"zones": [ends[0]]}, {"zones": [ends[1]]}, 443))
        with pytest.raises(InputError, match="connects administration with pedagogy"):
            compiled(tmp_path_factory.mktemp("flow"), files)
        return
    if kind == "setting":
        networks = data.draw(
            st.permutations(["10.16.32.0/21", data.draw(st.sampled_from(["10.16.40.0/21", "10.16.48.9"]))])
        )
        files["north/sites/school"]["gateways"][0]["settings"] = {
            "firewall_extra_forward": [
                {"name": "bad", "sources": networks[:1], "destinations": networks[1:], "protocol": "tcp", "ports": [1]}
            ]
        }
    model = compiled(tmp_path_factory.mktemp("mutated"), files)
    site = next(site for site in model.network.sites if site.key == "north/school")
    if kind == "trunk":
        index, side = data.draw(st.integers(0, len(site.links) - 1)), data.draw(st.integers(0, 1))
        link = site.links[index]
        vlan = data.draw(st.sampled_from(sorted(link.one.tagged & link.other.tagged)))
        model = changed(model, lambda old: with_end(old, index, side, tagged=link.ends[side].tagged - {vlan}))
    elif kind == "native":
        index, side = data.draw(st.integers(0, len(site.links) - 1)), data.draw(st.integers(0, 1))
        vlan = data.draw(st.sampled_from([2, 20, 32, 64, 998, 4094]))
        model = changed(model, lambda old: with_end(old, index, side, native=vlan))
    elif kind == "zone":
        switch = data.draw(st.integers(0, len(site.switches) - 1))
        used = [index for index, port in enumerate(site.switches[switch].ports) if port.mode == "access"]
        port = data.draw(st.sampled_from(used))
        vlan = data.draw(st.sampled_from(sorted(zone.vlan for zone in site.zones.values())))
        assume(vlan != site.switches[switch].ports[port].vlan)
        model = changed(model, lambda old: with_port(old, switch, port, vlan=vlan))
    elif kind == "zones of a link":
        assume(len(site.links) > 1)
        index = data.draw(st.integers(0, len(files["north/sites/school"]["links"]) - 1))
        carried = {zone.name for zone in site.zones.values() if zone.vlan in site.links[index].one.tagged}
        gone = data.draw(st.sampled_from(sorted(carried)))
        files["north/sites/school"]["links"][index]["zones"] = sorted(carried - {gone})
        model = compiled(tmp_path_factory.mktemp("link"), files)
    issues = [str(issue) for issue in checks.run(model) if not issue.finding.warning]
    assert issues, kind
