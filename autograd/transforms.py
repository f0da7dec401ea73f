"""Transforms: functions that take a function and give back its derivatives.

The function is an ordinary one, written on numbers. A transform calls it with Values (or dual numbers) in place of the
numbers and reads the derivative off the graph that this records. Reverse mode runs the chain rule backwards with the
table's rules. Where the derivative is itself to be differentiated, because one transform runs inside another or because
it was called with Values, the same rules run on Values and the result is a graph again.

Numbers in, numbers out; Values in, Values out. Lists, tuples, dicts and NumPy arrays of numbers keep their structure.
All raise the errors of `grad`, and a ValueError for tangents or cotangents of another structure than is wanted.
"""

from __future__ import annotations

from autograd import modes, table
from autograd.blocks import in_force
from autograd.dual import Dual, new_level
from autograd.errors import check_gradient
from autograd.graph import edges, propagate, topological_order
from autograd.primitive import ZERO, Number, Primitive, to_float
from autograd.pytree import flatten, flatten_like
from autograd.value import Value, constant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Argnums = int | tuple[int, ...]


def _inside_reverse_mode() -> bool:
    """Whether a run of reverse mode is going on around this point: then results must be graphs."""
    return in_force("reverse", otherwise=False)  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------------------------------------------
# Reverse mode
# ---------------------------------------------------------------------------------------------------------------------


def grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the gradient of `f`.

    Args:
        f: a function of numbers and pytrees of numbers, whose result is one number.
        argnums: the position of the argument to differentiate with respect to, or a tuple of positions.

    Returns:
        A function of the same arguments. Its result has the structure of that argument; for a tuple of positions it is
        a tuple. It never touches a `.grad`.

    Raises:
        TypeError: `f` returned several numbers (use `jacobian`), or something that is not a number.
        IndexError: there is no argument at that position.

    Example:
        >>> from autograd import grad
        >>> grad(lambda x: x**3)(2.0)
        12.0
        >>> grad(grad(lambda x: x**3))(2.0)
        12.0
        >>> grad(lambda w, x: w[0] * x + w[1])([2.0, 1.0], 3.0)
        [3.0, 1.0]
    """

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **kwargs)[1]

    return _named(gradient, "grad", f)


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., tuple[Any, Any]]:
    """Like `grad`, but the function returns the pair of `f`'s value and its gradient.

    Args:
        f: a function whose result is one number.
        argnums: as for `grad`.

    Example:
        >>> from autograd import value_and_grad
        >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
        (10.0, (5.0, 2.0))
    """

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Differentiation(f, args, argnums)
        with modes.recording(), modes.reverse():
            outputs, _ = flatten(f(*run.arguments, **kwargs))
            if len(outputs) != 1:
                raise TypeError(
                    f"grad wants a function whose result is one number, {_name(f)} returned {len(outputs)}: "
                    f"use jacobian, or return their sum"
                )
            _check_number(outputs[0], f)
            gradients = run.gradients(outputs[0])
        return run.finished(outputs[0]), run.structured(gradients)

    return _named(value_and_gradient, "value_and_grad", f)


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes all first derivatives of a function of any pytree of results.

    Args:
        f: a function whose result is a number or a pytree of numbers.
        argnums: as for `grad`.

    Returns:
        A function of the same arguments. Its result has the structure of `f`'s result, and in place of each number the
        structure of the argument: for lists, `jacobian(f)(x)[i][j]` is df_i/dx_j.

    Example:
        >>> from autograd import jacobian
        >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
        [[3.0, 2.0], [1.0, 1.0]]
    """

    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        run = _Differentiation(f, args, argnums)
        with modes.recording(), modes.reverse():
            outputs, rebuild = flatten(f(*run.arguments, **kwargs))
            for output in outputs:
                _check_number(output, f)
            gradients = [run.gradients(output) for output in outputs]
        return rebuild([run.structured(row) for row in gradients])

    return _named(all_derivatives, "jacobian", f)


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The function that computes all second derivatives of `f`: the Jacobian of its gradient.

    Args:
        f: a function whose result is one number.
        argnums: the position of the argument to differentiate with respect to.

    Returns:
        A function of the same arguments; for a list argument, `hessian(f)(x)[i][j]` is d2f/dx_i dx_j.

    Example:
        >>> from autograd import hessian
        >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
        [[6.0, 4.0], [4.0, 0.0]]
    """
    return _named(jacobian(grad(f, argnums), argnums), "hessian", f)


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """`f` at a point, and the function that pulls a gradient with respect to its result back to its arguments.

    Args:
        f: a function whose result is a number or a pytree of numbers.
        primals: its arguments.

    Returns:
        The result, and `pullback(cotangent)`: for a cotangent of the result's structure, the tuple of the sums
        cotangent_i * df_i/dx, one per argument and in its structure. It can be called again and again.

    Example:
        >>> from autograd import vjp
        >>> value, pullback = vjp(lambda x, y: [x * y, x + y], 2.0, 5.0)
        >>> value, pullback([1.0, 10.0])
        ([10.0, 7.0], (15.0, 12.0))
    """
    _check_function(f, "vjp")
    run = _Differentiation(f, primals, tuple(range(len(primals))))
    with modes.recording(), modes.reverse():
        outputs, rebuild = flatten(f(*run.arguments))
        for output in outputs:
            _check_number(output, f)
    value = rebuild([run.finished(output) for output in outputs])

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        cotangents = flatten_like(cotangent, like=value, what="cotangents")
        cotangents = [x if isinstance(x, Number) else to_float(x, "pullback") for x in cotangents]
        total: list[Any] = [0.0] * run.size
        with modes.recording(), modes.reverse():
            for output, upstream in zip(outputs, cotangents):
                total = [t + upstream * g for t, g in zip(total, run.gradients(output))]
        return run.structured(total)  # type: ignore[no-any-return]

    return value, pullback


class _Differentiation:
    """One run of reverse mode: the arguments as fresh variables, and derivatives of results with respect to them."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], argnums: Argnums) -> None:
        positions = argnums if isinstance(argnums, tuple) else (argnums,)
        for position in positions:
            if not isinstance(position, int) or isinstance(position, bool):
                instead = f": write {tuple(argnums)!r}" if isinstance(argnums, list) else ""
                raise TypeError(f"argnums is the position of an argument, or a tuple of them, got {argnums!r}{instead}")
            if not -len(args) <= position < len(args):
                raise IndexError(f"argnums={argnums}, but {_name(f)} was called with {len(args)} positional arguments")
        if len({position % len(args) for position in positions}) < len(positions):
            raise ValueError(f"argnums={argnums} names an argument of {_name(f)} twice")
        chosen = tuple([args[position] for position in positions])
        numbers, self._rebuild = flatten(chosen if isinstance(argnums, tuple) else chosen[0])
        self.size = len(numbers)
        self._values_out = _inside_reverse_mode() or any(_holds_value(number) for number in flatten(list(args))[0])
        self._records = self._values_out and modes.is_recording()
        self._variables: list[Value] = []
        replaced = list(args)
        with modes.recording():
            fresh = [self._fresh(number, f) for number in numbers]
        rebuilt = self._rebuild(fresh)
        for position, argument in zip(positions, rebuilt if isinstance(argnums, tuple) else (rebuilt,)):
            replaced[position] = argument
        self.arguments = replaced

    def _fresh(self, number: Any, f: Callable[..., Any]) -> Any:
        """A variable of this run's own. In a dual number it is the primal: derivatives go through the tangent, too."""
        if isinstance(number, Dual):
            return Dual(self._fresh(number.primal, f), number.tangent, number.level, number.reached)
        if isinstance(number, Value):
            variable = table.identity(number)
        else:
            variable = Value(to_float(number, f"an argument of {_name(f)}"))
        self._variables.append(variable)
        return variable

    def structured(self, numbers: Sequence[Any]) -> Any:
        if self._values_out:
            numbers = [_own_node(number) if not _inside_reverse_mode() else _as_value(number) for number in numbers]
        elif modes.trace() is not None:
            numbers = [_as_float(number) for number in numbers]
        return self._rebuild(numbers)

    def finished(self, output: Any) -> Any:
        if self._values_out:
            return output if self._records or not isinstance(output, Value) else constant(output._data)
        return _as_float(output)

    def gradients(self, output: Any) -> list[Any]:
        """The derivative of one result with respect to each variable."""
        if isinstance(output, Dual):  # linear: of the primal and of the tangent, each
            pairs = zip(self.gradients(output.primal), self.gradients(output.settled()))
            return [Dual(primal, tangent, output.level) for primal, tangent in pairs]
        if not isinstance(output, Value):
            return [0.0] * self.size
        return reverse(output, self._variables, differentiable=self._records)


