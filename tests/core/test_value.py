"""What a Value promises: arithmetic, gradients, messages, NumPy, copies, modes."""

import copy
import gc
import itertools
import math
import pickle
import random
import re
import struct
import threading
from math import inf, nan

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, ZERO, Primitive, Value, collector_paused, detect_anomaly, no_grad, where
from autograd.errors import AnomalyError

# ---------------------------------------------------------------------------------------------------------------------
# Programs with known gradients
# ---------------------------------------------------------------------------------------------------------------------


def test_micrograd_readme_example():
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g.data:.4f}" == "24.7041"
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_nodes_used_many_times():
    x = Value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    assert (y.data, x.grad) == (-20.0, 46.0)


def test_neuron_of_the_lecture():
    x1, x2 = Value(2.0), Value(0.0)
    w1, w2 = Value(-3.0), Value(1.0)
    b = Value(6.8813735870195432)
    (x1 * w1 + x2 * w2 + b).tanh().backward()
    assert [round(v.grad, 10) for v in (x1, w1, x2, w2)] == [-1.5, 1.0, 0.5, 0.0]


def test_every_operator_both_ways_round():
    def program(x, y):
        return [x + y, x - y, x * y, x / y, x**y, x % y, x // y]

    assert [v.data for v in program(Value(7.0), Value(2.0))] == program(7.0, 2.0)
    assert [v.data for v in program(Value(7.0), 2)] == program(7.0, 2.0)
    assert [v.data for v in program(7, Value(2.0))] == program(7.0, 2.0)
    x, half = Value(-2.0), Value(2.5)
    assert [v.data for v in (-x, +x, abs(x), math.floor(half), math.ceil(half))] == [2.0, -2.0, 2.0, 2.0, 3.0]


def test_sum_starts_from_the_integer_0():
    xs = [Value(1.0), Value(2.0)]
    total = sum(xs)
    total.backward()
    assert (total.data, xs[0].grad, xs[1].grad) == (3.0, 1.0, 1.0)


def test_variable_exponents():
    v = Value(2.0)
    (2**v).backward()
    assert v.grad == 4 * math.log(2)
    v = Value(2.0)
    (v**v).backward()
    assert v.grad == pytest.approx(4 * (math.log(2) + 1), rel=1e-15)


def test_floor_division_and_remainder():
    x, y = Value(-7.0), Value(2.0)
    assert [(x // y).data, (x % y).data, (-7 // y).data, (x // 2).data, (-7 % y).data] == [-4.0, 1.0, -4.0, -4.0, 1.0]
    (x % y).backward()
    assert (x.grad, y.grad) == (1.0, 4.0)
    x.zero_grad()
    (x // 2).backward()
    assert x.grad == 0.0


def test_composites():
    xs = [Value(1.0), Value(2.0), Value(4.0)]
    ps = autograd.softmax(xs)
    assert sum(p.data for p in ps) == pytest.approx(1.0, abs=1e-15)
    (-autograd.log_softmax(xs)[0]).backward()
    assert [x.grad for x in xs] == pytest.approx([ps[0].data - 1, ps[1].data, ps[2].data], rel=1e-14)
    assert autograd.mean(xs).data == 7 / 3
    assert autograd.norm([Value(3.0), 4.0]).data == 5.0
    assert [z.data for z in autograd.matvec([[Value(1.0), 2.0], xs[:2]], [10, Value(1.0)])] == [12.0, 12.0]


@pytest.mark.parametrize("logit", [0.0, 1000.0, -1e6, 1e16])
def test_softmax_of_large_logits(logit):
    """Only the differences count: no digits may be lost in the logits' size."""
    xs = [Value(logit), Value(logit), Value(logit - 4096)]
    assert [p.data for p in autograd.softmax(xs)] == pytest.approx([0.5, 0.5, 0.0], abs=1e-15)
    assert [p.data for p in autograd.log_softmax(xs)] == pytest.approx(
        [-math.log(2), -math.log(2), -4096 - math.log(2)], rel=1e-15
    )
    (-autograd.log_softmax(xs)[0]).backward()
    assert [x.grad for x in xs] == pytest.approx([-0.5, 0.5, 0.0], abs=1e-15)


@pytest.mark.parametrize("constant_row", [False, True])
@pytest.mark.parametrize("constants", [(), (0,), (2,), (0, 1, 2)])
def test_matvec_is_the_dot_of_each_row(constants, constant_row):
    def program(product):
        xs = [float(k + 2) if k in constants else Value(k + 2.0) for k in range(3)]
        rows = [[Value(10.0 * i + k) for k in range(3)] for i in range(2)]
        rows += [[1.0, 2.0, 3.0]] * constant_row
        outs = product(rows, xs)
        autograd.sum([out * (k + 1.0) for k, out in enumerate(outs)]).backward()
        leaves = [v for v in [*xs, *rows[0], *rows[1]] if isinstance(v, Value)]
        return [getattr(out, "data", out) for out in outs], [leaf.grad for leaf in leaves]

    assert program(autograd.matvec) == program(lambda rows, xs: [autograd.dot(row, xs) for row in rows])


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp", "log_softmax", "softmax", "norm"])
def test_functions_of_lists_refuse_what_is_no_list_and_an_empty_one(name):
    function = getattr(autograd, name)
    with pytest.raises(TypeError, match=r"wants a list of numbers or Values, got Value\(data=1.0, grad=0.0\): write"):
        function(Value(1.0))
    with pytest.raises(ValueError, match="of an empty list: it wants at least one number"):
        function([])


def test_vectors_of_different_length_are_not_cut():
    v = Value(1.0)
    with pytest.raises(ValueError, match="dot wants two lists of the same length, got 1 and 2 numbers"):
        autograd.dot([v], [v, v])
    with pytest.raises(ValueError, match=r"matvec wants rows .*2.* row 1"):
        autograd.matvec([[v, v], [v]], [1.0, 2.0])


# ---------------------------------------------------------------------------------------------------------------------
# Arithmetic is that of IEEE 754
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lambda v: v(1) / 0, inf),
        (lambda v: -1 / v(0), -inf),
        (lambda v: v(1) / -0.0, -inf),
        (lambda v: v(0) / 0, nan),
        (lambda v: v(0).log(), -inf),
        (lambda v: v(-1).log(), nan),
        (lambda v: v(1000).exp(), inf),
        (lambda v: v(-1).sqrt(), nan),
        (lambda v: v(-8) ** (1 / 3), nan),
        (lambda v: v(10) ** 400, inf),
        (lambda v: v(-10) ** 401, -inf),
        (lambda v: v(0) ** -1, inf),
        (lambda v: v(5) % 0, nan),
        (lambda v: v(inf).sin(), nan),
        (lambda v: v(1000).sigmoid(), 1.0),
        (lambda v: v(-1000).sigmoid(), 0.0),
        (lambda v: v(1e308) * 10, inf),
    ],
)
def test_overflow_and_undefined_points_are_inf_and_nan(program, expected):
    out = program(Value)
    assert out.data == expected or (out.data != out.data and expected != expected)
    out.backward()


def test_powers_at_zero_have_gradients():
    x = Value(0.0)
    y = x**0
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)
    x.zero_grad()
    (x**0.5).backward()
    assert x.grad == inf


