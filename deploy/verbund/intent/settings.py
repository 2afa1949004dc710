# SPDX-License-Identifier: EUPL-1.2
"""What the roles offer: their variables with types, their default values, their controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,), "path": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "list": (list,),
    "dict": (dict,),
}  # fmt: skip
_WORDS = {
    "str": "text", "path": "a path", "int": "a whole number", "float": "a number", "bool": "true or false",
    "list": "a list", "dict": "a mapping",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The role variables and controls of a checkout.

    Args:
        options: role variable to its entry in ``meta/argument_specs.yml``.
        defaults: role variable to value, file and line in ``defaults/main.yml``.
        controls: ids of all controls.
        known: False where there is no roles directory to compare with.
    """

    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    defaults: dict[str, tuple[Any, Path, int]] = field(default_factory=dict)
    controls: frozenset[str] = frozenset()
    known: bool = False


def catalogue(roles: Path) -> Catalogue:
    """Read the roles directory; parsed once per content.

    Args:
        roles: directory of roles; may be missing.
    """
    files = sorted(path for name in ("argument_specs", "controls") for path in roles.glob(f"*/meta/{name}.yml"))
    files += sorted(roles.glob("*/defaults/main.yml"))
    stamps = []
    for path in files:
        try:
            state = path.stat()
        except OSError:
            continue
        stamps.append((path, state.st_mtime_ns, state.st_size))
    return _catalogue(tuple(stamps))


@lru_cache(maxsize=4)
def _catalogue(stamps: tuple[tuple[Path, int, int], ...]) -> Catalogue:
    options: dict[str, dict[str, Any]] = {}
    defaults: dict[str, tuple[Any, Path, int]] = {}
    controls: set[str] = set()
    for path, _, _ in stamps:
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, OSError, UnicodeDecodeError):
            continue  # Broken role files are the business of ansible-lint; intent only misses their names.
        value = yaml.CSafeLoader("").construct_document(node) if node is not None else None
        if not isinstance(value, dict) or not isinstance(node, yaml.MappingNode):
            continue
        if path.name == "argument_specs.yml":
            main = (value.get("argument_specs") or {}).get("main") or {}
            options.update({name: option or {} for name, option in (main.get("options") or {}).items()})
        elif path.name == "controls.yml":
            controls.update(
                str(item["id"]) for item in value.get("controls") or () if isinstance(item, dict) and "id" in item
            )
        else:
            for key, _child in node.value:
                defaults[key.value] = (value.get(key.value), path, key.start_mark.line + 1)
    return Catalogue(options, defaults, frozenset(controls), known=bool(options))


def mismatches(
    option: dict[str, Any], value: Any, loc: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Compare a value with a role's argument specification.

    Args:
        option: entry of ``argument_specs``.
        value: what the intent says.
        loc: where it says so.

    Yields:
        Place and plain message of each mismatch.
    """
    kind = option.get("type", "str")
    name = loc[-1]
    expected = _TYPES.get(kind)
    if expected is not None and (not isinstance(value, expected) or (isinstance(value, bool) and kind != "bool")):
        yield loc, f"'{name}' is {described(value)}, expected {_WORDS[kind]}"
        return
    if choices := option.get("choices"):
        for choice in value if isinstance(value, list) else [value]:
            if choice not in choices:
                yield loc, f"'{choice}' is not possible for '{name}', expected one of: {', '.join(map(str, choices))}"
    if isinstance(value, list):
        inner = {"type": option.get("elements", "raw"), "options": option.get("options")}
        for index, item in enumerate(value):
            yield from mismatches(inner, item, (*loc, index))
    elif isinstance(value, dict) and (options := option.get("options")):
        yield from _key_mismatches(options, value, loc)


def _key_mismatches(
    options: dict[str, Any], value: dict[str, Any], loc: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key, item in value.items():
        if key not in options:
            yield (*loc, key), f"unknown key '{key}', expected one of: {', '.join(options)}"
        else:
            yield from mismatches(options[key] or {}, item, (*loc, key))
    for key, inner in options.items():
        if (inner or {}).get("required") and key not in value:
            yield loc, f"key '{key}' is missing"


def described(value: Any) -> str:
    """A value in words, for messages."""
    match value:
        case bool():
            return "true or false"
        case str():
            return f"the text '{value[:40]}'"
        case None:
            return "empty"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"the number {value}"
