"""The operations of a graph in JavaScript, written from the table of primitives.

An operation's forward function and its local derivatives are run on symbols, which write down what is done to them: the
page computes what Values compute, from the same rules. What JavaScript has no word for is spelled as the compiler
spells it. `engine.js` runs the operations on a graph.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import primitives
from autograd.compiler.spellings import FUNCTIONS, SPELLINGS
from autograd.primitives import PRIMITIVES, ZERO, Primitive, to_float
from autograd.symbols import Symbol, node_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autograd.value import Value


class Operations(NamedTuple):
    """Operations written in JavaScript.

    Attributes:
        script: an expression whose value is an object `key -> {forward, backward}`. `forward(x)` takes the array of the
            operands' numbers and returns the result's; `backward(out, x)` takes the result too and returns the array of
            the local derivatives, one per operand, `null` for ZERO. Rows that cut have `cuts: true` as well.
        keys: under which key each row with its number of operands is found.
        unknown: the names of rows that cannot be written, since their functions do not run on symbols.
    """

    script: str
    keys: dict[tuple[Primitive, int], str]
    unknown: set[str]


def operations(uses: Iterable[tuple[Primitive, int]]) -> Operations:
    """Write rows of the table in JavaScript.

    Args:
        uses: the rows, each with its number of operands.

    Raises:
        TypeError: something else than such pairs, or a row that takes another number of operands.

    Example:
        >>> import autograd
        >>> from autograd import Value
        >>> from autograd.graph import topological_order
        >>> loss = Value(2.0).relu() * 3.0
        >>> nodes = topological_order(loss)
        >>> found = operations((node.primitive, len(node.parents)) for node in nodes if node.primitive)
        >>> print(found.script)
        (() => {
          return {
            mul: {
              forward: ([x, y]) => x * y,
              backward: (out, [x, y]) => [y, x],
            },
            relu: {
              forward: ([x]) => x <= 0 ? 0 : x,
              backward: (out, [x]) => [x <= 0 ? null : 1],
            },
          };
        })()
        >>> found.keys[loss.primitive, 2]
        'mul'
    """
    rows: list[str] = []
    helpers: set[str] = set()
    keys: dict[tuple[Primitive, int], str] = {}
    unknown: set[str] = set()
    for primitive, count in sorted(dict.fromkeys(map(_checked, uses)), key=lambda use: (use[0].name, use[1])):
        code = _Code()
        try:
            functions = _functions(code, primitive, count)
        except Exception:  # whatever a function raises that was written for numbers alone
            unknown.add(primitive.name)
            continue
        key = _new_key(primitive, count, keys.values())
        keys[primitive, count] = key
        helpers |= code.helpers
        written = [*(["cuts: true"] if primitive.cuts else []), *functions]
        rows.append(f"{_property(key)}: {{\n" + "".join([f"  {part},\n" for part in written]) + "}")
    texts = [text for names, text in _HELPERS.items() if not helpers.isdisjoint(names)]
    table = "return {\n" + "".join([_indented(row) + ",\n" for row in rows]) + "};"
    script = "(() => {\n" + "".join([_indented(text) + "\n" for text in [*texts, table]]) + "})()"
    return Operations(script, keys, unknown)


def recorded(node: Value) -> list[float | None]:
    """The local derivatives that a node has recorded, in the form in which `backward` in JavaScript gives them.

    Example:
        >>> from autograd import Value
        >>> recorded(Value(-2.0).relu())
        [None]
        >>> recorded(Value(-2.0).leaky_relu(0.1))
        [0.1, None]
    """
    return [None if local is ZERO else local for local in node._edges()]


def number(x: float) -> str:
    """A number as a literal of JavaScript: exactly the same number, nan and the infinities and -0 included.

    Example:
        >>> number(0.1), number(3.0), number(-0.0), number(float("-inf"))
        ('0.1', '3', '-0', '-Infinity')
    """
    text = repr(float(x)).removesuffix(".0")
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)


def _checked(use: Any) -> tuple[Primitive, int]:
    if not (isinstance(use, tuple) and len(use) == 2 and isinstance(use[0], Primitive) and isinstance(use[1], int)):
        raise TypeError(
            f"operations wants pairs of a row and its number of operands, got {use!r}: "
            f"write [(node.primitive, len(node.parents)) for node in nodes if node.primitive]"
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


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


# ---------------------------------------------------------------------------------------------------------------------
# From a row to its two functions
# ---------------------------------------------------------------------------------------------------------------------


def _functions(code: _Code, primitive: Primitive, count: int) -> list[str]:
    names = ["x", "y", "z"][:count] if count <= 3 else [f"x{k + 1}" for k in range(count)]
    operands = [code.atom(name) for name in names]
    result = code.as_number(code.apply(primitive, operands))
    symbols = [Symbol(code, operand) for operand in operands]
    derivatives = primitive.local_derivatives(Symbol(code, code.atom("out")), symbols)
    locals_ = [_local(code, primitive, derivative) for derivative in derivatives]
    parameters = f"[{', '.join(names)}]"
    statements, (value,) = code.written([result])
    forward = _function(f"({parameters})", statements, value)
    statements, values = code.written(locals_)
    backward = _function(f"(out, {parameters})", statements, f"[{', '.join(values)}]")
    return [f"forward: {forward}", f"backward: {backward}"]


def _local(code: _Code, primitive: Primitive, derivative: Any) -> int:
    if derivative is ZERO:
        return code.atom("null")
    node = code.as_number(_result(code, primitive, derivative))
    zero_where = derivative.zero_where if isinstance(derivative, Symbol) else None
    return node if zero_where is None else code.zero_or(zero_where, node)


def _result(code: _Code, primitive: Primitive, result: Any) -> int:
    """The node of what a function gave: a symbol or a plain number."""
    known = result if isinstance(result, Symbol) else to_float(result, f"a function of {primitive.name}")
    return node_of(code, known)  # type: ignore[no-any-return]


def _function(parameters: str, statements: Sequence[str], expression: str) -> str:
    if not statements:
        return f"{parameters} => {expression}"
    body = "".join([f"    {line}\n" for line in [*statements, f"return {expression};"]])
    return f"{parameters} => {{\n{body}  }}"


class _Node(NamedTuple):
    """An operation, or an atom: a name or a literal, which has no operands."""

    operator: str
    operands: tuple[int, ...] = ()


class _Code:
    """Writes what is done to symbols as expressions; what is used more than once gets a name.

    A condition is either what JavaScript calls a boolean, or a number that is not 0.
    """

    def __init__(self) -> None:
        self.nodes: list[_Node] = []
        self.index: dict[_Node, int] = {}
        self.helpers: set[str] = set()

    def node(self, operator: str, *operands: int) -> int:
        node = _Node(operator, operands)
        if node not in self.index:
            self.index[node] = len(self.nodes)
            self.nodes.append(node)
        return self.index[node]

    def atom(self, text: str) -> int:
        return self.node(text)

    def constant(self, x: float) -> int:
        return self.atom(number(x))

    def apply(self, primitive: Primitive, operands: Sequence[int]) -> int:
        if primitive is primitives.where:
            return self._choice(*operands)
        if primitive in _OPERATORS:
            if primitive not in (primitives.equal, primitives.not_equal) or not all(map(self._is_boolean, operands)):
                operands = [self.as_number(operand) for operand in operands]
            return self.node(_OPERATORS[primitive], *operands)
        spelling: Callable[..., Any] = _SPELLED.get(primitive) or primitive.forward
        return _result(self, primitive, spelling(*[Symbol(self, operand) for operand in operands]))

    def as_number(self, node: int) -> int:
        return self.node("?", node, self.constant(1.0), self.constant(0.0)) if self._is_boolean(node) else node

    def _is_boolean(self, node: int) -> bool:
        operator, operands = self.nodes[node]
        return bool(operands) and operator in _BOOLEAN

    def _choice(self, condition: int, x: int, y: int) -> int:
        """`condition ? x : y`, as a boolean where x and y are booleans, 1 (true) or 0 (false)."""
        true, false = self.constant(1.0), self.constant(0.0)
        if not self._is_boolean(condition):
            condition = self.node("!==", condition, false)
        if not all(choice in (true, false) or self._is_boolean(choice) for choice in (x, y)):
            return self.node("?", condition, self.as_number(x), self.as_number(y))
        if x == y:
            return x
        if x in (true, false):
            start = condition if x == true else self._not(condition)
            return start if y in (true, false) else self.node("||" if x == true else "&&", start, y)
        if y in (true, false):
            return self.node("&&", condition, x) if y == false else self.node("||", self._not(condition), x)
        return self.node("||", self.node("&&", condition, x), self.node("&&", self._not(condition), y))

    def zero_or(self, zero_where: int, other: int) -> int:
        operator, operands = self.nodes[zero_where]
        if operator == "!":
            return self.node("?", operands[0], other, self.atom("null"))
        return self.node("?", zero_where, self.atom("null"), other)

    def _not(self, condition: int) -> int:
        operator, operands = self.nodes[condition]
        return operands[0] if operator == "!" else self.node("!", condition)

    def written(self, results: Sequence[int]) -> tuple[list[str], list[str]]:
        """Statements that give names to what is used more than once, and an expression for each result."""
        uses = Counter(results)
        for index in reversed(range(len(self.nodes))):
            if uses[index]:
                uses.update(self.nodes[index].operands)
        statements: list[str] = []
        texts: dict[int, tuple[str, int]] = {}
        for index, node in enumerate(self.nodes):
            if not uses[index]:
                continue
            text, precedence = _expression(node, [texts[operand] for operand in node.operands])
            if node.operands:
                self.helpers.add(node.operator)
                if uses[index] > 1:
                    name = f"t{len(statements) + 1}"
                    statements.append(f"const {name} = {text};")
                    text, precedence = name, _ATOM
            texts[index] = text, precedence
        return statements, [texts[result][0] for result in results]


_BOOLEAN = frozenset({"<", "<=", ">", ">=", "===", "!==", "!", "&&", "||"})

_LEVELS = [["||"], ["&&"], ["===", "!=="], ["<", "<=", ">", ">="], ["+", "-"], ["*", "/", "%"]]
_BINARY = {operator: level for level, operators in enumerate(_LEVELS, 1) for operator in operators}
_CHOICE, _UNARY, _ATOM = 0, 7, 8
"""How tightly operators hold their operands."""


def _expression(node: _Node, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """An expression and how tightly it holds together, from those of its operands."""

    def inside(position: int, at_least: int) -> str:
        text, precedence = operands[position]
        return text if precedence >= at_least else f"({text})"

    operator = node.operator
    if not operands:
        return operator, _UNARY if operator.startswith("-") else _ATOM
    if operator == "?":
        condition, x, y = inside(0, _CHOICE + 1), inside(1, _CHOICE + 1), inside(2, _CHOICE)
        return f"{condition} ? {x} : {y}", _CHOICE
    if len(operands) == 1 and operator in ("-", "!"):
        return operator + inside(0, _ATOM), _UNARY
    if operator in _BINARY:
        precedence = _BINARY[operator]
        return f"{inside(0, precedence)} {operator} {inside(1, precedence + 1)}", precedence
    return f"{operator}({', '.join([text for text, _ in operands])})", _ATOM


# ---------------------------------------------------------------------------------------------------------------------
# What rows of the table are in JavaScript
# ---------------------------------------------------------------------------------------------------------------------

_OWN_FUNCTIONS = ("pow", "erf", "erfc")

_OPERATORS: dict[Primitive, str] = {
    primitives.add: "+",
    primitives.sub: "-",
    primitives.mul: "*",
    primitives.div: "/",
    primitives.neg: "-",
    primitives.fmod: "%",
    primitives.less: "<",
    primitives.less_equal: "<=",
    primitives.greater: ">",
    primitives.greater_equal: ">=",
    primitives.equal: "===",
    primitives.not_equal: "!==",
    **{PRIMITIVES[name]: f"Math.{name}" for name in FUNCTIONS if name not in _OWN_FUNCTIONS},
    **{PRIMITIVES[name]: f"Math.{name}" for name in ("abs", "sqrt", "floor", "ceil", "hypot")},
    **{PRIMITIVES[name]: name for name in _OWN_FUNCTIONS},
}
"""Rows that are operators or functions of JavaScript, or functions of ours. `where` is the operator `? :`."""


def _dot(*xs_then_ys: Any) -> Any:
    half = len(xs_then_ys) // 2
    return _sum(*[x * y for x, y in zip(xs_then_ys[:half], xs_then_ys[half:])])


def _sum(*xs: Any) -> Any:
    return reduce(primitives.add, xs, 0.0)  # from 0.0 on, so that the sum of -0.0 is 0.0


_SPELLED: dict[Primitive, Callable[..., Any]] = {
    **{PRIMITIVES[name]: spelling for name, spelling in SPELLINGS.items() if name != "detach"},
    primitives.detach: lambda x: x,
    primitives.identity: lambda x: x,
    primitives.sum_: _sum,
    primitives.dot: _dot,
}
"""Rows that are spelled in others. A row of a user's own is spelled by its forward function."""

# Powers of 1 and of -1 that are nan in JavaScript, where IEEE 754 says 1.
#
# The error functions, each where it has no cancellation: erf(x) = 2/sqrt(pi) e^(-x^2) sum 2^n x^(2n+1) / (1 3 ... 2n+1)
# for |x| < 1 (Abramowitz, Stegun 1964, 7.1.6), and for x >= 1 erfc(x) = e^(-x^2) / sqrt(pi) * 1/(x + 1/2/(x + 1/(x +
# 3/2/(x + ...)))), their 7.1.14. For large x the square needs more digits than a number has: x^2 = h^2 + (x-h)(x+h)
# with h of 24 bits, whose square is exact. Relative errors, against mpmath: 5e-16 of erf, 3e-15 of erfc.
_HELPERS = {
    ("pow",): "const pow = (x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);",
    ("erf", "erfc"): """\
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
"""Functions that JavaScript lacks, by their names."""
