"""Straight code: instructions of a program one after the other, on one number or on a register of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd.compiler.codegen import ranges
from autograd.compiler.codegen.argument_block import TOTAL, Arrays, BatchLayout
from autograd.compiler.codegen.ir import Function, Lanes
from autograd.compiler.codegen.library import Library
from autograd.compiler.codegen.memory import Memory
from autograd.compiler.program import Program
from autograd.primitive import Primitive

_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_COMPARISONS = {
    "less": "olt",
    "less_equal": "ole",
    "greater": "ogt",
    "greater_equal": "oge",
    "equal": "oeq",
    "not_equal": "une",
}
_INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil"}


@dataclass
class Context:
    """What all pieces of a program share while they are written."""

    program: Program
    library: Library
    memory: Memory
    layouts: list[BatchLayout]
    lane_sums: dict[int, int] = field(default_factory=dict)  # where the lanes of a sum are among the lane sums


def arrays_of(to: Function) -> Arrays:
    """The addresses of all arrays, loaded from the argument block of the function."""
    return Arrays(*[to.word(word) for word in range(len(Arrays._fields))])


class StraightCode:
    """Writes instructions into a function, each done on a number or on a register of examples.

    In a batch, `example` is the name of the first example in the register, counted in its block.
    """

    def __init__(self, context: Context, vector: Lanes, arrays: Arrays, block: int = 0, example: str = "") -> None:
        self.context, self.vector, self.arrays = context, vector, arrays
        self.to, self.block, self.example = vector.to, block, example
        self.instructions, self.memory = context.program.instructions, context.memory
        self.slots = vector.at(arrays.slots, example) if example else ""
        self.names: dict[int, str] = {}
        self.masks: dict[int, str] = {}
        self.valid = ""  # the mask of the examples that there are, once it is asked for

    def instruction(self, node: int) -> None:
        """The code of one instruction."""
        operation, operands, attribute = self.instructions[node]
        if isinstance(operation, Primitive):
            self._primitive(node, operation.name, operands)
        elif found := getattr(self, f"_{operation}")(operands, attribute):
            self.names[node] = found
        if node in self.memory.slots:
            self.vector.store(self.value(node), self._slot(node))
        elif node in self.memory.uniforms:
            self.vector.store(self.value(node), self.vector.at(self.arrays.uniforms, self.memory.uniforms[node]))

    def value(self, node: int) -> str:
        """The name (or literal) of an instruction's number, loaded where it is in memory."""
        found = self.names.get(node)
        if found is None:
            if node in self.masks or node in self.memory.conditions:
                found = self.vector.select(self.mask(node), self.vector.literal(1.0), self.vector.literal(0.0))
            else:
                found = self._loaded(node)
            self.names[node] = found
        return found

    def _loaded(self, node: int) -> str:
        operation, _, attribute = self.instructions[node]
        vector, arrays = self.vector, self.arrays
        if operation == "constant":
            return vector.literal(attribute)
        if operation == "parameter":
            return vector.load_splat(vector.at(arrays.parameters, attribute))
        if operation == "batch_sum":
            return vector.load_splat(vector.at(arrays.sums, attribute[0]))
        if node in self.memory.uniforms:
            return vector.load_splat(vector.at(arrays.uniforms, self.memory.uniforms[node]))
        return vector.load(self._slot(node))

    def _slot(self, node: int) -> str:
        return self.vector.at(self.slots, self.memory.slots[node], self.block)

    def mask(self, node: int) -> str:
        """The condition that an instruction's number is not 0."""
        if node not in self.masks:
            compared = self.memory.conditions.get(node)
            if compared is None:
                self.masks[node] = self.vector.op("fcmp une", self.value(node), self.vector.literal(0.0))
            else:
                _, limit = self.instructions[node].operands
                self.masks[node] = self._comparison(self.instructions[node].name, compared, limit)
        return self.masks[node]

    # --- Rows of the table

    def _primitive(self, node: int, name: str, operands: Sequence[int]) -> None:
        vector = self.vector
        if name in _COMPARISONS:
            self.masks[node] = self._comparison(name, *operands)
            return
        if name == "where":
            mask = self.mask(operands[0])
            found = vector.select(mask, self.value(operands[1]), self.value(operands[2]))
        elif name == "dot":
            found = self._dot(operands, vector.literal(0.0))
        elif name == "sum":
            found = vector.literal(0.0)
            for operand in operands:
                found = vector.op("fadd", found, self.value(operand))
        else:
            found = self._arithmetic(name, [self.value(operand) for operand in operands])
        self.names[node] = found

    def _arithmetic(self, name: str, values: Sequence[str]) -> str:
        vector = self.vector
        if name in _BINARY:
            return vector.op(_BINARY[name], *values)
        if name == "neg":
            return self.to.value(f"fneg {vector.type} {values[0]}")
        if name == "identity":
            return values[0]
        if name in _INTRINSICS:
            return vector.intrinsic(_INTRINSICS[name], values[0])
        return vector.function(self.context.library.mathematical(name, vector.lanes, len(values)), *values)

    def _comparison(self, name: str, x: int, y: int) -> str:
        if name == "equal" and x in self.masks and self.instructions[y] == ("constant", (), 0.0):
            return self.vector.opposite(self.masks[x])
        return self.vector.op(f"fcmp {_COMPARISONS[name]}", self.value(x), self.value(y))

    def _dot(self, operands: Sequence[int], total: str) -> str:
        half = len(operands) // 2
        for left, right in zip(operands[:half], operands[half:]):
            total = self.vector.multiply_add(self.value(left), self.value(right), total)
        return total

    # --- Other operations, by their names: each returns the name of its result, "" if there is none

    def _copy(self, operands: Sequence[int], _attribute: Any) -> str:
        return self.value(operands[0])

    def _add_dot(self, operands: Sequence[int], _attribute: Any) -> str:
        return self._dot(operands[1:], self.value(operands[0]))

    def _batch_sum(self, operands: Sequence[int], attribute: tuple[int, int]) -> str:
        vector, lane_sums = self.vector, self.context.lane_sums
        self.valid = self.valid or vector.below("%count", self.example)
        masked = vector.select(self.valid, self.value(operands[0]), vector.literal(0.0))
        place = lane_sums.setdefault(attribute[0], len(lane_sums))
        vector.add_at(vector.at(self.arrays.lane_sums, place, vector.lanes), masked)
        return ""

    def _contribute(self, operands: Sequence[int], attribute: int) -> str:
        self.vector.add_at(self.vector.at(self.arrays.sums, attribute), self.value(operands[0]))
        return ""

    def _count(self, _operands: Sequence[int], batch: int) -> str:
        count = self.to.word(self.context.layouts[batch - 1].word + TOTAL, "i64")
        return Lanes(self.to, "i64").converted("sitofp", count, self.vector)

    def _range_dot(self, _operands: Sequence[int], span: Any) -> str:
        number, parameters = self.vector, self.arrays.parameters
        name = self.context.library.once("range_dot", ranges.dot, span.length, span.step_x, span.step_y)
        left, right = number.at(parameters, span.first_x), number.at(parameters, span.first_y)
        return self.to.call(name, ("ptr", left), ("ptr", right), result=number.type)

    def _range_contribute(self, operands: Sequence[int], span: Any) -> str:
        number, value = self.vector, self.value(operands[0])
        name = self.context.library.once("range_contribute", ranges.add_multiple, span.length, span.step_x, span.step_y)
        target, source = number.at(self.arrays.sums, span.first_x), number.at(self.arrays.parameters, span.first_y)
        return self.to.call(name, ("ptr", target), ("ptr", source), (number.type, value))
