# SPDX-License-Identifier: EUPL-1.2
"""The papers of a site's network: plan, patch sheets per cabinet, and who may talk to whom, for what and by whose word.

All of it comes from the model that switches and gateways are configured from, so the papers are what shall be. What the
model cannot know, such as measured performance, is an empty field with the role that answers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

from verbund.baseline.controls import bsi_catalogue
from verbund.network import checks, drawing, reachability
from verbund.report.papers import paper_environment, paper_template

if TYPE_CHECKING:
    from pathlib import Path

    from verbund.errors import Finding
    from verbund.network.drawing import Drawing, Language
    from verbund.network.policy import Rule
    from verbund.network.reachability import Cell, Model
    from verbund.network.topology import Port, Site, Switch

KINDS: Final = ("netzplan", "patchplan", "kommunikationsmatrix")

# Printable area in millimetres of the pages that paper.css knows, the smallest first. Letters of 11 pixels shall be at
# least 2.1 mm high on paper (6 points).
_PAGES = (
    ("a4", 178, 225),
    ("a4-landscape", 265, 138),
    ("a3", 265, 348),
    ("a3-landscape", 388, 225),
    ("a2", 388, 522),
    ("a2-landscape", 562, 348),
    ("a1", 562, 769),
    ("a1-landscape", 809, 522),
)
_SMALLEST = 2.1 / 11


@dataclass(frozen=True, slots=True)
class PortRow:
    """A line of a patch sheet.

    Args:
        patch: patch port, empty where the cable goes straight into the switch.
        port: as printed on the front.
        name: place in the switch as its configuration counts, such as ``1/0/7``; empty where that is the same.
        uses: zones in words.
        devices: what hangs there, or the other end of the cable.
    """

    patch: str
    switch: str
    port: int
    name: str
    socket: str
    room: str
    uses: str
    devices: str
    parked: bool


@dataclass(slots=True)
class Sheet:
    """What the person with the patch cable needs before one cabinet.

    Args:
        name: of the cabinet, empty for a switch that stands in none.
        patched: rows with a patch port of this cabinet, in the order of the panels.
        direct: rows of its switches without one.
        free: per switch the ports that nothing leads to.
        empty: per panel the patch ports without a socket.
    """

    name: str
    room: str
    switches: list[str]
    patched: list[PortRow] = field(default_factory=list)
    direct: list[PortRow] = field(default_factory=list)
    free: list[tuple[str, str]] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell of the isolation matrix: its sign, and the same in words."""

    sign: str
    words: str
    look: Literal["yes", "part", "no", "self", "none"]


@dataclass(slots=True)
class Talk:
    """A flow towards one target, with all that may begin it."""

    rule: Rule
    target: str
    sources: list[tuple[str, bool]]


