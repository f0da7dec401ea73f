"""Which nodes of a large graph go into one box: ways to collapse it are tried from the finest to the coarsest.

Nodes are put together by the scopes that they were computed in, then parts that repeat each other, then leaves of one
use.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from autograd.draw.repeats import Part, merge_repeats
from autograd.graph import topological_order
from autograd.names import in_picture
from autograd.scopes import INSIDE, Scope, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.value import Value

    Opened = frozenset[object]  # scopes that are drawn as their parts, and nodes that are drawn each for itself

READABLE = 60
"""How many boxes a collapsed picture has at most, where it can be collapsed so far."""


def scopes_in(order: Sequence[Value]) -> dict[Value, Scope]:
    """The innermost scope of every computed node that has one.

    Where a scope tells parts apart that it marked as one (`Scope.part_of`), as a layer does its neurons, nodes go to
    the parts. What it marked and was computed from one part alone belongs there as well, as the activation of a neuron
    does; so do the nodes in between, where an activation makes several: those without a mark that lead from a part to
    nothing but that part.
    """
    found: dict[Value, Scope] = {}
    origins: dict[Value, Scope] = {}  # the part that a node comes from, whether it belongs to it or not
    between: set[Value] = set()
    for node in order:
        operands = node.operands
        if not operands:
            continue
        scope = scope_of(node)
        part = scope.part_of(node) if scope else None
        if part is None:
            sources = {origins[operand] for operand in operands if operand in origins}
            origin = sources.pop() if len(sources) == 1 else None
            if origin is not None and scope is origin.parent:
                part = origin
            elif origin is not None and (scope is None or scope in origin.chain()):
                origins[node] = origin
                between.add(node)
        if part is not None:
            found[node] = origins[node] = part
        elif scope is not None:
            found[node] = scope
    if between:
        _add_those_between(order, found, origins, between)
    return found


def _add_those_between(
    order: Sequence[Value], found: dict[Value, Scope], origins: dict[Value, Scope], between: set[Value]
) -> None:
    """The nodes `between` all of whose results are in the part that they come from belong to it."""
    used_outside: set[Value] = {order[-1]}
    for node in reversed(order):
        if node in between and node not in used_outside:
            found[node] = origins[node]
        part = found.get(node)
        for operand in between.intersection(node.operands):
            if part is not origins[operand]:
                used_outside.add(operand)


# ---------------------------------------------------------------------------------------------------------------------


class Graph:
    """The nodes of a graph, and the scopes that they were computed in."""

    def __init__(self, root: Value) -> None:
        self.root = root
        self.order = topological_order(root)
        self.index = {node: k for k, node in enumerate(self.order)}
        self._refuse_cycles()
        self.scopes = scopes_in(self.order)
        self.heights = _heights(self.scopes.values())

    def _refuse_cycles(self) -> None:
        index = self.index
        for k, node in enumerate(self.order):
            operands = node.operands
            if operands and max(map(index.__getitem__, operands)) >= k:
                raise ValueError(
                    f"this graph has a cycle: {node!r} is computed from itself. Operations never make one; the "
                    f"operands of a node were changed"
                )

    def parts(self, height: int, opened: Opened, at_most: int | None) -> list[Part] | None:
        """The computed nodes, those of the same scope together, in the order of their last nodes; None if too many."""
        highest = self._highest(height, opened)
        parts: dict[Scope | Value, Part] = {}
        for node in reversed(self.order):
            if not node.is_leaf:
                scope = highest.get(self.scopes.get(node))
                if scope and scope in parts:
                    parts[scope].nodes.append(node)
                elif len(parts) == at_most:
                    return None
                else:
                    parts[scope or node] = Part([node], [scope] if scope else ())
        for part in parts.values():
            part.nodes.reverse()
        return list(reversed(parts.values()))

    def _highest(self, height: int, opened: Opened) -> dict[Scope | None, Scope | None]:
        """For each innermost scope the outermost that is closed and no higher than this."""
        highest: dict[Scope | None, Scope | None] = {}
        for innermost in set(self.scopes.values()):
            highest[innermost] = None
            for scope in innermost.chain():
                if self.heights[scope] <= height and scope not in opened:
                    highest[innermost] = scope
                    break
        return highest

    def key_of(self, part: Part) -> str:
        """A key that is unique to this part: the index of its first node and the number of its nodes."""
        first = self.index[part.nodes[0]]
        return f"b{first}" if part.is_one_node else f"b{first}_{len(part.nodes)}"


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
    """A way to collapse a graph."""

    height: int  # scopes no higher than this are boxes; -1 for none
    repeats: bool = False  # whether parts that repeat each other are one
    alike: bool = False  # whether what only does the same, on other parameters, is a repeat

    @property
    def is_none(self) -> bool:
        return self.height < 0 and not self.repeats


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


class Collapsed(NamedTuple):
    """A graph divided into parts."""

    parts: list[Part]  # in the order of their last nodes, operands before results
    inside: frozenset[Value] = frozenset()  # the constants that several parts use, and that are drawn with none
    still_closed: tuple[str, ...] = ()  # what was to be opened, but would make too many parts


def collapse_graph(graph: Graph, collapse: str, max_nodes: int, opened: Iterable[str | Scope]) -> Collapsed:
    """The graph collapsed in the finest way that is small enough, or else the coarsest; with what was opened."""
    enough = max_nodes if collapse != "auto" else min(max_nodes, READABLE)
    smallest: tuple[Collapsed, Way] | None = None
    for way in _ways(collapse, max(graph.heights.values(), default=-1)):
        collapsed = _collapse(graph, way, frozenset(), at_most=max_nodes)
        if collapsed and (smallest is None or len(collapsed.parts) < len(smallest[0].parts)):
            smallest = collapsed, way
            if way.is_none or len(collapsed.parts) <= enough:
                break
    if smallest is None:
        collapsed = _collapse(graph, way, frozenset(), at_most=None)
        assert collapsed
        return collapsed
    return _open(graph, *smallest, max_nodes, opened)


def _open(graph: Graph, collapsed: Collapsed, way: Way, max_nodes: int, wanted: Iterable[str | Scope]) -> Collapsed:
    """The same with parts of the graph opened one after the other."""
    opened, still_closed = frozenset[object](), []
    for what in wanted:
        part = next((part for part in collapsed.parts if what == graph.key_of(part) or what in part.scopes), None)
        if part is None:
            continue
        further = opened.union(part.scopes or part.nodes)
        finer = _collapse(graph, way, further, at_most=max_nodes)
        if finer:
            collapsed, opened = finer, further
        else:
            still_closed.append(in_picture(part.title))
    return collapsed._replace(still_closed=tuple(still_closed))


def _collapse(graph: Graph, way: Way, opened: Opened, at_most: int | None) -> Collapsed | None:
    """The graph in parts; None where these are more than wanted."""
    computed = graph.parts(way.height, opened, None if way.repeats else at_most)
    if computed and way.repeats:
        leaves = [node for node in graph.order if node.is_leaf]
        computed = merge_repeats(computed, leaves, opened, way.alike, at_most)
    if computed is None:
        return None
    collapsed = _with_leaves(computed, way, opened) if computed else Collapsed([Part([graph.root])])
    if at_most is not None and len(collapsed.parts) > at_most:
        return None
    for part in collapsed.parts:
        part.nodes.sort(key=graph.index.__getitem__)
    collapsed.parts.sort(key=lambda part: graph.index[part.nodes[-1]])
    return collapsed


# --- Leaves -----------------------------------------------------------------------------------------------------------

_FEW = 4
"""Up to this many leaves of the same use are drawn one by one."""


def _with_leaves(parts: list[Part], way: Way, opened: Opened) -> Collapsed:
    """The parts and the leaves: of one kind and one use together, parameters in the group that alone uses them."""
    uses: defaultdict[Value, list[int]] = defaultdict(list)
    for place, part in enumerate(parts):
        for operand in part.operands:
            if operand.is_leaf:
                uses[operand].append(place)
    by_use: defaultdict[tuple[object, tuple[int, ...]], list[Value]] = defaultdict(list)
    inside: list[Value] = []
    single: list[Value] = []
    for leaf, places in uses.items():
        if leaf in opened or way.is_none:
            single.append(leaf)
        elif scope_of(leaf) is INSIDE and all(parts[place].scopes for place in places):
            inside.append(leaf)
        else:
            by_use[leaf.kind, tuple(places)].append(leaf)
    leaf_parts = [Part([leaf]) for leaf in single]
    for leaf in inside:
        parts[uses[leaf][0]].nodes.append(leaf)
    for (kind, where), leaves in by_use.items():
        users = [parts[place] for place in where]
        if kind == "parameter" and len(users) == 1 and users[0].scopes and users[0].count == 1:
            users[0].nodes.extend(leaves)
        elif len(leaves) <= _FEW or (not way.repeats and any(user.is_one_node for user in users)):
            leaf_parts += [Part([leaf]) for leaf in leaves]
        else:
            leaf_parts.append(Part(leaves))
    return Collapsed(leaf_parts + parts, frozenset(inside))
