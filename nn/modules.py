"""Neurons, layers and multi-layer perceptrons, built out of Values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import wraps
from itertools import pairwise
from operator import methodcaller
from typing import TYPE_CHECKING, Any, NamedTuple

import autograd
from autograd import PRIMITIVES, Value, primitives
from autograd.blocks import only_no_grad
from autograd.modes import changes
from autograd.operators import dot_rows as dot_nodes
from autograd.primitives import to_float
from autograd.scopes import INSIDE, Scope, current, mark, part
from autograd.value import CONSTANT, LEAF, PARAMETER, constant
from nn.checks import check_names, whole
from nn.files import read_state, write_state
from nn.initialisation import Random, initialiser, random_source
from nn.names import LayerScope, NeuronScope, label_layer, label_neuron

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from nn.initialisation import Initialiser

    Activation = str | Callable[[Value], Value]


class Module:
    """Anything with parameters: the leaves among its attributes, and those of the modules among its attributes.

    Attributes may be Values, modules, and lists, tuples, dicts and NumPy arrays of them. A subclass may also override
    `parameters`.

    Example:
        >>> from autograd import Value
        >>> class Line(Module):
        ...     def __init__(self):
        ...         self.slope, self.intercept = Value(2.0), Value(1.0)
        ...     def __call__(self, x):
        ...         return self.slope * x + self.intercept
        >>> line = Line()
        >>> line(3.0).data, line.state_dict()
        (7.0, {'slope': 2.0, 'intercept': 1.0})
    """

    counts_changes = True  # see autograd.modes.changes

    def __setattr__(self, name: str, attribute: Any) -> None:
        _make_parameters(attribute)
        super().__setattr__(name, attribute)
        changes[0] += 1

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        changes[0] += 1

    def parameters(self) -> list[Value]:
        """All parameters, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Pairs of a name, such as "layers.0.neurons.1.w.2", and the parameter; one that is shared comes once."""
        named: dict[Value, str] = {}
        for name, parameter in _walk("", vars(self), frozenset([id(self)])):
            named.setdefault(parameter, name)
        if type(self).parameters is not Module.parameters:  # a subclass that says itself what its parameters are
            named = {p: named.get(p, str(k)) for k, p in enumerate(self.parameters())}
        if len(set(named.values())) < len(named):
            raise ValueError(f"two parameters of {type(self).__name__} have the same name: give attributes other names")
        return [(name, parameter) for parameter, name in named.items()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0. Else the next `backward()` adds to the gradients of the last."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """The number in every parameter, by its name."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Put numbers into the parameters: all of them or, where something does not fit, none.

        Args:
            state: one number for every name in `state_dict()`.

        Raises:
            ValueError: names are missing or unknown.
            TypeError: something is not a number, or the state is not a dict.
            OverflowError: a whole number does not fit into a float.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"a state is a dict of numbers by name, as state_dict() returns it, got {state!r:.100}")
        named = dict(self.named_parameters())
        check_names("the state does not fit this module", named, state, "Build the module with the sizes it had")
        numbers = {name: to_float(number, f"the state's {name}") for name, number in state.items()}
        for name, number in numbers.items():
            named[name].data = number

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None, **_: Any
    ) -> dict[str, str]:
        """What a notebook shows: the parts as text and as a table."""
        from nn.summary import bundle

        shown = bundle(self).items()
        return {kind: text for kind, text in shown if (not include or kind in include) and kind not in (exclude or ())}

    def save(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> None:
        """Write `state_dict()` to a file, as JSON: exact, readable, and unable to execute code when loaded.

        Args:
            path: where; an existing file is replaced only once the new one is complete, which has its permissions. A
                symbolic link is followed; a hard link of another name goes on to lead to the old file.

        Raises:
            ValueError: a parameter is nan or infinite. Nothing is written then.
            OSError: the file cannot be written; a directory, a device and a pipe are not replaced.
        """
        write_state(self.state_dict(), path)

    def load(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> None:
        """Read what `save` wrote into the parameters of this module.

        Args:
            path: the file.

        Raises:
            ValueError: the file was not written by `save`, or by a module of other sizes; names the file. Nothing is
                changed then.
        """
        state = read_state(path)
        try:
            self.load_state_dict(state)
        except ValueError as error:
            raise ValueError(f"{os.fsdecode(path)}: {error}") from None


def _make_parameters(held: Any, above: frozenset[int] = frozenset()) -> None:
    """The leaves that a module holds, in itself or in containers, are of the kind of parameters from now on."""
    if isinstance(held, Value):
        if held._primitive is LEAF:
            held._primitive = PARAMETER
    elif (isinstance(held, (list, tuple, dict)) or _is_array_of_objects(held)) and id(held) not in above:
        for part in held.values() if isinstance(held, dict) else held:
            if part.__class__ is not Value:
                _make_parameters(part, above | {id(held)})
            elif part._primitive is LEAF:
                part._primitive = PARAMETER


def _is_array_of_objects(held: Any) -> bool:
    return getattr(getattr(held, "dtype", None), "kind", "") == "O"


def _walk(prefix: str, children: Mapping[str, Any], above: frozenset[int]) -> Iterator[tuple[str, Value]]:
    """The leaves in attributes, by name; `above` are the modules and containers on the way here."""
    for key, child in children.items():
        name, here = f"{prefix}{key}", above | {id(child)}
        if id(child) in above:
            continue
        if isinstance(child, Value):
            if child.is_leaf and child._primitive is not CONSTANT:
                yield name, child
        elif isinstance(child, Module):
            if type(child).parameters is not Module.parameters:
                yield from [(f"{name}.{own}", parameter) for own, parameter in child.named_parameters()]
            else:
                yield from _walk(f"{name}.", vars(child), here)
        elif _is_array_of_objects(child):
            yield from _walk(prefix, {key: child.tolist()}, here)
        elif isinstance(child, (list, tuple)):
            yield from _walk(f"{name}.", {str(k): part for k, part in enumerate(child)}, here)
        elif isinstance(child, dict):
            yield from _walk(f"{name}.", {str(k): part for k, part in child.items()}, here)


def _counted(name: str) -> Callable[..., Any]:
    method = getattr(list, name)

    @wraps(method)
    def counted(self: Parts, *arguments: Any, **options: Any) -> Any:
        changes[0] += 1
        return method(self, *arguments, **options)

    return counted


class Parts(list[Any]):
    """The list of a module's parts: an ordinary list that counts its changes, see `autograd.modes.changes`."""

    __slots__ = ()
    counts_changes = True

    append = _counted("append")
    extend = _counted("extend")
    insert = _counted("insert")
    remove = _counted("remove")
    pop = _counted("pop")
    clear = _counted("clear")
    sort = _counted("sort")
    reverse = _counted("reverse")
    __setitem__ = _counted("__setitem__")
    __delitem__ = _counted("__delitem__")
    __iadd__ = _counted("__iadd__")
    __imul__ = _counted("__imul__")


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
        init: "auto" (He's initialisation for relu and its relatives, Xavier's for the others), "he", "xavier",
            "micrograd" (uniform between -1 and 1), or a function `init(rng, nin, nout)` that returns one weight.
        rng: where the random numbers come from: a seed, a `random.Random`, or None for Python's own `random`.
        nout: how many neurons share the inputs, for Xavier's initialisation.
        nonlin: micrograd's spelling: False is activation="linear".

    Raises:
        ValueError: `nin` is below 1, or the activation or the initialisation is unknown.

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
    ) -> None:
        self.nin = _positive(nin, "nin")
        self.activation: Activation = activation if nonlin else "linear"
        self._activate = activation_function(self.activation)
        source, draw = random_source(rng), initialiser(init, self.activation)
        self.w = Parts([Value(draw(source, nin, nout)) for _ in range(nin)])
        self.b = Value(0.0)
        label_neuron(self, NeuronScope("neuron"))

    def __call__(self, x: Sequence[Value | float]) -> Value:
        (z,) = _pre_activations([self.weights()], as_inputs(x, self.nin, self))
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

    Raises:
        ValueError: a size is below 1, or the activation or the initialisation is unknown.

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
    ) -> None:
        source = random_source(rng)
        self.nin, self.nout = _positive(nin, "nin"), _positive(nout, "nout")
        self.neurons = Parts([Neuron(nin, activation, init, source, nout, nonlin) for _ in range(nout)])
        self._label(LayerScope("layer"))

    def _label(self, scope: LayerScope, number: str = "") -> None:
        self._name = scope.name
        label_layer(self.neurons, scope, number)

    def __call__(self, x: Sequence[Value | float]) -> Value | list[Value]:
        """The activations: a list, or the Value itself where there is one neuron."""
        return _one_or_all(self.forward(x)[1])

    def forward(self, x: Sequence[Value | float]) -> tuple[list[Value], list[Value]]:
        """The pre-activations z and the activations a of this pass."""
        inputs = as_inputs(x, self.nin, self)
        z = _pre_activations([neuron.weights() for neuron in self.neurons], inputs)
        a = [neuron._activate(pre_activation) for neuron, pre_activation in zip(self.neurons, z)]
        if not only_no_grad():
            mark(z + a, LayerScope(self._name, current()))
        return z, a

    def __repr__(self) -> str:
        return f"Layer({self.nin}, {self.nout}, activation={self.neurons[0].activation!r})"


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
        ValueError: a size is below 1, there are no layers, or the activation or the initialisation is unknown.

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
        activation_function(activation)  # unknown ones are an error even where there is no hidden layer
        self.nin, self.nouts = _positive(nin, "nin"), [_positive(nout, "nout") for nout in nouts]
        sizes = [nin, *nouts]
        self.layers = Parts(
            [
                Layer(fan_in, fan_out, activation if k < len(nouts) - 1 else output, init, source)
                for k, (fan_in, fan_out) in enumerate(pairwise(sizes))
            ]
        )
        self.activation, self.output = activation, output
        scope = Scope("MLP")
        for k, layer in enumerate(self.layers):
            layer._label(LayerScope(f"layer {k}", scope), str(k))

    def __call__(self, x: Sequence[Value | float]) -> Value | list[Value]:
        """The activations of the last layer: a list, or the Value itself where there is one neuron."""
        return self.forward(x).output

    def forward(self, x: Sequence[Value | float]) -> Forward:
        """A forward pass that hands back the pre-activations z and the activations a of every layer.

        Args:
            x: `nin` numbers or Values.

        Raises:
            ValueError: another number of inputs.
        """
        zs, activations = [], [as_inputs(x, self.nin, self)]
        with part("MLP"):
            for layer in self.layers:
                z, a = layer.forward(activations[-1])
                zs.append(z)
                activations.append(a)
        return Forward(_one_or_all(activations[-1]), zs, activations[1:])

    def __repr__(self) -> str:
        return f"MLP({self.nin}, {self.nouts}, activation={self.activation!r}, output={self.output!r})"


