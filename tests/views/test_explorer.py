"""The explorer without a browser: what travels in a page, that nothing in it can be markup, what is refused."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
import re
import subprocess
import sys

import pytest
from exploring import Parts, data_of, readme_graph

import autograd
from autograd import Primitive, Value, explore
from autograd.explorer import document, widget
from autograd.explorer.page_data import encoded
from autograd.graph import topological_order
from autograd.primitive import PRIMITIVES, ZERO
from autograd.symbolic.formulas import template
from autograd.value import constant
from nn import MLP, hinge

# --- The page --------------------------------------------------------------------------------------------------------


def test_page_is_one_file_that_asks_for_nothing():
    parts = Parts(explore(readme_graph(), title="A title").to_html())
    assert {tag for tag, _ in parts.elements} == {"html", "head", "meta", "title", "style", "body", "script"}
    for _, attributes in parts.elements:
        assert not {"src", "href", "srcset", "style", "onload", "onclick"} & set(attributes)
    assert parts.text_of("title") == "A title"
    for text in (parts.text_of("style"), parts.text_of("script", type="module")):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\bimport\b|\bfetch\(|@import|url\(|\beval\(", text)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|new Function", text)


def test_policy_allows_this_script_and_this_style_alone():
    parts = Parts(explore(readme_graph()).to_html())
    policy = next(a["content"] for tag, a in parts.elements if a.get("http-equiv") == "Content-Security-Policy")
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))

    def hash_of(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert allowed == {
        "default-src": "'none'",
        "script-src": hash_of(parts.text_of("script", type="module")),
        "style-src": hash_of(parts.text_of("style")),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_page_is_the_same_each_time():
    assert explore(readme_graph()).to_html() == explore(readme_graph()).to_html()
    model = MLP(2, [3, 1], rng=0)
    losses = [hinge(model(x), 1) for x in ([0.0, 1.0], [2.0, 3.0])]
    assert explore(losses[0], losses).to_html() == explore(losses[0], losses).to_html()


def test_the_page_of_a_small_graph_is_small():
    assert len(explore(readme_graph()).to_html().encode()) < 90_000


def test_data_has_the_graph_in_order():
    loss = readme_graph()
    data = data_of(explore(loss))
    nodes = topological_order(loss)
    places = {node: k for k, node in enumerate(nodes)}
    assert len(data["nodes"]) == len(nodes)
    for row, node in zip(data["nodes"], nodes):
        if node.is_leaf:
            assert row[3] == node.data
        else:
            assert row[4] == [places[operand] for operand in node.parents]
            assert data["uses"][row[5]]["op"] == node.primitive.name
    assert [row[0] for row in data["nodes"] if row[0]] == ["a", "b", "v1", "v2", "c", "v3", "v4", "v5", "loss"]


def test_values_stay_as_they_are():
    loss = readme_graph()
    nodes = topological_order(loss)
    loss.backward()
    before = [(node.data, node.grad) for node in nodes]
    explore(loss).to_html()
    assert [(node.data, node.grad) for node in nodes] == before


def test_nothing_but_the_file_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    source = explore(readme_graph()).to_html("page.html")
    assert os.listdir(tmp_path) == ["page.html"]
    assert (tmp_path / "page.html").read_bytes() == source.encode()
    explore(readme_graph()).to_html()
    explore(readme_graph())._repr_mimebundle_()
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        explore(readme_graph()).to_html(tmp_path / "nowhere" / "page.html")


# --- Labels ----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- <script>",
    "]]>",
    "&lt;b&gt;",
    "\"quotes\" and 'quotes' and `back`",
    "two\nlines\r\nand\u2028more\u2029",
    "null \x00 bell \x07 escape \x1b",
    "right \u202e to left",
    "half \ud800 of a pair",
    "каша 漢字 🙂 e\u0301",
    "x" * 10_000,
    "#0 #1 #2 $& ${alert(1)} \\n \\u0000",
    "__proto__",
    "constructor",
    " ",
]


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_no_label_can_be_markup(label):
    x, y = Value(2.0, label=label), Value(3.0, label=label)
    with autograd.scope(label if label.strip() else "scope"):
        loss = (x * y).tanh()
    loss.label = label
    source = explore(loss, title=label).to_html()
    parts = Parts(source)
    plain = Parts(explore(Value(2.0) * Value(3.0)).to_html())
    assert [tag for tag, _ in parts.elements] == [tag for tag, _ in plain.elements]
    assert source.count("</script") == 2
    assert "<!--" not in source
    text = parts.text_of("script", type="application/json")
    assert not re.search("[<\u2028\u2029\x00-\x1f\x7f]", text)
    assert len(source) < 90_000
    source.encode()
    data = json.loads(text)
    assert len(data["nodes"]) == 4
    assert all(len(row[0]) <= 18 and len(row[1]) <= 300 for row in data["nodes"])


def test_a_long_label_is_whole_in_the_title_as_far_as_it_is_bounded():
    (row,) = data_of(explore(Value(1.0, label="y" * 200)))["nodes"]
    assert row[0] == '"' + "y" * 16 + "…" or row[0] == "y" * 17 + "…"
    assert row[1] == "y" * 200
    (row,) = data_of(explore(Value(1.0, label="y" * 10_000)))["nodes"]
    assert row[1] == "y" * 299 + "…"


# --- Numbers ---------------------------------------------------------------------------------------------------------

NUMBERS = [
    0.1,
    -0.0,
    0.0,
    1.0,
    1e-300,
    5e-324,
    1.7976931348623157e308,
    math.inf,
    -math.inf,
    math.nan,
    2.0**53 + 2,
    -1e15,
]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_numbers_travel_exactly(number):
    explorer = explore(Value(number, label="x"))
    (row,) = data_of(explorer)["nodes"]
    back = float(row[3])
    assert repr(back) == repr(number)
    assert isinstance(encoded(number), str) == (not math.isfinite(number))
    assert not re.search(r"\b(NaN|Infinity)\b", Parts(explorer.to_html()).text_of("script", type="application/json"))


def test_a_graph_of_one_leaf():
    data = data_of(explore(Value(3.0, label="x")))
    assert data["nodes"] == [["x", "", "leaf", 3]]
    assert len(data["views"]) == len(data["layouts"]) == 1
    assert data["views"][0]["boxes"] == [0]
    assert data["layouts"][0]["arrows"] == []
    assert data_of(explore(constant(3.0)))["nodes"] == [["C", "", "constant", 3]]


def test_both_edges_of_a_sum_with_itself():
    a = Value(3.0, label="a")
    data = data_of(explore(a + a))
    assert data["nodes"][1][4] == [0, 0]
    assert [arrow[:3] for arrow in data["layouts"][0]["arrows"]] == [[0, 1, 1], [0, 1, 1]]


def test_leaves_that_changed_are_said():
    x = Value(2.0, label="x")
    y = x * x
    assert not data_of(explore(y))["notes"]
    x.data = 3.0
    (note,) = data_of(explore(y))["notes"]
    assert "The leaves have changed since this graph was computed" in note
    x.data = math.nan
    assert data_of(explore(x * x))["notes"] == []


OLD = "Old data (2 nodes): not what the leaves give now, as after an optimizer step. Run the forward pass again."


def test_numbers_that_are_shown_as_recorded_say_when_they_are_old(monkeypatch):
    monkeypatch.setattr("autograd.explorer.page_data._MOST_NODES", 2)
    x = Value(2.0, label="x")
    y = (x * 3).exp()
    data = data_of(explore(y))
    assert OLD not in data["notes"]
    assert not any("old" in text for text in data["recorded"]["data"])
    x.data = 1.0
    data = data_of(explore(y))
    assert OLD in data["notes"]
    assert data["recorded"]["data"] == ["1", "3", "6 (old)", "403.4 (old)"]
    monkeypatch.undo()
    table = Primitive(
        "table", lambda x: {2.0: 5.0, 1.0: 4.0}[float(x)], partials=(lambda out, x: {2.0: 7.0}[float(x)],)
    )
    x.data = 2.0
    y = table(x) * 2
    x.data = 1.0
    assert OLD in data_of(explore(y))["notes"]


# --- Operations ------------------------------------------------------------------------------------------------------


def test_an_operation_of_ones_own_that_can_be_written():
    cube = Primitive("cube", lambda x: x * x * x, partials=(lambda out, x: 3 * x * x,))
    data = data_of(explore(cube(Value(2.0, label="x"))))
    assert data["isEditable"]
    assert data["uses"][0]["forms"] == [{"forward": "cube(#1)", "partials": ["3·#1²"]}]


def test_an_operation_that_cannot_be_written_is_recorded():
    table = Primitive("table", lambda x: {2.0: 5.0}[float(x)], partials=(lambda out, x: {2.0: 7.0}[float(x)],))
    x = Value(2.0, label="x")
    data = data_of(explore(table(x) * x))
    assert not data["isEditable"]
    assert "table cannot be written in JavaScript" in data["notes"][0]
    assert data["nodes"][1][2:] == ["computed", 5, [0], 0, [7]]
    assert data["uses"][0]["op"] is None
    assert data["uses"][0]["forms"] == [{"forward": "table(#1)", "partials": [""]}]


_PYTHON = [
    ("−", "-"),
    ("·", "*"),
    ("^", "**"),
    ("²", "**2"),
    ("π", "pi"),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    (" = ", " == "),
]


def evaluated(formula, numbers):
    """The number of a formula of the page: its words are those of the table, its signs have their meaning in Python."""
    for sign, python in _PYTHON:
        formula = formula.replace(sign, python)
    formula = re.sub(r"#(\d+)", r"n[\1]", formula)
    names = {name: row.forward for name, row in PRIMITIVES.items()} | {"n": numbers, "pi": math.pi}
    cases = re.split(r", (?=[^()]*(?:\([^()]*\)[^()]*)* if )", formula)
    for case in cases:
        value, _, condition = case.partition(" if ")
        if not condition or eval(condition, names):
            return eval(value, names)
    raise AssertionError(f"no case of {formula} holds at {numbers}")


@pytest.mark.parametrize("row", [row for row in PRIMITIVES.values() if row.domain], ids=lambda row: row.name)
def test_formulas_of_local_derivatives_are_right(row):
    domain = list(row.domain)
    written = template(row, [None] * len(domain))
    seen = 0
    for k in range(20):
        point = [low + (high - low) * ((k * 0.618 + j * 0.37) % 1) for j, (low, high) in enumerate(domain)]
        out = row.forward(*point)
        for formula, local in zip(written.partials, row.local_derivatives(out, point)):
            if formula and not (row.cuts and local is ZERO):  # there is no such edge
                seen += 1
                assert evaluated(formula, [out, *point]) == pytest.approx(float(local), rel=1e-9, abs=1e-12)
    assert seen or row.cuts or row.name in ("max", "min")


def test_a_formula_that_is_wrong_is_noticed():
    assert evaluated("1 − #0²", [0.5, 0.55]) != pytest.approx(0.5)
    assert evaluated("0 if #1 ≤ 0, 1 if #1 > 0", [0.0, 2.0]) == 1
    assert evaluated("min(#1, #2)·#1^#2", [0.0, 2.0, 3.0]) == 16


# --- Examples --------------------------------------------------------------------------------------------------------


def line(w, x, y):
    return (w * x - y) ** 2


def test_examples_travel_as_their_own_numbers():
    w = Value(0.5, label="w")
    losses = [line(w, Value(x, label="x"), y) for x, y in [(1.0, 3.0), (2.0, 5.0), (3.0, 7.0)]]
    data = data_of(explore(losses[1], losses))
    assert [list(example["numbers"].values()) for example in data["examples"]] == [[1, 3], [2, 5], [3, 7]]
    assert data["examples"][0]["title"] == "0: x = 1, 3"
    w_place = [row[0] for row in data["nodes"]].index("w")
    assert str(w_place) not in data["examples"][0]["numbers"]


def test_the_root_comes_first_unless_it_is_an_example():
    w = Value(0.5, label="w")
    root, other = line(w, 1.0, 3.0), line(w, 2.0, 5.0)
    assert [list(e["numbers"].values()) for e in data_of(explore(root, [other]))["examples"]] == [[1, 3], [2, 5]]
    assert [list(e["numbers"].values()) for e in data_of(explore(root, [other, root]))["examples"]] == [[2, 5], [1, 3]]
    assert data_of(explore(root))["examples"] == [{"title": "0:", "numbers": {}}]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda w: (w * 2.0 - 5.0).tanh(), r"examples\[0\] node \d+ is .*tanh"),
        (lambda w: (w * 2.0 - 5.0) ** 2 + 1, r"examples\[0\] has 9 nodes and the root 7"),
        (lambda w: (2.0 * w - 5.0) ** 2, r"examples\[0\] node 0 is constant, and in the root it is leaf \('w'\)"),
        (lambda w: (w * w - 5.0) ** 2, r"examples\[0\] node 1 is mul of 2, and in the root it is constant"),
    ],
)
def test_examples_that_are_computed_in_another_way(other, message):
    w = Value(0.5, label="w")
    with pytest.raises(ValueError, match=message) as caught:
        explore(line(w, 1.0, 3.0), [other(w)])
    assert "make all of them by one function" in str(caught.value)


# --- Arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3.0,), TypeError, "explore shows the graph behind one Value, got float 3.0: write explore\\(loss\\)"),
        (([Value(1.0)],), TypeError, "got list"),
        ((Value(1.0), Value(2.0)), TypeError, "examples are a list of Values, got Value"),
        ((Value(1.0), [2.0]), TypeError, r"examples\[0\] is float 2.0"),
        ((Value(1.0), None, "fast"), TypeError, "the learning rate is a number, got str"),
        ((Value(1.0), None, math.nan), ValueError, "the learning rate is a finite number, got nan"),
        ((Value(1.0), None, 0.1, 7), TypeError, "the title is a string, got int 7"),
    ],
)
def test_arguments_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        explore(*arguments)


def test_a_cycle_made_by_hand_is_an_error():
    a = Value(1.0, label="a")
    b = a.exp()
    c = b * a
    b._left = c
    with pytest.raises(ValueError, match="this graph has a cycle"):
        explore(c)


def test_explore_is_refused_while_a_function_is_compiled():
    pytest.importorskip("llvmlite")
    with pytest.raises(autograd.CompileError, match="explore"):
        autograd.compile(lambda x: explore(x * x))(1.0)


# --- In a notebook ---------------------------------------------------------------------------------------------------


@pytest.fixture
def no_anywidget(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    widget.widget_class.cache_clear()


def test_at_the_prompt_there_is_a_repr():
    assert repr(explore(readme_graph())) == (
        '<Explorer of 12 nodes: a notebook shows it; explorer.to_html("page.html") writes it to a file>'
    )
    assert "of 1 node:" in repr(explore(Value(1.0)))


@pytest.mark.usefixtures("no_anywidget")
def test_without_anywidget_the_page_is_in_a_sandbox():
    explorer = explore(readme_graph())
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    frame = re.fullmatch(r'<iframe ([^>]*)>(<img src="data:image/[^"]*"[^>]*>)</iframe>', bundle["text/html"])
    attributes = dict(re.findall(r'(\w+)="([^"]*)"', frame[1]))
    assert attributes["sandbox"] == "allow-scripts"
    assert html.unescape(attributes["srcdoc"]) == explorer.to_html()
    assert explorer.step == 0
    assert explorer._display_()._repr_html_().startswith("<iframe ")
    with pytest.raises(ModuleNotFoundError, match=re.escape('pip install ".[explore]"')):
        explorer.step = 3


def test_with_anywidget_it_is_a_widget():
    pytest.importorskip("anywidget", reason='NOT TESTED, anywidget is missing: pip install ".[explore]"')
    x = Value(2.0, label="x")
    explorer = explore(x * x)
    assert explorer.values == {x: 2.0}
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert bundle["text/html"].startswith("<img ")
    assert explorer._display_() is explorer._widget
    model = explorer._widget
    assert json.loads(model.data) == data_of(explorer)
    assert model._esm.rstrip().endswith("export default { render };")
    assert set(explorer._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    explorer.step = 2
    assert model.step == explorer.step == 2
    model.numbers = {"0": 5.0}
    assert explorer.values == {x: 5.0}
    model.numbers = {"0": "nan"}
    assert math.isnan(explorer.values[x])
    assert x.data == 2.0


def test_a_broken_anywidget_is_no_reason_to_show_nothing(monkeypatch):
    monkeypatch.setattr(widget, "widget_class", lambda: 1 / 0)
    assert explore(readme_graph())._repr_mimebundle_()["text/html"].startswith("<iframe ")


def test_the_module_is_light():
    assert len(document.module("{}").encode()) < 60_000


# --- The files -------------------------------------------------------------------------------------------------------


def colours():
    """The custom properties of the style sheet: of each its colour on light and on dark."""
    found = re.findall(r"--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", document.style())
    return {name: pair for name, *pair in found}


def contrast(one, other):
    """The ratio of WCAG 2, from 1 to 21."""

    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_can_be_told_from_what_is_behind_them(scheme):
    colour = {name: pair[scheme] for name, pair in colours().items()}
    behind = ["paper", "ground", "leaf", "parameter", "constant", "root", "group"]
    for text in ("ink", "muted"):
        for surface in behind:
            assert contrast(colour[text], colour[surface]) >= 4.5, (text, surface)
    for text in ("upstream", "local", "contribution", "green"):
        for surface in ("paper", "ground"):
            assert contrast(colour[text], colour[surface]) >= 4.5, (text, surface)
    assert contrast(colour["quiet"], colour["paper"]) >= 3.0


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_scripts_use_no_way_to_make_markup_of_text():
    script = document.module("{}")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "srcdoc",
        "DOMParser",
    ):
        assert way not in script
    assert not re.search(r"^\s*(import|export(?! default))\b", script, re.MULTILINE)


def test_importing_the_engine_imports_no_explorer():
    assert "autograd.explorer.explorer" not in _modules_of_a_fresh_interpreter()


def _modules_of_a_fresh_interpreter():
    code = "import autograd, sys; print(*sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
