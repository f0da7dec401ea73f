"""Functions that take a function and give back its derivatives."""

import math
import random
from collections import namedtuple

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import (
    PRIMITIVES,
    Value,
    check_grads,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    sin,
    tanh,
    value_and_grad,
    vjp,
)
from autograd.dual import Dual

mp = mpmath.mp.clone()
mp.dps = 50


def derivative(f):
    """Forward mode with the signature of `grad`."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


BOTH = pytest.mark.parametrize("d", [grad, derivative], ids=["reverse", "forward"])
NESTINGS = pytest.mark.parametrize(
    ("outer", "inner"),
    [(a, b) for a in (grad, derivative) for b in (grad, derivative)],
    ids=["reverse over reverse", "reverse over forward", "forward over reverse", "forward over forward"],
)

# ---------------------------------------------------------------------------------------------------------------------
# Values against closed forms
# ---------------------------------------------------------------------------------------------------------------------


def test_grad_of_a_polynomial():
    f = grad(lambda x: 2 * x**3 - x)
    assert f(2.0) == 23.0
    assert f(3) == 53.0
    assert type(f(3)) is float


def test_value_and_grad():
    assert value_and_grad(lambda x, y: x * y)(2.0, 5.0) == (10.0, 5.0)
    assert value_and_grad(lambda x, y: x * y, argnums=(1, 0))(2.0, 5.0) == (10.0, (2.0, 5.0))


def test_rosenbrock():
    x, y = 1.5, -0.5
    assert grad(rosenbrock)([x, y]) == pytest.approx([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)], rel=1e-15)
    expected = [[2 - 400 * y + 1200 * x**2, -400 * x], [-400 * x, 200.0]]
    assert np.array(hessian(rosenbrock)([x, y])) == pytest.approx(np.array(expected), rel=1e-15)
    assert hvp(rosenbrock, ([x, y],), ([2.0, -1.0],)) == pytest.approx([2 * expected[0][0] + 400 * x, -1400], rel=1e-14)


def test_jacobian_of_polar_coordinates():
    r, angle = 2.0, 0.7
    f = jacobian(lambda p: [p[0] * autograd.cos(p[1]), p[0] * sin(p[1])])
    c, s = math.cos(angle), math.sin(angle)
    assert f([r, angle]) == [[c, -r * s], [s, r * c]]


def test_vjp_and_jvp():
    def f(x, y):
        return [x * y, x + y, 3.0]

    value, pullback = vjp(f, 2.0, 5.0)
    assert value == [10.0, 7.0, 3.0]
    assert pullback([1.0, 10.0, 100.0]) == (15.0, 12.0)
    assert pullback([0.0, 1.0, 0.0]) == (1.0, 1.0)
    assert jvp(f, (2.0, 5.0), (1.0, 10.0)) == ([10.0, 7.0, 3.0], [25.0, 11.0, 0.0])


def test_hvp_of_several_arguments():
    assert hvp(lambda x, y: x**2 * y, (3.0, 5.0), (1.0, 10.0)) == (10.0 + 60.0, 6.0)


def test_results_that_do_not_depend_on_the_argument():
    assert grad(lambda x: 3.0)(2.0) == 0.0
    assert jacobian(lambda x: [x, 1.0, 2])(2.0) == [1.0, 0.0, 0.0]
    assert jvp(lambda x: 3.0, (2.0,), (1.0,)) == (3.0, 0.0)
    assert hessian(lambda x: 3 * x)(2.0) == 0.0
    assert vjp(lambda x: 3.0, 2.0)[1](1.0) == (0.0,)


@BOTH
def test_identity_and_sums_of_itself(d):
    assert d(lambda x: x)(2.0) == 1.0
    assert d(lambda x: x + x)(2.0) == 2.0
    assert d(d(lambda x: x))(2.0) == 0.0


@pytest.mark.parametrize(
    ("f", "exact"),
    [
        (tanh, mp.tanh),
        (lambda x: exp(sin(x)), lambda x: mp.exp(mp.sin(x))),
        (lambda x: x.log() / x, lambda x: mp.log(x) / x),
        (lambda x: x**x, lambda x: x**x),
        (lambda x: autograd.where(x > 0, x**6, 0.0), lambda x: x**6),
    ],
    ids=["tanh", "exp sin", "log x / x", "x ** x", "where"],
)
def test_fifth_derivative(f, exact):
    expected = float(mp.diff(exact, mp.mpf(0.7), 5))
    for order in ([grad] * 5, [derivative] * 5, [grad, derivative] * 2 + [grad], [derivative, grad] * 2 + [derivative]):
        function = f
        for d in order:
            function = d(function)
        assert function(0.7) == pytest.approx(expected, rel=1e-12)


def test_names_and_documentation_follow_the_function():
    def loss(x):
        """How wrong it is."""
        return x * x

    assert grad(loss).__name__ == "grad(loss)"
    assert "How wrong it is." in grad(loss).__doc__
    assert hessian(loss).__name__ == "hessian(loss)"


def test_keyword_arguments_are_passed_on():
    assert grad(lambda x, power: x**power)(3.0, power=2) == 6.0


# ---------------------------------------------------------------------------------------------------------------------
# Structures
# ---------------------------------------------------------------------------------------------------------------------

Line = namedtuple("Line", "slope offset")


def test_argnums():
    def f(x, y, z):
        return x * y * z

    assert grad(f, argnums=1)(2.0, 3.0, 5.0) == 10.0
    assert grad(f, argnums=-1)(2.0, 3.0, 5.0) == 6.0
    assert grad(f, argnums=(0, 2))(2.0, 3.0, 5.0) == (15.0, 6.0)
    assert grad(f, argnums=(1,))(2.0, 3.0, 5.0) == (10.0,)
    assert hessian(lambda x, y: x * y**2, argnums=1)(3.0, 5.0) == 6.0


def test_structures_are_kept():
    def f(parameters, x):
        return parameters["line"].slope * x + parameters["line"].offset + parameters["rest"][0][1] ** 2

    parameters = {"line": Line(2.0, 1.0), "rest": [(1.0, 3.0)]}
    assert grad(f)(parameters, 5.0) == {"line": Line(5.0, 1.0), "rest": [(0.0, 6.0)]}
    assert type(grad(f)(parameters, 5.0)["line"]) is Line
    assert jvp(f, (parameters, 5.0), ({"line": Line(1.0, 0.0), "rest": [(0.0, 1.0)]}, 0.0)) == (20.0, 11.0)


def test_jacobian_has_the_structure_of_the_result_and_in_it_that_of_the_argument():
    result = jacobian(lambda x: {"sum": x[0] + x[1], "both": (x[0] * x[1], x[0])})([2.0, 3.0])
    assert result == {"sum": [1.0, 1.0], "both": ([3.0, 2.0], [1.0, 0.0])}
    assert jacobian(lambda x, y: [x * y, x], argnums=(0, 1))(2.0, 3.0) == [(3.0, 2.0), (1.0, 0.0)]


def test_numpy_arrays():
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = np.array([1.0, 10.0])
    gradient = grad(lambda x: (matrix @ x).sum())(x)
    assert gradient.dtype == float
    assert gradient.tolist() == [4.0, 6.0]
    assert grad(lambda m: (m @ x).sum())(matrix).tolist() == [[1.0, 10.0], [1.0, 10.0]]
    assert grad(lambda x: np.sum(np.exp(x)))(x) == pytest.approx(np.exp(x), rel=1e-15)
    value, tangent = jvp(lambda x: np.tanh(matrix @ x), (x,), (np.array([1.0, 0.0]),))
    assert value == pytest.approx(np.tanh(matrix @ x), rel=1e-15)
    assert tangent == pytest.approx((1 - np.tanh(matrix @ x) ** 2) * matrix[:, 0], abs=1e-15)
    assert np.stack(jacobian(lambda x: matrix @ x)(x)).tolist() == matrix.tolist()
    assert np.stack(hessian(lambda x: x @ matrix @ x)(x)).tolist() == (matrix + matrix.T).tolist()
    assert vjp(lambda x: matrix @ x, x)[1](np.array([1.0, 2.0]))[0].tolist() == [7.0, 10.0]


@pytest.mark.parametrize("number", [3, np.float64(3.0), np.int64(3), np.float32(3.0), True])
def test_any_number_will_do(number):
    assert grad(lambda x: x * x)(number) == 2.0 * float(number)
    assert jvp(lambda x: x * x, (number,), (number,))[1] == 2.0 * float(number) ** 2


@BOTH
@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x.tanh().exp() + x.clip(-1, 1) + x.leaky_relu() + x.maximum(0.0), 0.0, 1 + 1 + 0.01 + 0.5),
        (lambda x: -x + +x + abs(x) + x - 1, 3.0, 2.0),
        (lambda x: 2**x + x**2 + x**x, 1.0, 2 * math.log(2) + 2 + 1),
        (lambda x: 7 % x + x % 7 + 2 / x + x / 2 + 1 - x, 3.0, -2 + 1 - 2 / 9 + 0.5 - 1),
        (lambda x: x // 2 + 7 // x + x, 3.0, 1.0),
        (lambda x: math.floor(x) + math.ceil(x) + x.floor() + x, 2.5, 1.0),
        (lambda x: x.abs() + x.arctan() + x.arcsinh(), 2.0, 1 + 0.2 + 1 / math.sqrt(5)),
        (lambda x: x * x if x > 1 and x >= 1 and not x < 1 and x != 0 and x == x and bool(x) else x, 3.0, 6.0),
        (lambda x: max(x, 1.0) * min(x, 5), 3.0, 6.0),
        (lambda x: x * len(f"{x:.3f} {x}"[:5]), 3.0, 5.0),
        (lambda x: np.float64(3.0) * x + x * np.float64(2.0) - np.int64(1) / x, 1.0, 6.0),
        (lambda x: (np.array([1.0, 2.0]) * x).sum(), 1.0, 3.0),
        (lambda x: (x * np.array([1.0, 2.0])).sum(), 1.0, 3.0),
        (lambda x: np.arctan(np.array([x, x])).sum(), 1.0, 1.0),
        (lambda x: np.tanh(np.array([x, 2 * x])).sum() + np.sqrt(x + 1), 0.0, 3.5),
        (lambda x: autograd.where(x > np.float64(0.0), x * x, 0.0), 3.0, 6.0),
    ],
    ids=[
        "methods",
        "signs",
        "powers",
        "remainders",
        "floor division",
        "floor",
        "NumPy's names",
        "comparisons",
        "max and min",
        "printing",
        "NumPy scalars",
        "array times x",
        "x times array",
        "arctan of an array",
        "tanh of an array",
        "where and a NumPy scalar",
    ],
)
def test_what_a_function_is_given_can_all_that_a_value_can(d, f, x, expected):
    assert d(f)(x) == pytest.approx(expected, rel=1e-15)


@BOTH
def test_functions_of_lists(d):
    assert d(lambda x: autograd.sum([x, x * x, 1.0]))(3.0) == 7.0
    assert d(lambda x: autograd.mean([x, x * x]))(3.0) == 3.5
    assert d(lambda x: autograd.dot([x, 2.0], [x, x]))(3.0) == 8.0
    assert d(lambda x: autograd.max([x, 2 * x]) + autograd.min([x, 2 * x]))(3.0) == 3.0
    assert d(lambda x: autograd.softmax([x, 0.0])[0])(0.0) == 0.25
    assert d(lambda x: autograd.norm([x, 4.0]))(3.0) == 0.6
    assert d(lambda x: sum(autograd.matvec([[x, 1.0], [2.0, x]], [x, 5.0])))(3.0) == 6.0 + 7.0


# ---------------------------------------------------------------------------------------------------------------------
# Nesting: nobody's derivative is taken for another's
# ---------------------------------------------------------------------------------------------------------------------


@NESTINGS
def test_perturbations_are_not_confused(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0
    assert outer(lambda x: inner(lambda y: x * y * y)(x))(3.0) == 12.0
    assert outer(lambda x: inner(lambda y: x**2 * y**3)(2.0))(5.0) == 120.0
    assert outer(lambda x: x * inner(lambda y: y * y)(3.0))(1.0) == 6.0
    assert outer(lambda x: inner(lambda y: x * x)(1.0) + x)(7.0) == 1.0


@NESTINGS
def test_perturbations_of_the_same_variable(outer, inner):
    """The inner derivative is at the outer variable itself."""
    assert outer(lambda x: inner(lambda y: y**3)(x))(2.0) == 12.0
    assert outer(lambda x: x * inner(lambda y: y * x)(x))(2.0) == 4.0
    assert outer(inner(lambda x: x**4))(2.0) == 48.0


@NESTINGS
def test_functions_that_escape(outer, inner):
    """Siskind and Pearlmutter's example: a derivative of a curried function."""

    def shifted(offset):
        return lambda f: lambda x: f(x + offset)

    assert outer(lambda s: inner(shifted(s)(sin))(1.0))(0.0) == pytest.approx(-math.sin(1.0), rel=1e-15)
    assert outer(lambda s: inner(shifted(s)(inner(shifted(s)(exp))))(1.0))(0.0) == pytest.approx(2 * math.e, rel=1e-15)


