"""Calls leave nothing behind, and of the programs for arguments of every shape those used last are kept."""

import functools
import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from steps import examples, hinge_step, numbers_of

from autograd.compiler import executables

pytestmark = pytest.mark.sampled(every=3)

RESIDENT = """
import gc, os
import numpy as np, autograd

def resident_bytes():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

w, x = autograd.Value(2.0), np.ones(3)
step = autograd.compile(lambda x: (w * x).exp() + w.sin(), [w])

def compile_again():
    step.clear_cache()
    step(x)

def call():
    step(x), step.flat([2.0], x), step.evaluate(x), step([1.0])

for work, count in ((compile_again, 150), (call, 100_000)):
    for _ in range(count):
        work()
    before = resident_bytes()
    for _ in range(count):
        work()
    print((resident_bytes() - before) / count)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks where Linux says how large a process is")
def test_a_process_does_not_grow():
    """Code takes some 100 KB each time, the smallest object of a call 16 bytes."""
    done = subprocess.run([sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True)
    of_code, of_a_call = map(float, done.stdout.split())
    assert of_code < 30_000
    assert of_a_call < 16


def test_calls_leave_nothing_behind():
    step, _ = hinge_step()
    parameters = step.parameters
    X, y = examples(5)
    lists = X.tolist(), y.tolist()
    vector = np.array(numbers_of(parameters))
    g = autograd.compile(lambda x: x.tanh(), vmap=True)
    calls = [
        lambda: step(X, y),
        lambda: step.flat(vector, X, y),
        lambda: step.evaluate(X, y),
        lambda: step(*lists),
        lambda: g(0.5),
        lambda: g(vector),
    ]
    gc.freeze()  # what is there is not looked through again and again
    try:
        for call in calls:
            assert min([blocks_left_by(call, 400) for _ in range(3)]) < 200  # other threads may leave some as well
    finally:
        gc.unfreeze()


def blocks_left_by(call, count):
    call()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(count):
        call()
    gc.collect()
    return sys.getallocatedblocks() - before


def test_nothing_is_kept_alive_by_a_call():
    """Neither the arguments nor what was recorded; and code goes with the last reference to it."""
    step, _ = hinge_step()
    X, y = examples(5)
    step(X, y)
    references = weakref.ref(X), weakref.ref(y)
    del X, y
    assert [r() for r in references] == [None, None]
    module = weakref.ref(step.executables.last.built.code)
    step.clear_cache()
    gc.collect()
    assert module() is None


@pytest.mark.parametrize("kind", ["a list", "an array", "rows", "a batch of lists"])
def test_of_lists_of_every_length_the_programs_used_last_are_kept(kind, monkeypatch):
    monkeypatch.setattr(executables, "MOST_EXECUTABLES", 3)
    weight = Value(2.0)
    of_numbers = autograd.compile(lambda x: autograd.sum(x) * weight)
    of_rows = autograd.compile(lambda x: autograd.sum(x) * weight, [weight])
    call = {
        "a list": lambda n: of_numbers([1.0] * n),
        "an array": lambda n: of_numbers(np.ones(n)),
        "rows": lambda n: of_rows(np.ones((5, n))),
        "a batch of lists": lambda n: of_rows([[1.0] * n] * 5),
    }[kind]
    step = of_numbers if kind in ("a list", "an array") else of_rows
    codes = {}
    for n in (2, 3, 4, 2, 5, 6, 2, 7, 2):
        assert call(n) == 2.0 * n
        codes[n] = weakref.ref(step.executables.last.built.code)
    gc.collect()
    assert [n for n, code in codes.items() if code() is not None] == [2, 6, 7]
    assert len(step.executables) == 3
    assert call(3) == 6.0


def test_a_program_that_is_forgotten_while_it_runs_goes_on(monkeypatch):
    monkeypatch.setattr(executables, "MOST_EXECUTABLES", 1)
    g = autograd.compile(autograd.sum)
    assert g(np.ones(3)) == 3.0
    numbers, ran = np.ones(3), []

    def run_after_others_were_called(run, *arguments):
        g(np.ones(4))
        gc.collect()
        ran.append(len(g.executables))
        return run(*arguments)

    last = g.executables.last
    monkeypatch.setattr(last, "run", functools.partial(run_after_others_were_called, last.run))
    code = weakref.ref(last.built.code)
    del last
    assert g(numbers) == 3.0
    assert ran == [1]
    monkeypatch.undo()
    gc.collect()
    assert code() is None


def test_threads_may_call_more_lengths_than_are_kept(monkeypatch):
    monkeypatch.setattr(executables, "MOST_EXECUTABLES", 2)
    g = autograd.compile(autograd.sum)
    lengths = [1 + (7 * k) % 5 for k in range(60)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: g(np.ones(n)), lengths)) == lengths
    assert len(g.executables) == 2
    assert set(g.executables._of_vectors.values()) <= set(g.executables._known.values())
