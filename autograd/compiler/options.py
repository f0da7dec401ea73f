"""The options of `autograd.compile`, and what is wrong with invalid ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from autograd.compiler.passes import NAMES
from autograd.value import Value

_CHOICES = {"reduce": ("mean", "sum"), "dtype": ("float64", "float32"), "math": ("vector", "libm")}


@dataclass(eq=False, kw_only=True)
class Options:
    """How a function is compiled; `autograd.compile` says what each option means."""

    wrt: int | tuple[int, ...] = 0
    reduce: str = "mean"
    has_aux: bool | Literal["sum"] = False
    dtype: str = "float64"
    threads: int = 1
    math: str = "vector"
    without: Collection[str] = ()
    vmap: bool = False

    def __post_init__(self) -> None:
        self.without = tuple(self.without)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if not isinstance(self.vmap, bool):
            raise TypeError(f"vmap is True or False, got {self.vmap!r}")
        if not isinstance(self.has_aux, bool) and self.has_aux != "sum":
            raise ValueError(f"has_aux is True, False or 'sum', got {self.has_aux!r}")
        if not isinstance(self.threads, int) or self.threads < 1:
            raise ValueError(f"threads is an integer of at least 1, got {self.threads!r}")
        unknown = [name for name in self.without if name not in NAMES]
        if unknown:
            raise ValueError(
                f"without names {', '.join(map(repr, unknown))}: the passes are {', '.join(NAMES)}, in a list"
            )
        positions = self.wrt if isinstance(self.wrt, tuple) else (self.wrt,)
        if not all(isinstance(position, int) for position in positions):
            raise TypeError(f"wrt is the position of an argument, or a tuple of positions, got {self.wrt!r}")

    def positions(self, count: int, name: str) -> list[int]:
        """The positions `wrt` among `count` arguments of the function of this name, counted from 0."""
        positions = self.wrt if isinstance(self.wrt, tuple) else (self.wrt,)
        for position in positions:
            if not -count <= position < count:
                raise IndexError(f"wrt={self.wrt}, but {name} was called with {count} arguments")
        return [position % count for position in positions]


def checked_parameters(parameters: Any) -> list[Value]:
    """The parameters to train, each a leaf and there once."""
    if isinstance(parameters, Value) or not hasattr(parameters, "__iter__"):
        raise TypeError(f"parameters are leaf Values in a list, got {parameters!r:.80}: write model.parameters()")
    checked = list(parameters)
    for parameter in checked:
        if not isinstance(parameter, Value) or not parameter.is_leaf:
            raise TypeError(f"parameters are leaf Values, got {parameter!r:.80}: write model.parameters()")
    if len(set(checked)) < len(checked):
        raise ValueError("compile wants each parameter once")
    return checked
