# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: D102, PLR0911, PLR0912 - overridden methods are explained at `Dialect`; a grammar is a list of cases
"""How each command line thinks: from printed text to a normal form in which one line says one thing, and back.

The normal form of a configuration is a tree of lines. Lists of VLANs and ports are one line each, secrets are masked,
defaults that some versions print and others do not are gone, and what Verbund does not manage is set aside. Two normal
forms can be compared line by line; an `Op` says which line comes or goes, and a dialect turns it into the command that
does exactly this and nothing in between (the stock drivers of hier_config do not, see docs/network-platforms.md).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from verbund.errors import VerbundError
from verbund.network.redact import mask
from verbund.network.structured import PlatformName, vlan_set, vlan_text

Path = tuple[str, ...]
Leaf = tuple[Path, str]

BANNER = "verbund-banner "
"""How a banner of several lines stands in the normal form: one line, with `NEWLINE` between its parts."""
NEWLINE = "\u2424"


@dataclass(frozen=True, slots=True)
class Op:
    """One line of the normal form that comes or goes."""

    add: bool
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a plan.

    Args:
        path: sections to be in, from the outside in.
        text: the command; ``{}`` stands for `items`. Only a banner has several lines.
        items: VLANs or ports that one command can take at once.
        kind: how items are written: ``vlans``, ``comware``, ``ports``.
    """

    path: Path
    text: str
    items: tuple[str, ...] = ()
    kind: str = "vlans"


_COMMUNITY = re.compile(r"snmp-(?:server|agent) community ")

# When a command is due. Everything new is built before anything old is taken away: make before break.
VLANS, REFERENCED, GLOBALS, LISTS, PORTS, MODES, GUARDS, OPEN, SHUT, UNLIST, UNPORT, UNGLOBAL, UNREFERENCED, UNVLAN = (
    range(14)
)


@dataclass(slots=True)
class Tree:
    """A normal form.

    Args:
        leaves: path and line, in the order of the device -> the line as it was written (with its secret).
        sections: all sections, also empty ones.
        foreign: lines that are not Verbund's to manage.
        numbers: the numbers of entries that stand in numbered lists.
    """

    leaves: dict[Leaf, str] = field(default_factory=dict)
    sections: dict[Path, None] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    numbers: dict[Leaf, int] = field(default_factory=dict)

    def at(self, path: Path) -> list[str]:
        """The lines of one section."""
        return [text for where, text in self.leaves if where == path]


class Dialect(ABC):
    """What is particular to a command line; one subclass per platform."""

    name: PlatformName
    negation = "no"
    leave = "exit"
    managed: str
    """Top-level lines that are Verbund's; all others are left alone and named in the plan."""
    physical: str
    """Sections that exist as long as the hardware does."""
    numbered: str = r"(?!)"
    """Lines of numbered lists, group 1 is the number: it does not matter, new entries take free ones."""
    hidden: tuple[str, ...] = ()
    """Lines (expressions over ``section > line``) that say a default: some versions print them, others do not."""
    implicit: tuple[str, ...] = ()
    """Negated lines that the device never prints: the line without the negation must be absent."""
    write_only: tuple[tuple[str, str], ...] = ()
    """Lines that the device never prints, and the line whose arrival they go along with."""
    slots: tuple[tuple[str, str], ...] = ()
    """Lines of which there is one: expression over ``section > line`` and what names the slot (``\\1``)."""
    removals: tuple[tuple[str, str], ...] = ()
    """How a line is taken back where negation + line is not the way; ``\\1`` works, an empty text means: not at all."""
    phases: tuple[tuple[str, int, int], ...] = ()
    """Expression over ``section > line``, when the line comes, when it goes."""

    # -- to the normal form ----------------------------------------------------------------------------------------

    @abstractmethod
    def parse(self, text: str) -> Iterator[Leaf]:
        """Lines with their sections; a section itself is ``(path, "")``."""

    def expand(self, path: Path, text: str) -> Iterator[Leaf]:
        """One line of the device as lines of the normal form; nothing for lines that say nothing."""
        yield path, text

    def complete(self, tree: Tree) -> None:
        """Add what the device means without printing it."""
        del tree

    def tree(self, text: str, ports: frozenset[str] | None = None) -> Tree:
        """The normal form of a configuration.

        Args:
            text: what the device printed, or a rendered configuration.
            ports: physical sections that are managed; others are foreign. None means all.
        """
        tree = Tree()
        managed, physical, numbered = re.compile(self.managed), re.compile(self.physical), re.compile(self.numbered)
        hidden = re.compile("|".join((*self.hidden, *self.implicit)) or r"(?!)")
        foreign: dict[str, None] = {}
        for path, line in self.parse(text):
            top = path[0] if path else line
            if not managed.match(top):
                foreign[top] = None
                continue
            for where, written in self._expanded(path, line):
                canonical = written
                top = where[0] if where else canonical
                if ports is not None and physical.fullmatch(top) and top not in ports:
                    foreign[top] = None
                    continue
                for depth in range(1, len(where) + 1):
                    tree.sections.setdefault(where[:depth])
                if not canonical:
                    continue
                number = 0
                if match := numbered.match(" > ".join((*where, canonical))):
                    number, canonical = int(match[1]), canonical.replace(f"{match[1]} ", "", 1)
                shown = " > ".join((*where, canonical))
                if hidden.search(shown):
                    continue
                # A community is never wanted: what it is called tells two of them apart.
                key = canonical if _COMMUNITY.match(canonical) else mask(canonical)
                tree.leaves.setdefault((where, key), canonical)
                if number:
                    tree.numbers[where, key] = number
        tree.foreign = list(foreign)
        self.complete(tree)
        return tree

    def _expanded(self, path: Path, line: str) -> list[Leaf]:
        try:
            return list(self.expand(path, line))
        except ValueError as error:
            shown = " > ".join((*path, mask(line)))
            raise VerbundError(
                f"the line '{shown}' of the configuration cannot be understood: {error}",
                "look at it on the switch; what was captured may be incomplete",
            ) from None

    def leaves(self, path: Path, line: str) -> Iterator[Leaf]:
        """One line of a device as lines of the normal form, without the numbers of numbered lists."""
        for where, written in self.expand(path, line):
            match = re.match(self.numbered, " > ".join((*where, written)))
            yield where, written.replace(f"{match[1]} ", "", 1) if match else written

    # -- comparing -------------------------------------------------------------------------------------------------

    def positive(self, text: str) -> str:
        """A line without its negation."""
        return text.removeprefix(f"{self.negation} ")

    def slot(self, path: Path, text: str) -> str:
        """What a line is about: of two lines with the same slot in the same section the later replaces the earlier."""
        return _slot(self, path, self.positive(text))

    def implied(self, text: str, wanted: list[str]) -> bool:
        """Whether a line goes by itself, because of other lines that its section shall have."""
        del text, wanted
        return False

    # -- back to commands ------------------------------------------------------------------------------------------

    def commands(self, op: Op, running: Tree, wanted: Tree) -> list[tuple[int, Command]]:
        """The commands for one line, each with its phase."""
        shown = " > ".join((*op.path, op.text))
        phase = self.phase(op, shown)
        if op.add:
            text = wanted.leaves.get((op.path, op.text), op.text)
            number = wanted.numbers.get((op.path, op.text))
            taken = {used for (path, _), used in running.numbers.items() if path == op.path}
            if number is not None and number not in taken:
                # A backup says which number an entry had: going back ends where it began.
                text = f"rule {number} {text[5:]}" if text.startswith("rule ") else f"{number} {text}"
            return [(phase, Command(op.path, text))]
        for expression, replacement in self.removals:
            if match := re.search(expression, shown):
                text = match.expand(replacement)
                return [(phase, Command(op.path, text))] if text else []
        return [(phase, Command(op.path, self.negate(running.leaves.get((op.path, op.text), op.text))))]

    def leaves_channel(self, op: Op) -> Path | None:
        """The section of the port that a line takes out of its port channel."""
        member = re.match(r"(?:channel-group|aggregation group|lag|port link-aggregation group) [0-9]+", op.text)
        return op.path if member and op.path and not op.add else None

    def negate(self, text: str) -> str:
        """The command that takes a line back."""
        return self.positive(text) if text.startswith(f"{self.negation} ") else f"{self.negation} {text}"

    def phase(self, op: Op, shown: str) -> int:
        """When a line is due."""
        for expression, come, go in self.phases:
            if re.search(expression, shown):
                return come if op.add else go
        inside = bool(op.path) and bool(re.match(r"interface ", op.path[0]))
        if op.add:
            return PORTS if inside else GLOBALS
        return UNPORT if inside else UNGLOBAL

    def write(self, command: Command) -> list[str]:
        """The text or texts of a command, with its items written as this dialect does."""
        if not command.items:
            return [command.text]
        if command.kind == "ports":
            from verbund.network.render import port_text  # noqa: PLC0415 - the renderer knows how AOS-S writes ports

            return [command.text.format(port_text(command.items))]
        numbers = [int(item) for item in command.items]
        if command.kind == "comware":
            return [command.text.format(vlan_text(numbers, to=" to ", comma=" "))]
        if command.kind == "blanks":
            return [command.text.format(vlan_text(numbers, comma=" "))]
        return [command.text.format(vlan_text(numbers))]

    def restore_banner(self, text: str) -> str:
        """The command that sets the banner of a normal form."""
        raise NotImplementedError


