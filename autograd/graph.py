"""The topological order of a graph, its edges, and gradients without `.grad`: what all others read graphs with."""

from __future__ import annotations

from operator import mul as multiply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Any

    from autograd.value import Value


KINDS = ("leaf", "parameter", "constant", "computed")
"""What a node can be: made by the user, held by a module, made of a plain number, computed by an operation."""

MANY: Any = ("many operands",)
"""Stands in a node's `_right` when `_left` holds a tuple of any number of operands."""


def topological_order(*roots: Value, leaves: Collection[Value] = ()) -> list[Value]:
    """Every node that the roots were computed from, and the roots: operands before results, each once.

    The walk keeps its own stack, so a chain of a million operations needs no recursion.

    Args:
        roots: where the walk starts.
        leaves: nodes behind which it does not look.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0), Value(3.0)
        >>> [node.data for node in topological_order(a * b + a)]
        [2.0, 3.0, 6.0, 8.0]
    """
    order: list[Value] = []
    seen: set[Value] = set()
    finish, see = order.append, seen.add
    stack: list[Any] = list(reversed(roots))
    push, pop = stack.append, stack.pop
    while stack:
        node = pop()
        if node is None:  # everything above this mark is done: so are the operands of the node below it
            finish(pop())
            continue
        while node not in seen:
            see(node)
            left = node._left
            if left is None or (leaves and node in leaves):
                finish(node)
                break
            push(node)
            push(None)
            right = node._right
            if right is MANY:
                if not seen.issuperset(left):
                    stack.extend([operand for operand in reversed(left) if operand not in seen])
                break
            if right is not None and right not in seen:
                push(right)
            node = left
    return order


def edges(node: Value) -> tuple[tuple[Value, float | None], ...]:
    """Each operand of a node with the recorded local derivative; None where nothing flows back to it.

    Example:
        >>> from autograd import Value
        >>> edges(Value(2.0) * 3.0)
        ((Value(data=2.0, grad=0.0), 3.0), (Value(data=3.0, grad=0.0), None))
    """
    left, right = node._left, node._right
    if left is None:
        return ()
    if right is MANY:
        return tuple(zip(left, node._d_left))
    return ((left, node._d_left),) if right is None else ((left, node._d_left), (right, node._d_right))


def connect(out: Value, operands: tuple[Value, ...], derivatives: Sequence[float | None]) -> None:
    """Give a node its operands, and the local derivative with respect to each."""
    if len(operands) == 1:
        (out._left,), (out._d_left,) = operands, derivatives
    elif len(operands) == 2:
        (out._left, out._right), (out._d_left, out._d_right) = operands, derivatives
    else:
        out._left, out._right = operands, MANY
        out._d_left = tuple(derivatives)


def read_data(values: Iterable[Value]) -> list[float]:
    """The numbers in many Values: what a pass over all parameters of a model reads."""
    return [value._data for value in values]


def write_data(values: Iterable[Value], numbers: Iterable[float]) -> None:
    """Put floats into many Values."""
    for value, number in zip(values, numbers):
        value._data = number


def read_grads(values: Iterable[Value]) -> list[float | None]:
    """The gradients of many Values; None for one that has none."""
    return [value._grad for value in values]


def write_grads(values: Iterable[Value], gradients: Iterable[float | None]) -> None:
    """Set the gradients of many Values to floats; None resets one to "not set"."""
    for value, gradient in zip(values, gradients):
        value._grad = gradient


def propagate(
    order: Sequence[Any],
    gradients: dict[Any, Any],
    edges: Callable[[Any], Iterable[tuple[Any, Any]]] = edges,
    times: Callable[[Any, Any], Any] = multiply,
) -> dict[Any, Any]:
    """The chain rule, from results to operands: each edge adds upstream gradient times local derivative.

    That is all of reverse mode, on floats as on Values. (`Value.backward` does it in place.)

    Args:
        order: nodes, operands before results.
        gradients: of the nodes where it starts; those of all nodes that it reaches are added.
        edges: a node's operands with the local derivatives; None where nothing flows.
        times: how an upstream gradient is multiplied by a local derivative.
    """
    for node in reversed(order):
        upstream = gradients.get(node)
        if upstream is not None:
            for operand, local in edges(node):
                if local is not None:
                    before, new = gradients.get(operand), times(upstream, local)
                    gradients[operand] = new if before is None else before + new
    return gradients


def adjoints(root: Value, seed: float = 1.0) -> dict[Value, float]:
    """What one `backward(seed)` of the root gives to every node that it reaches; no `.grad` is read or changed.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0), Value(3.0)
        >>> list(adjoints(a * b).values())
        [1.0, 3.0, 2.0]
    """
    return propagate(topological_order(root), {root: seed})
