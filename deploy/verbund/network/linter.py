# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: PLR0912, PLR0915 - a reader of a command line is one long list of its commands
"""Read a plan before it is sent: play it line by line on a model of the switch and refuse what would hurt on the way.

Every state between two lines is looked at, for a session can die after any of them. Refused are lines after which

* the management path is gone: no uplink that is up carries the management VLAN, the VLAN, its address, the gateway, the
  SSH server or the last network that may log in is missing,
* a trunk is open to all VLANs although it was not before and shall not be afterwards,
* a VLAN is deleted while ports that are up still use it,
* a port falls into VLAN 1 on its way from one VLAN to another.

The model reads the commands themselves; it shares no code with the dialects that wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from typing import TYPE_CHECKING

from verbund.network.dialects import DIALECTS, Path
from verbund.network.platforms import PLATFORMS

if TYPE_CHECKING:
    from verbund.network.diff import Plan
    from verbund.network.structured import Management, PlatformName

EVERY = frozenset(range(1, 4095))


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A line that must not be sent.

    Args:
        line: its number in `Plan.lines`, from 1.
        command: the line, with its section.
        rule: ``management-path``, ``open-trunk``, ``vlan-in-use``, ``vlan-1``.
        why: what would happen, for people.
    """

    line: int
    command: str
    rule: str
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: '{self.command}': {self.why} [{self.rule}]"


@dataclass(slots=True)
class _Port:
    mode: str = "access"
    access: int = 1
    native: int = 1
    tagged: frozenset[int] = frozenset()
    voice: int | None = None
    up: bool = True
    channel: str | None = None
    unlisted: bool = False

    def carries(self) -> frozenset[int]:
        """VLANs that pass, untagged or tagged."""
        if self.mode == "trunk":
            return self.tagged
        if self.mode == "free":  # AOS-S and hybrid ports: an untagged VLAN and any tagged ones
            return self.tagged | ({self.access} if self.access else frozenset())
        return frozenset({self.access} | ({self.voice} if self.voice else set()))

    def untagged(self) -> int:
        return self.native if self.mode == "trunk" else self.access


@dataclass(slots=True)
class State:
    """What matters of a switch while its configuration changes."""

    ports: dict[str, _Port] = field(default_factory=dict)
    vlans: set[int] = field(default_factory=lambda: {1})
    addresses: dict[int, set[str]] = field(default_factory=dict)
    svi_down: set[int] = field(default_factory=set)
    gateways: set[str] = field(default_factory=set)
    ssh: bool = False
    managers: set[IPv4Network] = field(default_factory=set)
    numbered: dict[str, IPv4Network] = field(default_factory=dict)

    def port(self, name: str) -> _Port:
        """A port or channel by the device's name."""
        return self.ports.setdefault(_name(name), _Port())

    def allowed(self) -> set[IPv4Network]:
        """Networks that may log in."""
        return self.managers | set(self.numbered.values())


def _name(name: str) -> str:
    return name.replace(" ", "").lower()


def _vlans(text: str) -> frozenset[int]:
    """``10,20-22`` or ``10 20 to 22``."""
    if text.strip() == "all":
        return EVERY
    found: set[int] = set()
    for part in re.sub(r"\s*to\s*", "-", text.strip()).replace(" ", ",").split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last.isdigit() or not last):
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _wild(address: str, wildcard: str) -> IPv4Network:
    mask = IPv4Address(int(IPv4Address(wildcard)) ^ 0xFFFFFFFF)
    return IPv4Network(f"{address}/{mask}")


# -- one reader per command line ---------------------------------------------------------------------------------------


