"""Vector math: exp and tanh on whole registers.

It buys 1.3 times the speed of benchmarks/RESULTS.md, "demo with tanh, flat vectors", beside glibc's functions on
registers, and 3.9 times beside the C library's on numbers.

Both come from 2^k (1 + p) with k = round(x / ln 2) and p = expm1(r) for what is left, |r| <= ln(2) / 2, by its Taylor
series as far as r^13 / 13!, whose remainder is below 2^-55 p. k is found by adding a number so large that what comes
after the point falls off, and stands in the last bits of the sum.
"""

from __future__ import annotations

from math import factorial, log

from autograd.compiler.codegen.ir import Function, Lanes

_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # its last 21 bits are 0: products with k are exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_SHIFT = 1.5 * 2.0**52


def vector_math(name: str, lanes: int) -> Function:
    """The function, one of SYMBOLS, of a register of `lanes` doubles."""
    kind = f"<{lanes} x double>"
    to = Function(SYMBOLS[name], f"{kind} %x", kind, "noinline")
    return to.finish(_WRITTEN[name](_Register(to, "double", lanes), "%x"))


class _Register(Lanes):
    """A register of doubles, and the integers that their bits are."""

    def on_bits(self, operation: str, left: str, right: int | str) -> str:
        bits = Lanes(self.to, "i64", self.lanes)
        return bits.op(operation, left, bits.literal(right) if isinstance(right, int) else right)

    def bits(self, number: str) -> str:
        return self.converted("bitcast", number, Lanes(self.to, "i64", self.lanes))

    def from_bits(self, bits: str) -> str:
        return Lanes(self.to, "i64", self.lanes).converted("bitcast", bits, self)

    def limited(self, x: str, low: float, high: float) -> str:
        """x clamped to [low, high]; nan stays nan."""
        for comparison, limit in (("olt", low), ("ogt", high)):
            x = self.select(self.op(f"fcmp {comparison}", x, self.literal(limit)), self.literal(limit), x)
        return x

    def reduced(self, x: str) -> tuple[str, str]:
        """The bits of k in a sum, and expm1 of what is left of x."""
        shifted = self.multiply_add(x, self.literal(1 / log(2.0)), self.literal(_SHIFT))
        k = self.op("fsub", shifted, self.literal(_SHIFT))
        rest = self.multiply_add(k, self.literal(-_LN2_HIGH), x)
        rest = self.multiply_add(k, self.literal(-_LN2_LOW), rest)
        series = self.literal(1 / factorial(13))
        for n in range(12, 1, -1):
            series = self.multiply_add(series, rest, self.literal(1 / factorial(n)))
        return self.bits(shifted), self.multiply_add(self.op("fmul", rest, rest), series, rest)

    def power_of_two(self, exponent: str) -> str:
        """2 to the integer in the last bits of each lane."""
        return self.from_bits(self.on_bits("add", self.on_bits("shl", exponent, 52), 1023 << 52))


def _exp(to: _Register, x: str) -> str:
    """2^k (1 + p), in two factors: 2^k by itself can be too large or too small."""
    k, p = to.reduced(to.limited(x, -746.0, 710.0))
    k = to.on_bits("ashr", to.on_bits("shl", k, 32), 32)
    half = to.on_bits("ashr", k, 1)
    result = to.op("fadd", p, to.literal(1.0))
    for part in (half, to.on_bits("sub", k, half)):
        result = to.op("fmul", result, to.power_of_two(part))
    return result


def _tanh(to: _Register, x: str) -> str:
    """e / (e + 2) with e = expm1(2x) = 2^k p + (2^k - 1): no digits are lost where x is small."""
    limited = to.limited(x, -22.0, 22.0)
    k, p = to.reduced(to.op("fadd", limited, limited))
    power = to.power_of_two(k)
    e = to.multiply_add(power, p, to.op("fsub", power, to.literal(1.0)))
    quotient = to.op("fdiv", e, to.op("fadd", e, to.literal(2.0)))
    sign = to.on_bits("and", to.bits(x), -(1 << 63))
    size = to.on_bits("and", to.bits(quotient), (1 << 63) - 1)
    return to.from_bits(to.on_bits("or", size, sign))  # -0 for -0


_WRITTEN = {"exp": _exp, "tanh": _tanh}
SYMBOLS = {name: f"vector_{name}" for name in _WRITTEN}
"""The functions that there are, and what they are called."""
