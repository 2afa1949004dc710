# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def sample() -> SimpleNamespace:
    """The sample fleet (sample.py)."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("sample.py"))))


@pytest.fixture(scope="session")
def templates() -> Path:
    """The report's templates."""
    return Path(__file__).parents[3] / "templates" / "report"
