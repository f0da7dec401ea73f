"""Formulas, and the three notations that they are written in: plain text, LaTeX and JavaScript.

The notations differ in their templates, names, digits and brackets. Where brackets go is the same: see `precedence`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import table
from autograd.primitive import PRIMITIVES, Primitive
from autograd.symbolic.precedence import PRODUCT, SLOT, SUM, TABLE, UNLISTED, Level, form

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Name(NamedTuple):
    """What something is called, in plain text and in LaTeX."""

    text: str
    latex: str


class Formula(NamedTuple):
    """Something that can be written: a name, a plain number, or an operation on formulas.

    A formula is equal to itself alone: those that share parts would take long to compare part by part.
    """

    value: float = math.nan
    name: Name | None = None
    operation: Primitive | str | None = None  # a row of the table, or the sign of a connective
    operands: tuple[Formula, ...] = ()
    because: tuple[Formula, ...] = ()  # the comparisons that decided choices on the way to it, as they turned out

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    @property
    def text(self) -> str:
        """In plain text."""
        return TEXT.write(self)

    @property
    def latex(self) -> str:
        """In LaTeX, for math mode."""
        return LATEX.write(self)

    @property
    def is_number(self) -> bool:
        """Whether this is a plain number."""
        return self.name is None and self.operation is None


def product(factors: Sequence[Formula]) -> Formula:
    """The factors one after the other: 2 · (-3)."""
    return factors[0] if len(factors) == 1 else Formula(operation=PRODUCT, operands=tuple(factors))


def total(terms: Sequence[Formula]) -> Formula:
    """The terms one after the other: 2 - 3."""
    return terms[0] if len(terms) == 1 else Formula(operation=SUM, operands=tuple(terms))


def leaves(formula: Formula) -> Iterator[Formula]:
    """The names and numbers in a formula, in order."""
    if formula.operation is None:
        yield formula
    for operand in formula.operands:
        yield from leaves(operand)


# ---------------------------------------------------------------------------------------------------------------------
# What all notations have in common
# ---------------------------------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """A formula that is written, and how strongly it binds."""

    text: str
    binds: Level = Level.ATOM
    is_number: bool = False


class Notation:
    """A way to write formulas."""

    language = "text"
    brackets = "({})"
    times = "·"
    associative: tuple[Any, ...] = (table.add, table.mul)  # x + (y + z) is written without brackets

    def name(self, name: Name) -> Written:
        """A name."""
        return Written(name.text)

    def digits(self, number: float) -> str:
        """A number, to six digits."""
        return f"{number + 0.0:.6g}"  # + 0.0: no -0

    def signs(self, formula: Formula) -> str:
        """The template of an operation that is written with signs; "" for a function."""
        return str(getattr(TABLE.get(formula.operation, UNLISTED), self.language))

    def function(self, row: Any) -> str:
        """What stands before the brackets of a function."""
        return str(row.name)

    def template(self, formula: Formula) -> str:
        """How the operation of a formula is written, with #1, #2, ... for its operands."""
        if signs := self.signs(formula):
            return signs
        row: Any = formula.operation
        return self.function(row) + self.brackets.format(", ".join([f"#{k + 1}" for k in range(row.arity or 1)]))

    def write(self, formula: Formula) -> str:
        """The formula on one line."""
        return " ".join(self.pieces(formula))

    def pieces(self, formula: Formula, lead: bool = True) -> list[str]:
        """In pieces between which a line can be broken: the terms of a `total`, the factors of a `product`."""
        if formula.operation == SUM:
            return [self.write(formula.operands[0]), *map(self._term, formula.operands[1:])]
        if formula.operation == PRODUCT:
            written = map(self._written, formula.operands)
            factors = [self._placed(factor, Level.PRODUCT, lead and k == 0) for k, factor in enumerate(written)]
            return [factors[0], *[f"{self.times} {factor}" for factor in factors[1:]]]
        return [self._written(formula).text]

    def compose(self, formula: Formula, operands: Sequence[Written]) -> Written:
        """Write a formula, from what is written of its operands."""
        operation = formula.operation
        if formula.name is not None:
            return self.name(formula.name)
        if operation is None:
            digits = self.digits(formula.value)
            binds = Level.SUM if digits.startswith("-") else Level.PRODUCT if "^" in digits else Level.ATOM
            return Written(digits, binds, is_number=True)
        if operation in (SUM, PRODUCT):
            return Written(self.write(formula), Level.SUM if operation == SUM else Level.PRODUCT)
        template = self.template(formula)
        slots = 1 if isinstance(operation, Primitive) and operation.arity is None else len(operands)
        how = form(template, TABLE.get(operation, UNLISTED), slots, operation in self.associative)
        assert how is not None, "a template of our own is right, and that of a row is looked at"
        in_slot = len(operands) // slots
        filled = [self._placed(*place) for place in zip(operands, how.wanted * in_slot, how.leads * in_slot)]
        if in_slot > 1:
            filled = [", ".join(filled)]
        return Written(SLOT.sub(lambda slot: filled[int(slot[1]) - 1], template), how.binds)

    def _written(self, formula: Formula) -> Written:
        return self.compose(formula, [self._written(operand) for operand in formula.operands])

    def _placed(self, operand: Written, wanted: Level, lead: bool) -> str:
        """An operand in a place that wants it to bind so strongly; brackets around a minus that does not lead."""
        alone = operand.binds >= wanted and (lead or not operand.text.startswith("-"))
        if alone or wanted is Level.ANYTHING or (lead and operand.is_number and wanted <= Level.PRODUCT):
            return operand.text
        return self.brackets.format(operand.text)

    def _term(self, term: Formula) -> str:
        """A term that is not the first, behind its sign."""
        if term.is_number and term.value < 0:
            return f"- {self.digits(-term.value)}"
        if term.operation == PRODUCT:
            return f"+ {' '.join(self.pieces(term, lead=False))}"
        return f"+ {self._placed(self._written(term), Level.SUM, lead=False)}"


