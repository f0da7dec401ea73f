"""The unrolled operators and methods of Values make the same nodes as `Value.apply`, which says what they mean."""

import random
import struct
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, Value, graph
from autograd.operators import dot_rows
from autograd.scopes import scope_of

OPERATORS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
    "mod": lambda x, y: x % y,
    "floor_divide": lambda x, y: x // y,
}
METHODS = [row for row in PRIMITIVES.values() if row.is_method]
EDGES = [0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -2.5, 1e200, -1e200, 5e-324, float("inf"), float("-inf"), float("nan")]


def leaf(number):
    return Value(number)


def parameter(number):
    made = Value(number)
    made.kind = "parameter"
    return made


def constant(number):
    return Value(number).detach()


def computed(number):
    return Value(number) * 1.0


NODES = [leaf, parameter, constant, computed]
NUMBERS = [float, np.float64]
MODES = {
    "none": None,
    "no_grad": autograd.no_grad,
    "scope": lambda: autograd.scope("a part"),
    "a scope in no_grad": lambda: autograd.no_grad() and autograd.scope("a part"),
}


def bits(number):
    return None if number is None else struct.pack("d", number) if number == number else "nan"


def parts(node):
    """All that there is to know of a node."""
    operands = [(operand.kind, bits(operand.data)) for operand in node.operands]
    local_derivatives = [bits(local) for _, local in graph.edges(node)]
    scope = scope_of(node) and scope_of(node).name
    return node.kind, node.primitive, bits(node.data), node.has_grad, node.label, operands, local_derivatives, scope


def same(made, wanted, operands=()):
    assert parts(made) == parts(wanted)
    if made.operands:
        assert all(one is other for one, other in zip(made.operands, operands) if isinstance(other, Value))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_makes_the_node_that_apply_makes(name, mode):
    operator, row = OPERATORS[name], PRIMITIVES[name]
    kinds = [(one, other) for one in NODES + NUMBERS for other in NODES + NUMBERS if one in NODES or other in NODES]
    enter = MODES[mode] or autograd.collector_paused
    with enter():
        for k, x in enumerate(EDGES):
            for y in EDGES:
                make_x, make_y = kinds[(k + EDGES.index(y)) % len(kinds)] if y == y else kinds[k % len(kinds)]
                operands = make_x(x), make_y(y)
                same(operator(*operands), Value.apply(row, operands), operands)
        for make_x, make_y in kinds:
            operands = make_x(3.0), make_y(0.25)
            same(operator(*operands), Value.apply(row, operands), operands)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", METHODS, ids=lambda row: row.name)
def test_a_method_makes_the_node_that_apply_makes(row, mode):
    enter = MODES[mode] or autograd.collector_paused
    with enter():
        for make in NODES:
            for x in EDGES:
                operands = (make(x), *[0.75] * ((row.arity or 2) - 1))
                same(getattr(operands[0], row.name)(*operands[1:]), Value.apply(row, operands), operands)


def test_an_operation_on_the_same_node_twice_has_two_edges_to_it():
    for name, operator in OPERATORS.items():
        x = Value(1.5)
        made = operator(x, x)
        same(made, Value.apply(PRIMITIVES[name], (x, x)), (x, x))
        assert made.operands == (x, x)


@pytest.mark.parametrize("other", [2, True, Fraction(1, 4), np.float32(0.5), np.int64(3)], ids=str)
def test_numbers_of_other_kinds_become_constants(other):
    x = Value(1.5)
    for name, operator in OPERATORS.items():
        same(operator(x, other), Value.apply(PRIMITIVES[name], (x, other)), (x,))
        same(operator(other, x), Value.apply(PRIMITIVES[name], (other, x)))


@pytest.mark.parametrize("mode", MODES)
def test_dot_rows_makes_the_nodes_that_apply_makes(mode):
    enter = MODES[mode] or autograd.collector_paused
    with enter():
        for first in NODES:
            for second in NODES:
                ys = [first(2.0), second(-3.0), Value(0.5)]
                rows = [[Value(1.0), parameter(4.0), Value(float("inf"))], [Value(0.0), Value(-0.0), computed(2.0)]]
                for made, row in zip(dot_rows(rows, ys), rows):
                    same(made, Value.apply(autograd.PRIMITIVES["dot"], (*row, *ys)), (*row, *ys))


def test_backward_in_place_gives_what_the_chain_rule_gives():
    """`Value.backward` is `graph.propagate` unrolled: the same sums in the same order, to the bit."""
    draw = random.Random(0)
    rows = [row for row in METHODS if row.arity == 1]
    for _ in range(200):
        nodes = [make(draw.uniform(-2, 2)) for make in NODES for _ in range(2)]
        for _ in range(30):
            chosen = draw.choices(nodes, k=6)
            nodes.append(
                draw.choice(
                    [
                        lambda chosen=chosen: draw.choice([*OPERATORS.values()])(chosen[0], chosen[1]),
                        lambda chosen=chosen: Value.apply(draw.choice(rows), chosen[:1]),
                        lambda chosen=chosen: autograd.dot(chosen[:3], chosen[3:]),
                        lambda chosen=chosen: autograd.where(chosen[0] > chosen[1], chosen[2], chosen[3]),
                    ]
                )()
            )
        root = autograd.sum(nodes)
        order = graph.topological_order(root)
        expected = graph.propagate(order, {root: 1.0})
        root.backward()
        assert [bits(node.grad + 0.0) for node in order] == [bits(expected.get(node, 0.0) + 0.0) for node in order]
