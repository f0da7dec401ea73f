"""The page that an explanation is written on: the same lines in plain text and in LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from autograd.symbolic.formulas import conditions
from autograd.symbolic.notation import LATEX, TEXT, Formula, Name, is_exact, leaves
from autograd.symbolic.precedence import SUM

if TYPE_CHECKING:
    from collections.abc import Sequence

    Parts = tuple[str | Formula, ...]  # of a line of words and formulas

_WIDTH = 100
_EQUAL, _ABOUT, _NOTHING = Name("=", "="), Name("≈", r"\approx"), Name("", "")


class Factor(NamedTuple):
    """A row of the table of factors."""

    node: Formula
    made_by: Formula  # its operation
    symbol: Formula  # what its local derivative by one operand is called
    formula: Formula  # what the rule says that is
    number: Formula

    def cells(self) -> list[Name]:
        """What stands in each column; the last gives the reason where the numbers decided."""
        because = conditions(self.formula)
        return [
            _name(self.node),
            _related(self.made_by),
            _name(self.symbol),
            _related(self.formula),
            _NOTHING if self.formula.text == self.number.text else _related(self.number),
            Name(f"since {because.text}", rf"\text{{since }} {because.latex}") if because else _NOTHING,
        ]


class Page:
    """Lines of text, and the same lines in LaTeX."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._rows: list[str] = []

    @property
    def text(self) -> str:
        """The page in plain text."""
        return "\n".join(self.lines)

    @property
    def latex(self) -> str:
        """The page as one formula in LaTeX."""
        rows = " \\\\[1ex]\n".join(self._rows)
        return f"\\begin{{array}}{{l}}\n{rows}\n\\end{{array}}"

    def gap(self) -> None:
        """An empty line; in LaTeX all lines are apart."""
        self.lines.append("")

    def say(self, *parts: str | Formula, indent: int = 0) -> None:
        """A line of formulas and of words; the words need no escaping in LaTeX."""
        self.lines.append("  " * indent + "".join([part if isinstance(part, str) else part.text for part in parts]))
        row = [rf"\text{{{part}}}" if isinstance(part, str) else part.latex for part in parts if part != " "]
        self._rows.append(r"\displaystyle " + r"\quad " * indent + " ".join(row))

    def equation(self, left: Formula, *lines: Sequence[Formula], because: Name | None = None, indent: int = 0) -> None:
        """What a number is, from symbols to numbers: one step per line, repeated ones left out, long lines wrapped.

        `because` is the reason for the last step on the first line.
        """
        new: list[list[Formula]] = []
        before = ""
        for line in lines:
            new.append([])
            for formula in line:
                if formula.text != before:
                    new[-1].append(formula)
                    before = formula.text
        space = _WIDTH - len(left.text) - 2 * indent - 3
        text = [part.text for part in _laid_out(new, because, space)]
        latex = [part.latex for part in _laid_out(new, because, 2 * space)]  # fractions are half as wide
        margin = " " * len(left.text)
        self.lines += [f"{'  ' * indent}{margin if k else left.text} {part}" for k, part in enumerate(text)]
        rows = [f"{'' if k else left.latex} &{part}" for k, part in enumerate(latex)]
        self._rows.append(r"\quad " * indent + _aligned(rows))

    def table(self, rows: Sequence[Factor]) -> None:
        """The factors, in columns."""
        cells = [row.cells() for row in rows]
        widths = [max([len(cell.text) for cell in column]) for column in zip(*cells)]
        for row in cells:
            padded = [cell.text.ljust(width) for cell, width in zip(row, widths)]
            self.lines.append("  {} {}   {} {} {}   {}".format(*padded).rstrip())
        lines = [r"{} &{} & \quad {} &{} && {} && \quad {}".format(*[cell.latex for cell in row]) for row in cells]
        self._rows.append(r"\quad " + _aligned(lines))


def equals(number: float) -> Parts:
    """A number behind its sign: = where its digits are all there are, else ≈."""
    formula = Formula(number)
    return " ", Formula(name=_sign(formula)), " ", formula


def _name(formula: Formula) -> Name:
    return Name(formula.text, formula.latex)


def _sign(formula: Formula) -> Name:
    exact = all(is_exact(leaf.value) for leaf in leaves(formula) if leaf.is_number)
    return _EQUAL if exact else _ABOUT


def _related(formula: Formula) -> Name:
    """A formula behind its sign."""
    return _joined([_sign(formula), _name(formula)])


def _joined(parts: Sequence[Name]) -> Name:
    return Name(" ".join([part.text for part in parts]), " ".join([part.latex for part in parts]))


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{aligned}\n" + " \\\\[0.5ex]\n".join(rows) + "\n\\end{aligned}"


def _laid_out(lines: Sequence[Sequence[Formula]], because: Name | None, space: int) -> list[Name]:
    """Lines of formulas behind their signs, broken where they do not fit; the reason at the end of the first."""
    laid_out: list[Name] = []
    for k, line in enumerate(lines):
        together = _joined([_related(formula) for formula in line])
        if len(together.text) > space + 2:
            laid_out += [part for formula in line for part in _broken(formula, space)]
        elif line:
            laid_out.append(together)
        if k == 0 and because:
            laid_out[-1] = _joined([laid_out[-1], Name("  since", r"\quad \text{since }"), because])
    return laid_out


def _broken(formula: Formula, space: int) -> list[Name]:
    """A formula behind its sign, on as many lines as it takes: of a long sum every term on its own."""
    each = formula.operation is SUM and len(formula.text) > 2 * space
    lines: list[list[Name]] = []
    for piece in map(Name, TEXT.pieces(formula), LATEX.pieces(formula)):
        if not lines or each or len(_joined([*lines[-1], piece]).text) > space:
            lines.append([])
        lines[-1].append(piece)
    margin = Name(" ", r"\quad")
    return [_joined([margin if k else _sign(formula), *line]) for k, line in enumerate(lines)]
