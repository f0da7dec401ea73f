"""What comes out of a function with parameters: loss, gradients, more than the loss; flat, grad, evaluate."""

import math
from typing import NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from steps import CLOSE, LANES, by_values, examples, gradients_of, hinge_step, numbers_of

pytestmark = pytest.mark.sampled(every=3)

# --- Gradients of parameters -----------------------------------------------------------------------------------------


def test_gradients_are_set_and_floats():
    step, loss = hinge_step()
    for p in step.parameters:
        p.grad = 100.0
    X, y = examples(5)
    for _ in range(2):
        step(X, y)
        np.testing.assert_allclose(
            gradients_of(step.parameters), by_values(loss, step.parameters, X.tolist(), y.tolist())[1], **CLOSE
        )
    assert {type(p.grad) for p in step.parameters} == {float}
    assert type(step(X, y)) is float


@pytest.mark.parametrize(
    "loss",
    [
        lambda w, v, x: w * x + w * w * x + w,
        lambda w, v, x: w * x,
        lambda w, v, x: x * x,
        lambda w, v, x: w * v,
        lambda w, v, x: w + 0 * x,
        lambda w, v, x: Value(3.0),
        lambda w, v, x: 3.0,
        lambda w, v, x: w,
        lambda w, v, x: x,
        lambda w, v, x: w * x**0.0,
        lambda w, v, x: (w * x) ** 0.0 + v,
        lambda w, v, x: autograd.where(Value(1.0), w, x * v),
        lambda w, v, x: autograd.elu(2.0, x) * w + autograd.leaky_relu(w, 0.5),
        lambda w, v, x: w * math.inf * 0.0 + x,
        lambda w, v, x: autograd.where(x > 100.0, w * math.nan, w * x),
        lambda w, v, x: autograd.where(x > 100.0, (x - 200).sqrt() * w, v),
        lambda w, v, x: (w * 0.0 * math.inf + v) * x,
        lambda w, v, x: (w * v).detach() * x + v,
        lambda w, v, x: x.exp().floor() * w.sign() + v.detach(),
    ],
)
@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_losses_of_any_kind(loss, reduce):
    """They use a parameter twice, or not at all, or no input; there is nan where it matters and where it does not."""
    w, v = Value(2.0), Value(-0.5)
    x = [1.0, -2.0, 3.0]
    leaves = [Value(number) for number in x]
    value, gradient = by_values(lambda x: autograd.identity(loss(w, v, x)) * Value(1.0), [w, v], leaves, reduce=reduce)
    for leaf in leaves:
        leaf.grad = 0.0
    step = autograd.compile(lambda x: loss(w, v, x), [w, v], reduce=reduce)
    assert step(x) == pytest.approx(value, nan_ok=True)
    assert gradients_of([w, v]) == pytest.approx(gradient, nan_ok=True)
    number = step.flat([2.0, -0.5], np.array(x))
    assert number[0] == pytest.approx(value, nan_ok=True)
    assert number[1].tolist() == pytest.approx(gradient, nan_ok=True)


def test_many_parameters_without_effect_have_gradient_0():
    parameters = [Value(float(k)) for k in range(100)]
    for p in parameters:
        p.grad = 1.0
    step = autograd.compile(lambda x: parameters[50] * x, parameters)
    step([1.0, 2.0])
    assert gradients_of(parameters) == [0.0] * 50 + [1.5] + [0.0] * 49


# --- More than the loss ----------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    double: Value
    triple: Value


def test_more_than_the_loss():
    w = Value(2.0)

    def f(x, y):
        z = w * x
        return (z - y) ** 2, {
            "z": z,
            "list": [z, y, 1.0],
            "tuple": (z + 1, [[z]]),
            "pair": Pair(2 * z, 3 * z),
            "one": 1,
        }

    step = autograd.compile(f, [w], has_aux=True)
    x, y = [1.0, 2.0, 3.0], [0.0, 1.0, -1.0]
    loss, others = step(x, y)
    z = 2 * np.array(x)
    assert loss == pytest.approx(np.mean((z - y) ** 2))
    assert w.grad == pytest.approx(np.mean(2 * (z - y) * x))
    assert list(others) == ["z", "list", "tuple", "pair", "one"]
    assert others["z"].tolist() == z.tolist()
    assert others["list"].tolist() == [[a, b, 1.0] for a, b in zip(z, y)]
    assert others["tuple"][0].tolist() == (z + 1).tolist()
    assert others["tuple"][1].shape == (3, 1, 1)
    assert others["pair"].triple.tolist() == (3 * z).tolist()
    assert others["one"].tolist() == [1.0, 1.0, 1.0]
    (flat_loss, flat_others), gradient = step.flat([2.0], x, y)
    assert flat_loss == loss
    assert gradient.tolist() == [w.grad]
    np.testing.assert_equal(flat_others, others)


