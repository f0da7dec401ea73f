"""Scopes: which part of a program a node was computed in, so that pictures can fold what belongs together into one box.

Nothing is computed differently for them. `with scope("attention"):` puts a name on every node made in the block, and a
scope within a scope is a part of it. A neuron, a layer and an MLP do the same with the nodes that they make, each time
they are called; so do the losses. `draw_dot(loss, collapse="layer")` then draws a box for each layer.
"""

from __future__ import annotations

from autograd import modes
from autograd.graph import MANY

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Scope:
    """One passage through a part of a program. Two passages are two scopes, even under the same name.

    Attributes:
        name: what pictures call it.
        parent: the scope that this one is a part of, or None.

    Example:
        >>> Scope("neuron 3", parent=Scope("layer 0"))
        Scope('layer 0 / neuron 3')
    """

    __slots__ = ("_inner", "name", "parent")
    _inner: dict[str, Scope]  # set only where there are some

    def __init__(self, name: str, parent: Scope | None = None) -> None:
        self.name = name
        self.parent = parent

    def inner(self, name: str) -> Scope:
        """The scope of that name in this one: the same each time."""
        if not hasattr(self, "_inner"):
            self._inner = {}
        if name not in self._inner:
            self._inner[name] = Scope(name, self)
        return self._inner[name]

    def chain(self) -> list[Scope]:
        """This scope and those around it, the outermost first."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent
        return scopes[::-1]

    def __repr__(self) -> str:
        return f"Scope({' / '.join([scope.name for scope in self.chain()])!r})"

    def __reduce__(self) -> str | tuple[type[Scope], tuple[str, Scope | None]]:
        return "INSIDE" if self is INSIDE else (Scope, (self.name, self.parent))


INSIDE = Scope("inside")
"""The scope of constants that are inside of whatever scope uses them, as the 1 that a bias is multiplied by."""


def current() -> Scope | None:
    """The innermost scope that is open here, or None."""
    return modes.in_force("scope")  # type: ignore[no-any-return]


def scope_of(node: Any) -> Scope | None:
    """The innermost scope that a node was computed in; None where there was none.

    Example:
        >>> from autograd import Value, scope
        >>> x = Value(2.0)
        >>> with scope("square"):
        ...     y = x * x
        >>> scope_of(y), scope_of(x)
        (Scope('square'), None)
    """
    return getattr(node, "_scope", None)


class _ScopeMode(modes.Mode):
    """A scope for a `with` block. Each time it is entered there is a new one.

    Args:
        name: of the scope.
        marks_all: whether every operation in the block marks its node.
        scope: the one for all blocks.
    """

    __slots__ = ("_name", "_scope", "quiet")
    kind = "scope"

    def __init__(self, name: str, marks_all: bool, scope: Scope | None = None) -> None:
        super().__init__()
        self._name, self._scope, self.quiet = name, scope, not marks_all

    def value(self) -> Scope:
        return self._scope or Scope(self._name, current())

    def for_one_call(self) -> _ScopeMode:
        return _ScopeMode(self._name, not self.quiet, self.value())


def part(name: str) -> _ScopeMode:
    """A block that is the scope around the scopes in it, and marks nothing itself: no operation takes longer."""
    return _ScopeMode(name, marks_all=False)


def mark(z: Iterable[Any], a: Iterable[Any], scope: Scope) -> None:
    """Say of the pre-activations and the activations of neurons that they were computed in this scope."""
    try:
        for pre_activation, activation in zip(z, a):
            pre_activation._scope = activation._scope = scope
    except AttributeError:  # dual numbers, and whatever an activation of the user's own may return
        pass


def mark_between(operands: Iterable[Any], result: Any, scope: Scope) -> None:
    """Say of a result, and of what was computed on the way to it from these operands, that it was in this scope."""
    outside = set(map(id, operands))
    stack = [result]
    while stack:
        node = stack.pop()
        left = node._left
        if left is None or id(node) in outside:
            continue
        outside.add(id(node))
        node._scope = scope
        if node._right is MANY:
            stack.extend(left)
        else:
            stack.append(left)
            if node._right is not None:
                stack.append(node._right)


def scope(name: str) -> _ScopeMode:
    """In this block every node that is made gets this name as its scope, by which a large picture folds it into a box.

    It is a decorator as well: `@scope("block")`. Blocks may be nested; values and gradients do not depend on them, but
    operations take several times as long in them.

    Args:
        name: what the box is called.

    Raises:
        TypeError: the name is not a string.
        ValueError: it is empty.

    Example:
        >>> from autograd import Value, draw_dot, scope
        >>> x = Value(3.0, label="x")
        >>> with scope("parabola"):
        ...     y = 2 * x**2 + 3 * x + 1
        >>> "parabola" in draw_dot(y, collapse="neuron").source
        True
    """
    if not isinstance(name, str):
        raise TypeError(f"a scope's name is a string, got {type(name).__name__} {name!r:.80}: write scope('layer 1')")
    if not name.strip():
        raise ValueError("a scope's name is empty: write what the block computes, scope('layer 1')")
    return _ScopeMode(name, marks_all=True)