# ---------------------------------------------------------------------------------------------------------------------
# Nodes
# ---------------------------------------------------------------------------------------------------------------------


def test_node_knows_how_it_was_made():
    a, b = Value(2.0, label="a"), Value(5.0)
    c = a * b
    assert c.parents == c._prev
    assert c.parents[0] is a
    assert c.parents[1] is b
    assert (c._op, c.primitive, c.is_leaf, c.local_derivatives) == ("*", autograd.mul, False, (5.0, 2.0))
    assert (a._op, a.primitive, a.is_leaf, a.parents, a.local_derivatives) == ("", None, True, (), ())
    n = autograd.sum([a, b, 3.0])
    assert [p.data for p in n.parents] == [2.0, 5.0, 3.0]
    assert n._op == "sum"


def test_operands_that_repeat_are_kept():
    a = Value(2.0)
    b = a + a
    assert b.parents[0] is a
    assert b.parents[1] is a
    assert len(b._prev) == 2
    b.backward()
    assert a.grad == 2.0
    a.zero_grad()
    autograd.sum([a, a, a]).backward()
    assert a.grad == 3.0


def test_labels():
    a = Value(1.0, label="a")
    assert (a.label, Value(1.0).label) == ("a", "")
    a.label = "weight"
    assert repr(a) == "Value(data=1.0, grad=0.0, label='weight')"
    a.label = ""
    assert repr(a) == "Value(data=1.0, grad=0.0)"
    assert Value(1.0, "b").detach().label == "b"


