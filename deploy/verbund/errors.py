# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong, in words an admin can act on.

Exit codes of every command: 0 good, 1 findings (something is not met or failed),
2 usage or input error (nothing was written or contacted), 3 something could not be reached, 130 interrupted (Ctrl-C,
SIGTERM, or the terminal was closed; as shells count 128 + SIGINT).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """Exit codes shared by all commands."""

    GOOD = 0
    FINDINGS = 1
    INPUT = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One problem in the input, with the place to look at.

    Args:
        path: file the problem is in, as the user would name it (relative where possible).
        line: 1-based line, 0 where no line can be named (file missing, unreadable).
        column: 1-based column, 0 where unknown.
        message: what is wrong and what was expected.
        hint: what to do now; may be empty.
        warning: True when work can go on in spite of it.
    """

    path: Path
    line: int
    column: int
    message: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        place = str(self.path)
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        kind = "warning: " if self.warning else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{place}: {kind}{self.message}{hint}"


class VerbundError(Exception):
    """Base of all errors that end a command with a plain message and an exit code."""

    exit_code = ExitCode.FINDINGS

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n    hint: {self.hint}" if self.hint else self.message


class UsageError(VerbundError):
    """The command line or its environment is off; nothing was written or contacted."""

    exit_code = ExitCode.INPUT


class InputError(VerbundError):
    """The input files are off; carries *all* findings of the run."""

    exit_code = ExitCode.INPUT

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(set(findings))
        super().__init__("\n".join(str(finding) for finding in self.findings))


class Interrupted(VerbundError):  # noqa: N818 - an interruption is no error
    """Somebody stopped the command; says what was done and how to go on."""

    exit_code = ExitCode.INTERRUPTED


class UnreachableError(VerbundError):
    """A host or device could not be reached."""

    exit_code = ExitCode.UNREACHABLE
