# SPDX-License-Identifier: EUPL-1.2
"""Commands that are stopped or killed in the middle, and hosts that cannot be changed: said plainly, and made good."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from verbund.errors import ExitCode
from verbund.rollout import Runs, RunStatus
from verbund.rollout import quarantine as q
from verbund.rollout.record import Outcome

pytestmark = pytest.mark.lab
SERVER = "gse-srv1"


@pytest.fixture(scope="module", autouse=True)
def enrolled(school):
    """Work begins with hosts that are managed, and no more."""
    school.at("enrolled")


def _stopped(school, number: int, when: Callable[[], object], *arguments: str) -> tuple[int, str]:
    """Start ``verbund``, send a signal when something is the case, as a terminal does, and wait for the end."""
    child = subprocess.Popen(
        [*school.verbund_command, *arguments],
        cwd=school.root,
        env=school.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    deadline = time.monotonic() + 120
    while child.poll() is None and not when():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(child.pid, number)
    said, _ = child.communicate(timeout=120)
    assert "Traceback" not in said
    return child.returncode, said


def _event_files(school) -> set[Path]:
    return set((school.state / "runs").glob("*/*.jsonl"))


def _events(school, before: set[Path]) -> list[dict]:
    """What the newest run's playbook has said so far; not one of those that were there before."""
    files = sorted(_event_files(school) - before, key=lambda path: path.stat().st_mtime_ns)
    lines = files[-1].read_text().splitlines() if files else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _at_work(school) -> list[str]:
    """Processes on this machine that work on the project, but for its hosts."""
    mark = f"VERBUND_PROJECT={school.root}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        # A connection that ssh keeps for the next command ends by itself (ControlPersist).
        of_a_host = any(part.startswith(b"VERBUND_LAB=") for part in environment)
        if mark in environment and not of_a_host and "[mux]" not in command:
            found.append(command)
    return found


def _gone(school) -> bool:
    deadline = time.monotonic() + 20
    while _at_work(school):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_rollout_stopped_then_killed_then_brought_to_its_end(school):
    runs = Runs(school.state / "runs")
    before = _event_files(school)

    def changed() -> bool:
        return any(event["event"] == "changed" for event in _events(school, before))

    # A guarded change that is cut off has to run out first; what is shown here are records, so without those roles.
    roles = "packages,apt,kernel,mounts,coredump,banner,time,logging,audit,services,ssh_client"
    code, said = _stopped(school, signal.SIGINT, changed, "apply", "--limit", SERVER, "--no-verify", "--tags", roles)
    assert code == ExitCode.INTERRUPTED, said
    assert "stopping: the tasks that are running finish first" in said
    first = runs.load("last")
    assert f"interrupted; go on with the hosts that are left: verbund apply --resume {first.id}" in said
    assert first.status is RunStatus.INTERRUPTED
    # The task that was running has ended and said so; none began after it.
    kinds = [event["event"] for event in _events(school, before)]
    assert kinds[-1] in {"ok", "changed", "skipped"}
    assert _gone(school), _at_work(school)

    begun = len(kinds)

    def under_way() -> bool:
        return (
            len(_events(school, before)) != begun
            and sum(event["event"] == "task" for event in _events(school, before)) >= 3
        )

    code, _ = _stopped(school, signal.SIGKILL, under_way, "apply", "--resume", "last")
    assert code == -signal.SIGKILL
    assert runs.load("last").status is RunStatus.RUNNING
    assert _gone(school), _at_work(school)

    done = school.verbund("apply", "--resume", "last")
    assert f"run {first.id} of " in done.stderr
    assert f"was cut off: it was in the middle of {SERVER}" in done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert "was cut off" not in school.verbund("apply", "--limit", SERVER, "--check", "--tags", "banner").stderr
    assert runs.load(first.id).status is RunStatus.DONE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_verification_that_is_stopped_writes_no_result(school, number):
    began = time.time()

    def asking() -> bool:
        return any(SERVER in command and command.startswith("ssh") for command in _at_work(school))

    before = set((school.state / "results").glob("*"))
    code, said = _stopped(school, number, asking, "verify", "--limit", SERVER)
    assert code == ExitCode.INTERRUPTED, said
    assert "interrupted: evidence of " in said
    assert "--from-evidence" in said
    assert set((school.state / "results").glob("*")) == before
    assert _gone(school), _at_work(school)
    assert time.time() - began < 60