def test_printing():
    v = Value(3.14159)
    assert repr(v) == str(v) == f"{v}" == "Value(data=3.14159, grad=0.0)"
    assert f"{v:.3f}" == "3.142"
    assert f"{v:>8.2e}" == "3.14e+00"


def test_data_is_always_a_float():
    for number in (3, True, np.float64(3.0), np.float32(3.0), np.int64(3)):
        v = Value(number)
        assert type(v.data) is float
        v.data = number
        v.grad = number
        assert type(v.data) is type(v.grad) is float
        assert type((Value(1.0) * number).data) is float


def test_comparisons_compare_numbers():
    a, b = Value(1.0), Value(2.0)
    assert Value(1.0) == Value(1.0)
    assert a == 1
    assert a != b
    assert a < b
    assert a <= 1.0
    assert b > 1
    assert b >= a
    assert 1 < b  # noqa: SIM300
    assert a != "1"
    assert a != None  # noqa: E711
    assert Value(nan) != Value(nan)
    assert max(a, b) is b
    assert sorted([b, a])[0] is a
    with pytest.raises(TypeError):
        assert a < "2"
    for comparison in (a < b, a == 1.0, a != b, a >= np.float64(0.5), a == np.float64(1.0)):
        assert type(comparison) is bool


def test_hash_is_identity():
    a, b = Value(1.0), Value(1.0)
    assert len({a, b}) == 2
    assert {a: "a"}[a] == "a"


def test_truth_is_that_of_the_number():
    assert Value(2.0)
    assert not Value(0.0)
    assert not Value(-0.0)


def test_a_misspelt_attribute_is_an_error():
    with pytest.raises(AttributeError):
        Value(1.0).gard = 0.0


# ---------------------------------------------------------------------------------------------------------------------
# Bad input
# ---------------------------------------------------------------------------------------------------------------------

MESSAGES = {
    "letters": (lambda v: Value("a"), r"Value wants a number, got str 'a': write float\('a'\)"),
    "digits": (lambda v: Value("3"), r"Value wants a number, got str '3': write float\('3'\)"),
    "None": (lambda v: Value(None), "Value wants a number.*, got NoneType None"),
    "complex": (lambda v: Value(1j), "Value wants a number.*, got complex 1j"),
    "list": (lambda v: Value([1.0]), r"Value wants one number, got a list: .*\[f\(x\) for x in ...\]"),
    "array": (lambda v: Value(np.array([1.0, 2.0])), "Value wants one number, got a ndarray: .*object array"),
    "array of no dimensions": (lambda v: Value(np.array(1.0)), r"Value wants a number, got ndarray: write .item\(\)"),
    "Value": (lambda v: Value(v), r"Value wants a number, got a Value: use it as it is, or write v.detach\(\)"),
    "times letters": (lambda v: v * "3", r"mul wants a number, got str '3': write float\('3'\)"),
    "letters times": (lambda v: "3" * v, r"mul wants a number, got str '3': write float\('3'\)"),
    "plus None": (lambda v: v + None, "add wants a number or a Value, got NoneType None"),
    "times list": (lambda v: v * [1.0, 2.0], "mul wants one number, got a list: apply it to each"),
    "list times": (lambda v: [1.0] * v, "mul wants one number, got a list: apply it to each"),
    "times complex": (lambda v: v * 1j, "mul wants a number or a Value, got complex 1j"),
    "method with letters": (lambda v: v.maximum("3"), r"maximum wants a number, got str '3'"),
    "method without": (lambda v: v.maximum(), "maximum takes 2 arguments, got 1"),
    "float()": (float, r"float\(v\), .*lose the gradient of Value\(data=2.0.*: use .*v.exp\(\).*v.data for the number"),
    "math.exp": (math.exp, r"would lose the gradient .*: use .*v.exp\(\) or autograd.exp\(v\) for math.exp\(v\)"),
    "math.fsum": (lambda v: math.fsum([v]), "would lose the gradient"),
    "int()": (int, r"int\(v\) would lose the gradient.*: write int\(v.data\) for the number, v.floor\(\) for a Value"),
    "index": (lambda v: [1, 2, 3][v], r"int\(v\) would lose the gradient.*: write int\(v.data\)"),
    "range": (range, r"write int\(v.data\)"),
    "round": (round, r"round\(v\) would lose the gradient.*: write round\(v.data, digits\) .*f'\{v:.3f\}' to print"),
    "round to digits": (lambda v: round(v, 2), r"write round\(v.data, digits\)"),
    "complex()": (complex, r"complex\(v\) would lose the gradient.*: Values are real; write v.data"),
    "percent": (lambda v: "%.4f" % v, "would lose the gradient of .* v.data for the number"),  # noqa: UP031
    "array of floats": (lambda v: np.array([v], dtype=float), "would lose the gradient.*v.data for the number"),
    "astype": (lambda v: np.array([v]).astype(float), "would lose the gradient.*v.data for the number"),
    "np.float64": (np.float64, "would lose the gradient.*v.data for the number"),
    "data of letters": (lambda v: setattr(v, "data", "a"), "Value.data wants a number, got str 'a'"),
    "data of Value": (lambda v: setattr(v, "data", Value(1.0)), "Value.data wants a number, got (a )?Value"),
    "grad None": (lambda v: setattr(v, "grad", None), r"Value.grad is a number: write v.grad = 0.0 to reset it"),
    "grad of letters": (lambda v: setattr(v, "grad", "a"), "Value.grad wants a number, got str 'a'"),
    "label a number": (lambda v: Value(1.0, label=3), "a label is a string, got int 3"),
    "label set to a number": (lambda v: setattr(v, "label", 3), "a label is a string, got int 3"),
    "backward of letters": (lambda v: v.backward("a"), "backward wants a number, got str 'a'"),
    "backward of a Value": (lambda v: v.backward(Value(1.0)), "backward wants a number, got (a )?Value"),
    "backward of an array": (lambda v: v.backward(np.ones(2)), "backward wants one number, got a ndarray"),
}


