"""Training: `fit`, what it records, and what a trained network says."""

from __future__ import annotations

import math
import random
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from autograd import Value, no_grad
from autograd.checks import above, at_least, whole
from autograd.extras import how_to_install
from nn.losses import LOSSES
from nn.train.criterion import check_targets, decide, is_for_classes, loss_function
from nn.train.examples import as_rows, as_targets
from nn.train.optimizers import OPTIMIZERS, SGD, Optimizer
from nn.train.steps import WITHOUT_COMPILER, Task, choose_steps, mean_loss_and_share, numbers_of, resumed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Literal

    from nn.losses import LossFunction
    from nn.modules import Module
    from nn.train.steps import CompiledSteps, EagerSteps

    Callback = Callable[[int, "History"], None]


class History:
    """The curves that `fit` recorded: one number per epoch.

    Attributes:
        loss: the mean over the epoch's examples, each taken before the update that its batch led to.
        accuracy: the share of the epoch's examples that were right, likewise; empty for a loss that is not for classes.
        validation_loss, validation_accuracy: after the epoch; empty without validation data.
        learning_rate: of the epoch's last step.
        interrupted: whether Ctrl-C ended the training, perhaps before its first epoch was complete.
        compiled: whether the steps ran as native code.
        note: why they did not; "" where they did.

    Example:
        >>> from nn import MLP, fit
        >>> fit(MLP(1, [1], rng=0), [[0.0], [1.0]], [0.0, 2.0], loss="half_squared_error", epochs=200, progress=False)
        History of 200 epochs: loss ... -> ...
    """

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.accuracy: list[float] = []
        self.validation_loss: list[float] = []
        self.validation_accuracy: list[float] = []
        self.learning_rate: list[float] = []
        self.interrupted = False
        self.compiled = False
        self.note = ""

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return len(self.loss)

    def plot(self, ax: Any = None) -> Any:
        """Draw the curves with matplotlib: the loss and, where there is one, the accuracy.

        Args:
            ax: one matplotlib Axes for the loss, or two for loss and accuracy; made unless given.

        Returns:
            The Axes, in a list.

        Raises:
            ModuleNotFoundError: matplotlib is missing; says how to install it.
        """
        from nn.plots import learning_curves

        return learning_curves(self, ax)

    def __repr__(self) -> str:
        parts = [f"History of {self.epochs} epoch{'' if self.epochs == 1 else 's'}"]
        curves = [f"{name.replace('_', ' ')} {_ends(numbers)}" for name, numbers in self._curves() if numbers]
        return ": ".join(parts + [", ".join(curves)] * bool(curves)) + (" (interrupted)" if self.interrupted else "")

    def _curves(self) -> list[tuple[str, list[float]]]:
        return [
            ("loss", self.loss),
            ("accuracy", self.accuracy),
            ("validation_loss", self.validation_loss),
            ("validation_accuracy", self.validation_accuracy),
        ]


def _ends(numbers: Sequence[float]) -> str:
    return f"{numbers[0]:.4g} -> {numbers[-1]:.4g}"


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
    """Train a network on examples by mini-batch gradient descent.

    Everything is checked before the first step. Where training fails, also in a callback, parameters, gradients and
    optimiser are as they were before the call. Ctrl-C ends it, whatever it is at, and keeps what the last whole step
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
        optimizer: an optimiser of this model's parameters, the name of one in `nn.OPTIMIZERS` with its own learning
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

    Returns:
        The recorded curves.

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
    bar: _Bar | _NoBar = _NoBar()
    keep = undo = _nothing

    def train() -> None:
        nonlocal bar, keep, undo
        run = _Training(model, X, y, loss, optimizer, batch_size, validation, l2, clip_norm)
        rng, last = random.Random(seed if seed is None else whole(seed, "seed", 0)), whole(epochs, "epochs", at_least=0)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is a function of (epoch, history), got {callback!r:.100}")
        if not (progress is None or isinstance(progress, bool)):
            raise ValueError(f"progress is True, False or None, got {progress!r:.100}")
        if not isinstance(compiled, bool) and compiled != "auto":
            raise ValueError(f'compiled is True, False or "auto", got {compiled!r:.100}')
        keep = undo = run.task.as_it_is()
        steps, history.note = choose_steps(run.task, compiled)
        keep = lambda: steps.write()  # noqa: E731  # those that there are then
        history.compiled = not history.note
        bar = _progress_bar(last, progress, history)
        for epoch in range(1, last + 1):
            run.epoch(epoch, steps, history, rng, ctrl_c)
            bar.epoch_done()
            if callback is not None:
                steps.write()
                callback(epoch, history)
                steps, note = resumed(steps, compiled)
                if note:
                    history.compiled, history.note = False, f"after epoch {epoch}: {note}"

    with _CtrlC() as ctrl_c:
        try:
            ctrl_c.may_end(train)
            keep()
        except BaseException:
            undo()
            raise
        finally:
            bar.close()
    history.interrupted = ctrl_c.pressed
    return history


def _nothing() -> None:
    pass


class _CtrlC:
    """Lets Ctrl-C end the training, once, at any instruction, and not what keeps or undoes its steps afterwards.

    Whatever handler of SIGINT there was is called at once, as ever. What it raises, a KeyboardInterrupt unless somebody
    has put another handler there, goes through inside of `may_end`, the first time. After that nothing goes through,
    however often Ctrl-C is pressed: so what follows need not be ready for it.

    Attributes:
        pressed: whether there was a KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._listening = False
        self._raised: BaseException | None = None
        self._before: Any = None

    def __enter__(self) -> _CtrlC:
        self._before = signal.getsignal(signal.SIGINT)
        if callable(self._before):
            with suppress(ValueError):  # another thread than the main one, to which Ctrl-C does not come
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._before)
        if kind is None and not isinstance(self._raised, KeyboardInterrupt):
            self.check()

    def may_end(self, work: Callable[[], None]) -> None:
        """Do the work until it is done or a KeyboardInterrupt ends it."""
        try:
            try:
                self._listening = True
                work()
            finally:
                self._listening = False
        except KeyboardInterrupt:
            self.pressed = True

    def check(self) -> None:
        """Raise what Ctrl-C has raised already, if somebody caught it on its way."""
        if self._raised is not None:
            raise self._raised

    def _handle(self, number: int, frame: FrameType | None) -> None:
        listening, self._listening = self._listening, False
        try:
            self._before(number, frame)
        except BaseException as error:
            self.pressed |= isinstance(error, KeyboardInterrupt)
            self._raised = self._raised or error
            if listening:
                raise
        else:
            self._listening = listening


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
        _check_model(model)
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
        examples = _checked_examples(model, function, X, y, ("X", "y"))
        self.n = len(examples[0])
        self.batch_size = self.n if batch_size is None else whole(batch_size, "batch_size", at_least=1)
        validated = None
        if validation is not None:
            if not isinstance(validation, (tuple, list)) or len(validation) != 2:
                raise ValueError(f"validation wants a pair (X, y), got {validation!r:.100}")
            validated = _checked_examples(model, function, *validation, ("validation X", "validation y"))
        l2 = at_least("l2", l2, 0.0)
        clip_norm = None if clip_norm is None else above("clip_norm", clip_norm, 0.0)
        self.task = Task(model, function, parameters, optimizer, examples, validated, l2, clip_norm)
        self.classifies = is_for_classes(function)

    def epoch(
        self, epoch: int, steps: EagerSteps | CompiledSteps, history: History, rng: random.Random, ctrl_c: _CtrlC
    ) -> None:
        """One pass over the examples, a step for each batch."""
        total, right, rate = 0.0, 0, math.nan
        for step, (batch, count) in enumerate(steps.batches(self._order(rng), self.batch_size), 1):
            ctrl_c.check()
            rate = self.task.optimizer.learning_rate
            batch_loss, batch_right = steps.step(batch, count, rate)
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


