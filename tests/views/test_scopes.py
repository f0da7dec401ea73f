"""Scopes on nodes, kinds of leaves, and gradients that are not there yet: what pictures need to know of a graph."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

import autograd
from autograd import Value, blocks, dot, matvec, no_grad, scope
from autograd.draw.collapse import scopes_in
from autograd.graph import topological_order
from autograd.scopes import INSIDE, Scope, scope_of
from autograd.value import CONSTANT, LEAF, PARAMETER, constant
from nn import MLP, SGD, Layer, Module, Neuron, losses


def name_of(node):
    """The scope's names, the outermost first."""
    found = scope_of(node)
    return None if found is None else " / ".join(scope.name for scope in found.chain())


def found_in(root):
    """The names of the scopes that a picture of the graph finds, by node."""
    return {
        node: " / ".join(s.name for s in scope.chain()) for node, scope in scopes_in(topological_order(root)).items()
    }


# --- A user's own scopes ---------------------------------------------------------------------------------------------


def test_a_node_knows_the_scope_that_it_was_made_in():
    x = Value(2.0)
    with scope("outer") as outer:
        a = x * 3
        with scope("inner"):
            b = a.exp()
        c = b - 1
    d = c + 1
    assert [name_of(node) for node in (x, a, b, c, d)] == [None, "outer", "outer / inner", "outer", None]
    assert scope_of(a) is scope_of(c) is outer
    assert not blocks.active


def test_every_way_to_make_a_node_marks_it():
    x, y = Value(2.0), Value(3.0)
    with scope("here"):
        nodes = [x + y, 1 - x, -x, x.leaky_relu(), x // y, autograd.sum([x, y]), dot([x, y], [y, x])]
        nodes += [*matvec([[x, y]], [y, x]), autograd.where(1.0, x, y), x.maximum(y)]
    assert {name_of(node) for node in nodes} == {"here"}


def test_each_time_a_block_is_entered_it_is_another_scope():
    block, x = scope("again"), Value(1.0)
    with block:
        a = x + 1
    with block:
        b = x + 1
    assert scope_of(a) is not scope_of(b)
    assert scope_of(a).name == scope_of(b).name == "again"


def test_a_decorated_function_has_a_scope_at_each_call():
    @scope("square")
    def square(x, *, plus):
        """x ** 2"""
        return x * x + plus

    a, b = square(Value(3.0), plus=1.0), square(Value(3.0), plus=1.0)
    assert (a.data, name_of(a), square.__name__, square.__doc__) == (10.0, "square", "square", "x ** 2")
    assert scope_of(a) is not scope_of(b)


def test_an_error_leaves_the_scope():
    with pytest.raises(ZeroDivisionError), scope("a"), scope("b"):
        1 / 0
    assert name_of(Value(1.0) + 1) is None
    assert not blocks.active


def test_a_scope_is_its_own_threads():
    made = []
    with scope("mine"):
        thread = threading.Thread(target=lambda: made.append(Value(1.0) * 2))
        thread.start()
        thread.join()
        made.append(Value(1.0) * 2)
    assert [name_of(node) for node in made] == [None, "mine"]


def test_values_and_gradients_do_not_depend_on_scopes():
    def program(a, b):
        return (a * b).tanh() + dot([a, b, a], [b, 2.0, 3.0]) / (1 + (a**2)).log()

    results = []
    for within in (False, True):
        a, b = Value(0.3), Value(-1.7)
        if within:
            with scope("all"):
                root = program(a, b)
        else:
            root = program(a, b)
        root.backward()
        results.append((root.data, a.grad, b.grad))
    assert results[0] == results[1]


def test_scopes_with_other_modes():
    x = Value(2.0)
    with no_grad(), scope("a"):
        assert (x * 3).parents == ()
    with scope("a"), autograd.detect_anomaly(), pytest.raises(autograd.AnomalyError):
        (x - 2).log()
    with scope("a"):
        assert autograd.grad(lambda v: v**3)(2.0) == 12.0
        assert autograd.jvp(lambda v: v**3, (2.0,), (1.0,)) == (8.0, 12.0)


def test_a_compiled_function_may_have_scopes():
    pytest.importorskip("llvmlite")

    def f(x, y):
        with scope("product"):
            z = x * y
        return z + autograd.sin(x)

    plain = autograd.compile(lambda x, y: x * y + autograd.sin(x))
    assert autograd.compile(f)(1.25, 2.5) == plain(1.25, 2.5)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (3, TypeError, "a scope's name is a string, got int 3: write scope"),
        (None, TypeError, "got NoneType"),
        ("", ValueError, "empty"),
        (" \n", ValueError, "empty"),
    ],
)
def test_names(name, error, message):
    with pytest.raises(error, match=message):
        scope(name)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))], ids=["deepcopy", "pickle"])
