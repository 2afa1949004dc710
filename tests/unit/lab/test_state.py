# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from verbund.errors import UsageError
from verbund.lab.hosts import LabHost
from verbund.lab.state import MARK, HostState, LabState, Process, end, locked, marked

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper():
    process = subprocess.Popen(SLEEP, env={**os.environ, MARK: "0011aabb:gse-gw1"})
    yield process
    process.kill()
    process.wait()


def test_a_recycled_number_is_not_the_process_and_gets_no_signal(sleeper):
    process = Process.of(sleeper.pid)
    for other in (
        Process(process.pid, process.started + 1, process.boot),
        Process(process.pid, process.started, "another boot"),
    ):
        assert not other.alive()
        other.signal(signal.SIGKILL)
    assert sleeper.poll() is None
    assert process.alive()


def test_a_process_that_has_ended_but_was_not_waited_for_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert Process.of(child.pid) is None
    child.wait()


def test_processes_are_found_by_the_mark_of_their_lab_and_host(sleeper):
    here = Process.of(sleeper.pid)
    assert here in marked("0011aabb")
    assert here in marked("0011aabb", "gse-gw1")
    assert here not in marked("0011aabb", "gse-gw")
    assert here not in marked("0011aab")


def test_end_ends_them_and_returns_when_they_are_gone(sleeper):
    process = Process.of(sleeper.pid)
    end([process])
    assert not process.alive()


def test_the_state_file_is_read_as_it_was_written(tmp_path):
    lab = LabState.create(tmp_path / "state.json", "vm", "trixie")
    lab.hosts["gse-gw1"] = HostState(
        LabHost("gse-gw1", "gateway", "10.1.0.1", 24, "10.1.0.1", "management", "musterstadt", "gse"),
        number=0, port=40001, enrolled=True, process=Process(1, 2, "boot"), snapshots={"clean": False},
    )  # fmt: skip
    lab.save()
    assert LabState.load(tmp_path / "state.json") == lab
    assert LabState.load(tmp_path / "none.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "other/1"}', '{"format": "verbund-lab/1"}', "null"])
def test_a_damaged_state_file_is_a_clear_error(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(UsageError, match=r"state\.json cannot be read"):
        LabState.load(tmp_path / "state.json")


def test_two_commands_do_not_work_on_one_lab_at_once(tmp_path):
    lock = tmp_path / "lab.lock"
    with locked(lock, wait=False), pytest.raises(UsageError, match="another verbund command"), locked(lock, wait=False):
        pass
    with locked(lock, wait=False):
        pass
