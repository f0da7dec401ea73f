"""What a training works on, and how it puts everything back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.graph import read_data, read_grads, write_data, write_grads

if TYPE_CHECKING:
    from autograd import Value
    from nn.losses import LossFunction
    from nn.train.examples import Examples
    from nn.train.optimizer import Optimizer, OptimizerSnapshot


class Task(NamedTuple):
    """What one call of `fit` was given, checked."""

    model: Any
    loss: LossFunction
    parameters: list[Value]
    optimizer: Optimizer
    examples: Examples
    validation: Examples | None
    l2: float
    clip_norm: float | None


class Snapshot(NamedTuple):
    """What a training changes, as it was: the numbers in the task's parameters, their gradients, and its optimizer."""

    task: Task
    numbers: list[float]
    gradients: list[float | None]
    optimizer: OptimizerSnapshot

    @staticmethod
    def of(task: Task) -> Snapshot:
        """As they are now."""
        return Snapshot(task, read_data(task.parameters), read_grads(task.parameters), task.optimizer.snapshot())

    def restore(self) -> None:
        """Put everything back."""
        write_data(self.task.parameters, self.numbers)
        write_grads(self.task.parameters, self.gradients)
        self.task.optimizer.restore(self.optimizer)
