"""The libraries and the handwritten kernel that compiled programs are measured beside, each in the form that suits it.

They may lay the parameters out as they like best: what they are given and what they give back is put into the order of
`nn.MLP` before the clock starts and after it stopped.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.step import moons, scalar_loss
from benchmarks.table import peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

KERNEL = os.path.join(os.path.dirname(__file__), "demo_kernel.cpp")
RATE, MOMENTUM = 0.01, 0.9


class Problem(NamedTuple):
    """A network, a batch and a loss.

    Attributes:
        sizes: of the layers, the inputs first.
        activation: of the hidden layers, "relu" or "tanh".
        loss: of an example, "hinge" or "cross_entropy".
        X, y: the batch.
        vector: the parameters in the order of `nn.MLP`.
        penalty: this much times the sum of all squared parameters is part of the loss.
    """

    sizes: list[int]
    activation: str
    loss: str
    X: Numbers
    y: Numbers
    vector: Numbers
    penalty: float = 0.0

    def layers(self) -> list[tuple[int, int]]:
        return list(pairwise(self.sizes))

    def order(self, neurons_first: bool) -> NDArray[np.intp]:
        """For a layout of a matrix and a vector of biases for each layer, where each number is in `vector`.

        Args:
            neurons_first: whether a row of the matrix belongs to a neuron, or to an input.
        """
        pieces, start = [], 0
        for nin, nout in self.layers():
            places = np.arange(start, start + nout * (nin + 1)).reshape(nout, nin + 1)
            weights = places[:, :-1] if neurons_first else places[:, :-1].T
            pieces += [weights.ravel(), places[:, -1]]
            start += places.size
        return np.concatenate(pieces)

    def pieces(self) -> list[int]:
        """How many numbers such a layout has of each kind, one after the other."""
        return [size for nin, nout in self.layers() for size in (nin * nout, nout)]


class Work(NamedTuple):
    """Something to time, and what it computes, to see that all compute the same.

    Attributes:
        engine: who does it.
        call: does it once.
        numbers: does it once and returns its numbers in an order that all engines share: for a loss and its gradient,
            the loss first.
    """

    engine: str
    call: Callable[[], object]
    numbers: Callable[[], Numbers]


class Training(NamedTuple):
    """A training from the same parameters on: takes the number of steps, returns the parameters that they lead to."""

    engine: str
    train: Callable[[int], Numbers]


def in_order(loss: Any, gradient: Any, order: NDArray[np.intp]) -> Numbers:
    """A loss and, behind it, its gradient in the order of `Problem.vector`."""
    numbers = np.empty(len(order) + 1)
    numbers[0] = float(loss)
    numbers[1 + order] = np.asarray(gradient).ravel()
    return numbers


# --- PyTorch ----------------------------------------------------------------------------------------------------------


def _torch() -> Any:
    torch = peer("torch")
    if torch:
        torch.set_num_threads(1)
    return torch


def _torch_loss(torch: Any, problem: Problem) -> Callable[[Any], Any]:
    """The loss of the batch as a function of one flat tensor, a matrix product and a bias for each layer."""
    X, pieces = torch.tensor(problem.X), problem.pieces()
    shapes = [shape for nin, nout in problem.layers() for shape in ((nin, nout), (nout,))]
    activate = torch.Tensor.relu_ if problem.activation == "relu" else torch.Tensor.tanh_
    if problem.loss == "hinge":
        ones, signs = torch.ones(len(X), 1, dtype=X.dtype), -torch.tensor(problem.y)[:, None]
    else:
        classes = torch.tensor(problem.y).long()

    def loss(vector: Any) -> Any:
        parts = [part.view(shape) for part, shape in zip(vector.split(pieces), shapes)]
        h = X
        for k in range(0, len(parts), 2):
            h = torch.addmm(parts[k + 1], h, parts[k])  # what F.linear does, without its transpose
            if k < len(parts) - 2:
                h = activate(h)
        if problem.loss == "hinge":
            cost = torch.addcmul(ones, signs, h).relu_().mean()
        else:
            cost = torch.nn.functional.cross_entropy(h, classes)
        return torch.add(cost, torch.dot(vector, vector), alpha=problem.penalty) if problem.penalty else cost

    return loss


def pytorch(problem: Problem) -> list[Work]:
    """Eager PyTorch."""
    torch = _torch()
    if torch is None:
        return []
    order, loss = problem.order(neurons_first=False), _torch_loss(torch, problem)
    vector = torch.tensor(problem.vector[order])

    def value_and_gradient() -> tuple[Any, Any]:
        leaf = vector.detach().requires_grad_()
        value = loss(leaf)
        return value.detach(), torch.autograd.grad(value, leaf)[0]

    return [Work("PyTorch", value_and_gradient, lambda: in_order(*value_and_gradient(), order))]


def pytorch_training(problem: Problem) -> list[Training]:
    """Eager PyTorch with its own SGD, in its fastest form: fused, on one flat parameter."""
    torch = _torch()
    if torch is None:
        return []
    order, loss = problem.order(neurons_first=False), _torch_loss(torch, problem)

    def train(steps: int) -> Numbers:
        vector = torch.tensor(problem.vector[order], requires_grad=True)
        optimizer = torch.optim.SGD([vector], lr=RATE, momentum=MOMENTUM, fused=True)
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            value = loss(vector)
            value.backward()
            optimizer.step()
            losses.append(value.detach())
        return in_order(losses[-1], vector.detach(), order)[1:]

    return [Training("PyTorch", train)]


# --- JAX --------------------------------------------------------------------------------------------------------------


@cache
def jax_on_one_thread() -> Any:
    """JAX in double precision on one thread, or None where it is not installed.

    To be called before anything else uses JAX, by a process that is bound to one processor: the size of XLA's pool of
    threads is how many processors it then sees. Without asynchronous dispatch a call of some microseconds is not handed
    to another thread, which makes it twice as fast.

    Raises:
        AssertionError: it uses several threads all the same.
    """
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    jax = peer("jax")
    if jax is None:
        return None
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    matrix = jax.numpy.ones((1000, 1000))
    work = jax.jit(lambda m: jax.numpy.tanh(m @ m))
    work(matrix).block_until_ready()
    with all_processors():
        busy, start = time.process_time(), time.perf_counter()
        for _ in range(3):
            work(matrix).block_until_ready()
        share = (time.process_time() - busy) / (time.perf_counter() - start)
    if share > 1.2:
        raise AssertionError(f"JAX keeps {share:.2f} processors busy where it was to use one thread")
    return jax


@contextmanager
def one_processor() -> Iterator[None]:
    """Bind this thread, and those that it starts, to one processor where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def all_processors() -> Iterator[None]:
    """Let all threads of this process run anywhere, where the system can, and bind them again as they were."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = {int(thread): os.sched_getaffinity(int(thread)) for thread in os.listdir("/proc/self/task")}
    for thread in before:
        os.sched_setaffinity(thread, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        for thread, processors in before.items():
            os.sched_setaffinity(thread, processors)


def _jax_loss(jax: Any, problem: Problem) -> Callable[[Any, Any, Any], Any]:
    """The loss of the batch as a function of a flat vector and of X and y, whose columns are the examples."""
    numpy, bounds = jax.numpy, [0, *np.cumsum(problem.pieces()).tolist()]

    def loss(vector: Any, X: Any, y: Any) -> Any:
        parts = [vector[start:end] for start, end in pairwise(bounds)]
        h = X
        for k, (nin, nout) in enumerate(problem.layers()):
            h = parts[2 * k].reshape(nout, nin) @ h + parts[2 * k + 1][:, None]
            if k < len(problem.sizes) - 2:
                h = numpy.maximum(h, 0) if problem.activation == "relu" else numpy.tanh(h)
        if problem.loss == "hinge":
            cost = numpy.maximum(1 - y * h[0], 0).mean()
        else:
            cost = (jax.nn.logsumexp(h, axis=0) - (h * y).sum(axis=0)).mean()
        return cost + problem.penalty * (vector @ vector) if problem.penalty else cost

    return loss


def _jax_data(jax: Any, problem: Problem) -> tuple[Any, Any]:
    y = problem.y if problem.loss == "hinge" else np.eye(problem.sizes[-1])[:, problem.y.astype(int)]
    return jax.numpy.array(problem.X.T), jax.numpy.array(y)


def jax(problem: Problem) -> list[Work]:
    """JAX compiled, its arguments and results on its own device."""
    module = jax_on_one_thread()
    if module is None:
        return []
    order = problem.order(neurons_first=True)
    step = module.jit(module.value_and_grad(_jax_loss(module, problem)))
    vector, (X, y) = module.numpy.array(problem.vector[order]), _jax_data(module, problem)

    def call() -> Any:
        return module.block_until_ready(step(vector, X, y))

    def numbers() -> Numbers:
        loss, gradient = call()
        return in_order(loss, gradient, order)

    return [Work("JAX jit", call, numbers)]


def jax_training(problem: Problem) -> list[Training]:
    """JAX with the whole update compiled as one function, in place."""
    module = jax_on_one_thread()
    if module is None:
        return []
    order = problem.order(neurons_first=True)
    value_and_gradient, (X, y) = module.value_and_grad(_jax_loss(module, problem)), _jax_data(module, problem)

    def update(vector: Any, velocity: Any, X: Any, y: Any) -> tuple[Any, Any, Any]:
        value, gradient = value_and_gradient(vector, X, y)
        velocity = MOMENTUM * velocity + gradient
        return vector - RATE * velocity, velocity, value

    compiled = module.jit(update, donate_argnums=(0, 1))

    def train(steps: int) -> Numbers:
        vector = module.numpy.array(problem.vector[order])
        velocity, losses = module.numpy.zeros_like(vector), []
        for _ in range(steps):
            vector, velocity, value = compiled(vector, velocity, X, y)
            losses.append(value)
        return in_order(module.block_until_ready(losses[-1]), vector, order)[1:]

    return [Training("JAX jit", train)]


def jax_hessian(x: Numbers) -> list[Work]:
    """The Hessian of Rosenbrock's function, compiled by JAX."""
    module = jax_on_one_thread()
    if module is None:
        return []
    hessian = module.jit(module.hessian(lambda v: rosenbrock(v, module.numpy.sum)))
    on_device = module.numpy.array(x)

    def call() -> Any:
        return module.block_until_ready(hessian(on_device))

    return [Work("JAX jit", call, lambda: np.asarray(call()).ravel())]


