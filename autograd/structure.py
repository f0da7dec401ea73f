"""Lists, tuples, dicts and arrays of numbers as one flat list, and back again."""

from __future__ import annotations

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Rebuild = Callable[[Sequence[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The numbers in a structure, and a function that puts as many others into the same structure.

    Args:
        tree: a number, or a list, tuple, named tuple, dict or NumPy array of them, nested as you like.

    Returns:
        The numbers in order, and `rebuild(numbers)`. A NumPy array is rebuilt as one: of floats where all are, else of
        objects.

    Example:
        >>> numbers, rebuild = flatten([1.0, [2.0, 3.0]])
        >>> numbers, rebuild([10.0, 20.0, 30.0])
        ([1.0, 2.0, 3.0], [10.0, [20.0, 30.0]])
    """
    if isinstance(tree, (list, tuple)):
        return _flatten_parts(tree, lambda parts: _sequence_like(tree, parts))
    if isinstance(tree, dict):
        return _flatten_parts(list(tree.values()), lambda parts: dict(zip(tree, parts)))
    if getattr(tree, "shape", ()) and hasattr(tree, "ravel"):
        return tree.ravel().tolist(), lambda numbers: _array(numbers, tree.shape)
    return [tree], lambda numbers: numbers[0]


def _flatten_parts(parts: Sequence[Any], combine: Callable[[list[Any]], Any]) -> tuple[list[Any], Rebuild]:
    flattened = [flatten(part) for part in parts]

    def rebuild(numbers: Sequence[Any]) -> Any:
        rebuilt, start = [], 0
        for part, rebuild_part in flattened:
            rebuilt.append(rebuild_part(numbers[start : start + len(part)]))
            start += len(part)
        return combine(rebuilt)

    return [number for part, _ in flattened for number in part], rebuild


def _sequence_like(sequence: Any, parts: list[Any]) -> Any:
    if hasattr(sequence, "_fields"):
        return type(sequence)(*parts)
    return tuple(parts) if isinstance(sequence, tuple) else parts


def _array(numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    import numpy as np

    array = np.empty(len(numbers), dtype=float if all(isinstance(x, float) for x in numbers) else object)
    array[:] = numbers
    return array.reshape(shape)
