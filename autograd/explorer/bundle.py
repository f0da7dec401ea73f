"""ES modules as one script: a page that works from disk has no network to import them from.

Each module becomes a function that runs once, after those that it imports from; what it does not export stays in it.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_IMPORT = re.compile(r'^import \{([\w, ]+)\} from "(\.[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_STRING = re.compile(r'("(?:[^"\\]|\\.)*")')
_SPACED = re.compile(r" ?([{}()\[\],;:?=<>&|*]+) ?")
_NOT_UNDERSTOOD = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class BundleError(Exception):
    """Modules that do not fit together: the message names them."""


class _Module(NamedTuple):
    number: int
    exports: list[str]
    script: str


def bundled(folder: Traversable, entry: str) -> str:
    """An expression of JavaScript whose value is an object with the exports of a module.

    Imports and exports have the two forms `import { a, b } from "./file.js";` and `export` before a declaration.

    Args:
        folder: where the modules are.
        entry: the path in it of the module whose exports are wanted.

    Raises:
        BundleError: a module is missing, imports a name that is not exported, imports itself by way of others, or has
            an import or an export of another form.
    """
    modules: dict[str, _Module] = {}  # in the order in which they run
    last = _add(modules, folder, entry, ())
    scripts = "".join([module.script for module in modules.values()])
    return f"(() => {{\n{scripts}return ${last.number};\n}})()"


def _add(modules: dict[str, _Module], folder: Traversable, path: str, importers: tuple[str, ...]) -> _Module:
    """Add a module behind those that it imports from, unless it is there."""
    if path in modules:
        return modules[path]
    importers = (*importers, path)
    if path in importers[:-1]:
        circle = importers[importers.index(path) :]
        raise BundleError(f"modules import each other in a circle: {' -> '.join(circle)}")
    text = _read(folder, path, importers)
    imports = []
    for names, place in _IMPORT.findall(text):
        wanted = names.replace(",", " ").split()
        origin = posixpath.normpath(posixpath.join(posixpath.dirname(path), place))
        module = _add(modules, folder, origin, importers)
        for name in wanted:
            if name not in module.exports:
                there = ", ".join(module.exports) or "nothing"
                raise BundleError(f"{path} imports {name} from {origin}, which exports {there}")
        imports.append(f"const {{ {', '.join(wanted)} }} = ${module.number};\n")
    exports = _EXPORT.findall(text)
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    other = _NOT_UNDERSTOOD.search(body)
    if other:
        raise BundleError(
            f"{path}: {other[0]!r} is neither 'import {{ a, b }} from \"./file.js\";' nor 'export' before a declaration"
        )
    number = len(modules)
    script = f"const ${number} = (() => {{\n{''.join(imports)}{body}return {{ {', '.join(exports)} }};\n}})();\n"
    modules[path] = _Module(number, exports, "".join(map(_squeezed, script.splitlines(keepends=True))))
    return modules[path]


def _read(folder: Traversable, path: str, importers: tuple[str, ...]) -> str:
    try:
        text = folder.joinpath(path).read_text(encoding="utf-8")
    except OSError:
        wanted = f", which {importers[-2]} imports from," if len(importers) > 1 else ""
        raise BundleError(f"the module {path}{wanted} cannot be read") from None
    return without_comments(text)


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
    """A script or a style sheet without indentation, empty lines and lines of comment: a third less to carry.

    Example:
        >>> without_comments("f();\\n\\n  // what f does\\n  f();\\n")
        'f();\\nf();\\n'
    """
    lines = [line.strip() for line in text.splitlines()]
    return "".join([f"{line}\n" for line in lines if line and not line.startswith("//")])
