"""Losses: values and gradients against closed forms, exactness at large logits, and errors."""

import math

import numpy as np
import pytest

import autograd
from autograd import Value, check_grads
from autograd.scopes import scope_of
from nn import (
    LOSSES,
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    hinge,
    mean_squared_error,
    quadratic_cost,
)
from nn.train.evaluate import check_targets, decide, is_right, loss_function

LOGITS = [-30.0, -3.0, -1.0, -0.25, 0.0, 0.5, 2.0, 20.0]


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def value_and_gradients(loss, outputs, target):
    values = [Value(z) for z in outputs]
    result = loss(values if len(values) > 1 else values[0], target)
    result.backward()
    return result.data, [value.grad for value in values]


# --- Squared errors --------------------------------------------------------------------------------------------------


def test_half_squared_error_and_its_gradient():
    value, gradients = value_and_gradients(half_squared_error, [3.0, -1.0, 0.5], [1.0, 2.0, 0.5])
    assert value == (2.0**2 + 3.0**2) / 2
    assert gradients == [2.0, -3.0, 0.0]


def test_mean_squared_error_and_its_gradient():
    value, gradients = value_and_gradients(mean_squared_error, [3.0, -1.0, 0.5], [1.0, 2.0, 0.5])
    assert value == pytest.approx((2.0**2 + 3.0**2) / 3, rel=1e-15)
    assert gradients == pytest.approx([4 / 3, -2.0, 0.0], rel=1e-15)


@pytest.mark.parametrize("loss", [half_squared_error, mean_squared_error])
def test_a_squared_error_of_one_output_takes_it_with_or_without_a_list(loss):
    assert loss(Value(3.0), 1.0).data == loss([Value(3.0)], [1.0]).data == loss([Value(3.0)], 1.0).data


def test_quadratic_cost_is_half_the_mean_squared_distance_over_the_examples():
    outputs = [[Value(3.0), Value(0.0)], [Value(1.0), Value(-1.0)]]
    cost = quadratic_cost(outputs, [[1.0, 0.0], [0.0, 2.0]])
    cost.backward()
    assert cost.data == (4.0 + (1.0 + 9.0)) / (2 * 2)
    assert [[z.grad for z in output] for output in outputs] == [[1.0, 0.0], [0.5, -1.5]]


@pytest.mark.parametrize("loss", [half_squared_error, mean_squared_error])
@pytest.mark.parametrize(("outputs", "targets"), [(2, [1.0]), (2, 1.0), (1, [1.0, 2.0]), (2, [1.0, 2.0, 3.0])])
def test_a_squared_error_wants_as_many_targets_as_outputs(loss, outputs, targets):
    with pytest.raises(ValueError, match=f"wants as many numbers as the network has outputs, {outputs}"):
        loss([Value(0.0)] * outputs, targets)


def test_quadratic_cost_wants_a_target_for_every_output_and_at_least_one():
    with pytest.raises(ValueError, match="a target for every output, got 2 and 1"):
        quadratic_cost([Value(1.0), Value(2.0)], [1.0])
    with pytest.raises(ValueError, match="empty"):
        quadratic_cost([], [])


# --- Hinge -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("z", [-1000.0, -2.0, -0.5, 0.0, 0.5, 2.0, 1000.0])
@pytest.mark.parametrize("y", [-1, 1])
def test_hinge_and_its_gradient(z, y):
    value, (gradient,) = value_and_gradients(hinge, [z], y)
    assert value == max(0.0, 1 - y * z)
    assert gradient == (-y if y * z < 1 else 0.0)


def test_hinge_takes_its_one_output_in_a_list_and_refuses_several():
    assert hinge([Value(0.25)], 1).data == 0.75
    with pytest.raises(ValueError, match="hinge wants one output, got 2: use cross_entropy for several"):
        hinge([Value(0.0), Value(1.0)], 1)


