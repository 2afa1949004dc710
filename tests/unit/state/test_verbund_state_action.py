# SPDX-License-Identifier: EUPL-1.2
"""Controller side of verbund_state: what is confirmed, over which connection, and what is said when nothing answers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

PATH = Path(__file__).parents[3] / "plugins" / "action" / "verbund_state.py"
spec = importlib.util.spec_from_file_location("verbund_state_action_under_test", PATH)
plugin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plugin)


class Connection:
    """Stands for the ssh connection plugin: remembers its arguments and how often it was reset."""

    transport = "ssh"

    def __init__(self):
        self.options = {"ssh_args": "-o ControlMaster=auto -o ControlPersist=30s"}
        self.resets = 0

    def get_option(self, name):
        return self.options[name]

    def set_option(self, name, value):
        self.options[name] = value

    def reset(self):
        self.resets += 1


class Action(plugin.ActionModule):
    """The action with a host that answers from a list."""

    def __init__(self, module_result, answers, *, check=False, guard=60):
        self._connection = Connection()
        args = {"files": [], **({"guard": guard} if guard else {})}
        self._task = SimpleNamespace(args=args, check_mode=check, action="verbund_state")
        self.module_result, self.answers = module_result, list(answers)
        self.asked, self.arguments = [], None

    def _execute_module(self, name, module_args, task_vars):
        self.arguments = module_args
        if isinstance(self.module_result, Exception):
            raise self.module_result
        return dict(self.module_result)

    def _low_level_execute_command(self, command, sudoable=True):
        if command == ":":
            return {"stdout": ""}
        self.asked.append((command, self._connection.options["ssh_args"]))
        answer = self.answers.pop(0) if self.answers else AnsibleConnectionFailure("refused")
        if isinstance(answer, Exception):
            raise answer
        return {"stdout": answer}


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time that passes only while the plugin waits."""
    now = [1000.0]
    monkeypatch.setattr(plugin.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(plugin.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    return now


CHANGED = {"changed": True, "guard": {"id": "g", "seconds": 60}}


def test_change_is_confirmed_over_a_connection_of_its_own():
    action = Action(CHANGED, ["verbund-guard-confirmed\n"])
    assert action.run() == {"changed": True}
    command, arguments = action.asked[0]
    assert "/run/verbund/guard/g/confirm" in command
    assert arguments.startswith("-o ControlMaster=no -o ControlPath=none")
    assert action._connection.resets == 1
    assert action._connection.options["ssh_args"] == "-o ControlMaster=auto -o ControlPersist=30s"
    assert action.arguments["guard_id"]


def test_host_that_comes_back_after_its_guard_has_undone_the_change(clock):
    refused = [AnsibleConnectionFailure("refused")] * 5
    result = Action(CHANGED, [*refused, "verbund-guard-restored\n"]).run()
    assert result["failed"]
    assert result["restored"]
    assert not result["changed"]
    assert "undone the change by itself" in result["msg"]


def test_host_that_never_comes_back_is_given_up_after_its_guard(clock):
    result = Action(CHANGED, []).run()
    assert result["failed"]
    assert not result["restored"]
    assert "could not be reached since" in result["msg"]
    assert 1150 <= clock[0] <= 1155


def test_connection_that_breaks_during_the_change_confirms_nothing():
    action = Action(AnsibleConnectionFailure("broken pipe"), ["verbund-guard-open\n", "verbund-guard-restored\n"])
    result = action.run()
    assert result["failed"]
    assert "The connection broke during the change" in result["msg"]
    assert all("confirm" not in command for command, _ in action.asked)


def test_nothing_is_confirmed_when_nothing_changed():
    action = Action({"changed": False}, [])
    assert action.run() == {"changed": False}
    assert action.asked == []
    assert action._connection.resets == 0


def test_check_mode_arms_nothing():
    action = Action({"changed": True}, [], check=True)
    action.run()
    assert "guard_id" not in action.arguments


def test_failed_change_is_not_confirmed():
    action = Action({"failed": True, "changed": False, "msg": "not valid", "restored": True}, [])
    assert action.run()["msg"] == "not valid"
    assert action.asked == []


def test_without_a_guard_a_broken_connection_is_an_unreachable_host():
    with pytest.raises(AnsibleConnectionFailure):
        Action(AnsibleConnectionFailure("down"), [], guard=None).run()
