"""Paths: their number, the sum of their products, what two of them share, in graphs of any depth."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd
from autograd import Path, Value, between, graph, number_of_paths, paths, shared_nodes
from autograd.graph import topological_order
from autograd.value import constant
from nn import MLP

DEEP = 3 * 10**4
DAGS = st.lists(st.lists(st.integers(0, 10**6), min_size=1, max_size=3), min_size=1, max_size=9)
"""For each node after the leaves the operands, to be taken modulo the number of nodes so far."""


def nodes_of(dag):
    """Two leaves, a constant, and nodes of one to three operands, some behind edges that are cut or closed."""
    nodes = [Value(0.5), Value(-1.5), constant(2.0)]
    for k, picks in enumerate(dag):
        operands = [nodes[pick % len(nodes)] for pick in picks]
        if len(operands) == 1:
            nodes.append(autograd.relu(*operands) if k % 3 == 0 else autograd.tanh(*operands))
        elif len(operands) == 2:
            nodes.append(operands[0] * operands[1] if k % 2 else autograd.maximum(*operands))
        else:
            nodes.append(autograd.where(*operands) if k % 2 else autograd.sum(operands))
    return nodes


def enumerated(leaf, node):
    """All paths, found by recursion, as lists of (result, position) from the root down."""
    if node is leaf:
        return [[]]
    return [
        [(node, position), *rest]
        for position, (operand, local) in enumerate(graph.edges(node))
        if local is not None
        for rest in enumerated(leaf, operand)
    ]


def same(nodes, others):
    """Whether these are the same nodes in the same order; == would compare their numbers."""
    return list(map(id, nodes)) == list(map(id, others))


# --- The paths -------------------------------------------------------------------------------------------------------


@given(DAGS, st.integers(0, 10**6))
def test_all_paths_each_once_and_they_are_counted(dag, pick):
    nodes = nodes_of(dag)
    root, leaf = nodes[-1], nodes[pick % 2]
    found = paths(leaf, root)
    expected = enumerated(leaf, root)
    assert len(found) == len(expected)
    for path, edges in zip(found, expected):
        assert same(path.nodes, [leaf, *[node for node, _ in reversed(edges)]])
        assert list(path.positions) == [position for _, position in reversed(edges)]
    assert number_of_paths(leaf, root) == len(expected)
    for path in found:
        for operand, result, position, local in zip(path.nodes, path.nodes[1:], path.positions, path.local_derivatives):
            assert result.parents[position] is operand
            assert result.local_derivatives[position] == local


@given(DAGS, st.integers(0, 10**6))
def test_the_products_add_up_to_the_gradient(dag, pick):
    nodes = nodes_of(dag)
    root = nodes[-1]
    reached = [node for node in topological_order(root) if node is not nodes[2]]
    assume(not set(nodes[:2]).isdisjoint(reached))  # backward() to constants alone is an error
    leaf = reached[pick % len(reached)]
    root.backward()
    products = [path.product for path in paths(leaf, root)]
    assert math.isclose(math.fsum(products), leaf.grad, rel_tol=1e-12, abs_tol=1e-12 * math.fsum(map(abs, products)))


def test_an_operand_that_is_used_twice_gives_two_paths():
    a = Value(3.0, label="a")
    b = a * a
    assert [path.positions for path in paths(a, b + a)] == [(0, 0), (1, 0), (1,)]
    assert [path.product for path in paths(a, b + a)] == [3.0, 3.0, 1.0]
    assert repr(paths(a, b)[0]) == "Path(a -> C, positions=(0,), product=3.0)"


def test_no_two_paths_of_a_root_have_the_same_text():
    x = Value(1.0, label="x")
    node = x
    for _ in range(10):
        node = node + node
    found = paths(x, node, limit=2**10)
    assert len({str(path) for path in found}) == len(found) == 2**10
    assert str(found[1]) == (
        "Path(x -> v1 -> v2 -> v3 -> ... -> v7 -> v8 -> v9 -> C, positions=(1, 9 × 0), product=1.0)"
    )
    chain = x
    for _ in range(DEEP):
        chain = chain + 1.0
    assert str(paths(x, chain)[0]).endswith(f"positions=({DEEP} × 0), product=1.0)")


def test_from_a_node_to_itself():
    a = Value(3.0)
    (path,) = paths(a, a)
    assert same(path.nodes, [a])
    assert (path.positions, path.product) == ((), 1.0)
    assert number_of_paths(a, a) == 1
    assert same(between(a, a), [a])


def test_paths_may_begin_at_a_computed_node():
    x = Value(2.0)
    z = x * 3
    root = z * x
    assert [path.product for path in paths(z, root)] == [2.0]
    assert same(between(z, root), [z, root])


def test_there_are_none_where_nothing_flows():
    x, y = Value(2.0), Value(3.0)
    constant = (x * y).detach()
    assert paths(x, y) == []
    assert number_of_paths(x, constant * y) == 0
    assert paths(constant, constant * y) == []  # no derivative is recorded for a constant
    assert paths(y, autograd.where(1.0, x, y)) == []  # nor for the branch not taken
    assert paths(x, autograd.greater(x, y)) == []
    assert between(y, autograd.where(1.0, x, y)) == []


def test_a_closed_edge_stops_even_infinity():
    x = Value(0.0)
    path, open_path = paths(x, 1 / x.relu() + 1 / x)
    assert path.local_derivatives == (0.0, -math.inf, 1.0)
    assert path.product == 0.0
    assert open_path.product == -math.inf


def test_gradients_are_left_alone():
    a = Value(2.0)
    b = a * a
    a.grad = 7.0
    paths(a, b), number_of_paths(a, b), between(a, b), shared_nodes(b, a, a)
    assert (a.grad, b._grad) == (7.0, None)


# --- How many --------------------------------------------------------------------------------------------------------


def doubled(times, x):
    for _ in range(times):
        x = x + x
    return x


def test_more_than_the_limit_are_refused_with_their_number():
    x = Value(1.0, label="x")
    assert len(paths(x, doubled(5, x), limit=32)) == 32
    with pytest.raises(ValueError, match=r"there are 32 paths from .*'x'.* more than limit=31.*backward\(\)"):
        paths(x, doubled(5, x), limit=31)
    with pytest.raises(ValueError, match="there are 1,267,650,600,228,229,401,496,703,205,376 paths"):
        paths(x, doubled(100, x))


def test_their_number_is_exact_however_many_there_are():
    x = Value(0.0)
    root = doubled(10_000, x * 1.0)
    assert number_of_paths(x, root + x) == 2**10_000 + 1
    with pytest.raises(ValueError, match=r"about 1.995e3010 paths"):
        paths(x, root)


def test_a_network_has_a_path_for_each_choice_of_neurons():
    model = MLP(2, [3, 4, 5, 1], activation="tanh", rng=0)
    out = model([1.0, -1.0])
    assert number_of_paths(model.layers[0].neurons[1].w[0], out) == 4 * 5
    assert number_of_paths(model.layers[2].neurons[1].w[0], out) == 1


def test_deep_graphs():
    x = Value(1.0)
    node = x
    for _ in range(DEEP):
        node = node * 1.0
    (path,) = paths(x, node)
    assert len(path.nodes) == DEEP + 1
    assert len(repr(path)) < 200
    assert same(between(x, node), path.nodes)
    assert same(shared_nodes(node, x, node), [node])


# --- What lies between, and what is shared ---------------------------------------------------------------------------


@given(DAGS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_between_and_shared_are_the_nodes_on_paths(dag, pick, other):
    nodes = nodes_of(dag)
    root = nodes[-1]

    def on_paths(leaf):
        return (
            {leaf, *[node for path in enumerated(leaf, root) for node, _ in path]} if enumerated(leaf, root) else set()
        )

    order = topological_order(root)
    first, second = order[pick % len(order)], order[other % len(order)]
    both = on_paths(first) & on_paths(second)
    assert same(between(first, root), [node for node in order if node in on_paths(first)])
    assert same(shared_nodes(root, first, second), [node for node in order if node in both])


def test_what_two_weights_of_a_network_share():
    """The lecture's network of three layers: W12 of the second layer and W23 of the first."""
    model = MLP(3, [2, 2, 1], activation="sigmoid", output="sigmoid", rng=0)
    passed = model.forward([0.1, 0.2, 0.3])
    cost = (passed.output - 1.0) ** 2
    w12, w23 = model.layers[1].neurons[0].w[1], model.layers[0].neurons[1].w[2]
    shared = shared_nodes(cost, w12, w23)
    ((z1, _), (a1, _), (z3,), (a3,)) = passed.z[1], passed.a[1], passed.z[2], passed.a[2]
    assert set(shared) == {z1, a1, z3, a3, cost.parents[0], cost}
    on_the_way = set(between(w23, cost))
    assert {passed.z[0][1], passed.a[0][1], passed.z[1][1], passed.a[1][1]} <= on_the_way
    assert passed.z[0][0] not in on_the_way


