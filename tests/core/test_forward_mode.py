"""Forward mode through whatever a function does with Values."""

import numpy as np
import pytest
from derivatives import derivative

import autograd
import nn
from autograd import Value, check_grads, grad, hvp, jacobian, jvp, value_and_grad
from autograd.dual import Dual


def test_matvec_in_forward_mode():
    W = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    assert jvp(lambda x: autograd.matvec(W, x), ([1.0, 2.0],), ([1.0, 0.0],)) == ([5.0, 11.0], [1.0, 3.0])


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


def test_a_class_among_the_arguments_is_no_array():
    assert grad(lambda x, kind: x * x if kind is np.ndarray else x)(3.0, np.ndarray) == 6.0
