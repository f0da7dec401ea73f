"""A training that can be run with native code and on Values, to compare what they leave."""

import math

import pytest
from training import X, make

from nn import SGD, Adam, AdamW, Optimizer, RMSprop, fit
from nn.schedules import cosine, linear

SIGNS = [1, -1, -1, 1, 1, -1, 1, 1, 1, -1]  # at random
SHARES = [0, 1, 1, 0, 0.5, 0.25, 1, 0, 1, 0]

OPTIMISERS = {
    "sgd": lambda p: SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: SGD(p, lr=linear(0.1, 0.01, 9), momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda p: RMSprop(p),
    "adam": lambda p: Adam(p, lr=cosine(0.1, 0.01, 9), weight_decay=0.01),
    "adamw": lambda p: AdamW(p, lr=0.1),
}
CURVES = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")


class Training:
    """A model and an optimiser that have been at work before, and what they are like."""

    def __init__(self, compiled, optimizer=OPTIMISERS["momentum"], model=make, **options):
        self.model, self.compiled = model(), compiled
        self.optimizer = optimizer(self.model.parameters())
        self.options = {"X": X, "y": SHARES, "loss": "binary_cross_entropy", "batch_size": 4, "seed": 3} | options
        fit(self.model, optimizer=self.optimizer, epochs=2, compiled=False, progress=False, **self.options)
        self.before = self.now()

    def fit(self, **options):
        options = {"epochs": 5, "compiled": self.compiled, "progress": False} | self.options | options
        return fit(self.model, optimizer=self.optimizer, **options)

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


def assert_close(numbers, wanted):
    assert numbers == pytest.approx(wanted, rel=1e-10, abs=1e-10)


class SignDescent(Optimizer):
    """An update of one's own, of lists."""

    def update(self, numbers, gradients, lr):
        assert type(numbers) is type(gradients) is list
        last = self.state.get("last", [0.0] * len(numbers))
        moved = [p - math.copysign(lr, g + 0.1 * before) for p, g, before in zip(numbers, gradients, last)]
        return moved, {"last": gradients}
