"""How a scene looks in DOT, the language of Graphviz: a box is a small HTML table, an arrow is as wide as its gradient.

What kind of node a box is can be told by its shape, its border and its colour alike. The colours are after Okabe and
Ito's, which the colour-blind tell apart, and stand on a background of their own.
"""

from __future__ import annotations

import html
import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from autograd import primitives
from autograd.draw.labels import LONGEST, counted, one_line
from autograd.freshness import NOT_OF_NOW, Freshness, freshness_of
from autograd.graph import topological_order
from autograd.value import CONSTANT, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from autograd.draw.highlight import Highlight
    from autograd.draw.scene import Arrow, Box, Scene

    Attributes = dict[str, str]


class Shown(NamedTuple):
    """What a picture shows beside boxes, arrows and titles.

    Attributes:
        values: the numbers.
        gradients: the gradients, as numbers and as the width of arrows.
        local_derivatives: the local derivative of every edge.
        highlight: what is drawn strong, everything else being muted.
        freshness: which numbers and gradients do not belong to the others.
    """

    values: bool = True
    gradients: bool = True
    local_derivatives: bool = False
    highlight: Highlight | None = None
    freshness: Freshness = Freshness()

    def checked(self, root: Value) -> Shown:
        """The same, with the freshness of the graph behind `root` as far as it is shown."""
        found = freshness_of(topological_order(root)) if self.values or self.gradients else Freshness()
        none = Freshness()
        outdated = found.outdated if self.values else none.outdated
        return self._replace(freshness=Freshness(outdated, found.foreign if self.gradients else none.foreign))


_FONT = "Helvetica,Arial,sans-serif"
INK, _SOFT = "#1a1a1a", "#5c5c5c"
_FAINT, _FAINT_LINE = "#b4b4b4", "#d6d6d6"  # of what is muted beside a highlight
_ALARM = "#c44e00"

GRAPH = {
    "bgcolor": "white",
    "fontcolor": _SOFT,
    "fontname": _FONT,
    "fontsize": "11",
    "labelloc": "b",
    "nodesep": "0.2",
    "ordering": "in",
    "pad": "0.2",
    "ranksep": "0.45",
}
LEGEND = {"label": "legend", "color": _FAINT_LINE, "fontsize": "11", "labelloc": "t", "margin": "10"}
NODE = {"fontcolor": INK, "fontname": _FONT, "fontsize": "11", "margin": "0.08,0.05", "penwidth": "1.2", "shape": "box"}
EDGE = {"arrowsize": "0.6", "color": _SOFT, "fontcolor": _SOFT, "fontname": _FONT, "fontsize": "10"}

_ELLIPSE = {"shape": "ellipse", "margin": "0", "width": "0.4", "height": "0"}
KINDS: dict[str, Attributes] = {
    "leaf": {"style": "rounded,filled", "color": "#0072b2", "fillcolor": "#e6f1f9"},
    "parameter": {"style": "diagonals,filled", "color": "#00795a", "fillcolor": "#e2f3ec", "margin": "0.14,0.07"},
    "constant": {"style": "dashed,filled", "color": "#767676", "fillcolor": "#f5f5f5", **_ELLIPSE},
    "computed": {"style": "filled", "color": "#4d4d4d", "fillcolor": "#ffffff"},
    "group": {"style": "filled", "color": "#8f3f7f", "fillcolor": "#f7eef5", "margin": "0", "height": "0"},
}
ROOT = {"color": _ALARM, "fillcolor": "#fdefe4", "peripheries": "2"}

# ---------------------------------------------------------------------------------------------------------------------
# Boxes
# ---------------------------------------------------------------------------------------------------------------------


