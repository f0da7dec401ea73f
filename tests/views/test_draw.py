"""Pictures: what they show, with each layout there is, and that showing them never fails."""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections import Counter
from xml.etree import ElementTree

import graphviz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autograd
from autograd import Primitive, Value, draw_dot, primitive, scope, to_mermaid
from autograd.draw import COLLAPSE, dot, style
from autograd.draw.collapse import READABLE
from autograd.draw.content import Content, Shown, extent, products
from autograd.draw.layout import LayoutFailed, LayoutNotFound, LayoutTimeout, lay_out
from autograd.draw.scene import scene_of
from autograd.graph import KINDS, topological_order
from autograd.names import in_picture
from autograd.paths import between, paths
from autograd.primitive import PRIMITIVES
from autograd.value import constant
from benchmarks import pictures
from nn import MLP, Layer, Module, Neuron, cross_entropy, hinge
from nn.plots.summary import as_html, as_text

SVG = "{http://www.w3.org/2000/svg}"
GRAPHVIZ = "sudo apt-get install graphviz, brew install graphviz or winget install graphviz"


@pytest.fixture
def no_program(monkeypatch, tmp_path_factory):
    """A machine without Graphviz's own programs."""
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("no-programs")))


@pytest.fixture
def nothing(no_program, monkeypatch):  # noqa: ARG001
    """A machine that cannot lay out a graph."""
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # which makes its import fail


needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason=f"NOT TESTED, dot is missing: {GRAPHVIZ}")
LAYOUTS = ["pygraphviz", *["dot"] * (shutil.which("dot") is not None)]


@pytest.fixture(params=LAYOUTS)
def layout(request):
    """Each way to lay out a graph that this machine has."""
    if request.param == "pygraphviz":
        pytest.importorskip("pygraphviz", reason='NOT TESTED, pygraphviz is missing: pip install ".[layout]"')
        request.getfixturevalue("no_program")


@needs_dot
def test_graphviz_itself_lays_out():
    """Where it is there, all tests that use `layout` run with it as well; where it is not, this one says so."""
    assert "dot" in LAYOUTS


class Drawn:
    """An SVG taken apart: `boxes` maps the name of a node to its texts, `arrows` are pairs of names; both sorted."""

    def __init__(self, svg):
        graph = ElementTree.fromstring(svg).find(f"{SVG}g")
        nodes = [g for g in graph.iter(f"{SVG}g") if g.get("class") == "node"]
        self.groups = {title(g): g for g in sorted(nodes, key=number)}
        self.boxes = {name: texts(g) for name, g in self.groups.items()}
        edges = [g for g in graph.iter(f"{SVG}g") if g.get("class") == "edge"]
        self.arrows = sorted([ends(g) for g in edges])
        self.lines = {}
        for edge in edges:
            self.lines.setdefault(ends(edge), []).append(edge.find(f"{SVG}path"))
        self.labels = {ends(edge): texts(edge) for edge in edges}
        self.caption = " ".join(text.text for text in graph.findall(f"{SVG}text"))
        self.background = graph.find(f"{SVG}polygon").get("fill")

    def position(self, name):
        text = self.groups[name].find(f".//{SVG}text")
        return float(text.get("x")), float(text.get("y"))


def title(group):
    return group.find(f"{SVG}title").text


def number(group):
    found = re.match(r"b(\d+)", title(group))
    return int(found[1]) if found else -1


def ends(edge):
    return tuple(re.sub(r":[a-z]+", "", title(edge)).split("->"))


def texts(group):
    return [text.text.strip("\xa0") for text in group.iter(f"{SVG}text")]


def drawn(root, **options):
    return Drawn(draw_dot(root, **options).pipe("svg", encoding="utf-8"))


def labelled(label):
    """What the box of a leaf with this label shows for it."""
    (box,) = drawn(Value(1.0, label=label)).boxes.values()
    assert box[-3:] == ["data", "1", "no gradient yet"]
    return "".join(box[:-3])


def example():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = a * b + a
    c.label = "c"
    return c


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

