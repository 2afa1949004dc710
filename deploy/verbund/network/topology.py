# SPDX-License-Identifier: EUPL-1.2
"""What is plugged into what: switches, ports, cables and tunnels of a site, compiled from the intent.

Everything here is frozen and plain. Each port and cable knows the place in the site file it comes from, so that whoever
finds a mistake can point at the line. Which VLANs a cable carries is computed (those that are needed beyond it) unless
the site file says it; whether that is right is not decided here but in :mod:`verbund.network.checks`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TYPE_CHECKING, Literal

from verbund.intent import parts_of

if TYPE_CHECKING:
    from verbund.intent import Intent
    from verbund.intent.compile import CompiledSite
    from verbund.intent.model import DeviceType, PlatformName, PortSpec, Room
    from verbund.intent.model import Switch as SwitchRecord
    from verbund.intent.yaml_source import Source

AnyNetwork = IPv4Network | IPv6Network
Loc = tuple[str | int, ...]
Mode = Literal["access", "trunk", "parked"]

MANAGEMENT = "mgmt"
"""Zone of switches and access points."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone as one site has it.

    Args:
        realm: administrative, pedagogical or shared.
        isolated: machines do not reach each other on the same switch.
        routes: routers stand here.
        fixed: addresses that gateways, hosts and devices hold by the plan.
        free: addresses that DHCP has for others; in a zone of rooms only those that belong to no room.
        expected: clients beyond the planned ones that must get an address.
    """

    name: str
    vlan: int
    realm: str
    four: IPv4Network
    six: IPv6Network
    isolated: bool
    routes: bool
    fixed: int
    free: int
    expected: int


@dataclass(frozen=True, slots=True)
class Occupant:
    """What hangs on a port: a host or device of the intent.

    Args:
        kind: profile of a host or kind of a device.
        zone: where it belongs, whatever the port says.
        watts: what it asks for.
    """

    name: str
    kind: str
    zone: str
    watts: float = 0


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a switch and what it is for.

    Args:
        number: as printed on the front, from 1.
        name: as the device calls it.
        vlan: untagged VLAN: of an access port the zone's, of a trunk the native one.
        voice: VLAN of a telephone that passes the port on.
        supplies: most watts that it gives.
        socket: label at the wall.
        patch: cabinet/panel/number behind the socket.
        link: index of the cable in ``Site.links``.
        channel: port channel it is a member of.
        loc: place in the site file.
    """

    number: int
    name: str
    mode: Mode = "parked"
    vlan: int | None = None
    tagged: frozenset[int] = frozenset()
    voice: int | None = None
    isolated: bool = False
    occupants: tuple[Occupant, ...] = ()
    supplies: float = 0
    room: str | None = None
    socket: str | None = None
    patch: str | None = None
    link: int | None = None
    channel: int | None = None
    loc: Loc = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch with all its ports.

    Args:
        name: in the site file; ``host`` is its name in the whole inventory.
        number: its address in the management zone.
        vlans: every VLAN that it must know, with the parking VLAN.
        assigned: VLANs that 802.1X may put a port into.
        budget: watts for all ports together, None where nobody knows.
        hops: cables to the gateway, None where no cable leads there.
    """

    name: str
    host: str
    number: int
    platform: PlatformName
    type: str | None
    title: str
    size: int
    room: str | None
    cabinet: str | None
    dot1x: str
    stp: bool
    priority: int | None
    legacy: bool
    host_keys: tuple[str, ...]
    native: int
    budget: float | None
    vlans: frozenset[int]
    assigned: frozenset[int]
    hops: int | None
    ports: tuple[Port, ...]
    loc: Loc


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable: at a gateway there are no port numbers."""

    node: str
    ports: tuple[int, ...]
    native: int
    tagged: frozenset[int]
    channel: int | None = None

    def __str__(self) -> str:
        if not self.ports:
            return self.node
        return f"{self.node}/{self.ports[0]}" + (f"-{self.ports[-1]}" if len(self.ports) > 1 else "")


