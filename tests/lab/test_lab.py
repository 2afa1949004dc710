# SPDX-License-Identifier: EUPL-1.2
"""The lab itself: what it starts can be reached, nothing else can, and nothing stays behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from verbund.errors import UnreachableError, UsageError, VerbundError
from verbund.lab import Lab, LabHost, accel, image
from verbund.lab.state import LabState, Process, marked
from verbund.pki import generate_ssh_key

pytestmark = pytest.mark.lab
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="containers of the lab need root")

SERVER = "gse-srv1"
SITE = [
    LabHost("gse-gw1", "gateway", "10.1.0.1", 24, "10.1.0.1", "management", "musterstadt", "gse"),
    LabHost("gse-srv1", "server", "10.1.1.10", 24, "10.1.1.1", "server", "musterstadt", "gse"),
    LabHost("gse-r101-pc01", "client", "10.1.4.10", 22, "10.1.4.1", "pupils", "musterstadt", "gse"),
    LabHost("gse-r101-pc02", "client", "10.1.4.11", 22, "10.1.4.1", "pupils", "musterstadt", "gse"),
]


def traces(lab_id: str, directory: Path) -> list[str]:
    """Everything on this machine that still belongs to a lab."""
    found = [f"process {process.pid}" for process in marked(lab_id)]
    for entry in Path("/proc").iterdir():
        # An ended process that nobody has asked after yet is no trace: Process.of knows it is none.
        if entry.name.isdigit() and Process.of(int(entry.name)):
            try:
                if f"verbund-{lab_id}" in (entry / "cgroup").read_text():
                    found.append(f"process {entry.name} in a control group")
                if str(directory) in (entry / "mountinfo").read_text():
                    found.append(f"mount of process {entry.name}")
            except OSError:
                continue
    namespaces = Path("/run/netns")
    if namespaces.is_dir():
        found += [f"namespace {path.name}" for path in namespaces.iterdir() if path.name.startswith(f"vb-{lab_id}")]
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        found += [f"control group {path}" for path in Path(root).glob(f"verbund-{lab_id}*")]
    if directory.exists():
        found.append(f"directory {directory}")
    return found


def state_of(lab: Lab) -> LabState:
    state = LabState.load(lab.directory / "state.json")
    assert state is not None
    return state


def swap_host_key(lab: Lab, host: str, tmp_path: Path) -> None:
    generate_ssh_key(tmp_path / "other", "other")
    data = (tmp_path / "other").read_text()
    lab.ssh(host, "cat > /etc/ssh/ssh_host_ecdsa_key && systemctl restart ssh", data=data)


class TestContainers:
    pytestmark = needs_root

    def test_systemd_is_running_and_knows_its_name(self, clean_container):
        assert clean_container.run("systemctl is-system-running --wait || systemctl --failed").strip() == "running"
        assert clean_container.run("hostname").strip() == clean_container.name

    def test_another_host_key_is_refused(self, clean_container, tmp_path):
        swap_host_key(clean_container.lab, clean_container.name, tmp_path)
        with pytest.raises(UnreachableError, match="IDENTIFICATION HAS CHANGED"):
            clean_container.run("true")

    def test_ssh_arrives_through_eth0_and_its_firewall(self, clean_container):
        assert clean_container.run("echo $SSH_CONNECTION").startswith("192.0.2.2 ")
        clean_container.run(
            "nft 'table inet t { chain c { type filter hook input priority 0; iif eth0 tcp dport 22 drop; }; }'",
            check=False,
            timeout=20,
        )
        with pytest.raises(UnreachableError):
            clean_container.run("true", timeout=10)

    def test_snapshot_and_restore(self, clean_container):
        clean_container.run("echo before > /root/mark")
        clean_container.lab.snapshot("here", [clean_container.name])
        clean_container.run("echo after > /root/mark; touch /etc/new; rm /etc/issue")
        clean_container.lab.restore("here", [clean_container.name])
        assert clean_container.run("cat /root/mark").strip() == "before"
        assert clean_container.run("ls /etc/issue /etc/new", check=False).strip() == "/etc/issue"

    def test_reboot_keeps_files_and_port(self, clean_container):
        before = clean_container.run("touch /root/kept; systemctl show --value -p UserspaceTimestampMonotonic")
        port = state_of(clean_container.lab).hosts[SERVER].port
        clean_container.lab.ssh(clean_container.name, "systemctl reboot", check=False)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                now = clean_container.run("ls /root/kept && systemctl show --value -p UserspaceTimestampMonotonic")
                if now.splitlines()[1:] != before.splitlines():
                    break
            except VerbundError:
                pass
            time.sleep(0.3)
        else:
            pytest.fail("the container did not come back")
        assert state_of(clean_container.lab).hosts[SERVER].port == port

    def test_only_loopback_listens(self, container):
        port = state_of(container.lab).hosts[SERVER].port
        listening = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True)
        assert [line.split()[3] for line in listening.stdout.splitlines()] == [f"127.0.0.1:{port}"]

    def test_no_private_key_stands_on_a_command_line(self, container):
        key = (container.lab.directory / "hosts/gse-srv1/ssh_host_ecdsa_key").read_text().splitlines()[1]
        for process in marked(state_of(container.lab).id):
            assert key.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()

    def test_up_again_leaves_running_hosts_alone(self, container):
        before = state_of(container.lab).hosts[SERVER].process
        container.lab.up(container.school.machines, "container")
        assert state_of(container.lab).hosts[SERVER].process == before

    def test_enrolled_hosts_are_reached_by_certificate(self, clean_container):
        lab = clean_container.lab
        keys = lab.keys("erkrath")
        lab.ssh(
            clean_container.name,
            "useradd -m -s /bin/bash verbund; cat > /etc/ssh/ca.pub;"
            "echo 'TrustedUserCAKeys /etc/ssh/ca.pub' > /etc/ssh/sshd_config.d/ca.conf; rm -r /root/.ssh;"
            "systemctl restart ssh",
            data=keys.user_ca_public + "\n",
        )
        lab.mark_enrolled(clean_container.name)
        assert clean_container.run("id -un").strip() == "verbund"
        connection = json.loads(lab.connections.read_text())["hosts"][clean_container.name]["vars"]
        assert connection["ansible_user"] == "verbund"
        clean_container.reset()
        assert clean_container.run("id -un").strip() == "root"

    def test_a_site_is_routed_by_its_gateway(self, new_lab):
        lab = new_lab()
        lab.up(SITE, "container")
        assert "open" in lab.ssh("gse-srv1", "nc -z -w5 10.1.4.10 22 && echo open").stdout
        assert "open" in lab.ssh("gse-r101-pc01", "nc -z -w5 10.1.4.11 22 && echo open").stdout
        assert "10.1.4.10" in lab.ssh("gse-srv1", "getent hosts gse-r101-pc01").stdout
        assert "via 10.1.1.1" in lab.ssh("gse-srv1", "ip route get 10.1.4.10").stdout
        with pytest.raises(UsageError, match="changed in the intent"):
            lab.up([LabHost("gse-srv1", "server", "10.1.1.99", 24, "10.1.1.1", "server", "musterstadt", "gse")])

    def test_a_host_without_its_gateway_has_an_unplugged_port(self, new_lab):
        lab = new_lab()
        lab.up([SITE[1]], "container")
        assert "10.1.1.10/24" in lab.ssh("gse-srv1", "ip -brief address show site0").stdout
        assert "closed" in lab.ssh("gse-srv1", "nc -z -w1 10.1.1.1 22 || echo closed").stdout

    @pytest.mark.parametrize("attempt", range(4))
    def test_kill_9_of_the_controller_leaves_nothing_after_down(self, place, attempt):
        random.seed(attempt)
        directory = place
        program = (
            "import sys; from pathlib import Path; from verbund.lab import Lab, LabHost;"
            "Lab(Path(sys.argv[1])).up([LabHost.bare(f'k{n}') for n in range(3)], 'container')"
        )
        controller = subprocess.Popen([sys.executable, "-c", program, str(directory)], env={**os.environ})
        lab = Lab(directory)
        try:
            deadline = time.monotonic() + 30
            while not (directory / "lab/state.json").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(random.uniform(0, 3))
            controller.send_signal(signal.SIGKILL)
            controller.wait()
            lab_id = state_of(lab).id
            assert traces(lab_id, lab.directory), "nothing was there, so nothing is shown"
        finally:
            controller.kill()
            controller.wait()
            lab.down()
        time.sleep(0.5)
        assert traces(lab_id, lab.directory) == []
        assert lab.down() is False

    def test_a_killed_up_is_resumed(self, new_lab):
        lab = new_lab()
        lab.up([LabHost.bare("r1")], "container")
        lab.stop("r1")
        assert [host.running for host in lab.status()] == [False]
        lab.up([LabHost.bare("r1"), LabHost.bare("r2")], "container")
        assert [host.answers for host in lab.status()] == [True, True]

    def test_ctrl_c_ends_the_waiting_and_up_goes_on_later(self, new_lab):
        lab = new_lab()
        program = (
            "import sys; from pathlib import Path; from verbund.lab import Lab, LabHost;"
            "Lab(Path(sys.argv[1])).up([LabHost.bare('c1')], 'container')"
        )
        state = str(lab.directory.parent)
        controller = subprocess.Popen([sys.executable, "-c", program, state], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not (lab.directory / "hosts/c1/console.log").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        controller.send_signal(signal.SIGINT)
        _, said = controller.communicate(timeout=30)
        assert b"KeyboardInterrupt" in said
        started = state_of(lab).hosts["c1"].process
        lab.up([LabHost.bare("c1")], "container")
        assert started is not None
        assert state_of(lab).hosts["c1"].process == started

    def test_a_container_has_no_screen(self, container, tmp_path):
        with pytest.raises(UsageError, match="no screen"):
            container.lab.screenshot(container.name, tmp_path / "x.png")


@pytest.mark.vm
class TestVirtualMachines:
    def test_it_has_a_kernel_of_its_own_with_audit_and_apparmor(self, clean_vm):
        assert clean_vm.run("auditctl -s | grep -c '^enabled 1'", timeout=120).strip() == "1"
        assert clean_vm.run("cat /sys/module/apparmor/parameters/enabled").strip() == "Y"
        assert clean_vm.run("systemctl is-system-running --wait || systemctl --failed").strip() == "running"

    def test_snapshot_and_restore_without_a_boot(self, clean_vm):
        boot = clean_vm.run("cat /proc/sys/kernel/random/boot_id; echo before > /root/mark")
        clean_vm.lab.snapshot("here", [clean_vm.name])
        clean_vm.run("echo after > /root/mark; touch /etc/new; sync")
        clean_vm.lab.restore("here", [clean_vm.name])
        assert clean_vm.run("cat /proc/sys/kernel/random/boot_id") == boot
        assert clean_vm.run("cat /root/mark; ls /etc/new", check=False).strip() == "before"
        assert abs(float(clean_vm.run("date +%s")) - time.time()) < 30

    def test_another_host_key_is_refused(self, clean_vm, tmp_path):
        swap_host_key(clean_vm.lab, clean_vm.name, tmp_path)
        with pytest.raises(UnreachableError, match="IDENTIFICATION HAS CHANGED"):
            clean_vm.run("true")

    def test_screenshot_shows_something(self, clean_vm, tmp_path):
        clean_vm.lab.screenshot(clean_vm.name, tmp_path / "screen.png")
        assert len(set(pixels(tmp_path / "screen.png"))) > 1

    def test_the_seed_is_taken_once(self, clean_vm):
        # After day 0 the bootstrap key is gone for good, whatever the seed disk says.
        assert clean_vm.run("systemctl show -p ConditionResult --value verbund-lab-seed").strip() == "yes"
        assert clean_vm.run("test -e /var/lib/verbund-lab/seeded && echo there").strip() == "there"

    def test_kill_9_of_the_controller_leaves_nothing_after_down(self, no_vm, place):
        directory = place
        program = (
            "import sys; from pathlib import Path; from verbund.lab import Lab, LabHost;"
            "Lab(Path(sys.argv[1])).up([LabHost.bare('k1')], 'vm')"
        )
        controller = subprocess.Popen([sys.executable, "-c", program, str(directory)])
        lab = Lab(directory)
        try:
            deadline = time.monotonic() + 60
            while not (directory / "lab/hosts/k1/qmp.sock").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            controller.send_signal(signal.SIGKILL)
            controller.wait()
            lab_id = state_of(lab).id
            assert marked(lab_id, "k1")
        finally:
            controller.kill()
            controller.wait()
            lab.down()
        assert traces(lab_id, lab.directory) == []

    def test_a_kvm_that_is_present_but_broken_is_not_used(self, monkeypatch, tmp_path):
        built = image.ensure("trixie")
        monkeypatch.setenv("VERBUND_CACHE", str(tmp_path))
        # A device that can be opened and is no KVM: QEMU says so and ends, as it does or stalls with a broken one.
        device = tmp_path / "kvm"
        device.touch()
        monkeypatch.setattr(accel, "KVM", ("-accel", "kvm,device=/dev/null", "-cpu", "host"))
        began = time.monotonic()
        assert accel.arguments(built.kernel, built.initrd, device) == accel.TCG
        assert time.monotonic() - began < accel.PROBE_SECONDS + 5
        assert json.loads((tmp_path / "kvm.json").read_text())["works"] is False
        monkeypatch.setattr(accel, "boots", lambda *_: pytest.fail("the answer is known for this boot"))
        assert accel.arguments(built.kernel, built.initrd, device) == accel.TCG


def pixels(path: Path) -> list[bytes]:
    """The rows of a PNG file, decompressed (filters included: equal rows of one colour stay equal)."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    position, compressed = 8, b""
    width = height = 0
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        elif kind == b"IDAT":
            compressed += body
        position += 12 + length
    raw = zlib.decompress(compressed)
    assert width > 300
    row = len(raw) // height
    # Without the filter byte and the first rows, which every filter encodes in another way.
    return [raw[n * row + 1 : (n + 1) * row] for n in range(2, height)]


def test_a_recycled_process_number_is_nobody():
    process = Process.of(os.getpid())
    assert process is not None
    assert process.alive()
    other = Process(process.pid, process.started - 1, process.boot)
    assert not other.alive()
    other.signal(signal.SIGKILL)  # we are still here


@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="QEMU is not installed")
def test_qemu_says_its_version():
    assert int(accel.qemu_version().split(".")[0]) >= 7
