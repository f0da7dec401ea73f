"""The table of primitives: all that is known about an operation stands in one row of this file.

A row gives an operation its name, its forward function on floats, one local derivative per argument, the way it is
written, the domain its tests draw from and its values at singular points. A local derivative is written in
differentiable operators only, with the result `out` at hand, so that the same rule runs on any kind of number:

- on floats, when a Value is made: the engine records the local derivatives;
- on Values: derivatives of derivatives;
- on dual numbers: forward mode.

Two conventions make a rule right at the edges. It says `select(condition, a, b)` where Python would say
`a if condition else b`, and it says `ZERO` where nothing flows back: ZERO times an infinite upstream gradient is 0,
where the number 0.0 would give nan. A power in a rule is `pow_(x, y)`: on a negative float `x ** 0.5` is complex.

Values at singular points are those of PyTorch, unless a row says otherwise.
"""

from __future__ import annotations

import math
import operator
from math import inf, nan

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, overload

    from autograd.value import Value

    Rule = Callable[..., Any] | float
    Interval = tuple[float, float]
    SingularPoint = tuple[tuple[float, ...], float, tuple[float, ...]]


class Number:
    """A kind of number that the table's rules run on: a Value, a dual number, a symbol.

    `rank` says which kind an operation on several is of: the highest.
    """

    __slots__ = ()
    _rank = 0


PRIMITIVES: dict[str, Primitive] = {}
"""Every row by its name, in the order of the table; a user's own rows follow."""


