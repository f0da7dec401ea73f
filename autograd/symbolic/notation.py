"""Formulas, and the three notations that they are written in: plain text, LaTeX and JavaScript.

The notations differ in their templates, names, digits and brackets. Where brackets go is the same: see `precedence`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import primitives
from autograd.primitives import PRIMITIVES, Primitive, add, div, mul, neg, pow_, sub
from autograd.symbolic.precedence import AND, COMPARISONS, NOT, OR, PRODUCT, SLOT, SUM, Connective, Level, form

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Name(NamedTuple):
    """What something is called, in plain text and in LaTeX."""

    text: str
    latex: str


@dataclass(frozen=True, eq=False, slots=True)
class Formula:
    """Something that can be written: a name, a plain number, or an operation on formulas.

    Attributes:
        value: its number, where it is known.
        name: what it is called, where it has a name.
        operation: the row of the table or the connective, where it is an operation.
        operands: of the operation.
        because: the comparisons that decided choices on the way to it, as they turned out.

    Example:
        >>> z = Formula(name=Name("z1", "z_{1}"))
        >>> formula = Formula(operation=primitives.exp, operands=(z,))
        >>> formula.text, formula.latex
        ('exp(z1)', 'e^{z_{1}}')
    """

    value: float = math.nan
    name: Name | None = None
    operation: Primitive | Connective | None = None
    operands: tuple[Formula, ...] = ()
    because: tuple[Formula, ...] = ()

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
    """The factors one after the other.

    Example:
        >>> product([Formula(2.0), Formula(-3.0)]).text
        '2 · (-3)'
    """
    return factors[0] if len(factors) == 1 else Formula(operation=PRODUCT, operands=tuple(factors))


def total(terms: Sequence[Formula]) -> Formula:
    """The terms one after the other.

    Example:
        >>> total([Formula(2.0), Formula(-3.0)]).text
        '2 - 3'
    """
    return terms[0] if len(terms) == 1 else Formula(operation=SUM, operands=tuple(terms))


def leaves(formula: Formula) -> Iterator[Formula]:
    """The names and numbers in an formula, in order.

    Example:
        >>> [leaf.text for leaf in leaves(total([Formula(2.0), product([Formula(3.0), Formula(4.0)])]))]
        ['2', '3', '4']
    """
    unseen = [formula]
    while unseen:
        part = unseen.pop()
        if part.operation is None:
            yield part
        unseen.extend(reversed(part.operands))


# ---------------------------------------------------------------------------------------------------------------------
# What all notations have in common
# ---------------------------------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """A part of what is being written: its text, and how strongly it binds."""

    text: str
    binds: Level = Level.ATOM
    is_number: bool = False


class Notation:
    """A way to write formulas.

    Args:
        templates: of the operations that are not written as functions.
    """

    brackets = "({})"
    times = "·"
    associative: tuple[Any, ...] = (add, mul)

    def __init__(self, templates: dict[Any, str]) -> None:
        self.templates = templates

    def name(self, name: Name) -> Written:
        """A name."""
        return Written(name.text)

    def digits(self, number: float) -> str:
        """A number."""
        raise NotImplementedError

    def template(self, formula: Formula) -> str:
        """How the operation of an formula is written, with #1, #2, ... for its operands."""
        row: Any = formula.operation
        return self.templates.get(row) or f"{row.name}({_slots(row)})"

    def write(self, formula: Formula) -> str:
        """The formula on one line."""
        return " ".join(self.pieces(formula))

    def pieces(self, formula: Formula) -> list[str]:
        """In pieces between which a line can be broken: the terms of a `total`, the factors of a `product`."""
        if formula.operation is SUM:
            first, *others = formula.operands
            return [self.write(first), *map(self._term, others)]
        if formula.operation is PRODUCT:
            return self._factors(formula.operands, lead=True)
        return [self._written(formula).text]

    def compose(self, formula: Formula, operands: Sequence[Written]) -> Written:
        """Write an formula, from what is written of its operands."""
        operation = formula.operation
        if formula.name is not None:
            return self.name(formula.name)
        if operation is None:
            digits = self.digits(formula.value)
            binds = Level.SUM if digits.startswith("-") else Level.PRODUCT if "^" in digits else Level.ATOM
            return Written(digits, binds, is_number=True)
        if operation in (SUM, PRODUCT):
            return Written(self.write(formula), Level.SUM if operation is SUM else Level.PRODUCT)
        slots = 1 if isinstance(operation, Primitive) and operation.arity is None else len(operands)
        written = form(self.template(formula), operation, slots, operation in self.associative)
        assert written is not None, "a template of our own is right, and that of a row is looked at"
        times = len(operands) // slots
        places = zip(operands, written.wanted * times, written.leads * times)
        filled = [self._placed(*place) for place in places]
        if times > 1:
            filled = [", ".join(filled)]
        return Written(SLOT.sub(lambda slot: filled[int(slot[1]) - 1], written.template), written.binds)

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
        if term.operation is PRODUCT:
            return "+ " + " ".join(self._factors(term.operands, lead=False))
        return "+ " + self._placed(self._written(term), Level.SUM, lead=False)

    def _factors(self, factors: Sequence[Formula], lead: bool) -> list[str]:
        placed = [self._placed(self._written(x), Level.PRODUCT, lead and k == 0) for k, x in enumerate(factors)]
        return [f"{self.times} {factor}" if k else factor for k, factor in enumerate(placed)]


