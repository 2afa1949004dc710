# SPDX-License-Identifier: EUPL-1.2
"""Verdicts outlive neither their evidence nor their exception."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from verbund.baseline.lifetime import as_of, overdue
from verbund.baseline.results import (
    BsiReference,
    ControlInfo,
    ControlResult,
    DeviationInfo,
    HostResult,
    Observation,
    Results,
    RunInfo,
    Title,
    Verdict,
)

RUN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
WEEKS = RUN + timedelta(weeks=3)
SEEN = (Observation(command="sshd -T", exit_status=0),)
GIVEN = DeviationInfo(owner="IT-Koordination", reason="alt", compensation="getrennt", expires=date(2026, 11, 4))


def run(*results: ControlResult, hours: int = 168, collected: datetime | None = RUN) -> Results:
    controls = tuple(
        ControlInfo(
            id=result.control, title=Title(de="d", en="e"), bsi=(BsiReference(req="SYS.1.3.A8", level="S"),),
            role="sshd", evidence="both", since="2026.1", lifetime_hours=hours,
        )
        for result in results
    )  # fmt: skip
    host = HostResult(
        host="h", tenant="t", site="s", host_class="server", profile="p", zone="z", address="10.0.0.1",
        collected=collected, results=results,
    )  # fmt: skip
    info = RunInfo(id="r", started=RUN, finished=RUN, operator="o", release="2026.1", command="c")
    return Results(run=info, controls=controls, hosts=(host,))


def judged(verdict: Verdict, at: datetime, *, asked: bool = True, hours: int = 168) -> ControlResult:
    result = ControlResult(
        control="VB-SSH-001", verdict=verdict, reason="why", observations=SEEN if asked else (),
        deviation=GIVEN if verdict is Verdict.EXCEPTED else None,
    )  # fmt: skip
    return as_of(run(result, hours=hours), at).results.hosts[0].results[0]


@pytest.mark.parametrize("verdict", [Verdict.MET, Verdict.NOT_MET, Verdict.EXCEPTED, Verdict.NOT_APPLICABLE])
def test_three_weeks_later_nothing_that_was_asked_still_holds(verdict: Verdict) -> None:
    found = judged(verdict, WEEKS)
    assert found.verdict is Verdict.STALE
    assert found.deviation is None
    said = Verdict.NOT_MET if verdict is Verdict.EXCEPTED else verdict
    assert found.reason == f"the evidence of 2026-11-01 12:00 UTC is older than 168 h; it said: {said.value}: why"


def test_a_verdict_without_a_question_ages_with_its_run() -> None:
    assert judged(Verdict.MET, WEEKS, asked=False).verdict is Verdict.STALE
    assert judged(Verdict.NOT_APPLICABLE, WEEKS, asked=False).verdict is Verdict.NOT_APPLICABLE
    assert judged(Verdict.NOT_EVALUATED, WEEKS, asked=False).verdict is Verdict.NOT_EVALUATED


def test_each_control_has_its_own_lifetime() -> None:
    later = RUN + timedelta(hours=49)
    assert judged(Verdict.MET, later, hours=48).verdict is Verdict.STALE
    assert judged(Verdict.MET, later).verdict is Verdict.MET
    assert judged(Verdict.MET, RUN + timedelta(hours=48), hours=48).verdict is Verdict.MET


def test_an_exception_holds_to_the_end_of_its_last_day() -> None:
    assert judged(Verdict.EXCEPTED, datetime(2026, 11, 4, 23, 59, tzinfo=UTC)).verdict is Verdict.EXCEPTED
    ended = judged(Verdict.EXCEPTED, datetime(2026, 11, 5, 0, 1, tzinfo=UTC))
    assert ended.verdict is Verdict.NOT_MET
    assert ended.reason == "the exception ended on 2026-11-04; why"
    assert ended.deviation is None


def test_the_moment_of_the_last_turn_does_not_move_with_the_clock() -> None:
    met = ControlResult(control="VB-SSH-001", verdict=Verdict.MET, observations=SEEN)
    results = run(met)
    assert as_of(results, RUN + timedelta(days=6)).since == RUN
    assert as_of(results, RUN + timedelta(days=6)).results is results
    first, second = as_of(results, WEEKS), as_of(results, WEEKS + timedelta(days=9))
    assert first.since == second.since == RUN + timedelta(hours=168)
    assert first.results == second.results
    assert (first.stale, first.ended) == (1, 0)


def test_evidence_from_the_future_proves_nothing() -> None:
    assert "a clock was wrong" in overdue(RUN + timedelta(hours=2), 168, RUN)
    assert overdue(RUN + timedelta(minutes=5), 168, RUN) == ""


def test_an_old_result_file_without_lifetimes_gets_the_usual_one() -> None:
    text = run(ControlResult(control="VB-SSH-001", verdict=Verdict.MET)).model_dump_json(exclude_defaults=True)
    assert "lifetime_hours" not in text
    assert Results.model_validate_json(text).controls[0].lifetime_hours == 168
