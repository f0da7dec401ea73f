"""The argument block: the words through which native code reaches all its memory, addresses and counts.

The first words are the addresses of arrays:

    parameters    what is given from outside, the same for all examples
    uniforms      what is the same for all examples and is read by a later piece of the program
    sums          over all examples; the first ones are the gradients of the parameters
    results       what is wanted that is the same for all examples
    slots         the numbers of a block of examples
    lane_sums     sums over examples, each still in as many parts as there are lanes
    rows          room for some rows of a table
"""

from __future__ import annotations

from typing import NamedTuple

PARAMETERS, UNIFORMS, SUMS, RESULTS, SLOTS, LANE_SUMS, ROWS = range(7)


class Arrays(NamedTuple):
    """What these addresses are called in a function, in the order of the words."""

    parameters: str
    uniforms: str
    sums: str
    results: str
    slots: str
    lane_sums: str
    rows: str


FIRST_BATCH = 8
"""The word at which the first batch starts: its START, STOP, TOTAL, OUTPUTS, then the table of each argument."""

START, STOP, TOTAL, OUTPUTS, TABLES = range(5)


class BatchLayout(NamedTuple):
    """The memory of a batch: its block of examples, its slots, and where the argument block tells about it.

    Attributes:
        widths: how many columns each argument's table has.
        block: how many examples are computed together.
        slots: how many numbers are kept of each.
        word: the word of the argument block at which the batch starts.
    """

    widths: tuple[int, ...]
    block: int
    slots: int
    word: int


class MemoryLayout(NamedTuple):
    """How much memory a lowered program needs, in numbers.

    Attributes:
        words: the length of the argument block.
        uniforms, sums, lane_sums, slots, rows: the lengths of the arrays.
        batches: of each batch.
    """

    words: int
    uniforms: int
    sums: int
    lane_sums: int
    slots: int
    rows: int
    batches: tuple[BatchLayout, ...]
