"""Layers over many examples at once, as multiplications of matrices.

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
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiler.codegen.ir import Carried, Function, Lanes
from autograd.compiler.codegen.target import Target

WIDTH = 2  # vectors side by side in a tile of a layer


def sums_in_registers(registers: int) -> int:
    """How many sums a tile may have: some registers are needed for what is multiplied."""
    return registers * 3 // 4


def equal_parts(length: int, largest: int) -> list[tuple[int, int, int]]:
    """Cut a length into parts of that size or less, as equal as can be: (first, last, size), of two sizes at most.

    A last part of what remains could be of one row, and would then have too few sums to keep the processor busy.
    """
    parts = -(-length // largest)
    lower, higher_parts = divmod(length, parts)
    border = higher_parts * (lower + 1)
    cut = [(0, border, lower + 1), (border, length, lower)]
    return [(first, last, size) for first, last, size in cut if last > first]


class Product(NamedTuple):
    """A multiplication of matrices: how large it is, and how far apart the numbers of each matrix are.

    For all rows r and columns c, in the order of k = 0 ... depth - 1,

        results[r * slot + c] = bias[r * bias_row] + sum over k of scalars[r * scalar_row + k * scalar_depth]
                                                                 * vectors[k * slot + c]

    without the bias if bias_row is None. The columns are whole vectors.
    """

    rows: int
    scalar_row: int
    depth: int
    scalar_depth: int
    slot: int
    bias_row: int | None


def multiply(name: str, target: Target, product: Product) -> Function:
    """Write `name(scalars, vectors, results, bias, columns)`.

    The columns are covered with tiles WIDTH vectors wide, the rest of them with tiles of one vector; the rows with
    tiles as high as the registers allow.
    """
    parameters = "ptr noalias %scalars, ptr noalias %vectors, ptr noalias %results, ptr noalias %bias, i64 %columns"
    to = Function(name, parameters)
    vector = Lanes(to, target.number, target.lanes)
    covered = to.round_down("%columns", WIDTH * vector.lanes)
    for start, stop, width in (("0", covered, WIDTH), (covered, "%columns", 1)):
        with to.loop(start, stop, width * vector.lanes) as column:
            vectors, of_column = vector.at("%vectors", column), vector.at("%results", column)
            for first, last, rows in equal_parts(product.rows, sums_in_registers(target.registers) // width):
                with to.parts(first, last, rows) as row:
                    scalars = vector.at("%scalars", row, product.scalar_row)
                    results = vector.at(of_column, row, product.slot)
                    starts = _starts(vector, product, row, rows)
                    _tile(vector, product, scalars, vectors, results, [x for x in starts for _ in range(width)], width)
    return to.finish()


def _starts(vector: Lanes, product: Product, row: str | int, rows: int) -> list[str]:
    """What the sums of some rows start with: their bias."""
    step = product.bias_row
    if step is None:  # x + -0.0 is x for every x, but -0.0 + 0.0 is 0.0
        return [vector.literal(-0.0)] * rows
    bias = vector.at("%bias", row, step)
    return [vector.load_splat(vector.at(bias, r, step)) for r in range(rows)]


def _tile(
    vector: Lanes, product: Product, scalars: str, vectors: str, results: str, starts: Sequence[str], width: int
) -> None:
    """The sums of a tile `width` vectors wide, which begins there in the matrices."""
    rows = len(starts) // width
    sums = [Carried(vector.type, value) for value in starts]
    scalar, across = Carried("ptr", scalars), Carried("ptr", vectors)
    with vector.to.loop(0, product.depth, 1, [scalar, across, *sums]):
        row_of_vectors = [vector.load(vector.at(across.value, i * vector.lanes)) for i in range(width)]
        for row in range(rows):
            number = vector.load_splat(vector.at(scalar.value, row, product.scalar_row))
            for factor, sum in zip(row_of_vectors, sums[row * width :]):
                sum.value = vector.multiply_add(number, factor, sum.value)
        scalar.value = vector.at(scalar.value, product.scalar_depth)
        across.value = vector.at(across.value, product.slot)
    for k, sum in enumerate(sums):
        row, i = divmod(k, width)
        vector.store(sum.value, vector.at(results, row * product.slot + i * vector.lanes))


class WeightGradient(NamedTuple):
    """The gradient of a layer's weights, a sum over examples that is added to what there is:

        results[r * result_row + c] += sum over e < examples of left[r * slot + e] * right[c * slot + e]
        results[bias[0] + r * bias[1]] += sum over e < examples of left[r * slot + e]

    the second line unless bias is None. The examples are whole vectors: see `clear_idle_lanes`.
    """

    slot: int
    rows: int
    columns: int
    result_row: int
    bias: tuple[int, int] | None


def add_products(name: str, target: Target, gradient: WeightGradient) -> Function:
    """Write `name(left, right, results, examples)`."""
    to = Function(name, "ptr noalias %left, ptr noalias %right, ptr noalias %results, i64 %examples")
    vector = Lanes(to, target.number, target.lanes)
    sums = sums_in_registers(target.registers)
    columns, has_bias = gradient.columns, gradient.bias is not None
    for first, last, width in equal_parts(columns + has_bias, sums // 3):
        border = last - width if has_bias and last > columns else last  # from where on the bias is one of the columns
        if border > first:
            with to.parts(first, border, width) as column:
                _gradient_rows(vector, gradient, _Columns(column, width, False), sums // width)
        if last > border:
            _gradient_rows(vector, gradient, _Columns(border, width - 1, True), sums // width)
    return to.finish()


class _Columns(NamedTuple):
    """The columns of a tile: where they begin, how many there are, and whether the bias comes after them."""

    first: str | int
    width: int
    with_bias: bool


def _gradient_rows(vector: Lanes, gradient: WeightGradient, columns: _Columns, height: int) -> None:
    """Cover the rows with tiles of these columns, of that height or less."""
    right = vector.at("%right", columns.first, gradient.slot)
    for first, last, rows in equal_parts(gradient.rows, height):
        with vector.to.parts(first, last, rows) as row:
            left = vector.at("%left", row, gradient.slot)
            sums = _gradient_sums(vector, gradient.slot, left, right, rows, columns)
            places = _places(vector, gradient, row, rows, columns)
            for k in range(0, len(sums), vector.lanes):
                add_to(vector, total(vector, sums[k : k + vector.lanes]), places[k : k + vector.lanes])


def _gradient_sums(vector: Lanes, slot: int, left: str, right: str, rows: int, columns: _Columns) -> list[str]:
    """The sums of a tile, still in lanes: for each row the products with each column, then the bias if any."""
    _, width, with_bias = columns
    wide = width + with_bias
    sums = [Carried(vector.type, vector.literal(0.0)) for _ in range(rows * wide)]
    with vector.to.loop(0, "%examples", vector.lanes, sums) as example:
        of_rows = [vector.load(vector.at(vector.at(left, r, slot), example)) for r in range(rows)]
        for c in range(width):
            of_column = vector.load(vector.at(vector.at(right, c, slot), example))
            for of_row, sum in zip(of_rows, sums[c::wide]):
                sum.value = vector.multiply_add(of_row, of_column, sum.value)
        if with_bias:
            for of_row, sum in zip(of_rows, sums[width::wide]):
                sum.value = vector.op("fadd", sum.value, of_row)
    return [sum.value for sum in sums]


def _places(
    vector: Lanes, gradient: WeightGradient, row: str | int, rows: int, columns: _Columns
) -> list[tuple[str, int]]:
    """Where the sums of a tile belong: pointer and offset of each."""
    column, width, with_bias = columns
    step = gradient.result_row
    results = vector.at(vector.at("%results", column), row, step)
    bias, first_bias, bias_step = "", 0, 0
    if with_bias and gradient.bias is not None:
        first_bias, bias_step = gradient.bias
        if bias_step == step and isinstance(column, int):  # then it may be a neighbor of the others
            bias, first_bias = results, first_bias - column
        else:
            bias = vector.at("%results", row, bias_step)
    places = []
    for r in range(rows):
        places += [(results, r * step + c) for c in range(width)]
        places += [(bias, first_bias + r * bias_step)] * with_bias
    return places


def total(vector: Lanes, sums: Sequence[str]) -> str:
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
        sums = [vector.op("fadd", vector.pick(a, b, kept), vector.pick(a, b, moved)) for a, b in pairs]
        size *= 2
    return sums[0]


def add_to(vector: Lanes, totals: str, places: Sequence[tuple[str, int]]) -> None:
    """Add lane k of a vector to the number at places[k], (pointer, offset); neighbors go together."""
    first = 0
    for last in range(1, len(places) + 1):
        pointer, offset = places[first]
        if last < len(places) and places[last] == (pointer, offset + last - first):
            continue
        part = vector.of(last - first)
        added = totals if part.lanes == vector.lanes else vector.pick(totals, "poison", range(first, last))
        part.add_at(vector.at(pointer, offset), added)
        first = last


def clear_idle_lanes(name: str, target: Target, slot: int) -> Function:
    """Write `name(slots, rows, count)`, which sets the lanes after the last example to 0, in `rows` slots.

    What they hold may be anything, inf and nan too, and must not get into a sum over the examples.
    """
    to = Function(name, "ptr noalias %slots, i64 %rows, i64 %count")
    vector = Lanes(to, target.number, target.lanes)
    whole = to.round_down("%count", vector.lanes)
    rest = to.integer("sub", "%count", whole)
    stop = to.integer("mul", "%rows", to.value(f"zext i1 {to.integer('icmp ne', rest, 0)} to i64"))
    mask = vector.below(rest)
    last = vector.at("%slots", whole)
    with to.loop(0, stop) as row:
        address = vector.at(last, row, slot)
        vector.store(vector.select(mask, vector.load(address), vector.literal(0.0)), address)
    return to.finish()
