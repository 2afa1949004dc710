# SPDX-License-Identifier: EUPL-1.2
"""Render known_hosts: the host keys a controller believes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from verbund.errors import UsageError


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A host key that was put into the host by ourselves and is therefore known before the first connection.

    Args:
        names: names the host is addressed by (``HostKeyAlias``, ``[127.0.0.1]:40001``).
        public_key: its public host key, ``ecdsa-sha2-nistp256 AAAA... comment``.
    """

    names: Sequence[str]
    public_key: str


def render_known_hosts(authorities: Mapping[str, Iterable[str]], pinned: Iterable[KnownHost]) -> str:
    """Render the text of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

    A certificate authority is only believed for the names given with it, so the CA of one tenant cannot vouch for a
    host of another. The pinned keys serve clients that know no authorities (paramiko, and with it pyinfra).

    Args:
        authorities: host CA public key -> the names it may vouch for.
        pinned: host keys known one by one.

    Raises:
        UsageError: a name cannot stand in a known_hosts file.
    """
    lines = ["# Written by verbund. Host keys were put into the hosts by verbund; nothing here was learned by trust."]
    for public_key, names in authorities.items():
        listed = _names(names)
        if listed:
            lines.append(f"@cert-authority {listed} {_key(public_key)}")
    lines += [f"{_names(host.names)} {_key(host.public_key)}" for host in pinned]
    return "\n".join(lines) + "\n"


def _names(names: Iterable[str]) -> str:
    ordered = sorted(set(names))
    for name in ordered:
        if not name or any(character in " \t\r\n,#!*?|@" for character in name):
            raise UsageError(f"{name!r} cannot stand in a known_hosts file", "host names are letters, digits, - and .")
    return ",".join(ordered)


def _key(public_key: str) -> str:
    """Type and key of a public key line, without its comment."""
    fields = public_key.split()
    if len(fields) < 2:
        raise UsageError(f"this is not a public SSH key: {public_key[:40]!r}")
    return f"{fields[0]} {fields[1]}"
