"""Copies and pickles of compiled functions."""

import copy
import os
import pickle
import subprocess
import sys

import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from steps import MODEL, Task, examples, gradients_of, loss_of_the_module, rosenbrock

pytestmark = pytest.mark.sampled(every=3)


def reloaded(thing):
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("duplicate", [reloaded, copy.deepcopy])
def test_a_copy_of_a_task_trains_a_model_of_its_own(duplicate, called):
    task = Task()
    X, y = examples(9)
    step = autograd.compile(task.loss, task.model.parameters(), reduce="sum", without=("find_layers",), math="libm")
    if called:
        step(X, y)
    other_step, other = duplicate((step, task))
    assert other_step.parameters == other.model.parameters()
    assert other_step.f.__self__ is other
    assert (other_step.reduce, other_step.without, other_step.math) == ("sum", ("find_layers",), "libm")
    value = step(X, y)
    kept = gradients_of(step.parameters)
    for p in step.parameters:
        p.grad = 7.0
    assert other_step(X, y) == value
    assert gradients_of(other.model.parameters()) == kept
    assert gradients_of(task.model.parameters()) == [7.0] * len(kept)
    other.model.parameters()[0].data += 1.0
    assert other_step(X, y) != value
    assert step(X, y) == value


def test_a_copy_that_does_not_bring_its_model_along():
    """A plain function is the same function in a copy, and it uses the same model."""
    step = autograd.compile(loss_of_the_module, MODEL.parameters())
    X, y = examples(9)
    value = step(X, y)
    for other in (copy.copy(step), copy.deepcopy(step)):
        assert all(p is q for p, q in zip(other.parameters, step.parameters))
        assert other(X, y) == value
        assert other.executables is not step.executables
    (w,) = parameters = [Value(2.0)]
    other = copy.deepcopy(autograd.compile(lambda x: w * x, parameters))
    assert other([1.0]) == 2.0
    assert w.grad == 1.0


def test_a_pickle_is_loaded_in_another_process(tmp_path):
    """The model of the module is made anew there, the one in the pickle with it."""
    task = Task()
    task.model.parameters()[0].data = 0.125
    X, y = examples(9)
    step = autograd.compile(task.loss, task.model.parameters())
    value = step(X, y)
    (tmp_path / "step").write_bytes(pickle.dumps((step, task, X, y)))
    code = (
        "import pickle, sys; step, task, X, y = pickle.load(open(sys.argv[1], 'rb')); print(repr(step(X, y))); "
        "print(step.parameters == task.model.parameters(), task.model.parameters()[0].grad)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "step")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=os.path.dirname(__file__), check=False)
    assert done.stdout.split() == [repr(value), "True", repr(step.parameters[0].grad)], done.stderr


def test_functions_without_parameters_are_copied():
    g = autograd.compile(rosenbrock, wrt=(0,))
    for other in (g, reloaded(g), copy.copy(g), copy.deepcopy(g)):
        assert other([0.5, 2.0]) == pytest.approx(rosenbrock([0.5, 2.0]), rel=1e-14)
        assert other.wrt == (0,)


def test_what_cannot_be_pickled_says_so():
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(autograd.compile(lambda x: x))
