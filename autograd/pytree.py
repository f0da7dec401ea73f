"""Pytrees: numbers in lists, tuples, dicts and arrays, nested to any depth, as one flat list, and back again."""

from __future__ import annotations

import math
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any


class Structure(namedtuple("Structure", ("kind", "keys", "parts", "size"))):
    """The structure of a pytree without its numbers: equal for trees that differ in nothing else.

    Called with as many numbers, or anything else, it puts them in the places of its own. The kind is dict, the type of
    a list or tuple, "array", or "number". Keys are those of a dict, in order, or the shape of an array.

    Example:
        >>> numbers, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
        >>> structure([10.0, 20.0, 30.0])
        {'w': [10.0, 20.0], 'b': 30.0}
        >>> structure == flatten({"w": [4.0, 5.0], "b": 6.0})[1]
        True
    """

    __slots__ = ()

    def __call__(self, numbers: Iterable[Any]) -> Any:
        return self._built(iter(numbers))

    def _built(self, numbers: Iterator[Any]) -> Any:
        if self.kind == "number":
            return next(numbers)
        if self.kind == "array":
            return _array([next(numbers) for _ in range(self.size)], self.keys)
        return self.combined([next(numbers) if part is NUMBER else part._built(numbers) for part in self.parts])

    @property
    def is_flat_list(self) -> bool:
        """Whether it is a list of numbers."""
        return isinstance(self.kind, type) and issubclass(self.kind, list) and set(self.parts) == {NUMBER}

    def combined(self, parts: list[Any]) -> Any:
        """The dict, list or tuple of these parts."""
        if self.kind is dict:
            return dict(zip(self.keys, parts))
        if hasattr(self.kind, "_fields"):
            return self.kind(*parts)
        return tuple(parts) if issubclass(self.kind, tuple) else parts


NUMBER = Structure("number", (), (), 1)


def sequence_of(kind: type, parts: Sequence[Structure]) -> Structure:
    """The structure of a list or tuple of these parts."""
    return Structure(kind, (), tuple(parts), sum([part.size for part in parts]))


def array_of(shape: tuple[int, ...]) -> Structure:
    """The structure of an array; a number, where it has no axis."""
    return Structure("array", shape, (), math.prod(shape)) if shape else NUMBER


def lists_of(shape: tuple[int, ...]) -> Structure:
    """The structure of lists in lists, as an array's `tolist` gives them."""
    structure = NUMBER
    for length in reversed(shape):
        structure = sequence_of(list, [structure] * length)
    return structure


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The numbers in a pytree, and its structure, which puts as many others into it.

    A NumPy array is rebuilt as one: of floats where all are, else of objects.

    Example:
        >>> numbers, rebuild = flatten([1.0, [2.0, 3.0]])
        >>> numbers, rebuild([10.0, 20.0, 30.0])
        ([1.0, 2.0, 3.0], [10.0, [20.0, 30.0]])
    """
    numbers: list[Any] = []
    return numbers, _flatten(tree, numbers)


def _flatten(tree: Any, numbers: list[Any]) -> Structure:
    """The structure of a tree, whose numbers are appended."""
    if tree.__class__ is float:
        numbers.append(tree)
        return NUMBER
    start = len(numbers)
    if isinstance(tree, (list, tuple)):
        parts = tuple([_flatten(part, numbers) for part in tree])
        return Structure(type(tree), (), parts, len(numbers) - start)
    if isinstance(tree, dict):
        parts = tuple([_flatten(part, numbers) for part in tree.values()])
        return Structure(dict, tuple(tree), parts, len(numbers) - start)
    if getattr(tree, "shape", ()) and hasattr(tree, "ravel") and not isinstance(tree, type):
        check_array(tree, "an argument or a result")
        numbers += tree.ravel().tolist()
        return Structure("array", tree.shape, (), len(numbers) - start)
    numbers.append(tree)
    return NUMBER


def check_array(array: Any, name: str) -> None:
    """Whether an array is its numbers and nothing else: no mask says which of them do not count; `*` is by element."""
    if hasattr(array, "filled") and array.mask.any():
        raise ValueError(
            f"{name} is a masked array, whose mask would be lost: leave out what is masked, x.compressed() or "
            f"X[~X.mask.any(axis=1)], or fill it in, x.filled(0.0)"
        )
    if type(array).__name__ == "matrix":
        raise TypeError(f"{name} is a numpy.matrix, for which * means something else: write np.asarray(x)")


def flatten_like(tree: Any, like: Any, what: str) -> list[Any]:
    """The numbers in a pytree, in the order of another of the same structure. Errors call the first `what`.

    Example:
        >>> flatten_like({"b": 1.0, "a": 2.0}, like={"a": 0.0, "b": 0.0}, what="tangents")
        [2.0, 1.0]
    """
    if isinstance(like, dict):
        if not isinstance(tree, dict) or set(tree) != set(like):
            raise ValueError(f"{what} must be a dict with the keys {', '.join(map(repr, like))}, got {tree!r:.80}")
        return [number for key in like for number in flatten_like(tree[key], like[key], what)]
    if isinstance(like, (list, tuple)):
        if not isinstance(tree, (list, tuple)) or len(tree) != len(like):
            raise ValueError(f"{what} must be a {type(like).__name__} of length {len(like)}, got {tree!r:.80}")
        return [number for part, like_part in zip(tree, like) for number in flatten_like(part, like_part, what)]
    numbers, wanted = flatten(tree)[0], flatten(like)[0]
    if isinstance(tree, (list, tuple, dict)) or len(numbers) != len(wanted):
        shape = getattr(like, "shape", ())
        raise ValueError(f"{what} must be {f'an array of shape {shape}' if shape else 'one number'}, got {tree!r:.80}")
    return numbers


def _array(numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    import numpy as np

    parts = {getattr(x, "shape", ()) for x in numbers}
    if len(parts) == 1 and parts != {()}:  # of arrays: a Jacobian, of the shape of the results and of the arguments
        return np.array(list(numbers)).reshape(*shape, *parts.pop())
    array = np.empty(len(numbers), dtype=float if all(isinstance(x, float) for x in numbers) else object)
    array[:] = numbers
    return array.reshape(shape)
