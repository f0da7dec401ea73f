"""The executables of a function: made on demand, found by the kind of the arguments, forgotten when outdated.

One is made by recording the function (`recording`), saying what is wanted (`goals`) and building that (`build`). When
something has changed that the function reads (`watch`), it is recorded again, and made again if the program differs.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd.collector import collector_paused
from autograd.compiler import goals
from autograd.compiler.arguments import Arguments, Recent, examples
from autograd.compiler.build import build
from autograd.compiler.codegen.schedule import NeedsSumFirstError
from autograd.compiler.options import Options
from autograd.compiler.passes.reroll import Rerolled, reroll
from autograd.compiler.recording import Recording, trace
from autograd.compiler.runtime import native
from autograd.compiler.runtime.executable import Executable
from autograd.compiler.watch import Watch
from autograd.value import Value

MOST_EXECUTABLES = 64
"""How many compiled forms of a function are kept: one, of up to some megabytes, for every length of a list."""


class Executables:
    """What a function was compiled to, for arguments of each kind. Messages call it by `name`."""

    unchanged: Callable[[], bool]  # says, in some nanoseconds, whether what the function reads is what it was
    last: Executable | None  # the one used last
    recent: Recent | None  # the arguments of the last call, if they may be known again

    def __init__(self, f: Callable[..., Any], name: str, parameters: list[Value], options: Options) -> None:
        self._f, self._name, self._parameters, self._options = f, name, parameters, options
        self._type = np.dtype(options.dtype)
        self._known: dict[Any, Executable] = {}
        self._of_vectors: dict[tuple[int, ...], Executable] = {}
        self._outdated: dict[Any, Executable] = {}
        self._clock = itertools.count()
        self._lock = threading.RLock()
        _all.add(self)
        self._forget()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, what: str, bound: Arguments) -> Executable:
        """What computes "loss", "values" or "gradients" for arguments of this kind."""
        key = what, bound.kinds
        executable = self._known.get(key)
        if executable is None:
            with self._lock:
                executable = self._known.get(key)
                if executable is None:
                    with collector_paused():
                        executable = self._compiled(what, bound)
                    self._keep(key, executable)
        return self._used(executable)

    def of_vector(self, shape: tuple[int, ...]) -> Executable | None:
        """The executable that `is_of_vector` noted for this shape."""
        executable = self._of_vectors.get(shape)
        return None if executable is None else self._used(executable)

    def is_of_vector(self, executable: Executable, shape: tuple[int, ...]) -> None:
        """Remember that an executable takes a vector of this shape as it is."""
        with self._lock:
            if executable in self._known.values():  # not forgotten meanwhile
                self._of_vectors[shape] = executable

    def _used(self, executable: Executable) -> Executable:
        self.last, executable.used = executable, next(self._clock)
        return executable

    def remember(self, recent: Recent, generation: object) -> Recent:
        """Cache this call's arguments, unless another thread has cleared the cache meanwhile."""
        with self._lock:
            if self.generation is generation:
                self.recent = recent
        return recent

    def look_again(self) -> bool:
        """Whether anything that the function reads has changed, also where a call does not look: then forget."""
        with self._lock:
            changed = self._watch is not None and self._watch.changed()
            if changed:
                self._outdated = dict(self._known)
                self._forget()
            return changed

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._outdated.clear()
            self._forget()

    def _forget(self) -> None:
        self._known.clear()
        self._of_vectors.clear()
        self.last = self.recent = None
        self._watch: Watch | None = None
        self.unchanged, self.generation = lambda: True, object()

    def _compiled(self, what: str, bound: Arguments) -> Executable:
        self.look_again()  # also discards programs of other shapes whose inputs have changed
        recording = self._record(bound)
        executable = self._outdated.pop((what, bound.kinds), None)
        if executable is None or executable.mark != recording.mark:
            name, size, options = self._name, len(self._parameters), self._options
            if what == "loss":
                executable = self._loss_executable(recording, goals.loss(recording, name, size, options))
            elif what == "values":
                executable = self._built(recording, goals.values(recording))
            else:
                positions = options.positions(len(bound.kinds), name)
                executable = self._built(recording, goals.gradients(recording, name, size, positions))
            executable.mark = recording.mark
        return executable

    def _record(self, bound: Arguments) -> Recording:
        watch = Watch(self._f)
        recording = trace(self._f, bound, self._parameters, watch.draws)
        self._watch = Watch(self._f)
        self.unchanged = self._watch.unchanged
        return recording

    def _loss_executable(self, recording: Recording, goal: goals.Goal) -> Executable:
        """The code of a loss, with a batch in place of examples that are written out one by one."""
        is_written_out = len(goal.program.columns) == 1 and "roll" not in self._options.without
        rerolled = reroll(goal.program, goal.program.parameters - len(recording.captured)) if is_written_out else None
        if rerolled is not None:
            try:
                return self._built(recording, goal, rerolled)
            except NeedsSumFirstError:
                pass  # compiled as it was written
        return self._built(recording, goal)

    def _built(
        self, recording: Recording, goal: goals.Goal, rerolled: Rerolled | None = None, outputs_by_column: bool = False
    ) -> Executable:
        program = goal.program if rerolled is None else rerolled.program
        sizes = [structure.size for structure, is_table in recording.kinds if is_table]
        widths = [sizes] if rerolled is None else [[width] for width in program.columns[1:]]
        target = native.target(self._options.dtype, self._options.math)
        built = partial(build, program, widths, target, goal.wanted, self._options.without, outputs_by_column)

        def executable(built: Any, fallback: Callable[[], Executable] | None = None) -> Executable:
            names, captured = recording.names, recording.captured
            return Executable(built, captured, goal.outputs, goal.results, self._type, names, rerolled, fallback)

        return executable(built(), lambda: executable(built(example_by_example=True)))

    def _keep(self, key: Any, executable: Executable) -> None:
        """Keep it, in the place of the one that has not been used for the longest time if there are many."""
        while len(self._known) >= MOST_EXECUTABLES:
            oldest = min(self._known, key=lambda key: self._known[key].used)
            forgotten = self._known.pop(oldest)  # a call that runs it keeps it alive
            for shape in [shape for shape, other in self._of_vectors.items() if other is forgotten]:
                del self._of_vectors[shape]
        self._known[key], executable.used = executable, next(self._clock)

    def of_rule(self, rule: Callable[..., Any], kept: int) -> Executable:
        """Code that moves parameters by a rule, parameters in place of examples: see `Compiled.fused_step`."""
        own = Executables(rule, self._name, [], Options(dtype=self._options.dtype, math=self._options.math))
        column = np.ones(1, self._type)
        recording = own._record(examples([1.0, 1.0, column, column, *[column] * kept], self._type))
        return own._built(recording, goals.updates(recording), outputs_by_column=True)


_all: weakref.WeakSet[Executables] = weakref.WeakSet()


def _renew_locks() -> None:
    for executables in list(_all):
        executables._lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # of all threads a child has only the one that forked; others may have held them
    os.register_at_fork(after_in_child=_renew_locks)
