# SPDX-License-Identifier: EUPL-1.2
"""What a switch holds, and how one line changes it.

A dialect is a table: one row per command, saying how the command adds to, replaces or removes state. The rows of a mode
stand in the order in which the running configuration shows them, so reading and writing come from the same place.
Only what differs from the default is stored; two switches with the same line share it in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from typing_extensions import override

from verbund.lab.switches import grammar, ranges
from verbund.lab.switches.grammar import Argument, Piece, Tree


class Refused(Exception):  # noqa: N818 - the device says no, nothing failed
    """The device understands a line and does not do it; the text is what it answers."""


class Setting(NamedTuple):
    """A stored line: as the running configuration shows it, and its arguments."""

    line: str
    arguments: Mapping[str, Any]


class Node:
    """A section of the configuration (or all of it): its settings, and the sections within."""

    __slots__ = ("arguments", "header", "kind", "sections", "values")

    def __init__(self, kind: str, header: str, arguments: Mapping[str, Any]) -> None:
        self.kind = kind
        self.header = header
        self.arguments = arguments
        self.values: dict[str, Any] = {}
        self.sections: dict[str, Node] = {}

    def get(self, key: str, argument: str, default: Any = None) -> Any:
        """An argument of a single-valued setting, or the default when it is not set."""
        setting = self.values.get(key)
        return default if setting is None else setting.arguments.get(argument, default)

    def entries(self, key: str) -> list[Setting]:
        """The settings of a list, in the order of the running configuration."""
        return [setting for _, setting in sorted(self.values.get(key, {}).items(), key=_entry_order)]

    def of_kind(self, kind: str) -> list[Node]:
        """The sections of one kind."""
        return [node for node in self.sections.values() if node.kind == kind]

    def find(self, header: str) -> Node | None:
        """The section with a header, if it is there."""
        return self.sections.get(header)


def _entry_order(item: tuple[tuple[Any, ...], Setting]) -> list[list[tuple[int, int, str]]]:
    return [ranges.natural(str(part)) for part in item[0]]


@cache
def _share(line: str, names: tuple[str, ...], values: tuple[Any, ...]) -> Setting:
    """One object for equal settings: a thousand switches with 48 like ports hold each line once."""
    return Setting(line, dict(zip(names, values, strict=True)))


class Rule:
    """A row of the table.

    Args:
        key: under what the value is stored.
        variants: the patterns that set it.
        options: words of the row that change how it is shown.
    """

    verbatim = False
    """Lines that are text, and never indented."""

    def __init__(self, key: str, variants: list[tuple[Piece, ...]], options: frozenset[str]) -> None:
        self.key = key
        self.variants = variants
        self.options = options

    def merged(self, other: Rule) -> Rule:
        """This row, which another row of the same key is a second way to write."""
        del other
        return self

    def negations(self) -> Iterator[tuple[Piece, ...]]:
        """What may follow the word that takes a line back."""
        return iter(())

    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        """Do what the line says."""

    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        """Take it back."""

    def negate(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any]) -> None:
        """Take a line back; for rows in which it matters with which words."""
        del variant
        self.unset(node, arguments)

    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        """The lines of the running configuration.

        Args:
            node: whose.
            negation: ``no`` or ``undo``.
            hidden: also what the device never shows but keeps.
        """
        del node, negation, hidden
        return iter(())


_REST = Argument("_rest", "rest")


class Value(Rule):
    """One value at a time: a new one replaces it, the negation brings back the default."""

    def __init__(
        self, key: str, variants: list[tuple[Piece, ...]], options: frozenset[str], default: str | None
    ) -> None:
        super().__init__(key, variants, options)
        self.default = default
        self.defaults = {default}

    @override
    def merged(self, other: Rule) -> Rule:
        if isinstance(other, Value):
            self.defaults |= other.defaults
            self.default = self.default or other.default
        return self

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        if "stays" not in self.options:
            yield tuple(self.key.split())
            yield (*self.key.split(), _REST)

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant
        if line in self.defaults:
            node.values.pop(self.key, None)
        else:
            node.values[self.key] = _share(line, tuple(arguments), tuple(arguments.values()))

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        del arguments
        node.values.pop(self.key, None)
        if "off" in self.options:
            node.values[self.key] = _share("", (), ())

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        setting = node.values.get(self.key)
        if "hidden" in self.options and not hidden:
            return
        if setting is not None and not setting.line:
            yield f"{negation} {self.key}"
        elif setting is not None:
            yield setting.line
        elif "always" in self.options and self.default is not None:
            yield self.default


class Flag(Rule):
    """On or off; only what is not the default is shown."""

    def __init__(self, key: str, options: frozenset[str]) -> None:
        super().__init__(key, [tuple(key.split())], options)
        self.default = "on" in options

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield tuple(self.key.split())

    def _store(self, node: Node, *, on: bool) -> None:
        if on == self.default:
            node.values.pop(self.key, None)
        else:
            node.values[self.key] = on

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant, arguments, line
        self._store(node, on=True)

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        del arguments
        self._store(node, on=False)

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        on = node.values.get(self.key, self.default)
        if "hidden" in self.options and not hidden:
            return
        if on != self.default or "always" in self.options:
            yield self.key if on else f"{negation} {self.key}"


class Entries(Rule):
    """A list: a line adds an entry (or replaces the one with the same identity), its negation removes that one."""

    def __init__(
        self, key: str, variants: list[tuple[Piece, ...]], options: frozenset[str], identity: tuple[str, ...]
    ) -> None:
        super().__init__(key, variants, options)
        self.identity = identity or tuple(
            dict.fromkeys(piece.name for variant in variants for piece in variant if isinstance(piece, Argument))
        )

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        for variant in self.variants:
            yield variant
            named = [
                i for i, piece in enumerate(variant) if isinstance(piece, Argument) and piece.name in self.identity
            ]
            if named and named[-1] + 1 < len(variant):
                yield variant[: named[-1] + 1]
                yield (*variant[: named[-1] + 1], _REST)

    def _identity(self, arguments: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(arguments.get(name, "") for name in self.identity)

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant
        entries = node.values.setdefault(self.key, {})
        entries[self._identity(arguments)] = _share(line, tuple(arguments), tuple(arguments.values()))

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        entries = node.values.get(self.key, {})
        entries.pop(self._identity(arguments), None)
        if not entries:
            node.values.pop(self.key, None)

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation
        if "hidden" in self.options and not hidden:
            return
        for setting in node.entries(self.key):
            yield setting.line


class Sequenced(Rule):
    """Numbered entries of an access list: without a number a line goes behind the last one."""

    def __init__(self, word: str, options: frozenset[str], step: int, first: int) -> None:
        entry: tuple[Piece, ...] = (Argument("action", "choice", ("permit", "deny")), Argument("what", "rest"))
        lead: tuple[Piece, ...] = (word,) if word else ()
        numbered = (*lead, Argument("number", "int"), *entry)
        # `sequence 10 permit ...` may leave out number and word, `rule permit ...` only the number.
        unnumbered = entry if "bare" in options else (*lead, *entry)
        super().__init__("entries", [numbered, unnumbered], options)
        self.lead = word
        self.step = step
        self.first = first

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield from self.variants
        yield (*((self.lead,) if self.lead else ()), Argument("number", "int"))

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant, line
        entries = node.values.setdefault(self.key, {})
        text = f"{arguments['action']} {' '.join(arguments['what'].split())}"
        number = arguments.get("number")
        if any(known == text for at, known in entries.items() if number is None or at != int(number)):
            return  # the same line twice is one line
        if number is None:
            number = max(entries) + self.step if entries else self.first
        entries[int(number)] = text

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        entries = node.values.get(self.key, {})
        if "number" in arguments:
            entries.pop(int(arguments["number"]), None)
        else:
            text = f"{arguments['action']} {' '.join(arguments['what'].split())}"
            for number in [number for number, known in entries.items() if known == text]:
                del entries[number]

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        for number, text in sorted(node.values.get(self.key, {}).items()):
            # IOS numbers the lines of an IPv6 list and does not show it.
            yield text if "bare" in self.options else " ".join(filter(None, (self.lead, str(number), text)))


class VlanSet(Rule):
    """A set of VLANs that lines add to and negations take from."""

    def __init__(self, prefix: str, options: frozenset[str]) -> None:
        super().__init__(prefix, [(*prefix.split(), Argument("vlans", "vlans"))], options)

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield self.variants[0]
        yield tuple(self.key.split())

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant, line
        node.values[self.key] = node.values.get(self.key, frozenset()) | arguments["vlans"]

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        left = node.values.get(self.key, frozenset()) - arguments.get("vlans", ranges.ALL_VLANS)
        node.values.pop(self.key, None)
        if left:
            node.values[self.key] = left

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        vlans = node.values.get(self.key)
        if vlans:
            dash, comma = (" to ", " ") if "to" in self.options else ("-", " " if "spaces" in self.options else ",")
            yield f"{self.key} {comma.join(ranges.parts(vlans, dash=dash, pairs='pairs' in self.options))}"


class PortRows(Rule):
    """A setting of ports that is written for a list of them: ``spanning-tree 1-20 admin-edge-port``."""

    def __init__(self, variants: list[tuple[Piece, ...]], options: frozenset[str]) -> None:
        words = (piece if isinstance(piece, str) else "*" for piece in variants[0])
        key = " ".join(words)
        super().__init__(key, variants, options)
        self.argument = next(
            (piece.name for piece in variants[0] if isinstance(piece, Argument) and piece.type != "ports"), None
        )

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        variant = self.variants[0]
        yield variant
        if self.argument:
            yield tuple(piece for piece in variant if isinstance(piece, str) or piece.name != self.argument)

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del variant, line
        value = arguments[self.argument] if self.argument else ""
        node.values[self.key] = {**node.values.get(self.key, {}), **dict.fromkeys(arguments["ports"], value)}

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        left = {port: value for port, value in node.values.get(self.key, {}).items() if port not in arguments["ports"]}
        node.values.pop(self.key, None)
        if left:
            node.values[self.key] = left

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        rows: dict[Any, list[str]] = {}
        for port, value in sorted(node.values.get(self.key, {}).items(), key=lambda item: ranges.natural(item[0])):
            rows.setdefault((port if "each" in self.options else "", value), []).append(port)
        for (_, value), ports in rows.items():
            known = {"ports": ranges.port_list(ports), self.argument: value}
            yield " ".join(piece if isinstance(piece, str) else known[piece.name] for piece in self.variants[0])


class Accepted(Rule):
    """A line that the device takes and that leaves nothing in its configuration."""

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield from self.variants


class Gap(Rule):
    """Where the running configuration has its separator between groups."""


class Section(Rule):
    """A line that opens a section of lines."""

    def __init__(self, kind: str, variants: list[tuple[Piece, ...]], options: frozenset[str]) -> None:
        super().__init__(kind, variants, options)
        self.kind = kind

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        if "fixed" not in self.options:
            yield from self.variants


@dataclass(frozen=True, slots=True)
class Target:
    """What a pattern of a mode leads to."""

    rule: Rule
    variant: tuple[Piece, ...]
    negated: bool


Hook = Callable[[Any, Node, Mapping[str, Any], bool], None]
"""Called before a line takes effect, with the context, the section, the arguments and whether the line sets something.

