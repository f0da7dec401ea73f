"""One training step of micrograd's demo on every engine.

The demo: 100 points of two moons, a perceptron 2-16-16-1 with relu, the hinge loss, a penalty on the squared
parameters, full batches. A step resets the gradients, builds the loss, goes backward and updates the parameters.
"""

from __future__ import annotations

import gc
import statistics
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import Value, dot, mean
from benchmarks.table import Row, interleaved, peer, ratio
from nn import MLP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Leaf = Callable[[float], Any]

PENALTY = 1e-4
RATE = 0.1
STEPS = 3
"""So many steps in a row are timed at once: with one, the garbage a step leaves would be collected off the clock."""


# --- The program, scalar by scalar: what changes from engine to engine is `leaf`, which makes a number's leaf ---------


class ScalarNeuron:
    """relu(w1 x1 + w2 x2 + ... + b), one node for every product, sum and relu."""

    def __init__(self, leaf: Leaf, nin: int, nonlinear: bool) -> None:
        self.weights = [leaf(0.0) for _ in range(nin)]
        self.bias = leaf(0.0)
        self.nonlinear = nonlinear

    def __call__(self, inputs: Sequence[Any]) -> Any:
        z = sum((weight * x for weight, x in zip(self.weights, inputs)), self.bias)
        return z.relu() if self.nonlinear else z

    def parameters(self) -> list[Any]:
        return [*self.weights, self.bias]


class ScalarNetwork:
    """Layers of such neurons, the last one a single linear neuron."""

    def __init__(self, leaf: Leaf, sizes: Sequence[int]) -> None:
        self.layers = [
            [ScalarNeuron(leaf, nin, nonlinear=k < len(sizes) - 2) for _ in range(nout)]
            for k, (nin, nout) in enumerate(pairwise(sizes))
        ]

    def __call__(self, inputs: Sequence[Any]) -> Any:
        for layer in self.layers:
            inputs = [neuron(inputs) for neuron in layer]
        return inputs[0]

    def parameters(self) -> list[Any]:
        return [parameter for layer in self.layers for neuron in layer for parameter in neuron.parameters()]


def scalar_loss(model: Any, leaf: Leaf) -> Any:
    points, labels = moons()
    scores = [model([leaf(x) for x in point]) for point in points]
    losses = [(1 + -label * score).relu() for label, score in zip(labels, scores)]
    return sum(losses) * (1.0 / len(losses)) + PENALTY * sum(p * p for p in model.parameters())


# --- The same program as one writes it with this library --------------------------------------------------------------


def library_loss(model: MLP) -> Value:
    points, labels = moons()
    losses = [(1 - label * model(point)).relu() for point, label in zip(points, labels)]  # type: ignore[operator]
    parameters = model.parameters()
    return mean(losses) + PENALTY * dot(parameters, parameters)


# ----------------------------------------------------------------------------------------------------------------------


class Engine(NamedTuple):
    """A network on an engine, ready to train."""

    model: Any
    loss: Callable[[], Any]
    no_gradient: float | None  # what a gradient is reset to

    def step(self) -> float:
        """Train one step; the loss before it."""
        for p in self.model.parameters():
            p.grad = self.no_gradient
        loss = self.loss()
        loss.backward()
        for p in self.model.parameters():
            p.data -= RATE * p.grad
        return float(loss.data)

    def steps(self) -> None:
        for _ in range(STEPS):
            self.step()


@cache
def moons() -> tuple[list[list[float]], list[float]]:
    """The demo's points, and their labels -1 and 1, as Python's floats."""
    points, labels = peer("sklearn.datasets").make_moons(n_samples=100, noise=0.1, random_state=1337)
    return points.tolist(), [2.0 * label - 1.0 for label in labels.tolist()]


def engines() -> dict[str, Engine]:
    """One engine each, all with the same weights; those that are not installed are left out."""
    ours, layers = ScalarNetwork(Value, [2, 16, 16, 1]), MLP(2, [16, 16, 1])
    found = {
        "scalars": Engine(ours, partial(scalar_loss, ours, Value), 0.0),
        "nn": Engine(layers, partial(library_loss, layers), 0.0),
    }
    if micrograd := peer("micrograd.engine"):
        theirs = peer("micrograd.nn").MLP(2, [16, 16, 1])
        found["micrograd"] = Engine(theirs, partial(scalar_loss, theirs, micrograd.Value), 0)
    if torch := peer("torch"):
        torch.set_num_threads(1)
        number = partial(torch.tensor, dtype=torch.float64)
        tensors = ScalarNetwork(partial(number, requires_grad=True), [2, 16, 16, 1])
        found["torch"] = Engine(tensors, partial(scalar_loss, tensors, number), None)
    weights = [p.data for p in MLP(2, [16, 16, 1], init="micrograd", rng=1337).parameters()]
    for name, engine in found.items():
        for p, weight in zip(engine.model.parameters(), weights, strict=True):
            p.data = number(weight) if name == "torch" else weight
    return found


def check_same(found: dict[str, Engine], steps: int = 3, tolerance: float = 1e-9) -> None:
    """Train a few steps on each engine: every loss and every gradient must agree with the first engine's.

    Raises:
        AssertionError: they do not, so that their times would say nothing.
    """
    for step in range(steps):
        first: list[float] = []
        for name, engine in found.items():
            numbers = [engine.step(), *(float(p.grad) for p in engine.model.parameters())]
            first = first or numbers
            difference = max(abs(x - y) for x, y in zip(numbers, first, strict=True))
            if not difference <= tolerance:
                raise AssertionError(f"step {step}: {name} differs by {difference} from {next(iter(found))}")


def rows(quick: bool) -> list[Row]:
    """Time a step on every engine.

    Round after round, each engine in turn trains three steps. The cyclic garbage that micrograd's graphs become is
    micrograd's own cost: the collector is on and runs when it will; only what is left after an engine's turn is
    collected off the clock, so that nobody pays for another's garbage. The modules in memory are frozen, out of the
    collector's sight: it would otherwise look through all of PyTorch and scikit-learn in everybody's turn, which slows
    all engines down, and the engines with small graphs most. So each engine runs as it does when loaded alone.
    """
    if peer("sklearn") is None:
        return []
    found = engines()
    check_same(found)
    gc.collect()
    gc.freeze()
    times = interleaved({name: engine.steps for name, engine in found.items()}, 1 if quick else 9, "demo step")
    figures = {name: f"{statistics.median(times[name]) / STEPS * 1e3:.1f} ms" for name in times}

    def faster(than: str, name: str) -> str:
        return f"{ratio(times[than], times[name]):.1f}x faster" if than in times else ""

    return [
        Row(
            f"micrograd's demo, one step, {how}",
            figures[name],
            figures.get("micrograd", ""),
            figures.get("torch", ""),
            faster("micrograd", name),
            faster("torch", name),
            target,
        )
        for name, how, target in (
            ("scalars", "scalar by scalar", "10x micrograd, 8x PyTorch"),
            ("nn", "nn.MLP, mean and dot", "35x micrograd"),
        )
    ]
