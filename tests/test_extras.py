"""What is said of how to install: extras that exist, in a way that works. No package index has the library."""

import ast
import re
import tomllib
from pathlib import Path

from autograd.extras import how_to_install

ROOT = Path(__file__).parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml")),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "benchmarks" / "RESULTS.md",
    *(ROOT / "notebooks").glob("*.ipynb"),
    *(path for folder in ("autograd", "nn", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")),
]


def asked_for():
    """The places where code says how to install something, and what."""
    for path in TEXTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.suffix == ".py" else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == how_to_install.__name__:
                yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", ast.literal_eval(node.args[0])


def test_what_an_error_names_can_be_installed():
    named = dict(asked_for())
    assert len(named) > 5
    assert {place: extra for place, extra in named.items() if extra not in EXTRAS} == {}


def test_what_is_said_to_be_installed_comes_from_a_clone():
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install (-\S+ )*\W*chainrule", text), path
        assert set(re.findall(r"pip install (?:-\S+ )*\W*\.\[(\w+)", text)) <= set(EXTRAS), path
