"""Functions of lists of Values, and composites of the table's rows."""

from __future__ import annotations

from autograd import table
from autograd.operators import dot_rows
from autograd.primitive import Number
from autograd.value import Value, as_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def _operands(xs: Iterable[Value | float], name: str) -> tuple[Value | float, ...]:
    try:
        operands = tuple(xs)
    except TypeError:
        raise TypeError(f"{name} wants a list of numbers or Values, got {xs!r}: write {name}([a, b, c])") from None
    if not operands:
        raise ValueError(f"{name} of an empty list: it wants at least one number")
    return operands


def sum(xs: Iterable[Value | float]) -> Value:
    """The sum of xs, one or more numbers or Values, as one node. Of none it is a ValueError.

    Example:
        >>> import autograd
        >>> x = [autograd.Value(1.0), autograd.Value(2.0)]
        >>> autograd.sum(x)
        Value(data=3.0, grad=0.0)
    """
    return table.sum(*_operands(xs, "sum"))


def mean(xs: Iterable[Value | float]) -> Value:
    """The arithmetic mean of xs, one or more numbers or Values. Of none it is a ValueError.

    Example:
        >>> from autograd import Value, mean
        >>> mean([Value(1.0), Value(2.0)]).data
        1.5
    """
    operands = _operands(xs, "mean")
    return table.sum(*operands) / len(operands)


def dot(xs: Iterable[Value | float], ys: Iterable[Value | float]) -> Value:
    """x1 y1 + x2 y2 + ... as one node. With weights and inputs it is a neuron's pre-activation.

    Args:
        xs, ys: two lists of the same length n >= 1.

    Raises:
        ValueError: the lists are empty or differ in length.

    Example:
        >>> from autograd import Value, dot
        >>> w = [Value(2.0), Value(-1.0)]
        >>> dot(w, [3.0, 4.0]).data
        2.0
    """
    left, right = _operands(xs, "dot"), _operands(ys, "dot")
    if len(left) != len(right):
        raise ValueError(f"dot wants two lists of the same length, got {len(left)} and {len(right)} numbers")
    return table.dot(*left, *right)


def matvec(rows: Iterable[Iterable[Value | float]], xs: Iterable[Value | float]) -> list[Value]:
    """The matrix-vector product, m Values: the `dot` of every row with xs. With a layer's weights and inputs it is z.

    Args:
        rows: m rows of n numbers or Values.
        xs: n >= 1 numbers or Values.

    Raises:
        TypeError: the rows are not lists of numbers.
        ValueError: xs is empty, or a row has another length.

    Example:
        >>> from autograd import Value, matvec
        >>> W = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
        >>> [z.data for z in matvec(W, [1.0, 10.0])]
        [21.0, 43.0]
    """
    right = _operands(xs, "matvec")
    try:
        left: list[tuple[Any, ...]] = [tuple(row) for row in rows]
    except TypeError:
        raise TypeError(
            f"matvec wants rows of numbers or Values, got {rows!r:.80}: write matvec([[a, b], [c, d]], [x, y])"
        ) from None
    for k, row in enumerate(left):
        if len(row) != len(right):
            raise ValueError(f"matvec wants rows of {len(right)} numbers, as the vector has, row {k} has {len(row)}")
    dual = any(isinstance(x, Number) and not isinstance(x, Value) for x in right)
    if not dual and all(operand.__class__ is Value for row in left for operand in row):
        return dot_rows(left, [as_value(x, "matvec") for x in right])
    return [table.dot(*row, *right) for row in left]


def max(xs: Iterable[Value | float]) -> Value:
    """The largest of xs, one or more numbers or Values; equals share the gradient. Of none it is a ValueError.

    Example:
        >>> import autograd
        >>> autograd.max([autograd.Value(1.0), 5.0]).data
        5.0
    """
    return table.max(*_operands(xs, "max"))


def min(xs: Iterable[Value | float]) -> Value:
    """The smallest of xs, one or more numbers or Values; equals share the gradient. Of none it is a ValueError.

    Example:
        >>> import autograd
        >>> autograd.min([autograd.Value(1.0), 5.0]).data
        1.0
    """
    return table.min(*_operands(xs, "min"))


def logsumexp(xs: Iterable[Value | float]) -> Value:
    """log(e ** x1 + ... + e ** xn) of n >= 1 numbers or Values, without overflow; a ValueError of none.

    Its gradient is the softmax.

    Example:
        >>> from autograd import Value, logsumexp
        >>> logsumexp([Value(1000.0), Value(1000.0)]).data
        1000.6931471805599
    """
    return table.logsumexp(*_operands(xs, "logsumexp"))


def log_softmax(xs: Iterable[Value | float]) -> list[Value]:
    """The logarithms of the softmax of n >= 1 logits, xk - logsumexp(x), as n Values.

    They are exact also where the probability underflows. Of no logits it is a ValueError.

    Example:
        >>> from autograd import Value, log_softmax
        >>> [p.data for p in log_softmax([Value(1000.0), Value(0.0)])]
        [0.0, -1000.0]
    """
    operands = _operands(xs, "log_softmax")
    top = table.max(*operands)
    shifted = [x - top for x in operands]  # from the largest: exact for logits of any size
    total = table.logsumexp(*shifted)
    return [x - total for x in shifted]


def softmax(xs: Iterable[Value | float]) -> list[Value]:
    """The probabilities e ** xk / (e ** x1 + ... + e ** xn) of n >= 1 logits, as n Values that add up to 1.

    They are computed without overflow. Of no logits it is a ValueError.

    Example:
        >>> from autograd import Value, softmax
        >>> [p.data for p in softmax([Value(0.0), Value(0.0)])]
        [0.5, 0.5]
    """
    return [table.exp(x) for x in log_softmax(xs)]


def norm(xs: Iterable[Value | float]) -> Value:
    """The Euclidean norm of n >= 1 numbers or Values, sqrt(x1 ** 2 + ... + xn ** 2), without overflow.

    Its gradient at the origin is 0. Of no numbers it is a ValueError.

    Example:
        >>> from autograd import Value, norm
        >>> norm([Value(3.0), Value(4.0)]).data
        5.0
    """
    return table.hypot(*_operands(xs, "norm"))
