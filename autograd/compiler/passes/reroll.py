"""Rerolling: a sum over many examples, written out one by one, becomes one subgraph and a batch.

In micrograd's style the loss of a whole data set is one graph: for every example the same operations on other numbers,
and a sum over all of them. Here the terms of the largest sum are compared. Terms that do the same, in the same order,
with the same parameters, differ only in their plain numbers: those become the columns of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd import table
from autograd.compiler.passes.dots import chains, terms_of
from autograd.compiler.program import ONCE, Program
from autograd.graph import read_data
from autograd.primitive import Primitive
from autograd.value import Value

FEWEST = 4
"""Terms that do the same are rerolled from this number on."""

MOST_SUMS = 8
"""How many sums are examined."""

_UNUSED, _SHARED = -2, -1

_NUMBERS = ("constant", "parameter")


class Rerolled(NamedTuple):
    """A rerolled program, batches in place of unrolled examples, and of each batch count and table of its examples."""

    program: Program
    counts: list[int]
    numbers: list[Any]
    read: list[list[tuple[int, int, int]]]  # at every call: (row, column, which captured Value)

    def tables(self, captured: Sequence[Value], dtype: Any) -> list[Any]:
        """For each batch its table, as it is now."""
        found = []
        for numbers, read in zip(self.numbers, self.read):
            table = np.ascontiguousarray(numbers, dtype)
            if read:
                table = table.copy() if table is numbers else table
                rows, columns, values = zip(*read)
                table[rows, columns] = read_data([captured[k] for k in values])
            found.append(table)
        return found


class _Sum(NamedTuple):
    """A sum: its instruction, its terms, the additions on the way if it is a chain."""

    top: int
    terms: list[int]
    chain: frozenset[int] = frozenset()


class _Group(NamedTuple):
    """Terms that do the same: their positions in the sum, the instructions of the first, and the numbers of all."""

    members: list[int]
    nodes: list[int]
    numbers: list[list[Any]]


def reroll(program: Program, kept: int) -> Rerolled | None:
    """Reroll the largest sum, of those whose terms do the same, in a recorded program of a loss; None if there is none.

    The first `kept` parameters stay; those behind them, captured Values, may become numbers in a table.
    """
    for found in _sums(program):
        owners = _owners(program, found, kept)
        groups = _groups(program, found, owners)
        if groups:
            return _rewritten(program, found, owners, groups, kept)
    return None


def _sums(program: Program) -> list[_Sum]:
    """Every sum of some terms, the longest first."""
    found = [_Sum(top, terms_of(program, chain), frozenset(chain[1:])) for top, chain in chains(program).items()]
    found += [_Sum(k, list(x.operands)) for k, x in enumerate(program.instructions) if x.operation is table.sum]
    long = [one for one in found if len(one.terms) >= FEWEST]
    return sorted(long, key=lambda one: (-len(one.terms), one.top))[:MOST_SUMS]


def _owners(program: Program, found: _Sum, kept: int) -> list[int]:
    """For every instruction the number of the only term that uses it, or _SHARED, or _UNUSED."""
    owners = [_UNUSED] * len(program.instructions)
    for result in program.results:
        owners[result] = _SHARED

    def use(node: int, owner: int) -> None:
        operation, _, attribute = program.instructions[node]
        if owners[node] not in (_UNUSED, owner) or (operation == "parameter" and attribute < kept):
            owner = _SHARED
        owners[node] = owner

    for node in reversed(range(len(owners))):
        if node == found.top:
            for k, term in enumerate(found.terms):
                use(term, k)
        elif owners[node] != _UNUSED and node not in found.chain:
            for operand in program.instructions[node].operands:
                use(operand, owners[node])
    return owners


def _groups(program: Program, found: _Sum, owners: Sequence[int]) -> list[_Group]:
    """The terms without another use, those that do the same together, where these are many."""
    private: dict[int, list[int]] = {}
    for node, owner in enumerate(owners):
        if owner >= 0:
            private.setdefault(owner, []).append(node)
    groups: dict[Any, _Group] = {}
    for k, nodes in private.items():
        if owners[found.terms[k]] == k:
            what, numbers = _what_it_does(program, nodes)
            group = groups.setdefault(what, _Group([], nodes, []))
            group.members.append(k)
            group.numbers.append(numbers)
    return [group for group in groups.values() if len(group.members) >= FEWEST]


def _what_it_does(program: Program, nodes: Sequence[int]) -> tuple[Any, list[Any]]:
    """A term without its numbers, the same for terms that do the same; and its numbers, (k,) for a parameter."""
    local = {node: k for k, node in enumerate(nodes)}
    what: list[Any] = []
    numbers: list[Any] = []
    for node in nodes:
        operation, operands, attribute = program.instructions[node]
        if operation in _NUMBERS:
            what.append(None)
            numbers.append((attribute,) if operation == "parameter" else attribute)
        else:
            what.append((operation, tuple([local.get(operand, -1 - operand) for operand in operands])))
    return tuple(what), numbers


def _rewritten(program: Program, found: _Sum, owners: Sequence[int], groups: Sequence[_Group], kept: int) -> Rerolled:
    """The program with a batch for each group in place of its terms."""
    members = {k for group in groups for k in group.members}
    new = Program(program.parameters)
    rerolled = Rerolled(new, [], [], [])
    index: dict[int, int] = {}
    for node, (operation, operands, attribute) in enumerate(program.instructions):
        if node == found.top:
            parts = [_batch(program, rerolled, index, group, found.terms[group.members[0]], kept) for group in groups]
            total, *others = [*parts, *[index[term] for k, term in enumerate(found.terms) if k not in members]]
            for part in others:
                total = new.append(table.add, (total, part))
            index[node] = total
        elif node not in found.chain and owners[node] != _UNUSED and owners[node] not in members:
            once = ONCE if isinstance(operation, Primitive) else attribute
            index[node] = new.append(operation, [index[k] for k in operands], once)
    new.results = [index[k] for k in program.results]
    return rerolled


def _batch(program: Program, rerolled: Rerolled, index: dict[int, int], group: _Group, term: int, kept: int) -> int:
    """Write what every term of a group does, with a table of the numbers in which they differ; the sum of them."""
    new, batch, count = rerolled.program, len(rerolled.program.columns), len(group.members)
    of_numbers = zip(*group.numbers)
    columns: list[Sequence[Any]] = []
    new.columns.append(0)
    local: dict[int, int] = {}
    for node in group.nodes:
        operation, operands, attribute = program.instructions[node]
        if operation not in _NUMBERS:
            local[node] = new.append(operation, [local[k] if k in local else index[k] for k in operands], attribute)
            continue
        column = next(of_numbers)
        if len({number if isinstance(number, tuple) else number.hex() for number in column}) > 1:
            local[node] = new.append("input", (), (batch, len(columns)))
            columns.append(column)
        else:
            local[node] = new.append(operation, (), attribute)
    new.columns[batch] = len(columns)
    rerolled.counts.append(count)
    numbers = np.array([[0.0 if isinstance(x, tuple) else x for x in column] for column in columns]).T
    rerolled.numbers.append(numbers.reshape(count, len(columns)))
    rerolled.read.append(
        [
            (row, place, number[0] - kept)
            for place, column in enumerate(columns)
            for row, number in enumerate(column)
            if isinstance(number, tuple)
        ]
    )
    if columns and new.batches()[local[term]] == batch:
        return new.append("batch_sum", (local[term],), (new.new_sum(), batch))
    return new.append(table.mul, (local[term], new.constant(count)))
