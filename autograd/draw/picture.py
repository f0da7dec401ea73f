"""The picture of a graph: a `graphviz.Digraph` that can do without Graphviz's programs and never fails to be shown."""

from __future__ import annotations

import html
import os
import shutil
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import graphviz

from autograd.collector import collector_paused
from autograd.draw import dot, style
from autograd.draw.content import Content
from autograd.draw.layout import HOW_TO_GET_PICTURES, LayoutNotFound, lay_out
from autograd.draw.scene import scene_of
from autograd.draw.text import as_text
from autograd.files import checked_path, write_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from autograd.draw.content import Shown
    from autograd.value import Value


def draw(root: Value, format: str, rankdir: str, collapse: str, max_nodes: int, legend: bool, shown: Shown) -> Picture:
    """The picture of `draw_dot`."""
    with collector_paused():  # all that is made here is freed before the collector runs again
        return _drawn(Content(scene_of(root, collapse, max_nodes), shown), format, rankdir, legend)


def _drawn(content: Content, format: str, rankdir: str, legend: bool) -> Picture:
    graph, edges = dot.spacing(content.scene, rankdir)
    picture = Picture(
        "graph",
        format=format,
        graph_attr={"rankdir": rankdir, **style.GRAPH, **graph},
        node_attr=style.NODE,
        edge_attr=style.EDGE | edges,
    )
    picture.text, picture.warnings = as_text(content), tuple(content.warnings)
    if captions := content.captions():
        picture.attr(label=dot.as_html(captions))
    if legend and rankdir in ("LR", "RL"):  # there the layout puts what comes first at the bottom
        _add_legend(picture)
    for key, label, attributes in dot.boxes(content):
        picture.node(key, label, **attributes)
    for operand, result, attributes in dot.arrows(content):
        picture.edge(operand, result, **attributes)
    if legend and rankdir in ("TB", "BT"):
        _add_legend(picture)
    return picture


def _add_legend(picture: Picture) -> None:
    with picture.subgraph(name="cluster_legend", graph_attr=style.LEGEND) as legend:
        for key, label, attributes in dot.legend():
            legend.node(key, label, **attributes)
        for one, other in dot.legend_rows():
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
