"""Where the boxes and arrows of a page go, by Graphviz, or where it cannot or takes too long by a layout of our own."""

from __future__ import annotations

import json
import math
from time import monotonic
from typing import TYPE_CHECKING, Any

from autograd.draw.layout import LayoutFailed, LayoutNotFound, LayoutTimeout, lay_out
from autograd.explorer.layered import Layout, layered
from autograd.extras import how_to_install

if TYPE_CHECKING:
    from collections.abc import Sequence

    Size = tuple[int, int]

_SECONDS = 20.0  # that Graphviz may take for all layouts of a page together
_TOO_SLOW = f"Laid out without Graphviz, which took longer than {_SECONDS:g} seconds."
_NOT_FOUND = f"Laid out without Graphviz. For better pictures: {how_to_install('layout')}"
_MARGIN = 14  # room for the marks around boxes


class Layouts:
    """The layouts of a page as they travel; what is built alike shares one.

    Once Graphviz has taken too long, in one layout or in all of them together, it is not asked again.
    """

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._seconds = _SECONDS
        self._known: dict[str, int] = {}

    def place_of(self, sizes: Sequence[Size], arrows: Sequence[tuple[int, int, int]]) -> int:
        """The place of a layout for boxes of these sizes and arrows, each (start, end, number of edges)."""
        key = repr((sizes, arrows))
        if key not in self._known:
            self._known[key] = len(self.written)
            ends = [(start, end) for start, end, _ in arrows]
            layout = self._by_graphviz(sizes, ends) or layered(sizes, ends)
            corners = [(round(x) + _MARGIN, round(y) + _MARGIN) for x, y in layout.corners]
            self.written.append(
                {
                    "size": [round(layout.width) + 2 * _MARGIN, round(layout.height) + 2 * _MARGIN],
                    "boxes": [[*corner, *size] for corner, size in zip(corners, sizes)],
                    "arrows": [[*arrow, _steps(curve)] for arrow, curve in zip(arrows, layout.curves)],
                }
            )
        return self._known[key]

    def _by_graphviz(self, sizes: Sequence[Size], ends: Sequence[tuple[int, int]]) -> Layout | None:
        start = monotonic()
        try:
            if self._seconds > 0:
                return by_graphviz(sizes, ends, self._seconds)
            note = self.notes[0] if self.notes else _TOO_SLOW
        except LayoutNotFound:
            note, self._seconds = _NOT_FOUND, 0.0
        except LayoutTimeout:
            note, self._seconds = _TOO_SLOW, 0.0
        except LayoutFailed as error:
            note = f"Laid out without Graphviz: {error}"
        finally:
            self._seconds -= monotonic() - start
        if note not in self.notes:
            self.notes.append(note)
        return None


def _steps(curve: Sequence[float]) -> list[int]:
    """The points of a curve in integers: the first, then from each to the next, which is shorter.

    Example:
        >>> _steps([100.2, 200.0, 101.0, 199.0])
        [114, 214, 1, -1]
    """
    places = [round(number) + _MARGIN for number in curve]
    return places[:2] + [place - before for place, before in zip(places[2:], places)]


def by_graphviz(sizes: Sequence[Size], arrows: Sequence[tuple[int, int]], seconds: float) -> Layout:
    """A layout by Graphviz, with the errors of `lay_out`; LayoutFailed also if it printed no layout of this graph."""
    boxes = [f"{k} [width={width / 72:.4f} height={height / 72:.4f}]" for k, (width, height) in enumerate(sizes)]
    edges = [f"{start} -> {end} [id={k}]" for k, (start, end) in enumerate(arrows)]
    printed = lay_out("\n".join(["digraph {", _ATTRIBUTES, *boxes, *edges, "}"]), "json0", timeout=seconds)
    try:
        return _read(json.loads(printed), sizes, len(arrows))
    except (LookupError, TypeError, ValueError, AttributeError):
        raise LayoutFailed("dot printed JSON that is no layout of this graph") from None


_ATTRIBUTES = """
graph [rankdir=LR ordering=in nodesep=0.25 ranksep=0.7]
node [shape=box fixedsize=true label=""]
edge [dir=none]
"""


def _read(found: Any, sizes: Sequence[Size], number_of_arrows: int) -> Layout:
    """A layout as Graphviz's JSON has it: there every number is a text, and the lower left corner is the origin."""
    _, _, width, height = _numbers(found["bb"])
    centers = {int(place["name"]): _numbers(place["pos"]) for place in found["objects"]}
    lines = {int(edge["id"]): _numbers(edge["pos"].replace(" ", ",")) for edge in found.get("edges", ())}
    corners = [(centers[k][0] - x / 2, height - centers[k][1] - y / 2) for k, (x, y) in enumerate(sizes)]
    curves = [[height - z if k % 2 else z for k, z in enumerate(lines[arrow])] for arrow in range(number_of_arrows)]
    return Layout(width, height, corners, curves)


def _numbers(text: str) -> list[float]:
    numbers = [float(number) for number in text.split(",")]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(text)
    return numbers
