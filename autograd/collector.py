"""Python's cyclic garbage collector, paused while graphs are built."""

from __future__ import annotations

import gc
import os
from _thread import RLock
from functools import partial
from weakref import ref

from autograd.blocks import Mode, Statement, end_block, here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_pauses: dict[Statement, ref[Any]] = {}
_lock = RLock()
_collector_was_on = False


class _CollectorPause(Mode):
    """Switches Python's cyclic garbage collector off as long as any thread is in such a block."""

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

    def end(self, statement: Statement) -> Callable[..., None]:
        return partial(_resume_collector, statement)


def _resume_collector(pause: Statement, *_error: object) -> None:
    """End a pause: called on exit, or by a weak reference where Ctrl-C prevented the exit."""
    with _lock:
        # twice: a signal handler may switch it off again between the two statements
        for _ in range(2 if pause in _pauses else 0):
            if set(_pauses) <= {pause} and _collector_was_on:
                gc.enable()
            _pauses.pop(pause, None)
    end_block(pause)


def _end_pauses_of_others() -> None:
    """After a fork only the forking thread exists: end the pauses of the other threads."""
    global _lock
    _lock = RLock()
    own, block = set(), here()
    while block.around is not None:
        if block.mode.kind == "collector":
            own.add(block.exit())
        block = block.around
    for pause, exit in list(_pauses.items()):
        if exit() not in own:
            _resume_collector(pause)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_end_pauses_of_others)


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
