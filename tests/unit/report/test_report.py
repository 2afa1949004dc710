# SPDX-License-Identifier: EUPL-1.2
"""The files of a report: complete, bounded, harmless, always the same."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import yaml

from verbund.baseline.results import ControlResult, HostResult, Observation, Results, Title, Verdict
from verbund.errors import UsageError
from verbund.report import write_junit, write_report

if TYPE_CHECKING:
    from types import SimpleNamespace

ATTACKS = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    "</style></noscript><!--",
    "{{ 7*7 }}{% raw %}",
    "\x1b[2J\x1b]0;owned\x07",
    "abc\u202egpj.exe",
    "nul\0byte",
    "=cmd|' /C calc'!A0",
    "\x01\x02\ud800\ufffe]]>&amp;",
    "javascript:alert(1)",
    "{n} {reason} %s",
    "\u2028\u2029",
)


NAMES = ("host", "tenant", "site", "room", "host_class", "profile", "zone", "address")


class Page(HTMLParser):
    """Tags, attributes and scripts of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._in = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts.append(data)
        elif self._in == "style":
            self.styles.append(data)
        else:
            self.text += data


def hostile(sample: SimpleNamespace) -> Results:
    """Every text field holds an attack."""
    base = sample.results(len(ATTACKS), 3)
    hosts = tuple(
        HostResult.model_construct(
            **dict.fromkeys(NAMES, attack + str(n)), collected=None, bundle_sha256=None, error=attack,
            facts={attack: attack, "big": attack * 100_000},
            results=tuple(
                ControlResult.model_construct(
                    control=control.id, verdict=verdict, reason=attack, deviation=None,
                    observations=(
                        Observation.model_construct(
                            command=attack, exit_status=1, stdout=attack * 50_000, stderr=attack
                        ),
                    ),
                )
                for control, verdict in zip(
                    base.controls, (Verdict.NOT_MET, Verdict.NOT_EVALUATED, Verdict.MET), strict=True
                )
            ),
        )
        for n, attack in enumerate(ATTACKS)
    )  # fmt: skip
    title = Title(de=ATTACKS[0], en=ATTACKS[1])
    controls = tuple(control.model_copy(update={"title": title}) for control in base.controls)
    run = base.run.model_copy(update={"operator": ATTACKS[0], "command": ATTACKS[1], "id": ATTACKS[2]})
    return base.model_copy(update={"hosts": hosts, "controls": controls, "run": run})


