"""What a picture draws strong, everything else being muted: some nodes, one path, or several named sets of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.draw.style import ALARM, FAINT, FAINT_LINE, MARKED, SHARED
from autograd.graph import topological_order
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.draw.scene import Arrow, Scene


class Marked(NamedTuple):
    """Nodes to be drawn strong."""

    name: str  # "" for none
    nodes: frozenset[Value]
    edges: frozenset[tuple[Value, int]] | None  # (result, position of the operand); None for all between the nodes

    def has(self, result: Value, position: int) -> bool:
        """Whether the edge is among them."""
        if self.edges is not None:
            return (result, position) in self.edges
        return result in self.nodes and result.operands[position] in self.nodes


class Highlight:
    """Sets of nodes to be drawn strong."""

    def __init__(self, marked: Sequence[Marked]) -> None:
        self.marked = marked

    def of(self, nodes: Iterable[Value]) -> list[int]:
        """Which sets one of the nodes is in."""
        return [k for k, marked in enumerate(self.marked) if not marked.nodes.isdisjoint(nodes)]

    def colors(self, places: Sequence[int]) -> dict[str, str]:
        """Line and filling of a box that is in these sets; its own where the sets have no names."""
        if not self.marked[places[0]].name:
            return {}
        line, filling = SHARED if len(places) > 1 else MARKED[places[0] % len(MARKED)]
        return {"color": line, "fillcolor": filling}

    def tag(self, places: Sequence[int]) -> str:
        """What a box in these sets says about it."""
        names = [self.marked[place].name for place in places]
        return f"shared by {' and '.join(names)}" if len(names) > 1 else names[0]

    def line(self, arrow: Arrow) -> dict[str, str]:
        """How an arrow is drawn."""
        places = [k for k, m in enumerate(self.marked) if any(m.has(node, position) for node, position in arrow.edges)]
        if not places:
            return {"color": FAINT_LINE, "fontcolor": FAINT, "penwidth": "0.6"}
        color = self.colors(places).get("color", ALARM)
        return {"color": color, "fontcolor": color, "penwidth": "2.4"}

    def not_drawn(self, scene: Scene) -> int:
        """How many of the nodes are in no box."""
        drawn = set().union(*[box.nodes for box in scene.boxes])
        return len(frozenset().union(*[marked.nodes for marked in self.marked]) - drawn)


def highlight_of(highlight: Any, root: Value) -> Highlight | None:
    """What the argument of `draw_dot` means: Values, something whose `nodes` are Values, or a dict of these by name.

    Raises:
        TypeError: it is something else.
        ValueError: there are no nodes in it, or one that is not in the graph.
    """
    if highlight is None:
        return None
    if isinstance(highlight, Mapping):
        for name in highlight:
            if not isinstance(name, str) or not name.strip():
                raise TypeError(f"highlight: the names of sets are strings, got {name!r:.80}: write {{'w': nodes}}")
        marked = [_marked(name, nodes) for name, nodes in highlight.items()]
    else:
        marked = [_marked("", highlight)]
    if not any(one.nodes for one in marked):
        raise ValueError("highlight: there are no nodes in it, so nothing would be left to see: leave highlight out")
    nodes = set(topological_order(root))
    for one in marked:
        for node in one.nodes - nodes:
            raise ValueError(f"highlight: {node!r} is not in the graph that is drawn: draw the result computed from it")
    return Highlight(marked)


def _marked(name: str, wanted: Any) -> Marked:
    inner = getattr(wanted, "nodes", wanted)
    if isinstance(inner, (Value, str, bytes, Mapping)) or not isinstance(inner, Iterable):
        instead = "[node]" if isinstance(inner, Value) else "[a, b], paths(leaf, root)[0] or {'w': nodes, 'b': others}"
        raise TypeError(f"highlight wants nodes, got {_a(inner)}: write highlight={instead}")
    nodes = list(inner)
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"highlight wants Values, got {_a(node)} among them: write highlight=[a, b]")
    edges = frozenset(zip(nodes[1:], wanted.positions)) if hasattr(wanted, "positions") else None
    return Marked(name, frozenset(nodes), edges)


def _a(thing: object) -> str:
    return f"{type(thing).__name__} {thing!r:.80}"