def reverse(root: Value, variables: Sequence[Value], differentiable: bool) -> list[Any]:
    """The derivatives of `root` with respect to nodes; the walk does not look behind them.

    They are floats, from the recorded local derivatives, or if `differentiable` Values, from the rules.
    """
    ends = frozenset(variables)
    order = topological_order(root, leaves=ends)
    if modes.trace() is not None:
        return _reverse_of_unknown(root, order, variables)
    depends: set[Value] = set(ends)
    for node in order:
        if not depends.isdisjoint(node.operands):
            depends.add(node)
    through = root

    def edges_toward_variables(node: Value) -> Iterator[tuple[Value, Any]]:
        nonlocal through
        through = node
        if node in depends and node not in ends:
            for edge in _edges(node, differentiable):
                if edge[0] in depends:
                    yield edge

    def checked_times(upstream: Any, local: Any) -> Any:
        contribution = _times(upstream, local)
        check_gradient(through, contribution, upstream, local)
        return contribution

    times = checked_times if modes.is_checking() else _times
    gradients = propagate(order, {root: 1.0}, edges_toward_variables, times)
    return [gradients.get(variable, 0.0) for variable in variables]


def _reverse_of_unknown(root: Value, order: Sequence[Value], variables: Sequence[Value]) -> list[Any]:
    """The derivatives in a function that is recorded to be compiled: as Values, valid whatever the numbers are."""
    from autograd import chain_rule

    def operands_of(node: Value) -> Any:
        if node.primitive is None:
            return None
        return node.primitive, node.operands, [p._data if p.kind == "constant" else None for p in node.operands]

    return chain_rule.reverse(_ValueWriter(), order, root, operands_of, variables)


class _ValueWriter:
    """Writes what a rule does on symbols as Values."""

    def apply(self, primitive: Primitive, operands: Sequence[Any]) -> Value:
        return Value.apply(primitive, operands)

    def constant(self, number: float) -> Value:
        return constant(number)


def _edges(node: Value, differentiable: bool) -> Iterator[tuple[Value, Any]]:
    recorded = [local for _, local in edges(node)]
    locals_: Sequence[Any] = recorded
    if differentiable:
        assert node.primitive is not None
        locals_ = node.primitive.local_derivatives(node, node.operands)
    for operand, edge, local in zip(node.operands, recorded, locals_):
        if edge is not None:
            yield operand, local


def _times(upstream: Any, local: Any) -> Any:
    if local is ZERO:
        return 0.0
    if isinstance(local, float) and local == 1.0:
        return upstream
    return local if isinstance(upstream, float) and upstream == 1.0 else upstream * local


