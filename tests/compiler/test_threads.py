"""Several threads call, compile and share a batch; Ctrl-C and copies of the process find them at it."""

import gc
import itertools
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd
from autograd import Value
from nn import MLP

pytest.importorskip("llvmlite")

from steps import Demo, assert_no_trace, examples, gradients_of, hinge_step

from autograd.compiler.passes import reroll

pytestmark = pytest.mark.sampled(every=3)

# --- Callers in several threads --------------------------------------------------------------------------------------


@pytest.fixture
def _switching_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(count, work):
    """What `work(k)` gives for k < count, each in a thread, all started together."""
    barrier = threading.Barrier(count)

    def started(k):
        barrier.wait(60)
        return work(k)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(started, range(count)))


@pytest.mark.usefixtures("_switching_often")
def test_threads_may_call_the_same_step_with_vectors_of_their_own():
    step, _ = hinge_step()
    X, y = examples(40)
    vectors = np.random.default_rng(1).normal(size=(8, len(step.parameters)))
    wanted = [step.flat(vector, X, y) for vector in vectors]

    def work(k):
        found = [step.flat(vectors[k], X, y) for _ in range(200)]
        return all(value == wanted[k][0] and (grad == wanted[k][1]).all() for value, grad in found)

    assert in_threads(8, work) == [True] * 8


@pytest.mark.usefixtures("_switching_often")
@pytest.mark.parametrize("how", ["hinge", "leaves_outside"])
def test_threads_may_call_the_same_loss_of_a_whole_data_set(how):
    demo = Demo(how)
    step = autograd.compile(demo.total_loss, demo.model.parameters())
    vectors = np.random.default_rng(1).normal(size=(6, len(step.parameters)))
    wanted = [step.flat(vector) for vector in vectors]
    assert len({value for value, _ in wanted}) == 6
    assert len({tuple(gradient) for _, gradient in wanted}) == 6  # a result is the caller's own

    def work(k):
        found = [step.flat(vectors[k]) for _ in range(100)]
        return all(value == wanted[k][0] and (grad == wanted[k][1]).all() for value, grad in found)

    assert in_threads(6, work) == [True] * 6


@pytest.mark.usefixtures("_switching_often")
def test_a_call_keeps_the_tables_that_it_reads_though_another_thread_makes_them_anew(monkeypatch):
    w = Value(2.0)
    step = autograd.compile(lambda: autograd.sum([(w * k).tanh() * (k + 0.5) for k in range(20)]), [w])
    made = []

    def tables(self, *arguments, tables=reroll.Rerolled.tables):
        found = tables(self, *arguments)
        made.extend(map(weakref.ref, found))
        return found

    monkeypatch.setattr(reroll.Rerolled, "tables", tables)
    step()
    call = step.executables.recent.call
    step.executables.recent = None  # as if this thread had been the first, and the next the last
    step()
    gc.collect()
    assert len(made) == 2
    assert all(table() is not None for table in made)
    assert call(np.array([2.0]))[0] == step()


def test_threads_may_call_the_same_step_with_arguments_of_their_own():
    """Of other shapes, so that each wants a program of its own; compiled at the same time."""
    w = Value(2.0)
    step = autograd.compile(lambda x: w * autograd.sum(list(x)), [w], reduce="sum")
    tables = [np.full((3 + k, 1 + 5 * k), 1.0 + k) for k in range(6)]

    def work(k):
        own = tables[k]
        found = [(step.flat([3.0], own)[0], step.evaluate(own).sum(), step.grad(own).sum()) for _ in range(100)]
        return set(found) == {(3 * own.sum(), 2 * own.sum(), 2.0 * own.size)}

    assert in_threads(6, work) == [True] * 6
    assert_no_trace()


@pytest.mark.usefixtures("_switching_often")
def test_threads_may_compile_at_the_same_time():
    def work(k):
        w = Value(2.0 + k)
        step = autograd.compile(lambda x: autograd.where(x > k, w * x.exp(), x.tanh()) ** 2, [w])
        x = np.linspace(-1.0, 9.0, 50)
        return step(x), w.grad, 2.0 + k, k

    x = np.linspace(-1.0, 9.0, 50)
    for value, grad, w, k in in_threads(4, work):
        assert value == pytest.approx(np.mean(np.where(x > k, w * np.exp(x), np.tanh(x)) ** 2), rel=1e-12)
        assert grad == pytest.approx(np.mean(np.where(x > k, 2 * w * np.exp(2 * x), 0.0)), rel=1e-12)
    assert_no_trace()


# --- Several threads to a batch --------------------------------------------------------------------------------------


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize(("n", "threads"), list(itertools.product([4096, 4097, 5000, 100], [2, 3])))
def test_several_threads_to_a_batch(threads, n):
    X, y = examples(n)
    steps = []
    for count in (1, threads):
        model = MLP(2, [8, 8, 1], activation="tanh", rng=0)
        parameters = model.parameters()

        def loss(x, y, model=model, parameters=parameters):
            z = model(x)
            return (z - y) ** 2 + 0.1 * autograd.dot(parameters, parameters), [z, y]

        steps.append(autograd.compile(loss, parameters, has_aux=True, threads=count, reduce="sum"))
    (value, aux), (wanted, wanted_aux) = steps[1](X, y), steps[0](X, y)
    assert value == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_array_equal(aux, wanted_aux)
    np.testing.assert_allclose(
        gradients_of(steps[1].parameters), gradients_of(steps[0].parameters), rtol=1e-12, atol=1e-10
    )
    for _ in range(5):
        assert steps[1](X, y)[0] == value
    outputs = [autograd.compile(lambda x: x[0].tanh() * x[1], threads=count, vmap=True) for count in (1, threads)]
    np.testing.assert_array_equal(outputs[1](X), outputs[0](X))
    np.testing.assert_array_equal(outputs[1].grad(X), outputs[0].grad(X))