@pytest.mark.parametrize("a", [grad, derivative])
@pytest.mark.parametrize("b", [grad, derivative])
@pytest.mark.parametrize("c", [grad, derivative])
def test_three_levels(a, b, c):
    assert a(lambda x: b(lambda y: c(lambda z: x * y**2 * z**3)(y))(x))(2.0) == 48 * 2.0**3
    assert a(lambda x: x * b(lambda y: y * c(lambda z: x + y + z)(1.0))(1.0))(1.0) == 1.0


@NESTINGS
def test_inner_derivatives_in_a_loop(outer, inner):
    def f(t):
        slopes = [inner(lambda s, scale=scale: s * t * scale)(2.0) for scale in (1.0, 2.0)]
        return sum((t * slope) ** 2 for slope in slopes)

    assert outer(f)(3.0) == 4 * (1 + 4) * 3.0**3


@NESTINGS
def test_inside_no_grad(outer, inner):
    with no_grad():
        assert outer(inner(lambda x: x**4))(2.0) == 48.0
        assert (Value(1.0) * 2).is_leaf


def test_all_transforms_inside_no_grad():
    with no_grad():
        assert hessian(rosenbrock)([1.0, 1.0]) == [[802.0, -400.0], [-400.0, 200.0]]
        assert vjp(lambda x: x * x, 3.0)[1](1.0) == (6.0,)
        assert hvp(rosenbrock, ([1.0, 1.0],), ([1.0, 0.0],)) == [802.0, -400.0]


