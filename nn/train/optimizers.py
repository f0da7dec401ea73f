"""Optimisers: how parameters move, given their gradients.

Each kind states its formula once, for one parameter, in `rule`. The same formula moves Values one by one, on Python's
floats, and becomes native code, for all parameters at a time, in a compiled training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autograd import Value
from autograd.checks import above, at_least, below_one, check_names, whole
from autograd.primitives import to_float

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nn.train.schedules import Schedule

    State = dict[str, list[float]]  # the numbers kept for each parameter, by name
    Rule = Callable[..., tuple[Any, ...]]


class Optimizer:
    """Moves parameters by their gradients; each kind says how, in `rule` for one parameter or in `update` for all.

    Args:
        parameters: leaf Values, each once.
        lr: the learning rate, above 0, or a schedule: a function of the number of steps taken so far.

    Attributes:
        steps: how many steps were taken.
        state: the numbers kept for each parameter, by name.

    Raises:
        ValueError: no parameters, or a rate that is not above 0.
        TypeError: something that is not a leaf Value.

    Example:
        >>> class SignDescent(Optimizer):
        ...     def update(self, numbers, gradients, lr):
        ...         return [p - math.copysign(lr, g) for p, g in zip(numbers, gradients)], {}
        >>> p = Value(1.0)
        >>> p.grad = 5.0
        >>> SignDescent([p], lr=0.25).step()
        >>> p.data
        0.75
    """

    def __init__(self, parameters: Iterable[Value], lr: float | Schedule) -> None:
        self.parameters = _values(parameters, type(self).__name__)
        if not self.parameters:
            raise ValueError(f"{type(self).__name__} wants the parameters to move, got none: write model.parameters()")
        for parameter in self.parameters:
            if not parameter.is_leaf:
                raise TypeError(
                    f"{type(self).__name__} moves leaf Values, got {parameter!r:.100}, which is computed from others"
                )
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError(f"{type(self).__name__} wants each parameter once")
        if not callable(lr):
            lr = above("lr", lr, 0.0)
        self.lr = lr
        self.steps = 0
        self.state: State = {}

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return at_least("a schedule's learning rate", self.lr(self.steps), 0.0) if callable(self.lr) else self.lr

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters:
            parameter.grad = 0.0

    def step(self) -> None:
        """Move every parameter once. All are moved or, where something raises an error, none."""
        numbers = [parameter.data for parameter in self.parameters]
        gradients = [parameter.grad for parameter in self.parameters]
        updated = self.update(numbers, gradients, self.learning_rate)
        if not isinstance(updated, tuple) or len(updated) != 2 or not hasattr(updated[0], "__iter__"):
            raise TypeError(
                f"{type(self).__name__}.update wants to return where the parameters go, in a list, and the state, in a "
                f"dict, it returned {updated!r:.100}"
            )
        moved, state = updated
        moved = [x if x.__class__ is float else to_float(x, f"{type(self).__name__}.update") for x in moved]
        if len(moved) != len(numbers):
            raise ValueError(f"{type(self).__name__}.update gave {len(moved)} numbers for {len(numbers)} parameters")
        for parameter, number in zip(self.parameters, moved):
            parameter.data = number
        self.state = state
        self.steps += 1

    def update(self, numbers: list[float], gradients: list[float], lr: float) -> tuple[list[float], State]:
        """Where the parameters go, and the new state: a pure function of the arguments and the optimiser's state.

        Unless a kind of its own says otherwise, this applies its `rule` to every parameter.

        Args:
            numbers: the number in each parameter.
            gradients: the gradient of each.
            lr: the learning rate.
        """
        kept = [self.state.get(name) or [0.0] * len(numbers) for name in self.kept]
        rule = self.rule(lr, math.sqrt)
        if not callable(rule):
            raise TypeError(f"{type(self).__name__}.rule wants to return a function, it returned {rule!r:.100}")
        rows = list(map(rule, numbers, gradients, *kept))
        if not isinstance(rows[0], (tuple, list)) or len(rows[0]) != 1 + len(kept):
            raise TypeError(
                f"the function that {type(self).__name__}.rule returns wants to return a tuple, "
                f"({', '.join(['parameter', *self.kept])},), it returned {rows[0]!r:.100}"
            )
        moved, *now_kept = [[row[k] for row in rows] for k in range(1 + len(kept))]
        return moved, dict(zip(self.kept, now_kept))

    @property
    def kept(self) -> tuple[str, ...]:
        """What the rule keeps for each parameter from step to step: names. All start at 0."""
        return ()

    def rule(self, lr: float, sqrt: Callable[[Any], Any]) -> Rule:
        """The formula of one step for one parameter, a function of its number, its gradient and what is kept for it.

        It is made anew for every step, so that what is the same for all parameters is computed once. Where it is plain
        arithmetic, with no `if` on a number and no function but `sqrt`, a compiled training runs it as native code:
        there `lr` and `self.steps` are Values.

        Args:
            lr: the learning rate.
            sqrt: the square root.

        Returns:
            A function `(number, gradient, *kept)` that returns where the parameter goes and what to keep, in a tuple.

        Example:
            >>> class Normalised(Optimizer):
            ...     def rule(self, lr, sqrt):
            ...         return lambda p, g: (p - lr * g / sqrt(1 + g * g),)
            >>> p = Value(1.0)
            >>> p.grad = 0.75
            >>> Normalised([p], lr=1.0).step()
            >>> p.data
            0.4
        """
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """The steps taken and the numbers kept for each parameter, to go on with training later."""
        kept = {name: list(numbers) for name, numbers in self.state.items()}
        return {"kind": type(self).__name__, "steps": self.steps, "state": kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            ValueError: it belongs to another kind of optimiser, other settings or other parameters. Nothing is changed
                then.
            TypeError: something in it is not a number.
        """
        if (
            not isinstance(state, Mapping)
            or not {"kind", "steps", "state"} <= set(state)
            or state["kind"] != type(self).__name__
            or not isinstance(state["state"], Mapping)
        ):
            raise ValueError(f"this is not a state of {type(self).__name__} as state_dict() returns it: {state!r:.100}")
        steps, kept = whole(state["steps"], "steps", at_least=0), {}
        if type(self).update is Optimizer.update and (steps or state["state"]):
            what = f"the state does not fit this {type(self).__name__}"
            check_names(what, self.kept, state["state"], "Make the optimiser with the settings it had")
        for name, numbers in state["state"].items():
            if not hasattr(numbers, "__len__") or isinstance(numbers, str):
                raise TypeError(f"{name} wants a list of numbers, one for each parameter, got {numbers!r:.100}")
            if len(numbers) != len(self.parameters):
                raise ValueError(f"{name} has {len(numbers)} numbers, the optimiser {len(self.parameters)} parameters")
            kept[name] = [to_float(x, f"{name}[{k}]") for k, x in enumerate(numbers)]
        self.steps, self.state = steps, kept

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self.parameters)} parameters, lr={self.learning_rate:g}, steps={self.steps})"
        )


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

        def plain(p: Any, g: Any) -> tuple[Any, ...]:
            if decay:
                g = g + decay * p
            return (p - lr * g,)

        def with_momentum(p: Any, g: Any, v: Any) -> tuple[Any, ...]:
            if decay:
                g = g + decay * p
            v = momentum * v + g
            return p - lr * (g + momentum * v if nesterov else v), v

        return with_momentum if momentum else plain


