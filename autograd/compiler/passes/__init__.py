"""Passes: each a small function from a program to one that computes the same.

Before the gradient is written: constants are folded, sums of products become `dot`, dots with the same inputs become
layers. After it: operations are spelled in those that a machine has, constants are folded again, what is computed twice
is computed once, what nobody wants is left out. None changes a rounding, but that a product and the sum it goes into
become one operation (a fused multiply-add).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from autograd import primitives
from autograd.compiler.program import EFFECTS, UNIFORM, Instruction, Program, Range, Weights
from autograd.compiler.spellings import COMPARISONS, may_be_spelled, spelled
from autograd.primitives import Primitive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Pass = Callable[[Program], Program]

SMALLEST_LAYER = 8
"""Below this many weights a layer is left to be computed dot by dot."""

SMALLEST_RANGE = 16
"""Below this length a dot of parameters is written out."""

LONGEST = 64
"""Sums of more terms, or products, are cut: LLVM takes a time for a piece that grows with the square of its length."""


def fold_constants(program: Program) -> Program:
    """Operations on constants alone are done now, by the same functions that Values use; so are choices."""
    new = program.like()
    index: list[int] = []
    for instruction in program.instructions:
        folded = None
        if isinstance(instruction.operation, Primitive):
            folded = _folded(new, instruction.operation, [index[k] for k in instruction.operands])
        index.append(new.take(instruction, index) if folded is None else folded)
    return new.finish(program, index)


def _folded(new: Program, operation: Primitive, operands: Sequence[int]) -> int | None:
    """The instruction that an operation on constants comes down to; None where it has to be computed."""
    if operation in (primitives.less, primitives.greater) and operands[0] == operands[1]:
        return new.constant(0.0)
    numbers = [_number(new, k) for k in operands]
    if operation is primitives.where and numbers[0] is not None:
        return operands[1] if numbers[0] else operands[2]
    if operation is primitives.where and numbers[1:] == [1.0, 0.0] and _is_comparison(new, operands[0]):
        return operands[0]
    if None in numbers:
        return None
    try:
        return new.constant(operation.forward(*numbers))
    except Exception:  # the forward function of a user's row: left to raise where it is called
        return None


def _is_comparison(program: Program, index: int) -> bool:
    instruction = program.instructions[index]
    return isinstance(instruction.operation, Primitive) and instruction.name in COMPARISONS


def _number(program: Program, index: int) -> float | None:
    instruction = program.instructions[index]
    return instruction.attribute if instruction.operation == "constant" else None


def sums_of_products(program: Program) -> Program:
    """((a + w1 x1) + w2 x2) + ... becomes dot([a, w1, w2, ...], [1, x1, x2, ...]), which adds in the same order."""
    uses, inner = program.uses(), chains(program)
    new = program.like()
    index: list[int] = []
    for position, instruction in enumerate(program.instructions):
        if instruction.operation is primitives.add and position not in inner:
            terms = terms_of(program, position, inner)
            index.append(_as_dot(program, new, index, uses, terms, instruction.attribute))
        else:
            index.append(new.take(instruction, index))
    return dead_code(new.finish(program, index))


def chains(program: Program) -> set[int]:
    """The additions that another addition goes on with, and nobody else uses."""
    uses = program.uses()
    return {
        operands[0]
        for operation, operands, _ in program.instructions
        if operation is primitives.add and _is(program, operands[0], primitives.add) and uses[operands[0]] == 1
    }


def _is(program: Program, index: int, operation: Primitive) -> bool:
    return program.instructions[index].operation is operation


def terms_of(program: Program, position: int, inner: set[int]) -> list[int]:
    """The terms of a chain of additions, from the first to the last that was added."""
    terms: list[int] = []
    left = position
    while left == position or left in inner:
        left, right = program.instructions[left].operands
        terms.append(right)
    return [left, *reversed(terms)]


def _as_dot(program: Program, new: Program, index: Sequence[int], uses: Any, terms: Sequence[int], once: Any) -> int:
    def is_product(term: int) -> bool:
        return _is(program, term, primitives.mul) and uses[term] == 1

    first = 0 if is_product(terms[0]) else 1
    last = first
    while last < len(terms) and is_product(terms[last]):
        last += 1
    if last - first < 2:
        total, rest = index[terms[0]], terms[1:]
    else:
        pairs = [program.instructions[term].operands for term in terms[first:last]]
        xs, ys = [index[x] for x, _ in pairs], [index[y] for _, y in pairs]
        if first == 1 and _number(program, terms[0]) != 0.0:
            xs, ys = [index[terms[0]], *xs], [new.constant(1.0), *ys]
        total, rest = new.append(primitives.dot, (*xs, *ys), once), terms[last:]
    for term in rest:
        total = new.append(primitives.add, (total, index[term]), once)
    return total


def find_layers(program: Program) -> Program:
    """Dots of the same inputs with weights that lie evenly among the parameters become one layer."""
    rows = _rows_of_layers(program)
    new = program.like()
    index: list[int] = []
    elements: dict[int, int] = {}
    for position, instruction in enumerate(program.instructions):
        if position in rows:
            weights, inputs, members = rows[position]
            layer = new.append("layer", [index[k] for k in inputs], weights)
            for row, member in enumerate(members):
                elements[member] = new.append("element", (layer,), row)
        if position in elements:
            index.append(elements[position])
        else:
            index.append(new.take(instruction, index))
    return new.finish(program, index)


def _rows_of_layers(program: Program) -> dict[int, tuple[Weights, tuple[int, ...], list[int]]]:
    """For the first dot of every layer: its weights, inputs, and the dots that are its rows."""
    batches, reached = program.batches(), always_reached(program)
    groups: dict[Any, list[tuple[int, list[int]]]] = {}
    for position, instruction in enumerate(program.instructions):
        if instruction.operation is primitives.dot and reached[position] and batches[position] != UNIFORM:
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
        if k == 0 and _number(program, y) == 1.0:
            biased = True
        elif batches[y] == UNIFORM:
            return None
        else:
            inputs.append(y)
    return (tuple(inputs), biased, weights) if len(inputs) >= 2 else None


def _even_runs(dots: Sequence[tuple[int, list[int]]], biased: bool) -> Iterable[tuple[Weights, list[int]]]:
    """Runs of dots whose weights (and biases) go on by even steps."""
    run: list[tuple[int, list[int]]] = []
    for dot in dots:
        if run and _weights([*[w for _, w in run], dot[1]], biased) is None:
            yield _weights([w for _, w in run], biased), [k for k, _ in run]  # type: ignore[misc]
            run = []
        if _weights([dot[1]], biased) is not None:
            run.append(dot)
    if run:
        yield _weights([w for _, w in run], biased), [k for k, _ in run]  # type: ignore[misc]


def _weights(rows: Sequence[list[int]], biased: bool) -> Weights | None:
    """Where these weights are, None if they do not lie evenly. All rows but the last are known to."""
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
    reached = [False] * len(program.instructions)
    for wanted in program.wanted:
        reached[wanted] = True
    for position in reversed(range(len(reached))):
        operation, operands, _ = program.instructions[position]
        if reached[position] and not (isinstance(operation, Primitive) and operation.cuts):
            for operand in operands:
                reached[operand] = True
    return reached


def find_ranges(program: Program) -> Program:
    """A long dot of parameters with parameters becomes a loop over two ranges of them."""
    new = program.like()
    index: list[int] = []
    reached = always_reached(program)
    for position, instruction in enumerate(program.instructions):
        is_candidate = instruction.operation is primitives.dot and reached[position]
        found = _range(program, instruction.operands) if is_candidate else None
        index.append(new.take(instruction, index) if found is None else new.append("range_dot", (), found))
    return dead_code(new.finish(program, index))


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


def expand(program: Program) -> Program:
    """Operations that no machine has are spelled in those that it has."""
    new = program.like()
    index: list[int] = []
    for instruction in program.instructions:
        if isinstance(instruction.operation, Primitive) and may_be_spelled(instruction.operation):
            index.append(spelled(new, instruction.operation, [index[k] for k in instruction.operands]))
        else:
            index.append(new.take(instruction, index))
    return new.finish(program, index)


def common_subexpressions(program: Program) -> Program:
    """What is computed twice is computed once."""
    new = program.like()
    known: dict[Any, int] = {}
    index: list[int] = []
    for operation, operands, attribute in program.instructions:
        moved = tuple([index[k] for k in operands])
        key = (operation, moved, struct.pack("d", attribute) if operation == "constant" else attribute)
        if operation in EFFECTS or key not in known:
            known[key] = new.append(operation, moved, attribute)
        index.append(known[key])
    return new.finish(program, index)


def dead_code(program: Program) -> Program:
    """What nobody wants is left out."""
    alive = [instruction.operation in EFFECTS for instruction in program.instructions]
    for wanted in program.wanted:
        alive[wanted] = True
    for position in reversed(range(len(alive))):
        if alive[position]:
            for operand in program.instructions[position].operands:
                alive[operand] = True
    new = program.like()
    index: list[int] = []
    for keep, instruction in zip(alive, program.instructions):
        index.append(new.take(instruction, index) if keep else -1)
    return new.finish(program, index)


def cut_long_sums(program: Program) -> Program:
    """A sum, or dot, of many terms is added up in some instructions one after the other, in the same order."""
    if not any(map(_is_long, program.instructions)):
        return program
    new = program.like()
    index: list[int] = []
    for instruction in program.instructions:
        if _is_long(instruction):
            cut = _long_sum if instruction.operation is primitives.sum_ else _long_dot
            index.append(cut(new, [index[k] for k in instruction.operands]))
        else:
            index.append(new.take(instruction, index))
    return new.finish(program, index)


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
    new = program.like()
    index: list[int] = []
    old_batches = program.batches()
    batches: list[int] = []
    places = Places()

    def lined_up(group: Sequence[int], batch: int) -> list[int]:
        if places.are_a_run(group):
            return list(group)
        members: dict[int, None] = {}
        for node in group:
            if node in places.of or node in members or batches[node] != batch:
                members[new.append("copy", (node,), batch)] = None
                batches.append(batch)
            else:
                members[node] = None
        places.add_run(list(members))
        return list(members)

    for (operation, operands, attribute), batch in zip(program.instructions, old_batches):
        moved = [index[k] for k in operands]
        if operation in ("layer", "layer_inputs"):
            moved = lined_up(moved, batch)
        elif operation == "batch_sum" and batches[moved[0]] == UNIFORM:
            moved = [new.append("copy", moved, attribute[1])]
            batches.append(attribute[1])
        elif operation == "layer_weights":
            moved = lined_up(moved[: attribute.rows], batch) + lined_up(moved[attribute.rows :], batch)
        index.append(new.append(operation, moved, attribute))
        batches.append(batch)
        places.add(index[-1], new.instructions[-1])
    new.finish(program, index)
    new.outputs = {batch: lined_up(nodes, batch) for batch, nodes in new.outputs.items() if nodes}
    return new


class Places:
    """Where numbers of a batch are kept: each in a run of places that follow one another.

    The columns of a batch are a run, so are the elements of a layer; other runs are made for what goes into one.
    """

    def __init__(self) -> None:
        self.of: dict[int, tuple[Any, int]] = {}
        self.runs: dict[Any, int] = {}

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
