"""A program as LLVM IR, the text that a machine's code is made from.

What is the same for all examples is computed once, one number at a time, `before` the batches and `after` them. What
belongs to a batch is computed for a block of examples at a time, a few examples side by side in the lanes of a SIMD
register. Between pieces of the program a number of a batch is kept in a slot: one number for each example of the block.
The pieces are chunks of some hundred instructions, each a function of its own so that the time to compile grows no
faster than the program, and layers, each a matrix multiplication of the block.

All memory is reached through the frame, see `frame`; what has a slot is decided in `memory`.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from autograd import primitives
from autograd.compiler.codegen import layers as matrix
from autograd.compiler.codegen import vector_math as elementary
from autograd.compiler.codegen.argument_block import (
    FIRST_BATCH,
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
    Layout,
)
from autograd.compiler.codegen.memory import Memory
from autograd.compiler.program import LAYERS, UNIFORM, Program, Range, Weights
from autograd.compiler.spellings import FUNCTIONS
from autograd.primitives import Primitive, fmod

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHUNK = 256
"""Instructions in a chunk. Those of many operands count as as many as have two."""

LARGE = 40_000
"""Above this many instructions LLVM does not optimise chunks: it takes a quarter of the time, and they run as fast."""

BLOCK_BYTES = 1 << 20
"""A block has as many examples as keep its slots within this size: in a second-level cache."""

MODULE = 1 << 17
"""About so many characters of IR are given to LLVM at a time: Ctrl-C is heard in between. Four times as many of what
it does not optimise."""

LARGEST_BLOCK = 112
"""The most examples in a block."""


class NeedsSumFirstError(Exception):
    """The gradient of an example depends on the sum over all of them: a batch cannot be gone through only once."""


class Target(NamedTuple):
    """What the machine is like.

    Attributes:
        number: "double" or "float".
        lanes: how many numbers are in a SIMD register.
        registers: how many such registers there are.
        vector_functions: for names in FUNCTIONS, the symbol of a function on a whole register: one of the C library,
            or of `elementary`.
    """

    number: str
    lanes: int
    registers: int
    vector_functions: dict[str, str]

    @property
    def size(self) -> int:
        return 8 if self.number == "double" else 4


class Lowered(NamedTuple):
    """LLVM IR and what it needs.

    Attributes:
        modules: the text, in modules of which each calls those before it only; the last has the ways in.
        layout: the memory.
        functions: the names of the C library's functions that it calls number by number.
        vectorised: those that it calls on whole registers.
        written: functions on whole registers that are part of it.
        chunks: how many pieces it has.
    """

    modules: list[str]
    layout: Layout
    functions: frozenset[str]
    vectorised: frozenset[str]
    written: frozenset[str]
    chunks: int


def lower(
    program: Program, target: Target, widths: Sequence[Sequence[int]], outputs_by_column: bool = False
) -> Lowered:
    """Write a program as LLVM IR.

    Args:
        program: after all passes.
        target: the machine.
        widths: for every batch, how many columns each argument has.
        outputs_by_column: whether each output is an array of its own, one behind the other, not a column of a table.
    """
    return _Lowering(program, target, widths, outputs_by_column).lowered()


def number_text(number: float, kind: str) -> str:
    """A number as LLVM writes it: the bits, in hexadecimal."""
    if kind == "float":
        number = _rounded_to_float(number)
    return f"0x{struct.unpack('>Q', struct.pack('>d', number))[0]:016X}"


def _rounded_to_float(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


# ---------------------------------------------------------------------------------------------------------------------
# Straight code
# ---------------------------------------------------------------------------------------------------------------------

_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_COMPARISONS = {
    "less": "olt",
    "less_equal": "ole",
    "greater": "ogt",
    "greater_equal": "oge",
    "equal": "oeq",
    "not_equal": "une",
}
_INTRINSICS = {"abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil"}


class _Code:
    """The body of a chunk: one line of IR after the other, on one number or on a register of them."""

    def __init__(self, lowering: _Lowering, lanes: int) -> None:
        self.lowering, self.lanes = lowering, lanes
        self.number = lowering.target.number
        self.type = self.number if lanes == 1 else f"<{lanes} x {self.number}>"
        self.mask_type = "i1" if lanes == 1 else f"<{lanes} x i1>"
        self.suffix = f"{'f64' if self.number == 'double' else 'f32'}"
        if lanes > 1:
            self.suffix = f"v{lanes}{self.suffix}"
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.masks: dict[int, str] = {}
        self.count = 0

    def name(self, right_side: str) -> str:
        """A new line `%name = right_side`; the name."""
        self.count += 1
        name = f"%t{self.count}"
        self.lines.append(f"  {name} = {right_side}")
        return name

    def literal(self, number: float) -> str:
        written = number_text(number, self.number)
        return written if self.lanes == 1 else f"splat ({self.number} {written})"

    def _address(self, array: str, index: int) -> str:
        return self.name(f"getelementptr {self.number}, ptr {array}, i64 {index}") if index else array

    def load_scalar(self, array: str, index: int) -> str:
        """Number `index` of an array, in all lanes."""
        address = self._address(array, index)
        scalar = self.name(f"load {self.number}, ptr {address}")
        if self.lanes == 1:
            return scalar
        first = self.name(f"insertelement {self.type} poison, {self.number} {scalar}, i64 0")
        return self.name(f"shufflevector {self.type} {first}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def slot(self, index: int) -> str:
        offset = index * self.lowering.block
        return self.name(f"getelementptr {self.number}, ptr %base, i64 {offset}") if offset else "%base"

    def value(self, node: int) -> str:
        """The name (or literal) of an instruction's number, loaded where it is in memory."""
        if node in self.names:
            return self.names[node]
        if node in self.masks or node in self.lowering.memory.conditions:
            one, zero = self.literal(1.0), self.literal(0.0)
            found = self.name(f"select {self.mask_type} {self.mask(node)}, {self.type} {one}, {self.type} {zero}")
        else:
            found = self._loaded(node)
        self.names[node] = found
        return found

    def _loaded(self, node: int) -> str:
        operation, _, attribute = self.lowering.program.instructions[node]
        memory = self.lowering.memory
        if operation == "constant":
            return self.literal(attribute)
        if operation == "parameter":
            return self.load_scalar("%parameters", attribute)
        if operation == "batch_sum":
            return self.load_scalar("%sums", attribute[0])
        if node in memory.uniforms:
            return self.load_scalar("%uniforms", memory.uniforms[node])
        return self.name(f"load {self.type}, ptr {self.slot(memory.slots[node])}, align {self.lowering.target.size}")

    def mask(self, node: int) -> str:
        """The condition that an instruction's number is not 0."""
        if node not in self.masks:
            compared = self.lowering.memory.conditions.get(node)
            if compared is None:
                value = self.value(node)
                self.masks[node] = self.name(f"fcmp une {self.type} {value}, {self.literal(0.0)}")
            else:
                _, limit = self.lowering.program.instructions[node].operands
                self.masks[node] = self._comparison(self.lowering.program.instructions[node].name, (compared, limit))
        return self.masks[node]

    def instruction(self, node: int) -> None:
        """The code of one instruction."""
        operation, operands, attribute = self.lowering.program.instructions[node]
        if isinstance(operation, Primitive):
            self._primitive(node, operation, operands)
        elif operation == "copy":
            self.names[node] = self.value(operands[0])
        elif operation == "add_dot":
            self.names[node] = self._dot(operands[1:], self.value(operands[0]))
        elif operation == "batch_sum":
            self._batch_sum(self.value(operands[0]), self.lowering.lane_sum(attribute[0]))
        elif operation == "contribute":
            self._add_to("%sums", attribute, self.value(operands[0]))
        elif operation == "count":
            word = self.lowering.word(attribute) + TOTAL
            address = self.name(f"getelementptr i64, ptr %frame, i64 {word}")
            loaded = self.name(f"load i64, ptr {address}")
            self.names[node] = self.name(f"sitofp i64 {loaded} to {self.number}")
        elif operation == "range_dot":
            left = self._address("%parameters", attribute.first_x)
            right = self._address("%parameters", attribute.first_y)
            function = self.lowering.range_dot(attribute)
            self.names[node] = self.name(f"call {self.number} @{function}(ptr {left}, ptr {right})")
        elif operation == "range_contribute":
            function = self.lowering.range_contribute(attribute)
            target = self._address("%sums", attribute.first_x)
            source = self._address("%parameters", attribute.first_y)
            value = self.value(operands[0])
            self.lines.append(f"  call void @{function}(ptr {target}, ptr {source}, {self.number} {value})")
        else:
            raise AssertionError(f"no code for {operation}")
        self._store(node)

    def _store(self, node: int) -> None:
        memory = self.lowering.memory
        if node in memory.slots:
            address = self.slot(memory.slots[node])
            self.lines.append(
                f"  store {self.type} {self.value(node)}, ptr {address}, align {self.lowering.target.size}"
            )
        elif node in memory.uniforms:
            address = self.name(f"getelementptr {self.number}, ptr %uniforms, i64 {memory.uniforms[node]}")
            self.lines.append(f"  store {self.number} {self.value(node)}, ptr {address}")

    def _primitive(self, node: int, primitive: Primitive, operands: Sequence[int]) -> None:
        name, kind = primitive.name, self.type
        if name in _COMPARISONS:
            self.masks[node] = self._comparison(name, operands)
            return
        if name == "where":
            mask, x, y = self.mask(operands[0]), self.value(operands[1]), self.value(operands[2])
            self.names[node] = self.name(f"select {self.mask_type} {mask}, {kind} {x}, {kind} {y}")
            return
        if name in ("dot", "sum"):
            add_up = self._dot if name == "dot" else self._sum
            self.names[node] = add_up(operands, self.literal(0.0))
            return
        values = [self.value(operand) for operand in operands]
        if name in _BINARY:
            found = self.name(f"{_BINARY[name]} {kind} {values[0]}, {values[1]}")
        elif name == "neg":
            found = self.name(f"fneg {kind} {values[0]}")
        elif name == "identity":
            found = values[0]
        elif name in _INTRINSICS:
            found = self.name(f"call {kind} @llvm.{_INTRINSICS[name]}.{self.suffix}({kind} {values[0]})")
        else:
            function = self.lowering.function(name, self.lanes, len(values))
            found = self.name(f"call {kind} @{function}({', '.join(f'{kind} {value}' for value in values)})")
        self.names[node] = found

    def _comparison(self, name: str, operands: Sequence[int]) -> str:
        x, y = operands
        instructions = self.lowering.program.instructions
        if name == "equal" and x in self.masks and instructions[y] == ("constant", (), 0.0):
            true = "true" if self.lanes == 1 else "splat (i1 true)"
            return self.name(f"xor {self.mask_type} {self.masks[x]}, {true}")
        left, right = self.value(x), self.value(y)
        return self.name(f"fcmp {_COMPARISONS[name]} {self.type} {left}, {right}")

    def _sum(self, operands: Sequence[int], total: str) -> str:
        for operand in operands:
            total = self.name(f"fadd {self.type} {total}, {self.value(operand)}")
        return total

    def _dot(self, operands: Sequence[int], total: str) -> str:
        half = len(operands) // 2
        kind = self.type
        for left, right in zip(operands[:half], operands[half:]):
            x, y = self.value(left), self.value(right)
            total = self.name(f"call {kind} @llvm.fmuladd.{self.suffix}({kind} {x}, {kind} {y}, {kind} {total})")
        return total

    def _batch_sum(self, value: str, lane_sum: int) -> None:
        kind = self.type
        if "%valid" not in self.names.values():
            self.names[-1] = "%valid"
        masked = self.name(f"select {self.mask_type} %valid, {kind} {value}, {kind} {self.literal(0.0)}")
        address = self.name(f"getelementptr {self.number}, ptr %lane_sums, i64 {lane_sum * self.lanes}")
        before = self.name(f"load {kind}, ptr {address}, align {self.lowering.target.size}")
        after = self.name(f"fadd {kind} {before}, {masked}")
        self.lines.append(f"  store {kind} {after}, ptr {address}, align {self.lowering.target.size}")

    def _add_to(self, array: str, index: int, value: str) -> None:
        address = self.name(f"getelementptr {self.number}, ptr {array}, i64 {index}")
        before = self.name(f"load {self.number}, ptr {address}")
        after = self.name(f"fadd {self.number} {before}, {value}")
        self.lines.append(f"  store {self.number} {after}, ptr {address}")

    @property
    def uses_valid(self) -> bool:
        return -1 in self.names