@pytest.mark.parametrize(("program", "message"), MESSAGES.values(), ids=MESSAGES)
def test_message_says_what_to_write(program, message):
    v = Value(2.0)
    with pytest.raises(TypeError, match=message):
        program(v)
    assert (v.data, v.grad, v.label) == (2.0, 0.0, "")


# ---------------------------------------------------------------------------------------------------------------------
# NumPy
# ---------------------------------------------------------------------------------------------------------------------

NUMPY_FUNCTIONS = [
    name
    for name in (*PRIMITIVES, "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "absolute")
    if hasattr(Value, name) and isinstance(getattr(np, name, None), np.ufunc) and name != "sign"
] + ["absolute", "negative", "square", "reciprocal"]


@pytest.mark.parametrize("name", [name for name in dict.fromkeys(NUMPY_FUNCTIONS) if getattr(np, name).nin == 1])
def test_numpy_functions_of_object_arrays(name):
    numbers = [1.5, 2.5] if name in ("acosh", "arccosh") else [0.25, 0.5]
    xs = np.array([Value(x) for x in numbers])
    ys = getattr(np, name)(xs)
    assert [y.data for y in ys] == pytest.approx(getattr(np, name)(numbers).tolist(), rel=1e-14)
    assert all(isinstance(y, Value) and y.parents for y in ys)


def test_numpy_arithmetic_on_object_arrays():
    a = np.array([Value(1.0), Value(2.0)])
    assert [v.data for v in 2 * a - a / 2 + a**2] == [2.5, 7.0]
    assert (a @ a).data == np.dot(a, a).data == 5.0
    assert [v.data for v in np.eye(2) @ a] == [1.0, 2.0]
    total = a.sum() + a.mean() + sum(a) + np.linalg.norm(a)
    total.backward()
    assert a[0].grad == pytest.approx(2.5 + 1 / math.sqrt(5), rel=1e-15)
    assert (a > 1).tolist() == [False, True]
    assert np.where(a > 1, a, 0.0)[1] is a[1]
    assert autograd.sum(a).data == 3.0
    assert autograd.dot(a, np.array([3.0, 4.0])).data == 11.0


@pytest.mark.parametrize("order", [1, -1])
def test_value_and_array_of_numbers(order):
    def times(x, y):
        return x * y

    v, numbers = Value(3.0), np.array([1.0, 2.0])
    out = times(*[v, numbers][::order])
    assert out.dtype == object
    assert [w.data for w in out] == [3.0, 6.0]
    out.sum().backward()
    assert v.grad == 3.0


@pytest.mark.parametrize("scalar", [np.float64(3.0), np.float32(3.0), np.int64(3), np.int32(3)], ids=repr)
def test_value_and_numpy_scalar(scalar):
    v = Value(2.0)
    for out, expected in [
        (scalar * v, 6.0),
        (v * scalar, 6.0),
        (scalar - v, 1.0),
        (v - scalar, -1.0),
        (scalar / v, 1.5),
        (scalar**v, 9.0),
        (v**scalar, 8.0),
    ]:
        assert isinstance(out, Value)
        assert out.data == expected
    assert v < scalar
    assert scalar > v
    assert isinstance(where(v < scalar, v, 0.0), Value)


# ---------------------------------------------------------------------------------------------------------------------
# Gradients: fresh on nodes, accumulated on leaves
# ---------------------------------------------------------------------------------------------------------------------


def test_backward_twice_doubles_leaf_gradients_only():
    x = Value(3.0)
    h = x * x
    y = h * h + h
    y.backward()
    assert (y.grad, h.grad, x.grad) == (1.0, 19.0, 114.0)
    y.backward()
    assert (y.grad, h.grad, x.grad) == (1.0, 19.0, 228.0)


def test_gradients_of_two_losses_that_share_nodes_add_up():
    x = Value(2.0)
    h = x * 3
    first, second = h * h, h * 5
    first.backward()
    second.backward()
    assert x.grad == 36.0 + 15.0
    assert h.grad == 5.0
    assert first.grad == 1.0


def test_a_leaf_as_root_accumulates():
    x = Value(2.0)
    x.backward()
    x.backward(3.0)
    assert x.grad == 4.0


def test_upstream_gradient_of_the_root():
    x = Value(2.0)
    y = x * x
    y.backward(10.0)
    assert (y.grad, x.grad) == (10.0, 40.0)


def test_zero_grad_of_a_graph():
    x = Value(2.0)
    y = x * x
    y.backward()
    y.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_gradient_is_that_of_the_forward_pass():
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert (y.data, x.grad) == (9.0, 6.0)


def test_constants_get_no_gradient():
    x = Value(3.0)
    y = x * 2.0
    y.backward()
    assert y.parents[1].grad == 0.0
    assert y.local_derivatives == (2.0, None)
    assert x.grad == 2.0


def test_constant_with_an_infinite_local_derivative_is_harmless():
    x = Value(0.0)
    y = (x * 0 + 0.0) ** 2.0
    y.backward()
    assert x.grad == 0.0


def test_nodes_behind_a_cut_edge_have_fresh_gradients():
    a = Value(2.0)
    h = a * 3
    (h * h).backward()
    assert (h.grad, a.grad) == (12.0, 36.0)
    where(False, h * 7, a * 5).backward()
    assert (h.grad, a.grad) == (0.0, 41.0)


def test_a_leaf_behind_a_cut_edge_keeps_its_gradient():
    a, b = Value(2.0), Value(3.0)
    (a * b).backward()
    where(True, a, b).backward()
    assert (a.grad, b.grad) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("program", "value"),
    [
        (lambda x: where(x > 0, x.log(), 0.0), 0.0),
        (lambda x: where(autograd.greater(x, 0.0), x.log(), 0.0), 0.0),
        (lambda x: where(x == 0, 1.0, x.sin() / x), 1.0),
        (lambda x: where(x > 0, x.sqrt(), x.exp()), 1.0),
    ],
)
def test_where_keeps_the_other_branch_out(program, value):
    x = Value(0.0)
    y = program(x)
    y.backward()
    assert y.data == value
    assert x.grad == (1.0 if y.parents[2].primitive is autograd.exp else 0.0)


