# SPDX-License-Identifier: EUPL-1.2
"""How to reach the lab's hosts: ssh_config, known_hosts and connections.json, always written together."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verbund.files import write_atomically
from verbund.lab.hosts import CONTROLLER
from verbund.pki import KnownHost, TenantKeys, render_known_hosts

HOST_KEY_ALGORITHMS = (
    "ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,"
    "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384"
)


@dataclass(frozen=True, slots=True)
class Access:
    """How one host is reached.

    Args:
        name: host name.
        tenant: name of its tenant.
        port: loopback port that leads to its sshd.
        enrolled: log in as the automation with a certificate, or as root with the bootstrap key.
        host_key: its public host key.
        variables: Ansible variables that hold in the lab instead of the intent's.
    """

    name: str
    tenant: str
    port: int
    enrolled: bool
    host_key: str
    variables: Mapping[str, Any] = field(default_factory=dict)


def write(directory: Path, hosts: Iterable[Access], keys: Mapping[str, TenantKeys]) -> None:
    """Write the three files.

    Args:
        directory: the lab's directory, absolute; ``bootstrap`` in it is the bootstrap key.
        hosts: the hosts.
        keys: tenant -> its keys.
    """
    ordered = sorted(hosts, key=lambda host: host.name)
    vouched = {
        tenant_keys.host_ca_public: [host.name for host in ordered if host.tenant == tenant]
        for tenant, tenant_keys in keys.items()
    }
    # paramiko knows neither HostKeyAlias nor authorities: it looks for [address]:port and a plain key.
    pinned = [KnownHost([host.name, f"[127.0.0.1]:{host.port}"], host.host_key) for host in ordered]
    write_atomically(directory / "known_hosts", render_known_hosts(vouched, pinned), 0o644)
    write_atomically(directory / "ssh_config", ssh_config(directory, ordered, keys), 0o644)
    write_atomically(
        directory / "connections.json", json.dumps(connections(directory, ordered, keys), indent=1) + "\n", 0o644
    )


def ssh_config(directory: Path, hosts: Iterable[Access], keys: Mapping[str, TenantKeys]) -> str:
    """Text of the ssh_config (ssh_config(5)); arguments as for :func:`write`."""
    lines = ["# Written by verbund lab."]
    for host in hosts:
        user, key, certificate = _login(directory, host, keys)
        lines += [
            "",
            f"Host {host.name}",
            "  HostName 127.0.0.1",
            f"  Port {host.port}",
            f"  User {user}",
            f"  IdentityFile {_quoted(key)}",
            *([f"  CertificateFile {_quoted(certificate)}"] if certificate else []),
            f"  HostKeyAlias {host.name}",
        ]
    # Ansible calls hosts by their address (ansible_host), which none of the blocks above matches.
    lines += [
        "",
        "Host *",
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
        "  PreferredAuthentications publickey",
        f"  UserKnownHostsFile {_quoted(directory / 'known_hosts')}",
        "  GlobalKnownHostsFile none",
        "  StrictHostKeyChecking yes",
        "  UpdateHostKeys no",
        f"  HostKeyAlgorithms {HOST_KEY_ALGORITHMS}",
    ]
    return "\n".join(lines) + "\n"


def connections(directory: Path, hosts: Iterable[Access], keys: Mapping[str, TenantKeys]) -> dict[str, Any]:
    """What the inventory lays over a host's variables; arguments as for :func:`write`."""
    result = {}
    for host in hosts:
        user, key, _ = _login(directory, host, keys)
        result[host.name] = {
            "vars": {
                "ansible_host": "127.0.0.1",
                "ansible_port": host.port,
                "ansible_user": user,
                "ansible_ssh_private_key_file": str(key),
                "ansible_ssh_common_args": f"-F {_shell(directory / 'ssh_config')} -o HostKeyAlias={host.name}",
                "firewall_extra_management_sources": [f"{CONTROLLER}/32"],
                **host.variables,
            }
        }
    return {"hosts": result}


def _login(directory: Path, host: Access, keys: Mapping[str, TenantKeys]) -> tuple[str, Path, Path | None]:
    """Account, private key and certificate."""
    if not host.enrolled:
        return "root", directory / "bootstrap", None
    tenant = keys[host.tenant]
    return "verbund", tenant.automation_key, tenant.automation_certificate


def _quoted(path: Path) -> str:
    """A path in ssh_config: quotes for blanks, %% for the sign that starts a token."""
    return '"' + str(path).replace("%", "%%") + '"'


def _shell(path: Path) -> str:
    """A path within ansible_ssh_common_args, which Ansible splits like a shell."""
    return shlex.quote(str(path))
