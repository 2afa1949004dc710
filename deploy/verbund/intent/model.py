# SPDX-License-Identifier: EUPL-1.2
"""The words of the intent: what may stand in its files, and the hosts and devices that come out.

The records mirror the files one to one; their docstrings and field descriptions become the JSON Schema.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema

HostClass = Literal["client", "laptop", "server", "gateway"]
DeviceKind = Literal["printer", "ap", "phone", "camera", "display", "controller"]
SiteKind = Literal["school", "townhall", "datacentre"]
PlatformName = Literal[
    "cisco_ios", "aruba_aoscx", "aruba_aoss", "lancom_sx", "hpe_comware", "linux_bridge", "openvswitch"
]
Dot1xMode = Literal["off", "monitor", "enforce"]
Realm = Literal["administrative", "pedagogical", "shared"]
Level = Literal["standard", "tenant", "site", "profile", "room", "host"]

GATEWAY_NUMBERS = 4
"""Numbers 1 to 4 of every zone belong to the site's gateways."""


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("verbund", "{message}", {"message": message})


@dataclass(frozen=True, slots=True)
class Spelling:
    """Text that must match a pattern as a whole, with words for what is expected."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check after pydantic has made sure that it is text."""
        compiled = re.compile(self.pattern)

        def check(value: str) -> str:
            if not compiled.fullmatch(value):
                raise _wrong(f"'{value[:60]}' is not allowed here, expected {self.expected}")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Name the pattern to editors."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$", "description": self.expected}


def _parsed(parse: Callable[[str], Any], expected: str) -> BeforeValidator:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            raise _wrong(f"expected {expected}, found {value!r:.60}")
        try:
            return parse(value)
        except ValueError as error:
            detail = f" ({error})" if "host bits" in str(error) else ""
            raise _wrong(f"'{value[:60]}' is not {expected}{detail}") from None

    return BeforeValidator(read, json_schema_input_type=Annotated[str, Field(description=expected)])


