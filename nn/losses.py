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
from autograd.checks import listed
from autograd.counted import Counted
from autograd.primitive import Number, to_float
from autograd.scopes import Scope, current, mark_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Output = Value | float | Sequence[Value | float]
    LossFunction = Callable[[Any, Any], Value]

_LARGEST = sys.float_info.max
_VALUES = {Value}


class Loss(Counted):
    """One row of the table of losses. It is called with the output of a network and a target, and returns a Value.

    `nn.LOSSES["margin"] = Loss(margin)` makes it known by name. Its nodes are in a scope of its name, which pictures
    can collapse into a box.

    Args:
        formula: a function of the outputs, a list, and the target. Its name is that of the loss.
        outputs: how many outputs the network needs to have: at least, at most.
        wants: a function of a target and the number of outputs: what kind of target the loss expects, "" if this one is
            valid. A loss for classes is handed one number, nan for a target that is none.
        decide: for classes: a function of the outputs that returns the class that they stand for. It is handed floats,
            or Values where it is compiled: it is written with operations, `where(greater(z, 0.0), 1.0, 0.0)`.

    Raises:
        ValueError: when it is called with a target that it cannot take, or with another number of outputs.

    Example:
        >>> def margin(outputs, target):
        ...     return autograd.relu(2 - target * outputs[0])
        >>> Loss(margin, decide=lambda outputs: where(greater(outputs[0], 0.0), 1.0, -1.0))(Value(0.5), 1).data
        1.5
    """

    __name__: str
    __qualname__: str

    def __init__(
        self,
        formula: Callable[[list[Any], Any], Value],
        *,
        outputs: tuple[int, float] = (1, math.inf),
        wants: Callable[[Any, int], str] = lambda target, outputs: "",  # noqa: ARG005
        decide: Callable[[Sequence[Any]], Any] | None = None,
    ) -> None:
        update_wrapper(self, formula)
        self.formula, self.outputs, self.wants, self.decide = formula, outputs, wants, decide

    def __call__(self, output: Output, target: Any) -> Value:
        outputs = listed(output)
        if {*map(type, outputs)} != _VALUES:
            _check_outputs(outputs, output, self.__name__)
        self.check(len(outputs), () if isinstance(target, Number) else (target,), "the target")
        cost = self.formula(outputs, target)
        if cost.__class__ is Value:  # and not a dual number
            mark_between([*outputs, *listed(target)], cost, Scope(self.__name__, current()))
        return cost

    def check(self, outputs: int, targets: Iterable[Any], place: str) -> None:
        """A ValueError if the loss cannot take that many outputs, or a target, the k-th, at `place.format(k)`."""
        least, most = self.outputs
        if not least <= outputs <= most:
            wanted = "one output" if most == 1 else f"{least} outputs or more"
            instead = "cross_entropy for several" if outputs > most else "binary_cross_entropy for one"
            raise ValueError(f"{self.__name__} wants {wanted}, got {outputs}: use {instead}")
        for k, target in enumerate(targets):
            wanted = self.wants(math.nan if self.decide and not _is_number(target) else target, outputs)
            if wanted and self.decide and isinstance(target, list):
                one_hot = len(target) == outputs > 1 and sum(target) == 1
                instead = ": write y.index(1) for the class that such a row is 1 for" if one_hot else f", {wanted}"
                wanted = f"one number for each example{instead}"
            if wanted:
                raise ValueError(f"{place.format(k)} is {target!s:.100}, {self.__name__} wants {wanted}")

    def __repr__(self) -> str:
        return f"<loss {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__qualname__


LOSSES: dict[str, LossFunction] = {}
"""The table: what a loss is called, and the loss. A user's row may be added."""


def _row(formula: Callable[[list[Any], Any], Value], **known: Any) -> Loss:
    """A formula as a row of the table, under its own name, with all else that is known about it."""
    loss = LOSSES[formula.__name__] = Loss(formula, **known)
    return loss


def _wants_as_many(target: Any, outputs: int) -> str:
    targets = listed(target)
    fits = len(targets) == outputs and all(map(_is_number, targets))
    return "" if fits else f"as many numbers as the network has outputs, {outputs}"


