"""How the page tells kinds of node apart: the one place that says how each is drawn and called."""

from __future__ import annotations

from typing import Any

STYLES: dict[str, dict[str, Any]] = {
    "leaf": {"label": "leaf", "line": "upstream", "fill": ("#e3f0f9", "#132c3f"), "corner": 10},
    "parameter": {"label": "parameter", "line": "green", "fill": ("#e0f3ec", "#10322a"), "corner": 8, "isCut": True},
    "constant": {"label": "constant", "line": "quiet", "fill": ("#f1f1f1", "#23272e"), "corner": 13},
    "computed": {"label": "computed", "line": "quiet", "fill": ("#ffffff", "#181c22"), "corner": 2},
    "group": {"label": "several nodes", "line": "local", "fill": ("#f2ecf7", "#2b2436"), "corner": 2, "hasSides": True},
}
"""By kind, in the order of `graph.KINDS`; a group stands for several nodes. `line` is the outline's colour, by its name
in the style sheet; `fill` the colour inside, on light and on dark; `corner` the size of the corners, which are round
unless `isCut`; with `hasSides` there are lines inside the left and the right side."""


def colours() -> str:
    """What the style sheet says of kinds."""
    fills = [f"--{kind}: light-dark({', '.join(style['fill'])});" for kind, style in STYLES.items()]
    rules = [
        f"& .{kind} {{ --edge: var(--{style['line']}); --fill: var(--{kind}); }}" for kind, style in STYLES.items()
    ]
    return "\n".join([".chainrule-explorer {", *fills, *rules, "}\n"])
