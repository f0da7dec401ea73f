"""From a function of Values to a program: it is run, and the graph that it leaves behind is the program.

It is run twice, on numbers that differ in the last place, and has to do the same both times. What both graphs have in
common was there before: a Value from outside, which is read at every call. A difference between
the runs is an error: a compiled function would repeat the first for ever.
"""

from __future__ import annotations

import hashlib
import math
import random
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from operator import is_
from typing import Any, NamedTuple

from autograd.compiler.arguments import Arguments, Kind, argument_names, placeholders
from autograd.compiler.listing import Names
from autograd.compiler.program import Program
from autograd.errors import CompileError, line_of
from autograd.graph import read_data, topological_order, write_data
from autograd.modes import Trace, recording
from autograd.pytree import Structure, flatten
from autograd.scopes import INSIDE, scope, scope_of
from autograd.value import Value

_SMALLEST = math.ulp(0.0)

RUNS_OF_CHANCE = 12
"""How many times a function that draws random numbers is run, to notice one that tosses a coin."""


class Run(NamedTuple):
    """What a function did."""

    outputs: list[Any]  # the numbers that it returned, Values or floats
    structure: Structure  # what they are in
    made: set[Any]  # the leaves that it made
    order: list[Value]  # the graph behind the outputs, operands before results


def record(f: Callable[..., Any], arguments: Sequence[Any], names_lines: bool = False) -> Run:
    """Run a function on placeholder Values; with `names_lines` each node knows the user's line, which takes longer."""
    trace = Trace(names_lines)
    with recording(), trace, scope("recorded") if names_lines else nullcontext():  # in a scope nothing is cut short
        returned = f(*arguments)
    outputs, structure = flatten(returned)
    for output in outputs:
        if not isinstance(output, (Value, int, float)):
            raise CompileError(
                f"{_name(f)} must return a Value, or a pytree of Values, got {type(output).__name__} {output!r:.80}"
            )
    return Run(outputs, structure, trace.made, topological_order(*_values(outputs)))


class Recording(NamedTuple):
    """What a function does, each time the same."""

    kinds: tuple[Kind, ...]  # of its arguments
    program: Program
    nodes: list[int]  # for each number that it returned the instruction
    outputs: list[Any]  # these numbers, in one run
    structure: Structure  # what they are in
    captured: list[Value]  # from outside and no parameters: read at every call, as parameters behind the others
    names: Names
    mark: Any  # a fingerprint: equal for recordings of the same program


def trace(f: Callable[..., Any], arguments: Arguments, parameters: Sequence[Value], chance: bool = False) -> Recording:
    """Run a function again and again on arguments like those of its calls, and make a program of what it does.

    The parameters of the program are the Values that are read at every call: the given ones, then arguments that are no
    tables, then captured ones. If it is known to draw random numbers (`chance`), it is run more often.
    """

    def run(others: bool, names_lines: bool = False) -> tuple[list[list[Value]], Run]:
        given, values = placeholders(arguments)
        if others:  # what was made of their numbers will differ
            for own in values:
                write_data(own, [math.nextafter(x, 0.0) if x else _SMALLEST for x in read_data(own)])
        return values, record(f, given, names_lines)

    states = _random_states()
    own, ours = first = run(others=False)
    outside: frozenset[Value] = frozenset()
    runs = 1
    while runs < (RUNS_OF_CHANCE if chance or states != _random_states() else 2):
        again = _again(f, run)
        runs += 1
        position, what = _difference(first, again)
        if what:
            raise CompileError(
                f"{_name(f)} did not do the same when it was run again: {what}{_line_of(run, position)}. A random "
                f"number, a counter, a list that grew: pass what changes from call to call as an argument, or put "
                f"it in a Value"
            )
        outside = outside or _from_outside(ours, again[1])
    _check_outside(f, outside, own, ours, parameters)
    columns = [value for values, kind in zip(own, arguments.kinds) if kind.is_table for value in values]
    shared = [value for values, kind in zip(own, arguments.kinds) if not kind.is_table for value in values]
    inputs = {value: (1, k) for k, value in enumerate(columns)}
    batches = [0] if arguments.n is None else [0, len(columns)]
    program, nodes, captured = to_program(ours, inputs, [*parameters, *shared], outside, batches)
    names = _names(f, arguments.kinds, parameters, captured)
    mark = _mark(program), tuple(nodes), tuple(map(id, captured)), ours.structure
    return Recording(arguments.kinds, program, nodes, ours.outputs, ours.structure, captured, names, mark)


