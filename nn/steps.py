"""How a training takes its steps: on Values, or on arrays with gradients from native code.

`EagerSteps` and `CompiledSteps` have the same face, and `fit` does not know which it works with. While steps are
compiled parameters, gradients and the optimiser's state are arrays; `write` puts them where others can see them, `read`
fetches what others have made of them.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import autograd
from autograd import Value, collector_paused, no_grad
from autograd.modes import is_checking, is_recording
from nn.losses import are_right, decide
from nn.optimisers import Optimizer, as_list, clip_grad_norm, shrinking_factor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nn.losses import Loss
    from nn.optimisers import State


WITHOUT_COMPILER = (
    'llvmlite is not installed, with which training is hundreds of times faster: pip install "chainrule[compile]"'
)


class Task(NamedTuple):
    """What a training works on, checked: examples are a pair of inputs and targets, one each."""

    model: Any
    loss: Loss
    parameters: list[Value]
    optimizer: Optimizer
    examples: tuple[list[Any], list[Any]]
    validation: tuple[list[Any], list[Any]] | None
    l2: float
    clip_norm: float | None


class Snapshot(NamedTuple):
    """What a training changes: parameters, their gradients and the optimiser.

    Attributes:
        numbers, gradients: of the parameters, lists or arrays.
        steps, state: of the optimiser.
        in_arrays: whether the state is in arrays that are not the optimiser's own.
    """

    numbers: Any
    gradients: Any
    steps: int
    state: State
    in_arrays: bool = False

    @staticmethod
    def of(parameters: Sequence[Value], optimizer: Optimizer) -> Snapshot:
        numbers, gradients = [p.data for p in parameters], [p.grad for p in parameters]
        return Snapshot(numbers, gradients, optimizer.steps, optimizer.state)

    def restore(self, parameters: Sequence[Value], optimizer: Optimizer) -> None:
        for parameter, number, gradient in zip(parameters, as_list(self.numbers), as_list(self.gradients)):
            parameter._data, parameter._grad = number, gradient
        optimizer.steps, optimizer.state = self.steps, self.state
        if self.in_arrays:
            optimizer.state = {name: as_list(kept) for name, kept in self.state.items()}


class EagerSteps:
    """Steps on Values: every batch is a graph."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def batches(self, order: list[int] | None, size: int) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
        """Inputs and targets of so many examples at a time in this order; None for all as they were given."""
        inputs, targets = self.task.examples
        if order is None:
            yield inputs, targets
            return
        for start in range(0, len(order), size):
            some = order[start : start + size]
            yield [inputs[k] for k in some], [targets[k] for k in some]

    def step(self, inputs: Sequence[Any], targets: Sequence[Any]) -> tuple[float, int]:
        """Forward, backward, update. Returns the loss before the update, and how many examples were right."""
        task = self.task
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
                task.optimizer.step()
            return cost.data, sum(decide(task.loss, numbers_of(z)) == t for z, t in zip(outputs, targets))

    def parameters_are_finite(self) -> bool:
        return all(math.isfinite(p.data) for p in self.task.parameters)

    def validate(self) -> tuple[float, float] | None:
        """The mean loss over the validation examples and the share that is right; None where there are none."""
        task = self.task
        return task.validation and mean_loss_and_share(task.model, task.loss, *task.validation)

    def snapshot(self) -> Snapshot:
        return Snapshot.of(self.task.parameters, self.task.optimizer)

    def write(self) -> None:
        """Values and optimiser are what the steps work on: they are up to date."""

    def read(self) -> None:
        """Likewise."""