@dataclass(frozen=True, slots=True)
class Link:
    """A cable, or several that are bundled."""

    one: End
    other: End
    loc: Loc

    def __str__(self) -> str:
        return f"{self.one} - {self.other}"

    @property
    def ends(self) -> tuple[End, End]:
        """Both."""
        return self.one, self.other

    def joins(self) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
        """Which VLAN here is which VLAN there: tagged by its id, untagged whatever each end means by it."""
        for vlan in self.one.tagged & self.other.tagged:
            yield (self.one.node, vlan), (self.other.node, vlan)
        yield (self.one.node, self.one.native), (self.other.node, self.other.native)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One site: everything between its sockets and its gateway.

    Args:
        gateways: names in the site file; the first holds the addresses that clients send to.
        parking: VLAN of unused ports.
        homeless: wired hosts and devices that no port is left for, with the place of their room.
        unplugged: servers whose port nobody named.
    """

    tenant: str
    name: str
    short: str
    source: Source
    zones: Mapping[str, Zone]
    parking: int
    quarantine: str
    gateways: tuple[str, ...]
    switches: tuple[Switch, ...]
    links: tuple[Link, ...]
    homeless: tuple[tuple[Occupant, Loc], ...] = ()
    unplugged: tuple[tuple[Occupant, Loc], ...] = ()

    @property
    def key(self) -> str:
        """Name in messages."""
        return f"{self.tenant}/{self.name}"

    def zone_of(self, vlan: int | None) -> Zone | None:
        """The zone of a VLAN id; None for the parking VLAN and ids that no zone has."""
        return next((zone for zone in self.zones.values() if zone.vlan == vlan), None)


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """One end of a WireGuard link.

    Args:
        at: ``tenant/site``, or ``provider``.
        beyond: networks behind the *other* end; what may come out of the tunnel here and what is sent into it.
        place: where its key stands.
    """

    at: str
    key: str
    endpoint: str | None
    beyond: tuple[AnyNetwork, ...]
    place: tuple[Source, Loc]


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A WireGuard link: a site and the data centre, or two towns."""

    id: str
    ends: tuple[TunnelEnd, TunnelEnd]
    flows: tuple[str, ...]

    @property
    def town(self) -> bool:
        """Whether it joins two towns."""
        return "provider" not in (self.ends[0].at, self.ends[1].at)


@dataclass(frozen=True, slots=True)
class Network:
    """All sites and what joins them."""

    sites: tuple[Site, ...]
    tunnels: tuple[Tunnel, ...]
    hub: bool

    def site(self, key: str) -> Site | None:
        """The site called ``tenant/site``."""
        return next((site for site in self.sites if site.key == key), None)


def build(intent: Intent) -> Network:
    """Compile the intent into ports, cables and tunnels.

    Args:
        intent: checked by the loader, so that every name in it exists.
    """
    sites = tuple(_Builder(intent, site).site() for site in intent.sites.values())
    return Network(sites, tuple(_tunnels(intent)), intent.provider.wireguard is not None)


# -- one site ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Cable:
    """A link while its VLANs are not known yet."""

    ends: tuple[tuple[str, tuple[int, ...]], tuple[str, tuple[int, ...]]]
    vlans: frozenset[int] | None
    loc: Loc


@dataclass(slots=True)
class _Draft:
    """A switch while its ports are being filled."""

    record: SwitchRecord
    model: DeviceType
    loc: Loc
    ports: dict[int, Port] = field(default_factory=dict)
    needs: set[int] = field(default_factory=set)
    assigned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Unit:
    """What takes one port: a machine, perhaps with a telephone before it; ``radio``: zones of an access point."""

    occupants: tuple[Occupant, ...] = ()
    radio: Sequence[str] | None = None


