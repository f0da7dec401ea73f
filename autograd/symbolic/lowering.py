"""Lowering: an operation in the operations of a machine.

A machine adds, multiplies, compares, chooses, rounds, takes square roots, and has a library of functions. Any other
operation is computed as its forward function says. That is written for floats, but in operators, functions of `math`
and other forward functions: here it runs on symbols, with the row of the table in place of each of those functions, and
leaves behind what it does.
"""

from __future__ import annotations

import math
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from autograd import table
from autograd.primitive import PRIMITIVES, Primitive
from autograd.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autograd.symbols import Writer

FUNCTIONS = (
    *("exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "pow"),
)
"""Rows that are functions of the C library."""


def lowered(writer: Writer, primitive: Primitive, operands: Sequence[Any]) -> Any:
    """What an operation on nodes of a writer is in others: a symbol, or a number.

    Raises:
        TypeError: its forward function does not run on symbols, because it needs their numbers.
    """
    rule = on_symbols(primitive.lowering or primitive.forward)
    return rule(*[Symbol(writer, operand) for operand in operands])


def on_symbols(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of floats as one that runs on any kind of number: `math.exp` in it is the row `exp`.

    Example:
        >>> import math
        >>> from autograd import Value
        >>> on_symbols(lambda x: x * math.exp(x))(Value(0.0))
        Value(data=0.0, grad=0.0)
    """
    if not isinstance(function, FunctionType):
        return function
    outside = function.__globals__
    names = [name for code in _codes(function.__code__) for name in code.co_names if name in outside]
    known = {name: _row_of(outside[name]) for name in names}
    on_any = FunctionType(
        function.__code__,
        {"__builtins__": outside.get("__builtins__", __builtins__)} | known,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    on_any.__kwdefaults__ = function.__kwdefaults__
    return on_any


class _Math:
    """The module `math`, with rows of the table for its functions."""

    def __getattr__(self, name: str) -> Any:
        return _row_of(getattr(math, name))


_MATH = _Math()
_ROWS = {id(getattr(math, name)): row for name, row in PRIMITIVES.items() if hasattr(math, name)}
_ROWS |= {id(row.forward): row for row in (*PRIMITIVES.values(), table.fmod)}
_ROWS |= {id(math.fabs): table.abs, id(math.fmod): table.fmod}


def _row_of(thing: Any) -> Any:
    return _MATH if thing is math else _ROWS.get(id(thing), thing)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those that are defined in it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)
