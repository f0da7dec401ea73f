"""fit, predict, evaluate, accuracy: what they compute, what they accept, and that a failure changes nothing.

Here fit takes its steps on Values, unless a test says otherwise: test_compiled_training.py compares compiled steps with
these.
"""

import contextlib
import copy
import importlib
import math
import pkgutil
import random
import signal
import subprocess
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf, nan

import numpy as np
import pytest

import autograd
import nn
from autograd import Value
from nn import (
    LOSSES,
    MLP,
    SGD,
    Adam,
    History,
    Module,
    Neuron,
    Optimizer,
    RMSprop,
    accuracy,
    clip_grad_norm,
    cross_entropy,
    evaluate,
    half_squared_error,
    hinge,
    mean_squared_error,
    predict,
)
from nn.schedules import linear

pandas = pytest.importorskip("pandas")
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


def warmed_up(optimizer=lambda parameters: Adam(parameters, lr=0.1), outputs=1, y=SIGNS, loss="hinge"):
    """A model and an optimiser that have been at work before, and what they are like."""
    model = make(outputs)
    optimizer = optimizer(model.parameters())
    fit(model, X, y, loss, optimizer, epochs=2, progress=False)
    return model, optimizer, Snapshot(model, optimizer)


# --- What is computed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", TASKS)
@pytest.mark.parametrize(
    "optimizer",
    [lambda p: SGD(p, lr=0.2, momentum=0.9), lambda p: Adam(p, lr=linear(0.1, 0.01, 5))],
    ids=["sgd", "adam"],
)
def test_fit_is_the_loop_that_one_writes_by_hand(loss, optimizer):
    outputs, y = TASKS[loss]
    model, by_hand = make(outputs), make(outputs)
    history = fit(model, X, y, loss, optimizer(model.parameters()), epochs=5, progress=False)

    losses, function, moving = [], LOSSES[loss], optimizer(by_hand.parameters())
    for _ in range(5):
        moving.zero_grad()
        cost = autograd.mean([function(by_hand(x), target) for x, target in zip(X, y)])
        cost.backward()
        moving.step()
        losses.append(cost.data)
    assert history.loss == pytest.approx(losses, rel=1e-14)
    assert data_of(model) == data_of(by_hand)
    assert history.loss[-1] < history.loss[0]


def test_batches_penalty_and_clipping_are_those_of_a_loop_by_hand():
    model, by_hand = make(), make()
    seen = []

    def spy(output, target):
        seen.append(target)
        return mean_squared_error(output, target)

    targets = [float(k) for k in range(10)]
    history = fit(
        model,
        X,
        targets,
        spy,
        SGD(model.parameters(), lr=0.1),
        epochs=2,
        batch_size=4,
        l2=0.01,
        clip_norm=0.5,
        seed=3,
        progress=False,
    )
    order = [int(target) for target in seen[1:]]  # the first call is the check before training
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert order[:10] != order[10:]
    assert order[:10] != list(range(10))
    losses = []
    for epoch in (order[:10], order[10:]):
        total = 0.0
        for start in (0, 4, 8):
            batch = epoch[start : start + 4]
            by_hand.zero_grad()
            cost = autograd.mean([mean_squared_error(by_hand(X[k]), targets[k]) for k in batch])
            cost = cost + 0.01 * sum(p * p for p in by_hand.parameters())
            cost.backward()
            assert clip_grad_norm(by_hand.parameters(), 0.5) > 0.5
            for p in by_hand.parameters():
                p.data -= 0.1 * p.grad
            total += cost.data * len(batch)
        losses.append(total / 10)
    assert history.loss == pytest.approx(losses, rel=1e-13)
    assert data_of(model) == pytest.approx(data_of(by_hand), rel=1e-13)


@pytest.mark.parametrize("batch_size", [None, 10, 11, 1000])
def test_a_batch_of_all_examples_takes_them_in_the_order_given(batch_size):
    assert trained(batch_size=batch_size, seed=5) == trained()


def test_a_seed_gives_the_same_batches_again_and_another_seed_others():
    assert trained(batch_size=3, seed=1) == trained(batch_size=3, seed=1)
    assert trained(batch_size=3, seed=1) != trained(batch_size=3, seed=2)


def test_fit_leaves_pythons_own_random_alone():
    state = random.getstate()
    trained(batch_size=3)
    assert random.getstate() == state


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 10), (3, 4), (5, 2), (9, 2), (10, 1), (50, 1), (None, 1)])
def test_an_epoch_has_a_step_for_every_batch(batch_size, steps):
    model = make()
    optimizer = SGD(model.parameters(), lr=0.1)
    fit(model, X, SIGNS, "hinge", optimizer, epochs=3, batch_size=batch_size, progress=False)
    assert optimizer.steps == 3 * steps


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        (None, lambda p: SGD(p, lr=0.1)),
        ("sgd", lambda p: SGD(p, lr=0.1)),
        ("rmsprop", lambda p: RMSprop(p)),
        ("adam", lambda p: Adam(p)),
    ],
)
def test_an_optimizer_by_name_has_its_own_learning_rate(name, optimizer):
    model = make()
    history = fit(model, X, SIGNS, "hinge", optimizer(model.parameters()), epochs=3, progress=False)
    assert trained(optimizer=name) == (history.loss, data_of(model))


