# SPDX-License-Identifier: EUPL-1.2
"""Cut hosts into waves: one canary, a few, the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from verbund.errors import UsageError

if TYPE_CHECKING:
    from verbund.intent import Host

DEFAULT = "1,10,rest"

# Servers first, because clients ask them for time and send them logs; gateways last, because a site hangs on each.
_ORDER = {"server": 0, "client": 1, "laptop": 2, "gateway": 3}


def order(hosts: Sequence[Host]) -> list[Host]:
    """Hosts in the order they are rolled out to; otherwise as the intent lists them.

    Args:
        hosts: selected hosts.
    """
    return sorted(hosts, key=lambda host: _ORDER.get(host.host_class, len(_ORDER)))


def parse_waves(text: str) -> list[int | float]:
    """Sizes of waves: an int is a number of hosts, a float a share of all hosts.

    Args:
        text: like ``1,10,50%`` or ``1,rest``; the last size is repeated until no host is left.

    Raises:
        UsageError: it is something else.
    """
    sizes: list[int | float] = []
    for raw in text.split(","):
        part = raw.strip()
        if part == "rest":
            sizes.append(1.0)
        elif re.fullmatch(r"[1-9]\d{0,5}", part):
            sizes.append(int(part))
        elif re.fullmatch(r"[1-9]\d?%|100%", part):
            sizes.append(int(part[:-1]) / 100)
        else:
            raise UsageError(
                f"--waves {text!r}: {part!r} is not a size of a wave", "write numbers, percentages or 'rest': 1,10,50%"
            )
    return sizes


def split(names: Sequence[str], sizes: Sequence[int | float]) -> list[list[str]]:
    """Cut host names into waves; each host is in exactly one, none is empty.

    Args:
        names: hosts in order.
        sizes: what ``parse_waves`` returned.
    """
    waves: list[list[str]] = []
    start = 0
    while start < len(names):
        size = sizes[min(len(waves), len(sizes) - 1)]
        count = size if isinstance(size, int) else max(1, math.ceil(size * len(names)))
        waves.append(list(names[start : start + count]))
        start += count
    return waves
