"""The memory of one call: the argument block that native code is given, results and working space."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.compiler.codegen.argument_block import START, STOP, TABLES, TOTAL, UNIFORMS, BatchLayout, MemoryLayout

_ALIGNMENT = 64  # bytes: of a cache line, and of the largest register


class ArgumentBlock:
    """Addresses and counts for native code, and the arrays that it writes. A call has it for itself.

    `words` are the block, at `address`. Of the results, those that are known without a call are `constants`.
    """

    def __init__(self, layout: MemoryLayout, constants: Any) -> None:
        dtype = constants.dtype
        self.words = (ctypes.c_int64 * layout.words)()
        self.address = ctypes.addressof(self.words)
        self.uniforms = _aligned(layout.uniforms, dtype)
        self.sums = _aligned(layout.sums, dtype)[: layout.sums]
        self.results = constants.copy()
        self._working = [_aligned(count, dtype) for count in (layout.slots, layout.lane_sums, layout.rows)]
        arrays = (self.uniforms, self.sums, self.results, *self._working)  # in the order of codegen's Arrays
        for word, array in enumerate(arrays, UNIFORMS):
            self.words[word] = array.ctypes.data

    def bind(self, batch: BatchLayout, addresses: Sequence[int], count: int) -> None:
        """Say where the tables of a batch are, and how many examples it has."""
        words, word = self.words, batch.word
        words[word + START] = 0
        words[word + STOP] = words[word + TOTAL] = count
        for k, table in enumerate(addresses, word + TABLES):
            words[k] = table


def _aligned(count: int, dtype: Any) -> Any:
    """An array of that many numbers, and some more, that begins at the start of a cache line."""
    size = np.dtype(dtype).itemsize
    space = np.zeros(count + 2 * _ALIGNMENT // size, dtype)
    skipped = -space.ctypes.data % _ALIGNMENT // size
    return space[skipped:]
