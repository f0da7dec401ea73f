"""`autograd.compile` from outside: what goes in and comes out, what is read when, errors, copies, threads, memory."""

import copy
import functools
import gc
import itertools
import math
import os
import pickle
import re
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from sampled import sampled

import autograd
from autograd import CompileError, Value, blocks, modes
from nn import MLP, cross_entropy, hinge, predict

pytest.importorskip("llvmlite")

from autograd.compiler import executables
from autograd.compiler.passes import reroll
from autograd.compiler.runtime import native

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


shared_hinge_step = functools.cache(hinge_step)


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
    block = step.executables.last.built.layout.batches[0].block
    assert block % LANES == 0
    for n in (1, 2, LANES - 1, LANES, LANES + 1, 2 * LANES + 3, block - 1, block, block + 1, 2 * block + LANES + 1):
        X, y = examples(n, seed=n)
        value, gradient = by_values(loss, step.parameters, X.tolist(), y.tolist(), reduce=reduce)
        assert step(X, y) == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(gradients_of(step.parameters), gradient, **CLOSE)
        of_each = [loss(x, t).data for x, t in zip(X.tolist(), y.tolist())]
        np.testing.assert_allclose(step.evaluate(X, y), of_each, **CLOSE)


@pytest.mark.parametrize(("layers", "threads"), sampled(itertools.product([[5, 1], [17, 9, 1], []], [1, 2]), every=5))
def test_nothing_is_left_of_the_batch_before(layers, threads):
    """Its numbers, nan and infinities, still lie in memory that a shorter batch does not fill."""
    model = MLP(2, layers, activation="sin", rng=0) if layers else None
    w = Value(0.5)
    parameters = [*(model.parameters() if model else ()), w]

    def loss(x, y):
        return ((model(x) if model else x[0] * x[1]) - y * w).exp()

    step, fresh = (autograd.compile(loss, parameters, threads=threads, reduce="sum") for _ in range(2))
    vector = numbers_of(parameters)
    X, y = examples(2 * LANES)
    for n in (1, 3, LANES - 1, LANES + 1, 2 * LANES - 1, 0, 2):
        value, gradient = fresh.flat(vector, X[:n].tolist(), y[:n].tolist()) if n else (0.0, [0.0] * len(vector))
        for bad in (math.nan, math.inf, -math.inf):
            assert not math.isfinite(step.flat(vector, np.full((5000, 2), bad).tolist(), [bad] * 5000)[0])
            for inputs, targets in ((X[:n].copy(), y[:n].copy()), (np.asfortranarray(X[:n]), y[:n].tolist())):
                found = step.flat(vector, inputs, targets)
                np.testing.assert_equal((found[0], found[1].tolist()), (value, list(gradient)))
            np.testing.assert_array_equal(step.evaluate(X[:n], y[:n]), fresh.evaluate(X[:n], y[:n]))
            np.testing.assert_array_equal(step.grad(X[:n], y[:n]), fresh.grad(X[:n], y[:n]))


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
    """There is no mean of nothing; the sum of nothing is 0, and depends on no parameter."""
    X, y = np.empty((0, 2)), np.empty(0)
    mean, sum = (hinge_step(reduce=reduce, threads=threads)[0] for reduce in ("mean", "sum"))
    for call in (mean, functools.partial(mean.flat, np.ones(len(mean.parameters)))):
        for p in mean.parameters:
            p.grad = 7.0
        with pytest.raises(ValueError, match=r"argument 1 \(x\) has no examples"):
            call(X, y)
        assert gradients_of(mean.parameters) == [7.0] * len(mean.parameters)
    assert sum(X, y) == 0.0
    assert gradients_of(sum.parameters) == [0.0] * len(sum.parameters)
    value, gradient = sum.flat(np.ones(len(sum.parameters)), X, y)
    assert value == 0.0
    assert gradient.tolist() == [0.0] * len(sum.parameters)
    assert mean.evaluate(X, y).shape == (0,)
    assert mean.grad(X, y).shape == (0, 2)
    assert autograd.compile(lambda x: x * x)(np.empty(0)).shape == (0,)
    with pytest.raises(ValueError, match=r"argument 2 \(x\) has no examples"):
        autograd.compile(lambda scale, x: mean.parameters[0] * x * scale, mean.parameters)(2.0, [])


def test_no_examples_have_a_sum_of_0_whatever_the_function_does_with_parameters_alone():
    p = Value(1.0)

    def f(x):
        return autograd.asin(p) ** x + 1 / (p - 1) + autograd.log(p - 2), (x, p - 1, [x, x])

    for has_aux in (True, "sum"):
        p.grad = 7.0
        step = autograd.compile(f, [p], reduce="sum", has_aux=has_aux)
        assert step([2.0, 3.0])[0] != 0.0
        loss, (x, number, pair) = step([])
        assert (loss, p.grad) == (0.0, 0.0)
        shape = () if has_aux == "sum" else (0,)
        assert [np.shape(part) for part in (x, number, pair)] == [shape, shape, (*shape, 2)]
        assert not np.any(pair)
        assert [part.shape for part in (step.evaluate([])[0],)] == [(0,)]


@pytest.mark.parametrize("options", [{}, {"threads": 2}, {"reduce": "sum"}, {"has_aux": True}, {"has_aux": "sum"}])
def test_a_number_that_all_examples_share_sends_on_what_each_sends(options):
    """0 * inf is nan in the example that sends 0, though the sum of what is sent is not 0."""
    p = Value(1.0)

    def f(x):
        loss = autograd.asin(p) ** x
        return (loss, 2 * x) if options.get("has_aux") else loss

    step = autograd.compile(f, [p], **options)
    factor = 1 if options.get("reduce") == "sum" else 1 / 1000
    for start, gradient in [(0.0, math.nan), (1.0, math.inf), (0.0, math.nan)]:
        x = np.resize([start, 1.0, 2.0, 3.0], 1000)
        p.data = 1.0
        for _ in range(2):
            result = step(x)
            value, rest = result if options.get("has_aux") else (result, None)
            assert value == pytest.approx(np.sum(math.asin(1.0) ** x) * factor, rel=1e-12)
            assert rest is None or np.sum(rest) == 2 * np.sum(x)
            assert p.grad == pytest.approx(gradient, nan_ok=True)
        p.data = 0.5
        step(x)
        assert p.grad == pytest.approx(np.sum(x * math.asin(0.5) ** (x - 1)) / math.sqrt(0.75) * factor, rel=1e-12)


