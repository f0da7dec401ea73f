"""Value: one number in a graph that remembers how it was computed.

A node keeps its data, its gradient, its operation, its operands in order and one local derivative per operand, recorded
when it was made. `backward()` needs to know nothing of operations: it walks the graph from the result to the leaves and
adds `upstream * local derivative` to the gradient of each operand. Nodes refer to their operands and never to their
results, so a graph that is dropped is freed at once.
"""

from __future__ import annotations

import math
import os
from _thread import RLock, _local
from operator import mul as _multiply
from weakref import WeakSet

from autograd import modes, primitives, scopes
from autograd.graph import MANY, topological_order
from autograd.primitives import ZERO, Number, Primitive, run_rule, takes_over, to_float

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    Real = float | int


class _LeafKind:
    """What stands in a leaf's place for the operation."""

    __slots__ = ("name", "symbol")

    def __init__(self, name: str) -> None:
        self.name = name
        self.symbol = ""

    def __reduce__(self) -> str:
        return self.name.upper()


LEAF = _LeafKind("leaf")
PARAMETER = _LeafKind("parameter")
"""The kind of the leaves that a module holds: those that training moves."""
CONSTANT = _LeafKind("constant")
"""The kind of the leaves that operations make of plain numbers: no derivative is recorded for them."""
_MOVED = {"leaf": LEAF, "parameter": PARAMETER}

_one_backward_at_a_time = RLock()  # graphs of several threads may share leaves
if hasattr(os, "register_at_fork"):  # a child gets whole gradients, and a lock that nobody holds
    os.register_at_fork(
        before=lambda: _one_backward_at_a_time.acquire(),
        after_in_parent=lambda: _one_backward_at_a_time.release(),
        after_in_child=lambda: _one_backward_at_a_time.release(),
    )
_new = object.__new__
_active_modes = modes.active
_innermost = modes.innermost
_traces = modes.traces


# ---------------------------------------------------------------------------------------------------------------------
# Binding the table's rows to Value: each function below makes methods that build one node
# ---------------------------------------------------------------------------------------------------------------------


def _unary(primitive: Primitive) -> Callable[[Value], Value]:
    forward = primitive.forward
    assert isinstance(primitive.partials, tuple)
    partial: Any = primitive.partials[0]
    constant_partial = isinstance(partial, float)

    def method(self: Value) -> Value:
        if _active_modes:
            if _innermost().no_grad():
                out: Value = _new(Value)
                out._data = forward(self._data)
                out._grad = out._left = out._right = None
                out._primitive = CONSTANT
                return out
            return Value._apply(primitive, (self,))
        x = self._data
        out = _new(Value)
        out._data = data = forward(x)
        out._grad = None
        out._primitive = primitive
        out._left = self
        out._right = None
        try:
            if self._primitive is CONSTANT:
                out._d_left = None
            else:
                out._d_left = partial if constant_partial else partial(data, x)
        except (ZeroDivisionError, OverflowError):
            out._d_left = run_rule(partial, data, (x,))
        return out

    return _documented(method, primitive)


def _binary(primitive: Primitive) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    forward = primitive.forward
    assert isinstance(primitive.partials, tuple)
    partial_x: Any
    partial_y: Any
    partial_x, partial_y = primitive.partials
    constant_x, constant_y = isinstance(partial_x, float), isinstance(partial_y, float)
    product = _is_product(partial_x, partial_y)

    def operator(self: Value, other: Any) -> Any:
        if other.__class__ is not Value:
            if takes_over(other):
                return NotImplemented
            other = as_value(other, primitive.name)
        if _active_modes:
            if _innermost().no_grad():
                out: Value = _new(Value)
                out._data = forward(self._data, other._data)
                out._grad = out._left = out._right = None
                out._primitive = CONSTANT
                return out
            return Value._apply(primitive, (self, other))
        x = self._data
        y = other._data
        out = _new(Value)
        out._data = data = forward(x, y)
        out._grad = None
        out._primitive = primitive
        out._left = self
        out._right = other
        try:
            if self._primitive is CONSTANT:
                out._d_left = None
            else:
                out._d_left = y if product else partial_x if constant_x else partial_x(data, x, y)
            if other._primitive is CONSTANT:
                out._d_right = None
            else:
                out._d_right = x if product else partial_y if constant_y else partial_y(data, x, y)
        except (ZeroDivisionError, OverflowError):
            out._d_left, out._d_right = _recorded_derivatives(primitive, data, (self, other), (x, y))
        return out

    def reflected(self: Value, other: Any) -> Any:
        return NotImplemented if takes_over(other) else operator(as_value(other, primitive.name), self)

    return _documented(operator, primitive), _documented(reflected, primitive)


