# SPDX-License-Identifier: EUPL-1.2
"""What comes out of the sample intent: variables, groups, selection, layers, flows, scaffolding, schemas."""

from __future__ import annotations

import json
import re
from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml

from verbund.intent import Intent, load

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 22)
GSE = "inventory/erkrath/sites/grundschule.yml"


@pytest.fixture(scope="module")
def intent() -> Intent:
    return load(ROOT / "inventory", today=TODAY)


def hosts_of(intent: Intent, **wanted: str):
    return [host for host in intent.hosts if all(getattr(host, key) == value for key, value in wanted.items())]


# -- sample data -------------------------------------------------------------------------------------------------------


def test_sample_is_of_real_size(intent):
    assert set(intent.tenants) == {"erkrath", "haan"}
    rooms = {key: len(site.record.rooms) for key, site in intent.sites.items()}
    assert rooms["erkrath", "grundschule"] == 14
    assert rooms["erkrath", "gymnasium"] == 60
    gym = hosts_of(intent, site="gymnasium")
    assert sum(host.host_class in {"client", "laptop"} for host in gym) >= 400
    townhall = hosts_of(intent, tenant="erkrath", site="rathaus", host_class="client")
    assert len(townhall) == 120
    assert intent.warnings == []
    for path in (ROOT / "inventory").rglob("sites/*.yml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 200, path
        assert all(len(line) <= 140 for line in lines), path


def test_names_are_dns_labels_and_unique(intent):
    names = [item.name for item in (*intent.hosts, *intent.devices)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)
    pupils = [host.name for host in intent.hosts if host.profile == "school-client"]
    assert max(map(len, pupils)) <= 15


# -- variables and groups ----------------------------------------------------------------------------------------------


def test_variables_of_a_client(intent):
    values = intent.variables(intent.host("gse-r101-pc01"))
    assert values == {
        "ansible_host": "10.33.8.160",
        "verbund_tenant": "erkrath",
        "verbund_site": "grundschule",
        "verbund_room": "r101",
        "verbund_host_class": "client",
        "verbund_profile": "school-client",
        "verbund_zone": "teaching",
        "verbund_address": "10.33.8.160",
        "verbund_prefix_length": 21,
        "verbund_address6": "2001:db8:32:132::5:1",
        "verbund_gateway": "10.33.8.1",
        "verbund_release": "2026.1",
        "verbund_management_sources": ["10.0.8.0/24", "2001:db8:0:8::/64", "10.33.8.1/32"],
        "verbund_firewall_inbound": [],
        "verbund_log_servers": ["10.33.25.10"],
        "verbund_log_server_names": ["gse-srv1"],
        "verbund_time_servers": ["10.33.8.1"],
        "verbund_excepted_controls": ["VB-AUD-001"],
    }


def test_all_variables_are_plain_data(intent):
    for host in intent.hosts:
        values = intent.variables(host)
        assert json.loads(json.dumps(values)) == values


def test_variables_of_one_host_do_not_leak_into_another(intent):
    first, second = hosts_of(intent, room="r101", profile="school-client")[:2]
    values = intent.variables(first)
    values["verbund_zone"] = "changed"
    assert intent.variables(second)["verbund_zone"] == "teaching"
    assert intent.variables(first)["verbund_zone"] == "teaching"


def test_server_and_gateway_ask_the_provider(intent):
    server = intent.variables(intent.host("gse-srv1"))
    assert server["verbund_log_servers"] == ["10.0.12.4"]
    assert server["verbund_log_server_names"] == ["log.krzn.example"]
    assert server["verbund_time_servers"] == ["10.33.25.1"]
    gateway = intent.variables(intent.host("gse-gw1"))
    assert gateway["verbund_time_servers"] == ["10.0.4.4", "10.0.4.5"]
    assert gateway["verbund_log_servers"] == ["10.33.25.10"]
    assert gateway["verbund_management_sources"] == ["10.0.8.0/24", "2001:db8:0:8::/64"]
    legs = {leg["zone"]: (leg["vlan"], leg["address"]) for leg in gateway["verbund_gateway_legs"]}
    assert legs["teaching"] == (32, "10.33.8.1")
    assert set(legs) == set(intent.standard.zones)


def test_groups(intent):
    assert intent.groups(intent.host("gse-r101-pc01")) == [
        "tenant_erkrath",
        "site_erkrath_grundschule",
        "room_erkrath_grundschule_r101",
        "class_client",
        "profile_school_client",
        "zone_teaching",
    ]
    assert "room_" not in " ".join(intent.groups(intent.host("gse-gw1")))
    names = {group for host in intent.hosts for group in intent.groups(host)}
    assert all(re.fullmatch(r"[a-zA-Z0-9_]+", name) for name in names)


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        ("gse-gw1", {"gse-gw1"}),
        ("gse-gw1,rhh-srv1", {"gse-gw1", "rhh-srv1"}),
        ("gse-*&class:server", {"gse-srv1"}),
        ("room:r101&site:gse&profile:school-teacher", {"gse-r101-lp01"}),
        ("room:gse-r101&profile:school-teacher", {"gse-r101-lp01"}),
        ("tenant:haan&class:gateway,gse-gw1", {"rhh-gw1", "gsh-gw1", "gse-gw1"}),
        ("zone:servers&tenant:erkrath", {"gse-srv1", "gym-srv1", "gym-srv2", "rhe-srv1", "rhe-srv2"}),
        ("site:erkrath/rathaus&class:gateway", {"rhe-gw1"}),
        ("class:gateway&site:gr*", {"gse-gw1", "gsh-gw1"}),
    ],
)
def test_select(intent, limit, names):
    assert {host.name for host in intent.select(limit)} == names


