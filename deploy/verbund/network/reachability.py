# SPDX-License-Identifier: EUPL-1.2
"""Who reaches whom: layer 2 from cables and VLANs, layer 3 from the gateways' rules, and the proof of separation.

Machines that no rule can tell apart are one class (zone, site, part of the layer 2 that holds together), so a matrix of
thousands of hosts has a few dozen cells.

The proof that administration and pedagogy are apart rests on three statements. (1) No part of layer 2 holds VLANs of
both. (2) Whatever way a packet takes, the gateways forward it only if a rule of *every* gateway on the way matches its
source and destination; so if no rule of any gateway matches a source on one side and a destination on the other, no
chain of routers delivers it. (3) Where routers stand inside a zone (``routes``), what may enter that zone may come out
again under the rules for the zone, so there two rules in a row count as one. Machines that relay by their own
decision (a proxy) are outside: that is what named flows with owner and reason are for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from verbund.intent.addresses import public_space
from verbund.network import policy, topology
from verbund.network.policy import Addresses, Rule, Span, span

if TYPE_CHECKING:
    from pathlib import Path

    from verbund.intent import Intent
    from verbund.network.topology import AnyNetwork, Network, Site, Zone

Node = tuple[str, int]
"""A switch or gateway, and a VLAN there."""
Verdict = Literal["allowed", "denied", "direct", "isolated", "cut off"]
_SIDES = frozenset({"administrative", "pedagogical"})


class Layer2:
    """Which ports of a site hear each other without any gateway: VLANs joined along cables that carry them.

    Args:
        site: as compiled.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self._next: dict[Node, list[tuple[Node, int]]] = {}
        for index, link in enumerate(site.links):
            for one, other in link.joins():
                self._next.setdefault(one, []).append((other, index))
                self._next.setdefault(other, []).append((one, index))
        self._part: dict[Node, int] = {}
        self.parts: list[list[Node]] = []
        for gateway in site.gateways:
            for zone in site.zones.values():
                self._flood((gateway, zone.vlan))
        for switch in site.switches:
            for vlan in switch.vlans:
                self._flood((switch.name, vlan))

    def _flood(self, start: Node) -> None:
        if start in self._part:
            return
        number = len(self.parts)
        self._part[start] = number
        members = [start]
        for node in members:
            for other, _ in self._next.get(node, ()):
                if other not in self._part:
                    self._part[other] = number
                    members.append(other)
        self.parts.append(members)

    def part(self, node: Node) -> int | None:
        """The number of the part that a VLAN of a switch belongs to."""
        return self._part.get(node)

    def joined(self, one: Node, other: Node) -> bool:
        """Whether frames get from one to the other."""
        return one in self._part and self._part[one] == self._part.get(other)

    def way(self, one: Node, other: Node) -> list[tuple[Node, int]]:
        """The shortest way: each step with the cable it takes; empty where there is none or both are the same."""
        before: dict[Node, tuple[Node, int]] = {one: (one, -1)}
        queue = deque([one])
        while queue and other not in before:
            node = queue.popleft()
            for following, index in self._next.get(node, ()):
                if following not in before:
                    before[following] = (node, index)
                    queue.append(following)
        if other not in before:
            return []
        steps = []
        node = other
        while node != one:
            node, index = before[node]
            steps.append((other, index))
            other = node
        return steps[::-1]

    @cached_property
    def to_gateway(self) -> dict[str, list[int]]:
        """Cables from each switch to the first gateway, whatever they carry."""
        neighbours: dict[str, list[tuple[str, int]]] = {}
        for index, link in enumerate(self.site.links):
            one, other = link.one.node, link.other.node
            neighbours.setdefault(one, []).append((other, index))
            neighbours.setdefault(other, []).append((one, index))
        found: dict[str, list[int]] = {self.site.gateways[0]: []}
        queue = deque(found)
        while queue:
            node = queue.popleft()
            for other, index in neighbours.get(node, ()):
                if other not in found:
                    found[other] = [index, *found[node]]
                    queue.append(other)
        return found


