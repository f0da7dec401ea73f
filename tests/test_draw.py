"""Pictures: what they show, with each layout there is, and that showing them never fails."""

from __future__ import annotations

import builtins
import math
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode
from xml.etree import ElementTree

import graphviz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd import Primitive, Value, draw_dot, primitives
from autograd.draw import dot
from autograd.value import constant
from nn.modules import MLP, Neuron

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def no_program(monkeypatch):
    """A machine without Graphviz's own programs."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)


@pytest.fixture
def nothing(monkeypatch):
    """A machine that cannot lay out a graph."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    real_import = builtins.__import__

    def without_pygraphviz(name, *rest, **more):
        if name == "pygraphviz":
            raise ImportError(name)
        return real_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_pygraphviz)


@pytest.fixture(params=["dot", "pygraphviz"])
def layout(request):
    """Each way to lay out a graph that this machine has."""
    if request.param == "pygraphviz":
        pytest.importorskip("pygraphviz")
        request.getfixturevalue("no_program")
    elif shutil.which("dot") is None:
        pytest.skip("no program `dot` on this machine")


class Drawn:
    """An SVG taken apart: `boxes` maps the name of a node to its texts, `arrows` are pairs of names; both sorted."""

    def __init__(self, svg):
        graph = ElementTree.fromstring(svg).find(f"{SVG}g")
        nodes = [g for g in graph.iter(f"{SVG}g") if g.get("class") == "node"]
        self.groups = {title(g): g for g in sorted(nodes, key=lambda g: int(title(g)[1:]))}
        self.boxes = {name: texts(g) for name, g in self.groups.items()}
        self.arrows = sorted(tuple(title(g).split("->")) for g in graph.iter(f"{SVG}g") if g.get("class") == "edge")
        self.caption = " ".join(text.text for text in graph.findall(f"{SVG}text"))
        self.background = graph.find(f"{SVG}polygon").get("fill")

    def position(self, name):
        text = self.groups[name].find(f".//{SVG}text")
        return float(text.get("x")), float(text.get("y"))


def title(group):
    return group.find(f"{SVG}title").text


def texts(group):
    return [text.text.strip("\xa0") for text in group.iter(f"{SVG}text")]


def drawn(root, **options):
    return Drawn(draw_dot(root, **options).pipe("svg", encoding="utf-8"))


def labelled(label):
    """What the box of a leaf with this label shows for it."""
    (box,) = drawn(Value(1.0, label=label)).boxes.values()
    assert box[-4:] == ["data", "1", "grad", "0"]
    return "".join(box[:-4])


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
        "n0": ["a", "data", "2", "grad", "-2"],
        "n1": ["b", "data", "-3", "grad", "2"],
        "n2": ["*", "data", "-6", "grad", "1"],
        "n3": ["c", "+", "data", "-4", "grad", "1"],
    }
    assert picture.arrows == [("n0", "n2"), ("n0", "n3"), ("n1", "n2"), ("n2", "n3")]
    assert picture.caption == ""
    assert picture.background == "white"


@pytest.mark.usefixtures("layout")
def test_before_backward_the_gradients_are_0():
    assert all(box[-2:] == ["grad", "0"] for box in drawn(example()).boxes.values())


@pytest.mark.usefixtures("layout")
def test_an_operand_used_twice_has_two_arrows():
    a = Value(1.0)
    assert drawn(a + a).arrows == [("n0", "n1"), ("n0", "n1")]


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
    (x0, y0), (x1, y1) = picture.position("n0"), picture.position("n1")
    assert {"LR": x1 > x0, "TB": y1 > y0, "RL": x1 < x0, "BT": y1 < y0}[rankdir]


@pytest.mark.usefixtures("layout")
def test_constants_have_no_gradient():
    assert drawn(Value(1.0) * 3).boxes["n1"] == ["data", "3"]
    assert drawn(constant(3)).boxes == {"n0": ["data", "3"]}


def test_kinds_of_node_differ_in_shape_and_in_colour():
    scene = dot.choose(Value(1.0) * 3 + 1, 10)
    leaf, one_constant, computed, _, root = (dot._style(node, scene) for node in scene.names)
    looks = [leaf, one_constant, computed, root]
    assert len({look["fillcolor"] for look in looks}) == len({look["color"] for look in looks}) == 4
    assert len({(look["style"], look.get("peripheries")) for look in looks}) == 4


