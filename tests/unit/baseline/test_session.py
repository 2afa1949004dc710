# SPDX-License-Identifier: EUPL-1.2
"""Whatever a host answers, it costs at most its own answers, and says so in plain words."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verbund.baseline.bundle import Answer
from verbund.baseline.fleet import Fleet
from verbund.baseline.plan import Plan
from verbund.baseline.session import Cancelled, Limits, Session, _agent, _Stream, command_line
from verbund.baseline.target import Target
from verbund.errors import UnreachableError, UsageError
from verbund.pki.seal import EvidenceKey

LIMITS = Limits(
    connect_seconds=0.5, command_seconds=2, grace_seconds=4, host_seconds=40, stdout_bytes=4096, stderr_bytes=1024
)


def ask(local, *commands: str, limits: Limits = LIMITS) -> list[Answer]:
    with Session(local(), limits) as session:
        return session.ask(commands)


def test_answers_come_in_order_with_their_own_status(local):
    one, two, three = ask(local, "echo one", "echo two >&2; exit 7", "printf 'a\\nb'; kill -9 $$")
    assert (one.exit_status, one.stdout, one.stderr) == (0, "one\n", "")
    assert (two.exit_status, two.stdout, two.stderr) == (7, "", "two\n")
    assert (three.exit_status, three.stdout) == (137, "a\nb")
    assert not any(answer.failure for answer in (one, two, three))


def test_a_failing_first_part_of_a_pipe_does_not_hide_the_status(local):
    assert ask(local, "echo x | grep -q y")[0].exit_status == 1


def test_commands_with_line_breaks_quotes_and_no_input(local):
    command = "cat\nprintf '%s' \"it's\"\n# done"
    assert ask(local, command)[0].stdout == "it's"


@pytest.mark.parametrize("raw", [b"\0\1\2", b"\xff\xfe", "ü€\u202e".encode(), b"\r\n\r\n"])
def test_bytes_arrive_unchanged(local, raw: bytes):
    octal = "".join(f"\\{byte:03o}" for byte in raw)
    assert ask(local, f"printf '{octal}'; printf '{octal}' >&2")[0].stdout_bytes == raw


def test_a_gigabyte_is_cut_and_the_next_command_is_still_asked(local):
    start = time.monotonic()
    big, after = ask(local, "head -c 1000000000 /dev/zero", "echo after")
    assert big.truncated
    assert big.exit_status is None
    assert "longer than 4 KiB" in big.failure
    assert len(big.stdout) == 4096
    assert after.stdout == "after\n"
    assert time.monotonic() - start < 25


@pytest.mark.parametrize("size", [4095, 4096, 4097, 4160, 4200, 4224, 4225, 9000])
def test_the_limit_is_exact(local, size: int):
    answer, after = ask(local, f"head -c {size} /dev/zero", "echo after")
    assert answer.truncated == (size > 4096)
    assert (answer.exit_status == 0) == (size <= 4096)
    assert len(answer.stdout) == min(size, 4096)
    assert after.stdout == "after\n"


def test_endless_output_on_either_stream(local):
    out, err, after = ask(local, "yes", "yes >&2", "echo after")
    assert "longer than" in out.failure
    assert err.failure
    assert after.stdout == "after\n"


def test_long_errors_are_cut_but_the_answer_counts(local):
    answer = ask(local, "head -c 3000 /dev/zero | tr '\\0' e >&2; echo fine")[0]
    assert (answer.exit_status, answer.stdout, answer.failure) == (0, "fine\n", "")
    assert answer.truncated
    assert answer.stderr == "e" * 1024


def test_a_command_that_hangs_is_ended(local):
    hung, after = ask(local, "trap '' TERM; while :; do sleep 0.2; done", "echo after")
    assert "did not end within 2 s" in hung.failure
    assert after.exit_status == 0


def test_a_background_process_that_holds_the_output(local):
    limits = Limits(command_seconds=1, grace_seconds=1, host_seconds=40)
    held, after = ask(local, "sleep 13 & echo started", "echo after", limits=limits)
    assert held.failure == "did not end in time"
    assert after.stdout == "after\n"


def test_status_124_of_a_quick_command_is_its_own(local):
    assert ask(local, "exit 124")[0].exit_status == 124


def test_the_mark_is_out_of_reach_of_commands(local):
    look = "tr '\\0' '\\n' < /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline; env; set"
    with Session(local(), LIMITS) as session:
        answer = session.ask([look])[0]
        assert session._mark.decode() not in answer.stdout


def test_a_host_may_not_send_more_than_its_share(local):
    limits = Limits(command_seconds=2, host_bytes=6000, stdout_bytes=4096)
    first, second = ask(local, "head -c 4000 /dev/zero", "head -c 4000 /dev/zero", limits=limits)
    assert first.exit_status == 0
    assert "dropped" in second.failure


def test_the_time_of_a_host_is_bounded(local):
    limits = Limits(command_seconds=60, host_seconds=2)
    start = time.monotonic()
    first, *rest = ask(local, "echo x", "sleep 50", "echo y", "echo z", limits=limits)
    assert time.monotonic() - start < 20
    assert first.exit_status == 0
    assert rest[0].failure == "the host took too long in all"
    assert all(answer.failure.startswith("not asked") for answer in rest[1:])


def test_works_without_a_writable_disk():
    """Read-only root, no /tmp, no /dev/shm: what a full or broken disk looks like."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare to take the disk away")
    inner = (
        "mount -o bind,ro / /mnt && mount -t proc proc /mnt/proc && mount -o bind,ro /dev /mnt/dev && "
        "exec chroot /mnt /bin/sh -c"
    )
    questions = r"m\n2\n4096\nC echo works; touch /tmp/x\n"
    script = f"printf '{questions}' | unshare -m --propagation private sh -c '{inner} \"$0\"' \"$1\""
    done = subprocess.run(["sh", "-c", script, "sh", _agent()], capture_output=True, timeout=20, check=False)
    if b"works" not in done.stdout and b"mount" in done.stderr:
        pytest.skip(f"cannot build a read-only root here: {done.stderr!r}")
    assert b"works\n" in done.stdout
    assert b"Read-only" in done.stderr


