"""Dots become layers, which are computed and differentiated whole; long ones of parameters alone become loops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autograd import table
from autograd.compiler.passes.simplify import dead_code, reached
from autograd.compiler.program import UNIFORM, Instruction, Program, Range, Weights
from autograd.primitive import Primitive

SMALLEST_LAYER = 8
"""Below this many weights a layer is left to be computed dot by dot."""

SMALLEST_RANGE = 16
"""Below this length a dot of parameters is written out."""


def find_layers(program: Program) -> Program:
    """Dots of the same inputs with evenly spaced weights become one layer."""
    rows = _rows_of_layers(program)
    elements: dict[int, int] = {}

    def element(new: Program, position: int, index: list[int]) -> int | None:
        if position in rows:
            weights, inputs, members = rows[position]
            layer = new.append("layer", [index[k] for k in inputs], weights)
            for row, member in enumerate(members):
                elements[member] = new.append("element", (layer,), row)
        return elements.get(position)

    return program.rewritten(element)


def _rows_of_layers(program: Program) -> dict[int, tuple[Weights, tuple[int, ...], list[int]]]:
    """For the first dot of every layer: its weights, inputs, and the dots that are its rows."""
    batches, always = program.batches(), always_reached(program)
    groups: dict[Any, list[tuple[int, list[int]]]] = {}
    for position, instruction in enumerate(program.instructions):
        if instruction.operation is table.dot and always[position] and batches[position] != UNIFORM:
            row = _row(program, batches, instruction)
            if row is not None:
                inputs, biased, weights = row
                groups.setdefault((inputs, biased), []).append((position, weights))
    found = {}
    for (inputs, biased), dots in groups.items():
        for layer, members in _even_runs(dots, biased):
            if layer.rows * layer.depth >= SMALLEST_LAYER:
                found[members[0]] = layer._replace(batch=batches[members[0]]), inputs, members
    return found


def _row(
    program: Program, batches: Sequence[int], instruction: Instruction
) -> tuple[tuple[int, ...], bool, list[int]] | None:
    """The inputs of a dot, whether it starts with a bias, and the parameters that are its weights, the bias first."""
    half = len(instruction.operands) // 2
    inputs: list[int] = []
    weights: list[int] = []
    biased = False
    for k, (x, y) in enumerate(zip(instruction.operands[:half], instruction.operands[half:])):
        if program.instructions[x].operation != "parameter":
            x, y = y, x
        if program.instructions[x].operation != "parameter":
            return None
        weights.append(program.instructions[x].attribute)
        if k == 0 and program.number(y) == 1.0:
            biased = True
        elif batches[y] == UNIFORM:
            return None
        else:
            inputs.append(y)
    return (tuple(inputs), biased, weights) if len(inputs) >= 2 else None


def _even_runs(dots: Sequence[tuple[int, list[int]]], biased: bool) -> Iterable[tuple[Weights, list[int]]]:
    """Runs of dots whose weights (and biases) are evenly spaced among the parameters."""
    found: Weights | None = None
    members: list[int] = []
    rows: list[list[int]] = []
    for position, row in dots:
        longer = _weights([*rows, row], biased)
        if longer is None and found is not None:
            yield found, members
            longer, members, rows = _weights([row], biased), [], []
        if longer is not None:
            members.append(position)
            rows.append(row)
        found = longer
    if found is not None:
        yield found, members


def _weights(rows: Sequence[list[int]], biased: bool) -> Weights | None:
    """Where these weights are, None if they are not evenly spaced. All rows but the last are known to."""
    start = int(biased)
    top, last = rows[0], rows[-1]
    depth, depth_step = len(last) - start, last[start + 1] - last[start]
    if any(place != last[start] + i * depth_step for i, place in enumerate(last[start:])):
        return None
    row_step, bias_step = depth if depth_step == 1 else 1, 1
    if len(rows) > 1:
        row_step, bias_step = rows[1][start] - top[start], rows[1][0] - top[0]
        r = len(rows) - 1
        if (last[start], depth_step) != (top[start] + r * row_step, top[start + 1] - top[start]):
            return None
        if biased and (bias_step < 0 or last[0] != top[0] + r * bias_step):
            return None
    rows_follow = depth_step == 1 and (row_step >= depth or len(rows) == 1)
    columns_follow = row_step == 1 and depth_step >= len(rows)
    if not rows_follow and not columns_follow:
        return None
    return Weights(len(rows), depth, top[start], row_step, depth_step, top[0] if biased else None, bias_step)


def always_reached(program: Program) -> list[bool]:
    """Which instructions the gradient reaches whatever the numbers are: not only through a choice."""
    return reached(program, program.wanted, lambda operation: isinstance(operation, Primitive) and operation.cuts)


def find_ranges(program: Program) -> Program:
    """A long dot of parameters with parameters becomes a loop over two ranges of them."""
    always = always_reached(program)

    def ranged(new: Program, position: int, index: list[int]) -> int | None:  # noqa: ARG001
        operation, operands, _ = program.instructions[position]
        found = _range(program, operands) if operation is table.dot and always[position] else None
        return None if found is None else new.append("range_dot", (), found)

    return dead_code(program.rewritten(ranged))


def _range(program: Program, operands: Sequence[int]) -> Range | None:
    length = len(operands) // 2
    if length < SMALLEST_RANGE or any(program.instructions[k].operation != "parameter" for k in operands):
        return None
    ends = []
    for part in (operands[:length], operands[length:]):
        places = [program.instructions[k].attribute for k in part]
        step = places[1] - places[0]
        if step < 0 or any(place != places[0] + i * step for i, place in enumerate(places)):
            return None
        ends += [places[0], step]
    return Range(length, *ends)
