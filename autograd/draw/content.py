"""What a picture says: the texts in its boxes, at its arrows and below it, whatever it is drawn with."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from autograd import table
from autograd.draw.style import STYLES
from autograd.freshness import NOT_OF_NOW, foreign, outdated
from autograd.graph import read_data, read_grads, topological_order
from autograd.names import counted, in_picture, label_or_symbol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autograd.draw.highlight import Highlight
    from autograd.draw.scene import Arrow, Box, Scene
    from autograd.value import Value

    Row = tuple[str, ...]  # one text in the middle, or one at the left and one at the right; the first is the title

_MANY_BOXES = 30
"""With more than these, boxes do not say what is inside of them."""
_MANY_ARROWS = 60
"""With more than these, arrows do not say for how many edges they stand."""
_LONGEST = 40

OLD_DATA, _FOREIGN_GRADIENT = "old data", "grad*"


class Shown(NamedTuple):
    """What a picture shows beside boxes, arrows and titles."""

    values: bool = True
    gradients: bool = True  # as numbers and as the width of arrows
    local_derivatives: bool = False  # of every edge
    highlight: Highlight | None = None  # what is drawn strong, everything else being muted


class Content:
    """What is said of a scene: of each box its rows, of which the first is its title, and warnings of stale numbers."""

    def __init__(self, scene: Scene, shown: Shown) -> None:
        self.scene, self.shown = scene, shown
        order = topological_order(scene.root)
        self._outdated = outdated(order) if shown.values else frozenset()
        self._foreign = foreign(order) if shown.gradients else frozenset()
        self.rows = [self._rows_of(box) for box in scene.boxes]
        self.warnings = about_old_data(self._outdated)
        if self._foreign:
            said = f"{_FOREIGN_GRADIENT} ({counted(len(self._foreign), 'node')}): not from one backward() of the root"
            self.warnings.append(f"{said} alone. Leaves add up all passes until zero_grad()")

    def _rows_of(self, box: Box) -> list[Row]:
        first, shown = box.nodes[0], self.shown
        if box.is_one and box.kind == "constant":
            number = f"{first.data:.4g}" if shown.values else "" if first.label else "constant"
            return [(in_picture(first.label),), *([(number,)] if number else [])]
        rows = [_title(box)]
        if box.kind == "group":
            rows += [(line,) for line in _inside(box)] if len(self.scene.boxes) <= _MANY_BOXES else []
        elif box.is_one and first.primitive is table.dot:
            rows.append((products(first),))
        elif first.is_leaf and not box.is_one and not box.title.startswith(f"{len(box.nodes):,} "):
            rows.append((f"{len(box.nodes):,} {STYLES[box.kind].many}",))
        nodes = _results(box, self.scene.root)
        if shown.values:
            name = "data" if self._outdated.isdisjoint(nodes) else OLD_DATA
            rows.append((name, extent(read_data(nodes))))
        if shown.gradients and box.kind != "constant":
            gradients = [gradient for gradient in read_grads(nodes) if gradient is not None]
            name = "grad" if self._foreign.isdisjoint(nodes) else _FOREIGN_GRADIENT
            rows.append((name, extent(gradients)) if gradients else ("no gradient yet",))
        return rows

    def at(self, arrow: Arrow) -> str:
        """What stands at an arrow."""
        if len(arrow.edges) > 1:
            return f"×{len(arrow.edges):,}" if len(self.scene.arrows) <= _MANY_ARROWS else ""
        ((node, position),) = arrow.edges
        local = node.local_derivatives[position] if self.shown.local_derivatives else None
        return "" if local is None else f"{float(local):.4g}"

    def captions(self) -> list[str]:
        """What was collapsed or left out, what of the highlight is not drawn, and which numbers are stale."""
        said = [self.scene.caption] if self.scene.caption else []
        if len(self.scene.arrows) > _MANY_ARROWS and any(len(arrow.edges) > 1 for arrow in self.scene.arrows):
            said.append("an arrow stands for all edges between its boxes")
        if self.shown.highlight and (missing := self.shown.highlight.not_drawn(self.scene)):
            said.append(f"{missing} of the highlighted nodes not drawn")
        return [*([". ".join(said)] if said else []), *self.warnings]


def about_old_data(nodes: Collection[Value], name: str = OLD_DATA) -> list[str]:
    """The line of a caption about outdated nodes, if there are any."""
    return [f"{name} ({counted(len(nodes), 'node')}): {NOT_OF_NOW}. Run the forward pass again"] if nodes else []


def _title(box: Box) -> Row:
    if box.is_one:
        node = box.nodes[0]
        texts = in_picture(node.label), in_picture(node.primitive.symbol if node.primitive else "")
        return tuple([text for text in texts if text]) or (("",) if box.kind == "computed" else (box.kind,))
    return (in_picture(box.title), f"× {box.count:,}") if box.count > 1 else (in_picture(box.title),)


def _inside(box: Box) -> list[str]:
    """How many of what operation there are in a group, or in each of the repeats that it stands for."""
    operations = Counter([node.primitive for node in box.nodes if node.primitive]).most_common()
    texts = [f"{n // box.count:,} {in_picture(row.symbol)}" for row, n in operations if n // box.count > 1]
    texts += [in_picture(row.symbol) for row, n in operations if n // box.count == 1]
    inside = [", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")]
    parameters = sum([node.kind in ("leaf", "parameter") for node in box.nodes])
    return inside + ([counted(parameters, "parameter")] if parameters else [])


def _results(box: Box, root: Value) -> Sequence[Value]:
    """The nodes whose numbers a box shows: of a group those that are not only steps on the way to others in it."""
    if box.kind != "group":
        return box.nodes
    inside = set().union(*[node.operands for node in box.nodes])
    return [node for node in box.nodes if node is root or (node not in inside and not node.is_leaf)]


def products(node: Value) -> str:
    """The sum of products that a `dot` node is, in the names of its operands."""
    operands = node.operands
    count = len(operands) // 2
    text = ""
    for k, (x, y) in enumerate(zip(operands[:count], operands[count:])):
        term = f"{label_or_symbol(x, digits=3)}·{label_or_symbol(y, digits=3)}"
        if len(text) + len(term) > _LONGEST:
            return f"{text} + … ({count} products)" if k else f"{count} products"
        text += f" + {term}" if k else term
    return text


def extent(numbers: Sequence[float]) -> str:
    """A number, or the smallest and the largest of several, and whether there is a nan."""
    known = [number for number in numbers if number == number]
    ends = dict.fromkeys([f"{number:.4g}" for number in (min(known), max(known))] if known else [])
    return " … ".join(ends) + ((", nan" if ends else "nan") if len(known) < len(numbers) else "")
