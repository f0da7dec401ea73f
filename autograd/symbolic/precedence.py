r"""Where brackets go, in every notation: how strongly operations bind, and what that means for their templates.

A template is how a notation writes an operation, with slots #1, #2, ... for the operands. An operand gets brackets by
the first of these rules that fits its slot:

- Alone between brackets of the template, or between their commas, it needs none. Braces of LaTeX are such brackets too,
  but for those that an exponent follows, since nobody sees them.
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

from autograd import primitives
from autograd.primitives import Primitive


class Connective(NamedTuple):
    """What joins formulas and is no row of the table of primitives."""

    sign: str


PRODUCT, SUM = Connective("·"), Connective("+")
"""Join the parts of a derivation, any number of them."""

AND, OR, NOT = Connective("&&"), Connective("||"), Connective("!")
"""Join conditions in JavaScript."""

_PAIRS = (
    (primitives.less, primitives.greater_equal),
    (primitives.greater, primitives.less_equal),
    (primitives.equal, primitives.not_equal),
)
COMPARISONS: dict[Any, Primitive] = {row: other for pair in _PAIRS for row, other in (pair, pair[::-1])}
"""The comparisons, each with the one that holds where it does not."""


class Level(IntEnum):
    """How strongly an formula binds, from weak to strong; a place that wants BRACKETS puts them around everything."""

    ANYTHING, CHOICE, OR, AND, EQUALITY, ORDER, SUM, QUOTIENT, PRODUCT, POWER, ATOM, BRACKETS = range(12)


TABLE: dict[Any, tuple[Level, tuple[Level, ...]]] = {
    primitives.where: (Level.CHOICE, (Level.OR, Level.OR, Level.CHOICE)),
    OR: (Level.OR, (Level.OR, Level.AND)),
    AND: (Level.AND, (Level.AND, Level.EQUALITY)),
    **dict.fromkeys(COMPARISONS, (Level.ORDER, (Level.ORDER, Level.SUM))),
    **dict.fromkeys((primitives.equal, primitives.not_equal), (Level.EQUALITY, (Level.EQUALITY, Level.ORDER))),
    primitives.add: (Level.SUM, (Level.SUM, Level.QUOTIENT)),
    primitives.sub: (Level.SUM, (Level.SUM, Level.QUOTIENT)),
    primitives.neg: (Level.SUM, (Level.QUOTIENT,)),
    primitives.div: (Level.QUOTIENT, (Level.PRODUCT, Level.POWER)),
    primitives.mod: (Level.QUOTIENT, (Level.PRODUCT, Level.POWER)),
    primitives.fmod: (Level.QUOTIENT, (Level.PRODUCT, Level.POWER)),
    primitives.mul: (Level.PRODUCT, (Level.PRODUCT, Level.POWER)),
    primitives.pow_: (Level.POWER, (Level.ATOM, Level.ATOM)),
    primitives.exp: (Level.POWER, (Level.ATOM,)),
    NOT: (Level.POWER, (Level.ATOM,)),
}
"""How strongly an operation binds that is written with signs, and how strongly each of its operands has to."""


class Form(NamedTuple):
    """How an operation is written.

    Attributes:
        template: with a slot for each operand; one for all where there can be any number.
        binds: how strongly the whole binds.
        wanted: how strongly the operand in each slot has to bind to do without brackets.
        leads: whether the operand in each slot may begin with a minus.
    """

    template: str
    binds: Level
    wanted: tuple[Level, ...]
    leads: tuple[bool, ...]


SLOT = re.compile(r"#(\d+)")
_FLATTENED = (
    (re.compile(r"\\left(?![A-Za-z])\s*(\\[A-Za-z]+|\\?.)|\\begin\{\w+\}"), "("),
    (re.compile(r"\\right(?![A-Za-z])\s*(\\[A-Za-z]+|\\?.)|\\end\{\w+\}"), ")"),
    (re.compile(r"\\text\{[^{}]*\}"), ","),
    (re.compile(r"\\[^A-Za-z]|\s"), ""),
)
_INNERMOST = re.compile(r"\([^][(){}]*\)|\[[^][(){}]*\]|\{[^][(){}]*\}")
_BRACKET = re.compile(r"[][(){}]")
_ALONE = re.compile(r"(?<=[{(\[,|])#\d+(?=[)\],|]|\}(?!\^))")
_FUNCTION = re.compile(r"(?:\\?[^\W\d][\w.]*)?(#\d+)?")


@cache
def form(template: str, operation: Any, slots: int, associative: bool = False) -> Form | None:
    """How an operation is written with a template; None where brackets or slots of the template are wrong.

    Args:
        template: of the operation, in some notation.
        operation: a row of the table of primitives or a connective.
        slots: how many the template may have.
        associative: whether x + (y + z) is written without brackets.
    """
    binds, wanted = TABLE.get(operation, (Level.SUM, (Level.ATOM,) * slots))
    if associative:
        wanted = (binds,) * slots
    flat = template
    for pattern, short in _FLATTENED:
        flat = pattern.sub(short, flat)
    outside = flat
    while (less := _INNERMOST.sub("", outside)) != outside:
        outside = less
    places = [str(k + 1) for k in range(slots)]
    if _BRACKET.search(outside) or not set(SLOT.findall(flat)).issubset(places):
        return None
    exposed = set(SLOT.findall(_ALONE.sub("", flat)))
    wanted_in = [want if place in exposed else Level.ANYTHING for place, want in zip(places, wanted)]
    leads = [binds < Level.SUM or template.startswith(f"#{place}") for place in places]
    if outside == r"\frac":
        binds = Level.PRODUCT
    elif function := _FUNCTION.fullmatch(outside):
        binds = Level.ATOM
        if function[1]:
            wanted_in[int(function[1][1:]) - 1] = Level.BRACKETS
    return Form(template, binds, tuple(wanted_in), tuple(leads))
