# SPDX-License-Identifier: EUPL-1.2
"""VLAN lists and natural order, as command lines write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

VLAN_IDS = range(1, 4095)
ALL_VLANS = frozenset(VLAN_IDS)
"""What a trunk without a list carries: IEEE 802.1Q reserves 0 and 4095."""

_PART = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
_DIGITS = re.compile(r"(\d+)")


def parse(text: str) -> frozenset[int]:
    """Read ``10,20-22``.

    Raises:
        ValueError: not a list of ids between 1 and 4094 with rising ranges.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if not match:
            raise ValueError(f"not a VLAN list: {text}")
        first, last = int(match[1]), int(match[2] or match[1])
        if first not in VLAN_IDS or last not in VLAN_IDS or last < first:
            raise ValueError(f"not VLAN ids: {part}")
        found.update(range(first, last + 1))
    return frozenset(found)


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Group numbers into ascending runs of consecutive ones, as (first, last)."""
    ordered = sorted(numbers)
    start = 0
    for index in range(1, len(ordered) + 1):
        if index == len(ordered) or ordered[index] != ordered[index - 1] + 1:
            yield ordered[start], ordered[index - 1]
            start = index


def parts(vlans: Iterable[int], *, dash: str = "-", pairs: bool = False) -> list[str]:
    """Write a VLAN set as a list of ids and ranges.

    Args:
        vlans: the ids.
        dash: what stands between the ends of a range; Comware writes `` to ``.
        pairs: whether two neighbours are a range as well (10-11) or stay two ids (10,11).
    """
    result: list[str] = []
    for first, last in runs(vlans):
        if first == last:
            result.append(str(first))
        elif last == first + 1 and not pairs:
            result += [str(first), str(last)]
        else:
            result.append(f"{first}{dash}{last}")
    return result


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts Gi1/0/2 before Gi1/0/10."""
    return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in _DIGITS.split(text) if piece]


def port_list(ports: Iterable[str]) -> str:
    """Write port names with ranges of neighbours: ``1-4,7,Trk1-Trk2``."""
    groups: list[list[str]] = []
    for name in sorted(ports, key=natural):
        stem, number = _split(name)
        if groups and _split(groups[-1][-1]) == (stem, number - 1):
            groups[-1].append(name)
        else:
            groups.append([name])
    return ",".join(group[0] if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)


def _split(name: str) -> tuple[str, int]:
    digits = len(name) - len(name.rstrip("0123456789"))
    return name[: len(name) - digits], int(name[len(name) - digits :] or 0)