class NetworkPapers:
    """Templates and findings, read once for all sites.

    Args:
        templates: the directory ``templates/papers``.
        model: of the whole intent.

    Raises:
        UsageError: a template is missing.
    """

    def __init__(self, templates: Path, model: Model) -> None:
        self._model = model
        environment = paper_environment(templates)
        self._pages = {kind: paper_template(environment, f"network/{kind}.html.j2") for kind in KINDS}
        self._picture = paper_template(environment, "network/plan.svg.j2")
        self._issues = checks.run(model)

    def write(self, site: Site, on: date, lang: Language = "de") -> dict[str, bytes]:
        """The papers of one site by file name: the plan as SVG, and three pages.

        Args:
            site: one of the model's sites.
            on: the day that the papers bear.
            lang: their language.
        """
        model = self._model
        intent = model.intent
        cells = reachability.matrix(model, site)
        names = _Names(model, site, lang)
        plan = drawing.plan(model, site, lang)
        common = {
            "lang": lang,
            "_": (lambda de, _en: de) if lang == "de" else (lambda _de, en: en),
            "model": model,
            "site": site,
            "compiled": intent.sites[site.tenant, site.name],
            "tenant": intent.tenants[site.tenant],
            "standard": intent.standard,
            "stand": f"{on:%d.%m.%Y}" if lang == "de" else on.isoformat(),
            "findings": self._findings(site),
            "numbers": drawing.numbers,
            "address": names.address,
            "carried": lambda link: drawing.numbers(link.one.tagged & link.other.tagged),
        }
        svg = str(self._picture.module.picture(plan, lang)).strip() + "\n"  # type: ignore[attr-defined]
        texts: dict[str, dict[str, Any]] = {
            "netzplan": {"plan": plan, "page": paper_for(plan), "tunnels": _tunnels(model, site)},
            "patchplan": {"sheets": sheets(model, site, lang)},
            "kommunikationsmatrix": {
                "rows": list(dict.fromkeys(cell.source for cell in cells)),
                "columns": list(dict.fromkeys(cell.target for cell in cells)),
                "marks": {(cell.source, cell.target): _mark(cell, lang) for cell in cells},
                "talks": _talks(cells),
                "label": names.label,
                "facts": _facts(model, site, cells, self._findings(site), lang),
                "bsi": bsi_catalogue(),
            },
        }
        end = "" if lang == "de" else f".{lang}"
        pages = {f"{kind}{end}.html": self._pages[kind].render(**common, **texts[kind]).encode() for kind in KINDS}
        return {f"netzplan{end}.svg": svg.encode(), **pages}

    def _findings(self, site: Site) -> list[Finding]:
        others = {other.source.name for other in self._model.network.sites if other is not site}
        return [issue.finding for issue in self._issues if issue.finding.path not in others]


class _Names:
    """Names as people write them."""

    def __init__(self, model: Model, site: Site, lang: Language) -> None:
        self._titles = {name: zone.title for name, zone in model.intent.standard.zones.items()}
        self._site = site
        german = lang == "de"
        centre = "Rechenzentrum" if german else "data centre"
        self._fixed = {
            "gateway": "Gateway (das Gerät selbst)" if german else "gateway (the device itself)",
            "internet": "Internet",
            **{name: f"{centre}: {name}" for name in model.intent.provider.networks},
            "management": f"{centre}: Administration",
        }
        compiled = model.intent.sites[site.tenant, site.name]
        self.address = {host.name: host.address for host in compiled.hosts}
        self.address |= {device.name: device.address for device in compiled.devices}

    def label(self, name: str) -> str:
        """A class of the matrix: a zone by its title."""
        if (zone := self._site.zones.get(name)) is not None:
            return f"{self._titles[name]} (VLAN {zone.vlan})"
        return self._fixed.get(name, name)


def paper_for(plan: Drawing) -> str:
    """The smallest page on which a plan can be read.

    Args:
        plan: the drawing, in pixels.
    """
    for name, across, down in _PAGES:
        if min(across / plan.width, down / plan.height) >= _SMALLEST:
            return name
    return "a1" if plan.height > plan.width else "a1-landscape"


# -- patch sheets ------------------------------------------------------------------------------------------------------


