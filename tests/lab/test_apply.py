# SPDX-License-Identifier: EUPL-1.2
"""``verbund apply`` on a real host of the lab: dry run, apply, second run without a change, record, verification."""

from __future__ import annotations

import json

import pytest

from verbund.rollout import Runs

pytestmark = pytest.mark.lab
SERVER = "gse-srv1"


@pytest.fixture(scope="module", autouse=True)
def enrolled(school):
    """A rollout begins with hosts that are managed, and no more."""
    school.at("enrolled")


def _changed(school):
    run = Runs(school.state / "runs").load("last")
    return run, sum(host.changed_tasks for wave in run.waves for host in wave.hosts.values())


def test_the_way_of_a_rollout(school):
    dry = school.verbund("apply", "--limit", SERVER, "--check")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    run, would_change = _changed(school)
    assert run.check
    assert would_change > 0

    first = school.verbund("apply", "--limit", SERVER, "--no-verify")
    assert first.returncode == 0, first.stdout + first.stderr
    run, changed = _changed(school)
    assert changed > 0
    assert run.operator
    assert run.release == "2026.1"
    assert "wave 1 of 1" in first.stdout

    second = school.verbund("apply", "--limit", SERVER, "--no-verify")
    assert second.returncode == 0, second.stdout + second.stderr
    assert _changed(school)[1] == 0, second.stdout

    # Verification after the wave leaves its result file; what it finds is the baseline's tests' concern.
    school.verbund("apply", "--limit", SERVER)
    latest = json.loads((school.state / "results" / "latest.json").read_text())
    assert [host["host"] for host in latest["hosts"]] == [SERVER]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["apply"], "no hosts are selected"),
        (["apply", "--limit", "gse-srv9"], "gse-srv1"),
        (["apply", "--limit", SERVER, "--waves", "none"], "--waves"),
        (["apply", "--resume", "nothing"], "no run 'nothing'"),
        (["apply", "--resume", "last", "--limit", SERVER], "leave out the selection"),
        (["apply", "--limit", f"{SERVER}&gse-gw1"], "no host is in"),
    ],
)
def test_wrong_usage_is_said_plainly_and_nothing_starts(school, arguments, said, monkeypatch):
    # Should one of these be taken for good after all, hosts outside of the lab must not be contacted.
    monkeypatch.setenv("ANSIBLE_SSH_EXECUTABLE", "/bin/false")
    before = set((school.state / "runs").rglob("record.json"))
    done = school.verbund(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert set((school.state / "runs").rglob("record.json")) == before


BREAK = "echo Storage=external | sudo -n tee -a /etc/systemd/coredump.conf.d/zz-verbund.conf"


class TestDriftOnly:
    """``verbund apply --drift-only``: what is in order costs one verification and nothing else."""

    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def applied(school):
        """The server in order, and applied from here."""
        school.at("rolled-out")
        done = school.verbund("apply", "--limit", SERVER, "--no-verify")
        assert done.returncode == 0, done.stdout + done.stderr

    @staticmethod
    def drift(school, *arguments):
        before = set((school.state / "runs").rglob("record.json"))
        done = school.verbund("apply", "--limit", SERVER, "--drift-only", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        made = set((school.state / "runs").rglob("record.json")) - before
        return done.stdout, [json.loads(path.read_text()) for path in made]

    def test_a_host_in_order_is_only_verified(self, school):
        output, runs = self.drift(school)
        assert "nothing to do on 1 of 1 hosts" in output
        assert runs == []

    def test_only_the_role_of_the_broken_control_runs(self, school):
        school.lab.ssh(SERVER, BREAK)
        output, [run] = self.drift(school)
        assert "gse-srv1 needs coredump" in output
        assert run["tags"] == ["coredump"]
        assert self.drift(school)[1] == []

    def test_only_the_role_of_the_changed_setting_runs(self, school):
        variables = school.root / "inventory" / "host_vars" / f"{SERVER}.yml"
        variables.parent.mkdir(exist_ok=True)
        variables.write_text("pam_password_min_length: 19\n")
        try:
            output, [run] = self.drift(school)
            assert "gse-srv1 needs pam" in output
            assert run["tags"] == ["pam"]
            assert self.drift(school)[1] == []
        finally:
            variables.unlink()
        assert self.drift(school)[1][0]["tags"] == ["pam"]

    def test_a_dry_run_says_what_would_be_done_and_forgets_nothing(self, school):
        school.lab.ssh(SERVER, BREAK)
        assert self.drift(school, "--check")[1][0]["tags"] == ["coredump"]
        assert self.drift(school)[1][0]["tags"] == ["coredump"]