# ---------------------------------------------------------------------------------------------------------------------
# Numbers in, numbers out; Values in, Values out
# ---------------------------------------------------------------------------------------------------------------------


def test_parameters_that_the_function_closes_over_are_left_alone():
    w, b = Value(2.0), Value(1.0)
    w.grad, b.grad = 7.0, 8.0

    def model(x):
        return (w * x + b).tanh()

    for result in (grad(model)(0.1), grad(grad(model))(0.1), *jvp(model, (0.1,), (1.0,)), *value_and_grad(model)(0.1)):
        assert type(result) is float
    assert type(hessian(model)(0.1)) is float
    assert jvp(model, (0.1,), (1.0,))[1] == grad(model)(0.1)
    assert (w.grad, b.grad) == (7.0, 8.0)


def test_leaves_given_as_arguments_are_left_alone():
    x = Value(3.0)
    x.grad = 5.0
    assert grad(lambda x: x * x)(x).data == 6.0
    assert x.grad == 5.0
    assert x.is_leaf


@pytest.mark.parametrize(
    "d",
    [
        grad,
        derivative,
        lambda f: lambda x: value_and_grad(f)(x)[1],
        lambda f: lambda x: jacobian(lambda x: [f(x)])(x)[0],
        lambda f: lambda x: vjp(f, x)[1](1.0)[0],
        lambda f: lambda x: hvp(lambda y: f(y) * y, (x,), (0.0,)) + grad(f)(x),
    ],
    ids=["grad", "jvp", "value_and_grad", "jacobian", "vjp", "hvp"],
)
def test_values_in_values_out(d):
    x, w = Value(3.0), Value(2.0)
    y = d(lambda v: w * v**3)(x)
    assert isinstance(y, Value)
    assert y.data == 54.0
    y.backward()
    assert (x.grad, w.grad) == (36.0, 27.0)


