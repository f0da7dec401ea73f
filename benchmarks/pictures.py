"""How long pictures take, from a graph to SVG: `python -m benchmarks.pictures` prints the table."""

from __future__ import annotations

import random
import shutil
import statistics
from typing import TYPE_CHECKING, NamedTuple

import autograd
from autograd import Value, draw_dot
from autograd.draw.scene import scene_of
from autograd.graph import topological_order
from benchmarks.nodes import program
from benchmarks.step import ScalarNetwork
from benchmarks.table import in_a_fresh_process, machine, peer, progress, report, seconds
from nn import MLP, cross_entropy, hinge

if TYPE_CHECKING:
    from collections.abc import Callable


class Row(NamedTuple):
    """One line of the table: what is drawn, as how many boxes, and how long it takes."""

    picture: str
    nodes: str
    boxes: str
    how: str = ""
    time: str = ""
    aim: str = ""


HEADER = Row("picture", "nodes", "boxes", "how", "time", "aim")


# --- What is drawn ----------------------------------------------------------------------------------------------------


def tangled() -> Value:
    """300 Values, of operations at random on two of the last twelve."""
    source = random.Random(0)
    nodes = [Value(source.random(), label=f"x{k}") for k in range(30)]
    unused = nodes[::-1]
    while len(nodes) < 299:
        other = unused.pop() if unused and source.random() < 0.15 else nodes[-source.randint(1, 12)]
        nodes.append(nodes[-1] * other if len(nodes) % 3 else nodes[-1] + other)
    return autograd.sum([*unused, nodes[-1]])


def one_example() -> Value:
    """The loss of one example of micrograd's demo."""
    return hinge(MLP(2, [16, 16, 1], rng=0)([1.0, -2.0]), 1)


def batch(examples: int) -> Value:
    """The mean loss of a network for digits over so many examples."""
    model, source = MLP(64, [32, 10], rng=0), random.Random(0)
    outputs = [model([source.random() for _ in range(64)]) for _ in range(examples)]
    return autograd.mean([cross_entropy(output, k % 10) for k, output in enumerate(outputs)])


def scalar_by_scalar(sizes: list[int], examples: int) -> Value:
    """The mean loss of a network as in micrograd, of an addition and a multiplication for each weight."""
    model, source = ScalarNetwork(Value, sizes), random.Random(0)
    for parameter in model.parameters():
        parameter.data = source.uniform(-1, 1)
    scores = [model([source.random() for _ in range(sizes[0])]) for _ in range(examples)]
    return sum([(1 - score).relu() for score in scores]) / examples  # type: ignore[no-any-return]


def unlike(nodes: int) -> Value:
    """A graph in which nothing repeats."""
    root: Value = program(Value, nodes)
    return root


class Work(NamedTuple):
    """A graph, and how many seconds its picture may take."""

    name: str
    graph: Callable[[], Value]
    aim: float


WORKS = (
    Work("Values as they are, a network 2-8-7-1", lambda: scalar_by_scalar([2, 8, 7, 1], 1), 0.5),
    Work("Values as they are, tangled at random", tangled, 0.5),
    Work("one example of the demo, 2-16-16-1", one_example, 0.5),
    Work("loss of 100 digits, 64-32-10", lambda: batch(100), 1.0),
    Work("loss of 154 examples of the demo, scalar by scalar", lambda: scalar_by_scalar([2, 16, 16, 1], 154), 2.0),
    Work("loss of 610 digits, of 2.9 million edges", lambda: batch(610), 2.0),
    Work("100,000 nodes that cannot be collapsed", lambda: unlike(100_000), 2.0),
)


# --- The clock --------------------------------------------------------------------------------------------------------


def row(index: int, rounds: int) -> Row:
    """The picture of a graph after backward, many times."""
    name, graph, aim = WORKS[index]
    root = graph()
    root.backward()
    draw_dot(Value(1.0)).pipe("svg")  # imports
    times = [seconds(lambda: draw_dot(root).pipe("svg")) for _ in progress(range(rounds), name)]
    scene = scene_of(root)
    return Row(
        name,
        f"{len(topological_order(root)):,}",
        f"{len(scene.boxes)}",
        "cut" if "not drawn" in scene.caption else "collapsed" if scene.caption else "",
        f"{statistics.median(times):.2f} s",
        f"{aim:g} s",
    )


def rows(quick: bool) -> list[Row]:
    return [in_a_fresh_process(row, index, 1 if quick else 7) for index in range(len(WORKS))]


def where() -> str:
    layout = "dot" if shutil.which("dot") else "pygraphviz" if peer("pygraphviz") else "nothing"
    return f"{machine()} Laid out by {layout}."


if __name__ == "__main__":
    report("benchmarks.pictures", __doc__, rows, HEADER, where)
