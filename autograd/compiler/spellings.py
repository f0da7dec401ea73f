"""How the rows of the table are spelled in the operations of a machine.

A machine adds, multiplies, compares, chooses, takes square roots, rounds, and has a library of functions (exp, sin,
...). Every other row is spelled in these here, with the same cases as its forward function in the table. A row that is
in neither list, one of a user's own, is spelled by its forward function run on symbols.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd import primitives
from autograd.modes import CompileError
from autograd.primitives import (
    PRIMITIVES,
    Primitive,
    abs_,
    equal,
    erfc,
    exp,
    expm1,
    floor,
    fmod,
    log,
    log1p,
    maximum,
    minimum,
    not_equal,
    sqrt,
    where,
)
from autograd.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograd.compiler.program import Program

FUNCTIONS = (
    *("exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "pow"),
)
"""Rows that are functions of the C library."""

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")

INSTRUCTIONS = (
    *("identity", "add", "sub", "mul", "div", "neg", "where", "abs", "sqrt", "floor", "ceil", "dot", "sum"),
    *COMPARISONS,
)
"""Rows that are instructions of a machine, or a few in a row."""


def _mod(x: Any, y: Any) -> Any:
    remainder: Any = fmod(x, y)
    other_sign = not_equal(remainder < 0, y < 0)
    moved = where(other_sign, remainder + y, remainder)
    return where(equal(remainder, 0), where(y < 0, -0.0, 0.0), moved)


def _floor_divide(x: Any, y: Any) -> Any:
    """As Python divides floats: what the remainder leaves is a multiple of y but for rounding."""
    remainder: Any = fmod(x, y)
    quotient = (x - remainder) / y
    other_sign = where(equal(remainder, 0), 0.0, not_equal(remainder < 0, y < 0))
    quotient = where(other_sign, quotient - 1, quotient)
    below: Any = floor(quotient)
    ratio = x / y
    zero = where(ratio < 0, -0.0, where(ratio > 0, 0.0, ratio))
    return where(equal(quotient, 0), zero, where(quotient - below > 0.5, below + 1, below))


def _sign(x: Any) -> Any:
    return (x > 0) - (x < 0)


def _maximum(x: Any, y: Any) -> Any:
    return where(x >= y, x, where(not_equal(x, x), x, y))


def _minimum(x: Any, y: Any) -> Any:
    return where(x <= y, x, where(not_equal(x, x), x, y))


def _leaky_relu(x: Any, slope: Any) -> Any:
    return where(x > 0, x, slope * x)


def _elu(x: Any, alpha: Any) -> Any:
    return where(x > 0, x, alpha * expm1(x))


def _softplus(x: Any) -> Any:
    return where(x > 0, x, 0.0) + log1p(exp(-abs_(x)))


def _sigmoid(x: Any) -> Any:
    small = exp(-abs_(x))
    return where(x >= 0, 1.0, small) / (1 + small)


def _gelu(x: Any) -> Any:
    return 0.5 * x * erfc(-x * math.sqrt(0.5))


def _max(*xs: Any) -> Any:
    top = xs[0]
    for x in xs[1:]:
        top = where(x > top, x, where(not_equal(x, x), x, top))
    return top


def _min(*xs: Any) -> Any:
    top = xs[0]
    for x in xs[1:]:
        top = where(x < top, x, where(not_equal(x, x), x, top))
    return top


def _logsumexp(*xs: Any) -> Any:
    top = _max(*xs)
    total: Any = 0.0
    for x in xs:
        total = total + exp(x - top)
    return where(abs_(top) < math.inf, top + log(total), top)


def _hypot(*xs: Any) -> Any:
    """Numbers are scaled by a power of 2, which is exact, so that their squares neither overflow nor underflow."""
    sizes = [abs_(x) for x in xs]
    largest = _max(*sizes)
    scale = where(largest > 2.0**500, 2.0**-600, where(largest < 2.0**-450, 2.0**600, 1.0))
    squares: Any = 0.0
    infinite: Any = 0.0
    for size in sizes:
        squares = squares + (size * scale) * (size * scale)
        infinite = where(equal(size, math.inf), 1.0, infinite)
    return where(infinite, math.inf, sqrt(squares) / scale)


SPELLINGS: dict[str, Callable[..., Any]] = {
    "detach": lambda x: x,
    "mod": _mod,
    "floor_divide": _floor_divide,
    "maximum": _maximum,
    "minimum": _minimum,
    "clip": lambda x, low, high: minimum(maximum(x, low), high),
    "sign": _sign,
    "relu": lambda x: where(x <= 0, 0.0, x),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "silu": lambda x: x * primitives.sigmoid(x),
    "gelu": _gelu,
    "log_sigmoid": lambda x: -primitives.softplus(-x),
    "max": _max,
    "min": _min,
    "logsumexp": _logsumexp,
    "hypot": _hypot,
}
"""Every row of the table that is neither in FUNCTIONS nor in INSTRUCTIONS."""

_MACHINE = {name: PRIMITIVES[name] for name in (*FUNCTIONS, *INSTRUCTIONS)} | {"fmod": fmod}


def is_machine_operation(primitive: Primitive) -> bool:
    """Whether a row needs no spelling."""
    return _MACHINE.get(primitive.name) is primitive


def may_be_spelled(primitive: Primitive) -> bool:
    """Whether a row is not an operation of a machine, or has a cheaper spelling for some operands."""
    return primitive is primitives.pow_ or not is_machine_operation(primitive)


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
        if primitive is primitives.pow_:
            power = _small_power(self, operands)
            if power is not None:
                return power
        if is_machine_operation(primitive):
            return self.program.append(primitive, operands)
        own = PRIMITIVES.get(primitive.name) is primitive and primitive.name in SPELLINGS
        spelling = SPELLINGS[primitive.name] if own or primitive is primitives.detach else primitive.forward
        try:
            result = spelling(*[Symbol(self, operand) for operand in operands])
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
