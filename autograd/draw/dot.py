"""The picture of a graph in DOT, the language of Graphviz: what is drawn, how a node looks, who lays it out."""

from __future__ import annotations

import html
import os
import re
import shutil
from base64 import b64encode
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import graphviz

from autograd.graph import topological_order
from autograd.value import CONSTANT, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping


def draw(root: Value, format: str, rankdir: str, max_nodes: int) -> Picture:
    """The picture of `draw_dot`."""
    _check(root, format, rankdir, max_nodes)
    scene = choose(root, max_nodes)
    picture = Picture(
        "graph", format=format, graph_attr={"rankdir": rankdir, **_GRAPH}, node_attr=_NODE, edge_attr=_EDGE
    )
    picture.text = as_text(scene)
    if scene.caption:
        picture.attr(label=scene.caption)
    for node, name in scene.names.items():
        picture.node(name, _box(node), **_style(node, scene))
    for operand, result in scene.edges():
        picture.edge(operand, result)
    return picture


# ---------------------------------------------------------------------------------------------------------------------
# What is drawn
# ---------------------------------------------------------------------------------------------------------------------


class Scene(NamedTuple):
    """The part of a graph that is drawn.

    Attributes:
        root: the result.
        names: what each node that is drawn is called in the picture's source; operands before results.
        caption: what was left out, "" if nothing was.
    """

    root: Value
    names: dict[Value, str]
    caption: str

    def edges(self) -> Iterator[tuple[str, str]]:
        """The names of operand and result, in the order of the operands, once for each time an operand is used."""
        for node, name in self.names.items():
            for operand in node.parents:
                if operand in self.names:
                    yield self.names[operand], name


def choose(root: Value, max_nodes: int) -> Scene:
    """At most `max_nodes` nodes: all of them, or the computed ones, or of these the nearest to the root."""
    nodes = topological_order(root)
    left_out = []
    if len(nodes) > max_nodes:
        computed = [node for node in nodes if not node.is_leaf]
        left_out.append(_count(len(nodes) - len(computed), "leaf", "leaves"))
        nodes = computed
    if len(nodes) > max_nodes:
        near = set(islice(_nearest_first(root), max_nodes))
        left_out.append(_count(len(nodes) - max_nodes, "computed node", "computed nodes") + " further from the root")
        nodes = [node for node in nodes if node in near]
    caption = f"{' and '.join(left_out)} not drawn (max_nodes={max_nodes})" if left_out else ""
    return Scene(root, {node: f"n{k}" for k, node in enumerate(nodes)}, caption)


def _nearest_first(root: Value) -> Iterator[Value]:
    """The computed nodes, those with the fewest steps to the root first."""
    seen = {root}
    queue = deque([root])
    while queue:
        node = queue.popleft()
        yield node
        for operand in node.parents:
            if operand not in seen and not operand.is_leaf:
                seen.add(operand)
                queue.append(operand)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


# ---------------------------------------------------------------------------------------------------------------------
# How it looks. Colours of Okabe and Ito, which the colour-blind tell apart; shape and border say the same again.
# ---------------------------------------------------------------------------------------------------------------------

_FONT = "Helvetica,Arial,sans-serif"
_INK, _MUTED = "#1a1a1a", "#5c5c5c"

_GRAPH = {
    "bgcolor": "white",
    "fontcolor": _MUTED,
    "fontname": _FONT,
    "fontsize": "12",
    "labelloc": "b",
    "nodesep": "0.2",
    "ordering": "in",
    "pad": "0.15",
    "ranksep": "0.4",
}
_NODE = {"fontcolor": _INK, "fontname": _FONT, "fontsize": "12", "margin": "0.06,0.04", "shape": "box"}
_EDGE = {"arrowsize": "0.6", "color": _MUTED}

_LEAF = {"style": "rounded,filled", "color": "#0072b2", "fillcolor": "#e3f0f9"}
_CONSTANT = {"style": "dashed,filled", "color": "#767676", "fillcolor": "#f4f4f4"}
_COMPUTED = {"style": "filled", "color": "#4d4d4d", "fillcolor": "#ffffff"}
_ROOT = {"color": "#d55e00", "fillcolor": "#fdeee2", "peripheries": "2"}


def _style(node: Value, scene: Scene) -> dict[str, str]:
    kind = _CONSTANT if node._primitive is CONSTANT else _LEAF if node.is_leaf else _COMPUTED
    return {**kind, **_ROOT} if node is scene.root else kind


