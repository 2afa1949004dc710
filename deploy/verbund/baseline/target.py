# SPDX-License-Identifier: EUPL-1.2
"""The hosts to verify, with what ssh and the checks need to know about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verbund.intent import Host


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


def targets_of(hosts: Iterable[Host], variables: Mapping[str, Mapping[str, Any]]) -> list[Target]:
    """Hosts of the intent as targets.

    Args:
        hosts: hosts of the intent.
        variables: host name -> what roles and Ansible know of it (``inventory.variables.effective``).
    """
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
            variables=variables[host.name],
        )
        for host in hosts
    ]
