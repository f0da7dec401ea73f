"""fit with native code: everything it leaves behind is what it leaves on Values."""

import itertools
import math
import random
import re
from types import SimpleNamespace

import numpy as np
import pytest
from compiled_training import OPTIMISERS, SHARES, SIGNS, SignDescent, Training, assert_close, curves
from training import CLASSES, NUMBERS, PAIRS, X, make

import autograd
from autograd import CompileError, Primitive, Value
from nn import MLP, SGD, Adam, Layer, Module, Optimizer, binary_cross_entropy, fit, mean_squared_error
from nn.schedules import linear

pytestmark = pytest.mark.sampled(every=2)

pytest.importorskip("llvmlite")

# Loss, outputs, targets
TASKS = {
    "hinge": (1, SIGNS),
    "binary_cross_entropy": (1, SHARES),
    "cross_entropy": (3, CLASSES),
    "half_squared_error": (1, NUMBERS),
    "quadratic_cost": (2, PAIRS),
    "mean_squared_error": (2, PAIRS),
}


def assert_same(optimizer=OPTIMISERS["momentum"], model=make, **options):
    """A compiled training records and leaves what one on Values does."""
    eager, compiled = (Training(mode, optimizer, model, **options) for mode in (False, True))
    wanted, history = eager.fit(), compiled.fit()
    assert wanted.loss[-1] > 1e-3
    assert (wanted.compiled, wanted.note) == (False, "compiled=False")
    assert (history.compiled, history.note) == (True, "")
    assert_close(curves(history), curves(wanted))
    assert_close(compiled.now(), eager.now())
    assert compiled.now() != compiled.before


# --- The same training -----------------------------------------------------------------------------------------------


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize(("loss", "optimizer"), [*itertools.product(TASKS, OPTIMISERS)])
def test_every_loss_and_optimiser(loss, optimizer):
    outputs, y = TASKS[loss]
    assert_same(OPTIMISERS[optimizer], lambda: make(outputs), loss=loss, y=y, validation=(X[:4], y[:4]))


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": None},
        {"batch_size": 1},
        {"batch_size": 9},
        {"batch_size": 100},
        {"seed": 8},
        {"l2": 0.01},
        {"clip_norm": 0.1},
        {"clip_norm": 1e6},
        {"l2": 0.01, "clip_norm": 0.1, "validation": (X[:3], SHARES[:3])},
        {"X": np.array(X), "y": np.array(SHARES)},
    ],
    ids=lambda options: ", ".join(options),
)
def test_every_option(options):
    assert_same(**options)


def test_no_epochs_change_nothing():
    training = Training(True)
    assert training.fit(epochs=0).compiled
    assert training.now() == training.before


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "gelu", "leaky_relu", "softplus", lambda z: z * z.sigmoid()])
def test_every_activation(activation):
    assert_same(model=lambda: MLP(2, [4, 3, 1], activation=activation, rng=1))


@pytest.mark.parametrize("scale", [1e-180, 1e180])
def test_clipping_of_a_gradient_whose_square_is_out_of_range(scale):
    gradients = []
    for mode in (False, True):
        training = Training(mode, loss=lambda z, y: z * y * scale, clip_norm=1e-190)
        training.fit()
        gradients.append([p.grad for p in training.model.parameters()])
    assert math.hypot(*gradients[1]) == pytest.approx(1e-190, rel=1e-10)
    assert gradients[1] == pytest.approx(gradients[0], rel=1e-10, abs=1e-200)


@pytest.mark.parametrize("some", [slice(9, None), slice(3, None, -1), slice(None, None, -1)])
def test_an_optimiser_may_have_some_of_the_parameters_in_any_order(some):
    assert_same(lambda parameters: Adam(parameters[some], lr=0.1))
    training = Training(True, lambda parameters: Adam(parameters[some], lr=0.1))
    numbers = {p: p.data for p in training.model.parameters()}
    training.fit()
    assert {p for p, number in numbers.items() if p.data != number} == set(training.optimizer.parameters)


@pytest.mark.parametrize("loss", ["hinge", "binary_cross_entropy", "cross_entropy"])
def test_ties_are_decided_the_same_way(loss):
    outputs, y = TASKS[loss]
    trainings = [Training(mode, model=lambda: make(outputs), loss=loss, y=y) for mode in (False, True)]
    for training in trainings:
        for parameter in training.model.parameters():
            parameter.data = 0.0
    eager, compiled = (training.fit(batch_size=None, epochs=1) for training in trainings)
    assert compiled.accuracy == eager.accuracy == [y.count(-1 if loss == "hinge" else 0) / 10]