def test_a_host_does_not_stay_frozen_when_a_snapshot_is_stopped(school, container):
    container.run("sudo -n sh -c 'head -c 300M /dev/urandom > /var/lib/big'")
    part = school.lab.directory / "hosts" / SERVER / "snapshots" / "cut.part"
    code, said = _stopped(school, signal.SIGINT, part.exists, "lab", "snapshot", "cut", "--host", SERVER)
    assert code in {ExitCode.INTERRUPTED, ExitCode.GOOD}
    assert "interrupted: " in said or code == ExitCode.GOOD
    assert container.run("echo awake", timeout=20) == "awake\n"
    assert school.verbund("lab", "snapshot", "cut", "--host", SERVER).returncode == 0
    upper = school.lab.directory / "hosts" / SERVER / "upper.part"
    code, said = _stopped(school, signal.SIGINT, upper.exists, "lab", "restore", "cut", "--host", SERVER)
    assert "interrupted: " in said or code == ExitCode.GOOD
    container.at("enrolled")
    assert container.run("test -e /var/lib/big || echo gone") == "gone\n"


def test_an_isolation_whose_controller_died_is_made_anew_and_confirmed(school, container):
    rules = q.rules(["192.0.2.2/32"], [22])
    container.run("sudo -n sh", data=q.isolate_script(rules))
    try:
        assert school.deploy("quarantine", SERVER) == {SERVER: ("changed", "isolated")}
        assert container.run(f"systemctl is-active {q.UNDO}.timer || true").strip() == "inactive"
        assert school.deploy("quarantine", SERVER) == {SERVER: ("unchanged", "already isolated")}
    finally:
        assert school.deploy("quarantine", SERVER, release="yes") == {SERVER: ("changed", "released")}


BROKEN = {
    "read-only /etc": (
        "mount --bind /etc /etc && mount -o remount,bind,ro /etc",
        "trouble: /etc is read-only",
        "mounted read-only, often after an error of its disk",
    ),
    "full /etc": (
        "mount -t tmpfs -o size=16m none /mnt; cp -a /etc/. /mnt/; mount --bind /mnt /etc; cat /dev/zero > /etc/fill",
        "trouble: /etc is full: 0 KiB left",
        f"a file system of {SERVER} is full: make room there",
    ),
    "no right to sudo": (
        "rm /etc/sudoers.d/verbund",
        "not evaluated: sudo without a password is not allowed there",
        f"may not use sudo there: verbund enrol --limit {SERVER}",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_host_that_cannot_be_changed(school, container, what):
    """It is said what is wrong and what to do; the host stays as it was, and no other host's result is lost."""
    breakage, found, advice = BROKEN[what]
    container.at("enrolled")
    notice = container.run("cat /etc/issue /etc/issue.net")
    container.run(f"sudo -n sh -c '{breakage}' || true")
    try:
        verified = school.verbund("verify", "--limit", f"{SERVER},gse-gw1")
        assert f"{SERVER}: {found}" in verified.stdout
        results = json.loads((school.state / "results" / "latest.json").read_text())
        (other,) = (host for host in results["hosts"] if host["host"] == "gse-gw1")
        assert not other.get("error")

        applied = school.verbund("apply", "--limit", SERVER, "--no-verify", "--tags", "banner")
        assert applied.returncode == ExitCode.FINDINGS, applied.stdout
        assert advice in applied.stderr
        run = Runs(school.state / "runs").load("last")
        assert [host.outcome for wave in run.waves for host in wave.hosts.values()] == [Outcome.FAILED]
        assert container.run("cat /etc/issue /etc/issue.net") == notice
    finally:
        container.at("enrolled")
