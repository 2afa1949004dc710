# SPDX-License-Identifier: EUPL-1.2
"""``python -m verbund.lab.switches``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import paramiko
import pytest

from verbund.lab.switches.__main__ import main

pytestmark = pytest.mark.loopback


def test_a_configuration_the_switch_refuses_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    startup = tmp_path / "running.cfg"
    startup.write_text("vlan 10\nvlan 9999\n")
    monkeypatch.setattr(sys, "argv", ["switches", "--platform", "cisco_ios", "--startup", str(startup)])
    assert main() == 2
    assert "cisco_ios refuses the line 'vlan 9999'" in capsys.readouterr().err


def test_switches_to_type_at_until_they_are_interrupted() -> None:
    command = [sys.executable, "-m", "verbund.lab.switches", "--platform", "aruba_aoscx", "--ports", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r"ssh -p (\d+) admin@127\.0\.0\.1\s+(ssh-ed25519 \S+)", line)
            assert match, line
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect("127.0.0.1", int(match[1]), username="admin", password="admin", look_for_keys=False)
            _, stdout, _ = client.exec_command("show version")
            assert "ArubaOS-CX" in stdout.read().decode()
            client.close()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
