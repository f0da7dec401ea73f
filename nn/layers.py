"""Neurons, layers and multi-layer perceptrons, built out of Values."""

from __future__ import annotations

import operator
from itertools import pairwise
from operator import methodcaller
from typing import TYPE_CHECKING, Any, NamedTuple

import autograd
from autograd import PRIMITIVES, Value
from autograd.blocks import only_no_grad
from autograd.checks import integer, listed
from autograd.counted import CountedList
from autograd.operators import dot_rows
from autograd.primitive import Number
from autograd.scopes import INSIDE, Scope, current, mark, part
from autograd.value import constant
from nn.initialisation import Random, initialiser, random_source
from nn.modules import Module
from nn.names import LayerScope, NeuronScope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nn.initialisation import Initialiser

    Activation = str | Callable[[Value], Value]


class Forward(NamedTuple):
    """A forward pass with everything in it: after `backward()`, the `.grad` of z and a are the deltas of the notes.

    Attributes:
        output: what the network returns: a Value, or a list of them.
        z: the pre-activations, one list per layer.
        a: the activations, one list per layer; a[l] is computed from z[l].

    Example:
        >>> passed = MLP(1, [1], init=lambda rng, nin, nout: 2.0).forward([3.0])
        >>> passed.output.backward()
        >>> passed.z[0][0].data, passed.z[0][0].grad
        (6.0, 1.0)
    """

    output: Value | list[Value]
    z: list[list[Value]]
    a: list[list[Value]]


class Neuron(Module):
    """activation(w . x + b), with the pre-activation z = w . x + b as one `dot` node.

    Args:
        nin: how many inputs, at least 1.
        activation: the name of a row of the table ("relu", "tanh", "sigmoid", ...), "linear" for none, or a function of
            a Value.
        init: "auto" (He's initialization for relu and its relatives, Xavier's for the others), "he", "xavier",
            "micrograd" (uniform between -1 and 1), or a function `init(rng, nin, nout)` that returns one weight.
        rng: where the random numbers come from: a seed, a `random.Random`, or None for Python's own `random`.
        nout: how many neurons share the inputs, for Xavier's initialization.
        nonlin: as in micrograd: False is activation="linear".
        scope: what viewers call it, in a layer.

    Raises:
        ValueError: `nin` is below 1, or the activation or the initialization is unknown.

    Example:
        >>> neuron = Neuron(2, activation="tanh", rng=0)
        >>> len(neuron.parameters()), neuron
        (3, Neuron(2, activation='tanh'))
    """

    def __init__(
        self,
        nin: int,
        activation: Activation = "relu",
        init: str | Initialiser = "auto",
        rng: Random = None,
        nout: int = 1,
        nonlin: bool = True,
        *,
        scope: NeuronScope | None = None,
    ) -> None:
        self.nin = integer(nin, "nin", at_least=1)
        self.activation: Activation = activation if nonlin else "linear"
        self._activate = activation_function(self.activation)
        source, draw = random_source(rng), initialiser(init, self.activation)
        self.w = CountedList([Value(draw(source, nin, nout)) for _ in range(nin)])
        self.b = Value(0.0)
        (scope or NeuronScope("neuron")).label(self.b, self.w)

    def __call__(self, x: Sequence[Value | float]) -> Value:
        (z,) = dot_rows([self.weights()], [_ONE, *as_inputs(x, self.nin, self)])
        a = self._activate(z)
        if not only_no_grad():
            mark((z, a), NeuronScope("neuron", current()))
        return a

    def weights(self) -> tuple[Value, ...]:
        """The bias, which is the weight of an extra input 1, and the weights of the inputs."""
        return (self.b, *self.w)

    def __repr__(self) -> str:
        return f"Neuron({self.nin}, activation={self.activation!r})"