class _Builder:
    def __init__(self, intent: Intent, compiled: CompiledSite) -> None:
        self.intent = intent
        self.compiled = compiled
        self.record = compiled.record
        self.vlans = compiled.vlans
        self.parking = intent.standard.parking
        self.quarantine = intent.standard.quarantine
        self.homeless: list[tuple[Occupant, Loc]] = []
        self.unplugged: list[tuple[Occupant, Loc]] = []
        self.counts = self._count()
        self.drafts = {
            switch.name: _Draft(switch, compiled.types[switch.name], ("switches", index))
            for index, switch in enumerate(self.record.switches)
        }
        self.gateways = tuple(gateway.name for gateway in sorted(self.record.gateways, key=lambda item: item.number))

    def site(self) -> Site:
        """The site."""
        hosts = {host.name: host for host in self.compiled.hosts if host.room is None}
        for index, server in enumerate(self.record.servers):
            host = hosts[f"{self.record.short}-{server.name}"]
            occupant = Occupant(host.name, host.profile, host.zone)
            if server.port is None:
                self.unplugged.append((occupant, ("servers", index, "name")))
            else:
                switch, ports = parts_of(server.port)
                self._fill(switch, ports[0], _Unit((occupant,)), loc=("servers", index, "port"))
        by_room: dict[str, list[Occupant]] = {}
        profiles = self.intent.standard.profiles
        for host in self.compiled.hosts:
            if host.room is not None and profiles[host.profile].wired:
                by_room.setdefault(host.room, []).append(Occupant(host.name, host.profile, host.zone))
        for index, room in enumerate(self.record.rooms):
            self._room(room, ("rooms", index), by_room.get(room.name, []))
        zones = {name: self._zone(name) for name in self.compiled.zones}
        self._dynamic()
        cables = self._cables()
        for draft in self.drafts.values():
            draft.needs.add(self.vlans[MANAGEMENT])
        links, hops = self._links(cables)
        switches = self._switches(links, hops)
        return Site(
            tenant=self.compiled.tenant,
            name=self.compiled.id,
            short=self.record.short,
            source=self.compiled.source,
            zones=zones,
            parking=self.parking,
            quarantine=self.quarantine,
            gateways=self.gateways,
            switches=switches,
            links=links,
            homeless=tuple(self.homeless),
            unplugged=tuple(self.unplugged),
        )

    def _zone(self, name: str) -> Zone:
        standard = self.intent.standard.zones[name]
        four, six = self.compiled.zones[name]
        override = self.record.zones.get(name)
        single, in_rooms = self.counts[name]
        gateways = len(self.record.gateways)
        # Network and broadcast address, and the four numbers of gateways, are never for clients.
        space = self.compiled.plan.block if standard.rooms else four.num_addresses - 1
        return Zone(
            name=name,
            vlan=self.vlans[name],
            realm=standard.realm,
            four=four,
            six=six,
            isolated=standard.isolated,
            routes=standard.routes,
            fixed=single + in_rooms + gateways,
            free=max(0, space - 5 - single),
            expected=(override.clients or 0) if override else 0,
        )

    def _count(self) -> dict[str, tuple[int, int]]:
        """Per zone: machines and devices with a number of their own, and machines in blocks of rooms."""
        found: dict[str, list[int]] = {zone: [0, 0] for zone in self.compiled.zones}
        for device in self.compiled.devices:
            found[device.zone][0] += 1
        for host in self.compiled.hosts:
            if host.host_class != "gateway":
                found[host.zone][0 if host.room is None else 1] += 1
        return {zone: (single, rooms) for zone, (single, rooms) in found.items()}

    # -- ports -----------------------------------------------------------------------------------------------------

    def _fill(
        self,
        switch: str,
        number: int,
        unit: _Unit,
        *,
        loc: Loc,
        spec: PortSpec | None = None,
        room: str | None = None,
        place: int = 0,
        label: str | None = None,
    ) -> None:
        draft = self.drafts[switch]
        occupants, radio = unit.occupants, unit.radio
        wanted = (spec.zone if spec else None) or (occupants[0].zone if occupants else None)
        vlan = self.vlans[wanted] if wanted else None
        voice = next((self.vlans[item.zone] for item in occupants[1:]), None)
        tagged = frozenset(self.vlans[zone] for zone in radio or ())
        mode: Mode = "parked" if vlan is None else "access" if radio is None else "trunk"
        draft.ports[number] = Port(
            number=number,
            name="",
            mode=mode,
            vlan=vlan,
            tagged=tagged,
            voice=voice,
            isolated=wanted is not None and self.intent.standard.zones[wanted].isolated,
            occupants=occupants,
            room=room,
            socket=_counted(spec.socket, place) if spec and spec.socket else label,
            patch=_counted(spec.patch, place) if spec and spec.patch else None,
            loc=loc,
        )
        draft.needs |= {item for item in (vlan, voice, *tagged) if item is not None}

    def _room(self, room: Room, loc: Loc, clients: Sequence[Occupant]) -> None:
        """Put the clients of a room, then its devices, on its ports in the order of the file."""
        units = self._units(room, loc, clients)
        ports = [
            (spec, number, place, (*loc, "ports", index))
            for index, spec in enumerate(room.ports)
            for place, number in enumerate(spec.numbers)
        ]
        free: dict[str | None, deque[tuple[str, int]]] = {None: deque()}
        for spec, number, _, _ in ports:
            free.setdefault(spec.serves, deque()).append((spec.switch, number))
        chosen: dict[tuple[str, int], _Unit] = {}
        # Ports that serve one kind go to that kind first; what is left takes the others in order.
        waiting = []
        for unit in units:
            if queue := free.get(unit.occupants[0].kind):
                chosen[queue.popleft()] = unit
            else:
                waiting.append(unit)
        for unit in waiting:
            if free[None]:
                chosen[free[None].popleft()] = unit
            else:
                self.homeless += [(item, (*loc, "name")) for item in unit.occupants]
        for running, (spec, number, place, where) in enumerate(ports, 1):
            self._fill(
                spec.switch,
                number,
                chosen.get((spec.switch, number), _Unit()),
                loc=where,
                spec=spec,
                room=room.name,
                place=place,
                label=f"{room.name}-{running:02}",
            )

    def _units(self, room: Room, loc: Loc, clients: Sequence[Occupant]) -> list[_Unit]:
        """What needs a port each; a telephone that passes its port on comes with a client."""
        units = [_Unit((client,)) for client in clients]
        shared: list[Occupant] = []
        for entry in room.devices:
            default = self.intent.standard.devices[entry.kind]
            zone = entry.zone or default.zone
            watts = default.watts if entry.watts is None else entry.watts
            radio: Sequence[str] | None = None
            if entry.kind == "ap":
                radio = default.tagged.get(self.record.kind, []) if entry.zones is None else entry.zones
            for number in range(entry.number, entry.number + entry.count):
                item = Occupant(f"{self.record.short}-{room.name}-{default.prefix}{number}", entry.kind, zone, watts)
                if entry.with_client:
                    shared.append(item)
                else:
                    units.append(_Unit((item,), radio))
        for index, phone in enumerate(shared):
            if index < len(clients):
                units[index] = _Unit((*units[index].occupants, phone))
            else:
                self.homeless.append((phone, (*loc, "devices")))
        return units

    def _dynamic(self) -> None:
        """802.1X may put whoever is plugged in anywhere into the zone of his certificate, or into quarantine."""
        zones = {
            self.vlans[item.zone]
            for draft in self.drafts.values()
            for port in draft.ports.values()
            if port.mode == "access" and port.room is not None  # servers ask for no VLAN
            for item in port.occupants[:1]
        }
        for draft in self.drafts.values():
            if draft.record.dot1x != "off":
                draft.assigned = frozenset(zones | {self.vlans[self.quarantine]})
                draft.needs |= draft.assigned

    # -- cables ----------------------------------------------------------------------------------------------------

    def _cables(self) -> list[_Cable]:
        cables = []
        taken: set[tuple[str, int]] = set()
        for index, spec in enumerate(self.record.links):
            ends = []
            for text in (spec.first, spec.to):
                node, numbers = parts_of(text)
                ends.append((node, tuple(numbers)))
                taken |= {(node, number) for number in numbers}
            vlans = None if spec.zones is None else frozenset(self.vlans[zone] for zone in spec.zones)
            cables.append(_Cable((ends[0], ends[1]), vlans, ("links", index)))
        linked = {name for cable in cables for name, _ in cable.ends}
        for name, draft in self.drafts.items():
            ports: tuple[int, ...] = tuple(port for port in draft.record.uplinks if (name, port) not in taken)
            if draft.record.uplink is None and name not in linked:
                free = [port for port in draft.model.uplinks if port not in draft.ports]
                ports = tuple(free[:1])
            if ports:
                loc: Loc = (*draft.loc, "uplink") if draft.record.uplink is not None else (*draft.loc, "name")
                cables.append(_Cable(((name, ports), (self.gateways[0], ())), None, loc))
        return cables

    def _links(self, cables: Sequence[_Cable]) -> tuple[tuple[Link, ...], dict[str, int]]:
        """The cables with the VLANs they carry, and how far each switch is from the gateway."""
        edges = [(cable.ends[0][0], cable.ends[1][0]) for cable in cables]
        needs = {name: frozenset(draft.needs) for name, draft in self.drafts.items()}
        # A second gateway takes over from the first, so it needs all that the first has.
        needs |= dict.fromkeys(self.gateways[1:], frozenset().union(*needs.values()))
        carried = carried_vlans([*self.gateways, *self.drafts], edges, needs, self.gateways)
        everywhere = frozenset(self.vlans.values())
        numbers = self._channel_numbers(cables)
        links = []
        for index, cable in enumerate(cables):
            vlans = carried[index] if cable.vlans is None else cable.vlans
            ends = []
            for name, ports in cable.ends:
                gateway = name in self.gateways
                native = self.parking if gateway else self.drafts[name].record.native or self.parking
                tagged = everywhere if gateway else vlans - {native}
                ends.append(End(name, ports, native, tagged, numbers.get((name, index))))
            links.append(Link(ends[0], ends[1], cable.loc))
        return tuple(links), distances(edges, self.gateways)

    def _channel_numbers(self, cables: Sequence[_Cable]) -> dict[tuple[str, int], int]:
        """Port channels of each switch, counted from its lowest port."""
        bundles: dict[str, list[tuple[int, int]]] = {}
        for index, cable in enumerate(cables):
            for name, ports in cable.ends:
                if len(ports) > 1:
                    bundles.setdefault(name, []).append((ports[0], index))
        return {
            (name, index): number
            for name, entries in bundles.items()
            for number, (_, index) in enumerate(sorted(entries), 1)
        }

    def _switches(self, links: Sequence[Link], hops: Mapping[str, int]) -> tuple[Switch, ...]:
        at: dict[str, list[tuple[int, End, Loc]]] = {}
        for index, link in enumerate(links):
            for end in link.ends:
                at.setdefault(end.node, []).append((index, end, link.loc))
        result = []
        for name, draft in self.drafts.items():
            vlans = {*draft.needs, self.parking}
            for index, end, loc in at.get(name, ()):
                vlans |= {end.native, *end.tagged}
                for number in end.ports:
                    draft.ports[number] = Port(
                        number=number,
                        name="",
                        mode="trunk",
                        vlan=end.native,
                        tagged=end.tagged,
                        link=index,
                        channel=end.channel,
                        loc=loc,
                    )
            record, model = draft.record, draft.model
            result.append(
                Switch(
                    name=name,
                    host=f"{self.record.short}-{name}",
                    number=record.number,
                    platform=model.platform,
                    type=record.type,
                    title=model.title,
                    size=model.size,
                    room=record.room,
                    cabinet=record.cabinet,
                    dot1x=record.dot1x,
                    stp=record.stp,
                    priority=record.priority,
                    legacy=record.ssh_profile == "legacy",
                    host_keys=tuple(record.host_keys),
                    native=record.native or self.parking,
                    budget=model.budget,
                    vlans=frozenset(vlans),
                    assigned=draft.assigned,
                    hops=hops.get(name),
                    ports=tuple(_named(draft, model)),
                    loc=draft.loc,
                )
            )
        return tuple(result)


