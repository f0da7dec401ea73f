"""What `autograd.compile` records: arguments as they are given, the same each time, and anew when something changes."""

import collections
import dataclasses
import functools
import itertools
import random
import sys
import types

import numpy as np
import pytest

import autograd
from autograd import CompileError, Value
from nn import MLP, Layer, Module

pytest.importorskip("llvmlite")


# --- Arguments are what the function takes ---------------------------------------------------------------------------

W = np.array([1.0, -2.0, 3.0])
M = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 2.0], [3.0, 0.0, 1.0]])
V = np.array([0.5, 2.0, -1.5])
A = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [1.0, 2.0, -0.5]])

SCALARS = {
    "sum of products": (lambda x: np.sum(x * W), V),
    "dot": (lambda x: np.dot(x, W), V),
    "at": (lambda x: x @ W, V),
    "quadratic form": (lambda x: x @ M @ x, V),
    "sum of squares": (lambda x: np.sum(x * x), V),
    "mean": (lambda x: np.mean(x * W + 1.0), V),
    "prod": (lambda x: np.prod(x + 3.0), V),
    "squared distance": (lambda x: ((x - W) ** 2).sum(), V),
    "one entry": (lambda x: x[1] * 2.0, V),
    "last entry": (lambda x: x[-1] ** 3, V),
    "slices": (lambda x: np.sum(x[1:] * x[:-1]), V),
    "loop": (lambda x: sum(a * b for a, b in zip(x, W)), V),
    "length": (lambda x: sum(x) / len(x), V),
    "size": (lambda x: np.sum(x) / x.size, V),
    "shape": (lambda x: np.sum(x) * x.shape[0], V),
    "norm": (lambda x: autograd.norm(list(x)), V),
    "logsumexp": (lambda x: autograd.logsumexp(x * W), V),
    "exp": (lambda x: np.sum(np.exp(x) * W), V),
    "sin": (lambda x: np.sin(x) @ W, V),
    "tanh": (lambda x: np.tanh(x * W).sum(), V),
    "matvec": (lambda x: np.sum(np.tanh(M @ x)), V),
    "cumsum": (lambda x: np.cumsum(x) @ W, V),
    "diff": (lambda x: np.sum(np.diff(x) ** 2), V),
    "outer": (lambda x: np.sum(np.outer(x, W) * M), V),
    "reversed": (lambda x: x[::-1] @ W, V),
    "concatenated": (lambda x: np.sum(np.concatenate([x, W]) ** 2), V),
    "reshaped": (lambda x: np.sum(x.reshape(3, 1) * M), V),
    "broadcast": (lambda x: np.sum(x[:, None] - x[None, :] * M), V),
    "kernel": (lambda x: np.sum(np.exp(-((x[:, None] - W[None, :]) ** 2))), V),
    "trace of a square": (lambda A: np.trace(A @ A), A),
    "sum of A * A": (lambda A: np.sum(A * A), A),
    "A and its transpose": (lambda A: np.sum(A @ A.T * M), A),
    "rows by W": (lambda A: np.sum(A @ W), A),
    "columns by W": (lambda A: np.sum(W @ A), A),
    "axis 0": (lambda A: np.sum(A, axis=0) @ W, A),
    "axis 1": (lambda A: np.sum(A, axis=1) @ W, A),
    "row": (lambda A: A[0] @ W, A),
    "column": (lambda A: A[:, 1] @ W, A),
    "determinant": (lambda A: A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0], A),
    "diagonal": (lambda A: np.diagonal(A) @ W, A),
    "einsum": (lambda A: np.sum(np.tensordot(A, M, axes=1)), A),
    "bilinear": (lambda A: W @ A @ V, A),
    "Frobenius": (lambda A: ((A - M) ** 2).sum(), A),
    "flattened": (lambda A: A.ravel() @ np.arange(9.0), A),
    "iterated": (lambda A: sum(row @ W for row in A), A),
}
ARRAYS = {
    "product": (lambda x: x * W, V),
    "shift": (lambda x: x - x[0], V),
    "twice": (lambda x: np.concatenate([x, 2 * x]), V),
    "A @ A": (lambda A: A @ A, A),
    "A.T": (lambda A: A.T * 2.0, A),
    "A @ W": (lambda A: A @ W, A),
    "softmax": (lambda x: np.exp(x) / np.exp(x).sum(), V),
    "pair": (lambda x: (x * W, np.sum(x)), V),
    "dict": (lambda A: {"rows": A @ W, "sum": np.sum(A)}, A),
}


