"""What a row of the table is, and the kinds of number that its rules run on.

Everything that is known about an operation stands in ONE row of the table (`table.py`): a `Primitive` with its forward
function on floats, one local derivative per operand, the way it is written, and the domain its tests draw from. The
local derivatives are rules, written in differentiable operators with the result `out` at hand. So the same rule runs on
every kind of number, and what it gives is another thing each time:

- on floats, when an operation is done on Values: the local derivatives that the graph records;
- on Values: graphs of derivatives, which can be differentiated again;
- on dual numbers: forward mode;
- on symbols, numbers that are not known yet: programs, formulas.

A kind of number is a subclass of `Number`, which has the operators and methods of all kinds. Each of them calls a row,
and the row hands its operands to the kind of the highest rank among them: `Value.apply` makes a node of a graph,
`Dual.apply` computes a tangent as well, `Symbol.apply` writes the operation down. Without any there are only floats,
and the row calls its forward function.

Two conventions make a rule right at the edges. It says `select(condition, a, b)` where Python would say
`a if condition else b`, and it says `ZERO` where nothing flows back: ZERO times an infinite upstream gradient is 0,
where the number 0.0 would give nan. A power in a rule is `pow(x, y)`: on a negative float `x ** 0.5` is complex.
"""

from __future__ import annotations

from autograd import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Self, overload

    from autograd.value import Value

    Rule = Callable[..., Any] | float
    Interval = tuple[float, float]
    SingularPoint = tuple[tuple[float, ...], float, tuple[float, ...]]

PRIMITIVES: dict[str, Primitive] = {}
"""Every row by its name, in the order of the table; a user's own rows follow."""


# ---------------------------------------------------------------------------------------------------------------------
# Kinds of number
# ---------------------------------------------------------------------------------------------------------------------


class Number:
    """A kind of number: what the operators, the methods and the rows of the table work on.

    A kind says its rank, and what an operation on it is: `apply(primitive, operands)`, where the highest rank among
    the operands is its own. The other operands may be of lower ranks or plain numbers.
    """

    __slots__ = ()
    rank = 0

    @staticmethod
    def apply(primitive: Primitive, operands: Sequence[Any]) -> Any:
        """The result of an operation on numbers of this kind."""
        raise NotImplementedError

    def compare(self, primitive: Primitive, holds: Callable[[Any, Any], bool], other: Any) -> Any:  # noqa: ARG002
        """The result of a comparison: a number, unless the kind knows its numbers and can say whether it holds."""
        return primitive(self, other)

    if TYPE_CHECKING:

        def __add__(self, other: Any) -> Self: ...

        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__
        __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __add__

        def __lt__(self, other: Any) -> Any: ...

        __le__ = __gt__ = __ge__ = __lt__

        def __neg__(self) -> Self: ...

        __abs__ = __neg__

        def __getattr__(self, name: str) -> Callable[..., Self]: ...  # a method for each row

    def __pos__(self) -> Self:
        return self

    conjugate = __pos__  # NumPy asks for it, in np.std and np.var

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Self, Self]:
        return other // self, other % self


def to_float(number: object, where: str) -> float:
    """`number` as a float, or a TypeError that says what `where` wanted.

    Example:
        >>> to_float(3, "Value")
        3.0
    """
    if isinstance(number, (int, float)) or is_real(number):
        try:
            return float(number)  # type: ignore[arg-type]
        except OverflowError:
            raise OverflowError(f"{where}: the number is too large for a float") from None
    got = f"{type(number).__name__} {number!r}"
    if isinstance(number, Number):
        got = f"a {type(number).__name__}: write v.data for the number in it"
    elif isinstance(number, str):
        got += f": write float({number!r}) if that is a number"
    elif isinstance(number, (list, tuple)) or getattr(number, "shape", None):
        raise TypeError(
            f"{where} wants one number, got a {type(number).__name__}: apply it to each, [f(x) for x in ...], "
            f"or put Values into a NumPy object array"
        )
    elif hasattr(number, "item"):
        got = f"{type(number).__name__}: write .item() for the number in it"
    else:
        raise TypeError(f"{where} wants a number or a Value, got {got}")
    raise TypeError(f"{where} wants a number, got {got}")


def is_real(thing: object) -> bool:
    """Whether this is a real number of another library's, such as NumPy's scalars and fractions."""
    import numbers

    return isinstance(thing, numbers.Real) or type(thing).__name__ in ("bool", "bool_")


# ---------------------------------------------------------------------------------------------------------------------
# A row
# ---------------------------------------------------------------------------------------------------------------------


