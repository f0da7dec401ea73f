"""Where the numbers of a batch are kept: one slot for each, as long as another piece of the program will read it."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from autograd.compiler.passes.machine import Places
from autograd.compiler.program import LAYERS, UNIFORM, Program
from autograd.primitive import Primitive
from autograd.table import COMPARISONS

_Run = tuple[str, int]
"""Places that follow one another: ("input", batch), ("element", layer), ("run", the first number in it)."""


class Memory:
    """Where numbers are kept that another piece of the program reads.

    A slot is used again as soon as its number has been read for the last time: what is kept of a block of examples
    should fit into the processor's first-level cache. Times are places in the order in which instructions are done,
    doubled: a number is read at an even time and written at the odd one after it. A layer reads and writes at once, and
    may not write where it reads: it is said to write before.
    """

    def __init__(self, program: Program, pieces: Sequence[Sequence[int]], batches: Sequence[int]) -> None:
        self.program, self.batches = program, batches
        order = [node for piece in pieces for node in piece]
        self._time = {node: 2 * k for k, node in enumerate(order)}
        self._piece = {node: k for k, piece in enumerate(pieces) for node in piece}
        self.conditions = self._conditions()
        self._last_read = self._last_reads(order)
        self.uniforms: dict[int, int] = {}
        self.slots: dict[int, int] = {}
        self.first: dict[_Run, int] = {}  # of each run its first slot
        self._slots = [_Slots() for _ in program.columns]
        self._give_places()
        self.slot_counts = [len(slots.last_read) for slots in self._slots]  # of each batch

    def _conditions(self) -> dict[int, int]:
        """Comparisons with a constant that other pieces do again instead of reading them: what they compare.

        After w = where(z <= 0, 0, z) that is w: w <= 0 exactly where z <= 0 is, and w is likely to be kept anyway.
        """
        instructions = self.program.instructions
        found: dict[int, int] = {}
        for node, (operation, operands, _) in enumerate(instructions):
            if self.batches[node] == UNIFORM or not isinstance(operation, Primitive):
                continue
            if operation in COMPARISONS and instructions[operands[1]].operation == "constant":
                if instructions[operands[0]].operation not in COMPARISONS:
                    found[node] = operands[0]
            elif operation.name == "where" and self._keeps_condition(node, found):
                found[operands[0]] = node
        wanted = set(self.program.wanted)
        return {node: compared for node, compared in found.items() if node not in wanted}

    def _keeps_condition(self, node: int, conditions: dict[int, int]) -> bool:
        """Whether `where(x > c, x, k)` decides like x > c when asked of its own result: no need to keep x > c."""
        instructions = self.program.instructions
        condition, *choices = instructions[node].operands
        compared = conditions.get(condition)
        if compared not in choices or self._piece[node] != self._piece[condition]:
            return False
        comparison, (_, limit), _ = instructions[condition]
        assert isinstance(comparison, Primitive)
        for choice, holds in zip(choices, (1.0, 0.0)):
            operation, _, number = instructions[choice]
            is_alike = operation == "constant" and comparison.forward(number, instructions[limit].attribute) == holds
            if choice != compared and not is_alike:
                return False
        return True

    def _last_reads(self, order: Sequence[int]) -> dict[int, int]:
        """When each number is read from memory for the last time: a piece loads a number where it first uses it.

        A layer takes its operands as they are in memory: it does no comparison again.
        """
        reader: dict[int, int] = {}
        last: dict[int, int] = {}
        for node in order:
            piece, (operation, operands, _) = self._piece[node], self.program.instructions[node]
            for operand in operands:
                if self._piece.get(operand) != piece:
                    read = operand if operation in LAYERS else self.conditions.get(operand, operand)
                    if reader.get(read) != piece:
                        reader[read], last[read] = piece, self._time[node]
        return {**last, **dict.fromkeys(self.program.wanted, 2 * len(order))}

    def _give_places(self) -> None:
        """Runs get their slots in the order in which they are written; a number by itself is a run of one."""
        places = self._places()
        for node in self._last_read:
            if node in places or self.program.instructions[node].operation in ("constant", "parameter", "batch_sum"):
                continue
            if self.batches[node] == UNIFORM:
                self.uniforms[node] = len(self.uniforms)
            else:
                places[node] = ("run", node), 0
        spans = self._spans(places)
        for run in sorted(spans, key=lambda run: min(spans[run], default=(0, 0))):
            kind, key = run
            batch = key if kind == "input" else self.batches[key]
            self.first[run] = self._slots[batch].take(spans[run])
        self.slots = {node: self.first[run] + offset for node, (run, offset) in places.items()}

    def _places(self) -> dict[int, tuple[_Run, int]]:
        """Numbers that have a place in a run: see `passes.Places`."""
        places = Places()
        instructions = self.program.instructions
        for node, (operation, operands, attribute) in enumerate(instructions):
            if operation in LAYERS:
                groups = [operands]
                if operation == "layer_weights":
                    groups = [operands[: attribute.rows], operands[attribute.rows :]]
                for group in groups:
                    if not places.are_a_run(group):
                        places.add_run(group)
            places.add(node, instructions[node])
        for nodes in self.program.outputs.values():
            if nodes and not places.are_a_run(nodes):
                places.add_run(nodes)
        return dict(places.of)

    def _spans(self, places: dict[int, tuple[_Run, int]]) -> dict[_Run, list[tuple[int, int]]]:
        """When each number of a run is written, and read for the last time."""
        spans: dict[_Run, list[tuple[int, int]]] = {}
        for batch, count in enumerate(self.program.columns):
            spans["input", batch] = [(-1, -1)] * count
        for node, (operation, _, attribute) in enumerate(self.program.instructions):
            if operation in ("layer", "layer_inputs"):
                written = self._time[node] - 1
                count = attribute.rows if operation == "layer" else attribute.depth
                spans["element", node] = [(written, written)] * count
        for node, (run, offset) in places.items():
            of_run = spans.setdefault(run, [])
            if run[0] == "run":
                written = self._time[node] + 1
                of_run += [(written, written)] * (offset + 1 - len(of_run))
                of_run[offset] = written, written
            written, last = of_run[offset]
            of_run[offset] = written, max(last, self._last_read.get(node, last))
        return spans


class _Slots:
    """The slots of a batch: when the number in each is read for the last time."""

    def __init__(self) -> None:
        self.last_read: list[int] = []
        self._soonest: list[tuple[int, int]] = []  # a heap of (last read, slot); entries of what was used again are old

    def take(self, spans: Sequence[tuple[int, int]]) -> int:
        """The first of some adjacent slots, for numbers that are written and last read at these times."""
        first = self._one(spans[0][0]) if len(spans) == 1 else self._run([written for written, _ in spans])
        for slot, (_, last) in enumerate(spans, first):
            if slot == len(self.last_read):
                self.last_read.append(last)
            self.last_read[slot] = last
            heappush(self._soonest, (last, slot))
        return first

    def _one(self, written: int) -> int:
        while self._soonest and self._soonest[0][0] < written:
            last, slot = heappop(self._soonest)
            if self.last_read[slot] == last:
                return slot
        return len(self.last_read)

    def _run(self, written: Sequence[int]) -> int:
        count = len(self.last_read)
        for first in range(count):
            if all(self.last_read[slot] < time for slot, time in zip(range(first, count), written)):
                return first
        return count
