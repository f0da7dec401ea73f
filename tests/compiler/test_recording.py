"""What a recording takes down: all that is wanted, the same each time, and Values from outside of the function."""

import functools
import itertools
import random

import numpy as np
import pytest

import autograd
from autograd import CompileError, Value

pytest.importorskip("llvmlite")

pytestmark = pytest.mark.sampled(every=2)


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
    assert "rerolled into" in str(step)


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
