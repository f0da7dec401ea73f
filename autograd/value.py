"""Value: one number in a graph that remembers how it was computed.

A node keeps its data, its gradient, its operation, its operands in order and one local derivative per operand, recorded
when it was made. `backward()` needs to know nothing of operations: it walks the graph from the result to the leaves and
adds `upstream * local derivative` to the gradient of each operand. Nodes refer to their operands and never to their
results, so a graph that is dropped is freed at once.

`Value.apply` is what every operator and every method does; `operators.py` does the same again, unrolled for speed.
"""

from __future__ import annotations

from autograd import errors, modes, pickling, scopes, table
from autograd.blocks import OUTSIDE, active, innermost, traces
from autograd.graph import KINDS, MANY, connect, edges, topological_order
from autograd.primitive import ZERO, Number, Primitive, run_rule, to_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

LEAF, PARAMETER, CONSTANT = KINDS[:3]
"""What stands in place of the operation: of leaves that the user made, that a module holds, that operations made of
plain numbers. No derivative is recorded for constants."""


def _refused(what: str, instead: str) -> Callable[..., NoReturn]:
    def method(self: Value, *_arguments: object) -> NoReturn:
        modes.check_not_tracing(what, "write it with the operations of Values, and autograd.where(condition, x, y)")
        raise TypeError(f"{what} would lose the gradient of {self!r}: {instead}")

    return method


