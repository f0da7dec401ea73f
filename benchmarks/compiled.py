"""`autograd.compile` beside other libraries and beside C++ by hand: `python -m benchmarks.compiled` prints the table.

All engines must first agree on every loss and every gradient. What is timed with one thread is bound to one processor.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from functools import partial
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import autograd
from autograd import Value, dot
from benchmarks import peers
from benchmarks.peers import MOMENTUM, RATE, Problem, Training, Work
from benchmarks.step import PENALTY, scalar_loss
from benchmarks.table import in_a_fresh_process, interleaved, machine, peer, progress, ratio, report, seconds
from nn import LOSSES, MLP, SGD, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.peers import Numbers

OURS = "chainrule"
TOLERANCE = 1e-9
SAMPLE = 0.03
"""Seconds that a sample takes at least, what is shorter being repeated: so much that the caches are filled again."""

AIMS = {
    "demo, flat vectors": {
        "PyTorch": "25x",
        "JAX jit": "5x",
        "CasADi SX": "30x",
        "CasADi MX, by matrix": "",
        "micrograd": "30,000x",
    },
    "demo, step(X, y)": {"PyTorch": "10x", "JAX jit": "2x"},
    "demo, the kernel alone: 100 examples more": {"C++": "at most 1.3x its time"},
    "demo, a call: flat, and C++ through ctypes": {"C++": ""},
    "demo, fit, one step with momentum": {"PyTorch": "20x", "JAX jit": "3x"},
    "demo with tanh, flat vectors": {"JAX jit": "3x"},
    "digits 64-32-10, batch of 64, flat vectors": {"PyTorch": "3x", "JAX jit": "3x"},
    "784-128-10, batch of 64, flat vectors": {"PyTorch": "faster", "JAX jit": "faster"},
    "micrograd's own loop, a step with update": {"micrograd": "10,000x"},
    "Hessian of 50 variables": {"JAX jit": "faster", "CasADi": "faster"},
    "demo, batch of 65,536, two threads": {"one thread": "1.7x"},
    "compile: demo": {"": "0.5 s"},
    "compile: digits 64-32-10": {"": "1 s"},
    "compile: 784-128-10": {"": "2 s"},
    "compile: 100,000 unlike nodes": {"": "30 s"},
}
"""Every row: the work, beside whom, and what is wanted. RESULTS.md has the same rows under the same names."""


class Row(NamedTuple):
    """One line of the table: what is timed, beside whom, and by how much it was to be faster."""

    work: str
    chainrule: str
    against: str = ""
    theirs: str = ""
    ratio: str = ""
    aim: str = ""


HEADER = Row("work", "chainrule", "against", "theirs", "ratio", "aim")


# --- What is timed ----------------------------------------------------------------------------------------------------


def problem_of(model: MLP, loss: str, X: Numbers, y: Numbers, penalty: float = 0.0) -> Problem:
    """The batch with this network, as the libraries are told of it."""
    vector = np.array([parameter.data for parameter in model.parameters()])
    return Problem([model.nin, *model.nouts], str(model.activation), loss, X, y, vector, penalty)


def demo(examples: int = 100, activation: str = "relu") -> tuple[MLP, Problem]:
    """micrograd's demo; with more than its 100 examples these come again and again."""
    model = MLP(2, [16, 16, 1], activation=activation, init="micrograd", rng=1337)
    X, y = peers.demo_data()
    return model, problem_of(model, "hinge", np.resize(X, (examples, 2)), np.resize(y, examples), PENALTY)


def digits() -> tuple[MLP, Problem]:
    """A batch of 64 digits."""
    scans = peer("sklearn.datasets").load_digits()
    model = MLP(64, [32, 10], rng=1337)
    return model, problem_of(model, "cross_entropy", scans.data[:64] / 16, scans.target[:64].astype(float))


def images() -> tuple[MLP, Problem]:
    """A batch of 64 made-up images of the size of MNIST's."""
    rng = np.random.default_rng(1337)
    model = MLP(784, [128, 10], rng=1337)
    X, y = rng.uniform(0, 1, (64, 784)), rng.integers(0, 10, 64).astype(float)
    return model, problem_of(model, "cross_entropy", X, y)


def example_loss(model: MLP, problem: Problem) -> Callable[[Any, Any], Value]:
    """The loss of one example; the penalty, the same in each, stays what it is in their mean."""
    cost, parameters = LOSSES[problem.loss], model.parameters()

    def loss(x: Any, y: Any) -> Value:
        value = cost(model(x), y)
        return value + problem.penalty * dot(parameters, parameters) if problem.penalty else value

    return loss


def compiled(model: MLP, problem: Problem, **options: Any) -> Any:
    return autograd.compile(example_loss(model, problem), model.parameters(), **options)


