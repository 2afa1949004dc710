# SPDX-License-Identifier: EUPL-1.2
"""What makes a bare host a managed one, as data and POSIX shell; ``deploy/enrol.py`` carries it to the hosts.

Pure: nothing here opens a connection. A host is probed with one script, ``lacks`` says what is missing, and the scripts
for each step put it right. A target needs sshd and a shell, no Python.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    load_pem_public_key,
    load_ssh_public_identity,
    load_ssh_public_key,
)

from verbund.inventory.connection import HOST_KEY

RENEW_BEFORE = timedelta(days=30)
PROBE_LIMIT = 1_000_000
_HEADER = "# Managed by Verbund (enrolment). Local changes are overwritten.\n"

SUDOERS = "/etc/sudoers.d/verbund"
USER_CA = "/etc/ssh/verbund_user_ca.pub"
PRINCIPALS = "/etc/ssh/auth_principals/verbund"
ACCESS = "/etc/ssh/sshd_config.d/10-verbund-access.conf"
HOST_CERTIFICATE = f"{HOST_KEY}-cert.pub"
TLS_CA = "/etc/verbund/pki/ca.pem"
TLS_CERTIFICATE = "/etc/verbund/pki/host.pem"
TLS_KEY = "/etc/verbund/pki/host.key"
STAMP = "/etc/verbund/release.json"

FIXED = {
    SUDOERS: _HEADER + "verbund ALL=(ALL:ALL) NOPASSWD: ALL\n",
    PRINCIPALS: "verbund\n",
    ACCESS: _HEADER
    + f"TrustedUserCAKeys {USER_CA}\n"
    + "AuthorizedPrincipalsFile /etc/ssh/auth_principals/%u\n"
    + f"HostCertificate {HOST_CERTIFICATE}\n",
}

PACKAGES = {"python3": "python3", "sudo": "sudo", "openssl": "openssl"}
"""Command that shows that it is there -> Debian package."""

PROBE = f"""\
PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL
say() {{ printf '%s:' "$1"; head -c 65536 | base64 | tr -d '\\n'; echo; }}
for c in {" ".join(PACKAGES)}; do command -v $c >/dev/null 2>&1 || echo $c; done | say packages
getent passwd verbund | say account
getent shadow verbund | cut -d: -f2 | say password
for f in {SUDOERS} {USER_CA} {PRINCIPALS} {ACCESS} {HOST_KEY}.pub {HOST_CERTIFICATE} \\
  {TLS_CA} {TLS_CERTIFICATE} {STAMP}; do
  if [ -f $f ]; then say $f < $f; fi
