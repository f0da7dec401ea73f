"""What a Value promises: programs with known gradients, what a node tells, what is refused, NumPy."""

import math
from math import nan

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, Value, where

# --- Programs with known gradients -----------------------------------------------------------------------------------


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


# --- Nodes -----------------------------------------------------------------------------------------------------------


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


# --- Bad input -------------------------------------------------------------------------------------------------------


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


# --- NumPy -----------------------------------------------------------------------------------------------------------


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
