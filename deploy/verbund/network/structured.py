# SPDX-License-Identifier: EUPL-1.2
"""What one switch shall be, in words of no vendor: the reviewable step between the intent and a device's own lines.

A `DeviceConfig` holds what differs from switch to switch; what every switch of the standard has (no telnet, no web
server, SSH version 2 ...) stands in the templates and not here. Secrets never stand here: a `Reference` names them,
the templates write the reference down, and only the push replaces it by the secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, model_validator
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticCustomError

from verbund.errors import InputError
from verbund.intent.model import HostLabel, Record, Spelling, Vlan
from verbund.intent.yaml_source import Source

VERSION = 1

PlatformName = Literal[
    "cisco_ios", "aruba_aoscx", "aruba_aoss", "lancom_sx", "hpe_comware", "linux_bridge", "openvswitch"
]
PLATFORM_NAMES: tuple[PlatformName, ...] = get_args(PlatformName)

_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")
_PORT_RANGE = re.compile(r"(?P<stem>.*?)(?P<first>[0-9]{1,4}) \.\. (?P<stem2>.*?)(?P<last>[0-9]{1,4})")
_NUMBERED = re.compile(r"(.*?)([0-9]{1,4})")


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("verbund", "{message}", {"message": message})


# -- VLAN sets ---------------------------------------------------------------------------------------------------------


def vlan_set(text: str) -> frozenset[int]:
    """Read ``10,20-22``.

    Args:
        text: VLAN ids and ranges, separated by commas; blanks do not matter; an empty text is the empty set.

    Raises:
        ValueError: something else stands there, or an id is not between 1 and 4094.
    """
    found: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _RANGE.fullmatch(part)
        if not match:
            raise ValueError(f"'{part[:40]}' is no VLAN and no range")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= 4094:
            raise ValueError(f"'{part[:40]}' is not between 1 and 4094")
        found.update(range(first, last + 1))
    return frozenset(found)


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers as pairs of first and last, in order."""
    first = last = None
    for number in sorted(set(numbers)):
        if last is not None and first is not None and number != last + 1:
            yield first, last
            first = number
        elif first is None:
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def vlan_text(numbers: Iterable[int], *, to: str = "-", comma: str = ",") -> str:
    """Write VLAN ids with ranges: ``10,20-22``.

    Args:
        numbers: the ids.
        to: what joins the two ends of a range (Comware writes `` to ``).
        comma: what separates the parts.
    """
    return comma.join(str(first) if first == last else f"{first}{to}{last}" for first, last in runs(numbers))


def _read_vlans(value: Any) -> frozenset[int]:
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return vlan_set(str(value))
        if isinstance(value, str):
            return vlan_set(value)
        if isinstance(value, list | tuple | set | frozenset):
            return frozenset().union(*(_read_vlans(item) for item in value))
    except ValueError as error:
        raise _wrong(f"{error}, expected VLANs such as 10,20-22") from None
    raise _wrong(f"expected VLANs such as 10,20-22, found {value!r:.60}")


VlanSet = Annotated[
    frozenset[int],
    BeforeValidator(_read_vlans, json_schema_input_type=Annotated[str | int, Field(description="10,20-22")]),
    PlainSerializer(vlan_text, return_type=str),
]


