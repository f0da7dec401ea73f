"""Repeats in a graph: parts that are built alike, such as the examples of a batch, are one part many times."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from autograd.value import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autograd.scopes import Scope
    from autograd.value import Value


class Group:
    """Computed nodes that are drawn as one: those of a scope, or one node without.

    Args:
        nodes: operands before results.
        scope: whose nodes they are.
    """

    __slots__ = ("_operands", "nodes", "scope")

    def __init__(self, nodes: list[Value], scope: Scope | None = None) -> None:
        self.nodes, self.scope = nodes, scope
        self._operands: set[Value] | None = None

    @property
    def operands(self) -> set[Value]:
        """The nodes outside that these are computed from."""
        if self._operands is None:
            if len(self.nodes) == 1:
                self._operands = set(self.nodes[0].parents)
            else:
                self._operands = set().union(*[node.parents for node in self.nodes]).difference(self.nodes)
        return self._operands


def fold(
    groups: Sequence[Group], alone: Collection[Value], alike: bool, at_most: int | None
) -> list[list[Group]] | None:
    """The groups, those together that repeat each other.

    Groups repeat each other that do the same with the same: they have the same name and operations, and their operands
    repeat each other. So does a link of a chain, such as a sum in a loop: its one other operand is the link before.

    Args:
        groups: in the order of their last nodes.
        alone: nodes that are not to be folded.
        alike: whether groups on different parameters repeat each other as well, and those whose names differ in a
            number: two neurons of a layer.
        at_most: how many are wanted.

    Returns:
        The repeats of each group; None where there are more than wanted.

    Example:
        >>> from autograd import Value
        >>> x, y = Value(1.0), Value(2.0)
        >>> u, v = x.exp(), y.exp()
        >>> [len(repeats) for repeats in fold([Group([u]), Group([v]), Group([u * v])], (), alike=True, at_most=9)]
        [2, 1]
    """
    repeats: list[list[Group]] = []
    kinds: list[Any] = []  # of each class of repeats: what its groups do
    operands_of: list[frozenset[Any]] = []  # and with what: classes, kinds of leaves, negative ids of parameters
    known: dict[tuple[Any, frozenset[Any]], int] = {}
    class_of: dict[Value, int] = {}
    for group in groups:
        kind = id(group.nodes[0]) if group.nodes[0] in alone else _kind(group, alike)
        operands = frozenset(
            [
                class_of.get(operand)
                if operand._left is not None
                else operand._primitive
                if alike or operand._primitive is not PARAMETER
                else -id(operand)
                for operand in group.operands
            ]
        )
        place = known.get((kind, operands))
        if place is None:
            place = _link_before(kind, operands, kinds, operands_of)
        if place is None:
            place = len(repeats)
            if at_most is not None and place == at_most:
                return None
            repeats.append([])
            kinds.append(kind)
            operands_of.append(operands)
        known[kind, operands] = place
        repeats[place].append(group)
        class_of.update(dict.fromkeys(group.nodes, place))
    return repeats


def _kind(group: Group, alike: bool) -> Any:
    """What a group does."""
    if group.scope is None:
        return group.nodes[0]._primitive
    name = stem(group.scope.name) if alike else group.scope.name
    return name, frozenset(Counter([node._primitive for node in group.nodes]).items())


def _link_before(
    kind: Any, operands: frozenset[Any], kinds: Sequence[Any], operands_of: Sequence[frozenset[Any]]
) -> int | None:
    """The class of an operand that this is one more link of."""
    for place in operands:
        if place.__class__ is int and place >= 0 and kinds[place] == kind and operands - {place} <= operands_of[place]:
            return place
    return None


def stem(name: str) -> str:
    """A name without the number that tells it from others of its kind.

    Example:
        >>> stem("layer 3"), stem("7")
        ('layer', '7')
    """
    return re.sub(r"[\s_#-]*\d+$", "", name) or name
