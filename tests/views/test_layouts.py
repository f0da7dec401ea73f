"""Pictures laid out, in files and in notebooks, with each layout there is: showing one never fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from base64 import b64decode

import graphviz
import pytest
from drawing import LAYOUTS, Drawn, example, hide_programs, loss_of, unlike

from autograd import Value, draw_dot
from autograd.draw.layout import LayoutFailed, LayoutNotFound, LayoutTimeout, lay_out
from nn import MLP

pytestmark = pytest.mark.sampled(every=2)

GRAPHVIZ = "sudo apt-get install graphviz, brew install graphviz or winget install graphviz"


@pytest.fixture
def no_program(monkeypatch, tmp_path_factory):
    """A machine without Graphviz's own programs."""
    hide_programs(monkeypatch, tmp_path_factory)


@pytest.fixture
def nothing(no_program, monkeypatch):  # noqa: ARG001
    """A machine that cannot lay out a graph."""
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # which makes its import fail


needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason=f"NOT TESTED, dot is missing: {GRAPHVIZ}")


@needs_dot
def test_graphviz_itself_lays_out():
    """Where it is there, all tests that use `layout` run with it as well; where it is not, this one says so."""
    assert "dot" in LAYOUTS


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
        ("exit 3", "pdf", "dot gave up (status 3): no error message"),
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
