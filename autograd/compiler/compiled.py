"""The compiled function: what a user calls in place of the one that was written on Values."""

from __future__ import annotations

import copy
import itertools
import os
import threading
import weakref
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from autograd import primitives
from autograd.collector import collector_paused
from autograd.compiler.arguments import (
    Bound,
    Recent,
    address,
    argument_names,
    as_array,
    bind,
    may_be_remembered,
    placeholders,
    results_like,
    structured,
    take,
)
from autograd.compiler.build import AFTER_GRADIENT, BEFORE_GRADIENT, FOR_MACHINE, Wanted, build
from autograd.compiler.codegen.schedule import NeedsSumFirstError
from autograd.compiler.descent import Descent
from autograd.compiler.program import Names, Program, text
from autograd.compiler.roll import Rolled, roll
from autograd.compiler.runtime import native
from autograd.compiler.runtime.exchange import Exchange
from autograd.compiler.runtime.executable import Executable as Plan
from autograd.compiler.trace import Recorded, Traced, trace
from autograd.compiler.watch import Watch
from autograd.errors import CompileError
from autograd.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


_number_of = attrgetter("_data")

MOST_PLANS = 64
"""So many compiled forms of a function are kept: a list of every length wants one, of up to some megabytes."""


class _Recording(NamedTuple):
    """What the function did with arguments of a kind.

    Attributes:
        traced: the program, and what is known about it.
        widths: how many columns each argument has, if there is a batch.
        is_column: whether an argument is a table of examples.
        names: what the program's text calls things.
    """

    traced: Traced
    widths: list[list[int]]
    is_column: list[bool]
    names: Names


