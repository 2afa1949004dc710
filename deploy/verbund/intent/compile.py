# SPDX-License-Identifier: EUPL-1.2
"""The compiled intent: hosts, their variables and groups, and which file and line is behind each value."""

from __future__ import annotations

import difflib
import fnmatch
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import TYPE_CHECKING, Any

from verbund.errors import Finding, UsageError
from verbund.intent import addresses
from verbund.intent.model import (
    Deviation,
    Device,
    DeviceType,
    Endpoint,
    Flow,
    Host,
    Layer,
    Level,
    Plan,
    Procedure,
    ProcedureFlow,
    Provider,
    Room,
    Site,
    Standard,
    Tenant,
)

if TYPE_CHECKING:
    from verbund.intent.settings import Catalogue
    from verbund.intent.yaml_source import Source

_DIFFERENT_REALMS = {"administrative", "pedagogical"}


@dataclass(slots=True, eq=False)
class CompiledSite:
    """A site with its subnets and hosts.

    Args:
        id: file name of the site without suffix.
        zones: zone to IPv4 and IPv6 subnet.
        vlans: zone to VLAN id.
        gateway: IPv4 address of the first gateway per zone.
        types: switch to its model.
    """

    id: str
    tenant: str
    record: Site
    source: Source
    plan_name: str
    plan: Plan
    zones: dict[str, tuple[IPv4Network, IPv6Network]]
    vlans: dict[str, int]
    gateway: dict[str, str]
    hosts: list[Host] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    types: dict[str, DeviceType] = field(default_factory=dict)
    texts: dict[str, tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.texts = {zone: (str(four), str(six)) for zone, (four, six) in self.zones.items()}


@dataclass(slots=True)
class CompiledTenant:
    """A tenant with its sites and deviations."""

    record: Tenant
    source: Source
    sites: dict[str, CompiledSite] = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class NamedFlow:
    """A flow from any origin in one form.

    Args:
        id: unique among the flows that one site sees.
        owner: role that answers for it.
        kinds: kinds of sites it holds for; empty means all.
        tenant: the town whose sites it is for; None means every town's.
        origin: file it stands in, and place there.
    """

    id: str
    source: Endpoint
    to: Endpoint
    protocol: str
    ports: list[int]
    owner: str
    reason: str
    kinds: frozenset[str]
    tenant: str | None
    origin: tuple[Source, tuple[str | int, ...]]


class Intent:
    """What the files say, checked and compiled. Built by :func:`verbund.intent.load`.

    Attributes:
        standard: the standard release.
        provider: the data centre.
        tenants: tenant id to its record.
        sites: (tenant, site) to the compiled site: subnets, VLAN ids, gateway addresses.
        procedures: procedure id to its record.
        warnings: what is odd but does not stop the work.
        today: the day that deviations are compared with.
    """

    def __init__(
        self,
        *,
        standard: Standard,
        standard_source: Source,
        provider: Provider,
        provider_source: Source,
        tenants: dict[str, CompiledTenant],
        procedures: dict[str, tuple[Procedure, Source]],
        catalogue: Catalogue,
        today: date,
    ) -> None:
        self.standard = standard
        self.provider = provider
        self.tenants: dict[str, Tenant] = {name: tenant.record for name, tenant in tenants.items()}
        self.sites: dict[tuple[str, str], CompiledSite] = {
            (name, site.id): site for name, tenant in tenants.items() for site in tenant.sites.values()
        }
        self.procedures = {name: procedure for name, (procedure, _) in procedures.items()}
        self.provider_source = provider_source
        self.warnings: list[Finding] = []
        self.today = today
        self._compiled = tenants
        self._procedure_sources = {name: source for name, (_, source) in procedures.items()}
        self._standard_source = standard_source
        self._catalogue = catalogue
        self._rooms: dict[tuple[str, str], dict[str, Room]] = {
            key: {room.name: room for room in site.record.rooms} for key, site in self.sites.items()
        }
        self._shared: dict[tuple[str, ...], dict[str, Any]] = {}
        self._inbound: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        self._groups: dict[tuple[str | None, ...], list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._endpoints: dict[tuple[int, str, str], dict[str, list[str]]] = {}

    # -- hosts -----------------------------------------------------------------------------------------------------

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts in the order of the files."""
        return tuple(host for site in self.sites.values() for host in site.hosts)

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """All switches and devices."""
        return tuple(device for site in self.sites.values() for device in site.devices)

    @cached_property
    def deviations(self) -> tuple[Deviation, ...]:
        """All deviations of all tenants, active or not."""
        return tuple(deviation for tenant in self._compiled.values() for deviation in tenant.deviations)

    @cached_property
    def _by_name(self) -> dict[str, Host]:
        return {host.name: host for host in self.hosts}

    def host(self, name: str) -> Host:
        """The host of a name.

        Raises:
            UsageError: there is none; names the nearest one.
        """
        if (host := self._by_name.get(name)) is None:
            raise UsageError(f"there is no host '{name}'", nearest(name, self._by_name))
        return host

    def select(self, limit: str | None, groups: Mapping[str, Collection[str]] | None = None) -> list[Host]:
        """Hosts that a limit names.

        Args:
            limit: ``a,b`` is a union, ``x&y`` an intersection; a term is a host name, a glob, or ``tenant:``,
                ``site:``, ``room:``, ``profile:``, ``class:`` or ``zone:`` with a name (or glob). None means all hosts.
            groups: further terms, each with the names of its hosts (``lab``: the hosts of a running lab).

        Raises:
            UsageError: a term matches nothing.
        """
        if limit is None:
            return list(self.hosts)
        chosen: set[str] = set()
        for part in limit.split(","):
            names: set[str] | None = None
            for term in part.split("&"):
                group = (groups or {}).get(term.strip())
                if group is not None and not group:
                    raise UsageError(
                        f"no host is in the group '{term.strip()}'", "is the lab up? see verbund lab status"
                    )
                found = self._matching(term.strip()) if group is None else set(group)
                names = found if names is None else names & found
            chosen |= names or set()
        if not chosen:
            raise UsageError(f"no host is in '{limit}'", "every term exists, but no host is in all of them")
        return [host for host in self.hosts if host.name in chosen]

    def _matching(self, term: str) -> set[str]:
        if not term:
            raise UsageError(
                "the limit has an empty term", "write for example: --limit 'site:gse&class:client,gse-gw1'"
            )
        kind, colon, name = term.partition(":")
        if not colon:
            if term in self._by_name:
                return {term}
            matching = fnmatch.filter(self._by_name, term) if _is_glob(term) else []
            if not matching:
                raise UsageError(f"no host is named '{term}'", nearest(term, self._by_name))
            return set(matching)
        readers: dict[str, Callable[[Host], tuple[str | None, ...]]] = {
            "tenant": lambda host: (host.tenant,),
            "site": lambda host: (
                host.site,
                f"{host.tenant}/{host.site}",
                self.sites[host.tenant, host.site].record.short,
            ),
            "room": lambda host: (
                (host.room, f"{self.sites[host.tenant, host.site].record.short}-{host.room}") if host.room else ()
            ),
            "profile": lambda host: (host.profile,),
            "class": lambda host: (host.host_class,),
            "zone": lambda host: (host.zone,),
        }
        if kind not in readers:
            raise UsageError(f"unknown kind of limit '{kind}:'", nearest(kind, readers))
        read = readers[kind]
        values = {host.name: read(host) for host in self.hosts}
        known = {value for entry in values.values() for value in entry if value}
        wanted = set(fnmatch.filter(known, name)) if _is_glob(name) else {name} & known
        if not wanted:
            raise UsageError(f"no host has the {kind} '{name}'", nearest(name, known))
        return {host for host, entry in values.items() if not wanted.isdisjoint(entry)}

    # -- variables and groups --------------------------------------------------------------------------------------

    def groups(self, host: Host) -> list[str]:
        """Names of the Ansible groups of a host, made of letters, digits and underscores only."""
        key = (host.tenant, host.site, host.room, host.profile)
        groups = self._groups.get(key)
        if groups is None:
            names = [f"tenant_{host.tenant}", f"site_{host.tenant}_{host.site}"]
            if host.room:
                names.append(f"room_{host.tenant}_{host.site}_{host.room}")
            names += [f"class_{host.host_class}", f"profile_{host.profile}"]
            groups = self._groups[key] = [name.replace("-", "_") for name in names]
        return [*groups, f"zone_{host.zone}"]

    def variables(self, host: Host) -> dict[str, Any]:
        """Ansible variables of a host: plain data; nested values are shared between hosts and must not be changed."""
        key = (host.tenant, host.site, host.room or "", host.profile, host.zone)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = self._shared_variables(host)
        values = dict(shared)
        values["ansible_host"] = values["verbund_address"] = host.address
        values["verbund_address6"] = host.address6
        values["verbund_excepted_controls"] = self._excepted(host)
        site = self.sites[host.tenant, host.site]
        if host.room is None:
            machine = _machine(site.record, host)
            if host.host_class == "gateway":
                values["verbund_management_sources"] = self._management(site, host)
                values["verbund_gateway_legs"] = self._legs(site, host)
                values["verbund_firewall_forward"] = self._forward(site)
            values.update(machine.settings)
        if host.name in site.record.hosts:
            values.update(site.record.hosts[host.name].settings)
        return values

    def _shared_variables(self, host: Host) -> dict[str, Any]:
        site = self.sites[host.tenant, host.site]
        values: dict[str, Any] = {
            "verbund_release": self.standard.release,
            "verbund_tenant": host.tenant,
            "verbund_site": host.site,
            "verbund_room": host.room or "",
            "verbund_host_class": host.host_class,
            "verbund_profile": host.profile,
            "verbund_zone": host.zone,
            "verbund_prefix_length": host.prefix_length,
            "verbund_gateway": host.gateway,
            "verbund_management_sources": self._management(site, host),
            "verbund_firewall_inbound": self._inbound_rules(site, host),
        }
        values |= self._servers_of(site, host)
        for _, settings, _, _ in self._levels(host):
            values.update(settings)
        return values

    def _levels(self, host: Host) -> Iterator[tuple[Level, dict[str, Any], Source, tuple[str | int, ...]]]:
        """Settings from the weakest to the strongest level, without the host's own."""
        tenant = self._compiled[host.tenant]
        site = self.sites[host.tenant, host.site]
        yield "standard", self.standard.settings, self._standard_source, ("settings",)
        yield "tenant", tenant.record.settings, tenant.source, ("settings",)
        yield "site", site.record.settings, site.source, ("settings",)
        profile = ("profiles", host.profile, "settings")
        yield "profile", self.standard.profiles[host.profile].settings, self._standard_source, profile
        if host.profile in tenant.record.profiles:
            yield "profile", tenant.record.profiles[host.profile].settings, tenant.source, profile
        if host.room is not None:
            index = next(i for i, room in enumerate(site.record.rooms) if room.name == host.room)
            yield "room", site.record.rooms[index].settings, site.source, ("rooms", index, "settings")

    def explain(self, host_name: str, key: str) -> list[Layer]:
        """Every place that sets a value for a host; the winner comes last.

        A default of a role counts as the standard.

        Raises:
            UsageError: unknown host, or nothing sets the key.
        """
        host = self.host(host_name)
        site = self.sites[host.tenant, host.site]
        layers: list[Layer] = []
        if key in self._catalogue.defaults:
            value, path, line = self._catalogue.defaults[key]
            layers.append(Layer("standard", value, path, line))
        places: list[tuple[Level, dict[str, Any], Source, tuple[str | int, ...]]] = list(self._levels(host))
        if host.room is None:
            kind = "gateways" if host.host_class == "gateway" else "servers"
            machines = getattr(site.record, kind)
            index = machines.index(_machine(site.record, host))
            places.append(("host", machines[index].settings, site.source, (kind, index, "settings")))
        if host.name in site.record.hosts:
            places.append(
                ("host", site.record.hosts[host.name].settings, site.source, ("hosts", host.name, "settings"))
            )
        for level, settings, source, loc in places:
            if key in settings:
                line, _ = source.place((*loc, key), key=True)
                layers.append(Layer(level, settings[key], source.name, line))
        if not layers:
            values = self.variables(host)
            if key not in values:
                known = {*values, *self._catalogue.options}
                raise UsageError(f"nothing sets '{key}' for {host_name}", nearest(key, known))
            line, _ = site.source.place(())
            layers.append(Layer("site", values[key], site.source.name, line))
        return layers

    # -- deviations ------------------------------------------------------------------------------------------------

    def deviations_for(self, host: Host, on: date) -> dict[str, Deviation]:
        """Control id to the deviation that excepts it on a day; of several, the one that lasts longest."""
        found: dict[str, Deviation] = {}
        short = self.sites[host.tenant, host.site].record.short
        for deviation in sorted(self._compiled[host.tenant].deviations, key=lambda item: item.expires):
            if deviation.created <= on <= deviation.expires and deviation.scope.holds(host, short):
                found.update(dict.fromkeys(deviation.controls, deviation))
        return found

    def _excepted(self, host: Host) -> list[str]:
        if not self._compiled[host.tenant].deviations:
            return []
        return sorted(self.deviations_for(host, self.today))

    # -- services and management -----------------------------------------------------------------------------------

    def _servers_of(self, site: CompiledSite, host: Host) -> dict[str, list[str]]:
        """Time and log servers: clients ask their site, the site asks the provider."""
        services = self.provider.services
        own = [other for other in site.hosts if other.host_class == "server"]
        time = (
            [str(address) for address in services.time] if host.host_class == "gateway" else [site.gateway[host.zone]]
        )
        if own and host.host_class != "server":
            log, names = [other.address for other in own], [other.name for other in own]
        else:
            log, names = [str(address) for address in services.log], list(services.log_names)
        return {"verbund_time_servers": time, "verbund_log_servers": log, "verbund_log_server_names": names}

    def _management(self, site: CompiledSite, host: Host) -> list[str]:
        sources = [str(network) for network in self.provider.management]
        if host.host_class != "gateway" or host.number != 1:
            # The gateway is the jump host; it reaches a host from its leg in the host's own zone.
            sources.append(f"{site.gateway[host.zone]}/32")
        return sources

    def _legs(self, site: CompiledSite, host: Host) -> list[dict[str, Any]]:
        """The gateway's interfaces: one per zone."""
        return [
            {
                "zone": zone,
                "vlan": site.vlans[zone],
                "address": addresses.at(four, host.number),
                "prefix_length": four.prefixlen,
                "address6": addresses.interface6(six, 0, host.number),
                "prefix_length6": six.prefixlen,
            }
            for zone, (four, six) in site.zones.items()
        ]

    # -- flows -----------------------------------------------------------------------------------------------------

    @cached_property
    def flows(self) -> tuple[NamedFlow, ...]:
        """Every flow of standard, provider, towns and procedures."""
        found: list[NamedFlow] = []
        groups: list[tuple[Source, Sequence[Flow], str | None]] = [
            (self._standard_source, self.standard.flows, None),
            (self.provider_source, self.provider.flows, None),
            *((tenant.source, tenant.record.flows, name) for name, tenant in self._compiled.items()),
        ]
        for origin, flows, tenant in groups:
            for index, flow in enumerate(flows):
                found.append(
                    NamedFlow(
                        id=flow.id,
                        source=flow.source,
                        to=flow.to,
                        protocol=flow.protocol,
                        ports=flow.ports,
                        owner=flow.owner,
                        reason=flow.reason,
                        kinds=frozenset(flow.kinds),
                        tenant=tenant,
                        origin=(origin, ("flows", index)),
                    )
                )
        for procedure in self.procedures.values():
            wanted: Sequence[ProcedureFlow] = () if procedure.decision == "retire" else procedure.flows
            for number, item in enumerate(wanted, 1):
                found.append(
                    NamedFlow(
                        id=procedure.id if len(wanted) == 1 else f"{procedure.id}-{number}",
                        source=item.source,
                        to=item.to,
                        protocol=item.protocol,
                        ports=item.ports,
                        owner=procedure.owner,
                        reason=f"{procedure.name}: {procedure.reason}",
                        kinds=frozenset(),
                        tenant=None,
                        origin=(self._procedure_sources[procedure.id], ("flows", number - 1)),
                    )
                )
        return tuple(found)

    def _sites_of(self, endpoint: Endpoint) -> list[CompiledSite]:
        return [
            self.sites[tenant, name]
            for tenant in endpoint.tenants
            if tenant in self._compiled
            for name in self._compiled[tenant].sites
            if not endpoint.sites or name in endpoint.sites
        ]

    def _pairs(self, flow: NamedFlow, site: CompiledSite) -> list[tuple[CompiledSite, CompiledSite]]:
        """Where a flow begins and ends, as far as a site takes part in it."""
        if flow.tenant is not None and flow.tenant != site.tenant:
            return []
        if flow.source.tenants and flow.to.tenants:  # between sites of one tenant
            pairs = [(begin, end) for begin in self._sites_of(flow.source) for end in self._sites_of(flow.to)]
        else:
            named = flow.source if flow.source.tenants else flow.to
            pairs = [] if named.tenants and site not in self._sites_of(named) else [(site, site)]
        return [
            (begin, end)
            for begin, end in pairs
            if site in (begin, end) and (not flow.kinds or begin.record.kind in flow.kinds)
        ]

    def _expand(self, endpoint: Endpoint, site: CompiledSite) -> dict[str, list[str]]:
        """Networks of an endpoint at one site, by zone; provider networks and the internet under the empty name."""
        key = (id(endpoint), site.tenant, site.id)
        found = self._endpoints.get(key)
        if found is not None:
            return found
        result: dict[str, list[str]] = {zone: list(site.texts[zone]) for zone in endpoint.zones}
        if endpoint.classes or endpoint.profiles:
            by_zone: dict[str, list[Any]] = {}
            for host in site.hosts:
                if host.zone not in result and (
                    host.host_class in endpoint.classes or host.profile in endpoint.profiles
                ):
                    by_zone.setdefault(host.zone, []).extend(_networks_of(host))
            result |= {zone: _compact(networks) for zone, networks in by_zone.items()}
        outside: list[str] = []
        for name in endpoint.networks:
            outside += self._named(name)
        if endpoint.internet:
            outside += self._internet
        if outside:
            result[""] = outside
        self._endpoints[key] = result
        return result

    def _named(self, name: str) -> list[str]:
        if name not in self._names:
            self._names[name] = _compact(self.provider.named(name))
        return self._names[name]

    @cached_property
    def _internet(self) -> tuple[str, ...]:
        return addresses.public_space((*self.provider.pools.ipv4, *self.provider.pools.ipv6))

    def _apart(self, one: str, other: str) -> bool:
        """Whether two zones must never reach each other."""
        if not one or not other:
            return False
        return {self.standard.zones[one].realm, self.standard.zones[other].realm} == _DIFFERENT_REALMS

    def ending_on(self, site: CompiledSite, host: Host) -> Iterator[tuple[NamedFlow, list[str]]]:
        """Flows that end on hosts of this class, profile and zone, each with the networks it may come from."""
        gateways = {other.zone for other in site.hosts if other.host_class == "gateway"}
        for flow in self.flows:
            to = flow.to
            # A gateway stands in every zone, so a flow into a zone does not mean the gateway.
            in_zone = host.zone in to.zones and host.host_class != "gateway"
            if not (in_zone or host.host_class in to.classes or host.profile in to.profiles):
                continue
            sources: list[str] = []
            for origin, target in self._pairs(flow, site):
                if target is not site:
                    continue
                for zone, networks in self._expand(flow.source, origin).items():
                    if host.host_class == "gateway" or not self._apart(zone, host.zone):
                        sources += [network for network in networks if network not in sources]
                    # The gateway is in that zone too, but what it sends leaves by its leg in the zone of this host.
                    leg = f"{site.gateway[host.zone]}/32"
                    if origin is site and zone in gateways and host.host_class != "gateway" and leg not in sources:
                        sources.append(leg)
            if sources:
                yield flow, sources

    def _inbound_rules(self, site: CompiledSite, host: Host) -> list[dict[str, Any]]:
        key = (site.tenant, site.id, host.host_class, host.profile, host.zone)
        if key not in self._inbound:
            self._inbound[key] = [_rule(flow, sources, None) for flow, sources in self.ending_on(site, host)]
        return self._inbound[key]

    def crossing(self, site: CompiledSite) -> Iterator[tuple[NamedFlow, list[str], list[str]]]:
        """Flows that cross this site's gateway, each with the networks it begins and ends in."""
        own = {str(network) for host in site.hosts if host.host_class == "gateway" for network in _networks_of(host)}
        for flow in self.flows:
            merged: dict[tuple[str, ...], dict[str, None]] = {}
            for origin, target in self._pairs(flow, site):
                for source_zone, sources in self._expand(flow.source, origin).items():
                    destinations: list[str] = []
                    for zone, networks in self._expand(flow.to, target).items():
                        routed = origin is not target or zone != source_zone
                        if routed and not self._apart(source_zone, zone):
                            # What ends on this gateway itself is not forwarded.
                            destinations += [network for network in networks if network not in own]
                    both = {":" in network for network in sources} & {":" in network for network in destinations}
                    if ends := tuple(network for network in destinations if (":" in network) in both):
                        begins = (network for network in sources if (":" in network) in both)
                        merged.setdefault(ends, {}).update(dict.fromkeys(begins))
            for ends, starts in merged.items():
                yield flow, list(starts), list(ends)

    def _forward(self, site: CompiledSite) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = []
        numbers: Counter[str] = Counter()
        for flow, starts, ends in self.crossing(site):
            numbers[flow.id] += 1
            rule = _rule(flow, starts, ends)
            rules.append(rule if numbers[flow.id] == 1 else rule | {"name": f"{flow.id}-{numbers[flow.id]}"})
        return rules


def _rule(flow: NamedFlow, sources: list[str], destinations: list[str] | None) -> dict[str, Any]:
    rule: dict[str, Any] = {"name": flow.id, "sources": sources}
    if destinations is not None:
        rule["destinations"] = destinations
    return rule | {"protocol": flow.protocol, "ports": list(flow.ports), "reason": flow.reason}


def _networks_of(host: Host) -> tuple[IPv4Network, IPv6Network]:
    return IPv4Network(host.address), IPv6Network(host.address6)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the most similar known words."""
    names = sorted(known)
    matches = difflib.get_close_matches(word[:80], names[:20000] if len(names) > 20000 else names, n=1, cutoff=0.6)
    if matches:
        return f"did you mean '{matches[0]}'?"
    if not names:
        return ""
    listed = ", ".join(names[:12])
    return f"known: {listed}" + (", ..." if len(names) > 12 else "")


def _is_glob(text: str) -> bool:
    return any(character in text for character in "*?[")


def _machine(site: Site, host: Host) -> Any:
    machines = site.gateways if host.host_class == "gateway" else site.servers
    return next(machine for machine in machines if f"{site.short}-{machine.name}" == host.name)


def _compact(networks: Iterable[Any]) -> list[str]:
    four = [network for network in networks if network.version == 4]
    six = [network for network in networks if network.version == 6]
    return [str(network) for network in (*collapse_addresses(four), *collapse_addresses(six))]
