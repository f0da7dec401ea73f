"""`autograd.compile`: a function written on Values, made into native code. What it needs is imported when called.

The way from `compile` to native code goes through these rooms, each once:

    compiled        what the user calls, with its `options`; a call puts its `arguments` into arrays
    executables     what was compiled for arguments of this kind; if there is nothing yet:
    recording       the function is run on Values, twice; the graph that it leaves is the program
    watch           what else the function reads, to be seen at every call
    goals           what is wanted of it: the mean loss, outputs of every example, what to differentiate
    build           the passes in their order, each checked (`verify`), then code, and a report of what they did
    passes          from a `program` to one that computes the same; among them `reroll` and `differentiate`

and from there through code generation, which writes LLVM IR, to the runtime, where a call runs it. Things keep their
names on the way: `numbers` are the same for all examples, `tables` have an example to a row, the `vector` all numbers
that are the same for all examples, the parameters first, and `captured` are Values from outside.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Literal

    from autograd.compiler.compiled import Compiled
    from autograd.value import Value


def compile(
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
) -> Compiled:
    """Make native code of a function written on Values, forward and backward, for whole batches of examples.

    The function is run on Values to see what it does, at the first call and again for arguments of another shape (of
    those shapes 64 are remembered). What it does must not depend on their numbers: `where(condition, x, y)` chooses,
    `if` is an error. It is run twice and must do the same: random numbers, counters, lists that grow are an error. Side
    effects such as printing happen only while it is recorded. The numbers of Values made before, parameters or others,
    are read at every call.

    All else that it reads becomes part of the program, and is watched: if it changed, the function is recorded anew at
    the next call, and compiled anew if it does something else (pass what changes often as an argument). That is:
    variables it closes over and global ones; attributes named in its code; entries of lists, dicts and arrays in them;
    and the same in functions and objects reached from there. Each costs 10 ns, attributes of an `nn.Module` nothing.

    Not watched: what is in arrays of more than 8 KB; what is in lists and dicts of more than 64 objects, 8 KB of
    numbers or 1000 entries, except for their length; anything beyond the nearest 200 variables, attributes and entries;
    what installed packages keep; files, the clock, the environment; a Value put in a list in place of one of the same
    number, while that is so. When such a thing has changed, call `step.clear_cache()`.

    Args:
        f: with parameters: the loss of one example, a function of its input and target; or a function of no arguments
            that builds the loss of a whole data set, as in micrograd, whose examples are then found and computed side
            by side. Without parameters: any function of numbers, such as `autograd.hessian(g)`.
        parameters: the leaf Values to train.
        wrt: which arguments `.grad` differentiates with respect to, a position or a tuple of positions.
        reduce: what becomes of the losses of the examples: their "mean" or "sum". The sum of no examples is 0, with
            gradients 0, their mean an error.
        has_aux: `f` returns a pair, the loss and what else is wanted of each example; "sum" for the sums of the latter.
        dtype: "float64" or "float32".
        threads: how many threads share a batch, if it is large enough.
        math: "vector" for functions on whole registers, within 4 units in the last place: exp and tanh of our own,
            others where the machine's C library has them; "libm" for the functions that Python itself uses.
        without: names of passes to leave out, to see what they do.
        vmap: without parameters: map the function over examples, the first axis of every array; numbers are the same
            for all. Without it the function gets the arguments as they are: an array is one argument.

    Returns:
        `step`. With parameters `step(X, y)` is the mean loss and sets `.grad`; `step.flat(vector, X, y)` the same as a
        pure function of a vector; `step.evaluate(X, y)` the loss of every example. Without parameters `g(x, y)`,
        `g.grad(x, y)` and `g.value_and_grad(x, y)`, of what the function takes, or of examples with `vmap`;
        `g.evaluate(X, y)` of examples. `print(step)` tells what was compiled, `step.program` is the program.

    Raises:
        ModuleNotFoundError: llvmlite or NumPy is missing; says how to install them.
        CompileError: at a call that records: the function looks at a number, does not do the same each time, or uses a
            Value computed from a parameter outside of it; or an operation has no native form.
        TypeError, ValueError: an option is invalid.

    Example:
        >>> import autograd
        >>> from nn import MLP
        >>> model = MLP(2, [16, 16, 1], rng=0)
        >>> step = autograd.compile(lambda x, y: (1 - y * model(x)).relu(), model.parameters())
        >>> loss = step([[0.0, 1.0], [1.0, 0.0]], [1.0, -1.0])
        >>> len(step.evaluate([[0.0, 1.0], [1.0, 0.0]], [1.0, -1.0]))
        2
    """
    from autograd.compiler.runtime import native

    native.llvm()
    from autograd.compiler.compiled import Compiled

    return Compiled(
        f,
        parameters,
        wrt=wrt,
        reduce=reduce,
        has_aux=has_aux,
        dtype=dtype,
        threads=threads,
        math=math,
        without=without,
        vmap=vmap,
    )
