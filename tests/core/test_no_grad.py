"""What records nothing: `no_grad` and `detach`."""

import threading
from math import inf

import pytest

import autograd
from autograd import Value, detect_anomaly, no_grad, where
from autograd.errors import AnomalyError


def test_no_grad():
    x = Value(2.0)
    with no_grad():
        outs = [x * 3, x.exp(), x + x, 1 - x, autograd.sum([x, x]), *autograd.matvec([[x]], [x]), where(True, x, 1.0)]
    assert all(out.is_leaf and out.parents == () for out in outs)
    assert outs[0].data == 6.0
    assert (x * 3).parents[0] is x
    y = outs[0] * x
    y.backward()
    assert x.grad == 6.0


def test_no_grad_ends_with_an_exception_and_nests():
    x = Value(2.0)
    with pytest.raises(RuntimeError), no_grad():
        raise RuntimeError
    assert not (x * 3).is_leaf
    with no_grad():
        with no_grad(), detect_anomaly():
            assert (x * 3).is_leaf
        assert (x * 3).is_leaf
    with detect_anomaly():
        with no_grad(), pytest.raises(AnomalyError):
            x / 0
        assert not (x * 3).is_leaf
    assert not (x * 3).is_leaf
    assert (x / 0).data == inf


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_modes_stay_in_their_thread(mode):
    entered, done = threading.Event(), threading.Event()
    x = Value(2.0)
    inside = []

    def other():
        with mode():
            entered.set()
            done.wait(60)
            inside.append((x * 3).is_leaf)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(60)
    try:
        assert not (x * 3).is_leaf
        assert (x / 0).data == inf
    finally:
        done.set()
        thread.join()
    assert inside == [mode is no_grad]


def test_detach():
    x = Value(3.0, label="x")
    y = x * x
    d = y.detach()
    assert (d.data, d.grad, d.is_leaf) == (9.0, 0.0, True)
    assert d is not y
    (x * d).backward()
    assert (x.grad, d.grad) == (9.0, 0.0)  # a constant: no derivative goes to it


def test_no_grad_is_a_decorator_and_its_results_are_constants():
    x = Value(2.0)

    @no_grad()
    def tripled():
        """Three times x."""
        return x * 3

    y = tripled()
    assert (tripled.__name__, tripled.__doc__) == ("tripled", "Three times x.")
    (y * x).backward()
    assert (x.grad, y.grad) == (6.0, 0.0)
