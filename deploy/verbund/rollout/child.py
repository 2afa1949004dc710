# SPDX-License-Identifier: EUPL-1.2
"""Child processes that neither outlive us nor get our Ctrl-C."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def start(argv: Sequence[str], cwd: Path, environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; the kernel sends it SIGTERM when we die, however we die.

    Args:
        argv: the command.
        cwd: directory it runs in.
        environment: variables added to ours. The package's own directory is put on ``PYTHONPATH``.
        log: takes its output and errors.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads run where this is called
    )


def last_lines(log: Path, skip: tuple[str, ...] = ()) -> str:
    """The end of a log: why a command gave up.

    Args:
        log: the file.
        skip: lines that start with one of these are left out.
    """
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 4000))
        text = stream.read().decode(errors="replace")
    return "\n".join([line.strip() for line in text.splitlines() if line.strip() and not line.startswith(skip)][-12:])


class Signals:
    """Turns SIGINT, SIGTERM and SIGHUP (the terminal is gone) into a call while it is open, so that work ends in order.

    A signal that is ignored, as SIGHUP is under nohup(1), stays ignored.

    Args:
        call: called for each signal.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._old: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._old[number] = signal.signal(number, lambda *_: self._call())
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
