"""The operations of a graph in JavaScript, written from the table of primitives.

An operation's forward function and its local derivatives are run on symbols, which write down what is done to them: the
page computes what Values compute, from the same rules. `engine.js` runs the operations on a graph.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from textwrap import indent
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import table
from autograd.graph import edges
from autograd.primitive import ZERO, Primitive, to_float
from autograd.symbolic.lowering import lowered
from autograd.symbolic.notation import JAVASCRIPT, Formula, Name, Written
from autograd.symbolic.precedence import AND, COMPARISONS, NOT, OR
from autograd.symbols import Symbol, node_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.value import Value


class Operations(NamedTuple):
    """Operations written in JavaScript.

    The script's value is an object `key -> {forward, backward}`. `forward(x)` takes the array of the operands' numbers
    and returns the result's; `backward(out, x)` takes the result too and returns the array of the local derivatives,
    one per operand, `null` for ZERO. Rows that cut have `cuts: true` as well.
    """

    script: str
    keys: dict[tuple[Primitive, int], str]  # of each row with its number of operands
    unknown: set[str]  # the names of rows that cannot be written, since their functions do not run on symbols


def operations(uses: Iterable[tuple[Primitive, int]]) -> Operations:
    """Write rows of the table, each with its number of operands, in JavaScript.

    Raises:
        TypeError: something else than such pairs, or a row that takes another number of operands.

    Example:
        >>> print(operations([(table.relu, 1)]).script)
        (() => {
          return {
            relu: {
              forward: ([x]) => x <= 0 ? 0 : x,
              backward: (out, [x]) => [x <= 0 ? null : 1],
            },
          };
        })()
    """
    rows: list[str] = []
    used: set[Any] = set()
    keys: dict[tuple[Primitive, int], str] = {}
    unknown: set[str] = set()
    for primitive, count in sorted(dict.fromkeys(map(_checked, uses)), key=lambda use: (use[0].name, use[1])):
        program = _Program()
        try:
            functions = _functions(program, primitive, count)
        except Exception:  # whatever a function raises that was written for numbers alone
            unknown.add(primitive.name)
            continue
        key = _new_key(primitive, count, keys.values())
        keys[primitive, count] = key
        used |= program.used
        written = [*(["cuts: true"] if primitive.cuts else []), *functions]
        rows.append(f"{_property(key)}: {{\n" + "".join([f"  {part},\n" for part in written]) + "}")
    helpers = [text for of_rows, text in _HELPERS.items() if not used.isdisjoint(of_rows)]
    returned = "return {\n" + "".join([indent(f"{row},\n", "  ") for row in rows]) + "};"
    script = "(() => {\n" + "".join([indent(f"{text}\n", "  ") for text in [*helpers, returned]]) + "})()"
    return Operations(script, keys, unknown)


def recorded(node: Value) -> list[float | None]:
    """The local derivatives that a node has recorded, in the form in which `backward` in JavaScript gives them."""
    return [None if local is ZERO else local for _, local in edges(node)]


def _checked(use: Any) -> tuple[Primitive, int]:
    if not (isinstance(use, tuple) and len(use) == 2 and isinstance(use[0], Primitive) and isinstance(use[1], int)):
        raise TypeError(
            f"operations wants pairs of a row and its number of operands, got {use!r}: "
            f"write [(node.primitive, len(node.operands)) for node in nodes if node.primitive]"
        )
    primitive, count = use
    if primitive.arity not in (None, count) or count < 1:
        wanted = "any number from 1 on" if primitive.arity is None else primitive.arity
        raise TypeError(f"the number of operands of {primitive.name} is {wanted}, got {count}")
    return primitive, count


def _new_key(primitive: Primitive, count: int, taken: Iterable[str]) -> str:
    """The row's name. A row made again leaves one of the same name in the graphs of before, so there may be several."""
    name = primitive.name if primitive.arity is not None else f"{primitive.name}/{count}"
    alike = sum(key.split("~")[0] == name for key in taken)
    return f"{name}~{alike + 1}" if alike else name


def _property(key: str) -> str:
    """A key as the name of a property; computed where it could mean something else, as __proto__ does."""
    return key if re.fullmatch("[a-z][a-z0-9_]*", key) else f"[{json.dumps(key)}]"


def _functions(program: _Program, primitive: Primitive, count: int) -> list[str]:
    names = ["x", "y", "z"][:count] if count <= 3 else [f"x{k + 1}" for k in range(count)]
    operands = [program.named(name) for name in names]
    result = program.as_number(program.apply(primitive, operands))
    out, *symbols = [Symbol(program, node) for node in (program.named("out"), *operands)]
    local_derivatives = [program.local(derivative) for derivative in primitive.local_derivatives(out, symbols)]
    parameters = f"[{', '.join(names)}]"
    return [
        f"forward: {program.function(f'({parameters})', '{}', [result])}",
        f"backward: {program.function(f'(out, {parameters})', '[{}]', local_derivatives)}",
    ]


