"""The invariants of a program, checked after every pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd.compiler.program import UNIFORM, Instruction, Program, Range, batch_of
from autograd.primitive import Primitive

Problem = Callable[[Program, tuple[int, ...], Any], str]


def verify(program: Program, after: str) -> None:
    """Check the invariants of a program; an error names the pass after which one is violated, and the instruction."""
    batches: list[int] = []
    for index, instruction in enumerate(program.instructions):
        operation, operands, _ = instruction
        found: set[int] = set()
        problem = ""
        if operands:
            if not 0 <= min(operands) <= max(operands) < index:
                problem = f"its operands {operands} are not all computed before it"
            else:
                found = {batches[k] for k in operands}
                found.discard(UNIFORM)
                problem = "its operands belong to different batches" if len(found) > 1 else ""
        problem = problem or _problem(program, instruction)
        if problem:
            raise AssertionError(f"after the pass {after}: %{index} = {instruction.name}: {problem}")
        if isinstance(operation, Primitive):
            batches.append(found.pop() if found else UNIFORM)
        else:
            batches.append(batch_of(instruction, batches))
    for batch, nodes in program.outputs.items():
        for node in nodes:
            if batches[node] not in (UNIFORM, batch):
                raise AssertionError(f"after the pass {after}: %{node} is no output of batch {batch}")
    for node in program.results:
        if batches[node] != UNIFORM:
            raise AssertionError(f"after the pass {after}: the result %{node} differs between examples")


def _problem(program: Program, instruction: Instruction) -> str:
    """What is wrong with an instruction, whatever its operands are; "" if nothing is."""
    operation, operands, attribute = instruction
    known = (operation.arity, _row) if isinstance(operation, Primitive) else _OWN.get(operation)
    if known is None:
        return "unknown operation"
    wanted, problem = known
    if wanted not in (None, len(operands)):
        return f"{len(operands)} operands, wants {wanted}"
    return problem(program, operands, attribute)


def _row(_program: Program, operands: tuple[int, ...], _attribute: Any) -> str:
    return "" if operands else "no operands"


def _unless_below(limit: int, number: Any) -> str:
    return "" if number.__class__ is int and 0 <= number < limit else f"wants a number below {limit}"


def _add_dot(_program: Program, operands: tuple[int, ...], _attribute: Any) -> str:
    return "" if len(operands) % 2 else f"{len(operands)} operands, wants a number and pairs"


def _batch_sum(program: Program, _: Any, attribute: Any) -> str:
    index, batch = attribute
    fits = 0 <= index < program.sums and 0 < batch < len(program.columns)
    return "" if fits else f"there is no sum {index}, or no batch {batch}"


def _input(program: Program, _: Any, attribute: Any) -> str:
    batch, column = attribute
    fits = 0 < batch < len(program.columns) and 0 <= column < program.columns[batch]
    return "" if fits else f"there is no column {column} in batch {batch}"


def _element(program: Program, operands: tuple[int, ...], number: Any) -> str:
    source = program.instructions[operands[0]]
    if source.operation not in ("layer", "layer_inputs"):
        return f"element of {source.name}"
    return _unless_below(source.attribute.rows if source.operation == "layer" else source.attribute.depth, number)


def _layer(wanted: Callable[[Any], int]) -> Problem:
    def problem(program: Program, operands: tuple[int, ...], weights: Any) -> str:
        if len(operands) != wanted(weights):
            return f"{len(operands)} operands do not fit {weights}"
        spans = [(weights.first, weights.last)]
        if weights.bias is not None:
            spans.append((weights.bias, weights.bias + (weights.rows - 1) * weights.bias_step))
        return _beyond_parameters(program, spans)

    return problem


def _range(program: Program, _: Any, attribute: Any) -> str:
    return _beyond_parameters(program, Range(*attribute).spans)


def _beyond_parameters(program: Program, spans: list[tuple[int, int]]) -> str:
    inside = all(0 <= first <= last < program.parameters for first, last in spans)
    return "" if inside else "it goes beyond the parameters"


_OWN: dict[str, tuple[int | None, Problem]] = {
    "constant": (0, lambda _program, _, x: "" if x.__class__ is float else f"wants a float, has {x!r}"),
    "parameter": (0, lambda program, _, k: _unless_below(program.parameters, k)),
    "input": (0, _input),
    "count": (0, lambda program, _, batch: _unless_below(len(program.columns), batch)),
    "copy": (1, lambda program, _, batch: _unless_below(len(program.columns), batch)),
    "batch_sum": (1, _batch_sum),
    "contribute": (1, lambda program, _, k: _unless_below(program.sums, k)),
    "layer": (None, _layer(lambda weights: weights.depth)),
    "layer_inputs": (None, _layer(lambda weights: weights.rows)),
    "layer_weights": (None, _layer(lambda weights: weights.rows + weights.depth)),
    "element": (1, _element),
    "add_dot": (None, _add_dot),
    "range_dot": (0, _range),
    "range_contribute": (1, _range),
}
"""Of each operation that is no row of the table: how many operands it has (None: any number), what is wrong with it."""
