"""What every optimizer does: it moves parameters, given their gradients, by a rule that each kind states."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import Value
from autograd.checks import above, at_least, check_names, integer
from autograd.primitive import to_float
from nn.train.examples import as_list

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
        self.parameters = in_a_list(parameters, type(self).__name__)
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
                f"{type(self).__name__}.update must return where the parameters go, in a list, and the state, in a "
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

    def step_at(self, rate: float) -> None:
        """A step at this learning rate: the schedule, if there is one, is not asked."""
        schedule = self.lr
        if not callable(schedule):
            self.step()
            return
        self.lr = given = lambda _: rate
        try:
            self.step()
        finally:
            if self.lr is given:
                self.lr = schedule

    def update(self, numbers: list[float], gradients: list[float], lr: float) -> tuple[list[float], State]:
        """Where the parameters go, and the new state: a pure function of the arguments and the optimizer's state.

        Unless a subclass overrides it, this applies its `rule` to every parameter.

        Args:
            numbers: the number in each parameter.
            gradients: the gradient of each.
            lr: the learning rate.
        """
        kept = [self.state.get(name) or [0.0] * len(numbers) for name in self.kept]
        rule = self.rule(lr, math.sqrt)
        if not callable(rule):
            raise TypeError(f"{type(self).__name__}.rule must return a function, it returned {rule!r:.100}")
        rows = list(map(rule, numbers, gradients, *kept))
        if not isinstance(rows[0], (tuple, list)) or len(rows[0]) != 1 + len(kept):
            raise TypeError(
                f"the function that {type(self).__name__}.rule returns must return a tuple, "
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
            >>> class Normalized(Optimizer):
            ...     def rule(self, lr, sqrt):
            ...         return lambda p, g: (p - lr * g / sqrt(1 + g * g),)
            >>> p = Value(1.0)
            >>> p.grad = 0.75
            >>> Normalized([p], lr=1.0).step()
            >>> p.data
            0.4
        """
        raise NotImplementedError

    # --- What an optimizer remembers: steps, state, and in subclasses whatever their attributes hold ------------------

    @property
    def moves_by_rule(self) -> bool:
        """Whether `rule` is all there is to a step: neither `step` nor `update` is overridden."""
        return type(self).update is Optimizer.update and type(self).step is Optimizer.step

    def settings(self) -> dict[str, Any]:
        """What the rule may depend on besides the learning rate, the steps and the state."""
        return {name: setting for name, setting in vars(self).items() if name not in ("lr", "steps", "state")}

    def snapshot(self, **changed: Any) -> OptimizerSnapshot:
        """The optimizer as it is now, except for the attributes given; the inverse of `restore`."""
        attributes = vars(self) | changed
        return OptimizerSnapshot(attributes, [(held, held.copy()) for held in _containers(attributes)])

    def restore(self, snapshot: OptimizerSnapshot) -> None:
        """Go back to a snapshot. Containers are changed in place, because others may hold references to them."""
        self.__dict__ = dict(snapshot.attributes)
        for container, content in snapshot.contents:
            if hasattr(container, "clear"):
                container.clear()
                (container.update if hasattr(container, "update") else container.extend)(content)
            else:
                container[...] = content

    def state_dict(self) -> dict[str, Any]:
        """The steps taken and the numbers kept for each parameter, to continue training later."""
        kept = {name: list(numbers) for name, numbers in self.state.items()}
        return {"kind": type(self).__name__, "steps": self.steps, "state": kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            ValueError: it belongs to another kind of optimizer, other settings or other parameters. Nothing is changed
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
        steps, kept = integer(state["steps"], "steps", at_least=0), {}
        if type(self).update is Optimizer.update and (steps or state["state"]):
            what = f"the state does not fit this {type(self).__name__}"
            check_names(what, self.kept, state["state"], "Make the optimizer with the settings it had")
        for name, numbers in state["state"].items():
            if not hasattr(numbers, "__len__") or isinstance(numbers, str):
                raise TypeError(f"{name} wants a list of numbers, one for each parameter, got {numbers!r:.100}")
            if len(numbers) != len(self.parameters):
                raise ValueError(f"{name} has {len(numbers)} numbers, the optimizer {len(self.parameters)} parameters")
            kept[name] = [to_float(x, f"{name}[{k}]") for k, x in enumerate(numbers)]
        self.steps, self.state = steps, kept

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self.parameters)} parameters, lr={self.learning_rate:g}, steps={self.steps})"
        )


class OptimizerSnapshot(NamedTuple):
    """An optimizer as it was."""

    attributes: dict[str, Any]
    contents: list[tuple[Any, Any]]  # each list, dict, set and array among the attributes, and a copy of it

    @property
    def steps(self) -> int:
        """How many it had taken."""
        return self.attributes["steps"]  # type: ignore[no-any-return]

    def contents_changed(self) -> bool:
        """Whether something was put into a container, or taken out of it."""
        return any(as_list(container) != as_list(content) for container, content in self.contents)


_WITHOUT_CONTENTS = {Value, float, int, bool, str, type(None)}


def _containers(attributes: dict[str, Any]) -> list[Any]:
    """The lists, dicts, sets and arrays among attributes, and those in them; not those in other objects."""
    found: dict[int, Any] = {}
    waiting = list(attributes.values())
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, (list, dict, set, deque, tuple)) and id(thing) not in found:
            parts = thing.values() if isinstance(thing, dict) else thing
            if not _WITHOUT_CONTENTS.issuperset(map(type, parts)):
                waiting += parts
            found[id(thing)] = thing
        elif isinstance(thing, bytearray) or (hasattr(thing, "setflags") and thing.flags.writeable):
            found[id(thing)] = thing
    return [thing for thing in found.values() if not isinstance(thing, tuple)]


def in_a_list(parameters: Iterable[Value], name: str) -> list[Value]:
    """Parameters in a list, if they are Values."""
    if isinstance(parameters, Value):
        raise TypeError(f"{name} wants Values in a list, got one Value: write [v]")
    if not hasattr(parameters, "__iter__"):
        raise TypeError(f"{name} wants Values in a list, got {parameters!r:.100}: write model.parameters()")
    values = list(parameters)
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{name} moves leaf Values, got {value!r:.100}: write model.parameters()")
    return values