def test_select_all(intent):
    assert intent.select(None) == list(intent.hosts)


def test_one_tenant_reads_only_its_files(project, monkeypatch):
    opened: list[str] = []
    import os

    real = os.open
    monkeypatch.setattr(
        "verbund.intent.yaml_source.os.open", lambda path, *a, **k: opened.append(str(path)) or real(path, *a, **k)
    )
    Path("inventory/haan/tenant.yml").write_text("broken: [", encoding="utf-8")
    intent = load(Path("inventory"), ["erkrath"])
    assert set(intent.tenants) == {"erkrath"}
    assert any("erkrath/sites" in path for path in opened)
    assert not [path for path in opened if "haan" in path]
    assert intent.variables(intent.host("rhe-gw1"))["verbund_firewall_forward"]


# -- flows -------------------------------------------------------------------------------------------------------------


def covers(networks: list[str], target: str) -> bool:
    wanted = ip_network(target)
    return any(wanted.version == ip_network(n).version and wanted.subnet_of(ip_network(n)) for n in networks)


def forwarded(intent: Intent, gateway: str, source: str, destination: str, port: int, protocol: str = "tcp") -> bool:
    return any(
        covers(rule["sources"], source)
        and covers(rule["destinations"], destination)
        and port in rule["ports"]
        and rule["protocol"] == protocol
        for rule in intent.variables(intent.host(gateway))["verbund_firewall_forward"]
    )


def address(intent: Intent, name: str) -> str:
    return intent.host(name).address


def test_wanted_flows_pass_the_gateway(intent):
    pupil, server = address(intent, "gse-r101-pc01"), address(intent, "gse-srv1")
    assert forwarded(intent, "gse-gw1", pupil, server, 6514)
    assert forwarded(intent, "gse-gw1", pupil, server, 443)
    assert forwarded(intent, "gse-gw1", "2001:db8:32:132::5:1", "2001:db8:32:112::a", 443)
    assert forwarded(intent, "gse-gw1", pupil, "10.33.28.10", 631)
    assert forwarded(intent, "gse-gw1", pupil, "10.0.20.1", 3128)
    assert forwarded(intent, "rhe-gw1", address(intent, "rhe-z004-ws01"), "10.0.24.7", 443), "procedure einwohner"
    assert not forwarded(intent, "gse-gw1", pupil, server, 22)
    assert not forwarded(intent, "gse-gw1", pupil, "10.33.24.10", 443), "pupils do not reach switches"
    assert not forwarded(intent, "gse-gw1", pupil, "10.33.30.9", 554), "pupils do not reach cameras"
    assert not forwarded(intent, "gse-gw1", pupil, "10.0.24.7", 443), "pupils do not reach procedures"


