# SPDX-License-Identifier: EUPL-1.2
"""The plan of a site as a drawing: internet and tunnels, gateways, switches, rooms, from left to right.

Only geometry is decided here, the template draws it. Every text stands in a box that was made for it or on a line of
its own, so no two texts meet; what a colour says, a text or a pattern says too, since such plans are printed in grey.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from verbund.network import layout
from verbund.network.topology import distances
from verbund.text import one_line

if TYPE_CHECKING:
    from verbund.network.reachability import Model
    from verbund.network.topology import Link, Port, Site, Switch

Language = Literal["de", "en"]
Look = Literal["gateway", "switch", "room", "outside", "administrative", "pedagogical", "shared", "free"]

_MARGIN, _GAP, _THIN, _CURVE, _CHIP, _SLOT = 24.0, 7.0, 16.0, 46.0, 11.0, 17.0
_NAME = 32
_TITLE = 34
_WRAP = 24


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text, its left end (or right end with ``end``) on the base line."""

    x: float
    y: float
    text: str
    size: float = 12
    bold: bool = False
    end: bool = False
    light: bool = False

    @property
    def width(self) -> float:
        """Its width, rather more than less."""
        return width(self.text, self.size, bold=self.bold)


@dataclass(frozen=True, slots=True)
class Rect:
    """A box."""

    x: float
    y: float
    width: float
    height: float
    look: Look


@dataclass(frozen=True, slots=True)
class Line:
    """A line as SVG writes its path, and the height of its end; bundled cables are thick, tunnels dashed."""

    path: str
    thick: bool = False
    dashed: bool = False
    end: float = 0


@dataclass(slots=True)
class Drawing:
    """What the template draws, in this order: lines, boxes, texts."""

    title: str
    about: str
    width: float = 0
    height: float = 0
    lines: list[Line] = field(default_factory=list)
    rects: list[Rect] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


@dataclass(slots=True)
class _Box:
    """A box before it has a place: lines of text, and chips behind the first line."""

    look: Look
    layer: int
    texts: list[tuple[str, float, bool]]
    chips: list[tuple[str, Look]] = field(default_factory=list)
    entering: int = 0

    @property
    def height(self) -> float:
        return max(12 + sum(size * 1.3 for _, size, _ in self.texts), 4 + _SLOT * self.entering)

    @property
    def text_width(self) -> float:
        return max(width(text, size, bold=bold) for text, size, bold in self.texts)

    @property
    def chips_width(self) -> float:
        return sum(_chip_width(text) + 6 for text, _ in self.chips)


@dataclass(frozen=True, slots=True)
class _Join:
    """A line between two boxes, with what stands at its right end."""

    one: int
    other: int
    label: str
    thick: bool = False
    dashed: bool = False


