# SPDX-License-Identifier: EUPL-1.2
from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from verbund.errors import UsageError, VerbundError
from verbund.pki import KnownHost, TenantKeys, generate_ssh_key, render_known_hosts

HOUR = timedelta(hours=1)


@pytest.fixture
def keys(tmp_path):
    return TenantKeys.ensure(tmp_path, "musterstadt")


def describe(tmp_path, certificate: str) -> str:
    path = tmp_path / "x-cert.pub"
    path.write_text(certificate + "\n")
    return subprocess.run(["ssh-keygen", "-L", "-f", path], capture_output=True, text=True, check=True).stdout


def test_a_second_ensure_changes_no_file(tmp_path, keys):
    before = {path.name: path.read_bytes() for path in keys.directory.iterdir()}
    again = TenantKeys.ensure(tmp_path, "musterstadt")
    assert again == keys
    assert {path.name: path.read_bytes() for path in keys.directory.iterdir()} == before


def test_private_keys_are_readable_by_their_owner_only(keys):
    assert keys.directory.stat().st_mode & 0o777 == 0o700
    assert keys.directory.parent.stat().st_mode & 0o777 == 0o700
    for name in ("user_ca", "host_ca", "automation", "tls_ca.key"):
        assert (keys.directory / name).stat().st_mode & 0o777 == 0o600, name


def test_no_key_is_ed25519_or_rsa(keys):
    assert keys.user_ca_public.startswith("ecdsa-sha2-nistp384 ")
    assert keys.host_ca_public.startswith("ecdsa-sha2-nistp384 ")
    assert (keys.directory / "automation.pub").read_text().startswith("ecdsa-sha2-nistp256 ")


def test_two_tenants_trust_different_authorities(tmp_path, keys):
    other = TenantKeys.ensure(tmp_path, "neudorf")
    assert other.user_ca_public != keys.user_ca_public
    assert other.host_ca_public != keys.host_ca_public
    assert other.tls_ca != keys.tls_ca


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "-x"])
def test_a_tenant_name_that_is_no_directory_name_is_refused(tmp_path, name):
    with pytest.raises(UsageError):
        TenantKeys.ensure(tmp_path / "state", name)
    assert not (tmp_path / "state").exists()


def test_a_half_made_key_pair_is_made_again(keys):
    (keys.directory / "automation.pub").unlink()
    TenantKeys.ensure(keys.directory.parent.parent, "musterstadt")
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", keys.automation_key], capture_output=True, text=True, check=True
    ).stdout.split()[:2]
    assert (keys.directory / "automation.pub").read_text().split()[:2] == derived


def test_a_user_certificate_names_principals_and_ends(tmp_path, keys):
    public = generate_ssh_key(tmp_path / "someone", "someone")
    text = describe(tmp_path, keys.sign_user(public, ["verbund", "operator"], 2 * HOUR))
    assert "user certificate" in text
    assert text.split("Principals:")[1].split("Critical")[0].split() == ["verbund", "operator"]
    ends = datetime.fromisoformat(text.split(" to ")[1].split()[0]).astimezone()
    assert timedelta(minutes=115) < ends - datetime.now(UTC) <= timedelta(minutes=121)


def test_a_host_certificate_is_one(tmp_path, keys):
    public = generate_ssh_key(tmp_path / "host", "host")
    assert "host certificate" in describe(tmp_path, keys.sign_host(public, ["gse-gw1"]))


@pytest.mark.parametrize("principal", ["a,b", "a b", "x\ny", "*", ""])
def test_a_principal_that_would_widen_the_certificate_is_refused(tmp_path, keys, principal):
    public = generate_ssh_key(tmp_path / "someone", "someone")
    with pytest.raises(UsageError):
        keys.sign_user(public, [principal], HOUR)


def test_no_principal_at_all_is_refused(tmp_path, keys):
    # ssh takes a host certificate without names for all hosts.
    with pytest.raises(UsageError):
        keys.sign_host(generate_ssh_key(tmp_path / "host", "host"), [])


