"""The page: one HTML file with everything in it, which needs no network and runs only its own script."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from autograd.draw.style import ON_PAGE
from autograd.explorer.bundle import bundled, without_comments

_FOLDER = files(__package__) / "page"


def module(operations: str) -> str:
    """The module of a widget, with the operations of one graph in JavaScript."""
    return f"{_script(operations)}export default {{ render }};\n"


@cache
def style() -> str:
    """The style sheet of page and widget."""
    fills = [f"--{kind}: light-dark({', '.join(style['fill'])});" for kind, style in ON_PAGE.items()]
    rules = [
        f"& .{kind} {{ --edge: var(--{style['line']}); --fill: var(--{kind}); }}" for kind, style in ON_PAGE.items()
    ]
    kinds = "\n".join([".chainrule-explorer {", *fills, *rules, "}\n"])
    return kinds + without_comments((_FOLDER / "page.css").read_text(encoding="utf-8"))


def whole_page(title: str, data: dict[str, Any], operations: str) -> str:
    """A page of its own as HTML.

    Only what is written here can be markup or script: the title is escaped, the data is JSON
    without a single `<`, and its content security policy allows this script and this style, by their hashes, alone.
    """
    script, css = f"\n{_script(operations)}start();\n", f"\n{style()}"
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(css)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n"
        f"<style>{css}</style>\n</head>\n<body>\n"
        f'<script type="application/json" id="data">{as_json(data)}</script>\n'
        f'<script type="module">{script}</script>\n'
        "</body>\n</html>\n"
    )


def as_json(data: dict[str, Any]) -> str:
    """Data as JSON that can stand in a script element: "</script>" in it is escaped."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _script(operations: str) -> str:
    return f"const {{ render, start }} = {_bundle()}.explorerWith({operations});\n"


@cache
def _bundle() -> str:
    return bundled(_FOLDER, "main.js")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
