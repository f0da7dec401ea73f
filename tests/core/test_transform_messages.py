"""What transforms refuse, and in which words."""

import math

import numpy as np
import pytest
from derivatives import derivative, rosenbrock

import autograd
from autograd import Value, grad, hessian, hvp, jacobian, jvp, no_grad, vjp


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
        (lambda: jvp(pair, (1.0,), (1.0, 2.0)), ValueError, "tangents must be a list of length 1"),
        (lambda: hvp(rosenbrock, ([1.0, 2.0],), ([1.0],)), ValueError, "tangents must be a list of length 2"),
        (lambda: vjp(pair, 1.0)[1]([1.0]), ValueError, "cotangents must be a list of length 2"),
        (lambda: vjp(pair, 1.0)[1](1.0), ValueError, "cotangents must be a list of length 2"),
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
    with pytest.raises(ValueError, match="tangents must be a dict with the keys 'a', 'b'"):
        jvp(first, ({"a": 1.0, "b": 2.0},), ({"a": 1.0, "c": 1.0},))
    with pytest.raises(ValueError, match="tangents must be"):
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
            r"cotangents must be one number, got \[1.0",
        ),
        (
            lambda: vjp(lambda x: np.array([x, x]), 1.0)[1]([1.0, 2.0]),
            ValueError,
            r"cotangents must be an array of shape \(2,\), got \[1.0, 2.0\]",
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
