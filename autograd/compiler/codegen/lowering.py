"""A program as LLVM IR, the text that a machine's code is made from.

What is the same for all examples is computed once, one number at a time, `before` the batches and `after` them. What
belongs to a batch is computed for a block of examples at a time, a few examples side by side in the lanes of a SIMD
register. Between pieces of the program, see `schedule`, a number of a batch is kept in a slot, see `memory`: one number
for each example of the block. Here the pieces become functions, and functions that call them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.codegen import argument_block as words
from autograd.compiler.codegen.argument_block import Arrays, BatchLayout, MemoryLayout
from autograd.compiler.codegen.chunks import Context, StraightCode, arrays_of
from autograd.compiler.codegen.ir import Function, Lanes
from autograd.compiler.codegen.layers import Product, WeightGradient, add_products, clear_idle_lanes, multiply
from autograd.compiler.codegen.library import Library
from autograd.compiler.codegen.memory import Memory
from autograd.compiler.codegen.schedule import CHUNK, schedule
from autograd.compiler.codegen.tables import load_table, store_table
from autograd.compiler.codegen.target import Target
from autograd.compiler.program import LAYERS, Program, Weights

LARGE = 40_000
"""Above this many instructions LLVM does not optimize chunks: it takes a quarter of the time, and they run as fast."""

BLOCK_BYTES = 1 << 20
"""A block has as many examples as keep its slots within this size: in a second-level cache."""

LARGEST_BLOCK = 112  # examples


class Lowered(NamedTuple):
    """LLVM IR and what it needs."""

    modules: list[str]  # the text: each calls those before it only, the last has the ways in
    layout: MemoryLayout
    library: Library
    chunks: int  # how many pieces it has


def lower(
    program: Program, target: Target, widths: Sequence[Sequence[int]], outputs_by_column: bool = False
) -> Lowered:
    """Write a program as LLVM IR, for batches whose arguments have these numbers of columns.

    Outputs are the columns of a table, or each is an array of its own, one behind the other.
    """
    return _Lowering(program, target, widths, outputs_by_column).lowered()


class _Lowering:
    def __init__(
        self, program: Program, target: Target, widths: Sequence[Sequence[int]], outputs_by_column: bool
    ) -> None:
        self.program, self.target, self.outputs_by_column = program, target, outputs_by_column
        batches = program.batches()
        self.schedule = schedule(program, batches)
        self.memory = Memory(program, self.schedule.pieces, batches)
        self.layouts: list[BatchLayout] = []
        self.words = words.FIRST_BATCH
        for batch, of_batch in enumerate(widths[: len(program.columns) - 1], 1):
            slots = self.memory.slot_counts[batch]
            self.layouts.append(BatchLayout(tuple(of_batch), self._block_size(slots), slots, self.words))
            self.words += words.TABLES + len(of_batch)
        self.library = Library(target, len(program.instructions) > LARGE)
        self.context = Context(program, self.library, self.memory, self.layouts)

    def _block_size(self, slots: int) -> int:
        """How many examples a block has: an odd number of registers, so that slots do not share the cache's sets."""
        registers = min(LARGEST_BLOCK, BLOCK_BYTES // (max(slots, 1) * self.target.size)) // self.target.lanes
        return max(registers - 1 | 1, 1) * self.target.lanes

    def lowered(self) -> Lowered:
        before = self._once("before", self.schedule.before, [])
        after = self._once("after", self.schedule.after, self.program.results)
        ways_in = [before, after, self._batches(), self._run()]
        layout = MemoryLayout(
            self.words,
            len(self.memory.uniforms),
            self.program.sums,
            len(self.context.lane_sums) * self.target.lanes,
            max([layout.block * layout.slots for layout in self.layouts], default=0),
            self.target.lanes * max([width for layout in self.layouts for width in layout.widths], default=0),
            tuple(self.layouts),
        )
        return Lowered(list(self.library.modules(ways_in)), layout, self.library, len(self.schedule.pieces))

    def _run(self) -> Function:
        """All of it."""
        to = Function("run", "ptr %block")
        to.clear(arrays_of(to).sums, self.program.sums * self.target.size)
        for part in ("before", "batch", "after"):
            to.call(part, ("ptr", "%block"))
        return to.finish()

    # --- What is the same for all examples ---------------------------------------------------------------------------

    def _once(self, part: str, chunks: Sequence[Sequence[int]], results: Sequence[int]) -> Function:
        """The way into the chunks that are done once, and then put these numbers into the results."""
        way_in = Function(part, "ptr %block")
        for k, chunk in enumerate(chunks):
            code = self._code_of_numbers(f"{part}_{k}", way_in)
            for node in chunk:
                code.instruction(node)
            self.library.add(code.to.finish())
        stored = [(k, n) for k, n in enumerate(results) if self.program.instructions[n].operation != "constant"]
        for start in range(0, len(stored), CHUNK):
            code = self._code_of_numbers(f"{part}_results_{start}", way_in)
            for k, node in stored[start : start + CHUNK]:
                code.vector.store(code.value(node), code.vector.at(code.arrays.results, k))
            self.library.add(code.to.finish())
        return way_in.finish()

    def _code_of_numbers(self, name: str, way_in: Function) -> StraightCode:
        """A new function of numbers, called there."""
        to = self.library.piece(name, "ptr noalias %block")
        way_in.call(name, ("ptr", "%block"))
        return StraightCode(self.context, Lanes(to, self.target.number), arrays_of(to))

    # --- Batches -----------------------------------------------------------------------------------------------------

    def _batches(self) -> Function:
        """The way into all batches: their examples from START to STOP, added to the sums."""
        to = Function("batch", "ptr %block")
        names = [self.library.add(self._batch(batch, layout)) for batch, layout in enumerate(self.layouts, 1)]
        arrays, lane_sums = arrays_of(to), self.context.lane_sums
        if lane_sums:
            to.clear(arrays.lane_sums, len(lane_sums) * self.target.lanes * self.target.size)
        for name in names:
            to.call(name, ("ptr", "%block"))
        if lane_sums:
            self._add_lane_sums(to, arrays, list(lane_sums))
        return to.finish()

    def _add_lane_sums(self, to: Function, arrays: Arrays, sums: Sequence[int]) -> None:
        """Add the lanes of every lane sum to its sum, one after the other."""
        vector, words = Lanes(to, self.target.number, self.target.lanes), Lanes(to, "i64")
        number, places = vector.of(1), to.table(sums)
        with to.loop(0, len(sums)) as k:
            total = vector.load(vector.at(arrays.lane_sums, k, vector.lanes))
            place = number.at(arrays.sums, words.load(words.at(places, k)))
            number.store(vector.sum_in_order(number.load(place), total), place)

    def _batch(self, batch: int, layout: BatchLayout) -> Function:
        """A loop over the blocks of a batch."""
        block = self.library.add(self._block(batch, layout))
        to = Function(f"batch_{batch}", "ptr %block")
        start, stop = (to.word(layout.word + word, "i64") for word in (words.START, words.STOP))
        with to.loop(start, stop, layout.block) as first:
            count = to.minimum(to.integer("sub", stop, first), layout.block)
            to.call(block, ("ptr", "%block"), ("i64", first), ("i64", count))
        return to.finish()

    def _block(self, batch: int, layout: BatchLayout) -> Function:
        """All that is done for one block of examples: numbers `first` to `first + count - 1`."""
        to = Function(f"block_{batch}", "ptr %block, i64 %first, i64 %count")
        block = _Block(self, layout, to)
        block.load_tables(self.memory.first["input", batch])
        for k, piece in enumerate(self.schedule.batches[batch]):
            if self.program.instructions[piece[0]].operation in LAYERS:
                block.layer(piece[0])
            else:
                name = self.library.add(self._chunk(f"chunk_{batch}_{k}", piece, layout.block))
                to.call(name, ("ptr", "%block"), ("i64", block.columns), ("i64", "%count"))
        block.store_outputs(self.program.outputs.get(batch, []), self.outputs_by_column)
        return to.finish()

    def _chunk(self, name: str, nodes: Sequence[int], block: int) -> Function:
        """A function that does these instructions for a block, a register of examples at a time."""
        to = self.library.piece(name, "ptr noalias %block, i64 %columns, i64 %count")
        arrays, vector = arrays_of(to), Lanes(to, self.target.number, self.target.lanes)
        with to.loop(0, "%columns", vector.lanes) as example:
            code = StraightCode(self.context, vector, arrays, block, example)
            for node in nodes:
                code.instruction(node)
        return to.finish()


class _Block:
    """Writes what is done for a block of examples besides chunks: tables come in, layers, outputs go out."""

    def __init__(self, lowering: _Lowering, layout: BatchLayout, to: Function) -> None:
        self.program, self.memory, self.library = lowering.program, lowering.memory, lowering.library
        self.layout, self.to = layout, to
        self.arrays, self.number = arrays_of(to), Lanes(to, lowering.target.number)
        lanes = lowering.target.lanes
        self.columns = to.round_down(to.integer("add", "%count", lanes - 1), lanes)  # "%count" in whole registers

    def _slots(self, slot: int) -> tuple[str, str]:
        return "ptr", self.number.at(self.arrays.slots, slot, self.layout.block)

    def load_tables(self, slot: int) -> None:
        """Rows of the tables, an example to a row, into slots from this one on, a column to a slot."""
        for argument, width in enumerate(self.layout.widths):
            if width:
                name = self.library.once("load_table", load_table, width, self.layout.block)
                table = self.to.word(self.layout.word + words.TABLES + argument)
                first = self.number.at(table, "%first", width)
                self.to.call(name, ("ptr", first), self._slots(slot), ("ptr", self.arrays.rows), ("i64", "%count"))
                slot += width

    def store_outputs(self, outputs: Sequence[int], by_column: bool) -> None:
        """Slots into the table of outputs; by column this is a table of one column for each, behind the one before."""
        if not outputs:
            return
        to, number, width = self.to, self.number, 1 if by_column else len(outputs)
        name = self.library.once("store_table", store_table, width, self.layout.block)
        table = number.at(to.word(self.layout.word + words.OUTPUTS), "%first", width)
        total = to.word(self.layout.word + words.TOTAL, "i64")
        for column in range(0, len(outputs), width):
            target = number.at(table, total, column) if column else table
            to.call(name, self._slots(self.memory.slots[outputs[column]]), ("ptr", target), ("i64", "%count"))

    def layer(self, node: int) -> None:
        """A layer, or a part of its gradient."""
        operation, operands, weights = self.program.instructions[node]
        if operation == "layer_weights":
            self._layer_weights(operands[: weights.rows], operands[weights.rows :], weights)
            return
        rows, depth, bias = (weights.rows, weights.row_step), (weights.depth, weights.depth_step), weights.bias
        if operation == "layer_inputs":
            rows, depth, bias = depth, rows, None
        product = Product(*rows, *depth, self.layout.block, None if bias is None else weights.bias_step)
        scalars, start = (self.number.at(self.arrays.parameters, first) for first in (weights.first, bias or 0))
        self.to.call(
            self.library.once("multiply", multiply, product),
            ("ptr", scalars),
            self._slots(self.memory.slots[operands[0]]),
            self._slots(self.memory.first["element", node]),
            ("ptr", start),
            ("i64", self.columns),
        )

    def _layer_weights(self, deltas: Sequence[int], inputs: Sequence[int], weights: Weights) -> None:
        """Gradients of weights. Those that follow one another in memory belong to one neuron, or to one input."""
        clear = self.library.once("clear_idle_lanes", clear_idle_lanes, self.layout.block)
        for group in (deltas, inputs):
            self.to.call(clear, self._slots(self.memory.slots[group[0]]), ("i64", len(group)), ("i64", "%count"))
        if weights.depth_step == 1:
            bias = None if weights.bias is None else (weights.bias - weights.first, weights.bias_step)
            self._add_products(deltas, inputs, weights.first, weights.row_step, bias)
            return
        self._add_products(inputs, deltas, weights.first, weights.depth_step, None)
        if weights.bias is not None:
            self._add_products(deltas, (), weights.bias, 0, (0, weights.bias_step))

    def _add_products(
        self, rows: Sequence[int], columns: Sequence[int], first: int, step: int, bias: tuple[int, int] | None
    ) -> None:
        gradient = WeightGradient(self.layout.block, len(rows), len(columns), step, bias)
        left = self._slots(self.memory.slots[rows[0]])
        right = self._slots(self.memory.slots[columns[0]]) if columns else left
        sums = self.number.at(self.arrays.sums, first)
        name = self.library.once("add_products", add_products, gradient)
        self.to.call(name, left, right, ("ptr", sums), ("i64", self.columns))
