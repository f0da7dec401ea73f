"""Figures, axes and colors that all plots share."""

from __future__ import annotations

import math
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from autograd.extras import how_to_install

if TYPE_CHECKING:
    from collections.abc import Sequence

# Colors that every kind of color vision tells apart, from the palette of Okabe and Ito, and a gray
BLUE, ORANGE = "#0072B2", "#D55E00"
COLORS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#767676")
GRAY = "#dedede"  # where there is no number
INK = "#1a1a1a"  # on top of colors
MARKERS = ("s", "o", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":")

SMALLEST, LARGEST = 1e-200, 1e200  # beyond them what matplotlib computes could underflow and overflow


def figure(
    columns: int = 1, rows: int = 1, size: tuple[float, float] = (5.0, 3.6), widths: Sequence[float] | None = None
) -> Any:
    """A matplotlib figure without a window; a notebook displays it.

    Args:
        columns, rows: how many Axes it has, side by side and one below the other.
        size: width and height of each in inches.
        widths: how the width is shared among the columns; evenly unless given.

    Raises:
        ModuleNotFoundError: matplotlib is missing; says how to install it.

    Example:
        >>> plot = figure(columns=3, rows=2)
        >>> len(plot.axes)
        6
    """
    plot = _figure_class()(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    plot.subplots(rows, columns, squeeze=False, width_ratios=widths)
    return plot


def panels(count: int, size: tuple[float, float]) -> list[Any]:
    """Axes of a new figure, at most four side by side, each of this width and height in inches."""
    rows = math.ceil(count / 4)
    axes: list[Any] = figure(math.ceil(count / rows), rows, size).axes
    for unused in axes[count:]:
        unused.remove()
    return axes[:count]


@cache
def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"plots need matplotlib, which is missing: {how_to_install('plot')}") from None

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            picture = BytesIO()
            self.savefig(picture, format="png", dpi=80)
            return picture.getvalue()

    return NotebookFigure


def axes_given(ax: Any) -> list[Any]:
    """What a caller gave as `ax`, one Axes or several, as a list."""
    _figure_class()  # says what is missing where matplotlib is
    from matplotlib.axes import Axes

    axes = ax.ravel().tolist() if hasattr(ax, "ravel") else list(ax) if isinstance(ax, (list, tuple)) else [ax]
    if not axes or not all(isinstance(one, Axes) for one in axes):
        raise TypeError(f"ax is a matplotlib Axes or a list of them, got {ax!r}: of a figure, write figure.axes")
    return axes


def exactly(count: int, ax: Any, what: str) -> list[Any]:
    """The Axes that a caller gave; an error unless they are as many as are wanted."""
    axes = axes_given(ax)
    if len(axes) != count:
        raise ValueError(
            f"{what} wants {count} Axes, got {len(axes)}: leave ax out, or write ax=nn.plots.figure({count}).axes"
        )
    return axes


def finite(numbers: Sequence[float]) -> list[float]:
    """The numbers that are finite, and not so large that matplotlib overflows."""
    return [x for x in numbers if abs(x) < LARGEST]


@cache
def signed_colors() -> Any:
    """A color map for numbers of both signs: blue below 0, white at 0, orange above; gray for nan.

    Towards both ends it gets evenly darker, so that sizes can be compared without telling colors apart.
    """
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("signed", ["#003a5c", BLUE, "#ffffff", ORANGE, "#6b2f00"], N=257)
    return colors.with_extremes(bad=GRAY)


def pale(color: str) -> tuple[float, float, float]:
    """The color with twice as much white."""
    from matplotlib.colors import to_rgb

    red, green, blue = [(2 + part) / 3 for part in to_rgb(color)]
    return red, green, blue


def reach(numbers: Sequence[float]) -> float:
    """The largest distance from 0, for a scale of colors with 0 in its middle; 1 if there is none."""
    largest = max(map(abs, finite(numbers)), default=0.0)
    return largest if largest > SMALLEST else 1.0


def percent(share: float) -> str:
    """A percentage; 0% and 100% only if exact."""
    return "<1%" if 0 < share < 0.01 else ">99%" if 0.99 < share < 1 else f"{share:.0%}"
