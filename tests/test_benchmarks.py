"""The benchmarks measure what they say, with or without the libraries they compare with. No time is asserted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autograd import Value
from autograd.graph import topological_order
from benchmarks import nodes, step
from benchmarks.table import PEERS, RESULTS, Row, listed, peer, render, with_table

ROOT = Path(__file__).parent.parent
COMMANDS = ("benchmarks", "benchmarks.compiled", "benchmarks.pictures", "benchmarks.explorer")
MEASURED = [
    "time per node",
    "bytes per node after forward",
    "still held of a dropped graph",
    "import autograd",
    "import nn",
]


def run(**environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def check_table(output: str) -> None:
    table, machine = output.strip().split("\n\n")
    header, rule, *rows = table.split("\n")
    assert {line.count("|") for line in (header, rule, *rows)} == {len(Row._fields) + 1}
    assert set(rule) == set("| -")
    for measured in MEASURED:
        assert any(row.startswith(f"| {measured}") for row in rows), measured
    assert "\n" not in machine
    assert sys.version.split()[0] in machine
    check_rows(rows)


def check_rows(rows: list[str]) -> None:
    """The rows that were printed are those of RESULTS.md, but for the sizes of graphs, which are smaller in a hurry."""

    def with_aims(cells: list[list[str]]) -> set[tuple[str, str]]:
        return {(re.sub(r"\d[\d,]*", "n", row[0]), row[-1]) for row in cells if row[0] not in PEERS}

    printed = with_aims([[cell.strip() for cell in row.strip("|").split("|")] for row in rows])
    demo = not any(f"not installed: pip install {PEERS['sklearn']}" in row for row in rows)  # it trains on their data
    possible = [row for row in listed("python -m benchmarks") if demo or "micrograd's demo" not in row[0]]
    assert printed == with_aims(possible)


def test_results_list_what_is_measured_and_aimed_at() -> None:
    """The rows of the first command are compared where it is run, below."""
    compiled = pytest.importorskip(
        "benchmarks.compiled", reason='NOT TESTED, NumPy is missing: pip install ".[compile]"'
    )
    from benchmarks import explorer, pictures

    aims = {(work, against): aim for work, engines in compiled.AIMS.items() for against, aim in engines.items()}
    rows = listed("python -m benchmarks.compiled")
    assert {(row[0], row[2]): row[-1] for row in rows} == aims
    assert len(rows) == len(aims)
    rows = listed("python -m benchmarks.pictures")
    assert [(row[0], row[-1]) for row in rows] == [(work.name, f"{work.aim:g} s") for work in pictures.WORKS]
    assert {row[0]: row[-1] for row in listed("python -m benchmarks.explorer")} == explorer.AIMS


def test_results_are_dated_and_say_how_they_were_measured() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    for command in COMMANDS:
        (section,) = re.findall(rf"<!-- python -m {command} -->\n(.*?)<!-- end -->", text, re.DOTALL)
        table, machine = section.strip().split("\n\n")
        assert re.match(r"\d{4}-\d\d-\d\d: ", machine), command
        assert len({line.count("|") for line in table.splitlines()}) == 1, command


def test_a_new_table_takes_the_place_of_the_old_one_alone() -> None:
    before = RESULTS.read_text(encoding="utf-8")
    after = with_table(before, "python -m benchmarks.pictures", "| a |\n| - |\n\n\\1 nowhere\n")
    assert "| a |\n| - |\n\n\\1 nowhere\n<!-- end -->" in after
    assert "tangled at random" not in after.split("<!-- python -m benchmarks.pictures -->")[1]
    assert after.split("## Pictures")[0] == before.split("## Pictures")[0]


def test_figures_in_readme_are_those_of_the_results() -> None:
    rows = [row for command in COMMANDS for row in listed(f"python -m {command}")]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| \| chainrule \|.*?\n\|.*?\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert table.count("\n") == 4
    for line in table.splitlines():
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        known = {word for row in rows if row[0] == name for cell in row for word in re.findall(r"[\d.,]+ ?\w+", cell)}
        figures = {figure for cell in cells for figure in re.findall(r"[\d.,]*\d ?\w+", cell)}
        assert figures, line
        assert figures <= known, f"{figures - known} is not what RESULTS.md says of {name!r}"


def test_rows_that_files_cite_exist() -> None:
    """A paragraph that speaks of RESULTS.md, or of a command of the benchmarks, names a row in double quotes."""
    names = {row[0] for command in COMMANDS for row in listed(f"python -m {command}")}
    missing = []
    for file in sorted(path for package in ("autograd", "nn") for path in (ROOT / package).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        for found in re.finditer(r"RESULTS\.md|python -m benchmarks", text):
            start, end = text.rfind("\n\n", 0, found.start()), text.find("\n\n", found.end())
            paragraph = " ".join(text[max(start, 0) : end].replace("#", " ").split())
            if not any(f'"{name}"' in paragraph for name in names):
                missing.append(f"{file.relative_to(ROOT).as_posix()}:{text[: found.start()].count(chr(10)) + 1}")
    assert not missing, f'which row of benchmarks/RESULTS.md is meant, as in "demo, step(X, y)"? {missing}'


def test_all_engines_give_the_same_losses_and_gradients() -> None:
    pytest.importorskip("sklearn")
    engines = step.engines()
    assert set(engines) == {"scalars", "nn"} | {name for name in ("micrograd", "torch") if peer(name)}
    step.check_same(engines, steps=2)


def test_an_engine_that_computes_something_else_is_noticed() -> None:
    pytest.importorskip("sklearn")
    engines = {name: engine for name, engine in step.engines().items() if name in ("scalars", "nn")}
    engines["nn"].model.parameters()[5].data += 1e-6
    with pytest.raises(AssertionError, match="step 0: nn differs by"):
        step.check_same(engines, steps=1)


def test_graphs_have_as_many_nodes_on_micrograd() -> None:
    micrograd = pytest.importorskip(
        "micrograd.engine", reason='NOT TESTED, micrograd is missing: pip install ".[benchmark]"'
    )
    pytest.importorskip("sklearn")
    for graph in (lambda leaf: nodes.program(leaf, 1000), nodes.demo_graph):
        seen: set[object] = set()
        stack = [graph(micrograd.Value)]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(node._prev)
        assert len(seen) == len(topological_order(graph(Value)))


def test_table_is_markdown() -> None:
    assert render([Row("a", "b")]).split("\n")[2].startswith("| a        | b         |")


@pytest.mark.slow
def test_quick_run_prints_the_rows() -> None:
    output = run()
    check_table(output)
    if peer("sklearn"):
        assert "micrograd's demo, one step, scalar by scalar" in output
    for name, package in PEERS.items():
        assert (f"not installed: pip install {package}" in output) == (peer(name) is None)


def test_quick_run_without_the_peers(tmp_path: Path) -> None:
    for name in PEERS:
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    output = run(PYTHONPATH=str(tmp_path))
    check_table(output)
    for package in PEERS.values():
        assert f"not installed: pip install {package}" in output