def _iso_date(value: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(value)
    return date.fromisoformat(value)


# Names that earlier site files used for the same operating systems.
_PLATFORM_SYNONYMS = {"cisco_xe": "cisco_ios", "hp_procurve": "aruba_aoss", "lancom_lcossx": "lancom_sx"}


def _platform(value: Any) -> Any:
    return _PLATFORM_SYNONYMS.get(value, value) if isinstance(value, str) else value


def _public_key(value: str) -> str:
    if len(base64.b64decode(value, validate=True)) != 32 or len(value) != 44:
        raise ValueError(value)
    return value


def _host_key(value: str) -> str:
    kind, _, blob = value.partition(" ")
    raw = base64.b64decode(blob, validate=True)
    if kind not in _HOST_KEY_TYPES or raw[4 : 4 + int.from_bytes(raw[:4], "big")] != kind.encode():
        raise ValueError(value)
    return value


# OpenSSH's names, as ssh-keyscan prints them; RFC 4253 section 6.6: the blob begins with the same name.
_HOST_KEY_TYPES = frozenset(
    {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
)

Identifier = Annotated[
    str, Spelling(r"[a-z][a-z0-9]{0,30}", "small letters and digits, beginning with a letter, at most 31 characters")
]
ShortName = Annotated[
    str, Spelling(r"[a-z][a-z0-9]{1,5}", "two to six small letters and digits, beginning with a letter")
]
NamePrefix = Annotated[str, Spelling(r"[a-z]{1,4}", "one to four small letters")]
RoomName = Annotated[
    str,
    Spelling(r"[a-z][a-z0-9]{0,11}", "small letters and digits, beginning with a letter, at most 12 characters (r101)"),
]
HostLabel = Annotated[
    str, Spelling(r"[a-z][a-z0-9-]{0,40}[a-z0-9]", "small letters, digits and hyphens, at most 42 characters")
]
Dashed = Annotated[str, Spelling(r"[a-z][a-z0-9-]{0,39}", "small letters, digits and hyphens, beginning with a letter")]
DeviationId = Annotated[
    str, Spelling(r"[A-Z][A-Z0-9-]{2,39}", "capital letters, digits and hyphens, such as DEV-ERK-001")
]
ControlId = Annotated[str, Spelling(r"VB-[A-Z]{3}-[0-9]{3}", "the id of a control, such as VB-SSH-003")]
Mac = Annotated[
    str, Spelling(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", "a MAC address in small letters, such as 52:54:00:12:34:56")
]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Day = Annotated[date, _parsed(_iso_date, "a date written as YYYY-MM-DD")]
Network4 = Annotated[IPv4Network, _parsed(IPv4Network, "an IPv4 network such as 10.32.0.0/16")]
Network6 = Annotated[IPv6Network, _parsed(IPv6Network, "an IPv6 network such as 2001:db8:32::/48")]
Network = Annotated[
    IPv4Network | IPv6Network,
    _parsed(ipaddress.ip_network, "a network such as 10.0.8.0/24 or 2001:db8::/48"),
]
Address = Annotated[
    ipaddress.IPv4Address | ipaddress.IPv6Address,
    _parsed(ipaddress.ip_address, "an address such as 10.0.8.10"),
]
Platform = Annotated[
    PlatformName,
    BeforeValidator(
        _platform, json_schema_input_type=Literal[PlatformName, "cisco_xe", "hp_procurve", "lancom_lcossx"]
    ),
]
PublicKey = Annotated[str, _parsed(_public_key, "a WireGuard public key: 44 characters, as 'wg pubkey' prints it")]
HostKey = Annotated[
    str, _parsed(_host_key, "a host key as 'ssh-keyscan' prints it without the name: ssh-ed25519 AAAA...")
]
TunnelEndpoint = Annotated[
    str,
    Spelling(
        r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-f:.]+\]):[0-9]{1,5}",
        "a name or address and a UDP port, such as vpn.example.org:51820",
    ),
]
LinkEnd = Annotated[
    str,
    Spelling(
        r"[a-z][a-z0-9]{0,30}(?:/[0-9]{1,4}(?:-[0-9]{1,4})?)?",
        "a switch and its port (sw1/48), a port channel (sw1/47-48), or a gateway (gw1)",
    ),
]
PatchPort = Annotated[
    str,
    Spelling(
        r"[a-z][a-z0-9]{0,30}/[a-z0-9]{1,12}/[0-9]{1,3}", "cabinet, panel and number of a patch port, such as c1/a/5"
    ),
]
Watts = Annotated[float, Field(ge=0, le=90)]
Vlan = Annotated[int, Field(ge=2, le=4094)]
Port = Annotated[int, Field(ge=1, le=65535)]
SwitchPort = Annotated[int, Field(ge=1, le=1000)]
Number = Annotated[int, Field(ge=1, le=65000)]
Settings = dict[str, Any]


class Record(BaseModel):
    """Base of everything that stands in a file: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# -- the standard ------------------------------------------------------------------------------------------------------


class Endpoint(Record):
    """One side of a flow. Without ``tenants`` it means the site that the other side is in."""

    zones: list[str] = Field(default=[], description="whole zones")
    classes: list[HostClass] = Field(default=[], description="all hosts of these classes")
    profiles: list[str] = Field(default=[], description="all hosts of these profiles")
    networks: list[str] = Field(default=[], description="named networks of the provider (provider.yml: networks)")
    internet: bool = Field(default=False, description="all public addresses; only as a destination")
    tenants: list[str] = Field(default=[], description="the zones, classes and profiles of these tenants")
    sites: list[str] = Field(default=[], description="only these sites of the tenants")

    @model_validator(mode="after")
    def _names_something(self) -> Endpoint:
        if not (self.zones or self.classes or self.profiles or self.networks or self.internet):
            raise _wrong("names nothing, expected zones, classes, profiles, networks or internet")
        if self.sites and not self.tenants:
            raise _wrong("names sites without the tenants they belong to")
        return self


class Flow(Record):
    """Traffic that is allowed although the zones are closed against each other."""

    id: Dashed
    source: Endpoint = Field(alias="from")
    to: Endpoint
    protocol: Literal["tcp", "udp", "icmp"]
    ports: list[Port] = []
    owner: Text
    reason: Text
    kinds: list[SiteKind] = Field(default=[], description="only at sites of these kinds; empty means all")

    @model_validator(mode="after")
    def _ports_fit(self) -> Flow:
        if (self.protocol == "icmp") == bool(self.ports):
            raise _wrong("icmp has no ports" if self.ports else f"{self.protocol} needs at least one port")
        return self


class Zone(Record):
    """A VLAN with its subnet and its side of the wall between administration and pedagogy."""

    vlan: Vlan
    title: Text
    realm: Realm
    rooms: bool = Field(default=False, description="every room owns a block of addresses in this zone")
    isolated: bool = Field(default=False, description="its machines do not reach each other on the same switch")
    routes: bool = Field(default=False, description="routers stand here: what arrives may be sent on to other zones")


class Plan(Record):
    """How a site's network is divided."""

    length: Annotated[int, Field(ge=8, le=24)]
    block: Annotated[int, Field(ge=8, le=256)]
    zones: dict[str, Network4]


