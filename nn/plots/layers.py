"""Finding the layers of a network, and what to call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nn.layers import Layer
from nn.modules import Module
from nn.plots.summary import activation_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def layers_of(model: Module, what: str) -> list[Layer]:
    """The Layers of a module, of which there must be some, in the order of its attributes."""
    layers = list(dict.fromkeys(_find_layers(model, frozenset())))
    if not layers:
        raise TypeError(f"{what} wants a Layer, or a module made of Layers such as an MLP, got {model!r}")
    return layers


def _find_layers(module: Module, above: frozenset[int]) -> Iterator[Layer]:
    """A Layer itself, or those in its parts; `above` are the modules on the way here."""
    if isinstance(module, Layer):
        yield module
    elif isinstance(module, Module) and id(module) not in above:
        for _, part in module.named_children():
            yield from _find_layers(part, above | {id(module)})


def names_of(model: Module, layers: Sequence[Layer]) -> list[str]:
    """What titles call the layers of this model."""
    return ["layer"] if layers[0] is model else [f"layer {k}" for k in range(len(layers))]


def activation_of(layer: Layer) -> str:
    """The name of a layer's activation."""
    return activation_name(layer.activation)


def check_gradients(layers: Sequence[Layer]) -> None:
    """Raise an error if all gradients are 0."""
    if not any(parameter.grad for layer in layers for parameter in layer.parameters()):
        raise ValueError(
            "all gradients of this model are 0: call backward() of a loss first, and zero_grad() only after the plot. "
            "If you did, no gradient reaches the parameters: look at the activations"
        )