LABELS = [
    'say "a"',
    "it's",
    "]",  # an error in Graphviz 2, if it is alone
    "<b>bold</b>",
    "<not html>",
    "</script><script>alert(1)</script>",
    "<!-- x -->",
    "]]>",
    "a & b",
    "&amp;",
    "&#65;",
    "&bogus;",
    "\\",
    "ends in \\",
    r"\n \l \r",
    r"\N \G \L \E \T \H",
    r"\\N \\\G",
    "{a|b}",
    "a -> b; }",
    "%s {0}",
    "λ, 重み, é, 👩‍🔬",
]


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


# --- Large graphs ----------------------------------------------------------------------------------------------------


def chain(length):
    x = Value(0.0, label="start")
    for _ in range(length):
        x = x + Value(1.0)
    return x


def unlike(length):
    """A graph in which nothing repeats."""
    x = Value(0.0, label="start")
    for k in range(length):
        x = x + Value(1.0) if k % 2 else x * Value(1.0)
    return x


def summed_up(scene):
    """Titles with how often, by kind."""
    return sorted((box.kind, box.title, box.count) for box in scene.boxes)


def loss_of(model, examples, seed=0):
    source = random.Random(seed)
    xs = [[source.random() for _ in range(model.nin)] for _ in range(examples)]
    return autograd.mean([cross_entropy(model(x), k % model.nouts[-1]) for k, x in enumerate(xs)])


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


# --- Whatever the graph, a scene is all of it -------------------------------------------------------------------------


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


# --- Files and bytes -------------------------------------------------------------------------------------------------


def test_it_is_a_digraph():
    picture = draw_dot(example())
    assert isinstance(picture, graphviz.Digraph)
    assert str(picture) == picture.source
    assert draw_dot(example()).source == picture.source
    copy = picture.copy()
    assert (type(copy), copy.source, copy.text) == (type(picture), picture.source, picture.text)


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    ("format", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")]
)
def test_formats(format, start, tmp_path):
    picture = draw_dot(example(), format=format)
    assert picture.pipe().startswith(start)
    path = picture.render(tmp_path / "picture")
    assert path == str(tmp_path / f"picture.{format.lower()}")
    assert (tmp_path / f"picture.{format.lower()}").read_bytes().startswith(start)
    assert (tmp_path / "picture").read_text(encoding="utf-8") == picture.source


@pytest.mark.usefixtures("layout")
def test_pipe_takes_a_format_and_an_encoding():
    picture = draw_dot(example(), format="png")
    assert picture.pipe(format="svg").startswith(b"<?xml")
    assert picture.pipe("svg", encoding="utf-8").startswith("<?xml")
    assert picture.pipe("svg", engine="neato", quiet=True) != picture.pipe("svg", quiet=True)


@pytest.mark.usefixtures("layout")
def test_render_as_graphviz_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = draw_dot(example())
    assert picture.render(cleanup=True) == "graph.gv.svg"
    assert picture.render("picture", format="png", directory="deep/down", cleanup=True).replace("\\", "/") == (
        "deep/down/picture.png"
    )
    assert draw_dot(example()).render(outfile="out.pdf") == "out.pdf"
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"graph.gv.svg", "deep/down/picture.png", "out.pdf", "out.gv"}


@pytest.mark.usefixtures("no_program")
def test_view_opens_the_picture(tmp_path, monkeypatch):
    pytest.importorskip("pygraphviz")
    seen = []
    monkeypatch.setattr(graphviz, "view", seen.append)
    path = draw_dot(example()).view(tmp_path / "picture")
    assert seen == [path] == [str(tmp_path / "picture.svg")]


