# SPDX-License-Identifier: EUPL-1.2
"""All six verdicts, from real checks over real answers of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from verbund.baseline import verify as verify_module
from verbund.baseline.bundle import Answer, Bundle, EvidenceError
from verbund.baseline.junit import junit
from verbund.baseline.lifetime import as_of
from verbund.baseline.plan import Plan
from verbund.baseline.results import HostResult, Results, Verdict
from verbund.baseline.session import Limits
from verbund.baseline.target import Target, targets_of
from verbund.baseline.verify import exit_code, store
from verbund.errors import ExitCode, InputError, Interrupted, UsageError
from verbund.pki.seal import EvidenceKey


@dataclass
class Accepted:
    owner: str = "IT-Koordination"
    reason: str = "old printer"
    compensation: str = "own zone"
    expires: date = date(2030, 1, 31)


def of(results: Results, control: str, host: str = "h1"):
    found = next(entry for entry in results.hosts if entry.host == host)
    return next(result for result in found.results if result.control == control)


MODULES = """\
assert host.file("/etc/passwd").mode == 0o644
assert host.user("root").uid == 0
assert host.group("root").exists
assert int(host.sysctl("kernel.pid_max")) > 5
assert not host.package("no-such-package").is_installed
assert not host.service("no-such-unit").is_enabled
assert not host.file("/nix").exists
assert host.exists("sh")"""

CASES = {
    "met": ('assert host.check_output("id -u") == "0"', Verdict.MET, ""),
    "not met": ('assert host.run("echo 1").stdout == "2", "one is not two"', Verdict.NOT_MET, "one is not two"),
    "not met, no message": ('assert host.run("echo 1").rc == 1', Verdict.NOT_MET, "assert 0 == 1"),
    "command fails": (
        'host.check_output("ls /nix/da")',
        Verdict.NOT_EVALUATED,
        "'ls /nix/da' ended with status 2: ls: cannot",
    ),
    "pytest.fail": ('pytest.fail("no")', Verdict.NOT_MET, "no"),
    "skip": ('pytest.skip("not applicable: no printer")', Verdict.NOT_APPLICABLE, "no printer"),
    "bug in the check": ('{}["x"]', Verdict.NOT_EVALUATED, "KeyError: 'x' (test_sshd.py:"),
    "unknown setting": ('settings["sshd_prot"]', Verdict.NOT_EVALUATED, "sshd_prot: neither a default"),
    "bad value": ("int('x')", Verdict.NOT_EVALUATED, "ValueError: invalid literal"),
    "huge output": ('host.run("head -c 9999999 /dev/zero")', Verdict.NOT_EVALUATED, "longer than 256 KiB"),
    "hangs there": ('host.run("sleep 9")', Verdict.NOT_EVALUATED, "did not end within 2 s"),
    "swallowed": ('try:\n    host.run("sleep 9")\nexcept Exception:\n    pass', Verdict.NOT_EVALUATED, "did not end"),
    "exits": ('raise SystemExit("bye")', Verdict.NOT_EVALUATED, "SystemExit: bye"),
    "defaults": ('assert settings["sshd_words"] == ["a", "b"]', Verdict.MET, ""),
    "variables win": ('assert settings["sshd_port"] == 2222', Verdict.MET, ""),
    "helpers": ('assert lines(host.run("echo; echo x; echo \\"#y\\"").stdout) == ["x"]', Verdict.MET, ""),
    "several rounds": (
        'x = host.check_output("echo a")\ny = host.check_output("echo %s", x)\nassert host.run("echo " + y).rc == 0',
        Verdict.MET,
        "",
    ),
    "modules": (MODULES, Verdict.MET, ""),
    "other user": ('with host.sudo("nobody"):\n    assert host.check_output("id -un") == "nobody"', Verdict.MET, ""),
}


def test_every_way_a_check_can_end(tiny, local):
    names = {case: tiny.add(body) for case, (body, _, _) in CASES.items()}
    results = tiny.verification(local(sshd_port=2222)).run()
    for case, (_, verdict, reason) in CASES.items():
        if case == "other user" and not Path("/usr/bin/sudo").exists():
            continue
        result = of(results, names[case])
        assert result.verdict is verdict, (case, result)
        assert reason in result.reason, (case, result)
        assert bool(result.reason) == (verdict is not Verdict.MET), case


def test_a_check_that_does_not_end(tiny, monkeypatch):
    monkeypatch.setattr("verbund.baseline.evaluate.CHECK_SECONDS", 0.5)
    slow = tiny.add("while True:\n    time.sleep(0.01)")
    after = tiny.add("pass")
    results = tiny.verification().run()
    assert of(results, slow).verdict is Verdict.NOT_EVALUATED
    assert "longer than 0.5 s" in of(results, slow).reason
    assert of(results, after).verdict is Verdict.MET


def test_a_parametrized_check_counts_its_worst(tiny):
    decorator = '@pytest.mark.parametrize("word", ["1", "2", "3"])'
    worst = tiny.add('assert host.run("echo 2").stdout.strip() != settings["sshd_word"]', decorator="")
    tiny.tests[-1] = (
        f'@pytest.mark.control("{worst}")\n{decorator}\ndef test_1(host, word):\n'
        '    assert host.run("echo 2").stdout.strip() != word, "it is " + word\n'
    )
    result = of(tiny.verification().run(), worst)
    assert (result.verdict, result.reason) == (Verdict.NOT_MET, "it is 2")


def test_class_and_profile_decide_what_applies(tiny, local):
    everyone = tiny.add("pass", classes="[server, client]")
    servers = tiny.add("pass")
    special = tiny.add("pass", classes="[server, client]", profiles="[p9]")
    results = tiny.verification(local("s"), local("c", "client")).run()
    assert of(results, everyone, "c").verdict is Verdict.MET
    assert (of(results, servers, "s").verdict, of(results, servers, "c").verdict) == (
        Verdict.MET,
        Verdict.NOT_APPLICABLE,
    )
    assert "class client" in of(results, servers, "c").reason
    assert "profile p1" in of(results, special, "s").reason


def test_excepted_only_where_not_met(tiny, local):
    broken, fine = tiny.add('assert not host.run("true").rc == 0, "bad"'), tiny.add("pass")
    deviations = {"h1": {broken: Accepted(), fine: Accepted()}}
    results = tiny.verification(local("h1"), local("h2"), deviations=deviations).run()
    excepted = of(results, broken)
    assert excepted.verdict is Verdict.EXCEPTED
    assert excepted.deviation is not None
    assert excepted.deviation.expires == date(2030, 1, 31)
    assert excepted.reason == "bad"
    assert of(results, fine).verdict is Verdict.MET
    assert of(results, broken, "h2").verdict is Verdict.NOT_MET


def test_observations_tell_what_was_asked_and_seen(tiny):
    control = tiny.add(
        'host.run("echo seen; echo err >&2; exit 4")\nhost.run("head -c 5000 /dev/zero | tr \\"\\\\0\\" x")'
    )
    first, second = of(tiny.verification().run(), control).observations
    assert (first.exit_status, first.stdout, first.stderr) == (4, "seen", "err")
    assert len(second.stdout) <= 400
    assert second.stdout.startswith("xxx")


def test_an_unreachable_host_is_never_a_pass_and_costs_nobody_else(tiny, local, tmp_path, monkeypatch):
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text("#!/bin/sh\necho 'ssh: connect to host: Connection refused' >&2\nexit 255\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    control, other = tiny.add("pass"), tiny.add("pass", classes="[client]")
    results = tiny.verification(Target("down", "server", address="192.0.2.1"), local()).run()
    assert of(results, control, "down").verdict is Verdict.NOT_EVALUATED
    assert "Connection refused" in of(results, control, "down").reason
    assert of(results, other, "down").verdict is Verdict.NOT_APPLICABLE
    assert of(results, control).verdict is Verdict.MET
    assert results.hosts[0].error
    assert exit_code(results) is ExitCode.UNREACHABLE


@pytest.mark.parametrize(("body", "code"), [("pass", ExitCode.GOOD), ("assert 0", ExitCode.FINDINGS), ("1/0", 1)])
def test_exit_codes(tiny, body, code):
    tiny.add(body)
    assert exit_code(tiny.verification().run()) == code


def test_a_test_file_that_cannot_be_loaded(tiny):
    control = tiny.add("pass")
    tiny.tests.append("import no_such_module")
    result = of(tiny.verification().run(), control)
    assert result.verdict is Verdict.NOT_EVALUATED
    assert "No module named 'no_such_module'" in result.reason


def test_a_control_without_a_test_is_not_evaluated(tiny):
    control = tiny.add("pass", marker="")
    assert "is missing" in of(tiny.verification().run(), control).reason


def test_what_a_check_prints_stays_inside(tiny, capfd):
    tiny.add('print("\\x1b[31mevil")')
    tiny.verification().run()
    assert "evil" not in "".join(capfd.readouterr())


class TestEvidence:
    def test_evaluated_again_without_the_host(self, tiny, local, monkeypatch):
        control = tiny.add('assert host.check_output("echo 1") == "1"')
        tiny.verification().run()
        monkeypatch.setattr("verbund.baseline.session.command_line", lambda *_: pytest.fail("contacted"))
        results = tiny.verification(local(), local("h2"), from_evidence=True).run()
        assert of(results, control).verdict is Verdict.MET
        assert results.hosts[0].bundle_sha256
        assert of(results, control, "h2").verdict is Verdict.NOT_EVALUATED
        assert "no evidence is stored" in results.hosts[1].error

    def test_a_new_question_is_not_answered_by_old_evidence(self, tiny):
        control = tiny.add("pass")
        tiny.verification().run()
        tiny.tests[-1] = tiny.tests[-1].replace("pass", 'host.run("echo new")')
        result = of(tiny.verification(from_evidence=True).run(), control)
        assert result.verdict is Verdict.NOT_EVALUATED
        assert "echo new" in result.reason

    def test_old_evidence_is_stale(self, tiny, local):
        daily, weekly = (tiny.add('assert host.run("true").rc == 0', lifetime_hours=hours) for hours in ("24", "168"))
        verification = tiny.verification()
        verification.run()
        bundle = Bundle.newest(verification.evidence, "h1", verification.key)
        old = bundle.model_copy(update={"collected": datetime.now(UTC) - timedelta(hours=25)}).sealed(verification.key)
        for path in (verification.evidence / "h1").iterdir():
            path.unlink()
        old.write(verification.evidence)
        results = tiny.verification(from_evidence=True).run()
        assert of(results, daily).verdict is Verdict.STALE
        assert of(results, weekly).verdict is Verdict.MET
        assert exit_code(results) is ExitCode.FINDINGS

    def test_three_weeks_old_evidence_holds_nothing_and_excuses_nothing(self, tiny):
        met = tiny.add('assert host.run("true").rc == 0')
        missed = tiny.add('assert host.run("false").rc == 0, "it is off"')
        excepted = tiny.add('assert host.run("echo x").stdout == "y", "it is x"')
        given = Accepted()
        verification = tiny.verification(deviations={"h1": {excepted: given}})
        fresh = verification.run()
        assert [of(fresh, c).verdict for c in (met, missed, excepted)] == [
            Verdict.MET, Verdict.NOT_MET, Verdict.EXCEPTED,
        ]  # fmt: skip
        bundle = Bundle.newest(verification.evidence, "h1", verification.key)
        for path in (verification.evidence / "h1").iterdir():
            path.unlink()
        old = datetime.now(UTC) - timedelta(weeks=3)
        bundle.model_copy(update={"collected": old}).sealed(verification.key).write(verification.evidence)
        again = tiny.verification(deviations={"h1": {excepted: given}}, from_evidence=True).run()
        for control, said in ((met, "met"), (missed, "not met: it is off"), (excepted, "not met: it is x")):
            result = of(again, control)
            assert result.verdict is Verdict.STALE
            assert result.deviation is None
            assert f"older than 168 h; it said: {said}" in result.reason
        # A report that is written three weeks after a fresh run comes to the same.
        later = as_of(fresh, datetime.now(UTC) + timedelta(weeks=3))
        assert {result.verdict for result in later.results.hosts[0].results} == {Verdict.STALE}
        assert later.stale == 3

    @pytest.mark.parametrize("change", ["answer", "hash too", "another key", "unsigned", "host", "half", "nothing"])
    def test_changed_evidence_is_refused(self, tiny, change, tmp_path_factory):
        control = tiny.add('assert host.check_output("echo good") == "good"')
        verification = tiny.verification()
        verification.run()
        path = next((verification.evidence / "h1").iterdir())
        assert path.stat().st_mode & 0o077 == 0
        text = path.read_text()
        bundle = Bundle.read(path, verification.key)
        forged = bundle.model_copy(update={"host_class": "client"})
        foreign = bundle.sealed(EvidenceKey.ensure(tmp_path_factory.mktemp("foreign")))
        changed = {
            "hash too": forged.model_copy(update={"sha256": forged.digest()}).model_dump_json(),
            "another key": foreign.model_dump_json(),
            "unsigned": bundle.model_copy(update={"signature": ""}).model_dump_json(),
            "answer": text.replace("good\\n", "bad\\n"),
            "host": text.replace('"h1"', '"h2"'),
            "half": text[: len(text) // 2],
            "nothing": "",
        }
        path.write_text(changed[change])
        with pytest.raises(EvidenceError):
            Bundle.newest(verification.evidence, "h1", verification.key)
        results = tiny.verification(from_evidence=True).run()
        assert of(results, control).verdict is Verdict.NOT_EVALUATED
        assert str(path) in results.hosts[0].error
        assert exit_code(results) is ExitCode.UNREACHABLE

    def test_no_byte_of_a_bundle_can_be_changed(self, tmp_path):
        key = EvidenceKey.ensure(tmp_path / "state")
        answers = (Answer.of("echo 1", 0, b"1\n", b"", seconds=0.25), Answer.of("x", 3, b"\xff", b"no"))
        bundle = Bundle(
            host="a",
            host_class="server",
            collected=datetime.now(UTC),
            release="1",
            plan="",
            clock_offset=0.5,
            facts={"os": "Debian"},
            answers=answers,
        ).sealed(key)
        path = bundle.write(tmp_path)
        good = path.read_bytes()
        assert Bundle.read(path, key) == bundle
        for at in range(len(good)):
            for bit in (1, 32):
                path.write_bytes(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
                try:
                    same = Bundle.read(path, key).digest() == bundle.digest()
                except EvidenceError:
                    continue
                # What is left are bytes without a meaning, like the T of a time that may be written small.
                assert same, (at, good[at - 20 : at + 20])

    def test_an_older_bundle_under_a_newer_name_is_refused(self, tmp_path):
        key = EvidenceKey.ensure(tmp_path / "state")
        bundle = Bundle(host="a", host_class="server", collected=datetime.now(UTC), release="1", plan="", answers=())
        path = bundle.sealed(key).write(tmp_path)
        path.rename(path.with_name("99991231T000000.000000Z.json"))
        with pytest.raises(EvidenceError, match="renamed"):
            Bundle.newest(tmp_path, "a", key)

    def test_evidence_from_the_future_proves_nothing(self, tiny):
        control = tiny.add('assert host.run("true").rc == 0')
        verification = tiny.verification()
        verification.run()
        bundle = Bundle.newest(verification.evidence, "h1", verification.key)
        later = bundle.model_copy(update={"collected": datetime.now(UTC) + timedelta(days=365)})
        later.sealed(verification.key).write(verification.evidence)
        result = of(tiny.verification(from_evidence=True).run(), control)
        assert result.verdict is Verdict.STALE
        assert "still to come" in result.reason

    @pytest.mark.parametrize("offset", [31_536_000.0, -31_536_000.0, None])
    def test_what_goes_by_the_hosts_clock_is_not_judged_where_that_is_wrong(self, tiny, offset):
        by_clock = tiny.add('assert host.run("find /etc -maxdepth 0 -mmin -1").stdout == ""')
        other = tiny.add('assert host.run("echo -mminus").rc == 0')
        verification = tiny.verification()
        assert of(verification.run(), by_clock).verdict is Verdict.MET
        bundle = Bundle.newest(verification.evidence, "h1", verification.key)
        collected = bundle.collected + timedelta(seconds=1)
        wrong = bundle.model_copy(update={"clock_offset": offset, "collected": collected})
        wrong.sealed(verification.key).write(verification.evidence)
        results = tiny.verification(from_evidence=True).run()
        assert of(results, by_clock).verdict is Verdict.NOT_EVALUATED
        assert "clock" in of(results, by_clock).reason
        assert of(results, other).verdict is Verdict.MET

    def test_evidence_of_another_host_is_refused(self, tmp_path):
        bundle = Bundle(host="a", host_class="server", collected=datetime.now(UTC), release="1", plan="", answers=())
        path = bundle.sealed(key := EvidenceKey.ensure(tmp_path / "keys")).write(tmp_path)
        (tmp_path / "b").mkdir()
        path.rename(tmp_path / "b" / path.name)
        with pytest.raises(EvidenceError, match="not of b"):
            Bundle.newest(tmp_path, "b", key)


class TestPlan:
    def test_learned_once_then_one_round(self, tiny):
        tiny.add('x = host.check_output("echo a")\nhost.run("echo b " + x)')
        rounds = []
        verification = tiny.verification(learn=True, complete=True, progress=lambda step: rounds.append(step.rounds))
        verification.run()
        path = verification.plans / "server.json"
        assert json.loads(path.read_text())["commands"] == ["echo a", "echo b a"]
        before = path.read_bytes()
        tiny.verification(learn=True, complete=True, progress=lambda step: rounds.append(step.rounds)).run()
        assert rounds == [2, 1]
        assert path.read_bytes() == before

    def test_without_learn_nothing_is_written(self, tiny):
        tiny.add('host.run("echo a")')
        verification = tiny.verification()
        verification.run()
        assert not verification.plans.exists()

    def test_unused_commands_leave_only_when_all_hosts_were_asked(self):
        plan = Plan(release="1", host_class="server", commands=("a", "b"))
        assert plan.learned({"b", "c"}, "2", complete=False).commands == ("a", "b", "c")
        assert plan.learned({"b", "c"}, "2", complete=True).commands == ("b", "c")

    def test_questions_without_end_stop(self, tiny, monkeypatch):
        monkeypatch.setattr(verify_module, "MAX_ROUNDS", 3)
        control = tiny.add('for n in range(99):\n    host.run(f"echo {n}")')
        result = of(tiny.verification().run(), control)
        assert result.verdict is Verdict.NOT_EVALUATED
        assert "no answer to: echo 3" in result.reason

    def test_a_broken_plan_is_an_input_error(self, tiny):
        tiny.add("pass")
        tiny.verification()
        plans = tiny.checks / "plans"
        plans.mkdir()
        (plans / "server.json").write_text("{")
        with pytest.raises(UsageError, match=r"server\.json"):
            tiny.verification().run()


def test_what_keeps_a_host_from_being_changed_is_said(tmp_path):
    from verbund.baseline import fleet
    from verbund.baseline.fleet import read_facts

    def facts(said):
        return read_facts(Answer.of("f", 0, said, b""), 1e9)[0].get("trouble")

    assert facts(b"clock=1000000000\n") is None
    full = b"trouble=/var is full: 0 KiB left\n"
    assert facts(full + b"trouble=/etc is read-only\n" + full) == "/var is full: 0 KiB left; /etc is read-only"
    # The question itself, against commands that answer like a host in trouble.
    table = "echo 'Filesystem 1K Used Available Use Mounted'; echo '/dev/x 100 100 0 100% /var'"
    (tmp_path / "df").write_text(f"#!/bin/sh\n{table}\n")
    (tmp_path / "df").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", fleet._FACTS], env=environment, capture_output=True, check=False)
    assert facts(done.stdout).startswith("/var is full: 0 KiB left; /var is full: no inode left")


def test_a_wrong_clock_is_said():
    from verbund.baseline.fleet import read_facts

    def facts(offset: float) -> dict[str, str]:
        return read_facts(Answer.of("f", 0, f"clock={int(1e9 + offset)}\nos=Debian\n".encode(), b""), 1e9)[0]

    assert facts(0) == {"os": "Debian"}
    assert facts(-7380)["clock"].startswith("wrong: 2 h 3 min behind")
    assert facts(90000)["clock"].startswith("wrong: 25 h 0 min ahead")
    assert read_facts(Answer.of("f", 0, b"clock=\xff\xff1\nevil=1", b""), 1e9)[0]["clock"].startswith("unknown")


def test_files_of_a_run(tiny, tmp_path):
    tiny.add("text = host.run('echo a | tr a \"\\\\001\"').stdout\nassert text == '', text")
    tiny.add("pass")
    results = tiny.verification().run()
    path = store(results, tmp_path / "out")
    assert Results.read(path) == results
    assert Results.read(tmp_path / "out" / "latest.json") == results
    suite = ET.fromstring((tmp_path / "out" / "junit.xml").read_bytes())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert len(suite.findall("testcase/failure")) == 1
    assert not list((tmp_path / "out").glob("*.part"))


def test_junit_survives_every_character(tiny):
    tiny.add("pass")
    results = tiny.verification().run()
    nasty = "".join(map(chr, [*range(0x100), 0x202E, 0xFFFE, 0xFFFF, 0x1F600])) + "]]><&"
    result = results.hosts[0].results[0].model_copy(update={"verdict": Verdict.NOT_MET, "reason": nasty})
    host = HostResult(
        host="h", tenant="", site="", host_class="server", profile="", zone="", address="", results=[result]
    )
    ET.fromstring(junit(results.model_copy(update={"hosts": (host,)})))


def test_many_hosts_keep_their_own_answers(tiny, local):
    control = tiny.add('assert settings["mine"] == host.run("echo same").stdout.strip(), settings["mine"]')
    hosts = [local(f"h{n}", mine="same" if n % 2 else f"other{n}") for n in range(12)]
    results = tiny.verification(*hosts, workers=5).run()
    assert [host.host for host in results.hosts] == [host.name for host in hosts]
    for n in range(12):
        assert of(results, control, f"h{n}").verdict is (Verdict.MET if n % 2 else Verdict.NOT_MET)


def test_interrupt_keeps_what_was_fetched(tiny, local):
    tiny.add('host.run("sleep " + str(settings["nap"]))')
    stop = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    verification = tiny.verification(
        local("quick", nap=0),
        local("slow", nap=60),
        limits=Limits(command_seconds=90),
        progress=lambda step: stop.ident or stop.start(),
    )
    start = time.monotonic()
    with pytest.raises(Interrupted, match=r"evidence of [12] of 2 hosts.*\n.*--from-evidence"):
        verification.run()
    assert time.monotonic() - start < 40
    assert Bundle.newest(verification.evidence, "quick", verification.key) is not None


def test_malformed_controls_stop_before_anyone_is_contacted(tiny, monkeypatch):
    tiny.add("pass", since="yesterday")
    monkeypatch.setattr("verbund.baseline.session.command_line", lambda *_: pytest.fail("contacted"))
    with pytest.raises(InputError, match=r"controls\.yml:\d+.*since"):
        tiny.verification().run()


def test_nothing_to_verify_is_an_error(tiny):
    tiny.add("pass")
    verification = tiny.verification()
    verification.targets = ()
    with pytest.raises(UsageError, match="no hosts"):
        verification.run()


def test_targets_are_hosts_with_the_variables_they_are_given():
    @dataclass
    class Host:
        name: str
        tenant: str = "t"
        site: str = "s"
        room: str | None = None
        host_class: str = "server"
        profile: str = "p"
        zone: str = "servers"
        address: str = "10.0.0.1"

    variables = {"a": {"ansible_host": "127.0.0.1", "ansible_port": 4}, "b": {"sshd_port": 1}}
    a, b = targets_of([Host("a"), Host("b")], variables)
    assert a.variables == variables["a"]
    assert (b.name, b.host_class, b.address, b.variables) == ("b", "server", "10.0.0.1", {"sshd_port": 1})


@pytest.mark.loopback
def test_the_same_checks_run_with_plain_pytest(tiny):
    passed, skipped = tiny.add('assert host.check_output("id -u") == "0"'), tiny.add("settings['sshd_port']; assert 0")
    tiny.add("pass", classes="[client]")
    inventory = tiny.write() / "hosts.yml"
    # The values of our inventory plugin are not to be templated, which ansible-inventory shows in a form of its own.
    inventory.write_text(
        "all: {hosts: {h1: {ansible_connection: !unsafe local, verbund_host_class: !unsafe server, sshd_port: 9}}}\n"
    )
    assert (passed, skipped) == ("VB-SSH-001", "VB-SSH-002")
    pytest_command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-rs"]
    for hosts in (["--hosts=local://"], ["--hosts=ansible://h1", f"--ansible-inventory={inventory}"]):
        done = subprocess.run(
            [*pytest_command, *hosts, str(tiny.checks)],
            cwd=tiny.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if "ansible" in hosts[0]:
            assert "1 failed, 1 passed, 1 skipped" in done.stdout, done.stdout
            assert "VB-SSH-003 is not for class server" in done.stdout
        else:
            assert "1 failed, 2 passed" in done.stdout, done.stdout