def test_behind_what_is_shared_only_the_first_steps_differ():
    w, x, b = Value(0.5), Value(2.0), Value(-1.0)
    z = w * x + b
    cost = (z.tanh() - 1.0) ** 2
    cost.backward()
    assert same(shared_nodes(cost, w, b), between(z, cost))
    (from_w,), (from_b,) = paths(w, z), paths(b, z)
    assert (w.grad, b.grad) == (z.grad * from_w.product, z.grad * from_b.product)


# --- Errors ----------------------------------------------------------------------------------------------------------


def test_errors_name_what_was_got():
    a = Value(2.0)
    b = a * a
    with pytest.raises(TypeError, match=r"paths: root is a Value, .*got list"):
        paths(a, [b])
    with pytest.raises(TypeError, match=r"number_of_paths: leaf is a Value, .*got float 2.0"):
        number_of_paths(2.0, b)
    with pytest.raises(TypeError, match=r"between: leaf is a Value, .*got NoneType"):
        between(None, b)
    with pytest.raises(TypeError, match=r"shared_nodes: second is a Value, .*got str 'a'"):
        shared_nodes(b, a, "a")
    with pytest.raises(TypeError, match=r"limit is an integer, got float 1000\.0: write limit=1000"):
        paths(a, b, limit=1000.0)
    with pytest.raises(TypeError, match="limit is an integer, got bool True"):
        paths(a, b, limit=True)
    with pytest.raises(ValueError, match="limit is at least 0, got -1"):
        paths(a, b, limit=-1)


@pytest.mark.parametrize("function", [paths, between, number_of_paths])
def test_the_wrong_way_round_is_an_error(function):
    a = Value(2.0)
    b = a * a
    with pytest.raises(ValueError, match="the other way round"):
        function(b, a)


def test_a_path_has_to_be_one():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    assert Path([b, c], [1]).product == 2.0
    with pytest.raises(ValueError, match="is not operand 0 of"):
        Path([b, c], [0])
    with pytest.raises(ValueError, match="is not operand 2 of"):
        Path([b, c], [2])
    with pytest.raises(ValueError, match="is not operand 0 of"):
        Path([a, autograd.where(0.0, a, b)], [0])
    with pytest.raises(ValueError, match="a position for each step: 1"):
        Path([b, c], [])


def test_not_while_a_function_is_recorded():
    def f(x):
        return paths(x, x * x)[0].product * x

    with pytest.raises(autograd.CompileError, match="paths"):
        autograd.compile(f)(2.0)
