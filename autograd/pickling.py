"""Pickles of graphs of any depth: pickle's own way, an operand inside of its result, would need recursion.

The pickle of a node is a list of all nodes of its graph, operands first. Until the end of that list has been written,
a node pickles as its own parts alone: its operands are in the pickle already, so that none nests deeper than one.
"""

from __future__ import annotations

from _thread import _local
from sys import intern
from weakref import WeakSet

from autograd import modes
from autograd.graph import connect, edges, topological_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autograd.value import Value


def copied(node: Value) -> Value:
    """A node of the same operands."""
    return _rebuilt(type(node), *_parts(node))


def deep_copied(node: Value, memo: dict[int, Any]) -> Value:
    """A node of its own graph."""
    for each in topological_order(node):
        if id(each) not in memo:
            kind, data, grad, label, operands, local_derivatives, scope = _parts(each)
            copies = tuple([memo[id(operand)] for operand in operands])
            memo[id(each)] = _rebuilt(type(each), kind, data, grad, label, copies, local_derivatives, scope)
    return memo[id(node)]  # type: ignore[no-any-return]


def reduced(node: Value) -> tuple[Callable[..., Value], tuple[Any, ...]]:
    """What pickle is to write for a node."""
    if node.is_leaf or any(node in graph.nodes for graph in _open_pickles.graphs):
        return _rebuilt, (type(node), *_parts(node))
    opening = _Opening(topological_order(node))
    return _last, (opening, opening.order, _Closing(opening))


def _parts(node: Value) -> tuple[Any, ...]:
    modes.check_not_tracing("a copy or a pickle of v", "use v itself, or copy outside of the function")
    local_derivatives = [local for _, local in edges(node)]
    scope = getattr(node, "_scope", None)
    return node._primitive, node._data, node._grad, node.label, node.operands, local_derivatives, scope


def _rebuilt(
    kind_of_number: type[Value],
    kind: Any,
    data: float,
    grad: float | None,
    label: str,
    operands: tuple[Value, ...],
    local_derivatives: list[float | None],
    scope: Any,
) -> Value:
    """A node from its parts."""
    out = kind_of_number(data, label)
    out._grad, out._primitive = grad, intern(kind) if isinstance(kind, str) else kind
    if scope:
        out._scope = scope
    if operands:
        connect(out, operands, local_derivatives)
    return out


class _Opening:
    """Goes into a pickle before the nodes of a graph, which follow in order, operands first; a `_Closing` ends them."""

    def __init__(self, order: list[Value]) -> None:
        self.order = order
        self.nodes = frozenset(order)

    def __reduce__(self) -> tuple[Any, ...]:
        _open_pickles.graphs.add(self)
        return tuple, ()


class _OpenPickles(_local):
    """The graphs that this thread is pickling: those with an opening but no closing yet."""

    def __init__(self) -> None:
        self.graphs: WeakSet[_Opening] = WeakSet()


_open_pickles = _OpenPickles()


class _Closing:
    def __init__(self, opening: _Opening) -> None:
        self.opening = opening

    def __reduce__(self) -> tuple[Any, ...]:
        _open_pickles.graphs.discard(self.opening)
        return tuple, ()


def _last(_opening: object, nodes: list[Value], _closing: object) -> Value:
    return nodes[-1]
