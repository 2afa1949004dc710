# SPDX-License-Identifier: EUPL-1.2
"""Where the controller itself gets its Debian packages from; the lab's images use the same place.

No host name of a mirror stands in this project: APT is asked (``apt-get indextargets``, see
apt-get(8)), which reads one-line and deb822 sources alike, so nothing is parsed here by hand.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from verbund.errors import UsageError

_FORMAT = "$(REPO_URI)\t$(RELEASE)\t$(ORIGIN)\t$(LABEL)\t$(COMPONENT)\t$(CREATED_BY)"
_DERIVED = ("-security", "-updates", "-backports", "-proposed-updates")


@dataclass(frozen=True, slots=True)
class Mirror:
    """The two Debian archives of the controller.

    Args:
        main: URI of the Debian archive, with a slash at the end.
        security: URI of the security archive, or None where the controller has none.
    """

    main: str
    security: str | None

    def sources(self, suite: str) -> list[str]:
        """One-line APT sources for a suite.

        Args:
            suite: code name of a Debian release, e.g. ``trixie``.
        """
        lines = [f"deb {self.main} {suite} main", f"deb {self.main} {suite}-updates main"]
        if self.security:
            lines.append(f"deb {self.security} {suite}-security main")
        return lines


def discover() -> Mirror:
    """Ask APT for the controller's Debian archives.

    Raises:
        UsageError: APT is missing, fails, or knows no Debian archive.
    """
    try:
        listing = subprocess.run(
            ["apt-get", "indextargets", "--format", _FORMAT], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"could not ask APT for the package sources of this machine: {error}",
            "the lab builds its images with the controller's own Debian mirror; it needs a Debian or derived system",
        ) from error
    return choose(listing)


def choose(listing: str) -> Mirror:
    """Pick the Debian archives out of the answer of ``apt-get indextargets``.

    Args:
        listing: tab-separated lines of repository URI, release, origin, label, component, creator. Origin and
            label are empty until ``apt-get update`` has run; then the name of the release must do.

    Raises:
        UsageError: there is no Debian archive among them.
    """
    main: str | None = None
    security: str | None = None
    for line in listing.splitlines():
        fields = line.split("\t")
        if len(fields) != 6:
            continue
        uri, release, origin, label, component, creator = (_known(field) for field in fields)
        if creator != "Packages" or component != "main" or (origin and origin != "Debian"):
            continue
        if not origin and "debian" not in uri.lower():
            continue
        if label == "Debian-Security" or release.endswith("-security"):
            security = security or uri
        elif not release.endswith(_DERIVED):
            main = main or uri
    if main is None:
        raise UsageError(
            "the package sources of this machine name no Debian archive",
            "add one to /etc/apt/sources.list.d/ and run apt-get update; the lab's images are built from it",
        )
    return Mirror(main, security)


def _known(field: str) -> str:
    """A field of the answer; APT leaves ``$(LABEL)`` as it is where it knows no value."""
    return "" if field.startswith("$(") else field
