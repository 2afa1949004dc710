# SPDX-License-Identifier: EUPL-1.2
"""The key set of a tenant, kept in ``.verbund/keys/<tenant>/`` (0700, private keys 0600).

SSH keys are ECDSA: BSI TR-02102-4 (2026-01) lists neither Ed25519 nor RSA below 3000 bits for host keys, and the crypto
profile ``bsi-strict`` follows it. Authorities use P-384, hosts and the automation P-256.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from verbund.errors import UsageError, VerbundError
from verbund.files import private_directory, write_atomically
from verbund.pki import tls

AUTOMATION_PRINCIPAL = "verbund"
"""Whom the automation's certificate stands for; hosts list it in /etc/ssh/auth_principals/verbund."""

RENEW_BEFORE = timedelta(hours=1)
"""A certificate with less than this left is signed anew before work begins."""


def generate_ssh_key(path: Path, comment: str, bits: int = 256) -> str:
    """Make an ECDSA key pair (``path`` and ``path.pub``) unless both are there.

    Args:
        path: file of the private key; its directory exists.
        comment: comment in the public key.
        bits: 256 or 384, the curve.

    Returns:
        The public key line.

    Raises:
        VerbundError: ssh-keygen failed.
    """
    public = path.with_name(f"{path.name}.pub")
    if not (path.is_file() and public.is_file()):
        # Beside the target and renamed, public key last: a killed run leaves nothing that looks complete.
        with tempfile.TemporaryDirectory(prefix=".keygen-", dir=path.parent) as work:
            fresh = Path(work) / "key"
            _keygen("-q", "-t", "ecdsa", "-b", str(bits), "-N", "", "-C", comment, "-f", str(fresh))
            fresh.replace(path)
            fresh.with_name("key.pub").replace(public)
    return public.read_text(encoding="utf-8").strip()


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """The key set of one tenant. Made and found with :meth:`ensure`.

    Args:
        directory: where the keys are, absolute.
        tenant: name of the tenant.
    """

    directory: Path
    tenant: str

    @classmethod
    def ensure(cls, state: Path, tenant: str) -> TenantKeys:
        """Find the keys of a tenant, making what is missing. A second call changes nothing.

        Args:
            state: the project's state directory (``Project.state``).
            tenant: name of the tenant.

        Raises:
            UsageError: the name cannot be a directory name, or the directory cannot be written.
            VerbundError: ssh-keygen failed.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", tenant):
            raise UsageError(f"{tenant!r} cannot name a tenant", "use letters, digits, - and .")
        try:
            private_directory(state / "keys")
            keys = cls(private_directory((state / "keys" / tenant).absolute()), tenant)
            with keys._locked():
                generate_ssh_key(keys.directory / "user_ca", f"verbund user CA {tenant}", 384)
                generate_ssh_key(keys.directory / "host_ca", f"verbund host CA {tenant}", 384)
                generate_ssh_key(keys.automation_key, f"verbund automation {tenant}")
                tls.ensure_authority(keys.directory, tenant)
        except OSError as error:
            raise UsageError(f"the keys of {tenant} cannot be kept in {state / 'keys'}: {error}") from error
        return keys

    @property
    def user_ca_public(self) -> str:
        """Public key of the user CA; goes to /etc/ssh/verbund_user_ca.pub on the hosts."""
        return self._public("user_ca")

    @property
    def host_ca_public(self) -> str:
        """Public key of the host CA; goes to known_hosts as ``@cert-authority``."""
        return self._public("host_ca")

    @property
    def tls_ca(self) -> str:
        """The TLS CA's certificate (PEM); goes to /etc/verbund/pki/ca.pem on the hosts."""
        return (self.directory / "tls_ca.pem").read_text(encoding="utf-8")

    @property
    def automation_key(self) -> Path:
        """The private key that apply and verify log in with."""
        return self.directory / "automation"

    @property
    def automation_certificate(self) -> Path:
        """The automation's certificate; ask :meth:`ensure_automation_certificate` for a valid one."""
        return self.directory / "automation-cert.pub"

    def sign_user(self, public_key: str, principals: Sequence[str], validity: timedelta) -> str:
        """Sign a user's public key.

        The certificate counts from the birth of the CA on: no certificate of this CA can be older, and a host whose
        clock is behind (a lab host restored from a snapshot) still believes it. Its end is what limits it.

        Args:
            public_key: the public key line.
            principals: accounts the holder may log in to.
            validity: how long from now on; at least a minute.

        Returns:
            The certificate line.
        """
        return self._sign("user_ca", public_key, principals, validity)

    def sign_host(self, public_key: str, names: Sequence[str], validity: timedelta = timedelta(days=397)) -> str:
        """Sign a host's public key; arguments as for :meth:`sign_user`, ``names`` are the host's names."""
        return self._sign("host_ca", public_key, names, validity, "-h")

    def ensure_automation_certificate(self, validity: timedelta = timedelta(hours=8)) -> Path:
        """A certificate for the automation key that is good for at least another hour.

        Args:
            validity: how long a fresh one is good.

        Returns:
            Its file.
        """
        with self._locked():
            if not self._good(self.automation_certificate):
                public = (self.directory / "automation.pub").read_text(encoding="utf-8")
                certificate = self.sign_user(public, [AUTOMATION_PRINCIPAL], validity)
                write_atomically(self.automation_certificate, certificate + "\n", 0o644)
        return self.automation_certificate

    def issue_tls(
        self,
        name: str,
        addresses: Iterable[str],
        public_key: str | None = None,
        validity: timedelta = timedelta(days=397),
    ) -> tls.TlsCertificate:
        """Issue a TLS certificate, see :func:`verbund.pki.tls.issue`."""
        return tls.issue(self.directory, name, addresses, public_key, validity)

    def _public(self, name: str) -> str:
        return (self.directory / f"{name}.pub").read_text(encoding="utf-8").strip()

    def _good(self, certificate: Path) -> bool:
        """Whether a certificate is signed by our CA and good for another hour."""
        try:
            loaded = load_ssh_public_identity(certificate.read_bytes())
            authority = load_ssh_public_identity(self.user_ca_public.encode())
            own = load_ssh_public_identity((self.directory / "automation.pub").read_bytes())
        except (OSError, ValueError):
            return False
        if not isinstance(loaded, SSHCertificate) or isinstance(authority, SSHCertificate):
            return False
        if loaded.valid_before < (datetime.now(UTC) + RENEW_BEFORE).timestamp():
            return False
        return loaded.signature_key() == authority and loaded.public_key() == own

    def _sign(
        self,
        authority: str,
        public_key: str,
        principals: Sequence[str],
        validity: timedelta,
        *options: str,
    ) -> str:
        bad = [name for name in principals if not re.fullmatch(r"[A-Za-z0-9._:@-]+", name)]
        if bad or not principals:
            raise UsageError(f"these cannot stand in a certificate: {bad or 'no names at all'}")
        authority_key = self.directory / authority
        identity = f"{self.tenant}:{principals[0]}"
        age = datetime.now(UTC) - datetime.fromtimestamp(authority_key.stat().st_mtime, UTC)
        since = max(int(age.total_seconds()), 300)
        with tempfile.TemporaryDirectory(prefix="verbund-sign-") as work:
            key = Path(work) / "key.pub"
            key.write_text(public_key.strip() + "\n", encoding="utf-8")
            span = f"-{since}s:+{max(int(validity.total_seconds()), 60)}s"
            _keygen(
                "-q",
                "-s",
                str(authority_key),
                *options,
                "-I",
                identity,
                "-n",
                ",".join(principals),
                "-V",
                span,
                str(key),
            )
            return (Path(work) / "key-cert.pub").read_text(encoding="utf-8").strip()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two commands that start together must not make two authorities."""
        with (self.directory / ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _keygen(*arguments: str) -> None:
    """Run ssh-keygen."""
    if shutil.which("ssh-keygen") is None:
        raise UsageError("ssh-keygen is missing", "run make setup, or: apt-get install openssh-client")
    done = subprocess.run(
        ["ssh-keygen", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise VerbundError(f"ssh-keygen failed: {(done.stderr or done.stdout).strip()}")
