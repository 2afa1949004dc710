# SPDX-License-Identifier: EUPL-1.2
"""Inventories for Ansible and pyinfra, compiled from the intent; and how each host is reached.

``compiled`` turns the intent into the compact form that both inventories are made of and keeps it in a cache that is
keyed by content. ``Connections`` is the only place that says how to reach a host. Nothing here imports Ansible or
pyinfra, so that the Ansible plugin and the pyinfra inventory stay thin.
"""

from __future__ import annotations

from verbund.inventory.compile import Compiled, Settings, compiled
from verbund.inventory.connection import Bootstrap, Connections, Route

__all__ = ["Bootstrap", "Compiled", "Connections", "Route", "Settings", "compiled"]
