"""Chains of additions: which terms they add up, and which of them are sums of products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd import table
from autograd.compiler.passes.simplify import dead_code
from autograd.compiler.program import Program
from autograd.primitive import Primitive


def sums_of_products(program: Program) -> Program:
    """((a + w1 x1) + w2 x2) + ... becomes dot([a, w1, w2, ...], [1, x1, x2, ...]), which adds in the same order."""
    uses, inner = program.uses(), chains(program)

    def added(new: Program, position: int, index: list[int]) -> int | None:
        operation, _, once = program.instructions[position]
        if operation is not table.add or position in inner:
            return None
        return _as_dot(program, new, index, uses, terms_of(program, position, inner), once)

    return dead_code(program.rewritten(added))


def chains(program: Program) -> set[int]:
    """Additions whose only use is as the first operand of another addition."""
    uses = program.uses()
    return {
        operands[0]
        for operation, operands, _ in program.instructions
        if operation is table.add and _is(program, operands[0], table.add) and uses[operands[0]] == 1
    }


def chain_to(program: Program, position: int, inner: set[int]) -> list[int]:
    """The additions of a chain, from the last one, `position`, to the first."""
    chain = [position]
    while (before := program.instructions[chain[-1]].operands[0]) in inner:
        chain.append(before)
    return chain


def terms_of(program: Program, position: int, inner: set[int]) -> list[int]:
    """The terms of a chain of additions, from the first to the last that was added."""
    additions = [program.instructions[k].operands for k in reversed(chain_to(program, position, inner))]
    return [additions[0][0], *[right for _, right in additions]]


def _is(program: Program, index: int, operation: Primitive) -> bool:
    return program.instructions[index].operation is operation


def _as_dot(program: Program, new: Program, index: Sequence[int], uses: Any, terms: Sequence[int], once: Any) -> int:
    def is_product(term: int) -> bool:
        return _is(program, term, table.mul) and uses[term] == 1

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