def _is_product(partial_x: Any, partial_y: Any) -> bool:
    """Whether each local derivative is just the other operand, which saves the commonest of calls."""
    out, x, y = object(), object(), object()
    try:
        return bool(partial_x(out, x, y) is y and partial_y(out, x, y) is x)
    except TypeError:
        return False


def _method(primitive: Primitive) -> Callable[..., Value]:
    def method(self: Value, *others: Value | Real, **named: Value | Real) -> Value:
        return primitive(self, *others, **named)

    return _documented(method, primitive)


def _documented(method: Callable[..., Value], primitive: Primitive) -> Callable[..., Value]:
    """The method under the row's name. Its own code is specialised by the interpreter for that row: twice as fast."""
    method.__code__ = method.__code__.replace(co_name=primitive.name)
    method.__name__ = primitive.name
    method.__qualname__ = f"Value.{primitive.name}"
    method.__doc__ = primitive.summary
    return method


def _comparison(primitive: Primitive, compare: Callable[[float, float], bool]) -> Callable[[Value, object], bool]:
    def operator(self: Value, other: Any) -> Any:
        if _traces and modes.trace() and isinstance(other, (Value, int, float)):
            return primitive(self, other)
        if isinstance(other, Value):
            return compare(self._data, other._data)
        if isinstance(other, (int, float)):
            return bool(compare(self._data, other))  # NumPy's floats have a bool of their own
        return NotImplemented

    return operator


def _refused(what: str, instead: str) -> Callable[..., NoReturn]:
    def method(self: Value, *_arguments: object) -> NoReturn:
        modes.check_not_tracing(what, "write it with the operations of Values, and autograd.where(condition, x, y)")
        raise TypeError(f"{what} would lose the gradient of {self!r}: {instead}")

    return method


def constant(number: object, where: str = "Value") -> Value:
    """A leaf made of a plain number, for which no derivative is recorded."""
    out: Value = _new(Value)
    out._data = number if number.__class__ is float else to_float(number, where)
    out._grad = None
    out._primitive = CONSTANT
    out._left = None
    out._right = None
    return out


def as_value(operand: Any, where: str) -> Value:
    return operand if isinstance(operand, Value) else constant(operand, where)


# ---------------------------------------------------------------------------------------------------------------------


