"""Curves over a training: loss and accuracy, and how far each step moves the weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nn.plots.figures import BLUE, COLORS, LARGEST, LINES, ORANGE, SMALLEST, axes_given, exactly, figure
from nn.plots.layers import layers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nn.modules import Module
    from nn.train.history import History


def learning_curves(history: History, ax: Any = None) -> list[Any]:
    """Loss and, for classes, accuracy against epochs; dashed for validation.

    Args:
        history: what `fit` returned.
        ax: one matplotlib Axes for the loss, or two for loss and accuracy; made unless given.

    Example:
        >>> from nn import MLP, fit
        >>> history = fit(MLP(1, [1], rng=0), [[0.0], [1.0]], [-1, 1], loss="hinge", epochs=5, progress=False)
        >>> [ax.get_ylabel() for ax in learning_curves(history)]
        ['loss', 'accuracy']
    """
    curves = [("loss", history.loss, history.validation_loss)]
    if history.accuracy:
        curves.append(("accuracy", history.accuracy, history.validation_accuracy))
    axes = figure(len(curves)).axes if ax is None else axes_given(ax)
    for one, (name, training, validation) in zip(axes, curves):
        epochs = range(1, history.epochs + 1)
        marker = "o" if history.epochs == 1 else ""
        one.plot(epochs, training, color=BLUE, marker=marker, label="training, before each update")
        if validation:
            one.plot(epochs, validation, color=ORANGE, marker=marker, linestyle="--", label="held out, after the epoch")
        one.set_ylabel(name)
        _dress(one, "epoch")
        one.legend()
    if history.loss and min(history.loss) > 0:
        axes[0].set_yscale("log")
    return axes


class UpdateRatio:
    """Records how far training moves the weights of each layer: std(update) / std(weights).

    An update is the difference between the weights now and at the last call. To see single steps, call the recorder
    after each step of a loop of your own. Given to `fit` as its callback it is called once an epoch, and an update is
    all that the epoch's steps did together: one step, where the batch is all examples. Biases are left out.

    Args:
        model: a Layer, or a module made of Layers such as an MLP, before its first step.

    Attributes:
        ratios: for each layer one number per update; nan where all weights of the layer were equal.
        unit: of an update, "step" or "epoch".

    Raises:
        TypeError: the model has no Layers.

    Example:
        >>> from nn import MLP, SGD, hinge
        >>> model = MLP(2, [4, 1], rng=0)
        >>> optimizer, record = SGD(model.parameters(), lr=0.1), UpdateRatio(model)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     hinge(model([1.0, 2.0]), 1).backward()
        ...     optimizer.step()
        ...     record()
        >>> record
        UpdateRatio(2 layers, 3 steps)
    """

    def __init__(self, model: Module) -> None:
        self._layers = layers_of(model, "UpdateRatio")
        self._before = self._weights()
        self.ratios: list[list[float]] = [[] for _ in self._layers]
        self.unit = "step"

    def __call__(self, epoch: int | None = None, history: History | None = None) -> None:  # noqa: ARG002
        """Record the update since the last call.

        Args:
            epoch, history: what `fit` hands to its callback; left out in a loop of your own.
        """
        now = self._weights()
        for ratios, before, after in zip(self.ratios, self._before, now):
            size = _standard_deviation(before)
            ratios.append(_standard_deviation([b - a for a, b in zip(before, after)]) / size if size else math.nan)
        self._before = now
        self.unit = "step" if epoch is None else "epoch"

    def _weights(self) -> list[list[float]]:
        return [[w.data for neuron in layer.neurons for w in neuron.w] for layer in self._layers]

    def __repr__(self) -> str:
        layers, updates = len(self.ratios), len(self.ratios[0])
        return f"UpdateRatio({layers} layer{'s' * (layers != 1)}, {updates} {self.unit}{'s' * (updates != 1)})"


def _standard_deviation(numbers: Sequence[float]) -> float:
    if min(numbers) == max(numbers):  # their mean may be rounded
        return 0.0
    mean = sum(numbers) / len(numbers)
    return math.hypot(*[x - mean for x in numbers]) / math.sqrt(len(numbers))


def update_to_data(record: UpdateRatio, ax: Any = None) -> Any:
    """How far each update moved the weights of each layer, relative to their spread, on a logarithmic scale.

    The dotted line at 1e-3 is a rule of thumb for single steps, from Karpathy's lecture "Building makemore, part 3"
    (2022): far below it a layer learns slowly, far above it the learning rate is too high.

    Args:
        record: an `UpdateRatio` that was called during the training.
        ax: a matplotlib Axes; made unless given.

    Raises:
        TypeError: `record` is something else.
        ValueError: nothing was recorded.

    Example:
        >>> from nn import MLP, fit
        >>> model = MLP(1, [4, 1], rng=0)
        >>> record = UpdateRatio(model)
        >>> history = fit(model, [[0.0], [1.0]], [-1, 1], loss="hinge", epochs=5, progress=False, callback=record)
        >>> update_to_data(record).get_xlabel()
        'epoch'
    """
    if not isinstance(record, UpdateRatio):
        raise TypeError(
            f"update_to_data wants a record of updates, got {record!r}: make record = UpdateRatio(model) and "
            f"train with fit(..., callback=record)"
        )
    if not record.ratios[0]:
        raise ValueError(
            "nothing was recorded: train with fit(..., callback=record), or call record() after each optimizer.step()"
        )
    (ax,) = [figure().axes[0]] if ax is None else exactly(1, ax, "update_to_data")
    for k, ratios in enumerate(record.ratios):
        updates = range(1, len(ratios) + 1)
        none = ratios.count(0.0)
        note = f" ({none} of {len(ratios)} updates are 0)" if none else ""
        drawn = [ratio if SMALLEST < ratio < LARGEST else math.nan for ratio in ratios]
        marker = "." if none or len(ratios) == 1 else ""  # between gaps a line alone would not be seen
        style = {"color": COLORS[k % len(COLORS)], "linestyle": LINES[k % len(LINES)], "marker": marker}
        ax.plot(updates, drawn, label=f"layer {k}{note}", **style)
    ax.axhline(1e-3, color=ax.xaxis.label.get_color(), linestyle=":", label="1e-3, rule of thumb for a step")
    ax.set_yscale("log")
    ax.set_ylabel(f"std(update of one {record.unit}) / std(weights)")
    _dress(ax, record.unit)
    ax.legend()
    return ax


def _dress(ax: Any, unit: str) -> None:
    """A grid, and integers of epochs or steps below it."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.set_xlabel(unit)
    ax.grid(alpha=0.3)
