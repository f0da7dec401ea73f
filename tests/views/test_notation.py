"""One notation for text, LaTeX and JavaScript: brackets stand where they are needed, whatever a row's template is."""

import math
import subprocess
import sys

import pytest

from autograd import PRIMITIVES, Primitive, Value, table
from autograd.symbolic.formulas import definition, local_derivative, template
from autograd.symbolic.javascript import operations
from autograd.symbolic.notation import JAVASCRIPT, LATEX, TEXT, Formula, Name
from autograd.symbolic.precedence import COMPARISONS, TABLE, UNLISTED, Level, form

X, Y, Z = [Formula(name=Name(letter, letter)) for letter in "xyz"]
MINUS_TWO = Formula(-2.0)


def of(row, *operands):
    return Formula(operation=row, operands=operands)


@pytest.mark.parametrize(
    ("formula", "text", "latex", "javascript"),
    [
        (of(table.add, X, of(table.add, Y, Z)), "x + y + z", "x + y + z", "x + (y + z)"),
        (of(table.sub, X, of(table.sub, Y, Z)), "x - (y - z)", r"x - \left(y - z\right)", "x - (y - z)"),
        (of(table.mul, X, of(table.mul, Y, Z)), "x·y·z", r"x \cdot y \cdot z", "x * (y * z)"),
        (of(table.mul, of(table.div, X, Y), Z), "(x/y)·z", r"\frac{x}{y} \cdot z", "(x / y) * z"),
        (of(table.div, X, of(table.add, Y, Z)), "x/(y + z)", r"\frac{x}{y + z}", "x / (y + z)"),
        (of(table.neg, of(table.mul, X, Y)), "-x·y", r"-x \cdot y", "-x * y"),
        (of(table.sub, X, MINUS_TWO), "x - (-2)", r"x - \left(-2\right)", "x - (-2)"),
        (of(table.mul, MINUS_TWO, X), "-2·x", r"-2 \cdot x", "-2 * x"),
        (of(table.greater, X, MINUS_TWO), "(x > -2)", "[x > -2]", "x > -2"),
        (
            of(table.pow, of(table.exp, X), Y),
            "exp(x)^y",
            r"{\left(e^{x}\right)}^{y}",
            "pow(Math.exp(x), y)",
        ),
        (of(table.sin, of(table.add, X, Y)), "sin(x + y)", r"\sin \left(x + y\right)", "Math.sin(x + y)"),
        (
            of(table.where, of(table.less, X, Y), MINUS_TWO, of(table.neg, X)),
            "where((x < y), -2, -x)",
            r"\left(-2 \text{ if } [x < y] \text{ else } -x\right)",
            "x < y ? -2 : -x",
        ),
    ],
)
def test_brackets(formula, text, latex, javascript):
    assert TEXT.write(formula) == text
    assert LATEX.write(formula) == latex
    assert JAVASCRIPT.write(formula) == javascript


@pytest.mark.parametrize(
    ("template", "binds", "wanted"),
    [
        (r"\operatorname{f}\left(#1, #2\right)", Level.ATOM, (Level.ANYTHING, Level.ANYTHING)),
        (r"\left\lfloor \frac{#1}{#2} \right\rfloor", Level.ATOM, (Level.ANYTHING, Level.ANYTHING)),
        (r"\frac{#1}{1 + #2}", Level.PRODUCT, (Level.ANYTHING, Level.ATOM)),
        (r"\frac{#1}{#1 + #2}", Level.PRODUCT, (Level.ATOM, Level.ATOM)),
        (r"\log_{#1} #2", Level.ATOM, (Level.ANYTHING, Level.BRACKETS)),
        (r"{#1}^{#2}", Level.SUM, (Level.ATOM, Level.ANYTHING)),
        (r"#1 \star #2", Level.SUM, (Level.ATOM, Level.ATOM)),
        (r"\left.#1\right|_{#2}", Level.ATOM, (Level.ANYTHING, Level.ANYTHING)),
        (r"\left|#1 - #2\right|", Level.ATOM, (Level.ATOM, Level.ATOM)),
    ],
)
def test_templates_of_rows_that_are_not_in_the_table(template, binds, wanted):
    assert form(template, UNLISTED, 2)[:2] == (binds, wanted)


@pytest.mark.parametrize("template", ["{#1", "#1}", r"\left(#1", "f(#3)", "#0", "[#1, #2)", r"\frac{#1}{"])
def test_templates_that_cannot_be_filled(template):
    assert form(template, UNLISTED, 2) is None


def test_every_row_of_the_table_has_a_template_that_can_be_filled():
    for row in PRIMITIVES.values():
        assert form(row.latex, UNLISTED, row.arity or 1), row


def test_comparisons():
    cutting = {row for row in PRIMITIVES.values() if row.cuts and set(row.symbol) & set("<>=")}
    assert set(COMPARISONS) == cutting
    for row, opposite in COMPARISONS.items():
        assert COMPARISONS[opposite] is row
        assert row.forward(1.0, 2.0) != opposite.forward(1.0, 2.0)
        assert row.forward(2.0, 2.0) != opposite.forward(2.0, 2.0)
        assert row in TABLE


def test_a_new_row_is_written_in_all_notations():
    row = Primitive("soft_sign", lambda x: x / (1 + abs(x)), (lambda out, x: 1 / ((1 + abs(x)) * (1 + abs(x))),))
    curly = Primitive("curly", lambda x, y: x * y, (lambda out, x, y: y, lambda out, x, y: x), latex=r"#1 \star #2")
    assert of(row, of(table.add, X, Y)).text == "soft_sign(x + y)"
    assert of(row, X).latex == r"\operatorname{soft\_sign}\left(x\right)"
    assert of(table.mul, of(curly, X, of(table.neg, Y)), Z).latex == (r"\left(x \star \left(-y\right)\right) \cdot z")
    assert "forward: ([x]) => x / (1 + Math.abs(x))," in operations([(row, 1)]).script
    assert template(row, [None]).partials == ["1/((1 + abs(#1))·(1 + abs(#1)))"]
    x = Value(3.0)
    node = row(x)
    named = {x: Name("x", "x"), node: Name("out", "out")}
    assert definition(node, named).text == "soft_sign(x)"
    assert local_derivative(node, 0, named).value == 1 / 16


def test_a_row_of_more_than_nine_operands():
    row = Primitive("many", lambda *xs: math.fsum(xs), (1.0,) * 11)
    operands = [Formula(name=Name(f"v{k}", f"v_{{{k}}}")) for k in range(11)]
    assert of(row, *operands).text == f"many({', '.join([f'v{k}' for k in range(11)])})"


@pytest.mark.parametrize("module", ["formulas", "javascript"])
def test_symbolic_needs_no_viewer(module):
    """What `import autograd` brings along does not count."""
    code = "import sys, autograd{}; print(*sorted(sys.modules))"
    known, found = [
        subprocess.run([sys.executable, "-c", code.format(what)], capture_output=True, text=True, check=True).stdout
        for what in ("", f".symbolic.{module}")
    ]
    viewers = ("autograd.draw", "autograd.explanation", "autograd.explorer", "nn", "numpy", "llvmlite")
    assert not [name for name in set(found.split()) - set(known.split()) if name.startswith(viewers)]