class Value(Number):
    """A number that remembers how it was computed, so that `backward()` can say what it depends on and how much.

    `==` and the other comparisons compare numbers, and so do `in`, `index` and `remove` of a list: whether a list holds
    this very Value, `any(v is this for v in values)` says. In a set, and as keys of a dict, equal numbers are two.

    Args:
        data: the number; it is kept as a float.
        label: a name for messages and pictures.

    Attributes:
        data: the number, a float. It may be changed between passes (`p.data -= 0.1 * p.grad`).
        grad: after `backward()`, the derivative of the root with respect to this node. On leaves it accumulates.
        label: the name, "" if none was given.

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
        "__weakref__",
        "_d_left",
        "_d_right",
        "_data",
        "_grad",
        "_label",
        "_left",
        "_origin",
        "_primitive",
        "_right",
        "_scope",
    )
    _data: float
    _grad: Any  # a float; None as long as no backward() has reached the node and nobody has set it
    _primitive: Primitive | _LeafKind
    _left: Any  # the first operand; None on a leaf; a tuple of the operands where _right is MANY
    _right: Any  # the second operand, None or MANY
    _d_left: Any  # the local derivative of _left: None for no edge; a tuple of them where _right is MANY
    _d_right: Any
    _label: str  # set only where there is one
    _origin: str  # the user's line that made the node; set only under detect_anomaly
    _scope: Any  # where the node was computed, for `scopes.scope_of`; set only where there is a scope

    _rank = 1

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
        if _traces and (trace := modes.trace()):
            trace.made.add(self)

    @staticmethod
    def _apply(primitive: Primitive, arguments: Sequence[Any]) -> Value:
        """The node of `primitive` on these arguments: the one way to build a node of any number of operands."""
        operands = tuple([as_value(argument, primitive.name) for argument in arguments])
        numbers = [operand._data for operand in operands]
        if _active_modes and _innermost().no_grad():
            return constant(primitive.forward(*numbers))
        out = Value(primitive.forward(*numbers))
        recording = modes.is_recording()
        if recording or modes.trace():
            derivatives = _recorded_derivatives(primitive, out._data, operands, numbers)
            out._primitive = primitive
            _connect(out, operands, derivatives)
        else:
            out._primitive = CONSTANT
        if _innermost() is not modes.OUTSIDE and (scope := scopes.current()):
            out._scope = scope
        if _traces and (trace := modes.trace()) and trace.names_lines:
            out._origin = modes.user_line()
        if _active_modes and modes.is_checking():
            _check_forward(out, primitive, numbers)
        if not recording and modes.trace() and primitive is not primitives.detach:
            return out.detach()  # under no_grad: in the program, but without a derivative
        return out

    # --- What a node knows -------------------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number."""
        if _traces:
            modes.check_not_tracing("v.data", "compute with v itself, or take the number outside of the function")
        return self._data

    @data.setter
    def data(self, number: float) -> None:
        if _traces:
            modes.check_not_tracing("v.data = ...", "change Values outside of the function that is compiled")
        self._data = number if number.__class__ is float else to_float(number, "Value.data")

    @property
    def grad(self) -> float:
        """The derivative of the root of the last `backward()` with respect to this node; 0.0 before there was one."""
        if _traces:
            modes.check_not_tracing(
                "v.grad", "use autograd.grad(f) in it, or take the gradient outside of the function"
            )
        grad = self._grad
        return 0.0 if grad is None else grad

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

        Raises:
            ValueError: another kind is given, or to another node than a leaf or a parameter.

        Example:
            >>> a = Value(2.0)
            >>> product = a * 3.0
            >>> a.kind, product.kind, [operand.kind for operand in product.operands]
            ('leaf', 'computed', ['leaf', 'constant'])
        """
        return "computed" if self._left is not None else self._primitive.name

    @kind.setter
    def kind(self, kind: str) -> None:
        if kind not in _MOVED or self._primitive not in _MOVED.values():
            raise ValueError(f"a leaf may become a 'parameter' and back, got {kind!r} for a node that is {self.kind!r}")
        self._primitive = _MOVED[kind]

    @property
    def has_grad(self) -> bool:
        """Whether a `backward()` has reached the node, or its gradient was set: else `grad` is 0.0 for want of one."""
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
        if _traces:
            modes.check_not_tracing(
                "v.local_derivatives", "use autograd.grad(f) in it, or look outside of the function"
            )
        return tuple([None if d is None else float(d) for d in self._edges()])

    def _edges(self) -> tuple[float | None, ...]:
        """The local derivatives as recorded: None where there is no edge."""
        if self._left is None:
            return ()
        if self._right is MANY:
            return self._d_left  # type: ignore[no-any-return]
        return (self._d_left,) if self._right is None else (self._d_left, self._d_right)

    _prev = property(lambda self: self.parents, doc="micrograd's name of `parents`.")
    _op = property(lambda self: self._primitive.symbol, doc="The operation's symbol, '' for a leaf.")

    # --- Backpropagation ---------------------------------------------------------------------------------------------

    def backward(self, gradient: float = 1.0) -> None:
        """Give every node of the graph the derivative of this one with respect to it.

        The gradients of computed nodes are made afresh; those of leaves accumulate, so that the gradients of several
        losses add up: call `zero_grad()` (of a module, an optimiser or this node) before a new one.

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
        if _traces:
            modes.check_not_tracing("backward()", "return the loss; the compiled function computes its gradient")
        seed = to_float(gradient, "backward")
        order = topological_order(self)
        if all(node._primitive is CONSTANT or node._left is not None for node in order):
            raise RuntimeError(
                f"backward() reaches nothing but constants from {self!r} and would give a gradient to nobody: it was "
                f"computed under no_grad, by detach(), or from plain numbers alone. Compute it outside of no_grad, "
                f"from Values that are not detached"
            )
        with _one_backward_at_a_time:
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
        if _traces and modes.trace():
            return Value._apply(primitives.detach, (self,))
        out = constant(self._data)
        if self.label:
            out._label = self.label
        return out

    # --- Operators and methods, each bound to its row of the table ---------------------------------------------------

    __add__, __radd__ = _binary(primitives.add)
    __sub__, __rsub__ = _binary(primitives.sub)
    __mul__, __rmul__ = _binary(primitives.mul)
    __truediv__, __rtruediv__ = _binary(primitives.div)
    __pow__, __rpow__ = _binary(primitives.pow_)
    __mod__, __rmod__ = _binary(primitives.mod)
    __floordiv__, __rfloordiv__ = _binary(primitives.floor_divide)
    __neg__ = _unary(primitives.neg)
    __abs__ = abs = _unary(primitives.abs_)
    __floor__ = floor = _unary(primitives.floor)
    __ceil__ = ceil = _unary(primitives.ceil)

    exp = _unary(primitives.exp)
    expm1 = _unary(primitives.expm1)
    log = _unary(primitives.log)
    log1p = _unary(primitives.log1p)
    log2 = _unary(primitives.log2)
    log10 = _unary(primitives.log10)
    sqrt = _unary(primitives.sqrt)
    sin = _unary(primitives.sin)
    cos = _unary(primitives.cos)
    tan = _unary(primitives.tan)
    asin = arcsin = _unary(primitives.asin)  # NumPy looks for its own names in object arrays
    acos = arccos = _unary(primitives.acos)
    atan = arctan = _unary(primitives.atan)
    sinh = _unary(primitives.sinh)
    cosh = _unary(primitives.cosh)
    tanh = _unary(primitives.tanh)
    asinh = arcsinh = _unary(primitives.asinh)
    acosh = arccosh = _unary(primitives.acosh)
    atanh = arctanh = _unary(primitives.atanh)
    erf = _unary(primitives.erf)
    erfc = _unary(primitives.erfc)
    sign = _unary(primitives.sign)

    relu = _unary(primitives.relu)
    leaky_relu = _method(primitives.leaky_relu)
    elu = _method(primitives.elu)
    softplus = _unary(primitives.softplus)
    sigmoid = _unary(primitives.sigmoid)
    silu = _unary(primitives.silu)
    gelu = _unary(primitives.gelu)
    log_sigmoid = _unary(primitives.log_sigmoid)

    atan2 = arctan2 = _method(primitives.atan2)
    maximum = _method(primitives.maximum)
    minimum = _method(primitives.minimum)
    clip = _method(primitives.clip)
    hypot = _method(primitives.hypot)

    def __pos__(self) -> Value:
        return self

    conjugate = __pos__  # NumPy asks for it, in np.std and np.var

    def __divmod__(self, other: Value | Real) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Real) -> tuple[Value, Value]:
        return other // self, other % self

    # --- Comparisons compare numbers; a node's identity is its hash --------------------------------------------------

    __lt__ = _comparison(primitives.less, lambda x, y: x < y)
    __le__ = _comparison(primitives.less_equal, lambda x, y: x <= y)
    __gt__ = _comparison(primitives.greater, lambda x, y: x > y)
    __ge__ = _comparison(primitives.greater_equal, lambda x, y: x >= y)
    __eq__ = _comparison(primitives.equal, lambda x, y: x == y)
    __ne__ = _comparison(primitives.not_equal, lambda x, y: x != y)
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        if _traces:
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
        if _traces and modes.trace():
            return f"Value(data=<recorded>{label})"
        return f"Value(data={self._data}, grad={self.grad}{label})"

    def __format__(self, specification: str) -> str:
        if _traces and specification:
            modes.check_not_tracing(f"f'{{v:{specification}}}'", "print what the compiled function returns")
        return format(self._data, specification) if specification else str(self)

    # --- Copies and pickles: graphs of any depth ---------------------------------------------------------------------

    def __copy__(self) -> Value:
        return _rebuild(*self._parts())

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) not in memo:
                kind, data, grad, label, operands, edges, scope = node._parts()
                copies = tuple([memo[id(operand)] for operand in operands])
                memo[id(node)] = _rebuild(kind, data, grad, label, copies, edges, scope)
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Callable[..., Value], tuple[Any, ...]]:
        if self._left is None or any(self in graph.nodes for graph in _open_pickles.graphs):
            return _rebuild, self._parts()
        opening = _Opening(topological_order(self))
        return _last, (opening, opening.order, _Closing(opening))

    def _parts(self) -> tuple[Any, ...]:
        if _traces:
            modes.check_not_tracing("a copy or a pickle of v", "use v itself, or copy outside of the function")
        scope = getattr(self, "_scope", None)
        return self._primitive, self._data, self._grad, self.label, self.parents, self._edges(), scope


