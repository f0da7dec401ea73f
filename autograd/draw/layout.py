"""Layout: by Graphviz's program `dot`, or else by the Python package pygraphviz, which has Graphviz inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from contextlib import suppress
from functools import cache
from typing import Any

import graphviz

from autograd.extras import how_to_install

HOW_TO_GET_PICTURES = f"For pictures: {how_to_install('layout')}"

_GRAPHVIZ = """
    sudo apt-get install graphviz                        Debian, Ubuntu
    brew install graphviz                                macOS
    winget install graphviz                              Windows
    conda install -c conda-forge graphviz                conda"""
_PYGRAPHVIZ = f"""
    {how_to_install("layout"):53}pygraphviz, which needs no more than pip"""

_LARGE = 1000
"""From this many arrows on pygraphviz works in a process of its own if there is a time limit: it knows of none."""


class LayoutNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc]  # graphviz has no types
    """Neither Graphviz's program nor pygraphviz is installed."""

    def __init__(self) -> None:
        RuntimeError.__init__(
            self,
            f"nothing on this machine can lay out a graph; install one of{_PYGRAPHVIZ}{_GRAPHVIZ}\n"
            "or use `.source`, the graph in the DOT language, elsewhere",
        )


class LayoutFailed(RuntimeError):  # noqa: N818  # as LayoutNotFound
    """Graphviz is there, but it gave up or crashed, or what it printed is no picture."""


class LayoutTimeout(LayoutFailed, TimeoutError):  # noqa: N818
    """Graphviz is there, but it took too long."""


def lay_out(source: str, format: str, engine: str = "dot", timeout: float | None = None) -> bytes:
    """A graph in the DOT language as a picture, or in another format of Graphviz; the timeout is in seconds.

    Where Graphviz's program fails, pygraphviz is asked; if it can do it, a warning says what is wrong with the program.

    Raises:
        LayoutNotFound: there is neither Graphviz's program nor pygraphviz.
        LayoutFailed: there is, but it gave up, crashed or printed no picture; LayoutTimeout where it took too long.
        ValueError: what there is cannot make the format.
    """
    program, format = shutil.which(engine), format.lower()
    if program is None:
        return _by_pygraphviz(source, format, engine, timeout)
    try:
        return _run([program, f"-T{format}"], source, format, engine, timeout)
    except LayoutTimeout:
        raise
    except LayoutFailed as failed:
        try:
            picture = _by_pygraphviz(source, format, engine, timeout)
        except Exception:  # whatever it is: the first error is the one to report
            raise failed from None
        warnings.warn(
            f"pygraphviz lays out this graph, because {program} does not work: {failed}", RuntimeWarning, stacklevel=2
        )
        return picture


def _by_pygraphviz(source: str, format: str, engine: str, timeout: float | None) -> bytes:
    try:
        import pygraphviz
    except ImportError:
        raise LayoutNotFound from None
    if timeout is not None and sys.executable and source.count("->") > _LARGE:
        return _run([sys.executable, "-P", "-c", _PROGRAM, format, engine], source, format, engine, timeout)
    with _loading:
        _load_fonts(pygraphviz)
    return _in_this_process(pygraphviz, source, format, engine)


_loading = threading.Lock()
_OF_NO_INTEREST = (b"Fontconfig warning: ", b"Fontconfig error: Cannot load default config file")


@cache
def _load_fonts(pygraphviz: Any) -> None:
    """Have a first picture made, for which Fontconfig reads its files, without its warnings.

    The Fontconfig inside pygraphviz is older than that of most machines: what it does not know in their files it skips,
    and says so from C, once in a process, on a standard error that a notebook shows in red.
    """
    with suppress(OSError), tempfile.TemporaryFile() as said:  # OSError: there is no standard error, or no room for it
        ours = os.dup(2)
        try:
            os.dup2(said.fileno(), 2)
            _in_this_process(pygraphviz, "digraph { a }", "svg", "dot")
        finally:
            os.dup2(ours, 2)
            os.close(ours)
        said.seek(0)
        os.write(2, b"".join(line for line in said if not line.startswith(_OF_NO_INTEREST)))


def _in_this_process(pygraphviz: Any, source: str, format: str, engine: str) -> bytes:
    try:
        graph = pygraphviz.AGraph(string=source)
    except Exception as error:
        raise LayoutFailed(f"{engine} cannot read the graph: {error}") from None
    try:
        picture: bytes = graph.draw(format=format, prog=engine)
    except (TypeError, ValueError):  # that is how it says that it does not know the format
        raise ValueError(_cannot_make(format, engine)) from None
    finally:
        graph.close()
    return picture


_PROGRAM = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog=sys.argv[2]))
"""


def _run(command: list[str], source: str, format: str, engine: str, timeout: float | None) -> bytes:
    """What a program makes of the graph."""
    try:
        done = subprocess.run(
            command,
            input=source.encode("utf-8"),
            capture_output=True,
            timeout=timeout,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise LayoutTimeout(
            f"{engine} took longer than {timeout:g} seconds: draw less, with collapse='layer' or a smaller max_nodes"
        ) from None
    except OSError as error:
        raise LayoutFailed(f"{command[0]} cannot be run: {error}") from None
    if done.returncode == 0:
        if wrong := _what_is_wrong(done.stdout, format):
            raise LayoutFailed(f"{engine} {wrong}")
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip()
    if f'Format: "{format}" not recognized' in said:
        raise ValueError(_cannot_make(format, engine))
    how = f"crashed with signal {-done.returncode}" if done.returncode < 0 else f"gave up (status {done.returncode})"
    raise LayoutFailed(f"{engine} {how}: {said[-500:] or 'no error message'}")


def _what_is_wrong(printed: bytes, format: str) -> str:
    """What is wrong with the output of the program, judged by its first and last characters; "" if nothing."""
    if not printed.strip():
        return "printed nothing"
    first, last = _ENDS.get(format, (b"", b""))
    with suppress(UnicodeDecodeError):
        if format in _OF_TEXT:
            printed.decode("utf-8")
        if printed.startswith(first) and printed.rstrip().endswith(last):
            return ""
    return f"printed what is not {format}, or not all of it: {printed[:40]!r}"


_ENDS = {
    "gif": (b"GIF8", b""),
    "jpeg": (b"\xff\xd8", b""),
    "jpg": (b"\xff\xd8", b""),
    "json": (b"{", b"}"),
    "json0": (b"{", b"}"),
    "pdf": (b"%PDF", b""),
    "png": (b"\x89PNG", b""),
    "svg": (b"<", b"</svg>"),
}
"""How pictures of the usual formats begin and end."""

_OF_TEXT = ("json", "json0", "svg")


def _cannot_make(format: str, engine: str) -> str:
    return (
        f"the Graphviz on this machine cannot make {format!r} with {engine!r}: write a format such as 'svg', 'png' or "
        f"'pdf', or install one that can{_GRAPHVIZ}"
    )
