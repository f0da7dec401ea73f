"""What cannot be compiled or called says so, in words that help, and leaves nothing behind."""

import copy
import functools
import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import CompileError, Value, blocks, modes
from nn import MLP, predict

pytest.importorskip("llvmlite")

from steps import MODEL, assert_no_trace, examples, gradients_of, hinge_step, numbers_of

pytestmark = pytest.mark.sampled(every=3)

# --- What needs a number ---------------------------------------------------------------------------------------------


NOT_KNOWN = {
    "if": (lambda v: v if v > 0 else -v, "`if` on a Value.*autograd.where"),
    "and": (lambda v: v and 1.0, "`if` on a Value.*autograd.where"),
    "not": (lambda v: 1.0 - (not v), "`if` on a Value.*autograd.where"),
    "bool": (lambda v: v * bool(v), "`if` on a Value.*autograd.where"),
    "max": (lambda v: max(v, 1.0), "`if` on a Value.*autograd.maximum"),
    "min": (lambda v: min([v, v * 2]), "`if` on a Value.*autograd.minimum"),
    "in": (lambda v: v * (v in [1.0, 2.0]), "`if` on a Value.*autograd.where"),
    "index": (lambda v: v * [1.0, 2.0].index(v), "`if` on a Value.*autograd.where"),
    "sorted": (lambda v: sorted([v, v * 2, 3.0])[0], "`if` on a Value.*autograd.where"),
    "or": (lambda v: v * (v > 0 or 2.0), "`if` on a Value.*autograd.where"),
    "float": (lambda v: v * float(v), r"float\(v\).*autograd.where"),
    "math.exp": (lambda v: math.exp(v) * v, r"float\(v\).*autograd.where"),
    "int": (lambda v: v * int(v), r"int\(v\).*autograd.where"),
    "an index": (lambda v: v * [1.0, 2.0][v], r"int\(v\).*autograd.where"),
    "range": (lambda v: sum(v for _ in range(v)), r"int\(v\).*autograd.where"),
    "round": (lambda v: v * round(v), r"round\(v\).*autograd.where"),
    "complex": (lambda v: v * complex(v), r"complex\(v\).*autograd.where"),
    "numpy": (lambda v: v * np.float64(v), r"float\(v\).*autograd.where"),
    "data": (lambda v: v * v.data, r"v\.data.*compute with v itself"),
    "setting data": (lambda v: setattr(v, "data", 1.0), r"v\.data = .*outside of the function"),
    "backward": (lambda v: (v * v).backward(), r"backward\(\).*return the loss"),
    "grad": (lambda v: v * v.grad, r"v\.grad.*autograd\.grad\(f\)"),
    "a gradient added to": (lambda v: setattr(v, "grad", v.grad + 1.0), r"v\.grad.*autograd\.grad\(f\)"),
    "local derivatives": (lambda v: (v * v).local_derivatives[0] * v, r"v\.local_derivatives.*autograd\.grad\(f\)"),
    "format": (lambda v: v * float(f"{v:.3f}"), r"f'{v:\.3f}'.*what the compiled function returns"),
    "format of an array": (lambda v: v * len(f"{np.array([v])[0]:8}"), r"f'{v:8}'.*what the compiled function returns"),
    "copy": (lambda v: v * copy.copy(v), "a copy or a pickle of v.*use v itself"),
    "deepcopy": (lambda v: v * copy.deepcopy([v * 2.0])[0], "a copy or a pickle of v.*use v itself"),
    "pickle": (lambda v: v * pickle.loads(pickle.dumps(v * v)), "a copy or a pickle of v.*use v itself"),
    "np.argmax": (lambda v: v * np.argmax([v, v * 2]), "`if` on a Value.*autograd.where"),
    "np.sort": (lambda v: np.sort(np.array([v, v * 2]))[0], "`if` on a Value.*autograd.where"),
    "np.unique": (lambda v: np.unique(np.array([v, v * 2]))[0], "`if` on a Value.*autograd.where"),
    "np.where": (lambda v: np.where(np.array([v]) > 0, v, 0.0)[0], "`if` on a Value.*autograd.where"),
    "state_dict": (lambda v: v * MODEL.state_dict()["layers.0.neurons.0.b"], r"v\.data.*compute with v itself"),
    "predict": (lambda v: v * predict(MODEL, [[1.0, 2.0]])[0], r"v\.data.*compute with v itself"),
}


