"""From a function of Values to a program: it is run once, and the graph that it leaves behind is the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.compiler.program import Program
from autograd.graph import topological_order
from autograd.modes import CompileError, Trace, recording
from autograd.primitives import Primitive
from autograd.structure import flatten
from autograd.value import CONSTANT, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograd.structure import Rebuild


class Recorded(NamedTuple):
    """What a function did.

    Attributes:
        outputs: the numbers that it returned, Values or floats.
        rebuild: puts as many other numbers into the structure that it returned.
        made: the leaves that it made.
    """

    outputs: list[Any]
    rebuild: Rebuild
    made: set[Any]


def record(f: Callable[..., Any], arguments: Sequence[Any]) -> Recorded:
    """Run a function on Values whose numbers stand for any.

    Raises:
        CompileError: it looks at a number, or returns something that is no number.
    """
    with recording(), Trace() as trace:
        returned = f(*arguments)
    outputs, rebuild = flatten(returned)
    for output in outputs:
        if not isinstance(output, (Value, int, float)):
            raise CompileError(
                f"the result of {getattr(f, '__name__', f)!s} wants to be a Value, or a structure of Values, "
                f"got {type(output).__name__} {output!r:.80}"
            )
    return Recorded(outputs, rebuild, trace.made)


def to_program(
    outputs: Sequence[Any],
    inputs: dict[Value, tuple[int, int]],
    parameters: Sequence[Value],
    made: set[Any],
    columns: Sequence[int],
) -> tuple[Program, list[int], list[Value]]:
    """The graph behind some results as a program.

    Args:
        outputs: Values, or plain numbers.
        inputs: the Values that stand for a column of a batch, with (batch, column).
        parameters: the Values that are read at every call, in order.
        made: the leaves that belong to the program: constants.
        columns: of each batch, as for `Program`.

    Returns:
        The program; for each output its instruction; the leaves that are neither: they are read at every call as well,
        as parameters behind the others.
    """
    places = {parameter: k for k, parameter in enumerate(parameters)}
    captured: list[Value] = []
    program = Program(0, columns)
    index: dict[Value, int] = {}
    for node in topological_order(*[output for output in outputs if isinstance(output, Value)]):
        operation: Any = node._primitive
        if node in inputs:
            index[node] = program.append("input", (), inputs[node])
        elif isinstance(operation, Primitive):
            index[node] = program.append(operation, [index[parent] for parent in node.parents])
        elif operation is CONSTANT or node in made:
            index[node] = program.append("constant", (), node._data)
        else:
            if node not in places:
                places[node] = len(places)
                captured.append(node)
            index[node] = program.append("parameter", (), places[node])
    program.parameters = program.sums = len(places)
    nodes = [index[o] if isinstance(o, Value) else program.constant(float(o)) for o in outputs]
    return program, nodes, captured
