"""The picture of a graph: a `graphviz.Digraph` that can do without Graphviz's programs and never fails to be shown."""

from __future__ import annotations

import html
import os
import shutil
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import graphviz

from autograd import collector, modes
from autograd.draw import look
from autograd.draw.highlight import highlight_of
from autograd.draw.layout import HOW_TO_GET_PICTURES, LayoutNotFound, lay_out
from autograd.draw.parts import COLLAPSE
from autograd.draw.scene import scene_of
from autograd.files import checked_path, write_whole
from autograd.graph import topological_order
from autograd.value import Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from autograd.draw.scene import Scene


def draw(
    root: Value,
    format: str,
    rankdir: str,
    collapse: str,
    max_nodes: int,
    legend: bool,
    highlight: Any,
    shown: look.Shown,
) -> Picture:
    """The picture of `draw_dot`."""
    check_scene("draw_dot", root, collapse, max_nodes, rankdir)
    _check_format(format)
    if highlight is not None:
        shown = shown._replace(highlight=highlight_of(highlight, topological_order(root)))
    with collector.collector_paused():
        return _drawn(scene_of(root, collapse, max_nodes), format, rankdir, legend, shown.checked(root))


def _drawn(scene: Scene, format: str, rankdir: str, legend: bool, shown: look.Shown) -> Picture:
    contents = look.contents(scene, shown)
    graph_attributes, edge_attributes = look.layout(scene, rankdir)
    picture = Picture(
        "graph",
        format=format,
        graph_attr={"rankdir": rankdir, **look.GRAPH, **graph_attributes},
        node_attr=look.NODE,
        edge_attr=look.EDGE | edge_attributes,
    )
    picture.text = look.as_text(scene, shown, contents)
    picture.warnings = tuple(look.warnings(shown))
    if captions := look.captions(scene, shown):
        picture.attr(label=look.as_html(captions))
    if legend and rankdir in ("LR", "RL"):  # there the layout puts what comes first at the bottom
        _add_legend(picture)
    for key, label, attributes in look.boxes(scene, shown, contents):
        picture.node(key, label, **attributes)
    for operand, result, attributes in look.arrows(scene, shown):
        picture.edge(operand, result, **attributes)
    if legend and rankdir in ("TB", "BT"):
        _add_legend(picture)
    return picture


def _add_legend(picture: Picture) -> None:
    with picture.subgraph(name="cluster_legend", graph_attr=look.LEGEND) as legend:
        for key, label, attributes in look.legend():
            legend.node(key, label, **attributes)
        for one, other in look.LEGEND_ROWS:
            legend.edge(one, other, style="invis")


_SVG, _HTML, _TEXT = "image/svg+xml", "text/html", "text/plain"
_BITMAPS = {"image/png": "png", "image/jpeg": "jpeg"}
_PATIENCE = 4.0
"""Seconds that a notebook waits for a picture before it shows the text."""


