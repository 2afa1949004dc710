# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import io
import tarfile
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verbund.errors import UsageError
from verbund.lab.hosts import LabHost, Seed, bridge_name, cables, lab_hosts, mac

GATEWAY = LabHost("gse-gw1", "gateway", "10.1.0.1", 24, "10.1.0.1", "management", "musterstadt", "gse")
SERVER = LabHost("gse-srv1", "server", "10.1.1.10", 24, "10.1.1.1", "server", "musterstadt", "gse")
CLIENT1 = LabHost("gse-r101-pc01", "client", "10.1.4.10", 22, "10.1.4.1", "pupils", "musterstadt", "gse")
CLIENT2 = LabHost("gse-r101-pc02", "client", "10.1.4.11", 22, "10.1.4.1", "pupils", "musterstadt", "gse")
ELSEWHERE = LabHost("ndf-srv1", "server", "10.9.1.10", 24, "10.9.1.1", "server", "neudorf", "gse")
SITE = [GATEWAY, SERVER, CLIENT1, CLIENT2, ELSEWHERE]


def seed(host, hosts=SITE, machine=True):
    return Seed(
        host=host, hosts=hosts, lab="0011aabb", management="192.0.2.15", machine=machine,
        host_key="PRIVATE", host_key_public="ecdsa-sha2-nistp256 PUB", bootstrap="ecdsa-sha2-nistp256 BOOT",
    )  # fmt: skip


def test_every_host_of_the_site_has_one_cable_to_its_gateway():
    found = cables(SITE)
    assert [(cable.gateway, cable.host) for cable in found] == [
        ("gse-gw1", "gse-r101-pc01"),
        ("gse-gw1", "gse-r101-pc02"),
        ("gse-gw1", "gse-srv1"),
    ]
    assert [cable.port for cable in found] == [0, 1, 2]


def test_cabling_does_not_depend_on_the_order_of_hosts():
    assert cables(SITE) == cables(list(reversed(SITE)))


def test_without_gateway_or_site_there_is_no_cable():
    assert cables([SERVER, CLIENT1]) == []
    assert cables([GATEWAY, LabHost.bare("x")]) == []


def test_two_gateways_of_one_site_are_refused():
    other = LabHost("gse-gw2", "gateway", "10.1.0.2", 24, "10.1.0.1", "management", "musterstadt", "gse")
    with pytest.raises(UsageError, match="gse-gw1 and gse-gw2"):
        cables([GATEWAY, other])


def test_the_gateway_bridges_the_hosts_of_a_zone_and_has_its_address_there():
    files = {name: text for name, (text, _) in seed(GATEWAY).files().items()}
    assert "Address=10.1.4.1/22" in files["etc/systemd/network/20-z-pupils.network"]
    assert "Address=10.1.1.1/24" in files["etc/systemd/network/20-z-server.network"]
    assert "Address=10.1.0.1/24" in files["etc/systemd/network/20-z-management.network"]
    assert "Bridge=z-pupils" in files["etc/systemd/network/30-cable0.network"]
    assert "Bridge=z-pupils" in files["etc/systemd/network/30-cable1.network"]
    assert "Bridge=z-server" in files["etc/systemd/network/30-cable2.network"]


def test_a_host_reaches_its_site_through_the_gateway():
    files = {name: text for name, (text, _) in seed(CLIENT1).files().items()}
    site = files["etc/systemd/network/20-site0.network"]
    assert "Address=10.1.4.10/22" in site
    assert site.count("Gateway=10.1.4.1") == 3
    assert "0.0.0.0/0" not in site
    assert "Gateway" not in files["etc/systemd/network/10-eth0.network"]


def test_no_packet_leaves_the_lab():
    gateway = {name: text for name, (text, _) in seed(GATEWAY).files().items()}
    assert gateway["etc/systemd/network/20-z-server.network"].count("Type=unreachable") == 3
    assert "Gateway" not in "".join(gateway.values())


def test_services_outside_of_the_lab_are_left_out():
    variables = {"verbund_log_servers": ["10.0.12.4"], "verbund_time_servers": ["10.1.4.1", "10.0.4.4"]}
    host = SimpleNamespace(
        name="gse-r101-pc01", tenant="musterstadt", site="gse", host_class="client", zone="pupils",
        address="10.1.4.10", prefix_length=22, gateway="10.1.4.1",
    )  # fmt: skip
    router = SimpleNamespace(
        name="gse-gw1", tenant="musterstadt", site="gse", host_class="gateway", zone="server",
        address="10.1.1.1", prefix_length=24, gateway="10.1.1.1",
    )  # fmt: skip
    intent = SimpleNamespace(variables=lambda _: variables)
    with_gateway, _ = lab_hosts(intent, [host, router])
    assert with_gateway.variables == {
        "verbund_log_servers": [],
        "verbund_log_server_names": [],
        "verbund_time_servers": ["10.1.4.1"],
        "time_upstream_servers": [],
    }
    (alone,) = lab_hosts(intent, [host])
    assert alone.variables["verbund_time_servers"] == []


def test_ports_of_a_machine_are_named_by_their_mac_address():
    files = {name: text for name, (text, _) in seed(CLIENT1).files().items()}
    link = files["etc/systemd/network/05-site0.link"]
    assert f"MACAddress={mac('0011aabb', 'gse-r101-pc01', 'site0')}" in link
    assert "Name=site0" in link
    assert not any(name.endswith(".link") for name in seed(CLIENT1, machine=False).files())


def test_the_seed_is_owned_by_root_and_keeps_the_key_private():
    with tarfile.open(fileobj=io.BytesIO(seed(SERVER).archive())) as archive:
        members = {member.name: member for member in archive}
        key = archive.extractfile("etc/ssh/ssh_host_ecdsa_key")
        assert key is not None
        assert key.read() == b"PRIVATE"
    assert members["etc/ssh/ssh_host_ecdsa_key"].mode == 0o600
    assert members["root/.ssh"].mode == 0o700
    assert members["root/.ssh/authorized_keys"].mode == 0o600
    assert all((member.uid, member.gid) == (0, 0) for member in members.values())
    # The other directories belong to the image; an entry here would change their modes.
    assert {name for name, member in members.items() if member.isdir()} == {"root/.ssh", "var/lib/verbund-lab"}


def test_a_lab_host_is_made_from_what_the_intent_documents():
    host = SimpleNamespace(
        name="gse-srv1", tenant="musterstadt", site="gse", room=None, host_class="server", profile="file",
        zone="server", address="10.1.1.10", prefix_length=24, gateway="10.1.1.1", mac=None, number=1,
    )  # fmt: skip
    assert LabHost.from_intent(host) == SERVER


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a b", "a" * 64, "../a", "a\n", "ä"])
def test_names_that_are_no_host_names_are_refused(name):
    with pytest.raises(UsageError):
        LabHost.bare(name)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=40))
def test_bridge_names_fit_the_kernel(zone):
    assert len(bridge_name(zone)) <= 15


@given(st.sets(st.text(alphabet="abcdefghij", min_size=1, max_size=30), min_size=2, max_size=12))
def test_bridge_names_of_different_zones_differ(zones):
    assert len({bridge_name(zone) for zone in zones}) == len(zones)


def test_mac_addresses_are_local_unicast_and_stable():
    address = mac("lab", "host", "eth0")
    assert address == mac("lab", "host", "eth0")
    assert address != mac("lab", "host", "site0")
    first = int(address.split(":")[0], 16)
    assert first & 0b10
    assert not first & 0b01
