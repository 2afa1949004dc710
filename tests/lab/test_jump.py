# SPDX-License-Identifier: EUPL-1.2
"""The way into a site in production: through its gateway, and no other way.

An office of the data centre is a network namespace with one cable to the gateway. Its project has the tenant's keys and
knows nothing of the lab; the hosts have lost their port to the lab's management network. What works from here works
with the planned addresses, the jump over the gateway, host certificates and the production rules of the firewalls.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time

import pytest

from verbund.baseline.results import Results, Verdict
from verbund.lab.state import LabState
from verbund.pki import generate_ssh_key

pytestmark = pytest.mark.lab

GATEWAY, SERVER, CLIENT = "gse-gw1", "gse-srv1", "gse-r101-pc01"
CONTROLLER = "10.0.8.10"
CABLE = ("198.51.100.1", "198.51.100.2")
CERTIFICATES = "HostKeyAlgorithms=ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Office:
    """A project with the tenant's keys, whose commands run in a network namespace of their own.

    Args:
        project: the project, without a lab.
        school: whose gateway the cable leads to.
    """

    def __init__(self, project, school):
        self._project = project
        self._lab = LabState.load(school.lab.directory / "state.json")
        self.namespace = f"vb-{self._lab.id}-office"
        self.root, self.state = project.root, project.state
        self.state.mkdir(mode=0o700)
        shutil.copytree(school.state / "keys", self.state / "keys")
        self.addresses = {host.name: host.address for host in project.hosts}

    def plug(self) -> None:
        """Lay the cable to the gateway, and pull every host's own cable to the lab's controller."""
        gateway, office = f"vb-{self._lab.id}-{GATEWAY}", self.namespace
        _ip("netns", "add", office)
        _ip("-n", gateway, "link", "add", "wan0", "type", "veth", "peer", "name", "wan0", "netns", office)
        for namespace, address in zip((gateway, office), CABLE, strict=True):
            _ip("-n", namespace, "address", "add", f"{address}/30", "dev", "wan0")
            _ip("-n", namespace, "link", "set", "wan0", "up")
        _ip("-n", office, "link", "set", "lo", "up")
        _ip("-n", office, "address", "add", f"{CONTROLLER}/32", "dev", "lo")
        _ip("-n", gateway, "route", "add", f"{CONTROLLER}/32", "via", CABLE[1])
        # Packets for every host of the site arrive at the gateway, also those that try to do without the jump.
        for address in self.addresses.values():
            _ip("-n", office, "route", "add", f"{address}/32", "via", CABLE[0], "src", CONTROLLER)
        for state in self._lab.hosts.values():
            _ip("-n", f"vb-{self._lab.id}", "link", "set", f"port{state.number}", "down")

    def call(self, command, timeout=300):
        return self._project.call(["ip", "netns", "exec", self.namespace, *command], timeout)

    def verbund(self, *arguments):
        return self.call([*self._project.verbund_command, *arguments])

    def ansible(self, program, *arguments):
        return self.call(self._project.command(program, *arguments))

    def ssh(self, host, command, *options):
        config = self.state / "ssh" / "erkrath.conf"
        return self.call(["ssh", "-F", str(config), "-o", "BatchMode=yes", *options, host, command], 60)

    def until_back(self, host, boot):
        """Wait until a host has booted anew; returns the id of that boot."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            now = self.ssh(host, "cat /proc/sys/kernel/random/boot_id")
            if now.returncode == 0 and now.stdout != boot:
                return now.stdout
            time.sleep(0.5)
        raise AssertionError(f"{host} did not come back")


@pytest.fixture(scope="module")
def office(school, workshop):
    """The office; the site's firewalls hold the production rules, brought there through the gateway."""
    school.at("rolled-out")
    office = Office(type(school)(workshop.place(), "container", GATEWAY, SERVER, CLIENT), school)
    try:
        office.plug()
        limit = ["--limit", f"{GATEWAY},{CLIENT}", "--tags", "firewall"]
        office.applied = office.ansible("ansible-playbook", "playbooks/site.yml", *limit)
        yield office
    finally:
        subprocess.run(["ip", "netns", "delete", office.namespace], check=False, capture_output=True)
        school.at("rolled-out")


def _sources(office, host):
    """From which addresses a host's firewall lets SSH in, IPv4."""
    listed = json.loads(office.ssh(host, "sudo nft -j list set inet verbund management4").stdout)["nftables"]
    elements = next(entry["set"]["elem"] for entry in listed if "set" in entry)
    return {
        element if isinstance(element, str) else f"{element['prefix']['addr']}/{element['prefix']['len']}"
        for element in elements
    }


def test_ansible_goes_through_the_gateway(office):
    assert office.applied.returncode == 0, office.applied.stdout[-2000:] + office.applied.stderr[-2000:]
    for host in (GATEWAY, CLIENT):
        assert f"changed: [{host}]" in office.applied.stdout
    # The lab's own way in is shut: the data centre, and for a client the gateway's leg in its zone.
    assert _sources(office, GATEWAY) == {"10.0.8.0/24"}
    assert _sources(office, CLIENT) == {"10.0.8.0/24", "10.33.8.1"}


