"""Every row of the table against mpmath, against itself in the other modes, and at its documented singular points."""

import copy
import math
import pickle
import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, Primitive, Value, check_grads, grad, jvp

mp = mpmath.mp.clone()
mp.dps = 50
NOISE = mp.mpf("1e-30")  # a derivative of mpmath's below it is 0

ROWS = list(PRIMITIVES.values())
SINGULAR = [(row, *point) for row in ROWS for point in row.singular]


def _halves(xs):
    return xs[: len(xs) // 2], xs[len(xs) // 2 :]


def _log_sigmoid(x):
    return -mp.log1p(mp.exp(-x))


REFERENCES = {
    "identity": (lambda x: x, 0),
    "add": (lambda x, y: x + y, 1),
    "sub": (lambda x, y: x - y, 1),
    "mul": (lambda x, y: x * y, 1),
    "div": (lambda x, y: x / y, 1),
    "neg": (lambda x: -x, 0),
    "pow": (lambda x, y: x**y, 2),
    "mod": (lambda x, y: x - y * mp.floor(x / y), 2),
    "floor_divide": (lambda x, y: mp.floor(x / y), 0),
    "less": (lambda x, y: mp.mpf(x < y), 0),
    "less_equal": (lambda x, y: mp.mpf(x <= y), 0),
    "greater": (lambda x, y: mp.mpf(x > y), 0),
    "greater_equal": (lambda x, y: mp.mpf(x >= y), 0),
    "equal": (lambda x, y: mp.mpf(x == y), 0),
    "not_equal": (lambda x, y: mp.mpf(x != y), 0),
    "where": (lambda condition, x, y: x if condition else y, 0),
    "maximum": (max, 0),
    "minimum": (min, 0),
    "clip": (lambda x, low, high: min(max(x, low), high), 0),
    "abs": (abs, 0),
    "sign": (mp.sign, 0),
    "floor": (mp.floor, 0),
    "ceil": (mp.ceil, 0),
    "exp": (mp.exp, 2),
    "expm1": (mp.expm1, 2),
    "log": (mp.log, 2),
    "log1p": (mp.log1p, 2),
    "log2": (lambda x: mp.log(x) / mp.log(2), 2),
    "log10": (mp.log10, 2),
    "sqrt": (mp.sqrt, 1),
    "sin": (mp.sin, 2),
    "cos": (mp.cos, 2),
    "tan": (mp.tan, 2),
    "asin": (mp.asin, 2),
    "acos": (mp.acos, 2),
    "atan": (mp.atan, 2),
    "atan2": (mp.atan2, 2),
    "sinh": (mp.sinh, 2),
    "cosh": (mp.cosh, 2),
    "tanh": (mp.tanh, 2),
    "asinh": (mp.asinh, 2),
    "acosh": (mp.acosh, 2),
    "atanh": (mp.atanh, 2),
    "erf": (mp.erf, 2),
    "erfc": (mp.erfc, 2),
    "relu": (lambda x: max(x, mp.zero), 0),
    "leaky_relu": (lambda x, slope: x if x > 0 else slope * x, 1),
    "elu": (lambda x, alpha: x if x > 0 else alpha * mp.expm1(x), 4),
    "softplus": (lambda x: -_log_sigmoid(-x), 4),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), 4),
    "silu": (lambda x: x / (1 + mp.exp(-x)), 4),
    "gelu": (lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2, 4),
    "log_sigmoid": (_log_sigmoid, 4),
    "sum": (lambda *xs: mp.fsum(xs), 2),
    "dot": (lambda *xs: mp.fdot(*_halves(xs)), 4),
    "max": (max, 0),
    "min": (min, 0),
    "logsumexp": (lambda *xs: mp.log(mp.fsum(map(mp.exp, xs))), 4),
    "hypot": (lambda *xs: mp.sqrt(mp.fsum(xs, squared=True)), 2),
}
"""Each row in mpmath's words, and how many ulp its value may be off: 2 for one call of libm, 4 for a composition."""


def points(row, count, margin=0.0):
    """Points of the row's domain, the same ones in every run; `margin` keeps away from its edges."""
    draw = random.Random(row.name)
    return [
        [draw.uniform(low + margin * (high - low), high - margin * (high - low)) for low, high in row.domain]
        for _ in range(count)
    ]


def exact_derivative(row, point, *arguments):
    """The derivative with respect to each of `arguments` in turn, from 50 digits."""
    orders = tuple(arguments.count(k) for k in range(len(point)))
    function = REFERENCES[row.name][0]
    return mp.diff(function, tuple(map(mp.mpf, point)), orders)


