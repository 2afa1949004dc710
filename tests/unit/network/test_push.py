# SPDX-License-Identifier: EUPL-1.2
"""The push engine against test switches over SSH: there, back, cut, refused, locked out; never lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sample
from switchyard import other, yard

from verbund.network.push.engine import Outcome


@pytest.mark.parametrize("platform", sample.CLI)
def test_there_verified_confirmed_saved_and_then_nothing_left_to_do(platform: str, tmp_path: Path) -> None:
    with yard(platform, tmp_path) as it:
        start = it.device.running_config()
        dry = it.push(dry_run=True)
        assert dry.outcome is Outcome.DIFFERS
        assert it.device.running_config() == start
        result = it.push()
        assert result.outcome is Outcome.CHANGED, result.detail
        assert result.commands
        assert not it.device.unsaved
        assert it.device.saves == 1
        assert it.push().outcome is Outcome.SAME
        assert not it.device.outages
        it.farm.advance(it.clock, 7200)
        assert it.push().outcome is Outcome.SAME, "no timer is left that takes it back"
        assert it.store.journal("sw1") is None