def test_the_certificate_is_what_counts_on_both_legs(office):
    assert office.ssh(CLIENT, "uname -n", "-o", CERTIFICATES).stdout.strip() == CLIENT
    seen = office.ssh(CLIENT, "echo $SSH_CONNECTION").stdout.split()
    assert (seen[0], seen[2]) == ("10.33.8.1", office.addresses[CLIENT])


def test_nobody_gets_in_beside_the_gateway(office):
    done = office.ssh(CLIENT, "true", "-o", "ProxyJump=none", "-o", "ConnectTimeout=2")
    assert done.returncode == 255
    assert "timed out" in done.stderr
    # A client is no way to the next host.
    done = office.ssh(SERVER, "true", "-o", f"ProxyJump={CLIENT}", "-o", "ConnectTimeout=5")
    assert done.returncode == 255
    assert "administratively prohibited" in done.stderr
    # The gateway leads to SSH, not to other services.
    done = office.call(
        ["ssh", "-F", str(office.state / "ssh" / "erkrath.conf"), "-o", "BatchMode=yes",
         "-W", f"{office.addresses[SERVER]}:6514", GATEWAY],
    )  # fmt: skip
    assert "administratively prohibited" in done.stderr


def test_pyinfra_goes_through_the_gateway_and_needs_no_pinned_key(office):
    pinned = (office.state / "ssh" / "erkrath.known_hosts").read_text().splitlines()
    assert [line.split()[0] for line in pinned] == ["@cert-authority"]
    done = office.verbund("facts", "--limit", f"{GATEWAY},{SERVER},{CLIENT}")
    assert done.returncode == 0, done.stderr
    assert {name: found["hostname"] for name, found in json.loads(done.stdout).items()} == {
        name: name for name in (GATEWAY, SERVER, CLIENT)
    }


def test_verification_goes_through_the_gateway(office):
    done = office.verbund("verify", "--limit", f"{GATEWAY},{CLIENT}")
    assert done.returncode in {0, 1}, done.stderr
    results = Results.read(office.state / "results" / "latest.json")
    assert [host.error for host in results.hosts] == ["", ""]
    verdicts = {(host.host, result.control): result.verdict for host in results.hosts for result in host.results}
    for host in (GATEWAY, CLIENT):
        assert {verdicts[host, f"VB-FWL-00{number}"] for number in (1, 2, 3)} == {Verdict.MET}


def test_a_foreign_authority_is_believed_by_nobody(office):
    """Another CA stands in known_hosts than the one that signed the hosts: no tool goes on."""
    authority = office.state / "keys" / "erkrath" / "host_ca.pub"
    right = authority.read_text()
    try:
        authority.write_text(generate_ssh_key(office.root / "foreign", "foreign", 384) + "\n")
        facts = office.verbund("facts", "--limit", CLIENT)
        assert facts.returncode == 3
        assert "host key cannot be checked" in facts.stderr
        assert office.verbund("verify", "--limit", CLIENT).returncode == 3
        ansible = office.ansible("ansible", CLIENT, "-m", "raw", "-a", "true")
        assert ansible.returncode == 4
        # It is the jump that refuses the gateway; of its words Ansible passes on only that the way ends there.
        assert "Failed to connect to the host via ssh" in ansible.stdout + ansible.stderr
    finally:
        authority.write_text(right)


def test_quarantine_and_release_outlast_a_reboot(office):
    """Reached only from its gateway's leg all the time."""
    rules = "sudo nft list tables; systemctl is-active verbund-quarantine.service"
    assert office.verbund("quarantine", "--limit", CLIENT).returncode == 0
    boot = office.until_back(CLIENT, "")
    office.ssh(CLIENT, "sudo systemctl reboot")
    boot = office.until_back(CLIENT, boot)
    isolated = office.ssh(CLIENT, rules)
    assert "inet verbund_quarantine" in isolated.stdout
    assert isolated.stdout.endswith("\nactive\n")
    # Cut off from everything else, its own site's server too; the host firewall alone would let it through.
    reach = f"timeout 3 bash -c 'echo > /dev/tcp/{office.addresses[SERVER]}/6514'"
    assert office.ssh(CLIENT, reach).returncode != 0
    assert "already isolated" in office.verbund("quarantine", "--limit", CLIENT).stderr
    assert "released" in office.verbund("release", "--limit", CLIENT).stderr
    assert office.ssh(CLIENT, reach).returncode == 0
    office.ssh(CLIENT, "sudo systemctl reboot")
    office.until_back(CLIENT, boot)
    assert "quarantine" not in office.ssh(CLIENT, "sudo nft list tables; ls /etc/verbund").stdout
    assert "not isolated" in office.verbund("release", "--limit", CLIENT).stderr


def test_a_gateway_that_does_not_answer_is_named(office):
    _ip("-n", office.namespace, "link", "set", "wan0", "down")
    try:
        done = office.verbund("facts", "--limit", CLIENT)
        assert done.returncode == 3
        assert office.addresses[GATEWAY] in done.stderr or GATEWAY in done.stderr
    finally:
        _ip("-n", office.namespace, "link", "set", "wan0", "up")
        for address in office.addresses.values():
            _ip("-n", office.namespace, "route", "replace", f"{address}/32", "via", CABLE[0], "src", CONTROLLER)
