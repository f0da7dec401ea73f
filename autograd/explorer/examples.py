"""Examples: several results that were computed in the same way, and share their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograd.graph import topological_order
from autograd.names import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.value import Value


def own_numbers(nodes: Sequence[Value], examples: Sequence[Value]) -> list[dict[int, float]]:
    """Of each example the numbers in the leaves that are its own, by their places; the root's come first.

    These are the leaves that are not the same Value in all of them, except plain numbers that are the same everywhere.
    A ValueError says where an example is computed in another way than the root.
    """
    orders = [topological_order(example) for example in examples]
    for k, order in enumerate(orders):
        _check_alike(nodes, order, k)
    if all(order[-1] is not nodes[-1] for order in orders):
        orders.insert(0, list(nodes))
    own = [place for place, node in enumerate(nodes) if node.is_leaf and _differs([order[place] for order in orders])]
    return [{place: order[place].data for place in own} for order in orders]


def _differs(leaves: Sequence[Value]) -> bool:
    first = leaves[0]
    if first.kind == "constant":
        return any(leaf.data != first.data for leaf in leaves)
    return any(leaf is not first for leaf in leaves)


def _check_alike(nodes: Sequence[Value], order: Sequence[Value], k: int) -> None:
    """Whether two graphs are the same except for their numbers."""
    places = [{node: place for place, node in enumerate(graph)} for graph in (nodes, order)]
    difference = ""
    if len(nodes) != len(order):
        difference = f"examples[{k}] has {len(order)} nodes and the root {len(nodes)}"
    for place, pair in enumerate(zip(nodes, order)):
        wanted, got = [(each.kind, each.primitive, [of[o] for o in each.operands]) for each, of in zip(pair, places)]
        if wanted != got:
            node, other = map(_described, pair)
            difference = f"in examples[{k}] node {place} is {other}, and in the root it is {node}"
            break
    if difference:
        raise ValueError(
            f"explore: examples are computed in the same way, but {difference}: make all of them by one function "
            f"without `if`, with the same layers and losses"
        )


def _described(node: Value) -> str:
    """What a node is, in a message."""
    what = f"{node.primitive.name} of {len(node.operands)}" if node.primitive else node.kind
    return what + (f" ({one_line(node.label, 40)!r})" if node.label else "")
