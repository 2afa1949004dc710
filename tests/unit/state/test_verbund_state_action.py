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
        self._templar = SimpleNamespace(template=lambda value: value)
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


EVERYTHING = {
    "files": [
        {"path": "/etc/a", "content": "a", "controls": ["VB-AAA-001", "VB-AAA-002"]},
        {"path": "/etc/b", "content": "b"},
    ],
    "units": [{"name": "a.service", "masked": True, "controls": ["VB-AAA-001"]}],
    "packages": ["vim", {"name": "sudo", "controls": ["VB-AAA-002"]}],
    "absent": [{"path": "/etc/c", "controls": ["VB-AAA-001"]}],
    "activate": [["true"], {"command": ["sysctl", "--system"], "controls": ["VB-AAA-001"]}],
    "guard": 60,
}


def test_without_a_deviation_everything_is_enforced_in_the_form_of_the_module():
    assert plugin.enforced(EVERYTHING, []) == {
        "files": [{"path": "/etc/a", "content": "a"}, {"path": "/etc/b", "content": "b"}],
        "units": [{"name": "a.service", "masked": True}],
        "packages": ["vim", "sudo"],
        "absent": ["/etc/c"],
        "activate": [["true"], ["sysctl", "--system"]],
        "guard": 60,
    }


def test_an_entry_is_left_out_when_all_its_controls_are_excepted():
    kept = plugin.enforced(EVERYTHING, ["VB-AAA-001"])
    assert [entry["path"] for entry in kept["files"]] == ["/etc/a", "/etc/b"]  # the first serves 002 too
    assert kept["units"] == kept["absent"] == []
    assert kept["activate"] == [["true"]]
    kept = plugin.enforced(EVERYTHING, ["VB-AAA-001", "VB-AAA-002"])
    assert [entry["path"] for entry in kept["files"]] == ["/etc/b"]
    assert kept["packages"] == ["vim"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"packages": [{"controls": ["VB-AAA-001"]}]}, "lacks 'name'"),
        ({"files": [{"path": "/etc/a", "controls": "VB-AAA-001"}]}, "Write a list"),
    ],
)
def test_an_entry_that_is_wrong_is_said_plainly(arguments, said):
    with pytest.raises(plugin.AnsibleActionFail, match=said):
        plugin.checked(plugin.enforced(arguments, []))


def test_the_module_gets_every_argument_in_its_type():
    given = plugin.checked({"files": [{"path": "/etc/a", "content": "a"}], "activate": [["kill", 1]], "guard": "60"})
    assert given["files"] == [
        {"path": "/etc/a", "content": "a", "mode": "0644", "owner": "root", "group": "root", "sensitive": False}
    ]
    assert given["activate"] == [["kill", "1"]]
    assert given["guard"] == 60
    assert given["packages"] == []


def test_the_deviations_of_the_host_decide():
    action = Action({"changed": False}, [], guard=None)
    action._task.args = EVERYTHING | {"guard": None}
    action.run(task_vars={"verbund_excepted_controls": ["VB-AAA-001"]})
    assert action.arguments["units"] == []
