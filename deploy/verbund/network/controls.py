# SPDX-License-Identifier: EUPL-1.2
"""The controls of switches, judged from what the device reports.

What a control demands is not written down twice: the lines of the templates bear its id, so the rendered configuration
says which lines have to be there. A control is met when all of them are in the normal form of the running configuration
and nothing is there that `controls.yml` names as harmful beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from verbund.network.dialects import BANNER, DIALECTS, Leaf, Tree
from verbund.network.platforms import PLATFORMS, gaps
from verbund.network.redact import mask
from verbund.network.render import annotated, control_ids

if TYPE_CHECKING:
    from verbund.network.structured import DeviceConfig, PlatformName

Outcome = Literal["met", "not met", "not applicable"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(_Record):
    """A text in both languages of the reports."""

    de: str
    en: str


class Reference(_Record):
    """A requirement of the BSI IT-Grundschutz-Kompendium, Edition 2023."""

    req: str
    level: Literal["B", "S", "H"]


class SwitchControl(_Record):
    """One verifiable requirement of switches."""

    id: Annotated[str, StringConstraints(pattern=r"^VB-SWI-[0-9]{3}$")]
    title: Texts
    bsi: tuple[Reference, ...] = Field(min_length=1)
    extra: str = Field(
        default="", description="lines (section > line) that break the control although nobody asked for them"
    )
    since: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one control on one switch.

    Args:
        control: its id.
        outcome: met, not met, or not applicable.
        evidence: what is missing (``- line``) or too much (``+ line``), without secrets; or why it does not apply.
    """

    control: str
    outcome: Outcome
    evidence: tuple[str, ...]


@cache
def controls() -> tuple[SwitchControl, ...]:
    """All controls of switches, by id."""
    document: Any = yaml.safe_load((files("verbund.network") / "controls.yml").read_text())
    return tuple(SwitchControl.model_validate(entry) for entry in document["controls"])


@dataclass(frozen=True, slots=True)
class Demands:
    """What a rendered configuration demands, line by line.

    Args:
        lines: line of the normal form -> the controls it belongs to.
        sections: sections that have to exist -> the controls.
        absent: lines that must not be there -> the controls.
        tree: the whole normal form.
    """

    lines: dict[Leaf, frozenset[str]]
    sections: dict[tuple[str, ...], frozenset[str]]
    absent: dict[Leaf, frozenset[str]]
    tree: Tree

    @property
    def ids(self) -> frozenset[str]:
        """The controls that something is demanded for."""
        return frozenset().union(*self.lines.values(), *self.sections.values(), *self.absent.values())


def demands(config: DeviceConfig, root: Path) -> Demands:
    """What each control demands of a switch with a command line.

    Args:
        config: what the switch shall be.
        root: the project, for its templates.
    """
    dialect = DIALECTS[config.platform]
    rows = annotated(config, root)
    text = "\n".join(line for line, _ in rows) + "\n"
    tree = dialect.tree(text)
    lines: dict[Leaf, frozenset[str]] = {}
    sections: dict[tuple[str, ...], frozenset[str]] = {}
    absent: dict[Leaf, frozenset[str]] = {}
    implicit = re.compile("|".join(dialect.implicit) or r"(?!)")
    for (path, line), ids in _aligned(dialect.parse(text), rows):
        if not ids:
            continue
        for leaf in dialect.leaves(path, line):
            where, canonical = leaf
            if not canonical:
                sections[where] = sections.get(where, frozenset()) | ids
            elif (where, mask(canonical)) in tree.leaves:
                key = (where, mask(canonical))
                lines[key] = lines.get(key, frozenset()) | ids
            elif implicit.search(" > ".join((*where, canonical))):
                absent[where, dialect.positive(canonical)] = ids
    return Demands(lines, sections, absent, tree)


def _aligned(parsed: Iterator[Leaf], rows: list[tuple[str, frozenset[str]]]) -> Iterator[tuple[Leaf, frozenset[str]]]:
    """Give each parsed line the ids of the row it came from; both are in the same order."""
    position = 0
    for path, line in parsed:
        bare = line or path[-1]
        while position < len(rows):
            text, ids = rows[position]
            position += 1
            banner = line.startswith(BANNER) and re.match(r"\s*(?:banner|header) ", text)
            if text.strip() == bare or banner:
                yield (path, line), ids
                break


def judge(config: DeviceConfig, running: str, root: Path) -> list[Verdict]:
    """Judge all controls from what a switch runs.

    Args:
        config: what the switch shall be.
        running: what it printed.
        root: the project, for its templates.

    Returns:
        one verdict for every control, by id.
    """
    platform = PLATFORMS[config.platform]
    if not platform.cli:
        why = f"{platform.title} has no command line; the controls of the host apply"
        return [Verdict(control.id, "not applicable", (why,)) for control in controls()]
    wanted = demands(config, root)
    dialect = DIALECTS[config.platform]
    found = dialect.tree(running, frozenset(path[0] for path in wanted.tree.sections))
    unread = [re.compile(expression) for expression, _ in dialect.write_only]
    missing: dict[str, list[str]] = {}
    for leaf, ids in wanted.lines.items():
        unseen = not leaf[0] and any(expression.match(leaf[1]) for expression in unread)
        if leaf not in found.leaves and not unseen:
            _note(missing, ids, f"- {_shown(leaf)}")
    for path, ids in wanted.sections.items():
        if path not in found.sections:
            _note(missing, ids, f"- {' > '.join(path)}")
    for leaf, ids in wanted.absent.items():
        if leaf in found.leaves:
            _note(missing, ids, f"+ {_shown(leaf)}")
    surplus = [_shown(leaf) for leaf in found.leaves if leaf not in wanted.tree.leaves]
    surplus += [" > ".join(path) for path in found.sections if path not in wanted.tree.sections]
    applicable = wanted.ids
    result: list[Verdict] = []
    for control in controls():
        harmful = [f"+ {mask(line)}" for line in surplus if control.extra and re.search(control.extra, line)]
        evidence = tuple(dict.fromkeys([*missing.get(control.id, []), *harmful]))
        if evidence:
            result.append(Verdict(control.id, "not met", evidence))
        elif control.id in applicable or control.extra:
            result.append(Verdict(control.id, "met", ()))
        else:
            result.append(Verdict(control.id, "not applicable", (_why(config, control.id),)))
    return result


def _shown(leaf: Leaf) -> str:
    return " > ".join((*leaf[0], leaf[1]))


def _note(missing: dict[str, list[str]], ids: frozenset[str], line: str) -> None:
    for control in ids:
        missing.setdefault(control, []).append(line)


_GAPS = {
    "VB-SWI-040": "ra_guard",
    "VB-SWI-042": "dot1x.monitor",
    "VB-SWI-044": "dot1x.auth_fail",
    "VB-SWI-046": "storm_percent",
}


def _why(config: DeviceConfig, control: str) -> str:
    for gap in gaps(config):
        if gap.feature == _GAPS.get(control):
            return gap.reason
    return "nothing on this switch asks for it"


def platforms_of(control: str, root: Path) -> tuple[PlatformName, ...]:
    """The platforms whose templates enforce a control.

    Args:
        control: its id.
        root: the project, for its templates.
    """
    return tuple(name for name in PLATFORMS if control in control_ids(root, name))
