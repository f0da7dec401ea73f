"""How a training takes its steps: on Values, or on arrays with gradients from native code.

`EagerSteps` and `CompiledSteps` have the same face, and `fit` does not know which it works with. Compiled, parameters,
gradients and the optimiser's state are arrays; `write` puts them where others can see them, `read` fetches what others
have made of them.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import autograd
from autograd import Value, collector_paused, no_grad
from autograd.extras import how_to_install
from autograd.modes import is_checking, is_recording
from autograd.primitives import to_float
from nn.train.criterion import decide, is_for_classes, is_right
from nn.train.optimizers import Optimizer, clip_grad_norm, shrinking_factor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nn.losses import LossFunction


WITHOUT_COMPILER = (
    f"llvmlite is not installed, with which training is hundreds of times faster: {how_to_install('compile')}"
)


class Task(NamedTuple):
    """What a training works on, checked: examples are a pair of inputs and targets, one each."""

    model: Any
    loss: LossFunction
    parameters: list[Value]
    optimizer: Optimizer
    examples: tuple[list[Any], list[Any]]
    validation: tuple[list[Any], list[Any]] | None
    l2: float
    clip_norm: float | None

    def as_it_is(self) -> Callable[[], None]:
        """A function that puts everything back as it is now."""
        return partial(Snapshot.of(self.parameters, self.optimizer).restore, self.parameters, self.optimizer)


class Snapshot(NamedTuple):
    """What a training changes: parameters, their gradients and the optimiser, whatever it keeps and wherever.

    Attributes:
        numbers, gradients: of the parameters.
        attributes: of the optimiser.
        contents: each list, dict, set and array among them, and a copy of what was in it.
    """

    numbers: list[float]
    gradients: list[float]
    attributes: dict[str, Any]
    contents: list[tuple[Any, Any]]

    @staticmethod
    def of(parameters: Sequence[Value], optimizer: Optimizer) -> Snapshot:
        numbers, gradients = [p.data for p in parameters], [p._grad for p in parameters]
        attributes = dict(vars(optimizer))
        return Snapshot(numbers, gradients, attributes, [(it, it.copy()) for it in _containers(attributes)])

    @property
    def steps(self) -> int:
        """How many the optimiser had taken."""
        return self.attributes["steps"]  # type: ignore[no-any-return]

    def restore(self, parameters: Sequence[Value], optimizer: Optimizer) -> None:
        """Put everything back. Containers stay the ones they are, for others may know them."""
        for parameter, number, gradient in zip(parameters, self.numbers, self.gradients):
            parameter._data, parameter._grad = number, gradient
        optimizer.__dict__ = dict(self.attributes)
        for container, content in self.contents:
            if hasattr(container, "clear"):
                container.clear()
                (container.update if hasattr(container, "update") else container.extend)(content)
            else:
                container[...] = content

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


class EagerSteps:
    """Steps on Values: every batch is a graph."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.read()

    def batches(self, order: list[int] | None, size: int) -> Iterator[tuple[Any, int]]:
        """So many examples at a time in this order, None for the order they were given in, and how many there are."""
        inputs, targets = self.task.examples
        if order is None:
            yield self.task.examples, len(targets)
            return
        for start in range(0, len(order), size):
            some = order[start : start + size]
            yield ([inputs[k] for k in some], [targets[k] for k in some]), len(some)

    def step(
        self,
        batch: tuple[Sequence[Any], Sequence[Any]],
        count: int,  # noqa: ARG002
        rate: float,
    ) -> tuple[float, int]:
        """Forward, backward, update at this rate. Returns the loss before it, and how many examples were right."""
        task, (inputs, targets) = self.task, batch
        with collector_paused():
            task.model.zero_grad()
            outputs = [task.model(x) for x in inputs]
            cost = autograd.mean([task.loss(output, target) for output, target in zip(outputs, targets)])
            if task.l2:
                cost = cost + task.l2 * autograd.dot(task.parameters, task.parameters)
            if math.isfinite(cost.data):
                cost.backward()
                if task.clip_norm is not None:
                    clip_grad_norm(task.parameters, task.clip_norm)
                _step_at(rate, task.optimizer)
                self.read()
            return cost.data, sum(decide(task.loss, numbers_of(z)) == t for z, t in zip(outputs, targets))

    def parameters_are_finite(self) -> bool:
        return all(math.isfinite(p.data) for p in self.task.parameters)

    def validate(self) -> tuple[float, float] | None:
        """The mean loss over the validation examples and the share that is right; None where there are none."""
        task = self.task
        return task.validation and mean_loss_and_share(task.model, task.loss, *task.validation)

    def resume(self) -> None:
        """Go on from what others have made of everything."""
        self.read()

    def write(self) -> None:
        """Put what the last whole step left where others can see it: parameters, gradients, optimiser."""
        self._after_step.restore(self.task.parameters, self.task.optimizer)

    def read(self) -> None:
        """Go on from parameters, gradients and optimiser as others have left them."""
        self._after_step = Snapshot.of(self.task.parameters, self.task.optimizer)


