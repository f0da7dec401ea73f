"""A program as text: what `print(step.program)` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd.compiler.program import Operation, Program, Range, Weights
from autograd.primitive import Primitive


class Names(NamedTuple):
    """What a program's text calls things."""

    parameters: Sequence[str]
    columns: Sequence[Sequence[str]]  # of each batch, from the first; of rerolled ones none


def text(program: Program, names: Names) -> str:
    """The program as text, one instruction to a line. What is done for every example is indented."""
    writer = _Text(program, names)
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
            x, y = self._ranges(attribute)
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
            x, y = self._ranges(attribute)
            return f"dot({x}, {y})"
        if operation == "copy":
            return written[0]
        assert isinstance(operation, Primitive)
        symbol = operation.symbol
        if symbol.isidentifier():
            return f"{symbol}({', '.join(written)})"
        return f"{written[0]} {symbol} {written[1]}" if len(written) == 2 else f"{symbol}{written[0]}"

    def operand(self, index: int) -> str:
        operation, operands, attribute = self.program.instructions[index]
        if operation == "constant":
            return f"{attribute:g}"
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
        return self.names.parameters[k]

    def _sum(self, k: int) -> str:
        return f"gradient of {self._parameter(k)}" if k < self.program.parameters else f"sum[{k}]"

    def _weights(self, weights: Weights) -> str:
        shape = f"{weights.rows} x {weights.depth}"
        return f"[{self._parameter(weights.first)} ... {self._parameter(weights.last)}, {shape}]"

    def _ranges(self, ranges: Range) -> list[str]:
        return [f"[{self._parameter(first)} ... {self._parameter(last)}]" for first, last in ranges.spans]


def _list(written: list[str]) -> str:
    return f"({', '.join(written if len(written) <= 4 else [written[0], written[1], '...', written[-1]])})"