def test_comparison_primitives_cut():
    x = Value(0.0)
    (autograd.greater(x.sqrt(), 1.0) + x).backward()
    assert x.grad == 1.0


def test_zero_times_anything_is_zero():
    for upstream in (inf, -inf, nan, 1.0, Value(3.0)):
        assert ZERO * upstream == 0.0
    for upstream in (inf, -inf, nan, 1.0):
        assert upstream * ZERO == 0.0
    assert copy.copy(ZERO) is copy.deepcopy(ZERO) is pickle.loads(pickle.dumps(ZERO)) is ZERO
    x = Value(-1.0)
    (x.relu() * inf).backward()
    assert x.grad == 0.0


def test_backward_that_fails_leaves_all_gradients_as_they_were(monkeypatch):
    propagate = autograd.value._propagate

    def interrupted(*arguments, **options):
        propagate(*arguments, **options)
        raise KeyboardInterrupt

    x = Value(3.0)
    h = x * x
    y = h * 2
    y.backward()
    before = [x.grad, h.grad, y.grad]
    monkeypatch.setattr("autograd.value._propagate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        (y * y).backward()
    assert [x.grad, h.grad, y.grad] == before


@pytest.mark.parametrize(
    ("partials", "error"),
    [
        ((lambda out, *xs: [][0],) * 3, IndexError),
        ((lambda out, *xs: None,) * 3, TypeError),
        ((lambda out, *xs: "1",) * 3, TypeError),
        (lambda out, *xs: None, TypeError),
        (lambda out, *xs: [1.0, None, 1.0], TypeError),
        (lambda out, *xs: [1.0, 1.0], (TypeError, ValueError)),
        (lambda out, *xs: [1.0] * 4, (TypeError, ValueError)),
    ],
    ids=["raises", "None", "string", "all None", "one None", "one too few", "one too many"],
)
def test_rule_that_fails_is_an_error_where_the_node_is_made(partials, error):
    broken = Primitive("broken", lambda *xs: sum(xs), partials=partials)
    del PRIMITIVES["broken"]
    with pytest.raises(error):
        broken(Value(1.0), Value(2.0), Value(3.0))


def made_of_constants(x):
    with no_grad():
        yield x * 2
    yield x.detach()
    yield x.detach() * 3 + 1
    yield autograd.sum([x.detach(), 2.0])
    yield copy.deepcopy(x.detach() * 2)


def test_backward_that_reaches_constants_alone_is_an_error_and_changes_nothing():
    x = Value(3.0)
    x.grad = 5.0
    for root in made_of_constants(x):
        root.grad = 7.0
        with pytest.raises(RuntimeError, match=r"nothing but constants.*no_grad, by detach\(\).*Compute it outside"):
            root.backward()
        assert (root.grad, x.grad) == (7.0, 5.0)
        assert all(parent.grad == 0.0 for parent in root.parents)


def test_backward_from_a_leaf_and_where_every_edge_is_cut():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0
    for root in (
        x.sign(),
        where(1.0, 2.0, x),
        autograd.less(x, 4.0),
        where(x > 1, 2.0, 3.0) * x.sign(),
        x.detach() + x,
    ):
        x.grad = 0.0
        root.backward()
        assert x.grad == (1.0 if root.primitive is autograd.add else 0.0)


def test_an_edge_that_was_cut_is_told_from_one_that_carries_nothing():
    x, y = Value(-3.0), Value(2.0)
    assert where(x > 0, x, y).local_derivatives == (None, None, 1.0)
    assert x.relu().local_derivatives == (0.0,)
    assert (x * Value(0.0)).local_derivatives == (0.0, -3.0)
    assert (x * 0.0).local_derivatives == (0.0, None)
    assert autograd.dot([x, 1.0], [y.detach(), y]).local_derivatives == (2.0, None, None, 1.0)


# ---------------------------------------------------------------------------------------------------------------------
# Modes
# ---------------------------------------------------------------------------------------------------------------------


def test_no_grad():
    x = Value(2.0)
    with no_grad():
        outs = [x * 3, x.exp(), x + x, 1 - x, autograd.sum([x, x]), *autograd.matvec([[x]], [x]), where(True, x, 1.0)]
    assert all(out.is_leaf and out.parents == () for out in outs)
    assert outs[0].data == 6.0
    assert (x * 3).parents[0] is x
    y = outs[0] * x
    y.backward()
    assert x.grad == 6.0


def test_no_grad_ends_with_an_exception_and_nests():
    x = Value(2.0)
    with pytest.raises(RuntimeError), no_grad():
        raise RuntimeError
    assert not (x * 3).is_leaf
    with no_grad():
        with no_grad(), detect_anomaly():
            assert (x * 3).is_leaf
        assert (x * 3).is_leaf
    with detect_anomaly():
        with no_grad(), pytest.raises(AnomalyError):
            x / 0
        assert not (x * 3).is_leaf
    assert not (x * 3).is_leaf
    assert (x / 0).data == inf


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_modes_stay_in_their_thread(mode):
    entered, done = threading.Event(), threading.Event()
    x = Value(2.0)
    inside = []

    def other():
        with mode():
            entered.set()
            done.wait(60)
            inside.append((x * 3).is_leaf)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(60)
    try:
        assert not (x * 3).is_leaf
        assert (x / 0).data == inf
    finally:
        done.set()
        thread.join()
    assert inside == [mode is no_grad]


def test_detach():
    x = Value(3.0, label="x")
    y = x * x
    d = y.detach()
    assert (d.data, d.grad, d.is_leaf) == (9.0, 0.0, True)
    assert d is not y
    (x * d).backward()
    assert (x.grad, d.grad) == (9.0, 0.0)  # a constant: no derivative goes to it


def test_detect_anomaly_forward_names_operation_operands_and_line():
    x = Value(0.0)
    with detect_anomaly():
        with pytest.raises(AnomalyError) as error:
            x.log() + 1  # the line
        assert (x + 1).data == 1.0
    message = str(error.value)
    assert message.startswith("log gave -inf from 0.0 (")
    assert re.search(r"test_value.py, line \d+, in test_detect_anomaly_for.*: x.log\(\) \+ 1  # the line\)$", message)


@pytest.mark.parametrize(
    "program",
    [lambda x: x / 0, lambda x: x.log(), lambda x: autograd.sum([x, nan]), lambda x: autograd.dot([x], [inf])],
)
def test_detect_anomaly_sees_every_way_to_make_a_node(program):
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"gave (nan|inf|-inf) from 0.0.*test_value.py, line"):
        program(Value(0.0))


