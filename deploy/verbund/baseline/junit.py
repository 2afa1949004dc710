# SPDX-License-Identifier: EUPL-1.2
"""A result file as JUnit XML, for CI servers: a suite per host, a case per control."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter

from verbund.baseline.results import Results, Verdict

# XML 1.0 cannot hold these, not even escaped.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_ELEMENTS = {
    Verdict.NOT_MET: "failure",
    Verdict.STALE: "error",
    Verdict.NOT_EVALUATED: "error",
    Verdict.EXCEPTED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
}


def junit(results: Results) -> bytes:
    """The results as a JUnit document (UTF-8)."""
    titles = {control.id: control.title.en for control in results.controls}
    roles = {control.id: control.role for control in results.controls}
    root = ET.Element("testsuites", name="verbund verify")
    for host in results.hosts:
        counts = Counter(_ELEMENTS.get(result.verdict, "passed") for result in host.results)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_clean(host.host),
            tests=str(len(host.results)),
            failures=str(counts["failure"]),
            errors=str(counts["error"]),
            skipped=str(counts["skipped"]),
            timestamp=(host.collected or results.run.started).isoformat(timespec="seconds"),
        )
        for result in host.results:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=_clean(f"{host.host}.{roles.get(result.control, '')}"),
                name=_clean(f"{result.control} {titles.get(result.control, '')}".strip()),
            )
            element = _ELEMENTS.get(result.verdict)
            if element:
                ET.SubElement(case, element, message=_clean(f"{result.verdict.value}: {result.reason}"))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
