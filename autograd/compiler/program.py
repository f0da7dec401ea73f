"""A program: what a function of Values did, as a flat list of instructions that the passes rewrite.

Every instruction names earlier ones as its operands, so the list reads from top to bottom and each number is computed
once. Most operations are rows of the table of primitives. The others are the ways into a program, and what happens over
a whole batch of examples:

    constant            a number (the attribute)
    parameter           number k of the vector of parameters, the same for all examples
    input               column c of the table of a batch's examples (the attribute is (batch, c)): a number per example
    count               how many examples a batch has
    batch_sum           the sum of its operand over all examples of a batch, which goes into number k of the sums; the
                        attribute is (k, batch)
    contribute          adds its operand, the same for all examples, to number k of the sums
    layer               pre-activations of a layer, all at once: start_r + sum_i w_ri * operand_i
    layer_inputs        the gradient of a layer's inputs, from that of its pre-activations: sum_r w_ri * operand_r
    layer_weights       adds the gradient of a layer's weights to the sums
    element             number k of a layer
    copy                its operand once more, for every example of a batch (the attribute)
    add_dot             its first operand and the products of the others, added up in order: how a long dot goes on
    range_dot           the dot product of two ranges of the vector of parameters
    range_contribute    adds a number times a range of the parameters to a range of the sums

The first sums are the gradients of the parameters, in their order.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from autograd.primitive import Primitive

Operation = Primitive | str

EFFECTS = frozenset({"batch_sum", "contribute", "layer_weights", "range_contribute"})
"""Operations that do something besides giving a number: they stay in the program though their result is unused."""

LAYERS = ("layer", "layer_inputs", "layer_weights")
"""Operations on the numbers of a whole layer, which they take as they are in memory."""

UNIFORM = 0
"""The batch of what is the same for all examples. Batches of examples are counted from 1."""

ONCE = "once"
"""The attribute of an operation that is not done in each example, but once for all: so it was written."""


class Instruction(NamedTuple):
    """One line of a program."""

    operation: Operation
    operands: tuple[int, ...] = ()
    attribute: Any = None

    @property
    def name(self) -> str:
        return self.operation if isinstance(self.operation, str) else self.operation.name


class Weights(NamedTuple):
    """Where a layer's weights are among the parameters: w_ri is parameter `first + r * row_step + i * depth_step`.

    There are `rows` pre-activations of `depth` inputs. The sums start at b_r, parameter `bias + r * bias_step`; where
    bias is None they start at 0. The examples of `batch` go through the layer.
    """

    rows: int
    depth: int
    first: int
    row_step: int
    depth_step: int
    bias: int | None = None
    bias_step: int = 0
    batch: int = 1

    @property
    def last(self) -> int:
        """The parameter that is the last weight."""
        return self.first + (self.rows - 1) * self.row_step + (self.depth - 1) * self.depth_step


class Range(NamedTuple):
    """Two ranges of parameters: `first_x + i * step_x` and `first_y + i * step_y` for i < length."""

    length: int
    first_x: int
    step_x: int
    first_y: int
    step_y: int

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The first and the last parameter of each."""
        last = self.length - 1
        return [(self.first_x, self.first_x + last * self.step_x), (self.first_y, self.first_y + last * self.step_y)]


class Program:
    """A list of instructions and what is wanted of them. `parameters`, `columns` and `sums` say how many there are."""

    def __init__(self, parameters: int, columns: Sequence[int] = (0,)) -> None:
        self.instructions: list[Instruction] = []
        self.results: list[int] = []  # instructions whose numbers are the same for all examples
        self.outputs: dict[int, list[int]] = {}  # by batch, instructions whose numbers are wanted for every example
        self.parameters = parameters
        self.columns = list(columns)  # of the tables of examples, by batch; the first entry stands for UNIFORM
        self.sums = parameters
        self.forward: int | None = None  # how many instructions compute values; those behind them gradients, if any do
        self._constants: dict[bytes, int] = {}

    def append(self, operation: Operation, operands: Iterable[int] = (), attribute: Any = None) -> int:
        """Add an instruction; the index of it."""
        self.instructions.append(Instruction(operation, tuple(operands), attribute))
        return len(self.instructions) - 1

    def constant(self, number: float) -> int:
        """The instruction of a number: the one that there is, or a new one."""
        bits = struct.pack("d", number)
        if bits not in self._constants:
            self._constants[bits] = self.append("constant", (), float(number))
        return self._constants[bits]

    def new_sum(self) -> int:
        """The index of a new, unused sum."""
        self.sums += 1
        return self.sums - 1

    def number(self, index: int) -> float | None:
        """The number that an instruction is, if it is a constant."""
        operation, _, attribute = self.instructions[index]
        return attribute if operation == "constant" else None

    def rewritten(self, write: Callable[[Program, int, list[int]], int | None]) -> Program:
        """A program with other instructions that computes the same: what most passes are.

        `write(new, position, index)` appends what takes the place of the instruction at `position` to the new program;
        it returns the instruction of its number, or None if it stays. `index` says what has become of those before.
        """
        new = Program(self.parameters, self.columns)
        new.sums = self.sums
        index: list[int] = []
        for position, instruction in enumerate(self.instructions):
            written = write(new, position, index)
            if written is None:
                operation, operands, attribute = instruction
                if operands:
                    instruction = Instruction(operation, tuple([index[k] for k in operands]), attribute)
                written = len(new.instructions)
                new.instructions.append(instruction)
            index.append(written)
        new.results = [index[k] for k in self.results]
        new.outputs = {batch: [index[k] for k in nodes] for batch, nodes in self.outputs.items()}
        if self.forward is not None:
            new.forward = max(index[: self.forward], default=-1) + 1
        return new

    @property
    def wanted(self) -> list[int]:
        """The instructions whose numbers are results or outputs."""
        return [*self.results, *(k for nodes in self.outputs.values() for k in nodes)]

    def batches(self) -> list[int]:
        """For every instruction the batch it belongs to, UNIFORM if it is the same for all examples."""
        found: list[int] = []
        for instruction in self.instructions:
            found.append(batch_of(instruction, found))
        return found

    def uses(self) -> Counter[int]:
        """How often each instruction is used: as an operand or as a result."""
        counted = Counter(self.wanted)
        for instruction in self.instructions:
            counted.update(instruction.operands)
        return counted


def batch_of(instruction: Instruction, batches: Sequence[int]) -> int:
    """The batch that an instruction belongs to, given those of the instructions before it."""
    operation, operands, attribute = instruction
    if operation in ("parameter", "constant"):
        return UNIFORM
    if operation == "input":
        return int(attribute[0])
    if operation == "copy":
        return int(attribute)
    if operation in LAYERS:
        return int(attribute.batch)
    if operation != "batch_sum":
        for operand in operands:
            if batches[operand] != UNIFORM:
                return batches[operand]
    return UNIFORM


class ProgramWriter:
    """Extends a program in place, and knows the batch of every instruction; rules on symbols can be run on it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.batches = program.batches()

    def apply(self, primitive: Primitive, operands: Sequence[int]) -> int:
        return self.append(primitive, operands)

    def constant(self, number: float) -> int:
        index = self.program.constant(number)
        if index == len(self.batches):
            self.batches.append(UNIFORM)
        return index

    def append(self, operation: Operation, operands: Sequence[int] = (), attribute: Any = None) -> int:
        index = self.program.append(operation, operands, attribute)
        self.batches.append(batch_of(self.program.instructions[index], self.batches))
        return index
