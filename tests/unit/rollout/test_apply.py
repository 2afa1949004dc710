# SPDX-License-Identifier: EUPL-1.2
"""Rolling out with a real ansible-playbook against local connections: stop, resume, interrupt, kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from verbund.errors import ExitCode, UsageError
from verbund.rollout import Application, Check, Event, Options, Runs, RunStatus, rerun, settle
from verbund.rollout.record import Failure, Outcome

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).resolve().parents[3]
NAMES = ("srv1", "pc1", "pc2", "gw1")

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Touch what only this host has
      ansible.builtin.command: touch {{ root }}/{{ inventory_hostname }}.first
      changed_when: true
    - name: Take as long as asked
      ansible.builtin.command: sh -c 'touch {{ root }}/slow; sleep {{ seconds }}; touch {{ root }}/slept'
      changed_when: false
      when: seconds | int > 0
    - name: Break where asked
      ansible.builtin.fail:
        msg: "\\e[31mno more paper\\u202e"
      when: (root ~ '/' ~ inventory_hostname ~ '.broken') is exists
    - name: Keep a secret
      ansible.builtin.command: sh -c 'echo S3cr3t-canary >&2; test ! -e {{ root }}/{{ inventory_hostname }}.leak'
      changed_when: false
      when: (root ~ '/secrets') is exists
      no_log: true
"""


@dataclass(frozen=True)
class Host:
    name: str
    host_class: str
    tenant: str = "t"


class Standard:
    release = "2026.1"


class Intent:
    standard = Standard()
    hosts = tuple(Host(n, {"s": "server", "p": "client", "g": "gateway"}[n[0]]) for n in NAMES)


@dataclass
class Seen:
    events: list[Event] = field(default_factory=list)
    waves: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def wave(self, number, total, hosts, log):
        self.waves.append(list(hosts))

    def event(self, event):
        self.events.append(event)

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "site.yml").write_text(PLAYBOOK)
    hosts = "".join(f"{name} ansible_connection=local ansible_python_interpreter={sys.executable}\n" for name in NAMES)
    (tmp_path / "hosts.ini").write_text(f"{hosts}[all:vars]\nroot={tmp_path}\nseconds=0\n")
    (tmp_path / "ansible.cfg").write_text(
        f"[defaults]\ninventory = hosts.ini\ncallback_plugins = {ROOT / 'plugins' / 'callback'}\n"
        "[inventory]\nenable_plugins = ini\n[connection]\npipelining = true\n"
    )
    return tmp_path


def _good(hosts):
    return {host.name: Check() for host in hosts}


def _new(project, verify=_good, hosts=None, **options):
    seen = Seen()
    runs = Runs(project / "runs")
    chosen = [host for host in Intent.hosts if hosts is None or host.name in hosts]
    return Application.new(project, runs, Intent, chosen, Options(**options), verify, seen), runs, seen


def test_waves_run_in_order_and_the_record_says_all(project):
    application, runs, seen = _new(project, waves="1,rest", limit="x", command=("verbund", "apply"))
    assert application.run() is ExitCode.GOOD
    assert seen.waves == [["srv1"], ["pc1", "pc2", "gw1"]]
    record = runs.load("last")
    assert record.status is RunStatus.DONE
    assert record.release == "2026.1"
    assert record.operator
    assert record.command == ["verbund", "apply"]
    assert {h.outcome for w in record.waves for h in w.hosts.values()} == {Outcome.CHANGED}
    assert all(wave.verified for wave in record.waves)
    assert application.failures() == []