def number_of(op: Op, running: Tree, wanted: Tree, allowed: range) -> int:
    """The number of an entry of a numbered list: the one it has, or for a new one the next that is free.

    Args:
        op: the entry that comes or goes.
        running: what is there.
        wanted: what shall be there.
        allowed: numbers that may be given.
    """
    if not op.add:
        return running.numbers[op.path, op.text]
    taken = {number for (path, _), number in running.numbers.items() if path == op.path}
    # Its own number where that is free, so that going there and back ends where it began.
    for leaf, own in wanted.numbers.items():
        if leaf[0] != op.path or leaf in running.numbers:
            continue
        number = own if own not in taken else next((free for free in allowed if free not in taken), None)
        if number is None:
            raise VerbundError(
                f"'{op.text}' finds no free number among {allowed[0]} to {allowed[-1]}", "name fewer, wider networks"
            )
        taken.add(number)
        if leaf == (op.path, op.text):
            return number
    raise KeyError(op.text)


@cache
def _slot(dialect: Dialect, path: Path, text: str) -> str:
    shown = " > ".join((*path, text))
    for expression, name in dialect.slots:
        if match := re.search(expression, shown):
            return match.expand(name)
    return text


def indented(text: str, comment: str, skip: str, banner: str | None = None) -> Iterator[Leaf]:
    """Parse a configuration whose sections are shown by indentation.

    Args:
        text: the configuration.
        comment: expression for lines that are comments.
        skip: expression for lines that only close sections.
        banner: expression for the line that opens a banner; group 1 is its end mark.
    """
    stack: list[tuple[int, str]] = []
    lines = [line.rstrip() for line in text.replace("\r", "").split("\n")]
    position = 0
    comment_line, skip_line = re.compile(comment), re.compile(skip)
    opener = re.compile(banner) if banner else None
    while position < len(lines):
        line = lines[position]
        position += 1
        bare = line.strip()
        if not bare or comment_line.match(bare) or skip_line.fullmatch(bare):
            continue
        if opener and (match := opener.match(bare)):
            mark = match[1]
            parts = [bare[match.end() :]]
            while mark not in parts[-1] and position < len(lines):
                parts.append(lines[position])
                position += 1
            body = "\n".join(parts).split(mark)[0].strip("\n")
            yield (), BANNER + NEWLINE.join(body.split("\n"))
            continue
        depth = len(line) - len(line.lstrip())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        path = tuple(header for _, header in stack)
        yield path, bare
        stack.append((depth, bare))


def _with_sections(leaves: Iterable[Leaf], section: str) -> Iterator[Leaf]:
    """Turn the headers of sections, which look like any line, into ``(path, "")``."""
    opens = re.compile(section)
    for path, text in leaves:
        if opens.fullmatch(" > ".join((*path, text))):
            yield (*path, text), ""
        else:
            yield path, text


_LIST = "switchport {} allowed vlan "


class _IosLike(Dialect):
    """Cisco IOS and those who speak like it: a list of VLANs that is all VLANs when nothing is said."""

    lists: tuple[str, ...] = ("trunk",)
    vlan_lists: tuple[str, ...] = ("ip dhcp snooping vlan", "ip arp inspection vlan")

    def expand(self, path: Path, text: str) -> Iterator[Leaf]:
        if not path and (match := re.fullmatch(r"vlan ([0-9,-]+)", text)):
            for number in sorted(vlan_set(match[1]) - {1}):
                yield (f"vlan {number}",), ""
            return
        if path and re.fullmatch(r"vlan [0-9,-]+", path[0]):
            for number in sorted(vlan_set(path[0][5:]) - {1}):
                yield (f"vlan {number}", *path[1:]), text
            return
        for word in self.lists:
            if match := re.fullmatch(_LIST.format(word) + r"(?:add )?([0-9,-]+|none|all)", text):
                if match[1] == "none":
                    yield path, text
                elif match[1] != "all":
                    for number in sorted(vlan_set(match[1])):
                        yield path, _LIST.format(word) + str(number)
                return
        for word in self.vlan_lists:
            if match := re.fullmatch(word + r" ([0-9,-]+)", text):
                for number in sorted(vlan_set(match[1])):
                    yield path, f"{word} {number}"
                return
        yield path, text

    def implied(self, text: str, wanted: list[str]) -> bool:
        # 'none' gives way to any list, and any list to 'none'.
        match = re.fullmatch(r"(switchport (?:trunk|hybrid) allowed vlan )(\S+)", text)
        if not match:
            return False
        if match[2] == "none":
            return any(line.startswith(match[1]) for line in wanted)
        return f"{match[1]}none" in wanted

    def commands(self, op: Op, running: Tree, wanted: Tree) -> list[tuple[int, Command]]:
        if match := re.fullmatch(r"switchport (trunk|hybrid) allowed vlan ([0-9]+)", op.text):
            prefix = _LIST.format(match[1])
            item = (match[2],)
            had = [line for line in running.at(op.path) if line.startswith(prefix)]
            if op.add and not had:  # all VLANs until now: the list is set as a whole, which takes the others away
                return [(LISTS, Command(op.path, prefix + "{}", item))]
            if op.add:
                return [(LISTS, Command(op.path, prefix + "add {}", item))]
            if any(line.startswith(prefix) for line in wanted.at(op.path)):
                return [(UNLIST, Command(op.path, prefix + "remove {}", item))]
            # No list at all is wanted: the port is no trunk any more (or was open before a rollback).
            return [(UNLIST, Command(op.path, f"no {prefix.strip()}"))]
        for word in self.vlan_lists:
            if match := re.fullmatch(word + r" ([0-9]+)", op.text):
                return [
                    (GLOBALS, Command((), word + " {}", (match[1],)))
                    if op.add
                    else (UNGLOBAL, Command((), f"no {word} {{}}", (match[1],)))
                ]
        return super().commands(op, running, wanted)


