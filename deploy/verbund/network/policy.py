# SPDX-License-Identifier: EUPL-1.2
"""What the gateways let through: the rules exactly as they are rolled out, each with its flow, owner and line.

The proof works on these, not on the flows they come from: a mistake between a flow and its rule, or a rule that a town
adds by a setting of the firewall role, counts like any other. Address sets are spans of integers, so that hundreds of
sites compare in milliseconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING

from verbund.intent.yaml_source import shown

if TYPE_CHECKING:
    from pathlib import Path

    from verbund.intent import CompiledSite, Host, Intent
    from verbund.intent.yaml_source import Source

Span = tuple[int, int, int]
"""IP version, first and last address."""


@lru_cache(maxsize=1 << 16)
def span(text: str) -> Span:
    """The addresses of a network.

    Args:
        text: such as ``10.32.0.0/16``; host bits are ignored, as nftables does in a set.
    """
    network = ip_network(text, strict=False)
    return network.version, int(network.network_address), int(network.broadcast_address)


@dataclass(frozen=True, slots=True)
class Addresses:
    """A set of addresses as sorted spans that neither overlap nor touch."""

    spans: tuple[Span, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Addresses:
        """Of networks."""
        return _joined(tuple(texts))

    def __bool__(self) -> bool:
        return bool(self.spans)

    def meets(self, other: Span) -> bool:
        """Whether a span has an address in common."""
        version, low, high = other
        index = bisect_right(self.spans, (version, high, 1 << 129))
        return index > 0 and self.spans[index - 1][0] == version and self.spans[index - 1][2] >= low

    def holds(self, other: Span) -> bool:
        """Whether a span lies inside as a whole."""
        version, low, high = other
        index = bisect_right(self.spans, (version, low, 1 << 129))
        return index > 0 and self.spans[index - 1][0] == version and self.spans[index - 1][2] >= high

    def common(self, other: Addresses) -> Addresses:
        """What both hold."""
        few, many = (self, other) if len(self.spans) <= len(other.spans) else (other, self)
        found = []
        for version, low, high in few.spans:
            index = max(0, bisect_right(many.spans, (version, low, 1 << 129)) - 1)
            while index < len(many.spans) and many.spans[index][:2] <= (version, high):
                theirs = many.spans[index]
                if theirs[0] == version and theirs[2] >= low:
                    found.append((version, max(low, theirs[1]), min(high, theirs[2])))
                index += 1
        return Addresses(tuple(sorted(found)))

    def covers(self, other: Addresses) -> bool:
        """Whether all of the other's addresses are here."""
        return all(self.holds(item) for item in other.spans)


@lru_cache(maxsize=1 << 14)
def _joined(texts: tuple[str, ...]) -> Addresses:
    result: list[Span] = []
    for version, low, high in sorted({span(text) for text in texts}):
        if result and result[-1][0] == version and low <= result[-1][2] + 1:
            result[-1] = (version, result[-1][1], max(high, result[-1][2]))
        else:
            result.append((version, low, high))
    return Addresses(tuple(result))


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Traffic that one gateway lets through.

    Args:
        id: of the flow, or of the rule in a setting.
        site: ``tenant/site`` whose gateway has it.
        ports: empty means all (ICMP).
        destinations: empty means the gateway itself.
        setting: True when it does not come from a flow but from a setting of the firewall role.
        origin: file, and place in it or line.
    """

    id: str
    owner: str
    reason: str
    site: str
    protocol: str
    ports: frozenset[int]
    sources: Addresses
    destinations: Addresses
    setting: bool
    origin: tuple[Source, tuple[str | int, ...]] | tuple[Path, int]

    def place(self) -> tuple[Path, int, int]:
        """File, line and column."""
        first, second = self.origin
        if isinstance(second, int):
            return shown(first), second, 1  # type: ignore[arg-type]  # a layer: path and line
        return first.name, *first.place(second)  # type: ignore[union-attr]

    def __str__(self) -> str:
        path, line, _ = self.place()
        ports = " " + ",".join(map(str, sorted(self.ports))) if self.ports else ""
        return f"rule '{self.id}' ({self.protocol}{ports}, {path}:{line})"

    def wider(self, other: Rule) -> bool:
        """Whether it lets through from everywhere to everywhere that the other does, ports aside."""
        return (
            self.protocol == other.protocol
            and self.sources.covers(other.sources)
            and bool(self.destinations) == bool(other.destinations)
            and self.destinations.covers(other.destinations)
        )


def rules(intent: Intent, site: CompiledSite) -> list[Rule]:
    """Rules of a site's gateways, in the order in which they are rolled out.

    Args:
        intent: the whole of it.
        site: one of its sites.
    """
    key = f"{site.tenant}/{site.id}"
    found = [
        Rule(
            id=flow.id,
            owner=flow.owner,
            reason=flow.reason,
            site=key,
            protocol=flow.protocol,
            ports=frozenset(flow.ports),
            sources=Addresses.of(starts),
            destinations=Addresses.of(ends),
            setting=False,
            origin=flow.origin,
        )
        for flow, starts, ends in intent.crossing(site)
    ]
    gateways = [host for host in site.hosts if host.host_class == "gateway"]
    for gateway in gateways[:1]:
        found += [
            Rule(
                id=flow.id,
                owner=flow.owner,
                reason=flow.reason,
                site=key,
                protocol=flow.protocol,
                ports=frozenset(flow.ports),
                sources=Addresses.of(starts),
                destinations=Addresses(()),
                setting=False,
                origin=flow.origin,
            )
            for flow, starts in intent.ending_on(site, gateway)
        ]
        found.append(_administrators(intent, gateway, key))
    for gateway in gateways:
        found += _from_settings(intent, gateway, key)
    return found


def _administrators(intent: Intent, gateway: Host, key: str) -> Rule:
    """The way in: SSH from the provider's management networks to the gateway, which is the jump host of its site."""
    values = intent.variables(gateway)
    extra = values.get("firewall_extra_management_sources") or ()
    return Rule(
        id="management-ssh",
        owner=intent.provider.contact,
        reason="administration of hosts by way of the gateway",
        site=key,
        protocol="tcp",
        ports=frozenset({int(values.get("firewall_ssh_port", 22))}),
        sources=Addresses.of(str(item) for item in (*values["verbund_management_sources"], *extra)),
        destinations=Addresses(()),
        setting=False,
        origin=(intent.provider_source, ("management",)),
    )


def _from_settings(intent: Intent, gateway: Host, key: str) -> Iterator[Rule]:
    """What towns and sites add by settings of the firewall role; the role accepts it, so the proof must see it."""
    values = intent.variables(gateway)
    for name in ("firewall_extra_forward", "firewall_extra_inbound"):
        entries: Sequence[dict[str, object]] = values.get(name) or ()
        if not entries:
            continue
        layer = intent.explain(gateway.name, name)[-1]
        for entry in entries:
            yield Rule(
                id=str(entry.get("name", name)),
                owner=f"setting {name} of {gateway.name}",
                reason=str(entry.get("reason", "")),
                site=key,
                protocol=str(entry.get("protocol", "tcp")),
                ports=frozenset(int(str(port)) for port in _listed(entry.get("ports"))),
                sources=Addresses.of(str(item) for item in _listed(entry.get("sources"))),
                destinations=Addresses.of(str(item) for item in _listed(entry.get("destinations"))),
                setting=True,
                origin=(layer.path, layer.line),
            )


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


__all__ = ["Addresses", "Rule", "Span", "rules", "span"]