def test_the_gateways_own_logs_reach_the_site_server(intent):
    server = intent.variables(intent.host("gse-srv1"))
    rule = next(rule for rule in server["verbund_firewall_inbound"] if rule["name"] == "log")
    # The gateway sends from its leg in the server's zone, not from its address in the management zone.
    assert server["verbund_gateway"] == "10.33.25.1"
    assert covers(rule["sources"], "10.33.25.1")
    assert not covers(rule["sources"], "10.33.25.99")


def test_intermunicipal_flow_passes_both_gateways_and_no_other(intent):
    origin, target = address(intent, "rhh-z001-bt01"), address(intent, "rhe-srv1")
    assert forwarded(intent, "rhh-gw1", origin, target, 443)
    assert forwarded(intent, "rhe-gw1", origin, target, 443)
    for gateway in ("gse-gw1", "gym-gw1", "gsh-gw1"):
        assert not forwarded(intent, gateway, origin, target, 443)
    inbound = intent.variables(intent.host("rhe-srv1"))["verbund_firewall_inbound"]
    rule = next(rule for rule in inbound if rule["name"] == "registry-office-erkrath")
    assert covers(rule["sources"], origin)
    assert rule["ports"] == [443]
    other = intent.variables(intent.host("gse-srv1"))["verbund_firewall_inbound"]
    assert "registry-office-erkrath" not in {rule["name"] for rule in other}


def test_a_tenant_alone_compiles_to_the_same_variables(intent):
    for tenant in ("erkrath", "haan"):
        alone = load(ROOT / "inventory", [tenant], today=TODAY)
        for host in alone.hosts:
            assert alone.variables(host) == intent.variables(intent.host(host.name)), host.name


def test_administration_and_pedagogy_never_meet(intent):
    sides: dict[str, list] = {"administrative": [], "pedagogical": []}
    for site in intent.sites.values():
        for zone, networks in site.zones.items():
            realm = intent.standard.zones[zone].realm
            if realm in sides:
                sides[realm] += networks
    checked = 0
    for host in hosts_of(intent, host_class="gateway"):
        for rule in intent.variables(host)["verbund_firewall_forward"]:
            for one, other in (("administrative", "pedagogical"), ("pedagogical", "administrative")):
                ends = [ip_network(n) for n in rule["destinations"]]
                targets = [n for n in ends if any(n.version == s.version and n.overlaps(s) for s in sides[other])]
                if not targets:
                    continue
                checked += 1
                starts = [ip_network(n) for n in rule["sources"]]
                assert not [n for n in starts if any(n.version == s.version and n.overlaps(s) for s in sides[one])], (
                    rule
                )
    for host in intent.hosts:
        realm = intent.standard.zones[host.zone].realm
        if host.host_class == "gateway" or realm not in sides:
            continue
        foreign = sides["pedagogical" if realm == "administrative" else "administrative"]
        for rule in intent.variables(host)["verbund_firewall_inbound"]:
            checked += 1
            sources = [ip_network(n) for n in rule["sources"]]
            assert not [n for n in sources if any(n.version == s.version and n.overlaps(s) for s in foreign)]
    server = intent.host("gse-srv1")
    assert intent.standard.zones[server.zone].realm == "shared"


def test_server_inside_administration_is_not_reached_from_teaching(project):
    text = Path(GSE).read_text(encoding="utf-8")
    text = text.replace("{name: srv1, number: 10,", "{name: srv1, number: 10, zone: administration,")
    Path(GSE).write_text(text, encoding="utf-8")
    intent = load(Path("inventory"), ["erkrath"], today=TODAY)
    server = intent.host("gse-srv1")
    assert server.zone == "administration"
    pupil = address(intent, "gse-r101-pc01")
    assert not forwarded(intent, "gse-gw1", pupil, server.address, 443)
    inbound = intent.variables(server)["verbund_firewall_inbound"]
    assert inbound
    assert not [rule for rule in inbound if covers(rule["sources"], pupil)]


def test_guests_reach_the_internet_and_nothing_inside(intent):
    guest = "10.33.16.77"
    for inside in ("10.33.8.160", "10.0.20.1", "192.168.1.1", "172.16.0.1", "10.33.25.10", "100.64.0.1"):
        assert not forwarded(intent, "gse-gw1", guest, inside, 443), inside
    for outside in ("9.9.9.9", "193.99.144.80"):
        assert forwarded(intent, "gse-gw1", guest, outside, 443)
    assert forwarded(intent, "gse-gw1", "2001:db8:32:164::9", "2620:fe::fe", 443)
    assert not forwarded(intent, "gse-gw1", "2001:db8:32:164::9", "2001:db8:48:110::1", 443)