def _ios(state: State, path: Path, line: str) -> None:
    header = path[0] if path else ""
    no = line.startswith("no ")
    bare = line.removeprefix("no ")
    if not path:
        if match := re.fullmatch(r"vlan ([0-9,-]+)", bare):
            (state.vlans.difference_update if no else state.vlans.update)(_vlans(match[1]))
        elif match := re.fullmatch(r"interface [Vv]lan ?([0-9]+)", bare):
            if no:
                state.addresses.pop(int(match[1]), None)
        elif match := re.fullmatch(r"interface (\S+ ?[0-9][0-9/]*)", bare):
            port = state.port(match[1])
            if no:
                port.up = False
        elif match := re.match(r"ip default-gateway (\S+)|ip route 0\.0\.0\.0 0\.0\.0\.0 (\S+)", bare):
            (state.gateways.discard if no else state.gateways.add)(match[1] or match[2])
        elif bare == "no ip default-gateway" or (no and bare == "ip default-gateway"):
            state.gateways.clear()
        elif re.match(r"ip ssh( version 2)?$|aaa authentication login ssh ", bare):
            state.ssh = state.ssh if no and bare.startswith("ip ssh version") else not no
        elif match := re.fullmatch(r"access management ([0-9]+) [0-9]+ ([0-9.]+) to ([0-9.]+) .*telnet.*", bare):
            first, last = IPv4Address(match[2]), IPv4Address(match[3])
            state.numbered[match[1]] = next(iter(summarize_address_range(first, last)))
        elif no and (match := re.fullmatch(r"access management ([0-9]+).*", bare)):
            state.numbered.pop(match[1], None)
        elif re.match(r"ip access-list (?:standard|extended) VERBUND-MGMT", bare) and no:
            state.managers.clear()
        return
    if header.startswith("ip access-list ") and (
        match := re.match(r"(?:[0-9]+ )?permit ([0-9.]+)(?: ([0-9.]+))?", bare)
    ):
        (state.managers.discard if no else state.managers.add)(_wild(match[1], match[2] or "0.0.0.0"))  # noqa: S104
        return
    if match := re.fullmatch(r"interface [Vv]lan ?([0-9]+)", header):
        number = int(match[1])
        if match := re.match(r"ip address(?: ([0-9.]+))?", bare):
            if no:
                state.addresses.pop(number, None)
            elif match[1]:
                state.addresses[number] = {match[1]}
        elif bare == "shutdown":
            (state.svi_down.discard if no else state.svi_down.add)(number)
        return
    if header.startswith("line vty"):
        if bare.startswith("transport input"):
            state.ssh = "ssh" in bare or "all" in bare or no
        return
    if match := re.fullmatch(r"interface (.+)", header):
        _ios_port(state.port(match[1]), no, bare)


def _ios_port(port: _Port, no: bool, bare: str) -> None:
    if bare == "shutdown":
        port.up = no
    elif match := re.match(r"switchport access vlan(?: ([0-9]+))?", bare):
        port.access = 1 if no else int(match[1] or 1)
    elif match := re.match(r"switchport voice vlan(?: ([0-9]+))?", bare):
        port.voice = None if no else int(match[1] or 1)
    elif match := re.match(r"switchport (?:trunk|hybrid) native vlan(?: ([0-9]+))?", bare):
        port.native = 1 if no else int(match[1] or 1)
    elif match := re.match(r"switchport mode(?: (\w+))?", bare):
        mode = "access" if no else match[1]
        port.mode = "trunk" if mode in {"trunk", "hybrid"} else "access"
    elif match := re.match(
        r"switchport (?:trunk|hybrid) allowed vlan(?: (add|remove|except|none|all))?(?: ?([0-9,-]+))?", bare
    ):
        word, numbers = match[1], _vlans(match[2] or "")
        if no or word == "all":
            port.tagged = EVERY
        elif word == "none":
            port.tagged = frozenset()
        elif word == "add":
            port.tagged |= numbers
        elif word == "remove":
            port.tagged -= numbers
        elif word == "except":
            port.tagged = EVERY - numbers
        else:
            port.tagged = numbers
    elif match := re.match(r"(?:channel-group|aggregation group)(?: ([0-9]+))?", bare):
        port.channel = None if no else match[1]


