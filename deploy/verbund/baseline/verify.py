# SPDX-License-Identifier: EUPL-1.2
"""Verification: evidence of many hosts against all controls, with deviations and lifetimes, into one result file."""

from __future__ import annotations

import getpass
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from verbund.baseline.bundle import Answer, Bundle, EvidenceError
from verbund.baseline.controls import Entry, require_controls
from verbund.baseline.evaluate import Evaluation, Outcome, role_defaults, with_checks
from verbund.baseline.fleet import CLOCK_TOLERANCE, Fleet, Visit
from verbund.baseline.junit import write_junit
from verbund.baseline.lifetime import it_said, overdue
from verbund.baseline.plan import Plan
from verbund.baseline.results import (
    ControlResult,
    DeviationInfo,
    HostResult,
    Observation,
    Results,
    RunInfo,
    Verdict,
)
from verbund.errors import ExitCode, Interrupted, UsageError
from verbund.pki.seal import EvidenceKey

if TYPE_CHECKING:
    from verbund.baseline.session import Limits
    from verbund.baseline.target import Target
    from verbund.intent import Deviation

MAX_ROUNDS = 50
"""Batches asked of one host at most; what is then still missing is not evaluated.

With a learned plan there is one. Without any, a check of many testinfra modules needs a round per command.
"""

_BY_HOST_CLOCK = re.compile(r"(?<!\S)-([acm](min|time)|checkend)(?!\S)")
"""Questions of find(1) and openssl-x509(1) whose answer depends on what the host takes for now."""

_EXCERPT = 400
_EXCERPT_MET = 160


@dataclass(frozen=True, slots=True)
class Step:
    """News for the progress display: a host is done.

    Args:
        done: hosts done so far.
        total: all hosts.
        result: what was found.
        rounds: batches it took; 0 when evaluated from stored evidence.
    """

    done: int
    total: int
    result: HostResult
    rounds: int


