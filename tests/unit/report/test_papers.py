# SPDX-License-Identifier: EUPL-1.2
"""The papers of a tenant: every control has a place, nothing unseen looks proven, a person's fields stay empty."""

from __future__ import annotations

import contextlib
import re
import runpy
import zlib
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from verbund.baseline.controls import load_controls
from verbund.baseline.lifetime import as_of
from verbund.baseline.results import DeviationInfo, Results, Verdict
from verbund.errors import InputError, UsageError
from verbund.report import Declared, Format, lint_places, write_exports
from verbund.report.papers import Papers, State, pdf
from verbund.report.places import FILE, Places

if TYPE_CHECKING:
    from types import SimpleNamespace

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
REPORT_TESTS = runpy.run_path(str(HERE / "test_report.py"))
HOSTILE, ATTACKS, Page = (REPORT_TESTS[name] for name in ("hostile", "ATTACKS", "Page"))


@pytest.fixture(scope="module")
def papers() -> Papers:
    return Papers(ROOT / "templates" / "papers", Places.read(ROOT))


def written(
    papers: Papers, results: Results, tenant: str = "erkrath", declared: Declared | None = None, **later: int
) -> dict[str, str]:
    standing = as_of(results, results.run.finished + timedelta(**later))
    return {kind: page.decode() for kind, page in papers.write(standing, tenant, declared).items()}


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1]))


def only(results: Results, verdict: Verdict, **values: Any) -> Results:
    hosts = tuple(
        host.model_copy(
            update={"results": tuple(r.model_copy(update={"verdict": verdict, **values}) for r in host.results)}
        )
        for host in results.hosts
    )
    return results.model_copy(update={"hosts": hosts})


def project(tmp_path: Path, change: Any) -> Path:
    document = yaml.safe_load((ROOT / FILE).read_text())
    change(document)
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))
    return tmp_path


def test_every_control_of_the_standard_has_its_places() -> None:
    entries, _ = load_controls(ROOT / "roles")
    assert lint_places(ROOT, entries) == []


def drop(role: str, paper: str) -> Any:
    def change(document: Any) -> None:
        for place in document[paper]:
            place["roles"] = [name for name in place.get("roles", ()) if name != role]

    return change


@pytest.mark.parametrize("paper", ["tom", "wiba"])
def test_a_control_without_a_place_is_found_with_its_line(tmp_path: Path, paper: str) -> None:
    entries, _ = load_controls(ROOT / "roles")
    found = lint_places(project(tmp_path, drop("banner", paper)), entries)
    assert {finding.path for finding in found} == {Path("roles/banner/meta/controls.yml")}
    assert all(finding.line and f"in {paper}" in finding.message for finding in found)
    assert len(found) == sum(entry.role == "banner" for entry in entries)


