"""Formulas of operations with places for names in them: the page puts in names or the numbers that there are by then.

`#1`, `#2` stand for the operands, `#0` for the result. A local derivative that chooses, such as that of relu, is
written for some points of the row's domain and put together: "0 if #1 ≤ 0, 1 if #1 > 0".
"""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.explanation.formulas import Name, conditions, definition, local_derivative
from autograd.value import Value, constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.primitives import Primitive

_FRACTIONS = (0.2, 0.8, 0.5, 0.0)  # of the domain, from its lower end
_MOST_POINTS = 64
_MOST_OPERANDS = 300  # a row with any number of operands is run once for each of them


class Template(NamedTuple):
    """How an operation and its local derivatives are written.

    Attributes:
        forward: the operation.
        partials: a formula for each operand, "" where the rule leaves none behind.
    """

    forward: str
    partials: list[str]


def template(primitive: Primitive, given: Sequence[float | None]) -> Template:
    """The formulas of a row.

    Args:
        primitive: the row.
        given: for each operand its number where that is to stand in the formulas, None for a place.

    Example:
        >>> from autograd import PRIMITIVES
        >>> template(PRIMITIVES["tanh"], [None])
        Template(forward='tanh(#1)', partials=['1 − #0²'])
        >>> template(PRIMITIVES["pow"], [None, 2.0])
        Template(forward='#1²', partials=['2·#1', ''])
        >>> template(PRIMITIVES["relu"], [None]).partials
        ['0 if #1 ≤ 0, 1 if #1 > 0']
    """
    nodes = [node for point in _points(primitive, len(given)) if (node := _node(primitive, point, given))]
    if not nodes:
        places = [f"#{k + 1}" for k in range(len(given))]
        return Template(f"{primitive.name}({', '.join(places)})", [""] * len(given))
    forward = definition(*nodes[0]).text
    partials = ["" if number is not None else _partial(nodes, k) for k, number in enumerate(given)]
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


def _node(
    primitive: Primitive, point: Sequence[float], given: Sequence[float | None]
) -> tuple[Value, dict[Value, Name]] | None:
    """The operation at a point, and the places' names; None where a user's own row does not work there."""
    operands = [Value(x) if number is None else constant(number) for x, number in zip(point, given)]
    try:
        node: Any = primitive(*operands)
    except Exception:
        return None
    names = {operand: Name(f"#{k + 1}", "") for k, operand in enumerate(operands) if given[k] is None}
    return node, {**names, node: Name("#0", "")}


def _partial(nodes: Sequence[tuple[Value, dict[Value, Name]]], position: int) -> str:
    if len(nodes[0][0].parents) > _MOST_OPERANDS:
        return ""
    found: dict[str, str] = {}  # under which condition which formula; plain numbers under none may be anything
    numbers = set()
    for node, names in nodes:
        if node._edges()[position] is None:
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
