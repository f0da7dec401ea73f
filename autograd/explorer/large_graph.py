"""The data of a graph that is too large to send every node: its boxes as a picture has them, with recorded numbers.

Its steps are boxes and arrows. An arrow stands for many edges: of their contributions the largest is shown.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from autograd.draw.content import about_old_data, extent
from autograd.draw.scene import scene_of
from autograd.explorer.drawings import MOST_BOXES, ends_of, shown, size_of_summary, title_of
from autograd.explorer.layouts import Layouts
from autograd.freshness import outdated
from autograd.graph import adjoints, edges, read_data
from autograd.names import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd.draw.scene import Arrow, Box
    from autograd.value import Value

_NOTE = (
    "This graph is too large to be computed on the page: the steps are its boxes, with the numbers that were recorded. "
    "To step through single edges and to edit leaves, explore a part of it, such as the loss of one example."
)


def summary(nodes: Sequence[Value]) -> dict[str, Any]:
    """Boxes, what each shows before and after the gradient has come, and steps with their equations."""
    scene = scene_of(nodes[-1], "auto", MOST_BOXES)
    gradients = adjoints(nodes[-1])
    old = outdated(nodes)
    titles = [title_of(box) for box in scene.boxes]
    ends = ends_of(scene.boxes, scene.arrows)
    operands: list[list[int]] = [[] for _ in scene.boxes]
    for operand, result, _ in ends:
        operands[result].append(operand)
    data = [_range(read_data(box.nodes)) + ("" if old.isdisjoint(box.nodes) else " (old)") for box in scene.boxes]
    received = [_range([gradients[node] for node in box.nodes if node in gradients]) for box in scene.boxes]
    layouts = Layouts()
    layouts.place_of([size_of_summary(title, numbers) for title, *numbers in zip(titles, data, received)], ends)
    backward = _backward(nodes, titles, list(zip(scene.arrows, ends)), gradients)
    for step in {step["operand"]: step for step in backward}.values():  # the last that adds to this operand
        step["after"] = received[step["operand"]]
    return {
        "nodes": [[titles[k], "", box.kind, None, operands[k]] for k, box in enumerate(scene.boxes)],
        "recorded": {"data": data, "gradients": received, "steps": [*_forward(scene.boxes, titles), *backward]},
        "views": [{"title": "", "parent": None, "layout": 0, "boxes": list(range(len(scene.boxes)))}],
        "groups": [],
        "layouts": layouts.written,
        "notes": [
            _NOTE,
            *[f"{said}." for said in [*about_old_data(old, "Old data"), scene.caption] if said],
            *layouts.notes,
        ],
    }


def _range(numbers: Sequence[float]) -> str:
    return extent(numbers).replace("-", "−")


def _forward(boxes: Sequence[Box], titles: Sequence[str]) -> list[dict[str, Any]]:
    computed = [k for k, box in enumerate(boxes) if not box.nodes[-1].is_leaf]
    steps = []
    for number, k in enumerate(computed, 1):
        nodes = [node for node in boxes[k].nodes if not node.is_leaf]
        line = f"{titles[k]}: {counted(len(nodes), 'node', 'nodes')} computed"
        terms = [[_range(read_data(nodes)), "their data" if len(nodes) > 1 else "data", "contribution"]]
        equation = _equation(line, terms, f"forward, box {number} of {len(computed)}")
        steps.append({"kind": "forward", "node": k, "equation": equation})
    line, terms = f"{titles[-1]}: the gradient of the root is 1", [["1", "gradient", "contribution"]]
    seed = {"kind": "seed", "node": len(boxes) - 1, "equation": _equation(line, terms, "backward begins")}
    return [*steps, seed]


def _backward(
    nodes: Sequence[Value],
    titles: Sequence[str],
    arrows: Sequence[tuple[Arrow, tuple[int, int, int]]],
    gradients: dict[Value, float],
) -> list[dict[str, Any]]:
    """A step for each arrow along which something flows, from results to operands."""
    local_derivatives = {node: [local for _, local in edges(node)] for node in nodes if node in gradients}
    positions: Counter[int] = Counter()
    steps = []
    for arrow, (operand, result, _) in sorted(arrows, key=lambda arrow: -arrow[1][1]):
        products = [
            (abs(gradients[node] * local), gradients[node], local)
            for node, at in arrow.edges
            if node in gradients and (local := local_derivatives[node][at]) is not None
        ]
        if products:
            edge = {"result": result, "position": positions[result], "operand": operand, "after": "…"}
            steps.append({"kind": "edge", **edge, "equation": _largest(titles[result], titles[operand], products)})
        positions[result] += 1
    return steps


def _largest(result: str, operand: str, products: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    """The equation of the largest of contributions, of each of which the size and the two factors are given."""
    _, upstream, local = max(products, key=lambda product: (math.isnan(product[0]), product[0]))
    count = counted(len(products), "contribution", "contributions")
    terms = [
        [shown(upstream), "upstream", "upstream"],
        ["×"],
        [f"({shown(local)})" if local < 0 else shown(local), "local derivative", "local"],
        ["="],
        [shown(upstream * local), "the largest of them" if len(products) > 1 else "contribution", "contribution"],
    ]
    line = f"{result} → {operand}: {count}, each upstream × local derivative"
    return _equation(line, terms, f"added to the gradients of {operand}")


def _equation(line: str, terms: list[list[str]], effect: str) -> dict[str, Any]:
    spoken = f"{line}: {' '.join([term[0] for term in terms])}; {effect}"
    return {"isProse": True, "symbolic": [line], "terms": terms, "effect": effect, "spoken": spoken}
