"""How pictures and pages look: colors, shapes and words for each kind of box, and what is alike in all of them.

What kind of node a box is can be told by its shape, its border and its color alike. The colors are after Okabe and
Ito's, which the color-blind tell apart, and stand on a background of their own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Attributes = dict[str, str]

INK, SOFT = "#1a1a1a", "#5c5c5c"
FAINT, FAINT_LINE = "#b4b4b4", "#d6d6d6"  # of what is muted beside a highlight
ALARM = "#c44e00"
CLOSED = "#9a9a9a"  # of arrows along which nothing flows


class Style(NamedTuple):
    """How boxes of one kind are drawn."""

    fill: str
    line: str
    meaning: str  # what a legend says of the kind
    dot: Attributes  # what else Graphviz is told
    mermaid: tuple[str, str]  # what Mermaid has around the text
    many: str = ""  # what several leaves of the kind are called


_ELLIPSE = {"style": "dashed,filled", "shape": "ellipse", "margin": "0", "width": "0.4", "height": "0"}
_GROUP = {"style": "filled", "margin": "0", "height": "0"}
_DIAGONALS = {"style": "diagonals,filled", "margin": "0.14,0.07"}

STYLES = {
    "leaf": Style("#e6f1f9", "#0072b2", "made from a number", {"style": "rounded,filled"}, ("([", "])"), "leaves"),
    "parameter": Style("#e2f3ec", "#00795a", "a leaf that is trained", _DIAGONALS, ("{{", "}}"), "parameters"),
    "constant": Style("#f5f5f5", "#767676", "has no gradient", _ELLIPSE, ("(", ")"), "constants"),
    "computed": Style("#ffffff", "#4d4d4d", "the result of an operation", {"style": "filled"}, ("[", "]")),
    "group": Style("#f7eef5", "#8f3f7f", "several nodes, folded", _GROUP, ("[[", "]]")),
    "root": Style("#fdefe4", ALARM, "what is differentiated", {"peripheries": "2"}, ("[", "]")),
}
"""The kinds of `autograd.graph.KINDS`; a group; and the root, whose style is put over that of its kind."""

ON_PAGE: dict[str, dict[str, Any]] = {
    "leaf": {"label": "leaf", "line": "upstream", "fill": ("#e3f0f9", "#132c3f"), "corner": 10},
    "parameter": {"label": "parameter", "line": "green", "fill": ("#e0f3ec", "#10322a"), "corner": 8, "isCut": True},
    "constant": {"label": "constant", "line": "quiet", "fill": ("#f1f1f1", "#23272e"), "corner": 13},
    "computed": {"label": "computed", "line": "quiet", "fill": ("#ffffff", "#181c22"), "corner": 2},
    "group": {"label": "several nodes", "line": "local", "fill": ("#f2ecf7", "#2b2436"), "corner": 2, "hasSides": True},
}
"""The same on the explorer's page, which may be light or dark. `line` is the outline's color, by its name in the style
sheet; `fill` the color inside, on light and on dark; `corner` the size of the corners, which are round unless `isCut`;
with `hasSides` there are lines inside the left and the right side."""


def attributes_of(kind: str, is_root: bool = False) -> Attributes:
    """What Graphviz is told of a box."""
    attributes: Attributes = {}
    for style in (STYLES[kind], *([STYLES["root"]] if is_root else [])):
        attributes |= {"color": style.line, "fillcolor": style.fill, **style.dot}
    return attributes


_FONT = "Helvetica,Arial,sans-serif"

GRAPH = {
    "bgcolor": "white",
    "fontcolor": SOFT,
    "fontname": _FONT,
    "fontsize": "11",
    "labelloc": "b",
    "nodesep": "0.2",
    "ordering": "in",
    "pad": "0.2",
    "ranksep": "0.45",
}
LEGEND = {"label": "legend", "color": FAINT_LINE, "fontsize": "11", "labelloc": "t", "margin": "10"}
NODE = {"fontcolor": INK, "fontname": _FONT, "fontsize": "11", "margin": "0.08,0.05", "penwidth": "1.2", "shape": "box"}
EDGE = {"arrowsize": "0.6", "color": SOFT, "fontcolor": SOFT, "fontname": _FONT, "fontsize": "10"}

_OF_KINDS = [(STYLES[kind].line, STYLES[kind].fill) for kind in ("leaf", "root", "parameter")]
MARKED = (*_OF_KINDS, ("#806000", "#faf3d9"))
"""Line and filling of the first, the second, ... of several highlighted sets."""
SHARED = ("#7a2a6a", "#f5e6f1")
"""The same for what several of them share."""
