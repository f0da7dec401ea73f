"""Functions without parameters: of numbers, vectors and structures, their derivatives, and large ones."""

import math
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import Value
from nn import MLP

pytest.importorskip("llvmlite")

from steps import CLOSE, LANES, by_values, examples, gradients_of, numbers_of, rosenbrock

pytestmark = pytest.mark.sampled(every=3)

# --- Functions without parameters ------------------------------------------------------------------------------------


def test_numbers_and_arrays_number_by_number():
    g = autograd.compile(lambda x: x.tanh() * x, vmap=True)
    assert g(0.5) == pytest.approx(math.tanh(0.5) * 0.5, rel=1e-15)
    assert type(g(0.5)) is float
    assert [g(x) for x in (1, True, np.float64(1.0), Fraction(1))] == [g(1.0)] * 4
    for n in (1, 2, LANES, 200):
        x = np.linspace(-2.0, 2.0, n)
        np.testing.assert_allclose(g(x), np.tanh(x) * x, **CLOSE)
        np.testing.assert_allclose(g.grad(x), np.tanh(x) + x * (1 - np.tanh(x) ** 2), **CLOSE)
        value, gradient = g.value_and_grad(x)
        np.testing.assert_equal((value, gradient), (g(x), g.grad(x)))
    assert g.grad(0.5) == pytest.approx(autograd.grad(lambda x: x.tanh() * x)(0.5), rel=1e-15)
    assert type(g.grad(0.5)) is float


def test_several_arguments():
    g = autograd.compile(lambda x, y: x * y + y.exp(), wrt=(0, 1), vmap=True)
    x, y = np.linspace(0.0, 1.0, 19), np.linspace(1.0, 2.0, 19)
    np.testing.assert_allclose(g(x, y), x * y + np.exp(y), **CLOSE)
    np.testing.assert_allclose(g(x, 2.0), x * 2 + math.exp(2.0), **CLOSE)
    np.testing.assert_allclose(g(0.5, y), 0.5 * y + np.exp(y), **CLOSE)
    by_x, by_y = g.grad(x, y)
    np.testing.assert_allclose(by_x, y, **CLOSE)
    np.testing.assert_allclose(by_y, x + np.exp(y), **CLOSE)
    by_x, by_y = g.grad(x, 2.0)
    np.testing.assert_allclose(by_x, 2 + 0 * x, **CLOSE)
    np.testing.assert_allclose(by_y, x + math.exp(2.0), **CLOSE)
    assert g(2.0, 0.0) == 1.0
    assert g.value_and_grad(2.0, 0.0) == (1.0, (0.0, 3.0))


def test_a_list_is_one_argument():
    g = autograd.compile(rosenbrock)
    point = [0.5, -1.0]
    assert g(point) == pytest.approx(rosenbrock(point), rel=1e-14)
    gradient = g.grad(point)
    np.testing.assert_allclose(gradient, autograd.grad(rosenbrock)(point), rtol=1e-13)
    np.testing.assert_allclose(g.grad(tuple(point)), gradient, rtol=1e-13)
    optimize = pytest.importorskip("scipy.optimize")
    found = optimize.minimize(lambda v: g(v), [-1.0, 1.0], jac=lambda v: np.asarray(g.grad(v)))
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-4)


def test_an_array_is_a_vector_where_the_function_takes_one():
    g = autograd.compile(rosenbrock)
    vector = np.array([0.5, -1.0])
    assert g(vector) == pytest.approx(rosenbrock(vector.tolist()), rel=1e-14)
    assert g.grad(vector).shape == (2,)
    h = autograd.compile(lambda v: (v * v).sum())
    for n in (2, 5, 2):
        v = np.arange(1.0, n + 1)
        for _ in range(3):
            assert h(v) == np.sum(v * v)
            assert h.grad(v).tolist() == (2 * v).tolist()
        v *= 2
        assert h(v) == np.sum(v * v)


def test_rows_of_an_array_are_examples():
    g = autograd.compile(rosenbrock, vmap=True)
    points = examples(3 * LANES + 1)[0]
    np.testing.assert_allclose(g(points), [rosenbrock(row) for row in points.tolist()], **CLOSE)
    np.testing.assert_allclose(g.grad(points), [autograd.grad(rosenbrock)(row) for row in points.tolist()], **CLOSE)
    assert g(np.empty((0, 2))).shape == (0,)
    assert g.grad(np.empty((0, 2))).shape == (0, 2)


