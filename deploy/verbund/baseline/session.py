# SPDX-License-Identifier: EUPL-1.2
"""One SSH session per host that asks many commands and survives whatever the host answers.

The host is not trusted: every wait has a deadline, every stream a cap, and what does not parse costs the answer of one
command, never the run. Commands only read, so one that is cut off on the host may simply run to its time limit.
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import re
import secrets
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO, TYPE_CHECKING, Any

from verbund.baseline.bundle import Answer
from verbund.errors import UnreachableError, UsageError

if TYPE_CHECKING:
    from verbund.baseline.target import Target

_CHUNK = 65536
# Room for the status line behind a full output.
_FRAME_ROOM = 128
_PREAMBLE = 65536
_STATUS = re.compile(r"status [0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much a host may answer.

    Args:
        connect_seconds: until TCP, key exchange and login are through.
        command_seconds: per command, enforced on the host.
        grace_seconds: how much longer until a command that holds its output open is given up from here.
        host_seconds: for everything asked of one host.
        stdout_bytes: kept standard output per command.
        stderr_bytes: kept standard error per command.
        host_bytes: kept output of one host.
    """

    connect_seconds: float = 15
    command_seconds: int = 30
    grace_seconds: float = 10
    host_seconds: float = 300
    stdout_bytes: int = 256 * 1024
    stderr_bytes: int = 16 * 1024
    host_bytes: int = 16 * 1024 * 1024


class Cancelled(Exception):  # noqa: N818 - not an error
    """The run was interrupted; the session is closed."""


class _Broken(Exception):  # noqa: N818 - internal
    """The session cannot go on; says why in plain words."""


@cache
def _agent() -> str:
    text = (files("verbund.baseline") / "agent.sh").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


def _remote_command() -> str:
    agent = shlex.quote(_agent())
    return f'if [ "$(id -u)" = 0 ]; then exec /bin/sh -c {agent}; else exec sudo -n /bin/sh -c {agent}; fi'


def command_line(target: Target, limits: Limits) -> list[str]:
    """The argv that starts the session: ssh with the options that Ansible's variables ask for.

    Host-key checking stays as ssh is configured; batch mode turns ssh's default ("ask") into a refusal.

    Raises:
        UsageError: a variable cannot be used (it is not a string, or quotes are unbalanced).
    """
    variables = target.variables
    if variables.get("ansible_connection") == "local":
        return ["/bin/sh", "-c", _remote_command()]
    argv = ["ssh", "-T"]
    for option in (
        "BatchMode=yes",
        f"ConnectTimeout={max(1, int(limits.connect_seconds))}",
        "ControlMaster=no",
        # Nor over a connection that somebody keeps open: its limits and groups are those of when it was opened.
        "ControlPath=none",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=3",
        "ForwardAgent=no",
        "ClearAllForwardings=yes",
    ):
        argv += ["-o", option]
    argv += _words(variables, "ansible_ssh_common_args") + _words(variables, "ansible_ssh_extra_args")
    if port := variables.get("ansible_port"):
        argv += ["-p", str(port)]
    if user := variables.get("ansible_user"):
        argv += ["-l", str(user)]
    if key := variables.get("ansible_ssh_private_key_file"):
        argv += ["-i", str(key)]
    return [*argv, "--", str(variables.get("ansible_host") or target.address or target.name), _remote_command()]


def _words(variables: Mapping[str, Any], name: str) -> list[str]:
    try:
        return shlex.split(str(variables.get(name) or ""))
    except ValueError as error:
        raise UsageError(f"{name}: {error}: {variables[name]!r}") from error


class _Stream:
    """One output stream of the session, cut into frames at the mark."""

    def __init__(self, mark: bytes, keep: int, flood: int) -> None:
        self._needle = b"\n" + mark + b" "
        self._keep = keep
        self._flood = flood
        self._buffer = bytearray()
        self._scanned = 0
        self._dropped = 0
        self.open = True

    def feed(self, data: bytes) -> list[tuple[str, bytes, bool]]:
        """Take bytes; return the frames they complete as (what the mark line says, text before it, cut?)."""
        self._buffer += data
        frames = []
        while (at := self._buffer.find(self._needle, self._scanned)) >= 0:
            end = self._buffer.find(b"\n", at + 1)
            if end < 0:
                break
            word = bytes(self._buffer[at + len(self._needle) : end]).decode("ascii", "replace")
            text = bytes(self._buffer[: min(at, self._keep)])
            frames.append((word, text, self._dropped > 0 or at > self._keep))
            del self._buffer[: end + 1]
            self._scanned = self._dropped = 0
        else:
            self._scanned = max(0, len(self._buffer) - len(self._needle))
        tail = len(self._needle) + _FRAME_ROOM
        if len(self._buffer) > self._keep + tail + _CHUNK:
            # Keep the beginning (the excerpt) and the end (a mark may be arriving); forget what is between.
            excess = len(self._buffer) - self._keep - tail
            del self._buffer[self._keep : self._keep + excess]
            self._dropped += excess
            self._scanned = self._keep
            if self._dropped > self._flood:
                raise _Broken("sent output without end")
        return frames

    def waiting(self) -> int:
        """How many bytes came behind the last frame, forgotten ones included."""
        return self._dropped + len(self._buffer)

    def rest(self) -> bytes:
        """What came behind the last frame."""
        return bytes(self._buffer)


