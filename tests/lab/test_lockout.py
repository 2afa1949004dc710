# SPDX-License-Identifier: EUPL-1.2
"""Nobody is locked out: broken changes of sshd and of the packet filter are undone by the host itself.

The fixture `vm` is a host that the controller manages as the automation account: `.name` in the inventory file
`.inventory`, and `.ssh(command)`, which runs a command on it and gives its output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
GUARD = 20  # seconds
# What a broken change may touch, in full: names, modes, owners, contents, and the rules in the kernel without counters.
FINGERPRINT = (
    'sudo sh -c \'find /etc/ssh /etc/verbund /etc/systemd/system 2>/dev/null -printf "%M %u:%g %p %l\\n" | sort; '
    "find /etc/ssh /etc/verbund /etc/systemd/system -type f -exec sha256sum {} + 2>/dev/null | sort; "
    "nft -s list ruleset; sshd -T 2>/dev/null; systemctl is-active ssh nftables verbund-firewall'; true"
)
UNDONE = "undone the change by itself and can be reached again"


def playbook(vm, tmp_path, play, **variables):
    """Run one play against the host and give the finished process and the seconds it took."""
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([{"hosts": vm.name, "gather_facts": False, "become": True, **play}]))
    began = time.monotonic()
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(vm.inventory),
            "-e",
            json.dumps(variables),
            str(path),
        ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            # The play lies outside the repository.
            "ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles"),
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return done, time.monotonic() - began


def said(done):
    """What the playbook printed, with line breaks of the console taken out."""
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("AllowUsers nobody\n", id="nobody-may-log-in"),
        pytest.param("Port 2022\n", id="another-port"),
        pytest.param("PubkeyAuthentication no\n", id="no-keys"),
    ],
)
def test_broken_sshd_change_is_undone(vm, tmp_path, broken):
    """The change is valid for `sshd -t`, and yet nobody can log in any more."""
    before = vm.ssh(FINGERPRINT)
    state = {
        "files": [{"path": "/etc/ssh/sshd_config.d/00-aaa-broken.conf", "content": broken}],
        "validate": [["/usr/sbin/sshd", "-t"]],
        "activate": [["systemctl", "reload-or-restart", "ssh.service"]],
        "guard": GUARD,
    }
    done, seconds = playbook(vm, tmp_path, {"tasks": [{"name": "Break sshd", "verbund_state": state}]})
    assert done.returncode == 2, done.stdout
    assert UNDONE in said(done), done.stdout
    assert seconds >= GUARD - 5, "the change cannot have been active"
    assert vm.ssh(FINGERPRINT) == before
    assert "putting the host back" in vm.ssh("sudo journalctl -t verbund-guard --no-pager")


def test_broken_firewall_is_undone(vm, tmp_path):
    """Rules that are valid and loaded, but do not know the controller: over what is there, then over good ones."""
    role = {"roles": ["firewall"]}
    good = {"verbund_management_sources": ["0.0.0.0/0", "::/0"], "firewall_guard": 120}
    wrong = {"verbund_management_sources": ["203.0.113.7"], "firewall_guard": GUARD}
    for step in ("as found", "over good rules"):
        before = vm.ssh(FINGERPRINT)
        done, _ = playbook(vm, tmp_path, role, **wrong)
        assert done.returncode == 2, f"{step}: {done.stdout}"
        assert UNDONE in said(done), f"{step}: {done.stdout}"
        assert vm.ssh(FINGERPRINT) == before, step
        done, _ = playbook(vm, tmp_path, role, **good)
        assert done.returncode == 0, f"{step}: {done.stdout}"
    done, _ = playbook(vm, tmp_path, role, **good)
    assert "changed=0" in done.stdout


def test_account_of_the_run_is_not_shut_out(vm, tmp_path):
    """The role asks sshd before it reloads it: no waiting for the guard."""
    before = vm.ssh(FINGERPRINT)
    done, _ = playbook(vm, tmp_path, {"roles": ["sshd"]}, sshd_allow_groups=["nogroup"])
    assert done.returncode == 2, done.stdout
    assert "names none of its groups" in said(done)
    assert vm.ssh(FINGERPRINT) == before


def test_firewall_without_management_sources_is_refused(vm, tmp_path):
    """Before anything is sent to the host."""
    done, _ = playbook(vm, tmp_path, {"roles": ["firewall"]}, verbund_management_sources=[])
    assert done.returncode == 2, done.stdout
    assert "the firewall would lock everybody out" in said(done)
