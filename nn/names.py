"""What nn tells viewers: which neuron of a layer a node belongs to, and what lecture notes call it.

Parameters keep the scope of the neuron that holds them. By that of its bias a pre-activation is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd import table
from autograd.scopes import Scope, mark, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograd import Value


class _NamesOfNeurons(Scope):
    __slots__ = ("index",)  # which layer or neuron, as names have it: "0[2]" in layer 0 of a network, "[2]" in a layer

    def __init__(self, name: str, parent: Scope | None = None, index: str = "") -> None:
        self.name, self.parent, self.index = name, parent, index  # there is one for each pass through a layer

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.parent, self.index)

    def names(self, node: Value) -> Iterator[tuple[Value, str]]:
        """z for the pre-activation, a for the activation, x for inputs without labels, with the weights' indices."""
        neuron = _neuron_of(node)
        if neuron:
            yield node, f"z{neuron.index}"
            inputs = node.operands[len(node.operands) // 2 + 1 :]
            yield from [(x, f"x[{i}]") for i, x in enumerate(inputs) if x.is_leaf]
        elif node.primitive and node.primitive.arity == 1 + len(node.primitive.defaults):
            z = node.operands[0]
            neuron = _neuron_of(z)
            if neuron and scope_of(z) is self:
                yield node, f"a{neuron.index}"


class NeuronScope(_NamesOfNeurons):
    """A passage through a neuron alone; on parameters the neuron that holds them."""

    __slots__ = ()
    kind = "neuron"

    def label(self, b: Value, w: Sequence[Value]) -> None:
        """Name parameters: b and w[i] of a neuron alone, b[j] and W[j,i] in a layer, b0[j] and W0[j,i] in a network."""
        mark((b, *w), self)
        b.label = f"b{self.index}"
        weight = f"W{self.index[:-1]},%d]" if self.index else "w[%d]"
        for i, parameter in enumerate(w):
            parameter.label = weight % i


class LayerScope(_NamesOfNeurons):
    """A passage through a layer."""

    __slots__ = ()
    kind = "layer"

    def part_of(self, node: Value) -> Scope | None:
        """The neuron whose pre-activation this is."""
        neuron = _neuron_of(node)
        if neuron and neuron.parent and neuron.parent.name == self.name:
            return self.inner(neuron.name, NeuronScope)
        return None


def _neuron_of(node: Value) -> NeuronScope | None:
    """The neuron whose pre-activation b * 1 + w . x this is."""
    if node.primitive is not table.dot:
        return None
    holder = scope_of(node.operands[0])
    return holder if isinstance(holder, NeuronScope) else None
