# SPDX-License-Identifier: EUPL-1.2
"""What the systems have in common: reading arguments, showing the configuration, the commands around it.

A dialect subclasses `Dialect` with its tables (see `verbund.lab.switches.state.read_table`), its words, and its view of
the state for `verbund.lab.switches.forwarding`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface
from typing import TYPE_CHECKING, Any, ClassVar

from verbund.lab.switches import ranges
from verbund.lab.switches.forwarding import PortView, View
from verbund.lab.switches.grammar import Line, Match, Misunderstood, Tree, TypeReader, Writer
from verbund.lab.switches.state import Gap, Hook, Node, Section, Table, add_hooks, read_table

if TYPE_CHECKING:
    from verbund.lab.switches.device import Device
    from verbund.lab.switches.session import Session


class Ask(Exception):  # noqa: N818 - a question, not a fault
    """The device asks before it does what a line says; the same line goes on when the answer is yes."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.question = question


@dataclass(slots=True)
class Context:
    """What a hook may use.

    Attributes:
        device: whose configuration changes.
        say: answers the operator.
        confirmed: a question about this line was answered with yes.
        stay: set by a hook of a section: the line does not open it.
        collect: set by a hook: the next lines are text for it, until it returns True.
        replaying: the line comes from a stored configuration; nobody can answer.
    """

    device: Device
    say: Callable[[str], None]
    confirmed: bool = False
    stay: bool = False
    collect: Callable[[str], bool] | None = None
    replaying: bool = False


@dataclass(frozen=True)
class Hardware:
    """The ports of a switch, in their order.

    Attributes:
        ports: canonical names.
    """

    ports: tuple[str, ...]

    def index(self) -> dict[str, str]:
        """Canonical names by (stem in small letters, numbers)."""
        return _index(self.ports)


_NAME = re.compile(r"((?:(?:[0-9]+(?:\.[0-9]+)?)?[A-Za-z-]+)?) ?([0-9][0-9/:]*)")


@cache
def _index(ports: tuple[str, ...]) -> dict[str, str]:
    return {name.lower().replace(" ", ""): name for name in ports}


@cache
def _stems(ports: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match[1].lower() for name in ports if (match := _NAME.fullmatch(name))))


_STEM = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?)?[A-Za-z-]+")
"""The name of a kind of port, written apart from its number: ``10GigabitEthernet 1/1``."""


# -- reading arguments -------------------------------------------------------------------------------------------------


def _checked(test: Callable[[str], Any]) -> TypeReader:
    def read(line: Line, index: int) -> tuple[Any, int] | None:
        word = line.words[index].text
        try:
            value = test(word)
        except (ValueError, AddressValueError):
            return None
        return None if value is None else (value, 1)

    return read


def _number(word: str) -> str | None:
    return word if word.isascii() and word.isdigit() else None


def _vlan(word: str) -> str | None:
    return str(int(word)) if _number(word) and int(word) in ranges.VLAN_IDS else None


def _mask(word: str) -> str:
    IPv4Network(f"0.0.0.0/{word}")
    if "." not in word:
        raise ValueError(word)
    return word


def _interface(word: str) -> str | None:
    return str(IPv4Interface(word)) if "/" in word else None


def _interface6(word: str) -> str | None:
    return str(IPv6Interface(word)) if "/" in word else None


def _mac(word: str) -> str | None:
    return word.lower() if re.fullmatch(r"[0-9A-Fa-f]{2}([-:.]?[0-9A-Fa-f]{2}){5}", word) else None


def _rest(line: Line, index: int) -> tuple[str, int]:
    return " ".join(word.text for word in line.words[index:]), len(line.words) - index


def _raw(line: Line, index: int) -> tuple[str, int]:
    return line.rest(index), len(line.words) - index


def _quoted(line: Line, index: int) -> tuple[str, int]:
    return line.words[index].text.strip('"'), 1


def _vlans(line: Line, index: int) -> tuple[frozenset[int], int] | None:
    try:
        return ranges.parse(line.words[index].text), 1
    except ValueError:
        return None


PLAIN_TYPES: dict[str, TypeReader] = {
    "word": _checked(lambda word: word),
    "quoted": _quoted,
    "rest": _rest,
    "raw": _raw,
    "int": _checked(_number),
    "vlan": _checked(_vlan),
    "vlans": _vlans,
    "ip": _checked(lambda word: str(IPv4Address(word))),
    "mask": _checked(_mask),
    "prefix": _checked(_interface),
    "ip6": _checked(lambda word: str(IPv6Address(word))),
    "prefix6": _checked(_interface6),
    "host": _checked(lambda word: word if re.fullmatch(r"[A-Za-z0-9_.:-]+", word) else None),
    "mac": _checked(_mac),
}


