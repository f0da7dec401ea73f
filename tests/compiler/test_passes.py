"""Programs and passes: what `verify` refuses, what each pass does and leaves alone, layers of every kind and size.

And that LLVM, which ends the process when it meets code that is not in order, is never handed any.
"""

import contextlib
import itertools
import math
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from sampled import sampled

import autograd
from autograd import PRIMITIVES, Value
from nn import MLP

pytest.importorskip("llvmlite")

from autograd.compiler import build, goals, passes
from autograd.compiler.codegen import library, schedule
from autograd.compiler.passes import layers, machine
from autograd.compiler.program import Instruction, Program, Range, Weights
from autograd.compiler.recording import record, to_program
from autograd.compiler.runtime import native
from autograd.compiler.verify import verify

ADD, SUB, MUL, NEG, DOT, WHERE = (PRIMITIVES[name] for name in ("add", "sub", "mul", "neg", "dot", "where"))
STAGES = [*passes.BEFORE_GRADIENT, *passes.AFTER_GRADIENT, *passes.FOR_MACHINE]
NAMES = sorted({stage.__name__ for stage in STAGES} | {"roll"})


def operations(program):
    return [instruction.name for instruction in program.instructions]


def compiled_operations(step):
    """The names of the operations in the program of the last call."""
    return operations(step.executables.last.built.program)


# --- A program -------------------------------------------------------------------------------------------------------


def small_program():
    """Of two parameters and two columns: the sum of p0 x0 + p1 x1 over the examples, p0 p1, and x0 + x1 of each."""
    program = Program(2, [0, 2])
    p0, p1 = (program.append("parameter", (), k) for k in range(2))
    x0, x1 = (program.append("input", (), (1, k)) for k in range(2))
    loss = program.append(DOT, (p0, p1, x0, x1))
    total = program.append("batch_sum", (loss,), (program.new_sum(), 1))
    program.results = [program.append(MUL, (p0, p1)), total]
    program.outputs = {1: [program.append(ADD, (x0, x1))]}
    verify(program, "trace")
    return program


def test_a_program_that_is_in_order_is_built():
    program = small_program()
    built = build.build(program, [[2]], native.target("float64", "vector"), goals.Wanted(1, range(2)))
    assert built.layout.batches[0].widths == (2,)


LAYER = Weights(1, 2, 0, 2, 1)


@pytest.mark.parametrize(
    ("operation", "operands", "attribute", "problem"),
    [
        (ADD, (0, 8), None, "not all computed before it"),
        (ADD, (0, 99), None, "not all computed before it"),
        (ADD, (0, -1), None, "not all computed before it"),
        (ADD, (0,), None, "1 operands, wants 2"),
        (NEG, (0, 1), None, "2 operands, wants 1"),
        (DOT, (), None, "no operands"),
        ("no_such", (), None, "unknown operation"),
        ("constant", (), 1, "wants a float"),
        ("constant", (), None, "wants a float"),
        ("constant", (0,), 1.0, "1 operands, wants 0"),
        ("parameter", (), 2, "wants a number below 2"),
        ("parameter", (), -1, "wants a number below 2"),
        ("parameter", (), None, "wants a number below 2"),
        ("parameter", (), 0.0, "wants a number below 2"),
        ("input", (), (1, 2), "no column 2 in batch 1"),
        ("input", (), (1, -1), "no column -1 in batch 1"),
        ("input", (), (2, 0), "no column 0 in batch 2"),
        ("input", (), (0, 0), "no column 0 in batch 0"),
        ("batch_sum", (2,), (9, 1), "no sum 9"),
        ("batch_sum", (2,), (0, 2), "no batch 2"),
        ("batch_sum", (2,), (0, 0), "no batch 0"),
        ("batch_sum", (2, 3), (0, 1), "2 operands, wants 1"),
        ("contribute", (0,), 9, "wants a number below 3"),
        ("contribute", (), 0, "0 operands, wants 1"),
        ("count", (), 2, "wants a number below 2"),
        ("copy", (0,), 2, "wants a number below 2"),
        ("element", (2,), 0, "element of input"),
        ("layer", (2, 3), LAYER._replace(depth=3), "2 operands do not fit"),
        ("layer", (2, 3), LAYER._replace(first=1), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(first=-1), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(rows=2), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(bias=2), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(bias=-1), "beyond the parameters"),
        ("layer_inputs", (2, 3), LAYER, "2 operands do not fit"),
        ("layer_weights", (2, 3), LAYER, "2 operands do not fit"),
        ("range_dot", (), Range(2, 0, 1, 1, 1), "beyond the parameters"),
        ("range_dot", (), Range(2, 0, 2, 0, 1), "beyond the parameters"),
        ("range_dot", (0,), Range(2, 0, 1, 0, 1), "1 operands, wants 0"),
        ("range_contribute", (0,), Range(3, 0, 1, 0, 1), "beyond the parameters"),
    ],
)
def test_verify_refuses_an_instruction(operation, operands, attribute, problem):
    program = small_program()
    program.append(operation, operands, attribute)
    with pytest.raises(AssertionError, match=rf"after the pass some_pass: %8 = .*{problem}"):
        verify(program, "some_pass")