def _interface(kind: type[IPv4Interface | IPv6Interface], expected: str) -> BeforeValidator:
    def read(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        try:
            if isinstance(value, str) and "/" in value:
                return kind(value)
        except ValueError:
            pass
        raise _wrong(f"{value!r:.60} is not {expected}")

    return BeforeValidator(read, json_schema_input_type=Annotated[str, Field(description=expected)])


def _plain(parse_text: Callable[[str], Any], expected: str) -> BeforeValidator:
    def read(value: Any) -> Any:
        if not isinstance(value, str):  # already an address or network: from the compiler, not from a file
            return value
        try:
            return parse_text(value)
        except ValueError:
            raise _wrong(f"{value!r:.60} is not {expected}") from None

    return BeforeValidator(read, json_schema_input_type=Annotated[str, Field(description=expected)])


Interface4 = Annotated[IPv4Interface, _interface(IPv4Interface, "an IPv4 address with its length, 10.1.10.5/24")]
Interface6 = Annotated[IPv6Interface, _interface(IPv6Interface, "an IPv6 address with its length, 2001:db8::5/64")]
Address = Annotated[IPv4Address | IPv6Address, _plain(ip_address, "an address such as 10.0.8.10")]
Network = Annotated[IPv4Network | IPv6Network, _plain(ip_network, "a network such as 10.0.8.0/24 or 2001:db8::/48")]
Host4 = Annotated[IPv4Address, _plain(IPv4Address, "an IPv4 address")]
Host6 = Annotated[IPv6Address, _plain(IPv6Address, "an IPv6 address")]

# What people write ends up inside lines of a device: nothing that ends a line, a quote, or opens a help text.
Words = Annotated[
    str,
    Spelling(
        r"[A-Za-z0-9ÄÖÜäöüß](?:[A-Za-z0-9ÄÖÜäöüß _.,:;/()+@>=-]{0,62}[A-Za-z0-9ÄÖÜäöüß).])?",
        "up to 64 letters, digits, blanks and _.,:;/()+@>=-",
    ),
]
VlanName = Annotated[
    str, Spelling(r"[A-Za-z][A-Za-z0-9_-]{0,30}[A-Za-z0-9]|[A-Za-z]", "up to 32 letters, digits, _ and -")
]
PortName = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value, json_schema_input_type=str | int),
    Spelling(r"[A-Za-z0-9][A-Za-z0-9/.:-]{0,31}", "the name that the device itself uses, such as 1/1/5"),
]
LinkName = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value, json_schema_input_type=str | int),
]
Reference = Annotated[
    str, Spelling(r"[a-z][a-z0-9_.-]{0,63}(?:/[a-z0-9_.-]{1,64}){0,3}", "the name of a secret, never the secret itself")
]
UserName = Annotated[str, Spelling(r"[a-z][a-z0-9_-]{0,30}", "small letters, digits, _ and -, at most 31 characters")]
Hostname = Annotated[
    str, Spelling(r"[A-Za-z][A-Za-z0-9-]{0,29}[A-Za-z0-9]", "letters, digits and hyphens, 2 to 31 characters")
]
BannerLine = Annotated[str, Spelling(r"[A-Za-z0-9ÄÖÜäöüß .,:;/()-]{1,78}", "up to 78 plain characters")]


# -- management plane --------------------------------------------------------------------------------------------------


class Radius(Record):
    """A RADIUS server, for logins of admins and for 802.1X."""

    address: Address
    secret: Reference
    auth_port: Annotated[int, Field(ge=1, le=65535)] = 1812
    acct_port: Annotated[int, Field(ge=1, le=65535)] = 1813


class Admin(Record):
    """The local login that works when no RADIUS server answers."""

    name: UserName
    secret: Reference


class Snmp(Record):
    """The SNMPv3 user of the monitoring: authentication and encryption, reading only."""

    user: UserName
    auth: Reference
    privacy: Reference


class Management(Record):
    """How the switch is reached, by whom, and where it reports to."""

    vlan: Vlan
    address4: Interface4
    gateway4: Host4
    address6: Interface6 | None = None
    gateway6: Host6 | None = None
    uplinks: list[LinkName] = Field(
        min_length=1, description="ports or port channels (channel 1) through which the controller is reached"
    )
    allowed: list[Network] = Field(min_length=1, description="only from these networks may anybody log in or ask")
    admin: Admin
    radius: list[Radius] = Field(default=[])
    radius_logins: bool = Field(default=False, description="admins log in through RADIUS, the local login is the rest")
    syslog: list[Address] = Field(default=[])
    ntp: list[Address] = Field(default=[])
    snmp: Snmp | None = None
    idle_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    banner: list[BannerLine] = Field(default=[])


# -- ports -------------------------------------------------------------------------------------------------------------

LinkMode = Literal["access", "trunk", "parked"]
StpRole = Literal["edge", "guarded", "uplink"]