class Session:
    """A session with one host. Use as a context manager; ``ask`` may be called again and again.

    Args:
        target: the host.
        limits: how long and how much it may answer.
        cancelled: set from elsewhere to end the session soon.
    """

    def __init__(self, target: Target, limits: Limits | None = None, cancelled: threading.Event | None = None) -> None:
        self._target = target
        self._limits = limits or Limits()
        self._cancelled = cancelled or threading.Event()
        self._left = self._limits.host_seconds
        self._deadline = 0.0
        self._kept = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Session:
        with self._clock():
            self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def ask(self, commands: Sequence[str]) -> list[Answer]:
        """Run commands on the host, in their order.

        A command that breaks the session (floods it, never ends) is given up and the rest is asked in a new one.

        Args:
            commands: shell commands that only read.

        Returns:
            one answer per command; those that could not be had carry a ``failure``.

        Raises:
            Cancelled: the run was interrupted.
        """
        answers: list[Answer] = []
        with self._clock():
            self._ask(commands, answers)
        return answers

    @contextlib.contextmanager
    def _clock(self) -> Iterator[None]:
        """Count time against the host only while it is being asked something."""
        started = time.monotonic()
        self._deadline = started + self._left
        try:
            yield
        finally:
            self._left -= time.monotonic() - started

    def _ask(self, commands: Sequence[str], answers: list[Answer]) -> None:
        reopened = 0
        while len(answers) < len(commands):
            try:
                if self._process is None:
                    self._open()
                self._batch(commands[len(answers) :], answers)
            except (_Broken, UnreachableError) as error:
                self._close()
                reason = str(error)
                if isinstance(error, _Broken):
                    answers.append(Answer(command=commands[len(answers)], exit_status=None, failure=reason))
                    reopened += 1
                if isinstance(error, UnreachableError) or reopened > 2 or time.monotonic() >= self._deadline:
                    remaining = commands[len(answers) :]
                    answers += [Answer(command=c, exit_status=None, failure=f"not asked: {reason}") for c in remaining]

    def _open(self) -> None:
        """Connect and wait until the agent says it is ready.

        Raises:
            UnreachableError: the host cannot be reached or does not let us in; the message says why.
            UsageError: ssh is not installed, or a connection variable is unusable.
            Cancelled: the run was interrupted.
        """
        limits = self._limits
        mark = secrets.token_hex(16)
        self._mark = mark.encode()
        try:
            # Not a child of the terminal's process group: Ctrl-C reaches us, and we end ssh and all it started.
            self._process = subprocess.Popen(
                command_line(self._target, limits),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except FileNotFoundError as error:
            raise UsageError("ssh is not installed on this machine", "apt install openssh-client") from error
        self._out = _Stream(self._mark, limits.stdout_bytes, 64 * limits.stdout_bytes)
        # The host bounds standard output itself; standard error is only bounded here.
        self._err = _Stream(self._mark, limits.stderr_bytes, 64 * limits.stderr_bytes)
        self._outgoing = bytearray(f"{mark}\n{limits.command_seconds}\n{limits.stdout_bytes + _FRAME_ROOM}\n".encode())
        self._selector.close()
        self._selector = selectors.DefaultSelector()
        for pipe, stream in ((self._process.stdout, self._out), (self._process.stderr, self._err)):
            os.set_blocking(_fd(pipe), False)
            self._selector.register(_fd(pipe), selectors.EVENT_READ, stream)
        os.set_blocking(_fd(self._process.stdin), False)
        ready = {id(self._out): False, id(self._err): False}
        # Login may wait on PAM and a slow host on its disk: the agent gets the same time again to start.
        deadline = min(self._deadline, time.monotonic() + 2 * limits.connect_seconds + 5)
        try:
            while not all(ready.values()):
                for stream, frames in self._exchange(deadline, "did not answer in time"):
                    for word, _, _ in frames:
                        _insist(word == "ready", "answered with garbage instead of starting our script")
                        ready[id(stream)] = True
                    too_much = not frames and stream.waiting() > _PREAMBLE
                    _insist(not too_much, "answered with garbage instead of starting our script")
        except _Broken as error:
            reason = self._why(str(error))
            self._close()
            raise UnreachableError(reason) from None
        except Cancelled:
            self._close()
            raise

    def _batch(self, commands: Sequence[str], answers: list[Answer]) -> None:
        """Send commands and append their answers as they come.

        Raises:
            _Broken: the session is over; the command behind the last answer is the one that broke it.
        """
        limits = self._limits
        for command in commands:
            text = command.encode("utf-8", "surrogateescape")
            plain = b"\n" not in text and b"\r" not in text and b"\0" not in text
            self._outgoing += (b"C " + text if plain else b"B " + base64.b64encode(text)) + b"\n"
        outs: list[tuple[int | None, bytes, bool]] = []
        errs: list[tuple[bytes, bool]] = []
        status: int | None = None
        body: bytes | None = None
        cut = False
        done = 0
        last = time.monotonic()
        while done < len(commands):
            patience = last + limits.command_seconds + limits.grace_seconds
            deadline = min(self._deadline, patience)
            slow = "the host took too long in all" if deadline == self._deadline else "did not end in time"
            for stream, frames in self._exchange(deadline, slow):
                for word, text, dropped in frames:
                    if stream is self._err:
                        if word != "end":
                            raise _Broken("answered with garbage")
                        errs.append((text, dropped))
                    elif word == "end":
                        outs.append((None, text, True) if body is None else (status, body, cut))
                        status, body, cut = None, None, False
                    elif body is None and (dropped or _STATUS.fullmatch(word)):
                        # Where the host cut the output it may have cut this line, too: then it says nothing.
                        status, body, cut = None if dropped else int(word[7:]), text, dropped
                    else:
                        raise _Broken("answered with garbage")
            if max(len(outs), len(errs)) > len(commands):
                raise _Broken("answered more than it was asked")
            while done < min(len(outs), len(errs)):
                now = time.monotonic()
                answers.append(self._answer(commands[done], outs[done], errs[done], now - last))
                done, last = done + 1, now

    def _answer(
        self, command: str, out: tuple[int | None, bytes, bool], err: tuple[bytes, bool], seconds: float
    ) -> Answer:
        limits = self._limits
        status, stdout, truncated = out
        stderr = err[0]
        self._kept += len(stdout) + len(stderr)
        if self._kept > limits.host_bytes:
            return Answer(
                command=command,
                exit_status=None,
                truncated=True,
                failure=f"dropped: the host sent more than {limits.host_bytes // 1024} KiB in all",
            )
        failure = ""
        if truncated:
            status, failure = None, f"the output is longer than {limits.stdout_bytes // 1024} KiB"
        elif status in {124, 137} and seconds > 0.9 * limits.command_seconds:
            status, failure = None, f"did not end within {limits.command_seconds} s"
        return Answer.of(
            command, status, stdout, stderr, truncated=truncated or err[1], failure=failure, seconds=seconds
        )

    def _exchange(self, deadline: float, slow: str) -> list[tuple[_Stream, list[tuple[str, bytes, bool]]]]:
        """Send what waits to be sent and take what has come; wait at most half a second.

        Raises:
            _Broken: deadline passed, connection ended, or a stream floods.
            Cancelled: the run was interrupted.
        """
        process = self._process
        if process is None:
            raise _Broken("the session is closed")
        if self._cancelled.is_set():
            self._close()
            raise Cancelled
        left = deadline - time.monotonic()
        if left <= 0:
            raise _Broken(slow)
        stdin = _fd(process.stdin)
        writing = bool(self._outgoing)
        if writing:
            self._selector.register(stdin, selectors.EVENT_WRITE, None)
        try:
            events = self._selector.select(min(left, 0.5))
        finally:
            if writing:
                self._selector.unregister(stdin)
        received = []
        for key, _ in events:
            if key.data is None:
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    del self._outgoing[: os.write(stdin, self._outgoing[:_CHUNK])]
                continue
            data = os.read(key.fd, _CHUNK)
            if data:
                received.append((key.data, key.data.feed(data)))
            else:
                self._selector.unregister(key.fd)
                key.data.open = False
        gone = not self._out.open and (not self._err.open or (not events and process.poll() is not None))
        if gone and not received:
            raise _Broken("the connection ended")
        return received

    def _why(self, fallback: str) -> str:
        """Why the session did not start, from what ssh or sudo said."""
        deadline = time.monotonic() + 0.3
        with contextlib.suppress(_Broken, Cancelled):
            while self._err.open:
                self._exchange(deadline, "")
        said = [line.strip() for line in self._err.rest().decode("utf-8", "replace").splitlines()]
        # Behind a jump host the last line speaks of a connection to nowhere; the one before it says why.
        said = [line for line in said if line and "port 65535" not in line]
        last = said[-1] if said else ""
        text = "\n".join(said)
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
            return "its host key is not the known one: another machine answers, or it was installed anew"
        if "Host key verification failed" in text:
            return "its host key is not known to this machine (enrol the host first)"
        if "Permission denied" in last:
            return f"the login as {self._target.variables.get('ansible_user') or getpass.getuser()} was refused: {last}"
        if last.startswith("sudo:"):
            return f"sudo without a password is not allowed there: {last}"
        if fallback == "the connection ended":
            return last[:300] or "the connection ended before our script started"
        return fallback

    def _close(self) -> None:
        """End ssh and everything it started here."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(0.2 if not self._outgoing else 0)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _insist(fine: bool, problem: str) -> None:
    if not fine:
        raise _Broken(problem)


def _fd(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise _Broken("the session is closed")
    return pipe.fileno()
