# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible inventory from the intent: tenants, sites, rooms, host classes, profiles, zones."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible.errors import AnsibleParserError
from ansible.inventory.group import Group
from ansible.inventory.host import Host
from ansible.plugins.inventory import BaseInventoryPlugin

DOCUMENTATION = r"""
name: verbund
short_description: Hosts of all sites, from the intent
version_added: "2026.1.0"
author: Verbund maintainers
description:
  - Reads the intent (tenants, sites, rooms, devices) that lies beside the inventory source.
  - Makes hosts and groups of it.
  - "Groups: C(tenant_<tenant>), C(site_<tenant>_<site>), C(room_<tenant>_<site>_<room>), C(class_<class>),
    C(profile_<profile>), C(zone_<zone>), and C(lab) for hosts that run in the lab."
  - Settings lie on generated groups C(settings_...), one per distinct set, so that C(group_vars) and C(host_vars)
    beside the source override them. Among C(group_vars) files a room beats a profile, a profile beats a site,
    a site beats a tenant, as in the intent.
  - Strings of the intent are never treated as templates.
options:
  plugin:
    description: Marks the file as a source of this plugin.
    required: true
    choices: [verbund, verbund.standard.verbund]
  tenants:
    description: Load only these tenants; files of others are not opened. Empty means all.
    type: list
    elements: str
    default: []
    env:
      - name: VERBUND_TENANTS
  compiled_cache:
    description: Keep the compiled inventory in the state directory, keyed by the content of everything it depends on.
    type: bool
    default: true
  connections:
    description: Where a running lab says how its hosts are reached, relative to the source; ignored when missing.
    type: str
    default: ../.verbund/lab/connections.json
"""

EXAMPLES = r"""
plugin: verbund

# one tenant only
plugin: verbund
tenants: [erkrath]
"""

# Depth and priority make Ansible rank group_vars files as the intent ranks its levels:
# class, tenant, zone (depth 1) < site < profile (depth 2, by priority) < room (depth 3).
UMBRELLAS = {"profile": "profiles", "settings": "settings"}
PROFILE_PRIORITY = 2


class InventoryModule(BaseInventoryPlugin):
    """The inventory plugin; all knowledge of the intent is in the package ``verbund``."""

    NAME = "verbund"
    # Explicit, because it is what keeps a "{{ }}" in an intent file from running on the controller.
    trusted_by_default = False

    def verify_file(self, path: str) -> bool:
        """Accept ``verbund.yml`` and files named ``*.verbund.yml``."""
        return super().verify_file(path) and Path(path).name.endswith(("verbund.yml", "verbund.yaml"))

    def parse(self, inventory, loader, path, cache=True):  # noqa: D102 - the base class says it
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        source = Path(path).absolute()
        _make_importable(source.parent.parent)
        try:
            from verbund.errors import VerbundError
            from verbund.inventory import Connections, compiled
        except ImportError as error:
            raise AnsibleParserError(
                f"the Python package 'verbund' cannot be imported by {sys.executable}: {error}. "
                "Run Ansible from the environment that 'make' builds, or install the package there."
            ) from error

        state = source.parent.parent / ".verbund"
        try:
            model = compiled(
                source.parent,
                [str(tenant) for tenant in self.get_option("tenants")] or None,
                state=state if self.get_option("compiled_cache") else None,
            )
            connections = Connections.load(state, (source.parent / self.get_option("connections")).absolute())
            self._fill(model, connections, path)
        except VerbundError as error:
            raise AnsibleParserError(f"the intent has errors, nothing was contacted:\n{error}") from None
        except OSError as error:
            raise AnsibleParserError(f"{error.filename}: {error.strerror}") from error

    def _fill(self, model, connections, path) -> None:
        """Build Ansible's objects directly: its add_host and set_variable cost minutes at 50,000 hosts."""
        from ansible import constants

        tree = _Tree(self.inventory)
        settings = [tree.group(item.name, item.variables) for item in model.settings]
        memberships = [[tree.group(name) for name in names] for names in model.memberships]
        for names in model.memberships:
            tree.nest(names)
        lab = tree.group("lab") if connections.lab else None
        for tenant, indices in model.tenants().items():
            tree.group(f"tenant_{tenant}").vars.update(connections.tenant_vars(tenant))
            connections.prepare(
                tenant, [(model.names[i], model.own["verbund_address"][i], model.jumps[i]) for i in indices]
            )
        tree.close()

        ancestry: dict[tuple[int, int], list[Group]] = {}
        where = {"inventory_file": path, "inventory_dir": str(Path(path).parent)}
        columns = list(model.own.items())
        hosts = self.inventory.hosts
        for index, name in enumerate(model.names):
            host = Host(name)
            host.vars = {key: column[index] for key, column in columns}
            host.vars["ansible_host"] = host.vars["verbund_address"]
            host.vars.update(where)
            key = (model.settings_of[index], model.groups_of[index])
            direct = [settings[key[0]], *memberships[key[1]]]
            groups = ancestry.get(key)
            if groups is None:
                groups = ancestry[key] = tree.with_ancestors(direct)
            host.groups = groups.copy()
            overlay = connections.lab.get(name)
            if overlay is not None:
                host.vars.update(overlay)
                host.groups.append(lab)
                lab.hosts.append(host)
            for group in direct:
                group.hosts.append(host)
            hosts[name] = host
        if constants.DEFAULT_DEBUG:
            self.display.debug(f"verbund: {len(model.names)} hosts, {len(self.inventory.groups)} groups")


class _Tree:
    """The groups of one inventory and their nesting."""

    def __init__(self, inventory):
        self._groups = inventory.groups
        self._all = inventory.groups["all"]
        self._new: dict[str, Group] = {}
        self._parents: dict[str, str] = {}

    def group(self, name, variables=None):
        """The group of that name, made if missing."""
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = self._new[name] = Group(name)
            group.vars = dict(variables or {})
            kind = name.partition("_")[0]
            if kind in UMBRELLAS and name not in UMBRELLAS.values():
                self.group(UMBRELLAS[kind])
                self._parents[name] = UMBRELLAS[kind]
            if kind == "profile":
                group.priority = PROFILE_PRIORITY
        return group

    def nest(self, names):
        """Put the room of a host into its site, and the site into its tenant."""
        kinds = {name.partition("_")[0]: name for name in names}
        for child, parent in (("room", "site"), ("site", "tenant")):
            if child in kinds and parent in kinds:
                self._parents[kinds[child]] = kinds[parent]

    def close(self):
        """Link all new groups, parents before children."""
        depth = {"all": 0}

        def place(name):
            if name not in depth:
                parent = self._parents.get(name, "all")
                place(parent)
                group, above = self._new.get(name), self._groups[parent]
                depth[name] = depth[parent] + 1
                if group is not None:
                    above.child_groups.append(group)
                    group.parent_groups.append(above)
                    group.depth = depth[name]

        for name in list(self._new):
            place(name)

    def with_ancestors(self, groups):
        """The groups a host is in, directly or not, without repetition; Ansible wants them on the host."""
        found = {self._all.name: self._all}
        for group in groups:
            while group.name not in found:
                found[group.name] = group
                group = group.parent_groups[0]  # noqa: PLW2901
        return list(found.values())


def _make_importable(checkout: Path) -> None:
    """In a checkout the package lies in ``deploy/``, beside the inventory or beside this plugin."""
    import importlib.util

    if importlib.util.find_spec("verbund") is None:
        for root in (checkout, Path(__file__).resolve().parent.parent.parent):
            if (root / "deploy" / "verbund" / "__init__.py").is_file():
                sys.path.insert(0, str(root / "deploy"))
                return
