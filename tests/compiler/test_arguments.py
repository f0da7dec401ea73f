"""What goes in: numbers in every form, read anew at every call."""

import copy
import math
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from steps import CLOSE, LANES, by_values, examples, gradients_of, hinge_step, numbers_of

pytestmark = pytest.mark.sampled(every=3)

# --- Forms -----------------------------------------------------------------------------------------------------------


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
