"""fit, predict, evaluate, accuracy: what they compute, what they accept, and what they refuse.

Here fit takes its steps on Values, unless a test says otherwise: test_compiled_training.py compares compiled steps with
these.
"""

import math
import random
from math import inf, nan

import numpy as np
import pytest
from training import CLASSES, NUMBERS, PAIRS, SIGNS, TASKS, X, data_of, fit, make, trained, warmed_up

import autograd
from autograd import Value
from nn import (
    LOSSES,
    SGD,
    Adam,
    History,
    Module,
    Neuron,
    RMSprop,
    accuracy,
    clip_grad_norm,
    cross_entropy,
    evaluate,
    half_squared_error,
    mean_squared_error,
    predict,
)
from nn.schedules import linear

pandas = pytest.importorskip("pandas")


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
