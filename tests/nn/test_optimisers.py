"""Optimisers against their recurrences by hand, schedules, clipping, states, and what is refused."""

import math
import subprocess
import sys

import pytest

from autograd import Value
from nn import MLP, OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop, clip_grad_norm
from nn.schedules import cosine, exponential, linear, staircase, warm_up

GRADIENTS = [2.0, -1.0, 0.5]

MAKERS = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1),
    "momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "nesterov": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=0.1),
    "adam": lambda parameters: Adam(parameters, lr=0.1, weight_decay=0.01),
    "adamw": lambda parameters: AdamW(parameters, lr=0.1),
    "scheduled": lambda parameters: SGD(parameters, lr=linear(0.1, 0.02, 5), momentum=0.5),
}


def steps(optimizer, gradients=GRADIENTS):
    """Where the optimiser's one parameter goes, gradient by gradient."""
    (parameter,) = optimizer.parameters
    places = []
    for gradient in gradients:
        parameter.grad = gradient
        optimizer.step()
        places.append(parameter.data)
    return places


def descend(optimizer, n):
    """n steps on the sum over k of (k + 1) p_k^4."""
    for _ in range(n):
        for k, parameter in enumerate(optimizer.parameters):
            parameter.grad = 4.0 * (k + 1) * parameter.data**3
        optimizer.step()
    return [parameter.data for parameter in optimizer.parameters]


# --- Recurrences -----------------------------------------------------------------------------------------------------


def test_gradient_descent():
    assert steps(SGD([Value(1.0)], lr=0.1)) == pytest.approx([0.8, 0.9, 0.85], rel=1e-15)


def test_momentum():
    # v = 2, 0.5 * 2 - 1 = 0, 0.5 * 0 + 0.5 = 0.5
    assert steps(SGD([Value(1.0)], lr=0.1, momentum=0.5)) == pytest.approx([0.8, 0.8, 0.75], rel=1e-15)


def test_nesterov():
    # g + 0.5 v with the same v: 3, -1, 0.75
    optimizer = SGD([Value(1.0)], lr=0.1, momentum=0.5, nesterov=True)
    assert steps(optimizer) == pytest.approx([0.7, 0.8, 0.725], rel=1e-15)


def test_weight_decay_is_added_to_the_gradient():
    # p <- p - 0.1 (g + 0.5 p) = 0.95 p - 0.1 g
    assert steps(SGD([Value(1.0)], lr=0.1, weight_decay=0.5)) == pytest.approx([0.75, 0.8125, 0.721875], rel=1e-15)


def test_rmsprop():
    s, p, wanted = 0.0, 1.0, []
    for g in GRADIENTS:
        s = 0.75 * s + 0.25 * g**2
        p = p - 0.1 * g / (math.sqrt(s) + 1e-8)
        wanted.append(p)
    assert wanted[0] == pytest.approx(0.8, rel=1e-7)
    assert steps(RMSprop([Value(1.0)], lr=0.1, decay=0.75)) == pytest.approx(wanted, rel=1e-15)


def adam(decay, decoupled):
    m = s = 0.0
    p = 1.0
    for k, g in enumerate(GRADIENTS, 1):
        if decoupled:
            p = p - 0.1 * decay * p
        else:
            g = g + decay * p
        m = 0.5 * m + 0.5 * g
        s = 0.75 * s + 0.25 * g**2
        p = p - 0.1 * (m / (1 - 0.5**k)) / (math.sqrt(s / (1 - 0.75**k)) + 1e-8)
        yield p


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_adam(decay):
    optimizer = Adam([Value(1.0)], lr=0.1, betas=(0.5, 0.75), weight_decay=decay)
    assert steps(optimizer) == pytest.approx(list(adam(decay, decoupled=False)), rel=1e-15)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_adamw_takes_the_decay_off_the_parameter_itself(decay):
    optimizer = AdamW([Value(1.0)], lr=0.1, betas=(0.5, 0.75), weight_decay=decay)
    assert steps(optimizer) == pytest.approx(list(adam(decay, decoupled=True)), rel=1e-15)


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    for gradient in (1e-3, 1.0, 1e6):
        assert steps(Adam([Value(1.0)], lr=0.01), [gradient]) == pytest.approx([0.99], rel=1e-6)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_parameters_move_independently(make):
    together = descend(make([Value(1.0), Value(1.0)]), 5)
    assert together[:1] == descend(make([Value(1.0)]), 5)
    assert together[0] != together[1]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_optimiser_goes_downhill(make):
    assert all(abs(place) < 0.5 for place in descend(make([Value(0.6), Value(-0.6)]), 30))