def rosenbrock(x: Any, sum: Callable[[Any], Any]) -> Any:
    """Rosenbrock's function of an array."""
    return sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


# --- CasADi -----------------------------------------------------------------------------------------------------------


def _casadi_call(function: Any, arguments: Sequence[Numbers]) -> tuple[Callable[[], object], list[Numbers]]:
    """A call without conversions: the function reads from arrays and writes into arrays that stay where they are."""
    buffer, call = function.buffer()
    held = [np.array(argument, dtype=float).ravel() for argument in arguments]
    results = [np.zeros(function.nnz_out(k)) for k in range(function.n_out())]
    for k, array in enumerate(held):
        buffer.set_arg(k, array.data)
    for k, array in enumerate(results):
        buffer.set_res(k, array.data)

    def run(_alive: object = (buffer, held, results)) -> None:
        call()

    return run, results


def _casadi_scores(casadi: Any, problem: Problem, vector: Any, inputs: Any) -> Any:
    """The outputs for one example, or for one in each column."""
    h, start = inputs, 0
    for k, (nin, nout) in enumerate(problem.layers()):
        neurons = casadi.reshape(vector[start : start + nout * (nin + 1)], nin + 1, nout).T
        h = neurons[:, :nin] @ h + casadi.repmat(neurons[:, nin], 1, h.shape[1])
        h = casadi.fmax(0, h) if k < len(problem.sizes) - 2 else h
        start += nout * (nin + 1)
    return h


