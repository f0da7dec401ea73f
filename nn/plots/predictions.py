"""What a network says: of the plane, and of digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd.checks import integer
from nn.losses import cross_entropy
from nn.plots.figures import BLUE, COLORS, INK, MARKERS, ORANGE, exactly, figure, pale, reach, signed_colors
from nn.train.evaluate import check_targets, predict
from nn.train.examples import as_rows, as_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nn.modules import Module


def decision_boundary(model: Module, X: Any, y: Any, ax: Any = None, points: int = 80) -> Any:
    """What a network says at every point of the plane, where it changes its mind, and the examples.

    One output is a score: the plane is blue where it is below 0 and orange where it is above, and the line is where it
    is 0. Of several outputs the largest is the class: each has its region.

    Args:
        model: a network of two inputs.
        X: n points, as for `fit`.
        y: n classes. With one output, those above 0 are one kind and the others the other; with k outputs, integers
            from 0 to k - 1.
        ax: a matplotlib Axes; made unless given.
        points: of the grid, in each direction.

    Raises:
        ValueError: a shape or a class does not fit.

    Example:
        >>> from nn import MLP
        >>> ax = decision_boundary(MLP(2, [3], rng=0), [[0.0, 1.0], [1.0, 0.0]], [0, 2], points=10)
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['class 0', 'class 2']
    """
    places = as_rows(X, nin=2)
    classes = as_targets(y, len(places))
    points = integer(points, "points", at_least=2)
    spans = [_span([place[k] for place in places], points) for k in (0, 1)]
    scores = predict(model, [[x, y] for y in spans[1] for x in spans[0]])
    outputs = len(scores[0]) if isinstance(scores[0], list) else 1
    if outputs > 1:
        check_targets(cross_entropy, classes, outputs)
    (ax,) = [figure(size=(5.2, 4.2)).axes[0]] if ax is None else exactly(1, ax, "decision_boundary")
    if outputs > 1:
        _draw_regions(ax, spans, scores)
        looks = list(zip(MARKERS, COLORS))
        groups = [(f"class {k}", *looks[k % len(looks)], [c == k for c in classes]) for k in range(outputs)]
    else:
        _draw_score(ax, spans, scores)
        groups = [
            (_name(classes, above=True), "o", ORANGE, [c > 0 for c in classes]),
            (_name(classes, above=False), "s", BLUE, [c <= 0 for c in classes]),
        ]
    for name, marker, color, chosen in groups:
        here = [place for place, is_chosen in zip(places, chosen) if is_chosen]
        if here:
            ax.scatter(*zip(*here), marker=marker, color=color, edgecolor="white", s=36, label=name)
    ax.set_xlabel("input 0")
    ax.set_ylabel("input 1")
    ax.legend()
    return ax


def _draw_score(ax: Any, spans: list[list[float]], scores: list[float]) -> None:
    rows = _rows(scores, len(spans[0]))
    limit = reach(scores)
    ends = 3 * limit  # the palest third of the colors is used, so that the examples stand out
    shades = ax.contourf(*spans, rows, levels=20, cmap=signed_colors(), vmin=-ends, vmax=ends)
    ax.figure.colorbar(shades, ax=ax, label="score")
    if min(scores) < 0 < max(scores):
        ax.contour(*spans, rows, levels=[0.0], colors=INK, linewidths=1.5)


def _draw_regions(ax: Any, spans: list[list[float]], scores: list[list[float]]) -> None:
    """Where each class's score is above that of all others."""
    for k in range(len(scores[0])):
        leads = [row[k] - max(row[:k] + row[k + 1 :]) for row in scores]
        rows = _rows(leads, len(spans[0]))
        if max(leads) >= 0:
            ax.contourf(*spans, rows, levels=[0.0, max(leads) + 1], colors=[pale(COLORS[k % len(COLORS)])])
        if min(leads) < 0 < max(leads):
            ax.contour(*spans, rows, levels=[0.0], colors=INK, linewidths=1.5)


def _rows(numbers: list[float], columns: int) -> list[list[float]]:
    return [numbers[start : start + columns] for start in range(0, len(numbers), columns)]


def _name(classes: Sequence[float], above: bool) -> str:
    """What a legend calls the classes above 0, or the others: by the number where there is one only."""
    kinds = {float(c) for c in classes if (c > 0) == above}
    return f"y = {kinds.pop():g}" if len(kinds) == 1 else f"y {'>' if above else '≤'} 0"


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
        title = ax.set_title(f"{guess} ({sure[guess]:.0%})", fontsize=9)
        if guess != true:
            title.set(text=f"{guess} ({sure[guess]:.0%}), is {true}", color=ORANGE)
    return plot
