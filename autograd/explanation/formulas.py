"""Formulas: operations and local derivatives as a person writes them, in plain text and in LaTeX.

A rule of the table that runs on symbols leaves a formula behind: `lambda out, x: 1 - out * out` leaves 1 - a². Its
symbols know the numbers at hand as well, so that choices are decided: the derivative of relu(z) is not a `where` but 1,
because z > 0. And a formula is only used where its number is the one that the graph recorded.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import primitives
from autograd.primitives import Primitive
from autograd.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from autograd.value import Value


class Name(NamedTuple):
    """What something is called, in plain text and in LaTeX."""

    text: str
    latex: str


class Joined(NamedTuple):
    """What joins the parts of a derivation: no row of the table, and nothing in it is simplified."""

    sign: str


PRODUCT, SUM = Joined("·"), Joined("+")


class Formula(NamedTuple):
    """Something that can be written: a name, a plain number, or an operation on formulas.

    Attributes:
        value: its number, where it is known.
        name: what it is called, where it has a name.
        operation: the row of the table, `PRODUCT` or `SUM`, where it is an operation.
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
    operation: Primitive | Joined | None = None
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
    """The names and numbers in a formula, in order.

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
# How it is written: a template for each operation, and brackets around what binds less than its place wants
# ---------------------------------------------------------------------------------------------------------------------

_ANYTHING, _SUM, _QUOTIENT, _PRODUCT, _POWER, _ATOM, _BRACKETS = range(7)
"""How strongly a formula binds, from weak to strong; a place that wants _BRACKETS puts them around everything."""


class _Layout(NamedTuple):
    """How an operation is written.

    Attributes:
        template: with #1, #2, ... for the operands; #1 for all where there can be any number.
        binds: how strongly the whole binds.
        wanted: how strongly each operand has to bind to do without brackets.
    """

    template: str
    binds: int
    wanted: tuple[int, ...]


class Notation:
    """A way to write formulas."""

    brackets = "({})"

    def write(self, formula: Formula) -> str:
        """The formula on one line."""
        return " ".join(self.pieces(formula))

    def pieces(self, formula: Formula) -> list[str]:
        """The formula in pieces between which a line can be broken: the terms of a sum, the factors of a product."""
        if formula.operation is SUM:
            return [self._term(term, first=k == 0) for k, term in enumerate(formula.operands)]
        if formula.operation is PRODUCT:
            return self._factors(formula.operands, leading=True)
        return [self._written(formula)[0]]

    def _term(self, term: Formula, first: bool) -> str:
        if first:
            return self.write(term)
        if term.is_number and term.value < 0:
            return f"- {self.number(-term.value)[0]}"
        if term.operation is PRODUCT:
            return "+ " + " ".join(self._factors(term.operands, leading=False))
        return f"+ {self._within(_SUM, term)}"

    def _factors(self, factors: Sequence[Formula], leading: bool) -> list[str]:
        written = [self._within(_PRODUCT, factor, leading and k == 0) for k, factor in enumerate(factors)]
        return [f"{self.times} {factor}" if k else factor for k, factor in enumerate(written)]

    def _within(self, wanted: int, formula: Formula, leading: bool = False) -> str:
        """The formula in a place that wants it to bind so strongly; brackets around a minus that does not lead."""
        written, binds = self._written(formula)
        if wanted == _ANYTHING or (leading and formula.is_number and wanted <= _PRODUCT):
            return written
        alone = binds >= wanted and (leading or not written.startswith("-"))
        return written if alone else self.brackets.format(written)

    def _written(self, formula: Formula) -> tuple[str, int]:
        """The formula, and how strongly it binds."""
        if formula.name is not None:
            return self.name(formula.name)
        if formula.operation is None:
            return self.number(formula.value)
        if isinstance(formula.operation, Joined):
            return self.write(formula), _SUM if formula.operation is SUM else _PRODUCT
        layout = self.layout(formula.operation)
        wanted = layout.wanted if formula.operation.arity else layout.wanted * len(formula.operands)
        operands = [
            self._within(place, operand, leading=k == 0 and layout.template.startswith("#1"))
            for k, (place, operand) in enumerate(zip(wanted, formula.operands))
        ]
        if not formula.operation.arity:
            operands = [", ".join(operands)]
        return re.sub(r"#(\d)", lambda slot: operands[int(slot[1]) - 1], layout.template), layout.binds

    times: str

    def name(self, name: Name) -> tuple[str, int]:
        """A name, and how strongly it binds."""
        raise NotImplementedError

    def number(self, number: float) -> tuple[str, int]:
        """A number to six digits, and how strongly it binds."""
        raise NotImplementedError

    def layout(self, operation: Primitive) -> _Layout:
        """How the operation is written."""
        raise NotImplementedError


_INFIX = {
    "add": _Layout("#1 + #2", _SUM, (_SUM, _SUM)),
    "sub": _Layout("#1 - #2", _SUM, (_SUM, _QUOTIENT)),
    "neg": _Layout("-#1", _SUM, (_QUOTIENT,)),
    "mul": _Layout("#1·#2", _PRODUCT, (_PRODUCT, _PRODUCT)),
    "div": _Layout("#1/#2", _QUOTIENT, (_PRODUCT, _POWER)),
    "mod": _Layout("#1 mod #2", _QUOTIENT, (_PRODUCT, _POWER)),
    "pow": _Layout("#1^#2", _POWER, (_ATOM, _ATOM)),
    "less": _Layout("(#1 < #2)", _ATOM, (_SUM, _SUM)),
    "less_equal": _Layout("(#1 ≤ #2)", _ATOM, (_SUM, _SUM)),
    "greater": _Layout("(#1 > #2)", _ATOM, (_SUM, _SUM)),
    "greater_equal": _Layout("(#1 ≥ #2)", _ATOM, (_SUM, _SUM)),
    "equal": _Layout("(#1 = #2)", _ATOM, (_SUM, _SUM)),
    "not_equal": _Layout("(#1 ≠ #2)", _ATOM, (_SUM, _SUM)),
}
"""The operations with precedence; all others are functions, name(operands)."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Text(Notation):
    times = "·"

    def _written(self, formula: Formula) -> tuple[str, int]:
        if formula.operation is primitives.pow_:
            base, exponent = formula.operands
            digits = exponent.text
            if exponent.is_number and digits.lstrip("-").isdigit():
                return f"{self._within(_ATOM, base)}{digits.translate(_SUPERSCRIPTS)}", _POWER
        return super()._written(formula)

    def name(self, name: Name) -> tuple[str, int]:
        return name.text, _ATOM

    def number(self, number: float) -> tuple[str, int]:
        return _digits(number), _SUM if number < 0 else _ATOM

    def layout(self, operation: Primitive) -> _Layout:
        if operation.name in _INFIX:
            return _INFIX[operation.name]
        slots = ", ".join([f"#{k + 1}" for k in range(operation.arity or 1)])
        return _Layout(f"{operation.name}({slots})", _ATOM, (_ANYTHING,) * (operation.arity or 1))


