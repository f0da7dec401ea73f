"""Tables of examples, a row for each, turned into slots, a slot for each column; and slots into tables."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiler.codegen.ir import Function, Lanes
from autograd.compiler.codegen.target import Target


def load_table(name: str, target: Target, width: int, slot: int) -> Function:
    """Write `name(table, slots, scratch, count)`, which makes the columns of a table slots:

        slots[c * slot + e] = table[e * width + c]

    The lanes after the last example become copies of it, so that they compute on numbers that occur: the last rows are
    first copied to scratch, and the very last of them again and again.
    """
    to = Function(name, "ptr noalias %table, ptr noalias %slots, ptr noalias %scratch, i64 %count")
    vector, lanes = Lanes(to, target.number, target.lanes), target.lanes
    whole = to.round_down("%count", lanes)
    last = to.integer("sub", "%count", 1)
    has_rest = to.value(f"zext i1 {to.integer('icmp ne', '%count', whole)} to i64")
    with to.loop(0, to.integer("mul", has_rest, lanes)) as row:
        source = vector.at("%table", to.minimum(to.integer("add", whole, row), last), width)
        to.copy(vector.at("%scratch", row, width), source, width * vector.align)
    with to.loop(0, "%count", lanes) as example:
        in_table = to.integer("icmp slt", example, whole)
        rows = Lanes(to, "ptr").select(in_table, vector.at("%table", example, width), "%scratch")
        slots = vector.at("%slots", example)
        for first, stop, size in _squares(width, lanes):
            with to.parts(first, stop, size) as column:
                source, of_slots = vector.at(rows, column), vector.at(slots, column, slot)
                for k, turned in enumerate(_turned(vector, _lines(vector, source, lanes, width, size))[:size]):
                    vector.store(turned, vector.at(of_slots, k, slot))
    return to.finish()


def store_table(name: str, target: Target, width: int, slot: int) -> Function:
    """Write `name(slots, table, count)`, which makes slots the columns of a table, the other way round:

    table[e * width + c] = slots[c * slot + e]
    """
    to = Function(name, "ptr noalias %slots, ptr noalias %table, i64 %count")
    vector, lanes = Lanes(to, target.number, target.lanes), target.lanes
    whole = to.round_down("%count", lanes)
    with to.loop(0, whole, lanes) as example:
        slots, rows = vector.at("%slots", example), vector.at("%table", example, width)
        for first, stop, size in _squares(width, lanes):
            with to.parts(first, stop, size) as column:
                source, of_rows = vector.at(slots, column, slot), vector.at(rows, column)
                for k, turned in enumerate(_turned(vector, _lines(vector, source, size, slot, lanes))):
                    kept = turned if size == lanes else vector.pick(turned, "poison", range(size))
                    vector.of(size).store(kept, vector.at(of_rows, k, width))
    number = vector.of(1)
    with to.loop(whole, "%count") as example, to.loop(0, width) as column:
        value = number.load(vector.at(vector.at("%slots", example), column, slot))
        number.store(value, vector.at(vector.at("%table", example, width), column))
    return to.finish()


def _squares(width: int, lanes: int) -> list[tuple[int, int, int]]:
    """Cut the columns of a table into as many as there are lanes, and what remains: (first, last, size)."""
    whole = width // lanes * lanes
    cut = [(0, whole, lanes), (whole, width, width - whole)]
    return [(first, last, size) for first, last, size in cut if last > first]


def _lines(vector: Lanes, source: str, count: int, step: int, length: int) -> list[str]:
    """The lines of a square, of which only `count`, and `length` numbers of each, are there to be loaded."""
    part = vector.of(length)
    lines = [part.load(vector.at(source, k, step)) for k in range(count)]
    if length < vector.lanes:
        lines = [part.widen(line, vector.lanes) for line in lines]
    return lines + ["poison"] * (vector.lanes - count)


def _turned(vector: Lanes, square: Sequence[str]) -> list[str]:
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
            rows[upper] = vector.pick(above, below, left)
            rows[upper + size] = vector.pick(above, below, right)
        size //= 2
    return rows