_IOS_PHASES = (
    (r"^vlan [0-9]+", VLANS, UNVLAN),
    (r"^(?:ip|ipv6) access-list ", REFERENCED, UNREFERENCED),
    (r"^(?:aaa group|radius server|radius-server|snmp-server view|ipv6 nd raguard policy|ipv6 dhcp guard policy)",
     REFERENCED, UNREFERENCED),
    (r"^interface (?:[Vv]lan|Port-channel|llag) ?[0-9]+ > (?:ip|ipv6) address", REFERENCED, UNREFERENCED),
    (r"^interface (?:[Vv]lan) ?[0-9]+$", REFERENCED, UNREFERENCED),
    (r"^interface .* > switchport (?:access|voice|hybrid native|trunk native)", LISTS, UNPORT),
    (r"^interface .* > switchport (?:mode|nonegotiate)", MODES, UNPORT),
    (r"^interface .* > (?:channel-group|aggregation)", MODES, REFERENCED),
    # A port with 802.1X refuses to become a trunk, so it is taken off first.
    (r"^interface .* > (?:authentication|dot1x|mab)", GUARDS, PORTS),
    (r"^interface .* > (?:spanning-tree|storm)", GUARDS, UNPORT),
    (r"^interface .* > shutdown", SHUT, OPEN),
    (r"^line ", GUARDS, UNPORT),
    (r"^(?:ip default-gateway|ip route|ipv6 route)", REFERENCED, UNREFERENCED),
)  # fmt: skip


class CiscoIos(_IosLike):
    """Cisco IOS and IOS-XE."""

    name = "cisco_ios"
    managed = (
        r"(?:no )?(?:hostname |service (?:timestamps log|password-encryption|pad)|aaa (?!session-id)|username |enable |"
        r"ip (?:dhcp snooping|arp inspection|default-gateway|http|ssh (?:version|time-out|authentication)|"
        r"access-list standard VERBUND|domain lookup)|ipv6 (?:nd raguard|dhcp guard|access-list VERBUND|route |"
        r"unicast-routing)|dot1x |vtp mode|vstack|lldp run|cdp run|spanning-tree |errdisable recovery |"
        r"vlan [0-9]|interface |logging host|snmp-server |radius server|verbund-banner |line (?:con|vty)|ntp server)"
    )
    physical = r"interface (?!Vlan|Port-channel)\S.*"
    numbered = r"ip(?:v6)? access-list .* > (?:sequence )?([0-9]+) (?:permit|deny)"
    hidden = (
        r"^interface .* > (?:no shutdown|switchport|no cdp enable|(?:media-type|negotiation|speed|duplex) .*)$",
        r"^interface (?!Vlan1 ).* > no ip address$",
        r"^interface Vlan1 > no ip address$",
        (
            r"^line .* > exec-timeout 10 0$|^errdisable recovery interval 300$"
            r"|^ip ssh (?:authentication-retries 3|time-out 120)$"
        ),
        r"^interface Vlan(?!1 ).* > no ip route-cache",
        r"^(?:no )?spanning-tree (?:extend system-id|portfast|loopguard)",
        r"^line con 0 > stopbits|^line .* > (?:login|password|logging)",
        r"^snmp-server (?:enable traps|engineID)",
        r"^no (?:enable|aaa new-model)",
        r"^aaa accounting update",
    )
    write_only = ((r"^snmp-server user ", r"^snmp-server group "),)
    slots = (
        (r"^(hostname|vtp mode|ip default-gateway|spanning-tree mode|ip ssh version|ip ssh time-out)\b", r"\1"),
        (r"^(ip ssh authentication-retries|spanning-tree mst 0 priority|service timestamps log)\b", r"\1"),
        (r"^(aaa (?:authentication|authorization|accounting) \S+ \S+)", r"\1"),
        (r"^(username \S+)", r"\1"),
        (r"^(snmp-server (?:group|view) \S+)", r"\1"),
        (r"^(errdisable recovery interval|verbund-banner)\b", r"\1"),
        (r"^vlan \S+ > (name)\b", r"\1"),
        (
            r"^interface .* > (description|ip address|switchport (?:access vlan|mode|trunk native vlan|voice vlan))\b",
            r"\1",
        ),
        (r"^interface .* > (spanning-tree portfast|spanning-tree guard|power inline|channel-group)\b", r"\1"),
        (r"^interface .* > (storm-control \S+ level)", r"\1"),
        (
            r"^interface .* > (authentication (?:event fail|event server dead|host-mode|order|priority|port-control))",
            r"\1",
        ),
        (
            r"^interface .* > (authentication timer reauthenticate|ip(?:v6)? (?:nd raguard|dhcp guard) attach-policy)",
            r"\1",
        ),
        (r"^spanning-tree mst configuration > (name|revision)", r"\1"),
        (r"^radius server \S+ > (address ipv[46]|key)", r"\1"),
        (r"^line .* > (exec-timeout|transport input|access-class|ipv6 access-class)", r"\1"),
        (r"^ipv6 (?:nd|dhcp) .* > (device-role)", r"\1"),
    )
    removals = (
        (r"^interface .* > (description|power inline|channel-group|switchport (?:access|voice|trunk native) vlan)\b.*",
         r"no \1"),
        (r"^interface .* > (authentication (?:host-mode|order|priority|timer reauthenticate))\b.*", r"no \1"),
        (r"^interface .* > (storm-control \S+ level)\b.*", r"no \1"),
        (r"^interface .* > (switchport mode)\b.*", r"no \1"),
        (r"^interface .* > (spanning-tree portfast)\b.*", r"no \1"),
        (r"^(username \S+).*", r"no \1"),
        (r"^verbund-banner ", r"no banner login"),
        (r"^(vtp mode|spanning-tree mode|spanning-tree mst 0 priority|ip ssh \S+|hostname)\b.*", r"no \1"),
        (r"^line .* > (exec-timeout|transport input)\b.*", r"no \1"),
        (r"^line .* > ((?:ipv6 )?access-class \S+).*", r"no \1 in"),
    )  # fmt: skip
    phases = _IOS_PHASES

    def parse(self, text: str) -> Iterator[Leaf]:
        section = (
            r"(?:vlan [0-9,-]+|interface .+|aaa group .+|(?:ip|ipv6) access-list .+|ipv6 (?:nd raguard"
            r"|dhcp guard) policy .+"
            r"|spanning-tree mst configuration|radius server .+|line .+)"
        )
        # Only headers, never their lines: a line has " > " before it.
        leaves = indented(
            text, r"!|Building conf|Current conf|version ", r"end|exit", r"banner (?:login|motd|exec) (\^C|\S)"
        )
        yield from _with_sections(leaves, rf"(?!.* > ){section}")

    def expand(self, path: Path, text: str) -> Iterator[Leaf]:
        if path and path[0].startswith("interface "):
            text = re.sub(r"^spanning-tree portfast (?:edge ?)", "spanning-tree portfast ", text).strip()
            text = re.sub(r"^switchport trunk encapsulation .*", "", text)
            if not text and len(path) == 1 and path[0] == "interface Vlan1":
                yield path, ""
                return
        text = re.sub(r"^(username \S+ privilege [0-9]+) algorithm-type \S+ ", r"\1 ", text)
        yield from super().expand(path, text)

    def restore_banner(self, text: str) -> str:
        body = text.removeprefix(BANNER).replace(NEWLINE, "\n")
        return f"banner login ^C\n{body}\n^C"