class _LaTeX(Notation):
    times = r"\cdot"
    brackets = r"\left({}\right)"

    def name(self, name: Name) -> tuple[str, int]:
        return name.latex, _POWER if "^" in name.latex else _ATOM

    def number(self, number: float) -> tuple[str, int]:
        digits = _digits(number)
        sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        mantissa, e, exponent = digits.partition("e")
        if e:
            power = f"10^{{{int(exponent)}}}"
            written = power if mantissa == "1" else rf"{mantissa} \times {power}"
            return f"{sign}{written}", _SUM if sign else _PRODUCT
        written = {"inf": r"\infty", "nan": r"\mathrm{nan}"}.get(digits, digits)
        return f"{sign}{written}", _SUM if sign else _ATOM

    def layout(self, operation: Primitive) -> _Layout:
        if operation.name == "div":
            return _Layout(operation.latex, _PRODUCT, (_ANYTHING, _ANYTHING))
        if operation.name == "pow":
            return _Layout(operation.latex, _POWER, (_ATOM, _ANYTHING))
        if operation.name in _INFIX:
            return _INFIX[operation.name]._replace(template=operation.latex)
        layout = _analysed(operation.latex, operation.arity or 1)
        if layout is None:
            slots = ", ".join([f"#{k + 1}" for k in range(operation.arity or 1)])
            name = operation.name.replace("_", r"\_")
            layout = _analysed(rf"\operatorname{{{name}}}\left({slots}\right)", operation.arity or 1)
            assert layout is not None
        return layout


TEXT, LATEX = _Text(), _LaTeX()


def _digits(number: float) -> str:
    return f"{number + 0.0:.6g}"  # + 0.0: no -0


def is_exact(number: float) -> bool:
    """Whether the digits that are written are all there are.

    Example:
        >>> is_exact(0.25), is_exact(1 / 3)
        (True, False)
    """
    return number != number or float(_digits(number)) == number


