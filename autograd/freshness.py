"""Whether the numbers that a graph shows belong together: after an optimizer step, or several backward passes, or none.

A node keeps what was computed when it was made. A leaf whose data is changed afterwards stands beside old results, and
the gradients of several passes add up in it. That is as it should be, but who looks at a picture of it is to be told.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from autograd.graph import adjoints

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.value import Value

NOT_OF_NOW = "not what the leaves give now, as after an optimizer step"
"""What is to be said of nodes that are outdated."""

_MOST_NODES = 100_000
"""Larger graphs are not looked through: a picture of them should not take twice as long for it."""

_CLOSE = 1e-9
"""How far apart, relative to their size, the same numbers may be when other code computed them."""


class Freshness(NamedTuple):
    """What in a graph does not belong together.

    Attributes:
        outdated: computed nodes whose number is another one if the graph is computed again from its leaves.
        foreign: nodes whose gradient is not the one that a single `backward()` of the root gives them.
    """

    outdated: frozenset[Value] = frozenset()
    foreign: frozenset[Value] = frozenset()


def freshness_of(order: Sequence[Value]) -> Freshness:
    """What in a graph does not belong together. A graph that is very large is not looked through.

    Args:
        order: the graph, operands before results.

    Example:
        >>> from autograd import Value
        >>> from autograd.graph import topological_order
        >>> w = Value(2.0)
        >>> loss = w * w
        >>> for _ in range(2):
        ...     loss.backward()
        >>> w.data = 1.0
        >>> found = freshness_of(topological_order(loss))
        >>> loss in found.outdated, w in found.foreign
        (True, True)
    """
    return Freshness(outdated(order), _foreign(order))


def outdated(order: Sequence[Value]) -> frozenset[Value]:
    """The computed nodes whose number is another one if the graph is computed again from its leaves.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0), Value(3.0)
        >>> product = a * b
        >>> a.data = 5.0
        >>> outdated([a, b, product]) == {product}
        True
    """
    if len(order) > _MOST_NODES:
        return frozenset()
    others: dict[Value, float] = {}  # what is computed again and differs
    for node in order:
        row = node.primitive
        if row is None:
            continue
        if others:
            numbers = [others.get(operand, operand.data) for operand in node.operands]
        else:
            numbers = [operand.data for operand in node.operands]
        try:
            number = row.forward(*numbers)
        except Exception:  # of somebody's own row, which need not work everywhere
            continue
        if not _are_close(number, node.data):
            others[node] = number
    return frozenset(others)


def _foreign(order: Sequence[Value]) -> frozenset[Value]:
    """The nodes that have a gradient, but not the one that a single `backward()` of the root gives."""
    received = [node for node in order if node.grad]
    if not received or len(order) > _MOST_NODES:
        return frozenset()
    expected = adjoints(order, order[-1].grad or 1.0)
    rounding = _CLOSE * max([abs(gradient) for gradient in expected.values() if math.isfinite(gradient)], default=0.0)
    return frozenset([node for node in received if not _are_close(node.grad, expected.get(node, 0.0), rounding)])


def _are_close(x: float, y: float, rounding: float = 0.0) -> bool:
    return x == y or math.isclose(x, y, rel_tol=_CLOSE, abs_tol=rounding) or (x != x and y != y)
