# SPDX-License-Identifier: EUPL-1.2
"""Roll the standard out to hosts: in waves, verified after each, with a record that survives a crash."""

from __future__ import annotations

from verbund.rollout.apply import Application, Check, Options, Verify, Watcher, rerun, settle
from verbund.rollout.ledger import Ledger
from verbund.rollout.playbook import Event
from verbund.rollout.record import HostOutcome, Outcome, RunRecord, Runs, RunStatus, Wave
from verbund.rollout.waves import order, parse_waves, split

__all__ = [
    "Application",
    "Check",
    "Event",
    "HostOutcome",
    "Ledger",
    "Options",
    "Outcome",
    "RunRecord",
    "RunStatus",
    "Runs",
    "Verify",
    "Watcher",
    "Wave",
    "order",
    "parse_waves",
    "rerun",
    "settle",
    "split",
]
