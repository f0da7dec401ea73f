"""Which scope each node belongs to: as it was marked, and where that tells parts apart, to which of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograd.scopes import scope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.scopes import Scope
    from autograd.value import Value


def scopes_in(order: Sequence[Value]) -> dict[Value, Scope]:
    """The innermost scope of every computed node that has one.

    Where a scope tells parts apart that it marked as one (`Scope.part_of`), as a layer does its neurons, nodes go to
    the parts. What it marked and was computed from one part alone belongs there as well, as the activation of a neuron
    does; so do the nodes in between, where an activation makes several: those without a mark that lead from a part to
    nothing but that part.

    Args:
        order: the graph, operands before results.

    Example:
        >>> from autograd.graph import topological_order
        >>> from nn import MLP
        >>> found = scopes_in(topological_order(MLP(1, [2, 1])([3.0])))
        >>> list(found.values())[0]
        NeuronScope('MLP / layer 0 / neuron 0')
    """
    found: dict[Value, Scope] = {}
    origins: dict[Value, Scope] = {}  # the part that a node comes from, whether it belongs to it or not
    between: set[Value] = set()
    for node in order:
        if not node.operands:
            continue
        scope = scope_of(node)
        part = scope.part_of(node) if scope else None
        if part is None:
            origin = _only([origins[operand] for operand in node.operands if operand in origins])
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


def _only(scopes: Sequence[Scope]) -> Scope | None:
    return scopes[0] if scopes and all(scope is scopes[0] for scope in scopes) else None


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