def _box(node: Value) -> str:
    """A table in Graphviz's HTML: the label and the operation, and below them the numbers."""
    rows = _title(node) + "".join(
        [
            f'<TR><TD ALIGN="LEFT"><FONT COLOR="{_MUTED}">{name}&#160;</FONT></TD>'
            f'<TD ALIGN="RIGHT">{number:.4g}</TD></TR>'
            for name, number in _numbers(node)
        ]
    )
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>>'


def _title(node: Value) -> str:
    parts = [_shown(text) for text in (node.label, node._op)]
    label, symbol = [f'<FONT POINT-SIZE="14"><B>{part}</B></FONT>' if part else "" for part in parts]
    if label and symbol:
        return f'<TR><TD ALIGN="LEFT">{label}</TD><TD ALIGN="RIGHT">{symbol}</TD></TR>'
    return f'<TR><TD COLSPAN="2">{label or symbol}</TD></TR>' if label or symbol else ""


def _numbers(node: Value) -> list[tuple[str, float]]:
    data = ("data", node.data)
    return [data] if node._primitive is CONSTANT else [data, ("grad", node.grad)]


_LONGEST = 40
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _shown(text: str) -> str:
    """Any text as it can stand in a box: on one line, not too long, and meaning nothing to Graphviz or HTML."""
    return html.escape(_one_line(text)).replace("\\", r"\\")


def _one_line(text: str) -> str:
    line = _NOT_XML.sub("\ufffd", " ".join(str(text).split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def as_text(scene: Scene) -> str:
    """The graph in words, one line per node, for where there are no pictures."""
    lines = []
    for node, name in scene.names.items():
        operands = [scene.names[operand] for operand in node.parents if operand in scene.names]
        if len(operands) < len(node.parents):
            operands.append("…")
        made_by = node._primitive.name if node.is_leaf else f"{_one_line(node._op)}({', '.join(operands)})"
        parts = [f"{name} = {made_by}", _one_line(node.label)]
        parts += [f"{what} {number:.4g}" for what, number in _numbers(node)]
        lines.append("  ".join([part for part in parts if part]))
    return "\n".join([*lines, scene.caption] if scene.caption else lines)


# ---------------------------------------------------------------------------------------------------------------------
# Who lays it out: Graphviz's program `dot`, or else pygraphviz, which has Graphviz inside
# ---------------------------------------------------------------------------------------------------------------------

_SVG, _HTML, _TEXT = "image/svg+xml", "text/html", "text/plain"
_BITMAPS = {"image/png": "png", "image/jpeg": "jpeg"}
_HOW_TO_GET_PICTURES = 'For pictures: pip install "chainrule[layout]"'


class LayoutNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc]  # graphviz has no types
    """Neither Graphviz's program `dot` nor pygraphviz is installed."""

    def __init__(self) -> None:
        RuntimeError.__init__(
            self,
            "nothing on this machine can lay out a graph; install one of\n"
            '    pip install "chainrule[layout]"              pygraphviz, which needs no more than pip\n'
            "    sudo apt-get install graphviz                Debian, Ubuntu\n"
            "    brew install graphviz                        macOS\n"
            "    conda install -c conda-forge graphviz        conda\n"
            "or use `.source`, the graph in the DOT language, elsewhere",
        )


class Picture(graphviz.Digraph):  # type: ignore[misc]  # graphviz has no types
    """A `graphviz.Digraph` that can do without the program `dot`, and whose display in a notebook never fails.

    Attributes:
        text: the graph in words, for where it cannot be drawn.
    """

    text = ""

    def copy(self) -> Picture:
        """A picture of its own with the same contents."""
        picture: Picture = super().copy()
        picture.text = self.text
        return picture

    def pipe(
        self, format: str | None = None, *, engine: str | None = None, encoding: str | None = None, **options: Any
    ) -> Any:
        """The picture: bytes, or a string where an encoding is given. The options are those of graphviz, for `dot`."""
        engine, format = engine or self.engine, format or self.format
        if shutil.which(engine):
            return super().pipe(format, engine=engine, encoding=encoding, **options)
        _refuse_options_of_dot(options)
        picture = _laid_out_in_process(self.source, engine, format)
        return picture if encoding is None else picture.decode(encoding)

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *,
        outfile: str | os.PathLike[str] | None = None,
        engine: str | None = None,
        **options: Any,
    ) -> str:
        """Write the source to `filename`, the picture beside it or to `outfile`, and return the picture's path.

        The arguments and options are those of graphviz; `cleanup` removes the source again.
        """
        engine = engine or self.engine
        if shutil.which(engine):
            options |= {"view": view, "cleanup": cleanup, "format": format, "outfile": outfile, "engine": engine}
            return str(super().render(filename, directory=directory, **options))

        if outfile is not None:
            stem, suffix = os.path.splitext(outfile)
            filename, format = filename or f"{stem}.gv", format or suffix[1:]
        format = format or self.format
        picture = self.pipe(format, engine=engine, **options)  # first: where this fails, no file is left behind
        source = self.save(filename, directory=directory)
        path = os.fspath(outfile or f"{source}.{format}")
        with open(path, "wb") as file:
            file.write(picture)
        if cleanup:
            os.remove(source)
        if view:
            graphviz.view(path)
        return path

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **_: Any
    ) -> dict[str, Any]:
        """What a notebook shows: a picture if there can be one, and always the text."""
        wanted = {_HTML, _SVG, _TEXT} if include is None else set(include)
        wanted -= set(exclude or ())
        bundle = {_TEXT: self.text or self.source}
        try:
            bundle |= self._pictures(wanted)
        except LayoutNotFound:
            bundle[_TEXT] += f"\n{_HOW_TO_GET_PICTURES}"
        except Exception as error:  # a display that raises would hide the text as well
            bundle[_TEXT] += f"\nNo picture: {type(error).__name__}: {error}"
        return {kind: content for kind, content in bundle.items() if kind in wanted}

    def _pictures(self, wanted: Collection[str]) -> dict[str, Any]:
        """The picture in each form: the <img> is what survives in a notebook that is not trusted."""
        pictures = {kind: self.pipe(format, quiet=True) for kind, format in _BITMAPS.items() if kind in wanted}
        if _SVG in wanted or _HTML in wanted:
            svg: bytes = self.pipe("svg", quiet=True)
            pictures[_SVG] = svg.decode()
            pictures[_HTML] = f'<img src="data:image/svg+xml;base64,{b64encode(svg).decode()}" alt="computation graph">'
        return pictures


