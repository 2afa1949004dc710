# SPDX-License-Identifier: EUPL-1.2
"""What has to be sent to a switch so that it becomes what it shall be, and what brings it back.

hier_config compares the two trees; what stands in the trees, which line replaces which, and in what order the commands
come is ours (`verbund.network.dialects`): its stock rules open trunks and cut off the management on several platforms.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hier_config.platforms.driver_base import HConfigDriverBase, HConfigDriverRules
from hier_config.root import HConfig

from verbund.errors import VerbundError
from verbund.network.dialects import (
    BANNER,
    DIALECTS,
    GLOBALS,
    OPEN,
    SHUT,
    UNLIST,
    UNPORT,
    VLANS,
    Command,
    Dialect,
    Op,
    Path,
    Tree,
)
from verbund.network.redact import mask, redact
from verbund.network.render import fill

if TYPE_CHECKING:
    from hier_config.child import HConfigChild

    from verbund.network.structured import PlatformName

_GONE = "~gone "
_WIDTH = 200
"""Longest list of VLANs or ports in one command; the shortest limit of a line among the platforms is 255."""


class _Driver(HConfigDriverBase):
    """Comparison by our dialects: a line that goes is only marked, which command that takes is decided later."""

    dialect: Dialect

    def idempotent_for(self, config: HConfigChild, other_children: Iterable[HConfigChild]) -> HConfigChild | None:
        path = tuple(config.path())[:-1]
        slot = self.dialect.slot(path, config.text)
        return next((other for other in other_children if self.dialect.slot(path, other.text) == slot), None)

    def swap_negation(self, child: HConfigChild) -> HConfigChild:
        child.text = _GONE + child.text
        return child

    @staticmethod
    def _instantiate_rules() -> HConfigDriverRules:
        return HConfigDriverRules()


@cache
def _driver(platform: PlatformName) -> _Driver:
    kind = type(f"_Driver_{platform}", (_Driver,), {"dialect": DIALECTS[platform]})
    driver = kind()
    assert isinstance(driver, _Driver)  # noqa: S101 - for the type checker
    return driver


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands that turn one configuration into another.

    Args:
        platform: whose commands they are.
        commands: in the order in which they are to be sent.
        foreign: top-level lines of the device that are left alone because they are not Verbund's to manage.
        difference: what changes, line by line and without secrets, for people.
    """

    platform: PlatformName
    commands: tuple[Command, ...]
    foreign: tuple[str, ...]
    difference: str

    @property
    def empty(self) -> bool:
        """Whether the device is already what it shall be."""
        return not self.commands

    def lines(self, secrets: Callable[[str], str] | None = None) -> list[str]:
        """What is typed in configuration mode, section headers and exits included.

        Args:
            secrets: gives the secret of a name; without it the lines are for showing and hold none.
        """
        dialect = DIALECTS[self.platform]
        result: list[str] = []
        current: Path = ()
        for command in self.commands:
            common = 0
            while common < min(len(current), len(command.path)) and current[common] == command.path[common]:
                common += 1
            result += [dialect.leave] * (len(current) - common)
            result += command.path[common:]
            current = command.path
            result += dialect.write(command)
        result += [dialect.leave] * len(current)
        if secrets:
            return [fill(line, secrets) for line in result]
        # What came out of a backup may hold real secrets; references are none and say what will be filled in.
        return [line if "<secret:" in line else mask(line) for line in result]


