"""Scopes: which part of a program a node was computed in, so that pictures collapse what belongs together.

Nothing is computed differently for them. `with scope("attention"):` puts a name on every node made in the block, and a
scope within a scope is a part of it. A neuron, a layer and an MLP do the same with the nodes that they make, each time
they are called; so do the losses. `draw_dot(loss, collapse="layer")` then draws a box for each layer.

A library tells viewers what its nodes are by a subclass of `Scope`: that is the one hook there is. This module alone
knows where a Value keeps its scope.
"""

from __future__ import annotations

from autograd.blocks import Mode, in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from autograd.value import Value


class Scope:
    """One passage through a part of a program. Two passages are two scopes, even under the same name.

    A subclass tells viewers more: its `kind`, and by overriding `part_of` and `names` which of several parts a node
    belongs to and what nodes are called. They are asked when a graph is looked at, never when it is computed.

    Attributes:
        name: what pictures call it.
        parent: the scope that this one is a part of, or None.
        kind: of the class: "neuron" for a part whose number is in the names of its nodes already, so that `explain`
            does not say it again; "layer" or any other word; "" for neither.

    Example:
        >>> from autograd import Value, explain, scope
        >>> class Gate(Scope):
        ...     def names(self, node):
        ...         yield node, f"{self.name}_{node.primitive.name}"
        >>> x = Value(2.0, label="x")
        >>> with scope("g", Gate) as gate:
        ...     y = x.sigmoid() * 3
        >>> gate
        Gate('g')
        >>> print(explain(y, x).text.splitlines()[0])
        dg_mul/dx: 1 path from x to g_mul.
    """

    __slots__ = ("_inner", "name", "parent")
    _inner: dict[str, Scope]  # set only where there are some
    kind = ""

    def __init__(self, name: str, parent: Scope | None = None) -> None:
        self.name = name
        self.parent = parent

    def part_of(self, node: Value) -> Scope | None:
        """Which scope in this one a node that was marked with this one belongs to, where the marks do not say it.

        A layer marks all of its nodes at once, which takes the least time, and tells its neurons apart here.
        """

    def names(self, node: Value) -> Iterable[tuple[Value, str]]:  # noqa: ARG002  # for subclasses
        """What to call a node that was computed in this scope, and its operands, where they have no labels.

        A name is written as a label is: "z0[3]" in formulas as z with its indices.
        """
        return ()

    def inner(self, name: str, kind: type[Scope] | None = None) -> Scope:
        """The scope of that name in this one: the same each time."""
        if not hasattr(self, "_inner"):
            self._inner = {}
        if name not in self._inner:
            self._inner[name] = (kind or Scope)(name, self)
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
        return f"{type(self).__name__}({' / '.join([scope.name for scope in self.chain()])!r})"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return "INSIDE" if self is INSIDE else (type(self), (self.name, self.parent))


INSIDE = Scope("inside")
"""The scope of constants that are inside of whatever scope uses them, as the 1 that a bias is multiplied by."""


def current() -> Scope | None:
    """The innermost scope that is open here, or None."""
    return in_force("scope")  # type: ignore[no-any-return]


def scope_of(node: Any) -> Scope | None:
    """The innermost scope that a node was computed in; None where there was none."""
    return getattr(node, "_scope", None)


class _ScopeMode(Mode):
    """A scope for a `with` block: each time it is entered a new one, unless one for all blocks is given."""

    __slots__ = ("_kind", "_name", "_scope", "quiet")
    kind = "scope"

    def __init__(self, name: str, marks_all: bool, kind: type[Scope] | None = None, scope: Scope | None = None) -> None:
        super().__init__()
        self._name, self._scope, self.quiet, self._kind = name, scope, not marks_all, kind

    def value(self) -> Scope:
        return self._scope or (self._kind or Scope)(self._name, current())

    def for_one_call(self) -> _ScopeMode:
        return _ScopeMode(self._name, not self.quiet, self._kind, self.value())


def part(name: str) -> _ScopeMode:
    """An outer scope: inner scopes belong to it, but it does not mark nodes itself and costs nothing per operation."""
    return _ScopeMode(name, marks_all=False)


def mark(nodes: Iterable[Any], scope: Scope) -> None:
    """Say of nodes that they were computed in this scope; of parameters, that they are held there."""
    try:
        for node in nodes:
            node._scope = scope
    except AttributeError:  # dual numbers, and whatever an activation of the user's own may return
        pass


def mark_between(operands: Iterable[Any], result: Any, scope: Scope) -> None:
    """Say of a result, and of what was computed on the way to it from these operands, that it was in this scope."""
    seen = set(map(id, operands))
    stack = [result]
    while stack:
        node = stack.pop()
        inner = node.operands
        if inner and id(node) not in seen:
            seen.add(id(node))
            node._scope = scope
            stack.extend(inner)


def scope(name: str, kind: type[Scope] | None = None) -> _ScopeMode:
    """In this block every node that is made gets this name as its scope: a large picture collapses them into one box.

    It is a decorator as well: `@scope("block")`. Blocks may be nested; values and gradients do not depend on them, but
    operations take several times as long in them.

    Args:
        name: what the box is called.
        kind: a subclass of `autograd.scopes.Scope` that tells more about the nodes: what they are called, say.

    Raises:
        TypeError: the name is not a string, or the kind not a subclass of Scope.
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
    if kind is not None and not (isinstance(kind, type) and issubclass(kind, Scope)):
        raise TypeError(f"a scope's kind is a subclass of Scope, got {kind!r:.80}: write class Gate(Scope): ...")
    return _ScopeMode(name, marks_all=True, kind=kind)