@dataclass(frozen=True, slots=True)
class Breach:
    """A way on which administration and pedagogy reach each other.

    Args:
        steps: from, via what, to; each step in words.
        place: the line to look at.
    """

    steps: tuple[str, ...]
    place: tuple[Path, int, int]
    reason: str

    def __str__(self) -> str:
        return f"{self.reason}: {' -> '.join(self.steps)}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one class may do towards another.

    Args:
        source: name of the class that begins.
        part: True when the rules hold for some machines of a class only (a profile).
        rules: that decide; empty when nothing is allowed.
        why: in words, where no rule decides.
    """

    source: str
    target: str
    verdict: Verdict
    part: bool = False
    rules: tuple[Rule, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Class:
    """Machines that no rule and no cable tells apart."""

    name: str
    addresses: Addresses
    site: str | None = None
    zone: str | None = None
    cut_off: bool = False


@dataclass(slots=True)
class Model:
    """Everything the proof and the matrix ask: topology, rules of all gateways, layer 2 of every site."""

    intent: Intent
    network: Network
    rules: Mapping[str, list[Rule]] = field(default_factory=dict)
    layer2: Mapping[str, Layer2] = field(default_factory=dict)

    @classmethod
    def of(cls, intent: Intent, network: Network | None = None) -> Model:
        """Compile it.

        Args:
            intent: checked by the loader.
            network: its topology, where it is compiled already.
        """
        network = network or topology.build(intent)
        rules = {f"{tenant}/{name}": policy.rules(intent, site) for (tenant, name), site in intent.sites.items()}
        return cls(intent, network, rules, {site.key: Layer2(site) for site in network.sites})


# -- the proof ---------------------------------------------------------------------------------------------------------


class _Owners:
    """Which zone of which site an address belongs to."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._entries: list[tuple[Span, Site, Zone]] = sorted(
            ((span(str(network)), site, zone) for site in sites for zone in site.zones.values()
             for network in (zone.four, zone.six)),
            key=lambda entry: entry[0],
        )  # fmt: skip
        self._starts = [entry[0][:2] for entry in self._entries]
        # Subnets may overlap when somebody made a mistake: then looking back stops at the widest.
        self._widest = max((entry[0][2] - entry[0][1] for entry in self._entries if entry[0][0] == 4), default=0)

    def within(self, addresses: Addresses) -> Iterator[tuple[Site, Zone]]:
        """Zones that have an address in common with a set."""
        for version, low, high in addresses.spans:
            back = self._widest if version == 4 else 1 << 64
            index = bisect_left(self._starts, (version, low - back))
            end = bisect_right(self._starts, (version, high))
            for entry, site, zone in self._entries[index:end]:
                if entry[2] >= low:
                    yield site, zone


def breaches(model: Model) -> list[Breach]:
    """Every way found on which the two sides reach each other; an empty list is the proof that there is none."""
    return [*_on_layer2(model), *_by_rules(model)]


def _on_layer2(model: Model) -> Iterator[Breach]:
    for site in model.network.sites:
        layer2 = model.layer2[site.key]
        realms: dict[int, set[str]] = {}
        for zone in site.zones.values():
            if zone.realm in _SIDES:
                realms.setdefault(zone.vlan, set()).add(zone.realm)
        inhabited = {
            (switch.name, port.vlan)
            for switch in site.switches
            for port in switch.ports
            if port.mode == "access" and port.occupants
        }
        for members in layer2.parts:
            sides: dict[str, Node] = {}
            for node in sorted(members, key=lambda item: item not in inhabited):
                for realm in realms.get(node[1], ()):
                    sides.setdefault(realm, node)
            if len(sides) == 2:
                yield _joined_breach(site, layer2, sides["administrative"], sides["pedagogical"])


def _joined_breach(site: Site, layer2: Layer2, one: Node, other: Node) -> Breach:
    steps = [_station(site, one)]
    loc: topology.Loc = ()
    node = one
    for following, index in layer2.way(one, other):
        line, _ = site.source.place(site.links[index].loc)
        if following[1] != node[1]:
            loc = site.links[index].loc
            steps.append(
                f"{site.links[index]} joins VLAN {node[1]} and VLAN {following[1]} ({site.source.name}:{line})"
            )
        else:
            steps.append(f"{site.links[index]} carries VLAN {node[1]} ({site.source.name}:{line})")
        node = following
    steps.append(_station(site, other))
    line, column = site.source.place(loc)
    return Breach(
        tuple(steps),
        (site.source.name, line, column),
        f"administration and pedagogy of {site.key} share one layer 2",
    )


def _station(site: Site, node: Node) -> str:
    """A place in a VLAN in words, with what hangs there."""
    name, vlan = node
    zones = "/".join(zone.name for zone in site.zones.values() if zone.vlan == vlan) or "no zone"
    for switch in site.switches:
        if switch.name == name:
            for port in switch.ports:
                if port.vlan == vlan and port.mode == "access" and port.occupants:
                    return f"{port.occupants[0].name} at {name}/{port.number} (VLAN {vlan}, {zones})"
    return f"{name} (VLAN {vlan}, {zones})"