def plan(
    platform: PlatformName, running: str, wanted: str, *, ports: Iterable[str] | None = None, secrets: bool = False
) -> Plan:
    """Compare what a device runs with what it shall run.

    Args:
        platform: one with a command line.
        running: what the device printed, complete and unchanged.
        wanted: the rendered configuration.
        ports: sections of ports that are managed (``interface 1/1/1``); default those of `wanted`.
        secrets: send the lines whose secrets cannot be read back, although nothing else about them changed.

    Returns:
        Commands that build everything new before they take anything old away.
    """
    dialect = DIALECTS[platform]
    new = dialect.tree(wanted)
    everything = Tree(leaves=dict(new.leaves))
    managed = frozenset(ports) if ports is not None else frozenset(path[0] for path in new.sections)
    old = dialect.tree(running, managed)
    for tree in (old, new):
        _drop_write_only(dialect, tree)
    same = old.leaves.keys() == new.leaves.keys() and old.sections.keys() == new.sections.keys()
    operations = [] if same else _operations(platform, old, new)
    unread = _write_only(dialect, everything, operations, secrets)
    commands = _ordered(dialect, operations, old, new, unread)
    return Plan(platform, tuple(commands), tuple(old.foreign), difference(old, new))


def rollback(platform: PlatformName, before: str, now: str) -> Plan:
    """The computed inverse: what brings a device back to its backup.

    Args:
        platform: one with a command line.
        before: the backup, with its secrets, as the device printed it.
        now: what it runs now: read again over a new session, or the rendered configuration when all of it was pushed.
    """
    dialect = DIALECTS[platform]
    ports = frozenset(path[0] for text in (before, now) for path in dialect.tree(text).sections)
    return plan(platform, now, before, ports=ports)


def unified(running: str, wanted: str, name: str) -> str:
    """A plain difference of two redacted texts, for platforms whose configuration is files and not lines."""
    return "".join(
        difflib.unified_diff(
            redact(running).splitlines(keepends=True),
            redact(wanted).splitlines(keepends=True),
            f"{name} (running)",
            f"{name} (wanted)",
        )
    )


def difference(old: Tree, new: Tree) -> str:
    """What differs between two normal forms, one change per line under its section: ``-`` goes, ``+`` comes."""
    lines: list[str] = []
    paths = list(dict.fromkeys([*(path for path, _ in old.leaves), *(path for path, _ in new.leaves), *new.sections]))
    before, after = _by_path(old), _by_path(new)
    for path in paths:
        one, other = before.get(path, {}), after.get(path, {})
        changes = [f"- {text}" for text in one if text not in other] + [
            f"+ {text}" for text in other if text not in one
        ]
        if path and path not in old.sections and path in new.sections:
            changes.insert(0, "+ (new)")
        if path in old.sections and path not in new.sections:
            changes.insert(0, "- (removed)")
        if changes:
            indent = "  " if path else ""
            lines += [*([" > ".join(path)] if path else []), *(indent + _shown(change) for change in changes)]
    return "\n".join(lines) + ("\n" if lines else "")


def _shown(change: str) -> str:
    return change[:2] + mask(change[2:])


def _by_path(tree: Tree) -> dict[Path, dict[str, None]]:
    result: dict[Path, dict[str, None]] = {}
    for path, text in tree.leaves:
        result.setdefault(path, {})[text] = None
    return result


def _drop_write_only(dialect: Dialect, tree: Tree) -> None:
    for expression, _ in dialect.write_only:
        for path, text in [leaf for leaf in tree.leaves if not leaf[0] and re.match(expression, leaf[1])]:
            del tree.leaves[path, text]


def _write_only(dialect: Dialect, tree: Tree, operations: list[Op], always: bool) -> list[Command]:
    result: list[Command] = []
    for expression, companion in dialect.write_only:
        due = always or any(op.add and not op.path and re.match(companion, op.text) for op in operations)
        if due:
            result += [
                Command(path, original)
                for (path, text), original in tree.leaves.items()
                if not path and re.match(expression, text)
            ]
    return result


def _hconfig(platform: PlatformName, tree: Tree) -> HConfig:
    config = HConfig(_driver(platform))
    nodes: dict[Path, HConfig | HConfigChild] = {(): config}
    for path in tree.sections:
        nodes[path] = nodes[path[:-1]].add_child(path[-1], return_if_present=True)
    for path, text in tree.leaves:
        nodes[path].add_child(text, return_if_present=True)
    return config


