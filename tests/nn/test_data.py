"""What comes in as examples, and the two data sets of the command line."""

import math
import sys
from collections import Counter

import numpy as np
import pytest

from nn import MLP, fit
from nn.data import as_rows, as_targets, digits, moons
from nn.train import examples, native
from nn.train.examples import rows_of

as_arrays = native._as_arrays
pandas = pytest.importorskip("pandas")
ROWS = [[1.0, 2.0], [3.0, 4.5]]


# --- Rows and targets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "X",
    [
        ROWS,
        tuple(map(tuple, ROWS)),
        iter(ROWS),
        np.array(ROWS),
        np.array(ROWS, dtype=np.float32),
        np.array(ROWS, dtype=object),
        list(np.array(ROWS)),
        [[np.float64(1.0), np.int64(2)], [np.float32(3.0), 4.5]],
        pandas.DataFrame(ROWS, columns=["a", "b"]),
        pandas.DataFrame(ROWS, columns=["a", "b"], index=[7, 3]).astype({"a": int}),
    ],
    ids=["lists", "tuples", "iterator", "array", "float32", "object", "list of arrays", "scalars", "frame", "mixed"],
)
def test_rows_of_any_kind_become_lists_of_floats(X):
    rows = as_rows(X, 2)
    assert rows == ROWS
    assert {type(number) for row in rows for number in row} == {float}


def test_what_gives_one_row_after_the_other_is_read():
    wanted = [[0.0, 1.0], [1.0, 2.0]]
    for rows in (
        [range(2), range(1, 3)],
        (map(float, row) for row in wanted),
        [(x for x in row) for row in wanted],
        zip([0.0, 1.0], [1.0, 2.0]),
        dict(enumerate(wanted)).values(),
        pandas.Series(wanted),
        pandas.DataFrame(wanted, dtype=object),
        pandas.Series([np.array(row) for row in wanted]),
    ):
        assert as_rows(rows, 2) == wanted
    assert as_rows([[False, True]], 2) == [[0.0, 1.0]]


class Tensor:
    """A number in a framework's own box."""

    shape = ()

    def __init__(self, number):
        self.number = number

    def __iter__(self):
        raise TypeError("iteration over a 0-d tensor")

    def tolist(self):
        return self.number


def test_numbers_in_boxes_are_unpacked():
    assert as_targets([Tensor(1), Tensor(0)], 2) == [1, 0]
    assert as_rows([[Tensor(1.5)], [np.float32(2.0)]], 1) == [[1.5], [2.0]]


class Sparse:
    """As SciPy's matrices, whose rows are matrices again."""

    shape = (2, 2)

    def __iter__(self):
        return iter([self, self])

    def toarray(self):
        return np.zeros(self.shape)


@pytest.mark.parametrize("X", [[1, 2], np.array([1, 2]), np.array([[1.0], [2.0]]), pandas.Series([1.0, 2.0])])
def test_one_input_may_come_as_plain_numbers(X):
    assert as_rows(X, 1) == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, "X is empty"),
        (np.empty((0, 2)), ValueError, "X is empty"),
        ([[1.0, 2.0], [3.0]], ValueError, r"X\[1\] has 1 numbers, the network wants 2"),
        ([[1.0, 2.0, 3.0]], ValueError, r"X\[0\] has 3 numbers, the network wants 2"),
        ([1.0, 2.0], ValueError, r"X\[0\] has 1 numbers, the network wants 2"),
        ([[1.0, 2.0], [3.0, math.nan]], ValueError, r"X\[1\]\[1\] is nan: remove it or fill it in"),
        ([[-math.inf, 2.0]], ValueError, r"X\[0\]\[0\] is -inf"),
        (pandas.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}), ValueError, r"X\[1\]\[0\] is nan"),
        ([["1.0", 2.0]], TypeError, r"X\[0\]\[0\] wants a number, got str '1\.0'"),
        ([[None, 2.0]], TypeError, r"X\[0\]\[0\] wants a number.* got NoneType"),
        ([[[1.0], [2.0]]], TypeError, r"X\[0\]\[0\] wants one number, got a list"),
        (pandas.DataFrame({"a": ["x"], "b": [1.0]}), TypeError, r"X\[0\]\[0\] wants a number, got str 'x'"),
        ([[1.0, 2.0], 3.0], ValueError, r"X\[1\] has 1 numbers, the network wants 2: write \[x\] for X where x is"),
        (np.zeros((3, 8, 8)), TypeError, r"X\[0\]\[0\] wants one number, got a list: .* numpy\.reshape\(X, "),
        (["ab", "cd"], TypeError, r"X\[0\] wants a number, got str 'ab': write a number for each word"),
        ([["1.5", "2"]], TypeError, r"X\[0\]\[0\] wants a number, got str '1\.5': write float\('1\.5'\)"),
        ({0: [1.0, 2.0]}, TypeError, r"X is a dict, which gives its keys.*: write list\(X\.values\(\)\)"),
        ([{"a": 1.0, "b": 2.0}], TypeError, r"X\[0\] is a dict.* write list\(X\[0\]\.values\(\)\)"),
        ({(0.0, 1.0)}, TypeError, "X is a set, which has no order: write a list"),
        (Sparse(), TypeError, r"X is a sparse matrix: write X\.toarray\(\)"),
        ([[1j, 2.0]], TypeError, r"X\[0\]\[0\] wants a number, got complex 1j: write z\.real and z\.imag"),
        (np.array([[1j, 2.0]]), TypeError, r"X\[0\]\[0\] wants a number, got complex 1j"),
        (pandas.DataFrame({"a": pandas.array([1, None]), "b": 1}), TypeError, r"X\[1\]\[0\] .*<NA>: remove it or fill"),
        (pandas.DataFrame({"a": pandas.to_datetime(["2020-01-01"]), "b": 1}), TypeError, r"Timestamp.*x\.toordinal"),
        ([["x" * 1000, 1.0]], TypeError, r"got str 'x{99}: write a number"),
        ("ab", TypeError, "X wants rows of numbers, got the text 'ab'"),
        (None, TypeError, "X wants a list, an array or a frame, got NoneType None"),
        (3.0, TypeError, "X wants a list, an array or a frame, got float"),
    ],
)
def test_rows_that_do_not_fit_are_named(X, error, message):
    with pytest.raises(error, match=message):
        as_rows(X, 2)