def test_copies_of_a_graph_keep_its_scopes(copied):
    x = Value(1.0)
    with scope("outer"), scope("inner"):
        a = x + 1
        b = a * a
    again = copied(b + 1)
    (b_again, _) = again.parents
    assert [name_of(node) for node in (again, b_again, b_again.parents[0])] == [None, "outer / inner", "outer / inner"]
    assert scope_of(b_again) is scope_of(b_again.parents[0])
    assert name_of(copy.copy(b)) == "outer / inner"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_scope_pickles(protocol):
    scopes = [Scope("a", Scope("b"))]
    (again,) = pickle.loads(pickle.dumps(scopes, protocol))
    assert repr(again) == repr(scopes[0]) == "Scope('b / a')"
    assert pickle.loads(pickle.dumps(INSIDE, protocol)) is INSIDE


# --- Scopes of modules -----------------------------------------------------------------------------------------------


def test_a_network_marks_what_its_neurons_compute():
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    passed = model.forward([1.0, 2.0])
    found = found_in(passed.output)
    for k, (zs, activations) in enumerate(zip(passed.z, passed.a)):
        for j, (z, a) in enumerate(zip(zs, activations)):
            assert found[z] == found[a] == f"MLP / layer {k} / neuron {j}"
    assert len(found) == 3 * 2 + 1
    assert not blocks.active


def test_a_call_is_a_scope():
    model = MLP(1, [2, 1], rng=0)
    first, second = model.forward([1.0]), model.forward([1.0])
    scopes = scopes_in(topological_order(first.output + second.output))
    a, b = scopes[first.z[0][1]], scopes[second.z[0][1]]
    assert a.name == b.name == "neuron 1"
    assert a is not b
    assert a.parent is not b.parent
    assert a.parent.parent is not b.parent.parent
    assert scopes[first.z[0][0]].parent is a.parent
    assert scopes[first.output].parent.parent is a.parent.parent


def test_a_scope_around_a_network_is_around_its_scopes():
    with scope("encoder"):
        root = MLP(1, [1], rng=0)([1.0])
    assert set(found_in(root).values()) == {"encoder / MLP / layer 0 / neuron 0"}


def test_layers_and_neurons_alone():
    layer, neuron = Layer(2, 2, activation="relu", rng=0), Neuron(2, activation="relu", rng=0)
    z, a = layer.forward([1.0, 2.0])
    assert [found_in(node)[node] for node in (*z, *a)] == ["layer / neuron 0", "layer / neuron 1"] * 2
    assert set(found_in(neuron([1.0, 2.0])).values()) == {"neuron"}
    assert set(found_in(layer.neurons[1]([1.0, 2.0])).values()) == {"neuron"}


def test_an_output_that_is_not_used_does_not_shift_the_others():
    root = Layer(1, 3, activation="linear", rng=0)([1.0])[2]
    assert found_in(root)[root] == "layer / neuron 2"


def test_the_steps_of_an_activation_belong_to_its_neuron():
    def swish(z):
        return z * (1 / (1 + (-z).exp()))

    model = MLP(2, [2, 1], activation=swish, rng=0)
    passed = model.forward([1.0, 2.0])
    root = passed.output * 2
    found = found_in(root)
    inside = [node for node in topological_order(root) if not node.is_leaf and node is not root]
    assert len(inside) == 2 * (1 + 5) + 1
    assert [found[node].count("neuron") for node in inside] == [1] * len(inside)
    assert sum(name == "MLP / layer 0 / neuron 1" for name in found.values()) == 6
    assert root not in found


def test_what_is_computed_from_a_neuron_is_not_part_of_it():
    neuron = Neuron(1, activation="relu", rng=0)
    a = neuron([1.0])
    after = a * 3
    assert after not in found_in(after + a)


@pytest.mark.parametrize("odd", [lambda z: 1.0, lambda z: Value(1.0), lambda z: constant(2.0)])
def test_an_activation_may_return_anything(odd):
    assert MLP(1, [2, 1], activation=odd, rng=0)([1.0]).data == pytest.approx(
        MLP(1, [2, 1], activation=odd, rng=0)([5.0]).data
    )


def test_dual_numbers_go_through_networks():
    model = MLP(1, [3, 1], activation="tanh", rng=0)
    value, tangent = autograd.jvp(lambda x: model([x]), (0.5,), (1.0,))
    assert (value, tangent) == pytest.approx((model([0.5]).data, autograd.grad(lambda x: model([x]))(0.5)))


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_losses_mark_what_they_compute(name):
    several = name in ("cross_entropy", "mean_squared_error")
    x = Value(0.3)
    outputs = [x * 2, x * 3]
    cost = losses.LOSSES[name](outputs if several else outputs[0], [1.0, 0.0] if name == "mean_squared_error" else 1)
    name = losses.LOSSES[name].__name__
    computed = {node: found for node in topological_order(cost) if (found := name_of(node))}
    assert set(computed.values()) == {name}
    assert cost in computed
    assert not set(outputs) & set(computed)
    assert [node for node in topological_order(cost) if not node.is_leaf and node not in [*outputs, *computed]] == []