@pytest.mark.usefixtures("layout")
def test_a_leaf_alone():
    picture = drawn(Value(1.5, label="w"))
    assert picture.boxes == {"n0": ["w", "data", "1.5", "grad", "0"]}
    assert picture.arrows == []


@pytest.mark.usefixtures("layout")
def test_any_number_of_operands():
    neuron = Neuron(3, activation="tanh", rng=0)
    picture = drawn(neuron([1.0, 2.0, Value(3.0)]))
    assert len(picture.boxes) == 10
    assert [box[0] for box in picture.boxes.values()][-2:] == ["dot", "tanh"]
    assert len(picture.arrows) == 9


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
    assert drawn(leaf).boxes == {"n0": ["data", shown, "grad", shown]}


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("primitive", primitives.PRIMITIVES.values(), ids=lambda primitive: primitive.name)
def test_every_row_of_the_table_is_drawn_with_its_symbol(primitive):
    arguments = [Value(0.5) for _ in range(primitive.arity or 2)]
    picture = drawn(primitive(*arguments))
    assert [box[0] for box in picture.boxes.values()][-1] == primitive.symbol
    assert len(picture.arrows) == len(arguments)


# --- Labels mean nothing to Graphviz ---------------------------------------------------------------------------------

LABELS = [
    'say "a"',
    "it's",
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
        (" ", ""),
        ("x" * 10_000, "x" * 39 + "…"),
        ("x" * 40, "x" * 40),
        ("<" * 10_000, "<" * 39 + "…"),
        ("\x00a\x1b\ud800\uffff", "\ufffda\ufffd\ufffd\ufffd"),
    ],
)
def test_labels_are_short_and_on_one_line(label, shown):
    assert labelled(label) == shown


@pytest.mark.usefixtures("layout")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label=st.text(st.one_of(st.characters(), st.sampled_from('\\"<>&;{}|NGL\n ')), max_size=50))
def test_any_label(label):
    assert labelled(label) == dot._one_line(label)


@pytest.mark.usefixtures("layout")
def test_a_symbol_is_escaped_too(monkeypatch):
    monkeypatch.setattr(primitives, "PRIMITIVES", dict(primitives.PRIMITIVES))
    primitive = Primitive("odd", lambda x: x, partials=(1.0,), symbol=r'<i>"\N&')
    assert "".join(drawn(primitive(Value(1.0))).boxes["n1"][:-4]) == r'<i>"\N&'


# --- Large graphs ----------------------------------------------------------------------------------------------------


def chain(length):
    x = Value(0.0, label="start")
    for _ in range(length):
        x = x + Value(1.0)
    return x


@pytest.mark.usefixtures("layout")
def test_too_many_nodes_leave_the_leaves_out():
    model = MLP(784, [3, 1], rng=0)
    picture = drawn(model([0.5] * 784))
    assert len(picture.boxes) == 3 + 3 + 1
    leaves = len(model.parameters()) + 784 + 1
    assert picture.caption == f"{leaves} leaves not drawn (max_nodes=300)"


@pytest.mark.usefixtures("layout")
def test_far_more_nodes_leave_the_furthest_out():
    picture = drawn(chain(500), max_nodes=20)
    assert [box[2] for box in picture.boxes.values()] == [str(k) for k in range(481, 501)]
    assert len(picture.arrows) == 19
    assert picture.caption == ("501 leaves and 480 computed nodes further from the root not drawn (max_nodes=20)")


def test_the_limit_itself_leaves_nothing_out():
    root = example()
    assert draw_dot(root, max_nodes=4).source.count("data") == 4
    assert "2 leaves not drawn" in draw_dot(root, max_nodes=3).source
    assert "1 computed node further" in draw_dot(root, max_nodes=1).source
    assert "1 leaf not drawn" in draw_dot(-Value(1.0), max_nodes=1).source
    assert "not drawn" not in draw_dot(Value(1.0), max_nodes=1).source


def test_nearest_means_fewest_steps_to_the_root():
    near = chain(3)
    root = chain(100) * near
    scene = dot.choose(root, 7)
    assert near in scene.names
    assert [node.data for node in scene.names] == [98.0, 99.0, 100.0, 1.0, 2.0, 3.0, 300.0]


