"""Scenes: large graphs become few boxes, no node is lost, and boxes open."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest
from drawing import Drawn, drawn, example, loss_of, unlike
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, draw_dot, scope, to_mermaid
from autograd.draw import COLLAPSE
from autograd.draw.collapse import READABLE
from autograd.draw.scene import scene_of
from autograd.graph import topological_order
from nn import MLP, Layer, cross_entropy, hinge

pytestmark = pytest.mark.sampled(every=2)

# --- Large graphs ----------------------------------------------------------------------------------------------------


def chain(length):
    x = Value(0.0, label="start")
    for _ in range(length):
        x = x + Value(1.0)
    return x


def summed_up(scene):
    """Titles with how often, by kind."""
    return sorted((box.kind, box.title, box.count) for box in scene.boxes)


def test_the_loss_of_digits_is_a_picture_of_a_dozen_boxes():
    scene = scene_of(loss_of(MLP(64, [32, 10], rng=0), 100))
    assert summed_up(scene) == [
        ("computed", "/", 1),
        ("computed", "sum", 1),
        ("constant", "100", 1),
        ("constant", "6,400 constants", 1),
        ("group", "cross_entropy", 100),
        ("group", "layer 0", 100),
        ("group", "layer 1", 100),
        ("parameter", "W0, b0", 1),
        ("parameter", "W1, b1", 1),
    ]
    assert scene.caption == (
        "16,414 nodes in 9 boxes: collapsed by layer and cross_entropy; repeats are drawn once; × says how many"
    )
    edges = {(arrow.operand, arrow.result): len(arrow.edges) for arrow in scene.arrows}
    key = {box.title: box.key for box in scene.boxes}
    assert edges[key["W0, b0"], key["layer 0"]] == 100 * 32 * 65
    assert edges[key["layer 1"], key["cross_entropy"]] == 100 * (10 + 1)


def test_one_example_is_drawn_by_neuron():
    model = MLP(2, [16, 16, 1], rng=0)
    scene = scene_of(hinge(model([Value(1.0, label="x"), Value(2.0, label="y")]), 1))
    kinds = Counter((box.kind, box.title.split()[0]) for box in scene.boxes)
    assert kinds == {
        ("leaf", "x"): 1,
        ("leaf", "y"): 1,
        ("group", "neuron"): 33,
        ("group", "hinge"): 1,
        ("constant", "1"): 2,
    }
    assert "collapsed by neuron and hinge" in scene.caption
    first = next(box for box in scene.boxes if box.title == "neuron 0")
    assert Counter(node.primitive.name if node.primitive else node.kind for node in first.nodes) == {
        "constant": 1,  # the 1 of the biases
        "parameter": 3,
        "dot": 1,
        "relu": 1,
    }


@pytest.mark.usefixtures("layout")
def test_a_network_by_layer():
    root = MLP(2, [4, 3], rng=0)([Value(1.0, label="x"), Value(2.0, label="y")])[0]
    root.backward()
    picture = drawn(root, collapse="layer")
    boxes = {box[0]: box for box in picture.boxes.values()}
    assert set(boxes) == {"x", "y", "layer 0", "layer 1"}
    first, second = boxes["layer 0"], boxes["layer 1"]
    assert first[:3] == ["layer 0", "4 dot, 4 relu", "12 parameters"]
    assert second[:3] == ["layer 1", "dot", "5 parameters"]
    assert first[3::2] == second[3::2] == ["data", "grad"]
    assert second[-1] == "1"
    assert sorted(picture.labels.values()) == [["×4"], ["×4"], ["×4"]]
    assert "collapsed by layer" in picture.caption


def test_a_users_scopes():
    def block(x, name):
        with scope(name):
            return (x * 2 + 1).tanh()

    x = Value(0.5, label="x")
    scene = scene_of(block(block(x, "first"), "second"), collapse="neuron")
    assert [box.title for box in scene.boxes if box.kind == "group"] == ["first", "second"]
    assert scene_of(block(x, "small")).caption == ""  # a small graph is drawn as it is


def test_scopes_in_scopes_fold_from_the_inside():
    x = Value(0.5)
    with scope("outermost"):
        with scope("middle"):
            with scope("inner"):
                a = x.exp().exp()
            b = a.sin().sin()
        c = b.cos().cos()
    titles = [[box.title for box in scene_of(c, way).boxes] for way in ("none", "neuron", "layer")]
    assert titles == [
        ["0.5", "exp", "exp", "sin", "sin", "cos", "cos"],
        ["0.5", "inner", "sin", "sin", "cos", "cos"],
        ["0.5", "middle", "cos", "cos"],
    ]
    assert [box.title for box in scene_of(c, max_nodes=2).boxes] == ["0.5", "outermost"]


def test_repeats_are_found_without_scopes():
    w, b = Value(2.0, label="w"), Value(1.0, label="b")
    losses = [((w * k + b).tanh() - 0.5) ** 2 for k in range(200)]
    scene = scene_of(sum(losses))
    assert summed_up(scene) == [
        ("computed", "*", 200),
        ("computed", "**", 200),
        ("computed", "+", 200),
        ("computed", "+", 200),
        ("computed", "-", 200),
        ("computed", "tanh", 200),
        ("constant", "0", 1),
        ("constant", "200 constants", 1),
        ("constant", "200 constants", 1),
        ("constant", "200 constants", 1),
        ("leaf", "b", 1),
        ("leaf", "w", 1),
    ]


def test_parameters_tell_repeats_from_parts_that_are_only_alike():
    layers = [Layer(3, 3, rng=k) for k in range(25)]

    def network(x):
        for layer in layers:
            x = layer(x)
        return x[0]

    scene = scene_of(autograd.sum([network([float(k), 1.0, 2.0]) for k in range(5)]))
    groups = [(box.title, box.count) for box in scene.boxes if box.kind == "group"]
    assert groups == [("layer", 5)] * 25  # five examples each; not one layer 125 times


def test_a_loop_is_one_box():
    scene = scene_of(chain(500))
    assert summed_up(scene) == [("computed", "+", 500), ("leaf", "501 leaves", 1)]


def test_numbered_scopes_are_repeats_when_it_has_to_be():
    w, total = Value(2.0, label="w"), 0
    for k in range(100):
        with scope(f"example {k}"):
            part = (w * k).tanh() ** 2
        total = total + part
    scene = scene_of(total)
    assert ("group", "example", 100) in summed_up(scene)
    assert len(scene.boxes) <= 6


def test_explicit_ways_stay_within_the_limit_too():
    root = loss_of(MLP(8, [4, 3], rng=0), 100)
    by_neuron = scene_of(root, collapse="neuron", max_nodes=50)
    assert Counter(box.title for box in by_neuron.boxes if box.count == 100)["neuron 0"] == 2
    for way in ("neuron", "layer"):
        assert len(scene_of(root, collapse=way, max_nodes=12).boxes) <= 12


@pytest.mark.parametrize("examples", [1, 3, 10, 40])
def test_a_folded_picture_is_readable(examples):
    assert len(scene_of(loss_of(MLP(20, [16, 10], rng=0), examples)).boxes) <= READABLE


def test_leaves_of_one_use_are_together():
    x = [Value(float(k)) for k in range(400)]
    scene = scene_of(autograd.logsumexp(x) + autograd.sum([v * 2 for v in x[:3]]))
    assert ("leaf", "397 leaves", 1) in summed_up(scene)


@pytest.mark.usefixtures("layout")
def test_too_many_unlike_nodes_leave_the_leaves_out():
    picture = drawn(unlike(299))
    assert len(picture.boxes) == 299
    assert picture.caption == "300 leaves not drawn (max_nodes=300)"


@pytest.mark.usefixtures("layout")
def test_far_more_nodes_leave_the_furthest_out():
    picture = drawn(unlike(500), max_nodes=20)
    assert [box[2] for box in picture.boxes.values()] == [str(k // 2) for k in range(481, 501)]
    assert len(picture.arrows) == 19
    assert picture.caption == "501 leaves and 480 computed nodes further from the root not drawn (max_nodes=20)"


def test_the_limit_itself_leaves_nothing_out():
    root = example()
    assert draw_dot(root, max_nodes=4).source.count("data") == 4
    assert "2 leaves not drawn" in draw_dot(root, collapse="none", max_nodes=3).source
    assert "1 computed node further" in draw_dot(root, max_nodes=1).source
    assert "1 leaf not drawn" in draw_dot(-Value(1.0), max_nodes=1).source
    assert "not drawn" not in draw_dot(Value(1.0), max_nodes=1).source


def test_nothing_is_folded_unless_wanted():
    root = loss_of(MLP(2, [2, 2], rng=0), 20)
    nodes = len(topological_order(root))
    assert len(scene_of(root, collapse="none", max_nodes=nodes).boxes) == nodes
    assert len(scene_of(root, collapse="auto", max_nodes=nodes).boxes) == nodes


def test_nearest_means_fewest_steps_to_the_root():
    near = unlike(3)
    root = unlike(100) * near
    scene = scene_of(root, collapse="none", max_nodes=7)
    assert near in [box.nodes[0] for box in scene.boxes]
    assert [box.nodes[0].data for box in scene.boxes] == [49.0, 49.0, 50.0, 0.0, 1.0, 1.0, 50.0]


def test_a_graph_deeper_than_the_recursion_limit():
    depth = 10 * sys.getrecursionlimit()
    assert f"{depth - 300:,} computed nodes" in draw_dot(unlike(depth)).source
    assert "× 10,000" in draw_dot(chain(10_000)).source


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_cycle_made_by_hand_is_an_error(length):
    nodes = [Value(1.0, label="start")]
    for _ in range(length):
        nodes.append(nodes[-1] + 1)
    nodes[1]._left = nodes[-1]
    with pytest.raises(ValueError, match=r"has a cycle: Value.*is computed from itself"):
        draw_dot(nodes[-1] * 2)
    with pytest.raises(ValueError, match="has a cycle"):
        to_mermaid(nodes[-1])


def test_a_node_that_is_its_own_operand():
    a = Value(1.0, label="me")
    a._left = a
    with pytest.raises(ValueError, match=r"cycle: .*label='me'"):
        draw_dot(a)


# --- Whatever the graph, a scene is all of it ------------------------------------------------------------------------


def random_graph(seed):
    """Some networks, losses and operations, at random, in scopes at random."""
    source = random.Random(seed)
    model = MLP(2, [source.randint(1, 4), 2], rng=seed, activation=source.choice(["tanh", lambda z: z.exp() * z]))
    values = [Value(source.random(), label=f"x{k}") for k in range(3)]
    for k in range(source.randint(2, 25)):
        what = source.randrange(5)
        a, b = source.choice(values), source.choice(values)
        if what == 0:
            values += model([a, b])
        elif what == 1:
            values.append(cross_entropy([a, b], 1))
        elif what == 2:
            with scope(f"scope {k % 3}"):
                values.append(autograd.dot([a, b, 1.0], [b, 2.0, a]).tanh())
        elif what == 3:
            values.append(a * b + 1)
        else:
            values.append(autograd.sum(source.choices(values, k=4)))
    return autograd.sum(values)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6), way=st.sampled_from(COLLAPSE), max_nodes=st.integers(1, 80), opened=st.integers(0, 30)
)
def test_a_scene_is_the_whole_graph(seed, way, max_nodes, opened):
    root = random_graph(seed)
    scene = scene_of(root, way, max_nodes)
    if opened and scene.boxes:
        scene = scene_of(root, way, max_nodes, [scene.boxes[opened % len(scene.boxes)].key])
    assert len(scene.boxes) <= max_nodes
    order = {node: k for k, node in enumerate(topological_order(root))}
    keys = [box.key for box in scene.boxes]
    assert len(set(keys)) == len(keys)
    box_of = {node: box.key for box in scene.boxes for node in box.nodes}
    assert len(box_of) == sum(len(box.nodes) for box in scene.boxes)  # no node is in two boxes
    assert root in box_of
    for box in scene.boxes:
        assert list(box.nodes) == sorted(box.nodes, key=order.__getitem__)
    if "not drawn" not in scene.caption:
        assert set(box_of) == set(order)
    if len(box_of) < len(order):
        assert "not drawn" in scene.caption
    if len(scene.boxes) < len(order):
        assert scene.caption
    wanted = Counter()
    for node in box_of:
        for position, operand in enumerate(node.parents):
            inside = autograd.scopes.scope_of(operand) is autograd.scopes.INSIDE
            if operand in box_of and box_of[operand] != box_of[node] and not inside:
                wanted[node, position] += 1
    found = Counter(edge for arrow in scene.arrows for edge in arrow.edges)
    assert all(count == 1 for count in found.values())
    assert set(wanted) <= set(found)
    for arrow in scene.arrows:
        assert {box_of[node] for node, _ in arrow.edges} == {arrow.result}
        assert {box_of[node.parents[position]] for node, position in arrow.edges} == {arrow.operand}


@pytest.mark.usefixtures("layout")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), way=st.sampled_from(COLLAPSE), after=st.booleans())
def test_every_scene_can_be_drawn_and_told(seed, way, after):
    root = random_graph(seed)
    if after:
        root.backward()
    picture = draw_dot(root, collapse=way, max_nodes=40, local_derivatives=True, highlight={"x": [root]})
    keys = {box.key for box in scene_of(root, way, 40).boxes}
    assert set(Drawn(picture.pipe("svg").decode()).boxes) == keys
    assert {line.split(" = ")[0] for line in picture.text.splitlines() if " = " in line} == keys


# --- Boxes open ------------------------------------------------------------------------------------------------------


def key_of(scene, title):
    return next(box.key for box in scene.boxes if box.title == title)


def test_a_group_opens_one_step_at_a_time():
    root = loss_of(MLP(8, [4, 3], rng=0), 100)
    scene = scene_of(root)
    layer = key_of(scene, "layer 1")
    inner = scene_of(root, opened=[layer])
    assert [(box.title, box.count) for box in inner.boxes if box.title.startswith("neuron")] == [
        (f"neuron {k}", 100) for k in range(3)
    ]
    assert key_of(inner, "layer 0") == key_of(scene, "layer 0")
    neuron = key_of(inner, "neuron 2")
    innermost = scene_of(root, opened=[layer, neuron])
    assert [box.count for box in innermost.boxes if box.kind == "computed" and box.title == "dot"] == [100]
    assert "neuron 2" not in [box.title for box in innermost.boxes]
    by_scope = scene_of(root, opened=[next(box.scope for box in scene.boxes if box.key == layer)])
    assert by_scope.boxes == inner.boxes
    assert by_scope.arrows == inner.arrows


def test_an_opened_neuron_shows_its_parameters():
    model = MLP(2, [16, 16, 1], rng=0)
    root = model([1.0, 2.0])
    scene = scene_of(root)
    opened = scene_of(root, opened=[key_of(scene, "neuron 3")])
    assert [box.title for box in opened.boxes if box.kind == "parameter"] == ["b0[3]", "W0[3,0]", "W0[3,1]"]
    assert [box.title for box in opened.boxes if box.kind == "computed"] == ["dot", "relu"]


def test_leaves_and_loops_open_as_far_as_there_is_room():
    root = autograd.logsumexp([Value(float(k)) for k in range(200)]) + chain(150)
    scene = scene_of(root)
    leaves = key_of(scene, "200 leaves")
    assert len(scene_of(root, opened=[leaves]).boxes) == len(scene.boxes) + 199
    refused = scene_of(root, max_nodes=150, opened=[leaves])
    assert refused.boxes == scene_of(root, max_nodes=150).boxes
    assert "200 leaves not opened: that would be more than 150 boxes" in refused.caption
    assert scene_of(root, opened=["b12345", "nonsense"]) == scene