def _names(
    f: Callable[..., Any], kinds: Sequence[Kind], parameters: Sequence[Value], captured: Sequence[Value]
) -> Names:
    shared: list[str] = []
    columns: list[str] = []
    for (structure, is_table), name in zip(kinds, argument_names(f, len(kinds))):
        numbers = [f"{name}[{k}]" for k in range(structure.size)] if structure.size > 1 else [name]
        (columns if is_table else shared).extend(numbers)
    labels = [p.label or f"parameter[{k}]" for k, p in enumerate(parameters)]
    return Names([*labels, *shared, *[v.label or "captured" for v in captured]], [columns])


def _again(f: Callable[..., Any], run: Callable[..., Any]) -> Any:
    try:
        return run(True)
    except Exception as error:
        raise CompileError(
            f"{_name(f)} ran once, and when it was run again, to see whether it does the same, it failed: "
            f"{type(error).__name__}: {error}. Pass what it uses up or changes as an argument"
        ) from error


def _from_outside(ours: Run, other: Run) -> frozenset[Value]:
    """Values that both runs use: made before, or kept from the first run; and constants but the library's."""

    def is_read(node: Value) -> bool:
        kind = node.kind
        return kind == "computed" or node in ours.made or (kind == "constant" and scope_of(node) is not INSIDE)

    return frozenset(filter(is_read, set(ours.order).intersection(other.order)))


def _check_outside(
    f: Callable[..., Any],
    outside: frozenset[Value],
    given: Sequence[Sequence[Value]],
    run: Run,
    parameters: Sequence[Value],
) -> None:
    used = [node for node in topological_order(*_values(run.outputs), leaves=outside) if node in outside]
    computed = [node for node in used if not node.is_leaf]
    own = run.made.union(*given)
    if own.union(parameters).isdisjoint(topological_order(*computed)):
        return
    for node in computed:
        behind = set(topological_order(node))
        operation = node.primitive.name if node.primitive else ""
        if not own.isdisjoint(behind):
            raise CompileError(
                f"{_name(f)} reuses a result of {operation} from an earlier run: compute it in every call"
            )
        places = [k for k, p in enumerate(parameters) if p in behind]
        if places:
            parameter = parameters[places[0]].label or f"parameters[{places[0]}]"
            raise CompileError(
                f"{_name(f)} uses {node.label or 'a Value'} = {_number(node):g}, which was computed outside of it, by "
                f"{operation}, from {parameter}: that gradient would be lost. Compute it inside of the function"
            )


def to_program(
    run: Run,
    inputs: dict[Value, tuple[int, int]],
    parameters: Sequence[Value],
    outside: frozenset[Value],
    columns: Sequence[int],
) -> tuple[Program, list[int], list[Value]]:
    """The graph of a run as a program, the instructions of its outputs, and further Values that it reads at every call.

    Inputs stand for a column of a batch, (batch, column). Values from `outside` are read even if they are no leaves.
    """
    places = {parameter: k for k, parameter in enumerate(parameters)}
    captured: list[Value] = []
    program = Program(0, columns)
    index: dict[Value, int] = {}
    for node in topological_order(*_values(run.outputs), leaves=outside) if outside else run.order:
        if node in inputs:
            index[node] = program.append("input", (), inputs[node])
        elif node not in outside and node.primitive is not None:
            index[node] = program.append(node.primitive, [index[operand] for operand in node.operands])
        elif node not in outside and (node in run.made or node.kind == "constant"):
            index[node] = program.append("constant", (), _number(node))
        else:
            if node not in places:
                places[node] = len(places)
                captured.append(node)
            index[node] = program.append("parameter", (), places[node])
    program.parameters = program.sums = len(places)
    nodes = [index[o] if isinstance(o, Value) else program.constant(float(o)) for o in run.outputs]
    return program, nodes, captured


