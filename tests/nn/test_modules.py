"""Modules: parameters, printing, inputs, activations, and the equations of backpropagation."""

import copy
import pickle

import numpy as np
import pytest
from training import data_of

import autograd
import nn
from autograd import PRIMITIVES, Primitive, Value
from nn import MLP, Layer, Module, Neuron, half_squared_error

UNARY = [name for name, row in PRIMITIVES.items() if row.arity and row.arity - len(row.defaults) == 1]


# --- Parameters ------------------------------------------------------------------------------------------------------


def test_named_parameters_come_by_layer_and_neuron_with_the_weights_before_the_bias():
    names = [name for name, _ in MLP(2, [2, 1], rng=0).named_parameters()]
    assert names == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.w.1",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
        "layers.0.neurons.1.w.1",
        "layers.0.neurons.1.b",
        "layers.1.neurons.0.w.0",
        "layers.1.neurons.0.w.1",
        "layers.1.neurons.0.b",
    ]


def test_parameters_are_the_values_of_named_parameters_in_their_order():
    model = MLP(3, [2, 2], rng=0)
    named = [parameter for _, parameter in model.named_parameters()]
    assert len(model.parameters()) == len(named) == 3 * 2 + 2 + 2 * 2 + 2
    assert all(p is q for p, q in zip(model.parameters(), named))
    neuron = model.layers[1].neurons[0]
    assert [id(p) for p in neuron.parameters()] == [id(p) for p in [*neuron.w, neuron.b]]


def test_parameters_are_found_in_values_modules_lists_tuples_and_dicts_at_any_depth():
    class Everything(Module):
        def __init__(self):
            self.size = 3
            self.name = "text"
            self.scale = Value(1.0)
            self.pair = (Value(2.0), [Value(3.0)])
            self.table = {"left": Value(4.0), "deep": {"right": [Value(5.0)]}}
            self.neuron = Neuron(1, init=lambda rng, nin, nout: 6.0)
            self.computed = Value(1.0) * 2

    assert Everything().state_dict() == {
        "scale": 1.0,
        "pair.0": 2.0,
        "pair.1.0": 3.0,
        "table.left": 4.0,
        "table.deep.right.0": 5.0,
        "neuron.w.0": 6.0,
        "neuron.b": 0.0,
    }


def test_a_shared_parameter_comes_once_under_its_first_name():
    class Tied(Module):
        def __init__(self):
            shared = Value(1.0)
            self.first, self.others, self.last = shared, [Value(1.0), shared], shared

    assert [name for name, _ in Tied().named_parameters()] == ["first", "others.0"]


def test_a_shared_module_comes_once():
    class Twice(Module):
        def __init__(self):
            self.one = Neuron(2, rng=0)
            self.two = self.one

    assert len(Twice().parameters()) == 3


def test_parameters_of_equal_numbers_are_not_taken_for_one():
    assert len(Neuron(5, init=lambda rng, nin, nout: 0.0).parameters()) == 6


def test_a_subclass_may_override_parameters_as_in_micrograd():
    class Line(Module):
        def __init__(self):
            self.hidden = {1, 2}
            self._parts = [Value(2.0), Value(1.0)]

        def parameters(self):
            return self._parts[:1]

    line = Line()
    for part in line._parts:
        part.grad = 5.0
    line.zero_grad()
    assert [part.grad for part in line._parts] == [0.0, 5.0]


def test_a_module_without_attributes_has_no_parameters():
    assert Module().parameters() == []
    assert Module().state_dict() == {}


def test_zero_grad_sets_every_gradient_to_zero_and_without_it_gradients_add_up():
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    model([1.0, -2.0]).backward()
    once = [p.grad for p in model.parameters()]
    model([1.0, -2.0]).backward()
    assert [p.grad for p in model.parameters()] == [2 * g for g in once]
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [0.0] * len(once)


# --- Printing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Neuron(2, rng=0), "Neuron(2, activation='relu')"),
        (Neuron(2, rng=0, nonlin=False), "Neuron(2, activation='linear')"),
        (Layer(2, 3, "tanh", rng=0), "Layer(2, 3, activation='tanh')"),
        (MLP(2, [3, 1], rng=0), "MLP(2, [3, 1], activation='relu', output='linear')"),
        (MLP(2, (3, 1), "tanh", "sigmoid", rng=0), "MLP(2, [3, 1], activation='tanh', output='sigmoid')"),
    ],
)
def test_repr(module, text):
    assert repr(module) == text


