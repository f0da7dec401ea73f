"""The operators and methods of Values again, unrolled for speed: optional reading, `Value.apply` says it all.

For each row of the table of one or two operands a function is made here that does what `Value.apply` does, without
tuples and loops: a node of `a * b` is made in a third of the time. What is rare, a mode or an exception, it leaves to
`Value.apply`. That both make the same nodes is tested for every row and every kind of operand.
"""

from __future__ import annotations

from operator import mul as multiply

from autograd import table
from autograd.graph import MANY
from autograd.modes import active, innermost
from autograd.primitive import Primitive, bind_rows, takes_over
from autograd.value import CONSTANT, Value, as_value, constant

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

new = object.__new__


def _method(primitive: Primitive) -> Callable[..., Value]:
    if primitive.arity != 1 or primitive.cuts:
        return lambda self, *others, **named: primitive(self, *others, **named)
    forward = primitive.forward
    assert isinstance(primitive.partials, tuple)
    partial: Any = primitive.partials[0]
    constant_partial = isinstance(partial, float)

    def method(self: Value) -> Value:
        if active:
            if innermost().no_grad():
                out: Value = new(Value)
                out._data = forward(self._data)
                out._grad = out._left = out._right = None
                out._primitive = CONSTANT
                return out
            return Value.apply(primitive, (self,))
        x = self._data
        out = new(Value)
        out._data = data = forward(x)
        out._grad = None
        out._primitive = primitive
        out._left = self
        out._right = None
        try:
            if self._primitive is CONSTANT:
                out._d_left = None
            else:
                out._d_left = partial if constant_partial else partial(data, x)
        except (ZeroDivisionError, OverflowError):
            return Value.apply(primitive, (self,))
        return out

    return method


def _operator(primitive: Primitive) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    forward = primitive.forward
    assert isinstance(primitive.partials, tuple)
    partial_x: Any
    partial_y: Any
    partial_x, partial_y = primitive.partials
    constant_x, constant_y = isinstance(partial_x, float), isinstance(partial_y, float)
    product = _is_product(partial_x, partial_y)

    def operator(self: Value, other: Any) -> Any:
        if other.__class__ is not Value:
            if takes_over(other, 1):
                return NotImplemented
            other = as_value(other, primitive.name)
        if active:
            if innermost().no_grad():
                out: Value = new(Value)
                out._data = forward(self._data, other._data)
                out._grad = out._left = out._right = None
                out._primitive = CONSTANT
                return out
            return Value.apply(primitive, (self, other))
        x = self._data
        y = other._data
        out = new(Value)
        out._data = data = forward(x, y)
        out._grad = None
        out._primitive = primitive
        out._left = self
        out._right = other
        try:
            if self._primitive is CONSTANT:
                out._d_left = None
            else:
                out._d_left = y if product else partial_x if constant_x else partial_x(data, x, y)
            if other._primitive is CONSTANT:
                out._d_right = None
            else:
                out._d_right = x if product else partial_y if constant_y else partial_y(data, x, y)
        except (ZeroDivisionError, OverflowError):
            return Value.apply(primitive, (self, other))
        return out

    def reflected(self: Value, other: Any) -> Any:
        return NotImplemented if takes_over(other, 1) else operator(as_value(other, primitive.name), self)

    return operator, reflected


def _is_product(partial_x: Any, partial_y: Any) -> bool:
    """Whether each local derivative is just the other operand, which saves the commonest of calls."""
    out, x, y = object(), object(), object()
    try:
        return bool(partial_x(out, x, y) is y and partial_y(out, x, y) is x)
    except TypeError:
        return False


def dot_rows(rows: Sequence[Sequence[Value]], ys: Sequence[Value]) -> list[Value]:
    """The `dot` of each row with the same ys: what `table.dot` makes, but the ys are looked at only once.

    Args:
        rows: lists as long as ys; weights, none of which is a constant.
        ys: the inputs of all rows.
    """
    y = [node._data for node in ys]
    if active:
        if innermost().no_grad():
            return [constant(sum(map(multiply, [node._data for node in row], y), 0.0)) for row in rows]
        return [Value.apply(table.dot, (*row, *ys)) for row in rows]
    kinds = [node._primitive for node in ys]
    constants = len(kinds) - kinds[::-1].index(CONSTANT) if CONSTANT in kinds else 0
    no_edges = (None,) * constants  # of the ys up to the last constant; those among them that have one are put right
    mixed = [k for k in range(constants) if kinds[k] is not CONSTANT]
    nodes = []
    for row in rows:
        x = [node._data for node in row]
        out: Value = new(Value)
        out._data = sum(map(multiply, x, y), 0.0)
        out._grad = None
        out._primitive = table.dot
        out._left = (*row, *ys)
        out._right = MANY
        out._d_left = (*y, *no_edges, *x[constants:])
        if mixed:
            edges = list(out._d_left)
            for k in mixed:
                edges[len(y) + k] = x[k]
            out._d_left = tuple(edges)
        nodes.append(out)
    return nodes


bind_rows(Value, _method, _operator)
