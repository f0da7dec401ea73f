"""The compiled function: what a user calls in place of the one that was written on Values.

A call goes one way. Its arguments are put in arrays (`arguments`), what was compiled for arguments of their kind is
found or made (`executables`), the numbers that are the same for all examples are put in a vector, the code runs, and
what comes out is put into the pytree that the function returned.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from itertools import accumulate
from typing import Any

import numpy as np

from autograd.compiler.arguments import Arguments, Recent, address, argument_names, as_array, examples, pytrees
from autograd.compiler.executables import Executables
from autograd.compiler.listing import text
from autograd.compiler.options import Options, checked_parameters
from autograd.compiler.runtime import native
from autograd.compiler.runtime.exchange import Exchange
from autograd.compiler.runtime.executable import Executable
from autograd.compiler.runtime.fused_step import FusedStep
from autograd.graph import read_data
from autograd.value import Value


class Compiled(Options):
    """A function of Values as native code; what `autograd.compile` returns.

    It is made when it is called for the first time, and again for arguments of another shape; see `Executables`.
    """

    def __init__(self, f: Callable[..., Any], parameters: Iterable[Value] = (), **options: Any) -> None:
        native.llvm()
        if not callable(f):
            raise TypeError(f"compile wants a function of Values, got {f!r}")
        self.f = f
        super().__init__(**options)
        self.parameters = checked_parameters(parameters)
        self._start()

    def _start(self) -> None:
        self.__name__ = f"compile({getattr(self.f, '__name__', type(self.f).__name__)})"
        self.__doc__ = getattr(self.f, "__doc__", None)
        self._type = np.dtype(self.dtype)
        self._shape = (len(self.parameters),)
        self._exchange = Exchange(self.parameters)
        self.executables = Executables(self.f, self.__name__, self.parameters, self)

    # --- Training: a mean over examples, and the gradients of parameters ---------------------------------------------

    def __call__(self, *arguments: Any) -> Any:
        """The mean (or sum) of the function over the examples, setting `.grad` of every parameter.

        Args:
            arguments: arrays or lists whose first axis is the examples; numbers are the same for all. For a function
                compiled without parameters: what it takes itself; with `vmap`, examples.

        Raises:
            ValueError: there are no examples, of which there is no mean. (Their sum is 0, and so are its gradients.)

        Returns:
            A float. With `has_aux` a pair, the second entry the other results of each example, or their sums. Without
            parameters: what the function returns, with arrays in place of lists.
        """
        if not self.executables.unchanged():
            self.executables.look_again()
        if not self.parameters:
            return self._values(arguments)
        value, gradient = self._loss(None, arguments)
        self._exchange.write(gradient)
        return value

    def flat(self, vector: Any, *arguments: Any) -> tuple[Any, Any]:
        """Value and gradient as a pure function of one vector: Values are neither read nor written.

        Args:
            vector: the numbers of all parameters, in order, shape (P,).
            arguments: as for a call.

        Returns:
            The value, and the gradient with respect to the vector, shape (P,): what
            `scipy.optimize.minimize(step.flat, x0, args=(X, y), jac=True)` wants.

        Raises:
            ValueError: the vector has another length, or there are no examples to take the mean of.
        """
        if not self.executables.unchanged():
            self.executables.look_again()
        is_array = vector.__class__ is np.ndarray and vector.dtype == self._type
        recent = self.executables.recent
        if is_array and vector.shape == self._shape and recent is not None and recent.is_of(arguments):
            return recent.call(vector)
        array = np.ascontiguousarray(vector if is_array else as_array(vector, self._type, "vector"))
        if array.shape != self._shape:
            raise ValueError(
                f"flat wants a vector of {len(self.parameters)} numbers, one for each parameter, got one of shape "
                f"{array.shape}"
            )
        return self._loss(array, arguments)

    def _loss(self, vector: Any, arguments: Sequence[Any]) -> tuple[Any, Any]:
        """The value, and the gradients of the parameters; their numbers are read unless a vector is given."""
        recent = self.executables.recent
        if recent is not None and recent.is_of(arguments):
            return recent.call(self._vector(None) if vector is None else vector)
        if not self.parameters:
            raise TypeError(f"{self.__name__} has no parameters: compile(f, parameters), or f.grad(...)")
        generation, bound = self.executables.generation, examples(arguments, self._type)
        if bound.n == 0 and self.reduce == "mean":
            position = [is_table for _, is_table in bound.kinds].index(True)
            name = argument_names(self.f, len(bound.kinds))[position]
            raise ValueError(
                f"{self.__name__}: argument {position + 1} ({name}) has no examples, and the mean of no examples is "
                f"undefined: give it at least one, or write compile(..., reduce='sum'), whose sum is then 0"
            )
        executable = self.executables.of("loss", bound)
        size, of_each = len(self.parameters), self.has_aux is True and bound.n is not None
        if bound.n == 0:
            nothing = np.zeros((0, executable.outputs) if of_each else executable.outputs, self._type)
            return self._with_aux(executable, 0.0, nothing), np.zeros(size, self._type)
        rerolled, captured = executable.rerolled, executable.captured
        batches, counts, threads = bound.batches, bound.counts, self.threads
        if rerolled is not None:
            batches = [[table] for table in rerolled.tables(captured, self._type)]
            counts, threads = rerolled.counts, 1
        vector = self._vector(vector, executable, bound)
        repeats = len(batches) == 1 and bound.taken and not captured and (of_each or not self.has_aux)
        if repeats and threads == 1 and Recent.may_know(arguments):
            addresses = [address(table) for table in batches[0]]
            call = executable.repeated(addresses, counts[0], size, of_each, None if rerolled is None else batches)
            return self.executables.remember(Recent(arguments, addresses, call), generation).call(vector)
        outputs = np.empty((counts[0], executable.outputs), self._type) if of_each else None
        sums, results = _run(executable, vector, batches, counts, outputs, threads)
        others = results[1:] if outputs is None else outputs
        return self._with_aux(executable, results.item(0), others), sums[:size]

    def _with_aux(self, executable: Executable, value: float, others: Any) -> Any:
        return (value, executable.results(others)) if self.has_aux else value

    # --- Values and gradients of each example ------------------------------------------------------------------------

    def evaluate(self, *arguments: Any) -> Any:
        """The function of every example, without gradients.

        Args:
            arguments: arrays or lists whose first axis is the examples; numbers are the same for all.

        Returns:
            An array, shape (n,); for a function of several results, arrays in the structure that it returns.
        """
        if not self.executables.unchanged():
            self.executables.look_again()
        return self._of_examples("values", arguments)

    def grad(self, *arguments: Any) -> Any:
        """The gradient with respect to the arguments `wrt`: of one call, or of each example.

        Args:
            arguments: as for a call.

        Returns:
            A number, an array, or a tuple of these where `wrt` is a tuple.
        """
        return self.value_and_grad(*arguments)[1]

    def value_and_grad(self, *arguments: Any) -> tuple[Any, Any]:
        """The function's value, and its gradient with respect to the arguments `wrt`; see `grad`."""
        if not self.executables.unchanged():
            self.executables.look_again()
        if arguments:
            self.positions(len(arguments), self.__name__)
        of = self._of_examples if self.parameters or self.vmap else self._of_one
        value, gradient = of("gradients", arguments)
        return value, gradient if isinstance(self.wrt, tuple) else gradient[0]

    def _values(self, arguments: Sequence[Any]) -> Any:
        if len(arguments) == 1 and self._is_vector(arguments[0]):
            executable = self.executables.of_vector(arguments[0].shape)
            if executable is not None:  # fast path: the array can be passed as it is
                return executable.results(executable.run(arguments[0], (), ())[1])
        return self._of_examples("values", arguments) if self.vmap else self._of_one("values", arguments)

    def _of_examples(self, what: str, arguments: Sequence[Any]) -> Any:
        bound = examples(arguments, self._type)
        if bound.n is None:
            return self._of_one(what, arguments)
        if what == "gradients":  # of each example is wanted, also by what all of them share
            wanted = [k for k in self.positions(len(arguments), self.__name__) if not bound.kinds[k].is_table]
            whole = [np.full(bound.n, a) if k in wanted else a for k, a in enumerate(arguments)]
            bound = examples(whole, self._type) if wanted else bound
        executable = self.executables.of(what, bound)
        outputs = np.empty((bound.counts[0], executable.outputs), self._type)
        vector = self._vector(None, executable, bound)
        _run(executable, vector, bound.batches, bound.counts, outputs, self.threads)
        return executable.results(outputs)

    def _of_one(self, what: str, arguments: Sequence[Any]) -> Any:
        """Arguments taken as they are: their numbers stand behind the parameters."""
        bound = pytrees(arguments)
        executable = self.executables.of(what, bound)
        vector = self._vector(None, executable, bound)
        sums, results = _run(executable, vector)
        value = executable.results(results)
        if what == "values":
            if len(arguments) == 1 and self._is_vector(arguments[0]) and len(vector) == len(bound.numbers):
                self.executables.is_of_vector(executable, arguments[0].shape)
            return value
        starts = list(accumulate([structure.size for structure, _ in bound.kinds], initial=len(self.parameters)))
        positions = self.positions(len(arguments), self.__name__)
        parts = [(bound.kinds[k].structure, sums[starts[k] : starts[k + 1]]) for k in positions]
        return value, tuple([part if like.is_flat_list else like(part.tolist()) for like, part in parts])

    def _vector(self, vector: Any, executable: Executable | None = None, bound: Arguments | None = None) -> Any:
        """All that is the same for all examples: the parameters (None to read them), arguments, captured Values."""
        numbers = [] if bound is None else bound.numbers
        if executable is not None and executable.captured:
            numbers = numbers + read_data(executable.captured)
        if vector is not None and not numbers:
            return vector
        size = len(self.parameters)
        whole = np.empty(size + len(numbers), self._type)
        if vector is None:
            self._exchange.read(whole)
        else:
            whole[:size] = vector
        if numbers:
            whole[size:] = numbers
        return whole

    def _is_vector(self, argument: Any) -> bool:
        return argument.__class__ is np.ndarray and argument.dtype == self._type and argument.flags.c_contiguous

    def fused_step(self, rule: Callable[..., tuple[Any, ...]], kept: int, moved: int, *arguments: Any) -> FusedStep:
        """Steps that compute the loss of examples like these and move the parameters by a rule: see `FusedStep`.

        Args:
            rule: a function of the learning rate, the number of steps taken, and for one parameter its number, its
                gradient and each thing that is kept of it. It returns where the parameter goes, and what to keep.
            kept: how many things are kept of each parameter.
            moved: how many parameters are moved, the first.
            arguments: tables of examples, as for a call.
        """
        loss = self.executables.of("loss", examples(arguments, self._type))

        def updated(*arguments: Any) -> tuple[Any, ...]:
            number, *to_keep = rule(*arguments)
            return *to_keep, number

        return FusedStep(loss, self.executables.of_rule(updated, kept), len(self.parameters), moved)

    # --- When what the function reads has changed ---------------------------------------------------------------------

    def look_again(self) -> bool:
        """Check everything that the function reads for changes, also what calls do not check.

        Returns:
            Whether something has: the function is recorded again when it is called, and compiled again if need be.
        """
        return self.executables.look_again()

    def clear_cache(self) -> None:
        """Forget what was compiled: call it after a change that is not watched."""
        self.executables.clear()

    # --- What was compiled -------------------------------------------------------------------------------------------

    @property
    def program(self) -> str:
        """The program of the last call as text, forward and backward, one instruction to a line."""
        last = self.executables.last
        if last is None:
            raise RuntimeError(f"{self.__name__} is compiled when it is called for the first time: call it, then look")
        return text(last.built.readable, last.names)

    def __str__(self) -> str:
        last = self.executables.last
        lines = [repr(self)] if last is None else [repr(self), *last.built.report]
        if last is not None and last.rerolled is not None:
            parts = ", ".join(f"{count:,}" for count in last.rerolled.counts)
            lines.append(f"  rerolled into {len(last.rerolled.counts)} subgraph(s) over {parts} examples")
        return "\n".join(lines)

    def __repr__(self) -> str:
        of = f", {len(self.parameters)} parameters" if self.parameters else ""
        return f"<{self.__name__}{of}, {self.dtype}, {len(self.executables)} programs>"

    # --- Copies and pickles: compiled again where they land -----------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("f", "parameters", *[field.name for field in fields(self)])}

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        """A copy: of the model as well where copying the function copies it (a bound method); else both share it."""
        f = copy.deepcopy(self.f, memo)
        parameters = self.parameters if f is self.f else copy.deepcopy(self.parameters, memo)
        other = type(self).__new__(type(self))
        other.__setstate__({**self.__getstate__(), "f": f, "parameters": list(parameters)})
        return other

    def __setstate__(self, state: dict[str, Any]) -> None:
        native.llvm()
        self.__dict__.update(state)
        self._start()


def _run(
    executable: Executable,
    vector: Any,
    batches: Sequence[Sequence[Any]] = (),
    counts: Sequence[int] = (),
    outputs: Any = None,
    threads: int = 1,
) -> tuple[Any, Any]:
    """Sums and results of a call, for batches of these tables and numbers of examples."""
    addresses = [[address(table) for table in tables] for tables in batches]
    return executable.run(vector, addresses, counts, outputs, threads, batches)
