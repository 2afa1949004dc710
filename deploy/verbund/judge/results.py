# SPDX-License-Identifier: EUPL-1.2
"""Read what OpenSCAP found: the results of an XCCDF 1.2 benchmark (NIST IR 7275r4, section 6.6)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from verbund.errors import VerbundError
from verbund.text import one_line

_XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
_PREFIX = "xccdf_org.ssgproject.content_rule_"
_CIS = "cisecurity.org/cis-benchmarks"

PASSED: Final = frozenset({"pass", "fixed"})
FAILED: Final = frozenset({"fail", "error", "unknown"})
"""What counts as failed. A rule whose check broke has proven nothing, so it is not left out of the figures."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What became of one rule.

    Args:
        rule: its name in the benchmark, without the common prefix.
        title: its title.
        result: ``pass``, ``fail``, ``error``, ``unknown``, ``notapplicable``, ``notchecked`` ... (table 26 there).
        severity: ``low``, ``medium``, ``high`` or ``unknown``.
        sections: sections of the CIS benchmark it belongs to, such as ``5.1.4``.
    """

    rule: str
    title: str
    result: str
    severity: str
    sections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rules of one profile on one host, without those the profile does not select.

    Args:
        results: one per rule, in the order of the benchmark.
    """

    results: tuple[RuleResult, ...]

    def count(self, *results: str) -> int:
        """How many rules have one of these results."""
        counted = Counter(result.result for result in self.results)
        return sum(counted[result] for result in results)

    @property
    def passed(self) -> int:
        """Number of rules that pass."""
        return self.count(*PASSED)

    @property
    def failed(self) -> int:
        """Number of rules that fail, broken checks included."""
        return self.count(*FAILED)

    @property
    def share(self) -> float:
        """Share of the evaluated rules that pass, 0 to 1; 0 where nothing was evaluated."""
        evaluated = self.passed + self.failed
        return self.passed / evaluated if evaluated else 0.0

    @property
    def failing(self) -> tuple[RuleResult, ...]:
        """The rules that fail."""
        return tuple(result for result in self.results if result.result in FAILED)


def read(path: Path) -> Outcome:
    """Read a results file of ``oscap xccdf eval --results``.

    Args:
        path: the file.

    Raises:
        VerbundError: it is no XCCDF result, or its benchmark selected no rule.
    """
    titles: dict[str, tuple[str, tuple[str, ...]]] = {}
    found: list[tuple[str, str, str]] = []
    try:
        # The file comes from a host of our own lab, and expat bounds the expansion of entities since 2.4.1.
        for _, element in ET.iterparse(path):  # noqa: S314
            if element.tag == f"{_XCCDF}Rule":
                titles[element.get("id", "")] = (_title(element), _sections(element))
                element.clear()
            elif element.tag == f"{_XCCDF}rule-result":
                result = element.findtext(f"{_XCCDF}result", "unknown").strip()
                found.append((element.get("idref", ""), result, element.get("severity", "unknown")))
                element.clear()
    except (ET.ParseError, OSError) as error:
        raise VerbundError(f"{path} cannot be read as an XCCDF result: {error}") from error
    results = tuple(
        RuleResult(
            one_line(rule.removeprefix(_PREFIX), 200),
            titles.get(rule, ("", ()))[0],
            one_line(result, 40),
            one_line(severity, 40),
            titles.get(rule, ("", ()))[1],
        )
        for rule, result, severity in found
        if result != "notselected"
    )
    if not results:
        raise VerbundError(f"{path} holds no result of any rule", "is the profile one of this benchmark?")
    return Outcome(results)


def _title(rule: ET.Element) -> str:
    title = rule.find(f"{_XCCDF}title")
    return "" if title is None else one_line("".join(title.itertext()), 300)


def _sections(rule: ET.Element) -> tuple[str, ...]:
    named = (
        reference.text or "" for reference in rule.findall(f"{_XCCDF}reference") if _CIS in reference.get("href", "")
    )
    return tuple(one_line(text, 20) for text in named if re.fullmatch(r"[0-9.]+", text.strip()))
