# SPDX-License-Identifier: EUPL-1.2
"""Compile the intent into the form both inventories are built from, and cache that by content.

A municipality has thousands of hosts but few distinct sets of settings: all pupils' PCs of a site share theirs. So the
compiled form keeps every distinct value once, every distinct set of values once (``Settings``, a group of its own in
Ansible), and per host only what names it. That is what makes 50,000 hosts load in seconds, and it is also what lets
``group_vars`` override the intent: Ansible ranks variables of inventory groups below ``group_vars`` files, but
variables of an inventory host above them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import verbund
from verbund.files import write_atomically
from verbund.inventory.connection import jumps

if TYPE_CHECKING:
    from verbund.intent import Host, Intent

# What names one host; everything else is shared by the hosts that have the same settings.
OWN = ("verbund_address", "verbund_address6", "verbund_room")
_FORMAT = 1
_NOT_INTENT = {"group_vars", "host_vars", ".git"}
_KEPT = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """One distinct set of settings and the hosts that have it.

    Args:
        name: name of the Ansible group that carries it; derived from the content, so it changes only with it.
        variables: variable name to value, plain data; equal values are one object.
    """

    name: str
    variables: dict[str, Any]


@dataclass(slots=True)
class Compiled:
    """All hosts of an inventory in columns: position ``i`` of each list belongs to host ``names[i]``.

    Args:
        names: inventory names of the hosts.
        settings_of: index into ``settings``.
        groups_of: index into ``memberships``.
        jumps: name of the site gateway that SSH jumps over, or None.
        own: the variables of ``OWN``, a column each.
        settings: distinct sets of settings.
        memberships: distinct lists of group names.
    """

    names: list[str] = field(default_factory=list)
    settings_of: list[int] = field(default_factory=list)
    groups_of: list[int] = field(default_factory=list)
    jumps: list[str | None] = field(default_factory=list)
    own: dict[str, list[Any]] = field(default_factory=lambda: {key: [] for key in OWN})
    settings: list[Settings] = field(default_factory=list)
    memberships: list[list[str]] = field(default_factory=list)

    def variables(self, index: int) -> dict[str, Any]:
        """Every variable of one host, as a role sees it when no ``group_vars`` say otherwise.

        Args:
            index: position of the host in ``names``.
        """
        own = {key: column[index] for key, column in self.own.items()}
        return {**self.settings[self.settings_of[index]].variables, **own, "ansible_host": own["verbund_address"]}

    def tenants(self) -> dict[str, list[int]]:
        """Positions of the hosts of each tenant."""
        found: dict[str, list[int]] = {}
        for index, settings in enumerate(self.settings_of):
            found.setdefault(str(self.settings[settings].variables["verbund_tenant"]), []).append(index)
        return found


class _Pool:
    """Keeps each distinct JSON value once and names it by its position."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._scalars: dict[tuple[type, Any], int] = {}
        self._containers: dict[str, int] = {}
        self._seen: dict[int, tuple[Any, int]] = {}  # by identity; the reference keeps the identity valid

    def add(self, value: Any) -> int:
        if not value or not isinstance(value, (list, dict, tuple)):
            # Empty lists come anew for each host, so they are known by their type like scalars.
            key = (type(value), value if value.__hash__ else ())
            position = self._scalars.get(key)
            if position is None:
                position = self._scalars[key] = self._append(value)
            return position
        known = self._seen.get(id(value))
        if known is not None:
            return known[1]
        text = json.dumps(value, sort_keys=True)
        position = self._containers.get(text)
        if position is None:
            position = self._containers[text] = self._append(value)
        self._seen[id(value)] = (value, position)
        return position

    def _append(self, value: Any) -> int:
        self.values.append(value)
        return len(self.values) - 1


def compile_intent(intent: Intent) -> Compiled:
    """Compile a loaded intent.

    Args:
        intent: what ``verbund.intent.load`` returned.
    """
    return _unpack(_pack(intent))


def compiled(
    inventory: Path,
    tenants: Collection[str] | None = None,
    *,
    state: Path | None = None,
    today: date | None = None,
) -> Compiled:
    """The compiled inventory, from the cache when nothing it depends on has changed.

    Args:
        inventory: the directory with the intent.
        tenants: load only these; None means all. Files of other tenants are not opened.
        state: state directory that holds the cache; None switches the cache off.
        today: the day deviations are judged for; default now. It is part of the key, because a deviation that
            expires changes what the roles enforce.

    Raises:
        InputError: the intent is wrong; carries all findings.
    """
    from verbund import intent  # noqa: PLC0415 - a cache hit must not pay for pydantic

    if state is None:
        return compile_intent(intent.load(inventory, tenants))
    path = (
        state / "cache" / f"inventory-{_key(inventory, tenants, today or datetime.now(UTC).astimezone().date())}.json"
    )
    try:
        packed = json.loads(path.read_bytes())
        if packed["format"] == _FORMAT:
            return _unpack(packed)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, LookupError, TypeError):
        path.unlink(missing_ok=True)
    packed = _pack(intent.load(inventory, tenants))
    write_atomically(path, json.dumps(packed, separators=(",", ":")))
    _prune(path.parent)
    return _unpack(packed)


