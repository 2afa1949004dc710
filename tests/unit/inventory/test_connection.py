# SPDX-License-Identifier: EUPL-1.2
"""How hosts are reached: files for OpenSSH, host keys for paramiko, and its socket."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import threading
import types

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verbund.errors import UsageError
from verbund.inventory import Connections, pyinfra_ssh
from verbund.inventory.connection import jumps, last_words
from verbund.pki import TenantKeys


def _resolved(config, name):
    shown = subprocess.run(["ssh", "-G", "-F", str(config), name], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)


def test_openssh_understands_what_is_written(tmp_path):
    state = tmp_path / "with blank" / ".verbund"
    TenantKeys.ensure(state, "town")
    connections = Connections(state)
    connections.prepare("town", [("gw1", "10.1.0.1", None), ("pc1", "10.1.2.3", "gw1")])
    by_name = _resolved(connections.ssh_config("town"), "pc1")
    by_address = _resolved(connections.ssh_config("town"), "10.1.2.3")
    for found in (by_name, by_address):
        assert found["hostname"] == "10.1.2.3"
        assert found["proxyjump"] == "gw1"
        assert found["hostkeyalias"] == "pc1"
        assert found["stricthostkeychecking"] == "true"
        assert found["user"] == "verbund"
        assert found["userknownhostsfile"].strip('"') == str(connections.known_hosts("town"))
    assert "proxyjump" not in _resolved(connections.ssh_config("town"), "gw1")


def test_the_tenants_authority_is_trusted_and_pinned_keys_are_kept(tmp_path):
    keys = TenantKeys.ensure(tmp_path, "town")
    connections = Connections(tmp_path)
    known = connections.known_hosts("town")
    known.parent.mkdir(parents=True)
    known.write_text("pc9 ssh-ed25519 AAAAfoo\n@cert-authority * ecdsa-sha2-nistp384 old\n")
    connections.prepare("town", [])
    lines = known.read_text().splitlines()
    assert lines == [f"@cert-authority * {' '.join(keys.host_ca_public.split()[:2])}", "pc9 ssh-ed25519 AAAAfoo"]
    before = known.stat().st_mtime_ns
    connections.prepare("town", [])
    assert known.stat().st_mtime_ns == before


def test_without_keys_nothing_is_written_and_ansible_keeps_its_own_ways(tmp_path):
    connections = Connections(tmp_path)
    connections.prepare("town", [("a", "10.0.0.1", None)])
    assert connections.tenant_vars("town") == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"hosts": {"a": {}}}', '{"hosts": {"a": {"vars": 3}}}', "\x00"])
def test_a_broken_lab_file_is_named(tmp_path, text):
    path = tmp_path / "connections.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"connections\.json"):
        Connections.load(tmp_path, path)


def test_the_lab_brings_its_own_way_before_enrolment(tmp_path, monkeypatch):
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "connections.json").write_text(json.dumps({"hosts": {"a": {"vars": {"ansible_port": 40001}}}}))
    monkeypatch.delenv("VERBUND_BOOTSTRAP_KEY", raising=False)
    connections = Connections.load(tmp_path)
    assert connections.bootstrap_for("a").key == lab / "bootstrap"
    assert connections.bootstrap_for("b") is None
    monkeypatch.setenv("VERBUND_BOOTSTRAP_KEY", "/somewhere/key")
    assert str(connections.bootstrap_for("b").key) == "/somewhere/key"


def test_paramiko_sends_small_packets_at_once():
    """Regression: without TCP_NODELAY each small exchange waits for a delayed acknowledgement (up to 40 ms)."""
    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: server.accept()[0].recv(1))
    thread.start()
    pyinfra_ssh.prepare()
    pyinfra_ssh.prepare()
    client = socket.create_connection(server.getsockname())
    assert not client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    transport = paramiko.Transport(client)
    assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    client.send(b"x")
    transport.close()
    thread.join()
    server.close()


@given(st.binary(max_size=300), st.text(max_size=50))
def test_sections_never_stumble_and_the_first_answer_counts(noise, value):
    encoded = base64.b64encode(value.encode()).decode()
    found = pyinfra_ssh.sections(b"good:" + encoded.encode() + b"\n" + b"good:AAAA\n" + noise)
    assert found["good"] == value


def test_of_two_gateways_the_first_by_number_is_the_jump_host():
    """The hosts' firewalls let in the legs of gateway number 1; the order in the file says nothing."""

    def host(name, host_class, number, site="town-hall"):
        return types.SimpleNamespace(name=name, host_class=host_class, number=number, tenant="town", site=site)

    hosts = [host("gw2", "gateway", 2), host("gw1", "gateway", 1), host("pc1", "client", 20)]
    assert jumps([*hosts, host("far", "client", 1, "elsewhere")]) == {"pc1": "gw1"}


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (b"", ""),
        (b"ssh: connect to host 10.0.0.1 port 22: No route to host\r\n", "ssh: connect to host 10.0.0.1 port 22: "),
        (b"Notice\nHost key verification failed.\r\nConnection closed by UNKNOWN port 65535\r\n", "Host key verific"),
        (b"\xff\n\n", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_the_reason_ssh_gives_is_not_that_of_the_inner_connection(stderr, words):
    assert last_words(stderr).startswith(words)
    assert "65535" not in last_words(stderr)


def test_only_a_key_that_the_host_proved_is_taken(tmp_path, monkeypatch):
    """What a host sends in place of its key is not used, however much it is."""
    answers = tmp_path / "bin" / "ssh"
    answers.parent.mkdir()
    monkeypatch.setenv("PATH", f"{answers.parent}:{os.environ['PATH']}")
    TenantKeys.ensure(tmp_path, "town")
    route = Connections(tmp_path).route("pc1", "town", "10.1.2.3", "gw1")
    assert route.tunnel()[-3:] == ["-W", "10.1.2.3:22", "gw1"]
    for script, line, why in (
        ("echo ecdsa-sha2-nistp256 AAAA comment", "ecdsa-sha2-nistp256 AAAA", ""),
        ("echo Host key verification failed. >&2; exit 255", "", "Host key verification failed."),
        ("echo hello; echo good >&2", "", "good"),
        ("yes x", "", "no answer within 6 s"),
    ):
        answers.write_text(f"#!/bin/sh\n{script}\n")
        answers.chmod(0o755)
        assert route.certified_key(timeout=2) == (line, why)
