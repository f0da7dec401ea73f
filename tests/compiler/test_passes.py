"""What each pass does and leaves alone, and that all but a few may be left out."""

import math
import random

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, Value
from nn import MLP

pytest.importorskip("llvmlite")

from programs import ADD, DOT, MUL, NEG, SUB, compiled_operations, operations, program_of
from steps import by_values

from autograd.compiler import passes
from autograd.compiler.program import Program
from autograd.compiler.verify import verify

pytestmark = pytest.mark.sampled(every=3)

# --- Every pass may be left out --------------------------------------------------------------------------------------


STAGES = [*passes.BEFORE_GRADIENT, *passes.AFTER_GRADIENT, *passes.FOR_MACHINE]
NAMES = sorted({stage.__name__ for stage in STAGES} | {"roll"})


def everything():
    """A model and a loss in which every pass finds something to do."""
    model = MLP(2, [8, 1], activation="tanh", rng=0)
    frozen = [Value(0.5), Value(-2.0), Value(0.25)]

    def loss(x, y):
        z = model(x)
        one = Value(2.0) * 3.0 - 5.0
        again = (z * z).exp() / ((z * z).exp() + one)
        weighted = frozen[0] * x[0] + frozen[1] * x[1] + frozen[2] * z
        penalty = autograd.dot(model.parameters(), model.parameters()) * 0.01
        return (again - y * weighted.sigmoid()) ** 2 + abs(autograd.where(z > 0, z, z * one)) + penalty

    return model, loss


X, Y = np.random.default_rng(0).normal(size=(21, 2)), np.array([1.0, -1.0, 1.0] * 7)


@pytest.mark.parametrize("without", [*[(name,) for name in NAMES], tuple(NAMES)], ids=[*NAMES, "all"])
def test_results_without_a_pass_are_the_same(without):
    model, loss = everything()
    value, gradient = by_values(loss, model.parameters(), X.tolist(), Y.tolist())
    step = autograd.compile(loss, model.parameters(), without=without)
    assert step(X, Y) == pytest.approx(value, rel=1e-12)
    assert [p.grad for p in model.parameters()] == pytest.approx(gradient, rel=1e-11, abs=1e-14)
    rolled = autograd.compile(
        lambda: autograd.sum([loss(x, y) for x, y in zip(X.tolist(), Y.tolist())]) / len(X),
        model.parameters(),
        without=without,
    )
    assert rolled() == pytest.approx(value, rel=1e-12)
    assert [p.grad for p in model.parameters()] == pytest.approx(gradient, rel=1e-11, abs=1e-14)
    assert ("rerolled into" in str(rolled)) == ("roll" not in without)
    assert ("layer" in compiled_operations(step)) == ("find_layers" not in without)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in passes.NEEDED | {"roll"}])
def test_a_pass_that_is_left_out_does_not_run(name):
    model, loss = everything()
    whole, step = (autograd.compile(loss, model.parameters(), without=names) for names in ((), (name,)))
    whole(X, Y)
    step(X, Y)
    passes_of, passes_left = (
        [line.split()[0] for line in str(s).splitlines() if "instructions" in line] for s in (whole, step)
    )
    assert name in passes_of
    assert passes_left == [each for each in passes_of if each != name]


# --- Constants, common subexpressions, dead code ---------------------------------------------------------------------


def constants(program):
    return [i.attribute for i in program.instructions if i.operation == "constant"]


@pytest.mark.parametrize(
    ("f", "folded"),
    [
        (lambda: Value(2.0) * 3.0, 6.0),
        (lambda: Value(0.0).log(), -math.inf),
        (lambda: Value(-1.0).sqrt(), math.nan),
        (lambda: Value(math.nan) * 0.0, math.nan),
        (lambda: Value(math.nan) ** 0.0, 1.0),
        (lambda: Value(math.inf) - math.inf, math.nan),
        (lambda: -Value(0.0), -0.0),
        (lambda: Value(1.0) / -0.0, -math.inf),
        (lambda: autograd.equal(Value(math.nan), math.nan), 0.0),
        (lambda: autograd.where(Value(math.nan), 1.0, 2.0), 1.0),
        (lambda: autograd.where(Value(-0.0), 1.0, 2.0), 2.0),
        (lambda: autograd.maximum(Value(math.nan), 1.0) + 1, math.nan),
        (lambda: autograd.max([Value(1.0), math.nan, 3.0]), math.nan),
        (lambda: autograd.logsumexp([Value(1000.0), 1000.0]) - 1000, math.log(2.0)),
    ],
)
def test_constants_are_folded(f, folded):
    program = passes.dead_code(passes.fold_constants(program_of(lambda ps, xs: [f()])))
    assert operations(program) == ["constant"]
    (number,) = constants(program)
    assert number == pytest.approx(folded, rel=1e-12, nan_ok=True)
    assert math.copysign(1.0, number) == math.copysign(1.0, folded) or math.isnan(folded)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 0.0,
        lambda x: x - x,
        lambda x: x / x,
        lambda x: x + 0.0,
        lambda x: autograd.equal(x, x),
        lambda x: autograd.where(x, 1.0, 0.0),
        lambda x: autograd.where(x > 0, 0.0, 1.0),
        lambda x: autograd.maximum(x, math.nan),
        lambda x: x**0.5,
    ],
)
def test_what_depends_on_the_input_is_not_folded(f):
    """x * 0 is nan where x is, x + 0 is 0 where x is -0."""
    program = program_of(lambda ps, xs: [f(xs[0])], columns=1)
    assert operations(passes.dead_code(passes.fold_constants(program))) == operations(program)


