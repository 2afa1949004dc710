# SPDX-License-Identifier: EUPL-1.2
"""Hosts of the lab for tests: started once per session, in a lab of the session's own, and removed at its end.

``vm`` and ``container`` are as the last test left them; ``clean_vm`` and ``clean_container`` are first brought back to
the state in which they were started.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from verbund.lab import Lab, LabHost

FRESH = "fresh"


@dataclass(frozen=True)
class Machine:
    """A host of the lab, as tests see it."""

    lab: Lab
    name: str

    def run(self, command: str, **options: object) -> str:
        """Run a shell command there; returns what it said."""
        return self.lab.ssh(self.name, command, **options).stdout  # type: ignore[arg-type]

    def reset(self) -> None:
        """Bring the host back to the state in which it was started."""
        self.lab.restore(FRESH, [self.name])


def _session_lab(
    factory: pytest.TempPathFactory, driver: Literal["vm", "container"], hosts: list[LabHost]
) -> Iterator[Lab]:
    lab = Lab(factory.mktemp(f"lab-{driver}"))
    try:
        lab.up(hosts, driver)
        lab.snapshot(FRESH)
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="session")
def vm_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of one virtual machine, ``vm1``."""
    yield from _session_lab(tmp_path_factory, "vm", [LabHost.bare("vm1")])


@pytest.fixture(scope="session")
def container_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of containers, with ``ct1`` in it; tests may add hosts. Skips where we are not root."""
    if os.geteuid() != 0:
        pytest.skip("containers of the lab need root")
    yield from _session_lab(tmp_path_factory, "container", [LabHost.bare("ct1")])


@pytest.fixture(scope="session")
def vm(vm_lab: Lab) -> Machine:
    """The session's virtual machine."""
    return Machine(vm_lab, "vm1")


@pytest.fixture(scope="session")
def container(container_lab: Lab) -> Machine:
    """The session's container."""
    return Machine(container_lab, "ct1")


@pytest.fixture
def clean_vm(vm: Machine) -> Machine:
    """The session's virtual machine, as it was started."""
    vm.reset()
    return vm


@pytest.fixture
def clean_container(container: Machine) -> Machine:
    """The session's container, as it was started."""
    container.reset()
    return container


@pytest.fixture
def new_lab(tmp_path: Path) -> Iterator[Callable[[], Lab]]:
    """Make a lab of the test's own; it is removed afterwards, whatever happened."""
    lab = Lab(tmp_path / "state")
    yield lambda: lab
    lab.down()