@pytest.mark.parametrize(
    ("y", "wanted"),
    [
        ([0, 2], [0, 2]),
        ((0, 2), [0, 2]),
        (np.array([0, 2]), [0, 2]),
        (np.array([[0], [2]]), [0, 2]),
        (pandas.Series([0, 2], index=[9, 4]), [0, 2]),
        (pandas.DataFrame({"y": [0, 2]}), [0, 2]),
        ([np.int64(0), np.float32(2.0)], [0, 2]),
        (np.array([[0, 1], [2, 3]]), [[0.0, 1.0], [2.0, 3.0]]),
        (pandas.DataFrame({"a": [0, 2], "b": [1, 3]}), [[0.0, 1.0], [2.0, 3.0]]),
    ],
)
def test_targets_of_any_kind_become_numbers_or_lists_of_numbers(y, wanted):
    assert as_targets(y, 2) == wanted


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([0], ValueError, "y has 1 targets for 2 examples: it wants one for each"),
        ([], ValueError, "y has 0 targets for 2 examples"),
        ([0, math.nan], ValueError, r"y\[1\] is nan"),
        ([[0.0, 1.0], [0.0, math.inf]], ValueError, r"y\[1\]\[1\] is inf"),
        (
            ["cat", "dog"],
            TypeError,
            r"y\[0\] wants a number, got str 'cat': number the classes, classes = sorted\(set\(y\)\); "
            r"y = \[classes\.index\(t\) for t in y\]$",
        ),
        (np.array(["cat", "dog"]), TypeError, r"y\[0\] wants a number, got str 'cat': number the classes"),
        (pandas.Series(["cat", "dog"]), TypeError, r"y\[0\] wants a number, got str 'cat': number the classes"),
        (["0", "1"], TypeError, r"y\[0\] wants a number, got str '0': write float\('0'\)"),
        ({0: 1, 1: 0}, TypeError, r"y is a dict.* write list\(y\.values\(\)\)"),
        ({0, 1}, TypeError, "y is a set, which has no order"),
        ([0, None], TypeError, r"y\[1\] wants a number"),
        (None, TypeError, "y wants a list, an array or a frame, got NoneType"),
    ],
)
def test_targets_that_do_not_fit_are_named(y, error, message):
    with pytest.raises(error, match=message):
        as_targets(y, 2)


# --- Data sets -------------------------------------------------------------------------------------------------------


def test_digits_are_split_once_and_for_all():
    pytest.importorskip("sklearn")
    data = digits()
    assert [len(part) for part in data] == [1437, 1437, 360, 360]
    assert data == digits()
    assert data.test_y[:12] == FIRST_TEST_CLASSES


FIRST_TEST_CLASSES = [7, 6, 3, 7, 7, 3, 2, 8, 9, 3, 2, 6]


def test_digits_are_64_pixels_from_0_to_1_with_classes_from_0_to_9():
    pytest.importorskip("sklearn")
    data = digits()
    pixels = [pixel for rows in (data.train_x, data.test_x) for row in rows for pixel in row]
    assert len(pixels) == 1797 * 64
    assert {type(pixel) for pixel in pixels} == {float}
    assert (min(pixels), max(pixels)) == (0.0, 1.0)
    assert set(pixels) == {k / 16 for k in range(17)}
    assert set(data.train_y) == set(data.test_y) == set(range(10))
    assert {type(target) for target in data.train_y} == {int}