def test_gradient_penalty():
    """A loss that contains a gradient trains the parameters behind it."""
    w = Value(0.5)
    x = Value(2.0)
    slope = grad(lambda x: (w * x).tanh())(x)
    penalty = (slope - 1) ** 2
    penalty.backward()

    def by_hand(w):
        return (w * (1 - math.tanh(w * 2.0) ** 2) - 1) ** 2

    assert w.grad == pytest.approx((by_hand(0.5 + 1e-6) - by_hand(0.5 - 1e-6)) / 2e-6, rel=1e-8)


def test_one_value_among_numbers_makes_the_result_values():
    gradient = grad(lambda x: x[0] * x[1])([Value(2.0), 3.0])
    assert [g.data for g in gradient] == [3.0, 2.0]
    constant = grad(lambda x: 1.0)(Value(2.0))
    assert (constant.data, isinstance(constant, Value)) == (0.0, True)


def test_a_value_that_is_no_variable_of_the_derivative_but_an_argument():
    w = Value(2.0)
    slope = grad(lambda x, w: w * x**2)(3.0, w)
    assert isinstance(slope, Value)
    slope.backward()
    assert (slope.data, w.grad) == (12.0, 6.0)


def test_pullback_of_values_and_again():
    x = Value(3.0)
    y, pullback = vjp(lambda x: x * x, x)
    for _ in range(2):
        x.grad = 0.0
        (g,) = pullback(Value(10.0))
        g.backward()
        assert (g.data, x.grad) == (60.0, 20.0)
    y.backward()
    assert x.grad == 26.0


