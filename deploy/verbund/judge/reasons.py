# SPDX-License-Identifier: EUPL-1.2
"""Why a rule of a judge fails on purpose: one file, and nothing in it that has become untrue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from verbund.baseline.results import Record
from verbund.errors import Finding, InputError
from verbund.intent.yaml_source import Source
from verbund.judge.results import FAILED, PASSED, Outcome, RuleResult

Kind = Literal["decision", "installation", "lab", "rule"]

MEANINGS: dict[Kind, str] = {
    "decision": "we hold what the rule is about by other means, or the standard decides otherwise",
    "installation": "decided when a machine is installed (partitions, boot loader), not by a role",
    "lab": "holds on a real machine; a machine of the lab lacks what the rule looks at",
    "rule": "the rule itself is wrong; the evidence says how to see that",
}
"""Kinds of reasons, as the documentation explains them."""


class Reason(Record):
    """Why rules fail on purpose.

    ``rules`` are names without the common prefix; ``classes`` the classes of hosts for which it holds (empty: all);
    ``evidence`` is obligatory where the rule is said to be wrong.
    """

    rules: Annotated[tuple[str, ...], Field(min_length=1)]
    kind: Kind
    reason: Annotated[str, Field(min_length=20)]
    evidence: str = ""
    classes: tuple[Literal["server", "client", "laptop", "gateway"], ...] = ()

    @model_validator(mode="after")
    def _proven(self) -> Reason:
        if self.kind == "rule" and len(self.evidence) < 20:
            raise ValueError("a rule is called wrong only with evidence")
        return self


class _File(Record):
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The rules of a profile that fail, told apart.

    Args:
        outcome: all rules.
        on_purpose: failing rules with the reason.
        open: failing rules nobody has given a reason for.
    """

    outcome: Outcome
    on_purpose: tuple[tuple[RuleResult, Reason], ...]
    open: tuple[RuleResult, ...]


def file() -> Path:
    """The file of reasons."""
    return Path(str(resources.files("verbund.judge").joinpath("reasons.yml")))


@cache
def load(path: Path) -> tuple[Reason, ...]:
    """Read the reasons.

    Args:
        path: the file.

    Raises:
        InputError: it is not in order; every problem with file, line and column.
    """
    source = Source(path)
    if not source.usable:
        raise InputError(source.findings)
    try:
        stated = _File.model_validate(source.value)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            source.add(problem["loc"], problem["msg"])
        raise InputError(source.findings) from None
    seen: dict[tuple[str, str], int] = {}
    for number, reason in enumerate(stated.reasons):
        for position, rule in enumerate(reason.rules):
            for host_class in reason.classes or ("server", "client", "laptop", "gateway"):
                if seen.setdefault((rule, host_class), number) != number or rule in reason.rules[:position]:
                    source.add(("reasons", number, "rules", position), f"'{rule}' has a reason already ({host_class})")
                    break
    if source.findings:
        raise InputError(source.findings)
    return stated.reasons


def weigh(outcome: Outcome, reasons: Iterable[Reason], host_class: str) -> Judgement:
    """Tell what fails on purpose from what merely fails.

    Args:
        outcome: rules of a profile.
        reasons: the reasons.
        host_class: class of the host.
    """
    of_rule = {rule: reason for reason in reasons if _holds(reason, host_class) for rule in reason.rules}
    return Judgement(
        outcome,
        tuple((result, of_rule[result.rule]) for result in outcome.failing if result.rule in of_rule),
        tuple(result for result in outcome.failing if result.rule not in of_rule),
    )


def lint(path: Path, outcomes: Mapping[str, Outcome], host_class: str) -> list[Finding]:
    """Reasons that a scan has shown to be outdated.

    Args:
        path: the file of reasons.
        outcomes: profile -> outcome on one host.
        host_class: class of the host.

    Returns:
        A warning, with its place, for each rule that passes in every profile that evaluated it. A rule that no profile
        evaluated proves nothing either way.
    """
    results: dict[str, set[str]] = {}
    for outcome in outcomes.values():
        for result in outcome.results:
            results.setdefault(result.rule, set()).add(result.result)
    source = Source(path)
    found = []
    for number, reason in enumerate(load(path)):
        for position, rule in enumerate(reason.rules):
            seen = results.get(rule, set())
            if _holds(reason, host_class) and seen & PASSED and not seen & FAILED:
                found.append(
                    source.finding(
                        ("reasons", number, "rules", position),
                        f"'{rule}' passes on a {host_class}: the reason is outdated",
                        "remove the rule, or name the classes of hosts for which the reason still holds",
                        warning=True,
                    )
                )
    return found


def _holds(reason: Reason, host_class: str) -> bool:
    return not reason.classes or host_class in reason.classes


def markdown(reasons: Iterable[Reason]) -> str:
    """The table of ``docs/judges.md``.

    Args:
        reasons: the reasons.
    """
    lines = []
    for kind, meaning in MEANINGS.items():
        of_kind = [reason for reason in reasons if reason.kind == kind]
        if of_kind:
            lines += [f"### {kind}: {meaning}", "", "| rules | reason |", "|---|---|"]
            for reason in of_kind:
                rules = "<br>".join(f"`{rule}`" for rule in reason.rules)
                only = f" (only: {', '.join(reason.classes)})" if reason.classes else ""
                evidence = f"<br>Evidence: {reason.evidence}" if reason.evidence else ""
                lines.append(f"| {rules} | {_cell(reason.reason)}{only}{_cell(evidence)} |")
            lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
