# SPDX-License-Identifier: EUPL-1.2
"""``verbund report`` as a command."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import timedelta
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbund.cli import main
from verbund.cli.report import Choice
from verbund.report import Format

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.fixture
def project(tmp_path: Path, templates: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "verbund.yml").write_text("")
    shutil.copytree(templates, tmp_path / "templates" / "report")
    shutil.copytree(templates.parent / "papers", tmp_path / "templates" / "papers")
    monkeypatch.setenv("VERBUND_PROJECT", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["report", *arguments])
    return int(stop.value.code or 0)


def store(project: Path, sample: SimpleNamespace, name: str, days_ago: int, mtime: int) -> Path:
    path = project / ".verbund" / "results" / f"{name}.json"
    sample.results(6, 4, seed=days_ago, finished=sample.FINISHED - timedelta(days=days_ago), name=name).write(path)
    os.utime(path, (mtime, mtime))
    return path


def test_the_latest_run_is_compared_with_the_newest_older_one(
    project: Path, sample: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    store(project, sample, "monday", 6, 100)
    store(project, sample, "friday", 2, 200)
    today = store(project, sample, "today", 0, 300)
    shutil.copy(today, today.with_name("latest.json"))
    today.with_name("damaged.json").write_text("{")
    assert run() == 0
    said = capsys.readouterr()
    assert "compared with run friday" in said.out
    assert "damaged.json" in said.err
    page = project / ".verbund" / "report" / "index.html"
    assert str(page) in said.out
    assert "kB" in said.out
    assert page.with_name("index.en.html").exists()


def test_files_can_be_named(project: Path, sample: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = store(project, sample, "old", 6, 100), store(project, sample, "new", 0, 200)
    out = project / "elsewhere"
    assert run("--results", str(new), "--previous", str(old), "--output", str(out), "--lang", "en") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("compared with run old")
    assert lines[1].endswith("index.en.html")
    assert {path.name for path in out.iterdir()} == {"index.html", "index.en.html", "results.csv", "junit.xml"}


def test_a_missing_result_file_says_what_to_do(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "verbund verify" in capsys.readouterr().err
    assert not (project / ".verbund" / "report").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"format":"other"}', b"\x1b[31m", b"null"])
def test_a_damaged_result_file_is_one_plain_error(
    project: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "results.json"
    path.write_bytes(content)
    assert run("--results", str(path)) == 2
    said = capsys.readouterr().err
    assert "is not a result file" in said
    assert "Traceback" not in said
    assert "\x1b" not in said


def test_a_directory_is_no_result_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--results", str(project)) == 2
    assert "cannot read" in capsys.readouterr().err


def test_an_unknown_language_is_a_usage_error(project: Path) -> None:
    assert run("--lang", "fr") == 2


def test_formats_can_be_chosen(project: Path, sample: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    store(project, sample, "latest", 0, 100)
    assert run("-f", "sarif", "-f", "prometheus", "-f", "csv", "--at", "2026-11-22") == 0
    out = project / ".verbund" / "report"
    assert {path.name for path in out.iterdir()} == {"results.sarif", "verbund.prom", "results.csv"}
    said = capsys.readouterr().out
    assert "compared" not in said
    assert all(str(path) in said for path in out.iterdir())


def test_a_report_of_an_old_run_says_stale(
    project: Path, sample: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(project, sample, "old", 0, 100)
    assert run("--results", str(path), "--at", "2026-12-13") == 0
    assert "verdicts are stale" in capsys.readouterr().err
    out = project / ".verbund" / "report"
    table = (out / "results.csv").read_text()
    assert ";erfüllt;" not in table
    assert ";veraltet;the evidence of 2026-11-22 15:30 UTC is older than 168 h; it said: met" in table.replace('"', "")
    page = (out / "index.html").read_text()
    assert "Ergebnisse nicht mehr: Nachweise sind zu alt" in page
    assert "<failure" not in (out / "junit.xml").read_text()
    assert 'message="stale' in (out / "junit.xml").read_text()
    assert run("--results", str(path), "--at", "2026-11-22") == 0
    assert ";erfüllt;" in (out / "results.csv").read_text()
    assert "nicht mehr: Nachweise" not in (out / "index.html").read_text()


def test_a_report_from_before_its_run_is_refused(
    project: Path, sample: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    store(project, sample, "latest", 0, 100)
    assert run("--at", "2026-11-21") == 2
    assert "the run ended on 2026-11-22" in capsys.readouterr().err
    assert not (project / ".verbund" / "report").exists()


def test_without_controls_there_is_no_component_definition_and_nothing_is_written(
    project: Path, sample: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    store(project, sample, "latest", 0, 100)
    assert run("-f", "all") == 2
    assert "no role has controls" in capsys.readouterr().err
    assert not (project / ".verbund" / "report").exists()


def test_where_no_pdf_can_be_made_it_says_what_to_install(
    project: Path, sample: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing(MetaPathFinder):
        def find_spec(self, name: str, *_: object) -> None:
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    store(project, sample, "latest", 0, 100)
    assert run("-f", "papers", "-f", "csv") == 2
    said = capsys.readouterr().err
    assert "no PDF can be made: cannot load library 'libpango-1.0-0'" in said
    assert "requirements/debian.txt" in said
    assert "the papers do not say how many hosts a tenant has" in said
    assert not (project / ".verbund" / "report").exists()


def test_every_format_can_be_chosen() -> None:
    assert {choice.value for choice in Choice} == {*Format, "all"}