@pytest.mark.parametrize("what", NOT_KNOWN)
@pytest.mark.parametrize("way", ["loss", "batch", "number", "no arguments", "evaluate", "inside grad"])
def test_what_needs_a_number_is_an_error(what, way):
    f, message = NOT_KNOWN[what]
    w = Value(2.0)
    w.grad = 5.0
    call = {
        "loss": lambda: autograd.compile(lambda x: f(w * x), [w])([1.0, 2.0]),
        "batch": lambda: autograd.compile(f, vmap=True)(np.array([1.0, 2.0])),
        "number": lambda: autograd.compile(f)(1.0),
        "no arguments": lambda: autograd.compile(lambda: f(w), [w])(),
        "evaluate": lambda: autograd.compile(lambda x: f(w * x), [w]).evaluate([1.0]),
        "inside grad": lambda: autograd.compile(autograd.grad(f))(1.0),
    }[way]
    with pytest.raises(CompileError, match=message) as caught:
        call()
    place = f.__code__
    assert f"{place.co_filename}, line {place.co_firstlineno}, in <" in str(caught.value)
    assert w.grad == 5.0
    assert w.data == 2.0
    assert_no_trace()


@pytest.mark.parametrize("result", [None, "text", [1.0, None], 1j, object(), {"a": {1.0}}, np.array(["a"])])
def test_a_result_that_is_no_number_is_an_error(result):
    w = Value(1.0)
    for step in (autograd.compile(lambda x: result), autograd.compile(lambda x: result, [w])):
        with pytest.raises(CompileError, match=r"must return a Value, or a pytree of Values, got"):
            step([1.0])
    assert_no_trace()


def test_a_loss_that_is_several_numbers_is_an_error():
    w = Value(1.0)
    with pytest.raises(CompileError, match=r"wants a loss, one Value, the function returned 2.*has_aux=True"):
        autograd.compile(lambda x: [w * x, w], [w])([1.0])
    with pytest.raises(CompileError, match=r"wants a function whose result is one number, it returned 2.*jacobian"):
        autograd.compile(lambda x: [w * x, w], [w]).grad([1.0])
    with pytest.raises(CompileError, match=r"wants a function whose result is one number, it returned 2.*jacobian"):
        autograd.compile(lambda x: [x, x]).grad(1.0)
    assert autograd.compile(lambda x: [w * x, w], [w]).evaluate([1.0]).tolist() == [[1.0, 1.0]]


# --- Arguments and options -------------------------------------------------------------------------------------------


