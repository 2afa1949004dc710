# SPDX-License-Identifier: EUPL-1.2
"""From the site file to ports and cables: who is plugged in where, which VLANs cables carry, what is refused."""

from __future__ import annotations

import json
import re
import shutil
import sys
from datetime import date
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from verbund.errors import InputError
from verbund.intent import device_types, load
from verbund.intent.schema import schema
from verbund.network import topology

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 22)
GSE = "inventory/erkrath/sites/grundschule.yml"
GYM = "inventory/erkrath/sites/gymnasium.yml"


@pytest.fixture(scope="module")
def network() -> topology.Network:
    return topology.build(load(ROOT / "inventory", today=TODAY))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text, f"the sample data changed: {old!r} is not in {path}"
    Path(path).write_text(text.replace(old, new, 1), encoding="utf-8")


def site(network: topology.Network, key: str) -> topology.Site:
    found = network.site(key)
    assert found is not None
    return found


def switch(network: topology.Network, host: str) -> topology.Switch:
    return next(item for part in network.sites for item in part.switches if item.host == host)


# -- ports -------------------------------------------------------------------------------------------------------------


def test_socket_patch_port_switch_port_zone_and_machine_are_one_row(network):
    port = switch(network, "gse-sw2").ports[1]
    assert (port.number, port.name, port.room, port.socket, port.patch) == (2, "1/1/2", "r101", "1.02", "c2/a/2")
    assert (port.mode, port.vlan, [item.name for item in port.occupants]) == ("access", 32, ["gse-r101-pc02"])


def test_every_wired_machine_of_the_sample_has_one_port(network):
    intent = load(ROOT / "inventory", today=TODAY)
    plugged = [
        item.name for part in network.sites for sw in part.switches for port in sw.ports for item in port.occupants
    ]
    assert len(plugged) == len(set(plugged))
    wired = {host.name for host in intent.hosts
             if host.host_class != "gateway" and intent.standard.profiles[host.profile].wired}  # fmt: skip
    devices = {device.name for device in intent.devices if device.kind != "switch"}
    assert set(plugged) == wired | devices
    assert {sw.platform for part in network.sites for sw in part.switches} >= {
        "aruba_aoscx", "aruba_aoss", "cisco_ios", "lancom_sx", "hpe_comware",
    }  # fmt: skip


def test_unused_ports_are_parked(network):
    for part in network.sites:
        for sw in part.switches:
            for port in sw.ports:
                used = port.occupants or port.link is not None
                assert (port.mode == "parked") == (not used), (sw.host, port.number)


def test_access_point_is_a_trunk_with_the_radio_zones(network):
    port = next(port for port in switch(network, "gse-sw2").ports if port.occupants and port.occupants[0].kind == "ap")
    assert (port.mode, port.vlan, port.tagged) == ("trunk", 10, {32, 64})
    hall = next(port for port in switch(network, "rhe-sw1").ports if port.occupants and port.occupants[0].kind == "ap")
    assert hall.tagged == {20, 64}, "in a town hall: administration and guests"


def test_ports_that_serve_a_kind_keep_it(project):
    edit(
        GSE,
        'ports: {switch: sw2, from: 1, to: 24, socket: "1.01", patch: c2/a/1}',
        "ports: [{switch: sw2, from: 1, to: 23}, {switch: sw2, port: 47, serves: printer}]",
    )
    ports = switch(topology.build(load(Path("inventory"), ["erkrath"], today=TODAY)), "gse-sw2").ports
    assert [item.name for item in ports[46].occupants] == ["gse-r101-pr10"]
    assert ports[23].mode == "parked"


def test_a_telephone_shares_the_port_of_a_client(project):
    edit(GSE, "ports: {switch: sw2, from: 35, to: 36}", "ports: {switch: sw2, port: 35}")
    edit(GSE, "[{kind: phone, number: 12}]", "[{kind: phone, number: 12, with_client: true}]")
    port = switch(topology.build(load(Path("inventory"), ["erkrath"], today=TODAY)), "gse-sw2").ports[34]
    assert (port.vlan, port.voice) == (20, 80)
    assert [item.name for item in port.occupants] == ["gse-head-sv01", "gse-head-tel12"]


# -- cables ------------------------------------------------------------------------------------------------------------