def numbers_in(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, tuple | list):
        return [number for part in tree for number in numbers_in(part)]
    return [v.data if isinstance(v, Value) else float(v) for v in np.asarray(tree).ravel().tolist()]


def assert_same(found, wanted, **tolerance):
    assert isinstance(wanted, dict | tuple) or np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(numbers_in(found), numbers_in(wanted), **{"rtol": 1e-12, "atol": 1e-12, **tolerance})


@pytest.mark.parametrize("name", [*SCALARS, *ARRAYS])
def test_an_array_is_one_argument(name):
    f, x = (SCALARS | ARRAYS)[name]
    assert_same(autograd.compile(f, math="libm")(x), f(x))


@pytest.mark.parametrize("name", SCALARS)
def test_derivatives_by_an_array(name):
    f, x = SCALARS[name]

    def derivatives(x):
        return autograd.grad(f)(x), autograd.value_and_grad(f)(x), autograd.hessian(f)(x)

    assert_same(autograd.compile(derivatives, math="libm")(x), derivatives(x))
    assert_same(autograd.compile(f, math="libm").value_and_grad(x), autograd.value_and_grad(f)(x))


@pytest.mark.parametrize("name", [name for name in ARRAYS if name not in ("pair", "dict")])
def test_jacobians_by_an_array(name):
    f, x = ARRAYS[name]
    derivative = autograd.jacobian(f)
    assert_same(autograd.compile(derivative, math="libm")(x), derivative(x))


FORMS = {
    "integers": lambda x: (4 * x).astype(int),
    "float32": np.float32,
    "not contiguous": lambda x: np.repeat(x, 2, axis=0)[::2],
    "reversed": lambda x: x[::-1],
    "transposed": lambda x: x.T,
    "Fortran": np.asfortranarray,
    "objects": lambda x: x.astype(object),
    "read-only": lambda x: np.broadcast_to(x, x.shape),
    "truth values": lambda x: x > 0,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["sum of products", "A and its transpose", "A @ A"])
def test_arrays_in_every_form(name, form):
    f, x = (SCALARS | ARRAYS)[name]
    x = FORMS[form](x)
    assert_same(autograd.compile(f)(x), f(x.astype(float)), rtol=1e-12)
    if name in SCALARS:
        assert_same(autograd.compile(f).grad(x), autograd.grad(f)(x.astype(float)))


def test_arrays_without_axes_and_without_entries():
    assert autograd.compile(lambda x: x * 2 + 1)(np.array(3.0)) == 7.0
    assert autograd.compile(lambda x: x * x).grad(np.array(3.0)) == 6.0
    assert autograd.compile(lambda x: x * 2)(np.empty((0, 3))).shape == (0, 3)
    assert autograd.compile(lambda x: np.sum(x) + 1.0)(np.empty(0)) == 1.0


def test_several_arrays_and_numbers():
    f = autograd.compile(lambda A, x, c: c * (A @ x) @ W, wrt=(0, 1, 2))
    assert f(A, V, 2.0) == pytest.approx(2.0 * (A @ V) @ W, rel=1e-14)
    of_matrix, of_vector, of_number = f.grad(A, V, 2.0)
    assert_same(of_matrix, 2.0 * np.outer(W, V))
    assert_same(of_vector, 2.0 * A.T @ W)
    assert of_number == pytest.approx((A @ V) @ W, rel=1e-14)


def test_mapping_over_examples_is_asked_for():
    """The first axis of every array, or list, is the examples; numbers are the same for all."""
    f = autograd.compile(lambda x, c: np.sum(x * W) * c, vmap=True)
    X = np.vstack([V, 2 * V, -V, A])
    assert_same(f(X, 3.0), X @ W * 3.0)
    assert_same(f(X.tolist(), 3.0), X @ W * 3.0)
    assert_same(f.grad(X, 3.0), np.tile(3.0 * W, (6, 1)))
    assert_same(f.value_and_grad(X, np.arange(6.0))[1], np.outer(np.arange(6.0), W))
    assert_same(autograd.compile(lambda x, c: np.sum(x * W) * c).evaluate(X, 3.0), X @ W * 3.0)
    with pytest.raises(TypeError, match="vmap is True or False, got 1"):
        autograd.compile(lambda x: x, vmap=1)


MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])


@pytest.mark.parametrize(
    "call",
    [
        lambda w: autograd.compile(lambda x: np.sum(x * W))(MASKED),
        lambda w: autograd.compile(lambda x: np.sum(x * W)).grad(MASKED),
        lambda w: autograd.compile(lambda p: np.sum(p["x"] * W))({"x": MASKED}),
        lambda w: autograd.compile(lambda x: x * W[0], vmap=True)(MASKED),
        lambda w: autograd.compile(lambda x: x * W[0]).evaluate(MASKED),
        lambda w: autograd.compile(lambda x: x * w, [w])(MASKED),
        lambda w: autograd.compile(lambda x: x[0] * w, [w])([MASKED, MASKED]),
        lambda w: autograd.compile(lambda x: x * w, [w]).flat([1.0], np.ones(3), MASKED),
    ],
)
def test_masked_arrays_would_lose_their_mask(call):
    with pytest.raises(ValueError, match=r"masked array.*x\.compressed\(\).*x\.filled"):
        call(Value(1.0))
    assert autograd.compile(lambda x: np.sum(x * W))(np.ma.array(V, mask=False)) == pytest.approx(V @ W)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_whose_product_is_another():
    with pytest.raises(TypeError, match=r"numpy\.matrix.*np\.asarray"):
        autograd.compile(lambda A: A * A)(np.matrix(A))


# --- The loss and what else is wanted --------------------------------------------------------------------------------


@pytest.mark.parametrize("has_aux", [True, "sum"])
def test_a_rolled_loss_keeps_what_else_is_wanted(has_aux):
    w = Value(0.5)
    data = [(x, 2 * x) for x in np.linspace(-1.0, 1.0, 9).tolist()]

    def loss():
        return autograd.mean([(w * x - y) ** 2 for x, y in data]), {"double": 2 * w}

    step = autograd.compile(loss, [w], has_aux=has_aux)
    for w.data in (0.5, 1.5):
        cost, others = step()
        assert (cost, others["double"]) == (pytest.approx(loss()[0].data), 2 * w.data)
        (cost, others), gradient = step.flat([3.0])
        assert (cost, others["double"]) == (pytest.approx(np.mean([x * x for x, _ in data])), 6.0)
        assert gradient.shape == (1,)
    assert "rolled into" in str(step)


@pytest.mark.parametrize(
    ("returned", "got"),
    [
        (lambda v: (v, v + 1, v + 2), "a tuple of 3"),
        (lambda v: ([v, v + 1], v), "a pair that begins with a list"),
        (lambda v: ((), v), "a pair that begins with a tuple"),
        (lambda v: v, "a Value"),
        (lambda v: [v, v], "a list of 2"),
        (lambda v: (v,), "a tuple of 1"),
        (lambda v: (), "a tuple of 0"),
        (lambda v: {"loss": v}, "a dict of 1"),
        (lambda v: 1.0, "a float"),
    ],
)
@pytest.mark.parametrize("has_aux", [True, "sum"])
def test_with_has_aux_a_pair_is_wanted(returned, got, has_aux):
    w = Value(0.5)
    message = rf"wants a pair.*returned {got}: return \(loss, \(a, b\)\)"
    with pytest.raises(CompileError, match=message):
        autograd.compile(lambda x: returned(w * x), [w], has_aux=has_aux)([1.0])
    with pytest.raises(CompileError, match=message):
        autograd.compile(lambda: returned(w * w), [w], has_aux=has_aux)()


# --- The same each time ----------------------------------------------------------------------------------------------