def test_training_goes_on_where_it_stopped():
    model = make()
    optimizer = Adam(model.parameters(), lr=0.1)
    first = fit(model, X, SIGNS, "hinge", optimizer, epochs=2, progress=False)
    second = fit(model, X, SIGNS, "hinge", optimizer, epochs=3, progress=False)
    whole = make()
    history = fit(whole, X, SIGNS, "hinge", Adam(whole.parameters(), lr=0.1), epochs=5, progress=False)
    assert first.loss + second.loss == history.loss
    assert data_of(model) == data_of(whole)


def test_parameters_that_the_optimizer_does_not_have_stay_where_they_are():
    model = make()
    frozen, moving = model.layers[0].parameters(), model.layers[1].parameters()
    before = [p.data for p in frozen], [p.data for p in moving]
    history = fit(model, X, NUMBERS, "mean_squared_error", SGD(moving, lr=0.1), epochs=5, progress=False)
    assert [p.data for p in frozen] == before[0]
    assert all(p.data != number for p, number in zip(moving, before[1]))
    assert history.loss[-1] < history.loss[0]


def test_no_epochs_change_nothing():
    model, optimizer, snapshot = warmed_up()
    history = fit(model, X, SIGNS, "hinge", optimizer, epochs=0, progress=False)
    assert (history.epochs, history.loss, history.interrupted) == (0, [], False)
    snapshot.assert_unchanged()


def test_a_loss_may_be_a_function():
    curve, numbers = trained(y=NUMBERS, loss=lambda z, y: (z - y) ** 2 * 0.5)
    wanted_curve, wanted_numbers = trained(y=NUMBERS, loss="half_squared_error")
    assert curve == pytest.approx(wanted_curve, rel=1e-14)
    assert numbers == pytest.approx(wanted_numbers, rel=1e-13)


def test_a_module_of_ones_own_can_be_trained():
    class Line(Module):
        def __init__(self):
            self.slope, self.intercept = Value(0.0), Value(0.0)

        def __call__(self, x):
            return self.slope * x[0] + self.intercept

    line = Line()
    fit(line, [[-1.0], [0.0], [1.0]], [-1.0, 1.0, 3.0], "mean_squared_error", epochs=300, progress=False)
    assert data_of(line) == pytest.approx([2.0, 1.0], abs=1e-3)


# --- What is accepted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", TASKS)
@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (np.array, np.array),
        (tuple, tuple),
        (lambda X: pandas.DataFrame(X, columns=["a", "b"], index=range(50, 60)), np.array),
        (lambda X: [np.array(x) for x in X], lambda y: list(np.array(y))),
    ],
    ids=["arrays", "tuples", "frame", "lists of arrays"],
)
def test_arrays_and_frames_train_as_lists_do(loss, inputs, targets):
    outputs, y = TASKS[loss]
    wanted = trained(y=y, loss=loss, outputs=outputs, batch_size=4)
    assert trained(inputs(X), targets(y), loss, outputs, batch_size=4) == wanted


@pytest.mark.parametrize("loss", TASKS)
def test_series_and_frames_of_targets_train_as_lists_do(loss):
    outputs, y = TASKS[loss]
    kind = pandas.DataFrame if isinstance(y[0], list) else pandas.Series
    wanted = trained(y=y, loss=loss, outputs=outputs, batch_size=4)
    assert trained(pandas.DataFrame(X), kind(y, index=range(3, 13)), loss, outputs, batch_size=4) == wanted


def test_targets_in_a_column_train_as_a_list_does():
    assert trained(y=np.array(SIGNS).reshape(10, 1)) == trained()


# --- What is recorded ------------------------------------------------------------------------------------------------


def test_the_curves_are_those_of_the_epochs():
    model = make(3)
    validation = (X[:4], CLASSES[:4])
    before = evaluate(model, X, CLASSES)
    optimizer = SGD(model.parameters(), lr=linear(0.5, 0.1, 4))
    history = fit(model, X, CLASSES, optimizer=optimizer, epochs=4, validation=validation, progress=False)
    assert history.epochs == 4
    assert (history.loss[0], history.accuracy[0]) == pytest.approx(before, rel=1e-14)
    assert history.learning_rate == pytest.approx([0.5, 0.4, 0.3, 0.2])
    after = evaluate(model, *validation)
    assert (history.validation_loss[-1], history.validation_accuracy[-1]) == after
    assert len(history.validation_loss) == len(history.validation_accuracy) == len(history.accuracy) == 4
    assert history.interrupted is False


def test_validation_does_not_change_the_training():
    assert trained(validation=(X[:3], SIGNS[:3])) == trained()
    assert trained(validation=[np.array(X[:3]), np.array(SIGNS[:3])]) == trained()


def test_a_loss_that_is_not_for_classes_records_no_accuracy():
    model = make()
    history = fit(model, X, NUMBERS, "mean_squared_error", epochs=2, validation=(X, NUMBERS), progress=False)
    assert (history.accuracy, history.validation_accuracy) == ([], [])
    assert len(history.loss) == len(history.validation_loss) == 2


def test_the_callback_hears_of_every_epoch_after_it_is_recorded():
    heard = []
    model = make()
    history = fit(
        model,
        X,
        SIGNS,
        "hinge",
        epochs=3,
        validation=(X, SIGNS),
        progress=False,
        callback=lambda epoch, history: heard.append((epoch, history.epochs, history.validation_loss[-1])),
    )
    assert heard == [(k, k, loss) for k, loss in enumerate(history.validation_loss, 1)]