class Offsets(Record):
    """The part of a room's block that a profile owns, both ends included."""

    first: Annotated[int, Field(ge=0, le=255, alias="from")]
    last: Annotated[int, Field(ge=0, le=255, alias="to")]


class Profile(Record):
    """What a host is for."""

    title: Text
    host_class: HostClass = Field(alias="class")
    zone: str
    prefix: NamePrefix
    wired: bool = True
    offsets: dict[str, Offsets] = Field(default={}, description="per address plan; none: hosts are numbered one by one")
    settings: Settings = {}


class DeviceStandard(Record):
    """Where a kind of device lives unless the site says otherwise."""

    zone: str
    prefix: NamePrefix
    watts: Watts = Field(default=0, description="what its port must supply: the class of IEEE 802.3at/bt, 0 means none")
    tagged: dict[SiteKind, list[str]] = Field(default={}, description="access points: zones of their radio networks")


class Standard(Record):
    """The standard release: zones, address plans, flows, profiles, default settings."""

    release: Text
    slots: Annotated[int, Field(ge=1, le=255)]
    settings: Settings = {}
    parking: Vlan = Field(description="VLAN of unused ports and of untagged frames on trunks; leads nowhere")
    quarantine: str = Field(description="zone of machines that 802.1X refuses")
    zones: dict[str, Zone]
    plans: dict[str, Plan]
    devices: dict[DeviceKind, DeviceStandard]
    profiles: dict[str, Profile]
    flows: list[Flow]


class PortGroup(Record):
    """Ports of a switch whose names differ in a number only."""

    name: Annotated[str, Spelling(r"[A-Za-z0-9/.:-]{0,40}\{n\}", "the device's name with {n} for the number")]
    count: Annotated[int, Field(ge=1, le=1000)]
    first: Annotated[int, Field(ge=0, le=1000)] = 1
    watts: Watts = Field(default=0, description="most that one port supplies")


class DeviceType(Record):
    """A model of a switch: what its ports are called and what they supply. Ports count from 1 through all groups."""

    title: Text
    platform: Platform
    groups: list[PortGroup] = Field(min_length=1)
    uplinks: list[SwitchPort] = Field(default=[], description="ports meant for uplinks; the first is the default")
    budget: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="watts for all ports together; none: unknown, not checked"
    )

    @property
    def size(self) -> int:
        """How many ports it has."""
        return sum(group.count for group in self.groups)

    def names(self) -> list[str]:
        """Names of the ports in the order of their numbers."""
        return [
            group.name.replace("{n}", str(number))
            for group in self.groups
            for number in range(group.first, group.first + group.count)
        ]

    def watts(self) -> list[float]:
        """Most that each port supplies, in the order of their numbers."""
        return [group.watts for group in self.groups for _ in range(group.count)]


class DeviceTypes(Record):
    """device_types.yml: the models that a site may name."""

    types: dict[str, DeviceType]


# -- provider, tenants, procedures, deviations -------------------------------------------------------------------------


class Pools(Record):
    """Address space from which tenants get their blocks."""

    ipv4: list[Network4]
    ipv6: list[Network6]


class Services(Record):
    """Central services that site servers and gateways use."""

    log: list[Address] = []
    log_names: list[Text] = Field(default=[], description="names in the certificates of the log servers")
    time: list[Address] = []
    dns: list[Address] = []
    radius: list[Address] = Field(default=[], description="802.1X and logins of admins on switches")