def test_a_graph_deeper_than_the_recursion_limit():
    depth = 10 * sys.getrecursionlimit()
    assert f"{depth - 300} computed nodes" in draw_dot(chain(depth)).source


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


@pytest.mark.usefixtures("no_program")
def test_what_pygraphviz_cannot_do_is_said(tmp_path):
    pytest.importorskip("pygraphviz")
    picture = draw_dot(example())
    with pytest.raises(ValueError, match=r"cannot make 'webp'.*'png'"):
        picture.render(tmp_path / "picture", format="webp")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="renderer: only Graphviz's own program"):
        picture.pipe(renderer="cairo")


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("show", [lambda p: p.pipe(), lambda p: p.render("picture"), lambda p: p.view()])
def test_without_layout_the_error_says_what_to_install(show, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(graphviz.ExecutableNotFound, match="chainrule\\[layout\\]") as caught:
        show(draw_dot(example()))
    for words in ("pip install", "apt-get install graphviz", "brew install graphviz", "conda install"):
        assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


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
    assert Drawn(bundle["image/svg+xml"]).boxes["n0"][0] == "</script><b>é"
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
    formatters = pytest.importorskip("IPython.core.formatters")
    shown, _ = formatters.DisplayFormatter().format(draw_dot(example()))
    assert {"text/html", "image/svg+xml", "text/plain"} <= set(shown)


@pytest.mark.usefixtures("nothing")
def test_without_layout_a_notebook_shows_text():
    root = example() * 2
    root.backward()
    assert draw_dot(root)._repr_mimebundle_() == {
        "text/plain": "n0 = leaf  a  data 2  grad -4\n"
        "n1 = leaf  b  data -3  grad 4\n"
        "n2 = *(n0, n1)  data -6  grad 2\n"
        "n3 = +(n2, n0)  c  data -4  grad 2\n"
        "n4 = constant  data 2\n"
        "n5 = *(n3, n4)  data -8  grad 1\n"
        'For pictures: pip install "chainrule[layout]"'
    }


@pytest.mark.usefixtures("nothing")
def test_the_text_says_what_is_left_out():
    lines = draw_dot(chain(50), max_nodes=2)._repr_mimebundle_()["text/plain"].splitlines()
    assert lines[:2] == ["n0 = +(…)  data 49  grad 0", "n1 = +(n0, …)  data 50  grad 0"]
    assert lines[2] == "51 leaves and 48 computed nodes further from the root not drawn (max_nodes=2)"


@pytest.mark.usefixtures("layout")
def test_a_layout_that_fails_does_not_make_the_display_fail():
    picture = draw_dot(example())
    picture.body.append("{")  # not DOT any more
    shown = picture._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    assert "n2 = *(n0, n1)" in shown["text/plain"]
    assert "No picture: " in shown["text/plain"]


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


# --- Errors, and what importing costs --------------------------------------------------------------------------------


@pytest.mark.parametrize("root", [1.0, None, [Value(1.0)], "x", MLP(1, [1])])
def test_the_root_is_a_value(root):
    with pytest.raises(TypeError, match=rf"one Value, got {type(root).__name__}.*write draw_dot\(loss\)"):
        draw_dot(root)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"format": None}, TypeError, "format is a string, got NoneType: write format='svg'"),
        ({"format": 3}, TypeError, "format is a string, got int 3"),
        ({"format": "docx"}, ValueError, "no format 'docx': write format='svg', 'png' or 'pdf'"),
        ({"rankdir": "lr"}, ValueError, "'LR', 'TB', 'RL', 'BT', got 'lr'"),
        ({"rankdir": None}, TypeError, "rankdir is a string, got NoneType: write rankdir='LR'"),
        ({"max_nodes": 0}, ValueError, "at least 1, got 0"),
        ({"max_nodes": 2.5}, TypeError, "whole number, got float 2.5: write max_nodes=300"),
    ],
)
def test_arguments(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        draw_dot(Value(1.0), **arguments)


def test_importing_autograd_does_not_import_graphviz():
    subprocess.run(
        [sys.executable, "-c", "import sys, autograd; assert not {'graphviz', 'pygraphviz'} & set(sys.modules)"],
        check=True,
    )