class LancomSx(_IosLike):
    """LANCOM LCOS SX 4."""

    name = "lancom_sx"
    lists = ("trunk", "hybrid")
    vlan_lists = ("ip arp inspection vlan",)
    managed = (
        r"(?:no )?(?:hostname |verbund-banner |logging (?:on|host)|username |access management|vlan [0-9]"
        r"|ip route|ipv6 route|"
        r"ip dhcp snooping|ip arp inspection|ntp|ip http secure-server|ip ssh$|spanning-tree (?:mode"
        r"|mst 0 priority|mst name|"
        r"recovery)|snmp-server|aaa authentication login|radius-server (?:host|message-auth)|dot1x "
        r"|qos storm |lmc [Oo]perating|"
        r"interface |line (?:console|vty))"
    )
    physical = r"interface (?!vlan|llag)\S.*"
    numbered = r"access management ([0-9]+) [0-9]"
    hidden = (
        (
            r"^interface .* > (?:no shutdown|loop-protect|no loop-protect.*|lldp .*|poe (?!mode disable).*|qos .*"
            r"|pvlan 1|mac .*)$"
        ),
        r"^interface .* > (?:no (?:spanning-tree.*|dot1x.*|pvlan isolation|aggregation group|description))$",
        (
            r"^interface .* > (?:dot1x port-control force-authorized|spanning-tree|spanning-tree (?:auto-edge"
            r"|link-type.*|mst.*))$"
        ),
        (
            r"^interface .* > (?:speed|duplex|media-type|flowcontrol|mtu|access-list|port-security|lacp"
            r"|switchport (?:voice|forbidden|vlan))"
        ),
        r"^interface .* > switchport (?:trunk|hybrid) (?:native vlan 1|allowed vlan (?:1-4094|all))$",
        r"^interface .* > switchport (?:access vlan 1|hybrid (?:acceptable|egress|ingress|port-type).*)$",
        r"^interface vlan .* > (?:no |ip (?:mtu|igmp)|ipv6 mld)",
        r"^line .* > (?!exec-timeout)|^line .* > exec-timeout 10 0$",
        r"^spanning-tree mode mstp$|^spanning-tree mst 0 priority 32768$|^ip ssh$",
        r"^no (?:ntp.*|dot1x.*|logging.*|access management|spanning-tree.*|qos storm.*|radius-server.*)$",
        r"^no ip (?:dhcp snooping|arp inspection)$",
        r"^aaa authentication login console local$",
        (
            r"^snmp-server (?:contact|location|view default_view)|^dot1x (?:timeout|max|macbased|guest"
            r"|authentication timer inact)"
        ),
        r"^snmp-server access \S+ model any|^aaa authentication login ssh local$",
        r"^dot1x authentication timer re-authenticate 3600$",
        r"^interface .* > ip (?:dhcp snooping|arp inspection) trust$",
    )
    write_only = ((r"^snmp-server$", r"^snmp-server access "),)
    slots = (
        (
            (
                r"^(hostname|logging host|verbund-banner|snmp-server engine-id local|spanning-tree mode"
                r"|spanning-tree mst name)\b"
            ),
            r"\1",
        ),
        (
            (
                r"^(spanning-tree mst 0 priority|spanning-tree recovery interval"
                r"|dot1x authentication timer re-authenticate)\b"
            ),
            r"\1",
        ),
        (r"^(qos storm \S+|aaa authentication login \S+|ntp server [0-9]+|lmc Operating)\b", r"\1"),
        (r"^(username \S+|snmp-server user \S+|radius-server host \S+)", r"\1"),
        (r"^vlan \S+ > (name)\b", r"\1"),
        (
            (
                r"^interface .* > (description|ip address|switchport (?:access vlan|mode|trunk native vlan"
                r"|hybrid native vlan))\b"
            ),
            r"\1",
        ),
        (r"^interface .* > (aggregation group|dot1x port-control)\b", r"\1"),
        (r"^line .* > (exec-timeout)", r"\1"),
    )
    removals = (
        (r"^interface .* > poe mode disable$", r"poe mode enable"),
        ((r"^interface .* > (description|aggregation group|dot1x port-control|switchport (?:access"
         r"|trunk native|hybrid native) vlan)\b.*"),
         r"no \1"),
        (r"^interface .* > (switchport mode)\b.*", r"switchport mode access"),
        (r"^interface .* > (ip address)\b.*", r"no \1"),
        (r"^(username \S+|ntp server [0-9]+|logging host|aaa authentication login \S+)\b.*", r"no \1"),
        (r"^(radius-server host \S+)\b.*", r"no \1"),
        (r"^(snmp-server security-to-group model \S+ name \S+)\b.*", r"no \1"),
        (r"^(snmp-server user \S+ engine-id \S+)\b.*", r"no \1"),
        (r"^(snmp-server access \S+ model \S+ level \S+)\b.*", r"no \1"),
        (r"^(spanning-tree mst 0 priority|spanning-tree recovery interval|qos storm \S+)\b.*", r"no \1"),
        (r"^(dot1x authentication timer re-authenticate)\b.*", r"no \1"),
        (r"^spanning-tree mst name .*", r"no spanning-tree mst name"),
        (r"^(snmp-server engine-id) .*", r"no \1"),
        (r"^lmc Operating .*", r"lmc Operating try"),
        (r"^line .* > exec-timeout .*", r"exec-timeout 10 0"),
        (r"^verbund-banner ", r"no banner login"),
    )  # fmt: skip
    phases = _IOS_PHASES

    def parse(self, text: str) -> Iterator[Leaf]:
        leaves = indented(text, r"!|Building conf", r"end|exit", r"banner (?:login|motd|exec) (\S)")
        yield from _with_sections(leaves, r"(?!.* > )(?:vlan [0-9,-]+|interface .+|line .+)")

    def expand(self, path: Path, text: str) -> Iterator[Leaf]:
        yield from super().expand(path, re.sub(r"^lmc operating ", "lmc Operating ", text))

    def complete(self, tree: Tree) -> None:
        modes = {path for path, text in tree.leaves if text.startswith("switchport mode ")}
        for path in tree.sections:
            if re.fullmatch(self.physical, path[0]) and path not in modes:
                tree.leaves[path, "switchport mode access"] = "switchport mode access"

    def commands(self, op: Op, running: Tree, wanted: Tree) -> list[tuple[int, Command]]:
        if op.text.startswith("access management "):
            entry = op.text.removeprefix("access management ")
            number = number_of(op, running, wanted, range(1, 17))
            if op.add:
                return [(REFERENCED, Command((), f"access management {number} {entry}"))]
            return [(UNREFERENCED, Command((), f"no access management {number}"))]
        return super().commands(op, running, wanted)

    def restore_banner(self, text: str) -> str:
        return f"banner login ^{text.removeprefix(BANNER).replace(NEWLINE, ' ')}^"