class Compiled:
    """A function of Values as native code; what `autograd.compile` returns.

    It is made when it is called for the first time, and again for arguments of another shape. What has not been used
    for the longest time is forgotten where there are more than MOST_PLANS shapes.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        parameters: Iterable[Value] = (),
        *,
        wrt: int | tuple[int, ...] = 0,
        reduce: str = "mean",
        has_aux: bool | Literal["sum"] = False,
        dtype: str = "float64",
        threads: int = 1,
        math: str = "vector",
        without: Iterable[str] = (),
        vmap: bool = False,
    ) -> None:
        native.llvm()
        self.f, self.wrt, self.reduce, self.has_aux, self.vmap = f, wrt, reduce, has_aux, vmap
        self.dtype, self.threads, self.math, self.without = dtype, threads, math, tuple(without)
        self.parameters = _parameters(parameters)
        _check_options(self)
        self._start()

    def _start(self) -> None:
        self._type = np.dtype(self.dtype)
        self._plans: dict[Any, Plan] = {}
        self._outdated: dict[Any, Plan] = {}
        self._watch: Watch | None = None
        self._unchanged: Callable[[], bool] = _nothing_to_change
        self._clock = itertools.count()
        self._of_vectors: dict[tuple[int, ...], Plan] = {}
        self._lock = threading.RLock()
        _all.add(self)
        self._exchange = Exchange(self.parameters)
        self._shape = (len(self.parameters),)
        self._last: Plan | None = None
        self._recent: Recent | None = None
        self._generation = object()
        self.__name__ = f"compile({getattr(self.f, '__name__', type(self.f).__name__)})"
        self.__doc__ = getattr(self.f, "__doc__", None)

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
        if not self._unchanged():
            self.look_again()
        if not self.parameters:
            return self._values(arguments)
        value, gradient = self._reduced(None, arguments)
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
        if not self._unchanged():
            self.look_again()
        is_array = vector.__class__ is np.ndarray and vector.dtype == self._type
        recent = self._recent
        if is_array and vector.shape == self._shape and recent is not None and recent.is_of(arguments):
            return recent.call(vector)
        array = np.ascontiguousarray(vector if is_array else as_array(vector, self._type, "vector"))
        if array.shape != self._shape:
            raise ValueError(
                f"flat wants a vector of {len(self.parameters)} numbers, one for each parameter, got one of shape "
                f"{array.shape}"
            )
        return self._reduced(array, arguments)

    def _reduced(self, vector: Any, arguments: Sequence[Any]) -> tuple[Any, Any]:
        """The value, and the gradients of the parameters; their numbers are read unless a vector is given."""
        recent = self._recent
        if recent is not None and recent.is_of(arguments):
            return recent.call(self._numbers() if vector is None else vector)
        size = len(self.parameters)
        if not size:
            raise TypeError(f"{self.__name__} has no parameters: compile(f, parameters), or f.grad(...)")
        bound, generation = bind(arguments, self._type), self._generation
        if bound.n == 0 and self.reduce == "mean":
            raise self._no_mean(bound)
        plan = self._plan("loss", bound.kinds, bound)
        if bound.n == 0:
            return self._with_aux(0.0, self._nothing(plan), plan), np.zeros(size, self._type)
        if vector is None or plan.captured or bound.shared:
            vector = self._vector(plan, vector, bound.shared)
        if plan.rolled is not None:
            tables = plan.rolled.tables(plan.captured, self._type)
            if len(tables) == 1 and not plan.captured and not self.has_aux:
                call = plan.repeated([address(tables[0])], plan.rolled.counts[0], size, has_aux=False, tables=tables)
                recent = self._remember(Recent((), (), call), generation)
                return recent.call(vector)
            sums, results = plan.run(vector, [[address(table)] for table in tables], plan.rolled.counts)
            return self._with_aux(results.item(0), results[1:], plan), sums[:size]
        if bound.n is None:
            sums, results = plan.run(vector, (), ())
            return self._with_aux(results.item(0), results[1:], plan), sums[:size]
        repeats = bound.taken and bound.n and self.threads == 1 and not plan.captured and self.has_aux != "sum"
        if repeats and may_be_remembered(arguments):
            call = plan.repeated(bound.addresses, bound.n, size, bool(self.has_aux))
            recent = self._remember(Recent(arguments, bound.addresses, call), generation)
            return recent.call(vector)
        outputs = np.empty((bound.n, plan.outputs), self._type) if self.has_aux is True else None
        sums, results = plan.run(vector, (bound.addresses,), (bound.n,), outputs, self.threads, bound.tables)
        return self._with_aux(results.item(0), results[1:] if outputs is None else outputs, plan), sums[:size]

    def _remember(self, recent: Recent, generation: object) -> Recent:
        """Know these arguments at the next call, if no other thread has made the function forget all meanwhile."""
        with self._lock:
            if self._generation is generation:
                self._recent = recent
        return recent

    def _no_mean(self, bound: Bound) -> ValueError:
        position = next(k for k, kind in enumerate(bound.kinds) if kind.shape is not None)
        name = argument_names(self.f, len(bound.kinds))[position]
        return ValueError(
            f"{self.__name__}: argument {position + 1} ({name}) has no examples, and there is no mean of nothing: give "
            f"it at least one, or write compile(..., reduce='sum'), whose sum is then 0"
        )

    def _nothing(self, plan: Plan) -> Any:
        """The other results of no examples, or their sums."""
        return np.zeros(plan.outputs if self.has_aux == "sum" else (0, plan.outputs), self._type)

    def _with_aux(self, value: float, others: Any, plan: Plan) -> Any:
        return (value, plan.results(others)) if self.has_aux else value

    def _numbers(self) -> Any:
        """The parameters' numbers in an array."""
        numbers = np.empty(len(self.parameters), self._type)
        self._exchange.read(numbers)
        return numbers

    def _vector(self, plan: Plan, vector: Any, shared: Sequence[float]) -> Any:
        """All that is the same for all examples: the parameters, shared arguments, other Values, in order."""
        numbers = [*shared, *map(_number_of, plan.captured)]
        size = len(self.parameters)
        whole = np.empty(size + len(numbers), self._type)
        if vector is None:
            self._exchange.read(whole)
        else:
            whole[:size] = vector
        if numbers:
            whole[size:] = numbers
        return whole

    # --- Values and gradients of each example ------------------------------------------------------------------------

    def evaluate(self, *arguments: Any) -> Any:
        """The function of every example, without gradients.

        Args:
            arguments: arrays or lists whose first axis is the examples; numbers are the same for all.

        Returns:
            An array, shape (n,); for a function of several results, arrays in the structure that it returns.
        """
        if not self._unchanged():
            self.look_again()
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
        if not self._unchanged():
            self.look_again()
        if arguments:
            self._positions(len(arguments))
        if self.parameters or self.vmap:
            value, gradient = self._of_examples("gradients", arguments)
        else:
            value, gradient = self._of_one("gradients", arguments)
        return value, gradient if isinstance(self.wrt, tuple) else gradient[0]

    def _values(self, arguments: Sequence[Any]) -> Any:
        if len(arguments) == 1 and _is_vector(arguments[0], self._type):
            plan = self._of_vectors.get(arguments[0].shape)
            if plan is not None:  # the short way: its numbers are where the code wants them
                self._last, plan.used = plan, next(self._clock)
                return plan.results(plan.run(arguments[0], (), ())[1])
        if self.vmap:
            return self._of_examples("values", arguments)
        return self._of_one("values", arguments)

    def _of_examples(self, what: str, arguments: Sequence[Any]) -> Any:
        bound = bind(arguments, self._type)
        if bound.n is None:
            return self._of_one(what, arguments)
        n = bound.n
        shared = (
            [k for k in self._positions(len(arguments)) if bound.kinds[k].shape is None] if what == "gradients" else ()
        )
        if shared:  # the gradient of each example is wanted, also by what all of them share
            bound = bind([np.full(n, a) if k in shared else a for k, a in enumerate(arguments)], self._type)
        plan = self._plan(what, bound.kinds, bound)
        vector = self._vector(plan, None, bound.shared)
        outputs = np.empty((n, plan.outputs), self._type)
        plan.run(vector, (bound.addresses,), (n,), outputs, self.threads, bound.tables)
        return plan.results(outputs)

    def _of_one(self, what: str, arguments: Sequence[Any]) -> Any:
        """Arguments taken as they are: their numbers stand behind the parameters."""
        taken = take(arguments)
        plan = self._plan(f"{what} of one", taken.key, arguments)
        vector = self._vector(plan, None, taken.numbers)
        sums, results = plan.run(vector, (), ())
        if what == "values":
            if len(arguments) == 1 and _is_vector(arguments[0], self._type) and len(vector) == len(taken.numbers):
                with self._lock:
                    if plan in self._plans.values():  # not forgotten meanwhile
                        self._of_vectors[arguments[0].shape] = plan
            return plan.results(results)
        starts = np.cumsum([len(self.parameters), *taken.sizes])
        gradients = [
            self._like(arguments[k], taken.rebuild[k], sums[starts[k] : starts[k] + taken.sizes[k]])
            for k in self._positions(len(arguments))
        ]
        return plan.results(results), tuple(gradients)

    def _like(self, argument: Any, rebuild: Any, numbers: Any) -> Any:
        if isinstance(argument, list) and len(numbers) == len(argument):
            return numbers
        return rebuild(numbers.tolist())

    def _positions(self, count: int) -> list[int]:
        positions = self.wrt if isinstance(self.wrt, tuple) else (self.wrt,)
        for position in positions:
            if not -count <= position < count:
                raise IndexError(f"wrt={self.wrt}, but {self.__name__} was called with {count} arguments")
        return [position % count for position in positions]

    # --- Compiling ---------------------------------------------------------------------------------------------------

    def _plan(self, what: str, key: Any, arguments: Any) -> Plan:
        plan = self._plans.get((what, key))
        if plan is None:
            with self._lock:
                plan = self._plans.get((what, key))
                if plan is None:
                    with collector_paused():
                        plan = self._compiled(what, key, arguments)
                    self._keep((what, key), plan)
        self._last, plan.used = plan, next(self._clock)
        return plan

    def _keep(self, key: Any, plan: Plan) -> None:
        """Keep a plan, in the place of the one that has not been used for the longest time if there are many."""
        while len(self._plans) >= MOST_PLANS:
            oldest = min(self._plans, key=lambda key: self._plans[key].used)
            forgotten = self._plans.pop(oldest)  # a call that runs it keeps it alive
            for shape in [shape for shape, other in self._of_vectors.items() if other is forgotten]:
                del self._of_vectors[shape]
        self._plans[key], plan.used = plan, next(self._clock)

    def _compiled(self, what: str, key: Any, arguments: Any) -> Plan:
        self.look_again()  # what has changed since programs for other shapes were made
        recording = self._record(arguments)
        plan = self._outdated.pop((what, key), None)
        if plan is None or plan.mark != recording.traced.mark:
            plan = self._loss_plan(recording) if what == "loss" else self._value_plan(what, recording)
            plan.mark = recording.traced.mark
        return plan

    def _record(self, arguments: Any) -> _Recording:
        if isinstance(arguments, Bound):
            is_column = [kind.shape is not None for kind in arguments.kinds]

            def give() -> list[tuple[Any, list[Value]]]:
                tables = iter(arguments.tables)
                return [placeholders(k, next(tables) if k.shape is not None else None) for k in arguments.kinds]
        else:
            is_column = [False] * len(arguments)

            def give() -> list[tuple[Any, list[Value]]]:
                return [structured(argument) for argument in arguments]

        watch = Watch(self.f)
        traced = trace(self.f, give, is_column, self.parameters, watch.draws)
        self._watch = Watch(self.f)
        self._unchanged = self._watch.unchanged
        widths = [[len(values) for (_, values), column in zip(traced.given, is_column) if column]]
        names = self._names(traced.given, is_column, traced.captured)
        return _Recording(traced, widths if any(is_column) else [], is_column, names)

    def _names(
        self, given: Sequence[tuple[Any, list[Value]]], is_column: Sequence[bool], captured: Sequence[Value]
    ) -> Names:
        """What the text of a program calls things: parameters by their labels, inputs by the function's arguments."""
        shared: list[str] = []
        columns: list[str] = []
        for (_, values), column, name in zip(given, is_column, argument_names(self.f, len(given))):
            names = [f"{name}[{k}]" for k in range(len(values))] if len(values) > 1 else [name]
            (columns if column else shared).extend(names)
        parameters = [p.label or f"parameter[{k}]" for k, p in enumerate(self.parameters)]
        return Names([*parameters, *shared, *[v.label or "captured" for v in captured]], [columns])

    def _loss_plan(self, recording: _Recording) -> Plan:
        program, nodes = recording.traced.program, recording.traced.nodes
        if len(nodes) != 1 and not self.has_aux:
            raise CompileError(
                f"{self.__name__} wants a loss, one Value, the function returned {len(nodes)} numbers: for others "
                f"beside it return (loss, others) and write compile(..., has_aux=True)"
            )
        results = _aux_results(recording.traced.recorded, self.__name__) if self.has_aux else results_like(0.0)
        loss, aux = nodes[0], nodes[1:]
        wanted = Wanted(0, range(len(self.parameters)))
        if recording.widths:
            program.results = [_reduced(program, loss, self.reduce)]
            if self.has_aux == "sum":
                program.results += [_reduced(program, number, "sum") for number in aux]
            elif self.has_aux:
                program.outputs[1] = aux
            return self._plan_of(recording, program, wanted, len(aux), results)
        program.results = [loss, *aux]
        rolled = roll(program, len(self.parameters)) if "roll" not in self.without else None
        if rolled is not None:
            try:
                return self._plan_of(recording, rolled.program, wanted, len(aux), results, rolled)
            except NeedsSumFirstError:
                pass  # compiled as it was written
        return self._plan_of(recording, program, wanted, len(aux), results)

    def _value_plan(self, what: str, recording: _Recording) -> Plan:
        program, nodes = recording.traced.program, recording.traced.nodes
        if recording.widths:
            program.outputs[1] = nodes
        else:
            program.results = nodes
        results = results_like(recording.traced.recorded.rebuild(list(recording.traced.recorded.outputs)))
        if not what.startswith("gradients"):
            return self._plan_of(recording, program, None, len(nodes), results)
        if len(nodes) != 1:
            raise CompileError(
                f"{self.__name__}.grad wants a function whose result is one number, it returned {len(nodes)}: "
                f"compile(autograd.jacobian(f))"
            )
        sizes = [len(values) for _, values in recording.traced.given]
        positions = self._positions(len(sizes))
        if not recording.widths:
            first = len(self.parameters)
            return self._plan_of(recording, program, Wanted(0, range(first, first + sum(sizes))), 1, results)
        starts = [sum(s for s, c in zip(sizes[:k], recording.is_column) if c) for k in range(len(sizes))]
        columns = [(1, starts[k] + j) for k in positions for j in range(sizes[k])]
        results = _value_and_gradients([_shape_of_placeholder(recording.traced.given[k][0]) for k in positions])
        return self._plan_of(recording, program, Wanted(0, range(0), columns), 1 + len(columns), results)

    def _plan_of(
        self,
        recording: _Recording,
        program: Program,
        wanted: Wanted | None,
        outputs: int,
        results: Callable[[Any], Any],
        rolled: Rolled | None = None,
        outputs_by_column: bool = False,
    ) -> Plan:
        widths = recording.widths if rolled is None else [[width] for width in program.columns[1:]]
        target = native.target(self.dtype, self.math)
        built = partial(build, program, widths, target, wanted, self.without, outputs_by_column)
        captured, names, dtype = recording.traced.captured, recording.names, self._type

        def careful() -> Plan:
            return Plan(built(example_by_example=True), captured, outputs, results, dtype, names, rolled)

        return Plan(built(), captured, outputs, results, dtype, names, rolled, careful)

    # --- Training that stays in native code --------------------------------------------------------------------------

    def descent(self, rule: Callable[..., tuple[Any, ...]], kept: int, moved: int, *examples: Any) -> Descent:
        """Steps that compute the loss of examples like these and move the parameters by a rule: see `Descent`.

        Args:
            rule: a function of the learning rate, the number of steps taken, and for one parameter its number, its
                gradient and each thing that is kept of it. It returns where the parameter goes, and what to keep.
            kept: how many things are kept of each parameter.
            moved: how many parameters are moved, the first.
            examples: tables of examples, as for a call.

        Raises:
            CompileError: the rule cannot be recorded.
        """
        bound = bind(examples, self._type)
        loss = self._plan("loss", bound.kinds, bound)

        def updated(*arguments: Any) -> tuple[Any, ...]:
            number, *to_keep = rule(*arguments)
            return *to_keep, number

        update = Compiled(updated, dtype=self.dtype, math=self.math)._update_plan(kept)
        return Descent(loss, update, len(self.parameters), moved)

    def _update_plan(self, kept: int) -> Plan:
        """The plan of a rule: parameters take the place of examples."""
        column = np.ones(1, self._type)
        recording = self._record(bind([1.0, 1.0, column, column, *[column] * kept], self._type))
        program, nodes = recording.traced.program, recording.traced.nodes
        program.outputs[1] = nodes
        program.results = [_reduced(program, program.append(primitives.mul, (nodes[-1], nodes[-1])), "sum")]
        return self._plan_of(recording, program, None, len(nodes), results_like(nodes), outputs_by_column=True)

    def look_again(self) -> bool:
        """See whether anything that the function reads has changed, also where a call does not look.

        Returns:
            Whether something has: the function is recorded again when it is called, and compiled again if need be.
        """
        with self._lock:
            changed = self._watch is not None and self._watch.changed()
            if changed:
                self._outdated = dict(self._plans)
                self._forget()
            return changed

    def clear_cache(self) -> None:
        """Forget what was compiled: for when the function does something else than before for a reason not watched."""
        with self._lock:
            self._outdated.clear()
            self._forget()

    def _forget(self) -> None:
        self._plans.clear()
        self._of_vectors.clear()
        self._last = self._recent = self._watch = None
        self._unchanged, self._generation = _nothing_to_change, object()

    # --- What was compiled -------------------------------------------------------------------------------------------

    @property
    def program(self) -> str:
        """The program of the last call as text, forward and backward, one instruction to a line."""
        if self._last is None:
            raise RuntimeError(f"{self.__name__} is compiled when it is called for the first time: call it, then look")
        return text(self._last.built.report.readable, self._last.names)

    def __str__(self) -> str:
        return repr(self) if self._last is None else "\n".join([repr(self), *_report(self._last)])

    def __repr__(self) -> str:
        of = f", {len(self.parameters)} parameters" if self.parameters else ""
        return f"<{self.__name__}{of}, {self.dtype}, {len(self._plans)} programs>"

    # --- Copies and pickles: compiled again where they land -----------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        kept = ("f", "parameters", "wrt", "reduce", "has_aux", "dtype", "threads", "math", "without", "vmap")
        return {name: getattr(self, name) for name in kept}

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        """A copy with a model of its own, where the function is one that brings its model along; else with the same."""
        f = copy.deepcopy(self.f, memo)
        parameters = self.parameters if f is self.f else copy.deepcopy(self.parameters, memo)
        other = type(self).__new__(type(self))
        other.__setstate__({**self.__getstate__(), "f": f, "parameters": list(parameters)})
        return other

    def __setstate__(self, state: dict[str, Any]) -> None:
        native.llvm()
        self.__dict__.update(state)
        self._start()


