"""Modes that hold for a block of code: `no_grad`, `detect_anomaly`, and those of the engine itself."""

from __future__ import annotations

import os
from _thread import RLock

from autograd.blocks import Mode, active, in_force, traces
from autograd.errors import CompileError, user_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

changes: list[int] = [0]
"""How many times something was replaced in an object whose class says `counts_changes = True`.

Such an object adds 1 here whenever something in it is replaced, added or removed, so that a compiled function that uses
it need not look through it at every call: an `nn.Module` does.
"""

one_backward_at_a_time = RLock()
"""Held while gradients are propagated: graphs of several threads may share leaves."""

if hasattr(os, "register_at_fork"):  # a child gets finished gradients and a free lock
    os.register_at_fork(
        before=lambda: one_backward_at_a_time.acquire(),
        after_in_parent=lambda: one_backward_at_a_time.release(),
        after_in_child=lambda: one_backward_at_a_time.release(),
    )


class Trace(Mode):
    """A function of Values being recorded, to be compiled: the numbers in its Values are placeholders.

    Attributes:
        made: the leaves made meanwhile, which belong to the program.
        names_lines: whether operations note which of the user's lines they are in.
    """

    __slots__ = ("made", "names_lines")
    kind = "trace"
    quiet = False

    def __init__(self, names_lines: bool = False) -> None:
        super().__init__()
        self.made: set[Any] = set()
        self.names_lines = names_lines

    def value(self) -> Trace:
        return self


def trace() -> Trace | None:
    """The trace in force here, if there is one."""
    return in_force("trace") if traces else None


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
    return not active or in_force("recording", otherwise=True)


def is_checking() -> bool:
    """Whether `detect_anomaly` holds here."""
    return bool(active) and in_force("checking", otherwise=False)


class _Switch(Mode):
    """A mode that says yes or no to something."""

    __slots__ = ("_value", "kind", "quiet")

    def __init__(self, kind: str, value: bool, quiet: bool = True) -> None:
        super().__init__()
        self.kind, self._value, self.quiet = kind, value, quiet

    def value(self) -> bool:
        return self._value


class _NoChange:
    """In place of a mode that is in force already."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


_NO_CHANGE = _NoChange()


def no_grad() -> _Switch:
    """In this block results are constants: nothing is recorded, which is faster and keeps no graph alive.

    It is a decorator as well: `@no_grad()`.

    Example:
        >>> from autograd import Value, no_grad
        >>> x = Value(2.0)
        >>> with no_grad():
        ...     y = x * 3
        >>> y.data, y.operands
        (6.0, ())
    """
    return _Switch("recording", False)


def recording() -> _Switch | _NoChange:
    """In this block operations are recorded, also inside `no_grad`: what a transform needs to do its work."""
    return _NO_CHANGE if is_recording() else _Switch("recording", True)


def reverse() -> _Switch:
    """In this block reverse mode runs: transforms inside must return graphs, so that they can be differentiated."""
    return _Switch("reverse", True)


def detect_anomaly() -> _Switch:
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
        autograd.errors.AnomalyError: log gave -inf from 0.0 (<doctest ...>, line 2, in <module>: ...)
    """
    return _Switch("checking", True, quiet=False)