class ArubaAosCx(Dialect):
    """Aruba AOS-CX."""

    name = "aruba_aoscx"
    managed = (
        r"(?:no )?(?:hostname |user |verbund-banner |ntp |cli-session|logging [0-9a-f]|radius-server host"
        r"|aaa |port-access role verbund|"
        r"ssh server vrf|https-server vrf|telnet|access-list ip(?:v6)? VERBUND"
        r"|apply access-list ip(?:v6)? VERBUND|vlan [0-9]|"
        r"dhcpv[46]-snooping$|nd-snooping|spanning-tree|interface |snmp-server |snmpv3 |ip route |ipv6 route )"
    )
    physical = r"interface [0-9]+/.*"
    numbered = r"access-list .* > ([0-9]+) permit (?!any any any)"
    hidden = (
        r"^interface .* > (?:no routing|power-over-ethernet|exit)$",
        # A port is up unless told otherwise, a port channel is down: there the line is one that matters.
        r"^interface (?!lag ).* > no shutdown$",
        r"^interface .* > vlan access 1$",
        r"^spanning-tree mode mstp$|^spanning-tree priority 8$|^snmp-server (?:system|historical)",
        r"^aaa authentication login console local$",
        r"^interface mgmt\b",
    )
    implicit = (r"^no https-server vrf \S+$", r"^no telnet")
    slots = (
        (
            r"^(hostname|verbund-banner|spanning-tree (?:priority|config-name|config-revision|mode)|nd-snooping)\b",
            r"\1",
        ),
        (
            (
                r"^(spanning-tree bpdu-guard timeout|user \S+|snmpv3 user \S+|radius-server host \S+"
                r"|logging \S+|ntp server \S+)"
            ),
            r"\1",
        ),
        (r"^(aaa (?:accounting|authentication) \S+ \S+(?= group| local| start))", r"\1"),
        (r"^(aaa accounting port-access)", r"\1"),
        (r"^(?:cli-session) > (timeout)", r"\1"),
        (r"^vlan \S+ > (name)\b", r"\1"),
        (r"^port-access role \S+ > (vlan access)", r"\1"),
        (r"^interface .* > (description|ip address|vlan access|vlan trunk native|lacp mode|lag)\b", r"\1"),
        (r"^interface .* > (rate-limit \S+|spanning-tree port-type|aaa authentication port-access \S+-role)\b", r"\1"),
        (r"^interface .* > (aaa authentication port-access client-limit)\b", r"\1"),
        (r"> (reauth-period|radius server-group)\b", r"\1"),
        (r"^access-list .* > ([0-9]+) ", r"\1"),
    )
    removals = (
        (r"^interface lag .* > no (shutdown)$", r"\1"),
        (r"^interface .* > (description|lacp mode|spanning-tree port-type|rate-limit \S+)\b.*", r"no \1"),
        (r"^interface .* > (aaa authentication port-access (?:client-limit|\S+-role))\b.*", r"no \1"),
        (r"^(user \S+|snmpv3 user \S+|logging \S+|radius-server host \S+)\b.*", r"no \1"),
        (r"^(spanning-tree (?:priority|config-name|config-revision|bpdu-guard timeout))\b.*", r"no \1"),
        (r"^(aaa authentication login \S+)\b.*", r"no \1"),
        (r"^access-list .* > ([0-9]+) .*", r"no \1"),
        (r"> (timeout|reauth-period)\b.*", r"no \1"),
        (r"^verbund-banner ", r"no banner motd"),
    )
    phases = (
        (r"^vlan [0-9]+", VLANS, UNVLAN),
        (r"^(?:access-list|aaa group|radius-server|port-access role)", REFERENCED, UNREFERENCED),
        (r"^interface vlan [0-9]+", REFERENCED, UNREFERENCED),
        (r"^(?:ip|ipv6) route", REFERENCED, UNREFERENCED),
        (r"^apply access-list", GUARDS, UNPORT),
        (r"^interface .* > vlan trunk allowed", LISTS, UNLIST),
        (r"^interface .* > vlan ", MODES, UNPORT),
        (r"^interface .* > lag ", MODES, REFERENCED),
        (r"^interface lag .* > no shutdown", PORTS, SHUT),
        (r"^interface .* > shutdown", SHUT, OPEN),
        (r"^interface .* > aaa ", GUARDS, LISTS - 1),
        (r"^interface .* > (?:spanning-tree|rate-limit)", GUARDS, UNPORT),
    )

    def parse(self, text: str) -> Iterator[Leaf]:
        leaves = indented(text, r"!|Current configuration", r"exit|end", r"banner (?:motd|exec) (\S)")
        section = (
            r"(?:vlan [0-9,-]+|interface .+|aaa group server .+|port-access role .+|access-list .+|cli-session"
            r"|aaa authentication port-access (?:dot1x authenticator|mac-auth)"
            r"|interface .+ > aaa authentication port-access (?:dot1x authenticator|mac-auth))"
        )
        yield from _with_sections(
            leaves,
            rf"(?:(?!.* > ){section}"
            rf"|interface [^>]+ > aaa authentication port-access (?:dot1x authenticator|mac-auth))",
        )

    def expand(self, path: Path, text: str) -> Iterator[Leaf]:
        header = path[0] if path else ""
        if match := re.fullmatch(r"vlan ([0-9,-]+)", header):
            for number in sorted(vlan_set(match[1]) - {1}):
                yield (f"vlan {number}", *path[1:]), text
            return
        if match := re.fullmatch(r"vlan trunk allowed ([0-9,-]+|all)", text):
            for number in sorted(vlan_set("1-4094" if match[1] == "all" else match[1])):
                yield path, f"vlan trunk allowed {number}"
            return
        yield path, text

    def implied(self, text: str, wanted: list[str]) -> bool:
        # A port is either access or trunk: the first line of the one kind ends the other.
        if text.startswith("vlan trunk "):
            return any(line.startswith(("vlan access ", "lag ")) for line in wanted)
        if text.startswith("vlan access "):
            return any(line.startswith(("vlan trunk ", "lag ")) for line in wanted)
        return False

    def commands(self, op: Op, running: Tree, wanted: Tree) -> list[tuple[int, Command]]:
        if op.path and op.path[0].startswith("access-list ") and op.text.startswith("permit "):
            number = number_of(op, running, wanted, range(10, 5000, 10))
            if op.add:
                return [(REFERENCED, Command(op.path, f"{number} {op.text}"))]
            return [(UNREFERENCED, Command(op.path, f"no {number}"))]
        if match := re.fullmatch(r"vlan trunk allowed ([0-9]+)", op.text):
            if op.add:
                return [(LISTS, Command(op.path, "vlan trunk allowed {}", (match[1],)))]
            return [(UNLIST, Command(op.path, "no vlan trunk allowed {}", (match[1],)))]
        return super().commands(op, running, wanted)

    def restore_banner(self, text: str) -> str:
        body = text.removeprefix(BANNER).replace(NEWLINE, "\n")
        return f"banner motd ^\n{body}\n^"


