# SPDX-License-Identifier: EUPL-1.2
"""Cisco IOS and IOS-XE on a Catalyst access switch. Sources: docs/test-devices.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, ip_interface
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from verbund.lab.switches import ranges
from verbund.lab.switches.dialect import (
    PLAIN_TYPES,
    Context,
    Dialect,
    Hardware,
    digest,
    interface_reader,
    port_view,
)
from verbund.lab.switches.forwarding import PortView, SviView, View, VlanView, passes
from verbund.lab.switches.grammar import Line, Misunderstood, TypeReader
from verbund.lab.switches.lazy import Lazy
from verbund.lab.switches.rules import AllowedVlans, Banner, networks
from verbund.lab.switches.state import Gap, Hook, Node, Refused

if TYPE_CHECKING:
    from verbund.lab.switches.device import Device
    from verbund.lab.switches.session import Session

_TABLE = r"""
[config]
flag.on service pad
list(what) service timestamps {what=debug|log} {how:rest}
flag service password-encryption
flag service compress-config
flag service tcp-keepalives-in
flag service tcp-keepalives-out
flag service unsupported-transceiver
value.always hostname {name:word} :: hostname Switch
gap
value enable secret {secret:secret}
list(name) username {name:word} [privilege {level:int}] secret {secret:secret}
flag aaa new-model
list(what,list) aaa authentication {what=login|dot1x|enable} {list:word} {methods:rest}
list(what,list) aaa authorization {what=exec|network|commands|console} {list:word} [{methods:rest}]
list(what,list) aaa accounting {what=exec|network|dot1x|commands|update|system} {list:word} [{methods:rest}]
section(aaagroup) aaa group server radius {name:word}
section(coa) aaa server radius dynamic-author
value aaa session-id {scope=common|unique} :: aaa session-id common
gap
value clock timezone {zone:rest}
value clock summer-time {zone:rest}
flag.on ip domain lookup
value(ip domain name) ip domain name {name:word}
value(ip domain name) ip domain-name {name:word}
list ip name-server {address:ip}
flag.on ip routing
list login {what:rest}
flag.on vstack
flag ipv6 unicast-routing
gap
value vtp domain {name:word}
value vtp mode {mode=transparent|off|client|server} :: vtp mode server
flag ip dhcp snooping
vlans ip dhcp snooping vlan
flag.on ip dhcp snooping information option
flag ip dhcp snooping verify mac-address
vlans ip arp inspection vlan
value ip arp inspection validate {what:rest}
gap
flag dot1x system-auth-control
flag dot1x critical eapol
value spanning-tree mode {mode=mst|pvst|rapid-pvst} :: spanning-tree mode pvst
flag spanning-tree loopguard default
flag spanning-tree portfast default
flag spanning-tree portfast bpduguard default
flag spanning-tree portfast edge default
flag spanning-tree portfast edge bpduguard default
flag.on.always spanning-tree extend system-id
section.fixed(mst) spanning-tree mst configuration
list(instance) spanning-tree mst {instance:int} priority {priority:int}
list(range) spanning-tree vlan {range:vlantext} priority {priority:int}
gap
list errdisable recovery cause {cause:word}
value errdisable recovery interval {seconds:int} :: errdisable recovery interval 300
flag.on cdp run
flag lldp run
value authentication mac-move {what=permit|deny}
flag ip device tracking
gap
section(archive) archive
section(raguard) ipv6 nd raguard policy {name:word}
section(dhcpguard) ipv6 dhcp guard policy {name:word}
section(tracking) device-tracking policy {name:word}
section(vlan) vlan {vlans:vlans}
section.alias(interface) interface {port:bundle}
section.fixed(interface) interface {port:port}
section(svi) interface {vlan:svi}
gap
value ip default-gateway {address:ip}
list ip route {network:ip} {mask:mask} {hop:word} [{more:rest}]
list(network) ipv6 route {network:net6} {hop:word} [{more:rest}]
flag.on ip http server
flag.on ip http secure-server
list(what) ip http {what=access-class|authentication|client} {more:rest}
value ip ssh version {version=1|2}
value ip ssh time-out {seconds:int} :: ip ssh time-out 120
value ip ssh authentication-retries {count:int} :: ip ssh authentication-retries 3
list(what) ip ssh server algorithm {what=mac|encryption|kex|hostkey|authentication|publickey} {names:rest}
list(what) ip ssh {what=source-interface|dh|rsa|logging|client} {more:rest}
flag ip scp server enable
value ip radius source-interface {name:rest}
list ip tacacs source-interface {name:rest}
gap
section(acls) ip access-list standard {name:word}
section(acle) ip access-list extended {name:word}
section(acl6) ipv6 access-list {name:word}
value logging buffered {what:rest}
value logging trap {level:word} :: logging trap informational
value logging facility {name:word} :: logging facility local7
value logging source-interface {name:rest}
list(address) logging host {address:host} [{more:rest}]
list(address) logging {address:ip}
flag.on logging console
list(group) snmp-server group {group:word} v3 {level=noauth|auth|priv} [{more:rest}]
list.hidden(user) snmp-server user {user:word} {group:word} v3 {more:secrets}
list(view,tree) snmp-server view {view:word} {tree:word} {what=included|excluded}
value snmp-server community {what:rest}
value snmp-server location {text:raw}
value snmp-server contact {text:raw}
value snmp-server trap-source {name:rest}
list(address,version) snmp-server host {address:host} [{version:word} {more:rest}]
list snmp-server enable traps [{what:rest}]
list radius-server {what:rest}
gap
section(radius) radius server {name:word}
gap
section.fixed(console) line con {number:int}
section.fixed(vty) line vty {first:int} {last:int}
gap
value ntp source {name:rest}
list(address) ntp server {address:host} [{more:rest}]
accept crypto key generate rsa [{more:rest}]
accept crypto key zeroize rsa
accept default interface {port:port}
[mst]
value name {name:word}
value revision {number:int} :: revision 0
list(number) instance {number:int} vlan {range:vlantext}
[aaagroup]
list server name {name:word}
value ip radius source-interface {name:rest}
value deadtime {minutes:int}
[coa]
list(address) client {address:host} [server-key {secret:key}]
[radius]
value address ipv4 {address:host} [auth-port {auth:int} acct-port {acct:int}]
value timeout {seconds:int}
value retransmit {count:int}
value automate-tester {what:rest}
value key {secret:key}
[archive]
section.fixed(archivelog) log config
value path {where:word}
value maximum {count:int}
flag write-memory
value time-period {minutes:int}
[archivelog]
flag logging enable
value logging size {count:int}
flag hidekeys
value notify syslog {what:rest}
[raguard]
flag trusted-port
value device-role {role=host|router|monitor|switch}
value managed-config-flag {what=on|off}
[dhcpguard]
flag trusted-port
value device-role {role=client|server|monitor}
[tracking]
value security-level {level=glean|inspect|guard}
value device-role {role=node|switch}
flag trusted-port
flag protocol udp
flag tracking enable
[vlan]
value name {name:word}
flag shutdown
[interface]
value description {text:raw}
flag.on switchport
value switchport access vlan {vlan:vlan} :: switchport access vlan 1
value switchport trunk native vlan {vlan:vlan} :: switchport trunk native vlan 1
value switchport mode {mode=access|trunk|dynamic}
value(switchport mode) switchport mode dynamic {what=auto|desirable} :: switchport mode dynamic auto
flag switchport nonegotiate
value switchport voice vlan {vlan:vlan}
flag switchport protected
list switchport block {what=unicast|multicast}
list switchport port-security [{what:rest}]
value ip address {address:ip} {mask:mask}
flag.on ip redirects
list(name,way) ip access-group {name:word} {way=in|out}
value ip dhcp snooping limit rate {rate:int}
flag ip dhcp snooping trust
value ip arp inspection limit rate {rate:int}
flag ip arp inspection trust
flag ip verify source
value ipv6 nd raguard attach-policy {name:word}
flag ipv6 nd raguard
value ipv6 dhcp guard attach-policy {name:word}
flag ipv6 dhcp guard
value device-tracking attach-policy {name:word}
flag.on snmp trap link-status
value authentication event fail action authorize vlan {vlan:vlan}
value authentication event server dead action authorize vlan {vlan:vlan}
flag authentication event server dead action authorize voice
value authentication event server dead action reinitialize vlan {vlan:vlan}
value authentication event no-response action authorize vlan {vlan:vlan}
flag authentication event server alive action reinitialize
value authentication control-direction {what=both|in} :: authentication control-direction both
value authentication host-mode {mode=single-host|multi-host|multi-domain|multi-auth} :: authentication host-mode single-host
flag authentication open
value authentication order {methods:rest}
value authentication priority {methods:rest}
value authentication port-control {mode=auto|force-authorized|force-unauthorized} :: authentication port-control force-authorized
flag authentication periodic
list(what) authentication timer {what=reauthenticate|restart|inactivity|unauthorized} {value:rest}
value authentication violation {what=shutdown|restrict|protect|replace} :: authentication violation shutdown
flag mab
value dot1x pae {role=authenticator|supplicant|both}
list(what) dot1x timeout {what=tx-period|quiet-period|server-timeout|supp-timeout|ratelimit-period} {seconds:int}
value dot1x max-reauth-req {count:int} :: dot1x max-reauth-req 2
value dot1x max-req {count:int} :: dot1x max-req 2
list(what) storm-control {what=broadcast|multicast|unicast} level {level:rest}
list storm-control action {what=shutdown|trap}
value power inline {mode=auto|never|static|consumption} [{more:rest}] :: power inline auto
value speed {speed:word} :: speed auto
value duplex {duplex:word} :: duplex auto
flag.on lldp transmit
flag.on lldp receive
flag.on cdp enable
value load-interval {seconds:int} :: load-interval 300
value udld port [{mode:word}]
value channel-group {number:int} mode {mode=active|passive|on|auto|desirable}
value spanning-tree portfast
value(spanning-tree portfast) spanning-tree portfast {how=edge|trunk|disable|network|normal} [{more=trunk}]
value spanning-tree bpduguard {what=enable|disable}
value spanning-tree bpdufilter {what=enable|disable}
value spanning-tree guard {what=root|loop|none} :: spanning-tree guard none
value spanning-tree link-type {what=point-to-point|shared}
value spanning-tree cost {cost:int}
value spanning-tree port-priority {priority:int}
flag shutdown
[svi]
value description {text:raw}
value(ip address) ip address {address:ip} {mask:mask}
value(ip address) ip address dhcp
list(name,way) ip access-group {name:word} {way=in|out}
list ip helper-address {address:ip}
flag.on ip redirects
flag.on ip unreachables
flag.on ip proxy-arp
list ipv6 address {address:prefix6}
flag ipv6 enable
flag shutdown
[console]
value exec-timeout {minutes:int} [{seconds:int}] :: exec-timeout 10 0
flag logging synchronous
flag login local
value login authentication {list:word}
value stopbits {count:int}
value transport preferred {what=none|ssh|all}
value password {secret:key}
[vty]
list(way) access-class {name:word} {way=in|out} [{more:rest}]
list(way) ipv6 access-class {name:word} {way=in|out}
value exec-timeout {minutes:int} [{seconds:int}] :: exec-timeout 10 0
value privilege level {level:int}
flag logging synchronous
flag login local
flag.hidden login
value login authentication {list:word}
value password {secret:key}
value transport preferred {what=none|ssh|all}
list transport input {what:rest}
list transport output {what:rest}
[acls]
acl(10,10)
value remark {text:raw}
[acle]
acl(10,10)
value remark {text:raw}
[acl6]
acl.bare(10,10) sequence
"""  # noqa: E501 - a row is a line

_COMMANDS = r"""
enable u enable
disable p disable
exit upc exit
end c end
exit up quit
logout up logout
configure p configure terminal
revert p configure terminal revert timer {minutes:int}
confirm p configure confirm
revert_now p configure revert now
do c do {command:raw}
show_run p show running-config
show_run p show running-config all
show_run_interface p show running-config interface {port:anyport}
show_startup p show startup-config
show_vlan up show vlan [brief]
show_status up show interfaces status
show_switchport up show interfaces switchport
show_description up show interfaces description
show_macs up show mac address-table
show_lldp up show lldp neighbors
show_version up show version
show_archive p show archive
show_reload p show reload
show_clock up show clock
show_privilege up show privilege
show_flash p dir [{where:word}]
save p write [memory]
copy p copy running-config startup-config
copy p copy system:running-config nvram:startup-config
save p copy running-config startup-config /noconfirm
replace p configure replace {where:word} [force]
replace p configure replace {where:word} list
backup p copy running-config {where:word}
reload p reload
reload_in p reload in {minutes:int} [{reason:rest}]
reload_cancel p reload cancel
pager_on up terminal length {rows:int}
nothing up terminal width {columns:int}
nothing up terminal no monitor
nothing up terminal monitor
nothing p clear {what:rest}
"""

_SHORT = {"GigabitEthernet": "Gi", "TenGigabitEthernet": "Te", "FastEthernet": "Fa", "Port-channel": "Po"}


def short(name: str) -> str:
    """The short name of an interface: Gi1/0/1."""
    for stem, abbreviation in _SHORT.items():
        if name.startswith(stem):
            return abbreviation + name.removeprefix(stem)
    return name


def _secret(line: Line, index: int) -> tuple[str, int] | None:
    """A password that the switch keeps as a hash: the type is 0 for plain text, others are hashes already."""
    words = [word.text for word in line.words[index:]]
    if len(words) == 1:
        words = ["0", *words]
    if len(words) != 2:
        return None
    kind, text = words
    if kind == "0":
        kind, text = "9", f"$9${digest('salt' + text, 14)}${digest(text, 43)}"
    return (f"{kind} {text}", len(line.words) - index) if kind in {"5", "8", "9"} else None


def _key(line: Line, index: int) -> tuple[str, int] | None:
    """A shared secret: shown as typed, or reversibly hidden as type 7."""
    words = [word.text for word in line.words[index:]]
    if words and words[0] in {"0", "7"} and len(words) == 2:
        return (" ".join(words) if words[0] == "7" else words[1], 2)
    return (words[0], 1) if len(words) == 1 else None


def _prefix6(line: Line, index: int) -> tuple[str, int] | None:
    """IOS writes IPv6 in capital letters."""
    read = PLAIN_TYPES["prefix6"](line, index)
    return (read[0].upper(), read[1]) if read else None


def _vlantext(line: Line, index: int) -> tuple[str, int] | None:
    try:
        return ",".join(ranges.parts(ranges.parse(line.words[index].text))), 1
    except ValueError:
        return None


@cache
def _types(hardware: Hardware, dialect: CiscoIOS) -> Mapping[str, TypeReader]:
    plain = dialect.port_reader(hardware)

    def bundle(stem: str, numbers: str) -> str | None:
        return f"Port-channel{int(numbers)}" if stem and numbers.isdigit() and 1 <= int(numbers) <= 128 else None

    def svi(stem: str, numbers: str) -> str | None:
        return f"Vlan{int(numbers)}" if stem and numbers.isdigit() and 1 <= int(numbers) <= 4094 else None

    bundles, svis = interface_reader(bundle, ("port-channel",)), interface_reader(svi, ("vlan",))

    def several(line: Line, index: int) -> tuple[Any, int] | None:
        """A port, or ``range`` with a list of them."""
        if not "range".startswith(line.words[index].text.lower()) or len(line.words[index].text) < 2:
            return plain(line, index)
        names: list[str] = []
        for part in line.rest(index).split(None, 1)[-1].split(","):
            first, _, last = part.partition("-")
            read = plain(one := Line.read(first.strip()), 0) if first.strip() else None
            if read is None or read[1] != len(one.words):
                return None
            start = hardware.ports.index(read[0])
            end = start
            if last.strip():
                stop = f"{read[0].rpartition('/')[0]}/{last.strip()}"
                if not last.strip().isdigit() or stop not in hardware.ports:
                    return None
                end = hardware.ports.index(stop)
            names += hardware.ports[start : end + 1]
        return tuple(names), len(line.words) - index

    def any_port(line: Line, index: int) -> tuple[Any, int] | None:
        return plain(line, index) or bundles(line, index) or svis(line, index)

    return {
        **PLAIN_TYPES,
        "port": several,
        "bundle": bundles,
        "svi": svis,
        "anyport": any_port,
        "secret": _secret,
        "key": _key,
        "secrets": lambda line, index: (line.rest(index), len(line.words) - index),
        "vlantext": _vlantext,
        "prefix6": _prefix6,
        "net6": _prefix6,
    }


class CiscoIOS(Dialect):
    """Cisco IOS."""

    name = "cisco_ios"
    table = _TABLE
    commands = _COMMANDS
    version = "15.2(7)E8"
    model = "WS-C2960X-48FPD-L"
    default_hostname = "Switch"
    vty_limit = 16
    prompts: ClassVar[dict[str, str]] = {
        "config": "config",
        "interface": "config-if",
        "svi": "config-if",
        "vlan": "config-vlan",
        "vty": "config-line",
        "console": "config-line",
        "acls": "config-std-nacl",
        "acle": "config-ext-nacl",
        "acl6": "config-ipv6-acl",
        "mst": "config-mst",
        "radius": "config-radius-server",
        "aaagroup": "config-sg-radius",
        "coa": "config-locsvr-da-radius",
        "archive": "config-archive",
        "archivelog": "config-archive-log-cfg",
        "raguard": "config-nd-raguard",
        "dhcpguard": "config-dhcp-guard",
        "tracking": "config-device-tracking",
    }

    @override
    def extend_tables(self) -> None:
        interface = self.tables["interface"]
        interface.add(AllowedVlans(), self.negation)
        # The running configuration has the list between the native VLAN and the mode.
        rule = interface.rules.pop()
        after = next(i for i, known in enumerate(interface.rules) if known.key == "switchport trunk native vlan")
        interface.rules.insert(after + 1, rule)
        config = self.tables["config"]
        config.add(Banner(("login", "motd", "exec")), self.negation)
        banner = config.rules.pop()
        before = next(i for i, known in enumerate(config.rules) if known.key == "console")
        config.rules[before:before] = [banner, Gap("", [], frozenset())]

    @override
    def hooks(self) -> Mapping[tuple[str, str], Hook]:
        return {
            ("config", "vlan"): self._vlan,
            ("config", "interface"): self._interface,
            ("config", "svi"): self._svi,
            ("config", "banner"): Banner.hook,
            ("config", "default interface"): self._default_interface,
            ("config", "crypto key zeroize rsa"): self._no_keys,
            ("config", "crypto key generate rsa"): self._keys,
            ("interface", "switchport access vlan"): self._access,
            ("interface", "switchport voice vlan"): self._voice,
            ("interface", "channel-group"): self._channel,
            ("interface", "spanning-tree portfast"): self._portfast,
            ("vlan", "name"): self._vlan_name,
            ("vty", "transport input"): self._one_list,
            ("vty", "transport output"): self._one_list,
        }

    # -- what lines do besides --

    def _vlan(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del node
        vlan = int(arguments["vlans"])
        if vlan in range(1002, 1006):
            raise Refused(f"Default VLAN {vlan} may not be deleted." if not on else f"VLAN {vlan} is reserved.")
        if vlan == 1 and not on:
            raise Refused("%Default VLAN 1 may not be deleted.")
        if context.device.root.get("vtp mode", "mode") == "client":
            raise Refused("VTP VLAN configuration not allowed when device is in CLIENT mode.")

    @staticmethod
    def _vlan_name(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        if not on:
            return
        if len(str(arguments["name"])) > 32:
            raise Refused("% VLAN name too long")
        for other in context.device.root.of_kind("vlan"):
            if other is not node and other.get("name", "name") == arguments["name"]:
                raise Refused(
                    f"VLAN #{other.arguments['vlans']} and #{node.arguments['vlans']} have an identical name: "
                    f"{arguments['name']}"
                )

    @staticmethod
    def _interface(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        if not on and str(arguments["port"]).startswith("Port-channel"):
            number = str(arguments["port"]).removeprefix("Port-channel")
            for port in node.of_kind("interface"):
                if port.get("channel-group", "number") == number:
                    # The members leave the bundle and are shut, so that no loop comes up.
                    port.values.pop("channel-group", None)
                    port.values["shutdown"] = True
        del context

    @staticmethod
    def _svi(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        if not on and arguments["vlan"] == "Vlan1":
            raise Refused("% Interface Vlan1 cannot be deleted.")
        del context, node

    @staticmethod
    def _default_interface(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del on
        names = arguments["port"] if isinstance(arguments["port"], tuple) else (arguments["port"],)
        for name in names:
            node.sections.pop(f"interface {name}", None)
            context.say(f"Interface {name} set to default configuration")

    @staticmethod
    def _no_keys(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del node, arguments, on
        context.device.flash["no keys"] = True

    @staticmethod
    def _keys(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del node, arguments, on
        context.device.flash.pop("no keys", None)

    @staticmethod
    def _create_vlan(context: Context, vlan: str, kind: str) -> None:
        root = context.device.root
        header = f"vlan {vlan}"
        if vlan != "1" and header not in root.sections and not context.replaying:
            context.say(f"% {kind} VLAN does not exist. Creating vlan {vlan}")
            root.sections[header] = Node("vlan", header, {"vlans": vlan})

    def _access(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del node
        if on:
            self._create_vlan(context, arguments["vlan"], "Access")

    def _voice(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del node
        if on:
            self._create_vlan(context, arguments["vlan"], "Voice")

    @staticmethod
    def _channel(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        if not on or not node.header.split()[-1].startswith(tuple("GTF")):
            return
        header = f"interface Port-channel{arguments['number']}"
        root = context.device.root
        if header not in root.sections:
            context.say(f"Creating a port-channel interface Port-channel {arguments['number']}")
            bundle = root.sections[header] = Node("interface", header, {"port": header.split()[1]})
            # A new bundle takes over what its first member has.
            bundle.values.update({key: value for key, value in node.values.items() if key.startswith("switchport")})

    @staticmethod
    def _portfast(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del node
        if on and arguments.get("how") != "disable":
            context.say(
                "%Warning: portfast should only be enabled on ports connected to a single\n"
                " host. Connecting hubs, concentrators, switches, bridges, etc... to this\n"
                " interface  when portfast is enabled, can cause temporary bridging loops.\n"
                " Use with CAUTION\n"
            )

    @staticmethod
    def _one_list(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del context, arguments
        if on:
            node.values.pop("transport input", None)

    # -- the operator's side --

    @override
    def default_ports(self, count: int) -> tuple[str, ...]:
        return tuple(f"GigabitEthernet1/0/{number}" for number in range(1, count + 1))

    @override
    def types(self, hardware: Hardware) -> Mapping[str, TypeReader]:
        return _types(hardware, self)

    @override
    def prompt(self, session: Session) -> str:
        name = self.hostname(session.device.root)
        if not session.frames:
            return f"{name}{'#' if session.privileged else '>'}"
        frame = session.frames[-1]
        mode = self.prompts[frame.kind]
        if frame.several and frame.kind in {"interface", "svi"}:
            mode = "config-if-range"
        return f"{name[:20]}({mode})#"

    @override
    def complaint(self, error: Misunderstood, session: Session, raw: str) -> str:
        lead = " " * (len(self.prompt(session)) + error.position)
        match error.kind:
            case "ambiguous":
                return f'% Ambiguous command:  "{raw.strip()}"'
            case "incomplete":
                return "% Incomplete command.\n"
        return f"{lead}^\n% Invalid input detected at '^' marker.\n"

    @override
    def full_flash(self) -> str:
        return "startup-config file open failed (Not enough space)"

    @override
    def factory(self, device: Device) -> Iterable[str]:
        yield f"hostname {device.name}"
        yield "interface Vlan1"
        yield "shutdown"
        yield "line con 0"
        yield "line vty 0 4"
        yield "line vty 5 15"

    @override
    def section_order(self, device: Device, node: Node) -> Any:
        return (not node.header.startswith("interface Port-channel"), ranges.natural(node.header))

    @override
    def sections(self, device: Device, node: Node, kind: str) -> list[Node]:
        if kind == "vlan" and device.root.get("vtp mode", "mode") not in {"transparent", "off"}:
            return []  # a VTP server keeps its VLANs in vlan.dat and nowhere else
        found = super().sections(device, node, kind)
        return [section for section in found if kind != "vlan" or section.header != "vlan 1"]

    @override
    def groups(self, device: Device, nodes: list[Node], kind: str) -> Iterator[tuple[str, Node]]:
        if kind != "vlan":
            yield from super().groups(device, nodes, kind)
            return
        plain: list[Node] = []
        for node in nodes:
            if node.values:
                yield from _together(plain)
                plain = []
                yield node.header, node
            else:
                plain.append(node)
        yield from _together(plain)

    @override
    def outside(self, device: Device) -> list[str]:
        # vlan.dat is written at once and survives a reload without a save.
        return [line for node in self._server_vlans(device) for line in (node.header, *self._inner(node))]

    def _server_vlans(self, device: Device) -> list[Node]:
        if device.root.get("vtp mode", "mode") in {"transparent", "off"}:
            return []
        return sorted(
            (node for node in device.root.of_kind("vlan") if node.header != "vlan 1"),
            key=lambda node: ranges.natural(node.header),
        )

    def _inner(self, node: Node) -> list[str]:
        return [line for rule in self.tables["vlan"].rules for line in rule.lines(node, "no", hidden=True)]

    @override
    def running(self, device: Device, body: Sequence[str]) -> list[str]:
        # IOS counts the bytes of what follows the line that tells their number.
        when = time.strftime("%H:%M:%S UTC %a %b %-d %Y", time.gmtime(device.changed_at))
        text = [
            "!",
            f"! Last configuration change at {when} by {device.changed_by}",
            "!",
            f"version {self.version[:4]}",
            *body,
            "end",
        ]
        size = sum(len(line) + 1 for line in text)
        return ["Building configuration...", "", f"Current configuration : {size} bytes", *text, ""]

    # -- commands --

    @override
    def do_configure(self, session: Session, arguments: Mapping[str, Any]) -> None:
        session.say("Enter configuration commands, one per line.  End with CNTL/Z.")
        super().do_configure(session, arguments)

    def do_revert(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Enter the configuration mode with a timer that takes the change back."""
        device = session.device
        archive = device.root.find("archive")
        minutes = int(arguments["minutes"])
        if archive is None or "path" not in archive.values:
            session.say("% Archive feature is not configured, the rollback confirmed change feature needs it")
            return
        if not 1 <= minutes <= 120:
            raise Refused("% Invalid input detected at '^' marker.\n")
        if device.remaining("revert") is not None:
            session.say("% A rollback confirmed change is already pending")
            return
        where = f"{archive.get('path', 'where')}-{time.strftime('%b-%d-%H-%M-%S', time.gmtime(device.clock.now()))}-0"
        session.say(f"Rollback Confirmed Change: Backing up current running config to {where}\n")
        device.flash["revert"] = device.kept()
        device.arm("revert", minutes * 60, lambda: self._rolled_back(device))
        if minutes > 1:
            device.arm("revert warning", (minutes - 1) * 60, lambda: self._warn(device))
        self.do_configure(session, arguments)

    @staticmethod
    def _warn(device: Device) -> None:
        for session in device.sessions:
            session.faults.messages.append(
                "Rollback Confirmed Change: Rollback will begin in one minute.\r\n"
                'Enter "configure confirm" if you wish to keep what you\'ve configured'
            )

    @staticmethod
    def _rolled_back(device: Device) -> None:
        device.disarm("revert warning")
        device.replace(device.flash.pop("revert"))

    def do_confirm(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Keep the change."""
        del arguments
        session.device.disarm("revert warning")
        if session.device.disarm("revert"):
            session.device.flash.pop("revert", None)
        else:
            session.say("% No Rollback Confirmed Change pending")

    def do_revert_now(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Do not wait for the timer."""
        del arguments
        if session.device.disarm("revert"):
            self._rolled_back(session.device)
        else:
            session.say("% No Rollback Confirmed Change pending")

    @override
    def saved(self, session: Session) -> None:
        session.say("Building configuration...\n[OK]")

    def do_copy(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Save, after asking for the file name."""
        session.ask("Destination filename [startup-config]? ", lambda _: self.do_save(session, arguments))

    def do_backup(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """A copy of the running configuration on the flash."""
        where = str(arguments["where"])

        def copied(_: str) -> None:
            session.device.flash[where] = session.device.kept()
            session.say(f"{sum(map(len, session.device.flash[where]))} bytes copied in 0.5 secs")

        session.ask(f"Destination filename [{where.partition(':')[2]}]? ", copied)

    def do_replace(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Put a file, or the startup configuration, in the place of the running configuration."""
        where = str(arguments["where"])
        lines = session.device.startup if "startup-config" in where else session.device.flash.get(where)
        if lines is None:
            raise Refused(f"%Error opening {where} (No such file or directory)")
        session.device.replace(lines)
        session.say("The rollback configlet from the last pass is listed below:\n\nRollback Done")

    @override
    def do_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        def confirmed() -> None:
            session.ask_yes(
                "Proceed with reload? [confirm]", lambda: super(CiscoIOS, self).do_reload(session, arguments)
            )

        if session.device.unsaved:

            def answered(text: str) -> None:
                if text.strip().lower() in {"y", "yes"}:
                    session.device.save()
                confirmed()

            session.ask("System configuration has been modified. Save? [yes/no]: ", answered)
        else:
            confirmed()

    def do_reload_in(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Start again later, unless it is cancelled: the watchdog of old switches."""
        device, minutes = session.device, int(arguments["minutes"])

        def armed() -> None:
            device.arm("reload", minutes * 60, device.reload)

        def confirmed() -> None:
            session.say(f"Reload scheduled in {minutes} minutes by {session.user} on vty0")
            session.ask_yes("Proceed with reload? [confirm]", armed)

        if device.unsaved:

            def answered(text: str) -> None:
                if text.strip().lower() in {"y", "yes"}:
                    device.save()
                confirmed()

            session.ask("System configuration has been modified. Save? [yes/no]: ", answered)
        else:
            confirmed()

    def do_reload_cancel(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Stop the watchdog."""
        del arguments
        if session.device.disarm("reload"):
            session.say("\n\n***\n*** --- SHUTDOWN ABORTED ---\n***\n")
        else:
            session.say("%No reload is scheduled.")

    def do_show_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """How long until the watchdog."""
        del arguments
        left = session.device.remaining("reload")
        session.say("No reload is scheduled." if left is None else f"Reload scheduled in {int(left // 60)} minutes")

    def do_show_run_interface(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """One interface."""
        header = f"interface {arguments['port']}"
        node = session.device.root.find(header)
        kind = "svi" if str(arguments["port"]).startswith("Vlan") else "interface"
        lines = [header]
        if node is not None:
            lines += [
                f" {line}" for rule in self.tables[kind].rules for line in rule.lines(node, self.negation, hidden=False)
            ]
        session.page(["Building configuration...", "", "Current configuration : 0 bytes", "!", *lines, "end", ""])

    def do_show_version(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Model and version."""
        del arguments
        name = self.hostname(session.device.root)
        session.page(
            [
                (
                    "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), "
                    f"Version {self.version}, RELEASE SOFTWARE (fc3)"
                ),
                "Technical Support: http://www.cisco.com/techsupport",
                "",
                "ROM: Bootstrap program is C2960X boot loader",
                "",
                f"{name} uptime is 1 day, 2 hours, 3 minutes",
                "System returned to ROM by power-on",
                'System image file is "flash:/c2960x-universalk9-mz.152-7.E8.bin"',
                "",
                f"cisco {self.model} (APM86XXX) processor (revision A0) with 524288K bytes of memory.",
                "Processor board ID FOC0000X000",
                f"{len(session.device.hardware.ports)} Gigabit Ethernet interfaces",
                "Configuration register is 0xF",
                "",
            ]
        )

    def do_show_clock(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The time."""
        del arguments
        now = time.gmtime(session.device.clock.now())
        session.say(time.strftime("%H:%M:%S.000 UTC %a %b %-d %Y", now))

    def do_show_privilege(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The privilege level."""
        del arguments
        session.say(f"Current privilege level is {15 if session.privileged else 1}")

    def do_show_archive(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Whether there is an archive."""
        del arguments
        archive = session.device.root.find("archive")
        if archive is None or "path" not in archive.values:
            session.say("Archive feature not enabled")
        else:
            session.say("The maximum archive configurations allowed is 10.")

    def do_show_flash(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The files."""
        del arguments
        session.page(["Directory of flash:/", "", *(f"    1  -rw-  1024  {name}" for name in session.device.flash)])

    def do_show_vlan(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """VLANs and their access ports."""
        del arguments
        device = session.device
        view = device.view()
        members: dict[int, list[str]] = {}
        for name, port in view.ports.items():
            if port.mode == "access" and port.bundle is None:
                members.setdefault(port.access, []).append(short(name))
        lines = [
            "",
            "VLAN Name                             Status    Ports",
            "---- -------------------------------- --------- -------------------------------",
        ]
        for vlan, found in sorted(view.vlans.items()):
            ports = members.get(vlan, [])
            rows = [", ".join(ports[start : start + 4]) for start in range(0, len(ports), 4)] or [""]
            status = "active" if found.active else "act/lshut"
            lines.append(f"{vlan:<4} {found.name:<32} {status:<9} {rows[0]}")
            lines += [f"{'':48}{row}" for row in rows[1:]]
        for vlan, name in ((1002, "fddi"), (1003, "token-ring"), (1004, "fddinet"), (1005, "trnet")):
            lines.append(f"{vlan:<4} {name + '-default':<32} act/unsup ")
        session.page(lines)

    def do_show_status(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Ports: up or down, and where."""
        del arguments
        view = session.device.view()
        lines = ["", "Port      Name               Status       Vlan       Duplex  Speed Type"]
        for name, port in view.ports.items():
            found = passes(view, name)
            status = "disabled" if not port.enabled else "connected" if found.vlans else "inactive"
            vlan = "trunk" if port.mode == "trunk" else "routed" if port.mode == "routed" else str(port.access)
            lines.append(
                f"{short(name):<9} {port.description[:18]:<18} {status:<12} {vlan:<10} a-full a-1000 10/100/1000BaseTX"
            )
        session.page(lines)

    def do_show_description(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Ports and their descriptions."""
        del arguments
        lines = ["Interface                      Status         Protocol Description"]
        for name, port in session.device.view().ports.items():
            state = ("up", "up") if port.enabled else ("admin down", "down")
            lines.append(f"{short(name):<30} {state[0]:<14} {state[1]:<8} {port.description}".rstrip())
        session.page(lines)

    def do_show_switchport(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """What each port does with VLANs."""
        del arguments
        view, lines = session.device.view(), []
        for name, port in view.ports.items():
            access = view.vlans[port.access].name if port.access in view.vlans else "Inactive"
            native = view.vlans[port.native].name if port.native in view.vlans and port.native else "Inactive"
            mode = "trunk" if port.mode == "trunk" else "static access"
            allowed = "ALL" if port.allowed is None else ",".join(ranges.parts(port.allowed)) or "NONE"
            voice = port.voice if port.voice is not None else "none"
            lines += [
                f"Name: {short(name)}",
                f"Switchport: {'Enabled' if port.mode != 'routed' else 'Disabled'}",
                f"Administrative Mode: {mode}",
                f"Operational Mode: {mode if port.enabled else 'down'}",
                "Administrative Trunking Encapsulation: dot1q",
                "Negotiation of Trunking: Off",
                f"Access Mode VLAN: {port.access} ({access})",
                f"Trunking Native Mode VLAN: {port.native} ({native})",
                "Administrative Native VLAN tagging: enabled",
                f"Voice VLAN: {voice}",
                f"Trunking VLANs Enabled: {allowed}",
                "Pruning VLANs Enabled: 2-1001",
                "",
            ]
        session.page(lines)

    def do_show_macs(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Learned addresses, of VLANs that still pass their port."""
        del arguments
        view = session.device.view()
        lines = ["          Mac Address Table", "-" * 43, "", "Vlan    Mac Address       Type        Ports"]
        lines.append("----    -----------       --------    -----")
        found = [(vlan, mac, port) for vlan, mac, port in session.device.macs if vlan in passes(view, port).vlans]
        for vlan, mac, port in found:
            digits = mac.replace(":", "")
            dotted = ".".join(digits[start : start + 4] for start in (0, 4, 8))
            lines.append(f"{vlan:>4}    {dotted}    DYNAMIC     {short(port)}")
        lines.append(f"Total Mac Addresses for this criterion: {len(found)}")
        session.page(lines)

    def do_show_lldp(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Neighbours."""
        del arguments
        if not session.device.root.values.get("lldp run"):
            raise Refused("% LLDP is not enabled")
        lines = [
            "Capability codes:",
            "    (R) Router, (B) Bridge, (T) Telephone, (C) DOCSIS Cable Device",
            "    (W) WLAN Access Point, (P) Repeater, (S) Station, (O) Other",
            "",
            "Device ID           Local Intf     Hold-time  Capability      Port ID",
        ]
        for port, heard in session.device.neighbours.items():
            lines.append(f"{heard.name:<20}{short(port):<15}120        B               {heard.port}")
        lines += ["", f"Total entries displayed: {len(session.device.neighbours)}", ""]
        session.page(lines)

    # -- what it means --

    @override
    def view(self, device: Device) -> View:
        root = device.root
        vlans = {1: VlanView("default")}
        for node in root.of_kind("vlan"):
            number = int(node.arguments["vlans"])
            name = node.get("name", "name", f"VLAN{number:04d}")
            vlans[number] = VlanView(name, active="shutdown" not in node.values)
        bundles = tuple(node.arguments["port"] for node in root.of_kind("interface") if "Port-channel" in node.header)
        return View(
            vlans=dict(sorted(vlans.items())),
            ports=Lazy((*device.hardware.ports, *bundles), lambda name: _port(root, name)),
            svis={int(node.header.removeprefix("interface Vlan")): _svi_view(node) for node in root.of_kind("svi")},
            gateways=_gateways(root),
            ssh="no keys" not in device.flash and _transports(root),
            permitted=_permitted(root),
        )


def _together(nodes: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    if nodes:
        numbers = [int(node.arguments["vlans"]) for node in nodes]
        yield f"vlan {','.join(ranges.parts(numbers))}", nodes[0]


def _port(root: Node, name: str) -> PortView:
    node = root.find(f"interface {name}")
    if node is None:
        return PortView()
    mode = "routed" if node.values.get("switchport") is False else "access"
    if mode == "access" and node.get("switchport mode", "mode") == "trunk":
        mode = "trunk"
    number = node.get("channel-group", "number")
    voice = node.get("switchport voice vlan", "vlan")
    return port_view(
        enabled="shutdown" not in node.values,
        mode=mode,
        access=int(node.get("switchport access vlan", "vlan", 1)),
        native=int(node.get("switchport trunk native vlan", "vlan", 1)),
        allowed=node.values.get("switchport trunk allowed vlan"),
        voice=int(voice) if voice else None,
        bundle=f"Port-channel{number}" if number else None,
        guarded=node.get("authentication port-control", "mode") == "auto" and "authentication open" not in node.values,
        description=node.get("description", "text"),
    )


def _svi_view(node: Node) -> SviView:
    setting = node.values.get("ip address")
    addresses = []
    if setting is not None and "mask" in setting.arguments:
        addresses.append(ip_interface(f"{setting.arguments['address']}/{setting.arguments['mask']}"))
    addresses += [ip_interface(entry.arguments["address"]) for entry in node.entries("ipv6 address")]
    return SviView(tuple(addresses), enabled="shutdown" not in node.values)


def _gateways(root: Node) -> tuple[IPv4Address, ...]:
    found = [
        IPv4Address(entry.arguments["hop"])
        for entry in root.entries("ip route")
        if entry.arguments["network"] == "0.0.0.0" and entry.arguments["hop"][0].isdigit()  # noqa: S104 - a route
    ]
    gateway = root.get("ip default-gateway", "address")
    # With routing, the default gateway of a host is not looked at; layer-2 switches of the series do not route.
    return (*found, *((IPv4Address(gateway),) if gateway else ()))


def _transports(root: Node) -> bool:
    line = root.find("line vty 0 4")
    entries = line.entries("transport input") if line else []
    return not entries or any({"ssh", "all"} & set(entry.arguments["what"].split()) for entry in entries)


def _permitted(root: Node) -> tuple[IPv4Network, ...] | None:
    line = root.find("line vty 0 4")
    names = (
        [entry.arguments["name"] for entry in line.entries("access-class") if entry.arguments["way"] == "in"]
        if (line)
        else []
    )
    if not names:
        return None
    for kind in ("standard", "extended"):
        acl = root.find(f"ip access-list {kind} {names[0]}")
        if acl is not None:
            return networks(text for _, text in sorted(acl.values.get("entries", {}).items()))
    # A list that does not exist permits everything.
    return None


DIALECT: Callable[[], Dialect] = CiscoIOS
