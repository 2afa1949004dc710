# SPDX-License-Identifier: EUPL-1.2
"""From files to a checked :class:`Intent`: read, validate, place addresses, compare everything with everything.

All findings of a run are collected; nothing that is built from a broken file is used to judge another one.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from verbund.errors import Finding, InputError, UsageError
from verbund.intent import addresses, settings
from verbund.intent.compile import CompiledSite, CompiledTenant, Intent, nearest
from verbund.intent.model import (
    GATEWAY_NUMBERS,
    Clients,
    Deviation,
    Deviations,
    Device,
    DeviceType,
    DeviceTypes,
    Endpoint,
    Flow,
    Host,
    Machine,
    PlatformName,
    PortGroup,
    Procedure,
    ProcedureFlow,
    Provider,
    Room,
    Settings,
    Site,
    Standard,
    Switch,
    Tenant,
)
from verbund.intent.yaml_source import Source, shown

if typing.TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RESERVED_DIRECTORIES = frozenset({"procedures", "group_vars", "host_vars"})
_INVENTORY_FILES = frozenset({"provider.yml", "verbund.yml"})
_EXPIRES_SOON = 30  # days before its end in which a deviation is announced
_LONGEST = 731  # days, two years
_TENANT_ENTRIES = frozenset({"tenant.yml", "deviations.yml", "sites"})
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]{0,30}")
_STANDARD = Path(__file__).with_name("standard.yml")
_DEVICE_TYPES = Path(__file__).with_name("device_types.yml")
# How ports are called on a switch without a type, per platform.
_PORT_NAMES: dict[PlatformName, str] = {
    "cisco_ios": "GigabitEthernet1/0/{n}",
    "aruba_aoscx": "1/1/{n}",
    "aruba_aoss": "{n}",
    "lancom_sx": "GigabitEthernet1/{n}",
    "hpe_comware": "GigabitEthernet1/0/{n}",
    "linux_bridge": "swp{n}",
    "openvswitch": "swp{n}",
}
_MAX_MEMBERS = 8  # ports that IEEE 802.1AX bundles on every platform of the standard
_TENANT6_LENGTH = 48
_MAX_HOST_NAME = 63
_SHOWN_KEY = 60
_DIRECTORY_HINT = "it must be a directory that you may read and enter (chmod u+rx)"

R = TypeVar("R", bound=BaseModel)
Loc = tuple[str | int, ...]
_Names = dict[str, tuple[str, Collection[str]]]


@lru_cache(maxsize=1)
def standard() -> tuple[Standard, Source]:
    """The standard release that ships with this version."""
    source = Source(_STANDARD)
    record = _validated(Standard, source)
    if record is None:
        raise InputError(source.findings)
    return record, source


@lru_cache(maxsize=1)
def device_types() -> dict[str, DeviceType]:
    """The models of switches that a site may name.

    Raises:
        InputError: the file that ships with this version is broken.
    """
    source = Source(_DEVICE_TYPES)
    record = _validated(DeviceTypes, source)
    if record is None:
        raise InputError(source.findings)
    return record.types


@lru_cache(maxsize=256)
def _plain_type(platform: PlatformName, ports: int) -> DeviceType:
    return DeviceType(
        title=f"{platform}, {ports} ports",
        platform=platform,
        groups=[PortGroup(name=_PORT_NAMES[platform], count=ports)],
    )


def load(inventory: Path, tenants: Collection[str] | None = None, today: date | None = None) -> Intent:
    """Read and check the intent.

    Args:
        inventory: directory with ``provider.yml`` and one directory per tenant.
        tenants: only these tenants; other tenants' files are not even opened.
        today: day that deviations are compared with; default is the current day.

    Raises:
        InputError: carries every finding of the run.
        UsageError: one of ``tenants`` does not exist.
    """
    return _Loader(inventory, today or date.today()).run(tenants)  # noqa: DTZ011  expiry is a local calendar day


class _Loader:
    def __init__(self, inventory: Path, today: date) -> None:
        self.inventory = inventory
        self.today = today
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self.standard, self.standard_source = standard()
        self.catalogue = settings.catalogue(inventory.parent / "roles")
        self.names: dict[str, tuple[Source, Loc]] = {}
        self.macs: dict[str, str] = {}
        self.provider: Provider | None = None

    def run(self, wanted: Collection[str] | None) -> Intent:
        directories = self._tenant_directories(wanted)
        provider, provider_source = self._provider()
        self.provider = provider
        tenants: dict[str, CompiledTenant] = {}
        for directory in directories:
            if self._possible_id(directory) and (tenant := self._tenant(directory, provider)) is not None:
                tenants[directory.name] = tenant
        self._compare_tenants(tenants)
        procedures = self._procedures()
        known = {path.name for path in self._all_directories()}
        if provider is not None:
            names: _Names = {
                "zones": ("zone", self.standard.zones),
                "profiles": ("profile", self.standard.profiles),
                "networks": ("network", {"management", *provider.networks}),
                "tenants": ("tenant", known),
            }
            for index, flow in enumerate(provider.flows):
                self._flow(flow, provider_source, ("flows", index), names, tenants)
            for procedure, source in procedures.values():
                for index, item in enumerate(procedure.flows):
                    self._flow(item, source, ("flows", index), names, tenants)
            for tenant in tenants.values():
                self._tenant_flows(tenant, names, tenants)
            self._town_links(provider, provider_source, names, tenants)
        self._unique_flow_names(provider, provider_source, procedures, tenants)
        if self.findings or provider is None:
            raise InputError([*self.findings, *self.warnings])
        intent = Intent(
            standard=self.standard,
            standard_source=self.standard_source,
            provider=provider,
            provider_source=provider_source,
            tenants=tenants,
            procedures=procedures,
            catalogue=self.catalogue,
            today=self.today,
        )
        intent.warnings = sorted(self.warnings)
        return intent

    # -- files -----------------------------------------------------------------------------------------------------

    def _all_directories(self) -> list[Path]:
        try:
            entries = sorted(self.inventory.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._file_problem(self.inventory, f"cannot be read: {error.strerror}", _DIRECTORY_HINT)
            return []
        return [
            path
            for path in entries
            if path.is_dir() and path.name not in RESERVED_DIRECTORIES and path.name[0] not in "._"
        ]

    def _tenant_directories(self, wanted: Collection[str] | None) -> list[Path]:
        directories = self._all_directories()
        if wanted is not None:
            by_name = {path.name: path for path in directories}
            for name in wanted:
                if name not in by_name:
                    raise UsageError(f"there is no tenant '{name}' in {shown(self.inventory)}", nearest(name, by_name))
            directories = [path for path in directories if path.name in set(wanted)]
        elif not self.inventory.is_dir():
            self._file_problem(self.inventory, "does not exist", "change into the project, or name it with --project")
        else:
            for path in self.inventory.glob("*.y*ml"):
                if path.name not in _INVENTORY_FILES and path.is_file():
                    hint = f"a town is a directory of its own: {path.stem}/tenant.yml"
                    self.warnings.append(Finding(shown(path), 0, 0, "is not read as intent", hint, warning=True))
        return directories

    def _file_problem(self, path: Path, message: str, hint: str) -> None:
        self.findings.append(Finding(shown(path), 0, 0, message, hint))

    def _read(self, kind: type[R], path: Path) -> tuple[R | None, Source]:
        source = Source(path, self.inventory)
        record = _validated(kind, source) if source.usable else None
        self.findings += source.findings
        source.findings = []
        return record, source

    def _provider(self) -> tuple[Provider | None, Source]:
        return self._read(Provider, self.inventory / "provider.yml")

    def _entries(self, directory: Path) -> list[Path] | None:
        """What somebody meant to be read in a directory; None where it cannot be listed."""
        try:
            entries = sorted(directory.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            self._file_problem(directory, f"cannot be read: {error.strerror}", _DIRECTORY_HINT)
            return None
        return [
            path for path in entries if path.name[0] != "." and path.suffix != ".md" and not path.name.endswith("~")
        ]

    def _yaml_files(self, directory: Path) -> list[Path] | None:
        entries = self._entries(directory)
        if entries is None:
            return None
        files = []
        for path in entries:
            if path.suffix == ".yml":
                files.append(path)
            else:
                wanted = path.with_name(path.name.partition(".")[0] + ".yml")
                hint = "move it away" if wanted.exists() else f"rename it to {wanted.name} or move it away"
                self._file_problem(path, "is not read: file names end in .yml here", hint)
        return files

    def _tenant_entries(self, directory: Path) -> set[str]:
        """Names in a tenant's directory; one that is misspelt would be left out without a word."""
        entries = self._entries(directory) or []
        for path in entries:
            if path.name not in _TENANT_ENTRIES:
                self._file_problem(
                    path,
                    "is not read: a tenant has tenant.yml, deviations.yml and sites/",
                    nearest(path.name, _TENANT_ENTRIES),
                )
        return {path.name for path in entries}

    def _procedures(self) -> dict[str, tuple[Procedure, Source]]:
        found: dict[str, tuple[Procedure, Source]] = {}
        for path in self._yaml_files(self.inventory / "procedures") or ():
            record, source = self._read(Procedure, path)
            if record is None:
                continue
            if record.id != path.stem:
                self._at(source, ("id",), f"id '{record.id}' differs from the file name", f"write id: {path.stem}")
            found[path.stem] = (record, source)
        return found

    def _at(self, source: Source, loc: Loc, message: str, hint: str = "", *, key: bool = False) -> None:
        self.findings.append(source.finding(loc, message, hint, key=key))

    def _warn(self, source: Source, loc: Loc, message: str, hint: str = "") -> None:
        self.warnings.append(source.finding(loc, message, hint, warning=True))

    # -- tenant ----------------------------------------------------------------------------------------------------

    def _possible_id(self, directory: Path) -> bool:
        if _IDENTIFIER.fullmatch(directory.name):
            return True
        self._file_problem(
            directory,
            f"'{directory.name[:60]}' cannot be the id of a tenant",
            "rename the directory: small letters and digits, beginning with a letter, at most 31 characters",
        )
        return False

    def _tenant(self, directory: Path, provider: Provider | None) -> CompiledTenant | None:
        names = self._tenant_entries(directory)
        record, source = self._read(Tenant, directory / "tenant.yml")
        paths = self._yaml_files(directory / "sites")
        sites = [(path, *self._read(Site, path)) for path in paths or ()]
        deviations: Deviations | None = None
        if "deviations.yml" in names:
            deviations, deviation_source = self._read(Deviations, directory / "deviations.yml")
        if record is None:
            return None
        if record.id != directory.name:
            self._at(
                source,
                ("id",),
                f"id '{record.id}' differs from the directory '{directory.name}'",
                f"write id: {directory.name}",
            )
        if record.ipv6.prefixlen != _TENANT6_LENGTH:
            self._at(
                source, ("ipv6",), f"a tenant owns a /48, found /{record.ipv6.prefixlen}", "ask the provider for a /48"
            )
            return None
        if provider is not None:
            self._in_pool(source, "ipv4", record.ipv4, provider.pools.ipv4)
            self._in_pool(source, "ipv6", record.ipv6, provider.pools.ipv6)
        self._settings(record.settings, source, ("settings",))
        for name, profile in record.profiles.items():
            if name not in self.standard.profiles:
                self._unknown(source, ("profiles", name), "profile", name, self.standard.profiles, key=True)
            self._settings(profile.settings, source, ("profiles", name, "settings"))
        tenant = CompiledTenant(record, source)
        for path, site, site_source in sites:
            if not _IDENTIFIER.fullmatch(path.stem):
                self._file_problem(
                    path,
                    f"'{path.stem}' cannot be the id of a site",
                    "use small letters and digits, beginning with a letter",
                )
            elif site is not None:
                compiled = _Placing(self, tenant, path.stem, site, site_source).run()
                if compiled is not None:
                    tenant.sites[path.stem] = compiled
        self._compare_sites(tenant)
        if deviations is not None:
            self._deviations(
                tenant, deviations, deviation_source, complete=paths is not None and len(tenant.sites) == len(paths)
            )
            tenant.deviations = tuple(deviations.deviations)
        return tenant

    def _in_pool(self, source: Source, key: str, block: Any, pools: Sequence[Any]) -> None:
        if not any(block.subnet_of(pool) for pool in pools):
            listed = ", ".join(map(str, pools))
            self._at(source, (key,), f"{block} is outside the provider's pools ({listed})", "see pools in provider.yml")

    def _compare_tenants(self, tenants: Mapping[str, CompiledTenant]) -> None:
        for key in ("ipv4", "ipv6"):
            blocks = [(getattr(tenant.record, key), tenant.source) for tenant in tenants.values()]
            for (block, source), (other, other_source) in _overlaps(blocks):
                line, _ = other_source.place((key,))
                self._at(
                    source,
                    (key,),
                    f"{block} overlaps {other} of {other_source.name}:{line}",
                    "every tenant owns a block of its own",
                )

    def _compare_sites(self, tenant: CompiledTenant) -> None:
        sites = list(tenant.sites.values())
        for (network, source), (other, other_source) in _overlaps(
            [(site.record.network, site.source) for site in sites]
        ):
            line, _ = other_source.place(("network",))
            self._at(
                source,
                ("network",),
                f"{network} overlaps {other} of {other_source.name}:{line}",
                "every site has a network of its own",
            )
        # A subnet that lies outside its site's network could be in another site's.
        subnets = [(four, site.source) for site in sites for four, _ in site.zones.values()]
        for (network, source), (other, other_source) in _overlaps(subnets):
            if source is not other_source:
                zone = next(name for name, (four, _) in _site_of(sites, source).zones.items() if four == network)
                theirs = next(name for name, (four, _) in _site_of(sites, other_source).zones.items() if four == other)
                self._at(
                    source,
                    ("zones", zone, "network"),
                    f"{network} of zone {zone} overlaps {other}, zone {theirs} of {other_source.name}",
                    "subnets of a town never overlap; choose one inside the site's own network",
                )
        numbers: dict[int, CompiledSite] = {}
        for site in sites:
            if (first := numbers.setdefault(site.record.number, site)) is not site:
                free = next((number for number in range(1, 256) if all(s.record.number != number for s in sites)), None)
                hint = f"the next free number is {free}" if free else "all 255 numbers are in use"
                self._at(site.source, ("number",), f"number {site.record.number} belongs to {first.source.name}", hint)

    # -- deviations ------------------------------------------------------------------------------------------------

    def _deviations(self, tenant: CompiledTenant, record: Deviations, source: Source, *, complete: bool) -> None:
        seen: dict[str, int] = {}
        earlier: list[tuple[Deviation, Collection[str]]] = []
        shorts = {name: site.record.short for name, site in tenant.sites.items()}
        short_rooms = {
            name
            for site in tenant.sites.values()
            for room in site.record.rooms
            for name in (room.name, f"{site.record.short}-{room.name}")
        }
        known: dict[str, Collection[str]] = {
            "zones": self.standard.zones,
            "profiles": self.standard.profiles,
        }
        hosts = [host for site in tenant.sites.values() for host in site.hosts]
        if complete:
            known["sites"] = tenant.sites
            known["rooms"] = short_rooms
            known["hosts"] = {host.name for host in hosts}
        for index, deviation in enumerate(record.deviations):
            loc: Loc = ("deviations", index)
            if (first := seen.setdefault(deviation.id, index)) != index:
                line, _ = source.place(("deviations", first))
                self._at(
                    source, (*loc, "id"), f"id '{deviation.id}' is already used in line {line}", "ids are never reused"
                )
            self._term(deviation, source, loc)
            if self.catalogue.controls:
                for place, control in enumerate(deviation.controls):
                    if control not in self.catalogue.controls:
                        self._unknown(source, (*loc, "controls", place), "control", control, self.catalogue.controls)
            unknown = False
            for key, names in known.items():
                for place, name in enumerate(getattr(deviation.scope, key)):
                    if name not in names:
                        unknown = True
                        self._unknown(source, (*loc, "scope", key, place), key.removesuffix("s"), name, names)
            if not complete or unknown:
                continue
            held = {host.name for host in hosts if deviation.scope.holds(host, shorts[host.site])}
            if not held:
                self._warn(
                    source,
                    (*loc, "scope"),
                    f"no host is in the scope of deviation {deviation.id}: it excepts nothing",
                    "every list narrows the scope; check that sites, rooms and the others belong together",
                )
            if len(held) == len(hosts) and not deviation.approved_by:
                self._at(
                    source,
                    loc,
                    f"deviation {deviation.id} holds for all {len(hosts)} hosts of the tenant and nobody approved it",
                    "narrow it with scope, or name who decided that in approved_by",
                )
            self._overlaps(deviation, held, earlier, source, loc)
            earlier.append((deviation, held))

    def _term(self, deviation: Deviation, source: Source, loc: Loc) -> None:
        """Whether a deviation is in force today, and for a time that an auditor accepts."""
        left = (deviation.expires - self.today).days
        if left < 0:
            self._warn(
                source,
                (*loc, "expires"),
                f"deviation {deviation.id} expired on {deviation.expires} and excepts nothing",
                "remove it, or have it approved again with a new date",
            )
        elif left <= _EXPIRES_SOON:
            self._warn(
                source,
                (*loc, "expires"),
                f"deviation {deviation.id} expires in {left} days; after that its controls are enforced again",
                "make the hosts ready for that, or have it approved again with a new date",
            )
        if deviation.created > self.today:
            self._warn(
                source,
                (*loc, "created"),
                f"deviation {deviation.id} begins on {deviation.created} and excepts nothing before",
            )
        if (deviation.expires - deviation.created).days > _LONGEST:
            self._warn(
                source,
                (*loc, "expires"),
                f"deviation {deviation.id} lasts longer than two years: a deviation is an exception for a time",
                "choose an earlier day and decide again then",
            )

    def _overlaps(
        self,
        deviation: Deviation,
        held: Collection[str],
        earlier: Sequence[tuple[Deviation, Collection[str]]],
        source: Source,
        loc: Loc,
    ) -> None:
        """Two deviations for one control of one host: nobody can tell whose reason and date count."""
        for other, others in earlier:
            controls = sorted(set(deviation.controls) & set(other.controls))
            hosts = sorted(set(held) & set(others))
            if controls and hosts and deviation.created <= other.expires and other.created <= deviation.expires:
                more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
                self._warn(
                    source,
                    loc,
                    f"deviations {other.id} and {deviation.id} both except {', '.join(controls)} on {hosts[0]}{more}; "
                    "the one that lasts longer counts",
                    "join them, or narrow one of them",
                )

    def _unknown(
        self, source: Source, loc: Loc, what: str, name: str, known: Collection[str], *, key: bool = False
    ) -> None:
        self._at(source, loc, f"{what} '{name}' is unknown", nearest(name, known), key=key)

    # -- settings --------------------------------------------------------------------------------------------------

    def _settings(self, values: Settings, source: Source, loc: Loc) -> None:
        for name, value in values.items():
            if name.startswith("verbund_"):
                self._at(
                    source,
                    (*loc, name),
                    f"'{name}' is computed by Verbund and cannot be set",
                    "change what it is computed from",
                    key=True,
                )
            elif not self.catalogue.known:
                continue
            elif (option := self.catalogue.options.get(name)) is None:
                self._at(
                    source,
                    (*loc, name),
                    f"no role has a setting '{name}'",
                    nearest(name, self.catalogue.options),
                    key=True,
                )
            else:
                for place, message in settings.mismatches(option, value, (*loc, name)):
                    self._at(source, place, message, "the role's README and meta/argument_specs.yml describe it")

    # -- flows -----------------------------------------------------------------------------------------------------

    def _flow(
        self,
        flow: Flow | ProcedureFlow,
        source: Source,
        loc: Loc,
        names: _Names,
        tenants: Mapping[str, CompiledTenant],
    ) -> None:
        before = len(self.findings)
        for side, endpoint in (("from", flow.source), ("to", flow.to)):
            checks = dict(names)
            if endpoint.tenants and all(name in tenants for name in endpoint.tenants):
                checks["sites"] = ("site", {site for name in endpoint.tenants for site in tenants[name].sites})
            for key, (what, known) in checks.items():
                for place, name in enumerate(getattr(endpoint, key)):
                    if name not in known:
                        self._unknown(source, (*loc, side, key, place), what, name, known)
        if flow.source.internet:
            self._at(
                source,
                (*loc, "from", "internet"),
                "the internet cannot be the origin of a flow",
                "name the provider's network it comes through",
            )
        if len(self.findings) != before:
            return
        for side, near, far in (("from", flow.source, flow.to), ("to", flow.to, flow.source)):
            inside = far.zones or far.classes or far.profiles
            if near.tenants and inside and (far.tenants != near.tenants or len(near.tenants) > 1):
                # Each tenant must compile to the same rules whether it is loaded alone or with all others.
                self._at(
                    source,
                    (*loc, side, "tenants"),
                    "a flow between tenants must name the other side by networks",
                    "put its subnets under networks: in provider.yml, and write one flow for each tenant",
                )
                return
        for one in sorted(self._realms(flow.source, tenants)):
            for other in sorted(self._realms(flow.to, tenants)):
                if {one, other} == {"administrative", "pedagogical"}:
                    self._at(
                        source,
                        (*loc, "to"),
                        "connects administration with pedagogy: these two sides never reach each other",
                        "administration and pedagogy share only services of provider and site server",
                    )

    def _tenant_flows(self, tenant: CompiledTenant, names: _Names, tenants: Mapping[str, CompiledTenant]) -> None:
        """A town's own flows hold at its own sites only, so that they can name no other town."""
        own = tenant.record.id
        for index, flow in enumerate(tenant.record.flows):
            foreign = False
            for side, endpoint in (("from", flow.source), ("to", flow.to)):
                for place, name in enumerate(endpoint.tenants):
                    if name != own:
                        foreign = True
                        self._at(
                            tenant.source,
                            ("flows", index, side, "tenants", place),
                            f"a flow of {own} cannot name another town ('{name}')",
                            "flows between towns belong into provider.yml",
                        )
            if not foreign:
                self._flow(flow, tenant.source, ("flows", index), names, tenants)

    def _town_links(
        self, provider: Provider, source: Source, names: _Names, tenants: Mapping[str, CompiledTenant]
    ) -> None:
        flows = {flow.id for flow in provider.flows}
        seen: set[str] = set()
        for index, link in enumerate(provider.town_links):
            loc: Loc = ("town_links", index)
            if link.id in seen:
                self._at(source, (*loc, "id"), f"link '{link.id}' stands twice", "choose another id")
            seen.add(link.id)
            for place, flow in enumerate(link.flows):
                if flow not in flows:
                    self._unknown(source, (*loc, "flows", place), "flow", flow, flows)
            for place, end in enumerate(link.ends):
                if end.tenant not in names["tenants"][1]:
                    self._unknown(source, (*loc, "ends", place, "tenant"), "tenant", end.tenant, names["tenants"][1])
                elif end.tenant in tenants and end.site not in tenants[end.tenant].sites:
                    self._unknown(source, (*loc, "ends", place, "site"), "site", end.site, tenants[end.tenant].sites)
            if link.ends[0].tenant == link.ends[1].tenant:
                self._at(
                    source,
                    (*loc, "ends"),
                    f"both ends of link '{link.id}' are in {link.ends[0].tenant}",
                    "sites of one town reach each other through the data centre",
                )

    def _named(self, name: str) -> Sequence[IPv4Network | IPv6Network]:
        return self.provider.named(name) if self.provider is not None else ()

    def _realms(self, endpoint: Endpoint, tenants: Mapping[str, CompiledTenant]) -> set[str]:
        """Sides of the wall that an endpoint touches, also through named networks of a tenant's zones."""
        realms: set[str] = {self.standard.zones[zone].realm for zone in _zones_of(endpoint, self.standard)}
        for network in (network for name in endpoint.networks for network in self._named(name)):
            for tenant in tenants.values():
                block = tenant.record.ipv4 if network.version == 4 else tenant.record.ipv6
                if not network.overlaps(block):
                    continue
                for site in tenant.sites.values():
                    realms |= {
                        self.standard.zones[zone].realm
                        for zone, pair in site.zones.items()
                        if network.overlaps(pair[0 if network.version == 4 else 1])
                    }
        return realms

    def _unique_flow_names(
        self,
        provider: Provider | None,
        source: Source,
        procedures: Mapping[str, tuple[Procedure, Source]],
        tenants: Mapping[str, CompiledTenant],
    ) -> None:
        seen = {flow.id for flow in self.standard.flows}
        for index, flow in enumerate(provider.flows if provider else ()):
            if flow.id in seen:
                self._at(source, ("flows", index, "id"), f"flow '{flow.id}' exists already", "choose another id")
            seen.add(flow.id)
        for name, (_, procedure_source) in procedures.items():
            if name in seen:
                self._at(
                    procedure_source,
                    ("id",),
                    f"a flow has the id '{name}' already",
                    "choose another id for the procedure",
                )
        seen |= set(procedures)
        for tenant in tenants.values():
            mine = set(seen)
            for index, flow in enumerate(tenant.record.flows):
                if flow.id in mine:
                    self._at(
                        tenant.source, ("flows", index, "id"), f"flow '{flow.id}' exists already", "choose another id"
                    )
                mine.add(flow.id)


