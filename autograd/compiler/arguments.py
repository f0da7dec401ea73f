"""Arguments of a compiled function: tables of numbers with an example to a row, or pytrees of numbers as they are."""

from __future__ import annotations

import ctypes
import inspect
import sys
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from autograd.primitive import to_float
from autograd.pytree import NUMBER, Structure, array_of, check_array, flatten, lists_of
from autograd.value import Value


class Kind(NamedTuple):
    """What an argument is like, as the function sees it: it decides what has to be compiled."""

    structure: Structure  # of one example, or of the argument itself
    is_table: bool  # of examples; else it is the same for all


class Arguments(NamedTuple):
    """The arguments of a call."""

    kinds: tuple[Kind, ...]
    numbers: list[float]  # those that are the same for all examples, in order
    tables: list[Any]  # arrays without gaps, an example to a row
    n: int | None  # how many examples there are; None if no argument is a table
    taken: bool  # whether every argument is such a table itself, none a copy

    @property
    def batches(self) -> list[list[Any]]:
        """The tables of each batch: of the only one, or of none."""
        return [] if self.n is None else [self.tables]

    @property
    def counts(self) -> list[int]:
        """How many examples each batch has."""
        return [] if self.n is None else [self.n]


def examples(arguments: Sequence[Any], dtype: Any) -> Arguments:
    """Bind arguments: arrays or lists whose first axis is the examples, or numbers that are the same for all."""
    kinds, numbers, tables = [], [], []
    n: int | None = None
    taken = True
    for position, argument in enumerate(arguments):
        is_array = argument.__class__ is np.ndarray
        as_it_is = is_array and argument.dtype == dtype
        array = argument if as_it_is else as_array(argument, dtype, f"argument {position + 1}")
        if array.ndim == 0:
            kinds.append(_NUMBER)
            taken = False
            numbers.append(float(array))
            continue
        if n is None:
            n = len(array)
        elif len(array) != n:
            raise ValueError(
                f"argument {position + 1} has {len(array)} examples, the ones before it have {n}: "
                f"the first axis of every array is the examples"
            )
        kinds.append(_kind_of_table(array.shape[1:], is_array or not isinstance(argument, (list, tuple))))
        tables.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
        taken = taken and tables[-1] is argument
    return Arguments(tuple(kinds), numbers, tables, n, taken)


_NUMBER = Kind(NUMBER, is_table=False)


@cache
def _kind_of_table(shape: tuple[int, ...], is_array: bool) -> Kind:
    return Kind(array_of(shape) if is_array else lists_of(shape), is_table=True)


def pytrees(arguments: Sequence[Any]) -> Arguments:
    """Bind arguments as they are: lists, tuples, dicts and arrays of numbers, nested to any depth."""
    numbers: list[float] = []
    kinds = []
    for position, argument in enumerate(arguments):
        if argument.__class__ is float:
            numbers.append(argument)
            kinds.append(_NUMBER)
            continue
        found, structure = flatten(argument)
        numbers += [x if x.__class__ is float else _one_number(x, f"argument {position + 1}") for x in found]
        kinds.append(Kind(structure, is_table=False))
    return Arguments(tuple(kinds), numbers, [], None, taken=False)


def _one_number(number: Any, name: str) -> float:
    return to_float(number[()] if number.__class__ is np.ndarray and not number.shape else number, name)


def as_array(argument: Any, dtype: Any, name: str) -> Any:
    """An argument as an array of floats."""
    if hasattr(argument, "to_numpy"):
        argument = argument.to_numpy()
    for array in argument if isinstance(argument, (list, tuple)) else [argument]:
        if isinstance(array, np.ndarray):
            check_array(array, name)
    try:
        array = np.asarray(argument)
    except ValueError:
        raise ValueError(f"{name} is ragged: all rows must have the same length, got {argument!r:.80}") from None
    if array.dtype.kind in "fiub":
        return array.astype(dtype, copy=False)
    if array.dtype.kind != "O":
        raise TypeError(f"{name} wants numbers, got {argument!r:.80} of type {array.dtype}")
    numbers = [_plain(number, name) for number in array.ravel().tolist()]
    return np.array(numbers, dtype=dtype).reshape(array.shape)


def _plain(number: Any, name: str) -> float:
    if isinstance(number, (list, tuple)):
        raise ValueError(f"{name} is ragged: all rows must have the same length, got one that is {number!r:.80}")
    return to_float(number, name)


