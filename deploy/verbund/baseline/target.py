# SPDX-License-Identifier: EUPL-1.2
"""The hosts to verify, with what ssh and the checks need to know about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from verbund.errors import UsageError


@dataclass(frozen=True, slots=True)
class Target:
    """One host to verify.

    Args:
        name: inventory name.
        variables: inventory variables (plain data): Ansible's connection variables and role settings.
    """

    name: str
    host_class: str
    profile: str = ""
    tenant: str = ""
    site: str = ""
    room: str | None = None
    zone: str = ""
    address: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)


class _Host(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def room(self) -> str | None: ...
    @property
    def host_class(self) -> str: ...
    @property
    def profile(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def address(self) -> str: ...


class Deviation(Protocol):
    """What an accepted exception must tell: see ``verbund.intent.Deviation``."""

    @property
    def owner(self) -> str:
        """Who answers for it."""

    @property
    def reason(self) -> str:
        """Why the control cannot be met."""

    @property
    def compensation(self) -> str:
        """What is done instead."""

    @property
    def expires(self) -> date:
        """Last day it holds."""


class IntentView(Protocol):
    """The part of ``verbund.intent.Intent`` that verification needs."""

    def select(self, limit: str | None) -> Sequence[Any]:
        """The hosts a limit names."""

    def variables(self, host: Any) -> Mapping[str, Any]:
        """The inventory variables of a host."""


def connection_overlay(path: Path) -> dict[str, dict[str, Any]]:
    """The connection variables of a running lab, by host; empty when no lab runs.

    Args:
        path: ``.verbund/lab/connections.json``.

    Raises:
        UsageError: the file is there but is not what the lab writes.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: cannot be read: {error}", "run 'verbund lab down' and 'verbund lab up' again"
        ) from error
    try:
        return {name: dict(entry["vars"]) for name, entry in document["hosts"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{path}: is not a connection file of the lab") from error


def targets_from_intent(intent: IntentView, limit: str | None, connections: Path) -> list[Target]:
    """The hosts of the intent that a limit selects; a running lab says how to reach its hosts.

    Args:
        intent: the loaded intent.
        limit: as in ``Intent.select``; None is all hosts.
        connections: ``.verbund/lab/connections.json``, may be missing.

    Raises:
        UsageError: the limit names something unknown, or the connection file is broken.
    """
    overlay = connection_overlay(connections)
    hosts: Sequence[_Host] = intent.select(limit)
    return [
        Target(
            name=host.name,
            host_class=host.host_class,
            profile=host.profile,
            tenant=host.tenant,
            site=host.site,
            room=host.room,
            zone=host.zone,
            address=host.address,
            variables={
                "ansible_host": host.address,
                "verbund_host_class": host.host_class,
                "verbund_profile": host.profile,
                **intent.variables(host),
                **overlay.get(host.name, {}),
            },
        )
        for host in hosts
    ]
