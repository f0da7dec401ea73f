"""`autograd.compile` from outside: what goes in and comes out, what is read when, errors, copies, threads, memory."""

import copy
import ctypes
import gc
import itertools
import math
import os
import pickle
import re
import subprocess
import sys
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import CompileError, Value, modes
from nn import MLP, cross_entropy, hinge

pytest.importorskip("llvmlite")

from autograd.compiler import native

LANES = native.target("float64", "vector").lanes
CLOSE = {"rtol": 1e-12, "atol": 1e-14}


def examples(n, width=2, seed=0):
    """Inputs and targets of n examples."""
    numbers = np.random.default_rng(seed)
    X = numbers.normal(size=(n, width))
    return X, np.where(X.sum(axis=1) > 0, 1.0, -1.0)


def hinge_step(**options):
    """A small network with a hinge loss, compiled, and the loss."""
    model = MLP(2, [5, 1], activation="tanh", rng=0)

    def loss(x, y):
        return (1 - y * model(x)).relu()

    return autograd.compile(loss, model.parameters(), **options), loss


def by_values(loss, parameters, *arguments, reduce="mean"):
    """Value and gradients of the mean (or sum) over the examples, by Values; `.grad` is left as it was."""
    before = [p.grad for p in parameters]
    for p in parameters:
        p.grad = 0.0
    total = autograd.sum([loss(*example) for example in zip(*arguments)])
    (total / len(arguments[0]) if reduce == "mean" else total).backward()
    gradient = [p.grad for p in parameters]
    for p, grad in zip(parameters, before):
        p.grad = grad
    return total.data / (len(arguments[0]) if reduce == "mean" else 1), gradient


def numbers_of(parameters):
    return [p.data for p in parameters]


def gradients_of(parameters):
    return [p.grad for p in parameters]


# --- Batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_batches_of_every_length(reduce):
    step, loss = hinge_step(reduce=reduce)
    step(*examples(1))
    block = step._last.built.layout.batches[0].block
    assert block % LANES == 0
    for n in (1, 2, LANES - 1, LANES, LANES + 1, 2 * LANES + 3, block - 1, block, block + 1, 2 * block + LANES + 1):
        X, y = examples(n, seed=n)
        value, gradient = by_values(loss, step.parameters, X.tolist(), y.tolist(), reduce=reduce)
        assert step(X, y) == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(gradients_of(step.parameters), gradient, **CLOSE)
        of_each = [loss(x, t).data for x, t in zip(X.tolist(), y.tolist())]
        np.testing.assert_allclose(step.evaluate(X, y), of_each, **CLOSE)


