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

import math
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.primitives import Primitive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Operation = Primitive | str

EFFECTS = frozenset({"batch_sum", "contribute", "layer_weights", "range_contribute"})
"""Operations that do something besides giving a number: they stay in the program though nobody uses their result."""

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
    """Where a layer's weights are among the parameters: w_ri is parameter `first + r * row + i * depth`.

    Attributes:
        rows: how many pre-activations.
        depth: how many inputs.
        first, row_step, depth_step: see above.
        bias, bias_step: where the sums start: b_r is parameter `bias + r * bias_step`; bias is None where they start
            at 0.
        batch: the batch whose examples go through the layer.
    """

    rows: int
    depth: int
    first: int
    row_step: int
    depth_step: int
    bias: int | None = None
    bias_step: int = 0
    batch: int = 1


class Range(NamedTuple):
    """Two ranges of parameters: `first_x + i * step_x` and `first_y + i * step_y` for i < length."""

    length: int
    first_x: int
    step_x: int
    first_y: int
    step_y: int


class Program:
    """A list of instructions and what is wanted of them.

    Attributes:
        instructions: in order.
        results: the instructions whose numbers are the results that are the same for all examples.
        outputs: for each batch, the instructions whose numbers are wanted for every example.
        parameters: how many parameters there are.
        columns: how many columns the tables of examples have, by batch; the first entry stands for UNIFORM.
        sums: how many sums there are; at least `parameters`.
        forward: so many instructions, the first, compute values, the others gradients; None if there are no others.
    """

    def __init__(self, parameters: int, columns: Sequence[int] = (0,)) -> None:
        self.instructions: list[Instruction] = []
        self.results: list[int] = []
        self.outputs: dict[int, list[int]] = {}
        self.parameters = parameters
        self.columns = list(columns)
        self.sums = parameters
        self.forward: int | None = None
        self._constants: dict[bytes, int] = {}

    def append(self, operation: Operation, operands: Iterable[int] = (), attribute: Any = None) -> int:
        """Add an instruction; the index of it."""
        self.instructions.append(Instruction(operation, tuple(operands), attribute))
        return len(self.instructions) - 1

    def take(self, instruction: Instruction, index: Sequence[int] | dict[int, int]) -> int:
        """Add an instruction of another program, with the operands that `index` has for its own."""
        operation, operands, attribute = instruction
        if operands:
            instruction = Instruction(operation, tuple([index[k] for k in operands]), attribute)
        self.instructions.append(instruction)
        return len(self.instructions) - 1

    def constant(self, number: float) -> int:
        """The instruction of a number: the one that there is, or a new one."""
        bits = struct.pack("d", number)
        if bits not in self._constants:
            self._constants[bits] = self.append("constant", (), float(number))
        return self._constants[bits]

    def new_sum(self) -> int:
        """The index of a sum that is nobody's yet."""
        self.sums += 1
        return self.sums - 1

    def like(self) -> Program:
        """An empty program of the same parameters and batches, for a pass to fill."""
        other = Program(self.parameters, self.columns)
        other.sums = self.sums
        return other

    def finish(self, source: Program, new: Sequence[int] | dict[int, int]) -> Program:
        """Want what `source` wanted, whose instructions have become those that `new` says."""
        self.results = [new[k] for k in source.results]
        if source.forward is not None:
            self.forward = max([new[k] for k in range(source.forward)], default=-1) + 1
        self.outputs = {batch: [new[k] for k in nodes] for batch, nodes in source.outputs.items()}
        return self

    @property
    def wanted(self) -> list[int]:
        return [*self.results, *(k for nodes in self.outputs.values() for k in nodes)]

    def batches(self) -> list[int]:
        """For every instruction the batch it belongs to, UNIFORM if it is the same for all examples."""
        found: list[int] = []
        for instruction in self.instructions:
            found.append(batch_of(instruction, found))
        return found

    def uses(self) -> Counter[int]:
        """How many times each instruction is an operand or wanted."""
        counted = Counter(self.wanted)
        for instruction in self.instructions:
            counted.update(instruction.operands)
        return counted

    def verify(self, after: str) -> None:
        """Check the invariants of a program.

        Raises:
            AssertionError: names the pass after which one was broken, the instruction and the invariant.
        """
        batches: list[int] = []
        for index, instruction in enumerate(self.instructions):
            operation, operands, _ = instruction
            batch = UNIFORM
            problem = ""
            for operand in operands:
                if not 0 <= operand < index:
                    problem = f"its operands {operands} are not all computed before it"
                    break
                if batches[operand] != batch:
                    if batch != UNIFORM and batches[operand] != UNIFORM:
                        problem = "its operands belong to different batches"
                    batch = batch or batches[operand]
            problem = problem or self._problem(instruction)
            if problem:
                raise AssertionError(f"after the pass {after}: %{index} = {instruction.name}: {problem}")
            batches.append(batch if operation.__class__ is Primitive else batch_of(instruction, batches))
        for batch, nodes in self.outputs.items():
            for node in nodes:
                if batches[node] not in (UNIFORM, batch):
                    raise AssertionError(f"after the pass {after}: %{node} is no output of batch {batch}")
        for node in self.results:
            if batches[node] != UNIFORM:
                raise AssertionError(f"after the pass {after}: the result %{node} differs between examples")

    def _problem(self, instruction: Instruction) -> str:
        """What is wrong with an instruction, whatever its operands are; "" if nothing is."""
        operation, operands, attribute = instruction
        if operation.__class__ is Primitive:
            arity = operation.arity
            if arity is not None and arity != len(operands):
                return f"{len(operands)} operands, wants {arity}"
            return "" if operands else "no operands"
        wanted = _OPERANDS.get(operation)  # type: ignore[arg-type]
        if wanted is None:
            return "unknown operation"
        if wanted >= 0 and len(operands) != wanted:
            return f"{len(operands)} operands, wants {wanted}"
        return _attribute_problem(self, operation, operands, attribute)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return text(self)


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