_ONE = constant(1.0)
mark([_ONE], INSIDE)


def as_inputs(x: Any, nin: int, module: Module) -> list[Value]:
    """The inputs as Values: a number becomes a constant."""
    if x.__class__ is not list:
        x = _listed(x, module)
    inputs = list(x)
    if len(inputs) != nin:
        several = any(isinstance(part, (list, tuple)) for part in inputs)
        raise ValueError(
            f"{module!r} wants {nin} input{'s' if nin > 1 else ''}, got {len(inputs)}"
            + ": write [model(x) for x in X] for several examples" * several
        )
    return [x if x.__class__ is Value or hasattr(x, "_rank") else constant(x, type(module).__name__) for x in inputs]


def _listed(x: Any, module: Module) -> list[Any]:
    """Inputs of any kind in a list, an only one too."""
    if isinstance(x, (dict, set, frozenset)):
        raise TypeError(f"{module!r} wants its inputs in order, got {x!r:.100}: write a list")
    if hasattr(x, "tolist"):
        x = x.tolist()
    return list(x) if hasattr(x, "__iter__") else [x]


def _pre_activations(weights: Sequence[tuple[Value, ...]], inputs: list[Value]) -> list[Value]:
    """z = b * 1 + w . x for each neuron's (b, *w), as one `dot` node each."""
    with_one = [_ONE, *inputs]
    try:
        return dot_nodes(weights, with_one)
    except AttributeError:  # some are no Values: dual numbers
        return [primitives.dot(*row, *with_one) for row in weights]


_NO_SOFTMAX = (
    "Softmax is in the loss: write output='linear', loss='cross_entropy', and autograd.softmax(model(x)) for the "
    "probabilities"
)


def activation_function(activation: Activation) -> Callable[[Value], Value]:
    """The function behind an activation's name.

    Raises:
        ValueError: the table has no such row; lists those that it has.
        TypeError: neither a name nor a function.

    Example:
        >>> from autograd import Value
        >>> activation_function("relu")(Value(-1.0)).data
        0.0
    """
    if activation == "linear":
        return _linear
    if isinstance(activation, str):
        known = [name for name, row in PRIMITIVES.items() if row.arity and row.arity - len(row.defaults) == 1]
        if activation not in known:
            raise ValueError(
                f"unknown activation {activation!r:.100}: "
                f"write one of linear, {', '.join(known)}, or a function of a Value"
                + f". {_NO_SOFTMAX}"
                * ("softmax" in activation)
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


def _linear(z: Value) -> Value:
    return z


def _positive(size: int, name: str) -> int:
    return whole(size, name, at_least=1)


def _one_or_all(values: list[Value]) -> Value | list[Value]:
    return values[0] if len(values) == 1 else values
