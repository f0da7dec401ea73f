"""Forward mode: numbers that carry a derivative along.

A dual number is a primal and a tangent, the derivative of the primal along one direction. Every operation carries both
forward with the table's rules: tangent of the result = sum of local derivative * tangent of the operand.

Each `jvp` makes dual numbers of its own level. Where levels meet, the newest is on the outside and the older ones are
constants to it, so that the derivatives of nested calls are never mixed up.
"""

from __future__ import annotations

import itertools
import math
import operator

from autograd import modes, primitives
from autograd.primitives import NUMPY_NAMES, ZERO, Number, Primitive, takes_over, to_float
from autograd.value import CONSTANT, Value, constant

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


new_level = itertools.count(1).__next__


def _binary(primitive: Any) -> tuple[Callable[[Dual, Any], Any], Callable[[Dual, Any], Any]]:
    def method(self: Dual, other: Any) -> Any:
        return NotImplemented if takes_over(other, rank=2) else primitive(self, other)

    def reflected(self: Dual, other: Any) -> Any:
        return NotImplemented if takes_over(other, rank=2) else primitive(other, self)

    return method, reflected


def _check_finite(primitive: Primitive, primal: Any, tangent: Any, arguments: Sequence[Any]) -> None:
    for what, number in (("", primal), ("the tangent ", tangent)):
        if isinstance(number, float) and not math.isfinite(number):
            operands = ", ".join(map(str, arguments))
            raise modes.AnomalyError(f"{primitive.name} gave {what}{number} from {operands} ({modes.user_line()})")


def _comparison(primitive: Any, compare: Callable[[Any, Any], Any]) -> Callable[[Dual, Any], Any]:
    def comparison(self: Dual, other: Any) -> Any:
        if modes.traces and modes.trace() and isinstance(other, (Dual, Value, int, float)):
            return primitive(self, other)
        return bool(compare(self.primal, other.primal if isinstance(other, Dual) else other))

    return comparison


class _Writer:
    """Writes what a rule does on symbols as what the primals and tangents are: Values, or older dual numbers."""

    def apply(self, primitive: Any, operands: Sequence[Any]) -> Any:
        return primitive(*operands)

    def constant(self, number: float) -> Value:
        return constant(number)


def _known(primal: Any) -> float | None:
    """The number of a constant."""
    if isinstance(primal, Value):
        return primal._data if primal._primitive is CONSTANT else None
    return primal if isinstance(primal, float) else None


class Dual(Number):
    """A primal with its tangent; both may be floats, Values or dual numbers of an older level.

    While a function is recorded to be compiled, `reached` may be a condition: where it does not hold, there is no
    tangent, because the operation that made the number cuts it off there.

    Example:
        >>> x = Dual(3.0, 1.0, level=1)
        >>> x * x
        Dual(9.0, 6.0, level=1)
    """

    __slots__ = ("level", "primal", "reached", "tangent")
    _rank = 2

    def __init__(self, primal: Any, tangent: Any, level: int, reached: Any = None) -> None:
        self.primal = primal
        self.tangent = tangent
        self.level = level
        self.reached = reached

    @staticmethod
    def _apply(primitive: Primitive, arguments: Sequence[Any]) -> Any:
        level = max(argument.level for argument in arguments if isinstance(argument, Dual))
        ours = [isinstance(argument, Dual) and argument.level == level for argument in arguments]
        primals = [
            argument.primal if own else argument if hasattr(argument, "_rank") else to_float(argument, primitive.name)
            for argument, own in zip(arguments, ours)
        ]
        primal: Any = primitive(*primals)
        tangent: Any = None
        reached: Any = None
        if modes.traces and modes.trace() and not all(isinstance(number, float) for number in primals):
            tangent, reached = Dual._unknown_tangent(primitive, primal, primals, arguments, ours)
        else:
            for argument, own, derivative in zip(arguments, ours, primitive.local_derivatives(primal, primals)):
                if own and not (derivative is ZERO and primitive.cuts):
                    change = 0.0 if derivative is ZERO else argument.settled() * derivative
                    tangent = change if tangent is None else tangent + change
        if modes.is_checking():
            _check_finite(primitive, primal, tangent, arguments)
        if tangent is None:
            return constant(primal) if isinstance(primal, float) else primal
        return Dual(primal, tangent, level, reached)

    @staticmethod
    def _unknown_tangent(
        primitive: Primitive, primal: Any, primals: Sequence[Any], arguments: Sequence[Any], ours: Sequence[bool]
    ) -> tuple[Any, Any]:
        """The tangent in a function that is recorded to be compiled: right for any numbers."""
        from autograd import chain_rule

        tangents = [
            chain_rule.Gradient(argument.tangent, argument.reached) if own else None
            for argument, own in zip(arguments, ours)
        ]
        known = [_known(number) for number in primals]
        return chain_rule.tangent(_Writer(), primitive, primal, primals, known, tangents) or (None, None)

    def settled(self) -> Any:
        """The tangent as one number: 0 where there is none."""
        return self.tangent if self.reached is None else primitives.where(self.reached, self.tangent, 0.0)

    __add__, __radd__ = _binary(primitives.add)
    __sub__, __rsub__ = _binary(primitives.sub)
    __mul__, __rmul__ = _binary(primitives.mul)
    __truediv__, __rtruediv__ = _binary(primitives.div)
    __pow__, __rpow__ = _binary(primitives.pow_)
    __mod__, __rmod__ = _binary(primitives.mod)
    __floordiv__, __rfloordiv__ = _binary(primitives.floor_divide)

    def __neg__(self) -> Any:
        return Dual._apply(primitives.neg, (self,))

    def __abs__(self) -> Any:
        return Dual._apply(primitives.abs_, (self,))

    def __pos__(self) -> Dual:
        return self

    def __floor__(self) -> Any:
        return Dual._apply(primitives.floor, (self,))

    def __ceil__(self) -> Any:
        return Dual._apply(primitives.ceil, (self,))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def detach(self) -> Any:
        """A constant with the same number, as for a Value."""
        primal = self.primal
        return constant(primal) if isinstance(primal, float) else primal.detach()

    def conjugate(self) -> Dual:
        """The number itself, which is real; NumPy asks for it."""
        return self

    @property
    def label(self) -> str:
        """Of a Value; dual numbers are in no picture and keep none."""
        return ""

    @label.setter
    def label(self, label: str) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The methods of Value: `x.tanh()` is the row `tanh` applied to x."""
        row: Any = primitives.PRIMITIVES.get(NUMPY_NAMES.get(name, name))
        if row is None or not hasattr(Value, name):
            raise AttributeError(
                f"a dual number, which stands for a Value in forward mode, has no {name!r}: compute with the number "
                f"itself, or with x.detach(), a constant of its number"
            )
        return lambda *others, **named: row(self, *others, **named)

    __lt__ = _comparison(primitives.less, operator.lt)
    __le__ = _comparison(primitives.less_equal, operator.le)
    __gt__ = _comparison(primitives.greater, operator.gt)
    __ge__ = _comparison(primitives.greater_equal, operator.ge)
    __eq__ = _comparison(primitives.equal, operator.eq)
    __ne__ = _comparison(primitives.not_equal, operator.ne)
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self.primal)

    def __float__(self) -> float:
        raise TypeError(
            f"float(x), or a function of math that calls it, would lose the derivative of {self!r}: "
            f"use autograd.exp(x) for math.exp(x)"
        )

    def __format__(self, specification: str) -> str:
        return format(self.primal, specification) if specification else str(self)

    def __repr__(self) -> str:
        return f"Dual({self.primal}, {self.tangent}, level={self.level})"