def _named(draft: _Draft, model: DeviceType) -> Iterator[Port]:
    """All ports of a switch in order; those that nobody mentioned are parked."""
    for number, (name, watts) in enumerate(zip(model.names(), model.watts(), strict=True), 1):
        port = draft.ports.get(number)
        if port is None:
            yield Port(number, name, supplies=watts, loc=draft.loc)
        else:
            yield Port(
                number=number,
                name=name,
                mode=port.mode,
                vlan=port.vlan,
                tagged=port.tagged,
                voice=port.voice,
                isolated=port.isolated,
                occupants=port.occupants,
                supplies=watts,
                room=port.room,
                socket=port.socket,
                patch=port.patch,
                link=port.link,
                channel=port.channel,
                loc=port.loc,
            )


def _counted(label: str, steps: int) -> str:
    """A label some steps on: ``1.09`` and 1 make ``1.10``."""
    if steps == 0:
        return label
    stem = label.rstrip("0123456789")
    digits = label[len(stem) :]
    return f"{stem}{int(digits) + steps:0{len(digits)}}"


# -- which VLANs a cable carries ---------------------------------------------------------------------------------------


def distances(edges: Iterable[tuple[str, str]], roots: Iterable[str]) -> dict[str, int]:
    """Cables between each node and the nearest root; nodes that no cable leads to are left out."""
    neighbours: dict[str, list[str]] = {}
    for one, other in edges:
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    found = dict.fromkeys(roots, 0)
    queue = deque(found)
    while queue:
        node = queue.popleft()
        for other in neighbours.get(node, ()):
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