class Link(Record):
    """What a port and a port channel have in common on layer 2."""

    description: Words | None = None
    mode: LinkMode = Field(
        default="access", description="parked: shut, alone in the parking VLAN; the state of every unused port"
    )
    access: Vlan | None = Field(default=None, description="mode access: the untagged VLAN")
    voice: Vlan | None = Field(default=None, description="mode access: the VLAN of the telephone, tagged")
    native: Vlan | None = Field(default=None, description="mode trunk: the untagged VLAN; default the parking VLAN")
    tagged: VlanSet = Field(default=frozenset(), description="mode trunk: exactly these VLANs pass, tagged")
    stp: StpRole = Field(
        default="edge",
        description="edge: a client, BPDU guard; guarded: a switch below, root guard; uplink: towards the root",
    )
    dhcp_trust: bool = Field(default=False, description="answers of DHCP servers may come in here")
    arp_trust: bool = Field(default=False, description="ARP is not inspected here")
    ra_guard: bool = Field(default=True, description="router advertisements and DHCPv6 answers are dropped here")

    @model_validator(mode="after")
    def _mode_fits(self) -> Link:
        others: dict[str, dict[str, object]] = {
            "access": {"native": self.native, "tagged": self.tagged},
            "trunk": {"access": self.access, "voice": self.voice},
            "parked": {"access": self.access, "voice": self.voice, "native": self.native, "tagged": self.tagged},
        }
        if given := [key for key, value in others[self.mode].items() if value]:
            raise _wrong(f"a port of mode {self.mode} has no {' and no '.join(given)}")
        if self.mode == "access" and self.access is None and not getattr(self, "channel", None):
            raise _wrong("a port of mode access needs access: VLAN")
        if self.access is not None and self.access == self.voice:
            raise _wrong(f"VLAN {self.access} cannot be untagged and the telephone's at once")
        if self.mode == "trunk" and self.native in self.tagged:
            raise _wrong(f"VLAN {self.native} cannot be native and tagged at once")
        return self


class Dot1x(Record):
    """Access control of a port: 802.1X first, the MAC address next."""

    mode: Literal["monitor", "enforce"]
    mab: bool = Field(default=True, description="devices that do not speak 802.1X are asked for by their MAC address")
    auth_fail: Vlan | None = Field(default=None, description="VLAN of whoever is refused (quarantine)")
    critical: Vlan | None = Field(default=None, description="VLAN while no RADIUS server answers")
    reauth_seconds: Annotated[int, Field(ge=300, le=65535)] = 3600


class Port(Link):
    """A port of the device; all that is not given is as in a device fresh from the standard."""

    name: PortName = Field(
        description="as the device names it; 1/1/3 .. 1/1/40 stands for as many ports that are alike",
        json_schema_extra={"pattern": r"^[A-Za-z0-9][A-Za-z0-9/.:-]{0,31}( \.\. [A-Za-z0-9][A-Za-z0-9/.:-]{0,31})?$"},
    )
    enabled: bool = Field(default=True, description="administratively up; parked ports never are")
    channel: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None, description="member of this port channel, which has mode, VLANs and guards for it"
    )
    dot1x: Dot1x | None = None
    storm_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="broadcast and multicast above this share of the speed is dropped"
    )
    poe: Literal["auto", "off"] = "auto"
    isolated: bool = Field(default=False, description="reaches uplinks only, not its neighbours on the same switch")

    @model_validator(mode="before")
    @classmethod
    def _member_or_parked(cls, value: Any) -> Any:
        # A parked port is shut by definition; saying so twice would allow to say two different things.
        if isinstance(value, dict) and value.get("mode") == "parked" and "enabled" not in value:
            return {**value, "enabled": False}
        return value

    @model_validator(mode="after")
    def _port_fits(self) -> Port:
        if self.channel and (self.mode != "access" or self.access or self.voice):
            raise _wrong(
                f"a member of channel {self.channel} has no mode and no VLANs of its own: the channel has them"
            )
        if self.mode == "parked" and self.enabled:
            raise _wrong("a parked port cannot be enabled")
        if self.dot1x and self.mode != "access":
            raise _wrong(f"802.1X belongs on ports of mode access, this one is {self.mode}")
        return self


class PortChannel(Link):
    """A bundle of ports by LACP."""

    number: Annotated[int, Field(ge=1, le=64)]
    stp: StpRole = "uplink"

    @property
    def name(self) -> str:
        """How `Management.uplinks` names it."""
        return f"channel {self.number}"


class VlanEntry(Record):
    """A VLAN that the switch knows."""

    id: Vlan
    name: VlanName


class Stp(Record):
    """Spanning tree: MSTP with one instance, which every platform of the standard speaks with every other."""

    region: Annotated[str, Spelling(r"[A-Za-z0-9_-]{1,32}", "up to 32 letters, digits, _ and -")]
    revision: Annotated[int, Field(ge=0, le=65535)] = 1
    priority: Annotated[int, Field(ge=0, le=61440, multiple_of=4096)] = 32768


