"""Where a network's first weights come from."""

from __future__ import annotations

import math
import operator
import random
from typing import TYPE_CHECKING, Any

from autograd import PRIMITIVES

if TYPE_CHECKING:
    from collections.abc import Callable

    Initialiser = Callable[[random.Random, int, int], float]

Random = Any  # a seed, a random.Random, or None for the random module itself


def he(rng: random.Random, nin: int, _nout: int) -> float:
    """A normal variable of variance 2 / nin, for relu and its relatives. He, Zhang, Ren, Sun 2015, equation 10."""
    return rng.gauss(0.0, math.sqrt(2.0 / nin))


def xavier(rng: random.Random, nin: int, nout: int) -> float:
    """Uniform of variance 2 / (nin + nout), for tanh, sigmoid and linear units. Glorot, Bengio 2010, equation 16."""
    bound = math.sqrt(6.0 / (nin + nout))
    return rng.uniform(-bound, bound)


def micrograd(rng: random.Random, _nin: int, _nout: int) -> float:
    """Uniform between -1 and 1, as micrograd draws its weights."""
    return rng.uniform(-1, 1)


INITIALISERS: dict[str, Initialiser] = {"he": he, "xavier": xavier, "micrograd": micrograd}


def rectifies(activation: object) -> bool:
    """Whether a row of the table lets large numbers through on one side of 0 alone, and loses half the variance."""
    if activation not in PRIMITIVES:  # of a function nothing is known
        return False
    row = PRIMITIVES[str(activation)]
    try:
        return 0.5 < row(100.0) / 100.0 < 2.0 and abs(row(-100.0)) < 50.0
    except (ArithmeticError, ValueError):
        return False


def initialiser(init: str | Initialiser, activation: object) -> Initialiser:
    """The function behind an initialization's name; "auto" suits the activation."""
    if callable(init):
        return init
    if init == "auto":
        return he if rectifies(activation) else xavier
    if not isinstance(init, str) or init not in INITIALISERS:
        raise ValueError(
            f"unknown initialization {init!r:.100}: write one of auto, {', '.join(INITIALISERS)}, "
            f"or a function of (rng, nin, nout) that returns one weight"
        )
    return INITIALISERS[init]


def random_source(rng: Random) -> Any:
    """A source of random numbers: from a seed, as given, or Python's own `random`."""
    if rng is None:
        return random
    if hasattr(rng, "__index__"):
        return random.Random(operator.index(rng))
    if hasattr(rng, "uniform") and hasattr(rng, "gauss"):
        return rng
    raise TypeError(f"rng is a seed (an integer), a random.Random or None, got {rng!r:.100}: write 0")
