"""fit when a callback, a loss, a model or a step fails: an error that says what, and everything is as it was."""

import copy
from math import inf, nan

import numpy as np
import pytest
from training import (
    CLASSES,
    NUMBERS,
    OPTIMISERS,
    PAIRS,
    SIGNS,
    InPlace,
    Snapshot,
    X,
    data_of,
    failing_loss,
    fit,
    make,
    warmed_up,
)

from autograd import Value
from nn import MLP, SGD, Adam, Module, Neuron, evaluate, predict


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
    with pytest.raises(TypeError, match=f"a model must return a Value or a list of Values, it returned {advice}"):
        fit(Returns(result), X, NUMBERS, "mean_squared_error", compiled=compiled)
    with pytest.raises(TypeError, match="a model must return a Value or a list of Values"):
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
        (MLP, TypeError, r"the model must be an instance, got the class MLP: write MLP\(\.\.\.\)"),
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
