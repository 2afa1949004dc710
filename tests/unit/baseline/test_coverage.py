# SPDX-License-Identifier: EUPL-1.2
"""Every requirement has a place for every class, and what is said of it is what the controls prove."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from verbund.baseline.controls import Control, Entry, bsi_catalogue, require_controls
from verbund.baseline.coverage import (
    CLASSES,
    FILE,
    Coverage,
    Requirement,
    Standing,
    Status,
    contradictions,
    load_coverage,
    require_coverage,
)
from verbund.baseline.coverage_pages import pages, records
from verbund.cli.main import main
from verbund.errors import InputError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def stated() -> Coverage:
    return require_coverage()


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return require_controls(ROOT / "roles")


def control(requirement: str, classes: Sequence[str], profiles: Sequence[str] = (), number: int = 1) -> Entry:
    """A control that references one requirement, as the roles would state it in line 7 of a file."""
    made = Control.model_validate(
        {
            "id": f"VB-TST-{number:03}", "title": {"de": "Regel", "en": "Rule"},
            "bsi": ({"req": requirement, "level": bsi_catalogue()[requirement].level},), "classes": tuple(classes),
            "profiles": tuple(profiles), "tag": "t", "test": "tests/baseline/test_x.py::test_x", "evidence": "both",
            "since": "2026.1",
        }
    )  # fmt: skip
    return Entry(made, "tst", Path("roles/tst/meta/controls.yml"), 3, {"bsi.0.req": 7})


# ---- the file of this release ---------------------------------------------------------------------------------------


def test_every_requirement_has_a_place_for_every_class(stated: Coverage):
    for module in stated.modules:
        for requirement in module.requirements:
            named = [name for standing in module.standings(requirement) for name in standing.classes]
            assert sorted(named) == sorted(CLASSES), requirement.id
    assert [r.id for module in stated.modules for r in module.requirements] == list(bsi_catalogue())
    for host_class in CLASSES:
        assert sum(module.counts(host_class).total() for module in stated.modules) == 408


def test_it_agrees_with_the_controls_of_the_roles(stated: Coverage, entries: list[Entry]):
    assert not list(map(str, contradictions(stated, entries)))


def test_texts_say_something_of_their_own_and_name_no_control(stated: Coverage):
    for module in stated.modules:
        for requirement in module.requirements:
            for standing in requirement.standings:
                for text in (standing.de, standing.en):
                    assert "VB-" not in text, f"{requirement.id}: which controls prove it follows from the controls"
                    assert not text.endswith("."), requirement.id
                    assert text == text.strip(), requirement.id
                    assert standing.status is Status.AUTOMATED or 15 < len(text) <= 140, requirement.id
                assert standing.status is Status.AUTOMATED or standing.de != standing.en, requirement.id
                assert standing.de != requirement.bsi.title, requirement.id


def test_the_documentation_is_current(stated: Coverage, entries: list[Entry]):
    expected = pages(stated, entries)
    written = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "coverage").iterdir()}
    stale = sorted(name for name in expected.keys() | written.keys() if expected.get(name) != written.get(name))
    assert not stale, "run `verbund coverage --markdown docs/coverage`"


def test_a_page_says_status_gap_and_controls_of_each_requirement(stated: Coverage, entries: list[Entry]):
    made = pages(stated, entries)
    assert len(made) == 22
    assert "| all | 408 |" in made["README.md"]
    page = made["OPS.1.2.6.md"]
    assert "| OPS.1.2.6.A3 (B) | Sichere Konfiguration von NTP-Servern | switch | not applicable |" in page
    assert next(line for line in page.splitlines() if "A8 (S)" in line).endswith("| VB-TIM-007 |")
    assert "Not applicable to client, laptop, switch: " in made["SYS.1.3.md"]
    assert all(page.count("\n| ") > len(m.requirements) for m in stated.modules for page in [made[f"{m.id}.md"]])


# ---- bad input: each finding at its line ----------------------------------------------------------------------------

MALFORMED = {
    "missing": ("      SYS.1.3.A3: {status: automated}\n", "", None, "SYS.1.3.A3 is missing"),
    "unknown": ("SYS.1.3.A3: {", "SYS.1.3.A33: {", "A33: {", "SYS.1.3.A33 is not a requirement of SYS.1.3"),
    "twice": ("SYS.1.3.A4: {", "SYS.1.3.A3: {", None, "SYS.1.3.A3 stands twice"),
    "module": ("\n  CON.3:", "\n  CON.9:", "\n  CON.9:", "CON.9 is not a module of Edition 2023"),
    "status": ("A3: {status: automated}", "A3: {status: done}", "status: done", "SYS.1.3.A3: status: Input should be"),
    "no gap": ("A3: {status: automated}", "A3: {status: partial}", "A3: {status: par", "needs answer and de and en"),
    "no reason": ("A3: {status: automated}", "A3: {status: not applicable}", "A3: {status: not a", "needs de and en"),
    "gap of nothing": ("A3: {status: automated}", "A3: {status: automated, de: x}", "de: x", "'automated' has no de"),
    "unknown key": ("A3: {status: automated}", "A3: {status: automated, why: x}", "why: x", "why: is not a key"),
    "unknown class": ("[server, gateway]", "[server, toaster]", "toaster", "SYS.1.1: classes.1: Input should be"),
    "nobody": ("answer: Haustechnik", "answer: Hausmeister", "Hausmeister", "is not among the roles that answer"),
    "beside": ("elsewhere:\n", "otherwise:\n", "otherwise:", "otherwise: is not a key of a module"),
    "no reason elsewhere": ("[lap", "[client, laptop, server, gateway, switch, lap", None, "SYS.3.1: 'elsewhere' says"),
    "not YAML": ("answers:", "answers: [", None, "is not valid YAML"),
    "no list": ("answers:", "answer:", None, "expected two keys"),
    "class left out": ("- {classes: [client, laptop, server, gateway], s", "- {classes: [client, laptop, server], s",
                       None, "OPS.1.1.3.A3: nothing is said for class gateway"),
    "class twice": ("- {classes: [client, laptop, server, gateway], s",
                    "- {classes: [client, laptop, server, gateway, switch], s",
                    None, "OPS.1.1.3.A3: class switch stands in two entries"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files(tmp_path: Path, case: str):
    old, new, place, message = MALFORMED[case]
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    path = tmp_path / "coverage_2023.yml"
    path.write_text(text, encoding="utf-8")
    _, findings = load_coverage(path, tmp_path)
    found = [str(finding) for finding in findings]
    assert any(message in line for line in found), found
    if place:
        number = text[: text.index(place)].count("\n") + 1 + (place[0] == "\n")
        assert any(line.startswith(f"coverage_2023.yml:{number}:") and message in line for line in found), found
    with pytest.raises(InputError):
        require_coverage(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"- a\n", b"answers: 3\nmodules: 4\n", b"modules:\n\t- x\n"])
def test_broken_files_are_findings_not_tracebacks(tmp_path: Path, content: bytes):
    path = tmp_path / "coverage_2023.yml"
    path.write_bytes(content)
    assert load_coverage(path, tmp_path)[1]
    assert load_coverage(tmp_path / "none.yml", tmp_path)[1]


# ---- what is said against what is proven ----------------------------------------------------------------------------


def said(stated: Coverage, requirement: str, **standing: object) -> Coverage:
    """The coverage with nothing but one requirement, of which one thing is said."""
    module = next(m for m in stated.modules if requirement.startswith(m.id + ".A"))
    one = Standing.model_validate({"de": "x", "en": "x", "classes": module.classes, **standing})
    changed = Requirement(requirement, bsi_catalogue()[requirement], (one,), (12,))
    from dataclasses import replace

    return replace(stated, modules=(replace(module, requirements=(changed,)),))


AUTOMATED = {"status": "automated", "de": "", "en": ""}
PARTIAL = {"status": "partial", "answer": "ISB"}
MANUAL = {"status": "manual", "answer": "ISB"}


@pytest.mark.parametrize(
    ("standing", "classes", "profiles", "message"),
    [
        (AUTOMATED, ["server", "gateway"], [], None),
        (AUTOMATED, ["server"], [], "is 'automated' for gateway, but no control that holds for all profiles"),
        (AUTOMATED, ["server", "gateway"], ["p1"], "is 'automated' for server, gateway, but no control that holds"),
        (AUTOMATED, ["server", "gateway", "client"], [], None),
        (PARTIAL, ["server", "gateway"], ["p1"], None),
        (PARTIAL, ["gateway"], [], "is 'partial' for server, but no control proves it there"),
        (MANUAL, ["gateway", "client"], [], "is 'manual' for gateway, but VB-TST-001 (roles/tst/meta/controls.yml:3)"),
        ({"status": "not applicable"}, ["server"], [], "is 'not applicable' for server, but VB-TST-001"),
    ],
)
def test_contradictions(stated, standing, classes, profiles, message):
    found = list(contradictions(said(stated, "SYS.1.3.A3", **standing), [control("SYS.1.3.A3", classes, profiles)]))
    assert [finding.line for finding in found] == ([12] if message else [])
    assert [finding.path for finding in found] == ([stated.path] if message else [])
    assert not message or message in found[0].message
    assert not message or found[0].hint


def test_manual_without_a_control_is_fine_and_others_are_not(stated):
    assert not list(contradictions(said(stated, "SYS.1.3.A3", **MANUAL), []))
    for standing in (AUTOMATED, PARTIAL):
        assert "for server, gateway" in str(next(contradictions(said(stated, "SYS.1.3.A3", **standing), [])))


def test_a_control_that_proves_nothing_is_found_at_its_reference(stated):
    found = list(contradictions(said(stated, "SYS.1.3.A3", **MANUAL), [control("SYS.1.3.A3", ["client"])]))
    assert [str(finding.path) for finding in found] == ["roles/tst/meta/controls.yml"]
    assert found[0].line == 7
    assert "proves SYS.1.3.A3 on no host: the module is about server, gateway, this is about client" in found[0].message


def test_classes_that_stand_differently_count_as_partial(stated):
    bsi = bsi_catalogue()["OPS.1.1.3.A3"]
    text = {"de": "x", "en": "x"}
    proven = Standing(classes=("server",), status=Status.AUTOMATED)
    manual = Standing(classes=("client",), status=Status.MANUAL, answer="ISB", **text)
    nowhere = Standing(classes=("switch",), status=Status.NOT_APPLICABLE, **text)
    for standings, status in [
        ((proven,), Status.AUTOMATED),
        ((proven, nowhere), Status.AUTOMATED),
        ((manual, nowhere), Status.MANUAL),
        ((proven, manual), Status.PARTIAL),
        ((nowhere,), Status.NOT_APPLICABLE),
    ]:
        assert Requirement("OPS.1.1.3.A3", bsi, standings, (1,) * len(standings)).status is status


# ---- the command ----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["--project", str(ROOT), "coverage", *arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(autouse=True)
def _project(monkeypatch):
    monkeypatch.setenv("VERBUND_PROJECT", str(ROOT))


def test_command_lists_modules(capfd, stated):
    assert run() == 0
    out = capfd.readouterr().out
    assert all(module.id in out for module in stated.modules)
    assert "408" in out.splitlines()[-1]
    assert run("--class", "switch") == 0
    assert capfd.readouterr().out != out


def test_command_selects(capfd, stated, entries):
    assert run("--module", "SYS.1.3", "--class", "server", "--status", "automated", "--json") == 0
    rows = json.loads(capfd.readouterr().out)
    assert rows == list(records(stated, entries, "server", "SYS.1.3", Status.AUTOMATED))
    assert rows
    assert all(row["classes"] == ["server"] and row["controls"] for row in rows)
    assert run("--module", "SYS.3.1", "--status", "manual") == 0
    out = capfd.readouterr().out
    assert "SYS.3.1.A12 (S) manual: Verlustmeldung für Laptops [laptop]" in out
    assert "    Department: Reporting channel" in out
    assert run("--json") == 0
    everything = json.loads(capfd.readouterr().out)
    assert {(row["id"], name) for row in everything for name in row["classes"]} == {
        (requirement, name) for requirement in bsi_catalogue() for name in CLASSES
    }


def test_command_writes_pages(capfd, tmp_path, stated, entries):
    assert run("--markdown", str(tmp_path)) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == pages(stated, entries)
    assert "22 pages" in capfd.readouterr().out


@pytest.mark.parametrize("wrong", [["--module", "SYS.9"], ["--class", "toaster"], ["--status", "done"]])
def test_command_refuses(capfd, wrong):
    assert run(*wrong) == 2
    assert capfd.readouterr().err


def test_command_refuses_pages_of_a_part(capfd, tmp_path):
    assert run("--markdown", str(tmp_path / "pages"), "--class", "server") == 2
    assert "--markdown writes all pages" in capfd.readouterr().err
    assert not (tmp_path / "pages").exists()
