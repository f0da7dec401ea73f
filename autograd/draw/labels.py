"""Labels as they can stand in a picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 40
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def one_line(text: str) -> str:
    """Any text on one line, not too long, and of nothing but characters that XML can have.

    Example:
        >>> one_line("two\\nlines"), len(one_line("x" * 10_000))
        ('two lines', 40)
    """
    line = _NOT_XML.sub("\ufffd", " ".join(str(text)[: 50 * LONGEST].split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    Example:
        >>> listed(["exp"]), listed(["cube", "exp", "log"])
        ('exp', 'cube, exp and log')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, one: str, many: str) -> str:
    """A number of things.

    Example:
        >>> counted(1, "box", "boxes"), counted(2000, "box", "boxes")
        ('1 box', '2,000 boxes')
    """
    return f"{number:,} {one if number == 1 else many}"