class CompiledSteps:
    """Steps on arrays, in native code: the loss of a batch, its gradient, and the optimiser's rule.

    Model and loss are recorded once, and run once more on the first example, to see that the recording says the same.
    An optimiser whose rule cannot be recorded moves the Values itself.

    Raises:
        ModuleNotFoundError: llvmlite or NumPy is missing.
        CompileError: model or loss cannot be recorded.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        moved = set(task.optimizer.parameters)
        self.parameters = [*task.optimizer.parameters, *(p for p in task.parameters if p not in moved)]
        self.classifies = is_for_classes(task.loss)
        self.function = autograd.compile(
            self.loss_of_example, self.parameters, has_aux="sum" if self.classifies else False
        )
        self.examples = self._as_arrays(*task.examples)
        self.whole_batch = _batch(self.examples)
        self.validation = task.validation and self._as_arrays(*task.validation)
        self.of_each = autograd.compile(self._loss_and_right, self.parameters)
        self._compare()
        self.settings: dict[str, Any] = {}
        self.after_step = Snapshot.of(self.parameters, task.optimizer)
        self.squares = 0.0
        self.read()

    def _loss_and_right(self, x: Any, y: Any) -> Any:
        """The loss of an example, in a pair with whether it was right if the loss is for classes."""
        output, target = self.task.model(as_list(x)), as_list(y)
        cost = self.task.loss(output, target)
        if not self.classifies:
            return cost
        return cost, is_right(self.task.loss, output, target)

    def loss_of_example(self, x: Any, y: Any) -> Any:
        task, result = self.task, self._loss_and_right(x, y)
        if not task.l2:
            return result
        penalty = task.l2 * autograd.dot(task.parameters, task.parameters)
        return (result[0] + penalty, result[1]) if self.classifies else result + penalty

    def _as_arrays(self, inputs: list[Any], targets: list[Any]) -> tuple[Any, Any]:
        import numpy

        return numpy.array(inputs, dtype=float), numpy.array(targets, dtype=float)

    def _compare(self) -> None:
        """See that the recording gives the loss of the first example: it does not where there is chance in it."""
        task, vector = self.task, [p._data for p in self.parameters]
        result, _ = self.function.flat(vector, *[numbers[:1] for numbers in self.examples])
        compiled = result[0] if self.classifies else result
        if self.validation:
            self.of_each.evaluate(*[numbers[:1] for numbers in self.validation])
        with no_grad():
            eager = task.loss(task.model(task.examples[0][0]), task.examples[1][0]).data
        eager += task.l2 * sum([p._data * p._data for p in task.parameters])
        if not math.isclose(compiled, eager, rel_tol=1e-6, abs_tol=1e-9) and math.isfinite(eager):
            raise autograd.CompileError(
                f"the loss of the first example is {eager}, recorded it was {compiled}: "
                f"model and loss want to compute the same from the same numbers each time, without chance or memory"
            )

    def _record_rule(self) -> None:
        """Make the steps, by the optimiser's rule as it is now; where that cannot be recorded they move nothing."""
        optimizer, moved = self.task.optimizer, len(self.task.optimizer.parameters)
        kind, recorded, before = type(optimizer), copy.copy(optimizer), Snapshot.of((), optimizer)

        def rule(lr: Value, steps: Value, *of_parameter: Value) -> tuple[Any, ...]:
            recorded.steps = steps  # type: ignore[assignment]
            return recorded.rule(lr, autograd.sqrt)(*of_parameter)  # type: ignore[arg-type]

        self.rule_is_native = kind.update is Optimizer.update and kind.step is Optimizer.step
        if self.rule_is_native:
            try:
                self.descent = self.function.descent(rule, len(optimizer.kept), moved, *self.examples)
            except (TypeError, ValueError, ArithmeticError):
                self.rule_is_native = False  # it asks for numbers
            else:
                has_memory = _settings(recorded) != _settings(optimizer) or before.contents_changed()
                self.rule_is_native = not has_memory
            before.restore((), optimizer)
        if not self.rule_is_native:
            self.descent = self.function.descent(lambda lr, steps, p, g: (p,), 0, moved, *self.examples)  # noqa: ARG005

    def batches(self, order: list[int] | None, size: int) -> Iterator[tuple[Any, int]]:
        if order is None:
            yield self.whole_batch
            return
        examples = [numbers[order] for numbers in self.examples]
        for start in range(0, len(order), size):
            yield _batch([numbers[start : start + size] for numbers in examples])

    def step(self, batch: tuple[int, ...], count: int, rate: float) -> tuple[float, int]:
        descent, optimizer, clip_norm = self.descent, self.task.optimizer, self.task.clip_norm
        sums = descent.loss(batch, count)
        cost: float = sums.item(0)
        if math.isfinite(cost):
            if clip_norm is not None:
                gradients = descent.gradients
                gradients *= shrinking_factor(_norm(gradients), clip_norm)
            if self.rule_is_native:
                self.squares = descent.move(rate)
                optimizer.steps += 1
            else:
                self._move_values(rate)
        return cost, int(sums.item(1)) if self.classifies else 0

    def _move_values(self, rate: float) -> None:
        """Have the optimiser do it."""
        for parameter, number, gradient in zip(
            self.parameters, self.descent.outcome[0].tolist(), self.descent.gradients.tolist()
        ):
            parameter._data, parameter._grad = number, gradient
        _step_at(rate, self.task.optimizer)
        self.read()
        self.squares = math.nan  # not known

    def parameters_are_finite(self) -> bool:
        return math.isfinite(self.squares) or all(map(math.isfinite, self.descent.outcome[0].tolist()))

    def validate(self) -> tuple[float, float] | None:
        if not self.validation:
            return None
        for parameter, number in zip(self.parameters, self.descent.outcome[0].tolist()):
            parameter._data = number
        result = self.of_each.evaluate(*self.validation)
        losses, right = result if self.classifies else (result, None)
        n = len(losses)
        return float(losses.sum()) / n, math.nan if right is None else float(right.sum()) / n

    def resume(self) -> None:
        """Go on from what others have made of everything: model and loss, too, may do something else now."""
        changed = [function.look_again() for function in (self.function, self.of_each)]
        if any(changed):
            self._compare()
            self._record_rule()
        self.read()

    def write(self) -> None:
        optimizer = self.task.optimizer
        numbers, gradients, kept, steps = self.descent.outcome
        if self.rule_is_native and steps > self.after_step.steps:
            changed = {"steps": steps, "state": dict(zip(optimizer.kept, kept.tolist()))}
            self.after_step = Snapshot(numbers.tolist(), gradients.tolist(), vars(optimizer) | changed, [])
        self.after_step.restore(self.parameters, optimizer)

    def read(self) -> None:
        optimizer = self.task.optimizer
        if self.settings != _settings(optimizer):
            self.settings = _settings(optimizer)
            self._record_rule()
        self.after_step = Snapshot.of(self.parameters, optimizer)
        kept = [optimizer.state.get(name) or 0.0 for name in optimizer.kept] if self.rule_is_native else []
        gradients = [p.grad for p in self.parameters]
        self.descent.start(self.after_step.numbers, gradients, kept, optimizer.steps)