def test_repr_of_a_history():
    history = History()
    assert repr(history) == "History of 0 epochs"
    history.loss = [2.0]
    assert repr(history) == "History of 1 epoch: loss 2 -> 2"
    history.loss, history.accuracy = [2.0, 0.123456], [0.5, 1.0]
    history.validation_loss, history.validation_accuracy, history.interrupted = [3.0, 4.0], [0.25, 0.75], True
    assert repr(history) == (
        "History of 2 epochs: loss 2 -> 0.1235, accuracy 0.5 -> 1, validation loss 3 -> 4, "
        "validation accuracy 0.25 -> 0.75 (interrupted)"
    )


def test_a_history_draws_itself():
    pytest.importorskip("matplotlib")
    model = make()
    history = fit(model, X, SIGNS, "hinge", epochs=2, progress=False)
    axes = history.plot()
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy"]
    assert axes[0].lines[0].get_ydata().tolist() == history.loss


# --- What is refused, before the first step --------------------------------------------------------------------------

WRONG = {
    "too few inputs": ({"X": [[1.0]] * 10}, ValueError, r"X\[0\] has 1 numbers, the network wants 2"),
    "ragged": ({"X": [*X[:9], [1.0]]}, ValueError, r"X\[9\] has 1 numbers, the network wants 2"),
    "flat": ({"X": np.zeros(10)}, ValueError, r"X\[0\] has 1 numbers, the network wants 2"),
    "three axes": ({"X": np.zeros((10, 2, 2))}, TypeError, r"X\[0\]\[0\] wants one number, got a list"),
    "no inputs": ({"X": []}, ValueError, "X is empty: it wants at least one example"),
    "empty frame": ({"X": pandas.DataFrame()}, ValueError, "X is empty"),
    "fewer targets": ({"y": SIGNS[:9]}, ValueError, "y has 9 targets for 10 examples"),
    "no targets": ({"y": []}, ValueError, "y has 0 targets for 10 examples"),
    "nan": ({"X": [*X[:9], [nan, 1.0]]}, ValueError, r"X\[9\]\[0\] is nan"),
    "inf": ({"X": [[1.0, inf], *X[1:]]}, ValueError, r"X\[0\]\[1\] is inf"),
    "nan target": ({"y": [*SIGNS[:9], nan]}, ValueError, r"y\[9\] is nan"),
    "text": ({"X": [["a", "b"], *X[1:]]}, TypeError, r"X\[0\]\[0\] wants a number, got str 'a'"),
    "None": ({"X": None}, TypeError, "X wants a list, an array or a frame, got NoneType"),
    "text targets": ({"y": ["up"] * 10}, TypeError, r"y\[0\] wants a number, got str 'up'"),
    "class 0 for hinge": ({"y": [*SIGNS[:9], 0]}, ValueError, r"y\[9\] is 0, hinge wants a class of -1 or 1"),
    "pairs for hinge": ({"y": PAIRS}, ValueError, r"y\[0\] is \[.*\], hinge wants one number for each"),
    "sign for binary": (
        {"y": SIGNS, "loss": "binary_cross_entropy"},
        ValueError,
        r"is -1, binary_cross_entropy wants a class of 0 or 1 or a probability between",
    ),
    "one output": (
        {"loss": "cross_entropy", "y": [0] * 10},
        ValueError,
        "cross_entropy wants 2 outputs or more, got 1",
    ),
    "pairs for one output": ({"loss": "mean_squared_error", "y": PAIRS}, ValueError, "as many numbers as the network"),
    "unknown loss": ({"loss": "mse"}, ValueError, "unknown loss 'mse': write one of half_squared_error"),
    "no loss": ({"loss": None}, TypeError, "a loss is a name or a function"),
    "unknown optimizer": ({"optimizer": "adamax"}, ValueError, "unknown optimizer 'adamax': write one of sgd, rmsprop"),
    "optimizer's class": ({"optimizer": Adam}, ValueError, "unknown optimizer .*Adam"),
    "list for an optimizer": ({"optimizer": ["adam"]}, (TypeError, ValueError), "optimizer"),
    "epochs below 0": ({"epochs": -1}, ValueError, "epochs is an integer of at least 0, got -1"),
    "half an epoch": ({"epochs": 1.5}, ValueError, r"epochs is an integer of at least 0, got 1\.5"),
    "epochs of text": ({"epochs": "3"}, ValueError, "epochs is an integer of at least 0, got '3'"),
    "batch of 0": ({"batch_size": 0}, ValueError, "batch_size is an integer of at least 1, got 0"),
    "half a batch": ({"batch_size": 2.5}, ValueError, r"batch_size is an integer of at least 1, got 2\.5"),
    "validation of X alone": ({"validation": X}, ValueError, r"validation wants a pair \(X, y\)"),
    "validation of text": ({"validation": "ab"}, ValueError, r"validation wants a pair \(X, y\)"),
    "validation shape": ({"validation": ([[1.0]], [1])}, ValueError, r"validation X\[0\] has 1 numbers"),
    "validation length": ({"validation": (X, SIGNS[:9])}, ValueError, "validation y has 9 targets for 10 examples"),
    "validation class": (
        {"validation": (X, [0] * 10)},
        ValueError,
        r"validation y\[0\] is 0, hinge wants a class",
    ),
    "penalty below 0": ({"l2": -0.1}, ValueError, r"l2 is a number of at least 0, got -0\.1"),
    "penalty of nan": ({"l2": nan}, ValueError, "l2 is a number of at least 0, got nan"),
    "norm of 0": ({"clip_norm": 0.0}, ValueError, r"clip_norm is a number above 0, got 0\.0"),
    "norm below 0": ({"clip_norm": -1}, ValueError, "clip_norm is a number above 0, got -1"),
    "validation share": ({"validation": 0.2}, ValueError, r"validation wants a pair \(X, y\), got 0\.2"),
    "progress of text": ({"progress": "yes"}, ValueError, "progress is True, False or None, got 'yes'"),
    "seed of a list": ({"seed": [1]}, ValueError, r"seed is an integer of at least 0, got \[1\]"),
    "one-hot classes": (
        {"y": [[0, 1]] * 10, "loss": "cross_entropy"},
        ValueError,
        "cross_entropy wants 2 outputs or more, got 1",
    ),
    "a dict of examples": ({"X": dict(enumerate(X))}, TypeError, r"X is a dict.* write list\(X\.values\(\)\)"),
    "a set of classes": ({"y": {1, -1}}, TypeError, "y is a set, which has no order"),
    "compiled how": ({"compiled": "yes"}, ValueError, "compiled is True, False or \"auto\", got 'yes'"),
    "compiled None": ({"compiled": None}, ValueError, 'compiled is True, False or "auto", got None'),
}


