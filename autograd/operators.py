"""Operators and methods: each row of the table becomes one of every kind of number, and an unrolled one of Values.

For every kind of number an operator calls its row, that is all. For Values the same is done again, unrolled for speed,
for the rows of one or two operands: what `Value.apply` does without tuples and loops. What is rare, a mode or an
exception, is left to `Value.apply`. That both make the same nodes is tested for every row and kind of operand.

Without the unrolled ones a chain of `* + tanh` takes 8 times as long to record, an MLP of 16 neurons a layer twice as
long (benchmarks/RESULTS.md, "micrograd's demo, one step, scalar by scalar").
"""

from __future__ import annotations

import operator

from autograd import table
from autograd.blocks import active, innermost
from autograd.graph import MANY
from autograd.primitive import PRIMITIVES, Number, Primitive, is_real
from autograd.value import CONSTANT, Value, as_value, constant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

# ---------------------------------------------------------------------------------------------------------------------
# Of every kind of number
# ---------------------------------------------------------------------------------------------------------------------

_NUMPY_NAMES = {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}
"""What NumPy calls rows of the table when it looks for them in the objects of an array."""

_OPERATORS = {"div": "truediv", "floor_divide": "floordiv"} | {n: n for n in ("add", "sub", "mul", "pow", "mod")}
_COMPARISONS = {
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "equal": "eq",
    "not_equal": "ne",
}
_ALSO = {name: [numpy_name] for numpy_name, name in _NUMPY_NAMES.items()}
_ALSO |= {name: [f"__{name}__"] for name in ("neg", "abs", "floor", "ceil")}


def bind_rows(
    kind: type[Number],
    method: Callable[[Primitive], Callable[..., Any]],
    operators: Callable[[Primitive], tuple[Callable[..., Any], Callable[..., Any]]],
) -> None:
    """Give a kind of number its operators and methods, one or two functions made of each row of the table."""
    for name, python_name in _OPERATORS.items():
        for prefix, function in zip(("__", "__r"), operators(PRIMITIVES[name])):
            setattr(kind, f"{prefix}{python_name}__", _documented(function, PRIMITIVES[name]))
    for primitive in PRIMITIVES.values():
        names = [primitive.name] * primitive.is_method + _ALSO.get(primitive.name, [])
        if names:
            function = _documented(method(primitive), primitive)
            for name in names:
                setattr(kind, name, function)


def _documented(method: Callable[..., Any], primitive: Primitive) -> Callable[..., Any]:
    """The method under the row's name. Its own code is specialized by the interpreter for that row: twice as fast."""
    method.__code__ = method.__code__.replace(co_name=primitive.name)
    method.__name__, method.__qualname__ = primitive.name, f"Value.{primitive.name}"
    method.__doc__ = primitive.summary
    return method


def _method(primitive: Primitive) -> Callable[..., Any]:
    return lambda self, *others, **named: primitive(self, *others, **named)


def _operator(primitive: Primitive) -> tuple[Callable[[Number, Any], Any], Callable[[Number, Any], Any]]:
    def forward_operator(self: Number, other: Any) -> Any:
        return NotImplemented if takes_over(other, self.rank) else primitive(self, other)

    def reflected(self: Number, other: Any) -> Any:
        return NotImplemented if takes_over(other, self.rank) else primitive(other, self)

    return forward_operator, reflected


def takes_over(other: Any, rank: int) -> bool:
    """Whether the other operand's operators deal with a number of this rank: those of arrays and higher ranks do."""
    if other.__class__ is float or other.__class__ is int:
        return False
    return other.rank > rank if isinstance(other, Number) else hasattr(other, "shape") and not is_real(other)


def _comparison(primitive: Primitive, holds: Callable[[Any, Any], bool]) -> Callable[[Number, Any], Any]:
    return lambda self, other: self.compare(primitive, holds, other)


bind_rows(Number, _method, _operator)
for name, python_name in _COMPARISONS.items():
    setattr(Number, f"__{python_name}__", _comparison(PRIMITIVES[name], getattr(operator, python_name)))

# ---------------------------------------------------------------------------------------------------------------------
# Of Values, unrolled
# ---------------------------------------------------------------------------------------------------------------------

new = object.__new__


def _unrolled_method(primitive: Primitive) -> Callable[..., Value]:
    if primitive.arity != 1 or primitive.cuts:
        return _method(primitive)
    forward = primitive.forward
    assert isinstance(primitive.partials, tuple)
    rule: Any = primitive.partials[0]
    is_constant = isinstance(rule, float)

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
                out._d_left = rule if is_constant else rule(data, x)
        except (ZeroDivisionError, OverflowError):
            return Value.apply(primitive, (self,))
        return out

    return method


def _unrolled_operator(primitive: Primitive) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    forward = primitive.forward
    assert isinstance(primitive.partials, tuple)
    rule_x: Any
    rule_y: Any
    rule_x, rule_y = primitive.partials
    constant_x, constant_y = isinstance(rule_x, float), isinstance(rule_y, float)
    product = _is_product(rule_x, rule_y)

    def forward_operator(self: Value, other: Any) -> Any:
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
                out._d_left = y if product else rule_x if constant_x else rule_x(data, x, y)
            if other._primitive is CONSTANT:
                out._d_right = None
            else:
                out._d_right = x if product else rule_y if constant_y else rule_y(data, x, y)
        except (ZeroDivisionError, OverflowError):
            return Value.apply(primitive, (self, other))
        return out

    def reflected(self: Value, other: Any) -> Any:
        return NotImplemented if takes_over(other, 1) else forward_operator(as_value(other, primitive.name), self)

    return forward_operator, reflected


def _is_product(rule_x: Any, rule_y: Any) -> bool:
    """Whether each local derivative is the other operand, as for a product: then no rule needs to run."""
    out, x, y = object(), object(), object()
    try:
        return bool(rule_x(out, x, y) is y and rule_y(out, x, y) is x)
    except TypeError:
        return False


def dot_rows(rows: Sequence[Sequence[Value]], ys: Sequence[Value]) -> list[Value]:
    """The `dot` of each row with the same ys, numbers of any kind: what `table.dot` makes.

    Args:
        rows: lists as long as ys; weights, none of which is a constant.
        ys: the inputs of all rows; of Values they are looked at only once.
    """
    try:
        return _dots_of_values(rows, ys)
    except AttributeError:  # some are no Values: dual numbers
        return [table.dot(*row, *ys) for row in rows]


def _dots_of_values(rows: Sequence[Sequence[Value]], ys: Sequence[Value]) -> list[Value]:
    y = [node._data for node in ys]
    if active:
        if innermost().no_grad():
            return [constant(sum(map(operator.mul, [node._data for node in row], y), 0.0)) for row in rows]
        return [Value.apply(table.dot, (*row, *ys)) for row in rows]
    kinds = [node._primitive for node in ys]
    constants = len(kinds) - kinds[::-1].index(CONSTANT) if CONSTANT in kinds else 0
    no_edges = (None,) * constants  # of the ys up to the last constant; `mixed` are filled in below
    mixed = [k for k in range(constants) if kinds[k] is not CONSTANT]
    nodes = []
    for row in rows:
        x = [node._data for node in row]
        out: Value = new(Value)
        out._data = sum(map(operator.mul, x, y), 0.0)
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


bind_rows(Value, _unrolled_method, _unrolled_operator)