def _slots(row: Primitive) -> str:
    return ", ".join([f"#{k + 1}" for k in range(row.arity or 1)])


# ---------------------------------------------------------------------------------------------------------------------
# The notations
# ---------------------------------------------------------------------------------------------------------------------


class _Text(Notation):
    _superscripts = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

    def digits(self, number: float) -> str:
        """A number to six digits."""
        return f"{number + 0.0:.6g}"  # + 0.0: no -0

    def template(self, formula: Formula) -> str:
        if formula.operation is pow_:
            exponent = formula.operands[1]
            if exponent.is_number and exponent.text.lstrip("-").isdigit():
                return f"#1{exponent.text.translate(self._superscripts)}"
        return super().template(formula)


class _LaTeX(Notation):
    brackets = r"\left({}\right)"
    times = r"\cdot"

    def name(self, name: Name) -> Written:
        return Written(name.latex, Level.POWER if "^" in name.latex else Level.ATOM)

    def digits(self, number: float) -> str:
        """A number to six digits."""
        mantissa, e, exponent = TEXT.digits(number).partition("e")
        if e:
            power = f"10^{{{int(exponent)}}}"
            return f"{mantissa[:-1]}{power}" if mantissa in ("1", "-1") else rf"{mantissa} \times {power}"
        return mantissa.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")

    def template(self, formula: Formula) -> str:
        """That of the row; where brackets or slots in it are wrong, the row is written as a function."""
        row: Any = formula.operation
        if form(row.latex, row, row.arity or 1):
            return row.latex  # type: ignore[no-any-return]
        name = row.name.replace("_", r"\_")
        return rf"\operatorname{{{name}}}\left({_slots(row)}\right)"


class _JavaScript(Notation):
    associative = ()  # brackets say in which order is computed

    def digits(self, number: float) -> str:
        """Exactly the same number as a literal, nan and the infinities and -0 included.

        Example:
            >>> [JAVASCRIPT.digits(x) for x in (0.1, 3.0, -0.0, float("-inf"))]
            ['0.1', '3', '-0', '-Infinity']
        """
        literal = repr(float(number)).removesuffix(".0")
        return literal.replace("nan", "NaN").replace("inf", "Infinity")


_ARITHMETIC = {
    add: "#1 + #2",
    sub: "#1 - #2",
    neg: "-#1",
    mul: "#1·#2",
    div: "#1/#2",
    primitives.mod: "#1 mod #2",
    pow_: "#1^#2",
}
_SIGNS = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}
_OF_MATH = (  # what JavaScript's Math has in common with the table
    *("abs", "floor", "ceil", "sqrt", "hypot", "exp", "expm1", "log", "log1p", "log2", "log10"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
)

TEXT = _Text(_ARITHMETIC | {row: f"(#1 {_SIGNS.get(row.symbol, row.symbol)} #2)" for row in COMPARISONS})
LATEX = _LaTeX({})
JAVASCRIPT = _JavaScript(
    {row: f"#1 {row.symbol} #2" for row in (add, sub, mul, div, *COMPARISONS)}
    | {row: f"#1 {row.symbol}= #2" for row in (primitives.equal, primitives.not_equal)}
    | {neg: "-#1", primitives.fmod: "#1 % #2", primitives.where: "#1 ? #2 : #3"}
    | {AND: "#1 && #2", OR: "#1 || #2", NOT: "!#1"}
    | {row: f"Math.{row.name}({_slots(row)})" for row in map(PRIMITIVES.__getitem__, _OF_MATH)}
    | {row: f"{row.name}({_slots(row)})" for row in (pow_, primitives.erf, primitives.erfc)}
)


def is_exact(number: float) -> bool:
    """Whether the digits that are written are all there are.

    Example:
        >>> is_exact(0.25), is_exact(1 / 3)
        (True, False)
    """
    return number != number or float(TEXT.digits(number)) == number