def _by_rules(model: Model) -> Iterator[Breach]:
    owners = _Owners(model.network.sites)
    into: list[tuple[Site, Zone, Rule, Site, Zone]] = []
    out: list[tuple[Site, Zone, Rule, Site, Zone]] = []
    for rules in model.rules.values():
        for rule in rules:
            if not rule.destinations:
                continue
            sources = list(dict.fromkeys(owners.within(rule.sources)))
            targets = list(dict.fromkeys(owners.within(rule.destinations)))
            found = False
            for site, zone in sources:
                for end, target in targets:
                    if not found and {zone.realm, target.realm} == _SIDES:
                        # One counter-example per rule: the rule is the mistake.
                        found = True
                        yield _rule_breach(model, (site, zone), [rule], (end, target))
                    if zone.realm in _SIDES and target.routes:
                        into.append((site, zone, rule, end, target))
                    if zone.routes and target.realm in _SIDES:
                        out.append((site, zone, rule, end, target))
    told: set[tuple[int, int]] = set()
    for site, zone, first, _, _ in into:
        for _, _, second, end, target in out:
            # Routers of all transit zones are joined by the tunnels; which one takes the packet makes no difference.
            pair = (id(first), id(second))
            if {zone.realm, target.realm} == _SIDES and pair not in told:
                told.add(pair)
                yield _rule_breach(model, (site, zone), [first, second], (end, target))


def _rule_breach(model: Model, begin: tuple[Site, Zone], rules: Sequence[Rule], end: tuple[Site, Zone]) -> Breach:
    steps = [*_leg(model, *begin)]
    at = begin[0].key
    for rule in rules:
        if rule.site != at:
            steps.append(_tunnel_step(model, at, rule.site))
            at = rule.site
        steps.append(f"{rule} at the gateway of {rule.site}")
    if at != end[0].key:
        steps.append(_tunnel_step(model, at, end[0].key))
    steps += reversed(_leg(model, *end))
    words = "a chain of rules through a zone with routers" if len(rules) > 1 else "a rule"
    return Breach(
        tuple(steps),
        rules[0].place() if not rules[-1].setting else rules[-1].place(),
        f"{words} lets {begin[1].name} of {begin[0].key} reach {end[1].name} of {end[0].key}: "
        "administration and pedagogy never reach each other",
    )


def _leg(model: Model, site: Site, zone: Zone) -> list[str]:
    """From a machine of a zone to its gateway."""
    steps = [f"{zone.name} of {site.key} ({zone.four}, VLAN {zone.vlan})"]
    layer2 = model.layer2[site.key]
    gateway = (site.gateways[0], zone.vlan)
    for switch in site.switches:
        if any(port.vlan == zone.vlan and port.mode == "access" for port in switch.ports):
            way = layer2.way((switch.name, zone.vlan), gateway)
            if way:
                cables = ", ".join(str(site.links[index]) for _, index in way)
                return [*steps, f"VLAN {zone.vlan} on {cables}"]
    return [*steps, f"VLAN {zone.vlan} at {gateway[0]}"]


def _tunnel_step(model: Model, one: str, other: str) -> str:
    for tunnel in model.network.tunnels:
        if {end.at for end in tunnel.ends} == {one, other}:
            return f"WireGuard {tunnel.id} to {other}"
    return f"WireGuard by way of the data centre to {other}"


# -- the matrix --------------------------------------------------------------------------------------------------------


