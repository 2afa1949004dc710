# SPDX-License-Identifier: EUPL-1.2
"""The TLS certificate authority of a tenant (log forwarding and other host-to-host connections).

Curves, hashes and extensions follow BSI TR-02102-2 (2026-01) and RFC 5280: ECDSA over P-384 for the authority, P-256
for hosts, SHA-384.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from verbund.errors import VerbundError
from verbund.files import write_atomically

AUTHORITY_DAYS = 3650
"""Validity of an authority: ten years, like the hardware it serves; it is replaced by a new tenant key set."""

BACKDATE = timedelta(minutes=10)
"""Certificates begin a little in the past, because a fresh host's clock may still be off."""


@dataclass(frozen=True, slots=True)
class TlsCertificate:
    """A certificate for a host.

    Args:
        certificate: PEM text.
        private_key: PEM text (PKCS #8), or None where the host brought its own public key.
    """

    certificate: str
    private_key: str | None


def ensure_authority(directory: Path, tenant: str) -> None:
    """Make ``tls_ca.key`` and ``tls_ca.pem`` unless they are there.

    Args:
        directory: directory of the tenant's keys.
        tenant: name of the tenant, becomes part of the subject.
    """
    certificate_path, key_path = directory / "tls_ca.pem", directory / "tls_ca.key"
    if certificate_path.is_file() and key_path.is_file():
        return
    # The certificate is written last: a key without certificate is what a killed run leaves, and is replaced.
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Verbund TLS CA {tenant}"[:64]),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )
    write_atomically(key_path, _key_text(key))
    write_atomically(certificate_path, certificate.public_bytes(serialization.Encoding.PEM).decode(), 0o644)


def issue(
    directory: Path,
    name: str,
    addresses: Iterable[str],
    public_key: str | None = None,
    validity: timedelta = timedelta(days=397),
) -> TlsCertificate:
    """Issue a certificate for a host, as TLS server and client.

    Args:
        directory: directory of the tenant's keys.
        name: host name, becomes common name and DNS name.
        addresses: IP addresses of the host.
        public_key: PEM public key of the host; a key pair is made where None.
        validity: how long the certificate is good.

    Raises:
        VerbundError: the authority's files are damaged, or an address or key is not one.
    """
    try:
        authority_key = serialization.load_pem_private_key((directory / "tls_ca.key").read_bytes(), password=None)
        authority = x509.load_pem_x509_certificate((directory / "tls_ca.pem").read_bytes())
    except (OSError, ValueError) as error:
        raise VerbundError(
            f"the TLS authority in {directory} cannot be used: {error}",
            "restore tls_ca.key and tls_ca.pem from your backup; without one, remove both and enrol the hosts anew",
        ) from error
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise VerbundError(f"{directory / 'tls_ca.key'} is not an EC key")
    own: ec.EllipticCurvePrivateKey | None = None
    try:
        if public_key is None:
            own = ec.generate_private_key(ec.SECP256R1())
            subject_key = own.public_key()
        else:
            loaded = serialization.load_pem_public_key(public_key.encode())
            if not isinstance(loaded, ec.EllipticCurvePublicKey):
                raise TypeError("its key is not an EC key")  # noqa: TRY301 - one message for all that is off
            subject_key = loaded
        alternatives: list[x509.GeneralName] = [x509.DNSName(name)]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    except (TypeError, ValueError) as error:
        raise VerbundError(f"no certificate for {name}: {error}") from error
    now = datetime.now(UTC)
    end = min(now + validity, authority.not_valid_after_utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(authority.subject)
        .public_key(subject_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA384())
    )
    return TlsCertificate(
        certificate.public_bytes(serialization.Encoding.PEM).decode(), _key_text(own) if own is not None else None
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
