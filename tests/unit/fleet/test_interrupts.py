# SPDX-License-Identifier: EUPL-1.2
"""Ctrl-C, SIGTERM and a closed terminal end every command with a sentence and 130, never with a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verbund import intent
from verbund.cli import main
from verbund.cli.console import interruptible
from verbund.errors import ExitCode, Interrupted
from verbund.rollout.fleet import Deploy, FleetResult

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_without_words_of_its_own_gets_some(monkeypatch, capsys, number):
    before = signal.getsignal(number)
    monkeypatch.setattr(intent, "load", lambda *_: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as left:
        main(["check"])
    assert left.value.code == ExitCode.INTERRUPTED
    said = capsys.readouterr()
    assert said.err.startswith("interrupted: ")
    assert "run the same command again" in said.err
    assert signal.getsignal(number) is before


def test_nohup_stays_in_force(monkeypatch, capsys):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(intent, "load", lambda *_: os.kill(os.getpid(), signal.SIGHUP) or sys.exit(7))
        with pytest.raises(SystemExit) as left:
            main(["check"])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert left.value.code == 7
    assert "interrupted" not in capsys.readouterr().err


def test_a_sentence_says_how_things_stand():
    with pytest.raises(Interrupted, match=r"interrupted: half is done\n    hint: do it again"):  # noqa: SIM117
        with interruptible("half is done", "do it again"):
            raise KeyboardInterrupt


def test_loading_the_command_line_shows_no_traceback():
    program = "import os, signal, sys, verbund.__main__ as m\n"
    program += "class Press:\n    def find_spec(self, name, *_):\n"
    program += "        if name == 'verbund.cli': os.kill(os.getpid(), signal.SIGINT)\n"
    program += "sys.meta_path.insert(0, Press())\nm.main()\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "deploy")},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr == b""


@pytest.mark.parametrize("command", ["enrol", "facts", "quarantine", "release"])
def test_an_interrupted_deploy_leaves_with_130(monkeypatch, capsys, command):
    def run(deploy, tell):
        deploy.interrupted = 1
        return {"h1": FleetResult("changed"), "h2": FleetResult("not run", "interrupted")}

    class Intent:
        def select(self, *_):
            return []

    monkeypatch.setattr(Deploy, "run", run)
    monkeypatch.setattr(intent, "load", lambda *_: Intent())
    with pytest.raises(SystemExit) as left:
        main([command, "--limit", "x"])
    assert left.value.code == ExitCode.INTERRUPTED
    said = capsys.readouterr().err
    assert "1 of 2 hosts are done" in said
    assert "run the same command again to go on" in said
