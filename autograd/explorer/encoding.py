"""Numbers as they travel in a page."""

from __future__ import annotations

import math


def encoded(number: float) -> float | str:
    """A number as JSON can have it: nan and infinities by their names, integers short, all others exactly."""
    if not math.isfinite(number):
        return str(number)
    return int(number) if number.is_integer() and abs(number) < 1e15 and str(number) != "-0.0" else float(number)


def shown(number: float, digits: int = 4) -> str:
    """A number rounded to so many digits, with a typographic minus sign.

    Example:
        >>> shown(-0.12345), shown(1e-300)
        ('−0.1235', '1e−300')
    """
    return f"{number + 0.0:.{digits}g}".replace("-", "−")