def test_a_million_examples():
    w = Value(3.0)
    step = autograd.compile(lambda x, y: (w * x - y) ** 2, [w])
    x = np.linspace(-1.0, 1.0, 10**6)
    y = 2 * x + 1
    assert step(x, y) == pytest.approx(np.mean((3 * x - y) ** 2), rel=1e-9)
    assert w.grad == pytest.approx(np.mean(2 * x * (3 * x - y)), rel=1e-9)
    np.testing.assert_allclose(step.evaluate(x, y), (3 * x - y) ** 2, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(step.grad(x, y), 6 * (3 * x - y), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("threads", [1, 2])
def test_no_examples(threads):
    """The mean of nothing is nan, their sum 0, and nothing depends on any parameter."""
    X, y = np.empty((0, 2)), np.empty(0)
    mean, sum = (hinge_step(reduce=reduce, threads=threads)[0] for reduce in ("mean", "sum"))
    for p in mean.parameters:
        p.grad = 7.0
    assert math.isnan(mean(X, y))
    assert gradients_of(mean.parameters) == [0.0] * len(mean.parameters)
    assert sum(X, y) == 0.0
    assert gradients_of(sum.parameters) == [0.0] * len(sum.parameters)
    assert mean.evaluate(X, y).shape == (0,)
    assert mean.grad(X, y).shape == (0, 2)
    value, gradient = mean.flat(np.ones(len(mean.parameters)), X, y)
    assert math.isnan(value)
    assert gradient.tolist() == [0.0] * len(mean.parameters)
    assert autograd.compile(lambda x: x * x)(np.empty(0)).shape == (0,)
    assert math.isnan(autograd.compile(lambda x: mean.parameters[0] * x, mean.parameters)([]))


class Frame:
    """What has a method `to_numpy`, like a data frame."""

    def __init__(self, X):
        self.X = X

    def to_numpy(self):
        return self.X


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def every_second(X):
    wide = np.full((2 * len(X), *X.shape[1:]), math.nan)
    wide[::2] = X
    return wide[::2]


def swapped(X):
    return X.astype(X.dtype.newbyteorder(">"))


FORMS = {
    "array": np.array,
    "Fortran": np.asfortranarray,
    "strided": every_second,
    "reversed": lambda X: X[::-1].copy()[::-1],
    "read-only": read_only,
    "float32": np.float32,
    "float16": np.float16,
    "longdouble": np.longdouble,
    "big endian": swapped,
    "int": lambda X: X.astype(int),
    "uint8": lambda X: X.astype(np.uint8),
    "objects": lambda X: X.astype(object),
    "fractions": lambda X: np.vectorize(Fraction, otypes=[object])(X),
    "list": lambda X: X.tolist(),
    "list of arrays": list,
    "tuples": lambda X: tuple(tuple(row) if isinstance(row, list) else row for row in X.tolist()),
    "list of integers": lambda X: X.astype(int).tolist(),
    "frame": Frame,
    "memoryview": memoryview,
    "not aligned": lambda X: np.frombuffer(b"." + X.tobytes(), dtype=np.uint8)[1:].view(X.dtype).reshape(X.shape),
}


@pytest.mark.parametrize("form", FORMS)
def test_numbers_in_every_form(form):
    """Whole numbers, which all forms can hold."""
    step, _ = hinge_step()
    X, y = np.array([[0.0, 1.0], [3.0, 2.0], [5.0, 1.0], [2.0, 2.0], [9.0, 4.0]]), np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    value, wanted = step(X, y), gradients_of(step.parameters)
    for arguments in ((FORMS[form](X), y), (FORMS[form](X), FORMS[form](y)), (X, FORMS[form](y))):
        before = copy.deepcopy(arguments) if form != "memoryview" else None
        for _ in range(2):
            assert step(*arguments) == value
            assert gradients_of(step.parameters) == wanted
            assert step.evaluate(*arguments).tolist() == step.evaluate(X, y).tolist()
        if before and form != "frame":
            np.testing.assert_equal(arguments, before)


def test_truth_values_and_other_kinds_of_numbers():
    w = Value(2.0)
    step = autograd.compile(lambda x, y: w * x + y, [w])
    assert step([True, False], np.array([False, True])) == 1.5
    assert step([np.float32(0.5), Fraction(1, 2)], [np.True_, 0]) == 1.5
    assert step([10**20], [0]) == 2e20


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas")
    step, _ = hinge_step()
    X, y = examples(9)
    value = step(X, y)
    frame = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y}, index=range(50, 59))
    assert step(frame[["a", "b"]], frame["y"]) == value
    assert step(frame[["a", "b"]], frame["y"].astype(int)) == value
    assert step(frame[["a", "b"]].iloc[::-1], frame["y"].iloc[::-1]) == pytest.approx(value, rel=1e-14)


def test_what_the_function_is_given():
    """A row of an array is an array, a row of a list a list; the entries of vectors and shared numbers are Values."""
    seen = []
    w = Value(1.0)

    def f(*xs):
        seen.append(xs)
        return w

    step = autograd.compile(f, [w])
    step(np.ones((3, 2)), [[1.0, 2.0, 3.0]] * 3, np.ones((3, 2, 4)), [[[1.0], [2.0]]] * 3, [1.0, 2.0, 3.0], 5.0)
    matrix_row, list_row, matrix, nested, number, shared = seen[-1]
    assert isinstance(matrix_row, np.ndarray)
    assert (matrix_row.shape, matrix.shape) == ((2,), (2, 4))
    assert [type(x) for x in list_row] == [Value] * 3
    assert [[type(x) for x in row] for row in nested] == [[Value], [Value]]
    assert isinstance(number, Value)
    assert isinstance(shared, Value)


def test_inputs_of_several_dimensions():
    draw = np.random.default_rng(0)
    W, images = draw.normal(size=(3, 4)), draw.normal(size=(2 * LANES + 3, 3, 4))
    weights = np.vectorize(Value, otypes=[object])(W)
    step = autograd.compile(lambda image: (weights * image).sum() ** 2, weights.ravel().tolist())
    sums = (W * images).sum(axis=(1, 2))
    assert step(images) == pytest.approx(np.mean(sums**2), rel=1e-12)
    wanted = np.mean(2 * sums[:, np.newaxis, np.newaxis] * images, axis=0)
    np.testing.assert_allclose(gradients_of(step.parameters), wanted.ravel(), **CLOSE)
    np.testing.assert_allclose(step.grad(images), 2 * sums[:, np.newaxis, np.newaxis] * W, **CLOSE)
    assert step(np.asfortranarray(images)) == pytest.approx(np.mean(sums**2), rel=1e-12)


def test_numbers_that_all_examples_share():
    w = Value(2.0)
    step = autograd.compile(lambda x, y, rate: (w * x - y) ** 2 * rate, [w])
    x, y = examples(11)[0].T
    for rate in (0.1, 2, np.float64(0.5), np.array(3.0), Fraction(1, 4), True):
        value, gradient = by_values(lambda x, y: (w * x - y) ** 2 * float(rate), [w], x.tolist(), y.tolist())
        assert step(x, y, rate) == pytest.approx(value, rel=1e-12)
        assert w.grad == pytest.approx(gradient[0], rel=1e-12)
        np.testing.assert_allclose(step.grad(x, y, rate), float(rate) * 4 * (2 * x - y), **CLOSE)
    assert len(step._plans) == 2  # a new number is no reason to compile again
    assert step(3.0, 1.0, 2.0) == 50.0
    assert w.grad == 60.0


