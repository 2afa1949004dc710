# SPDX-License-Identifier: GPL-3.0-or-later
"""Where boxes of a drawing stand so that lines cross as little as possible (layered drawing after Sugiyama).

igraph finds the order within each layer and the way of lines that pass a layer; it knows points, not boxes, so here
each box gets its place next to what it is joined to, with room for its real height. igraph is chosen because it is
kept, its core is C, it comes as a wheel without any system program, and its result is the same on every run. It is
under the GPL, so this one module is too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Placed:
    """The result.

    Args:
        centres: middle of each box, from the top.
        ways: per line the heights at which it passes the layers between its ends, in their order.
        height: of the whole drawing.
    """

    centres: tuple[float, ...]
    ways: tuple[tuple[float, ...], ...]
    height: float


def place(
    layers: Sequence[int],
    heights: Sequence[float],
    lines: Sequence[tuple[int, int]],
    *,
    gap: float,
    thin: float,
) -> Placed:
    """Place boxes in layers from left to right.

    Args:
        layers: layer of each box.
        heights: of each box.
        lines: pairs of boxes, from a lower layer to a higher one.
        gap: least distance between boxes of a layer.
        thin: room for a line that passes a layer.
    """
    columns, ways, sizes = _ordered(layers, heights, lines, thin)
    beyond: dict[int, list[int]] = {}
    before: dict[int, list[int]] = {}
    for way in ways:
        for one, other in pairwise(way):
            beyond.setdefault(one, []).append(other)
            before.setdefault(other, []).append(one)
    centres: dict[int, float] = {}
    # The last column is the longest: it is packed, and the others follow it; the second turn places what had nothing
    # to its right, such as a switch without rooms.
    for neighbours, order in ((beyond, columns[::-1]), (before, columns), (beyond, columns[::-1])):
        for column in order:
            wanted: list[float | None] = []
            for node in column:
                near = [centres[other] for other in neighbours.get(node, ()) if other in centres]
                wanted.append(sum(near) / len(near) if near else centres.get(node))
            centres.update(zip(column, _apart(wanted, [sizes[node] + gap for node in column]), strict=True))
    top = min((centres[node] - sizes[node] / 2 for node in centres), default=0.0)
    bottom = max((centres[node] + sizes[node] / 2 for node in centres), default=0.0)
    return Placed(
        tuple(centres[box] - top for box in range(len(layers))),
        tuple(tuple(centres[node] - top for node in way[1:-1]) for way in ways),
        bottom - top,
    )


def _ordered(
    layers: Sequence[int], heights: Sequence[float], lines: Sequence[tuple[int, int]], thin: float
) -> tuple[list[list[int]], list[list[int]], list[float]]:
    """Columns of boxes and bends from top to bottom, each line as the boxes and bends it passes, and all sizes."""
    import igraph  # noqa: PLC0415 - a sixth of a second of loading that only drawings need

    # A line that passes layers gets a bend in each: igraph 1.0 can do that too, but mixes up the bends of graphs in
    # several pieces, sometimes beyond the end of its memory.
    levels, sizes = list(layers), list(heights)
    ways = []
    for one, other in lines:
        passed = range(layers[one] + 1, layers[other])
        ways.append([one, *range(len(levels), len(levels) + len(passed)), other])
        levels += passed
        sizes += [thin] * len(passed)
    graph = igraph.Graph(n=len(levels), edges=[step for way in ways for step in pairwise(way)], directed=True)
    across = [x for x, _ in graph.layout_sugiyama(layers=levels, maxiter=400).coords]
    columns: list[list[int]] = [[] for _ in range(max(levels, default=-1) + 1)]
    for node in sorted(range(len(levels)), key=lambda node: (across[node], node)):
        columns[levels[node]].append(node)
    return columns, _in_order(lines, ways, columns), sizes


def _in_order(lines: Sequence[tuple[int, int]], ways: list[list[int]], columns: list[list[int]]) -> list[list[int]]:
    """Ends that only one line from the same box leads to, in the order of the caller: that crosses nothing new."""
    count: dict[int, int] = {}
    for pair in lines:
        for box in pair:
            count[box] = count.get(box, 0) + 1
    column = {node: number for number, nodes in enumerate(columns) for node in nodes}
    groups: dict[tuple[int, int], list[int]] = {}
    for index, (one, other) in enumerate(lines):
        if count[other] == 1:
            groups.setdefault((one, column[other]), []).append(index)
    for indexes in groups.values():
        if len(indexes) < 2:
            continue
        last = columns[column[lines[indexes[0]][1]]]
        ends = {lines[index][1] for index in indexes}
        slots = [place for place, node in enumerate(last) if node in ends]
        passing = {lines[index][1]: ways[index][1:-1] for index in indexes}
        bends = [passing[last[slot]] for slot in slots]
        for slot, passed, index in zip(slots, bends, sorted(indexes, key=lambda i: lines[i][1]), strict=True):
            one, other = lines[index]
            last[slot] = other
            ways[index] = [one, *passed, other]
    return ways


def _apart(wanted: Sequence[float | None], sizes: Sequence[float]) -> list[float]:
    """Places as near as possible to those that are wanted, in the same order and without overlap.

    The sum of squared distances is the least there is (pool adjacent violators): neighbours that would overlap are
    moved as one block. Whoever wants no place in particular follows the one before.
    """
    blocks: list[tuple[float, int]] = []  # mean of what is wanted for the block's first one, and how many it holds
    offset = 0.0
    offsets = []
    for index, (place, size) in enumerate(zip(wanted, sizes, strict=True)):
        offset += (sizes[index - 1] + size) / 2 if index else 0.0
        offsets.append(offset)
        after = blocks[-1][0] if blocks else 0.0
        mean = after if place is None else place - offset
        blocks.append((mean, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, few), (other, more) = blocks[-2:]
            blocks[-2:] = [((one * few + other * more) / (few + more), few + more)]
    return [base + at for base, at in zip((mean for mean, many in blocks for _ in range(many)), offsets, strict=True)]


__all__ = ["Placed", "place"]
