"""What travels in a page: the nodes of a graph, their numbers, how operations are written. All is numbers and text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd.explorer.examples import own_numbers
from autograd.explorer.summary import about_old_data, summary
from autograd.explorer.text import in_one_line, shown, travelling
from autograd.explorer.views import Views
from autograd.freshness import outdated
from autograd.graph import topological_order
from autograd.names import listed, names_of
from autograd.primitives import pow_
from autograd.symbolic.formulas import template
from autograd.symbolic.javascript import operations, recorded
from autograd.value import CONSTANT, LEAF, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autograd.primitives import Primitive
    from autograd.symbolic.javascript import Operations
    from autograd.symbolic.notation import Name
    from autograd.value import Value

_KINDS = (LEAF, PARAMETER, CONSTANT)  # as the page counts them; computed nodes come after
_LONGEST_NAME, _LONGEST_EXAMPLE, _LONGEST_TITLE = 18, 60, 300
_MOST_NODES, _MOST_EDGES = 5_000, 20_000


class Contents:
    """What travels in the page about a graph.

    Args:
        root: the result.
        examples: results that are computed in the same way.
        learning_rate: of the steps that the page makes.
        title: of the page.

    Attributes:
        data: numbers, strings, lists and dicts.
        operations: an expression of JavaScript: what the page computes with.
        leaves: the leaves by their places.
        count: of nodes.
    """

    def __init__(self, root: Value, examples: Sequence[Value], learning_rate: float, title: str) -> None:
        nodes = topological_order(root)
        self.count = len(nodes)
        self.leaves: dict[int, Value] = {}
        self.operations = "{}"
        common: dict[str, Any] = {"title": in_one_line(title, _LONGEST_TITLE), "rate": learning_rate, "uses": []}
        if len(nodes) > _MOST_NODES or sum(len(node.parents) for node in nodes) > _MOST_EDGES:
            self.data = common | summary(nodes) | {"examples": [{"title": "", "numbers": {}}], "isEditable": False}
            return
        self.leaves = {place: node for place, node in enumerate(nodes) if node.is_leaf}
        written = operations((node.primitive, len(node.parents)) for node in nodes if node.primitive)
        self.operations = written.script
        names = names_of(root)
        places = {node: place for place, node in enumerate(nodes)}
        uses = _Uses(written)
        rows = [_row(node, names, places, uses) for node in nodes]
        example_rows = _examples(nodes, examples, names)
        views = Views(root, places, [row[0] for row in rows])
        self.data = common | {
            "nodes": rows,
            "uses": uses.written,
            "examples": example_rows,
            "views": views.views,
            "groups": views.groups,
            "layouts": views.layouts,
            "notes": [*views.notes, *_notes(nodes, written.unknown)],
            "isEditable": not written.unknown,
        }


def _row(node: Value, names: dict[Value, Name], places: dict[Value, int], uses: _Uses) -> list[Any]:
    """A node as a list: name, title where that is another, kind, number; of a computed one operands and use as well.

    The number of a computed node travels only where the page cannot compute it, and then its local derivatives do too.
    """
    name = in_one_line(names[node].text if node in names else "", _LONGEST_NAME)
    title = in_one_line(node.label, _LONGEST_TITLE) or name
    row: list[Any] = [name, "" if title == name else title]
    if node.primitive is None:
        return [*row, _KINDS.index(node._primitive), travelling(node._data)]
    use, is_known = uses.of(node)
    row += [len(_KINDS), None if is_known else travelling(node._data), [places[o] for o in node.parents], use]
    if not is_known:
        row.append([None if local is None else travelling(local) for local in recorded(node)])
    return row


class _Uses:
    """The rows in use, each once for each number of operands and each exponent."""

    def __init__(self, operations: Operations) -> None:
        self.written: list[dict[str, Any]] = []
        self._operations = operations
        self._known: dict[tuple[Primitive, tuple[float | None, ...]], int] = {}

    def of(self, node: Value) -> tuple[int, bool]:
        """The place of a node's use, and whether the page can compute it."""
        row = node.primitive
        assert row is not None
        given = tuple([_given(row, position, operand) for position, operand in enumerate(node.parents)])
        key = self._operations.keys.get((row, len(given)))
        if (row, given) not in self._known:
            self._known[row, given] = len(self.written)
            plain = (None,) * len(given)
            forms = [template(row, given)] if given == plain else [template(row, given), template(row, plain)]
            self.written.append(
                {
                    "op": key,
                    "cuts": row.cuts,
                    "symbol": in_one_line(row.symbol, _LONGEST_NAME),
                    "forms": [form._asdict() for form in forms],
                    "given": given if len(forms) > 1 else [],
                }
            )
        return self._known[row, given], key is not None


def _given(row: Primitive, position: int, operand: Value) -> float | None:
    """The exponent of x ** 2, whose derivative is 2·x and not 2·x^(2 - 1); None for what has a place in formulas."""
    is_exponent = row is pow_ and position == 1 and operand._primitive is CONSTANT and not operand.label
    return operand._data if is_exponent and math.isfinite(operand._data) else None


def _examples(nodes: Sequence[Value], examples: Sequence[Value], names: dict[Value, Name]) -> list[dict[str, Any]]:
    """Of each example the numbers in the leaves that are its own, and a title made of them."""
    titled = []
    for k, numbers in enumerate(own_numbers(nodes, examples)):
        parts = sorted([_assignment(names.get(nodes[place]), x) for place, x in numbers.items()], key=_is_plain)
        title = in_one_line(": ".join([str(k), ", ".join(parts)]), _LONGEST_EXAMPLE)
        titled.append({"title": title, "numbers": {place: travelling(x) for place, x in numbers.items()}})
    return titled


def _assignment(name: Name | None, number: float) -> str:
    return f"{name.text} = {shown(number, 3)}" if name else shown(number, 3)


def _is_plain(assignment: str) -> bool:
    return "=" not in assignment


def _notes(nodes: Sequence[Value], unknown: Collection[str]) -> list[str]:
    """What is to be said about the numbers."""
    if unknown:
        return [
            f"{listed(sorted(unknown))} cannot be written in JavaScript: the page shows the numbers that were "
            "recorded, and editing is off.",
            *about_old_data(nodes),
        ]
    if outdated(nodes):
        return [
            "The leaves have changed since this graph was computed, as an optimizer changes them: the page computes it "
            "from the numbers that they have now."
        ]
    return []
