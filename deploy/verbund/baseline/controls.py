# SPDX-License-Identifier: EUPL-1.2
"""The controls: what the standard demands, read from ``roles/*/meta/controls.yml``, and the BSI catalogue behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from verbund.baseline.results import BsiReference, ControlInfo, Record, Title
from verbund.errors import Finding, InputError

if TYPE_CHECKING:
    from verbund.baseline.target import Target

HostClass = Literal["client", "laptop", "server", "gateway", "switch"]
YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader, in C where libyaml is there (ten times faster)."""

PREFIXES = {
    "apt": "VB-APT",
    "packages": "VB-PKG",
    "services": "VB-SVC",
    "accounts": "VB-ACC",
    "sudo": "VB-SUD",
    "pam": "VB-PAM",
    "time": "VB-TIM",
    "logging": "VB-LOG",
    "audit": "VB-AUD",
    "kernel": "VB-KRN",
    "mounts": "VB-MNT",
    "coredump": "VB-COR",
    "apparmor": "VB-AAR",
    "integrity": "VB-INT",
    "banner": "VB-BAN",
    "sshd": "VB-SSH",
    "ssh_client": "VB-SSC",
    "firewall": "VB-FWL",
    "release": "VB-REL",
}
"""Role -> prefix of its control ids."""


