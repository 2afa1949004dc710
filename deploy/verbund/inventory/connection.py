# SPDX-License-Identifier: EUPL-1.2
"""How a host is reached: the one place that Ansible, pyinfra and verification ask.

In production a host is reached by its planned address over SSH, as the account ``verbund`` with the tenant's
automation certificate, jumping over the gateway of its site; its host certificate is checked against the tenant's host
CA. In the lab ``.verbund/lab/connections.json`` says where a host really is. Either way OpenSSH gets one configuration
file per tenant (or the lab's), so that options reach the jump host too and an admin can use the same file:
``ssh -F .verbund/ssh/<tenant>.conf <host>``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbund.errors import UsageError
from verbund.files import write_atomically

if TYPE_CHECKING:
    from verbund.intent import Host, Intent

ACCOUNT = "verbund"
HOST_KEY = "/etc/ssh/ssh_host_ecdsa_key"
"""A host's own SSH key, on the host; its certificate lies beside it."""
_HOST_CERTIFICATES = ",".join(f"ecdsa-sha2-nistp{bits}-cert-v01@openssh.com" for bits in (384, 256, 521))


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How a host is reached before it is enrolled.

    Args:
        user: account the image brings.
        key: private key of that account on the controller.
    """

    user: str
    key: Path

    def public_key(self) -> str:
        """The public key line that belongs to ``key``.

        Raises:
            UsageError: neither ``<key>.pub`` nor ``key`` can be read.
        """
        public = self.key.with_name(f"{self.key.name}.pub")
        if public.is_file():
            return public.read_text(encoding="utf-8").strip()
        done = subprocess.run(
            ["ssh-keygen", "-y", "-P", "", "-f", str(self.key)], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise UsageError(
                f"{self.key}: cannot be read as a private SSH key without passphrase: {done.stderr.strip()}"
            )
        return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Route:
    """How one host is reached.

    Args:
        name: inventory name; also the ``Host`` block in ``ssh_config``.
        ssh_config: OpenSSH configuration that holds address, account, keys, known hosts and jump host.
        address: where TCP connects to (behind the jump host, if there is one).
        port: TCP port.
        identity: private key of the automation account; its certificate lies beside it.
        known_hosts: file with the tenant's host CA and pinned host keys.
        lab: True when the lab says so.
        jump: the gateway that leads to it, or None.
    """

    name: str
    ssh_config: Path
    address: str
    port: int
    identity: Path
    known_hosts: Path
    lab: bool
    jump: str | None = None

    def argv(self, *command: str, require_certificate: bool = False, timeout: int = 15) -> list[str]:
        """An ``ssh`` command line for this host that never asks and never multiplexes.

        Args:
            command: what to run there.
            require_certificate: accept the host only by its certificate, not by a pinned key.
            timeout: seconds to wait for the connection.
        """
        options = ["-l", ACCOUNT, "-i", str(self.identity), "-o", f"CertificateFile={self.identity}-cert.pub"]
        options += ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={timeout}", "-o", "ControlPath=none"]
        options += ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
        if require_certificate:
            options += ["-o", f"HostKeyAlgorithms={_HOST_CERTIFICATES}"]
        return ["ssh", "-F", str(self.ssh_config), *options, self.name, *command]

    def answers(self, *command: str, require_certificate: bool = False, timeout: int = 15) -> tuple[bool, str]:
        """Whether a command succeeds over a new connection, and what ssh said.

        Args:
            command: what to run there; read-only.
            require_certificate: accept the host only by its certificate.
            timeout: seconds for the connection; the whole call ends after three times that.
        """
        try:
            done = subprocess.run(
                self.argv(*command, require_certificate=require_certificate, timeout=timeout),
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=3 * timeout,
            )
        except subprocess.TimeoutExpired:
            return False, f"no answer within {3 * timeout} s"
        return done.returncode == 0, done.stderr[-1000:].decode(errors="replace").strip()

    def tunnel(self, *, timeout: int = 15) -> list[str] | None:
        """An ``ssh`` command line that carries bytes through the gateway to this host's sshd; None without a gateway.

        Args:
            timeout: seconds to wait for the gateway.
        """
        if self.jump is None:
            return None
        options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={timeout}", "-o", "ControlPath=none"]
        return ["ssh", "-F", str(self.ssh_config), *options, "-W", f"{self.address}:{self.port}", self.jump]

    def certified_key(self, *, timeout: int = 15) -> tuple[str, str]:
        """Ask a host that proves itself by certificate for its plain key, for clients that know no certificates.

        Args:
            timeout: seconds for the connection; the whole call ends after three times that.

        Returns:
            type and key in one line, and why there is none.
        """
        argv = self.argv("cat", f"{HOST_KEY}.pub", require_certificate=True, timeout=timeout)
        # A host may send what it likes; a public key is short.
        call = ["timeout", "--kill-after=1", str(3 * timeout), "sh", "-c", '"$@" | head -c 4096', "sh", *argv]
        done = subprocess.run(call, check=False, stdin=subprocess.DEVNULL, capture_output=True)
        words = done.stdout.decode(errors="replace").split()
        if len(words) < 2 or not words[0].startswith("ecdsa-sha2-"):
            return "", last_words(done.stderr) or f"no answer within {3 * timeout} s"
        return " ".join(words[:2]), ""


@dataclass(frozen=True, slots=True)
class Connections:
    """Routes to the hosts of a project.

    Args:
        state: the project's state directory (``.verbund``).
        lab: variables the running lab lays over the inventory, per host; empty without a lab.
        lab_directory: where the lab keeps ssh_config, known_hosts and its bootstrap key; None without a lab.
    """

    state: Path
    lab: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lab_directory: Path | None = None

    @classmethod
    def load(cls, state: Path, path: Path | None = None) -> Connections:
        """Read what a running lab says, if there is one.

        Args:
            state: the project's state directory.
            path: the lab's file; default ``lab/connections.json`` in ``state``. A missing file means no lab.

        Raises:
            UsageError: the file is there but is not what the lab writes.
        """
        file = path or state / "lab" / "connections.json"
        try:
            hosts = json.loads(file.read_text(encoding="utf-8"))["hosts"]
            lab = {str(name): dict(entry["vars"]) for name, entry in hosts.items()}
        except FileNotFoundError:
            return cls(state)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{file}: this is not a connections file of the lab ({type(error).__name__}: {error})",
                "run 'verbund lab down' and 'verbund lab up', or remove the file if no lab is running",
            ) from None
        return cls(state, lab, file.parent)

    def bootstrap_for(self, name: str) -> Bootstrap | None:
        """How to reach a host that is not enrolled: the lab's way, else ``$VERBUND_BOOTSTRAP_KEY`` and ``_USER``."""
        if name in self.lab and self.lab_directory is not None:
            return Bootstrap("root", self.lab_directory / "bootstrap")
        key = os.environ.get("VERBUND_BOOTSTRAP_KEY")
        return Bootstrap(os.environ.get("VERBUND_BOOTSTRAP_USER", "root"), Path(key)) if key else None

    def identity(self, tenant: str) -> Path:
        """Private key of the tenant's automation account."""
        return self.state / "keys" / tenant / "automation"

    def ssh_config(self, tenant: str) -> Path:
        """OpenSSH configuration of a tenant's hosts."""
        return self.state / "ssh" / f"{tenant}.conf"

    def known_hosts(self, tenant: str) -> Path:
        """Host CA and pinned host keys of a tenant."""
        return self.state / "ssh" / f"{tenant}.known_hosts"

    def tenant_vars(self, tenant: str) -> dict[str, Any]:
        """Ansible's connection variables for a tenant's hosts; empty as long as the tenant has no keys here.

        Without keys Ansible uses what the admin's own ssh configuration says.
        """
        if not self.identity(tenant).is_file():
            return {}
        return {
            "ansible_user": ACCOUNT,
            "ansible_ssh_private_key_file": str(self.identity(tenant)),
            "ansible_ssh_common_args": f"-F {_quoted(self.ssh_config(tenant))}",
        }

    def variables(self, intent: Intent, hosts: Iterable[Host]) -> dict[str, dict[str, Any]]:
        """What Ansible's variables have to say so that each host is reached: the lab's way, or the tenant's.

        Writes the OpenSSH configuration of the tenants it needs.

        Args:
            intent: the loaded intent.
            hosts: which of its hosts.
        """
        outside = [host for host in hosts if host.name not in self.lab]
        self.prepare_tenants(intent, {host.tenant for host in outside})
        return {name: dict(variables) for name, variables in self.lab.items()} | {
            host.name: {"ansible_host": host.address, **self.tenant_vars(host.tenant)} for host in outside
        }

    def prepare_tenants(self, intent: Intent, tenants: Iterable[str]) -> None:
        """Write the OpenSSH configuration of some tenants; see :meth:`prepare`.

        Args:
            intent: the loaded intent.
            tenants: whose hosts.
        """
        over = jumps(intent.hosts)
        for tenant in sorted(tenants):
            own = [host for host in intent.hosts if host.tenant == tenant]
            self.prepare(tenant, [(host.name, host.address, over.get(host.name)) for host in own])

    def prepare(self, tenant: str, hosts: Iterable[tuple[str, str, str | None]]) -> None:
        """Write the tenant's OpenSSH configuration and trust its host CA; unchanged files stay untouched.

        Args:
            tenant: short name of the tenant; nothing is done while it has no keys here.
            hosts: name, address and jump host of all its hosts.
        """
        if not self._renew(tenant):
            return
        identity = self.identity(tenant)
        blocks = ["# Written by Verbund from the intent; local changes are overwritten."]
        for name, address, jump in hosts:
            block = [f"Host {name} {address}", f"  HostName {address}", f"  HostKeyAlias {name}"]
            blocks.append("\n".join([*block, f"  ProxyJump {jump}"] if jump else block))
        blocks.append(
            "\n".join(
                [
                    "Host *",
                    f"  User {ACCOUNT}",
                    f"  IdentityFile {_quoted(identity)}",
                    f"  CertificateFile {_quoted(identity.with_name(identity.name + '-cert.pub'))}",
                    "  IdentitiesOnly yes",
                    f"  UserKnownHostsFile {_quoted(self.known_hosts(tenant))}",
                    "  GlobalKnownHostsFile none",
                    "  StrictHostKeyChecking yes",
                    "  UpdateHostKeys no",
                    "  ServerAliveInterval 15",
                    "  ServerAliveCountMax 3",
                ]
            )
        )
        _write_if_changed(self.ssh_config(tenant), "\n\n".join(blocks) + "\n")
        # Pinned keys that an admin put there (a new machine, before it has a certificate) are kept.
        known = self.known_hosts(tenant)
        kept = known.read_text(encoding="utf-8").splitlines() if known.is_file() else []
        lines = [line for line in kept if not line.startswith("@cert-authority ")]
        authority = identity.with_name("host_ca.pub").read_text(encoding="utf-8").split()
        _write_if_changed(
            known, "".join(f"{line}\n" for line in [f"@cert-authority * {' '.join(authority[:2])}", *lines])
        )

    def _renew(self, tenant: str) -> bool:
        """Make sure the automation's certificate (hours, not days) is good; False while the tenant has no keys."""
        if not self.identity(tenant).is_file():
            return False
        from verbund.pki import TenantKeys  # noqa: PLC0415 - loads cryptography, which a tenant without keys can do without

        TenantKeys.ensure(self.state, tenant).ensure_automation_certificate()
        return True

    def route(self, name: str, tenant: str, address: str, jump: str | None = None) -> Route:
        """How to reach one host.

        Args:
            name: inventory name.
            tenant: the tenant whose keys open it.
            address: planned IPv4 address; the lab may say otherwise.
            jump: the gateway that leads to it, see :func:`jumps`; the lab needs none.
        """
        lab, directory = self.lab.get(name), self.lab_directory
        if lab is None or directory is None:
            return Route(
                name=name,
                ssh_config=self.ssh_config(tenant),
                address=address,
                port=22,
                identity=self.identity(tenant),
                known_hosts=self.known_hosts(tenant),
                lab=False,
                jump=jump,
            )
        return Route(
            name=name,
            ssh_config=directory / "ssh_config",
            address=str(lab.get("ansible_host", address)),
            port=int(lab.get("ansible_port", 22)),
            identity=self.identity(tenant),
            known_hosts=directory / "known_hosts",
            lab=True,
        )


