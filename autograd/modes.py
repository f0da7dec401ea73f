"""Modes that hold for a block of code: `no_grad`, `detect_anomaly`, traces, scopes, `collector_paused`.

All but the last belong to the thread (the context) that entered them. Operations look at `active` first, which is empty
nearly always, so that these modes cost nothing when there are none; what only tracing changes looks at `traces`.

Ctrl-C can come between any two instructions of a Python function, also of an `__enter__` or an `__exit__`, and must not
leave a mode behind. So a block is in force for exactly as long as a lock of its own is held, and what the `with`
statement calls are that lock's methods: functions of C, which nothing interrupts. What Python does, it does before,
while the statement looks these methods up; what is left over afterwards is in force no longer, whoever finds it.
"""

from __future__ import annotations

import gc
import os
import sys
from _thread import allocate_lock
from contextvars import ContextVar, copy_context
from functools import partial, update_wrapper
from itertools import compress
from operator import methodcaller
from weakref import ref

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

active: dict[object, object] = {}
"""The blocks entered and not yet left, in any thread, of modes that change what operations do."""

traces: dict[object, object] = {}
"""The traces going on, in any thread."""

changes: list[int] = [0]
"""How many times something was replaced in an object whose class says `counts_changes = True`.

Such an object adds 1 here whenever something in it is replaced, added or removed, so that a compiled function that uses
it need not look through it at every call: an `nn.Module` does.
"""


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


# ---------------------------------------------------------------------------------------------------------------------
# How a block is entered, found and left
# ---------------------------------------------------------------------------------------------------------------------

_never: Callable[[], bool] = bool  # a function of C that returns False
_HARMLESS = ("recording", "reverse", "part", "collector")  # to the result of an operation, once it is a constant


class _Entry:
    """A block: a link in the chain of those around a point of the program.

    Attributes:
        kind, value: what holds in the block.
        around: the block around it; the outermost link stands for no block.
        holds: whether the block has been entered and not been left: whether its lock is held.
        leave: a weak reference to the function that leaves the block. When the `with` statement has dropped that, the
            block has been left, or will never be entered.
        harmless: whether nothing is to be done about the result of an operation here, if only it is a constant.
        only_no_grad: whether it is one, and nothing else is to be done about it.
    """

    __slots__ = ("around", "harmless", "holds", "kind", "leave", "only_no_grad", "value")
    around: _Entry

    def __init__(self, kind: str, value: Any, holds: Callable[[], bool], leave: Any) -> None:
        self.kind, self.value, self.holds, self.leave = kind, value, holds, leave
        self.harmless, self.only_no_grad = True, _never

    def put_into(self, around: _Entry) -> None:
        """Say which block it is in."""
        self.around = around
        self.harmless = around.harmless and self.kind in _HARMLESS
        if self.harmless:
            if self.kind != "recording":
                self.only_no_grad = around.only_no_grad
            elif not self.value:
                self.only_no_grad = self.holds


OUTSIDE = _Entry("outside", None, _never, ref(_Entry))
OUTSIDE.around = OUTSIDE
_innermost: ContextVar[_Entry] = ContextVar("innermost", default=OUTSIDE)

here = _innermost.get
"""The innermost block here, which may have been left. `here().only_no_grad()` is the quickest question."""


def _last_here() -> _Entry:
    """The innermost block here that can still be in force; what is further in, and between it and the next, is gone."""
    entry = last = here()
    while last.leave() is None:
        last = last.around
    if last is not entry:
        _innermost.set(last)
    while last.around.leave() is None:
        last.around = last.around.around
    return last


def in_force(*kinds: str, otherwise: Any = None) -> Any:
    """What the innermost block of one of these kinds says."""
    entry = _last_here()
    while entry is not OUTSIDE:
        if entry.kind in kinds and entry.leave() is not None and entry.holds():
            return entry.value
        entry = entry.around
    return otherwise