def placeholders(arguments: Arguments) -> tuple[list[Any], list[list[Value]]]:
    """For each argument its placeholder in a recording, with the numbers of the first example, and the Values in it."""
    tables, numbers, own = iter(arguments.tables), iter(arguments.numbers), []
    for structure, is_table in arguments.kinds:
        if is_table:
            table = next(tables)
            first = table[0].ravel().tolist() if len(table) else [1.0] * structure.size
        else:
            first = [next(numbers) for _ in range(structure.size)]
        own.append([Value(number) for number in first])
    return [kind.structure(values) for kind, values in zip(arguments.kinds, own)], own


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's first arguments, as far as they can be known."""
    try:
        found = inspect.signature(f).parameters.values()
        names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        names = []
    return [*names[:count], *(f"argument{k + 1}" for k in range(len(names), count))]


def results_in(structure: Structure) -> Callable[[Any], Any]:
    """A function that puts results into the pytree that was returned, but arrays for lists of one shape.

    It takes an array whose last axis is the numbers, in order. Before it may come an axis of examples.
    """
    shape = _shape(structure)
    if shape == ():
        return lambda results: float(results[0]) if results.ndim == 1 else results[:, 0]
    if shape is not None:
        return lambda results: results[..., : structure.size].reshape(*results.shape[:-1], *shape)
    ends = pairwise(accumulate([part.size for part in structure.parts], initial=0))
    parts = [(results_in(part), slice(start, stop)) for part, (start, stop) in zip(structure.parts, ends)]
    return lambda results: structure.combined([part(results[..., place]) for part, place in parts])


def _shape(structure: Structure) -> tuple[int, ...] | None:
    """The shape of the array that a result becomes: () for a number, None for what stays as it is."""
    if isinstance(structure.kind, str):  # "array" or "number"
        return structure.keys  # type: ignore[no-any-return]
    if not issubclass(structure.kind, list):
        return None
    shapes = {_shape(part) for part in structure.parts}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(structure.parts), *(shapes.pop() or ())) if shapes else (0,)


class Recent:
    """The arguments of the last call, which it `may_know`: a call with the same arrays skips binding them.

    For speed alone: benchmarks/RESULTS.md, "demo, flat vectors" takes 1.6 times as long without it. It keeps no array
    alive. One whose numbers were moved from their address, where `call(vector)` expects them, or whose shape, type or
    layout was changed in place, is not taken for what it was.
    """

    __slots__ = ("call", "known")

    def __init__(
        self, arguments: Sequence[Any], addresses: Sequence[int], call: Callable[[Any], tuple[Any, Any]]
    ) -> None:
        pointers = [ctypes.c_size_t.from_address(id(argument) + (_pointer() or 0)) for argument in arguments]
        self.known: list[tuple[Any, ...]] = [
            (weakref.ref(argument), pointer, address, argument.shape, argument.dtype)
            for argument, pointer, address in zip(arguments, pointers, addresses)
        ]
        self.call = call

    @staticmethod
    def may_know(arguments: Sequence[Any]) -> bool:
        """Whether a reallocation of these arrays can be detected."""
        return not arguments or _pointer() is not None

    def is_of(self, arguments: Sequence[Any]) -> bool:
        """Whether these are the same arguments."""
        if len(arguments) != len(self.known):
            return False
        for argument, (reference, pointer, address, shape, dtype) in zip(arguments, self.known):
            if argument is None or argument is not reference() or pointer.value != address:
                return False
            if argument.dtype is not dtype or argument.shape != shape or not argument.flags.c_contiguous:
                return False
        return True


@cache
def _pointer() -> int | None:
    """Where in an array the address of its numbers is, found out by looking; None if it is not found."""
    if sys.implementation.name != "cpython":
        return None
    found = set(range(0, np.ndarray.__basicsize__, ctypes.sizeof(ctypes.c_size_t)))
    for array in (np.zeros(1), np.zeros(100)[3:], np.zeros((2, 3), np.float32)):
        words = {offset: ctypes.c_size_t.from_address(id(array) + offset).value for offset in found}
        found = {offset for offset, word in words.items() if word == array.ctypes.data}
    return found.pop() if len(found) == 1 else None


def address(array: Any) -> int:
    """Where the numbers of an array without gaps are."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError, BufferError):  # it may not be written, or it is empty
        return int(array.ctypes.data)
