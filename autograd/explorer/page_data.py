"""The data in a page: the nodes of a graph, their numbers, how operations are written. All is numbers and text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd import table
from autograd.draw.content import about_old_data
from autograd.draw.style import ON_PAGE
from autograd.explorer.drawings import Views, shown
from autograd.explorer.examples import own_numbers
from autograd.explorer.large_graph import summary
from autograd.freshness import outdated
from autograd.graph import topological_order
from autograd.names import listed, names_of, one_line
from autograd.symbolic.formulas import template
from autograd.symbolic.javascript import operations, recorded

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autograd.primitive import Primitive
    from autograd.symbolic.javascript import Operations
    from autograd.symbolic.notation import Name
    from autograd.value import Value

    _Use = tuple[Primitive, tuple[float | None, ...]]
    """A row of the table in use: with the numbers of operands that stand in its formulas, None for the others."""

_LONGEST_NAME, _LONGEST_EXAMPLE, _LONGEST_TITLE = 18, 60, 300
_MOST_NODES, _MOST_EDGES = 5_000, 20_000


class PageData:
    """What travels in the page about a graph: its data as JSON can have it, its operations in JavaScript."""

    def __init__(self, root: Value, examples: Sequence[Value], learning_rate: float, title: str) -> None:
        nodes = topological_order(root)
        self.count = len(nodes)
        self.leaves: dict[int, Value] = {}  # by their places
        self.operations = "{}"
        title = one_line(title, _LONGEST_TITLE)
        common: dict[str, Any] = {"title": title, "rate": learning_rate, "kinds": ON_PAGE, "uses": []}
        if len(nodes) > _MOST_NODES or sum(len(node.operands) for node in nodes) > _MOST_EDGES:
            self.data = common | summary(nodes) | {"examples": [{"title": "", "numbers": {}}], "isEditable": False}
            return
        self.leaves = {place: node for place, node in enumerate(nodes) if node.is_leaf}
        written = operations((node.primitive, len(node.operands)) for node in nodes if node.primitive)
        self.operations = written.script
        names = names_of(root)
        places = {node: place for place, node in enumerate(nodes)}
        uses: dict[_Use, int] = {}
        for node in nodes:
            if node.primitive:
                uses.setdefault(_use_of(node.primitive, node.operands), len(uses))
        rows = [_row(node, names, places, uses, written) for node in nodes]
        views = Views(root, places, [row[0] for row in rows])
        self.data = common | {
            "nodes": rows,
            "uses": [_written(use, written) for use in uses],
            "examples": _examples(nodes, examples, names),
            "views": views.views,
            "groups": views.groups,
            "layouts": views.layouts,
            "notes": [*views.notes, *_notes(nodes, written.unknown)],
            "isEditable": not written.unknown,
        }


def encoded(number: float) -> float | str:
    """A number as JSON can have it: nan and infinities by their names, integers short, all others exactly."""
    if not math.isfinite(number):
        return str(number)
    return int(number) if number.is_integer() and abs(number) < 1e15 and str(number) != "-0.0" else float(number)


def _row(
    node: Value, names: dict[Value, Name], places: dict[Value, int], uses: dict[_Use, int], operations: Operations
) -> list[Any]:
    """A node as a list: name, title where that differs, kind, number; of a computed one operands and use as well.

    The number of a computed node travels only where the page cannot compute it, and then its local derivatives do too.
    """
    name = one_line(names[node].text if node in names else "", _LONGEST_NAME)
    title = one_line(node.label, _LONGEST_TITLE) or name
    row: list[Any] = [name, "" if title == name else title, node.kind]
    if node.primitive is None:
        return [*row, encoded(node.data)]
    computed = [[places[operand] for operand in node.operands], uses[_use_of(node.primitive, node.operands)]]
    if (node.primitive, len(node.operands)) in operations.keys:
        return [*row, None, *computed]
    locals_ = [None if local is None else encoded(local) for local in recorded(node)]
    return [*row, encoded(node.data), *computed, locals_]


def _use_of(row: Primitive, operands: Sequence[Value]) -> _Use:
    """A plain exponent stands in the formulas of x ** 2, whose derivative is 2·x and not 2·x^(2 - 1)."""
    given: list[float | None] = [None] * len(operands)
    exponent = operands[-1]
    is_plain = row is table.pow and exponent.kind == "constant" and not exponent.label
    if is_plain and math.isfinite(exponent.data):
        given[-1] = exponent.data
    return row, tuple(given)


def _written(use: _Use, operations: Operations) -> dict[str, Any]:
    row, given = use
    plain = (None,) * len(given)
    return {
        "op": operations.keys.get((row, len(given))),
        "cuts": row.cuts,
        "symbol": one_line(row.symbol, _LONGEST_NAME),
        "forms": [template(row, numbers)._asdict() for numbers in dict.fromkeys([given, plain])],
        "given": [] if given == plain else given,
    }


def _examples(nodes: Sequence[Value], examples: Sequence[Value], names: dict[Value, Name]) -> list[dict[str, Any]]:
    """Of each example the numbers in the leaves that are its own, and a title made of them: those with names first."""
    titled = []
    for k, numbers in enumerate(own_numbers(nodes, examples)):
        called = {place: f"{names[nodes[place]].text} = " for place in numbers if nodes[place] in names}
        ordered = [*called, *[place for place in numbers if place not in called]]
        parts = [called.get(place, "") + shown(numbers[place], 3) for place in ordered]
        title = one_line(f"{k}: {', '.join(parts)}", _LONGEST_EXAMPLE)
        titled.append({"title": title, "numbers": {place: encoded(x) for place, x in numbers.items()}})
    return titled


def _notes(nodes: Sequence[Value], unknown: Collection[str]) -> list[str]:
    """What the page says about its numbers."""
    old = outdated(nodes)
    if unknown:
        return [
            f"{listed(sorted(unknown))} cannot be written in JavaScript: the page shows the numbers that were "
            "recorded, and editing is off.",
            *[f"{said}." for said in about_old_data(old, "Old data")],
        ]
    if old:
        return [
            "The leaves have changed since this graph was computed, as an optimizer changes them: the page computes it "
            "from the numbers that they have now."
        ]
    return []