done
if [ -f {TLS_KEY} ]; then openssl pkey -in {TLS_KEY} -pubout 2>/dev/null | say tls_public; fi
stat -c '%a %U:%G' {TLS_KEY} 2>/dev/null | say tls_mode
home=$(getent passwd "${{BOOTSTRAP_USER:-root}}" | cut -d: -f6)
if [ -f "$home/.ssh/authorized_keys" ]; then say bootstrap < "$home/.ssh/authorized_keys"; fi
echo done:
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an enrolled host has.

    Args:
        name: inventory name, a principal of its host certificate.
        address: planned address, the other principal.
        user_ca: public key of the tenant's user CA.
        host_ca: public key of the tenant's host CA.
        tls_ca: the tenant's TLS CA (PEM).
        stamp: release, tenant, site, host class, profile.
        bootstrap: public key line of the bootstrap key, or None where none is known.
        bootstrap_user: account that accepts the bootstrap key.
    """

    name: str
    address: str
    user_ca: str
    host_ca: str
    tls_ca: str
    stamp: Mapping[str, str]
    bootstrap: str | None
    bootstrap_user: str = "root"

    def probe(self) -> str:
        """The read-only script that shows what is there."""
        return f"BOOTSTRAP_USER='{self.bootstrap_user}'\n{PROBE}"


def lacks(seen: Mapping[str, str], wanted: Wanted, now: datetime | None = None) -> list[str]:
    """What a host still lacks, as names of steps in the order they are done; empty means enrolled.

    Args:
        seen: decoded answer to the probe.
        wanted: what it should have.
        now: time certificates are judged at.
    """
    now = now or datetime.now(UTC)
    missing = []
    if seen.get("packages", "").split():
        missing.append("packages")
    password = seen.get("password", "").strip()
    if not seen.get("account", "").strip() or not password.startswith(("*", "!")):
        missing.append("account")
    if (
        not seen.get(f"{HOST_KEY}.pub")
        or not seen.get("tls_public")
        or seen.get("tls_mode", "").strip() != "640 root:root"
    ):
        missing.append("keys")
    texts = {**FIXED, USER_CA: wanted.user_ca.strip() + "\n", TLS_CA: wanted.tls_ca}
    if (
        any(seen.get(path) != text for path, text in texts.items())
        or not ssh_certificate_good(seen.get(HOST_CERTIFICATE, ""), seen.get(f"{HOST_KEY}.pub", ""), wanted, now)
        or not tls_certificate_good(seen.get(TLS_CERTIFICATE, ""), seen.get("tls_public", ""), wanted, now)
    ):
        missing.append("trust")
    if _stamp(seen) != dict(wanted.stamp):
        missing.append("stamp")
    if wanted.bootstrap and _blob(wanted.bootstrap) in seen.get("bootstrap", ""):
        missing.append("bootstrap")
    return missing


def ssh_certificate_good(certificate: str, public_key: str, wanted: Wanted, now: datetime) -> bool:
    """Whether a host certificate is for this key, by our CA, for these names, and good for another 30 days.

    Args:
        certificate: OpenSSH certificate line.
        public_key: the host's public key line.
        wanted: names and CA.
        now: time to judge at.
    """
    try:
        found = load_ssh_public_identity(certificate.strip().encode())
        if not isinstance(found, SSHCertificate):
            return False
        found.verify_cert_signature()
        raw = (Encoding.OpenSSH, PublicFormat.OpenSSH)
        return (
            found.signature_key().public_bytes(*raw) == load_ssh_public_key(wanted.host_ca.encode()).public_bytes(*raw)
            and found.public_key().public_bytes(*raw)
            == load_ssh_public_key(public_key.strip().encode()).public_bytes(*raw)
            and {wanted.name.encode(), wanted.address.encode()} <= set(found.valid_principals)
            and found.valid_before > (now + RENEW_BEFORE).timestamp()
        )
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, TypeError):
        return False


def tls_certificate_good(certificate: str, public_key: str, wanted: Wanted, now: datetime) -> bool:
    """Whether a TLS certificate is for this key, by our CA, for this host, and good for another 30 days.

    Args:
        certificate: PEM.
        public_key: PEM of the host's public key.
        wanted: name, address and CA.
        now: time to judge at.
    """
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(wanted.tls_ca.encode()))
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            found.public_key() == load_pem_public_key(public_key.encode())
            and wanted.name in names.get_values_for_type(x509.DNSName)
            and ipaddress.ip_address(wanted.address) in names.get_values_for_type(x509.IPAddress)
            and found.not_valid_after_utc > now + RENEW_BEFORE
        )
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, TypeError, x509.ExtensionNotFound):
        return False


def packages_script(missing: str) -> str:
    """Install what the probe did not find.

    Args:
        missing: the probe's answer; only known names are used.
    """
    names = " ".join(package for command, package in PACKAGES.items() if command in missing.split())
    return f"""{_PREAMBLE}
export DEBIAN_FRONTEND=noninteractive
install() {{ apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 install {names} >&2; }}
install || {{ apt-get -q -o Acquire::Retries=3 update >&2; install; }}
"""


def account_script() -> str:
    """Make the automation account: no password that could ever match, and sudo checked before it counts."""
    return f"""{_PREAMBLE}
getent group verbund >/dev/null || groupadd --system verbund
getent passwd verbund >/dev/null || useradd --system --gid verbund --create-home --home-dir /var/lib/verbund \\
  --shell /bin/sh --comment 'Verbund automation' verbund
# '*' never matches a password, yet sshd without PAM does not take the account for disabled, as it does with '!'.
usermod --password '*' verbund
chmod 0750 /var/lib/verbund
mkdir -p -m 0750 /etc/sudoers.d
new {SUDOERS} 0440 {_encoded(FIXED[SUDOERS])}
visudo -cqf {SUDOERS}.verbund-new || {{ rm -f {SUDOERS}.verbund-new; echo 'visudo refuses the sudo rule' >&2; exit 1; }}
mv -f {SUDOERS}.verbund-new {SUDOERS}
visudo -cq || {{ rm -f {SUDOERS}; echo 'sudo would not work with the rule; it was taken back' >&2; exit 1; }}
"""


def keys_script() -> str:
    """Make the keys that never leave the host: ECDSA for sshd, EC P-384 for TLS (BSI TR-02102-2 and -4, 2026-01)."""
    return f"""{_PREAMBLE}
