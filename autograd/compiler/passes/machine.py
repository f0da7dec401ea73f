"""The last passes: operations become those of a machine, of a size that LLVM likes, with their numbers in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd import primitives
from autograd.compiler.program import UNIFORM, Instruction, Program
from autograd.compiler.spellings import may_be_spelled, spelled
from autograd.primitives import Primitive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.compiler.program import Operation

LONGEST = 64
"""Sums of more terms, or products, are cut: LLVM takes a time for a piece that grows with the square of its length."""


def expand(program: Program) -> Program:
    """Operations that no machine has become those that it has, by their lowering rules."""

    def lowered(new: Program, position: int, index: list[int]) -> int | None:
        operation, operands, _ = program.instructions[position]
        if not isinstance(operation, Primitive) or not may_be_spelled(operation):
            return None
        return spelled(new, operation, [index[k] for k in operands])

    return program.rewritten(lowered)


def cut_long_sums(program: Program) -> Program:
    """A sum, or dot, of many terms is added up in some instructions one after the other, in the same order."""

    def cut(new: Program, position: int, index: list[int]) -> int | None:
        instruction = program.instructions[position]
        if not _is_long(instruction):
            return None
        shorter = _long_sum if instruction.operation is primitives.sum_ else _long_dot
        return shorter(new, [index[k] for k in instruction.operands])

    return program.rewritten(cut)


def _is_long(instruction: Instruction) -> bool:
    operation, operands, _ = instruction
    if len(operands) <= LONGEST:
        return False
    return operation is primitives.sum_ or (operation is primitives.dot and len(operands) > 2 * LONGEST)


def _long_sum(new: Program, terms: Sequence[int]) -> int:
    total = new.append(primitives.sum_, terms[:LONGEST])
    for start in range(LONGEST, len(terms), LONGEST):
        total = new.append(primitives.sum_, (total, *terms[start : start + LONGEST]))
    return total


def _long_dot(new: Program, operands: Sequence[int]) -> int:
    half = len(operands) // 2
    xs, ys = operands[:half], operands[half:]
    total = new.append(primitives.dot, (*xs[:LONGEST], *ys[:LONGEST]))
    for start in range(LONGEST, half, LONGEST):
        part = slice(start, start + LONGEST)
        total = new.append("add_dot", (total, *xs[part], *ys[part]))
    return total


def line_up(program: Program) -> Program:
    """What goes into a layer, or out, gets a place in the order that is wanted: a copy, of what has another place."""
    places, old_batches = Places(), program.batches()
    batches: list[int] = []

    def append(new: Program, operation: Operation, operands: Sequence[int], attribute: Any, batch: int) -> int:
        batches.append(batch)
        return new.append(operation, operands, attribute)

    def lined_up(new: Program, group: Sequence[int], batch: int) -> list[int]:
        if places.are_a_run(group):
            return list(group)
        members: dict[int, None] = {}
        for node in group:
            has_other_place = node in places.of or node in members or batches[node] != batch
            members[append(new, "copy", (node,), batch, batch) if has_other_place else node] = None
        places.add_run(list(members))
        return list(members)

    def placed(new: Program, position: int, index: list[int]) -> int:
        (operation, operands, attribute), batch = program.instructions[position], old_batches[position]
        moved = [index[k] for k in operands]
        if operation in ("layer", "layer_inputs"):
            moved = lined_up(new, moved, batch)
        elif operation == "batch_sum" and batches[moved[0]] == UNIFORM:
            moved = [append(new, "copy", moved, attribute[1], attribute[1])]
        elif operation == "layer_weights":
            rows = attribute.rows
            moved = lined_up(new, moved[:rows], batch) + lined_up(new, moved[rows:], batch)
        written = append(new, operation, moved, attribute, batch)
        places.add(written, new.instructions[written])
        return written

    new = program.rewritten(placed)
    new.outputs = {batch: lined_up(new, nodes, batch) for batch, nodes in new.outputs.items() if nodes}
    return new


class Places:
    """Where numbers of a batch are kept: each in a run of places that follow one another.

    The columns of a batch are a run, so are the elements of a layer; other runs are made for what goes into one.
    """

    def __init__(self) -> None:
        self.of: dict[int, tuple[Any, int]] = {}

    def add(self, node: int, instruction: Instruction) -> None:
        if instruction.operation == "input":
            batch, column = instruction.attribute
            self.of[node] = ("input", batch), column
        elif instruction.operation == "element":
            self.of[node] = ("element", instruction.operands[0]), instruction.attribute

    def add_run(self, members: Sequence[int]) -> None:
        key = ("run", members[0])
        for offset, node in enumerate(members):
            self.of[node] = key, offset

    def are_a_run(self, group: Sequence[int]) -> bool:
        if group[0] not in self.of:
            return False
        run, start = self.of[group[0]]
        return all(self.of.get(node) == (run, start + offset) for offset, node in enumerate(group))