@pytest.mark.usefixtures("layout")
def test_a_format_that_cannot_be_made_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(graphviz, "FORMATS", graphviz.FORMATS | {"chart"})
    picture = draw_dot(example())
    with pytest.raises(ValueError, match=r"cannot make 'chart'.*'png'") as caught:
        picture.render(tmp_path / "picture", format="chart")
    assert_says_what_to_install(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_program")
def test_options_of_dot_need_dot(tmp_path):
    pytest.importorskip("pygraphviz")
    picture = draw_dot(example())
    with pytest.raises(ValueError, match="renderer: only Graphviz's own program dot"):
        picture.pipe(renderer="cairo")
    with pytest.raises(ValueError, match="formatter: only"):
        picture.render(tmp_path / "picture", formatter="core")
    assert list(tmp_path.iterdir()) == []


@needs_dot
def test_options_of_dot_reach_dot(tmp_path):
    picture = draw_dot(example())
    assert picture.pipe("svg", renderer="svg", formatter="core").startswith(b"<?xml")
    path = picture.render(tmp_path / "picture", renderer="svg", formatter="core")
    assert os.path.exists(path)


def assert_says_what_to_install(error):
    for words in ("apt-get install graphviz", "brew install graphviz", "winget install graphviz", "conda install"):
        assert words in str(error)


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("show", [lambda p: p.pipe(), lambda p: p.render("picture"), lambda p: p.view()])
def test_without_layout_the_error_says_what_to_install(show, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(graphviz.ExecutableNotFound, match=r"\.\[layout\]") as caught:
        show(draw_dot(example()))
    assert_says_what_to_install(caught.value)
    assert "pip install" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# --- Numbers that do not belong together -----------------------------------------------------------------------------

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


# --- The layout ------------------------------------------------------------------------------------------------------

DENSE = "digraph {" + " ".join(f"a{j} -> b{k}" for j in range(150) for k in range(150)) + "}"


@pytest.mark.usefixtures("layout")
def test_positions_as_json():
    laid_out = json.loads(lay_out(draw_dot(example()).source, "json"))
    assert [thing["name"] for thing in laid_out["objects"]] == ["b0", "b1", "b2", "b3"]
    assert all("pos" in thing for thing in laid_out["objects"] + laid_out["edges"])


@pytest.mark.usefixtures("layout")
def test_a_layout_that_takes_too_long_is_ended():
    with pytest.raises(LayoutTimeout, match=r"dot took longer than 0\.5 seconds: draw less"):
        lay_out(DENSE, "svg", timeout=0.5)  # it takes minutes


@pytest.mark.usefixtures("layout")
def test_a_layout_in_good_time_is_the_same_with_a_limit():
    source = "digraph {" + " ".join(f"a{k} -> a{k + 1}" for k in range(1200)) + "}"
    assert lay_out(source, "svg", timeout=120) == lay_out(source, "svg")


@pytest.mark.usefixtures("layout")
def test_a_graph_that_cannot_be_read():
    with pytest.raises(LayoutFailed) as caught:
        lay_out("digraph { {", "svg")
    assert not isinstance(caught.value, (LayoutNotFound, LayoutTimeout))


@pytest.mark.skipif(os.name == "nt", reason="a program that crashes is a shell script here")
def test_a_crash_is_told_from_absence(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho last words >&2\nkill -SEGV $$\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(LayoutFailed, match="dot crashed with signal 11: last words"):
        lay_out("digraph { a }", "svg")
    shown = draw_dot(example())._repr_mimebundle_()
    assert shown["text/plain"].splitlines()[-1] == "No picture: LayoutFailed: dot crashed with signal 11: last words"
    program.write_text("#!/no/such/interpreter\n")
    with pytest.raises(LayoutFailed, match="dot cannot be run"):
        lay_out("digraph { a }", "svg")


@pytest.mark.skipif(os.name == "nt", reason="a program that prints nonsense is a shell script here")
@pytest.mark.parametrize(
    ("script", "format", "wrong"),
    [
        ("exit 0", "svg", "dot printed nothing"),
        (r"printf '\377\376'", "svg", r"dot printed what is not svg, or not all of it: b'\xff\xfe'"),
        ("echo '<svg><g>'", "svg", r"dot printed what is not svg, or not all of it: b'<svg><g>\n'"),
        ("echo hello", "png", r"dot printed what is not png, or not all of it: b'hello\n'"),
        ("echo '{'", "json", r"dot printed what is not json, or not all of it: b'{\n'"),
        ("exit 3", "pdf", "dot gave up (status 3): it did not say why"),
    ],
)
def test_a_dot_that_prints_no_picture(tmp_path, monkeypatch, script, format, wrong):
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with monkeypatch.context() as alone:
        alone.setitem(sys.modules, "pygraphviz", None)
        with pytest.raises(LayoutFailed) as caught:
            lay_out("digraph { a }", format)
        assert str(caught.value) == wrong
        if format == "svg":
            shown = draw_dot(example())._repr_mimebundle_()
            assert shown["text/plain"].splitlines()[-1] == f"No picture: LayoutFailed: {wrong}"
    pytest.importorskip("pygraphviz")
    with pytest.warns(RuntimeWarning, match="pygraphviz lays out this graph, because .*dot does not work: ") as warned:
        assert lay_out("digraph { a }", format)
    assert str(warned[0].message).endswith(wrong)
    with pytest.raises(LayoutFailed, match=re.escape(wrong)):  # nobody can read this graph
        lay_out("digraph { {", format)


NEWER_FONTCONFIG = "<fontconfig><dir>/nowhere</dir><newer-than-pygraphviz/></fontconfig>"
PICTURE = """
import os
from autograd import Value, draw_dot
os.environ["PATH"] = "/nowhere"
for format in ("svg", "png", "svg"):
    assert draw_dot(Value(1.0) + 2.0).pipe(format)
os.write(2, b"after it\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere fonts are not Fontconfig's")
@pytest.mark.parametrize(
    ("fonts", "wanted"),
    [
        (NEWER_FONTCONFIG, ""),
        (None, ""),
        ("<fontconfig><dir>", "Fontconfig error: "),
    ],
    ids=["of a later Fontconfig", "none at all", "broken"],
)
def test_what_fontconfig_says_of_a_machines_fonts_is_not_shown_unless_it_is_an_error(fonts, wanted, tmp_path):
    """It says it from C, on file descriptor 2, which a notebook shows in red above the first picture."""
    pytest.importorskip("pygraphviz")
    configuration = tmp_path / "fonts.conf"
    if fonts:
        configuration.write_text(fonts)
    environment = os.environ | {"FONTCONFIG_FILE": str(configuration), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PICTURE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("after it\n")
    said = done.stderr.removesuffix("after it\n")
    assert said.startswith(wanted) if wanted else said == ""


# --- Notebooks -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("layout")
def test_a_notebook_shows_an_image_that_survives_without_trust(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bundle = draw_dot(Value(1.0, label="</script><b>é"))._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    source = re.fullmatch(
        r'<img src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)" alt="[a-z ]+">', bundle["text/html"]
    )
    assert b64decode(source[1]).decode() == bundle["image/svg+xml"]
    assert Drawn(bundle["image/svg+xml"]).boxes["b0"][0] == "</script><b>é"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("layout")
def test_a_front_end_can_ask_for_a_form():
    picture = draw_dot(example())
    assert list(picture._repr_mimebundle_(include=["image/png"])) == ["image/png"]
    assert picture._repr_mimebundle_(include=["image/jpeg"])["image/jpeg"].startswith(b"\xff\xd8")
    assert list(picture._repr_mimebundle_(exclude=["image/svg+xml", "text/plain"])) == ["text/html"]
    assert picture._repr_mimebundle_(include=[]) == {}


@pytest.mark.usefixtures("layout")
def test_ipython_shows_it():
    formatters = pytest.importorskip(
        "IPython.core.formatters", reason='NOT TESTED, IPython is missing: pip install ".[notebook]"'
    )
    shown, _ = formatters.DisplayFormatter().format(draw_dot(example()))
    assert {"text/html", "image/svg+xml", "text/plain"} <= set(shown)


@pytest.mark.usefixtures("nothing")
def test_without_layout_a_notebook_shows_text():
    root = example() * 2
    root.backward()
    assert draw_dot(root)._repr_mimebundle_() == {
        "text/plain": "b0 = leaf  a  data 2  grad -4\n"
        "b1 = leaf  b  data -3  grad 4\n"
        "b2 = *(b0, b1)  data -6  grad 2\n"
        "b3 = +(b2, b0)  c  data -4  grad 2\n"
        "b4 = constant  data 2\n"
        "b5 = *(b3, b4)  data -8  grad 1\n"
        'For pictures: pip install ".[layout]" in your clone of chainrule'
    }


@pytest.mark.usefixtures("nothing")
def test_the_text_says_what_is_left_out():
    lines = draw_dot(unlike(50), max_nodes=2)._repr_mimebundle_()["text/plain"].splitlines()
    assert lines[:2] == ["b98 = *(…)  data 24  no gradient yet", "b100 = +(b98, …)  data 25  no gradient yet"]
    assert lines[2] == "51 leaves and 48 computed nodes further from the root not drawn (max_nodes=2)"


@pytest.mark.usefixtures("nothing")
def test_the_text_of_a_folded_graph():
    lines = draw_dot(loss_of(MLP(64, [32, 10], rng=0), 100)).text.splitlines()
    found = [line for line in lines if line.startswith(("b0_330", "b33_6401"))]
    assert re.match(r"b0_330 = parameter  W1, b1  330 parameters  data -0\.\d+ … 0\.\d+  no gradient yet$", found[0])
    assert re.match(r"b33_6401 = layer 0\(b34_2080, b99_6400\)  × 100  32 dot, 32 relu  data 0 … ", found[1])
    assert lines[-1].startswith("16,414 nodes in 9 boxes")


@pytest.mark.usefixtures("layout")
def test_a_layout_that_fails_does_not_make_the_display_fail():
    picture = draw_dot(example())
    picture.body.append("{")  # not DOT any more
    shown = picture._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    assert "b2 = *(b0, b1)" in shown["text/plain"]
    assert "No picture: LayoutFailed: " in shown["text/plain"]


@pytest.mark.usefixtures("layout")
def test_a_display_does_not_wait_for_a_layout_that_takes_long(monkeypatch):
    monkeypatch.setattr("autograd.draw.picture._PATIENCE", 0.5)
    picture = draw_dot(example())
    picture.body.append(DENSE.partition("{")[2][:-1])
    shown = picture._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    assert (
        shown["text/plain"].splitlines()[-1].startswith("No picture: LayoutTimeout: dot took longer than 0.5 seconds")
    )


def test_micrograds_own_drawing_code_works():
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    root = example()
    build(root)
    picture = graphviz.Digraph(format="svg", graph_attr={"rankdir": "LR"})
    for n in nodes:
        picture.node(name=str(id(n)), label=f"{{ data {n.data:.4f} | grad {n.grad:.4f} }}", shape="record")
        if n._op:
            picture.node(name=str(id(n)) + n._op, label=n._op)
            picture.edge(str(id(n)) + n._op, str(id(n)))
    for n1, n2 in edges:
        picture.edge(str(id(n1)), str(id(n2)) + n2._op)
    assert len(nodes) == 4
    assert picture.source.count("->") == 4 + 2


# --- Mermaid ---------------------------------------------------------------------------------------------------------


def test_mermaid_has_the_same_scene():
    root = example() * 2
    root.backward()
    assert to_mermaid(root, local_derivatives=True).splitlines()[:11] == [
        "flowchart LR",
        '    b0(["a<br>data 2<br>grad #45;4"]):::leaf',
        '    b1(["b<br>data #45;3<br>grad 4"]):::leaf',
        '    b2["#42;<br>data #45;6<br>grad 2"]:::computed',
        '    b3["c #43;<br>data #45;4<br>grad 2"]:::computed',
        '    b4("2"):::constant',
        '    b5["#42;<br>data #45;8<br>grad 1"]:::root',
        "    b0 -->|#45;3| b2",
        "    b1 -->|2| b2",
        "    b2 -->|1| b3",
        "    b0 -->|1| b3",
    ]
    assert "    b4 -.-> b5" in to_mermaid(root)


def test_mermaid_folds_and_says_so():
    lines = to_mermaid(loss_of(MLP(8, [4, 3], rng=0), 100), rankdir="TB", values=False).splitlines()
    assert lines[:4:2] == ["---", "---"]
    assert json.loads(lines[1].removeprefix("title: ")).startswith("2,155 nodes in 9 boxes: collapsed by layer")
    assert lines[3] == "flowchart TB"
    assert any(
        re.match(r'    b\w+\[\["layer 0 × 100<br>4 dot#44; 4 relu<br>no gradient yet"\]\]:::group$', line)
        for line in lines
    )
    assert any(
        re.match(r'    b\w+\{\{"W0#44; b0<br>36 parameters<br>no gradient yet"\}\}:::parameter$', line)
        for line in lines
    )
    assert sum("-->|×" in line for line in lines) == 5


@pytest.mark.parametrize(
    "label", [*LABELS, "`code`", "# title", "- list", "1. list", "end", "|x|", "$$x$$", "x" * 10_000]
)
def test_mermaid_labels_mean_nothing(label):
    (line,) = [
        line for line in to_mermaid(Value(1.0, label=label), values=False).splitlines() if line.startswith("    b0")
    ]
    text = re.fullmatch(r'    b0\(\["(.*)<br>no gradient yet"\]\):::root', line)[1]
    assert set(re.sub(r"#[0-9]+;", "", text)) <= set(re.findall(r"[\w .]|[^\x00-\x7f]", text))
    assert re.sub(r"#([0-9]+);", lambda code: chr(int(code[1])), text) == in_picture(label)


# --- Modules ---------------------------------------------------------------------------------------------------------


class Two(Module):
    def __init__(self):
        self.encoder = MLP(4, [8, 8])
        self.heads = {"<a>": Layer(8, 2, activation="linear"), "b": Layer(8, 2, activation="linear")}
        self.scale = Value(1.0)
        self.itself = self


def test_a_module_is_shown_as_text():
    assert as_text(MLP(64, [32, 10], activation="tanh")) == (
        "MLP(\n"
        "  (layers.0): Layer(64, 32, activation='tanh')\n"
        "  (layers.1): Layer(32, 10, activation='linear')\n"
        ")  # 2,410 parameters"
    )
    assert as_text(Layer(3, 2)) == "Layer(\n  (neurons.0 to 1): 2 x Neuron(3, activation='relu')\n)  # 8 parameters"
    assert as_text(Neuron(3)) == "Neuron(3, activation='relu')  # 4 parameters"
    assert as_text(Two()) == (
        "Two(\n"
        "  (encoder): MLP(4, [8, 8], activation='relu', output='linear')\n"
        "  (heads.<a> to b): 2 x Layer(8, 2, activation='linear')\n"
        ")  # 149 parameters"
    )


def table(page):
    """The texts of an HTML table, row by row."""
    root = ElementTree.fromstring(page)
    return [
        "".join(root.find("caption").itertext()),
        *[["".join(cell.itertext()) for cell in row] for row in root.iter("tr")],
    ]


def test_a_module_is_shown_as_a_table():
    assert table(as_html(MLP(64, [32, 10]))) == [
        "MLP: 2,410 parameters",
        ["part", "inputs", "outputs", "activation", "parameters"],
        ["layers.0 Layer", "64", "32", "relu", "2,080"],
        ["layers.1 Layer", "32", "10", "linear", "330"],
    ]
    assert table(as_html(Two()))[2:] == [
        ["encoder.layers.0 Layer", "4", "8", "relu", "40"],
        ["encoder.layers.1 Layer", "8", "8", "linear", "72"],
        ["heads.<a> Layer", "8", "2", "linear", "18"],
        ["heads.b Layer", "8", "2", "linear", "18"],
        ["Two, its own", "", "", "", "1"],
    ]
    assert table(as_html(Neuron(3, activation=lambda z: z * z)))[2] == ["Neuron", "3", "1", "<lambda>", "4"]
    assert table(as_html(Layer(1, 5)))[2] == ["Layer", "1", "5", "relu", "10"]


def test_a_notebook_shows_modules():
    formatters = pytest.importorskip(
        "IPython.core.formatters", reason='NOT TESTED, IPython is missing: pip install ".[notebook]"'
    )
    shown, _ = formatters.DisplayFormatter().format(MLP(2, [1]))
    assert shown["text/plain"].startswith("MLP(\n")
    assert "<script" not in shown["text/html"]
    assert list(MLP(2, [1])._repr_mimebundle_(include=["text/plain"])) == ["text/plain"]
    assert list(MLP(2, [1])._repr_mimebundle_(exclude=["text/plain"])) == ["text/html"]


def test_a_module_that_cannot_tell_its_parts_is_shown_all_the_same():
    class Broken(Module):
        def parameters(self):
            raise RuntimeError

    assert list(Broken()._repr_mimebundle_()) == ["text/plain"]


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
