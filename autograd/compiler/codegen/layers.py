"""Layers over many examples at once, as LLVM IR text, and the copies around them.

A layer of neurons, run over many examples, is a multiplication of matrices, and so are both halves of its gradient.
A number of a layer has a *slot*: what it is for one example after the other, in memory side by side. A SIMD register
holds as many examples as it has lanes. The layer itself and the gradient of its inputs are the same sum,

    result[r, e] = start[r] + sum over k of scalar[r, k] * vector[k, e]

    role                      r        k        e        scalar       vector
    forward                   neuron   input    example  weight       activation
    gradient of the inputs    input    neuron   example  weight       gradient of the neuron

in which a scalar is copied to all lanes to be multiplied with them: see `multiply`. The gradient of the weights is the
other way round a sum over the examples,

    result[r, c] = result[r, c] + sum over e of left[r, e] * right[c, e]

in which each lane adds up its own examples, and the lanes are added up in the end: see `add_products`.

A processor starts about as many multiply-adds per cycle as it loads registers, so each number loaded must be used more
than once. Therefore a *tile* of the result stays in registers while a sum runs: 8 rows and 3 columns load 11 registers
per step, and do 24 multiply-adds with them, none of which has to wait for another.

What an example's numbers are does not depend on the tile or lane it happens to lie in: each of its sums is added up in
the order of k, as a scalar program would do it. (What may differ is the rounding of a product, where the machine has an
instruction that multiplies and adds in one.) Sums over examples are added up in another order than a scalar program's.

The text is straight SSA and needs no optimisation passes before code generation. Each `define` line ends with the
attribute group `#0`, which the module has to define; `declarations` declares the intrinsics that are called.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

SIZES = {"double": 8, "float": 4}  # bytes of a number
SUFFIXES = {"double": "f64", "float": "f32"}  # a number in the name of an intrinsic
CACHE = 16 * 1024  # bytes of vectors that stay in the first-level cache while the tiles of all rows pass over them
WIDTH = 2  # vectors side by side in a tile of a layer
NOTHING = -1  # a lane that may hold anything


def sums_in_registers(registers: int) -> int:
    """How many sums a tile may have: some registers are needed for what is multiplied."""
    return registers * 3 // 4


# ---------------------------------------------------------------------------------------------------------------------
# Writing IR


@dataclass
class Carried:
    """A variable that a loop carries from one turn to the next: its type and the name of its value at this point."""

    type: str
    value: str


class Function:
    """A function being written: its lines so far, and names for values and blocks that are not yet taken."""

    def __init__(self, name: str, parameters: str, result: str = "void", attributes: str = "") -> None:
        self.lines = [f"define internal {result} @{name}({parameters}) {attributes} #0 {{", "entry:"]
        self.block = "entry"  # the label of the block that is being written
        self.numbers = itertools.count()

    def text(self, result: str = "void") -> str:
        """The finished function."""
        return "\n".join([*self.lines, f"  ret {result}", "}", ""])

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

    @contextmanager
    def parts(self, first: int, last: int, size: int) -> Iterator[str | int]:
        """Repeat what is written inside for every so many of a range; without a loop if that is once."""
        if last - first == size:
            yield first
        else:
            with self.loop(str(first), str(last), size) as index:
                yield index


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

    def literal(self, number: str) -> str:
        """A constant in all lanes."""
        return f"splat ({self.number} {number})"

    def splat(self, to: Function, number: str) -> str:
        """A number in all lanes."""
        first = to.value(f"insertelement {self.type} poison, {self.number} {number}, i64 0")
        return to.value(f"shufflevector {self.type} {first}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def load_splat(self, to: Function, pointer: str) -> str:
        """The number at the pointer in all lanes."""
        return self.splat(to, to.value(f"load {self.number}, ptr {pointer}, align {self.align}"))

    def load(self, to: Function, pointer: str) -> str:
        """The numbers from the pointer on."""
        return to.value(f"load {self.type}, ptr {pointer}, align {self.align}")

    def store(self, to: Function, value: str, pointer: str) -> None:
        """Write the lanes to the pointer and on."""
        to.do(f"store {self.type} {value}, ptr {pointer}, align {self.align}")

    def multiply_add(self, to: Function, left: str, right: str, addend: str) -> str:
        """left * right + addend."""
        arguments = f"{self.type} {left}, {self.type} {right}, {self.type} {addend}"
        return to.value(f"call {self.type} @llvm.fmuladd.{self.suffix}({arguments})")

    def pick(self, to: Function, left: str, right: str, lanes: Sequence[int]) -> str:
        """A vector of the given lanes of left and right; the lanes of right are counted on from those of left."""
        order = ", ".join("i32 poison" if lane == NOTHING else f"i32 {lane}" for lane in lanes)
        return to.value(f"shufflevector {self.type} {left}, {self.type} {right}, <{len(lanes)} x i32> <{order}>")

    def below(self, to: Function, limit: str) -> str:
        """The mask of those lanes whose number is below the limit."""
        integers = Vector("i64", self.lanes)
        lanes = ", ".join(f"i64 {lane}" for lane in range(self.lanes))
        return to.value(f"icmp slt {integers.type} <{lanes}>, {integers.splat(to, limit)}")


def declarations(number: str, lanes: int) -> str:
    """Declare the intrinsics that the functions of this module call."""
    lines = ["declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"]
    for vector in (Vector(number, lanes), Vector(number, 1)):
        of = vector.type
        lines.append(f"declare {of} @llvm.fmuladd.{vector.suffix}({of}, {of}, {of})")
    return "\n".join([*lines, ""])


# ---------------------------------------------------------------------------------------------------------------------
# Layers


@dataclass(frozen=True)
class Layout:
    """What is known of a multiplication when it is written: where the matrices have their numbers, how sums start."""

    number: str
    rows: int
    depth: int
    scalar_row: int
    scalar_depth: int
    vector_depth: int
    result_row: int
    bias_row: int | None


@dataclass(frozen=True)
class Place:
    """Where a tile begins in each of the matrices, and which steps of its sums are to be done."""

    scalars: str
    vectors: str
    results: str
    bias: str
    steps: str  # how many
    first: str | None  # whether they are the first ones; None if they always are

    def below(self, to: Function, layout: Layout, rows: str | int) -> "Place":
        """The place so many rows further down."""
        return replace(
            self,
            scalars=to.address(layout.number, self.scalars, rows, layout.scalar_row),
            results=to.address(layout.number, self.results, rows, layout.result_row),
            bias=self.bias if layout.bias_row is None else to.address(layout.number, self.bias, rows, layout.bias_row),
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
    vector: Vector,
    registers: int,
    rows: int,
    depth: int,
    scalar_row: int,
    scalar_depth: int,
    vector_depth: int,
    result_row: int,
    bias_row: int | None,
) -> str:
    """Write `name(scalars, vectors, results, bias, columns)`, which computes for all rows and columns

        results[r * result_row + c] = bias[r * bias_row] + sum over k of scalars[r * scalar_row + k * scalar_depth]
                                                                       * vectors[k * vector_depth + c]

    in the order of k = 0 ... depth - 1, without the bias if bias_row is None. The columns are whole vectors.

    A long sum is done in blocks of steps, so that the vectors of a block stay in the cache while all tiles of rows use
    them. Between blocks the results hold the sums so far, which changes neither the order nor the rounding.
    """
    layout = Layout(vector.number, rows, depth, scalar_row, scalar_depth, vector_depth, result_row, bias_row)
    to = Function(
        name, "ptr noalias %scalars, ptr noalias %vectors, ptr noalias %results, ptr noalias %bias, i64 %columns"
    )
    block = CACHE // (WIDTH * vector.lanes * vector.align)
    sums = sums_in_registers(registers)
    if depth <= block:
        place = Place("%scalars", "%vectors", "%results", "%bias", str(depth), None)
        write_columns(to, layout, vector, place, sums)
        return to.text()
    with to.loop("0", str(depth), block) as done:
        place = Place(
            scalars=to.address(vector.number, "%scalars", done, scalar_depth),
            vectors=to.address(vector.number, "%vectors", done, vector_depth),
            results="%results",
            bias="%bias",
            steps=to.minimum(to.value(f"sub i64 {depth}, {done}"), str(block)),
            first=to.value(f"icmp eq i64 {done}, 0"),
        )
        write_columns(to, layout, vector, place, sums)
    return to.text()


def write_columns(to: Function, layout: Layout, vector: Vector, place: Place, sums: int) -> None:
    """Cover the columns with tiles WIDTH vectors wide, and the rest of them with tiles of one vector.

    The height of a tile follows from the number of sums that it may keep in registers.
    """
    covered = to.round_down("%columns", WIDTH * vector.lanes)
    for start, stop, width in (("0", covered, WIDTH), (covered, "%columns", 1)):
        with to.loop(start, stop, width * vector.lanes) as column:
            write_rows(to, layout, vector, place.beside(to, layout, column), width, sums // width)


def equal_parts(length: int, largest: int) -> list[tuple[int, int, int]]:
    """Cut a length into parts of that size or less, as equal as can be: (first, last, size), of two sizes at most.

    A last part of what remains could be of one row, and would then have too few sums to keep the processor busy.
    """
    parts = -(-length // largest)
    lower, higher_parts = divmod(length, parts)
    border = higher_parts * (lower + 1)
    cut = [(0, border, lower + 1), (border, length, lower)]
    return [(first, last, size) for first, last, size in cut if last > first]


def write_rows(to: Function, layout: Layout, vector: Vector, place: Place, vectors: int, height: int) -> None:
    """Cover the rows with tiles of that height or less."""
    for first, last, rows in equal_parts(layout.rows, height):
        with to.parts(first, last, rows) as row:
            write_tile(to, layout, vector, place.below(to, layout, row), vectors, rows)


def write_tile(to: Function, layout: Layout, vector: Vector, place: Place, width: int, rows: int) -> None:
    """Do the steps for a tile of so many rows and vectors of columns."""
    number = layout.number
    results = [
        to.address(number, place.results, row * layout.result_row + i * vector.lanes)
        for row in range(rows)
        for i in range(width)
    ]
    sums = [Carried(vector.type, value) for value in start_sums(to, layout, vector, place, results, rows)]
    scalars, vectors = Carried("ptr", place.scalars), Carried("ptr", place.vectors)
    with to.loop("0", place.steps, 1, [scalars, vectors, *sums]):
        row_of_vectors = [vector.load(to, to.address(number, vectors.value, i * vector.lanes)) for i in range(width)]
        for row in range(rows):
            scalar = vector.load_splat(to, to.address(number, scalars.value, row, layout.scalar_row))
            for i, factor in enumerate(row_of_vectors):
                sum = sums[row * width + i]
                sum.value = vector.multiply_add(to, scalar, factor, sum.value)
        scalars.value = to.address(number, scalars.value, layout.scalar_depth)
        vectors.value = to.address(number, vectors.value, layout.vector_depth)
    for sum, address in zip(sums, results):
        vector.store(to, sum.value, address)


def start_sums(
    to: Function, layout: Layout, vector: Vector, place: Place, results: Sequence[str], rows: int
) -> list[str]:
    """What the sums of a tile start with: before the first steps the bias, after them what is there."""
    if place.first is None:
        return first_sums(to, layout, vector, place, len(results), rows)
    start, resume, ready = to.labels("start", "resume", "ready")
    to.do(f"br i1 {place.first}, label %{start}, label %{resume}")
    to.begin(start)
    started = first_sums(to, layout, vector, place, len(results), rows)
    to.do(f"br label %{ready}")
    to.begin(resume)
    resumed = [vector.load(to, address) for address in results]
    to.do(f"br label %{ready}")
    to.begin(ready)
    return [
        to.value(f"phi {vector.type} [ {new}, %{start} ], [ {old}, %{resume} ]") for new, old in zip(started, resumed)
    ]


def first_sums(to: Function, layout: Layout, vector: Vector, place: Place, count: int, rows: int) -> list[str]:
    """The bias of each row, for as many sums as a row has."""
    if layout.bias_row is None:  # x + -0.0 is x for every x, but -0.0 + 0.0 is 0.0
        return [vector.literal("-0.0")] * count
    biases = [to.address(layout.number, place.bias, row, layout.bias_row) for row in range(rows)]
    return [bias for bias in [vector.load_splat(to, bias) for bias in biases] for _ in range(count // rows)]


# ---------------------------------------------------------------------------------------------------------------------
# Gradients of weights


@dataclass(frozen=True)
class Gradient:
    """What is known of a gradient of weights when it is written.

    Attributes:
        vector: a register of examples.
        slot: how far a number's slot is from the next one's.
        rows: how many there are.
        result_row: how far the sums of a row are from those of the next. The sums of a row are neighbours.
        bias: how far the first row's bias is from its other sums, and a bias from the next; None if there is none.
    """

    vector: Vector
    slot: int
    rows: int
    result_row: int
    bias: tuple[int, int] | None


@dataclass(frozen=True)
class Columns:
    """The columns of a tile: where they begin, how many they are, and whether the bias comes after them."""

    first: str | int
    count: int
    with_bias: bool

    @property
    def sums(self) -> int:
        """How many sums a row has."""
        return self.count + self.with_bias


def add_products(
    name: str,
    vector: Vector,
    registers: int,
    slot: int,
    rows: int,
    columns: int,
    result_row: int,
    bias: tuple[int, int] | None,
) -> str:
    """Write `name(left, right, results, examples)`, which adds the gradient of a layer's weights, a sum over examples,

        results[r * result_row + c] += sum over e < examples of left[r * slot + e] * right[c * slot + e]
        results[bias[0] + r * bias[1]] += sum over e < examples of left[r * slot + e]

    the second line unless bias is None. The examples are whole vectors: see `clear_idle_lanes`.
    """
    gradient = Gradient(vector, slot, rows, result_row, bias)
    to = Function(name, "ptr noalias %left, ptr noalias %right, ptr noalias %results, i64 %examples")
    sums = sums_in_registers(registers)
    has_bias = bias is not None
    for first, last, width in equal_parts(columns + has_bias, sums // 3):
        border = last - width if has_bias and last > columns else last  # from where on the bias is one of the columns
        if border > first:
            with to.parts(first, border, width) as column:
                write_products(to, gradient, Columns(column, width, False), sums // width)
        if last > border:
            write_products(to, gradient, Columns(border, width - 1, True), sums // width)
    return to.text()


def write_products(to: Function, gradient: Gradient, columns: Columns, height: int) -> None:
    """Cover the rows with tiles of these columns, of that height or less."""
    vector = gradient.vector
    right = to.address(vector.number, "%right", columns.first, gradient.slot)
    for first, last, rows in equal_parts(gradient.rows, height):
        with to.parts(first, last, rows) as row:
            left = to.address(vector.number, "%left", row, gradient.slot)
            sums = sum_products(to, gradient, left, right, rows, columns)
            places = places_of_sums(to, gradient, row, rows, columns)
            for k in range(0, len(sums), vector.lanes):
                add_to(to, vector, total(to, vector, sums[k : k + vector.lanes]), places[k : k + vector.lanes])


def sum_products(to: Function, gradient: Gradient, left: str, right: str, rows: int, columns: Columns) -> list[str]:
    """The sums of a tile, still in lanes: for each row the products with each column, then the bias if there is one."""
    vector = gradient.vector
    sums = [Carried(vector.type, "zeroinitializer") for _ in range(rows * columns.sums)]
    with to.loop("0", "%examples", vector.lanes, sums) as example:

        def load(pointer: str, k: int) -> str:
            slot = to.address(vector.number, pointer, k, gradient.slot)
            return vector.load(to, to.address(vector.number, slot, example))

        of_rows = [load(left, r) for r in range(rows)]
        for c in range(columns.count):
            of_column = load(right, c)
            for of_row, sum in zip(of_rows, sums[c :: columns.sums]):
                sum.value = vector.multiply_add(to, of_row, of_column, sum.value)
        if columns.with_bias:
            for of_row, sum in zip(of_rows, sums[columns.count :: columns.sums]):
                sum.value = to.value(f"fadd {vector.type} {sum.value}, {of_row}")
    return [sum.value for sum in sums]


def places_of_sums(
    to: Function, gradient: Gradient, row: str | int, rows: int, columns: Columns
) -> list[tuple[str, int]]:
    """Where the sums of a tile belong: pointer and offset of each."""
    number, step = gradient.vector.number, gradient.result_row
    results = to.address(number, to.address(number, "%results", columns.first), row, step)
    bias, first_bias, bias_step = "", 0, 0
    if columns.with_bias and gradient.bias is not None:
        first_bias, bias_step = gradient.bias
        if bias_step == step and isinstance(columns.first, int):  # then it may be a neighbour of the others
            bias, first_bias = results, first_bias - columns.first
        else:
            bias = to.address(number, "%results", row, bias_step)
    places = []
    for r in range(rows):
        places += [(results, r * step + c) for c in range(columns.count)]
        places += [(bias, first_bias + r * bias_step)] * columns.with_bias
    return places


def total(to: Function, vector: Vector, sums: Sequence[str]) -> str:
    """The vector whose lane k is the sum of the lanes of sums[k], for at most as many sums as there are lanes.

    To add up [a0, a1] and [b0, b1], [a0, b1] is added to [a1, b0]. Of more lanes that is done with those that are 1
    apart, then 2, then 4 and so on, and halves the number of vectors each time.
    """
    sums = list(sums)
    lanes = range(vector.lanes)
    size = 1
    while size < vector.lanes:
        pairs = [(sums[k], sums[min(k + 1, len(sums) - 1)]) for k in range(0, len(sums), 2)]
        kept = [lane + vector.lanes if lane & size else lane for lane in lanes]
        moved = [(lane ^ size) + (vector.lanes if lane & size else 0) for lane in lanes]
        sums = [
            to.value(f"fadd {vector.type} {vector.pick(to, a, b, kept)}, {vector.pick(to, a, b, moved)}")
            for a, b in pairs
        ]
        size *= 2
    return sums[0]


def add_to(to: Function, vector: Vector, totals: str, places: Sequence[tuple[str, int]]) -> None:
    """Add lane k of a vector to the number at places[k], (pointer, offset); neighbours go together."""
    first = 0
    for last in range(1, len(places) + 1):
        pointer, offset = places[first]
        if last < len(places) and places[last] == (pointer, offset + last - first):
            continue
        part = Vector(vector.number, last - first)
        added = totals if part == vector else vector.pick(to, totals, "poison", range(first, last))
        address = to.address(vector.number, pointer, offset)
        part.store(to, to.value(f"fadd {part.type} {part.load(to, address)}, {added}"), address)
        first = last


def clear_idle_lanes(name: str, vector: Vector, slot: int) -> str:
    """Write `name(slots, rows, count)`, which sets the lanes after the last example to 0, in so many slots.

    What they hold may be anything, inf and nan too, and must not get into a sum over the examples.
    """
    to = Function(name, "ptr noalias %slots, i64 %rows, i64 %count")
    number = vector.number
    whole = to.round_down("%count", vector.lanes)
    rest = to.value(f"sub i64 %count, {whole}")
    stop = to.value(f"select i1 {to.value(f'icmp eq i64 {rest}, 0')}, i64 0, i64 %rows")
    mask = vector.below(to, rest)
    last = to.address(number, "%slots", whole)
    with to.loop("0", stop, 1) as row:
        address = to.address(number, last, row, slot)
        kept = f"{vector.type} {vector.load(to, address)}, {vector.type} zeroinitializer"
        vector.store(to, to.value(f"select <{vector.lanes} x i1> {mask}, {kept}"), address)
    return to.text()


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def load_table(name: str, vector: Vector, width: int, slot: int) -> str:
    """Write `name(table, slots, scratch, count)`, which makes the columns of a table slots:

        slots[c * slot + e] = table[e * width + c]

    The lanes after the last example become copies of it, so that they compute on numbers that occur: the last rows are
    first copied to scratch, and the very last of them again and again.
    """
    to = Function(name, "ptr noalias %table, ptr noalias %slots, ptr noalias %scratch, i64 %count")
    number, lanes = vector.number, vector.lanes
    whole = to.round_down("%count", lanes)
    ends_whole = to.value(f"icmp eq i64 %count, {whole}")
    to_scratch = to.value(f"select i1 {ends_whole}, i64 0, i64 {lanes}")
    last = to.value("sub i64 %count, 1")
    with to.loop("0", to_scratch, 1) as row:
        source = to.address(number, "%table", to.minimum(to.value(f"add i64 {whole}, {row}"), last), width)
        target = to.address(number, "%scratch", row, width)
        arguments = f"ptr {target}, ptr {source}, i64 {width * vector.align}, i1 false"
        to.do(f"call void @llvm.memcpy.p0.p0.i64({arguments})")
    with to.loop("0", "%count", lanes) as example:
        in_table = to.value(f"icmp slt i64 {example}, {whole}")
        rows = to.value(f"select i1 {in_table}, ptr {to.address(number, '%table', example, width)}, ptr %scratch")
        slots = to.address(number, "%slots", example)
        for first, last_column, size in squares(width, lanes):
            with to.parts(first, last_column, size) as column:
                source, target = to.address(number, rows, column), to.address(number, slots, column, slot)
                for k, turned in enumerate(turn(to, vector, load_lines(to, vector, source, lanes, width, size))[:size]):
                    vector.store(to, turned, to.address(number, target, k, slot))
    return to.text()


def store_table(name: str, vector: Vector, width: int, slot: int) -> str:
    """Write `name(slots, table, count)`, which makes slots the columns of a table, the other way round:

    table[e * width + c] = slots[c * slot + e]
    """
    to = Function(name, "ptr noalias %slots, ptr noalias %table, i64 %count")
    number, lanes = vector.number, vector.lanes
    whole = to.round_down("%count", lanes)
    with to.loop("0", whole, lanes) as example:
        slots, rows = to.address(number, "%slots", example), to.address(number, "%table", example, width)
        for first, last, size in squares(width, lanes):
            with to.parts(first, last, size) as column:
                source, target = to.address(number, slots, column, slot), to.address(number, rows, column)
                part = Vector(number, size)
                for k, turned in enumerate(turn(to, vector, load_lines(to, vector, source, size, slot, lanes))):
                    kept = turned if size == lanes else vector.pick(to, turned, "poison", range(size))
                    part.store(to, kept, to.address(number, target, k, width))
    with to.loop(whole, "%count", 1) as example, to.loop("0", str(width), 1) as column:
        source = to.address(number, to.address(number, "%slots", example), column, slot)
        target = to.address(number, to.address(number, "%table", example, width), column)
        value = to.value(f"load {number}, ptr {source}, align {vector.align}")
        to.do(f"store {number} {value}, ptr {target}, align {vector.align}")
    return to.text()


def squares(width: int, lanes: int) -> list[tuple[int, int, int]]:
    """Cut the columns of a table into as many as there are lanes, and what remains: (first, last, size)."""
    whole = width // lanes * lanes
    cut = [(0, whole, lanes), (whole, width, width - whole)]
    return [(first, last, size) for first, last, size in cut if last > first]


def load_lines(to: Function, vector: Vector, source: str, count: int, step: int, length: int) -> list[str]:
    """The lines of a square, of which only so many, and so many numbers of each, are there to be loaded."""
    part = Vector(vector.number, length)
    lines = [part.load(to, to.address(vector.number, source, k, step)) for k in range(count)]
    if length < vector.lanes:
        lanes = [k if k < length else NOTHING for k in range(vector.lanes)]
        lines = [part.pick(to, line, "poison", lanes) for line in lines]
    return lines + ["poison"] * (vector.lanes - count)


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


# ---------------------------------------------------------------------------------------------------------------------
# Ranges of parameters


def dot(name: str, vector: Vector, length: int, step_left: int, step_right: int) -> str:
    """Write `name(left, right)`, the sum over k < length of left[k * step_left] * right[k * step_right].

    Where the numbers are neighbours they are added up in the lanes of several registers, and these in the end.
    """
    number = vector.number
    to = Function(name, "ptr noalias %left, ptr noalias %right", result=number)
    result = "0.0"
    for part, side_by_side, first, last in range_parts(vector, length, step_left == step_right == 1):
        sums = [Carried(part.type, "zeroinitializer") for _ in range(side_by_side)]
        with to.loop(str(first), str(last), part.lanes * side_by_side, sums) as index:
            for k, sum in enumerate(sums):
                place = to.value(f"add i64 {index}, {k * part.lanes}")
                left = part.load(to, to.address(number, "%left", place, step_left))
                right = part.load(to, to.address(number, "%right", place, step_right))
                sum.value = part.multiply_add(to, left, right, sum.value)
        whole = sums[0].value
        for sum in sums[1:]:
            whole = to.value(f"fadd {part.type} {whole}, {sum.value}")
        of_part = to.value(f"extractelement {part.type} {total(to, part, [whole])}, i64 0")
        result = to.value(f"fadd {number} {result}, {of_part}")
    return to.text(f"{number} {result}")


def add_multiple(name: str, vector: Vector, length: int, step_target: int, step_source: int) -> str:
    """Write `name(target, source, factor)`, which adds a multiple of a range to another: for k < length

    target[k * step_target] += factor * source[k * step_source]
    """
    number = vector.number
    to = Function(name, f"ptr noalias %target, ptr noalias %source, {number} %factor")
    for part, side_by_side, first, last in range_parts(vector, length, step_target == step_source == 1):
        factor = part.splat(to, "%factor")
        with to.loop(str(first), str(last), part.lanes * side_by_side) as index:
            for k in range(side_by_side):
                place = to.value(f"add i64 {index}, {k * part.lanes}")
                target = to.address(number, "%target", place, step_target)
                source = part.load(to, to.address(number, "%source", place, step_source))
                part.store(to, part.multiply_add(to, factor, source, part.load(to, target)), target)
    return to.text()


def range_parts(vector: Vector, length: int, neighbours: bool) -> Iterator[tuple[Vector, int, int, int]]:
    """Cut a range into what is done several registers at a time, one at a time, and number by number.

    Yields a vector, how many of them go side by side, and the first and last number of the part.
    """
    first = 0
    for part, side_by_side in ((vector, 4), (vector, 1), (Vector(vector.number, 1), 1)):
        wide = part.lanes * side_by_side
        last = first + (length - first) // wide * wide
        if last > first and (neighbours or part.lanes == 1):
            yield part, side_by_side, first, last
            first = last
