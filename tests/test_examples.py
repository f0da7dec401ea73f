"""Every example in docstrings, README and docs runs, and everything public has one."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import autograd
import nn
from autograd import Primitive

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = [
    name
    for package in (autograd, nn)
    for name in [package.__name__, *(m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + "."))]
    if not name.endswith("__main__")
]
PUBLIC = {
    f"{package.__name__}.{name}": thing
    for package in (autograd, nn)
    for name, thing in vars(package).items()
    if not name.startswith("_")
    and (inspect.isfunction(thing) or inspect.isclass(thing))
    and thing.__module__.split(".")[0] == package.__name__
}


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """Examples write files into a directory of their own."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for name in MODULES for test in finder.find(importlib.import_module(name))]
    assert sum(bool(test.examples) for test in tests) > 50


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_an_example(name):
    documentation = inspect.getdoc(PUBLIC[name]) or ""
    assert documentation, f"{name} has no docstring"
    assert re.search(r"^Example:\n +>>> ", documentation, re.MULTILINE), f"{name} has no Example"


@pytest.mark.parametrize("row", [thing for thing in vars(autograd).values() if isinstance(thing, Primitive)], ids=str)
def test_public_rows_have_a_summary(row):
    assert row.summary


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_a_page_run(page):
    text, namespace = page.read_text(encoding="utf-8"), {"__name__": "page"}
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        line = text[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block[1], str(page), "exec"), namespace)