class CompiledSteps:
    """Steps on arrays: the loss of a batch and its gradient come from native code, everything else from NumPy.

    Model and loss are recorded once, and run once more on the first example, to see that the recording says the same.

    Raises:
        ModuleNotFoundError: llvmlite or NumPy is missing.
        CompileError: model or loss cannot be recorded.
    """

    def __init__(self, task: Task) -> None:
        def one_example(x: Any, y: Any) -> tuple[Value, Any]:
            output = task.model(as_list(x))
            cost = task.loss(output, as_list(y))
            if not self.classifies:
                return cost, cost
            return cost, list(output) if isinstance(output, tuple) else output

        self.task = task
        self.classifies = decide(task.loss, [0.0, 0.0]) is not None
        self.function = autograd.compile(one_example, task.parameters, has_aux=True)
        import numpy

        self.numpy = numpy
        self.vector: Any = None
        self.gradient: Any = None
        self.finite = True
        self.arrays = self._as_arrays(*task.examples)
        self.validation = task.validation and self._as_arrays(*task.validation)
        kind, where = type(task.optimizer), {p: k for k, p in enumerate(task.parameters)}
        self.moves_arrays = kind.update is Optimizer.update and kind.step is Optimizer.step
        places = [where[p] for p in task.optimizer.parameters]
        self.places = None if places == list(range(len(where))) else places
        self._compare()
        self.read()
        if self.moves_arrays:
            self._moved(lr=0.0)  # whether the rule can take arrays

    def _as_arrays(self, inputs: list[Any], targets: list[Any]) -> tuple[Any, Any]:
        return self.numpy.array(inputs, dtype=float), self.numpy.array(targets, dtype=float)

    def _compare(self) -> None:
        """See that the recording gives the loss of the first example: it does not where there is chance in it."""
        self.read_parameters()
        inputs, targets = self.arrays
        (compiled, _), _ = self.function.flat(self.vector, inputs[:1], targets[:1])
        if self.validation is not None:
            self.function.evaluate(*[numbers[:1] for numbers in self.validation])
        with no_grad():
            eager = self.task.loss(self.task.model(self.task.examples[0][0]), self.task.examples[1][0]).data
        if not math.isclose(compiled, eager, rel_tol=1e-6, abs_tol=1e-9) and math.isfinite(eager):
            raise autograd.CompileError(
                f"the loss of the first example is {eager}, recorded it was {compiled}: "
                f"model and loss want to compute the same from the same numbers each time, without chance or memory"
            )

    def batches(self, order: list[int] | None, size: int) -> Iterator[tuple[Any, Any]]:
        if order is None:
            yield self.arrays  # the same arrays each time, which the native code knows again
            return
        inputs, targets = (numbers[order] for numbers in self.arrays)
        for start in range(0, len(order), size):
            yield inputs[start : start + size], targets[start : start + size]

    def step(self, inputs: Any, targets: Any) -> tuple[float, int]:
        task, vector = self.task, self.vector
        (cost, outputs), gradient = self.function.flat(vector, inputs, targets)
        with self.numpy.errstate(all="ignore"):  # the training itself looks for inf and nan
            if task.l2:
                cost += task.l2 * float(vector.dot(vector))
                gradient = gradient + 2 * task.l2 * vector
            if math.isfinite(cost):
                if task.clip_norm is not None:
                    gradient = gradient * shrinking_factor(_norm(gradient), task.clip_norm)
                self.gradient = gradient
                self._move()
                moved = self.vector
                self.finite = math.isfinite(moved.dot(moved)) or bool(self.numpy.isfinite(moved).all())
        return cost, self._right(outputs, targets)

    def _move(self) -> None:
        optimizer = self.task.optimizer
        if self.moves_arrays:
            self.vector, optimizer.state = self._moved(optimizer.learning_rate)
            optimizer.steps += 1
        else:
            self.write()
            optimizer.step()
            self.read_parameters()

    def _moved(self, lr: float) -> tuple[Any, State]:
        """Where the optimiser's rule takes the parameters, and its new state."""
        if self.places is None:
            return self.task.optimizer.update(self.vector, self.gradient, lr)
        vector = self.vector.copy()
        vector[self.places], state = self.task.optimizer.update(vector[self.places], self.gradient[self.places], lr)
        return vector, state

    def _right(self, outputs: Any, targets: Any) -> int:
        if not self.classifies:
            return 0
        return int(self.numpy.count_nonzero(are_right(self.task.loss, outputs, targets)))

    def parameters_are_finite(self) -> bool:
        return self.finite

    def validate(self) -> tuple[float, float] | None:
        if self.validation is None:
            return None
        self.write_parameters()
        inputs, targets = self.validation
        losses, outputs = self.function.evaluate(inputs, targets)
        share = self._right(outputs, targets) / len(inputs) if self.classifies else math.nan
        return float(losses.sum()) / len(inputs), share

    def snapshot(self) -> Snapshot:
        optimizer = self.task.optimizer
        return Snapshot(self.vector, self.gradient, optimizer.steps, optimizer.state, self.moves_arrays)

    def write(self) -> None:
        """Parameters, gradients and optimiser, for others to see."""
        self.snapshot().restore(self.task.parameters, self.task.optimizer)

    def read(self) -> None:
        """Parameters, gradients and optimiser, as others have left them."""
        self.read_parameters()
        self.gradient = self.numpy.array([p._grad for p in self.task.parameters])
        if self.moves_arrays:
            state = self.task.optimizer.state
            self.task.optimizer.state = {name: self.numpy.array(kept) for name, kept in state.items()}

    def write_parameters(self) -> None:
        for parameter, number in zip(self.task.parameters, self.vector.tolist()):
            parameter._data = number

    def read_parameters(self) -> None:
        self.vector = self.numpy.array([p._data for p in self.task.parameters])


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
    note, before = why_not_compiled(), Snapshot.of(task.parameters, task.optimizer)
    if not note:
        try:
            return CompiledSteps(task), ""
        except Exception as error:  # whatever it is, where it matters it will come again on Values
            before.restore(task.parameters, task.optimizer)
            note = f"{type(error).__name__}: {error}"
    return EagerSteps(task), note


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


def mean_loss_and_share(model: Any, loss: Loss, inputs: list[Any], targets: list[Any]) -> tuple[float, float]:
    """The mean loss over examples, and the share that is right; nan where the loss is not for classes."""
    with no_grad():
        outputs = [model(x) for x in inputs]
        total = sum([loss(output, target).data for output, target in zip(outputs, targets)])
    decisions = [decide(loss, numbers_of(output)) for output in outputs]
    n = len(inputs)
    share = math.nan if decisions[0] is None else sum(d == t for d, t in zip(decisions, targets)) / n
    return total / n, share


def numbers_of(output: Any) -> list[float]:
    """What a network returned, as floats."""
    values = output if isinstance(output, (list, tuple)) else [output]
    return [value.data if isinstance(value, Value) else float(value) for value in values]


def _norm(vector: Any) -> float:
    """The Euclidean norm; without overflow, which takes longer, where that could matter."""
    norm = math.sqrt(vector.dot(vector))
    return norm if 1e-100 < norm < 1e100 else math.hypot(*vector.tolist())
