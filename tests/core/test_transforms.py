"""Functions that take a function and give back its derivatives."""

import math
import random
from collections import namedtuple

import mpmath
import numpy as np
import pytest
from derivatives import BOTH, derivative, rosenbrock
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import PRIMITIVES, check_grads, exp, grad, hessian, hvp, jacobian, jvp, sin, tanh, value_and_grad, vjp

mp = mpmath.mp.clone()
mp.dps = 50


# --- Values against closed forms -------------------------------------------------------------------------------------


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


# --- Structures ------------------------------------------------------------------------------------------------------


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


def test_hessian_of_an_array_is_a_matrix():
    matrix = hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    assert matrix.dtype == float
    assert matrix.tolist() == [[6.0, 0.0], [0.0, 12.0]]


# --- Transforms agree with each other --------------------------------------------------------------------------------


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
