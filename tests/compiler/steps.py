"""Functions and models that several files compile, and what Values say of them."""

import itertools

import numpy as np

import autograd
from autograd import Value, blocks, modes
from autograd.compiler.runtime import native
from nn import MLP, cross_entropy, hinge

LANES = native.target("float64", "vector").lanes
CLOSE = {"rtol": 1e-12, "atol": 1e-14}


def examples(n, width=2, seed=0):
    """Inputs and targets of n examples."""
    numbers = np.random.default_rng(seed)
    X = numbers.normal(size=(n, width))
    return X, np.where(X.sum(axis=1) > 0, 1.0, -1.0)


def hinge_step(**options):
    """A small network with a hinge loss, compiled, and the loss."""
    model = MLP(2, [5, 1], activation="tanh", rng=0)

    def loss(x, y):
        return (1 - y * model(x)).relu()

    return autograd.compile(loss, model.parameters(), **options), loss


def by_values(loss, parameters, *arguments, reduce="mean"):
    """Value and gradients of the mean (or sum) over the examples, by Values; `.grad` is left as it was."""
    before = [p.grad for p in parameters]
    for p in parameters:
        p.grad = 0.0
    total = autograd.sum([loss(*example) for example in zip(*arguments)])
    (total / len(arguments[0]) if reduce == "mean" else total).backward()
    gradient = [p.grad for p in parameters]
    for p, grad in zip(parameters, before):
        p.grad = grad
    return total.data / (len(arguments[0]) if reduce == "mean" else 1), gradient


def numbers_of(parameters):
    return [p.data for p in parameters]


def gradients_of(parameters):
    return [p.grad for p in parameters]


def numbers_in(tree):
    """Those of a result of any structure, in a list."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, tuple | list):
        return [number for part in tree for number in numbers_in(part)]
    return [v.data if isinstance(v, Value) else float(v) for v in np.asarray(tree).ravel().tolist()]


def rosenbrock(v):
    return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2


def assert_no_trace():
    """Nothing is being recorded: comparisons are of numbers again, and numbers can be read and set."""
    v = Value(2.0)
    assert not blocks.traces
    assert modes.trace() is None
    assert (v > 1.0) is True
    assert (v == 2.0) is True
    assert (v.data, float(v.data), bool(v)) == (2.0, 2.0, True)
    v.data = 3.0
    (v * v).backward()
    assert v.grad == 6.0
    v.detach().data = 1.0


# --- What can be copied and pickled ----------------------------------------------------------------------------------


class Task:
    """A model and a loss that belong together."""

    def __init__(self):
        self.model = MLP(2, [3, 1], activation="tanh", rng=0)

    def loss(self, x, y):
        return (self.model(x) - y) ** 2


MODEL = MLP(2, [3, 1], activation="tanh", rng=0)


def loss_of_the_module(x, y):
    return (MODEL(x) - y) ** 2


# --- In micrograd's style: a loss of no arguments --------------------------------------------------------------------


class Demo:
    """micrograd's demo: the loss of a whole data set, built by one function."""

    def __init__(self, how, n=20, outputs=1):
        self.model = MLP(2, [6, outputs], activation="relu", rng=1)
        X, y = examples(n)
        self.inputs, self.targets = [list(map(Value, row)) for row in X.tolist()], y.tolist()
        self.classes = [k % 3 for k in range(n)]
        self.how = how

    def total_loss(self):
        return getattr(self, self.how)()

    def hinge(self):
        inputs = [list(map(Value, [v._data for v in row])) for row in self.inputs]
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(self.targets, map(self.model, inputs))]
        data_loss = sum(losses) * (1.0 / len(losses))
        return data_loss + 1e-4 * sum(p * p for p in self.model.parameters())

    def plain_inputs(self):
        return autograd.mean([hinge(self.model([v._data for v in x]), y) for x, y in zip(self.inputs, self.targets)])

    def leaves_outside(self):
        return sum([hinge(self.model(x), y) for x, y in zip(self.inputs, self.targets)], Value(0.0)) / len(self.inputs)

    def cross_entropy(self):
        return autograd.mean([cross_entropy(self.model(x), k) for x, k in zip(self.inputs, self.classes)])

    def root_of_mean(self):
        losses = [(self.model(x) - y) ** 2 for x, y in zip(self.inputs, self.targets)]
        return autograd.mean(losses).sqrt() + autograd.dot(self.model.parameters(), self.model.parameters()) * 0.01

    def logarithm_of_sum(self):
        return (sum([(self.model(x) - y) ** 2 for x, y in zip(self.inputs, self.targets)]) + 1.0).log() * 3.0

    def odd_terms(self):
        losses = [hinge(self.model(x), y) for x, y in zip(self.inputs, self.targets)]
        losses[3] = losses[3] * 2.5
        losses[7] = (self.model(self.inputs[7]) - 1.0) ** 2
        return sum(losses) + self.model.parameters()[0]

    def two_kinds_in_turn(self):
        z = [self.model(x) for x in self.inputs]
        return autograd.sum([score**2 if k % 2 else (score - 3.0).tanh() for k, score in enumerate(z)]) / 7

    def two_sums(self):
        z = [self.model(x) for x in self.inputs]
        return sum(z) * sum([score.tanh() for score in z[: len(z) // 2]])

    def each_by_the_mean(self):
        """What is the same for all examples is itself a sum over the examples."""
        z = [self.model(x) for x in self.inputs]
        middle = autograd.mean(z)
        return autograd.mean([(score - middle) ** 2 for score in z])

    def by_neighbours(self):
        z = [self.model(x) for x in self.inputs]
        return autograd.mean([(a - b) ** 2 for a, b in itertools.pairwise(z)])

    def weighted_by_position(self):
        return sum([hinge(self.model(x), y) * k for k, (x, y) in enumerate(zip(self.inputs, self.targets))])

    def special_numbers(self):
        numbers = [0.0, -0.0, 1.0, 2.0] * (len(self.inputs) // 4)
        return autograd.mean([self.model(x) * number for x, number in zip(self.inputs, numbers)])

    def nothing_changes(self):
        return autograd.mean([self.model(self.inputs[0]) for _ in self.inputs])