def _cx(state: State, path: Path, line: str) -> None:
    header = path[0] if path else ""
    no = line.startswith("no ")
    bare = line.removeprefix("no ")
    if not path:
        if match := re.fullmatch(r"vlan ([0-9,-]+)", bare):
            (state.vlans.difference_update if no else state.vlans.update)(_vlans(match[1]))
        elif match := re.fullmatch(r"interface vlan ?([0-9]+)", bare):
            if no:
                state.addresses.pop(int(match[1]), None)
        elif match := re.fullmatch(r"interface (.+)", bare):
            new = _name(match[1]) not in state.ports
            port = state.port(match[1])
            if no or (new and match[1].startswith("lag ")):  # a port channel is down until told otherwise
                port.up = False
        elif match := re.match(r"ip route 0\.0\.0\.0/0 (\S+)", bare):
            (state.gateways.discard if no else state.gateways.add)(match[1])
        elif bare.startswith("ssh server vrf default"):
            state.ssh = not no
        elif no and bare.startswith("access-list ip VERBUND-MGMT"):
            state.numbered.clear()
        return
    if header.startswith("access-list ip "):
        if match := re.fullmatch(r"([0-9]+) permit tcp ([0-9./]+) any eq 22", bare):
            state.numbered[match[1]] = IPv4Network(match[2])
        elif match := re.match(r"([0-9]+)\b", bare):
            state.numbered.pop(match[1], None)
        return
    if match := re.fullmatch(r"interface vlan ?([0-9]+)", header):
        number = int(match[1])
        if match := re.match(r"ip address ([0-9.]+)", bare):
            if no:
                state.addresses.get(number, set()).discard(match[1])
            else:
                state.addresses.setdefault(number, set()).clear()
                state.addresses[number].add(match[1])
        elif bare == "shutdown":
            (state.svi_down.discard if no else state.svi_down.add)(number)
        return
    if len(path) > 1 or not (match := re.fullmatch(r"interface (.+)", header)):
        return
    port = state.port(match[1])
    if bare == "shutdown":
        port.up = no
    elif match := re.match(r"vlan access(?: ([0-9]+))?", bare):
        port.mode, port.access, port.tagged, port.native = "access", 1 if no else int(match[1] or 1), frozenset(), 1
        port.unlisted = False
    elif match := re.match(r"vlan trunk native(?: ([0-9]+))?", bare):
        if port.mode != "trunk":  # without a list first, a trunk carries all VLANs on some versions
            port.mode, port.tagged, port.unlisted = "trunk", EVERY, True
        port.native = 1 if no else int(match[1] or 1)
    elif match := re.match(r"vlan trunk allowed(?: ([0-9,-]+|all))?", bare):
        numbers = _vlans(match[1] or "all")
        if no:
            port.tagged -= numbers
        else:
            listed = port.mode == "trunk" and not port.unlisted
            port.tagged = (port.tagged if listed else frozenset()) | numbers
            port.mode, port.unlisted = "trunk", False
    elif match := re.match(r"lag(?: ([0-9]+))?", bare):
        port.channel = None if no else match[1]


def _port_list(text: str) -> list[str]:
    names: list[str] = []
    for part in text.split(","):
        if match := re.fullmatch(r"([A-Za-z]*(?:[0-9]+/)*[A-Za-z]*)([0-9]+)-(?:\1)?([0-9]+)", part):
            names += [f"{match[1]}{number}" for number in range(int(match[2]), int(match[3]) + 1)]
        else:
            names.append(part)
    return names


def _aoss(state: State, path: Path, line: str) -> None:
    header = path[0] if path else ""
    no = line.startswith("no ")
    bare = line.removeprefix("no ")
    if not path:
        if match := re.fullmatch(r"vlan ([0-9]+)", bare):
            (state.vlans.discard if no else state.vlans.add)(int(match[1]))
        elif match := re.match(r"ip default-gateway(?: (\S+))?", bare):
            state.gateways = set() if no else {match[1]}
        elif match := re.fullmatch(r"ip ssh", bare):
            state.ssh = not no
        elif match := re.match(r"ip authorized-managers ([0-9.]+) ([0-9.]+)", bare):
            network = IPv4Network(f"{match[1]}/{match[2]}")
            (state.managers.discard if no else state.managers.add)(network)
        elif match := re.match(r"trunk (\S+)(?: (trk[0-9]+))?", bare):
            for name in _port_list(match[1]):
                state.port(name).channel = None if no else match[2][3:]
        return
    if match := re.fullmatch(r"interface (\S+)", header):
        port = state.port(match[1])
        if bare in {"disable", "enable"}:
            port.up = (bare == "enable") != no
        elif member := re.fullmatch(r"(untagged|tagged) vlan (\S+)", bare):
            for number in _vlans(member[2]):
                _aoss_member(port, member[1], number, no)
        return
    if match := re.fullmatch(r"vlan ([0-9]+)", header):
        number = int(match[1])
        if member := re.fullmatch(r"(untagged|tagged) (\S+)", bare):
            for name in _port_list(member[2]):
                _aoss_member(state.port(name), member[1], number, no)
        elif address := re.match(r"ip address(?: ([0-9.]+))?", bare):
            state.addresses[number] = set() if no or not address[1] else {address[1]}