# --- Binary cross-entropy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("z", LOGITS)
@pytest.mark.parametrize("y", [0, 1, 0.25, 0.5])
def test_binary_cross_entropy_and_its_gradient(z, y):
    value, (gradient,) = value_and_gradients(binary_cross_entropy, [z], y)
    assert value == pytest.approx(math.log1p(math.exp(-abs(z))) + max(z, 0.0) - y * z, rel=1e-14, abs=1e-14)
    assert gradient == pytest.approx(sigmoid(z) - y, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("z", "y", "value", "gradient"),
    [
        (1000.0, 0, 1000.0, 1.0),
        (1000.0, 1, 0.0, 0.0),
        (-1000.0, 1, 1000.0, -1.0),
        (-1000.0, 0, 0.0, 0.0),
        (1000.0, 0.5, 500.0, 0.5),
        (-1000.0, 0.25, 250.0, -0.25),
        (0.0, 1, math.log(2), -0.5),
    ],
)
def test_binary_cross_entropy_is_exact_at_large_logits(z, y, value, gradient):
    assert value_and_gradients(binary_cross_entropy, [z], y) == (value, [gradient])


def test_binary_cross_entropy_keeps_the_digits_of_a_small_loss():
    assert binary_cross_entropy(Value(40.0), 1).data == pytest.approx(math.exp(-40), rel=1e-14)


def test_binary_cross_entropy_refuses_several_outputs():
    with pytest.raises(ValueError, match="binary_cross_entropy wants one output, got 3: use cross_entropy"):
        binary_cross_entropy([Value(0.0)] * 3, 1)


# --- Cross-entropy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [0, 1, 2])
def test_cross_entropy_and_its_gradient(target):
    logits = [0.5, -1.0, 2.0]
    total = sum(math.exp(z) for z in logits)
    value, gradients = value_and_gradients(cross_entropy, logits, target)
    assert value == pytest.approx(math.log(total) - logits[target], rel=1e-14)
    assert gradients == pytest.approx([math.exp(z) / total - (k == target) for k, z in enumerate(logits)], rel=1e-14)


@pytest.mark.parametrize(
    ("logits", "target", "value", "gradients"),
    [
        ([1000.0, -1000.0], 0, 0.0, [0.0, 0.0]),
        ([1000.0, -1000.0], 1, 2000.0, [1.0, -1.0]),
        ([-1000.0, -1000.0], 1, math.log(2), [0.5, -0.5]),
        ([1000.0, 1000.0], 0, math.log(2), [-0.5, 0.5]),
        ([1000.0, 0.0, -1000.0], 1, 1000.0, [1.0, -1.0, 0.0]),
    ],
)
def test_cross_entropy_is_exact_at_large_logits(logits, target, value, gradients):
    got, got_gradients = value_and_gradients(cross_entropy, logits, target)
    assert got == pytest.approx(value, rel=1e-13)
    assert got_gradients == pytest.approx(gradients, rel=1e-13)


def test_cross_entropy_does_not_change_when_a_number_is_added_to_all_logits():
    assert cross_entropy([Value(1.0), Value(3.0)], 0).data == pytest.approx(
        cross_entropy([Value(501.0), Value(503.0)], 0).data, rel=1e-12
    )


def test_cross_entropy_of_two_logits_is_binary_cross_entropy_of_their_difference():
    assert cross_entropy([Value(0.5), Value(2.0)], 1).data == pytest.approx(
        binary_cross_entropy(Value(1.5), 1).data, rel=1e-14
    )


@pytest.mark.parametrize("target", [-1, 3, 100, 0.5, math.nan, math.inf])
def test_cross_entropy_refuses_what_is_no_class(target):
    with pytest.raises(ValueError, match=r"the target is .*, cross_entropy wants a class from 0 to 2"):
        cross_entropy([Value(0.0)] * 3, target)


def test_cross_entropy_takes_a_whole_float_as_a_class():
    logits = [Value(0.5), Value(2.0)]
    assert cross_entropy(logits, 1.0).data == cross_entropy(logits, 1).data


# --- Derivatives of all orders, in both modes ------------------------------------------------------------------------


@pytest.mark.parametrize("y", [-1, 1])
@pytest.mark.parametrize("z", [-2.5, -0.3, 0.4, 3.0])
def test_derivatives_of_hinge(z, y):
    check_grads(lambda z: hinge(z, y), (z,))


@pytest.mark.parametrize("y", [0, 1, 0.3])
@pytest.mark.parametrize("z", [-2.5, 0.0, 0.4, 3.0])
def test_derivatives_of_binary_cross_entropy(z, y):
    check_grads(lambda z: binary_cross_entropy(z, y), (z,))