@pytest.mark.parametrize("make", [RMSprop, Adam])
@pytest.mark.parametrize("gradient", [0.0, 1e-200])
def test_a_parameter_with_a_vanishing_gradient_stays_where_it_is(make, gradient):
    assert steps(make([Value(1.0)], lr=0.1), [gradient, gradient]) == [1.0, 1.0]


def test_the_names_of_fit():
    assert list(OPTIMIZERS.items()) == [("sgd", SGD), ("rmsprop", RMSprop), ("adam", Adam), ("adamw", AdamW)]


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (RMSprop([Value(1.0)]), {"lr": 0.01, "decay": 0.99, "eps": 1e-8}),
        (Adam([Value(1.0)]), {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}),
        (AdamW([Value(1.0)]), {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}),
    ],
)
def test_settings_unless_given(optimizer, settings):
    assert {name: getattr(optimizer, name) for name in settings} == settings


def test_zero_grad():
    parameters = [Value(1.0), Value(2.0)]
    for parameter in parameters:
        parameter.grad = 3.0
    SGD(parameters[:1], lr=0.1).zero_grad()
    assert [parameter.grad for parameter in parameters] == [0.0, 3.0]


def test_step_leaves_the_gradients():
    parameter = Value(1.0)
    assert steps(SGD([parameter], lr=0.1), [2.0]) == [0.8]
    assert parameter.grad == 2.0


def test_repr():
    optimizer = Adam(MLP(2, [3, 1], rng=0).parameters(), lr=linear(0.5, 0.1, 4))
    assert repr(optimizer) == "Adam(13 parameters, lr=0.5, steps=0)"
    optimizer.step()
    assert repr(optimizer) == "Adam(13 parameters, lr=0.4, steps=1)"


# --- Schedules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (linear(1.0, 0.2, 4), [1.0, 0.8, 0.6, 0.4, 0.2, 0.2]),
        (exponential(0.8, 0.5), [0.8, 0.4, 0.2, 0.1, 0.05, 0.025]),
        (staircase(0.8, 0.5, every=2), [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]),
        (cosine(1.0, 0.0, 4), [1.0, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0.0, 0.0]),
        (cosine(1.0, 0.5, 2), [1.0, 0.75, 0.5, 0.5, 0.5, 0.5]),
        (warm_up(0.4, 4), [0.0, 0.1, 0.2, 0.3, 0.4, 0.4]),
        (warm_up(0.4, 0), [0.4] * 6),
        (warm_up(linear(1.0, 0.0, 5), 2), [0.0, 0.3, 0.6, 0.4, 0.2, 0.0]),
    ],
)
def test_schedules(schedule, rates):
    assert [schedule(step) for step in range(6)] == pytest.approx(rates, rel=1e-12, abs=1e-16)


def test_the_demo_of_micrograd_lowers_its_rate_linearly():
    rate = linear(1.0, 0.1, 100)
    assert [rate(k) for k in range(100)] == pytest.approx([1.0 - 0.9 * k / 100 for k in range(100)], rel=1e-15)


def test_an_optimiser_asks_its_schedule_before_every_step():
    asked = []

    def rate(step):
        asked.append(step)
        return 1.0 / 2**step

    optimizer = SGD([Value(0.0)], lr=rate)
    assert steps(optimizer, [1.0, 1.0, 1.0]) == [-1.0, -1.5, -1.75]
    assert sorted(set(asked)) == [0, 1, 2]
    assert (optimizer.steps, optimizer.learning_rate) == (3, 0.125)


# --- clip_grad_norm --------------------------------------------------------------------------------------------------


def values_with_gradients(*gradients):
    values = [Value(0.0) for _ in gradients]
    for value, gradient in zip(values, gradients):
        value.grad = gradient
    return values


def test_a_long_gradient_is_shrunk_in_its_direction():
    values = values_with_gradients(3.0, -4.0)
    assert clip_grad_norm(values, 1.0) == 5.0
    assert [value.grad for value in values] == pytest.approx([0.6, -0.8], rel=1e-15)