def _laid_out_in_process(source: str, engine: str, format: str) -> bytes:
    try:
        import pygraphviz
    except ImportError:
        raise LayoutNotFound from None
    graph = pygraphviz.AGraph(string=source)
    try:
        picture: bytes = graph.draw(format=format, prog=engine)
    except (TypeError, ValueError):  # that is how it says so
        raise ValueError(
            f"pygraphviz cannot make {format!r} with {engine!r}: write a format such as 'svg', 'png' or 'pdf', "
            f"or install Graphviz's own program {engine!r}"
        ) from None
    finally:
        graph.close()
    return picture


def _refuse_options_of_dot(options: Mapping[str, Any]) -> None:
    refused = [name for name, setting in options.items() if setting and name != "quiet"]
    if refused:
        raise ValueError(
            f"{', '.join(refused)}: only Graphviz's own program dot knows this; leave it out or install dot"
        )


# ---------------------------------------------------------------------------------------------------------------------


def _check(root: object, format: object, rankdir: object, max_nodes: object) -> None:
    if not isinstance(root, Value):
        raise TypeError(f"draw_dot draws the graph behind one Value, got {_a(root)}: write draw_dot(loss)")
    for name, argument in (("format", format), ("rankdir", rankdir)):
        if not isinstance(argument, str):
            raise TypeError(f"draw_dot: {name} is a string, got {_a(argument)}: write {name}={_USUAL[name]!r}")
    if str(format).lower() not in graphviz.FORMATS:
        raise ValueError(f"draw_dot: Graphviz has no format {format!r}: write format='svg', 'png' or 'pdf'")
    if rankdir not in _DIRECTIONS:
        raise ValueError(f"draw_dot: rankdir is one of {', '.join(map(repr, _DIRECTIONS))}, got {rankdir!r}")
    if not isinstance(max_nodes, int):
        raise TypeError(f"draw_dot: max_nodes is a whole number, got {_a(max_nodes)}: write max_nodes=300")
    if max_nodes < 1:
        raise ValueError(f"draw_dot: max_nodes is at least 1, got {max_nodes}")


_DIRECTIONS = ("LR", "TB", "RL", "BT")
_USUAL = {"format": "svg", "rankdir": "LR"}


def _a(thing: object) -> str:
    """What something is, in a message: the number itself, and of everything else the type."""
    return f"{type(thing).__name__} {thing!r}" if isinstance(thing, (int, float)) else type(thing).__name__
