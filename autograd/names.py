"""Names: what a node is called, by one rule in every view.

A node is called by its label; else as the scope that it was computed in tells (`Scope.names`); else it is C as the root
and v1, v2, ... in the order of computation. That is `names_of`, for whatever is said of a graph in words and formulas.
A box of a picture needs no name, for its arrows say which node it is: without a label it shows what the node does, by
`label_or_symbol`.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from autograd.graph import topological_order
from autograd.scopes import scope_of
from autograd.symbolic.notation import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograd.value import Value


def names_of(root: Value) -> dict[Value, Name]:
    """What each node of a graph is called; the same graph gives the same names each time, no two nodes have the same.

    Equal labels are numbered, h and h#2. Constants have a name only where they have a label, or are the root.
    """
    order = topological_order(root)
    names = _Names()
    for node in order:
        if node.label and not node.label.isspace():
            names.give(node, name_of(node.label))
    for node in order:
        scope = scope_of(node) if node.operands else None
        for named, name in scope.names(node) if scope else ():
            if named not in names.given:
                names.give(named, name_of(name))
    if root not in names.given:
        names.give(root, name_of("C"))
    for node in order:
        if node not in names.given and node.kind != "constant":
            names.give_number(node)
    return names.given


class _Names:
    """Names that have been given, each to one node."""

    def __init__(self) -> None:
        self.given: dict[Value, Name] = {}
        self._taken: set[str] = set()
        self._same: Counter[Name] = Counter()
        self._numbers = 0

    def give(self, node: Value, name: Name) -> None:
        unique = name
        while not self._take(unique):
            self._same[name] += 1
            number = self._same[name] + 1
            unique = Name(f"{name.text}#{number}", rf"{name.latex}\#{number}")
        self.given[node] = unique

    def give_number(self, node: Value) -> None:
        self._numbers += 1
        while not self._take(name := Name(f"v{self._numbers}", f"v_{{{self._numbers}}}")):
            self._numbers += 1
        self.given[node] = name

    def _take(self, name: Name) -> bool:
        if not self._taken.isdisjoint(name):
            return False
        self._taken.update(name)
        return True


def label_or_symbol(node: Value, digits: int = 4) -> str:
    """The label of a node; without one the symbol of its operation, or the number of a leaf."""
    if label := in_picture(node.label):
        return label
    return in_picture(node.primitive.symbol) if node.primitive else f"{node.data:.{digits}g}"


# ---------------------------------------------------------------------------------------------------------------------
# Labels, which may be any text
# ---------------------------------------------------------------------------------------------------------------------

_LETTERS = r"[^\W\d_]+"
_INDICES = r"\d+(?:, ?\d+)*"
_IN_LAYER = re.compile(rf"({_LETTERS})(\d+)\[({_INDICES})\]")
_INDEXED = re.compile(rf"({_LETTERS})(?:_?(\d+)|\[({_INDICES})\]|_([^\W_]+))?")
_ONE_WORD = re.compile(r"[^\W\d][\w.']*(?:\[[\w, ]*\])?")
_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega"
    "|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
_IN_MATH_MODE = {
    "\\": r"{\backslash}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"{\wedge}",
    "~": r"{\sim}",
    " ": r"\ ",
    '"': "”",
    "'": "’",
    "&": r"\&{}",  # the braces keep a browser from reading an entity
    "<": "<{}",  # or a tag
}


@lru_cache(maxsize=4096)
def name_of(label: str) -> Name:
    """A label in plain text and in LaTeX: of indices and Greek letters it makes what they stand for.

    W0[1,2] is W^{(0)}_{1,2}, and what is not a word is quoted. A label cannot mean anything else: control characters
    are replaced, and in LaTeX every special character is escaped.
    """
    line = one_line(label)
    text = line if _ONE_WORD.fullmatch(line) else f'"{line}"'
    in_layer = _IN_LAYER.fullmatch(line)
    if in_layer:
        letters, layer, indices = in_layer.groups()
        return Name(text, f"{_symbol(letters)}^{{({layer})}}_{{{indices}}}")
    indexed = _INDEXED.fullmatch(line)
    if indexed and (len(indexed[1]) == 1 or _GREEK.fullmatch(indexed[1]) or not indexed[4]):
        letters, *subscripts = indexed.groups()
        subscript = next((part for part in subscripts if part), "")
        subscript = subscript if subscript[:1].isdigit() or len(subscript) == 1 else rf"\mathrm{{{subscript}}}"
        return Name(text, _symbol(letters) + (f"_{{{subscript}}}" if any(subscripts) else ""))
    written = in_math_mode(line)
    return Name(text, rf"\mathrm{{{written}}}" if text == line else rf"\mathrm{{“{written}”}}")


def _symbol(letters: str) -> str:
    if _GREEK.fullmatch(letters):
        return f"\\{letters}"
    return letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"


def in_math_mode(text: str) -> str:
    """Text escaped for LaTeX's math mode, between the braces of \\mathrm."""
    return "".join([_IN_MATH_MODE.get(character, character) for character in text])


# ---------------------------------------------------------------------------------------------------------------------
# Any text
# ---------------------------------------------------------------------------------------------------------------------


def one_line(text: str, longest: int = 40, is_kept: Callable[[str], bool] = str.isprintable) -> str:
    """Any text on one line, cut where it is too long, with other characters than those that are kept replaced.

    Example:
        >>> one_line("first\\nsecond"), one_line("x" * 10_000, longest=5), one_line("\\x00")
        ('first second', 'xxxx…', '\ufffd')
    """
    line = " ".join(str(text)[: 50 * longest].split())
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return "".join([c if is_kept(c) else "\ufffd" for c in line])


_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def in_picture(text: str) -> str:
    """Any text on one short line, of nothing but characters that XML can have."""
    return one_line(text, is_kept=lambda c: not _NOT_XML.match(c))


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: cube, exp and log."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things: 1 box, 2,000 nodes."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