# Advance widths of DejaVu Sans in thousandths of its size, by class and rounded up (Verdana's are the same within 2 %).
_WIDEST = 1075
_WIDTHS = {
    **dict.fromkeys("iljI|'., ", 340),
    **dict.fromkeys("ft()[]-/r!:;\u2013", 500),
    **dict.fromkeys("mwMW%@\u2192\u2194", 1000),
    **dict.fromkeys("©®¼½¾ÆæĦŒœŴ\u2014\u2026", _WIDEST),
    **dict.fromkeys("abcdeghknopqsuvxyzäöüß0123456789", 640),
}


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of a text in pixels, rather more than less.

    Args:
        text: one line.
        size: of the letters.
        bold: bold letters are wider by an eighth.
    """
    units = sum(_WIDTHS.get(letter, 870 if letter < "\u0180" else _WIDEST) for letter in text)
    return units / 1000 * size * (1.13 if bold else 1)


def numbers(values: Iterable[int]) -> str:
    """Numbers as people write them: ``1-5, 8``."""
    runs: list[list[int]] = []
    for value in sorted(set(values)):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def plan(model: Model, site: Site, lang: Language = "de") -> Drawing:
    """Draw a site.

    Args:
        model: of the whole intent.
        site: one of its sites.
        lang: language of the fixed words.
    """
    compiled = model.intent.sites[site.tenant, site.name]
    german = lang == "de"
    boxes, joins = _Sketch(model, site, german=german).sketch()
    for join in joins:
        boxes[join.other].entering += 1
    drawing = Drawing(
        title=f"{'Netzplan' if german else 'Network plan'}: {one_line(compiled.record.name, 80)} ({site.key})",
        about=_about(site, german=german),
    )
    columns = _columns(boxes, joins)
    placed = layout.place(
        [box.layer for box in boxes],
        [box.height for box in boxes],
        [(join.one, join.other) for join in joins],
        gap=_GAP,
        thin=_THIN,
    )
    top = _MARGIN + 56
    drawing.texts.append(Text(_MARGIN, _MARGIN + 16, drawing.title, 18, bold=True))
    drawing.texts.append(Text(_MARGIN, _MARGIN + 36, drawing.about, 12, light=True))
    tops = [top + centre - box.height / 2 for box, centre in zip(boxes, placed.centres, strict=True)]
    ways = [[top + at for at in way] for way in placed.ways]
    drawing.lines += _lines(boxes, joins, tops, ways, columns)
    for join, line in zip(joins, drawing.lines, strict=True):
        if join.label:
            x = columns.starts[boxes[join.other].layer] - columns.labels[boxes[join.other].layer]
            drawing.texts.append(Text(x + 6, line.end - 3, join.label, 10.5))
    for box, y in zip(boxes, tops, strict=True):
        _draw_box(drawing, box, y, columns)
    right = columns.starts[-1] + columns.widths[-1]
    bottom = _legend(drawing, model, site, top + placed.height + 36, german=german)
    farthest = max(text.x + text.width for text in drawing.texts if not text.end)
    drawing.width = max(right, farthest) + _MARGIN
    drawing.height = bottom + _MARGIN
    return drawing


def _about(site: Site, *, german: bool) -> str:
    rooms = {port.room for switch in site.switches for port in switch.ports if port.room}
    ports = sum(len(switch.ports) for switch in site.switches)
    counted = (
        (len(site.gateways), ("Gateway", "Gateways") if german else ("gateway", "gateways")),
        (len(site.switches), ("Switch", "Switches") if german else ("switch", "switches")),
        (ports, ("Port", "Ports") if german else ("port", "ports")),
        (len(rooms), ("Raum mit Dosen", "Räume mit Dosen") if german else ("room with sockets", "rooms with sockets")),
        (len(site.links), ("Kabel zwischen Geräten",) * 2 if german else ("cable between devices",
                                                                          "cables between devices")),
    )  # fmt: skip
    return " · ".join(f"{count} {words[count != 1]}" for count, words in counted)


class _Sketch:
    """Boxes and joins of a site, before anything has a place."""

    def __init__(self, model: Model, site: Site, *, german: bool) -> None:
        self.model, self.site, self.german = model, site, german
        self.compiled = model.intent.sites[site.tenant, site.name]
        self.boxes: list[_Box] = []
        self.joins: list[_Join] = []
        self.at: dict[str, int] = {}
        self.address = {host.name: host.address for host in self.compiled.hosts}
        self.address |= {device.name: device.address for device in self.compiled.devices}

    def sketch(self) -> tuple[list[_Box], list[_Join]]:
        """All of it."""
        for gateway in self.site.gateways:
            name = f"{self.site.short}-{gateway}"
            self._add(gateway, _Box("gateway", 1, [(name, 13, True), *self._lines("Gateway", self.address.get(name))]))
        self._outside()
        layers = self._switch_layers()
        for switch in self.site.switches:
            self._add(switch.name, self._switch(switch, layers[switch.name]))
        for link in self.site.links:
            self._link(link, layers)
        last = max(layers.values(), default=1) + 1
        self._leaves(last)
        return self.boxes, self.joins

    def _add(self, key: str, box: _Box) -> int:
        self.at[key] = len(self.boxes)
        self.boxes.append(box)
        return self.at[key]

    def _lines(self, *texts: str | None) -> list[tuple[str, float, bool]]:
        return [(one_line(text, _NAME), 11, False) for text in texts if text]

    def _outside(self) -> None:
        internet = self._add("*internet", _Box("outside", 0, [("Internet", 13, True)]))
        self.joins += [_Join(internet, self.at[gateway], "") for gateway in self.site.gateways]
        for tunnel in self.model.network.tunnels:
            ends = [end.at for end in tunnel.ends]
            if self.site.key not in ends:
                continue
            other = ends[0] if ends[1] == self.site.key else ends[1]
            if other == "provider":
                name = one_line(self.model.intent.provider.name, 2 * _NAME)
                about = "Rechenzentrum" if self.german else "data centre"
            else:
                name = other
                about = "andere Kommune" if self.german else "another town"
            names = [(part, 13.0, True) for part in textwrap.wrap(name, _WRAP)]
            box = self._add(f"*{tunnel.id}", _Box("outside", 0, [*names, *self._lines(about)]))
            self.joins.append(_Join(box, self.at[self.site.gateways[0]], "WireGuard", dashed=True))

    def _switch_layers(self) -> dict[str, int]:
        """Gateways are in layer 1; a switch is one further than all nearer ones that it has a cable to."""
        edges = [(link.one.node, link.other.node) for link in self.site.links]
        far = distances(edges, self.site.gateways)
        names = [switch.name for switch in self.site.switches]
        rank = {name: (far.get(name, len(names) + 1), place) for place, name in enumerate(names)}
        layers = dict.fromkeys(self.site.gateways, 1)
        for name in sorted(names, key=lambda item: rank[item]):
            near = [a if b == name else b for a, b in edges if name in (a, b) and a != b]
            layers[name] = max((layers[other] for other in near if other in layers), default=1) + 1
        return layers

    def _switch(self, switch: Switch, layer: int) -> _Box:
        used = sum(port.mode != "parked" for port in switch.ports)
        place = " · ".join(part for part in (
            f"{'Schrank' if self.german else 'cabinet'} {switch.cabinet}" if switch.cabinet else "",
            f"{'Raum' if self.german else 'room'} {switch.room}" if switch.room else "",
        ) if part)  # fmt: skip
        state = {"off": "ohne 802.1X" if self.german else "no 802.1X"}.get(switch.dot1x, f"802.1X {switch.dot1x}")
        lines = self._lines(
            switch.title,
            f"{self.address.get(switch.host, '')} · {state}".strip(" ·"),
            (f"{used} von {len(switch.ports)} Ports" if self.german else f"{used} of {len(switch.ports)} ports")
            + (f" · {place}" if place else ""),
            None if switch.hops is not None else ("kein Kabel zum Gateway" if self.german else "no cable to a gateway"),
        )
        return _Box("switch", layer, [(switch.host, 13, True), *lines])

    def _link(self, link: Link, layers: dict[str, int]) -> None:
        one, other = link.ends
        if layers[one.node] > layers[other.node]:
            one, other = other, one
        label = f"{numbers(one.ports)} \u2192 {numbers(other.ports)}" if one.ports else numbers(other.ports)
        thick = max(len(one.ports), len(other.ports)) > 1
        self.joins.append(_Join(self.at[one.node], self.at[other.node], label, thick=thick))

    def _leaves(self, layer: int) -> None:
        titles = {room.name: room.title or "" for room in self.compiled.record.rooms}
        rooms: dict[str, dict[str, list[Port]]] = {}
        for switch in self.site.switches:
            for port in switch.ports:
                if port.room is not None:
                    rooms.setdefault(port.room, {}).setdefault(switch.name, []).append(port)
                elif port.link is None and port.occupants:
                    name = one_line(port.occupants[0].name, _NAME)
                    box = _Box("room", layer, [(name, 12, True)], self._chips([port]))
                    self.joins.append(_Join(self.at[switch.name], len(self.boxes), f"{switch.name}/{port.number}"))
                    self.boxes.append(box)
        for name, switches in rooms.items():
            title = one_line(f"{name} {titles.get(name, '')}", _TITLE)
            every = [port for ports in switches.values() for port in ports]
            self.joins += [
                _Join(
                    self.at[switch],
                    len(self.boxes),
                    one_line(f"{switch}/{numbers(port.number for port in ports)}", _NAME),
                )
                for switch, ports in switches.items()
            ]
            self.boxes.append(_Box("room", layer, [(title, 12, True)], self._chips(every)))

    def _chips(self, ports: Sequence[Port]) -> list[tuple[str, Look]]:
        """What VLANs the ports are for: ``20+80 ×3`` are three ports with a PC behind a telephone."""
        count: Counter[tuple[int, ...]] = Counter()
        for port in ports:
            if port.mode == "parked" or port.vlan is None:
                count[()] += 1
            else:
                voice = (port.voice,) if port.voice is not None else ()
                count[(port.vlan, *voice, *sorted(port.tagged))] += 1
        chips: list[tuple[str, Look]] = []
        for vlans, amount in sorted(count.items(), key=lambda item: (not item[0], item[0])):
            if not vlans:
                chips.append((f"{'frei' if self.german else 'free'} \u00d7{amount}", "free"))
            else:
                chips.append((f"{'+'.join(map(str, vlans))} \u00d7{amount}", _realm(self.site, vlans)))
        return chips


def _realm(site: Site, vlans: Iterable[int]) -> Look:
    found = {zone.realm for vlan in vlans if (zone := site.zone_of(vlan))} - {"shared"}
    if found == {"administrative"}:
        return "administrative"
    return "pedagogical" if found == {"pedagogical"} else "shared"


def _chip_width(text: str) -> float:
    return width(text, _CHIP) + 12


@dataclass(frozen=True, slots=True)
class _Columns:
    """Per layer the width of its boxes, where they begin, the room for texts on lines before them and for names."""

    widths: list[float]
    starts: list[float]
    labels: list[float]
    names: list[float]


def _columns(boxes: Sequence[_Box], joins: Sequence[_Join]) -> _Columns:
    count = max((box.layer for box in boxes), default=0) + 1
    widths, starts, labels, names = [], [], [], []
    x = _MARGIN
    for layer in range(count):
        here = [box for box in boxes if box.layer == layer]
        plain = max((box.text_width for box in here), default=0.0)
        chipped = max((box.text_width for box in here if box.chips), default=0.0)
        chips = max((box.chips_width for box in here), default=0.0)
        names.append(chipped)
        found = [width(join.label, 10.5) for join in joins if boxes[join.other].layer == layer]
        labels.append(max(found, default=0.0) + 12 if found else 0.0)
        if layer:
            x += _CURVE + labels[-1]
        starts.append(x)
        widths.append(max(plain, chipped + chips + 6 if chips else 0.0) + 20)
        x += widths[-1]
    return _Columns(widths, starts, labels, names)


def _lines(
    boxes: Sequence[_Box],
    joins: Sequence[_Join],
    tops: Sequence[float],
    ways: Sequence[Sequence[float]],
    columns: _Columns,
) -> list[Line]:
    first = [way[0] if way else tops[join.other] + boxes[join.other].height / 2
             for join, way in zip(joins, ways, strict=True)]  # fmt: skip
    final = [way[-1] if way else tops[join.one] + boxes[join.one].height / 2
             for join, way in zip(joins, ways, strict=True)]  # fmt: skip
    leaving: dict[int, list[int]] = {}
    entering: dict[int, list[int]] = {}
    for index, join in enumerate(joins):
        leaving.setdefault(join.one, []).append(index)
        entering.setdefault(join.other, []).append(index)
    out: dict[int, float] = {}
    into: dict[int, float] = {}
    for group, aims, slots in ((leaving, first, out), (entering, final, into)):
        for box, indexes in group.items():
            step = boxes[box].height / (len(indexes) + 1)
            if slots is into:
                step = max(step, _SLOT)  # a text stands on each
            middle = tops[box] + boxes[box].height / 2 - step * (len(indexes) - 1) / 2
            for place, index in enumerate(sorted(indexes, key=lambda i: aims[i])):
                slots[index] = middle + step * place
    lines = []
    rights = [start + wide for start, wide in zip(columns.starts, columns.widths, strict=True)]
    for index, (join, way) in enumerate(zip(joins, ways, strict=True)):
        begin, end = boxes[join.one].layer, boxes[join.other].layer
        y = out[index]
        path = f"M{rights[begin]:.1f} {y:.1f}"
        for layer, level in zip(range(begin + 1, end + 1), [*way, into[index]], strict=True):
            turn, arrive = rights[layer - 1], columns.starts[layer] - columns.labels[layer]
            middle = (turn + arrive) / 2
            path += f"H{turn:.1f}C{middle:.1f} {y:.1f} {middle:.1f} {level:.1f} {arrive:.1f} {level:.1f}"
            y = level
        lines.append(Line(f"{path}H{columns.starts[end]:.1f}", join.thick, join.dashed, y))
    return lines


def _draw_box(drawing: Drawing, box: _Box, y: float, columns: _Columns) -> None:
    x = columns.starts[box.layer]
    drawing.rects.append(Rect(x, y, columns.widths[box.layer], box.height, box.look))
    base = y + (box.height - sum(size * 1.3 for _, size, _ in box.texts)) / 2
    for text, size, bold in box.texts:
        base += size * 1.3
        drawing.texts.append(Text(x + 10, base - size * 0.32, text, size, bold=bold))
    # Chips stand below each other in all boxes of the column.
    chip = x + 16 + columns.names[box.layer]
    for text, look in box.chips:
        _chip(drawing, chip, y + box.height / 2, text, look)
        chip += _chip_width(text) + 6


def _chip(drawing: Drawing, x: float, middle: float, text: str, look: Look) -> None:
    drawing.rects.append(Rect(x, middle - 8, _chip_width(text), 16, look))
    drawing.texts.append(Text(x + 6, middle + 4, text, _CHIP))


def _legend(drawing: Drawing, model: Model, site: Site, y: float, *, german: bool) -> float:
    """What VLANs, chips and lines mean; returns where it ends."""
    standard = model.intent.standard
    x = _MARGIN
    drawing.texts.append(Text(x, y, "Zeichen" if german else "Legend", 13, bold=True))
    rows: list[tuple[str, Look, str]] = [
        ("20 \u00d73", "administrative",
         "drei Ports in VLAN 20; dicker Rand: nur Verwaltung" if german
         else "three ports in VLAN 20; thick border: administration only"),
        ("32 \u00d73", "pedagogical",
         "drei Ports in VLAN 32; gestrichelter Rand: nur Pädagogik" if german
         else "three ports in VLAN 32; dashed border: pedagogy only"),
        ("80 \u00d73", "shared",
         "drei Ports in VLAN 80; grau ohne Rand: gemeinsame Zone" if german
         else "three ports in VLAN 80; grey, no border: shared zone"),
        ("20+80 \u00d73", "administrative",
         "mehrere VLANs auf einem Port: erst ohne Tag, dann mit Tag" if german
         else "several VLANs on one port: untagged first, then tagged"),
        ("frei \u00d73" if german else "free \u00d73", "free",
         "drei Dosen ohne Gerät: Port aus, Park-VLAN" if german
         else "three sockets without a device: port shut, parking VLAN"),
    ]  # fmt: skip
    top = y
    y += 22
    for chip, look, text in rows:
        _chip(drawing, x, y - 4, chip, look)
        drawing.texts.append(Text(x + 92, y, text, 11))
        y += 22
    words = (
        (
            False,
            False,
            "Kabel: Port links \u2192 Port rechts; an Räumen: Switch/Ports"
            if german
            else "cable: port at the left \u2192 right; at rooms: switch/ports",
        ),
        (True, False, "gebündelte Kabel (LACP)" if german else "bundled cables (LACP)"),
        (False, True, "verschlüsselter Tunnel (WireGuard)" if german else "encrypted tunnel (WireGuard)"),
    )
    for thick, dashed, text in words:
        drawing.lines.append(Line(f"M{x:.1f} {y - 4:.1f}H{x + 76:.1f}", thick, dashed))
        drawing.texts.append(Text(x + 92, y, text, 11))
        y += 22
    lowest = y
    # Beside the signs, not below: paper is wider than these lists.
    y, x = top, x + 520
    drawing.texts.append(Text(x, y, "Zonen" if german else "Zones", 13, bold=True))
    y += 6
    realms = {"administrative": "Verwaltung", "pedagogical": "Pädagogik", "shared": "gemeinsam"}
    table = [
        (f"VLAN {zone.vlan}", one_line(standard.zones[name].title, _TITLE), name,
         realms[zone.realm] if german else zone.realm, str(zone.four), str(zone.six))
        for name, zone in sorted(site.zones.items(), key=lambda item: item[1].vlan)
    ]  # fmt: skip
    parking = "Park-VLAN: unbenutzte Ports, ohne Netz" if german else "parking VLAN: unused ports, no subnet"
    table.append((f"VLAN {site.parking}", parking, "", "", "", ""))
    across = [max(width(row[column], 11) for row in table[:-1]) + 18 for column in range(6)]
    for row in table:
        y += 17
        at = x
        for text, room in zip(row, across, strict=True):
            if text:
                drawing.texts.append(Text(at, y, text, 11))
            at += room
    return max(y, lowest)


__all__ = ["Drawing", "Language", "Line", "Rect", "Text", "numbers", "plan", "width"]
