"""A program as LLVM IR, the text that a machine's code is made from.

What is the same for all examples is computed once, one number at a time, `before` the batches and `after` them. What
belongs to a batch is computed for a block of examples at a time, a few examples side by side in the lanes of a SIMD
register. Between pieces of the program a number of a batch is kept in a slot: one number for each example of the block.
The pieces are chunks of some hundred instructions, each a function of its own so that the time to compile grows no
faster than the program, and layers, each a matrix multiplication of the block.

All memory is reached through the frame, a table of addresses and counts: see `Layout`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from autograd import primitives
from autograd.compiler import matrix
from autograd.compiler.passes import Places
from autograd.compiler.program import UNIFORM, Program, Range, Weights
from autograd.compiler.spellings import FUNCTIONS
from autograd.primitives import Primitive, fmod

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHUNK = 256
"""Instructions in a chunk."""

LARGE = 40_000
"""Above this many instructions LLVM does not optimise chunks: it takes a quarter of the time, and they run as fast."""

BLOCK_BYTES = 1 << 17
"""A block has as many examples as keep its slots within this size."""

LARGEST_BLOCK = 128
"""The most examples in a block."""

PARAMETERS, UNIFORMS, SUMS, RESULTS, SLOTS, LANE_SUMS, ROWS = range(7)
"""The first words of a frame: where these arrays are."""

FIRST_BATCH = 8
"""The word of a frame at which the first batch starts: its START, STOP, TOTAL, OUTPUTS, then address and row length of
the table of each of its arguments."""

START, STOP, TOTAL, OUTPUTS, TABLES = range(5)


class NeedsSumFirstError(Exception):
    """The gradient of an example depends on the sum over all of them: a batch cannot be gone through only once."""


class Target(NamedTuple):
    """What the machine is like.

    Attributes:
        number: "double" or "float".
        lanes: how many numbers are in a SIMD register.
        registers: how many such registers there are.
        vector_functions: for names in FUNCTIONS, the symbol of a function on a whole register.
    """

    number: str
    lanes: int
    registers: int
    vector_functions: dict[str, str]

    @property
    def size(self) -> int:
        return 8 if self.number == "double" else 4


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


class Lowered(NamedTuple):
    """LLVM IR and what it needs.

    Attributes:
        text: the module.
        layout: the memory.
        functions: the names of the C library's functions that it calls number by number.
        vectorised: those that it calls on whole registers.
        chunks: how many pieces it has.
    """

    text: str
    layout: Layout
    functions: frozenset[str]
    vectorised: frozenset[str]
    chunks: int


def lower(program: Program, target: Target, widths: Sequence[Sequence[int]]) -> Lowered:
    """Write a program as LLVM IR.

    Args:
        program: after all passes.
        target: the machine.
        widths: for every batch, how many columns each argument has.
    """
    return _Lowering(program, target, widths).lowered()


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
# Where numbers are kept
# ---------------------------------------------------------------------------------------------------------------------


class _Memory:
    """Which numbers have a place in memory: those that another piece of the program reads."""

    def __init__(self, program: Program, pieces: Sequence[Sequence[int]], batches: Sequence[int]) -> None:
        self.program = program
        instructions = program.instructions
        piece_of = {node: k for k, piece in enumerate(pieces) for node in piece}
        shared: set[int] = set(program.wanted)
        places = Places()
        for node, (operation, operands, attribute) in enumerate(instructions):
            if isinstance(operation, str) and operation.startswith("layer"):
                groups = [operands]
                if operation == "layer_weights":
                    groups = [operands[: attribute.rows], operands[attribute.rows :]]
                for group in groups:
                    if not places.are_a_run(group):
                        places.add_run(group)
            places.add(node, instructions[node])
            for operand in operands:
                if piece_of.get(operand) != piece_of.get(node):
                    shared.add(operand)
        for nodes in program.outputs.values():
            if nodes and not places.are_a_run(nodes):
                places.add_run(nodes)
        self.uniforms: dict[int, int] = {}
        self.slots: dict[int, int] = {}
        self.slot_count = [0] * len(program.columns)
        self._runs: dict[object, int] = {}
        sizes = {("input", batch): count for batch, count in enumerate(program.columns)}
        for node, (operation, _, attribute) in enumerate(instructions):
            if operation in ("layer", "layer_inputs"):
                sizes["element", node] = attribute.rows if operation == "layer" else attribute.depth
        for run, offset in places.of.values():
            sizes[run] = max(sizes.get(run, 0), offset + 1)
        for node in range(len(instructions)):
            operation, _, attribute = instructions[node]
            batch = batches[node]
            if operation in ("layer", "layer_inputs"):
                self._run(("element", node), batch, sizes)
            elif node in places.of:
                run, offset = places.of[node]
                self.slots[node] = self._run(run, batch, sizes) + offset
            elif node in shared and operation not in ("constant", "parameter", "batch_sum"):
                if batch == UNIFORM:
                    self.uniforms[node] = len(self.uniforms)
                else:
                    self.slots[node] = self._allocate(batch, 1)

    def elements(self, node: int) -> int:
        """The first slot of a layer's elements."""
        return self._runs["element", node]

    def inputs(self, batch: int) -> int:
        """The first slot of the columns of a batch."""
        return self._run(("input", batch), batch, {("input", batch): self.program.columns[batch]})

    def _run(self, run: object, batch: int, sizes: dict[tuple[str, int], int]) -> int:
        if run not in self._runs:
            self._runs[run] = self._allocate(batch, sizes[run])  # type: ignore[index]
        return self._runs[run]

    def _allocate(self, batch: int, count: int) -> int:
        first = self.slot_count[batch]
        self.slot_count[batch] += count
        return first


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

    def load_scalar(self, array: str, index: int) -> str:
        """Number `index` of an array, in all lanes."""
        address = self.name(f"getelementptr {self.number}, ptr {array}, i64 {index}") if index else array
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
        if node in self.masks:
            one, zero = self.literal(1.0), self.literal(0.0)
            found = self.name(f"select {self.mask_type} {self.masks[node]}, {self.type} {one}, {self.type} {zero}")
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
            value = self.value(node)
            self.masks[node] = self.name(f"fcmp une {self.type} {value}, {self.literal(0.0)}")
        return self.masks[node]

    def instruction(self, node: int) -> None:
        """The code of one instruction."""
        operation, operands, attribute = self.lowering.program.instructions[node]
        if isinstance(operation, Primitive):
            self._primitive(node, operation, operands)
        elif operation == "copy":
            self.names[node] = self.value(operands[0])
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
            self.names[node] = self.name(f"call {self.number} @{self.lowering.range_dot(attribute)}(ptr %parameters)")
        elif operation == "range_contribute":
            function = self.lowering.range_contribute(attribute)
            value = self.value(operands[0])
            self.lines.append(f"  call void @{function}(ptr %sums, ptr %parameters, {self.number} {value})")
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
        values = [self.value(operand) for operand in operands]
        if name in _BINARY:
            found = self.name(f"{_BINARY[name]} {kind} {values[0]}, {values[1]}")
        elif name == "neg":
            found = self.name(f"fneg {kind} {values[0]}")
        elif name == "identity":
            found = values[0]
        elif name == "dot":
            found = self._dot(values)
        elif name == "sum":
            found = self.literal(0.0)
            for value in values:
                found = self.name(f"fadd {kind} {found}, {value}")
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

    def _dot(self, values: Sequence[str]) -> str:
        half = len(values) // 2
        total = self.literal(0.0)
        kind = self.type
        for x, y in zip(values[:half], values[half:]):
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
        if isinstance(operation, str) and operation.startswith("layer"):
            pieces += [[node], []]
        else:
            if len(pieces[-1]) >= CHUNK:
                pieces.append([])
            pieces[-1].append(node)
    cut = [[part[k : k + CHUNK] for k in range(0, len(part), CHUNK)] for part in (before, after)]
    return cut[0], cut[1], [[piece for piece in pieces if piece] for pieces in of_batches]


