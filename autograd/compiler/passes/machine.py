"""The last passes: operations become those of a machine, of a size that LLVM likes, with their numbers in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd import table
from autograd.compiler.program import UNIFORM, Instruction, Operation, Program, batch_of
from autograd.errors import CompileError
from autograd.primitive import PRIMITIVES, Primitive
from autograd.symbolic.lowering import FUNCTIONS, lowered
from autograd.symbols import Symbol

LONGEST = 64
"""Sums of more terms, or products, are cut: LLVM takes a time for a piece that grows with the square of its length."""

INSTRUCTIONS = (
    *("identity", "add", "sub", "mul", "div", "neg", "where", "abs", "sqrt", "floor", "ceil", "dot", "sum"),
    *[row.name for row in table.COMPARISONS],
)
"""Rows that are instructions of a machine, or a few in a row."""

OF_MACHINE = {table.fmod} | {PRIMITIVES[name] for name in (*FUNCTIONS, *INSTRUCTIONS)}
"""Rows that are an operation of the machine, or a function of its library."""


def expand(program: Program) -> Program:
    """Decompose: operations that a machine lacks are written with those that it has, by their lowering rules."""

    def expanded(new: Program, position: int, index: list[int]) -> int | None:
        operation, operands, _ = program.instructions[position]
        if not isinstance(operation, Primitive) or (operation in OF_MACHINE and operation is not table.pow):
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
        if primitive in OF_MACHINE:
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
    exponent = writer.program.number(y)
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
        operation, operands, _ = program.instructions[position]
        if operation not in (table.sum, table.dot):
            return None
        length = len(operands) if operation is table.sum else len(operands) // 2
        if length <= LONGEST:
            return None
        moved = [index[k] for k in operands]
        vectors = [moved[start : start + length] for start in range(0, len(moved), length)]
        goes_on = table.sum if operation is table.sum else "add_dot"
        total = new.append(operation, [k for vector in vectors for k in vector[:LONGEST]])
        for start in range(LONGEST, length, LONGEST):
            part = [k for vector in vectors for k in vector[start : start + LONGEST]]
            total = new.append(goes_on, (total, *part))
        return total

    return program.rewritten(cut)


def line_up(program: Program) -> Program:
    """The inputs and outputs of a layer are put next to each other, by copies where necessary."""
    places = Places()
    batches: list[int] = []

    def append(new: Program, operation: Operation, operands: Sequence[int], attribute: Any) -> int:
        written = new.append(operation, operands, attribute)
        batches.append(batch_of(new.instructions[written], batches))
        places.add(written, new.instructions[written])
        return written

    def lined_up(new: Program, group: Sequence[int], batch: int) -> list[int]:
        if places.are_a_run(group):
            return list(group)
        members: dict[int, None] = {}
        for node in group:
            has_other_place = node in places.of or node in members or batches[node] != batch
            members[append(new, "copy", (node,), batch) if has_other_place else node] = None
        places.add_run(list(members))
        return list(members)

    def placed(new: Program, position: int, index: list[int]) -> int:
        operation, operands, attribute = program.instructions[position]
        moved = [index[k] for k in operands]
        if operation in ("layer", "layer_inputs"):
            moved = lined_up(new, moved, attribute.batch)
        elif operation == "batch_sum" and batches[moved[0]] == UNIFORM:
            moved = [append(new, "copy", moved, attribute[1])]
        elif operation == "layer_weights":
            rows, batch = attribute.rows, attribute.batch
            moved = lined_up(new, moved[:rows], batch) + lined_up(new, moved[rows:], batch)
        return append(new, operation, moved, attribute)

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
        self.of |= {node: (("run", members[0]), offset) for offset, node in enumerate(members)}

    def are_a_run(self, group: Sequence[int]) -> bool:
        if group[0] not in self.of:
            return False
        run, start = self.of[group[0]]
        return all(self.of.get(node) == (run, start + offset) for offset, node in enumerate(group))