def classes(model: Model, site: Site) -> tuple[list[Class], list[Class]]:
    """Classes of a site, and those outside that its rules name.

    Args:
        model: of the whole intent.
        site: whose matrix it will be.
    """
    layer2 = model.layer2[site.key]
    inside: list[Class] = []
    for zone in site.zones.values():
        addresses = Addresses.of((str(zone.four), str(zone.six)))
        main = layer2.part((site.gateways[0], zone.vlan))
        inside.append(Class(zone.name, addresses, site.key, zone.name))
        lost: dict[int, list[str]] = {}
        for switch in site.switches:
            part = layer2.part((switch.name, zone.vlan))
            members = any(port.vlan == zone.vlan and port.occupants for port in switch.ports)
            if part is not None and part != main and members:
                lost.setdefault(part, []).append(switch.name)
        inside += [
            Class(f"{zone.name} at {', '.join(names)}", addresses, site.key, zone.name, cut_off=True)
            for names in lost.values()
        ]
    touched = [rule for rule in model.rules[site.key] if rule.destinations]
    outside: list[Class] = []
    owners = _Owners([other for other in model.network.sites if other is not site])
    seen: dict[tuple[str, str], None] = {}
    for rule in touched:
        for side in (rule.sources, rule.destinations):
            for other, zone in owners.within(side):
                seen.setdefault((other.key, zone.name))
    for key, name in seen:
        zone = next(other for other in model.network.sites if other.key == key).zones[name]
        outside.append(Class(f"{key} {name}", Addresses.of((str(zone.four), str(zone.six))), key, name))
    known = [span(str(network)) for other in model.network.sites for zone in other.zones.values()
             for network in (zone.four, zone.six)]  # fmt: skip
    for name in ("management", *model.intent.provider.networks):
        addresses = Addresses.of(str(network) for network in model.intent.provider.named(name))
        if not any(addresses.meets(item) for item in known):
            outside.append(Class(name, addresses))
    pools: tuple[AnyNetwork, ...] = (*model.intent.provider.pools.ipv4, *model.intent.provider.pools.ipv6)
    outside.append(Class("internet", Addresses.of(public_space(pools))))
    return inside, outside


def matrix(model: Model, site: Site) -> list[Cell]:
    """What every class of a site may do towards every class it can meet, and the other way round.

    Args:
        model: of the whole intent.
        site: one of its sites.
    """
    inside, outside = classes(model, site)
    cells = [_cell(model, site, one, other) for one in inside for other in (*inside, *outside)]
    cells += [_to_gateway(model, site, one) for one in (*inside, *outside) if one.name != "internet"]
    cells += [_cell(model, site, one, other) for one in outside for other in inside if one.name != "internet"]
    return cells


def _to_gateway(model: Model, site: Site, one: Class) -> Cell:
    rules = [rule for rule in model.rules[site.key] if not rule.destinations]
    if one.cut_off:
        return Cell(one.name, "gateway", "cut off", why="no cable carries the VLAN to the gateway")
    return _decided(one, "gateway", [rule for rule in rules if rule.sources.common(one.addresses)], None)


def _cell(model: Model, site: Site, one: Class, other: Class) -> Cell:
    if one is other:
        zone = site.zones[one.zone] if one.zone else None
        if zone is not None and zone.isolated:
            return Cell(one.name, other.name, "isolated", why="ports of the zone are isolated from each other")
        return Cell(one.name, other.name, "direct", why="same VLAN, no gateway in between")
    if one.cut_off or other.cut_off:
        return Cell(one.name, other.name, "cut off", why="no cable carries the VLAN to the gateway")
    found = []
    far = next((key for key in (one.site, other.site) if key is not None and key != site.key), None)
    for rule in model.rules[site.key]:
        begin, end = rule.sources.common(one.addresses), rule.destinations.common(other.addresses)
        if not begin or not end or {item[0] for item in begin.spans}.isdisjoint(item[0] for item in end.spans):
            continue
        # Between sites both gateways decide.
        if far is None or any(_agree(rule, theirs, begin, end) for theirs in model.rules[far]):
            found.append(rule)
    cell = _decided(one, other.name, found, other)
    realms = {_realm(model, item) for item in (one, other)}
    if cell.verdict == "denied" and realms == _SIDES:
        return replace(cell, why="administration and pedagogy never reach each other")
    return cell


def _realm(model: Model, item: Class) -> str:
    return model.intent.standard.zones[item.zone].realm if item.zone else ""


def _agree(rule: Rule, theirs: Rule, begin: Addresses, end: Addresses) -> bool:
    return (
        rule.protocol == theirs.protocol
        and (rule.ports == theirs.ports or bool(rule.ports & theirs.ports))
        and bool(theirs.sources.common(begin))
        and bool(theirs.destinations.common(end))
    )


def _decided(one: Class, target: str, rules: Sequence[Rule], other: Class | None) -> Cell:
    if not rules:
        return Cell(one.name, target, "denied", why="no flow allows it")
    whole = any(
        _all_of(rule.sources, one.addresses) and (other is None or _all_of(rule.destinations, other.addresses))
        for rule in rules
    )
    return Cell(one.name, target, "allowed", not whole, tuple(rules))


def _all_of(rule: Addresses, wanted: Addresses) -> bool:
    """Whether a rule means every machine: all addresses of the IP versions that it speaks of."""
    versions = {item[0] for item in rule.spans}
    return all(rule.holds(item) for item in wanted.spans if item[0] in versions)


__all__ = ["Breach", "Cell", "Class", "Layer2", "Model", "breaches", "classes", "matrix"]