def test_no_digit_to_learn_from_is_among_those_to_test_on():
    datasets = pytest.importorskip("sklearn.datasets")
    data = digits()
    both = Counter(map(tuple, data.train_x)) + Counter(map(tuple, data.test_x))
    assert not {tuple(row) for row in data.train_x} & {tuple(row) for row in data.test_x}
    assert both == Counter(map(tuple, (datasets.load_digits().data / 16).tolist()))


def test_every_class_of_digits_is_in_both_parts_in_proportion():
    pytest.importorskip("sklearn")
    data = digits()
    train, test = Counter(data.train_y), Counter(data.test_y)
    for digit in range(10):
        assert test[digit] == pytest.approx((train[digit] + test[digit]) * 360 / 1797, abs=1.0)


def test_moons_are_the_data_of_micrograds_demo():
    datasets = pytest.importorskip("sklearn.datasets")
    state = np.random.get_state()
    try:
        np.random.seed(1337)
        X, y = datasets.make_moons(n_samples=100, noise=0.1)
    finally:
        np.random.set_state(state)
    points, classes = moons()
    assert points == X.tolist()
    assert classes == (y * 2 - 1).tolist()


def test_moons_are_two_classes_of_equal_size_and_depend_on_the_seed_alone():
    pytest.importorskip("sklearn")
    points, classes = moons(40, noise=0.0, seed=3)
    assert Counter(classes) == {-1: 20, 1: 20}
    assert (points, classes) == moons(40, noise=0.0, seed=3)
    assert moons(40, seed=3) != moons(40, seed=4)
    for (x, y), kind in zip(points, classes):
        centre, height = (0.0, 0.0) if kind < 0 else (1.0, 0.5)
        assert math.hypot(x - centre, y - height) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("load", [digits, moons])
def test_without_scikit_learn_the_message_says_what_to_install(load, monkeypatch):
    for module in ("sklearn", "sklearn.datasets", "sklearn.model_selection"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=r'scikit-learn.*pip install "\.\[data\]"'):
        load()


def test_masked_arrays_would_lose_their_mask():
    masked = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])
    for call in (
        lambda: as_rows(masked),
        lambda: as_rows(list(masked)),
        lambda: as_targets(masked, 2),
        lambda: as_targets(masked[:, 1], 2),
    ):
        with pytest.raises(ValueError, match=r"[Xy](\[0\])? is a masked array.*X\[~X\.mask\.any\(axis=1\)\]"):
            call()
    assert as_rows(np.ma.array(masked.data, mask=False)) == [[1.0, 2.0], [3.0, 4.0]]


# --- From what the user has to what the steps run on -----------------------------------------------------------------


def without_lists(*_):
    raise AssertionError("X was made into lists")


@pytest.mark.parametrize("dtype", [float, np.float32, int, bool])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_converted_once_and_is_the_trainings_own(dtype, order, monkeypatch):
    X = np.array([[0, 1], [1, 0], [1, 1]], dtype=dtype, order=order)
    wanted = as_rows(X)
    monkeypatch.setattr(examples, "as_rows", without_lists)
    rows = rows_of(X, 2, "X")
    assert rows.tolist() == wanted
    assert rows.dtype == float
    assert rows.flags.c_contiguous
    assert not np.shares_memory(rows, X)
    assert rows_of(X[:, 0], 1, "X").tolist() == [[x[0]] for x in wanted]


def test_compiled_steps_run_on_the_array_that_was_checked(monkeypatch):
    pytest.importorskip("llvmlite")
    monkeypatch.setattr(examples, "as_rows", without_lists)
    X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.25]])
    seen = []
    monkeypatch.setattr(native, "_as_arrays", lambda those: seen.append((those, as_arrays(those))) or seen[-1][1])
    history = fit(MLP(2, [1], rng=0), X, [1, -1, 1, -1], "hinge", epochs=2, batch_size=2, validation=(X, [1] * 4))
    assert history.compiled
    assert len(seen) == 2
    assert all(arrays[0] is those.X for those, arrays in seen)
    assert fit(MLP(2, [1], rng=0), X, [1, -1, 1, -1], "hinge", epochs=2, compiled=False).epochs == 2


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([[1.0, math.nan]]), r"X\[0\]\[1\] is nan"),
        (np.array([[1.0, 2.0, 3.0]]), r"X\[0\] has 3 numbers, the network wants 2"),
        (np.zeros((0, 2)), "X is empty"),
        (np.zeros((2, 1, 2)), r"X\[0\]\[0\] wants one number, got a list"),
        (np.array([[1j, 2.0]]), r"X\[0\]\[0\] wants a number, got complex"),
        (np.ma.masked_array([[1.0, 2.0]], mask=[[True, False]]), "X is a masked array"),
    ],
)
def test_an_array_that_does_not_fit_is_named_as_lists_are(X, message):
    with pytest.raises((ValueError, TypeError), match=message):
        rows_of(X, 2, "X")
