"""What a notebook shows for a module: its parts as text, as PyTorch has them, and as a small table."""

from __future__ import annotations

import html
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nn.modules import Module


def as_text(module: Module) -> str:
    """A module with its parts, one to a line; those that are alike share a line."""
    return f"{_text(module, frozenset())}  # {_count(module)}"


def _text(module: Module, above: frozenset[int]) -> str:
    inner = [(name, part) for name, part in module.named_children() if id(part) not in above]
    if not inner:
        return repr(module) if _has_own_repr(module) else f"{type(module).__name__}()"
    lines = []
    described = [
        (name, repr(part) if _has_own_repr(part) else _text(part, above | {id(module)})) for name, part in inner
    ]
    for text, alike in groupby(described, key=lambda pair: pair[1]):
        names = [name for name, _ in alike]
        if len(names) > 1:
            lines.append(f"({names[0]} to {names[-1].rsplit('.', 1)[-1]}): {len(names)} x {text}")
        else:
            lines.append(f"({names[0]}): {text}")
    indented = "\n".join(lines).replace("\n", "\n  ")
    return f"{type(module).__name__}(\n  {indented}\n)"


def _has_own_repr(module: Module) -> bool:
    return type(module).__repr__ is not object.__repr__


def _count(module: Module) -> str:
    number = len(module.parameters())
    return f"{number:,} parameter{'' if number == 1 else 's'}"


# ---------------------------------------------------------------------------------------------------------------------

_CELL = "padding: 0.2em 0.8em; border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.35); background: none;"
_LEFT, _RIGHT = f"{_CELL} text-align: left;", f"{_CELL} text-align: right;"
_COLUMNS = (("part", _LEFT), ("inputs", _RIGHT), ("outputs", _RIGHT), ("activation", _LEFT), ("parameters", _RIGHT))


def as_html(module: Module) -> str:
    """A table of a module's layers: how many inputs and outputs, which activation, how many parameters.

    Its colors are those of the page that it stands on.
    """
    rows = _rows("", module, frozenset())
    lines = [
        "".join([f'<th style="{style} font-weight: 600;">{name}</th>' for name, style in _COLUMNS]),
        *["".join([_cell(text, style) for text, (_, style) in zip(row, _COLUMNS)]) for row in rows],
    ]
    caption = f"{html.escape(type(module).__name__)}: {_count(module)}"
    return (
        '<table style="border-collapse: collapse; color: inherit; background: none; font-size: 0.95em;">'
        f'<caption style="text-align: left; padding: 0.2em 0.8em; color: inherit;">{caption}</caption>'
        + "".join([f'<tr style="background: none;">{line}</tr>' for line in lines])
        + "</table>"
    )


def _cell(text: str, style: str) -> str:
    return f'<td style="{style}">{html.escape(text)}</td>'


def _is_row(module: Module) -> bool:
    """Whether a module says how many inputs it has and which activation, and is not one of several layers."""
    return hasattr(module, "nin") and hasattr(module, "activation") and not hasattr(module, "nouts")


def activation_name(activation: Any) -> str:
    """What tables and titles call an activation."""
    return activation if isinstance(activation, str) else getattr(activation, "__name__", type(activation).__name__)


def _rows(name: str, module: Module, above: frozenset[int]) -> Iterator[tuple[str, ...]]:
    """A row for each module that has one or is not made of modules; and for what else has parameters."""
    called = f"{name} {type(module).__name__}".strip()
    inner = [(part, child) for part, child in module.named_children() if id(child) not in above]
    if _is_row(module) or not inner:
        sizes = [str(getattr(module, size, 1)) if _is_row(module) else "" for size in ("nin", "nout")]
        yield called, *sizes, activation_name(getattr(module, "activation", "")), f"{len(module.parameters()):,}"
    else:
        for part, child in inner:
            yield from _rows(f"{name}.{part}".strip("."), child, above | {id(module)})
        own = set(module.parameters()).difference(*[child.parameters() for _, child in inner])
        if own:
            yield f"{called}, its own", "", "", "", f"{len(own):,}"


# ---------------------------------------------------------------------------------------------------------------------


def bundle(module: Module) -> dict[str, str]:
    """What a notebook may choose from; only the module's `repr` if reading its parts fails."""
    try:
        return {"text/plain": as_text(module), "text/html": as_html(module)}
    except Exception:  # a display that raises would show nothing
        return {"text/plain": repr(module)}