def test_losses_in_a_scope():
    x = Value(0.3)
    with scope("validation"):
        z = x * 2
        cost = losses.hinge(z, 1)
    assert (name_of(cost), name_of(z)) == ("validation / hinge", "validation")


# --- Parameters ------------------------------------------------------------------------------------------------------


def kinds(values):
    return {value._primitive for value in values}


def test_what_a_module_holds_are_parameters():
    numpy = pytest.importorskip("numpy")

    class Everything(Module):
        def __init__(self):
            self.one = Value(1.0)
            self.many = [Value(1.0), (Value(2.0), {"a": Value(3.0)})]
            self.array = numpy.array([[Value(1.0), Value(2.0)]])
            self.inner = MLP(1, [1])

    module = Everything()
    assert len(module.parameters()) == 6 + 2
    assert kinds(module.parameters()) == {PARAMETER}
    assert {parameter.is_leaf for parameter in module.parameters()} == {True}
    assert {parameter.primitive for parameter in module.parameters()} == {None}


def test_only_leaves_become_parameters():
    module, x, two = Module(), Value(1.0), constant(2.0)
    computed = x * 3
    module.held = [computed, two]
    assert (x._primitive, two._primitive, computed._primitive.name) == (LEAF, CONSTANT, "mul")
    assert module.parameters() == []
    module.x = x
    assert x._primitive is PARAMETER
    module.number, module.text, module.nothing = 3, "x", None


def test_containers_that_contain_themselves():
    module, held = Module(), [Value(1.0)]
    held.append(held)
    module.held = {"held": held}
    assert kinds(module.parameters()) == {PARAMETER}


def test_copies_stay_parameters():
    model = MLP(1, [2, 1], rng=0)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert kinds(again.parameters()) == {PARAMETER}
    assert copy.copy(model.layers[0].neurons[0].b)._primitive is PARAMETER
    assert pickle.loads(pickle.dumps(model.layers[0].neurons[0].b))._primitive is PARAMETER
    assert copy.deepcopy(model([1.0])).parents[0]._primitive is PARAMETER


def test_parameters_have_labels():
    assert [p.label for p in Neuron(2).parameters()] == ["w[0]", "w[1]", "b"]
    assert [p.label for p in Layer(1, 2).parameters()] == ["W[0,0]", "b[0]", "W[1,0]", "b[1]"]
    assert [p.label for p in MLP(1, [1, 1]).parameters()] == ["W0[0,0]", "b0[0]", "W1[0,0]", "b1[0]"]


# --- No gradient yet -------------------------------------------------------------------------------------------------


def test_there_is_no_gradient_before_backward():
    x = Value(3.0)
    y = x * 2 + 1
    nodes = topological_order(y)
    assert [(node._grad, node.grad) for node in nodes] == [(None, 0.0)] * len(nodes)
    assert repr(x) == "Value(data=3.0, grad=0.0)"
    y.backward()
    assert all(isinstance(node._grad, float) for node in nodes)
    (x * 5).backward()
    assert x.grad == 7.0


def test_zero_is_a_gradient():
    x, y = Value(3.0), Value(1.0)
    x.grad = 0
    y.zero_grad()
    assert (x._grad, y._grad) == (0.0, 0.0)


def test_what_backward_does_not_reach_has_a_gradient_of_0():
    x, y = Value(3.0), Value(1.0)
    root = autograd.where(1.0, x, y.floor())
    root.backward()
    assert [node._grad for node in (x, y, y.floor())] == [1.0, 0.0, None]


def test_a_backward_that_fails_changes_nothing():
    x = Value(0.0)
    y = x.sqrt() * 2
    with autograd.detect_anomaly(), pytest.raises(autograd.AnomalyError):
        y.backward()
    assert [node._grad for node in topological_order(y)] == [None] * 4


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_have_no_gradient_either(copied):
    x = Value(3.0)
    assert copied(x)._grad is None
    x.grad = 2.0
    assert copied(x)._grad == 2.0


def test_compiled_steps_set_gradients_where_there_were_none():
    pytest.importorskip("llvmlite")
    model = MLP(2, [2, 1], rng=0)
    step = autograd.compile(lambda x, y: losses.hinge(model(x), y), model.parameters())
    assert {p._grad for p in model.parameters()} == {None}
    step([[1.0, -2.0], [0.5, 3.0]], [1.0, -1.0])
    eager = copy.deepcopy(model)
    eager.zero_grad()
    examples = [([1.0, -2.0], 1), ([0.5, 3.0], -1)]
    autograd.mean([losses.hinge(eager(x), y) for x, y in examples]).backward()
    assert [p._grad for p in model.parameters()] == pytest.approx([p.grad for p in eager.parameters()])


def test_optimisers_take_no_gradient_for_0():
    model = MLP(1, [1], rng=0)
    before = model.state_dict()
    SGD(model.parameters(), lr=0.1, momentum=0.9).step()
    assert model.state_dict() == before