def digest(text: str, length: int) -> str:
    """A stand-in for a vendor's hash: the same secret always looks the same, and does not show."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest() * 2, altchars=b"./").decode()[:length]


def interface_reader(canonical: Callable[[str, str], str | None], stems: Sequence[str]) -> TypeReader:
    """A reader of interface names: ``Gi1/0/1``, ``gigabit 1/0/1``.

    Args:
        canonical: gives the name for a stem and its numbers, or None when there is no such interface.
        stems: the stems in small letters, of which a unique beginning is enough.
    """

    def read(line: Line, index: int) -> tuple[Any, int] | None:
        word = line.words[index].text
        taken = 1
        if _STEM.fullmatch(word) and index + 1 < len(line.words):
            word, taken = f"{word} {line.words[index + 1].text}", 2
        match = _NAME.fullmatch(word)
        if not match:
            return None
        typed = match[1].lower()
        fitting = [stem for stem in stems if stem == typed] or [
            stem for stem in stems if typed and stem.startswith(typed)
        ]
        if len(fitting) != 1:
            return None
        name = canonical(fitting[0], match[2])
        return (name, taken) if name else None

    return read


class Dialect:
    """A network operating system as its operator sees it.

    Attributes:
        name: the platform.
        negation: the word that takes a line back.
        indent: what stands before the lines of a section.
        root_indent: what stands before lines that belong to no section.
        separator: the line between groups of the running configuration; empty when there is none.
        section_end: the line that closes a section in the running configuration; empty when there is none.
        comments: how lines begin that do nothing.
        table: the commands of the configuration modes.
        commands: the other commands: handler, modes in which it may be typed (``u`` user, ``p`` privileged,
            ``c`` configuration) and pattern.
        vty_limit: logins at a time.
        pager: the text under a full screen.
        rows: lines of a screen.
        boot_seconds: how long a reload takes.
        one_key: questions are answered by one key, without return.
        completes: the echo has abbreviated words spelled out, as a system that completes on the blank key does it.
    """

    name: ClassVar[str]
    negation: ClassVar[str] = "no"
    indent: ClassVar[str] = " "
    root_indent: ClassVar[str] = ""
    separator: ClassVar[str] = "!"
    section_end: ClassVar[str] = ""
    comments: ClassVar[tuple[str, ...]] = ("!",)
    table: ClassVar[str]
    commands: ClassVar[str]
    vty_limit: ClassVar[int] = 16
    pager: ClassVar[str] = " --More-- "
    rows: ClassVar[int] = 24
    boot_seconds: ClassVar[float] = 120.0
    completes: ClassVar[bool] = False
    one_key: ClassVar[bool] = False
    version: ClassVar[str]
    model: ClassVar[str]
    default_hostname: ClassVar[str]

    def __init__(self) -> None:
        self.tables: dict[str, Table] = read_table(self.table, self.negation)
        self.extend_tables()
        add_hooks(self.tables, self.hooks())
        self.trees: dict[str, Tree] = {mode: Tree() for mode in "upc"}
        for raw in self.commands.splitlines():
            row = raw.strip()
            if row:
                handler, modes, pattern = row.split(None, 2)
                for mode in modes:
                    self.trees[mode].add_pattern(pattern, handler)

    def extend_tables(self) -> None:
        """Add rules of the dialect's own to its tables."""

    def hooks(self) -> Mapping[tuple[str, str], Hook]:
        """What rows do besides storing: by (mode, key of the row)."""
        return {}

    def default_ports(self, count: int) -> tuple[str, ...]:
        """The names of the ports of a switch that has so many."""
        raise NotImplementedError

    def types(self, hardware: Hardware) -> Mapping[str, TypeReader]:
        """The readers of arguments for a switch; shared by switches with the same ports."""
        raise NotImplementedError

    def writers(self) -> Mapping[str, Writer]:
        """How arguments are written that are not plain text."""
        return {"vlans": lambda _, vlans: ",".join(ranges.parts(vlans))}

    def port_reader(self, hardware: Hardware, bundle: str = "") -> TypeReader:
        """A reader of physical ports, and of bundles whose stem is given."""
        index, stems = hardware.index(), _stems(hardware.ports)

        def canonical(stem: str, numbers: str) -> str | None:
            if bundle and stem == bundle.lower():
                return f"{bundle}{int(numbers)}" if numbers.isdigit() else None
            return index.get(f"{stem}{numbers}")

        return interface_reader(canonical, (*stems, bundle.lower()) if bundle else stems)

    # -- what the operator sees --

    def prompt(self, session: Session) -> str:
        """The prompt."""
        raise NotImplementedError

    def before_prompt(self, prompt: str) -> str:
        """The prompt with what the terminal gets around it."""
        return prompt

    def complaint(self, error: Misunderstood, session: Session, raw: str) -> str:
        """What is answered to a line that is not understood."""
        raise NotImplementedError

    def full_flash(self) -> str:
        """What is answered to saving when there is no room."""
        return "% Error: no space left on device"

    def greeting(self, session: Session) -> str:
        """What is shown after the login, before the prompt."""
        del session
        return ""

    # -- the running configuration --

    def factory(self, device: Device) -> Iterable[str]:
        """The lines of a switch fresh from its box."""
        del device
        return ()

    def hostname(self, root: Node) -> str:
        """The name in the prompt."""
        return str(root.get("hostname", "name", self.default_hostname))

    def implied(self, device: Device, kind: str) -> Iterable[str]:
        """Headers of sections that are always shown: the ports, unless a dialect says more or otherwise."""
        return (f"interface {name}" for name in device.hardware.ports) if kind == "interface" else ()

    def section_order(self, device: Device, node: Node) -> Any:
        """The sort key of a section among those of its kind."""
        del device
        return ranges.natural(node.header)

    def sections(self, device: Device, node: Node, kind: str) -> list[Node]:
        """The sections of a kind as they are shown, in order."""
        found = {section.header: section for section in node.of_kind(kind)}
        if node.kind == "config":
            for header in self.implied(device, kind):
                found.setdefault(header, Node(kind, header, {}))
        return sorted(found.values(), key=lambda section: self.section_order(device, section))

    def groups(self, device: Device, nodes: list[Node], kind: str) -> Iterator[tuple[str, Node]]:
        """The sections with the headers they are shown with; equal ones may be shown as one."""
        del device, kind
        for node in nodes:
            yield node.header, node

    def body(self, device: Device, *, hidden: bool = False) -> list[str]:
        """The running configuration without what stands around it."""
        return list(self._lines(device, device.root, 0, hidden=hidden))

    def outside(self, device: Device) -> list[str]:
        """Lines of state that is kept elsewhere than in the configuration, and at once."""
        del device
        return []

    def _lines(self, device: Device, node: Node, depth: int, *, hidden: bool) -> Iterator[str]:
        lead = self.indent * depth
        separator = self.separator if depth == 0 else ""
        last = separator
        for rule in self.tables[node.kind].rules:
            if isinstance(rule, Section):
                if "alias" in rule.options:
                    continue
                for header, section in self.groups(device, self.sections(device, node, rule.kind), rule.kind):
                    yield f"{lead}{header}"
                    yield from self._lines(device, section, depth + 1, hidden=hidden)
                    if self.section_end:
                        yield f"{lead}{self.indent}{self.section_end}"
                    if separator:
                        yield separator
                    last = separator
            elif isinstance(rule, Gap):
                if separator and last != separator:
                    yield separator
                    last = separator
            else:
                for line in rule.lines(node, self.negation, hidden=hidden):
                    yield line if rule.verbatim else f"{lead or self.root_indent}{line}"
                    last = line

    def running(self, device: Device, body: Sequence[str]) -> list[str]:
        """The running configuration as it is shown, with head and tail."""
        del device
        return list(body)

    # -- what the configuration means --

    def view(self, device: Device) -> View:
        """The state as forwarding sees it."""
        raise NotImplementedError

    # -- the commands that all have, under their own names --

    def run_command(self, session: Session, match: Match) -> None:
        """Call the handler of a command."""
        handler: Callable[[Session, Mapping[str, Any]], None] = getattr(self, f"do_{match.target}")
        handler(session, match.arguments)

    def do_show_run(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The running configuration."""
        del arguments
        session.page(self.running(session.device, self.body(session.device)))

    def do_show_startup(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """The configuration of the next start."""
        del arguments
        startup = session.device.startup_shown
        session.page(startup if startup is not None else [self.no_startup()])

    def no_startup(self) -> str:
        """What is shown when nothing was ever saved."""
        return "startup-config is not present"

    def do_save(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Keep the running configuration over the next start."""
        del arguments
        if session.faults.flash_full:
            session.say(self.full_flash())
            return
        session.device.save()
        self.saved(session)

    def saved(self, session: Session) -> None:
        """What is answered to a successful save."""
        session.say("[OK]")

    def do_nothing(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Accept a command that has no effect here."""

    def do_pager_off(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """No more pauses."""
        del arguments
        session.rows = 0

    def do_pager_on(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Pause after every screen."""
        session.rows = int(arguments.get("rows", self.rows))

    def do_configure(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Enter the configuration mode."""
        del arguments
        session.enter_config()

    def do_enable(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Become privileged; asks for the password when there is one."""
        del arguments
        session.enable()

    def do_disable(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Give the privileges back."""
        del arguments
        session.privileged = False

    def do_exit(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """One level up; from the lowest, the session ends."""
        del arguments
        session.leave()

    def do_end(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Out of the configuration mode."""
        del arguments
        session.frames.clear()

    def do_logout(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """End the session."""
        del arguments
        session.end()

    def do_do(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """A command of the mode below, from the configuration mode."""
        session.run_exec(arguments["command"])

    def do_reload(self, session: Session, arguments: Mapping[str, Any]) -> None:
        """Start again from the saved configuration."""
        del arguments
        session.device.reload()


def port_view(**known: Any) -> PortView:
    """A `PortView` of which only some fields are known."""
    return PortView(**{key: value for key, value in known.items() if value is not None})
