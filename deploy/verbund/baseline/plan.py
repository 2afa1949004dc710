# SPDX-License-Identifier: EUPL-1.2
"""Command plans: what to ask a host of one class, known from earlier runs, so that one round trip suffices.

A plan only saves round trips: what it lacks is asked in a further batch, so no verdict depends on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from verbund.baseline.results import Record
from verbund.errors import UsageError

FORMAT: Final = "verbund-plan/1"


class Plan(Record):
    """The commands that the checks ask of hosts of one class in one release, sorted."""

    format: Literal["verbund-plan/1"] = FORMAT
    release: str
    host_class: str
    commands: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash over the commands; evidence names the plan it was collected with."""
        return hashlib.sha256(json.dumps(self.commands).encode()).hexdigest()

    @classmethod
    def read(cls, directory: Path, host_class: str, release: str) -> Plan:
        """The plan of a class; an empty one when none was learned yet.

        Raises:
            UsageError: the file is there but is no plan.
        """
        path = directory / f"{host_class}.json"
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls(release=release, host_class=host_class)
        except (OSError, ValidationError) as error:
            raise UsageError(
                f"{path}: is not a command plan: {error}", "remove it and run 'verbund verify --learn'"
            ) from error

    def write(self, directory: Path) -> Path:
        """Store the plan, in a form that gives small diffs."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.host_class}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self.model_dump(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
        return path

    def learned(self, used: Iterable[str], release: str, *, complete: bool) -> Plan:
        """The plan after a run.

        Args:
            used: commands that the checks of this run asked of hosts of this class.
            release: the release of the run.
            complete: every host of the class was evaluated, so what was not used is not needed any more.
        """
        keep = set() if complete else set(self.commands)
        return Plan(release=release, host_class=self.host_class, commands=tuple(sorted(keep | set(used))))
