"""The widget that a notebook shows, on anywidget, which is imported when it is used."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from autograd.extras import how_to_install


@cache
def widget_class() -> Any:
    """The class of widgets; ModuleNotFoundError says how to install anywidget where it is missing."""
    try:
        anywidget, traitlets = import_module("anywidget"), import_module("traitlets")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"the step of an explorer in a notebook needs anywidget, which is missing: {how_to_install('explore')}"
        ) from None

    class ExplorerWidget(anywidget.AnyWidget):  # type: ignore[misc, name-defined]
        _esm = traitlets.Unicode().tag(sync=True)
        _css = traitlets.Unicode().tag(sync=True)
        data = traitlets.Unicode().tag(sync=True)  # the page's, as JSON
        step = traitlets.Int(0, min=0).tag(sync=True)  # set by Python and by the page
        numbers = traitlets.Dict().tag(sync=True)  # in the leaves, by their places

    return ExplorerWidget
