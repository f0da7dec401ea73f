"""Which numbers of a graph are stale: data from before an optimizer step, gradients not of one backward pass.

A node keeps what was computed when it was made. A leaf whose data is changed afterwards stands beside old results, and
the gradients of several passes add up in it. That is as it should be, but a picture of it has to say so.
"""

from __future__ import annotations

import math

from autograd.graph import propagate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.value import Value

NOT_OF_NOW = "not what the leaves give now, as after an optimizer step"
"""What is said of nodes that are outdated."""

_MOST_NODES = 100_000
"""Larger graphs are not looked through: a picture of them should not take twice as long for it."""

_CLOSE = 1e-9
"""How far apart, relative to their size, the same numbers may be when other code computed them."""


def outdated(order: Sequence[Value]) -> frozenset[Value]:
    """The computed nodes of a graph whose number is another one if it is computed again from its leaves."""
    if len(order) > _MOST_NODES:
        return frozenset()
    others: dict[Value, float] = {}  # what is computed again and differs
    for node in order:
        row = node.primitive
        if row is None:
            continue
        try:
            if others:
                number = row.forward(*[others.get(operand, operand.data) for operand in node.operands])
            else:
                number = row.forward(*[operand.data for operand in node.operands])
        except Exception:  # of a user's own row, which need not work everywhere
            continue
        if not _are_close(number, node.data):
            others[node] = number
    return frozenset(others)


def foreign(order: Sequence[Value]) -> frozenset[Value]:
    """The nodes of a graph that have a gradient, but not the one that a single `backward()` of the root gives."""
    received = [node for node in order if node.grad]
    if not received or len(order) > _MOST_NODES:
        return frozenset()
    root = order[-1]
    expected = propagate(order, {root: root.grad or 1.0})
    rounding = _CLOSE * max([abs(gradient) for gradient in expected.values() if math.isfinite(gradient)], default=0.0)
    return frozenset([node for node in received if not _are_close(node.grad, expected.get(node, 0.0), rounding)])


def _are_close(x: float, y: float, rounding: float = 0.0) -> bool:
    return x == y or math.isclose(x, y, rel_tol=_CLOSE, abs_tol=rounding) or (x != x and y != y)
