"""The functions that the code of a program is made of, each written once, and the modules that LLVM gets them in.

A function of mathematics is one of a whole register where there is one: of our own, or of the C library. Else the C
library's function on one number is called for each lane.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from autograd.compiler.codegen.ir import Function, Lanes, module_text
from autograd.compiler.codegen.target import Target
from autograd.compiler.codegen.vector_math import SYMBOLS, vector_math

MODULE = 1 << 17
"""How many characters of IR, about, are given to LLVM at a time: Ctrl-C is heard in between. Four times as many of what
it does not optimize."""


class Library:
    """Functions by name, each behind those that it calls. Large code is not optimized."""

    def __init__(self, target: Target, is_large: bool) -> None:
        self.target, self.is_large = target, is_large
        self.scalar: set[str] = set()  # the C library's functions that are called number by number
        self.vectorized: set[str] = set()  # those that are called on whole registers
        self.written: set[str] = set()  # functions on whole registers that are of our own
        self._functions: dict[str, Function] = {}

    def piece(self, name: str, parameters: str) -> Function:
        """A function to be filled with instructions of the program."""
        return Function(name, parameters, attributes="noinline optnone" if self.is_large else "noinline")

    def add(self, function: Function) -> str:
        """Have a function; its name."""
        self._functions[function.name] = function
        return function.name

    def once(self, stem: str, write: Callable[..., Function], *shape: object) -> str:
        """The name of a function of some shape, which `write(name, target, *shape)` writes if there is none yet."""
        plain = [tuple(part) if isinstance(part, tuple) else part for part in shape]
        name = "_".join([stem, *re.findall(r"-?\w+", str(plain))])
        if name not in self._functions:
            self._functions[name] = write(name, self.target, *shape)
        return name

    def mathematical(self, name: str, lanes: int, arity: int) -> str:
        """The name of a function of the table on this many lanes."""
        symbol = self.target.vector_functions.get(name) if lanes > 1 else None
        if symbol is not None:
            is_ours = symbol == SYMBOLS.get(name)
            (self.written if is_ours else self.vectorized).add(name)
            if is_ours and symbol not in self._functions:
                self.add(vector_math(name, lanes))
            return symbol
        self.scalar.add(name)
        one = f"libm_{name}"
        if self.target.number == "float":
            one = self.once("rounded", _rounded, one, arity)
        return one if lanes == 1 else self.once("lanes", _lane_by_lane, one, arity)

    def modules(self, ways_in: Sequence[Function]) -> Iterator[str]:
        """The text in modules, of which each calls those before it only; the last has the ways in."""
        most = 4 * MODULE if self.is_large else MODULE
        own: list[Function] = []
        size = 0
        for function in self._functions.values():
            own.append(function)
            size += function.size
            if size > most:
                yield module_text(own)
                own, size = [], 0
        yield module_text([*own, *ways_in])


def _rounded(name: str, _target: Target, function: str, arity: int) -> Function:
    """A function of the C library on single precision: computed in double and rounded once."""
    names = ["%x", "%y"][:arity]
    to = Function(name, ", ".join([f"float {x}" for x in names]), "float")
    single, double = Lanes(to, "float"), Lanes(to, "double")
    result = double.function(function, *[single.converted("fpext", x, double) for x in names])
    return to.finish(double.converted("fptrunc", result, single))


def _lane_by_lane(name: str, target: Target, function: str, arity: int) -> Function:
    """A function on a register by one on numbers."""
    kind, names = f"<{target.lanes} x {target.number}>", ["%x", "%y"][:arity]
    to = Function(name, ", ".join([f"{kind} {x}" for x in names]), kind, "noinline")
    vector, number = Lanes(to, target.number, target.lanes), Lanes(to, target.number)
    lanes = range(target.lanes)
    return to.finish(vector.join([number.function(function, *[vector.lane(x, k) for x in names]) for k in lanes]))