def test_what_is_computed_once_for_a_whole_data_set_gets_a_sum_and_what_is_not_does_not():
    p = Value(1.0)

    def once():
        shared = autograd.asin(p)
        return autograd.sum([shared * float(k) for k in range(8)])

    def each():
        return autograd.sum([autograd.asin(p) * float(k) for k in range(8)])

    for loss, gradient in [(once, math.inf), (each, math.nan)]:
        step = autograd.compile(loss, [p])
        for _ in range(3):
            step()
            assert p.grad == pytest.approx(gradient, nan_ok=True)
        assert step.executables.last.rolled is not None
        p.grad = 0.0
        loss().backward()
        assert p.grad == pytest.approx(gradient, nan_ok=True)


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
        value, gradient = by_values(lambda x, y: (w * x - y) ** 2, [w], x.tolist(), y.tolist())
        assert step(x, y, rate) == pytest.approx(float(rate) * value, rel=1e-12)
        assert w.grad == pytest.approx(float(rate) * gradient[0], rel=1e-12)
        np.testing.assert_allclose(step.grad(x, y, rate), float(rate) * 4 * (2 * x - y), **CLOSE)
    assert len(step.executables) == 2  # a new number is no reason to compile again
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
        lambda X: setattr(X, "shape", (2, 6)),
        lambda X: setattr(X, "shape", (12, 1)),
        lambda X: setattr(X, "dtype", np.int64),
        lambda X: setattr(X, "dtype", np.dtype(">f8")),
        lambda X: setattr(X, "strides", (8, 48)),
    ],
    ids=["4 x 3", "2 x 6", "12 x 1", "whole numbers", "big endian", "strides"],
)
def test_arguments_that_become_others_in_place(change):
    w = Value(2.0)
    step = autograd.compile(lambda x: w * autograd.dot(x, range(1, len(x) + 1)), [w])
    X = np.arange(12.0).reshape(6, 2).copy()
    for changed in (False, False, True, True):
        if changed:
            change(X)
        numbers = np.ascontiguousarray(X).astype(float)
        wanted = np.mean(numbers @ np.arange(1.0, numbers.shape[1] + 1))
        assert step(X) == pytest.approx(2 * wanted, rel=1e-14)
        assert w.grad == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("position", [0, 1])
def test_an_argument_whose_numbers_are_moved_in_place(position):
    w = Value(2.0)
    step = autograd.compile(lambda x, y: w * (x + 3 * y), [w])
    arguments = [np.ones(500), np.ones(500)]
    for _ in range(3):
        assert step(*arguments) == 8.0
    before = arguments[position].ctypes.data
    arguments[position].__setstate__(np.full(500, 5.0).__reduce__()[2])
    assert arguments[position].ctypes.data != before
    for _ in range(3):
        assert step(*arguments) == [16.0, 32.0][position]


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


# --- Functions without parameters ------------------------------------------------------------------------------------


def rosenbrock(v):
    return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2


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


# --- In micrograd's style: a loss of no arguments --------------------------------------------------------------------


