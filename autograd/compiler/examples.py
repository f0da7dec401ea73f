"""One example or many? What an array among the arguments means to a function that was compiled without parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiler.arguments import structured
from autograd.compiler.trace import record, to_program
from autograd.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NOT_FOR_THAT = (TypeError, ValueError, IndexError, AttributeError)
"""What a function raises that is called with something it is not for."""


def does_the_same_to_each(f: Callable[..., Any], arguments: Sequence[Any]) -> bool:
    """Whether the arrays are examples: whether `f` can be called with each entry, or row, of them alone.

    An array of two dimensions is examples in rows if `f` takes one row. An array of one dimension may be a vector that
    `f` is a function of; it is examples if `f` cannot take it, or does the same to each of its numbers.

    Args:
        f: a function of Values.
        arguments: what it is called with, arrays among it.
    """
    try:
        record(f, [_first(argument) for argument in arguments])
    except _NOT_FOR_THAT as error:
        _check_takes_all(f, arguments, error)
        return False
    if any(_is_array(argument) and argument.ndim > 1 for argument in arguments):
        return True
    try:
        of_two, of_three = _what_it_does(f, arguments, 2), _what_it_does(f, arguments, 3)
    except _NOT_FOR_THAT:
        return True
    return of_two is not None and of_two == of_three


def _check_takes_all(f: Callable[..., Any], arguments: Sequence[Any], error: Exception) -> None:
    """Raise the error that one example led to, if the arguments as they are lead to one as well."""
    try:
        record(f, [structured(argument)[0] for argument in arguments])
    except _NOT_FOR_THAT:
        raise error from None


def _is_array(argument: Any) -> bool:
    return isinstance(argument, np.ndarray) and argument.ndim > 0


def _first(argument: Any) -> Any:
    """The first example of an argument, made of Values."""
    if not _is_array(argument):
        return structured(argument)[0]
    return structured(argument[0] if len(argument) else np.ones(argument.shape[1:]))[0]


def _what_it_does(f: Callable[..., Any], arguments: Sequence[Any], count: int) -> Any:
    """What `f` does to each of so many numbers; None if that is not the same for all."""
    given: list[Any] = []
    shared: list[Value] = []
    columns: list[list[Value]] = []
    for argument in arguments:
        values = [Value(1.0) for _ in range(count if _is_array(argument) else 1)]
        if _is_array(argument):
            given.append(np.array(values, dtype=object))
            columns.append(values)
        else:
            given.append(values[0])
            shared += values
    recorded = record(f, given)
    if len(recorded.outputs) != count:
        return None
    others = {value for column in columns for value in column}
    found = set()
    for k, output in enumerate(recorded.outputs):
        inputs = {column[k]: (1, j) for j, column in enumerate(columns)}
        program, (node,), captured = to_program([output], inputs, shared, recorded.made, [0, len(columns)])
        if not others.isdisjoint(captured):
            return None
        found.add((tuple(map(str, program.instructions)), node))
    return found.pop() if len(found) == 1 else None