def _aoss_member(port: _Port, word: str, number: int, no: bool) -> None:
    port.mode = "free"
    if no:
        if word == "tagged":
            port.tagged -= {number}
        elif port.access == number:
            port.access = 0
        if not port.access and not port.tagged:
            port.access = 1  # a port is always in some VLAN
    elif word == "untagged":
        port.access = number
        port.tagged -= {number}
    else:
        port.tagged |= {number}
        if port.access == number:
            port.access = 0


def _comware(state: State, path: Path, line: str) -> None:
    header = path[0] if path else ""
    no = line.startswith("undo ")
    bare = line.removeprefix("undo ")
    if not path:
        if match := re.fullmatch(r"vlan (?:batch )?([0-9].*)", bare):
            (state.vlans.difference_update if no else state.vlans.update)(_vlans(match[1]))
        elif match := re.fullmatch(r"interface Vlan-interface([0-9]+)", bare):
            if no:
                state.addresses.pop(int(match[1]), None)
        elif match := re.fullmatch(r"interface (\S+)", bare):
            port = state.port(match[1])
            if no:
                port.up = False
        elif match := re.match(r"ip route-static 0\.0\.0\.0 (?:0|0\.0\.0\.0) (\S+)", bare):
            (state.gateways.discard if no else state.gateways.add)(match[1])
        elif bare == "ssh server enable":
            state.ssh = not no
        elif no and bare == "acl basic 2000":
            state.managers.clear()
        return
    if header == "acl basic 2000":
        if match := re.match(r"rule (?:[0-9]+ )?permit source ([0-9.]+) ([0-9.]+)", bare):
            wildcard = "0.0.0.0" if match[2] == "0" else match[2]  # noqa: S104 - a wildcard mask
            (state.managers.discard if no else state.managers.add)(_wild(match[1], wildcard))
        return
    if header.startswith(("line vty", "user-interface vty")):
        if bare.startswith("protocol inbound"):
            state.ssh = no or "ssh" in bare or "all" in bare
        return
    if match := re.fullmatch(r"interface Vlan-interface([0-9]+)", header):
        number = int(match[1])
        if address := re.match(r"ip address(?: ([0-9.]+))?", bare):
            state.addresses[number] = set() if no or not address[1] else {address[1]}
        elif bare == "shutdown":
            (state.svi_down.discard if no else state.svi_down.add)(number)
        return
    if not (match := re.fullmatch(r"interface (\S+)", header)):
        return
    port = state.port(match[1])
    if bare == "shutdown":
        port.up = no
    elif match := re.match(r"port link-type(?: (\w+))?", bare):
        kind = "access" if no else match[1]
        mode = {"trunk": "trunk", "hybrid": "free"}.get(kind, "access")
        port.mode, port.access, port.native, port.voice = mode, 1, 1, None
        port.tagged = frozenset({1}) if mode == "trunk" else frozenset()
    elif match := re.match(r"port access vlan(?: ([0-9]+))?", bare):
        port.access = 1 if no else int(match[1] or 1)
    elif match := re.match(r"port trunk permit vlan (.+)", bare):
        numbers = _vlans(match[1])
        port.tagged = port.tagged - numbers if no else port.tagged | numbers
    elif (match := re.match(r"port trunk pvid(?: vlan ([0-9]+))?", bare)) or (
        match := re.match(r"port hybrid pvid(?: vlan ([0-9]+))?", bare)
    ):
        port.native = 1 if no else int(match[1] or 1)
    elif match := re.match(r"port hybrid vlan (.+?)(?: (tagged|untagged))?$", bare):
        numbers = _vlans(match[1])
        port.tagged = port.tagged - numbers if no else port.tagged | numbers
        if no and port.access in numbers:
            port.access = 0
    elif match := re.match(r"port link-aggregation group(?: ([0-9]+))?", bare):
        port.channel = None if no else match[1]