_OPERANDS = {
    "copy": 1,
    "add_dot": -1,
    "constant": 0,
    "parameter": 0,
    "input": 0,
    "count": 0,
    "batch_sum": 1,
    "contribute": 1,
    "layer": -1,
    "layer_inputs": -1,
    "layer_weights": -1,
    "element": 1,
    "range_dot": 0,
    "range_contribute": 1,
}
"""How many operands the operations that are not rows of the table have; -1 for any number."""


def _attribute_problem(program: Program, operation: str, operands: tuple[int, ...], attribute: Any) -> str:
    if operation == "parameter":
        return _unless_below(program.parameters, attribute)
    if operation == "constant":
        return "" if attribute.__class__ is float else f"wants a float, has {attribute!r}"
    if operation == "batch_sum":
        index, batch = attribute
        fits = 0 <= index < program.sums and 0 < batch < len(program.columns)
        return "" if fits else f"there is no sum {index}, or no batch {batch}"
    if operation == "contribute":
        return _unless_below(program.sums, attribute)
    if operation == "add_dot":
        return "" if len(operands) % 2 else f"{len(operands)} operands, wants a number and pairs"
    if operation in ("count", "copy"):
        return _unless_below(len(program.columns), attribute)
    if operation == "input":
        batch, column = attribute
        fits = 0 < batch < len(program.columns) and 0 <= column < program.columns[batch]
        return "" if fits else f"there is no column {column} in batch {batch}"
    if operation == "element":
        source = program.instructions[operands[0]]
        if source.operation not in ("layer", "layer_inputs"):
            return f"element of {source.name}"
        rows = source.attribute.rows if source.operation == "layer" else source.attribute.depth
        return _unless_below(rows, attribute)
    if operation in LAYERS:
        wanted = {"layer": attribute.depth, "layer_inputs": attribute.rows}
        if len(operands) != wanted.get(operation, attribute.rows + attribute.depth):
            return f"{len(operands)} operands do not fit {attribute}"
        spans = [(attribute.first, _last(attribute))]
        if attribute.bias is not None:
            spans.append((attribute.bias, attribute.bias + (attribute.rows - 1) * attribute.bias_step))
        return _beyond_parameters(program, spans)
    if operation in ("range_dot", "range_contribute"):
        length, first_x, step_x, first_y, step_y = attribute
        last = length - 1
        return _beyond_parameters(program, [(first_x, first_x + last * step_x), (first_y, first_y + last * step_y)])
    return ""


def _unless_below(limit: int, number: Any) -> str:
    return "" if number.__class__ is int and 0 <= number < limit else f"wants a number below {limit}"


def _beyond_parameters(program: Program, spans: Sequence[tuple[int, int]]) -> str:
    inside = all(0 <= first <= last < program.parameters for first, last in spans)
    return "" if inside else "it goes beyond the parameters"


class Names(NamedTuple):
    """What a program's text calls things.

    Attributes:
        parameters: the names of the parameters.
        columns: for each batch from the first, the names of its columns.
    """

    parameters: Sequence[str] = ()
    columns: Sequence[Sequence[str]] = ()


