"""Derivatives of derivatives, and of functions that use Values from outside: nobody's is taken for another's."""

import math

import pytest
from derivatives import derivative, rosenbrock

import autograd
from autograd import Value, exp, grad, hessian, hvp, jacobian, jvp, no_grad, sin, value_and_grad, vjp

# --- Nesting: nobody's derivative is taken for another's -------------------------------------------------------------


NESTINGS = pytest.mark.parametrize(
    ("outer", "inner"),
    [(a, b) for a in (grad, derivative) for b in (grad, derivative)],
    ids=["reverse over reverse", "reverse over forward", "forward over reverse", "forward over forward"],
)


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


# --- Numbers in, numbers out; Values in, Values out ------------------------------------------------------------------


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