[ -s {HOST_KEY}.pub ] || ssh-keygen -q -t ecdsa -b 384 -N '' -f {HOST_KEY}
mkdir -p -m 0755 /etc/verbund /etc/verbund/pki
if ! openssl pkey -in {TLS_KEY} -noout 2>/dev/null; then
  (umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out {TLS_KEY}.verbund-new 2>/dev/null)
  mv -f {TLS_KEY}.verbund-new {TLS_KEY}
fi
chown root:root {TLS_KEY}
chmod 0640 {TLS_KEY}
"""


def trust_script(wanted: Wanted, ssh_certificate: str, tls_certificate: str) -> str:
    """Let the host trust the user CA and show its certificates; sshd's new configuration is tested before it counts.

    Args:
        wanted: the CAs.
        ssh_certificate: the host certificate line.
        tls_certificate: PEM.
    """
    texts = {
        USER_CA: wanted.user_ca.strip() + "\n",
        PRINCIPALS: FIXED[PRINCIPALS],
        HOST_CERTIFICATE: ssh_certificate.strip() + "\n",
        TLS_CA: wanted.tls_ca,
        TLS_CERTIFICATE: tls_certificate,
    }
    files = "\n".join(f"put {path} 0644 {_encoded(text)}" for path, text in texts.items())
    return f"""{_PREAMBLE}
mkdir -p -m 0755 /etc/verbund /etc/verbund/pki /etc/ssh/auth_principals /etc/ssh/sshd_config.d /run/sshd
{files}
rm -f {ACCESS}.verbund-old
[ ! -f {ACCESS} ] || cp -p {ACCESS} {ACCESS}.verbund-old
put {ACCESS} 0644 {_encoded(FIXED[ACCESS])}
if ! sshd -t; then
  if [ -f {ACCESS}.verbund-old ]; then mv -f {ACCESS}.verbund-old {ACCESS}; else rm -f {ACCESS}; fi
  echo 'sshd refuses the new configuration; the old one is back in place' >&2
  exit 1
fi
rm -f {ACCESS}.verbund-old
systemctl reload ssh.service 2>/dev/null || systemctl reload sshd.service 2>/dev/null || \\
  kill -HUP "$(cat /run/sshd.pid)"
"""


def stamp_script(wanted: Wanted, today: str) -> str:
    """Note on the host what it is.

    Args:
        wanted: the stamp.
        today: day of enrolment, ISO 8601.
    """
    text = json.dumps({**wanted.stamp, "enrolled": today}, indent=2, sort_keys=True) + "\n"
    return f"{_PREAMBLE}\nmkdir -p -m 0755 /etc/verbund\nput {STAMP} 0644 {_encoded(text)}\n"


def bootstrap_script(wanted: Wanted) -> str:
    """Remove the bootstrap key, and the file when it held nothing else.

    Args:
        wanted: the bootstrap key.
    """
    blob = _blob(wanted.bootstrap or "")
    return f"""{_PREAMBLE}
f=$(getent passwd '{wanted.bootstrap_user}' | cut -d: -f6)/.ssh/authorized_keys
[ -f "$f" ] || exit 0
(umask 077; grep -vF '{blob}' "$f" > "$f.verbund-new" || true)
chown --reference="$f" "$f.verbund-new"
mv -f "$f.verbund-new" "$f"
grep -q '[^[:space:]]' "$f" || rm -f "$f"
"""


# Content travels base64-encoded within the script, the script over standard input: neither quoting nor argv.
_PREAMBLE = """\
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL
umask 022
new() {
  (umask 077; printf %s "$3" | base64 -d > "$1.verbund-new")
  chown root:root "$1.verbund-new"; chmod "$2" "$1.verbund-new"
}
put() { new "$1" "$2" "$3"; mv -f "$1.verbund-new" "$1"; }
"""


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _blob(public_key: str) -> str:
    """The base64 part of a public key line: the same whatever comment or options stand around it."""
    fields = public_key.split()
    return fields[1] if len(fields) > 1 else "\0"


def _stamp(seen: Mapping[str, str]) -> dict[str, str]:
    try:
        found = json.loads(seen.get(STAMP, ""))
        return {str(key): value for key, value in found.items() if key != "enrolled"}
    except (ValueError, AttributeError):
        return {}
