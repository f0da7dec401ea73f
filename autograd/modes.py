"""Modes that hold for a block of code: `no_grad`, `detect_anomaly`, traces, scopes, `collector_paused`.

All but the last belong to the thread (the context) that entered them. Operations look at `active` first, which is empty
nearly always, so that these modes cost nothing when there are none; what only tracing changes looks at `traces`.

Ctrl-C can come before any instruction of an `__exit__` written in Python, and must not leave a mode behind. So nothing
has to be undone when a block ends: a block holds for as long as its `with` statement keeps the `__exit__` that it
looked up, and all others refer to that weakly. Who meets a block that has ended forgets it.
"""

from __future__ import annotations

import gc
import os
from _thread import RLock
from contextvars import ContextVar
from functools import partial, update_wrapper
from weakref import ref

from autograd.errors import CompileError, user_line

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

active: set[_Block] = set()
"""The blocks, of any thread, of modes that change what operations do. Those that have ended may still be among them."""

traces: set[_Block] = set()
"""Likewise, those in which a function is recorded to be compiled."""


changes: list[int] = [0]
"""How many times something was replaced in an object whose class says `counts_changes = True`.

Such an object adds 1 here whenever something in it is replaced, added or removed, so that a compiled function that uses
it need not look through it at every call: an `nn.Module` does.
"""


# ---------------------------------------------------------------------------------------------------------------------
# How a block is entered, found and left
# ---------------------------------------------------------------------------------------------------------------------


def _end(statement: _Statement, *_error: object) -> None:
    """What a `with` statement calls at the end; who entered a mode by hand leaves it so."""
    if not statement.is_entered:
        statement.mode.leave_by_hand()


class _Statement:
    """A `with` statement that has looked up `__exit__` and will call `__enter__` next.

    Attributes:
        mode: whose block is to be entered.
        exit: a weak reference to what it has looked up.
        before: another one, which this one came in between of: that of a handler of signals comes anywhere.
        is_entered: whether it is done.
    """

    __slots__ = ("before", "exit", "is_entered", "mode")
    before: _Statement | None
    exit: Callable[[], Any]

    def __init__(self, mode: Mode) -> None:
        self.mode, self.is_entered = mode, False

    @staticmethod
    def to_be_entered() -> _Statement | None:
        """The last one here; those that were interrupted before are gone."""
        last = _to_be_entered.get()
        while last is not None and last.exit() is None:
            last = last.before
        return last


_ENDED: Callable[[], Any] = ref(partial(int))  # gives None, as `exit` of every block that has ended


class _Block:
    """A `with` block that has been entered: a link in the chain of those around a point of the program.

    Attributes:
        mode: whose block it is.
        exit: a weak reference to what the `with` statement calls at the end: the block holds as long as that is there.
        around: the block around it.
        value: what holds in it.
        quiet: whether neither it nor a block around it wants anything of the nodes that are made.
        no_grad: `exit` of the block for which results are constants here, if nothing else is wanted of them.
    """

    __slots__ = ("around", "exit", "mode", "no_grad", "quiet", "value")
    quiet: bool
    no_grad: Callable[[], Any]

    def __init__(self, mode: Mode, exit: Callable[[], Any], around: _Block | None) -> None:
        self.mode, self.exit, self.around, self.value = mode, exit, around, mode.value()
        self.quiet = mode.quiet and (around is None or around.quiet)
        self.no_grad = around.no_grad if self.quiet and around is not None else _ENDED
        if mode.kind == "recording":
            self.no_grad = exit if self.quiet and not self.value else _ENDED


def in_force(kind: str, otherwise: Any = None) -> Any:
    """What the innermost block of this kind says."""
    block: _Block | None = _here()
    while block is not None:
        if block.mode.kind == kind and block.exit() is not None:
            return block.value
        block = block.around
    return otherwise


def _here() -> _Block:
    """The innermost block that holds here; the outermost stands for all that is in none."""
    block = innermost()
    last: Any = block
    while last.exit() is None:
        last = last.around
    if last is not block:
        _innermost.set(last)
    while last.around is not None and last.around.exit() is None:
        last.around = last.around.around
    if last.around is None:
        _forget_ended(active)
        _forget_ended(traces)
    return last  # type: ignore[no-any-return]


def _forget_ended(blocks: set[_Block]) -> None:
    for block in tuple(blocks):
        if block.exit() is None:
            blocks.discard(block)


class _LookedUp:
    """`__exit__` of a mode, made anew for each `with` statement. Of the class it is a function, as contextlib wants."""

    def __get__(self, mode: Mode | None, kind: type) -> Any:
        return self if mode is None else mode.new_exit()

    def __call__(self, mode: Mode, *error: object) -> None:
        mode.new_exit()(*error)


