# SPDX-License-Identifier: EUPL-1.2
"""HPE Comware 7 (FlexNetwork, H3C). Sources: docs/test-devices.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, ip_interface
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from verbund.lab.switches import ranges
from verbund.lab.switches.dialect import PLAIN_TYPES, Context, Dialect, Hardware, digest, interface_reader, port_view
from verbund.lab.switches.forwarding import PortView, SviView, View, VlanView, passes
from verbund.lab.switches.grammar import Argument, Line, Misunderstood, Piece, TypeReader, Writer
from verbund.lab.switches.lazy import Lazy
from verbund.lab.switches.rules import Banner, networks
from verbund.lab.switches.state import Gap, Hook, Node, Refused, Rule

if TYPE_CHECKING:
    from verbund.lab.switches.device import Device
    from verbund.lab.switches.session import Session

_TABLE = r"""
[config]
value.always sysname {name:word} :: sysname HPE
gap
value clock timezone {zone:rest}
value clock protocol {what:word}
flag telnet server enable
list irf {what:rest}
gap
flag dot1x
value dot1x authentication-method {how=chap|eap|pap} :: dot1x authentication-method chap
value dot1x quiet-period
list(what) dot1x timer {what:word} {seconds:int}
flag mac-authentication
value mac-authentication domain {name:word}
value mac-authentication user-name-format {what:rest}
list(what) mac-authentication timer {what:word} {seconds:int}
flag port-security enable
flag.on.always password-recovery enable
flag lldp global enable
flag dhcp snooping enable
flag dhcp enable
flag ip http enable
flag ip https enable
gap
value stp mode {mode=stp|rstp|mstp|pvst} :: stp mode mstp
flag stp bpdu-protection
flag stp global enable
list(instance) stp instance {instance:int} priority {priority:int}
list(instance) stp instance {instance:int} root {what=primary|secondary}
section.fixed(region) stp region-configuration
gap
section(vlan) vlan {vlans:vlans}
list port-isolate group {number:int}
section(radius) radius scheme {name:word}
section(domain) domain {name:word}
section.alias(domain) domain name {name:word}
value domain default enable {name:word}
section(acl) acl basic {number:int}
section(acl) acl advanced {number:int}
section(acl) acl ipv6 basic {number:int}
section(acl) acl ipv6 advanced {number:int}
section.alias(acl) acl number {number:int}
section(user) local-user {name:word} class {kind=manage|network}
section.alias(interface) interface {port:bundle}
section.fixed(interface) interface {port:port}
section(svi) interface {vlan:svi}
section.fixed(lineclass) line class {kind=aux|vty|console}
section.fixed(line) line {kind=aux|vty|console} {first:int} [{last:int}]
section.fixed.alias(line) user-interface {kind=aux|vty|console} {first:int} [{last:int}]
gap
list(network,mask) ip route-static {network:ip} {mask:masklen} {hop:word} [{more:rest}]
list(network,length) ipv6 route-static {network:ip6u} {length:int} {hop:word} [{more:rest}]
value info-center timestamp loghost {what:rest}
value info-center source {what:rest}
list(address) info-center loghost {address:host} [{more:rest}]
value info-center loghost source {name:rest}
flag snmp-agent
value snmp-agent local-engineid {id:word}
list(community) snmp-agent community {way=read|write} {community:rest}
list(what) snmp-agent sys-info {what=contact|location|version} {text:rest}
list(group) snmp-agent group v3 {group:word} {level=authentication|privacy} [{more:rest}]
list(address) snmp-agent target-host trap address udp-domain {address:host} [{more:rest}]
list(user) snmp-agent usm-user v3 {user:word} {group:word} {more:secrets}
list snmp-agent trap enable [{what:rest}]
flag ntp-service enable
list(address) ntp-service unicast-server {address:host} [{more:rest}]
value ntp-service source {name:rest}
flag ssh server enable
value ssh server authentication-retries {count:int} :: ssh server authentication-retries 3
value ssh server authentication-timeout {seconds:int} :: ssh server authentication-timeout 60
value ssh server acl {number:int}
value ssh server ipv6 acl ipv6 {number:int}
value ssh server ipv6 acl {number:int}
value ssh server rekey-interval {hours:int}
flag ssh server acl-deny-log enable
list(user) ssh user {user:word} service-type {service=stelnet|sftp|all|scp} authentication-type {what:rest}
list(what) ssh2 algorithm {what=cipher|key-exchange|mac|public-key} {names:rest}
flag sftp server enable
flag scp server enable
value password-control login-attempt {what:rest}
flag password-control enable
list(what) password-control {what=length|composition|aging|history|complexity} {more:rest}
value dns domain {name:word}
list dns server {address:ip}
list scheduler logfile size {size:int}
accept public-key local create {what:rest}
accept port link-mode bridge
[region]
value region-name {name:word}
value revision-level {number:int} :: revision-level 0
list(instance) instance {instance:int} vlan {range:vlantext}
flag active region-configuration
[vlan]
value name {name:raw}
value description {text:raw}
flag arp detection enable
flag dhcp snooping binding record
flag ipv6 nd raguard
flag ipv6 nd detection enable
[radius]
list(what) primary {what=authentication|accounting} {address:host} [{more:secrets}]
list(what,address) secondary {what=authentication|accounting} {address:host} [{more:secrets}]
list(what) key {what=authentication|accounting} {secret:secret}
value user-name-format {what=with-domain|without-domain|keep-original} :: user-name-format with-domain
value nas-ip {address:ip}
value timer response-timeout {seconds:int}
value timer quiet {minutes:int}
value retry {count:int}
[domain]
list(what,who) {what=authentication|authorization|accounting} {who=login|lan-access|default|super|command} {how:rest}
value access-limit {what:rest}
flag state block
[acl]
acl(5,0) rule
value description {text:raw}
value step {count:int}
[user]
value password {secret:hash}
list service-type {what:rest}
list authorization-attribute {what:rest}
[lineclass]
list user-role {name:word}
value authentication-mode {what=none|password|scheme}
[line]
value authentication-mode {what=none|password|scheme}
list user-role {name:word}
value protocol inbound {what=all|ssh|telnet} :: protocol inbound all
value idle-timeout {minutes:int} [{seconds:int}] :: idle-timeout 10 0
list acl {number:int} {way=inbound|outbound}
value set authentication password {secret:hash}
[interface]
value description {text:raw}
flag shutdown
value link-aggregation mode {mode=dynamic}
value speed {speed:word}
value duplex {duplex:word}
value voice-vlan {vlan:vlan} enable
flag.on voice-vlan mode auto
value broadcast-suppression {rate:rest}
value multicast-suppression {rate:rest}
value unicast-suppression {rate:rest}
flag stp edged-port
flag stp root-protection
flag stp loop-protection
flag stp tc-restriction
flag.on stp enable
value stp port bpdu-protection {what=enable|disable}
list(instance) stp instance {instance:int} cost {cost:int}
flag poe enable
value poe priority {what=low|high|critical} :: poe priority low
flag.on lldp enable
flag dot1x
value dot1x port-control {mode=auto|authorized-force|unauthorized-force} :: dot1x port-control auto
value dot1x port-method {mode=macbased|portbased} :: dot1x port-method macbased
value dot1x guest-vlan {vlan:vlan}
value dot1x auth-fail vlan {vlan:vlan}
value dot1x critical vlan {vlan:vlan}
flag dot1x critical-voice-vlan
flag.on dot1x handshake
flag.on dot1x multicast-trigger
flag dot1x unicast-trigger
flag dot1x re-authenticate
value dot1x timer reauth-period {seconds:int}
value dot1x max-user {count:int}
value dot1x mandatory-domain {name:word}
flag mac-authentication
value mac-authentication domain {name:word}
value mac-authentication guest-vlan {vlan:vlan}
value mac-authentication critical vlan {vlan:vlan}
flag mac-authentication critical-voice-vlan
flag mac-authentication re-authenticate
value mac-authentication timer reauth-period {seconds:int}
value mac-authentication max-user {count:int}
flag mac-authentication parallel-with-dot1x
value port-security port-mode {mode:word}
value port-security intrusion-mode {mode:word}
value port-security max-mac-count {count:int}
value port-isolate enable group {number:int}
flag dhcp snooping trust
flag dhcp snooping binding record
flag arp detection trust
value ipv6 nd raguard role {role=host|router}
flag ipv6 nd raguard
flag ipv6 nd detection trust
flag loopback-detection enable
value port link-aggregation group {number:int}
accept port link-mode bridge
[svi]
value description {text:raw}
value(ip address) ip address {address:ip} {mask:masklen}
value(ip address) ip address {how=dhcp-alloc}
list ipv6 address {address:prefix6}
value packet-filter {number:int} {way=inbound|outbound}
flag shutdown
"""

_COMMANDS = r"""
configure up system-view
exit upc quit
end c return
show_run upc display current-configuration
show_run_interface upc display current-configuration interface {port:anyport}
show_this c display this
show_startup upc display saved-configuration
show_vlans upc display vlan all
show_vlan_brief upc display vlan brief
show_brief upc display interface brief
show_macs upc display mac-address
show_lldp upc display lldp neighbor-information list
show_version upc display version
show_clock upc display clock
save_asking upc save
save upc save force
save upc save safely force
save upc save main force
commit_delay c configuration commit delay {minutes:int}
commit c configuration commit
replace c configuration replace file {file:word}
reload up reboot
reboot_now up reboot force
reboot_later up schedule reboot delay {minutes:int}
reboot_off up undo schedule reboot
pager_off up screen-length disable
pager_on up undo screen-length disable
nothing up undo terminal monitor
nothing up terminal monitor
nothing upc reset {what:rest}
"""


def _secret(line: Line, index: int) -> tuple[str, int] | None:
    """A shared secret: ``simple`` becomes ``cipher`` at once."""
    words = [word.text for word in line.words[index:]]
    if len(words) == 1:
        words = ["simple", *words]
    if len(words) != 2 or words[0] not in {"simple", "cipher"}:
        return None
    return _cipher(words), len(line.words) - index


def _cipher(words: Sequence[str]) -> str:
    if words[0] == "cipher" and words[1].startswith("$c$3$"):
        return " ".join(words)
    return f"cipher $c$3${digest(words[1], 40)}"


def _hash(line: Line, index: int) -> tuple[str, int] | None:
    """A password: ``simple`` becomes ``hash`` at once."""
    words = [word.text for word in line.words[index:]]
    if len(words) != 2 or words[0] not in {"simple", "hash"}:
        return None
    text = words[1] if words[0] == "hash" else f"$h$6${digest('salt' + words[1], 16)}${digest(words[1], 40)}"
    return f"hash {text}", 2


def _secrets(line: Line, index: int) -> tuple[str, int]:
    """The rest of a line, in which each ``simple X`` becomes ``cipher``."""
    words = [word.text for word in line.words[index:]]
    result: list[str] = []
    position = 0
    while position < len(words):
        if words[position] in {"simple", "cipher"} and position + 1 < len(words) and words[position + 1][0] != "$":
            simple = [words[position], words[position + 1]]
            if words[position + 1] not in {"authentication-mode", "privacy-mode"}:
                result.append(_cipher(simple))
                position += 2
                continue
            result.append("cipher")
        else:
            word = words[position]
            after_mode = position > 0 and words[position - 1] in {"sha", "md5", "aes128", "aes192", "aes256", "des56"}
            result.append(f"$c$3${digest(word, 32)}" if after_mode and not word.startswith("$c$3$") else word)
        position += 1
    return " ".join(result), len(words)


class LinkVlans(Rule):
    """What a port does with VLANs; what can be said depends on its link type.

    ``permit`` adds, ``undo`` takes away; a new trunk carries VLAN 1. A change of the link type brings the defaults of
    the new one.
    """

    LIMIT = 10
    """VLANs and ranges in one line: ``&<1-10>`` in the command reference."""

    def __init__(self) -> None:
        listed, vlan = Argument("vlans", "vlans"), Argument("vlan", "vlan")
        port: tuple[Piece, ...] = ("port",)
        tag = Argument("tag", "choice", ("tagged", "untagged"))
        super().__init__(
            "port",
            [
                (*port, "link-type", Argument("type", "choice", ("access", "trunk", "hybrid"))),
                (*port, "access", "vlan", vlan),
                (*port, "trunk", "permit", "vlan", listed),
                (*port, "trunk", "permit", "vlan", "all"),
                (*port, "trunk", "pvid", "vlan", vlan),
                (*port, "hybrid", "vlan", listed, tag),
                (*port, "hybrid", "pvid", "vlan", vlan),
            ],
            frozenset(),
        )

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        listed = Argument("vlans", "vlans")
        yield ("port", "link-type")
        yield ("port", "access", "vlan")
        yield ("port", "trunk", "permit", "vlan", listed)
        yield ("port", "trunk", "permit", "vlan", "all")
        yield ("port", "trunk", "pvid", "vlan")
        yield ("port", "trunk", "pvid")
        yield ("port", "hybrid", "vlan", listed)
        yield ("port", "hybrid", "pvid", "vlan")
        yield ("port", "hybrid", "pvid")

    @staticmethod
    def of(node: Node) -> Mapping[str, Any]:
        """Link type, PVID, and VLANs: of a trunk under ``tagged``, of a hybrid port under both."""
        found: Mapping[str, Any] = node.values.get("port", _DEFAULT["access"])
        return found

    @staticmethod
    def put(node: Node, link: Mapping[str, Any]) -> None:
        """Store it."""
        node.values.pop("port", None)
        if link != _DEFAULT["access"]:
            node.values["port"] = link

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del line
        link = self.of(node)
        if "type" in arguments:
            if arguments["type"] != link["type"]:
                if "access" not in {arguments["type"], link["type"]}:
                    raise Refused("Please configure the link type of the port to access first.")
                self.put(node, _DEFAULT[arguments["type"]])
            return
        needed = str(variant[1])
        if needed != link["type"]:
            raise Refused(f"The port is not {'an access' if needed == 'access' else f'a {needed}'} port.")
        if "vlan" in arguments:
            self.put(node, {**link, "pvid": int(arguments["vlan"])})
        elif needed == "trunk":
            self.put(node, {**link, "tagged": link["tagged"] | arguments.get("vlans", ranges.ALL_VLANS)})
        else:
            tag = arguments["tag"]
            other = "untagged" if tag == "tagged" else "tagged"
            vlans = arguments["vlans"]
            self.put(node, {**link, tag: link[tag] | vlans, other: link[other] - vlans})

    @override
    def negate(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any]) -> None:
        link = self.of(node)
        words = [str(piece) for piece in variant if isinstance(piece, str)]
        if words[1] == "link-type":
            self.put(node, _DEFAULT["access"])
        elif words[1] != link["type"]:
            raise Refused(f"The port is not {'an access' if words[1] == 'access' else f'a {words[1]}'} port.")
        elif "pvid" in words or words[1] == "access":
            self.put(node, {**link, "pvid": 1})
        else:
            gone = arguments.get("vlans", ranges.ALL_VLANS)
            self.put(node, {**link, "tagged": link["tagged"] - gone, "untagged": link["untagged"] - gone})

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del hidden
        link = self.of(node)
        if link["type"] == "access":
            if link["pvid"] != 1:
                yield f"port access vlan {link['pvid']}"
            return
        yield f"port link-type {link['type']}"
        if link["type"] == "trunk":
            vlans = link["tagged"]
            if 1 not in vlans:
                yield f"{negation} port trunk permit vlan 1"
            if vlans == ranges.ALL_VLANS:
                yield "port trunk permit vlan all"
            elif vlans != {1}:
                yield from (f"port trunk permit vlan {text}" for text in self._rows(vlans))
        else:
            if 1 not in link["untagged"] | link["tagged"]:
                yield f"{negation} port hybrid vlan 1"
            yield from (f"port hybrid vlan {text} tagged" for text in self._rows(link["tagged"]))
            if link["untagged"] != {1}:
                yield from (f"port hybrid vlan {text} untagged" for text in self._rows(link["untagged"]))
        if link["pvid"] != 1:
            yield f"port {link['type']} pvid vlan {link['pvid']}"

    def _rows(self, vlans: frozenset[int]) -> Iterator[str]:
        parts = ranges.parts(vlans, dash=" to ", pairs=True)
        for start in range(0, len(parts), self.LIMIT):
            yield " ".join(parts[start : start + self.LIMIT])


_NONE: frozenset[int] = frozenset()
_ONE = frozenset({1})
_DEFAULT: dict[str, Mapping[str, Any]] = {
    "access": {"type": "access", "pvid": 1, "tagged": _NONE, "untagged": _NONE},
    "trunk": {"type": "trunk", "pvid": 1, "tagged": _ONE, "untagged": _NONE},
    "hybrid": {"type": "hybrid", "pvid": 1, "tagged": _NONE, "untagged": _ONE},
}


def _vlan_list(line: Line, index: int) -> tuple[frozenset[int], int] | None:
    """``10 20 30 to 32``, at most ten of them."""
    found: set[int] = set()
    taken = count = 0
    words = [word.text for word in line.words[index:]]
    while taken < len(words) and words[taken].isdigit():
        first = last = int(words[taken])
        step = 1
        if taken + 2 < len(words) and words[taken + 1].lower() == "to" and words[taken + 2].isdigit():
            last, step = int(words[taken + 2]), 3
        if first not in ranges.VLAN_IDS or last not in ranges.VLAN_IDS or last < first:
            return None
        found.update(range(first, last + 1))
        taken += step
        count += 1
    return (frozenset(found), taken) if found and count <= LinkVlans.LIMIT else None


def _mask_length(line: Line, index: int) -> tuple[str, int] | None:
    """A mask; a length is shown as it is for routes and as a mask for addresses."""
    word = line.words[index].text
    if word.isdigit():
        return (word, 1) if int(word) <= 32 else None
    return PLAIN_TYPES["mask"](line, index)


def _upper(kind: str) -> TypeReader:
    """Comware writes IPv6 in capital letters."""

    def read(line: Line, index: int) -> tuple[Any, int] | None:
        found = PLAIN_TYPES[kind](line, index)
        return (found[0].upper(), found[1]) if found else None

    return read


@cache
def _types(hardware: Hardware, dialect: HPEComware) -> Mapping[str, TypeReader]:
    plain = dialect.port_reader(hardware)
    order = hardware.ports

    def bundle(stem: str, numbers: str) -> str | None:
        return f"Bridge-Aggregation{int(numbers)}" if stem and numbers.isdigit() and int(numbers) > 0 else None

    def svi(stem: str, numbers: str) -> str | None:
        return (
            f"Vlan-interface{int(numbers)}" if stem and numbers.isdigit() and int(numbers) in ranges.VLAN_IDS else None
        )

    bundles, svis = interface_reader(bundle, ("bridge-aggregation",)), interface_reader(svi, ("vlan-interface",))

    def several(line: Line, index: int) -> tuple[Any, int] | None:
        """A port, or ``range`` with ports and ``to``."""
        if line.words[index].text.lower() != "range":
            return plain(line, index)
        names: list[str] = []
        position, total = index + 1, len(line.words)
        while position < total:
            read = plain(line, position)
            if read is None:
                return None
            name, taken = read
            position += taken
            names.append(name)
            if position < total and line.words[position].text.lower() == "to":
                end = plain(line, position + 1) if position + 1 < total else None
                if end is None or order.index(end[0]) < order.index(name):
                    return None
                names += order[order.index(name) + 1 : order.index(end[0]) + 1]
                position += 1 + end[1]
        return (tuple(names), total - index) if names else None

    def vlantext(line: Line, index: int) -> tuple[str, int] | None:
        read = _vlan_list(line, index)
        return (" ".join(ranges.parts(read[0], dash=" to ", pairs=True)), read[1]) if read else None

    return {
        **PLAIN_TYPES,
        "vlans": _vlan_list,
        "port": several,
        "bundle": bundles,
        "svi": svis,
        "anyport": lambda line, index: plain(line, index) or bundles(line, index) or svis(line, index),
        "secret": _secret,
        "hash": _hash,
        "secrets": _secrets,
        "masklen": _mask_length,
        "vlantext": vlantext,
        "prefix6": _upper("prefix6"),
        "ip6u": _upper("ip6"),
    }


class HPEComware(Dialect):
    """HPE Comware 7."""

    name = "hpe_comware"
    negation = "undo"
    separator = "#"
    root_indent = " "
    comments = ("#",)
    table = _TABLE
    commands = _COMMANDS
    version = "7.1.070, Release 6343P01"
    model = "HPE 5130 48G PoE+ 4SFP+ EI Switch"
    default_hostname = "HPE"
    vty_limit = 32
    pager = "---- More ----"

    @override
    def extend_tables(self) -> None:
        interface = self.tables["interface"]
        interface.add(LinkVlans(), self.negation)
        interface.rules.insert(1, interface.rules.pop())
        config = self.tables["config"]
        config.add(_Header(("login", "shell", "motd", "legal", "incoming")), self.negation)
        at = next(i for i, rule in enumerate(config.rules) if rule.key == "lineclass")
        config.rules[at:at] = [config.rules.pop(), Gap("", [], frozenset())]

    @override
    def hooks(self) -> Mapping[tuple[str, str], Hook]:
        return {
            ("config", "vlan"): self._vlan,
            ("config", "banner"): Banner.hook,
            ("config", "interface"): self._interface,
            ("interface", "port"): self._port_vlans,
            ("interface", "port link-aggregation group"): self._member,
        }

    # -- what lines do besides --

    @staticmethod
    def _vlan(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del context
        vlan = int(arguments["vlans"])
        if on:
            return
        if vlan == 1:
            raise Refused("Default VLAN 1 cannot be deleted.")
        for port in node.of_kind("interface"):
            link = LinkVlans.of(port)
            # Only access ports fall back to VLAN 1; trunks and hybrid ports keep a PVID that leads nowhere.
            if link["type"] == "access" and link["pvid"] == vlan:
                LinkVlans.put(port, {**link, "pvid": 1})

    @staticmethod
    def _interface(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        del context
        name = str(arguments["port"])
        if not on and name.startswith("Bridge-Aggregation"):
            for port in node.of_kind("interface"):
                if port.get("port link-aggregation group", "number") == name.removeprefix("Bridge-Aggregation"):
                    port.values.pop("port link-aggregation group")

    def _port_vlans(self, context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        root = context.device.root
        vlan = arguments.get("vlan")
        access = LinkVlans.of(node)["type"] == "access"
        if on and vlan and access and vlan != "1" and root.find(f"vlan {vlan}") is None and not context.replaying:
            raise Refused("The VLAN does not exist.")

    @staticmethod
    def _member(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        if on and f"interface Bridge-Aggregation{arguments['number']}" not in context.device.root.sections:
            raise Refused("The aggregation group does not exist.")
        if on:
            node.values.pop("port", None)

    # -- the operator's side --

    @override
    def default_ports(self, count: int) -> tuple[str, ...]:
        return tuple(f"GigabitEthernet1/0/{number}" for number in range(1, count + 1))

    @override
    def types(self, hardware: Hardware) -> Mapping[str, TypeReader]:
        return _types(hardware, self)

    @override
    def writers(self) -> Mapping[str, Writer]:
        return {"vlans": lambda _, vlans: " ".join(ranges.parts(vlans, dash=" to ", pairs=True))}

    @override
    def hostname(self, root: Node) -> str:
        return str(root.get("sysname", "name", self.default_hostname))

    @override
    def prompt(self, session: Session) -> str:
        name = self.hostname(session.device.root)
        if not session.frames:
            return f"<{name}>"
        frame = session.frames[-1]
        if frame.kind == "config":
            return f"[{name}]"
        if frame.several:
            return f"[{name}-if-range]"
        words = frame.headers[0].split()
        match frame.kind:
            case "interface" | "svi":
                view = words[1]
            case "vlan":
                view = f"vlan{words[1]}"
            case "acl":
                view = f"acl-ipv{6 if words[1] == 'ipv6' else 4}-{words[-2]}-{words[-1]}"
            case "user":
                view = f"luser-{words[3]}-{words[1]}"
            case "radius":
                view = f"radius-{words[2]}"
            case "domain":
                view = f"isp-{words[-1]}"
            case "region":
                view = "mst-region"
            case _:
                view = "line-" + "-".join(words[1:3]).replace("vty-", "vty")
        return f"[{name}-{view}]"

    @override
    def greeting(self, session: Session) -> str:
        del session
        star = "*" * 78
        return (
            f"\r\n{star}\r\n* Copyright (c) 2010-2022 Hewlett Packard Enterprise Development LP           *\r\n"
            "* Without the owner's prior written consent,                                 *\r\n"
            f"* no decompiling or reverse-engineering shall be allowed.                    *\r\n{star}\r\n\r\n"
        )

    @override
    def complaint(self, error: Misunderstood, session: Session, raw: str) -> str:
        lead = " " * (len(self.prompt(session)) + error.position)
        match error.kind:
            case "ambiguous":
                return f"{lead}^\n % Ambiguous command found at '^' position."
            case "incomplete":
                return f"{lead}^\n % Incomplete command found at '^' position."
        what = "Unrecognized command" if not raw[: error.position].strip() else "Wrong parameter"
        if raw[: error.position].strip() in {"undo", "display", "port", "interface"}:
            what = "Unrecognized command" if not error.word[:1].isdigit() else "Wrong parameter"
        return f"{lead}^\n % {what} found at '^' position."

    @override
    def full_flash(self) -> str:
        return "Validating file. Please wait...\nThe device does not have enough space to save the file."

    @override
    def factory(self, device: Device) -> Iterable[str]:
        yield f"sysname {device.name}"
        yield "vlan 1"
        yield "ssh server enable"
        yield "line vty 0 63"
        yield "authentication-mode scheme"

    @override
    def implied(self, device: Device, kind: str) -> Iterable[str]:
        return ("vlan 1",) if kind == "vlan" else super().implied(device, kind)

    @override
    def section_order(self, device: Device, node: Node) -> Any:
        return (not node.header.startswith("interface Bridge"), ranges.natural(node.header))

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
            numbers = [int(each.header.split()[1]) for each in plain]
            for text in ranges.parts(numbers, dash=" to ", pairs=True):
                yield f"vlan {text}", Node("vlan", "", {})
            plain = []
            if node is not None:
                yield node.header, node

    @override
    def running(self, device: Device, body: Sequence[str]) -> list[str]:
        del device
        return ["#", f" version {self.version}", "#", *body, "return"]

    # -- commands --

    @override
    def do_configure(self, session: Session, arguments: Mapping[str, Any]) -> None:
        session.say("System View: return to User View with Ctrl+Z.")
        super().do_configure(session, arguments)

    @override
    def saved(self, session: Session) -> None:
        session.say(
            "Validating file. Please wait...\nSaved the current configuration to mainboard device successfully."
        )

    def do_save_asking(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Save after two questions and a file name."""

        def write(text: str) -> None:
            if text.strip().lower() in {"y", "yes"}:
                self.do_save(session, arguments)

        def name(_: str) -> None:
            session.ask("flash:/startup.cfg exists, overwrite? [Y/N]:", write)

        def sure(text: str) -> None:
            if text.strip().lower() in {"y", "yes"}:
                session.ask(
                    "Please input the file name(*.cfg)[flash:/startup.cfg]\r\n"
                    "(To leave the existing filename unchanged, press the enter key):",
                    name,
                )

        session.ask("The current configuration will be written to the device. Are you sure? [Y/N]:", sure)

    def do_commit_delay(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Take back what is set from now on, unless it is committed in time.

        Starting it again changes the time, and not what it returns to.
        """
        device, minutes = session.device, int(arguments["minutes"])
        if not 1 <= minutes <= 65535:
            raise Refused(" % Wrong parameter found at '^' position.")
        if device.remaining("commit") is None:
            device.flash["commit"] = device.kept()
        device.arm("commit", minutes * 60, lambda: device.replace(device.flash.pop("commit")))

    def do_commit(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Keep the change."""
        del arguments
        if session.device.disarm("commit"):
            session.device.flash.pop("commit", None)

    def do_replace(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Put a file in the place of the running configuration."""
        where = str(arguments["file"])
        if "startup" not in where or session.device.startup is None:
            raise Refused("The specified file does not exist.")

        def go() -> None:
            session.device.replace(session.device.startup or ())
            session.say(
                "Now replacing the current configuration. Please wait ...\n"
                "Succeeded in replacing current configuration."
            )

        session.ask_yes("Current configuration will be replaced. Continue? [Y/N]:", go)

    @override
    def do_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        del arguments

        def go() -> None:
            session.device.reload()

        session.say("Start to check configuration with next startup configuration file, please wait.........DONE!")
        if session.device.unsaved:

            def answered(text: str) -> None:
                if text.strip().lower() in {"y", "yes"}:
                    session.device.save()
                session.ask_yes("This command will reboot the device. Continue? [Y/N]:", go)

            session.ask(
                "Current configuration may be lost after the reboot, save current configuration? [Y/N]:", answered
            )
        else:
            session.ask_yes("This command will reboot the device. Continue? [Y/N]:", go)

    def do_reboot_now(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Start again without a question."""
        del arguments
        session.device.reload()

    def do_reboot_later(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Start again later."""
        device, minutes = session.device, int(arguments["minutes"])
        device.arm("reload", minutes * 60, device.reload)
        session.say(f"The device will reboot in 0 hours and {minutes} minutes.")

    def do_reboot_off(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Do not."""
        del arguments
        session.device.disarm("reload")

    def do_show_run_interface(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """One interface."""
        header = f"interface {arguments['port']}"
        kind = "svi" if "Vlan" in header else "interface"
        node = session.device.root.find(header) or Node(kind, header, {})
        session.page(["#", header, *self._lines(session.device, node, 1, hidden=False), "#", "return"])

    def do_show_this(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The section one is in."""
        del arguments
        frame = session.frames[-1]
        if frame.kind == "config":
            session.page(self.running(session.device, self.body(session.device)))
            return
        nodes = session.nodes(len(session.frames) - 1)
        lines = [line for node in nodes for line in (node.header, *self._lines(session.device, node, 1, hidden=False))]
        session.page(["#", *lines, "#", "return"])

    @override
    def no_startup(self) -> str:
        return " The saved configuration file does not exist."

    def do_show_clock(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The time."""
        del arguments
        session.say(f"{session.device.clock.now():.0f} seconds since 1970, UTC")

    def do_show_version(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Model and version."""
        del arguments
        session.page(
            [
                f"HPE Comware Software, Version {self.version}",
                "Copyright (c) 2010-2022 Hewlett Packard Enterprise Development LP",
                f"{self.model} uptime is 0 weeks, 1 day, 2 hours, 3 minutes",
                "Last reboot reason : Power on",
                "",
            ]
        )

    def do_show_vlans(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """VLANs and their ports."""
        del arguments
        view, lines = session.device.view(), []
        found = {name: passes(view, name) for name in view.ports}
        for vlan, each in view.vlans.items():
            svi = view.svis.get(vlan)
            lines += [f" VLAN ID: {vlan}", " VLAN type: Static"]
            lines.append(f" Route interface: {'Configured' if svi else 'Not configured'}")
            if svi and svi.addresses:
                lines += [f" IPv4 address: {svi.addresses[0].ip}", f" IPv4 subnet mask: {svi.addresses[0].netmask}"]
            lines += [f" Description: VLAN {vlan:04d}", f" Name: {each.name}"]
            for word, ports in (
                ("Tagged ports: ", [name for name, seen in found.items() if vlan in seen.tagged]),
                ("Untagged ports:", [name for name, seen in found.items() if vlan in seen.untagged]),
            ):
                lines.append(f" {word}  None" if not ports else f" {word} ")
                lines += [f"    {name}" for name in ports]
            lines.append("")
        session.page(lines)

    def do_show_vlan_brief(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """VLANs and their ports, short."""
        del arguments
        view = session.device.view()
        lines = [
            "Brief information about all VLANs:",
            "Supported Minimum VLAN ID: 1",
            "Supported Maximum VLAN ID: 4094",
            "Default VLAN ID: 1",
            "VLAN ID   Name                             Port",
        ]
        found = {_short(name): passes(view, name) for name in view.ports}
        for vlan, each in view.vlans.items():
            ports = [name for name, seen in found.items() if vlan in seen.vlans]
            rows = ["  ".join(ports[start : start + 3]) for start in range(0, len(ports), 3)] or [""]
            lines.append(f"{vlan:<9} {each.name:<32} {rows[0]}".rstrip())
            lines += [f"{'':<43}{row}" for row in rows[1:]]
        session.page(lines)

    def do_show_brief(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Ports: up or down, and where."""
        del arguments
        view = session.device.view()
        lines = [
            "Brief information on interfaces in bridge mode:",
            "Link: ADM - administratively down; Stby - standby",
            "Speed: (a) - auto",
            "Duplex: (a)/A - auto; H - half; F - full",
            "Type: A - access; T - trunk; H - hybrid",
            "Interface            Link Speed   Duplex Type PVID Description",
        ]
        for name, port in view.ports.items():
            kind = {"access": "A", "trunk": "T", "hybrid": "H"}.get(port.mode, "A")
            pvid = port.access if port.mode == "access" else port.native
            link = "UP" if port.enabled else "ADM"
            lines.append(
                f"{_short(name):<20} {link:<4} 1G(a)   F(a)   {kind:<4} {pvid!s:<4} {port.description}".rstrip()
            )
        session.page(lines)

    def do_show_macs(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Learned addresses."""
        del arguments
        view = session.device.view()
        lines = ["MAC Address      VLAN ID    State            Port/Nickname            Aging"]
        for vlan, mac, port in session.device.macs:
            if vlan in passes(view, port).vlans:
                digits = mac.replace(":", "")
                dashed = "-".join(digits[start : start + 4] for start in (0, 4, 8))
                lines.append(f"{dashed:<16} {vlan:<10} {'Learned':<16} {_short(port):<24} Y")
        session.page(lines)

    def do_show_lldp(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Neighbours."""
        del arguments
        if not session.device.root.values.get("lldp global enable"):
            session.say("LLDP is not enabled globally.")
            return
        lines = [
            "Chassis ID : * -- -- Nearest nontpmr bridge neighbor",
            "             # -- -- Nearest customer bridge neighbor",
            "             Default -- -- Nearest bridge neighbor",
            "System Name          Local Interface Chassis ID      Port ID",
        ]
        for port, heard in session.device.neighbours.items():
            digits = heard.chassis.replace(":", "")
            dashed = "-".join(digits[start : start + 4] for start in (0, 4, 8))
            lines.append(f"{heard.name:<20} {_short(port):<15} {dashed:<15} {heard.port}")
        session.page(lines)

    # -- what it means --

    @override
    def view(self, device: Device) -> View:
        root = device.root
        vlans = {1: VlanView("VLAN 0001")}
        for node in root.of_kind("vlan"):
            number = int(node.header.split()[1])
            vlans[number] = VlanView(str(node.get("name", "name", f"VLAN {number:04d}")))
        bundles = tuple(node.header.split()[1] for node in root.of_kind("interface") if "Bridge-Agg" in node.header)
        permitted = None
        number = root.get("ssh server acl", "number")
        lines = [node for node in root.of_kind("line") if "vty" in node.header]
        if number is None and lines and (entries := lines[0].entries("acl")):
            number = entries[0].arguments["number"]
        acl = number and (root.find(f"acl basic {number}") or root.find(f"acl advanced {number}"))
        if acl:
            permitted = networks(text for _, text in sorted(acl.values.get("entries", {}).items()))
        protocol = lines[0].get("protocol inbound", "what", "all") if lines else "all"
        return View(
            vlans=dict(sorted(vlans.items())),
            ports=Lazy((*device.hardware.ports, *bundles), lambda name: _port(root, name)),
            svis={
                int(node.header.removeprefix("interface Vlan-interface")): _svi_view(node)
                for node in root.of_kind("svi")
            },
            gateways=tuple(
                IPv4Address(entry.arguments["hop"])
                for entry in root.entries("ip route-static")
                if entry.arguments["network"] == "0.0.0.0" and entry.arguments["hop"][0].isdigit()  # noqa: S104
            ),
            ssh=bool(root.values.get("ssh server enable")) and protocol in {"all", "ssh"},
            permitted=permitted,
        )


class _Header(Banner):
    """``header login %text%``."""

    def __init__(self, kinds: Sequence[str]) -> None:
        super().__init__(kinds, mark="%")
        kind = Argument("kind", "choice", tuple(kinds))
        self.variants = [("header", kind, Argument("text", "raw"))]

    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield ("header", self.variants[0][1])

    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        for kind, text in sorted(node.values.get("banner", {}).items()):
            yield f"header {kind} %"
            yield from text
            yield "%"


def _short(name: str) -> str:
    for stem, abbreviation in (
        ("Ten-GigabitEthernet", "XGE"),
        ("GigabitEthernet", "GE"),
        ("Bridge-Aggregation", "BAGG"),
    ):
        if name.startswith(stem):
            return abbreviation + name.removeprefix(stem)
    return name


def _port(root: Node, name: str) -> PortView:
    node = root.find(f"interface {name}")
    if node is None:
        return PortView()
    link = LinkVlans.of(node)
    number = node.get("port link-aggregation group", "number")
    voice = node.get("voice-vlan ...", "vlan") or node.get("voice-vlan", "vlan")
    secured = node.get("port-security port-mode", "mode")
    guarded = (
        ("dot1x" in node.values and "dot1x" in root.values)
        or ("mac-authentication" in node.values and "mac-authentication" in root.values)
        or (secured is not None and "port-security enable" in root.values)
    )
    tagged = link["tagged"] | (frozenset({int(voice)}) if voice and link["type"] == "hybrid" else frozenset())
    return port_view(
        enabled="shutdown" not in node.values,
        mode=link["type"],
        access=link["pvid"],
        native=link["pvid"],
        allowed=link["tagged"] if link["type"] == "trunk" else None,
        untagged=link["untagged"],
        tagged=tagged,
        bundle=f"Bridge-Aggregation{number}" if number else None,
        guarded=guarded,
        description=node.get("description", "text"),
    )


def _svi_view(node: Node) -> SviView:
    setting = node.values.get("ip address")
    addresses = []
    if setting is not None and "mask" in setting.arguments:
        addresses.append(ip_interface(f"{setting.arguments['address']}/{setting.arguments['mask']}"))
    addresses += [ip_interface(entry.arguments["address"]) for entry in node.entries("ipv6 address")]
    return SviView(tuple(addresses), enabled="shutdown" not in node.values)


DIALECT: Callable[[], Dialect] = HPEComware