_TOKENS = re.compile(r"\\[A-Za-z]+|\\.|#\d|\S", re.DOTALL)
_PAIRS = {"}": "{", r"\right": r"\left", ")": "(", "]": "["}
_BEFORE = frozenset(["{", "}", "(", "[", "|", ",", ";"])
_AFTER = frozenset(["}", ")", "]", "|", ",", ";", r"\right", r"\text"])
_SIGNS = {"+": _SUM, "-": _SUM, "/": _QUOTIENT, r"\cdot": _QUOTIENT, r"\times": _QUOTIENT, "^": _POWER}


@cache
def _analysed(template: str, arity: int) -> _Layout | None:
    """How a row's own template is to be filled; None where braces or slots in it are wrong.

    An operand that is alone in some kind of brackets wants none of its own; after a function's name it always does.
    """
    tokens = _TOKENS.findall(template)
    wanted = [_ANYTHING] * arity
    binds, open_ = _ATOM, []
    for k, token in enumerate(tokens):
        before, after = tokens[k - 1] if k else "", tokens[k + 1] if k + 1 < len(tokens) else ""
        if before in (r"\left", r"\right"):  # the bracket that belongs to it, of whatever kind
            tokens[k] = "|"
        elif token in _PAIRS.values():
            open_.append(token)
        elif token in _PAIRS:
            if not open_ or open_.pop() != _PAIRS[token]:
                return None
        elif token.startswith("#"):
            slot = int(token[1]) - 1
            if not 0 <= slot < arity:
                return None
            if open_:
                place = _ANYTHING if before in _BEFORE and after in _AFTER else _ATOM
            else:
                place = _ATOM if after else _BRACKETS
            wanted[slot] = max(wanted[slot], place)
        elif not open_:
            binds = min(binds, _SIGNS.get(token, _ATOM))
    return None if open_ else _Layout(template, binds, tuple(wanted))


# ---------------------------------------------------------------------------------------------------------------------
# What is written: a node's operation, and its local derivatives
# ---------------------------------------------------------------------------------------------------------------------

ELLIPSIS = Formula(name=Name("…", r"\cdots"))
_SHOWN = 4


def reference(node: Value, named: Mapping[Value, Name]) -> Formula:
    """A node by its name; a constant without one by its number, a comparison without a label by what it compares.

    Example:
        >>> from autograd import Value, greater
        >>> x = Value(2.0)
        >>> reference(greater(x, 1.0), {x: Name("x", "x")}).text
        '(x > 1)'
    """
    if node._primitive in COMPARISONS and not node.label:
        operands = tuple([Formula(operand._data, named.get(operand)) for operand in node.parents])
        return Formula(node._data, None, node.primitive, operands)
    return Formula(node._data, named.get(node))


def definition(node: Value, named: Mapping[Value, Name], focus: int = 0) -> Formula:
    """The operation that made a node, on its operands; of more than four the first, the last and the one in focus.

    Args:
        node: a computed node.
        named: what nodes are called.
        focus: the position of an operand that is shown in any case.

    Example:
        >>> from autograd import Value, dot
        >>> w, x = Value(2.0), Value(3.0)
        >>> definition(dot([w, 0.5], [x, 1.0]), {w: Name("w", "w"), x: Name("x", "x")}).text
        'w·x + 0.5'
    """
    primitive = node.primitive
    assert primitive is not None, "a leaf was not made by an operation"
    operands = [reference(operand, named) for operand in node.parents]
    if primitive is primitives.dot:
        half = len(operands) // 2
        operands = [_simplified(primitives.mul, pair) for pair in zip(operands, operands[half:])]
        focus %= half
    operands = _in_short(operands, focus)
    if primitive in (primitives.dot, primitives.sum_):
        written = operands[0]
        for operand in operands[1:]:
            written = _simplified(primitives.add, (written, operand))
        return written
    return operands[0] if primitive.latex == "#1" else Formula(operation=primitive, operands=tuple(operands))


def _in_short(operands: list[Formula], focus: int) -> list[Formula]:
    if len(operands) <= _SHOWN:
        return operands
    last = len(operands) - 1
    shown: list[Formula] = []
    before = -1
    for k in sorted({0, focus, last}):
        shown += [ELLIPSIS, operands[k]] if k > before + 1 else [operands[k]]
        before = k
    return shown


