"""Reverse mode on a program: the instructions that compute gradients, written behind those that compute values.

The walk is that of `backward()`: from the result to the operands, each edge carrying upstream gradient times local
derivative. What is new is the batch. A number that is the same for all examples and is used by every one of them gets
the sum of what the examples send it; the sum over the examples sends the same to each.

A function that is run for each example has such a number once in each, and its local derivative times a sum is the sum
of the products only while it is finite: 0 * inf is nan. So there are two programs. One computes with sums, and says
whether all that it sent on from them was finite; the other, for when it was not, sends on what every example sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from autograd import primitives
from autograd.chain_rule import Gradient, accumulate, contributions, settled
from autograd.compiler.program import ONCE, UNIFORM, Program, ProgramWriter, Range, Weights
from autograd.primitives import Primitive

if TYPE_CHECKING:
    from collections.abc import Sequence


class Derivatives(NamedTuple):
    """What was written.

    Attributes:
        columns: for each input that was asked for the instruction of its gradient.
        doubt: the instruction of a number that is finite if the gradients are what example by example would give; None
            if they always are.
    """

    columns: list[int]
    doubt: int | None


def differentiate(
    program: Program,
    root: int,
    parameters: range,
    columns: Sequence[tuple[int, int]] = (),
    example_by_example: bool = False,
) -> Derivatives:
    """Write the gradient of `root` behind the program.

    Args:
        program: it is gone on with.
        root: the instruction that is differentiated.
        parameters: those whose gradients go into the sums.
        columns: the inputs, as (batch, column), to differentiate with respect to.
        example_by_example: whether what examples send is added up only where it comes to a parameter.
    """
    reverse = _Reverse(program, parameters, columns, example_by_example)
    return Derivatives(reverse.run(root), reverse.doubt())


class _Reverse:
    def __init__(
        self, program: Program, parameters: range, columns: Sequence[tuple[int, int]], example_by_example: bool
    ) -> None:
        self.program, self.example_by_example = program, example_by_example
        self.size = len(program.instructions)
        self.parameters, self.columns = parameters, columns
        self.writer = ProgramWriter(program)
        self.batch_of = self.writer.batches
        self.gradients: dict[int, Gradient] = {}
        self.from_batches: dict[int, dict[int, Gradient]] = {}  # of what is uniform, for each batch that uses it
        self.once = {k for k, instruction in enumerate(program.instructions) if instruction.attribute is ONCE}
        for k in self.once:  # nobody else asks
            program.instructions[k] = program.instructions[k]._replace(attribute=None)
        self.gets_sums: set[int] = set()
        self.sent_on: list[float | int] = []
        self.elements: dict[int, dict[int, int]] = {}
        self.depends = self._depends()

    def _is_variable(self, node: int) -> bool:
        operation, _, attribute = self.program.instructions[node]
        if operation == "parameter":
            return attribute in self.parameters
        return operation == "input" and attribute in self.columns

    def _is_trained(self, weights: Weights) -> bool:
        return weights.first in self.parameters or weights.bias in self.parameters

    def _depends(self) -> list[bool]:
        """Which instructions depend on a variable."""
        depends: list[bool] = []
        for node, (operation, operands, attribute) in enumerate(self.program.instructions):
            depends.append(
                self._is_variable(node)
                or (operation == "layer" and self._is_trained(attribute))
                or operation == "range_dot"
                or any(depends[operand] for operand in operands)
            )
            if operation == "element":
                self.elements.setdefault(operands[0], {})[attribute] = node
        return depends

    def run(self, root: int) -> list[int]:
        self.gradients[root] = Gradient(1.0)
        for node in reversed(range(self.size)):
            if self.depends[node]:
                self._step(node)
        found = {}
        for node in range(self.size):
            operation, _, attribute = self.program.instructions[node]
            if operation == "input" and attribute in self.columns and node in self.gradients:
                found[attribute] = self._written(settled(self.writer, self.gradients[node]))
        return [found[c] if c in found else self.writer.constant(0.0) for c in self.columns]

    def _step(self, node: int) -> None:
        operation, operands, attribute = self.program.instructions[node]
        if operation == "parameter":
            self._parameter(node, attribute)
            return
        if operation == "layer":
            self._layer(node)
            return
        if self.example_by_example and self._is_in_each_example(node):
            for batch, sent in self.from_batches.pop(node, {}).items():
                self._send_on(node, sent, batch)
        is_of_sums = self._is_of_sums(node)
        gradient = self._gradient(node)
        if gradient is None or operation in ("input", "element"):
            return
        if operation == "batch_sum":
            self._add(operands[0], gradient, attribute[1])
        elif operation == "range_dot":
            number = self._written(settled(self.writer, gradient))
            self.writer.append("range_contribute", (number,), attribute)
            swapped = Range(attribute.length, *attribute[3:5], *attribute[1:3])
            self.writer.append("range_contribute", (number,), swapped)
            if is_of_sums:
                self.sent_on += [number, node]  # not finite where a parameter is not
        elif isinstance(operation, Primitive):
            self._send_on(node, gradient, self.batch_of[node], is_of_sums)

    def _send_on(self, node: int, gradient: Gradient, batch: int, is_of_sums: bool = False) -> None:
        """Send the operands of an operation their part of what has come from a batch."""
        operation, operands, _ = self.program.instructions[node]
        assert isinstance(operation, Primitive)
        of_operands = [self.program.instructions[k] for k in operands]
        constants = [x.attribute if x.operation == "constant" else None for x in of_operands]
        wanted = [self.depends[k] for k in operands]
        for position, new in contributions(self.writer, operation, node, operands, constants, wanted, gradient):
            self._add(operands[position], new, batch)
            if is_of_sums:
                self.gets_sums.add(operands[position])
                self.sent_on.append(settled(self.writer, new))

    def _is_in_each_example(self, node: int) -> bool:
        """Whether a number that is the same for all examples is computed in each, as the function was written."""
        return (
            self.batch_of[node] == UNIFORM
            and self.program.instructions[node].operation.__class__ is Primitive
            and node not in self.once
        )

    def _is_of_sums(self, node: int) -> bool:
        """Whether a sum over examples is sent on where each would send on its own."""
        if not self._is_in_each_example(node) and self.program.instructions[node].operation != "range_dot":
            return False
        return node in self.gets_sums or any(
            self.batch_of[self._written(settled(self.writer, sent))] != UNIFORM
            for sent in self.from_batches.get(node, {}).values()
        )

    def doubt(self) -> int | None:
        """Adds up all that was sent on from sums."""
        if not self.sent_on:
            return None
        return self.writer.apply(primitives.sum_, [self._written(number) for number in self.sent_on])

    def _add(self, operand: int, new: Gradient, batch: int = UNIFORM) -> None:
        if self.batch_of[operand] == UNIFORM and batch != UNIFORM:
            kept = self.from_batches.setdefault(operand, {})
            kept[batch] = accumulate(self.writer, kept.get(batch), new)
        else:
            self.gradients[operand] = accumulate(self.writer, self.gradients.get(operand), new)

    def _gradient(self, node: int) -> Gradient | None:
        """What has come together at a node, what its batches send it included."""
        gradient = self.gradients.get(node)
        for batch, sent in self.from_batches.get(node, {}).items():
            gradient = accumulate(self.writer, gradient, self._summed(batch, sent))
        return gradient

    def _summed(self, batch: int, sent: Gradient) -> Gradient:
        number = self._sum_over(batch, settled(self.writer, sent), self.program.new_sum())
        if sent.reached is None:
            return Gradient(number)
        examples = self._sum_over(batch, sent.reached, self.program.new_sum())
        return Gradient(number, self.writer.apply(primitives.greater, (examples, self.writer.constant(0.0))))

    def _sum_over(self, batch: int, number: float | int, into: int) -> int:
        node = self._written(number)
        if self.batch_of[node] != UNIFORM:
            return self.writer.append("batch_sum", (node,), (into, batch))
        return self.writer.apply(primitives.mul, (node, self.writer.append("count", (), batch)))

    def _parameter(self, node: int, index: int) -> None:
        for batch, sent in self.from_batches.get(node, {}).items():
            total = self._written(settled(self.writer, sent))
            if self.batch_of[total] == UNIFORM:
                self.writer.append("contribute", (self._sum_over(batch, total, 0),), index)
            else:
                self.writer.append("batch_sum", (total,), (index, batch))
        if node in self.gradients:
            number = self._written(settled(self.writer, self.gradients[node]))
            self.writer.append("contribute", (number,), index)

    def _layer(self, node: int) -> None:
        _, inputs, weights = self.program.instructions[node]
        elements = self.elements.get(node, {})
        if not any(k in self.gradients for k in elements.values()):
            return
        deltas = []
        for row in range(weights.rows):
            gradient = self.gradients.get(elements.get(row, -1))
            deltas.append(self._written(0.0 if gradient is None else settled(self.writer, gradient)))
        if self._is_trained(weights):
            self.writer.append("layer_weights", (*deltas, *inputs), weights)
        if weights.rows == 1:
            self._inputs_of_neuron(inputs, weights, deltas[0])
        elif any(self.depends[k] for k in inputs):
            sent = self.writer.append("layer_inputs", deltas, weights)
            for position, operand in enumerate(inputs):
                if self.depends[operand]:
                    element = self.writer.append("element", (sent,), position)
                    self._add(operand, Gradient(element), self.batch_of[node])

    def _inputs_of_neuron(self, inputs: Sequence[int], weights: Weights, delta: int) -> None:
        """What a layer of one neuron sends its inputs: its weights times its delta."""
        for position, operand in enumerate(inputs):
            if self.depends[operand]:
                weight = self.writer.append("parameter", (), weights.first + position * weights.depth_step)
                self._add(operand, Gradient(self.writer.apply(primitives.mul, (delta, weight))), weights.batch)

    def _written(self, number: float | int) -> int:
        return self.writer.constant(number) if isinstance(number, float) else number