def ulps(number, exact):
    """How far a float is from an exact value, in units of the last place of that value."""
    return abs(mp.mpf(number) - exact) / math.ulp(float(exact))


def same(x, y):
    return x == y or (x != x and y != y)


def exactly(x, y):
    """Equal, nan to nan, and of the same sign also where they are 0."""
    return same(x, y) and (x != x or math.copysign(1.0, x) == math.copysign(1.0, y))


def one_argument(row, point, k):
    """The row as a function of its argument k alone."""
    return lambda x: row(*point[:k], x, *point[k + 1 :])


# --- Rows are complete -----------------------------------------------------------------------------------------------


def test_every_row_has_a_reference():
    assert list(REFERENCES) == list(PRIMITIVES)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row_is_complete(row):
    assert row.summary
    assert row.symbol
    assert "#1" in row.latex
    assert len(row.domain) == row.arity or (row.arity is None and len(row.domain) >= 3)
    assert all(low < high for low, high in row.domain)
    for arguments, _, derivatives in row.singular:
        assert len(arguments) == len(derivatives)
        assert row.arity in (None, len(arguments))
    assert PRIMITIVES[row.name] is row
    assert repr(row) == f"<primitive {row.name}>"
    assert pickle.loads(pickle.dumps(row)) is row
    assert copy.deepcopy(row) is row


# --- Values and derivatives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_value_is_exact_to_the_last_digits(row):
    function, allowed = REFERENCES[row.name]
    for point in points(row, 200):
        exact = function(*map(mp.mpf, point))
        assert ulps(row(*point), exact) <= allowed, point
        assert exactly(row(*map(Value, point)).data, row(*point))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_local_derivatives_are_exact_to_12_digits(row):
    for point in points(row, 20):
        for k, derivative in enumerate(row.local_derivatives(row(*point), point)):
            exact = exact_derivative(row, point, k)
            assert abs(derivative - exact) <= 1e-12 * max(abs(exact), NOISE), (point, k)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_second_derivatives_are_exact_to_12_digits(row):
    """Relative to the derivative, or where that passes through 0 to its conditioning: how fast it changes as each
    argument grows by its own size."""
    for point in points(row, 3):
        for i in range(len(point)):
            for j in range(len(point)):
                exact = exact_derivative(row, point, i, j)
                scale = sum(abs(x * exact_derivative(row, point, i, j, k)) for k, x in enumerate(point))
                got = grad(grad(row, argnums=i), argnums=j)(*point)
                assert abs(got - exact) <= 1e-12 * max(abs(exact), scale, NOISE), (point, i, j)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_forward_mode_equals_reverse_mode(row):
    for point in points(row, 20):
        leaves = [Value(x) for x in point]
        row(*leaves).backward()
        for k, leaf in enumerate(leaves):
            value, derivative = jvp(one_argument(row, point, k), (point[k],), (1.0,))
            assert value == row(*point)
            assert derivative == leaf.grad == grad(row, argnums=k)(*point)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_derivatives_agree_with_differences(row):
    for point in points(row, 3, margin=0.1):
        check_grads(row, point, order=2)


@pytest.mark.parametrize(("row", "point", "value", "derivatives"), SINGULAR, ids=lambda part: str(part)[:30])
def test_singular_point_is_as_documented(row, point, value, derivatives):
    assert exactly(row(*point), value)
    assert all(map(exactly, row.local_derivatives(row(*point), point), derivatives))

    leaves = [Value(x) for x in point]
    out = row(*leaves)
    out.backward()
    assert exactly(out.data, value)
    assert all(map(same, [d or 0.0 for d in out.local_derivatives], derivatives))  # None: the row cuts
    assert all(map(same, [leaf.grad for leaf in leaves], derivatives))

    assert all(map(same, grad(row, argnums=tuple(range(len(point))))(*point), derivatives))
    on_values = grad(row, argnums=tuple(range(len(point))))(*map(Value, point))
    assert all(map(same, [derivative.data for derivative in on_values], derivatives))
    for k, derivative in enumerate(derivatives):
        primal, tangent = jvp(one_argument(row, point, k), (point[k],), (1.0,))
        assert exactly(primal, value)
        assert same(tangent, derivative)


METHODS = [
    (name, row)
    for name, method in vars(Value).items()
    for row in ROWS
    if getattr(method, "__qualname__", "") == f"Value.{row.name}"
]


