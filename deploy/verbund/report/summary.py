# SPDX-License-Identifier: EUPL-1.2
"""What a verification comes to: one light per host, the open points, the exceptions, and what changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from verbund.baseline.results import ControlInfo, DeviationInfo, HostResult, Results, Verdict
from verbund.errors import UsageError

_UNSEEN = frozenset({Verdict.NOT_EVALUATED, Verdict.STALE})


class Light(StrEnum):
    """The state of a host in one word, the worst first."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    EXCEPTED = "excepted"
    GOOD = "good"


def light(host: HostResult) -> Light:
    """The light of a host: good only where everything that applies was seen and is met.

    A host with nothing met proves nothing, so it is unknown, never good.
    """
    verdicts = {result.verdict for result in host.results}
    if Verdict.NOT_MET in verdicts:
        return Light.FAIL
    if host.error or verdicts & _UNSEEN or not verdicts & {Verdict.MET, Verdict.EXCEPTED}:
        return Light.UNKNOWN
    return Light.EXCEPTED if Verdict.EXCEPTED in verdicts else Light.GOOD


@dataclass(slots=True)
class Group:
    """Counts over some hosts: a tenant, a site, or all of them."""

    name: str
    sites: set[str] = field(default_factory=set)
    lights: Counter[Light] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    @property
    def hosts(self) -> int:
        """How many hosts there are in the group."""
        return self.lights.total()

    def add(self, host: HostResult) -> None:
        """Count one more host."""
        self.sites.add(host.site)
        self.lights[light(host)] += 1
        self.verdicts.update(result.verdict for result in host.results)


@dataclass(frozen=True, slots=True)
class Excuse:
    """An accepted deviation and where it is in use.

    Args:
        deviation: owner, reason, compensation, expiry as recorded.
        hosts: number of hosts it excuses.
        controls: number of controls it excuses on them.
        days: days that are left until the expiry; 0 is the last day.
    """

    deviation: DeviationInfo
    hosts: int
    controls: int
    days: int


class ChangeKind(StrEnum):
    """How a verdict moved since the previous run, the most urgent first."""

    FAILED = "failed"
    UNSEEN = "unseen"
    FIXED = "fixed"
    EXCEPTED = "excepted"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Change:
    """One verdict that is not what it was; None where the control was not asked in that run."""

    kind: ChangeKind
    host: HostResult
    control: str
    before: Verdict | None
    now: Verdict | None


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two runs."""

    points: tuple[Change, ...]
    new_hosts: tuple[HostResult, ...]
    missing_hosts: tuple[HostResult, ...]

    def count(self, kind: ChangeKind) -> int:
        """How many points moved this way."""
        return sum(point.kind == kind for point in self.points)


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the start page says, in the order of hosts and controls that all pages use."""

    hosts: tuple[HostResult, ...]
    controls: tuple[ControlInfo, ...]
    total: Group
    tenants: tuple[Group, ...]
    open_controls: tuple[tuple[ControlInfo, int], ...]
    exceptions: tuple[Excuse, ...]
    silent_hosts: tuple[HostResult, ...]
    partly_seen: int
    changes: Changes | None


def summarise(results: Results, previous: Results | None, on: date | None = None) -> Summary:
    """Count and compare.

    Args:
        results: the run to report on.
        previous: the run to compare with, if any.
        on: the day from which the days left of an exception are counted; None is the day of the run.

    Raises:
        UsageError: the result file contradicts itself (a host or control twice, a control nobody described).
    """
    hosts = tuple(sorted(results.hosts, key=_key))
    controls = tuple(sorted(results.controls, key=lambda control: control.id))
    _refuse_contradictions(hosts, controls)
    total = Group("")
    tenants: dict[str, Group] = {}
    for host in hosts:
        total.add(host)
        tenants.setdefault(host.tenant, Group(host.tenant)).add(host)
    failing = Counter(result.control for host in hosts for result in host.results if result.verdict is Verdict.NOT_MET)
    silent = tuple(host for host in hosts if _silent(host))
    partly = sum(any(result.verdict in _UNSEEN for result in host.results) for host in hosts if not _silent(host))
    return Summary(
        hosts=hosts,
        controls=controls,
        total=total,
        tenants=tuple(tenants.values()),
        open_controls=tuple(
            sorted(
                ((control, failing[control.id]) for control in controls if failing[control.id]),
                key=lambda pair: (-pair[1], pair[0].id),
            )
        ),
        exceptions=_exceptions(hosts, on or results.run.finished.date()),
        silent_hosts=silent,
        partly_seen=partly,
        changes=None if previous is None else _compare(hosts, previous),
    )