It may raise `Refused`, answer something, or change other state that the device changes along.
"""


@dataclass(slots=True)
class Table:
    """The commands of one mode."""

    rules: list[Rule] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)
    hooks: dict[str, list[Hook]] = field(default_factory=dict)

    def add(self, rule: Rule, negation: str) -> None:
        """Add a row; a second row of the same key is another way to write the first one's value."""
        if isinstance(rule, Entries | Value) and any(
            known.key == rule.key and isinstance(known, Flag) for known in self.rules
        ):
            # A word that is a switch by itself and the start of more: its negation is the switch's.
            rule.key += " ..."
            if isinstance(rule, Value):
                rule.options |= {"stays"}
        if isinstance(rule, Section) and any(
            isinstance(known, Section) and known.kind == rule.kind and "alias" not in known.options
            for known in self.rules
        ):
            rule.options |= {"alias"}
        first = next((known for known in self.rules if known.key and known.key == rule.key), None)
        if first is None or isinstance(rule, Section):
            self.rules.append(rule)
        elif type(first) is not type(rule):
            raise ValueError(f"two rows of different kinds are called {rule.key}")
        else:
            variants, negations, rule = rule.variants, list(rule.negations()), first.merged(rule)
            for variant in variants:
                self.tree.add(variant, Target(rule, variant, negated=False))
            for variant in negations:
                self.tree.add((negation, *variant), Target(rule, variant, negated=True))
            return
        for variant in rule.variants:
            self.tree.add(variant, Target(rule, variant, negated=False))
        for variant in rule.negations():
            self.tree.add((negation, *variant), Target(rule, variant, negated=True))


