"""Random programs, ten thousand of them, compiled and run on Values.

A program applies rows of the table, all of them, to inputs, parameters, plain numbers (nan, inf and -0.0 among them)
and to what it has computed before; some results are detached, some are computed in `no_grad`. Fifty programs make one
function. With the functions that Python itself uses, and without `sums_of_products`, values and gradients are those of
Values to the bit (of parameters but for the order of a sum), at ordinary points as at those of zeros, infinities, nan,
huge and tiny numbers. Rows that have another rounding in native code (`dot`, `hypot`, small powers) come last in such a
program, where nothing magnifies it. With all passes and vector mathematics the results are off by no more than
`error_bounds` says.
"""

import itertools
import math
import random
from typing import NamedTuple

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, Value
from autograd.graph import topological_order

pytest.importorskip("llvmlite")

from accuracy import SPECIAL, error_bound, error_bounds, overflows_on_the_way, vector_ulps

from autograd.compiler import passes
from autograd.compiler.recording import record, to_program

pytestmark = [pytest.mark.sampled(every=2), pytest.mark.usefixtures("plain_sums")]

FUNCTIONS = 200
PROGRAMS = 50  # in each of them
GRADIENTS = 20  # functions whose gradients are looked at

INPUTS = 4
ROWS = dict(PRIMITIVES)
CONSTANTS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0, 1e-3, 10.0, math.inf, -math.inf, math.nan, 1e-310, 1e300)
SMALL_POWERS = (2.0, 3.0, -1.0)
ROUNDED_OTHERWISE = ("dot", "hypot", "pow")
EXACT = {"math": "libm", "without": ("sums_of_products",)}


class Step(NamedTuple):
    """An operation of a program: its operands are indices of nodes, or floats."""

    row: str
    operands: tuple
    mode: str


def random_program(draw, inputs, rounded_otherwise="last", modes=("no_grad", "detach", *["plain"] * 15)):
    """Some steps, each of which goes on from the one before it; the first nodes are the inputs.

    Args:
        draw: a random.Random.
        inputs: how many.
        rounded_otherwise: where dot, hypot and small powers may be: "last", "nowhere" or "anywhere".
        modes: how an operation is done, one of these.
    """
    steps = []
    length = draw.randint(2, 12)
    for nodes in range(inputs, inputs + length):
        free = rounded_otherwise == "anywhere" or (rounded_otherwise == "last" and len(steps) == length - 1)
        row = draw.choice([row for row in ROWS if free or row not in ("dot", "hypot")])
        count = ROWS[row].arity or (draw.choice([2, 4, 6]) if row == "dot" else draw.randint(1, 5))
        operands = [draw.choice(CONSTANTS) if draw.random() < 0.2 else draw.randrange(nodes) for _ in range(count)]
        operands[draw.randrange(count)] = nodes - 1
        if row == "pow" and not free and operands[1] in SMALL_POWERS and isinstance(operands[1], float):
            operands[1] = 1.5
        steps.append(Step(row, tuple(operands), draw.choice(modes)))
    return steps


def nodes_of(program, inputs):
    """The inputs, of any kind of number, and the results of all steps."""
    nodes = list(inputs)
    for row, operands, mode in program:
        arguments = [operand if isinstance(operand, float) else nodes[operand] for operand in operands]
        if mode == "plain" or isinstance(nodes[0], float):
            nodes.append(ROWS[row](*arguments))
        elif mode == "detach":
            nodes.append(ROWS[row](*arguments).detach())
        else:
            with autograd.no_grad():
                nodes.append(ROWS[row](*arguments))
    return nodes


def run(program, inputs):
    """The result of a program."""
    return nodes_of(program, inputs)[-1]


def random_point(draw, count):
    scale = draw.choice([1.0, 1.0, 30.0])
    special = draw.choice([0.0, 0.0, 0.5, 0.9])
    return [draw.choice(SPECIAL) if draw.random() < special else draw.gauss(0.0, scale) for _ in range(count)]


def identical(got, wanted):
    """Whether arrays are the same to the bit, all nan being one."""
    return ((got == wanted) & (np.signbit(got) == np.signbit(wanted))) | (np.isnan(got) & np.isnan(wanted))


