"""Programs by hand and as recorded, in order and not; `python -c` builds those that are not in a process of its own."""

import contextlib
import math
import random

import pytest

import autograd
from autograd import PRIMITIVES, Value
from autograd.compiler import build, goals
from autograd.compiler.program import Instruction, Program, Range, Weights
from autograd.compiler.recording import record, to_program
from autograd.compiler.runtime import native
from autograd.compiler.verify import verify
from nn import MLP

ADD, SUB, MUL, NEG, DOT, WHERE = (PRIMITIVES[name] for name in ("add", "sub", "mul", "neg", "dot", "where"))


def operations(program):
    return [instruction.name for instruction in program.instructions]


def compiled_operations(step):
    """The names of the operations in the program of the last call."""
    return operations(step.executables.last.built.program)


def modules_of(step):
    """The text that LLVM is given for the call of a function of no arguments."""
    given = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "Module", lambda *texts, make=native.Module: given.append(texts) or make(*texts))
        step()
    return given[-1]


def small_program():
    """Of two parameters and two columns: the sum of p0 x0 + p1 x1 over the examples, p0 p1, and x0 + x1 of each."""
    program = Program(2, [0, 2])
    p0, p1 = (program.append("parameter", (), k) for k in range(2))
    x0, x1 = (program.append("input", (), (1, k)) for k in range(2))
    loss = program.append(DOT, (p0, p1, x0, x1))
    total = program.append("batch_sum", (loss,), (program.new_sum(), 1))
    program.results = [program.append(MUL, (p0, p1)), total]
    program.outputs = {1: [program.append(ADD, (x0, x1))]}
    verify(program, "trace")
    return program


def program_of(f, parameters=0, columns=0):
    """The program of a function of a list of parameters and the list of a batch's columns; its results are outputs."""
    ps, xs = [Value(1.0) for _ in range(parameters)], [Value(1.0) for _ in range(columns)]
    recorded = record(f, [ps, xs])
    inputs = {x: (1, k) for k, x in enumerate(xs)}
    program, nodes, captured = to_program(recorded, inputs, ps, frozenset(), [0, columns])
    assert not captured
    program.outputs = {1: nodes}
    verify(program, "trace")
    return program


# --- Not in order ----------------------------------------------------------------------------------------------------


def recorded_programs():
    """Programs with what they are built with: as recorded and as handed to LLVM, with layers, ranges and choices."""
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    parameters = model.parameters()

    def loss(p, x):
        z = [autograd.dot(p[3 * k : 3 * k + 3], [*x, 1.0]).tanh() for k in range(4)]
        return autograd.where(z[0] > x[1], autograd.logsumexp(z), z[2] ** 2) + autograd.dot(p, p)

    program = program_of(lambda p, x: [loss(p, x)], len(parameters), 2)
    total = program.append("batch_sum", (program.outputs.pop(1)[0],), (program.new_sum(), 1))
    program.results = [program.append(PRIMITIVES["div"], (total, program.append("count", (), 1)))]
    wanted = goals.Wanted(0, range(len(parameters)))
    ready = build.build(program, [[2]], native.target("float64", "vector"), wanted).program
    return [(program, wanted), (ready, None), (small_program(), goals.Wanted(1, range(2))), (small_program(), None)]


def broken(program, draw):
    """The program with an instruction or two changed at random."""
    new = program.rewritten(lambda *_: None)
    names = ["constant", "parameter", "input", "count", "batch_sum", "contribute", "layer", "layer_inputs"]
    names += ["layer_weights", "element", "copy", "range_dot", "range_contribute", "nonsense", None]
    attributes = [-1, 0, 1, 2, 17, 10**30, 0.0, 1.5, math.nan, None, "x", (0, 1), (1, 0), (1, 10**9), (-1, -1), ()]
    for _ in range(draw.randint(1, 2)):
        place = draw.randrange(len(new.instructions))
        operation, operands, attribute = new.instructions[place]
        match draw.randrange(6):
            case 0:
                operation = draw.choice([*PRIMITIVES.values(), *names])
            case 1:
                operands = tuple([draw.choice([k, -1, place, place + 1, draw.randrange(place + 1)]) for k in operands])
            case 2:
                operands = draw.choice([operands[1:], (*operands, 0)])
            case 3:
                new.results = [draw.choice([-1, 10**6, place])]
            case 4 if isinstance(attribute, (Weights, Range)):
                field = draw.choice(attribute._fields)
                attribute = attribute._replace(**{field: draw.choice([-5, -1, 0, 1, 2, 3, 100, None])})
            case _:
                attribute = draw.choice(attributes)
        new.instructions[place] = Instruction(operation, operands, attribute)
    return new


def build_broken_programs(count):
    """How many were built, and how many were refused; what the next test does in a process of its own."""
    draw = random.Random(0)
    programs = recorded_programs()
    built = 0
    for _ in range(count):
        program, wanted = draw.choice(programs)
        with contextlib.suppress(Exception):
            build.build(broken(program, draw), [[2]], native.target("float64", "vector"), wanted)
            built += 1
    print(built, count - built)
