"""Rolling: a sum over many examples, written out one by one, becomes one subgraph and a batch.

In micrograd's style the loss of a whole data set is one graph: for every example the same operations on other numbers,
and a sum over all of them. Here the terms of the largest sum are compared. Terms that do the same, in the same order,
with the same parameters, differ only in their plain numbers: those become the columns of a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import primitives
from autograd.compiler.passes.dots import chains, terms_of
from autograd.compiler.program import ONCE, Program
from autograd.primitives import Primitive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.value import Value

FEWEST = 4
"""Terms that do the same are rolled from this number on."""

MOST_SUMS = 8
"""So many sums are looked into."""

_NOBODY, _SHARED = -2, -1


class Rolled(NamedTuple):
    """A program with batches in place of what was written out, and the tables of the batches.

    Attributes:
        program: the program.
        counts: how many examples each batch has.
        numbers: the table of each batch, an array of shape (count, columns).
        read: for each batch, what is read at every call: (row, column, which captured Value).
    """

    program: Program
    counts: list[int]
    numbers: list[Any]
    read: list[list[tuple[int, int, int]]]

    def tables(self, captured: Sequence[Value], dtype: Any) -> list[Any]:
        """For each batch its table, as it is now."""
        import numpy as np

        found = []
        for numbers, read in zip(self.numbers, self.read):
            table = np.ascontiguousarray(numbers, dtype)
            if read:
                table = table.copy() if table is numbers else table
                rows, columns, values = zip(*read)
                table[rows, columns] = [captured[k]._data for k in values]
            found.append(table)
        return found


class _Group(NamedTuple):
    """Terms that do the same: the instructions of the first, and the numbers of all."""

    nodes: list[int]
    term: int
    numbers: list[list[Any]]


def roll(program: Program, trained: int) -> Rolled | None:
    """Roll the largest sum, of those whose terms do the same, in a program of a loss; None if there is none.

    Args:
        program: as recorded, without batches.
        trained: how many parameters are trained; those behind them are only read.
    """
    inner = chains(program)
    for top, terms in _sums(program, inner):
        owners = _owners(program, top, terms, inner, trained)
        groups = _groups(program, terms, owners)
        if groups:
            return _written(program, top, terms, inner, owners, groups, trained)
    return None


def _sums(program: Program, inner: set[int]) -> list[tuple[int, list[int]]]:
    """Every sum of some terms, with its terms, the longest first."""
    found = []
    for position, (operation, operands, _) in enumerate(program.instructions):
        if operation is primitives.sum_ and len(operands) >= FEWEST:
            found.append((position, list(operands)))
        elif operation is primitives.add and position not in inner and operands[0] in inner:
            terms = terms_of(program, position, inner)
            if len(terms) >= FEWEST:
                found.append((position, terms))
    return sorted(found, key=lambda one: -len(one[1]))[:MOST_SUMS]


def _owners(program: Program, top: int, terms: Sequence[int], inner: set[int], trained: int) -> list[int]:
    """For every instruction the number of the only term that uses it, or _SHARED, or _NOBODY."""
    owners = [_NOBODY] * len(program.instructions)
    for result in program.results:
        owners[result] = _SHARED

    def use(node: int, owner: int) -> None:
        operation, _, attribute = program.instructions[node]
        if owners[node] not in (_NOBODY, owner) or (operation == "parameter" and attribute < trained):
            owner = _SHARED
        owners[node] = owner

    chain = _chain(program, top, inner)
    for node in reversed(range(len(owners))):
        if node == top:
            for k, term in enumerate(terms):
                use(term, k)
        elif owners[node] != _NOBODY and node not in chain:
            for operand in program.instructions[node].operands:
                use(operand, owners[node])
    return owners


def _chain(program: Program, top: int, inner: set[int]) -> set[int]:
    """The additions that a chain consists of, but for the last."""
    found: set[int] = set()
    node = top
    while program.instructions[node].operation is primitives.add and program.instructions[node].operands[0] in inner:
        node = program.instructions[node].operands[0]
        found.add(node)
    return found


def _groups(program: Program, terms: Sequence[int], owners: Sequence[int]) -> list[_Group]:
    private: dict[int, list[int]] = {}
    for node, owner in enumerate(owners):
        if owner >= 0:
            private.setdefault(owner, []).append(node)
    found: dict[Any, _Group] = {}
    for k, nodes in private.items():
        if owners[terms[k]] != k:
            continue
        what, numbers = _what_it_does(program, nodes)
        group = found.setdefault(what, _Group(nodes, terms[k], []))
        group.numbers.append(numbers)
    return [group for group in found.values() if len(group.numbers) >= FEWEST]


def _what_it_does(program: Program, nodes: Sequence[int]) -> tuple[Any, list[Any]]:
    """A term without its numbers, the same for terms that do the same; and its numbers."""
    local = {node: k for k, node in enumerate(nodes)}
    what: list[Any] = []
    numbers: list[Any] = []
    for node in nodes:
        operation, operands, attribute = program.instructions[node]
        if operation == "constant":
            what.append(None)
            numbers.append(attribute)
        elif operation == "parameter":
            what.append(None)
            numbers.append((attribute,))
        else:
            what.append((operation, tuple([local.get(operand, -1 - operand) for operand in operands])))
    return tuple(what), numbers


def _written(
    program: Program,
    top: int,
    terms: Sequence[int],
    inner: set[int],
    owners: Sequence[int],
    groups: Sequence[_Group],
    trained: int,
) -> Rolled:
    import numpy as np

    firsts = {group.term for group in groups}
    rolled_terms = _terms_of_groups(program, terms, owners, groups)
    chain = _chain(program, top, inner)
    new = Program(program.parameters)
    index: dict[int, int] = {}
    counts: list[int] = []
    tables: list[Any] = []
    reads: list[list[tuple[int, int, int]]] = []
    assert firsts <= rolled_terms
    left_out = {k for k, term in enumerate(terms) if term in rolled_terms}
    for node, (operation, operands, attribute) in enumerate(program.instructions):
        if node in chain or owners[node] == _NOBODY or owners[node] in left_out:
            continue
        if node != top:
            once = ONCE if isinstance(operation, Primitive) else attribute
            index[node] = new.append(operation, [index[k] for k in operands], once)
            continue
        total: int | None = None
        for group in groups:
            count = len(group.numbers)
            columns = list(zip(*group.numbers))
            kept = [column for column in columns if len({_identity(number) for number in column}) > 1]
            new.columns.append(len(kept))
            batch = len(new.columns) - 1
            term = _body(program, new, index, group, columns, batch)
            if kept and new.batches()[term] == batch:
                part = new.append("batch_sum", (term,), (new.new_sum(), batch))
            else:
                part = new.append(primitives.mul, (term, new.constant(count)))
            total = part if total is None else new.append(primitives.add, (total, part))
            counts.append(count)
            table = np.array([[0.0 if isinstance(x, tuple) else x for x in column] for column in kept]).T
            tables.append(table.reshape(count, len(kept)))
            reads.append(
                [
                    (row, place, number[0] - trained)
                    for place, column in enumerate(kept)
                    for row, number in enumerate(column)
                    if isinstance(number, tuple)
                ]
            )
        for term in terms:
            if term not in rolled_terms:
                total = new.append(primitives.add, (total, index[term]))  # type: ignore[arg-type]
        index[top] = total  # type: ignore[assignment]
    new.results = [index[k] for k in program.results]
    return Rolled(new, counts, tables, reads)


def _terms_of_groups(
    program: Program, terms: Sequence[int], owners: Sequence[int], groups: Sequence[_Group]
) -> set[int]:
    """The terms that are rolled."""
    what_groups_do = {_what_it_does(program, group.nodes)[0] for group in groups}
    private: dict[int, list[int]] = {}
    for node, owner in enumerate(owners):
        if owner >= 0:
            private.setdefault(owner, []).append(node)
    return {
        terms[k]
        for k, nodes in private.items()
        if owners[terms[k]] == k and _what_it_does(program, nodes)[0] in what_groups_do
    }


def _identity(number: Any) -> Any:
    return number if isinstance(number, tuple) else number.hex()


def _body(
    program: Program, new: Program, index: dict[int, int], group: _Group, columns: Sequence[Sequence[Any]], batch: int
) -> int:
    """Write what every term of a group does; the instruction of the term."""
    local: dict[int, int] = {}
    of_numbers = iter(columns)
    width = 0
    for node in group.nodes:
        operation, operands, attribute = program.instructions[node]
        if operation in ("constant", "parameter"):
            column = next(of_numbers)
            if len({_identity(number) for number in column}) > 1:
                local[node] = new.append("input", (), (batch, width))
                width += 1
            else:
                local[node] = new.append(operation, (), attribute)
        else:
            local[node] = new.append(operation, [local[k] if k in local else index[k] for k in operands], attribute)
    return local[group.term]