def flat(step: Any, problem: Problem, engine: str = OURS) -> Work:
    """Loss and gradient as a function of a flat vector."""
    call = partial(step.flat, problem.vector, problem.X, problem.y)

    def numbers() -> Numbers:
        value, gradient = call()
        return np.array([value, *gradient])

    return Work(engine, call, numbers)


def through_values(step: Any, model: MLP, problem: Problem) -> Work:
    """Loss and gradients from the Values' numbers into the Values' `.grad`."""
    call, parameters = partial(step, problem.X, problem.y), model.parameters()

    def numbers() -> Numbers:
        return np.array([float(call()), *(parameter.grad for parameter in parameters)])

    return Work(f"{OURS}, Values", call, numbers)


def check_same(work: str, numbers: Mapping[str, Numbers]) -> None:
    """All engines must have computed the same: the first number, a loss, and the rest, a gradient, each by its size.

    Raises:
        AssertionError: they did not, so that their times would say nothing.
    """
    names = list(numbers)
    first = numbers[names[0]]
    for name in names[1:]:
        for part in (slice(0, 1), slice(1, None)):
            difference = np.abs(numbers[name][part] - first[part]).max() / np.abs(first[part]).max()
            if not difference <= TOLERANCE:
                raise AssertionError(f"{work}: {name} differs from {names[0]} by {difference:.1e} of its size")


# --- How it is timed --------------------------------------------------------------------------------------------------


def again(call: Callable[[], object], times: int) -> None:
    for _ in repeat(None, times):
        call()


def repetitions(call: Callable[[], object], sample: float) -> int:
    """How often to do something so that it takes as long as a sample wants to take."""
    times = 1
    while seconds(partial(again, call, times)) < sample:
        times *= 2
    return times


def per_call(works: Sequence[Work], what: str, quick: bool, rounds: int = 51) -> dict[str, list[float]]:
    """The seconds that a call takes in each round, by engine, once it is sure that all compute the same.

    Objects made before are kept out of the garbage collector's sight: it would go through all of the libraries.
    """
    check_same(what, {work.engine: work.numbers() for work in works})
    gc.collect()
    gc.freeze()
    times = {work.engine: repetitions(work.call, SAMPLE / 6 if quick else SAMPLE) for work in works}
    samples = interleaved(
        {work.engine: partial(again, work.call, times[work.engine]) for work in works}, 3 if quick else rounds, what
    )
    return {engine: [sample / times[engine] for sample in samples[engine]] for engine in samples}


def duration(seconds: float) -> str:
    """Seconds as text."""
    unit, name = next((u, n) for u, n in ((1.0, "s"), (1e-3, "ms"), (0.0, "µs")) if seconds >= u)
    number = seconds / (unit or 1e-6)
    return f"{number:.{max(0, 2 - int(math.log10(max(number, 1.0))))}f} {name}"


def compare(work: str, times: Mapping[str, list[float]], *engines: str, ours: str = OURS) -> list[Row]:
    """A row for every engine, or for each of these, with what is wanted."""
    return [_row(work, times, against, ours) for against in engines or AIMS[work]]


def _row(work: str, times: Mapping[str, list[float]], against: str, ours: str) -> Row:
    figure, aim = duration(statistics.median(times[ours])), AIMS[work][against]
    if against not in times:
        return Row(work, figure, against, "not installed", "", aim)
    faster = ratio(times[against], times[ours])
    text = f"{faster:,.0f}x" if faster >= 100 else f"{faster:.1f}x" if faster >= 10 else f"{faster:.2f}x"
    return Row(work, figure, against, duration(statistics.median(times[against])), text, aim)


# --- Rows -------------------------------------------------------------------------------------------------------------


def demo_rows(quick: bool) -> list[Row]:
    """micrograd's demo, one step without the update."""
    model, problem = demo()
    step = compiled(model, problem)
    ours, values = flat(step, problem), through_values(step, model, problem)
    times = per_call([ours, values, *peers.pytorch(problem), *peers.jax(problem)], "demo", quick)
    return [
        *compare("demo, flat vectors", times, "PyTorch", "JAX jit"),
        *compare("demo, step(X, y)", times, ours=values.engine),
    ]


def casadi_rows(quick: bool) -> list[Row]:
    """The demo beside CasADi: scalar by scalar in the faster of two forms, and by matrix."""
    model, problem = demo()
    times = per_call([flat(compiled(model, problem), problem), *peers.casadi(problem)], "demo in CasADi", quick)
    forms = [name for name in times if name.startswith("CasADi SX")]
    if forms:
        times["CasADi SX"] = times[min(forms, key=lambda name: statistics.median(times[name]))]
    return compare("demo, flat vectors", times, "CasADi SX", "CasADi MX, by matrix")


