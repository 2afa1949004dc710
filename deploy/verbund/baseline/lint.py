# SPDX-License-Identifier: EUPL-1.2
"""The linter of the controls: one id, one role tag, one test, true BSI references; nothing missing or dangling."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from verbund.baseline.controls import PREFIXES, Entry, bsi_catalogue, duplicates, load_controls, read_yaml
from verbund.baseline.coverage import contradictions, load_coverage
from verbund.errors import Finding, InputError


@dataclass(frozen=True, slots=True)
class _Test:
    path: Path
    name: str
    line: int
    controls: tuple[tuple[str, int], ...]


def lint(
    root: Path, profiles: Collection[str] | None = None, coverage: Path | None = None
) -> tuple[list[Entry], list[Finding]]:
    """Check the controls of a project against its roles, its tests, the BSI catalogue and the coverage.

    Args:
        root: the project.
        profiles: the profiles that exist; None leaves them unchecked.
        coverage: the coverage file; None leaves it unchecked.

    Returns:
        the well-formed controls and all findings, sorted.
    """
    entries, findings = load_controls(root / "roles")
    tests, broken = _tests(root)
    findings += broken
    findings += duplicates(entries)
    if not entries and not findings:
        findings.append(Finding(Path("roles"), 0, 0, "no role has a meta/controls.yml"))
    findings += _prefixes(entries)
    findings += _tags(root, entries)
    findings += _proofs(entries, tests)
    findings += _markers(entries, tests)
    findings += _references(entries)
    if profiles is not None:
        findings += _profiles(entries, profiles)
    if coverage is not None:
        stated, broken = load_coverage(coverage, root)
        findings += broken
        if stated is not None:
            findings += contradictions(stated, entries)
    return entries, sorted(set(findings))


def _near(word: str, known: Collection[str]) -> str:
    match = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean '{match[0]}'?" if match else ""


def _at(entry: Entry, key: str, message: str, hint: str = "") -> Finding:
    line = entry.lines.get(key) or entry.lines.get(key.split(".", 1)[0]) or entry.line
    return Finding(entry.path, line, 0, f"{entry.control.id}: {message}", hint)


def _prefixes(entries: list[Entry]) -> Iterator[Finding]:
    for entry in entries:
        prefix = PREFIXES.get(entry.role)
        if prefix is None:
            yield _at(entry, "id", f"role '{entry.role}' has no prefix for control ids", "add it to PREFIXES")
        elif not entry.control.id.startswith(prefix + "-"):
            yield _at(entry, "id", f"controls of role '{entry.role}' begin with {prefix}-")


def _tags(root: Path, entries: list[Entry]) -> Iterator[Finding]:
    tags: dict[str, set[str]] = {}
    for role in sorted({entry.role for entry in entries}):
        tags[role] = set()
        for path in sorted((root / "roles" / role / "tasks").rglob("*.y*ml")):
            try:
                document, _ = read_yaml(path, path.relative_to(root))
            except InputError as error:
                yield from error.findings
                continue
            tags[role] |= _tags_of(document)
    for entry in entries:
        tag = entry.control.tag
        if tag not in tags[entry.role]:
            yield _at(entry, "tag", f"no task of role '{entry.role}' has the tag '{tag}'", _near(tag, tags[entry.role]))


def _tags_of(document: object) -> set[str]:
    found: set[str] = set()
    for task in document if isinstance(document, list) else []:
        if isinstance(task, dict):
            tags = task.get("tags", [])
            found |= set(map(str, tags)) if isinstance(tags, list) else {t.strip() for t in str(tags).split(",")}
            for part in ("block", "rescue", "always"):
                found |= _tags_of(task.get(part))
    return found


def _tests(root: Path) -> tuple[dict[str, _Test], list[Finding]]:
    """All test functions of the baseline by node id, read without importing them."""
    found: dict[str, _Test] = {}
    findings = []
    for path in sorted((root / "tests" / "baseline").glob("test_*.py")):
        shown = path.relative_to(root)
        try:
            tree = ast.parse(path.read_bytes(), filename=str(shown))
        except (OSError, SyntaxError, ValueError) as error:
            findings.append(Finding(shown, getattr(error, "lineno", 0) or 0, 0, f"cannot be parsed: {error}"))
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                controls = tuple(marker for item in node.decorator_list if (marker := _control_marker(item)))
                key = f"{shown.as_posix()}::{node.name}"
                if key in found:
                    findings.append(Finding(shown, node.lineno, 0, f"{node.name} hides the test of the same name"))
                found[key] = _Test(shown, node.name, node.lineno, controls)
    return found, findings


def _control_marker(decorator: ast.expr) -> tuple[str, int] | None:
    if (
        isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func) == "pytest.mark.control"
        and len(decorator.args) == 1
        and isinstance(decorator.args[0], ast.Constant)
    ):
        return str(decorator.args[0].value), decorator.lineno
    return None


def _proofs(entries: list[Entry], tests: dict[str, _Test]) -> Iterator[Finding]:
    claimed: dict[str, str] = {}
    for entry in entries:
        wanted = entry.control.test
        test = tests.get(wanted)
        if test is None:
            yield _at(entry, "test", f"there is no test {wanted}", _near(wanted, tests))
        elif entry.control.id not in [control for control, _ in test.controls]:
            yield _at(
                entry,
                "test",
                f"its test lacks the marker ({test.path}:{test.line})",
                f'put @pytest.mark.control("{entry.control.id}") on {test.name}',
            )
        other = claimed.setdefault(wanted, entry.control.id)
        if other != entry.control.id:
            yield _at(entry, "test", f"{wanted} already proves {other}", "one control, one test")


def _markers(entries: list[Entry], tests: dict[str, _Test]) -> Iterator[Finding]:
    known = {entry.control.id: entry for entry in entries}
    proven: dict[str, _Test] = {}
    for key, test in tests.items():
        if not test.controls:
            yield Finding(test.path, test.line, 0, f"{test.name} proves no control", "mark it, or make it a helper")
        if len(test.controls) > 1:
            yield Finding(test.path, test.line, 0, f"{test.name} carries several controls", "one control, one test")
        for control, line in test.controls:
            if control not in known:
                yield Finding(test.path, line, 0, f"{control} is not a control of any role", _near(control, known))
                continue
            first = proven.setdefault(control, test)
            if first is not test:
                yield Finding(test.path, line, 0, f"{control} already has the test {first.path}::{first.name}")
            elif known[control].control.test != key:
                yield Finding(test.path, line, 0, f"{control} names another test: {known[control].control.test}")


def _references(entries: list[Entry]) -> Iterator[Finding]:
    catalogue = bsi_catalogue()
    for entry in entries:
        for index, reference in enumerate(entry.control.bsi):
            known = catalogue.get(reference.req)
            if known is None:
                yield _at(
                    entry,
                    f"bsi.{index}.req",
                    f"{reference.req} is not a requirement of Edition 2023",
                    _near(reference.req, catalogue),
                )
            elif known.level != reference.level:
                yield _at(
                    entry, f"bsi.{index}.level", f"{reference.req} has level {known.level}, not {reference.level}"
                )
            if any(sentence < 1 for sentence in reference.sentences):
                yield _at(entry, f"bsi.{index}.sentences", "sentences are counted from 1")


def _profiles(entries: list[Entry], profiles: Collection[str]) -> Iterator[Finding]:
    for entry in entries:
        for index, profile in enumerate(entry.control.profiles):
            if profile not in profiles:
                yield _at(entry, f"profiles.{index}", f"profile '{profile}' is unknown", _near(profile, profiles))
