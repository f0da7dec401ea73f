"""Formulas: what they say is what the engine recorded."""

import math
import operator
import random
import re

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import autograd
from autograd import PRIMITIVES, Primitive, Value, explain
from autograd.symbolic.formulas import conditions, definition, local_derivative
from autograd.symbolic.notation import Formula, Name
from autograd.symbolic.simplify import Simplifier
from autograd.symbols import Symbol

ROWS = list(PRIMITIVES.values())


SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def evaluated(text, **numbers):
    """A formula in plain text, read by Python with its own precedence and the table's forward functions."""
    text = re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: f"**({power[0].translate(SUPERSCRIPTS)})", text)
    for sign, meant in {"·": "*", "^": "**", " mod ": "%", "≤": "<=", "≥": ">=", "≠": "!=", " = ": " == "}.items():
        text = text.replace(sign, meant)
    functions = {name: row.forward for name, row in PRIMITIVES.items()}
    return float(eval(text, {"__builtins__": {}}, {**functions, "π": math.pi, **numbers}))


def evaluated_latex(latex, **numbers):
    """A formula in LaTeX, arithmetic alone, read by Python; braces around what has an exponent are not seen."""
    while "}^" in latex:
        end = latex.index("}^")
        depth, start = 1, end
        while depth:
            start -= 1
            depth += {"}": 1, "{": -1}.get(latex[start], 0)
        latex = f"{latex[:start]} {latex[start + 1 : end]}^{latex[end + 2 :]}"
    for written, meant in {r"\left(": "(", r"\right)": ")", r"\frac": "", r"\cdot": "*", r"\times": "*"}.items():
        latex = latex.replace(written, meant)
    latex = latex.replace("{", "(").replace("}", ")").replace("^", "**")
    return float(eval(re.sub(r"\)\s*\(", ")/(", latex), {"__builtins__": {}}, numbers))


def points(row):
    draw = random.Random(row.name)
    return [[draw.uniform(low, high) for low, high in row.domain] for _ in range(8)]


def applied(row, numbers):
    """A node of the row, and what it and its operands are called."""
    operands = [Value(number) for number in numbers]
    node = row(*operands)
    names = {**dict(zip(operands, "xyuv")), node: "out"}
    return node, {value: Name(name, name) for value, name in names.items()}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_has_formulas_that_give_its_numbers(row):
    for point in points(row):
        node, named = applied(row, point)
        numbers = {name.text: value._data for value, name in named.items()}
        assert math.isclose(evaluated(definition(node, named).text, **numbers), node.data, rel_tol=1e-9)
        for position, local in enumerate(node.local_derivatives):
            if local is not None:
                formula = local_derivative(node, position, named)
                assert formula.value == local
                assert math.isclose(evaluated(formula.text, **numbers), local, rel_tol=1e-9, abs_tol=1e-300), (
                    formula.text
                )
                if formula.because:
                    assert all(
                        map(
                            bool,
                            [
                                evaluated(f"({condition})", **numbers)
                                for condition in conditions(formula).text.split(" and ")
                            ],
                        )
                    )


@pytest.mark.parametrize(
    ("row", "arguments", "position", "formula"),
    [
        ("tanh", (0.5,), 0, "1 - out²"),
        ("sigmoid", (0.5,), 0, "out·(1 - out)"),
        ("exp", (0.5,), 0, "out"),
        ("log2", (0.5,), 0, "1/(x·log(2))"),
        ("sqrt", (0.5,), 0, "1/(2·out)"),
        ("asin", (0.5,), 0, "1/sqrt((1 - x)·(1 + x))"),
        ("erf", (0.5,), 0, "(2/sqrt(π))·exp(-x²)"),
        ("cos", (0.5,), 0, "-sin(x)"),
        ("div", (0.5, 2.0), 1, "-out/y"),
        ("pow", (0.5, 2.5), 0, "y·x^(y - 1)"),
        ("maximum", (0.5, 2.0), 1, "1"),
        ("max", (0.5, 2.0, 2.0), 1, "0.5"),
        ("dot", (1.0, 2.0, 3.0, 4.0), 1, "v"),
        ("logsumexp", (1.0, 2.0), 0, "exp(x - out)"),
        ("hypot", (3.0, 4.0), 0, "x/out"),
        ("leaky_relu", (-1.0, 0.1), 0, "y"),
        ("identity", (1.0,), 0, "1"),
    ],
)
def test_formulas_are_those_of_the_textbook(row, arguments, position, formula):
    node, named = applied(PRIMITIVES[row], arguments)
    assert local_derivative(node, position, named).text == formula


def test_powers_of_constants():
    x = Value(2.0, "x")
    named = {x: Name("x", "x")}
    for exponent, formula in {0: "0", 1: "1", 2: "2·x", 3: "3·x²", -1: "-x⁻²", 0.5: "0.5·x^(-0.5)"}.items():
        power = x**exponent
        assert local_derivative(power, 0, {**named, power: Name("out", "out")}).text == formula


NUMBERS = {"x": 1.7, "y": -0.6}
ARITHMETIC = {
    autograd.add: operator.add,
    autograd.sub: operator.sub,
    autograd.mul: operator.mul,
    autograd.div: operator.truediv,
    autograd.pow: lambda x, _: x * x,
}


