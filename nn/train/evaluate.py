"""What a network says of examples, and how good that is by a loss: a row of the table or a function of the user's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import autograd
from autograd import Value, equal, no_grad
from autograd.checks import listed
from autograd.primitive import to_float
from nn.losses import LOSSES, Loss, half_squared_error, quadratic_cost
from nn.train.examples import Examples, as_list, as_rows, as_targets, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nn.losses import LossFunction, Output
    from nn.modules import Module


# --- What a training asks of its loss --------------------------------------------------------------------------------


def loss_function(loss: str | LossFunction) -> LossFunction:
    """The loss behind a name, of one example."""
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"unknown loss {loss!r}: write one of {', '.join(LOSSES)}, or a function(output, target)")
        return LOSSES[loss]
    if loss is quadratic_cost:
        return half_squared_error  # quadratic_cost is its mean over a batch
    if not callable(loss):
        raise TypeError(f"a loss is a name or a function(output, target), got {loss!r:.100}")
    return loss


def is_for_classes(loss: LossFunction) -> bool:
    """Whether outputs stand for a class under this loss."""
    return isinstance(loss, Loss) and loss.decide is not None


def decide(loss: LossFunction, output: Sequence[float]) -> float | int | None:
    """The class that outputs stand for under a loss; None where the loss is not one for classes."""
    if not isinstance(loss, Loss) or loss.decide is None:
        return None
    decision: float = loss.decide(output)
    return int(decision) if decision == int(decision) else decision


def is_right(loss: Any, output: Output, target: Value) -> Value:
    """Whether what `decide` says of an output is its target, 1 or 0, as an operation on Values."""
    right: Value = equal(loss.decide(listed(output)), target)
    return right


def check_targets(loss: LossFunction, targets: Iterable[Any], outputs: int, name: str = "y") -> None:
    """A ValueError for the first target that the loss cannot take, for a network of that many outputs."""
    if isinstance(loss, Loss):
        loss.check(outputs, targets, name + "[{}]")


# --- Models on examples ----------------------------------------------------------------------------------------------


def check_model(model: Any) -> None:
    """A TypeError for what cannot be called with an example."""
    if isinstance(model, type):
        raise TypeError(f"the model must be an instance, got the class {model.__name__}: write {model.__name__}(...)")
    if not callable(model):
        raise TypeError(
            f"a model is called with an example, model(x), got {model!r:.100}: "
            f"write a subclass of nn.Module with a __call__"
        )


def checked_examples(model: Any, loss: LossFunction, X: Any, y: Any, names: tuple[str, str]) -> Examples:
    """Examples that this model and this loss can take; errors name what is wrong."""
    check_model(model)
    X = rows_of(X, getattr(model, "nin", None), names[0])
    y = as_targets(y, len(X), names[1])
    with no_grad():
        output = model(as_list(X[0]))
        check_targets(loss, y, len(numbers_of(output)), names[1])
        cost = loss(output, y[0])
    if not isinstance(cost, Value):
        raise TypeError(f"the loss must return a Value, computed from the output, it returned {cost!r:.100}")
    return Examples(X, y)


def predict(model: Module, X: Any, loss: str | LossFunction | None = None) -> list[Any]:
    """What the network says of each example.

    Args:
        model: a module that can be called with one example.
        X: n examples, as for `fit`.
        loss: the loss that it was trained with; then the classes are returned that its outputs stand for.

    Returns:
        n numbers, or n lists of numbers where the network has several outputs; with a loss for classes, n classes.

    Raises:
        ValueError: a shape does not fit, or a number is nan or infinite.

    Example:
        >>> from nn import MLP
        >>> len(predict(MLP(2, [3], rng=0), [[1.0, 2.0]])[0])
        3
    """
    check_model(model)
    with no_grad():
        outputs = [numbers_of(model(x)) for x in as_rows(X, getattr(model, "nin", None))]  # type: ignore[operator]
    if loss is not None and is_for_classes(function := loss_function(loss)):
        return [decide(function, output) for output in outputs]
    return [output[0] if len(output) == 1 else output for output in outputs]


def evaluate(model: Module, X: Any, y: Any, loss: str | LossFunction = "cross_entropy") -> tuple[float, float]:
    """The mean loss over examples, and the share that is right (nan where the loss is not for classes).

    Args:
        model: a module that can be called with one example.
        X, y: examples, as for `fit`.
        loss: a name or a function, as for `fit`.

    Raises:
        ValueError: a shape or a target does not fit, or a number is nan or infinite.

    Example:
        >>> from nn import MLP
        >>> loss, accuracy = evaluate(MLP(2, [1], rng=0), [[1.0, 2.0]], [1], loss="hinge")
        >>> accuracy in (0.0, 1.0)
        True
    """
    function = loss_function(loss)
    return mean_loss_and_share(model, function, checked_examples(model, function, X, y, ("X", "y")))


def accuracy(model: Module, X: Any, y: Any, loss: str | LossFunction = "cross_entropy") -> float:
    """The share of examples, from 0 to 1, whose class the network gets right.

    Args:
        model: a module that can be called with one example.
        X, y: examples, as for `fit`.
        loss: the loss for classes that it was trained with.

    Raises:
        ValueError: a shape or a target does not fit, a number is nan or infinite, or the loss is not for classes.

    Example:
        >>> from nn import MLP
        >>> accuracy(MLP(2, [1], init=lambda rng, nin, nout: 1.0), [[1.0, 2.0]], [1], loss="hinge")
        1.0
    """
    share = evaluate(model, X, y, loss)[1]
    if math.isnan(share):
        *others, last = [name for name, row in LOSSES.items() if is_for_classes(row)]
        raise ValueError(f"accuracy wants a loss for classes, {', '.join(others)} or {last}, got {loss!r:.100}")
    return share


def mean_loss_and_share(model: Any, loss: LossFunction, examples: Examples) -> tuple[float, float]:
    """The mean loss over examples, and the share that is right; nan where the loss is not for classes."""
    X, y = as_list(examples.X), examples.y
    with no_grad():
        outputs = [model(x) for x in X]
        total = sum([loss(output, target).data for output, target in zip(outputs, y)])
    if not is_for_classes(loss):
        return total / len(y), math.nan
    return total / len(y), sum(decide(loss, numbers_of(z)) == target for z, target in zip(outputs, y)) / len(y)


def numbers_of(output: Any) -> list[float]:
    """What a network returned, a Value, a number or a list of them, as floats."""
    values = as_list(output)
    if not isinstance(values, (list, tuple)):
        values = [values]
    try:
        return [value.data if isinstance(value, Value) else to_float(value, "an output") for value in values]
    except autograd.CompileError:
        raise
    except TypeError:
        raise TypeError(
            f"a model must return a Value or a list of Values, it returned {output!r:.100}{_instead(output)}"
        ) from None


def _instead(output: Any) -> str:
    """What a model is to return instead of this."""
    if output is None:
        return ": is there a return in its __call__?"
    if isinstance(output, dict):
        return ": write list(outputs.values())"
    if hasattr(output, "output"):
        return ": write return model(x) for return model.forward(x)"
    if isinstance(output, (list, tuple)) or hasattr(output, "shape"):
        return ": write one list, not lists in a list"
    return ": write list(outputs)" if hasattr(output, "__iter__") and not isinstance(output, str) else ""
