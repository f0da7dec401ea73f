"""An executable: what happens at a call. Addresses go into an argument block, code runs, numbers come out.

`run` is the story; `repeated` is for speed: it buys 1.6 times the speed of benchmarks/RESULTS.md, "demo, flat vectors",
and 1.4 times that of "demo, step(X, y)".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import cache, partial
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiler.arguments import address
from autograd.compiler.codegen.argument_block import OUTPUTS, PARAMETERS, START, STOP, UNIFORMS
from autograd.compiler.runtime.argument_block import ArgumentBlock
from autograd.compiler.runtime.native import Code
from autograd.compiler.runtime.threads import run_all
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiler.build import Built
    from autograd.compiler.listing import Names
    from autograd.compiler.passes.reroll import Rerolled

_FEW = 4096  # up to this many numbers are copied sooner than their address is found


class Executable:
    """A compiled form of a function, for arguments of one kind.

    `fallback` makes one that differentiates example by example, which is used where the summed gradient is not finite.
    """

    def __init__(
        self,
        built: Built,
        captured: Sequence[Value],
        outputs: int,
        results: Callable[[Any], Any],
        dtype: Any,
        names: Names,
        rerolled: Rerolled | None = None,
        fallback: Callable[[], Executable] | None = None,
    ) -> None:
        self.built, self.dtype, self.names = built, dtype, names
        self.captured = captured  # Values that the function uses besides its parameters; they are read at every call
        self.outputs = outputs  # how many numbers there are for each example
        self.results = results  # puts the numbers into the pytree that the function returned
        self.rerolled = rerolled  # where the tables of examples come from that were found in the function itself
        self.mark: Any = None  # of the recording that it was made of
        self.used = 0  # the larger, the later it was called
        self._fallback = cache(fallback) if fallback is not None and built.needs_check else None
        results_of = [built.program.instructions[k] for k in built.program.results]
        self.constants = np.array([x.attribute if x.operation == "constant" else 0.0 for x in results_of], dtype)
        self._blocks: deque[ArgumentBlock] = deque()

    def run(
        self,
        vector: Any,
        addresses: Sequence[Sequence[int]],
        counts: Sequence[int],
        outputs: Any = None,
        threads: int = 1,
        tables: Any = None,
    ) -> tuple[Any, Any]:
        """Call the code: the sums, and the results.

        Args:
            vector: the parameters, an array without gaps.
            addresses: for every batch, where the tables of its arguments are.
            counts: how many examples each batch has.
            outputs: where the outputs of the first batch go; None if there are none.
            threads: how many may run.
            tables: what is at the addresses: it is kept for as long as threads may look at it.
        """
        batches = self.built.layout.batches
        block = self._take_block()
        block.words[PARAMETERS] = address(vector)
        for batch, of_batch, count in zip(batches, addresses, counts):
            block.bind(batch, of_batch, count)
        if outputs is not None:
            block.words[batches[0].word + OUTPUTS] = address(outputs)
        if threads > 1 and len(counts) == 1 and counts[0] >= 2 * threads * batches[0].block:
            self._run_in_threads(block, counts[0], threads, (vector, outputs, tables))
        else:
            self.built.code.run(block.address)
        sums, results = block.sums.copy(), block.results.copy()
        self._blocks.append(block)
        if self._fallback is None:
            return sums, results
        if not isfinite(results.item(-1)):
            return self._fallback().run(vector, addresses, counts, outputs, threads, tables)
        return sums, results[:-1]

    def _run_in_threads(self, block: ArgumentBlock, count: int, threads: int, kept: Any) -> None:
        """Each thread does a part of the examples, in whole blocks, into sums of its own."""
        code, batch = self.built.code, self.built.layout.batches[0]
        parts = -(-count // batch.block)
        cuts = [min(count, parts * k // threads * batch.block) for k in range(threads + 1)]
        others = [self._take_block() for _ in range(threads - 1)]
        code.before(block.address)
        for own, start, stop in zip([block, *others], cuts, cuts[1:]):
            if own is not block:
                own.words[PARAMETERS], own.words[UNIFORMS] = block.words[PARAMETERS], block.words[UNIFORMS]
                own.words[batch.word :] = block.words[batch.word :]  # type: ignore[assignment]
            own.words[batch.word + START], own.words[batch.word + STOP] = start, stop
            own.sums[:] = 0.0
        run_all([partial(_run_batch, code, own, (block, kept)) for own in (block, *others)])
        for own in others:
            block.sums += own.sums
            own.words[UNIFORMS] = address(own.uniforms)
            self._blocks.append(own)
        code.after(block.address)

    def _take_block(self) -> ArgumentBlock:
        try:
            return self._blocks.pop()
        except IndexError:
            return ArgumentBlock(self.built.layout, self.constants)

    def repeated(
        self, addresses: Sequence[int], n: int, size: int, has_aux: bool, tables: Any = None
    ) -> Callable[[Any], tuple[Any, Any]]:
        """A fast path for calls in which only the parameters differ: a function of their vector.

        It returns the result (in a pair with the outputs of the n examples, if wanted), and the first `size` sums. The
        tables, at these addresses, live as long as the function.
        """
        batch = self.built.layout.batches[0]
        run, outputs, results_of, dtype = self.built.code.run, self.outputs, self.results, self.dtype
        copied, fallback = size <= _FEW, self._fallback
        again = cache(lambda: fallback().repeated(addresses, n, size, has_aux, tables)) if fallback else None
        unused: deque[tuple[Any, ...]] = deque()

        def new() -> tuple[Any, ...]:
            block = ArgumentBlock(self.built.layout, self.constants)
            block.bind(batch, addresses, n)
            parameters = np.empty(size if copied else 0, dtype)
            block.words[PARAMETERS] = parameters.ctypes.data
            return parameters, block.words, block.address, block.results, block.sums[:size], (block, tables)

        def call(vector: Any) -> tuple[Any, Any]:
            try:
                taken = unused.pop()
            except IndexError:
                taken = new()
            parameters, words, where, results, sums, _kept = taken
            if copied:
                parameters[...] = vector
            else:
                vector = np.ascontiguousarray(vector)
                words[PARAMETERS] = address(vector)
            table = None
            if has_aux:
                table = np.empty((n, outputs), dtype)
                words[batch.word + OUTPUTS] = address(table)
            run(where)
            value = results.item(0)
            found = (value if table is None else (value, results_of(table))), sums.copy()
            if again is not None and not isfinite(results.item(-1)):
                found = again()(vector)
            unused.append(taken)
            return found

        return call


def _run_batch(code: Code, block: ArgumentBlock, _kept: Any) -> None:
    code.batch(block.address)
