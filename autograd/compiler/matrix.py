"""A small matrix multiplication as LLVM IR text, and the copies around it.

A layer of neurons, run over many examples at once, is a multiplication of matrices, and so are both halves of its
gradient. All three are the one sum

    result[r, c] = start[r, c] + sum over k of scalar[r, k] * vector[k, c]

and differ only in what the letters stand for, which is to say in the strides of the matrices:

    role                      r        k        c        scalar       vector
    forward                   neuron   input    example  weight       activation
    gradient of the inputs    input    neuron   example  weight       gradient of the neuron
    gradient of the weights   neuron   example  input    gradient     activation (transposed in memory)

Columns lie next to each other in memory: a SIMD register holds as many of them as it has lanes, and a scalar is copied
to all lanes to be multiplied with them. A processor starts about as many multiply-adds per cycle as it loads
registers, so each number loaded must be used more than once. Therefore a *tile* of the result, some rows times some
registers of columns, stays in registers while k runs. A tile of 6 rows and 4 registers loads 6 scalars and 4 vectors
per step of k, and does 24 multiply-adds with them, none of which has to wait for another.

Each sum is still added up in the order of k, as a scalar program would do it: floating-point addition is not
associative, and a result must not depend on the tile it happens to lie in. The speed comes from many sums side by
side, never from cutting one sum into parts that are added in another order. (What may differ from the scalar program
is the rounding of a product, where the machine has an instruction that multiplies and adds in one.)

The text is straight SSA and needs no optimisation passes before code generation. Each `define` line ends with the
attribute group `#0`, which the module has to define; `declarations` declares the intrinsics that are called.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

SIZES = {"double": 8, "float": 4}  # bytes of a number
SUFFIXES = {"double": "f64", "float": "f32"}  # a number in the name of an intrinsic
CACHE = 16 * 1024  # bytes of vectors that stay in the first-level cache while the tiles of all rows pass over them


# ---------------------------------------------------------------------------------------------------------------------
# Writing IR


@dataclass
class Carried:
    """A variable that a loop carries from one turn to the next: its type and the name of its value at this point."""

    type: str
    value: str


class Function:
    """A function being written: its lines so far, and names for values and blocks that are not yet taken."""

    def __init__(self, name: str, parameters: str) -> None:
        self.lines = [f"define internal void @{name}({parameters}) #0 {{", "entry:"]
        self.block = "entry"  # the label of the block that is being written
        self.numbers = count()

    def text(self) -> str:
        """The finished function."""
        return "\n".join([*self.lines, "  ret void", "}", ""])

    def value(self, operation: str) -> str:
        """Append an operation, return the name of its result."""
        name = f"%v{next(self.numbers)}"
        self.lines.append(f"  {name} = {operation}")
        return name

    def do(self, instruction: str) -> None:
        """Append an instruction that has no result."""
        self.lines.append(f"  {instruction}")

    def labels(self, *stems: str) -> list[str]:
        """Names for blocks that belong together."""
        number = next(self.numbers)
        return [f"{stem}{number}" for stem in stems]

    def begin(self, label: str) -> None:
        """Begin the block of that label."""
        self.lines.append(f"{label}:")
        self.block = label

    def address(self, number: str, pointer: str, index: str | int, stride: int = 1) -> str:
        """The address of pointer[index * stride]; the index is a constant or the name of a value."""
        if isinstance(index, int):
            offset = str(index * stride)
        else:
            offset = index if stride == 1 else self.value(f"mul i64 {index}, {stride}")
        return pointer if offset == "0" else self.value(f"getelementptr {number}, ptr {pointer}, i64 {offset}")

    def minimum(self, left: str, right: str) -> str:
        """The smaller of two integers."""
        smaller = self.value(f"icmp slt i64 {left}, {right}")
        return self.value(f"select i1 {smaller}, i64 {left}, i64 {right}")

    def round_down(self, integer: str, step: int) -> str:
        """The largest multiple of step, a power of two, that is not above the integer."""
        return self.value(f"and i64 {integer}, {-step}")

    @contextmanager
    def loop(self, start: str, stop: str, step: int, carried: Sequence[Carried] = ()) -> Iterator[str]:
        """Repeat what is written inside, for an index from start on, while it is below stop.

        The value of a carried variable is the initial one before the loop, the current one inside, where it may be set
        to the next one, and the last one after the loop.
        """
        head, body, done = self.labels("head", "body", "done")
        index = Carried("i64", start)
        variables = [index, *carried]
        before, initial = self.block, [variable.value for variable in variables]
        self.do(f"br label %{head}")
        self.begin(head)
        for variable in variables:
            variable.value = f"%v{next(self.numbers)}"
        current = [variable.value for variable in variables]
        line_of_phis = len(self.lines)  # they are written last: until then it is not known what comes back
        more = self.value(f"icmp slt i64 {index.value}, {stop}")
        self.do(f"br i1 {more}, label %{body}, label %{done}")
        self.begin(body)
        yield index.value
        index.value = self.value(f"add i64 {index.value}, {step}")
        self.do(f"br label %{head}")
        self.lines[line_of_phis:line_of_phis] = [
            f"  {name} = phi {variable.type} [ {first}, %{before} ], [ {variable.value}, %{self.block} ]"
            for variable, name, first in zip(variables, current, initial)
        ]
        for variable, name in zip(variables, current):
            variable.value = name
        self.begin(done)


@dataclass(frozen=True)
class Vector:
    """The vectors of so many lanes of a number, and the operations on them. (One lane is a vector too.)"""

    number: str
    lanes: int

    @property
    def type(self) -> str:
        return f"<{self.lanes} x {self.number}>"

    @property
    def suffix(self) -> str:
        """The type in the name of an intrinsic."""
        return f"v{self.lanes}{SUFFIXES[self.number]}"

    @property
    def align(self) -> int:
        """The alignment that can be relied on: that of one number."""
        return SIZES[self.number]

    @property
    def maskable(self) -> bool:
        """Whether the machine loads and stores some lanes only: with registers of 16 bytes (SSE, NEON) it cannot."""
        return self.lanes * SIZES[self.number] > 16

    def splat(self, to: Function, number: str) -> str:
        """A number in all lanes."""
        first = to.value(f"insertelement {self.type} poison, {self.number} {number}, i64 0")
        return to.value(f"shufflevector {self.type} {first}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def load_splat(self, to: Function, pointer: str) -> str:
        """The number at the pointer in all lanes."""
        return self.splat(to, to.value(f"load {self.number}, ptr {pointer}, align {self.align}"))

    def load(self, to: Function, pointer: str, mask: str | None = None) -> str:
        """The numbers from the pointer on; with a mask, only those under it are read."""
        if mask is None:
            return to.value(f"load {self.type}, ptr {pointer}, align {self.align}")
        arguments = f"ptr {pointer}, i32 {self.align}, <{self.lanes} x i1> {mask}, {self.type} zeroinitializer"
        return to.value(f"call {self.type} @llvm.masked.load.{self.suffix}.p0({arguments})")

    def store(self, to: Function, value: str, pointer: str, mask: str | None = None) -> None:
        """Write the lanes to the pointer and on; with a mask, only those under it are written."""
        if mask is None:
            to.do(f"store {self.type} {value}, ptr {pointer}, align {self.align}")
        else:
            arguments = f"{self.type} {value}, ptr {pointer}, i32 {self.align}, <{self.lanes} x i1> {mask}"
            to.do(f"call void @llvm.masked.store.{self.suffix}.p0({arguments})")

    def multiply_add(self, to: Function, left: str, right: str, addend: str) -> str:
        """left * right + addend."""
        arguments = f"{self.type} {left}, {self.type} {right}, {self.type} {addend}"
        return to.value(f"call {self.type} @llvm.fmuladd.{self.suffix}({arguments})")

    def pick(self, to: Function, left: str, right: str, lanes: Sequence[int]) -> str:
        """A vector of the given lanes of left and right, where the lanes of right are counted on from those of left."""
        order = ", ".join(f"i32 {lane}" for lane in lanes)
        return to.value(f"shufflevector {self.type} {left}, {self.type} {right}, <{len(lanes)} x i32> <{order}>")

    def below(self, to: Function, first: int, limit: str) -> str:
        """The mask of those lanes whose number, counted from `first` on, is below the limit."""
        integers = Vector("i32", self.lanes)
        limits = integers.splat(to, to.value(f"trunc i64 {limit} to i32"))
        lanes = ", ".join(f"i32 {first + lane}" for lane in range(self.lanes))
        return to.value(f"icmp slt {integers.type} <{lanes}>, {limits}")


def declarations(number: str, lanes: int) -> str:
    """Declare the intrinsics that the functions of this module call."""
    lines = ["declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"]
    for vector in dict.fromkeys([Vector(number, lanes), Vector(number, 1)]):
        of, mask = vector.type, f"<{vector.lanes} x i1>"
        lines.append(f"declare {of} @llvm.fmuladd.{vector.suffix}({of}, {of}, {of})")
        if vector.maskable:
            lines.append(f"declare {of} @llvm.masked.load.{vector.suffix}.p0(ptr, i32, {mask}, {of})")
            lines.append(f"declare void @llvm.masked.store.{vector.suffix}.p0({of}, ptr, i32, {mask})")
    return "\n".join([*lines, ""])


# ---------------------------------------------------------------------------------------------------------------------
# The multiplication


@dataclass(frozen=True)
class Layout:
    """What is known of a multiplication when it is written: where the matrices have their numbers, how sums start."""

    number: str
    rows: int
    columns: int | None  # None: known at run time only
    scalar_row: int
    scalar_depth: int
    vector_depth: int
    result_row: int
    bias_row: int
    start: str


@dataclass(frozen=True)
class Place:
    """Where a tile begins in each of the matrices, and which steps of its sums are to be done."""

    scalars: str
    vectors: str
    results: str
    bias: str
    steps: str  # how many
    first: str  # whether they are the first ones
    zero: str  # the number to start with where there is no other

    def below(self, to: Function, layout: Layout, rows: str | int) -> "Place":
        """The place so many rows further down."""
        return replace(
            self,
            scalars=to.address(layout.number, self.scalars, rows, layout.scalar_row),
            results=to.address(layout.number, self.results, rows, layout.result_row),
            bias=to.address(layout.number, self.bias, rows, layout.bias_row),
        )

    def beside(self, to: Function, layout: Layout, columns: str) -> "Place":
        """The place so many columns to the right."""
        return replace(
            self,
            vectors=to.address(layout.number, self.vectors, columns),
            results=to.address(layout.number, self.results, columns),
        )


def multiply(
    name: str,
    number: str,
    lanes: int,
    *,
    registers: int,
    rows: int,
    scalar_row: int,
    scalar_depth: int,
    vector_depth: int,
    result_row: int,
    start: str,
    bias_row: int = 1,
    columns: int | None = None,
) -> str:
    """Write `name(scalars, vectors, results, bias, depth, columns)`, which computes for all rows and columns

        results[r * result_row + c] = start + sum over k of scalars[r * scalar_row + k * scalar_depth]
                                                            * vectors[k * vector_depth + c]

    in the order of k = 0 ... depth - 1, where start is "zero", "bias": bias[r * bias_row], or "result": what is there.

    Where the number of columns is known, `columns` may give it, and the argument must then be equal to it: tiles that
    would never run are left out, which saves up to half of the time it takes to compile the text.

    A long sum is done in blocks of steps, so that the vectors of a block stay in the cache while all tiles of rows use
    them. Between blocks the results hold the sums so far, which changes neither the order nor the rounding.
    """
    layout = Layout(number, rows, columns, scalar_row, scalar_depth, vector_depth, result_row, bias_row, start)
    to = Function(
        name,
        "ptr noalias %scalars, ptr noalias %vectors, ptr noalias %results, ptr noalias %bias, i64 %depth, i64 %columns",
    )
    width = 4 if registers >= 32 else 2
    block = CACHE // (width * lanes * SIZES[number])
    empty = to.value("icmp eq i64 %depth, 0")
    stop = to.value(f"select i1 {empty}, i64 1, i64 %depth")  # sums without a step have to start as well
    # x + -0.0 is x for every x, so that the first step gives the plain product; x + 0.0 would turn -0.0 into 0.0.
    zero = to.value(f"select i1 {empty}, {number} 0.0, {number} -0.0")
    with to.loop("0", stop, block) as done:
        place = Place(
            scalars=to.address(number, "%scalars", done, scalar_depth),
            vectors=to.address(number, "%vectors", done, vector_depth),
            results="%results",
            bias="%bias",
            steps=to.minimum(to.value(f"sub i64 %depth, {done}"), str(block)),
            first=to.value(f"icmp eq i64 {done}, 0"),
            zero=zero,
        )
        write_columns(to, layout, Vector(number, lanes), place, width, sums=registers * 3 // 4)
    return to.text()


def write_columns(to: Function, layout: Layout, vector: Vector, place: Place, width: int, sums: int) -> None:
    """Cover the columns with tiles `width` vectors wide, and the rest of them with narrow ones.

    The height of a tile follows from the number of sums that it may keep in registers.
    """
    wide = width * vector.lanes
    covered = to.round_down("%columns", wide)
    if layout.columns is None or layout.columns >= wide:
        with to.loop("0", covered, wide) as column:
            write_rows(to, layout, vector, place.beside(to, layout, column), [None] * width, sums // width)
    if layout.columns is None or layout.columns % wide > 0:
        if vector.maskable:
            write_masked_columns(to, layout, vector, place, covered, width // 2, sums)
        else:
            write_single_columns(to, layout, vector, place, covered, sums)


def write_masked_columns(
    to: Function, layout: Layout, vector: Vector, place: Place, covered: str, width: int, sums: int
) -> None:
    """Cover the columns from `covered` on with tiles of which only the part within the columns is read and written."""
    fits = layout.columns is not None and layout.columns % (width * vector.lanes) == 0
    with to.loop(covered, "%columns", width * vector.lanes) as column:
        left = to.value(f"sub i64 %columns, {column}")
        masks = [None if fits else vector.below(to, i * vector.lanes, left) for i in range(width)]
        write_rows(to, layout, vector, place.beside(to, layout, column), masks, sums // width)


def write_single_columns(to: Function, layout: Layout, vector: Vector, place: Place, covered: str, sums: int) -> None:
    """Cover the columns from `covered` on with tiles of one vector, and in the end of one column."""
    for narrow in dict.fromkeys([vector, Vector(vector.number, 1)]):
        until = to.round_down("%columns", narrow.lanes)
        with to.loop(covered, until, narrow.lanes) as column:
            write_rows(to, layout, narrow, place.beside(to, layout, column), [None], sums // 2)
        covered = until


def write_rows(
    to: Function, layout: Layout, vector: Vector, place: Place, masks: Sequence[str | None], height: int
) -> None:
    """Cover the rows with tiles of that height or less, as equal as can be: two heights that differ by one at most.

    A last tile of what remains could be of one row, and would then have too few sums to keep the processor busy.
    """
    tiles = -(-layout.rows // height)
    lower, higher_tiles = divmod(layout.rows, tiles)
    border = higher_tiles * (lower + 1)
    for first, last, rows in [(0, border, lower + 1), (border, layout.rows, lower)]:
        if last - first == rows:
            write_tile(to, layout, vector, place.below(to, layout, first), masks, rows)
        elif last > first:
            with to.loop(str(first), str(last), rows) as row:
                write_tile(to, layout, vector, place.below(to, layout, row), masks, rows)


def write_tile(
    to: Function, layout: Layout, vector: Vector, place: Place, masks: Sequence[str | None], rows: int
) -> None:
    """Do the steps for a tile of so many rows, and of as many vectors of columns as there are masks."""
    number = layout.number
    results = [
        (to.address(number, place.results, row * layout.result_row + i * vector.lanes), mask)
        for row in range(rows)
        for i, mask in enumerate(masks)
    ]
    sums = [Carried(vector.type, value) for value in start_sums(to, layout, vector, place, results, rows)]
    scalars, vectors = Carried("ptr", place.scalars), Carried("ptr", place.vectors)
    with to.loop("0", place.steps, 1, [scalars, vectors, *sums]):
        row_of_vectors = [
            vector.load(to, to.address(number, vectors.value, i * vector.lanes), mask) for i, mask in enumerate(masks)
        ]
        for row in range(rows):
            scalar = vector.load_splat(to, to.address(number, scalars.value, row, layout.scalar_row))
            for i, factor in enumerate(row_of_vectors):
                sum = sums[row * len(masks) + i]
                sum.value = vector.multiply_add(to, scalar, factor, sum.value)
        scalars.value = to.address(number, scalars.value, layout.scalar_depth)
        vectors.value = to.address(number, vectors.value, layout.vector_depth)
    for sum, (address, mask) in zip(sums, results):
        vector.store(to, sum.value, address, mask)


def start_sums(
    to: Function,
    layout: Layout,
    vector: Vector,
    place: Place,
    results: Sequence[tuple[str, str | None]],
    rows: int,
) -> list[str]:
    """What the sums of a tile start with: after the first steps what is there, before them what `start` says."""
    if layout.start == "result":
        return [vector.load(to, address, mask) for address, mask in results]
    start, resume, ready = to.labels("start", "resume", "ready")
    to.do(f"br i1 {place.first}, label %{start}, label %{resume}")
    to.begin(start)
    if layout.start == "bias":
        biases = [to.address(layout.number, place.bias, row, layout.bias_row) for row in range(rows)]
        of_rows = [vector.load_splat(to, bias) for bias in biases]
    else:
        of_rows = [vector.splat(to, place.zero)] * rows
    started = [of_row for of_row in of_rows for _ in range(len(results) // rows)]
    to.do(f"br label %{ready}")
    to.begin(resume)
    resumed = [vector.load(to, address, mask) for address, mask in results]
    to.do(f"br label %{ready}")
    to.begin(ready)
    return [
        to.value(f"phi {vector.type} [ {new}, %{start} ], [ {old}, %{resume} ]") for new, old in zip(started, resumed)
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Copies and sums


def transpose(name: str, number: str, lanes: int) -> str:
    """Write `name(source, source_row, target, target_row, rows, columns)`, which makes columns rows:

    target[c * target_row + r] = source[r * source_row + c]

    Squares of lanes * lanes numbers are turned in registers; what does not fill a square goes number by number.
    """
    to = Function(
        name,
        "ptr noalias %source, i64 %source_row, ptr noalias %target, i64 %target_row, i64 %rows, i64 %columns",
    )
    vector = Vector(number, lanes)

    def place(matrix: str, row: str, column: str) -> str:
        start_of_row = to.value(f"mul i64 {row}, %{matrix}_row")
        return to.address(number, f"%{matrix}", to.value(f"add i64 {start_of_row}, {column}"))

    def one_by_one(first_row: str, last_row: str, first_column: str) -> None:
        with to.loop(first_row, last_row, 1) as row, to.loop(first_column, "%columns", 1) as column:
            value = to.value(f"load {number}, ptr {place('source', row, column)}, align {vector.align}")
            to.do(f"store {number} {value}, ptr {place('target', column, row)}, align {vector.align}")

    square_rows, square_columns = to.round_down("%rows", lanes), to.round_down("%columns", lanes)
    with to.loop("0", square_rows, lanes) as row, to.loop("0", square_columns, lanes) as column:
        rows = [to.value(f"add i64 {row}, {i}") for i in range(lanes)]
        columns = [to.value(f"add i64 {column}, {i}") for i in range(lanes)]
        square = [vector.load(to, place("source", each, column)) for each in rows]
        for each, turned in zip(columns, turn(to, vector, square)):
            vector.store(to, turned, place("target", each, row))
    one_by_one("0", square_rows, square_columns)
    one_by_one(square_rows, "%rows", "0")
    return to.text()


def turn(to: Function, vector: Vector, square: Sequence[str]) -> list[str]:
    """Transpose a square whose rows are vectors.

    To transpose [[A, B], [C, D]], B and C change places and then each of the four is transposed. For all squares of a
    size at once: the rows that lie `size` apart exchange those lanes whose numbers have, or do not have, that bit.
    """
    rows, lanes = list(square), range(vector.lanes)
    size = vector.lanes // 2
    while size > 0:
        for upper in [row for row in lanes if not row & size]:
            above, below = rows[upper], rows[upper + size]
            left = [lane if not lane & size else vector.lanes + lane - size for lane in lanes]
            right = [lane + size if not lane & size else vector.lanes + lane for lane in lanes]
            rows[upper] = vector.pick(to, above, below, left)
            rows[upper + size] = vector.pick(to, above, below, right)
        size //= 2
    return rows


def copy_rows(name: str, number: str) -> str:
    """Write `name(source, source_row, target, target_row, rows, columns, all_rows)`, which copies rows of numbers.

    The rows of the target from `rows` to `all_rows` - 1 become copies of the last row, so that lanes which have no
    example of their own compute on numbers that occur.
    """
    to = Function(
        name,
        "ptr noalias %source, i64 %source_row, ptr noalias %target, i64 %target_row, i64 %rows, i64 %columns, "
        "i64 %all_rows",
    )
    last = to.value("sub i64 %rows, 1")
    length = to.value(f"mul i64 %columns, {SIZES[number]}")
    with to.loop("0", "%all_rows", 1) as row:
        source_row = to.value(f"mul i64 {to.minimum(row, last)}, %source_row")
        target_row = to.value(f"mul i64 {row}, %target_row")
        source, target = to.address(number, "%source", source_row), to.address(number, "%target", target_row)
        to.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {length}, i1 false)")
    return to.text()


def add_lanes(name: str, number: str, lanes: int) -> str:
    """Write `name(source, target, count)`, which adds to each number of the target the lanes of a vector:

    target[k] = target[k] + (source[k * lanes] + source[k * lanes + 1] + ...)

    The lanes are added in pairs: the first half of them to the second half, and so on until one is left.
    """
    to = Function(name, "ptr noalias %source, ptr noalias %target, i64 %count")
    with to.loop("0", "%count", 1) as index:
        vector = Vector(number, lanes)
        lane_sums = vector.load(to, to.address(number, "%source", index, lanes))
        while vector.lanes > 1:
            half = vector.lanes // 2
            left = vector.pick(to, lane_sums, "poison", range(half))
            right = vector.pick(to, lane_sums, "poison", range(half, vector.lanes))
            vector = Vector(number, half)
            lane_sums = to.value(f"fadd {vector.type} {left}, {right}")
        total = to.value(f"extractelement {vector.type} {lane_sums}, i64 0")
        address = to.address(number, "%target", index)
        old = to.value(f"load {number}, ptr {address}, align {vector.align}")
        new = to.value(f"fadd {number} {old}, {total}")
        to.do(f"store {number} {new}, ptr {address}, align {vector.align}")
    return to.text()