def test_what_is_named_must_exist(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        document["tom"][1]["controls"].append("VB-ACC-999")
        document["wiba"][4]["roles"].append("sshdd")
        document["wiba"][5]["id"] = "client"

    entries, _ = load_controls(ROOT / "roles")
    found = lint_places(project(tmp_path, change), entries)
    assert sorted(finding.message for finding in found) == [
        "'VB-ACC-999' is no control", "'sshdd' is no role with controls", "wiba has 'client' twice",
    ]  # fmt: skip
    lines = (tmp_path / FILE).read_text().splitlines()
    named = {finding.message: lines[finding.line - 1] for finding in found}
    assert "VB-ACC-999" in named["'VB-ACC-999' is no control"]
    assert "sshdd" in named["'sshdd' is no role with controls"]


def test_a_malformed_file_is_one_plain_error(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        document["tom"][0]["ask"] = []
        document["wiba"][0]["who"] = ""

    with pytest.raises(InputError) as error:
        Places.read(project(tmp_path, change))
    assert len(error.value.findings) == 2
    assert all(finding.line for finding in error.value.findings)
    with pytest.raises(InputError, match="cannot be read"):
        Places.read(tmp_path / "nowhere")


def test_a_control_that_is_named_stands_only_where_it_is_named() -> None:
    places = Places.read(ROOT)
    entries, _ = load_controls(ROOT / "roles")
    infos = {entry.control.id: entry.info() for entry in entries}
    assert [place.id for place in places.measures_of(infos["VB-ACC-003"])] == ["zugang"]
    assert [place.id for place in places.measures_of(infos["VB-ACC-001"])] == ["zugriff"]
    assert "mobil" in [place.id for place in places.checklists_of(infos["VB-APT-005"], "laptop")]
    assert "mobil" not in [place.id for place in places.checklists_of(infos["VB-APT-005"], "server")]


def test_every_control_of_a_run_stands_in_both_papers(papers: Papers, sample: SimpleNamespace) -> None:
    results = sample.results(60, 30)
    stranger = results.controls[0].model_copy(update={"id": "VB-XXX-001", "role": "later"})
    hosts = tuple(
        h.model_copy(update={"results": (*h.results, h.results[0].model_copy(update={"control": "VB-XXX-001"}))})
        for h in results.hosts
    )
    results = results.model_copy(update={"controls": (*results.controls, stranger), "hosts": hosts})
    for page in written(papers, results).values():
        for control in results.controls:
            assert control.id in page
        assert "Ohne Zuordnung" in page


@pytest.mark.parametrize("verdict", [Verdict.NOT_EVALUATED, Verdict.STALE, Verdict.NOT_MET, Verdict.EXCEPTED])
def test_nothing_but_met_is_ever_proven(papers: Papers, sample: SimpleNamespace, verdict: Verdict) -> None:
    for page in written(papers, only(sample.results(20, 12), verdict)).values():
        assert 'class="state nachgewiesen"' not in page
        assert 'class="state' in page
        assert re.search(r"(?<!nicht )nachgewiesen</span>", page) is None


def test_one_host_that_was_not_seen_is_enough(papers: Papers, sample: SimpleNamespace) -> None:
    good = only(sample.results(20, 6), Verdict.MET)
    assert 'class="state offen"' not in written(papers, good)["tom"]
    assert 'class="state unklar"' not in written(papers, good)["tom"]
    first = next(host for host in good.hosts if host.tenant == "erkrath")
    blind = only(good.model_copy(update={"hosts": (first,)}), Verdict.NOT_EVALUATED).hosts[0]
    mixed = good.model_copy(update={"hosts": tuple(blind if h is first else h for h in good.hosts)})
    page = written(papers, mixed)["tom"]
    assert 'class="state nachgewiesen"' not in page
    assert f"Ohne gültigen Nachweis: {first.host}" in page


def test_three_weeks_later_nothing_is_proven(papers: Papers, sample: SimpleNamespace) -> None:
    results = only(sample.results(20, 12), Verdict.MET)
    assert 'class="state nachgewiesen"' in written(papers, results, days=6)["tom"]
    for page in written(papers, results, weeks=3).values():
        assert 'class="state nachgewiesen"' not in page
        assert "Nachweise sind veraltet" in page
        assert "13.12.2026" in page


def test_the_basis_counts_hosts_verdicts_and_names_the_run(papers: Papers, sample: SimpleNamespace) -> None:
    results = sample.results(60, 12)
    hosts = [host for host in results.hosts if host.tenant == "erkrath"]
    declared = Declared("Stadt Erkrath", "IT-Koordination", frozenset({host.host for host in hosts} | {"gse-new01"}))
    count = {v: sum(r.verdict is v for h in hosts for r in h.results) for v in Verdict}
    for page in written(papers, results, declared=declared).values():
        text = plain(page)
        assert f"Geprüfte Rechner {len(hosts)} von {len(hosts) + 1} (" in text
        assert "Stadt Erkrath · IT-Koordination" in text
        assert "1 Rechner sind in diesem Prüflauf nicht enthalten: gse-new01" in text
        assert f"{count[Verdict.MET]} erfüllt, {count[Verdict.NOT_MET]} nicht erfüllt" in text
        assert "22.11.2026, 15:28 Uhr (UTC)" in text
        assert "Standard-Release 2026.1" in text
        assert "20261122T153000Z" in text
    assert "insgesamt hat, ist aus dem Prüflauf nicht zu ersehen" in plain(written(papers, results)["wiba"])


def test_a_silent_host_is_named(papers: Papers, sample: SimpleNamespace) -> None:
    results = sample.results(60, 4)
    (silent,) = [host for host in results.hosts if host.error]
    for page in written(papers, results, silent.tenant).values():
        assert f"1 Rechner konnten nicht befragt werden: {silent.host}" in plain(page)


def test_an_exception_shows_owner_reason_compensation_and_days(papers: Papers, sample: SimpleNamespace) -> None:
    given = DeviationInfo(
        owner="Fachbereich Bürgerdienste", reason="alt", compensation="eigenes Netz", expires=date(2026, 11, 30)
    )  # fmt: skip
    results = only(sample.results(10, 4), Verdict.EXCEPTED, deviation=given)
    for page in written(papers, results).values():
        text = plain(page)
        for word in ("Fachbereich Bürgerdienste", "alt", "eigenes Netz", "30.11.2026", "noch 8 Tage"):
            assert word in text
    assert "noch 3 Tage" in plain(written(papers, results, days=5)["tom"])
    after = plain(written(papers, results, days=9)["tom"])
    assert "Fachbereich Bürgerdienste" not in after
    unknown = only(sample.results(10, 4), Verdict.EXCEPTED, deviation=None)
    assert "nennt der Prüflauf weder Verantwortliche noch Frist" in plain(written(papers, unknown)["tom"])


def test_fields_for_people_are_empty_and_name_a_role(papers: Papers, sample: SimpleNamespace) -> None:
    places = Places.read(ROOT)
    pages = written(papers, sample.results(20, 12))
    for kind, questions in (("tom", sum(len(m.ask) for m in places.tom) + 1), ("wiba", len(places.wiba) + 1)):
        fields = re.findall(r"<textarea[^>]*>(.*?)</textarea>", pages[kind], re.DOTALL)
        assert fields == [""] * questions
        assert pages[kind].count("Von einer Person auszufüllen: ") == questions
        ids = re.findall(r'<(?:textarea|input) id="([^"]+)"', pages[kind])
        assert len(ids) == len(set(ids))
        assert sorted(ids) == sorted(re.findall(r'<label for="([^"]+)"', pages[kind]))
    assert not re.search(r"<input[^>]*(checked|value)", "".join(pages.values()))


def test_hostile_text_stays_text_in_the_papers(papers: Papers, sample: SimpleNamespace) -> None:
    results = HOSTILE(sample)
    tags = {kind: set(Page(p.encode()).tags) for kind, p in written(papers, sample.results(60, 12)).items()}
    for host in results.hosts:
        for kind, page in written(papers, results, host.tenant).items():
            parsed = Page(page.encode())
            assert set(parsed.tags) <= tags[kind]
            assert not [
                name for name, _ in parsed.attributes if name.startswith("on") or name in {"src", "href", "style"}
            ]
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", page)
            assert len(page) < 200_000


def test_a_tenant_with_the_name_of_a_path_gets_no_file(sample: SimpleNamespace, tmp_path: Path) -> None:
    base = sample.results(1, 1)
    for name in ("../up", "..", "", "a\0b"):
        bad = base.model_copy(update={"hosts": (base.hosts[0].model_copy(update={"tenant": name}),)})
        with pytest.raises(UsageError, match="cannot be the id of a tenant"):
            write_exports(bad, tmp_path / "out", ROOT, {Format.PAPERS})
    assert not (tmp_path / "out").exists()


def test_missing_templates_are_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not complete"):
        Papers(tmp_path, Places.read(ROOT))


@pytest.mark.loopback
def test_the_papers_are_written_as_html_and_pdf_and_always_the_same(sample: SimpleNamespace, tmp_path: Path) -> None:
    results = sample.results(1, 2)
    files = write_exports(results, tmp_path, ROOT, {Format.PAPERS})
    assert [path.name for path in files] == ["tom.html", "tom.pdf", "wiba.html", "wiba.pdf"]
    page, made = files[0].read_bytes(), files[1].read_bytes()
    assert made.startswith(b"%PDF-1.7")
    inside = b"".join(unpacked(part) for part in made.split(b"stream\n")[1:])
    assert b"/AcroForm" in inside
    assert b"tom-risk" in inside
    assert b"/StructTreeRoot" in inside
    assert pdf(page, results.run.finished) == made


def unpacked(stream: bytes) -> bytes:
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj().decompress(stream)
    return b""


def test_a_pdf_fetches_nothing(sample: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("urllib.request.OpenerDirector.open", lambda *_, **__: pytest.fail("fetched"))
    (tmp_path / "secret.css").write_text("body { color: red }")
    page = (
        f'<html lang="de"><title>t</title><link rel="stylesheet" href="file://{tmp_path}/secret.css">'
        '<body><img alt="" src="http://127.0.0.1:9/x.png"><p>text</p>'
    )
    made = pdf(page.encode(), sample.FINISHED)
    assert made.startswith(b"%PDF")
    assert b"127.0.0.1" not in made


def test_the_worst_verdict_decides(sample: SimpleNamespace) -> None:
    from verbund.report.papers import Row

    row = Row(sample.control(0))
    assert row.state is State.NONE
    host = sample.results(1, 1).hosts[0]
    expected = (
        (Verdict.NOT_APPLICABLE, State.NONE), (Verdict.MET, State.PROVEN), (Verdict.EXCEPTED, State.EXCEPTED),
        (Verdict.STALE, State.UNSEEN), (Verdict.NOT_MET, State.OPEN), (Verdict.MET, State.OPEN),
    )  # fmt: skip
    for verdict, state in expected:
        row.add(host, host.results[0].model_copy(update={"verdict": verdict}))
        assert row.state is state
    assert row.applies == 5
