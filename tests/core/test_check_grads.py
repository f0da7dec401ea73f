"""The checker of derivatives is itself checked: it passes what is right and catches what is a little wrong."""

import math

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, Primitive, Value, check_grads


@pytest.fixture
def row():
    """Makes rows."""
    return lambda forward, *partials: Primitive("tested", forward, partials=partials)


def area(x, y):
    return x * y


# What is right passes


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("modes", [("forward",), ("reverse",), ("forward", "reverse"), ["reverse"]])
def test_right_derivatives_pass(order, modes):
    check_grads(lambda x, y: autograd.tanh(x * y) + x**2 / y, (0.7, 1.3), order=order, modes=modes)


def test_right_derivatives_pass_in_every_structure():
    check_grads(lambda xs, y: [autograd.dot(xs, xs), xs[0] * y], ([1.0, 2.0], 3.0))
    check_grads(lambda p: {"out": p["w"] * p["x"][1]}, ({"w": 2.0, "x": (1.0, 3.0)},))
    check_grads(lambda a: np.exp(a) @ a, (np.array([0.1, 0.2]),))
    check_grads(lambda x: 3.0, (1.0,))
    check_grads(lambda x: x * 1e6, (1.0,))
    check_grads(lambda x: x * x, (1e4,))


def test_functions_that_close_over_values_are_checked_and_left_alone():
    w = Value(2.0)
    check_grads(lambda x: (w * x).tanh(), (0.3,))
    assert w.grad == 0.0


# What is wrong is caught


@pytest.mark.parametrize("modes", [("forward",), ("reverse",)])
@pytest.mark.parametrize("factor", [1.0005, 0.9995, 0.0, -1.0])
def test_rule_that_is_a_little_off_is_caught(row, modes, factor):
    wrong = row(math.sin, lambda out, x: factor * autograd.cos(x))
    with pytest.raises(AssertionError, match="argument 0 of tested, order 1, "):
        check_grads(wrong, (0.8,), order=1, modes=modes)
    if factor > 0:
        with pytest.raises(AssertionError, match=r"it is 0\.05% off"):
            check_grads(lambda x: wrong(x), (0.8,), modes=modes)


def test_message_in_full(row):
    wrong = row(lambda x: x * x, lambda out, x: 2.001 * x)
    with pytest.raises(AssertionError) as error:
        check_grads(wrong, (3.0,), modes=["reverse"])
    assert str(error.value) == (
        "argument 0 of tested, order 1, reverse mode: the derivative is 6.003, the five-point stencil gives 6, "
        "it is 0.05% off"
    )


@pytest.mark.parametrize("modes", [("forward",), ("reverse",)])
@pytest.mark.parametrize("row_name", ["exp", "tanh", "sqrt", "sigmoid", "log"])
def test_each_rule_made_a_little_wrong_is_caught(monkeypatch, row_name, modes):
    rule = PRIMITIVES[row_name].partials[0]
    monkeypatch.setattr(PRIMITIVES[row_name], "partials", (lambda out, x: 1.0005 * rule(out, x),))
    with pytest.raises(AssertionError, match=f"of {row_name}, order 1"):
        check_grads(PRIMITIVES[row_name], (0.8,), modes=modes)


@pytest.mark.parametrize("modes", [("forward",), ("reverse",), ("forward", "reverse")])
def test_rule_that_is_right_on_floats_only_is_caught_at_second_order(row, modes):
    def detached(x):
        return x if isinstance(x, float) else detached(x.data if isinstance(x, Value) else x.primal)

    wrong = row(lambda x: x * x, lambda out, x: 2 * detached(x))
    check_grads(wrong, (3.0,), order=1)
    with pytest.raises(AssertionError, match=r"argument 0 of tested, order 2, \w+ over \w+ mode: .* is 0, .* 100%"):
        check_grads(wrong, (3.0,), order=2, modes=modes)


def test_second_order_a_little_off_is_caught(row):
    def too_steep(x):
        return 2 * x if isinstance(x, float) else 2 * x + 0.001 * (x - (x.data if isinstance(x, Value) else x.primal))

    wrong = row(lambda x: x * x, lambda out, x: too_steep(x))
    check_grads(wrong, (3.0,), order=1)
    with pytest.raises(AssertionError, match=r"order 2.* 0\.05% off"):
        check_grads(wrong, (3.0,), order=2)


