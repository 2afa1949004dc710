# SPDX-License-Identifier: EUPL-1.2
"""Where things are: the checkout that a command works on, and its state directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from verbund.errors import UsageError

MARKER = Path("inventory/verbund.yml")


@dataclass(frozen=True, slots=True)
class Project:
    """A checkout of Verbund: intent, roles, checks, and the state that commands leave behind.

    Args:
        root: absolute path of the directory that holds ``inventory/verbund.yml``.
    """

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Find the project around a directory, as git finds its repository.

        Args:
            start: where to begin; default ``$VERBUND_PROJECT``, else the current directory.

        Raises:
            UsageError: no directory upwards holds ``inventory/verbund.yml``.
        """
        begin = start or Path(os.environ.get("VERBUND_PROJECT") or Path.cwd())
        begin = begin.absolute()
        for directory in (begin, *begin.parents):
            if (directory / MARKER).is_file():
                return cls(directory)
        raise UsageError(
            f"no Verbund project at or above {begin}",
            f"change into a directory that holds {MARKER}, or name it with --project",
        )

    @property
    def inventory(self) -> Path:
        """The intent: tenants, sites, procedures."""
        return self.root / "inventory"

    @property
    def roles(self) -> Path:
        """The Ansible roles with their controls."""
        return self.root / "roles"

    @property
    def checks(self) -> Path:
        """The testinfra modules that prove the baseline."""
        return self.root / "tests" / "baseline"

    @property
    def state(self) -> Path:
        """What commands leave behind (lab, evidence, run records, keys); never in git."""
        return self.root / ".verbund"