def boxes(scene: Scene, shown: Shown, contents: Iterable[list[Row]]) -> Iterator[tuple[str, str, Attributes]]:
    """The key, the label and the other attributes of every box with these contents."""
    for box, rows in zip(scene.boxes, contents):
        look = dict(KINDS[box.kind])
        if any(node is scene.root for node in box.nodes):
            look |= ROOT
        is_muted = False
        if shown.highlight:
            places = shown.highlight.of(box.nodes)
            is_muted = not places
            if is_muted:
                look |= {"color": _FAINT_LINE, "fillcolor": "#ffffff"}
            else:
                look |= {"penwidth": "2.5", **shown.highlight.colours(places)}
                tag = one_line(shown.highlight.tag(places))
                rows = [*rows, (tag,)] if tag else rows
        yield box.key, _table(box.kind, rows, look["color"], is_muted), look


_MANY_BOXES, _VERY_MANY_BOXES = 30, 100

OLD_DATA, _FOREIGN_GRADIENT = "old data", "grad*"

Row = tuple[str, ...]
"""One text in the middle, or one at the left and one at the right. The first row is the title."""


def contents(scene: Scene, shown: Shown) -> list[list[Row]]:
    """What stands in each of the boxes; less where there are many."""
    in_short = len(scene.boxes) > _MANY_BOXES
    return [_rows(box, scene.root, shown, in_short) for box in scene.boxes]


def _rows(box: Box, root: Value, shown: Shown, in_short: bool) -> list[Row]:
    first = box.nodes[0]
    if box.kind == "constant" and len(box.nodes) == 1:
        number = f"{first._data:.4g}" if shown.values else "" if first.label else "constant"
        return [(one_line(first.label),), *([(number,)] if number else [])]
    rows = [_title(box)]
    if box.kind == "group":
        rows += [] if in_short else [(line,) for line in _inside(box)]
    elif box.kind == "computed" and len(box.nodes) == 1 and first._primitive is primitives.dot:
        rows.append((products(first),))
    elif first._left is None and len(box.nodes) > 1 and not box.title.startswith(f"{len(box.nodes):,} "):
        rows.append((f"{len(box.nodes):,} {_many(box.kind)}",))
    nodes = _results(box, root)
    if shown.values:
        name = "data" if shown.freshness.outdated.isdisjoint(nodes) else OLD_DATA
        rows.append((name, extent([node._data for node in nodes])))
    if shown.gradients and box.kind != "constant":
        gradients = [node._grad for node in nodes if node._grad is not None]
        name = "grad" if shown.freshness.foreign.isdisjoint(nodes) else _FOREIGN_GRADIENT
        rows.append((name, extent(gradients)) if gradients else ("no gradient yet",))
    return rows


def _title(box: Box) -> Row:
    first, times = box.nodes[0], f"× {box.count:,}"
    if len(box.nodes) == 1 and box.kind != "group":
        texts = tuple([text for text in map(one_line, (first.label, first._op)) if text])
        return texts or (("",) if box.kind == "computed" else (box.kind,))
    return (one_line(box.title), times) if box.count > 1 else (one_line(box.title),)


