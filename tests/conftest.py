"""What all tests share: nothing in them depends on how fast or how busy the machine is."""

import os
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from autograd import PRIMITIVES, floats

os.environ |= {
    "MPLBACKEND": "Agg",
    "COLUMNS": "120",  # argparse and tqdm write for a terminal of this width
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),  # pytest-xdist keeps the other processors busy
}
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
pytest_plugins = ["chromium", "drawing"]  # a browser, and pages in it; pictures laid out in every way there is
SHARED = (
    "accuracy",
    "programs",
    "derivatives",
    "pages",
    "steps",
    "drawing",
    "exploring",
    "training",
    "compiled_training",
    "plotting",
)
pytest.register_assert_rewrite(*SHARED)  # what they assert is explained like what a test asserts


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of the cases of a test that is `sampled` all but every n-th are slow, those aside that are slow anyway."""
    cases = Counter()
    for item in items:
        sampled, test = item.get_closest_marker("sampled"), item.nodeid.split("[")[0]
        if sampled and "[" in item.nodeid and not item.get_closest_marker("slow"):
            if cases[test] % sampled.kwargs["every"]:
                item.add_marker(pytest.mark.slow)
            cases[test] += 1


class Interrupt:
    """Ctrl-C between two lines of the library, where it is told to: where a signal finds a program is chance.

    Args:
        line: which, of those that are run from `start()` to `stop()`; None for none of them.

    Attributes:
        lines: how many have been run.
    """

    def __init__(self, line=None):
        self.line, self.lines = line, 0

    def start(self):
        frame = sys._getframe(1)
        while frame:
            if self._is_ours(frame):
                frame.f_trace = self._trace
            frame = frame.f_back
        sys.settrace(self._trace)

    @staticmethod
    def stop():
        sys.settrace(None)

    @staticmethod
    def _is_ours(frame):
        return frame.f_globals.get("__name__", "").split(".")[0] in ("autograd", "nn")

    def _trace(self, frame, event, _argument):
        if not self._is_ours(frame):
            return None
        self.lines += event == "line"
        if event == "line" and self.lines == self.line:
            self.stop()
            raise KeyboardInterrupt
        return self._trace


@pytest.fixture(autouse=True)
def _own_rows():
    """A row that a test makes goes with it."""
    before = dict(PRIMITIVES)
    yield
    if list(PRIMITIVES) != list(before):
        PRIMITIVES.clear()
        PRIMITIVES.update(before)


@pytest.fixture
def plain_sums(monkeypatch):
    """From 3.12 on Python's own sum keeps what rounding loses; native code and JavaScript add."""

    def added_one_by_one(numbers, start=0):
        for number in numbers:
            start = start + number
        return start

    monkeypatch.setattr(floats, "add_up", added_one_by_one)


@pytest.fixture
def interrupt():
    """Makes interrupts, none of which comes after the test."""
    before = sys.gettrace()
    yield Interrupt
    sys.settrace(before)