# ---------------------------------------------------------------------------------------------------------------------
# The module
# ---------------------------------------------------------------------------------------------------------------------

_ARRAYS = {PARAMETERS: "parameters", UNIFORMS: "uniforms", SUMS: "sums", RESULTS: "results"}
_ARRAYS_OF_BATCHES = {**_ARRAYS, SLOTS: "slots", LANE_SUMS: "lane_sums", ROWS: "rows"}


def _pieces(program: Program, batches: Sequence[int]) -> tuple[list[list[int]], list[list[int]], list[list[list[int]]]]:
    """The instructions in the order they are done: chunks before, chunks after, and for each batch chunks and layers.

    A layer is a piece by itself.
    """
    instructions = program.instructions
    after_all: list[bool] = []
    before: list[int] = []
    after: list[int] = []
    of_batches: list[list[list[int]]] = [[[]] for _ in program.columns]
    for node, (operation, operands, attribute) in enumerate(instructions):
        effect = operation in ("batch_sum", "contribute", "range_contribute")
        batch = attribute[1] if operation == "batch_sum" else batches[node]
        after_all.append(batch == UNIFORM and (effect or any(after_all[k] for k in operands)))
        if operation == "batch_sum":
            after_all[-1] = True
        if operation in ("constant", "parameter", "input", "element"):
            continue
        if batch == UNIFORM:
            (after if after_all[node] else before).append(node)
            continue
        if any(after_all[k] for k in operands):
            raise NeedsSumFirstError("a batch uses the sum over a batch")
        pieces = of_batches[batch]
        if operation in LAYERS:
            pieces += [[node], []]
        else:
            pieces[-1].append(node)
    cut = [[chunk for piece in pieces for chunk in _chunks(program, piece)] for pieces in of_batches]
    return list(_chunks(program, before)), list(_chunks(program, after)), cut