# ---------------------------------------------------------------------------------------------------------------------
# The notations
# ---------------------------------------------------------------------------------------------------------------------


class _Text(Notation):
    _superscripts = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

    def signs(self, formula: Formula) -> str:
        if formula.operation is table.pow:
            exponent = formula.operands[1]
            if exponent.is_number and exponent.text.lstrip("-").isdigit():
                return f"#1{exponent.text.translate(self._superscripts)}"
        return super().signs(formula)


class _LaTeX(Notation):
    brackets = r"\left({}\right)"
    times = r"\cdot"

    def name(self, name: Name) -> Written:
        return Written(name.latex, Level.POWER if "^" in name.latex else Level.ATOM)

    def digits(self, number: float) -> str:
        """A number to six digits."""
        mantissa, e, exponent = super().digits(number).partition("e")
        if e:
            power = f"10^{{{int(exponent)}}}"
            return f"{mantissa[:-1]}{power}" if mantissa in ("1", "-1") else rf"{mantissa} \times {power}"
        return mantissa.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")

    def signs(self, formula: Formula) -> str:
        """The row's own template, but where brackets or slots in it are wrong."""
        row: Any = formula.operation
        return row.latex if form(row.latex, UNLISTED, row.arity or 1) else ""

    def function(self, row: Any) -> str:
        return r"\operatorname{{{}}}".format(row.name.replace("_", r"\_"))


class _JavaScript(Notation):
    language = "javascript"
    associative = ()  # brackets say in which order is computed

    def digits(self, number: float) -> str:
        """Exactly the same number as a literal, nan and the infinities and -0 included."""
        literal = repr(float(number)).removesuffix(".0")
        return literal.replace("nan", "NaN").replace("inf", "Infinity")

    def function(self, row: Any) -> str:
        return _FUNCTIONS[row]

    def knows(self, row: Primitive) -> bool:
        """Whether a row is an operator or a function of JavaScript, or a function of ours."""
        return row in _FUNCTIONS or (row in TABLE and TABLE[row].javascript != "")


_OF_MATH = (
    *("abs", "floor", "ceil", "sqrt", "hypot", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos"),
    *("tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
)
_FUNCTIONS: dict[Any, str] = {PRIMITIVES[name]: f"Math.{name}" for name in _OF_MATH}
_FUNCTIONS |= {PRIMITIVES[name]: name for name in ("pow", "erf", "erfc")}  # Math.pow is not that of IEEE 754

TEXT, LATEX, JAVASCRIPT = _Text(), _LaTeX(), _JavaScript()


def is_exact(number: float) -> bool:
    """Whether the digits that are written are all there are."""
    return number != number or float(TEXT.digits(number)) == number