@pytest.mark.parametrize(("change", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_before_the_first_step(change, error, message):
    model, optimizer, snapshot = warmed_up()
    options = {"X": X, "y": SIGNS, "loss": "hinge", "optimizer": optimizer, "epochs": 2, "progress": False} | change
    with pytest.raises(error, match=message):
        fit(model, **options)
    snapshot.assert_unchanged()


@pytest.mark.parametrize("target", [3, -1, 0.5])
def test_a_class_out_of_range_is_refused_before_the_first_step(target):
    model, optimizer, snapshot = warmed_up(outputs=3, y=CLASSES, loss="cross_entropy")
    with pytest.raises(ValueError, match=rf"y\[9\] is {target}, cross_entropy wants a class from 0 to 2, an integer"):
        fit(model, X, [*CLASSES[:9], target], optimizer=optimizer, progress=False)
    snapshot.assert_unchanged()


def test_an_optimizer_of_another_model_is_refused():
    _, optimizer, snapshot = warmed_up()
    other = make()
    with pytest.raises(
        ValueError, match=r"moves 13 Values that are not parameters of this model: make it with model\."
    ):
        fit(other, X, SIGNS, "hinge", optimizer, progress=False)
    assert data_of(other) == data_of(make())
    snapshot.assert_unchanged()


def test_a_loss_that_returns_no_value_is_refused_clearly():
    model, optimizer, snapshot = warmed_up()
    with pytest.raises((TypeError, ValueError), match="loss"):
        fit(model, X, SIGNS, lambda output, target: 1.0, optimizer, progress=False)
    snapshot.assert_unchanged()


# --- Failures in the middle ------------------------------------------------------------------------------------------

OPTIMISERS = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "rmsprop": lambda p: RMSprop(p),
    "adam": lambda p: Adam(p, lr=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
def test_a_callback_that_raises_leaves_everything_as_it_was(optimizer):
    model, moving, snapshot = warmed_up(optimizer)

    def callback(epoch, _history):
        if epoch == 3:
            assert snapshot.now() != snapshot.before
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fit(model, X, SIGNS, "hinge", moving, epochs=5, batch_size=3, progress=False, callback=callback)
    snapshot.assert_unchanged()


def failing_loss(error, at):
    """hinge, until it is called for the `at`-th time."""
    calls = []

    def loss(output, target):
        calls.append(target)
        if len(calls) == at:
            raise error
        return hinge(output, target)

    return loss


@pytest.mark.parametrize("at", [3, 8, 20])
@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
def test_a_loss_that_raises_leaves_everything_as_it_was(optimizer, at):
    model, moving, snapshot = warmed_up(optimizer)
    with pytest.raises(ZeroDivisionError, match="in the loss"):
        fit(model, X, SIGNS, failing_loss(ZeroDivisionError("in the loss"), at), moving, batch_size=3, progress=False)
    snapshot.assert_unchanged()


@pytest.mark.parametrize("validation_fails", [False, True])
def test_a_model_that_raises_leaves_everything_as_it_was(validation_fails):
    class Moody(Neuron):
        calls = 0

        def __call__(self, x):
            self.calls += 1
            if self.calls == (15 if validation_fails else 25):
                raise RuntimeError("no more")
            return super().__call__(x)

    model = Moody(2, activation="linear", rng=0)
    optimizer = Adam(model.parameters(), lr=0.1)
    snapshot = Snapshot(model, optimizer)
    validation = (X, SIGNS) if validation_fails else None
    with pytest.raises(RuntimeError, match="no more"):
        fit(model, X, SIGNS, "hinge", optimizer, epochs=5, validation=validation, progress=False)
    snapshot.assert_unchanged()


def test_a_loss_that_explodes_is_an_error_that_names_the_step_and_leaves_everything_as_it_was():
    model, optimizer, snapshot = warmed_up(lambda p: SGD(p, lr=0.1), y=NUMBERS, loss="mean_squared_error")
    optimizer.lr = 1e200
    with pytest.raises(
        FloatingPointError, match=r"the loss became (inf|nan) in epoch 2, step 1, at learning rate 1e\+200"
    ):
        fit(model, X, NUMBERS, "mean_squared_error", optimizer, progress=False)
    snapshot.assert_unchanged()


def test_a_last_step_that_explodes_is_an_error_and_leaves_everything_as_it_was():
    model, optimizer, snapshot = warmed_up(lambda p: SGD(p, lr=0.1), y=NUMBERS, loss="mean_squared_error")
    optimizer.lr = 1e308
    numbers = [1e6 * number for number in NUMBERS]
    with pytest.raises(FloatingPointError):
        fit(model, X, numbers, "mean_squared_error", optimizer, epochs=1, progress=False)
    snapshot.assert_unchanged()


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


@pytest.mark.parametrize("compiled", [False, "auto"])
def test_what_an_optimiser_changed_in_place_is_put_back_in_place(compiled):
    model = make()
    optimizer = InPlace(model.parameters())
    fit(model, X, SIGNS, "hinge", optimizer, epochs=2, progress=False)
    things = dict(vars(optimizer))
    before = copy.deepcopy([repr(thing) for thing in things.values()])

    def callback(epoch, _history):
        assert [repr(thing) for thing in vars(optimizer).values()] != before
        optimizer.lr = 0.2
        if epoch == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fit(model, X, SIGNS, "hinge", optimizer, batch_size=3, progress=False, callback=callback, compiled=compiled)
    assert [repr(thing) for thing in vars(optimizer).values()] == before
    assert all(vars(optimizer)[name] is thing for name, thing in things.items())


def test_a_list_that_an_optimiser_writes_to_stays_the_one_that_others_know():
    model, log = make(), []
    optimizer = InPlace(model.parameters())
    optimizer.log = log
    fit(model, X, SIGNS, "hinge", optimizer, epochs=3, progress=False, callback=lambda *_: None)
    assert optimizer.log is log
    assert len(log) == 3


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_a_loss_of_nan_or_inf_is_an_error_and_leaves_everything_as_it_was(number):
    model, optimizer, snapshot = warmed_up()
    calls = []

    def loss(output, target):
        calls.append(target)
        return output * (number if len(calls) == 13 else 1.0)

    with pytest.raises(FloatingPointError, match=r"the loss became (nan|inf|-inf) in epoch 2, step 1"):
        fit(model, X, SIGNS, loss, optimizer, progress=False)
    snapshot.assert_unchanged()


def test_a_step_that_raises_leaves_everything_as_it_was():
    model, _, _ = warmed_up()
    optimizer = SGD(model.parameters(), lr=lambda step: 0.1 if step < 4 else 1 / 0)
    snapshot = Snapshot(model, optimizer)
    with pytest.raises(ZeroDivisionError):
        fit(model, X, SIGNS, "hinge", optimizer, batch_size=3, progress=False)
    snapshot.assert_unchanged()


class Returns(Module):
    """A model whose result one can choose."""

    def __init__(self, result):
        self.w, self.result = Value(0.5), result

    def __call__(self, x):
        return self.result(self.w * x[0])


@pytest.mark.parametrize(
    ("result", "advice"),
    [
        (lambda z: None, r"None: is there a return in its __call__\?"),
        (lambda z: {"a": z}, r"\{'a': .*: write list\(outputs\.values\(\)\)"),
        (lambda z: [[z]], r"\[\[.*: write one list, not lists in a list"),
        (lambda z: np.array([[z]]), r"array\(\[\[.*: write one list, not lists in a list"),
        (lambda z: (part for part in [z]), r"<generator.*: write list\(outputs\)"),
        (lambda z: make().forward([0.0, 1.0]), r"Forward.*: write return model\(x\) for"),
        (lambda z: "text", "'text'$"),
    ],
)
@pytest.mark.parametrize("compiled", [False, "auto"])
def test_a_model_that_returns_something_else_is_told_what_to_return(result, advice, compiled):
    with pytest.raises(TypeError, match=f"a model wants to return a Value or a list of Values, it returned {advice}"):
        fit(Returns(result), X, NUMBERS, "mean_squared_error", compiled=compiled)
    with pytest.raises(TypeError, match="a model wants to return a Value or a list of Values"):
        predict(Returns(result), X)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("result", "loss", "y"),
    [
        (lambda z: [z, 2 * z, -z], "cross_entropy", CLASSES),
        (lambda z: [z], "hinge", SIGNS),
        (lambda z: [z, 2 * z], "mean_squared_error", PAIRS),
        (lambda z: z, "hinge", SIGNS),
    ],
)
def test_a_model_may_return_an_array_of_values(result, loss, y, compiled):
    if compiled:
        pytest.importorskip("llvmlite")
    results = []
    for form in (lambda values: values, np.array):
        model = Returns(lambda z, form=form: form(result(z)))
        history = fit(model, X, y, loss, epochs=3, validation=(X, y), progress=False, compiled=compiled)
        results.append((history.loss, history.accuracy, history.validation_loss, data_of(model), predict(model, X)))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (None, TypeError, r"a model is called with an example, model\(x\), got None"),
        (X, TypeError, r"a model is called with an example, model\(x\), got \[\["),
        (Module(), TypeError, "write a subclass of nn.Module with a __call__"),
        (MLP, TypeError, r"the model wants to be made, got the class MLP: write MLP\(\.\.\.\)"),
        (lambda x: x, TypeError, r"fit wants a model that has parameters\(\), got <function"),
        (type("Empty", (Module,), {"__call__": lambda self, x: Value(0.0)})(), ValueError, "has no parameters: give"),
    ],
)
def test_what_is_no_model_is_refused(model, error, message):
    with pytest.raises(error, match=message):
        fit(model, X, SIGNS, "hinge")
    if "model is called" in message or "made" in message:
        with pytest.raises(error, match=message):
            predict(model, X)
        with pytest.raises(error, match=message):
            evaluate(model, X, SIGNS, "hinge")


