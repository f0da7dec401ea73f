"""Steps in native code, on arrays: the loss of a batch, its gradient, and the optimizer's rule.

They have the same methods as `EagerSteps`, documented there. Parameters, gradients and what the optimizer keeps are
arrays; `write` puts them where a callback can see them, `read` fetches what it has made of them.

They buy that an epoch of the command line's digits takes about 1.2 ms, not 1.2 s.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import autograd
from autograd import no_grad
from autograd.graph import read_data, write_data, write_grads
from nn.train.evaluate import is_for_classes, is_right
from nn.train.examples import as_list
from nn.train.optimizers import shrinking_factor
from nn.train.task import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograd import Value
    from nn.train.examples import Examples
    from nn.train.task import Task


class CompiledSteps:
    """Steps whose loss, gradients and, where it can be recorded, optimizer's rule are compiled.

    Model and loss are recorded once, and run once more on the first example, to see that the recording says the same.
    An optimizer whose rule cannot be recorded moves the Values itself. A CompileError says why the others cannot be.
    """

    def __init__(self, task: Task) -> None:
        moved = set(task.optimizer.parameters)
        self.parameters = [*task.optimizer.parameters, *(p for p in task.parameters if p not in moved)]
        self.task, self.task_in_order = task, task._replace(parameters=self.parameters)
        self.classifies = is_for_classes(task.loss)
        self.function = autograd.compile(
            self.loss_of_example, self.parameters, has_aux="sum" if self.classifies else False
        )
        self.whole_batch = _as_arrays(task.examples)
        self.validation = task.validation and _as_arrays(task.validation)
        self.of_each = autograd.compile(self._loss_and_right, self.parameters)
        self._compare()
        self.settings: dict[str, Any] = {}
        self.after_step = Snapshot.of(self.task_in_order)
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

    def _compare(self) -> None:
        """See that the recording gives the loss of the first example: it does not where chance plays a part."""
        task, numbers = self.task, read_data(self.parameters)
        result, _ = self.function.flat(numbers, *[array[:1] for array in self.whole_batch])
        compiled = result[0] if self.classifies else result
        if self.validation:
            self.of_each.evaluate(*[array[:1] for array in self.validation])
        with no_grad():
            eager = task.loss(task.model(as_list(task.examples.X[0])), task.examples.y[0]).data
        eager += task.l2 * sum([number * number for number in numbers])
        if not math.isclose(compiled, eager, rel_tol=1e-6, abs_tol=1e-9) and math.isfinite(eager):
            raise autograd.CompileError(
                f"the loss of the first example is {eager}, recorded it was {compiled}: "
                f"model and loss must compute the same from the same numbers each time, without chance or memory"
            )

    def _record_rule(self) -> None:
        """Make the steps, by the optimizer's rule as it is now; where that cannot be recorded they move nothing."""
        optimizer, moved = self.task.optimizer, len(self.task.optimizer.parameters)
        recorded, before = copy.copy(optimizer), optimizer.snapshot()

        def rule(lr: Value, steps: Value, *of_parameter: Value) -> tuple[Any, ...]:
            recorded.steps = steps  # type: ignore[assignment]
            return recorded.rule(lr, autograd.sqrt)(*of_parameter)  # type: ignore[arg-type]

        self.rule_is_native = optimizer.moves_by_rule
        if self.rule_is_native:
            try:
                self.fused_step = self.function.fused_step(rule, len(optimizer.kept), moved, *self.whole_batch)
            except (TypeError, ValueError, ArithmeticError):
                self.rule_is_native = False  # it looks at numbers
            else:  # a rule may have a memory that is not in the state: it does not move by arithmetic alone then
                has_memory = recorded.settings() != optimizer.settings() or before.contents_changed()
                self.rule_is_native = not has_memory
            optimizer.restore(before)
        if not self.rule_is_native:
            self.fused_step = self.function.fused_step(lambda lr, steps, p, g: (p,), 0, moved, *self.whole_batch)  # noqa: ARG005

    def batches(self, order: list[int] | None, size: int) -> Iterator[tuple[Any, int]]:
        if order is None:
            yield self.whole_batch, len(self.whole_batch[0])
            return
        X, y = [array[order] for array in self.whole_batch]
        for start in range(0, len(order), size):
            batch = X[start : start + size], y[start : start + size]
            yield batch, len(batch[0])

    def step(self, batch: tuple[Any, Any], rate: float) -> tuple[float, int]:
        fused_step, optimizer, clip_norm = self.fused_step, self.task.optimizer, self.task.clip_norm
        sums = fused_step.loss(batch)
        cost: float = sums.item(0)
        if math.isfinite(cost):
            if clip_norm is not None:
                gradients = fused_step.gradients
                gradients *= shrinking_factor(_norm(gradients), clip_norm)
            if self.rule_is_native:
                self.squares = fused_step.move(rate)
                optimizer.steps += 1
            else:
                self._move_values(rate)
        return cost, int(sums.item(1)) if self.classifies else 0

    def _move_values(self, rate: float) -> None:
        """Have the optimizer move the Values."""
        write_data(self.parameters, self.fused_step.outcome[0].tolist())
        write_grads(self.parameters, self.fused_step.gradients.tolist())
        self.task.optimizer.step_at(rate)
        self.read()
        self.squares = math.nan  # not known

    def parameters_are_finite(self) -> bool:
        return math.isfinite(self.squares) or all(map(math.isfinite, self.fused_step.outcome[0].tolist()))

    def validate(self) -> tuple[float, float] | None:
        if not self.validation:
            return None
        write_data(self.parameters, self.fused_step.outcome[0].tolist())
        result = self.of_each.evaluate(*self.validation)
        losses, right = result if self.classifies else (result, None)
        n = len(losses)
        return float(losses.sum()) / n, math.nan if right is None else float(right.sum()) / n

    def resume(self) -> None:
        """Continue after a callback: model and loss, too, may do something else now."""
        changed = [function.look_again() for function in (self.function, self.of_each)]
        if any(changed):
            self._compare()
            self._record_rule()
        self.read()

    def write(self) -> None:
        optimizer = self.task.optimizer
        numbers, gradients, kept, steps = self.fused_step.outcome
        if self.rule_is_native and steps > self.after_step.optimizer.steps:
            moved = optimizer.snapshot(steps=steps, state=dict(zip(optimizer.kept, kept.tolist())))
            self.after_step = Snapshot(self.task_in_order, numbers.tolist(), gradients.tolist(), moved)
        self.after_step.restore()

    def read(self) -> None:
        optimizer = self.task.optimizer
        if self.settings != optimizer.settings():
            self.settings = optimizer.settings()
            self._record_rule()
        self.after_step = Snapshot.of(self.task_in_order)
        kept = [optimizer.state.get(name) or 0.0 for name in optimizer.kept] if self.rule_is_native else []
        gradients = [0.0 if gradient is None else gradient for gradient in self.after_step.gradients]
        self.fused_step.start(self.after_step.numbers, gradients, kept, optimizer.steps)


def _as_arrays(examples: Examples) -> tuple[Any, Any]:
    import numpy

    return numpy.asarray(examples.X, dtype=float), numpy.array(examples.y, dtype=float)


def _norm(vector: Any) -> float:
    """The Euclidean norm; without overflow, which takes longer, where that could matter."""
    from numpy import errstate

    with errstate(over="ignore", under="ignore"):
        norm = math.sqrt(vector.dot(vector))
    return norm if 1e-100 < norm < 1e100 else math.hypot(*vector.tolist())