def test_verify_refuses_operands_of_different_batches():
    program = Program(0, [0, 1, 1])
    x, y = (program.append("input", (), (batch, 0)) for batch in (1, 2))
    program.append(ADD, (x, y))
    with pytest.raises(AssertionError, match=r"%2 = add: .*different batches"):
        verify(program, "trace")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda program: program.results.append(2), "the result %2 differs between examples"),
        (lambda program: program.outputs.update({2: [2]}), "%2 is no output of batch 2"),
    ],
)
def test_verify_refuses_results(change, problem):
    program = small_program()
    change(program)
    with pytest.raises(AssertionError, match=f"after the pass trace: {problem}"):
        verify(program, "trace")


def test_a_pass_that_breaks_a_program_is_named(monkeypatch):
    def breaking(program):
        program.append(ADD, (0, 99))
        return program

    monkeypatch.setattr(build, "AFTER_GRADIENT", (breaking,))
    with pytest.raises(AssertionError, match="after the pass breaking"):
        build.build(small_program(), [[2]], native.target("float64", "libm"))


# --- Every pass may be left out --------------------------------------------------------------------------------------


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


def by_values(model, loss):
    """Mean loss and its gradient, by Values."""
    model.zero_grad()
    total = autograd.mean([loss(x, y) for x, y in zip(X.tolist(), Y.tolist())])
    total.backward()
    return total.data, [p.grad for p in model.parameters()]


@pytest.mark.parametrize("without", [*[(name,) for name in NAMES], tuple(NAMES)], ids=[*NAMES, "all"])
def test_results_without_a_pass_are_the_same(without):
    model, loss = everything()
    value, gradient = by_values(model, loss)
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
    assert ("rolled into" in str(rolled)) == ("roll" not in without)
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


def program_of(f, parameters=0, columns=0):
    """The program of a function of a list of parameters and the list of a batch's columns; its results are outputs."""
    ps, xs = [Value(1.0) for _ in range(parameters)], [Value(1.0) for _ in range(columns)]
    recorded = record(f, [ps, xs])
    inputs = {x: (1, k) for k, x in enumerate(xs)}
    program, nodes, captured = to_program(recorded, inputs, ps, frozenset(), [0, columns])
    assert not captured
    program.outputs = {1: nodes}
    verify(program, "trace")
    return program


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


# --- Layers ----------------------------------------------------------------------------------------------------------

LAYOUTS = {
    "rows, each with its bias": lambda W, b: [p for row, bias in zip(W, b) for p in (*row, bias)],
    "rows, each after its bias": lambda W, b: [p for row, bias in zip(W, b) for p in (bias, *row)],
    "rows, then biases": lambda W, b: [*(w for row in W for w in row), *b],
    "biases, then rows": lambda W, b: [*b, *(w for row in W for w in row)],
    "columns, then biases": lambda W, b: [*(w for column in zip(*W) for w in column), *b],
    "biases, then columns": lambda W, b: [*b, *(w for column in zip(*W) for w in column)],
}
"""How the weights W[neuron][input] and the biases of a layer lie among the parameters."""


