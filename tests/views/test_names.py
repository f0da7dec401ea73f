"""Names: what scopes tell viewers of their nodes, and that every view calls a node the same."""

from __future__ import annotations

import ast
import copy
import pickle
from itertools import pairwise
from pathlib import Path

import pytest

import autograd
from autograd import Value, explain, explore, paths, scope
from autograd.draw.scene import scene_of
from autograd.graph import topological_order
from autograd.names import label_or_symbol, names_of
from autograd.scopes import Scope, scope_of
from nn import MLP, Module
from nn.names import LayerScope, NeuronScope


class Head(Scope):
    """What a user's own module tells."""

    __slots__ = ()
    kind = "attention head"

    def names(self, node):
        if node.primitive.name == "mul":
            yield node, "score[1]"
            yield node.operands[1], "key"


class Attention(Module):
    def __init__(self):
        self.weight = Value(2.0)

    def __call__(self, x):
        with scope("attention", Head):
            return (x * self.weight).tanh()


def test_a_module_of_a_user_tells_names_by_the_same_hook_as_nn():
    x = Value(0.5, "x")
    head = Attention()
    a = head(x)
    assert (type(scope_of(a)), scope_of(a).name, scope_of(a).kind) == (Head, "attention", "attention head")
    explanation = explain(a, head.weight)
    assert explanation.text.startswith("dC/dkey: 1 path from key to C.")
    assert "score[1] = x·key" in explanation.text
    assert r"\frac{\partial \mathrm{score}_{1}}{\partial \mathrm{key}}" in explanation.latex


def test_labels_come_before_the_names_that_scopes_tell():
    head, x = Attention(), Value(0.5, "x")
    head.weight.label = "mine"
    assert explain(head(x), head.weight).text.startswith("dC/dmine")


def test_names_of_neurons_do_not_depend_on_labels():
    model = MLP(1, [1], activation="tanh", output="tanh", rng=0)
    model.parameters()[0].label, model.parameters()[1].label = "slope", "offset"
    text = explain(model([2.0]), model.parameters()[0]).text
    assert "z0[0] = offset + slope·x[0]" in text
    w, b = Value(1.0, "w[0]"), Value(2.0, "b")
    assert "z" not in explain(w * 3.0 + b, w).text.replace("zero", "")


def test_a_scope_that_only_sounds_like_a_neuron_is_said():
    x = Value(0.5, "x")
    with scope("neuron of mine"):
        y = x.exp()
    assert "C = exp(x)  (neuron of mine)" in explain(y, x, limit=0).text


@pytest.mark.parametrize("again", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))], ids=["deepcopy", "pickle"])
def test_scopes_of_other_kinds_are_copied_with_what_they_know(again):
    (neuron,) = again([NeuronScope("neuron 3", LayerScope("layer 1"), "1[3]")])
    assert (type(neuron), type(neuron.parent), neuron.index) == (NeuronScope, LayerScope, "1[3]")
    root = again(MLP(1, [1, 1], rng=0)([2.0]))
    assert explain(root, root).text == "dz1[0]/dz1[0] = 1: it is z1[0] itself."


def test_a_kind_of_scope_is_a_class_of_scopes():
    for wrong in ("layer", int, Scope("x")):
        with pytest.raises(TypeError, match="a scope's kind is a subclass of Scope"):
            scope("name", wrong)


def test_every_view_calls_a_node_the_same():
    x, model = Value(0.5), MLP(1, [2], activation="tanh", output="tanh", rng=0)
    a, b = model([x * 2.0])
    root = a * b + x
    names = names_of(root)
    (path, *_) = paths(x, root)
    texts = [names[node].text for node in path.nodes]
    assert repr(path).startswith(f"Path({' -> '.join(texts)}, ")
    assert texts == ["v1", "v2", "z0[0]", "a0[0]", "v3", "C"]
    explanation = explain(root, x).text
    assert all(f"∂{above}/∂{below}" in explanation for below, above in pairwise(texts))
    shown = [row[0] for row in explore(root)._page_data.data["nodes"]]
    assert shown == [names[node].text if node in names else "" for node in topological_order(root)]


def test_a_box_without_a_label_shows_what_its_node_does():
    x = Value(0.5, "x")
    boxes = scene_of(x.exp() * 3.0).boxes
    assert [box.title for box in boxes] == [label_or_symbol(box.nodes[0]) for box in boxes] == ["x", "exp", "3", "*"]


HOUSE = Path(autograd.__file__).parent
ROOM = ["names.py", "paths.py", "explanation/__init__.py", "explanation/derivation.py", "explanation/page.py"]
ROOM += [f"draw/{path.name}" for path in sorted(HOUSE.glob("draw/*.py"))]


@pytest.mark.parametrize("name", ROOM)
def test_viewers_read_no_slot_of_a_value(name):
    private = {name for name in dir(Value) if name.startswith("_") and not name.startswith("__")}
    parsed = ast.parse((HOUSE / name).read_text("utf-8"))
    assert not private & {node.attr for node in ast.walk(parsed) if isinstance(node, ast.Attribute)}
