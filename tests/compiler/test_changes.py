"""What changes between two calls, wherever the function finds it, is recorded anew; what it does not read is not."""

import collections
import dataclasses
import functools
import sys
import types

import numpy as np
import pytest

import autograd
from autograd import Value
from nn import MLP, Layer, Module

pytest.importorskip("llvmlite")

from steps import numbers_in

pytestmark = pytest.mark.sampled(every=2)

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
