"""From a function of Values to a program: it is run, and the graph that it leaves behind is the program.

It is run twice, on numbers that differ in the last place, and has to do the same both times. What both graphs have in
common was there before: a Value from outside, which is read at every call. What the second run did otherwise than the
first, a compiled function would do as in the first for ever: that is an error.
"""

from __future__ import annotations

import hashlib
import math
import random
import struct
import sys
from array import array
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.compiler.program import Program
from autograd.errors import CompileError
from autograd.graph import topological_order
from autograd.modes import Trace, recording
from autograd.primitives import Primitive
from autograd.scopes import INSIDE, scope, scope_of
from autograd.structure import flatten
from autograd.value import CONSTANT, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autograd.structure import Rebuild

_SMALLEST = math.ulp(0.0)

RUNS_OF_CHANCE = 12
"""So many times a function is run while which random numbers are drawn: one that tosses a coin is found out."""


class Recorded(NamedTuple):
    """What a function did.

    Attributes:
        outputs: the numbers that it returned, Values or floats.
        rebuild: puts as many other numbers into the structure that it returned.
        made: the leaves that it made.
        order: the graph behind the outputs, operands before results.
    """

    outputs: list[Any]
    rebuild: Rebuild
    made: set[Any]
    order: list[Value]


def record(f: Callable[..., Any], arguments: Sequence[Any], names_lines: bool = False) -> Recorded:
    """Run a function on Values whose numbers stand for any.

    Args:
        f: the function.
        arguments: what it is called with.
        names_lines: whether every node is to know the user's line that made it, which takes longer.

    Raises:
        CompileError: it looks at a number, or returns something that is no number.
    """
    trace = Trace(names_lines)
    with recording(), trace:
        if names_lines:
            with scope("recorded"):  # in it every operation goes the long way
                returned = f(*arguments)
        else:
            returned = f(*arguments)
    outputs, rebuild = flatten(returned)
    for output in outputs:
        if not isinstance(output, (Value, int, float)):
            raise CompileError(
                f"the result of {_name(f)} wants to be a Value, or a structure of Values, "
                f"got {type(output).__name__} {output!r:.80}"
            )
    return Recorded(outputs, rebuild, trace.made, topological_order(*_values(outputs)))


class Traced(NamedTuple):
    """What a function does, each time the same.

    Attributes:
        program: what it does.
        nodes: for each output its instruction.
        captured: the Values from outside that are not parameters: read at every call, as parameters behind the others.
        recorded: one run of it.
        given: what it was given in that run, for each argument what was put in its place and the Values in that.
        mark: equal for recordings that say the same.
    """

    program: Program
    nodes: list[int]
    captured: list[Value]
    recorded: Recorded
    given: list[tuple[Any, list[Value]]]
    mark: Any


def trace(
    f: Callable[..., Any],
    give: Callable[[], list[tuple[Any, list[Value]]]],
    is_column: Sequence[bool],
    parameters: Sequence[Value],
    chance: bool = False,
) -> Traced:
    """Run a function again and again, and make a program of what it does.

    Args:
        f: the function.
        give: makes arguments for a run: for each what is put in its place, and the Values in that.
        is_column: of each argument, whether its Values stand for columns of a batch.
        parameters: the Values that are read at every call, in order; those of arguments that are no columns follow.
        chance: whether it is known to draw random numbers.

    Raises:
        CompileError: a run differs from the first; says in what and, where it can be found out, at which line.
    """

    def run(others: bool, names_lines: bool = False) -> tuple[list[tuple[Any, list[Value]]], Recorded]:
        given = give()
        if others:  # what was made of their numbers will differ
            for value in [value for _, values in given for value in values]:
                value._data = math.nextafter(value._data, 0.0) if value._data else _SMALLEST
        return given, record(f, [argument for argument, _ in given], names_lines)

    states = _random_states()
    given, recorded = first = run(others=False)
    outside: frozenset[Value] = frozenset()
    runs = 1
    while runs < (RUNS_OF_CHANCE if chance or states != _random_states() else 2):
        again = _again(f, run)
        runs += 1
        position, what = _difference(first, again)
        if what:
            raise CompileError(
                f"{_name(f)} did not do the same when it was run again: {what}{_line_of(run, position)}. A random "
                f"number, a counter, a list that grew: what is to change from call to call wants to be an argument, "
                f"or in a Value"
            )
        outside = outside or _from_outside(recorded, again[1])
    _check_outside(f, outside, given, recorded, parameters)
    columns = [value for (_, values), column in zip(given, is_column) if column for value in values]
    shared = [value for (_, values), column in zip(given, is_column) if not column for value in values]
    inputs = {value: (1, k) for k, value in enumerate(columns)}
    batches = [0, len(columns)] if any(is_column) else [0]
    program, nodes, captured = to_program(recorded, inputs, [*parameters, *shared], outside, batches)
    return Traced(program, nodes, captured, recorded, given, _mark(program, nodes, captured, recorded))


