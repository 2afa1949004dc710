# SPDX-License-Identifier: EUPL-1.2
"""Host firewall: the rules in the kernel, whether they are those of the file, and whether they come back at boot."""

from __future__ import annotations

import ipaddress
import json
import re

import pytest

LIST = "nft -j list table inet verbund"
FORBIDDEN_FLAGS = ("without flags", "fin and syn", "syn and rst", "fin and rst", "christmas tree")
# Accepting rules that are not flows of the zone policy; each is needed for the network itself to work. A name alone
# proves nothing, so each has to match what it is named after.
BASE = {
    "loopback": r'"key": "iif"\}\}, "right": "lo"',
    "answers": r'"ct": \{"key": "state"\}\}, "right": (\{"set": )?\[("established"|"related"|, )*\]',
    "neighbour discovery": r'"icmpv6", "field": "type"',
    "multicast membership": r'"icmpv6", "field": "type".*"fe80::"',
    "management": r'"right": "@management[46]"',
    "icmp errors": r'"icmp(v6)?", "field": "type"',
    "echo": r'"icmp(v6)?", "field": "type"\}\}, "right": "echo-request"',
    "dhcp": r'"udp", "field": "dport"\}\}, "right": (68|546)\b',
}


class Ruleset:
    """The table of the host as nft shows it."""

    def __init__(self, host):
        answer = host.run(LIST)
        assert answer.rc == 0, "the kernel has no table inet verbund: the host firewall is not loaded"
        objects = json.loads(answer.stdout)["nftables"]
        self.chains = {entry["chain"]["name"]: entry["chain"] for entry in objects if "chain" in entry}
        self.rules = [entry["rule"] for entry in objects if "rule" in entry]
        self.sets = {entry["set"]["name"]: entry["set"] for entry in objects if "set" in entry}

    def of(self, chain):
        return [rule for rule in self.rules if rule["chain"] == chain]

    def accepting(self, chain):
        return [rule for rule in self.of(chain) if any("accept" in part for part in rule["expr"])]

    def dropping(self, chain):
        return [rule for rule in self.of(chain) if any("drop" in part for part in rule["expr"])]

    def networks(self, name):
        found = []
        for element in self.sets.get(name, {}).get("elem", []):
            if isinstance(element, str):
                found.append(ipaddress.ip_network(element))
            elif "prefix" in element:
                found.append(ipaddress.ip_network(f"{element['prefix']['addr']}/{element['prefix']['len']}"))
            else:
                first, last = (ipaddress.ip_address(address) for address in element["range"])
                found += ipaddress.summarize_address_range(first, last)
        return set(ipaddress.collapse_addresses(found))


def _label(name):
    return re.sub(r"[^A-Za-z0-9 ._:/()-]", "_", name)[:100]


def _chain_problems(rules, hook, policy):
    chains = [chain for chain in rules.chains.values() if chain.get("hook") == hook]
    if not chains:
        return [f"no chain is attached to {hook}"]
    return [f"chain {chain['name']} has policy {chain['policy']}" for chain in chains if chain["policy"] != policy]


def _undeclared(rules, chain, declared):
    present = {rule.get("comment") for rule in rules.accepting(chain)}
    problems = []
    for rule in rules.accepting(chain):
        name = rule.get("comment")
        flows = [flow for flow in declared if _label(flow["name"]) == name]
        if not flows and name not in BASE:
            problems.append(f"{chain} accepts what no flow declares: {name or 'rule without name'}")
        elif not (_is_base(rule) or (flows and _is_within(rules, rule, flows))):
            problems.append(f"{chain} accepts more than '{name}' is declared for")
    problems += [
        f"{chain} does not have the declared flow {flow['name']}"
        for flow in declared
        if flow["sources"] and _label(flow["name"]) not in present
    ]
    return problems


def _matches(rule):
    return [part["match"] for part in rule["expr"] if "match" in part]


def _is_base(rule):
    """Whether a rule matches what its name, one of those that the network itself needs, stands for."""
    pattern = BASE.get(rule.get("comment"))
    positive = all(match["op"] in {"==", "in"} for match in _matches(rule))
    return bool(pattern) and positive and bool(re.search(pattern, json.dumps(rule["expr"])))


