"""Sums written out term by term, beside arguments that all of them share."""

import pytest

import autograd
from autograd import Value


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
