"""What several tests of training need: examples, networks, and what a failing or interrupted `fit` must leave."""

import importlib
import pkgutil
import random
import signal
import sys
from collections import deque
from functools import partial

import numpy as np

import nn
from nn import MLP, SGD, Adam, Optimizer, RMSprop, hinge

fit = partial(nn.fit, compiled=False)
rng = random.Random(0)
X = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(10)]
SIGNS = [1 if x[0] > x[1] else -1 for x in X]
CLASSES = [int(x[0] > 0) + int(x[1] > 0) for x in X]
NUMBERS = [x[0] * x[1] for x in X]
PAIRS = [[x[0] * x[1], x[0] - x[1]] for x in X]

# Loss, outputs, targets
TASKS = {
    "hinge": (1, SIGNS),
    "binary_cross_entropy": (1, [(s + 1) // 2 for s in SIGNS]),
    "cross_entropy": (3, CLASSES),
    "half_squared_error": (1, NUMBERS),
    "quadratic_cost": (2, PAIRS),
    "mean_squared_error": (2, PAIRS),
}

OPTIMISERS = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "rmsprop": lambda p: RMSprop(p),
    "adam": lambda p: Adam(p, lr=0.1),
}


def make(outputs=1):
    return MLP(2, [3, outputs], activation="tanh", rng=0)


def data_of(model):
    return [parameter.data for parameter in model.parameters()]


def trained(X=X, y=SIGNS, loss="hinge", outputs=1, **options):
    """The curve and the parameters after a short training of a network that is the same every time."""
    model = make(outputs)
    options = {"epochs": 3, "progress": False, "optimizer": SGD(model.parameters(), lr=0.2)} | options
    history = fit(model, X, y, loss, **options)
    return history.loss, data_of(model)


class Snapshot:
    """Everything that a failing fit must leave as it was."""

    def __init__(self, model, optimizer):
        for k, parameter in enumerate(model.parameters()):
            parameter.grad = 0.5 + k
        self.model, self.optimizer = model, optimizer
        self.before = self.now()

    def now(self):
        state = {name: list(numbers) for name, numbers in self.optimizer.state.items()}
        log = len(getattr(self.optimizer, "log", ""))
        return data_of(self.model), [p.grad for p in self.model.parameters()], self.optimizer.steps, state, log

    def assert_unchanged(self):
        assert self.now() == self.before


class SnapshotOf(Snapshot):
    """As they are, gradients too."""

    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer


def warmed_up(optimizer=lambda parameters: Adam(parameters, lr=0.1), outputs=1, y=SIGNS, loss="hinge"):
    """A model and an optimiser that have been at work before, and what they are like."""
    model = make(outputs)
    optimizer = optimizer(model.parameters())
    fit(model, X, y, loss, optimizer, epochs=2, progress=False)
    return model, optimizer, Snapshot(model, optimizer)


def failing_loss(error, at):
    """hinge, until it is called for the `at`-th time."""
    calls = []

    def loss(output, target):
        calls.append(target)
        if len(calls) == at:
            raise error
        return hinge(output, target)

    return loss


class InPlace(Optimizer):
    """An optimiser that changes what it keeps in place, in its state and beside it."""

    def __init__(self, parameters, lr=0.1):
        super().__init__(parameters, lr)
        self.state = {"mean": np.zeros(len(self.parameters)), "last": [0.0] * len(self.parameters)}
        self.log, self.by_parameter, self.calls = [], {p: [] for p in self.parameters}, 0
        self.recent, self.best = deque(maxlen=2), (set(), bytearray(1))

    def update(self, numbers, gradients, lr):
        self.calls += 1
        self.log.append(gradients)
        self.recent.append(self.calls)
        self.best[0].add(self.calls)
        self.best[1][0] = self.calls
        for p, number in zip(self.parameters, numbers):
            self.by_parameter[p].append(number)
        self.state["mean"] += gradients
        self.state["last"][:] = gradients
        self.latest = lr
        return [p - lr * m for p, m in zip(numbers, self.state["mean"].tolist())], self.state


TRAINING = [importlib.import_module(f"nn.train.{module.name}") for module in pkgutil.iter_modules(nn.train.__path__)]


class Impatient:
    """Presses Ctrl-C at the k-th instruction of `fit` and again at every call from there on, while `fit` hears it."""

    def __init__(self, k, modules):
        self.k, self.count, self.pressed, self.files = k, 0, False, {module.__file__ for module in modules}

    def press(self):
        handler = signal.getsignal(signal.SIGINT)
        if handler is not signal.default_int_handler:
            self.pressed = True
            handler(signal.SIGINT, None)

    def trace(self, frame, event, _arg):
        if frame.f_code.co_filename not in self.files:
            return None
        if event == "line":  # off and on: CPython 3.13 forgets it after a run that ended in an error in here
            frame.f_trace_opcodes = False
            frame.f_trace_opcodes = True
        if event == "opcode":
            self.count += 1
            if self.count == self.k:
                sys.setprofile(lambda *_: self.press())
                self.press()  # what it raises goes through, and ends the tracing
        return self.trace

    def __enter__(self):
        self.before = sys.gettrace(), sys.getprofile(), signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_):
        sys.settrace(self.before[0])
        sys.setprofile(self.before[1])
        signal.signal(signal.SIGINT, self.before[2])


def assert_any_ctrl_c_keeps_whole_steps(make, train, stride, modules):
    """Interrupt a training at every so many-th instruction: what it leaves is what an epoch of one step left.

    Args:
        make: makes a model and an optimiser.
        train: trains them for three epochs, calling back.
        stride: how many instructions lie between two interrupts.
        modules: whose instructions they are.
    """
    left = []
    model, optimizer = make()
    train(model, optimizer, lambda *_: left.append(SnapshotOf(model, optimizer).now()))
    left.insert(0, SnapshotOf(*make()).now())
    seen, k = set(), 1
    while True:
        model, optimizer = make()
        with Impatient(k, modules) as impatient:
            history = train(model, optimizer, lambda *_: None)
        if impatient.count < k:
            break
        now = SnapshotOf(model, optimizer).now()
        assert now == left[optimizer.steps], k
        assert history.interrupted == impatient.pressed, k
        assert optimizer.steps in (history.epochs, history.epochs + 1)
        seen.add(optimizer.steps)
        k += stride
    assert seen >= {0, 1, 2}