class _Placing:
    """Give the hosts and devices of one site their names and addresses, and refuse what does not fit."""

    def __init__(self, loader: _Loader, tenant: CompiledTenant, site_id: str, site: Site, source: Source) -> None:
        self.loader = loader
        self.standard = loader.standard
        self.tenant = tenant
        self.id = site_id
        self.site = site
        self.source = source
        self.hosts: list[Host] = []
        self.devices: list[Device] = []
        self.numbers: dict[tuple[str, int], str] = {}
        self.port_owners: dict[str, dict[int, str]] = {}
        self.types: dict[str, DeviceType] = {}
        self.panels: dict[str, int] = {}
        self.patched: dict[tuple[str, int], str] = {}

    def run(self) -> CompiledSite | None:
        site, block = self.site, self.tenant.record.ipv4
        fitting = True
        if not site.network.subnet_of(block):
            self._at(
                ("network",),
                f"{site.network} is outside the block of tenant {self.tenant.record.id} ({block})",
                "choose a network inside it",
            )
            fitting = False
        found = addresses.plan_of(self.standard, site.network)
        if found is None:
            lengths = " or ".join(f"/{plan.length} ({name})" for name, plan in self.standard.plans.items())
            self._at(("network",), f"no address plan for a /{site.network.prefixlen}", f"expected {lengths}")
        self._zones_known()
        self.loader._settings(site.settings, self.source, ("settings",))  # noqa: SLF001  one subject, two classes
        if found is None or not fitting:
            return None
        self.plan_name, self.plan = found
        self.networks = {zone: addresses.zone_network(site, self.plan, zone) for zone in self.standard.zones}
        self.networks6 = {
            zone: addresses.zone_network6(self.tenant.record.ipv6, site.number, record.vlan)
            for zone, record in self.standard.zones.items()
        }
        self.vlans = {
            zone: override.vlan if (override := site.zones.get(zone)) and override.vlan else record.vlan
            for zone, record in self.standard.zones.items()
        }
        if site.zones:
            self._zone_overrides()
        self.gateway = {zone: addresses.at(network, 1) for zone, network in self.networks.items()}
        self._machines()
        self._cabinets()
        self._switches()
        self._links()
        self._server_ports()
        self._rooms()
        names = {host.name for host in self.hosts}
        self._unique_macs()
        for name, special in site.hosts.items():
            if name not in names:
                self._unknown(("hosts", name), "host", name, names, key=True)
            self.loader._settings(special.settings, self.source, ("hosts", name, "settings"))  # noqa: SLF001
        return CompiledSite(
            self.id,
            self.tenant.record.id,
            site,
            self.source,
            self.plan_name,
            self.plan,
            {zone: (self.networks[zone], self.networks6[zone]) for zone in self.networks},
            self.vlans,
            self.gateway,
            self.hosts,
            self.devices,
            self.types,
        )

    def _at(self, loc: Loc, message: str, hint: str = "", *, key: bool = False) -> None:
        self.loader._at(self.source, loc, message, hint, key=key)  # noqa: SLF001

    def _unknown(self, loc: Loc, what: str, name: str, known: Collection[str], *, key: bool = False) -> None:
        self._at(loc, f"{what} '{name}' is unknown", nearest(name, known), key=key)

    def _unique_macs(self) -> None:
        for host in self.hosts:
            if host.mac and (owner := self.loader.macs.setdefault(host.mac, host.name)) != host.name:
                self._at(
                    self._place_of_mac(host),
                    f"MAC address {host.mac} of {host.name} belongs to {owner}",
                    "read it again from the machine; every network card has its own",
                )

    def _place_of_mac(self, host: Host) -> Loc:
        site = self.site
        if (special := site.hosts.get(host.name)) and special.mac:
            return ("hosts", host.name, "mac")
        entries: list[tuple[Loc, str | None]] = [
            ((kind, index, "mac"), machine.mac)
            for kind in ("gateways", "servers")
            for index, machine in enumerate(getattr(site, kind))
            if f"{site.short}-{machine.name}" == host.name
        ] + [
            (("rooms", index, "clients", place, "mac"), entry.mac)
            for index, room in enumerate(site.rooms)
            if room.name == host.room
            for place, entry in enumerate(room.clients)
            if (entry.profile, entry.number) == (host.profile, host.number)
        ]
        return next((loc for loc, mac in entries if mac == host.mac), ())

    # -- zones -----------------------------------------------------------------------------------------------------

    def _zones_known(self) -> None:
        for zone in self.site.zones:
            if zone not in self.standard.zones:
                self._unknown(("zones", zone), "zone", zone, self.standard.zones, key=True)

    def _zone_overrides(self) -> None:
        owners: dict[int, str] = {}
        # The overridden zones come last, so that the finding points at a line of this file.
        for zone in sorted(self.vlans, key=lambda name: name in self.site.zones):
            vlan = self.vlans[zone]
            if (owner := owners.setdefault(vlan, zone)) != zone:
                self._at(
                    ("zones", zone, "vlan"),
                    f"VLAN {vlan} of zone {zone} is already used by zone {owner}",
                    "choose a VLAN id of its own",
                )
        for zone, override in self.site.zones.items():
            network = override.network
            if network is None or zone not in self.networks:
                continue
            if not network.subnet_of(self.tenant.record.ipv4):
                self._at(
                    ("zones", zone, "network"),
                    f"{network} is outside the tenant's block {self.tenant.record.ipv4}",
                    "choose one inside it",
                )
            for other, taken in self.networks.items():
                if other != zone and network.overlaps(taken):
                    self._at(
                        ("zones", zone, "network"),
                        f"{network} of zone {zone} overlaps {taken} of zone {other}",
                        "subnets of a site never overlap",
                    )

    # -- names and numbers -----------------------------------------------------------------------------------------

    def _claim_name(self, name: str, loc: Loc) -> None:
        mine = (self.source, loc)
        source, first = self.loader.names.setdefault(name, mine)
        if source is not self.source or first is not loc:
            line, _ = source.place(first)
            self._at(
                loc,
                f"the name '{name}' is used twice, first in {source.name}:{line}",
                "host names are unique in the whole inventory; change short, room or name",
            )
        elif len(name) > _MAX_HOST_NAME:
            self._at(loc, f"the name '{name}' is longer than {_MAX_HOST_NAME} characters", "shorten it")

    def _claim_number(self, zone: str, number: int, name: str, loc: Loc) -> bool:
        network = self.networks[zone]
        last = addresses.last_number(self.plan, network, rooms=self.standard.zones[zone].rooms)
        possible = f"use {GATEWAY_NUMBERS + 1} to {last}" if last > GATEWAY_NUMBERS else "give the zone a larger subnet"
        if number <= GATEWAY_NUMBERS:
            self._at(loc, f"number {number} of zone {zone} is reserved for gateways", possible)
            return False
        if number > last:
            self._at(loc, f"number {number} does not fit into zone {zone} ({network})", possible)
            return False
        owner = self.numbers.setdefault((zone, number), name)
        if owner != name:
            free = next((n for n in range(GATEWAY_NUMBERS + 1, last + 1) if (zone, n) not in self.numbers), None)
            hint = f"the next free number is {free}" if free else "the zone is full"
            self._at(loc, f"number {number} of zone {zone} belongs to {owner}", hint)
            return False
        return True

    def _machines(self) -> None:
        site = self.site
        first_gateway = False
        for kind, default, host_class in (
            ("gateways", "site-gateway", "gateway"),
            ("servers", "site-server", "server"),
        ):
            machines: list[Machine] = getattr(site, kind)
            for index, machine in enumerate(machines):
                loc: Loc = (kind, index)
                self.loader._settings(machine.settings, self.source, (*loc, "settings"))  # noqa: SLF001
                profile_name = machine.profile or default
                profile = self.standard.profiles.get(profile_name)
                if profile is None:
                    self._unknown((*loc, "profile"), "profile", profile_name, self.standard.profiles)
                    continue
                if profile.host_class != host_class:
                    self._at(
                        (*loc, "profile"),
                        f"profile '{profile_name}' is for class {profile.host_class}, not for a {host_class}",
                        f"use {default}",
                    )
                    continue
                zone = machine.zone or profile.zone
                if zone not in self.networks:
                    self._unknown((*loc, "zone"), "zone", zone, self.networks)
                    continue
                name = f"{site.short}-{machine.name}"
                self._claim_name(name, (*loc, "name"))
                if host_class == "gateway":
                    first_gateway |= machine.number == 1
                    if machine.number > GATEWAY_NUMBERS:
                        self._at(
                            (*loc, "number"),
                            f"gateways have the numbers 1 to {GATEWAY_NUMBERS}",
                            "it is their address in every zone",
                        )
                        continue
                    if (owner := self.numbers.setdefault(("", machine.number), name)) != name:
                        self._at(
                            (*loc, "number"),
                            f"number {machine.number} belongs to {owner}",
                            "every gateway has a number of its own",
                        )
                        continue
                elif not self._claim_number(zone, machine.number, name, (*loc, "number")):
                    continue
                self.hosts.append(
                    self._host(
                        name=name,
                        room=None,
                        host_class=host_class,
                        profile=profile_name,
                        zone=zone,
                        offset=machine.number,
                        slot=0,
                        interface=machine.number,
                        number=machine.number,
                        mac=machine.mac,
                    )
                )
        if not first_gateway:
            self._at(
                ("gateways",),
                "the site has no gateway with number 1",
                "add: gateways: [{name: gw1, number: 1}]",
                key=True,
            )

    def _host(
        self,
        *,
        name: str,
        room: str | None,
        host_class: str,
        profile: str,
        zone: str,
        offset: int,
        slot: int,
        interface: int,
        number: int,
        mac: str | None,
    ) -> Host:
        network = self.networks[zone]
        if name in self.site.hosts:
            mac = self.site.hosts[name].mac or mac
        return Host(
            name=name,
            tenant=self.tenant.record.id,
            site=self.id,
            room=room,
            host_class=host_class,
            profile=profile,
            zone=zone,
            address=addresses.at(network, offset),
            prefix_length=network.prefixlen,
            address6=addresses.interface6(self.networks6[zone], slot, interface),
            gateway=self.gateway[zone],
            mac=mac,
            number=number,
        )

    def _device(
        self, name: str, room: str | None, kind: str, zone: str, number: int, *, platform: str | None = None
    ) -> None:
        self.devices.append(
            Device(
                name,
                self.tenant.record.id,
                self.id,
                room,
                kind,
                zone,
                addresses.at(self.networks[zone], number),
                addresses.interface6(self.networks6[zone], 0, number),
                number,
                platform,
            )
        )

    # -- switches and rooms ----------------------------------------------------------------------------------------

    def _cabinets(self) -> None:
        rooms = {room.name for room in self.site.rooms}
        names: set[str] = set()
        for index, cabinet in enumerate(self.site.cabinets):
            loc: Loc = ("cabinets", index)
            if cabinet.name in names:
                self._at(
                    (*loc, "name"), f"cabinet '{cabinet.name}' stands twice", "every cabinet has a name of its own"
                )
            names.add(cabinet.name)
            if cabinet.room is not None and cabinet.room not in rooms:
                self._unknown((*loc, "room"), "room", cabinet.room, rooms)
            for place, panel in enumerate(cabinet.panels):
                name = f"{cabinet.name}/{panel.name}"
                if name in self.panels:
                    self._at((*loc, "panels", place, "name"), f"panel '{name}' stands twice", "choose another name")
                self.panels[name] = panel.ports

    def _switches(self) -> None:
        rooms = {room.name for room in self.site.rooms}
        cabinets = {cabinet.name for cabinet in self.site.cabinets}
        for index, switch in enumerate(self.site.switches):
            loc: Loc = ("switches", index)
            name = f"{self.site.short}-{switch.name}"
            self._claim_name(name, (*loc, "name"))
            model = self._type(switch, loc)
            if self._claim_number("mgmt", switch.number, name, (*loc, "number")):
                platform = model.platform if model else switch.platform
                self._device(name, switch.room, "switch", "mgmt", switch.number, platform=platform)
            if switch.room is not None and switch.room not in rooms:
                self._unknown((*loc, "room"), "room", switch.room, rooms)
            if switch.cabinet is not None and switch.cabinet not in cabinets:
                self._unknown((*loc, "cabinet"), "cabinet", switch.cabinet, cabinets)
            self.port_owners[switch.name] = dict.fromkeys(switch.uplinks, "the uplink")
            if model is None:
                continue
            self.types[switch.name] = model
            if switch.native in self.vlans.values():
                zone = next(zone for zone, vlan in self.vlans.items() if vlan == switch.native)
                self._at(
                    (*loc, "native"),
                    f"VLAN {switch.native} is zone {zone}: untagged frames on trunks must lead nowhere",
                    f"leave native away (parking VLAN {self.standard.parking})",
                )
            for port in switch.uplinks:
                if port > model.size:
                    self._at(
                        (*loc, "uplink"),
                        f"uplink {port} is beyond the {model.size} ports of {switch.name}",
                        f"use 1 to {model.size}",
                    )

    def _type(self, switch: Switch, loc: Loc) -> DeviceType | None:
        """The model of a switch; a plain one of its platform where no type is named."""
        if switch.type is None:
            return _plain_type(switch.platform, switch.ports) if switch.platform and switch.ports else None
        model = device_types().get(switch.type)
        if model is None:
            self._unknown((*loc, "type"), "type", switch.type, device_types())
            return None
        if switch.platform is not None and switch.platform != model.platform:
            self._at(
                (*loc, "platform"),
                f"{switch.name} is a {model.title}: its platform is {model.platform}, not {switch.platform}",
                "leave platform away",
            )
        if switch.ports is not None and switch.ports != model.size:
            self._at(
                (*loc, "ports"),
                f"{switch.name} is a {model.title}: it has {model.size} ports, not {switch.ports}",
                "leave ports away",
            )
        return model

    def _links(self) -> None:
        """Both ends of every cable: they exist, are as wide as each other, and serve nothing else."""
        declared = {switch.name for switch in self.site.switches}
        for index, link in enumerate(self.site.links):
            ends = [parts_of(link.first), parts_of(link.to)]
            self._link_end(index, "from", *ends[0])
            self._link_end(index, "to", *ends[1])
            if ends[0][0] == ends[1][0]:
                self._at(
                    ("links", index, "to"), f"both ends of the link are at {ends[0][0]}", "a link joins two devices"
                )
            elif not {ends[0][0], ends[1][0]} & declared:
                self._at(("links", index, "to"), "the link joins no switch", "one end at least is a switch")
            widths = {name: len(ports) for name, ports in ends if ports}
            if len(set(widths.values())) > 1:
                listed = ", ".join(f"{name} has {width}" for name, width in widths.items())
                self._at(
                    ("links", index, "to"),
                    f"the two ends differ in their number of ports: {listed}",
                    "a port channel has the same number of ports at both ends",
                )
            for place, zone in enumerate(link.zones or ()):
                if zone not in self.networks:
                    self._unknown(("links", index, "zones", place), "zone", zone, self.networks)

    def _link_end(self, index: int, side: str, name: str, ports: range) -> None:
        loc: Loc = ("links", index, side)
        gateways = {gateway.name for gateway in self.site.gateways}
        if name in gateways:
            if ports:
                self._at(loc, "a gateway has no numbered ports", f"write: {side}: {name}")
            return
        if name not in self.port_owners:
            self._unknown(loc, "switch or gateway", name, {*self.port_owners, *gateways})
            return
        if not ports or not ports.start:
            self._at(loc, f"'{name}' without a port", f"write the port: {name}/1")
            return
        if len(ports) > _MAX_MEMBERS:
            self._at(loc, f"{len(ports)} ports are too many for one port channel", f"it has at most {_MAX_MEMBERS}")
            return
        if (model := self.types.get(name)) and ports[-1] > model.size:
            self._at(loc, f"port {ports[-1]} is beyond the {model.size} ports of {name}", f"use 1 to {model.size}")
        owners = self.port_owners[name]
        for port in ports:
            # What a link says of an uplink port wins: uplink alone would mean the gateway.
            if owners.get(port, "the uplink") != "the uplink":
                self._at(loc, f"port {port} of {name} is already used by {owners[port]}", "a port holds one cable")
                return
            owners[port] = f"the link in line {self.source.place(('links', index))[0]}"

    def _server_ports(self) -> None:
        for kind in ("gateways", "servers"):
            for index, machine in enumerate(getattr(self.site, kind)):
                if machine.port is None:
                    continue
                loc: Loc = (kind, index, "port")
                if kind == "gateways":
                    self._at(
                        loc, "the cables of a gateway stand in links", f"write: {{from: sw1/48, to: {machine.name}}}"
                    )
                    continue
                name, ports = parts_of(machine.port)
                if name not in self.port_owners:
                    self._unknown(loc, "switch", name, self.port_owners)
                elif len(ports) != 1:
                    self._at(loc, f"'{machine.port}' is not one port", f"write: {name}/1")
                elif (model := self.types.get(name)) and not 1 <= ports[0] <= model.size:
                    self._at(
                        loc, f"port {ports[0]} is beyond the {model.size} ports of {name}", f"use 1 to {model.size}"
                    )
                elif (owner := self.port_owners[name].setdefault(ports[0], machine.name)) != machine.name:
                    self._at(loc, f"port {ports[0]} of {name} is already used by {owner}", "a port holds one cable")

    def _rooms(self) -> None:
        names: dict[str, int] = {}
        slots: dict[int, str] = {}
        for room in self.site.rooms:
            if room.slot is not None:
                slots.setdefault(room.slot, room.name)
        taken: set[int] = set()
        for index, room in enumerate(self.site.rooms):
            loc: Loc = ("rooms", index)
            if (first := names.setdefault(room.name, index)) != index:
                line, _ = self.source.place(("rooms", first, "name"))
                self._at(
                    (*loc, "name"), f"room '{room.name}' is already in line {line}", "every room has a name of its own"
                )
                continue
            if room.settings:
                self.loader._settings(room.settings, self.source, (*loc, "settings"))  # noqa: SLF001
            wired = self._room_devices(room, loc)
            if self._slot_fits(room, loc, slots, taken):
                wired += self._room_clients(room, loc)
                self._room_ports(room, loc, wired)

    def _slot_fits(self, room: Room, loc: Loc, slots: Mapping[int, str], taken: set[int]) -> bool:
        free = next(
            (slot for slot in range(1, self.standard.slots + 1) if slot not in slots and slot not in taken), None
        )
        hint = f"the next free slot is {free}" if free else f"all {self.standard.slots} slots are in use"
        if room.slot is None:
            if free:
                taken.add(free)
            self._at((*loc, "name"), f"room '{room.name}' has no slot, the number of its address block", hint)
        elif not 1 <= room.slot <= self.standard.slots:
            self._at((*loc, "slot"), f"slot {room.slot} is not possible, expected 1 to {self.standard.slots}", hint)
        elif slots[room.slot] != room.name:
            self._at((*loc, "slot"), f"slot {room.slot} belongs to room '{slots[room.slot]}'", hint)
        else:
            return True
        return False

    def _room_devices(self, room: Room, loc: Loc) -> int:
        count = 0
        for index, entry in enumerate(room.devices):
            place: Loc = (*loc, "devices", index)
            default = self.standard.devices[entry.kind]
            zone = entry.zone or default.zone
            count += 0 if entry.with_client else entry.count
            for number_of_zone, name_of_zone in enumerate(entry.zones or ()):
                if name_of_zone not in self.networks:
                    self._unknown((*place, "zones", number_of_zone), "zone", name_of_zone, self.networks)
            if zone not in self.networks:
                self._unknown((*place, "zone"), "zone", zone, self.networks)
                continue
            for number in range(entry.number, entry.number + entry.count):
                name = f"{self.site.short}-{room.name}-{default.prefix}{number}"
                self._claim_name(name, (*place, "number"))
                if not self._claim_number(zone, number, name, (*place, "number")):
                    break
                self._device(name, room.name, entry.kind, zone, number)
        return count

    def _room_clients(self, room: Room, loc: Loc) -> int:
        wired = 0
        owners: dict[tuple[str, int], int] = {}
        for index, entry in enumerate(room.clients):
            place: Loc = (*loc, "clients", index)
            profile = self.standard.profiles.get(entry.profile)
            if profile is None or not profile.offsets:
                rooms = {name for name, other in self.standard.profiles.items() if other.offsets}
                self._unknown((*place, "profile"), "profile", entry.profile, rooms)
                continue
            space = addresses.capacity(profile, self.plan_name)
            numbers = _client_numbers(entry)
            for gone, number in enumerate(entry.without):
                if entry.count is None or number > entry.count:
                    self._at(
                        (*place, "without", gone),
                        f"there is no machine {number} to be without",
                        f"count says 1 to {entry.count}" if entry.count else "without goes with count",
                    )
            if numbers and numbers[-1] > space:
                key = "count" if entry.count is not None else "number"
                self._at(
                    (*place, key),
                    f"{numbers[-1]} machines of profile {entry.profile}, but the block of a room holds {space} "
                    f"(address plan '{self.plan_name}')",
                    "split the room into two slots" + ("" if self.plan_name == "large" else ", or give the site a /16"),
                )
                continue
            network = self.networks[profile.zone]
            if (
                addresses.room_offset(self.plan, self.plan_name, profile, room.slot or 0, space)
                >= network.num_addresses - 1
            ):
                self._at(
                    (*loc, "slot"),
                    f"slot {room.slot} does not fit into zone {profile.zone} ({network})",
                    "use a smaller slot or a larger subnet",
                )
                continue
            first = profile.offsets[self.plan_name].first
            for number in numbers:
                if (earlier := owners.setdefault((entry.profile, number), index)) != index:
                    line, _ = self.source.place((*loc, "clients", earlier))
                    self._at(
                        place,
                        f"number {number} of profile {entry.profile} is already used in line {line}",
                        "numbers are unique per room and profile",
                    )
                    break
                name = f"{self.site.short}-{entry.name or f'{room.name}-{profile.prefix}{number:02}'}"
                self._claim_name(name, place)
                offset = addresses.room_offset(self.plan, self.plan_name, profile, room.slot or 0, number)
                self.hosts.append(
                    self._host(
                        name=name,
                        room=room.name,
                        host_class=profile.host_class,
                        profile=entry.profile,
                        zone=profile.zone,
                        offset=offset,
                        slot=room.slot or 0,
                        interface=first + number,
                        number=number,
                        mac=entry.mac,
                    )
                )
            wired += len(numbers) if profile.wired else 0
        return wired

    def _room_ports(self, room: Room, loc: Loc, wired: int) -> None:
        declared = {switch.name for switch in self.site.switches}
        serving = {*self.standard.profiles, *self.standard.devices}
        count = 0
        for index, spec in enumerate(room.ports):
            place: Loc = (*loc, "ports", index)
            count += len(spec.numbers)
            if spec.serves is not None and spec.serves not in serving:
                self._unknown((*place, "serves"), "profile or kind of device", spec.serves, serving)
            if spec.zone is not None and spec.zone not in self.networks:
                self._unknown((*place, "zone"), "zone", spec.zone, self.networks)
            if spec.patch is not None:
                self._patch(spec.patch, len(spec.numbers), room.name, place)
            if spec.switch not in declared:
                self._unknown((*place, "switch"), "switch", spec.switch, declared)
            if (model := self.types.get(spec.switch)) is None:
                continue
            key = "port" if spec.port is not None else "to"
            if spec.numbers[-1] > model.size:
                self._at(
                    (*place, key),
                    f"port {spec.numbers[-1]} is beyond the {model.size} ports of {spec.switch}",
                    f"use 1 to {model.size}",
                )
            for port in spec.numbers:
                owner = self.port_owners[spec.switch].setdefault(port, f"room '{room.name}' (entry {index})")
                if owner != f"room '{room.name}' (entry {index})":
                    self._at(
                        place, f"port {port} of {spec.switch} is already used by {owner}", "a port serves one socket"
                    )
                    break
        if count < wired:
            what = f"room '{room.name}' has {wired} wired clients and devices"
            if count == 0:
                self._at((*loc, "name"), f"{what} but no switch port", "add: ports: {switch: NAME, from: N, to: M}")
            else:
                self._at((*loc, "ports"), f"{what} but only {count} switch ports", f"add {wired - count} more")

    def _patch(self, first: str, count: int, room: str, place: Loc) -> None:
        panel, _, start = first.rpartition("/")
        if panel not in self.panels:
            self._unknown((*place, "patch"), "panel", panel, self.panels)
            return
        numbers = range(int(start), int(start) + count)
        if not 1 <= numbers[0] <= numbers[-1] <= self.panels[panel]:
            self._at(
                (*place, "patch"),
                f"patch port {numbers[-1]} is beyond the {self.panels[panel]} ports of panel {panel}",
                f"use 1 to {self.panels[panel]}",
            )
            return
        for number in numbers:
            if (panel, number) in self.patched:
                self._at(
                    (*place, "patch"),
                    f"patch port {panel}/{number} already belongs to room '{self.patched[panel, number]}'",
                    "a patch port serves one socket",
                )
                return
            self.patched[panel, number] = room


