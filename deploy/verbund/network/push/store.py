# SPDX-License-Identifier: EUPL-1.2
"""What is kept of devices: backups fit for git, and privately what is needed to go on after a push was killed.

``backups/<site>/<switch>`` is what Oxidized keeps in git: one file per device in a directory per group, the running
configuration without secrets and without what changes by itself. ``private/<switch>/`` is for nobody else (0700): the
configuration before the last push as the device printed it, which is what a rollback needs, and the journal of a push
that has not ended.
"""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from verbund.errors import VerbundError
from verbund.files import private_directory, write_atomically
from verbund.network.redact import redact

Stage = Literal["arming", "pushed", "confirmed"]


class BusyError(VerbundError):
    """Another process is working on this switch."""


class Journal(BaseModel):
    """How far a push came on one switch; written before each step that cannot be undone by forgetting it.

    ``arming``: lines may have been sent. ``pushed``: all were, nothing is confirmed. ``confirmed``: not yet saved.
    """

    model_config = ConfigDict(extra="forbid")

    stage: Stage
    way: Literal["revert-timer", "checkpoint", "reload-timer", "commit-delay", "none"]
    minutes: int
    since: datetime


class Store:
    """The directory of everything about switches.

    Args:
        directory: ``.verbund/network``.
        backups: where backups go; default below it.
    """

    def __init__(self, directory: Path, backups: Path | None = None) -> None:
        self.directory = directory
        self.backups = backups or directory / "backups"

    # -- backups ---------------------------------------------------------------------------------------------------

    def backup(self, site: str, name: str, running: str) -> bool:
        """Keep a running configuration without its secrets.

        Args:
            site: ``tenant/site``.
            name: of the switch.
            running: what it printed.

        Returns:
            Whether it differs from the last backup.
        """
        path = self.backup_path(site, name)
        text = redact(running)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        write_atomically(path, text)
        return True

    def backup_path(self, site: str, name: str) -> Path:
        """Where the backup of a switch is."""
        return self.backups / site.replace("/", "-") / name

    def commit(self, message: str) -> bool:
        """Record the backups in git, in a repository of their own.

        Returns:
            Whether there is a commit; without git the files alone are kept.
        """
        git = ["git", "-C", str(self.backups), "-c", "user.name=verbund", "-c", "user.email=verbund@localhost"]
        try:
            if not (self.backups / ".git").exists():
                subprocess.run([*git, "init", "--quiet"], check=True, capture_output=True)
            subprocess.run([*git, "add", "--all"], check=True, capture_output=True)
            if not subprocess.run([*git, "diff", "--cached", "--quiet"], check=False, capture_output=True).returncode:
                return False
            subprocess.run([*git, "commit", "--quiet", "--no-gpg-sign", "-m", message], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    # -- what a push leaves behind until it has ended --------------------------------------------------------------

    def _private(self, name: str) -> Path:
        return private_directory(self.directory / "private" / name)

    @contextmanager
    def claim(self, name: str) -> Iterator[None]:
        """Be the only process that works on a switch; the kernel lets go when this one ends, however it ends.

        Raises:
            BusyError: another one does.
        """
        with (self._private(name) / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(f"another process is working on {name}", "wait for it") from None
            yield

    def keep_before(self, name: str, running: str) -> None:
        """Keep what ran before a push, with its secrets."""
        write_atomically(self._private(name) / "before.cfg", running)

    def before(self, name: str) -> str | None:
        """What ran before the last push."""
        path = self._private(name) / "before.cfg"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def note(self, name: str, journal: Journal) -> None:
        """Write down how far a push came."""
        write_atomically(self._private(name) / "journal.json", journal.model_dump_json() + "\n")

    def journal(self, name: str) -> Journal | None:
        """How far a push came that did not end; None when the last one did."""
        path = self._private(name) / "journal.json"
        try:
            return Journal.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            hint = "compare the switch with verbund net diff, then delete the file"
            raise VerbundError(f"{path} is damaged: {error}", hint) from None

    def settle(self, name: str) -> None:
        """The push has ended."""
        (self._private(name) / "journal.json").unlink(missing_ok=True)
