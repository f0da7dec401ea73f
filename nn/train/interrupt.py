"""Ctrl-C in a training: it ends at any point, and what the last whole step left is kept."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class CtrlC:
    """Ctrl-C ends the training once, at any instruction; keeping or undoing steps afterwards is not interrupted.

    The handler of SIGINT that was there is called at once. What it raises, a KeyboardInterrupt unless the user has put
    another handler there, goes through inside of `may_end`, the first time. After that nothing goes through, however
    often Ctrl-C is pressed: so what follows need not be ready for it.
    """

    def __init__(self) -> None:
        self.pressed = False  # whether there was a KeyboardInterrupt
        self._listening = False
        self._raised: BaseException | None = None
        self._before: Any = None

    def __enter__(self) -> CtrlC:
        self._before = signal.getsignal(signal.SIGINT)
        if callable(self._before):
            with suppress(ValueError):  # another thread than the main one, to which Ctrl-C does not come
                signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._before)
        if kind is None and not isinstance(self._raised, KeyboardInterrupt):
            self.check()

    def may_end(self, work: Callable[[], None]) -> None:
        """Do the work until it is done or a KeyboardInterrupt ends it."""
        try:
            try:
                self._listening = True
                work()
            finally:
                self._listening = False
        except KeyboardInterrupt:
            self.pressed = True

    def check(self) -> None:
        """Raise what Ctrl-C has raised already, if a model or a loss caught it on its way."""
        if self._raised is not None:
            raise self._raised

    def _handle(self, number: int, frame: FrameType | None) -> None:
        listening, self._listening = self._listening, False
        try:
            self._before(number, frame)
        except BaseException as error:
            self.pressed |= isinstance(error, KeyboardInterrupt)
            self._raised = self._raised or error
            if listening:
                raise
        else:
            self._listening = listening