def _client_numbers(entry: Clients) -> list[int]:
    if entry.count is None:
        return [entry.number or 1]
    return [number for number in range(1, entry.count + 1) if number not in entry.without]


def _site_of(sites: Iterable[CompiledSite], source: Source) -> CompiledSite:
    return next(site for site in sites if site.source is source)


def parts_of(end: str) -> tuple[str, range]:
    """Name and ports of a link's end: ``sw1/47-48`` is sw1 with the ports 47 and 48.

    Args:
        end: as it stands in a site file, checked by its model.
    """
    name, _, ports = end.partition("/")
    first, _, last = ports.partition("-")
    return name, range(int(first), int(last or first) + 1) if ports else range(0)


_Block = TypeVar("_Block", IPv4Network, IPv6Network)


def _overlaps(blocks: Sequence[tuple[_Block, Source]]) -> Iterator[tuple[tuple[_Block, Source], tuple[_Block, Source]]]:
    """Overlapping pairs, the later file first. Sorted, so that only neighbours need comparing."""
    ordered = sorted(blocks, key=lambda item: (item[0].network_address, item[0].prefixlen))
    widest: tuple[_Block, Source] | None = None
    for item in ordered:
        if widest is not None and item[0].overlaps(widest[0]):
            yield (item, widest) if item[1].name >= widest[1].name else (widest, item)
        if widest is None or item[0].broadcast_address > widest[0].broadcast_address:
            widest = item