class Demo:
    """micrograd's demo: the loss of a whole data set, built by one function."""

    def __init__(self, how, n=20, outputs=1):
        self.model = MLP(2, [6, outputs], activation="relu", rng=1)
        X, y = examples(n)
        self.inputs, self.targets = [list(map(Value, row)) for row in X.tolist()], y.tolist()
        self.classes = [k % 3 for k in range(n)]
        self.how = how

    def total_loss(self):
        return getattr(self, self.how)()

    def hinge(self):
        inputs = [list(map(Value, [v._data for v in row])) for row in self.inputs]
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(self.targets, map(self.model, inputs))]
        data_loss = sum(losses) * (1.0 / len(losses))
        return data_loss + 1e-4 * sum(p * p for p in self.model.parameters())

    def plain_inputs(self):
        return autograd.mean([hinge(self.model([v._data for v in x]), y) for x, y in zip(self.inputs, self.targets)])

    def leaves_outside(self):
        return sum([hinge(self.model(x), y) for x, y in zip(self.inputs, self.targets)], Value(0.0)) / len(self.inputs)

    def cross_entropy(self):
        return autograd.mean([cross_entropy(self.model(x), k) for x, k in zip(self.inputs, self.classes)])

    def root_of_mean(self):
        losses = [(self.model(x) - y) ** 2 for x, y in zip(self.inputs, self.targets)]
        return autograd.mean(losses).sqrt() + autograd.dot(self.model.parameters(), self.model.parameters()) * 0.01

    def logarithm_of_sum(self):
        return (sum([(self.model(x) - y) ** 2 for x, y in zip(self.inputs, self.targets)]) + 1.0).log() * 3.0

    def odd_terms(self):
        losses = [hinge(self.model(x), y) for x, y in zip(self.inputs, self.targets)]
        losses[3] = losses[3] * 2.5
        losses[7] = (self.model(self.inputs[7]) - 1.0) ** 2
        return sum(losses) + self.model.parameters()[0]

    def two_kinds_in_turn(self):
        z = [self.model(x) for x in self.inputs]
        return autograd.sum([score**2 if k % 2 else (score - 3.0).tanh() for k, score in enumerate(z)]) / 7

    def two_sums(self):
        z = [self.model(x) for x in self.inputs]
        return sum(z) * sum([score.tanh() for score in z[: len(z) // 2]])

    def each_by_the_mean(self):
        """What is the same for all examples is itself a sum over the examples."""
        z = [self.model(x) for x in self.inputs]
        middle = autograd.mean(z)
        return autograd.mean([(score - middle) ** 2 for score in z])

    def by_neighbours(self):
        z = [self.model(x) for x in self.inputs]
        return autograd.mean([(a - b) ** 2 for a, b in itertools.pairwise(z)])

    def weighted_by_position(self):
        return sum([hinge(self.model(x), y) * k for k, (x, y) in enumerate(zip(self.inputs, self.targets))])

    def special_numbers(self):
        numbers = [0.0, -0.0, 1.0, 2.0] * (len(self.inputs) // 4)
        return autograd.mean([self.model(x) * number for x, number in zip(self.inputs, numbers)])

    def nothing_changes(self):
        return autograd.mean([self.model(self.inputs[0]) for _ in self.inputs])


WAYS = [name for name in vars(Demo) if not name.startswith("_") and name != "total_loss"]


@pytest.mark.parametrize("without", sampled(["rolled", "not rolled"], every=2))
@pytest.mark.parametrize("how", WAYS)
def test_the_loss_of_a_whole_data_set(how, without):
    demo = Demo(how, outputs=3 if how == "cross_entropy" else 1)
    parameters = demo.model.parameters()
    step = autograd.compile(demo.total_loss, parameters, without=() if without == "rolled" else ("roll",))
    for _ in range(3):
        for p in parameters:
            p.grad = 0.0
        total = demo.total_loss()
        total.backward()
        wanted = gradients_of(parameters)
        assert step() == pytest.approx(total.data, rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(gradients_of(parameters), wanted, rtol=1e-10, atol=1e-12)
        value, gradient = step.flat(numbers_of(parameters))
        assert value == pytest.approx(total.data, rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-10, atol=1e-12)
        for p, grad in zip(parameters, wanted):
            p.data -= 0.05 * grad


@pytest.mark.parametrize("how", ["hinge", "plain_inputs", "leaves_outside", "cross_entropy", "odd_terms"])
def test_a_data_set_is_rolled(how):
    demo = Demo(how, n=60, outputs=3 if how == "cross_entropy" else 1)
    step = autograd.compile(demo.total_loss, demo.model.parameters())
    step()
    found = re.search(r"rolled into (\d+) subgraph\(s\) over ([\d, ]+) examples", str(step))
    assert sum(map(int, found[2].split(", "))) >= 58
    assert int(found[1]) == (3 if how == "cross_entropy" else 1)
    again = autograd.compile(demo.total_loss, demo.model.parameters(), without=("roll",))
    again()
    assert "rolled" not in str(again)
    assert len(step.program) < len(again.program) / 4


@pytest.mark.parametrize("how", ["leaves_outside", "root_of_mean", "cross_entropy", "each_by_the_mean", "odd_terms"])
def test_data_that_is_changed_between_calls_is_seen(how):
    """Values made outside of the function are read at every call."""
    demo = Demo(how, outputs=3 if how == "cross_entropy" else 1)
    parameters = demo.model.parameters()
    step = autograd.compile(demo.total_loss, parameters)
    step()
    for k, row in enumerate(demo.inputs):
        row[0].data += 0.1 * k
        row[1].data = -row[1].data
    for p in parameters:
        p.grad = 0.0
    total = demo.total_loss()
    total.backward()
    wanted = gradients_of(parameters)
    assert step() == pytest.approx(total.data, rel=1e-10)
    np.testing.assert_allclose(gradients_of(parameters), wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, LANES, LANES + 1, 131])
def test_data_sets_of_every_length(n):
    demo = Demo("hinge", n=n)
    parameters = demo.model.parameters()
    total = demo.total_loss()
    total.backward()
    wanted = gradients_of(parameters)
    assert autograd.compile(demo.total_loss, parameters)() == pytest.approx(total.data, rel=1e-10)
    np.testing.assert_allclose(gradients_of(parameters), wanted, rtol=1e-10, atol=1e-12)


def test_a_long_sum_of_a_few_parameters():
    """Terms that have no parameter in common differ in the parameters, not in numbers."""
    parameters = [Value(0.1 * k) for k in range(40)]
    step = autograd.compile(lambda: sum([(p - 1.0) ** 2 for p in parameters]) + parameters[0] * 2.0, parameters)
    assert step() == pytest.approx(sum((p.data - 1.0) ** 2 for p in parameters), rel=1e-12)
    wanted = [2 * (p.data - 1.0) + (2.0 if k == 0 else 0.0) for k, p in enumerate(parameters)]
    np.testing.assert_allclose(gradients_of(parameters), wanted, **CLOSE)


# --- Errors ----------------------------------------------------------------------------------------------------------

NOT_KNOWN = {
    "if": (lambda v: v if v > 0 else -v, "`if` on a Value.*autograd.where"),
    "and": (lambda v: v and 1.0, "`if` on a Value.*autograd.where"),
    "not": (lambda v: 1.0 - (not v), "`if` on a Value.*autograd.where"),
    "bool": (lambda v: v * bool(v), "`if` on a Value.*autograd.where"),
    "max": (lambda v: max(v, 1.0), "`if` on a Value.*autograd.maximum"),
    "min": (lambda v: min([v, v * 2]), "`if` on a Value.*autograd.minimum"),
    "in": (lambda v: v * (v in [1.0, 2.0]), "`if` on a Value.*autograd.where"),
    "index": (lambda v: v * [1.0, 2.0].index(v), "`if` on a Value.*autograd.where"),
    "sorted": (lambda v: sorted([v, v * 2, 3.0])[0], "`if` on a Value.*autograd.where"),
    "or": (lambda v: v * (v > 0 or 2.0), "`if` on a Value.*autograd.where"),
    "float": (lambda v: v * float(v), r"float\(v\).*autograd.where"),
    "math.exp": (lambda v: math.exp(v) * v, r"float\(v\).*autograd.where"),
    "int": (lambda v: v * int(v), r"int\(v\).*autograd.where"),
    "an index": (lambda v: v * [1.0, 2.0][v], r"int\(v\).*autograd.where"),
    "range": (lambda v: sum(v for _ in range(v)), r"int\(v\).*autograd.where"),
    "round": (lambda v: v * round(v), r"round\(v\).*autograd.where"),
    "complex": (lambda v: v * complex(v), r"complex\(v\).*autograd.where"),
    "numpy": (lambda v: v * np.float64(v), r"float\(v\).*autograd.where"),
    "data": (lambda v: v * v.data, r"v\.data.*compute with v itself"),
    "setting data": (lambda v: setattr(v, "data", 1.0), r"v\.data = .*outside of the function"),
    "backward": (lambda v: (v * v).backward(), r"backward\(\).*return the loss"),
    "grad": (lambda v: v * v.grad, r"v\.grad.*autograd\.grad\(f\)"),
    "a gradient added to": (lambda v: setattr(v, "grad", v.grad + 1.0), r"v\.grad.*autograd\.grad\(f\)"),
    "local derivatives": (lambda v: (v * v).local_derivatives[0] * v, r"v\.local_derivatives.*autograd\.grad\(f\)"),
    "format": (lambda v: v * float(f"{v:.3f}"), r"f'{v:\.3f}'.*what the compiled function returns"),
    "format of an array": (lambda v: v * len(f"{np.array([v])[0]:8}"), r"f'{v:8}'.*what the compiled function returns"),
    "copy": (lambda v: v * copy.copy(v), "a copy or a pickle of v.*use v itself"),
    "deepcopy": (lambda v: v * copy.deepcopy([v * 2.0])[0], "a copy or a pickle of v.*use v itself"),
    "pickle": (lambda v: v * pickle.loads(pickle.dumps(v * v)), "a copy or a pickle of v.*use v itself"),
    "np.argmax": (lambda v: v * np.argmax([v, v * 2]), "`if` on a Value.*autograd.where"),
    "np.sort": (lambda v: np.sort(np.array([v, v * 2]))[0], "`if` on a Value.*autograd.where"),
    "np.unique": (lambda v: np.unique(np.array([v, v * 2]))[0], "`if` on a Value.*autograd.where"),
    "np.where": (lambda v: np.where(np.array([v]) > 0, v, 0.0)[0], "`if` on a Value.*autograd.where"),
    "state_dict": (lambda v: v * MODEL.state_dict()["layers.0.neurons.0.b"], r"v\.data.*compute with v itself"),
    "predict": (lambda v: v * predict(MODEL, [[1.0, 2.0]])[0], r"v\.data.*compute with v itself"),
}


def assert_no_trace():
    """Nothing is being recorded: comparisons are of numbers again, and numbers can be read and set."""
    v = Value(2.0)
    assert not blocks.traces
    assert modes.trace() is None
    assert (v > 1.0) is True
    assert (v == 2.0) is True
    assert (v.data, float(v.data), bool(v)) == (2.0, 2.0, True)
    v.data = 3.0
    (v * v).backward()
    assert v.grad == 6.0
    v.detach().data = 1.0


@pytest.mark.parametrize("what", NOT_KNOWN)
@pytest.mark.parametrize("way", ["loss", "batch", "number", "no arguments", "evaluate", "inside grad"])
def test_what_needs_a_number_is_an_error(what, way):
    f, message = NOT_KNOWN[what]
    w = Value(2.0)
    w.grad = 5.0
    call = {
        "loss": lambda: autograd.compile(lambda x: f(w * x), [w])([1.0, 2.0]),
        "batch": lambda: autograd.compile(f, vmap=True)(np.array([1.0, 2.0])),
        "number": lambda: autograd.compile(f)(1.0),
        "no arguments": lambda: autograd.compile(lambda: f(w), [w])(),
        "evaluate": lambda: autograd.compile(lambda x: f(w * x), [w]).evaluate([1.0]),
        "inside grad": lambda: autograd.compile(autograd.grad(f))(1.0),
    }[way]
    with pytest.raises(CompileError, match=message) as caught:
        call()
    place = f.__code__
    assert f"{place.co_filename}, line {place.co_firstlineno}, in <" in str(caught.value)
    assert w.grad == 5.0
    assert w.data == 2.0
    assert_no_trace()


@pytest.mark.parametrize("result", [None, "text", [1.0, None], 1j, object(), {"a": {1.0}}, np.array(["a"])])
def test_a_result_that_is_no_number_is_an_error(result):
    w = Value(1.0)
    for step in (autograd.compile(lambda x: result), autograd.compile(lambda x: result, [w])):
        with pytest.raises(CompileError, match=r"must return a Value, or a pytree of Values, got"):
            step([1.0])
    assert_no_trace()


def test_a_loss_that_is_several_numbers_is_an_error():
    w = Value(1.0)
    with pytest.raises(CompileError, match=r"wants a loss, one Value, the function returned 2.*has_aux=True"):
        autograd.compile(lambda x: [w * x, w], [w])([1.0])
    with pytest.raises(CompileError, match=r"wants a function whose result is one number, it returned 2.*jacobian"):
        autograd.compile(lambda x: [w * x, w], [w]).grad([1.0])
    with pytest.raises(CompileError, match=r"wants a function whose result is one number, it returned 2.*jacobian"):
        autograd.compile(lambda x: [x, x]).grad(1.0)
    assert autograd.compile(lambda x: [w * x, w], [w]).evaluate([1.0]).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda X, y: (X, y[:-1]), ValueError, "argument 2 has 8 examples, the ones before it have 9"),
        (lambda X, y: (X[:0], y), ValueError, "argument 2 has 9 examples, the ones before it have 0"),
        (lambda X, y: (X[:, :1], y), ValueError, "2"),
        (lambda X, y: (np.hstack([X, X]), y), ValueError, "2"),
        (lambda X, y: ([[1.0, 2.0], [1.0]], [1.0, 1.0]), ValueError, "argument 1 is ragged"),
        (lambda X, y: ([[1.0, 2.0], 1.0], [1.0, 1.0]), ValueError, "argument 1 is ragged"),
        (lambda X, y: (X, [[1.0]] * 8 + [[1.0, 2.0]]), ValueError, "argument 2 is ragged"),
        (lambda X, y: (np.array([[1.0, 2.0], [1.0]], dtype=object), y[:2]), ValueError, "argument 1 is ragged"),
        (lambda X, y: (X, ["a"] * 9), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, "abc"), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, [1.0] * 8 + ["2.0"]), TypeError, "argument 2 wants"),
        (lambda X, y: (X, [*y[:-1], "2.0", Fraction(1)][1:]), TypeError, "argument 2 wants"),
        (lambda X, y: (X, [None] * 9), TypeError, "argument 2 wants a number.*got NoneType None"),
        (lambda X, y: (X, [*y[:-1], None]), TypeError, "argument 2 wants a number.*got NoneType None"),
        (lambda X, y: (X, None), TypeError, "argument 2 wants a number.*got NoneType None"),
        (lambda X, y: (X, y + 1j), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, 1j), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, list(map(Value, y))), TypeError, r"argument 2 wants a number, got a Value: write v\.data"),
        (lambda X, y: (np.vectorize(Value, otypes=[object])(X), y), TypeError, r"argument 1 .*v\.data"),
        (lambda X, y: (X, Value(1.0)), TypeError, r"argument 2 wants a number, got a Value: write v\.data"),
        (lambda X, y: (X, y.astype("datetime64[s]")), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, {"a": 1.0}), TypeError, "argument 2 wants"),
        (lambda X, y: (X, {1.0, 2.0}), TypeError, "argument 2 wants"),
        (lambda X, y: (X, b"bytes"), TypeError, "argument 2 wants"),
        (lambda X, y: (X, [10**400] * 9), OverflowError, "argument 2"),
        (lambda X, y: (X,), TypeError, "missing 1 required positional argument: 'y'"),
        (lambda X, y: (), TypeError, "missing 2 required positional arguments"),
        (lambda X, y: (X, y, y), TypeError, "takes 2 positional arguments but 3 were given"),
    ],
)
@pytest.mark.parametrize("way", ["call", "flat", "evaluate", "grad"])
def test_arguments_that_do_not_fit(arguments, error, message, way):
    step, _ = shared_hinge_step()
    X, y = examples(9)
    wanted = step(X, y), gradients_of(step.parameters)
    for k, p in enumerate(step.parameters):
        p.grad = float(k)
    vector = numbers_of(step.parameters)
    calls = {"call": step, "flat": functools.partial(step.flat, vector), "evaluate": step.evaluate, "grad": step.grad}
    with pytest.raises(error, match=message):
        calls[way](*arguments(X, y))
    assert gradients_of(step.parameters) == [float(k) for k in range(len(step.parameters))]
    assert numbers_of(step.parameters) == vector
    assert_no_trace()
    assert (step(X, y), gradients_of(step.parameters)) == wanted


