# SPDX-License-Identifier: EUPL-1.2
"""Plan, patch sheets and matrix on paper: complete, legible, the same on every run, and harmless."""

from __future__ import annotations

import itertools
import random
import re
import runpy
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from verbund import report
from verbund.errors import UsageError
from verbund.intent import load
from verbund.network import drawing, layout, reachability
from verbund.network.reachability import Model
from verbund.report.network import NetworkPapers, paper_for, sheets

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "templates" / "papers"
TODAY = date(2026, 11, 22)
SITES = ("erkrath/grundschule", "erkrath/gymnasium", "erkrath/rathaus", "haan/grundschule", "haan/rathaus")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.of(load(ROOT / "inventory", today=TODAY))


@pytest.fixture(scope="module")
def papers(model: Model) -> NetworkPapers:
    return NetworkPapers(TEMPLATES, model)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edited(path: str, *changes: tuple[str, str]) -> Model:
    text = Path(path).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"the sample data changed: {old!r} is not in {path}"
        text = text.replace(old, new, 1)
    Path(path).write_text(text, encoding="utf-8")
    return Model.of(load(Path("inventory"), today=TODAY))


def site(model: Model, key: str) -> Any:
    found = model.network.site(key)
    assert found is not None
    return found


def campus(rooms: int = 60, switches: int = 20) -> str:
    """A school with 20 switches in a ring, chains and a star, and rooms on two switches each now and then."""
    lines = [
        "# SPDX-License-Identifier: EUPL-1.2",
        "kind: school",
        "name: Gesamtschule mit einem Namen der auf keine Zeile eines Plans passen wird",
        "short: ges",
        "number: 9",
        "network: 10.34.0.0/16",
        "gateways: [{name: gw1, number: 1}]",
        "switches:",
        "  - {name: sw0, number: 10, platform: linux_bridge, ports: 52, uplink: [51, 52]}",
    ]
    lines += [f"  - {{name: sw{n}, number: {10 + n}, platform: linux_bridge, ports: 52}}" for n in range(1, switches)]
    lines += ["links:"]
    for n in range(1, switches):
        parent = 0 if n < 8 else n - 7
        lines.append(f"  - {{from: sw{n}/52, to: sw{parent}/{40 + n % 10}}}")
    lines += ["  - {from: sw1/50, to: sw2/50}", "rooms:"]
    for n in range(rooms):
        first = 1 + 8 * (n // switches)
        at = f"{{switch: sw{n % switches}, from: {first}, to: {first + 3}}}"
        if n % 7 == 3:
            at += f", {{switch: sw{(n + 1) % switches}, from: {first + 4}, to: {first + 5}}}"
        title = "Ein Raum mit sehr langem Titel, den kein Kasten fasst" if n % 5 == 0 else "Klassenraum WWWW"
        lines.append(
            f'  - {{name: r{n:03}, slot: {n + 1}, title: "{title}", ports: [{at}],'
            " clients: [{profile: school-client, count: 2}], devices: [{kind: ap, number: " + str(100 + n) + "}]}"
        )
    return "\n".join(lines) + "\n"


# -- the drawing -------------------------------------------------------------------------------------------------------


def box_of(text: drawing.Text) -> tuple[float, float, float, float]:
    return text.x, text.y - 0.78 * text.size, text.x + text.width, text.y + 0.24 * text.size


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def legible(plan: drawing.Drawing) -> None:
    """No two texts meet, boxes of devices neither, and what stands in a box stays in it."""
    places = sorted((box_of(text), text.text) for text in plan.texts)
    for number, (one, said) in enumerate(places):
        for other, also in places[number + 1 :]:
            if other[0] >= one[2]:
                break  # all further ones begin to the right of it
            assert not overlap(one, other), (said, also)
    big = [rect for rect in plan.rects if rect.look in {"gateway", "switch", "room", "outside"}]
    edges = [(rect.x, rect.y, rect.x + rect.width, rect.y + rect.height) for rect in big]
    for one, other in itertools.combinations(edges, 2):
        assert not overlap(one, other), (one, other)
    for text in plan.texts:
        left, top, right, bottom = box_of(text)
        assert left >= 0
        assert top >= 0
        assert right <= plan.width
        assert bottom <= plan.height
        for edge in edges:
            if overlap((left, top, right, bottom), edge):
                assert edge[0] <= left, text
                assert right <= edge[2], text
                assert edge[1] - 1 <= top, text
                assert bottom <= edge[3] + 1, text
    for line in plan.lines:
        for left, level, right in runs(line.path):
            for x, top, end, bottom in edges:
                inside = left < end - 0.5 and right > x + 0.5 and top + 0.5 < level < bottom - 0.5
                assert not inside, (line, (x, top, end, bottom))


def runs(path: str) -> list[tuple[float, float, float]]:
    """The straight parts of a line: from, height, to."""
    found = []
    x = y = 0.0
    for command, rest in re.findall(r"([MHC])([-0-9. ]+)", path):
        values = [float(value) for value in rest.split()]
        if command == "H":
            found.append((x, y, values[0]))
            x = values[0]
        else:
            x, y = values[-2:]
    return found


@pytest.mark.parametrize("key", SITES)
@pytest.mark.parametrize("lang", ["de", "en"])
def test_nothing_on_a_plan_lies_on_something_else(model: Model, key: str, lang: drawing.Language) -> None:
    legible(drawing.plan(model, site(model, key), lang))


def test_sixty_rooms_and_twenty_switches_are_legible(project: Path) -> None:
    (project / "inventory" / "erkrath" / "sites" / "gesamtschule.yml").write_text(campus(), encoding="utf-8")
    big = Model.of(load(Path("inventory"), today=TODAY))
    plan = drawing.plan(big, site(big, "erkrath/gesamtschule"))
    legible(plan)
    texts = {text.text for text in plan.texts}
    assert {f"ges-sw{n}" for n in range(20)} <= texts
    assert all(any(text.startswith(f"r{n:03} ") for text in texts) for n in range(60))
    assert paper_for(plan) in {"a2", "a1"}


def test_a_site_with_nothing_plugged_in_is_drawn_too(project: Path) -> None:
    (project / "inventory" / "erkrath" / "sites" / "neu.yml").write_text(
        "kind: school\nname: Neubau\nshort: neu\nnumber: 9\nnetwork: 10.34.0.0/19\n"
        "gateways: [{name: gw1, number: 1}, {name: gw2, number: 2}]\n"
        "switches:\n  - {name: sw1, number: 10, platform: linux_bridge, ports: 8}\n"
        "  - {name: sw2, number: 11, platform: linux_bridge, ports: 8}\n"
        "links: [{from: sw1/8, to: gw1}, {from: sw1/7, to: gw2}]\ncabinets: [{name: c9}]\n",
        encoding="utf-8",
    )
    model = Model.of(load(Path("inventory"), today=TODAY))
    plan = drawing.plan(model, site(model, "erkrath/neu"))
    legible(plan)
    assert "kein Kabel zum Gateway" in {text.text for text in plan.texts}
    page = NetworkPapers(TEMPLATES, model).write(site(model, "erkrath/neu"), TODAY)["patchplan.html"].decode()
    assert "Hier ist nichts zu stecken." in page


@pytest.mark.parametrize("key", SITES)
def test_every_switch_room_and_cable_is_on_the_plan(model: Model, key: str) -> None:
    here = site(model, key)
    plan = drawing.plan(model, here)
    texts = Counter(text.text for text in plan.texts)
    rooms = {port.room for switch in here.switches for port in switch.ports if port.room}
    assert all(texts[switch.host] == 1 for switch in here.switches)
    assert all(sum(text.split(" ")[0] == room for text in texts) == 1 for room in rooms)
    tunnels = [tunnel for tunnel in model.network.tunnels if key in [end.at for end in tunnel.ends]]
    ends = {(switch.name, port.room) for switch in here.switches for port in switch.ports if port.room}
    servers = [port for switch in here.switches for port in switch.ports if port.occupants and not port.room]
    legend = 3
    drawn = len(here.links) + len(tunnels) + len(here.gateways) + len(ends) + len(servers) + legend
    assert len(plan.lines) == drawn
    assert sum(line.dashed for line in plan.lines) == len(tunnels) + 1
    bundles = sum(max(len(end.ports) for end in link.ends) > 1 for link in here.links)
    assert sum(line.thick for line in plan.lines) == bundles + 1


def test_rooms_say_how_many_ports_of_which_vlan(model: Model) -> None:
    plan = drawing.plan(model, site(model, "erkrath/grundschule"))
    row = next(text for text in plan.texts if text.text == "staff Lehrerzimmer")
    beside = sorted((text.x, text.text) for text in plan.texts if abs(text.y - row.y) < 4 and text.x > row.x)
    assert [text for _, text in beside] == ["10+32+64 \u00d71", "32 \u00d72", "82 \u00d71"]


def test_what_colours_say_patterns_say_too(papers: NetworkPapers, model: Model) -> None:
    svg = papers.write(site(model, "erkrath/rathaus"), TODAY)["netzplan.svg"].decode()
    looks = {
        (rect.get("stroke"), rect.get("stroke-width"), rect.get("stroke-dasharray"), rect.get("fill"))
        for rect in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
    }
    used = {value for look in looks for value in (look[0], look[3]) if value and value.startswith("#")}
    for colour in used:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        assert max(red, green, blue) - min(red, green, blue) <= 24, "greys only: a copier shows the same"
    assert len({look[:3] for look in looks}) >= 6


def test_letters_are_never_wider_than_planned() -> None:
    fonts = Path("/usr/share/fonts/truetype/dejavu")
    if not (fonts / "DejaVuSans.ttf").exists():
        pytest.skip("fonts-dejavu-core is not installed")
    from fontTools.ttLib import TTFont

    for name, bold in (("DejaVuSans", False), ("DejaVuSans-Bold", True)):
        font = TTFont(fonts / f"{name}.ttf", lazy=True)
        letters, advances, unit = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
        for code in (*range(0x20, 0x7F), *range(0xA1, 0x180), 0x2013, 0x2014, 0x201E, 0x201C, 0x2026, 0x20AC, 0x2192):
            real = advances[letters[code]][0] / unit * 12
            assert real <= drawing.width(chr(code), 12, bold=bold), (chr(code), bold)


# -- the layout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_boxes_and_passing_lines_keep_apart_in_any_graph(seed: int) -> None:
    dice = random.Random(seed)
    count = dice.randrange(2, 40)
    layers = [dice.randrange(5) for _ in range(count)]
    heights = [dice.choice([20.0, 60.0, 90.0]) for _ in range(count)]
    pairs = [(a, b) for a in range(count) for b in range(count) if layers[a] < layers[b]]
    lines = dice.sample(pairs, min(len(pairs), count + 5))
    lines += lines[:2]  # two cables between the same devices
    placed = layout.place(layers, heights, lines, gap=7, thin=16)
    spans: dict[int, list[tuple[float, float]]] = {}
    for layer, height, centre in zip(layers, heights, placed.centres, strict=True):
        spans.setdefault(layer, []).append((centre - height / 2, centre + height / 2))
    for (one, other), way in zip(lines, placed.ways, strict=True):
        assert len(way) == layers[other] - layers[one] - 1
        for step, level in enumerate(way, layers[one] + 1):
            spans.setdefault(step, []).append((level - 8, level + 8))
    for found in spans.values():
        ordered = sorted(found)
        assert all(upper[1] + 6.99 <= lower[0] for upper, lower in itertools.pairwise(ordered))
        assert ordered[0][0] >= -0.01
        assert ordered[-1][1] <= placed.height + 0.01
    assert placed == layout.place(layers, heights, lines, gap=7, thin=16)


def test_a_tree_is_drawn_without_crossings_in_the_order_of_the_caller() -> None:
    layers = [0, 1, 1, 2, 2, 2, 2]
    lines = [(0, 1), (0, 2), (1, 3), (2, 4), (1, 5), (2, 6)]
    centres = layout.place(layers, [20.0] * 7, lines, gap=4, thin=8).centres
    assert centres[3] < centres[5]
    assert centres[4] < centres[6]
    assert max(centres[3], centres[5]) < min(centres[4], centres[6]) or max(centres[4], centres[6]) < centres[3]


def test_rooms_of_one_switch_stand_in_the_order_of_the_caller_also_at_the_end_of_long_lines() -> None:
    lines = [(0, 4), (0, 2), (0, 5), (0, 1), (0, 3)]
    placed = layout.place([0, 2, 2, 2, 2, 2], [20.0] * 6, lines, gap=4, thin=8)
    assert list(placed.centres[1:]) == sorted(placed.centres[1:])
    bends = {other: way[0] for (_, other), way in zip(lines, placed.ways, strict=True)}
    assert [bends[box] for box in range(1, 6)] == sorted(bends.values()), "and no line crosses another"


def test_a_switch_that_no_cable_leads_to_has_its_place_too() -> None:
    placed = layout.place([0, 1, 1], [20.0, 20.0, 50.0], [(0, 1)], gap=4, thin=8)
    assert abs(placed.centres[1] - placed.centres[2]) >= 39


# -- patch sheets ------------------------------------------------------------------------------------------------------


def expanded(numbers: str) -> list[int]:
    found: list[int] = []
    for part in numbers.split(", "):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found


@pytest.mark.parametrize("key", SITES)
def test_every_port_of_every_switch_is_on_a_sheet(model: Model, key: str) -> None:
    here = site(model, key)
    found: Counter[tuple[str, int]] = Counter()
    for sheet in sheets(model, here):
        own = [row for row in (*sheet.patched, *sheet.direct) if row.switch in sheet.switches]
        found.update((row.switch, row.port) for row in own)
        for host, numbers in sheet.free:
            found.update((host, number) for number in expanded(numbers))
    assert found == Counter((switch.host, port.number) for switch in here.switches for port in switch.ports)


def test_a_row_has_all_that_the_hand_with_the_cable_needs(model: Model) -> None:
    first, second = sheets(model, site(model, "erkrath/grundschule"))
    assert (first.name, second.name) == ("c1", "c2")
    row = second.patched[1]
    assert (row.patch, row.switch, row.port, row.name, row.socket) == ("c2/a/2", "gse-sw2", 2, "1/1/2", "1.02")
    assert (row.room, row.uses, row.devices) == ("r101 Computerraum", "Pädagogisches Netz (32)", "gse-r101-pc02")
    assert [int(row.patch.split("/")[2]) for row in second.patched] == list(range(1, 25)), "1, 2, 10, not 1, 10, 2"
    uplink = next(row for row in second.direct if row.port == 51)
    assert (uplink.uses, uplink.devices) == ("Trunk, LACP 1", "gse-sw1, Port 51")
    assert second.empty == [("c2/a", "25-48")]


def test_a_cable_between_cabinets_is_on_both_sheets(project: Path) -> None:
    model = edited("inventory/erkrath/sites/grundschule.yml", ("patch: c2/a/1", "patch: c1/b/1"))
    first, second = sheets(model, site(model, "erkrath/grundschule"))
    here = [row for row in first.patched if row.switch == "gse-sw2"]
    there = [row for row in second.direct if row.patch.startswith("c1/b/")]
    assert here == there
    assert len(here) == 24
    assert [row.patch for row in first.patched][9:11] == ["c1/a/10", "c1/b/1"]


# -- pages -------------------------------------------------------------------------------------------------------------


class Rows(HTMLParser):
    """Tables of a page by their class: rows of cell texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: set[str] = set()
        self._row: list[str] | None = None
        self._table = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "table":
            self._table = dict(attrs).get("class") or ""
        elif tag == "tr":
            self._row = []
            self.tables.setdefault(self._table, []).append(self._row)
        elif tag in {"td", "th"} and self._row is not None:
            self._row.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self._row = None

    def handle_data(self, data: str) -> None:
        if self._row:
            self._row[-1] = f"{self._row[-1]} {data.strip()}".strip()


@pytest.mark.parametrize("key", ["erkrath/grundschule", "haan/rathaus"])
def test_the_matrix_on_paper_is_the_matrix_of_the_model(papers: NetworkPapers, model: Model, key: str) -> None:
    here = site(model, key)
    page = Rows(papers.write(here, TODAY)["kommunikationsmatrix.html"].decode())
    cells = reachability.matrix(model, here)
    columns = list(dict.fromkeys(cell.target for cell in cells))
    rows = list(dict.fromkeys(cell.source for cell in cells))
    signs = {"allowed": "●", "denied": "–", "direct": "=", "isolated": "/", "cut off": "×"}
    table = page.tables["matrix"][1:]
    for cell in cells:
        shown = table[rows.index(cell.source)][1 + columns.index(cell.target)]
        assert shown == ("◐" if cell.part else signs[cell.verdict]), cell
    filled = sum(bool(text) for row in table[: len(rows)] for text in row[1:])
    assert filled == len(cells)
    flows = page.tables["flows"][1:]
    decided = {(rule.id, rule.owner, rule.reason) for cell in cells for rule in cell.rules}
    assert {(row[0], row[5], row[4]) for row in flows} == decided
    assert all(row[6].rpartition(":")[2].isdigit() for row in flows)


def test_the_sheet_for_auditors_never_says_fulfilled_by_itself(papers: NetworkPapers, model: Model) -> None:
    page = papers.write(site(model, "erkrath/grundschule"), TODAY)["kommunikationsmatrix.html"].decode()
    asked = re.findall(r"<h3>(NET\.1\.1\.A\d+) \([BS]\)", page)
    assert asked == [f"NET.1.1.A{n}" for n in (2, 4, 5, 6, 21, 23, 24)]
    assert page.count("<textarea") == len(asked)
    assert not re.search(r"<textarea[^>]*>[^<]", page)
    assert "erfüllt" not in page.split("Nachweis zu NET.1.1")[1].split("<h3>", 1)[1]


def test_a_plan_with_mistakes_says_so_first(project: Path) -> None:
    model = edited("inventory/erkrath/sites/gymnasium.yml", ("{from: sw12/49, to: sw11/50}",
                   "{from: sw12/49, to: sw11/50, zones: [mgmt]}"))  # fmt: skip
    papers = NetworkPapers(TEMPLATES, model)
    for name, page in papers.write(site(model, "erkrath/gymnasium"), TODAY).items():
        if name.endswith(".html"):
            assert "Nach diesem Plan soll nicht gebaut werden" in page.decode()
            assert "gymnasium.yml:" in page.decode()
    for name, page in papers.write(site(model, "haan/rathaus"), TODAY).items():
        assert "soll nicht gebaut werden" not in page.decode(), name


def test_words_from_the_files_stay_words(project: Path) -> None:
    attack = '</title><script>alert(1)</script>"]]><img src=x onerror=1>&'
    model = edited("inventory/erkrath/sites/grundschule.yml", ("title: Computerraum", f"title: '{attack}'"),
                   ("name: Gemeinschaftsgrundschule Sandheide", f"name: '{attack}'"))  # fmt: skip
    for name, page in NetworkPapers(TEMPLATES, model).write(site(model, "erkrath/grundschule"), TODAY).items():
        text = page.decode()
        if name.endswith(".svg"):
            root = ET.fromstring(text)
            assert {element.tag.split("}")[1] for element in root.iter()} == {
                "svg",
                "title",
                "rect",
                "g",
                "path",
                "text",
            }
            assert all("onerror" not in element.attrib for element in root.iter())
        else:
            assert not {"script", "img", "iframe", "object"} & Rows(text).tags
            assert "default-src 'none'" in text
            assert " style=" not in text


def test_both_languages_and_the_same_bytes_every_time(papers: NetworkPapers, model: Model) -> None:
    here = site(model, "haan/grundschule")
    german, english = papers.write(here, TODAY), papers.write(here, TODAY, "en")
    assert sorted(german) == ["kommunikationsmatrix.html", "netzplan.html", "netzplan.svg", "patchplan.html"]
    assert sorted(english) == sorted(f"{name.split('.')[0]}.en.{name.split('.')[1]}" for name in german)
    assert german == NetworkPapers(TEMPLATES, model).write(here, TODAY)
    assert b'lang="en"' in english["netzplan.en.html"]
    plain = re.sub(r"<[^>]+>", " ", english["netzplan.en.html"].decode().split("</style>")[1])
    assert not re.search(r"\b(Stand|Zeichnung|Kabel|Adresse|Schrank|von|mit)\b", plain)


def printed(page: bytes) -> list[tuple[int, int]]:
    """Sizes of the pages on paper, in millimetres."""
    import weasyprint

    fetcher = weasyprint.URLFetcher(allowed_protocols=())
    pages = weasyprint.HTML(string=page.decode(), url_fetcher=fetcher).render().pages
    return [(round(sheet.width / 96 * 25.4), round(sheet.height / 96 * 25.4)) for sheet in pages]


def test_the_plan_gets_paper_on_which_it_can_be_read(papers: NetworkPapers, model: Model) -> None:
    sizes = printed(papers.write(site(model, "haan/grundschule"), TODAY)["netzplan.html"])
    assert sizes[0] == sizes[-1] == (210, 297)
    assert sizes.count((297, 210)) == 1, "the drawing has one page of its own, of its own size"


def test_a_cabinet_with_a_full_switch_is_one_page(papers: NetworkPapers, model: Model) -> None:
    page = papers.write(site(model, "erkrath/grundschule"), TODAY)["patchplan.html"]
    assert printed(page) == [(210, 297)] * 2


def test_the_report_holds_the_papers_of_its_towns(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        report, "pdf", lambda page, made: b"%PDF " + str(len(page)).encode() + made.isoformat().encode()
    )
    written = report.write_network_papers(
        model, [site(model, "haan/rathaus")], lambda here: tmp_path / here.tenant / here.name, ROOT
    )
    names = sorted(path.relative_to(tmp_path).as_posix() for path in written)
    assert names == [f"haan/rathaus/{name}" for name in (
        "kommunikationsmatrix.html", "kommunikationsmatrix.pdf", "netzplan.html", "netzplan.pdf", "netzplan.svg",
        "patchplan.html", "patchplan.pdf")]  # fmt: skip
    assert all(path.is_file() for path in written)
    with pytest.raises(UsageError, match="not complete"):
        report.write_network_papers(model, [site(model, "haan/rathaus")], lambda _: tmp_path, tmp_path)


def test_a_run_has_the_papers_of_its_towns_only(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "pdf", lambda page, made: f"%PDF {len(page)} {made}".encode())
    sample = runpy.run_path(str(ROOT / "tests" / "unit" / "report" / "sample.py"))
    results = sample["results"](6, 4)
    haan = tuple(host.model_copy(update={"tenant": "haan"}) for host in results.hosts)
    results = results.model_copy(update={"hosts": haan})
    papers = {report.Format.PAPERS}
    written = report.write_exports(results, tmp_path, ROOT, papers, network=model)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in written if path.suffix == ".svg")
    assert found == ["papers/haan/grundschule/netzplan.svg", "papers/haan/rathaus/netzplan.svg"]
    assert not [path for path in report.write_exports(results, tmp_path, ROOT, papers) if path.suffix == ".svg"]
