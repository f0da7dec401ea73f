"""Numbers that do not belong together: a picture says which are old, and which gradients are of another pass."""

from __future__ import annotations

import json
import math
import re

import pytest
from drawing import drawn, loss_of

from autograd import Primitive, Value, draw_dot, to_mermaid
from autograd.primitive import PRIMITIVES
from nn import MLP

pytestmark = pytest.mark.sampled(every=2)

OLD = "old data ({}): not what the leaves give now, as after an optimizer step. Run the forward pass again"
FOREIGN = "grad* ({}): not from one backward() of the root alone. Leaves add up all passes until zero_grad()"


def doubtful(root, **options):
    """What a picture says of numbers that do not belong together: its captions, and the lines that are marked."""
    picture = draw_dot(root, **options)
    lines = [line for line in picture.text.splitlines() if line.startswith("b")]
    return list(picture.warnings), [line.split()[0] for line in lines if re.search(r"  (old data|grad\*) ", line)]


def test_after_an_optimizer_step_the_picture_says_what_is_old():
    x, w, b = Value(2.0, label="x"), Value(0.5, label="w"), Value(-3.0, label="b")
    loss = (w * x + b).relu() + x * 2  # the relu gives 0 before and after
    loss.backward()
    assert doubtful(loss) == ([], [])
    w.data -= 0.1
    assert doubtful(loss) == ([OLD.format("2 nodes")], ["b2", "b4"])
    assert doubtful(loss, values=False) == ([], [])
    w.data += 0.1
    assert doubtful(loss) == ([], [])
    w.data = math.nan
    assert doubtful(loss) == ([OLD.format("4 nodes")], ["b2", "b4", "b5", "b8"])


def test_a_computed_number_that_was_changed_by_hand_is_old():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    c.data = 7.0
    d = c + 1.0
    assert doubtful(d) == ([OLD.format("2 nodes")], ["b2", "b4"])


def test_gradients_of_two_passes_are_marked_in_the_leaves():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    loss = a * b + a
    loss.backward()
    assert doubtful(loss) == ([], [])
    loss.backward()
    assert doubtful(loss) == ([FOREIGN.format("2 nodes")], ["b0", "b1"])
    assert doubtful(loss, gradients=False) == ([], [])
    loss.zero_grad()
    assert doubtful(loss) == ([], [])
    loss.backward(gradient=2.5)
    assert doubtful(loss) == ([], [])
    a.grad = b.grad = 0.0  # as an optimizer's zero_grad() leaves it: that is no pass
    assert doubtful(loss) == ([], [])


def test_gradients_of_another_root_are_marked():
    a, b = Value(2.0), Value(-3.0)
    h = a * b
    one, other = h.tanh(), h.exp()
    one.backward()
    other.backward()
    assert doubtful(one)[0] == [FOREIGN.format("3 nodes")]
    assert doubtful(h * 2)[0] == [FOREIGN.format("3 nodes")]  # whose own gradients nobody has asked for
    nobody = Value(1.0) * 2.0
    assert doubtful(nobody) == ([], [])


def test_gradients_that_are_not_finite_are_compared_too():
    x = Value(0.0)
    root = (x.sqrt() * x).log()
    root.backward()
    assert not math.isfinite(x.grad)
    assert doubtful(root) == ([], [])


@pytest.mark.parametrize("steps", [0, 1])
def test_a_batch_and_its_folded_picture(steps):
    model = MLP(8, [4, 3], rng=0)
    loss = loss_of(model, 100)
    loss.backward()
    for parameter in model.parameters() * steps:
        parameter.data -= 0.01 * parameter.grad
    said, marked = doubtful(loss)
    assert len(said) == steps
    assert bool(marked) == bool(steps)
    if steps:
        assert re.match(r"old data \([\d,]+ nodes\): ", said[0])
    loss.backward()
    assert doubtful(loss)[0][-1].startswith("grad* (51 nodes): ")


def test_a_graph_too_large_to_be_looked_through_is_not_looked_through(monkeypatch):
    monkeypatch.setattr("autograd.freshness._MOST_NODES", 2)
    a = Value(2.0)
    root = a * a * a
    for _ in range(2):
        root.backward()
    a.data = 3.0
    assert doubtful(root) == ([], [])


def test_a_row_of_ones_own_that_fails_now_is_no_reason_to_fail(monkeypatch):
    table = Primitive("table", lambda x: {2.0: 5.0}[x], partials=(1.0,))
    monkeypatch.delitem(PRIMITIVES, "table")
    x = Value(2.0)
    y = table(x)
    x.data = 3.0
    assert doubtful(y) == ([], [])


@pytest.mark.usefixtures("layout")
def test_what_does_not_belong_together_is_in_the_picture_and_in_its_alternative_text():
    a = Value(2.0, label="a")
    root = a * a
    for _ in range(2):
        root.backward()
    a.data = 3.0
    picture = drawn(root)
    assert picture.boxes == {"b0": ["a", "data", "3", "grad*", "8"], "b1": ["*", "old data", "4", "grad", "1"]}
    assert picture.caption == f"{OLD.format('1 node')} {FOREIGN.format('1 node')}"
    bundle = draw_dot(root)._repr_mimebundle_()
    assert f'alt="computation graph. {OLD.format("1 node")}. {FOREIGN.format("1 node")}"' in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[-2:] == [OLD.format("1 node"), FOREIGN.format("1 node")]
    assert draw_dot(root).copy().warnings == draw_dot(root).warnings
    title = json.loads(to_mermaid(root).splitlines()[1].removeprefix("title: "))
    assert title == f"{OLD.format('1 node')}. {FOREIGN.format('1 node')}"
