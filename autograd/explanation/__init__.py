"""`explain`: the chain rule for one derivative of a graph, written out."""

from __future__ import annotations

from autograd import modes
from autograd.paths import check_limit
from autograd.value import Value

TYPE_CHECKING = False


class Explanation:
    """A derivative with its derivation: formulas in a notebook, text at a prompt and where it is printed.

    Attributes:
        derivative: the number: what `backward()` from the root gives to the node.
        number_of_paths: from the node to the root.
        text: the derivation in plain text.
        latex: the same in LaTeX, for display math (`$$`); it needs `aligned` and `array`, which MathJax, KaTeX and
            amsmath have.

    Example:
        >>> from autograd import Value, explain
        >>> x = Value(3.0, label="x")
        >>> explanation = explain(x * x, x)
        >>> explanation.derivative, explanation.number_of_paths
        (6.0, 2)
    """

    def __init__(self, derivative: float, number_of_paths: int, text: str, latex: str) -> None:
        self.derivative = derivative
        self.number_of_paths = number_of_paths
        self.text = text
        self.latex = latex

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


def explain(root: Value, wrt: Value, limit: int = 30) -> Explanation:
    """The chain rule for the derivative of one node with respect to another, written out: in symbols, then in numbers.

    The derivative is a sum over all paths from `wrt` to `root` of the products of the local derivatives along them.
    Each local derivative is also given as a formula, by the rule that the engine itself used, and as a number. A d is
    the derivative through the whole graph, a ∂ the local derivative of one operation by one of its operands.

    Where written out the sum would have more than `limit` factors, the text gives their number and the recursive form,
    as `backward()` computes it: of each node the derivative once, from those of the results it is an operand of.

    Nodes are called by their labels, equal ones h and h#2. Without a label the pre-activations and activations of `nn`
    are z and a with the indices of their weights, the root is C, and all others are v1, v2, ... in the order of
    computation. No gradient is changed; if `backward()` has run, the last line compares. Where leaves have changed
    since the graph was computed, a line says what is old.

    Args:
        root: what is differentiated.
        wrt: the node with respect to which.
        limit: how many factors to write out, the products of all paths taken together; 0 for the recursive form in any
            case.

    Returns:
        An `Explanation`, which a notebook shows in LaTeX and a prompt as text.

    Raises:
        TypeError: `root` or `wrt` is not one Value, or the limit not an integer.
        ValueError: the limit is negative.

    Example:
        >>> from autograd import Value, explain
        >>> w, x, b = Value(0.5, label="w"), Value(2.0, label="x"), Value(-1.0, label="b")
        >>> z = w * x + b
        >>> z.label = "z"
        >>> print(explain(z.tanh(), w))
        dC/dw: 1 path from w to C.
        <BLANKLINE>
        dC/dw = ∂C/∂z · ∂z/∂v1 · ∂v1/∂w
              = (1 - C²) · 1 · x
              = 1 · 1 · 2
              = 2
        <BLANKLINE>
        The factors, each the local derivative of one operation by one of its operands:
          C  = tanh(z)   ∂C/∂z  = 1 - C² = 1
          z  = v1 + b    ∂z/∂v1 = 1
          v1 = w·x       ∂v1/∂w = x      = 2
          with C = 0, x = 2
        backward() has not run from C yet: w.grad = 0.
    """
    modes.check_not_tracing("explain()", "call it on a graph outside of the function that is compiled")
    for name, node, instead in ("root", root, "explain each"), ("wrt", wrt, "write [explain(root, v) for v in values]"):
        if not isinstance(node, Value):
            advice = f": {instead}" if isinstance(node, (list, tuple)) else ""
            raise TypeError(f"explain: {name} is one Value, got {type(node).__name__} {node!r:.80}{advice}")
    check_limit("explain", limit, usual=30)
    from autograd.explanation.derivation import derive

    return Explanation(*derive(root, wrt, limit))