def _zones_of(endpoint: Endpoint, standard: Standard) -> Iterator[str]:
    yield from endpoint.zones
    for name in endpoint.profiles:
        yield standard.profiles[name].zone


# -- validation --------------------------------------------------------------------------------------------------------


def _validated(kind: type[R], source: Source) -> R | None:
    """Validate a file's value; note every problem at its place."""
    if source.value is not None and not isinstance(source.value, dict):
        source.add(
            (),
            f"expected keys and values, found {settings.described(source.value)}",
            f"verbund schema {kind.__name__.lower()} shows the keys",
        )
        return None
    try:
        return kind.model_validate(source.value or {})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _explain(kind, source, detail)
        return None


_TYPE_WORDS = {
    "string_type": ("text", ""),
    "int_type": ("a whole number", "write it without quotes"),
    "bool_type": ("true or false", "write true or false"),
    "list_type": ("a list", "write it as [one, two]"),
    "dict_type": ("keys and values", "write it as {key: value}"),
    "model_type": ("keys and values", "write it as {key: value}"),
}


def _explain(kind: type[BaseModel], source: Source, detail: ErrorDetails) -> None:
    loc, context, value = detail["loc"], detail.get("ctx", {}), detail.get("input")
    name = _name_of(loc)
    match detail["type"]:
        case "extra_forbidden":
            known = {alias for record in _records_at(kind, loc[:-1]) for alias in _keys(record)}
            source.add(loc, f"unknown key {name}", nearest(str(loc[-1]), known), key=True)
        case "missing":
            source.add(loc[:-1], f"key {name} is missing", f"verbund schema {kind.__name__.lower()} describes it")
        case "literal_error":
            expected = str(context.get("expected", "")).replace("'", "")
            options = [word.strip() for word in re.split(r",| or ", expected) if word.strip()]
            hint = nearest(value, options) if isinstance(value, str) else ""
            source.add(loc, f"{settings.described(value)} is not possible for {name}, expected {expected}", hint)
        case known_type if known_type in _TYPE_WORDS:
            expected, hint = _TYPE_WORDS[known_type]
            if known_type == "string_type" and isinstance(value, int | float):
                hint = f'put it in quotes: "{value}"'
            elif known_type == "int_type" and not (isinstance(value, str) and value.strip().isdecimal()):
                hint = ""
            source.add(loc, f"{name} is {settings.described(value)}, expected {expected}", hint)
        case "greater_than_equal" | "less_than_equal":
            bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
            source.add(loc, f"{name} is {value}, expected {bound}")
        case "too_short":
            source.add(loc, f"{name} is empty, expected at least one entry")
        case "string_too_short":
            source.add(loc, f"{name} is empty, expected text")
        case "string_too_long":
            source.add(loc, f"{name} is longer than {context['max_length']} characters")
        case _:
            source.add(loc, detail["msg"])