@pytest.mark.parametrize("target", [0, 1, 2])
def test_derivatives_of_cross_entropy(target):
    check_grads(lambda z: cross_entropy(z, target), ([0.3, -1.2, 2.0],))


@pytest.mark.parametrize("loss", [half_squared_error, mean_squared_error])
def test_derivatives_of_squared_errors(loss):
    check_grads(lambda z: loss(z, [1.0, -0.5]), ([0.3, -1.2],))
    check_grads(lambda z, y: loss(z, y), ([0.3, -1.2], [1.0, -0.5]))


def test_derivatives_of_quadratic_cost():
    check_grads(lambda z: quadratic_cost(z, [[1.0, -0.5], [0.0, 2.0]]), ([[0.3, -1.2], [0.7, 0.1]],))


# --- Targets that are Values -----------------------------------------------------------------------------------------

INFINITE = [math.inf, -math.inf]


def same(left, right):
    """Equal to the last bit, nan to nan."""
    return left == right or (math.isnan(left) and math.isnan(right))


@pytest.mark.parametrize(
    ("loss", "outputs", "target"),
    [
        *((hinge, [z], y) for z in [*LOGITS, *INFINITE] for y in (-1, 1)),
        *((binary_cross_entropy, [z], y) for z in [*LOGITS, 800.0, -800.0, *INFINITE] for y in (0, 1, 0.25, 0.5)),
        *((cross_entropy, logits, k) for logits in ([0.5, -1.0, 2.0], [1e3, -1e3, 0.0], [2.0] * 3) for k in range(3)),
        *((cross_entropy, [-math.inf, 0.5, 1.0], k) for k in (1, 2)),
        *((cross_entropy, [0.5, 2.0], y) for y in (1.0, 0.0)),
        (half_squared_error, [0.3], 0.7),
        (half_squared_error, [0.3, -1.2], [1.0, -0.5]),
        (mean_squared_error, [0.3], 0.7),
        (mean_squared_error, [0.3, -1.2, 0.1], [1.0, -0.5, 7.0]),
    ],
)
def test_a_target_that_is_a_value_gives_what_its_number_gives(loss, outputs, target):
    wanted, wanted_gradients = value_and_gradients(loss, outputs, target)
    as_values = [Value(y) for y in target] if isinstance(target, list) else Value(target)
    for targets in (as_values, np.array(as_values)) if isinstance(target, list) else (as_values,):
        value, gradients = value_and_gradients(loss, outputs, targets)
        assert same(value, wanted)
        assert all(map(same, gradients, wanted_gradients))


@pytest.mark.parametrize("y", [-1, 0, 0.25, 1, 2])
@pytest.mark.parametrize("loss", [hinge, binary_cross_entropy])
def test_derivatives_with_respect_to_a_target(loss, y):
    check_grads(loss, (0.3, float(y)))
    check_grads(loss, (-2.3, float(y)))


def test_the_target_of_cross_entropy_is_a_choice_which_has_no_derivative():
    target = Value(1.0)
    cross_entropy([Value(0.5), Value(2.0)], target).backward()
    assert target.grad == 0.0


def test_a_value_that_is_no_class_makes_the_loss_nan():
    for target in (-1.0, 0.5, 2.0, math.nan):
        assert math.isnan(cross_entropy([Value(0.5), Value(2.0)], Value(target)).data)


# --- Names, decisions and targets ------------------------------------------------------------------------------------


def test_every_loss_has_its_name_and_a_function_stands_for_itself():
    assert list(LOSSES) == [
        "half_squared_error",
        "mean_squared_error",
        "quadratic_cost",
        "hinge",
        "binary_cross_entropy",
        "cross_entropy",
    ]
    assert loss_function("hinge") is hinge
    assert loss_function(sigmoid) is sigmoid


def test_an_unknown_name_is_refused_with_the_names_of_all():
    with pytest.raises(ValueError, match=f"unknown loss 'mse': write one of {', '.join(LOSSES)}, or a function"):
        loss_function("mse")


@pytest.mark.parametrize("loss", [None, 3, ["hinge"]])
def test_a_loss_that_is_neither_name_nor_function_is_refused(loss):
    with pytest.raises(TypeError, match="a loss is a name or a function"):
        loss_function(loss)


