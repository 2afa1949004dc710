# SPDX-License-Identifier: EUPL-1.2
"""The process leaves with the code that says how the worst host fared."""

from __future__ import annotations

import pytest

from verbund.cli import fleet, main
from verbund.errors import ExitCode
from verbund.rollout.fleet import FleetResult, exit_code


@pytest.mark.parametrize(
    ("events", "code"),
    [
        (["changed", "unchanged"], ExitCode.GOOD),
        (["changed", "unreachable"], ExitCode.UNREACHABLE),
        (["unreachable", "failed"], ExitCode.FINDINGS),
        (["not run"], ExitCode.FINDINGS),
    ],
)
@pytest.mark.parametrize("command", ["enrol", "facts", "quarantine", "release"])
def test_exit_code_of_the_process(monkeypatch, capsys, events, code, command):
    results = {f"h{number}": FleetResult(event) for number, event in enumerate(events)}
    monkeypatch.setattr(fleet, "_run", lambda *_: (exit_code(results), results))
    with pytest.raises(SystemExit) as left:
        main([command, "--limit", "x"])
    assert left.value.code == code
