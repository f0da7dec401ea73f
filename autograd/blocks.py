"""How a mode holds for a `with` block: how blocks are entered, found and left. `modes.py` says what modes there are.

A block belongs to the thread (the context) that entered it. Operations look at `active` first, which is empty nearly
always, so that modes cost nothing when there are none; what only tracing changes looks at `traces`.

Ctrl-C can come before any instruction of an `__exit__` written in Python, and must not leave a mode behind. So nothing
has to be undone when a block ends: a block holds for as long as its `with` statement keeps the `__exit__` that it
looked up, and all others refer to that weakly. A block that has ended is forgotten once it is met.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial, update_wrapper
from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

active: set[Block] = set()
"""The blocks, of any thread, of modes that change what operations do. Those that have ended may still be among them."""

traces: set[Block] = set()
"""Likewise, those in which a function is recorded to be compiled."""


def end_block(statement: Statement, *_error: object) -> None:
    """What a `with` statement calls at the end; a mode that was entered by hand is left by hand."""
    if not statement.is_entered:
        statement.mode.leave_by_hand()


class Statement:
    """A `with` statement that has looked up `__exit__` and will call `__enter__` next.

    Attributes:
        mode: whose block is to be entered.
        exit: a weak reference to what it has looked up.
        before: another one, which this one came in between of: that of a handler of signals comes anywhere.
        is_entered: whether it is done.
    """

    __slots__ = ("before", "exit", "is_entered", "mode")
    before: Statement | None
    exit: Callable[[], Any]

    def __init__(self, mode: Mode) -> None:
        self.mode, self.is_entered = mode, False

    @staticmethod
    def to_be_entered() -> Statement | None:
        """The last one here; those that were interrupted before are gone."""
        last = _to_be_entered.get()
        while last is not None and last.exit() is None:
            last = last.before
        return last


_ENDED: Callable[[], Any] = ref(partial(int))  # gives None, as `exit` of every block that has ended


class Block:
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

    def __init__(self, mode: Mode, exit: Callable[[], Any], around: Block | None) -> None:
        self.mode, self.exit, self.around, self.value = mode, exit, around, mode.value()
        self.quiet = mode.quiet and (around is None or around.quiet)
        self.no_grad = around.no_grad if self.quiet and around is not None else _ENDED
        if mode.kind == "recording":
            self.no_grad = exit if self.quiet and not self.value else _ENDED


def in_force(kind: str, otherwise: Any = None) -> Any:
    """What the innermost block of this kind says."""
    block: Block | None = here()
    while block is not None:
        if block.mode.kind == kind and block.exit() is not None:
            return block.value
        block = block.around
    return otherwise


def here() -> Block:
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


def _forget_ended(blocks: set[Block]) -> None:
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
        self._by_hand: dict[Block, Callable[..., None]] = {}  # the ends of blocks that no `with` statement entered

    def value(self) -> Any:
        """What holds in a new block."""

    def begin(self, exit: Callable[[], Any]) -> None:
        """Called when a block is entered."""

    def end(self, statement: Statement) -> Callable[..., None]:
        """A function of its own to be called at the end of a block."""
        return partial(end_block, statement)

    def for_one_call(self) -> Mode:
        """The mode whose blocks are the parts of one call that is suspended in between."""
        return self

    __exit__ = _LookedUp()

    def __enter__(self) -> Any:
        statement = Statement.to_be_entered()
        if statement is None or statement.mode is not self:
            return self._enter_by_hand()
        _to_be_entered.set(statement.before)
        statement.is_entered = True
        return self._entered(statement.exit).value

    def new_exit(self) -> Callable[..., None]:
        """The end of a block that is to be entered next."""
        statement = Statement(self)
        exit = self.end(statement)
        statement.exit, statement.before = ref(exit), Statement.to_be_entered()
        _to_be_entered.set(statement)
        return exit

    def _enter_by_hand(self) -> Any:
        statement = Statement(self)
        statement.is_entered, exit = True, self.end(statement)
        block = self._entered(ref(exit))
        self._by_hand[block] = exit
        return block.value

    def leave_by_hand(self) -> None:
        """End the innermost block here that was entered by hand."""
        block: Block | None = here()
        while block is not None and block not in self._by_hand:
            block = block.around
        if block is not None:
            self._by_hand.pop(block)(None, None, None)

    def _entered(self, exit: Callable[[], Any]) -> Block:
        self.begin(exit)
        block = Block(self, exit, here())
        noted_in = traces if self.kind == "trace" else active if self.kind == "recording" or not self.quiet else None
        if noted_in is not None:
            _forget_ended(noted_in)
            noted_in.add(block)
        _innermost.set(block)
        return block

    def __getstate__(self) -> Any:
        """A copy starts outside of any `with` block."""
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
    """What a generator or coroutine does, in a mode that is left while it is suspended."""
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


OUTSIDE = Block(Mode(), bool, None)
_innermost: ContextVar[Block] = ContextVar("innermost", default=OUTSIDE)
_to_be_entered: ContextVar[Statement | None] = ContextVar("to be entered", default=None)

innermost = _innermost.get
"""The innermost block here, which may have ended. `innermost().no_grad()` is the quickest question."""


def only_no_grad() -> bool:
    """Whether results are constants here, and nothing else is wanted of them."""
    return bool(active) and here().no_grad() is not None