def _casadi_work(engine: str, function: Any, problem: Problem) -> Work:
    call, results = _casadi_call(function, [problem.vector, problem.X, problem.y])

    def numbers() -> Numbers:
        call()
        return np.concatenate(results)

    return Work(engine, call, numbers)


def casadi(problem: Problem) -> list[Work]:
    """The demo in CasADi: scalar by scalar, one example mapped or all of them as one program; and by matrix."""
    module = peer("casadi")
    if module is None:
        return []
    size, nin, examples = len(problem.vector), problem.sizes[0], len(problem.y)

    def symbols(kind: Any, n: int) -> tuple[Any, Any, Any]:
        return kind.sym("p", size), kind.sym("X", nin, n), kind.sym("y", 1, n)

    p, x, t = symbols(module.SX, 1)
    cost = module.fmax(0, 1 - t * _casadi_scores(module, problem, p, x)) / examples
    mapped = module.Function("example", [p, x, t], [cost, module.gradient(cost, p)]).map(examples)
    p, x, t = symbols(module.MX, examples)
    costs, gradients = mapped(module.repmat(p, 1, examples), x, t)
    total = module.sum2(costs) + problem.penalty * module.dot(p, p)
    works = {"map": module.Function("mapped", [p, x, t], [total, module.sum2(gradients) + 2 * problem.penalty * p])}

    for name, kind in {"SX": module.SX, "MX": module.MX}.items():
        p, x, t = symbols(kind, examples)
        if name == "SX":
            scores = module.horzcat(*(_casadi_scores(module, problem, p, x[:, k]) for k in range(examples)))
        else:
            scores = _casadi_scores(module, problem, p, x)
        total = module.sum2(module.fmax(0, 1 - t * scores)) / examples + problem.penalty * module.dot(p, p)
        works[name] = module.Function(name, [p, x, t], [total, module.gradient(total, p)])
    names = {"map": "CasADi SX, mapped", "SX": "CasADi SX", "MX": "CasADi MX, by matrix"}
    return [_casadi_work(names[name], function, problem) for name, function in works.items()]


