# SPDX-License-Identifier: EUPL-1.2
"""Variables of hosts as a role sees them: what the intent says, and what group_vars and host_vars lay over it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbund.errors import VerbundError

if TYPE_CHECKING:
    from verbund.intent import Host, Intent
    from verbund.inventory.connection import Connections

PLAYBOOKS = "playbooks"
_PLACES = tuple(f"{place}/{kind}" for place in ("inventory", PLAYBOOKS) for kind in ("group_vars", "host_vars"))


def effective(root: Path, intent: Intent, hosts: Iterable[Host], connections: Connections) -> dict[str, dict[str, Any]]:
    """What the checks have to know of hosts: the variables that the roles ran with, and how each host is reached.

    Ansible is asked only where there are ``group_vars`` or ``host_vars``, because it takes seconds to start. Values
    with ``{{ }}`` in these files stay as they are written.

    Args:
        root: the project.
        intent: the loaded intent.
        hosts: which of its hosts.
        connections: how hosts are reached.

    Returns:
        host name -> variables, plain data.

    Raises:
        VerbundError: Ansible cannot read the inventory.
    """
    chosen = list(hosts)
    overridden = any((root / place).exists() for place in _PLACES)
    laid = as_ansible_sees(root, [host.name for host in chosen]) if overridden and chosen else {}
    reached = connections.variables(intent, chosen)
    return {
        host.name: {**intent.variables(host), **laid.get(host.name, {}), **reached.get(host.name, {})}
        for host in chosen
    }


def as_ansible_sees(root: Path, hosts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every variable of hosts, by ``ansible-inventory``.

    Args:
        root: the project.
        hosts: inventory names.

    Raises:
        VerbundError: Ansible cannot read the inventory.
    """
    command = [sys.executable, "-m", "ansible", "inventory", "--list", "--playbook-dir", str(root / PLAYBOOKS)]
    # A file, because the names of a whole fleet are longer than a single argument may be.
    with tempfile.NamedTemporaryFile("w", suffix=".hosts", encoding="utf-8") as limit:
        limit.write("".join(f"{host}\n" for host in hosts))
        limit.flush()
        done = subprocess.run(
            [*command, "--limit", f"@{limit.name}"],
            cwd=root,
            env={**os.environ, "ANSIBLE_CONFIG": str(root / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise VerbundError(
            f"Ansible cannot read the inventory: {done.stderr.strip()[-600:]}",
            "look with: ansible-inventory --list",
        )
    found: dict[str, dict[str, Any]] = json.loads(done.stdout, object_hook=_plain).get("_meta", {}).get("hostvars", {})
    return found


def _plain(value: dict[str, Any]) -> Any:
    """Take off the mark that ansible-inventory puts on text that must not be templated."""
    return value["__ansible_unsafe"] if value.keys() == {"__ansible_unsafe"} else value