class Tunnel(Record):
    """One end of a WireGuard link. Only public keys stand in the intent; the gateway makes its own private key."""

    key: PublicKey
    endpoint: TunnelEndpoint | None = Field(default=None, description="where it listens; none: it only calls")


class SiteTunnel(Tunnel):
    """A site's link to the data centre; what may pass is derived from the site's plan."""

    networks: list[Network] = Field(default=[], description="further networks behind the site's gateway")


class TownEnd(Tunnel):
    """One town's end of a link between towns. Keys stand here so that each town compiles without the other's files."""

    tenant: str
    site: str


class TownLink(Record):
    """A WireGuard link between two towns: nothing but the named flows passes."""

    id: Dashed
    ends: list[TownEnd] = Field(min_length=2, max_length=2)
    flows: list[Dashed] = Field(min_length=1)
    owner: Text
    reason: Text


class Provider(Record):
    """inventory/provider.yml: the data centre that maintains the standard."""

    id: Identifier
    name: Text
    contact: Text = Field(description="a role, never a person")
    pools: Pools
    management: list[Network] = Field(min_length=1, description="admin networks that may reach SSH of every host")
    networks: dict[str, list[Network]] = Field(default={}, description="named networks for flows")
    services: Services = Services()
    flows: list[Flow] = Field(default=[], description="flows in addition to the standard's")
    wireguard: Tunnel | None = Field(default=None, description="where the sites' links to the data centre end")
    town_links: list[TownLink] = []

    def named(self, name: str) -> list[IPv4Network | IPv6Network]:
        """The networks behind a name that flows use; ``management`` is always there."""
        return self.management if name == "management" else self.networks[name]


class ProfileSettings(Record):
    """A tenant's settings for one profile."""

    settings: Settings = {}


class Tenant(Record):
    """inventory/<tenant>/tenant.yml: one town."""

    id: Identifier
    name: Text
    contact: Text = Field(description="a role, never a person")
    ipv4: Network4
    ipv6: Network6
    settings: Settings = {}
    profiles: dict[str, ProfileSettings] = {}
    flows: list[Flow] = Field(default=[], description="flows of this town's sites in addition to all others")


class ProcedureFlow(Record):
    """Traffic that a procedure needs."""

    source: Endpoint = Field(alias="from")
    to: Endpoint
    protocol: Literal["tcp", "udp"]
    ports: list[Port] = Field(min_length=1)


class Procedure(Record):
    """inventory/procedures/<id>.yml: an administrative software service (Fachverfahren)."""

    id: Dashed
    name: Text
    vendor: Text
    kind: Literal["web", "windows", "terminal"]
    decision: Literal["keep", "move-can", "move-must", "new", "retire"]
    owner: Text = Field(description="a role, never a person")
    reason: Text
    flows: list[ProcedureFlow] = []


class Scope(Record):
    """Where a deviation holds; every list narrows it, an empty scope means the whole tenant."""

    sites: list[str] = []
    rooms: list[str] = Field(default=[], description="room names, or <site short>-<room>")
    zones: list[str] = []
    classes: list[HostClass] = []
    profiles: list[str] = []
    hosts: list[str] = []

    def holds(self, host: Host, short: str) -> bool:
        """Whether a host is in it.

        Args:
            host: a host of the tenant that the deviation belongs to.
            short: first part of the host names of its site.
        """
        return (
            (not self.sites or host.site in self.sites)
            and (not self.rooms or host.room in self.rooms or f"{short}-{host.room}" in self.rooms)
            and (not self.zones or host.zone in self.zones)
            and (not self.classes or host.host_class in self.classes)
            and (not self.profiles or host.profile in self.profiles)
            and (not self.hosts or host.name in self.hosts)
        )


class Deviation(Record):
    """An accepted exception from controls, for a limited time."""

    id: DeviationId
    controls: list[ControlId] = Field(min_length=1)
    scope: Scope = Scope()
    owner: Text
    reason: Text
    compensation: Text
    approved_by: Text | None = None
    created: Day
    expires: Day

    @model_validator(mode="after")
    def _in_order(self) -> Deviation:
        if self.expires < self.created:
            raise _wrong(f"expires ({self.expires}) before it was created ({self.created})")
        return self