@pytest.mark.parametrize("count", [63, 64, 65, 128, 129, 300])
@pytest.mark.parametrize("of_examples", [False, True])
def test_long_sums_are_cut_and_added_in_the_same_order(count, of_examples):
    draw = random.Random(count)
    parameters = [Value(draw.gauss(0, 1) * 10 ** draw.randint(-9, 9)) for _ in range(count)]

    def f(x):
        numbers = [p * x for p in parameters]
        return autograd.sum(numbers), autograd.dot(numbers, numbers[::-1])

    step = autograd.compile(f, parameters)
    whole = autograd.compile(f, parameters, without=["cut_long_sums"])
    given = [[0.5, -2.0, 3.0]] if of_examples else [0.5]
    found = np.array(step.evaluate(*given))
    assert found.tobytes() == np.array(whole.evaluate(*given)).tobytes()
    assert found[0].ravel()[0] == f(given[0] if not of_examples else given[0][0])[0].data
    instructions = step.executables.last.built.program.instructions
    widest = max(len(i.operands) for i in instructions if not i.name.startswith("layer"))
    assert widest <= 2 * machine.LONGEST + 1


def test_what_is_given_to_llvm_at_a_time_does_not_grow_with_the_number_of_operands():
    parameters = [Value(math.sin(k)) for k in range(2000)]

    def loss():
        return autograd.logsumexp([*parameters[:500], autograd.dot(parameters[::2], parameters[::-2])])

    modules = modules_of(autograd.compile(loss, parameters))
    assert len(modules) > 2
    assert max(map(len, modules)) < 3 * library.MODULE
    functions = [function for module in modules for function in module.split("\n}")]
    assert max(function.count("\n") for function in functions) < 20 * schedule.CHUNK


def added_to(start, ws, xs):
    for w, x in zip(ws, xs):
        start = start + w * x
    return start


FORMS = {
    "dot with the bias": lambda w, b, x: autograd.dot([b, *w], [1.0, *x]),
    "products added to the bias": lambda w, b, x: added_to(b, w, x),
    "products added to 0, then the bias": lambda w, b, x: added_to(0.0, w, x) + b,
    "dot, then the bias": lambda w, b, x: autograd.dot(w, x) + b,
    "bias, then a dot of inputs with weights": lambda w, b, x: b + autograd.dot(x, w),
}
"""How a neuron may be written."""


class OneLayer:
    """A layer of Values, a loss that it goes into, and what NumPy makes of them."""

    def __init__(self, rows, depth, layout="rows, each with its bias", form="dot with the bias"):
        numbers = np.random.default_rng(100 * rows + depth)
        self.W, self.b, self.c = (numbers.normal(size=size) for size in ((rows, depth), rows, rows))
        self.W /= math.sqrt(depth)
        self.weights = [[Value(w) for w in row] for row in self.W.tolist()]
        self.biases = [Value(b) for b in self.b.tolist()]
        self.layout, self.form = LAYOUTS[layout], FORMS[form]
        self.parameters = self.layout(self.weights, self.biases)

    def loss(self, x):
        z = [self.form(w, b, x) for w, b in zip(self.weights, self.biases)]
        return autograd.dot(self.c.tolist(), [each.tanh() for each in z])

    def check(self, step, X, places=slice(None), tolerance=1e-11):
        """Hold losses and gradients against those by NumPy; `places` are the parameters that are trained."""
        a = np.tanh(X @ self.W.T + self.b)
        deltas = self.c * (1 - a * a)
        gradient = np.array(self.layout((deltas.T @ X / len(X)).tolist(), deltas.mean(axis=0).tolist()))
        close = {"rtol": tolerance, "atol": tolerance}
        value, found = step.flat([p.data for p in step.parameters], X)
        np.testing.assert_allclose(value, (a @ self.c).mean(), **close)
        np.testing.assert_allclose(found, gradient[places], **close)
        np.testing.assert_allclose(step.evaluate(X), a @ self.c, **close)
        np.testing.assert_allclose(step.grad(X), deltas @ self.W, **close)


