# SPDX-License-Identifier: EUPL-1.2
"""Another judge of sshd: ssh-audit, which asks over the wire, by the policy of our profile and by one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.lab
HARDENED = "Hardened Debian 13 (version 1)"
PENALTY = 20  # seconds; sshd of OpenSSH 10 shuts out who leaves without logging in for 15 s and more
ATTEMPTS = 9
LISTS = {"Host keys": "host keys", "Key exchanges": "key exchanges", "Ciphers": "ciphers", "MACs": "macs"}
"""What ssh-audit calls a list in its findings, and in a policy file."""


@pytest.fixture(scope="module")
def server(school):
    school.at("rolled-out")
    name = next(host.name for host in school.hosts if host.host_class == "server")
    asked = subprocess.run(["ssh", "-G", "-F", school.lab.ssh_config, name], capture_output=True, text=True, check=True)
    return name, dict(line.split(" ", 1) for line in asked.stdout.splitlines())["port"]


@pytest.fixture(scope="module")
def policy(school, tmp_path_factory):
    done = school.verbund("crypto", "--format", "ssh-audit")
    assert done.returncode == 0, done.stderr
    path = tmp_path_factory.mktemp("policy") / "policy.txt"
    path.write_text(done.stdout, encoding="utf-8")
    return path


def audit(server, policy) -> dict:
    """What ssh-audit finds; asked again where sshd does not talk to us, because the last audit left without login."""
    command = [sys.executable, "-m", "ssh_audit.ssh_audit", "--skip-rate-test", "-n", "-j", "-t", "20"]
    command += ["-P", str(policy), "-p", server[1], "127.0.0.1"]
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.startswith("{"):
            return json.loads(done.stdout)
        time.sleep(PENALTY)
    raise AssertionError(done.stdout + done.stderr)


def stated(policy) -> dict[str, set[str]]:
    """The lists of a policy file."""
    lines = (line.partition(" = ") for line in policy.read_text(encoding="utf-8").splitlines())
    return {key: set(value.split(", ")) for key, _, value in lines if key in LISTS.values()}


def test_our_policy_is_met(server, policy):
    found = audit(server, policy)
    assert found["passed"], found["errors"]


def test_its_own_hardened_policy_finds_nothing_that_our_profile_does_not_state(server, policy):
    """It wants methods that TR-02102-4 does not list; all it may complain of is that we offer the listed ones."""
    allowed = stated(policy)
    findings = audit(server, HARDENED)["errors"]
    assert {finding["mismatched_field"] for finding in findings} <= LISTS.keys(), findings
    for finding in findings:
        assert set(finding["actual"]) <= allowed[LISTS[finding["mismatched_field"]]], finding


def test_a_method_beside_the_profile_is_found(school, server, policy):
    school.lab.ssh(
        server[0],
        "printf 'KexAlgorithms +curve25519-sha256\\n' | sudo -n tee /etc/ssh/sshd_config.d/00-aaa.conf && "
        "sudo -n systemctl reload ssh",
    )
    try:
        found = audit(server, policy)
    finally:
        school.at("rolled-out", server[0])
    assert [finding["mismatched_field"] for finding in found["errors"]] == ["Key exchanges"], found
