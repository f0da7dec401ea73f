"""From a program to native code: the passes in their order, each checked, and a report of what they did."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

from autograd.compiler.codegen.argument_block import MemoryLayout
from autograd.compiler.codegen.lowering import Lowered, lower
from autograd.compiler.codegen.target import Target
from autograd.compiler.goals import Wanted
from autograd.compiler.passes import AFTER_GRADIENT, BEFORE_GRADIENT, FOR_MACHINE, NEEDED, Pass
from autograd.compiler.passes.differentiate import differentiate
from autograd.compiler.passes.layers import find_ranges
from autograd.compiler.program import Program
from autograd.compiler.runtime import native
from autograd.compiler.verify import verify


class Built(NamedTuple):
    """Native code, and what is known about it."""

    code: native.Code
    layout: MemoryLayout
    program: Program
    readable: Program  # forward and backward, in rows of the table
    report: list[str]  # what `print(step)` shows: sizes, times, the machine, what is called
    needs_check: bool  # whether the last result says if the gradients are finite, see `differentiate`


def build(
    program: Program,
    widths: Sequence[Sequence[int]],
    target: Target,
    wanted: Wanted | None = None,
    without: Collection[str] = (),
    outputs_by_column: bool = False,
    example_by_example: bool = False,
) -> Built:
    """Compile a recorded program, `without` passes of these names. Other arguments: see `lower` and `differentiate`."""
    start = time.perf_counter()
    report: list[str] = []

    def check(program: Program, after: str) -> None:
        verify(program, after)
        report.append(f"  {after:24}{len(program.instructions):>9,} instructions")

    def run(stages: Sequence[Pass], program: Program) -> Program:
        for stage in stages:
            if stage.__name__ not in without or stage.__name__ in NEEDED:
                program = stage(program)
                check(program, stage.__name__)
        return program

    check(program, "trace")
    if example_by_example:
        without = (*without, find_ranges.__name__)  # they take a sum
    program = run(BEFORE_GRADIENT, program)
    to_check = None
    if wanted is not None:
        program = program.rewritten(lambda *_: None)
        program.forward = len(program.instructions)
        root = (program.results or program.outputs[1])[wanted.root]
        gradients, to_check = differentiate(program, root, wanted.parameters, wanted.columns, example_by_example)
        if wanted.columns:
            program.outputs[1] = [*program.outputs[1], *gradients]
        if to_check is not None:
            program.results.append(to_check)
        check(program, "differentiate")
    readable = program = run(AFTER_GRADIENT, program)
    program = run(FOR_MACHINE, program)
    lowered = lower(program, target, widths, outputs_by_column)
    middle = time.perf_counter()
    code = native.Code(lowered)
    own, llvm = middle - start, time.perf_counter() - middle
    report.append(f"  compiled in {own + llvm:.2f} s: passes {own:.2f} s, LLVM {llvm:.2f} s; {lowered.chunks} pieces")
    report += _about_the_machine(lowered, target)
    return Built(code, lowered.layout, program, readable, report, to_check is not None)


def _about_the_machine(lowered: Lowered, target: Target) -> list[str]:
    lines = []
    if lowered.layout.batches:
        blocks = ", ".join(str(batch.block) for batch in lowered.layout.batches)
        lines.append(f"  {target.lanes} lanes of {target.number}, blocks of {blocks} examples")
    for functions, where in (
        (lowered.library.written, "vector math of its own (within 4 ulp)"),
        (lowered.library.vectorized, "vector math (glibc's libmvec, within 4 ulp)"),
        (lowered.library.scalar, "number by number, from the C library"),
    ):
        if functions:
            lines.append(f"  {where}: {', '.join(sorted(functions))}")
    return lines