@pytest.mark.parametrize(
    ("loss", "output", "decision"),
    [
        (cross_entropy, [0.1, 2.0, -1.0], 1),
        (cross_entropy, [2.0, 2.0], 0),
        (hinge, [0.1], 1),
        (hinge, [-0.1], -1),
        (binary_cross_entropy, [0.1], 1),
        (binary_cross_entropy, [-0.1], 0),
        (half_squared_error, [0.1], None),
        (mean_squared_error, [0.1], None),
        (sigmoid, [0.1], None),
    ],
)
def test_the_class_that_outputs_stand_for(loss, output, decision):
    assert decide(loss, output) == decision


@pytest.mark.parametrize(
    ("loss", "outputs", "classes"),
    [
        (cross_entropy, [[0.1, 2.0, -1.0], [2.0, 2.0, 0.0], [0.0, 2.0, 2.0], [-1.0, -2.0, -1.0]], [0, 1, 2]),
        (hinge, [[0.5], [-0.5], [0.0], [-0.0]], [-1, 1]),
        (binary_cross_entropy, [[0.5], [-0.5], [0.0], [-0.0]], [0, 0.5, 1]),
    ],
)
def test_whether_an_output_is_right_can_be_computed_on_values(loss, outputs, classes):
    for target in classes:
        wanted = [float(decide(loss, output) == target) for output in outputs]
        found = [is_right(loss, [Value(z) for z in output], Value(target)) for output in outputs]
        assert [value.data for value in found] == wanted


@pytest.mark.parametrize(
    ("loss", "targets", "outputs", "message"),
    [
        (hinge, [1, -1, 0], 1, r"y\[2\] is 0, hinge wants a class of -1 or 1: map classes 0 and 1 with 2 \* y - 1"),
        (hinge, [1, -1], 2, "hinge wants one output, got 2: use cross_entropy for several"),
        (
            hinge,
            [[1.0, 2.0]],
            1,
            r"y\[0\] is \[1\.0, 2\.0\], hinge wants one number for each example",
        ),
        (
            binary_cross_entropy,
            [0, 1, 1.5],
            1,
            r"y\[2\] is 1\.5, binary_cross_entropy wants a class of 0 or 1 or a",
        ),
        (
            binary_cross_entropy,
            [0, -1],
            1,
            r"y\[1\] is -1, binary_cross_entropy wants a class of 0 or 1 or a",
        ),
        (
            binary_cross_entropy,
            [0, 1],
            3,
            "binary_cross_entropy wants one output, got 3: use cross_entropy for several",
        ),
        (cross_entropy, [0, 3], 3, r"y\[1\] is 3, cross_entropy wants a class from 0 to 2, an integer"),
        (cross_entropy, [-1], 3, r"y\[0\] is -1, cross_entropy wants a class"),
        (cross_entropy, [0.5], 3, r"y\[0\] is 0\.5, cross_entropy wants a class"),
        (cross_entropy, [0], 1, "cross_entropy wants 2 outputs or more, got 1: use binary_cross_entropy for one"),
        (
            half_squared_error,
            [[1.0, 2.0]],
            3,
            r"half_squared_error wants as many numbers as the network has outputs, 3",
        ),
        (mean_squared_error, [1.0], 2, r"y\[0\] is 1\.0, mean_squared_error wants as many numbers .* 2"),
    ],
)
def test_targets_that_a_loss_cannot_take_are_named(loss, targets, outputs, message):
    with pytest.raises(ValueError, match=message):
        check_targets(loss, targets, outputs)


@pytest.mark.parametrize(
    ("loss", "targets", "outputs"),
    [
        (hinge, [1, -1, 1.0], 1),
        (binary_cross_entropy, [0, 1, 0.5], 1),
        (cross_entropy, [0, 1, 2, 2.0], 3),
        (half_squared_error, [[1.0, 2.0], [0.0, -7.0]], 2),
        (mean_squared_error, [1.0, 2], 1),
        (sigmoid, ["anything"], 1),
    ],
)
def test_targets_that_a_loss_can_take(loss, targets, outputs):
    check_targets(loss, targets, outputs)