def _operations(platform: PlatformName, old: Tree, new: Tree) -> list[Op]:
    dialect = DIALECTS[platform]
    delta = _hconfig(platform, old).config_to_get_to(_hconfig(platform, new))
    wanted_at = {path: list(lines) for path, lines in _by_path(new).items()}
    result: list[Op] = []
    for child in delta.all_children():
        *above, text = child.path()
        path = tuple(above)
        if child.children:
            continue
        if not text.startswith(_GONE):
            if (*path, text) in new.sections and (*path, text) in old.sections:
                continue
            result.append(Op(True, path, text))
            continue
        gone = text.removeprefix(_GONE)
        if dialect.implied(gone, wanted_at.get(path, [])):
            continue
        result.append(Op(False, path, gone))
    return result


def _ordered(dialect: Dialect, operations: list[Op], old: Tree, new: Tree, unread: list[Command]) -> list[Command]:
    due: list[tuple[float, Command]] = []
    # What a port loses that is shut now and opened by this plan goes before it is opened.
    opened = {
        op.path
        for op in operations
        if op.path and not op.add and dialect.phase(op, " > ".join((*op.path, op.text))) == OPEN
    }
    # A port that leaves its channel stands alone and unprepared for a moment: if it is to be shut, that comes first.
    alone = {path for op in operations if (path := dialect.leaves_channel(op))}
    for op in operations:
        if not op.path and op.text.startswith("interface ") and re.fullmatch(dialect.physical, op.text):
            continue  # hardware: neither made nor removed by a command
        for phase, command in dialect.commands(op, old, new):
            text = dialect.restore_banner(command.text) if command.text.startswith(BANNER) else command.text
            early = phase in {UNLIST, UNPORT} and op.path in opened
            moment: float = OPEN - 0.5 if early else phase
            if phase == SHUT and op.add and op.path in alone:
                moment = VLANS
            due.append((moment, Command(command.path, text, command.items, command.kind)))
    due += [(GLOBALS, command) for command in unread]
    due.sort(key=lambda entry: entry[0])
    by_phase: list[tuple[float, list[Command]]] = []
    for moment, command in due:
        if not by_phase or by_phase[-1][0] != moment:
            by_phase.append((moment, []))
        by_phase[-1][1].append(command)
    result: list[Command] = []
    for _, commands in by_phase:
        result += _merged(dialect, commands)
    return result


def _merged(dialect: Dialect, commands: list[Command]) -> list[Command]:
    """Within one phase: the commands of a section together, and those that differ in their items only as one."""
    sections: dict[Path, dict[tuple[str, str], list[str]]] = {}
    for command in commands:
        items = sections.setdefault(command.path, {}).setdefault((command.text, command.kind), [])
        items += [item for item in command.items if item not in items]
    result: list[Command] = []
    for path, texts in sections.items():
        for (text, kind), items in texts.items():
            result += _wrapped(dialect, Command(path, text, tuple(items), kind))
    return result


def _wrapped(dialect: Dialect, command: Command) -> list[Command]:
    """Split a command whose list is too long for a line; the second half of an IOS list is added to the first."""
    if not command.items or len(dialect.write(command)[0]) <= _WIDTH:
        return [command]
    if len(command.items) < 2:
        raise VerbundError(f"the command '{command.text}' is longer than a line of the device", "shorten the name")
    half = len(command.items) // 2
    items = sorted(command.items, key=int) if command.kind != "ports" else list(command.items)
    first = Command(command.path, command.text, tuple(items[:half]), command.kind)
    rest_text = command.text
    if rest_text.endswith("allowed vlan {}") and rest_text.startswith("switchport "):
        rest_text = rest_text.replace("{}", "add {}")
    rest = Command(command.path, rest_text, tuple(items[half:]), command.kind)
    return [*_wrapped(dialect, first), *_wrapped(dialect, rest)]