class _Program:
    """Writes what is done to symbols as formulas, each once; what is used more than once gets a name.

    A condition is either what JavaScript calls a boolean, or a number that is not 0.
    """

    def __init__(self) -> None:
        self.formulas: list[Formula] = []  # operands before results
        self.used: set[Any] = set()  # the operations in what has been written
        self._known: dict[Any, Formula] = {}

    def _added(self, key: Any, **parts: Any) -> Formula:
        if key not in self._known:
            self._known[key] = formula = Formula(**parts)
            self.formulas.append(formula)
        return self._known[key]

    def named(self, name: str) -> Formula:
        return self._added(name, name=Name(name, name))

    def constant(self, number: float) -> Formula:
        return self._added(repr(number), value=number)  # 0.0 and -0.0 are two

    def operation(self, operation: Any, *operands: Formula) -> Formula:
        return self._added((operation, *operands), operation=operation, operands=operands)

    def apply(self, primitive: Primitive, operands: Sequence[Formula]) -> Formula:
        if primitive is table.where:
            return self._choice(*operands)
        if not JAVASCRIPT.knows(primitive):
            return self.result(lowered(self, primitive, operands))
        if primitive not in (table.equal, table.not_equal) or not all(map(_is_boolean, operands)):
            operands = [self.as_number(operand) for operand in operands]
        return self.operation(primitive, *operands)

    def result(self, number: Any) -> Formula:
        """What a function gave: a symbol or a plain number."""
        known = number if isinstance(number, Symbol) else to_float(number, "JavaScript")
        return node_of(self, known)  # type: ignore[no-any-return]

    def local(self, derivative: Any) -> Formula:
        """A local derivative: `null` where it is ZERO."""
        null = self.named("null")
        if derivative is ZERO:
            return null
        number = self.as_number(self.result(derivative))
        zero_where = derivative.zero_where if isinstance(derivative, Symbol) else None
        if zero_where is None:
            return number
        if zero_where.operation == NOT:
            return self.operation(table.where, *zero_where.operands, number, null)
        return self.operation(table.where, zero_where, null, number)

    def as_number(self, x: Formula) -> Formula:
        return self.operation(table.where, x, self.constant(1.0), self.constant(0.0)) if _is_boolean(x) else x

    def _choice(self, condition: Formula, x: Formula, y: Formula) -> Formula:
        """`condition ? x : y`, as a boolean where x and y are booleans, 1 (true) or 0 (false)."""
        true, false = self.constant(1.0), self.constant(0.0)
        if not _is_boolean(condition):
            condition = self.operation(table.not_equal, condition, false)
        if not all(choice in (true, false) or _is_boolean(choice) for choice in (x, y)):
            return self.operation(table.where, condition, self.as_number(x), self.as_number(y))
        if x is y:
            return x
        opposite = condition.operands[0] if condition.operation == NOT else self.operation(NOT, condition)
        if x in (true, false):
            start = condition if x is true else opposite
            return start if y in (true, false) else self.operation(OR if x is true else AND, start, y)
        if y in (true, false):
            return self.operation(AND, condition, x) if y is false else self.operation(OR, opposite, x)
        return self.operation(OR, self.operation(AND, condition, x), self.operation(AND, opposite, y))

    def function(self, parameters: str, value: str, results: Sequence[Formula]) -> str:
        """A function of these results, in the form of its value; with names for what is used more than once."""
        uses = Counter(results)
        for formula in reversed(self.formulas):
            if uses[formula]:
                uses.update(formula.operands)
        statements: list[str] = []
        known: dict[Formula, Written] = {}
        for formula in self.formulas:
            if not uses[formula]:
                continue
            written = JAVASCRIPT.compose(formula, [known[operand] for operand in formula.operands])
            if formula.operands:
                self.used.add(formula.operation)
                if uses[formula] > 1:
                    name = f"t{len(statements) + 1}"
                    statements.append(f"const {name} = {written.text};")
                    written = Written(name)
            known[formula] = written
        value = value.format(", ".join([known[result].text for result in results]))
        if not statements:
            return f"{parameters} => {value}"
        body = "".join([f"    {line}\n" for line in [*statements, f"return {value};"]])
        return f"{parameters} => {{\n{body}  }}"


def _is_boolean(formula: Formula) -> bool:
    return formula.operation in COMPARISONS or formula.operation in (AND, OR, NOT)


# Functions that JavaScript lacks:
#
# Powers of 1 and of -1 that are nan in JavaScript, where IEEE 754 says 1.
#
# The error functions, each where it has no cancellation: erf(x) = 2/sqrt(pi) e^(-x^2) sum 2^n x^(2n+1) / (1 3 ... 2n+1)
# for |x| < 1 (Abramowitz, Stegun 1964, 7.1.6), and for x >= 1 erfc(x) = e^(-x^2) / sqrt(pi) * 1/(x + 1/2/(x + 1/(x +
# 3/2/(x + ...)))), their 7.1.14. For large x the square needs more digits than a number has: x^2 = h^2 + (x-h)(x+h)
# with h of 24 bits, whose square is exact. Relative errors, against mpmath: 5e-16 of erf, 3e-15 of erfc.
_HELPERS = {
    (table.pow,): "const pow = (x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);",
    (table.erf, table.erfc): """\
const erf = (x) => {
  if (!(Math.abs(x) < 1)) return Math.sign(x) * (1 - erfc(Math.abs(x)));
  let sum = 1;
  for (let n = 24; n > 0; n--) sum = 1 + (sum * 2 * x * x) / (2 * n + 1);
  return x * ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum);
};
const erfc = (x) => {
  if (x < 1) return 1 - erf(x);
  if (x > 28) return 0;
  let fraction = x;
  for (let n = 200; n > 0; n--) fraction = x + n / 2 / fraction;
  const h = Math.fround(x);
  return (Math.exp(-h * h) * Math.exp((h - x) * (h + x))) / (fraction * Math.sqrt(Math.PI));
};""",
}
"""By the rows that are written with them."""