def _inside(box: Box) -> list[str]:
    """How many of what operation there are in a group, or in each of the repeats that it stands for."""
    operations = Counter([node._primitive for node in box.nodes if node._left is not None]).most_common()
    texts = [f"{n // box.count:,} {one_line(row.symbol)}" for row, n in operations if n // box.count > 1]
    texts += [one_line(row.symbol) for row, n in operations if n // box.count == 1]
    inside = [", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")]
    parameters = sum([node._left is None and node._primitive is not CONSTANT for node in box.nodes])
    return inside + ([f"{parameters:,} {_many('parameter') if parameters > 1 else 'parameter'}"] if parameters else [])


def _many(kind: str) -> str:
    return "leaves" if kind == "leaf" else f"{kind}s"


def _results(box: Box, root: Value) -> Sequence[Value]:
    """The nodes whose numbers a box shows: of a group those that are not only steps on the way to others in it."""
    if box.kind != "group":
        return box.nodes
    inside = set().union(*[node.parents for node in box.nodes])
    return [node for node in box.nodes if node is root or (node not in inside and node._left is not None)]


def products(node: Value) -> str:
    """The sum of products that a `dot` node is, in the names of its operands.

    Example:
        >>> from autograd import dot
        >>> w, x = [Value(1.0, label="w1"), Value(2.0, label="w2")], [Value(0.5, label="x1"), 3.0]
        >>> products(dot(w, x))
        'w1·x1 + w2·3'
    """
    operands = node.parents
    count = len(operands) // 2
    text = ""
    for k, (x, y) in enumerate(zip(operands[:count], operands[count:])):
        term = f"{_called(x)}·{_called(y)}"
        if len(text) + len(term) > LONGEST:
            return f"{text} + … ({count} products)" if k else f"{count} products"
        text += f" + {term}" if k else term
    return text


def _called(node: Value) -> str:
    return one_line(node.label) or (f"{node._data:.3g}" if node._left is None else one_line(node._op))


def extent(numbers: Sequence[float]) -> str:
    """A number, or the smallest and the largest of several.

    Example:
        >>> extent([1.0]), extent([0.25, -3.0, 2.0]), extent([1.0, math.nan])
        ('1', '-3 … 2', '1, nan')
    """
    known = [number for number in numbers if number == number]
    ends = dict.fromkeys([f"{number:.4g}" for number in (min(known), max(known))] if known else [])
    return " … ".join(ends) + ((", nan" if ends else "nan") if len(known) < len(numbers) else "")


def _table(kind: str, rows: Sequence[Row], border: str, is_muted: bool = False) -> str:
    """The rows as a table in Graphviz's HTML. A group has a double line at each side."""
    ink, soft = (_FAINT, _FAINT) if is_muted else (INK, _SOFT)
    lines = [_line(row, k == 0, ink, soft) for k, row in enumerate(rows)]
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(lines)}</TABLE>'
    if kind != "group":
        return f"<{table}>"
    side = '<TD WIDTH="4" CELLPADDING="0"></TD>'
    return (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="5" COLOR="{border}"><TR>'
        f"{side}<VR/><TD>{table}</TD><VR/>{side}</TR></TABLE>>"
    )


def _line(row: Row, is_title: bool, ink: str, soft: str) -> str:
    texts = [_escaped(text) for text in row]
    if is_title:
        cells = [f'<FONT COLOR="{ink}" POINT-SIZE="13"><B>{text}</B></FONT>' if text else "" for text in texts]
        cells[1:] = [f'<FONT COLOR="{ink}" POINT-SIZE="13">&#160;&#160;{text}</FONT>' for text in texts[1:]]
    elif len(row) == 1:
        cells = [f'<FONT COLOR="{soft}" POINT-SIZE="10">{texts[0]}</FONT>']
    else:
        cells = [f'<FONT COLOR="{soft}">{texts[0]}&#160;&#160;</FONT>', f'<FONT COLOR="{ink}">{texts[1]}</FONT>']
    if len(row) == 1:
        return f'<TR><TD COLSPAN="2">{cells[0]}</TD></TR>' if texts[0] else ""
    return f'<TR><TD ALIGN="LEFT">{cells[0]}</TD><TD ALIGN="RIGHT">{cells[1]}</TD></TR>'


def _escaped(text: str) -> str:
    return html.escape(text).replace("\\", r"\\").replace("]", "&#93;")  # alone it is an error in Graphviz 2


def as_html(lines: Iterable[str]) -> str:
    """Lines of text as a label that means nothing to Graphviz or HTML.

    Example:
        >>> as_html(["a & b", "c"])
        '<a &amp; b<BR/>c>'
    """
    return f"<{'<BR/>'.join(map(_escaped, lines))}>"


# ---------------------------------------------------------------------------------------------------------------------
# Arrows
# ---------------------------------------------------------------------------------------------------------------------

_MANY_ARROWS = 60
"""With more than these, arrows do not say for how many edges they stand."""

_THINNEST, _WIDEST, _DECADES = 0.5, 3.4, 3.0
_WIDEST_OF_MANY = 1.6


