"""Gradients: fresh on nodes, accumulated on leaves, cut where a rule says so, left alone by what fails."""

import copy
import pickle
import threading
from math import inf, nan

import pytest

import autograd
from autograd import PRIMITIVES, ZERO, Primitive, Value, no_grad, where


def test_backward_twice_doubles_leaf_gradients_only():
    x = Value(3.0)
    h = x * x
    y = h * h + h
    y.backward()
    assert (y.grad, h.grad, x.grad) == (1.0, 19.0, 114.0)
    y.backward()
    assert (y.grad, h.grad, x.grad) == (1.0, 19.0, 228.0)


def test_gradients_of_two_losses_that_share_nodes_add_up():
    x = Value(2.0)
    h = x * 3
    first, second = h * h, h * 5
    first.backward()
    second.backward()
    assert x.grad == 36.0 + 15.0
    assert h.grad == 5.0
    assert first.grad == 1.0


def test_a_leaf_as_root_accumulates():
    x = Value(2.0)
    x.backward()
    x.backward(3.0)
    assert x.grad == 4.0


def test_upstream_gradient_of_the_root():
    x = Value(2.0)
    y = x * x
    y.backward(10.0)
    assert (y.grad, x.grad) == (10.0, 40.0)


def test_zero_grad_of_a_graph():
    x = Value(2.0)
    y = x * x
    y.backward()
    y.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_gradient_is_that_of_the_forward_pass():
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert (y.data, x.grad) == (9.0, 6.0)


def test_constants_get_no_gradient():
    x = Value(3.0)
    y = x * 2.0
    y.backward()
    assert y.parents[1].grad == 0.0
    assert y.local_derivatives == (2.0, None)
    assert x.grad == 2.0


def test_constant_with_an_infinite_local_derivative_is_harmless():
    x = Value(0.0)
    y = (x * 0 + 0.0) ** 2.0
    y.backward()
    assert x.grad == 0.0


def test_nodes_behind_a_cut_edge_have_fresh_gradients():
    a = Value(2.0)
    h = a * 3
    (h * h).backward()
    assert (h.grad, a.grad) == (12.0, 36.0)
    where(False, h * 7, a * 5).backward()
    assert (h.grad, a.grad) == (0.0, 41.0)


def test_a_leaf_behind_a_cut_edge_keeps_its_gradient():
    a, b = Value(2.0), Value(3.0)
    (a * b).backward()
    where(True, a, b).backward()
    assert (a.grad, b.grad) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("program", "value"),
    [
        (lambda x: where(x > 0, x.log(), 0.0), 0.0),
        (lambda x: where(autograd.greater(x, 0.0), x.log(), 0.0), 0.0),
        (lambda x: where(x == 0, 1.0, x.sin() / x), 1.0),
        (lambda x: where(x > 0, x.sqrt(), x.exp()), 1.0),
    ],
)
def test_where_keeps_the_other_branch_out(program, value):
    x = Value(0.0)
    y = program(x)
    y.backward()
    assert y.data == value
    assert x.grad == (1.0 if y.parents[2].primitive is autograd.exp else 0.0)


def test_comparison_primitives_cut():
    x = Value(0.0)
    (autograd.greater(x.sqrt(), 1.0) + x).backward()
    assert x.grad == 1.0


def test_zero_times_anything_is_zero():
    for upstream in (inf, -inf, nan, 1.0, Value(3.0)):
        assert ZERO * upstream == 0.0
    for upstream in (inf, -inf, nan, 1.0):
        assert upstream * ZERO == 0.0
    assert copy.copy(ZERO) is copy.deepcopy(ZERO) is pickle.loads(pickle.dumps(ZERO)) is ZERO
    x = Value(-1.0)
    (x.relu() * inf).backward()
    assert x.grad == 0.0


def test_backward_that_fails_leaves_all_gradients_as_they_were(monkeypatch):
    propagate = autograd.value._propagate

    def interrupted(*arguments, **options):
        propagate(*arguments, **options)
        raise KeyboardInterrupt

    x = Value(3.0)
    h = x * x
    y = h * 2
    y.backward()
    before = [x.grad, h.grad, y.grad]
    monkeypatch.setattr("autograd.value._propagate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        (y * y).backward()
    assert [x.grad, h.grad, y.grad] == before


@pytest.mark.parametrize(
    ("partials", "error"),
    [
        ((lambda out, *xs: [][0],) * 3, IndexError),
        ((lambda out, *xs: None,) * 3, TypeError),
        ((lambda out, *xs: "1",) * 3, TypeError),
        (lambda out, *xs: None, TypeError),
        (lambda out, *xs: [1.0, None, 1.0], TypeError),
        (lambda out, *xs: [1.0, 1.0], (TypeError, ValueError)),
        (lambda out, *xs: [1.0] * 4, (TypeError, ValueError)),
    ],
    ids=["raises", "None", "string", "all None", "one None", "one too few", "one too many"],
)
def test_rule_that_fails_is_an_error_where_the_node_is_made(partials, error):
    broken = Primitive("broken", lambda *xs: sum(xs), partials=partials)
    del PRIMITIVES["broken"]
    with pytest.raises(error):
        broken(Value(1.0), Value(2.0), Value(3.0))


def made_of_constants(x):
    with no_grad():
        yield x * 2
    yield x.detach()
    yield x.detach() * 3 + 1
    yield autograd.sum([x.detach(), 2.0])
    yield copy.deepcopy(x.detach() * 2)


def test_backward_that_reaches_constants_alone_is_an_error_and_changes_nothing():
    x = Value(3.0)
    x.grad = 5.0
    for root in made_of_constants(x):
        root.grad = 7.0
        with pytest.raises(RuntimeError, match=r"nothing but constants.*no_grad, by detach\(\).*Compute it outside"):
            root.backward()
        assert (root.grad, x.grad) == (7.0, 5.0)
        assert all(parent.grad == 0.0 for parent in root.parents)


def test_backward_from_a_leaf_and_where_every_edge_is_cut():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0
    for root in (
        x.sign(),
        where(1.0, 2.0, x),
        autograd.less(x, 4.0),
        where(x > 1, 2.0, 3.0) * x.sign(),
        x.detach() + x,
    ):
        x.grad = 0.0
        root.backward()
        assert x.grad == (1.0 if root.primitive is autograd.add else 0.0)


def test_an_edge_that_was_cut_is_told_from_one_that_carries_nothing():
    x, y = Value(-3.0), Value(2.0)
    assert where(x > 0, x, y).local_derivatives == (None, None, 1.0)
    assert x.relu().local_derivatives == (0.0,)
    assert (x * Value(0.0)).local_derivatives == (0.0, -3.0)
    assert (x * 0.0).local_derivatives == (0.0, None)
    assert autograd.dot([x, 1.0], [y.detach(), y]).local_derivatives == (2.0, None, None, 1.0)


def test_backward_in_threads_that_share_a_leaf():
    x = Value(2.0)
    threads = [threading.Thread(target=lambda: [(x * 3).backward() for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad == 3.0 * 4 * 500