@pytest.fixture(scope="module")
def written(sample: SimpleNamespace, templates: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    earlier = sample.results(38, 20, seed=1, finished=sample.FINISHED - timedelta(days=2), name="before")
    return write_report(sample.results(40, 20), earlier, tmp_path_factory.mktemp("report"), templates)


def local_data(page: bytes, name: str = "data") -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page.decode(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_nothing_is_fetched_from_anywhere(written: Any) -> None:
    for path in written.pages.values():
        page = Page(path.read_bytes())
        for name, value in page.attributes:
            if name in {"src", "srcset", "data", "action", "poster", "background"}:
                pytest.fail(f"{name}={value}")
            if name == "href":
                assert str(value).startswith(("#", "index.", "results.csv", "junit.xml")), value
        assert not {"link", "iframe", "object", "embed", "base", "img"} & set(page.tags)
        assert "url(" not in page.styles[0]
        assert "@import" not in page.styles[0]


def test_the_policy_allows_exactly_the_pages_own_script_and_style(written: Any) -> None:
    page = Page(written.pages["de"].read_bytes())
    policy = next(value for name, value in page.attributes if name == "content" and "default-src" in str(value))
    for kind, text in (("script-src", page.scripts[-1]), ("style-src", page.styles[0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]


def test_the_script_never_makes_markup_of_text(templates: Path) -> None:
    script = (templates / "report.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(", script)
    assert len(script.encode()) < 32_000


@pytest.mark.parametrize("lang", ["de", "en"])
def test_every_requirement_of_every_module_is_in_the_page(written: Any, lang: str) -> None:
    from verbund.baseline.controls import bsi_catalogue
    from verbund.baseline.coverage import require_coverage

    local = local_data(written.pages[lang].read_bytes(), "local")
    told = {requirement[0]: requirement for module in local["coverage"] for requirement in module[5]}
    assert list(told) == list(bsi_catalogue())
    coverage = require_coverage()
    for module in coverage.modules:
        for requirement in module.requirements:
            for standing, (classes, letter, who, text) in zip(
                requirement.standings, told[requirement.id][3], strict=True
            ):
                assert tuple(classes) == standing.classes
                assert local["statuses"][letter]
                assert text == getattr(standing, lang)
                assert who == (standing.answer if lang == "de" else coverage.answers.get(standing.answer, ""))


def test_every_verdict_is_in_the_page(written: Any, sample: SimpleNamespace) -> None:
    from verbund.report.data import LETTERS

    data = local_data(written.pages["en"].read_bytes())
    ids = [control["id"] for control in data["controls"]]
    shown = {(h[1], h[0]): dict(zip(ids, h[12], strict=True)) for h in data["hosts"]}
    for host in sample.results(40, 20).hosts:
        assert shown[host.tenant, host.host] == {r.control: LETTERS[r.verdict] for r in host.results}


def test_the_start_page_says_it_in_plain_words(written: Any) -> None:
    german = Page(written.pages["de"].read_bytes()).text
    assert "24 von 40 Rechnern erfüllen alle Vorgaben." in german
    assert "Ungeprüftes gilt nicht als erfüllt." in german
    assert "noch 11 Tage" in german
    assert "sind neu offen" in german
    assert "Neu offen:" in german
    assert "2 Rechner sind dazugekommen" in german
    assert "24 of 40 hosts meet every requirement." in Page(written.pages["en"].read_bytes()).text


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (2, 3)])
def test_small_results_make_a_report_too(
    sample: SimpleNamespace, templates: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    results = sample.results(*size)
    files = write_report(results, None, tmp_path, templates)
    assert "noch keinen Lauf zum Vergleichen" in Page(files.pages["de"].read_bytes()).text
    write_report(results, results, tmp_path, templates)
    assert "nichts verändert" in Page(files.pages["de"].read_bytes()).text


def test_the_same_results_give_the_same_bytes(sample: SimpleNamespace, templates: Path, tmp_path: Path) -> None:
    results = sample.results(20, 10)
    shuffled = results.model_copy(update={"hosts": results.hosts[::-1], "controls": results.controls[::-1]})
    first = write_report(results, None, tmp_path / "a", templates)
    second = write_report(shuffled, None, tmp_path / "b", templates)
    for one, other in zip(sorted((tmp_path / "a").iterdir()), sorted((tmp_path / "b").iterdir()), strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    assert first != second


def test_hostile_text_stays_text(sample: SimpleNamespace, templates: Path, tmp_path: Path) -> None:
    files = write_report(hostile(sample), hostile(sample), tmp_path, templates)
    harmless = write_report(sample.results(len(ATTACKS), 3), None, tmp_path / "harmless", templates)
    for lang in ("de", "en"):
        content = files.pages[lang].read_bytes()
        page = Page(content)
        assert page.tags.count("script") == Page(harmless.pages[lang].read_bytes()).tags.count("script") == 3
        assert "img" not in page.tags
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert "7*7" in page.text
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", content)
        assert "\u202e" not in content.decode()
        assert len(content) < 1_000_000
        assert len(local_data(content)["hosts"]) == len(ATTACKS)
    suites = ElementTree.parse(files.junit).getroot()
    assert suites.get("failures") == str(len(ATTACKS))
    rows = list(csv.reader(io.StringIO(files.csv.read_text(encoding="utf-8-sig"), newline=""), delimiter=";"))
    assert len(rows) == 1 + 3 * len(ATTACKS)
    assert not [text for row in rows for text in row if text.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_large_fleet_stays_small(sample: SimpleNamespace, templates: Path, tmp_path: Path) -> None:
    files = write_report(sample.results(500, 150), sample.results(500, 150, seed=1), tmp_path, templates)
    assert sum(path.stat().st_size for path in files.pages.values()) <= 5_000_000


def test_the_worst_texts_are_cut_and_no_verdict_is_lost(
    sample: SimpleNamespace, templates: Path, tmp_path: Path
) -> None:
    base = sample.results(80, 150)
    hosts = tuple(
        host.model_copy(
            update={
                "results": tuple(
                    ControlResult(
                        control=result.control, verdict=Verdict.NOT_MET,
                        reason=f"{host.host} {result.control} ü" * 40,
                        observations=(Observation(command="c", exit_status=0, stdout=host.host + result.control * 99),),
                    )
                    for result in host.results
                )
            }
        )
        for host in base.hosts
    )  # fmt: skip
    files = write_report(base.model_copy(update={"hosts": hosts}), None, tmp_path, templates)
    assert sum(path.stat().st_size for path in files.pages.values()) <= 5_000_000
    data = local_data(files.pages["de"].read_bytes())
    assert data["shortened"] is True
    assert all(host[12] == "n" * 150 for host in data["hosts"])


def test_both_languages_say_the_same_things(templates: Path) -> None:
    texts = yaml.safe_load((templates / "texts.yml").read_text())

    def shape(value: Any, path: str = "") -> dict[str, Any]:
        if isinstance(value, dict):
            return {k: v for key, item in value.items() for k, v in shape(item, f"{path}.{key}").items()}
        blanks = re.findall(r"\{(\w+)\}", value[-1] if isinstance(value, list) else value)
        return {path: (type(value), len(value) if isinstance(value, list) else 0, sorted(blanks))}

    assert shape(texts["de"]) == shape(texts["en"])


def test_a_spreadsheet_opens_the_table(sample: SimpleNamespace, templates: Path, tmp_path: Path) -> None:
    files = write_report(sample.results(60, 4), None, tmp_path, templates, "de")
    raw = files.csv.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfKommune;Standort;")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert len(rows) == 240
    assert {row["Ergebnis"] for row in rows} >= {"erfüllt", "nicht erfüllt", "nicht geprüft"}
    english = write_report(sample.results(60, 4), None, tmp_path, templates, "en").csv.read_bytes()
    assert english.startswith(b"\xef\xbb\xbfTenant,Site,")


def test_junit_counts_what_it_holds(sample: SimpleNamespace, tmp_path: Path) -> None:
    results = sample.results(60, 30)
    write_junit(results, tmp_path / "sub" / "junit.xml")
    root = ElementTree.parse(tmp_path / "sub" / "junit.xml").getroot()
    count = {v: sum(r.verdict is v for h in results.hosts for r in h.results) for v in Verdict}
    assert root.get("failures") == str(count[Verdict.NOT_MET]) == str(len(root.findall(".//failure")))
    # One host did not answer: that is one more error beside its unevaluated controls.
    unseen = count[Verdict.NOT_EVALUATED] + count[Verdict.STALE] + 1
    assert root.get("errors") == str(unseen) == str(len(root.findall(".//error")))
    assert root.get("tests") == str(60 * 30 + 1) == str(len(root.findall(".//testcase")))
    assert root.get("skipped") == str(count[Verdict.EXCEPTED] + count[Verdict.NOT_APPLICABLE])


def test_nothing_is_written_when_something_is_wrong(sample: SimpleNamespace, templates: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="templates"):
        write_report(sample.results(1, 1), None, tmp_path / "out", tmp_path)
    results = sample.results(1, 1)
    with pytest.raises(UsageError, match="twice"):
        write_report(results.model_copy(update={"hosts": results.hosts * 2}), None, tmp_path / "out", templates)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write_report(results, None, tmp_path / "file", templates)