def call_within(kind: str, value: Any, function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns, called in a block of its own, which ends with the call: sooner than a `with` block."""
    entry = _Entry(kind, value, OUTSIDE.leave, OUTSIDE.leave)
    entry.put_into(_last_here())
    context = copy_context()
    context.run(_innermost.set, entry)
    return context.run(function, *args)


class _Reference(ref):  # type: ignore[type-arg]
    """A weak reference; when what it refers to is gone, `then` is called, and no line of Python runs for that."""

    then: Callable[[], object] = _never

    @staticmethod
    def to(thing: object, then: Callable[[], object]) -> _Reference:
        reference = _Reference(thing, methodcaller("then"))
        reference.then = then
        return reference


class _LookedUp(property):
    """A method made at each look-up. It can be taken from the class and called with a mode, as contextlib does."""

    def __call__(self, mode: Mode, *error: object) -> Any:
        return self.__get__(mode)(*error)


class Mode:
    """A mode for a `with` block, or for every call of a function as its decorator: `@no_grad()`."""

    __slots__ = ("_enter", "_leave")
    kind = ""
    noted_in: dict[object, object] | None = None  # where a block is noted while it is entered

    def __init__(self) -> None:
        self._enter: dict[_Entry, Callable[..., Any]] = {}  # of blocks whose functions nobody has taken yet
        self._leave: dict[_Entry, Callable[..., Any]] = {}

    def value(self) -> Any:
        """What holds in a new block."""

    def for_one_call(self) -> Mode:
        """The mode whose blocks are the parts of one call that is suspended in between."""
        return self

    def _opened(self) -> _Entry:
        lock = allocate_lock()
        leave = lock.__exit__
        forget = _never if self.noted_in is None else partial(self.noted_in.pop, lock, None)
        entry = _Entry(self.kind, self.value(), lock.locked, _Reference.to(leave, forget))
        entry.put_into(_last_here())
        _innermost.set(entry)
        self._leave[entry], self._enter[entry] = leave, self.entering(entry, lock)
        return entry

    def entering(self, entry: _Entry, lock: Any) -> Callable[[], Any]:
        """A function of C, and of nothing else, that acquires the lock, notes the block and returns its value."""
        value = compress((entry.value,), map(lock.acquire, (True,)))
        if self.noted_in is not None:
            value = compress(value, map(self.noted_in.setdefault, (lock,), (entry,)))
        return value.__next__

    def _taken(self, functions: dict[_Entry, Callable[..., Any]]) -> Callable[..., Any]:
        """The function of the innermost block of this mode; of a new one where there is none."""
        entry = here() if functions else OUTSIDE
        while entry is not OUTSIDE and entry not in functions:
            entry = entry.around
        return functions.pop(self._opened() if entry is OUTSIDE else entry)

    def _forget_interrupted(self) -> None:
        """Let go of blocks whose `with` statement was interrupted before it had looked for `__exit__`."""
        entry = here()
        while entry is not OUTSIDE:
            if entry in self._leave and not entry.holds():
                del self._leave[entry]
                self._enter.pop(entry, _never)
            entry = entry.around

    @_LookedUp
    def __enter__(self) -> Callable[[], Any]:
        if self._leave:
            self._forget_interrupted()
        return self._taken(self._enter)

    @_LookedUp
    def __exit__(self) -> Callable[..., None]:
        return self._taken(self._leave)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its body in this mode.

        Raises:
            TypeError: it is an asynchronous generator.
        """
        import inspect
        from types import coroutine

        in_mode: Callable[..., Any]
        if inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__name__} is an asynchronous generator, which cannot be decorated with a mode: "
                f"write the mode in a `with` block in its body, around what it computes between two yields"
            )
        if inspect.iscoroutinefunction(function):

            async def in_mode(*args: Any, **kwargs: Any) -> Any:
                return await coroutine(_in_steps)(self.for_one_call(), function(*args, **kwargs))

        elif inspect.isgeneratorfunction(function):

            def in_mode(*args: Any, **kwargs: Any) -> Any:
                return (yield from _in_steps(self.for_one_call(), function(*args, **kwargs)))

        else:

            def in_mode(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return function(*args, **kwargs)

        return update_wrapper(in_mode, function)


def _in_steps(mode: Mode, body: Any) -> Generator[Any, Any, Any]:
    """What a generator or coroutine does, in a mode that does not hold while it is suspended."""
    resume, sent = body.send, None
    while True:
        try:
            with mode:
                handed_out = resume(sent)
        except StopIteration as stop:
            return stop.value
        try:
            resume, sent = body.send, (yield handed_out)
        except BaseException as error:
            resume, sent = body.throw, error


# ---------------------------------------------------------------------------------------------------------------------
# The modes
# ---------------------------------------------------------------------------------------------------------------------


class Trace(Mode):
    """A function of Values being recorded, to be compiled: its numbers are not the ones that it will run on.

    Attributes:
        made: the leaves made meanwhile, which belong to the program.
        names_lines: whether operations note which of the user's lines they are in.
    """

    __slots__ = ("made", "names_lines")
    kind = "trace"
    noted_in = traces

    def __init__(self, names_lines: bool = False) -> None:
        super().__init__()
        self.made: set[Any] = set()
        self.names_lines = names_lines

    def value(self) -> Trace:
        return self


def trace() -> Trace | None:
    """The trace that goes on here, if there is one."""
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


def only_no_grad() -> bool:
    """Whether results are constants here, and nothing else that operations have to look at holds."""
    return bool(active) and here().only_no_grad()


class _Switch(Mode):
    """A mode that says yes or no to something."""

    __slots__ = ("_value", "kind", "noted_in")

    def __init__(self, kind: str, value: bool, noted_in: dict[object, object] | None = None) -> None:
        super().__init__()
        self.kind, self._value, self.noted_in = kind, value, noted_in

    def value(self) -> bool:
        return self._value


class _NoChange:
    """Stands in for a mode that holds already."""

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
        >>> y.data, y.parents
        (6.0, ())
    """
    return _Switch("recording", False, active)


def recording() -> _Switch | _NoChange:
    """In this block operations are recorded, also inside `no_grad`: what a transform needs to do its work."""
    return _NO_CHANGE if is_recording() else _Switch("recording", True, active)


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
        autograd.modes.AnomalyError: log gave -inf from 0.0 (<doctest ...>, line 2, in <module>: ...)
    """
    return _Switch("checking", True, active)


class _Rest:
    """A time in which the collector rests, shared by the blocks of all threads."""

    __slots__ = ("__weakref__",)


_pauses: dict[object, object] = {}
_rests: set[_Reference] = set()


class _CollectorPause(Mode):
    """Switches Python's cyclic garbage collector off for as long as anybody is in such a block, in any thread.

    The blocks that are entered keep their rest alive. With the last of them it goes, and the collector is on again.
    """

    __slots__ = ()
    kind = "collector"
    noted_in = _pauses

    def value(self) -> bool:
        return True

    def entering(self, entry: _Entry, lock: Any) -> Callable[[], Any]:
        off = compress(iter(gc.disable, False), map(lock.acquire, (True,)))
        return compress(off, map(self.noted_in.setdefault, (lock,), (self._rest() or entry,))).__next__

    def _rest(self) -> _Rest | None:
        """One that goes on, or a new one; none where a block around this one has it."""
        if in_force("collector"):
            return None
        for reference in tuple(_rests):
            rest = reference()
            if rest is None:
                _rests.discard(reference)
            elif not gc.isenabled():
                return rest  # type: ignore[no-any-return]
        rest = _Rest()
        _rests.add(_Reference.to(rest, gc.enable if gc.isenabled() else _never))
        return rest


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
