"""Sweeps of which every run takes a sample, and CI takes all."""

import pytest


def sampled(cases, every):
    """For `pytest.mark.parametrize`: the cases, of which all but every n-th are slow."""
    return [
        case if k % every == 0 else pytest.param(*_as_tuple(case), marks=pytest.mark.slow)
        for k, case in enumerate(cases)
    ]


def _as_tuple(case):
    return case if isinstance(case, tuple) else (case,)