def _expand(value: Any) -> Any:
    """Entries whose name is a range (``1/1/3 .. 1/1/40``) stand for as many ports."""
    if not isinstance(value, list):
        return value
    result: list[Any] = []
    for item in value:
        match = _PORT_RANGE.fullmatch(str(item.get("name", ""))) if isinstance(item, dict) else None
        if not match:
            result.append(item)
            continue
        first, last = int(match["first"]), int(match["last"])
        if match["stem"] != match["stem2"] or not first < last:
            raise _wrong(f"'{item['name'][:60]}' is no range of ports, expected one such as 1/1/3 .. 1/1/40")
        result += [{**item, "name": f"{match['stem']}{number}"} for number in range(first, last + 1)]
    return result


class DeviceConfig(Record):
    """One switch."""

    version: Literal[1]
    name: HostLabel
    platform: PlatformName
    hostname: Hostname
    management: Management
    parking: Vlan = Field(description="VLAN of unused ports and of untagged frames on trunks; leads nowhere")
    vlans: list[VlanEntry]
    stp: Stp
    dhcp_snooping: VlanSet = Field(default=frozenset(), description="DHCP answers come from trusted ports only")
    arp_inspection: VlanSet = Field(default=frozenset(), description="ARP must fit the DHCP leases seen")
    channels: list[PortChannel] = Field(default=[])
    ports: Annotated[list[Port], BeforeValidator(_expand)]

    @model_validator(mode="after")
    def _hangs_together(self) -> DeviceConfig:
        known = {vlan.id for vlan in self.vlans}
        seen: list[int] | list[str]
        for what, seen in (
            ("VLAN", [vlan.id for vlan in self.vlans]),
            ("VLAN name", [vlan.name for vlan in self.vlans]),
            ("port", [port.name for port in self.ports]),
            ("port channel", [channel.number for channel in self.channels]),
        ):
            if len(set(seen)) < len(seen):
                twice = next(item for number, item in enumerate(seen) if item in seen[:number])
                raise _wrong(f"{what} {twice} stands twice")
        self._known(known, {self.management.vlan}, "management")
        self._known(known, {self.parking}, "parking")
        self._known(known, self.dhcp_snooping, "dhcp_snooping")
        self._known(known, self.arp_inspection, "arp_inspection")
        if not self.arp_inspection <= self.dhcp_snooping:
            extra = vlan_text(self.arp_inspection - self.dhcp_snooping)
            raise _wrong(f"arp_inspection of VLAN {extra} needs dhcp_snooping there: it checks ARP against the leases")
        links = self.links
        everything: list[Port | PortChannel] = [*self.ports, *self.channels]
        for link in everything:
            self._known(known, _vlans_named(link), link.name)
        bundles = {channel.number for channel in self.channels}
        for port in self.ports:
            if port.channel is not None and port.channel not in bundles:
                raise _wrong(f"port {port.name} is a member of channel {port.channel}, which is not defined")
        for uplink in self.management.uplinks:
            if uplink not in links:
                raise _wrong(
                    f"management.uplinks names '{uplink[:40]}', which is no port and no channel of this switch"
                )
        return self

    @staticmethod
    def _known(known: set[int], used: Iterable[int], where: str) -> None:
        if unknown := set(used) - known:
            raise _wrong(f"{where} uses VLAN {vlan_text(unknown)}, which is not in vlans")

    @property
    def links(self) -> dict[str, Port | PortChannel]:
        """What carries VLANs: ports that are in no channel, and channels, by name."""
        ports: dict[str, Port | PortChannel] = {port.name: port for port in self.ports if port.channel is None}
        return ports | {channel.name: channel for channel in self.channels}

    def members(self, channel: int) -> list[Port]:
        """The ports of a channel."""
        return [port for port in self.ports if port.channel == channel]

    def native(self, link: Link) -> int:
        """The untagged VLAN of a trunk."""
        return link.native if link.native is not None else self.parking

    def passing(self, link: Link) -> frozenset[int]:
        """All VLANs that pass a link; the parking VLAN of a trunk does not, so untagged frames end there."""
        if link.mode == "trunk":
            return link.tagged | ({link.native} if link.native not in {None, self.parking} else set())
        if link.mode == "parked":
            return frozenset({self.parking})
        return frozenset({link.access, link.voice} - {None})  # type: ignore[arg-type]