@pytest.mark.parametrize(
    "vector", [[1.0], np.ones((2, 1)), 1.0, [], np.ones((1, 2)), ["1", "2"], [1j, 2j], [None, 1.0]]
)
def test_vectors_that_do_not_fit(vector):
    w, v = Value(1.0), Value(2.0)
    step = autograd.compile(lambda x: w * x + v, [w, v])
    with pytest.raises((ValueError, TypeError)) as caught:
        step.flat(vector, [1.0])
    if np.asarray(vector).dtype == float:
        assert "flat wants a vector of 2 numbers, one for each parameter" in str(caught.value)
    assert gradients_of([w, v]) == [0.0, 0.0]
    assert step.flat([3.0, 4.0], [1.0])[0] == 7.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reduce": "max"}, ValueError, "reduce is one of mean, sum, got 'max'"),
        ({"reduce": None}, ValueError, "reduce is one of mean, sum, got None"),
        ({"dtype": "float16"}, ValueError, "dtype is one of float64, float32, got 'float16'"),
        ({"math": "fast"}, ValueError, "math is one of vector, libm, got 'fast'"),
        ({"threads": 0}, ValueError, "threads is an integer of at least 1, got 0"),
        ({"threads": -1}, ValueError, "threads is an integer of at least 1, got -1"),
        ({"threads": 1.5}, ValueError, "threads is an integer of at least 1, got 1.5"),
        ({"threads": None}, ValueError, "threads is an integer of at least 1, got None"),
        ({"without": ["no_such_pass"]}, ValueError, "no_such_pass"),
        ({"without": "roll"}, (ValueError, TypeError), "without"),
        ({"parameters": [Value(1.0)] * 2}, ValueError, "each parameter once"),
        ({"parameters": [1.0]}, TypeError, "parameters are leaf Values, got 1.0"),
        ({"parameters": [Value(1.0) * 2]}, TypeError, "parameters are leaf Values"),
        ({"parameters": MLP(2, [1], rng=0)}, TypeError, r"model\.parameters\(\)"),
        ({"parameters": Value(1.0)}, TypeError, "parameters"),
        ({"parameters": "ab"}, TypeError, "parameters are leaf Values"),
        ({"wrt": "x"}, TypeError, "wrt"),
        ({"wrt": 0.5}, TypeError, "wrt"),
        ({"f": 3}, TypeError, "compile wants a function of Values, got 3"),
        ({"f": None}, TypeError, "compile wants a function of Values, got None"),
    ],
)
def test_options_that_are_none(options, error, message):
    options = {"f": lambda x: x, **options}
    with pytest.raises(error, match=message):
        autograd.compile(options.pop("f"), options.pop("parameters", ()), **options)