def test_the_parameters_of_an_mlp_are_labelled_by_layer_neuron_and_input():
    labels = [parameter.label for parameter in MLP(2, [1, 1], rng=0).parameters()]
    assert labels == ["W0[0,0]", "W0[0,1]", "b0[0]", "W1[0,0]", "b1[0]"]


# --- Sizes and inputs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", [Neuron(2, rng=0), Layer(2, 3, rng=0), MLP(2, [3, 1], rng=0)], ids=["Neuron", "Layer", "MLP"]
)
class TestInputs:
    @pytest.mark.parametrize("x", [[], [1.0], [1.0, 2.0, 3.0], 1.0, None])
    def test_another_number_of_inputs_is_refused_by_name(self, module, x):
        got = len(x) if isinstance(x, list) else 1
        with pytest.raises(ValueError, match=rf"{type(module).__name__}\(2.* wants 2 inputs, got {got}"):
            module(x)

    @pytest.mark.parametrize("x", ["ab", ["a", 1.0], [None, 1.0], [1.0, None], [[1.0], [2.0]], [1j, 1.0]])
    def test_inputs_that_are_not_numbers_are_refused(self, module, x):
        with pytest.raises(TypeError, match=r"wants (a|one) number"):
            module(x)

    @pytest.mark.parametrize("kind", [tuple, np.array, iter, lambda x: [Value(x[0]), int(x[1])]])
    def test_inputs_may_be_any_sequence_of_numbers_or_values(self, module, kind):
        outputs, wanted = module(kind([1.0, 2.0])), module([1.0, 2.0])
        for output, want in zip(*[z if isinstance(z, list) else [z] for z in (outputs, wanted)]):
            assert output.data == want.data


@pytest.mark.parametrize("x", [{0: 1.0, 1: 2.0}, {1.0, 2.0}, frozenset([1.0, 2.0])])
def test_inputs_without_an_order_are_refused(x):
    with pytest.raises(TypeError, match=r"MLP\(2, .* wants its inputs in order, got .*: write a list"):
        MLP(2, [1], rng=0)(x)


def test_several_examples_at_a_time_are_refused_with_what_to_write():
    for X in ([[1.0, 2.0]] * 3, np.zeros((3, 2))):
        with pytest.raises(ValueError, match=r"wants 2 inputs, got 3: write \[model\(x\) for x in X\]"):
            MLP(2, [1], rng=0)(X)


def test_a_seed_may_be_one_of_numpy():
    assert data_of(MLP(3, [4, 1], rng=np.int64(5))) == data_of(MLP(3, [4, 1], rng=5))


def test_one_input_may_come_without_a_list():
    neuron = Neuron(1, activation="linear", init=lambda rng, nin, nout: 3.0)
    assert neuron(2.0).data == neuron(Value(2.0)).data == neuron([2.0]).data == neuron(np.array(2.0)).data == 6.0


