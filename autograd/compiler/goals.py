"""What is wanted of a function that was recorded: a loss with its gradients, or the values or gradients of examples.

A recording says what a function does for one example. Here it becomes the program of a call: with its results (as the
mean loss), its outputs (numbers of every example), and what to differentiate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autograd import table
from autograd.compiler.arguments import results_in
from autograd.compiler.options import Options
from autograd.compiler.program import UNIFORM, Program
from autograd.compiler.recording import Recording
from autograd.errors import CompileError
from autograd.pytree import NUMBER, Structure, sequence_of
from autograd.value import Value


class Wanted(NamedTuple):
    """What to differentiate."""

    root: int  # the position among the program's results (or, if it has none, among the first batch's outputs)
    parameters: range  # whose gradients go into the sums
    columns: Sequence[tuple[int, int]] = ()  # inputs whose gradients become further outputs


class Goal(NamedTuple):
    """The program of a call: the recorded one, with what is wanted of it."""

    program: Program
    wanted: Wanted | None  # to be differentiated
    outputs: int  # how many numbers for each example (or, where there are none, besides the loss)
    results: Callable[[Any], Any]  # puts them into the pytree that the function returned


def loss(recording: Recording, name: str, parameters: int, options: Options) -> Goal:
    """The mean or the sum of the loss, and the gradients of the parameters."""
    if not options.has_aux and len(recording.nodes) != 1:
        raise CompileError(
            f"{name} wants a loss, one Value, the function returned {len(recording.nodes)} numbers: for others "
            f"beside it return (loss, others) and write compile(..., has_aux=True)"
        )
    results = results_in(_aux_structure(recording, name) if options.has_aux else NUMBER)
    program, (loss, *aux) = recording.program, recording.nodes
    if len(program.columns) == 1:
        program.results = [loss, *aux]
    else:
        program.results = [reduced(program, loss, options.reduce)]
        if options.has_aux == "sum":
            program.results += [reduced(program, number, "sum") for number in aux]
        elif options.has_aux:
            program.outputs[1] = aux
    return Goal(program, Wanted(0, range(parameters)), len(aux), results)


def values(recording: Recording) -> Goal:
    """What the function returns, for each example where there are any."""
    program, nodes = recording.program, recording.nodes
    if len(program.columns) == 1:
        program.results = nodes
    else:
        program.outputs[1] = nodes
    return Goal(program, None, len(nodes), results_in(recording.structure))


def gradients(recording: Recording, name: str, parameters: int, positions: Sequence[int]) -> Goal:
    """The value of the function and its gradient by some of its arguments, for each example where there are any."""
    program, _, _, results = values(recording)
    if len(recording.nodes) != 1:
        raise CompileError(
            f"{name}.grad wants a function whose result is one number, it returned {len(recording.nodes)}: "
            f"compile(autograd.jacobian(f))"
        )
    sizes = [structure.size for structure, _ in recording.kinds]
    if len(program.columns) == 1:
        return Goal(program, Wanted(0, range(parameters, parameters + sum(sizes))), 1, results)
    starts = [sum([structure.size for structure, is_table in recording.kinds[:k] if is_table]) for k in positions]
    columns = [(1, start + j) for k, start in zip(positions, starts) for j in range(sizes[k])]
    structure = sequence_of(tuple, [NUMBER, sequence_of(tuple, [recording.kinds[k].structure for k in positions])])
    return Goal(program, Wanted(0, range(0), columns), structure.size, results_in(structure))


def updates(recording: Recording) -> Goal:
    """The results of a rule for each parameter, and the sum of the squares of the last."""
    program, nodes = recording.program, recording.nodes
    program.outputs[1] = nodes
    program.results = [reduced(program, program.append(table.mul, (nodes[-1], nodes[-1])), "sum")]
    return Goal(program, None, len(nodes), results_in(recording.structure))


def reduced(program: Program, loss: int, reduce: str) -> int:
    """The mean or the sum of a loss over the examples."""
    count = program.append("count", (), 1)
    if program.batches()[loss] == UNIFORM:  # it ignores the examples
        return loss if reduce == "mean" else program.append(table.mul, (loss, count))
    total = program.append("batch_sum", (loss,), (program.new_sum(), 1))
    return total if reduce == "sum" else program.append(table.div, (total, count))


def _aux_structure(recording: Recording, name: str) -> Structure:
    """What the second entry of the pair is like that the function returned."""
    returned = recording.structure(recording.outputs)
    got = f"a {type(returned).__name__}"
    if isinstance(returned, tuple) and len(returned) == 2:
        if isinstance(returned[0], (Value, int, float)):
            return recording.structure.parts[1]  # type: ignore[no-any-return]
        got = f"a pair that begins with a {type(returned[0]).__name__}"
    elif isinstance(returned, (list, tuple, dict)):
        got += f" of {len(returned)}"
    raise CompileError(
        f"with has_aux {name} wants a pair, the loss, which is one Value, and what else is wanted, the function "
        f"returned {got}: return (loss, (a, b))"
    )