class Value(Number):
    """A number that remembers how it was computed, so that `backward()` can say what it depends on and how much.

    `==` and the other comparisons compare numbers, and so do `in`, `index` and `remove` of a list: whether a list holds
    this very Value, `any(v is this for v in values)` says. In a set, and as keys of a dict, equal numbers are two.

    Args:
        data: the number; it is kept as a float.
        label: a name for messages and pictures.

    Attributes:
        data: the number. It may be changed between passes (`p.data -= 0.1 * p.grad`).
        grad: after `backward()`, the derivative of the root with respect to this node. On leaves it accumulates.

    Raises:
        TypeError: `data` is not a number.

    Example:
        >>> a = Value(2.0, label="a")
        >>> b = Value(-3.0, label="b")
        >>> c = a * b + a
        >>> c.backward()
        >>> a.grad, b.grad
        (-2.0, 2.0)
    """

    __slots__ = (
        *("__weakref__", "_d_left", "_d_right", "_data", "_grad", "_label"),
        *("_left", "_origin", "_primitive", "_right", "_scope"),
    )
    _data: float
    _grad: Any  # a float; None where no backward() has reached the node and it was not set
    _primitive: Primitive | str
    _left: Any  # the first operand; None on a leaf; a tuple of the operands where _right is MANY
    _right: Any  # the second operand, None or MANY
    _d_left: Any  # the local derivative of _left: None for no edge; a tuple of them where _right is MANY
    _d_right: Any
    _label: str  # set only where there is one
    _origin: str  # the user's line that made the node; set only under detect_anomaly
    _scope: Any  # where the node was computed, for `scopes.scope_of`; set only where there is a scope

    rank = 1

    def __init__(self, data: float, label: str = "") -> None:
        if data.__class__ is not float:
            if isinstance(data, Value):
                raise TypeError(
                    "Value wants a number, got a Value: use it as it is, or write v.detach() for a new leaf of its data"
                )
            data = to_float(data, "Value")
        self._data = data
        self._grad = None
        self._primitive = LEAF
        self._left = None
        self._right = None
        if label:
            self.label = label
        if traces and (trace := modes.trace()):
            trace.made.add(self)

    @staticmethod
    def apply(primitive: Primitive, operands: Sequence[Any]) -> Value:
        """The node of an operation on Values and numbers: its number, and one local derivative for each operand."""
        values = tuple([as_value(operand, primitive.name) for operand in operands])
        numbers = [value._data for value in values]
        if active and innermost().no_grad():
            return constant(primitive.forward(*numbers))
        out = Value(primitive.forward(*numbers))
        if modes.is_recording() or modes.trace():
            out._primitive = primitive
            connect(out, values, _recorded(primitive, out._data, values, numbers))
        else:
            out._primitive = CONSTANT
        if innermost() is not OUTSIDE and (scope := scopes.current()):
            out._scope = scope
        return _under_modes(out, primitive, numbers) if active else out

    # --- What a node knows -------------------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number."""
        if traces:
            modes.check_not_tracing("v.data", "compute with v itself, or take the number outside of the function")
        return self._data

    @data.setter
    def data(self, number: float) -> None:
        if traces:
            modes.check_not_tracing("v.data = ...", "change Values outside of the function that is compiled")
        self._data = number if number.__class__ is float else to_float(number, "Value.data")

    @property
    def grad(self) -> float:
        """The derivative of the root of the last `backward()` with respect to this node; 0.0 before there was one."""
        if traces:
            modes.check_not_tracing("v.grad", "use autograd.grad(f), or take the gradient outside of the function")
        return 0.0 if self._grad is None else self._grad

    @grad.setter
    def grad(self, number: float) -> None:
        if number is None:
            raise TypeError("Value.grad is a number: write v.grad = 0.0 to reset it")
        self._grad = number if number.__class__ is float else to_float(number, "Value.grad")

    @property
    def label(self) -> str:
        """The name given to this node, or ""."""
        return getattr(self, "_label", "")

    @label.setter
    def label(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a string, got {type(label).__name__} {label!r}")
        self._label = label

    @property
    def is_leaf(self) -> bool:
        """Whether this node was made from a number, not computed from other nodes."""
        return self._left is None

    @property
    def primitive(self) -> Primitive | None:
        """The operation that made this node, None for a leaf."""
        return self._primitive if isinstance(self._primitive, Primitive) else None

    @property
    def kind(self) -> str:
        """What the node is, one of `graph.KINDS`: "leaf", "parameter", "constant" or "computed".

        A leaf may become a parameter, as one that a module holds does: `v.kind = "parameter"`.

        Example:
            >>> a = Value(2.0)
            >>> product = a * 3.0
            >>> a.kind, product.kind, [operand.kind for operand in product.operands]
            ('leaf', 'computed', ['leaf', 'constant'])
        """
        return "computed" if isinstance(self._primitive, Primitive) else self._primitive

    @kind.setter
    def kind(self, kind: str) -> None:
        if not {kind, self._primitive} <= {LEAF, PARAMETER}:
            raise ValueError(f"a leaf may become a 'parameter' and back, got {kind!r} for a node that is {self.kind!r}")
        self._primitive = PARAMETER if kind == PARAMETER else LEAF

    @property
    def has_grad(self) -> bool:
        """Whether a `backward()` has reached the node, or its gradient was set: otherwise `grad` is 0.0."""
        return self._grad is not None

    @property
    def operands(self) -> tuple[Value, ...]:
        """The nodes that this one was computed from, in order; `a + a` has two.

        Example:
            >>> a = Value(2.0)
            >>> len((a + a).operands)
            2
        """
        if self._left is None:
            return ()
        if self._right is MANY:
            return self._left  # type: ignore[no-any-return]
        return (self._left,) if self._right is None else (self._left, self._right)

    parents = operands

    @property
    def local_derivatives(self) -> tuple[float | None, ...]:
        """For each operand: how fast this node changes with that operand, at the point it was computed.

        None stands where no derivative was recorded, so that nothing flows back to that operand: it is a plain number,
        or the operation cuts it off, as `where` does the branch not taken.

        Example:
            >>> (Value(2.0) * Value(5.0) + 1).local_derivatives
            (1.0, None)
        """
        if traces:
            modes.check_not_tracing("v.local_derivatives", "use autograd.grad(f), or look outside of the function")
        return tuple([None if d is None else float(d) for _, d in edges(self)])

    _prev = property(lambda self: self.operands, doc="micrograd's name of `operands`.")
    _op = property(lambda self: getattr(self.primitive, "symbol", ""), doc="The operation's symbol, '' for a leaf.")

    # --- Backpropagation ---------------------------------------------------------------------------------------------

    def backward(self, gradient: float = 1.0) -> None:
        """Give every node of the graph the derivative of this one with respect to it.

        The gradients of computed nodes are made afresh; those of leaves accumulate, so that the gradients of several
        losses add up: call `zero_grad()` (of a module, an optimizer or this node) before a new one.

        Args:
            gradient: the upstream gradient of this node itself.

        Raises:
            RuntimeError: there is nothing to differentiate with respect to: all of it was made of constants, as the
                results of `no_grad` and `detach` are.
            AnomalyError: under `detect_anomaly`, at the first nan or inf; all gradients are then as before the call.

        Example:
            >>> x = Value(3.0)
            >>> y = x * x
            >>> y.backward()
            >>> x.grad
            6.0
        """
        if traces:
            modes.check_not_tracing("backward()", "return the loss; the compiled function computes its gradient")
        seed = to_float(gradient, "backward")
        order = topological_order(self)
        if all(node._primitive is CONSTANT or node._left is not None for node in order):
            raise RuntimeError(
                f"backward() reaches nothing but constants from {self!r}, no leaf would receive a gradient: it was "
                f"computed under no_grad, by detach(), or from plain numbers alone. Compute it outside of no_grad, "
                f"from Values that are not detached"
            )
        with modes.one_backward_at_a_time:
            before = [node._grad for node in order]
            try:
                for node in order:
                    node._grad = None
                self._grad = seed
                _propagate(order, before, checking=modes.is_checking())
            except BaseException:
                for node, grad in zip(order, before):
                    node._grad = grad
                raise

    def zero_grad(self) -> None:
        """Set the gradient of every node of this graph to 0."""
        for node in topological_order(self):
            node._grad = 0.0

    def detach(self) -> Value:
        """A constant with the same data: what is computed from it knows nothing of this node and its history.

        Example:
            >>> x = Value(3.0)
            >>> (x * x.detach()).backward()
            >>> x.grad
            3.0
        """
        if traces and modes.trace():
            return Value.apply(table.detach, (self,))
        out = constant(self._data)
        if self.label:
            out._label = self.label
        return out

    # --- Comparisons compare numbers; a node's identity is its hash --------------------------------------------------

    def compare(self, primitive: Primitive, holds: Callable[[Any, Any], bool], other: Any) -> Any:
        """Whether a comparison with a Value or a number holds; while a function is recorded, a node."""
        if not isinstance(other, (Value, int, float)):
            return NotImplemented
        if traces and modes.trace():
            return primitive(self, other)
        return bool(holds(self._data, other._data if isinstance(other, Value) else other))

    def __bool__(self) -> bool:
        if traces:
            modes.check_not_tracing(
                "`if` on a Value (or `and`, `or`, `not`, `in`, max, min, bool)",
                "write autograd.where(condition, x, y), autograd.maximum or autograd.minimum",
            )
        return self._data != 0.0

    # --- Nothing loses a gradient silently ---------------------------------------------------------------------------

    __float__ = _refused(
        "float(v), or a function of math or NumPy that calls it,",
        "use the Value's own function, v.exp() or autograd.exp(v) for math.exp(v), and v.data for the number",
    )
    __int__ = __index__ = __trunc__ = _refused("int(v)", "write int(v.data) for the number, v.floor() for a Value")
    __complex__ = _refused("complex(v)", "Values are real; write v.data for the number")
    __round__ = _refused("round(v)", "write round(v.data, digits) for the number, f'{v:.3f}' to print it")

    # --- Printing ----------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        if traces and modes.trace():
            return f"Value(data=<recorded>{label})"
        return f"Value(data={self._data}, grad={self.grad}{label})"

    def __format__(self, specification: str) -> str:
        if traces and specification:
            modes.check_not_tracing(f"f'{{v:{specification}}}'", "print what the compiled function returns")
        return format(self._data, specification) if specification else str(self)

    # --- Copies and pickles: graphs of any depth ---------------------------------------------------------------------

    __copy__, __deepcopy__, __reduce__ = pickling.copied, pickling.deep_copied, pickling.reduced


# ---------------------------------------------------------------------------------------------------------------------
# Nodes are made, and gradients propagated
# ---------------------------------------------------------------------------------------------------------------------


def constant(number: object, where: str = "Value") -> Value:
    """A leaf made of a plain number, for which no derivative is recorded."""
    out = Value.__new__(Value)
    out._data = number if number.__class__ is float else to_float(number, where)
    out._grad = None
    out._primitive = CONSTANT
    out._left = None
    out._right = None
    return out


def as_value(operand: Any, where: str) -> Value:
    return operand if isinstance(operand, Value) else constant(operand, where)


def _recorded(
    primitive: Primitive, data: float, operands: Sequence[Value], numbers: Sequence[float]
) -> list[float | None]:
    """One local derivative per operand; None, no edge, for a constant and where a row that cuts says ZERO."""
    if isinstance(primitive.partials, tuple):
        derivatives = [
            None if operand._primitive is CONSTANT else _checked(run_rule(rule, data, numbers), primitive)
            for operand, rule in zip(operands, primitive.partials)
        ]
    else:
        derivatives = [
            None if operand._primitive is CONSTANT else _checked(local, primitive)
            for operand, local in zip(operands, primitive.local_derivatives(data, numbers))
        ]
    return [None if local is ZERO else local for local in derivatives] if primitive.cuts else derivatives


def _checked(local: Any, primitive: Primitive) -> float:
    return local if local.__class__ is float or local is ZERO else to_float(local, f"a rule of {primitive.name}")


def _propagate(order: Sequence[Value], before: Sequence[float | None], checking: bool) -> None:
    """The chain rule, from results to operands: each edge adds upstream gradient times local derivative."""
    for node, gradient_before in zip(reversed(order), reversed(before)):
        upstream = node._grad
        left = node._left
        if left is None:  # a leaf accumulates
            node._grad = gradient_before or 0.0 if upstream is None else (gradient_before or 0.0) + upstream
            continue
        if upstream is None:  # every edge to it was cut
            node._grad = 0.0
            continue
        right = node._right
        if right is MANY:
            for operand, local in zip(left, node._d_left):
                if local is not None:
                    grad = operand._grad
                    operand._grad = upstream * local if grad is None else grad + upstream * local
        else:
            local = node._d_left
            if local is not None:
                grad = left._grad
                left._grad = upstream * local if grad is None else grad + upstream * local
            if right is not None:
                local = node._d_right
                if local is not None:
                    grad = right._grad
                    right._grad = upstream * local if grad is None else grad + upstream * local
        if checking:
            for operand, local in edges(node):
                errors.check_gradient(node, operand._grad, upstream, local)


def _under_modes(out: Value, primitive: Primitive, numbers: Sequence[float]) -> Value:
    """A new node as the modes want it that hold here."""
    trace = modes.trace()
    if trace and trace.names_lines:
        out._origin = errors.user_line()
    if modes.is_checking():
        out._origin = errors.user_line()
        errors.check_finite(primitive.name, out._data, numbers)
    if trace and not modes.is_recording() and primitive is not table.detach:
        return out.detach()  # under no_grad: in the program, but without a derivative
    return out
