"""Modes that hold for a block of code: `no_grad`, `detect_anomaly`, `tracing`, `collector_paused`.

All but the last belong to the thread (the context) that entered them. Operations look at `active` first, which is empty
nearly always, so that these modes cost nothing when there are none; what only tracing changes looks at `traces`.
"""

from __future__ import annotations

import gc
import os
import sys
from _thread import allocate_lock
from contextvars import ContextVar

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from typing import Any

active: list[str] = []
"""The modes entered and not yet left, in any thread."""

traces: list[Trace] = []
"""The traces going on, in any thread."""

changes: list[int] = [0]
"""How many times something was replaced in an object whose class says `counts_changes = True`.

Such an object adds 1 here whenever something in it is replaced, added or removed, so that a compiled function that uses
it need not look through it at every call: an `nn.Module` does.
"""

_recording: ContextVar[bool] = ContextVar("recording", default=True)
_checking: ContextVar[bool] = ContextVar("checking", default=False)
_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)


class AnomalyError(FloatingPointError):
    """The first nan or inf under `detect_anomaly`.

    Example:
        >>> import autograd
        >>> with autograd.detect_anomaly():
        ...     autograd.Value(-1.0).sqrt()
        Traceback (most recent call last):
        ...
        autograd.modes.AnomalyError: sqrt gave nan from -1.0 (<doctest ...>, line 2, in <module>: ...)
    """


class CompileError(TypeError):
    """A function cannot be compiled: it asks for a number that is not known while its operations are recorded, say.

    Example:
        >>> import autograd
        >>> step = autograd.compile(lambda x: x if x > 0 else -x)
        >>> step(3.0)
        Traceback (most recent call last):
        ...
        autograd.modes.CompileError: `if` on a Value ... write autograd.where(condition, x, y) ...
    """


class Trace:
    """A function of Values being recorded, to be compiled: its numbers are not the ones that it will run on.

    Attributes:
        made: the leaves made meanwhile, which belong to the program.
        names_lines: whether operations note which of the user's lines they are in.
    """

    def __init__(self, names_lines: bool = False) -> None:
        self.made: set[Any] = set()
        self.names_lines = names_lines

    def __enter__(self) -> Trace:
        traces.append(self)
        self._before = _trace.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        traces.remove(self)
        _trace.reset(self._before)


def trace() -> Trace | None:
    """The trace that goes on here, if there is one."""
    return _trace.get() if traces else None


def check_not_tracing(what: str, instead: str) -> None:
    """Refuse what needs the number in a Value.

    Raises:
        CompileError: a function is being recorded here; names the user's line.
    """
    if trace() is not None:
        raise CompileError(
            f"{what} needs its number, which is not known while the function is recorded to be compiled "
            f"({user_line()}): {instead}"
        )


def is_recording() -> bool:
    """Whether operations record their operands here: True outside `no_grad`."""
    return not active or _recording.get()


def is_checking() -> bool:
    """Whether `detect_anomaly` holds here."""
    return bool(active) and _checking.get()


class _Mode:
    """A mode for a `with` block."""

    def __init__(self, name: str, variable: ContextVar[bool], value: bool) -> None:
        self._name, self._variable, self._value = name, variable, value
        self._before: list[Token[bool]] = []

    def __enter__(self) -> None:
        active.append(self._name)
        self._before.append(self._variable.set(self._value))

    def __exit__(self, *error: object) -> None:
        active.remove(self._name)
        self._variable.reset(self._before.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function in this mode, for use as a decorator: `@no_grad()`."""

        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with _Mode(self._name, self._variable, self._value):
                return function(*args, **kwargs)

        in_mode.__name__, in_mode.__doc__ = function.__name__, function.__doc__
        return in_mode


class _NoChange:
    """Stands in for a mode that holds already."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


_NO_CHANGE = _NoChange()


def no_grad() -> _Mode:
    """In this block results are constants: nothing is recorded, which is faster and keeps no graph alive.

    It is a decorator as well: `@no_grad()`.

    Example:
        >>> from autograd import Value, no_grad
        >>> x = Value(2.0)
        >>> with no_grad():
        ...     y = x * 3
        >>> y.data, y.parents
        (6.0, ())
    """
    return _Mode("no_grad", _recording, False)


def recording() -> _Mode | _NoChange:
    """In this block operations are recorded, also inside `no_grad`: what a transform needs to do its work."""
    return _NO_CHANGE if is_recording() else _Mode("recording", _recording, True)


def detect_anomaly() -> _Mode:
    """In this block the first nan or inf, forward or backward, is an error that names where it came from.

    Raises:
        AnomalyError: names the operation, its operands and the line of your code that made it.

    Example:
        >>> import autograd
        >>> from autograd import Value
        >>> with autograd.detect_anomaly():
        ...     Value(0.0).log()
        Traceback (most recent call last):
        ...
        autograd.modes.AnomalyError: log gave -inf from 0.0 (<doctest ...>, line 2, in <module>: ...)
    """
    return _Mode("detect_anomaly", _checking, True)


class _CollectorPause:
    """Switches Python's cyclic garbage collector off for as long as anybody is in such a block, in any thread."""

    _lock = allocate_lock()
    _blocks = 0
    _was_on = False

    def __enter__(self) -> None:
        with _CollectorPause._lock:
            if _CollectorPause._blocks == 0:
                _CollectorPause._was_on = gc.isenabled()
                gc.disable()
            _CollectorPause._blocks += 1

    def __exit__(self, *error: object) -> None:
        with _CollectorPause._lock:
            _CollectorPause._blocks -= 1
            if _CollectorPause._blocks == 0 and _CollectorPause._was_on:
                gc.enable()


def collector_paused() -> _CollectorPause:
    """In this block Python's cyclic garbage collector rests, in all threads.

    Graphs have no cycles and are freed without it, but the more nodes there are the longer it looks through them, again
    and again: a graph of a million nodes takes about half the time in such a block. `nn.fit` makes its steps in one.

    Example:
        >>> import gc
        >>> from autograd import collector_paused
        >>> with collector_paused():
        ...     gc.isenabled()
        False
        >>> gc.isenabled()
        True
    """
    return _CollectorPause()


PACKAGES: tuple[str, ...] = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), package) + os.sep
    for package in ("autograd", "nn")
)
"""Where this library's own code is."""


def user_line() -> str:
    """The innermost line of code outside this library and NumPy, as "file, line n, in function: source"."""
    import linecache

    frame, passed = sys._getframe(1), (*PACKAGES, os.path.join(os.path.dirname(os.__file__), "copy.py"))
    if "numpy" in sys.modules:
        passed += (os.path.dirname(sys.modules["numpy"].__file__ or "numpy"),)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(passed):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(file, line).strip()
    return f"{file}, line {line}, in {frame.f_code.co_name}" + (f": {source}" if source else "")