def _check_model(model: Any) -> None:
    if isinstance(model, type):
        raise TypeError(f"the model wants to be made, got the class {model.__name__}: write {model.__name__}(...)")
    if not callable(model):
        raise TypeError(
            f"a model is called with an example, model(x), got {model!r:.100}: "
            f"write a subclass of nn.Module with a __call__"
        )


def _checked_examples(
    model: Any, loss: LossFunction, X: Any, y: Any, names: tuple[str, str]
) -> tuple[list[Any], list[Any]]:
    _check_model(model)
    inputs = as_rows(X, getattr(model, "nin", None), names[0])
    targets = as_targets(y, len(inputs), names[1])
    with no_grad():
        output = model(inputs[0])
        check_targets(loss, targets, len(numbers_of(output)), names[1])
        cost = loss(output, targets[0])
    if not isinstance(cost, Value):
        raise TypeError(f"the loss wants to return a Value, computed from the output, it returned {cost!r:.100}")
    return inputs, targets


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
    _check_model(model)
    with no_grad():
        outputs = [numbers_of(model(x)) for x in as_rows(X, getattr(model, "nin", None))]  # type: ignore[operator]
    if loss is not None:
        function = loss_function(loss)
        classes = [decide(function, output) for output in outputs]
        if None not in classes:
            return classes
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
    return mean_loss_and_share(model, function, *_checked_examples(model, function, X, y, ("X", "y")))


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
        known = ", ".join([name for name, row in LOSSES.items() if is_for_classes(row)])
        raise ValueError(f"accuracy wants a loss for classes, one of {known}, got {loss!r:.100}")
    return share


class _NoBar:
    """Stands in where no progress is shown."""

    def epoch_done(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Bar:
    """A progress bar, moved no more often than one can see."""

    def __init__(self, bar: Any, history: History) -> None:
        self.bar, self.history = bar, history
        self.shown, self.next_time = 0, 0.0

    def epoch_done(self) -> None:
        if time.monotonic() >= self.next_time:
            self._show()
            self.next_time = time.monotonic() + 0.1

    def close(self) -> None:
        if self.history.epochs > self.shown:
            self._show()
        self.bar.close()

    def _show(self) -> None:
        self.bar.set_postfix_str(_summary(self.history), refresh=False)
        self.bar.update(self.history.epochs - self.shown)
        self.shown = self.history.epochs


def _progress_bar(epochs: int, progress: bool | None, history: History) -> _Bar | _NoBar:
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return _NoBar()
    if history.note == WITHOUT_COMPILER:
        _say_once(f"nn.fit: {WITHOUT_COMPILER}")
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        if progress is None:
            return _NoBar()
        raise ModuleNotFoundError(
            f"the progress bar is tqdm, which is missing: {how_to_install('progress')}, or write progress=False"
        ) from None
    mode = "compiled" if history.compiled else "eager"
    return _Bar(tqdm(total=epochs, desc=mode, unit="epoch", file=sys.stderr, mininterval=0, miniters=1), history)


_said: set[str] = set()


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        print(text, file=sys.stderr)


def _summary(history: History) -> str:
    accuracies = history.validation_accuracy or history.accuracy
    return f"loss {history.loss[-1]:.4f}" + (f", accuracy {accuracies[-1]:.1%}" if accuracies else "")
