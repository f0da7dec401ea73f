"""Layers of every kind and size are found, whatever order their parameters are in, and what is only like one is not."""

import itertools
import math
import random

import numpy as np
import pytest

import autograd
from autograd import Value
from nn import MLP

pytest.importorskip("llvmlite")

from programs import compiled_operations, modules_of
from steps import LANES

from autograd.compiler.codegen import library, schedule
from autograd.compiler.passes import layers, machine

pytestmark = pytest.mark.sampled(every=3)

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


@pytest.mark.sampled(every=8)
@pytest.mark.parametrize(("layout", "form"), list(itertools.product(LAYOUTS, FORMS)))
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


@pytest.mark.sampled(every=11)
@pytest.mark.parametrize(
    ("rows", "depth", "layout"),
    [(*size, layout) for size in SIZES for layout in ("rows, each with its bias", "columns, then biases")],
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
    X = np.random.default_rng(0).normal(size=(21, 2))
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
