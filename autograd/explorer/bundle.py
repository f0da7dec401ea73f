"""ES modules as one script: a page that works from disk has no network to import them from.

Each module becomes a function that runs once, after those that it imports from; what it does not export stays in it.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_IMPORT = re.compile(r'^import \{([\w, ]+)\} from "(\.[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_STRING = re.compile(r'("(?:[^"\\]|\\.)*")')
_SPACED = re.compile(r" ?([{}()\[\],;:?=<>&|*]+) ?")
_NOT_UNDERSTOOD = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class BundleError(Exception):
    """Modules that do not fit together: the message names them."""


def bundled(folder: Traversable, entry: str) -> str:
    """An expression of JavaScript whose value is an object with the exports of one module in the folder.

    Imports and exports have the two forms `import { a, b } from "./file.js";` and `export` before a declaration.

    Raises:
        BundleError: a module is missing, imports a name that is not exported, imports itself by way of others, or has
            an import or an export of another form.
    """
    exports: dict[str, list[str]] = {}  # of each module, in the order in which they run
    scripts: list[str] = []

    def add(path: str, importers: tuple[str, ...]) -> None:
        """Add a module behind those that it imports from, unless it is there."""
        if path in importers:
            circle = [*importers[importers.index(path) :], path]
            raise BundleError(f"modules import each other in a circle: {' -> '.join(circle)}")
        if path in exports:
            return
        text = _read(folder, path, importers)
        imports = []
        for names, place in _IMPORT.findall(text):
            origin = posixpath.normpath(posixpath.join(posixpath.dirname(path), place))
            add(origin, (*importers, path))
            missing = set(re.findall(r"\w+", names)).difference(exports[origin])
            if missing:
                there = ", ".join(exports[origin]) or "nothing"
                raise BundleError(f"{path} imports {', '.join(sorted(missing))} from {origin}, which exports {there}")
            imports.append(f"const {{{names}}} = ${list(exports).index(origin)};\n")
        body = _EXPORT.sub("", _IMPORT.sub("", text))
        if other := _NOT_UNDERSTOOD.search(body):
            known = "'import { a, b } from \"./file.js\";' nor 'export' before a declaration"
            raise BundleError(f"{path}: {other[0]!r} is neither {known}")
        start = f"const ${len(exports)} = (() => {{\n{''.join(imports)}"
        exports[path] = _EXPORT.findall(text)
        script = f"{start}{body}return {{ {', '.join(exports[path])} }};\n}})();\n"
        scripts.extend(map(_squeezed, script.splitlines(keepends=True)))

    add(entry, ())
    return f"(() => {{\n{''.join(scripts)}return ${len(exports) - 1};\n}})()"


def _read(folder: Traversable, path: str, importers: tuple[str, ...]) -> str:
    try:
        return without_comments(folder.joinpath(path).read_text(encoding="utf-8"))
    except OSError:
        wanted = f", which {importers[-1]} imports from," if importers else ""
        raise BundleError(f"the module {path}{wanted} cannot be read") from None


def _squeezed(line: str) -> str:
    """The same without spaces around punctuation, unless there is a template or a regular expression in it.

    Example:
        >>> _squeezed('const f = (x) => say(" = ", -x);')
        'const f=(x)=>say(" = ",-x);'
    """
    if any(mark in line for mark in "`'/"):
        return line
    parts = _STRING.split(line)
    return "".join([part if k % 2 else _SPACED.sub(r"\1", part) for k, part in enumerate(parts)])


def without_comments(text: str) -> str:
    """A script or a style sheet without indentation, empty lines and lines of comment: a third less to carry."""
    lines = [line.strip() for line in text.splitlines()]
    return "".join([f"{line}\n" for line in lines if line and not line.startswith("//")])
