# SPDX-License-Identifier: EUPL-1.2
"""Let OpenSCAP judge a host of the lab by the four CIS profiles of Debian's data stream."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from verbund.errors import UnreachableError, VerbundError
from verbund.judge.kit import Kit
from verbund.judge.results import Outcome, read

if TYPE_CHECKING:
    from verbund.lab import Lab

PLACE = "/var/lib/verbund-judge"
"""Where the kit lies on the host during a scan. Not /run or /tmp: both may be noexec, and are small."""

SECONDS = 3600.0
"""How long the scan of one profile may take; an emulated machine on a busy controller needs minutes."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of the benchmark.

    Args:
        name: what it is called here.
        id: what it is called in the data stream.
        target: share of the evaluated rules that we want to pass, 0 to 1.
    """

    name: str
    id: str
    target: float


PROFILES = {
    name: Profile(name, f"xccdf_org.ssgproject.content_profile_cis_{level}_{kind}", target)
    for name, level, kind, target in (
        ("l1-server", "level1", "server", 0.95),
        ("l1-workstation", "level1", "workstation", 0.95),
        ("l2-server", "level2", "server", 0.90),
        ("l2-workstation", "level2", "workstation", 0.90),
    )
}

# Exit codes of oscap(8): 0 all pass, 2 something fails, 1 it could not judge.
_SCAN = """\
set -u
umask 077
cd {place}
LD_LIBRARY_PATH=$(echo "$PWD"/usr/lib/*-linux-gnu)
OSCAP_CHECK_ENGINE_PLUGIN_DIR=$LD_LIBRARY_PATH
OSCAP_XSLT_PATH=$PWD/usr/share/openscap/xsl
OSCAP_CPE_PATH=$PWD/usr/share/openscap/cpe
export LD_LIBRARY_PATH OSCAP_CHECK_ENGINE_PLUGIN_DIR OSCAP_XSLT_PATH OSCAP_CPE_PATH
rm -rf out
mkdir out
usr/bin/oscap xccdf eval --skip-validation --profile {profile} --results-arf out/arf.xml --results out/results.xml \\
    --report out/report.html rules.xml > /dev/null 2> errors
code=$?
[ "$code" = 0 ] || [ "$code" = 2 ] || {{ tail -n 3 errors >&2; exit 1; }}
"""


@dataclass(frozen=True, slots=True)
class About:
    """What a host says of itself.

    Args:
        suite: code name of its Debian release.
        container: whether it is a container; then kernel and devices are the controller's.
        root: what a command needs in front to run as root.
    """

    suite: str
    container: bool
    root: str


def ask(lab: Lab, host: str) -> About:
    """Ask a host of the lab what it is.

    Args:
        lab: the lab.
        host: name of a host of it.

    Raises:
        UnreachableError: it does not answer.
        VerbundError: it does not say.
    """
    question = ". /etc/os-release && echo $VERSION_CODENAME && id -u && { systemd-detect-virt --container || :; }"
    said = lab.ssh(host, question)
    suite, user, virtual = (*said.stdout.split(), "", "", "")[:3]
    return About(suite, virtual not in ("", "none"), "" if user == "0" else "sudo -n ")


def judge(
    lab: Lab,
    host: str,
    about: About,
    profiles: Sequence[Profile],
    target: Path,
    *,
    refresh: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[Kit, dict[str, Outcome]]:
    """Scan a host once per profile.

    Args:
        lab: the lab.
        host: name of a host of it that answers.
        about: from :func:`ask`.
        profiles: which.
        target: directory for the evidence: ``<profile>.results.xml``, ``<profile>.html``, ``<profile>.arf.xml.gz``.
        refresh: fetch scanner and rules anew.
        note: told what is going on.

    Returns:
        The kit that was used, and profile name -> outcome.

    Raises:
        UnreachableError: the host does not answer, or not in time.
        VerbundError: the scanner could not be fetched or could not judge.
    """
    root = about.root
    status = lab.ssh(host, "cat /var/lib/dpkg/status").stdout
    kit = Kit.ensure(about.suite, status, refresh=refresh, note=note)
    target.mkdir(parents=True, exist_ok=True)
    outcomes = {}
    try:
        note(f"bringing the scanner to {host}: {kit.archive.stat().st_size // 1024} KiB")
        with kit.archive.open("rb") as archive:
            _transfer(
                lab,
                host,
                f"{root}rm -rf {PLACE} && {root}install -d -m 700 {PLACE} && {root}tar -xz --no-same-owner -C {PLACE}",
                source=archive,
            )
        for profile in profiles:
            note(f"scanning {host} by {profile.name}")
            script = _SCAN.format(place=PLACE, profile=profile.id)
            lab.ssh(host, f"{root}sh -s", data=script, timeout=SECONDS)
            with tempfile.TemporaryFile() as packed:
                _transfer(lab, host, f"{root}tar -cz -C {PLACE}/out .", sink=packed)
                packed.seek(0)
                outcomes[profile.name] = _keep(packed, target, profile.name)
    finally:
        lab.ssh(host, f"{root}rm -rf {PLACE}", check=False)
    return kit, outcomes


def _keep(packed: IO[bytes], target: Path, name: str) -> Outcome:
    """Store what the scanner wrote; only the three files we know of, whatever else the host may have sent."""
    places = {
        "results.xml": target / f"{name}.results.xml",
        "report.html": target / f"{name}.html",
        "arf.xml": target / f"{name}.arf.xml.gz",
    }
    try:
        with tarfile.open(fileobj=packed, mode="r:gz") as archive:
            for member, place in places.items():
                content = archive.extractfile(f"./{member}")
                if content is None:
                    raise VerbundError(f"the scan by {name} left no file {member}")
                with gzip.open(place, "wb", compresslevel=6) if place.suffix == ".gz" else place.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except (KeyError, tarfile.TarError, EOFError, zlib.error) as error:
        raise VerbundError(f"the scan by {name} left no readable result: {error}") from error
    return read(places["results.xml"])


def _transfer(
    lab: Lab, host: str, command: str, *, source: IO[bytes] | None = None, sink: IO[bytes] | None = None
) -> None:
    """Run a command on a host with a binary file as its input or output.

    Raises:
        UnreachableError: ssh failed or took too long.
        VerbundError: the command failed.
    """
    call = lab.ssh_command(host, command)
    call[1:1] = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=30"]
    try:
        done = subprocess.run(
            call,
            stdin=source or subprocess.DEVNULL,
            stdout=sink or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=900,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"{host} took longer than {error.timeout:.0f} s for: {command}") from error
    said = done.stderr.decode(errors="replace").strip()[-400:]
    if done.returncode == 255:
        raise UnreachableError(f"ssh to {host} failed: {said}")
    if done.returncode:
        raise VerbundError(f"on {host}, {command!r} failed ({done.returncode}): {said}")