def test_one_hot_classes_are_answered_with_what_to_write():
    with pytest.raises(ValueError, match=r"one number for each example: write y\.index\(1\) for the class"):
        fit(make(2), X, [[0, 1]] * 10)


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
def test_an_interrupt_in_a_callback_keeps_what_was_learnt(optimizer):
    model, moving, _ = warmed_up(optimizer)
    same, same_moving, _ = warmed_up(optimizer)

    def callback(epoch, _history):
        if epoch == 2:
            raise KeyboardInterrupt

    history = fit(model, X, SIGNS, "hinge", moving, epochs=9, batch_size=3, progress=False, callback=callback)
    wanted = fit(same, X, SIGNS, "hinge", same_moving, epochs=2, batch_size=3, progress=False)
    assert history.interrupted
    assert (history.epochs, history.loss) == (2, wanted.loss)
    assert SnapshotOf(model, moving).now() == SnapshotOf(same, same_moving).now()
    assert repr(history).endswith("(interrupted)")


class SnapshotOf(Snapshot):
    """As they are, gradients too."""

    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer


@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
def test_an_interrupt_in_the_middle_of_a_step_keeps_the_last_whole_step(optimizer):
    # The examples in their order, 5 in a step by hand: the interrupt comes in the 8th step's second example
    model, moving, _ = warmed_up(optimizer)
    same, same_moving, _ = warmed_up(optimizer)
    fit(same, X[:5], SIGNS[:5], "hinge", same_moving, epochs=7, progress=False)
    loss = failing_loss(KeyboardInterrupt(), 7 * 5 + 2)
    history = fit(model, X[:5], SIGNS[:5], loss, moving, epochs=9, progress=False)
    assert (history.interrupted, history.epochs) == (True, 7)
    assert SnapshotOf(model, moving).now() == SnapshotOf(same, same_moving).now()