def test_positions_that_are_none():
    f = autograd.compile(lambda x, y: x * y, wrt=2)
    with pytest.raises(IndexError, match=r"wrt=2, but compile\(<lambda>\) was called with 2 arguments"):
        f.grad(1.0, 2.0)
    with pytest.raises(IndexError, match=r"wrt=2"):
        f.grad(np.ones(3), np.ones(3))
    assert f(1.0, 2.0) == 2.0


def test_what_has_no_parameters_has_no_gradients_of_them():
    f = autograd.compile(lambda x: x * x)
    with pytest.raises((TypeError, ValueError)):
        f.flat([1.0], [1.0])
    with pytest.raises(TypeError, match="no parameters"):
        f.flat([], [1.0])


@pytest.mark.parametrize("error", [RuntimeError, KeyError, KeyboardInterrupt, RecursionError])
def test_an_error_of_the_function_itself_comes_out_as_it_is(error):
    failing = [True]
    w = Value(2.0)
    w.grad = 7.0

    def f(x):
        if failing:
            raise error("of my own")
        return w * x

    step, g = autograd.compile(f, [w]), autograd.compile(f)
    for call in (lambda: step([1.0]), lambda: step.evaluate([1.0]), lambda: g(1.0), lambda: g(np.array([1.0, 2.0]))):
        with pytest.raises(error, match="of my own"):
            call()
        assert_no_trace()
    assert w.grad == 7.0
    failing.clear()
    assert step([1.0, 2.0]) == 3.0
    assert g(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]


def test_the_error_of_one_example_is_told_where_nothing_fits():
    with pytest.raises(AttributeError, match="lgamma"):
        autograd.compile(lambda x: autograd.where(x > 0, x.lgamma(), x), vmap=True)(np.array([1.0, 2.0]))


def test_modes_inside_of_a_function_are_left_with_it():
    w = Value(2.0)

    @autograd.no_grad()
    def constant(x):
        return w * x

    step = autograd.compile(lambda x: constant(x) * w + w.detach() * x, [w])
    assert step([1.0, 3.0]) == 12.0
    assert w.grad == 4.0
    with autograd.no_grad():
        assert step([1.0, 3.0]) == 12.0
        assert autograd.compile(lambda x: w * x, [w])([1.0]) == 2.0
        assert w.grad == 1.0
    assert modes.is_recording()


def test_other_threads_are_not_recorded():
    """While one thread records, Values of another are numbers; and it may record as well."""
    recording, checked = threading.Event(), threading.Event()
    w = Value(2.0)

    def f(x):
        recording.set()
        assert checked.wait(60)
        return w * autograd.where(x > 0, x, 0.0)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(autograd.compile(f, [w]), [1.0, -1.0])
        assert recording.wait(60)
        try:
            v = Value(3.0)
            assert blocks.traces
            assert modes.trace() is None
            assert (v > 2.0) is True
            assert (v.data, max(v, 1.0).data, math.floor(v.data), bool(v)) == (3.0, 3.0, 3, True)
            v.data = 4.0
            (v * v.detach()).backward()
            assert v.grad == 4.0
            assert autograd.compile(lambda x: autograd.where(x > 1, x * v, 0.0))(2.0) == 8.0
            with pytest.raises(CompileError):
                autograd.compile(lambda x: x if x > 0 else 0.0)(1.0)
            assert blocks.traces
            assert modes.trace() is None
        finally:
            checked.set()
        assert pending.result() == 1.0
    assert_no_trace()


# --- Copies and pickles ----------------------------------------------------------------------------------------------


class Task:
    """A model and a loss that belong together."""

    def __init__(self):
        self.model = MLP(2, [3, 1], activation="tanh", rng=0)

    def loss(self, x, y):
        return (self.model(x) - y) ** 2


MODEL = MLP(2, [3, 1], activation="tanh", rng=0)


def loss_of_the_module(x, y):
    return (MODEL(x) - y) ** 2


def reloaded(thing):
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("duplicate", [reloaded, copy.deepcopy])
def test_a_copy_of_a_task_trains_a_model_of_its_own(duplicate, called):
    task = Task()
    X, y = examples(9)
    step = autograd.compile(task.loss, task.model.parameters(), reduce="sum", without=("find_layers",), math="libm")
    if called:
        step(X, y)
    other_step, other = duplicate((step, task))
    assert other_step.parameters == other.model.parameters()
    assert other_step.f.__self__ is other
    assert (other_step.reduce, other_step.without, other_step.math) == ("sum", ("find_layers",), "libm")
    value = step(X, y)
    kept = gradients_of(step.parameters)
    for p in step.parameters:
        p.grad = 7.0
    assert other_step(X, y) == value
    assert gradients_of(other.model.parameters()) == kept
    assert gradients_of(task.model.parameters()) == [7.0] * len(kept)
    other.model.parameters()[0].data += 1.0
    assert other_step(X, y) != value
    assert step(X, y) == value