def _silent(host: HostResult) -> bool:
    return bool(host.error) or not host.results


def _key(host: HostResult) -> tuple[str, str, str]:
    return host.tenant, host.site, host.host


def _identity(host: HostResult) -> tuple[str, str]:
    # A host that moved to another site is still the same host.
    return host.tenant, host.host


def _refuse_contradictions(hosts: Iterable[HostResult], controls: Iterable[ControlInfo]) -> None:
    hint = "the file was not written by `verbund verify`, or was changed afterwards; run `verbund verify` again"
    known: set[str] = set()
    for control in controls:
        if control.id in known:
            raise UsageError(f"the result file describes control {control.id!r} twice", hint)
        known.add(control.id)
    seen: set[tuple[str, str]] = set()
    for host in hosts:
        if _identity(host) in seen:
            raise UsageError(f"the result file holds host {host.host!r} of {host.tenant!r} twice", hint)
        seen.add(_identity(host))
        asked: set[str] = set()
        for result in host.results:
            if result.control not in known:
                raise UsageError(
                    f"host {host.host!r} has a verdict on {result.control!r}, which is not described", hint
                )
            if result.control in asked:
                raise UsageError(f"host {host.host!r} has two verdicts on {result.control!r}", hint)
            asked.add(result.control)


def _exceptions(hosts: Iterable[HostResult], on: date) -> tuple[Excuse, ...]:
    scope: dict[DeviationInfo, tuple[set[tuple[str, str]], set[str]]] = defaultdict(lambda: (set(), set()))
    for host in hosts:
        for result in host.results:
            if result.verdict is Verdict.EXCEPTED and result.deviation is not None:
                in_use = scope[result.deviation]
                in_use[0].add(_identity(host))
                in_use[1].add(result.control)
    return tuple(
        Excuse(deviation, len(in_use[0]), len(in_use[1]), (deviation.expires - on).days)
        for deviation, in_use in sorted(
            scope.items(), key=lambda item: (item[0].expires, item[0].reason, item[0].owner)
        )
    )


def _compare(hosts: tuple[HostResult, ...], previous: Results) -> Changes:
    then = {_identity(host): host for host in previous.hosts}
    points: list[Change] = []
    for host in hosts:
        earlier = then.get(_identity(host))
        if earlier is None:
            continue
        before = {result.control: result.verdict for result in earlier.results}
        now = {result.control: result.verdict for result in host.results}
        for control in sorted(before.keys() | now.keys()):
            kind = _kind(before.get(control), now.get(control))
            if kind is not None:
                points.append(Change(kind, host, control, before.get(control), now.get(control)))
    order = list(ChangeKind)
    points.sort(key=lambda point: order.index(point.kind))
    present = {_identity(host) for host in hosts}
    return Changes(
        points=tuple(points),
        new_hosts=tuple(host for host in hosts if _identity(host) not in then),
        missing_hosts=tuple(sorted((h for key, h in then.items() if key not in present), key=_key)),
    )


def _kind(before: Verdict | None, now: Verdict | None) -> ChangeKind | None:  # noqa: PLR0911 (a list of cases, first match)
    if before is now:
        return None
    if now is Verdict.NOT_MET:
        return ChangeKind.FAILED
    if before is None:
        # A control that is new to the host and not failing is no news.
        return None
    if now is None:
        # An open point must not vanish because nobody asks any more.
        return ChangeKind.UNSEEN if before is Verdict.NOT_MET else None
    if now in _UNSEEN:
        return ChangeKind.OTHER if before in _UNSEEN else ChangeKind.UNSEEN
    if before is Verdict.NOT_MET and now is Verdict.MET:
        return ChangeKind.FIXED
    if before is Verdict.NOT_MET and now is Verdict.EXCEPTED:
        return ChangeKind.EXCEPTED
    return ChangeKind.OTHER
