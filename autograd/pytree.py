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
    if getattr(tree, "shape", ()) and hasattr(tree, "ravel") and not isinstance(tree, type):
        check_array(tree, "an argument or a result")
        return tree.ravel().tolist(), lambda numbers: _array(numbers, tree.shape)
    return [tree], lambda numbers: numbers[0]


def check_array(array: Any, name: str) -> None:
    """Whether an array is its numbers and nothing else: no mask says which of them do not count.

    Raises:
        ValueError: something is masked.
        TypeError: it is a `numpy.matrix`, for which `*` means something else.
    """
    if hasattr(array, "filled") and array.mask.any():
        raise ValueError(
            f"{name} is a masked array, whose mask would be lost: leave out what is masked, x.compressed() or "
            f"X[~X.mask.any(axis=1)], or fill it in, x.filled(0.0)"
        )
    if type(array).__name__ == "matrix":
        raise TypeError(f"{name} is a numpy.matrix, for which * means something else: write np.asarray(x)")


def flatten_like(tree: Any, like: Any, what: str) -> list[Any]:
    """The numbers in a structure, in the order of another that has the same structure.

    Raises:
        ValueError: they differ in structure; says where, calling the first `what`.

    Example:
        >>> flatten_like({"b": 1.0, "a": 2.0}, like={"a": 0.0, "b": 0.0}, what="tangents")
        [2.0, 1.0]
    """
    if isinstance(like, dict):
        if not isinstance(tree, dict) or set(tree) != set(like):
            raise ValueError(f"{what} want a dict with the keys {', '.join(map(repr, like))}, got {tree!r:.80}")
        return [number for key in like for number in flatten_like(tree[key], like[key], what)]
    if isinstance(like, (list, tuple)):
        if not isinstance(tree, (list, tuple)) or len(tree) != len(like):
            raise ValueError(f"{what} want a {type(like).__name__} of length {len(like)}, got {tree!r:.80}")
        return [number for part, like_part in zip(tree, like) for number in flatten_like(part, like_part, what)]
    numbers, wanted = flatten(tree)[0], flatten(like)[0]
    if isinstance(tree, (list, tuple, dict)) or len(numbers) != len(wanted):
        shape = getattr(like, "shape", ())
        raise ValueError(f"{what} want {f'an array of shape {shape}' if shape else 'one number'}, got {tree!r:.80}")
    return numbers


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

    parts = {getattr(x, "shape", ()) for x in numbers}
    if len(parts) == 1 and parts != {()}:  # of arrays: a Jacobian, of the shape of the results and of the arguments
        return np.array(list(numbers)).reshape(*shape, *parts.pop())
    array = np.empty(len(numbers), dtype=float if all(isinstance(x, float) for x in numbers) else object)
    array[:] = numbers
    return array.reshape(shape)