def _nothing_to_change() -> bool:
    return True


_all: weakref.WeakSet[Compiled] = weakref.WeakSet()


def _renew_locks() -> None:
    for compiled in list(_all):
        compiled._lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # of all threads a child has only the one that forked; others may have held them
    os.register_at_fork(after_in_child=_renew_locks)


def _is_vector(argument: Any, dtype: Any) -> bool:
    return argument.__class__ is np.ndarray and argument.dtype == dtype and argument.flags.c_contiguous


PASSES = tuple(
    dict.fromkeys(["roll", *(stage.__name__ for stage in (*BEFORE_GRADIENT, *AFTER_GRADIENT, *FOR_MACHINE))])
)
"""The names that `without` knows."""


def _parameters(parameters: Any) -> list[Value]:
    if isinstance(parameters, Value) or not hasattr(parameters, "__iter__"):
        raise TypeError(f"parameters are leaf Values in a list, got {parameters!r:.80}: write model.parameters()")
    return list(parameters)


def _check_options(compiled: Compiled) -> None:
    if not callable(compiled.f):
        raise TypeError(f"compile wants a function of Values, got {compiled.f!r}")
    for name, known in (("reduce", ("mean", "sum")), ("dtype", ("float64", "float32")), ("math", ("vector", "libm"))):
        if getattr(compiled, name) not in known:
            raise ValueError(f"{name} is one of {', '.join(known)}, got {getattr(compiled, name)!r}")
    if not isinstance(compiled.vmap, bool):
        raise TypeError(f"vmap is True or False, got {compiled.vmap!r}")
    if not isinstance(compiled.has_aux, bool) and compiled.has_aux != "sum":
        raise ValueError(f"has_aux is True, False or 'sum', got {compiled.has_aux!r}")
    if not isinstance(compiled.threads, int) or compiled.threads < 1:
        raise ValueError(f"threads is a whole number of at least 1, got {compiled.threads!r}")
    unknown = [name for name in compiled.without if name not in PASSES]
    if unknown:
        raise ValueError(
            f"without names {', '.join(map(repr, unknown))}: the passes are {', '.join(PASSES)}, in a list"
        )
    positions = compiled.wrt if isinstance(compiled.wrt, tuple) else (compiled.wrt,)
    if not all(isinstance(position, int) for position in positions):
        raise TypeError(f"wrt is the position of an argument, or a tuple of positions, got {compiled.wrt!r}")
    for parameter in compiled.parameters:
        if not isinstance(parameter, Value) or not parameter.is_leaf:
            raise TypeError(f"parameters are leaf Values, got {parameter!r:.80}: write model.parameters()")
    if len(set(compiled.parameters)) < len(compiled.parameters):
        raise ValueError("compile wants each parameter once")


