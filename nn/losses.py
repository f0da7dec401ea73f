"""Losses: what one example costs, from the network's output and the target. Smaller is better.

`fit` and `evaluate` average them over a batch. Those for classes work on logits, the outputs of a linear last layer,
and are exact for logits of any size.

A target may be a Value as well, whose number is then not looked at: that is how a compiled training calls them.
"""

from __future__ import annotations

import math
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

import autograd
from autograd import Value, equal, maximum, minimum, softplus, where
from autograd.primitives import to_float
from autograd.scopes import Scope, current, mark_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    F = TypeVar("F", bound=Callable[..., Value])
    Output = Value | float | Sequence[Value | float]
    Loss = Callable[[Any, Any], Value]

_LARGEST = sys.float_info.max
_VALUES = {Value}


def _in_its_scope(loss: F) -> F:
    """The loss, whose nodes pictures can fold into a box with its name."""

    @wraps(loss)
    def in_scope(output: Any, target: Any) -> Value:
        outputs = _many(output)
        if not _VALUES.issuperset(map(type, outputs)) or not outputs:
            _check_outputs(outputs, output, loss.__name__)
        cost = loss(outputs, target)
        if cost.__class__ is Value:  # and not a dual number
            mark_between(outputs, cost, Scope(loss.__name__, current()))
        return cost

    return in_scope  # type: ignore[return-value]


@_in_its_scope
def half_squared_error(output: Output, target: Output) -> Value:
    """Half the squared distance, 1/2 sum_j (z_j - y_j)^2, whose derivative with respect to z_j is z_j - y_j.

    Args:
        output: a Value, or k of them.
        target: a number, or k of them.

    Raises:
        ValueError: output and target differ in length.

    Example:
        >>> z = Value(3.0)
        >>> half_squared_error(z, 1.0).backward()
        >>> z.grad
        2.0
    """
    return autograd.sum([(z - y) ** 2 for z, y in _pairs(output, target)]) * 0.5


@_in_its_scope
def mean_squared_error(output: Output, target: Output) -> Value:
    """The mean of the squared differences, 1/k sum_j (z_j - y_j)^2.

    Args:
        output: a Value, or k of them.
        target: a number, or k of them.

    Raises:
        ValueError: output and target differ in length.

    Example:
        >>> mean_squared_error([Value(3.0), Value(1.0)], [1.0, 1.0]).data
        2.0
    """
    return autograd.mean([(z - y) ** 2 for z, y in _pairs(output, target)])


def quadratic_cost(outputs: Sequence[Output], targets: Sequence[Output]) -> Value:
    """The quadratic cost of n examples, 1/(2n) sum_x ||y(x) - a(x)||^2: the average of `half_squared_error`.

    Args:
        outputs: n outputs of the network.
        targets: n targets.

    Raises:
        ValueError: there are no examples, or outputs and targets differ in length.
        TypeError: outputs or targets are no lists.

    Example:
        >>> quadratic_cost([Value(3.0), Value(1.0)], [1.0, 1.0]).data
        1.0
    """
    if not hasattr(outputs, "__len__") or not hasattr(targets, "__len__"):
        raise TypeError(
            f"quadratic_cost wants lists of n outputs and n targets, got {outputs!r:.100} and {targets!r:.100}: "
            f"write half_squared_error(output, target) for one example"
        )
    if len(outputs) != len(targets):
        raise ValueError(f"quadratic_cost wants a target for every output, got {len(outputs)} and {len(targets)}")
    return autograd.mean([half_squared_error(a, y) for a, y in zip(outputs, targets)])


@_in_its_scope
def hinge(output: Value, target: Value | float) -> Value:
    """max(0, 1 - y z) for a score z and a class y of -1 or 1.

    Args:
        output: the score, a Value.
        target: -1 or 1.

    Raises:
        ValueError: the target is another number, or there are several outputs.

    Example:
        >>> hinge(Value(0.25), -1).data
        1.25
    """
    if not _is_node(target) and _number(target) not in (-1, 1):
        raise ValueError(f"hinge wants a class of -1 or 1, got {target!r:.100}: map classes 0 and 1 with 2 * y - 1")
    return autograd.relu(1 - target * _one(output, "hinge"))


