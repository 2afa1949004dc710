# SPDX-License-Identifier: EUPL-1.2
"""What the lab asks of a way to run hosts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbund.lab.hosts import Cable
    from verbund.lab.state import HostState, Process


class Driver(Protocol):
    """Runs the hosts of one lab. Every call may follow a killed one, and may be repeated."""

    machine: bool
    """Whether its hosts are machines with a kernel of their own."""

    def management_address(self, state: HostState) -> str:
        """The host's address in the management network."""
        ...

    def prepare(self, state: HostState, seed: bytes) -> None:
        """Make the host's copy of the image with its seed, unless it is there."""
        ...

    def connect(self, hosts: list[HostState], cables: list[Cable], note: Callable[[str], None]) -> None:
        """Lay the networks that have to be there before hosts start.

        Args:
            hosts: all hosts of the lab.
            cables: all cables of the lab.
            note: told what was changed on this machine.
        """
        ...

    def start(self, state: HostState, cables: list[Cable]) -> Process:
        """Start the host, which does not run; returns at once, not when it has booted."""
        ...

    def stop(self, state: HostState) -> None:
        """End the host without asking it; its copy stays."""
        ...

    def snapshot(self, state: HostState, name: str) -> None:
        """Keep the state of a running host under a name, replacing an older one of that name."""
        ...

    def restore(self, state: HostState, cables: list[Cable], name: str) -> Process:
        """Bring a host back to a kept state and have it running."""
        ...

    def screenshot(self, state: HostState, target: Path) -> None:
        """Write what the host's screen shows as a PNG file."""
        ...

    def console_command(self, state: HostState) -> list[str]:
        """The command that attaches a terminal to the host's console."""
        ...

    def clean(self) -> None:
        """Remove what lies outside of the lab's directory, after all its processes have ended."""
        ...