class Mode:
    """A mode for a `with` block, or for every call of a function as its decorator: `@no_grad()`.

    Attributes:
        kind: what `in_force` asks for.
        quiet: whether nothing is wanted of the nodes that are made.
    """

    __slots__ = ("_by_hand",)
    kind = ""
    quiet = True

    def __init__(self) -> None:
        self._by_hand: dict[_Block, Callable[..., None]] = {}  # the ends of blocks that no `with` statement entered

    def value(self) -> Any:
        """What holds in a new block."""

    def begin(self, exit: Callable[[], Any]) -> None:
        """Called when a block is entered."""

    def end(self, statement: _Statement) -> Callable[..., None]:
        """A function of its own to be called at the end of a block."""
        return partial(_end, statement)

    def for_one_call(self) -> Mode:
        """The mode whose blocks are the parts of one call that is suspended in between."""
        return self

    __exit__ = _LookedUp()

    def __enter__(self) -> Any:
        statement = _Statement.to_be_entered()
        if statement is None or statement.mode is not self:
            return self._enter_by_hand()
        _to_be_entered.set(statement.before)
        statement.is_entered = True
        return self._entered(statement.exit).value

    def new_exit(self) -> Callable[..., None]:
        """The end of a block that is to be entered next."""
        statement = _Statement(self)
        exit = self.end(statement)
        statement.exit, statement.before = ref(exit), _Statement.to_be_entered()
        _to_be_entered.set(statement)
        return exit

    def _enter_by_hand(self) -> Any:
        statement = _Statement(self)
        statement.is_entered, exit = True, self.end(statement)
        block = self._entered(ref(exit))
        self._by_hand[block] = exit
        return block.value

    def leave_by_hand(self) -> None:
        """End the innermost block here that was entered by hand."""
        block: _Block | None = _here()
        while block is not None and block not in self._by_hand:
            block = block.around
        if block is not None:
            self._by_hand.pop(block)(None, None, None)

    def _entered(self, exit: Callable[[], Any]) -> _Block:
        self.begin(exit)
        block = _Block(self, exit, _here())
        noted_in = traces if self.kind == "trace" else active if self.kind == "recording" or not self.quiet else None
        if noted_in is not None:
            _forget_ended(noted_in)
            noted_in.add(block)
        _innermost.set(block)
        return block

    def __getstate__(self) -> Any:
        """A copy has been entered by nobody."""
        state: Any = super().__getstate__()
        return None, {**state[1], "_by_hand": {}}

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


OUTSIDE = _Block(Mode(), bool, None)
_innermost: ContextVar[_Block] = ContextVar("innermost", default=OUTSIDE)
_to_be_entered: ContextVar[_Statement | None] = ContextVar("to be entered", default=None)

innermost = _innermost.get
"""The innermost block here, which may have ended. `innermost().no_grad()` is the quickest question."""


def only_no_grad() -> bool:
    """Whether results are constants here, and nothing else is wanted of them."""
    return bool(active) and _here().no_grad() is not None


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
    quiet = False

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


class _Switch(Mode):
    """A mode that says yes or no to something."""

    __slots__ = ("_value", "kind", "quiet")

    def __init__(self, kind: str, value: bool, quiet: bool = True) -> None:
        super().__init__()
        self.kind, self._value, self.quiet = kind, value, quiet

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


_pauses: dict[_Statement, ref[Any]] = {}
_lock = RLock()
_collector_was_on = False


class _CollectorPause(Mode):
    """Switches Python's cyclic garbage collector off for as long as anybody is in such a block, in any thread."""

    __slots__ = ()
    kind = "collector"

    def begin(self, exit: Callable[[], Any]) -> None:
        global _collector_was_on
        pause = exit().args[0]
        with _lock:
            if not _pauses:
                _collector_was_on = gc.isenabled()
            _pauses[pause] = ref(exit(), partial(_resume_collector, pause))
            gc.disable()

    def end(self, statement: _Statement) -> Callable[..., None]:
        return partial(_resume_collector, statement)


def _resume_collector(pause: _Statement, *_error: object) -> None:
    """Called at the end of a pause; where Ctrl-C came before that, as soon as nobody can call it any more."""
    with _lock:
        # twice: before, lest Ctrl-C comes in between; and after, lest a handler of signals has switched it off
        for _ in range(2 if pause in _pauses else 0):
            if set(_pauses) <= {pause} and _collector_was_on:
                gc.enable()
            _pauses.pop(pause, None)
    _end(pause)


def _end_pauses_of_others() -> None:
    """In a process that is a copy of another there is but the thread that made it: the pauses of others never end."""
    global _lock
    _lock = RLock()
    own, block = set(), _here()
    while block.around is not None:
        if block.mode.kind == "collector":
            own.add(block.exit())
        block = block.around
    for pause, exit in list(_pauses.items()):
        if exit() not in own:
            _resume_collector(pause)


one_backward_at_a_time = RLock()
"""Held while gradients are propagated: graphs of several threads may share leaves."""

if hasattr(os, "register_at_fork"):  # a child gets whole gradients, and a lock that nobody holds
    os.register_at_fork(after_in_child=_end_pauses_of_others)
    os.register_at_fork(
        before=lambda: one_backward_at_a_time.acquire(),
        after_in_parent=lambda: one_backward_at_a_time.release(),
        after_in_child=lambda: one_backward_at_a_time.release(),
    )


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
