"""How the numbers in a network are distributed, layer by layer: activations and gradients."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

from autograd import grad, no_grad
from autograd.checks import above, integer
from nn.layers import Forward, activation_function
from nn.plots.figures import BLUE, LARGEST, ORANGE, SMALLEST, exactly, figure, finite, panels, percent
from nn.plots.layers import activation_of, check_gradients, layers_of, names_of
from nn.train.evaluate import numbers_of
from nn.train.examples import as_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nn.layers import Layer
    from nn.modules import Module

    _Passes = tuple[list[list[float]], list[list[float]]]

_BINS = 40


# --- Activations -----------------------------------------------------------------------------------------------------


def activations(
    model: Module, X: Any, ax: Any = None, what: str = "a", threshold: float = 0.05, max_examples: int = 500
) -> Any:
    """How the activations of each layer are distributed over examples, and how many of them let no gradient through.

    A unit is saturated for an example where its local derivative |da/dz| is below the threshold: tanh and sigmoid far
    from 0, relu below 0. It is dead where it is saturated for every example.

    Args:
        model: an MLP, a Layer, or another module made of Layers whose `forward(x)` returns a `Forward`.
        X: n examples, each of nin numbers, as for `fit`.
        ax: a matplotlib Axes for a Layer, a list of one for each layer for another module; made unless given.
        what: "a" for the activations, "z" for the pre-activations.
        threshold: of the local derivative, above 0.
        max_examples: how many to run forward at most; of more, evenly spaced ones are taken, and the axis says so.

    Raises:
        TypeError: the model has no Layers or no such `forward`.
        ValueError: a shape or an option does not fit, or there are not as many Axes as layers.

    Example:
        >>> from nn import MLP
        >>> axes = activations(MLP(2, [3, 1], activation="tanh", rng=0), [[0.0, 0.0], [30.0, 50.0]])
        >>> [ax.get_title() for ax in axes]
        ['layer 0: 3 tanh', 'layer 1: 1 linear']
    """
    layers = layers_of(model, "activations")
    if what not in ("a", "z"):
        raise ValueError(f'activations draws what="a", the activations, or what="z", the pre-activations, got {what!r}')
    threshold = above("threshold", threshold, 0.0)
    rows = as_rows(X, getattr(model, "nin", None))
    count = min(len(rows), integer(max_examples, "max_examples", at_least=1))
    passes = _forward_passes(model, layers, [rows[k * len(rows) // count] for k in range(count)])
    axes = panels(len(layers), (4.2, 3.2)) if ax is None else exactly(len(layers), ax, f"activations of {model!r}")
    examples = f"{count} example{'s' * (count > 1)}" if count == len(rows) else f"{count} of {len(rows)} examples"
    for one, layer, name, passed in zip(axes, layers, names_of(model, layers), passes):
        _draw_activations(one, layer, name, passed, what, threshold)
        one.set_xlabel(f"{'activation' if what == 'a' else 'pre-activation'} {what}, {examples}")
    return axes[0] if layers[0] is model else axes


def _forward_passes(model: Any, layers: Sequence[Layer], rows: Sequence[Sequence[float]]) -> list[_Passes]:
    """For each layer z and a, of each example a list of one number for each neuron."""
    passes: list[_Passes] = [([], []) for _ in layers]
    with no_grad():
        for row in rows:
            for kept, computed in zip(passes, _forward(model, layers, row)):
                for numbers, values in zip(kept, computed):
                    numbers.append(numbers_of(values))
    return passes


def _forward(model: Any, layers: Sequence[Layer], row: Sequence[float]) -> list[Any]:
    """The pairs of z and a of each layer, for one example."""
    passed = model.forward(row) if hasattr(model, "forward") else None
    if layers[0] is model:
        return [passed]
    by_layer = list(zip(passed.z, passed.a)) if isinstance(passed, Forward) else []
    if [len(z) for z, _ in by_layer] != [layer.nout for layer in layers]:
        raise TypeError(
            f"activations wants a model whose forward(x) returns an nn.Forward with z and a of its {len(layers)} "
            f"layers in order, as that of an MLP does: give {type(model).__name__} such a method"
        )
    return by_layer


def _draw_activations(ax: Any, layer: Layer, name: str, passed: _Passes, what: str, threshold: float) -> None:
    slopes = [grad(activation_function(neuron.activation)) for neuron in layer.neurons]
    z, activated = passed
    saturated = [[abs(slope(x)) < threshold for slope, x in zip(slopes, row)] for row in z]
    dead = sum(all(flags) for flags in zip(*saturated))
    rows = activated if what == "a" else z
    pairs = [(number, flag) for row, flags in zip(rows, saturated) for number, flag in zip(row, flags)]
    numbers = finite([number for number, _ in pairs])
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    if high - low <= 1e-4 * max(high, -low):  # as good as the same
        low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
    parts = [
        (f"|da/dz| ≥ {threshold:g}", BLUE, finite([number for number, flag in pairs if not flag])),
        (f"saturated, |da/dz| < {threshold:g}", ORANGE, finite([number for number, flag in pairs if flag])),
    ]
    bins = [*(low + (high - low) * k / _BINS for k in range(_BINS)), high]
    _draw_histogram(ax, bins, parts, {f"nan or beyond {LARGEST:g}": len(pairs) - len(numbers)})
    ax.set_title(f"{name}: {layer.nout} {activation_of(layer)}" + (f", {dead} dead" if dead else ""))
    ax.set_ylabel("share of activations")
    ax.set_ylim(0, 1.35 * max(ax.get_ylim()[1], 0.01))  # room for the legend


# --- Gradients -------------------------------------------------------------------------------------------------------


def gradients(model: Module, ax: Any = None) -> Any:
    """How large the gradients of each layer's parameters are: the distribution of |.grad| on a logarithmic scale.

    All layers share the scale: where gradients vanish or explode, the histograms move to one side from layer to layer.
    The dashed line is the median of those that are not 0. What is nearer to 0 than 1e-200 counts as 0.

    Args:
        model: a Layer, or a module made of Layers such as an MLP, after a `backward()` or a `fit`.
        ax: a matplotlib Axes for a Layer, a list of one for each layer for another module; made unless given.

    Raises:
        TypeError: the model has no Layers.
        ValueError: all gradients are 0, or there are not as many Axes as layers.

    Example:
        >>> from nn import MLP, hinge
        >>> model = MLP(2, [3, 1], rng=0)
        >>> hinge(model([1.0, 2.0]), 1).backward()
        >>> [ax.get_title() for ax in gradients(model)]
        ['layer 0: 9 parameters', 'layer 1: 4 parameters']
    """
    layers = layers_of(model, "gradients")
    check_gradients(layers)
    by_layer = [[parameter.grad for parameter in layer.parameters()] for layer in layers]
    made = ax is None
    axes = figure(1, len(layers), size=(6.0, 2.2)).axes if made else exactly(len(layers), ax, f"gradients of {model!r}")
    sizes = _sizes([g for numbers in by_layer for g in numbers])
    low = math.floor(math.log10(min(sizes, default=1.0)))
    high = max(math.ceil(math.log10(max(sizes, default=1.0))), low + 1)
    bins = [10.0 ** (low + (high - low) * k / _BINS) for k in range(_BINS + 1)]
    bins[0], bins[-1] = min([bins[0], *sizes]), max([bins[-1], *sizes])  # a logarithm may be rounded past them
    for one, numbers, name in zip(axes, by_layer, names_of(model, layers)):
        _draw_gradients(one, bins, numbers)
        one.set_title(f"{name}: {len(numbers)} parameters")
        if made:
            one.label_outer()
    return axes[0] if layers[0] is model else axes


def _sizes(gradients: Sequence[float]) -> list[float]:
    """Absolute values of the numbers that a logarithmic scale can show."""
    return [abs(g) for g in finite(gradients) if abs(g) > SMALLEST]


def _draw_gradients(ax: Any, bins: Sequence[float], gradients: Sequence[float]) -> None:
    parts = [
        ("above 0", ORANGE, _sizes([g for g in gradients if g > 0])),
        ("below 0", BLUE, _sizes([g for g in gradients if g < 0])),
    ]
    zeros = sum(abs(g) <= SMALLEST for g in gradients)
    _draw_histogram(
        ax, bins, parts, {"0": zeros, f"nan or beyond {LARGEST:g}": len(gradients) - len(finite(gradients))}
    )
    sizes = _sizes(gradients)
    if sizes:
        ax.axvline(median(sizes), color=ax.xaxis.label.get_color(), linestyle="--", label=f"median {median(sizes):.1e}")
        ax.legend()
    ax.set_xscale("log")
    ax.set_xlim(bins[0], bins[-1])
    ax.set_xlabel("|gradient|")
    ax.set_ylabel("share of parameters")


# ---------------------------------------------------------------------------------------------------------------------


def _draw_histogram(
    ax: Any, bins: Sequence[float], parts: Sequence[tuple[str, str, list[float]]], others: dict[str, int]
) -> None:
    """Bars of parts one on top of the other, as shares of all; the others appear in the legend only."""
    texts, colors, numbers = zip(*parts)
    total = sum(map(len, numbers)) + sum(others.values())
    shares = [[1 / total] * len(part) for part in numbers]
    labels = [f"{text}: {percent(len(part) / total)}" for text, part in zip(texts, numbers)]
    _, _, bars = ax.hist(numbers, bins, weights=shares, stacked=True, color=colors, label=labels)
    for bar in bars[-1]:
        bar.set(hatch="////", edgecolor="white", linewidth=0)
    for text, count in others.items():
        if count:
            ax.plot([], [], " ", label=f"{text}: {percent(count / total)}")
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    ax.grid(alpha=0.3, axis="y")
    ax.set_axisbelow(True)
    ax.legend()