def _step_at(rate: float, optimizer: Optimizer) -> None:
    """Have the optimiser take a step at this rate, without asking its schedule, which has given it already."""
    schedule = optimizer.lr
    if not callable(schedule):
        optimizer.step()
        return
    optimizer.lr = given = lambda _: rate
    try:
        optimizer.step()
    finally:
        if optimizer.lr is given:
            optimizer.lr = schedule


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """What the optimiser's rule may depend on besides the learning rate, the steps and what it keeps."""
    return {name: setting for name, setting in vars(optimizer).items() if name not in ("lr", "steps", "state")}


def _batch(arrays: Sequence[Any]) -> tuple[tuple[int, ...], int]:
    """Where the arrays of a batch are, and how many examples it has."""
    return tuple([numbers.ctypes.data for numbers in arrays]), len(arrays[0])


def as_list(numbers: Any) -> Any:
    """An array as a list; anything else as it is."""
    return numbers.tolist() if hasattr(numbers, "tolist") else numbers


def choose_steps(task: Task, compiled: bool | str) -> tuple[EagerSteps | CompiledSteps, str]:
    """The steps to take, and why they are eager, "" where they are compiled.

    Args:
        task: what is trained.
        compiled: True, False, or "auto" for: where that is possible.

    Raises:
        ModuleNotFoundError, CompileError: `compiled` is True, but that is not possible.
    """
    if compiled is False:
        return EagerSteps(task), "compiled=False"
    if compiled is True:
        return CompiledSteps(task), ""
    note, undo = why_not_compiled(), task.as_it_is()
    if not note:
        try:
            return CompiledSteps(task), ""
        except Exception as error:  # whatever it is, where it matters it will come again on Values
            undo()
            note = f"{type(error).__name__}: {error}"
    return EagerSteps(task), note


