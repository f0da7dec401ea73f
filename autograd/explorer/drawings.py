"""The drawings of the graph as they travel in a page: which boxes and arrows there are, what they show, where they go.

The first view is of the whole graph, collapsed as in a picture of `draw_dot`. For each box that stands for several
nodes there is a view of what is in it, with what is next to it.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from typing import TYPE_CHECKING, Any

from autograd.draw.scene import scene_of
from autograd.explorer.layouts import Layouts
from autograd.names import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.draw.scene import Arrow, Box
    from autograd.explorer.layouts import Size
    from autograd.value import Value

MOST_BOXES = 300
_MOST_VIEWS = 100
_LONGEST_TITLE = 30
_WIDE_ENOUGH = 132  # for "grad" beside such as −1.234e−308 in DejaVu Sans, the widest of the usual fonts


class Views:
    """The views of a graph: the whole, then the groups in it that can be opened, then those in them."""

    def __init__(self, root: Value, places: dict[Value, int], names: Sequence[str]) -> None:
        self.root, self.places, self.names = root, places, names
        self.views: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []  # boxes of several nodes, each with the view of what is in it, if any
        self._layouts = Layouts()
        self._group_of: dict[Box, int] = {}
        self._closed: deque[tuple[int, Box, tuple[str, ...]]] = deque()  # view, box in it, what was opened before
        whole = scene_of(root, "auto", MOST_BOXES)
        self._add(whole.boxes, whole.arrows, "", None, ())
        while self._closed and len(self.views) < _MOST_VIEWS:
            self._open(*self._closed.popleft())
        self.layouts = self._layouts.written
        self.notes = [*([f"{whole.caption}."] if whole.caption else []), *self._layouts.notes]

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
        layout = self._layouts.place_of([self._size(box) for box in boxes], ends_of(boxes, arrows))
        places = [self._place(box, len(self.views), opened) for box in boxes]
        self.views.append({"title": title, "parent": parent, "layout": layout, "boxes": places})

    def _place(self, box: Box, view: int, opened: tuple[str, ...]) -> int:
        """The number by which a view calls a box: a node's place; of groups -1 for the first, -2 for the second, ..."""
        if box.is_one:
            return self.places[box.nodes[0]]
        if box not in self._group_of:
            self._group_of[box] = len(self.groups)
            nodes = _runs(sorted(self.places[node] for node in box.nodes))
            self.groups.append({"title": title_of(box), "kind": box.kind, "nodes": nodes, "view": None})
            self._closed.append((view, box, opened))
        return -1 - self._group_of[box]

    def _size(self, box: Box) -> Size:
        """Of a box in points; the width in steps, so that what is built alike gets the same layout."""
        if not box.is_one:
            return max(96, _width(f"{title_of(box)} ")), 60
        node = box.nodes[0]
        name = self.names[self.places[node]]
        if box.kind == "constant" and not name:
            return max(64, _width(shown(node.data))), 26
        symbol = node.primitive.symbol if node.primitive else ""
        return max(_WIDE_ENOUGH, _width(f"{name} {symbol}")), 43 if box.kind == "constant" else 60


def ends_of(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> list[tuple[int, int, int]]:
    """Of each arrow the places of the boxes at its ends, and for how many edges it stands."""
    place = {box.key: k for k, box in enumerate(boxes)}
    return [(place[arrow.operand], place[arrow.result], len(arrow.edges)) for arrow in arrows]


def size_of_summary(title: str, numbers: Sequence[str]) -> Size:
    """Of a box that shows the smallest and the largest of many numbers."""
    return max(_width(title), *[_width(f"data {text}") for text in numbers]), 60


def shown(number: float, digits: int = 4) -> str:
    """A number rounded to n digits, with a typographic minus sign.

    Example:
        >>> shown(-0.12345), shown(1e-300)
        ('−0.1235', '1e−300')
    """
    return f"{number + 0.0:.{digits}g}".replace("-", "−")


def title_of(box: Box) -> str:
    """What a box is called."""
    title = one_line(box.title, _LONGEST_TITLE)
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
