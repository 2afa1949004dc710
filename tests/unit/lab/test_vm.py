# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

from pathlib import Path

import pytest

from verbund.lab.accel import TCG
from verbund.lab.hosts import LabHost, cables
from verbund.lab.image import Image
from verbund.lab.state import HostState, LabState
from verbund.lab.vm import VirtualMachines

HOSTS = [
    LabHost("gse-gw1", "gateway", "10.1.0.1", 24, "10.1.0.1", "management", "musterstadt", "gse"),
    LabHost("gse-srv1", "server", "10.1.1.10", 24, "10.1.1.1", "server", "musterstadt", "gse"),
    LabHost("gse-r101-pc01", "client", "10.1.4.10", 22, "10.1.4.1", "pupils", "musterstadt", "gse"),
]


@pytest.fixture
def commands(tmp_path) -> dict[str, list[str]]:
    lab = LabState(tmp_path / "state.json", "0011aabb", "vm", "trixie")
    driver = VirtualMachines(tmp_path, lab, Image(Path("/cache/image"), ""), memory=768)
    return {
        host.name: driver.command(HostState(host, number, 40000 + number), cables(HOSTS), TCG)
        for number, host in enumerate(HOSTS)
    }


def values(command: list[str], option: str) -> list[str]:
    return [command[n + 1] for n, word in enumerate(command) if word == option]


def test_nothing_but_loopback_is_forwarded(commands):
    for command in commands.values():
        forwards = [value for value in values(command, "-netdev") if value.startswith("user,")]
        assert len(forwards) == 1
        assert forwards[0].count("hostfwd=") == 1
        assert "hostfwd=tcp:127.0.0.1:400" in forwards[0]
        assert not any("tcp:" in value for value in [*values(command, "-qmp"), *values(command, "-chardev")])


def test_both_ends_of_a_cable_fit_together(commands):
    def ends(name: str) -> set[tuple[str, str]]:
        found = set()
        for value in values(commands[name], "-netdev"):
            if value.startswith("dgram,"):
                fields = dict(field.split("=", 1) for field in value.split(",")[1:])
                found.add((fields["local.path"], fields["remote.path"]))
        return found

    gateway = ends("gse-gw1")
    assert len(gateway) == 2
    assert gateway == {(other, own) for name in ("gse-srv1", "gse-r101-pc01") for own, other in ends(name)}


def test_sockets_are_relative_so_that_a_long_path_does_not_matter(commands):
    for command in commands.values():
        for value in values(command, "-netdev") + values(command, "-qmp") + values(command, "-chardev"):
            assert "=/" not in value
            assert ":/" not in value


def test_a_machine_can_reboot_and_has_its_own_addresses(commands):
    seen = set()
    for command in commands.values():
        assert "-no-reboot" not in command
        for value in values(command, "-device"):
            if "mac=" in value:
                seen.add(value.split("mac=")[1])
    assert len(seen) == 3 + 4


def test_the_image_is_never_opened_for_writing(commands):
    for command in commands.values():
        assert all("/cache/image" not in value for value in values(command, "-blockdev"))
        seed = [value for value in values(command, "-blockdev") if "seed.tar" in value]
        assert "read-only=on" in seed[0]


def test_memory_is_what_was_asked_for(commands):
    assert {values(command, "-m")[0] for command in commands.values()} == {"768"}
