# SPDX-License-Identifier: EUPL-1.2
"""Let ssh-audit judge a host's sshd over the wire, by its own hardened policies and by ours.

ssh-audit's policies are closed lists that share no key exchange with TR-02102-4, so its own verdict is "failed" for
every host that follows the BSI. What counts is the rest: whether it finds anything that our profile does not state. Our
profile is handed over as a policy file, made from the same crypto data as the host's settings.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from verbund.errors import UnreachableError, UsageError
from verbund.text import one_line

HARDENED = {"bookworm": "Hardened Debian 12 (version 3)", "trixie": "Hardened Debian 13 (version 1)"}
"""Release of a host -> ssh-audit's own policy for its OpenSSH (ssh-audit 3.9)."""

PENALTY = 20.0
"""Seconds between attempts: OpenSSH 10 shuts out who leaves without a login for 15 s and more (PerSourcePenalties)."""

ATTEMPTS = 9

LISTS = {"Host keys": "host keys", "Key exchanges": "key exchanges", "Ciphers": "ciphers", "MACs": "macs"}
"""What ssh-audit calls a list in its findings, and in a policy file."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What to judge by.

    Args:
        name: name of a policy of ssh-audit, or what a policy file is called here.
        file: the file; None for a policy that ssh-audit brings.
        ours: whether it is our crypto profile, against which findings of the others are weighed.
    """

    name: str
    file: Path | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class SshFinding:
    """Something that differs from a policy.

    Args:
        field: what it is about, such as ``Key exchanges``.
        actual: what the host offers.
        expected: what the policy demands.
        stated: whether our crypto profile states all that the host offers there.
    """

    field: str
    actual: tuple[str, ...]
    expected: tuple[str, ...]
    stated: bool


def listed(text: str) -> dict[str, frozenset[str]]:
    """The lists of methods in the text of a policy file.

    Args:
        text: the file, lines of ``key = value, value``.
    """
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {
        key.strip(): frozenset(item.strip() for item in value.split(","))
        for key, _, value in pairs
        if key.strip() in LISTS.values()
    }


def judge(
    port: int, policies: Sequence[Policy], *, note: Callable[[str], None] = lambda _: None
) -> dict[str, tuple[SshFinding, ...]]:
    """Judge the sshd behind a loopback port.

    Args:
        port: the port.
        policies: names and files.
        note: told what is going on.

    Returns:
        Name of the policy -> what differs; empty where the host follows it.

    Raises:
        UsageError: ssh-audit is missing, or does not know a policy.
        UnreachableError: sshd does not talk to it.
    """
    if util.find_spec("ssh_audit") is None:
        raise UsageError(
            "ssh-audit is missing; it is one of the development requirements",
            "run make setup, or: pip install --requirement requirements/dev.txt",
        )
    own: dict[str, frozenset[str]] = {}
    for policy in policies:
        if policy.file is not None and policy.ours:
            for key, methods in listed(policy.file.read_text(encoding="utf-8")).items():
                own[key] = own.get(key, frozenset()) | methods
    found = {}
    for policy in policies:
        note(f"ssh-audit by: {policy.name}")
        found[policy.name] = findings(_ask(port, policy), own)
    return found


def findings(answer: Mapping[str, object], own: Mapping[str, frozenset[str]]) -> tuple[SshFinding, ...]:
    """What differs, from ssh-audit's JSON answer.

    Args:
        answer: the answer; its texts come from the host.
        own: list in a policy file -> methods that our own policies state.
    """
    errors = answer.get("errors")
    result = []
    for error in errors if isinstance(errors, list) else []:
        field = one_line(str(error.get("mismatched_field", "")), 60)
        actual, expected = (
            tuple(one_line(str(item), 80) for item in error.get(key) or []) for key in ("actual", "expected_required")
        )
        stated = own.get(LISTS.get(field, ""))
        result.append(SshFinding(field, actual, expected, stated is not None and set(actual) <= stated))
    return tuple(result)


def _ask(port: int, policy: Policy) -> dict[str, object]:
    """Run ssh-audit, again where sshd does not talk to us because an earlier run left without a login."""
    command = [sys.executable, "-m", "ssh_audit.ssh_audit", "--skip-rate-test", "-n", "-j", "-t", "20"]
    command += ["-P", str(policy.file or policy.name), "-p", str(port), "127.0.0.1"]
    said = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PENALTY)
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, check=False)
        if done.stdout.startswith("{"):
            answer: dict[str, object] = json.loads(done.stdout)
            return answer
        said = one_line(f"{done.stdout} {done.stderr}", 300)
        if "policy" in said.lower() and "connect" not in said.lower():
            raise UsageError(f"ssh-audit cannot use the policy {policy.name}: {said}")
    raise UnreachableError(f"ssh-audit got no answer on port {port}: {said}", "verbund lab status")