def test_a_copy_that_does_not_bring_its_model_along():
    """A plain function is the same function in a copy, and it uses the same model."""
    step = autograd.compile(loss_of_the_module, MODEL.parameters())
    X, y = examples(9)
    value = step(X, y)
    for other in (copy.copy(step), copy.deepcopy(step)):
        assert all(p is q for p, q in zip(other.parameters, step.parameters))
        assert other(X, y) == value
        assert other.executables is not step.executables
    (w,) = parameters = [Value(2.0)]
    other = copy.deepcopy(autograd.compile(lambda x: w * x, parameters))
    assert other([1.0]) == 2.0
    assert w.grad == 1.0


def test_a_pickle_is_loaded_in_another_process(tmp_path):
    """The model of the module is made anew there, the one in the pickle with it."""
    task = Task()
    task.model.parameters()[0].data = 0.125
    X, y = examples(9)
    step = autograd.compile(task.loss, task.model.parameters())
    value = step(X, y)
    (tmp_path / "step").write_bytes(pickle.dumps((step, task, X, y)))
    code = (
        "import pickle, sys; step, task, X, y = pickle.load(open(sys.argv[1], 'rb')); print(repr(step(X, y))); "
        "print(step.parameters == task.model.parameters(), task.model.parameters()[0].grad)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "step")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=os.path.dirname(__file__), check=False)
    assert done.stdout.split() == [repr(value), "True", repr(step.parameters[0].grad)], done.stderr


def test_functions_without_parameters_are_copied():
    g = autograd.compile(rosenbrock, wrt=(0,))
    for other in (g, reloaded(g), copy.copy(g), copy.deepcopy(g)):
        assert other([0.5, 2.0]) == pytest.approx(rosenbrock([0.5, 2.0]), rel=1e-14)
        assert other.wrt == (0,)


def test_what_cannot_be_pickled_says_so():
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(autograd.compile(lambda x: x))


# --- Threads ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def _switching_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(count, work):
    """What `work(k)` gives for k < count, each in a thread, all started together."""
    barrier = threading.Barrier(count)

    def started(k):
        barrier.wait(60)
        return work(k)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(started, range(count)))


@pytest.mark.usefixtures("_switching_often")
def test_threads_may_call_the_same_step_with_vectors_of_their_own():
    step, _ = hinge_step()
    X, y = examples(40)
    vectors = np.random.default_rng(1).normal(size=(8, len(step.parameters)))
    wanted = [step.flat(vector, X, y) for vector in vectors]

    def work(k):
        found = [step.flat(vectors[k], X, y) for _ in range(200)]
        return all(value == wanted[k][0] and (grad == wanted[k][1]).all() for value, grad in found)

    assert in_threads(8, work) == [True] * 8


@pytest.mark.usefixtures("_switching_often")
@pytest.mark.parametrize("how", ["hinge", "leaves_outside"])
def test_threads_may_call_the_same_loss_of_a_whole_data_set(how):
    demo = Demo(how)
    step = autograd.compile(demo.total_loss, demo.model.parameters())
    vectors = np.random.default_rng(1).normal(size=(6, len(step.parameters)))
    wanted = [step.flat(vector) for vector in vectors]
    assert len({value for value, _ in wanted}) == 6
    assert len({tuple(gradient) for _, gradient in wanted}) == 6  # a result is the caller's own

    def work(k):
        found = [step.flat(vectors[k]) for _ in range(100)]
        return all(value == wanted[k][0] and (grad == wanted[k][1]).all() for value, grad in found)

    assert in_threads(6, work) == [True] * 6


@pytest.mark.usefixtures("_switching_often")
def test_a_call_keeps_the_tables_that_it_reads_though_another_thread_makes_them_anew(monkeypatch):
    w = Value(2.0)
    step = autograd.compile(lambda: autograd.sum([(w * k).tanh() * (k + 0.5) for k in range(20)]), [w])
    made = []

    def tables(self, *arguments, tables=reroll.Rerolled.tables):
        found = tables(self, *arguments)
        made.extend(map(weakref.ref, found))
        return found

    monkeypatch.setattr(reroll.Rerolled, "tables", tables)
    step()
    call = step.executables.recent.call
    step.executables.recent = None  # as if this thread had been the first, and the next the last
    step()
    gc.collect()
    assert len(made) == 2
    assert all(table() is not None for table in made)
    assert call(np.array([2.0]))[0] == step()


def test_threads_may_call_the_same_step_with_arguments_of_their_own():
    """Of other shapes, so that each wants a program of its own; compiled at the same time."""
    w = Value(2.0)
    step = autograd.compile(lambda x: w * autograd.sum(list(x)), [w], reduce="sum")
    tables = [np.full((3 + k, 1 + 5 * k), 1.0 + k) for k in range(6)]

    def work(k):
        own = tables[k]
        found = [(step.flat([3.0], own)[0], step.evaluate(own).sum(), step.grad(own).sum()) for _ in range(100)]
        return set(found) == {(3 * own.sum(), 2 * own.sum(), 2.0 * own.size)}

    assert in_threads(6, work) == [True] * 6
    assert_no_trace()


@pytest.mark.usefixtures("_switching_often")
def test_threads_may_compile_at_the_same_time():
    def work(k):
        w = Value(2.0 + k)
        step = autograd.compile(lambda x: autograd.where(x > k, w * x.exp(), x.tanh()) ** 2, [w])
        x = np.linspace(-1.0, 9.0, 50)
        return step(x), w.grad, 2.0 + k, k

    x = np.linspace(-1.0, 9.0, 50)
    for value, grad, w, k in in_threads(4, work):
        assert value == pytest.approx(np.mean(np.where(x > k, w * np.exp(x), np.tanh(x)) ** 2), rel=1e-12)
        assert grad == pytest.approx(np.mean(np.where(x > k, 2 * w * np.exp(2 * x), 0.0)), rel=1e-12)
    assert_no_trace()


