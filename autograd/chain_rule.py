"""The chain rule on symbols: backpropagation written down, for numbers that are not known yet.

`backward()` knows the numbers, so a local derivative is a number, an edge that carries nothing is left out, and a node
that nothing flows to is skipped. Here all of that depends on numbers to come. So the gradient of a node may come with a
condition under which anything has reached it, and what is added up is the same in each case as `backward()` adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from autograd import table
from autograd.primitive import ZERO, Primitive
from autograd.symbols import Symbol, Writer

OperandsOf = Callable[[Any], tuple[Primitive, Sequence[Any], Sequence[float | None]] | None]
"""Of a node: its operation, operands, and the numbers of those that are constants; None for a leaf."""


class Gradient(NamedTuple):
    """The adjoint of a node, with the condition under which anything reaches it."""

    number: Any  # a node; or a float
    reached: Any = None  # a node; None means always


def tangent(
    writer: Writer,
    primitive: Primitive,
    out: Any,
    operands: Sequence[Any],
    constants: Sequence[float | None],
    tangents: Sequence[Gradient | None],
) -> Gradient | None:
    """Forward mode: the tangent of a node, from those of its operands; None where nothing flows to it.

    Args:
        writer: where it is written.
        primitive: the operation of the node `out` on the nodes `operands`.
        constants: the numbers of those operands that are constants; None for the others.
        tangents: of the operands; None for one that does not move.
    """
    total = None
    wanted = [operand_tangent is not None for operand_tangent in tangents]
    for position, local in _locals(writer, primitive, out, operands, constants, wanted):
        moves = tangents[position]
        assert moves is not None
        new = _contribution(writer, moves, local, primitive.cuts)
        if new is not None:
            total = accumulate(writer, total, new)
    return total


def _locals(
    writer: Writer,
    primitive: Primitive,
    out: Any,
    operands: Sequence[Any],
    constants: Sequence[float | None],
    wanted: Sequence[bool],
) -> Iterator[tuple[int, Any]]:
    result = Symbol(writer, out)
    symbols = [Symbol(writer, operand) for operand in operands]
    known = [symbol if number is None else number for symbol, number in zip(symbols, constants)]
    if isinstance(primitive.partials, tuple):
        for position, rule in enumerate(primitive.partials):
            if wanted[position]:
                yield position, rule if isinstance(rule, float) else _run(rule, result, known, symbols)
        return
    for position, local in enumerate(_run(primitive.partials, result, known, symbols)):
        if wanted[position]:
            yield position, local


def _run(rule: Any, out: Symbol, known: Sequence[Any], symbols: Sequence[Symbol]) -> Any:
    """The rule on symbols, with the numbers of constants where Python's floats can compute with them."""
    try:
        return rule(out, *known)
    except (ZeroDivisionError, OverflowError):
        return rule(out, *symbols)


def _contribution(writer: Writer, upstream: Gradient, local: Any, cuts: bool) -> Gradient | None:
    if local is ZERO:
        return None if cuts else Gradient(0.0, upstream.reached)
    number = times(writer, upstream.number, local.node if isinstance(local, Symbol) else float(local))
    zero_where = local.zero_where if isinstance(local, Symbol) else None
    if zero_where is None:
        return Gradient(number, upstream.reached)
    if cuts:
        flows = writer.apply(table.equal, (zero_where, writer.constant(0.0)))
        return Gradient(number, both(writer, upstream.reached, flows))
    return Gradient(choose(writer, zero_where, 0.0, number), upstream.reached)


def accumulate(writer: Writer, before: Gradient | None, new: Gradient) -> Gradient:
    """The gradient of a node after another contribution."""
    if before is None:
        return new
    total = _node(writer, table.add, before.number, new.number)
    if new.reached is not None:
        total = choose(writer, new.reached, total, before.number)
    if before.reached is None:
        return Gradient(total)
    total = choose(writer, before.reached, total, new.number)
    return Gradient(total, either(writer, before.reached, new.reached))


