"""From a program to native code: the passes in their order, each checked, and a report of what they did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from autograd.compiler.codegen.lowering import lower
from autograd.compiler.passes import AFTER_GRADIENT, BEFORE_GRADIENT, FOR_MACHINE, NEEDED
from autograd.compiler.passes.differentiate import differentiate
from autograd.compiler.passes.layers import find_ranges
from autograd.compiler.report import Report
from autograd.compiler.runtime import native
from autograd.compiler.verify import verify

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autograd.compiler.codegen.argument_block import MemoryLayout
    from autograd.compiler.codegen.target import Target
    from autograd.compiler.goals import Wanted
    from autograd.compiler.passes import Pass
    from autograd.compiler.program import Program


class Built(NamedTuple):
    """Native code, the memory it needs, the program it was made from, the report.

    And whether the last result is a doubt: the gradients want to be computed example by example where it is not finite.
    """

    code: native.Code
    layout: MemoryLayout
    program: Program
    report: Report
    has_doubt: bool


def build(
    program: Program,
    widths: Sequence[Sequence[int]],
    target: Target,
    wanted: Wanted | None = None,
    without: Collection[str] = (),
    outputs_by_column: bool = False,
    example_by_example: bool = False,
) -> Built:
    """Compile a program.

    Args:
        program: as recorded.
        widths: for every batch, how many columns each argument has.
        target: the machine.
        wanted: what to differentiate.
        without: names of passes to leave out.
        outputs_by_column: see `lower`.
        example_by_example: see `differentiate`.
    """
    start = time.perf_counter()
    verify(program, "trace")
    sizes = [("trace", len(program.instructions))]

    def run(stages: Sequence[Pass], program: Program) -> Program:
        for stage in stages:
            if stage.__name__ not in without or stage.__name__ in NEEDED:
                program = stage(program)
                verify(program, stage.__name__)
                sizes.append((stage.__name__, len(program.instructions)))
        return program

    if example_by_example:
        without = (*without, find_ranges.__name__)  # they take a sum
    program = run(BEFORE_GRADIENT, program)
    has_doubt = False
    if wanted is not None:
        program = program.rewritten(lambda *_: None)
        program.forward = len(program.instructions)
        roots = program.results or program.outputs[1]
        gradients, doubt = differentiate(
            program, roots[wanted.root], wanted.parameters, wanted.columns, example_by_example
        )
        if wanted.columns:
            program.outputs[1] = [*program.outputs[1], *gradients]
        if doubt is not None:
            program.results.append(doubt)
            has_doubt = True
        verify(program, "differentiate")
        sizes.append(("differentiate", len(program.instructions)))
    readable = program = run(AFTER_GRADIENT, program)
    program = run(FOR_MACHINE, program)
    lowered = lower(program, target, widths, outputs_by_column)
    middle = time.perf_counter()
    code = native.Code(lowered)
    report = Report(
        sizes,
        readable,
        lowered.chunks,
        (middle - start, time.perf_counter() - middle),
        target,
        tuple(sorted(lowered.library.scalar)),
        tuple(sorted(lowered.library.vectorised)),
        tuple(sorted(lowered.library.written)),
    )
    return Built(code, lowered.layout, program, report, has_doubt)