def test_programs_are_of_all_kinds():
    draw = random.Random(0)
    steps = [step for _ in range(PROGRAMS * 20) for step in random_program(draw, INPUTS)]
    assert {step.row for step in steps} == set(PRIMITIVES)
    assert {step.mode for step in steps} == {"plain", "detach", "no_grad"}


@pytest.mark.sampled(every=40)
@pytest.mark.parametrize("seed", range(FUNCTIONS))
def test_values(seed):
    draw = random.Random(seed)
    programs = [random_program(draw, INPUTS) for _ in range(PROGRAMS)]
    points = [random_point(draw, INPUTS) for _ in range(30)]
    step = autograd.compile(lambda row: [run(p, row) for p in programs], vmap=True, **EXACT)
    got, wanted = step.evaluate(points), np.array([[run(p, point) for p in programs] for point in points])
    for k, j in np.argwhere(~identical(got, wanted)):
        allowed = rounding_of_last(programs[j], points[k])
        assert allowed is None or abs(got[k, j] - wanted[k, j]) <= allowed, (
            programs[j],
            points[k],
            got[k, j],
            wanted[k, j],
        )


def rounding_of_last(program, point):
    """By how much the last operation may be off, that of numbers that are exact; None if a dot overflows on the way."""
    row, operands, _ = program[-1]
    if row not in ROUNDED_OTHERWISE:
        return 0.0
    nodes = nodes_of(program[:-1], point)
    arguments = [operand if isinstance(operand, float) else nodes[operand] for operand in operands]
    if row == "dot" and overflows_on_the_way(arguments):
        return None
    return error_bound(ROWS[row](*map(Value, arguments)), lambda row: 2.0)


@pytest.mark.sampled(every=20)
@pytest.mark.parametrize("seed", range(GRADIENTS))
def test_gradients(seed):
    """Each program has inputs of its own, and shares its parameters with the programs beside it.

    What a parameter gets from the examples is added up by itself, so its last place may differ.
    """
    draw = random.Random(seed)
    programs = [random_program(draw, INPUTS + 2, "nowhere") for _ in range(PROGRAMS)]
    points = [random_point(draw, INPUTS * PROGRAMS) for _ in range(20)]
    parameters = [Value(x) for x in random_point(draw, PROGRAMS + 1)]

    def loss(row):
        terms = [
            run(program, [*row[INPUTS * k : INPUTS * (k + 1)], *parameters[k : k + 2]])
            for k, program in enumerate(programs)
        ]
        return autograd.sum(terms)

    step = autograd.compile(loss, parameters, **EXACT)
    of_inputs = step.grad(points)
    for k, point in enumerate(points):
        leaves = [Value(x) for x in point]
        for parameter in parameters:
            parameter.grad = 0.0
        total = loss(leaves)
        total.backward()
        value, of_parameters = step.flat([p.data for p in parameters], [point])
        assert identical(np.array(value), np.array(total.data))
        wanted = np.array([leaf.grad for leaf in leaves])
        assert identical(of_inputs[k] + 0.0, wanted + 0.0).all()
        wanted = np.array([parameter.grad for parameter in parameters])
        close = np.isclose(of_parameters, wanted, rtol=1e-14, atol=0.0)
        assert (close | identical(of_parameters + 0.0, wanted + 0.0)).all()


# --- What all examples share -----------------------------------------------------------------------------------------


SINGULAR = (
    *("asin", "acos", "atanh", "sqrt", "log", "div", "pow", "abs", "relu", "hypot", "maximum", "max", "where"),
    *("add", "sub", "mul", "mul", "neg", "tanh", "exp", "dot", "sum"),
)
"""Rows whose derivatives are not finite somewhere, and rows that lead there."""


def singular_program(draw, inputs):
    steps = []
    for nodes in range(inputs, inputs + draw.randint(1, 6)):
        row = draw.choice(SINGULAR)
        count = ROWS[row].arity or draw.choice([2, 4])
        steps.append(Step(row, tuple([draw.randrange(nodes) for _ in range(count)]), "plain"))
    return steps