def settled(writer: Writer, gradient: Gradient) -> Any:
    """The gradient as one number: 0 where nothing has reached the node."""
    return gradient.number if gradient.reached is None else choose(writer, gradient.reached, gradient.number, 0.0)


def times(writer: Writer, upstream: Any, local: Any) -> Any:
    """Upstream gradient times local derivative; no multiplication by a known 1."""
    if isinstance(local, float) and local == 1.0:
        return upstream
    if isinstance(upstream, float) and upstream == 1.0:
        return local
    return _node(writer, table.mul, upstream, local)


def choose(writer: Writer, condition: Any, x: Any, y: Any) -> Any:
    return writer.apply(table.where, (condition, _written(writer, x), _written(writer, y)))


def both(writer: Writer, condition: Any, other: Any) -> Any:
    """Whether two conditions hold; None means always."""
    if condition is None or other is None:
        return other if condition is None else condition
    return choose(writer, condition, other, 0.0)


def either(writer: Writer, condition: Any, other: Any) -> Any:
    """Whether one of two conditions holds; None means always."""
    return None if condition is None or other is None else choose(writer, condition, 1.0, other)


def _node(writer: Writer, primitive: Primitive, x: Any, y: Any) -> Any:
    return writer.apply(primitive, (_written(writer, x), _written(writer, y)))


def _written(writer: Writer, number: Any) -> Any:
    return writer.constant(number) if isinstance(number, float) else number


class Sweep:
    """A sweep from a result back to what it depends on. What is special to some nodes is done in `visit` and `add`.

    Args:
        writer: where the derivatives are written.
        operands_of: what is known of a node.
        depends: the nodes that a gradient is wanted of.
    """

    def __init__(self, writer: Writer, operands_of: OperandsOf, depends: Collection[Any]) -> None:
        self.writer, self.operands_of, self.depends = writer, operands_of, depends
        self.gradients: dict[Any, Gradient] = {}  # of each node, as far as it has been added up

    def run(self, order: Sequence[Any], root: Any) -> None:
        """Visit nodes, which come after their operands, from the last to the first."""
        self.gradients[root] = Gradient(1.0)
        for node in reversed(order):
            if node in self.depends:
                self.visit(node)

    def visit(self, node: Any) -> None:
        """Called for a node once its gradient is complete."""
        if node in self.gradients:
            self.send(node, self.gradients[node])

    def send(self, node: Any, upstream: Gradient) -> None:
        """Propagate to each operand of a node: upstream gradient times local derivative."""
        found = self.operands_of(node)
        if found is None:
            return
        primitive, operands, constants = found
        wanted = [operand in self.depends for operand in operands]
        for position, local in _locals(self.writer, primitive, node, operands, constants, wanted):
            new = _contribution(self.writer, upstream, local, primitive.cuts)
            if new is not None:
                self.add(operands[position], new)

    def add(self, operand: Any, new: Gradient) -> None:
        """Add to the gradient of a node."""
        self.gradients[operand] = accumulate(self.writer, self.gradients.get(operand), new)

    def settled(self, node: Any) -> Any:
        """The gradient of a node as one number, or node of the writer."""
        return settled(self.writer, self.gradients[node]) if node in self.gradients else 0.0


def reverse(
    writer: Writer, order: Sequence[Any], root: Any, operands_of: OperandsOf, variables: Sequence[Any]
) -> list[Any]:
    """The gradient of `root` with respect to each variable, as nodes or floats.

    Args:
        writer, operands_of: as for `Sweep`.
        order: nodes, operands before results.
        root: the node that is differentiated.
        variables: the nodes to differentiate with respect to; nothing is looked for behind them.
    """
    ends = frozenset(variables)
    depends = set(ends)
    for node in order:
        if node not in ends:
            found = operands_of(node)
            if found is not None and not depends.isdisjoint(found[1]):
                depends.add(node)
    sweep = Sweep(writer, lambda node: None if node in ends else operands_of(node), depends)
    sweep.run(order, root)
    return [sweep.settled(variable) for variable in variables]
