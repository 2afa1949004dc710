# SPDX-License-Identifier: EUPL-1.2
"""Static checks of the network: mistakes that can be seen before anything is plugged in or pushed.

Each check is a function from the model to issues; :data:`CHECKS` names them all. They judge the compiled topology and
the compiled rules, not the words of the site file, so they also find mistakes of the compiler.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from verbund.errors import Finding, InputError
from verbund.network import reachability
from verbund.network.policy import Addresses, Rule, span
from verbund.network.topology import MANAGEMENT, rings

if TYPE_CHECKING:
    from pathlib import Path

    from verbund.network.reachability import Layer2, Model
    from verbund.network.topology import AnyNetwork, End, Loc, Port, Site, Switch, Tunnel, TunnelEnd

_MANAGED_THERE = frozenset({"ap"})


@dataclass(frozen=True, order=True, slots=True)
class Issue:
    """A finding and the check it comes from."""

    finding: Finding
    check: str

    def __str__(self) -> str:
        return f"{self.finding} [{self.check}]"


def _issue(check: str, site: Site, loc: Loc, message: str, hint: str = "", *, warning: bool = False) -> Issue:
    return Issue(site.source.finding(loc, message, hint, warning=warning), check)


def _at(check: str, place: tuple[Path, int, int], message: str, hint: str = "", *, warning: bool = False) -> Issue:
    return Issue(Finding(*place, message, hint, warning), check)


# -- cabling and layer 2 -----------------------------------------------------------------------------------------------


def _users(switch: Switch, vlan: int) -> list[Port]:
    """Ports that somebody needs a VLAN on."""
    return [
        port
        for port in switch.ports
        if port.link is None and port.mode != "parked" and (vlan in {port.vlan, port.voice} or vlan in port.tagged)
    ]


def vlan_path(model: Model) -> Iterator[Issue]:
    """A VLAN that a switch uses has a way to the gateway; within a ring every cable carries it."""
    for site in model.network.sites:
        layer2 = model.layer2[site.key]
        broken: dict[tuple[int, int], list[tuple[Switch, int]]] = {}
        for switch in site.switches:
            cables = layer2.to_gateway.get(switch.name)
            if cables is None:
                yield _issue(
                    "vlan-path",
                    site,
                    (*switch.loc, "name"),
                    f"no cable leads from {switch.name} to the gateway {site.gateways[0]}",
                    "add uplink: PORT to the switch, or links: [{from: "
                    f"{switch.name}/PORT, to: {site.gateways[0]}}}] to the site",
                )
                continue
            used = {site.zones[MANAGEMENT].vlan, *switch.assigned}
            for port in switch.ports:
                if port.link is None and port.mode != "parked":
                    used |= {vlan for vlan in (port.vlan, port.voice, *port.tagged) if vlan is not None}
            for vlan in sorted(used):
                if site.zone_of(vlan) and not layer2.joined((switch.name, vlan), (site.gateways[0], vlan)):
                    broken.setdefault((_blocking(site, layer2, switch.name, cables, vlan), vlan), []).append(
                        (switch, vlan)
                    )
        for (index, vlan), hit in broken.items():
            yield _broken_path(site, index, vlan, [switch for switch, _ in hit])
        yield from _thin_rings(site)


def _blocking(site: Site, layer2: Layer2, name: str, cables: Sequence[int], vlan: int) -> int:
    """The first cable on the way to the gateway behind which the VLAN is gone."""
    node = name
    for index in cables:
        one, other = site.links[index].ends
        following = other.node if one.node == node else one.node
        if not layer2.joined((node, vlan), (following, vlan)):
            return index
        node = following
    return cables[-1]


def _broken_path(site: Site, index: int, vlan: int, switches: Sequence[Switch]) -> Issue:
    zone = site.zone_of(vlan)
    link = site.links[index]
    first = switches[0]
    users = _users(first, vlan)
    if users:
        who = users[0].occupants[0].name if users[0].occupants else users[0].socket or "a free socket"
        what = f"is used at {first.name}/{users[0].number} ({who})"
    elif vlan == site.zones[MANAGEMENT].vlan:
        what = f"is the way to manage {first.name}"
    else:
        what = f"may be assigned by 802.1X at {first.name}"
    others = f" and at {len(switches) - 1} more switches" if len(switches) > 1 else ""
    return _issue(
        "vlan-path",
        site,
        link.loc,
        f"VLAN {vlan} ({zone.name if zone else '?'}) {what}{others}, but the cable {link} does not carry it "
        f"on its way to {site.gateways[0]}",
        f"add {zone.name if zone else vlan} to the zones of the link, or leave zones away: they are computed then",
    )


def _thin_rings(site: Site) -> Iterator[Issue]:
    nodes = [*site.gateways, *(switch.name for switch in site.switches)]
    edges = [(link.one.node, link.other.node) for link in site.links]
    parts, bridges = rings(nodes, edges)
    carried: dict[int, set[int]] = defaultdict(set)
    for index, link in enumerate(site.links):
        if index not in bridges:
            carried[parts[link.one.node]] |= link.one.tagged & link.other.tagged
    for index, link in enumerate(site.links):
        if index in bridges:
            continue
        if missing := carried[parts[link.one.node]] - (link.one.tagged & link.other.tagged):
            yield _issue(
                "vlan-path",
                site,
                link.loc,
                f"the cable {link} is part of a ring but does not carry VLAN {_listed(missing)}, which the rest of the "
                "ring does",
                "spanning tree may close any cable of a ring, so all carry the same VLANs",
            )


def trunk_mismatch(model: Model) -> Iterator[Issue]:
    """Both ends of a cable agree which VLANs pass (a gateway's end takes whatever its legs are)."""
    for site in model.network.sites:
        for link in site.links:
            if {link.one.node, link.other.node} & set(site.gateways):
                continue
            if different := link.one.tagged ^ link.other.tagged:
                more = link.one if link.one.tagged & different else link.other
                yield _issue(
                    "trunk-mismatch",
                    site,
                    link.loc,
                    f"VLAN {_listed(different)} is tagged at {more} but not at the other end of the cable {link}",
                    "both ends carry the same VLANs",
                )


def native_mismatch(model: Model) -> Iterator[Issue]:
    """Untagged frames mean the same VLAN at both ends of a cable, and one that leads nowhere."""
    for site in model.network.sites:
        for link in site.links:
            one, other = link.ends
            if one.native != other.native:
                yield _issue(
                    "native-mismatch",
                    site,
                    _native_loc(site, link.ends) or link.loc,
                    f"untagged frames on the cable {link} are VLAN {one.native} at {one} and VLAN {other.native} at "
                    f"{other}: the two VLANs become one",
                    f"use the parking VLAN {site.parking} at both ends",
                )
                continue
            if zone := site.zone_of(one.native):
                yield _issue(
                    "native-mismatch",
                    site,
                    link.loc,
                    f"untagged frames on the cable {link} are VLAN {one.native}, zone {zone.name}",
                    f"use the parking VLAN {site.parking}",
                )


def _native_loc(site: Site, ends: Iterable[End]) -> Loc | None:
    for end in ends:
        for switch in site.switches:
            if switch.name == end.node and switch.native != site.parking:
                return (*switch.loc, "native")
    return None


def management_access(model: Model) -> Iterator[Issue]:
    """Nobody but the standard's own equipment is plugged into the management VLAN."""
    for site in model.network.sites:
        vlan = site.zones[MANAGEMENT].vlan
        for switch in site.switches:
            for port in switch.ports:
                if port.mode == "access" and vlan in {port.vlan, port.voice}:
                    who = port.occupants[0].name if port.occupants else port.socket or "a free socket"
                    yield _issue(
                        "management-access",
                        site,
                        port.loc,
                        f"port {port.number} of {switch.name} ({who}) is an access port in the management VLAN {vlan}",
                        "only switches and access points live there; choose another zone",
                    )
                elif port.mode == "trunk" and port.link is None and port.vlan == vlan:
                    foreign = [item for item in port.occupants if item.kind not in _MANAGED_THERE]
                    if foreign or not port.occupants:
                        yield _issue(
                            "management-access",
                            site,
                            port.loc,
                            f"port {port.number} of {switch.name} opens the management VLAN {vlan} to "
                            + (foreign[0].name if foreign else "nobody known"),
                            "only access points have such ports",
                        )


def port_zone(model: Model) -> Iterator[Issue]:
    """What hangs on a port belongs into the VLAN of the port."""
    for site in model.network.sites:
        for switch in site.switches:
            for port in switch.ports:
                for index, item in enumerate(port.occupants):
                    vlan = port.vlan if index == 0 else port.voice
                    if port.mode != "parked" and site.zones[item.zone].vlan == vlan:
                        continue
                    zone = site.zone_of(vlan)
                    where = f"zone {zone.name} (VLAN {vlan})" if zone else "no zone"
                    yield _issue(
                        "port-zone",
                        site,
                        port.loc,
                        f"{item.name} belongs into zone {item.zone}, but port {port.number} of {switch.name} is in "
                        f"{where}",
                        "leave zone away at the port, or change the profile",
                    )


def loops(model: Model) -> Iterator[Issue]:
    """Where cables form a ring, every switch of it speaks spanning tree; gateways do not."""
    for site in model.network.sites:
        nodes = [*site.gateways, *(switch.name for switch in site.switches)]
        edges = [(link.one.node, link.other.node) for link in site.links]
        parts, bridges = rings(nodes, edges)
        silent = {switch.name: "speaks no spanning tree (stp: false)" for switch in site.switches if not switch.stp}
        silent |= dict.fromkeys(site.gateways, "is a gateway, which speaks no spanning tree")
        told: set[int] = set()
        for index, link in enumerate(site.links):
            part = parts[link.one.node]
            if index in bridges or part in told:
                continue
            members = {name for i, edge in enumerate(edges) if i not in bridges for name in edge if parts[name] == part}
            for name in sorted(members & silent.keys()):
                told.add(part)
                ring = ", ".join(str(item) for i, item in enumerate(site.links) if i not in bridges
                                 and parts[item.one.node] == part)  # fmt: skip
                yield _issue(
                    "loop",
                    site,
                    link.loc,
                    f"the cables {ring} form a loop, and {name} {silent[name]}",
                    "bundle parallel cables as one port channel (sw1/47-48), or remove a cable",
                )


# -- ports and power ---------------------------------------------------------------------------------------------------


def port_count(model: Model) -> Iterator[Issue]:
    """A switch has the ports of its model, each with one use."""
    for site in model.network.sites:
        sizes = {switch.name: switch.size for switch in site.switches}
        ends: dict[tuple[str, int], int] = {}
        for index, link in enumerate(site.links):
            for end in link.ends:
                for number in end.ports:
                    if number > sizes.get(end.node, 0):
                        yield _issue(
                            "port-count",
                            site,
                            link.loc,
                            f"the cable {link} uses port {number} of {end.node}, which has {sizes.get(end.node, 0)}",
                        )
                    if ends.setdefault((end.node, number), index) != index:
                        yield _issue(
                            "port-count", site, link.loc, f"two cables end at port {number} of {end.node}",
                            "a port holds one cable",
                        )  # fmt: skip
        for switch in site.switches:
            numbers = [port.number for port in switch.ports]
            if len(numbers) > switch.size or len(set(numbers)) < len(numbers) or max(numbers, default=0) > switch.size:
                yield _issue(
                    "port-count",
                    site,
                    (*switch.loc, "name"),
                    f"{switch.name} ({switch.title}) has {switch.size} ports, but {len(numbers)} are described "
                    f"up to number {max(numbers, default=0)}",
                )
            for port in switch.ports:
                if port.occupants and (switch.name, port.number) in ends:
                    yield _issue(
                        "port-count",
                        site,
                        port.loc,
                        f"port {port.number} of {switch.name} holds {port.occupants[0].name} and a cable",
                    )


def power(model: Model) -> Iterator[Issue]:
    """No port and no switch must supply more than its model can."""
    for site in model.network.sites:
        for switch in site.switches:
            if switch.budget is None:
                continue
            total = 0.0
            for port in switch.ports:
                wanted = sum(item.watts for item in port.occupants)
                total += wanted
                if wanted > port.supplies:
                    yield _issue(
                        "poe-budget",
                        site,
                        port.loc,
                        f"{port.occupants[-1].name} needs {wanted:g} W from port {port.number} of {switch.name} "
                        f"({switch.title}), which supplies {port.supplies:g} W",
                        "use a port with PoE; or watts: 0 where it has a power supply of its own",
                    )
            if total > switch.budget:
                yield _issue(
                    "poe-budget",
                    site,
                    (*switch.loc, "name"),
                    f"what hangs on {switch.name} needs {total:g} W, but {switch.title} "
                    f"supplies {switch.budget:g} W in all",
                    "move devices to another switch, or use a model with a larger budget",
                )


def without_port(model: Model) -> Iterator[Issue]:
    """Everything with a plug has a port."""
    for site in model.network.sites:
        plugged = {item.name for switch in site.switches for port in switch.ports for item in port.occupants}
        for item, loc in site.homeless:
            yield _issue(
                "client-port",
                site,
                loc,
                f"{item.name} ({item.kind}) has no switch port",
                "add ports to the room, or change serves",
            )
        for item, loc in site.unplugged:
            if site.switches:
                yield _issue(
                    "client-port",
                    site,
                    loc,
                    f"{item.name} has no switch port: nobody knows where it is plugged in",
                    "add port: SWITCH/NUMBER",
                    warning=True,
                )
        known = {item.name for item, _ in (*site.homeless, *site.unplugged)}
        tenant, _, name = site.key.partition("/")
        compiled = model.intent.sites[tenant, name]
        profiles = model.intent.standard.profiles
        for host in compiled.hosts:
            wired = host.room is not None and profiles[host.profile].wired
            if wired and host.name not in plugged and host.name not in known:
                yield _issue("client-port", site, (), f"{host.name} ({host.profile}) has no switch port")


# -- addresses ---------------------------------------------------------------------------------------------------------


def subnets(model: Model) -> Iterator[Issue]:
    """Every subnet is its own."""
    entries = sorted(
        (
            (span(str(network)), str(network), zone.name, site)
            for site in model.network.sites
            for zone in site.zones.values()
            for network in (zone.four, zone.six)
        ),
        key=lambda entry: entry[:3],
    )
    widest = None
    for entry in entries:
        (version, low, high), text, zone, site = entry
        if widest is not None and widest[0][0] == version and low <= widest[0][2]:
            _, other, their_zone, their_site = widest
            yield _issue(
                "subnet-overlap",
                site,
                ("zones", zone, "network"),
                f"{text} (zone {zone} of {site.key}) overlaps {other} (zone {their_zone} of {their_site.key})",
                "subnets never overlap: the route back would be anybody's guess",
            )
        if widest is None or widest[0][0] != version or high > widest[0][2]:
            widest = entry


def shared_vlans(model: Model) -> Iterator[Issue]:
    """A VLAN belongs to one zone; the parking VLAN to none."""
    for site in model.network.sites:
        owners: dict[int, str] = {site.parking: "parking"}
        for zone in site.zones.values():
            if (owner := owners.setdefault(zone.vlan, zone.name)) != zone.name:
                what = "the parking VLAN" if owner == "parking" else f"the VLAN of zone {owner}, too"
                yield _issue(
                    "vlan-shared",
                    site,
                    ("zones", zone.name, "vlan"),
                    f"VLAN {zone.vlan} of zone {zone.name} is {what}",
                    "every zone has a VLAN of its own",
                )


def pools(model: Model) -> Iterator[Issue]:
    """DHCP has an address for everybody who is expected."""
    for site in model.network.sites:
        for zone in site.zones.values():
            if zone.expected > zone.free:
                yield _issue(
                    "dhcp-pool",
                    site,
                    ("zones", zone.name, "clients"),
                    f"{zone.expected} more clients are expected in zone {zone.name} ({zone.four}), but only "
                    f"{zone.free} addresses are left beside the {zone.fixed} planned ones",
                    "give the zone a larger network, or the site a /16",
                )


# -- rules and routes --------------------------------------------------------------------------------------------------


def rule_use(model: Model) -> Iterator[Issue]:
    """Every flow does something: it makes a rule, and no other flow makes the same traffic pass already."""
    made: dict[str, set[str]] = defaultdict(set)
    covered: dict[str, set[str]] = {}
    sample: dict[str, Rule] = {}
    order = {flow.id: index for index, flow in enumerate(model.intent.flows)}
    last = len(order)
    for key, rules in model.rules.items():
        by_id: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            by_id[rule.id].append(rule)
        for name, mine in by_id.items():
            made[name].add(key)
            sample.setdefault(name, mine[0])
            rank = order.get(name, last)
            others = [rule for rule in rules if rule.id != name and order.get(rule.id, last) <= rank]
            hiding = [_hiding(rule, others) for rule in mine]
            names = {other.id for found in hiding for other in found} if all(hiding) else set()
            # Hidden at one site only is no finding: the flow is needed at the other.
            covered[name] = covered.get(name, names) | names if names and covered.get(name, names) else set()
    for name, hiders in covered.items():
        if hiders:
            listed = ", ".join(f"'{other}' ({sample[other].owner})" for other in sorted(hiders))
            yield _at(
                "rule-shadowed",
                sample[name].place(),
                f"rule '{name}' never decides anything: everything it allows is allowed by {listed}",
                "remove it, or narrow the other one",
                warning=True,
            )
    yield from _idle(model, set(made))


def _hiding(rule: Rule, others: Sequence[Rule]) -> list[Rule]:
    """Other rules that together allow all that a rule does; empty when something is left over."""
    wide = [other for other in others if other.wider(rule)]
    if not rule.ports:
        return wide[:1]
    left = set(rule.ports)
    found = []
    for other in wide:
        if left & other.ports or not other.ports:
            found.append(other)
            left -= other.ports or left
    return [] if left else found


def _idle(model: Model, made: set[str]) -> Iterator[Issue]:
    loaded = set(model.intent.tenants)
    shipped = len(model.intent.standard.flows)
    for flow in model.intent.flows[shipped:]:
        named = {*flow.source.tenants, *flow.to.tenants}
        if flow.id in made or (named and not named & loaded):
            continue
        # Within one zone no gateway decides, but the machines' own firewalls do.
        inside = any(
            next((True for other, _ in model.intent.ending_on(site, host) if other is flow), False)
            for site in model.intent.sites.values()
            for host in {(host.host_class, host.profile, host.zone): host for host in site.hosts}.values()
        )
        if not inside:
            source, loc = flow.origin
            yield _at(
                "rule-unreachable",
                (source.name, *source.place(loc)),
                f"flow '{flow.id}' leads to no rule at any gateway or machine",
                "nobody is at one of its ends, or both ends lie on the two sides of the wall; remove or correct it",
                warning=True,
            )


def routes(model: Model) -> Iterator[Issue]:
    """Packets between sites come back the way they went."""
    tables = {site.key: _table(model.network.tunnels, site.key) for site in model.network.sites}
    spaces = {
        site.key: Addresses.of(str(network) for zone in site.zones.values() for network in (zone.four, zone.six))
        for site in model.network.sites
    }
    told: set[tuple[str, str, str]] = set()
    for key, rules in model.rules.items():
        for rule in rules:
            begin = rule.sources.common(spaces[key])
            if not begin or not rule.destinations:
                continue
            for other, theirs in model.rules.items():
                if other == key:
                    continue
                end = rule.destinations.common(spaces[other])
                if not end:
                    continue
                for back in theirs:
                    there, here = back.destinations.common(end), back.sources.common(begin)
                    if not there or not here or back.protocol != rule.protocol:
                        continue
                    out, home = _hop(tables[key], there), _hop(tables[other], here)
                    if out != home and (key, other, rule.id) not in told:
                        told.add((key, other, rule.id))
                        yield _at(
                            "route-asymmetric",
                            rule.place(),
                            f"'{rule.id}' goes from {key} to {other} by way of {out or 'the data centre'}, "
                            f"but comes back by way of {home or 'the data centre'}: a stateful gateway drops that",
                            "name all flows of the pair in the link between the towns, in networks of both sides",
                        )


def _table(tunnels: Iterable[Tunnel], key: str) -> list[tuple[str, Addresses]]:
    return [
        (tunnel.id, Addresses.of(map(str, end.beyond)))
        for tunnel in tunnels
        if tunnel.town
        for end in tunnel.ends
        if end.at == key
    ]


def _hop(table: Iterable[tuple[str, Addresses]], to: Addresses) -> str:
    """The link between towns that traffic takes; empty for the data centre."""
    return next((name for name, beyond in table if beyond.common(to)), "")


def wireguard(model: Model) -> Iterator[Issue]:
    """Keys are unique, someone listens, and what may pass is the site's plan and nobody else's."""
    yield from _keys(model)
    claims: list[tuple[tuple[int, int, int], AnyNetwork, TunnelEnd, str]] = []
    linked: set[str] = set()
    for tunnel in model.network.tunnels:
        one, other = tunnel.ends
        if not one.endpoint and not other.endpoint:
            yield _at(
                "wireguard",
                _end_place(one),
                f"neither end of the link {tunnel.id} has an endpoint: nobody can call the other",
                "add endpoint: NAME:PORT to one of them",
            )
        if tunnel.town:
            yield from _named_only(model, tunnel)
        elif (site := model.network.site(one.at)) is not None:
            linked.add(site.key)
            claims += [(span(str(network)), network, other, site.key) for network in other.beyond]
            yield from _plan_inside(model, site, other)
    yield from _claimed_twice(claims)
    for site in model.network.sites:
        if model.network.hub and site.key not in linked:
            yield _issue(
                "wireguard",
                site,
                ("name",),
                f"{site.key} has no link to the data centre, but its flows need one",
                "add wireguard: {key: PUBLIC-KEY}",
                warning=True,
            )


def _keys(model: Model) -> Iterator[Issue]:
    hub = model.intent.provider.wireguard
    keys: dict[str, str] = {hub.key: "the data centre"} if hub is not None else {}
    for tunnel in model.network.tunnels:
        for end in tunnel.ends:
            mine = f"{end.at} in {tunnel.id}"
            if end.at != "provider" and (first := keys.setdefault(end.key, mine)) != mine:
                yield _at("wireguard", _end_place(end), f"the key of {mine} is already that of {first}", _NEW_KEY)


_NEW_KEY = "every end has a key pair of its own: wg genkey | wg pubkey at the gateway"


def _end_place(end: TunnelEnd) -> tuple[Path, int, int]:
    source, loc = end.place
    return (source.name, *source.place(loc))


def _plan_inside(model: Model, site: Site, end: TunnelEnd) -> Iterator[Issue]:
    allowed = Addresses.of(map(str, end.beyond))
    for zone in site.zones.values():
        for network in (zone.four, zone.six):
            if not allowed.holds(span(str(network))):
                yield _at(
                    "wireguard",
                    _end_place(end),
                    f"{network} (zone {zone.name} of {site.key}) is not among the networks of its link",
                    "the data centre would drop it",
                )
    tenant = model.intent.tenants[site.tenant]
    blocks: tuple[AnyNetwork, ...] = (tenant.ipv4, tenant.ipv6)
    foreign = [block for name, other in model.intent.tenants.items() if name != site.tenant
               for block in (other.ipv4, other.ipv6)]  # fmt: skip
    provided: list[AnyNetwork] = list(model.intent.provider.management)
    for group in model.intent.provider.networks.values():
        provided += [network for network in group if not any(_overlap(network, block) for block in blocks)]
    for network in end.beyond:
        if any(_overlap(network, other) for other in (*foreign, *provided)):
            yield _at(
                "wireguard",
                _end_place(end),
                f"{network} on the link of {site.key} belongs to another town or to the data centre",
                "a link carries the site's own networks only",
            )


def _named_only(model: Model, tunnel: Tunnel) -> Iterator[Issue]:
    """A link between towns carries networks of the other town's site, not of anybody else."""
    for end, other in (tunnel.ends, tunnel.ends[::-1]):
        there = model.network.site(other.at)
        if there is None:
            continue
        space = Addresses.of(str(network) for zone in there.zones.values() for network in (zone.four, zone.six))
        for network in end.beyond:
            if not space.meets(span(str(network))):
                yield _at(
                    "wireguard",
                    _end_place(end),
                    f"{network} on the link {tunnel.id} is not at {there.key}",
                    "the flows of the link name networks of its two sites",
                )
        if not end.beyond:
            yield _at(
                "wireguard",
                _end_place(end),
                f"no flow of the link {tunnel.id} names a network of {there.key}: {end.at} would send nothing there",
                "add the flow that leads there",
            )


def _claimed_twice(claims: list[tuple[tuple[int, int, int], AnyNetwork, TunnelEnd, str]]) -> Iterator[Issue]:
    claims.sort(key=lambda claim: (claim[0], claim[3]))
    widest = None
    for claim in claims:
        (version, low, high), network, end, site = claim
        if widest is not None and widest[0][0] == version and low <= widest[0][2]:
            inside = " and ".join(dict.fromkeys((widest[3], site)))
            yield _at(
                "wireguard",
                _end_place(end),
                f"{network} and {widest[1]} are both allowed through links of {inside}: WireGuard sends a packet to "
                "one peer only, the one that was set last",
                "every network belongs to one link",
            )
        if widest is None or widest[0][0] != version or high > widest[0][2]:
            widest = claim


def _overlap(one: AnyNetwork, other: AnyNetwork) -> bool:
    return isinstance(one, IPv4Network) == isinstance(other, IPv4Network) and one.overlaps(other)


# -- access control ----------------------------------------------------------------------------------------------------


def access_control(model: Model) -> Iterator[Issue]:
    """Switches that ask a RADIUS server can reach one."""
    servers = model.intent.provider.services.radius
    for site in model.network.sites:
        asking = [switch for switch in site.switches if switch.dot1x != "off"]
        if not asking:
            continue
        if not servers:
            yield _issue(
                "dot1x-radius",
                site,
                (*asking[0].loc, "dot1x"),
                f"{asking[0].name} asks for 802.1X, but no RADIUS server is named",
                "add services: radius: [ADDRESS] to provider.yml",
            )
            continue
        zone = site.zones[MANAGEMENT]
        begin = {4: span(str(zone.four)), 6: span(str(zone.six))}
        for server in servers:
            passes = any(
                rule.protocol == "udp"
                and 1812 in rule.ports
                and rule.destinations.holds(span(str(server)))
                and rule.sources.holds(begin[server.version])
                for rule in model.rules[site.key]
            )
            if not passes:
                yield _issue(
                    "dot1x-radius",
                    site,
                    (*asking[0].loc, "dot1x"),
                    f"{asking[0].name} asks for 802.1X, but no flow lets {MANAGEMENT} reach the RADIUS server {server}",
                    "add a flow from zones: [mgmt] to it, udp 1812 and 1813",
                )


def legacy(model: Model) -> Iterator[Issue]:
    """Devices that speak only SSH that is no longer safe are known, and somebody has them replaced."""
    for site in model.network.sites:
        for switch in site.switches:
            if switch.legacy:
                yield _issue(
                    "ssh-legacy",
                    site,
                    (*switch.loc, "ssh_profile"),
                    f"{switch.name} ({switch.title}) can be managed only with SSH algorithms that are no longer safe",
                    "plan its replacement; until then reach it from the data centre only",
                    warning=True,
                )


def separation(model: Model) -> Iterator[Issue]:
    """Administration and pedagogy are apart; else the way is printed."""
    for breach in reachability.breaches(model):
        yield _at(
            "separation",
            breach.place,
            str(breach),
            "remove what joins them: they share only services of provider and site",
        )


CHECKS: Mapping[str, Callable[[Model], Iterator[Issue]]] = {
    "vlan-path": vlan_path,
    "trunk-mismatch": trunk_mismatch,
    "native-mismatch": native_mismatch,
    "management-access": management_access,
    "port-zone": port_zone,
    "loop": loops,
    "port-count": port_count,
    "poe-budget": power,
    "client-port": without_port,
    "subnet-overlap": subnets,
    "vlan-shared": shared_vlans,
    "dhcp-pool": pools,
    "rule-shadowed": rule_use,
    "route-asymmetric": routes,
    "wireguard": wireguard,
    "dot1x-radius": access_control,
    "ssh-legacy": legacy,
    "separation": separation,
}
"""Every check by the id that it mostly reports (``rule-shadowed`` also reports ``rule-unreachable``)."""


def run(model: Model, site: str | None = None) -> list[Issue]:
    """All issues, sorted by place.

    Args:
        model: of the whole intent.
        site: only issues whose place is in the file of this site (``tenant/site``) or in no site's file.
    """
    issues = sorted({issue for check in CHECKS.values() for issue in check(model)})
    if site is None:
        return issues
    others = {other.source.name for other in model.network.sites if other.key != site}
    return [issue for issue in issues if issue.finding.path not in others]


def demand(model: Model) -> list[Finding]:
    """Warnings of a network that can be built.

    Args:
        model: of the whole intent.

    Raises:
        InputError: it cannot, or must not; carries errors and warnings.
    """
    findings = [issue.finding for issue in run(model)]
    if any(not finding.warning for finding in findings):
        raise InputError([*findings, *model.intent.warnings])
    return findings


def _listed(vlans: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(vlans)))


__all__ = ["CHECKS", "Issue", "demand", "run"]
