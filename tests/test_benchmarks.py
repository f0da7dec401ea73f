"""The benchmarks measure what they say, with or without the libraries they compare with. No time is asserted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograd import Value
from autograd.graph import topological_order
from benchmarks import nodes, step
from benchmarks.table import PEERS, Row, peer, render

ROOT = Path(__file__).parent.parent
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
