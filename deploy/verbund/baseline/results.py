# SPDX-License-Identifier: EUPL-1.2
"""The result file: what a verification found, host by host and control by control.

Written by ``verbund verify``, read by ``verbund report``, ``verbund apply`` and anyone's scripts.
A result file stands on its own: it carries titles, references and evidence excerpts, so that an
old report stays readable when the standard has moved on.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = "verbund-results/1"

LIFETIME_HOURS: Final = 168
"""How old the evidence of a control may be where the control says nothing: a week."""


class Verdict(StrEnum):
    """What follows from the evidence. There is no silent pass."""

    MET = "met"
    NOT_MET = "not met"
    EXCEPTED = "excepted"
    NOT_APPLICABLE = "not applicable"
    NOT_EVALUATED = "not evaluated"
    STALE = "stale"


class Record(BaseModel):
    """Base of all parts of a result file: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(Record):
    """A text in both languages of the reports."""

    de: str
    en: str


class BsiReference(Record):
    """A requirement of the BSI IT-Grundschutz-Kompendium, Edition 2023.

    ``req`` is the requirement id (``SYS.1.3.A8``), ``sentences`` the 1-based numbers of its MUST/SHOULD
    sentences (empty: the requirement as a whole), ``level`` B (Basis), S (Standard) or H (elevated).
    """

    req: str
    sentences: tuple[int, ...] = ()
    level: Literal["B", "S", "H"]

    def __str__(self) -> str:
        tail = ":" + ",".join(map(str, self.sentences)) if self.sentences else ""
        return f"{self.req}{tail} ({self.level})"


class ControlInfo(Record):
    """What a reader of the report needs to know about a control.

    ``lifetime_hours`` is how old evidence may be before the verdict is ``stale``, also in a report written later.
    """

    id: str
    title: Title
    bsi: tuple[BsiReference, ...]
    role: str
    evidence: Literal["effective", "persistent", "both"]
    since: str
    lifetime_hours: int = Field(default=LIFETIME_HOURS, gt=0)


class Observation(Record):
    """One command asked of the host and what came back (excerpts; the bundle has it all)."""

    command: str
    exit_status: int
    stdout: str = ""
    stderr: str = ""


class DeviationInfo(Record):
    """The accepted exception behind an ``excepted`` verdict."""

    owner: str
    reason: str
    compensation: str
    expires: date


class ControlResult(Record):
    """The verdict on one control of one host; ``reason`` says why in plain words unless met."""

    control: str
    verdict: Verdict
    reason: str = ""
    observations: tuple[Observation, ...] = ()
    deviation: DeviationInfo | None = None


class HostResult(Record):
    """All verdicts of one host. ``error`` is set when the host could not be asked at all."""

    host: str
    tenant: str
    site: str
    room: str | None = None
    host_class: str
    profile: str
    zone: str
    address: str
    collected: datetime | None = None
    bundle_sha256: str | None = None
    error: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    results: tuple[ControlResult, ...] = ()


class RunInfo(Record):
    """Who verified what, when and with which release."""

    id: str
    started: datetime
    finished: datetime
    operator: str
    release: str
    command: str


class Results(Record):
    """A whole result file."""

    format: Literal["verbund-results/1"] = FORMAT
    run: RunInfo
    controls: tuple[ControlInfo, ...]
    hosts: tuple[HostResult, ...]

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a result file.

        Raises:
            pydantic.ValidationError: the file is not a result file of this format.
            OSError: the file cannot be read.
        """
        return cls.model_validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Write the result file in one step: a reader never sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(self.model_dump_json(exclude_defaults=True), encoding="utf-8")
        part.replace(path)
