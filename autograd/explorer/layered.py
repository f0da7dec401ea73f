"""A layout for machines without Graphviz: boxes in columns, each to the right of its operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = tuple[float, float]

_BETWEEN_COLUMNS, _BETWEEN_BOXES = 48.0, 16.0


class Layout(NamedTuple):
    """Where everything is, in points from the upper left corner."""

    width: float
    height: float
    corners: list[Point]  # the upper left one of each box
    curves: list[list[float]]  # of each arrow a chain of Bézier curves as numbers x, y, x, y, ...


def layered(sizes: Sequence[Point], arrows: Sequence[tuple[int, int]]) -> Layout:
    """Put boxes into columns, from the width and height of each, operands before results."""
    forward = [(start, end) for start, end in arrows if start < end]
    columns = _columns(len(sizes), forward)
    _untangle(columns, forward)
    heights = [sum(sizes[box][1] + _BETWEEN_BOXES for box in column) - _BETWEEN_BOXES for column in columns]
    corners: dict[int, Point] = {}
    x = 0.0
    for column, height in zip(columns, heights):
        y = (max(heights) - height) / 2
        for box in column:
            corners[box] = (x, y)
            y += sizes[box][1] + _BETWEEN_BOXES
        x += max(sizes[box][0] for box in column) + _BETWEEN_COLUMNS
    places = [corners[box] for box in range(len(sizes))]
    return Layout(x - _BETWEEN_COLUMNS, max(heights), places, _curves(sizes, places, arrows))


def _columns(count: int, arrows: Sequence[tuple[int, int]]) -> list[list[int]]:
    """By the longest way to each box; a box without operands stands right before the first that it is used for."""
    column = [0] * count
    for start, end in sorted(arrows, key=lambda arrow: arrow[1]):
        column[end] = max(column[end], column[start] + 1)
    with_operands = {end for _, end in arrows}
    for box in range(count):
        uses = [column[end] for start, end in arrows if start == box]
        if box not in with_operands and uses:
            column[box] = min(uses) - 1
    return [[box for box in range(count) if column[box] == k] for k in range(max(column) + 1)]


def _untangle(columns: list[list[int]], arrows: Sequence[tuple[int, int]]) -> None:
    """Sort each column by the middle of what its boxes are joined to, from left to right and back."""
    neighbors: dict[int, list[int]] = {}
    for start, end in arrows:
        neighbors.setdefault(start, []).append(end)
        neighbors.setdefault(end, []).append(start)
    place = {box: k - len(column) / 2 for column in columns for k, box in enumerate(column)}
    for column in [*columns, *reversed(columns)]:
        column.sort(key=lambda box: _mean([place[other] for other in neighbors.get(box, [box])]))
        place.update({box: k - len(column) / 2 for k, box in enumerate(column)})


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _curves(sizes: Sequence[Point], corners: Sequence[Point], arrows: Sequence[tuple[int, int]]) -> list[list[float]]:
    """From the right side of a box to the left side of another; arrows that join the same boxes are spread out."""
    alike: dict[tuple[int, int], int] = {}
    curves = []
    for start, end in arrows:
        alike[start, end] = number = alike.get((start, end), -1) + 1
        shift = (-1) ** number * 6.0 * ((number + 1) // 2)
        x, y = corners[start][0] + sizes[start][0], corners[start][1] + sizes[start][1] / 2 + shift
        to_x, to_y = corners[end][0], corners[end][1] + sizes[end][1] / 2 + shift
        middle = (x + to_x) / 2
        curves.append([x, y, middle, y, middle, to_y, to_x, to_y])
    return curves