# ---------------------------------------------------------------------------------------------------------------------
# Building, propagating, checking
# ---------------------------------------------------------------------------------------------------------------------


def _recorded_derivatives(
    primitive: Primitive, data: float, operands: Sequence[Value], numbers: Sequence[float]
) -> list[float | None]:
    """One local derivative per operand; None, no edge, for a constant and where a row that cuts says ZERO."""
    if isinstance(primitive.partials, tuple):
        derivatives = [
            None if operand._primitive is CONSTANT else _checked(run_rule(partial, data, numbers), primitive)
            for operand, partial in zip(operands, primitive.partials)
        ]
    else:
        every = primitive.local_derivatives(data, numbers)
        derivatives = [
            None if operand._primitive is CONSTANT else _checked(derivative, primitive)
            for operand, derivative in zip(operands, every)
        ]
    return [None if d is ZERO else d for d in derivatives] if primitive.cuts else derivatives


def _checked(derivative: Any, primitive: Primitive) -> float:
    if derivative.__class__ is float or derivative is ZERO:
        return derivative
    return to_float(derivative, f"a rule of {primitive.name}")


def _connect(out: Value, operands: tuple[Value, ...], derivatives: Sequence[float | None]) -> None:
    if len(operands) == 1:
        (out._left,), (out._d_left,) = operands, derivatives
    elif len(operands) == 2:
        (out._left, out._right), (out._d_left, out._d_right) = operands, derivatives
    else:
        out._left, out._right = operands, MANY
        out._d_left = tuple(derivatives)


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
            _check_backward(node, upstream)