def test_rules_name_one_family_on_both_sides(intent):
    for host in hosts_of(intent, host_class="gateway"):
        rules = intent.variables(host)["verbund_firewall_forward"]
        assert len({rule["name"] for rule in rules}) == len(rules)
        for rule in rules:
            families = [{ip_network(n).version for n in rule[side]} for side in ("sources", "destinations")]
            assert families[0] == families[1], rule["name"]
            assert rule["reason"]


def test_retired_procedure_opens_nothing(project):
    path = Path("inventory/procedures/finanzen.yml")
    assert "finanzen" in str(load(Path("inventory")).variables(load(Path("inventory")).host("rhe-gw1")))
    path.write_text(path.read_text(encoding="utf-8").replace("decision: keep", "decision: retire"), encoding="utf-8")
    intent = load(Path("inventory"))
    rules = intent.variables(intent.host("rhe-gw1"))["verbund_firewall_forward"]
    assert "finanzen" not in {rule["name"] for rule in rules}


# -- settings ----------------------------------------------------------------------------------------------------------


LAYERS = [
    ("tenant", "inventory/erkrath/tenant.yml", "settings: {motd_text: tenant}\n"),
    ("site", GSE, "settings: {motd_text: site}\n"),
    ("profile", "inventory/erkrath/tenant.yml", "profiles: {school-client: {settings: {motd_text: profile}}}\n"),
    ("room", GSE, None),
    ("host", GSE, "hosts: {gse-r101-pc01: {settings: {motd_text: host}}}\n"),
]


def test_each_layer_beats_the_one_before(project, run):
    Path("roles/motd/defaults").mkdir(parents=True)
    Path("roles/motd/defaults/main.yml").write_text("# one\n---\nmotd_text: default\n", encoding="utf-8")
    expected = ["standard"]
    tenant = Path("inventory/erkrath/tenant.yml")
    tenant.write_text(tenant.read_text(encoding="utf-8").partition("profiles:")[0], encoding="utf-8")
    for level, path, text in LAYERS:
        content = Path(path).read_text(encoding="utf-8")
        if text is None:
            content = content.replace("    slot: 5\n", "    slot: 5\n    settings: {motd_text: room}\n")
        else:
            content += text
        Path(path).write_text(content, encoding="utf-8")
        expected.append(level)
        intent = load(Path("inventory"))
        layers = intent.explain("gse-r101-pc01", "motd_text")
        assert [layer.level for layer in layers] == expected
        assert intent.variables(intent.host("gse-r101-pc01"))["motd_text"] == level == layers[-1].value
        for layer in layers:
            line = layer.path.read_text(encoding="utf-8").splitlines()[layer.line - 1]
            assert str(layer.value) in line, (layer, line)
    assert intent.variables(intent.host("gse-r101-pc02"))["motd_text"] == "room"
    assert intent.variables(intent.host("gse-r102-pc01"))["motd_text"] == "profile"
    assert intent.variables(intent.host("gse-r102-lp01"))["motd_text"] == "site"
    assert intent.variables(intent.host("gym-gw1"))["motd_text"] == "tenant"
    assert "motd_text" not in intent.variables(intent.host("rhh-gw1"))
    result = run("explain", "gse-r101-pc01", "motd_text")
    assert result.code == 0
    lines = result.out.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith('=> host     "host"   ' + GSE + ":")


def test_explain_errors(project, run):
    result = run("explain", "gse-r101-pc99", "motd_text")
    assert (result.code, result.out) == (2, "")
    assert "did you mean 'gse-r101-pc" in result.err
    result = run("explain", "gse-r101-pc01", "verbund_zne")
    assert (result.code, result.out) == (2, "")
    assert "nothing sets 'verbund_zne' for gse-r101-pc01" in result.err
    assert "did you mean 'verbund_zone'?" in result.err


# -- deviations --------------------------------------------------------------------------------------------------------


