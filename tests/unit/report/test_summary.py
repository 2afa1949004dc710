# SPDX-License-Identifier: EUPL-1.2
"""Counting and comparing runs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from verbund.baseline.results import ControlResult, DeviationInfo, HostResult, Results, Verdict
from verbund.errors import UsageError
from verbund.report.summary import ChangeKind, Light, light, summarise

if TYPE_CHECKING:
    from types import SimpleNamespace

V = Verdict
GIVEN = DeviationInfo(owner="IT-Koordination", reason="old", compensation="none", expires=date(2026, 12, 3))


def host(name: str, *verdicts: Verdict | None, error: str = "", site: str = "gse") -> HostResult:
    return HostResult(
        host=name, tenant="erkrath", site=site, host_class="client", profile="p", zone="z", address="10.0.0.1",
        error=error,
        results=tuple(
            ControlResult(control=f"C{i}", verdict=v, deviation=GIVEN if v is V.EXCEPTED else None)
            for i, v in enumerate(verdicts) if v
        ),
    )  # fmt: skip


def results(sample: SimpleNamespace, *hosts: HostResult) -> Results:
    controls = tuple(sample.control(0).model_copy(update={"id": f"C{i}"}) for i in range(4))
    return Results(run=sample.run(), controls=controls, hosts=hosts)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((V.MET, V.NOT_APPLICABLE), Light.GOOD),
        ((V.MET, V.EXCEPTED), Light.EXCEPTED),
        ((V.MET, V.STALE), Light.UNKNOWN),
        ((V.EXCEPTED, V.NOT_EVALUATED), Light.UNKNOWN),
        ((V.NOT_EVALUATED, V.NOT_MET), Light.FAIL),
        ((V.NOT_APPLICABLE, V.NOT_APPLICABLE), Light.UNKNOWN),
        ((), Light.UNKNOWN),
    ],
)
def test_a_host_is_good_only_where_everything_was_seen(verdicts: tuple[Verdict, ...], expected: Light) -> None:
    assert light(host("a", *verdicts)) is expected


def test_an_error_is_never_good() -> None:
    assert light(host("a", V.MET, error="connection lost")) is Light.UNKNOWN


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (V.MET, V.NOT_MET, ChangeKind.FAILED),
        (V.EXCEPTED, V.NOT_MET, ChangeKind.FAILED),
        (None, V.NOT_MET, ChangeKind.FAILED),
        (V.NOT_MET, V.MET, ChangeKind.FIXED),
        (V.NOT_MET, V.EXCEPTED, ChangeKind.EXCEPTED),
        (V.MET, V.STALE, ChangeKind.UNSEEN),
        (V.NOT_MET, V.NOT_EVALUATED, ChangeKind.UNSEEN),
        (V.NOT_MET, None, ChangeKind.UNSEEN),
        (V.NOT_EVALUATED, V.MET, ChangeKind.OTHER),
        (V.NOT_EVALUATED, V.STALE, ChangeKind.OTHER),
        (V.MET, V.MET, None),
        (None, V.MET, None),
        (V.MET, None, None),
    ],
)
def test_every_move_has_its_name(
    sample: SimpleNamespace, before: Verdict | None, now: Verdict | None, kind: ChangeKind | None
) -> None:
    changes = summarise(results(sample, host("a", now)), results(sample, host("a", before))).changes
    assert changes is not None
    assert [point.kind for point in changes.points] == ([kind] if kind else [])


def test_hosts_come_go_and_move(sample: SimpleNamespace) -> None:
    old = results(sample, host("stays", V.MET), host("moves", V.MET), host("goes", V.NOT_MET))
    new = results(sample, host("stays", V.MET), host("moves", V.MET, site="gym"), host("comes", V.NOT_MET))
    changes = summarise(new, old).changes
    assert changes is not None
    assert [one.host for one in changes.new_hosts] == ["comes"]
    assert [one.host for one in changes.missing_hosts] == ["goes"]
    assert changes.points == ()


def test_the_most_urgent_change_comes_first(sample: SimpleNamespace) -> None:
    old = results(sample, host("a", V.NOT_MET, V.MET, V.MET, V.NOT_EVALUATED))
    new = results(sample, host("a", V.MET, V.NOT_MET, V.STALE, V.MET))
    changes = summarise(new, old).changes
    assert changes is not None
    assert [point.kind for point in changes.points] == ["failed", "unseen", "fixed", "other"]


def test_days_left_count_from_the_run_not_from_today(sample: SimpleNamespace) -> None:
    (excuse,) = summarise(results(sample, host("a", V.EXCEPTED, V.EXCEPTED), host("b", V.EXCEPTED)), None).exceptions
    assert (excuse.days, excuse.hosts, excuse.controls) == (11, 2, 2)


def test_the_sample_adds_up(sample: SimpleNamespace) -> None:
    found = summarise(sample.results(120, 30), None)
    assert found.total.verdicts.total() == 120 * 30
    assert found.total.hosts == sum(group.hosts for group in found.tenants) == 120
    assert sum(count for _, count in found.open_controls) == found.total.verdicts[V.NOT_MET]
    assert len(found.silent_hosts) == 2
    assert set(found.total.verdicts) == set(Verdict)


def test_contradictions_are_refused(sample: SimpleNamespace) -> None:
    good = results(sample, host("a", V.MET))
    twice = good.hosts[0].results * 2
    stranger = (ControlResult(control="VB-NO-001", verdict=V.MET),)
    for broken in (
        good.model_copy(update={"hosts": good.hosts * 2}),
        good.model_copy(update={"controls": good.controls * 2}),
        good.model_copy(update={"hosts": (good.hosts[0].model_copy(update={"results": twice}),)}),
        good.model_copy(update={"hosts": (good.hosts[0].model_copy(update={"results": stranger}),)}),
    ):
        with pytest.raises(UsageError):
            summarise(broken, None)


def test_another_seed_is_another_run(sample: SimpleNamespace) -> None:
    earlier = sample.results(40, 20, seed=1, finished=sample.FINISHED - timedelta(days=1), name="before")
    changes = summarise(sample.results(40, 20), earlier).changes
    assert changes is not None
    assert {ChangeKind.FAILED, ChangeKind.FIXED} <= {point.kind for point in changes.points}
