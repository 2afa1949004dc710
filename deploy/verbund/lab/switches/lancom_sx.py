# SPDX-License-Identifier: EUPL-1.2
"""LANCOM LCOS SX 4 (the access switches of the GS-3000 class). Sources: docs/test-devices.md."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, ip_interface, summarize_address_range
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from verbund.lab.switches import ranges
from verbund.lab.switches.dialect import PLAIN_TYPES, Context, Dialect, Hardware, interface_reader, port_view
from verbund.lab.switches.forwarding import PortView, SviView, View, VlanView, passes
from verbund.lab.switches.grammar import Line, Misunderstood, TypeReader
from verbund.lab.switches.lazy import Lazy
from verbund.lab.switches.rules import AllowedVlans, Banner
from verbund.lab.switches.state import Hook, Node, Refused

if TYPE_CHECKING:
    from verbund.lab.switches.device import Device
    from verbund.lab.switches.session import Session

_TABLE = r"""
[config]
value hostname {name:word}
list(user) username {user:word} privilege {level:int} password {secret:secret}
gap
section(vlan) vlan {vlans:vlans}
gap
value.off aaa authentication login console {methods:rest} :: aaa authentication login console local
value.off aaa authentication login telnet {methods:rest} :: aaa authentication login telnet local
value.off aaa authentication login ssh {methods:rest} :: aaa authentication login ssh local
value.off aaa authentication login http {methods:rest} :: aaa authentication login http local
value.off aaa authentication login https {methods:rest} :: aaa authentication login https local
list(list) aaa accounting {list=console|telnet|ssh} {more:rest}
list(list) aaa authorization {list=console|telnet|ssh} {more:rest}
list(address) radius-server host {address:host} [auth-port {auth:int}] [acct-port {acct:int}] [timeout {timeout:int}] [retransmit {retry:int}] [key {secret:key}]
value radius-server key {secret:key}
value radius-server timeout {seconds:int} :: radius-server timeout 5
value radius-server retransmit {count:int} :: radius-server retransmit 3
value radius-server deadtime {minutes:int}
list radius-server attribute {what:rest}
value radius-server message-authenticator {what:word}
list(kind) qos storm {kind=broadcast|multicast|unicast} {rate:rest}
value lmc operating {what:word}
list(network,mask) ip route {network:ip} {mask:mask} {hop:ip}
list(network) ipv6 route {network:prefix6} {hop:word}
list ip name-server {what:rest}
flag.on ip ssh
flag ip telnet
flag.on ip http server
flag.on ip http secure-server
flag ip http secure-redirect
flag ip dhcp snooping
flag ip arp inspection
vlans ip arp inspection vlan
flag ipv6 dhcp snooping
flag ip verify source
value spanning-tree mode {mode=stp|rstp|mstp} :: spanning-tree mode mstp
value spanning-tree mst name {name:word} revision {number:int}
list(instance) spanning-tree mst {instance:int} priority {priority:int}
list(instance) spanning-tree mst {instance:int} vlan {range:vlantext}
flag spanning-tree edge bpdu-guard
flag spanning-tree edge bpdu-filter
value spanning-tree recovery interval {seconds:int}
flag dot1x system-auth-control
flag dot1x re-authentication
value dot1x authentication timer re-authenticate {seconds:int} :: dot1x authentication timer re-authenticate 3600
value dot1x timeout tx-period {seconds:int} :: dot1x timeout tx-period 30
value dot1x timeout quiet-period {seconds:int} :: dot1x timeout quiet-period 10
value dot1x max-reauth-req {count:int} :: dot1x max-reauth-req 2
value dot1x guest-vlan {vlan:vlan} :: dot1x guest-vlan 1
list dot1x feature {what=guest-vlan|radius-vlan|radius-qos}
flag dot1x guest-vlan supplicant
flag voice vlan
value voice vlan vid {vlan:vlan} :: voice vlan vid 1000
flag loop-protect
flag port-security
value aggregation mode {what:rest}
flag ntp
list(number) ntp server {number:int} ip-address {address:host}
value clock timezone {zone:rest}
value clock summer-time {zone:rest}
flag logging on
list(number) logging host {number:int} {address:host}
list(address) logging host {address:host}
value logging level {level:word}
flag.on snmp-server
value snmp-server version {version=v1|v2c|v3}
value snmp-server engine-id local {id:word}
value snmp-server location {text:raw}
value snmp-server contact {text:raw}
list(community) snmp-server community {version=v2c|v3} {community:word} [{more:rest}]
list(user) snmp-server user {user:word} {more:rest}
list(model,name) snmp-server security-to-group model {model=v1|v2c|v3|usm} name {name:word} group {group:word}
list(group) snmp-server access {group:word} {more:rest}
list(view,tree) snmp-server view {view:word} {tree:word} {what=include|exclude}
list(name) snmp-server host {name:word} [{more:rest}]
flag access management
list(number) access management {number:int} {vlan:vlan} {first:ip} to {last:ip} {what:rest}
list(number) access management {number:int} {first:ip} to {last:ip} {what:rest}
list(number) access management {number:int} {vlan:vlan} {first:ip6} to {last:ip6} {what:rest}
gap
section.fixed(interface) interface {port:port}
section(svi) interface {vlan:svi}
section.fixed(console) line console {number:int}
section.fixed(vty) line vty {first:int}
section.fixed.alias(vty) line vty {first:int} {last:int}
[vlan]
value name {name:word}
[interface]
flag loop-protect
value loop-protect action {what:rest}
value switchport access vlan {vlan:vlan} :: switchport access vlan 1
value switchport trunk native vlan {vlan:vlan} :: switchport trunk native vlan 1
value switchport hybrid native vlan {vlan:vlan} :: switchport hybrid native vlan 1
flag switchport trunk vlan tag native
value switchport hybrid acceptable-frame-type {what=all|tagged|untagged} :: switchport hybrid acceptable-frame-type all
flag switchport hybrid ingress-filtering
value switchport hybrid egress-tag {what:rest} :: switchport hybrid egress-tag all except-native
value switchport mode {mode=access|trunk|hybrid} :: switchport mode access
value switchport voice vlan mode {mode=auto|force|disable} :: switchport voice vlan mode disable
value switchport voice vlan discovery-protocol {what=oui|lldp|both} :: switchport voice vlan discovery-protocol oui
flag switchport voice vlan security
flag pvlan isolation
flag.on ip dhcp snooping trust
flag ipv6 dhcp snooping trust
flag.on ip arp inspection trust
flag ip arp inspection check-vlan
flag ip verify source
flag.on lldp receive
flag.on lldp transmit
value poe mode {mode=enable|disable|standard|plus} :: poe mode enable
value poe priority {what=low|high|critical} :: poe priority low
list(kind) qos storm {kind=broadcast|multicast|unicast|unknown} {rate:rest}
flag.on spanning-tree
flag spanning-tree edge
flag.on spanning-tree auto-edge
value spanning-tree link-type {what=auto|point-to-point|shared} :: spanning-tree link-type auto
flag spanning-tree restricted-role
flag spanning-tree restricted-tcn
flag spanning-tree bpdu-guard
value speed {speed:rest}
value duplex {duplex:rest}
value mtu {size:int}
flag shutdown
value description {text:raw}
value dot1x port-control {mode=force-authorized|force-unauthorized|auto|single|multi|mac-based} :: dot1x port-control force-authorized
flag dot1x guest-vlan
flag dot1x radius-vlan
flag dot1x radius-qos
flag dot1x mac-based-fallback
flag port-security
value port-security maximum {count:int} :: port-security maximum 4
value port-security violation {what=protect|restrict|shutdown} :: port-security violation protect
value aggregation group {group:int} mode {mode=active|on|passive}
[svi]
value(ip address) ip address {address:ip} {mask:mask}
value(ip address) ip address dhcp [{more:rest}]
list ipv6 address {address:prefix6}
[console]
value exec-timeout {minutes:int} [{seconds:int}] :: exec-timeout 10 0
value privilege level {level:int}
[vty]
value exec-timeout {minutes:int} [{seconds:int}] :: exec-timeout 10 0
value privilege level {level:int}
"""  # noqa: E501 - a row is a line

_COMMANDS = r"""
enable u enable
disable p disable
exit upc exit
end c end
logout up logout
quit up quit
configure p configure terminal
do c do {command:raw}
show_run p show running-config
show_run p show running-config all-defaults
show_startup p more flash:startup-config
show_vlan up show vlan [brief]
show_status up show interface * status
show_macs up show mac address-table
show_lldp up show lldp neighbors
show_version up show version
save p copy running-config startup-config
reload p reload cold
defaults p reload defaults
defaults p reload defaults keep-ip
pager_on up terminal length {rows:int}
nothing up terminal width {columns:int}
nothing p clear {what:rest}
"""


def _secret(line: Line, index: int) -> tuple[str, int] | None:
    """``unencrypted X`` becomes ``encrypted`` and a hash; ``none`` stays."""
    words = [word.text for word in line.words[index:]]
    if words == ["none"]:
        return "none", 1
    if len(words) != 2 or words[0] not in {"unencrypted", "encrypted"}:
        return None
    text = words[1]
    if words[0] == "unencrypted":
        text = hashlib.sha512(text.encode()).hexdigest()
    return f"encrypted {text}", 2


def _key(line: Line, index: int) -> tuple[str, int] | None:
    """A shared secret, as typed or as ``encrypted X``."""
    words = [word.text for word in line.words[index : index + 2]]
    if words[0] in {"encrypted", "unencrypted"}:
        if len(words) < 2:
            return None
        text = words[1] if words[0] == "encrypted" else hashlib.sha256(words[1].encode()).hexdigest()
        return f"encrypted {text}", 2
    return f"encrypted {hashlib.sha256(words[0].encode()).hexdigest()}", 1


class _Hybrid(AllowedVlans):
    KEY = "switchport hybrid allowed vlan"


@cache
def _types(hardware: Hardware, dialect: LancomSX) -> Mapping[str, TypeReader]:
    plain = dialect.port_reader(hardware)
    order = hardware.ports

    def several(line: Line, index: int) -> tuple[Any, int] | None:
        """``GigabitEthernet 1/1`` and ``GigabitEthernet 1/1-4,7``."""
        if index + 1 >= len(line.words) or (
            "-" not in line.words[index + 1].text and "," not in line.words[index + 1].text
        ):
            return plain(line, index)
        if line.words[index + 1].text.count("/") != 1:
            return None
        slot, _, numbers = line.words[index + 1].text.partition("/")
        try:
            wanted = ranges.parse(numbers)
        except ValueError:
            return None
        names = []
        for number in sorted(wanted):
            read = plain(Line.read(f"{line.words[index].text} {slot}/{number}"), 0)
            if read is None:
                return None
            names.append(read[0])
        return tuple(sorted(names, key=order.index)), 2

    def svi(stem: str, numbers: str) -> str | None:
        return f"vlan {int(numbers)}" if stem and numbers.isdigit() and int(numbers) in ranges.VLAN_IDS else None

    def vlantext(line: Line, index: int) -> tuple[str, int] | None:
        try:
            return ",".join(ranges.parts(ranges.parse(line.words[index].text))), 1
        except ValueError:
            return None

    return {
        **PLAIN_TYPES,
        "port": several,
        "svi": interface_reader(svi, ("vlan",)),
        "secret": _secret,
        "key": _key,
        "vlantext": vlantext,
    }


class LancomSX(Dialect):
    """LANCOM LCOS SX 4."""

    name = "lancom_sx"
    table = _TABLE
    commands = _COMMANDS
    version = "LCOS SX 4.30.0200RU7"
    model = "LANCOM GS-3152P"
    default_hostname = "GS-3152P"
    vty_limit = 4
    pager = "-- more --, next page: Space, continue: g, quit: ^C"
    prompts: ClassVar[dict[str, str]] = {
        "config": "config",
        "interface": "config-if",
        "svi": "config-if-vlan",
        "vlan": "config-vlan",
        "console": "config-line",
        "vty": "config-line",
    }

    @override
    def extend_tables(self) -> None:
        interface = self.tables["interface"]
        for rule, after in (
            (AllowedVlans(wraps=False), "switchport hybrid native vlan"),
            (_Hybrid(wraps=False), AllowedVlans.KEY),
        ):
            interface.add(rule, self.negation)
            at = next(i for i, known in enumerate(interface.rules) if known.key == after)
            interface.rules.insert(at + 1, interface.rules.pop())
        config = self.tables["config"]
        config.add(Banner(("login", "motd", "exec"), mark="^"), self.negation)
        config.rules.insert(1, config.rules.pop())

    @override
    def hooks(self) -> Mapping[tuple[str, str], Hook]:
        return {
            ("config", "vlan"): self._vlan,
            ("config", "svi"): self._svi,
            ("config", "vty"): self._vty,
            ("config", "banner"): Banner.hook,
        }

    @staticmethod
    def _vlan(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del context, node
        if not on and int(arguments["vlans"]) == 1:
            raise Refused("% The default VLAN cannot be deleted.")

    @staticmethod
    def _svi(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        vlan = str(arguments["vlan"])
        if on and vlan != "vlan 1" and node.find(vlan) is None and not context.replaying:
            raise Refused(f"% VLAN {vlan.split()[1]} does not exist")

    @staticmethod
    def _vty(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del context, node, on
        if int(arguments["first"]) > 15 or int(arguments.get("last", 0)) > 15:
            raise Refused("% There are 16 lines, 0 to 15.")

    # -- the operator's side --

    @override
    def default_ports(self, count: int) -> tuple[str, ...]:
        return tuple(f"GigabitEthernet 1/{number}" for number in range(1, count + 1))

    @override
    def types(self, hardware: Hardware) -> Mapping[str, TypeReader]:
        return _types(hardware, self)

    @override
    def hostname(self, root: Node) -> str:
        return str(root.get("hostname", "name", ""))

    @override
    def prompt(self, session: Session) -> str:
        name = self.hostname(session.device.root)
        if not session.frames:
            return f"{name}{'#' if session.privileged else '>'} "
        return f"{name}({self.prompts[session.frames[-1].kind]})# "

    @override
    def complaint(self, error: Misunderstood, session: Session, raw: str) -> str:
        del raw
        lead = " " * (len(self.prompt(session)) + error.position)
        match error.kind:
            case "ambiguous":
                return f"{lead}^\n% Ambiguous word detected at '^' marker.\n"
            case "incomplete":
                return "% Incomplete command.\n"
        return f"{lead}^\n% Invalid word detected at '^' marker.\n"

    @override
    def full_flash(self) -> str:
        return "% Cannot save 'startup-config': flash is full"

    @override
    def factory(self, device: Device) -> Iterable[str]:
        yield f"hostname {device.name}"
        yield "vlan 1"
        yield "interface vlan 1"
        yield "ip address dhcp"
        yield "line console 0"
        for number in range(16):
            yield f"line vty {number}"

    @override
    def groups(self, device: Device, nodes: list[Node], kind: str) -> Iterator[tuple[str, Node]]:
        if kind == "vlan":
            # All VLANs in one line, then those with a name.
            numbers = [int(node.header.split()[1]) for node in nodes]
            if numbers:
                yield f"vlan {','.join(ranges.parts(numbers))}", Node("vlan", "", {})
            nodes = [node for node in nodes if node.values]
        yield from super().groups(device, nodes, kind)

    @override
    def running(self, device: Device, body: Sequence[str]) -> list[str]:
        del device
        return ["Building configuration...", *body, "end"]

    @override
    def sections(self, device: Device, node: Node, kind: str) -> list[Node]:
        found = super().sections(device, node, kind)
        # A range of lines opens each of them; the range itself is nothing that is shown.
        return [section for section in found if kind != "vty" or len(section.header.split()) == 3]

    # -- commands --

    def do_quit(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """End the session."""
        del arguments
        session.end()

    @override
    def saved(self, session: Session) -> None:
        size = sum(len(line) + 1 for line in session.device.startup or ())
        session.say(f"Building configuration...\n% Saving {size} bytes to flash:startup-config")

    @override
    def do_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        del arguments
        session.say("% Cold reload in progress, please stand by.")
        session.device.reload()

    def do_defaults(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The factory configuration takes effect at once, without a reload."""
        del arguments
        session.say("% Reloading defaults. Please stand by.")
        session.device.replace(())

    def do_show_version(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Model and version."""
        del arguments
        session.page(
            [
                "MAC Address      : 00-00-5e-00-53-00",
                "Previous Restart : Cold",
                "",
                f"System Name      : {self.hostname(session.device.root)}",
                f"Product          : {self.model}",
                f"Software Version : {self.version}",
                "",
            ]
        )

    def do_show_vlan(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """VLANs and the ports that pass them."""
        del arguments
        view = session.device.view()
        lines = [
            "VLAN  Name                             Interfaces",
            "----  -------------------------------- ----------",
        ]
        for vlan, found in view.vlans.items():
            ports = [name.rpartition("/")[2] for name in view.ports if vlan in passes(view, name).vlans]
            shown = f"Gi 1/{ranges.port_list(ports)}" if ports else ""
            lines.append(f"{vlan:<5} {found.name:<32} {shown}".rstrip())
        session.page([*lines, ""])

    def do_show_status(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Ports: up or down."""
        del arguments
        lines = ["Interface                Mode     Speed & Duplex  Flow Control  Max Frame  Excessive  Link"]
        lines.append("-" * 90)
        for name, port in session.device.view().ports.items():
            mode, link = ("enabled", "1Gfdx") if port.enabled else ("disabled", "Down")
            lines.append(f"{name:<24} {mode:<8} Auto            disabled      10240      Discard    {link}")
        session.page(lines)

    def do_show_macs(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Learned addresses."""
        del arguments
        view = session.device.view()
        lines = ["Type    VID  MAC Address        Ports"]
        for vlan, mac, port in session.device.macs:
            if vlan in passes(view, port).vlans:
                lines.append(f"Dynamic {vlan:<4} {mac.replace(':', '-')}  {port}")
        session.page(lines)

    def do_show_lldp(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Neighbours."""
        del arguments
        lines: list[str] = []
        for port, heard in session.device.neighbours.items():
            lines += [
                f"Local Interface    : {port}",
                f"Chassis ID         : {heard.chassis.replace(':', '-')}",
                f"Port ID            : {heard.port}",
                f"Port Description   : {heard.port}",
                f"System Name        : {heard.name}",
                "",
            ]
        session.page(lines or ["No LLDP entries found"])

    # -- what it means --

    @override
    def view(self, device: Device) -> View:
        root = device.root
        vlans = {1: VlanView("default")}
        for node in root.of_kind("vlan"):
            number = int(node.header.split()[1])
            vlans[number] = VlanView(str(node.get("name", "name", "default" if number == 1 else f"VLAN{number:04d}")))
        rows = [entry.arguments for entry in root.entries("access management ...")]
        permitted: tuple[IPv4Network, ...] | None = None
        if root.values.get("access management"):
            permitted = tuple(
                network
                for row in rows
                if {"all", "ssh", "telnet"} & set(str(row["what"]).split())
                if "." in row["first"]
                for network in summarize_address_range(IPv4Address(row["first"]), IPv4Address(row["last"]))
            )
        return View(
            vlans=dict(sorted(vlans.items())),
            ports=Lazy(device.hardware.ports, lambda name: _port(root, name)),
            svis={int(node.header.split()[-1]): _svi_view(node) for node in root.of_kind("svi")},
            gateways=tuple(
                IPv4Address(entry.arguments["hop"])
                for entry in root.entries("ip route")
                if entry.arguments["network"] == "0.0.0.0"  # noqa: S104 - a route
            ),
            ssh=root.values.get("ip ssh", True) is not False,
            permitted=permitted,
            # The list of VLANs says what access ports may be in; trunks carry what they allow.
            trunks_need_vlan=False,
        )


def _port(root: Node, name: str) -> PortView:
    node = root.find(f"interface {name}")
    if node is None:
        return PortView()
    mode = node.get("switchport mode", "mode", "access")
    key = "hybrid" if mode == "hybrid" else "trunk"
    native = int(node.get(f"switchport {key} native vlan", "vlan", 1))
    control = node.get("dot1x port-control", "mode", "force-authorized")
    return port_view(
        enabled="shutdown" not in node.values,
        # A hybrid port is a trunk whose handling of tags can be changed.
        mode="access" if mode == "access" else "trunk",
        access=int(node.get("switchport access vlan", "vlan", 1)),
        native=native,
        native_tagged="switchport trunk vlan tag native" in node.values if mode == "trunk" else None,
        allowed=node.values.get(f"switchport {key} allowed vlan", ranges.ALL_VLANS),
        guarded=control != "force-authorized" and "dot1x system-auth-control" in root.values,
        description=node.get("description", "text"),
    )


def _svi_view(node: Node) -> SviView:
    setting = node.values.get("ip address")
    addresses = []
    if setting is not None and "mask" in setting.arguments:
        addresses.append(ip_interface(f"{setting.arguments['address']}/{setting.arguments['mask']}"))
    addresses += [ip_interface(entry.arguments["address"]) for entry in node.entries("ipv6 address")]
    return SviView(tuple(addresses))


DIALECT: Callable[[], Dialect] = LancomSX