# --- Models, losses and optimisers of one's own ----------------------------------------------------------------------


class Line(Module):
    def __init__(self):
        self.slope, self.intercept = [Value(0.5), Value(-0.1)], Value(0.0)

    def __call__(self, x):
        first, second = x
        return (self.slope[0] * first + self.slope[1] * second + self.intercept,)


class Joined(Module):
    """A network that does to its inputs what one can do to lists but not to arrays."""

    def __init__(self):
        self.layer = Layer(5, 1, activation="tanh", rng=0)

    def __call__(self, x):
        assert isinstance(x, list)
        return [self.layer(x + x[::-1] + [1.0])]


@pytest.mark.parametrize("model", [Line, Joined])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "mean_squared_error"])
def test_models_of_ones_own(model, loss):
    assert_same(model=model, loss=loss)


def test_losses_of_ones_own():
    def pinball(z, y):
        return autograd.where(z > y, 0.9 * (z - y), 0.1 * (y - z))

    def weighted(z, y):
        assert isinstance(y, list)
        return (z[0] - y[0]) ** 2 + 3 * (z[1] - y[1]) ** 2

    assert_same(loss=pinball, y=NUMBERS)
    assert_same(loss=weighted, y=PAIRS, model=lambda: make(2))


def test_values_that_are_no_parameters_are_read_at_every_step():
    """A callback changes the weight of the loss between epochs."""
    weights = []

    def training(mode):
        weight = Value(1.0)

        def callback(*_):
            weight.data *= 0.5

        weights.append(weight)
        return Training(mode, loss=lambda z, y: binary_cross_entropy(z, y) * weight, callback=callback)

    trainings = [training(False), training(True)]
    assert_close(curves(trainings[1].fit()), curves(trainings[0].fit()))
    assert_close(trainings[1].now(), trainings[0].now())
    assert [weight.data for weight in weights] == [0.5**7] * 2


class Held(SGD):
    """A step of one's own, which keeps the parameters small."""

    def step(self):
        super().step()
        for parameter in self.parameters:
            parameter.data = max(-0.3, min(0.3, parameter.data))


class InArrays(Optimizer):
    """An update of one's own that keeps arrays."""

    def update(self, numbers, gradients, lr):
        mean = self.state.get("mean", np.zeros(len(numbers))) * 0.9 + np.array(gradients) * 0.1
        return (np.array(numbers) - lr * mean).tolist(), {"mean": mean}


class Normalised(Optimizer):
    """A rule of one's own."""

    kept = ("mean",)

    def rule(self, lr, sqrt):
        def move(p, g, mean):
            mean = 0.9 * mean + 0.1 * g
            return p - lr * mean / sqrt(1e-4 + mean * mean), mean

        return move


@pytest.mark.parametrize("ended", [False, True])
def test_a_state_of_ones_own_stays_what_it_is(ended):
    def callback(epoch, _history):
        assert type(training.optimizer.state["mean"]) is np.ndarray
        if epoch == 3 and ended:
            raise KeyboardInterrupt

    trainings = []
    for mode in (False, True):
        model = make()
        training = SimpleNamespace(model=model, optimizer=InArrays(model.parameters(), lr=0.1))
        history = fit(
            model, X, SIGNS, "hinge", training.optimizer, epochs=5, progress=False, callback=callback, compiled=mode
        )
        assert (history.epochs, history.interrupted) == ((3, True) if ended else (5, False))
        trainings.append(training)
    eager, compiled = (training.optimizer.state["mean"] for training in trainings)
    assert type(compiled) is np.ndarray
    assert_close(compiled.tolist(), eager.tolist())


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: SignDescent(p, lr=0.01),
        lambda p: SignDescent(p[:5], lr=0.01),
        lambda p: Held(p, lr=0.1, momentum=0.9),
        lambda p: Normalised(p, lr=linear(0.1, 0.01, 9)),
    ],
    ids=["update", "update of some", "step", "rule"],
)
def test_optimisers_of_ones_own(optimizer):
    assert_same(optimizer)
    assert_same(optimizer, l2=0.01, clip_norm=0.1, validation=(X[:3], SHARES[:3]))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", [SGD, SignDescent, Held], ids=["rule", "update", "step"])