class Primitive:
    """One row of the table: an operation, its local derivatives, and how it is written.

    Making a row is all it takes to add an operation. It can be called at once, on numbers, Values and dual numbers,
    and works in everything that walks the table: `backward`, the transforms, `check_grads`, `compile`, pictures,
    formulas, pickles. A row of the engine's own table is a function of `autograd` and a method of Values as well.

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
        lowering: what compiled code and the explorer compute instead of `forward`, on symbols, if `forward` does not
            run on them: a function written in operators, `where`, and other operations.
        method: whether Values have it as a method, for a row of the engine's own; unless given, those of a fixed number
            of arguments have that are written by their name.
        listed: whether it is in `PRIMITIVES`: False for what only programs have, and no graph of Values.
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

    own_names: frozenset[str] = frozenset()  # those of the engine's table, once it is complete

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
        lowering: Callable[..., Any] | None = None,
        method: bool | None = None,
        listed: bool = True,
        summary: str = "",
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a primitive's name is an identifier such as 'cube', got {name!r}")
        if name in Primitive.own_names:
            raise ValueError(f"the engine has a primitive named {name!r} already: choose another name")
        if not callable(forward):
            raise TypeError(f"{name}: forward is a function of floats, got {type(forward).__name__}")
        rules = partials if isinstance(partials, tuple) else (partials,)
        if not rules or not all(callable(rule) or isinstance(rule, float) for rule in rules):
            raise TypeError(
                f"{name}: partials are functions of (out, *arguments) or floats, one per argument, in a tuple: "
                f"write partials=(lambda out, x: ...,)"
            )
        self.name, self.forward, self.partials = name, forward, partials
        self.arity = len(partials) if isinstance(partials, tuple) else None
        self.symbol = name if symbol is None else symbol
        operands = ", ".join(f"#{k + 1}" for k in range(self.arity or 1))
        spelled = name.replace("_", r"\_")
        self.latex = latex or rf"\operatorname{{{spelled}}}\left({operands}\right)"
        self.domain, self.singular, self.defaults = tuple(domain), tuple(singular), defaults
        self.cuts, self.lowering, self.summary = cuts, lowering, summary
        self.is_method = self.arity is not None and self.symbol == name if method is None else method
        if listed:
            PRIMITIVES[name] = self

    if TYPE_CHECKING:

        @overload
        def __call__(self, *arguments: float, **named: float) -> float: ...  # type: ignore[overload-overlap]
        @overload
        def __call__(self, *arguments: Value | float, **named: Value | float) -> Value: ...
        @overload
        def __call__(self, *arguments: Any, **named: Any) -> Any: ...

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Apply the operation: a float from numbers, a Value from Values, whatever kind of number comes in.

        NumPy arrays are taken element by element, as NumPy's own functions take them. Arguments may be given by the
        names that the forward function gives them.
        """
        if named or (len(arguments) != self.arity and self.arity is not None):
            arguments = calls.in_order(self, arguments, named)
        for argument in arguments:
            if argument.__class__ is not float:
                break
        else:
            return self.forward(*arguments)
        kind: type[Number] | None = None
        for argument in arguments:
            if isinstance(argument, Number):
                if kind is None or argument.rank > kind.rank:
                    kind = argument.__class__
            elif getattr(argument, "shape", ()):
                return calls.of_each(self, arguments)
        if kind is None:
            return self.forward(*[to_float(argument, self.name) for argument in arguments])
        return kind.apply(self, arguments)

    def local_derivatives(self, out: Any, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The local derivative with respect to every argument, in the kind of number that comes in.

        Example:
            >>> import autograd
            >>> autograd.PRIMITIVES["mul"].local_derivatives(6.0, (2.0, 3.0))
            (3.0, 2.0)
        """
        if isinstance(self.partials, tuple):
            return tuple([run_rule(rule, out, arguments) for rule in self.partials])
        every = run_rule(self.partials, out, arguments)
        if not isinstance(every, (list, tuple)):
            raise TypeError(
                f"the rule of {self.name} for any number of operands must return a list, it returned a "
                f"{type(every).__name__}: for a fixed number of arguments write partials=(rule,), a tuple"
            )
        if len(every) != len(arguments):
            raise TypeError(f"the rule of {self.name} gave {len(every)} derivatives for {len(arguments)} operands")
        return tuple(every)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return primitive_named, (self.name,)


def primitive_named(name: str) -> Primitive:
    """The row of that name; how a pickled graph finds its operations again."""
    try:
        return PRIMITIVES[name]
    except KeyError:
        raise LookupError(f"there is no primitive named {name!r} here: make its row, then load again") from None


# ---------------------------------------------------------------------------------------------------------------------
# How a rule runs: ZERO, choices, and floats that divide by zero
# ---------------------------------------------------------------------------------------------------------------------


class _Zero(float):
    """The local derivative of an edge along which nothing flows: 0, whatever arrives from upstream."""

    __slots__ = ()

    def __mul__(self, upstream: object) -> Any:
        return 0.0

    __rmul__ = __mul__

    def __reduce__(self) -> str:
        return "ZERO"


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
    return PRIMITIVES["where"](condition, x, y)


def run_rule(rule: Rule, out: Any, arguments: Sequence[Any]) -> Any:
    """A rule's result; where Python's floats raise an error in it, that of floats which follow IEEE 754."""
    if isinstance(rule, float):
        return rule
    try:
        return rule(out, *arguments)
    except (ZeroDivisionError, OverflowError):
        return _plain(rule(_ieee(out), *map(_ieee, arguments)))


class _IEEE(Number, float):  # type: ignore[misc]
    """A float of IEEE 754: x / 0 is inf or nan. A rule runs on these when it raised an error on Python's floats."""

    __slots__ = ()

    @staticmethod
    def apply(primitive: Primitive, operands: Sequence[float]) -> _IEEE:
        return _IEEE(primitive.forward(*map(float, operands)))

    def compare(self, primitive: Primitive, holds: Callable[[Any, Any], bool], other: Any) -> Any:  # noqa: ARG002
        return holds(float(self), other)


def _ieee(number: Any) -> Any:
    return _IEEE(number) if number.__class__ is float else number


def _plain(result: Any) -> Any:
    if isinstance(result, (list, tuple)):
        return [_plain(number) for number in result]
    return float(result) if result.__class__ is _IEEE else result