def nested(p):
    return {"sum": p["w"][0] * p["b"] + p["w"][1], "all": [p["w"][0], (p["b"], p["b"] ** 2)]}


def test_structures_in_and_out():
    g = autograd.compile(nested)
    found = g({"w": [2.0, 3.0], "b": 5.0})
    assert found["sum"] == 13.0
    assert found["all"][0] == 2.0
    assert found["all"][1] == (5.0, 25.0)
    loss = autograd.compile(lambda p: nested(p)["sum"])
    gradient = loss.grad({"w": [2.0, 3.0], "b": 5.0})
    assert list(gradient) == ["w", "b"]
    assert np.asarray(gradient["w"]).tolist() == [5.0, 1.0]
    assert gradient["b"] == 2.0
    assert loss({"w": [1.0, 1.0, 8.0], "b": 1.0}) == 2.0  # another structure is compiled anew
    assert loss({"b": 1.0, "w": [1.0, 1.0]}) == 2.0


# --- Derivatives -----------------------------------------------------------------------------------------------------


POINTS = [[0.5, -1.0], [1.0, 1.0], [-2.0, 3.0], [0.0, 0.0]]


@pytest.mark.parametrize("transform", ["grad", "hessian", "jacobian", "value_and_grad", "grad of grad"])
def test_derivatives_of_functions_of_a_list(transform):
    def f(v):
        return [v[0] * v[1].exp(), (v[0] - v[1]).sin()] if transform == "jacobian" else rosenbrock(v) * v[1].exp()

    if transform == "grad of grad":
        derivative = autograd.grad(lambda v: autograd.grad(f)(v)[0])
    else:
        derivative = getattr(autograd, transform)(f)
    compiled = autograd.compile(derivative, math="libm")
    for point in POINTS:
        wanted, got = derivative(point), compiled(point)
        for ours, theirs in zip(*[x if transform == "value_and_grad" else (x,) for x in (got, wanted)]):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    rows = np.array(POINTS)
    of_rows = autograd.compile(derivative, math="libm", vmap=True)(rows)
    of_rows = of_rows[1] if transform == "value_and_grad" else of_rows
    wanted = [derivative(p)[1] if transform == "value_and_grad" else derivative(p) for p in POINTS]
    np.testing.assert_allclose(of_rows, wanted, rtol=1e-12, atol=1e-12)


