"""The writer of LLVM IR: everything that becomes native code is written with it.

A `Function` is a list of lines with a name for each value in it. `Lanes` are the operations on numbers that lie side by
side in a SIMD register; one lane is a plain number. Values are the names (or literals) that LLVM gives them, as text.

    f = Function("double_all", "ptr %numbers, i64 %count")
    v = Lanes(f, "double", 4)
    with f.loop(0, "%count", 4) as k:
        v.store(v.op("fadd", x := v.load(v.at("%numbers", k)), x), v.at("%numbers", k))
    f.finish()

What a function calls is declared as it is called. The text is straight SSA and needs no optimization passes.
"""

from __future__ import annotations

import ctypes
import itertools
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_ATTRIBUTES = 'attributes #0 = { nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" }'
"""What all functions have."""

_SIZES = {"double": 8, "float": 4, "i64": 8, "ptr": 8}
_SUFFIXES = {"double": "f64", "float": "f32", "i64": "i64", "ptr": "p0"}
_ANY = -1  # in `pick`: a lane that may hold anything


@dataclass
class Carried:
    """A variable that a loop carries from one turn to the next: its type and the name of its value at this point."""

    type: str
    value: str


class Function:
    """A function being written: its lines so far, and names for values and blocks that are not yet taken."""

    def __init__(self, name: str, parameters: str, result: str = "void", attributes: str = "") -> None:
        self.name, self.result = name, result
        self.declarations: dict[str, str] = {}  # of the functions that it calls, by their names
        self.size = 0  # of the text, in characters: once it is finished
        self._constants: list[str] = []
        self._head = f"define {result} @{name}({parameters}) {attributes} #0 {{"
        self._lines: list[str] = []
        self._block = "entry"  # the label of the block that is being written
        self._numbers = itertools.count()

    def finish(self, result: str = "") -> Function:
        """End the function with what it returns."""
        self.do(f"ret {self.result} {result}")
        self.size = sum(map(len, self._lines))
        return self

    @property
    def text(self) -> str:
        """The finished function."""
        return "\n".join([*self._constants, self._head, "entry:", *self._lines, "}\n"])

    def value(self, operation: str) -> str:
        """Append an operation, return the name of its result."""
        name = f"%v{next(self._numbers)}"
        self._lines.append(f"  {name} = {operation}")
        return name

    def do(self, instruction: str) -> None:
        """Append an instruction that has no result."""
        self._lines.append(f"  {instruction}")

    def call(self, function: str, *arguments: tuple[str, str | int], result: str = "void") -> str:
        """Call a function with arguments of these types; the name of what it returns."""
        if function not in self.declarations:
            kinds = ", ".join([kind for kind, _ in arguments])
            self.declarations[function] = f"declare {result} @{function}({kinds})"
        written = f"call {result} @{function}({', '.join([f'{kind} {value}' for kind, value in arguments])})"
        if result != "void":
            return self.value(written)
        self.do(written)
        return ""

    def clear(self, pointer: str, size: int) -> None:
        """Set `size` bytes to 0."""
        self.call("llvm.memset.p0.i64", ("ptr", pointer), ("i8", 0), ("i64", size), ("i1", "false"))

    def copy(self, target: str, source: str, size: int) -> None:
        """Copy `size` bytes."""
        self.call("llvm.memcpy.p0.p0.i64", ("ptr", target), ("ptr", source), ("i64", size), ("i1", "false"))

    def table(self, numbers: Sequence[int]) -> str:
        """The address of an array of constants."""
        name = f"@{self.name}_{next(self._numbers)}"
        entries = ", ".join([f"i64 {number}" for number in numbers])
        self._constants.append(f"{name} = internal constant [{len(numbers)} x i64] [{entries}]")
        return name

    def word(self, index: int, kind: str = "ptr") -> str:
        """A word of the argument block, which is a parameter of the function."""
        words = Lanes(self, kind)
        return words.load(words.at("%block", index))

    def integer(self, operation: str, left: str | int, right: str | int) -> str:
        """An operation on two 64-bit integers."""
        return self.value(f"{operation} i64 {left}, {right}")

    def minimum(self, left: str | int, right: str | int) -> str:
        """The smaller of two integers."""
        return Lanes(self, "i64").select(self.integer("icmp slt", left, right), str(left), str(right))

    def round_down(self, integer: str, step: int) -> str:
        """The largest multiple of step, a power of two, that is not above the integer."""
        return self.integer("and", integer, -step)

    @contextmanager
    def loop(self, start: str | int, stop: str | int, step: int = 1, carried: Sequence[Carried] = ()) -> Iterator[str]:
        """Repeat what is written inside, for an index from start on, while it is below stop.

        The value of a carried variable is the initial one before the loop, the current one inside, where it may be set
        to the next one, and the last one after the loop.
        """
        number = next(self._numbers)
        head, body, done = (f"{part}{number}" for part in ("head", "body", "done"))
        index = Carried("i64", str(start))
        variables = [index, *carried]
        before, initial = self._block, [variable.value for variable in variables]
        self.do(f"br label %{head}")
        self._lines.append(f"{head}:")
        for variable in variables:
            variable.value = f"%v{next(self._numbers)}"
        current = [variable.value for variable in variables]
        line_of_phis = len(self._lines)  # they are written last: until then it is not known what comes back
        more = self.integer("icmp slt", index.value, stop)
        self.do(f"br i1 {more}, label %{body}, label %{done}")
        self._lines.append(f"{body}:")
        self._block = body
        yield index.value
        index.value = self.integer("add", index.value, step)
        self.do(f"br label %{head}")
        self._lines[line_of_phis:line_of_phis] = [
            f"  {name} = phi {variable.type} [ {first}, %{before} ], [ {variable.value}, %{self._block} ]"
            for variable, name, first in zip(variables, current, initial)
        ]
        for variable, name in zip(variables, current):
            variable.value = name
        self._lines.append(f"{done}:")
        self._block = done

    @contextmanager
    def parts(self, first: int, last: int, size: int) -> Iterator[str | int]:
        """Repeat what is written inside for every `size` of a range; without a loop if that is once."""
        if last - first == size:
            yield first
        else:
            with self.loop(first, last, size) as index:
                yield index