def micrograd_rows(quick: bool) -> list[Row]:
    """The demo beside micrograd."""
    model, problem = demo()
    works = [flat(compiled(model, problem), problem), *peers.micrograd(problem)]
    times = per_call(works, "demo on micrograd", quick, rounds=7)
    return compare("demo, flat vectors", times, "micrograd")


def kernel_rows(quick: bool) -> list[Row]:
    """The demo beside C++ by hand. What a hundred examples more cost is the kernels' own time, without any call's."""
    alone, a_call = "demo, the kernel alone: 100 examples more", "demo, a call: flat, and C++ through ctypes"
    works = []
    for examples in (100, 500):
        model, problem = demo(examples)
        found = [flat(compiled(model, problem), problem), *peers.handwritten(problem)]
        check_same("demo by hand", {work.engine: work.numbers() for work in found})
        works += [work._replace(engine=f"{work.engine}, {examples}") for work in found]
    if len(works) < 4:
        return [Row(work, "", "C++", "no compiler", "", AIMS[work]["C++"]) for work in (alone, a_call)]
    times = per_call(works, "demo by hand", quick, rounds=101)
    for name in (OURS, "C++"):
        times[name] = [(long - short) / 4 for long, short in zip(times[f"{name}, 500"], times[f"{name}, 100"])]

    def row(work: str, ours: str, theirs: str) -> Row:
        figures = [duration(statistics.median(times[name])) for name in (ours, theirs)]
        longer = f"{ratio(times[ours], times[theirs]):.2f}x its time"
        return Row(work, figures[0], "C++", figures[1], longer, AIMS[work]["C++"])

    return [row(alone, OURS, "C++"), row(a_call, f"{OURS}, 100", "C++, 100")]


_FIT_STEPS = {OURS: 50_000, "PyTorch": 1000, "JAX jit": 10_000}
"""So many that they take much longer than the spread of the set-up, which for fit contains compiling."""