def test_detect_anomaly_backward_names_operation_and_line_and_restores_gradients():
    x = Value(0.0)
    w = Value(2.0)
    (x * w).backward()
    with detect_anomaly():
        h = x.sqrt()
        y = h * w
        with pytest.raises(AnomalyError) as error:
            y.backward()
    message = str(error.value)
    assert message.startswith("backward through sqrt gave the gradient inf (upstream 2.0, local derivative inf, ")
    assert "operands 0.0; " in message
    assert re.search(r"test_value.py, line \d+, in test_detect_anomaly_backward.*: h = x.sqrt\(\)\)$", message)
    assert (x.grad, w.grad, h.grad, y.grad) == (2.0, 0.0, 0.0, 0.0)


def test_detect_anomaly_backward_through_a_node_made_outside_it():
    y = Value(0.0).sqrt()
    with detect_anomaly(), pytest.raises(AnomalyError, match="made outside detect_anomaly: run the forward pass in it"):
        y.backward()


def test_detect_anomaly_lets_healthy_programs_pass():
    x = Value(2.0)
    with detect_anomaly():
        y = (x * x).tanh() + where(x > 0, x, 0.0)
        y.backward()
    assert math.isfinite(x.grad)


# ---------------------------------------------------------------------------------------------------------------------
# Copies and pickles
# ---------------------------------------------------------------------------------------------------------------------

