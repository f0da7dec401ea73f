"""Plots on matplotlib: learning curves, decision boundaries, digits with their predictions."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from nn.data import as_rows, as_targets
from nn.training import predict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nn.modules import Module
    from nn.training import History

# Two colours that every kind of colour vision tells apart, from the palette of Okabe and Ito
BLUE, ORANGE = "#0072B2", "#D55E00"


def figure(columns: int = 1, rows: int = 1, size: tuple[float, float] = (5.0, 3.6)) -> Any:
    """A matplotlib figure that is tied to no window and shows itself in a notebook.

    Args:
        columns, rows: how many Axes it has, side by side and one below the other.
        size: width and height of each in inches.

    Raises:
        ModuleNotFoundError: matplotlib is missing; says how to install it.
    """
    plot = _figure_class()(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    plot.subplots(rows, columns, squeeze=False)
    return plot


@cache
def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ModuleNotFoundError('plots need matplotlib, which is missing: pip install "chainrule[plot]"') from None

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            picture = BytesIO()
            self.savefig(picture, format="png", dpi=80)
            return picture.getvalue()

    return NotebookFigure


def learning_curves(history: History, axes: Any = None) -> Any:
    """Loss and, for classes, error against epochs; dashed for validation.

    Args:
        history: what `fit` returned.
        axes: one matplotlib Axes for the loss, or two for loss and accuracy; made unless given.

    Returns:
        The axes, as a list.

    Raises:
        ModuleNotFoundError: matplotlib is missing; says how to install it.
    """
    curves = [("loss", history.loss, history.validation_loss)]
    if history.accuracy:
        curves.append(("accuracy", history.accuracy, history.validation_accuracy))
    axes = figure(len(curves)).axes if axes is None else list(axes) if hasattr(axes, "__len__") else [axes]
    for ax, (name, training, validation) in zip(axes, curves):
        epochs = range(1, history.epochs + 1)
        ax.plot(epochs, training, color=BLUE, label="training, before each update")
        if validation:
            ax.plot(epochs, validation, color=ORANGE, linestyle="--", label="held out, after the epoch")
        ax.set_xlabel("epoch")
        ax.set_ylabel(name)
        ax.grid(alpha=0.3)
        ax.legend()
    if history.loss and min(history.loss) > 0:
        axes[0].set_yscale("log")
    return axes


def decision_boundary(model: Module, X: Any, y: Any, ax: Any = None, points: int = 80) -> Any:
    """The plane coloured by a network's one output, its zero as a line, and the examples on it.

    Args:
        model: a network of two inputs and one output.
        X: n points, as for `fit`.
        y: n classes; those above 0 are one kind, the others the other.
        ax: a matplotlib Axes; made unless given.
        points: of the grid, in each direction.

    Returns:
        The axes.

    Raises:
        ModuleNotFoundError: matplotlib is missing; says how to install it.
    """
    points_in_plane = as_rows(X, nin=2)
    classes = as_targets(y, len(points_in_plane))
    ax = figure(size=(5.2, 4.2)).axes[0] if ax is None else ax
    spans = [_span([row[k] for row in points_in_plane], points) for k in (0, 1)]
    scores = predict(model, [[x, y] for y in spans[1] for x in spans[0]])
    grid = [scores[k * points : (k + 1) * points] for k in range(points)]
    reach = max(abs(min(scores)), abs(max(scores))) or 1.0
    shades = ax.contourf(*spans, grid, levels=20, cmap="PuOr_r", vmin=-reach, vmax=reach, alpha=0.75)
    ax.figure.colorbar(shades, ax=ax, label="score")
    if min(scores) < 0 < max(scores):
        ax.contour(*spans, grid, levels=[0.0], colors="black", linewidths=1.5)
    for positive, marker, colour in ((True, "o", ORANGE), (False, "s", BLUE)):
        chosen = [row for row, kind in zip(points_in_plane, classes) if (kind > 0) == positive]
        ax.scatter(
            [row[0] for row in chosen], [row[1] for row in chosen], marker=marker, color=colour, edgecolor="white", s=36
        )
    return ax


def _span(numbers: Sequence[float], points: int, margin: float = 0.5) -> list[float]:
    low, high = min(numbers) - margin, max(numbers) + margin
    return [low + (high - low) * k / (points - 1) for k in range(points)]


def predicted_digits(
    images: Sequence[Sequence[float]],
    probabilities: Sequence[Sequence[float]],
    classes: Sequence[int],
    shown: Sequence[int],
) -> Any:
    """Scans of digits, each with the class that the network takes it for and how sure it is; mistakes in orange.

    Args:
        images: n scans of 64 numbers.
        probabilities: n lists of 10.
        classes: the n true classes.
        shown: which of the n to draw, in this order.

    Returns:
        The matplotlib figure.

    Raises:
        ModuleNotFoundError: matplotlib is missing; says how to install it.
    """
    columns = 8
    rows = -(-len(shown) // columns)
    plot = figure(columns, rows, size=(1.15, 1.5))
    for ax in plot.axes:
        ax.set_axis_off()
    for ax, k in zip(plot.axes, shown):
        image, sure, true = images[k], probabilities[k], classes[k]
        guess = max(range(len(sure)), key=sure.__getitem__)
        ax.imshow([image[start : start + 8] for start in range(0, 64, 8)], cmap="gray_r")
        note = "" if guess == true else f", is {true}"
        ax.set_title(f"{guess} ({sure[guess]:.0%}){note}", fontsize=9, color="black" if guess == true else ORANGE)
    return plot