def _again(f: Callable[..., Any], run: Callable[..., Any]) -> Any:
    try:
        return run(True)
    except Exception as error:
        raise CompileError(
            f"{_name(f)} ran once, and when it was run again, to see whether it does the same, it failed: "
            f"{type(error).__name__}: {error}. What it uses up or changes it wants to be given as an argument"
        ) from error


def _from_outside(recorded: Recorded, other: Recorded) -> frozenset[Value]:
    """What both runs have used that was computed before, or that the first has made and kept; and constants."""
    common = set(recorded.order).intersection(other.order)
    return frozenset([node for node in common if node._left is not None or _is_read(node, recorded)])


def _is_read(leaf: Value, recorded: Recorded) -> bool:
    """Whether a leaf from outside is read though a run takes such leaves for its own; not the library's constants."""
    return leaf in recorded.made or (leaf._primitive is CONSTANT and scope_of(leaf) is not INSIDE)


def _check_outside(
    f: Callable[..., Any],
    outside: frozenset[Value],
    given: Sequence[tuple[Any, list[Value]]],
    recorded: Recorded,
    parameters: Sequence[Value],
) -> None:
    used = [node for node in topological_order(*_values(recorded.outputs), leaves=outside) if node in outside]
    computed = [node for node in used if node._left is not None]
    own = recorded.made.union(*[values for _, values in given])
    if own.union(parameters).isdisjoint(topological_order(*computed)):
        return
    for node in computed:
        behind = set(topological_order(node))
        operation = node.primitive.name if node.primitive else ""
        if not own.isdisjoint(behind):
            raise CompileError(
                f"{_name(f)} uses the result of {operation} again that it computed when it was run before: compute it "
                f"anew each time"
            )
        places = [k for k, p in enumerate(parameters) if p in behind]
        if places:
            parameter = parameters[places[0]].label or f"parameters[{places[0]}]"
            raise CompileError(
                f"{_name(f)} uses {node.label or 'a Value'} = {node._data:g}, which was computed outside of it, by "
                f"{operation}, from {parameter}: that gradient would be lost. Compute it inside of the function"
            )


def to_program(
    recorded: Recorded,
    inputs: dict[Value, tuple[int, int]],
    parameters: Sequence[Value],
    outside: frozenset[Value],
    columns: Sequence[int],
) -> tuple[Program, list[int], list[Value]]:
    """The graph behind some results as a program.

    Args:
        recorded: the run.
        inputs: the Values that stand for a column of a batch, with (batch, column).
        parameters: the Values that are read at every call, in order.
        outside: Values that are read at every call though they are no leaves.
        columns: of each batch, as for `Program`.
    """
    places = {parameter: k for k, parameter in enumerate(parameters)}
    captured: list[Value] = []
    program = Program(0, columns)
    index: dict[Value, int] = {}
    outputs, made = recorded.outputs, recorded.made
    for node in topological_order(*_values(outputs), leaves=outside) if outside else recorded.order:
        operation: Any = node._primitive
        if node in inputs:
            index[node] = program.append("input", (), inputs[node])
        elif isinstance(operation, Primitive) and node not in outside:
            index[node] = program.append(operation, [index[parent] for parent in node.parents])
        elif (operation is CONSTANT or node in made) and node not in outside:
            index[node] = program.append("constant", (), node._data)
        else:
            if node not in places:
                places[node] = len(places)
                captured.append(node)
            index[node] = program.append("parameter", (), places[node])
    program.parameters = program.sums = len(places)
    nodes = [index[o] if isinstance(o, Value) else program.constant(float(o)) for o in outputs]
    return program, nodes, captured