@pytest.mark.parametrize("max_norm", [5.0, 5.5, 1e9])
def test_a_short_gradient_is_left_alone(max_norm):
    values = values_with_gradients(3.0, -4.0)
    assert clip_grad_norm(iter(values), max_norm) == 5.0
    assert [value.grad for value in values] == [3.0, -4.0]


def test_clipping_does_not_overflow():
    values = values_with_gradients(3e200, 4e200)
    assert clip_grad_norm(values, 1.0) == pytest.approx(5e200, rel=1e-15)
    assert [value.grad for value in values] == pytest.approx([0.6, 0.8], rel=1e-15)


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan, math.inf, "1"])
def test_clipping_wants_a_norm_above_zero(max_norm):
    values = values_with_gradients(3.0)
    with pytest.raises(ValueError, match="max_norm is a number above 0, got"):
        clip_grad_norm(values, max_norm)
    assert values[0].grad == 3.0


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
@pytest.mark.parametrize("lr", [0.0, -0.1, math.nan, math.inf, "0.1", None])
def test_a_learning_rate_is_a_number_above_zero(kind, lr):
    with pytest.raises(ValueError, match="lr is a number above 0, got"):
        kind([Value(1.0)], lr=lr)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD(p, 0.1, momentum=1.0), r"momentum is a number from 0 to below 1, got 1\.0"),
        (lambda p: SGD(p, 0.1, momentum=-0.1), "momentum is a number from 0 to below 1"),
        (lambda p: SGD(p, 0.1, momentum=math.nan), "momentum is a number from 0 to below 1"),
        (lambda p: SGD(p, 0.1, weight_decay=-1), "weight_decay is a number of at least 0, got -1"),
        (lambda p: SGD(p, 0.1, nesterov=True), "nesterov wants a momentum above 0: write momentum=0.9"),
        (lambda p: RMSprop(p, decay=1), "decay is a number from 0 to below 1, got 1"),
        (lambda p: RMSprop(p, eps=-1e-8), "eps is a number above 0"),
        (lambda p: Adam(p, betas=(1.0, 0.9)), r"betas\[0\] is a number from 0 to below 1, got 1\.0"),
        (lambda p: Adam(p, betas=(0.9, "0.9")), r"betas\[1\] is a number from 0 to below 1, got '0\.9'"),
        (lambda p: Adam(p, eps=math.inf), "eps is a number above 0, got inf"),
        (lambda p: Adam(p, weight_decay=-0.1), "weight_decay is a number of at least 0"),
        (lambda p: AdamW(p, weight_decay=math.nan), "weight_decay is a number of at least 0, got nan"),
    ],
)
def test_settings_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make([Value(1.0)])


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_parameters_are_leaf_values_each_once(kind):
    p = Value(1.0)
    with pytest.raises(ValueError, match=rf"{kind.__name__} wants the parameters to move, got none: write model\."):
        kind([], lr=0.1)
    with pytest.raises(ValueError, match=f"{kind.__name__} wants each parameter once"):
        kind([p, Value(1.0), p], lr=0.1)
    with pytest.raises(TypeError, match=f"{kind.__name__} moves leaf Values, got Value"):
        kind([p, p * 2], lr=0.1)
    with pytest.raises(TypeError, match=rf"{kind.__name__} moves leaf Values, got 1\.0"):
        kind([1.0], lr=0.1)


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, r"wants Values in a list, got None: write model\.parameters\(\)"),
        (3.0, r"wants Values in a list, got 3\.0: write model"),
        (Value(1.0), r"wants Values in a list, got one Value: write \[v\]"),
        (MLP(2, [1], rng=0), r"wants Values in a list, got MLP.*: write model\.parameters\(\)"),
        (MLP(2, [1], rng=0).parameters, r"wants Values in a list, got <bound method.*: write model\.parameters\(\)"),
        (MLP(2, [1], rng=0).named_parameters(), r"moves leaf Values, got \('layers.*: write model\.parameters\(\)"),
        (MLP(2, [1], rng=0).state_dict(), r"moves leaf Values, got 'layers.*: write model\.parameters\(\)"),
    ],
)
def test_what_is_no_list_of_parameters_is_answered_with_what_to_write(kind, parameters, message):
    with pytest.raises(TypeError, match=f"{kind.__name__} {message}"):
        kind(parameters, lr=0.1)
    with pytest.raises(TypeError, match=f"clip_grad_norm {message}"):
        clip_grad_norm(parameters, 1.0)


