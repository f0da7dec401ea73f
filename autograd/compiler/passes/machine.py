"""The last passes: operations become those of a machine, of a size that LLVM likes, with their numbers in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd import table
from autograd.compiler.program import UNIFORM, Instruction, Program
from autograd.errors import CompileError
from autograd.primitive import PRIMITIVES, Primitive
from autograd.symbolic.lowering import FUNCTIONS, lowered
from autograd.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.compiler.program import Operation

LONGEST = 64
"""Sums of more terms, or products, are cut: LLVM takes a time for a piece that grows with the square of its length."""


INSTRUCTIONS = (
    *("identity", "add", "sub", "mul", "div", "neg", "where", "abs", "sqrt", "floor", "ceil", "dot", "sum"),
    *[row.name for row in table.COMPARISONS],
)
"""Rows that are instructions of a machine, or a few in a row."""

_MACHINE = {table.fmod} | {PRIMITIVES[name] for name in (*FUNCTIONS, *INSTRUCTIONS)}


def is_of_machine(primitive: Primitive) -> bool:
    """Whether a row is an operation of the machine, or a function of its library."""
    return primitive in _MACHINE


def expand(program: Program) -> Program:
    """Operations that no machine has become those that it has, by their lowering rules.

    Raises:
        CompileError: one is a row of a user's own whose forward function does not run on symbols.
    """

    def expanded(new: Program, position: int, index: list[int]) -> int | None:
        operation, operands, _ = program.instructions[position]
        if not isinstance(operation, Primitive) or (is_of_machine(operation) and operation is not table.pow):
            return None
        return _MachineWriter(new).apply(operation, [index[k] for k in operands])

    return program.rewritten(expanded)


class _MachineWriter:
    """Writes operations in those of a machine."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def constant(self, number: float) -> int:
        return self.program.constant(number)

    def apply(self, primitive: Primitive, operands: Sequence[int]) -> int:
        if primitive is table.pow:
            power = _small_power(self, operands)
            if power is not None:
                return power
        if is_of_machine(primitive):
            return self.program.append(primitive, operands)
        try:
            result = lowered(self, primitive, operands)
        except (TypeError, AttributeError) as error:
            raise CompileError(
                f"the primitive {primitive.name!r} cannot be compiled: its forward function does not run on symbols "
                f"({error}): write it with operators and the functions of autograd"
            ) from None
        if isinstance(result, Symbol):
            return int(result.node) if not isinstance(result.node, float) else self.constant(result.node)
        return self.constant(float(result))


def _small_power(writer: _MachineWriter, operands: Sequence[int]) -> int | None:
    """x ** y for exponents that are cheaper without a power; None for others."""
    x, y = operands
    exponent = writer.program.instructions[y].attribute
    if writer.program.instructions[y].operation != "constant":
        return None
    if exponent == 0.0:
        return writer.constant(1.0)
    if exponent == 1.0:
        return x
    if exponent == -1.0:
        return writer.apply(table.div, (writer.constant(1.0), x))
    if exponent in (2.0, 3.0):
        square = writer.apply(table.mul, (x, x))
        return square if exponent == 2.0 else writer.apply(table.mul, (square, x))
    return None


def cut_long_sums(program: Program) -> Program:
    """A sum, or dot, of many terms is added up in some instructions one after the other, in the same order."""

    def cut(new: Program, position: int, index: list[int]) -> int | None:
        instruction = program.instructions[position]
        if not _is_long(instruction):
            return None
        shorter = _long_sum if instruction.operation is table.sum else _long_dot
        return shorter(new, [index[k] for k in instruction.operands])

    return program.rewritten(cut)


def _is_long(instruction: Instruction) -> bool:
    operation, operands, _ = instruction
    if len(operands) <= LONGEST:
        return False
    return operation is table.sum or (operation is table.dot and len(operands) > 2 * LONGEST)


def _long_sum(new: Program, terms: Sequence[int]) -> int:
    total = new.append(table.sum, terms[:LONGEST])
    for start in range(LONGEST, len(terms), LONGEST):
        total = new.append(table.sum, (total, *terms[start : start + LONGEST]))
    return total


def _long_dot(new: Program, operands: Sequence[int]) -> int:
    half = len(operands) // 2
    xs, ys = operands[:half], operands[half:]
    total = new.append(table.dot, (*xs[:LONGEST], *ys[:LONGEST]))
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
