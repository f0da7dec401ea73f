"""Symbols: numbers that write down what a rule does to them, so that a rule of the table becomes a piece of a program.

A `Writer` says what is written: instructions of a program, or Values while a program is recorded. A rule that runs on
symbols leaves behind the operations of the local derivative. Where it chooses with `select`, both choices are written,
and a choice of ZERO becomes a mask: the condition under which nothing flows back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from autograd import table
from autograd.primitive import ZERO, Number, Primitive

if TYPE_CHECKING:
    from collections.abc import Sequence


class Writer(Protocol):
    """Where operations on symbols are written."""

    def apply(self, primitive: Primitive, operands: Sequence[Any]) -> Any:
        """Write an operation; the node of it."""

    def constant(self, number: float) -> Any:
        """Write a number; the node of it."""


def _refused(symbol: Symbol) -> Any:
    raise TypeError(f"the number of {symbol!r} is not known: write autograd.select(condition, x, y) for a choice")


class Symbol(Number):
    """A number that is not known yet: a node of what is being written.

    Attributes:
        writer: where operations on it are written.
        node: what the writer calls it; or a float, a number that is known.
        zero_where: the node of a condition (0 or 1) under which the number is ZERO; None where it never is.
    """

    __slots__ = ("node", "writer", "zero_where")
    rank = 3

    def __init__(self, writer: Writer, node: Any, zero_where: Any = None) -> None:
        self.writer, self.node, self.zero_where = writer, node, zero_where

    @staticmethod
    def apply(primitive: Primitive, arguments: Sequence[Any]) -> Any:
        writer = next(argument.writer for argument in arguments if isinstance(argument, Symbol))
        if primitive is table.where and any(_can_be_zero(argument) for argument in arguments[1:]):
            return _choice_of_zero(writer, *arguments)
        if primitive is table.mul:
            return _product(writer, *arguments)
        return Symbol(writer, writer.apply(primitive, [_plain_node(writer, argument) for argument in arguments]))

    __bool__ = __float__ = __int__ = __index__ = _refused

    def __repr__(self) -> str:
        return f"Symbol({self.node!r})"


def node_of(writer: Writer, number: Any) -> Any:
    """The node of a symbol or of a plain number."""
    known = number.node if isinstance(number, Symbol) else float(number)
    return writer.constant(known) if isinstance(known, float) else known


def _product(writer: Writer, x: Any, y: Any) -> Any:
    """x * y, which is 0 where one of them is ZERO, whatever the other."""
    if x is ZERO or y is ZERO:
        return 0.0
    node = writer.apply(table.mul, (node_of(writer, x), node_of(writer, y)))
    for number in (x, y):
        if _can_be_zero(number):
            node = writer.apply(table.where, (number.zero_where, writer.constant(0.0), node))
    return Symbol(writer, node)


def _plain_node(writer: Writer, number: Any) -> Any:
    """The node of a number that is computed with: ZERO is 0 then."""
    node = node_of(writer, number)
    if isinstance(number, Symbol) and number.zero_where is not None:
        return writer.apply(table.where, (number.zero_where, writer.constant(0.0), node))
    return node


def _can_be_zero(number: Any) -> bool:
    return number is ZERO or (isinstance(number, Symbol) and number.zero_where is not None)


def _choice_of_zero(writer: Writer, condition: Any, x: Any, y: Any) -> Any:
    """`where` with ZERO among its choices: the number of the other one, and the condition under which it is ZERO."""
    if x is ZERO and y is ZERO:
        return ZERO
    chosen = node_of(writer, condition)
    zero = (_zero_where(writer, x), _zero_where(writer, y))
    zero_where = writer.apply(table.where, (chosen, *zero))
    if x is ZERO or y is ZERO:
        number = y if x is ZERO else x
        return Symbol(writer, number.node if isinstance(number, Symbol) else float(number), zero_where)
    return Symbol(writer, writer.apply(table.where, (chosen, node_of(writer, x), node_of(writer, y))), zero_where)


def _zero_where(writer: Writer, number: Any) -> Any:
    if number is ZERO:
        return writer.constant(1.0)
    zero_where = number.zero_where if isinstance(number, Symbol) else None
    return writer.constant(0.0) if zero_where is None else zero_where
