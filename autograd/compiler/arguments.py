"""Arguments of a compiled function: tables of numbers with an example to a row, or structures of numbers."""

from __future__ import annotations

import ctypes
import inspect
import sys
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd.primitives import to_float
from autograd.pytree import check_array, flatten
from autograd.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograd.pytree import Rebuild


class Kind(NamedTuple):
    """What an argument of one example is like: it decides what has to be compiled.

    Attributes:
        shape: of one example; None for a number that is the same for all examples.
        is_array: whether the function gets a NumPy array (of Values), not lists.
    """

    shape: tuple[int, ...] | None
    is_array: bool

    @property
    def width(self) -> int:
        """How many columns its table has."""
        return int(np.prod(self.shape, dtype=int)) if self.shape is not None else 0


class Bound(NamedTuple):
    """The arguments of a call.

    Attributes:
        kinds: of each argument.
        tables: of the arguments that are not the same for all examples their numbers, (n, width) without gaps.
        addresses: where these are.
        n: how many examples there are; None if no argument is a table.
        shared: the numbers that are the same for all examples, in order.
        taken: whether every argument is such a table itself, none a copy.
    """

    kinds: tuple[Kind, ...]
    tables: list[Any]
    addresses: list[int]
    n: int | None
    shared: list[float]
    taken: bool


def bind(arguments: Sequence[Any], dtype: Any) -> Bound:
    """Examples as tables.

    Args:
        arguments: arrays or lists whose first axis is the examples, or numbers that are the same for all of them.
        dtype: NumPy's type of the numbers.

    Raises:
        ValueError: arguments differ in length, or a list is ragged; says which.
        TypeError: something is not a number.
    """
    kinds, tables, shared = [], [], []
    n: int | None = None
    taken = True
    for position, argument in enumerate(arguments):
        is_array = argument.__class__ is np.ndarray
        array = (
            argument if is_array and argument.dtype == dtype else as_array(argument, dtype, f"argument {position + 1}")
        )
        if array.ndim == 0:
            kinds.append(_SHARED)
            taken = False
            shared.append(float(array))
            continue
        if n is None:
            n = len(array)
        elif len(array) != n:
            raise ValueError(
                f"argument {position + 1} has {len(array)} examples, the ones before it have {n}: "
                f"the first axis of every array is the examples"
            )
        kinds.append(Kind(array.shape[1:], is_array or not isinstance(argument, (list, tuple))))
        tables.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
        taken = taken and tables[-1] is argument
    return Bound(tuple(kinds), tables, [address(table) for table in tables], n, shared, taken)


def address(array: Any) -> int:
    """Where the numbers of an array without gaps are."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError, BufferError):  # it may not be written, or it is empty
        return int(array.ctypes.data)


class Recent:
    """The arguments of the last call, to know them again without another look at each: training repeats itself.

    It does not keep them alive; what was made for them is `call`. An array whose numbers were moved, or whose shape,
    type or layout was changed in place, is not taken for what it was.

    Args:
        arguments: arrays that `may_be_remembered`.
        addresses: where `call` expects the numbers of each.
        call: a function of a vector.
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


def may_be_remembered(arguments: Sequence[Any]) -> bool:
    """Whether it would be noticed if the numbers of these arrays were moved to another place."""
    return not arguments or _pointer() is not None


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


_SHARED = Kind(None, False)


def as_array(argument: Any, dtype: Any, name: str) -> Any:
    """An argument as an array of floats.

    Raises:
        ValueError: a list is ragged.
        TypeError: something is not a number.
    """
    if hasattr(argument, "to_numpy"):
        argument = argument.to_numpy()
    for array in argument if isinstance(argument, (list, tuple)) else [argument]:
        if isinstance(array, np.ndarray):
            check_array(array, name)
    try:
        array = np.asarray(argument)
    except ValueError:
        raise ValueError(f"{name} is ragged: its rows want to be of one length, got {argument!r:.80}") from None
    if array.dtype.kind in "fiub":
        return array.astype(dtype, copy=False)
    if array.dtype.kind != "O":
        raise TypeError(f"{name} wants numbers, got {argument!r:.80} of type {array.dtype}")
    numbers = [_plain(number, name) for number in array.ravel().tolist()]
    return np.array(numbers, dtype=dtype).reshape(array.shape)


def _plain(number: Any, name: str) -> float:
    if isinstance(number, (list, tuple)):
        raise ValueError(f"{name} is ragged: its rows want to be of one length, got one that is {number!r:.80}")
    return to_float(number, name)


