"""Data sets, and examples as `fit` takes them."""

from nn.demos.datasets import digits, moons
from nn.train.examples import as_rows, as_targets

__all__ = ["as_rows", "as_targets", "digits", "moons"]