def rings(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> tuple[dict[str, int], set[int]]:
    """Parts of the cabling that stay together when any one cable is cut, and the cables that nothing replaces.

    Args:
        nodes: all of them.
        edges: cables; two between the same nodes replace each other.

    Returns:
        Node to the number of its part, and the indexes of cables outside every ring (Tarjan 1974).
    """
    neighbours: dict[str, list[tuple[str, int]]] = {node: [] for node in nodes}
    for index, (one, other) in enumerate(edges):
        neighbours[one].append((other, index))
        neighbours[other].append((one, index))
    bridges = _bridges(nodes, neighbours)
    parts: dict[str, int] = {}
    for number, start in enumerate(nodes):
        if start in parts:
            continue
        parts[start] = number
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for other, edge in neighbours[node]:
                if edge not in bridges and other not in parts:
                    parts[other] = number
                    queue.append(other)
    return parts, bridges


def _bridges(nodes: Iterable[str], neighbours: Mapping[str, Sequence[tuple[str, int]]]) -> set[int]:
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    bridges: set[int] = set()
    for root in nodes:
        if root in order:
            continue
        order[root] = low[root] = len(order)
        stack: list[tuple[str, int, Iterator[tuple[str, int]]]] = [(root, -1, iter(neighbours[root]))]
        while stack:
            node, came, pending = stack[-1]
            other, edge = next(((item, cable) for item, cable in pending if cable != came), (None, -1))
            if other is None:
                stack.pop()
                above = stack[-1][0] if stack else node
                low[above] = min(low[above], low[node])
                if low[node] > order[above]:
                    bridges.add(came)
            elif other in order:
                low[node] = min(low[node], order[other])
            else:
                order[other] = low[other] = len(order)
                stack.append((other, edge, iter(neighbours[other])))
    return bridges


def carried_vlans(
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str]],
    needs: Mapping[str, frozenset[int]],
    gateways: Sequence[str],
) -> list[frozenset[int]]:
    """What each cable must carry so that every need reaches a gateway; within a ring, every cable carries it.

    Args:
        nodes: gateways and switches.
        edges: cables between them.
        needs: VLANs that a switch has members of.
        gateways: nodes that have a leg in every VLAN.
    """
    parts, bridges = rings(nodes, edges)
    below: dict[int, list[tuple[int, int]]] = {}
    for index in bridges:
        one, other = (parts[node] for node in edges[index])
        below.setdefault(one, []).append((other, index))
        below.setdefault(other, []).append((one, index))
    total: dict[int, set[int]] = {part: set() for part in parts.values()}
    for node, vlans in needs.items():
        total[parts[node]] |= vlans
    above: dict[int, tuple[int, int] | None] = {}
    order: list[int] = []
    for top in dict.fromkeys([*(parts[gateway] for gateway in gateways), *parts.values()]):
        if top in above:
            continue
        above[top] = None
        reached = deque([top])
        while reached:
            part = reached.popleft()
            order.append(part)
            for other, index in below.get(part, ()):
                if other not in above:
                    above[other] = (part, index)
                    reached.append(other)
    result: list[frozenset[int]] = [frozenset()] * len(edges)
    for part in reversed(order):
        if (step := above[part]) is not None:
            parent, index = step
            result[index] = frozenset(total[part])
            total[parent] |= total[part]
    for index, edge in enumerate(edges):
        if index not in bridges:
            result[index] = frozenset(total[parts[edge[0]]])
    return result