def resumed(steps: EagerSteps | CompiledSteps, compiled: bool | str) -> tuple[EagerSteps | CompiledSteps, str]:
    """The steps to go on with when others had their hands on everything, and why they are eager now if they were not.

    Raises:
        CompileError: `compiled` is True, but model or loss cannot be recorded any more.
    """
    try:
        steps.resume()
    except Exception as error:  # as in `choose_steps`
        if compiled is True or isinstance(steps, EagerSteps):
            raise
        return EagerSteps(steps.task), f"{type(error).__name__}: {error}"
    return steps, ""


def why_not_compiled() -> str:
    """What stands against compiling here, whatever the model; "" for nothing."""
    if is_checking():
        return "autograd.detect_anomaly() looks at every operation"
    if not is_recording():
        return "autograd.no_grad() is on"
    try:
        for module in ("llvmlite", "llvmlite.binding"):
            import_module(module)
    except ModuleNotFoundError:
        return WITHOUT_COMPILER
    except (ImportError, OSError) as error:
        return f"llvmlite cannot be loaded: {error}"
    return ""


def mean_loss_and_share(model: Any, loss: LossFunction, inputs: list[Any], targets: list[Any]) -> tuple[float, float]:
    """The mean loss over examples, and the share that is right; nan where the loss is not for classes."""
    with no_grad():
        outputs = [model(x) for x in inputs]
        total = sum([loss(output, target).data for output, target in zip(outputs, targets)])
    decisions = [decide(loss, numbers_of(output)) for output in outputs]
    n = len(inputs)
    share = math.nan if decisions[0] is None else sum(d == t for d, t in zip(decisions, targets)) / n
    return total / n, share


def numbers_of(output: Any) -> list[float]:
    """What a network returned, as floats.

    Raises:
        TypeError: it is neither a Value or a number nor a list of them.
    """
    values = as_list(output)
    if not isinstance(values, (list, tuple)):
        values = [values]
    try:
        return [value.data if isinstance(value, Value) else to_float(value, "an output") for value in values]
    except autograd.CompileError:
        raise
    except TypeError:
        raise TypeError(
            f"a model wants to return a Value or a list of Values, it returned {output!r:.100}{_instead(output)}"
        ) from None


def _instead(output: Any) -> str:
    """What a model wants to return instead of this."""
    if output is None:
        return ": is there a return in its __call__?"
    if isinstance(output, dict):
        return ": write list(outputs.values())"
    if hasattr(output, "output"):
        return ": write return model(x) for return model.forward(x)"
    if isinstance(output, (list, tuple)) or hasattr(output, "shape"):
        return ": write one list, not lists in a list"
    return ": write list(outputs)" if hasattr(output, "__iter__") and not isinstance(output, str) else ""


def _norm(vector: Any) -> float:
    """The Euclidean norm; without overflow, which takes longer, where that could matter."""
    from numpy import errstate

    with errstate(over="ignore", under="ignore"):
        norm = math.sqrt(vector.dot(vector))
    return norm if 1e-100 < norm < 1e100 else math.hypot(*vector.tolist())