class Lanes:
    """Numbers of a type side by side in a register, and the operations on them, which are written into a function."""

    def __init__(self, to: Function, number: str, lanes: int = 1) -> None:
        self.to, self.number, self.lanes = to, number, lanes
        self.type = number if lanes == 1 else f"<{lanes} x {number}>"
        self.mask = "i1" if lanes == 1 else f"<{lanes} x i1>"
        self.align = _SIZES[number]  # what can be relied on: the alignment of one number
        self._suffix = _SUFFIXES[number] if lanes == 1 else f"v{lanes}{_SUFFIXES[number]}"

    def of(self, lanes: int) -> Lanes:
        """The same with another number of lanes."""
        return Lanes(self.to, self.number, lanes)

    def literal(self, number: float) -> str:
        """A constant in all lanes."""
        written = str(number) if self.number == "i64" else number_text(number, self.number)
        return written if self.lanes == 1 else f"splat ({self.number} {written})"

    # --- Memory

    def at(self, pointer: str, index: str | int, stride: int = 1) -> str:
        """The address of number `index * stride` from the pointer on; the index is a constant or a value's name."""
        if isinstance(index, int):
            offset: str | int = index * stride
        else:
            offset = index if stride == 1 else self.to.integer("mul", index, stride)
        return self.to.value(f"getelementptr {self.number}, ptr {pointer}, i64 {offset}") if offset else pointer

    def load(self, pointer: str) -> str:
        """The numbers from the pointer on."""
        return self.to.value(f"load {self.type}, ptr {pointer}, align {self.align}")

    def load_splat(self, pointer: str) -> str:
        """The number at the pointer in all lanes."""
        return self.splat(self.to.value(f"load {self.number}, ptr {pointer}, align {self.align}"))

    def store(self, value: str, pointer: str) -> None:
        """Write the lanes to the pointer and on."""
        self.to.do(f"store {self.type} {value}, ptr {pointer}, align {self.align}")

    def add_at(self, pointer: str, value: str) -> None:
        """Add to the numbers from the pointer on."""
        self.store(self.op("fadd", self.load(pointer), value), pointer)

    # --- Arithmetic

    def op(self, operation: str, left: str, right: str) -> str:
        """An operation of two operands; for a comparison a mask."""
        return self.to.value(f"{operation} {self.type} {left}, {right}")

    def function(self, name: str, *arguments: str) -> str:
        """Call a function of such numbers."""
        return self.to.call(name, *[(self.type, argument) for argument in arguments], result=self.type)

    def intrinsic(self, name: str, *arguments: str) -> str:
        """Call a function that LLVM itself has."""
        return self.function(f"llvm.{name}.{self._suffix}", *arguments)

    def multiply_add(self, left: str, right: str, addend: str) -> str:
        """left * right + addend."""
        return self.intrinsic("fmuladd", left, right, addend)

    def select(self, mask: str, left: str, right: str) -> str:
        """The left where the mask holds, else the right."""
        return self.to.value(f"select {self.mask} {mask}, {self.type} {left}, {self.type} {right}")

    def opposite(self, mask: str) -> str:
        """The mask that holds where this one does not."""
        return self.to.value(f"xor {self.mask} {mask}, {'true' if self.lanes == 1 else 'splat (i1 true)'}")

    def converted(self, operation: str, value: str, to: Lanes) -> str:
        """A conversion to other numbers."""
        return self.to.value(f"{operation} {self.type} {value} to {to.type}")

    # --- Lanes

    def splat(self, number: str) -> str:
        """A number in all lanes."""
        if self.lanes == 1:
            return number
        first = self.to.value(f"insertelement {self.type} poison, {self.number} {number}, i64 0")
        return self.to.value(
            f"shufflevector {self.type} {first}, {self.type} poison, <{self.lanes} x i32> zeroinitializer"
        )

    def lane(self, value: str, lane: int) -> str:
        """The number in one lane."""
        return value if self.lanes == 1 else self.to.value(f"extractelement {self.type} {value}, i64 {lane}")

    def sum_in_order(self, start: str, value: str) -> str:
        """The numbers in all lanes added to a number, from the first lane to the last."""
        if self.lanes == 1:
            return self.op("fadd", start, value)
        name = f"llvm.vector.reduce.fadd.{self._suffix}"
        return self.to.call(name, (self.number, start), (self.type, value), result=self.number)

    def join(self, numbers: Sequence[str]) -> str:
        """Numbers side by side."""
        if self.lanes == 1:
            return numbers[0]
        joined = "poison"
        for lane, number in enumerate(numbers):
            joined = self.to.value(f"insertelement {self.type} {joined}, {self.number} {number}, i64 {lane}")
        return joined

    def pick(self, left: str, right: str, lanes: Sequence[int]) -> str:
        """The given lanes of left and right; those of right are counted on from those of left; -1 for any."""
        if len(lanes) == 1:
            return self.lane(left, lanes[0])
        order = ", ".join(["i32 poison" if lane == _ANY else f"i32 {lane}" for lane in lanes])
        return self.to.value(f"shufflevector {self.type} {left}, {self.type} {right}, <{len(lanes)} x i32> <{order}>")

    def widen(self, value: str, lanes: int) -> str:
        """These numbers in the first of more lanes; the others may hold anything."""
        if self.lanes == 1:
            return self.to.value(f"insertelement <{lanes} x {self.number}> poison, {self.number} {value}, i64 0")
        return self.pick(value, "poison", [k if k < self.lanes else _ANY for k in range(lanes)])

    def below(self, limit: str, start: str | int = 0) -> str:
        """The mask of those lanes whose number, counted from start on, is below the limit."""
        integers = Lanes(self.to, "i64", self.lanes)
        numbers = str(start)
        if self.lanes > 1:
            numbers = f"<{', '.join([f'i64 {lane}' for lane in range(self.lanes)])}>"
            numbers = numbers if start == 0 else integers.op("add", integers.splat(str(start)), numbers)
        return integers.op("icmp slt", numbers, integers.splat(limit))


def module_text(functions: Sequence[Function]) -> str:
    """The text of a module: functions, and declarations of the others that they call."""
    defined = {function.name for function in functions}
    declared = {name: line for function in functions for name, line in function.declarations.items()}
    lines = [line for name, line in declared.items() if name not in defined]
    return "\n".join([*[function.text for function in functions], *lines, _ATTRIBUTES])


def number_text(number: float, kind: str) -> str:
    """A float as LLVM writes it: the bits of a double, in hexadecimal."""
    if kind == "float":
        number = ctypes.c_float(number).value
    return f"0x{struct.pack('>d', number).hex().upper()}"