COPIERS = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.fixture(params=COPIERS.values(), ids=COPIERS)
def copier(request):
    return request.param


def graph():
    a = Value(2.0, label="a")
    h = autograd.sum([a * a, a, 3.0])
    return a, h, where(h > 0, h * a, a.log())


def test_copy_of_a_graph_is_one(copier):
    a, _, loss = graph()
    loss.backward()
    twin = copier(loss)
    assert (twin.data, twin.grad, twin.primitive, twin.local_derivatives) == (18.0, 1.0, where, loss.local_derivatives)
    twin_a = twin.parents[1].parents[1]
    assert (twin_a.data, twin_a.label, twin_a.grad) == (2.0, "a", a.grad)
    twin.backward()
    assert (twin_a.grad, a.grad) == (2 * a.grad, 19.0)


@pytest.mark.parametrize(
    "pack",
    [
        lambda a, h, loss: [a, loss],
        lambda a, h, loss: [loss, a],
        lambda a, h, loss: (h, loss, a),
        lambda a, h, loss: {"loss": loss, "again": loss, "parts": [h, a]},
        lambda a, h, loss: [[a], [h], [loss], a],
    ],
)
def test_copy_keeps_what_is_shared(copier, pack):
    a, h, loss = graph()
    twins = copier(pack(a, h, loss))

    def values(tree):
        return (
            [tree]
            if isinstance(tree, Value)
            else [v for part in (tree.values() if isinstance(tree, dict) else tree) for v in values(part)]
        )

    twin_loss = next(v for v in values(twins) if v.data == loss.data)
    twin_h = twin_loss.parents[1].parents[0]
    twin_a = twin_loss.parents[1].parents[1]
    known = {2.0: twin_a, 9.0: twin_h, 18.0: twin_loss}
    assert all(v is known[v.data] for v in values(twins))
    assert not {a, h, loss} & set(values(twins))
    twin_loss.backward()
    assert (twin_a.grad, a.grad) == (19.0, 0.0)