def _reduced(program: Program, loss: int, reduce: str) -> int:
    """The mean or the sum of a loss over the examples."""
    count = program.append("count", (), 1)
    if program.batches()[loss] == 0:  # it ignores the examples
        return loss if reduce == "mean" else program.append(primitives.mul, (loss, count))
    total = program.append("batch_sum", (loss,), (program.new_sum(), 1))
    return total if reduce == "sum" else program.append(primitives.div, (total, count))


def _aux_results(recorded: Recorded, name: str) -> Callable[[Any], Any]:
    returned = recorded.rebuild(list(recorded.outputs))
    if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[0], (Value, int, float)):
        got = f"a {type(returned).__name__}"
        if isinstance(returned, tuple) and len(returned) == 2:
            got = f"a pair that begins with a {type(returned[0]).__name__}"
        elif isinstance(returned, (list, tuple, dict)):
            got += f" of {len(returned)}"
        raise CompileError(
            f"with has_aux {name} wants a pair, the loss, which is one Value, and what else is wanted, the function "
            f"returned {got}: return (loss, (a, b))"
        )
    return results_like(returned[1])


def _value_and_gradients(shapes: Sequence[tuple[int, ...]]) -> Callable[[Any], Any]:
    def results(outputs: Any) -> Any:
        start, parts = 1, []
        for shape in shapes:
            size = int(np.prod(shape, dtype=int))
            parts.append(outputs[:, start : start + size].reshape(len(outputs), *shape))
            start += size
        return outputs[:, 0], tuple(parts)

    return results


