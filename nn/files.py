"""Files of numbers by name: written whole or not at all, and read with an eye on everything that can be wrong."""

from __future__ import annotations

import json
import math
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_FORMAT = "chainrule state 1"


def write_state(state: Mapping[str, float], path: Path) -> None:
    """Write numbers by name as JSON. An existing file is replaced once the new one is complete, and keeps its mode.

    Args:
        state: a finite number for each name.
        path: where; a symbolic link is followed.

    Raises:
        ValueError: a number is nan or infinite.
        OSError: the file cannot be written, or is no regular file. Nothing is changed then.
    """
    for name, number in state.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number}, and only finite numbers are saved: {os.fsdecode(path)} is as it was")
    with _replaced(path) as file:
        json.dump({"format": _FORMAT, "state": state}, file, indent=0)


def check_writable(path: Path) -> None:
    """Raise the OSError that writing this file would raise; writes nothing.

    Raises:
        OSError: the file cannot be written, or is no regular file.
    """
    with _unfinished(*_target(path)):
        pass


def read_state(path: Path) -> dict[str, float]:
    """The numbers by name that `write_state` wrote.

    Raises:
        ValueError: the file is something else; names the file, and the name whose number is none.
        OSError: the file cannot be read.
    """
    name = os.fsdecode(path)
    with open(name, encoding="utf-8") as file:
        try:
            content = json.load(file, object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name} was not written by Module.save: {error}") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT or "state" not in content:
        raise ValueError(f"{name} was not written by Module.save: its format is not {_FORMAT!r}")
    state = content["state"]
    if not isinstance(state, dict):
        raise ValueError(f"{name} was not written by Module.save: its state is no table of numbers but {state!r:.100}")
    return {key: _finite(number, f"{name}: {key}") for key, number in state.items()}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} is in it twice")
    return content


def _finite(number: Any, place: str) -> float:
    try:
        if type(number) in (int, float) and math.isfinite(number):
            return float(number)
    except OverflowError:  # a whole number of hundreds of digits
        pass
    raise ValueError(f"{place} wants a finite number that fits into a float, got {json.dumps(number):.100}")


@contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    """A file to write, which takes the place of the one at `path` where nothing goes wrong."""
    target, mode = _target(path)
    with _unfinished(target, mode) as name:
        with open(name, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(name, mode)
        os.replace(name, target)


def _target(path: Path) -> tuple[str, int | None]:
    """Where to write, with links followed, and the mode of the file that is there, None for none."""
    target = os.path.realpath(os.fsdecode(path))
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target, None
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
        raise FileExistsError(f"{os.fsdecode(path)!r} is {kind}, which is not replaced: write the path of a file")
    return target, stat.S_IMODE(mode)


@contextmanager
def _unfinished(target: str, mode: int | None) -> Iterator[str]:
    """An empty file of a name of its own beside the target, removed afterwards if it is still there.

    Where it is to take the place of another nobody else may read it yet: nor could they, perhaps, read the other.
    """
    name = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.unfinished")
    try:
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else 0o600))
        except OSError as error:
            error.filename = target  # that of the unfinished one tells nobody anything
            raise
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.remove(name)
