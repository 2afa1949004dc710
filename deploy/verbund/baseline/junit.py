# SPDX-License-Identifier: EUPL-1.2
"""JUnit XML: a test suite per host, a test case per control, as CI servers read it."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as Xml

from verbund.baseline.results import ControlResult, HostResult, Results, Verdict
from verbund.files import write_atomically
from verbund.text import clean, one_line

# Met is a test case with nothing in it. What could not be seen is an error, never a pass and never a skip.
_OUTCOMES = {
    Verdict.NOT_MET: "failure",
    Verdict.NOT_EVALUATED: "error",
    Verdict.STALE: "error",
    Verdict.EXCEPTED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
}
_REASON = 2000
_MESSAGE = 300
_NAME = 200


def write_junit(results: Results, path: Path) -> None:
    """Write all verdicts as JUnit XML, in one step.

    Args:
        results: the run.
        path: the file to write; its directory is made.
    """
    write_atomically(path, junit(results), 0o644)


def junit(results: Results) -> bytes:
    """All verdicts as JUnit XML, UTF-8; any text of a host leaves well-formed XML."""
    titles = {control.id: control.title.en for control in results.controls}
    suites = [
        _suite(host, titles) for host in sorted(results.hosts, key=lambda host: (host.tenant, host.site, host.host))
    ]
    root = Xml.Element("testsuites", name=one_line(f"verbund verify {results.run.id}", _NAME))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    Xml.indent(root, space="")
    out = io.BytesIO()
    Xml.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    out.write(b"\n")
    return out.getvalue()


def _suite(host: HostResult, titles: dict[str, str]) -> Xml.Element:
    name = one_line(f"{host.tenant}.{host.site}.{host.host}", _NAME)
    suite = Xml.Element("testsuite", name=name, hostname=one_line(host.host, _NAME))
    if host.collected is not None:
        suite.set("timestamp", host.collected.replace(microsecond=0).isoformat())
    outcomes: Counter[str] = Counter()
    cases = []
    if host.error:
        # A host that could not be asked must show even where it has no verdicts at all.
        case = Xml.Element("testcase", classname=name, name="the host could be asked")
        _say(case, "error", "not evaluated", host.error)
        outcomes["error"] += 1
        cases.append(case)
    for result in sorted(host.results, key=lambda result: result.control):
        case = Xml.Element("testcase", classname=name, name=_title(result, titles))
        outcome = _OUTCOMES.get(result.verdict)
        if outcome:
            outcomes[outcome] += 1
            _say(case, outcome, result.verdict, _why(result))
        cases.append(case)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(outcomes["failure"]))
    suite.set("errors", str(outcomes["error"]))
    suite.set("skipped", str(outcomes["skipped"]))
    suite.extend(cases)
    return suite


def _title(result: ControlResult, titles: dict[str, str]) -> str:
    return one_line(f"{result.control} {titles.get(result.control, '')}", _NAME)


def _why(result: ControlResult) -> str:
    if result.deviation is None:
        return result.reason
    given = result.deviation
    return f"until {given.expires.isoformat()}, {given.owner}: {given.reason}"


def _say(case: Xml.Element, outcome: str, verdict: str, reason: str) -> None:
    element = Xml.SubElement(case, outcome, message=one_line(f"{verdict}: {reason}" if reason else verdict, _MESSAGE))
    if len(reason) > _MESSAGE or "\n" in reason:
        element.text = clean(reason, _REASON)
