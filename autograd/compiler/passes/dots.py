"""Chains of additions: which terms they add up, and which of them are sums of products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd import table
from autograd.compiler.passes.simplify import dead_code
from autograd.compiler.program import Program


def sums_of_products(program: Program) -> Program:
    """((a + w1 x1) + w2 x2) + ... becomes dot([a, w1, w2, ...], [1, x1, x2, ...]), which adds in the same order."""
    uses, found = program.uses(), chains(program)

    def added(new: Program, position: int, index: list[int]) -> int | None:
        return _as_dot(program, new, index, uses, found[position]) if position in found else None

    return dead_code(program.rewritten(added))


def chains(program: Program) -> dict[int, list[int]]:
    """For the last addition of every chain ((a + b) + c) + ..., used nowhere in between: all of it, the last first."""
    uses = program.uses()
    additions = [k for k, (operation, _, _) in enumerate(program.instructions) if operation is table.add]
    before = {k: program.instructions[k].operands[0] for k in additions}
    inner = {k for k in before.values() if k in before and uses[k] == 1}
    found = {}
    for position in additions:
        if position not in inner:
            chain = found[position] = [position]
            while before[chain[-1]] in inner:
                chain.append(before[chain[-1]])
    return found


def terms_of(program: Program, chain: Sequence[int]) -> list[int]:
    """The terms of a chain of additions, from the first to the last that was added."""
    additions = [program.instructions[k].operands for k in reversed(chain)]
    return [additions[0][0], *[right for _, right in additions]]


def _as_dot(program: Program, new: Program, index: Sequence[int], uses: Any, chain: Sequence[int]) -> int:
    def is_product(term: int) -> bool:
        return program.instructions[term].operation is table.mul and uses[term] == 1

    terms, once = terms_of(program, chain), program.instructions[chain[0]].attribute
    first = 0 if is_product(terms[0]) else 1
    last = first
    while last < len(terms) and is_product(terms[last]):
        last += 1
    if last - first < 2:
        total, rest = index[terms[0]], terms[1:]
    else:
        pairs = [program.instructions[term].operands for term in terms[first:last]]
        xs, ys = [index[x] for x, _ in pairs], [index[y] for _, y in pairs]
        if first == 1 and program.number(terms[0]) != 0.0:
            xs, ys = [index[terms[0]], *xs], [new.constant(1.0), *ys]
        total, rest = new.append(table.dot, (*xs, *ys), once), terms[last:]
    for term in rest:
        total = new.append(table.add, (total, index[term]), once)
    return total
