# SPDX-License-Identifier: EUPL-1.2
"""The evidence bundle: every command asked of one host and what came back, hashed, so that checks need no host."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import AwareDatetime, Field, ValidationError, field_validator

from verbund.baseline.results import Record
from verbund.errors import VerbundError

if TYPE_CHECKING:
    from verbund.pki.seal import EvidenceKey

FORMAT: Final = "verbund-evidence/1"


class EvidenceError(VerbundError):
    """A stored bundle cannot be trusted or read."""


class Answer(Record):
    """What one command said.

    ``exit_status`` is the command's own, None when it is not known (cut, timed out, connection lost); ``failure``
    then says why in plain words, and checks that need this answer are not evaluated. ``stdout`` and ``stderr`` are
    text, or base64 where ``encoding`` says so because the bytes are no UTF-8. ``seconds`` is the wall time as the
    controller saw it.
    """

    command: str
    exit_status: int | None
    stdout: str = ""
    stderr: str = ""
    encoding: Literal["utf-8", "base64"] = "utf-8"
    truncated: bool = False
    failure: str = ""
    seconds: float = 0.0

    @field_validator("stdout", "stderr")
    @classmethod
    def _no_lone_surrogates(cls, text: str) -> str:
        text.encode()
        return text

    @classmethod
    def of(
        cls,
        command: str,
        exit_status: int | None,
        stdout: bytes,
        stderr: bytes,
        *,
        truncated: bool = False,
        failure: str = "",
        seconds: float = 0.0,
    ) -> Answer:
        """Wrap raw bytes."""
        try:
            out, err, encoding = stdout.decode(), stderr.decode(), "utf-8"
        except UnicodeDecodeError:
            out, err, encoding = base64.b64encode(stdout).decode(), base64.b64encode(stderr).decode(), "base64"
        return cls(
            command=command,
            exit_status=exit_status,
            stdout=out,
            stderr=err,
            encoding="base64" if encoding == "base64" else "utf-8",
            truncated=truncated,
            failure=failure,
            seconds=round(seconds, 3),
        )

    @property
    def stdout_bytes(self) -> bytes:
        """Standard output as it came."""
        return base64.b64decode(self.stdout) if self.encoding == "base64" else self.stdout.encode()

    @property
    def stderr_bytes(self) -> bytes:
        """Standard error as it came."""
        return base64.b64decode(self.stderr) if self.encoding == "base64" else self.stderr.encode()


class Bundle(Record):
    """All answers of one host at one time.

    ``collected`` is the controller's time; ``clock_offset`` is how many seconds the host's clock was ahead of it
    (negative: behind; None: the host did not say). ``plan`` is the hash of the command plan that was asked first.
    """

    format: Literal["verbund-evidence/1"] = FORMAT
    host: str
    host_class: str
    collected: AwareDatetime
    release: str
    plan: str
    clock_offset: float | None = None
    facts: dict[str, str] = Field(default_factory=dict)
    answers: tuple[Answer, ...]
    sha256: str = ""
    signature: str = ""

    def sealed(self, key: EvidenceKey) -> Bundle:
        """The same bundle with the hash of its content, signed."""
        digest = self.digest()
        return self.model_copy(update={"sha256": digest, "signature": key.sign(digest)})

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of everything but the seal itself."""
        content = self.model_dump(mode="json", exclude={"sha256", "signature"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def filename(self) -> str:
        """Sorts by the time of collection."""
        return self.collected.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ.json")

    def write(self, directory: Path) -> Path:
        """Store the bundle as ``<directory>/<host>/<UTC time>.json`` in one step.

        Returns:
            the path written.
        """
        path = directory / self.host / self.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        # Evidence was read as root on the host: nobody else here needs to see it.
        part.touch(mode=0o600)
        part.write_text(self.model_dump_json(exclude_defaults=True), encoding="utf-8")
        part.replace(path)
        return path

    @classmethod
    def read(cls, path: Path, key: EvidenceKey) -> Bundle:
        """Read a stored bundle and check its seal.

        Args:
            path: the bundle.
            key: the one that sealed it.

        Raises:
            EvidenceError: unreadable, not a bundle, changed since it was collected, or sealed with another key.
        """
        try:
            bundle = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first: Any = error.errors()[0]
            raise EvidenceError(f"{path}: is not a valid evidence bundle: {first['msg']}") from error
        if bundle.digest() != bundle.sha256:
            raise EvidenceError(
                f"{path}: the content does not match its hash: it was changed after it was collected",
                "remove the file and verify the host again",
            )
        if not key.signed(bundle.sha256, bundle.signature):
            raise EvidenceError(
                f"{path}: was not sealed with the key of this controller: somebody else wrote or changed it",
                "verify the host again; evidence of another controller is evaluated there",
            )
        return bundle

    @classmethod
    def newest(cls, directory: Path, host: str, key: EvidenceKey) -> Bundle | None:
        """The newest stored bundle of a host, None when there is none.

        Args:
            directory: where bundles are kept.
            host: whose.
            key: the one that sealed it.

        Raises:
            EvidenceError: the newest one cannot be trusted; an older one is not silently taken instead.
        """
        stored = sorted((directory / host).glob("*.json"))
        if not stored:
            return None
        bundle = cls.read(stored[-1], key)
        if bundle.host != host:
            raise EvidenceError(f"{stored[-1]}: is evidence of {bundle.host}, not of {host}")
        if stored[-1].name != bundle.filename:
            raise EvidenceError(
                f"{stored[-1]}: holds evidence of another time ({bundle.filename}): it was renamed",
                "remove the file and verify the host again",
            )
        return bundle
