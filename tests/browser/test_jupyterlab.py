"""Pictures and explorers in a real JupyterLab in a real browser: trusted and not, with anywidget and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest
from chromium import missing

if missing():
    pytest.skip(f"NOT TESTED in a browser: {missing()}", allow_module_level=True)

nbformat = pytest.importorskip("nbformat", reason='NOT TESTED: JupyterLab is missing: pip install ".[notebook]"')
nbclient = pytest.importorskip("nbclient", reason='NOT TESTED: JupyterLab is missing: pip install ".[notebook]"')
pytest.importorskip("jupyterlab", reason='NOT TESTED: JupyterLab is missing: pip install ".[notebook]"')
pytest.importorskip("anywidget", reason='NOT TESTED: anywidget is missing: pip install ".[explore]"')

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the server and its client

NO_ANYWIDGET = "import sys\nsys.modules['anywidget'] = None\n"
CELLS = [
    """\
from autograd import Value, draw_dot, explore

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
loss = a * b + a
loss.label = "loss"
""",
    "draw_dot(loss)",
    "explorer = explore(loss, title='In a notebook')\nexplorer",
    "print('seen:', explorer.step, explorer.values[a], a.data)\nexplorer.step = 5",
]


def notebook(path, first=""):
    """A notebook that has been run."""
    cells = [nbformat.v4.new_code_cell(first * (k == 0) + source) for k, source in enumerate(CELLS)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=cells[: 3 if first else 4], metadata={"kernelspec": kernel})
    nbclient.NotebookClient(made, timeout=120, kernel_name="python3").execute()
    nbformat.write(made, path)
    return made


@pytest.fixture(scope="module")
def notebooks(browser, tmp_path_factory):
    """A directory with notebooks that were run with anywidget and without it; each once as it is and once trusted."""
    assert browser.is_connected()
    directory = tmp_path_factory.mktemp("notebooks")
    for name, first in (("with", ""), ("without", NO_ANYWIDGET)):
        made = notebook(directory / f"{name}.ipynb", first)
        nbformat.write(made, directory / f"{name}-trusted.ipynb")
    return directory


@pytest.fixture(scope="module")
def lab(notebooks, tmp_path_factory):
    """The address of a JupyterLab with these notebooks, and with settings of its own."""
    own = tmp_path_factory.mktemp("jupyter")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(own / name) for name in ("DATA", "CONFIG", "RUNTIME")},
        **{f"JUPYTERLAB_{name}_DIR": str(own / name) for name in ("SETTINGS", "WORKSPACES")},
    }
    for name in ("with", "without"):
        # the same outputs are trusted wherever they are, so these get a cell more
        path = notebooks / f"{name}-trusted.ipynb"
        made = nbformat.read(path, as_version=4)
        made.cells.append(nbformat.v4.new_markdown_cell("trusted"))
        nbformat.write(made, path)
        trust = [sys.executable, "-m", "jupyter", "trust", str(path)]
        subprocess.run(trust, env=environment, check=True, capture_output=True)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),  # of its own choice
        *("--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={notebooks}"),
        *("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
    ]
    with open(own / "log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield address_of(server, own)
    finally:
        server.terminate()
        server.wait(timeout=30)


def address_of(server, own):
    """Where it can be reached, as soon as it can be: it writes a file about itself, and answers."""
    for _ in range(480):
        try:
            (about,) = (own / "RUNTIME").glob("jpserver-*.json")
            address = json.loads(about.read_text(encoding="utf-8"))["url"].rstrip("/")
            with urllib.request.urlopen(f"{address}/api", timeout=5):
                return address
        except (OSError, ValueError):
            assert server.poll() is None, (own / "log").read_text(encoding="utf-8")[-2000:]
            time.sleep(0.25)
    raise AssertionError((own / "log").read_text(encoding="utf-8")[-2000:])


@pytest.fixture
def open_notebook(browser, lab):
    """Opens a notebook, where all but this JupyterLab is out of reach; to ask for anything else fails the test."""
    contexts, elsewhere = [], []

    def open_notebook(name):
        context = browser.new_context(viewport={"width": 1280, "height": 1500})
        contexts.append(context)
        context.route(
            lambda address: not address.startswith((lab, lab.replace("http", "ws"), "data:", "blob:")),
            lambda route: (elsewhere.append(route.request.url), route.abort()),
        )
        page = context.new_page()
        page.goto(f"{lab}/doc/tree/{name}.ipynb")
        page.locator(".jp-OutputArea-output").nth(1).wait_for(timeout=60_000)
        return page

    yield open_notebook
    for context in contexts:
        context.close()
    assert elsewhere == []


def pictures(page):
    """The width of every picture that is shown."""
    page.wait_for_timeout(1000)
    return page.evaluate(
        "[...document.querySelectorAll('.jp-OutputArea-output img')].map((img) => img.complete && img.naturalWidth)"
    )


def run_all(page):
    """Run all cells, once the kernel is there: before, JupyterLab may lose what it is asked for."""
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()


@pytest.mark.parametrize("name", ["with", "without"])
def test_what_was_run_has_no_error_and_has_a_picture(notebooks, name):
    made = nbformat.read(notebooks / f"{name}.ipynb", as_version=4)
    outputs = [output for cell in made.cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    drawn, explored = [output.data for output in outputs if output.output_type == "execute_result"]
    assert drawn["text/html"].startswith("<img ")
    assert ("application/vnd.jupyter.widget-view+json" in explored) == (name == "with")
    assert explored["text/html"].startswith("<img " if name == "with" else "<iframe ")
    assert explored["text/plain"].startswith("<Explorer of 4 nodes")


@pytest.mark.parametrize("name", ["with", "without"])
def test_a_notebook_that_is_not_trusted_shows_pictures(open_notebook, name):
    page = open_notebook(name)
    widths = pictures(page)
    assert len(widths) == 2
    assert all(width > 100 for width in widths)
    assert page.locator(".jp-OutputArea-output iframe, .chainrule-explorer").count() == 0


def test_a_trusted_notebook_without_anywidget_shows_the_page_in_a_frame(open_notebook):
    page = open_notebook("without-trusted")
    assert len(pictures(page)) == 1
    frame = page.frame_locator(".jp-OutputArea-output iframe")
    frame.locator("[data-ready]").wait_for()
    frame.get_by_role("button", name="to the end (End)", exact=True).click()
    assert "−3" in frame.locator(".graph").text_content()
    assert frame.locator(".counter").inner_text() == "7 / 7"


def test_a_widget_and_python_tell_each_other(open_notebook):
    page = open_notebook("with-trusted")
    run_all(page)
    explorer = page.locator(".chainrule-explorer")
    explorer.locator(".graph").wait_for(timeout=60_000)
    page.get_by_text("seen: 0 2.0 2.0").wait_for(timeout=60_000)
    counter = explorer.locator(".counter")
    page.wait_for_function("document.querySelector('.chainrule-explorer .counter').textContent === '5 / 7'")
    assert explorer.locator(".heading strong").inner_text() == "In a notebook"

    explorer.get_by_role("button", name="to the start (Home)", exact=True).click()
    explorer.locator(".pane").click(position={"x": 3, "y": 3})
    page.keyboard.press("ArrowRight")  # a key of the explorer, not one of JupyterLab
    page.keyboard.press("ArrowRight")
    assert counter.inner_text() == "2 / 7"
    field = explorer.get_by_label("a, number", exact=True)
    field.fill("4")
    field.press("Enter")
    page.wait_for_timeout(1000)
    page.locator(".jp-CodeCell").nth(3).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.get_by_text("seen: 2 4.0 2.0").wait_for(timeout=60_000)  # what Python sees, and the Value as it was
    page.wait_for_function("document.querySelector('.chainrule-explorer .counter').textContent === '5 / 7'")


def test_a_widget_follows_the_theme(open_notebook):
    page = open_notebook("with-trusted")
    run_all(page)
    page.locator(".chainrule-explorer .graph").wait_for(timeout=60_000)
    for theme, wanted in (("JupyterLab Dark", "rgb(16, 19, 24)"), ("JupyterLab Light", "rgb(244, 245, 247)")):
        page.get_by_text("Settings", exact=True).first.click()
        page.get_by_text("Theme", exact=True).hover()
        page.get_by_text(theme, exact=True).click()
        page.wait_for_function(
            "(wanted) => getComputedStyle(document.querySelector('.chainrule-explorer')).backgroundColor === wanted",
            arg=wanted,
        )
