"""Bulk read of data and write of grad, for many Values at once: what a training step does to every parameter.

In Python an attribute is read or written in some ten nanoseconds, which for the parameters of a small network adds up
to more than its whole forward and backward pass. On CPython a Value is a struct with a pointer to a float in each slot.
Where these are is found by writing to one; a few lines of native code follow the pointers. Elsewhere Python does it.

It buys 2.2 times the speed of benchmarks/RESULTS.md, "demo, step(X, y)".
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from autograd.compiler.arguments import address
from autograd.compiler.codegen.ir import Function, Lanes, module_text
from autograd.compiler.runtime import native
from autograd.graph import read_data, read_grads, write_data, write_grads
from autograd.value import Value


class Exchange:
    """Reads the numbers, and writes the gradients, of some Values."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._values = tuple(values)  # it keeps them where they are
        self._native = _native()
        self._places = (ctypes.c_void_p * len(self._values))(*map(id, self._values))

    def read(self, numbers: Any) -> None:
        """Put the Values' numbers into the first places of an array of float64 or float32."""
        if self._native is not None and numbers.itemsize == 8:
            self._native.read(self._places, address(numbers), len(self._values))
        else:
            numbers[: len(self._values)] = read_data(self._values)

    def write(self, gradients: Any) -> None:
        """Set the Values' gradients to the numbers of an array."""
        if self._native is not None and gradients.itemsize == 8:
            self._native.write(self._places, address(gradients), len(self._values))
        else:
            write_grads(self._values, gradients.tolist())


class _Native(NamedTuple):
    read: Callable[..., None]
    write: Callable[..., None]
    module: native.Module  # it owns the memory that they are in


@cache
def _native() -> _Native | None:
    """The native code; None where Values are not laid out as it expects."""
    plain = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
    if not plain or ctypes.sizeof(ctypes.c_void_p) != 8 or float.__basicsize__ != object.__basicsize__ + 8:
        return None
    data, grad = _place_of(write_data, read_data), _place_of(write_grads, read_grads)
    if data is None or grad is None:
        return None
    native.add_symbol("chainrule_new_float", ctypes.pythonapi, "PyFloat_FromDouble")
    native.add_symbol("chainrule_release", ctypes.pythonapi, "Py_DecRef")
    module = native.Module(module_text([_reader(data), _writer(grad)]))
    kind = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)  # Python's lock is kept
    return _Native(kind(module.address("read")), kind(module.address("write")), module)


def _reader(data: int) -> Function:
    """For each Value the number of the float that word `data` of the Value points to."""
    to = Function("read", "ptr %values, ptr %numbers, i64 %count")
    numbers, pointers = Lanes(to, "double"), Lanes(to, "ptr")
    with to.loop(0, "%count") as k:
        number = pointers.load(pointers.at(pointers.load(pointers.at("%values", k)), data))
        numbers.store(numbers.load(numbers.at(number, object.__basicsize__ // 8)), numbers.at("%numbers", k))
    return to.finish()


def _writer(grad: int) -> Function:
    """For each Value a new float that word `grad` of the Value points to."""
    to = Function("write", "ptr %values, ptr %numbers, i64 %count")
    numbers, pointers = Lanes(to, "double"), Lanes(to, "ptr")
    with to.loop(0, "%count") as k:
        number = to.call("chainrule_new_float", ("double", numbers.load(numbers.at("%numbers", k))), result="ptr")
        place = pointers.at(pointers.load(pointers.at("%values", k)), grad)
        before = pointers.load(place)
        pointers.store(number, place)
        to.call("chainrule_release", ("ptr", before))
    return to.finish()


def _place_of(write: Callable[..., None], read: Callable[..., list[Any]]) -> int | None:
    """Which word of a Value is the pointer to a number: the one that changes when other floats are written."""
    values = [Value(0.0)]
    found = set(range(object.__basicsize__ // 8, Value.__basicsize__ // 8))
    for number in (1.25, 2.5, 5.0):
        write(values, [number])
        pointer = id(read(values)[0])
        found = {k for k in found if ctypes.c_size_t.from_address(id(values[0]) + 8 * k).value == pointer}
    return found.pop() if len(found) == 1 else None
