# SPDX-License-Identifier: EUPL-1.2
"""Waves lose nobody; records survive a crash; two runs never meet on a host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verbund.errors import UsageError
from verbund.rollout import RunRecord, Runs, Wave, parse_waves, split
from verbund.rollout.record import HostOutcome, Outcome

SIZES = st.lists(
    st.integers(1, 20).map(str) | st.integers(1, 100).map("{}%".format) | st.just("rest"), min_size=1, max_size=4
)
ROOT = Path(__file__).resolve().parents[3]


@given(st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, max_size=60), SIZES)
def test_every_host_is_in_exactly_one_wave_and_order_is_kept(names, sizes):
    waves = split(names, parse_waves(",".join(sizes)))
    assert [name for wave in waves for name in wave] == names
    assert all(waves)


def test_the_default_is_one_canary_then_ten_then_the_rest():
    names = [str(number) for number in range(50)]
    assert [len(wave) for wave in split(names, parse_waves("1,10,rest"))] == [1, 10, 39]
    assert [len(wave) for wave in split(names, parse_waves("1,10,50%"))] == [1, 10, 25, 14]
    assert [len(wave) for wave in split(names[:25], parse_waves("1,10"))] == [1, 10, 10, 4]


@pytest.mark.parametrize("text", ["", "0", "-1", "1,,2", "101%", "0%", "all", "1.5", "1;2", "9" * 30])
def test_sizes_that_make_no_sense_are_refused(text):
    with pytest.raises(UsageError, match="--waves"):
        parse_waves(text)


def _record(run: str, *hosts: str) -> RunRecord:
    return RunRecord(
        id=run,
        operator="admin",
        command=["verbund", "apply"],
        release="2026.1",
        commit="",
        limit=None,
        wave_sizes="rest",
        started=datetime.now(UTC),
        waves=[Wave(hosts={name: HostOutcome() for name in hosts})],
    )


def test_a_second_run_on_one_of_the_hosts_is_refused_and_on_others_is_not(tmp_path):
    runs = Runs(tmp_path)
    with runs.claim("r1", ["a", "b"], _record("r1", "a", "b")):
        refused = pytest.raises(UsageError, match=r"r1 of admin is working on b")
        with refused, runs.claim("r2", ["b"], _record("r2", "b")):
            pass
        with runs.claim("r3", ["c"], _record("r3", "c")):
            pass
    with runs.claim("r2", ["b"], _record("r2", "b")):
        pass


def test_hosts_of_a_killed_run_are_free_again_and_its_record_is_whole(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[2])\n"
        "from test_waves_and_record import _record\nfrom verbund.rollout import Runs\n"
        "runs = Runs(Path(sys.argv[1]))\nrecord = _record('r1', 'a')\n"
        "with runs.claim('r1', ['a'], record):\n    print('held', flush=True)\n    while True: runs.save(record)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "deploy")},
    )
    assert child.stdout.readline() == b"held\n"
    runs = Runs(tmp_path)
    with pytest.raises(UsageError), runs.claim("r2", ["a"], _record("r2", "a")):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert runs.load("r1").hosts() == {"a"}
    with runs.claim("r2", ["a"], _record("r2", "a")):
        pass


def test_an_unknown_run_names_the_known_ones(tmp_path):
    runs = Runs(tmp_path)
    with pytest.raises(UsageError, match="no run 'x'"):
        runs.load("x")
    runs.save(_record("20260101T000000Z-aaaa", "a"))
    assert runs.load("last").id == "20260101T000000Z-aaaa"
    (tmp_path / "20260101T000000Z-aaaa" / "record.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        runs.load("last")


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in {Outcome.OK, Outcome.CHANGED}])
def test_only_good_and_verified_hosts_are_finished(outcome):
    record = _record("r", "a", "b")
    record.waves[0].hosts["a"].outcome = Outcome.CHANGED
    record.waves[0].hosts["b"].outcome = outcome
    assert record.remaining() == ["a", "b"]
    record.waves[0].verified = True
    assert record.remaining() == ["b"]
