# SPDX-License-Identifier: EUPL-1.2
"""The compact form in which a page carries all verdicts, so that 75,000 of them fit into one file.

A host's verdicts are one string with a letter per control. Every text is kept once, in a table, and named by its
number. Where the whole is still too large the longest texts are cut first; verdicts are never dropped.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from verbund.baseline.results import ControlResult, HostResult, RunInfo, Verdict
from verbund.report.summary import Summary, light
from verbund.text import clean, one_line

LETTERS = {
    Verdict.NOT_MET: "n",
    Verdict.EXCEPTED: "e",
    Verdict.NOT_EVALUATED: "u",
    Verdict.STALE: "s",
    Verdict.NOT_APPLICABLE: "a",
    Verdict.MET: "m",
}
NOT_ASKED = "-"

# What one page's data may weigh. Two pages (German, English) of 500 hosts x 150 controls stay below 5 MB together.
_BYTES = 2_000_000
_BYTES_PER_VERDICT = 26

# Most characters of (a reason or error, an excerpt of output, a value of a fact); tried in turn until the data fits.
_LIMITS = ((500, 600, 200), (300, 240, 120), (200, 100, 80), (120, 40, 40), (60, 0, 0), (0, 0, 0))
_OBSERVATIONS = 3
_FACTS = 40
NAME = 120


def encode(summary: Summary, run: RunInfo, previous: RunInfo | None) -> str:
    """The data of a page as JSON that can stand inside a ``<script>`` element of HTML.

    Args:
        summary: the run, counted and compared.
        run: who verified, when, with which release.
        previous: the run that ``summary.changes`` compares with.
    """
    budget = max(_BYTES, _BYTES_PER_VERDICT * len(summary.hosts) * len(summary.controls))
    for step, limits in enumerate(_LIMITS[:-1]):
        try:
            encoded = embed(_Encoder(summary, budget, *limits).document(run, previous, shortened=step > 0))
        except _TooLargeError:
            continue
        if len(encoded.encode()) <= budget:
            return encoded
    # With the shortest texts it is as small as it gets, and the page says that texts are cut.
    return embed(_Encoder(summary, sys.maxsize, *_LIMITS[-1]).document(run, previous, shortened=True))


def embed(document: Any) -> str:
    """JSON in which no text can end the ``<script>`` element around it or open a comment."""
    plain = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


class _TooLargeError(Exception):
    """The texts alone are over the budget; no need to go on."""


class _Encoder:
    def __init__(self, summary: Summary, budget: int, reason: int, excerpt: int, fact: int) -> None:
        self._summary = summary
        self._left = budget
        self._reason, self._excerpt, self._fact = reason, excerpt, fact
        self._texts: dict[str, int] = {"": 0}
        self._deviations: dict[tuple[str | int, ...], int] = {}
        self._columns = {control.id: number for number, control in enumerate(summary.controls)}
        self._rows = {id(host): number for number, host in enumerate(summary.hosts)}

    def document(self, run: RunInfo, previous: RunInfo | None, *, shortened: bool) -> dict[str, Any]:
        hosts = [self._host(host) for host in self._summary.hosts]
        changes = self._changes()
        return {
            "run": self._run(run),
            "previous": None if previous is None else self._run(previous),
            "shortened": shortened,
            "controls": [
                {
                    "id": one_line(control.id, NAME),
                    "role": clean(control.role, NAME),
                    "evidence": control.evidence,
                    "since": clean(control.since, NAME),
                    "bsi": [
                        [clean(reference.req, NAME), list(reference.sentences), reference.level]
                        for reference in control.bsi
                    ],
                }
                for control in self._summary.controls
            ],
            "hosts": hosts,
            "changes": changes,
            "deviations": [list(deviation) for deviation in self._deviations],
            "texts": list(self._texts),
        }

    def _text(self, text: str, limit: int) -> int:
        cleaned = clean(text, limit)
        number = self._texts.get(cleaned)
        if number is None:
            self._left -= len(cleaned)
            if self._left < 0:
                raise _TooLargeError
            number = self._texts[cleaned] = len(self._texts)
        return number

    def _run(self, run: RunInfo) -> dict[str, str]:
        return {
            "id": one_line(run.id, NAME),
            "finished": run.finished.isoformat(),
            "operator": one_line(run.operator, NAME),
            "release": one_line(run.release, NAME),
            "command": one_line(run.command, 2 * NAME),
        }

    def _host(self, host: HostResult) -> list[Any]:
        letters = [NOT_ASKED] * len(self._columns)
        details: list[list[Any]] = []
        for result in host.results:
            column = self._columns[result.control]
            letters[column] = LETTERS[result.verdict]
            if result.verdict is not Verdict.MET:
                details.append(self._detail(column, result))
        facts = sorted(host.facts.items())[:_FACTS] if self._fact else []
        return [
            *(one_line(name, NAME) for name in (host.host, host.tenant, host.site, host.room or "")),
            *(one_line(name, NAME) for name in (host.host_class, host.profile, host.zone, host.address)),
            "" if host.collected is None else host.collected.isoformat(),
            light(host).value,
            self._text(host.error, self._reason),
            [self._text(one_line(part, self._fact), self._fact) for fact in facts for part in fact],
            "".join(letters),
            sorted(details),
        ]

    def _detail(self, column: int, result: ControlResult) -> list[Any]:
        """``[control, reason, deviation or -1, [command, exit status, output, errors], ...]``, short where possible."""
        detail: list[Any] = [column, self._text(result.reason, self._reason)]
        if result.deviation is not None:
            given = result.deviation
            key = (
                self._text(given.owner, NAME),
                self._text(given.reason, self._reason),
                self._text(given.compensation, self._reason),
                given.expires.isoformat(),
            )
            detail.append(self._deviations.setdefault(key, len(self._deviations)))
        elif result.verdict is Verdict.NOT_MET and self._excerpt:
            detail.append(-1)
            detail.extend(
                [
                    self._text(seen.command, self._excerpt),
                    seen.exit_status,
                    self._text(seen.stdout, self._excerpt),
                    self._text(seen.stderr, self._excerpt),
                ]
                for seen in result.observations[:_OBSERVATIONS]
            )
        return detail

    def _changes(self) -> dict[str, Any] | None:
        changes = self._summary.changes
        if changes is None:
            return None
        return {
            "points": [
                [
                    point.kind.value,
                    self._rows[id(point.host)],
                    self._columns.get(point.control, one_line(point.control, NAME)),
                    LETTERS[point.before] if point.before else NOT_ASKED,
                    LETTERS[point.now] if point.now else NOT_ASKED,
                ]
                for point in changes.points
            ],
            "new": [self._rows[id(host)] for host in changes.new_hosts],
            "missing": [
                [one_line(name, NAME) for name in (host.host, host.tenant, host.site)] for host in changes.missing_hosts
            ],
        }
