"""Rules of the table run on formulas, redundant parts left out: 1·x is x, and x·x is x².

`lambda out, x: 1 - out * out` leaves 1 - a² behind. A formula knows its number as well, so that choices are
decided: the derivative of relu(z) is not a `where` but 1, because z > 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd import table
from autograd.symbolic.notation import Formula, Name, is_exact
from autograd.symbolic.precedence import COMPARISONS
from autograd.symbols import Symbol
from autograd.table import add, div, mul, neg, sqrt, sub

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.primitive import Primitive


class Simplifier:
    """Writes operations on symbols as formulas: lightly simplified, with choices decided by the numbers."""

    def apply(self, primitive: Primitive, operands: Sequence[Formula]) -> Formula:
        """An operation; of `where` the operand that is chosen."""
        if primitive is table.where:
            condition, x, y = operands
            chosen = x if condition.value else y
            return _decided(chosen, _as_it_turned_out(condition))
        return simplified(primitive, *operands)

    def constant(self, number: float) -> Formula:
        """A number; some have a better name than their digits."""
        if -number in _CONSTANTS:
            return simplified(neg, _CONSTANTS[-number])
        return _CONSTANTS.get(number) or Formula(number)

    def result(self, local: Any) -> Formula:
        """What a rule gave: a symbol or a plain number."""
        if not isinstance(local, Symbol):
            return Formula(float(local))
        formula = local.node if isinstance(local.node, Formula) else self.constant(local.node)
        zero = local.zero_where
        if zero is None:
            return formula
        return Formula(0.0, because=zero.because) if zero.value else _decided(formula, zero.because)


def _decided(chosen: Formula, because: Iterable[Formula]) -> Formula:
    return chosen._replace(because=_merged(because, chosen.because))


_MOST_CONDITIONS = 2


def _merged(*groups: Iterable[Formula]) -> tuple[Formula, ...]:
    """The conditions of several formulas, each once; the first ones, where there are many."""
    merged = {condition.text: condition for group in groups for condition in group}
    return tuple(merged.values())[:_MOST_CONDITIONS]


def _as_it_turned_out(condition: Formula) -> tuple[Formula, ...]:
    """A condition as a comparison that holds; none where it compares plain numbers."""
    undefined = [operand for operand in condition.operands if operand.value != operand.value]
    if undefined:
        name = Name(f"{undefined[0].text} is nan", rf"{undefined[0].latex} \text{{ is nan}}")
        return (Formula(name=name),)
    if condition.operation in (table.equal, table.not_equal):
        compared, number = condition.operands
        if compared.operation in COMPARISONS and _is(number, 0.0):  # where asks whether its condition is 0
            return _as_it_turned_out(compared)
    if condition.operation in COMPARISONS:
        if all(operand.is_number for operand in condition.operands):
            return ()
        return (condition if condition.value else condition._replace(operation=COMPARISONS[condition.operation]),)
    if condition.is_number:
        return ()
    comparison = table.not_equal if condition.value else table.equal
    return (Formula(operation=comparison, operands=(condition, Formula(0.0))),)


def simplified(row: Primitive, *operands: Formula) -> Formula:
    """An operation without redundant parts.

    Example:
        >>> x = Formula(2.0, Name("x", "x"))
        >>> simplified(table.add, simplified(table.mul, Formula(1.0), x), Formula(-3.0)).text
        'x - 3'
    """
    value = row.forward(*[operand.value for operand in operands])
    if row is neg:
        shorter = Formula(value) if operands[0].is_number else _opposite(operands[0])
    else:
        shorter = _shorter(row, value, *operands) if row in _NEUTRAL else None
    because = _merged(*[operand.because for operand in operands])
    return (shorter or Formula(operation=row, operands=operands))._replace(value=value, because=because)


_NEUTRAL = {add: 0.0, sub: 0.0, mul: 1.0, div: 1.0, table.pow: 1.0}
"""The right operand that changes nothing."""


def _shorter(row: Primitive, value: float, x: Formula, y: Formula) -> Formula | None:
    """Arithmetic on two operands, by the first rule that makes it shorter; None if none does."""
    if x.is_number and y.is_number and (row in (add, sub, mul) or (row is div and is_exact(value))):
        return Formula(value)
    if _is(y, _NEUTRAL[row]):
        return x
    if row in (add, mul) and _is(x, _NEUTRAL[row]):
        return y
    if row is table.pow:
        return Formula(1.0) if _is(y, 0.0) else None
    if row is sub and _is(x, 0.0):
        return simplified(neg, y)
    opposite = _opposite(y)
    if row in (add, sub):
        return None if opposite is None else simplified(sub if row is add else add, x, opposite)
    if (of_x := _opposite(x)) is not None:
        return simplified(neg, simplified(row, of_x, y))
    if row is div:
        return None
    if opposite is not None:
        return simplified(neg, simplified(mul, x, opposite))
    if y.operation is div and _is(y.operands[0], 1.0):
        return simplified(div, x, y.operands[1])
    if x.operation is mul and (power := _power(x.operands[1], y)):
        return simplified(mul, x.operands[0], power)
    return _power(x, y)


def _power(x: Formula, y: Formula) -> Formula | None:
    """The product of a name, or a power of it, with the same name."""
    base, exponent = x.operands if x.operation is table.pow else (x, Formula(1.0))
    if exponent.is_number and (base is y or (base.name is not None and base.name == y.name)):
        return simplified(table.pow, base, Formula(exponent.value + 1.0))
    return None


def _is(formula: Formula, number: float) -> bool:
    return formula.is_number and formula.value == number


def _opposite(formula: Formula) -> Formula | None:
    """What a formula is the negative of, where it is written with a minus sign."""
    if formula.operation is neg:
        return formula.operands[0]
    return Formula(-formula.value) if formula.is_number and formula.value < 0 else None


def _constants() -> dict[float, Formula]:
    """The numbers in the engine's own rules that have a better name than their digits."""
    one, two, pi = Formula(1.0), Formula(2.0), Formula(math.pi, Name("π", r"\pi"))
    written = [
        simplified(table.log, two),
        simplified(table.log, Formula(10.0)),
        simplified(div, two, simplified(sqrt, pi)),
        simplified(div, one, simplified(sqrt, simplified(mul, two, pi))),
    ]
    sqrt_half = simplified(div, one, simplified(sqrt, two))  # its number is rounded another way
    return {math.sqrt(0.5): sqrt_half} | {formula.value: formula for formula in written}


_CONSTANTS = _constants()
