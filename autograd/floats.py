"""Forward functions: what the rows of the table compute on floats, with the results of IEEE 754.

Where Python raises an error (1 / 0, log(0), e ** 1000), these return what the processor would: inf, nan.

A function that is not one of the machine's own, such as `softplus`, is written in those that are, and with `where` in
place of `if`. So the same function also runs on numbers that are not known yet, with each name standing for the row of
that name: that is how compiled code and the explorer's page compute it (`symbolic/lowering.py`).
"""

from __future__ import annotations

import math
import operator
from builtins import sum as add_up
from math import inf, nan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Forward = Callable[[float], float]

LN2 = math.log(2.0)
LN10 = math.log(10.0)
SQRT_HALF = math.sqrt(0.5)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
ONE_OVER_SQRT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)

# ---------------------------------------------------------------------------------------------------------------------
# The machine's own: operators, and functions of the C library
# ---------------------------------------------------------------------------------------------------------------------


def div(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


def pow(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except (OverflowError, ValueError):
        if x < 0 and y != math.floor(y):
            return nan
        odd = abs(math.fmod(y, 2.0)) == 1
        return math.copysign(inf, x) if odd else inf


def fmod(x: float, y: float) -> float:
    try:
        return math.fmod(x, y)
    except ValueError:
        return nan


def _growing(function: Forward) -> Forward:
    def forward(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.copysign(inf, x)

    return forward


def _logarithm(function: Forward) -> Forward:
    return lambda x: function(x) if x > 0 else -inf if x == 0 else nan


def _periodic(function: Forward) -> Forward:
    return lambda x: function(x) if math.isfinite(x) else nan


exp, expm1, sinh = map(_growing, (math.exp, math.expm1, math.sinh))
log, log2, log10 = map(_logarithm, (math.log, math.log2, math.log10))
sin, cos, tan = map(_periodic, (math.sin, math.cos, math.tan))


def log1p(x: float) -> float:
    if x > -1:
        return math.log1p(x)
    return -inf if x == -1 else nan


def sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0 else nan


def asin(x: float) -> float:
    return math.asin(x) if -1 <= x <= 1 else nan


def acos(x: float) -> float:
    return math.acos(x) if -1 <= x <= 1 else nan


def cosh(x: float) -> float:
    try:
        return math.cosh(x)
    except OverflowError:
        return inf


def acosh(x: float) -> float:
    return math.acosh(x) if x >= 1 else nan


def atanh(x: float) -> float:
    if -1 < x < 1:
        return math.atanh(x)
    return math.copysign(inf, x) if abs(x) == 1 else nan


def floor(x: float) -> float:
    return math.copysign(math.floor(x), x) if math.isfinite(x) else x


def ceil(x: float) -> float:
    return math.copysign(math.ceil(x), x) if math.isfinite(x) else x


def where(condition: float, x: float, y: float) -> float:
    return x if condition else y


def sum(*xs: float) -> float:
    return add_up(xs, 0.0)


def dot(*xs_then_ys: float) -> float:
    n, left_over = divmod(len(xs_then_ys), 2)
    if left_over:
        raise TypeError(f"dot wants as many y as x, got {len(xs_then_ys)} operands in all")
    return add_up(map(operator.mul, xs_then_ys[:n], xs_then_ys[n:]), 0.0)


# ---------------------------------------------------------------------------------------------------------------------
# Written in those
# ---------------------------------------------------------------------------------------------------------------------


def mod(x: float, y: float) -> float:
    remainder = fmod(x, y)
    moved = where((remainder < 0) != (y < 0), remainder + y, remainder)
    return where(remainder == 0, where(y < 0, -0.0, 0.0), moved)


def floor_divide(x: float, y: float) -> float:
    """As Python divides floats: what the remainder leaves is a multiple of y, up to rounding."""
    remainder = fmod(x, y)
    quotient = div(x - remainder, y)
    other_sign = where(remainder == 0, 0.0, (remainder < 0) != (y < 0))
    quotient = where(other_sign, quotient - 1, quotient)
    below = floor(quotient)
    ratio = div(x, y)
    zero = where(ratio < 0, -0.0, where(ratio > 0, 0.0, ratio))
    return where(quotient == 0, zero, where(quotient - below > 0.5, below + 1, below))


def sign(x: float) -> float:
    return where(x > 0, 1.0, where(x < 0, -1.0, 0.0))


def maximum(x: float, y: float) -> float:
    return where(x >= y, x, where(x != x, x, y))


def minimum(x: float, y: float) -> float:
    return where(x <= y, x, where(x != x, x, y))


def clip(x: float, low: float, high: float) -> float:
    return minimum(maximum(x, low), high)


def relu(x: float) -> float:
    return where(x <= 0, 0.0, x)


def leaky_relu(x: float, slope: float) -> float:
    return where(x > 0, x, slope * x)


def elu(x: float, alpha: float) -> float:
    return where(x > 0, x, alpha * expm1(x))


def softplus(x: float) -> float:
    return where(x > 0, x, 0.0) + math.log1p(math.exp(-abs(x)))


def sigmoid(x: float) -> float:
    small = math.exp(-abs(x))
    return where(x >= 0, 1.0, small) / (1 + small)


def silu(x: float) -> float:
    return x * sigmoid(x)


def gelu(x: float) -> float:
    return 0.5 * x * math.erfc(-x * SQRT_HALF)


def log_sigmoid(x: float) -> float:
    return -softplus(-x)


def max(*xs: float) -> float:
    top = xs[0]
    for x in xs[1:]:
        top = where(x > top, x, where(x != x, x, top))
    return top


def min(*xs: float) -> float:
    top = xs[0]
    for x in xs[1:]:
        top = where(x < top, x, where(x != x, x, top))
    return top


def logsumexp(*xs: float) -> float:
    top = max(*xs)
    total = 0.0
    for x in xs:
        total = total + math.exp(x - top)
    return where(abs(top) < inf, top + math.log(total), top)


def scaled_hypot(*xs: float) -> float:
    """Numbers are scaled by a power of 2, which is exact, so that their squares neither overflow nor underflow."""
    sizes = [abs(x) for x in xs]
    largest = max(*sizes)
    scale = where(largest > 2.0**500, 2.0**-600, where(largest < 2.0**-450, 2.0**600, 1.0))
    squares, infinite = 0.0, 0.0
    for size in sizes:
        squares = squares + (size * scale) * (size * scale)
        infinite = where(size == inf, 1.0, infinite)
    return where(infinite, inf, sqrt(squares) / scale)