def _pack(intent: Intent) -> dict[str, Any]:
    """The compiled form as JSON: the cache file's content."""
    pool = _Pool()
    settings: dict[tuple[tuple[str, int], ...], int] = {}
    memberships: dict[tuple[str, ...], int] = {}
    hosts: tuple[Host, ...] = intent.hosts
    over = jumps(hosts)
    own: dict[str, list[Any]] = {key: [] for key in OWN}
    names, settings_of, groups_of = [], [], []
    for host in hosts:
        variables = intent.variables(host)
        for key in OWN:
            own[key].append(variables.get(key))
        shared = tuple(
            [(key, pool.add(value)) for key, value in variables.items() if key not in own and key != "ansible_host"]
        )
        names.append(host.name)
        settings_of.append(settings.setdefault(shared, len(settings)))
        groups_of.append(memberships.setdefault(tuple(intent.groups(host)), len(memberships)))
    return {
        "format": _FORMAT,
        "values": pool.values,
        "settings": {_settings_name(dict(shared), pool.values): dict(shared) for shared in settings},
        "memberships": list(memberships),
        "names": names,
        "settings_of": settings_of,
        "groups_of": groups_of,
        "jumps": [over.get(name) for name in names],
        "own": own,
    }


def _unpack(packed: Mapping[str, Any]) -> Compiled:
    values = packed["values"]
    settings = [
        Settings(name, {key: values[index] for key, index in position.items()})
        for name, position in packed["settings"].items()
    ]
    return Compiled(
        names=packed["names"],
        settings_of=packed["settings_of"],
        groups_of=packed["groups_of"],
        jumps=packed["jumps"],
        own=packed["own"],
        settings=settings,
        memberships=[list(names) for names in packed["memberships"]],
    )


def _settings_name(position: Mapping[str, int], values: list[Any]) -> str:
    """A name that says whose settings these are and that stays when unrelated hosts come or go."""
    said = [
        str(values[position[key]])
        for key in ("verbund_tenant", "verbund_site", "verbund_host_class")
        if key in position
    ]
    content = json.dumps({key: values[index] for key, index in sorted(position.items())}, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:10]
    return "settings_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in "_".join([*said, digest]))


def _key(inventory: Path, tenants: Collection[str] | None, today: date) -> str:
    digest = hashlib.sha256(
        f"{_FORMAT}\0{_code_version()}\0{today.isoformat()}\0{'*' if tenants is None else sorted(tenants)}\0".encode()
    )
    for path in _inputs(inventory, None if tenants is None else frozenset(tenants)):
        digest.update(os.fsencode(path))
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            # The loader will say what is wrong with it; here it only must not match a good run.
            digest.update(f"unreadable {error.errno}".encode())
    return digest.hexdigest()[:32]


def _inputs(inventory: Path, tenants: frozenset[str] | None) -> Iterator[Path]:
    """Every file the compiled inventory depends on, in a stable order; none of a tenant that was not asked for."""
    for entry in sorted(inventory.iterdir()) if inventory.is_dir() else ():
        if entry.name in _NOT_INTENT:
            continue
        if entry.is_file():
            yield entry
        elif tenants is None or entry.name in tenants or not (entry / "tenant.yml").exists():
            for directory, directories, files in os.walk(entry):
                directories[:] = sorted(set(directories) - _NOT_INTENT)
                yield from (Path(directory, name) for name in sorted(files))
    # Settings are validated against the roles' interfaces.
    yield from sorted(inventory.parent.glob("roles/*/meta/argument_specs.yml"))


@cache
def _code_version() -> str:
    """Changes whenever the code or the standard that compiles the intent changes."""
    package = Path(verbund.__file__).parent
    digest = hashlib.sha256(verbund.__version__.encode())
    for path in sorted([*package.glob("intent/**/*"), *package.glob("inventory/*.py")]):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _prune(directory: Path) -> None:
    """Keep the newest few: one per selection of tenants in use."""
    found = sorted(directory.glob("inventory-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[_KEPT:]:
        path.unlink(missing_ok=True)