def sheets(model: Model, site: Site, lang: Language = "de") -> list[Sheet]:
    """One sheet per cabinet, and one per switch that stands in none.

    Args:
        model: of the whole intent.
        site: one of its sites.
        lang: language of the fixed words.
    """
    record = model.intent.sites[site.tenant, site.name].record
    found = {
        cabinet.name: Sheet(cabinet.name, cabinet.room or "", [
            switch.host for switch in site.switches if switch.cabinet == cabinet.name
        ]) for cabinet in record.cabinets
    }  # fmt: skip
    order = {f"{cabinet.name}/{panel.name}": (place, number) for place, cabinet in enumerate(record.cabinets)
             for number, panel in enumerate(cabinet.panels)}  # fmt: skip
    size = {f"{cabinet.name}/{panel.name}": panel.ports for cabinet in record.cabinets for panel in cabinet.panels}
    taken: dict[str, set[int]] = {panel: set() for panel in order}
    loose = []
    writer = _Rows(model, site, lang)
    for switch in site.switches:
        own = found.get(switch.cabinet or "")
        if own is None:
            own = Sheet("", switch.room or "", [switch.host])
            loose.append(own)
        unused = []
        for port in switch.ports:
            if port.patch is None and port.room is None and port.link is None and not port.occupants:
                unused.append(port.number)
                continue
            row = writer.row(switch, port)
            at = found.get((port.patch or "").split("/")[0])
            if port.patch is not None:
                panel, _, number = port.patch.rpartition("/")
                taken.setdefault(panel, set()).add(int(number))
            if at is not None:
                at.patched.append(row)
            if at is not own:
                own.direct.append(row)
        if unused:
            own.free.append((switch.host, drawing.numbers(unused)))
    for sheet in found.values():
        sheet.patched.sort(key=lambda row: _panel_key(row.patch, order))
    for panel, used in taken.items():
        if rest := set(range(1, size.get(panel, 0) + 1)) - used:
            found[panel.split("/")[0]].empty.append((panel, drawing.numbers(rest)))
    return [*found.values(), *loose]


def _panel_key(patch: str, order: dict[str, tuple[int, int]]) -> tuple[tuple[int, int], int]:
    panel, _, number = patch.rpartition("/")
    return order.get(panel, (0, 0)), int(number)


class _Rows:
    def __init__(self, model: Model, site: Site, lang: Language) -> None:
        self._site = site
        self._german = lang == "de"
        self._titles = {zone.vlan: model.intent.standard.zones[name].title for name, zone in site.zones.items()}
        rooms = model.intent.sites[site.tenant, site.name].record.rooms
        self._rooms = {room.name: f"{room.name} {room.title or ''}".strip() for room in rooms}

    def row(self, switch: Switch, port: Port) -> PortRow:
        """One port in words."""
        devices = " + ".join(item.name for item in port.occupants)
        if port.link is not None:
            ends = self._site.links[port.link].ends
            other = ends[1] if ends[0].node == switch.name and port.number in ends[0].ports else ends[0]
            mine = ends[0] if other is ends[1] else ends[1]
            far = other.ports[mine.ports.index(port.number)] if len(other.ports) == len(mine.ports) else None
            devices = f"{self._site.short}-{other.node}" + (f", Port {far}" if far is not None else "")
        return PortRow(
            patch=port.patch or "",
            switch=switch.host,
            port=port.number,
            name=_place_in(port),
            socket=port.socket or "",
            room=self._rooms.get(port.room or "", port.room or ""),
            uses=self._uses(port),
            devices=devices,
            parked=port.mode == "parked",
        )

    def _uses(self, port: Port) -> str:
        if port.mode == "parked":
            return "frei: Port aus" if self._german else "free: port shut"
        tag = "mit Tag" if self._german else "tagged"
        if port.link is not None:
            bundle = f", LACP {port.channel}" if port.channel is not None else ""
            return f"Trunk{bundle}"
        words = [f"{self._titles.get(port.vlan or 0, '')} ({port.vlan})".strip()]
        if port.voice is not None:
            words.append(f"{self._titles.get(port.voice, '')} ({port.voice}, {tag})")
        words += [f"{self._titles.get(vlan, '')} ({vlan}, {tag})" for vlan in sorted(port.tagged)]
        return ", ".join(words)


def _place_in(port: Port) -> str:
    found = re.search(r"[0-9][0-9/]*$", port.name)
    place = found.group() if found else port.name
    return "" if place == str(port.number) else place


# -- who may talk to whom ----------------------------------------------------------------------------------------------