def last_words(stderr: bytes) -> str:
    """Why ssh gave up: where a connection could not be made that line, else the last that says something of its own.

    Behind a jump host that does not answer, later lines only say that the rest of the way is missing, and the last of
    all speaks of a connection to nowhere (port 65535).

    Args:
        stderr: what ssh printed, login banners included.
    """
    lines = [line.strip() for line in stderr[-2000:].decode(errors="replace").splitlines()]
    said = [line for line in lines if line and "port 65535" not in line]
    return next((line for line in said if line.startswith("ssh: ")), said[-1] if said else "")


def jumps(hosts: Iterable[Host]) -> dict[str, str]:
    """Which gateway leads to a host: the first of its site; a gateway itself is reached directly.

    Args:
        hosts: all hosts of the tenants in question.
    """
    hosts = list(hosts)
    first: dict[tuple[str, str], Host] = {}
    for host in hosts:
        if host.host_class == "gateway":
            known = first.setdefault((host.tenant, host.site), host)
            if host.number < known.number:
                first[host.tenant, host.site] = host
    return {
        host.name: first[host.tenant, host.site].name
        for host in hosts
        if host.host_class != "gateway" and (host.tenant, host.site) in first
    }


def _quoted(path: Path) -> str:
    """A path as one word of ssh_config(5) and of a shell: quoted only where it must be."""
    text = str(path)
    return f'"{text}"' if any(c.isspace() for c in text) else text


def _write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)
