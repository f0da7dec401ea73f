"""Losses: what one example costs, from the network's output and the target. Smaller is better.

`fit` and `evaluate` average them over a batch. Those for classes work on logits, the outputs of a linear last layer,
and are exact for logits of any size. All that is known about a loss stands in one row: its formula, what it wants of
targets and, where it is for classes, the class that outputs stand for.

A target may be a Value as well, whose number is then not looked at: that is how a compiled training calls them.
"""

from __future__ import annotations

import math
import sys
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any

import autograd
from autograd import Value, equal, greater, maximum, minimum, softplus, where
from autograd.modes import changes
from autograd.primitives import Number, to_float
from autograd.scopes import Scope, current, mark_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Output = Value | float | Sequence[Value | float]
    LossFunction = Callable[[Any, Any], Value]

_LARGEST = sys.float_info.max
_VALUES = {Value}


class Loss:
    """One row of the table of losses. It is called with the output of a network and a target, and returns a Value.

    `nn.LOSSES["margin"] = Loss(margin)` makes it known by name. Its nodes are in a scope of its name, which pictures
    can fold into a box.

    Args:
        formula: a function of the outputs, a list, and the target. Its name is that of the loss.
        wants: a function of a target and the number of outputs: what the loss wants where this target is something
            else, "" where it is fine. A loss for classes is handed a float, nan for a target that is no number.
        outputs: how many outputs a network needs to have: at least, at most.
        instead: what to use for another number of outputs.
        decide: for classes: a function of the outputs that returns the class that they stand for. It is handed floats,
            or Values where it is compiled: it is written with operations, `where(greater(z, 0.0), 1.0, 0.0)`.

    Example:
        >>> def margin(outputs, target):
        ...     return autograd.relu(2 - target * outputs[0])
        >>> loss = Loss(margin, decide=lambda outputs: where(greater(outputs[0], 0.0), 1.0, -1.0))
        >>> loss(Value(0.5), 1).data, decide(loss, [0.5])
        (1.5, 1)
    """

    counts_changes = True  # see autograd.modes.changes
    __name__: str
    __qualname__: str

    def __init__(
        self,
        formula: Callable[[list[Any], Any], Value],
        *,
        wants: Callable[[Any, int], str] = lambda target, outputs: "",  # noqa: ARG005
        outputs: tuple[int, float] = (1, math.inf),
        instead: str = "another loss",
        decide: Callable[[Sequence[Any]], Any] | None = None,
    ) -> None:
        update_wrapper(self, formula)
        self.formula, self.wants, self.decide = formula, wants, decide
        self.outputs, self.instead = outputs, instead

    def __setattr__(self, name: str, attribute: Any) -> None:
        super().__setattr__(name, attribute)
        changes[0] += 1

    def __call__(self, output: Output, target: Any) -> Value:
        outputs = _many(output)
        if not _VALUES.issuperset(map(type, outputs)) or not outputs:
            _check_outputs(outputs, output, self.__name__)
        if len(outputs) > self.outputs[1]:
            raise self.wrong_outputs(len(outputs))
        if not isinstance(target, Number):
            self.check_target(target, len(outputs), "the target")
        cost = self.formula(outputs, target)
        if cost.__class__ is Value:  # and not a dual number
            mark_between(outputs, cost, Scope(self.__name__, current()))
        return cost

    def check_target(self, target: Any, outputs: int, place: str) -> None:
        """Whether this is a target that the loss can take.

        Raises:
            ValueError: it is not; begins with the place, says what was wanted.
        """
        wanted = self.wants(_number(target) if self.decide else target, outputs)
        if wanted and self.decide and isinstance(target, (list, tuple)):
            one_hot = len(target) == outputs > 1 and sum(target) == 1
            wanted += ", one number for each example"
            wanted += ": write y.index(1) for the class that such a row is 1 for" * one_hot
        if wanted:
            raise ValueError(f"{place} is {target!s:.100}, {self.__name__} wants {wanted}")

    def wrong_outputs(self, outputs: int) -> ValueError:
        """The error for a network of so many outputs."""
        least, most = self.outputs
        wanted = "one output" if most == 1 else f"{least} outputs or more"
        return ValueError(f"{self.__name__} wants {wanted}, got {outputs}: use {self.instead}")

    def __repr__(self) -> str:
        return f"<loss {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__qualname__


def _wants_as_many(target: Any, outputs: int) -> str:
    targets = _many(target)
    fits = len(targets) == outputs and all(map(_is_number, targets))
    return "" if fits else f"as many numbers as the network has outputs, {outputs}"


@partial(Loss, wants=_wants_as_many)
def half_squared_error(output: list[Value], target: Output) -> Value:
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
    return autograd.sum([(z - y) ** 2 for z, y in zip(output, _many(target))]) * 0.5


@partial(Loss, wants=_wants_as_many)
def mean_squared_error(output: list[Value], target: Output) -> Value:
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
    return autograd.mean([(z - y) ** 2 for z, y in zip(output, _many(target))])


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


@partial(
    Loss,
    outputs=(1, 1),
    instead="cross_entropy for several",
    wants=lambda y, _: "" if y in (-1, 1) else "a class of -1 or 1: map classes 0 and 1 with 2 * y - 1",
    decide=lambda z: where(greater(z[0], 0.0), 1.0, -1.0),
)
def hinge(output: list[Value], target: Value | float) -> Value:
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
    return autograd.relu(1 - target * output[0])