@pytest.mark.parametrize(("name", "row"), METHODS, ids=str)
def test_method_is_the_row(name, row):
    """Operators and methods have code of their own, which must do what the row does."""
    order = -1 if name.startswith("__r") else 1
    for point in [*points(row, 5), *(point for point, _, _ in row.singular)]:
        expected = row(*map(Value, point))
        out = getattr(Value, name)(*list(map(Value, point))[::order])
        assert out.primitive is row
        assert exactly(out.data, expected.data)
        assert all(map(exactly, out.local_derivatives, expected.local_derivatives))


# --- Calls that are wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [row for row in ROWS if row.arity is not None], ids=str)
def test_wrong_number_of_arguments(row):
    point = points(row, 1)[0]
    for wrong in (point[: -1 - len(row.defaults)], [*point, 1.0]):
        with pytest.raises(TypeError, match=rf"^{row.name} takes .*argument.*, got {len(wrong)}$"):
            row(*wrong)


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("3", r"wants a number, got str '3': write float\('3'\)"),
        (None, "wants a number or a Value, got NoneType None"),
        ([1.0, 2.0], r"wants one number, got a list: apply it to each, \[f\(x\) for x in ...\]"),
        (1j, "wants a number or a Value, got complex 1j"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_argument_that_is_not_a_number(row, wrong, message):
    point = points(row, 1)[0]
    for k in range(len(point)):
        for others in (point, [Value(x) for x in point]):
            arguments = [*others[:k], wrong, *others[k + 1 :]]
            with pytest.raises(TypeError, match=f"{row.name} {message}"):
                row(*arguments)


@pytest.mark.parametrize("number", [2, True, np.float64(2.0), np.float32(2.0), np.int64(2), Fraction(2)], ids=repr)
def test_any_real_number_will_do(number):
    assert type(autograd.exp(number)) is float
    assert autograd.exp(number) == math.exp(number)
    assert autograd.maximum(Value(0.0), number).data == float(number)


def test_arguments_by_the_names_of_the_forward_function():
    x = Value(-2.0)
    assert x.leaky_relu(slope=0.5).data == autograd.leaky_relu(-2.0, slope=0.5) == -1.0
    assert autograd.jvp(lambda v: v.leaky_relu(slope=0.5), (-2.0,), (1.0,)) == (-1.0, 0.5)
    assert autograd.clip(5.0, high=1.0, low=0.0) == autograd.clip(high=1.0, x=5.0, low=0.0) == 1.0
    assert autograd.where(condition=0.0, x=1.0, y=x) is not x
    own = Primitive("own", lambda z, power: z * power, (lambda out, z, power: power, 0.0), defaults=(3.0,))
    assert (own(2.0), own(2.0, power=5.0), own(z=2.0)) == (6.0, 10.0, 6.0)
    for wrong in (
        lambda: autograd.leaky_relu(x, alpha=0.5),
        lambda: autograd.leaky_relu(x, 0.5, slope=0.5),
        lambda: autograd.clip(x, high=1.0),
        lambda: own(power=1.0),
    ):
        with pytest.raises(TypeError, match=r"takes the arguments \w+, .*, got \d by position and \w+ by name"):
            wrong()


def test_rows_take_arrays_element_by_element():
    x = np.array([[Value(0.5), Value(-1.0)]])
    out = autograd.sigmoid(x)
    assert out.shape == (1, 2)
    assert [v.data for v in out.flat] == [autograd.sigmoid(0.5), autograd.sigmoid(-1.0)]
    assert [v.data for v in autograd.maximum(x, np.array([[0.0], [-2.0]])).flat] == [0.5, 0.0, 0.5, -1.0]
    assert [v.data for v in autograd.where(x > 0, x, 7.0).flat] == [0.5, 7.0]
    assert [v.data for v in Value(2.0).maximum(np.array([1.0, 3.0]))] == [2.0, 3.0]
    assert autograd.leaky_relu(x, slope=0.5)[0, 1].data == -0.5
    numbers = autograd.exp(np.array([0.0, 1.0]))
    assert (numbers.dtype, numbers.tolist()) == (float, [1.0, math.e])
    derivative = autograd.jvp(lambda v: autograd.tanh(v).sum(), (np.array([0.5, 1.0]),), (np.array([1.0, 0.0]),))[1]
    assert derivative == pytest.approx(1 - math.tanh(0.5) ** 2)
    assert autograd.grad(lambda v: autograd.silu(v).sum())(np.array([0.0, 0.0])).tolist() == [0.5, 0.5]


def test_defaults_stand_in_for_trailing_arguments():
    assert autograd.leaky_relu(-2.0) == -0.02
    assert autograd.leaky_relu(-2.0, 0.5) == -1.0
    assert Value(-2.0).leaky_relu(0.5).data == -1.0


# --- Rows of one's own -----------------------------------------------------------------------------------------------


def test_own_row_works_everywhere():
    cube = Primitive("cube", lambda x: x * x * x, partials=(lambda out, x: 3 * x * x,), domain=((-2, 2),))
    assert PRIMITIVES["cube"] is cube
    assert cube(2) == 8.0
    x = Value(2.0)
    y = cube(x) * cube(3.0)
    y.backward()
    assert (y.data, x.grad) == (216.0, 324.0)
    assert grad(grad(grad(cube)))(2.0) == 6.0
    assert jvp(cube, (2.0,), (10.0,)) == (8.0, 120.0)
    check_grads(cube, (1.5,), order=3)

    loaded, loaded_x = pickle.loads(pickle.dumps((y, x)))
    loaded_x.zero_grad()
    loaded.backward()
    assert (loaded.data, loaded_x.grad) == (216.0, 324.0)


def test_own_row_of_several_arguments():
    area = Primitive("area", lambda x, y: x * y / 2, partials=(lambda out, x, y: y / 2, lambda out, x, y: x / 2))
    check_grads(area, (2.0, 3.0))
    mean = Primitive("mean_of", lambda *xs: sum(xs) / len(xs), partials=lambda out, *xs: [1 / len(xs)] * len(xs))
    check_grads(mean, (2.0, 3.0, 4.0))
    scaled = Primitive("scaled", lambda x, by: x * by, (lambda out, x, by: by, lambda out, x, by: x), defaults=(10.0,))
    assert scaled(Value(2.0)).data == 20.0


def test_own_row_may_be_made_again():
    Primitive("again", lambda x: x, partials=(1.0,))
    second = Primitive("again", lambda x: 2 * x, partials=(2.0,))
    assert PRIMITIVES["again"] is second


def test_own_rows_name_missing_where_a_graph_is_loaded():
    lost = Primitive("lost", lambda x: x, partials=(1.0,))
    saved = pickle.dumps(lost(Value(1.0)))
    del PRIMITIVES["lost"]
    with pytest.raises(LookupError, match="there is no primitive named 'lost' here: make its row, then load again"):
        pickle.loads(saved)


@pytest.mark.parametrize("name", ["my row", "", "2x", None, 3])
def test_row_name_that_is_not_an_identifier(name):
    with pytest.raises(ValueError, match="a primitive's name is an identifier such as 'cube', got"):
        Primitive(name, lambda x: x, partials=(1.0,))


@pytest.mark.parametrize("name", list(PRIMITIVES))
def test_names_of_the_engine_are_taken(name):
    with pytest.raises(ValueError, match=f"has a primitive named '{name}' already"):
        Primitive(name, lambda x: x, partials=(1.0,))


@pytest.mark.parametrize(
    "partials", [(), 3, [lambda out, x: 1.0], "rule", (None,), ("x",)], ids=lambda p: type(p).__name__
)
def test_partials_that_are_no_rules(partials):
    with pytest.raises(TypeError, match=r"broken: partials are functions of .*in a tuple"):
        Primitive("broken", lambda x: x, partials=partials)
    assert "broken" not in PRIMITIVES


def test_forward_that_is_no_function():
    with pytest.raises(TypeError, match="broken: forward is a function of floats, got float"):
        Primitive("broken", 1.0, partials=(1.0,))


def test_rule_without_its_tuple_is_explained(monkeypatch):
    monkeypatch.setattr("autograd.primitive.PRIMITIVES", dict(PRIMITIVES))
    bare = Primitive("bare_rule", lambda x: x, partials=lambda out, x: 3 * x * x)
    with pytest.raises(TypeError, match=r"write partials=\(rule,\), a tuple"):
        bare(Value(2.0))


def test_power_in_a_rule_at_a_pole(monkeypatch):
    monkeypatch.setattr("autograd.primitive.PRIMITIVES", dict(PRIMITIVES))
    inverse = Primitive("inverse_by_power", lambda x: 1 / x if x else math.inf, partials=(lambda out, x: -(x**-2),))
    assert inverse(Value(0.0)).local_derivatives == (-math.inf,)
