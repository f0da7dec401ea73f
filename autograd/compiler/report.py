"""What was compiled, told: what `print(step)` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from autograd.compiler.codegen.target import Target
    from autograd.compiler.program import Program
    from autograd.compiler.runtime.executable import Executable


class Report(NamedTuple):
    """What was compiled.

    Attributes:
        sizes: for each pass its name, and the number of instructions after it.
        readable: the program, forward and backward, in rows of the table.
        pieces: how many chunks and layers were made.
        seconds: how long passes and LLVM took.
        target: the machine.
        functions: the functions of the C library that it calls number by number.
        vectorised: those that it calls on whole registers.
        written: functions on whole registers that are part of the code.
    """

    sizes: list[tuple[str, int]]
    readable: Program
    pieces: int
    seconds: tuple[float, float]
    target: Target
    functions: tuple[str, ...]
    vectorised: tuple[str, ...]
    written: tuple[str, ...]


def report_of(executable: Executable) -> list[str]:
    """How large it is after each pass, how long that took, what it runs on and what it calls."""
    report = executable.built.report
    lines = [f"  {name:24}{size:>9,} instructions" for name, size in report.sizes]
    own, llvm = report.seconds
    lines.append(f"  compiled in {own + llvm:.2f} s: passes {own:.2f} s, LLVM {llvm:.2f} s; {report.pieces} pieces")
    if executable.built.layout.batches:
        blocks = ", ".join(str(batch.block) for batch in executable.built.layout.batches)
        lines.append(f"  {report.target.lanes} lanes of {report.target.number}, blocks of {blocks} examples")
    if executable.rolled is not None:
        parts = ", ".join(f"{count:,}" for count in executable.rolled.counts)
        lines.append(f"  rolled into {len(executable.rolled.counts)} subgraph(s) over {parts} examples")
    if report.written:
        lines.append(f"  vector math of its own (within 4 ulp): {', '.join(report.written)}")
    if report.vectorised:
        lines.append(f"  vector math (glibc's libmvec, within 4 ulp): {', '.join(report.vectorised)}")
    if report.functions:
        lines.append(f"  number by number, from the C library: {', '.join(report.functions)}")
    return lines