def test_a_schedule_is_asked_once_a_step(kind, compiled):
    asked = []

    def rate(step):
        asked.append(step)
        return 0.1 / (1 + step)

    model = make()
    optimizer = kind(model.parameters(), lr=rate)
    history = fit(model, X, SIGNS, "hinge", optimizer, epochs=2, batch_size=4, validation=(X, SIGNS), compiled=compiled)
    assert asked == [0, 1, 2, 3, 4, 5]
    assert history.learning_rate == [0.1 / 3, 0.1 / 6]
    assert optimizer.lr is rate


class Remembering(SGD):
    """A rule that remembers, in a list, how often it was made."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr)
        self.made = [0.0]

    def rule(self, lr, sqrt):
        self.made[0] += 1.0
        return super().rule(lr / self.made[0], sqrt)


def test_a_rule_that_changes_a_list_in_place_is_not_recorded():
    trainings = [Training(mode, lambda p: Remembering(p, lr=0.1)) for mode in (False, True)]
    for training in trainings:
        training.fit()
    assert trainings[1].optimizer.made == trainings[0].optimizer.made == [6.0 + 15.0]
    assert_close(trainings[1].now(), trainings[0].now())


# --- Callbacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMISERS.values(), ids=OPTIMISERS)
def test_a_callback_sees_parameters_gradients_and_state(optimizer):
    def seen(training):
        numbers = []
        training.fit(callback=lambda *_: numbers.append(training.now()))
        return numbers

    eager, compiled = seen(Training(False, optimizer)), seen(Training(True, optimizer))
    assert len(eager) == len(compiled) == 5
    for k in range(5):
        assert_close(compiled[k], eager[k])


def halve_the_rate(training):
    training.optimizer.lr = training.optimizer.lr / 2


def move_a_parameter(training):
    training.model.parameters()[2].data += 0.5


def forget(training):
    training.optimizer.load_state_dict({"kind": "SGD", "steps": 0, "state": {}})


def turn_around(training):
    state = training.optimizer.state_dict()
    state["state"]["velocity"] = [-v for v in state["state"]["velocity"]]
    training.optimizer.load_state_dict(state)


def less_momentum(training):
    training.optimizer.momentum *= 0.5


@pytest.mark.parametrize("change", [halve_the_rate, move_a_parameter, forget, turn_around, less_momentum])
def test_what_a_callback_changes_is_seen_by_the_next_epoch(change):
    def changed(training):
        return training.fit(callback=lambda epoch, _: change(training) if epoch in (2, 5) else None)

    eager, compiled = Training(False), Training(True)
    wanted, history = changed(eager), changed(compiled)
    assert history.compiled
    assert_close(curves(history), curves(wanted))
    assert_close(compiled.now(), eager.now())
    assert history.loss[2:] != Training(True).fit().loss[2:]


def another_activation(world):
    for neuron in world.model.layers[0].neurons:
        neuron._activate = Value.sin if world.epoch == 2 else Value.sigmoid


def other_weights(world):
    world.model.layers[0].neurons[1].w[0] = Value(0.3 * world.epoch)
    world.model.layers[1].neurons[0].w = [Value(0.1 * world.epoch * k) for k in range(3)]


def another_number(world):
    world.factor *= 0.5


def another_layer(world):
    world.model.layers.append(Layer(1, 1, activation="tanh", rng=world.epoch))


def nothing(world):
    world.model.note = world.epoch


@pytest.mark.parametrize("change", [another_activation, other_weights, another_number, another_layer, nothing])
@pytest.mark.parametrize("compiled", [True, "auto"])
def test_a_callback_may_change_model_and_loss(change, compiled):
    def run(mode):
        world = SimpleNamespace(factor=1.0)
        training = Training(mode, loss=lambda z, y: (z - y) ** 2 * world.factor, y=NUMBERS)
        world.model = training.model

        def callback(epoch, _history):
            world.epoch = epoch
            if epoch in (2, 4):
                change(world)

        history = training.fit(callback=callback, validation=(X[:3], NUMBERS[:3]), epochs=6)
        return history, [p.data for p in training.model.parameters()]

    (wanted, numbers), (history, found) = run(False), run(compiled)
    assert (history.compiled, history.note) == (True, "")
    assert_close(curves(history), curves(wanted))
    assert_close(found, numbers)


def test_a_callback_that_brings_in_chance_ends_the_native_steps():
    def run(mode):
        training, source = Training(mode), random.Random(0)

        def noisy(z):
            return z * source.choice([1.0, 2.0])

        def callback(epoch, _history):
            if epoch == 2:
                training.model.layers[0].neurons[0]._activate = noisy

        return training.fit(callback=callback)

    history = run("auto")
    assert history.epochs == 5
    assert not history.compiled
    assert re.match(r"after epoch 2: CompileError: .* did not do the same.*source\.choice", history.note)
    with pytest.raises(CompileError, match=r"did not do the same"):
        run(True)


@pytest.mark.parametrize(
    "draw", [random.random, lambda: np.random.choice([1.0, 2.0]), lambda: random.choice([1.0, 2.0])]
)
def test_a_loss_with_chance_in_it_is_trained_on_values(draw):
    history = Training("auto", loss=lambda z, y: (z - y) ** 2 * draw(), y=NUMBERS).fit()
    assert not history.compiled
    assert re.match(r"CompileError: .* did not do the same when it was run again.*draw\(\)", history.note)


# --- What cannot be compiled -----------------------------------------------------------------------------------------


class Branching(Layer):
    def __call__(self, x):
        z = super().__call__(x)
        return z if z > 0 else 0.1 * z


class Noisy(Layer):
    def __call__(self, x):
        return super().__call__(x) + random.gauss(0.0, 1.0)


def looked_up(z, y):
    return mean_squared_error(z, {share: 2 * share for share in SHARES}[y])


def of_a_row_without_native_form(z, y):
    return Primitive("ours", lambda x: math.lgamma(2 + x * x), partials=(lambda out, x: x,))(z - y)


def ragged(z, y):
    return z * z * (2.0 if isinstance(y, list) else 1.0)


@pytest.mark.parametrize(
    ("model", "options", "error", "note"),
    [
        (lambda: Branching(2, 1, rng=0), {}, CompileError, r"CompileError: .*autograd\.where"),
        (
            lambda: Noisy(2, 1, rng=0),
            {},
            CompileError,
            r"CompileError: loss_of_example did not do the same.*random number",
        ),
        (make, {"loss": looked_up}, Exception, "Error: "),
        (make, {"loss": of_a_row_without_native_form}, CompileError, "CompileError: .*ours"),
        (make, {"loss": ragged, "y": [1.0, [1.0, 2.0]] * 5}, ValueError, "ValueError"),
    ],
    ids=["branch", "chance", "lookup", "row", "ragged"],
)
def test_what_cannot_be_compiled_is_trained_on_values_or_refused(model, options, error, note):
    wanted, training = Training(False, model=model, **options), Training("auto", model=model, **options)
    with pytest.raises(error):
        training.fit(compiled=True)
    assert training.now() == training.before
    histories = []
    for each in (wanted, training):
        random.seed(5)
        histories.append(each.fit())
        assert each.now() != each.before
    assert not histories[1].compiled
    assert re.search(note, histories[1].note)
    if model is not make:
        return
    assert curves(histories[1]) == curves(histories[0])
    assert training.now() == wanted.now()


class Signs(Normalised):
    """A rule that floats can follow and arrays cannot."""

    def rule(self, lr, sqrt):
        return lambda p, g, mean: (p - lr if g > 0 else p + lr, sqrt(g * g) + mean)


class Fading(SGD):
    """A rule with a memory that is not in its state."""

    strength = 1.0

    def rule(self, lr, sqrt):
        self.strength = self.strength * 0.5
        return super().rule(lr * self.strength, sqrt)


@pytest.mark.parametrize("kind", [Signs, Fading])
def test_a_rule_that_cannot_be_recorded_moves_values(kind):
    trainings = [Training(mode, lambda p: kind(p, lr=0.01)) for mode in (False, True)]
    wanted, history = (training.fit() for training in trainings)
    assert history.compiled
    assert_close(curves(history), curves(wanted))
    assert_close(trainings[1].now(), trainings[0].now())


def test_whatever_can_be_compiled_is():
    training = Training("auto")
    history = training.fit()
    assert (history.compiled, history.note) == (True, "")
    assert fit(make(), X, SIGNS, "hinge", epochs=1, progress=False).compiled


def test_modes_that_look_at_operations_are_eager():
    with autograd.detect_anomaly():
        history = Training("auto").fit()
    assert (history.compiled, history.note) == (False, "autograd.detect_anomaly() looks at every operation")


@pytest.mark.parametrize(("compiled", "mode"), [("auto", "compiled"), (True, "compiled"), (False, "eager")])
def test_the_progress_bar_says_how_the_steps_run(compiled, mode, capsys):
    pytest.importorskip("tqdm")
    Training(compiled).fit(progress=True)
    assert f"{mode}: 100%" in capsys.readouterr().err