def text(program: Program, names: Names | None = None) -> str:
    """The program as text, one instruction to a line. What is done for every example is indented.

    Args:
        program: any.
        names: what things are called.
    """
    writer = _Text(program, names or Names())
    lines = [] if program.forward is None else ["forward:"]
    for index, (instruction, batch) in enumerate(zip(program.instructions, program.batches())):
        if index == program.forward:
            lines.append("backward:")
        if instruction.operation not in _WRITTEN_WHERE_USED:
            lines.append(f"{'    ' if batch else '  '}{writer.line(index)}")
    for batch, nodes in program.outputs.items():
        lines.append(f"output for every example of batch {batch}: " + ", ".join(map(writer.operand, nodes)))
    if program.results:
        lines.append("result: " + ", ".join(map(writer.operand, program.results)))
    return "\n".join(lines)


_WRITTEN_WHERE_USED = frozenset({"constant", "parameter", "input", "count", "element"})


class _Text:
    """Writes instructions."""

    def __init__(self, program: Program, names: Names) -> None:
        self.program, self.names = program, names

    def line(self, index: int) -> str:
        operation, operands, attribute = self.program.instructions[index]
        written = [self.operand(k) for k in operands]
        if operation == "contribute":
            return f"{self._sum(attribute)} += {written[0]}"
        if operation == "batch_sum":
            return f"%{index} = {self._sum(attribute[0])} += sum over the examples of {written[0]}"
        if operation == "range_contribute":
            x, y = self._range(attribute[:3]), self._range((attribute[0], *attribute[3:]))
            return f"gradient of {x} += {written[0]} * {y}"
        if operation == "layer_weights":
            deltas, inputs = written[: attribute.rows], written[attribute.rows :]
            return f"gradient of {self._weights(attribute)} += outer product of {_list(deltas)} and {_list(inputs)}"
        return f"%{index} = {self._right_side(operation, written, attribute)}"

    def _right_side(self, operation: Operation, written: list[str], attribute: Any) -> str:
        if operation == "layer":
            start = "" if attribute.bias is None else f"{self._parameter(attribute.bias)}, ... + "
            return f"{start}{self._weights(attribute)} times {_list(written)}"
        if operation == "layer_inputs":
            return f"{self._weights(attribute)} transposed times {_list(written)}"
        if operation == "range_dot":
            x, y = self._range(attribute[:3]), self._range((attribute[0], *attribute[3:]))
            return f"dot({x}, {y})"
        if operation == "copy":
            return written[0]
        assert isinstance(operation, Primitive)
        symbol = operation.symbol
        if not symbol.isidentifier() and len(written) == 2:
            return f"{written[0]} {symbol} {written[1]}"
        return f"{symbol}{written[0]}" if not symbol.isidentifier() else f"{symbol}({', '.join(written)})"

    def operand(self, index: int) -> str:
        operation, operands, attribute = self.program.instructions[index]
        if operation == "constant":
            return f"{attribute:g}" if math.isfinite(attribute) else str(attribute)
        if operation == "parameter":
            return self._parameter(attribute)
        if operation == "input":
            batch, column = attribute
            known = self.names.columns[batch - 1] if batch <= len(self.names.columns) else ()
            return known[column] if column < len(known) else f"input[{column}]"
        if operation == "count":
            return "n"
        return f"%{operands[0]}[{attribute}]" if operation == "element" else f"%{index}"

    def _parameter(self, k: int) -> str:
        return self.names.parameters[k] if k < len(self.names.parameters) else f"parameter[{k}]"

    def _sum(self, k: int) -> str:
        return f"gradient of {self._parameter(k)}" if k < self.program.parameters else f"sum[{k}]"

    def _weights(self, weights: Weights) -> str:
        shape = f"{weights.rows} x {weights.depth}"
        return f"[{self._parameter(weights.first)} ... {self._parameter(_last(weights))}, {shape}]"

    def _range(self, span: Sequence[int]) -> str:
        length, first, step = span
        return f"[{self._parameter(first)} ... {self._parameter(first + (length - 1) * step)}]"


def _last(weights: Weights) -> int:
    return weights.first + (weights.rows - 1) * weights.row_step + (weights.depth - 1) * weights.depth_step


def _list(written: list[str]) -> str:
    return f"({', '.join(written if len(written) <= 4 else [written[0], written[1], '...', written[-1]])})"