class Layer(Module):
    """`nout` neurons that see the same inputs.

    Args:
        nin: how many inputs, at least 1.
        nout: how many neurons, at least 1.
        activation, init, rng, nonlin: as for `Neuron`.
        scope: what viewers call it, in a network.

    Example:
        >>> layer = Layer(3, 2, activation="linear", rng=0)
        >>> len(layer([1.0, 2.0, 3.0])), len(layer.parameters())
        (2, 8)
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: Activation = "relu",
        init: str | Initialiser = "auto",
        rng: Random = None,
        nonlin: bool = True,
        *,
        scope: LayerScope | None = None,
    ) -> None:
        source = random_source(rng)
        self.nin, self.nout = integer(nin, "nin", at_least=1), integer(nout, "nout", at_least=1)
        scope = scope or LayerScope("layer")
        self._name = scope.name
        places = [NeuronScope(f"neuron {j}", scope, f"{scope.index}[{j}]") for j in range(nout)]
        self.neurons = CountedList(
            [Neuron(nin, activation, init, source, nout, nonlin, scope=place) for place in places]
        )
        self.activation = self.neurons[0].activation

    def __call__(self, x: Sequence[Value | float]) -> Value | list[Value]:
        """The activations: a list, or the Value itself where there is one neuron."""
        return _one_or_all(self.forward(x)[1])

    def forward(self, x: Sequence[Value | float]) -> tuple[list[Value], list[Value]]:
        """The pre-activations z and the activations a of this pass."""
        z = dot_rows([neuron.weights() for neuron in self.neurons], [_ONE, *as_inputs(x, self.nin, self)])
        a = [neuron._activate(pre_activation) for neuron, pre_activation in zip(self.neurons, z)]
        if not only_no_grad():
            mark(z + a, LayerScope(self._name, current()))
        return z, a

    def __repr__(self) -> str:
        return f"Layer({self.nin}, {self.nout}, activation={self.activation!r})"


class MLP(Module):
    """A multi-layer perceptron: layers one after the other, every neuron seeing all outputs of the layer before.

    Args:
        nin: how many inputs, at least 1.
        nouts: the number of neurons in each layer.
        activation: of all layers but the last; as for `Neuron`.
        output: the activation of the last layer.
        init: as for `Neuron`. With "micrograd" the weights are drawn as micrograd draws them, in the same order.
        rng: as for `Neuron`: the same seed gives the same network.

    Raises:
        ValueError: a size is below 1, there are no layers, or the activation or the initialization is unknown.

    Example:
        >>> model = MLP(2, [16, 16, 1], rng=0)
        >>> model
        MLP(2, [16, 16, 1], activation='relu', output='linear')
        >>> len(model.parameters())
        337
        >>> passed = model.forward([1.0, -2.0])
        >>> passed.output.backward()
        >>> [len(z) for z in passed.z]
        [16, 16, 1]
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: Activation = "relu",
        output: Activation = "linear",
        init: str | Initialiser = "auto",
        rng: Random = None,
    ) -> None:
        if not isinstance(nouts, (list, tuple)) or not nouts:
            raise ValueError(f"MLP wants the sizes of its layers in a list such as [16, 16, 1], got {nouts!r:.100}")
        source = random_source(rng)
        activation_function(activation)  # checked even if no layer uses it
        self.nin, self.nouts = integer(nin, "nin", at_least=1), [integer(nout, "nout", at_least=1) for nout in nouts]
        self.activation, self.output = activation, output
        self.layers, network = CountedList(), Scope("MLP")
        for k, (fan_in, fan_out) in enumerate(pairwise([nin, *nouts])):
            of_layer = activation if k < len(nouts) - 1 else output
            scope = LayerScope(f"layer {k}", network, str(k))
            self.layers.append(Layer(fan_in, fan_out, of_layer, init, source, scope=scope))

    def __call__(self, x: Sequence[Value | float]) -> Value | list[Value]:
        """The activations of the last layer: a list, or the Value itself where there is one neuron."""
        return self.forward(x).output

    def forward(self, x: Sequence[Value | float]) -> Forward:
        """A forward pass of `nin` numbers or Values that hands back z and a of every layer."""
        zs, activations = [], [as_inputs(x, self.nin, self)]
        with part("MLP"):
            for layer in self.layers:
                z, a = layer.forward(activations[-1])
                zs.append(z)
                activations.append(a)
        return Forward(_one_or_all(activations[-1]), zs, activations[1:])

    def __repr__(self) -> str:
        return f"MLP({self.nin}, {self.nouts}, activation={self.activation!r}, output={self.output!r})"


# --- Inputs and activations ------------------------------------------------------------------------------------------

_ONE = constant(1.0)  # what a bias is multiplied by, so that z = b * 1 + w . x is one `dot` node
mark([_ONE], INSIDE)


def as_inputs(x: Any, nin: int, module: Module) -> list[Any]:
    """The inputs as Values: a number becomes a constant."""
    if isinstance(x, (dict, set, frozenset)):
        raise TypeError(f"{module!r} wants its inputs in order, got {x!r:.100}: write a list")
    inputs = listed(x)
    if len(inputs) != nin:
        several = any(isinstance(part, (list, tuple)) for part in inputs)
        raise ValueError(
            f"{module!r} wants {nin} input{'s' if nin > 1 else ''}, got {len(inputs)}"
            + ": write [model(x) for x in X] for several examples" * several
        )
    return [x if x.__class__ is Value or isinstance(x, Number) else constant(x, type(module).__name__) for x in inputs]


_NO_SOFTMAX = (
    "Softmax is in the loss: write output='linear', loss='cross_entropy', and autograd.softmax(model(x)) for the "
    "probabilities"
)


def activation_function(activation: Activation) -> Callable[[Value], Value]:
    """The function behind an activation's name, which is that of a row of the table."""
    if activation == "linear":
        return operator.pos  # z itself
    if isinstance(activation, str):
        known = [name for name, row in PRIMITIVES.items() if row.arity == 1 + len(row.defaults)]
        if activation not in known:
            raise ValueError(
                f"unknown activation {activation!r:.100}: write one of linear, {', '.join(known)}, or a function of a "
                f"Value" + f". {_NO_SOFTMAX}" * ("softmax" in activation)
            )
        return methodcaller(activation) if hasattr(Value, activation) else PRIMITIVES[activation]
    if getattr(activation, "__module__", "") == autograd.functions.__name__:
        name = getattr(activation, "__name__", "")
        raise TypeError(
            f"{name} is a function of a list, and an activation one of a Value: "
            + ("write a function such as lambda z: z * z", _NO_SOFTMAX)["softmax" in name]
        )
    if not callable(activation):
        raise TypeError(f"an activation is a name or a function of a Value, got {activation!r:.100}")
    return activation


def _one_or_all(values: list[Value]) -> Value | list[Value]:
    return values[0] if len(values) == 1 else values