def arrows(scene: Scene, shown: Shown) -> Iterator[tuple[str, str, Attributes]]:
    """The keys of operand and result, and the attributes of every arrow."""
    flows = [flow_along(arrow) for arrow in scene.arrows]
    largest = max([flow.gradient for flow in flows if flow.gradient and math.isfinite(flow.gradient)], default=0.0)
    widest = _WIDEST_OF_MANY if are_many(scene) else _WIDEST
    for arrow, flow in zip(scene.arrows, flows):
        label = edge_label(arrow, scene, shown)
        if not flow.is_possible:
            look = {"style": "dashed", "color": "#9a9a9a", "penwidth": "0.8"}
        elif not shown.gradients or flow.gradient is None:
            look = {}
        else:
            look = _line_of(flow.gradient, largest, widest)
            if not math.isfinite(flow.gradient):
                label = f"{label} ({flow.gradient})" if label else str(flow.gradient)
        if shown.highlight:
            look |= shown.highlight.line(arrow) or {"color": _FAINT_LINE, "fontcolor": _FAINT, "penwidth": "0.6"}
        yield arrow.operand, arrow.result, look | ({"label": _padded(label)} if label else {})


class Flow(NamedTuple):
    """What flows backward along an arrow.

    Attributes:
        gradient: the sum over its edges of |upstream gradient * local derivative|; None before there is a gradient.
        is_possible: whether any of its edges has a local derivative.
    """

    gradient: float | None
    is_possible: bool


def flow_along(arrow: Arrow) -> Flow:
    """What flows backward along an arrow.

    Example:
        >>> from autograd.draw.scene import scene_of
        >>> a = Value(3.0)
        >>> b = a * 2
        >>> b.backward()
        >>> [flow_along(arrow).gradient for arrow in scene_of(b).arrows]
        [2.0, 0.0]
    """
    total: float | None = None
    is_possible = False
    result: Value | None = None
    for node, position in arrow.edges:
        if node is not result:
            result, upstream, derivatives = node, node._grad, node._edges()
            if total is None and upstream is not None:
                total = 0.0
        local = derivatives[position]
        if local is not None:
            is_possible = True
            if total is not None and upstream is not None:
                total += abs(upstream * local)
    return Flow(total, is_possible)


def _line_of(gradient: float, largest: float, widest: float) -> Attributes:
    """The width says the gradient, on a logarithmic scale over three decades below the largest."""
    if not math.isfinite(gradient):
        return {"color": _ALARM, "penwidth": f"{widest:g}"}
    if gradient == 0.0:
        return {"color": "#9a9a9a", "penwidth": f"{_THINNEST:g}"}
    decades = math.log10(largest) - math.log10(gradient)
    return {"penwidth": f"{_THINNEST + (widest - _THINNEST) * max(0.0, 1.0 - decades / _DECADES):.2f}"}


def _padded(label: str) -> str:
    """A label of an arrow that keeps clear of it."""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4"><TR><TD>{label}</TD></TR></TABLE>>'


def edge_label(arrow: Arrow, scene: Scene, shown: Shown) -> str:
    if len(arrow.edges) > 1:
        return f"×{len(arrow.edges):,}" if len(scene.arrows) <= _MANY_ARROWS else ""
    if not shown.local_derivatives:
        return ""
    ((node, position),) = arrow.edges
    local = node._edges()[position]
    return "" if local is None else f"{float(local):.4g}"


def are_many(scene: Scene) -> bool:
    """Whether there are so many arrows that they would hide each other."""
    return len(scene.arrows) > 2 * len(scene.boxes) + _MANY_ARROWS


def layout(scene: Scene, rankdir: str) -> tuple[Attributes, Attributes]:
    """What is different for the graph and for its arrows where there are many boxes or arrows."""
    graph = {"nslimit": "2"} if len(scene.boxes) > _VERY_MANY_BOXES else {}  # where else tangled graphs take seconds
    if not are_many(scene):
        return graph, {}
    tail, head = _SIDES[rankdir]  # straight lines between distant boxes, from side to side
    return graph | {"splines": "line", "ranksep": "1.6"}, {"tailport": tail, "headport": head, "arrowsize": "0.4"}


_SIDES = {"LR": ("e", "w"), "RL": ("w", "e"), "TB": ("s", "n"), "BT": ("n", "s")}


