r"""Where brackets go, in every notation: how strongly operations bind, and what that means for their templates.

A template is how a notation writes an operation, with slots #1, #2, ... for the operands. An operand gets brackets by
the first of these rules that fits its slot:

- Alone between brackets of the template, or between their commas, it needs none. Braces of LaTeX are such brackets too,
  except before an exponent, since they are not seen.
- Right behind a function's name, as in `\sin #1`, it always has brackets.
- Anywhere else it has them where it binds weaker than the operation wants: by `TABLE`, or else where it is no atom.

An operation with nothing but a name outside of its template's brackets is an atom, whatever `TABLE` says, a fraction
binds like a product, and what is not in `TABLE` like a sum.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

from autograd import table

PRODUCT, SUM = "·", "+"  # join the parts of a derivation, any number of them
AND, OR, NOT = "&&", "||", "!"  # join conditions in JavaScript


class Level(IntEnum):
    """How strongly a formula binds, from weak to strong; a place that wants BRACKETS puts them around everything."""

    ANYTHING, CHOICE, OR, AND, EQUALITY, ORDER, SUM, QUOTIENT, PRODUCT, POWER, ATOM, BRACKETS = range(12)


class Operator(NamedTuple):
    """An operation that is written with signs: how strongly it binds, how strongly each operand has to, its templates.

    Where a template is "", the notation writes it as a function; LaTeX has the template of the row.
    """

    binds: Level
    wanted: tuple[Level, ...]
    text: str = ""
    javascript: str = ""


def _comparison(row: Any, level: Level, javascript: str) -> Operator:
    sign = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}.get(row.symbol, row.symbol)
    return Operator(level, (level, Level(level + 1)), f"(#1 {sign} #2)", f"#1 {javascript} #2")


_PAIRS = (
    (table.less, table.greater_equal),
    (table.greater, table.less_equal),
    (table.equal, table.not_equal),
)
COMPARISONS: dict[Any, Any] = {row: other for pair in _PAIRS for row, other in (pair, pair[::-1])}
"""The comparisons, each with the one that holds where it does not."""

TABLE: dict[Any, Operator] = {
    table.where: Operator(Level.CHOICE, (Level.OR, Level.OR, Level.CHOICE), "", "#1 ? #2 : #3"),
    OR: Operator(Level.OR, (Level.OR, Level.AND), "", "#1 || #2"),
    AND: Operator(Level.AND, (Level.AND, Level.EQUALITY), "", "#1 && #2"),
    **{row: _comparison(row, Level.ORDER, row.symbol) for row in COMPARISONS},
    **{row: _comparison(row, Level.EQUALITY, f"{row.symbol}=") for row in _PAIRS[-1]},
    table.add: Operator(Level.SUM, (Level.SUM, Level.QUOTIENT), "#1 + #2", "#1 + #2"),
    table.sub: Operator(Level.SUM, (Level.SUM, Level.QUOTIENT), "#1 - #2", "#1 - #2"),
    table.neg: Operator(Level.SUM, (Level.QUOTIENT,), "-#1", "-#1"),
    table.div: Operator(Level.QUOTIENT, (Level.PRODUCT, Level.POWER), "#1/#2", "#1 / #2"),
    table.mod: Operator(Level.QUOTIENT, (Level.PRODUCT, Level.POWER), "#1 mod #2"),
    table.fmod: Operator(Level.QUOTIENT, (Level.PRODUCT, Level.POWER), "", "#1 % #2"),
    table.mul: Operator(Level.PRODUCT, (Level.PRODUCT, Level.POWER), "#1·#2", "#1 * #2"),
    table.pow: Operator(Level.POWER, (Level.ATOM, Level.ATOM), "#1^#2"),
    table.exp: Operator(Level.POWER, (Level.ATOM,)),  # e^x in LaTeX
    NOT: Operator(Level.POWER, (Level.ATOM,), "", "!#1"),
}
UNLISTED = Operator(Level.SUM, ())

SLOT = re.compile(r"#(\d+)")
_LEFT, _RIGHT = [re.compile(rf"\\{side}(?![A-Za-z])\s*(\\[A-Za-z]+|\\?.)") for side in ("left", "right")]
_UNSEEN = re.compile(r"\\[^A-Za-z]|\s")
_INNERMOST = re.compile(r"\([^][(){}]*\)|\[[^][(){}]*\]|\{[^][(){}]*\}")
_ALONE = re.compile(r"(?<=[{(\[,|])#\d+(?=[)\],|]|\}(?!\^))")
_FUNCTION = re.compile(r"(?:\\?[^\W\d][\w.]*)?(#\d+)?")


class Form(NamedTuple):
    """How a template is to be filled."""

    binds: Level  # how strongly the whole binds
    wanted: tuple[Level, ...]  # for each slot how strongly its operand has to bind to do without brackets
    leads: tuple[bool, ...]  # for each slot whether its operand may begin with a minus


@cache
def form(template: str, operator: Operator, slots: int, associative: bool = False) -> Form | None:
    """How the template of an operation is to be filled; None where brackets or slots in it are wrong.

    There is a slot for each operand, or one for all where there can be any number. Where the operation is associative,
    x + (y + z) is written without brackets.
    """
    binds = operator.binds
    wanted = list((binds,) * slots if associative else operator.wanted or (Level.ATOM,) * slots)
    flat = _UNSEEN.sub("", _RIGHT.sub(")", _LEFT.sub("(", template)))
    outside = flat
    while (less := _INNERMOST.sub("", outside)) != outside:
        outside = less
    places = [str(k + 1) for k in range(slots)]
    if re.search(r"[][(){}]", outside) or not set(SLOT.findall(flat)).issubset(places):
        return None
    leads = tuple([binds < Level.SUM or template.startswith(f"#{place}") for place in places])
    exposed = set(SLOT.findall(_ALONE.sub("", flat)))
    for k, place in enumerate(places):
        if place not in exposed:
            wanted[k] = Level.ANYTHING
    if outside == r"\frac":
        binds = Level.PRODUCT
    elif function := _FUNCTION.fullmatch(outside):
        binds = Level.ATOM
        if function[1]:
            wanted[int(function[1][1:]) - 1] = Level.BRACKETS
    return Form(binds, tuple(wanted), leads)
