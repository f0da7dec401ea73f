"""Learning-rate schedules: functions of the number of steps taken. An optimizer takes one in place of a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autograd.checks import at_least, integer

if TYPE_CHECKING:
    from collections.abc import Callable

    Schedule = Callable[[int], float]


def linear(start: float, end: float, steps: int) -> Schedule:
    """From `start` to `end` in `steps` equal steps, then `end`.

    Example:
        >>> rate = linear(1.0, 0.1, 100)
        >>> rate(0), rate(50), rate(1000)
        (1.0, 0.55, 0.1)
    """
    start, end, steps = at_least("start", start, 0.0), at_least("end", end, 0.0), integer(steps, "steps", at_least=1)
    return lambda step: end if step >= steps else start - (start - end) * step / steps


def exponential(start: float, factor: float) -> Schedule:
    """`start`, multiplied by `factor` after every step.

    Example:
        >>> exponential(1.0, 0.5)(3)
        0.125
    """
    start, factor = at_least("start", start, 0.0), at_least("factor", factor, 0.0)
    return lambda step: start * factor**step


def staircase(start: float, factor: float, every: int) -> Schedule:
    """`start`, multiplied by `factor` after every `every` steps.

    Example:
        >>> rate = staircase(1.0, 0.1, every=10)
        >>> rate(9), rate(10)
        (1.0, 0.1)
    """
    start, factor = at_least("start", start, 0.0), at_least("factor", factor, 0.0)
    every = integer(every, "every", at_least=1)
    return lambda step: start * factor ** (step // every)


def cosine(start: float, end: float, steps: int) -> Schedule:
    """From `start` to `end` along half a cosine in `steps` steps, then `end`. Loshchilov, Hutter 2017, equation 5.

    Example:
        >>> rate = cosine(1.0, 0.0, 100)
        >>> rate(0), rate(50), rate(100)
        (1.0, 0.5, 0.0)
    """
    start, end, steps = at_least("start", start, 0.0), at_least("end", end, 0.0), integer(steps, "steps", at_least=1)
    return lambda step: end + (start - end) * (1 + math.cos(math.pi * min(step, steps) / steps)) / 2


def warm_up(schedule: float | Schedule, steps: int) -> Schedule:
    """A linear rise from 0 to what the schedule says at step `steps`, then the schedule.

    Example:
        >>> rate = warm_up(0.1, steps=10)
        >>> rate(5), rate(20)
        (0.05, 0.1)
    """
    steps = integer(steps, "steps", at_least=0)
    if not callable(schedule):
        schedule = at_least("schedule", schedule, 0.0)

    def rate(step: int) -> float:
        after = schedule(max(step, steps)) if callable(schedule) else schedule
        return after if step >= steps else after * step / steps

    return rate