class Sharing:
    """Random programs of parameters alone, whose results random programs of an example go on with.

    Each has two parameters of its own, often where a derivative is not finite, and a part that may be done once for all
    examples.
    """

    def __init__(self, seed, programs):
        draw = random.Random(seed)
        self.programs = [[singular_program(draw, inputs) for inputs in (2, 3, 5)] for _ in range(programs)]
        self.parameters = [Value(draw.choice([0.0, 1.0, -1.0, 0.5, 2.0, math.inf])) for _ in range(2 * programs)]
        self.rows = [[draw.choice([0.0, 1.0, -1.0, 0.5, 2.0]) for _ in range(2)] for _ in range(16)]

    def once(self):
        return [run(program[0], self.parameters[2 * k : 2 * k + 2]) for k, program in enumerate(self.programs)]

    def loss(self, row, once=None):
        terms = []
        for k, ((_, of_parameters, of_both), number) in enumerate(zip(self.programs, once or self.once())):
            shared = nodes_of(of_parameters, [*self.parameters[2 * k : 2 * k + 2], number])[-3:]
            *_, one, other = nodes_of(of_both, [*shared, *row])
            terms += [one, other * row[0]]
        return autograd.sum(terms)

    def loss_of_numbers(self, row, once=None):
        return self.loss([Value(number) for number in row], once)

    def whole(self):
        """The mean over a data set, for which the first part is done once."""
        once = self.once()
        return autograd.mean([self.loss_of_numbers(row, once) for row in self.rows])

    def gradients_on_values(self, loss):
        for parameter in self.parameters:
            parameter.grad = 0.0
        loss().backward()
        return np.array([parameter.grad for parameter in self.parameters])


def disagreements(sharing):
    """The gradients that are not those of Values: in a batch, and rolled."""
    numbers = np.array([p.data for p in sharing.parameters])
    step = autograd.compile(sharing.loss, sharing.parameters, **EXACT)
    whole = autograd.compile(sharing.whole, sharing.parameters, **EXACT)
    by_example = sharing.gradients_on_values(
        lambda: autograd.mean([sharing.loss_of_numbers(row) for row in sharing.rows])
    )
    at_once = sharing.gradients_on_values(sharing.whole)
    with np.errstate(invalid="ignore"):
        of_each = [sharing.gradients_on_values(lambda row=row: sharing.loss_of_numbers(row)) for row in sharing.rows]
        scale = np.nan_to_num(np.abs(of_each), posinf=0.0).sum(axis=0)
    X = np.array(sharing.rows)
    pairs = [(step.flat(numbers, X)[1], by_example), (step.flat(numbers, X)[1], by_example)]
    pairs += [(whole.flat(numbers)[1], at_once), (whole.flat(numbers)[1], at_once)]
    assert whole.executables.last.rerolled is not None
    return [
        (k, got, wanted)
        for pair in pairs
        for k, (got, wanted) in enumerate(zip(*pair))
        if not np.isclose(got, wanted, rtol=1e-6, atol=1e-9 * (1 + scale[k]), equal_nan=True)
    ]


@pytest.mark.parametrize("seed", range(30))
def test_what_all_examples_share_at_points_where_derivatives_are_not_finite(seed):
    assert disagreements(Sharing(seed, programs=(1, 7)[seed % 2])) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30, 200))
def test_more_of_what_all_examples_share(seed):
    assert disagreements(Sharing(seed, programs=(1, 7)[seed % 2])) == []


# --- With all passes, and vector mathematics -------------------------------------------------------------------------


def distance_to_a_jump(node):
    """How far the operands of a node are from where its value, or its derivative, jumps."""
    numbers, name = [p.data for p in node.parents], node.primitive.name
    if name in ("floor", "ceil"):
        return abs(numbers[0] - round(numbers[0]))
    if name in ("where", "abs", "sign", "relu", "leaky_relu", "elu"):
        return abs(numbers[0])
    if name in ("mod", "atan2"):
        return min(abs(number - node.data) for number in (0.0, *numbers))
    if name == "floor_divide":
        remainder = autograd.mod(*numbers)
        return min(abs(remainder), abs(numbers[1] - remainder)) / max(1.0, abs(node.data))  # q errors of the divisor
    if name in COMPARING:
        return min([abs(x - y) for x, y in itertools.combinations(numbers, 2)], default=math.inf)
    return math.inf


