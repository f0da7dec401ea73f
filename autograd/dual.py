"""Forward mode: numbers that carry a derivative along.

A dual number is a primal and a tangent, the derivative of the primal along one direction. Every operation carries both
forward with the table's rules: tangent of the result = sum of local derivative * tangent of the operand.

Each `jvp` makes dual numbers of its own level. Where levels meet, the newest is on the outside and the older ones are
constants to it, so that the derivatives of nested calls are never mixed up.
"""

from __future__ import annotations

import itertools

from autograd import modes, table
from autograd.blocks import traces
from autograd.errors import check_finite
from autograd.primitive import ZERO, Number, Primitive, to_float
from autograd.value import CONSTANT, Value, constant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


new_level = itertools.count(1).__next__


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
    """A primal with its tangent; both may be floats, Values or dual numbers of an outer jvp.

    While a function is recorded to be compiled, `reached` may be a condition: where it does not hold, there is no
    tangent, because the operation that made the number cuts it off there.

    Example:
        >>> x = Dual(3.0, 1.0, level=1)
        >>> x * x
        Dual(9.0, 6.0, level=1)
    """

    __slots__ = ("level", "primal", "reached", "tangent")
    rank = 2

    def __init__(self, primal: Any, tangent: Any, level: int, reached: Any = None) -> None:
        self.primal = primal
        self.tangent = tangent
        self.level = level
        self.reached = reached

    @staticmethod
    def apply(primitive: Primitive, arguments: Sequence[Any]) -> Any:
        level = max(argument.level for argument in arguments if isinstance(argument, Dual))
        ours = [isinstance(argument, Dual) and argument.level == level for argument in arguments]
        primals = [
            argument.primal if own else argument if isinstance(argument, Number) else to_float(argument, primitive.name)
            for argument, own in zip(arguments, ours)
        ]
        primal: Any = primitive(*primals)
        tangent: Any = None
        reached: Any = None
        if traces and modes.trace() and not all(isinstance(number, float) for number in primals):
            tangent, reached = Dual._unknown_tangent(primitive, primal, primals, arguments, ours)
        else:
            for argument, own, derivative in zip(arguments, ours, primitive.local_derivatives(primal, primals)):
                if own and not (derivative is ZERO and primitive.cuts):
                    change = 0.0 if derivative is ZERO else argument.settled() * derivative
                    tangent = change if tangent is None else tangent + change
        if modes.is_checking():
            check_finite(primitive.name, primal, arguments)
            check_finite(primitive.name, tangent, arguments, what="the tangent ")
        if tangent is None:
            return constant(primal) if isinstance(primal, float) else primal
        return Dual(primal, tangent, level, reached)

    @staticmethod
    def _unknown_tangent(
        primitive: Primitive, primal: Any, primals: Sequence[Any], arguments: Sequence[Any], ours: Sequence[bool]
    ) -> tuple[Any, Any]:
        """The tangent in a function that is recorded to be compiled: valid whatever the numbers are."""
        from autograd import chain_rule

        tangents = [
            chain_rule.Gradient(argument.tangent, argument.reached) if own else None
            for argument, own in zip(arguments, ours)
        ]
        known = [_known(number) for number in primals]
        return chain_rule.tangent(_Writer(), primitive, primal, primals, known, tangents) or (None, None)

    def settled(self) -> Any:
        """The tangent as one number: 0 if there is none."""
        return self.tangent if self.reached is None else table.where(self.reached, self.tangent, 0.0)

    def detach(self) -> Any:
        """A constant with the same number, as for a Value."""
        primal = self.primal
        return constant(primal) if isinstance(primal, float) else primal.detach()

    @property
    def label(self) -> str:
        """Ignored: dual numbers are never drawn and keep no label."""
        return ""

    @label.setter
    def label(self, label: str) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"a dual number, which stands for a Value in forward mode, has no {name!r}: compute with the number "
            f"itself, or with x.detach(), a constant of its number"
        )

    def compare(self, primitive: Primitive, holds: Callable[[Any, Any], bool], other: Any) -> Any:
        """Whether a comparison of the primals holds; while a function is recorded, a number."""
        if traces and modes.trace() and isinstance(other, (Dual, Value, int, float)):
            return primitive(self, other)
        return bool(holds(self.primal, other.primal if isinstance(other, Dual) else other))

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