def test_pullback_inside_an_outer_transform():
    assert grad(lambda x: vjp(lambda y: y**3, x)[1](x)[0])(2.0) == 36.0
    assert derivative(lambda x: vjp(lambda y: y**3, x)[1](x)[0])(2.0) == 36.0
    assert grad(lambda t: vjp(lambda y: y**3, 2.0)[1](t)[0])(5.0) == 12.0
    assert derivative(lambda t: vjp(lambda y: y**3, 2.0)[1](t)[0])(5.0) == 12.0


def test_tangent_of_an_outer_variable():
    assert grad(lambda t: jvp(lambda y: y**3, (2.0,), (t,))[1])(5.0) == 12.0
    assert derivative(lambda t: jvp(lambda y: y**3, (2.0,), (t,))[1])(5.0) == 12.0


def test_where_cuts_in_every_mode():
    for d in (grad, derivative):
        assert d(lambda x: autograd.where(x > 0, x.log(), 0.0))(0.0) == 0.0
        assert d(lambda x: autograd.where(x > 0, x.sqrt(), x * 3))(0.0) == 3.0
        assert d(d(lambda x: autograd.where(x > 0, x.sqrt(), x * x)))(0.0) == 2.0


# ---------------------------------------------------------------------------------------------------------------------
# Transforms agree with each other
# ---------------------------------------------------------------------------------------------------------------------


def test_hessian_three_ways():
    def f(x):
        return autograd.logsumexp([x[0] * x[1], x[1] ** 2, sin(x[2])]) * tanh(x[0] - x[2])

    x = [0.3, -0.7, 1.1]
    h = np.array(hessian(f)(x))
    assert h == pytest.approx(h.T, rel=1e-12, abs=1e-15)
    unit = np.eye(3).tolist()
    forward_over_reverse = np.array([hvp(f, (x,), (e,)) for e in unit])
    reverse_over_forward = np.array([grad(lambda x, e=e: jvp(f, (x,), (e,))[1])(x) for e in unit])
    forward_over_forward = np.array(
        [[jvp(lambda x, a=a: jvp(f, (x,), (a,))[1], (x,), (b,))[1] for b in unit] for a in unit]
    )
    for other in (np.array(jacobian(grad(f))(x)), forward_over_reverse, reverse_over_forward, forward_over_forward):
        assert other == pytest.approx(h, rel=1e-12, abs=1e-15)


SMOOTH = [row for row in PRIMITIVES.values() if row.arity != 0]


def random_function(size, seed):
    """A function of three numbers, and a point, of rows on their own domains.

    An operand that lies outside of a row's domain is moved into it by a sine, or by a shift where that would put it on
    the border.
    """
    draw = random.Random(seed)
    steps = []
    for k in range(3, 3 + size):
        row = draw.choice(SMOOTH)
        steps.append((row, [draw.randrange(k) for _ in row.domain]))

    def inside(x, low, high):
        middle, half = (low + high) / 2, (high - low) / 2
        half = min(half, 2.0)
        return middle + 0.8 * half * sin(x)

    def f(xs):
        nodes = list(xs)
        for row, operands in steps:
            nodes.append(row(*[inside(nodes[k], *interval) for k, interval in zip(operands, row.domain)]))
        return [nodes[-1], autograd.sum([0.1 * tanh(node) for node in nodes])]

    return f, [draw.uniform(-1, 1) for _ in range(3)], draw


@settings(max_examples=300, derandomize=True, database=None)
@given(st.integers(1, 12), st.integers(0, 2**32))
def test_forward_and_reverse_mode_agree_on_random_programs(size, seed):
    f, point, draw = random_function(size, seed)
    tangent = [draw.uniform(-1, 1) for _ in point]
    cotangent = [draw.uniform(-1, 1) for _ in range(2)]
    value, pullback = vjp(f, point)
    (pulled,) = pullback(cotangent)
    forward_value, pushed = jvp(f, (point,), (tangent,))
    assert forward_value == value
    left = [c * p for c, p in zip(cotangent, pushed)]
    right = [t * p for t, p in zip(tangent, pulled)]
    assert sum(left) == pytest.approx(sum(right), rel=1e-10, abs=1e-10 * max(map(abs, left + right)))
    rows = jacobian(f)(point)
    assert pulled == pytest.approx([cotangent[0] * a + cotangent[1] * b for a, b in zip(*rows)], rel=1e-10, abs=1e-10)


