"""What a training asks of its loss, be it a row of the table or a function of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd import Value, equal
from autograd.checks import listed
from nn.losses import LOSSES, Loss, half_squared_error, quadratic_cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nn.losses import LossFunction, Output


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
        >>> from nn import binary_cross_entropy, cross_entropy, hinge
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
        >>> from nn import cross_entropy
        >>> is_right(cross_entropy, [Value(0.1), Value(2.0), Value(2.0)], Value(1.0)).data
        1.0
    """
    assert isinstance(loss, Loss)
    assert loss.decide is not None
    right: Value = equal(loss.decide(listed(output)), target)
    return right


def check_targets(loss: LossFunction, targets: Iterable[Any], outputs: int, name: str = "y") -> None:
    """Whether every target is one that the loss can take, for a network of so many outputs.

    Raises:
        ValueError: names the first that is not, and what was wanted.
    """
    if isinstance(loss, Loss):
        loss.check(outputs, targets, name + "[{}]")