_ROW = re.compile(r"(?P<kind>[a-z]+)(?P<options>(?:\.[a-z]+)*)(?:\((?P<of>[^)]*)\))?(?:\s+(?P<pattern>.*))?")


def read_table(text: str, negation: str) -> dict[str, Table]:
    """Read the table of a dialect.

    ``[mode]`` opens a mode. A row is ``kind.option(of) pattern :: default line``:

    - ``value(key)``: one value; the key (default: the words before the first argument) is what its negation names.
    - ``flag``: on or off; ``.on`` when on is the default.
    - ``list(arguments)``: entries, told apart by these arguments (default: all).
    - ``vlans``: a set of VLANs, added to and taken from.
    - ``ports``: a setting of a list of ports, shown for ranges, or ``.each`` port by itself.
    - ``acl(step)``: numbered permit and deny lines.
    - ``section(kind)``: opens a section whose commands are those of the mode of that name.
    - ``accept``: nothing is stored.
    - ``gap``: the separator of the running configuration.

    Options: ``.always`` shows the default too, ``.hidden`` never shows the line, ``.stays`` cannot be negated,
    ``.fixed`` is a section that cannot be removed, ``.alias`` a second way to open one that another row shows,
    ``.off`` is a value whose negation is one too, and shown.
    """
    tables: dict[str, Table] = {}
    table = Table()
    for raw in text.splitlines():
        row = raw.strip()
        if not row or row.startswith("//"):
            continue
        if row.startswith("[") and row.endswith("]"):
            table = tables[row[1:-1]] = Table()
            continue
        table.add(_read_row(row), negation)
    return tables