@settings(max_examples=100, derandomize=True, database=None)
@given(st.integers(1, 4), st.integers(0, 2**32))
def test_random_programs_pass_the_checker(size, seed):
    f, point, _ = random_function(size, seed)
    check_grads(f, (point,), order=1)


# ---------------------------------------------------------------------------------------------------------------------
# Messages
# ---------------------------------------------------------------------------------------------------------------------


def pair(x):
    return [x, x]


def text(_):
    return "a"


def nothing(_):
    return None


@pytest.mark.parametrize(
    ("program", "error", "message"),
    [
        (lambda: grad(pair)(1.0), TypeError, "one number, pair returned 2: use jacobian, or return their sum"),
        (lambda: hessian(pair)(1.0), TypeError, "pair returned 2"),
        (lambda: grad(text)(1.0), TypeError, "the result of text wants a number, got str 'a'"),
        (lambda: grad(nothing)(1.0), TypeError, "the result of nothing wants a number.*, got NoneType"),
        (lambda: jacobian(nothing)(1.0), TypeError, "the result of nothing"),
        (lambda: jvp(nothing, (1.0,), (1.0,)), TypeError, "the result of nothing"),
        (lambda: vjp(nothing, 1.0), TypeError, "the result of nothing"),
        (lambda: grad(pair, argnums=1)(1.0), IndexError, "argnums=1, but pair was called with 1 positional argument"),
        (lambda: grad(pair, argnums=-2)(1.0), IndexError, "argnums=-2, but pair was called with 1"),
        (lambda: grad(pair, argnums=(0, 3))(1.0), IndexError, r"argnums=\(0, 3\), but pair"),
        (lambda: grad(pair)(x=1.0), IndexError, "argnums=0, but pair was called with 0 positional arguments"),
        (lambda: grad(pair)("a"), TypeError, "an argument of pair wants a number, got str 'a'"),
        (lambda: grad(pair)([1.0, None]), TypeError, "an argument of pair wants a number.*, got NoneType"),
        (lambda: jvp(pair, ("a",), (1.0,)), TypeError, "an argument of pair wants a number, got str 'a'"),
        (lambda: jvp(pair, (1.0,), (1.0, 2.0)), ValueError, "tangents want a list of length 1"),
        (lambda: hvp(rosenbrock, ([1.0, 2.0],), ([1.0],)), ValueError, "tangents want a list of length 2"),
        (lambda: vjp(pair, 1.0)[1]([1.0]), ValueError, "cotangents want a list of length 2"),
        (lambda: vjp(pair, 1.0)[1](1.0), ValueError, "cotangents want a list of length 2"),
        (lambda: vjp(pair, 1.0)[1]([1.0, "a"]), TypeError, "wants a number, got str 'a'"),
        (lambda: derivative(lambda x: math.exp(x))(1.0), TypeError, r"lose the derivative .* autograd.exp\(x\)"),
        (lambda: derivative(lambda x: x.sinus())(1.0), AttributeError, "a dual number.* has no 'sinus'"),
        (lambda: derivative(lambda x: x * "3")(1.0), TypeError, r"mul wants a number, got str '3': write float\('3'\)"),
    ],
)
def test_message(program, error, message):
    with pytest.raises(error, match=message):
        program()


def test_a_transform_that_failed_leaves_no_trace():
    x = Value(2.0)
    for program in (lambda x: x * "3", lambda x: derivative(math.exp)(x), nothing):
        with pytest.raises(TypeError):
            grad(program)(1.0)
    with no_grad():
        assert (x * 3).is_leaf
    result = grad(lambda y: x * y)(3.0)
    assert type(result) is float


def test_tangents_and_cotangents_go_by_key_and_must_fit():
    def first(d):
        return d["a"]

    assert jvp(first, ({"a": 1.0, "b": 2.0},), ({"b": 5.0, "a": 7.0},)) == (1.0, 7.0)
    _, pullback = vjp(lambda x: {"u": x, "v": 10 * x}, 1.0)
    assert pullback({"v": 0.0, "u": 1.0}) == (1.0,)
    with pytest.raises(ValueError, match="tangents want a dict with the keys 'a', 'b'"):
        jvp(first, ({"a": 1.0, "b": 2.0},), ({"a": 1.0, "c": 1.0},))
    with pytest.raises(ValueError, match="tangents want"):
        jvp(lambda x, y: y, ([1.0, 2.0], 3.0), (1.0, [2.0, 3.0]))
    with pytest.raises(TypeError, match=r"primals are the arguments of f in a tuple, got 2.0: write \(2.0,\)"):
        jvp(autograd.sin, 2.0, 1.0)


