"""The Explorer: a page about one graph, that shows itself in a notebook and is written to a file."""

from __future__ import annotations

import html
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autograd.draw import draw_dot
from autograd.explorer import document, widget
from autograd.explorer.page_data import PageData
from autograd.files import write_whole
from autograd.graph import read_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograd.value import Value

_HTML, _TEXT = "text/html", "text/plain"
_HEIGHT = 760  # of the page in a notebook without anywidget, in pixels


class Explorer:
    """Backpropagation through one graph as a page: `explore(root)` makes it.

    A notebook shows it when it is the last line of a cell. What happens on the page stays there: no Value changes.

    Example:
        >>> from autograd import Value, explore
        >>> x = Value(2.0, label="x")
        >>> explorer = explore(x * x)
        >>> explorer
        <Explorer of 2 nodes: a notebook shows it; explorer.to_html("page.html") writes it to a file>
        >>> explorer.step, explorer.values == {x: 2.0}
        (0, True)
    """

    def __init__(self, root: Value, examples: Sequence[Value], learning_rate: float, title: str) -> None:
        self._page_data = PageData(root, examples, learning_rate, title)
        self._root = root

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The page as one file, with everything in it: it works from disk, without a network, and asks for nothing.

        Args:
            path: where to write it; nowhere unless given. A file that is there keeps its place until the page is whole.

        Raises:
            TypeError: the path is neither a string nor a path object.
            OSError: the page cannot be written; what was there is as before.

        Example:
            >>> from pathlib import Path
            >>> from autograd import Value, explore
            >>> written = explore(Value(2.0).exp()).to_html("exp.html")
            >>> Path("exp.html").read_text(encoding="utf-8") == written
            True
        """
        title = self._page_data.data["title"] or "chainrule explorer"
        whole = document.whole_page(title, self._page_data.data, self._page_data.operations)
        if path is not None:
            write_whole(path, whole)
        return whole

    @property
    def step(self) -> int:
        """The step that the page in the notebook shows; it can be set. 0 where no widget is shown."""
        return self._widget.step if "_widget" in vars(self) else 0

    @step.setter
    def step(self, step: int) -> None:
        self._widget.step = step

    @property
    def values(self) -> dict[Value, float]:
        """The number that each leaf has on the page in the notebook, whatever was edited or learned there."""
        written = self._widget.numbers if "_widget" in vars(self) else {}
        leaves = self._page_data.leaves
        recorded = zip(leaves.items(), read_data(leaves.values()))
        return {leaf: float(written.get(str(place), number)) for (place, leaf), number in recorded}

    @cached_property
    def _widget(self) -> Any:
        data, operations = document.as_json(self._page_data.data), self._page_data.operations
        return widget.widget_class()(data=data, _esm=document.module(operations), _css=document.style())

    def _display_(self) -> Any:
        """What marimo shows: the widget, or else the page in a frame."""
        try:
            return self._widget
        except Exception:
            return _Html(self._frame(""))

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **_: Any
    ) -> dict[str, Any]:
        """What a notebook shows: the widget, or else the page in a frame; a picture where no script may run."""
        picture = draw_dot(self._root)._repr_mimebundle_(include=[_HTML]).get(_HTML, "")
        try:
            bundle = {**self._widget._repr_mimebundle_()[0], _HTML: picture}
        except Exception:  # there is no anywidget, or one that does not work here
            bundle = {_HTML: self._frame(picture)}
        bundle[_TEXT] = repr(self)
        wanted = set(bundle if include is None else include) - set(exclude or ())
        return {kind: content for kind, content in bundle.items() if kind in wanted}

    def _frame(self, picture: str) -> str:
        """The page in a frame with an origin of its own; a notebook that allows no frames shows the picture in it."""
        source = html.escape(self.to_html())
        return (
            f'<iframe title="chainrule explorer" sandbox="allow-scripts" srcdoc="{source}" width="100%" '
            f'height="{_HEIGHT}" style="border: 0">{picture}</iframe>'
        )

    def __repr__(self) -> str:
        count = self._page_data.count
        return (
            f"<Explorer of {count:,} node{'' if count == 1 else 's'}: a notebook shows it; "
            f'explorer.to_html("page.html") writes it to a file>'
        )


class _Html:
    """HTML that shows itself."""

    def __init__(self, source: str) -> None:
        self._source = source

    def _repr_html_(self) -> str:
        return self._source
