"""Steps on Values: every batch is a graph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import autograd
from autograd import collector_paused
from nn.train.evaluate import decide, mean_loss_and_share, numbers_of
from nn.train.examples import as_list
from nn.train.optimizers import clip_grad_norm
from nn.train.task import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nn.train.task import Task


class EagerSteps:
    """Steps that are what one writes by hand: forward, backward, update."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.X = as_list(task.examples.X)
        self.read()

    def batches(self, order: list[int] | None, size: int) -> Iterator[tuple[Any, int]]:
        """`size` examples at a time in this order, None for the order they were given in, and how many there are."""
        X, y = self.X, self.task.examples.y
        if order is None:
            yield (X, y), len(y)
            return
        for start in range(0, len(order), size):
            some = order[start : start + size]
            yield ([X[k] for k in some], [y[k] for k in some]), len(some)

    def step(self, batch: tuple[Sequence[Any], Sequence[Any]], rate: float) -> tuple[float, int]:
        """Forward, backward, update at this rate. Returns the loss before it, and how many examples were right."""
        task, (X, y) = self.task, batch
        with collector_paused():
            task.model.zero_grad()
            outputs = [task.model(x) for x in X]
            cost = autograd.mean([task.loss(output, target) for output, target in zip(outputs, y)])
            if task.l2:
                cost = cost + task.l2 * autograd.dot(task.parameters, task.parameters)
            if math.isfinite(cost.data):
                cost.backward()
                if task.clip_norm is not None:
                    clip_grad_norm(task.parameters, task.clip_norm)
                task.optimizer.step_at(rate)
                self.read()
            return cost.data, sum(decide(task.loss, numbers_of(z)) == t for z, t in zip(outputs, y))

    def parameters_are_finite(self) -> bool:
        """Whether no parameter has become nan or infinite."""
        return all(math.isfinite(p.data) for p in self.task.parameters)

    def validate(self) -> tuple[float, float] | None:
        """The mean loss over the validation examples and the share that is right; None where there are none."""
        task = self.task
        return task.validation and mean_loss_and_share(task.model, task.loss, task.validation)

    def resume(self) -> None:
        """Continue after a callback, which may have changed anything."""
        self.read()

    def write(self) -> None:
        """Put what the last whole step left where others can see it: parameters, gradients, optimizer."""
        self._after_step.restore()

    def read(self) -> None:
        """Take parameters, gradients and optimizer as they are now."""
        self._after_step = Snapshot.of(self.task)
