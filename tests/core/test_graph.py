"""The order of nodes, graphs of any depth, and that a dropped graph is gone."""

import copy
import gc
import io
import pickle
import sys
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, graph, where
from autograd.graph import edges, topological_order

pytestmark = pytest.mark.sampled(every=2)

DEEP = 10**6
DAGS = st.lists(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), max_size=40)
"""For each node after the first the operands, to be taken modulo the number of nodes so far."""


def nodes_of(dag):
    nodes = [Value(1.0)]
    for picks in dag:
        operands = [nodes[pick % len(nodes)] for pick in picks]
        nodes.append({1: autograd.tanh, 2: autograd.mul}.get(len(operands), autograd.PRIMITIVES["sum"])(*operands))
    return nodes


def reachable(roots):
    found, todo = set(), list(roots)
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo.extend(node.parents)
    return found


@given(DAGS, st.lists(st.integers(0, 10**6), min_size=1, max_size=3))
def test_operands_come_first_and_each_node_once(dag, picks):
    nodes = nodes_of(dag)
    roots = [nodes[pick % len(nodes)] for pick in picks]
    order = topological_order(*roots)
    assert len(order) == len(set(order))
    assert set(order) == reachable(roots)
    place = {node: k for k, node in enumerate(order)}
    assert all(place[operand] < place[node] for node in order for operand in node.parents)


@given(DAGS)
def test_the_walk_does_not_look_behind_leaves_it_is_given(dag):
    nodes = nodes_of(dag)
    leaves = frozenset(nodes[::3])
    order = topological_order(nodes[-1], leaves=leaves)
    assert order[-1] is nodes[-1]
    for node in order:
        if node not in leaves:
            assert set(node.parents) <= set(order)
    if nodes[-1] in leaves:
        assert order == [nodes[-1]]


@given(DAGS)
def test_order_is_the_same_every_time(dag):
    root = nodes_of(dag)[-1]
    assert all(a is b for a, b in zip(topological_order(root), topological_order(root)))


def test_order_without_roots():
    assert topological_order() == []


# --- Deep and wide graphs --------------------------------------------------------------------------------------------


def chain(x, length):
    for _ in range(length):
        x = x * 1.0
    return x


def unary_chain(x, length):
    for _ in range(length):
        x = -x
    return x


def terms(x, count):
    return autograd.sum([x] * count)