def casadi_hessian(x: Numbers) -> list[Work]:
    """The Hessian of Rosenbrock's function in CasADi, as all numbers of the matrix."""
    module = peer("casadi")
    if module is None:
        return []
    symbols = module.SX.sym("x", len(x))
    matrix = module.hessian(rosenbrock(symbols, module.sum1), symbols)[0]
    call, results = _casadi_call(module.Function("hessian", [symbols], [module.densify(matrix)]), [x])

    def numbers() -> Numbers:
        call()
        return results[0].copy()

    return [Work("CasADi", call, numbers)]


# --- micrograd --------------------------------------------------------------------------------------------------------


class MicrogradDemo:
    """micrograd's demo on micrograd, from the parameters of a problem on."""

    def __init__(self, problem: Problem) -> None:
        self.leaf = peer("micrograd.engine").Value
        self.model = peer("micrograd.nn").MLP(problem.sizes[0], problem.sizes[1:])
        self.parameters = self.model.parameters()
        for parameter, number in zip(self.parameters, problem.vector.tolist(), strict=True):
            parameter.data = number

    def gradients(self) -> Any:
        """Loss and gradients."""
        for parameter in self.parameters:
            parameter.grad = 0
        loss = scalar_loss(self.model, self.leaf)
        loss.backward()
        return loss

    def step(self) -> None:
        """Loss, gradients and update."""
        self.gradients()
        for parameter in self.parameters:
            parameter.data -= RATE * parameter.grad

    def numbers(self) -> Numbers:
        return np.array([self.gradients().data, *(parameter.grad for parameter in self.parameters)])


def micrograd(problem: Problem) -> list[Work]:
    """micrograd itself."""
    if peer("micrograd.engine") is None:
        return []
    demo = MicrogradDemo(problem)
    return [Work("micrograd", demo.gradients, demo.numbers)]


# --- C++ --------------------------------------------------------------------------------------------------------------


@cache
def _kernel() -> Any:
    """The handwritten kernel, compiled for this machine, or None where there is no compiler that can."""
    compiler = next((found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, "demo_kernel.so")
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", KERNEL, "-o", library]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
        function = ctypes.CDLL(library).demo_kernel
    function.restype = ctypes.c_double
    return function


def handwritten(problem: Problem) -> list[Work]:
    """The demo in C++."""
    function = _kernel()
    if function is None:
        return []
    arrays = [np.ascontiguousarray(a, dtype=float) for a in (problem.vector, problem.X, problem.y)]
    gradient = np.zeros(len(problem.vector))
    vector, X, y, to = (ctypes.c_void_p(a.ctypes.data) for a in (*arrays, gradient))
    examples, penalty = ctypes.c_long(len(problem.y)), ctypes.c_double(problem.penalty)

    def call(_alive: object = (arrays, gradient)) -> Any:
        return function(vector, X, y, examples, penalty, to)

    return [Work("C++", call, lambda: np.array([call(), *gradient]))]


def demo_data() -> tuple[Numbers, Numbers]:
    """The demo's points and classes."""
    points, labels = moons()
    return np.array(points), np.array(labels)