def test_an_interrupt_in_the_middle_of_an_epoch_keeps_its_whole_steps():
    model, moving, _ = warmed_up()
    loss = failing_loss(KeyboardInterrupt(), 2 * 10 + 3 + 3 + 2)
    history = fit(model, X, SIGNS, loss, moving, epochs=9, batch_size=3, progress=False)
    assert (history.interrupted, history.epochs) == (True, 2)
    assert moving.steps == 2 + 2 * 4 + 2
    assert data_of(model) != data_of(warmed_up()[0])


def test_an_interrupt_in_the_middle_of_an_update_keeps_the_last_whole_step():
    class Halfway(Value):
        """A parameter at which the user loses patience."""

        writes = 0

        @property
        def data(self):
            return self._data

        @data.setter
        def data(self, number):
            self.writes += 1
            if self.writes == 3:
                raise KeyboardInterrupt
            self._data = number

    model = Neuron(2, activation="linear", rng=0)
    model.w[1] = Halfway(model.w[1].data)
    same = Neuron(2, activation="linear", rng=0)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = fit(model, X, NUMBERS, "mean_squared_error", optimizer, epochs=9, progress=False)
    fit(same, X, NUMBERS, "mean_squared_error", SGD(same.parameters(), lr=0.1, momentum=0.9), epochs=2, progress=False)
    assert (history.interrupted, optimizer.steps) == (True, 2)
    assert data_of(model) == data_of(same)


def test_an_interrupt_before_the_first_step_leaves_everything_as_it_was():
    model, optimizer, snapshot = warmed_up()
    history = fit(model, X, SIGNS, failing_loss(KeyboardInterrupt(), 3), optimizer, progress=False)
    assert (history.interrupted, history.epochs) == (True, 0)
    snapshot.assert_unchanged()


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