# --- What is read at every call --------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["contents", "strides of a copy", "another array", "a view"])
def test_changed_arguments_are_seen(change):
    step, loss = hinge_step()
    X, y = examples(9)
    step(X, y)
    step(X, y)
    if change == "contents":
        X *= -0.5
        X[3] = 7.0
    elif change == "another array":
        shape = X.shape
        del X
        X = np.full(shape, 0.25)
    elif change == "a view":
        X = X[::-1]
    else:
        X = np.lib.stride_tricks.as_strided(X, X.shape, (0, 8))
    value, gradient = by_values(loss, step.parameters, X.tolist(), y.tolist())
    assert step(X, y) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(gradients_of(step.parameters), gradient, **CLOSE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "change",
    [
        lambda X: X.resize((4, 3), refcheck=False),
        lambda X: X.resize((3, 2), refcheck=False),
        lambda X: X.resize((60, 20), refcheck=False),
        lambda X: setattr(X, "shape", (2, 6)),
        lambda X: setattr(X, "shape", (12, 1)),
        lambda X: setattr(X, "dtype", np.int64),
        lambda X: setattr(X, "dtype", np.dtype(">f8")),
        lambda X: setattr(X, "strides", (8, 48)),
    ],
    ids=["4 x 3", "3 x 2", "larger", "2 x 6", "12 x 1", "whole numbers", "big endian", "strides"],
)
def test_arguments_that_are_given_another_shape_in_place(change):
    w = Value(2.0)
    step = autograd.compile(lambda x: w * autograd.sum(list(x)), [w], reduce="sum")
    X = np.arange(12.0).reshape(6, 2).copy()
    assert step(X) == 132.0
    assert step(X) == 132.0
    change(X)
    expected = 2 * float(np.ascontiguousarray(X).astype(float).sum())
    assert step(X) == expected
    assert w.grad == expected / 2


def test_arrays_that_come_and_go():
    """A new array may lie where an old one was, and be the same object by its address."""
    w = Value(1.0)
    step = autograd.compile(lambda x: w * x, [w], reduce="sum")
    for n in [5, 5, 3, 9, 5, 100, 1, 5] * 5:
        assert step(np.full(n, 2.0)) == 2 * n


def test_parameters_and_other_values_are_read_at_every_call():
    w, captured = Value(2.0), Value(3.0)
    step = autograd.compile(lambda x: w * x * captured, [w])
    x = np.array([1.0, 2.0])
    for _ in range(3):
        assert step(x) == w.data * captured.data * 1.5
        assert w.grad == captured.data * 1.5
        assert step.evaluate(x).tolist() == [w.data * captured.data, w.data * captured.data * 2]
        assert step.grad(x).tolist() == [w.data * captured.data] * 2
        w.data += 1.0
        captured.data *= -2.0
    assert captured.grad == 0.0
    g = autograd.compile(lambda x: [captured * x, x])
    for _ in range(2):
        assert g(2.0).tolist() == [2 * captured.data, 2.0]
        captured.data += 1.0


def test_training_is_what_it_is_on_values():
    step, loss = hinge_step()
    other = copy.deepcopy(step.parameters)
    X, y = examples(21)
    for _ in range(10):
        step(X, y)
        for p in step.parameters:
            p.data -= 0.1 * p.grad
    trained = numbers_of(step.parameters)
    for p, q in zip(step.parameters, other):
        p.data = q.data
    for _ in range(10):
        _, gradient = by_values(loss, step.parameters, X.tolist(), y.tolist())
        for p, grad in zip(step.parameters, gradient):
            p.data -= 0.1 * grad
    np.testing.assert_allclose(trained, numbers_of(step.parameters), rtol=1e-11, atol=1e-13)


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
    """That use a parameter twice, or not at all, or not the input; nan in places that matter and in some that do not."""
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


def test_more_than_the_loss():
    w = Value(2.0)
    Pair = namedtuple("Pair", "double triple")

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


def test_more_than_the_loss_of_no_arguments():
    w = Value(2.0)
    step = autograd.compile(lambda: (w * w, [w + 1, w * 3]), [w], has_aux=True)
    loss, others = step()
    assert loss == 4.0
    assert np.asarray(others).tolist() == [3.0, 6.0]
    assert w.grad == 4.0


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
    step, _ = hinge_step()
    parameters = step.parameters
    f = lambda x, y, z: parameters[0] * x[0] * x[1] + y**2 * z + parameters[1] * z
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