def test_losses_by_hand_check_their_targets_and_take_arrays():
    with pytest.raises(ValueError, match="the target is 0, hinge wants a class of -1 or 1: map classes"):
        hinge(Value(0.3), 0)
    with pytest.raises(ValueError, match=r"the target is 5, .* wants a class of 0 or 1 or a probability between"):
        binary_cross_entropy(Value(0.3), 5)
    with pytest.raises(
        ValueError, match=r"the target is \[0, 1\], .* wants one number for each example: write y\.index\(1\)"
    ):
        cross_entropy([Value(0.0), Value(1.0)], [0, 1])
    assert mean_squared_error([Value(1.0), Value(3.0)], np.array([1.0, 2.0])).data == 0.5
    assert cross_entropy(np.array([Value(0.0), Value(0.0)]), 1).data == pytest.approx(math.log(2))


NO_OUTPUT = [None, "ab", {"a": Value(1.0)}, [None, 1.0], [[Value(1.0)], [Value(2.0)]], np.zeros((2, 2))]


@pytest.mark.parametrize("loss", [hinge, binary_cross_entropy, cross_entropy, half_squared_error, mean_squared_error])
@pytest.mark.parametrize("output", NO_OUTPUT)
def test_what_is_no_output_of_a_network_is_refused(loss, output):
    with pytest.raises(TypeError, match=f"{loss.__name__} wants the output of a network, a Value or a list of Values"):
        loss(output, 1)


@pytest.mark.parametrize("loss", [hinge, binary_cross_entropy, cross_entropy, half_squared_error, mean_squared_error])
def test_no_output_is_refused(loss):
    with pytest.raises(ValueError, match=f"{loss.__name__} wants the output of a network, got an empty list"):
        loss([], [])


@pytest.mark.parametrize(
    ("loss", "output", "message"),
    [
        (hinge, Value(1.0), "the target is .*, hinge wants .*a class of -1 or 1"),
        (
            binary_cross_entropy,
            Value(1.0),
            "the target is .*, binary_cross_entropy wants .*a class of 0 or 1 or a probability",
        ),
        (cross_entropy, [Value(1.0), Value(2.0)], "the target is .*, cross_entropy wants .*a class from 0 to 1"),
    ],
)
@pytest.mark.parametrize("target", [None, "cat", [1], np.array([1, 2]), {}, 1j])
def test_targets_that_are_no_numbers_are_no_classes(loss, output, message, target):
    with pytest.raises(ValueError, match=message):
        loss(output, target)


@pytest.mark.parametrize("loss", [half_squared_error, mean_squared_error])
@pytest.mark.parametrize("target", [None, "1", {}, [[1.0]]])
def test_targets_of_squared_errors_are_numbers(loss, target):
    with pytest.raises((TypeError, ValueError), match=r"the target is .* wants as many numbers"):
        loss(Value(1.0), target)


@pytest.mark.parametrize(
    ("outputs", "targets"), [(Value(1.0), [1.0]), ([Value(1.0)], 1.0), (None, None), (Value(1.0), 1.0)]
)
def test_the_quadratic_cost_is_one_of_lists(outputs, targets):
    with pytest.raises(TypeError, match=r"quadratic_cost wants lists of n outputs .* write half_squared_error\("):
        quadratic_cost(outputs, targets)


def test_an_array_of_one_value_is_one_output():
    for output in (np.array([Value(0.25)]), np.array(Value(0.25))):
        assert hinge(output, -1).data == 1.25
        assert is_right(hinge, output, Value(1.0)).data == 1.0


def test_binary_cross_entropy_of_a_value_target_keeps_its_gradient():
    target = Value(1.0)
    binary_cross_entropy(Value(1.0), target).backward()
    assert target.grad == pytest.approx(-1.0)


def test_values_as_targets_are_as_many_as_outputs():
    for loss in (half_squared_error, mean_squared_error):
        with pytest.raises(ValueError, match="a squared error wants as many targets as outputs, got 1 for 2"):
            loss([Value(3.0), Value(1.0)], Value(1.0))


def test_a_loss_leaves_the_scopes_of_its_targets_as_they_are():
    with autograd.scope("teacher"):
        target = Value(1.0) * 2.0
    cost = half_squared_error(Value(3.0), target)
    assert scope_of(target).name == "teacher"
    assert scope_of(cost).name == "half_squared_error"
