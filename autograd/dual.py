"""Forward mode: numbers that carry a derivative along.

A dual number is a primal and a tangent, the derivative of the primal along one direction. Every operation carries both
forward with the table's rules: tangent of the result = sum of local derivative * tangent of the operand.

Each `jvp` makes dual numbers of its own level. Where levels meet, the newest is on the outside and the older ones are
constants to it, so that the derivatives of nested calls are never mixed up.
"""

from __future__ import annotations

import itertools
import math

from autograd import modes, primitives
from autograd.primitives import NUMPY_NAMES, ZERO, Primitive, takes_over

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


new_level = itertools.count(1).__next__


def _binary(primitive: Any) -> tuple[Callable[[Dual, Any], Any], Callable[[Dual, Any], Any]]:
    def operator(self: Dual, other: Any) -> Any:
        return NotImplemented if takes_over(other, rank=2) else primitive(self, other)

    def reflected(self: Dual, other: Any) -> Any:
        return NotImplemented if takes_over(other, rank=2) else primitive(other, self)

    return operator, reflected


def _check_finite(primitive: Primitive, primal: Any, tangent: Any, arguments: Sequence[Any]) -> None:
    for what, number in (("", primal), ("the tangent ", tangent)):
        if isinstance(number, float) and not math.isfinite(number):
            operands = ", ".join(map(str, arguments))
            raise modes.AnomalyError(f"{primitive.name} gave {what}{number} from {operands} ({modes.user_line()})")


def _primal(number: Any) -> Any:
    return number.primal if isinstance(number, Dual) else number


class Dual:
    """A primal with its tangent; both may be floats, Values or dual numbers of an older level.

    Example:
        >>> x = Dual(3.0, 1.0, level=1)
        >>> x * x
        Dual(9.0, 6.0, level=1)
    """

    __slots__ = ("level", "primal", "tangent")
    _rank = 2

    def __init__(self, primal: Any, tangent: Any, level: int) -> None:
        self.primal = primal
        self.tangent = tangent
        self.level = level

    @staticmethod
    def _apply(primitive: Primitive, arguments: Sequence[Any]) -> Any:
        level = max(argument.level for argument in arguments if isinstance(argument, Dual))
        ours = [isinstance(argument, Dual) and argument.level == level for argument in arguments]
        primals = [argument.primal if own else argument for argument, own in zip(arguments, ours)]
        primal = primitive(*primals)
        tangent: Any = None
        for argument, own, derivative in zip(arguments, ours, primitive.local_derivatives(primal, primals)):
            if own and not (derivative is ZERO and primitive.cuts):
                change = 0.0 if derivative is ZERO else argument.tangent * derivative
                tangent = change if tangent is None else tangent + change
        if modes.is_checking():
            _check_finite(primitive, primal, tangent, arguments)
        return primal if tangent is None else Dual(primal, tangent, level)

    __add__, __radd__ = _binary(primitives.add)
    __sub__, __rsub__ = _binary(primitives.sub)
    __mul__, __rmul__ = _binary(primitives.mul)
    __truediv__, __rtruediv__ = _binary(primitives.div)
    __pow__, __rpow__ = _binary(primitives.pow_)
    __mod__, __rmod__ = _binary(primitives.mod)

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

    def __floordiv__(self, other: Any) -> Any:
        return math.ceil((self - self % other) / other - 0.5)

    def __rfloordiv__(self, other: Any) -> Any:
        return math.ceil((other - other % self) / self - 0.5)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The methods of Value: `x.tanh()` is the row `tanh` applied to x."""
        row: Any = primitives.PRIMITIVES.get(NUMPY_NAMES.get(name, name))
        if row is None:
            raise AttributeError(
                f"a dual number has no {name!r}, but a primal, a tangent and the operations of the table"
            )
        return lambda *others: row(self, *others)

    def __lt__(self, other: Any) -> bool:
        return bool(self.primal < _primal(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.primal <= _primal(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.primal > _primal(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.primal >= _primal(other))

    def __eq__(self, other: object) -> bool:
        return bool(self.primal == _primal(other))

    def __ne__(self, other: object) -> bool:
        return bool(self.primal != _primal(other))

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
