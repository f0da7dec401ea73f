"""Repeats in a graph: parts of the same structure, such as the examples of a batch, are drawn as one."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from autograd.draw.style import STYLES
from autograd.names import counted, label_or_symbol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from autograd.scopes import Scope
    from autograd.value import Value


class Part:
    """Nodes that go into one box, while it is decided which they are: those of a scope, leaves used alike, or one."""

    __slots__ = ("_operands", "count", "nodes", "scopes")

    def __init__(
        self, nodes: list[Value], scopes: Sequence[Scope] = (), count: int = 1, operands: set[Value] | None = None
    ) -> None:
        self.nodes, self.scopes, self.count, self._operands = nodes, scopes, count, operands

    @property
    def is_one_node(self) -> bool:
        return not self.scopes and len(self.nodes) == 1

    @property
    def kind(self) -> str:
        return "group" if self.scopes else self.nodes[0].kind

    @property
    def title(self) -> str:
        """The label, operation or number of a node; the name of a scope; what several leaves have in common."""
        if self.scopes:
            names = {scope.name for scope in self.scopes}
            return names.pop() if len(names) == 1 else stem(self.scopes[0].name)
        first = self.nodes[0]
        if len(self.nodes) == 1:
            return label_or_symbol(first)
        if first.primitive:
            return first.primitive.symbol
        labels = {node.label.split("[")[0] for node in self.nodes}
        if len(labels) <= 3 and "" not in labels:
            return ", ".join(sorted(labels))
        return counted(len(self.nodes), first.kind, STYLES[first.kind].many)

    @property
    def operands(self) -> set[Value]:
        if self._operands is None:
            if len(self.nodes) == 1:
                self._operands = set(self.nodes[0].operands)
            else:
                self._operands = set().union(*[node.operands for node in self.nodes]).difference(self.nodes)
        return self._operands


def merge_repeats(
    parts: Sequence[Part], leaves: Iterable[Value], alone: Collection[object], alike: bool, at_most: int | None
) -> list[Part] | None:
    """The parts, in the order of their last nodes, with repeats merged; None where there are more than `at_most`.

    Parts repeat each other that do the same with the same: they have the same name and operations, and their operands
    repeat each other. So does a link of a chain, such as a sum in a loop: its one other operand is the link before.
    Where `alike`, so do parts on different parameters, and those whose names differ in a number: two neurons of a
    layer. Nodes in `alone` are not merged with others.
    """
    repeats: list[list[Part]] = []
    kinds: list[Any] = []  # of each class of repeats: what its parts do
    operands_of: list[frozenset[Any]] = []  # and with what: classes, kinds of leaves, parameters by their own
    known: dict[tuple[Any, frozenset[Any]], int] = {}
    class_of: dict[Value, Any] = {
        leaf: (id(leaf),) if not alike and leaf.kind == "parameter" else leaf.kind for leaf in leaves
    }
    for part in parts:
        kind = id(part.nodes[0]) if part.nodes[0] in alone else _kind(part, alike)
        operands = frozenset(map(class_of.get, part.operands))
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
        repeats[place].append(part)
        class_of.update(dict.fromkeys(part.nodes, place))
    return [_together(same) for same in repeats]


def _kind(part: Part, alike: bool) -> Any:
    """What a part does."""
    if not part.scopes:
        return part.nodes[0].primitive
    name = stem(part.scopes[0].name) if alike else part.scopes[0].name
    return name, frozenset(Counter([node.primitive for node in part.nodes]).items())


def _together(same: Sequence[Part]) -> Part:
    if len(same) == 1:
        return same[0]
    nodes, scopes = [node for part in same for node in part.nodes], [scope for part in same for scope in part.scopes]
    return Part(nodes, scopes, len(same), set().union(*[part.operands for part in same]))


def _link_before(
    kind: Any, operands: frozenset[Any], kinds: Sequence[Any], operands_of: Sequence[frozenset[Any]]
) -> int | None:
    """The class of the operand whose chain this continues."""
    for place in operands:
        if place.__class__ is int and kinds[place] == kind and operands - {place} <= operands_of[place]:
            return place
    return None


def stem(name: str) -> str:
    """A name without the number that tells it from others of its kind.

    Example:
        >>> stem("layer 3"), stem("7")
        ('layer', '7')
    """
    return re.sub(r"[\s_#-]*\d+$", "", name) or name
