# SPDX-License-Identifier: EUPL-1.2
"""Many switches in order, with bounds and a record; and the commands against test switches in place of a site's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from verbund.errors import ExitCode, UsageError
from verbund.network.push import endpoints
from verbund.network.push.campaign import Campaign, Place, Runs
from verbund.network.push.engine import Outcome, Result
from verbund.network.push.secrets import Secrets

pytestmark = pytest.mark.loopback

ROOT = Path(__file__).resolve().parents[3]
PLACES = [
    *(Place(f"a-sw{number}", "t/a", hops) for number, hops in enumerate([1, 2, 2, 2, 3, 3], 1)),
    *(Place(f"b-sw{number}", "t/b", 1) for number in range(1, 9)),
]


class Bench:
    """Counts what runs at the same time, in place of switches."""

    def __init__(self, results: dict[str, Result] | None = None) -> None:
        self.results = results or {}
        self.order: list[str] = []
        self.ended: list[str] = []
        self.busy: set[str] = set()
        self.most: dict[str, int] = {}
        self.lock = threading.Lock()
        self.before: Callable[[str], None] = lambda _: None

    def __call__(self, task: Any, say: Callable[[str], None]) -> Result:
        say("begun")
        with self.lock:
            self.order.append(task)
            self.busy.add(task)
            for key in ("all", task[0]):
                now = sum(key in {"all", name[0]} for name in self.busy)
                self.most[key] = max(self.most.get(key, 0), now)
        self.before(task)
        time.sleep(0.01)
        with self.lock:
            self.busy.remove(task)
            self.ended.append(task)
        return self.results.get(task, Result(Outcome.CHANGED))

    def step(self, name: str, text: str) -> None:
        """Nothing."""

    def done(self, name: str, result: Result, number: int, total: int) -> None:
        """Nothing."""


def campaign(bench: Bench, runs: Runs, run: Any = None, **more: Any) -> Campaign:
    return Campaign(run or runs.new("push", PLACES), runs, lambda name: name, bench, bench, **more)  # type: ignore[arg-type,return-value]


def test_the_edge_comes_first_and_no_site_is_overrun(tmp_path: Path) -> None:
    bench = Bench()
    assert campaign(bench, Runs(tmp_path), workers=5, per_site=2).go() is ExitCode.GOOD
    assert sorted(bench.order) == sorted(place.name for place in PLACES)
    own = [name for name in bench.order if name.startswith("a")]
    assert set(own[:2]) == {"a-sw5", "a-sw6"}
    assert own[-1] == "a-sw1"
    assert bench.most["all"] <= 5
    assert bench.most["a"] <= 2
    assert bench.most["b"] == 2


def test_a_bad_switch_stops_its_site_and_no_other_and_is_resumed(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    bench = Bench({"a-sw3": Result(Outcome.TAKEN_BACK, "refused")})
    assert campaign(bench, runs, per_site=1).go() is ExitCode.FINDINGS
    assert "a-sw1" not in bench.order
    assert sum(name.startswith("b") for name in bench.order) == 8
    run = runs.load("last")
    assert run.switches["a-sw1"].outcome is Outcome.NOT_RUN
    assert run.remaining() == ["a-sw1", "a-sw3", "a-sw4"]
    again = Bench()
    assert campaign(again, runs, run).go() is ExitCode.GOOD
    assert sorted(again.order) == ["a-sw1", "a-sw3", "a-sw4"]
    assert again.order[-1] == "a-sw1"
    assert not runs.load("last").remaining()


def test_an_interruption_ends_what_was_begun_and_begins_nothing(tmp_path: Path) -> None:
    bench = Bench()
    it = campaign(bench, Runs(tmp_path), workers=2, per_site=1)

    def stop(name: str) -> None:
        if name == "a-sw6":
            it.stop.set()
            assert it.pause(60), "waiting ends at once"

    bench.before = stop
    assert it.go() is ExitCode.INTERRUPTED
    assert set(bench.order) == set(bench.ended)
    run = Runs(tmp_path).load("last")
    assert {run.switches[name].outcome for name in bench.order} == {Outcome.CHANGED}
    assert "a-sw1" in run.remaining()


def test_what_goes_wrong_in_one_does_not_end_the_others(tmp_path: Path) -> None:
    bench = Bench({"b-sw1": Result(Outcome.UNREACHABLE)})
    assert campaign(bench, Runs(tmp_path), go_on=True).go() is ExitCode.UNREACHABLE
    assert len(bench.ended) == len(PLACES)

    def broken(name: str) -> None:
        raise ZeroDivisionError(name)

    bench.before = broken
    assert campaign(bench, Runs(tmp_path), go_on=True).go() is ExitCode.FINDINGS


def test_there_are_no_other_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was pushed yet"):
        Runs(tmp_path).load("last")


def test_secrets_come_from_environment_or_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yml"
    file.write_text("switch/a/notfall: 'geheim-1'\n")
    file.chmod(0o644)
    with pytest.raises(UsageError, match="others may read"):
        Secrets(file)
    file.chmod(0o600)
    secrets = Secrets(file, {"VERBUND_SECRET_RADIUS_A": "geheim-2"})
    assert (secrets("switch/a/notfall"), secrets("radius/a")) == ("geheim-1", "geheim-2")
    assert secrets.scrub("x geheim-1 y geheim-2") == "x <secret> y <secret>"
    with pytest.raises(UsageError, match="VERBUND_SECRET_SNMP_A_AUTH"):
        secrets("snmp/a-auth")


def test_an_encrypted_file_of_secrets_may_be_read_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, file = tmp_path / "key", tmp_path / "secrets.yml"
    key.write_text("schluessel\n")
    file.write_text("radius/a: 'geheim-3'\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(key))
    subprocess.run(["ansible-vault", "encrypt", str(file)], check=True, capture_output=True)
    file.chmod(0o644)
    assert Secrets(file, {})("radius/a") == "geheim-3"
    key.write_text("anderer\n")
    with pytest.raises(UsageError, match="cannot open it"):
        Secrets(file)


def test_a_test_switch_is_never_somewhere_else(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.yml"
    file.write_text(yaml.safe_dump({"sw1": {"host": "10.0.8.1", "port": 22, "host_key": "ssh-ed25519 AAAA"}}))
    with pytest.raises(UsageError, match="not this machine"):
        endpoints.lab({"VERBUND_SWITCHES": str(file)})
    file.write_text("- 1\n")
    with pytest.raises(UsageError, match="no list of test switches"):
        endpoints.lab({"VERBUND_SWITCHES": str(file)})
    assert endpoints.lab({}) is None


SITE = "erkrath/rathaus"
SWITCHES = "rhe-sw1,rhe-sw6"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Test switches from their boxes in place of a whole site's, and the environment that points at them."""
    folder = tmp_path_factory.mktemp("site")
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT / "deploy"), "VERBUND_PROJECT": str(ROOT),
        "VERBUND_SWITCHES": str(folder / "endpoints.yml"), "HOME": str(folder),
    }  # fmt: skip
    project = folder / "project"
    project.mkdir()
    for name in ("inventory", "templates", "roles"):
        (project / name).symlink_to(ROOT / name)
    environment["VERBUND_PROJECT"] = str(project)
    result = net(environment, "render", SITE, "--out", str(folder / "rendered"))
    assert result.returncode == 0, result.stderr
    for name in re.findall(r"<secret:([^>]+)>", "".join(file.read_text() for file in folder.glob("rendered/*.cfg"))):
        environment["VERBUND_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())] = "Geheim-12345678"
    switches = subprocess.Popen(
        [sys.executable, "-m", "verbund.lab.switches", "--rendered", str(folder / "rendered"),
         "--endpoints", environment["VERBUND_SWITCHES"]],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert switches.stdout is not None
        assert "ssh -p" in switches.stdout.readline()
        yield environment
    finally:
        switches.terminate()
        switches.wait(20)


def net(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verbund", "net", *arguments],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_site_from_its_boxes(site: dict[str, str]) -> None:
    assert net(site, "verify", "--limit", SWITCHES).returncode == 1
    result = net(site, "push", "--limit", SWITCHES, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "differs" in result.stdout
    result = net(site, "push", "--limit", SWITCHES, "--save-first", "--minutes", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Geheim-12345678" not in result.stdout + result.stderr
    result = net(site, "push", "--limit", SWITCHES)
    assert result.returncode == 0
    assert "changed" not in result.stdout
    result = net(site, "verify", "--limit", SWITCHES)
    assert result.returncode == 0, result.stdout + result.stderr
    result = net(site, "backup", "--limit", SWITCHES)
    assert result.returncode == 0, result.stderr
    assert net(site, "push", "--resume", "last").returncode == 0
    elsewhere = net(site, "push", "--limit", "grundschule")
    assert elsewhere.returncode == 2
    assert "stand in for the real ones" in elsewhere.stderr
