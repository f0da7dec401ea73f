"""Passes: functions from a program to one that computes the same, each small enough to be read alone.

Before the gradient is written, what belongs together is found: a loss that was written out example by example becomes
one example and a batch (`reroll`), sums of products become `dot`, and dots of one input layers (`dots`, `layers`).
Then the gradient is written behind (`differentiate`). In the end operations become those of a machine (`machine`). In
between constants are folded, common subexpressions are computed once, dead code is removed (`simplify`). None changes
a rounding, but that a product and the sum it goes into become one operation (a fused multiply-add).
"""

from __future__ import annotations

from collections.abc import Callable

from autograd.compiler.passes.dots import sums_of_products
from autograd.compiler.passes.layers import find_layers, find_ranges
from autograd.compiler.passes.machine import cut_long_sums, expand, line_up
from autograd.compiler.passes.simplify import common_subexpressions, dead_code, fold_constants
from autograd.compiler.program import Program

Pass = Callable[[Program], Program]

BEFORE_GRADIENT: tuple[Pass, ...] = (fold_constants, sums_of_products, find_layers, find_ranges)
AFTER_GRADIENT: tuple[Pass, ...] = (fold_constants, common_subexpressions, dead_code)
FOR_MACHINE: tuple[Pass, ...] = (expand, common_subexpressions, fold_constants, dead_code, cut_long_sums, line_up)
NEEDED = frozenset({"expand", "line_up"})
"""Passes that lowering relies on; all others may be left out."""

NAMES = tuple(dict.fromkeys(["roll", *[stage.__name__ for stage in (*BEFORE_GRADIENT, *AFTER_GRADIENT, *FOR_MACHINE)]]))
"""The names that `compile(..., without=...)` knows; "roll" is `reroll`."""
