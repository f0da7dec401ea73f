"""Reverse mode on a program: the instructions that compute gradients, written behind those that compute values.

The walk is that of `backward()`: from the result to the operands, each edge carrying upstream gradient times local
derivative. What is new is the batch. A number that is the same for all examples and is used by every one of them gets
the sum of what the examples contribute; the sum over the examples contributes the same to each.

A function that is run for each example has such a number once in each, and its local derivative times a sum is the sum
of the products only while it is finite: 0 * inf is nan. So there are two programs. One computes with sums, and says
whether all that it propagated from them was finite; the other, for when it was not, propagates example by example.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd import table
from autograd.chain_rule import Gradient, Sweep, accumulate, settled
from autograd.compiler.program import ONCE, UNIFORM, Program, ProgramWriter, Range, Weights
from autograd.primitive import Primitive


def differentiate(
    program: Program,
    root: int,
    parameters: range,
    columns: Sequence[tuple[int, int]] = (),
    example_by_example: bool = False,
) -> tuple[list[int], int | None]:
    """Write the gradient of the instruction `root` behind the program, which is extended in place.

    Args:
        parameters: those whose gradients go into the sums.
        columns: the inputs, as (batch, column), to differentiate with respect to.
        example_by_example: whether the gradients of the examples are summed only where they come to a parameter.

    Returns:
        The instruction of the gradient of each column; and that of a number that is finite if all gradients are what
        example by example would give, None if they always are.
    """
    inputs = {x.attribute: k for k, x in enumerate(program.instructions) if x.operation == "input"}
    sweep = _BatchSweep(program, parameters, columns, example_by_example)
    sweep.run(range(len(program.instructions)), root)
    return [sweep.written(sweep.settled(inputs.get(column))) for column in columns], sweep.to_check()


class _BatchSweep(Sweep):
    """The sweep of the chain rule, and what batches, layers and sums over examples add to it."""

    writer: ProgramWriter

    def __init__(
        self, program: Program, parameters: range, columns: Sequence[tuple[int, int]], example_by_example: bool
    ) -> None:
        self.program, self.parameters, self.example_by_example = program, parameters, example_by_example
        writer = ProgramWriter(program)
        self.batch_of = writer.batches
        self.from_batches: dict[int, dict[int, Gradient]] = {}  # to what is uniform from each batch that uses it
        self.once = {k for k, instruction in enumerate(program.instructions) if instruction.attribute is ONCE}
        for k in self.once:  # only this pass reads it
            program.instructions[k] = program.instructions[k]._replace(attribute=None)
        self.of_sums: list[float | int] = []  # products with a sum over examples, in place of a sum of products
        self.gets_sums: set[int] = set()  # what such a product was contributed to
        self.sender = UNIFORM, False  # the batch that contributes, and whether products with sums
        self.elements: dict[int, dict[int, int]] = {}
        super().__init__(writer, self._operands_of, self._depends(frozenset(columns)))

    def _operands_of(self, node: int) -> Any:
        operation, operands, _ = self.program.instructions[node]
        if not isinstance(operation, Primitive):
            return None
        return operation, operands, [self.program.number(k) for k in operands]

    def _is_trained(self, weights: Weights) -> bool:
        return weights.first in self.parameters or weights.bias in self.parameters

    def _depends(self, columns: frozenset[tuple[int, int]]) -> set[int]:
        """Which instructions depend on a variable."""
        depends: set[int] = set()
        for node, (operation, operands, attribute) in enumerate(self.program.instructions):
            if (
                (operation == "parameter" and attribute in self.parameters)
                or (operation == "input" and attribute in columns)
                or (operation == "layer" and self._is_trained(attribute))
                or operation == "range_dot"
                or not depends.isdisjoint(operands)
            ):
                depends.add(node)
            if operation == "element":
                self.elements.setdefault(operands[0], {})[attribute] = node
        return depends

    def visit(self, node: int) -> None:
        operation, operands, attribute = self.program.instructions[node]
        if operation == "parameter":
            self._parameter(node, attribute)
            return
        if operation == "layer":
            self._layer(node)
            return
        if self.example_by_example and self._is_in_each_example(node):
            for batch, sent in self.from_batches.pop(node, {}).items():
                self.sender = batch, False
                self.send(node, sent)
        is_of_sums = self._is_of_sums(node)
        gradient = self._gradient(node)
        if gradient is None:
            return
        self.sender = self.batch_of[node], is_of_sums
        if operation == "batch_sum":
            self.sender = attribute[1], False
            self.add(operands[0], gradient)
        elif operation == "range_dot":
            number = self.written(settled(self.writer, gradient))
            self.writer.append("range_contribute", (number,), attribute)
            self.writer.append("range_contribute", (number,), Range(attribute.length, *attribute[3:5], *attribute[1:3]))
            if is_of_sums:
                self.of_sums += [number, node]  # not finite where a parameter is not
        else:
            self.send(node, gradient)

    def add(self, operand: int, new: Gradient) -> None:
        batch, is_of_sums = self.sender
        if self.batch_of[operand] == UNIFORM and batch != UNIFORM:
            kept = self.from_batches.setdefault(operand, {})
            kept[batch] = accumulate(self.writer, kept.get(batch), new)
        else:
            super().add(operand, new)
        if is_of_sums:
            self.gets_sums.add(operand)
            self.of_sums.append(settled(self.writer, new))

    def _is_in_each_example(self, node: int) -> bool:
        """Whether a number that is the same for all examples is computed in each, as the function was written."""
        return (
            self.batch_of[node] == UNIFORM
            and self.program.instructions[node].operation.__class__ is Primitive
            and node not in self.once
        )

    def _is_of_sums(self, node: int) -> bool:
        """Whether the gradients of the examples are summed before they are passed on."""
        if not self._is_in_each_example(node) and self.program.instructions[node].operation != "range_dot":
            return False
        return node in self.gets_sums or any(
            self.batch_of[self.written(settled(self.writer, sent))] != UNIFORM
            for sent in self.from_batches.get(node, {}).values()
        )

    def to_check(self) -> int | None:
        """The sum of all products with sums: finite only where each of them is."""
        if not self.of_sums:
            return None
        return self.writer.apply(table.sum, [self.written(number) for number in self.of_sums])

    def _gradient(self, node: int) -> Gradient | None:
        """The adjoint of a node, including what batches contribute."""
        gradient = self.gradients.get(node)
        for batch, sent in self.from_batches.get(node, {}).items():
            reached = None
            number = self._sum_over(batch, settled(self.writer, sent), self.program.new_sum())
            if sent.reached is not None:
                examples = self._sum_over(batch, sent.reached, self.program.new_sum())
                reached = self.writer.apply(table.greater, (examples, self.writer.constant(0.0)))
            gradient = accumulate(self.writer, gradient, Gradient(number, reached))
        return gradient

    def _sum_over(self, batch: int, number: float | int, into: int) -> int:
        node = self.written(number)
        if self.batch_of[node] != UNIFORM:
            return self.writer.append("batch_sum", (node,), (into, batch))
        return self.writer.apply(table.mul, (node, self.writer.append("count", (), batch)))

    def _parameter(self, node: int, index: int) -> None:
        for batch, sent in self.from_batches.get(node, {}).items():
            total = self.written(settled(self.writer, sent))
            if self.batch_of[total] == UNIFORM:
                self.writer.append("contribute", (self._sum_over(batch, total, 0),), index)
            else:
                self.writer.append("batch_sum", (total,), (index, batch))
        if node in self.gradients:
            number = self.written(settled(self.writer, self.gradients[node]))
            self.writer.append("contribute", (number,), index)

    def _layer(self, node: int) -> None:
        _, inputs, weights = self.program.instructions[node]
        elements = self.elements.get(node, {})
        if not any(k in self.gradients for k in elements.values()):
            return
        deltas = [self.written(self.settled(elements.get(row))) for row in range(weights.rows)]
        if self._is_trained(weights):
            self.writer.append("layer_weights", (*deltas, *inputs), weights)
        self.sender = self.batch_of[node], False
        of_inputs = [(position, k) for position, k in enumerate(inputs) if k in self.depends]
        sent = self.writer.append("layer_inputs", deltas, weights) if of_inputs and weights.rows > 1 else None
        for position, operand in of_inputs:
            if sent is not None:
                number = self.writer.append("element", (sent,), position)
            else:  # of one neuron: its weights times its delta
                weight = self.writer.append("parameter", (), weights.first + position * weights.depth_step)
                number = self.writer.apply(table.mul, (deltas[0], weight))
            self.add(operand, Gradient(number))

    def written(self, number: float | int) -> int:
        """The instruction of a number."""
        return self.writer.constant(number) if isinstance(number, float) else number
