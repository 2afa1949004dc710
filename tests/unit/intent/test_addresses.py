# SPDX-License-Identifier: EUPL-1.2
"""Addresses are a pure function: whatever is added, removed or moved, nothing else is renumbered."""

from __future__ import annotations

import json
from datetime import date
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

import pytest  # noqa: TC002  hypothesis reads the annotations of its tests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verbund.intent import Intent, load, standard

TODAY = date(2026, 11, 22)
CLIENT_PROFILES = ["school-client", "school-teacher", "school-mobile", "school-office"]
SPACE = {"large": [48, 4, 11, 7], "small": [24, 2, 5, 5]}
PROVIDER = {
    "id": "krzn",
    "name": "R",
    "contact": "R",
    "pools": {"ipv4": ["10.0.0.0/8"], "ipv6": ["2001:db8::/32"]},
    "management": ["10.0.8.0/24"],
}


@st.composite
def rooms(draw: st.DrawFn, plan: str) -> list[dict]:
    slots = draw(st.lists(st.integers(1, 63), unique=True, max_size=6))
    result = []
    for slot in slots:
        counts = [draw(st.integers(0, space)) for space in SPACE[plan]]
        result.append(
            {
                "name": f"r{slot}",
                "slot": slot,
                "clients": [{"profile": p, "count": n} for p, n in zip(CLIENT_PROFILES, counts, strict=True) if n],
                "devices": [
                    {"kind": "printer", "number": 4 + slot},
                    *draw(st.sampled_from([[], [{"kind": "phone", "number": 4 + slot}]])),
                ],
            }
        )
    return result


@st.composite
def inventories(draw: st.DrawFn) -> dict[str, dict[str, dict]]:
    """Tenant to site to site file; each with what its address plan depends on."""
    result: dict[str, dict[str, dict]] = {}
    for t in draw(st.lists(st.integers(1, 6), unique=True, min_size=1, max_size=2)):
        sites = {}
        for s in draw(st.lists(st.integers(1, 12), unique=True, min_size=1, max_size=2)):
            plan = "large" if s <= 8 else "small"
            network = f"10.{16 * t + s}.0.0/16" if plan == "large" else f"10.{16 * t + 9}.{32 * (s - 9)}.0/19"
            numbers = draw(st.lists(st.integers(5, 250), unique=True, max_size=3))
            sites[f"s{s}"] = {
                "kind": "school",
                "name": "S",
                "short": f"t{t}s{s}",
                "number": s,
                "network": network,
                "gateways": [{"name": "gw1", "number": 1}],
                "servers": [{"name": f"srv{n}", "number": n} for n in numbers],
                "rooms": draw(rooms(plan)),
            }
        result[f"t{t}"] = sites
    return result


def with_ports(site: dict) -> dict:
    """Every room gets a switch of its own: cabling has nothing to do with addresses."""
    switches, rooms = [], []
    for room in site["rooms"]:
        switches.append(
            {"name": f"sw{room['slot']}", "number": 100 + room["slot"], "platform": "cisco_xe", "ports": 200}
        )
        rooms.append({**room, "ports": {"switch": f"sw{room['slot']}", "from": 1, "to": 200}})
    return {**site, "switches": switches, "rooms": rooms}


def compiled(root: Path, inventory: dict[str, dict[str, dict]]) -> Intent:
    """Write the files (JSON is YAML) and load them."""
    root.mkdir()
    (root / "provider.yml").write_text(json.dumps(PROVIDER), encoding="utf-8")
    for tenant, sites in inventory.items():
        (root / tenant / "sites").mkdir(parents=True)
        block = {"ipv4": f"10.{16 * int(tenant[1:])}.0.0/12", "ipv6": f"2001:db8:{tenant[1:]}::/48"}
        record = {"id": tenant, "name": tenant, "contact": "IT", **block}
        (root / tenant / "tenant.yml").write_text(json.dumps(record), encoding="utf-8")
        for name, site in sites.items():
            (root / tenant / "sites" / f"{name}.yml").write_text(json.dumps(with_ports(site)), encoding="utf-8")
    return load(root, today=TODAY)


def addresses_of(intent: Intent) -> dict[str, tuple[str, str]]:
    return {item.name: (item.address, item.address6) for item in (*intent.hosts, *intent.devices)}