def python_sum(x, count):
    return sum([x] * (count // 10))


@pytest.fixture(autouse=True)
def low_recursion_limit():
    """A hundred frames more than now: depth must not come from a generous limit."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 250)
    yield
    sys.setrecursionlimit(before)


PROGRAMS = [chain, unary_chain, terms, python_sum]
LENGTHS = [(DEEP // 20, ()), (DEEP, pytest.mark.slow)]


@pytest.mark.parametrize(
    ("program", "length"),
    [(unary_chain, DEEP), *[pytest.param(p, n, marks=marks) for p in PROGRAMS for n, marks in LENGTHS]],
)
def test_a_million_operations(program, length):
    x = Value(1.0)
    y = program(x, length)
    y.backward()
    gradient = {chain: 1.0, unary_chain: 1.0, terms: length, python_sum: length / 10}[program]
    assert x.grad == gradient
    assert repr(y) == f"Value(data={float(gradient)}, grad=1.0)"
    del y


@pytest.mark.parametrize("program", [chain, terms, python_sum])
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda tree: pickle.loads(pickle.dumps(tree))])
@pytest.mark.parametrize("length", [DEEP // 40, pytest.param(DEEP // 4, marks=pytest.mark.slow)])
def test_copies_of_deep_graphs(program, copier, length):
    x = Value(1.0)
    y = program(x, length)
    twin_x, twin = copier((x, y))
    twin.backward()
    assert (twin.data, x.grad) == (y.data, 0.0)
    y.backward()
    assert twin_x.grad == x.grad


@pytest.mark.parametrize("length", [DEEP // 20, pytest.param(DEEP, marks=pytest.mark.slow)])
def test_a_million_operations_in_pickles(length):
    x = Value(1.0)
    loaded = pickle.loads(pickle.dumps(unary_chain(x, length)))
    assert len(topological_order(loaded)) == length + 1
    copied = copy.deepcopy(loaded)
    copied.backward()
    assert topological_order(copied)[0].grad == 1.0
    assert topological_order(loaded)[0].grad == 0.0


def test_a_deep_graph_in_a_second_pickle_while_the_first_pickler_is_alive():
    y = chain(Value(1.0), 10_000)
    first = pickle.Pickler(io.BytesIO())
    first.dump(y)
    assert pickle.loads(pickle.dumps(y)).data == 1.0


def test_transforms_of_deep_functions():
    assert grad(lambda x: chain(x, DEEP // 10))(2.0) == 1.0
    assert grad(grad(lambda x: chain(x, DEEP // 100) ** 2))(2.0) == 2.0


def test_a_graph_of_exponentially_many_paths():
    x = Value(1.0)
    y = x
    for _ in range(1000):
        y = (y + y) * 0.5
    y.backward()
    assert x.grad == 1.0


# --- Freeing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_collector():
    """What was there before is out of the collector's sight, which takes its time to look through all of it."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def mixed(x):
    h = (x * x).tanh() + where(x > 0, x, x.exp())
    return autograd.sum([h, x, h * 2.0]) + sum(autograd.softmax([h, x, 1.0]))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "use",
    [
        lambda y: None,
        lambda y: y.backward(),
        lambda y: copy.deepcopy(y),
        lambda y: pickle.dumps(y),
        lambda y: repr(y),
        lambda y: y.zero_grad(),
        lambda y: grad(lambda x: x * y)(2.0),
        lambda y: grad(lambda x: x * x)(y),
    ],
    ids=["made", "backward", "deepcopy", "pickle", "repr", "zero_grad", "closed over by grad", "argument of grad"],
)
def test_a_dropped_graph_is_freed_at_once(use):
    x = Value(2.0)
    y = mixed(x)
    nodes = [weakref.ref(node) for node in topological_order(y) if node is not x]
    assert len(nodes) > 10
    use(y)
    del y
    assert not [node() for node in nodes if node() is not None]
    assert gc.collect() == 0


def values_alive():
    return sum(type(thing) is Value for thing in gc.get_objects())


@pytest.mark.usefixtures("no_collector")
def test_transforms_leave_nothing_behind():
    program = grad(grad(mixed))
    before = values_alive()
    program(2.0)
    autograd.jvp(mixed, (2.0,), (1.0,))
    autograd.hessian(lambda x: mixed(x[0]) * x[1])([1.0, 2.0])
    assert values_alive() == before


@pytest.mark.usefixtures("no_collector")
def test_training_loop_keeps_one_graph_at_a_time():
    w = Value(0.5)
    for _ in range(20):
        loss = (mixed(w) - 1) ** 2
        alive = weakref.ref(loss.parents[0])
        w.grad = 0.0
        loss.backward()
        w.data -= 0.01 * w.grad
        del loss
        assert alive() is None


def test_a_node_says_of_what_kind_it_is():
    a = Value(2.0)
    assert [a.kind, (a * 3.0).kind, (a * 3.0).operands[1].kind, a.detach().kind] == [
        "leaf",
        "computed",
        "constant",
        "constant",
    ]
    a.kind = "parameter"
    assert a.kind == "parameter"
    a.kind = "leaf"
    assert a.kind == "leaf"
    for node, kind in ((a, "constant"), (a * a, "parameter"), (a.detach(), "leaf")):
        with pytest.raises(ValueError, match="a leaf may become a 'parameter' and back"):
            node.kind = kind


def test_edges_are_the_operands_with_their_local_derivatives():
    a, b = Value(2.0), Value(5.0)
    assert edges(a * b) == ((a, 5.0), (b, 2.0))
    assert edges(a + 1.0)[1][1] is None
    assert edges(a) == ()


def test_a_node_knows_whether_it_has_a_gradient():
    a = Value(2.0)
    product = a * 3.0
    assert not a.has_grad
    product.backward()
    assert a.has_grad
    assert graph.read_grads([a, Value(1.0)]) == [3.0, None]
    graph.write_data([a], [7.0])
    graph.write_grads([a], [None])
    assert graph.read_data([a]) == [7.0]
    assert not a.has_grad