class ArubaAosS(Dialect):
    """Aruba AOS-S / HP ProCurve: VLANs hold ports; in the normal form ports hold VLANs."""

    name = "aruba_aoss"
    managed = (
        r"(?:no )?(?:hostname |trunk |logging [0-9a-f]|radius-server host|verbund-banner |timesync|ntp "
        r"|telnet-server|web-management|"
        r"ip (?:ssh|default-gateway|authorized-managers)|ipv6 (?:route|authorized-managers|ra-guard)"
        r"|console idle-timeout|"
        r"interface |snmp-server community|snmpv3 |aaa |protected-ports |dhcp-snooping|arp-protect"
        r"|vlan [0-9]|spanning-tree|"
        r"tftp |cdp run|password manager)"
    )
    physical = r"interface (?!Trk)\S+"
    hidden = (
        r"^interface .* > (?:enable|power-over-ethernet|no ip address|unknown-vlans.*|speed-duplex auto)$",
        r"^vlan [0-9]+ > no ip address$",
        r"^spanning-tree priority 8$|^spanning-tree mode mstp$|^ip ssh$",
        r"^aaa port-access authenticator \S+ reauth-period 0$",
        r"^snmpv3 engineid|^console idle-timeout serial",
        r"^spanning-tree \S+ priority|^spanning-tree force-version mstp",
    )
    implicit = (r'^no snmp-server community "public"$',)
    write_only = ((r"^password manager ", r"^aaa authentication ssh login "),)
    slots = (
        (
            r"^(hostname|timesync|ip default-gateway|console idle-timeout|verbund-banner|aaa authentication \S+ \S+)\b",
            r"\1",
        ),
        (
            r"^(spanning-tree (?:config-name|config-revision|priority|bpdu-protection-timeout)|aaa accounting \S+)\b",
            r"\1",
        ),
        (r"^(aaa port-access authenticator \S+ (?:reauth-period|unauth-vid|client-limit))\b", r"\1"),
        (r"^(aaa port-access mac-based \S+ unauth-vid)\b", r"\1"),
        (r"^(trunk \S+|radius-server host \S+|snmpv3 user \S+)", r"\1"),
        (r"^vlan \S+ > (name|ip address)\b", r"\1"),
        (r"^interface .* > (name|broadcast-limit|untagged)\b", r"\1"),
    )
    removals = (
        (r"^interface .* > (name|broadcast-limit)\b.*", r"no \1"),
        (r"^interface .* > disable$", r"enable"),
        (r"^(aaa port-access (?:authenticator|mac-based) \S+ unauth-vid)\b.*", r"no \1"),
        (r"^(aaa port-access authenticator \S+) reauth-period .*", r"\1 reauth-period 0"),
        (r"^(aaa port-access authenticator \S+ client-limit)\b.*", r"no \1"),
        (r"^(trunk \S+) .*", r"no \1"),
        (r"^(radius-server host \S+).*", r"no \1"),
        (r"^(snmpv3 user \S+).*", r"no \1"),
        (r"^(spanning-tree (?:config-name|config-revision|priority))\b.*", r"no \1"),
        (r"^spanning-tree bpdu-protection-timeout .*", r"spanning-tree bpdu-protection-timeout 0"),
        (r"^console idle-timeout .*", r"console idle-timeout 0"),
        (r"^aaa authentication ssh (login|enable) .*", r"aaa authentication ssh \1 local none"),
        (r"^vlan \S+ > ip address .*", r"no ip address"),
        (r"^vlan \S+ > name .*", r"no name"),
        (r"^timesync .*", r"no timesync"),
        (r"^verbund-banner ", r"no banner motd"),
    )
    phases = (
        (r"^vlan [0-9]+ > (?:ip|ipv6) address", REFERENCED, UNREFERENCED),
        (r"^vlan [0-9]+ > (?:voice|name)", VLANS, UNGLOBAL),
        (r"^vlan [0-9]+$", VLANS, UNVLAN),
        (r"^(?:radius-server|ip default-gateway|ipv6 route)", REFERENCED, UNREFERENCED),
        (r"^trunk ", REFERENCED, REFERENCED),
        (r"^(?:ip|ipv6) authorized-managers", REFERENCED, UNREFERENCED),
        (r"^interface .* > disable", SHUT, OPEN),
        ((r"^(?:aaa port-access|spanning-tree \S+ (?:admin|bpdu|root)|protected-ports|dhcp-snooping trust"
         r"|arp-protect trust)"),
         GUARDS, UNPORT),
    )  # fmt: skip
    port_lists = (
        r"((?:no )?spanning-tree) (\S+) (admin-edge-port|bpdu-protection|root-guard)",
        r"((?:no )?aaa port-access (?:authenticator|mac-based)) (\S+)(?: (.*))?",
        r"((?:no )?(?:protected-ports|dhcp-snooping trust|arp-protect trust|ipv6 ra-guard ports)) (\S+)()",
        r"((?:no )?trunk) (\S+) (\S+ \S+)",
    )

    def parse(self, text: str) -> Iterator[Leaf]:
        leaves = indented(text, r";|#|Running configuration", r"exit|end", r'banner (?:motd|exec) (")')
        yield from _with_sections(leaves, r"(?!.* > )(?:vlan [0-9]+|interface \S+)")

    def expand(self, path: Path, text: str) -> Iterator[Leaf]:
        if path and path[0].startswith("vlan "):
            number = int(path[0][5:])
            if match := re.fullmatch(r"(untagged|tagged) (\S+)", text):
                for port in ports_of(match[2]):
                    yield (f"interface {port}",), f"{match[1]} vlan {number}"
                return
            if number == 1 or text.startswith(("no untagged", "no tagged")):
                return
        if (
            path
            and path[0].startswith("interface ")
            and (match := re.fullmatch(r"((?:dhcp-snooping|arp-protect) trust|(?:untagged|tagged) vlan .*)", text))
        ):
            if "vlan" not in match[1]:
                yield (), f"{match[1]} {path[0].removeprefix('interface ')}"
                return
            word, _, numbers = match[1].split(" ", 2)
            for number in sorted(vlan_set(numbers)):
                yield path, f"{word} vlan {number}"
            return
        if text.startswith(BANNER):
            yield path, text.replace("\\n", NEWLINE)
            return
        if not path:
            for word in ("dhcp-snooping", "arp-protect"):
                if match := re.fullmatch(word + r" vlan ([0-9 ,-]+)", text):
                    for number in sorted(vlan_set(match[1].replace(" ", ","))):
                        yield path, f"{word} vlan {number}"
                    return
            for expression in self.port_lists:
                match = re.fullmatch(expression, text)
                if match and re.fullmatch(r"[A-Za-z]*[0-9][\w,/-]*", match[2]):
                    for port in ports_of(match[2]):
                        yield path, f"{match[1]} {port} {match[3] or ''}".rstrip()
                    return
            # The keys of RADIUS and SNMP are not printed by default: they are no part of what is compared.
            if text.startswith("radius-server host "):
                text = text.replace(" auth-port 1812", "").replace(" acct-port 1813", "")
        yield path, text

    def tree(self, text: str, ports: frozenset[str] | None = None) -> Tree:
        tree = super().tree(text, ports)
        for (path, line), _original in list(tree.leaves.items()):
            plain = re.sub(r"^(radius-server host .*?) key <secret>$|^(snmpv3 user \S+) .*$", r"\1\2", line)
            if plain != line and not path:
                tree.leaves = {
                    (leaf if leaf != (path, line) else (path, plain)): value for leaf, value in tree.leaves.items()
                }
        return tree

    def leaves_channel(self, op: Op) -> Path | None:
        match = re.match(r"trunk (\S+) trk", op.text)
        return (f"interface {match[1]}",) if match and not op.path and not op.add else None

    def implied(self, text: str, wanted: list[str]) -> bool:
        # In one VLAN a port is untagged or tagged, and it is untagged in one VLAN only.
        match = re.fullmatch(r"(untagged|tagged) vlan ([0-9]+)", text)
        if not match:
            return False
        other = "tagged" if match[1] == "untagged" else "untagged"
        return f"{other} vlan {match[2]}" in wanted

    def commands(self, op: Op, running: Tree, wanted: Tree) -> list[tuple[int, Command]]:
        if match := re.fullmatch(r"(untagged|tagged) vlan ([0-9]+)", op.text):
            joins = op.path[0].replace("interface ", "trunk ") + " "
            if not op.add and any(text.startswith(joins) for text in wanted.at(())):
                return []  # a port that joins a trunk group loses its VLANs with that
            port = (op.path[0].removeprefix("interface "),)
            where = (f"vlan {match[2]}",)
            if op.add:
                due = [(LISTS if match[1] == "tagged" else PORTS, Command(where, f"{match[1]} {{}}", port, "ports"))]
                untagged = any(text.startswith("untagged ") for text in wanted.at(op.path))
                if not untagged and not any("tagged vlan" in text for text in running.at(op.path)):
                    # A trunk group that is new, or a port that leaves one, begins untagged in VLAN 1.
                    due.append((UNLIST, Command(("vlan 1",), "no untagged {}", port, "ports")))
                return due
            return [(UNLIST, Command(where, f"no {match[1]} {{}}", port, "ports"))]
        for word in ("dhcp-snooping vlan", "arp-protect vlan"):
            if match := re.fullmatch(word + r" ([0-9]+)", op.text):
                text = word + " {}" if op.add else f"no {word} {{}}"
                return [(GLOBALS if op.add else UNGLOBAL, Command((), text, (match[1],), "blanks"))]
        return super().commands(op, running, wanted)

    def restore_banner(self, text: str) -> str:
        body = text.removeprefix(BANNER).replace(NEWLINE, "\n")
        return f'banner motd "{body}"'