class RMSprop(Optimizer):
    """p <- p - lr * g / (sqrt(s) + eps) with the running mean s of g^2. Hinton, Neural Networks, lecture 6e, 2012.

    Args:
        parameters, lr: as for `Optimizer`.
        decay: how much of the running mean is kept, from 0 to below 1.
        eps: keeps the divisor above 0.

    Raises:
        ValueError: a number is out of range.

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

    Raises:
        ValueError: a number is out of range.

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

    Raises:
        ValueError: a number is out of range.

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


def _values(parameters: Iterable[Value], name: str) -> list[Value]:
    """Parameters in a list.

    Raises:
        TypeError: it is one Value, no list, or something in it is no Value.
    """
    if isinstance(parameters, Value):
        raise TypeError(f"{name} wants Values in a list, got one Value: write [v]")
    if not hasattr(parameters, "__iter__"):
        raise TypeError(f"{name} wants Values in a list, got {parameters!r:.100}: write model.parameters()")
    values = list(parameters)
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{name} moves leaf Values, got {value!r:.100}: write model.parameters()")
    return values


def clip_grad_norm(parameters: Iterable[Value], max_norm: float) -> float:
    """Shrink the gradients together so that their Euclidean norm is at most `max_norm`.

    Args:
        parameters: the Values whose `.grad` is meant.
        max_norm: above 0.

    Returns:
        The norm as it was.

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
    values = _values(parameters, "clip_grad_norm")
    norm = math.hypot(*[value.grad for value in values])
    factor = shrinking_factor(norm, max_norm)
    if factor < 1.0:
        for value in values:
            value.grad = value.grad * factor
    return norm


def shrinking_factor(norm: float, max_norm: float) -> float:
    """What gradients of this norm are multiplied by to be clipped: 1 where they are short enough.

    Raises:
        FloatingPointError: the norm is nan or infinite.

    Example:
        >>> shrinking_factor(4.0, max_norm=1.0), shrinking_factor(0.5, max_norm=1.0)
        (0.25, 1.0)
    """
    if not math.isfinite(norm):
        raise FloatingPointError(f"the norm of the gradients is {norm}: they cannot be clipped")
    return max_norm / norm if norm > max_norm else 1.0
