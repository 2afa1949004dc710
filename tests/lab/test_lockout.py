# SPDX-License-Identifier: EUPL-1.2
"""Nobody is locked out: broken changes of sshd and of the packet filter are undone by the host itself."""

from __future__ import annotations

import json
import time

import pytest

pytestmark = pytest.mark.lab

GUARD = 15  # seconds
# What a broken change may touch, in full: names, modes, owners, contents, and the rules in the kernel without counters.
FINGERPRINT = (
    'sudo sh -c \'find /etc/ssh /etc/verbund /etc/systemd/system 2>/dev/null -printf "%M %u:%g %p %l\\n" | sort; '
    "find /etc/ssh /etc/verbund /etc/systemd/system -type f -exec sha256sum {} + 2>/dev/null | sort; "
    "nft -s list ruleset; sshd -T 2>/dev/null; systemctl is-active ssh nftables verbund-firewall'; true"
)
UNDONE = "undone the change by itself and can be reached again"
# In the lab the controller is a management source of its own; without it the rules know nobody.
NOBODY = {"verbund_management_sources": ["203.0.113.7"], "firewall_extra_management_sources": []}


@pytest.fixture
def host(request):
    """The server, as a container or a machine, in the state asked for: ``(fixture, state)``."""
    driver, state = request.param
    found = request.getfixturevalue(driver)
    found.at(state)
    return found


def on(*states, driver="container"):
    marks = [pytest.mark.vm] if driver == "vm" else []
    return [pytest.param((driver, state), id=f"{driver}-{state}", marks=marks) for state in states]


def playbook(host, tmp_path, play, **variables):
    """Run one play against the host; gives what it printed, its exit code and the seconds it took."""
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([{"hosts": host.name, "gather_facts": False, "become": True, **play}]))
    began = time.monotonic()
    done = host.school.call(
        host.school.command(
            "ansible-playbook", "-i", str(host.school.inventory), "--limit", host.name, "-e", json.dumps(variables),
            str(path),
        )
    )  # fmt: skip
    return " ".join((done.stdout + done.stderr).split()), done.returncode, time.monotonic() - began


BREAKAGES = {
    "nobody-may-log-in": "AllowUsers nobody\n",
    "another-port": "Port 2022\n",
    "nobody-to-trust": "TrustedUserCAKeys none\n",
}


@pytest.mark.parametrize(
    ("host", "broken"),
    [
        *(pytest.param(("container", "rolled-out"), broken, id=f"container-{broken}") for broken in BREAKAGES),
        pytest.param(("vm", "rolled-out"), "nobody-may-log-in", id="vm-nobody-may-log-in", marks=pytest.mark.vm),
    ],
    indirect=["host"],
)
def test_broken_sshd_change_is_undone(host, tmp_path, broken):
    """The change is valid for `sshd -t`, and yet nobody can log in any more."""
    before = host.run(FINGERPRINT)
    state = {
        "files": [{"path": "/etc/ssh/sshd_config.d/00-aaa-broken.conf", "content": BREAKAGES[broken]}],
        "validate": [["/usr/sbin/sshd", "-t"]],
        "activate": [["systemctl", "reload-or-restart", "ssh.service"]],
        "guard": GUARD,
    }
    said, code, seconds = playbook(host, tmp_path, {"tasks": [{"name": "Break sshd", "verbund_state": state}]})
    assert code == 2, said
    assert UNDONE in said, said
    assert seconds >= GUARD - 5, "the change cannot have been active"
    assert host.run(FINGERPRINT) == before
    assert "putting the host back" in host.run("sudo journalctl -t verbund-guard --no-pager")


@pytest.mark.parametrize(
    "host", [*on("enrolled", "rolled-out"), *on("rolled-out", driver="vm")], indirect=True
)  # fmt: skip
def test_broken_firewall_is_undone(host, tmp_path, request):
    """Rules that are valid and loaded, but do not know the controller: over none, and over good ones."""
    before = host.run(FINGERPRINT)
    role = {"roles": ["firewall"]}
    said, code, seconds = playbook(host, tmp_path, role, **NOBODY, firewall_guard=GUARD)
    assert code == 2, said
    assert UNDONE in said, said
    assert seconds >= GUARD - 5, "the change cannot have been active"
    assert host.run(FINGERPRINT) == before
    # The good rules go in afterwards as if nothing had been.
    said, code, _ = playbook(host, tmp_path, role)
    assert code == 0, said
    assert ("changed=0" in said) == ("rolled-out" in request.node.name), said


@pytest.mark.parametrize("host", on("enrolled"), indirect=True)
def test_account_of_the_run_is_not_shut_out(host, tmp_path):
    """The role asks sshd before it reloads it: no waiting for the guard."""
    before = host.run(FINGERPRINT)
    said, code, _ = playbook(host, tmp_path, {"roles": ["sshd"]}, sshd_allow_groups=["nogroup"])
    assert code == 2, said
    assert "names none of its groups" in said
    assert host.run(FINGERPRINT) == before


@pytest.mark.parametrize("host", on("enrolled"), indirect=True)
def test_firewall_without_management_sources_is_refused(host, tmp_path):
    """Before anything is sent to the host."""
    nobody = {name: [] for name in NOBODY}
    said, code, _ = playbook(host, tmp_path, {"roles": ["firewall"]}, **nobody)
    assert code == 2, said
    assert "the firewall would lock everybody out" in said