def test_argnums_that_repeat():
    for argnums in ((0, 0), (0, -1)):
        with pytest.raises(ValueError, match=r"names an argument of .* twice"):
            grad(lambda x: x * x, argnums)(3.0)


def test_detect_anomaly_sees_transforms():
    with autograd.detect_anomaly():
        with pytest.raises(autograd.AnomalyError, match="backward through sqrt gave the gradient inf"):
            grad(autograd.sqrt)(0.0)
        with pytest.raises(autograd.AnomalyError, match="log gave -inf from"):
            jvp(autograd.log, (0.0,), (1.0,))


def test_matvec_in_forward_mode():
    W = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    assert jvp(lambda x: autograd.matvec(W, x), ([1.0, 2.0],), ([1.0, 0.0],)) == ([5.0, 11.0], [1.0, 3.0])


def test_derivatives_of_values_are_nodes_of_their_own():
    constant_slope = grad(lambda x: 2 * x)(Value(3.0))
    (constant_slope * 5).backward()
    assert constant_slope.grad == 5.0
    w = Value(4.0)
    slope = grad(lambda x: w * x)(Value(3.0))
    assert slope is not w
    slope.backward()
    assert w.grad == 1.0


def test_no_grad_holds_for_the_derivatives_of_values():
    with autograd.no_grad():
        slope = grad(lambda x: x**3)(Value(2.0))
    assert (slope.data, slope.parents) == (12.0, ())


