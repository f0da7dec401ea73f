"""How a row of the table is called: arguments by name, those that are left out, and arrays."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autograd.primitive import Primitive


def in_order(primitive: Primitive, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments in order. Their names are those of the forward function.

    Raises:
        TypeError: one is missing, given twice, or not known; says what the operation takes.
    """
    if named:
        arguments = _with_named(primitive, arguments, named)
    if primitive.arity is None:
        return arguments
    missing, defaults = primitive.arity - len(arguments), primitive.defaults
    if missing and not 0 < missing <= len(defaults):
        wanted = f"{primitive.arity - len(defaults)} to {primitive.arity}" if defaults else str(primitive.arity)
        plural = "" if wanted == "1" else "s"
        raise TypeError(f"{primitive.name} takes {wanted} argument{plural}, got {len(arguments)}")
    return arguments + defaults[len(defaults) - missing :]


def _with_named(primitive: Primitive, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    import inspect

    if primitive.arity is None:
        raise TypeError(f"{primitive.name} takes any number of arguments, none by name: got {', '.join(named)}")
    names = list(inspect.signature(primitive.forward).parameters)
    given = dict(zip(names[::-1], primitive.defaults[::-1])) | dict(zip(names, arguments)) | named
    twice = set(named) & set(names[: len(arguments)])
    if twice or set(given) != set(names) or len(arguments) > len(names):
        raise TypeError(
            f"{primitive.name} takes the arguments {', '.join(names)}, got {len(arguments)} by position and "
            f"{', '.join(named)} by name"
        )
    return tuple([given[name] for name in names])


def of_each(primitive: Primitive, arguments: tuple[Any, ...]) -> Any:
    """The operation on each element of NumPy arrays, as NumPy's own functions take them."""
    import numpy

    results = numpy.frompyfunc(primitive, len(arguments), 1)(*arguments)
    return results.astype(float) if all(isinstance(result, float) for result in results.flat) else results