def test_copy_of_a_leaf(copier):
    x = Value(2.0, label="x")
    x.grad = 5.0
    twin = copier(x)
    assert twin is not x
    assert (twin.data, twin.grad, twin.label, twin.is_leaf) == (2.0, 5.0, "x", True)
    twin.data = 3.0
    assert x.data == 2.0


def test_copied_constant_stays_a_constant(copier):
    twin = copier(Value(0.0) * 2.0)
    twin.backward()
    assert (twin.parents[0].grad, twin.parents[1].grad) == (2.0, 0.0)


def test_one_pickler_may_write_many_graphs():
    """The memo of a pickler must not mix up objects that were freed meanwhile."""
    for k in range(50):
        x = Value(float(k))
        loaded_x, loaded = pickle.loads(pickle.dumps((x, x * x)))
        assert loaded.parents[0] is loaded_x
        assert loaded.data == k * k


def test_shallow_copy_shares_the_operands():
    a = Value(2.0)
    y = a * a
    y.label = "y"
    twin = copy.copy(y)
    assert twin is not y
    assert twin.parents[0] is a
    assert (twin.label, twin.data) == ("y", 4.0)
    twin.backward()
    assert (a.grad, y.grad) == (4.0, 0.0)


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


def test_no_grad_is_a_decorator_and_its_results_are_constants():
    x = Value(2.0)

    @no_grad()
    def tripled():
        """Three times x."""
        return x * 3

    y = tripled()
    assert (tripled.__name__, tripled.__doc__) == ("tripled", "Three times x.")
    (y * x).backward()
    assert (x.grad, y.grad) == (6.0, 0.0)


def pairs_to_divide(n):
    edges = (0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 3.0, inf, -inf, nan, 5e-324, -5e-324, 1.7e308, -1e-300, 1e16)
    edges += (2.0**52 + 1, 2.0**53 - 1, -(2.0**53) + 1)
    yield from itertools.product(edges, edges)
    draw = random.Random(0)
    for _ in range(n // 3):
        yield draw.uniform(-10, 10), draw.uniform(-3, 3)
        yield struct.unpack("2d", draw.randbytes(16))
        divisor = draw.choice((1.0, 3.0, 0.7, -0.3))
        yield (draw.randrange(2**51, 2**54) | 1) * divisor, divisor


def same_number(x, y):
    return (x != x and y != y) or (x == y and math.copysign(1.0, x) == math.copysign(1.0, y))


def floor_division_is_pythons(n):
    compiled = pytest.importorskip("llvmlite") and autograd.compile(lambda x, y: x // y, vmap=True)
    pairs = list(pairs_to_divide(n))
    results = compiled(*map(np.array, zip(*pairs)))
    for (x, y), result in zip(pairs, results):
        wanted = x // y if y else nan
        values = (Value(x) // y, x // Value(y), Value(x) // Value(y))
        forward_mode = autograd.jvp(lambda v, y=y: v // y, (x,), (1.0,))[0]
        numbers = (*[v.data for v in values], forward_mode, result)
        assert all(same_number(wanted, number) for number in numbers), (x, y, numbers)


def test_floor_division_is_that_of_python():
    floor_division_is_pythons(3_000)


@pytest.mark.slow
def test_floor_division_is_that_of_python_for_many():
    floor_division_is_pythons(200_000)


def test_divmod_and_the_derivative_of_floor_division():
    x = Value(7.5)
    assert [v.data for v in divmod(x, 2)] == list(divmod(7.5, 2))
    assert [v.data for v in divmod(-7.5, Value(2.0))] == list(divmod(-7.5, 2.0))
    assert (x // 2).local_derivatives == (0.0, None)
    assert autograd.grad(lambda v: divmod(v, 2.0)[0] * 3 + divmod(v, 2.0)[1])(7.5) == 1.0
    assert autograd.jvp(lambda v: list(divmod(10.0, v)), (3.0,), (1.0,)) == ([3.0, 1.0], [0.0, -3.0])


def test_backward_in_threads_that_share_a_leaf():
    x = Value(2.0)
    threads = [threading.Thread(target=lambda: [(x * 3).backward() for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad == 3.0 * 4 * 500


def test_pickles_in_threads_of_the_same_graph():
    y = x = Value(1.0)
    for _ in range(3_000):
        y = y * x
    copies = []
    threads = [threading.Thread(target=lambda: copies.append(pickle.loads(pickle.dumps(y)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [copied.data for copied in copies] == [1.0, 1.0, 1.0]