def test_cancel_ends_a_session_soon(local):
    cancelled = threading.Event()
    threading.Timer(0.5, cancelled.set).start()
    start = time.monotonic()
    with pytest.raises(Cancelled), Session(local(), Limits(), cancelled) as session:
        session.ask(["sleep 25"])
    assert time.monotonic() - start < 15


FAKES = {
    "silent": ("sleep 30", "did not answer in time"),
    "garbage": ("head -c 200000 /dev/urandom; sleep 30", "garbage"),
    "endless": ("cat /dev/zero", "without end|garbage"),
    "gone": ("echo 'kex_exchange_identification: Connection closed' >&2; exit 255", "Connection closed"),
    "refused": ("echo 'u@h: Permission denied (publickey).' >&2; exit 255", "login as root was refused"),
    "unknown key": ("echo 'Host key verification failed.' >&2; exit 255", "host key is not known"),
    "changed key": ("echo '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @' >&2; exit 255", "not the known one"),
    "sudo": ("echo 'sudo: a password is required' >&2; exit 1", "sudo without a password"),
    "no frames": ("read m; echo; echo hello; sleep 1", "the connection ended"),
}


def test_an_interrupt_while_visits_begin_ends_them(local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    submit = ThreadPoolExecutor.submit

    def interrupted(pool, *arguments):
        submit(pool, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    plans = {"server": Plan(release="1", host_class="server", commands=("echo fine",))}
    with (
        pytest.raises(KeyboardInterrupt),
        Fleet([local()], plans, tmp_path, EvidenceKey.ensure(tmp_path / "keys"), 1, LIMITS) as fleet,
    ):
        next(fleet.arrivals())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("verify")]


@pytest.fixture(name="fake_ssh")
def fake_ssh_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def install(body: str) -> Target:
        ssh = tmp_path / "bin" / "ssh"
        ssh.parent.mkdir(exist_ok=True)
        ssh.write_text(f"#!/bin/sh\n{body}\n")
        ssh.chmod(0o755)
        monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
        return Target("h1", "server", address="192.0.2.9", variables={"ansible_user": "root"})

    return install


@pytest.mark.parametrize("kind", FAKES)
def test_hosts_that_never_start_are_unreachable(fake_ssh, kind: str):
    body, reason = FAKES[kind]
    start = time.monotonic()
    with pytest.raises(UnreachableError, match=reason), Session(fake_ssh(body), LIMITS):
        pass
    assert time.monotonic() - start < 25


@pytest.mark.parametrize("piece", [1000, 40_000, 65_536])
def test_garbage_counts_in_whatever_pieces_it_comes(piece: int):
    stream = _Stream(b"mark", 4096, 10**6)
    for _ in range(200_000 // piece):
        assert stream.feed(b"x" * piece) == []
    assert stream.waiting() == 200_000 // piece * piece


READY = 'read m; read s; read b; printf "\\n$m ready\\n"; printf "\\n$m ready\\n" >&2; read c; '
LIES = {
    "unknown word": 'printf "\\n$m boo\\n"',
    "status twice": 'printf "\\n$m status 0\\n\\n$m status 1\\n"',
    "huge status": 'printf "\\n$m status 99999999999\\n"',
    "no status": 'printf "\\n$m end\\n"; printf "\\n$m end\\n" >&2',
    "binary word": 'printf "\\n$m \\377\\376\\n"',
    "dies": "exit 1",
    "endless mark line": 'printf "\\n$m "; cat /dev/zero',
}


@pytest.mark.parametrize("lie", LIES)
def test_lying_hosts_cost_their_answers_only(fake_ssh, lie: str):
    target = fake_ssh(READY + LIES[lie] + "; sleep 1")
    with Session(target, LIMITS) as session:
        answers = session.ask(["echo 1"])
    assert len(answers) == 1
    assert answers[0].failure
    assert answers[0].exit_status is None


@given(st.binary(max_size=300), st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=30))
def test_frames_do_not_depend_on_how_bytes_arrive(first: bytes, second: bytes, cuts: list[int]):
    mark = b"f" * 32
    data = first + b"\n" + mark + b" status 0\n" + second + b"\n" + mark + b" end\n"
    whole = _Stream(mark, 1000, 10**6).feed(data)
    stream, pieces = _Stream(mark, 1000, 10**6), []
    for cut in cuts:
        pieces += stream.feed(data[:cut])
        data = data[cut:]
    pieces += stream.feed(data)
    assert pieces == whole
    assert [(word, text) for word, text, _ in whole] == [("status 0", first), ("end", second)]


@given(st.binary(), st.binary())
def test_answers_keep_every_byte(stdout: bytes, stderr: bytes):
    answer = Answer.of("c", 0, stdout, stderr)
    again = Answer.model_validate_json(answer.model_dump_json())
    assert (again.stdout_bytes, again.stderr_bytes) == (stdout, stderr)


def test_ssh_gets_what_ansible_would_give_it():
    target = Target(
        "h1",
        "server",
        address="192.0.2.1",
        variables={
            "ansible_host": "192.0.2.2",
            "ansible_port": 2222,
            "ansible_user": "verbund",
            "ansible_ssh_private_key_file": "/keys/a b",
            "ansible_ssh_common_args": "-F '/lab/ssh config' -o ProxyJump=gw",
        },
    )
    argv = command_line(target, Limits())
    joined = " ".join(argv)
    assert argv[argv.index("-F") + 1] == "/lab/ssh config"
    assert argv[argv.index("-i") + 1] == "/keys/a b"
    assert "-p 2222 -l verbund" in joined
    assert "BatchMode=yes" in joined
    assert "StrictHostKeyChecking" not in joined
    assert argv[-3:-1] == ["--", "192.0.2.2"]


def test_unbalanced_quotes_in_a_variable_are_an_input_error():
    with pytest.raises(UsageError, match="ansible_ssh_common_args"):
        command_line(Target("h1", "server", variables={"ansible_ssh_common_args": "-o 'x"}), Limits())
