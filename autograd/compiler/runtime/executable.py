"""What happens at a call: addresses go into a frame, code runs, numbers come out."""

from __future__ import annotations

import ctypes
from collections import deque
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiler.arguments import address
from autograd.compiler.codegen.argument_block import (
    LANE_SUMS,
    OUTPUTS,
    PARAMETERS,
    RESULTS,
    ROWS,
    SLOTS,
    START,
    STOP,
    SUMS,
    TABLES,
    TOTAL,
    UNIFORMS,
    BatchLayout,
)
from autograd.compiler.runtime import threads as pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from autograd.compiler.build import Built
    from autograd.compiler.program import Names
    from autograd.compiler.roll import Rolled
    from autograd.compiler.runtime.native import Code
    from autograd.value import Value

_FEW = 4096
"""So many numbers are copied sooner than their address is found."""

_ALIGNMENT = 64  # bytes: of a cache line, and of the largest register


class Plan:
    """A compiled form of a function, for arguments of one kind.

    Attributes:
        built: the code, and what is known about it.
        captured: Values that the function uses besides its parameters; they are read at every call.
        outputs: how many numbers there are for each example.
        results: puts the numbers into the structure that the function returned.
        names: what the program's text calls things.
        rolled: where the tables of examples come from that were found in the function itself.
        mark: of the recording that it was made of, see `trace`.
        used: the larger, the later it was called.
        careful: makes the plan that takes the place of this one where its gradients are in doubt.
    """

    def __init__(
        self,
        built: Built,
        captured: Sequence[Value],
        outputs: int,
        results: Callable[[Any], Any],
        dtype: Any,
        names: Names,
        rolled: Rolled | None = None,
        careful: Callable[[], Plan] | None = None,
    ) -> None:
        self.built, self.captured, self.outputs, self.results = built, captured, outputs, results
        self.dtype, self.names, self.rolled = dtype, names, rolled
        self.mark: Any = None
        self.used = 0
        self.careful = cache(careful) if careful is not None and built.has_doubt else None
        results_of = [built.program.instructions[k] for k in built.program.results]
        self.constants = np.array([x.attribute if x.operation == "constant" else 0.0 for x in results_of], dtype)
        self._frames: deque[Frame] = deque()

    def run(
        self,
        vector: Any,
        addresses: Sequence[Sequence[int]],
        counts: Sequence[int],
        outputs: Any = None,
        threads: int = 1,
        tables: Any = None,
    ) -> tuple[Any, Any]:
        """Call the code.

        Args:
            vector: the parameters, an array without gaps.
            addresses: for every batch, where the tables of its arguments are.
            counts: how many examples each batch has.
            outputs: where the outputs of the first batch go; None if there are none.
            threads: how many may run.
            tables: what is at the addresses: it is kept for as long as threads may look at it.

        Returns:
            The sums, and the results.
        """
        frame = self._take_frame()
        words = frame.words
        words[PARAMETERS] = address(vector)
        for batch, of_batch, count in zip(self.built.layout.batches, addresses, counts):
            frame.bind(batch, of_batch, count)
        if outputs is not None:
            words[self.built.layout.batches[0].word + OUTPUTS] = address(outputs)
        if threads > 1 and len(counts) == 1 and counts[0] >= 2 * threads * self.built.layout.batches[0].block:
            self._run_in_threads(frame, counts[0], threads, (frame, vector, outputs, tables))
        else:
            self.built.code.run(frame.address)
        sums, results = frame.sums.copy(), frame.results.copy()
        self._frames.append(frame)
        if self.careful is None:
            return sums, results
        if not isfinite(results.item(-1)):
            return self.careful().run(vector, addresses, counts, outputs, threads, tables)
        return sums, results[:-1]

    def repeated(
        self, addresses: Sequence[int], n: int, size: int, has_aux: bool, tables: Any = None
    ) -> Callable[[Any], tuple[Any, Any]]:
        """The shortest way to a loss and its gradient, for calls that differ in nothing but the parameters.

        Args:
            addresses: where the tables of the only batch are.
            n: how many examples it has.
            size: how many sums are wanted, the first.
            has_aux: whether outputs for each example are wanted as well.
            tables: what is at the addresses, if it is to live as long as the function.

        Returns:
            A function of the vector of parameters. It returns the result (in a pair with the outputs, if wanted) and
            the sums.
        """
        batch = self.built.layout.batches[0]
        run, outputs, results_of, dtype = self.built.code.run, self.outputs, self.results, self.dtype
        copied = size <= _FEW
        careful = self.careful
        again = cache(lambda: careful().repeated(addresses, n, size, has_aux, tables)) if careful is not None else None
        frames: deque[tuple[Any, Any, int, Any, Any, Any]] = deque()

        def new() -> tuple[Any, Any, int, Any, Any, Any]:
            frame = Frame(self.built, self.constants)
            frame.bind(batch, addresses, n)
            parameters = np.empty(size if copied else 0, dtype)
            frame.words[PARAMETERS] = parameters.ctypes.data
            return parameters, frame.words, frame.address, frame.results, frame.sums[:size], (frame, tables)

        def call(vector: Any) -> tuple[Any, Any]:
            try:
                taken = frames.pop()
            except IndexError:
                taken = new()
            parameters, words, where, results, sums, _ = taken
            if copied:
                parameters[...] = vector
            else:
                vector = np.ascontiguousarray(vector)
                words[PARAMETERS] = address(vector)
            if not has_aux:
                run(where)
                found = results.item(0), sums.copy()
            else:
                table = np.empty((n, outputs), dtype)
                words[batch.word + OUTPUTS] = address(table)
                run(where)
                found = (results.item(0), results_of(table)), sums.copy()
            if again is not None and not isfinite(results.item(-1)):
                found = again()(vector)
            frames.append(taken)
            return found

        return call

    def _run_in_threads(self, frame: Frame, count: int, threads: int, kept: Any) -> None:
        """Each thread does a part of the examples, in whole blocks, into sums of its own."""
        code, batch = self.built.code, self.built.layout.batches[0]
        blocks = -(-count // batch.block)
        cuts = [min(count, blocks * k // threads * batch.block) for k in range(threads + 1)]
        frames = [frame, *(self._take_frame() for _ in range(threads - 1))]
        code.before(frame.address)
        for own, start, stop in zip(frames, cuts, cuts[1:]):
            if own is not frame:
                own.words[PARAMETERS], own.words[UNIFORMS] = frame.words[PARAMETERS], frame.words[UNIFORMS]
                own.words[batch.word :] = frame.words[batch.word :]  # type: ignore[assignment]
            own.words[batch.word + START], own.words[batch.word + STOP] = start, stop
            own.sums[:] = 0.0
        tasks: list[Future[Any]] = []
        try:
            for own in frames[1:]:
                tasks.append(pool.start(_batch, code, own, kept))
            code.batch(frame.address)
        finally:  # Ctrl-C as well
            pool.finish(tasks)
        for own in frames[1:]:
            frame.sums += own.sums
            own.words[UNIFORMS] = address(own.uniforms)
            self._frames.append(own)
        code.after(frame.address)

    def _take_frame(self) -> Frame:
        try:
            return self._frames.pop()
        except IndexError:
            return Frame(self.built, self.constants)


def _batch(code: Code, frame: Frame, _kept: Any) -> None:
    code.batch(frame.address)


class Frame:
    """The memory of one call: the table of addresses, results and working space. A call has it for itself."""

    def __init__(self, built: Built, constants: Any) -> None:
        layout, dtype = built.layout, constants.dtype
        self.words = (ctypes.c_int64 * layout.words)()
        self.address = ctypes.addressof(self.words)
        self.uniforms = _aligned(layout.uniforms, dtype)
        self.sums = _aligned(layout.sums, dtype)[: layout.sums]
        self.results = constants.copy()
        self._working = [_aligned(count, dtype) for count in (layout.slots, layout.lane_sums, layout.rows)]
        for word, array in zip(
            (UNIFORMS, SUMS, RESULTS, SLOTS, LANE_SUMS, ROWS), (self.uniforms, self.sums, self.results, *self._working)
        ):
            self.words[word] = array.ctypes.data
        for batch in layout.batches:
            for k, width in enumerate(batch.widths):
                self.words[batch.word + TABLES + 2 * k + 1] = width

    def bind(self, batch: BatchLayout, addresses: Sequence[int], count: int) -> None:
        """Say where the tables of a batch are, and how many examples it has."""
        words, word = self.words, batch.word
        words[word + START] = 0
        words[word + STOP] = words[word + TOTAL] = count
        word += TABLES
        for table in addresses:
            words[word] = table
            word += 2


def _aligned(count: int, dtype: Any) -> Any:
    """An array of that many numbers, and some more, that begins at the start of a cache line."""
    size = np.dtype(dtype).itemsize
    space = np.zeros(count + 2 * _ALIGNMENT // size, dtype)
    skipped = -space.ctypes.data % _ALIGNMENT // size
    return space[skipped:]
