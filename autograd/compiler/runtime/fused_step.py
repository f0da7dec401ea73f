"""Training in native code: a step computes the loss of a batch and its gradient, and moves the parameters by a rule.

It buys 40 times the speed of benchmarks/RESULTS.md, "demo, fit, one step with momentum": beside the same loss and
gradient in native code, after which the optimizer moves the parameters as Values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.compiler.arguments import address
from autograd.compiler.codegen.argument_block import OUTPUTS, PARAMETERS
from autograd.compiler.runtime.argument_block import ArgumentBlock
from autograd.compiler.runtime.executable import Executable
from autograd.graph import read_data


class FusedStep:
    """Steps that stay in arrays: the parameters, their gradients, and what the rule keeps of each parameter it moves.

    There are two sets of arrays, which take turns: a step reads one and writes the other. It has been taken once `done`
    says so, in one assignment: whatever interrupts a step, the outcome of the last whole one is untouched.

    `loss` computes the loss of a batch and the gradients of all parameters, of which the first are moved. `update`
    computes from these, their gradients and what is kept of each, with the learning rate and the number of steps the
    same for all: what is kept, and where the parameters go.
    """

    def __init__(self, loss: Executable, update: Executable, parameters: int, moved: int) -> None:
        self._settings = np.zeros(2, loss.dtype)
        self._batch = loss.built.layout.batches[0]
        self._captured = loss.captured
        self._sets = [_Set(loss, update, parameters, moved, self._settings) for _ in range(2)]
        for own, other in zip(self._sets, reversed(self._sets)):
            own.moving.words[update.built.layout.batches[0].word + OUTPUTS] = address(other.all)
        self._codes = loss.built.code, update.built.code  # they own the memory that the functions are in
        self._compute, self._update = loss.built.code.run, update.built.code.run
        self.done = 0, 0  # which set's turn it is, and how many steps were taken

    def start(self, numbers: Sequence[float], gradients: Sequence[float], kept: Sequence[Any], steps: int) -> None:
        """Continue from the numbers and gradients of all parameters, after `steps` steps.

        For each thing that is kept, `kept` has its numbers for every parameter that is moved; 0 stands for zeros.
        """
        outside = read_data(self._captured)
        for own in self._sets:
            own.numbers[:], own.gradients[:], own.outside[:] = numbers, gradients, outside
            for row, values in zip(own.kept, kept):
                row[:] = values
        self.done = 0, steps

    @property
    def outcome(self) -> tuple[Any, Any, Any, int]:
        """What the last whole step left: parameters, gradients, what is kept, and the number of steps taken."""
        turn, steps = self.done
        return self._sets[turn].numbers, self._sets[1 - turn].gradients, self._sets[turn].kept, steps

    @property
    def gradients(self) -> Any:
        """The gradients that `loss` has computed, and `move` will move by."""
        return self._sets[self.done[0]].gradients

    def loss(self, batch: tuple[Any, ...]) -> Any:
        """The loss of a batch, and what else is summed up, in an array that the next call but one overwrites.

        The tables of the batch are arrays without gaps of the type of the loss; a tuple is known again as a batch.
        """
        own = self._sets[self.done[0]]
        if own.batch is not batch:
            own.batch = ()  # bind before remembering, so that Ctrl-C in between is harmless
            own.computing.bind(self._batch, [address(table) for table in batch], len(batch[0]))
            own.batch = batch  # which keeps it where it is
        self._compute(own.computing.address)
        return own.computing.results

    def move(self, learning_rate: float) -> float:
        """Move the parameters, and the step is done: the sum of the squares of those that were moved."""
        turn, steps = self.done
        own = self._sets[turn]
        self._settings[0], self._settings[1] = learning_rate, steps
        self._update(own.moving.address)
        self.done = 1 - turn, steps + 1
        return own.moving.results.item(0)  # type: ignore[no-any-return]


class _Set:
    """One of the two sets of arrays, and the argument blocks of loss (`computing`) and update (`moving`) on them.

    All are one array: optimizer state, then the parameters, those that are moved first, as the update writes it, then
    the other numbers that the loss uses.
    """

    def __init__(self, loss: Executable, update: Executable, parameters: int, moved: int, settings: Any) -> None:
        things = update.outputs - 1
        self.all = np.zeros(things * moved + parameters + len(loss.captured), loss.dtype)
        self.kept = self.all[: things * moved].reshape(things, moved)
        self.numbers = self.all[things * moved :][:parameters]
        self.outside = self.all[things * moved + parameters :]
        self.computing = ArgumentBlock(loss.built.layout, loss.constants)
        self.computing.words[PARAMETERS] = address(self.numbers)
        self.batch: tuple[Any, ...] = ()  # the tables that the loss is bound to
        self.gradients = self.computing.sums[:parameters]
        self.moving = ArgumentBlock(update.built.layout, update.constants)
        self.moving.words[PARAMETERS] = address(settings)
        tables = [self.numbers, self.gradients, *self.kept]
        self.moving.bind(update.built.layout.batches[0], [address(table) for table in tables], moved)