@dataclass(slots=True)
class Verification:
    """One verification run; ``run`` does it.

    Args:
        root: the project.
        targets: the hosts.
        release: of the standard.
        deviations: active deviations, by host and control id.
        state: the state directory (``.verbund``).
        command: the command line, for the record.
        workers: sessions at a time.
        from_evidence: evaluate the newest stored bundles; contact nobody.
        learn: rewrite the command plans.
        complete: the targets are all hosts, so plans may forget commands nobody used.
        limits: of each session.
        progress: told about each finished host.
    """

    root: Path
    targets: Sequence[Target]
    release: str
    deviations: Mapping[str, Mapping[str, Deviation]] = field(default_factory=dict)
    state: Path | None = None
    command: str = "verbund verify"
    workers: int = 16
    from_evidence: bool = False
    learn: bool = False
    complete: bool = False
    limits: Limits | None = None
    progress: Callable[[Step], None] = lambda _: None
    _entries: list[Entry] = field(default_factory=list)
    _done: dict[str, HostResult] = field(default_factory=dict)
    _used: dict[str, set[str]] = field(default_factory=dict)

    def run(self) -> Results:
        """Verify the hosts.

        Raises:
            InputError: controls are malformed.
            UsageError: no hosts, or checks or plans cannot be loaded.
            Interrupted: Ctrl-C.
        """
        if not self.targets:
            raise UsageError("no hosts to verify", "check the --limit, or add hosts to a site")
        started = datetime.now(UTC)
        self._entries = require_controls(self.root / "roles")
        if not self._entries:
            raise UsageError(f"{self.root / 'roles'}: no role has controls, so there is nothing to verify")
        defaults = role_defaults(self.root / "roles")
        plans = {name: Plan.read(self.plans, name, self.release) for name in {t.host_class for t in self.targets}}
        work: Callable[[Evaluation], None] = self._stored if self.from_evidence else lambda e: self._fetched(e, plans)
        with_checks(self.root, self._entries, defaults, work)
        if self.learn:
            self._learn(plans)
        return Results(
            run=RunInfo(
                id=f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
                started=started,
                finished=datetime.now(UTC),
                operator=getpass.getuser(),
                release=self.release,
                command=self.command,
            ),
            controls=tuple(entry.info() for entry in self._entries),
            hosts=tuple(self._done[target.name] for target in self.targets),
        )

    @property
    def plans(self) -> Path:
        """Where the command plans are."""
        return self.root / "tests" / "baseline" / "plans"

    @property
    def evidence(self) -> Path:
        """Where the bundles are."""
        return (self.state or self.root / ".verbund") / "evidence"

    @property
    def key(self) -> EvidenceKey:
        """What seals the bundles."""
        return EvidenceKey.ensure((self.state or self.root / ".verbund") / "keys")

    def _fetched(self, evaluation: Evaluation, plans: Mapping[str, Plan]) -> None:
        found: dict[str, dict[str, Outcome]] = {}
        fleet = Fleet(self.targets, plans, self.evidence, self.key, self.workers, self.limits)
        try:
            with fleet:
                for visit in fleet.arrivals():
                    self._arrived(visit, evaluation, found.setdefault(visit.target.name, {}))
                    if len(self._done) == len(self.targets):
                        break
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted: evidence of {fleet.stored} of {len(self.targets)} hosts was fetched and is kept in "
                f"{self.evidence}; no result file was written",
                "run the same command again, or add --from-evidence to evaluate what is there",
            ) from None

    def _arrived(self, visit: Visit, evaluation: Evaluation, found: dict[str, Outcome]) -> None:
        target = visit.target
        if visit.error:
            self._finish(self._unreached(target, visit.error), 0)
            return
        pending = {control for control, outcome in found.items() if outcome.missing} if found else None
        found.update(evaluation.check(target, visit.answers, pending))
        missing = dict.fromkeys(command for outcome in found.values() for command in outcome.missing)
        if missing and visit.rounds < MAX_ROUNDS:
            visit.ask(list(missing))
            return
        visit.finish()
        self._finish(self._judged(target, found, visit.answers, visit.bundle), visit.rounds)

    def _stored(self, evaluation: Evaluation) -> None:
        key = self.key
        for target in self.targets:
            try:
                bundle = Bundle.newest(self.evidence, target.name, key)
            except EvidenceError as error:
                self._finish(self._unreached(target, str(error)), 0)
                continue
            if bundle is None:
                self._finish(self._unreached(target, "no evidence is stored for this host"), 0)
                continue
            answers = {answer.command: answer for answer in bundle.answers}
            self._finish(self._judged(target, evaluation.check(target, answers), answers, bundle), 0)

    def _finish(self, result: HostResult, rounds: int) -> None:
        self._done[result.host] = result
        self.progress(Step(len(self._done), len(self.targets), result, rounds))

    def _host(self, target: Target, results: Sequence[ControlResult], bundle: Bundle | None, error: str) -> HostResult:
        return HostResult(
            host=target.name,
            tenant=target.tenant,
            site=target.site,
            room=target.room,
            host_class=target.host_class,
            profile=target.profile,
            zone=target.zone,
            address=target.address,
            collected=bundle.collected if bundle else None,
            bundle_sha256=bundle.sha256 if bundle else None,
            error=error,
            facts=bundle.facts if bundle else {},
            results=tuple(results),
        )

    def _unreached(self, target: Target, reason: str) -> HostResult:
        results = []
        for entry in self._entries:
            why = entry.control.not_for(target)
            verdict = Verdict.NOT_APPLICABLE if why else Verdict.NOT_EVALUATED
            results.append(ControlResult(control=entry.control.id, verdict=verdict, reason=why or reason))
        return self._host(target, results, None, reason)

    def _judged(
        self, target: Target, found: Mapping[str, Outcome], answers: Mapping[str, Answer], bundle: Bundle | None
    ) -> HostResult:
        results = []
        now = datetime.now(UTC)
        for entry in self._entries:
            control = entry.control
            outcome = found.get(control.id, Outcome(Verdict.NOT_EVALUATED, "its test gave no result"))
            self._used.setdefault(target.host_class, set()).update(outcome.commands)
            verdict, reason, deviation = outcome.verdict, outcome.reason, None
            if bundle and verdict in {Verdict.MET, Verdict.NOT_MET} and _misled(bundle, outcome.commands):
                verdict = Verdict.NOT_EVALUATED
                reason = f"it goes by the host's clock, which is {bundle.facts.get('clock', 'unknown')}"
            if verdict is Verdict.NOT_MET and (known := self.deviations.get(target.name, {}).get(control.id)):
                verdict = Verdict.EXCEPTED
                deviation = DeviationInfo(
                    owner=known.owner, reason=known.reason, compensation=known.compensation, expires=known.expires
                )
            if bundle and outcome.commands and verdict is not Verdict.NOT_EVALUATED:
                aged = overdue(bundle.collected, control.lifetime_hours, now)
                if aged:
                    said = ControlResult(control=control.id, verdict=outcome.verdict, reason=reason)
                    verdict, reason, deviation = Verdict.STALE, it_said(aged, said), None
            limit = _EXCERPT_MET if verdict is Verdict.MET else _EXCERPT
            results.append(
                ControlResult(
                    control=control.id,
                    verdict=verdict,
                    reason=reason,
                    observations=tuple(_observation(answers[c], limit) for c in outcome.commands if c in answers),
                    deviation=deviation,
                )
            )
        return self._host(target, results, bundle, "")

    def _learn(self, plans: Mapping[str, Plan]) -> None:
        for name, plan in plans.items():
            reached = [self._done[target.name] for target in self.targets if target.host_class == name]
            complete = self.complete and all(not host.error for host in reached)
            learned = plan.learned(self._used.get(name, ()), self.release, complete=complete)
            if learned != plan:
                learned.write(self.plans)


