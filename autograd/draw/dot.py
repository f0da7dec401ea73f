"""A picture in DOT, the language of Graphviz: a box is a small HTML table, an arrow is as wide as its gradient."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, NamedTuple

from autograd.draw.style import ALARM, CLOSED, FAINT, FAINT_LINE, INK, SOFT, STYLES, attributes_of
from autograd.graph import edges
from autograd.names import in_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from autograd.draw.content import Content, Row
    from autograd.draw.scene import Arrow, Scene
    from autograd.draw.style import Attributes
    from autograd.value import Value

# ---------------------------------------------------------------------------------------------------------------------
# Boxes
# ---------------------------------------------------------------------------------------------------------------------


def boxes(content: Content) -> Iterator[tuple[str, str, Attributes]]:
    """The key, the label and the other attributes of every box."""
    highlight = content.shown.highlight
    for box, rows in zip(content.scene.boxes, content.rows):
        attributes = attributes_of(box.kind, any(node is content.scene.root for node in box.nodes))
        places = highlight.of(box.nodes) if highlight else []
        is_muted = highlight is not None and not places
        if is_muted:
            attributes |= {"color": FAINT_LINE, "fillcolor": "#ffffff"}
        elif highlight:
            attributes |= {"penwidth": "2.5", **highlight.colors(places)}
            tag = in_picture(highlight.tag(places))
            rows = [*rows, (tag,)] if tag else rows
        yield box.key, _table(box.kind, rows, attributes["color"], is_muted), attributes


def _table(kind: str, rows: Sequence[Row], border: str, is_muted: bool = False) -> str:
    """The rows as a table in Graphviz's HTML. A group has a double line at each side."""
    ink, soft = (FAINT, FAINT) if is_muted else (INK, SOFT)
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
    """Lines of text as a label escaped for Graphviz and HTML."""
    return f"<{'<BR/>'.join(map(_escaped, lines))}>"


# ---------------------------------------------------------------------------------------------------------------------
# Arrows
# ---------------------------------------------------------------------------------------------------------------------

_THINNEST, _WIDEST, _DECADES = 0.5, 3.4, 3.0
_WIDEST_OF_MANY = 1.6


def arrows(content: Content) -> Iterator[tuple[str, str, Attributes]]:
    """The keys of operand and result, and the attributes of every arrow."""
    scene, shown = content.scene, content.shown
    flows = [flow_along(arrow) for arrow in scene.arrows]
    largest = max([flow.gradient for flow in flows if flow.gradient and math.isfinite(flow.gradient)], default=0.0)
    widest = _WIDEST_OF_MANY if _are_many(scene) else _WIDEST
    for arrow, flow in zip(scene.arrows, flows):
        label, attributes = content.at(arrow), dict[str, str]()
        if not flow.is_possible:
            attributes = {"style": "dashed", "color": CLOSED, "penwidth": "0.8"}
        elif shown.gradients and flow.gradient is not None:
            attributes = _line_of(flow.gradient, largest, widest)
            if not math.isfinite(flow.gradient):
                label = f"{label} ({flow.gradient})" if label else str(flow.gradient)
        if shown.highlight:
            attributes |= shown.highlight.line(arrow)
        yield arrow.operand, arrow.result, attributes | ({"label": _padded(label)} if label else {})


class Flow(NamedTuple):
    """What flows backward along an arrow."""

    gradient: float | None  # the sum of |upstream gradient * local derivative|; None before there is a gradient
    is_possible: bool  # whether any of its edges has a local derivative


def flow_along(arrow: Arrow) -> Flow:
    """What flows backward along an arrow, all of its edges together."""
    total: float | None = None
    is_possible = False
    result: Value | None = None
    for node, position in arrow.edges:
        if node is not result:
            result, recorded = node, edges(node)
            upstream = node.grad if node.has_grad else None
            if total is None and upstream is not None:
                total = 0.0
        local = recorded[position][1]
        if local is not None:
            is_possible = True
            if total is not None and upstream is not None:
                total += abs(upstream * local)
    return Flow(total, is_possible)


def _line_of(gradient: float, largest: float, widest: float) -> Attributes:
    """The width shows the size of the gradient, on a logarithmic scale over three decades below the largest."""
    if not math.isfinite(gradient):
        return {"color": ALARM, "penwidth": f"{widest:g}"}
    if gradient == 0.0:
        return {"color": CLOSED, "penwidth": f"{_THINNEST:g}"}
    decades = math.log10(largest) - math.log10(gradient)
    return {"penwidth": f"{_THINNEST + (widest - _THINNEST) * max(0.0, 1.0 - decades / _DECADES):.2f}"}


def _padded(label: str) -> str:
    """A label of an arrow that keeps clear of it."""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4"><TR><TD>{label}</TD></TR></TABLE>>'


# ---------------------------------------------------------------------------------------------------------------------
# The whole, and the legend
# ---------------------------------------------------------------------------------------------------------------------

_VERY_MANY_BOXES = 100
_SIDES = {"LR": ("e", "w"), "RL": ("w", "e"), "TB": ("s", "n"), "BT": ("n", "s")}


def spacing(scene: Scene, rankdir: str) -> tuple[Attributes, Attributes]:
    """What is different for the graph and for its arrows where there are many boxes or arrows."""
    graph = {"nslimit": "2"} if len(scene.boxes) > _VERY_MANY_BOXES else {}  # where else tangled graphs take seconds
    if not _are_many(scene):
        return graph, {}
    tail, head = _SIDES[rankdir]  # straight lines between distant boxes, from side to side
    return graph | {"splines": "line", "ranksep": "1.6"}, {"tailport": tail, "headport": head, "arrowsize": "0.4"}


def _are_many(scene: Scene) -> bool:
    """Whether there are so many arrows that they would hide each other."""
    return len(scene.arrows) > 2 * len(scene.boxes) + 60


_ABOUT_ARROWS = ("width: the gradient that flows,", "upstream gradient × local derivative", "dashed: none can flow")


def legend() -> Iterator[tuple[str, str, Attributes]]:
    """The key, label and attributes of one box for each kind of node, and of the lines about arrows."""
    for kind, style in STYLES.items():
        attributes = attributes_of("computed", is_root=True) if kind == "root" else attributes_of(kind)
        yield f"legend_{kind}", _table(kind, [(kind,), (style.meaning,)], style.line), attributes
    yield "legend_arrows", _table("", [("",), *[(line,) for line in _ABOUT_ARROWS]], SOFT), {"shape": "plain"}


def legend_rows() -> Iterator[tuple[str, str]]:
    """The keys of the boxes that stand side by side."""
    keys = [f"legend_{kind}" for kind in STYLES]
    return zip(keys[:3], keys[3:])