# -- tunnels -----------------------------------------------------------------------------------------------------------


def site_networks(compiled: CompiledSite, six: IPv6Network) -> list[AnyNetwork]:
    """All that is behind a site's gateway: its IPv4 network, its byte of the town's /48, zones that lie elsewhere.

    Args:
        compiled: the site.
        six: the town's /48.
    """
    record = compiled.record
    byte = IPv6Network((int(six.network_address) | record.number << 72, 56))
    outside = [four for four, _ in compiled.zones.values() if not four.subnet_of(record.network)]
    extra = record.wireguard.networks if record.wireguard else []
    return [record.network, byte, *outside, *extra]


def _tunnels(intent: Intent) -> Iterator[Tunnel]:
    hub = intent.provider.wireguard
    towns = list(_town_tunnels(intent))
    direct: dict[str, list[AnyNetwork]] = {}
    for tunnel in towns:
        for end in tunnel.ends:
            direct.setdefault(end.at, []).extend(end.beyond)
    for (tenant, name), compiled in intent.sites.items():
        record = compiled.record.wireguard
        if hub is None or record is None:
            continue
        at = f"{tenant}/{name}"
        mine = site_networks(compiled, intent.tenants[tenant].ipv6)
        far = [network for network in _far_networks(intent, compiled, mine) if network not in direct.get(at, ())]
        yield Tunnel(
            f"{tenant}-{name}",
            (
                TunnelEnd(at, record.key, record.endpoint, tuple(far), (compiled.source, ("wireguard", "key"))),
                TunnelEnd("provider", hub.key, hub.endpoint, tuple(mine), (compiled.source, ("wireguard", "networks"))),
            ),
            (),
        )
    yield from towns


