# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import pytest

from verbund.errors import UsageError
from verbund.lab import mirror
from verbund.lab.mirror import Mirror, choose


def line(uri, release, origin="Debian", label="Debian", component="main", creator="Packages"):
    return "\t".join([uri, release, origin, label, component, creator])


MAIN = "http://mirror.example/debian/"
SECURITY = "http://mirror.example/debian-security/"


def test_archives_are_told_apart_by_their_label():
    listing = "\n".join(
        [
            line(SECURITY, "bookworm-security", label="Debian-Security"),
            line("http://vendor.example/debian/", "stable", origin="Vendor", label="Vendor"),
            line("http://backports.example/debian/", "bookworm-backports", origin="Debian Backports"),
            line(MAIN, "bookworm-updates"),
            line(MAIN, "bookworm"),
        ]
    )
    assert choose(listing) == Mirror(MAIN, SECURITY)


def test_without_downloaded_lists_the_names_of_the_releases_decide():
    unknown = {"origin": "$(ORIGIN)", "label": "$(LABEL)"}
    listing = "\n".join(
        [
            line("https://vendor.example/apt/", "nodistro", **unknown),
            line(SECURITY, "bookworm-security", **unknown),
            line(MAIN, "bookworm", **unknown),
        ]
    )
    assert choose(listing) == Mirror(MAIN, SECURITY)


def test_a_machine_without_security_archive_gets_images_without():
    found = choose(line(MAIN, "bookworm"))
    assert found.security is None
    assert found.sources("trixie") == [f"deb {MAIN} trixie main", f"deb {MAIN} trixie-updates main"]


def test_the_sources_name_the_suite_of_the_image():
    assert Mirror(MAIN, SECURITY).sources("trixie")[-1] == f"deb {SECURITY} trixie-security main"


@pytest.mark.parametrize(
    "listing", ["", "nonsense", line(MAIN, "bookworm", component="contrib"), line(MAIN, "bookworm", creator="Sources")]
)
def test_no_debian_archive_is_a_clear_error(listing):
    with pytest.raises(UsageError, match="no Debian archive"):
        choose(listing)


def test_no_apt_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="could not ask APT"):
        mirror.discover()