def test_deviations_hold_in_their_scope_and_time(intent):
    pupil, teacher = intent.host("gse-r101-pc01"), intent.host("gse-r101-lp01")
    found = intent.deviations_for(pupil, TODAY)
    assert {control: deviation.id for control, deviation in found.items()} == {"VB-AUD-001": "DEV-ERK-001"}
    assert intent.deviations_for(teacher, TODAY) == {}
    assert intent.deviations_for(pupil, date(2027, 6, 30)) != {}, "the last day counts"
    assert intent.deviations_for(pupil, date(2027, 7, 1)) == {}
    assert intent.deviations_for(pupil, date(2026, 8, 31)) == {}
    assert set(intent.deviations_for(intent.host("rhe-srv2"), TODAY)) == {"VB-FWL-001"}
    assert intent.deviations_for(intent.host("rhe-srv1"), TODAY) == {}


# -- scaffolding and schemas -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["school", "townhall"])
def test_init_passes_check(project, run, kind):
    result = run("init", "mettmann", "erste", "--kind", kind)
    assert result.code == 0
    assert "wrote inventory/mettmann/tenant.yml" in result.out
    for site in ("zweite", "dritte"):
        assert run("init", "mettmann", site, "--kind", kind, "--size", "large").code == 0
    result = run("check")
    assert result.code == 0, result.err
    assert "3 tenants, 8 sites" in result.out
    tree = {path: path.read_bytes() for path in Path("inventory").rglob("*.yml")}
    again = run("init", "mettmann", "erste", "--kind", kind)
    assert again.code == 2
    assert "exists already" in again.err
    assert {path: path.read_bytes() for path in Path("inventory").rglob("*.yml")} == tree


def test_init_refuses_what_cannot_be(project, run):
    for words, message in [
        (("../x", "y"), "'../x' cannot be the id of a tenant"),
        (("erkrath", "Neue-Schule"), "'Neue-Schule' cannot be the id of a site"),
    ]:
        result = run("init", *words, "--kind", "school")
        assert result.code == 2
        assert message in result.err
    for number in range(3):
        assert run("init", "mettmann", f"s{number}", "--kind", "school", "--size", "large").code == 0
    assert run("init", "mettmann", "s3", "--kind", "school", "--size", "large").code == 0
    full = run("init", "mettmann", "s4", "--kind", "school")
    assert full.code == 2
    assert "no free /19 in the block of mettmann" in full.err


@pytest.mark.parametrize("kind", ["site", "tenant", "provider", "procedure", "deviations"])
def test_schema_accepts_the_samples_and_refuses_nonsense(project, run, kind):
    jsonschema = pytest.importorskip("jsonschema")
    result = run("schema", kind)
    assert result.code == 0
    document = json.loads(result.out)
    validator = jsonschema.validators.validator_for(document)
    validator.check_schema(document)
    patterns = {
        "site": "*/sites/*.yml",
        "tenant": "*/tenant.yml",
        "provider": "provider.yml",
        "procedure": "procedures/*.yml",
        "deviations": "*/deviations.yml",
    }
    paths = list(Path("inventory").glob(patterns[kind]))
    assert paths
    for path in paths:
        # Dates are text in JSON.
        value = yaml.load(
            path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader if kind == "deviations" else yaml.CSafeLoader
        )
        assert list(validator(document).iter_errors(value)) == []
        assert list(validator(document).iter_errors({**value, "unknown-key": 1}))


def test_help_teaches(run):
    for command in ("check", "explain", "init", "schema"):
        result = run(command, "--help")
        assert result.code == 0
        assert f"verbund {command}" in result.out


# -- YAML --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("off", "off"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("12:30", "12:30"),
        ("190:20:30", "190:20:30"),
        ("1_000", "1_000"),
        ("0o17", 15),
        ("017", 17),
        ("0x1f", 31),
        ("1e3", 1000.0),
        ("-7", -7),
        ("1.5", 1.5),
        ("~", None),
        ("", None),
        ("null", None),
        ("'7'", "7"),
        ("2026-11-22", "2026-11-22"),
        ("=", "="),
        ("<<", "<<"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        (".", "."),
        ("-", "-"),
        ("+", "+"),
    ],
)
def test_scalars_follow_yaml_1_2(tmp_path, text, value):
    from verbund.intent.yaml_source import Source

    if text == "-":
        text = '"-"'
    path = tmp_path / "x.yml"
    path.write_text(f"a: {text}\n", encoding="utf-8")
    source = Source(path)
    assert source.findings == []
    assert source.value == {"a": value}
    assert type(source.value["a"]) is type(value)
