# SPDX-License-Identifier: EUPL-1.2
"""What each host was last brought to, role by role, so that a later run knows which roles have something new to say.

A role's fingerprint on a host is made of the role's files, of the modules that do the work, and of the variables of
that host which these files name, as Ansible itself sees them (group_vars and host_vars included). The ledger lies with
the controller. Where it knows nothing, after a clone or a rollout by plain Ansible, the roles count as changed: they
run once more and change nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from verbund.files import write_atomically
from verbund.inventory.variables import as_ansible_sees

_WORD = re.compile(r"VB-[A-Z]+-[0-9]+|[A-Za-z_][A-Za-z0-9_]*")
_EXCEPTED = "verbund_excepted_controls"
_WORKERS = ("modules", "module_utils", "action")


@dataclass(frozen=True, slots=True)
class _Role:
    digest: str
    words: frozenset[str]


@dataclass(slots=True)
class Ledger:
    """The ledger of a project; ask it before a rollout, since it looks at files and variables as they are now.

    Args:
        root: the project.
        directory: where what was applied is kept, one file per host; usually ``.verbund/applied``.
        playbook: whose roles count, relative to the project.
    """

    root: Path
    directory: Path
    playbook: str = "playbooks/site.yml"
    _wanted: dict[str, dict[str, str]] = field(default_factory=dict)

    def look(self, hosts: Sequence[str]) -> None:
        """Take the fingerprints of hosts as they are now.

        Args:
            hosts: inventory names.

        Raises:
            VerbundError: Ansible cannot read the inventory.
        """
        variables = as_ansible_sees(self.root, hosts)
        roles = {name: _role(self.root, name) for name in self.roles()}
        self._wanted |= {
            host: {name: _fingerprint(name, role, variables.get(host, {})) for name, role in roles.items()}
            for host in hosts
        }

    def changed(self, host: str) -> set[str]:
        """Roles that were not applied to a host in the form they have now.

        Args:
            host: one that was looked at.
        """
        applied = self._applied(host)
        return {role for role, fingerprint in self._wanted[host].items() if applied.get(role) != fingerprint}

    def applied(self, host: str, roles: Collection[str] | None = None) -> None:
        """Note that roles were applied to a host in the form they had when it was looked at.

        Args:
            host: the host.
            roles: which; None for all of the playbook. What is no role, such as the tag of a control, is left out: a
                part of a role proves nothing about the whole.
        """
        wanted = self._wanted.get(host, {})
        done = {role: wanted[role] for role in (wanted if roles is None else roles) if role in wanted}
        known = {role: mark for role, mark in self._applied(host).items() if role in wanted}
        write_atomically(self._path(host), json.dumps(known | done, indent=1, sort_keys=True) + "\n")

    def roles(self) -> list[str]:
        """The roles of the playbook, in its order."""
        plays = yaml.safe_load((self.root / self.playbook).read_text(encoding="utf-8")) or []
        listed = [entry for play in plays for entry in play.get("roles", [])]
        return [entry["role"] if isinstance(entry, dict) else entry for entry in listed]

    def _path(self, host: str) -> Path:
        return self.directory / f"{host}.json"

    def _applied(self, host: str) -> dict[str, str]:
        try:
            found = json.loads(self._path(host).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _role(root: Path, name: str) -> _Role:
    digest, words = hashlib.sha256(), set()
    shared = [root / "plugins" / kind for kind in _WORKERS]
    for top in (root / "roles" / name, *shared):
        for path in sorted(top.rglob("*")):
            # What a control says changes no host.
            if not path.is_file() or path.name == "controls.yml" or "__pycache__" in path.parts:
                continue
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode() + content)
            if top not in shared:
                words |= set(_WORD.findall(content.decode("utf-8", "replace")))
    return _Role(digest.hexdigest(), frozenset(words))


def _fingerprint(name: str, role: _Role, variables: Mapping[str, Any]) -> str:
    used = {key: value for key, value in variables.items() if key in role.words and not key.startswith("ansible_")}
    if _EXCEPTED in used:
        # Every role asks for deviations; only those of its own controls are news to it.
        used[_EXCEPTED] = [control for control in used[_EXCEPTED] if _plain(control) in role.words]
    return hashlib.sha256(f"{name}\0{role.digest}\0{json.dumps(used, sort_keys=True)}".encode()).hexdigest()


def _plain(value: Any) -> str:
    return str(value.get("__ansible_unsafe", "")) if isinstance(value, dict) else str(value)