_READERS: dict[PlatformName, Callable[[State, Path, str], None]] = {
    "cisco_ios": _ios,
    "lancom_sx": _ios,
    "aruba_aoscx": _cx,
    "aruba_aoss": _aoss,
    "hpe_comware": _comware,
}
_TRUNK_DEFAULT_ALL = frozenset({"cisco_ios", "lancom_sx"})


def read(platform: PlatformName, text: str) -> State:
    """The state that a running configuration means.

    Args:
        platform: one with a command line.
        text: what the device printed, or a rendered configuration.
    """
    state = State(ssh=platform in {"cisco_ios", "aruba_aoss", "lancom_sx"})
    if platform in _TRUNK_DEFAULT_ALL:
        for name in re.findall(r"^interface (\S+ ?[0-9][0-9/]*)\s*$", text, re.MULTILINE):
            state.port(name).tagged = EVERY
    reader = _READERS[platform]
    for path, line in DIALECTS[platform].parse(text):
        _feed(reader, state, path, line)
    return state


def _feed(reader: Callable[[State, Path, str], None], state: State, path: Path, line: str) -> None:
    # A line that is no sense (a mask that is none) changes nothing that could be relied on.
    with suppress(ValueError):
        reader(state, *((path, line) if line else (path[:-1], path[-1])))


def lint(
    plan: Plan,
    running: str,
    management: Management,
    *,
    before: Management | None = None,
    controller: str | None = None,
) -> list[LintFinding]:
    """Play a plan line by line.

    Args:
        plan: what would be sent.
        running: what the device runs now.
        management: how it shall be reached afterwards.
        before: how it is reached now, where that is something else.
        controller: IPv4 address from which we are connected; it must be let in all the time.

    Returns:
        The lines that must not be sent, in their order; empty when the plan is safe.
    """
    checker = _Checker(plan, running, [management, *([before] if before else [])], controller)
    return checker.findings()