class Primitive:
    """One row of the table: an operation, its local derivatives, and how it is written.

    Making a row is all it takes to add an operation. It can be called at once, on numbers, Values and dual numbers,
    and works in everything that walks the table: `backward`, the transforms, `check_grads`, pictures, pickles.

    Args:
        name: what messages, pictures and `PRIMITIVES` call it; an identifier. A row of your own may be made again
            under the same name (a notebook cell that runs twice); the engine's own names are taken.
        forward: floats in, float out. It should return what IEEE 754 does (inf, nan) where Python would raise.
        partials: one rule per argument, `rule(out, *arguments)`, the local derivative with respect to that argument;
            a number where it is constant. For an operation on any number of operands a single rule that returns all
            local derivatives in order.
        symbol: what a node of a graph is marked with; the name unless given.
        latex: the formula, with `#1`, `#2` for the arguments.
        domain: one interval per argument (three operands for a row with any number), in which `forward` and the
            rules are accurate; tests draw from it.
        singular: documented points outside or at the edge of it, each `(arguments, value, local derivatives)`.
        defaults: values for trailing arguments that a call leaves out.
        cuts: a local derivative of ZERO takes the edge out of the graph: what hangs behind it receives nothing, not
            even a 0 that an infinite local derivative further back would turn into nan.
        summary: one line of documentation.

    Raises:
        TypeError: a part of the row has the wrong type.
        ValueError: the name is not an identifier or belongs to one of the engine's own rows.

    Example:
        >>> from autograd import Primitive, Value
        >>> cube = Primitive("cube", lambda x: x * x * x, partials=(lambda out, x: 3 * x * x,))
        >>> x = Value(2.0)
        >>> cube(x).backward()
        >>> x.grad
        12.0
    """

    __slots__ = (
        "arity",
        "cuts",
        "defaults",
        "domain",
        "forward",
        "latex",
        "name",
        "partials",
        "singular",
        "summary",
        "symbol",
    )

    def __init__(
        self,
        name: str,
        forward: Callable[..., float],
        partials: tuple[Rule, ...] | Rule = (),
        *,
        symbol: str | None = None,
        latex: str | None = None,
        domain: Sequence[Interval] = (),
        singular: Sequence[SingularPoint] = (),
        defaults: tuple[float, ...] = (),
        cuts: bool = False,
        summary: str = "",
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a primitive's name is an identifier such as 'cube', got {name!r}")
        if name in _OWN_NAMES:
            raise ValueError(f"the engine has a primitive named {name!r} already: choose another name")
        if not callable(forward):
            raise TypeError(f"{name}: forward is a function of floats, got {type(forward).__name__}")
        rules = partials if isinstance(partials, tuple) else (partials,)
        if not rules or not all(callable(rule) or isinstance(rule, float) for rule in rules):
            raise TypeError(
                f"{name}: partials are functions of (out, *arguments) or floats, one per argument, in a tuple: "
                f"write partials=(lambda out, x: ...,)"
            )
        self.name = name
        self.forward = forward
        self.partials = partials
        self.arity = len(partials) if isinstance(partials, tuple) else None
        self.symbol = name if symbol is None else symbol
        operands = ", ".join(f"#{k + 1}" for k in range(self.arity or 1))
        self.latex = latex or rf"\operatorname{{{name.replace('_', ' ')}}}\left({operands}\right)"
        self.domain = tuple(domain)
        self.singular = tuple(singular)
        self.defaults = defaults
        self.cuts = cuts
        self.summary = summary
        PRIMITIVES[name] = self

    if TYPE_CHECKING:

        @overload
        def __call__(self, *arguments: float, **named: float) -> float: ...  # type: ignore[overload-overlap]
        @overload
        def __call__(self, *arguments: Value | float, **named: Value | float) -> Value: ...

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Apply the operation: a float from numbers, a Value from Values, whatever kind of number comes in.

        NumPy arrays are taken element by element, as NumPy's own functions take them. Arguments may be given by the
        names that the forward function gives them.
        """
        if named:
            arguments = self._in_order(arguments, named)
        if len(arguments) != self.arity and self.arity is not None:
            arguments = self._with_defaults(arguments)
        for argument in arguments:
            if argument.__class__ is not float:
                break
        else:
            return self.forward(*arguments)
        kind: Any = None
        for argument in arguments:
            rank = getattr(argument.__class__, "_rank", None)
            if rank is None:
                if getattr(argument, "shape", ()):
                    return self._of_each(arguments)
            elif kind is None or rank > kind._rank:
                kind = argument.__class__
        if kind is None:
            return self.forward(*[to_float(argument, self.name) for argument in arguments])
        return kind._apply(self, arguments)

    def _of_each(self, arguments: tuple[Any, ...]) -> Any:
        import numpy

        results = numpy.frompyfunc(self, len(arguments), 1)(*arguments)
        return results.astype(float) if all(isinstance(result, float) for result in results.flat) else results

    def _in_order(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments in order. Their names are those of the forward function."""
        import inspect

        if self.arity is None:
            raise TypeError(f"{self.name} takes any number of arguments, none by name: got {', '.join(named)}")
        names = list(inspect.signature(self.forward).parameters)
        given = dict(zip(names[::-1], self.defaults[::-1])) | dict(zip(names, arguments)) | named
        twice = set(named) & set(names[: len(arguments)])
        if twice or set(given) != set(names) or len(arguments) > len(names):
            raise TypeError(
                f"{self.name} takes the arguments {', '.join(names)}, got {len(arguments)} by position and "
                f"{', '.join(named)} by name"
            )
        return tuple([given[name] for name in names])

    def _with_defaults(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self.arity is not None
        missing = self.arity - len(arguments)
        if not 0 < missing <= len(self.defaults):
            wanted = f"{self.arity - len(self.defaults)} to {self.arity}" if self.defaults else str(self.arity)
            plural = "" if wanted == "1" else "s"
            raise TypeError(f"{self.name} takes {wanted} argument{plural}, got {len(arguments)}")
        return arguments + self.defaults[-missing:]

    def local_derivatives(self, out: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The local derivative with respect to every argument, in the kind of number that comes in.

        Example:
            >>> import autograd
            >>> autograd.PRIMITIVES["mul"].local_derivatives(6.0, (2.0, 3.0))
            (3.0, 2.0)
        """
        if isinstance(self.partials, tuple):
            return tuple([run_rule(partial, out, arguments) for partial in self.partials])
        every = run_rule(self.partials, out, arguments)
        if not isinstance(every, (list, tuple)):
            raise TypeError(
                f"the rule of {self.name} for any number of operands wants to give a list, it gave a "
                f"{type(every).__name__}: for a fixed number of arguments write partials=(rule,), a tuple"
            )
        if len(every) != len(arguments):
            raise TypeError(f"the rule of {self.name} gave {len(every)} derivatives for {len(arguments)} operands")
        return tuple(every)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return primitive_named, (self.name,)


_OWN_NAMES: frozenset[str] = frozenset()


def primitive_named(name: str) -> Primitive:
    """The row of that name; how a pickled graph finds its operations again.

    Raises:
        LookupError: there is no such row in this process.

    Example:
        >>> primitive_named("tanh")
        <primitive tanh>
    """
    try:
        return PRIMITIVES[name]
    except KeyError:
        raise LookupError(f"there is no primitive named {name!r} here: make its row, then load again") from None


def to_float(number: object, where: str) -> float:
    """`number` as a float, or a TypeError that says what `where` wanted.

    Example:
        >>> to_float(3, "Value")
        3.0
    """
    if isinstance(number, (int, float)) or _is_number(number):
        try:
            return float(number)  # type: ignore[arg-type]
        except OverflowError:
            raise OverflowError(f"{where} wants a number that fits into a float, got one of more digits") from None
    if hasattr(number, "_rank"):
        raise TypeError(f"{where} wants a number, got a {type(number).__name__}: write v.data for the number in it")
    got = f"{type(number).__name__} {number!r}"
    if isinstance(number, str):
        raise TypeError(f"{where} wants a number, got {got}: write float({number!r}) if that is a number")
    if isinstance(number, (list, tuple)) or getattr(number, "shape", None):
        raise TypeError(
            f"{where} wants one number, got a {type(number).__name__}: apply it to each, [f(x) for x in ...], "
            f"or put Values into a NumPy object array"
        )
    if hasattr(number, "item"):
        raise TypeError(f"{where} wants a number, got {type(number).__name__}: write .item() for the number in it")
    raise TypeError(f"{where} wants a number or a Value, got {got}")


def _is_number(thing: object) -> bool:
    """Whether this is a real number of another kind, such as NumPy's scalars and fractions."""
    import numbers

    return isinstance(thing, numbers.Real) or type(thing).__name__ in ("bool", "bool_")


def takes_over(other: Any, rank: int = 1) -> bool:
    """Whether the other operand's operators deal with a number of this rank: those of arrays and higher ranks do."""
    if other.__class__ is float or other.__class__ is int:
        return False
    return getattr(other, "_rank", 0) > rank or (hasattr(other, "shape") and not _is_number(other))


NUMPY_NAMES = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}
"""What NumPy calls rows of the table when it looks for them in the objects of an array."""


def run_rule(rule: Rule, out: Any, arguments: Sequence[Any]) -> Any:
    """A rule's result; where Python's floats raise an error in it, that of floats which follow IEEE 754."""
    if isinstance(rule, float):
        return rule
    try:
        return rule(out, *arguments)
    except (ZeroDivisionError, OverflowError):
        return _plain(rule(_ieee(out), *map(_ieee, arguments)))


class _Zero(float):
    """The local derivative of an edge along which nothing flows: 0, whatever arrives from upstream."""

    __slots__ = ()

    def __mul__(self, upstream: object) -> Any:
        return 0.0

    __rmul__ = __mul__

    def __reduce__(self) -> str:
        return "ZERO"

    def __copy__(self) -> _Zero:
        return self

    def __deepcopy__(self, memo: object) -> _Zero:
        return self


ZERO = _Zero()


def select(condition: Any, x: Any, y: Any) -> Any:
    """`where` for rules: a condition that is known picks at once, one that is a number itself records a `where`.

    Example:
        >>> select(3.0 > 2.0, 1.0, ZERO)
        1.0
    """
    if condition is True:
        return x
    if condition is False:
        return y
    return where(condition, x, y)


# ---------------------------------------------------------------------------------------------------------------------
# Forward functions: Python's float functions, with the results of IEEE 754 where Python raises an error
# ---------------------------------------------------------------------------------------------------------------------


def _div(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


def _pow(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except (OverflowError, ValueError):
        if x < 0 and y != math.floor(y):
            return nan
        odd = abs(math.fmod(y, 2.0)) == 1
        return math.copysign(inf, x) if odd else inf


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def _expm1(x: float) -> float:
    try:
        return math.expm1(x)
    except OverflowError:
        return inf


def _log(x: float) -> float:
    if x > 0:
        return math.log(x)
    return -inf if x == 0 else nan


def _log1p(x: float) -> float:
    if x > -1:
        return math.log1p(x)
    return -inf if x == -1 else nan


def _log2(x: float) -> float:
    if x > 0:
        return math.log2(x)
    return -inf if x == 0 else nan


def _log10(x: float) -> float:
    if x > 0:
        return math.log10(x)
    return -inf if x == 0 else nan


def _sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0 else nan


def _sin(x: float) -> float:
    return math.sin(x) if math.isfinite(x) else nan


def _cos(x: float) -> float:
    return math.cos(x) if math.isfinite(x) else nan


def _tan(x: float) -> float:
    return math.tan(x) if math.isfinite(x) else nan


def _asin(x: float) -> float:
    return math.asin(x) if -1 <= x <= 1 else nan


def _acos(x: float) -> float:
    return math.acos(x) if -1 <= x <= 1 else nan


def _sinh(x: float) -> float:
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(inf, x)


def _cosh(x: float) -> float:
    try:
        return math.cosh(x)
    except OverflowError:
        return inf


def _acosh(x: float) -> float:
    return math.acosh(x) if x >= 1 else nan


def _atanh(x: float) -> float:
    if -1 < x < 1:
        return math.atanh(x)
    return math.copysign(inf, x) if abs(x) == 1 else nan


def _mod(x: float, y: float) -> float:
    try:
        return x % y
    except ZeroDivisionError:
        return nan


def _floor_divide(x: float, y: float) -> float:
    try:
        return x // y
    except ZeroDivisionError:
        return nan


def _floor(x: float) -> float:
    return math.copysign(math.floor(x), x) if math.isfinite(x) else x


def _ceil(x: float) -> float:
    return math.copysign(math.ceil(x), x) if math.isfinite(x) else x


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


def _maximum(x: float, y: float) -> float:
    return x if x >= y or x != x else y


def _minimum(x: float, y: float) -> float:
    return x if x <= y or x != x else y


def _clip(x: float, low: float, high: float) -> float:
    return _minimum(_maximum(x, low), high)


def _where(condition: float, x: float, y: float) -> float:
    return x if condition else y


def _relu(x: float) -> float:
    return 0.0 if x <= 0 else x


def _leaky_relu(x: float, slope: float) -> float:
    return x if x > 0 else slope * x


def _elu(x: float, alpha: float) -> float:
    return x if x > 0 else alpha * math.expm1(x)


def _softplus(x: float) -> float:
    return (x if x > 0 else 0.0) + math.log1p(math.exp(-abs(x)))


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    e = math.exp(x)
    return e / (1 + e)


def _silu(x: float) -> float:
    return x * _sigmoid(x)


def _gelu(x: float) -> float:
    return 0.5 * x * math.erfc(-x * _SQRT_HALF)


def _log_sigmoid(x: float) -> float:
    return -_softplus(-x)


def _sum(*xs: float) -> float:
    return sum(xs, 0.0)


def _dot(*xs_then_ys: float) -> float:
    n, left_over = divmod(len(xs_then_ys), 2)
    if left_over:
        raise TypeError(f"dot wants as many y as x, got {len(xs_then_ys)} operands in all")
    return sum(map(float.__mul__, xs_then_ys[:n], xs_then_ys[n:]), 0.0)


def _max(*xs: float) -> float:
    return nan if any(x != x for x in xs) else max(xs)


def _min(*xs: float) -> float:
    return nan if any(x != x for x in xs) else min(xs)


def _logsumexp(*xs: float) -> float:
    top = _max(*xs)
    if not math.isfinite(top):
        return top
    return top + math.log(sum([math.exp(x - top) for x in xs]))


# ---------------------------------------------------------------------------------------------------------------------
# Rules that take more than a line
# ---------------------------------------------------------------------------------------------------------------------

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)
_SQRT_HALF = math.sqrt(0.5)
_TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
_ONE_OVER_SQRT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)


def _pow_exponent(out: Any, x: Any, y: Any) -> Any:
    """d(x^y)/dy = x^y log x; at x = 0 that is 0 for y >= 0, where 0 * log 0 would be nan."""
    return select(x == 0, select(y >= 0, 0.0, out * log(x)), out * log(x))


def _mod_divisor(out: Any, x: Any, y: Any) -> Any:
    """x mod y = x - q y with a whole number q, found from the remainder: x / y alone may round up to the next one."""
    whole = select(out == y, -1.0, ceil((x - out) / y - 0.5))  # out == y: rounded up to it, or both infinite
    return -select(y == 0, floor(x / y), whole)


def _share_of_extremum(out: Any, *xs: Any) -> list[Any]:
    """Operands that are the extremum share its gradient equally."""
    ties: Any = 0.0
    for x in xs:
        ties = ties + select(x == out, 1.0, 0.0)
    return [div(select(x == out, 1.0, 0.0), ties) for x in xs]


def _dot_partials(_out: Any, *xs_then_ys: Any) -> tuple[Any, ...]:
    n = len(xs_then_ys) // 2
    return xs_then_ys[n:] + xs_then_ys[:n]


# ---------------------------------------------------------------------------------------------------------------------
# The table
# ---------------------------------------------------------------------------------------------------------------------

# --- Arithmetic ------------------------------------------------------------------------------------------------------

identity = Primitive(
    "identity",
    lambda x: x,
    (1.0,),
    symbol="=",
    latex="#1",
    domain=((-10, 10),),
    summary="x itself, as a node of its own",
)
detach = Primitive(
    "detach",
    lambda x: x,
    (ZERO,),
    latex="#1",
    domain=((-10, 10),),
    cuts=True,
    summary="x itself, with no derivative: what `v.detach()` is in a function that is recorded to be compiled",
)
fmod = Primitive("fmod", math.fmod, (ZERO, ZERO), summary="the remainder of x / y with the sign of x")
del PRIMITIVES["detach"], PRIMITIVES["fmod"]  # the compiler's own: no node of an ordinary graph has them
add = Primitive(
    "add",
    operator.add,
    (1.0, 1.0),
    symbol="+",
    latex="#1 + #2",
    domain=((-10, 10), (-10, 10)),
    summary="x + y",
)
sub = Primitive(
    "sub",
    operator.sub,
    (1.0, -1.0),
    symbol="-",
    latex="#1 - #2",
    domain=((-10, 10), (-10, 10)),
    summary="x - y",
)
mul = Primitive(
    "mul",
    operator.mul,
    (lambda out, x, y: y, lambda out, x, y: x),
    symbol="*",
    latex=r"#1 \cdot #2",
    domain=((-10, 10), (-10, 10)),
    summary="x * y",
)
div = Primitive(
    "div",
    _div,
    (lambda out, x, y: 1 / y, lambda out, x, y: -out / y),
    symbol="/",
    latex=r"\frac{#1}{#2}",
    domain=((-10, 10), (0.1, 10)),
    singular=[((1.0, 0.0), inf, (inf, -inf)), ((0.0, 0.0), nan, (inf, nan)), ((1.0, -0.0), -inf, (-inf, -inf))],
    summary="x / y; 1/0 is inf and 0/0 is nan",
)
neg = Primitive(
    "neg",
    operator.neg,
    (-1.0,),
    symbol="-",
    latex="-#1",
    domain=((-10, 10),),
    summary="-x",
)
pow_: Primitive = Primitive(
    "pow",
    _pow,
    (lambda out, x, y: select(y == 0, ZERO, y * pow_(x, y - 1)), _pow_exponent),
    symbol="**",
    latex="{#1}^{#2}",
    domain=((0.1, 5), (-3, 3)),
    singular=[
        ((0.0, 0.0), 1.0, (0.0, 0.0)),
        ((0.0, -1.0), inf, (-inf, -inf)),
        ((0.0, 0.5), 0.0, (inf, 0.0)),
        ((0.0, 1.5), 0.0, (0.0, 0.0)),
        ((-2.0, 2.0), 4.0, (-4.0, nan)),
        ((-2.0, 0.5), nan, (nan, nan)),
    ],
    summary="x ** y; a negative number to a broken power is nan",
)
mod = Primitive(
    "mod",
    _mod,
    (1.0, _mod_divisor),
    symbol="%",
    latex=r"#1 \bmod #2",
    domain=((-10, 10), (0.5, 3)),
    singular=[((5.0, 0.0), nan, (1.0, -inf)), ((1.0, 0.1), 1.0 % 0.1, (1.0, -9.0))],
    summary="the remainder of x / y, with the sign of y",
)
floor_divide = Primitive(
    "floor_divide",
    _floor_divide,
    (ZERO, ZERO),
    symbol="//",
    latex=r"\left\lfloor \frac{#1}{#2} \right\rfloor",
    domain=((-10, 10), (0.5, 3)),
    singular=[((5.0, 0.0), nan, (0.0, 0.0)), ((1.0, 0.1), 1.0 // 0.1, (0.0, 0.0)), ((-1.0, inf), -1.0, (0.0, 0.0))],
    summary="x // y, the next whole number down from x / y; its derivatives are 0, and x // 0 is nan",
)

# --- Comparisons and choices -----------------------------------------------------------------------------------------

less = Primitive(
    "less",
    lambda x, y: float(x < y),
    (ZERO, ZERO),
    symbol="<",
    latex="[#1 < #2]",
    domain=((-10, 10), (-10, 10)),
    cuts=True,
    summary="1 where x < y, else 0",
)
less_equal = Primitive(
    "less_equal",
    lambda x, y: float(x <= y),
    (ZERO, ZERO),
    symbol="<=",
    latex=r"[#1 \le #2]",
    domain=((-10, 10), (-10, 10)),
    cuts=True,
    summary="1 where x <= y, else 0",
)
greater = Primitive(
    "greater",
    lambda x, y: float(x > y),
    (ZERO, ZERO),
    symbol=">",
    latex="[#1 > #2]",
    domain=((-10, 10), (-10, 10)),
    cuts=True,
    summary="1 where x > y, else 0",
)
greater_equal = Primitive(
    "greater_equal",
    lambda x, y: float(x >= y),
    (ZERO, ZERO),
    symbol=">=",
    latex=r"[#1 \ge #2]",
    domain=((-10, 10), (-10, 10)),
    cuts=True,
    summary="1 where x >= y, else 0",
)
equal = Primitive(
    "equal",
    lambda x, y: float(x == y),
    (ZERO, ZERO),
    symbol="==",
    latex="[#1 = #2]",
    domain=((-10, 10), (-10, 10)),
    cuts=True,
    summary="1 where x == y, else 0",
)
not_equal = Primitive(
    "not_equal",
    lambda x, y: float(x != y),
    (ZERO, ZERO),
    symbol="!=",
    latex=r"[#1 \ne #2]",
    domain=((-10, 10), (-10, 10)),
    cuts=True,
    summary="1 where x != y, else 0",
)
where = Primitive(
    "where",
    _where,
    (
        ZERO,
        lambda out, condition, x, y: select(condition != 0, 1.0, ZERO),
        lambda out, condition, x, y: select(condition != 0, ZERO, 1.0),
    ),
    latex=r"\left(#2 \text{ if } #1 \text{ else } #3\right)",
    domain=((0, 1), (-10, 10), (-10, 10)),
    singular=[((0.0, inf, 2.0), 2.0, (0.0, 0.0, 1.0)), ((1.0, 2.0, nan), 2.0, (0.0, 1.0, 0.0))],
    cuts=True,
    summary=(
        "x where the condition holds (is not 0), else y. Unlike PyTorch's, the branch not taken is out of the graph: "
        "where(x > 0, log(x), 0) at 0 has gradient 0, not nan"
    ),
)
maximum = Primitive(
    "maximum",
    _maximum,
    (
        lambda out, x, y: select(x < y, ZERO, select(x == y, 0.5, 1.0)),
        lambda out, x, y: select(y < x, ZERO, select(x == y, 0.5, 1.0)),
    ),
    latex=r"\max\left(#1, #2\right)",
    domain=((-10, 10), (-10, 10)),
    singular=[((2.0, 2.0), 2.0, (0.5, 0.5)), ((nan, 2.0), nan, (1.0, 1.0))],
    summary="the larger of two; equals share the gradient; nan if either is",
)
minimum = Primitive(
    "minimum",
    _minimum,
    (
        lambda out, x, y: select(x > y, ZERO, select(x == y, 0.5, 1.0)),
        lambda out, x, y: select(y > x, ZERO, select(x == y, 0.5, 1.0)),
    ),
    latex=r"\min\left(#1, #2\right)",
    domain=((-10, 10), (-10, 10)),
    singular=[((2.0, 2.0), 2.0, (0.5, 0.5)), ((2.0, nan), nan, (1.0, 1.0))],
    summary="the smaller of two; equals share the gradient; nan if either is",
)
clip = Primitive(
    "clip",
    _clip,
    (
        lambda out, x, low, high: select(x >= low, select(x <= high, 1.0, ZERO), ZERO),
        lambda out, x, low, high: select(x < low, select(low < high, 1.0, ZERO), ZERO),
        lambda out, x, low, high: select(x > high, 1.0, select(low > high, 1.0, ZERO)),
    ),
    latex=r"\operatorname{clip}\left(#1, #2, #3\right)",
    domain=((-10, 10), (-5, -1), (1, 5)),
    singular=[
        ((-1.0, -1.0, 1.0), -1.0, (1.0, 0.0, 0.0)),
        ((1.0, -1.0, 1.0), 1.0, (1.0, 0.0, 0.0)),
        ((nan, -1.0, 1.0), nan, (0.0, 0.0, 0.0)),
        ((0.0, 2.0, 1.0), 1.0, (0.0, 0.0, 1.0)),
    ],
    summary="x, but no less than low and no more than high; at a bound the gradient is x's",
)
abs_ = Primitive(
    "abs",
    abs,
    (lambda out, x: sign(x),),
    latex=r"\left|#1\right|",
    domain=((-10, 10),),
    singular=[((0.0,), 0.0, (0.0,))],
    summary="the absolute value; its derivative at 0 is 0",
)
sign: Primitive = Primitive(
    "sign",
    _sign,
    (ZERO,),
    domain=((-10, 10),),
    latex=r"\operatorname{sign}\left(#1\right)",
    singular=[((0.0,), 0.0, (0.0,)), ((nan,), 0.0, (0.0,))],
    summary="-1, 0 or 1; its derivative is 0",
)
floor = Primitive(
    "floor",
    _floor,
    (ZERO,),
    latex=r"\left\lfloor #1 \right\rfloor",
    domain=((-10, 10),),
    singular=[((2.0,), 2.0, (0.0,)), ((inf,), inf, (0.0,))],
    summary="the next whole number down; its derivative is 0",
)
ceil = Primitive(
    "ceil",
    _ceil,
    (ZERO,),
    latex=r"\left\lceil #1 \right\rceil",
    domain=((-10, 10),),
    singular=[((2.0,), 2.0, (0.0,)), ((-inf,), -inf, (0.0,))],
    summary="the next whole number up; its derivative is 0",
)

# --- Exponentials, logarithms, roots ---------------------------------------------------------------------------------

exp = Primitive(
    "exp",
    _exp,
    (lambda out, x: out,),
    latex="e^{#1}",
    domain=((-20, 20),),
    singular=[((1000.0,), inf, (inf,)), ((-inf,), 0.0, (0.0,))],
    summary="e ** x",
)
expm1 = Primitive(
    "expm1",
    _expm1,
    (lambda out, x: out + 1,),
    latex="e^{#1} - 1",
    domain=((-5, 20),),
    singular=[((1000.0,), inf, (inf,)), ((-inf,), -1.0, (0.0,))],
    summary="e ** x - 1, accurate near 0",
)
log = Primitive(
    "log",
    _log,
    (lambda out, x: 1 / x,),
    latex=r"\ln #1",
    domain=((0.01, 100),),
    singular=[((0.0,), -inf, (inf,)), ((-1.0,), nan, (-1.0,))],
    summary="the natural logarithm; log(0) is -inf, of a negative number nan",
)
log1p = Primitive(
    "log1p",
    _log1p,
    (lambda out, x: 1 / (1 + x),),
    latex=r"\ln\left(1 + #1\right)",
    domain=((-0.9, 100),),
    singular=[((-1.0,), -inf, (inf,)), ((-2.0,), nan, (-1.0,))],
    summary="log(1 + x), accurate near 0",
)
log2 = Primitive(
    "log2",
    _log2,
    (lambda out, x: 1 / (x * _LN2),),
    latex=r"\log_2 #1",
    domain=((0.01, 100),),
    singular=[((0.0,), -inf, (inf,))],
    summary="the logarithm to base 2",
)
log10 = Primitive(
    "log10",
    _log10,
    (lambda out, x: 1 / (x * _LN10),),
    latex=r"\log_{10} #1",
    domain=((0.01, 100),),
    singular=[((0.0,), -inf, (inf,))],
    summary="the logarithm to base 10",
)
sqrt = Primitive(
    "sqrt",
    _sqrt,
    (lambda out, x: 1 / (2 * out),),
    latex=r"\sqrt{#1}",
    domain=((0.01, 100),),
    singular=[((0.0,), 0.0, (inf,)), ((-1.0,), nan, (nan,))],
    summary="the square root; its derivative at 0 is inf",
)

# --- Trigonometric and hyperbolic functions --------------------------------------------------------------------------

sin = Primitive(
    "sin",
    _sin,
    (lambda out, x: cos(x),),
    latex=r"\sin #1",
    domain=((-10, 10),),
    singular=[((inf,), nan, (nan,))],
    summary="the sine of x radians",
)
cos: Primitive = Primitive(
    "cos",
    _cos,
    (lambda out, x: -sin(x),),
    latex=r"\cos #1",
    domain=((-10, 10),),
    singular=[((inf,), nan, (nan,))],
    summary="the cosine of x radians",
)
tan = Primitive(
    "tan",
    _tan,
    (lambda out, x: 1 + out * out,),
    latex=r"\tan #1",
    domain=((-1.5, 1.5),),
    singular=[((inf,), nan, (nan,))],
    summary="the tangent of x radians",
)
asin = Primitive(
    "asin",
    _asin,
    (lambda out, x: 1 / sqrt((1 - x) * (1 + x)),),
    latex=r"\arcsin #1",
    domain=((-0.99, 0.99),),
    singular=[((1.0,), math.pi / 2, (inf,)), ((2.0,), nan, (nan,))],
    summary="the angle in radians whose sine is x",
)
acos = Primitive(
    "acos",
    _acos,
    (lambda out, x: -1 / sqrt((1 - x) * (1 + x)),),
    latex=r"\arccos #1",
    domain=((-0.99, 0.99),),
    singular=[((1.0,), 0.0, (-inf,)), ((2.0,), nan, (nan,))],
    summary="the angle in radians whose cosine is x",
)
atan = Primitive(
    "atan",
    math.atan,
    (lambda out, x: 1 / (1 + x * x),),
    latex=r"\arctan #1",
    domain=((-10, 10),),
    singular=[((inf,), math.pi / 2, (0.0,))],
    summary="the angle in radians whose tangent is x",
)
atan2 = Primitive(
    "atan2",
    math.atan2,
    (
        lambda out, y, x: select(x * x + y * y == 0, 0.0, x / (x * x + y * y)),
        lambda out, y, x: select(x * x + y * y == 0, 0.0, -y / (x * x + y * y)),
    ),
    latex=r"\operatorname{atan2}\left(#1, #2\right)",
    domain=((-10, 10), (0.1, 10)),
    singular=[((0.0, 0.0), 0.0, (0.0, 0.0))],
    summary="the angle in radians of the point with ordinate y and abscissa x: atan2(y, x)",
)
sinh = Primitive(
    "sinh",
    _sinh,
    (lambda out, x: cosh(x),),
    latex=r"\sinh #1",
    domain=((-10, 10),),
    singular=[((-1000.0,), -inf, (inf,))],
    summary="the hyperbolic sine",
)
cosh: Primitive = Primitive(
    "cosh",
    _cosh,
    (lambda out, x: sinh(x),),
    latex=r"\cosh #1",
    domain=((-10, 10),),
    singular=[((-1000.0,), inf, (-inf,))],
    summary="the hyperbolic cosine",
)
tanh = Primitive(
    "tanh",
    math.tanh,
    (lambda out, x: 1 - out * out,),
    latex=r"\tanh #1",
    domain=((-4, 4),),
    singular=[((1000.0,), 1.0, (0.0,))],
    summary="the hyperbolic tangent",
)
asinh = Primitive(
    "asinh",
    math.asinh,
    (lambda out, x: 1 / sqrt(x * x + 1),),
    latex=r"\operatorname{arsinh} #1",
    domain=((-10, 10),),
    singular=[((inf,), inf, (0.0,))],
    summary="the inverse of sinh",
)
acosh = Primitive(
    "acosh",
    _acosh,
    (lambda out, x: 1 / sqrt((x - 1) * (x + 1)),),
    latex=r"\operatorname{arcosh} #1",
    domain=((1.01, 10),),
    singular=[((1.0,), 0.0, (inf,)), ((0.0,), nan, (nan,))],
    summary="the inverse of cosh for x >= 1",
)
atanh = Primitive(
    "atanh",
    _atanh,
    (lambda out, x: 1 / ((1 - x) * (1 + x)),),
    latex=r"\operatorname{artanh} #1",
    domain=((-0.99, 0.99),),
    singular=[((1.0,), inf, (inf,)), ((-1.0,), -inf, (inf,)), ((2.0,), nan, (-1 / 3,))],
    summary="the inverse of tanh",
)
erf = Primitive(
    "erf",
    math.erf,
    (lambda out, x: _TWO_OVER_SQRT_PI * exp(-x * x),),
    latex=r"\operatorname{erf}\left(#1\right)",
    domain=((-4, 4),),
    singular=[((inf,), 1.0, (0.0,))],
    summary="the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x",
)
erfc = Primitive(
    "erfc",
    math.erfc,
    (lambda out, x: -_TWO_OVER_SQRT_PI * exp(-x * x),),
    latex=r"\operatorname{erfc}\left(#1\right)",
    domain=((-4, 4),),
    singular=[((inf,), 0.0, (-0.0,))],
    summary="1 - erf(x), accurate for large x",
)

# --- Activations -----------------------------------------------------------------------------------------------------

relu = Primitive(
    "relu",
    _relu,
    (lambda out, x: select(x <= 0, ZERO, 1.0),),
    latex=r"\operatorname{relu}\left(#1\right)",
    domain=((-10, 10),),
    singular=[((0.0,), 0.0, (0.0,)), ((nan,), nan, (1.0,))],
    summary="x where x > 0, else 0; its derivative at 0 is 0",
)
leaky_relu = Primitive(
    "leaky_relu",
    _leaky_relu,
    (lambda out, x, slope: select(x > 0, 1.0, slope), lambda out, x, slope: select(x > 0, ZERO, x)),
    latex=r"\operatorname{leaky\_relu}\left(#1, #2\right)",
    domain=((-10, 10), (0.01, 0.5)),
    singular=[((0.0, 0.01), 0.0, (0.01, 0.0))],
    defaults=(0.01,),
    summary="x where x > 0, else slope * x; its derivative at 0 is the slope",
)
elu = Primitive(
    "elu",
    _elu,
    (lambda out, x, alpha: select(x <= 0, alpha * exp(x), 1.0), lambda out, x, alpha: select(x > 0, ZERO, expm1(x))),
    latex=r"\operatorname{elu}\left(#1, #2\right)",
    domain=((-10, 10), (0.5, 2)),
    singular=[((0.0, 1.0), 0.0, (1.0, 0.0))],
    defaults=(1.0,),
    summary="x where x > 0, else alpha * (e ** x - 1). Clevert, Unterthiner, Hochreiter 2015",
)
softplus = Primitive(
    "softplus",
    _softplus,
    (lambda out, x: sigmoid(x),),
    latex=r"\operatorname{softplus}\left(#1\right)",
    domain=((-20, 20),),
    singular=[((1000.0,), 1000.0, (1.0,)), ((-1000.0,), 0.0, (0.0,))],
    summary="log(1 + e ** x), without overflow",
)
sigmoid: Primitive = Primitive(
    "sigmoid",
    _sigmoid,
    (lambda out, x: out * (1 - out),),
    latex=r"\sigma\left(#1\right)",
    domain=((-20, 7),),
    singular=[((-1000.0,), 0.0, (0.0,)), ((1000.0,), 1.0, (0.0,))],
    summary="1 / (1 + e ** -x), without overflow",
)
silu = Primitive(
    "silu",
    _silu,
    (lambda out, x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),),
    latex=r"\operatorname{silu}\left(#1\right)",
    domain=((-1, 7),),
    singular=[((0.0,), 0.0, (0.5,)), ((-inf,), nan, (nan,))],
    summary="x * sigmoid(x), also known as swish. Elfwing, Uchibe, Doya 2017",
)
gelu = Primitive(
    "gelu",
    _gelu,
    (lambda out, x: 0.5 * erfc(-x * _SQRT_HALF) + x * _ONE_OVER_SQRT_TWO_PI * exp(-0.5 * x * x),),
    latex=r"\operatorname{gelu}\left(#1\right)",
    domain=((-0.7, 7),),
    singular=[((0.0,), 0.0, (0.5,)), ((-inf,), nan, (nan,))],
    summary="x times the normal distribution function at x, exact. Hendrycks, Gimpel 2016",
)
log_sigmoid = Primitive(
    "log_sigmoid",
    _log_sigmoid,
    (lambda out, x: sigmoid(-x),),
    latex=r"\ln\sigma\left(#1\right)",
    domain=((-20, 20),),
    singular=[((-1000.0,), -1000.0, (1.0,)), ((1000.0,), -0.0, (0.0,))],
    summary="log(sigmoid(x)), without overflow",
)

# --- Operations on any number of operands ----------------------------------------------------------------------------

sum_ = Primitive(
    "sum",
    _sum,
    lambda out, *xs: (1.0,) * len(xs),
    latex=r"\sum\left(#1\right)",
    domain=((0.1, 10),) * 3,
    summary="the sum of any number of operands as one node",
)
dot = Primitive(
    "dot",
    _dot,
    _dot_partials,
    latex=r"\operatorname{dot}\left(#1\right)",
    domain=((0.1, 10),) * 4,
    summary="x1 y1 + x2 y2 + ... as one node; its operands are all x, then all y",
)
max_ = Primitive(
    "max",
    _max,
    _share_of_extremum,
    latex=r"\max\left(#1\right)",
    domain=((-10, 10),) * 3,
    singular=[((1.0, 2.0, 2.0), 2.0, (0.0, 0.5, 0.5)), ((1.0, nan, 2.0), nan, (nan, nan, nan))],
    summary="the largest of any number of operands; equals share the gradient",
)
min_ = Primitive(
    "min",
    _min,
    _share_of_extremum,
    latex=r"\min\left(#1\right)",
    domain=((-10, 10),) * 3,
    singular=[((1.0, 1.0, 2.0), 1.0, (0.5, 0.5, 0.0))],
    summary="the smallest of any number of operands; equals share the gradient",
)
logsumexp = Primitive(
    "logsumexp",
    _logsumexp,
    lambda out, *xs: [exp(x - out) for x in xs],
    latex=r"\operatorname{logsumexp}\left(#1\right)",
    domain=((1, 10),) * 3,
    singular=[
        ((0.0, -inf), 0.0, (1.0, 0.0)),
        ((-inf, -inf), -inf, (nan, nan)),
        ((inf, 0.0), inf, (nan, 0.0)),
        ((1000.0, -1000.0), 1000.0, (1.0, 0.0)),
    ],
    summary="log(e ** x1 + e ** x2 + ...), without overflow",
)
hypot = Primitive(
    "hypot",
    math.hypot,
    lambda out, *xs: [select(out == 0, 0.0, x / out) for x in xs],
    latex=r"\operatorname{hypot}\left(#1\right)",
    domain=((-10, 10),) * 3,
    singular=[((0.0, 0.0), 0.0, (0.0, 0.0))],
    summary="sqrt(x1^2 + x2^2 + ...), without overflow; at the origin the gradient is 0 (PyTorch: nan)",
)

_OWN_NAMES = frozenset(PRIMITIVES)


# ---------------------------------------------------------------------------------------------------------------------
# Rules at singular points
# ---------------------------------------------------------------------------------------------------------------------


def _ieee_binary(primitive: Primitive) -> tuple[Callable[..., Any], Callable[..., Any]]:
    forward = primitive.forward

    def operator(self: float, other: Any) -> Any:
        return _IEEE(forward(float(self), float(other))) if isinstance(other, (int, float)) else NotImplemented

    def reflected(self: float, other: Any) -> Any:
        return _IEEE(forward(float(other), float(self))) if isinstance(other, (int, float)) else NotImplemented

    return operator, reflected


class _IEEE(float, Number):
    """A float that divides by zero. A rule runs on these when Python's own floats have raised an error in it."""

    __slots__ = ()
    _rank = 0

    __add__, __radd__ = _ieee_binary(add)
    __sub__, __rsub__ = _ieee_binary(sub)
    __mul__, __rmul__ = _ieee_binary(mul)
    __truediv__, __rtruediv__ = _ieee_binary(div)
    __pow__, __rpow__ = _ieee_binary(pow_)
    __floordiv__, __rfloordiv__ = _ieee_binary(floor_divide)

    def __neg__(self) -> _IEEE:
        return _IEEE(-float(self))

    @staticmethod
    def _apply(primitive: Primitive, arguments: Sequence[float]) -> _IEEE:
        return _IEEE(primitive.forward(*map(float, arguments)))


def _ieee(number: Any) -> Any:
    return _IEEE(number) if number.__class__ is float else number


def _plain(result: Any) -> Any:
    if isinstance(result, (list, tuple)):
        return [_plain(number) for number in result]
    return float(result) if result.__class__ is _IEEE else result
