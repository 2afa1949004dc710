# SPDX-License-Identifier: EUPL-1.2
"""What the judge takes along to a host: the scanner of the host's own release, and Debian's CIS rules from testing.

A lab host has no way out, so the controller's APT fetches for it: into a directory of its own, from the mirror the
controller uses itself, with the release files checked against Debian's archive keyring and each package against the
signed index (apt-secure(8)). APT is told the host's package list (``/var/lib/dpkg/status``), so it resolves exactly the
libraries that the host lacks.

Nothing is installed: packages are unpacked beside the system and removed after the scan, so the judged host is the one
that was rolled out. Debian 13 itself has no rules for Debian 13: those came with ssg-debian 0.1.82, which is in testing
(https://tracker.debian.org/pkg/scap-security-guide). A pin keeps everything else of testing away.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from verbund.errors import UsageError, VerbundError
from verbund.lab import mirror as mirrors
from verbund.lab.tools import cache_directory, require

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SCANNER = "openscap-scanner"
RULES = "ssg-debian"
RULES_SUITE = "testing"
DATASTREAM = {
    "bookworm": "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml",
    "trixie": "usr/share/xml/scap/ssg/content/ssg-debian13-ds.xml",
}
"""Release of a host -> its rules within the package; they refuse another release (they are bound to its CPE)."""

# Documentation, and 65 MB of XML schemas: what they would check is what APT's hashes have proven already.
UNNEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/openscap/schemas", "usr/share/lintian")

PINS = f"""\
Package: *
Pin: release a={RULES_SUITE}
Pin-Priority: -1
"""


@dataclass(frozen=True, slots=True)
class Kit:
    """A kit in the cache.

    Args:
        archive: tar.gz with the unpacked scanner (``usr/...``) and the rules (``rules.xml``).
        scanner: version of the package of the scanner.
        rules: version of the package of the rules.
    """

    archive: Path
    scanner: str
    rules: str

    @classmethod
    def ensure(
        cls, suite: str, status: str, *, refresh: bool = False, note: Callable[[str], None] = lambda _: None
    ) -> Kit:
        """Find the kit for a host in the cache, or fetch it.

        Args:
            suite: code name of the host's Debian release.
            status: text of the host's ``/var/lib/dpkg/status``.
            refresh: fetch today's packages although there is a kit.
            note: told what is going on, for progress.

        Raises:
            UsageError: there are no rules for this release, commands or the keyring are missing, or no mirror is known.
            VerbundError: APT or dpkg failed; says why.
        """
        if suite not in DATASTREAM:
            known = ", ".join(sorted(DATASTREAM))
            raise UsageError(f"there are no CIS rules for Debian {suite!r}", f"this judge knows {known}")
        sources = mirrors.discover().sources(suite)
        text = "\n".join([PINS, *UNNEEDED, *sources, DATASTREAM[suite], status])
        directory = cache_directory() / "judge"
        directory.mkdir(parents=True, exist_ok=True)
        place = directory / f"{suite}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        with (directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if refresh or not place.is_dir():
                for leftover in directory.glob(".build-*"):
                    shutil.rmtree(leftover)
                note(f"fetching {SCANNER} ({suite}) and {RULES} ({RULES_SUITE})")
                work = Path(tempfile.mkdtemp(prefix=".build-", dir=directory))
                try:
                    _build(work, directory, suite, sources, status)
                    if place.is_dir():
                        shutil.rmtree(place)
                    (work / "kit").rename(place)
                finally:
                    shutil.rmtree(work)
        versions = dict(line.split("\t") for line in (place / "versions").read_text(encoding="utf-8").splitlines())
        return cls(place / "kit.tar.gz", versions[SCANNER], versions[RULES])


def _build(work: Path, lists: Path, suite: str, sources: list[str], status: str) -> None:
    """Fetch, unpack, and pack again; ``work/kit`` is complete when this returns."""
    require(["apt-get", "dpkg-deb"])
    if not KEYRING.is_file():
        raise UsageError(f"{KEYRING} is missing", "run make setup, or: apt-get install debian-archive-keyring")
    main = sources[0].split()[1]
    lines = [*sources, f"deb {main} {RULES_SUITE} main"]
    for name in ("lists/partial", "archives/partial", "parts", "kit", "root"):
        (work / name).mkdir(parents=True)
    (work / "sources.list").write_text(
        "".join(line.replace("deb ", f"deb [signed-by={KEYRING}] ", 1) + "\n" for line in lines), encoding="utf-8"
    )
    (work / "preferences").write_text(PINS, encoding="utf-8")
    (work / "status").write_text(status, encoding="utf-8")
    # The indexes are 20 MB; kept, APT asks only whether they have changed.
    (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": work / "parts",
        "Dir::Etc::preferences": work / "preferences",
        "Dir::Etc::preferencesparts": work / "parts",
        "Dir::State::lists": lists / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache": work,
        "Dir::Cache::archives": work / "archives",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        # The account _apt, which APT would download as, may not enter a user's cache directory.
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "--quiet", *(f"--option={name}={value}" for name, value in options.items())]
    _run([*apt, "update"], work)
    _run([*apt, "--yes", "--download-only", "install", SCANNER], work)
    _run([*apt, "download", f"{RULES}/{RULES_SUITE}"], work / "archives")

    versions = {}
    for package in sorted((work / "archives").glob("*.deb")):
        name, version = _run(["dpkg-deb", "--show", str(package)], work).strip().split("\t")
        versions[name] = version
        if name != RULES:
            _run(["dpkg-deb", "--extract", str(package), str(work / "root")], work)
        else:
            _run(["dpkg-deb", "--extract", str(package), str(work / "rules")], work)
    rules = work / "rules" / DATASTREAM[suite]
    if not rules.is_file():
        raise VerbundError(f"{RULES} {versions.get(RULES, '')} holds no {DATASTREAM[suite]}")
    for name in UNNEEDED:
        shutil.rmtree(work / "root" / name, ignore_errors=True)
    with tarfile.open(work / "kit" / "kit.tar.gz", "w:gz", compresslevel=6) as archive:
        archive.add(work / "root" / "usr", "usr")
        archive.add(rules, "rules.xml")
    (work / "kit" / "versions").write_text(
        "".join(f"{name}\t{version}\n" for name, version in sorted(versions.items())), encoding="utf-8"
    )


def _run(command: list[str], directory: Path) -> str:
    """Run a command; its output.

    Raises:
        VerbundError: it failed, with its last words.
    """
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=900,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired as error:
        raise VerbundError(f"{command[0]} took longer than {error.timeout:.0f} s") from error
    if done.returncode:
        said = "\n    ".join(done.stderr.strip().splitlines()[-4:])
        raise VerbundError(
            f"fetching the judge failed ({command[0]} {command[-1]}):\n    {said}",
            "check that this machine's package source answers and carries the suites named",
        )
    return done.stdout