def _squares(output: list[Value], target: Output) -> list[Value]:
    targets = listed(target)
    if len(targets) != len(output):  # Values, whose numbers were not looked at
        raise ValueError(f"a squared error wants as many targets as outputs, got {len(targets)} for {len(output)}")
    return [(z - y) ** 2 for z, y in zip(output, targets)]


@partial(_row, wants=_wants_as_many)
def half_squared_error(output: list[Value], target: Output) -> Value:
    """Half the squared distance of k outputs and k targets, 1/2 sum_j (z_j - y_j)^2, whose gradient is z_j - y_j.

    Example:
        >>> z = Value(3.0)
        >>> half_squared_error(z, 1.0).backward()
        >>> z.grad
        2.0
    """
    return autograd.sum(_squares(output, target)) * 0.5


@partial(_row, wants=_wants_as_many)
def mean_squared_error(output: list[Value], target: Output) -> Value:
    """The mean of the squared differences of k outputs and k targets, 1/k sum_j (z_j - y_j)^2.

    Example:
        >>> mean_squared_error([Value(3.0), Value(1.0)], [1.0, 1.0]).data
        2.0
    """
    return autograd.mean(_squares(output, target))


LOSSES["quadratic_cost"] = half_squared_error  # which is its mean over a batch


def quadratic_cost(outputs: Sequence[Output], targets: Sequence[Output]) -> Value:
    """The quadratic cost of lists of n >= 1 outputs and n targets, 1/(2n) sum_x ||y(x) - a(x)||^2.

    It is the average of `half_squared_error`.

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
    _row,
    outputs=(1, 1),
    wants=lambda y, _: "" if y in (-1, 1) else "a class of -1 or 1: map classes 0 and 1 with 2 * y - 1",
    decide=lambda z: where(greater(z[0], 0.0), 1.0, -1.0),
)
def hinge(output: list[Value], target: Value | float) -> Value:
    """max(0, 1 - y z) for one output z, a score, and a class y of -1 or 1.

    Example:
        >>> hinge(Value(0.25), -1).data
        1.25
    """
    return autograd.relu(1 - target * output[0])


@partial(
    _row,
    outputs=(1, 1),
    wants=lambda y, _: "" if 0 <= y <= 1 else "a class of 0 or 1 or a probability between",
    decide=lambda z: where(greater(z[0], 0.0), 1.0, 0.0),
)
def binary_cross_entropy(output: list[Value], target: Value | float) -> Value:
    """-y log p - (1 - y) log(1 - p) with p = sigmoid(z), computed from the one output z, a logit, without overflow.

    The target y is a class, 0 or 1, or a probability between them.

    Example:
        >>> binary_cross_entropy(Value(1000.0), 0).data
        1000.0
    """
    (z,) = output
    if isinstance(target, Number):  # what is multiplied by 0 is kept finite: 0 * inf would be nan
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
    _row,
    outputs=(2, math.inf),
    wants=lambda y, k: "" if 0 <= y < k and y == int(y) else f"a class from 0 to {k - 1}, an integer",
    decide=_largest,
)
def cross_entropy(output: list[Value], target: Value | float) -> Value:
    """-log p_y with p = softmax(z), computed from n >= 2 logits z without overflow. Its gradient is p_k - 1[k = y].

    The target y is a class, an integer from 0 to n - 1.

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


def _check_outputs(outputs: list[Any], output: Any, name: str) -> None:
    """An error for no outputs, and for those that are no numbers of any kind."""
    if not outputs:
        raise ValueError(f"{name} wants the output of a network, got an empty {type(output).__name__}")
    if not all(map(_is_number, outputs)):
        raise TypeError(
            f"{name} wants the output of a network, a Value or a list of Values, got {output!r:.100}"
            + ": write a list of them, not lists in a list" * any(isinstance(z, (list, tuple)) for z in outputs)
        )


def _is_number(z: Any) -> bool:
    if isinstance(z, (float, int, Number)):
        return True
    try:
        to_float(z, "a loss")
    except TypeError:
        return False
    return True
