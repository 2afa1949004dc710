# SPDX-License-Identifier: EUPL-1.2
"""The coverage: what becomes of every BSI requirement on every class of host, and whether the controls bear it out.

``coverage_2023.yml`` says of each requirement what is proven by machine, what is missing and who answers for the rest.
Which controls prove it is never written there; it follows from the references of the controls.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError, model_validator
from yaml.nodes import MappingNode, Node, ScalarNode

from verbund.baseline.controls import (
    BsiRequirement,
    Entry,
    HostClass,
    bsi_modules,
    explained,
    line_index,
    read_yaml,
)
from verbund.baseline.results import Record, Title
from verbund.errors import Finding, InputError

CLASSES: Final[tuple[HostClass, ...]] = get_args(HostClass)
FILE = Path(__file__).with_name("coverage_2023.yml")


class Status(StrEnum):
    """What becomes of a requirement, the most proven first."""

    AUTOMATED = "automated"
    PARTIAL = "partial"
    MANUAL = "manual"
    NOT_APPLICABLE = "not applicable"


class Standing(Record):
    """What becomes of a requirement on some classes of hosts; an entry of the coverage file.

    ``answer`` is the role that answers for what no control proves; ``de`` and ``en`` say what is missing (partial),
    what has to be shown (manual) or why the requirement does not apply. Without ``classes`` it holds for all classes
    of the module.
    """

    classes: tuple[HostClass, ...] = ()
    status: Status
    answer: str = ""
    de: str = ""
    en: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Standing:
        needed, forbidden = {
            Status.AUTOMATED: ((), ("answer", "de", "en")),
            Status.PARTIAL: (("answer", "de", "en"), ()),
            Status.MANUAL: (("answer", "de", "en"), ()),
            Status.NOT_APPLICABLE: (("de", "en"), ("answer",)),
        }[self.status]
        missing = [name for name in needed if not getattr(self, name).strip()]
        if missing:
            raise ValueError(f"'{self.status}' needs {' and '.join(missing)}")
        if extra := [name for name in forbidden if getattr(self, name)]:
            raise ValueError(f"'{self.status}' has no {' or '.join(extra)}")
        return self


class _Head(Record):
    """A module of the file without its requirements."""

    classes: tuple[HostClass, ...]
    elsewhere: Title | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement and what becomes of it.

    Args:
        id: its id (``SYS.1.3.A8``).
        bsi: level and title.
        standings: one for each group of classes; together they name every class of the module once.
        lines: line of each standing in the file, 1-based.
    """

    id: str
    bsi: BsiRequirement
    standings: tuple[Standing, ...]
    lines: tuple[int, ...]

    @property
    def status(self) -> Status:
        """Over all classes of the module: what they agree on where the requirement applies, else partial."""
        found = {standing.status for standing in self.standings} - {Status.NOT_APPLICABLE}
        return Status.PARTIAL if len(found) > 1 else next(iter(found), Status.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the catalogue.

    Args:
        id: its id (``SYS.1.3``).
        title: official German title.
        classes: the classes it is about.
        elsewhere: why it does not apply to the others; None where there are none.
        requirements: all of its requirements, in the order of the catalogue.
    """

    id: str
    title: str
    classes: tuple[HostClass, ...]
    elsewhere: Title | None
    requirements: tuple[Requirement, ...]

    @property
    def others(self) -> tuple[HostClass, ...]:
        """The classes the module is not about."""
        return tuple(name for name in CLASSES if name not in self.classes)

    def standings(self, requirement: Requirement) -> tuple[Standing, ...]:
        """What becomes of a requirement of this module on every class, those included that the module is not about."""
        if self.elsewhere is None:
            return requirement.standings
        why = self.elsewhere
        beside = Standing(classes=self.others, status=Status.NOT_APPLICABLE, de=why.de, en=why.en)
        return (*requirement.standings, beside)

    def counts(self, host_class: HostClass | None = None) -> Counter[Status]:
        """How many requirements have which status, over all classes of the module or for one class."""
        if host_class is None:
            return Counter(requirement.status for requirement in self.requirements)
        return Counter(
            standing.status
            for requirement in self.requirements
            for standing in self.standings(requirement)
            if host_class in standing.classes
        )


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole file.

    Args:
        path: how findings name it.
        answers: English name of each role that answers, by its German name.
        modules: all modules, in the order of the catalogue.
    """

    path: Path
    answers: Mapping[str, str]
    modules: tuple[Module, ...]


def proofs(requirement: str, classes: Collection[HostClass], entries: Iterable[Entry]) -> list[Entry]:
    """The controls that prove a requirement on at least one of some classes, in the order given."""
    return [
        entry
        for entry in entries
        if any(reference.req == requirement for reference in entry.control.bsi)
        and any(name in classes for name in entry.control.classes)
    ]


def require_coverage(path: Path | None = None) -> Coverage:
    """Read the coverage file, or stop.

    Args:
        path: the file; by default the one of this release.

    Raises:
        InputError: it is malformed, or a requirement is missing or has no place for a class.
    """
    coverage, findings = load_coverage(path or FILE)
    if findings or coverage is None:
        raise InputError(findings)
    return coverage


def load_coverage(path: Path, root: Path | None = None) -> tuple[Coverage | None, list[Finding]]:
    """Read a coverage file.

    Args:
        path: the file.
        root: the project; findings name the file relative to it.

    Returns:
        what it says (None where it cannot be read at all) and all findings.
    """
    shown = path.relative_to(root) if root and path.is_relative_to(root) else Path("verbund/baseline") / path.name
    try:
        document, node = read_yaml(path, shown)
    except InputError as error:
        return None, error.findings
    return _Reader(shown, node).read(document)


class _Reader:
    def __init__(self, path: Path, node: Node) -> None:
        self._path = path
        self._lines = line_index(node)
        self._answers: dict[str, str] = {}
        self._findings = [
            Finding(path, key.start_mark.line + 1, 0, f"{key.value} stands twice", "keep one of the two")
            for key in _repeated(node)
        ]

    def read(self, document: Any) -> tuple[Coverage | None, list[Finding]]:
        shape = isinstance(document, dict) and set(document) == {"answers", "modules"}
        if not shape or not all(isinstance(part, dict) for part in document.values()):
            self._add("", "expected two keys, 'answers' and 'modules', each with a mapping")
            return None, self._findings
        self._answers = {str(key): str(value) for key, value in document["answers"].items()}
        known = bsi_modules()
        self._names("modules", document["modules"], known, "a module of Edition 2023")
        modules = [self._module(key, document["modules"][key]) for key in known if key in document["modules"]]
        return Coverage(self._path, self._answers, tuple(filter(None, modules))), self._findings

    def _add(self, key: str, message: str, hint: str = "") -> None:
        self._findings.append(Finding(self._path, self._line(key), 0, message, hint))

    def _line(self, key: str) -> int:
        return self._lines.get(key, 1)

    def _names(self, place: str, given: Mapping[Any, Any], known: Collection[str], kind: str) -> None:
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(str(name), list(known), 1)
                hint = f"did you mean '{near[0]}'?" if near else ""
                self._add(f"{place}.{name}", f"{name} is not {kind}", hint)
        for name in known:
            if name not in given:
                self._add(place, f"{name} is missing", "every requirement has a place, 'manual' at least")

    def _valid(self, model: type[Any], item: Any, place: str, name: str, kind: str) -> Any:
        try:
            return model.model_validate(item)
        except ValidationError as error:
            prefix = place + "."
            own = {key.removeprefix(prefix): line for key, line in self._lines.items() if key.startswith(prefix)}
            self._findings += explained(error, self._path, own, self._line(place), name=name, kind=kind)
            return None

    def _module(self, key: str, item: Any) -> Module | None:
        place = f"modules.{key}"
        known = bsi_modules()[key]
        if not isinstance(item, dict) or not isinstance(item.get("requirements"), dict):
            self._add(place, f"{key}: expected 'classes', 'elsewhere' and 'requirements'")
            return None
        head = self._valid(
            _Head, {name: part for name, part in item.items() if name != "requirements"}, place, key, "a module"
        )
        if head is None:
            return None
        if (head.elsewhere is None) is not (set(head.classes) == set(CLASSES)):
            self._add(place, f"{key}: 'elsewhere' says why the classes that 'classes' leaves out are not concerned")
        given = item["requirements"]
        self._names(f"{place}.requirements", given, known.requirements, f"a requirement of {key}")
        found = [
            self._requirement(name, bsi, given[name], f"{place}.requirements.{name}", head.classes)
            for name, bsi in known.requirements.items()
            if name in given
        ]
        return Module(key, known.title, head.classes, head.elsewhere, tuple(filter(None, found)))

    def _requirement(
        self, name: str, bsi: BsiRequirement, item: Any, place: str, classes: tuple[HostClass, ...]
    ) -> Requirement | None:
        several = isinstance(item, list)
        standings: list[Standing] = []
        lines: list[int] = []
        for index, part in enumerate(item if several else [item]):
            where = f"{place}.{index}" if several else place
            standing = self._valid(Standing, part, where, name, "an entry of the coverage")
            if standing is None:
                return None
            if not several and not standing.classes:
                standing = standing.model_copy(update={"classes": classes})
            if standing.answer and standing.answer not in self._answers:
                self._add(f"{where}.answer", f"{name}: '{standing.answer}' is not among the roles that answer")
            standings.append(standing)
            lines.append(self._line(where))
        named = Counter(host_class for standing in standings for host_class in standing.classes)
        for host_class in CLASSES:
            if named[host_class] > 1:
                self._add(place, f"{name}: class {host_class} stands in two entries", "keep one of the two")
            elif named[host_class] and host_class not in classes:
                self._add(place, f"{name}: its module is not about class {host_class}", "take the class out")
            elif not named[host_class] and host_class in classes:
                self._add(place, f"{name}: nothing is said for class {host_class}", "add it to 'classes' of an entry")
        return Requirement(name, bsi, tuple(standings), tuple(lines))


def _repeated(node: Node) -> Iterator[ScalarNode]:
    """Keys that stand twice in one mapping; a YAML loader would keep the last one and say nothing."""
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if key.value in seen:
                    yield key
                seen.add(key.value)
            yield from _repeated(value)


def contradictions(coverage: Coverage, entries: Sequence[Entry]) -> Iterator[Finding]:
    """What the coverage says and the controls do not bear out, or the other way round.

    A control counts for the classes that both it and the module are about: a control for servers and clients that
    names SYS.2.3.A7 proves it on clients.
    """
    by_requirement: dict[str, list[Entry]] = {}
    for entry in entries:
        for reference in entry.control.bsi:
            by_requirement.setdefault(reference.req, []).append(entry)
    for module in coverage.modules:
        for requirement in module.requirements:
            referring = by_requirement.get(requirement.id, [])
            for entry in referring:
                if not set(entry.control.classes) & set(module.classes):
                    yield _beside(module, requirement, entry)
            for standing, line in zip(requirement.standings, requirement.lines, strict=True):
                for message, hint in _untrue(standing, proofs(requirement.id, standing.classes, referring)):
                    yield Finding(coverage.path, line, 0, f"{requirement.id} is '{standing.status}' {message}", hint)


def _beside(module: Module, requirement: Requirement, entry: Entry) -> Finding:
    references = [reference.req for reference in entry.control.bsi]
    line = entry.lines.get(f"bsi.{references.index(requirement.id)}.req", entry.line)
    mine, theirs = ", ".join(entry.control.classes), ", ".join(module.classes)
    return Finding(
        entry.path,
        line,
        0,
        f"{entry.control.id}: proves {requirement.id} on no host: the module is about {theirs}, this is about {mine}",
        "take the reference out, or name a requirement of a module about these classes",
    )


def _untrue(standing: Standing, found: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    if standing.status in {Status.AUTOMATED, Status.PARTIAL}:
        whole = standing.status is Status.AUTOMATED
        proven = {name for entry in found if not (whole and entry.control.profiles) for name in entry.control.classes}
        if bare := [name for name in standing.classes if name not in proven]:
            what = "no control that holds for all profiles" if whole else "no control"
            yield (
                f"for {', '.join(bare)}, but {what} proves it there",
                "say 'manual' with 'answer' for these classes, or reference it in a control",
            )
    elif found:
        proven = {name for entry in found for name in entry.control.classes}
        classes = ", ".join(name for name in standing.classes if name in proven)
        shown = ", ".join(f"{entry.control.id} ({entry.path}:{entry.line})" for entry in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        yield (
            f"for {classes}, but {shown}{more} proves it there",
            "say 'partial' and what is missing, or 'automated'; or take the reference out of the control",
        )
