"""Finding the layers of a network, and what to call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nn.modules import Layer, Module
from nn.train.steps import as_list

if TYPE_CHECKING:
    from collections.abc import Sequence


def layers_of(model: Module, what: str) -> list[Layer]:
    """The Layers of a module, in the order of its attributes.

    Raises:
        TypeError: there are none.
    """
    layers = list(dict.fromkeys(_find_layers(model, frozenset())))
    if not layers:
        raise TypeError(f"{what} wants a Layer, or a module made of Layers such as an MLP, got {model!r}")
    return layers


def _find_layers(thing: Any, above: frozenset[int]) -> list[Layer]:
    """Layers among attributes, and in lists, arrays and dicts; `above` are the modules and containers on the way."""
    if isinstance(thing, Layer):
        return [thing]
    parts = vars(thing) if isinstance(thing, Module) else as_list(thing)
    parts = list(parts.values()) if isinstance(parts, dict) else parts
    if id(thing) in above or not isinstance(parts, (list, tuple)):
        return []
    return [layer for part in parts for layer in _find_layers(part, above | {id(thing)})]


def names_of(model: Module, layers: Sequence[Layer]) -> list[str]:
    """What titles call the layers of this model."""
    return ["layer"] if layers[0] is model else [f"layer {k}" for k in range(len(layers))]


def activation_of(layer: Layer) -> str:
    """The name of a layer's activation."""
    activation = layer.neurons[0].activation
    return activation if isinstance(activation, str) else getattr(activation, "__name__", repr(activation))


def check_gradients(layers: Sequence[Layer]) -> None:
    """See that there are gradients to draw.

    Raises:
        ValueError: all are 0.
    """
    if not any(parameter.grad for layer in layers for parameter in layer.parameters()):
        raise ValueError(
            "all gradients of this model are 0: call backward() of a loss first, and zero_grad() only after the plot. "
            "If you did, no gradient reaches the parameters: look at the activations"
        )