def dot_nodes(rows: Sequence[Sequence[Value]], ys: Sequence[Value]) -> list[Value]:
    """The `dot` of each row with the same ys: what `primitives.dot` makes, but the ys are looked at only once."""
    y = [node._data for node in ys]
    if _active_modes:
        if _innermost().no_grad():
            return [constant(sum(map(_multiply, [node._data for node in row], y), 0.0)) for row in rows]
        return [Value._apply(primitives.dot, (*row, *ys)) for row in rows]
    kinds = [node._primitive for node in ys]
    constants = len(kinds) - kinds[::-1].index(CONSTANT) if CONSTANT in kinds else 0
    no_edges = (None,) * constants  # of the ys up to the last constant; those among them that have one are put right
    mixed = [k for k in range(constants) if kinds[k] is not CONSTANT]
    nodes = []
    for row in rows:
        x = [node._data for node in row]
        out: Value = _new(Value)
        out._data = sum(map(_multiply, x, y), 0.0)
        out._grad = None
        out._primitive = primitives.dot
        out._left = (*row, *ys)
        out._right = MANY
        out._d_left = (*y, *no_edges, *x[constants:])
        if mixed:
            edges = list(out._d_left)
            for k in mixed:
                edges[len(y) + k] = x[k]
            out._d_left = tuple(edges)
        nodes.append(out)
    return nodes


def _check_forward(out: Value, primitive: Primitive, numbers: Sequence[float]) -> None:
    out._origin = modes.user_line()
    if not math.isfinite(out._data):
        operands = ", ".join(str(number) for number in numbers)
        raise modes.AnomalyError(f"{primitive.name} gave {out._data} from {operands} ({out._origin})")


def _check_backward(node: Value, upstream: float) -> None:
    for operand, local in zip(node.parents, node._edges()):
        if operand._grad is not None and not math.isfinite(operand._grad):
            numbers = ", ".join(str(parent._data) for parent in node.parents)
            origin = getattr(node, "_origin", "made outside detect_anomaly: run the forward pass in it to see the line")
            raise modes.AnomalyError(
                f"backward through {node._primitive.name} gave the gradient {operand._grad} "
                f"(upstream {upstream}, local derivative {local}, operands {numbers}; {origin})"
            )


def _rebuild(
    kind: Primitive | _LeafKind,
    data: float,
    grad: float | None,
    label: str,
    operands: tuple[Value, ...],
    edges: tuple[float | None, ...],
    scope: Any = None,
) -> Value:
    """A node from its parts."""
    out = Value(data, label)
    out._grad, out._primitive = grad, kind
    if scope:
        out._scope = scope
    if operands:
        _connect(out, operands, edges)
    return out


class _Opening:
    """Goes into a pickle before the nodes of a graph, which follow in order, operands first.

    Until the closing has followed, a node pickles as its own parts alone: its operands are in the pickle already, so
    that none nests deeper than one.
    """

    def __init__(self, order: list[Value]) -> None:
        self.order = order
        self.nodes = frozenset(order)

    def __reduce__(self) -> tuple[Any, ...]:
        _open_pickles.graphs.add(self)
        return tuple, ()


class _OpenPickles(_local):
    """The graphs that this thread is pickling: those with an opening but no closing yet."""

    def __init__(self) -> None:
        self.graphs: WeakSet[_Opening] = WeakSet()


_open_pickles = _OpenPickles()


class _Closing:
    def __init__(self, opening: _Opening) -> None:
        self.opening = opening

    def __reduce__(self) -> tuple[Any, ...]:
        _open_pickles.graphs.discard(self.opening)
        return tuple, ()


def _last(_opening: object, nodes: list[Value], _closing: object) -> Value:
    return nodes[-1]
