"""Names for the nodes of a graph: labels where there are any, and short ones for the others."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from autograd import primitives
from autograd.graph import topological_order
from autograd.scopes import scope_of
from autograd.symbolic.notation import Name
from autograd.value import CONSTANT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograd.value import Value


def names_of(root: Value) -> dict[Value, Name]:
    """What each node of a graph is called in formulas; the same graph gives the same names each time.

    Labels come first; equal ones are numbered, h and h#2. The pre-activation of a neuron of `nn` is called z, its
    activation a and its inputs x, with the indices of its weights, as in lecture notes. The root is C unless it has a
    label, and every other node v1, v2, ... in the order of computation. Other constants have no name.

    Example:
        >>> from autograd import Value
        >>> w, x = Value(2.0, label="w"), Value(3.0, label="x[1]")
        >>> names = names_of((w * x).tanh())
        >>> [name.text for name in names.values()]
        ['w', 'x[1]', 'C', 'v1']
        >>> names[x].latex
        'x_{1}'
    """
    order = topological_order(root)
    names = _Names()
    for node in order:
        if node.label and not node.label.isspace():
            names.give(node, name_of(node.label))
    for node, label in _of_neurons(order):
        if node not in names.given:
            names.give(node, name_of(label))
    if root not in names.given:
        names.give(root, name_of("C"))
    for node in order:
        if node not in names.given and node._primitive is not CONSTANT:
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


# ---------------------------------------------------------------------------------------------------------------------
# Neurons of nn, known by the labels of their parameters
# ---------------------------------------------------------------------------------------------------------------------

_BIAS = re.compile(r"b(\d*(?:\[\d+\])?)")
_WEIGHT = re.compile(r"[wW]\d*\[(?:\d+,)?(\d+)\]")


def _of_neurons(order: Sequence[Value]) -> Iterator[tuple[Value, str]]:
    """The nodes of neurons with what they are called: x[i], z0[j], a0[j]."""
    pre_activations: dict[Value, str] = {}
    for node in order:
        parents = node.parents
        bias = _BIAS.fullmatch(parents[0].label) if node._primitive is primitives.dot else None
        if bias:
            yield node, f"z{bias[1]}"
            pre_activations[node] = bias[1]
            half = len(parents) // 2
            for weight, x in zip(parents[1:half], parents[half + 1 :]):
                index = _WEIGHT.fullmatch(weight.label)
                if index and x.is_leaf:
                    yield x, f"x[{index[1]}]"
        elif parents and parents[0] in pre_activations and _is_activation(node):
            yield node, f"a{pre_activations[parents[0]]}"


def _is_activation(node: Value) -> bool:
    row, z = node.primitive, node.parents[0]
    of_one = row is not None and row.arity is not None and row.arity - len(row.defaults) == 1
    return of_one and scope_of(node) is scope_of(z)


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
_LONGEST = 40
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

    What is not a word is quoted. A label cannot mean anything else: control characters are replaced, and in LaTeX every
    special character is escaped.

    Example:
        >>> name_of("W0[1,2]").latex, name_of("delta_3").latex, name_of("learning rate").latex
        ('W^{(0)}_{1,2}', '\\\\delta_{3}', '\\\\mathrm{“learning\\\\ rate”}')
        >>> name_of("learning rate").text
        '"learning rate"'
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


def one_line(text: str) -> str:
    """Any text on one line, cut at 40 characters, with control characters replaced.

    Example:
        >>> one_line("first\\nsecond")
        'first second'
    """
    line = "".join([c if c.isprintable() else "\ufffd" for c in " ".join(text.split())])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _symbol(letters: str) -> str:
    if _GREEK.fullmatch(letters):
        return f"\\{letters}"
    return letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"


def in_math_mode(text: str) -> str:
    """Any text as it can stand in math mode, between the braces of \\mathrm.

    Example:
        >>> in_math_mode("50% & more")
        '50\\\\%\\\\ \\\\&{}\\\\ more'
    """
    return "".join([_IN_MATH_MODE.get(character, character) for character in text])
