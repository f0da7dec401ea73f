"""Files of numbers by name: written whole or not at all, and read with an eye on everything that can be wrong."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from autograd.files import checked_path, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograd.files import Path

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
            raise ValueError(
                f"{name} is {number}, and only finite numbers are saved: {checked_path(path)} is as it was"
            )
    write_whole(path, json.dumps({"format": _FORMAT, "state": dict(state)}, indent=0))


def read_state(path: Path, writer: str = "write_state") -> dict[str, float]:
    """The numbers by name that `write_state` wrote.

    Args:
        path: the file.
        writer: what messages say that it was to be written by.

    Raises:
        ValueError: the file is something else; names the file, and the name whose number is none.
        OSError: the file cannot be read.
    """
    name = checked_path(path)
    with open(name, encoding="utf-8") as file:
        try:
            content = json.load(file, object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name} was not written by {writer}: {error}") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT or "state" not in content:
        raise ValueError(f"{name} was not written by {writer}: its format is not {_FORMAT!r}")
    state = content["state"]
    if not isinstance(state, dict):
        raise ValueError(f"{name} was not written by {writer}: its state is no table of numbers but {state!r:.100}")
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
    except OverflowError:  # an integer of hundreds of digits
        pass
    raise ValueError(f"{place} wants a finite number that fits into a float, got {json.dumps(number):.100}")
