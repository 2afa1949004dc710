# SPDX-License-Identifier: EUPL-1.2
"""``verbund report`` as a command."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbund.cli import main

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.fixture
def project(tmp_path: Path, templates: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "verbund.yml").write_text("")
    shutil.copytree(templates, tmp_path / "templates" / "report")
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