@pytest.mark.parametrize("stride", [97, pytest.param(17, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [Adam, InPlace])
def test_ctrl_c_at_any_instruction_and_again_and_again_keeps_the_last_whole_step(kind, stride):
    def make():
        model = Neuron(1, activation="linear", rng=0)
        return model, kind(model.parameters(), lr=0.1)

    def train(model, optimizer, callback):
        return fit(model, [1.0, 2.0], [1, -1], "hinge", optimizer, epochs=3, progress=False, callback=callback)

    assert_any_ctrl_c_keeps_whole_steps(make, train, stride, TRAINING)


@pytest.mark.parametrize("call", range(1, 8))
def test_ctrl_c_in_a_model_ends_the_training_wherever_it_is_called(call):
    """The first call is the check before the training, the second the first step's."""

    class Pressed(Neuron):
        calls = 0

        def __call__(self, x):
            self.calls += 1
            if self.calls == call:
                signal.raise_signal(signal.SIGINT)
            return super().__call__(x)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        model = Pressed(1, activation="linear", rng=0)
        optimizer = SGD(model.parameters(), lr=0.1)
        history = fit(model, [1.0, 2.0], [1, -1], "hinge", optimizer, epochs=9, progress=False)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (history.interrupted, history.epochs, optimizer.steps) == (True, max(0, call // 2 - 1), history.epochs)


@pytest.fixture
def handled():
    """The signals that a handler of one's own has heard."""
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    yield heard
    signal.signal(signal.SIGINT, before)


def test_a_handler_of_ones_own_is_called_at_once_and_the_training_goes_on(handled):
    heard_at = []

    def callback(epoch, _history):
        signal.raise_signal(signal.SIGINT)
        heard_at.append((epoch, len(handled)))

    history = fit(make(), X, SIGNS, "hinge", epochs=3, progress=False, callback=callback)
    assert (history.interrupted, history.epochs, heard_at) == (False, 3, [(1, 1), (2, 2), (3, 3)])


@pytest.mark.usefixtures("handled")
def test_an_error_from_a_handler_of_ones_own_is_a_failure_and_leaves_everything_as_it_was():
    def handler(*_):
        raise TimeoutError("too long")

    signal.signal(signal.SIGINT, handler)
    model, optimizer, snapshot = warmed_up()
    with pytest.raises(TimeoutError, match="too long"):
        fit(model, X, SIGNS, "hinge", optimizer, progress=False, callback=lambda *_: signal.raise_signal(signal.SIGINT))
    snapshot.assert_unchanged()
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.usefixtures("handled")
def test_a_callback_that_catches_ctrl_c_does_not_keep_the_training_from_ending():
    def callback(*_):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    history = fit(make(), X, SIGNS, "hinge", epochs=9, progress=False, callback=callback)
    assert (history.interrupted, history.epochs) == (True, 1)


def test_a_training_in_another_thread_leaves_signals_alone(handled):
    with ThreadPoolExecutor(1) as pool:
        handler = signal.getsignal(signal.SIGINT)
        history = pool.submit(fit, make(), X, SIGNS, "hinge", epochs=2, progress=False).result()
    assert (history.epochs, handled) == (2, [])
    assert signal.getsignal(signal.SIGINT) is handler


# --- Progress --------------------------------------------------------------------------------------------------------


def test_the_progress_bar_says_the_loss_and_the_accuracy(capsys):
    pytest.importorskip("tqdm")
    trained(progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3/3" in shown.err
    assert "loss" in shown.err
    assert "accuracy" in shown.err


@pytest.mark.parametrize("progress", [None, False])
def test_without_a_terminal_nothing_is_shown_unless_asked_for(progress, capsys):
    trained(progress=progress)
    assert capsys.readouterr() == ("", "")


def test_a_progress_bar_without_tqdm_says_what_to_install_and_changes_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    model, optimizer, snapshot = warmed_up()
    with pytest.raises(ModuleNotFoundError, match=r'tqdm.*pip install "\.\[progress\]".*progress=False'):
        fit(model, X, SIGNS, "hinge", optimizer, progress=True)
    snapshot.assert_unchanged()


@pytest.mark.parametrize("progress", [None, False])
def test_without_tqdm_a_terminal_just_shows_nothing(progress, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert trained(progress=progress) == trained()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("progress", [True, False])
def test_what_the_bar_shows_last_is_the_last_epoch(progress, capsys):
    pytest.importorskip("tqdm")
    model = make()
    history = fit(model, X, SIGNS, "hinge", epochs=200, progress=progress)
    shown = capsys.readouterr().err.rstrip().split("\r")[-1]
    if progress:
        assert shown.startswith("eager: 100%")
        assert shown.endswith(f"loss {history.loss[-1]:.4f}, accuracy {history.accuracy[-1]:.1%}]")
    else:
        assert shown == ""


# --- Without llvmlite ------------------------------------------------------------------------------------------------


@pytest.fixture
def _without_llvmlite(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setattr(nn.train.progress, "_said", set())


@pytest.mark.usefixtures("_without_llvmlite")
def test_without_llvmlite_training_is_eager_and_says_what_to_install():
    model = make()
    history = fit(model, X, SIGNS, "hinge", SGD(model.parameters(), lr=0.2), epochs=3, progress=False, compiled="auto")
    assert (history.loss, data_of(model)) == trained()
    assert not history.compiled
    assert history.note.startswith("llvmlite is not installed")
    assert history.note.endswith('pip install ".[compile]" in your clone of chainrule')


@pytest.mark.usefixtures("_without_llvmlite")
def test_without_llvmlite_compiled_steps_are_an_error_that_changes_nothing():
    model, optimizer, snapshot = warmed_up()
    with pytest.raises(ModuleNotFoundError, match=r"llvmlite.*pip install"):
        fit(model, X, SIGNS, "hinge", optimizer, compiled=True, progress=False)
    snapshot.assert_unchanged()


@pytest.mark.usefixtures("_without_llvmlite")
@pytest.mark.parametrize(
    ("progress", "terminal", "compiled", "lines"),
    [
        (True, False, "auto", 1),
        (None, True, "auto", 1),
        (None, False, "auto", 0),
        (False, True, "auto", 0),
        (True, True, False, 0),
    ],
)
def test_without_llvmlite_one_line_says_so_where_progress_is_shown(
    progress, terminal, compiled, lines, capsys, monkeypatch
):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    trained(progress=progress, compiled=compiled)
    trained(progress=progress, compiled=compiled)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count('pip install ".[compile]"') == lines
    assert shown.err.startswith("nn.fit: llvmlite is not installed") == bool(lines)


@pytest.mark.usefixtures("_without_llvmlite")
def test_a_terminal_without_tqdm_is_told_as_well(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    trained(progress=None, compiled="auto")
    assert capsys.readouterr().err.count("\n") == 1


def test_llvmlite_that_cannot_be_loaded_is_as_good_as_none(monkeypatch):
    def refuse(_name):
        raise OSError("libz.so: cannot open")

    monkeypatch.setattr(nn.train.steps, "import_module", refuse)
    history = fit(make(), X, SIGNS, "hinge", epochs=1, progress=False, compiled="auto")
    assert (history.compiled, history.note) == (False, "llvmlite cannot be loaded: libz.so: cannot open")


def test_eager_training_imports_neither_numpy_nor_llvmlite():
    code = (
        "import sys; from nn import MLP, fit; fit(MLP(1, [1]), [[1.0]], [1.0], 'mean_squared_error', compiled=False);"
        "assert not {'numpy', 'llvmlite'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- predict, evaluate, accuracy -------------------------------------------------------------------------------------


def test_predictions_are_the_outputs_as_numbers():
    one, three = make(), make(3)
    assert predict(one, X) == [one(x).data for x in X]
    assert predict(three, X) == [[z.data for z in three(x)] for x in X]
    assert predict(one, np.array(X)) == predict(one, pandas.DataFrame(X)) == predict(one, X)
    assert all(type(number) is float for number in predict(one, X))


@pytest.mark.parametrize(
    ("loss", "outputs", "decide"),
    [
        ("hinge", 1, lambda z: 1 if z > 0 else -1),
        ("binary_cross_entropy", 1, lambda z: 1 if z > 0 else 0),
        ("cross_entropy", 3, lambda z: z.index(max(z))),
        (cross_entropy, 3, lambda z: z.index(max(z))),
        ("mean_squared_error", 1, lambda z: z),
        (lambda z, y: z * y, 1, lambda z: z),
    ],
)
def test_with_a_loss_for_classes_predictions_are_classes(loss, outputs, decide):
    model = make(outputs)
    assert predict(model, X, loss) == [decide(z) for z in predict(model, X)]


@pytest.mark.parametrize("loss", TASKS)
def test_evaluate_gives_the_mean_loss_and_the_share_that_is_right(loss):
    outputs, y = TASKS[loss]
    model = make(outputs)
    before = data_of(model)
    mean, share = evaluate(model, X, y, loss)
    assert mean == pytest.approx(sum(LOSSES[loss](model(x), t).data for x, t in zip(X, y)) / 10, rel=1e-14)
    if loss in ("hinge", "binary_cross_entropy", "cross_entropy"):
        assert share == sum(p == t for p, t in zip(predict(model, X, loss), y)) / 10 == accuracy(model, X, y, loss)
    else:
        assert math.isnan(share)
    assert data_of(model) == before
    assert [p.grad for p in model.parameters()] == [0.0] * len(before)


@pytest.mark.parametrize("loss", ["mean_squared_error", "half_squared_error", "quadratic_cost", half_squared_error])
def test_accuracy_wants_a_loss_for_classes(loss):
    with pytest.raises(ValueError, match="accuracy wants a loss for classes, hinge, binary_cross_entropy or cross_ent"):
        accuracy(make(), X, NUMBERS, loss)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict(make(), []), "X is empty"),
        (lambda: predict(make(), [[1.0]]), r"X\[0\] has 1 numbers, the network wants 2"),
        (lambda: predict(make(), [[1.0, nan]]), r"X\[0\]\[1\] is nan"),
        (lambda: predict(make(), X, "mse"), "unknown loss 'mse'"),
        (lambda: evaluate(make(), [], [], "hinge"), "X is empty"),
        (lambda: evaluate(make(), X, SIGNS[:3], "hinge"), "y has 3 targets for 10 examples"),
        (lambda: evaluate(make(), X, [0] * 10, "hinge"), r"y\[0\] is 0, hinge wants a class of -1 or 1"),
        (lambda: accuracy(make(3), X, [3] * 10), r"y\[0\] is 3, cross_entropy wants a class"),
        (lambda: accuracy(make(), X, SIGNS), "cross_entropy wants 2 outputs or more, got 1"),
    ],
)
def test_examples_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_predictions_record_no_graph():
    class Spy(Neuron):
        def __call__(self, x):
            output = super().__call__(x)
            outputs.append(output)
            return output

    outputs = []
    predict(Spy(2, rng=0), X)
    evaluate(Spy(2, rng=0), X, SIGNS, "hinge")
    assert outputs
    assert all(output.is_leaf for output in outputs)