class HpeComware(Dialect):
    """HPE Comware 7 / H3C."""

    name = "hpe_comware"
    negation = "undo"
    leave = "quit"
    managed = (
        r"(?:undo )?(?:sysname |dot1x|mac-authentication|lldp global|vlan [0-9]|stp |dhcp snooping enable"
        r"|interface |line vty|"
        r"user-interface vty|ip route-static 0\.0\.0\.0 |ipv6 route-static :: |info-center (?:loghost"
        r"|timestamp)|snmp-agent|"
        r"ssh server|ntp-service|acl (?:basic 2000|ipv6 basic 2001)|verbund-banner |radius scheme verbund"
        r"|domain (?:verbund|default)|"
        r"local-user |ip https? |telnet server|ftp server)"
    )
    physical = r"interface (?!Vlan-interface|Bridge-Aggregation|NULL|LoopBack)\S+"
    numbered = r"acl .* > rule ([0-9]+) "
    hidden = (
        (
            r"^interface .* > (?:port link-mode bridge|undo shutdown|undo (?:port (?:trunk|hybrid).*)|combo .*"
            r"|speed .*|duplex .*)$"
        ),
        r"^interface .* > port access vlan 1$",
        r"^interface NULL0|^snmp-agent local-engineid",
        r"^stp instance 0 priority 32768$|^stp mode mstp$",
        r"^line vty .* > user-role",
        r"^stp region-configuration > active region-configuration$",
        r"^snmp-agent$|^line .* > idle-timeout 10 0$",
    )
    implicit = (r"^undo (?:ip https? enable|telnet server enable|ftp server enable)$",)
    slots = (
        (
            r"^(sysname|stp instance 0 priority|stp mode|dot1x authentication-method|info-center timestamp loghost)\b",
            r"\1",
        ),
        (
            (
                r"^(snmp-agent sys-info version|snmp-agent group v3 \S+|snmp-agent usm-user v3 \S+"
                r"|ssh server (?:ipv6 )?acl|verbund-banner)\b"
            ),
            r"\1",
        ),
        (r"^vlan \S+ > (name)\b", r"\1"),
        (r"^stp region-configuration > (region-name|revision-level)", r"\1"),
        (
            (
                r"^interface .* > (description|ip address|port link-type|port access vlan|port trunk pvid"
                r"|port hybrid pvid)\b"
            ),
            r"\1",
        ),
        (
            r"^interface .* > (voice-vlan|broadcast-suppression|multicast-suppression|port link-aggregation group)\b",
            r"\1",
        ),
        (
            r"^interface .* > (dot1x (?:auth-fail|critical) vlan|dot1x timer reauth-period|dot1x mandatory-domain)\b",
            r"\1",
        ),
        (r"^interface .* > (mac-authentication (?:guest-vlan|critical vlan|domain))\b", r"\1"),
        (r"^interface .* > (ipv6 nd raguard role|link-aggregation mode)\b", r"\1"),
        (r"^line .* > (authentication-mode|protocol inbound|idle-timeout)", r"\1"),
        (r"^radius scheme \S+ > (primary \S+|user-name-format)", r"\1"),
        (r"^domain .* > (\S+ (?:login|lan-access))", r"\1"),
        (r"^local-user .* > (password)", r"\1"),
        (r"^(domain default enable)\b", r"\1"),
    )
    removals = (
        ((r"^interface .* > (description|port access vlan|port (?:trunk|hybrid) pvid|broadcast-suppression"
         r"|multicast-suppression)\b.*"),
         r"undo \1"),
        ((r"^interface .* > (port link-aggregation group|dot1x (?:auth-fail|critical) vlan"
         r"|dot1x mandatory-domain)\b.*"), r"undo \1"),
        ((r"^interface .* > (dot1x timer reauth-period|mac-authentication (?:guest-vlan|critical vlan"
         r"|domain))\b.*"), r"undo \1"),
        ((r"^interface .* > (ipv6 nd raguard role|voice-vlan|link-aggregation mode|port link-type"
         r"|port-isolate enable)\b.*"), r"undo \1"),
        (r"^(stp instance 0 priority|stp mode|dot1x authentication-method|sysname|domain default)\b.*", r"undo \1"),
        (r"^(snmp-agent usm-user v3 \S+ \S+).*", r"undo \1"),
        (r"^(snmp-agent group v3 \S+).*", r"undo \1 privacy"),
        (r"^(snmp-agent sys-info version) .*", r"undo \1"),
        (r"^ssh server (ipv6 acl|acl) .*", r"undo ssh server \1"),
        (r"^(?:line) .* > (authentication-mode|protocol inbound|idle-timeout)\b.*", r"undo \1"),
        (r"^(local-user \S+ class \S+).*$", r"undo \1"),
        (r"^info-center timestamp loghost .*", r"undo info-center timestamp loghost"),
        (r"^verbund-banner ", r"undo header login"),
    )  # fmt: skip
    phases = (
        (r"^vlan [0-9]+", VLANS, UNVLAN),
        (r"^(?:acl|radius scheme|domain verbund|snmp-agent group)", REFERENCED, UNREFERENCED),
        (r"^interface Vlan-interface[0-9]+", REFERENCED, UNREFERENCED),
        (r"^(?:ip|ipv6) route-static", REFERENCED, UNREFERENCED),
        (r"^interface .* > port link-type", LISTS - 1, UNPORT),
        (r"^interface .* > port (?:access|trunk|hybrid)", LISTS, UNLIST),
        (r"^interface .* > port link-aggregation", MODES, REFERENCED),
        (r"^interface .* > shutdown", SHUT, OPEN),
        (r"^interface .* > (?:dot1x|mac-auth)", GUARDS, REFERENCED),
        (r"^interface .* > (?:stp|voice)", GUARDS, UNPORT),
        (r"^line |^ssh server (?:ipv6 )?acl|^domain default", GUARDS, UNPORT),
    )

    def parse(self, text: str) -> Iterator[Leaf]:
        section = re.compile(
            r"(?:vlan [0-9].*|stp region-configuration|interface \S+|line .+|user-interface .+|acl .+"
            r"|radius scheme .+|domain (?!default).+|local-user .+)"
        )
        path: Path = ()
        lines = text.replace("\r", "").split("\n")
        position = 0
        while position < len(lines):
            line = lines[position].rstrip()
            position += 1
            bare = line.strip()
            if not bare or bare in {"return", "quit"} or bare.startswith("<"):
                continue
            if bare.startswith("#"):
                path = ()
                continue
            if match := re.match(r"header (?:login|shell|motd|legal) (\S)(.*)", bare):
                mark, parts = match[1], [match[2]]
                while mark not in parts[-1] and position < len(lines):
                    parts.append(lines[position].rstrip())
                    position += 1
                body = "\n".join(parts).split(mark)[0].strip("\n")
                yield (), BANNER + NEWLINE.join(body.split("\n"))
            elif not line.startswith(" ") and section.fullmatch(bare):
                path = (bare,)
                yield path, ""
            else:
                yield (path if line.startswith(" ") else ()), bare

    def expand(self, path: Path, text: str) -> Iterator[Leaf]:
        header = path[0] if path else ""
        if match := re.fullmatch(r"vlan ([0-9].*)", header):
            for number in sorted(_comware(match[1]) - {1}):
                yield (f"vlan {number}",), text
            return
        if match := re.fullmatch(r"(port trunk permit vlan) (.+)", text):
            for number in sorted(_comware(match[2])):
                yield path, f"{match[1]} {number}"
            return
        if match := re.fullmatch(r"port hybrid vlan (.+) (tagged|untagged)", text):
            for number in sorted(_comware(match[1])):
                yield path, f"port hybrid vlan {number} {match[2]}"
            return
        if header.startswith("interface "):
            text = re.sub(r"^stp edged-port enable$", "stp edged-port", text)
            # VLAN 1 stays permitted unless the device says that it is not; see complete().
            if text in {"undo port trunk permit vlan 1", "undo port hybrid vlan 1"}:
                yield path, "~without-vlan-1"
                return
        yield path, text

    def complete(self, tree: Tree) -> None:
        ports = [
            path for path in tree.sections if re.match(r"interface (?!Vlan-interface|NULL|LoopBack|M-Gig)", path[0])
        ]
        by_path: dict[Path, list[str]] = {}
        for path, text in tree.leaves:
            by_path.setdefault(path, []).append(text)
        for path in ports:
            lines = by_path.get(path, [])
            if any(line.startswith("port link-aggregation group ") for line in lines):
                # A member has the VLANs of its group; some versions show them on it, some do not.
                for line in lines:
                    if re.match(r"port (?:link-type|access|trunk|hybrid) |~without", line):
                        del tree.leaves[path, line]
                continue
            kind = next((line.split()[2] for line in lines if line.startswith("port link-type ")), "access")
            without = (path, "~without-vlan-1") in tree.leaves
            tree.leaves.pop((path, "~without-vlan-1"), None)
            if kind == "access":
                tree.leaves.setdefault((path, "port link-type access"), "port link-type access")
            elif not without:
                extra = "port trunk permit vlan 1" if kind == "trunk" else "port hybrid vlan 1 untagged"
                tree.leaves.setdefault((path, extra), extra)

    def implied(self, text: str, wanted: list[str]) -> bool:
        # Another link type begins without the VLANs of the one before.
        match = re.match(r"port (access|trunk|hybrid) ", text)
        return (
            match is not None
            and f"port link-type {match[1]}" not in wanted
            and any(line.startswith("port link-type ") for line in wanted)
        )

    def commands(self, op: Op, running: Tree, wanted: Tree) -> list[tuple[int, Command]]:
        if match := re.fullmatch(r"port trunk permit vlan ([0-9]+)", op.text):
            if op.add:
                return [(LISTS, Command(op.path, "port trunk permit vlan {}", (match[1],), "comware"))]
            return [(UNLIST, Command(op.path, "undo port trunk permit vlan {}", (match[1],), "comware"))]
        if match := re.fullmatch(r"port hybrid vlan ([0-9]+) (tagged|untagged)", op.text):
            if op.add:
                return [(LISTS, Command(op.path, f"port hybrid vlan {{}} {match[2]}", (match[1],), "comware"))]
            if any(line.startswith(f"port hybrid vlan {match[1]} ") for line in wanted.at(op.path)):
                return []  # the other kind of membership replaces this one
            return [(UNLIST, Command(op.path, "undo port hybrid vlan {}", (match[1],), "comware"))]
        if op.path == ("stp region-configuration",):
            return [*super().commands(op, running, wanted), (MODES, Command(op.path, "active region-configuration"))]
        if op.add and (match := re.fullmatch(r"port link-type (access|trunk|hybrid)", op.text)):
            kind = match[1]
            phase = LISTS - 1
            result = []
            before = next((line for line in running.at(op.path) if line.startswith("port link-type ")), "")
            if kind != "access" and before and not before.endswith("access"):
                result.append((phase, Command(op.path, "port link-type access")))
            result.append((phase, Command(op.path, op.text)))
            if kind == "trunk" and "port trunk permit vlan 1" not in wanted.at(op.path):
                result.append((phase, Command(op.path, "undo port trunk permit vlan 1")))
            if kind == "hybrid" and "port hybrid vlan 1 untagged" not in wanted.at(op.path):
                # Refused while VLAN 1 is the PVID, so it goes after the new one is set.
                result.append((UNLIST, Command(op.path, "undo port hybrid vlan 1")))
            return result
        return super().commands(op, running, wanted)

    def restore_banner(self, text: str) -> str:
        body = text.removeprefix(BANNER).replace(NEWLINE, "\n")
        return f"header login %\n{body}\n%"


def _comware(text: str) -> frozenset[int]:
    """Read ``10 20 to 22`` or ``all``."""
    if text.strip() == "all":
        return vlan_set("1-4094")
    return vlan_set(re.sub(r"\s+to\s+", "-", text.strip()).replace(" ", ","))


def ports_of(text: str) -> list[str]:
    """Read a list of ports as AOS-S writes it: ``1-12,14,A1-A4,Trk1``, ``1/1-1/20``."""
    result: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not last:
            result.append(first)
            continue
        one, other = re.fullmatch(r"(.*?)([0-9]+)", first), re.fullmatch(r"(.*?)([0-9]+)", last)
        if not one or not other or (other[1] and other[1] != one[1]):
            result.append(part)
            continue
        result += [f"{one[1]}{number}" for number in range(int(one[2]), int(other[2]) + 1)]
    return result


DIALECTS: dict[PlatformName, Dialect] = {
    dialect.name: dialect for dialect in (CiscoIos(), LancomSx(), ArubaAosCx(), ArubaAosS(), HpeComware())
}