class Deviations(Record):
    """inventory/<tenant>/deviations.yml."""

    deviations: list[Deviation] = []


# -- sites -------------------------------------------------------------------------------------------------------------


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class PortSpec(Record):
    """One switch port (with its socket), or a range of ports."""

    switch: Identifier
    port: SwitchPort | None = None
    first: SwitchPort | None = Field(default=None, alias="from")
    last: SwitchPort | None = Field(default=None, alias="to")
    socket: Text | None = Field(
        default=None, description="label of the socket; of a range the first, which then ends in a number"
    )
    patch: PatchPort | None = Field(default=None, description="patch port behind the socket; of a range the first")
    serves: str | None = Field(default=None, description="only this profile or kind of device; default: whatever comes")
    zone: str | None = Field(default=None, description="zone of these ports; free ones are then open, not parked")

    @model_validator(mode="after")
    def _one_form(self) -> PortSpec:
        if (self.port is None) == (self.first is None) or (self.first is None) != (self.last is None):
            raise _wrong("expected either port, or from and to")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise _wrong(f"the range ends ({self.last}) before it begins ({self.first})")
        if self.port is None and self.socket and not self.socket[-1].isdecimal():
            raise _wrong(f"the first socket '{self.socket[:40]}' of a range must end in a number to count on from")
        return self

    @property
    def numbers(self) -> range:
        """The ports."""
        if self.port is not None:
            return range(self.port, self.port + 1)
        return range(self.first or 0, (self.last or 0) + 1)


class Clients(Record):
    """Equal machines of a room: ``count`` of them, or one with a name and a number."""

    profile: str
    count: Annotated[int, Field(ge=1, le=256)] | None = None
    without: list[Number] = Field(
        default=[], description="numbers of machines that are gone; the others stay as they are"
    )
    name: HostLabel | None = None
    number: Number | None = None
    mac: Mac | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Clients:
        if self.count is None and self.number is None:
            raise _wrong("expected count, or number for a single machine")
        if self.count is not None and (self.number is not None or self.name is not None or self.mac is not None):
            raise _wrong("count does not go with name, number or mac; write one entry per single machine")
        return self


class Devices(Record):
    """One device of a room, or ``count`` of them with consecutive numbers."""

    kind: DeviceKind
    number: Number
    count: Annotated[int, Field(ge=1, le=250)] = 1
    zone: str | None = None
    zones: list[str] | None = Field(
        default=None, description="access points: zones of the radio networks; default: what the standard says"
    )
    watts: Watts | None = Field(default=None, description="PoE; default: what the standard says of the kind")
    with_client: bool = Field(
        default=False, description="telephones: each shares the port of one wired client (voice VLAN)"
    )

    @model_validator(mode="after")
    def _fits_kind(self) -> Devices:
        if self.zones is not None and self.kind != "ap":
            raise _wrong(f"only access points have radio networks, a {self.kind} has none")
        if self.with_client and self.kind != "phone":
            raise _wrong(f"only telephones pass a port on to a client, a {self.kind} does not")
        return self


class Room(Record):
    """A room; its slot is its block of addresses for ever."""

    name: RoomName
    slot: int | None = None
    title: Text | None = None
    building: Text | None = None
    storey: int | None = None
    ports: Annotated[list[PortSpec], BeforeValidator(_as_list, json_schema_input_type=PortSpec | list[PortSpec])] = []
    clients: list[Clients] = []
    devices: list[Devices] = []
    settings: Settings = {}


