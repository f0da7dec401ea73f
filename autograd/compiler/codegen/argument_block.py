"""The argument block: the words through which native code reaches all its memory, addresses and counts."""

from __future__ import annotations

from typing import NamedTuple


class Arrays(NamedTuple):
    """The arrays whose addresses are the first words, in that order: what they are called in a function."""

    parameters: str  # what is given from outside, the same for all examples
    uniforms: str  # what is the same for all examples and is read by a later piece of the program
    sums: str  # over all examples; the first ones are the gradients of the parameters
    results: str  # what is wanted that is the same for all examples
    slots: str  # the numbers of a block of examples
    lane_sums: str  # sums over examples, each still in as many parts as there are lanes
    rows: str  # room for some rows of a table


PARAMETERS, UNIFORMS = 0, 1
"""The words of the first two."""

FIRST_BATCH = 8
"""The word at which the first batch starts: its START, STOP, TOTAL, OUTPUTS, then the table of each argument."""

START, STOP, TOTAL, OUTPUTS, TABLES = range(5)


class BatchLayout(NamedTuple):
    """The memory of a batch."""

    widths: tuple[int, ...]  # how many columns each argument's table has
    block: int  # how many examples are computed together
    slots: int  # how many numbers are kept of each
    word: int  # the word of the argument block at which the batch starts


class MemoryLayout(NamedTuple):
    """How much memory a lowered program needs: the lengths of the argument block and of the arrays, in numbers."""

    words: int
    uniforms: int
    sums: int
    lane_sums: int
    slots: int
    rows: int
    batches: tuple[BatchLayout, ...]
