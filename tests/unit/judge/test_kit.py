# SPDX-License-Identifier: EUPL-1.2
"""The kit is fetched once per package list of a host, and a failed fetch spoils nothing."""

from __future__ import annotations

import pytest

from verbund.errors import UsageError, VerbundError
from verbund.judge import Kit, kit
from verbund.lab.mirror import Mirror

MIRROR = Mirror("http://mirror.example/debian/", None)


@pytest.fixture
def fetched(monkeypatch, tmp_path):
    """Suites that were fetched for; the cache is a directory of the test."""
    monkeypatch.setenv("VERBUND_CACHE", str(tmp_path))
    monkeypatch.setattr(kit.mirrors, "discover", lambda: MIRROR)
    calls = []

    def build(work, lists, suite, sources, status):
        calls.append(suite)
        if status == "broken":
            raise VerbundError("no answer")
        (work / "kit").mkdir()
        (work / "kit" / "kit.tar.gz").write_bytes(b"")
        (work / "kit" / "versions").write_text(f"{kit.SCANNER}\t1.{len(calls)}\n{kit.RULES}\t0.1.82-1\n")

    monkeypatch.setattr(kit, "_build", build)
    return calls


def test_the_same_host_is_fetched_for_once(fetched):
    assert Kit.ensure("trixie", "Package: a") == Kit.ensure("trixie", "Package: a")
    assert fetched == ["trixie"]


def test_a_host_with_other_packages_gets_its_own(fetched):
    assert Kit.ensure("trixie", "Package: a").archive != Kit.ensure("trixie", "Package: b").archive


def test_refresh_fetches_todays_packages(fetched):
    assert Kit.ensure("trixie", "").scanner == "1.1"
    assert Kit.ensure("trixie", "", refresh=True).scanner == "1.2"
    assert Kit.ensure("trixie", "").scanner == "1.2"


def test_a_failed_fetch_leaves_nothing_behind(fetched, tmp_path):
    with pytest.raises(VerbundError, match="no answer"):
        Kit.ensure("trixie", "broken")
    assert [path.name for path in (tmp_path / "judge").iterdir()] == [".lock"]


def test_a_release_without_rules_is_refused_before_anything_is_fetched(fetched):
    with pytest.raises(UsageError, match="no CIS rules for Debian 'sid'"):
        Kit.ensure("sid", "")
    assert fetched == []


def test_apt_wants_only_the_rules_from_testing(monkeypatch, tmp_path):
    asked = []

    def run(command, directory):
        asked.append(command)
        raise VerbundError("enough")

    monkeypatch.setattr(kit, "_run", run)
    monkeypatch.setattr(kit, "require", lambda names: None)
    monkeypatch.setattr(kit, "KEYRING", tmp_path / "keyring.gpg")
    (tmp_path / "keyring.gpg").touch()
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(VerbundError, match="enough"):
        kit._build(work, tmp_path, "trixie", MIRROR.sources("trixie"), "Package: a\n")
    sources = (work / "sources.list").read_text().splitlines()
    assert sources[-1] == f"deb [signed-by={tmp_path / 'keyring.gpg'}] http://mirror.example/debian/ testing main"
    assert all(line.startswith("deb [signed-by=") for line in sources)
    assert "Pin: release a=testing\nPin-Priority: -1" in (work / "preferences").read_text()
    assert f"--option=Dir::State::status={work / 'status'}" in asked[0]