def _vlans_named(link: Port | PortChannel) -> set[int]:
    named = {link.access, link.voice, link.native, *link.tagged}
    if isinstance(link, Port) and link.dot1x:
        named |= {link.dot1x.auth_fail, link.dot1x.critical}
    return {vlan for vlan in named if vlan is not None}


# -- files -------------------------------------------------------------------------------------------------------------


class _Dumper(yaml.CSafeDumper):
    """Small records in one line, the rest as blocks: a port is one line of a review."""


class _Row(dict[str, Any]):
    """A mapping that is written in one line."""


class _Short(list[Any]):
    """A list that is written in one line."""


_Dumper.add_representer(_Row, lambda dumper, row: dumper.represent_mapping("tag:yaml.org,2002:map", row, True))
_Dumper.add_representer(_Short, lambda dumper, row: dumper.represent_sequence("tag:yaml.org,2002:seq", row, True))


def dump(config: DeviceConfig) -> str:
    """Write a structured configuration as YAML: stable order, defaults left out, equal neighbours as a range.

    Args:
        config: what to write; `parse` reads it back to an equal object.
    """
    plain = config.model_dump(mode="json", exclude_defaults=True)
    result: dict[str, Any] = {"version": VERSION}
    for key in DeviceConfig.model_fields:
        if key in plain and key not in {"version", "ports", "vlans", "channels"}:
            result[key] = plain[key]
        elif key == "vlans":
            result[key] = [_Row(vlan) for vlan in plain.get(key, [])]
        elif key == "channels" and config.channels:
            result[key] = [_Row({"number": entry.pop("number"), **entry}) for entry in plain[key]]
        elif key == "ports":
            result[key] = list(_grouped(plain.get(key, [])))
    management = result["management"]
    for key, value in management.items():
        if isinstance(value, dict):
            management[key] = _Row(value)
        elif isinstance(value, list):
            rows = [_Row(item) if isinstance(item, dict) else item for item in value]
            management[key] = rows if key in {"radius", "banner"} else _Short(rows)
    result["stp"] = _Row(result["stp"])
    return yaml.dump(result, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def _grouped(ports: list[dict[str, Any]]) -> Iterator[_Row]:
    """Merge consecutive ports that differ in nothing but their number."""
    group: list[str] = []
    settings: dict[str, Any] = {}

    def row() -> _Row:
        name = group[0] if len(group) == 1 else f"{group[0]} .. {group[-1]}"
        return _Row({"name": name, **settings})

    for port in ports:
        rest = {key: _Row(value) if isinstance(value, dict) else value for key, value in port.items() if key != "name"}
        # `enabled: false` follows from `mode: parked`; it is read back from there.
        if rest.get("mode") == "parked":
            rest.pop("enabled", None)
        if group and rest == settings and _follows(group[-1], port["name"]):
            group.append(port["name"])
            continue
        if group:
            yield row()
        group, settings = [port["name"]], rest
    if group:
        yield row()


def _follows(one: str, other: str) -> bool:
    first, second = _NUMBERED.fullmatch(one), _NUMBERED.fullmatch(other)
    return bool(first and second and first[1] == second[1] and second[2] == str(int(first[2]) + 1))


def parse(value: Any) -> DeviceConfig:
    """Check a plain value (as YAML or JSON give it).

    Raises:
        ValidationError: of pydantic, with all places that are wrong.
    """
    return DeviceConfig.model_validate(value)


def load(path: Path) -> DeviceConfig:
    """Read one file.

    Args:
        path: a YAML file as `dump` writes it.

    Raises:
        InputError: the file cannot be read or something in it is wrong; names line and column.
    """
    source = Source(path)
    if not source.usable:
        raise InputError(source.findings)
    if not isinstance(source.value, dict):
        source.add([], "expected a mapping with version, name, platform ...", "verbund net render writes such files")
        raise InputError(source.findings)
    try:
        return parse(source.value)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            loc = list(problem["loc"])
            source.add(loc, problem["msg"], key=problem["type"] == "extra_forbidden")
        raise InputError(source.findings) from None


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a structured configuration, for editors and other tools."""
    document = DeviceConfig.model_json_schema(mode="validation")
    return {"$schema": GenerateJsonSchema.schema_dialect, **document}