def _read_row(row: str) -> Rule:  # noqa: PLR0911 - one return for each kind of row
    match = _ROW.fullmatch(row)
    if not match:
        raise ValueError(f"no row of a dialect: {row}")
    pattern, _, default = (match["pattern"] or "").partition(" :: ")
    options = frozenset(filter(None, match["options"].split(".")))
    variants = grammar.compile_pattern(pattern) if pattern else []
    of = match["of"] or ""
    key = grammar.literal_prefix(variants[0]) if variants else ""
    match match["kind"]:
        case "value":
            return Value(of or key, variants, options, default.strip() or None)
        case "flag":
            return Flag(" ".join(pattern.split()), options)
        case "list":
            return Entries(key, variants, options, tuple(of.split(",")) if of else ())
        case "vlans":
            return VlanSet(" ".join(pattern.split()), options)
        case "acl":
            step, first = (int(part) for part in of.split(","))
            return Sequenced(pattern.strip(), options, step, first)
        case "section":
            return Section(of, variants, options)
        case "ports":
            return PortRows(variants, options)
        case "accept":
            return Accepted(key, variants, options)
        case "gap":
            return Gap("", [], options)
    raise ValueError(f"no row of a dialect: {row}")


def add_hooks(tables: Mapping[str, Table], hooks: Mapping[tuple[str, str], Hook]) -> None:
    """Attach what a row cannot say: (mode, key of the row) to what also happens.

    Raises:
        ValueError: a mode has no such row.
    """
    for (mode, key), hook in hooks.items():
        if not any(rule.key == key for rule in tables[mode].rules):
            raise ValueError(f"mode {mode} has no row {key}")
        tables[mode].hooks.setdefault(key, []).append(hook)


def joined(groups: Iterable[Sequence[str]]) -> Iterator[str]:
    """All lines of some groups."""
    for group in groups:
        yield from group
