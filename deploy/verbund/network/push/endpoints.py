# SPDX-License-Identifier: EUPL-1.2
"""Where a switch is: at the address of the plan, or, while a lab stands in for it, at a port of this machine.

``$VERBUND_SWITCHES`` names a file of test switches, as ``python -m verbund.lab.switches --endpoints FILE`` writes it.
While it is set, no other switch is contacted: a forgotten entry is an error and never a real address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml

from verbund.errors import UsageError

VARIABLE = "VERBUND_SWITCHES"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a switch listens.

    Args:
        host: address.
        port: TCP port.
        host_keys: its keys; None takes those of the site file.
        user: login name; None takes that of the standard.
        password: its password; None takes that of the vault.
    """

    host: str
    port: int = 22
    host_keys: tuple[str, ...] | None = None
    user: str | None = None
    password: str | None = None


def lab(environment: Mapping[str, str] | None = None) -> dict[str, Endpoint] | None:
    """The test switches that stand in for the real ones; None when there are none.

    Args:
        environment: default that of the process.

    Raises:
        UsageError: the file is damaged, or names an address that is not this machine's.
    """
    name = (os.environ if environment is None else environment).get(VARIABLE)
    if not name:
        return None
    path = Path(name)
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {
            str(switch): Endpoint(
                str(ip_address(entry["host"])),
                int(entry["port"]),
                (str(entry["host_key"]),),
                str(entry.get("user", "admin")),
                str(entry.get("password", "admin")),
            )
            for switch, entry in document.items()
        }
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"${VARIABLE}: {path} is no list of test switches: {error}",
            "let 'python -m verbund.lab.switches --endpoints FILE' write it, or unset the variable",
        ) from None
    for switch, endpoint in found.items():
        if not ip_address(endpoint.host).is_loopback:
            raise UsageError(
                f"${VARIABLE}: {switch} is at {endpoint.host}, which is not this machine",
                "test switches listen on 127.0.0.1; unset the variable to reach real ones",
            )
    return found