@pytest.mark.usefixtures("_switching_often")
def test_several_threads_to_a_batch_called_by_several_threads():
    step, _ = hinge_step(threads=2)
    X, y = examples(3000)
    vectors = np.random.default_rng(1).normal(size=(4, len(step.parameters)))
    wanted = [step.flat(vector, X, y) for vector in vectors]

    def work(k):
        found = [step.flat(vectors[k], X, y) for _ in range(30)]
        return all(value == wanted[k][0] and (grad == wanted[k][1]).all() for value, grad in found)

    assert in_threads(4, work) == [True] * 4


def test_ctrl_c_while_threads_share_a_batch(interrupt):
    """At whatever line it finds them: memory that a thread still works on is not given back, and none is lost."""
    step, _ = hinge_step(threads=2)
    X, y = examples(20_000)
    value, outputs = step(X, y), step.evaluate(X, y)
    for call in (step, step.evaluate):
        line = 0
        while True:
            line += 1
            own, interruption = (X.copy(), y.copy()), interrupt(line)
            try:
                interruption.start()
                call(*own)
                break
            except KeyboardInterrupt:
                del own
            finally:
                interruption.stop()
        assert line > 20
        assert step(X, y) == value
        assert (step.evaluate(X, y) == outputs).all()


# --- Copies of the process -------------------------------------------------------------------------------------------


FORKED = """
import os
import numpy as np, autograd

w = autograd.Value(2.0)
step = autograd.compile(lambda x: w * x, [w], threads=2)
x = np.ones(100_000)
step(x)
child = os.fork()
value = step(x)
if child == 0:
    os._exit(0 if value == 2.0 else 1)
print(value, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies of others")
def test_threads_in_a_copy_of_the_process():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False, timeout=600)
    assert done.stdout.split() == ["2.0", "0"], done.stderr


FORKED_MEANWHILE = """
import os, signal, sys, threading
import autograd
from autograd import Value, modes
from autograd.compiler import executables
from autograd.compiler.runtime import native

where = sys.argv[1]
inside, go_on = threading.Event(), threading.Event()
w = Value(2.0)
autograd.compile(lambda x: w * x, [w])(3.0)


class Asked:
    \"\"\"A lock that another thread holds until somebody asks for it.\"\"\"

    def __init__(self, lock):
        self.lock = lock

    def acquire(self):
        if threading.current_thread() is not holder:
            go_on.set()
        return self.lock.acquire() if hasattr(self.lock, "acquire") else self.lock.__enter__()

    def release(self):
        self.lock.release() if hasattr(self.lock, "release") else self.lock.__exit__(None, None, None)

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()


def recorded(x):
    if not inside.is_set():
        inside.set()
        go_on.wait()
    return w * x


step = autograd.compile(recorded, [w])


def hold():
    if where == "recording":
        step(3.0)
        return
    with locks[where]:
        inside.set()
        go_on.wait()


holder = threading.Thread(target=hold)
locks = {}
if where == "backward":
    locks[where] = modes.one_backward_at_a_time = Asked(modes.one_backward_at_a_time)
elif where == "LLVM":
    lib = native.llvm().ffi.lib
    locks[where] = lib._lock = Asked(lib._lock)
elif where == "between two calls of LLVM":
    locks[where] = native._lock
holder.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(120)
    y = w * 5
    y.backward()
    good = w.grad == 5.0 + 3.0 and step(4.0) == 8.0 and autograd.compile(lambda x: w * x * x, [w])(3.0) == 18.0
    os._exit(0 if good and w.grad == 9.0 else 1)
status = os.waitpid(child, 0)[1]
go_on.set()
holder.join()
print(os.waitstatus_to_exitcode(status), step(4.0), w.grad)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies of others")
@pytest.mark.parametrize("where", ["recording", "backward", "LLVM", "between two calls of LLVM"])
def test_a_copy_of_the_process_made_while_another_thread_is_busy(where):
    command = [sys.executable, "-W", "ignore", "-c", FORKED_MEANWHILE, where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["0", "8.0", "4.0"], "")


FORKED_IN_THE_MIDDLE = """
import os, signal
import autograd
from autograd import Value

w = Value(2.0)
children = []


def f(x):
    if not children:  # it is run more than once
        children.append(os.fork())
        if children[0] == 0:
            signal.alarm(120)
    return w * x


value = autograd.compile(f, [w])(3.0)
if children[0] == 0:
    os._exit(0 if (value, w.grad, autograd.compile(lambda x: w * x, [w])(3.0)) == (6.0, 3.0, 6.0) else 1)
print(value, w.grad, os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies of others")
def test_a_function_that_is_recorded_may_copy_the_process():
    done = subprocess.run([sys.executable, "-c", FORKED_IN_THE_MIDDLE], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["6.0", "3.0", "0"], "")
