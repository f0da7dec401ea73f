"""Graphs that several files show in a browser, and what their pages should then say."""

from __future__ import annotations

import math

import pytest

from autograd import Value
from autograd.graph import topological_order
from nn import MLP, hinge


def readme_graph():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = a * b
    c.label = "c"
    d = (c + 10) * a
    d.label = "d"
    loss = d.tanh() + d**2 / 50
    loss.label = "loss"
    return loss


def number(text):
    """A number as the page writes it."""
    return float(text.replace("−", "-"))


def written(x):
    """A number as the page should write it: four digits, whole numbers in full."""
    if x == 0:
        return "0"
    if not math.isfinite(x):
        return str(x).replace("-", "−")
    if 1e-4 <= abs(x) < 1e6:
        text = repr(round(x)) if x == int(x) or abs(x) >= 1e4 else f"{x:.4g}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")
    mantissa, exponent = f"{x:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}".replace("-", "−")


def assert_written(text, x):
    """The page's operations may differ in the last bit, which can show in a last digit only at a tie."""
    assert text == written(x) or number(text) == pytest.approx(x, rel=6e-4), (text, x)


def assert_agrees(opened, root):
    """Every box shows the data and the gradient that the engine gives."""
    root.zero_grad()
    root.backward()
    boxes = opened.boxes()
    named = {node.label: node for node in topological_order(root) if node.label}
    assert named
    for label, node in named.items():
        data, gradient = boxes[label][:2]
        assert_written(data, node.data)
        assert_written("0" if gradient == "·" else gradient, node.grad)
    root.zero_grad()


def network():
    model = MLP(2, [3, 3, 1], activation="tanh", rng=1)
    loss = hinge(model([Value(0.5, label="x0"), Value(-1.2, label="x1")]), 1)
    loss.label = "loss"
    return loss


def recompute(root):
    """The graph computed anew from its leaves, with local derivatives."""
    for node in topological_order(root):
        if node.primitive:
            fresh = node.primitive(*node.parents)
            node._data = fresh._data
            for derivative in ("_d_left", "_d_right"):
                if hasattr(fresh, derivative):
                    setattr(node, derivative, getattr(fresh, derivative))