class Picture(graphviz.Digraph):  # type: ignore[misc]  # graphviz has no types
    """A `graphviz.Digraph` that can do without the program `dot`, and whose display in a notebook never fails.

    Attributes:
        text: the graph in words, for where it cannot be drawn.
        warnings: what is to be known of its numbers, such as that some are old; the caption says it too.
    """

    text = ""
    warnings: tuple[str, ...] = ()

    def copy(self) -> Picture:
        """A picture of its own with the same contents."""
        picture: Picture = super().copy()
        picture.text, picture.warnings = self.text, self.warnings
        return picture

    def pipe(
        self, format: str | None = None, *, engine: str | None = None, encoding: str | None = None, **options: Any
    ) -> Any:
        """The picture: bytes, or a string where an encoding is given. The options are those of graphviz, for `dot`."""
        engine, format = engine or self.engine, format or self.format
        if _for_dot_alone(options, engine):
            return super().pipe(format, engine=engine, encoding=encoding, **options)
        picture = lay_out(self.source, format, engine)
        return picture if encoding is None else picture.decode(encoding)

    def save(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> str:
        """Write the source to `filename` and return its path; the arguments and options are those of graphviz."""
        _check_paths(filename, directory)
        return str(super().save(filename, directory=directory, **options))

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
        _check_paths(filename, directory, outfile)
        engine = engine or self.engine
        if _for_dot_alone(options, engine):
            options |= {"view": view, "cleanup": cleanup, "format": format, "outfile": outfile, "engine": engine}
            return str(super().render(filename, directory=directory, **options))

        if outfile is not None:
            stem, suffix = os.path.splitext(outfile)
            filename, format = filename or f"{stem}.gv", format or suffix[1:]
        format = format or self.format
        picture = self.pipe(format, engine=engine)  # first: where this fails, no file is left behind
        source = self.save(filename, directory=directory)
        path = os.fspath(outfile or f"{source}.{format}")
        write_whole(path, picture)
        if cleanup:
            os.remove(source)
        if view:
            graphviz.view(path)
        return path

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **_: Any
    ) -> dict[str, Any]:
        """What a notebook shows: a picture if there can be one in good time, and always the text."""
        wanted = {_HTML, _SVG, _TEXT} if include is None else set(include)
        wanted -= set(exclude or ())
        bundle = {_TEXT: self.text or self.source}
        try:
            bundle |= self._pictures(wanted)
        except LayoutNotFound:
            bundle[_TEXT] += f"\n{HOW_TO_GET_PICTURES}"
        except Exception as error:  # a display that raises would hide the text as well
            bundle[_TEXT] += f"\nNo picture: {type(error).__name__}: {error}"
        return {kind: content for kind, content in bundle.items() if kind in wanted}

    def _pictures(self, wanted: Collection[str]) -> dict[str, Any]:
        """The picture in each form: the <img> is what survives in a notebook that is not trusted."""
        pictures: dict[str, Any] = {
            kind: lay_out(self.source, format, self.engine, _PATIENCE)
            for kind, format in _BITMAPS.items()
            if kind in wanted
        }
        if _SVG in wanted or _HTML in wanted:
            svg = lay_out(self.source, "svg", self.engine, _PATIENCE)
            pictures[_SVG] = svg.decode()
            alternative = html.escape(". ".join(["computation graph", *self.warnings]))
            pictures[_HTML] = f'<img src="data:image/svg+xml;base64,{b64encode(svg).decode()}" alt="{alternative}">'
        return pictures


def _check_paths(*paths: object) -> None:
    for path in paths:
        if path is not None:
            checked_path(path)


def _for_dot_alone(options: Mapping[str, Any], engine: str) -> bool:
    """Whether there are options that only Graphviz's own program knows."""
    wanted = [name for name, setting in options.items() if setting and name != "quiet"]
    if wanted and not shutil.which(engine):
        raise ValueError(
            f"{', '.join(wanted)}: only Graphviz's own program {engine} knows this; leave it out or install it"
        )
    return bool(wanted)


# ---------------------------------------------------------------------------------------------------------------------


def check_scene(function: str, root: object, collapse: object, max_nodes: object, rankdir: object) -> None:
    """Whether these are arguments of `draw_dot` and its like.

    Raises:
        TypeError, ValueError: one of them is not; says what to write.
        CompileError: a function is being recorded here.
    """
    modes.check_not_tracing(f"{function}()", "draw a graph outside of the function that is compiled")
    if not isinstance(root, Value):
        raise TypeError(f"{function} draws the graph behind one Value, got {_a(root)}: write {function}(loss)")
    _check_choice(function, "rankdir", rankdir, ("LR", "TB", "RL", "BT"))
    _check_choice(function, "collapse", collapse, COLLAPSE)
    if not isinstance(max_nodes, int) or isinstance(max_nodes, bool):
        raise TypeError(f"{function}: max_nodes is a whole number, got {_a(max_nodes)}: write max_nodes=300")
    if max_nodes < 1:
        raise ValueError(f"{function}: max_nodes is at least 1, got {max_nodes}")


def _check_format(format: object) -> None:
    if not isinstance(format, str):
        raise TypeError(f"draw_dot: format is a string, got {_a(format)}: write format='svg'")
    if format.lower() not in graphviz.FORMATS:
        raise ValueError(f"draw_dot: Graphviz has no format {format!r}: write format='svg', 'png' or 'pdf'")


def _check_choice(function: str, name: str, choice: object, choices: tuple[str, ...]) -> None:
    if not isinstance(choice, str):
        raise TypeError(f"{function}: {name} is a string, got {_a(choice)}: write {name}={choices[0]!r}")
    if choice not in choices:
        raise ValueError(f"{function}: {name} is one of {', '.join(map(repr, choices))}, got {choice!r}")


def _a(thing: object) -> str:
    """What something is, in a message: the number itself, and of everything else the type."""
    return f"{type(thing).__name__} {thing!r}" if isinstance(thing, (int, float)) else type(thing).__name__
