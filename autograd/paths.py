"""Paths: the ways on which a change of one node reaches a result, and what two derivatives have in common.

The derivative of a result with respect to a node is a sum over all paths from the one to the other: of each path the
product of the local derivatives along it. Their number can double with each node. `backward()` gets the same sum
from one visit to each edge, because paths that meet have everything from there on in common.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import groupby

from autograd import modes
from autograd.graph import edges, topological_order
from autograd.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from autograd.symbolic.notation import Name


class Path:
    """One way from a node to a result, step by step from operand to result.

    Args:
        nodes: from the node to the result, both included.
        positions: for each step the operand's position, counted from 0, among the operands of the result.

    Attributes:
        nodes: as given, a tuple.
        positions: as given, a tuple. `a + a` has two paths from a: of positions (0,) and (1,).
        local_derivatives: one for each step.
        product: their product, multiplied as `backward()` does it, from the result down; 1.0 where there are no steps.

    Nodes are called as `explain(root, node)` calls them. The text of a long path leaves out nodes in the middle, but no
    position: these tell all paths of a root apart.

    Raises:
        ValueError: a node is not an operand of the next, or no local derivative is recorded for it there.

    Example:
        >>> from autograd import Value, paths
        >>> x = Value(3.0, label="x")
        >>> paths(x, x * x)[1]
        Path(x -> C, positions=(1,), product=3.0)
    """

    __slots__ = ("_named", "local_derivatives", "nodes", "positions", "product")

    def __init__(self, nodes: Sequence[Value], positions: Sequence[int]) -> None:
        self.nodes = tuple(nodes)
        self.positions = tuple(positions)
        if len(self.nodes) != len(self.positions) + 1:
            raise ValueError(f"a path of {len(self.nodes)} nodes has a position for each step: {len(self.nodes) - 1}")
        steps = zip(self.nodes, self.nodes[1:], self.positions)
        self.local_derivatives = tuple([_local_derivative(*step) for step in steps])
        product = 1.0
        for local in reversed(self.local_derivatives):
            product = product * local
        self.product = product
        self._named = _names_later(self.nodes[-1])

    def __repr__(self) -> str:
        named = self._named()
        nodes = _in_short([named[node].text for node in self.nodes])
        positions = _in_runs(self.positions)
        comma = "," if len(self.positions) == 1 else ""
        return f"Path({' -> '.join(nodes)}, positions=({', '.join(positions)}{comma}), product={self.product})"


def _local_derivative(operand: Value, result: Value, position: int) -> float:
    found, local = edges(result)[position] if 0 <= position < len(result.operands) else (None, None)
    if found is not operand or local is None:
        raise ValueError(f"{operand!r} is not operand {position} of {result!r} with a local derivative: see v.operands")
    return local


def _names_later(root: Value) -> Callable[[], dict[Value, Name]]:
    """The names in the graph of a root, made when the first is asked for: all paths of one list share them."""

    @cache
    def named() -> dict[Value, Name]:
        from autograd.names import names_of

        return names_of(root)

    return named


def _in_short(parts: list[str], ends: int = 4) -> list[str]:
    return parts if len(parts) <= 2 * ends + 1 else [*parts[:ends], "...", *parts[-ends:]]


def _in_runs(positions: Sequence[int], shortest: int = 5) -> list[str]:
    """All positions, those that come several times in a row with how often: 1, 6 × 0, 1."""
    texts = []
    for position, alike in groupby(positions):
        count = len(list(alike))
        texts += [str(position)] * count if count < shortest else [f"{count} × {position}"]
    return texts


# ---------------------------------------------------------------------------------------------------------------------


def between(leaf: Value, root: Value) -> list[Value]:
    """The nodes on the way from one node to a result: those that lie on a path between them.

    `draw_dot(root, highlight=between(leaf, root))` shows them.

    Args:
        leaf: where the paths begin; it may be computed itself.
        root: the result.

    Returns:
        The nodes, operands before results, both ends included; none where there is no path.

    Raises:
        TypeError: one of them is not a Value.
        ValueError: they are the wrong way round: `leaf` was computed from `root`.

    Example:
        >>> from autograd import Value, between
        >>> w, x, b = Value(2.0, label="w"), Value(3.0, label="x"), Value(1.0, label="b")
        >>> [node.data for node in between(w, (w * x + b).tanh())]
        [2.0, 6.0, 7.0, 0.999...]
    """
    _check("between", leaf=leaf, root=root)
    nodes = nodes_between(leaf, root)
    if not nodes and root in set(topological_order(leaf)):
        raise ValueError(
            f"no path leads from {leaf!r} to {root!r}, which it was computed from: write the two the other way round"
        )
    return nodes


def nodes_between(leaf: Value, root: Value) -> list[Value]:
    """What `between` returns, without checking the arguments."""
    order = topological_order(root, leaves=frozenset([leaf]))
    depend = {leaf}
    for node in order:
        if live_edges(node, depend):
            depend.add(node)
    if root not in depend:
        return []
    on_the_way = {root}
    for node in reversed(order):
        if node in on_the_way and node is not leaf:
            on_the_way.update([operand for _, operand in live_edges(node, depend)])
    return [node for node in order if node in on_the_way]


def live_edges(node: Value, among: Collection[Value]) -> list[tuple[int, Value]]:
    """The edges into a node from these operands that have a local derivative, as (position, operand)."""
    return [(k, operand) for k, (operand, local) in enumerate(edges(node)) if local is not None and operand in among]


def shared_nodes(root: Value, first: Value, second: Value) -> list[Value]:
    """What the derivatives of a result with respect to two nodes have in common: the nodes on the way from both.

    On the edges between these nodes both derivatives multiply by the same local derivatives, and from each of them on
    both need the same upstream gradient. `backward()` computes it once: that makes it dynamic programming.
    `draw_dot(root, highlight=shared_nodes(root, first, second))` shows them.

    Args:
        root: the result.
        first, second: the two nodes.

    Returns:
        The nodes, operands before results; at least the root, unless one of the two does not reach it.

    Raises:
        TypeError: one of them is not a Value.
        ValueError: one of the two was computed from `root`.

    Example:
        >>> from autograd import Value, shared_nodes
        >>> w, x, b = Value(2.0), Value(3.0), Value(1.0)
        >>> z = w * x + b
        >>> a = z.tanh()
        >>> shared_nodes(a, w, b) == [z, a]
        True
    """
    _check("shared_nodes", root=root, first=first, second=second)
    from_second = set(between(second, root))
    return [node for node in between(first, root) if node in from_second]


# ---------------------------------------------------------------------------------------------------------------------


def number_of_paths(leaf: Value, root: Value) -> int:
    """How many paths lead from one node to a result: exact, however many, from one visit to each edge.

    Args:
        leaf: where the paths begin.
        root: the result.

    Raises:
        TypeError: one of them is not a Value.
        ValueError: `leaf` was computed from `root`.

    Example:
        >>> from autograd import Value, number_of_paths
        >>> x = Value(1.0)
        >>> y = x
        >>> for _ in range(100):
        ...     y = y + y
        >>> number_of_paths(x, y) == 2**100
        True
    """
    _check("number_of_paths", leaf=leaf, root=root)
    return count(between(leaf, root))[0]


def count(nodes: Sequence[Value]) -> tuple[int, int]:
    """How many paths there are on the nodes of `between`, and how many steps they have in all.

    As `backward()` passes on gradients, this passes on the paths from each node to the root, and their steps.
    """
    among = frozenset(nodes)
    reached = dict.fromkeys(nodes[-1:], (1, 0))  # a node's count is dropped when it is passed on
    counted = (0, 0)
    for node in reversed(nodes):
        counted = paths, steps = reached.pop(node)
        if node is not nodes[0]:
            for _, operand in live_edges(node, among):
                paths_before, steps_before = reached.get(operand, (0, 0))
                reached[operand] = paths_before + paths, steps_before + steps + paths
    return counted


def paths(leaf: Value, root: Value, limit: int = 1000) -> list[Path]:
    """All paths from one node to a result, through the edges that have a local derivative.

    The products of the paths add up to the derivative of the result with respect to the node, up to rounding: the sum
    over paths of F. L. Bauer, "Computational graphs and rounding error", 1974.

    Args:
        leaf: where the paths begin; it may be computed itself.
        root: the result.
        limit: the largest number of paths to write out.

    Returns:
        The paths, those through the first operand of the result first.

    Raises:
        TypeError: `leaf` or `root` is not a Value, or the limit not an integer.
        ValueError: there are more than the limit, with their number; or `leaf` was computed from `root`.

    Example:
        >>> from autograd import Value, paths
        >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
        >>> for path in paths(a, a * b + a):
        ...     print(path)
        Path(a -> v1 -> C, positions=(0, 0), product=-3.0)
        Path(a -> C, positions=(1,), product=1.0)
        >>> sum(path.product for path in paths(a, a * b + a))
        -2.0
    """
    _check("paths", leaf=leaf, root=root)
    check_limit("paths", limit, 1000)
    nodes = between(leaf, root)
    number = count(nodes)[0]
    if number > limit:
        raise ValueError(
            f"there are {exactly(number)} paths from {leaf!r} to {root!r}, more than limit={limit}: add them up with "
            f"backward(), which visits each edge once and leaves the sum in .grad; number_of_paths only counts them"
        )
    found = list(_walk(leaf, root, frozenset(nodes))) if nodes else []
    named = _names_later(root)
    for path in found:
        path._named = named
    return found


def _walk(leaf: Value, root: Value, among: Collection[Value]) -> Iterator[Path]:
    """Down from the root, along every path that ends at the leaf."""
    if leaf is root:
        yield Path((root,), ())
        return
    nodes, positions = [root], list[int]()
    open_edges = [iter(live_edges(root, among))]
    while open_edges:
        for position, operand in open_edges[-1]:
            if operand is leaf:
                yield Path((leaf, *reversed(nodes)), (position, *reversed(positions)))
            else:
                nodes.append(operand)
                positions.append(position)
                open_edges.append(iter(live_edges(operand, among)))
                break
        else:
            open_edges.pop()
            nodes.pop()
            del positions[-1:]


_DIGITS = 60


def exactly(number: int) -> str:
    """An integer with all its digits; a very large one as a power of ten."""
    logarithm = math.log10(number) if number else 0.0  # of an integer of any size
    if logarithm < _DIGITS:
        return f"{number:,}"
    return f"about {10 ** (logarithm % 1):.3f}e{int(logarithm)}"


# ---------------------------------------------------------------------------------------------------------------------


def _check(function: str, **nodes: object) -> None:
    modes.check_not_tracing(f"{function}()", "call it on a graph outside of the function that is compiled")
    for name, node in nodes.items():
        if not isinstance(node, Value):
            raise TypeError(
                f"{function}: {name} is a Value, a node of the graph, got {type(node).__name__} {node!r:.80}"
            )


def check_limit(function: str, limit: object, usual: int) -> None:
    """A limit is an integer of at least 0."""
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(
            f"{function}: limit is an integer, got {type(limit).__name__} {limit!r:.80}: write limit={usual}"
        )
    if limit < 0:
        raise ValueError(f"{function}: limit is at least 0, got {limit}: write limit={usual}")