def _mark(program: Program) -> tuple[int, bytes]:
    """A fingerprint: equal for programs of the same instructions, constants to the bit."""
    numbers = [x.attribute for x in program.instructions if x.operation == "constant"]
    others = hash(tuple([None if x.operation == "constant" else x for x in program.instructions]))
    return others, hashlib.blake2b(array("d", numbers)).digest()


def _difference(first: tuple[list[list[Value]], Run], again: tuple[list[list[Value]], Run]) -> tuple[int, str]:
    """Where in its order the second run differs from the first, and how; "" if it does not."""
    (given, ours), (given_again, theirs) = first, again
    counterpart = {x: y for xs, ys in zip(given, given_again) for x, y in zip(xs, ys)}
    own = frozenset(counterpart)
    for position, (node, other) in enumerate(zip(ours.order, theirs.order)):
        if node is other or (node in own and counterpart[node] is other):
            continue
        operands, others = node.operands, other.operands
        if (node.primitive, node.kind, len(operands)) != (other.primitive, other.kind, len(others)) or node in own:
            return position, f"{_what_is(node)} became {_what_is(other)}"
        if not operands:
            known = (node in ours.made) == (other in theirs.made)
            if not known or not _same(_number(node), _number(other)):
                return position, f"{_number(node)!r} became {_number(other)!r}" if known else "a Value was made before"
        elif not all(map(is_, map(counterpart.get, operands, operands), others)):
            return position, f"the operands of {_what_is(node)} became others"
        counterpart[node] = other
    ending = min(len(ours.order), len(theirs.order))
    if len(ours.order) != len(theirs.order):
        return ending, f"{len(ours.order)} operations became {len(theirs.order)}"
    same = [
        counterpart.get(x, x) is y if isinstance(x, Value) else not isinstance(y, Value) and _same(x, y)
        for x, y in zip(ours.outputs, theirs.outputs)
    ]
    return ending, "" if all(same) and ours.structure == theirs.structure else "it returned something else"


def _what_is(node: Value) -> str:
    return node.primitive.name if node.primitive else "a Value"


def _same(number: float, other: float) -> bool:
    return struct.pack("d", number) == struct.pack("d", other)


def _number(node: Value) -> float:
    """The number in a Value, also while another function is being recorded around this one."""
    return read_data([node])[0]


def _line_of(run: Callable[..., Any], position: int) -> str:
    """The user's line behind the operation at this position, found by recording once more with line numbers."""
    try:
        order: list[Value] = run(True, True)[1].order
    except Exception:  # what it does is not to be relied on
        return ""
    node = order[min(position, len(order) - 1)] if order else None
    users = [user for user in order if user is node or any(operand is node for operand in user.operands)]
    lines = [line for line in map(line_of, users) if line]
    return f" ({lines[0]})" if lines else ""


def _random_states() -> list[Any]:
    """What tells whether numbers were drawn from Python's or NumPy's own generator."""
    states: list[Any] = [random.getstate()]
    if "numpy.random" in sys.modules:
        kind, words, *rest = sys.modules["numpy.random"].get_state()
        states += [kind, words.tobytes(), rest]
    return states


def _values(outputs: Iterable[Any]) -> list[Value]:
    return [output for output in outputs if isinstance(output, Value)]


def _name(f: Callable[..., Any]) -> str:
    return str(getattr(f, "__name__", type(f).__name__))