COMPARING = (
    *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
    *("maximum", "minimum", "max", "min", "clip"),
)


def bounds(roots):
    """By how much each may be off; None if that cannot be told.

    It cannot where a number is not finite, where errors may take a choice the other way, and where they are so large
    that more than the first order matters.
    """
    nodes = topological_order(*roots)
    if not all(math.isfinite(node.data) for node in nodes):
        return None
    errors = error_bounds(roots, vector_ulps)
    for node in nodes:
        passed_on = max([errors[p] for p in node.parents], default=0.0)
        if passed_on and distance_to_a_jump(node) <= 10 * passed_on:
            return None
        if any(errors[p] > 1e-6 * abs(p.data) for p in node.parents):
            return None
    found = [4 * errors[root] for root in roots]
    return found if all(map(math.isfinite, found)) else None


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("seed", range(5))
def test_with_all_passes_and_vector_mathematics(seed):
    draw = random.Random(seed)
    programs = [random_program(draw, INPUTS, "anywhere", ["plain"]) for _ in range(PROGRAMS)]
    points = [[draw.gauss(0.0, 1.0) for _ in range(INPUTS * PROGRAMS)] for _ in range(20)]

    def each(row):
        return [run(program, row[INPUTS * k : INPUTS * (k + 1)]) for k, program in enumerate(programs)]

    values = autograd.compile(each).evaluate(points)
    gradients = autograd.compile(lambda row: autograd.sum(each(row)), vmap=True).value_and_grad(np.array(points))[1]
    compared = 0
    for j, program in enumerate(programs):
        derivatives = autograd.grad(lambda *xs, program=program: run(program, xs), argnums=tuple(range(INPUTS)))
        own = slice(INPUTS * j, INPUTS * (j + 1))
        for k, point in enumerate(points):
            leaves = [Value(x) for x in point[own]]
            roots = [run(program, leaves), *(g if isinstance(g, Value) else Value(g) for g in derivatives(*leaves))]
            allowed = bounds(roots)
            if allowed is None:
                continue
            compared += 1
            for got, wanted, bound in zip([values[k, j], *gradients[k, own]], roots, allowed):
                assert abs(got - wanted.data) <= bound, (program, point[own], got, wanted)
    assert compared > PROGRAMS * len(points) / 8


# --- Networks --------------------------------------------------------------------------------------------------------

