# SPDX-License-Identifier: EUPL-1.2
"""A mapping that works out its values when somebody asks: most lines of a change concern one port of fifty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")


class Lazy(Mapping[str, V], Generic[V]):
    """Values by name, worked out each time.

    Args:
        names: the keys, in their order.
        find: gives the value of one.
    """

    def __init__(self, names: Sequence[str], find: Callable[[str], V]) -> None:
        self._names = names
        self._find = find

    def __getitem__(self, name: str) -> V:
        if name not in self._names:
            raise KeyError(name)
        return self._find(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
