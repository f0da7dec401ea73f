"""Pictures of graphs. What they are drawn with is imported only when a picture is made."""

from __future__ import annotations

from autograd import modes
from autograd.errors import got
from autograd.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from autograd.draw.picture import Picture

COLLAPSE = ("auto", "none", "neuron", "layer")


def draw_dot(
    root: Value,
    format: str = "svg",
    rankdir: str = "LR",
    collapse: str = "auto",
    max_nodes: int = 300,
    values: bool = True,
    gradients: bool = True,
    local_derivatives: bool = False,
    legend: bool = False,
    highlight: Iterable[Value] | Mapping[str, Any] | Any = None,
) -> Picture:
    """The graph that `root` was computed from, a `graphviz.Digraph`: one box per Value, one arrow per operand.

    A box shows the label, the operation, the number and its gradient, once there was a `backward()`. Its shape tells
    what kind of node it is: `legend=True` shows them all. The arrows into a box come in the order of its operands,
    where the layout can; `a + a` has two. The wider an arrow, the more gradient flows along it, on a logarithmic scale;
    along a dashed one none can.

    A graph of more than `max_nodes` is collapsed: nodes of the same neuron or layer, or of the same `autograd.scope`,
    into one box; then repeats, such as the examples of a batch, into one box with their number; and leaves that are
    used alike. A caption says so.

    Where leaves have changed since the graph was computed, as an optimizer changes them, the boxes of what was computed
    from them say "old data"; where a gradient is not that of a single `backward()` of the root, its box says "grad*".
    The caption says what to do.

    A notebook shows the picture; `.render("graph")` writes it to graph.svg and its DOT source to graph; `.pipe()` gives
    its bytes, `.source` its DOT source. The layout is done by Graphviz's program `dot` or else by the Python package
    pygraphviz. Where there is neither, a notebook shows the graph as text.

    Args:
        root: the result to draw; a leaf is drawn alone.
        format: what `.render()` and `.pipe()` make: "svg", "png", "pdf" or another format of Graphviz.
        rankdir: where the arrows point: "LR" left to right, "TB" top to bottom, "RL", "BT".
        collapse: "none" for a box for each Value; "neuron" or "layer" for boxes as large as that; "auto" for whatever
            is small enough.
        max_nodes: how many boxes there may be. What is too large even when collapsed is drawn without its leaves, and
            if that is not enough without the boxes furthest from the root. The caption says how many.
        values: whether the numbers are shown.
        gradients: whether gradients are shown, as numbers and as the width of arrows.
        local_derivatives: whether an arrow shows the local derivative of its edge.
        legend: whether the picture explains its shapes.
        highlight: nodes to be drawn strong, everything else being muted; or a path, as `autograd.paths` finds them; or
            a dict of these by name, which also shows what they share.

    Raises:
        TypeError: `root` is not a Value, or an argument has the wrong type.
        ValueError: there is no such format, direction or way to collapse; `max_nodes` is below 1; a highlighted node is
            not in the graph; or the graph has a cycle.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0, label="a"), Value(-3.0, label="learning rate")
        >>> picture = draw_dot(a * b + a)
        >>> "learning rate" in picture.source
        True
        >>> picture.source.count("->")
        4
    """
    from autograd.draw.content import Shown
    from autograd.draw.highlight import highlight_of
    from autograd.draw.picture import draw

    _check("draw_dot", root, rankdir, collapse, max_nodes)
    _check_format(format)
    strong = highlight_of(highlight, root)
    shown = Shown(bool(values), bool(gradients), bool(local_derivatives), strong)
    return draw(root, format, rankdir, collapse, max_nodes, bool(legend), shown)


def to_mermaid(
    root: Value,
    rankdir: str = "LR",
    collapse: str = "auto",
    max_nodes: int = 150,
    values: bool = True,
    gradients: bool = True,
    local_derivatives: bool = False,
) -> str:
    """The picture of `draw_dot` as text for Mermaid, which GitHub, GitLab and many editors draw in Markdown.

    Put it between lines of ```mermaid and ```. Mermaid draws no more than 500 arrows.

    Args:
        root, rankdir, collapse, max_nodes, values, gradients, local_derivatives: as for `draw_dot`.

    Raises:
        TypeError, ValueError: as for `draw_dot`.

    Example:
        >>> from autograd import Value, to_mermaid
        >>> a = Value(2.0, label="a")
        >>> print(to_mermaid(a.exp(), values=False, gradients=False))
        flowchart LR
            b0(["a"]):::leaf
            b1["exp"]:::root
            b0 --> b1
        ...
    """
    from autograd.draw.content import Content, Shown
    from autograd.draw.scene import scene_of
    from autograd.draw.text import mermaid

    _check("to_mermaid", root, rankdir, collapse, max_nodes)
    shown = Shown(bool(values), bool(gradients), bool(local_derivatives))
    return mermaid(Content(scene_of(root, collapse, max_nodes), shown), rankdir)


def _check(function: str, root: object, rankdir: object, collapse: object, max_nodes: object) -> None:
    modes.check_not_tracing(f"{function}()", "draw a graph outside of the function that is compiled")
    if not isinstance(root, Value):
        raise TypeError(f"{function} draws the graph behind one Value, got {got(root)}: write {function}(loss)")
    for name, choice, choices in ("rankdir", rankdir, ("LR", "TB", "RL", "BT")), ("collapse", collapse, COLLAPSE):
        if not isinstance(choice, str):
            raise TypeError(f"{function}: {name} is a string, got {got(choice)}: write {name}={choices[0]!r}")
        if choice not in choices:
            raise ValueError(f"{function}: {name} is one of {', '.join(map(repr, choices))}, got {choice!r}")
    if not isinstance(max_nodes, int) or isinstance(max_nodes, bool):
        raise TypeError(f"{function}: max_nodes is an integer, got {got(max_nodes)}: write max_nodes=300")
    if max_nodes < 1:
        raise ValueError(f"{function}: max_nodes is at least 1, got {max_nodes}")


def _check_format(format: object) -> None:
    from graphviz import FORMATS

    if not isinstance(format, str):
        raise TypeError(f"draw_dot: format is a string, got {got(format)}: write format='svg'")
    if format.lower() not in FORMATS:
        raise ValueError(f"draw_dot: Graphviz has no format {format!r}: write format='svg', 'png' or 'pdf'")