@partial(
    Loss,
    outputs=(1, 1),
    instead="cross_entropy for several",
    wants=lambda y, _: "" if 0 <= y <= 1 else "a class of 0 or 1 or a probability between",
    decide=lambda z: where(greater(z[0], 0.0), 1.0, 0.0),
)
def binary_cross_entropy(output: list[Value], target: Value | float) -> Value:
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
    (z,) = output
    if isinstance(target, Number):  # what a class multiplies by 0 is kept finite: 0 times infinity would be nan
        z_if_one = where(equal(target, 0), maximum(z, -_LARGEST), z)
        z_if_zero = where(equal(target, 1), minimum(z, _LARGEST), z)
        return target * softplus(-z_if_one) + (1 - target) * softplus(z_if_zero)
    if 0 < target < 1:
        return target * softplus(-z) + (1 - target) * softplus(z)
    return softplus(-z) if target == 1 else softplus(z)


def _largest(logits: Sequence[Any]) -> Any:
    """Which is the largest, the first of several."""
    largest, decision = logits[0], 0.0
    for k, logit in enumerate(logits[1:], 1):
        is_larger = greater(logit, largest)
        largest, decision = where(is_larger, logit, largest), where(is_larger, float(k), decision)
    return decision


@partial(
    Loss,
    outputs=(2, math.inf),
    instead="binary_cross_entropy for one",
    wants=lambda y, k: "" if 0 <= y < k and y == int(y) else f"a class from 0 to {k - 1}, an integer",
    decide=_largest,
)
def cross_entropy(output: list[Value], target: Value | float) -> Value:
    """-log p_y with p = softmax(z), computed from the logits z without overflow. Its derivative is p_k - 1[k = y].

    Args:
        output: k >= 2 logits.
        target: the class, an integer from 0 to k - 1.

    Raises:
        ValueError: the class is out of range.

    Example:
        >>> logits = [Value(0.0), Value(0.0)]
        >>> cross_entropy(logits, 1).backward()
        >>> [z.grad for z in logits]
        [0.5, -0.5]
    """
    if not isinstance(target, Number):
        return autograd.logsumexp(output) - output[int(target)]
    chosen: Value | float = math.nan  # a Value that is no class makes the loss nan
    for k, z in enumerate(output):
        chosen = where(equal(target, k), z, chosen)
    return autograd.logsumexp(output) - chosen


LOSSES: dict[str, LossFunction] = {
    "half_squared_error": half_squared_error,
    "quadratic_cost": half_squared_error,  # the average over the batch makes one of the other
    "mean_squared_error": mean_squared_error,
    "hinge": hinge,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
}


# --- What a training asks of a loss, a row or a function of the user's own -------------------------------------------


def loss_function(loss: str | LossFunction) -> LossFunction:
    """The loss behind a name.

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


def is_for_classes(loss: LossFunction) -> bool:
    """Whether outputs stand for a class under this loss."""
    return isinstance(loss, Loss) and loss.decide is not None


def decide(loss: LossFunction, output: Sequence[float]) -> float | int | None:
    """The class that outputs stand for under a loss; None where the loss is not one for classes.

    Example:
        >>> decide(cross_entropy, [0.1, 2.0, -1.0]), decide(hinge, [-0.3]), decide(binary_cross_entropy, [-0.3])
        (1, -1, 0)
    """
    if not isinstance(loss, Loss) or loss.decide is None:
        return None
    decision: float = loss.decide(output)
    return int(decision) if decision == int(decision) else decision


def is_right(loss: LossFunction, output: Output, target: Value) -> Value:
    """Whether what `decide` says of an output is its target, 1 or 0, as an operation on Values.

    Args:
        loss: one for classes.
        output: what the network returned.
        target: the class.

    Example:
        >>> is_right(cross_entropy, [Value(0.1), Value(2.0), Value(2.0)], Value(1.0)).data
        1.0
    """
    assert isinstance(loss, Loss)
    assert loss.decide is not None
    return equal(loss.decide(_many(output)), target)


def check_targets(loss: LossFunction, targets: Iterable[Any], outputs: int, name: str = "y") -> None:
    """Whether every target is one that the loss can take, for a network of so many outputs.

    Raises:
        ValueError: names the first that is not, and what was wanted.
    """
    if isinstance(loss, Loss):
        if not loss.outputs[0] <= outputs <= loss.outputs[1]:
            raise loss.wrong_outputs(outputs)
        for k, target in enumerate(targets):
            loss.check_target(target, outputs, f"{name}[{k}]")


def _many(output: Any) -> list[Any]:
    if hasattr(output, "tolist"):
        output = output.tolist()
    return list(output) if hasattr(output, "__iter__") else [output]


def _check_outputs(outputs: list[Any], output: Any, name: str) -> None:
    """Whether these are Values, numbers of another kind that is differentiated, or plain numbers, and not none."""
    if not outputs:
        raise ValueError(f"{name} wants the output of a network, got an empty {type(output).__name__}")
    for z in outputs:
        if not _is_number(z):
            raise TypeError(
                f"{name} wants the output of a network, a Value or a list of Values, got {output!r:.100}"
                + ": write a list of them, not lists in a list" * isinstance(z, (list, tuple))
            )


def _is_number(z: Any) -> bool:
    return isinstance(z, (float, int, Number)) or not math.isnan(_number(z))


def _number(target: Any) -> float:
    """A target that is a number; nan for anything else, which is no class and no probability."""
    if target.__class__ is float or target.__class__ is int:
        return target
    try:
        return to_float(target, "a target")
    except TypeError:
        return math.nan