def local_derivative(node: Value, position: int, named: Mapping[Value, Name]) -> Formula:
    """How fast a node changes with one of its operands, as its row's rule says it.

    Args:
        node: a computed node.
        position: of the operand; the node has a local derivative with respect to it.
        named: what nodes are called.

    Returns:
        A formula, whose `value` is the recorded local derivative. Just this number where the rule does not run on
        symbols, is too long for a line, or gives another number, since data was changed after the forward pass.

    Example:
        >>> from autograd import Value
        >>> z = Value(0.5)
        >>> a = z.tanh()
        >>> local_derivative(a, 0, {z: Name("z", "z"), a: Name("a", "a")}).text
        '1 - a²'
    """
    recorded = node._edges()[position]
    primitive = node.primitive
    assert recorded is not None, "there is no such edge"
    assert primitive is not None
    number = Formula(float(recorded))
    writer = _Writer()
    out = Symbol(writer, reference(node, named))
    operands = [Symbol(writer, reference(operand, named)) for operand in node.parents]
    try:
        if isinstance(primitive.partials, tuple):
            rule = primitive.partials[position]
            local = rule if isinstance(rule, float) else rule(out, *operands)
        else:
            local = primitive.partials(out, *operands)[position]  # type: ignore[operator]
        formula = writer.result(local)
    except Exception:  # a user's rule may do anything that works on numbers
        return number
    return formula._replace(value=number.value) if _fits(formula, number.value) else number


_LONGEST = 40


def _fits(formula: Formula, recorded: float) -> bool:
    """Whether it gives the recorded number and is not too long for a line."""
    both_nan = formula.value != formula.value and recorded != recorded
    if not both_nan and formula.value != recorded and not math.isclose(formula.value, recorded, rel_tol=1e-9):
        return False
    parts, unseen = 0, [formula]
    while unseen and parts <= _LONGEST:
        unseen.extend(unseen.pop().operands)
        parts += 1
    return not unseen


def conditions(formula: Formula) -> Name | None:
    """The comparisons that decided choices in a formula; None where there were none.

    Example:
        >>> from autograd import Value
        >>> z = Value(0.5)
        >>> a = z.relu()
        >>> written = local_derivative(a, 0, {z: Name("z", "z"), a: Name("a", "a")})
        >>> written.text, conditions(written).text
        ('1', 'z > 0')
    """
    if not formula.because:
        return None
    written = [condition.name or Name(condition.text[1:-1], condition.latex[1:-1]) for condition in formula.because]
    return Name(" and ".join([c.text for c in written]), r" \text{ and } ".join([c.latex for c in written]))


# ---------------------------------------------------------------------------------------------------------------------
# What a rule leaves behind when it runs on symbols
# ---------------------------------------------------------------------------------------------------------------------

_MOST_CONDITIONS = 2


class _Writer:
    """Writes operations on symbols as formulas: lightly simplified, with choices decided by the numbers."""

    def apply(self, primitive: Primitive, operands: Sequence[Formula]) -> Formula:
        if primitive is primitives.where:
            condition, x, y = operands
            chosen = x if condition.value else y
            return chosen._replace(because=_merged(_as_it_turned_out(condition), chosen.because))
        return _simplified(primitive, operands)

    def constant(self, number: float) -> Formula:
        if -number in _CONSTANTS:
            return _simplified(primitives.neg, (_CONSTANTS[-number],))
        return _CONSTANTS.get(number) or Formula(number)

    def result(self, local: Any) -> Formula:
        if not isinstance(local, Symbol):
            return Formula(float(local))
        formula = local.node if isinstance(local.node, Formula) else self.constant(local.node)
        zero = local.zero_where
        if zero is None:
            return formula
        if zero.value:
            return Formula(0.0, because=zero.because)
        return formula._replace(because=_merged(zero.because, formula.because))


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
    if condition.operation in (primitives.equal, primitives.not_equal):
        compared, number = condition.operands
        if compared.operation in COMPARISONS and _is(number, 0.0):  # where asks whether its condition is 0
            return _as_it_turned_out(compared)
    if condition.operation in COMPARISONS:
        if all(operand.is_number for operand in condition.operands):
            return ()
        return (condition if condition.value else condition._replace(operation=COMPARISONS[condition.operation]),)
    if condition.is_number:
        return ()
    comparison = primitives.not_equal if condition.value else primitives.equal
    return (Formula(operation=comparison, operands=(condition, Formula(0.0))),)


COMPARISONS: dict[Any, Primitive] = {
    primitives.less: primitives.greater_equal,
    primitives.less_equal: primitives.greater,
    primitives.greater: primitives.less_equal,
    primitives.greater_equal: primitives.less,
    primitives.equal: primitives.not_equal,
    primitives.not_equal: primitives.equal,
}
"""Each comparison with its opposite."""