def test_choices_that_are_known_are_made():
    def f(_ps, xs):
        return [autograd.where(Value(1.0), *xs), autograd.where(Value(0.0), *xs), autograd.where(xs[0] < 0, 1.0, 0.0)]

    folded = passes.dead_code(passes.fold_constants(program_of(f, columns=2)))
    assert sorted(operations(folded)) == ["constant", "input", "input", "less"]
    x0, x1, chosen = folded.outputs[1]
    assert [folded.instructions[k].attribute for k in (x0, x1)] == [(1, 0), (1, 1)]
    assert folded.instructions[chosen].operation is PRIMITIVES["less"]


def test_a_row_that_raises_is_not_folded(monkeypatch):
    def raising(_x):
        raise ZeroDivisionError

    monkeypatch.setattr(NEG, "forward", raising)
    program = Program(0, [0])
    program.results = [program.append(NEG, (program.constant(1.0),))]
    assert operations(passes.fold_constants(program)) == ["constant", "neg"]


def test_common_subexpressions_are_those_of_the_same_numbers():
    program = Program(1, [0, 1])
    xs = [program.append("input", (), (1, 0)) for _ in range(3)]
    kept = [0.0, -0.0, math.nan, math.inf, 1.0]
    numbers = [program.constant(number) for number in kept * 3]
    nodes = [program.append(MUL, (x, number)) for number in numbers for x in xs]
    others = [(ADD, (xs[0], numbers[4])), (ADD, (numbers[4], xs[0])), (SUB, (xs[0], xs[0]))]
    program.outputs = {1: nodes + [program.append(*other) for other in others]}
    found = passes.common_subexpressions(program)
    assert operations(found) == ["input", *["constant"] * 5, *["mul"] * 5, "add", "add", "sub"]
    assert [number.hex() for number in constants(found)] == [number.hex() for number in kept]
    assert found.outputs[1] == [6 + k // 3 % 5 for k in range(45)] + [11, 12, 13]


def test_what_has_an_effect_is_done_as_often_as_it_says():
    program = Program(1, [0, 1])
    x, p = program.append("input", (), (1, 0)), program.append("parameter", (), 0)
    for _ in range(3):
        program.append("batch_sum", (x,), (0, 1))
        program.append("contribute", (p,), 0)
    kept = operations(passes.dead_code(passes.common_subexpressions(program)))
    assert sorted(kept) == ["batch_sum"] * 3 + ["contribute"] * 3 + ["input", "parameter"]


def test_zeros_of_both_signs_are_told_apart_to_the_end():
    step = autograd.compile(lambda x: [x * 0.0, x * -0.0, 1 / (x * 0.0), 1 / (x * -0.0)])
    assert [math.copysign(1.0, number) for number in step(3.0)] == [1.0, -1.0, 1.0, -1.0]


@pytest.mark.parametrize("row", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
def test_a_number_compared_with_itself(row):
    """What is made of the zeros and ones: LLVM has a way to make 0 of 0 / 0 here."""
    compare = PRIMITIVES[row]

    def f(x, y):
        t = x.tanh()
        return compare(t, t) / autograd.greater(t, y)

    points = [[1.0, math.nan, math.inf, 1.0], [1e308, 0.0, math.nan, -1.0]]
    wanted = [f(Value(x), Value(y)).data for x, y in zip(*points)]
    np.testing.assert_equal(autograd.compile(f, math="libm").evaluate(*points), wanted)


def test_dead_code_is_what_nobody_wants():
    program = program_of(lambda ps, xs: [xs[0] + 1.0, ps[0]], parameters=1, columns=3)
    program.append(MUL, (program.append("input", (), (1, 2)), program.constant(3.0)))
    program.append("contribute", (program.append(NEG, (program.append("parameter", (), 0),)),), 0)
    alive = passes.dead_code(program)
    assert sorted(operations(alive)) == ["add", "constant", "contribute", "input", "neg", "parameter", "parameter"]
    assert [alive.instructions[k].name for k in alive.outputs[1]] == ["add", "parameter"]


# --- Sums of products ------------------------------------------------------------------------------------------------


def dots(program):
    """The pairs of every dot: parameters p, columns x, numbers, or the names of operations."""

    def name(k):
        operation, _, attribute = program.instructions[k]
        if operation == "constant":
            return attribute
        if operation == "parameter":
            return f"p{attribute}"
        return f"x{attribute[1]}" if operation == "input" else operation.name

    found = [i.operands for i in program.instructions if i.operation is DOT]
    return [[(name(x), name(y)) for x, y in zip(k[: len(k) // 2], k[len(k) // 2 :])] for k in found]


@pytest.mark.parametrize(
    ("f", "found", "additions"),
    [
        (lambda p, x: p[0] * x[0] + p[1] * x[1], [[("p0", "x0"), ("p1", "x1")]], 0),
        (lambda p, x: p[1] * x[1] + x[0] * p[0], [[("p1", "x1"), ("x0", "p0")]], 0),
        (lambda p, x: p[2] + p[0] * x[0] + p[1] * x[1], [[("p2", 1.0), ("p0", "x0"), ("p1", "x1")]], 0),
        (lambda p, x: 0 + p[0] * x[0] + p[1] * x[1], [[("p0", "x0"), ("p1", "x1")]], 0),
        (lambda p, x: p[0] * x[0] + p[1] * x[1] + p[2], [[("p0", "x0"), ("p1", "x1")]], 1),
        (lambda p, x: p[0] * x[0] + p[1] * x[1] + p[2] + p[2] * x[2], [[("p0", "x0"), ("p1", "x1")]], 2),
        (lambda p, x: p[2] + (p[0] * x[0] + p[1] * x[1]), [[("p0", "x0"), ("p1", "x1")]], 1),
        (lambda p, x: p[0] * x[0] + (p[1] * x[1] + p[2] * x[2]), [[("p1", "x1"), ("p2", "x2")]], 1),
        (lambda p, x: p[0] * x[0] + p[1], [], 1),
        (lambda p, x: p[0] * x[0] - p[1] * x[1], [], 0),
        (lambda p, x: p[0] + x[0] + x[1], [], 2),
    ],
)
def test_sums_of_products_keep_their_order(f, found, additions):
    program = passes.sums_of_products(program_of(lambda p, x: [f(p, x)], 3, 3))
    verify(program, "sums_of_products")
    assert dots(program) == found
    assert operations(program).count("add") == additions


def test_a_product_or_a_sum_that_is_used_elsewhere_stays():
    def f(p, x):
        product = p[0] * x[0]
        total = product + p[1] * x[1]
        return [product, total, total + p[2] * x[2] + p[2] * x[0]]

    program = passes.sums_of_products(program_of(f, 3, 3))
    assert dots(program) == [[("add", 1.0), ("p2", "x2"), ("p2", "x0")]]
    assert operations(program).count("add") == 1


@pytest.mark.parametrize("seed", range(20))
def test_sums_are_added_in_the_order_they_are_written_in(seed):
    """Numbers whose sum depends on the order; their products with powers of 2 are exact, fused or not."""
    draw = random.Random(seed)
    numbers = [draw.choice([1.0, 2.0**53, -(2.0**53), 0.125, 2.0**54, -1.0]) for _ in range(8)]
    weights = [Value(draw.choice([1.0, 2.0, 0.5])) for _ in range(8)]
    is_product = [draw.random() < 0.8 for _ in range(8)]
    cut = draw.randrange(1, 8)

    def f(*xs):
        terms = [w * x if product else x for w, x, product in zip(weights, xs, is_product)]
        left, right = terms[0], terms[cut]
        for term in terms[1:cut]:
            left = left + term
        for term in terms[cut + 1 :]:
            right = right + term
        return left + right

    step = autograd.compile(f, weights)
    assert step.evaluate(*[[x] * 3 for x in numbers]).tolist() == [f(*map(Value, numbers)).data] * 3
