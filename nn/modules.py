"""Modules: whatever has parameters, found by walking through its attributes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autograd import Value
from autograd.checks import check_names
from autograd.counted import Counted
from autograd.primitive import to_float
from autograd.states import read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


class Module(Counted):
    """Anything with parameters: the leaves among its attributes, and those of the modules among its attributes.

    Attributes may be Values, modules, and lists, tuples, dicts and arrays of them; `parameters` may be overridden.

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

    def __setattr__(self, name: str, attribute: Any) -> None:
        for _, held in walk({name: attribute}):
            if isinstance(held, Value) and held.kind == "leaf":
                held.kind = "parameter"
        super().__setattr__(name, attribute)

    def parameters(self) -> list[Value]:
        """All parameters, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Pairs of a name, such as "layers.0.neurons.1.w.2", and the parameter; one that is shared comes once."""
        named: dict[Value, str] = {}
        for name, parameter in _leaves(self, "", frozenset([id(self)])):
            named.setdefault(parameter, name)
        if type(self).parameters is not Module.parameters:  # a subclass that overrides them
            named = {p: named.get(p, str(k)) for k, p in enumerate(self.parameters())}
        if len(set(named.values())) < len(named):
            raise ValueError(f"two parameters of {type(self).__name__} have the same name: give attributes other names")
        return [(name, parameter) for parameter, name in named.items()]

    def named_children(self) -> list[tuple[str, Module]]:
        """Pairs of a name and a module: those among the attributes, not those in them in turn.

        Example:
            >>> from nn import MLP
            >>> [(name, len(layer.parameters())) for name, layer in MLP(2, [3, 1]).named_children()]
            [('layers.0', 9), ('layers.1', 4)]
        """
        return [(k, held) for k, held in walk(vars(self)) if isinstance(held, Module) and held is not self]

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
            OverflowError: an integer does not fit into a float.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"a state is a dict of numbers by name, as state_dict() returns it, got {state!r:.100}")
        named = dict(self.named_parameters())
        check_names("the state does not fit this module", named, state, "Build the module with the sizes it had")
        numbers = {name: to_float(number, f"the state's {name}") for name, number in state.items()}
        for name, number in numbers.items():
            named[name].data = number

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
        """Read the numbers that `save` wrote to a file into the parameters of this module.

        Raises:
            ValueError: the file was not written by `save`, or by a module of other sizes; names the file. Nothing is
                changed then.
        """
        state = read_state(path, "Module.save")
        try:
            self.load_state_dict(state)
        except ValueError as error:
            raise ValueError(f"{os.fsdecode(path)}: {error}") from None

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None, **_: Any
    ) -> dict[str, str]:
        """What a notebook shows: the parts as text and as a table."""
        from nn.plots.summary import bundle

        shown = bundle(self).items()
        return {kind: text for kind, text in shown if (not include or kind in include) and kind not in (exclude or ())}


def walk(
    container: dict[str, Any] | Sequence[Any], prefix: str = "", above: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """What is in the attributes of a module, or another container, and in containers in it, by name: "w.1.0".

    It does not look into the modules that it finds. `above` are the containers that this one is in.
    """
    for key, held in container.items() if isinstance(container, dict) else enumerate(container):
        name = f"{prefix}{key}"
        if held.__class__ is Value:
            yield name, held
            continue
        is_array = getattr(getattr(held, "dtype", None), "kind", "") == "O"
        inner = held.tolist() if is_array else held
        if not isinstance(inner, (dict, list, tuple)):
            yield name, inner
        elif id(held) not in above:
            yield from walk(inner, f"{name}.", above | {id(held)})


def _leaves(module: Module, prefix: str, above: frozenset[int]) -> Iterator[tuple[str, Value]]:
    """The parameters of a module, by name; `above` are the modules on the way here."""
    for name, held in walk(vars(module), prefix):
        if isinstance(held, Value):
            if held.is_leaf and held.kind != "constant":
                yield name, held
        elif isinstance(held, Module) and id(held) not in above:
            if type(held).parameters is not Module.parameters:
                yield from [(f"{name}.{own}", parameter) for own, parameter in held.named_parameters()]
            else:
                yield from _leaves(held, f"{name}.", above | {id(held)})