@pytest.mark.parametrize(("n", "threads"), sampled(itertools.product([4096, 4097, 5000, 100], [2, 3]), every=3))
def test_several_threads_to_a_batch(threads, n):
    X, y = examples(n)
    steps = []
    for count in (1, threads):
        model = MLP(2, [8, 8, 1], activation="tanh", rng=0)
        parameters = model.parameters()

        def loss(x, y, model=model, parameters=parameters):
            z = model(x)
            return (z - y) ** 2 + 0.1 * autograd.dot(parameters, parameters), [z, y]

        steps.append(autograd.compile(loss, parameters, has_aux=True, threads=count, reduce="sum"))
    (value, aux), (wanted, wanted_aux) = steps[1](X, y), steps[0](X, y)
    assert value == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_array_equal(aux, wanted_aux)
    np.testing.assert_allclose(
        gradients_of(steps[1].parameters), gradients_of(steps[0].parameters), rtol=1e-12, atol=1e-10
    )
    for _ in range(5):
        assert steps[1](X, y)[0] == value
    outputs = [autograd.compile(lambda x: x[0].tanh() * x[1], threads=count, vmap=True) for count in (1, threads)]
    np.testing.assert_array_equal(outputs[1](X), outputs[0](X))
    np.testing.assert_array_equal(outputs[1].grad(X), outputs[0].grad(X))


@pytest.mark.usefixtures("_switching_often")
def test_several_threads_to_a_batch_called_by_several_threads():
    step, _ = hinge_step(threads=2)
    X, y = examples(3000)
    vectors = np.random.default_rng(1).normal(size=(4, len(step.parameters)))
    wanted = [step.flat(vector, X, y) for vector in vectors]

    def work(k):
        found = [step.flat(vectors[k], X, y) for _ in range(30)]
        return all(value == wanted[k][0] and (grad == wanted[k][1]).all() for value, grad in found)

    assert in_threads(4, work) == [True] * 4


def test_ctrl_c_while_threads_share_a_batch(interrupt):
    """At whatever line it finds them: memory that a thread still works on is not given back, and none is lost."""
    step, _ = hinge_step(threads=2)
    X, y = examples(20_000)
    value, outputs = step(X, y), step.evaluate(X, y)
    for call in (step, step.evaluate):
        line = 0
        while True:
            line += 1
            own, interruption = (X.copy(), y.copy()), interrupt(line)
            try:
                interruption.start()
                call(*own)
                break
            except KeyboardInterrupt:
                del own
            finally:
                interruption.stop()
        assert line > 20
        assert step(X, y) == value
        assert (step.evaluate(X, y) == outputs).all()


FORKED = """
import os
import numpy as np, autograd

w = autograd.Value(2.0)
step = autograd.compile(lambda x: w * x, [w], threads=2)
x = np.ones(100_000)
step(x)
child = os.fork()
value = step(x)
if child == 0:
    os._exit(0 if value == 2.0 else 1)
print(value, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies of others")
def test_threads_in_a_copy_of_the_process():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False, timeout=600)
    assert done.stdout.split() == ["2.0", "0"], done.stderr


FORKED_MEANWHILE = """
import os, signal, sys, threading
import autograd
from autograd import Value, modes
from autograd.compiler import executables
from autograd.compiler.runtime import native

where = sys.argv[1]
inside, go_on = threading.Event(), threading.Event()
w = Value(2.0)
autograd.compile(lambda x: w * x, [w])(3.0)


class Asked:
    \"\"\"A lock that another thread holds until somebody asks for it.\"\"\"

    def __init__(self, lock):
        self.lock = lock

    def acquire(self):
        if threading.current_thread() is not holder:
            go_on.set()
        return self.lock.acquire() if hasattr(self.lock, "acquire") else self.lock.__enter__()

    def release(self):
        self.lock.release() if hasattr(self.lock, "release") else self.lock.__exit__(None, None, None)

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()


def recorded(x):
    if not inside.is_set():
        inside.set()
        go_on.wait()
    return w * x


step = autograd.compile(recorded, [w])


def hold():
    if where == "recording":
        step(3.0)
        return
    with locks[where]:
        inside.set()
        go_on.wait()


holder = threading.Thread(target=hold)
locks = {}
if where == "backward":
    locks[where] = modes.one_backward_at_a_time = Asked(modes.one_backward_at_a_time)
elif where == "LLVM":
    lib = native.llvm().ffi.lib
    locks[where] = lib._lock = Asked(lib._lock)
elif where == "between two calls of LLVM":
    locks[where] = native._lock
holder.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(120)
    y = w * 5
    y.backward()
    good = w.grad == 5.0 + 3.0 and step(4.0) == 8.0 and autograd.compile(lambda x: w * x * x, [w])(3.0) == 18.0
    os._exit(0 if good and w.grad == 9.0 else 1)
status = os.waitpid(child, 0)[1]
go_on.set()
holder.join()
print(os.waitstatus_to_exitcode(status), step(4.0), w.grad)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies of others")
@pytest.mark.parametrize("where", ["recording", "backward", "LLVM", "between two calls of LLVM"])
def test_a_copy_of_the_process_made_while_another_thread_is_busy(where):
    command = [sys.executable, "-W", "ignore", "-c", FORKED_MEANWHILE, where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["0", "8.0", "4.0"], "")


FORKED_IN_THE_MIDDLE = """
import os, signal
import autograd
from autograd import Value

w = Value(2.0)
children = []


def f(x):
    if not children:  # it is run more than once
        children.append(os.fork())
        if children[0] == 0:
            signal.alarm(120)
    return w * x


value = autograd.compile(f, [w])(3.0)
if children[0] == 0:
    os._exit(0 if (value, w.grad, autograd.compile(lambda x: w * x, [w])(3.0)) == (6.0, 3.0, 6.0) else 1)
print(value, w.grad, os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies of others")
def test_a_function_that_is_recorded_may_copy_the_process():
    done = subprocess.run([sys.executable, "-c", FORKED_IN_THE_MIDDLE], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["6.0", "3.0", "0"], "")


# --- Memory ----------------------------------------------------------------------------------------------------------


RESIDENT = """
import gc, os
import numpy as np, autograd

def resident_bytes():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

w, x = autograd.Value(2.0), np.ones(3)
step = autograd.compile(lambda x: (w * x).exp() + w.sin(), [w])

def compile_again():
    step.clear_cache()
    step(x)

def call():
    step(x), step.flat([2.0], x), step.evaluate(x), step([1.0])

for work, count in ((compile_again, 150), (call, 100_000)):
    for _ in range(count):
        work()
    before = resident_bytes()
    for _ in range(count):
        work()
    print((resident_bytes() - before) / count)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks where Linux says how large a process is")
