"""Numbers of many Values at once, in and out: what a training step does to every parameter.

In Python an attribute is read or written in some ten nanoseconds, which for the parameters of a small network adds up
to more than its whole forward and backward pass. On CPython a Value is a struct with a pointer to a float in each slot.
Where these are is found out by looking, and a few lines of native code follow the pointers. Anywhere else, and wherever
things do not look as expected, Python does it.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from functools import cache
from typing import TYPE_CHECKING, Any

from autograd.compiler.arguments import address
from autograd.compiler.runtime import native
from autograd.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

_CODE = """
declare ptr @chainrule_new_float(double)
declare void @chainrule_release(ptr)

define void @read(ptr %values, ptr %numbers, i64 %count) {{
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %loop, label %done
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %place = getelementptr ptr, ptr %values, i64 %k
  %value = load ptr, ptr %place
  %slot = getelementptr i8, ptr %value, i64 {data}
  %float = load ptr, ptr %slot
  %inside = getelementptr i8, ptr %float, i64 {inside}
  %number = load double, ptr %inside
  %target = getelementptr double, ptr %numbers, i64 %k
  store double %number, ptr %target
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}}

define void @write(ptr %values, ptr %numbers, i64 %count) {{
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %loop, label %done
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %source = getelementptr double, ptr %numbers, i64 %k
  %number = load double, ptr %source
  %float = call ptr @chainrule_new_float(double %number)
  %place = getelementptr ptr, ptr %values, i64 %k
  %value = load ptr, ptr %place
  %slot = getelementptr i8, ptr %value, i64 {grad}
  %before = load ptr, ptr %slot
  store ptr %float, ptr %slot
  call void @chainrule_release(ptr %before)
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}}
"""


class Exchange:
    """Reads the numbers, and writes the gradients, of some Values.

    Args:
        values: the Values.
    """

    def __init__(self, values: Sequence[Value]) -> None:
        self._values = tuple(values)  # it keeps them where they are
        self._code = _native()
        self._places = (ctypes.c_void_p * len(self._values))(*map(id, self._values))

    def read(self, numbers: Any) -> None:
        """Put the Values' numbers into the first places of an array of float64 or float32."""
        if self._code is not None and numbers.itemsize == 8:
            self._code.read(self._places, address(numbers), len(self._values))
        else:
            numbers[: len(self._values)] = [value._data for value in self._values]

    def write(self, gradients: Any) -> None:
        """Set the Values' gradients to the numbers of an array."""
        if self._code is not None and gradients.itemsize == 8:
            self._code.write(self._places, address(gradients), len(self._values))
        else:
            for value, gradient in zip(self._values, gradients.tolist()):
                value._grad = gradient


class _Native:
    def __init__(self, data: int, grad: int, inside: int) -> None:
        native.add_symbol("chainrule_new_float", _python_function("PyFloat_FromDouble"))
        native.add_symbol("chainrule_release", _python_function("Py_DecRef"))
        self._module = native.Module(_CODE.format(data=data, grad=grad, inside=inside))
        kind = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)  # Python's lock is kept
        self.read = kind(self._module.address("read"))
        self.write = kind(self._module.address("write"))


def _python_function(name: str) -> int:
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


@cache
def _native() -> _Native | None:
    """The native code; None where Values are not laid out as it expects."""
    plain = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
    if not plain or ctypes.sizeof(ctypes.c_void_p) != 8 or float.__basicsize__ != object.__basicsize__ + 8:
        return None
    data, grad = _offset_of("_data"), _offset_of("_grad")
    if data is None or grad is None:
        return None
    code = _Native(data, grad, object.__basicsize__)
    return code if _works(code) else None


def _offset_of(slot: str) -> int | None:
    """Where in a Value the pointer of a slot is: where it changes when the slot is set to other floats."""
    value = Value(0.0)
    found = set(range(object.__basicsize__, Value.__basicsize__, 8))
    for number in (1.25, 2.5, 5.0):
        setattr(value, slot, number)
        pointer = id(getattr(value, slot))
        found = {o for o in found if ctypes.c_size_t.from_address(id(value) + o).value == pointer}
    return found.pop() if len(found) == 1 else None


def _works(code: _Native) -> bool:
    values = [Value(1.5), Value(-2.5)]
    places = (ctypes.c_void_p * 2)(*map(id, values))
    numbers = (ctypes.c_double * 2)()
    code.read(places, ctypes.addressof(numbers), 2)
    if list(numbers) != [1.5, -2.5]:
        return False
    code.write(places, ctypes.addressof(numbers), 2)
    return [value.grad for value in values] == [1.5, -2.5]