def fit_rows(quick: bool) -> list[Row]:
    """Training with momentum. Two trainings of different lengths are timed: their difference knows no set-up."""
    model, problem = demo()
    parameters = model.parameters()

    def train(steps: int) -> Numbers:
        for parameter, number in zip(parameters, problem.vector.tolist()):
            parameter.data = number
        fit(
            model,
            problem.X,
            problem.y,
            loss=problem.loss,
            optimizer=SGD(parameters, lr=RATE, momentum=MOMENTUM),
            epochs=steps,
            l2=problem.penalty,
            progress=False,
            compiled="auto",
        )
        return np.array([parameter.data for parameter in parameters])

    trainings = [Training(OURS, train), *peers.pytorch_training(problem), *peers.jax_training(problem)]
    check_same("fit", {training.engine: training.train(20) for training in trainings})
    lengths = {training.engine: _FIT_STEPS[training.engine] // (10 if quick else 1) for training in trainings}
    works: dict[str, Callable[[], object]] = {}
    for engine, run in trainings:
        works[f"{engine}, short"] = partial(run, 10)
        works[f"{engine}, long"] = partial(run, 10 + lengths[engine])
    gc.collect()
    gc.freeze()
    samples = interleaved(works, 3 if quick else 15, "fit")
    times = {
        engine: [(b - a) / steps for a, b in zip(samples[f"{engine}, short"], samples[f"{engine}, long"])]
        for engine, steps in lengths.items()
    }
    return compare("demo, fit, one step with momentum", times)


def _network_rows(work: str, model: MLP, problem: Problem, quick: bool) -> list[Row]:
    works = [flat(compiled(model, problem), problem), *peers.pytorch(problem), *peers.jax(problem)]
    return compare(work, per_call(works, work, quick))


def tanh_rows(quick: bool) -> list[Row]:
    return _network_rows("demo with tanh, flat vectors", *demo(activation="tanh"), quick)


def digits_rows(quick: bool) -> list[Row]:
    return _network_rows("digits 64-32-10, batch of 64, flat vectors", *digits(), quick)


def images_rows(quick: bool) -> list[Row]:
    return _network_rows("784-128-10, batch of 64, flat vectors", *images(), quick)


def loop_rows(quick: bool) -> list[Row]:
    """A training loop as micrograd's demo has it, the loss of all examples in one graph."""
    model, problem = demo()
    parameters = model.parameters()
    step = autograd.compile(lambda: scalar_loss(model, Value), parameters)

    def train() -> None:
        step()
        for parameter in parameters:
            parameter.data -= RATE * parameter.grad

    def numbers() -> Numbers:
        return np.array([float(step()), *(parameter.grad for parameter in parameters)])

    works = [Work(OURS, train, numbers)]
    if peer("micrograd.engine"):
        theirs = peers.MicrogradDemo(problem)
        works.append(Work("micrograd", theirs.step, theirs.numbers))
    times = per_call(works, "micrograd's loop", quick, rounds=7)
    return compare("micrograd's own loop, a step with update", times)


def hessian_rows(quick: bool) -> list[Row]:
    """The Hessian of Rosenbrock's function of 50 variables, all 2,500 numbers of it."""
    x = np.random.default_rng(1337).uniform(-1, 1, 50)

    def function(v: Any) -> Any:
        return autograd.sum([100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(v)])

    hessian = autograd.compile(autograd.hessian(function))
    ours = Work(OURS, partial(hessian, x), lambda: np.asarray(hessian(x), dtype=float).ravel())
    times = per_call([ours, *peers.jax_hessian(x), *peers.casadi_hessian(x)], "Hessian", quick)
    return compare("Hessian of 50 variables", times)


def thread_rows(quick: bool) -> list[Row]:
    """Two threads beside one."""
    works = []
    for threads, engine in ((1, "one thread"), (2, OURS)):
        model, problem = demo(65_536)
        works.append(flat(compiled(model, problem, threads=threads), problem, engine))
    times = per_call(works, "two threads", quick, rounds=101)
    return compare("demo, batch of 65,536, two threads", times)


# --- Compiling --------------------------------------------------------------------------------------------------------


def unlike(size: int, leaves: int, seed: int = 1337) -> list[tuple[Callable[..., Any], tuple[int, ...]]]:
    """A program of so many operations on a pool of numbers, drawn at random: each with the places of its operands.

    The result takes the place of the first operand, so that every node is needed for the numbers left at the end.
    """
    rng = random.Random(seed)
    unary = [autograd.sin, autograd.cos, autograd.tanh, autograd.atan, autograd.sigmoid, autograd.softplus]
    binary = [autograd.add, autograd.sub, autograd.mul, autograd.maximum, autograd.atan2]
    program: list[tuple[Callable[..., Any], tuple[int, ...]]] = []
    for _ in range(size):
        operation = rng.choice([*unary, *binary])
        program.append((operation, tuple(rng.sample(range(leaves), 2 if operation in binary else 1))))
    return program


def first_compile(what: str) -> float:
    """The seconds from `compile` to the first result, in a process that has not compiled anything yet.

    Raises:
        AssertionError: the result is not what it is without compiling.
    """
    if what == "unlike":
        parameters = [Value(math.sin(k)) for k in range(2000)]
        program = unlike(100_000 - 2 * len(parameters), len(parameters))

        def total_loss() -> Value:
            pool = list(parameters)
            for operation, places in program:
                pool[places[0]] = operation(*[pool[place] for place in places])
            return autograd.mean([value * weight for value, weight in zip(pool, (1.0, 2.0, 3.0) * len(pool))])

        start = time.perf_counter()
        loss = float(autograd.compile(total_loss, parameters)())
        elapsed = time.perf_counter() - start
        found = np.array([loss, *(parameter.grad for parameter in parameters)])
        for parameter in parameters:
            parameter.grad = 0.0
        eager = total_loss()
        eager.backward()
        check_same(what, {"eager": np.array([eager.data, *(p.grad for p in parameters)]), OURS: found})
        return elapsed
    model, problem = {"demo": demo, "digits": digits, "images": images}[what]()
    start = time.perf_counter()
    compiled(model, problem)(problem.X, problem.y)
    return time.perf_counter() - start


def compile_rows(quick: bool) -> list[Row]:
    """How long compiling takes, each time in a process of its own."""
    rows = []
    for what, work in (
        ("demo", "compile: demo"),
        ("digits", "compile: digits 64-32-10"),
        ("images", "compile: 784-128-10"),
        ("unlike", "compile: 100,000 unlike nodes"),
    ):
        times = [in_a_fresh_process(first_compile, what) for _ in progress(range(1 if quick else 3), work)]
        rows.append(Row(work, duration(statistics.median(times)), aim=AIMS[work][""]))
    return rows


# ----------------------------------------------------------------------------------------------------------------------


ON_ONE_PROCESSOR = (
    demo_rows,
    casadi_rows,
    micrograd_rows,
    kernel_rows,
    fit_rows,
    tanh_rows,
    digits_rows,
    images_rows,
    loop_rows,
    hessian_rows,
)


def on_one_processor(group: Callable[[bool], list[Row]], quick: bool) -> list[Row]:
    with peers.one_processor():
        return group(quick)


def rows(quick: bool) -> list[Row]:
    """The whole table; each group of rows is measured in a process of its own."""
    if peer("sklearn") is None:
        return []
    bound = [row for group in ON_ONE_PROCESSOR for row in in_a_fresh_process(on_one_processor, group, quick)]
    return [*bound, *in_a_fresh_process(thread_rows, quick), *compile_rows(quick)]


if __name__ == "__main__":
    packages = "micrograd", "torch", "jax", "casadi", "numpy"
    report("benchmarks.compiled", __doc__, rows, HEADER, partial(machine, packages))