class Chance:
    """Losses that are not the same each time they are computed."""

    def __init__(self):
        self.w = Value(0.5)
        self.calls, self.seen, self.kept = 0, [], []
        self.numbers = iter([1.0])
        self.generator, self.own = np.random.default_rng(0), random.Random(0)
        self.sizes = itertools.cycle([1, 2])

    def a_number(self, x):
        return self.w * x * random.random()

    def numpy(self, x):
        return self.w * x + np.random.normal()

    def a_generator(self, x):
        return self.w * x + self.generator.normal()

    def a_coin(self, x):
        return self.w * x if random.random() < 0.5 else self.w * x * x

    def a_coin_of_its_own(self, x):
        return self.w * x if self.own.random() < 0.5 else self.w * x * x

    def a_numpy_coin(self, x):
        return self.w * x * np.random.choice([1.0, 2.0])

    def a_counter(self, x):
        self.calls += 1
        return self.w * x * self.calls

    def a_list_that_grows(self, x):
        self.seen.append(1.0)
        return self.w * x * sum(self.seen)

    def arguments_that_are_kept(self, x):
        self.seen.append(x)
        return self.w * self.seen[0]

    def another_length(self, x):
        return autograd.sum([self.w * x] * next(self.sizes))

    def negative_zero(self, x):
        return self.w / (0.0 if next(self.sizes) == 1 else -0.0) + x

    def another_structure(self, x):
        return [self.w * x, x] if next(self.sizes) == 1 else (self.w * x, x)


@pytest.mark.parametrize("name", [name for name in vars(Chance) if not name.startswith("_")])
def test_what_differs_from_run_to_run_is_an_error(name):
    chance = Chance()
    step = autograd.compile(getattr(chance, name), [chance.w])
    call = step.evaluate if name == "another_structure" else step
    with pytest.raises(CompileError, match=rf"{name} did not do the same.*pass what changes .* as an argument"):
        call([2.0, 3.0])
    assert chance.w.grad == 0.0


def test_the_line_where_chance_came_in_is_named():
    w = Value(0.5)

    def loss(x):
        z = w * x + 1.0
        z = z.tanh()
        noisy = z + random.random()  # here
        return noisy * 2.0

    with pytest.raises(CompileError, match=r"in loss: noisy = z \+ random\.random\(\)  # here\)"):
        autograd.compile(loss, [w])([1.0])


def test_what_is_used_up_is_an_error():
    numbers, w = iter([1.0]), Value(2.0)
    with pytest.raises(CompileError, match=r"when it was run again.*StopIteration"):
        autograd.compile(lambda x: w * x * next(numbers), [w])([1.0])


def test_a_result_that_is_kept_from_run_to_run_is_an_error():
    kept, w = [], Value(2.0)

    def loss(x):
        kept.append(x * 2.0)
        return w * kept[0]

    with pytest.raises(CompileError, match="reuses a result of mul from an earlier run"):
        autograd.compile(loss, [w])([1.0])


def test_a_number_that_leaks_out_of_an_argument_is_an_error():
    """However it was got at."""
    with pytest.raises(CompileError, match="did not do the same"):
        autograd.compile(lambda x: x * x._data)(2.0)


def test_what_a_function_does_besides_may_differ():
    calls, w = [], Value(2.0)

    def loss(x):
        calls.append(x)
        return w * x

    step = autograd.compile(loss, [w])
    for _ in range(3):
        assert step([1.0, 2.0]) == 3.0
        assert step.evaluate([1.0, 2.0]).tolist() == [2.0, 4.0]
    assert len(calls) == 4  # twice for each of the two programs


# --- Values from outside ---------------------------------------------------------------------------------------------


def test_a_captured_value_that_was_computed_is_read_like_a_leaf():
    a, w = Value(2.0), Value(1.0)
    b = a * 3.0
    b.data = 36.0
    step = autograd.compile(lambda x: b * x * w, [w])
    assert step([1.0]) == 36.0
    a.data, b.data = 100.0, 5.0
    assert step([1.0]) == 5.0
    assert w.grad == 5.0
    g = autograd.compile(lambda x: b * x)
    assert g(2.0) == 10.0


@pytest.mark.parametrize("make", [lambda a: a.detach(), autograd.no_grad()(lambda a: a * 1.0)])
def test_a_captured_constant_is_read_like_a_leaf(make):
    w = Value(1.0)
    c = make(Value(2.0))
    step = autograd.compile(lambda x: c * x * w, [w])
    assert step([1.0]) == 2.0
    c.data = 7.0
    assert step([1.0]) == 7.0


