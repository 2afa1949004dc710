# SPDX-License-Identifier: EUPL-1.2
"""Day 0, facts and quarantine on real hosts: containers with the sample school's server and one client."""

from __future__ import annotations

import contextlib
import json
import subprocess

import pytest

from verbund.errors import UnreachableError

pytestmark = pytest.mark.lab
SERVER, CLIENT = "gse-srv1", "gse-r101-pc01"


@pytest.fixture(scope="module", autouse=True)
def bare(school):
    """Day 0 begins with hosts that have nothing but a bootstrap key."""
    school.at("bare")


def _root_login(school, host: str) -> bool:
    port = json.loads(school.lab.connections.read_text())["hosts"][host]["vars"]["ansible_port"]
    done = subprocess.run(
        ["ssh", "-F", "none", "-i", str(school.lab.directory / "bootstrap"), "-p", str(port), "-o", "BatchMode=yes",
         "-o", f"UserKnownHostsFile={school.lab.directory / 'known_hosts'}", "-o", f"HostKeyAlias={host}",
         "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes", "root@127.0.0.1", "true"],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_a_failed_proof_leaves_the_bootstrap_key(school):
    """Nobody is locked out: a host whose new login cannot work stays reachable as before."""
    school.lab.ssh(CLIENT, "chmod 0 /usr/bin/sudo")
    try:
        event, text = school.deploy("enrol", CLIENT)[CLIENT]
        assert event == "failed"
        assert text
        assert _root_login(school, CLIENT)
    finally:
        school.lab.ssh(CLIENT, "chmod 4755 /usr/bin/sudo")


def test_bare_hosts_become_managed_and_a_second_run_changes_nothing(school):
    assert {host: event for host, (event, _) in school.deploy("enrol", SERVER, CLIENT).items()} == {
        SERVER: "changed",
        CLIENT: "changed",
    }
    assert not _root_login(school, SERVER)
    assert school.lab.ssh(SERVER, "id -un; sudo -n id -un").stdout.split() == ["verbund", "root"]
    stamp = json.loads(school.lab.ssh(SERVER, "cat /etc/verbund/release.json").stdout)
    assert (stamp["tenant"], stamp["site"], stamp["host_class"]) == ("erkrath", "grundschule", "server")
    modes = school.lab.ssh(SERVER, "sudo stat -c '%a %U %n' /etc/verbund/pki/host.key /etc/sudoers.d/verbund").stdout
    assert modes.split("\n")[:2] == ["640 root /etc/verbund/pki/host.key", "440 root /etc/sudoers.d/verbund"]
    school.lab.ssh(SERVER, "sudo openssl verify -CAfile /etc/verbund/pki/ca.pem /etc/verbund/pki/host.pem")
    assert {event for event, _ in school.deploy("enrol", SERVER, CLIENT).values()} == {"unchanged"}


def test_drift_is_put_right(school):
    school.lab.ssh(SERVER, "sudo sed -i s/site/other/ /etc/verbund/release.json")
    assert school.deploy("enrol", SERVER)[SERVER][0] == "changed"
    assert school.deploy("enrol", SERVER)[SERVER][0] == "unchanged"


def test_facts_are_json_per_host(school):
    done = school.verbund("facts", "--limit", SERVER)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)[SERVER]
    assert found["os"]["id"] == "debian"
    assert found["complete"]
    assert {"protocol", "address", "port"} <= set(found["listening"][0])
    assert found["release"]["tenant"] == "erkrath"


def test_quarantine_keeps_the_way_in_and_nothing_else(school):
    school.lab.ssh(CLIENT, "sudo apt-get -v >/dev/null; (echo > /dev/tcp/192.0.2.2/22) 2>/dev/null || true")
    assert school.deploy("quarantine", CLIENT)[CLIENT] == ("changed", "isolated")
    rules = school.lab.ssh(CLIENT, "sudo nft list table inet verbund_quarantine").stdout
    assert rules.count("policy drop") == 3
    assert school.lab.ssh(CLIENT, "systemctl is-enabled verbund-quarantine.service").stdout.strip() == "enabled"
    assert "verbund-quarantine-undo.timer" not in school.lab.ssh(CLIENT, "systemctl list-timers --all").stdout
    assert school.deploy("quarantine", CLIENT)[CLIENT][0] == "unchanged"
    assert school.deploy("quarantine", CLIENT, release="yes")[CLIENT] == ("changed", "released")
    assert school.deploy("quarantine", CLIENT, release="yes")[CLIENT][0] == "unchanged"
    assert "quarantine" not in school.lab.ssh(CLIENT, "sudo nft list ruleset").stdout


def test_quarantine_undoes_itself_when_nobody_comes_back(school):
    """The same script, with a short timer and rules that shut the controller out."""
    from verbund.rollout import quarantine as q

    script = q.isolate_script(q.rules(["203.0.113.1/32"])).replace(f"--on-active={q.UNDO_AFTER}", "--on-active=10")
    with contextlib.suppress(UnreachableError):  # its answer is cut off, as it should be
        school.lab.ssh(CLIENT, "sudo -n sh -s", data=script, timeout=20, check=False)
    school.lab.wait(CLIENT)
    assert "quarantine" not in school.lab.ssh(CLIENT, "sudo nft list ruleset; ls /etc/verbund").stdout


def test_a_host_that_is_down_costs_no_other_host(school):
    school.lab.stop(CLIENT)
    results = school.deploy("facts", SERVER, CLIENT)
    assert results[CLIENT][0] == "unreachable"
    assert results[SERVER][0] == "unchanged"
    assert school.verbund("facts", "--limit", f"{SERVER},{CLIENT}").returncode == 3
    school.lab.up(school.machines, "container")
