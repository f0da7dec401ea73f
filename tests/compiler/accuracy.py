"""How far off a compiled result may be from that of Values, and at which points rows are looked at."""

import math

import numpy as np

from autograd.compiler.passes.machine import INSTRUCTIONS  # it needs NumPy
from autograd.graph import topological_order
from autograd.symbolic.lowering import FUNCTIONS

SPECIAL = (
    *(0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, 7.5, 1e-5, 1000.0, -1000.0),
    *(math.inf, -math.inf, math.nan, 1e-310, -1e-310, 1e308, -1e308),
)


def overflows_on_the_way(xs_then_ys):
    """Whether a product, or a sum before the last, is infinite in the dot product of finite numbers."""
    half = len(xs_then_ys) // 2
    total = 0.0
    for x, y in zip(xs_then_ys[:half], xs_then_ys[half:]):
        product = x * y
        if math.isinf(product) and math.isfinite(x) and math.isfinite(y):
            return True
        if math.isinf(total + product) and math.isfinite(total) and math.isfinite(product):
            return True
        total += product
    return False


def error_bounds(roots, ulps=lambda row: 0.5, spacing=math.ulp):
    """How far off numbers may be that are computed like these graphs, if every operation is off by some units itself.

    To first order: what an operation adds is passed on with the local derivatives of those behind it.

    Args:
        roots: the last nodes of graphs of Values.
        ulps: of each row, by how many units in the last place its result may be off.
        spacing: the size of a unit in the last place of a number.

    Returns:
        For every node of the graphs the bound.
    """
    errors = {}
    for node in topological_order(*roots):
        errors[node] = 0.0
        if node.primitive is not None:
            parts = added_up(node)
            own = ulps(node.primitive) * max(spacing(node.data), len(parts) * spacing(sum(map(abs, parts))))
            passed_on = [abs(d) * errors[p] for d, p in zip(node.local_derivatives, node.parents) if d and errors[p]]
            errors[node] = own + sum(passed_on)
    return errors


def error_bound(root, *how):
    return error_bounds([root], *how)[root]


def added_up(node):
    """What a row of any number of operands adds up, of which a small sum may be left."""
    numbers = [p.data for p in node.parents]
    half = len(numbers) // 2
    if node.primitive.name == "dot":
        return [x * y for x, y in zip(numbers[:half], numbers[half:])]
    if node.primitive.name == "logsumexp":
        return [max(numbers), node.data - max(numbers)]
    return numbers if node.primitive.name == "sum" else []


def vector_ulps(row):
    """With vector mathematics: 4 for a function, and some roundings more for a row that is made of functions."""
    return 0.5 if row.name in INSTRUCTIONS else 4.0 if row.name in FUNCTIONS else 8.0


def differing(got, wanted, tolerance):
    """Where two arrays differ: by more than so much, or in nan, in infinities or in the sign of a zero."""
    with np.errstate(invalid="ignore", over="ignore"):
        far = ~(np.abs(got - wanted) <= tolerance) & (got != wanted)
    zeros = (got == 0) & (wanted == 0) & (np.signbit(got) != np.signbit(wanted))
    return np.isnan(got) != np.isnan(wanted), (far | zeros) & ~np.isnan(wanted)


def ulps_of(numbers, count):
    with np.errstate(invalid="ignore"):
        return count * np.spacing(np.abs(np.where(np.isfinite(numbers), numbers, 0.0)))
