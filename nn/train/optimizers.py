"""Optimizers: how parameters move, given their gradients.

Each kind states its formula once, for one parameter, in `rule`. The same formula moves Values one by one, on Python's
floats, and becomes native code, for all parameters at a time, in a compiled training. A setting that is out of range
is a ValueError.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd import Value
from autograd.checks import above, at_least, below_one
from nn.train.optimizer import Optimizer, in_a_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nn.train.optimizer import Rule
    from nn.train.schedules import Schedule


class SGD(Optimizer):
    """Gradient descent: p <- p - lr * g; with momentum v <- momentum * v + g and p <- p - lr * v.

    Args:
        parameters, lr: as for `Optimizer`.
        momentum: how much of the last velocity is kept, from 0 to below 1.
        nesterov: move by g + momentum * v instead of v. Sutskever, Martens, Dahl, Hinton 2013.
        weight_decay: this much of the parameter is added to its gradient.

    Raises:
        ValueError: a number is out of range, or nesterov without momentum.

    Example:
        >>> p = Value(1.0)
        >>> optimizer = SGD([p], lr=0.1)
        >>> (p * p).backward()
        >>> optimizer.step()
        >>> p.data
        0.8
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float | Schedule,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum = below_one("momentum", momentum)
        self.weight_decay = at_least("weight_decay", weight_decay, 0.0)
        if nesterov and not momentum:
            raise ValueError("nesterov wants a momentum above 0: write momentum=0.9")
        self.nesterov = nesterov

    @property
    def kept(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def rule(self, lr: float, sqrt: Callable[[Any], Any]) -> Rule:  # noqa: ARG002
        momentum, nesterov, decay = self.momentum, self.nesterov, self.weight_decay

        def move(p: Any, g: Any, v: Any = 0.0) -> tuple[Any, ...]:
            if decay:
                g = g + decay * p
            if not momentum:
                return (p - lr * g,)
            v = momentum * v + g
            return p - lr * (g + momentum * v if nesterov else v), v

        return move


class RMSprop(Optimizer):
    """p <- p - lr * g / (sqrt(s) + eps) with the running mean s of g^2. Hinton, Neural Networks, lecture 6e, 2012.

    Args:
        parameters, lr: as for `Optimizer`.
        decay: how much of the running mean is kept, from 0 to below 1.
        eps: keeps the divisor above 0.

    Example:
        >>> p = Value(1.0)
        >>> optimizer = RMSprop([p], lr=0.01, decay=0.75)
        >>> (p * p).backward()
        >>> optimizer.step()
        >>> round(p.data, 6)
        0.98
    """

    def __init__(
        self, parameters: Iterable[Value], lr: float | Schedule = 0.01, decay: float = 0.99, eps: float = 1e-8
    ) -> None:
        super().__init__(parameters, lr)
        self.decay = below_one("decay", decay)
        self.eps = above("eps", eps, 0.0)

    @property
    def kept(self) -> tuple[str, ...]:
        return ("squares",)

    def rule(self, lr: float, sqrt: Callable[[Any], Any]) -> Rule:
        decay, eps = self.decay, self.eps

        def move(p: Any, g: Any, s: Any) -> tuple[Any, ...]:
            s = decay * s + (1 - decay) * g * g
            return p - lr * g / (sqrt(s) + eps), s

        return move


class Adam(Optimizer):
    """p <- p - lr * m / (sqrt(s) + eps) with unbiased running means m of g and s of g^2. Kingma, Ba 2015, algorithm 1.

    Args:
        parameters, lr: as for `Optimizer`.
        betas: how much of the two running means is kept, each from 0 to below 1.
        eps: keeps the divisor above 0.
        weight_decay: this much of the parameter is added to its gradient.

    Example:
        >>> p = Value(1.0)
        >>> optimizer = Adam([p], lr=0.01)
        >>> (p * p).backward()
        >>> optimizer.step()
        >>> round(p.data, 6)
        0.99
    """

    _decoupled = False

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float | Schedule = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas is a pair of numbers such as (0.9, 0.999), got {betas!r:.100}")
        self.betas = (below_one("betas[0]", betas[0]), below_one("betas[1]", betas[1]))
        self.eps = above("eps", eps, 0.0)
        self.weight_decay = at_least("weight_decay", weight_decay, 0.0)

    @property
    def kept(self) -> tuple[str, ...]:
        return "means", "squares"

    def rule(self, lr: float, sqrt: Callable[[Any], Any]) -> Rule:
        (first, second), eps, decay, decoupled = self.betas, self.eps, self.weight_decay, self._decoupled
        unbias_mean, unbias_square = 1 - first ** (self.steps + 1), 1 - second ** (self.steps + 1)

        def move(p: Any, g: Any, m: Any, s: Any) -> tuple[Any, ...]:
            if decay and decoupled:
                p = p - lr * decay * p
            elif decay:
                g = g + decay * p
            m = first * m + (1 - first) * g
            s = second * s + (1 - second) * g * g
            return p - lr * (m / unbias_mean) / (sqrt(s / unbias_square) + eps), m, s

        return move


class AdamW(Adam):
    """Adam with the weight decay taken off the parameter itself, p <- p - lr * decay * p. Loshchilov, Hutter 2019.

    Args:
        parameters, lr, betas, eps: as for `Adam`.
        weight_decay: the share of the parameter that is taken off, times the learning rate.

    Example:
        >>> p = Value(1.0)
        >>> optimizer = AdamW([p], lr=0.01, weight_decay=0.5)
        >>> optimizer.step()
        >>> p.data
        0.995
    """

    _decoupled = True

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float | Schedule = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def clip_grad_norm(parameters: Iterable[Value], max_norm: float) -> float:
    """Shrink the gradients together so that their Euclidean norm is at most `max_norm`; the norm as it was.

    Args:
        parameters: the Values whose `.grad` is meant.
        max_norm: above 0.

    Raises:
        ValueError: `max_norm` is not above 0.
        TypeError: something is no Value.
        FloatingPointError: a gradient is nan or infinite; none is changed then.

    Example:
        >>> p = Value(1.0)
        >>> p.grad = 10.0
        >>> clip_grad_norm([p], 1.0), p.grad
        (10.0, 1.0)
    """
    above("max_norm", max_norm, 0.0)
    values = in_a_list(parameters, "clip_grad_norm")
    norm = math.hypot(*[value.grad for value in values])
    factor = shrinking_factor(norm, max_norm)
    if factor < 1.0:
        for value in values:
            value.grad = value.grad * factor
    return norm


def shrinking_factor(norm: float, max_norm: float) -> float:
    """What gradients of this norm are multiplied by to be clipped: 1 if no clipping is needed."""
    if not math.isfinite(norm):
        raise FloatingPointError(f"the norm of the gradients is {norm}: they cannot be clipped")
    return max_norm / norm if norm > max_norm else 1.0