def test_a_process_does_not_grow():
    """Code takes some 100 KB each time, the smallest object of a call 16 bytes."""
    done = subprocess.run([sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True)
    of_code, of_a_call = map(float, done.stdout.split())
    assert of_code < 30_000
    assert of_a_call < 16


def test_calls_leave_nothing_behind():
    step, _ = hinge_step()
    parameters = step.parameters
    X, y = examples(5)
    lists = X.tolist(), y.tolist()
    vector = np.array(numbers_of(parameters))
    g = autograd.compile(lambda x: x.tanh(), vmap=True)
    calls = [
        lambda: step(X, y),
        lambda: step.flat(vector, X, y),
        lambda: step.evaluate(X, y),
        lambda: step(*lists),
        lambda: g(0.5),
        lambda: g(vector),
    ]
    gc.freeze()  # what is there is not looked through again and again
    try:
        for call in calls:
            assert min([blocks_left_by(call, 400) for _ in range(3)]) < 200  # other threads may leave some as well
    finally:
        gc.unfreeze()


def blocks_left_by(call, count):
    call()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(count):
        call()
    gc.collect()
    return sys.getallocatedblocks() - before


def test_nothing_is_kept_alive_by_a_call():
    """Neither the arguments nor what was recorded; and code goes with the last reference to it."""
    step, _ = hinge_step()
    X, y = examples(5)
    step(X, y)
    references = weakref.ref(X), weakref.ref(y)
    del X, y
    assert [r() for r in references] == [None, None]
    module = weakref.ref(step.executables.last.built.code)
    step.clear_cache()
    gc.collect()
    assert module() is None


@pytest.mark.parametrize("kind", ["a list", "an array", "rows", "a batch of lists"])
def test_of_lists_of_every_length_the_programs_used_last_are_kept(kind, monkeypatch):
    monkeypatch.setattr(executables, "MOST_EXECUTABLES", 3)
    weight = Value(2.0)
    of_numbers = autograd.compile(lambda x: autograd.sum(x) * weight)
    of_rows = autograd.compile(lambda x: autograd.sum(x) * weight, [weight])
    call = {
        "a list": lambda n: of_numbers([1.0] * n),
        "an array": lambda n: of_numbers(np.ones(n)),
        "rows": lambda n: of_rows(np.ones((5, n))),
        "a batch of lists": lambda n: of_rows([[1.0] * n] * 5),
    }[kind]
    step = of_numbers if kind in ("a list", "an array") else of_rows
    codes = {}
    for n in (2, 3, 4, 2, 5, 6, 2, 7, 2):
        assert call(n) == 2.0 * n
        codes[n] = weakref.ref(step.executables.last.built.code)
    gc.collect()
    assert [n for n, code in codes.items() if code() is not None] == [2, 6, 7]
    assert len(step.executables) == 3
    assert call(3) == 6.0


def test_a_program_that_is_forgotten_while_it_runs_goes_on(monkeypatch):
    monkeypatch.setattr(executables, "MOST_EXECUTABLES", 1)
    g = autograd.compile(autograd.sum)
    assert g(np.ones(3)) == 3.0
    numbers, ran = np.ones(3), []

    def run_after_others_were_called(run, *arguments):
        g(np.ones(4))
        gc.collect()
        ran.append(len(g.executables))
        return run(*arguments)

    last = g.executables.last
    monkeypatch.setattr(last, "run", functools.partial(run_after_others_were_called, last.run))
    code = weakref.ref(last.built.code)
    del last
    assert g(numbers) == 3.0
    assert ran == [1]
    monkeypatch.undo()
    gc.collect()
    assert code() is None


def test_threads_may_call_more_lengths_than_are_kept(monkeypatch):
    monkeypatch.setattr(executables, "MOST_EXECUTABLES", 2)
    g = autograd.compile(autograd.sum)
    lengths = [1 + (7 * k) % 5 for k in range(60)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: g(np.ones(n)), lengths)) == lengths
    assert len(g.executables) == 2
    assert set(g.executables._of_vectors.values()) <= set(g.executables._known.values())


# --- What was compiled, told -----------------------------------------------------------------------------------------


def test_the_program_is_readable():
    w, b = Value(2.0, label="w"), Value(1.0)
    step = autograd.compile(lambda x, target: ((w * x + b).tanh() - target) ** 2, [w, b])
    with pytest.raises(RuntimeError, match="call it, then look"):
        step.program
    step([1.0, 2.0], [0.0, 1.0])
    lines = step.program.splitlines()
    assert "forward:" in lines
    assert "backward:" in lines
    forward, backward = step.program.split("backward:")
    for part in ("tanh(", "- target", "** 2", "sum over the examples of", "/ n", "w", "x", "parameter[1]"):
        assert part in forward
    assert re.search(r"gradient of w \+= sum over the examples of %\d+", backward)
    assert re.search(r"gradient of parameter\[1\] \+= sum over the examples of %\d+", backward)
    assert all(len(line) < 200 for line in lines)


def test_printing_tells_what_was_compiled():
    step, _ = hinge_step()
    assert str(step) == repr(step) == "<compile(loss), 21 parameters, float64, 0 programs>"
    step(*examples(3))
    text = str(step)
    assert text.startswith("<compile(loss), 21 parameters, float64, 1 programs>\n")
    for name in ("trace", "fold_constants", "find_layers", "differentiate", "expand", "dead_code", "line_up"):
        assert re.search(rf"^  {name} +[\d,]+ instructions$", text, re.MULTILINE)
    assert re.search(r"compiled in \d+\.\d\d s: passes \d+\.\d\d s, LLVM \d+\.\d\d s; \d+ pieces", text)
    assert re.search(rf"{LANES} lanes of double, blocks of \d+ examples", text)
    vectorised = bool(native.target("float64", "vector").vector_functions)
    assert ("vector math" in text) == vectorised
    plain, _ = hinge_step(math="libm")
    plain(*examples(3))
    assert "vector math" not in str(plain)
    assert re.search(r"number by number, from the C library: .*tanh", str(plain))


def test_names():
    assert autograd.compile(rosenbrock).__name__ == "compile(rosenbrock)"
    assert repr(autograd.compile(rosenbrock)) == "<compile(rosenbrock), float64, 0 programs>"
    assert autograd.compile(Task().loss).__name__ == "compile(loss)"
    assert autograd.compile(autograd.hessian(rosenbrock)).__name__ == "compile(hessian(rosenbrock))"


# --- Without llvmlite ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["llvmlite", "numpy"])
def test_without_llvmlite_it_says_how_to_install_it(missing, monkeypatch):
    step = autograd.compile(rosenbrock)
    pickled = pickle.dumps(step)
    monkeypatch.setitem(sys.modules, missing, None)
    for call in (lambda: autograd.compile(rosenbrock), lambda: pickle.loads(pickled)):
        with pytest.raises(ModuleNotFoundError, match=rf'{missing}.*pip install "\.\[compile\]"') as caught:
            call()
        assert caught.value.name == missing


def test_importing_the_library_needs_neither():
    code = "import sys, autograd, nn; assert not {'llvmlite', 'numpy', 'ctypes'} & set(sys.modules); autograd.compile"
    subprocess.run([sys.executable, "-c", code], check=True)
