"""Text and numbers as they travel in a page."""

from __future__ import annotations

import math


def encoded(number: float) -> float | str:
    """A number as JSON can have it: nan and infinities by their names, integers short, all others exactly.

    Example:
        >>> encoded(0.1), encoded(2.0), encoded(float("-inf")), encoded(-0.0)
        (0.1, 2, '-inf', -0.0)
    """
    if not math.isfinite(number):
        return str(number)
    return int(number) if number.is_integer() and abs(number) < 1e15 and str(number) != "-0.0" else float(number)


def shown(number: float, digits: int = 4) -> str:
    """A number to so many digits, with a minus sign that is one.

    Example:
        >>> shown(-0.12345), shown(1e-300)
        ('−0.1235', '1e−300')
    """
    return f"{number + 0.0:.{digits}g}".replace("-", "−")
