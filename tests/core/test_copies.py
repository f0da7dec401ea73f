"""Copies and pickles of graphs."""

import copy
import pickle
import threading

import pytest

import autograd
from autograd import Value, where

COPIERS = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.fixture(params=COPIERS.values(), ids=COPIERS)
def copier(request):
    return request.param


def graph():
    a = Value(2.0, label="a")
    h = autograd.sum([a * a, a, 3.0])
    return a, h, where(h > 0, h * a, a.log())


def test_copy_of_a_graph_is_one(copier):
    a, _, loss = graph()
    loss.backward()
    twin = copier(loss)
    assert (twin.data, twin.grad, twin.primitive, twin.local_derivatives) == (18.0, 1.0, where, loss.local_derivatives)
    twin_a = twin.parents[1].parents[1]
    assert (twin_a.data, twin_a.label, twin_a.grad) == (2.0, "a", a.grad)
    twin.backward()
    assert (twin_a.grad, a.grad) == (2 * a.grad, 19.0)


@pytest.mark.parametrize(
    "pack",
    [
        lambda a, h, loss: [a, loss],
        lambda a, h, loss: [loss, a],
        lambda a, h, loss: (h, loss, a),
        lambda a, h, loss: {"loss": loss, "again": loss, "parts": [h, a]},
        lambda a, h, loss: [[a], [h], [loss], a],
    ],
)
def test_copy_keeps_what_is_shared(copier, pack):
    a, h, loss = graph()
    twins = copier(pack(a, h, loss))

    def values(tree):
        return (
            [tree]
            if isinstance(tree, Value)
            else [v for part in (tree.values() if isinstance(tree, dict) else tree) for v in values(part)]
        )

    twin_loss = next(v for v in values(twins) if v.data == loss.data)
    twin_h = twin_loss.parents[1].parents[0]
    twin_a = twin_loss.parents[1].parents[1]
    known = {2.0: twin_a, 9.0: twin_h, 18.0: twin_loss}
    assert all(v is known[v.data] for v in values(twins))
    assert not {a, h, loss} & set(values(twins))
    twin_loss.backward()
    assert (twin_a.grad, a.grad) == (19.0, 0.0)


def test_copy_of_a_leaf(copier):
    x = Value(2.0, label="x")
    x.grad = 5.0
    twin = copier(x)
    assert twin is not x
    assert (twin.data, twin.grad, twin.label, twin.is_leaf) == (2.0, 5.0, "x", True)
    twin.data = 3.0
    assert x.data == 2.0


def test_copied_constant_stays_a_constant(copier):
    twin = copier(Value(0.0) * 2.0)
    twin.backward()
    assert (twin.parents[0].grad, twin.parents[1].grad) == (2.0, 0.0)


def test_one_pickler_may_write_many_graphs():
    """The memo of a pickler must not mix up objects that were freed meanwhile."""
    for k in range(50):
        x = Value(float(k))
        loaded_x, loaded = pickle.loads(pickle.dumps((x, x * x)))
        assert loaded.parents[0] is loaded_x
        assert loaded.data == k * k


def test_shallow_copy_shares_the_operands():
    a = Value(2.0)
    y = a * a
    y.label = "y"
    twin = copy.copy(y)
    assert twin is not y
    assert twin.parents[0] is a
    assert (twin.label, twin.data) == ("y", 4.0)
    twin.backward()
    assert (a.grad, y.grad) == (4.0, 0.0)


def test_pickles_in_threads_of_the_same_graph():
    y = x = Value(1.0)
    for _ in range(3_000):
        y = y * x
    copies = []
    threads = [threading.Thread(target=lambda: copies.append(pickle.loads(pickle.dumps(y)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [copied.data for copied in copies] == [1.0, 1.0, 1.0]
