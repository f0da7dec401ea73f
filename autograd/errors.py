"""Errors of the engine, the checks that raise them, and the line of the user's program that they name."""

from __future__ import annotations

import math
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autograd.value import Value


class AnomalyError(FloatingPointError):
    """The first nan or inf under `detect_anomaly`.

    Example:
        >>> import autograd
        >>> with autograd.detect_anomaly():
        ...     autograd.Value(-1.0).sqrt()
        Traceback (most recent call last):
        ...
        autograd.errors.AnomalyError: sqrt gave nan from -1.0 (<doctest ...>, line 2, in <module>: ...)
    """


class CompileError(TypeError):
    """A function cannot be compiled: it asks for a number that is not known while its operations are recorded.

    Example:
        >>> import autograd
        >>> step = autograd.compile(lambda x: x if x > 0 else -x)
        >>> step(3.0)
        Traceback (most recent call last):
        ...
        autograd.errors.CompileError: `if` on a Value ... write autograd.where(condition, x, y) ...
    """


def got(thing: object) -> str:
    """What an argument is, in a message: the number itself, and of everything else the type."""
    return f"{type(thing).__name__} {thing!r}" if isinstance(thing, (int, float)) else type(thing).__name__


def check_finite(name: str, number: Any, operands: Sequence[Any], what: str = "") -> None:
    """Refuse the result of an operation that is nan or inf, as `detect_anomaly` does.

    Raises:
        AnomalyError: names the operation, its operands and the user's line.
    """
    if isinstance(number, float) and not math.isfinite(number):
        raise AnomalyError(f"{name} gave {what}{number} from {', '.join(map(str, operands))} ({user_line()})")


def line_of(node: Value) -> str:
    """The user's line that made a node, where that was noted: under `detect_anomaly`. Else ""."""
    return getattr(node, "_origin", "")


def check_gradient(node: Value, gradient: Value | float | None, upstream: Any, local: Any) -> None:
    """Refuse a gradient that is nan or inf, which an edge of this node has given or added to.

    Raises:
        AnomalyError: names the operation, its operands and the user's line.
    """
    number = getattr(gradient, "data", gradient)
    if number is not None and not math.isfinite(number):
        numbers = ", ".join(str(operand.data) for operand in node.operands)
        line = line_of(node) or "made outside detect_anomaly: run the forward pass in it to see the line"
        raise AnomalyError(
            f"backward through {node.primitive.name if node.primitive else node.kind} gave the gradient {number} "
            f"(upstream {upstream}, local derivative {local}, operands {numbers}; {line})"
        )


PACKAGES: tuple[str, ...] = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), package) + os.sep
    for package in ("autograd", "nn")
)
"""Where this library's own code is."""


def user_line() -> str:
    """The innermost line of code outside this library and NumPy, as "file, line n, in function: source"."""
    import linecache

    frame, passed = sys._getframe(1), (*PACKAGES, os.path.join(os.path.dirname(os.__file__), "copy.py"))
    if "numpy" in sys.modules:
        passed += (os.path.dirname(sys.modules["numpy"].__file__ or "numpy"),)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(passed):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(file, line).strip()
    return f"{file}, line {line}, in {frame.f_code.co_name}" + (f": {source}" if source else "")
