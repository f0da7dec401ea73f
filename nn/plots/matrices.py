"""The weights of layers as pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd.checks import integer
from nn.plots.figures import GRAY, INK, LARGEST, SMALLEST, exactly, figure, panels, reach, signed_colors
from nn.plots.layers import activation_of, check_gradients, layers_of, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd import Value
    from nn.layers import Layer
    from nn.modules import Module


def weights(
    model: Module,
    ax: Any = None,
    labels: bool = True,
    what: str = "data",
    shape: tuple[int, int] | None = None,
) -> Any:
    """The weights of a layer as a picture: blue below 0, white at 0, orange above.

    One row for each neuron, one column for each input, and the biases in a column of their own, "b".

    Args:
        model: a Layer of nin inputs and nout neurons, or a module made of Layers such as an MLP.
        ax: a matplotlib Axes for a Layer, a list of one for each layer for another module; made unless given.
        labels: whether to write the numbers into the cells, where there is room for them.
        what: "data" for the weights, "grad" for their gradients.
        shape: height and width of the images that the first layer sees, height * width = nin. The weights of each of
            its neurons are then drawn as such an image, without the bias; `labels` are the numbers of the neurons.

    Raises:
        TypeError: the model has no Layers.
        ValueError: an option does not fit, there are not as many Axes as layers, or all gradients are 0.

    Example:
        >>> from nn import Layer
        >>> ax = weights(Layer(2, 3, rng=0))
        >>> [image.get_array().shape for image in ax.images]  # weights and biases
        [(3, 2), (3, 1)]
    """
    layers = layers_of(model, "weights")
    if what not in ("data", "grad"):
        raise ValueError(f'weights draws what="data" or what="grad", got what={what!r}')
    if what == "grad":
        check_gradients(layers)
    if shape is not None:
        shape = _image_shape(shape, layers[0])
    axes = _figure_of_weights(layers, shape) if ax is None else exactly(len(layers), ax, f"weights of {model!r}")
    for k, (one, layer, name) in enumerate(zip(axes, layers, names_of(model, layers))):
        if shape is not None and k == 0:
            image = _draw_images(one, layer, what, shape, labels)
        else:
            image = _draw_matrix(one, layer, what, labels)
        one.figure.colorbar(image, ax=one, label="weight" if what == "data" else "gradient")
        one.set_title(f"{name}: {layer.nin} → {layer.nout}, {activation_of(layer)}")
    return axes[0] if layers[0] is model else axes


def _image_shape(shape: Any, layer: Layer) -> tuple[int, int]:
    if not isinstance(shape, (list, tuple)) or len(shape) != 2:
        raise ValueError(f"shape is the height and the width of an image, such as (8, 8), got {shape!r}")
    height, width = [integer(size, "a size in shape", at_least=1) for size in shape]
    if height * width != layer.nin:
        raise ValueError(f"shape {shape!r} has {height * width} pixels, the first layer has {layer.nin} inputs")
    return height, width


def _figure_of_weights(layers: Sequence[Layer], shape: tuple[int, int] | None) -> list[Any]:
    """Axes side by side, as wide and as high as the matrices want it, within reason."""
    widest = 8.0 if len(layers) == 1 else 5.0
    widths = [min(max(0.36 * (layer.nin + 1) + 1.4, 2.8), widest) for layer in layers]
    heights = [min(max(0.22 * layer.nout + 1.2, 2.2), 5.5) for layer in layers]
    if shape is not None:
        across, down, over, beside = _mosaic(layers[0], shape)
        widths[0] = 6.5
        heights[0] = min(0.55 + 4.35 * down * (shape[0] + over) / (across * (shape[1] + beside)), 9.0)
    if len(layers) <= 4:
        axes: list[Any] = figure(len(layers), size=(sum(widths) / len(widths), max(heights)), widths=widths).axes
        return axes
    return panels(len(layers), size=(max(widths), max(heights)))


def _draw_matrix(ax: Any, layer: Layer, what: str, labels: bool) -> Any:
    """The weights as one image and, a little apart, the biases as another."""
    rows = [_numbers(neuron.w, what) for neuron in layer.neurons]
    biases = [_numbers([neuron.b], what) for neuron in layer.neurons]
    limit = reach([x for row in rows + biases for x in row])
    style = {"cmap": signed_colors(), "vmin": -limit, "vmax": limit, "aspect": "auto", "interpolation": "nearest"}
    bottom, right, gap = layer.nout - 0.5, layer.nin - 0.5, 0.02 * (layer.nin + 1)
    image = ax.imshow(rows, extent=(-0.5, right, bottom, -0.5), **style)
    ax.imshow(biases, extent=(right + gap, right + gap + 1, bottom, -0.5), **style)
    ax.set_xlim(-0.5, right + gap + 1)
    ax.set_facecolor(GRAY)
    room = ax.get_position().size * ax.figure.get_size_inches() / (layer.nin + 1, layer.nout)
    inputs = _ticks(layer.nin, room[0], 0.3)
    ax.set_xticks([*inputs, layer.nin + gap], [*map(str, inputs), "b"])
    ax.set_yticks(_ticks(layer.nout, room[1], 0.18))
    ax.set_xlabel("input")
    ax.set_ylabel("neuron")
    if labels:
        cells = [(i, j, x) for j, row in enumerate(rows) for i, x in enumerate(row)]
        _write(ax, cells + [(layer.nin + gap, j, bias) for j, (bias,) in enumerate(biases)], image, room)
    return image


def _numbers(parameters: Sequence[Value], what: str) -> list[float]:
    """Their numbers or their gradients; infinite or 0 what is close to it."""
    numbers = [getattr(parameter, what) for parameter in parameters]
    return [x * math.inf if abs(x) >= LARGEST else 0.0 if abs(x) <= SMALLEST else x for x in numbers]


def _write(ax: Any, cells: Sequence[tuple[float, int, float]], image: Any, room: Sequence[float]) -> None:
    """Numbers into cells, given as (column, row, number), where these have room, in inches."""
    _, limit = image.get_clim()
    texts = [f"{x:.2f}" if 0.1 < limit < 1000 else f"{x:.1g}" for _, _, x in cells]
    if room[0] > 0.075 * max(map(len, texts)) and room[1] > 0.13:
        for (column, row, x), text in zip(cells, texts):
            red, green, blue, _ = image.to_rgba(x)
            color = "white" if 0.30 * red + 0.59 * green + 0.11 * blue < 0.45 else INK
            ax.text(column, row, text, ha="center", va="center", fontsize=7, color=color)


def _ticks(count: int, inches: float, wanted: float) -> list[int]:
    """Evenly spaced integers from 0 to below `count`, at least `wanted` inches apart, where 1 is `inches`."""
    step = 1
    while step * inches < wanted:
        step *= 2
    return list(range(0, count, step))


def _mosaic(layer: Layer, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """How images are laid out in one picture: how many across and down, each with room over and beside it."""
    height, width = shape
    across = min(layer.nout, math.ceil(math.sqrt(2 * layer.nout)))
    return across, math.ceil(layer.nout / across), max(1, round(height / 3)), max(1, round(width / 8))


def _draw_images(ax: Any, layer: Layer, what: str, shape: tuple[int, int], labels: bool) -> Any:
    """All neurons in one picture, each an image of its weights, with gaps of nan between them."""
    height, width = shape
    across, down, over, beside = _mosaic(layer, shape)
    tile_width, tile_height = width + beside, height + over
    picture = [[math.nan] * (across * tile_width + beside) for _ in range(down * tile_height + beside)]
    for j, neuron in enumerate(layer.neurons):
        top, left = j // across * tile_height + over, j % across * tile_width + beside
        for y in range(height):
            picture[top + y][left : left + width] = _numbers(neuron.w[y * width : (y + 1) * width], what)
        if labels:
            ax.text(left - 0.5, top - 0.8, str(j), va="bottom", fontsize=7, color=INK)
    limit = reach([x for line in picture for x in line])
    ax.set_axis_off()
    return ax.imshow(picture, cmap=signed_colors(), vmin=-limit, vmax=limit, interpolation="nearest")