class Switch(Record):
    """A switch of the site; it lives in the zone mgmt."""

    name: Identifier
    number: Number
    type: Dashed | None = Field(default=None, description="model (device_types.yml): platform, ports, names, PoE")
    platform: Platform | None = Field(default=None, description="operating system; default: that of the type")
    ports: SwitchPort | None = Field(default=None, description="how many ports; default: as the type has")
    uplink: list[SwitchPort] | SwitchPort | None = Field(
        default=None,
        description="ports that lead to the gateway unless links say otherwise, several as one port channel; "
        "default: the type's first uplink port",
    )
    room: str | None = None
    cabinet: str | None = None
    dot1x: Dot1xMode = "off"
    stp: bool = Field(default=True, description="false: the device does not speak spanning tree")
    priority: Annotated[int, Field(ge=0, le=61440, multiple_of=4096)] | None = Field(
        default=None, description="spanning tree; default: lower the nearer to the gateway"
    )
    native: Vlan | None = Field(default=None, description="untagged VLAN of its trunks; default: the parking VLAN")
    ssh_profile: Literal["modern", "legacy"] = Field(
        default="modern", description="legacy: the device knows only SSH algorithms that are no longer safe"
    )
    host_keys: list[HostKey] = Field(default=[], description="its SSH host keys; no other key is accepted")

    @model_validator(mode="after")
    def _known_ports(self) -> Switch:
        if self.type is None and (self.platform is None or self.ports is None):
            raise _wrong("expected type, or platform and ports")
        return self

    @property
    def uplinks(self) -> list[int]:
        """Ports that lead to other switches or the gateway, as far as they are given."""
        if self.uplink is None:
            return []
        return self.uplink if isinstance(self.uplink, list) else [self.uplink]


class LinkSpec(Record):
    """A cable, or several as one port channel, between two switches or a switch and a gateway."""

    first: LinkEnd = Field(alias="from")
    to: LinkEnd
    zones: list[str] | None = Field(default=None, description="exactly these; default: those that are needed beyond")


class Panel(Record):
    """A row of patch ports."""

    name: Annotated[str, Spelling(r"[a-z0-9]{1,12}", "up to 12 small letters and digits")]
    ports: Annotated[int, Field(ge=1, le=999)] = 24


class Cabinet(Record):
    """Where sockets end and switches hang."""

    name: Identifier
    room: str | None = None
    panels: list[Panel] = []


class Machine(Record):
    """A gateway or server; its number is its address for ever."""

    name: Identifier
    number: Number
    profile: str | None = None
    zone: str | None = None
    mac: Mac | None = None
    port: LinkEnd | None = Field(default=None, description="servers: the switch port it hangs on, such as sw1/47")
    settings: Settings = {}


class ZoneOverride(Record):
    """What a site does differently from the standard in one zone."""

    vlan: Vlan | None = None
    network: Network4 | None = None
    clients: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="how many more addresses DHCP must have: guests, private devices"
    )


class HostOverride(Record):
    """What is special about one host."""

    mac: Mac | None = None
    settings: Settings = {}


class Site(Record):
    """inventory/<tenant>/sites/<site>.yml: one building complex."""

    kind: SiteKind
    name: Text
    short: ShortName = Field(description="first part of every host name")
    number: Annotated[int, Field(ge=1, le=255)] = Field(description="the site's byte in the tenant's IPv6 block")
    network: Network4
    settings: Settings = {}
    zones: dict[str, ZoneOverride] = {}
    gateways: list[Machine] = []
    servers: list[Machine] = []
    cabinets: list[Cabinet] = []
    switches: list[Switch] = []
    links: list[LinkSpec] = []
    wireguard: SiteTunnel | None = Field(default=None, description="link to the data centre")
    rooms: list[Room] = []
    hosts: dict[str, HostOverride] = {}


# -- what comes out ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Host:
    """One managed machine.

    Args:
        name: unique in the whole inventory, safe as a DNS label.
        room: None for gateways and servers.
        address: IPv4 in its zone; a gateway's in the zone of its profile.
        prefix_length: of the zone's IPv4 subnet.
        gateway: IPv4 of the site's first gateway in the host's zone.
        number: its place within room and profile, or its explicit number.
    """

    name: str
    tenant: str
    site: str
    room: str | None
    host_class: str
    profile: str
    zone: str
    address: str
    prefix_length: int
    address6: str
    gateway: str
    mac: str | None
    number: int


@dataclass(frozen=True, slots=True)
class Device:
    """A switch, printer, telephone, ...: has an address and a port, but no role is applied to it."""

    name: str
    tenant: str
    site: str
    room: str | None
    kind: str
    zone: str
    address: str
    address6: str
    number: int
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that sets a value; the last one of a list wins."""

    level: Level
    value: Any
    path: Path
    line: int
