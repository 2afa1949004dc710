# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `verbund_state`.

Checks the arguments, leaves out what a deviation excepts, and confirms a guarded change over a connection that did not
exist before it.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

PAUSE = 2.0  # seconds between two attempts to connect
GRACE = 90.0  # seconds the host may need for the undo itself once the guard has fired
FRESH = "-o ControlMaster=no -o ControlPath=none"
MAPPINGS = ("directories", "files", "permissions", "units")
"""Options whose entries are mappings anyway; in those of `WRAPPED` an entry with controls names its value by a key."""
COMMANDS = ("validate", "effective", "activate")
WRAPPED = {
    "packages": "name",
    "absent_packages": "name",
    "absent": "path",
    "validate": "command",
    "effective": "command",
    "activate": "command",
}


_PATH = {"path": {"type": "path", "required": True}}
_OWNER = {"owner": {"type": "str", "default": "root"}, "group": {"type": "str", "default": "root"}}
_DIRECTORIES = {**_PATH, **_OWNER, "mode": {"type": "str", "default": "0755"}}
_FILES = {
    **_PATH,
    **_OWNER,
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "sensitive": {"type": "bool", "default": False},
}
_PERMISSIONS = {**_PATH, "mode": {"type": "str"}, "owner": {"type": "str"}, "group": {"type": "str"}}
_UNITS = {
    "name": {"type": "str", "required": True},
    "enabled": {"type": "bool"},
    "state": {"type": "str", "choices": ["started", "stopped"]},
    "masked": {"type": "bool"},
}
SPECIFICATION = {
    "packages": {"type": "list", "elements": "str", "default": []},
    "absent_packages": {"type": "list", "elements": "str", "default": []},
    "directories": {"type": "list", "elements": "dict", "options": _DIRECTORIES, "default": []},
    "files": {"type": "list", "elements": "dict", "options": _FILES, "default": []},
    "absent": {"type": "list", "elements": "path", "default": []},
    "permissions": {"type": "list", "elements": "dict", "options": _PERMISSIONS, "default": []},
    "units": {"type": "list", "elements": "dict", "options": _UNITS, "default": []},
    "validate": {"type": "list", "elements": "list", "default": []},
    "effective": {"type": "list", "elements": "list", "default": []},
    "activate": {"type": "list", "elements": "list", "default": []},
    "guard": {"type": "int"},
}