def _simplified(primitive: Primitive, operands: Sequence[Formula]) -> Formula:
    """An operation on formulas, without what says nothing: no 1·x, no x + 0, no x·x for x²."""
    shorter = _SHORTER.get(primitive)
    formula = shorter(*operands) if shorter else None
    return (formula or Formula(operation=primitive, operands=tuple(operands)))._replace(
        value=primitive.forward(*[operand.value for operand in operands]),
        because=_merged(*[operand.because for operand in operands]),
    )


def _shorter_sum(x: Formula, y: Formula) -> Formula | None:
    if _is(x, 0.0) or _is(y, 0.0):
        return y if _is(x, 0.0) else x
    if x.is_number and y.is_number:
        return Formula(x.value + y.value)
    opposite = _opposite(y)
    return None if opposite is None else _simplified(primitives.sub, (x, opposite))


def _shorter_difference(x: Formula, y: Formula) -> Formula | None:
    if _is(x, 0.0) or _is(y, 0.0):
        return _simplified(primitives.neg, (y,)) if _is(x, 0.0) else x
    if x.is_number and y.is_number:
        return Formula(x.value - y.value)
    opposite = _opposite(y)
    return None if opposite is None else _simplified(primitives.add, (x, opposite))


def _shorter_negative(x: Formula) -> Formula | None:
    return Formula(-x.value) if x.is_number else _opposite(x)


def _shorter_product(x: Formula, y: Formula) -> Formula | None:
    if _is(x, 1.0) or _is(y, 1.0):
        return y if _is(x, 1.0) else x
    if x.is_number and y.is_number:
        return Formula(x.value * y.value)
    for first, second in ((_opposite(x), y), (x, _opposite(y))):
        if first is not None and second is not None:
            return _simplified(primitives.neg, (_simplified(primitives.mul, (first, second)),))
    if y.operation is primitives.div and _is(y.operands[0], 1.0):
        return _simplified(primitives.div, (x, y.operands[1]))
    if x.operation is primitives.mul and (power := _power(x.operands[1], y)):
        return _simplified(primitives.mul, (x.operands[0], power))
    return _power(x, y)


def _power(x: Formula, y: Formula) -> Formula | None:
    """The product of a name, or a power of it, with the same name."""
    base, exponent = x.operands if x.operation is primitives.pow_ else (x, Formula(1.0))
    if exponent.is_number and (base is y or (base.name is not None and base.name == y.name)):
        return _simplified(primitives.pow_, (base, Formula(exponent.value + 1.0)))
    return None


def _shorter_quotient(x: Formula, y: Formula) -> Formula | None:
    if _is(y, 1.0):
        return x
    if x.is_number and y.is_number:
        quotient = primitives.div(x.value, y.value)
        return Formula(quotient) if is_exact(quotient) else None
    opposite = _opposite(x)
    return None if opposite is None else _simplified(primitives.neg, (_simplified(primitives.div, (opposite, y)),))


def _shorter_power(x: Formula, y: Formula) -> Formula | None:
    return x if _is(y, 1.0) else Formula(1.0) if _is(y, 0.0) else None


def _is(formula: Formula, number: float) -> bool:
    return formula.is_number and formula.value == number


def _opposite(formula: Formula) -> Formula | None:
    """What a formula is the negative of, where it is written with a minus sign."""
    if formula.operation is primitives.neg:
        return formula.operands[0]
    return Formula(-formula.value) if formula.is_number and formula.value < 0 else None


_SHORTER: dict[Primitive, Callable[..., Formula | None]] = {
    primitives.add: _shorter_sum,
    primitives.sub: _shorter_difference,
    primitives.neg: _shorter_negative,
    primitives.mul: _shorter_product,
    primitives.div: _shorter_quotient,
    primitives.pow_: _shorter_power,
}


def _constants() -> dict[float, Formula]:
    """The numbers in the engine's own rules that have a better name than their digits."""
    one, two, pi = Formula(1.0), Formula(2.0), Formula(math.pi, Name("π", r"\pi"))

    def of(primitive: Primitive, *operands: Formula) -> Formula:
        return _simplified(primitive, operands)

    return {
        primitives._LN2: of(primitives.log, two),
        primitives._LN10: of(primitives.log, Formula(10.0)),
        primitives._SQRT_HALF: of(primitives.div, one, of(primitives.sqrt, two)),
        primitives._TWO_OVER_SQRT_PI: of(primitives.div, two, of(primitives.sqrt, pi)),
        primitives._ONE_OVER_SQRT_TWO_PI: of(primitives.div, one, of(primitives.sqrt, of(primitives.mul, two, pi))),
    }


_CONSTANTS = _constants()