def test_the_input_may_be_a_value_that_gets_a_gradient():
    x = [Value(0.5), Value(-0.25)]
    neuron = Neuron(2, activation="linear", init=lambda rng, nin, nout: 3.0)
    neuron(x).backward()
    assert [value.grad for value in x] == [3.0, 3.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Neuron(0), "nin is an integer of at least 1, got 0"),
        (lambda: Neuron(-1), "nin is an integer of at least 1, got -1"),
        (lambda: Neuron(2.0), r"nin is an integer of at least 1, got 2\.0"),
        (lambda: Neuron("2"), "nin is an integer of at least 1, got '2'"),
        (lambda: Layer(2, 0), "nout is an integer of at least 1, got 0"),
        (lambda: Layer(2, True), "nout is an integer of at least 1, got True"),
        (lambda: MLP(0, [1]), "nin is an integer of at least 1, got 0"),
        (lambda: MLP(2, [3, 0]), "nout is an integer of at least 1, got 0"),
        (lambda: MLP(2, []), r"sizes of its layers in a list such as \[16, 16, 1\], got \[\]"),
        (lambda: MLP(2, 3), r"sizes of its layers in a list such as \[16, 16, 1\], got 3"),
    ],
)
def test_sizes_are_whole_numbers_of_at_least_one(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_one_output_comes_as_a_value_and_several_as_a_list():
    assert isinstance(MLP(2, [3, 1], rng=0)([1.0, 2.0]), Value)
    assert len(MLP(2, [3, 2], rng=0)([1.0, 2.0])) == 2
    assert isinstance(Layer(2, 1, rng=0)([1.0, 2.0]), Value)
    assert len(Layer(2, 3, rng=0)([1.0, 2.0])) == 3


# --- Activations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNARY)
def test_every_unary_row_of_the_table_is_an_activation(name):
    neuron = Neuron(1, activation=name, init=lambda rng, nin, nout: 0.5)
    x = Value(1.25)
    out = neuron([x])
    out.backward()
    z = Value(0.625)
    wanted = PRIMITIVES[name](z)
    wanted.backward()
    assert out.data == pytest.approx(wanted.data, nan_ok=True, rel=1e-15)
    assert x.grad == pytest.approx(0.5 * z.grad, nan_ok=True, rel=1e-15)


def test_a_row_of_ones_own_is_an_activation(monkeypatch):
    monkeypatch.setitem(PRIMITIVES, "modules_cube", None)  # to take the row out of the table afterwards
    Primitive("modules_cube", lambda x: x**3, partials=(lambda out, x: 3 * x * x,))
    neuron = Neuron(1, activation="modules_cube", init=lambda rng, nin, nout: 2.0)
    out = neuron([1.0])
    out.backward()
    assert (out.data, neuron.w[0].grad, neuron.b.grad) == (8.0, 12.0, 12.0)


def test_linear_hands_on_the_pre_activation_itself():
    passed = MLP(2, [2], rng=0).forward([1.0, 2.0])
    assert all(a is z for a, z in zip(passed.a[0], passed.z[0]))


def test_nonlin_false_is_micrograds_word_for_linear():
    linear = Neuron(2, "tanh", init="micrograd", rng=0, nonlin=False)
    assert linear([1.0, 2.0]).data == Neuron(2, "linear", init="micrograd", rng=0)([1.0, 2.0]).data
    assert Layer(2, 1, rng=0, nonlin=False)([1.0, 2.0]).primitive.name == "dot"


@pytest.mark.parametrize("activation", [lambda z: z.tanh() * 2, Value.relu, PRIMITIVES["tanh"]])
def test_an_activation_may_be_a_function_of_a_value(activation):
    out = Neuron(1, activation=activation, init=lambda rng, nin, nout: 0.5)([1.0])
    assert out.data == activation(Value(0.5)).data


@pytest.mark.parametrize("make", [lambda name: Neuron(2, name), lambda name: MLP(2, [2, 1], name)])
def test_an_unknown_activation_is_refused_with_the_names_of_all(make):
    with pytest.raises(ValueError, match="unknown activation 'rellu'") as caught:
        make("rellu")
    for name in ["linear", "relu", "tanh", "sigmoid", "gelu", "leaky_relu", "softplus"]:
        assert f" {name}," in str(caught.value)


def test_an_unknown_activation_is_refused_also_where_there_is_no_hidden_layer():
    with pytest.raises(ValueError, match="unknown activation 'rellu'"):
        MLP(2, [1], activation="rellu")


def test_softmax_as_an_activation_is_answered_with_where_it_is():
    with pytest.raises(ValueError, match="Softmax is in the loss"):
        MLP(2, [3], output="softmax")


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax, autograd.logsumexp, autograd.mean])
def test_a_function_of_a_list_is_no_activation(function):
    with pytest.raises(TypeError, match=f"{function.__name__} is a function of a list, and an activation") as caught:
        MLP(2, [3], output=function)
    assert ("Softmax is in the loss: write output='linear'" in str(caught.value)) == ("softmax" in function.__name__)


@pytest.mark.parametrize("activation", [None, 3, ["relu"]])
def test_an_activation_that_is_neither_name_nor_function_is_refused(activation):
    with pytest.raises(TypeError, match="an activation is a name or a function of a Value"):
        Neuron(2, activation=activation)


@pytest.mark.parametrize("name", ["add", "dot", "where", "clip", "sum", "__class__", "backward"])
def test_a_name_that_is_not_a_function_of_one_number_is_no_activation(name):
    with pytest.raises(ValueError, match="unknown activation"):
        Neuron(2, activation=name)


# --- A neuron is one dot node ----------------------------------------------------------------------------------------


def test_a_pre_activation_is_one_dot_node_of_bias_weights_and_inputs():
    neuron = Neuron(2, activation="tanh", rng=0)
    x = [Value(1.5), Value(-2.5)]
    a = neuron(x)
    assert a.primitive.name == "tanh"
    (z,) = a.parents
    assert z.primitive.name == "dot"
    bias, first, second, one, *inputs = z.parents
    assert bias is neuron.b
    assert first is neuron.w[0]
    assert second is neuron.w[1]
    assert one.data == 1.0
    assert inputs[0] is x[0]
    assert inputs[1] is x[1]
    assert z.local_derivatives == (1.0, 1.5, -2.5, None, neuron.w[0].data, neuron.w[1].data)


