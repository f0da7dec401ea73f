"""Objects and lists that count their changes, so that a compiled function need not look through them at every call.

It buys a sixth of benchmarks/RESULTS.md, "demo, flat vectors": the model of the demo has 37 such lists.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from autograd.modes import changes

if TYPE_CHECKING:
    from collections.abc import Callable


class Counted:
    """An object that adds 1 to `autograd.modes.changes` whenever one of its attributes is replaced."""

    counts_changes = True

    def __setattr__(self, name: str, attribute: Any) -> None:
        super().__setattr__(name, attribute)
        changes[0] += 1

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        changes[0] += 1


class CountedList(list[Any]):
    """An ordinary list that adds 1 to `autograd.modes.changes` whenever something in it changes."""

    __slots__ = ()
    counts_changes = True


def _counted(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def counted(self: CountedList, *arguments: Any, **options: Any) -> Any:
        changes[0] += 1
        return method(self, *arguments, **options)

    return counted


for name in ("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"):
    setattr(CountedList, name, _counted(getattr(list, name)))
for name in ("__setitem__", "__delitem__", "__iadd__", "__imul__"):
    setattr(CountedList, name, _counted(getattr(list, name)))
