"""How what is optional gets installed: from a clone, for no package index has this library."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """What to type, and where, for what one of pyproject.toml's extras brings: for errors that name it."""
    return f'pip install ".[{extra}]" in your clone of chainrule'