@_in_its_scope
def binary_cross_entropy(output: Value, target: Value | float) -> Value:
    """-y log p - (1 - y) log(1 - p) with p = sigmoid(z), computed from the logit z without overflow.

    Args:
        output: the logit z, a Value.
        target: the class, 0 or 1, or a probability between them.

    Raises:
        ValueError: the target is another number, or there are several outputs.

    Example:
        >>> binary_cross_entropy(Value(1000.0), 0).data
        1000.0
    """
    z = _one(output, "binary_cross_entropy")
    if _is_node(target):  # what a class multiplies by 0 is kept finite: 0 times infinity would be nan
        z_if_one = where(equal(target, 0), maximum(z, -_LARGEST), z)
        z_if_zero = where(equal(target, 1), minimum(z, _LARGEST), z)
        return target * softplus(-z_if_one) + (1 - target) * softplus(z_if_zero)
    number = _number(target)
    if 0 < number < 1:
        return target * softplus(-z) + (1 - target) * softplus(z)
    if number not in (0, 1):
        raise ValueError(f"binary_cross_entropy wants a class of 0 or 1 or a probability between, got {target!r:.100}")
    return softplus(-z) if target == 1 else softplus(z)


@_in_its_scope
def cross_entropy(output: Sequence[Value], target: Value | float) -> Value:
    """-log p_y with p = softmax(z), computed from the logits z without overflow. Its derivative is p_k - 1[k = y].

    Args:
        output: k >= 2 logits.
        target: the class, a whole number from 0 to k - 1.

    Raises:
        ValueError: the class is out of range.

    Example:
        >>> logits = [Value(0.0), Value(0.0)]
        >>> cross_entropy(logits, 1).backward()
        >>> [z.grad for z in logits]
        [0.5, -0.5]
    """
    logits = _many(output)
    if _is_node(target):
        chosen: Value | float = math.nan  # a Value that is no class makes the loss nan
        for k, z in enumerate(logits):
            chosen = where(equal(target, k), z, chosen)
        return autograd.logsumexp(logits) - chosen
    number = _number(target)
    if not 0 <= number < len(logits) or number != int(number):
        raise ValueError(
            f"cross_entropy of {len(logits)} logits wants a class from 0 to {len(logits) - 1}, got {target!r:.100}"
        )
    return autograd.logsumexp(logits) - logits[int(number)]


LOSSES: dict[str, Loss] = {
    "half_squared_error": half_squared_error,
    "quadratic_cost": half_squared_error,  # the average over the batch makes one of the other
    "mean_squared_error": mean_squared_error,
    "hinge": hinge,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
}


