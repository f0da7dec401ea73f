"""The picture of a graph as text for Mermaid, which GitHub, GitLab and many editors draw in Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from autograd.draw import dot
from autograd.draw.scene import scene_of

if TYPE_CHECKING:
    from autograd.draw.scene import Box
    from autograd.value import Value

_SHAPES = {
    "leaf": ("([", "])"),
    "parameter": ("{{", "}}"),
    "constant": ("(", ")"),
    "computed": ("[", "]"),
    "group": ("[[", "]]"),
}


def mermaid(root: Value, rankdir: str, collapse: str, max_nodes: int, shown: dot.Shown) -> str:
    """The text of `to_mermaid`."""
    scene = scene_of(root, collapse, max_nodes)
    shown = shown.checked(root)
    contents = dot.contents(scene, shown)
    lines = [f"flowchart {rankdir}"]
    for box, rows in zip(scene.boxes, contents):
        start, end = _SHAPES[box.kind]
        text = "<br>".join([" ".join([escaped(text) for text in row]) for row in rows if any(row)])
        lines.append(f'    {box.key}{start}"{text}"{end}:::{_class_of(box, root)}')
    for arrow in scene.arrows:
        line = "-->" if dot.flow_along(arrow).is_possible else "-.->"
        label = dot.edge_label(arrow, scene, shown)
        lines.append(f"    {arrow.operand} {line}{f'|{escaped(label)}|' if label else ''} {arrow.result}")
    for kind, attributes in dot.KINDS.items():
        lines.append(f"    classDef {kind} {_style(attributes)}")
    lines.append(f"    classDef root {_style(dot.KINDS['computed'] | dot.ROOT)},stroke-width:4px")
    caption = ". ".join(dot.captions(scene, shown))
    title = ["---", f"title: {json.dumps(caption, ensure_ascii=False)}", "---"] if caption else []
    return "\n".join([*title, *lines, ""])


def _class_of(box: Box, root: Value) -> str:
    return "root" if any(node is root for node in box.nodes) else box.kind


def _style(attributes: dot.Attributes) -> str:
    dashes = ",stroke-dasharray:4" if "dashed" in attributes["style"] else ""
    return f"fill:{attributes['fillcolor']},stroke:{attributes['color']},color:{dot.INK}{dashes}"


def escaped(text: str) -> str:
    """A text that means nothing to Mermaid, Markdown or HTML: what is neither letter, digit nor space by its number.

    Example:
        >>> escaped('a "b"')
        'a #34;b#34;'
    """
    return "".join([c if c.isalnum() or c in " ." or ord(c) > 127 else f"#{ord(c)};" for c in text])