def test_a_captured_value_computed_from_a_parameter_is_an_error():
    w = Value(2.0, label="w")
    doubled = w * 2.0
    doubled.label = "doubled"
    with pytest.raises(CompileError, match=r"doubled = 4, which was computed outside of it, by mul, from w.*inside"):
        autograd.compile(lambda x: doubled * x, [w])([1.0])
    with pytest.raises(CompileError, match=r"a Value = 16, .*, by mul, from w"):
        autograd.compile(functools.partial(lambda v, x: v * x, doubled * doubled), [w])([1.0])


def test_a_leaf_that_is_made_at_the_first_run_is_read_like_any_other():
    made, w = {}, Value(2.0)

    def loss(x):
        if "scale" not in made:
            made["scale"] = Value(3.0)
        return w * x * made["scale"]

    step = autograd.compile(loss, [w])
    assert step([1.0]) == 6.0
    made["scale"].data = 5.0
    assert step([1.0]) == 10.0


def test_derivatives_at_known_numbers_are_not_baked_in():
    """Numbers in, numbers out: without a gradient, as without compiling, but as they are at each call."""
    w = Value(2.0)
    functions = [
        lambda x: autograd.grad(lambda t: w * t * t)(3.0) * x,
        lambda x: autograd.value_and_grad(lambda t: w * t * t)(3.0)[0] * x,
        lambda x: autograd.jvp(lambda t: w * t * t, (3.0,), (1.0,))[1] * x,
        lambda x: autograd.vjp(lambda t: w * t * t, 3.0)[0] * x,
    ]
    for f in functions:
        w.data = 2.0
        step = autograd.compile(f, [w])
        for w.data in (2.0, 5.0):
            assert step([1.0]) == pytest.approx(f(Value(1.0)).data)
            assert w.grad == 0.0


# --- What changes between calls --------------------------------------------------------------------------------------

SCALE = 2.0


def scaled(x):
    return x * SCALE


@dataclasses.dataclass(slots=True)
class Slotted:
    factor: float = 2.0


class Plain:
    """An object as people write them."""

    rate = 3.0

    def __init__(self):
        self.factor, self.factors, self.nested = 2.0, [1.0, 2.0], [[Value(1.0)], [Value(2.0)]]
        self.history, self.how = [], "method"

    @property
    def double(self):
        return self.factor * 2

    def method(self, x):
        return x * self.factor

    def __call__(self, x):
        return getattr(self, self.how)(x) * self.rate + self.double + self.factors[0] + self.nested[1][0]

    def other(self, x):
        return x - self.factor


class Counting:
    """It keeps books that its result does not depend on."""

    def __init__(self):
        self.history, self.factor = [], 2.0

    def __call__(self, x):
        return x * self.factor

    def __repr__(self):
        return f"{self.history}"

    def train(self, step):
        self.history.append(step([1.0]))


class Own(Module):
    def __init__(self):
        self.values, self.act, self.factor = [Value(1.0), Value(2.0)], "tanh", 2.0

    def __call__(self, x):
        return getattr(self.values[0] * x, self.act)() * self.factor + self.values[1]


class World:
    """Everything that the functions below read."""

    def __init__(self):
        self.settings = types.SimpleNamespace(factor=2.0, inner=types.SimpleNamespace(factor=3.0))
        self.batch, self.table = [1, 2, 3], {"a": 1.0, "b": [1.0, 2.0]}
        self.array, self.values = np.array([1.0, 2.0]), [Value(1.0), Value(2.0)]
        self.objects = np.array([Value(1.0), Value(2.0)])
        self.matrix = [[0.0, 1.0], [2.0, 3.0]]
        self.queue, self.slotted = collections.deque([1.0, Value(3.0)]), Slotted()
        self.plain, self.own = Plain(), Own()
        self.model = MLP(1, [3, 1], activation="tanh", rng=0)


