# SPDX-License-Identifier: EUPL-1.2
"""The main job: a school from its intent file is rolled out, proven, broken, rebooted and proven again.

With plain Ansible and plain pytest wherever an administrator could use them.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest

from verbund.baseline.results import Results, Verdict
from verbund.cli.demo import SETTLED
from verbund.errors import UnreachableError

pytestmark = pytest.mark.lab
GATEWAY, SERVER, CLIENT = "gse-gw1", "gse-srv1", "gse-r101-pc01"
# Roles whose controls need a kernel of the host's own: proven on the machine, not applicable in a container.
KERNEL = {"VB-AUD-001", "VB-AAR-001"}
# The machine runs without the gateway that gives its site the time, and says so.
ALONE = {"VB-TIM-003"}


@pytest.fixture(scope="module")
def rolled_out(school):
    """The school after two runs of the playbook; tests leave it so."""
    school.at("rolled-out")
    return school


@pytest.fixture(scope="module")
def verified(rolled_out):
    """What ``verbund verify`` says of the school."""
    return verify(rolled_out)


def verify(school, *arguments, code=0):
    if "--from-evidence" not in arguments:
        for host in school.hosts:
            school.lab.ssh(host.name, SETTLED, timeout=300, check=False)
    done = school.verbund("verify", "--limit", "lab", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return latest(school)


def latest(school):
    return Results.read(school.state / "results" / "latest.json")


def verdicts(results):
    return {(host.host, found.control): found.verdict for host in results.hosts for found in host.results}


def to_do(results):
    """Everything that needs somebody's attention, with its reason."""
    fine = {Verdict.MET, Verdict.NOT_APPLICABLE}
    return {
        (host.host, found.control, found.verdict.value, found.reason)
        for host in results.hosts
        for found in host.results
        if found.verdict not in fine
    }


def recap(done):
    """The last lines of ansible-playbook: host -> ok, changed, unreachable, failed ..."""
    found = {}
    for line in done.stdout.partition("PLAY RECAP")[2].splitlines():
        if match := re.match(r"(\S+)\s+: (.*)", line):
            found[match[1]] = {key: int(value) for key, value in (item.split("=") for item in match[2].split())}
    return found


class TestRollout:
    """``ansible-playbook playbooks/site.yml`` on hosts that are fresh from day 0."""

    def test_a_dry_run_works_and_shows_what_it_would_do(self, rolled_out):
        done = rolled_out.runs["check"]
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(recap(done)) == {GATEWAY, SERVER, CLIENT}
        assert all(host["changed"] > 0 for host in recap(done).values())
        assert "+++ after" in done.stdout

    def test_a_dry_run_tells_the_truth(self, rolled_out):
        """What it announced is what the real run changed, task by task and host by host."""
        said = [changes(rolled_out.runs[run]) for run in ("check", "first")]
        assert said[0] == said[1]

    def test_the_second_run_changes_nothing(self, rolled_out):
        assert {host: (line["changed"], line["failed"]) for host, line in recap(rolled_out.runs["second"]).items()} == {
            GATEWAY: (0, 0),
            SERVER: (0, 0),
            CLIENT: (0, 0),
        }
        # And the first one did something, or this would say little.
        assert all(host["changed"] > 10 for host in recap(rolled_out.runs["first"]).values())


def changes(done):
    """The tasks that changed something, per host."""
    task, found = "", set()
    for line in done.stdout.splitlines():
        if match := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*?)\]", line):
            task = match[1]
        elif match := re.match(r"changed: \[(.*?)\]", line):
            found.add((match[1], task))
    return found