SEEDS = range(200)
OPTIONAL = tuple(sorted({stage.__name__ for stage in (*passes.BEFORE_GRADIENT, *passes.AFTER_GRADIENT)}))
COMPARISONS = [PRIMITIVES[name] for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")]


class RandomNetwork:
    """Layers, activations, sums, products, choices, comparisons of vectors, one after the other at random.

    The parameters are one list. A layer takes its weights from anywhere in it, in rows or columns, so that layers share
    weights, overlap, or reach into each other's biases; and it takes any vector, so that every kind of instruction is
    somewhere an input of a layer: columns, elements of other layers, comparisons, choices, plain numbers, numbers that
    are the same for all examples. Inputs are multiples of 1/2, and layers with jumps behind them take nothing else, so
    that a rounding takes no comparison the other way.
    """

    KINDS = (
        *("dense", "dense", "dense", "dense", "dense", "compare", "compare", "compare", "step", "step"),
        *("activate", "combine", "choose", "select", "fill", "detach"),
    )

    def __init__(self, seed, inputs=3, parameters=150):
        self.draw = random.Random(seed)
        self.parameters = [Value(self.draw.gauss(0.0, 0.5)) for _ in range(parameters)]
        self.captured = [Value(self.draw.gauss(0.0, 0.5)) for _ in range(3)]
        self.widths = [inputs]
        self.steps = []
        for _ in range(self.draw.randint(3, 12)):
            step, width = getattr(self, self.draw.choice(self.KINDS))()
            self.steps.append(step)
            self.widths.append(width)
        self.ends = sorted({len(self.steps), self.draw.randrange(len(self.steps) + 1)})

    def any_vector(self):
        return len(self.widths) - 1 - min(int(self.draw.expovariate(0.8)), len(self.widths) - 1)

    def dense(self):
        source = self.any_vector()
        rows, depth = self.draw.randint(1, 9), self.widths[source]
        bias = self.draw.choice(["none", "first", "last"])
        size = rows * (depth + (bias != "none"))
        place = self.draw.randrange(len(self.parameters) - size)
        p = self.parameters[place : place + size]
        biases, weights = (p[:rows], p[-rows * depth :]) if self.draw.random() < 0.5 else (p[-rows:], p[: rows * depth])
        if self.draw.random() < 0.5:
            matrix = [weights[r * depth : (r + 1) * depth] for r in range(rows)]
        else:
            matrix = [weights[r : rows * depth : rows] for r in range(rows)]

        def apply(vectors):
            x = vectors[source]
            if bias == "first":
                return [autograd.dot([b, *w], [1.0, *x]) for b, w in zip(biases, matrix)]
            z = [autograd.dot(w, x) for w in matrix]
            return [each + b for each, b in zip(z, biases)] if bias == "last" else z

        return apply, rows

    def activate(self):
        source = self.any_vector()
        row = self.draw.choice([autograd.tanh, autograd.sigmoid, autograd.relu, autograd.sin, autograd.softplus])
        return lambda vectors: [row(x) for x in vectors[source]], self.widths[source]

    def combine(self):
        sources = self.any_vector(), self.any_vector()
        operation = self.draw.choice([autograd.add, autograd.mul, autograd.sub, autograd.maximum])
        width = min(self.widths[k] for k in sources)
        return lambda vectors: [operation(x, y) for x, y in zip(*[vectors[k] for k in sources])], width

    def choose(self):
        sources = self.any_vector(), self.any_vector(), self.any_vector()
        width = min(self.widths[k] for k in sources[1:])

        def apply(vectors):
            condition, *choices = (vectors[k] for k in sources)
            return [autograd.where(condition[0] > 0.1, x, y) for x, y in zip(*choices)]

        return apply, width

    def compare(self):
        """Comparisons of each entry with a number, or with the entry beside it."""
        source = self.any_vector()
        width = self.widths[source]
        rows, limit = self.draw.choices(COMPARISONS, k=width), self.draw.choice([0.0, 0.1, -0.3, None])

        def apply(vectors):
            x = vectors[source]
            beside = [*x[1:], x[0]]
            return [row(x[k], beside[k] if limit is None else limit) for k, row in enumerate(rows)]

        return apply, width

    def step(self):
        """Choices by a comparison of what is chosen from: 1 or 0, the number or a constant, one row or the other."""
        source, other = self.any_vector(), self.any_vector()
        row, limit = self.draw.choice(COMPARISONS), self.draw.choice([0.0, 0.1, -0.3])
        width = min(self.widths[source], self.widths[other])
        form = self.draw.randrange(5)

        def chosen(z, y):
            choices = [(1.0, 0.0), (z, 0.0), (0.0, z), (z, y), (limit, z * y)][form]
            return autograd.where(row(z, limit), *choices)

        return lambda vectors: [chosen(z, y) for z, y in zip(vectors[source], vectors[other])], width

    def fill(self):
        """Some entries become numbers that are the same for all examples."""
        source = self.any_vector()
        numbers = [*self.captured, *self.parameters[:3], 0.0, 1.0, -0.75]
        places = {k: self.draw.choice(numbers) for k in range(self.widths[source]) if self.draw.random() < 0.3}
        return lambda vectors: [places.get(k, x) for k, x in enumerate(vectors[source])], self.widths[source]

    def detach(self):
        source = self.any_vector()
        return lambda vectors: [x.detach() if isinstance(x, Value) else x for x in vectors[source]], self.widths[source]

    def select(self):
        source = self.any_vector()
        width = self.widths[source]
        order = [self.draw.randrange(width) for _ in range(self.draw.randint(1, 5))]
        return lambda vectors: [vectors[source][k] for k in order], len(order)

    def loss(self, x):
        vectors = [list(x)]
        for step in self.steps:
            vectors.append(step(vectors))
        ends = [autograd.tanh(entry) for end in self.ends for entry in vectors[end]]
        return autograd.sum(ends) + ends[0] * self.parameters[0] + autograd.tanh(vectors[-1][-1]) ** 2


def examples_for(network):
    """Some examples: numbers, or multiples of 1/2, at which comparisons are equal. None lies where rounding decides."""
    count, halves = network.draw.randint(4, 40), network.draw.random() < 0.5
    rows = [[network.draw.gauss(0.0, 1.0) for _ in range(3)] for _ in range(count)]
    rows = [[round(2 * x) / 2 for x in row] for row in rows] if halves else rows
    return np.array([row for row in rows if not is_near_a_jump(network.loss([Value(x) for x in row]))])


def is_near_a_jump(loss):
    """Whether a rounding may take a comparison of this graph the other way."""
    return any(
        node.primitive is not None and node.primitive.name in COMPARING and 0 < distance_to_a_jump(node) < 1e-9
        for node in topological_order(loss)
    )


def by_values(network, X):
    """The loss of each example, its gradient by the example, and the gradient of the mean loss by the parameters."""
    leaves = [[Value(x) for x in row] for row in X.tolist()]
    losses = [network.loss(row) for row in leaves]
    for parameter in network.parameters:
        parameter.grad = 0.0
    autograd.mean(losses).backward()
    of_inputs = [[x.grad * len(X) for x in row] for row in leaves]
    return [loss.data for loss in losses], of_inputs, [p.grad for p in network.parameters]


@pytest.mark.sampled(every=12)
@pytest.mark.parametrize("seed", SEEDS)
def test_networks(seed):
    """In a batch, and written out as the loss of a whole data set, which is then rolled."""
    network = RandomNetwork(seed)
    X, parameters = examples_for(network), network.parameters
    losses, of_inputs, of_parameters = by_values(network, X)
    close = {"rtol": 1e-10, "atol": 1e-10 * max(map(abs, [1e-3, *of_parameters]))}
    step = autograd.compile(network.loss, parameters)
    value, gradient = step.flat([p.data for p in parameters], X)
    np.testing.assert_allclose(value, np.mean(losses), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gradient, of_parameters, **close)
    np.testing.assert_allclose(step.grad(X) / len(X), np.array(of_inputs) / len(X), **close)
    np.testing.assert_allclose(step.evaluate(X), losses, rtol=1e-10, atol=1e-12)
    whole = autograd.compile(lambda: autograd.mean([network.loss(row) for row in X.tolist()]), parameters)
    assert whole() == pytest.approx(value, rel=1e-10, abs=1e-12)
    np.testing.assert_allclose([p.grad for p in parameters], of_parameters, **close)


@pytest.mark.sampled(every=12)
@pytest.mark.parametrize("seed", SEEDS)
def test_networks_without_a_pass(seed):
    """Each of the passes left out in turn, and all of them."""
    network = RandomNetwork(seed)
    X, parameters = examples_for(network), network.parameters
    losses, _, of_parameters = by_values(network, X)
    for without in [*itertools.combinations(OPTIONAL, 1), OPTIONAL]:
        step = autograd.compile(network.loss, parameters, without=without)
        value, gradient = step.flat([p.data for p in parameters], X)
        np.testing.assert_allclose(value, np.mean(losses), rtol=1e-10, atol=1e-12, err_msg=str(without))
        close = {"rtol": 1e-10, "atol": 1e-10 * max(map(abs, [1e-3, *of_parameters]))}
        np.testing.assert_allclose(gradient, of_parameters, **close, err_msg=str(without))


def test_layers_take_every_kind_of_instruction():
    """Else the networks above would show less than they say."""
    kinds = set()
    for seed in range(40):
        network = RandomNetwork(seed)
        recorded = record(network.loss, [[Value(x) for x in examples_for(network)[0]]])
        leaves = [node for node in topological_order(*recorded.outputs) if node.is_leaf]
        inputs = {node: (1, k) for k, node in enumerate(leaves) if node not in network.parameters}
        program, outputs, _ = to_program(recorded, inputs, network.parameters, frozenset(), [0, len(leaves)])
        program.outputs = {1: outputs}
        for stage in passes.BEFORE_GRADIENT:
            program = stage(program)
        layers = [each for each in program.instructions if each.operation == "layer"]
        kinds |= {program.instructions[operand].name for layer in layers for operand in layer.operands}
    assert kinds >= {"input", "element", "where", "add", "detach", *(row.name for row in COMPARISONS)}
