"""The frame: the table of addresses and counts through which native code reaches all its memory."""

from __future__ import annotations

from typing import NamedTuple

PARAMETERS, UNIFORMS, SUMS, RESULTS, SLOTS, LANE_SUMS, ROWS = range(7)
"""The first words of a frame: where these arrays are."""

FIRST_BATCH = 8
"""The word of a frame at which the first batch starts: its START, STOP, TOTAL, OUTPUTS, then address and row length of
the table of each of its arguments."""

START, STOP, TOTAL, OUTPUTS, TABLES = range(5)


class BatchLayout(NamedTuple):
    """The memory of a batch: its block of examples, its slots, and where the frame tells about it.

    Attributes:
        widths: how many columns each argument's table has.
        block: how many examples are computed together.
        slots: how many numbers are kept of each.
        word: the word of the frame at which the batch starts.
    """

    widths: tuple[int, ...]
    block: int
    slots: int
    word: int


class Layout(NamedTuple):
    """How much memory a lowered program needs, in numbers.

    Attributes:
        words: the length of the frame.
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