# ---------------------------------------------------------------------------------------------------------------------
# Forward mode
# ---------------------------------------------------------------------------------------------------------------------


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """`f` at a point and its derivative along a direction, in one forward pass on dual numbers.

    Args:
        f: a function whose result is a number or a pytree of numbers.
        primals: its arguments.
        tangents: the direction, in the same structure: how much each argument moves.

    Returns:
        The result, and the sums df_i/dx_j * tangent_j in the result's structure.

    Example:
        >>> from autograd import jvp
        >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
        (10.0, 5.0)
    """
    _check_function(f, "jvp")
    _check_arguments(primals=primals, tangents=tangents)
    points, rebuild = flatten(list(primals))
    directions = flatten_like(list(tangents), like=list(primals), what="tangents")
    numbers = [_checked(x, f) for x in points]
    level = new_level()
    duals = [Dual(x, _checked(t, f), level) for x, t in zip(numbers, directions)]
    records = _inside_reverse_mode() or any(_holds_value(x) for x in points + directions)
    with modes.recording():
        outputs, rebuild_output = flatten(f(*rebuild(duals)))
    values, derivatives = [], []
    for output in outputs:
        _check_number(output, f)
        ours = isinstance(output, Dual) and output.level == level
        values.append(output.primal if ours else output)
        derivatives.append(output.settled() if ours else 0.0)
    if not records:
        values, derivatives = [_as_float(x) for x in values], [_as_float(x) for x in derivatives]
    return rebuild_output(values), rebuild_output(derivatives)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The product of the Hessian of `f` with a vector, at the price of a few gradients: forward mode over reverse mode.

    Args:
        f: a function whose result is one number.
        primals: its arguments; all of them count.
        tangents: the vector, in the same structure.

    Returns:
        The product, one entry per argument and in its structure; for a function of one argument that entry itself.

    Example:
        >>> from autograd import hvp
        >>> hvp(lambda x: x[0] ** 2 * x[1], ([2.0, 3.0],), ([1.0, 0.0],))
        [6.0, 4.0]
    """
    _check_arguments(primals=primals, tangents=tangents)
    argnums: Argnums = tuple(range(len(primals))) if len(primals) != 1 else 0
    return jvp(grad(f, argnums), primals, tangents)[1]


# ---------------------------------------------------------------------------------------------------------------------


def _check_function(f: object, where: str) -> None:
    if not callable(f):
        raise TypeError(f"{where} wants a function, got {f!r}: write {where}(lambda x: ..., ...)")


def _check_arguments(**given: object) -> None:
    for name, arguments in given.items():
        if not isinstance(arguments, (list, tuple)):
            raise TypeError(f"{name} are the arguments of f in a tuple, got {arguments!r}: write ({arguments!r},)")


def _checked(number: Any, f: Callable[..., Any]) -> Any:
    return number if isinstance(number, (Value, Dual)) else to_float(number, f"an argument of {_name(f)}")


def _check_number(output: Any, f: Callable[..., Any]) -> None:
    if not isinstance(output, (Value, Dual)):
        to_float(output, f"the result of {_name(f)}")


def _as_value(number: Any) -> Any:
    return constant(number) if number.__class__ is float else number


def _own_node(number: Any) -> Any:
    """A fresh node with the same number."""
    if isinstance(number, Value):
        if not modes.is_recording():
            return constant(number._data)
        return Value(number._data) if number.kind == "constant" else table.identity(number)
    return Value(number) if number.__class__ is float else number


def _holds_value(number: Any) -> bool:
    if isinstance(number, Dual):
        return _holds_value(number.primal) or _holds_value(number.tangent)
    return isinstance(number, Value)


def _as_float(number: Any) -> Any:
    """The plain number; in a function that is recorded to be compiled, where it is not known, what stands for it."""
    if isinstance(number, Value):
        return number._data if modes.trace() is None else number.detach()
    return float(number) if isinstance(number, float) else number  # NumPy's floats are floats of their own


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)


def _named(function: Callable[..., Any], transform: str, f: Callable[..., Any]) -> Callable[..., Any]:
    _check_function(f, transform)
    function.__name__ = function.__qualname__ = f"{transform}({_name(f)})"
    function.__doc__ = f"{transform} of {_name(f)}. {getattr(f, '__doc__', None) or ''}".strip()
    return function