class _Checker:
    def __init__(self, plan: Plan, running: str, paths: Sequence[Management], controller: str | None) -> None:
        self.plan = plan
        self.running = running
        self.paths = paths
        self.controller = IPv4Address(controller) if controller else None
        self.reader = _READERS[plan.platform]
        self.platform = PLATFORMS[plan.platform]

    def findings(self) -> list[LintFinding]:
        start, end = read(self.plan.platform, self.running), read(self.plan.platform, self.running)
        steps = list(self._steps())
        for path, text, _ in steps:
            self._apply(end, path, text)
        had = set(self._path_problems(start))
        known = {reason for _, reason in self._problems(start, start, end)}
        shared = start.allowed() & end.allowed()
        state = read(self.plan.platform, self.running)
        result: list[LintFinding] = []
        for path, text, number in steps:
            deleted = self._deletes(path, text)
            for vlan in sorted(deleted & state.vlans):
                if users := self._users(state, vlan):
                    why = f"VLAN {vlan} would be deleted while {_some(users)} {'uses' if len(users) == 1 else 'use'} it"
                    result.append(LintFinding(number, self._shown(path, text), "vlan-in-use", why))
            self._apply(state, path, text)
            now: list[tuple[str, str]] = list(self._problems(state, start, end))
            now += [("management-path", reason) for reason in self._path_problems(state) if reason not in had]
            if shared and not shared & state.allowed():
                now.append(("management-path", "no network that may log in now would be let in"))
            elif start.allowed() and not state.allowed():
                now.append(("management-path", "the list of those who may log in would be empty"))
            if self._let_in(start) and not self._let_in(state):
                now.append(("management-path", f"the controller {self.controller} would not be let in any more"))
            for rule, reason in now:
                if reason not in known:
                    result.append(LintFinding(number, self._shown(path, text), rule, reason))
            known = {reason for _, reason in now}
        return result

    def _let_in(self, state: State) -> bool:
        return self.controller is not None and any(self.controller in network for network in state.allowed())

    def _steps(self) -> Iterable[tuple[Path, str, int]]:
        dialect = DIALECTS[self.plan.platform]
        number = 0
        current: Path = ()
        for command in self.plan.commands:
            common = 0
            while common < min(len(current), len(command.path)) and current[common] == command.path[common]:
                common += 1
            number += len(current) - common
            for depth in range(common, len(command.path)):
                number += 1
                yield command.path[:depth], command.path[depth], number
            current = command.path
            for text in dialect.write(command):
                number += 1
                yield command.path, text, number

    def _apply(self, state: State, path: Path, text: str) -> None:
        if self.plan.platform in _TRUNK_DEFAULT_ALL and not path:
            # A port or channel that is new begins as the device makes it: as a trunk it would carry all VLANs.
            match = re.fullmatch(r"interface (?![Vv]lan)(\S+ ?[0-9][0-9/]*)", text)
            if match and _name(match[1]) not in state.ports:
                state.port(match[1]).tagged = EVERY
        _feed(self.reader, state, path, text)

    @staticmethod
    def _shown(path: Path, text: str) -> str:
        return " > ".join((*path, text.split("\n", maxsplit=1)[0]))

    def _deletes(self, path: Path, text: str) -> frozenset[int]:
        match = re.fullmatch(r"(?:no|undo) vlan (?:batch )?([0-9].*)", text) if not path else None
        return _vlans(match[1]) if match else frozenset()

    def _users(self, state: State, vlan: int) -> list[str]:
        return [
            name
            for name, port in state.ports.items()
            if port.up and not port.channel and port.carries() != EVERY and vlan in port.carries()
        ]

    def _problems(self, state: State, start: State, end: State) -> Iterable[tuple[str, str]]:
        for name, port in state.ports.items():
            if not port.up or port.channel:
                continue
            first, last = start.ports.get(name), end.ports.get(name, port)
            if port.mode == "trunk" and port.tagged == EVERY:
                was = first is not None and first.up and first.mode == "trunk" and first.tagged == EVERY
                if not was and not (last.mode == "trunk" and last.tagged == EVERY):
                    yield "open-trunk", f"port {name} would carry all VLANs"
            # Comware puts a port into VLAN 1 when its link type changes; nothing can be done about that.
            passing = self.plan.platform != "hpe_comware" and port.mode != "trunk" and port.access == 1
            if passing and first and first.untagged() != 1 and last.untagged() != 1:
                yield "vlan-1", f"port {name} would pass through VLAN 1"

    def _path_problems(self, state: State) -> list[str]:
        """Why the switch cannot be reached; nothing when one of the known ways stands."""
        ways = [self._way_problems(state, management) for management in self.paths]
        if any(not problems for problems in ways):
            return []
        return ways[0]

    def _way_problems(self, state: State, way: Management) -> list[str]:
        problems = []
        if way.vlan not in state.vlans:
            problems.append(f"the management VLAN {way.vlan} would not exist")
        if not any(self._carries(state, uplink, way.vlan) for uplink in way.uplinks):
            problems.append(f"no uplink ({', '.join(way.uplinks)}) would carry the management VLAN {way.vlan}")
        if str(way.address4.ip) not in state.addresses.get(way.vlan, set()) or way.vlan in state.svi_down:
            problems.append(f"the management address {way.address4.ip} would be gone")
        if str(way.gateway4) not in state.gateways:
            problems.append(f"the gateway {way.gateway4} would be gone")
        if not state.ssh:
            problems.append("the SSH server would be off")
        return problems

    def _carries(self, state: State, uplink: str, vlan: int) -> bool:
        if match := re.fullmatch(r"channel ([0-9]+)", uplink):
            members = [port for port in state.ports.values() if port.channel == match[1] and port.up]
            if self.plan.platform == "lancom_sx":  # a channel has no VLANs of its own there
                return any(vlan in port.carries() for port in members)
            channel = state.ports.get(_name(self.platform.channel_name(int(match[1]))))
            return bool(members) and channel is not None and channel.up and vlan in channel.carries()
        port = state.ports.get(_name(uplink))
        return port is not None and port.up and not port.channel and vlan in port.carries()


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"port {shown}" if len(names) == 1 else f"ports {shown}{' and more' if len(names) > 3 else ''}"
