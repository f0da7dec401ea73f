"""Elementary functions on whole registers, written in LLVM IR: they are compiled into the loop that uses them.

Both come from 2^k (1 + p) with k = round(x / ln 2) and p = expm1(r) for what is left, |r| <= ln(2) / 2, by its Taylor
series as far as r^13 / 13!, whose remainder is below 2^-55 p. k is found by adding a number so large that what comes
after the point falls off, and stands in the last bits of the sum.
"""

from __future__ import annotations

import struct
from math import factorial, log

from autograd.compiler.codegen.layers import Function, Vector

_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # its last 21 bits are 0: products with k are exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_SHIFT = 1.5 * 2.0**52


class _Register:
    """Operations on a whole register of doubles, written into a function."""

    def __init__(self, name: str, lanes: int, attributes: str) -> None:
        self.vector, self.integers = Vector("double", lanes), Vector("i64", lanes)
        kind = self.vector.type
        self.function = Function(name, f"{kind} %x", kind, attributes)

    def finished(self, result: str) -> str:
        return self.function.text(f"{self.vector.type} {result}")

    def splat(self, number: float) -> str:
        bits = struct.unpack(">Q", struct.pack(">d", number))[0]
        return self.vector.literal(f"0x{bits:016X}")

    def do(self, operation: str, left: str, right: str) -> str:
        return self.function.value(f"{operation} {self.vector.type} {left}, {right}")

    def on_integers(self, operation: str, left: str, right: int | str) -> str:
        right = self.integers.literal(str(right)) if isinstance(right, int) else right
        return self.function.value(f"{operation} {self.integers.type} {left}, {right}")

    def bits(self, number: str) -> str:
        return self.function.value(f"bitcast {self.vector.type} {number} to {self.integers.type}")

    def from_bits(self, bits: str) -> str:
        return self.function.value(f"bitcast {self.integers.type} {bits} to {self.vector.type}")

    def multiply_add(self, left: str, right: str, addend: str) -> str:
        return self.vector.multiply_add(self.function, left, right, addend)

    def limited(self, x: str, low: float, high: float) -> str:
        """x between these; nan stays nan."""
        for comparison, limit in (("olt", low), ("ogt", high)):
            outside = self.do(f"fcmp {comparison}", x, self.splat(limit))
            kinds = f"<{self.vector.lanes} x i1> {outside}, {self.vector.type} {self.splat(limit)}"
            x = self.function.value(f"select {kinds}, {self.vector.type} {x}")
        return x

    def reduced(self, x: str) -> tuple[str, str]:
        """The bits of k in a sum, and expm1 of what is left of x."""
        shifted = self.multiply_add(x, self.splat(1 / log(2.0)), self.splat(_SHIFT))
        k = self.do("fsub", shifted, self.splat(_SHIFT))
        rest = self.multiply_add(k, self.splat(-_LN2_HIGH), x)
        rest = self.multiply_add(k, self.splat(-_LN2_LOW), rest)
        series = self.splat(1 / factorial(13))
        for n in range(12, 1, -1):
            series = self.multiply_add(series, rest, self.splat(1 / factorial(n)))
        return self.bits(shifted), self.multiply_add(self.do("fmul", rest, rest), series, rest)

    def power_of_two(self, exponent: str) -> str:
        """2 to the integer in the last bits of each lane."""
        return self.from_bits(self.on_integers("add", self.on_integers("shl", exponent, 52), 1023 << 52))


def _exp(to: _Register) -> str:
    """2^k (1 + p), in two factors: 2^k by itself can be too large or too small."""
    k, p = to.reduced(to.limited("%x", -746.0, 710.0))
    k = to.on_integers("ashr", to.on_integers("shl", k, 32), 32)
    half = to.on_integers("ashr", k, 1)
    result = to.do("fadd", p, to.splat(1.0))
    for part in (half, to.on_integers("sub", k, half)):
        result = to.do("fmul", result, to.power_of_two(part))
    return result


def _tanh(to: _Register) -> str:
    """e / (e + 2) with e = expm1(2x) = 2^k p + (2^k - 1): no digits are lost where x is small."""
    x = to.limited("%x", -22.0, 22.0)
    k, p = to.reduced(to.do("fadd", x, x))
    power = to.power_of_two(k)
    e = to.multiply_add(power, p, to.do("fsub", power, to.splat(1.0)))
    quotient = to.do("fdiv", e, to.do("fadd", e, to.splat(2.0)))
    sign = to.on_integers("and", to.bits("%x"), -(1 << 63))
    size = to.on_integers("and", to.bits(quotient), (1 << 63) - 1)
    return to.from_bits(to.on_integers("or", size, sign))  # -0 for -0


_WRITTEN = {"exp": _exp, "tanh": _tanh}
SYMBOLS = {name: f"vector_{name}" for name in _WRITTEN}
"""The functions that there are, and what they are called."""


def text(name: str, lanes: int, inline: bool) -> str:
    """The function of a register of doubles as LLVM IR.

    Args:
        name: one of SYMBOLS.
        lanes: how many numbers are in a register.
        inline: whether it becomes a part of the code that uses it: faster, and larger.
    """
    to = _Register(SYMBOLS[name], lanes, "alwaysinline" if inline else "noinline")
    return to.finished(_WRITTEN[name](to))