def _is_within(rules, rule, flows):
    """Whether a rule accepts nothing but what the flows that it is named after declare."""
    fields = {match["left"].get("payload", {}).get("field"): match["right"] for match in _matches(rule)}
    if any(match["op"] not in {"==", "in"} for match in _matches(rule)):
        return False
    for field, side in (("saddr", "sources"), ("daddr", "destinations")):
        wanted = [ipaddress.ip_network(each, strict=False) for flow in flows for each in flow.get(side, [])]
        if wanted and not _within(rules, fields.get(field), wanted):
            return False
    if any(flow["protocol"] == "icmp" for flow in flows):
        return fields.get("type") == "echo-request"
    if not all(flow.get("ports") for flow in flows):
        return True
    ports = fields.get("dport")
    ports = ports["set"] if isinstance(ports, dict) and "set" in ports else [ports]
    allowed = {port for flow in flows for port in flow["ports"]}
    return all(isinstance(port, int) and port in allowed for port in ports)


def _within(rules, right, wanted):
    """Whether the right side of a match is a set of the table with nothing but these networks."""
    if not isinstance(right, str) or not right.startswith("@"):
        return False
    return all(
        any(network.version == each.version and network.subnet_of(each) for each in _collapsed(wanted))
        for network in rules.networks(right[1:])
    )


def _collapsed(networks):
    return [
        network
        for version in (4, 6)
        for network in ipaddress.collapse_addresses(each for each in networks if each.version == version)
    ]


def _position(rules, chain, test):
    return next((number for number, rule in enumerate(rules.of(chain)) if test(rule)), None)


@pytest.mark.control("VB-FWL-001")
def test_inbound_is_denied_by_default(host):
    """What no rule accepts does not reach the host."""
    problems = _chain_problems(Ruleset(host), "input", "drop")
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-FWL-002")
def test_forwarding_is_denied_by_default(host):
    """What no rule accepts does not pass through the host."""
    problems = _chain_problems(Ruleset(host), "forward", "drop")
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-FWL-003")
def test_management_only_from_declared_networks(host, settings):
    """The SSH port accepts only the management sources of the intent."""
    rules = Ruleset(host)
    declared = [*settings.get("verbund_management_sources", []), *settings["firewall_extra_management_sources"]]
    wanted = {4: [], 6: []}
    for source in declared:
        network = ipaddress.ip_network(source, strict=False)
        wanted[network.version].append(network)
    for version, networks in wanted.items():
        found = rules.networks(f"management{version}")
        surplus = sorted(str(network) for network in found - set(ipaddress.collapse_addresses(networks)))
        missing = sorted(str(network) for network in set(ipaddress.collapse_addresses(networks)) - found)
        assert not surplus, f"management is also accepted from {', '.join(surplus)}"
        assert not missing, f"management is not accepted from {', '.join(missing)}"
    port = settings["firewall_ssh_port"]
    for rule in rules.accepting("input"):
        text = json.dumps(rule["expr"])
        ports = [part["match"]["right"] for part in rule["expr"] if '"dport"' in json.dumps(part)]
        if port in ports:
            assert re.search(r'"@management[46]"', text), f"port {port} is also accepted by rule {rule.get('comment')}"


@pytest.mark.control("VB-FWL-004")
def test_only_declared_flows_reach_the_host(host, settings):
    """Every accepting rule is a declared flow, and every declared flow has its rule."""
    declared = [*settings.get("verbund_firewall_inbound", []), *settings["firewall_extra_inbound"]]
    problems = _undeclared(Ruleset(host), "input", declared)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-FWL-005")
def test_filter_is_stateful(host):
    """Packets that belong to no connection are dropped before answers of known connections are accepted."""
    rules = Ruleset(host)
    invalid = [rule for rule in rules.dropping("sanity") if '"invalid"' in json.dumps(rule["expr"])]
    assert invalid, "packets with an invalid connection state are not dropped"
    for chain in ("input", "forward"):
        check = _position(rules, chain, lambda rule: {"jump": {"target": "sanity"}} in rule["expr"])
        answers = _position(rules, chain, lambda rule: '"established"' in json.dumps(rule["expr"]))
        assert check is not None, f"chain {chain} does not drop packets with an invalid connection state"
        assert answers is not None, f"chain {chain} does not know established connections"
        assert check < answers, f"chain {chain} accepts answers before it drops invalid packets"


@pytest.mark.control("VB-FWL-006")
def test_forged_tcp_flags_are_dropped(host):
    """Combinations of TCP flags that no honest sender uses."""
    present = [rule.get("comment", "") for rule in Ruleset(host).dropping("sanity")]
    missing = [name for name in FORBIDDEN_FLAGS if not any(comment.endswith(name) for comment in present)]
    assert not missing, f"not dropped: tcp {', tcp '.join(missing)}"


