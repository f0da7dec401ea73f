"""Sweeps of which every run takes a sample, and CI takes all."""

import pytest


def sampled(cases, every):
    """For `pytest.mark.parametrize`: the cases, of which all but every n-th, counted from the first, are slow."""
    slow = pytest.mark.slow
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=[slow] if k % every else [])
        for k, case in enumerate(cases)
    ]
