# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@dataclass
class Result:
    """What a command left: exit code and both outputs."""

    code: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sample intent, with the current directory in it."""
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VERBUND_PROJECT", raising=False)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line as a user does."""
    from verbund.cli import main

    def call(*words: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["verbund", *words])
        try:
            main(list(words))
        except SystemExit as stop:
            captured = capsys.readouterr()
            return Result(int(stop.code or 0), captured.out, captured.err)
        raise AssertionError("main() returned")

    return call
