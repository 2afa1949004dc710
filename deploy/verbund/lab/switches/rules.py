# SPDX-License-Identifier: EUPL-1.2
"""Commands that more than one system has and that a row of a table cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from verbund.lab.switches import ranges
from verbund.lab.switches.grammar import Argument, Piece
from verbund.lab.switches.state import Node, Rule

if TYPE_CHECKING:
    from verbund.lab.switches.dialect import Context


class AllowedVlans(Rule):
    """``switchport trunk allowed vlan``: a list replaces, ``add`` and ``remove`` change, ``no`` is back to ALL.

    What the switch shows is wrapped: the first line replaces, the next ones add (IOS keeps a line below 80 columns).
    """

    KEY = "switchport trunk allowed vlan"
    WRAP = 60

    def __init__(self, *, wraps: bool = True) -> None:
        lead: tuple[Piece, ...] = tuple(self.KEY.split())
        vlans = Argument("vlans", "vlans")
        how = Argument("how", "choice", ("add", "remove", "except"))
        super().__init__(self.KEY, [(*lead, vlans), (*lead, "all"), (*lead, "none"), (*lead, how, vlans)], frozenset())
        self.wraps = wraps

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        yield tuple(self.KEY.split())
        # The switch ignores what follows; the list is gone all the same.
        yield (*self.KEY.split(), Argument("_rest", "rest"))

    @override
    def set(self, node: Node, variant: Sequence[Piece], arguments: Mapping[str, Any], line: str) -> None:
        del line
        now: frozenset[int] = node.values.get(self.key, ranges.ALL_VLANS)
        listed: frozenset[int] = arguments.get("vlans", frozenset())
        match arguments.get("how"):
            case "add":
                now |= listed
            case "remove":
                now -= listed
            case "except":
                now = ranges.ALL_VLANS - listed
            case _:
                now = ranges.ALL_VLANS if variant[-1] == "all" else listed
        if now == ranges.ALL_VLANS:
            node.values.pop(self.key, None)
        else:
            node.values[self.key] = now

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        del arguments
        node.values.pop(self.key, None)

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        vlans = node.values.get(self.key)
        if vlans is None:
            return
        if not vlans:
            yield f"{self.KEY} none"
            return
        text, lead = "", self.KEY
        for part in ranges.parts(vlans):
            if self.wraps and text and len(text) + 1 + len(part) > self.WRAP:
                yield f"{lead} {text}"
                text, lead = "", f"{self.KEY} add"
            text = f"{text},{part}" if text else part
        yield f"{lead} {text}"


class Banner(Rule):
    """A text between two marks, over several lines."""

    verbatim = True

    def __init__(self, kinds: Sequence[str], *, mark: str = "^C") -> None:
        kind = Argument("kind", "choice", tuple(kinds))
        super().__init__("banner", [("banner", kind, Argument("text", "raw"))], frozenset())
        self.mark = mark

    @override
    def negations(self) -> Iterator[tuple[Piece, ...]]:
        kind = self.variants[0][1]
        yield ("banner", kind)
        yield ("banner", kind, Argument("_rest", "rest"))

    @override
    def unset(self, node: Node, arguments: Mapping[str, Any]) -> None:
        banners = {kind: text for kind, text in node.values.get("banner", {}).items() if kind != arguments["kind"]}
        node.values.pop("banner", None)
        if banners:
            node.values["banner"] = banners

    @override
    def lines(self, node: Node, negation: str, *, hidden: bool) -> Iterator[str]:
        del negation, hidden
        for kind, text in sorted(node.values.get("banner", {}).items()):
            yield f"banner {kind} {self.mark}"
            yield from text
            yield self.mark

    @staticmethod
    def hook(context: Context, node: Node, arguments: Mapping[str, Any], on: bool) -> None:
        """Read the text up to the mark, on this line or the next ones."""
        if not on:
            return
        raw = str(arguments["text"])
        mark = "^C" if raw.startswith("^C") else raw[0]
        lines: list[str] = []

        def store() -> None:
            while lines and not lines[0]:
                lines.pop(0)
            while lines and not lines[-1]:
                lines.pop()
            node.values["banner"] = {**node.values.get("banner", {}), arguments["kind"]: tuple(lines)}

        def collect(line: str) -> bool:
            text, found, _ = line.partition(mark)
            if mark == "^C" and not found:
                text, found, _ = line.partition("\x03")
            lines.append(text.rstrip())
            if found:
                store()
                context.device.changed(f"banner {arguments['kind']}")
            return bool(found)

        context.stay = True
        if collect(raw.removeprefix(mark)):
            return
        context.say(f"Enter TEXT message.  End with the character '{mark}'.")
        context.collect = collect


def networks(entries: Iterable[str], *, wildcard: bool = True) -> tuple[IPv4Network, ...]:
    """The networks that the permit lines of an access list name; the first line that fits an address decides.

    Deny lines are honoured as far as they come before: an address in one of them is taken out.
    """
    permitted: list[IPv4Network] = []
    denied: list[IPv4Network] = []
    for entry in entries:
        network = _network(entry, wildcard=wildcard)
        if network is None:
            continue
        if entry.startswith("deny"):
            denied.append(network)
        else:
            left = [network]
            for hole in denied:
                left = [part for piece in left for part in _without(piece, hole)]
            permitted += left
    return tuple(permitted)


def _network(entry: str, *, wildcard: bool) -> IPv4Network | None:
    words = [word for word in entry.split()[1:] if word not in {"log", "source", "ip", "tcp", "host"}]
    if not words:
        return None
    if words[0] == "any":
        return IPv4Network("0.0.0.0/0")
    mask = words[1] if len(words) > 1 and words[1][:1].isdigit() else ""
    try:
        if wildcard:
            # Comware writes the wildcard mask of one host as 0.
            return IPv4Network(f"{words[0]}/{_length(mask) if mask not in {'', '0'} else 32}", strict=False)
        return IPv4Network(f"{words[0]}/{mask or 32}", strict=False)
    except ValueError:
        return None  # not an address: names of groups and the like are not looked into


def _length(wildcard: str) -> int:
    return 32 - int(IPv4Address(wildcard)).bit_length()


def _without(network: IPv4Network, hole: IPv4Network) -> Iterable[IPv4Network]:
    if not network.overlaps(hole):
        return (network,)
    return () if network.subnet_of(hole) else network.address_exclude(hole)
