"""Arithmetic is that of IEEE 754 and of Python: overflow, points where nothing is defined, floor division."""

import itertools
import math
import random
import struct
from math import inf, nan

import numpy as np
import pytest

import autograd
from autograd import Value

# --- Overflow and undefined points -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lambda v: v(1) / 0, inf),
        (lambda v: -1 / v(0), -inf),
        (lambda v: v(1) / -0.0, -inf),
        (lambda v: v(0) / 0, nan),
        (lambda v: v(0).log(), -inf),
        (lambda v: v(-1).log(), nan),
        (lambda v: v(1000).exp(), inf),
        (lambda v: v(-1).sqrt(), nan),
        (lambda v: v(-8) ** (1 / 3), nan),
        (lambda v: v(10) ** 400, inf),
        (lambda v: v(-10) ** 401, -inf),
        (lambda v: v(0) ** -1, inf),
        (lambda v: v(5) % 0, nan),
        (lambda v: v(inf).sin(), nan),
        (lambda v: v(1000).sigmoid(), 1.0),
        (lambda v: v(-1000).sigmoid(), 0.0),
        (lambda v: v(1e308) * 10, inf),
    ],
)
def test_overflow_and_undefined_points_are_inf_and_nan(program, expected):
    out = program(Value)
    assert out.data == expected or (out.data != out.data and expected != expected)
    out.backward()


def test_powers_at_zero_have_gradients():
    x = Value(0.0)
    y = x**0
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)
    x.zero_grad()
    (x**0.5).backward()
    assert x.grad == inf


# --- Floor division --------------------------------------------------------------------------------------------------


def pairs_to_divide(n):
    edges = (0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 3.0, inf, -inf, nan, 5e-324, -5e-324, 1.7e308, -1e-300, 1e16)
    edges += (2.0**52 + 1, 2.0**53 - 1, -(2.0**53) + 1)
    yield from itertools.product(edges, edges)
    draw = random.Random(0)
    for _ in range(n // 3):
        yield draw.uniform(-10, 10), draw.uniform(-3, 3)
        yield struct.unpack("2d", draw.randbytes(16))
        divisor = draw.choice((1.0, 3.0, 0.7, -0.3))
        yield (draw.randrange(2**51, 2**54) | 1) * divisor, divisor


def same_number(x, y):
    return (x != x and y != y) or (x == y and math.copysign(1.0, x) == math.copysign(1.0, y))


def floor_division_is_pythons(n):
    compiled = pytest.importorskip("llvmlite") and autograd.compile(lambda x, y: x // y, vmap=True)
    pairs = list(pairs_to_divide(n))
    results = compiled(*map(np.array, zip(*pairs)))
    for (x, y), result in zip(pairs, results):
        wanted = x // y if y else nan
        values = (Value(x) // y, x // Value(y), Value(x) // Value(y))
        forward_mode = autograd.jvp(lambda v, y=y: v // y, (x,), (1.0,))[0]
        numbers = (*[v.data for v in values], forward_mode, result)
        assert all(same_number(wanted, number) for number in numbers), (x, y, numbers)


def test_floor_division_is_that_of_python():
    floor_division_is_pythons(3_000)


@pytest.mark.slow
def test_floor_division_is_that_of_python_for_many():
    floor_division_is_pythons(200_000)


def test_divmod_and_the_derivative_of_floor_division():
    x = Value(7.5)
    assert [v.data for v in divmod(x, 2)] == list(divmod(7.5, 2))
    assert [v.data for v in divmod(-7.5, Value(2.0))] == list(divmod(-7.5, 2.0))
    assert (x // 2).local_derivatives == (0.0, None)
    assert autograd.grad(lambda v: divmod(v, 2.0)[0] * 3 + divmod(v, 2.0)[1])(7.5) == 1.0
    assert autograd.jvp(lambda v: list(divmod(10.0, v)), (3.0,), (1.0,)) == ([3.0, 1.0], [0.0, -3.0])