class TestProof:
    """``verbund verify`` and what it stands on."""

    def test_nothing_is_left_to_do(self, verified):
        assert {host.host for host in verified.hosts} == {GATEWAY, SERVER, CLIENT}
        assert not [host.error for host in verified.hosts if host.error]
        assert to_do(verified) == set()
        met = [host for host in verdicts(verified).values() if host is Verdict.MET]
        assert len(met) >= 3 * 60

    def test_a_container_cannot_prove_what_belongs_to_the_kernel(self, verified):
        for control in KERNEL:
            assert verdicts(verified)[SERVER, control] is Verdict.NOT_APPLICABLE

    def test_stored_evidence_gives_the_same_verdicts(self, rolled_out, verified):
        again = verify(rolled_out, "--from-evidence")
        assert again.run.id != verified.run.id
        assert verdicts(again) == verdicts(verified)
        assert [host.bundle_sha256 for host in again.hosts] != [None] * 3

    def test_plain_pytest_agrees(self, rolled_out, verified):
        """The same checks without anything of ours in between, over testinfra's Ansible backend."""
        report = rolled_out.root / "plain.xml"
        # A few modules: this way costs half a second per question.
        modules = ["sshd", "banner", "coredump", "services"]
        rolled_out.call(
            rolled_out.command(
                "pytest", "-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junitxml={report}",
                f"--hosts=ansible://{SERVER}", "--ansible-inventory=inventory/verbund.yml",
                *(f"tests/baseline/test_{module}.py" for module in modules),
            )
        )  # fmt: skip
        plain, why = {}, {}
        for case in ET.parse(report).iter("testcase"):
            name = case.attrib["name"].partition("[")[0]
            outcome = {child.tag: child for child in case if child.tag in {"failure", "error", "skipped"}}
            plain[name] = "not met" if outcome.keys() - {"skipped"} else "not applicable" if outcome else "met"
            why[name] = [child.attrib["message"] for child in outcome.values()]
        # A control knows its test.
        listed = json.loads(rolled_out.verbund("controls", "--json").stdout)
        ours = {
            control["test"].partition("::")[2]: verdicts(verified)[SERVER, control["id"]].value
            for control in listed
            if control["role"] in modules
        }
        assert len(ours) > 15
        assert plain == ours, why

    def test_a_log_line_of_the_client_arrives_at_the_server_over_tls(self, rolled_out):
        word = f"verbund-probe-{time.time_ns()}"
        rolled_out.lab.ssh(CLIENT, f"logger -t probe {word}")
        look = f"sudo grep -rl {word} /var/log/verbund || true"
        until(lambda: CLIENT in rolled_out.lab.ssh(SERVER, look).stdout)
        # The only way there is TLS: the port speaks it, and asks for a certificate of the tenant.
        assert rolled_out.lab.ssh(SERVER, "sudo ss -Hltn 'sport = :514'; sudo ss -Hlun 'sport = :514'").stdout == ""
        used = rolled_out.lab.ssh(CLIENT, "sudo ss -Htn state established 'dport = :6514'").stdout
        assert used.count("\n") >= 1
        server = next(host.address for host in rolled_out.hosts if host.name == SERVER)
        hello = "openssl s_client -brief -CAfile /etc/verbund/pki/ca.pem -verify_return_error"
        spoken = rolled_out.lab.ssh(
            CLIENT, f"sudo sh -c '{hello} -connect {server}:6514 </dev/null 2>&1' || true", timeout=30
        ).stdout
        assert "Protocol version: TLSv1." in spoken
        assert "Verification: OK" in spoken

    def test_a_killed_verification_is_simply_repeated(self, rolled_out, verified):
        before = (rolled_out.state / "results" / "latest.json").read_bytes()
        processes = rolled_out.lab.ssh(SERVER, "ps -eo args").stdout
        for seconds in (0.8, 1.6, 2.4):
            killed = subprocess.Popen(
                [*rolled_out.verbund_command, "verify", "--limit", "lab"], cwd=rolled_out.root,
                env=rolled_out.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(seconds)
            finished = killed.poll() is not None
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            if not finished:
                assert (rolled_out.state / "results" / "latest.json").read_bytes() == before
        assert verdicts(verify(rolled_out)) == verdicts(verified)
        # Nothing of the killed ones goes on running on the host.
        until(lambda: rolled_out.lab.ssh(SERVER, "ps -eo args").stdout.count("timeout") <= processes.count("timeout"))


class TestDeviation:
    """A broken control is found; an accepted exception says so until it expires; the role puts it right."""

    CONTROL = "VB-BAN-001"

    @pytest.fixture
    def broken(self, rolled_out):
        """The school's client has lost the notice on its console."""
        rolled_out.lab.ssh(CLIENT, "sudo cp -a /etc/issue /root/issue; echo hello | sudo tee /etc/issue")
        yield rolled_out
        rolled_out.lab.ssh(CLIENT, "sudo mv /root/issue /etc/issue")

    @pytest.fixture
    def deviations(self, broken):
        """Write the tenant's deviations; the file is as before afterwards."""
        path = broken.root / "inventory" / "erkrath" / "deviations.yml"
        before = path.read_text(encoding="utf-8")

        def write(expires):
            entry = {
                "id": "DEV-ERK-900", "controls": [self.CONTROL], "scope": {"hosts": [CLIENT]},
                "owner": "IT-Koordination", "reason": "Der Hinweis wird neu gefasst",
                "compensation": "Aushang im Computerraum", "approved_by": "IT-Steuerung",
                "created": str(expires - timedelta(days=30)), "expires": str(expires),
            }  # fmt: skip
            path.write_text(f"{before}  - {json.dumps(entry, ensure_ascii=False)}\n", encoding="utf-8")

        yield write
        path.write_text(before, encoding="utf-8")

    def test_it_is_found_and_excepted_until_it_expires(self, broken, deviations):
        found = {(host, control, verdict) for host, control, verdict, _ in to_do(verify(broken, code=1))}
        assert (CLIENT, self.CONTROL, "not met") in found
        assert {host for host, *_ in found} == {CLIENT}
        assert {control[:6] for _, control, _ in found} == {"VB-BAN"}
        others = found - {(CLIENT, self.CONTROL, "not met")}

        today = datetime.now(UTC).date()
        deviations(today + timedelta(days=20))
        excepted = verify(broken, "--from-evidence", code=1 if others else 0)
        assert verdicts(excepted)[CLIENT, self.CONTROL] is Verdict.EXCEPTED
        deviation = next(r.deviation for h in excepted.hosts for r in h.results if r.verdict is Verdict.EXCEPTED)
        assert (deviation.owner, deviation.expires) == ("IT-Koordination", today + timedelta(days=20))
        assert {item[:3] for item in to_do(excepted)} == {*others, (CLIENT, self.CONTROL, "excepted")}

        deviations(today - timedelta(days=1))
        assert verdicts(verify(broken, "--from-evidence", code=1))[CLIENT, self.CONTROL] is Verdict.NOT_MET

        # Neither stored evidence nor a dry run mends anything; the role does.
        assert recap(broken.site("--limit", CLIENT, "--tags", "banner", "--check"))[CLIENT]["changed"] == 1
        assert recap(broken.site("--limit", CLIENT, "--tags", "banner"))[CLIENT]["changed"] == 1
        assert to_do(verify(broken)) == set()


@pytest.fixture(scope="module")
def ready(machine):
    machine.at("rolled-out")
    return machine


@pytest.fixture(scope="module")
def proven(ready):
    return verify(ready, code=1)


@pytest.fixture(scope="module")
def rebooted(ready, proven):
    """The machine after a reboot from inside."""
    boot = "cat /proc/sys/kernel/random/boot_id"
    before = ready.lab.ssh(SERVER, boot).stdout
    with contextlib.suppress(UnreachableError):  # the connection may end before the answer comes
        ready.lab.ssh(SERVER, "sudo systemctl reboot", timeout=30, check=False)

    def back():
        try:
            return ready.lab.ssh(SERVER, boot, timeout=30).stdout != before
        except UnreachableError:
            return False

    until(back, 300)
    return verify(ready, code=1)


@pytest.mark.vm
class TestMachine:
    """The same on a host with a kernel of its own, before and after a reboot."""

    def test_the_second_run_changes_nothing(self, ready):
        assert recap(ready.runs["first"])[SERVER]["changed"] > 10
        assert recap(ready.runs["second"])[SERVER]["changed"] == 0, ready.runs["second"].stdout

    def test_nothing_is_left_to_do_and_the_kernel_is_proven(self, proven):
        assert {control for _, control, _, _ in to_do(proven)} == ALONE
        found = verdicts(proven)
        for role in ("AUD", "AAR", "KRN", "MNT"):
            own = {control: verdict for (_, control), verdict in found.items() if control.startswith(f"VB-{role}-")}
            assert Verdict.MET in own.values(), own
        assert all(found[SERVER, control] is Verdict.MET for control in KERNEL)

    def test_it_holds_after_a_reboot(self, proven, rebooted):
        assert {control for _, control, _, _ in to_do(rebooted)} == ALONE
        assert verdicts(rebooted) == verdicts(proven)


def until(true, seconds=30.0):
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)
