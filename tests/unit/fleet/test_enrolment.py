# SPDX-License-Identifier: EUPL-1.2
"""What an enrolled host has, judged from what it says; scripts are valid POSIX shell."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verbund.pki import TenantKeys, generate_ssh_key
from verbund.rollout import enrolment as e


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory):
    """A tenant's keys, what is wanted of a host, and what a fully enrolled host answers."""
    directory = tmp_path_factory.mktemp("pki")
    keys = TenantKeys.ensure(directory, "town")
    public = generate_ssh_key(directory / "host", "host")
    bootstrap = generate_ssh_key(directory / "bootstrap", "bootstrap")
    tls_public = ec.generate_private_key(ec.SECP384R1()).public_key()
    pem = tls_public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    stamp = {"release": "2026.1", "tenant": "town", "site": "s", "host_class": "server", "profile": "p"}
    wanted = e.Wanted("srv1", "10.0.0.5", keys.user_ca_public, keys.host_ca_public, keys.tls_ca, stamp, bootstrap)
    seen = {
        **e.FIXED,
        "packages": "",
        "account": "verbund:x:999:999::/var/lib/verbund:/bin/sh\n",
        "password": "*\n",
        "tls_mode": "640 root:root\n",
        "tls_public": pem,
        f"{e.HOST_KEY}.pub": public + "\n",
        e.USER_CA: keys.user_ca_public.strip() + "\n",
        e.TLS_CA: keys.tls_ca,
        e.HOST_CERTIFICATE: keys.sign_host(public, ["srv1", "10.0.0.5"]) + "\n",
        e.TLS_CERTIFICATE: keys.issue_tls("srv1", ["10.0.0.5"], pem).certificate,
        e.STAMP: json.dumps({**stamp, "enrolled": "2026-01-01"}),
        "bootstrap": "ssh-ed25519 AAAAother someone\n",
        "done": "",
    }
    return keys, wanted, seen


def test_an_enrolled_host_lacks_nothing(enrolled):
    _, wanted, seen = enrolled
    assert e.lacks(seen, wanted) == []


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"packages": "python3\n"}, "packages"),
        ({"account": ""}, "account"),
        ({"password": "$y$j9T$x\n"}, "account"),
        ({"password": ""}, "account"),
        ({"tls_mode": "644 root:root\n"}, "keys"),
        ({"tls_public": ""}, "keys"),
        ({e.SUDOERS: "verbund ALL=(ALL) ALL\n"}, "trust"),
        ({e.ACCESS: ""}, "trust"),
        ({e.USER_CA: "ecdsa-sha2-nistp384 AAAAforeign\n"}, "trust"),
        ({e.HOST_CERTIFICATE: "garbage"}, "trust"),
        ({e.TLS_CERTIFICATE: "garbage"}, "trust"),
        ({e.STAMP: "{"}, "stamp"),
        ({e.STAMP: "[]"}, "stamp"),
        ({e.STAMP: '{"release": "2025.1"}'}, "stamp"),
    ],
)
def test_each_thing_that_is_missing_is_noticed(enrolled, change, step):
    _, wanted, seen = enrolled
    assert step in e.lacks({**seen, **change}, wanted)


def test_the_bootstrap_key_is_found_whatever_stands_around_it(enrolled):
    _, wanted, seen = enrolled
    blob = wanted.bootstrap.split()[1]
    line = f'from="10.0.0.1" ecdsa-sha2-nistp256 {blob} renamed\n'
    assert e.lacks({**seen, "bootstrap": line}, wanted) == ["bootstrap"]


def test_certificates_of_another_tenant_name_or_key_or_near_their_end_are_not_good(enrolled, tmp_path):
    keys, wanted, seen = enrolled
    foreign = TenantKeys.ensure(tmp_path, "other")
    public, pem = seen[f"{e.HOST_KEY}.pub"], seen["tls_public"]
    other_key = generate_ssh_key(tmp_path / "k", "k")
    names = ["srv1", "10.0.0.5"]
    for certificate in (
        foreign.sign_host(public, names),
        keys.sign_host(public, ["srv2", "10.0.0.5"]),
        keys.sign_host(other_key, names),
        keys.sign_host(public, names, timedelta(days=20)),
    ):
        assert e.lacks({**seen, e.HOST_CERTIFICATE: certificate}, wanted) == ["trust"]
    for tls in (
        foreign.issue_tls("srv1", ["10.0.0.5"], pem),
        keys.issue_tls("srv2", ["10.0.0.5"], pem),
        keys.issue_tls("srv1", ["10.0.0.6"], pem),
        keys.issue_tls("srv1", ["10.0.0.5"]),
        keys.issue_tls("srv1", ["10.0.0.5"], pem, timedelta(days=20)),
    ):
        assert e.lacks({**seen, e.TLS_CERTIFICATE: tls.certificate}, wanted) == ["trust"]
    assert e.lacks(seen, wanted, datetime.now(UTC) + timedelta(days=380)) == ["trust"]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_lying_host_never_breaks_the_judgement(enrolled, data):
    _, wanted, seen = enrolled
    key = data.draw(st.sampled_from(sorted(seen)))
    lie = {**seen, key: data.draw(st.text(max_size=200))}
    assert set(e.lacks(lie, wanted)) <= {"packages", "account", "keys", "trust", "stamp", "bootstrap"}


def test_every_script_is_posix_shell_and_unknown_packages_are_never_installed(enrolled):
    _, wanted, _ = enrolled
    scripts = [
        wanted.probe(), e.packages_script("python3 sudo"), e.account_script(), e.keys_script(),
        e.trust_script(wanted, "certificate'; rm -rf / #", "pem"), e.stamp_script(wanted, "2026-01-01"),
        e.bootstrap_script(wanted),
    ]  # fmt: skip
    for script in scripts:
        assert subprocess.run(["sh", "-n"], input=script, text=True, check=False, capture_output=True).stderr == ""
        assert "rm -rf" not in script
    assert "telnetd" not in e.packages_script("sudo telnetd")
