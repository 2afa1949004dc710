# SPDX-License-Identifier: EUPL-1.2
"""Aruba AOS-CX on an access switch of the 6000 to 6300 series. Sources: docs/test-devices.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, ip_interface
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from verbund.lab.switches import ranges
from verbund.lab.switches.dialect import PLAIN_TYPES, Context, Dialect, Hardware, digest, port_view
from verbund.lab.switches.forwarding import PortView, SviView, View, VlanView, passes
from verbund.lab.switches.grammar import Argument, Line, Misunderstood, Piece, TypeReader
from verbund.lab.switches.lazy import Lazy
from verbund.lab.switches.rules import Banner, networks
from verbund.lab.switches.state import Hook, Node, Refused, Rule

if TYPE_CHECKING:
    from verbund.lab.switches.device import Device
    from verbund.lab.switches.session import Session

_TABLE = r"""
[config]
value.always hostname {name:word} :: hostname switch
list(user) user {user:word} group {group:word} password {secret:secret}
value clock timezone {zone:word} :: clock timezone utc
list(address) ntp server {address:host} [{more:rest}]
flag ntp enable
value ntp vrf {name:word}
section.fixed(clisession) cli-session
value session-timeout {minutes:int}
list(address) radius-server host {address:host} [{more:secrets}]
value radius-server key {secret:secret}
value radius-server auth-type {what=pap|chap}
value radius-server timeout {seconds:int}
value radius-server retries {count:int}
list radius-server tracking {what:rest}
section(group) aaa group server {kind=radius|tacacs} {name:word}
list(list) aaa authentication login {list=default|console|ssh|https-server} {methods:rest}
list(list) aaa authorization commands {list=default|console|ssh} {methods:rest}
list(list) aaa accounting all-mgmt {list=default|console|ssh} {methods:rest}
value aaa accounting port-access {what:rest}
flag aaa authentication limit-login-attempts
flag aaa authentication allow-fail-through
section.fixed(central) aruba-central
list(address) logging {address:ip} [{more:rest}]
value logging facility {name:word}
list(vrf) ssh server vrf {vrf:word}
value ssh ciphers {names:rest}
value ssh macs {names:rest}
value ssh key-exchange-algorithms {names:rest}
value ssh host-key-algorithms {names:rest}
value ssh public-key-algorithms {names:rest}
value ssh maximum-auth-attempts {count:int} :: ssh maximum-auth-attempts 6
flag.on ssh password-authentication
section(acl) access-list ip {name:word}
section(acl) access-list ipv6 {name:word}
list(kind,vrf) apply access-list {kind=ip|ipv6} {name:word} control-plane vrf {vrf:word}
flag dhcpv4-snooping
list dhcpv4-snooping {what=option|event-log|external-storage|allow-overwrite-binding|flash-storage} [{more:rest}]
flag dhcpv6-snooping
flag nd-snooping
flag nd-snooping enable
section(vlan) vlan {vlans:vlans}
flag spanning-tree
value spanning-tree mode {mode=mstp|rpvst} :: spanning-tree mode mstp
value spanning-tree config-name {name:word}
value spanning-tree config-revision {number:int}
value spanning-tree priority {priority:int} :: spanning-tree priority 8
value spanning-tree bpdu-guard timeout {seconds:int}
section(role) port-access role {name:word}
section.fixed.alias(interface) interface mgmt
section(dot1xall) aaa authentication port-access dot1x authenticator
section(macauthall) aaa authentication port-access mac-auth
section.alias(interface) interface {port:lag}
section.fixed(interface) interface {port:port}
section(svi) interface {vlan:svi}
flag.on lldp
flag loop-protect
flag snmp-server snmpv3-only
list(vrf) snmp-server vrf {vrf:word}
value snmp-server system-location {text:raw}
value snmp-server system-contact {text:raw}
list snmp-server community {name:word}
list(address) snmp-server host {address:host} {more:rest}
list(user) snmpv3 user {user:word} {more:secrets}
list snmpv3 context {name:word} [{more:rest}]
list ip route {network:prefix} {hop:word} [{more:rest}]
list(network) ipv6 route {network:prefix6} {hop:word} [{more:rest}]
value ip source-interface {what:rest}
value ip dns server-address {address:ip}
value ip dns domain-name {name:word}
list(vrf) https-server vrf {vrf:word}
value https-server rest access-mode {mode=read-only|read-write}
accept alias {name:word} {what:rest}
[clisession]
value timeout {minutes:int}
value max-per-user {count:int}
value tracking-range {days:int}
[central]
flag disable
flag enable
[group]
list server {address:host} [{more:rest}]
[role]
value description {text:raw}
value auth-mode {mode=client-mode|device-mode|multi-domain}
value reauth-period {seconds:int}
value vlan access {vlan:word}
value vlan trunk native {vlan:word}
value vlan trunk allowed {vlans:vlantext}
value client-inactivity timeout {seconds:word}
[acl]
acl(10,10)
[vlan]
value name {name:word}
value description {text:raw}
flag shutdown
flag voice
flag dhcpv4-snooping
flag dhcpv6-snooping
flag arp inspection
flag nd-snooping
flag nd-snooping ra-guard
flag nd-snooping ra-guard log
flag nd-snooping nd-guard
flag nd-snooping ra-drop
flag nd-snooping mac-check
flag vsx-sync
[interface]
value description {text:raw}
flag shutdown
flag.on routing
flag.on trap link-status
value lag {number:int}
value lacp mode {mode=active|passive}
value lacp rate {rate=fast|slow} :: lacp rate slow
value mtu {size:int}
value speed {speed:rest}
list(kind) rate-limit {kind=broadcast|multicast|unknown-unicast|icmp} {more:rest}
flag.on power-over-ethernet
value power-over-ethernet priority {what=low|high|critical} :: power-over-ethernet priority low
flag.on lldp transmit
flag.on lldp receive
flag arp inspection trust
flag dhcpv4-snooping trust
value dhcpv4-snooping max-bindings {count:int}
flag dhcpv6-snooping trust
flag nd-snooping trust
flag nd-snooping ra-guard
flag isolate
flag port-access isolate
flag port-access port-security enable
value port-access port-security client-limit {count:int}
list(way) apply access-list {kind=ip|ipv6|mac} {name:word} {way=in|out}
flag port-access onboarding-method concurrent enable
value port-access onboarding-method precedence {what:rest}
value port-access security violation action {what:rest}
value port-access fallback-role {name:word}
value aaa authentication port-access allow-lldp-auth
value aaa authentication port-access auth-precedence {what:rest}
value aaa authentication port-access auth-priority {what:rest}
value aaa authentication port-access auth-mode {mode=client-mode|device-mode|multi-domain}
value aaa authentication port-access client-limit {count:int}
value aaa authentication port-access client-limit multi-domain {count:int}
value aaa authentication port-access auth-role {name:word}
value aaa authentication port-access critical-role {name:word}
value aaa authentication port-access critical-voice-role {name:word}
value aaa authentication port-access preauth-role {name:word}
value aaa authentication port-access reject-role {name:word}
section(dot1x) aaa authentication port-access dot1x authenticator
section(macauth) aaa authentication port-access mac-auth
flag spanning-tree bpdu-filter
flag spanning-tree bpdu-guard
value spanning-tree bpdu-guard timeout {seconds:int}
flag spanning-tree loop-guard
flag spanning-tree root-guard
flag spanning-tree tcn-guard
value spanning-tree port-type {what=admin-edge|admin-network} :: spanning-tree port-type admin-network
value spanning-tree cost {cost:int}
value spanning-tree port-priority {priority:int}
flag loop-protect
value loop-protect action {what:rest}
value ip address {address:prefix}
flag ip dhcp
value ip static {address:prefix}
value default-gateway {address:ip}
[dot1xall]
value radius server-group {name:word}
flag enable
[macauthall]
value radius server-group {name:word}
value addr-format {what:word}
value auth-method {what=chap|pap}
value password {secret:secret}
flag enable
[dot1x]
flag enable
flag reauth
value reauth-period {seconds:int}
value quiet-period {seconds:int}
value max-eapol-requests {count:int}
value max-retries {count:int}
value eapol-timeout {seconds:int}
value discovery-period {seconds:int}
flag cached-reauth
value cached-reauth-period {seconds:int}
[macauth]
flag enable
flag reauth
value reauth-period {seconds:int}
value quiet-period {seconds:int}
flag cached-reauth
value cached-reauth-period {seconds:int}
[svi]
value description {text:raw}
flag shutdown
value ip address {address:prefix}
flag ip dhcp
list ipv6 address {address:prefix6}
flag ipv6 address autoconfig
flag ipv6 address link-local
list ip helper-address {address:ip}
value vrf attach {name:word}
list(kind,way) apply access-list {kind=ip|ipv6} {name:word} {way=routed-in|routed-out}
"""

_COMMANDS = r"""
enable u enable
disable p disable
exit upc exit
end c end
quit up quit
logout up logout
configure p configure [terminal]
do c do {command:raw}
show_run pc show running-config
show_run pc show running-config all
show_run_interface pc show running-config interface {port:anyport}
show_startup pc show startup-config
show_vlan upc show vlan
show_brief upc show interface brief
show_macs upc show mac-address-table
show_lldp upc show lldp neighbor-info
show_version upc show version
show_system upc show system
show_checkpoint pc show checkpoint
save pc write memory
save pc copy running-config startup-config
checkpoint_copy pc copy running-config checkpoint {name:word}
rollback p copy checkpoint {name:word} running-config
rollback p checkpoint rollback {name:word}
rollback_startup p copy startup-config running-config
auto p checkpoint auto {minutes:int}
confirm p checkpoint auto confirm
reload p boot system [{image=primary|secondary}]
pager_off upc no page
pager_on upc page [{rows:int}]
nothing p clear {what:rest}
nothing upc terminal-monitor [{what:rest}]
"""


def _secret(line: Line, index: int) -> tuple[str, int] | None:
    """A password: plain text becomes ciphertext at once."""
    words = [word.text for word in line.words[index:]]
    if len(words) == 1:
        words = ["plaintext", *words]
    if len(words) != 2 or words[0] not in {"plaintext", "ciphertext"}:
        return None
    return (_cipher(words), len(line.words) - index)


def _cipher(words: Sequence[str]) -> str:
    return f"ciphertext AQBap{digest(words[1], 44)}" if words[0] == "plaintext" else f"ciphertext {words[1]}"


def _secrets(line: Line, index: int) -> tuple[str, int]:
    """The rest of a line, in which each ``plaintext X`` becomes ciphertext."""
    words = [word.text.strip('"') if "plaintext" in line.raw else word.text for word in line.words[index:]]
    result: list[str] = []
    position = 0
    while position < len(words):
        if words[position] == "plaintext" and position + 1 < len(words):
            result.append(_cipher(words[position : position + 2]))
            position += 2
        else:
            result.append(words[position])
            position += 1
    return " ".join(result), len(words)


class PortVlans(Rule):
    """``vlan access`` and ``vlan trunk``: what a port is follows from the last of them.

    From the guide: no list means all VLANs; taking the last VLAN off the list opens the trunk to all; naming a native
    VLAN on a port without a list does so too.
    """

    def __init__(self) -> None:
        vlan = Argument("vlan", "vlan")
        listed = Argument("vlans", "vlans")
        super().__init__(
            "vlan",
            [
                ("vlan", "access", vlan),
                ("vlan", "trunk", "native", vlan),
                ("vlan", "trunk", "native", vlan, "tag"),
                ("vlan", "trunk", "allowed", listed),
                ("vlan", "trunk", "allowed", "all"),
            ],
            frozenset(),
        )

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        vlan, rest = Argument("vlan", "vlan"), Argument("_access", "rest")
        yield ("vlan", "access")
        yield ("vlan", "access", rest)
        yield ("vlan", "trunk", "native")
        yield ("vlan", "trunk", "native", vlan)
        yield ("vlan", "trunk", "native", vlan, "tag")
        yield ("vlan", "trunk", "allowed")
        yield ("vlan", "trunk", "allowed", Argument("vlans", "vlans"))

    @staticmethod
    def of(node: Node) -> tuple[str, int, bool, frozenset[int] | None]:
        """Mode, access or native VLAN, whether it is tagged, list (None for all)."""
        found: tuple[str, int, bool, frozenset[int] | None] = node.values.get("vlan", ("access", 1, False, None))
        return found

    @staticmethod
    def put(node: Node, mode: str, vlan: int, tag: bool, allowed: frozenset[int] | None) -> None:
        """Store it; the default is access in VLAN 1."""
        node.values.pop("vlan", None)
        if (mode, vlan) != ("access", 1):
            node.values["vlan"] = (mode, vlan, tag, allowed)

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del line
        mode, vlan, tag, allowed = self.of(node)
        if "access" in variant:
            self.put(node, "access", int(arguments["vlan"]), False, None)
            return
        if mode == "access":
            vlan, tag, allowed = 1, False, None
            known = False
        else:
            known = allowed is not None
        if "native" in variant:
            self.put(node, "trunk", int(arguments["vlan"]), "tag" in variant, allowed)
        elif "vlans" in arguments:
            self.put(
                node, "trunk", vlan, tag, (allowed or frozenset()) | arguments["vlans"] if known else arguments["vlans"]
            )
        else:
            self.put(node, "trunk", vlan, tag, None)

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        raise NotImplementedError  # `Dialect` calls `negate`, which knows the words

    def negate(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any]) -> None:
        """Take a line back."""
        mode, vlan, tag, allowed = self.of(node)
        if "access" in variant:
            if mode == "access":
                self.put(node, "access", 1, False, None)
        elif mode != "trunk":
            return
        elif "native" in variant:
            if "tag" in variant:
                self.put(node, "trunk", vlan, False, allowed)
            else:
                self.put(node, "trunk", 1, False, allowed)
        else:
            left = (allowed or frozenset()) - arguments.get("vlans", ranges.ALL_VLANS)
            self.put(node, "trunk", vlan, tag, left or None)

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        if node.kind != "interface" or "lag" in node.values or node.header == "interface mgmt":
            return
        mode, vlan, tag, allowed = self.of(node)
        if mode == "access":
            yield f"vlan access {vlan}"
            return
        yield f"vlan trunk native {vlan}{' tag' if tag else ''}"
        yield f"vlan trunk allowed {','.join(ranges.parts(allowed, pairs=True)) if allowed else 'all'}"


class PortState(Rule):
    """``shutdown`` of a port, which the running configuration shows either way."""

    def __init__(self) -> None:
        super().__init__("shutdown", [("shutdown",)], frozenset())

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield ("shutdown",)

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant, arguments, line
        node.values["shutdown"] = True
        if is_lag(node):
            node.values.pop("shutdown")

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        del arguments
        node.values.pop("shutdown", None)
        if is_lag(node):
            node.values["shutdown"] = False

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del hidden
        up = enabled(node)
        if up:
            yield f"{negation} shutdown"
        elif not is_lag(node):
            yield "shutdown"


def is_lag(node: Node) -> bool:
    """Whether an interface is a bundle."""
    return node.header.startswith("interface lag")


def enabled(node: Node) -> bool:
    """Whether an interface is up: ports are from the start, bundles are not."""
    return node.values.get("shutdown") is False if is_lag(node) else "shutdown" not in node.values


@cache
def _types(hardware: Hardware) -> Mapping[str, TypeReader]:
    ports = hardware.ports

    def several(line: Line, index: int) -> tuple[Any, int] | None:
        names: list[str] = []
        for part in line.words[index].text.split(","):
            first, _, last = part.partition("-")
            if first not in ports or (last and last not in ports):
                return None
            start, end = ports.index(first), ports.index(last or first)
            names += ports[start : end + 1]
        return (names[0] if len(names) == 1 else tuple(names)), 1

    def numbered(stem: str, limit: int) -> TypeReader:
        def read(line: Line, index: int) -> tuple[Any, int] | None:
            word, taken = line.words[index].text.lower(), 1
            if word == stem and index + 1 < len(line.words):
                word, taken = stem + line.words[index + 1].text, 2
            number = word.removeprefix(stem)
            if not word.startswith(stem) or not number.isdigit() or not 1 <= int(number) <= limit:
                return None
            return f"{stem} {int(number)}", taken

        return read

    lag, svi = numbered("lag", 256), numbered("vlan", 4094)

    def vlantext(line: Line, index: int) -> tuple[str, int] | None:
        try:
            return ",".join(ranges.parts(ranges.parse(line.words[index].text), pairs=True)), 1
        except ValueError:
            return None

    return {
        **PLAIN_TYPES,
        "port": several,
        "lag": lag,
        "svi": svi,
        "anyport": lambda line, index: several(line, index) or lag(line, index) or svi(line, index),
        "secret": _secret,
        "secrets": _secrets,
        "vlantext": vlantext,
    }


class ArubaAOSCX(Dialect):
    """Aruba AOS-CX."""

    name = "aruba_aoscx"
    indent = "    "
    separator = ""
    table = _TABLE
    commands = _COMMANDS
    version = "FL.10.13.1101"
    model = "6200F 48G 4SFP+ Swch"
    default_hostname = "switch"
    vty_limit = 5
    pager = "-- MORE --, next page: Space, next line: Enter, quit: q"
    completes = True
    prompts: ClassVar[dict[str, str]] = {
        "config": "config",
        "interface": "config-if",
        "svi": "config-if-vlan",
        "acl": "config-acl-ip",
        "role": "config-pa-role",
        "group": "config-sg",
        "clisession": "config-cli-session",
        "central": "config-aruba-central",
        "dot1x": "config-if-dot1x-auth",
        "macauth": "config-if-macauth",
        "dot1xall": "config-dot1x-auth",
        "macauthall": "config-macauth",
    }

    @override
    def extend_tables(self) -> None:
        interface = self.tables["interface"]
        # `shutdown` and `vlan` stand where the running configuration shows them.
        interface.rules = [rule for rule in interface.rules if rule.key != "shutdown"]
        interface.tree = type(interface.tree)()
        rules, interface.rules = interface.rules, []
        for rule in rules:
            interface.add(rule, self.negation)
            if rule.key == "description":
                interface.add(PortState(), self.negation)
            elif rule.key == "trap link-status":
                interface.add(PortVlans(), self.negation)
        config = self.tables["config"]
        config.add(Banner(("motd", "exec"), mark="!"), self.negation)
        config.rules.insert(1, config.rules.pop())

    @override
    def hooks(self) -> Mapping[tuple[str, str], Hook]:
        return {
            ("config", "vlan"): self._vlan,
            ("config", "banner"): Banner.hook,
            ("config", "svi"): self._svi,
            ("config", "interface"): self._interface,
            ("interface", "vlan"): self._port_vlan,
            ("interface", "lag"): self._lag,
        }

    # -- what lines do besides --

    @staticmethod
    def _vlan(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        vlan = int(arguments["vlans"])
        if on:
            return
        if vlan == 1:
            raise Refused("VLAN 1 is the default VLAN and cannot be deleted.")
        for port in node.of_kind("interface"):
            mode, own, tag, allowed = PortVlans.of(port)
            if mode == "access" and own == vlan:
                PortVlans.put(port, "access", 1, tag=False, allowed=None)
            elif mode == "trunk":
                left = allowed - {vlan} if allowed else allowed
                PortVlans.put(port, "trunk", 1 if own == vlan else own, tag, left or None)
        del context

    @staticmethod
    def _svi(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del context, node, arguments, on

    @staticmethod
    def _interface(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        name = str(arguments.get("port", ""))
        if not on and name.startswith("lag"):
            for port in node.of_kind("interface"):
                if port.get("lag", "number") == name.split()[1]:
                    port.values.pop("lag")
        del context

    @staticmethod
    def _port_vlan(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        root = context.device.root
        wanted = {int(arguments["vlan"])} if "vlan" in arguments else set(arguments.get("vlans", ()))
        missing = sorted(vlan for vlan in wanted if vlan != 1 and f"vlan {vlan}" not in root.sections)
        if on and missing and not context.replaying:
            raise Refused(f"VLAN {missing[0]} not found")
        if on and "vlan" in arguments and context.device.faults.native_opens_trunk:
            mode, own, tag, _ = PortVlans.of(node)
            if mode == "trunk" and "_access" not in arguments:
                PortVlans.put(node, mode, own, tag, None)
        if "lag" in node.values:
            raise Refused(f"Interface is a member of LAG {node.get('lag', 'number')}")

    @staticmethod
    def _lag(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        if on and f"interface lag {arguments['number']}" not in context.device.root.sections:
            raise Refused(f"LAG {arguments['number']} does not exist")
        if on:
            node.values.pop("vlan", None)

    # -- the operator's side --

    @override
    def default_ports(self, count: int) -> tuple[str, ...]:
        return tuple(f"1/1/{number}" for number in range(1, count + 1))

    @override
    def types(self, hardware: Hardware) -> Mapping[str, TypeReader]:
        return _types(hardware)

    @override
    def prompt(self, session: Session) -> str:
        name = self.hostname(session.device.root)
        if not session.frames:
            return f"{name}{'#' if session.privileged else '>'} "
        frame = session.frames[-1]
        if frame.kind == "vlan":
            return f"{name}(config-vlan-{frame.headers[0].split()[1]})# "
        mode = self.prompts[frame.kind]
        if frame.kind == "interface":
            if frame.headers[0].startswith("interface lag"):
                mode = "config-lag-if"
            elif frame.several:
                first, last = (header.split()[1] for header in (frame.headers[0], frame.headers[-1]))
                mode = f"config-if-<{first}-{last}>"
        return f"{name}({mode})# "

    @override
    def complaint(self, error: Misunderstood, session: Session, raw: str) -> str:
        del session, raw
        match error.kind:
            case "ambiguous":
                return "% Ambiguous command."
            case "incomplete":
                return "% Command incomplete."
        return f"Invalid input: {error.word}"

    @override
    def full_flash(self) -> str:
        return "Copying configuration: [Failed]\nNo space left on device"

    @override
    def factory(self, device: Device) -> Iterable[str]:
        yield f"hostname {device.name}"
        yield "ssh server vrf default"
        yield "vlan 1"
        yield "interface vlan 1"
        yield "ip dhcp"
        yield "https-server vrf default"

    @override
    def implied(self, device: Device, kind: str) -> Iterable[str]:
        return ("vlan 1",) if kind == "vlan" else super().implied(device, kind)

    @override
    def section_order(self, device: Device, node: Node) -> Any:
        return (not is_lag(node), ranges.natural(node.header))

    @override
    def groups(self, device: Device, nodes: list[Node], kind: str) -> Iterator[tuple[str, Node]]:
        if kind != "vlan":
            yield from super().groups(device, nodes, kind)
            return
        plain: list[Node] = []
        for node in [*nodes, None]:
            if node is not None and not node.values:
                plain.append(node)
                continue
            if plain:
                numbers = [int(each.header.split()[1]) for each in plain]
                yield f"vlan {','.join(ranges.parts(numbers, pairs=True))}", plain[0]
                plain = []
            if node is not None:
                yield node.header, node

    @override
    def running(self, device: Device, body: Sequence[str]) -> list[str]:
        return [
            "Current configuration:",
            "!",
            f"!Version ArubaOS-CX {self.version}",
            "!export-password: default",
            *body,
        ]

    # -- commands --

    @override
    def saved(self, session: Session) -> None:
        session.say("Copying configuration: [Success]")

    def do_quit(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """End the session."""
        del arguments
        session.end()

    def do_auto(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Return to the present configuration unless that is confirmed in time (1 to 60 minutes)."""
        device, minutes = session.device, int(arguments["minutes"])
        if not 1 <= minutes <= 60:
            raise Refused(f"Invalid input: {minutes}")
        if device.remaining("checkpoint") is not None:
            session.say("Auto checkpoint mode is already in progress")
            return
        device.flash["auto"] = device.kept()
        device.arm("checkpoint", minutes * 60, lambda: device.replace(device.flash.pop("auto")))
        session.say(f"Auto checkpoint mode expires in {minutes} minute(s)")

    def do_confirm(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Keep the change."""
        del arguments
        device = session.device
        if not device.disarm("checkpoint"):
            session.say("Auto checkpoint mode is not in progress")
            return
        device.flash.pop("auto", None)
        name = time.strftime("AUTO%Y%m%d%H%M%S", time.gmtime(device.clock.now()))
        device.flash[name] = device.kept()
        session.say(f"checkpoint {name} created")

    def do_checkpoint_copy(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Name the present configuration."""
        session.device.flash[str(arguments["name"])] = session.device.kept()
        self.saved(session)

    def do_rollback(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Return to a named configuration."""
        lines = session.device.flash.get(str(arguments["name"]))
        if lines is None:
            raise Refused(f"Checkpoint {arguments['name']} does not exist")
        session.device.replace(lines)
        self.saved(session)

    def do_rollback_startup(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Return to the saved configuration."""
        del arguments
        session.device.replace(session.device.startup or ())
        self.saved(session)

    def do_show_checkpoint(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The named configurations."""
        del arguments
        session.page(["NAME", "----", *session.device.flash])

    @override
    def do_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        def go() -> None:
            session.device.reload()

        if session.device.unsaved:
            session.say("Default boot image set to primary.\n\nChecking if the configuration needs to be saved...\n")

            def answered(text: str) -> None:
                if text.strip().lower() in {"y", "yes"}:
                    session.device.save()
                session.ask_yes("This will reboot the entire switch. Continue (y/n)? ", go)

            session.ask("Do you want to save the current configuration (y/n)? ", answered)
        else:
            session.ask_yes("This will reboot the entire switch. Continue (y/n)? ", go)

    def do_show_run_interface(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """One interface."""
        header = f"interface {arguments['port']}"
        node = session.device.root.find(header) or Node("interface", header, {})
        session.page([header, *self._lines(session.device, node, 1, hidden=False), "    exit"])

    def do_show_version(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Version."""
        del arguments
        line = "-" * 77
        session.page(
            [
                line,
                "ArubaOS-CX",
                "(c) Copyright 2017-2024 Hewlett Packard Enterprise Development LP",
                line,
                f"Version      : {self.version}",
                "Build Date   : 2024-11-10 15:08:58 UTC",
                f"Build ID     : ArubaOS-CX:{self.version}:000000000000:202411101456",
                "Active Image : primary",
                "",
                "Service OS Version : FL.01.14.0002",
                "BIOS Version       : FL.01.0002",
            ]
        )

    def do_show_system(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Model and name."""
        del arguments
        session.page(
            [
                f"Hostname               : {self.hostname(session.device.root)}",
                f"System Description     : {self.version}",
                "System Contact         : ",
                "System Location        : ",
                "",
                "Vendor                 : Aruba",
                f"Product Name           : JL728B {self.model}",
                "Chassis Serial Nbr     : SG00000000",
                "Base MAC Address       : 00005e-005300",
                f"ArubaOS-CX Version     : {self.version}",
                "",
                "Time Zone              : UTC",
                "",
                "Up Time                : 1 day, 2 hours, 3 minutes",
                "CPU Util (%)           : 5",
                "Memory Usage (%)       : 20",
            ]
        )

    def do_show_vlan(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """VLANs and the ports that pass them."""
        del arguments
        view = session.device.view()
        line = "-" * 114
        lines = ["", line, f"{'VLAN':<6}{'Name':<34}{'Status':<8}{'Reason':<24}{'Type':<12}{'Interfaces':<30}", line]
        found = {name: passes(view, name) for name in view.ports}
        for vlan, each in view.vlans.items():
            ports = [
                name.replace("lag ", "lag")
                for name, seen in found.items()
                if vlan in seen.vlans and view.ports[name].bundle is None
            ]
            status = (
                ("up", "ok")
                if each.active and ports
                else ("down", "admin_down" if not each.active else "no_member_port")
            )
            kind = "default" if vlan == 1 else "static"
            rows = _wrapped(_compact(ports), 30)
            lines.append(f"{vlan:<6}{each.name:<34}{status[0]:<8}{status[1]:<24}{kind:<12}{rows[0]:<30}".rstrip())
            lines += [f"{'':<84}{row}" for row in rows[1:]]
        session.page(lines)

    def do_show_brief(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Ports: up or down, and where."""
        del arguments
        view, line = session.device.view(), "-" * 96
        lines = [
            line,
            "Port      Native  Mode   Type           Enabled Status  Reason                  Speed   Description",
        ]
        lines += ["          VLAN                                                                  (Mb/s)", line]
        for name, port in view.ports.items():
            vlan = port.access if port.mode == "access" else port.native
            state = ("yes", "up", "") if port.enabled else ("no", "down", "Administratively down")
            lines.append(
                f"{name.replace('lag ', 'lag'):<10}{vlan!s:<8}{port.mode:<7}{'1GbT':<15}"
                f"{state[0]:<8}{state[1]:<8}{state[2]:<24}"
                f"{'1000':<8}{port.description or '--'}"
            )
        session.page(lines)

    def do_show_macs(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Learned addresses."""
        del arguments
        view = session.device.view()
        found = [(vlan, mac, port) for vlan, mac, port in session.device.macs if vlan in passes(view, port).vlans]
        if not found:
            session.say("No MAC entries found.")
            return
        lines = ["MAC age-time            : 300 seconds", f"Number of MAC addresses : {len(found)}", ""]
        lines += ["MAC Address          VLAN     Type                      Port", "-" * 62]
        lines += [f"{mac:<21}{vlan:<9}{'dynamic':<26}{port.replace('lag ', 'lag')}" for vlan, mac, port in found]
        session.page(lines)

    def do_show_lldp(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Neighbours."""
        del arguments
        lines = [
            "",
            "LLDP Neighbor Information",
            "=" * 25,
            "",
            f"Total Neighbor Entries          : {len(session.device.neighbours)}",
        ]
        lines += ["", "LOCAL-PORT  CHASSIS-ID         PORT-ID             PORT-DESC           TTL   SYS-NAME", "-" * 92]
        for port, heard in session.device.neighbours.items():
            lines.append(f"{port:<12}{heard.chassis:<19}{heard.port:<20}{heard.port:<20}120   {heard.name}")
        session.page(lines)

    # -- what it means --

    @override
    def view(self, device: Device) -> View:
        root = device.root
        vlans = {1: VlanView("DEFAULT_VLAN_1")}
        for node in root.of_kind("vlan"):
            number = int(node.header.split()[1])
            name = node.get("name", "name", "DEFAULT_VLAN_1" if number == 1 else f"VLAN{number}")
            vlans[number] = VlanView(name, active="shutdown" not in node.values)
        lags = tuple(node.header.removeprefix("interface ") for node in root.of_kind("interface") if is_lag(node))
        names = [
            entry.arguments["name"] for entry in root.entries("apply access-list") if entry.arguments["kind"] == "ip"
        ]
        acl = root.find(f"access-list ip {names[0]}") if names else None
        permitted: tuple[IPv4Network, ...] | None = None
        if acl is not None:
            entries = (_plain(text) for _, text in sorted(acl.values.get("entries", {}).items()))
            permitted = networks(filter(None, entries), wildcard=False)
        return View(
            vlans=dict(sorted(vlans.items())),
            ports=Lazy((*device.hardware.ports, *lags), lambda name: _port(root, name)),
            svis={int(node.header.split()[-1]): _svi_view(node) for node in root.of_kind("svi")},
            gateways=tuple(
                IPv4Address(entry.arguments["hop"])
                for entry in root.entries("ip route")
                if entry.arguments["network"] == "0.0.0.0/0" and entry.arguments["hop"][0].isdigit()
            ),
            ssh=bool(root.values.get("ssh server vrf")),
            permitted=permitted,
            dropped=True,
        )


def _plain(entry: str) -> str:
    """An entry without protocol and destination: ``permit 10.0.0.0/16``."""
    words = entry.split()
    if len(words) < 3 or words[1] not in {"any", "ip", "tcp"}:
        return ""
    source = words[2]
    if "/" in source:
        address, mask = source.split("/")
        return f"{words[0]} {address} {mask}"
    return f"{words[0]} {source}"


def _port(root: Node, name: str) -> PortView:
    node = root.find(f"interface {name}")
    if node is None:
        return PortView()
    mode, vlan, tag, allowed = PortVlans.of(node)
    lag = node.get("lag", "number")
    dot1x = node.find("aaa authentication port-access dot1x authenticator")
    mac = node.find("aaa authentication port-access mac-auth")
    return port_view(
        enabled=enabled(node),
        mode=mode,
        access=vlan if mode == "access" else None,
        native=vlan,
        native_tagged=tag,
        allowed=allowed,
        bundle=f"lag {lag}" if lag else None,
        guarded=any(section is not None and "enable" in section.values for section in (dot1x, mac)),
        description=node.get("description", "text"),
    )


def _svi_view(node: Node) -> SviView:
    address = node.get("ip address", "address")
    addresses = [ip_interface(address)] if address else []
    addresses += [ip_interface(entry.arguments["address"]) for entry in node.entries("ipv6 address")]
    return SviView(tuple(addresses), enabled="shutdown" not in node.values)


def _compact(ports: Sequence[str]) -> list[str]:
    """Neighbouring ports as ranges: 1/1/2-1/1/4."""
    parts: list[list[str]] = []
    for name in ports:
        stem, _, number = name.rpartition("/")
        before = parts[-1][-1].rpartition("/") if parts else ("", "", "")
        if stem and parts and before[0] == stem and int(before[2]) + 1 == int(number):
            parts[-1].append(name)
        else:
            parts.append([name])
    return [part[0] if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts]


def _wrapped(parts: Sequence[str], width: int) -> list[str]:
    rows = [""]
    for index, part in enumerate(parts):
        text = part + ("," if index < len(parts) - 1 else "")
        if rows[-1] and len(rows[-1]) + len(text) > width:
            rows.append("")
        rows[-1] += text
    return rows


DIALECT: Callable[[], Dialect] = ArubaAOSCX
