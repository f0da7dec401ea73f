"""Pictures of graphs. What they are drawn with is imported only when a picture is made."""

from __future__ import annotations

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the time that importing typing takes
if TYPE_CHECKING:
    from autograd.draw.dot import Picture
    from autograd.value import Value


def draw_dot(root: Value, format: str = "svg", rankdir: str = "LR", max_nodes: int = 300) -> Picture:
    """The graph that `root` was computed from, as a picture: one box per Value, one arrow per operand.

    A box shows the label, the operation, the number and its gradient (0 until `backward()` has run). Boxes with round
    corners are leaves, dashed ones the constants made of plain numbers, rectangles are computed, and the root has a
    double border. The arrows into a box come in the order of its operands, where the layout can; `a + a` has two.

    A notebook shows the picture; `.render("graph")` writes it to graph.svg and its DOT source to graph; `.pipe()` gives
    its bytes, `.source` its DOT source. The layout is done by Graphviz's program `dot` or else by the Python package
    pygraphviz. Where there is neither, a notebook shows the graph as text.

    Args:
        root: the result to draw; a leaf is drawn alone.
        format: what `.render()` and `.pipe()` make: "svg", "png", "pdf" or another format of Graphviz.
        rankdir: where the arrows point: "LR" left to right, "TB" top to bottom, "RL", "BT".
        max_nodes: above this many nodes the leaves are left out, and if that is not enough the computed nodes furthest
            from the root. A caption says how many.

    Returns:
        A `graphviz.Digraph`.

    Raises:
        TypeError: `root` is not a Value, or an argument has the wrong type.
        ValueError: there is no such format or direction, or `max_nodes` is below 1.

    Example:
        >>> from autograd import Value
        >>> a, b = Value(2.0, label="a"), Value(-3.0, label="learning rate")
        >>> picture = draw_dot(a * b + a)
        >>> "learning rate" in picture.source
        True
        >>> picture.source.count("->")
        4
    """
    from autograd.draw.dot import draw

    return draw(root, format, rankdir, max_nodes)