def examples(n, width):
    return np.random.default_rng(n).normal(size=(n, width))


LANES = native.target("float64", "vector").lanes


@pytest.mark.parametrize(("layout", "form"), sampled(itertools.product(LAYOUTS, FORMS), every=3))
def test_layers_are_found(layout, form):
    layer = OneLayer(9, 5, layout, form)
    step = autograd.compile(layer.loss, layer.parameters)
    layer.check(step, examples(2 * LANES + 3, 5))
    step(examples(3, 5))
    found = compiled_operations(step)
    assert (found.count("layer"), found.count("layer_weights"), found.count("dot")) == (1, 1, 1)  # the dot is the loss


SIZES = [
    *[(1, 8), (2, 4), (4, 2), (8, 7), (3, 31), (5, 65), (6, 8), (7, 9), (12, 2), (13, 16), (16, 16), (17, 33)],
    *[(33, 3), (2, 300), (25, 40), (64, 2)],
]


@pytest.mark.parametrize(
    ("rows", "depth", "layout"),
    sampled([(*size, layout) for size in SIZES for layout in ("rows, each with its bias", "columns, then biases")], 5),
)
def test_layers_of_every_size(rows, depth, layout):
    layer = OneLayer(rows, depth, layout)
    step = autograd.compile(layer.loss, layer.parameters)
    for n in (1, LANES - 1, LANES, LANES + 1, 131):
        layer.check(step, examples(n, depth))
    step(examples(1, depth))
    assert "layer" in compiled_operations(step)


@pytest.mark.parametrize("layout", ["rows, each with its bias", "columns, then biases"])
def test_layers_in_single_precision(layout):
    layer = OneLayer(18, 21, layout)
    step = autograd.compile(layer.loss, layer.parameters, dtype="float32")
    for n in (1, 2 * LANES - 1, 2 * LANES + 1, 131):
        layer.check(step, examples(n, 21), tolerance=2e-5)


@pytest.mark.parametrize("what", ["weights", "biases"])
@pytest.mark.parametrize("layout", ["rows, then biases", "biases, then rows", "columns, then biases"])
def test_a_part_of_a_layer_that_is_not_trained(layout, what):
    """What is no parameter is read at every call, gets no gradient, and is no obstacle to finding the layer."""
    layer = OneLayer(9, 5, layout)
    frozen = {p for row in layer.weights for p in row} if what == "weights" else set(layer.biases)
    places = [k for k, p in enumerate(layer.parameters) if p not in frozen]
    step = autograd.compile(layer.loss, [layer.parameters[k] for k in places])
    for shift in (0.0, 0.5):
        layer.W += shift * (what == "weights")
        layer.b += shift * (what == "biases")
        for p in frozen:
            p.data += shift
        layer.check(step, examples(2 * LANES + 3, 5), places)
        step(examples(3, 5))
        assert "layer" in compiled_operations(step)
    assert all(p.grad == 0.0 for p in frozen)


def test_an_example_is_computed_alike_wherever_it_is():
    """The result of an example depends neither on its place in the batch nor on the others: to the last bit."""
    layer = OneLayer(13, 17)
    step = autograd.compile(layer.loss, layer.parameters)
    X = examples(300, 17)
    whole, gradients = step.value_and_grad(X)
    for start, stop in [(0, 1), (5, 5 + LANES), (7, 8 + LANES), (100, 229), (172, 300), (299, 300)]:
        value, gradient = step.value_and_grad(X[start:stop])
        assert value.tolist() == whole[start:stop].tolist()
        assert gradient.tolist() == gradients[start:stop].tolist()


def twice_through_the_same_layer(p, x):
    hidden = [autograd.tanh(autograd.dot([p[3 + 4 * k], *p[4 * k : 4 * k + 3]], [1.0, *x])) for k in range(3)]
    return autograd.sum(
        [autograd.tanh(autograd.dot([p[3 + 4 * k], *p[4 * k : 4 * k + 3]], [1.0, *hidden])) for k in range(3)]
    )


def windows(p, x):
    return autograd.sum([autograd.dot(p[k : k + 3], x).tanh() for k in range(5)])