def _shape_of_placeholder(given: Any) -> tuple[int, ...]:
    return np.shape(np.array(given, dtype=object)) if isinstance(given, (list, np.ndarray)) else ()


def _report(plan: Plan) -> list[str]:
    report = plan.built.report
    target = report.target
    lines = [f"  {name:24}{size:>9,} instructions" for name, size in report.sizes]
    own, llvm = report.seconds
    lines.append(f"  compiled in {own + llvm:.2f} s: passes {own:.2f} s, LLVM {llvm:.2f} s; {report.pieces} pieces")
    if plan.built.layout.batches:
        blocks = ", ".join(str(batch.block) for batch in plan.built.layout.batches)
        lines.append(f"  {target.lanes} lanes of {target.number}, blocks of {blocks} examples")
    if plan.rolled is not None:
        parts = ", ".join(f"{count:,}" for count in plan.rolled.counts)
        lines.append(f"  rolled into {len(plan.rolled.counts)} subgraph(s) over {parts} examples")
    if report.written:
        lines.append(f"  vector math of its own (within 4 ulp): {', '.join(report.written)}")
    if report.vectorised:
        lines.append(f"  vector math (glibc's libmvec, within 4 ulp): {', '.join(report.vectorised)}")
    if report.functions:
        lines.append(f"  number by number, from the C library: {', '.join(report.functions)}")
    return lines