CHANGES = {
    "an attribute": (lambda o, x: x * o.settings.factor, lambda o: setattr(o.settings, "factor", 5.0)),
    "a deep one": (lambda o, x: x * o.settings.inner.factor, lambda o: setattr(o.settings.inner, "factor", 5.0)),
    "an object": (
        lambda o, x: x * o.settings.factor,
        lambda o: setattr(o, "settings", types.SimpleNamespace(factor=9.0)),
    ),
    "a list that grew": (lambda o, x: x * sum(o.batch), lambda o: o.batch.append(4)),
    "an entry": (lambda o, x: x * sum(o.batch), lambda o: o.batch.__setitem__(0, 9)),
    "a row": (lambda o, x: x * o.matrix[1][0], lambda o: o.matrix[1].__setitem__(0, 9.0)),
    "the sign of zero": (lambda o, x: x / o.matrix[0][0], lambda o: o.matrix[0].__setitem__(0, -0.0)),
    "a key": (lambda o, x: x * o.table["a"], lambda o: o.table.__setitem__("a", 4.0)),
    "a list in a dict": (lambda o, x: x * o.table["b"][1], lambda o: o.table["b"].__setitem__(1, 4.0)),
    "an array": (lambda o, x: x * o.array[1], lambda o: o.array.__setitem__(1, 4.0)),
    "a Value": (lambda o, x: x * o.values[1], lambda o: o.values.__setitem__(1, Value(4.0))),
    "a Value in an array": (lambda o, x: x * o.objects[1], lambda o: o.objects.__setitem__(1, Value(4.0))),
    "a slot": (lambda o, x: x * o.slotted.factor, lambda o: setattr(o.slotted, "factor", 3.0)),
    "a queue": (lambda o, x: x * o.queue[1], lambda o: o.queue.appendleft(Value(8.0))),
    "of one's own": (lambda o, x: o.plain(x), lambda o: setattr(o.plain, "factor", 7.0)),
    "its class": (lambda o, x: o.plain(x), lambda o: setattr(type(o.plain), "rate", type(o.plain).rate + 1)),
    "its list": (lambda o, x: o.plain(x), lambda o: o.plain.factors.__setitem__(0, 7.0)),
    "its nested list": (lambda o, x: o.plain(x), lambda o: o.plain.nested[1].__setitem__(0, Value(7.0))),
    "its method": (lambda o, x: o.plain(x), lambda o: setattr(o.plain, "method", lambda x: x * 11)),
    "the name of its method": (lambda o, x: o.plain(x), lambda o: setattr(o.plain, "how", "other")),
    "a module": (lambda o, x: o.own(x), lambda o: setattr(o.own, "factor", 4.0)),
    "a module's list": (lambda o, x: o.own(x), lambda o: o.own.values.__setitem__(1, Value(9.0))),
    "a module's activation": (lambda o, x: o.own(x), lambda o: setattr(o.own, "act", "sin")),
    "an activation of nn": (
        lambda o, x: o.model([x]),
        lambda o: setattr(o.model.layers[0].neurons[1], "_activate", lambda z: z * z),
    ),
    "a weight of nn": (lambda o, x: o.model([x]), lambda o: o.model.layers[0].neurons[1].w.__setitem__(0, Value(9.0))),
    "weights of nn": (lambda o, x: o.model([x]), lambda o: setattr(o.model.layers[0].neurons[1], "w", [Value(9.0)])),
    "a layer more": (lambda o, x: o.model([x]), lambda o: o.model.layers.append(Layer(1, 1, rng=1))),
    "layers in another order": (
        lambda o, x: o.model([x]) + o.model.layers[0].neurons[0]([x]) * 2,
        lambda o: o.model.layers[0].neurons.reverse(),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("how", ["closure", "bound"])
def test_what_changed_is_recorded_anew(name, how, monkeypatch):
    of_world, change = CHANGES[name]
    monkeypatch.setattr(Plain, "rate", Plain.rate)  # it is put back
    world, w = World(), Value(1.0)
    if how == "closure":
        f = lambda x: w * of_world(world, x)  # noqa: E731
    else:
        f = types.MethodType(lambda o, x: w * of_world(o, x), world)
    step = autograd.compile(f, [w])
    before = step([2.0])
    assert before == pytest.approx(f(Value(2.0)).data, rel=1e-14)
    change(world)
    wanted = f(Value(2.0)).data
    assert wanted != before
    assert step([2.0]) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize(
    "make",
    [
        lambda of_world, o: lambda x, o=o: of_world(o, x),
        lambda of_world, o: functools.partial(of_world, o),
        lambda of_world, o: autograd.grad(lambda x: of_world(o, x) * x),
        lambda of_world, o: autograd.no_grad()(lambda x: of_world(o, x)),
        lambda of_world, o: functools.lru_cache(lambda x: of_world(o, x)),
        lambda of_world, o: functools.wraps(of_world)(lambda x: of_world(o, x)),
        lambda of_world, o: lambda x: sum([of_world(o, x) for _ in range(2)]),
    ],
)
@pytest.mark.parametrize("way", ["call", "flat", "evaluate", "grad", "value_and_grad"])
def test_a_change_is_seen_wherever_the_function_comes_from(make, way):
    world, w = World(), Value(1.0)
    f = make(CHANGES["an attribute"][0], world)
    step = autograd.compile(lambda x: f(x) * w, [w])
    call = functools.partial(step.flat, [1.0]) if way == "flat" else step if way == "call" else getattr(step, way)
    before = call([2.0])
    world.settings.factor = 6.0
    assert numbers_in(call([2.0])) == [3 * number for number in numbers_in(before)]


def test_variables_that_are_bound_anew(monkeypatch):
    factor, w = 2.0, Value(1.0)

    def inner(x):
        return scaled(x) * factor

    step = autograd.compile(lambda x: inner(w * x), [w])
    assert step([1.0]) == 4.0
    factor = 3.0
    assert step([1.0]) == 6.0
    monkeypatch.setattr(f"{__name__}.SCALE", 5.0)
    assert step([1.0]) == 15.0
    monkeypatch.setattr(f"{__name__}.scaled", lambda x: x)
    assert step([1.0]) == 3.0
    w = Value(7.0)
    assert step([1.0]) == 21.0


def test_mini_batches_by_an_index():
    X, w, k = np.arange(12.0).reshape(6, 2), Value(1.5), 0
    step = autograd.compile(lambda: autograd.mean([w * x for x in X[k].tolist()]), [w])
    for k in range(6):
        assert step() == 1.5 * X[k].mean()
        assert w.grad == X[k].mean()


def test_functions_without_parameters_are_watched_as_well():
    power = [1]
    g = autograd.compile(lambda x: x ** power[0])
    vector = np.array([2.0, 3.0])
    for power[0] in (1, 2, 3):
        for _ in range(2):
            assert g(vector).tolist() == (vector ** power[0]).tolist()
            assert g(2.0) == 2.0 ** power[0]


def test_what_the_function_does_not_read_may_change():
    world, w = World(), Value(1.0)
    world.counting = Counting()
    runs = []

    def loss(x):
        runs.append(1)
        return world.counting(w * x) * world.settings.factor + world.model([x])

    step = autograd.compile(loss, [w])
    step([1.0])
    for k in range(3):
        world.counting.history.append(k)
        world.settings.other, world.model.note = k, k
        world.extra = k
        assert step([1.0]) == step.evaluate([1.0])[0]
    assert len(runs) == 4


def test_a_change_that_leads_to_the_same_program_is_not_compiled_again():
    settings, w = types.SimpleNamespace(factor=2.0), Value(1.0)
    step = autograd.compile(lambda x: w * x * settings.factor * 0.5, [w])
    assert step([3.0]) == 3.0
    code = step.executables.last.built
    settings.factor = float("2.0")
    assert step([3.0]) == 3.0
    assert step.executables.last.built is code
    settings.factor = 4.0
    assert step([3.0]) == 6.0
    assert step.executables.last.built is not code


def test_what_is_not_watched_is_told_by_clear_cache():
    large, w = np.ones(5000), Value(2.0)
    step = autograd.compile(lambda x: w * x * large[0], [w])
    assert step([1.0]) == 2.0
    large[0] = 3.0
    assert step([1.0]) == 2.0
    step.clear_cache()
    assert step([1.0]) == 6.0
    large = np.full(5000, 7.0)
    assert step([1.0]) == 14.0


def test_a_long_list_that_is_as_long_as_before_has_not_changed():
    numbers = [1.0] * 2000
    step = autograd.compile(lambda x: x * numbers[0])
    assert step(2.0) == 2.0
    assert not step.look_again()
    numbers.append(1.0)
    assert step.look_again()


def test_a_function_that_fails_after_a_change_is_recorded_when_it_works_again():
    settings, w = types.SimpleNamespace(factor=2.0), Value(1.0)
    step = autograd.compile(lambda x: w * x * settings.factor, [w])
    assert step([1.0]) == 2.0
    settings.factor = None
    for _ in range(2):
        with pytest.raises(TypeError):
            step([1.0])
    settings.factor = 2.0
    assert step([1.0]) == 2.0
    del settings.factor
    with pytest.raises(AttributeError, match="factor"):
        step([1.0])


# --- Further places where a function finds what it reads -------------------------------------------------------------


class ListWithName(list):
    factor = 2.0


class Settings(dict):
    factor = 2.0

    def read(self):
        return self.factor


def in_a_module_imported_inside(monkeypatch):
    module = types.ModuleType("settings_of_a_test")
    module.__file__ = __file__
    module.factor = 2.0
    monkeypatch.setitem(sys.modules, "settings_of_a_test", module)

    def f(x):
        import settings_of_a_test

        return x * settings_of_a_test.factor

    return f, lambda: setattr(module, "factor", 7.0)


def imported_inside_by_name(monkeypatch):
    module = types.ModuleType("settings_of_a_test")
    module.__file__ = __file__
    module.factor = 2.0
    monkeypatch.setitem(sys.modules, "settings_of_a_test", module)

    def f(x):
        from settings_of_a_test import factor

        return x * factor

    return f, lambda: setattr(module, "factor", 7.0)


def an_attribute_of_the_function(_):
    def f(x):
        return x * f.factor

    f.factor = 2.0
    return f, lambda: setattr(f, "factor", 7.0)


def a_default_that_is_replaced(_):
    def f(x, factor=2.0):
        return x * factor

    return f, lambda: setattr(f, "__defaults__", (7.0,))


def code_that_is_replaced(_):
    def f(x):
        return x * 2.0

    return f, lambda: setattr(f, "__code__", (lambda x: x * 7.0).__code__)


def an_attribute_of_a_kind_of_list(_):
    numbers = ListWithName([1.0])
    return lambda x: x * numbers.factor, lambda: setattr(numbers, "factor", 7.0)


def a_class_attribute_of_a_kind_of_dict(monkeypatch):
    settings = Settings()
    return lambda x: x * settings.read(), lambda: monkeypatch.setattr(Settings, "factor", 7.0)


@pytest.mark.parametrize(
    "made",
    [
        in_a_module_imported_inside,
        imported_inside_by_name,
        an_attribute_of_the_function,
        a_default_that_is_replaced,
        code_that_is_replaced,
        an_attribute_of_a_kind_of_list,
        a_class_attribute_of_a_kind_of_dict,
    ],
)
def test_a_change_is_seen_where_it_is_easily_overlooked(made, monkeypatch):
    f, change = made(monkeypatch)
    compiled = autograd.compile(f)
    assert compiled(1.5) == 3.0
    change()
    assert compiled(1.5) == 10.5


def test_a_number_in_a_list_becomes_a_parameter_of_the_same_number():
    p = Value(1.0)
    factors = [1.0, 2.0]
    step = autograd.compile(lambda x: x * factors[0] + p, [p])
    step([3.0])
    assert p.grad == 1.0
    factors[0] = p
    step([3.0])
    assert p.grad == 4.0


def test_what_a_call_does_not_look_at_is_looked_at_before_another_shape_is_recorded():
    """So that there are not old and new results side by side."""
    things = [types.SimpleNamespace(factor=1.0) for _ in range(300)]
    compiled = autograd.compile(lambda v: v[0] * things[250].factor)
    assert compiled([1.0, 2.0]) == 1.0
    things[250].factor = 5.0
    assert compiled([1.0, 2.0, 3.0]) == 5.0
    assert compiled([1.0, 2.0]) == 5.0
