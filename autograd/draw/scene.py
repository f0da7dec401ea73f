"""What is drawn of a graph: boxes and arrows. A small graph has a box for each node; a large one is folded.

Nodes are folded by the scopes that they were computed in, then what repeats is drawn once, and leaves of one use are
put together. How far it has to go is tried out, from the finest to the coarsest.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

from autograd.draw.folding import Group, fold, stem
from autograd.draw.labels import one_line
from autograd.draw.membership import scopes_in
from autograd.graph import topological_order
from autograd.modes import collector_paused
from autograd.scopes import Scope, scope_of
from autograd.value import CONSTANT, PARAMETER, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


class Box(NamedTuple):
    """What is drawn as one box: a node, or several.

    Attributes:
        key: what the box is called; no other box of the graph is, however it is folded.
        nodes: operands before results.
        kind: "leaf", "parameter", "constant" or "computed", which all of its nodes are, or "group", those of a scope.
        title: the label, operation or number of a node, the name of a scope, what several leaves are.
        scope: the scope whose nodes they are, one of them where several are folded; of a single node the one that it
            was computed in; or None.
        count: how many repeats, such as examples, are folded into this box.
    """

    key: str
    nodes: tuple[Value, ...]
    kind: str
    title: str
    scope: Scope | None
    count: int  # type: ignore[assignment]  # a tuple's method


class Arrow(NamedTuple):
    """What is drawn as one arrow.

    Attributes:
        operand, result: keys of boxes.
        edges: every edge of the graph that it stands for: the result, and the operand's position among its operands.
    """

    operand: str
    result: str
    edges: tuple[tuple[Value, int], ...]


class Scene(NamedTuple):
    """What is drawn of a graph.

    Attributes:
        root: the result.
        boxes: operands before results.
        arrows: those into a box in the order of its operands; between two single nodes one for each edge.
        caption: what was folded or left out, "" if nothing was.
    """

    root: Value
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    caption: str


COLLAPSE = ("auto", "none", "neuron", "layer")

READABLE = 60
"""So many boxes a folded picture has at most, where there is a way to fold it so far."""


def scene_of(
    root: Value, collapse: str = "auto", max_nodes: int = 300, opened: Iterable[str | Scope] = frozenset()
) -> Scene:
    """The boxes and arrows to draw for the graph behind `root`.

    Args:
        root: the result.
        collapse: "none" for a box for each node; "neuron" for one for each innermost scope; "layer" for one for each
            scope around those; "auto" for the first of these that is small enough. Where that is not enough, "auto",
            "neuron" and "layer" fold repeats as well.
        max_nodes: how many boxes there may be. "auto" draws a graph of so many nodes as it is, and folds a larger one
            until it is easy to read. What is still too large is cut, far from the root, and the caption says so.
        opened: keys of boxes, or scopes, to be shown as what is folded in them, one step deeper each; in the order in
            which they were opened, if they lie in one another. What would make too many boxes stays closed.

    Raises:
        ValueError: the graph has a cycle.

    Example:
        >>> from autograd import Value
        >>> a = Value(2.0, label="a")
        >>> scene = scene_of(a * a)
        >>> [box.title for box in scene.boxes], len(scene.arrows)
        (['a', '*'], 2)
    """
    with collector_paused():
        graph = _Graph(root)
        return _draw(graph, _folded(graph, collapse, max_nodes, opened), max_nodes)


# ---------------------------------------------------------------------------------------------------------------------


class _Graph:
    """The nodes of a graph, and the scopes that they were computed in."""

    def __init__(self, root: Value) -> None:
        self.root = root
        self.order = topological_order(root)
        self.index = {node: k for k, node in enumerate(self.order)}
        self._refuse_cycles()
        self.scopes = scopes_in(self.order)
        self.sizes = Counter(self.scopes.values())
        self.heights = _heights(self.sizes)
        self._groups: dict[tuple[int, frozenset[Scope]], list[Group]] = {}

    def _refuse_cycles(self) -> None:
        index = self.index
        for k, node in enumerate(self.order):
            if node._left is not None and max(map(index.__getitem__, node.parents)) >= k:
                raise ValueError(
                    f"this graph has a cycle: {node!r} is computed from itself. Operations never make one; somebody "
                    f"has set _left or _right of a node"
                )

    def groups(self, height: int, opened: frozenset[Scope]) -> list[Group]:
        """The computed nodes, those together that are in the same scope, in the order of their last nodes.

        Args:
            height: of the highest scopes that count.
            opened: scopes that do not count.
        """
        if (height, opened) not in self._groups:
            highest = self._highest(height, opened)
            groups: dict[Scope | Value, Group] = {}
            for node in reversed(self.order):
                if node._left is not None:
                    scope = highest.get(self.scopes.get(node))
                    if scope is None:
                        groups[node] = Group([node])
                    elif scope in groups:
                        groups[scope].nodes.append(node)
                    else:
                        groups[scope] = Group([node], scope)
            for group in groups.values():
                group.nodes.reverse()
            self._groups[height, opened] = list(reversed(groups.values()))
        return self._groups[height, opened]

    def number_of_groups(self, height: int, opened: frozenset[Scope]) -> int:
        """How many they are, without making them."""
        highest = self._highest(height, opened)
        within = sum([size for scope, size in self.sizes.items() if highest[scope] is not None])
        computed = sum([node._left is not None for node in self.order])
        return computed - within + len(set(highest.values()) - {None})

    def _highest(self, height: int, opened: frozenset[Scope]) -> dict[Scope | None, Scope | None]:
        """For each innermost scope the one that counts, which is the outermost."""
        highest: dict[Scope | None, Scope | None] = {}
        for innermost in self.sizes:
            highest[innermost] = None
            for scope in innermost.chain():
                if self.heights[scope] <= height and scope not in opened:
                    highest[innermost] = scope
                    break
        return highest


def _heights(innermost_scopes: Iterable[Scope]) -> dict[Scope, int]:
    """How deep other scopes are nested in a scope: 0 for a neuron, 1 for a layer, 2 for a network."""
    heights: dict[Scope, int] = {}
    for innermost in innermost_scopes:
        height, scope = 0, innermost
        while height > heights.get(scope, -1):
            heights[scope] = height
            if scope.parent is None:
                break
            height, scope = height + 1, scope.parent
    return heights


class _Way(NamedTuple):
    """A way to fold a graph.

    Attributes:
        height: scopes no higher than this are boxes; -1 for none.
        repeats: whether what repeats is folded.
        alike: whether what only does the same, on other parameters, is a repeat.
    """

    height: int
    repeats: bool = False
    alike: bool = False


def _ways(collapse: str, tallest: int) -> list[_Way]:
    """From the finest to the coarsest."""
    if collapse == "none":
        return [_Way(-1)]
    if collapse != "auto":
        height = 0 if collapse == "neuron" else 1
        return [_Way(height), _Way(height, repeats=True), _Way(height, repeats=True, alike=True)]
    ways = [_Way(height) for height in range(-1, min(tallest, 1) + 1)]
    for height in range(min(tallest, 1), tallest + 1):
        ways += [_Way(height, repeats=True), _Way(height, repeats=True, alike=True)]
    return ways


class _Part:
    """The nodes of a box, while it is decided which they are."""

    def __init__(
        self, nodes: list[Value], scopes: Sequence[Scope] = (), operands: Collection[Value] = (), count: int = 1
    ) -> None:
        self.nodes, self.scopes, self.operands, self.count = nodes, scopes, operands, count

    def is_one_node(self) -> bool:
        return not self.scopes and len(self.nodes) == 1


class _Folded(NamedTuple):
    """A graph divided into parts.

    Attributes:
        parts: in the order of their last nodes, operands before results.
        inside: the constants that belong into several parts, and are drawn with none of them.
        still_closed: what was to be opened, but would make too many parts.
    """

    parts: list[_Part]
    inside: frozenset[Value] = frozenset()
    still_closed: tuple[str, ...] = ()


class _Opened(NamedTuple):
    """What is not to be folded, though its like is.

    Attributes:
        scopes: whose parts are drawn, not they themselves.
        alone: nodes that are drawn each for itself.
    """

    scopes: frozenset[Scope] = frozenset()
    alone: frozenset[Value] = frozenset()


def _folded(graph: _Graph, collapse: str, max_nodes: int, opened: Iterable[str | Scope]) -> _Folded:
    """The finest way that is small enough, or else the coarsest; with what was opened."""
    enough = max_nodes if collapse != "auto" else min(max_nodes, READABLE)
    smallest: tuple[_Folded, _Way] | None = None
    for way in _ways(collapse, max(graph.heights.values(), default=-1)):
        folded = _fold_so(graph, way, _Opened(), at_most=max_nodes)
        if folded and (smallest is None or len(folded.parts) < len(smallest[0].parts)):
            smallest = folded, way
            if len(folded.parts) <= (max_nodes if way.height < 0 else enough):
                break
    if smallest is None:
        folded = _fold_so(graph, way, _Opened(), at_most=None)
        assert folded
        return folded
    folded, way = smallest
    state = _Opened()
    for wanted in opened:
        part = next((part for part in folded.parts if wanted == _key(graph, part) or wanted in part.scopes), None)
        if part is not None:
            further = _Opened(state.scopes.union(part.scopes), state.alone.union(() if part.scopes else part.nodes))
            finer = _fold_so(graph, way, further, at_most=max_nodes)
            if finer:
                folded, state = finer._replace(still_closed=folded.still_closed), further
            else:
                folded = folded._replace(still_closed=(*folded.still_closed, one_line(_title(part))))
    return folded


def _fold_so(graph: _Graph, way: _Way, opened: _Opened, at_most: int | None) -> _Folded | None:
    """The graph in parts; None where these are more than wanted."""
    if at_most is not None and not way.repeats and graph.number_of_groups(way.height, opened.scopes) > at_most:
        return None
    groups = graph.groups(way.height, opened.scopes)
    repeats = fold(groups, opened.alone, way.alike, at_most) if way.repeats else [[group] for group in groups]
    if repeats is None:
        return None
    parts = [
        _Part(
            [node for group in same for node in group.nodes],
            [group.scope for group in same if group.scope],
            set().union(*[group.operands for group in same]),
            len(same),
        )
        for same in repeats
    ]
    folded = _with_leaves(parts, way, opened.alone) if parts else _Folded([_Part([graph.root])])
    if at_most is not None and len(folded.parts) > at_most:
        return None
    for part in folded.parts:
        part.nodes.sort(key=graph.index.__getitem__)
    folded.parts.sort(key=lambda part: graph.index[part.nodes[-1]])
    return folded


# --- Leaves -----------------------------------------------------------------------------------------------------------

_FEW = 4
"""So many leaves of the same use are drawn one by one."""


def _with_leaves(parts: list[_Part], way: _Way, alone: Collection[Value]) -> _Folded:
    """The parts and the leaves: of one kind and one use together, parameters in the group that alone uses them."""
    uses: defaultdict[Value, list[int]] = defaultdict(list)
    for place, part in enumerate(parts):
        for operand in part.operands:
            if operand._left is None:
                uses[operand].append(place)
    by_use: defaultdict[tuple[object, tuple[int, ...]], list[Value]] = defaultdict(list)
    inside: list[Value] = []
    single: list[Value] = []
    for leaf, places in uses.items():
        if leaf in alone or (way.height < 0 and not way.repeats):
            single.append(leaf)
        elif leaf._primitive is CONSTANT and scope_of(leaf) and all(parts[place].scopes for place in places):
            inside.append(leaf)
        else:
            by_use[leaf._primitive, tuple(places)].append(leaf)
    leaf_parts = [_Part([leaf]) for leaf in single]
    for leaf in inside:
        parts[uses[leaf][0]].nodes.append(leaf)
    for (kind, where), leaves in by_use.items():
        users = [parts[place] for place in where]
        if kind is PARAMETER and len(users) == 1 and users[0].scopes and users[0].count == 1:
            users[0].nodes.extend(leaves)
        elif len(leaves) <= _FEW or (not way.repeats and any(user.is_one_node() for user in users)):
            leaf_parts += [_Part([leaf]) for leaf in leaves]
        else:
            leaf_parts.append(_Part(leaves))
    return _Folded(leaf_parts + parts, frozenset(inside))


# --- Boxes and arrows -------------------------------------------------------------------------------------------------


def _draw(graph: _Graph, folded: _Folded, max_nodes: int) -> Scene:
    """The parts as boxes, or where they are too many those that are computed, or of these the nearest to the root."""
    parts, left_out = folded.parts, []
    if len(parts) > max_nodes:
        computed = [part for part in parts if not _are_leaves(part)]
        left_out.append(_count(_nodes_in(parts) - _nodes_in(computed), "leaf", "leaves"))
        parts = computed
    if len(parts) > max_nodes:
        near = _nearest(graph.root, parts, max_nodes)
        further = _nodes_in(parts) - _nodes_in(near)
        left_out.append(_count(further, "computed node", "computed nodes") + " further from the root")
        parts = near
    boxes = tuple([_box(graph, part) for part in parts])
    place = {node: k for k, part in enumerate(parts) for node in part.nodes if node not in folded.inside}
    return Scene(graph.root, boxes, _arrows(boxes, place), _caption(graph, folded, boxes, left_out, max_nodes))


def _are_leaves(part: _Part) -> bool:
    return not part.scopes and part.nodes[0]._left is None


def _nodes_in(parts: Iterable[_Part]) -> int:
    return sum([len(part.nodes) for part in parts])


def _nearest(root: Value, parts: Sequence[_Part], number: int) -> list[_Part]:
    """The parts with the fewest steps to the root."""
    part_of = {node: part for part in parts for node in part.nodes}
    near = {id(part_of[root])}
    queue = deque([part_of[root]])
    while queue and len(near) < number:
        for node in queue.popleft().nodes:
            for operand in node.parents:
                part = part_of.get(operand)
                if part is not None and id(part) not in near and len(near) < number:
                    near.add(id(part))
                    queue.append(part)
    return [part for part in parts if id(part) in near]


def _box(graph: _Graph, part: _Part) -> Box:
    first = part.nodes[0]
    scope = part.scopes[0] if part.scopes else graph.scopes.get(first)
    kind = "group" if part.scopes else "computed" if first._left is not None else first._primitive.name
    return Box(_key(graph, part), tuple(part.nodes), kind, _title(part), scope, part.count)


def _key(graph: _Graph, part: _Part) -> str:
    first = graph.index[part.nodes[0]]
    return f"b{first}" if part.is_one_node() else f"b{first}_{len(part.nodes)}"


def _title(part: _Part) -> str:
    first = part.nodes[0]
    if part.scopes:
        names = {scope.name for scope in part.scopes}
        return names.pop() if len(names) == 1 else stem(part.scopes[0].name)
    if first._left is not None:
        return first.label or first._op if len(part.nodes) == 1 else first._op
    if len(part.nodes) == 1:
        return first.label or f"{first.data:.4g}"
    names = {node.label.split("[")[0] for node in part.nodes}
    if len(names) <= 3 and "" not in names:
        return ", ".join(sorted(names))
    return _count(len(part.nodes), *_PLURALS[first._primitive.name])


_PLURALS = {"leaf": ("leaf", "leaves"), "parameter": ("parameter", "parameters"), "constant": ("constant", "constants")}


def _arrows(boxes: Sequence[Box], place: dict[Value, int]) -> tuple[Arrow, ...]:
    is_one = [box.kind != "group" and len(box.nodes) == 1 for box in boxes]
    arrows: list[Arrow] = []
    for k, box in enumerate(boxes):
        merged: dict[int, list[tuple[Value, int]]] = {}
        for node in box.nodes:
            for position, operand in enumerate(node.parents):
                j = place.get(operand, k)
                if j == k:  # inside of the box, or not drawn
                    continue
                if is_one[j] and is_one[k]:
                    arrows.append(Arrow(boxes[j].key, box.key, ((node, position),)))
                elif j in merged:
                    merged[j].append((node, position))
                else:
                    merged[j] = [(node, position)]
        arrows += [Arrow(boxes[j].key, box.key, tuple(edges)) for j, edges in merged.items()]
    return tuple(arrows)


def _caption(graph: _Graph, folded: _Folded, boxes: Sequence[Box], left_out: Sequence[str], max_nodes: int) -> str:
    said = []
    if any(len(box.nodes) > 1 for box in boxes):
        names = list(dict.fromkeys([one_line(stem(box.title)) for box in boxes if box.kind == "group"]))
        how = [f"collapsed by {_listed(names) if len(names) <= 3 else 'scope'}"] if names else []
        if any(box.count > 1 for box in boxes):
            how.append("what repeats is drawn once, with × how often")
        elif not names:
            how.append("leaves of the same use together")
        said.append(f"{len(graph.order):,} nodes in {_count(len(boxes), 'box', 'boxes')}: {'; '.join(how)}")
    if left_out:
        said.append(f"{' and '.join(left_out)} not drawn (max_nodes={max_nodes})")
    if folded.still_closed:
        said.append(f"{_listed(folded.still_closed)} not opened: that would be more than {max_nodes} boxes")
    return ". ".join(said)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
