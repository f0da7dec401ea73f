"""fit and Ctrl-C: whole steps are kept, wherever it is pressed and how often."""

import contextlib
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from training import (
    NUMBERS,
    OPTIMISERS,
    SIGNS,
    TRAINING,
    InPlace,
    SnapshotOf,
    X,
    assert_any_ctrl_c_keeps_whole_steps,
    data_of,
    failing_loss,
    fit,
    make,
    warmed_up,
)

from autograd import Value
from nn import SGD, Adam, Neuron


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
