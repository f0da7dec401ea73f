"""fit with native code: everything it leaves behind is what it leaves on Values, whatever happens."""

import math
import os
import random
import signal
import sys
import time

import numpy as np
import pytest

import autograd
from autograd import Primitive, Value
from nn import MLP, SGD, Adam, AdamW, Layer, Module, Optimizer, RMSprop, fit, hinge, mean_squared_error
from nn.schedules import cosine, linear

pytest.importorskip("llvmlite")

rng = random.Random(0)
X = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(10)]
SIGNS = [1 if x[0] > x[1] else -1 for x in X]
CLASSES = [int(x[0] > 0) + int(x[1] > 0) for x in X]
NUMBERS = [x[0] * x[1] for x in X]
PAIRS = [[x[0] * x[1], x[0] - x[1]] for x in X]

# Loss, outputs, targets
TASKS = {
    "hinge": (1, SIGNS),
    "binary_cross_entropy": (1, [0, 1, 1, 0, 0.5, 0.25, 1, 0, 1, 0]),
    "cross_entropy": (3, CLASSES),
    "half_squared_error": (1, NUMBERS),
    "quadratic_cost": (2, PAIRS),
    "mean_squared_error": (2, PAIRS),
}
OPTIMISERS = {
    "sgd": lambda p: SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: SGD(p, lr=linear(0.1, 0.01, 9), momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda p: RMSprop(p),
    "adam": lambda p: Adam(p, lr=cosine(0.1, 0.01, 9), weight_decay=0.01),
    "adamw": lambda p: AdamW(p, lr=0.1),
}
CURVES = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")


def make(outputs=1):
    return MLP(2, [3, outputs], activation="tanh", rng=0)


class Training:
    """A model and an optimiser that have been at work before, and what they are like."""

    def __init__(self, compiled, optimizer=OPTIMISERS["momentum"], model=None, **options):
        self.model = make() if model is None else model
        self.optimizer = optimizer(self.model.parameters())
        self.options = {"loss": "hinge", "y": SIGNS} | options
        self.fit(False, epochs=2)
        self.before = self.now()
        self.compiled = compiled

    def fit(self, compiled=None, X=X, **options):
        options = {"epochs": 5, "batch_size": 4, "progress": False, "seed": 3} | self.options | options
        compiled = self.compiled if compiled is None else compiled
        return fit(self.model, X, optimizer=self.optimizer, compiled=compiled, **options)

    def now(self):
        """All that a training changes, as one list of numbers."""
        parameters, state = self.model.parameters(), self.optimizer.state
        numbers = [p.data for p in parameters] + [p.grad for p in parameters]
        for name in sorted(state):
            assert type(state[name]) is list
            numbers += state[name]
        assert {type(number) for number in numbers} == {float}
        return [*numbers, self.optimizer.steps]


def curves(history):
    return [number for name in CURVES for number in [len(getattr(history, name)), *getattr(history, name)]]


def assert_same(*things, **options):
    """A compiled training records and leaves what one on Values does; returns the compiled one."""
    eager, compiled = Training(False, *things, **options), Training(True, *things, **options)
    wanted, got = eager.fit(), compiled.fit()
    assert (wanted.compiled, wanted.note) == (False, "compiled=False")
    assert (got.compiled, got.note) == (True, "")
    assert curves(got) == pytest.approx(curves(wanted), rel=1e-10, abs=1e-10)
    assert compiled.now() == pytest.approx(eager.now(), rel=1e-10, abs=1e-10)
    assert compiled.now() != pytest.approx(compiled.before, rel=1e-4)
    return compiled


# --- The same training -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize("loss", TASKS)
def test_every_loss_and_optimiser(loss, optimizer):
    outputs, y = TASKS[loss]
    assert_same(optimizer, make(outputs), loss=loss, y=y, validation=(X[:4], y[:4]))
