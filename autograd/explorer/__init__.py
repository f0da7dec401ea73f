"""The explorer: backpropagation stepped through, one edge at a time. What it is made of is imported when it is used."""

from __future__ import annotations

from autograd import modes
from autograd.errors import got
from autograd.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.explorer.explorer import Explorer


def explore(
    root: Value, examples: Sequence[Value] | None = None, learning_rate: float = 0.1, title: str = ""
) -> Explorer:
    """A page that steps through the forward and the backward pass of a graph, one node, then one edge at a time.

    Each step backward is one contribution, upstream gradient × local derivative, to the gradient of one operand, with
    its equation in symbols and in numbers. Leaves can be edited: the page computes everything anew with the operations
    of the table. It can nudge a leaf, make steps of gradient descent and draw the loss and the parameters that they
    move. The keys are listed on the page. Nothing that happens there changes a Value.

    A notebook shows the explorer; `.to_html("page.html")` writes it as one file that needs no network. In a notebook
    with anywidget (`pip install ".[explore]"` in your clone) Python sees the step and the numbers: `.step`, `.values`.

    A graph of more than 300 nodes is drawn collapsed, as by `draw_dot`, and its boxes open on a click. One of more than
    5,000 nodes is stepped through box by box, with the numbers that are recorded in it.

    Args:
        root: the result, such as the loss of one example.
        examples: results that are computed in the same way as the root, on other numbers; the root comes first unless
            it is among them. The page shows one of them, and learns from one or all. A gradient step moves leaves that
            are the same Values in all of them: the parameters or, where there are none, those that the reader of the
            page does not hold fixed.
        learning_rate: of the steps of gradient descent; it can be changed on the page.
        title: of the page.

    Returns:
        An `Explorer`.

    Raises:
        TypeError: `root` is not a Value, or an argument has the wrong type.
        ValueError: the graph has a cycle; the learning rate is not finite; an example is computed in another way.

    Example:
        >>> from autograd import Value, explore
        >>> w, b = Value(0.5, label="w"), Value(0.0, label="b")
        >>> losses = [(w * x + b - y) ** 2 for x, y in [(1.0, 3.0), (2.0, 5.0)]]
        >>> page = explore(losses[0], losses, title="a line through two points").to_html()
        >>> "a line through two points" in page
        True
    """
    modes.check_not_tracing("explore()", "call it on a graph outside of the function that is compiled")
    if not isinstance(root, Value):
        raise TypeError(f"explore shows the graph behind one Value, got {got(root)}: write explore(loss)")
    examples = [] if examples is None else _as_values(examples)
    if isinstance(learning_rate, bool) or not isinstance(learning_rate, (int, float)):
        raise TypeError(f"explore: the learning rate is a number, got {got(learning_rate)}: write learning_rate=0.1")
    if not abs(learning_rate) < float("inf"):
        raise ValueError(f"explore: the learning rate is a finite number, got {learning_rate}")
    if not isinstance(title, str):
        raise TypeError(f"explore: the title is a string, got {got(title)}: write title='one example'")
    from autograd.explorer.explorer import Explorer

    return Explorer(root, examples, float(learning_rate), title)


def _as_values(examples: Sequence[Value]) -> list[Value]:
    wanted = "write examples=[loss_of(x, y) for x, y in data]"
    if not isinstance(examples, (list, tuple)):
        raise TypeError(f"explore: examples are a list of Values, got {got(examples)}: {wanted}")
    for k, example in enumerate(examples):
        if not isinstance(example, Value):
            raise TypeError(f"explore: examples are Values, examples[{k}] is {got(example)}: {wanted}")
    return list(examples)
