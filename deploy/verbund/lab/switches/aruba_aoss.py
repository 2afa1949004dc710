# SPDX-License-Identifier: EUPL-1.2
"""Aruba AOS-S, formerly HP ProCurve: VLANs hold their ports. Sources: docs/test-devices.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, ip_interface
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from verbund.lab.switches import ranges
from verbund.lab.switches.dialect import PLAIN_TYPES, Ask, Context, Dialect, Hardware
from verbund.lab.switches.forwarding import PortView, SviView, View, VlanView, passes
from verbund.lab.switches.grammar import Argument, Line, Misunderstood, Piece, TypeReader, Writer
from verbund.lab.switches.lazy import Lazy
from verbund.lab.switches.state import Hook, Node, Refused, Rule, Table, Target

if TYPE_CHECKING:
    from verbund.lab.switches.device import Device
    from verbund.lab.switches.session import Session

_TABLE = r"""
[config]
value.always hostname {name:quoted} :: hostname "HP-Switch"
value max-vlans {count:int}
value console idle-timeout {seconds:int}
value console idle-timeout serial-usb {seconds:int}
value console inactivity-timer {minutes:int}
flag include-credentials
accept password {who=manager|operator|all} [{more:rest}]
list(address) radius-server host {address:ip} [{more:rest}]
value radius-server key {secret:quoted}
value radius-server timeout {seconds:int} :: radius-server timeout 5
value radius-server retransmit {count:int} :: radius-server retransmit 3
value radius-server dead-time {minutes:int}
list(address) logging {address:ip} [{more:rest}]
value logging severity {level:word}
value logging facility {name:word}
value timesync {what=ntp|sntp|timep|timep-or-sntp}
flag ntp unicast
list(address) ntp server {address:ip} [{more:rest}]
flag ntp enable
flag sntp unicast
list(number) sntp server priority {number:int} {address:ip} [{more:rest}]
value time timezone {minutes:word}
value time daylight-time-rule {rule:word}
flag.on telnet-server
flag.on web-management
flag web-management ssl
flag.on ip ssh
flag ip ssh filetransfer
list ip ssh {what=cipher|mac|kex|timeout|public-key} {more:rest}
list(address) ip authorized-managers {address:ip} {mask:mask} [access {level=manager|operator}]
value ip default-gateway {address:ip}
list ip route {network:ip} {mask:mask} {hop:word} [{more:rest}]
list(network) ipv6 route {network:prefix6} {hop:word} [{more:rest}]
list(address) ipv6 authorized-managers {address:ip6} {mask:ip6} [access {level=manager|operator}]
list ip dns server-address priority {number:int} {address:ip}
value ip dns domain-name {name:word}
flag ip routing
flag.on lldp run
flag.on cdp run
ports.each lldp admin-status {ports:ports} {what:word}
flag dhcp-snooping
vlans.pairs.spaces dhcp-snooping vlan
ports.each dhcp-snooping trust {ports:ports}
ports.each arp-protect trust {ports:ports}
list dhcp-snooping authorized-server {address:ip}
flag.on dhcp-snooping option 82
flag.on dhcp-snooping verify mac
flag arp-protect
vlans.pairs.spaces arp-protect vlan
value arp-protect validate {what:rest}
flag dhcpv6-snooping
vlans.pairs.spaces dhcpv6-snooping vlan
ports ipv6 ra-guard ports {ports:ports}
section.fixed(interface) interface {ports:ports}
list(name) snmp-server community {name:quoted} [{level:rest}]
flag.on snmp-server enable
list(address) snmp-server host {address:ip} [{more:rest}]
value snmp-server location {text:quoted}
value snmp-server contact {text:quoted}
flag snmpv3 enable
flag snmpv3 only
flag snmpv3 restricted-access
list(group,user) snmpv3 group {group:word} user {user:quoted} sec-model {model:word}
list(user) snmpv3 user {user:quoted} [{more:dropped}]
list(way,stage) aaa authentication {way=console|ssh|telnet|web} {stage=login|enable} {methods:rest}
flag aaa authentication login privilege-mode
value aaa authentication port-access {method:rest}
value aaa authentication mac-based {method:rest}
value aaa authentication num-attempts {count:int}
list(what) aaa accounting {what=network|exec|commands|system|update|session-id} {more:rest}
ports aaa port-access authenticator {ports:ports}
ports.each aaa port-access authenticator {ports:ports} auth-vid {vlan:vlan}
ports.each aaa port-access authenticator {ports:ports} unauth-vid {vlan:vlan}
ports.each aaa port-access authenticator {ports:ports} client-limit {count:int}
ports.each aaa port-access authenticator {ports:ports} reauth-period {seconds:int}
ports.each aaa port-access authenticator {ports:ports} tx-period {seconds:int}
ports.each aaa port-access authenticator {ports:ports} quiet-period {seconds:int}
ports.each aaa port-access authenticator {ports:ports} supplicant-timeout {seconds:int}
ports.each aaa port-access authenticator {ports:ports} server-timeout {seconds:int}
ports.each aaa port-access authenticator {ports:ports} max-requests {count:int}
ports.each aaa port-access authenticator {ports:ports} logoff-period {seconds:int}
ports.each aaa port-access authenticator {ports:ports} cached-reauth-period {seconds:int}
ports.each aaa port-access authenticator {ports:ports} control {mode=auto|authorized|unauthorized}
flag aaa port-access authenticator active
ports aaa port-access mac-based {ports:ports}
ports.each aaa port-access mac-based {ports:ports} auth-vid {vlan:vlan}
ports.each aaa port-access mac-based {ports:ports} unauth-vid {vlan:vlan}
ports.each aaa port-access mac-based {ports:ports} addr-limit {count:int}
ports.each aaa port-access mac-based {ports:ports} addr-moves
ports.each aaa port-access mac-based {ports:ports} reauth-period {seconds:int}
ports.each aaa port-access mac-based {ports:ports} logoff-period {seconds:int}
ports.each aaa port-access mac-based {ports:ports} quiet-period {seconds:int}
ports.each aaa port-access mac-based {ports:ports} server-timeout {seconds:int}
value aaa port-access mac-based addr-format {what:word}
ports.each aaa port-access {ports:ports} controlled-direction {way=both|in}
ports.each aaa port-access {ports:ports} auth-order {methods:rest}
ports.each aaa port-access {ports:ports} auth-priority {methods:rest}
ports.each aaa port-access {ports:ports} critical-auth data-vlan {vlan:vlan}
ports.each aaa port-access {ports:ports} critical-auth voice-vlan {vlan:vlan}
ports.each aaa port-access {ports:ports} open-auth data-vlan {vlan:vlan}
ports.each aaa port-access {ports:ports} mixed
section(vlan) vlan {vlans:vlans}
value primary-vlan {vlan:vlan}
value management-vlan {vlan:vlan}
flag spanning-tree
ports.each spanning-tree {ports:ports} admin-edge-port
ports.each spanning-tree {ports:ports} bpdu-protection
ports.each spanning-tree {ports:ports} bpdu-filter
ports.each spanning-tree {ports:ports} root-guard
ports.each spanning-tree {ports:ports} tcn-guard
ports.each spanning-tree {ports:ports} loop-guard
ports.each spanning-tree {ports:ports} priority {priority:int}
ports.each spanning-tree {ports:ports} path-cost {cost:int}
value spanning-tree config-name {name:quoted}
value spanning-tree config-revision {number:int}
value spanning-tree priority {priority:int} :: spanning-tree priority 8
value(spanning-tree priority) spanning-tree priority {priority:int} force-version {what:word}
value spanning-tree force-version {what:word} :: spanning-tree force-version mstp-operation
value spanning-tree bpdu-protection-timeout {seconds:int}
ports loop-protect {ports:ports}
value loop-protect disable-timer {seconds:int}
ports.each filter source-port {ports:ports} drop {others:rest}
flag port-isolation
ports protected-ports {ports:ports}
flag autorun
flag dhcp config-file-update
flag.on dhcp image-file-update
flag.on tftp server
flag.on tftp client
accept crypto key generate ssh [{more:rest}]
accept crypto key zeroize ssh
accept snmp-server mib hpswitchauthmib {what:word}
[interface]
value name {name:quoted}
flag disable
flag flow-control
value speed-duplex {what:word} :: speed-duplex auto
flag.on power-over-ethernet
value power-over-ethernet {level=critical|high|low}
value poe-allocate-by {what:word}
flag dhcp-snooping trust
value dhcp-snooping max-bindings {count:int}
flag arp-protect trust
flag dhcpv6-snooping trust
value broadcast-limit {percent:int}
list(kind) rate-limit {kind=bcast|mcast|icmp|unknown-unicast|all} {more:rest}
value lacp {mode=active|passive}
value unknown-vlans {what=learn|block|disable}
list(name) ip access-group {name:quoted} {way:word}
flag loop-protect
value mdix-mode {mode:word}
[vlan]
value name {name:quoted}
value(ip address) ip address {address:prefix}
value(ip address) ip address {address:ip} {mask:mask}
value(ip address) ip address {how=dhcp-bootp}
list ip helper-address {address:ip}
list ipv6 address {address:prefix6}
flag ipv6 enable
flag voice
flag jumbo
flag ip igmp
flag dhcp-snooping
list(name) ip access-group {name:quoted} {way=in|out|vlan-in|vlan-out}
"""

_COMMANDS = r"""
enable u enable
disable p disable
exit upc exit
end c end
logout upc logout
configure p configure [terminal]
show_run pc show running-config
show_startup pc show config
show_vlans upc show vlans
show_brief upc show interfaces brief
show_status upc show interfaces status
show_macs upc show mac-address
show_lldp upc show lldp info remote-device
show_version upc show version
show_system upc show system
show_system upc show system information
show_trunks upc show trunks
show_reload pc show reload {what=at|after}
save pc write memory
save pc copy running-config startup-config
write_terminal pc write terminal
reload pc reload
reload pc boot [system flash {image=primary|secondary}]
reload_after pc reload after {minutes:int}
reload_off pc no reload
pager_off upc no page
pager_on upc page
nothing upc terminal width {columns:int}
nothing upc terminal length {rows:int}
nothing pc clear {what:rest}
"""


class Membership(Rule):
    """``tagged`` and ``untagged``, in a VLAN for ports and at a port for VLANs.

    A port is untagged in one VLAN at most; naming it in another one moves it. Every port is in some VLAN: whoever
    leaves the last one is back in VLAN 1. The membership is kept at the root, by port and by VLAN.
    """

    def __init__(self, where: str, tagging: str) -> None:
        argument = Argument("ports", "ports") if where == "vlan" else Argument("vlans", "vlans")
        words: tuple[Piece, ...] = (tagging,) if where == "vlan" else (tagging, "vlan")
        super().__init__(tagging, [(*words, argument)], frozenset())

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield self.variants[0]


def untagged(root: Node) -> dict[str, int | None]:
    """The untagged VLAN of ports that are not in VLAN 1; None for ports that have none."""
    found: dict[str, int | None] = root.values.get("membership", {})
    return found


def tagged(root: Node, vlan: str) -> frozenset[str]:
    """The ports that are tagged in a VLAN."""
    node = root.find(f"vlan {vlan}")
    return node.values.get("ports", frozenset()) if node else frozenset()


def _set_untagged(root: Node, port: str, vlan: int | None) -> None:
    now = dict(untagged(root))
    now.pop(port, None)
    if vlan != 1:
        now[port] = vlan
    root.values["membership"] = now


def _set_tagged(node: Node, ports: frozenset[str]) -> None:
    node.values.pop("ports", None)
    if ports:
        node.values["ports"] = ports


def _in_any(root: Node, port: str) -> bool:
    return any(port in node.values.get("ports", ()) for node in root.of_kind("vlan"))


class Trunk(Rule):
    """``trunk 23-24 trk1 lacp``: a bundle, which takes over from its ports and starts in VLAN 1."""

    def __init__(self) -> None:
        trunk: tuple[Piece, ...] = ("trunk", Argument("ports", "ports"))
        name, kind = Argument("name", "trunk"), Argument("kind", "choice", ("lacp", "trunk", "dt-lacp"))
        super().__init__("trunk", [(*trunk, name, kind), (*trunk, name)], frozenset())

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield ("trunk", Argument("ports", "ports"))

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant, line
        name, kind = arguments["name"], arguments.get("kind", "trunk")
        trunks = {**node.values.get("trunk", {})}
        for port in arguments["ports"]:
            trunks[port] = (name, kind)
            _forget(node, port)
        node.values["trunk"] = trunks

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        trunks = {port: found for port, found in node.values.get("trunk", {}).items() if port not in arguments["ports"]}
        gone = {name for name, _ in node.values.get("trunk", {}).values()} - {name for name, _ in trunks.values()}
        node.values.pop("trunk", None)
        if trunks:
            node.values["trunk"] = trunks
        for name in gone:
            _forget(node, name)
            node.sections.pop(f"interface {name}", None)

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        rows: dict[tuple[str, str], list[str]] = {}
        for port, found in node.values.get("trunk", {}).items():
            rows.setdefault(found, []).append(port)
        for (name, kind), ports in sorted(rows.items(), key=lambda item: ranges.natural(item[0][0])):
            yield f"trunk {ranges.port_list(ports)} {name.lower()} {kind}"


def _forget(root: Node, port: str) -> None:
    _set_untagged(root, port, 1)
    for vlan in root.of_kind("vlan"):
        _set_tagged(vlan, vlan.values.get("ports", frozenset()) - {port})


_TRUNK = re.compile(r"trk([1-9][0-9]{0,2})", re.IGNORECASE)


@cache
def _types(hardware: Hardware) -> Mapping[str, TypeReader]:
    names = {name.lower(): name for name in hardware.ports}
    order = hardware.ports

    def one(text: str) -> str | None:
        match = _TRUNK.fullmatch(text)
        return f"Trk{int(match[1])}" if match else names.get(text.lower())

    def ports(line: Line, index: int) -> tuple[frozenset[str], int] | None:
        found: set[str] = set()
        for part in line.words[index].text.split(","):
            first, dash, last = part.partition("-")
            start, end = one(first), one(last) if dash else one(first)
            if start is None or end is None:
                return None
            if start.startswith("Trk") and end.startswith("Trk"):
                found.update(f"Trk{n}" for n in range(int(start[3:]), int(end[3:]) + 1))
            elif start in order and end in order and order.index(start) <= order.index(end):
                found.update(order[order.index(start) : order.index(end) + 1])
            else:
                return None
        return frozenset(found), 1

    def trunk(line: Line, index: int) -> tuple[str, int] | None:
        match = _TRUNK.fullmatch(line.words[index].text)
        return (f"Trk{int(match[1])}", 1) if match else None

    def vlans(line: Line, index: int) -> tuple[frozenset[int], int] | None:
        """``10,20`` and, for snooping, ``10 20-22``."""
        found: frozenset[int] = frozenset()
        taken = 0
        for word in line.words[index:]:
            try:
                found |= ranges.parse(word.text)
            except ValueError:
                break
            taken += 1
        return (found, taken) if taken else None

    return {
        **PLAIN_TYPES,
        "ports": ports,
        "trunk": trunk,
        "vlans": vlans,
        "dropped": PLAIN_TYPES["rest"],
    }


class ArubaAOSS(Dialect):
    """Aruba AOS-S."""

    name = "aruba_aoss"
    indent = "   "
    separator = ""
    section_end = "exit"
    comments = (";", "!")
    table = _TABLE
    commands = _COMMANDS
    version = "YA.16.11.0012"
    model = "J9775A"
    default_hostname = "HP-Switch"
    vty_limit = 6
    pager = "-- MORE --, next page: Space, next line: Enter, quit: Control-C"
    one_key = True
    # The fifth line of a screen is where the prompt stands; the sequences are what the switch draws it with.
    drawn: ClassVar[str] = "\x1b[1;24r\x1b[24;1H\x1b[24;1H\x1b[2K\x1b[24;1H\x1b[?25h\x1b[24;1H"

    @override
    def extend_tables(self) -> None:
        for where, last in (("vlan", "name"), ("interface", "mdix-mode")):
            table = self.tables[where]
            at = next(i for i, rule in enumerate(table.rules) if rule.key == last) + 1
            for tagging in ("untagged", "tagged"):
                table.add(Membership(where, tagging), self.negation)
                table.rules.insert(at, table.rules.pop())
        config = self.tables["config"]
        config.add(Trunk(), self.negation)
        config.rules.insert(1, config.rules.pop())
        config.add(_Banner(), self.negation)
        interface = self.tables["interface"]
        interface.tree.add(("enable",), _enable_target(interface))

    @override
    def hooks(self) -> Mapping[tuple[str, str], Hook]:
        return {
            ("vlan", "untagged"): self._vlan_untagged,
            ("vlan", "tagged"): self._vlan_tagged,
            ("interface", "untagged"): self._port_untagged,
            ("interface", "tagged"): self._port_tagged,
            ("config", "vlan"): self._vlan,
            ("config", "interface"): self._interface,
            ("config", "banner motd"): self._banner,
            ("config", "dhcp-snooping trust *"): self._trust("dhcp-snooping trust"),
            ("config", "arp-protect trust *"): self._trust("arp-protect trust"),
        }

    # -- what lines do besides --

    @staticmethod
    def _vlan(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        vlan = int(arguments["vlans"])
        if on:
            return
        if vlan == 1:
            raise Refused("Default VLAN 1 cannot be deleted.")
        if node.get("management-vlan", "vlan") == str(vlan):
            raise Refused("The management VLAN cannot be deleted.")
        moving = [port for port, own in untagged(node).items() if own == vlan]
        if moving and not context.confirmed:
            raise Ask(
                "The following ports will be moved to the default VLAN:\r\n"
                f"{ranges.port_list(moving)}\r\nDo you want to continue?\r\n [y/n] "
            )
        for port in moving:
            _set_untagged(node, port, 1)
        members = tagged(node, str(vlan))
        gone = node.find(f"vlan {vlan}")
        if gone is not None:
            gone.values.pop("ports", None)
        for port in members:
            if not _in_any(node, port) and untagged(node).get(port, 1) is None:
                _set_untagged(node, port, 1)

    @staticmethod
    def _interface(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        port = str(arguments["ports"])
        known = {name for name, _ in node.values.get("trunk", {}).values()}
        if on and port.startswith("Trk") and port not in known:
            raise Refused(f"Module not present for port or invalid port: {port}")
        del context

    def _join(self, context: Context, root: Node, ports: Iterable[str], vlan: int, *, tag: bool) -> None:
        members = root.values.get("trunk", {})
        bundles = {name for name, _ in members.values()}
        for port in ports:
            if port in members or (port.startswith("Trk") and port not in bundles):
                raise Refused(f"Module not present for port or invalid port: {port}")
        node = root.sections.setdefault(f"vlan {vlan}", Node("vlan", f"vlan {vlan}", {"vlans": str(vlan)}))
        for port in ports:
            if tag:
                if untagged(root).get(port, 1) == vlan:
                    _set_untagged(root, port, None)
                _set_tagged(node, node.values.get("ports", frozenset()) | {port})
            else:
                _set_untagged(root, port, vlan)
                _set_tagged(node, node.values.get("ports", frozenset()) - {port})
        del context

    def _part(self, context: Context, root: Node, ports: Iterable[str], vlan: int, *, tag: bool) -> None:
        node = root.find(f"vlan {vlan}")
        for port in ports:
            if tag and node is not None:
                _set_tagged(node, node.values.get("ports", frozenset()) - {port})
            elif untagged(root).get(port, 1) == vlan:
                if vlan == 1 and not _in_any(root, port) and not context.replaying:
                    raise Refused(f"{port}: Port must be assigned to at least one VLAN.")
                _set_untagged(root, port, None)
            if untagged(root).get(port, 1) is None and not _in_any(root, port) and not context.replaying:
                _set_untagged(root, port, 1)

    def _vlan_untagged(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        act = self._join if on else self._part
        act(context, context.device.root, sorted(arguments["ports"]), int(node.header.split()[1]), tag=False)

    def _vlan_tagged(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        act = self._join if on else self._part
        act(context, context.device.root, sorted(arguments["ports"]), int(node.header.split()[1]), tag=True)

    def _of_port(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool, *, tag: bool) -> None:
        root = context.device.root
        act = self._join if on else self._part
        for vlan in sorted(arguments["vlans"]):
            if vlan != 1 and root.find(f"vlan {vlan}") is None:
                raise Refused(f"VLAN {vlan} does not exist.")
            act(context, root, [node.header.split()[1]], vlan, tag=tag)

    def _port_untagged(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        self._of_port(context, node, arguments, on, tag=False)

    def _port_tagged(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        self._of_port(context, node, arguments, on, tag=True)

    @staticmethod
    def _trust(key: str) -> Hook:
        """The trust of a port is shown at the port, the trust of a bundle is not."""

        def hook(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
            plain = [port for port in arguments["ports"] if not port.startswith("Trk")]
            for port in plain:
                header = f"interface {port}"
                at = node.sections.setdefault(header, Node("interface", header, {"ports": port}))
                at.values.pop(key, None)
                if on:
                    at.values[key] = True
            bundles = frozenset(arguments["ports"]) - frozenset(plain)
            known = {port: value for port, value in node.values.get(f"{key} *", {}).items() if port not in bundles}
            if on:
                known.update(dict.fromkeys(bundles, ""))
            node.values.pop(f"{key} *", None)
            if known:
                node.values[f"{key} *"] = known
            context.stay = True

        return hook

    @staticmethod
    def _banner(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        """A quoted text, which may go on over several lines."""
        if not on:
            return
        raw = str(arguments["text"])
        if len(raw) > 1 and raw.startswith('"') and raw.endswith('"'):
            return
        mark, lines = raw[0], [raw[1:]]

        def collect(line: str) -> bool:
            text, found, _ = line.partition(mark)
            lines.append(text)
            if found:
                node.values["banner motd"] = "\n".join(lines).strip("\n")
                context.device.changed("banner motd")
            return bool(found)

        context.stay = True
        context.collect = collect

    # -- the operator's side --

    @override
    def default_ports(self, count: int) -> tuple[str, ...]:
        return tuple(str(number) for number in range(1, count + 1))

    @override
    def types(self, hardware: Hardware) -> Mapping[str, TypeReader]:
        return _types(hardware)

    @override
    def writers(self) -> Mapping[str, Writer]:
        return {
            "vlans": lambda _, vlans: ",".join(ranges.parts(vlans, pairs=True)),
            "quoted": lambda _, text: f'"{text}"',
            "dropped": lambda _, __: "",
        }

    @override
    def prompt(self, session: Session) -> str:
        name = self.hostname(session.device.root)
        if not session.frames:
            return f"{name}{'#' if session.privileged else '>'} "
        frame = session.frames[-1]
        if frame.kind == "config":
            return f"{name}(config)# "
        names = [header.split()[1] for header in frame.headers]
        return f"{name}({'vlan' if frame.kind == 'vlan' else 'eth'}-{ranges.port_list(names)})# "

    @override
    def before_prompt(self, prompt: str) -> str:
        column = len(prompt) + 1
        return f"\r{self.drawn}{prompt}\x1b[24;1H\x1b[24;{column}H\x1b[24;1H\x1b[?25h\x1b[24;{column}H"

    @override
    def greeting(self, session: Session) -> str:
        del session
        return (
            "\x1b[2J\x1b[?7l\x1b[3;23r\x1b[?6l\x1b[1;1H\x1b[?25l\x1b[1;1H"
            f"HP {self.model} 2530-24G Switch\r\nSoftware revision {self.version}\r\n\r\n"
            "(C) Copyright 2021 Hewlett Packard Enterprise Development LP\r\n\r\n"
        )

    @override
    def complaint(self, error: Misunderstood, session: Session, raw: str) -> str:
        del session
        match error.kind:
            case "ambiguous":
                return f"Ambiguous input: {error.word}"
            case "incomplete":
                return f"Incomplete input: {raw.rsplit(maxsplit=1)[-1]}"
        before = raw[: error.position].split()
        if before and before[-1] in {"interface", "untagged", "tagged", "trunk", "int"} and error.word[:1].isalnum():
            return f"Module not present for port or invalid port: {error.word}"
        return f"Invalid input: {error.word}"

    @override
    def full_flash(self) -> str:
        return "Unable to save configuration: file system is full."

    @override
    def factory(self, device: Device) -> Iterable[str]:
        yield f'hostname "{device.name}"'
        yield 'snmp-server community "public" unrestricted'
        yield "vlan 1"
        yield 'name "DEFAULT_VLAN"'
        yield "ip address dhcp-bootp"

    @override
    def implied(self, device: Device, kind: str) -> Iterable[str]:
        del device
        return ("vlan 1",) if kind == "vlan" else ()

    @override
    def section_order(self, device: Device, node: Node) -> Any:
        return (node.header.startswith("interface Trk"), ranges.natural(node.header))

    @override
    def sections(self, device: Device, node: Node, kind: str) -> list[Node]:
        found = super().sections(device, node, kind)
        return [section for section in found if kind != "interface" or section.values]

    def _lines(self, device: Device, node: Node, depth: int, *, hidden: bool) -> Iterator[str]:
        lines = list(super()._lines(device, node, depth, hidden=hidden))
        if node.kind != "vlan":
            yield from lines
            return
        lead = self.indent * depth
        names = [line for line in lines if line.strip().startswith("name ")]
        yield from names or [f'{lead}name "{_name(node)}"']
        yield from (lead + line for line in _members(device, node))
        yield from (line for line in lines if line not in names)
        if "ip address" not in node.values:
            yield f"{lead}no ip address"

    @override
    def running(self, device: Device, body: Sequence[str]) -> list[str]:
        del device
        return [
            "",
            "Running configuration:",
            "",
            f"; {self.model} Configuration Editor; Created on release #{self.version}",
            "; Ver #14:67.6f.f8.1d.9b.3f.bf.bb.ef.7c.59.fc.6b.fb.9f.fc.ff.ff.37.ef:ba",
            *body,
            "",
        ]

    # -- commands --

    def saved(self, session: Session) -> None:
        """Saving says nothing."""

    def do_write_terminal(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The running configuration, by its older name."""
        self.do_show_run(session, arguments)

    @override
    def do_logout(self, session: Session, arguments: Mapping[str, Any]) -> None:
        del arguments

        def save(key: str) -> None:
            if key == "y":
                session.device.save()
            session.end()

        def sure(key: str) -> None:
            if key != "y":
                return
            if session.device.unsaved:
                session.ask_key("Do you want to save the current configuration [y/n/^C]? ", save)
            else:
                session.end()

        session.ask_key("Do you want to log out [y/n]? ", sure)

    @override
    def do_exit(self, session: Session, arguments: Mapping[str, Any]) -> None:
        if session.frames:
            session.leave()
        elif session.privileged and not session.device.privileged:
            session.privileged = False
        else:
            self.do_logout(session, arguments)

    @override
    def do_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        del arguments

        def save(key: str) -> None:
            if key == "y":
                session.device.save()
            session.device.reload()

        def sure(key: str) -> None:
            if key != "y":
                return
            if session.device.unsaved:
                session.ask_key("Do you want to save current configuration [y/n/^C]? ", save)
            else:
                session.device.reload()

        session.ask_key("System will be rebooted from primary image. Do you want to continue [y/n]? ", sure)

    def do_reload_after(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Start again later: the only watchdog there is."""
        device, minutes = session.device, int(arguments["minutes"])
        device.arm("reload", minutes * 60, device.reload)
        session.say(f"Reload scheduled in 0 days, 0 hours, {minutes} minutes")

    def do_reload_off(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Stop the watchdog."""
        del arguments
        session.device.disarm("reload")

    def do_show_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """How long until the watchdog."""
        del arguments
        left = session.device.remaining("reload")
        session.say("reload is not scheduled" if left is None else f"Reload scheduled in {int(left // 60)} minutes")

    @override
    def no_startup(self) -> str:
        return "Startup configuration: none"

    def do_show_version(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Version."""
        del arguments
        session.page(
            [
                "Image stamp:    /ws/swbuildm/rel/code/build/anm(swbuildm)",
                "                Nov 10 2021 11:11:11",
                f"                {self.version}",
                "                123",
                "Boot Image:     Primary",
                "",
                "Boot ROM Version:    YA.15.20",
                "Active Boot ROM:     Primary",
            ]
        )

    def do_show_system(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Name and version."""
        del arguments
        session.page(
            [
                "",
                " Status and Counters - General System Information",
                "",
                f"  System Name        : {self.hostname(session.device.root)}",
                "  System Contact     : ",
                "  System Location    : ",
                "",
                "  MAC Age Time (sec) : 300    ",
                "",
                "  Time Zone          : 0   ",
                "  Daylight Time Rule : None                      ",
                "",
                f"  Software revision  : {self.version}         Base MAC Addr      : 00005e-005300",
                "  ROM Version        : YA.15.20              Serial Number      : CN00000000",
                "",
            ]
        )

    def do_show_trunks(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Bundles."""
        del arguments
        lines = [
            "",
            " Load Balancing Method:  L3-based (default)",
            "",
            "  Port | Name                             Type      | Group Type",
        ]
        lines.append("  ---- + -------------------------------- --------- + ----- --------")
        for port, (name, kind) in session.device.root.values.get("trunk", {}).items():
            lines.append(f"  {port:<4} | {'':<32} {'100/1000T':<9} | {name:<5} {kind.upper()}")
        session.page(lines)

    def do_show_vlans(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """VLANs."""
        del arguments
        root = session.device.root
        lines = [
            "",
            " Status and Counters - VLAN Information",
            "",
            "  Maximum VLANs to support : 256                  ",
            "  Primary VLAN : DEFAULT_VLAN",
            f"  Management VLAN : {root.get('management-vlan', 'vlan', '')}",
            "",
            "  VLAN ID Name                             | Status     Voice Jumbo",
            "  ------- -------------------------------- + ---------- ----- -----",
        ]
        for vlan, found in session.device.view().vlans.items():
            lines.append(f"  {vlan:<7} {found.name:<32} | Port-based No    No   ")
        session.page([*lines, ""])

    def do_show_brief(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Ports: up or down."""
        del arguments
        lines = [
            "",
            " Status and Counters - Port Status",
            "",
            "                          | Intrusion                           MDI   Flow Bcast",
            "  Port         Type       | Alert     Enabled Status Mode       Mode  Ctrl Limit",
            "  ------------ ---------- + --------- ------- ------ ---------- ----- ---- -----",
        ]
        for name, port in session.device.view().ports.items():
            if name.startswith("Trk"):
                continue
            shown = f"{name}-{port.bundle}" if port.bundle else name
            state = ("Yes", "Up") if port.enabled else ("No", "Down")
            lines.append(
                f"  {shown:<12} 100/1000T  | No        {state[0]:<7} {state[1]:<6} 1000FDx    MDIX  off  0    "
            )
        session.page([*lines, ""])

    def do_show_status(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Ports and their VLANs."""
        del arguments
        view = session.device.view()
        lines = [
            "",
            "  Port     Name       Status  Config-mode   Speed    Type       Tagged Untagged",
            "  -------- ---------- ------- ------------- -------- ---------- ------ --------",
        ]
        for name, port in view.ports.items():
            found = passes(view, name)
            tag = "multi" if len(found.tagged) > 1 else str(next(iter(found.tagged), "No"))
            shown = f"{name}-{port.bundle}" if port.bundle else name
            description = port.description if len(port.description) <= 10 else f"{port.description[:7]}..."
            lines.append(
                f"  {shown:<8} {description:<10} {'Up' if port.enabled else 'Down':<7} {'Auto':<13} {'1000FDx':<8} "
                f"{'100/1000T':<10} {tag:<6} {found.pvid or 'No'}"
            )
        session.page([*lines, ""])

    def do_show_macs(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Learned addresses."""
        del arguments
        view = session.device.view()
        lines = ["", " Status and Counters - Port Address Table", "", f"  {'MAC Address':<17} {'Port':<31} VLAN"]
        lines.append(f"  {'-' * 17} {'-' * 31} ----")
        for vlan, mac, port in session.device.macs:
            if vlan in passes(view, port).vlans:
                digits = mac.replace(":", "")
                lines.append(f"  {digits[:6]}-{digits[6:]:<10} {port:<31} {vlan}")
        session.page([*lines, ""])

    def do_show_lldp(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Neighbours."""
        del arguments
        lines = ["", " LLDP Remote Devices Information", ""]
        lines += ["  LocalPort | ChassisId          PortId             PortDescr SysName           "]
        lines += ["  --------- + ------------------ ------------------ --------- ------------------"]
        for port, heard in session.device.neighbours.items():
            digits = heard.chassis.replace(":", "")
            lines.append(
                f"  {port:<9} | {digits[:6]}-{digits[6:]:<11} {heard.port:<18} {heard.port[:9]:<9} {heard.name:<18}"
            )
        session.page([*lines, ""])

    # -- what it means --

    @override
    def view(self, device: Device) -> View:
        root = device.root
        vlans = {1: VlanView("DEFAULT_VLAN")}
        for node in root.of_kind("vlan"):
            vlans[int(node.header.split()[1])] = VlanView(_name(node))
        bundles = tuple(dict.fromkeys(name for name, _ in root.values.get("trunk", {}).values()))
        gateway = root.get("ip default-gateway", "address")
        routes = [entry.arguments for entry in root.entries("ip route")]
        managers = [entry.arguments for entry in root.entries("ip authorized-managers")]
        management = root.get("management-vlan", "vlan")
        svis = {int(node.header.split()[1]): _svi_view(node) for node in root.of_kind("vlan") if _addresses(node)}
        return View(
            vlans=dict(sorted(vlans.items())),
            ports=Lazy((*device.hardware.ports, *bundles), lambda name: _port(root, name)),
            # A management VLAN is the only one in which the switch answers.
            svis={vlan: svi for vlan, svi in svis.items() if management is None or vlan == int(management)},
            gateways=(
                *((IPv4Address(gateway),) if gateway else ()),
                *(IPv4Address(route["hop"]) for route in routes if _is_default(route)),
            ),
            ssh=root.values.get("ip ssh", True) is not False,
            permitted=tuple(IPv4Network(f"{row['address']}/{row['mask']}", strict=False) for row in managers) or None,
        )


def _is_default(route: Mapping[str, Any]) -> bool:
    return bool(route["network"] == "0.0.0.0" and route["hop"][0].isdigit())  # noqa: S104 - a route


class _Banner(Rule):
    """``banner motd "text"``."""

    def __init__(self) -> None:
        super().__init__("banner motd", [("banner", "motd", Argument("text", "raw"))], frozenset())

    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield ("banner", "motd")

    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant, line
        node.values["banner motd"] = str(arguments["text"])[1:-1].replace("\\n", "\n")

    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        del arguments
        node.values.pop("banner motd", None)

    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        text = node.values.get("banner motd")
        if text is not None:
            yield 'banner motd "' + text.replace("\n", "\\n") + '"'


def _enable_target(table: Table) -> Target:
    """``enable`` at a port is the opposite of ``disable``."""
    rule = next(rule for rule in table.rules if rule.key == "disable")
    return Target(rule, ("enable",), negated=True)


def _name(node: Node) -> str:
    number = node.header.split()[1]
    return str(node.get("name", "name", "DEFAULT_VLAN" if number == "1" else f"VLAN{number}"))


def _members(device: Device, node: Node) -> Iterator[str]:
    root, vlan = device.root, int(node.header.split()[1])
    members = root.values.get("trunk", {})
    ports = [name for name in device.hardware.ports if name not in members]
    ports += dict.fromkeys(name for name, _ in members.values())
    if vlan == 1:
        away = [port for port in ports if untagged(root).get(port, 1) != 1]
        if away:
            yield f"no untagged {ranges.port_list(away)}"
    own = [port for port in ports if untagged(root).get(port, 1) == vlan]
    if own:
        yield f"untagged {_in_order(own)}"
    tag = node.values.get("ports", frozenset())
    if tag:
        yield f"tagged {_in_order(tag)}"


def _in_order(ports: Iterable[str]) -> str:
    """Ports first, bundles behind them."""
    plain = [port for port in ports if not port.startswith("Trk")]
    bundles = [port for port in ports if port.startswith("Trk")]
    return ",".join(filter(None, (ranges.port_list(plain), ranges.port_list(bundles))))


def _port(root: Node, name: str) -> PortView:
    node = root.find(f"interface {name}")
    bundle = root.values.get("trunk", {}).get(name)
    own = untagged(root).get(name, 1)
    authenticated = name in root.values.get("aaa port-access authenticator *", {}) and root.values.get(
        "aaa port-access authenticator active"
    )
    by_mac = name in root.values.get("aaa port-access mac-based *", {})
    vlans = frozenset(
        int(each.header.split()[1]) for each in root.of_kind("vlan") if name in each.values.get("ports", ())
    )
    return PortView(
        enabled=node is None or "disable" not in node.values,
        mode="hybrid",
        access=own or 1,
        native=own,
        untagged=frozenset({own}) if own is not None else frozenset(),
        tagged=vlans,
        bundle=bundle[0] if bundle else None,
        guarded=bool(authenticated or by_mac),
        description=(node.get("name", "name") or "") if node else "",
    )


def _addresses(node: Node) -> bool:
    return "ip address" in node.values or "ipv6 address" in node.values


def _svi_view(node: Node) -> SviView:
    setting = node.values.get("ip address")
    addresses = []
    if setting is not None and "address" in setting.arguments:
        address, mask = setting.arguments["address"], setting.arguments.get("mask")
        addresses.append(ip_interface(f"{address}/{mask}" if mask else address))
    addresses += [ip_interface(entry.arguments["address"]) for entry in node.entries("ipv6 address")]
    return SviView(tuple(addresses))


DIALECT: Callable[[], Dialect] = ArubaAOSS
