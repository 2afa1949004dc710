# SPDX-License-Identifier: EUPL-1.2
"""How long evidence and exceptions hold: a verdict is only as good as what it rests on is young."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from verbund.baseline.results import ControlResult, HostResult, Results, Verdict

# Clocks of controllers differ a little; evidence that is dated later than this was stamped by a wrong clock.
_AHEAD = timedelta(hours=1)

# Judged without asking the host ("not for hosts of class gateway"), or already known to rest on nothing.
_AGELESS = frozenset({Verdict.NOT_EVALUATED, Verdict.STALE})


def overdue(collected: datetime, lifetime_hours: int, at: datetime) -> str:
    """Why evidence cannot be relied on any more at a moment; empty when it can.

    The text does not change as time goes on, so that the same verdicts always make the same report.

    Args:
        collected: when the evidence was fetched.
        lifetime_hours: how old it may be, in hours.
        at: the moment to judge it at.
    """
    if collected > at + _AHEAD:
        return f"the evidence is dated {_moment(collected)}, which is still to come: a clock was wrong"
    if at - collected > timedelta(hours=lifetime_hours):
        return f"the evidence of {_moment(collected)} is older than {lifetime_hours} h"
    return ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A run as it stands at a later moment.

    Args:
        results: the run, with verdicts turned that do not hold any more.
        on: the day it is judged on (UTC).
        since: the moment from which it stands as it does; the end of the run when nothing turned.
        stale: verdicts whose evidence outlived its time since the run.
        ended: exceptions that ended since the run.
    """

    results: Results
    on: date
    since: datetime
    stale: int = 0
    ended: int = 0


def as_of(results: Results, at: datetime) -> Standing:
    """Judge a run again at a later moment: old evidence is stale, an exception past its date is not met.

    Args:
        results: the run as it was stored.
        at: the moment, with its time zone.
    """
    lifetimes = {control.id: control.lifetime_hours for control in results.controls}
    turned = _Turned(results.run.finished, at)
    hosts = tuple(
        host.model_copy(update={"results": tuple(turned.judge(host, result, lifetimes) for result in host.results)})
        for host in results.hosts
    )
    if not turned.stale and not turned.ended:
        return Standing(results, at.astimezone(UTC).date(), results.run.finished)
    return Standing(
        results.model_copy(update={"hosts": hosts}),
        at.astimezone(UTC).date(),
        turned.since,
        turned.stale,
        turned.ended,
    )


class _Turned:
    def __init__(self, finished: datetime, at: datetime) -> None:
        self.since, self.stale, self.ended = finished, 0, 0
        self._finished, self._at = finished, at

    def judge(self, host: HostResult, result: ControlResult, lifetimes: dict[str, int]) -> ControlResult:
        asked = bool(result.observations)
        if result.verdict in _AGELESS or (result.verdict is Verdict.NOT_APPLICABLE and not asked):
            return result
        # What was judged without a question to the host is as old as the run.
        collected = host.collected if asked and host.collected else self._finished
        hours = lifetimes.get(result.control, 0)
        if aged := overdue(collected, hours, self._at):
            self.stale += 1
            if collected <= self._at:
                self.since = max(self.since, collected + timedelta(hours=hours))
            return result.model_copy(
                update={"verdict": Verdict.STALE, "reason": it_said(aged, result), "deviation": None}
            )
        given = result.deviation
        if result.verdict is Verdict.EXCEPTED and given and given.expires < self._at.astimezone(UTC).date():
            self.ended += 1
            self.since = max(self.since, datetime.combine(given.expires + timedelta(days=1), time(), UTC))
            why = f"the exception ended on {given.expires.isoformat()}" + (
                f"; {result.reason}" if result.reason else ""
            )
            return result.model_copy(update={"verdict": Verdict.NOT_MET, "reason": why, "deviation": None})
        return result


def it_said(aged: str, result: ControlResult) -> str:
    """The reason of a stale verdict: why it is stale, and what the evidence said while it was fresh."""
    said = Verdict.NOT_MET if result.verdict is Verdict.EXCEPTED else result.verdict
    return f"{aged}; it said: {said.value}" + (f": {result.reason}" if result.reason else "")


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