FUNCTIONS = {
    "polynomial": lambda x: x**4 - 3 * x**3 + x,
    "tanh": lambda x: (2 * x).tanh() * x,
    "quotient": lambda x: x.sin() / (1 + x * x),
    "powers": lambda x: x**3.5 + 2**x + x**x,
    "choice": lambda x: autograd.where(x > 1, x.exp(), x**3 * x.cos()),
    "maximum": lambda x: autograd.maximum(x * x, x.sin()) + autograd.clip(x, 0.0, 1.0) ** 3,
    "many operands": lambda x: autograd.logsumexp([x, x * x, 0.0]) + autograd.norm([x, 2.0]) + autograd.max([x, x * x]),
    "activations": lambda x: x.gelu() + x.silu() * x.softplus() + x.elu() + autograd.leaky_relu(x - 1, 0.1) ** 2,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_up_to_the_third(name):
    f = FUNCTIONS[name]
    for _ in range(3):
        f = autograd.grad(f)
        x = np.array([0.3, 0.9, 1.7, 2.5, 0.3])
        wanted = [f(number) for number in x.tolist()]
        g = autograd.compile(f, vmap=True)
        np.testing.assert_allclose(g(x), wanted, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose([g(number) for number in x.tolist()], wanted, rtol=1e-10, atol=1e-10)


GUARDED = {
    "log": lambda v: autograd.where(v[0] > 0, v[0].log(), 0.0),
    "log of a product": lambda v: autograd.where(v[0] > 0, (v[0] * v[1]).log(), v[1]),
    "sqrt": lambda v: autograd.where(v[0] > 0, v[0].sqrt() * v[1], v[0] * v[1]),
    "quotient": lambda v: autograd.where(autograd.equal(v[0], 0.0), v[1] ** 2, v[0].sin() / v[0] * v[1] ** 2),
    "power": lambda v: autograd.where(v[0] > 0, v[0] ** v[1], v[1]),
    "nested": lambda v: autograd.where(v[0] > 0, autograd.where(v[1] > 0, (v[0] / v[1]).log(), v[0].sqrt()), v[1]),
    "shared": lambda v: autograd.where(v[0] > 0, v[0].log(), 0.0) + autograd.where(v[1] > 0, v[0].sqrt(), v[0]) * v[1],
    "behind": lambda v: (autograd.where(v[0] > 0, v[0].log(), 1.0) * v[1] + v[0]) ** 2,
    "detached": lambda v: autograd.where(v[0] > 0, v[0].log(), 0.0).detach() * v[1] + v[0] ** 2,
}


@pytest.mark.parametrize("name", GUARDED)
def test_what_a_choice_did_not_take_is_out_of_the_derivatives(name):
    """Values, first and second derivatives where the other branch is infinite or nan."""
    f = GUARDED[name]
    points = [[0.0, 2.0], [0.0, -1.0], [-1.0, 3.0], [2.0, 0.5], [0.0, 0.0], [1.0, -2.0], [-0.0, 1.0]]
    for derivative in (f, autograd.grad(f), autograd.hessian(f)):
        wanted = [derivative([Value(x) for x in p] if derivative is f else p) for p in points]
        wanted = np.array([w.data for w in wanted] if derivative is f else wanted)
        step = autograd.compile(derivative, math="libm")
        np.testing.assert_allclose(step.evaluate(np.array(points)), wanted, **CLOSE)
        np.testing.assert_allclose([step(p) for p in points], wanted, **CLOSE)
    gradients = autograd.compile(f, vmap=True).grad(np.array(points))
    np.testing.assert_allclose(gradients, [autograd.grad(f)(p) for p in points], **CLOSE)
    assert name == "shared" or not np.isnan(gradients).any()


def test_the_example_of_the_readme():
    f = autograd.compile(lambda x: autograd.where(x > 0, x.log(), 0.0), vmap=True)
    assert f.grad(np.array([0.0, -1.0, 2.0])).tolist() == [0.0, 0.0, 0.5]
    assert f.grad(0.0) == 0.0


# --- Of any kind -----------------------------------------------------------------------------------------------------


def test_comparisons_are_values_while_a_function_is_compiled():
    f = autograd.compile(lambda x, y: [x < y, x <= y, x > y, x >= y, x == y, x != y, x > 1, x == 2], vmap=True)
    assert f(2.0, 3.0).tolist() == [1, 1, 0, 0, 0, 1, 1, 1]
    assert f(2.0, math.nan).tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert f(np.array([3.0, 2.0]), np.array([2.0, 2.0])).tolist() == [
        [0, 0, 1, 1, 0, 1, 1, 0],
        [0, 1, 0, 1, 1, 0, 1, 1],
    ]
    assert (Value(2.0) < 3.0) is True


def test_transforms_inside_of_a_function_with_parameters():
    """A loss on a derivative of the model, as for differential equations: mixed derivatives."""
    model = MLP(1, [4, 1], activation="tanh", rng=0)

    def loss(x, y):
        return (autograd.grad(lambda t: model([t]))(x) - y) ** 2

    x, y = examples(9)[0].T
    step = autograd.compile(loss, model.parameters())
    value, gradient = by_values(loss, model.parameters(), [Value(t) for t in x.tolist()], y.tolist())
    assert step(x, y) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(gradients_of(model.parameters()), gradient, **CLOSE)


def test_functions_of_no_arguments_and_constants():
    captured = Value(2.0)
    g = autograd.compile(lambda: [captured, captured * 2, 7.0, math.nan])
    for number in (2.0, 3.0):
        captured.data = number
        np.testing.assert_equal(g(), [number, 2 * number, 7.0, math.nan])
    assert autograd.compile(lambda x: 3)(2.0) == 3.0
    assert autograd.compile(lambda x: x)(2) == 2.0
    assert autograd.compile(lambda x: 3).grad(2.0) == 0.0
    assert autograd.compile(lambda x, y: x, wrt=(0, 1)).grad(2.0, 3.0) == (1.0, 0.0)


@pytest.mark.parametrize(
    "f",
    [
        autograd.tanh,
        autograd.logsumexp,
        autograd.norm,
        autograd.softmax,
        lambda v: autograd.mean(v) * autograd.max(v),
        lambda v: sum(v),
        lambda v: np.sum(np.array(v)),
        lambda v: autograd.matvec([[1.0, 2.0, 3.0], [v[0], 1.0, v[1]]], v),
        lambda v: autograd.log_softmax(v)[1],
        lambda v: math.prod(v),
        lambda v: v[-1] % 0.7 + v[0] // 0.3 + abs(v[1]),
        lambda v: [-x for x in v],
    ],
)
def test_functions_of_the_library(f):
    point = [0.5, -1.0, 2.0]
    if f is autograd.tanh:
        assert autograd.compile(f, vmap=True)(np.array(point)) == pytest.approx([f(x) for x in point])
        return
    wanted = f([Value(x) for x in point])
    wanted = [v.data for v in wanted] if isinstance(wanted, list) else wanted.data
    np.testing.assert_allclose(autograd.compile(f)(point), wanted, **CLOSE)


@pytest.mark.parametrize(
    "f",
    [
        lambda v: v * v,
        lambda v: v[::-1] * 2,
        lambda v: v - v[0],
        lambda v: (v * v).sum(),
        lambda v: np.cumsum(v),
        lambda v: np.exp(v) / np.exp(v).sum(),
        lambda v: v[1:] - v[:-1],
        lambda v: np.outer(v, v),
        lambda v: np.array([v[0], *v]),
        lambda v: np.where(np.arange(len(v)) > 0, v, 2 * v),
        lambda v: v @ v,
        lambda v: -v + 1,
    ],
)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_functions_of_a_vector(f, n):
    """Whether or not they do the same to each number: what they give is what they give on an array of floats."""
    v = np.linspace(0.5, 2.0, n)
    g = autograd.compile(f, math="libm")
    for _ in range(2):
        np.testing.assert_allclose(g(v), f(v), rtol=1e-14)
        v = v[::-1].copy()


# --- Large functions -------------------------------------------------------------------------------------------------


def test_a_long_chain_of_operations():
    """It is cut into pieces, which hand on numbers of every piece before to every piece behind."""

    def f(x, w):
        nodes = [x * w, x + w]
        for k in range(1200):
            nodes.append(nodes[-1] * 0.5 + nodes[(7 * k) // 8].tanh() * w)
        return nodes[-1] + nodes[3] * nodes[600]

    w = Value(0.75)
    leaves = [Value(x) for x in np.linspace(-1.0, 1.0, LANES + 3).tolist()]
    losses = [f(x, w) for x in leaves]
    autograd.mean(losses).backward()
    value, gradient, of_inputs = np.mean([loss.data for loss in losses]), w.grad, [x.grad for x in leaves]
    x = np.array([leaf.data for leaf in leaves])
    step = autograd.compile(lambda x: f(x, w), [w])
    assert step(x) == pytest.approx(value, rel=1e-12)
    assert w.grad == pytest.approx(gradient, rel=1e-11)
    np.testing.assert_allclose(step.grad(x) / len(x), of_inputs, rtol=1e-11)
    g = autograd.compile(f, wrt=(0, 1))
    of_x, of_w = g.grad(x[1], 0.75)
    assert of_x / len(x) == pytest.approx(of_inputs[1], rel=1e-11)
    assert of_w == pytest.approx(autograd.grad(f, argnums=1)(x[1].item(), 0.75), rel=1e-11)


def test_many_parameters_columns_and_results():
    count = 700
    w = [Value(math.sin(k)) for k in range(count)]
    numbers = np.array(numbers_of(w))
    X = np.random.default_rng(0).normal(size=(2 * LANES + 5, count))
    step = autograd.compile(
        lambda x: autograd.dot(x, w).tanh() + sum(p.exp() for p in w) * 1e-3, w, reduce="sum", math="libm"
    )
    a = np.tanh(X @ numbers)
    assert step(X) == pytest.approx(np.sum(a) + len(X) * np.sum(np.exp(numbers)) * 1e-3, rel=1e-11)
    wanted = (1 - a * a) @ X + len(X) * np.exp(numbers) * 1e-3
    np.testing.assert_allclose(gradients_of(w), wanted, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(step.grad(X), (1 - a * a)[:, np.newaxis] * numbers, rtol=1e-10, atol=1e-11)
    each = autograd.compile(lambda v: [x * k for k, x in enumerate(v)])
    np.testing.assert_allclose(each(numbers.tolist()), numbers * np.arange(count), rtol=1e-15)
    np.testing.assert_allclose(each.evaluate(X), X * np.arange(count), rtol=1e-15)