def loss_function(loss: str | Loss) -> Loss:
    """The function behind a loss's name.

    Raises:
        ValueError: the name is unknown; lists those that are known.
        TypeError: neither a name nor a function.

    Example:
        >>> loss_function("hinge").__name__
        'hinge'
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"unknown loss {loss!r}: write one of {', '.join(LOSSES)}, or a function(output, target)")
        return LOSSES[loss]
    if loss is quadratic_cost:
        return half_squared_error  # of one example; the average over the batch makes one of the other
    if not callable(loss):
        raise TypeError(f"a loss is a name or a function(output, target), got {loss!r:.100}")
    return loss


def decide(loss: Loss, output: Sequence[float]) -> float | int | None:
    """The class that outputs stand for under a loss; None where the loss is not one for classes.

    Example:
        >>> decide(cross_entropy, [0.1, 2.0, -1.0]), decide(hinge, [-0.3]), decide(binary_cross_entropy, [-0.3])
        (1, -1, 0)
    """
    if loss is cross_entropy:
        return max(range(len(output)), key=output.__getitem__)
    if loss is hinge:
        return 1 if output[0] > 0 else -1
    if loss is binary_cross_entropy:
        return 1 if output[0] > 0 else 0
    return None


def is_right(loss: Loss, output: Output, target: Value) -> Value:
    """Whether what `decide` says of an output is its target, 1 or 0, as an operation on Values.

    Args:
        loss: one for classes.
        output: what the network returned.
        target: the class.

    Example:
        >>> is_right(cross_entropy, [Value(0.1), Value(2.0), Value(2.0)], Value(1.0)).data
        1.0
    """
    outputs = _many(output)
    if loss is not cross_entropy:
        other = -1.0 if loss is hinge else 0.0
        return equal(where(autograd.greater(outputs[0], 0.0), 1.0, other), target)
    largest, decision = outputs[0], Value(0.0)
    for k, logit in enumerate(outputs[1:], 1):
        is_larger = autograd.greater(logit, largest)
        largest, decision = where(is_larger, logit, largest), where(is_larger, float(k), decision)
    return equal(decision, target)


def check_targets(loss: Loss, targets: Iterable[Any], outputs: int, name: str = "y") -> None:
    """Whether every target is one that the loss can take, for a network of so many outputs.

    Raises:
        ValueError: names the first that is not, and what was wanted.
    """
    if loss in (hinge, binary_cross_entropy) and outputs != 1:
        raise ValueError(f"{loss.__name__} is for a network of one output, this one has {outputs}: use cross_entropy")
    if loss is cross_entropy and outputs < 2:
        raise ValueError("cross_entropy is for a network of 2 outputs or more: use binary_cross_entropy for one")
    for k, target in enumerate(targets):
        wanted = _wanted(loss, target, outputs)
        if wanted:
            raise ValueError(f"{name}[{k}] is {target!s:.100}, {getattr(loss, '__name__', 'the loss')} wants {wanted}")


def _wanted(loss: Loss, target: Any, outputs: int) -> str:
    """What the loss wants where this target is something else; "" where it is fine."""
    if loss in (hinge, binary_cross_entropy, cross_entropy) and isinstance(target, list):
        one_hot = loss is cross_entropy and sum(target) == 1
        return "one number for each example" + ": write y.index(1) for the class that such a row is 1 for" * one_hot
    if loss is hinge:
        return "" if target in (-1, 1) else "-1 or 1: map classes 0 and 1 with 2 * y - 1"
    if loss is binary_cross_entropy:
        return "" if 0 <= target <= 1 else "a number from 0 to 1"
    if loss is cross_entropy:
        fits = target == math.floor(target) and 0 <= target < outputs
        return "" if fits else f"a class, a whole number from 0 to {outputs - 1}"
    if loss in LOSSES.values():
        length = len(target) if isinstance(target, list) else 1
        return "" if length == outputs else f"as many numbers as the network has outputs, {outputs}"
    return ""


def _is_node(target: Any) -> bool:
    """Whether this is a Value, or a number of another kind that is differentiated or recorded."""
    return hasattr(target, "_rank")


def _many(output: Any) -> list[Value]:
    if hasattr(output, "tolist"):
        output = output.tolist()
    return list(output) if hasattr(output, "__iter__") else [output]


def _check_outputs(outputs: list[Any], output: Any, name: str) -> None:
    """Whether these are Values, numbers of another kind that is differentiated, or plain numbers, and not none."""
    if not outputs:
        raise ValueError(f"{name} wants the output of a network, got an empty {type(output).__name__}")
    for z in outputs:
        if not (_is_node(z) or isinstance(z, (float, int))) and math.isnan(_number(z)):
            raise TypeError(
                f"{name} wants the output of a network, a Value or a list of Values, got {output!r:.100}"
                + ": write a list of them, not lists in a list" * isinstance(z, (list, tuple))
            )


def _number(target: Any) -> float:
    """A target that is a number; nan for anything else, which is no class and no probability."""
    if target.__class__ is float or target.__class__ is int:
        return target
    try:
        return to_float(target, "a target")
    except TypeError:
        return math.nan


def _one(output: Any, name: str) -> Value:
    values = _many(output)
    if len(values) != 1:
        raise ValueError(f"{name} wants one output, got {len(values)}: use cross_entropy for several")
    return values[0]


def _pairs(output: Any, target: Any) -> list[tuple[Value, Value | float]]:
    outputs, targets = _many(output), _many(target)
    if len(outputs) != len(targets):
        raise ValueError(f"a squared error wants as many targets as outputs, got {len(targets)} for {len(outputs)}")
    for y in targets:
        if not (isinstance(y, float) or _is_node(y)):
            to_float(y, "a squared error's target")
    return list(zip(outputs, targets))