def every_second_row(p, x):
    return autograd.sum([autograd.dot(p[6 * k : 6 * k + 3], x).tanh() for k in range(4)])


def rows_backwards(p, x):
    return autograd.sum([autograd.dot(p[3 * k : 3 * k + 3], x).tanh() for k in reversed(range(5))])


def columns_backwards(p, x):
    return autograd.sum([autograd.dot(p[3 * k : 3 * k + 3][::-1], x).tanh() for k in range(5)])


def the_same_row_twice(p, x):
    return autograd.sum([autograd.dot(p[:3], x).tanh() * k for k in (1, 2, 3)])


def a_weight_twice_in_a_row(p, x):
    return autograd.sum([autograd.dot([p[k], p[k], p[k + 1]], x).tanh() for k in range(5)])


def inputs_in_another_order(p, x):
    return autograd.sum([autograd.dot(p[3 * k : 3 * k + 3], x[k % 3 :] + x[: k % 3]).tanh() for k in range(5)])


def the_same_input_twice(p, x):
    return autograd.sum([autograd.dot(p[3 * k : 3 * k + 3], [x[0], x[0], x[1]]).tanh() for k in range(5)])


def biases_backwards(p, x):
    return autograd.sum([autograd.dot([p[24 - k], *p[3 * k : 3 * k + 3]], [1.0, *x]).tanh() for k in range(5)])


def one_bias_for_all(p, x):
    return autograd.sum([autograd.dot([p[20], *p[3 * k : 3 * k + 3]], [1.0, *x]).tanh() for k in range(5)])


def a_weight_as_bias(p, x):
    return autograd.sum([autograd.dot([p[0], *p[3 * k : 3 * k + 3]], [1.0, *x]).tanh() for k in range(5)])


def constants_among_the_inputs(p, x):
    return autograd.sum([autograd.dot(p[4 * k : 4 * k + 4], [x[0], 2.0, x[1], 1.0]).tanh() for k in range(5)])


def weights_that_are_used_elsewhere(p, x):
    return autograd.sum([autograd.dot(p[3 * k : 3 * k + 3], x).tanh() * p[3 * k] for k in range(5)]) + p[1] * x[2]


def some_neurons_without_effect(p, x):
    z = [autograd.dot(p[3 * k : 3 * k + 3], x) for k in range(5)]
    return z[1].tanh() * 0.0 + z[3].exp() + 0.0 * autograd.floor(z[4])


def neurons_in_a_choice(p, x):
    return autograd.where(
        x[0] > 0, autograd.sum([autograd.dot(p[3 * k : 3 * k + 3], x).tanh() for k in range(5)]), x[1]
    )


def a_layer_of_a_layers_inputs_and_outputs(p, x):
    z = [autograd.dot(p[3 * k : 3 * k + 3], x).tanh() for k in range(3)]
    y = [autograd.dot(p[9 + 6 * k : 15 + 6 * k], [z[0], x[0], z[1], x[1], z[2], x[2]]).tanh() for k in range(2)]
    return y[0] * y[1] + z[1]


@pytest.mark.parametrize(
    "f",
    [
        *(twice_through_the_same_layer, windows, every_second_row, rows_backwards, columns_backwards),
        *(the_same_row_twice, a_weight_twice_in_a_row, inputs_in_another_order, the_same_input_twice),
        *(biases_backwards, one_bias_for_all, a_weight_as_bias, constants_among_the_inputs),
        *(weights_that_are_used_elsewhere, some_neurons_without_effect, neurons_in_a_choice),
        a_layer_of_a_layers_inputs_and_outputs,
    ],
)
def test_what_is_like_a_layer(f):
    draw = random.Random(0)
    parameters = [Value(draw.gauss(0, 1)) for _ in range(25)]
    X = examples(2 * LANES + 3, 3)
    leaves = [[Value(x) for x in row] for row in X.tolist()]
    losses = [f(parameters, row) for row in leaves]
    autograd.mean(losses).backward()
    step = autograd.compile(lambda x: f(parameters, list(x)), parameters)
    value, gradient = step.flat([p.data for p in parameters], X)
    close = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(value, np.mean([loss.data for loss in losses]), **close)
    np.testing.assert_allclose(gradient, [p.grad for p in parameters], **close)
    np.testing.assert_allclose(step.grad(X) / len(X), [[x.grad for x in row] for row in leaves], **close)


