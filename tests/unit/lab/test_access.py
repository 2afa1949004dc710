# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from verbund.lab.access import Access, write
from verbund.pki import TenantKeys, generate_ssh_key


@pytest.fixture
def place(tmp_path) -> Path:
    # A checkout may lie anywhere: blanks and the sign that starts ssh's tokens must not break the files.
    directory = tmp_path / "a checkout 100%" / "lab"
    directory.mkdir(parents=True)
    keys = {tenant: TenantKeys.ensure(tmp_path, tenant) for tenant in ("musterstadt", "neudorf")}
    public = generate_ssh_key(directory / "host", "host")
    hosts = [
        Access("gse-gw1", "musterstadt", 40001, True, public),
        Access("ndf-gw1", "neudorf", 40002, False, public),
    ]
    write(directory, hosts, keys)
    return directory


def effective(place: Path, *arguments: str) -> dict[str, list[str]]:
    """What ssh itself makes of the file."""
    said = subprocess.run(
        ["ssh", "-G", "-F", str(place / "ssh_config"), *arguments], capture_output=True, text=True, check=True
    ).stdout
    options: dict[str, list[str]] = {}
    for line in said.splitlines():
        key, _, value = line.partition(" ")
        options.setdefault(key, []).append(value)
    return options


def test_an_enrolled_host_is_reached_as_the_automation_with_a_certificate(place):
    options = effective(place, "gse-gw1")
    assert options["user"] == ["verbund"]
    assert options["port"] == ["40001"]
    assert options["hostname"] == ["127.0.0.1"]
    assert options["identityfile"][0].endswith("musterstadt/automation")
    assert options["certificatefile"][0].endswith("musterstadt/automation-cert.pub")


def test_a_fresh_host_is_reached_as_root_with_the_bootstrap_key(place):
    options = effective(place, "ndf-gw1")
    assert options["user"] == ["root"]
    assert options["identityfile"][0].replace("%%", "%") == str(place / "bootstrap")
    assert "certificatefile" not in options


@pytest.mark.parametrize("name", ["gse-gw1", "ndf-gw1", "127.0.0.1"])
def test_host_keys_are_always_checked_against_our_file_only(place, name):
    options = effective(place, name)
    assert options["stricthostkeychecking"] == ["true"]
    assert options["globalknownhostsfile"] == ["none"]
    assert options["userknownhostsfile"][0].replace("%%", "%") == str(place / "known_hosts")
    assert "ed25519" not in options["hostkeyalgorithms"][0]
    assert "rsa" not in options["hostkeyalgorithms"][0]


def test_what_ansible_is_told_names_the_host_for_the_key_check(place):
    variables = json.loads((place / "connections.json").read_text())["hosts"]["gse-gw1"]["vars"]
    assert variables["ansible_user"] == "verbund"
    assert variables["firewall_extra_management_sources"] == ["192.0.2.2/32"]
    arguments = shlex.split(variables["ansible_ssh_common_args"])
    said = subprocess.run(
        ["ssh", "-G", *arguments, variables["ansible_host"]], capture_output=True, text=True, check=True
    )
    assert "hostkeyalias gse-gw1" in said.stdout
    assert "stricthostkeychecking true" in said.stdout


def test_known_hosts_pins_each_host_by_name_and_by_port(place):
    for name in ("gse-gw1", "[127.0.0.1]:40001", "ndf-gw1", "[127.0.0.1]:40002"):
        found = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", place / "known_hosts"], capture_output=True, text=True, check=False
        )
        assert "ecdsa-sha2-nistp256" in found.stdout, name