@st.composite
def grown(draw: st.DrawFn, inventory: dict[str, dict[str, dict]]) -> dict[str, dict[str, dict]]:
    """The inventory with something more of everything, in another order."""
    result = json.loads(json.dumps(inventory))
    for sites in result.values():
        for site in sites.values():
            plan = "large" if site["network"].endswith("/16") else "small"
            for room in site["rooms"]:
                for entry in room["clients"]:
                    space = SPACE[plan][CLIENT_PROFILES.index(entry["profile"])]
                    entry["count"] = draw(st.integers(entry["count"], space))
                missing = [p for p in CLIENT_PROFILES if p not in [entry["profile"] for entry in room["clients"]]]
                if missing and draw(st.booleans()):
                    room["clients"].insert(0, {"profile": missing[0], "count": 1})
                if draw(st.booleans()):
                    room["devices"].insert(0, {"kind": "camera", "number": 4 + room["slot"]})
            used = {room["slot"] for room in site["rooms"]}
            for room in draw(rooms(plan)):
                if room["slot"] not in used:
                    site["rooms"].insert(draw(st.integers(0, len(site["rooms"]))), room)
            numbers = {server["number"] for server in site["servers"]}
            number = draw(st.integers(5, 250))
            if number not in numbers:
                site["servers"].insert(0, {"name": f"srv{number}", "number": number})
            site["gateways"].insert(0, {"name": "gw2", "number": 2})
            site["rooms"] = draw(st.permutations(site["rooms"]))
    for tenant, sites in draw(inventories()).items():
        mine = result.setdefault(tenant, {})
        for name, site in sites.items():
            mine.setdefault(name, site)
    return result


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_adding_anything_renumbers_nothing(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    before = data.draw(inventories())
    after = data.draw(grown(before))
    root = tmp_path_factory.mktemp("stable")
    old = addresses_of(compiled(root / "old", before))
    new = addresses_of(compiled(root / "new", after))
    assert set(old) <= set(new)
    moved = {name: (old[name], new[name]) for name in old if old[name] != new[name]}
    assert moved == {}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_addresses_are_unique_and_inside_their_zone(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    intent = compiled(tmp_path_factory.mktemp("unique") / "i", data.draw(inventories()))
    items = [*intent.hosts, *intent.devices]
    for family in ("address", "address6"):
        values = [getattr(item, family) for item in items]
        assert len(set(values)) == len(values)
    for item in items:
        four, six = intent.sites[item.tenant, item.site].zones[item.zone]
        address = ip_address(item.address)
        assert address in four
        assert address not in (four.network_address, four.broadcast_address)
        assert ip_address(item.address6) in six
        assert str(ip_address(item.address6)) == item.address6
        if getattr(item, "host_class", "") != "gateway":
            assert int(address) - int(four.network_address) > 4, "numbers 1 to 4 belong to the gateways"


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_removed_machine_leaves_a_gap(data: st.DataObject) -> None:
    from verbund.intent.load import _client_numbers
    from verbund.intent.model import Clients

    count = data.draw(st.integers(1, 48))
    gone = data.draw(st.lists(st.integers(1, count), unique=True, max_size=count))
    kept = _client_numbers(Clients(profile="school-client", count=count, without=gone))
    assert kept == sorted(set(range(1, count + 1)) - set(gone))


def test_standard_is_sound() -> None:
    """Zones lie inside the site and apart from each other; ranges of profiles inside the block, apart, no broadcast."""
    record, _ = standard()
    assert len({zone.vlan for zone in record.zones.values()}) == len(record.zones)
    assert all(2 <= zone.vlan <= 99 for zone in record.zones.values())
    for name, plan in record.plans.items():
        assert set(plan.zones) == set(record.zones)
        networks = list(plan.zones.values())
        assert all(int(network.broadcast_address) < 2 ** (32 - plan.length) for network in networks)
        for index, one in enumerate(networks):
            assert not any(one.overlaps(other) for other in networks[index + 1 :])
        for zone, network in plan.zones.items():
            if record.zones[zone].rooms:
                assert network.num_addresses == (record.slots + 1) * plan.block
            ranges = sorted(
                (profile.offsets[name].first, profile.offsets[name].last, profile_name)
                for profile_name, profile in record.profiles.items()
                if profile.zone == zone and profile.offsets
            )
            for (_, last, _), (first, _, _) in pairwise(ranges):
                assert last < first
            assert all(last < plan.block - 1 for _, last, _ in ranges)


def test_known_addresses_never_change() -> None:
    """The plan is a promise: these addresses stand in printed labels and firewall tickets."""
    intent = load(Path(__file__).parents[3] / "inventory", ["erkrath"], today=TODAY)
    found = {
        name: (intent.host(name).address, intent.host(name).address6, intent.host(name).gateway)
        for name in (
            "gse-gw1",
            "gse-srv1",
            "gse-r101-pc01",
            "gse-r101-pc22",
            "gse-r101-lp01",
            "gym-r001-pc30",
            "rhe-z004-ws01",
        )
    }
    assert found == {
        "gse-gw1": ("10.33.24.1", "2001:db8:32:110::1", "10.33.24.1"),
        "gse-srv1": ("10.33.25.10", "2001:db8:32:112::a", "10.33.25.1"),
        "gse-r101-pc01": ("10.33.8.160", "2001:db8:32:132::5:1", "10.33.8.1"),
        "gse-r101-pc22": ("10.33.8.181", "2001:db8:32:132::5:16", "10.33.8.1"),
        "gse-r101-lp01": ("10.33.8.184", "2001:db8:32:132::5:19", "10.33.8.1"),
        "gym-r001-pc30": ("10.32.32.93", "2001:db8:32:232::1:1e", "10.32.32.1"),
        "rhe-z004-ws01": ("10.33.32.128", "2001:db8:32:320::4:1", "10.33.32.1"),
    }