def test_the_automation_certificate_is_kept_while_it_is_good(keys):
    first = keys.ensure_automation_certificate(8 * HOUR).read_text()
    assert keys.ensure_automation_certificate(8 * HOUR).read_text() == first


def test_the_automation_certificate_is_renewed_in_its_last_hour(keys):
    first = keys.ensure_automation_certificate(HOUR - timedelta(minutes=2)).read_text()
    assert keys.ensure_automation_certificate(8 * HOUR).read_text() != first


@pytest.mark.parametrize("damage", ["", "garbage", "ecdsa-sha2-nistp256 AAAA"])
def test_a_damaged_automation_certificate_is_replaced(keys, damage):
    keys.automation_certificate.write_text(damage)
    assert "-cert-v01@openssh.com" in keys.ensure_automation_certificate().read_text()


def test_a_certificate_of_another_authority_is_replaced(tmp_path, keys):
    other = TenantKeys.ensure(tmp_path, "neudorf")
    foreign = other.sign_user((keys.directory / "automation.pub").read_text(), ["verbund"], 8 * HOUR)
    keys.automation_certificate.write_text(foreign)
    assert keys.ensure_automation_certificate().read_text() != foreign


def test_tls_chain_verifies_for_name_and_address(tmp_path, keys):
    issued = keys.issue_tls("gse-gw1", ["10.1.0.1", "fd00::1"])
    (tmp_path / "ca.pem").write_text(keys.tls_ca)
    (tmp_path / "host.pem").write_text(issued.certificate)
    call = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "ca.pem"]
    for right in (["-verify_hostname", "gse-gw1"], ["-verify_ip", "10.1.0.1"], ["-verify_ip", "fd00::1"]):
        assert subprocess.run([*call, *right, tmp_path / "host.pem"], capture_output=True, check=False).returncode == 0
    for wrong in (["-verify_hostname", "gse-gw2"], ["-verify_ip", "10.1.0.2"]):
        assert subprocess.run([*call, *wrong, tmp_path / "host.pem"], capture_output=True, check=False).returncode != 0


def test_tls_certificate_fits_the_key_of_the_host(keys):
    from cryptography.hazmat.primitives import serialization

    own = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = own.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    issued = keys.issue_tls("gse-gw1", [], pem)
    assert issued.private_key is None
    assert x509.load_pem_x509_certificate(issued.certificate.encode()).public_key() == own


@pytest.mark.parametrize("addresses", [["10.1.0"], ["gse-gw1"]])
def test_tls_refuses_what_is_no_address(keys, addresses):
    with pytest.raises(VerbundError, match="no certificate for x"):
        keys.issue_tls("x", addresses)


def test_a_damaged_tls_authority_is_named(keys):
    (keys.directory / "tls_ca.key").write_text("gone")
    with pytest.raises(VerbundError, match="TLS authority"):
        keys.issue_tls("x", [])


def test_known_hosts_lets_each_authority_vouch_for_its_own_hosts_only(tmp_path, keys):
    public = generate_ssh_key(tmp_path / "h", "h")
    path = tmp_path / "known_hosts"
    path.write_text(
        render_known_hosts({keys.host_ca_public: ["gse-gw1", "gse-srv1"]}, [KnownHost(["gse-gw1"], public)])
    )

    def found(name: str) -> str:
        return subprocess.run(
            ["ssh-keygen", "-F", name, "-f", path], capture_output=True, text=True, check=False
        ).stdout

    assert "@cert-authority" in found("gse-srv1")
    assert public.split()[1] in found("gse-gw1")
    assert found("ndf-gw1") == ""


def test_an_authority_without_hosts_vouches_for_nobody(keys):
    assert "@cert-authority" not in render_known_hosts({keys.host_ca_public: []}, [])


@pytest.mark.parametrize("name", ["a b", "*", "!x", "a,b", "x\n@cert-authority * ecdsa", "", "|1|x", "#"])
def test_names_that_would_break_known_hosts_are_refused(tmp_path, name):
    public = generate_ssh_key(tmp_path / "h", "h")
    with pytest.raises(UsageError):
        render_known_hosts({}, [KnownHost([name], public)])