@pytest.mark.parametrize("nothing", [[], {}, ()])
@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_more_than_the_loss(nothing, threads):
    w = Value(2.0)
    step = autograd.compile(lambda x: (w * x, nothing), [w], has_aux=True, threads=threads)
    for x in (np.array([1.0, 2.0]), np.array([1.0, 2.0]), [1.0, 2.0], np.linspace(1.0, 2.0, 5000)):
        for _ in range(2):
            loss, others = step(x)
            assert loss == pytest.approx(3.0, rel=1e-12)
            assert len(others) == (len(x) if nothing == [] else 0)
            assert step.flat([1.0], x)[0][0] == pytest.approx(1.5, rel=1e-12)


def test_more_than_the_loss_of_no_arguments():
    w = Value(2.0)
    step = autograd.compile(lambda: (w * w, [w + 1, w * 3]), [w], has_aux=True)
    loss, others = step()
    assert loss == 4.0
    assert np.asarray(others).tolist() == [3.0, 6.0]
    assert w.grad == 4.0


@pytest.mark.parametrize("given", [lambda a: a, lambda a: a.tolist()], ids=["arrays", "lists"])
def test_what_a_loss_returns_besides_may_be_summed(given):
    weights = [Value(0.5), Value(-1.5)]

    def loss(x, y):
        z = autograd.dot(weights, x)
        return (z - y) ** 2, {"right": autograd.greater(z * y, 0.0), "z": [z, 2 * z], "one": 1.0}

    X, y = np.random.default_rng(0).normal(size=(13, 2)), np.array([1.0, -1.0] * 6 + [1.0])
    each = autograd.compile(loss, weights, has_aux=True)
    summed = autograd.compile(loss, weights, has_aux="sum")
    (value, others), gradient = each.flat([0.5, -1.5], X, y)
    (value_too, sums), gradient_too = summed.flat([0.5, -1.5], given(X), given(y))
    assert value_too == value
    assert gradient_too.tolist() == gradient.tolist()
    assert sums["right"] == others["right"].sum()
    assert sums["z"] == pytest.approx(others["z"].sum(axis=0), rel=1e-14)
    assert sums["one"] == 13
    assert summed(given(X), given(y)) == (value, {**sums, "z": pytest.approx(sums["z"], rel=1e-15)})


@pytest.mark.parametrize("has_aux", ["mean", 1, None])
def test_an_unknown_way_with_other_results(has_aux):
    with pytest.raises(ValueError, match="has_aux is True, False or 'sum'"):
        autograd.compile(lambda x: x, [Value(1.0)], has_aux=has_aux)


# --- flat, grad, evaluate --------------------------------------------------------------------------------------------


def test_flat_is_pure():
    step, loss = hinge_step()
    X, y = examples(9)
    for k, p in enumerate(step.parameters):
        p.grad = float(k)
    before = numbers_of(step.parameters), gradients_of(step.parameters)
    vector = np.linspace(-1.0, 1.0, len(step.parameters))
    kept = vector.copy()
    found = [step.flat(form, X, y) for form in (vector, vector.tolist(), tuple(vector), np.repeat(vector, 2)[::2])]
    assert (numbers_of(step.parameters), gradients_of(step.parameters)) == before
    assert vector.tolist() == kept.tolist()
    for p, number in zip(step.parameters, vector.tolist()):
        p.data = number
    value, gradient = by_values(loss, step.parameters, X.tolist(), y.tolist())
    for got, of_got in found:
        assert got == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(of_got, gradient, **CLOSE)
        assert of_got.shape == vector.shape
    first = found[0][1].copy()
    step.flat(-vector, X, y)
    assert found[0][1].tolist() == first.tolist()  # a result is the caller's own