shared_hinge_step = functools.cache(hinge_step)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda X, y: (X, y[:-1]), ValueError, "argument 2 has 8 examples, the ones before it have 9"),
        (lambda X, y: (X[:0], y), ValueError, "argument 2 has 9 examples, the ones before it have 0"),
        (lambda X, y: (X[:, :1], y), ValueError, "2"),
        (lambda X, y: (np.hstack([X, X]), y), ValueError, "2"),
        (lambda X, y: ([[1.0, 2.0], [1.0]], [1.0, 1.0]), ValueError, "argument 1 is ragged"),
        (lambda X, y: ([[1.0, 2.0], 1.0], [1.0, 1.0]), ValueError, "argument 1 is ragged"),
        (lambda X, y: (X, [[1.0]] * 8 + [[1.0, 2.0]]), ValueError, "argument 2 is ragged"),
        (lambda X, y: (np.array([[1.0, 2.0], [1.0]], dtype=object), y[:2]), ValueError, "argument 1 is ragged"),
        (lambda X, y: (X, ["a"] * 9), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, "abc"), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, [1.0] * 8 + ["2.0"]), TypeError, "argument 2 wants"),
        (lambda X, y: (X, [*y[:-1], "2.0", Fraction(1)][1:]), TypeError, "argument 2 wants"),
        (lambda X, y: (X, [None] * 9), TypeError, "argument 2 wants a number.*got NoneType None"),
        (lambda X, y: (X, [*y[:-1], None]), TypeError, "argument 2 wants a number.*got NoneType None"),
        (lambda X, y: (X, None), TypeError, "argument 2 wants a number.*got NoneType None"),
        (lambda X, y: (X, y + 1j), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, 1j), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, list(map(Value, y))), TypeError, r"argument 2 wants a number, got a Value: write v\.data"),
        (lambda X, y: (np.vectorize(Value, otypes=[object])(X), y), TypeError, r"argument 1 .*v\.data"),
        (lambda X, y: (X, Value(1.0)), TypeError, r"argument 2 wants a number, got a Value: write v\.data"),
        (lambda X, y: (X, y.astype("datetime64[s]")), TypeError, "argument 2 wants numbers"),
        (lambda X, y: (X, {"a": 1.0}), TypeError, "argument 2 wants"),
        (lambda X, y: (X, {1.0, 2.0}), TypeError, "argument 2 wants"),
        (lambda X, y: (X, b"bytes"), TypeError, "argument 2 wants"),
        (lambda X, y: (X, [10**400] * 9), OverflowError, "argument 2"),
        (lambda X, y: (X,), TypeError, "missing 1 required positional argument: 'y'"),
        (lambda X, y: (), TypeError, "missing 2 required positional arguments"),
        (lambda X, y: (X, y, y), TypeError, "takes 2 positional arguments but 3 were given"),
    ],
)
@pytest.mark.parametrize("way", ["call", "flat", "evaluate", "grad"])
def test_arguments_that_do_not_fit(arguments, error, message, way):
    step, _ = shared_hinge_step()
    X, y = examples(9)
    wanted = step(X, y), gradients_of(step.parameters)
    for k, p in enumerate(step.parameters):
        p.grad = float(k)
    vector = numbers_of(step.parameters)
    calls = {"call": step, "flat": functools.partial(step.flat, vector), "evaluate": step.evaluate, "grad": step.grad}
    with pytest.raises(error, match=message):
        calls[way](*arguments(X, y))
    assert gradients_of(step.parameters) == [float(k) for k in range(len(step.parameters))]
    assert numbers_of(step.parameters) == vector
    assert_no_trace()
    assert (step(X, y), gradients_of(step.parameters)) == wanted


@pytest.mark.parametrize(
    "vector", [[1.0], np.ones((2, 1)), 1.0, [], np.ones((1, 2)), ["1", "2"], [1j, 2j], [None, 1.0]]
)
def test_vectors_that_do_not_fit(vector):
    w, v = Value(1.0), Value(2.0)
    step = autograd.compile(lambda x: w * x + v, [w, v])
    with pytest.raises((ValueError, TypeError)) as caught:
        step.flat(vector, [1.0])
    if np.asarray(vector).dtype == float:
        assert "flat wants a vector of 2 numbers, one for each parameter" in str(caught.value)
    assert gradients_of([w, v]) == [0.0, 0.0]
    assert step.flat([3.0, 4.0], [1.0])[0] == 7.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reduce": "max"}, ValueError, "reduce is one of mean, sum, got 'max'"),
        ({"reduce": None}, ValueError, "reduce is one of mean, sum, got None"),
        ({"dtype": "float16"}, ValueError, "dtype is one of float64, float32, got 'float16'"),
        ({"math": "fast"}, ValueError, "math is one of vector, libm, got 'fast'"),
        ({"threads": 0}, ValueError, "threads is an integer of at least 1, got 0"),
        ({"threads": -1}, ValueError, "threads is an integer of at least 1, got -1"),
        ({"threads": 1.5}, ValueError, "threads is an integer of at least 1, got 1.5"),
        ({"threads": None}, ValueError, "threads is an integer of at least 1, got None"),
        ({"without": ["no_such_pass"]}, ValueError, "no_such_pass"),
        ({"without": "roll"}, (ValueError, TypeError), "without"),
        ({"parameters": [Value(1.0)] * 2}, ValueError, "each parameter once"),
        ({"parameters": [1.0]}, TypeError, "parameters are leaf Values, got 1.0"),
        ({"parameters": [Value(1.0) * 2]}, TypeError, "parameters are leaf Values"),
        ({"parameters": MLP(2, [1], rng=0)}, TypeError, r"model\.parameters\(\)"),
        ({"parameters": Value(1.0)}, TypeError, "parameters"),
        ({"parameters": "ab"}, TypeError, "parameters are leaf Values"),
        ({"wrt": "x"}, TypeError, "wrt"),
        ({"wrt": 0.5}, TypeError, "wrt"),
        ({"f": 3}, TypeError, "compile wants a function of Values, got 3"),
        ({"f": None}, TypeError, "compile wants a function of Values, got None"),
    ],
)
def test_options_that_are_none(options, error, message):
    options = {"f": lambda x: x, **options}
    with pytest.raises(error, match=message):
        autograd.compile(options.pop("f"), options.pop("parameters", ()), **options)