def trees(leaves):
    """Nested pairs (row, operands); every power is a square."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            st.tuples(
                st.sampled_from([autograd.add, autograd.sub, autograd.mul, autograd.div]), st.tuples(inner, inner)
            ),
            st.tuples(st.just(autograd.neg), st.tuples(inner)),
            st.tuples(st.just(autograd.pow), st.tuples(inner, st.just(2.0))),
        ),
        max_leaves=10,
    )


def computed(tree):
    if isinstance(tree, tuple):
        row, operands = tree
        numbers = [computed(operand) for operand in operands]
        return -numbers[0] if row is autograd.neg else ARITHMETIC[row](*numbers)
    return NUMBERS.get(tree, tree)


def reads_back(formula, expected):
    """Whether Python reads both notations as this number; and no two signs stand side by side."""
    for number in (evaluated(formula.text, **NUMBERS), evaluated_latex(formula.latex, **NUMBERS)):
        assert math.isclose(number, expected, rel_tol=1e-3, abs_tol=1e-6), (formula.text, formula.latex)
    assert not re.search(r"[-+·/] ?-", formula.text), formula.text
    assert not re.search(r"(-|\+|\\cdot) ?-", formula.latex), formula.latex


@settings(max_examples=200)
@given(trees(["x", "y", 2.0, -3.0]))
def test_brackets_keep_the_order_of_operations(tree):
    def formula_of(tree):
        if isinstance(tree, tuple):
            return Formula(operation=tree[0], operands=tuple([formula_of(operand) for operand in tree[1]]))
        return Formula(name=Name(tree, tree)) if isinstance(tree, str) else Formula(tree)

    try:
        expected = computed(tree)
    except ZeroDivisionError:
        reject()
    assume(1e-3 < abs(expected) < 1e5)
    reads_back(formula_of(tree), expected)


@settings(max_examples=200)
@given(trees(["x", "y", 2.0, -3.0, 1.0, 0.0]))
def test_what_is_simplified_is_the_same_number(tree):
    """A rule on symbols, written and read."""
    writer = Simplifier()

    def written(tree):
        if isinstance(tree, tuple):
            return tree[0](*[written(operand) for operand in tree[1]])
        return Symbol(writer, Formula(NUMBERS[tree], Name(tree, tree))) if isinstance(tree, str) else tree

    try:
        expected, symbol = computed(tree), written(tree)
    except ZeroDivisionError:
        reject()
    assume(isinstance(symbol, Symbol) and (expected == 0.0 or 1e-3 < abs(expected) < 1e5))
    formula = writer.result(symbol)
    assert math.isclose(formula.value, expected, rel_tol=1e-12)
    reads_back(formula, expected)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_formulas_are_latex(row):
    """What matplotlib's own parser reads of it; where it lacks a name of LaTeX's it has another one."""
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    for point in [*points(row)[:1], *[singular[0] for singular in row.singular]]:
        node, named = applied(row, point)
        formulas = [
            local_derivative(node, k, named) for k, local in enumerate(node.local_derivatives) if local is not None
        ]
        written = [formula.latex for formula in [definition(node, named), *formulas]]
        written += [conditions(formula).latex for formula in formulas if formula.because]
        for latex in written:
            for command, alias in {r"\le ": r"\leq ", r"\ge ": r"\geq ", r"\bmod": r"\mathrm{mod}"}.items():
                latex = latex.replace(command, alias)
            parser.parse(f"${latex}$")


def test_rows_of_a_user():
    softsign = Primitive(
        "softsign",
        lambda x: x / (1 + abs(x)),
        (lambda out, x: 1 / ((1 + abs(x)) * (1 + abs(x))),),
        latex=r"\frac{#1}{1 + \left|#1\right|}",
    )
    opaque = Primitive("opaque", lambda x: 2 * x, (lambda out, x: math.cos(x) * 0 + 2,))
    broken = Primitive("broken", lambda x: x, (lambda out, x: 3.0 if x.unknown() else 0.0,), latex=r"\frac{#1}{")
    cubed = Primitive("cubed", lambda x, y: x**3, (lambda out, x, y: 3 * x * x, 0.0), latex="#1^3")
    x, y = Value(1.0, "x"), Value(2.0, "y")
    explanation = explain(softsign(x + y), x)
    assert "softsign(v1)   ∂C/∂v1 = 1/((1 + abs(v1))·(1 + abs(v1))) = 0.0625" in explanation.text
    assert r"\frac{v_{1}}{1 + \left|v_{1}\right|}" in explanation.latex
    assert "C = opaque(x)   ∂C/∂x = 2\n" in explain(opaque(x), x).text  # math.cos takes no symbol
    assert r"\left(-2\right)^3" in explain(cubed(-2.0, y), y).latex
    assert "C &= x^3" in explain(cubed(x, y), x).latex
    assert "= 3·x² = 3" in explain(cubed(x, y), x).text
    with pytest.raises(AttributeError):
        broken(x)
    whole = Primitive("a_whole", lambda x: x, (1.0,), latex=r"{#1")
    assert r"\operatorname{a\_whole}\left(x\right)" in explain(whole(x), x).latex