def placeholders(kind: Kind, table: Any) -> tuple[Any, list[Value]]:
    """One example of an argument, made of Values, and these Values; their numbers are those of the first example."""
    if kind.shape is None:
        value = Value(1.0)
        return value, [value]
    numbers = table[0].ravel().tolist() if len(table) and kind.shape else [float(table[0])] if len(table) else []
    values = [Value(number) for number in numbers or [1.0] * kind.width]
    if kind.shape == ():
        return values[0], values
    array = np.empty(kind.width, dtype=object)
    array[:] = values
    array = array.reshape(kind.shape)
    return (array if kind.is_array else array.tolist()), values


def structured(argument: Any) -> tuple[Any, list[Value]]:
    """An argument as it is, with Values in place of its numbers, and these Values."""
    numbers, rebuild = flatten(argument)
    values = [Value(float(number)) for number in numbers]
    return rebuild(values), values


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's first arguments, as far as they can be known."""
    try:
        found = inspect.signature(f).parameters.values()
        names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        names = []
    return [*names[:count], *(f"argument{k + 1}" for k in range(len(names), count))]


class Structure(NamedTuple):
    """Arguments taken as they are: structures of numbers.

    Attributes:
        numbers: all of them, in order.
        key: tells structures apart that want a program of their own.
        rebuild: for each argument, puts as many numbers into its structure.
        sizes: how many numbers each argument has.
    """

    numbers: list[float]
    key: tuple[Any, ...]
    rebuild: list[Rebuild]
    sizes: list[int]


def take(arguments: Sequence[Any]) -> Structure:
    """Arguments as structures of numbers: lists, tuples, dicts and arrays, nested as one likes.

    Raises:
        TypeError: something is not a number.
    """
    numbers: list[float] = []
    keys: list[Any] = []
    rebuilds: list[Rebuild] = []
    sizes: list[int] = []
    for position, argument in enumerate(arguments):
        if argument.__class__ is float:
            numbers.append(argument)
            keys.append("number")
            rebuilds.append(_only)
            sizes.append(1)
            continue
        found, rebuild = flatten(argument)
        numbers += [x if x.__class__ is float else _one_number(x, f"argument {position + 1}") for x in found]
        keys.append(_shape_of(argument))
        rebuilds.append(rebuild)
        sizes.append(len(found))
    return Structure(numbers, tuple(keys), rebuilds, sizes)


def _one_number(number: Any, name: str) -> float:
    return to_float(number[()] if number.__class__ is np.ndarray and not number.shape else number, name)


def _only(numbers: Sequence[Any]) -> Any:
    return numbers[0]


def _shape_of(argument: Any) -> Any:
    """What tells structures apart, without their numbers."""
    if isinstance(argument, dict):
        return dict, tuple([(name, _shape_of(part)) for name, part in argument.items()])
    if isinstance(argument, (list, tuple)):
        shapes = tuple([_shape_of(part) for part in argument])
        return (type(argument), len(shapes), shapes[0]) if len(set(shapes)) == 1 else (type(argument), shapes)
    shape = getattr(argument, "shape", ())
    return ("array", shape) if shape else "number"


def results_like(tree: Any) -> Callable[[Any], Any]:
    """What puts results into the structure that a function returned: arrays for lists and arrays, else as it was.

    Args:
        tree: what the function returned.

    Returns:
        A function of an array whose last axis is the numbers in the tree, in order. Before it may come an axis of
        examples.
    """
    return _results(tree, 0)[0]


def _results(tree: Any, start: int) -> tuple[Callable[[Any], Any], int]:
    """The function for the part of the results that begins at `start`, and where that part ends."""
    shape = _array_shape(tree)
    if shape == ():
        return lambda results: float(results[start]) if results.ndim == 1 else results[:, start], start + 1
    if shape is not None:
        stop = start + int(np.prod(shape, dtype=int))
        return lambda results: results[..., start:stop].reshape(*results.shape[:-1], *shape), stop
    parts, stop = [], start
    for part in tree.values() if isinstance(tree, dict) else tree:
        build, stop = _results(part, stop)
        parts.append(build)
    if isinstance(tree, dict):
        return lambda results: {name: build(results) for name, build in zip(tree, parts)}, stop
    if hasattr(tree, "_fields"):
        return lambda results: type(tree)(*[build(results) for build in parts]), stop
    return lambda results: type(tree)([build(results) for build in parts]), stop


def _array_shape(tree: Any) -> tuple[int, ...] | None:
    """The shape of the array that a result becomes: () for a number, None for what stays a structure."""
    if isinstance(tree, (dict, tuple)):
        return None
    if not isinstance(tree, list):
        return tuple(getattr(tree, "shape", ()))
    shapes = {_array_shape(part) for part in tree}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(tree), *(shapes.pop() or ())) if shapes else (0,)
