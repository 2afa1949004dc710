# SPDX-License-Identifier: EUPL-1.2
"""`verbund net render` and `verbund net diff` on the sample sites: nothing is contacted, everything is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def verbund(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "deploy"), "VERBUND_PROJECT": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "verbund", "net", *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_site_is_rendered_into_files_and_compared_with_what_runs(tmp_path: Path) -> None:
    result = verbund("render", "erkrath/rathaus", "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "ra_guard" in result.stderr, "what LANCOM cannot do is said"
    written = sorted(file.name for file in tmp_path.iterdir())
    assert "rhe-sw6.cfg" in written
    assert "rhe-sw6.yml" in written
    running = tmp_path / "rhe-sw6.cfg"
    assert verbund("diff", "rhe-sw6", "--running", str(running)).returncode == 0
    running.write_text(running.read_text().replace("no telnet-server", "telnet-server"))
    result = verbund("diff", "rhe-sw6", "--running", str(running), "--commands")
    assert result.returncode == 1
    assert result.stdout.splitlines() == ["- telnet-server", "+ no telnet-server", "no telnet-server"]


def test_names_that_do_not_exist() -> None:
    result = verbund("render", "rhe-sw66")
    assert result.returncode == 2
    assert "rhe-sw6" in result.stderr
    result = verbund("diff", "erkrath/rathaus", "--running", "x")
    assert result.returncode == 2
    assert "name one switch" in result.stderr


def test_papers_of_a_site(tmp_path: Path) -> None:
    result = verbund("papers", "haan/rathaus", "--no-pdf", "--lang", "en", "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "kommunikationsmatrix.en.html", "netzplan.en.html", "netzplan.en.svg", "patchplan.en.html"
    ]  # fmt: skip
    assert all(str(file) in result.stdout for file in tmp_path.iterdir())
    result = verbund("papers", "haan/rathaus2", "--out", str(tmp_path))
    assert result.returncode == 2
    assert "haan/rathaus" in result.stderr