def test_hessian_of_an_array_is_a_matrix():
    matrix = hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    assert matrix.dtype == float
    assert matrix.tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_pullback_in_threads():
    import threading

    _, pullback = vjp(lambda x: x * x, 3.0)
    results = []
    threads = [threading.Thread(target=lambda: results.append(pullback(1.0))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(6.0,)] * 4
    assert not autograd.blocks.active


# --- Forward mode through whatever a function does with Values -------------------------------------------------------


def weight_of(model, call):
    """`call(model)` as a function of one weight of the model, which is put back."""
    neuron = model.layers[0].neurons[0]

    def f(w):
        before = neuron.w
        neuron.w = [before[0], w]
        try:
            return call(model)
        finally:
            neuron.w = before

    return f, neuron.w[1].data


@pytest.mark.parametrize("activation", ["tanh", "relu", lambda z: autograd.where(z > 0, z.exp(), z)])
def test_forward_mode_through_a_weight_of_a_network(activation):
    f, w = weight_of(nn.MLP(2, [3, 1], activation=activation, rng=0), lambda model: model([0.5, -1.5]))
    value, derivative = jvp(f, (w,), (1.0,))
    assert (value, derivative) == pytest.approx(value_and_grad(f)(w), rel=1e-14)
    assert hvp(f, (w,), (1.0,)) == pytest.approx(grad(grad(f))(w), rel=1e-12, abs=1e-14)
    check_grads(f, (w,))


def test_detach_in_forward_mode():
    assert jvp(lambda x: x * x.detach(), (3.0,), (1.0,)) == (9.0, 3.0)
    assert jvp(lambda x: x * x.detach().exp().log(), (3.0,), (1.0,)) == (9.0, 3.0)
    assert hvp(lambda x: x * x * x.detach(), (3.0,), (1.0,)) == 6.0
    assert grad(lambda x: jvp(lambda y: y * x * y.detach(), (x,), (1.0,))[1])(3.0) == 3.0


def test_what_forward_mode_cuts_off_has_the_methods_of_a_value():
    assert jvp(lambda x: autograd.where(x > 0, x, 2.0).exp().log(), (-1.0,), (1.0,)) == (2.0, 0.0)


def test_every_method_of_value_is_known_to_dual_numbers():
    x = Dual(0.5, 1.0, level=1)
    refused = {"backward", "data", "grad", "has_grad", "is_leaf", "kind", "local_derivatives", "operands", "parents"}
    refused |= {"primitive", "zero_grad"}
    for name in dir(Value):
        if not name.startswith("_"):
            if name in refused:
                with pytest.raises(AttributeError, match=f"no '{name}': compute with .* or with x.detach"):
                    getattr(x, name)
            else:
                getattr(x, name)
    x.label = "a label"


KINKS = {
    "where": lambda x: autograd.where(x > 0, x * x, 0.0 * x),
    "where after log": lambda x: autograd.where(x > 0, x.log(), 1.0),
    "where after 1/x": lambda x: autograd.where(autograd.greater(x, 0.0), 1 / x, 0.0),
    "log after where": lambda x: autograd.where(x > 0, x, 0.0).log(),
    "sqrt after where": lambda x: autograd.where(x >= 1, x, 0.0).sqrt() + x,
    "relu": lambda x: x.relu() * x,
    "relu of 1/x": lambda x: autograd.relu(1 / x),
    "max": lambda x: autograd.max([x * x, x, 0.0]),
    "maximum": lambda x: (x * 3).maximum(x * x),
    "clip": lambda x: x.log().clip(-1, 1),
    "pow": lambda x: x**0 + x**2.5,
    "detach": lambda x: x * x.detach() * x,
    "choice by a choice": lambda x: autograd.where(autograd.where(x != 0, x, 1.0) <= 1, x.exp(), 1 / x),
    "leaky": lambda x: x.leaky_relu() * x.elu(),
    "mod": lambda x: x % 0.75 * x,
}


@pytest.mark.parametrize("name", KINKS)
def test_forward_mode_compiled_is_forward_mode(name):
    """Also where an infinite local derivative lies behind an edge that is cut, or a choice not taken."""
    pytest.importorskip("llvmlite")
    f = KINKS[name]
    transformed = {
        "jvp": lambda x: jvp(f, (x,), (2.0,))[1],
        "hvp": lambda x: hvp(f, (x,), (2.0,)),
        "jvp of jvp": lambda x: jvp(derivative(f), (x,), (2.0,))[1],
        "grad of jvp": grad(derivative(f)),
        "jvp by x": lambda x: jvp(f, (x,), (x,))[1],
    }
    for what, g in transformed.items():
        compiled = autograd.compile(g)
        for x in (-1.5, -0.0, 0.0, 0.5, 1.0, 2.0):
            assert compiled(x) == pytest.approx(g(x), rel=1e-13, nan_ok=True), (what, x)


@pytest.mark.parametrize("reduce", [np.sum, np.max, np.min, np.mean, np.std, np.var])
def test_reductions_of_numpy(reduce):
    """Also of a single number, of lists, and along an axis."""
    numbers, direction = np.array([[1.0, 4.0, 2.0], [3.0, -1.0, 0.5]]), np.array([[1.0, 0.5, 2.0], [0.0, -1.0, 1.0]])
    for axis in (None, 0, 1):

        def f(x, axis=axis):
            return reduce(x, axis=axis)

        value, derivative = jvp(f, (numbers,), (direction,))
        rows = jacobian(f)(numbers)
        assert np.allclose(value, reduce(numbers, axis=axis), rtol=1e-14)
        assert np.allclose(derivative, (rows * direction).sum(axis=(-2, -1)), rtol=1e-13)
        if axis is None:
            assert type(value) is type(derivative) is float
    assert jvp(reduce, ([1.0, 2.0],), ([1.0, 1.0],))[0] == reduce([1.0, 2.0])
    if reduce in (np.sum, np.max, np.min):
        assert jvp(reduce, (2.0,), (3.0,)) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: grad(pair, [0, 1])(1.0, 2.0), TypeError, r"argnums is the position.*got \[0, 1\]: write \(0, 1\)"),
        (
            lambda: grad(pair, "x")(1.0, 2.0),
            TypeError,
            "argnums is the position of an argument, or a tuple.*got 'x'",
        ),
        (
            lambda: vjp(lambda x: [x, x], 1.0)[1]([[1.0, 2.0], 1.0]),
            ValueError,
            r"cotangents want one number, got \[1.0",
        ),
        (
            lambda: vjp(lambda x: np.array([x, x]), 1.0)[1]([1.0, 2.0]),
            ValueError,
            r"cotangents want an array of shape \(2,\), got \[1.0, 2.0\]",
        ),
        (lambda: vjp(None), TypeError, "vjp wants a function, got None"),
        (lambda: jvp(None, (1.0,), (1.0,)), TypeError, "jvp wants a function, got None"),
        (lambda: grad(None), TypeError, "grad wants a function, got None"),
        (lambda: hvp(pair, 1.0, 1.0), TypeError, r"primals are the arguments of f in a tuple, got 1.0: write \(1.0,\)"),
        (lambda: autograd.matvec(Value(1.0), [1.0]), TypeError, r"matvec wants rows.*got Value.*write matvec\(\[\["),
        (lambda: autograd.matvec([Value(1.0)], [1.0]), TypeError, "matvec wants rows of numbers"),
        (lambda: autograd.Primitive("unfinished", abs), TypeError, r"partials are functions.*write partials=\(lambda"),
    ],
)
def test_messages_say_what_is_wanted(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_class_among_the_arguments_is_no_array():
    assert grad(lambda x, kind: x * x if kind is np.ndarray else x)(3.0, np.ndarray) == 6.0