def test_a_failed_canary_stops_the_run_and_resume_does_what_is_left(project):
    (project / "srv1.broken").touch()
    application, runs, seen = _new(project, waves="1,rest", hosts={"srv1", "gw1"})
    assert application.run() is ExitCode.FINDINGS
    assert not (project / "gw1.first").exists()
    (said,) = application.failures()
    assert "srv1: failed at 'Break where asked'" in said
    assert "no more paper" in said
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert runs.load("last").status is RunStatus.FAILED
    (project / "srv1.broken").unlink()
    again = rerun(project, runs, Intent, runs.load("last"), Options(), _good, seen)
    assert again.run() is ExitCode.GOOD
    assert (project / "gw1.first").exists()
    with pytest.raises(UsageError, match="nothing left"):
        rerun(project, runs, Intent, runs.load("last"), Options(), _good, seen)


def test_resume_leaves_finished_hosts_alone(project):
    (project / "pc2.broken").touch()
    application, runs, _ = _new(project, waves="3,rest")
    assert application.run() is ExitCode.FINDINGS
    (project / "pc2.broken").unlink()
    seen = Seen()
    assert rerun(project, runs, Intent, runs.load("last"), Options(), _good, seen).run() is ExitCode.GOOD
    assert [name for wave in seen.waves for name in wave] == ["pc2", "gw1"]
    assert runs.load("last").hosts() == set(NAMES)


def test_a_control_that_is_not_met_stops_the_run_unless_the_threshold_allows_it(project):
    def verify(hosts):
        return {host.name: Check(not_met=["VB-SSH-001"]) for host in hosts}

    application, _, seen = _new(project, verify, waves="1,rest")
    assert application.run() is ExitCode.FINDINGS
    assert application.failures() == ["srv1: not met after applying: VB-SSH-001"]
    assert seen.waves == [["srv1"]]
    application, _, seen = _new(project, verify, waves="1,rest", threshold=1, hosts={"srv1"})
    assert application.run() is ExitCode.GOOD


def test_a_host_that_cannot_be_verified_or_is_forgotten_is_not_done(project):
    application, _, _ = _new(project, lambda hosts: {}, waves="rest", hosts={"srv1"})
    assert application.run() is ExitCode.UNREACHABLE
    assert "verification says nothing" in application.failures()[0]


def test_secrets_of_no_log_tasks_reach_no_file(project):
    (project / "secrets").touch()
    (project / "srv1.leak").touch()
    application, _, _ = _new(project, waves="rest", hosts={"srv1", "pc1"})
    assert application.run() is ExitCode.FINDINGS
    written = b"".join(path.read_bytes() for path in (project / "runs").rglob("*") if path.is_file())
    assert b"Keep a secret" in written
    assert b"S3cr3t-canary" not in written
    assert "hidden" in application.failures()[0]


def test_check_mode_changes_and_verifies_nothing(project):
    def verify(hosts):
        raise AssertionError

    application, _, _ = _new(project, verify, waves="rest", hosts={"srv1"}, check=True)
    assert application.run() is ExitCode.GOOD
    assert not list(project.glob("*.first"))


def test_ansible_giving_up_is_said_in_its_own_words(project):
    (project / "playbooks" / "site.yml").write_text("- hosts: all\n  roles: [nowhere]\n")
    application, _, _ = _new(project, waves="1,rest")
    assert application.run() is ExitCode.FINDINGS
    assert "nowhere" in application.failures()[0]


_DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_apply as t
application, runs, seen = t._new(Path(sys.argv[1]), waves="1,rest", hosts={"srv1", "pc1"})
print("started", flush=True)
sys.exit(int(application.run()))
"""


def _started(project, seconds):
    text = (project / "hosts.ini").read_text()
    (project / "hosts.ini").write_text(text.replace("seconds=0", f"seconds={seconds}"))
    child = subprocess.Popen(
        [sys.executable, "-c", _DRIVER, str(project), str(Path(__file__).parent)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "deploy")},
    )
    _wait((project / "slow").exists)
    return child


def _wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ctrl_c_lets_the_running_task_finish_and_the_record_says_interrupted(project):
    child = _started(project, 3)
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == ExitCode.INTERRUPTED
    assert (project / "slept").exists()
    assert not (project / "pc1.first").exists()
    record = Runs(project / "runs").load("last")
    assert record.status is RunStatus.INTERRUPTED
    assert "srv1" in record.remaining()


def test_kill_9_leaves_a_record_to_resume_from_and_no_ansible_behind(project):
    child = _started(project, 20)
    child.kill()
    child.wait()
    runs = Runs(project / "runs")
    record = runs.load("last")
    assert record.status is RunStatus.RUNNING
    assert list(runs.alive()) == []
    mark = str(project / "runs" / record.id)
    _wait(lambda: mark not in _command_lines(), 20)
    (lost,) = settle(runs)
    assert lost.status is RunStatus.INTERRUPTED
    assert {name: host.outcome for wave in lost.waves for name, host in wave.hosts.items()} == {
        "srv1": Outcome.UNKNOWN,
        "pc1": Outcome.PENDING,
    }
    assert settle(runs) == []
    record = runs.load("last")
    text = (project / "hosts.ini").read_text()
    (project / "hosts.ini").write_text(text.replace("seconds=20", "seconds=0"))
    assert rerun(project, runs, Intent, record, Options(), _good, Seen()).run() is ExitCode.GOOD


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Task failed: Missing sudo password", "verbund enrol --limit srv1"),
        ("[Errno 28] No space left on device: '/etc/x'", "make room"),
        ("[Errno 30] Read-only file system: '/etc/x'", "read-only"),
        ("something else", ""),
    ],
)
def test_a_host_in_trouble_comes_with_advice(project, said, advice):
    application, _, _ = _new(project, waves="rest", hosts={"srv1"})
    host = application.record.waves[0].hosts["srv1"]
    host.outcome, host.failures = Outcome.FAILED, [Failure(task="t", message=said)]
    (line,) = application.failures()
    assert said in line
    assert advice in line
    assert ("hint" in line) is bool(advice)


def test_a_terminal_that_is_gone_stops_the_run_between_two_tasks(project):
    text = (project / "hosts.ini").read_text()
    (project / "hosts.ini").write_text(text.replace("seconds=0", "seconds=1"))

    class Gone(Seen):
        def event(self, event):
            if (project / "slow").exists():
                raise BrokenPipeError(32, "Broken pipe")

    application, runs, _ = _new(project, waves="rest", hosts={"srv1"})
    application.watcher = Gone()
    (project / "slow").touch()
    with pytest.raises(BrokenPipeError):
        application.run()
    record = runs.load("last")
    assert record.status is RunStatus.INTERRUPTED
    assert record.ended
    assert record.remaining() == ["srv1"]
    assert list(runs.alive()) == []


def test_what_is_known_of_a_run_that_was_cut_off_comes_from_its_event_file(tmp_path):
    from verbund.rollout.playbook import heard

    assert {host.outcome for host in heard(tmp_path / "none", ["a"]).values()} == {Outcome.NOT_RUN}
    path = tmp_path / "events"
    lines = [{"event": "task", "task": "t"}, {"event": "changed", "host": "a"}, {"event": "failed", "host": "b"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"event": "ok", "ho')
    found = heard(path, ["a", "b", "c"])
    assert {name: host.outcome for name, host in found.items()} == {
        "a": Outcome.UNKNOWN,
        "b": Outcome.FAILED,
        "c": Outcome.UNKNOWN,
    }


def _command_lines():
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


def test_events_that_are_cut_or_hostile_are_survived(tmp_path):
    from verbund.rollout.playbook import read_events

    path = tmp_path / "events"
    path.write_bytes(b'{"event": "ok", "host": "a"}\nnot json\n[]\n{"host": 1}\n{"event": "chan')
    with path.open("rb") as stream:
        assert [event.kind for event in read_events(stream)] == ["ok"]
        with path.open("ab") as more:
            more.write(json.dumps({"x": 1})[1:].encode() + b"\n")
            more.write(b'{"event": "changed", "host": "b"}\n')
        assert [event.kind for event in read_events(stream)] == ["changed"]
