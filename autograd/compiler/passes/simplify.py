"""Constants are folded, common subexpressions are computed once, dead code is removed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autograd import table
from autograd.compiler.program import EFFECTS, Operation, Program
from autograd.primitive import Primitive


def fold_constants(program: Program) -> Program:
    """Operations on constants alone are done now, by the same functions that Values use; so are choices."""

    def folded(new: Program, position: int, index: list[int]) -> int | None:
        operation, operands, _ = program.instructions[position]
        return _folded(new, operation, [index[k] for k in operands]) if isinstance(operation, Primitive) else None

    return program.rewritten(folded)


def _folded(new: Program, operation: Primitive, operands: Sequence[int]) -> int | None:
    """The instruction that an operation on constants folds to; None where it has to be computed."""
    if operation in (table.less, table.greater) and operands[0] == operands[1]:
        return new.constant(0.0)
    numbers = [new.number(k) for k in operands]
    if operation is table.where and numbers[0] is not None:
        return operands[1] if numbers[0] else operands[2]
    if operation is table.where and numbers[1:] == [1.0, 0.0]:
        condition = operands[0]
        return condition if new.instructions[condition].operation in table.COMPARISONS else None
    if None in numbers:
        return None
    try:
        return new.constant(operation.forward(*numbers))
    except Exception:  # the forward function of a user's row: left to raise where it is called
        return None


def common_subexpressions(program: Program) -> Program:
    """Common subexpressions are computed once."""
    known: dict[Any, int] = {}

    def computed(new: Program, position: int, index: list[int]) -> int:
        operation, operands, attribute = program.instructions[position]
        moved = tuple([index[k] for k in operands])
        key = operation, moved, struct.pack("d", attribute) if operation == "constant" else attribute
        if operation in EFFECTS or key not in known:
            known[key] = new.append(operation, moved, attribute)
        return known[key]

    return program.rewritten(computed)


def dead_code(program: Program) -> Program:
    """Dead code is removed."""
    effects = [k for k, instruction in enumerate(program.instructions) if instruction.operation in EFFECTS]
    alive = reached(program, [*program.wanted, *effects])
    return program.rewritten(lambda new, position, index: None if alive[position] else -1)  # noqa: ARG005


def reached(program: Program, roots: Iterable[int], cuts: Callable[[Operation], bool] = lambda _: False) -> list[bool]:
    """Which instructions are reachable from the roots, through operands but not through operations that cut."""
    found = [False] * len(program.instructions)
    for root in roots:
        found[root] = True
    for position in reversed(range(len(found))):
        operation, operands, _ = program.instructions[position]
        if found[position] and not cuts(operation):
            for operand in operands:
                found[operand] = True
    return found