def _chunks(program: Program, nodes: Sequence[int]) -> Iterable[list[int]]:
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


class _Lowering:
    def __init__(
        self, program: Program, target: Target, widths: Sequence[Sequence[int]], outputs_by_column: bool
    ) -> None:
        self.program, self.target, self.outputs_by_column = program, target, outputs_by_column
        self.register = matrix.Vector(target.number, target.lanes)
        self.batches = program.batches()
        self.before, self.after, self.of_batches = _pieces(program, self.batches)
        pieces = [*self.before, *self.after, *(piece for pieces in self.of_batches for piece in pieces)]
        self.memory = Memory(program, pieces, self.batches)
        self.functions: dict[str, str] = {}
        self.needed: set[str] = set()
        self.vectorised: set[str] = set()
        self.written: set[str] = set()
        self.lane_sums: dict[int, int] = {}
        self.is_large = len(program.instructions) > LARGE
        self.attributes = "noinline optnone #0" if self.is_large else "noinline #0"
        self.block = 1
        self.layouts: list[BatchLayout] = []
        self.widths = widths
        word = FIRST_BATCH
        for batch in range(1, len(program.columns)):
            self.layouts.append(
                BatchLayout(tuple(widths[batch - 1]), self._block(batch), self.memory.slot_count(batch), word)
            )
            word += TABLES + 2 * len(widths[batch - 1])
        self.words = word

    def word(self, batch: int) -> int:
        return self.layouts[batch - 1].word

    def _block(self, batch: int) -> int:
        """How many examples a block has: an odd number of registers, so that slots do not share the cache's sets."""
        slot_bytes = max(self.memory.slot_count(batch), 1) * self.target.size
        registers = min(LARGEST_BLOCK, BLOCK_BYTES // slot_bytes) // self.target.lanes
        return max(registers - 1 | 1, 1) * self.target.lanes

    def lane_sum(self, index: int) -> int:
        """The lanes in which sum `index` is accumulated."""
        return self.lane_sums.setdefault(index, len(self.lane_sums))

    def lowered(self) -> Lowered:
        chunks = sum(map(len, self.of_batches)) + len(self.before) + len(self.after)
        before = self._uniform_part("before", self.before, [])
        after = self._uniform_part("after", self.after, self.program.results)
        batch = self._batches_part()
        layout = Layout(
            self.words,
            len(self.memory.uniforms),
            self.program.sums,
            len(self.lane_sums) * self.target.lanes,
            max([b.block * b.slots for b in self.layouts], default=0),
            self.target.lanes * max([width for b in self.layouts for width in b.widths], default=0),
            tuple(self.layouts),
        )
        ways_in = "\n".join([before, after, batch, self._entry()])
        most = 4 * MODULE if self.is_large else MODULE
        modules = in_modules(self.functions, ways_in, self._declarations(), most)
        functions = frozenset(self.needed), frozenset(self.vectorised), frozenset(self.written)
        return Lowered(modules, layout, *functions, chunks)

    # --- What is the same for all examples ---------------------------------------------------------------------------

    def _uniform_part(self, part: str, chunks: Sequence[Sequence[int]], results: Sequence[int]) -> str:
        names = []
        for k, chunk in enumerate(chunks):
            code = _Code(self, lanes=1)
            for node in chunk:
                code.instruction(node)
            names.append(f"{part}_{k}")
            self._uniform_function(names[-1], code)
        stored = [(k, n) for k, n in enumerate(results) if self.program.instructions[n].operation != "constant"]
        for start in range(0, len(stored), CHUNK):
            code = _Code(self, lanes=1)
            for k, node in stored[start : start + CHUNK]:
                address = code.name(f"getelementptr {code.number}, ptr %results, i64 {k}")
                code.lines.append(f"  store {code.number} {code.value(node)}, ptr {address}")
            names.append(f"{part}_results_{start}")
            self._uniform_function(names[-1], code)
        calls = [f"  call void @{name}(ptr %frame)" for name in names]
        return "\n".join([f"define void @{part}(ptr %frame) #0 {{", *calls, "  ret void", "}"])

    def _uniform_function(self, name: str, code: _Code) -> None:
        head = [f"define internal void @{name}(ptr noalias %frame) {self.attributes} {{", *self._arrays(_ARRAYS)]
        self.functions[name] = "\n".join([*head, *code.lines, "  ret void", "}"])

    def _arrays(self, words: dict[int, str]) -> Iterable[str]:
        for word, name in words.items():
            yield f"  %{name}_word = getelementptr ptr, ptr %frame, i64 {word}"
            yield f"  %{name} = load ptr, ptr %{name}_word"

    # --- Batches -----------------------------------------------------------------------------------------------------

    def _batches_part(self) -> str:
        lines = ["define void @batch(ptr %frame) #0 {", *self._arrays(_ARRAYS_OF_BATCHES)]
        for batch, layout in enumerate(self.layouts, 1):
            self.block = layout.block
            name = f"block_{batch}"
            self.functions[name] = self._block_function(batch, layout, name)
            self.functions[f"batch_{batch}"] = self._loop_over_blocks(batch, layout, name)
        size = len(self.lane_sums) * self.target.lanes * self.target.size
        if size:
            lines.append(f"  call void @llvm.memset.p0.i64(ptr %lane_sums, i8 0, i64 {size}, i1 false)")
        lines += [f"  call void @batch_{batch}(ptr %frame)" for batch in range(1, len(self.layouts) + 1)]
        if self.lane_sums:
            lines.append(f"  call void @{self._reduce()}(ptr %lane_sums, ptr %sums)")
        return "\n".join([*lines, "  ret void", "}"])

    def _loop_over_blocks(self, batch: int, layout: BatchLayout, block: str) -> str:
        words = {START: "start", STOP: "stop"}
        loads = []
        for word, name in words.items():
            loads.append(f"  %{name}_word = getelementptr i64, ptr %frame, i64 {layout.word + word}")
            loads.append(f"  %{name} = load i64, ptr %{name}_word")
        return "\n".join(
            [
                f"define internal void @batch_{batch}(ptr %frame) #0 {{",
                "entry:",
                *loads,
                "  %any = icmp slt i64 %start, %stop",
                "  br i1 %any, label %loop, label %done",
                "loop:",
                "  %from = phi i64 [ %start, %entry ], [ %next, %loop ]",
                f"  %next = add i64 %from, {layout.block}",
                "  %left = sub i64 %stop, %from",
                f"  %full = icmp sgt i64 %left, {layout.block}",
                f"  %count = select i1 %full, i64 {layout.block}, i64 %left",
                f"  call void @{block}(ptr %frame, i64 %from, i64 %count)",
                "  %more = icmp slt i64 %next, %stop",
                "  br i1 %more, label %loop, label %done",
                "done:",
                "  ret void",
                "}",
            ]
        )

    def _block_function(self, batch: int, layout: BatchLayout, name: str) -> str:
        """All that is done for one block of examples: numbers `from` to `from + count - 1`."""
        lanes = self.target.lanes
        code = _Code(self, lanes=1)
        code.lines = [
            f"define internal void @{name}(ptr %frame, i64 %from, i64 %count) #0 {{",
            *self._arrays(_ARRAYS_OF_BATCHES),
            f"  %rounded = add i64 %count, {lanes - 1}",
            f"  %vectors = sdiv i64 %rounded, {lanes}",
            f"  %columns = mul i64 %vectors, {lanes}",
        ]
        self._load_tables(batch, layout, code)
        for k, piece in enumerate(self.of_batches[batch]):
            operation = self.program.instructions[piece[0]].operation
            if operation in LAYERS:
                self._layer(layout, piece[0], code)
            else:
                self._chunk(f"chunk_{batch}_{k}", piece)
                code.lines.append(f"  call void @chunk_{batch}_{k}(ptr %frame, i64 %vectors, i64 %count)")
        outputs = self.program.outputs.get(batch, [])
        if outputs:
            self._store_outputs(layout, outputs, code)
        return "\n".join([*code.lines, "  ret void", "}"])

    def _load_tables(self, batch: int, layout: BatchLayout, code: _Code) -> None:
        """Rows of the tables, an example to a row, into slots, a column to a slot."""
        number, slot = self.target.number, self.memory.inputs(batch)
        if not sum(layout.widths):
            return
        for argument, width in enumerate(layout.widths):
            if not width:
                continue
            name = f"load_table_{width}_{layout.block}"
            self._helper(name, matrix.load_table(name, self.register, width, layout.block))
            word = code.name(f"getelementptr ptr, ptr %frame, i64 {layout.word + TABLES + 2 * argument}")
            table = code.name(f"load ptr, ptr {word}")
            first = code.name(f"getelementptr {number}, ptr {table}, i64 {code.name(f'mul i64 %from, {width}')}")
            slots = code.name(f"getelementptr {number}, ptr %slots, i64 {slot * layout.block}")
            code.lines.append(f"  call void @{name}(ptr {first}, ptr {slots}, ptr %rows, i64 %count)")
            slot += width

    def _store_outputs(self, layout: BatchLayout, outputs: Sequence[int], code: _Code) -> None:
        """Slots into the table of outputs; by column this is a table of one column for each, behind the one before."""
        number, width = self.target.number, 1 if self.outputs_by_column else len(outputs)
        name = f"store_table_{width}_{layout.block}"
        self._helper(name, matrix.store_table(name, self.register, width, layout.block))
        table, total = [
            code.name(f"load {kind}, ptr {code.name(f'getelementptr ptr, ptr %frame, i64 {layout.word + word}')}")
            for kind, word in (("ptr", OUTPUTS), ("i64", TOTAL))
        ]
        first_row = code.name(f"mul i64 %from, {width}")
        for column in range(0, len(outputs), width):
            first = code.name(f"add i64 {first_row}, {code.name(f'mul i64 {total}, {column}')}")
            target = code.name(f"getelementptr {number}, ptr {table}, i64 {first}")
            slots = self._slots(code, layout, self.memory.slots[outputs[column]])
            code.lines.append(f"  call void @{name}(ptr {slots}, ptr {target}, i64 %count)")

    def _chunk(self, name: str, nodes: Sequence[int]) -> None:
        """A function that does these instructions for a block, a register of examples at a time."""
        lanes, number = self.target.lanes, self.target.number
        code = _Code(self, lanes)
        for node in nodes:
            code.instruction(node)
        valid = []
        if code.uses_valid:
            kind = f"<{lanes} x i64>"
            steps = ", ".join(f"i64 {lane}" for lane in range(lanes))
            valid = [
                *_splat("first", "i64 %from", kind),
                f"  %lanes = add {kind} %first, <{steps}>",
                *_splat("counts", "i64 %count", kind),
                f"  %valid = icmp slt {kind} %lanes, %counts",
            ]
            if lanes == 1:
                valid = ["  %valid = icmp slt i64 %from, %count"]
        self.functions[name] = "\n".join(
            [
                f"define internal void @{name}(ptr noalias %frame, i64 %vectors, i64 %count) {self.attributes} {{",
                "entry:",
                *self._arrays(_ARRAYS_OF_BATCHES),
                "  br label %loop",
                "loop:",
                "  %vector = phi i64 [ 0, %entry ], [ %next, %loop ]",
                f"  %from = mul i64 %vector, {lanes}",
                f"  %base = getelementptr {number}, ptr %slots, i64 %from",
                *valid,
                *code.lines,
                "  %next = add i64 %vector, 1",
                "  %more = icmp slt i64 %next, %vectors",
                "  br i1 %more, label %loop, label %done",
                "done:",
                "  ret void",
                "}",
            ]
        )

    # --- Layers ------------------------------------------------------------------------------------------------------

    def _layer(self, layout: BatchLayout, node: int, code: _Code) -> None:
        operation, operands, weights = self.program.instructions[node]
        if operation == "layer_weights":
            self._layer_weights(layout, operands, weights, code)
            return
        rows, row_step, depth, depth_step = weights.rows, weights.row_step, weights.depth, weights.depth_step
        bias, bias_step = weights.bias, weights.bias_step
        if operation == "layer_inputs":
            rows, row_step, depth, depth_step, bias = depth, depth_step, rows, row_step, None
        shape = rows, depth, row_step, depth_step, layout.block, layout.block, None if bias is None else bias_step
        name = _shape_name("multiply", shape)
        if name not in self.functions:
            self.functions[name] = matrix.multiply(name, self.register, self.target.registers, *shape)
        number = self.target.number
        scalars = code.name(f"getelementptr {number}, ptr %parameters, i64 {weights.first}")
        start = code.name(f"getelementptr {number}, ptr %parameters, i64 {bias or 0}")
        vectors = self._slots(code, layout, self.memory.slots[operands[0]])
        results = self._slots(code, layout, self.memory.elements(node))
        arguments = f"ptr {scalars}, ptr {vectors}, ptr {results}, ptr {start}, i64 %columns"
        code.lines.append(f"  call void @{name}({arguments})")

    def _layer_weights(self, layout: BatchLayout, operands: Sequence[int], weights: Weights, code: _Code) -> None:
        """Gradients of weights. Those that follow one another in memory belong to one neuron, or to one input."""
        deltas, inputs = operands[: weights.rows], operands[weights.rows :]
        clear = f"clear_idle_lanes_{layout.block}"
        self._helper(clear, matrix.clear_idle_lanes(clear, self.register, layout.block))
        for group in (deltas, inputs):
            slots = self._slots(code, layout, self.memory.slots[group[0]])
            code.lines.append(f"  call void @{clear}(ptr {slots}, i64 {len(group)}, i64 %count)")
        bias = None if weights.bias is None else (weights.bias - weights.first, weights.bias_step)
        if weights.depth_step == 1:
            self._add_products(layout, deltas, inputs, weights.first, (weights.row_step, bias), code)
            return
        self._add_products(layout, inputs, deltas, weights.first, (weights.depth_step, None), code)
        if weights.bias is not None:
            self._add_products(layout, deltas, (), weights.bias, (0, (0, weights.bias_step)), code)

    def _add_products(
        self,
        layout: BatchLayout,
        rows: Sequence[int],
        columns: Sequence[int],
        first: int,
        steps: tuple[int, tuple[int, int] | None],
        code: _Code,
    ) -> None:
        shape = layout.block, len(rows), len(columns), *steps
        name = _shape_name("add_products", shape)
        if name not in self.functions:
            self.functions[name] = matrix.add_products(name, self.register, self.target.registers, *shape)
        left = self._slots(code, layout, self.memory.slots[rows[0]])
        right = self._slots(code, layout, self.memory.slots[columns[0]]) if columns else left
        results = code.name(f"getelementptr {self.target.number}, ptr %sums, i64 {first}")
        code.lines.append(f"  call void @{name}(ptr {left}, ptr {right}, ptr {results}, i64 %columns)")

    def _slots(self, code: _Code, layout: BatchLayout, slot: int) -> str:
        return code.name(f"getelementptr {self.target.number}, ptr %slots, i64 {slot * layout.block}")

    # --- Small functions that are written once -----------------------------------------------------------------------

    def _helper(self, name: str, text: str) -> None:
        self.functions.setdefault(name, text)

    def function(self, name: str, lanes: int, arity: int) -> str:
        """A function on this many lanes."""
        symbol = self.target.vector_functions.get(name) if lanes > 1 else None
        if symbol is not None:
            if symbol == elementary.SYMBOLS.get(name):
                self._helper(symbol, elementary.text(name, lanes, inline=not self.is_large))
                self.written.add(name)
            else:
                self.vectorised.add(name)
            return symbol
        self.needed.add(name)
        scalar = f"scalar_{name}"
        number = self.target.number
        if number == "double":
            scalar = f"libm_{name}"
        else:
            self._helper(scalar, _scalar_of_float(name, arity))
        if lanes == 1:
            return scalar
        self._helper(f"lanes_{name}", _lane_by_lane(name, scalar, number, lanes, arity))
        return f"lanes_{name}"

    def _reduce(self) -> str:
        """Adds the lanes of every lane sum to its sum."""
        number, lanes, size = self.target.number, self.target.lanes, self.target.size
        count = len(self.lane_sums)
        kind = f"<{lanes} x {number}>"
        short = "f64" if number == "double" else "f32"
        table = ", ".join(f"i64 {index}" for index in self.lane_sums)
        total = f"call {number} @llvm.vector.reduce.fadd.v{lanes}{short}({number} %before, {kind} %vector)"
        if lanes == 1:
            kind, total = number, f"fadd {number} %before, %vector"
        self._helper(
            "reduce",
            "\n".join(
                [
                    f"@sum_of_lanes = internal constant [{count} x i64] [{table}]",
                    "define internal void @reduce(ptr noalias %lane_sums, ptr noalias %sums) #0 {",
                    "entry:",
                    "  br label %loop",
                    "loop:",
                    "  %k = phi i64 [ 0, %entry ], [ %next, %loop ]",
                    f"  %lane = mul i64 %k, {lanes}",
                    f"  %source = getelementptr {number}, ptr %lane_sums, i64 %lane",
                    f"  %vector = load {kind}, ptr %source, align {size}",
                    f"  %place = getelementptr [{count} x i64], ptr @sum_of_lanes, i64 0, i64 %k",
                    "  %index = load i64, ptr %place",
                    f"  %target = getelementptr {number}, ptr %sums, i64 %index",
                    f"  %before = load {number}, ptr %target",
                    f"  %total = {total}",
                    f"  store {number} %total, ptr %target",
                    "  %next = add i64 %k, 1",
                    f"  %more = icmp slt i64 %next, {count}",
                    "  br i1 %more, label %loop, label %done",
                    "done:",
                    "  ret void",
                    "}",
                ]
            ),
        )
        return "reduce"

    def range_dot(self, span: Range) -> str:
        name = f"range_dot_{span.length}_{span.step_x}_{span.step_y}"
        self._helper(name, matrix.dot(name, self.register, span.length, span.step_x, span.step_y))
        return name

    def range_contribute(self, span: Range) -> str:
        name = f"range_contribute_{span.length}_{span.step_x}_{span.step_y}"
        self._helper(name, matrix.add_multiple(name, self.register, span.length, span.step_x, span.step_y))
        return name

    # --- Ways in, declarations ---------------------------------------------------------------------------------------

    def _entry(self) -> str:
        size = self.program.sums * self.target.size
        return "\n".join(
            [
                "define void @run(ptr %frame) #0 {",
                f"  %sums_word = getelementptr ptr, ptr %frame, i64 {SUMS}",
                "  %sums = load ptr, ptr %sums_word",
                f"  call void @llvm.memset.p0.i64(ptr %sums, i8 0, i64 {size}, i1 false)",
                "  call void @before(ptr %frame)",
                "  call void @batch(ptr %frame)",
                "  call void @after(ptr %frame)",
                "  ret void",
                "}",
            ]
        )

    def _declarations(self) -> str:
        number, lanes = self.target.number, self.target.lanes
        short = "f64" if number == "double" else "f32"
        lines = [matrix.declarations(number, lanes)]
        kinds = [(number, short)] + [(f"<{lanes} x {number}>", f"v{lanes}{short}")] * (lanes > 1)
        for kind, suffix in kinds:
            lines += [f"declare {kind} @llvm.{name}.{suffix}({kind})" for name in _INTRINSICS.values()]
            lines.append(f"declare {kind} @llvm.fmuladd.{suffix}({kind}, {kind}, {kind})")
        if lanes > 1:
            lines.append(f"declare {number} @llvm.vector.reduce.fadd.{kinds[1][1]}({number}, {kinds[1][0]})")
            for name in sorted(self.vectorised):
                symbol = self.target.vector_functions[name]
                lines.append(f"declare {kinds[1][0]} @{symbol}({', '.join([kinds[1][0]] * _arity(name))})")
        for name in sorted(self.needed):
            lines.append(f"declare double @libm_{name}({', '.join(['double'] * _arity(name))})")
        lines.append("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        by_name = {
            line.split("@")[1].split("(")[0]: line for text in lines for line in text.splitlines() if "@" in line
        }
        lines = list(by_name.values())
        lines.append('attributes #0 = { nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" }')
        return "\n".join(lines)


def in_modules(functions: dict[str, str], ways_in: str, declarations: str, most: int) -> list[str]:
    """Modules of some functions and the ways in, which come last.

    Args:
        functions: by name, each behind those that it calls.
        ways_in: functions that call the others.
        declarations: what every module has.
        most: about how many characters a module has.
    """
    inline = {name for name, text in functions.items() if "alwaysinline" in _head(text)}
    modules: list[str] = []
    own: list[str] = []
    size = 0
    for name, text in functions.items():
        if name not in inline:
            own.append(name)
            size += len(text)
        if size > most:
            modules.append(_module(own, "", functions, inline, declarations))
            own, size = [], 0
    return [*modules, _module(own, ways_in, functions, inline, declarations)]


_CALLED = re.compile(r"@([-\w]+)\(")


def _module(own: Sequence[str], ways_in: str, functions: dict[str, str], inline: set[str], declarations: str) -> str:
    """A module of some functions. Others that they call are declared; those that become a part of them are copied."""
    texts = [*[functions[name].replace("define internal", "define", 1) for name in own], ways_in]
    called = dict.fromkeys(name for text in texts for name in _CALLED.findall(text) if name in functions)
    copied = [functions[name] for name in called if name in inline]
    heads = [_head(functions[name]) for name in called if name not in inline and name not in own]
    declared = [head.replace("define internal", "declare", 1).rstrip(" {") for head in heads]
    return "\n".join([*copied, *texts, *declared, declarations])


def _head(text: str) -> str:
    """The line that a function begins with."""
    start = text.index("define ")
    return text[start : text.index("\n", start)]


def _shape_name(name: str, shape: Iterable[object]) -> str:
    """A name for a function that is written for this shape."""
    return "_".join([name, *re.findall(r"-?\w+", str(shape))])


def _arity(name: str) -> int:
    assert name in FUNCTIONS or name == fmod.name
    return (fmod if name == fmod.name else primitives.PRIMITIVES[name]).arity or 1


def _splat(name: str, scalar: str, kind: str) -> list[str]:
    element = kind.split(" x ")[1].rstrip(">")
    return [
        f"  %{name}_0 = insertelement {kind} poison, {scalar}, i64 0",
        f"  %{name} = shufflevector {kind} %{name}_0, {kind} poison, {kind.replace(element, 'i32')} zeroinitializer",
    ]


def _scalar_of_float(name: str, arity: int) -> str:
    """A function of the C library on single precision: computed in double and rounded once."""
    names = "xy"[:arity]
    wide = [f"  %{x}_wide = fpext float %{x} to double" for x in names]
    return "\n".join(
        [
            f"define internal float @scalar_{name}({', '.join(f'float %{x}' for x in names)}) #0 {{",
            *wide,
            f"  %result = call double @libm_{name}({', '.join(f'double %{x}_wide' for x in names)})",
            "  %rounded = fptrunc double %result to float",
            "  ret float %rounded",
            "}",
        ]
    )


def _lane_by_lane(name: str, scalar: str, number: str, lanes: int, arity: int) -> str:
    kind, names = f"<{lanes} x {number}>", "xy"[:arity]
    lines = [f"define internal {kind} @lanes_{name}({', '.join(f'{kind} %{x}' for x in names)}) noinline #0 {{"]
    before = "poison"
    for lane in range(lanes):
        lines += [f"  %{x}{lane} = extractelement {kind} %{x}, i64 {lane}" for x in names]
        lines.append(f"  %r{lane} = call {number} @{scalar}({', '.join(f'{number} %{x}{lane}' for x in names)})")
        lines.append(f"  %v{lane} = insertelement {kind} {before}, {number} %r{lane}, i64 {lane}")
        before = f"%v{lane}"
    return "\n".join([*lines, f"  ret {kind} {before}", "}"])