def test_comparisons_go_into_a_layer():
    W = [[Value(float(1 + i + 4 * j)) for i in range(4)] for j in range(2)]

    def of_class(x):
        one_hot = [autograd.equal(x, float(k)) for k in range(4)]
        return autograd.sum([autograd.dot(row, one_hot) for row in W])

    parameters = [w for row in W for w in row]
    value, gradient = autograd.compile(of_class, parameters).flat([p.data for p in parameters], np.array([2.0]))
    assert (value, gradient.tolist()) == (10.0, [0, 0, 1, 0, 0, 0, 1, 0])
    steps = MLP(2, [8, 8, 1], activation=lambda z: autograd.where(z > 0, 1.0, 0.0), rng=0)
    step = autograd.compile(lambda x: steps(x), steps.parameters())
    assert step.evaluate(X) == pytest.approx([steps(x).data for x in X.tolist()], rel=1e-12)


def test_a_layer_behind_a_choice_sends_nothing_where_it_was_not_chosen():
    """An infinite weight there, times a gradient of 0, would be nan."""
    parameters = [Value(math.inf) for _ in range(12)]
    step = autograd.compile(
        lambda x: autograd.where(
            x[0] > 0, autograd.sum([autograd.dot(parameters[k : k + 3], x) for k in (0, 3, 6, 9)]), 1
        ),
        parameters,
    )
    X = [[-1.0, 2.0, 3.0], [-2.0, 0.0, 1.0]]
    value, gradient = step.flat([math.inf] * 12, X)
    assert (value, gradient.tolist()) == (1.0, [0.0] * 12)
    assert step.grad(X).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("length", [15, 16, 40])
@pytest.mark.parametrize("step_of", [1, 2])
def test_a_penalty_on_the_weights(length, step_of):
    """A dot of parameters with themselves, or with others, long enough to be done in a loop."""
    draw = random.Random(0)
    p = [Value(draw.gauss(0, 1)) for _ in range(length * step_of)]
    some = p[::step_of]

    def f(x):
        return autograd.dot(some, some) * x + autograd.dot(some, some[::-1]) + autograd.dot(p[:length], some)

    losses = [f(Value(x)) for x in (1.0, 2.0, 4.0)]
    autograd.mean(losses).backward()
    step = autograd.compile(f, p)
    assert step.evaluate([1.0, 2.0, 4.0]).tolist() == pytest.approx([loss.data for loss in losses], rel=1e-12)
    wanted = [each.grad for each in p]
    step([1.0, 2.0, 4.0])
    assert [each.grad for each in p] == pytest.approx(wanted, rel=1e-12)
    assert ("range_dot" in compiled_operations(step)) == (length >= layers.SMALLEST_RANGE)


# --- LLVM is never handed what it has not verified -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "no module",
        "define void @f() {",
        "define void @f() {\n  ret i32 0\n}",
        "define void @f() {\n  %x = fadd double %y, 1.0\n  ret void\n}",
        "define i32 @f() {\na:\n  br label %b\nb:\n  %x = add i32 1, 1\n  %y = phi i32 [ 0, %a ]\n  ret i32 %y\n}",
        "define i32 @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i32 1, 1\n  br label %b\nb:\n"
        "  ret i32 %x\n}",
    ],
    ids=["text", "open", "type", "undefined", "phi", "dominance"],
)
def test_code_that_is_not_in_order_is_an_error(text):
    with pytest.raises(RuntimeError):
        native.Module(text)


def modules_of(step):
    """The text that LLVM is given for the call of a function of no arguments."""
    given = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "Module", lambda *texts, make=native.Module: given.append(texts) or make(*texts))
        step()
    return given[-1]