def test_a_weights_gradient_does_not_leak_into_later_passes_through_the_shared_constant():
    model = MLP(2, [3, 2, 1], activation="tanh", rng=0)
    first, second = model.forward([1.0, 2.0]), model.forward([3.0, 4.0])
    first.output.backward()
    grads = [p.grad for p in model.parameters()]
    model.zero_grad()
    second.output.backward()
    model.zero_grad()
    first.output.backward()
    assert [p.grad for p in model.parameters()] == grads


# --- The four fundamental equations (Nielsen, chapter 2) against a recursion in NumPy --------------------------------

NUMPY = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "linear": (lambda z: z, np.ones_like),
}


@pytest.mark.parametrize("activation", NUMPY)
@pytest.mark.parametrize("output", NUMPY)
def test_gradients_of_z_and_a_obey_the_four_fundamental_equations(activation, output):
    rng = np.random.default_rng(3)
    sizes = [3, 4, 5, 2]
    model = MLP(3, sizes[1:], activation, output, rng=3)
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = rng.normal()
    x, y = rng.normal(size=3), rng.normal(size=2)
    passed = model.forward(x)
    half_squared_error(passed.output, y.tolist()).backward()

    W = [np.array([[w.data for w in neuron.w] for neuron in layer.neurons]) for layer in model.layers]
    b = [np.array([neuron.b.data for neuron in layer.neurons]) for layer in model.layers]
    functions = [NUMPY[activation]] * 2 + [NUMPY[output]]
    a, z = [x], []
    for weights, bias, (function, _) in zip(W, b, functions):
        z.append(weights @ a[-1] + bias)
        a.append(function(z[-1]))
    deltas = [(a[-1] - y) * functions[-1][1](z[-1])]  # BP1
    for k in (1, 0):
        deltas.insert(0, (W[k + 1].T @ deltas[0]) * functions[k][1](z[k]))  # BP2

    close = {"rtol": 1e-12, "atol": 1e-12}
    for k, (layer, delta) in enumerate(zip(model.layers, deltas)):
        np.testing.assert_allclose([value.data for value in passed.z[k]], z[k], **close)
        np.testing.assert_allclose([value.data for value in passed.a[k]], a[k + 1], **close)
        np.testing.assert_allclose([value.grad for value in passed.z[k]], delta, **close)
        np.testing.assert_allclose([neuron.b.grad for neuron in layer.neurons], delta, **close)  # BP3
        gradients = [[w.grad for w in neuron.w] for neuron in layer.neurons]
        np.testing.assert_allclose(gradients, np.outer(delta, a[k]), **close)  # BP4
    for k in (0, 1):
        np.testing.assert_allclose([value.grad for value in passed.a[k]], W[k + 1].T @ deltas[k + 1], **close)


def test_forward_hands_back_what_the_call_returns():
    model = MLP(2, [3, 2], rng=0)
    passed = model.forward([1.0, 2.0])
    assert [[len(part) for part in parts] for parts in (passed.z, passed.a)] == [[3, 2], [3, 2]]
    assert [value.data for value in passed.output] == [value.data for value in model([1.0, 2.0])]
    assert all(out is a for out, a in zip(passed.output, passed.a[-1]))


# --- Copies and pickles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu", "identity", "linear"])
@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_a_copy_computes_the_same_and_shares_nothing(duplicate, activation, output):
    model = MLP(2, [3, 1], activation, output, rng=0)
    other = duplicate(model)
    assert repr(other) == repr(model)
    assert other.state_dict() == model.state_dict()
    assert other([0.5, -1.0]).data == model([0.5, -1.0]).data
    assert not set(other.parameters()) & set(model.parameters())
    before = data_of(model)
    other([0.5, -1.0]).backward()
    for parameter in other.parameters():
        parameter.data += 1.0
    assert data_of(model) == before
    assert [p.grad for p in model.parameters()] == [0.0] * len(before)


def test_results_that_are_kept_are_no_parameters():
    class Remembers(Module):
        def __init__(self):
            self.w = Value(1.0)

        def __call__(self, x):
            self.last = self.w * x[0]
            self.target = self.last.detach()
            return self.last

    model = Remembers()
    nn.predict(model, [[1.0]])
    assert list(model.state_dict()) == ["w"]


def test_values_in_numpy_arrays_are_parameters():
    class Holds(Module):
        def __init__(self):
            self.W = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
            self.scale = np.array([1.0, 2.0])

    assert Holds().state_dict() == {"W.0.0": 1.0, "W.0.1": 2.0, "W.1.0": 3.0, "W.1.1": 4.0}
