"""Which scope each node belongs to: as it was marked, and where a layer marked its nodes, which of its neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograd import primitives
from autograd.graph import MANY
from autograd.scopes import scope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.scopes import Scope
    from autograd.value import Value


def scopes_in(order: Sequence[Value]) -> dict[Value, Scope]:
    """The innermost scope of every computed node that has one.

    A layer marks the pre-activations and activations of all its neurons with one scope, which takes it the least time.
    Here each neuron gets a scope of its own in that of the layer: a pre-activation is told by its bias, an activation
    by the pre-activation that it was computed from. So are the nodes in between, where an activation makes several: the
    nodes without a mark that lead from a neuron to nothing but that neuron.

    Args:
        order: the graph, operands before results.

    Example:
        >>> from autograd.graph import topological_order
        >>> from nn import MLP
        >>> found = scopes_in(topological_order(MLP(1, [2, 1])([3.0])))
        >>> list(found.values())[0]
        Scope('MLP / layer 0 / neuron 0')
    """
    found: dict[Value, Scope] = {}
    origins: dict[Value, Scope] = {}  # the neuron that a node comes from, whether it belongs to it or not
    between: set[Value] = set()
    for node in order:
        if node._left is None:
            continue
        scope = scope_of(node)
        neuron = _neuron_of_bias(node, scope) if scope else None
        if neuron is None:
            origin = _only([origins[operand] for operand in node.parents if operand in origins])
            if origin is not None and scope is origin.parent:
                neuron = origin
            elif origin is not None and (scope is None or scope in origin.chain()):
                origins[node] = origin
                between.add(node)
        if neuron is not None:
            found[node] = origins[node] = neuron
        elif scope is not None:
            found[node] = scope
    if between:
        _add_those_between(order, found, origins, between)
    return found


def _neuron_of_bias(node: Value, scope: Scope) -> Scope | None:
    """The neuron of a layer whose pre-activation b * 1 + w . x this is."""
    if node._primitive is not primitives.dot or node._right is not MANY:
        return None
    module = scope_of(node._left[0])
    if module is None or module.parent is None or module.parent.name != scope.name:
        return None
    return scope.inner(module.name)


def _only(scopes: Sequence[Scope]) -> Scope | None:
    return scopes[0] if scopes and all(scope is scopes[0] for scope in scopes) else None


def _add_those_between(
    order: Sequence[Value], found: dict[Value, Scope], origins: dict[Value, Scope], between: set[Value]
) -> None:
    """The nodes `between` all of whose results are in the neuron that they come from belong to it."""
    used_outside: set[Value] = {order[-1]}
    for node in reversed(order):
        if node in between and node not in used_outside:
            found[node] = origins[node]
        neuron = found.get(node)
        for operand in between.intersection(node.parents):
            if neuron is not origins[operand]:
                used_outside.add(operand)