def _name_of(loc: Loc) -> str:
    """What a message calls a place: the key, or which entry of which list."""
    key = next((step for step in reversed(loc) if isinstance(step, str)), "")
    shortened = f"'{key}'" if len(key) <= _SHOWN_KEY else f"'{key[:_SHOWN_KEY]}...'"
    return f"entry {loc[-1] + 1} of {shortened}" if loc and isinstance(loc[-1], int) else shortened


def _keys(record: type[BaseModel]) -> Iterator[str]:
    for name, info in record.model_fields.items():
        yield info.alias or name


def _records_at(kind: Any, loc: Iterable[str | int]) -> set[type[BaseModel]]:
    """The record types that a place in a document may hold."""
    current: set[Any] = {kind}
    for step in loc:
        following: set[Any] = set()
        for item in current:
            if isinstance(item, type) and issubclass(item, BaseModel):
                following |= {
                    inner
                    for name, info in item.model_fields.items()
                    if (info.alias or name) == step
                    for inner in _inner(info.annotation)
                }
            else:
                following.add(item)
        current = following or current
    return {item for item in current if isinstance(item, type) and issubclass(item, BaseModel)}


def _inner(annotation: Any) -> Iterator[Any]:
    arguments = typing.get_args(annotation)
    if isinstance(annotation, type) and not arguments:
        yield annotation
    for argument in arguments:
        yield from _inner(argument)
