"""The loss of a whole data set, written out term by term in micrograd's style: the same as in a batch, and rolled."""

import re

import numpy as np
import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from steps import CLOSE, LANES, Demo, gradients_of, numbers_of

pytestmark = pytest.mark.sampled(every=3)

WAYS = [name for name in vars(Demo) if not name.startswith("_") and name != "total_loss"]


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("without", ["rolled", "not rolled"])
@pytest.mark.parametrize("how", WAYS)
def test_the_loss_of_a_whole_data_set(how, without):
    demo = Demo(how, outputs=3 if how == "cross_entropy" else 1)
    parameters = demo.model.parameters()
    step = autograd.compile(demo.total_loss, parameters, without=() if without == "rolled" else ("roll",))
    for _ in range(3):
        for p in parameters:
            p.grad = 0.0
        total = demo.total_loss()
        total.backward()
        wanted = gradients_of(parameters)
        assert step() == pytest.approx(total.data, rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(gradients_of(parameters), wanted, rtol=1e-10, atol=1e-12)
        value, gradient = step.flat(numbers_of(parameters))
        assert value == pytest.approx(total.data, rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-10, atol=1e-12)
        for p, grad in zip(parameters, wanted):
            p.data -= 0.05 * grad


@pytest.mark.parametrize("how", ["hinge", "plain_inputs", "leaves_outside", "cross_entropy", "odd_terms"])
def test_a_data_set_is_rolled(how):
    demo = Demo(how, n=60, outputs=3 if how == "cross_entropy" else 1)
    step = autograd.compile(demo.total_loss, demo.model.parameters())
    step()
    found = re.search(r"rerolled into (\d+) subgraph\(s\) over ([\d, ]+) examples", str(step))
    assert sum(map(int, found[2].split(", "))) >= 58
    assert int(found[1]) == (3 if how == "cross_entropy" else 1)
    again = autograd.compile(demo.total_loss, demo.model.parameters(), without=("roll",))
    again()
    assert "rolled" not in str(again)
    assert len(step.program) < len(again.program) / 4


@pytest.mark.parametrize("how", ["leaves_outside", "root_of_mean", "cross_entropy", "each_by_the_mean", "odd_terms"])
def test_data_that_is_changed_between_calls_is_seen(how):
    """Values made outside of the function are read at every call."""
    demo = Demo(how, outputs=3 if how == "cross_entropy" else 1)
    parameters = demo.model.parameters()
    step = autograd.compile(demo.total_loss, parameters)
    step()
    for k, row in enumerate(demo.inputs):
        row[0].data += 0.1 * k
        row[1].data = -row[1].data
    for p in parameters:
        p.grad = 0.0
    total = demo.total_loss()
    total.backward()
    wanted = gradients_of(parameters)
    assert step() == pytest.approx(total.data, rel=1e-10)
    np.testing.assert_allclose(gradients_of(parameters), wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, LANES, LANES + 1, 131])
def test_data_sets_of_every_length(n):
    demo = Demo("hinge", n=n)
    parameters = demo.model.parameters()
    total = demo.total_loss()
    total.backward()
    wanted = gradients_of(parameters)
    assert autograd.compile(demo.total_loss, parameters)() == pytest.approx(total.data, rel=1e-10)
    np.testing.assert_allclose(gradients_of(parameters), wanted, rtol=1e-10, atol=1e-12)


def test_a_long_sum_of_a_few_parameters():
    """Terms that have no parameter in common differ in the parameters, not in numbers."""
    parameters = [Value(0.1 * k) for k in range(40)]
    step = autograd.compile(lambda: sum([(p - 1.0) ** 2 for p in parameters]) + parameters[0] * 2.0, parameters)
    assert step() == pytest.approx(sum((p.data - 1.0) ** 2 for p in parameters), rel=1e-12)
    wanted = [2 * (p.data - 1.0) + (2.0 if k == 0 else 0.0) for k, p in enumerate(parameters)]
    np.testing.assert_allclose(gradients_of(parameters), wanted, **CLOSE)


# --- Beside arguments that all terms share ---------------------------------------------------------------------------


def by_hand(w, numbers, rate=1.0):
    """The loss and its gradient, by Values."""
    weight = Value(w)
    loss = autograd.sum([(weight * x).tanh() * rate for x in numbers])
    loss.backward()
    return loss.data, weight.grad


NUMBERS = [0.1, -0.2, 0.3, 0.4, 0.5, 0.7]


@pytest.mark.parametrize("kind", [float, Value])
def test_a_rerolled_sum_with_an_argument_that_all_terms_share(kind):
    w, numbers = Value(2.0), [kind(x) for x in NUMBERS]
    step = autograd.compile(lambda rate: autograd.sum([(w * x).tanh() * rate for x in numbers]), [w])
    for rate in (0.1, 0.1, 3.0):
        value, gradient = by_hand(2.0, NUMBERS, rate)
        assert step(rate) == pytest.approx(value, rel=1e-12)
        assert w.grad == pytest.approx(gradient, rel=1e-12)


def test_a_sum_over_arguments():
    w = Value(2.0)
    step = autograd.compile(lambda *xs: autograd.sum([(w * x).tanh() for x in xs]), [w])
    for numbers in (NUMBERS, NUMBERS[::-1], [5 * x for x in NUMBERS]):
        value, gradient = by_hand(2.0, numbers)
        assert step(*numbers) == pytest.approx(value, rel=1e-12)
        assert w.grad == pytest.approx(gradient, rel=1e-12)