@pytest.mark.parametrize("betas", [0.9, (0.9,), None, "ab c"])
def test_betas_are_a_pair(betas):
    with pytest.raises(ValueError, match=r"betas is a pair of numbers such as \(0\.9, 0\.999\), got"):
        Adam([Value(1.0)], betas=betas)


@pytest.mark.parametrize(
    "make",
    [
        lambda rate: linear(rate, 0.1, 10),
        lambda rate: linear(0.1, rate, 10),
        lambda rate: exponential(rate, 0.5),
        lambda rate: exponential(0.1, rate),
        lambda rate: staircase(rate, 0.5, 3),
        lambda rate: staircase(0.1, rate, 3),
        lambda rate: cosine(rate, 0.1, 10),
        lambda rate: cosine(0.1, rate, 10),
        lambda rate: warm_up(rate, 10),
    ],
)
@pytest.mark.parametrize("rate", [None, "0.1", -0.1, math.nan, [0.1]])
def test_a_schedule_of_what_is_no_rate_is_refused_when_it_is_made(make, rate):
    with pytest.raises(ValueError, match=r"(start|end|factor|schedule) is a number of at least 0, got"):
        make(rate)


@pytest.mark.parametrize("updated", [None, [1.0], ([1.0], {}, 1), (None, {}), 3])
def test_an_update_that_returns_something_else_is_told_what_to_return(updated):
    class Wrong(Optimizer):
        def update(self, *_):
            return updated

    with pytest.raises(TypeError, match=r"Wrong.update must return where the parameters go, in a list, and"):
        Wrong([Value(1.0)], lr=0.1).step()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (None, "Wrong.rule must return a function, it returned None"),
        (lambda p, g, mean: p - g, r"must return a tuple, \(parameter, mean,\), it returned 1"),
        (lambda p, g, mean: (p - g,), r"must return a tuple, \(parameter, mean,\), it returned \(1"),
        (lambda p, g, mean: None, r"must return a tuple, \(parameter, mean,\), it returned None"),
    ],
)
def test_a_rule_that_returns_something_else_is_told_what_to_return(rule, message):
    class Wrong(Optimizer):
        kept = ("mean",)

        def rule(self, *_):
            return rule

    parameter = Value(1.0)
    with pytest.raises(TypeError, match=message):
        Wrong([parameter], lr=0.1).step()
    assert parameter.data == 1.0


def test_parameters_of_equal_numbers_are_different_parameters():
    assert len(SGD([Value(1.0), Value(1.0)], lr=0.1).parameters) == 2


def test_parameters_may_come_from_a_generator():
    assert len(SGD((p for p in MLP(2, [1], rng=0).parameters()), lr=0.1).parameters) == 3


def test_an_optimizer_without_an_update_says_so():
    with pytest.raises(NotImplementedError):
        Optimizer([Value(1.0)], lr=0.1).step()


class Failing(SGD):
    def update(self, numbers, gradients, lr):
        moved, state = super().update(numbers, gradients, lr)
        if self.steps == 2:
            raise RuntimeError("no third step")
        return moved, state


def test_a_step_that_fails_moves_nothing():
    parameters = values_with_gradients(1.0, 2.0)
    optimizer = Failing(parameters, lr=0.1, momentum=0.9)
    optimizer.step()
    optimizer.step()
    before = ([p.data for p in parameters], [p.grad for p in parameters], optimizer.state_dict())
    with pytest.raises(RuntimeError, match="no third step"):
        optimizer.step()
    assert ([p.data for p in parameters], [p.grad for p in parameters], optimizer.state_dict()) == before


def test_a_schedule_that_fails_moves_nothing():
    parameters = values_with_gradients(1.0)
    optimizer = SGD(parameters, lr=lambda step: 1 / (step - 1))
    optimizer.steps = 1
    with pytest.raises(ZeroDivisionError):
        optimizer.step()
    assert (parameters[0].data, optimizer.steps) == (0.0, 1)


# --- Rules of one's own -----------------------------------------------------------------------------------------------


class Normalised(Optimizer):
    """A rule of one's own, with a memory."""

    kept = ("mean",)

    def rule(self, lr, sqrt):
        def move(p, g, mean):
            mean = 0.5 * mean + 0.5 * g
            return p - lr * mean / sqrt(1 + mean * mean), mean

        return move


