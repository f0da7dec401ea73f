"""What a picture shows: boxes, arrows, highlights and labels, with each layout there is."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import pytest
from drawing import LABELS, drawn, example, unlike
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Primitive, Value, draw_dot, primitive, scope, to_mermaid
from autograd.draw import dot, style
from autograd.draw.content import Content, Shown, extent, products
from autograd.draw.layout import lay_out
from autograd.draw.scene import scene_of
from autograd.graph import KINDS, topological_order
from autograd.names import in_picture
from autograd.paths import between, paths
from autograd.value import constant
from benchmarks import pictures
from nn import MLP, Neuron

pytestmark = pytest.mark.sampled(every=2)


def labelled(label):
    """What the box of a leaf with this label shows for it."""
    (box,) = drawn(Value(1.0, label=label)).boxes.values()
    assert box[-3:] == ["data", "1", "no gradient yet"]
    return "".join(box[:-3])


# --- What a picture shows --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("layout")
def test_a_box_for_each_value_and_an_arrow_for_each_operand():
    root = example()
    root.backward()
    picture = drawn(root)
    assert picture.boxes == {
        "b0": ["a", "data", "2", "grad", "-2"],
        "b1": ["b", "data", "-3", "grad", "2"],
        "b2": ["*", "data", "-6", "grad", "1"],
        "b3": ["c", "+", "data", "-4", "grad", "1"],
    }
    assert picture.arrows == [("b0", "b2"), ("b0", "b3"), ("b1", "b2"), ("b2", "b3")]
    assert picture.caption == ""
    assert picture.background == "white"


@pytest.mark.usefixtures("layout")
def test_before_backward_there_is_no_gradient_yet():
    root = example()
    assert {box[-1] for box in drawn(root).boxes.values()} == {"no gradient yet"}
    root.zero_grad()
    assert {tuple(box[-2:]) for box in drawn(root).boxes.values()} == {("grad", "0")}


@pytest.mark.usefixtures("layout")
def test_an_operand_used_twice_has_two_arrows():
    a = Value(1.0)
    assert drawn(a + a).arrows == [("b0", "b1"), ("b0", "b1")]


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("swapped", [False, True])
def test_arrows_come_in_the_order_of_the_operands(swapped):
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    picture = drawn(b - a if swapped else a - b)
    height = {box[0]: picture.position(name)[1] for name, box in picture.boxes.items()}
    assert (height["b"] < height["a"]) == swapped


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("rankdir", ["LR", "TB", "RL", "BT"])
def test_rankdir_is_where_the_arrows_point(rankdir):
    picture = drawn(-Value(1.0), rankdir=rankdir)
    (x0, y0), (x1, y1) = picture.position("b0"), picture.position("b1")
    assert {"LR": x1 > x0, "TB": y1 > y0, "RL": x1 < x0, "BT": y1 < y0}[rankdir]


@pytest.mark.usefixtures("layout")
def test_constants_have_a_number_alone():
    assert drawn(Value(1.0) * 3).boxes["b1"] == ["3"]
    assert drawn(constant(3)).boxes == {"b0": ["3"]}
    assert drawn(Value(1.0, label="k").detach()).boxes == {"b0": ["k", "1"]}
    assert drawn(constant(3), values=False).boxes == {"b0": ["constant"]}


def test_kinds_of_node_differ_in_colour_and_in_shape():
    leaf, parameter = Value(1.0), Neuron(1).b
    with scope("group"):
        inner = leaf * 3 + parameter
    scene = scene_of(inner + parameter, collapse="neuron")
    looks = {box.kind: attributes for box, (_, _, attributes) in zip(scene.boxes, boxes_of(scene))}
    looks["computed"] = style.attributes_of("computed")
    looks["root"] = list(boxes_of(scene))[-1][2]
    assert set(looks) == {"leaf", "parameter", "constant", "group", "computed", "root"}
    for property in ("color", "fillcolor"):
        assert len({attributes[property] for attributes in looks.values()}) == 6
    outlines = {kind: [looks[kind].get(p) for p in ("shape", "style", "peripheries")] for kind in looks}
    outlines["group"].append("double sides")
    assert len({tuple(outline) for outline in outlines.values()}) == 6
    tables = [label for _, label, _ in boxes_of(scene)]
    assert ["<VR/>" in table for table in tables] == [box.kind == "group" for box in scene.boxes]


def boxes_of(scene, **options):
    return list(dot.boxes(Content(scene, Shown(**options))))


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one, other):
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_texts_and_borders_stand_out():
    """WCAG 2.1: 4.5 for text, 3 for what else has to be seen."""
    for attributes in map(style.attributes_of, style.STYLES):
        assert contrast(style.INK, attributes["fillcolor"]) > 4.5
        assert contrast(style.GRAPH["fontcolor"], attributes["fillcolor"]) > 4.5
        assert contrast(attributes["color"], attributes["fillcolor"]) > 3
        assert contrast(attributes["color"], "#ffffff") > 3


def test_every_kind_of_node_has_a_style():
    assert [*style.STYLES] == [*KINDS, "group", "root"]


@pytest.mark.usefixtures("layout")
def test_a_leaf_alone():
    picture = drawn(Value(1.5, label="w"))
    assert picture.boxes == {"b0": ["w", "data", "1.5", "no gradient yet"]}
    assert picture.arrows == []


@pytest.mark.usefixtures("layout")
def test_only_the_root_is_drawn_as_the_root():
    x = Value(1.0)
    root = (x * 1).exp().log()  # three nodes of the same number
    scene = scene_of(root)
    assert ["peripheries" in attributes for _, _, attributes in boxes_of(scene)] == [False] * 4 + [True]


@pytest.mark.usefixtures("layout")
def test_a_neuron():
    neuron = Neuron(2, activation="tanh", rng=0)
    picture = drawn(neuron([1.5, Value(3.0, label="x2")]))
    assert [box[0] for box in picture.boxes.values()] == ["b", "w[0]", "w[1]", "1", "1.5", "x2", "dot", "tanh"]
    assert picture.boxes["b6"][1] == "b·1 + w[0]·1.5 + w[1]·x2"
    assert len(picture.arrows) == 7


def test_a_long_sum_of_products_says_how_long():
    x = [Value(1.0, label=f"x{k}") for k in range(20)]
    assert products(autograd.dot(x[:1], [2.5])) == "x0·2.5"
    assert (
        products(autograd.dot(x, [v.exp() for v in x]))
        == "x0·exp + x1·exp + x2·exp + x3·exp + x4·exp + … (20 products)"
    )
    long = [Value(1.0, label="x" * 39), Value(1.0)]
    assert products(autograd.dot(long, long)) == "2 products"


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (1e-300, "1e-300"),
        (0.1 + 0.2, "0.3"),
        (-1234567.0, "-1.235e+06"),
        (3.14159, "3.142"),
    ],
)
def test_numbers(number, shown):
    leaf = Value(number)
    leaf.grad = number
    assert drawn(leaf).boxes == {"b0": ["leaf", "data", shown, "grad", shown]}


def test_numbers_of_several_nodes():
    assert extent([2.0, -1.0, 0.5]) == "-1 … 2"
    assert extent([0.1, 0.1000000001]) == "0.1"
    assert extent([math.nan, math.nan]) == "nan"
    assert extent([math.nan, 1.0, -math.inf]) == "-inf … 1, nan"


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("primitive", primitive.PRIMITIVES.values(), ids=lambda primitive: primitive.name)
def test_every_row_of_the_table_is_drawn_with_its_symbol(primitive):
    arguments = [Value(0.5) for _ in range(primitive.arity or 2)]
    picture = drawn(primitive(*arguments))
    assert [box[0] for box in picture.boxes.values()][-1] == primitive.symbol
    assert len(picture.arrows) == len(arguments)


@pytest.mark.usefixtures("layout")
def test_numbers_and_gradients_can_be_left_out():
    root = example()
    root.backward()
    assert drawn(root, values=False).boxes["b3"] == ["c", "+", "grad", "1"]
    assert drawn(root, gradients=False).boxes["b3"] == ["c", "+", "data", "-4"]
    bare = drawn(root * 2, values=False, gradients=False)
    assert list(bare.boxes.values()) == [["a"], ["b"], ["*"], ["c", "+"], ["constant"], ["*"]]
    assert widths(bare) == {None, "0.8"}  # but for the constant's


# --- Arrows ----------------------------------------------------------------------------------------------------------


def width(path):
    return float(path.get("stroke-width") or 1.0)


def widths(picture):
    return {path.get("stroke-width") for paths in picture.lines.values() for path in paths}


@pytest.mark.usefixtures("layout")
def test_the_wider_an_arrow_the_more_gradient_flows_along_it():
    a, b, c = Value(100.0), Value(1.0), Value(1e-3)
    root = autograd.dot([a, b, c], [constant(1.0), constant(30.0), constant(1000.0)])
    assert widths(drawn(root)) == {None, "0.8"}  # before backward they are all alike, constants apart
    root.backward()
    picture = drawn(root)
    one, thirty, thousand = (width(picture.lines[name, "b6"][0]) for name in ("b0", "b1", "b2"))
    assert one < thirty < thousand
    assert drawn(root, gradients=False).lines["b0", "b6"][0].get("stroke-width") is None


@pytest.mark.usefixtures("layout")
def test_where_nothing_can_flow_an_arrow_is_dashed():
    a = Value(2.0)
    root = a * 3 + a.floor()
    root.backward()
    picture = drawn(root)
    dashed = {ends for ends, lines in picture.lines.items() if lines[0].get("stroke-dasharray")}
    assert dashed == {("b1", "b2")}
    assert width(picture.lines["b0", "b3"][0]) < width(picture.lines["b0", "b2"][0])  # through floor flows 0


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_gradients_that_are_no_numbers_are_named_at_the_arrow(zero):
    x = Value(zero)
    root = x.log() * 2 + x
    root.backward()
    picture = drawn(root)
    assert picture.labels["b0", "b1"] == ["inf"]
    assert picture.labels["b1", "b3"] == []
    assert drawn(root, local_derivatives=True).labels["b1", "b3"] == ["2"]


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("upstream", [1e-320, 1e-300, 1.0, 1e300])
def test_gradients_of_every_size(upstream):
    root = example()
    root.backward(upstream)
    assert all(0.5 <= width(line) <= 3.4 for lines in drawn(root).lines.values() for line in lines)


@pytest.mark.usefixtures("layout")
def test_local_derivatives_on_demand():
    root = example() * 10
    labels = drawn(root, local_derivatives=True).labels
    assert labels == {
        ("b0", "b2"): ["-3"],
        ("b1", "b2"): ["2"],
        ("b2", "b3"): ["1"],
        ("b0", "b3"): ["1"],
        ("b3", "b5"): ["10"],
        ("b4", "b5"): [],
    }
    assert set(map(len, drawn(root).labels.values())) == {0}


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_a_legend_on_demand(rankdir):
    picture = drawn(example(), legend=True, rankdir=rankdir)
    explained = [box[0] for name, box in picture.boxes.items() if name.startswith("legend_")]
    assert sorted(explained) == [
        "computed",
        "constant",
        "group",
        "leaf",
        "parameter",
        "root",
        "width: the gradient that flows,",
    ]
    assert [name for name in picture.boxes if not name.startswith("legend_")] == ["b0", "b1", "b2", "b3"]
    assert picture.arrows == drawn(example()).arrows
    assert "legend" not in draw_dot(example()).source


# --- Highlights ------------------------------------------------------------------------------------------------------


def strong(root, **options):
    """The keys of the boxes that a picture draws strong, and the arrows."""
    picture = draw_dot(root, **options)
    boxes = re.findall(r"^\t(b\w+) \[.*penwidth=2\.5", picture.source, flags=re.M)
    arrows = re.findall(r"^\t(b\w+) -> (b\w+) \[.*penwidth=2\.4", picture.source, flags=re.M)
    lay_out(picture.source, "svg")
    return boxes, arrows


@pytest.mark.usefixtures("layout")
def test_nodes_are_highlighted_with_the_edges_between_them():
    root = example()
    a, b = root.parents[1], root.parents[0].parents[1]
    assert strong(root, highlight=[a, root]) == (["b0", "b3"], [("b0", "b3")])
    assert strong(root, highlight={b}) == (["b1"], [])
    assert strong(root, highlight=between(b, root)) == (["b1", "b2", "b3"], [("b1", "b2"), ("b2", "b3")])
    assert strong(root, highlight=iter([a])) == (["b0"], [])
    assert strong(root) == ([], [])


@pytest.mark.usefixtures("layout")
def test_a_path_is_highlighted_with_its_own_edges():
    root = example()
    a = root.parents[1]
    longer, shorter = paths(a, root)
    assert strong(root, highlight=longer) == (["b0", "b2", "b3"], [("b0", "b2"), ("b2", "b3")])
    assert strong(root, highlight=shorter) == (["b0", "b3"], [("b0", "b3")])


def test_of_two_equal_edges_a_path_takes_one():
    a = Value(3.0)
    square = a * a
    _, second = paths(a, square)
    edges = re.findall(r"b0 -> b1 \[.*?penwidth=([0-9.]+)", draw_dot(square, highlight=second).source)
    assert edges == ["0.6", "2.4"]


@pytest.mark.usefixtures("layout")
def test_two_sets_show_what_they_share():
    root = example()
    a, b = root.parents[1], root.parents[0].parents[1]
    picture = drawn(root, highlight={"a": between(a, root), "b": between(b, root)})
    assert [box[-1] for box in picture.boxes.values()] == ["a", "b", "shared by a and b", "shared by a and b"]
    colours = [
        picture.lines[ends][0].get("stroke") for ends in [("b0", "b2"), ("b1", "b2"), ("b2", "b3"), ("b0", "b3")]
    ]
    assert colours[0] == colours[3]
    assert len(set(colours)) == 3


@pytest.mark.usefixtures("layout")
def test_a_highlight_in_a_folded_picture():
    model = MLP(2, [3, 1], rng=0)
    root = model([1.0, 2.0])
    weight = model.layers[0].neurons[1].w[0]
    scene = scene_of(root, "neuron")
    keys = [box.key for box in scene.boxes if weight in box.nodes or root in box.nodes]
    assert len(keys) == 2
    assert sorted(strong(root, collapse="neuron", highlight=between(weight, root))[0]) == sorted(keys)


def test_highlighted_nodes_that_are_not_drawn_are_counted():
    root = unlike(100)
    far = topological_order(root)[:3]
    assert "3 of the highlighted nodes not drawn" in draw_dot(root, max_nodes=10, highlight=far).source


@pytest.mark.parametrize(
    ("highlight", "error", "message"),
    [
        (lambda a: a, TypeError, "highlight wants nodes, got Value .* write highlight=\\[node\\]"),
        (lambda a: "path", TypeError, "highlight wants nodes, got str"),
        (lambda a: 3, TypeError, "highlight wants nodes, got int 3: write"),
        (lambda a: [a, 2.0], TypeError, "highlight wants Values, got float 2.0 among them"),
        (lambda a: {"x": a}, TypeError, "write highlight=\\[node\\]"),
        (lambda a: {3: [a]}, TypeError, "names of sets are strings, got 3"),
        (lambda a: {"": [a]}, TypeError, "names of sets are strings"),
        (lambda a: [], ValueError, "no nodes in it"),
        (lambda a: {"x": []}, ValueError, "no nodes in it"),
        (lambda a: [a, Value(1.0, label="stranger")], ValueError, "stranger.* is not in the graph that is drawn"),
        (lambda a: {"x": [a * 2]}, ValueError, "is not in the graph"),
    ],
)
def test_what_cannot_be_highlighted(highlight, error, message):
    root = example()
    with pytest.raises(error, match=message):
        draw_dot(root, highlight=highlight(root.parents[1]))


# --- Labels mean nothing to Graphviz ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("label", LABELS)
def test_labels_are_shown_as_they_are(label):
    assert labelled(label) == label


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("two\nlines", "two lines"),
        ("  a\t\r\n  b ", "a b"),
        (" ", "leaf"),
        ("x" * 10_000, "x" * 39 + "…"),
        ("x" * 40, "x" * 40),
        ("<" * 10_000, "<" * 39 + "…"),
        ("\x00a\x1b\ud800\uffff", "\ufffda\ufffd\ufffd\ufffd"),
    ],
)
def test_labels_are_short_and_on_in_picture(label, shown):
    assert labelled(label) == shown


@pytest.mark.usefixtures("layout")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label=st.text(st.one_of(st.characters(), st.sampled_from('\\"<>&;{}|NGL\n ')), max_size=50))
def test_any_label(label):
    assert labelled(label) == (in_picture(label) or "leaf")


@pytest.mark.usefixtures("layout")
def test_a_symbol_is_escaped_too(monkeypatch):
    monkeypatch.setattr(autograd.primitive, "PRIMITIVES", dict(autograd.PRIMITIVES))
    primitive = Primitive("odd", lambda x: x, partials=(1.0,), symbol=r'<i>"\N&')
    assert "".join(drawn(primitive(Value(1.0))).boxes["b1"][:-3]) == r'<i>"\N&'


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("label", LABELS)
def test_names_of_scopes_and_sets_are_shown_as_they_are(label):
    with scope(label):
        root = Value(1.0).exp() + 1
    picture = drawn(root, collapse="layer", highlight={label: [root]})
    assert picture.boxes["b1_2" if "b1_2" in picture.boxes else "b1_3"][0] == in_picture(label)
    assert picture.boxes["b1_2" if "b1_2" in picture.boxes else "b1_3"][-1] == in_picture(label)
    assert in_picture(label) in picture.caption or re.search(r"\d$", label)


# --- Errors, and what importing costs --------------------------------------------------------------------------------


@pytest.mark.parametrize("root", [1.0, None, [Value(1.0)], "x", MLP(1, [1])])
def test_the_root_is_a_value(root):
    with pytest.raises(TypeError, match=rf"one Value, got {type(root).__name__}.*write draw_dot\(loss\)"):
        draw_dot(root)
    with pytest.raises(TypeError, match=rf"one Value, got {type(root).__name__}.*write to_mermaid\(loss\)"):
        to_mermaid(root)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"format": None}, TypeError, "format is a string, got NoneType: write format='svg'"),
        ({"format": 3}, TypeError, "format is a string, got int 3"),
        ({"format": "docx"}, ValueError, "no format 'docx': write format='svg', 'png' or 'pdf'"),
        ({"rankdir": "lr"}, ValueError, "'LR', 'TB', 'RL', 'BT', got 'lr'"),
        ({"rankdir": None}, TypeError, "rankdir is a string, got NoneType: write rankdir='LR'"),
        ({"collapse": "neurons"}, ValueError, "collapse is one of 'auto', 'none', 'neuron', 'layer', got 'neurons'"),
        ({"collapse": True}, TypeError, "collapse is a string, got bool True: write collapse='auto'"),
        ({"max_nodes": 0}, ValueError, "at least 1, got 0"),
        ({"max_nodes": 2.5}, TypeError, "integer, got float 2.5: write max_nodes=300"),
        ({"max_nodes": True}, TypeError, "integer, got bool True"),
    ],
)
def test_arguments(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        draw_dot(Value(1.0), **arguments)


@pytest.mark.parametrize("draw", [draw_dot, to_mermaid])
def test_a_function_that_is_recorded_has_no_graph_to_draw(draw):
    pytest.importorskip("llvmlite")
    with pytest.raises(autograd.CompileError, match=rf"{draw.__name__}\(\) .* outside of the function"):
        autograd.compile(lambda x: (draw(x * 2), x)[1])(1.0)


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("work", [0, 2], ids=lambda k: pictures.WORKS[k].name)
def test_pictures_are_timed(work):
    timed = pictures.row(work, rounds=1)
    assert re.fullmatch(r"\d+\.\d\d s", timed.time)
    assert int(timed.nodes) >= int(timed.boxes) > 30


def test_importing_autograd_does_not_import_graphviz():
    subprocess.run(
        [sys.executable, "-c", "import sys, autograd; assert not {'graphviz', 'pygraphviz'} & set(sys.modules)"],
        check=True,
    )