def _mark(program: Program, nodes: Sequence[int], captured: Sequence[Value], recorded: Recorded) -> Any:
    """What is equal for recordings that say the same: instructions, constants to the bit, other Values, structure."""
    numbers = [x.attribute for x in program.instructions if x.operation == "constant"]
    others = hash(tuple([None if x.operation == "constant" else x for x in program.instructions]))
    bits = hashlib.blake2b(array("d", numbers)).digest()
    return others, bits, tuple(nodes), tuple(map(id, captured)), repr(_structure(recorded.rebuild(nodes)))


def _structure(tree: Any) -> Any:
    """What a function returned, without the numbers."""
    if isinstance(tree, dict):
        return [(key, _structure(part)) for key, part in tree.items()]
    if isinstance(tree, (list, tuple)):
        return type(tree), [_structure(part) for part in tree]
    return getattr(tree, "shape", ())


def _difference(first: tuple[Any, Recorded], again: tuple[Any, Recorded]) -> tuple[int, str]:
    """Where in its order the second run did something else than the first, and what; "" if it did the same."""
    (given, ours), (given_again, theirs) = first, again
    counterpart = {x: y for (_, xs), (_, ys) in zip(given, given_again) for x, y in zip(xs, ys)}
    own = frozenset(counterpart)
    for position, (node, other) in enumerate(zip(ours.order, theirs.order)):
        if node is other or (node in own and counterpart[node] is other):
            continue
        operands, others = node.parents, other.parents
        if node._primitive is not other._primitive or node in own or len(operands) != len(others):
            return position, f"{_what_is(node)} became {_what_is(other)}"
        if not operands:
            known = (node in ours.made) == (other in theirs.made)
            if not known or _bits(node._data) != _bits(other._data):
                return position, f"{node._data!r} became {other._data!r}" if known else "a Value was made before"
        elif not all(map(is_, map(counterpart.get, operands, operands), others)):
            return position, f"the operands of {_what_is(node)} became others"
        counterpart[node] = other
    ending = min(len(ours.order), len(theirs.order))
    if len(ours.order) != len(theirs.order):
        return ending, f"{len(ours.order)} operations became {len(theirs.order)}"
    same = [
        counterpart.get(x, x) is y if isinstance(x, Value) else not isinstance(y, Value) and _bits(x) == _bits(y)
        for x, y in zip(ours.outputs, theirs.outputs)
    ]
    structures = [_structure(run.rebuild(range(len(run.outputs)))) for run in (ours, theirs)]
    return ending, "" if all(same) and structures[0] == structures[1] else "it returned something else"


def _what_is(node: Value) -> str:
    return node.primitive.name if node.primitive else "a Value"


def _bits(number: float) -> bytes:
    return struct.pack("d", number)


def _line_of(run: Callable[..., Any], position: int) -> str:
    """The user's line that uses what stands at this position, in a run that is like the others as far as that."""
    try:
        order: list[Value] = run(True, True)[1].order
    except Exception:  # what it does is not to be relied on
        return ""
    node = order[min(position, len(order) - 1)] if order else None
    users = [user for user in order if user is node or any(parent is node for parent in user.parents)]
    lines = [line for line in [getattr(user, "_origin", "") for user in users] if line]
    return f" ({lines[0]})" if lines else ""


def _random_states() -> list[Any]:
    """What tells whether anybody has drawn numbers from Python's or NumPy's own generator."""
    states: list[Any] = [random.getstate()]
    if "numpy.random" in sys.modules:
        kind, words, *rest = sys.modules["numpy.random"].get_state()
        states += [kind, words.tobytes(), rest]
    return states


def _values(outputs: Iterable[Any]) -> list[Value]:
    return [output for output in outputs if isinstance(output, Value)]


def _name(f: Callable[..., Any]) -> str:
    return str(getattr(f, "__name__", type(f).__name__))