class Control(Record):
    """One verifiable requirement; the format of an entry in ``meta/controls.yml``.

    ``profiles`` empty means all; ``tag`` is on a task of the role; ``test`` is a pytest node id; ``lifetime_hours``
    is how old evidence may be before the verdict is ``stale``.
    """

    id: Annotated[str, StringConstraints(pattern=r"^VB-[A-Z]{3}-[0-9]{3}$")]
    title: Title
    bsi: tuple[BsiReference, ...] = Field(min_length=1)
    classes: tuple[HostClass, ...] = Field(min_length=1)
    profiles: tuple[str, ...] = ()
    tag: str
    test: Annotated[str, StringConstraints(pattern=r"^[\w./-]+\.py::\w+$")]
    evidence: Literal["effective", "persistent", "both"]
    since: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}\.[1-9][0-9]?$")]
    lifetime_hours: int = Field(default=168, gt=0)

    @property
    def number(self) -> str:
        """The part of the id that sorts within a role."""
        return self.id.rsplit("-", 1)[1]

    def not_for(self, target: Target) -> str:
        """Why the control does not apply to a host; empty when it does."""
        if target.host_class not in self.classes:
            return f"not for hosts of class {target.host_class}"
        if self.profiles and target.profile not in self.profiles:
            return f"not for the profile {target.profile or '(none)'}"
        return ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A control with the place where it is written.

    Args:
        control: the control.
        role: the role that enforces it.
        path: its ``controls.yml``, relative to the project.
        line: line of the entry, 1-based.
        lines: line of each of its keys, dotted for nested ones (``bsi.0.req``).
    """

    control: Control
    role: str
    path: Path
    line: int
    lines: dict[str, int]

    def info(self) -> ControlInfo:
        """What a result file tells its readers."""
        control = self.control
        return ControlInfo(
            id=control.id,
            title=control.title,
            bsi=control.bsi,
            role=self.role,
            evidence=control.evidence,
            since=control.since,
        )


class BsiRequirement(Record):
    """A requirement of the catalogue: level B, S or H and the German title."""

    level: Literal["B", "S", "H"]
    title: str


class BsiModule(Record):
    """A module (Baustein) of the catalogue: its German title and its requirements by id."""

    title: str
    requirements: dict[str, BsiRequirement]


@cache
def bsi_modules() -> dict[str, BsiModule]:
    """The modules Verbund knows (IT-Grundschutz-Kompendium, Edition 2023), by id."""
    document = yaml.load((files("verbund.baseline") / "bsi_2023.yml").read_bytes(), Loader=YAML_LOADER)  # noqa: S506 - a safe loader
    return {key: BsiModule.model_validate(value) for key, value in document["modules"].items()}


@cache
def bsi_catalogue() -> dict[str, BsiRequirement]:
    """All requirements of these modules, by id."""
    return {key: requirement for module in bsi_modules().values() for key, requirement in module.requirements.items()}


def read_yaml(path: Path, shown: Path) -> tuple[Any, Node]:
    """Parse a YAML file of the project.

    Args:
        path: the file.
        shown: how findings name it.

    Returns:
        the data and the node tree, which knows the lines.

    Raises:
        InputError: unreadable, not UTF-8, or not YAML.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        node = yaml.compose(text, Loader=YAML_LOADER)
        if node is None:
            raise InputError([Finding(shown, 0, 0, "is empty")])
        return yaml.load(text, Loader=YAML_LOADER), node  # noqa: S506 - a safe loader
    except OSError as error:
        raise InputError([Finding(shown, 0, 0, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise InputError([Finding(shown, 0, 0, "is not UTF-8")]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = getattr(error, "problem", None) or str(error)
        raise InputError([Finding(shown, line, column, f"is not valid YAML: {problem}")]) from error


def line_index(node: Node, prefix: str = "") -> dict[str, int]:
    """The line of every key below a node, dotted: ``{"title": 3, "bsi.0.req": 7}``."""
    found: dict[str, int] = {}
    children: Iterable[tuple[str, Node, int]] = ()
    if isinstance(node, MappingNode):
        children = [(key.value, value, key.start_mark.line) for key, value in node.value if isinstance(key, ScalarNode)]
    elif isinstance(node, SequenceNode):
        children = [(str(index), value, value.start_mark.line) for index, value in enumerate(node.value)]
    for name, child, line in children:
        found[prefix + name] = line + 1
        found |= line_index(child, f"{prefix}{name}.")
    return found


def load_controls(roles: Path) -> tuple[list[Entry], list[Finding]]:
    """Read the controls of all roles.

    Args:
        roles: the directory of the roles.

    Returns:
        the well-formed controls, sorted by id, and a finding for each entry that is not.
    """
    entries: list[Entry] = []
    findings: list[Finding] = []
    for path in sorted(roles.glob("*/meta/controls.yml")):
        shown = path.relative_to(roles.parent)
        try:
            document, node = read_yaml(path, shown)
        except InputError as error:
            findings += error.findings
            continue
        raw = document.get("controls") if isinstance(document, dict) else None
        if not isinstance(raw, list) or not raw or set(document) != {"controls"}:
            findings.append(Finding(shown, 1, 1, "expected one key, 'controls', with a list of controls"))
            continue
        lines = line_index(node)
        for index, item in enumerate(raw):
            start = f"controls.{index}"
            own = {key.removeprefix(start + "."): line for key, line in lines.items() if key.startswith(start + ".")}
            try:
                control = Control.model_validate(item)
            except ValidationError as error:
                name = item.get("id", "control") if isinstance(item, dict) else "control"
                findings += explained(error, shown, own, lines[start], name=name, kind="a control")
                continue
            entries.append(Entry(control, path.parent.parent.name, shown, lines[start], own))
    return sorted(entries, key=lambda entry: entry.control.id), findings


def explained(
    error: ValidationError, path: Path, lines: dict[str, int], start: int, *, name: str, kind: str
) -> Iterable[Finding]:
    """What a validation found in one entry of a file, each at its line.

    Args:
        error: what the validation raised.
        path: the file, as findings name it.
        lines: line of each key of the entry (`line_index`, without the entry's own prefix).
        start: line of the entry.
        name: how findings call the entry.
        kind: what it is, with its article ("a control").
    """
    for problem in error.errors():
        where = [str(part) for part in problem["loc"]]
        line = next((lines[key] for n in range(len(where), 0, -1) if (key := ".".join(where[:n])) in lines), start)
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            message = "is missing"
        elif problem["type"] == "extra_forbidden":
            message = f"is not a key of {kind}"
        given = "" if not where or message.startswith("is ") else f", got {str(problem['input'])[:60]!r}"
        yield Finding(path, line, 0, f"{name}: {'.'.join(where) or 'entry'}: {message}{given}")


def require_controls(roles: Path) -> list[Entry]:
    """Read the controls of all roles, or stop.

    Raises:
        InputError: an entry is malformed, or two have one id.
    """
    entries, findings = load_controls(roles)
    findings += duplicates(entries)
    if findings:
        raise InputError(findings)
    return entries


def duplicates(entries: Sequence[Entry]) -> list[Finding]:
    """A finding for each control whose id is taken."""
    seen: dict[str, Entry] = {}
    found = []
    for entry in entries:
        first = seen.setdefault(entry.control.id, entry)
        if first is not entry:
            place = f"{first.path}:{first.line}"
            found.append(
                Finding(entry.path, entry.line, 0, f"{entry.control.id} is also defined in {place}", "ids are unique")
            )
    return found


def catalogue_markdown(entries: Sequence[Entry]) -> str:
    """The control catalogue of the documentation (``docs/controls.md``)."""
    catalogue = bsi_catalogue()
    covered = {reference.req for entry in entries for reference in entry.control.bsi}
    roles = sorted({entry.role for entry in entries})
    out = [
        "<!-- SPDX-License-Identifier: EUPL-1.2 -->",
        "<!-- Generated by `verbund controls --markdown`; do not edit. -->",
        "",
        "# Control catalogue",
        "",
        f"{len(entries)} controls in {len(roles)} roles prove {len(covered)} requirements of the BSI",
        "IT-Grundschutz-Kompendium, Edition 2023 (level B: Basis, S: Standard, H: elevated).",
    ]
    for role in roles:
        out += ["", f"## {role}", ""]
        out += ["| id | control | Anforderung | BSI | classes | evidence | since |", "|---|---|---|---|---|---|---|"]
        for entry in entries:
            if entry.role != role:
                continue
            control = entry.control
            cells = (
                control.id,
                control.title.en,
                control.title.de,
                ", ".join(map(str, control.bsi)),
                ", ".join((*control.classes, *(f"profile {profile}" for profile in control.profiles))),
                control.evidence,
                control.since,
            )
            out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    out += ["", "## BSI requirements with a control", "", "| requirement | title | controls |", "|---|---|---|"]
    for requirement, known in catalogue.items():
        if requirement in covered:
            ids = [e.control.id for e in entries if any(r.req == requirement for r in e.control.bsi)]
            out.append(f"| {requirement} ({known.level}) | {known.title} | {', '.join(ids)} |")
    return "\n".join(out) + "\n"
