"""Which nodes of a large graph go into one box: how far it is folded is tried out, from the finest to the coarsest.

Nodes are put together by the scopes that they were computed in, then parts that repeat each other, then leaves of one
use.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from autograd.draw.labels import counted, one_line
from autograd.draw.membership import scopes_in
from autograd.draw.repeats import Group, fold, stem
from autograd.graph import topological_order
from autograd.scopes import INSIDE, Scope, scope_of
from autograd.value import PARAMETER, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

COLLAPSE = ("auto", "none", "neuron", "layer")

READABLE = 60
"""So many boxes a folded picture has at most, where there is a way to fold it so far."""


class Graph:
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


class Way(NamedTuple):
    """A way to fold a graph.

    Attributes:
        height: scopes no higher than this are boxes; -1 for none.
        repeats: whether what repeats is folded.
        alike: whether what only does the same, on other parameters, is a repeat.
    """

    height: int
    repeats: bool = False
    alike: bool = False


def _ways(collapse: str, tallest: int) -> list[Way]:
    """From the finest to the coarsest."""
    if collapse == "none":
        return [Way(-1)]
    if collapse != "auto":
        height = 0 if collapse == "neuron" else 1
        return [Way(height), Way(height, repeats=True), Way(height, repeats=True, alike=True)]
    ways = [Way(height) for height in range(-1, min(tallest, 1) + 1)]
    for height in range(min(tallest, 1), tallest + 1):
        ways += [Way(height, repeats=True), Way(height, repeats=True, alike=True)]
    return ways


class Part:
    """The nodes of a box, while it is decided which they are."""

    def __init__(
        self, nodes: list[Value], scopes: Sequence[Scope] = (), operands: Collection[Value] = (), count: int = 1
    ) -> None:
        self.nodes, self.scopes, self.operands, self.count = nodes, scopes, operands, count

    def is_one_node(self) -> bool:
        return not self.scopes and len(self.nodes) == 1


class Folded(NamedTuple):
    """A graph divided into parts.

    Attributes:
        parts: in the order of their last nodes, operands before results.
        inside: the constants that belong into several parts, and are drawn with none of them.
        still_closed: what was to be opened, but would make too many parts.
    """

    parts: list[Part]
    inside: frozenset[Value] = frozenset()
    still_closed: tuple[str, ...] = ()


class Opened(NamedTuple):
    """What is not to be folded, though its like is.

    Attributes:
        scopes: whose parts are drawn, not they themselves.
        alone: nodes that are drawn each for itself.
    """

    scopes: frozenset[Scope] = frozenset()
    alone: frozenset[Value] = frozenset()


def parts_of(graph: Graph, collapse: str, max_nodes: int, opened: Iterable[str | Scope]) -> Folded:
    """The graph folded in the finest way that is small enough, or else the coarsest; with what was opened."""
    enough = max_nodes if collapse != "auto" else min(max_nodes, READABLE)
    smallest: tuple[Folded, Way] | None = None
    for way in _ways(collapse, max(graph.heights.values(), default=-1)):
        folded = _fold_so(graph, way, Opened(), at_most=max_nodes)
        if folded and (smallest is None or len(folded.parts) < len(smallest[0].parts)):
            smallest = folded, way
            if (way.height < 0 and not way.repeats) or len(folded.parts) <= enough:
                break
    if smallest is None:
        folded = _fold_so(graph, way, Opened(), at_most=None)
        assert folded
        return folded
    return _open(graph, *smallest, max_nodes, opened)


def _open(graph: Graph, folded: Folded, way: Way, max_nodes: int, wanted: Iterable[str | Scope]) -> Folded:
    """The same with parts of the graph opened one after the other."""
    opened, still_closed = Opened(), []
    for what in wanted:
        part = next((part for part in folded.parts if what == key_of(graph, part) or what in part.scopes), None)
        if part is None:
            continue
        further = Opened(opened.scopes.union(part.scopes), opened.alone.union(() if part.scopes else part.nodes))
        finer = _fold_so(graph, way, further, at_most=max_nodes)
        if finer:
            folded, opened = finer, further
        else:
            still_closed.append(one_line(title_of(part)))
    return folded._replace(still_closed=tuple(still_closed))


def _fold_so(graph: Graph, way: Way, opened: Opened, at_most: int | None) -> Folded | None:
    """The graph in parts; None where these are more than wanted."""
    if at_most is not None and not way.repeats and graph.number_of_groups(way.height, opened.scopes) > at_most:
        return None
    groups = graph.groups(way.height, opened.scopes)
    repeats = fold(groups, opened.alone, way.alike, at_most) if way.repeats else [[group] for group in groups]
    if repeats is None:
        return None
    parts = [
        Part(
            [node for group in same for node in group.nodes],
            [group.scope for group in same if group.scope],
            set().union(*[group.operands for group in same]),
            len(same),
        )
        for same in repeats
    ]
    folded = _with_leaves(parts, way, opened.alone) if parts else Folded([Part([graph.root])])
    if at_most is not None and len(folded.parts) > at_most:
        return None
    for part in folded.parts:
        part.nodes.sort(key=graph.index.__getitem__)
    folded.parts.sort(key=lambda part: graph.index[part.nodes[-1]])
    return folded


# --- Leaves -----------------------------------------------------------------------------------------------------------

_FEW = 4
"""So many leaves of the same use are drawn one by one."""


def _with_leaves(parts: list[Part], way: Way, alone: Collection[Value]) -> Folded:
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
        elif scope_of(leaf) is INSIDE and all(parts[place].scopes for place in places):
            inside.append(leaf)
        else:
            by_use[leaf._primitive, tuple(places)].append(leaf)
    leaf_parts = [Part([leaf]) for leaf in single]
    for leaf in inside:
        parts[uses[leaf][0]].nodes.append(leaf)
    for (kind, where), leaves in by_use.items():
        users = [parts[place] for place in where]
        if kind is PARAMETER and len(users) == 1 and users[0].scopes and users[0].count == 1:
            users[0].nodes.extend(leaves)
        elif len(leaves) <= _FEW or (not way.repeats and any(user.is_one_node() for user in users)):
            leaf_parts += [Part([leaf]) for leaf in leaves]
        else:
            leaf_parts.append(Part(leaves))
    return Folded(leaf_parts + parts, frozenset(inside))


# --- What a part is called --------------------------------------------------------------------------------------------


def key_of(graph: Graph, part: Part) -> str:
    """The place of its first node, and how many nodes there are: no other part of this graph has the same."""
    first = graph.index[part.nodes[0]]
    return f"b{first}" if part.is_one_node() else f"b{first}_{len(part.nodes)}"


def title_of(part: Part) -> str:
    """The label, operation or number of a node; the name of a scope; what several leaves have in common."""
    first = part.nodes[0]
    if part.scopes:
        names = {scope.name for scope in part.scopes}
        return names.pop() if len(names) == 1 else stem(part.scopes[0].name)
    if first._left is not None:
        return first.label or first._op if len(part.nodes) == 1 else first._op
    if len(part.nodes) == 1:
        return first.label or f"{first._data:.4g}"
    names = {node.label.split("[")[0] for node in part.nodes}
    if len(names) <= 3 and "" not in names:
        return ", ".join(sorted(names))
    return counted(len(part.nodes), *_PLURALS[first._primitive.name])


_PLURALS = {"leaf": ("leaf", "leaves"), "parameter": ("parameter", "parameters"), "constant": ("constant", "constants")}