def checked(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with their defaults and in their types, as the module takes them for granted.

    Args:
        arguments: in the form of the module.

    Raises:
        AnsibleActionFail: something is missing, unknown or of another type.
    """
    result = ArgumentSpecValidator(SPECIFICATION).validate(arguments)
    problems = list(result.error_messages)
    found = result.validated_parameters
    commands = [(option, command) for option in COMMANDS for command in (found[option] if not problems else [])]
    problems += [
        f"{option}: {command} is not a list of words. Quote words such as 'true' and 'no'."
        for option, command in commands
        if not command or not all(isinstance(word, (str, int)) and not isinstance(word, bool) for word in command)
    ]
    if problems:
        raise AnsibleActionFail("; ".join(problems))
    for option in COMMANDS:
        found[option] = [[str(word) for word in command] for command in found[option]]
    return dict(found)


def enforced(arguments: dict[str, Any], excepted: list[str]) -> dict[str, Any]:
    """The arguments of the module without the entries that a deviation excepts.

    Args:
        arguments: of the task; an entry may say in `controls` which controls it serves.
        excepted: ids of the controls with a deviation that is in force for this host.

    Returns:
        The arguments in the form of the module, without `controls`. An entry is left out when all its controls are
        excepted, so what serves another control too stays.

    Raises:
        AnsibleActionFail: an entry with `controls` lacks its value, or its controls are not a list.
    """
    kept = dict(arguments)
    for option in (*MAPPINGS, *WRAPPED):
        entries = arguments.get(option)
        if not isinstance(entries, list):
            continue
        kept[option] = []
        for entry in entries:
            if not isinstance(entry, dict):
                kept[option].append(entry)
                continue
            controls = entry.get("controls", [])
            if not isinstance(controls, list):
                raise AnsibleActionFail(f"{option}: controls is '{controls}'. Write a list, like [VB-SSH-001].")
            if controls and set(controls) <= set(excepted):
                continue
            if option in MAPPINGS:
                kept[option].append({key: value for key, value in entry.items() if key != "controls"})
            elif WRAPPED[option] in entry:
                kept[option].append(entry[WRAPPED[option]])
            else:
                raise AnsibleActionFail(f"{option}: {entry} lacks '{WRAPPED[option]}'.")
    return kept


class ActionModule(ActionBase):
    """Run the module; if it armed a guard, prove with a new connection that the host can still be reached."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module and settle its guard."""
        result = super().run(tmp, task_vars)
        excepted = self._templar.template((task_vars or {}).get("verbund_excepted_controls", []))
        arguments = checked(enforced(self._task.args, excepted))
        guarded = bool(arguments.get("guard")) and not self._task.check_mode
        identity = uuid.uuid4().hex
        if guarded:
            arguments["guard_id"] = identity
            # A host that cannot be reached to begin with is unreachable, not locked out: no waiting for its guard.
            self._low_level_execute_command(":", sudoable=False)
        started = time.monotonic()
        try:
            result.update(self._execute_module(self._task.action, module_args=arguments, task_vars=task_vars))
        except AnsibleConnectionFailure:
            if not guarded:
                raise
            # The module may have been cut off by its own change: without its result nothing is confirmed.
            seconds = int(arguments["guard"])
            outcome = self._settle(identity, started + seconds, confirm=False)
            return {**result, "failed": True, "changed": False, "restored": outcome == "restored"} | {
                "msg": f"The connection broke during the change. {self._consequence(outcome, seconds)}"
            }
        guard = result.pop("guard", None)
        if not guard or result.get("failed"):
            return result
        outcome = self._settle(guard["id"], started + guard["seconds"], confirm=True)
        if outcome != "confirmed":
            result |= {"failed": True, "changed": False, "restored": outcome == "restored"}
            result["msg"] = (
                "After the change no new connection to the host was possible. "
                f"{self._consequence(outcome, guard['seconds'])}"
            )
        return result

    @staticmethod
    def _consequence(outcome: str, seconds: int) -> str:
        if outcome == "restored":
            return (
                "The host has undone the change by itself and can be reached again, exactly as it was before. "
                "Correct the settings of this task, then run again."
            )
        if outcome == "settled":
            return "The host can be reached again and holds no unconfirmed change. Run again."
        return (
            f"The host undoes the change by itself {seconds} s after it began, but could not be reached since. "
            "Wait, check its network and power, look at its console (journalctl -t verbund-guard), then run again."
        )

    def _settle(self, identity: str, deadline: float, *, confirm: bool) -> str:
        """Try new connections until the host has answered or the guard must have fired.

        Args:
            identity: of the guard.
            deadline: monotonic time at which the guard fires.
            confirm: whether the change may stay.

        Returns:
            `confirmed`, `restored`, `settled` (no guard is left there) or `lost`.
        """
        directory = f"/run/verbund/guard/{identity}"
        if confirm:
            command = f"if [ -e {directory}/confirm ]; then sh {directory}/confirm; else echo verbund-guard-none; fi"
        else:
            command = (
                f"if [ -e {directory}/restored ]; then echo verbund-guard-restored; "
                f"elif [ -d {directory} ]; then echo verbund-guard-open; else echo verbund-guard-none; fi"
            )
        self._reset()
        while True:
            answer = self._ask(command)
            for word, outcome in (("confirmed", "confirmed"), ("restored", "restored"), ("none", "settled")):
                if f"verbund-guard-{word}" in answer:
                    return outcome
            if time.monotonic() > deadline + GRACE:
                return "lost"
            time.sleep(PAUSE)

    def _reset(self) -> None:
        """Drop the shared connection, so that later tasks too use one that was made after the change."""
        if self._connection.transport != "local":
            self._connection.reset()

    def _ask(self, command: str) -> str:
        """Run `command` over a connection of its own and give its output; empty if none could be made."""
        ssh = self._connection.transport == "ssh"
        arguments = self._connection.get_option("ssh_args") if ssh else None
        try:
            if ssh:
                # The first value of an option counts in ssh: no control socket, whoever configured it, is used.
                self._connection.set_option("ssh_args", f"{FRESH} {arguments or ''}")
            return str(self._low_level_execute_command(command, sudoable=True).get("stdout", ""))
        except AnsibleConnectionFailure:
            return ""
        finally:
            if ssh:
                self._connection.set_option("ssh_args", arguments)
