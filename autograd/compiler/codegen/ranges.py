"""Loops over ranges of parameters: a long dot product of weights, as in a penalty, and its gradient."""

from __future__ import annotations

from collections.abc import Iterator

from autograd.compiler.codegen.ir import Carried, Function, Lanes
from autograd.compiler.codegen.layers import total
from autograd.compiler.codegen.target import Target


def dot(name: str, target: Target, length: int, step_left: int, step_right: int) -> Function:
    """Write `name(left, right)`, the sum over k < length of left[k * step_left] * right[k * step_right].

    Where the numbers are neighbors they are added up in the lanes of several registers, and these in the end.
    """
    to = Function(name, "ptr noalias %left, ptr noalias %right", target.number)
    number = Lanes(to, target.number)
    result = number.literal(0.0)
    for part, side_by_side, first, last in _parts(to, target, length, step_left == step_right == 1):
        sums = [Carried(part.type, part.literal(0.0)) for _ in range(side_by_side)]
        with to.loop(first, last, part.lanes * side_by_side, sums) as index:
            for k, sum in enumerate(sums):
                place = to.integer("add", index, k * part.lanes)
                left, right = part.at("%left", place, step_left), part.at("%right", place, step_right)
                sum.value = part.multiply_add(part.load(left), part.load(right), sum.value)
        whole = sums[0].value
        for sum in sums[1:]:
            whole = part.op("fadd", whole, sum.value)
        result = number.op("fadd", result, part.lane(total(part, [whole]), 0))
    return to.finish(result)


def add_multiple(name: str, target: Target, length: int, step_target: int, step_source: int) -> Function:
    """Write `name(target, source, factor)`, which adds a multiple of a range to another: for k < length

    target[k * step_target] += factor * source[k * step_source]
    """
    to = Function(name, f"ptr noalias %target, ptr noalias %source, {target.number} %factor")
    for part, side_by_side, first, last in _parts(to, target, length, step_target == step_source == 1):
        factor = part.splat("%factor")
        with to.loop(first, last, part.lanes * side_by_side) as index:
            for k in range(side_by_side):
                place = to.integer("add", index, k * part.lanes)
                where = part.at("%target", place, step_target)
                source = part.load(part.at("%source", place, step_source))
                part.store(part.multiply_add(factor, source, part.load(where)), where)
    return to.finish()


def _parts(to: Function, target: Target, length: int, neighbors: bool) -> Iterator[tuple[Lanes, int, int, int]]:
    """Cut a range into what is done several registers at a time, one at a time, and number by number.

    Yields a register, how many of them go side by side, and the first and last number of the part.
    """
    first = 0
    for lanes, side_by_side in ((target.lanes, 4), (target.lanes, 1), (1, 1)):
        wide = lanes * side_by_side
        last = first + (length - first) // wide * wide
        if last > first and (neighbors or lanes == 1):
            yield Lanes(to, target.number, lanes), side_by_side, first, last
            first = last
