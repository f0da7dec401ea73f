"""The order in which instructions are done, and the pieces that they are cut into.

The pieces are layers, and chunks of some hundred instructions, each a function of its own so that the time to compile
grows no faster than the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from autograd.compiler.program import LAYERS, UNIFORM, Program

CHUNK = 256
"""Instructions in a chunk. Those of many operands count as as many as have two."""


class NeedsSumFirstError(Exception):
    """The gradient of an example depends on the sum over all of them: a batch cannot be gone through only once."""


class Schedule(NamedTuple):
    """Pieces of a program, in the order in which they are done: chunks of instructions, and layers by themselves."""

    before: list[list[int]]  # done once, before the batches
    after: list[list[int]]  # done once, after them
    batches: list[list[list[int]]]  # of each batch; the first entry stands for UNIFORM

    @property
    def pieces(self) -> list[list[int]]:
        return [*self.before, *self.after, *(piece for pieces in self.batches for piece in pieces)]


def schedule(program: Program, batches: Sequence[int]) -> Schedule:
    """Cut a program into pieces, of whose instructions each belongs to one of the batches."""
    after_all: list[bool] = []
    before: list[int] = []
    after: list[int] = []
    of_batches: list[list[list[int]]] = [[[]] for _ in program.columns]
    for node, (operation, operands, attribute) in enumerate(program.instructions):
        effect = operation in ("batch_sum", "contribute", "range_contribute")
        batch = attribute[1] if operation == "batch_sum" else batches[node]
        waits = any(after_all[k] for k in operands)
        after_all.append(operation == "batch_sum" or (batch == UNIFORM and (effect or waits)))
        if operation in ("constant", "parameter", "input", "element"):
            continue
        if batch == UNIFORM:
            (after if after_all[node] else before).append(node)
            continue
        if waits:
            raise NeedsSumFirstError("a batch needs the sum over another batch, or over itself, first")
        pieces = of_batches[batch]
        if operation in LAYERS:
            pieces += [[node], []]
        else:
            pieces[-1].append(node)
    cut = [[chunk for piece in pieces for chunk in _chunks(program, piece)] for pieces in of_batches]
    return Schedule(list(_chunks(program, before)), list(_chunks(program, after)), cut)


def _chunks(program: Program, nodes: Sequence[int]) -> Iterator[list[int]]:
    """Instructions in pieces that LLVM is soon done with."""
    chunk: list[int] = []
    size = 0
    for node in nodes:
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
        chunk.append(node)
        size += max(1, len(program.instructions[node].operands) // 2)
    if chunk:
        yield chunk