def _far_networks(intent: Intent, compiled: CompiledSite, mine: Sequence[AnyNetwork]) -> list[AnyNetwork]:
    """What a site reaches or is reached from through the data centre: nothing that no flow and no service names."""
    services = intent.provider.services
    addresses = (*services.log, *services.time, *services.dns, *services.radius)
    found: set[AnyNetwork] = {*intent.provider.management, *(ip_network(address) for address in addresses)}
    names = {name for flow in intent.flows for side in (flow.source, flow.to) for name in side.networks}
    known = {str(network) for name in names for network in intent.provider.named(name)}
    for flow, starts, ends in intent.crossing(compiled):
        remote = flow.source.tenants and flow.to.tenants
        found |= {ip_network(text) for text in (*starts, *ends) if text in known or remote}
    outside = [network for network in found if not any(_inside(network, own) for own in mine)]
    return _compact(outside)


def _town_tunnels(intent: Intent) -> Iterator[Tunnel]:
    flows = {flow.id: flow for flow in intent.provider.flows}
    for index, link in enumerate(intent.provider.town_links):
        ends = []
        for place, end in enumerate(link.ends):
            town = intent.tenants.get(end.tenant)
            if town is None:  # loaded without this town: the other end still knows its key
                blocks: list[AnyNetwork] = []
            else:
                blocks = [town.ipv4, town.ipv6]
            named = [
                network
                for name in link.flows
                for side in (flows[name].source, flows[name].to)
                for group in side.networks
                for network in intent.provider.named(group)
            ]
            other = intent.tenants.get(link.ends[1 - place].tenant)
            theirs: list[AnyNetwork] = [] if other is None else [other.ipv4, other.ipv6]
            far = [
                network
                for network in named
                if (any(_inside(network, block) for block in theirs) if theirs else True)
                and not any(_inside(network, block) for block in blocks)
            ]
            ends.append(
                TunnelEnd(
                    f"{end.tenant}/{end.site}",
                    end.key,
                    end.endpoint,
                    tuple(_compact(far)),
                    (intent.provider_source, ("town_links", index, "ends", place)),
                )
            )
        yield Tunnel(link.id, (ends[0], ends[1]), tuple(link.flows))


def _inside(network: AnyNetwork, block: AnyNetwork) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(block, IPv4Network) and network.subnet_of(block)
    return isinstance(block, IPv6Network) and network.subnet_of(block)


def _compact(networks: Iterable[AnyNetwork]) -> list[AnyNetwork]:
    listed = list(networks)
    four = collapse_addresses(network for network in listed if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in listed if isinstance(network, IPv6Network))
    return [*four, *six]


__all__ = [
    "End", "Link", "Loc", "Network", "Occupant", "Port", "Site", "Switch", "Tunnel", "TunnelEnd", "Zone", "build",
]  # fmt: skip
