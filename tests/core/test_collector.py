"""The pause of Python's garbage collector."""

import gc

import pytest

from autograd import collector_paused


def test_collector_paused_nests_and_leaves_the_collector_as_it_was():
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_collector_paused_is_left_by_an_error():
    with pytest.raises(ValueError, match="oops"), collector_paused():
        raise ValueError("oops")
    assert gc.isenabled()