def captions(scene: Scene, shown: Shown) -> list[str]:
    """What was folded or left out, what the highlight means, and which numbers do not belong to the others."""
    said = [scene.caption]
    if len(scene.arrows) > _MANY_ARROWS and any(len(arrow.edges) > 1 for arrow in scene.arrows):
        said.append("an arrow stands for all edges between its boxes")
    if shown.highlight and (missing := shown.highlight.not_drawn(scene)):
        said.append(f"{missing} of the highlighted nodes not drawn")
    together = ". ".join([text for text in said if text])
    return [*([together] if together else []), *warnings(shown)]


def warnings(shown: Shown) -> list[str]:
    """Which numbers do not belong to the others.

    Example:
        >>> a = Value(2.0)
        >>> b = a * a
        >>> a.data = 1.0
        >>> warnings(Shown().checked(b))
        ['old data (1 node): not what the leaves give now, as after an optimizer step. Run the forward pass again']
    """
    said = []
    if number := len(shown.freshness.outdated):
        said.append(f"{OLD_DATA} ({counted(number, 'node', 'nodes')}): {NOT_OF_NOW}. Run the forward pass again")
    if number := len(shown.freshness.foreign):
        said.append(
            f"{_FOREIGN_GRADIENT} ({counted(number, 'node', 'nodes')}): not from one backward() of the root alone. "
            "Leaves add up all passes until zero_grad()"
        )
    return said


# ---------------------------------------------------------------------------------------------------------------------
# The legend
# ---------------------------------------------------------------------------------------------------------------------

_ABOUT_ARROWS = ("width: the gradient that flows,", "upstream gradient × local derivative", "dashed: none can flow")
_MEANINGS = {
    "leaf": ("leaf", "made from a number"),
    "parameter": ("parameter", "a leaf that is trained"),
    "constant": ("constant", "has no gradient"),
    "computed": ("computed", "the result of an operation"),
    "group": ("group", "several nodes, folded"),
    "root": ("root", "what is differentiated"),
}


LEGEND_ROWS = (
    ("legend_leaf", "legend_computed"),
    ("legend_parameter", "legend_group"),
    ("legend_constant", "legend_root"),
)


def legend() -> Iterator[tuple[str, str, Attributes]]:
    """The key, label and attributes of one box for each kind of node, and of the lines about arrows."""
    for kind, rows in _MEANINGS.items():
        look = KINDS["computed"] | ROOT if kind == "root" else KINDS[kind]
        yield f"legend_{kind}", _table(kind, [(row,) for row in rows], look["color"]), look
    yield "legend_arrows", _table("", [("",), *[(line,) for line in _ABOUT_ARROWS]], _SOFT), {"shape": "plain"}


# ---------------------------------------------------------------------------------------------------------------------


def as_text(scene: Scene, shown: Shown, contents: Iterable[list[Row]]) -> str:
    """The graph in words, one line per box, for where there are no pictures."""
    operands: dict[str, list[str]] = {box.key: [] for box in scene.boxes}
    edges: Counter[str] = Counter()
    for arrow in scene.arrows:
        operands[arrow.result].append(arrow.operand)
        edges[arrow.result] += len(arrow.edges)
    lines = []
    for box, rows in zip(scene.boxes, contents):
        first = box.nodes[0]
        name = one_line(first.label) if len(box.nodes) == 1 and box.kind != "group" else one_line(box.title)
        if first._left is None and box.kind != "group":
            parts = [f"{box.key} = {box.kind}", name]
        else:
            others = ["…"] if len(box.nodes) == 1 and len(first.parents) > edges[box.key] else []
            made_by = one_line(box.title if box.kind == "group" else first._op)
            parts = [f"{box.key} = {made_by}({', '.join(operands[box.key] + others)})"]
            parts.append(f"× {box.count:,}" if box.count > 1 else name if box.kind != "group" else "")
        if box.kind == "constant" and len(box.nodes) == 1:
            rows = [(), ("data", extent([first._data]))] if shown.values else []
        lines.append("  ".join([part for part in (*parts, *[" ".join(row) for row in rows[1:]]) if part]))
    return "\n".join([*lines, *([scene.caption] if scene.caption else []), *warnings(shown)])
