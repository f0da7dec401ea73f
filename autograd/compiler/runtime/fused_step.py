"""Training in native code: a step computes the loss of a batch and its gradient, and moves the parameters by a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiler.arguments import address
from autograd.compiler.codegen.argument_block import OUTPUTS, PARAMETERS
from autograd.compiler.runtime.argument_block import ArgumentBlock
from autograd.graph import read_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.compiler.runtime.executable import Executable


class FusedStep:
    """Steps that stay in arrays: the parameters, their gradients, and what the rule keeps of each parameter it moves.

    There are two sets of arrays, which take turns: a step reads one and writes the other. It has been taken once `done`
    says so, in one assignment: whatever interrupts a step, the outcome of the last whole one is untouched.

    Args:
        loss: computes the loss of a batch and the gradients of all parameters.
        update: computes from the parameters that are moved, their gradients and what is kept of each, with the learning
            rate and the number of steps the same for all: what is kept, and where the parameters go.
        parameters: how many there are.
        moved: how many are moved, the first.

    Attributes:
        done: which set's turn it is, and how many steps were taken.
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
        self.done = 0, 0

    def start(self, numbers: Sequence[float], gradients: Sequence[float], kept: Sequence[Any], steps: int) -> None:
        """Go on from here.

        Args:
            numbers, gradients: of all parameters.
            kept: for each thing that is kept its numbers, for every parameter that is moved; 0 stands for zeros.
            steps: how many were taken.
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
        """Compute the loss of a batch and its gradient.

        Args:
            batch: its tables, arrays without gaps of the type of the loss, an example to a row; another tuple for
                another batch, by which it is known again.

        Returns:
            The loss, and what else is summed up, in an array that the next call but one overwrites.
        """
        own = self._sets[self.done[0]]
        if own.batch is not batch:
            own.batch = ()  # Ctrl-C on the way leaves no batch that is known and not bound
            own.computing.bind(self._batch, [address(table) for table in batch], len(batch[0]))
            own.batch = batch  # which keeps it where it is
        self._compute(own.computing.address)
        return own.computing.results

    def move(self, learning_rate: float) -> float:
        """Move the parameters: the step is done.

        Returns:
            The sum of the squares of the parameters that were moved.
        """
        turn, steps = self.done
        own = self._sets[turn]
        self._settings[0], self._settings[1] = learning_rate, steps
        self._update(own.moving.address)
        self.done = 1 - turn, steps + 1
        return own.moving.results.item(0)  # type: ignore[no-any-return]


class _Set:
    """The arrays of one turn, and the argument blocks of the code that reads them.

    Attributes:
        all: what is kept, then the parameters, those that are moved first, as the update writes it, then the other
            numbers that the loss uses.
        computing, moving: the argument blocks of loss and update.
        batch: the tables that `computing` knows of.
    """

    def __init__(self, loss: Executable, update: Executable, parameters: int, moved: int, settings: Any) -> None:
        things = update.outputs - 1
        self.all = np.zeros(things * moved + parameters + len(loss.captured), loss.dtype)
        self.kept = self.all[: things * moved].reshape(things, moved)
        self.numbers = self.all[things * moved :][:parameters]
        self.outside = self.all[things * moved + parameters :]
        self.computing = ArgumentBlock(loss.built.layout, loss.constants)
        self.computing.words[PARAMETERS] = address(self.numbers)
        self.batch: tuple[Any, ...] = ()
        self.gradients = self.computing.sums[:parameters]
        self.moving = ArgumentBlock(update.built.layout, update.constants)
        self.moving.words[PARAMETERS] = address(settings)
        tables = [self.numbers, self.gradients, *self.kept]
        self.moving.bind(update.built.layout.batches[0], [address(table) for table in tables], moved)