def test_a_rule_of_ones_own():
    # mean = 1.5, 1.5 / 2 - 0.375 = 0.375, so 1.5 / sqrt(3.25) and 0.375 / sqrt(1.140625)
    wanted = [1.0 - 0.1 * 1.5 / math.sqrt(3.25)]
    wanted.append(wanted[0] - 0.1 * 0.375 / math.sqrt(1.140625))
    optimizer = Normalised([Value(1.0)], lr=0.1)
    assert steps(optimizer, [3.0, -0.75]) == pytest.approx(wanted, rel=1e-15)
    assert optimizer.state_dict() == {"kind": "Normalised", "steps": 2, "state": {"mean": [0.375]}}


def test_optimisers_do_not_import_numpy():
    code = (
        "import sys; from nn import Adam, MLP; Adam(MLP(1, [1]).parameters()).step(); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- States ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_state_goes_on_where_it_was_taken(make):
    start = [1.0, -0.5, 0.25]
    original = make([Value(number) for number in start])
    halfway = descend(original, 4)
    state = original.state_dict()
    wanted = descend(original, 4)

    resumed = make([Value(number) for number in halfway])
    resumed.load_state_dict(state)
    assert resumed.steps == 4
    assert descend(resumed, 4) == wanted
    assert resumed.state_dict() == original.state_dict()


def test_a_state_is_a_copy():
    optimizer = SGD([Value(1.0)], lr=0.1, momentum=0.9)
    descend(optimizer, 2)
    state = optimizer.state_dict()
    kept = {"kind": "SGD", "steps": 2, "state": {"velocity": list(state["state"]["velocity"])}}
    descend(optimizer, 2)
    assert state == kept
    optimizer.load_state_dict(state)
    descend(optimizer, 2)
    assert state == kept


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"kind": "SGD", "steps": 9, "state": {"velocity": [1.0]}},
            "velocity has 1 numbers, the optimizer 2 parameters",
        ),
        ({"kind": "SGD", "steps": 9, "state": {"velocity": ["a", "b"]}}, None),
        ({"kind": "SGD", "steps": 9, "state": {"velocity": [1.0, None]}}, None),
        ({"kind": "SGD", "steps": 9}, "not a state of SGD"),
        ({"kind": "SGD", "state": {"velocity": [1.0, 2.0]}}, "not a state of SGD"),
        ({"kind": "Adam", "steps": 9, "state": {"means": [1.0, 2.0]}}, "not a state of SGD"),
        ({}, "not a state of SGD"),
        (None, "not a state of SGD"),
        ({"kind": "SGD", "steps": 9, "state": None}, "not a state of SGD"),
        ({"kind": "SGD", "steps": 9, "state": {"velocity": 1.0}}, "velocity wants a list of numbers.* got 1"),
        ({"kind": "SGD", "steps": 9, "state": {"velocity": "ab"}}, "velocity wants a list of numbers.* got 'ab'"),
        ({"kind": "SGD", "steps": 9, "state": {}}, "does not fit this SGD: missing velocity"),
        ({"kind": "SGD", "steps": 9, "state": {"speed": [1.0, 2.0]}}, "missing velocity; unknown speed"),
        ({"kind": "SGD", "steps": 0, "state": {"speed": [1.0, 2.0]}}, "unknown speed"),
        ({"kind": "SGD", "steps": -1, "state": {}}, "steps is an integer"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, message):
    optimizer = SGD([Value(1.0), Value(2.0)], lr=0.1, momentum=0.9)
    descend(optimizer, 2)
    before = optimizer.state_dict()
    with pytest.raises((ValueError, TypeError), match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_the_state_of_an_optimiser_that_took_no_step_can_be_loaded():
    optimizer = SGD([Value(1.0)], lr=0.1, momentum=0.9)
    fresh = optimizer.state_dict()
    descend(optimizer, 2)
    optimizer.load_state_dict(fresh)
    assert optimizer.state_dict() == fresh


@pytest.mark.parametrize("moved", [[0.0, "x"], [0.0], [0.0, (-1.0) ** 0.5]])
def test_an_update_that_is_wrong_moves_nothing(moved):
    class Wrong(Optimizer):
        def update(self, *_):
            return moved, {}

    parameters = [Value(1.0), Value(2.0)]
    optimizer = Wrong(parameters, lr=0.1)
    with pytest.raises((TypeError, ValueError), match=r"Wrong.update"):
        optimizer.step()
    assert [p.data for p in parameters] == [1.0, 2.0]
    assert optimizer.steps == 0
