"""State files: numbers by name as JSON, written whole or not at all, and checked when read."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from autograd.files import checked_path, write_whole

if TYPE_CHECKING:
    from autograd.files import Path

_FORMAT = "chainrule state 1"


def write_state(state: dict[str, float], path: Path) -> None:
    """Write numbers by name, which must be finite, as JSON."""
    for name, number in state.items():
        if not math.isfinite(number):
            raise ValueError(
                f"{name} is {number}, and only finite numbers are saved: {checked_path(path)} is as it was"
            )
    write_whole(path, json.dumps({"format": _FORMAT, "state": state}, indent=0))


def read_state(path: Path, writer: str) -> dict[str, float]:
    """The numbers by name that `writer` wrote; errors name the file, and the entry that is not a number."""
    name = checked_path(path)
    no_state = f"{name} was not written by {writer}"
    with open(name, encoding="utf-8") as file:
        try:
            content = json.load(file, object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{no_state}: {error}") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT or "state" not in content:
        raise ValueError(f"{no_state}: its format is not {_FORMAT!r}")
    state = content["state"]
    if not isinstance(state, dict):
        raise ValueError(f"{no_state}: its state is no table of numbers but {state!r:.100}")
    return {key: _finite(number, f"{name}: {key}") for key, number in state.items()}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, number in pairs:
        if name in content:
            raise ValueError(f"{name} is in it twice")
        content[name] = number
    return content


def _finite(number: Any, place: str) -> float:
    try:
        if type(number) in (int, float) and math.isfinite(number):
            return float(number)
    except OverflowError:  # an integer of hundreds of digits
        pass
    raise ValueError(f"{place} wants a finite number that fits into a float, got {json.dumps(number):.100}")
