"""Checks of options: the number where it fits, an error that says what was wanted where it does not."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from autograd.primitive import to_float

if TYPE_CHECKING:
    from collections.abc import Collection


def integer(number: Any, name: str, at_least: int) -> int:
    """An integer of at least `at_least`, Python's or NumPy's."""
    try:
        size = operator.index(number)
    except TypeError:
        size = at_least - 1
    if size < at_least or isinstance(number, bool):
        raise ValueError(f"{name} is an integer of at least {at_least}, got {number!r:.100}")
    return size


def listed(things: Any) -> list[Any]:
    """Several things in a list, arrays as lists; one alone in a list of its own."""
    if hasattr(things, "tolist"):
        things = things.tolist()
    return list(things) if hasattr(things, "__iter__") else [things]


def check_names(what: str, wanted: Collection[str], got: Collection[Any], advice: str) -> None:
    """An error like "the state does not fit: missing b; unknown c. Write b" unless the names are those wanted."""
    differences = {
        "missing": [name for name in wanted if name not in got],
        "unknown": [f"{name!s:.100}" for name in got if name not in wanted],
    }
    told = [
        f"{kind} {', '.join(names[:3])}" + f" and {len(names) - 3} more" * (len(names) > 3)
        for kind, names in differences.items()
        if names
    ]
    if told:
        raise ValueError(f"{what}: {'; '.join(told)}. {advice}")


def at_least(name: str, number: Any, bound: float) -> float:
    """A finite number of at least `bound`."""
    return _within(name, number, lambda x: bound <= x < math.inf, f"a number of at least {bound:g}")


def above(name: str, number: Any, bound: float) -> float:
    """A finite number above `bound`."""
    return _within(name, number, lambda x: bound < x < math.inf, f"a number above {bound:g}")


def below_one(name: str, number: Any) -> float:
    """A number from 0 to below 1."""
    return _within(name, number, lambda x: 0 <= x < 1, "a number from 0 to below 1")


def _within(name: str, number: Any, fits: Any, wanted: str) -> float:
    try:
        plain = to_float(number, name)
    except TypeError:
        plain = math.nan
    if not fits(plain):
        raise ValueError(f"{name} is {wanted}, got {number!r:.100}")
    return plain
