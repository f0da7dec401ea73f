"""What several tests of pictures need: a picture taken apart, and graphs to draw."""

from __future__ import annotations

import random
import re
import shutil
from xml.etree import ElementTree

import pytest

import autograd
from autograd import Value, draw_dot
from nn import cross_entropy

SVG = "{http://www.w3.org/2000/svg}"

LAYOUTS = ["pygraphviz", *["dot"] * (shutil.which("dot") is not None)]


def hide_programs(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("no-programs")))


@pytest.fixture(params=LAYOUTS)
def layout(request, monkeypatch, tmp_path_factory):
    """Each way to lay out a graph that this machine has."""
    if request.param == "pygraphviz":
        pytest.importorskip("pygraphviz", reason='NOT TESTED, pygraphviz is missing: pip install ".[layout]"')
        hide_programs(monkeypatch, tmp_path_factory)


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


def example():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = a * b + a
    c.label = "c"
    return c


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


def unlike(length):
    """A graph in which nothing repeats."""
    x = Value(0.0, label="start")
    for k in range(length):
        x = x + Value(1.0) if k % 2 else x * Value(1.0)
    return x


def loss_of(model, examples, seed=0):
    source = random.Random(seed)
    xs = [[source.random() for _ in range(model.nin)] for _ in range(examples)]
    return autograd.mean([cross_entropy(model(x), k % model.nouts[-1]) for k, x in enumerate(xs)])
