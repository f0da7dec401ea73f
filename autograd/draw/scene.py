"""What is drawn of a graph: boxes and arrows. A small graph has a box for each node; a large one is collapsed."""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import groupby, repeat
from typing import TYPE_CHECKING, NamedTuple

from autograd.collector import collector_paused
from autograd.draw.collapse import Collapsed, Graph, collapse_graph
from autograd.draw.repeats import Part, stem
from autograd.names import counted, in_picture, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.scopes import Scope
    from autograd.value import Value


class Box(NamedTuple):
    """What is drawn as one box: a node, or several."""

    key: str  # what the box is called; no other box of the graph is, however it is collapsed
    nodes: tuple[Value, ...]  # operands before results
    kind: str  # of `graph.KINDS`, which all of its nodes are; or "group", the nodes of a scope
    title: str  # the label, operation or number of a node, the name of a scope, what several leaves are
    scope: Scope | None  # whose nodes they are: the first, where there are several
    count: int  # type: ignore[assignment]  # how many repeats, such as examples, are in it; hides a tuple's method

    @property
    def is_one(self) -> bool:
        """Whether it is a node, and no scope with one node in it."""
        return self.kind != "group" and len(self.nodes) == 1


class Arrow(NamedTuple):
    """What is drawn as one arrow."""

    operand: str  # the key of a box
    result: str
    edges: tuple[tuple[Value, int], ...]  # of the graph: the result, and the operand's position among its operands


class Scene(NamedTuple):
    """What is drawn of a graph."""

    root: Value
    boxes: tuple[Box, ...]  # operands before results
    arrows: tuple[Arrow, ...]  # into each box in the order of its operands; between two single nodes one for each edge
    caption: str  # what was collapsed or left out, "" if nothing was


def scene_of(
    root: Value, collapse: str = "auto", max_nodes: int = 300, opened: Iterable[str | Scope] = frozenset()
) -> Scene:
    """The boxes and arrows to draw for the graph behind `root`.

    Args:
        collapse: "none" for a box for each node; "neuron" for one for each innermost scope; "layer" for one for each
            scope around those; "auto" for the first of these that is small enough. Where that is not enough, "auto",
            "neuron" and "layer" merge repeats as well.
        max_nodes: how many boxes there may be. "auto" draws a graph of so many nodes as it is, and collapses a larger
            one until it is easy to read. What is still too large is cut, far from the root, and the caption says so.
        opened: keys of boxes, or scopes, to be shown as what is in them, one step deeper each; in the order in
            which they were opened, if they lie in one another. What would make too many boxes stays closed.

    Raises:
        ValueError: the graph has a cycle.
    """
    with collector_paused():
        graph = Graph(root)
        return _draw(graph, collapse_graph(graph, collapse, max_nodes, opened), max_nodes)


# ---------------------------------------------------------------------------------------------------------------------


def _draw(graph: Graph, collapsed: Collapsed, max_nodes: int) -> Scene:
    """The parts as boxes; where there are too many, only computed ones, and of these the nearest to the root."""
    parts, left_out = collapsed.parts, []
    if len(parts) > max_nodes:
        computed = [part for part in parts if part.kind in ("computed", "group")]
        left_out.append(counted(_nodes_in(parts) - _nodes_in(computed), "leaf", "leaves"))
        parts = computed
    if len(parts) > max_nodes:
        near = _nearest(graph.root, parts, max_nodes)
        further = _nodes_in(parts) - _nodes_in(near)
        left_out.append(counted(further, "computed node") + " further from the root")
        parts = near
    boxes = tuple([_box(graph, part) for part in parts])
    place = {node: k for k, part in enumerate(parts) for node in part.nodes if node not in collapsed.inside}
    caption = _caption(boxes, left_out, collapsed.still_closed, max_nodes)
    return Scene(graph.root, boxes, _arrows(boxes, place), caption)


def _nodes_in(parts: Iterable[Part]) -> int:
    return sum([len(part.nodes) for part in parts])


def _nearest(root: Value, parts: Sequence[Part], number: int) -> list[Part]:
    """The parts with the fewest steps to the root."""
    part_of = {node: part for part in parts for node in part.nodes}
    near = {id(part_of[root])}
    queue = deque([part_of[root]])
    while queue and len(near) < number:
        for node in queue.popleft().nodes:
            for operand in node.operands:
                part = part_of.get(operand)
                if part is not None and id(part) not in near and len(near) < number:
                    near.add(id(part))
                    queue.append(part)
    return [part for part in parts if id(part) in near]


def _box(graph: Graph, part: Part) -> Box:
    scope = part.scopes[0] if part.scopes else graph.scopes.get(part.nodes[0])
    return Box(graph.key_of(part), tuple(part.nodes), part.kind, part.title, scope, part.count)


def _arrows(boxes: Sequence[Box], place: dict[Value, int]) -> tuple[Arrow, ...]:
    is_one = [box.is_one for box in boxes]
    arrows: list[Arrow] = []
    for k, box in enumerate(boxes):
        merged: defaultdict[int, list[tuple[Value, int]]] = defaultdict(list)
        for node in box.nodes:
            position = 0
            for j, operands in groupby(map(place.get, node.operands)):  # a `dot` of many has few boxes of operands
                edges = list(zip(repeat(node), range(position, position := position + len(list(operands)))))
                if j is None or j == k:  # not drawn, or inside of the box
                    continue
                if is_one[j] and is_one[k]:
                    arrows += [Arrow(boxes[j].key, box.key, (edge,)) for edge in edges]
                else:
                    merged[j] += edges
        arrows += [Arrow(boxes[j].key, box.key, tuple(edges)) for j, edges in merged.items()]
    return tuple(arrows)


def _caption(boxes: Sequence[Box], left_out: Sequence[str], still_closed: Sequence[str], max_nodes: int) -> str:
    said = []
    nodes = sum([len(box.nodes) for box in boxes])
    if nodes > len(boxes):
        names = list(dict.fromkeys([in_picture(stem(box.title)) for box in boxes if box.kind == "group"]))
        how = [f"collapsed by {listed(names) if len(names) <= 3 else 'scope'}"] if names else []
        if any(box.count > 1 for box in boxes):
            how.append("repeats are drawn once; × says how many")
        elif not names:
            how.append("leaves that are used alike are drawn together")
        said.append(f"{nodes:,} nodes in {counted(len(boxes), 'box', 'boxes')}: {'; '.join(how)}")
    if left_out:
        said.append(f"{' and '.join(left_out)} not drawn (max_nodes={max_nodes})")
    if still_closed:
        said.append(f"{listed(still_closed)} not opened: that would be more than {max_nodes} boxes")
    return ". ".join(said)
