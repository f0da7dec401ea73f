"""Batches of every length, in one thread and in several: nothing of the one before is left, none is too short."""

import functools
import itertools
import math

import numpy as np
import pytest

import autograd
from autograd import Value
from nn import MLP

pytest.importorskip("llvmlite")

from steps import CLOSE, LANES, by_values, examples, gradients_of, hinge_step, numbers_of

pytestmark = pytest.mark.sampled(every=3)


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


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize(("layers", "threads"), list(itertools.product([[5, 1], [17, 9, 1], []], [1, 2])))
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
        assert step.executables.last.rerolled is not None
        p.grad = 0.0
        loss().backward()
        assert p.grad == pytest.approx(gradient, nan_ok=True)