_SIGNS: Final = {
    "allowed": ("\u25cf", "erlaubt", "allowed", "yes"),
    "part": ("\u25d0", "für einzelne Rechner erlaubt", "allowed for some machines", "part"),
    "denied": ("\u2013", "gesperrt", "denied", "no"),
    "direct": ("=", "selbes VLAN, kein Gateway dazwischen", "same VLAN, no gateway in between", "self"),
    "isolated": ("/", "selbes VLAN, Ports voneinander getrennt", "same VLAN, ports isolated from each other", "self"),
    "cut off": ("\u00d7", "kein Kabel führt dorthin", "no cable leads there", "none"),
}


def _mark(cell: Cell, lang: Language) -> Mark:
    sign, german, english, look = _SIGNS["part" if cell.part else cell.verdict]
    return Mark(sign, german if lang == "de" else english, look)  # type: ignore[arg-type]  # one of five, see above


def _talks(cells: Sequence[Cell]) -> list[Talk]:
    """The allowed pairs by flow and target, in the order in which flows first decide."""
    found: dict[tuple[int, str], Talk] = {}
    order: dict[int, int] = {}
    for cell in cells:
        for rule in cell.rules:
            order.setdefault(id(rule), len(order))
            talk = found.setdefault((id(rule), cell.target), Talk(rule, cell.target, []))
            talk.sources.append((cell.source, cell.part))
    return sorted(found.values(), key=lambda talk: order[id(talk.rule)])


def _tunnels(model: Model, site: Site) -> list[tuple[str, str, str, str]]:
    """Id, other end, its address and the flows of each tunnel of a site."""
    found = []
    for tunnel in model.network.tunnels:
        ends = {end.at: end for end in tunnel.ends}
        if site.key in ends:
            other = next(end for end in tunnel.ends if end.at != site.key)
            at = model.intent.provider.name if other.at == "provider" else other.at
            found.append((tunnel.id, at, other.endpoint or "", ", ".join(tunnel.flows)))
    return found


def _facts(
    model: Model, site: Site, cells: Sequence[Cell], findings: Iterable[Finding], lang: Language
) -> dict[str, str]:
    """What the model says to the requirements of NET.1.1 that ask for papers."""
    none = "keine" if lang == "de" else "none"
    verdicts = Counter(cell.verdict for cell in cells)
    realms = Counter(zone.realm for zone in site.zones.values())
    switched = Counter(switch.dot1x for switch in site.switches)
    hosts = model.intent.sites[site.tenant, site.name].hosts
    servers = {host.zone for host in hosts if host.host_class == "server"}
    clients = {host.zone for host in hosts if host.host_class in {"client", "laptop"}}
    counts = {
        "zones": len(site.zones),
        "switches": len(site.switches),
        "ports": sum(len(switch.ports) for switch in site.switches),
        "links": len(site.links),
        "administrative": realms["administrative"],
        "pedagogical": realms["pedagogical"],
        "shared": realms["shared"],
        "decided": verdicts["allowed"] + verdicts["denied"],
        "allowed": verdicts["allowed"],
        "denied": verdicts["denied"],
        "flows": len({rule.id for cell in cells for rule in cell.rules}),
        "bare": len({rule.id for cell in cells for rule in cell.rules if not rule.reason}),
        "errors": sum(not finding.warning for finding in findings),
        "parking": site.parking,
        "enforce": switched["enforce"],
        "monitor": switched["monitor"],
        "off": switched["off"],
    }
    return {
        **{name: str(count) for name, count in counts.items()},
        "isolated": _said([zone.name for zone in site.zones.values() if zone.isolated], none),
        "into": _said({cell.source for cell in cells if cell.target == "mgmt" and cell.rules}, none),
        "servers": _said(servers, none),
        "clients": _said(clients, none),
        "both": _said(servers & clients, none),
    }


def _said(names: Iterable[str], none: str) -> str:
    return ", ".join(sorted(names)) or none


__all__ = ["KINDS", "Mark", "NetworkPapers", "PortRow", "Sheet", "Talk", "paper_for", "sheets"]
