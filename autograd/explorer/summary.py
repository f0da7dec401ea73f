"""What travels of a graph too large to send every node: its boxes as a picture has them, and what is recorded in them.

Its steps are boxes and arrows. An arrow stands for many edges: of their contributions the largest is shown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd.draw.content import extent
from autograd.draw.scene import scene_of
from autograd.explorer.text import shown
from autograd.explorer.views import MOST_BOXES, Designer, size_of_summary, title_of
from autograd.freshness import NOT_OF_NOW, outdated
from autograd.graph import adjoints
from autograd.names import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from autograd.draw.scene import Arrow, Box
    from autograd.value import Value

_NOTE = (
    "This graph is too large to be computed on the page: the steps are its boxes, with the numbers that were recorded. "
    "To step through single edges and to edit leaves, explore a part of it, such as the loss of one example."
)


def summary(nodes: Sequence[Value]) -> dict[str, Any]:
    """Boxes, what each shows before and after the gradient has come, and steps with their equations.

    Args:
        nodes: the graph in order.
    """
    scene = scene_of(nodes[-1], "auto", MOST_BOXES)
    gradients = adjoints(nodes)
    old = outdated(nodes)
    titles = [title_of(box) for box in scene.boxes]
    place = {box.key: k for k, box in enumerate(scene.boxes)}
    into: list[list[Arrow]] = [[] for _ in scene.boxes]
    for arrow in scene.arrows:
        into[place[arrow.result]].append(arrow)
    arrows = [(place[arrow.operand], k, len(arrow.edges)) for k in range(len(into)) for arrow in into[k]]
    data = [_range(node._data for node in box.nodes) + _mark(box, old) for box in scene.boxes]
    received = [_range(gradients[node] for node in box.nodes if node in gradients) for box in scene.boxes]
    sizes = [size_of_summary(title, [*numbers]) for title, *numbers in zip(titles, data, received)]
    designer = Designer()
    layout = designer.placed(sizes, arrows)
    return {
        "nodes": [[titles[k], "", box.kind, [place[a.operand] for a in into[k]]] for k, box in enumerate(scene.boxes)],
        "recorded": {
            "data": data,
            "gradients": received,
            "steps": [*_forward(scene.boxes, titles), *_backward(scene.boxes, titles, into, place, gradients)],
        },
        "views": [{"title": "", "parent": None, "layout": 0, "boxes": list(range(len(scene.boxes)))}],
        "groups": [],
        "layouts": [layout],
        "notes": [_NOTE, *about_old_data(nodes), *([f"{scene.caption}."] if scene.caption else []), *designer.notes],
    }


def about_old_data(nodes: Sequence[Value]) -> list[str]:
    """What is to be said of a graph whose numbers are shown as they were recorded.

    Example:
        >>> from autograd import Value
        >>> a = Value(2.0)
        >>> b = a * a
        >>> about_old_data([a, b])
        []
        >>> a.data = 1.0
        >>> about_old_data([a, b])
        ['Old data (1 node): not what the leaves give now, as after an optimizer step. Run the forward pass again.']
    """
    number = len(outdated(nodes))
    return (
        [f"Old data ({counted(number, 'node', 'nodes')}): {NOT_OF_NOW}. Run the forward pass again."] if number else []
    )


def _mark(box: Box, old: Collection[Value]) -> str:
    return " (old)" if any(node in old for node in box.nodes) else ""


def _range(numbers: Iterable[float]) -> str:
    return extent(list(numbers)).replace("-", "−")


def _forward(boxes: Sequence[Box], titles: Sequence[str]) -> list[dict[str, Any]]:
    computed = [k for k, box in enumerate(boxes) if not box.nodes[-1].is_leaf]
    steps = []
    for number, k in enumerate(computed, 1):
        count = sum(not node.is_leaf for node in boxes[k].nodes)
        line = f"{titles[k]}: {count:,} node{'s' if count > 1 else ''} computed"
        numbers = _range(node._data for node in boxes[k].nodes if not node.is_leaf)
        terms = [[numbers, "their data" if count > 1 else "data", "contribution"]]
        effect = f"forward, box {number} of {len(computed)}"
        steps.append({"kind": "forward", "node": k, "equation": _equation(line, terms, effect)})
    line, terms = f"{titles[-1]}: the gradient of the root is 1", [["1", "gradient", "contribution"]]
    seed = {"kind": "seed", "node": len(boxes) - 1, "equation": _equation(line, terms, "backward begins")}
    return [*steps, seed]


def _backward(
    boxes: Sequence[Box],
    titles: Sequence[str],
    into: Sequence[Sequence[Arrow]],
    place: dict[str, int],
    gradients: dict[Value, float],
) -> list[dict[str, Any]]:
    steps = []
    for k in reversed(range(len(boxes))):
        for position, arrow in enumerate(into[k]):
            products = [
                (abs(gradients[node] * local), gradients[node], local)
                for node, at in arrow.edges
                if node in gradients and (local := node.local_derivatives[at]) is not None
            ]
            if not products:
                continue
            operand = place[arrow.operand]
            _, upstream, local = max(products, key=lambda product: (math.isnan(product[0]), product[0]))
            several = len(products) > 1
            count = f"{len(products):,} contribution{'s' if several else ''}"
            line = f"{titles[k]} → {titles[operand]}: {count}, each upstream × local derivative"
            terms = [
                [shown(upstream), "upstream", "upstream"],
                ["×"],
                [_factor(local), "local derivative", "local"],
                ["="],
                [shown(upstream * local), "the largest of them" if several else "contribution", "contribution"],
            ]
            equation = _equation(line, terms, f"added to the gradients of {titles[operand]}")
            steps.append({"kind": "edge", "result": k, "position": position, "equation": equation})
    return steps


def _equation(line: str, terms: list[list[str]], effect: str) -> dict[str, Any]:
    spoken = f"{line}: {' '.join([term[0] for term in terms])}; {effect}"
    return {"isProse": True, "symbolic": [line], "terms": terms, "effect": effect, "spoken": spoken}


def _factor(number: float) -> str:
    return f"({shown(number)})" if number < 0 else shown(number)