def _misled(bundle: Bundle, commands: Sequence[str]) -> bool:
    """Whether a wrong clock on the host makes the answers to these commands worthless."""
    right = bundle.clock_offset is not None and abs(bundle.clock_offset) <= CLOCK_TOLERANCE
    return not right and any(_BY_HOST_CLOCK.search(command) for command in commands)


def _observation(answer: Answer, limit: int) -> Observation:
    return Observation(
        command=answer.command,
        exit_status=-1 if answer.exit_status is None else answer.exit_status,
        stdout=_excerpt(answer.stdout_bytes, limit),
        stderr=_excerpt(answer.stderr_bytes, limit),
    )


def _excerpt(data: bytes, limit: int) -> str:
    text = data[: 4 * limit].decode("utf-8", "replace").strip()
    return text if len(text) <= limit and len(data) <= 4 * limit else text[: limit - 1] + "…"


def store(results: Results, directory: Path) -> Path:
    """Write the result file, ``latest.json`` and ``<run>.junit.xml``.

    Args:
        results: what was found.
        directory: usually ``.verbund/results``.

    Returns:
        the path of the result file.
    """
    path = directory / f"{results.run.id}.json"
    results.write(path)
    results.write(directory / "latest.json")
    for name in (f"{results.run.id}.junit.xml", "junit.xml"):
        write_junit(results, directory / name)
    return path


def counts(host: HostResult) -> Counter[Verdict]:
    """How many controls of a host have which verdict."""
    return Counter(result.verdict for result in host.results)


def exit_code(results: Results) -> ExitCode:
    """3 when a host could not be asked, 1 when a control is not met, stale or not evaluated, else 0."""
    if any(host.error for host in results.hosts):
        return ExitCode.UNREACHABLE
    bad = {Verdict.NOT_MET, Verdict.STALE, Verdict.NOT_EVALUATED}
    if any(result.verdict in bad for host in results.hosts for result in host.results):
        return ExitCode.FINDINGS
    return ExitCode.GOOD