class _Lowering:
    def __init__(self, program: Program, target: Target, widths: Sequence[Sequence[int]]) -> None:
        self.program, self.target = program, target
        self.batches = program.batches()
        self.before, self.after, self.of_batches = _pieces(program, self.batches)
        pieces = [*self.before, *self.after, *(piece for pieces in self.of_batches for piece in pieces)]
        self.memory = _Memory(program, pieces, self.batches)
        self.functions: dict[str, str] = {}
        self.needed: set[str] = set()
        self.vectorised: set[str] = set()
        self.lane_sums: dict[int, int] = {}
        self.attributes = "noinline optnone #0" if len(program.instructions) > LARGE else "noinline #0"
        self.block = 1
        self.layouts: list[BatchLayout] = []
        self.widths = widths
        word = FIRST_BATCH
        for batch in range(1, len(program.columns)):
            self.memory.inputs(batch)
            self.layouts.append(
                BatchLayout(tuple(widths[batch - 1]), self._block(batch), self.memory.slot_count[batch], word)
            )
            word += TABLES + 2 * len(widths[batch - 1])
        self.words = word

    def word(self, batch: int) -> int:
        return self.layouts[batch - 1].word

    def _block(self, batch: int) -> int:
        lanes, slots = self.target.lanes, max(self.memory.slot_count[batch], 1)
        block = LARGEST_BLOCK
        while block > lanes and block * slots * self.target.size > BLOCK_BYTES:
            block //= 2
        return max(block, lanes)

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
            max([b.block * (sum(b.widths) + self._widest_layer()) for b in self.layouts], default=0),
            tuple(self.layouts),
        )
        entry = self._entry()
        text = "\n".join([*self.functions.values(), before, after, batch, entry, self._declarations()])
        return Lowered(text, layout, frozenset(self.needed), frozenset(self.vectorised), chunks)

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
            if operation in ("layer", "layer_inputs", "layer_weights"):
                self._layer(batch, layout, piece[0], code)
            else:
                self._chunk(f"chunk_{batch}_{k}", piece)
                code.lines.append(f"  call void @chunk_{batch}_{k}(ptr %frame, i64 %vectors, i64 %count)")
        outputs = self.program.outputs.get(batch, [])
        if outputs:
            self._store_outputs(layout, outputs, code)
        return "\n".join([*code.lines, "  ret void", "}"])

    def _table_of(self, node: int, length: int, batch: int) -> int | None:
        """The argument whose columns these are, if they are all of them."""
        operation, _, attribute = self.program.instructions[node]
        if operation == "input":
            first = 0
            for argument, width in enumerate(self.widths[batch - 1]):
                if first == attribute[1] and width == length:
                    return argument
                first += width
        return None

    def _rows_of_table(self, layout: BatchLayout, argument: int) -> int:
        return layout.block * sum(layout.widths[:argument])

    def _load_tables(self, batch: int, layout: BatchLayout, code: _Code) -> None:
        """Rows of the tables, an example to a row, into slots, a column to a slot."""
        number, slot = self.target.number, self.memory.inputs(batch)
        if not sum(layout.widths):
            return
        self._helper("copy_rows", matrix.copy_rows("copy_rows", number))
        self._helper("transpose", matrix.transpose("transpose", number, self.target.lanes))
        for argument, width in enumerate(layout.widths):
            if not width:
                continue
            word = layout.word + TABLES + 2 * argument
            table = code.name(f"load ptr, ptr {code.name(f'getelementptr ptr, ptr %frame, i64 {word}')}")
            step = code.name(f"load i64, ptr {code.name(f'getelementptr i64, ptr %frame, i64 {word + 1}')}")
            skipped = code.name(f"mul i64 %from, {step}")
            first = code.name(f"getelementptr {number}, ptr {table}, i64 {skipped}")
            rows = code.name(f"getelementptr {number}, ptr %rows, i64 {self._rows_of_table(layout, argument)}")
            code.lines.append(
                f"  call void @copy_rows(ptr {first}, i64 {step}, ptr {rows}, i64 {width}, i64 %count, i64 {width}, "
                f"i64 %columns)"
            )
            slots = code.name(f"getelementptr {number}, ptr %slots, i64 {slot * layout.block}")
            code.lines.append(
                f"  call void @transpose(ptr {rows}, i64 {width}, ptr {slots}, i64 {layout.block}, i64 %columns, "
                f"i64 {width})"
            )
            slot += width

    def _store_outputs(self, layout: BatchLayout, outputs: Sequence[int], code: _Code) -> None:
        number = self.target.number
        self._helper("transpose", matrix.transpose("transpose", number, self.target.lanes))
        word = code.name(f"getelementptr ptr, ptr %frame, i64 {layout.word + OUTPUTS}")
        table = code.name(f"load ptr, ptr {word}")
        first = code.name(f"mul i64 %from, {len(outputs)}")
        target = code.name(f"getelementptr {number}, ptr {table}, i64 {first}")
        slots = code.name(f"getelementptr {number}, ptr %slots, i64 {self.memory.slots[outputs[0]] * layout.block}")
        code.lines.append(
            f"  call void @transpose(ptr {slots}, i64 {layout.block}, ptr {target}, i64 {len(outputs)}, "
            f"i64 {len(outputs)}, i64 %count)"
        )

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

    def _layer(self, batch: int, layout: BatchLayout, node: int, code: _Code) -> None:
        operation, operands, weights = self.program.instructions[node]
        if operation == "layer_weights":
            self._layer_weights(batch, layout, operands, weights, code)
            return
        forward = operation == "layer"
        row, depth = weights.row_step, weights.depth_step
        bias = weights.bias if forward else None
        function = self._multiply(
            rows=weights.rows if forward else weights.depth,
            scalar_row=row if forward else depth,
            scalar_depth=depth if forward else row,
            vector_depth=layout.block,
            result_row=layout.block,
            start="zero" if bias is None else "bias",
            bias_row=weights.bias_step,
        )
        number = self.target.number
        scalars = code.name(f"getelementptr {number}, ptr %parameters, i64 {weights.first}")
        start = code.name(f"getelementptr {number}, ptr %parameters, i64 {bias or 0}")
        vectors = self._slots(code, layout, self.memory.slots[operands[0]])
        results = self._slots(code, layout, self.memory.elements(node))
        length = weights.depth if forward else weights.rows
        code.lines.append(
            f"  call void @{function}(ptr {scalars}, ptr {vectors}, ptr {results}, ptr {start}, i64 {length}, "
            f"i64 %columns)"
        )

    def _layer_weights(
        self, batch: int, layout: BatchLayout, operands: Sequence[int], weights: Weights, code: _Code
    ) -> None:
        """Gradients of weights: sums over the examples, which lie along the depth of this multiplication.

        Its vectors are rows of the inputs, or of the deltas where it is those whose weights follow one another.
        """
        deltas, inputs = operands[: weights.rows], operands[weights.rows :]
        rows_follow = weights.depth_step == 1
        along, across = (inputs, deltas) if rows_follow else (deltas, inputs)
        vectors = self._rows(batch, layout, along, code)
        function = self._multiply(
            rows=len(across),
            scalar_row=layout.block,
            scalar_depth=1,
            vector_depth=len(along),
            result_row=weights.row_step if rows_follow else weights.depth_step,
            start="result",
            bias_row=1,
            columns=len(along),
        )
        number = self.target.number
        scalars = self._slots(code, layout, self.memory.slots[across[0]])
        results = code.name(f"getelementptr {number}, ptr %sums, i64 {weights.first}")
        code.lines.append(
            f"  call void @{function}(ptr {scalars}, ptr {vectors}, ptr {results}, ptr {results}, i64 %count, "
            f"i64 {len(along)})"
        )
        if weights.bias is not None:
            start = self._slots(code, layout, self.memory.slots[deltas[0]])
            bias = code.name(f"getelementptr {number}, ptr %sums, i64 {weights.bias}")
            function = self._add_rows(weights.rows, layout.block, weights.bias_step)
            code.lines.append(f"  call void @{function}(ptr {start}, ptr {bias}, i64 %count)")

    def _rows(self, batch: int, layout: BatchLayout, nodes: Sequence[int], code: _Code) -> str:
        """The numbers of these slots, an example to a row."""
        number = self.target.number
        argument = self._table_of(nodes[0], len(nodes), batch)
        if argument is not None:
            return code.name(f"getelementptr {number}, ptr %rows, i64 {self._rows_of_table(layout, argument)}")
        self._helper("transpose", matrix.transpose("transpose", number, self.target.lanes))
        rows = code.name(f"getelementptr {number}, ptr %rows, i64 {layout.block * sum(layout.widths)}")
        slots = self._slots(code, layout, self.memory.slots[nodes[0]])
        code.lines.append(
            f"  call void @transpose(ptr {slots}, i64 {layout.block}, ptr {rows}, i64 {len(nodes)}, i64 {len(nodes)}, "
            f"i64 %columns)"
        )
        return rows

    def _widest_layer(self) -> int:
        found = [0]
        for operation, _, attribute in self.program.instructions:
            if operation == "layer_weights":
                found.append(max(attribute.rows, attribute.depth))
        return max(found)

    def _slots(self, code: _Code, layout: BatchLayout, slot: int) -> str:
        return code.name(f"getelementptr {self.target.number}, ptr %slots, i64 {slot * layout.block}")

    def _multiply(
        self,
        *,
        rows: int,
        scalar_row: int,
        scalar_depth: int,
        vector_depth: int,
        result_row: int,
        start: str,
        bias_row: int,
        columns: int | None = None,
    ) -> str:
        shape = (rows, scalar_row, scalar_depth, vector_depth, result_row, start, bias_row, columns or "any")
        name = f"multiply_{'_'.join(map(str, shape))}"
        if name not in self.functions:
            self.functions[name] = matrix.multiply(
                name,
                self.target.number,
                self.target.lanes,
                registers=self.target.registers,
                rows=rows,
                scalar_row=scalar_row,
                scalar_depth=scalar_depth,
                vector_depth=vector_depth,
                result_row=result_row,
                start=start,
                bias_row=bias_row,
                columns=columns,
            )
        return name

    # --- Small functions that are written once -----------------------------------------------------------------------

    def _helper(self, name: str, text: str) -> None:
        self.functions.setdefault(name, text)

    def function(self, name: str, lanes: int, arity: int) -> str:
        """The function of the C library on this many lanes."""
        if lanes > 1 and name in self.target.vector_functions:
            self.vectorised.add(name)
            return self.target.vector_functions[name]
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

    def _add_rows(self, rows: int, block: int, step: int) -> str:
        """Adds the sum of each of some slots over the examples to a sum."""
        name = f"add_rows_{rows}_{block}_{step}"
        self._helper(name, _add_rows(name, self.target, rows, block, step))
        return name

    def range_dot(self, span: Range) -> str:
        name = f"range_dot_{'_'.join(map(str, span))}"
        number, short = self.target.number, "f64" if self.target.number == "double" else "f32"
        total = f"call {number} @llvm.fmuladd.{short}({number} %x, {number} %y, {number} %total)"
        body = [f"  %sum = {total}"]
        self._helper(name, _range_loop(f"{number} @{name}(ptr %parameters)", span, number, body, result=True))
        return name

    def range_contribute(self, span: Range) -> str:
        name = f"range_contribute_{'_'.join(map(str, span))}"
        number, short = self.target.number, "f64" if self.target.number == "double" else "f32"
        total = f"call {number} @llvm.fmuladd.{short}({number} %upstream, {number} %y, {number} %before)"
        body = [
            f"  %target = getelementptr {number}, ptr %sums, i64 %place_x",
            f"  %before = load {number}, ptr %target",
            f"  %after = {total}",
            f"  store {number} %after, ptr %target",
        ]
        head = f"void @{name}(ptr noalias %sums, ptr noalias %parameters, {number} %upstream)"
        self._helper(name, _range_loop(head, span, number, body, result=False))
        return name

    # --- Ways in, declarations ---------------------------------------------------------------------------------------

    def _entry(self) -> str:
        return "\n".join(
            [
                "define void @run(ptr %frame) #0 {",
                f"  %sums_word = getelementptr ptr, ptr %frame, i64 {SUMS}",
                "  %sums = load ptr, ptr %sums_word",
                f"  call void @llvm.memset.p0.i64(ptr %sums, i8 0, i64 {self.program.sums * self.target.size}, i1 false)",
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


def _add_rows(name: str, target: Target, rows: int, block: int, step: int) -> str:
    """A function that adds the sum of each of some slots over the first `count` examples to every `step`th sum."""
    lanes, number, size = target.lanes, target.number, target.size
    kind, short = f"<{lanes} x {number}>", "f64" if number == "double" else "f32"
    mask = f"<{lanes} x i1>"
    zero = f"splat ({number} {number_text(0.0, number)})"
    numbers = ", ".join(f"i64 {lane}" for lane in range(lanes))
    total = f"call {number} @llvm.vector.reduce.fadd.v{lanes}{short}({number} %before, {kind} %sum)"
    if lanes == 1:
        kind, mask, zero, total = number, "i1", number_text(0.0, number), f"fadd {number} %before, %sum"
    valid = [
        *_splat("first", "i64 %column", f"<{lanes} x i64>"),
        f"  %places = add <{lanes} x i64> %first, <{numbers}>",
        *_splat("counts", "i64 %count", f"<{lanes} x i64>"),
        f"  %valid = icmp slt <{lanes} x i64> %places, %counts",
    ]
    return "\n".join(
        [
            f"define internal void @{name}(ptr noalias %source, ptr noalias %target, i64 %count) #0 {{",
            "entry:",
            "  br label %rows",
            "rows:",
            "  %row = phi i64 [ 0, %entry ], [ %next_row, %end ]",
            f"  %place = mul i64 %row, {block}",
            f"  %line = getelementptr {number}, ptr %source, i64 %place",
            "  br label %columns",
            "columns:",
            "  %column = phi i64 [ 0, %rows ], [ %next_column, %columns ]",
            f"  %so_far = phi {kind} [ {zero}, %rows ], [ %sum, %columns ]",
            *(valid if lanes > 1 else ["  %valid = icmp slt i64 %column, %count"]),
            f"  %address = getelementptr {number}, ptr %line, i64 %column",
            f"  %loaded = load {kind}, ptr %address, align {size}",
            f"  %kept = select {mask} %valid, {kind} %loaded, {kind} {zero}",
            f"  %sum = fadd {kind} %so_far, %kept",
            f"  %next_column = add i64 %column, {lanes}",
            "  %more_columns = icmp slt i64 %next_column, %count",
            "  br i1 %more_columns, label %columns, label %end",
            "end:",
            f"  %target_place = mul i64 %row, {step}",
            f"  %sum_address = getelementptr {number}, ptr %target, i64 %target_place",
            f"  %before = load {number}, ptr %sum_address",
            f"  %total = {total}",
            f"  store {number} %total, ptr %sum_address",
            "  %next_row = add i64 %row, 1",
            f"  %more = icmp slt i64 %next_row, {rows}",
            "  br i1 %more, label %rows, label %done",
            "done:",
            "  ret void",
            "}",
        ]
    )


def _range_loop(head: str, span: Range, number: str, body: Sequence[str], result: bool) -> str:
    """A loop over two ranges of parameters: %x and %y are the numbers of each step."""
    zero = number_text(0.0, number)
    total = [f"  %total = phi {number} [ {zero}, %entry ], [ %sum, %loop ]"] if result else []
    return "\n".join(
        [
            f"define internal {head} #0 {{",
            "entry:",
            "  br label %loop",
            "loop:",
            "  %k = phi i64 [ 0, %entry ], [ %next, %loop ]",
            *total,
            f"  %step_x = mul i64 %k, {span.step_x}",
            f"  %step_y = mul i64 %k, {span.step_y}",
            f"  %place_x = add i64 %step_x, {span.first_x}",
            f"  %place_y = add i64 %step_y, {span.first_y}",
            f"  %address_x = getelementptr {number}, ptr %parameters, i64 %place_x",
            f"  %address_y = getelementptr {number}, ptr %parameters, i64 %place_y",
            f"  %x = load {number}, ptr %address_x",
            f"  %y = load {number}, ptr %address_y",
            *body,
            "  %next = add i64 %k, 1",
            f"  %more = icmp slt i64 %next, {span.length}",
            "  br i1 %more, label %loop, label %done",
            "done:",
            f"  ret {number} %sum" if result else "  ret void",
            "}",
        ]
    )
