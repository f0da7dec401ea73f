"""How the page tells kinds of node apart: the one place where it says how each is drawn and called."""

from __future__ import annotations

from typing import NamedTuple

from autograd.graph import KINDS


class Style(NamedTuple):
    """How the boxes of a kind look.

    Attributes:
        label: what the kind is called in the list of shapes.
        line: the colour of the outline: of the style sheet's `--names` one.
        fill: the colour inside, on a light and on a dark page.
        corner: how far a corner is rounded or cut, in points.
        is_cut: whether it is cut.
        has_sides: whether there are lines inside the left and the right side.
    """

    label: str
    line: str
    fill: tuple[str, str]
    corner: int = 2
    is_cut: bool = False
    has_sides: bool = False


STYLES = {
    "leaf": Style("leaf", "upstream", ("#e3f0f9", "#132c3f"), corner=10),
    "parameter": Style("parameter", "green", ("#e0f3ec", "#10322a"), corner=8, is_cut=True),
    "constant": Style("constant", "quiet", ("#f1f1f1", "#23272e"), corner=13),
    "computed": Style("computed", "quiet", ("#ffffff", "#181c22")),
    "group": Style("several nodes", "local", ("#f2ecf7", "#2b2436"), has_sides=True),
}
"""By kind, those of single nodes first; a group stands for several nodes."""

assert tuple(STYLES) == (*KINDS, "group")


def shapes() -> dict[str, dict[str, object]]:
    """What travels in a page: of each kind what is not in the style sheet."""
    return {
        kind: {"label": style.label, "corner": style.corner, "isCut": style.is_cut, "hasSides": style.has_sides}
        for kind, style in STYLES.items()
    }


def colours() -> str:
    """What the style sheet says of kinds."""
    fills = [f"--{kind}: light-dark({style.fill[0]}, {style.fill[1]});" for kind, style in STYLES.items()]
    rules = [f"& .{kind} {{ --edge: var(--{style.line}); --fill: var(--{kind}); }}" for kind, style in STYLES.items()]
    return "\n".join([".chainrule-explorer {", *fills, *rules, "}\n"])
