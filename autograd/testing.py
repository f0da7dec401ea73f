"""Checking derivatives against differences of the function's own values."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from autograd.primitive import to_float
from autograd.pytree import flatten
from autograd.transforms import grad, jacobian, jvp
from autograd.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Flat = Callable[[list[Any]], list[Any]]

MODES = ("forward", "reverse")


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: str | Sequence[str] = MODES,
    tolerance: float = 1e-6,
) -> None:
    """Check that all derivatives of `f` up to an order agree with differences, in forward and in reverse mode.

    The difference is the five-point stencil (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h (Abramowitz and Stegun,
    25.3.6), with h about 0.001 of x: its error is some 1e-11 where the function is smooth and of moderate size. A
    derivative of order k + 1 is compared with differences of those of order k, in every combination of modes. Where
    there are more than 8 numbers, derivatives from the second order on are checked along a direction drawn at random,
    the same each time, and in reverse mode those of a random sum of the results: else the time would grow as n^3.

    Args:
        f: a function of numbers and pytrees of numbers, whose result is a number or a pytree of numbers.
        args: the arguments at which to check; keep away from kinks.
        order: the highest order of derivatives, 1 or more.
        modes: "forward", "reverse" or both.
        tolerance: how far off a derivative may be, relative to the larger of 1 and its size.

    Raises:
        AssertionError: a derivative is off; says which argument, in which mode, and by how much.
        TypeError: `f` is not a function, or `args` is not a tuple of arguments.
        ValueError: an order below 1 or an unknown mode.

    Example:
        >>> from autograd import check_grads
        >>> check_grads(lambda x, y: x**2 * y, (3.0, 2.0))
        >>> from autograd import Primitive
        >>> wrong = Primitive("wrong_square", lambda x: x * x, partials=(lambda out, x: 2.001 * x,))
        >>> check_grads(wrong, (3.0,))
        Traceback (most recent call last):
        ...
        AssertionError: argument 0 of wrong_square, order 1, forward mode: the derivative is 6.003, ...
    """
    if not callable(f):
        raise TypeError(f"check_grads wants a function, got {f!r}: write check_grads(lambda x: ..., (1.0,))")
    if not isinstance(args, Iterable):
        raise TypeError(f"check_grads wants the arguments of the function in a tuple, got {args!r}: write ({args!r},)")
    if order < 1:
        raise ValueError(f"check_grads wants an order of 1 or more, got {order}")
    modes = (modes,) if isinstance(modes, str) else modes
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise ValueError(f"check_grads knows the modes {', '.join(MODES)}, got {modes!r}")
    numbers, rebuild = flatten(list(args))
    point = [to_float(number, "check_grads") for number in numbers]
    name = str(getattr(f, "__name__", getattr(f, "name", type(f).__name__)))

    def flat(xs: list[Any]) -> list[Any]:
        """`f` on a flat list; on Values where a difference asks for plain numbers, since `f` may use their methods."""
        return flatten(f(*rebuild([Value(x) if isinstance(x, float) else x for x in xs])))[0]

    functions: list[tuple[str, Flat]] = [("", flat)]
    for k in range(1, order + 1):
        check = _checked_derivative if k == 1 or len(point) <= _FEW else _checked_along_a_direction
        functions = [
            (f"{label} over {mode}" if label else mode, derivative)
            for label, function in functions
            for mode in modes
            for derivative in [check(function, mode, point, (name, k, label, _places(args)), tolerance)]
        ]


_FEW = 8


def _checked_derivative(
    function: Flat, mode: str, point: list[float], where: tuple[str, int, str, list[str]], tolerance: float
) -> Flat:
    """The function that computes all first derivatives in that mode, after comparing it with differences."""
    derivative = _forward(function) if mode == "forward" else _reverse(function)
    exact = derivative(point)
    for j, place in enumerate(where[3]):
        direction = [max(1.0, abs(x)) if k == j else 0.0 for k, x in enumerate(point)]
        for i, difference in enumerate(_differences(function, point, direction)):
            _compare(exact[i * len(point) + j], difference / direction[j], place, mode, where, tolerance)
    return derivative


def _checked_along_a_direction(
    function: Flat, mode: str, point: list[float], where: tuple[str, int, str, list[str]], tolerance: float
) -> Flat:
    """The function that computes derivatives along one direction in that mode, after comparing it with differences.

    Forward mode gives that of every result, reverse mode that of a random sum of the results.
    """
    random = Random(where[1])
    direction = [random.choice((-1, 1)) * random.uniform(0.5, 1.5) * max(1.0, abs(x)) for x in point]
    if mode == "forward":
        checked = function

        def derivative(xs: list[Any]) -> list[Any]:
            return list(jvp(function, (xs,), (direction,))[1])

    else:
        weights = [random.choice((-1, 1)) * random.uniform(0.5, 1.5) for _ in function(point)]

        def checked(xs: list[Any]) -> list[Any]:
            return [sum([w * y for w, y in zip(weights, function(xs))])]

        def derivative(xs: list[Any]) -> list[Any]:
            gradient = grad(lambda xs: checked(xs)[0])(xs)
            return [sum([d * g for d, g in zip(direction, gradient)])]

    for exact, difference in zip(derivative(point), _differences(checked, point, direction)):
        _compare(exact, difference, "a random direction", mode, where, tolerance)
    return derivative


def _compare(
    got: float, difference: float, place: str, mode: str, where: tuple[str, int, str, list[str]], tolerance: float
) -> None:
    name, order, label, _ = where
    off = abs(got - difference)
    if not off <= tolerance * max(1.0, abs(difference)):
        percent = f"{100 * off / abs(difference):.3g}%" if difference else "all"
        described = f"{label} over {mode}" if label else mode
        raise AssertionError(
            f"{place} of {name}, order {order}, {described} mode: the derivative is {got:.10g}, "
            f"the five-point stencil gives {difference:.10g}, it is {percent} off"
        )


def _forward(function: Flat) -> Flat:
    def derivative(xs: list[Any]) -> list[Any]:
        columns = []
        for j in range(len(xs)):
            direction = [1.0 if k == j else 0.0 for k in range(len(xs))]
            columns.append(jvp(function, (xs,), (direction,))[1])
        return [entry for row in zip(*columns) for entry in row]

    return derivative


def _reverse(function: Flat) -> Flat:
    def derivative(xs: list[Any]) -> list[Any]:
        return [entry for row in jacobian(function)(xs) for entry in row]

    return derivative


def _differences(function: Flat, point: list[float], direction: list[float]) -> list[float]:
    h = 2.0**-10

    def at(step: float) -> list[float]:
        moved = [x + step * h * d if d else x for x, d in zip(point, direction)]
        return [float(y.data if isinstance(y, Value) else y) for y in function(moved)]

    stencil = zip(at(-2), at(-1), at(1), at(2))
    return [
        (far_below - 8 * below + 8 * above - far_above) / (12 * h) for far_below, below, above, far_above in stencil
    ]


def _places(args: Sequence[Any]) -> list[str]:
    """How a message calls each number: "argument 0", "argument 1[2]"."""
    places = []
    for k, arg in enumerate(args):
        count = len(flatten(arg)[0])
        places += (
            [f"argument {k}"]
            if count == 1 and not isinstance(arg, (list, tuple))
            else [f"argument {k}[{i}]" for i in range(count)]
        )
    return places