@pytest.mark.control("VB-FWL-007")
def test_drops_are_logged_with_a_limit(host):
    """What falls through to the policy is logged, so slowly that nobody can fill the disk with it."""
    rules = Ruleset(host)
    for chain in ("input", "forward"):
        logging = [rule for rule in rules.of(chain) if any("log" in part for part in rule["expr"])]
        assert logging, f"chain {chain} logs nothing"
        unlimited = [rule for rule in logging if not any("limit" in part for part in rule["expr"])]
        assert not unlimited, f"chain {chain} logs without a limit"


@pytest.mark.control("VB-FWL-008")
def test_ipv6_is_filtered_too(host):
    """All chains see both protocols, and neighbour discovery is accepted from the local link only."""
    rules = Ruleset(host)
    families = {chain["family"] for chain in rules.chains.values()}
    assert families == {"inet"}, f"chains of family {', '.join(sorted(families))} see only one protocol"
    discovery = [rule for rule in rules.accepting("input") if rule.get("comment") == "neighbour discovery"]
    limited = [rule for rule in discovery if '"hoplimit"' in json.dumps(rule["expr"])]
    assert limited, "neighbour discovery is not accepted: IPv6 is off"
    assert limited == discovery, "neighbour discovery is accepted from beyond the local link"


@pytest.mark.control("VB-FWL-009")
def test_loaded_rules_are_those_of_the_file(host):
    """Neither was the file changed without loading it, nor were rules added to or taken from the kernel."""
    recorded = host.run("cat /run/verbund/firewall.loaded")
    assert recorded.rc == 0, "verbund-firewall.service has not loaded the rules"
    file_hash = host.check_output("sha256sum < /etc/verbund/firewall.nft")
    live_hash = host.check_output("nft -s list table inet verbund | sha256sum")
    loaded = recorded.stdout.splitlines()
    assert loaded[:1] == [file_hash.strip()], "/etc/verbund/firewall.nft was changed after it was loaded"
    assert loaded[1:2] == [live_hash.strip()], "the rules in the kernel were changed after they were loaded"


@pytest.mark.control("VB-FWL-010")
def test_rules_are_loaded_at_boot(host):
    """Our unit loads them before the network is up, and no other unit empties the ruleset."""
    shown = host.check_output(
        "systemctl show -p Id -p ActiveState -p UnitFileState verbund-firewall.service nftables.service"
    )
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in shown.split("\n\n")]
    ours, vendor = blocks
    assert ours["UnitFileState"] == "enabled", (
        f"verbund-firewall.service does not start at boot: {ours['UnitFileState']}"
    )
    assert ours["ActiveState"] == "active", f"verbund-firewall.service is {ours['ActiveState']}"
    assert vendor["UnitFileState"] == "masked", "nftables.service can be started and would empty the ruleset"


@pytest.mark.control("VB-FWL-011")
def test_only_declared_flows_pass_the_gateway(host, settings):
    """Every accepting rule between zones is a declared flow, and every declared flow has its rule."""
    declared = [*settings.get("verbund_firewall_forward", []), *settings["firewall_extra_forward"]]
    problems = _undeclared(Ruleset(host), "forward", declared)
    assert not problems, "; ".join(problems)


@pytest.mark.control("VB-FWL-012")
def test_loopback_addresses_stay_inside(host):
    """Packets that claim to come from the host itself are dropped before anything but the loopback is accepted."""
    rules = Ruleset(host)
    accepting = [rule for rule in rules.accepting("input") if rule.get("comment") != "loopback"]
    assert accepting, "chain input accepts nothing"
    accepted = rules.of("input").index(accepting[0])
    early = json.dumps([rule["expr"] for rule in rules.of("input")[:accepted] if {"drop": None} in rule["expr"]])
    missing = [
        address
        for address, text in (("127.0.0.0/8", '{"prefix": {"addr": "127.0.0.0", "len": 8}}'), ("::1", '"::1"'))
        if text not in early
    ]
    assert not missing, f"packets from outside may claim to come from {' and '.join(missing)}"


@pytest.mark.control("VB-FWL-013")
def test_echo_requests_are_limited(host, settings):
    """Whoever may ping this host from anywhere gets so many answers a second and no more."""
    for rule in Ruleset(host).accepting("input"):
        text = json.dumps(rule["expr"])
        if '"echo-request"' not in text or '"saddr"' in text:
            continue
        limits = [part["limit"] for part in rule["expr"] if "limit" in part]
        assert limits, "echo requests are answered without a limit"
        rate = limits[0]["rate"], limits[0]["per"]
        wanted = settings["firewall_echo_rate"]
        assert rate == (wanted, "second"), f"{rate[0]} echo requests a {rate[1]} are answered, declared are {wanted}"
