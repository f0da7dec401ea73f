"""Formulas of operations and of their local derivatives, as a person writes them: of a node of a graph, of a row.

They come from the rules of the table, run on symbols. A formula is only used where its number is the one that the
graph recorded.
"""

from __future__ import annotations

import math
from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import table
from autograd.graph import edges
from autograd.symbolic.notation import Formula, Name
from autograd.symbolic.precedence import COMPARISONS
from autograd.symbolic.simplify import Simplifier, simplified
from autograd.symbols import Symbol
from autograd.value import Value, constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autograd.primitive import Primitive

    Named = tuple[Value, Mapping[Value, Name]]  # a node, and what it and its operands are called

ELLIPSIS = Formula(name=Name("…", r"\cdots"))
_SHOWN = 4
_LONGEST = 40


def reference(node: Value, named: Mapping[Value, Name]) -> Formula:
    """A node by its name; a constant without one by its number, a comparison without a label by what it compares."""
    if node.primitive in COMPARISONS and not node.label:
        operands = tuple([Formula(operand.data, named.get(operand)) for operand in node.operands])
        return Formula(node.data, None, node.primitive, operands)
    return Formula(node.data, named.get(node))


def definition(node: Value, named: Mapping[Value, Name], focus: int = 0) -> Formula:
    """The operation that made a node, on its operands: of more than four the first, the last and that at `focus`."""
    primitive = node.primitive
    assert primitive is not None, "a leaf was not made by an operation"
    operands = [reference(operand, named) for operand in node.operands]
    if primitive is table.dot:
        half = len(operands) // 2
        operands = [simplified(table.mul, *pair) for pair in zip(operands, operands[half:])]
        focus %= half
    operands = _in_short(operands, focus)
    if primitive in (table.dot, table.sum):
        written = operands[0]
        for operand in operands[1:]:
            written = simplified(table.add, written, operand)
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

    Its `value` is the local derivative that the node recorded, and it is just this number where the rule does not run
    on symbols, is too long for a line, or gives another number, since data was changed after the forward pass.
    """
    recorded = edges(node)[position][1]
    primitive = node.primitive
    assert primitive is not None
    assert recorded is not None, "nothing flows back to this operand"
    number = Formula(float(recorded))
    simplifier = Simplifier()
    out, *operands = [Symbol(simplifier, reference(v, named)) for v in (node, *node.operands)]
    try:
        if isinstance(primitive.partials, tuple):
            rule = primitive.partials[position]
            local = rule if isinstance(rule, float) else rule(out, *operands)
        else:
            local = primitive.partials(out, *operands)[position]  # type: ignore[operator]
        formula = simplifier.result(local)
    except Exception:  # a user's rule may do anything that works on numbers
        return number
    return formula._replace(value=number.value) if _fits(formula, number.value) else number


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
    """The comparisons that decided choices in a formula; None where there were none."""
    if not formula.because:
        return None
    written = [condition.name or Name(condition.text[1:-1], condition.latex[1:-1]) for condition in formula.because]
    return Name(" and ".join([c.text for c in written]), r" \text{ and } ".join([c.latex for c in written]))


# ---------------------------------------------------------------------------------------------------------------------
# Of a row: the page of the explorer puts in names, or the numbers that there are by then
# ---------------------------------------------------------------------------------------------------------------------

_FRACTIONS = (0.2, 0.8, 0.5, 0.0)  # of the domain, from its lower end
_MOST_POINTS = 64
_MOST_OPERANDS = 300  # a row with any number of operands is run once for each of them


class Template(NamedTuple):
    """How an operation and its local derivatives are written, with `#1`, `#2` for the operands and `#0` for the result.

    The formula of a rule that chooses, such as that of relu, is put together from some points of the row's domain; it
    is "" where a rule leaves none behind.
    """

    forward: str
    partials: list[str]


def template(primitive: Primitive, given: Sequence[float | None]) -> Template:
    """The formulas of a row, with the number of each operand that is `given`, and a place for one that is None.

    Example:
        >>> template(table.pow, [None, 2.0])
        Template(forward='#1²', partials=['2·#1', ''])
        >>> template(table.relu, [None]).partials
        ['0 if #1 ≤ 0, 1 if #1 > 0']
    """
    nodes = [node for point in _points(primitive, len(given)) if (node := _node(primitive, point, given))]
    if not nodes:
        places = [f"#{k + 1}" for k in range(len(given))]
        return Template(f"{primitive.name}({', '.join(places)})", [""] * len(given))
    forward = definition(*nodes[0]).text
    partials = ["" if number is not None else _cases(nodes, k) for k, number in enumerate(given)]
    if primitive.arity is None and len(set(partials)) > 1:  # plain numbers that differ are those of one point
        partials = [partial if "#" in partial else "" for partial in partials]
    return Template(forward.replace("-", "−"), [partial.replace("-", "−") for partial in partials])


def _points(primitive: Primitive, count: int) -> Iterable[tuple[float, ...]]:
    """A few points of the domain; where there is none, around 0. Operands of a row with any number of them differ."""
    if primitive.arity is None:
        low, high = primitive.domain[0] if primitive.domain else (-1.0, 2.0)
        return [tuple([low + (high - low) * (k + 1) / (count + 1) for k in range(count)])]
    domain = primitive.domain or ((-1.0, 2.0),) * count
    spread = [[low + (high - low) * fraction for fraction in _FRACTIONS] for low, high in domain]
    return islice(product(*spread), _MOST_POINTS)


def _node(primitive: Primitive, point: Sequence[float], given: Sequence[float | None]) -> Named | None:
    """The operation at a point, and the places' names; None where a user's own row does not work there."""
    operands = [Value(x) if number is None else constant(number) for x, number in zip(point, given)]
    try:
        node: Any = primitive(*operands)
    except Exception:
        return None
    names = {operand: Name(f"#{k + 1}", "") for k, operand in enumerate(operands) if given[k] is None}
    return node, {**names, node: Name("#0", "")}


def _cases(nodes: Sequence[Named], position: int) -> str:
    """A local derivative: one formula, or several with the conditions under which they hold."""
    if len(nodes[0][0].operands) > _MOST_OPERANDS:
        return ""
    found: dict[str, str] = {}  # under which condition which formula; plain numbers under none may be anything
    numbers = set()
    for node, names in nodes:
        if edges(node)[position][1] is None:
            continue
        formula = local_derivative(node, position, names)
        condition = conditions(formula)
        found[condition.text if condition else ""] = formula.text
        if formula.is_number and not condition:
            numbers.add(formula.value)
    if len(numbers) > 1 or not found:
        return ""
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return ", ".join([f"{formula} if {condition}" if condition else formula for condition, formula in found.items()])
