"""How the rows of the table are spelled in the operations of a machine.

A machine adds, multiplies, compares, chooses, takes square roots, rounds, and has a library of functions (exp, sin,
...). Every other row is spelled in these here, with the same cases as its forward function in the table. A row that is
in neither list, one of a user's own, is spelled by its forward function run on symbols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograd import table as primitives
from autograd.errors import CompileError
from autograd.primitive import PRIMITIVES, Primitive
from autograd.symbolic.lowering import FUNCTIONS, lowered, on_symbols
from autograd.symbols import Symbol
from autograd.table import fmod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.compiler.program import Program

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")

INSTRUCTIONS = (
    *("identity", "add", "sub", "mul", "div", "neg", "where", "abs", "sqrt", "floor", "ceil", "dot", "sum"),
    *COMPARISONS,
)
"""Rows that are instructions of a machine, or a few in a row."""


SPELLINGS = {
    name: on_symbols(row.lowering or row.forward)
    for name, row in PRIMITIVES.items()
    if name not in (*FUNCTIONS, *INSTRUCTIONS)
}

_MACHINE = {name: PRIMITIVES[name] for name in (*FUNCTIONS, *INSTRUCTIONS)} | {"fmod": fmod}


def is_machine_operation(primitive: Primitive) -> bool:
    """Whether a row needs no spelling."""
    return _MACHINE.get(primitive.name) is primitive


def may_be_spelled(primitive: Primitive) -> bool:
    """Whether a row is not an operation of a machine, or has a cheaper spelling for some operands."""
    return primitive is primitives.pow or not is_machine_operation(primitive)


def spelled(program: Program, primitive: Primitive, operands: Sequence[int]) -> int:
    """Write an operation in those of a machine; the instruction of its result.

    Raises:
        CompileError: it is a row of a user's own whose forward function does not run on symbols.
    """
    writer = _Spelling(program)
    return writer.apply(primitive, operands)


class _Spelling:
    """A writer that spells what is not an operation of a machine."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def constant(self, number: float) -> int:
        return self.program.constant(number)

    def apply(self, primitive: Primitive, operands: Sequence[int]) -> int:
        if primitive is primitives.pow:
            power = _small_power(self, operands)
            if power is not None:
                return power
        if is_machine_operation(primitive):
            return self.program.append(primitive, operands)
        try:
            result = lowered(self, primitive, operands)
        except (TypeError, AttributeError) as error:
            raise CompileError(
                f"the primitive {primitive.name!r} cannot be compiled: its forward function does not run on symbols "
                f"({error}): write it with operators and the functions of autograd"
            ) from None
        if isinstance(result, Symbol):
            return int(result.node) if not isinstance(result.node, float) else self.constant(result.node)
        return self.constant(float(result))


def _small_power(writer: _Spelling, operands: Sequence[int]) -> int | None:
    """x ** y for exponents that are cheaper without a power; None for others."""
    x, y = operands
    exponent = writer.program.instructions[y].attribute
    if writer.program.instructions[y].operation != "constant":
        return None
    if exponent == 0.0:
        return writer.constant(1.0)
    if exponent == 1.0:
        return x
    if exponent == -1.0:
        return writer.apply(primitives.div, (writer.constant(1.0), x))
    if exponent in (2.0, 3.0):
        square = writer.apply(primitives.mul, (x, x))
        return square if exponent == 2.0 else writer.apply(primitives.mul, (square, x))
    return None
