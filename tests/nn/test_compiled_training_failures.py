"""fit with native code, when it fails and when Ctrl-C is pressed: it leaves what it leaves on Values."""

import signal

import pytest
from compiled_training import OPTIMISERS, SHARES, SIGNS, SignDescent, Training, assert_close, curves
from training import NUMBERS, TRAINING, X, assert_any_ctrl_c_keeps_whole_steps, make

import autograd
import nn
from nn import MLP, SGD, Adam, binary_cross_entropy, fit, hinge
from nn.train.examples import Examples
from nn.train.native import CompiledSteps
from nn.train.task import Snapshot, Task

pytestmark = pytest.mark.sampled(every=2)

pytest.importorskip("llvmlite")


# --- Failures --------------------------------------------------------------------------------------------------------


def failing_at(step, error):
    """A schedule that fails at this step."""

    def rate(steps):
        if steps == step:
            raise error
        return 0.1

    return rate


@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
def test_what_fails_leaves_everything_as_it_was(optimizer):
    def callback(epoch, _history):
        if epoch == 3:
            assert training.now() != training.before
            raise RuntimeError("enough")

    training = Training(True, optimizer)
    with pytest.raises(RuntimeError, match="enough"):
        training.fit(callback=callback)
    assert training.now() == training.before
    training.optimizer.lr = failing_at(training.optimizer.steps + 7, ZeroDivisionError("no rate"))
    with pytest.raises(ZeroDivisionError, match="no rate"):
        training.fit()
    assert training.now() == training.before


@pytest.mark.parametrize(
    ("optimizer", "y", "options"),
    [
        (lambda p: SGD(p, lr=1e200), NUMBERS, {}),
        (lambda p: SGD(p, lr=1e308), [1e6 * number for number in NUMBERS], {"batch_size": None, "epochs": 1}),
        (lambda p: SGD(p, lr=1e200), NUMBERS, {"l2": 1.0}),
        (lambda p: SGD(p, lr=0.1), [1e200 * number for number in NUMBERS], {"clip_norm": 1.0}),
        (lambda p: SGD(p, lr=1e160), [1e154 * number for number in NUMBERS], {"l2": 1e-3, "clip_norm": 1.0}),
    ],
)
def test_an_explosion_is_the_error_that_it_is_on_values(optimizer, y, options):
    messages = []
    for mode in (False, True):
        training = Training(mode, lambda p: SGD(p, lr=0.1), loss="mean_squared_error", y=NUMBERS)
        training.optimizer.lr = optimizer(training.model.parameters()).lr
        with pytest.raises(FloatingPointError) as caught:
            training.fit(y=y, **options)
        messages.append(str(caught.value))
        assert training.now() == training.before
    assert messages[0] == messages[1]


def test_large_parameters_are_no_explosion():
    """Their squares overflow, they do not."""
    training = Training(True, model=lambda: MLP(2, [1], rng=0), loss="hinge", y=SIGNS)
    training.optimizer.lr = 1e200
    assert training.fit(epochs=1, batch_size=None).compiled
    assert max(p.data for p in training.model.parameters()) > 1e190


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
def test_ctrl_c_in_a_callback_keeps_the_epochs(optimizer):
    def callback(epoch, _history):
        if epoch == 3:
            raise KeyboardInterrupt

    stopped, whole = Training(True, optimizer), Training(True, optimizer)
    history, wanted = stopped.fit(callback=callback), whole.fit(epochs=3)
    assert history.interrupted
    assert curves(history) == curves(wanted)
    assert stopped.now() == whole.now()


@pytest.mark.parametrize("steps", [0, 1, 5, 8])
def test_ctrl_c_in_a_step_keeps_the_steps_before(steps):
    """The interrupt comes from the schedule, before a step is taken."""
    eager, compiled = Training(False), Training(True)
    for training in (eager, compiled):
        training.optimizer.lr = failing_at(training.optimizer.steps + steps, KeyboardInterrupt)
    histories = [training.fit() for training in (eager, compiled)]
    assert [history.interrupted for history in histories] == [True, True]
    assert [history.epochs for history in histories] == [steps // 3] * 2
    assert_close(compiled.now(), eager.now())
    assert (compiled.now() == compiled.before) == (steps == 0)


@pytest.mark.parametrize("stride", [149, pytest.param(17, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [Adam, SignDescent])
def test_ctrl_c_at_any_instruction_and_again_and_again_keeps_the_last_whole_step(kind, stride, monkeypatch):
    """The steps are compiled once and used again, each time from the start."""
    model = make()
    optimizer = kind(model.parameters(), lr=0.1)
    examples = Examples(X, SIGNS)
    task = Task(model, hinge, optimizer.parameters, optimizer, examples, examples, 1e-3, 1.0)
    before, steps = Snapshot.of(task), CompiledSteps(task)

    def compiled(*_):
        steps.read()
        return steps, ""

    def at_the_start():
        before.restore()
        return model, optimizer

    def train(model, optimizer, callback):
        options = {"loss": "hinge", "validation": (X, SIGNS), "l2": 1e-3, "clip_norm": 1.0, "progress": False}
        return fit(model, X, SIGNS, optimizer=optimizer, epochs=3, callback=callback, **options)

    monkeypatch.setattr(nn.train.fit, "choose_steps", compiled)
    modules = [*TRAINING, autograd.compiler.runtime.fused_step]
    assert_any_ctrl_c_keeps_whole_steps(at_the_start, train, stride, modules)


@pytest.mark.parametrize("calls", range(1, 8))
def test_ctrl_c_while_checking_and_compiling_ends_the_training_before_its_first_step(calls):
    def loss(z, y):
        heard.append(z)
        if len(heard) == calls:
            signal.raise_signal(signal.SIGINT)
        return binary_cross_entropy(z, y)

    training, heard = Training("auto"), []
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        history = training.fit(loss=loss, epochs=1, validation=(X, SHARES))
    finally:
        signal.signal(signal.SIGINT, handler)
    assert history.interrupted == (len(heard) >= calls)
    assert history.epochs == (0 if history.interrupted else 1)
    assert (training.now() == training.before) == history.interrupted
    assert history.interrupted or calls > 3
