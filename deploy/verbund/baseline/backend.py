# SPDX-License-Identifier: EUPL-1.2
"""The testinfra backend ``bundle://``: it answers from an evidence bundle, so checks run without the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import testinfra.backend
from testinfra.backend.base import BaseBackend, CommandResult

if TYPE_CHECKING:
    from verbund.baseline.bundle import Answer

testinfra.backend.BACKENDS["bundle"] = "verbund.baseline.backend.BundleBackend"


class NotInBundle(Exception):  # noqa: N818 - the usual way on, not an error
    """The bundle holds no answer to a command that a check needs."""


class NoAnswer(Exception):  # noqa: N818 - says what is the matter with the host
    """The host gave no usable answer to a command."""


class BundleBackend(BaseBackend):
    """Answers commands from what was collected, and keeps book of what a check asked.

    Args:
        hostname: name of the host.
        answers: what was collected, by command.
    """

    NAME = "bundle"

    def __init__(self, hostname: str, answers: dict[str, Answer] | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(hostname, *args, **kwargs)
        self.answers = answers or {}
        self.asked: dict[str, None] = {}
        self.missing: dict[str, None] = {}
        self.unusable: dict[str, str] = {}

    def begin(self) -> None:
        """Start a new check: forget what the last one asked."""
        self.asked, self.missing, self.unusable = {}, {}, {}

    @property
    def encoding(self) -> str:
        """Always UTF-8; bytes that are none survive as surrogates."""
        return "utf-8"

    def decode(self, data: bytes) -> str:
        """Bytes of the host as text."""
        return data.decode("utf-8", "surrogateescape")

    def encode(self, data: str) -> bytes:
        """Text as bytes for the host."""
        return data.encode("utf-8", "surrogateescape")

    def get_sudo_command(self, command: str, sudo_user: str | None) -> str:
        """Everything was asked as root already; only another user needs sudo."""
        return command if sudo_user in {None, "root"} else super().get_sudo_command(command, sudo_user)

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Answer a command.

        Raises:
            NotInBundle: it was not collected; it is noted in ``missing``.
            NoAnswer: it was asked, but there is no usable answer; noted in ``unusable``.
        """
        del kwargs
        command = self.get_command(command, *args)
        answer = self.answers.get(command)
        self.asked[command] = None
        if answer is None:
            self.missing[command] = None
            raise NotInBundle(command)
        if answer.failure or answer.exit_status is None:
            self.unusable[command] = answer.failure or "its exit status is unknown"
            raise NoAnswer(f"{command}: {self.unusable[command]}")
        return self.result(answer.exit_status, self.encode(command), answer.stdout_bytes, answer.stderr_bytes)