def test_ctrl_c_between_two_modules_leaves_nothing_half_done(monkeypatch):
    parameters = [Value(math.sin(k)) for k in range(2000)]

    def loss():
        return autograd.mean([p.tanh() * q for p, q in itertools.pairwise(parameters)]) + parameters[0].exp()

    step = autograd.compile(loss, parameters, without=["roll"])
    binding = native.llvm()
    parsed = []

    def parse(text, parse=binding.parse_assembly):
        parsed.append(text)
        if len(parsed) == 3:
            raise KeyboardInterrupt
        return parse(text)

    monkeypatch.setattr(binding, "parse_assembly", parse)
    with pytest.raises(KeyboardInterrupt):
        step()
    assert [p.grad for p in parameters] == [0.0] * len(parameters)
    value = step()
    found = [p.grad for p in parameters]
    eager = loss()
    eager.backward()
    assert value == pytest.approx(eager.data, rel=1e-13)
    assert found == pytest.approx([p.grad - g for p, g in zip(parameters, found)], rel=1e-12)


def recorded_programs():
    """Programs with what they are built with: as recorded and as handed to LLVM, with layers, ranges and choices."""
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    parameters = model.parameters()

    def loss(p, x):
        z = [autograd.dot(p[3 * k : 3 * k + 3], [*x, 1.0]).tanh() for k in range(4)]
        return autograd.where(z[0] > x[1], autograd.logsumexp(z), z[2] ** 2) + autograd.dot(p, p)

    program = program_of(lambda p, x: [loss(p, x)], len(parameters), 2)
    total = program.append("batch_sum", (program.outputs.pop(1)[0],), (program.new_sum(), 1))
    program.results = [program.append(PRIMITIVES["div"], (total, program.append("count", (), 1)))]
    wanted = goals.Wanted(0, range(len(parameters)))
    ready = build.build(program, [[2]], native.target("float64", "vector"), wanted).program
    return [(program, wanted), (ready, None), (small_program(), goals.Wanted(1, range(2))), (small_program(), None)]


def broken(program, draw):
    """The program with an instruction or two changed at random."""
    new = program.rewritten(lambda *_: None)
    names = ["constant", "parameter", "input", "count", "batch_sum", "contribute", "layer", "layer_inputs"]
    names += ["layer_weights", "element", "copy", "range_dot", "range_contribute", "nonsense", None]
    attributes = [-1, 0, 1, 2, 17, 10**30, 0.0, 1.5, math.nan, None, "x", (0, 1), (1, 0), (1, 10**9), (-1, -1), ()]
    for _ in range(draw.randint(1, 2)):
        place = draw.randrange(len(new.instructions))
        operation, operands, attribute = new.instructions[place]
        match draw.randrange(6):
            case 0:
                operation = draw.choice([*PRIMITIVES.values(), *names])
            case 1:
                operands = tuple([draw.choice([k, -1, place, place + 1, draw.randrange(place + 1)]) for k in operands])
            case 2:
                operands = draw.choice([operands[1:], (*operands, 0)])
            case 3:
                new.results = [draw.choice([-1, 10**6, place])]
            case 4 if isinstance(attribute, (Weights, Range)):
                field = draw.choice(attribute._fields)
                attribute = attribute._replace(**{field: draw.choice([-5, -1, 0, 1, 2, 3, 100, None])})
            case _:
                attribute = draw.choice(attributes)
        new.instructions[place] = Instruction(operation, operands, attribute)
    return new


def build_broken_programs(count):
    """How many were built, and how many were refused; what the next test does in a process of its own."""
    draw = random.Random(0)
    programs = recorded_programs()
    built = 0
    for _ in range(count):
        program, wanted = draw.choice(programs)
        with contextlib.suppress(Exception):
            build.build(broken(program, draw), [[2]], native.target("float64", "vector"), wanted)
            built += 1
    print(built, count - built)


@pytest.mark.parametrize("count", sampled([60, 300], every=2))
def test_broken_programs_never_end_the_process(count):
    code = f"import test_passes; test_passes.build_broken_programs({count})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == 0, done.stderr
    built, refused = map(int, done.stdout.split())
    assert built > count / 15
    assert refused > count / 3
