"""`fit`: training by mini-batch gradient descent."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from autograd.checks import above, at_least, integer
from nn.train.evaluate import check_model, checked_examples, is_for_classes, loss_function
from nn.train.history import History
from nn.train.interrupt import CtrlC
from nn.train.optimizer import Optimizer
from nn.train.optimizers import OPTIMIZERS, SGD
from nn.train.progress import Bar, progress_bar
from nn.train.steps import choose_steps, resumed
from nn.train.task import Snapshot, Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from autograd import Value
    from nn.losses import LossFunction
    from nn.modules import Module
    from nn.train.steps import Steps

    Callback = Callable[[int, History], None]


def fit(
    model: Module,
    X: Any,
    y: Any,
    loss: str | LossFunction = "cross_entropy",
    optimizer: str | Optimizer | None = None,
    epochs: int = 10,
    batch_size: int | None = None,
    validation: tuple[Any, Any] | None = None,
    seed: int = 0,
    progress: bool | None = None,
    l2: float = 0.0,
    clip_norm: float | None = None,
    callback: Callback | None = None,
    compiled: bool | Literal["auto"] = "auto",
) -> History:
    """Train a network on examples by mini-batch gradient descent; the recorded curves.

    Everything is checked before the first step. Where training fails, also in a callback, parameters, gradients and
    optimizer are as they were before the call. Ctrl-C ends it at any point and keeps what the last whole step
    left; a KeyboardInterrupt in a model, a loss or a callback does so too.

    Where llvmlite is installed the steps run as native code, which gives the same results hundreds of times faster.
    Model and loss are run a few times for that, and what they compute is recorded. What they do besides happens only
    then: write compiled=False for a model or a loss that prints or counts. After a callback they are recorded again if
    anything has changed that they read. Where they compute something else each time, as with dropout, steps are eager.

    Args:
        model: a module that can be called with one example.
        X: n examples, each of nin numbers: lists, a NumPy array of shape (n, nin), or a pandas frame.
        y: n targets: numbers, or lists of k numbers for the squared errors.
        loss: the name of a loss in `nn.LOSSES`, or a function(output, target) that returns a Value.
        optimizer: an optimizer of this model's parameters, the name of one in `nn.OPTIMIZERS` with its own learning
            rate, or None for SGD with learning rate 0.1.
        epochs: how many times to go through the examples.
        batch_size: examples per step; None for all of them, in the order given. Smaller batches are drawn in a new
            random order each epoch.
        validation: a pair like (X, y) to evaluate after each epoch.
        seed: of the order of the examples.
        progress: whether to show a progress bar (tqdm); None for: at a terminal, if tqdm is installed.
        l2: this much times the sum of all squared parameters is added to the loss of each batch.
        clip_norm: shrink the gradient of a step to this Euclidean norm.
        callback: called as callback(epoch, history) after each epoch, counted from 1; `nn.plots.UpdateRatio(model)` is
            one.
        compiled: "auto" for native code where that is possible (`history.compiled` and `history.note` tell), True to
            be told by an error where it is not, False for steps on Values.

    Raises:
        ValueError: a shape, a target or an option does not fit, or a number is nan or infinite.
        TypeError: something has the wrong type.
        FloatingPointError: the loss became nan or infinite; names the step.
        ModuleNotFoundError: `compiled` is True and llvmlite is missing, or `progress` is True and tqdm is.
        CompileError: `compiled` is True and the model or the loss cannot be recorded; a kind of TypeError.

    Example:
        >>> from nn import MLP, fit
        >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> model = MLP(2, [8, 1], activation="tanh", rng=1)
        >>> history = fit(model, X, y, loss="binary_cross_entropy", optimizer="adam", epochs=300, progress=False)
        >>> history.loss[-1] < history.loss[0]
        True
    """
    history = History()
    bar = Bar(None, history)
    before: Snapshot | None = None
    steps: Steps | None = None

    def train() -> None:
        nonlocal bar, before, steps
        run = _Training(model, X, y, loss, optimizer, batch_size, validation, l2, clip_norm)
        rng = random.Random(seed if seed is None else integer(seed, "seed", at_least=0))
        last = integer(epochs, "epochs", at_least=0)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is a function of (epoch, history), got {callback!r:.100}")
        if not (progress is None or isinstance(progress, bool)):
            raise ValueError(f"progress is True, False or None, got {progress!r:.100}")
        if not isinstance(compiled, bool) and compiled != "auto":
            raise ValueError(f'compiled is True, False or "auto", got {compiled!r:.100}')
        before = Snapshot.of(run.task)
        steps, history.note = choose_steps(run.task, compiled)
        history.compiled = not history.note
        bar = progress_bar(last, progress, history)
        for epoch in range(1, last + 1):
            run.epoch(epoch, steps, history, rng, ctrl_c)
            bar.epoch_done()
            if callback is not None:
                steps.write()
                callback(epoch, history)
                steps, note = resumed(steps, compiled)
                if note:
                    history.compiled, history.note = False, f"after epoch {epoch}: {note}"

    with CtrlC() as ctrl_c:
        try:
            ctrl_c.may_end(train)
            if steps:
                steps.write()
            elif before:
                before.restore()
        except BaseException:
            if before:
                before.restore()
            raise
        finally:
            bar.close()
    history.interrupted = ctrl_c.pressed
    return history


class _Training:
    """What one call of `fit` works with, checked."""

    def __init__(
        self,
        model: Module,
        X: Any,
        y: Any,
        loss: str | LossFunction,
        optimizer: str | Optimizer | None,
        batch_size: int | None,
        validation: tuple[Any, Any] | None,
        l2: float,
        clip_norm: float | None,
    ) -> None:
        check_model(model)
        if not hasattr(model, "parameters"):
            raise TypeError(
                f"fit wants a model that has parameters(), got {model!r:.100}: write a subclass of nn.Module"
            )
        function, parameters = loss_function(loss), model.parameters()
        if not parameters:
            raise ValueError(
                f"{model!r:.100} has no parameters: give it Values or modules as attributes, self.w = Value(0.0)"
            )
        optimizer = _optimizer(optimizer, parameters)
        examples = checked_examples(model, function, X, y, ("X", "y"))
        self.n = len(examples.y)
        self.batch_size = self.n if batch_size is None else integer(batch_size, "batch_size", at_least=1)
        validated = None
        if validation is not None:
            if not isinstance(validation, (tuple, list)) or len(validation) != 2:
                raise ValueError(f"validation wants a pair (X, y), got {validation!r:.100}")
            validated = checked_examples(model, function, *validation, ("validation X", "validation y"))
        l2 = at_least("l2", l2, 0.0)
        clip_norm = None if clip_norm is None else above("clip_norm", clip_norm, 0.0)
        self.task = Task(model, function, parameters, optimizer, examples, validated, l2, clip_norm)
        self.classifies = is_for_classes(function)

    def epoch(self, epoch: int, steps: Steps, history: History, rng: random.Random, ctrl_c: CtrlC) -> None:
        """One pass over the examples, a step for each batch."""
        total, right, rate = 0.0, 0, math.nan
        for step, (batch, count) in enumerate(steps.batches(self._order(rng), self.batch_size), 1):
            ctrl_c.check()
            rate = self.task.optimizer.learning_rate
            batch_loss, batch_right = steps.step(batch, rate)
            if not math.isfinite(batch_loss) or not steps.parameters_are_finite():
                what = f"loss became {batch_loss}" if not math.isfinite(batch_loss) else "parameters overflowed"
                raise FloatingPointError(
                    f"the {what} in epoch {epoch}, step {step}, at learning rate {rate:g}: try a smaller one, or "
                    f"clip_norm=1.0; autograd.detect_anomaly() shows where the first nan or inf is made"
                )
            total += batch_loss * count
            right += batch_right
        validated = steps.validate()
        history.loss.append(total / self.n)
        history.learning_rate.append(rate)
        if self.classifies:
            history.accuracy.append(right / self.n)
        if validated:
            history.validation_loss.append(validated[0])
            if self.classifies:
                history.validation_accuracy.append(validated[1])

    def _order(self, rng: random.Random) -> list[int] | None:
        """The order of the examples in an epoch, None for the one they were given in."""
        if self.batch_size >= self.n:
            return None
        order = list(range(self.n))
        rng.shuffle(order)
        return order


def _optimizer(optimizer: str | Optimizer | None, parameters: list[Value]) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        strangers = set(optimizer.parameters) - set(parameters)
        if strangers:
            raise ValueError(
                f"the optimizer moves {len(strangers)} Values that are not parameters of this model: "
                f"make it with model.parameters() of the model that is trained"
            )
        return optimizer
    if optimizer is None:
        return SGD(parameters, lr=0.1)
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        raise ValueError(
            f"unknown optimizer {optimizer!r:.100}: write one of {', '.join(OPTIMIZERS)}, or an Optimizer such as "
            f"Adam(model.parameters())"
        )
    return SGD(parameters, lr=0.1) if optimizer == "sgd" else OPTIMIZERS[optimizer](parameters)  # type: ignore[call-arg]