def test_flat_for_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    w, b = Value(0.0), Value(0.0)
    step = autograd.compile(lambda x, y: (w * x + b - y) ** 2, [w, b])
    x = np.linspace(-1.0, 1.0, 50)
    found = optimize.minimize(step.flat, [0.0, 0.0], args=(x, 3 * x - 2), jac=True)
    assert found.x == pytest.approx([3.0, -2.0], abs=1e-6)
    assert (w.data, b.data, w.grad, b.grad) == (0.0, 0.0, 0.0, 0.0)
    assert (
        optimize.check_grad(lambda p: step.flat(p, x, x**2)[0], lambda p: step.flat(p, x, x**2)[1], [0.3, -0.2]) < 1e-6
    )


@pytest.mark.parametrize("wrt", [0, 1, -1, (0,), (1,), (0, 1), (1, 0), (0, 2), (2, 1, 0), (-3, -1)])
def test_gradients_of_examples_by_their_arguments(wrt):
    parameters = [Value(0.5), Value(-3.0), Value(2.0)]

    def f(x, y, z):
        return parameters[0] * x[0] * x[1] + y**2 * z + parameters[1] * z

    step = autograd.compile(f, parameters, wrt=wrt)
    X, y = examples(LANES + 2)
    z = np.arange(1.0, len(X) + 1)
    a, b = parameters[0].data, parameters[1].data
    wanted = [a * X[:, ::-1], 2 * y * z, y**2 + b]
    positions = [p % 3 for p in (wrt if isinstance(wrt, tuple) else (wrt,))]
    before = gradients_of(parameters)
    value, gradient = step.value_and_grad(X, y, z)
    np.testing.assert_allclose(value, a * X[:, 0] * X[:, 1] + y**2 * z + b * z, **CLOSE)
    gradients = gradient if isinstance(wrt, tuple) else (gradient,)
    assert len(gradients) == len(positions)
    for got, position in zip(gradients, positions):
        np.testing.assert_allclose(got, wanted[position], **CLOSE)
    np.testing.assert_equal(step.grad(X, y, z), gradient)
    shared = step.grad(X, y, 2.0)
    shared = shared if isinstance(wrt, tuple) else (shared,)
    for got, position in zip(shared, positions):
        np.testing.assert_allclose(got, [a * X[:, ::-1], 4 * y, y**2 + b][position], **CLOSE)
    assert gradients_of(parameters) == before


def test_evaluate_gives_results_in_the_structure_of_the_function():
    w = Value(2.0)
    x = np.array([1.0, 2.0, 3.0])
    structures = {
        "number": (lambda x: w * x, lambda x: 2 * x),
        "list": (lambda x: [w * x, x], lambda x: np.transpose([2 * x, x])),
        "nested": (lambda x: [[w * x, x], [x, x]], lambda x: np.moveaxis([[2 * x, x], [x, x]], 2, 0)),
        "array": (lambda x: np.array([w * x, x]), lambda x: np.transpose([2 * x, x])),
        "tuple": (lambda x: (w * x, [x]), lambda x: (2 * x, x[:, np.newaxis])),
        "dict": (lambda x: {"a": w * x, "b": [x, 1]}, lambda x: {"a": 2 * x, "b": np.transpose([x, x * 0 + 1])}),
        "ragged": (lambda x: [[x], [w, x]], lambda x: [x[:, np.newaxis], np.transpose([x * 0 + 2, x])]),
        "constant": (lambda x: 7, lambda x: x * 0 + 7),
        "parameter": (lambda x: w, lambda x: x * 0 + 2),
        "nothing": (lambda x: [], lambda x: np.empty((3, 0))),
    }
    for f, wanted in structures.values():
        np.testing.assert_equal(autograd.compile(f, [w]).evaluate(x), wanted(x))


def test_single_precision():
    step, loss = hinge_step(dtype="float32")
    X, y = examples(3 * LANES + 1)
    value, gradient = by_values(loss, step.parameters, X.tolist(), y.tolist())
    assert step(X, y) == pytest.approx(value, rel=1e-5)
    assert type(step(X, y)) is float
    np.testing.assert_allclose(gradients_of(step.parameters), gradient, rtol=1e-4, atol=1e-6)
    assert {type(p.grad) for p in step.parameters} == {float}
    value, gradient = step.flat(np.zeros(len(step.parameters)), X, y)
    assert gradient.dtype == np.float32
    assert step.evaluate(X, y).dtype == np.float32
    assert step.grad(X.astype(np.float32), y.astype(np.float32)).dtype == np.float32
