# SPDX-License-Identifier: EUPL-1.2
"""Verification against a real host that is full, slow, hostile or down: its own answers suffer, nobody else's."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from verbund.baseline.fleet import Fleet
from verbund.baseline.plan import Plan
from verbund.baseline.session import Limits, Session
from verbund.baseline.target import Target
from verbund.errors import UnreachableError
from verbund.pki.seal import EvidenceKey

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", autouse=True)
def enrolled(container):
    """What is broken here is a managed host."""
    container.at("enrolled")


LIMITS = Limits(connect_seconds=8, command_seconds=5, grace_seconds=3, host_seconds=60)


def target_of(container, name: str | None = None) -> Target:
    return Target(
        name or container.name,
        "server",
        address=container.name,
        variables={"ansible_ssh_common_args": f"-F '{container.ssh_config}'"},
    )


def ask(container, *commands: str, limits: Limits = LIMITS):
    with Session(target_of(container), limits) as session:
        return session.ask(commands)


@contextmanager
def changed(container, do: str, undo: str) -> Iterator[None]:
    """Break something on the host, and mend it again."""
    broken = ask(container, do)[0]
    assert broken.exit_status == 0, broken
    try:
        yield
    finally:
        mended = ask(container, undo)[0]
        assert mended.exit_status == 0, mended


def test_asked_as_root_over_one_connection(container):
    before, *rest, after = ask(container, "id -u", *["true"] * 100, "ss -Htn state established sport = :22 | wc -l")
    assert before.stdout == "0\n"
    assert all(answer.exit_status == 0 for answer in rest)
    assert int(after.stdout) >= 1


def test_a_hundred_questions_cost_little_more_than_one(container):
    def seconds(count: int) -> float:
        start = time.monotonic()
        assert len(ask(container, *["test -e /etc/passwd"] * count)) == count
        return time.monotonic() - start

    one, hundred = min(seconds(1) for _ in range(3)), min(seconds(100) for _ in range(3))
    assert hundred < 15 * one, (one, hundred)


def test_nothing_is_left_on_the_host(container):
    look = "ls -A /tmp /run /dev/shm /var/tmp"
    first = ask(container, look)[0].stdout
    ask(container, "head -c 999999999 /dev/zero", "yes >&2", "echo x")
    time.sleep(1)
    again, processes = ask(container, look, "ps -eo args")
    assert again.stdout == first
    assert "/dev/zero" not in processes.stdout
    assert "\nyes" not in processes.stdout


def test_a_host_without_writable_tmp(container):
    with changed(container, "mount -t tmpfs -o ro,noexec none /tmp", "umount /tmp"):
        answer, proof = ask(container, "echo fine", "touch /tmp/x")
    assert answer.stdout == "fine\n"
    assert "Read-only" in proof.stderr


def test_a_host_with_a_full_disk(container):
    fill = "mount -t tmpfs -o size=1m none /tmp; cat /dev/zero > /tmp/fill 2>/dev/null; test -s /tmp/fill"
    with changed(container, fill, "umount /tmp"):
        answer, proof = ask(container, "echo fine", "echo x > /tmp/x")
    assert answer.stdout == "fine\n"
    assert proof.exit_status != 0


def test_hostile_output(container):
    big, endless, errors, binary, after = ask(
        container,
        "head -c 1000000000 /dev/zero",
        "yes",
        "yes error >&2",
        "head -c 1000 /dev/urandom",
        "echo after",
    )
    assert big.truncated
    assert endless.failure
    assert errors.failure
    assert len(binary.stdout_bytes) == 1000
    assert after.stdout == "after\n"


def test_a_command_that_kills_the_connection(container):
    answers = ask(container, "echo one", "kill -9 $(ps -o ppid= -p $PPID)", "echo two")
    assert answers[0].stdout == "one\n"
    assert answers[1].exit_status is None or answers[1].exit_status >= 0
    assert answers[2].stdout == "two\n"


def test_a_shell_that_answers_garbage(container):
    script = "#!/bin/sh\\nhead -c 100000 /dev/urandom\\nexit 0\\n"
    tool = "/usr/bin/timeout"
    lie = f"mv {tool} {tool}.real; printf '{script}' > {tool}; chmod 755 {tool}"
    with changed(container, lie, "true"):
        try:
            answers = ask(container, "echo 1", "echo 2")
            assert len(answers) == 2
            assert all(answer.stdout_bytes != b"1\n" for answer in answers)
        finally:
            mend = f"mv {tool}.real {tool}"
            as_root = f'[ "$(id -u)" = 0 ] && {mend} || sudo -n {mend}'
            ssh = ["ssh", "-F", str(container.ssh_config), container.name, as_root]
            subprocess.run(ssh, check=True, timeout=30)


def test_a_wrong_host_key_is_refused(container, tmp_path):
    known = tmp_path / "known_hosts"
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(key)], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    # Ask ssh under which name it looks the key up.
    options = subprocess.run(
        ["ssh", "-F", str(container.ssh_config), "-G", container.name], check=True, capture_output=True, text=True
    ).stdout
    names = dict(line.split(" ", 1) for line in options.splitlines() if " " in line)
    alias = names.get("hostkeyalias", names["hostname"])
    port = names.get("port", "22")
    known.write_text(f"{alias} {public}\n[{alias}]:{port} {public}\n[{names['hostname']}]:{port} {public}\n")
    target = target_of(container)
    wrong_keys = f"-o UserKnownHostsFile='{known}' -o GlobalKnownHostsFile=/dev/null"
    arguments = f"{wrong_keys} {target.variables['ansible_ssh_common_args']}"
    wrong = Target("h", "server", address=container.name, variables={"ansible_ssh_common_args": arguments})
    with pytest.raises(UnreachableError, match="host key"), Session(wrong, LIMITS):
        pass


def test_a_dead_and_a_mute_host_delay_nobody(container, tmp_path):
    """One host refuses, one accepts and never speaks; the third is verified all the same."""
    import socket

    with socket.socket() as mute, socket.socket() as closed:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        closed.bind(("127.0.0.1", 0))
        nobody = {"ansible_ssh_common_args": "-F /dev/null", "ansible_user": "nobody"}
        targets = [
            Target("mute", "server", address="127.0.0.1", variables=nobody | {"ansible_port": mute.getsockname()[1]}),
            Target("dead", "server", address="127.0.0.1", variables=nobody | {"ansible_port": closed.getsockname()[1]}),
            target_of(container, "good"),
        ]
        plans = {"server": Plan(release="1", host_class="server", commands=("echo fine",))}
        order, errors = [], {}
        with Fleet(targets, plans, tmp_path, EvidenceKey.ensure(tmp_path / "keys"), 3, LIMITS) as fleet:
            for visit in fleet.arrivals():
                order.append(visit.target.name)
                errors[visit.target.name] = visit.error
                if not visit.error:
                    assert visit.answers["echo fine"].stdout == "fine\n"
                    assert visit.bundle is not None
                    assert visit.bundle.clock_offset is not None
                    assert abs(visit.bundle.clock_offset) < 60
                    visit.finish()
                if len(order) == 3:
                    break
    assert order[-1] == "mute"
    assert "refused" in errors["dead"]
    assert errors["mute"]
    assert errors["good"] == ""
