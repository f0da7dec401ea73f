"""Pictures of the graph as they travel in a page: which boxes there are, and where Graphviz put them and the arrows.

The first view is of the whole graph, folded as in a picture of `draw_dot`. For each box that stands for several nodes
there is a view of what is in it, with what is next to it. Views of parts that are built alike share one layout.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from autograd.draw.layout import LayoutFailed, LayoutNotFound, LayoutTimeout, lay_out
from autograd.draw.scene import scene_of
from autograd.explorer.encoding import in_one_line, shown
from autograd.explorer.layered import Layout, layered
from autograd.extras import how_to_install

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.draw.scene import Arrow, Box
    from autograd.value import Value

    Size = tuple[int, int]

MOST_BOXES = 300
_MOST_VIEWS = 100
_SECONDS = 20.0  # that Graphviz may take for all layouts of a page together
_LONGEST_TITLE = 30
_WIDE_ENOUGH = (
    132  # for "grad" and a number such as −1.234e−308 beside it, in DejaVu Sans, the widest of the usual fonts
)


class Views:
    """The views of a graph.

    Args:
        root: the result.
        places: of each node its place in the page.
        names: of each of these what its box is called.

    Attributes:
        views: the whole graph, then the groups in it that can be opened, then those in them.
        groups: boxes that stand for several nodes, each with the view of what is in it, if there is one.
        layouts: where boxes and arrows are.
        notes: what is to be said about the pictures.
    """

    def __init__(self, root: Value, places: dict[Value, int], names: Sequence[str]) -> None:
        self.root, self.places, self.names = root, places, names
        self.views: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.layouts: list[dict[str, Any]] = []
        self._designer = Designer()
        self._layout_of: dict[str, int] = {}
        self._group_of: dict[Box, int] = {}
        self._closed: deque[tuple[int, Box, tuple[str, ...]]] = deque()  # view, box in it, what was opened before
        whole = scene_of(root, "auto", MOST_BOXES)
        self.notes = [f"{whole.caption}."] if whole.caption else []
        self._add(whole.boxes, whole.arrows, "", None, ())
        while self._closed and len(self.views) < _MOST_VIEWS:
            self._open(*self._closed.popleft())

    def _open(self, view: int, box: Box, opened: tuple[str, ...]) -> None:
        """Add the view of what is in a box, if that can be drawn."""
        path = (*opened, box.key)
        scene = scene_of(self.root, "auto", MOST_BOXES, path)
        inside = set(box.nodes)
        parts = {part.key for part in scene.boxes if part.key != box.key and inside.issuperset(part.nodes)}
        if parts:
            arrows = [arrow for arrow in scene.arrows if arrow.operand in parts or arrow.result in parts]
            ends = parts.union(*[(arrow.operand, arrow.result) for arrow in arrows])
            self.groups[self._group_of[box]]["view"] = len(self.views)
            self._add([part for part in scene.boxes if part.key in ends], arrows, title_of(box), view, path)

    def _add(
        self, boxes: Sequence[Box], arrows: Sequence[Arrow], title: str, parent: int | None, opened: tuple[str, ...]
    ) -> None:
        place = {box.key: k for k, box in enumerate(boxes)}
        sizes = [self._size(box) for box in boxes]
        layout = self._layout(sizes, [(place[a.operand], place[a.result], len(a.edges)) for a in arrows])
        here = len(self.views)
        places = [self._group(box, here, opened) if _is_group(box) else self.places[box.nodes[0]] for box in boxes]
        self.views.append({"title": title, "parent": parent, "layout": layout, "boxes": places})

    def _group(self, box: Box, view: int, opened: tuple[str, ...]) -> int:
        """The number by which a view calls a group: -1 for the first, -2 for the second, ..."""
        if box not in self._group_of:
            self._group_of[box] = len(self.groups)
            nodes = _runs(sorted(self.places[node] for node in box.nodes))
            self.groups.append({"title": title_of(box), "kind": box.kind, "nodes": nodes, "view": None})
            self._closed.append((view, box, opened))
        return -1 - self._group_of[box]

    def _size(self, box: Box) -> Size:
        """Of a box in points; the width in steps, so that what is built alike gets the same layout."""
        if _is_group(box):
            return max(96, _width(f"{title_of(box)} ")), 60
        node = box.nodes[0]
        name = self.names[self.places[node]]
        if box.kind == "constant" and not name:
            return max(64, _width(shown(node.data))), 26
        symbol = node.primitive.symbol if node.primitive else ""
        return max(_WIDE_ENOUGH, _width(f"{name} {symbol}")), 43 if box.kind == "constant" else 60

    def _layout(self, sizes: Sequence[Size], arrows: Sequence[tuple[int, int, int]]) -> int:
        known = repr((sizes, arrows))
        if known not in self._layout_of:
            self._layout_of[known] = len(self.layouts)
            self.layouts.append(self._designer.placed(sizes, arrows))
            self.notes += [note for note in self._designer.notes if note not in self.notes]
        return self._layout_of[known]


_MARGIN = 14  # room for the marks around boxes
_TOO_SLOW = f"Laid out without Graphviz, which took longer than {_SECONDS:g} seconds."
_NOT_FOUND = f"Laid out without Graphviz. For better pictures: {how_to_install('layout')}"


class Designer:
    """Says where boxes and arrows go: Graphviz, or where it cannot or takes too long a layout of our own.

    Once Graphviz has taken too long, in one layout or in all of them together, it is not asked again.

    Attributes:
        notes: what is to be said about the layouts.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._seconds = _SECONDS

    def placed(self, sizes: Sequence[Size], arrows: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
        """A layout as it travels.

        Args:
            sizes: of the boxes, operands before results.
            arrows: from which box to which, and for how many edges it stands.
        """
        ends = [(start, end) for start, end, _ in arrows]
        layout = self._by_graphviz(sizes, ends) or layered(sizes, ends)
        return {
            "size": [round(layout.width) + 2 * _MARGIN, round(layout.height) + 2 * _MARGIN],
            "boxes": [[round(x) + _MARGIN, round(y) + _MARGIN, *size] for (x, y), size in zip(layout.corners, sizes)],
            "arrows": [[*arrow, _steps(curve)] for arrow, curve in zip(arrows, layout.curves)],
        }

    def _by_graphviz(self, sizes: Sequence[Size], ends: Sequence[tuple[int, int]]) -> Layout | None:
        if self._seconds <= 0:
            self.notes = self.notes or [_TOO_SLOW]
            return None
        start = monotonic()
        try:
            return by_graphviz(sizes, ends, self._seconds)
        except LayoutNotFound:
            self.notes, self._seconds = [_NOT_FOUND], 0.0
        except LayoutTimeout:
            self.notes, self._seconds = [_TOO_SLOW], 0.0
        except LayoutFailed as error:
            self.notes = [f"Laid out without Graphviz: {error}"]
        finally:
            self._seconds -= monotonic() - start
        return None


def _steps(curve: Sequence[float]) -> list[int]:
    """The points of a curve in whole numbers: the first, then from each to the next, which is shorter.

    Example:
        >>> _steps([100.2, 200.0, 101.0, 199.0])
        [114, 214, 1, -1]
    """
    places = [round(number) + _MARGIN for number in curve]
    return places[:2] + [place - before for place, before in zip(places[2:], places)]


def size_of_summary(title: str, numbers: Sequence[str]) -> Size:
    """Of a box that shows the smallest and the largest of many numbers."""
    return max(_width(title), *[_width(f"data {text}") for text in numbers]), 60


def _is_group(box: Box) -> bool:
    return box.kind == "group" or len(box.nodes) > 1


def title_of(box: Box) -> str:
    """What a box is called."""
    title = in_one_line(box.title, _LONGEST_TITLE)
    return f"{title} ×{box.count:,}" if box.count > 1 else title


def _runs(places: Iterable[int]) -> list[list[int]]:
    """Places in order as runs, each from its first to its last.

    Example:
        >>> _runs([1, 2, 3, 7])
        [[1, 3], [7, 7]]
    """
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return runs


def _width(text: str) -> int:
    """About how wide a text is in the font of the boxes, in points, in steps."""
    points = sum(13.0 if unicodedata.east_asian_width(character) in "WF" else 7.6 for character in text)
    return -(-round(points + 20) // 12) * 12


def by_graphviz(sizes: Sequence[Size], arrows: Sequence[tuple[int, int]], seconds: float) -> Layout:
    """A layout by Graphviz, in so many seconds.

    Raises:
        LayoutNotFound, LayoutTimeout: as `lay_out`.
        LayoutFailed: as `lay_out`; or what it printed is no layout of this graph.
    """
    boxes = [f"{k} [width={width / 72:.4f} height={height / 72:.4f}]" for k, (width, height) in enumerate(sizes)]
    edges = [f"{start} -> {end} [id={k}]" for k, (start, end) in enumerate(arrows)]
    printed = lay_out("\n".join(["digraph {", _ATTRIBUTES, *boxes, *edges, "}"]), "json0", timeout=seconds)
    try:
        return _read(json.loads(printed), sizes, len(arrows))
    except (LookupError, TypeError, ValueError, AttributeError):
        raise LayoutFailed("dot printed JSON that is no layout of this graph") from None


def _read(found: Any, sizes: Sequence[Size], number_of_arrows: int) -> Layout:
    """A layout as Graphviz's JSON has it: there every number is a text, and the lower left corner is the origin."""
    _, _, width, height = _numbers(found["bb"])
    centres = {int(place["name"]): _numbers(place["pos"]) for place in found["objects"]}
    corners = []
    for k, (box_width, box_height) in enumerate(sizes):
        x, y = centres[k]
        corners.append((x - box_width / 2, height - y - box_height / 2))
    lines = {int(edge["id"]): _numbers(edge["pos"].replace(" ", ",")) for edge in found.get("edges", ())}
    curves = [_from_above(lines[k], height) for k in range(number_of_arrows)]
    return Layout(width, height, corners, curves)


def _from_above(curve: Sequence[float], height: float) -> list[float]:
    return [height - number if k % 2 else number for k, number in enumerate(curve)]


def _numbers(text: str) -> list[float]:
    numbers = [float(number) for number in text.split(",")]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(text)
    return numbers


_ATTRIBUTES = """
graph [rankdir=LR ordering=in nodesep=0.25 ranksep=0.7]
node [shape=box fixedsize=true label=""]
edge [dir=none]
"""