def test_positions_that_are_none():
    f = autograd.compile(lambda x, y: x * y, wrt=2)
    with pytest.raises(IndexError, match=r"wrt=2, but compile\(<lambda>\) was called with 2 arguments"):
        f.grad(1.0, 2.0)
    with pytest.raises(IndexError, match=r"wrt=2"):
        f.grad(np.ones(3), np.ones(3))
    assert f(1.0, 2.0) == 2.0


def test_what_has_no_parameters_has_no_gradients_of_them():
    f = autograd.compile(lambda x: x * x)
    with pytest.raises((TypeError, ValueError)):
        f.flat([1.0], [1.0])
    with pytest.raises(TypeError, match="no parameters"):
        f.flat([], [1.0])


# --- What goes wrong, or on, while a function is recorded ------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, KeyError, KeyboardInterrupt, RecursionError])
def test_an_error_of_the_function_itself_comes_out_as_it_is(error):
    failing = [True]
    w = Value(2.0)
    w.grad = 7.0

    def f(x):
        if failing:
            raise error("of my own")
        return w * x

    step, g = autograd.compile(f, [w]), autograd.compile(f)
    for call in (lambda: step([1.0]), lambda: step.evaluate([1.0]), lambda: g(1.0), lambda: g(np.array([1.0, 2.0]))):
        with pytest.raises(error, match="of my own"):
            call()
        assert_no_trace()
    assert w.grad == 7.0
    failing.clear()
    assert step([1.0, 2.0]) == 3.0
    assert g(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]


def test_the_error_of_one_example_is_told_where_nothing_fits():
    with pytest.raises(AttributeError, match="lgamma"):
        autograd.compile(lambda x: autograd.where(x > 0, x.lgamma(), x), vmap=True)(np.array([1.0, 2.0]))


def test_modes_inside_of_a_function_are_left_with_it():
    w = Value(2.0)

    @autograd.no_grad()
    def constant(x):
        return w * x

    step = autograd.compile(lambda x: constant(x) * w + w.detach() * x, [w])
    assert step([1.0, 3.0]) == 12.0
    assert w.grad == 4.0
    with autograd.no_grad():
        assert step([1.0, 3.0]) == 12.0
        assert autograd.compile(lambda x: w * x, [w])([1.0]) == 2.0
        assert w.grad == 1.0
    assert modes.is_recording()


def test_other_threads_are_not_recorded():
    """While one thread records, Values of another are numbers; and it may record as well."""
    recording, checked = threading.Event(), threading.Event()
    w = Value(2.0)

    def f(x):
        recording.set()
        assert checked.wait(60)
        return w * autograd.where(x > 0, x, 0.0)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(autograd.compile(f, [w]), [1.0, -1.0])
        assert recording.wait(60)
        try:
            v = Value(3.0)
            assert blocks.traces
            assert modes.trace() is None
            assert (v > 2.0) is True
            assert (v.data, max(v, 1.0).data, math.floor(v.data), bool(v)) == (3.0, 3.0, 3, True)
            v.data = 4.0
            (v * v.detach()).backward()
            assert v.grad == 4.0
            assert autograd.compile(lambda x: autograd.where(x > 1, x * v, 0.0))(2.0) == 8.0
            with pytest.raises(CompileError):
                autograd.compile(lambda x: x if x > 0 else 0.0)(1.0)
            assert blocks.traces
            assert modes.trace() is None
        finally:
            checked.set()
        assert pending.result() == 1.0
    assert_no_trace()
