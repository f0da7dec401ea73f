"""A picture as text: in words, for where nothing can be drawn, and for Mermaid, which many editors draw in Markdown."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from autograd.draw.content import extent
from autograd.draw.dot import flow_along
from autograd.draw.style import INK, STYLES
from autograd.names import in_picture

if TYPE_CHECKING:
    from autograd.draw.content import Content


def as_text(content: Content) -> str:
    """The graph in words, one line per box."""
    operands: dict[str, list[str]] = {box.key: [] for box in content.scene.boxes}
    edges: Counter[str] = Counter()
    for arrow in content.scene.arrows:
        operands[arrow.result].append(arrow.operand)
        edges[arrow.result] += len(arrow.edges)
    lines = []
    for box, rows in zip(content.scene.boxes, content.rows):
        first = box.nodes[0]
        name = in_picture(first.label if box.is_one else box.title)
        if first.is_leaf and box.kind != "group":
            parts = [f"{box.key} = {box.kind}", name]
        else:
            others = ["…"] if len(box.nodes) == 1 and len(first.operands) > edges[box.key] else []
            made_by = in_picture(first.primitive.symbol if box.kind != "group" and first.primitive else box.title)
            parts = [f"{box.key} = {made_by}({', '.join(operands[box.key] + others)})"]
            parts.append(f"× {box.count:,}" if box.count > 1 else name if box.kind != "group" else "")
        if box.is_one and box.kind == "constant":
            rows = [(), ("data", extent([first.data]))] if content.shown.values else []
        lines.append("  ".join([part for part in (*parts, *[" ".join(row) for row in rows[1:]]) if part]))
    return "\n".join([*lines, *([content.scene.caption] if content.scene.caption else []), *content.warnings])


def mermaid(content: Content, rankdir: str) -> str:
    """The text of `to_mermaid`."""
    scene = content.scene
    lines = [f"flowchart {rankdir}"]
    for box, rows in zip(scene.boxes, content.rows):
        start, end = STYLES[box.kind].mermaid
        text = "<br>".join([" ".join([escaped(text) for text in row]) for row in rows if any(row)])
        kind = "root" if any(node is scene.root for node in box.nodes) else box.kind
        lines.append(f'    {box.key}{start}"{text}"{end}:::{kind}')
    for arrow in scene.arrows:
        line, label = "-->" if flow_along(arrow).is_possible else "-.->", content.at(arrow)
        lines.append(f"    {arrow.operand} {line}{f'|{escaped(label)}|' if label else ''} {arrow.result}")
    for kind, style in STYLES.items():
        special = ",stroke-width:4px" if kind == "root" else ",stroke-dasharray:4" if kind == "constant" else ""
        lines.append(f"    classDef {kind} fill:{style.fill},stroke:{style.line},color:{INK}{special}")
    caption = ". ".join(content.captions())
    title = ["---", f"title: {json.dumps(caption, ensure_ascii=False)}", "---"] if caption else []
    return "\n".join([*title, *lines, ""])


def escaped(text: str) -> str:
    """A text escaped for Mermaid, Markdown and HTML: what is neither letter, digit nor space is given by its number."""
    return "".join([c if c.isalnum() or c in " ." or ord(c) > 127 else f"#{ord(c)};" for c in text])
