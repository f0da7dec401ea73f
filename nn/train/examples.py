"""Examples: checking inputs and targets."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from autograd.primitive import to_float
from autograd.pytree import check_array


class Examples(NamedTuple):
    """What a network learns from, checked."""

    X: Any  # as `rows_of` gives them
    y: list[Any]  # numbers, or lists of them


def rows_of(X: Any, nin: int | None, name: str) -> Any:
    """What `as_rows` gives, but of an array or a frame as an array of floats."""
    data = X.to_numpy() if hasattr(X, "to_numpy") else X
    numpy = sys.modules.get("numpy")
    if numpy and type(data) is numpy.ndarray and data.dtype.kind in "fiub" and data.itemsize <= 8:
        array = data.astype(float, order="C")
        if array.ndim == 1:
            array = array.reshape(-1, 1)
        if array.ndim == 2 and array.shape[1] == (nin or array.shape[1]) and array.size and numpy.isfinite(array).all():
            return array
    return as_rows(data, nin, name)  # says what is wrong with it


def as_list(numbers: Any) -> Any:
    """An array as a list; anything else as it is."""
    return numbers.tolist() if hasattr(numbers, "tolist") else numbers


def as_rows(X: Any, nin: int | None = None, name: str = "X") -> list[list[float]]:
    """Inputs as a list of lists of floats, one per example.

    Args:
        X: n examples: a list of lists, a NumPy array of shape (n, nin), a pandas frame, a tensor, or anything that
            gives one row after the other. With nin = 1 also n numbers.
        nin: how many inputs each must have; as many as the first unless given.
        name: what messages call it.

    Raises:
        ValueError: there are no examples, they differ in length, or a number is nan or infinite.
        TypeError: something is not a number, or has no order.

    Example:
        >>> as_rows([[1, 2], [3, 4]], nin=2)
        [[1.0, 2.0], [3.0, 4.0]]
    """
    examples = _as_lists(X, name)
    if not examples:
        raise ValueError(f"{name} is empty: it wants at least one example")
    rows = [row if isinstance(row, list) else [_finite(row, f"{name}[{k}]")] for k, row in enumerate(examples)]
    if any(isinstance(number, list) for number in rows[0]):
        raise TypeError(
            f"{name}[0][0] wants one number, got a list: put all numbers of an example into one row, as "
            f"numpy.reshape({name}, (len({name}), -1)) does"
        )
    wanted = len(rows[0]) if nin is None else nin
    for k, row in enumerate(rows):
        if len(row) != wanted:
            one = "" if isinstance(examples[k], list) else f": write [x] for {name} where x is the only example"
            raise ValueError(f"{name}[{k}] has {len(row)} numbers, the network wants {wanted}{one}")
    return [[_finite(number, f"{name}[{k}][{j}]") for j, number in enumerate(row)] for k, row in enumerate(rows)]


def as_targets(y: Any, n: int, name: str = "y") -> list[Any]:
    """Targets as a list of numbers, or of lists of numbers, one per example.

    Args:
        y: n targets: a list, a NumPy array of shape (n,) or (n, k), or a pandas series or frame.
        n: how many there must be.
        name: what messages call it.

    Raises:
        ValueError: another number of targets, or a number is nan or infinite.
        TypeError: something is not a number.

    Example:
        >>> as_targets([0, 1], 2)
        [0, 1]
    """
    targets = _as_lists(y, name)
    if len(targets) != n:
        raise ValueError(f"{name} has {len(targets)} targets for {n} examples: it wants one for each")
    checked: list[Any] = []
    for k, target in enumerate(targets):
        if isinstance(target, list):
            numbers = [_finite(number, f"{name}[{k}][{j}]") for j, number in enumerate(target)]
            checked.append(numbers[0] if len(numbers) == 1 else numbers)
        else:
            number = _finite(target, f"{name}[{k}]")
            checked.append(target if isinstance(target, int) else number)
    return checked


def _as_lists(data: Any, name: str) -> list[Any]:
    """Arrays, frames and nested sequences as nested lists."""
    if isinstance(data, (str, bytes)):
        raise TypeError(f"{name} wants rows of numbers, got the text {data!r:.100}")
    if isinstance(data, Mapping):
        raise TypeError(f"{name} is a dict, which gives its keys, not what they stand for: write list({name}.values())")
    if isinstance(data, (set, frozenset)):
        raise TypeError(f"{name} is a set, which has no order: write a list")
    if hasattr(data, "toarray"):
        raise TypeError(f"{name} is a sparse matrix: write {name}.toarray()")
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if hasattr(data, "tolist"):
        check_array(data, name)
        data = data.tolist()
    try:
        rows = list(data)
    except TypeError:
        kind = type(data).__name__
        raise TypeError(f"{name} wants a list, an array or a frame, got {kind} {data!r:.100}") from None
    return [row if row.__class__ in _NUMBERS else _as_row(row, f"{name}[{k}]") for k, row in enumerate(rows)]


_NUMBERS = (float, int)


def _as_row(thing: Any, place: str) -> Any:
    """Something in a list: a list again where it has several parts, a Python number where it is one of NumPy's."""
    if isinstance(thing, (str, bytes)):
        return thing
    if hasattr(thing, "__iter__") and getattr(thing, "shape", None) != ():
        return _as_lists(thing, place)
    return thing.tolist() if hasattr(thing, "tolist") else thing


def _finite(number: Any, place: str) -> float:
    if number.__class__ is not float:
        try:
            number = to_float(number, place)
        except TypeError as error:
            advice = _advice(number, place)
            if not advice:
                raise
            got = f"{type(number).__name__} {number!r:.100}"
            raise TypeError(f"{place} wants a number, got {got}: {advice}") from error
    if not math.isfinite(number):
        raise ValueError(f"{place} is {number}: remove it or fill it in before training")
    return number  # type: ignore[no-any-return]


def _advice(thing: Any, place: str) -> str:
    """Advice about something that is not a number; "" if there is none."""
    name = place.split("[")[0]
    if isinstance(thing, str):
        try:
            return f"write float({thing!r})" if math.isfinite(float(thing)) else ""
        except ValueError:
            if name.endswith("y"):
                return f"number the classes, classes = sorted(set({name})); {name} = [classes.index(t) for t in {name}]"
            return "write a number for each word, or one input for each, which is 1 for this word and 0 for the others"
    if isinstance(thing, complex):
        return "write z.real and z.imag, two numbers"
    if thing is None or type(thing).__name__ in ("NAType", "NaTType"):
        return "remove it or fill it in before training"
    if hasattr(thing, "toordinal"):
        return "write the days since a date, x.toordinal(), or the like"
    return ""