def test_derivative_that_should_be_zero(row):
    wrong = row(lambda x: 1.0, lambda out, x: 0.001)
    with pytest.raises(AssertionError, match=r"argument 0 of tested, order 1.* derivative is 0\.001"):
        check_grads(wrong, (3.0,))


def test_derivative_that_is_nan(row):
    wrong = row(lambda x: x, lambda out, x: math.nan)
    with pytest.raises(AssertionError, match="the derivative is nan"):
        check_grads(wrong, (3.0,))


# The message names the argument


def test_argument_is_named(row):
    wrong = row(area, lambda out, x, y: y, lambda out, x, y: 1.0005 * x)
    with pytest.raises(AssertionError, match=r"^argument 1 of tested, order 1, forward mode"):
        check_grads(wrong, (2.0, 3.0))
    with pytest.raises(AssertionError, match=r"^argument 1\[2\] of "):
        check_grads(lambda x, ys: x * ys[0] + ys[1] + wrong(x, ys[2]), (2.0, [3.0, 4.0, 5.0]))
    with pytest.raises(AssertionError, match=r"^argument 0\[0\] of "):
        check_grads(lambda xs: wrong(3.0, xs[0]), ([2.0],))


# Calls that are wrong


@pytest.mark.parametrize("order", [0, -1])
def test_order_that_is_none(order):
    with pytest.raises(ValueError, match=f"check_grads wants an order of 1 or more, got {order}"):
        check_grads(area, (1.0, 2.0), order=order)


@pytest.mark.parametrize("modes", [["backward"], ["forward", "sideways"], [], "sideways"])
def test_mode_that_is_none(modes):
    with pytest.raises(ValueError, match=r"check_grads knows the modes forward, reverse, got .*"):
        check_grads(area, (1.0, 2.0), modes=modes)


def test_argument_that_is_no_number():
    with pytest.raises(TypeError, match="wants a number, got str 'a'"):
        check_grads(area, (1.0, "a"))


# Many numbers: derivatives of higher order along a random direction

MANY = 60


@pytest.fixture
def cubes(row):
    """Makes the sum of cubes of many numbers; the second derivative of one of them is a little wrong."""

    def rule(_out, x):
        return 3 * x**1.001 * x.detach() ** 0.999 if hasattr(x, "detach") else 3 * x * x

    wrong = row(lambda x: x**3, rule)
    return lambda at: lambda xs: autograd.sum([wrong(x) if k == at else x**3 for k, x in enumerate(xs)])


POINT = [0.5 + k / MANY for k in range(MANY)]


def test_second_derivatives_of_many_numbers_pass():
    calls = []

    def f(xs):
        calls.append(1)
        return autograd.dot(xs, xs[::-1]) * autograd.norm(xs).tanh()

    check_grads(f, (POINT,))
    assert len(calls) < 25 * MANY  # and not MANY ** 2
    check_grads(lambda xs: [xs[0] * xs[1] ** 2, xs[-1].exp() / xs[0]], (POINT[:12],), order=3)


@pytest.mark.parametrize("modes", ["forward", "reverse"])
@pytest.mark.parametrize("at", [0, 7, 31, MANY - 1])
def test_one_wrong_second_derivative_among_many_is_caught(cubes, at, modes):
    with pytest.raises(AssertionError, match=f"a random direction of <lambda>, order 2, {modes} over {modes} mode"):
        check_grads(cubes(at), (POINT,), modes=modes)
    check_grads(cubes(at), (POINT,), order=1, modes=modes)


@pytest.mark.slow
@pytest.mark.parametrize("modes", ["forward", "reverse"])
def test_a_wrong_second_derivative_is_caught_wherever_it_is(cubes, modes):
    for at in range(MANY):
        with pytest.raises(AssertionError, match="order 2"):
            check_grads(cubes(at), (POINT,), modes=modes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_grads(Value(1.0), None), r"wants a function, got Value\(data=1.0.*write check_grads\(lambda"),
        (lambda: check_grads(area, None), r"arguments of the function in a tuple, got None: write \(None,\)"),
        (lambda: check_grads(math.sin, 1.0), r"arguments of the function in a tuple, got 1.0: write \(1.0,\)"),
    ],
)
def test_what_is_no_function_or_no_arguments(call, message):
    with pytest.raises(TypeError, match=message):
        call()
