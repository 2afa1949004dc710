# SPDX-License-Identifier: EUPL-1.2
"""Where each control stands in the papers of a tenant: read from one file, and checked that none is left out."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import Field, ValidationError

from verbund.baseline.controls import PREFIXES, HostClass, line_index, read_yaml
from verbund.baseline.results import ControlInfo, Record
from verbund.errors import Finding, InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from verbund.baseline.controls import Entry

FILE: Final = Path("templates/papers/places.yml")


class Question(Record):
    """What evidence cannot answer, and the role that can."""

    who: str = Field(min_length=1)
    ask: str = Field(min_length=1)


class Place(Record):
    """A part of a paper and the controls that belong to it."""

    id: str = Field(pattern=r"^[a-z]+$")
    title: str = Field(min_length=1)
    roles: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()


_P = TypeVar("_P", bound=Place)


class Measure(Place):
    """A kind of technical and organisational measures (Art. 32 GDPR)."""

    goal: str
    law: str
    about: str
    ask: tuple[Question, ...] = Field(min_length=1)


class Checklist(Place):
    """A checklist of WiBA; ``classes`` are the hosts that its evidence comes from, none where there is no evidence."""

    who: str = Field(min_length=1)
    classes: tuple[HostClass, ...] = ()


class Places(Record):
    """The file: kinds of measures and checklists, in the order of the papers."""

    tom: tuple[Measure, ...] = Field(min_length=1)
    wiba: tuple[Checklist, ...] = Field(min_length=1)

    def measures_of(self, control: ControlInfo) -> list[Measure]:
        """The kinds of measures a control belongs to."""
        return _standing(control.id, control.role, self.tom)

    def checklists_of(self, control: ControlInfo, host_class: str) -> list[Checklist]:
        """The checklists a control belongs to on hosts of a class."""
        return _standing(control.id, control.role, [one for one in self.wiba if host_class in one.classes])

    @classmethod
    def read(cls, root: Path) -> Places:
        """Read the file of a project.

        Args:
            root: the project.

        Raises:
            InputError: it is missing or malformed; each finding has its line.
        """
        document, node = read_yaml(root / FILE, FILE)
        lines = line_index(node)
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise InputError(_malformed(problem, lines) for problem in error.errors()) from error


def _standing(control: str, role: str, places: Iterable[_P]) -> list[_P]:
    """A control stands where it is named; where nobody names it, where its role is."""
    places = list(places)
    return [p for p in places if control in p.controls] or [p for p in places if role in p.roles]


def lint_places(root: Path, entries: Sequence[Entry]) -> list[Finding]:
    """Check that every control has its place in both papers, and that nothing is named that is not there.

    Args:
        root: the project.
        entries: the catalogue of controls.
    """
    try:
        places = Places.read(root)
    except InputError as error:
        return error.findings
    _, node = read_yaml(root / FILE, FILE)
    lines = line_index(node)
    known = {entry.control.id for entry in entries}
    findings: list[Finding] = []
    for paper, parts in (("tom", places.tom), ("wiba", places.wiba)):
        taken: set[str] = set()
        for index, place in enumerate(parts):
            at = f"{paper}.{index}"
            if place.id in taken:
                findings.append(Finding(FILE, lines[f"{at}.id"], 0, f"{paper} has '{place.id}' twice"))
            taken.add(place.id)
            findings += _unknown(place.controls, known, "control", f"{at}.controls", lines)
            findings += _unknown(place.roles, PREFIXES, "role with controls", f"{at}.roles", lines)
    for entry in entries:
        info = entry.info()
        missing = [] if places.measures_of(info) else ["tom"]
        missing += [f"wiba (class {name})" for name in entry.control.classes if not places.checklists_of(info, name)]
        if missing:
            message = f"{info.id} has no place in {', '.join(missing)} of {FILE}"
            findings.append(Finding(entry.path, entry.line, 0, message, f"name it, or its role {entry.role}, there"))
    return sorted(set(findings))


def _unknown(
    names: Sequence[str], known: Collection[str], what: str, at: str, lines: dict[str, int]
) -> Iterable[Finding]:
    for index, name in enumerate(names):
        if name not in known:
            match = difflib.get_close_matches(name, list(known), 1)
            hint = f"did you mean '{match[0]}'?" if match else ""
            yield Finding(FILE, lines[f"{at}.{index}"], 0, f"'{name}' is no {what}", hint)


def _malformed(problem: ErrorDetails, lines: dict[str, int]) -> Finding:
    where = [str(part) for part in problem["loc"]]
    line = next((lines[key] for n in range(len(where), 0, -1) if (key := ".".join(where[:n])) in lines), 0)
    return Finding(FILE, line, 0, f"{'.'.join(where) or 'the file'}: {problem['msg']}")