def test_cables_carry_what_is_needed_beyond_them(network):
    gym = site(network, "erkrath/gymnasium")
    by_name = {str(link): link for link in gym.links}
    assert by_name["sw6/49 - core/7"].one.tagged == {10, 32, 64}, "no printer, no telephone, no office behind it"
    assert 12 not in by_name["sw2/49 - core/3"].one.tagged, "servers hang on the core"
    uplink = by_name["core/15-16 - gw1"]
    assert uplink.one.tagged >= {10, 12, 20, 32, 64, 80, 82}
    assert all(end.native == 999 for link in gym.links for end in link.ends)


def test_port_channels_are_counted_from_the_lowest_port(network):
    core = switch(network, "gym-core")
    assert [(port.number, port.channel) for port in core.ports if port.channel] == [(1, 1), (2, 1), (15, 2), (16, 2)]


def test_distance_to_the_gateway(network):
    hops = {sw.name: sw.hops for sw in site(network, "erkrath/gymnasium").switches}
    assert (hops["core"], hops["sw1"], hops["sw12"]) == (1, 2, 3)


def test_a_ring_carries_everything_on_every_cable():
    nodes = ["gw", "a", "b", "c", "d"]
    edges = [("a", "gw"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]
    needs = {"a": frozenset({1}), "b": frozenset({2}), "c": frozenset({3}), "d": frozenset({4})}
    parts, bridges = topology.rings(nodes, edges)
    assert bridges == {0, 4}
    assert len({parts[node] for node in "abc"}) == 1
    carried = topology.carried_vlans(nodes, edges, needs, ["gw"])
    assert carried == [{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {4}]


def test_two_cables_between_two_switches_are_a_ring():
    assert topology.rings(["a", "b"], [("a", "b"), ("a", "b")])[1] == set()
    assert topology.rings(["a", "b"], [("a", "b")])[1] == {0}


def test_rings_agree_with_cutting_each_cable():
    """Against the definition: a cable is outside every ring when cutting it parts its ends."""
    import random

    generator = random.Random(7)
    for _ in range(200):
        nodes = [f"n{index}" for index in range(generator.randint(1, 8))]
        edges = [
            (generator.choice(nodes), generator.choice(nodes))
            for _ in range(generator.randint(0, 10))
            if len(nodes) > 1
        ]
        edges = [edge for edge in edges if edge[0] != edge[1]]
        _, bridges = topology.rings(nodes, edges)
        for index, (one, other) in enumerate(edges):
            rest = [edge for place, edge in enumerate(edges) if place != index]
            assert (index in bridges) == (other not in topology.distances(rest, [one])), (edges, index)


# -- tunnels -----------------------------------------------------------------------------------------------------------


def test_one_link_per_site_and_one_between_the_towns(network):
    assert {tunnel.id for tunnel in network.tunnels if not tunnel.town} == {
        site.key.replace("/", "-") for site in network.sites
    }
    town = next(tunnel for tunnel in network.tunnels if tunnel.town)
    assert [list(map(str, end.beyond)) for end in town.ends] == [
        ["10.48.0.0/21", "2001:db8:48:120::/64"],
        ["10.33.57.10/32", "2001:db8:32:312::a/128"],
    ]
    assert town.flows == ("registry-office-erkrath", "registry-office-haan")


def test_allowed_networks_follow_the_plan(network):
    tunnel = next(tunnel for tunnel in network.tunnels if tunnel.id == "erkrath-grundschule")
    site_end, hub_end = tunnel.ends
    assert list(map(str, hub_end.beyond)) == ["10.33.0.0/19", "2001:db8:32:100::/56"]
    for needed in ("10.0.8.0/24", "10.0.20.0/28", "10.0.16.16/28", "10.0.12.4/32"):
        assert any(IPv4Network(needed).subnet_of(n) for n in site_end.beyond if n.version == 4), needed
    towns = [IPv4Network("10.32.0.0/12"), IPv4Network("10.48.0.0/14"), IPv4Network("8.0.0.0/8")]
    assert not [n for n in site_end.beyond for town in towns if n.version == 4 and n.overlaps(town)]


def test_a_town_alone_has_the_same_links(network):
    for tenant in ("erkrath", "haan"):
        alone = topology.build(load(ROOT / "inventory", [tenant], today=TODAY))
        whole = {(t.id, end.at): end.beyond for t in network.tunnels for end in t.ends if end.at.startswith(tenant)}
        assert {
            (t.id, end.at): end.beyond for t in alone.tunnels for end in t.ends if end.at.startswith(tenant)
        } == whole


# -- the loader --------------------------------------------------------------------------------------------------------

HAAN = "inventory/haan/tenant.yml"
FLOW = (
    "flows: [{{id: {}, from: {{zones: [{}]}}, to: {{{}}}, protocol: tcp, ports: [1], owner: a, reason: b}}]\ncontact:"
)

# Each row: file, text to replace, replacement, message, hint.
REFUSED = {
    "type": (
        GSE,
        "type: aruba-6200f-48g-poe\n",
        "type: aruba-6200f-48g-pou\n",
        "type 'aruba-6200f-48g-pou' is unknown",
        "did you mean 'aruba-6200f-48g-poe'?",
    ),
    "platform of a type": (
        GYM,
        "type: cisco-c9500-16x,",
        "type: cisco-c9500-16x, platform: aruba_aoss,",
        "its platform is cisco_ios, not aruba_aoss",
        "leave platform away",
    ),
    "ports of a type": (
        GYM,
        "type: cisco-c9500-16x,",
        "type: cisco-c9500-16x, ports: 24,",
        "it has 16 ports, not 24",
        "leave ports away",
    ),
    "neither type nor ports": (
        GYM,
        "type: cisco-c9500-16x,",
        "platform: cisco_ios,",
        "expected type, or platform and",
        "",
    ),
    "link to nobody": (GYM, "to: core/3}", "to: cor/3}", "switch or gateway 'cor' is unknown", "did you mean 'core'?"),
    "link beyond": (GYM, "to: core/3}", "to: core/17}", "port 17 is beyond the 16 ports of core", "use 1 to 16"),
    "port with two cables": (
        GYM,
        "to: core/3}",
        "to: core/4}",
        "port 4 of core is already used by the link in line",
        "",
    ),
    "link that hides a socket": (GYM, "from: sw2/49", "from: sw2/40", "port 40 of sw2 is already used", ""),
    "channel of two widths": (GYM, "from: sw2/49,", "from: sw2/49-50,", "differ in their number of ports", ""),
    "wide channel": (
        GYM,
        "from: sw2/49, to: core/3",
        "from: sw2/40-49, to: core/3-12",
        "too many for one port channel",
        "",
    ),
    "link to itself": (GYM, "to: core/3}", "to: sw2/50}", "both ends of the link are at sw2", ""),
    "zone of a link": (
        GYM,
        "to: core/3}",
        "to: core/3, zones: [mgnt]}",
        "zone 'mgnt' is unknown",
        "did you mean 'mgmt'?",
    ),
    "end of a link": (GYM, "to: core/3}", "to: core 3}", "'core 3' is not allowed here", ""),
    "patch panel": (GSE, "patch: c2/a/1", "patch: c2/b/1", "panel 'c2/b' is unknown", "did you mean"),
    "patch port twice": (GSE, "patch: c1/a/6", "patch: c1/a/5", "patch port c1/a/5 already belongs to room 'r003'", ""),
    "patch port beyond": (
        GSE,
        "patch: c1/a/6",
        "patch: c1/a/21",
        "patch port 25 is beyond the 24 ports of panel c1/a",
        "",
    ),
    "cabinet": (GSE, "cabinet: c1", "cabinet: c9", "cabinet 'c9' is unknown", ""),
    "serves": (GSE, "patch: c1/a/6", "serves: printr", "profile or kind of device 'printr' is unknown", "'printer'"),
    "zone of a port": (GSE, "patch: c1/a/6", "zone: teachin", "zone 'teachin' is unknown", "did you mean 'teaching'?"),
    "range without a number": (GSE, "socket: E16", "socket: E", "must end in a number", ""),
    "server's port": (GSE, "port: sw1/47", "port: sw1/48", "port 48 of sw1 is already used by the uplink", ""),
    "server's port twice": (GSE, "port: sw1/47", "port: sw1/1", "port 1 of sw1 is already used by srv1", ""),
    "native zone": (GSE, "uplink: 48", "uplink: 48\n    native: 32", "VLAN 32 is zone teaching", "leave native away"),
    "radio of a printer": (
        GSE,
        "{kind: printer, number: 10}",
        "{kind: printer, number: 10, zones: [guest]}",
        "only access points have radio networks",
        "",
    ),
    "key": (GSE, "wireguard: {key: ", 'wireguard: {endpoint: "a:1", key: x', "a WireGuard public key", ""),
    "host key": (GSE, "ssh-ed25519 AAAA", "ssh-ed25519 BAAA", "a host key as 'ssh-keyscan' prints it", ""),
    "802.1X": (
        GSE,
        "dot1x: monitor",
        "dot1x: monitr",
        "'monitr' is not possible for 'dot1x'",
        "did you mean 'monitor'?",
    ),
    "flow of another town": (
        HAAN,
        "contact:",
        FLOW.format("x", "voice", "tenants: [erkrath], zones: [voice]"),
        "a flow of haan cannot name another town ('erkrath')",
        "provider.yml",
    ),
    "flow that joins the sides": (
        HAAN,
        "contact:",
        FLOW.format("x", "teaching", "zones: [administration]"),
        "connects administration with pedagogy",
        "",
    ),
    "flow twice": (
        HAAN,
        "contact:",
        FLOW.format("proxy", "voice", "networks: [proxy]"),
        "flow 'proxy' exists already",
        "choose another id",
    ),
    "town link": (
        "inventory/provider.yml",
        "flows: [registry-office-erkrath,",
        "flows: [registry-office-erkrat,",
        "flow 'registry-office-erkrat' is unknown",
        "did you mean 'registry-office-erkrath'?",
    ),
    "end of a town link": (
        "inventory/provider.yml",
        "{tenant: haan, site: rathaus,",
        "{tenant: haan, site: ratshaus,",
        "site 'ratshaus' is unknown",
        "did you mean 'rathaus'?",
    ),
    "subnet in another site": (
        GSE,
        "rooms:\n",
        "zones: {guest: {network: 10.33.48.0/21}}\nrooms:\n",
        "10.33.48.0/21 of zone guest overlaps 10.33.48.0/21, zone guest of",
        "choose one inside",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_loader_refuses(project, case):
    path, old, new, message, hint = REFUSED[case]
    edit(path, old, new)
    with pytest.raises(InputError) as caught:
        load(Path("inventory"), today=TODAY)
    matching = [finding for finding in caught.value.findings if message in finding.message]
    assert matching, str(caught.value)
    assert hint in matching[0].hint
    assert matching[0].line > 0


def test_schema_knows_the_new_words():
    text = json.dumps(schema("site"))
    for word in (
        "dot1x",
        "ssh_profile",
        "cabinets",
        "links",
        "wireguard",
        "with_client",
        "host_keys",
        "patch",
        "serves",
    ):
        assert f'"{word}"' in text
    assert "town_links" in json.dumps(schema("provider"))
    assert '"flows"' in json.dumps(schema("tenant"))


def test_old_platform_names_still_hold(project):
    edit(GYM, "type: cisco-c9500-16x,", "platform: cisco_xe, ports: 16,")
    network = topology.build(load(Path("inventory"), today=TODAY))
    assert switch(network, "gym-core").platform == "cisco_ios"


def test_device_types_are_sound():
    """Ports are named once, uplinks exist, and no port gives more than the whole switch has."""
    for name, model in device_types().items():
        names = model.names()
        assert len(set(names)) == len(names) == model.size, name
        assert all(1 <= port <= model.size for port in model.uplinks), name
        assert model.budget is None or max(model.watts()) <= model.budget, name
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)


# -- stability ---------------------------------------------------------------------------------------------------------


def test_a_new_zone_renumbers_nothing(monkeypatch, tmp_path):
    """The standard without two of its zones (one of them with devices elsewhere) gives every other address the same."""
    after = load(ROOT / "inventory", today=TODAY)
    record = yaml.safe_load((ROOT / "deploy/verbund/intent/standard.yml").read_text(encoding="utf-8"))
    for zone in ("transit", "cameras"):
        del record["zones"][zone]
        for plan in record["plans"].values():
            del plan["zones"][zone]
        for flow in record["flows"]:
            for side in ("from", "to"):
                if zone in flow[side].get("zones", []):
                    flow[side]["zones"].remove(zone)
    record["flows"] = [flow for flow in record["flows"] if flow["id"] != "camera-recording"]
    del record["devices"]["camera"]
    older = tmp_path / "standard.yml"
    older.write_text(yaml.safe_dump(record, allow_unicode=True), encoding="utf-8")
    module = sys.modules["verbund.intent.load"]
    monkeypatch.setattr(module, "_STANDARD", older)
    module.standard.cache_clear()
    try:
        before = load(ROOT / "inventory", today=TODAY)
    finally:
        module.standard.cache_clear()
    assert len(before.standard.zones) == len(after.standard.zones) - 2
    old = {item.name: (item.address, item.address6) for item in (*before.hosts, *before.devices)}
    assert old == {item.name: (item.address, item.address6) for item in (*after.hosts, *after.devices)}
