"""The operations in JavaScript, run by Node: every row and whole graphs give the numbers that Values give.

The points of a row are random ones of its domain, its documented singular points, and combinations of zeros,
infinities, nan, huge, tiny and subnormal numbers. At each, the value and every local derivative are those of the table:
null where it says ZERO, nan where it is nan, with the same infinities and the same signs of zeros. Rows of EXACT are
the same to the last bit. The others call functions of which JavaScript has its own: within 32 units in the last place.
(Measured in Node 20 over these points: 2, but 5 for erfc, 7 for logsumexp, 12 for the derivative of gelu, where terms
cancel.)
"""

import functools
import itertools
import json
import math
import operator
import random
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import mpmath
import pytest

import autograd
from autograd import PRIMITIVES, ZERO, Primitive, Value, explorer, floats, graph, select, table
from autograd.graph import topological_order
from autograd.symbolic.javascript import operations, recorded
from autograd.symbolic.notation import JAVASCRIPT
from autograd.value import CONSTANT
from nn import MLP

pytestmark = pytest.mark.sampled(every=2)

ENGINE = Path(explorer.__file__).with_name("page") / "model" / "engine.js"
number = JAVASCRIPT.digits

NODE = shutil.which("node")

HEX = """
const bytes = new DataView(new ArrayBuffer(8));
const hex = (x) => {
  if (x === null) return null;
  if (typeof x !== "number") throw new TypeError(`${typeof x} ${x} is no number`);
  bytes.setFloat64(0, x);
  return bytes.getBigUint64(0).toString(16).padStart(16, "0");
};
"""


def run(script, result):
    """What an expression of JavaScript gives behind a script, its numbers as strings made by `hex`."""
    if NODE is None:
        pytest.skip("NOT TESTED in JavaScript, Node is missing: apt-get install nodejs, or from https://nodejs.org")
    program = f"{HEX}\n{script}\nprocess.stdout.write(JSON.stringify({result}));"
    done = subprocess.run(
        [NODE, "--input-type=module", "-"], input=program, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[:2000]
    return json.loads(done.stdout)


def unhex(text):
    return None if text is None else struct.unpack(">d", bytes.fromhex(text))[0]


def hexed(x):
    """A float as JavaScript's `hex` writes it; every nan as the same one."""
    return None if x is None else struct.pack(">d", math.nan if x != x else x).hex()


def one_nan(text):
    return hexed(unhex(text))


@pytest.fixture(scope="module", autouse=True)
def _plain_sums():
    """From 3.12 on Python's own sum keeps what rounding loses; JavaScript adds."""

    def added_one_by_one(numbers, start=0):
        for x in numbers:
            start = start + x
        return start

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floats, "add_up", added_one_by_one)
        yield


# ---------------------------------------------------------------------------------------------------------------------
# Rows
# ---------------------------------------------------------------------------------------------------------------------

SPECIAL = (
    *(0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, 7.5, 1e-5, 27.0, -27.0, 1000.0, -1000.0, 1e16),
    *(math.inf, -math.inf, math.nan, 1e308, -1e308, 1e200, 1e-160, 1e-310, -1e-310, 5e-324, -5e-324),
)

ROWS = dict(PRIMITIVES)
CASES = [
    (row, count)
    for row in ROWS.values()
    for count in ([row.arity] if row.arity else (2, 4, 6) if row.name == "dot" else (1, 2, 3, 5))
]
"""Every row with a number of operands; those that take any number with several."""

EXACT = (
    *("identity", "add", "sub", "mul", "div", "neg", "mod", "floor_divide"),
    *("less", "less_equal", "greater", "greater_equal", "equal"),
    *("not_equal", "where", "maximum", "minimum", "clip", "abs", "sign", "floor", "ceil", "sqrt", "relu", "leaky_relu"),
    *("sum", "dot", "max", "min"),
)


def points_of(row, count):
    draw = random.Random(row.name)
    domain = row.domain if row.arity else row.domain[:1] * count
    points = [[draw.uniform(*interval) for interval in domain] for _ in range(200)]
    points += [list(point) for point, _, _ in row.singular if len(point) == count]
    if count <= 2:
        return points + [list(point) for point in itertools.product(SPECIAL, repeat=count)]
    return points + [[draw.choice(SPECIAL) for _ in range(count)] for _ in range(600)]


def calls(written, uses_and_points):
    """The script that makes calls of operations: `[key, operands, result]` each."""
    lines = [
        f"[{json.dumps(written.keys[row, len(point)])}, [{', '.join(map(number, point))}], {number(row(*point))}]"
        for row, point in uses_and_points
    ]
    return f"const operations = {written.script};\nconst calls = [\n" + ",\n".join(lines) + "];"


CALLED = """calls.map(([key, x, out]) => {
  const { forward, backward } = operations[key];
  return [hex(forward(x)), backward(out, x).map(hex)];
})"""


@pytest.fixture(scope="module")
def in_javascript():
    """For every row and number of operands: point, value and local derivatives in JavaScript, at all its points."""
    at = [(row, point) for row, count in CASES for point in points_of(row, count)]
    found = {case: [] for case in CASES}
    for (row, point), (value, derivatives) in zip(at, run(calls(operations(CASES), at), CALLED)):
        found[row, len(point)].append((point, unhex(value), [unhex(d) for d in derivatives]))
    return found


def units_off(ours, theirs):
    """How many units in the last place; inf where nan, an infinity or the sign of a zero differ."""
    if ours != ours or theirs != theirs:
        return 0.0 if ours != ours and theirs != theirs else math.inf
    if ours == theirs:
        return 0.0 if math.copysign(1.0, ours) == math.copysign(1.0, theirs) else math.inf
    return abs(ours - theirs) / math.ulp(theirs)


IN_NODE = CASES if NODE else CASES[:1]  # without it one says so for all


@pytest.mark.parametrize(("row", "count"), IN_NODE, ids=[f"{row.name}-{count}" for row, count in IN_NODE])
def test_row_is_that_of_the_table(row, count, in_javascript):
    allowed = 0 if row.name in EXACT else 32
    assert len(in_javascript[row, count]) > 200
    for point, value, derivatives in in_javascript[row, count]:
        out = row(*point)
        assert units_off(value, out) <= allowed, (point, value, out)
        wanted = row.local_derivatives(out, point)
        assert len(derivatives) == count
        for ours, theirs in zip(derivatives, wanted):
            assert (ours is None) == (theirs is ZERO), (point, derivatives, wanted)
            assert ours is None or units_off(ours, theirs) <= allowed, (point, derivatives, wanted)


def test_every_row_of_the_table_is_written():
    written = operations(CASES)
    assert written.unknown == set()
    assert set(written.keys) == set(CASES)
    assert len(set(written.keys.values())) == len(CASES)


def test_error_functions_are_exact_to_14_digits():
    draw = random.Random(0)
    at = [(table.erf, [draw.uniform(-7, 7)]) for _ in range(1000)]
    at += [(table.erfc, [draw.uniform(-7, 26)]) for _ in range(1000)]
    at += [(row, [x]) for row in (table.erf, table.erfc) for x in (1.0, 1 - 2**-53, -1.0, 1e-300, 5e-324)]
    found = run(calls(operations([(table.erf, 1), (table.erfc, 1)]), at), CALLED)
    with mpmath.workdps(50):
        for (row, (x,)), (value, _) in zip(at, found):
            exact = getattr(mpmath, row.name)(x)
            digits = 3e-15 if row is table.erfc else 5e-16
            assert abs(unhex(value) - exact) <= max(digits * abs(exact), 5e-324), (row, x)


def test_numbers_arrive_as_they_are():
    draw = random.Random(0)
    numbers = [*SPECIAL, 0.1, 1e21, 1e22, 123456789.0, 2.0**53 + 2, sys.float_info.max, sys.float_info.min]
    numbers += [struct.unpack(">d", draw.randbytes(8))[0] for _ in range(1000)]
    got = run(f"const numbers = [{', '.join(map(number, numbers))}];", "numbers.map(hex)")
    assert list(map(one_nan, got)) == list(map(hexed, numbers))


def test_a_number_of_another_kind():
    assert number(3) == "3"
    assert number(True) == "1"


# ---------------------------------------------------------------------------------------------------------------------
# What is written
# ---------------------------------------------------------------------------------------------------------------------


def test_only_what_is_asked_for_is_written():
    assert "pow" not in operations([(table.tanh, 1)]).script
    assert "erf" not in operations([(table.pow, 2)]).script
    assert operations([(table.tanh, 1)] * 2).script.count("tanh: ") == 1
    assert run(f"const operations = {operations([]).script};", "Object.keys(operations)") == []


def test_the_whole_table_is_small():
    """Of a page of 300 nodes, which has 150 KB."""
    script = operations(CASES).script
    assert len(script) < 15_000
    assert max(map(len, script.splitlines())) < 250


def test_what_is_written_does_not_depend_on_the_order():
    assert operations(CASES).script == operations(CASES[::-1]).script


def test_what_is_written_can_stand_in_a_page():
    assert not re.search(r"</|<!--|-->|\]\]>", operations(CASES).script + ENGINE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("any_number", [False, True])
def test_names_that_mean_something_in_javascript(any_number):
    names = ["__proto__", "constructor", "toString", "null", "undefined", "function", "let", "x", "t1", "größe", "Ψ"]
    at = []
    for k, name in enumerate(names):
        forward, slope = functools.partial(operator.mul, float(k)), float(k)
        row = Primitive(name, forward, (lambda out, x, slope=slope: [slope]) if any_number else (slope,))
        at.append((row, [2.0]))
    written = operations([(row, 1) for row, _ in at])
    found = run(calls(written, at), CALLED)
    assert [[unhex(value), *map(unhex, derivatives)] for value, derivatives in found] == [
        [2.0 * k, k] for k in range(len(names))
    ]
    assert written.script.isascii()
    assert_as_backward([row(Value(2.0)) * 1.0 for row, _ in at])  # a leaf has no operation, whatever rows are called


def test_rows_of_the_same_name():
    """A notebook cell that makes a row runs twice; the graph has nodes of both rows."""
    first = Primitive("again", lambda x: x * 2.0, (2.0,))
    second = Primitive("again", lambda x: x * 3.0, (3.0,))
    written = operations([(second, 1), (first, 1), (table.mul, 2)])
    assert len(set(written.keys.values())) == 3
    assert_as_backward([first(Value(2.0)) * second(Value(5.0))])


@pytest.mark.parametrize(
    ("forward", "rule"),
    [
        (lambda x: x * x * x, lambda out, x: 3 * x * x),
        (lambda x: x / (1 + abs(x)), lambda out, x: 1 / ((1 + abs(x)) * (1 + abs(x)))),
        (lambda x: -((+x) ** 3) % 2 - 1, lambda out, x: -3 * x**2),
        (lambda x: autograd.exp(x).sqrt() if isinstance(x, Value) else autograd.exp(0.5 * x), lambda out, x: 0.5 * out),
        (lambda x: select(x > 0, x, 0.5 * x), lambda out, x: select(x > 0, 1.0, 0.5)),
        (lambda x: (x > 0) * x, lambda out, x: select(x > 1, ZERO, select(x > 0, 1.0, ZERO))),
        (lambda x: select(x > 0, x > 1, x < -1) + 0.0, lambda out, x: select(x != 0, select(x > 1, 3.0, 1.0), ZERO)),
        (lambda x: select(select(x > 0, x, 0.0), 1.0, x), lambda out, x: select(x > 0, ZERO, select(x < 1, ZERO, x))),
        (lambda x: (x > 0) == (x < 1), lambda out, x: select(x != 0, ZERO, select(x < 1, x > 0, x < 2))),
        (
            lambda x: operator.neg(-(x * 3.0)) - (-x - (x - 1.0)),
            lambda out, x: -(-2.0 - x * (x * 2.0)) / (x / (x / 3.0)),
        ),
        (lambda x: x, lambda out, x: 2 * select(x > 0, 1.0, ZERO)),
        (lambda x: x, lambda out, x: select(x > 0, x, ZERO) * out + 3.0),
        (lambda x: 2.0, lambda out, x: x),
        (lambda x: x, 1.0),
        (lambda x: x, ZERO),
        (autograd.gelu, lambda out, x: ROWS["logsumexp"](x, out) * autograd.maximum(x, autograd.mod(out, 3.0))),
    ],
)
def test_a_row_of_a_users_own(forward, rule):
    """Written from its functions on symbols; held against the same functions on floats."""

    def on_floats(x):
        return float(forward(x))

    row = Primitive("ours", lambda x: on_floats(x) if isinstance(x, float) else forward(x), partials=(rule,))
    points = [(row, [x]) for x in (-3.0, -1.0, -0.5, -0.0, 0.0, 0.25, 1.0, 1.5, 40.0, math.inf, math.nan)]
    written = operations([(row, 1)])
    for (_, point), (value, (derivative,)) in zip(points, run(calls(written, points), CALLED)):
        out = row(*point)
        (wanted,) = row.local_derivatives(out, point)
        assert units_off(unhex(value), out) <= 4, point
        assert (derivative is None) == (wanted is ZERO), point
        assert derivative is None or units_off(unhex(derivative), float(wanted)) <= 4, (
            point,
            unhex(derivative),
            wanted,
        )


@pytest.mark.parametrize(
    ("forward", "rule"),
    [
        (lambda x: math.lgamma(x), 1.0),
        (lambda x: x if x > 0 else 0.0, 1.0),
        (lambda x: max(x, 0.0), 1.0),
        (lambda x: x.is_integer(), 1.0),
        (lambda x: [x], 1.0),
        (lambda x: None, 1.0),
        (lambda x: "3", 1.0),
        (lambda x: 1 / 0, 1.0),
        (lambda x: {}[x], 1.0),
        (lambda x: x, lambda out, x: math.exp(x)),
        (lambda x: x, lambda out, x: ZERO if x > 0 else 1.0),
        (lambda x: x, lambda out, x: (1.0, 2.0)),
        (lambda x: x, lambda out: 1.0),
    ],
)
def test_a_row_whose_functions_need_numbers_is_unknown(forward, rule):
    row = Primitive("ours", forward, partials=(rule,))
    written = operations([(row, 1), (table.tanh, 1)])
    assert written.unknown == {"ours"}
    assert written.keys == {(table.tanh, 1): "tanh"}
    assert written.script == operations([(table.tanh, 1)]).script


@pytest.mark.parametrize("wrong", [table.tanh, "tanh", (table.tanh,), ("tanh", 1), (table.tanh, "1")])
def test_what_is_no_use_of_a_row(wrong):
    with pytest.raises(TypeError, match=r"wants pairs of a row and its number of operands, got .*: write \[\(node"):
        operations([wrong])


def test_number_of_operands_that_a_row_does_not_take():
    with pytest.raises(TypeError, match=r"^the number of operands of tanh is 1, got 2$"):
        operations([(table.tanh, 2)])
    with pytest.raises(TypeError, match=r"^the number of operands of sum is any number from 1 on, got 0$"):
        operations([(table.sum, 0)])


def test_thousands_of_operands():
    draw = random.Random(0)
    xs = [draw.uniform(-1, 1) for _ in range(2_000)]
    at = [(ROWS[name], xs) for name in ("sum", "dot", "max", "min", "logsumexp", "hypot")]
    found = run(calls(operations([(row, 2000) for row, _ in at]), at), CALLED)
    for (row, _), (value, derivatives) in zip(at, found):
        out = row(*xs)
        assert unhex(value) == pytest.approx(out, rel=1e-13)
        assert [unhex(d) for d in derivatives] == pytest.approx(list(row.local_derivatives(out, xs)), rel=1e-13)


def test_neither_numpy_nor_llvmlite_is_needed():
    program = (
        "import sys; sys.modules['numpy'] = sys.modules['llvmlite'] = None\n"
        "from autograd.primitive import PRIMITIVES\n"
        "from autograd.symbolic.javascript import operations\n"
        "assert not operations([(row, row.arity or 2) for row in PRIMITIVES.values()]).unknown\n"
        "assert 'graphviz' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# ---------------------------------------------------------------------------------------------------------------------
# Graphs: engine.js against Value.backward()
# ---------------------------------------------------------------------------------------------------------------------


def written_graph(root, keys):
    """The graph of `root` as engine.js wants it."""
    order = topological_order(root)
    index = {node: k for k, node in enumerate(order)}
    nodes = []
    for node in order:
        key = keys.get((node.primitive, len(node.parents)))
        parts = [
            f"op: {json.dumps(key)}",
            f"operands: [{', '.join(str(index[parent]) for parent in node.parents)}]",
            f"data: {number(node.data)}",
            f"kind: {json.dumps('constant' if node._primitive is CONSTANT else 'other')}",
        ]
        if node.primitive and key is None:
            numbers = ["null" if local is None else number(local) for local in recorded(node)]
            parts += [f"locals: [{', '.join(numbers)}]", f"cuts: {json.dumps(node.primitive.cuts)}"]
        nodes.append("{" + ", ".join(parts) + "}")
    return f"{{ root: {index[root]}, nodes: [{', '.join(nodes)}] }}"


def graphs_script(roots, seed=1.0, edits="{}"):
    uses = [(n.primitive, len(n.parents)) for root in roots for n in topological_order(root) if n.primitive]
    written = operations(uses)
    graphs = ",\n".join(written_graph(root, written.keys) for root in roots)
    return (
        f"import {{ contributions, forward, gradients }} from {json.dumps(ENGINE.as_uri())};\n"
        f"const operations = {written.script};\nconst graphs = [{graphs}];\n"
        f"const seed = {number(seed)}; const edits = {edits};"
    )


PASSES = """graphs.map((graph) => {
  const before = JSON.stringify(graph);
  const data = forward(graph, operations, edits);
  const steps = contributions(graph, operations, data, seed);
  const found = gradients(graph, steps, seed);
  if (JSON.stringify(graph) !== before) throw new Error("the graph was changed");
  const numbers = ["upstream", "local", "contribution", "before", "after"];
  for (const step of steps) for (const name of numbers) step[name] = hex(step[name]);
  return { data: data.map(hex), gradients: found.map(hex), steps };
})"""


def steps_of_backward(order, seed):
    """What backward() does, from the local derivatives that the Values have recorded."""
    index = {node: k for k, node in enumerate(order)}
    reached = {order[-1]: seed}
    steps = []
    counts = dict.fromkeys(order, 0)
    for node in reversed(order):
        for position, (operand, local) in enumerate(graph.edges(node)):
            if node not in reached or local is None:
                continue
            contribution = reached[node] * local
            before = reached.get(operand)
            reached[operand] = contribution if before is None else before + contribution
            counts[operand] += 1
            steps.append(
                {
                    "result": index[node],
                    "position": position,
                    "operand": index[operand],
                    "upstream": hexed(reached[node]),
                    "local": None if local is ZERO else hexed(local),
                    "contribution": hexed(contribution),
                    "before": hexed(0.0 if before is None else before),
                    "after": hexed(reached[operand]),
                    "index": counts[operand],
                }
            )
    return [{**step, "of": counts[order[step["operand"]]]} for step in steps]


def is_constant(node):
    return not node.is_leaf or node._primitive is CONSTANT


def assert_as_backward(roots, seed=1.0):
    """Data, every step and every gradient are those of Values, to the bit."""
    roots = [root for root in roots if not all(map(is_constant, topological_order(root)))]
    for root, found in zip(roots, run(graphs_script(roots, seed), PASSES)):
        order = topological_order(root)
        root.zero_grad()
        root.backward(seed)
        assert list(map(one_nan, found["data"])) == [hexed(node.data) for node in order]
        assert list(map(one_nan, found["gradients"])) == [hexed(node.grad) for node in order]
        steps = [{k: one_nan(v) if isinstance(v, str) else v for k, v in step.items()} for step in found["steps"]]
        assert steps == steps_of_backward(order, seed)


def random_graph(seed, own_rows=()):
    """The last node of a graph of rows that are exact: nodes used again, twice by one node, constants, cut edges."""
    draw = random.Random(seed)
    special = draw.random() < 0.5
    numbers = [0.0, -0.0, 1.0, 2.0, -3.0, math.inf, -math.inf, math.nan, 1e300, 1e-300]
    nodes = [Value(draw.choice(numbers) if special else draw.uniform(-3, 3)) for _ in range(draw.randint(1, 5))]
    rows = [*map(ROWS.get, EXACT), *own_rows]
    for _ in range(draw.randint(1, 25)):
        row = draw.choice(rows)
        count = row.arity or (2 * draw.randint(1, 3) if row.name == "dot" else draw.randint(1, 5))
        operands = [
            draw.choice(numbers if special else [-1.5, 0.5, 2.0]) if draw.random() < 0.15 else draw.choice(nodes[-8:])
            for _ in range(count)
        ]
        node = row(*operands)
        nodes.append(node if isinstance(node, Value) else Value(node))
        if draw.random() < 0.05:
            nodes.append(nodes[-1].detach())
    return nodes[-1]


def test_random_graphs_are_those_of_values_to_the_bit():
    roots = [random_graph(seed) for seed in range(400)]
    sizes = [len(topological_order(root)) for root in roots]
    assert max(sizes) > 20
    assert_as_backward(roots)


def test_random_graphs_with_rows_that_cannot_be_written():
    """Their recorded numbers are replayed."""
    own = [
        Primitive("ours", lambda x: x * 2.0 if x > 0 else 3.0, (lambda out, x: 2.0 if x > 0 else ZERO,)),
        Primitive("ours_cuts", lambda x: abs(float(x)), (lambda out, x: 1.0 if x > 0 else ZERO,), cuts=True),
    ]
    roots = [random_graph(seed, own * 8) for seed in range(200)]
    assert operations([(row, 1) for row in own]).unknown == {"ours", "ours_cuts"}
    assert sum(node.primitive in own for root in roots for node in topological_order(root)) > 100
    assert_as_backward(roots)


@pytest.mark.parametrize("seed", [2.5, -0.0, 0.0, math.inf, math.nan])
def test_gradient_of_the_root(seed):
    assert_as_backward([random_graph(k) for k in range(20)], seed)


def test_small_graphs():
    a, b = Value(2.0), Value(-3.0)
    zero = Value(0.0)
    assert_as_backward(
        [
            Value(3.0),
            a + a,
            a * a * a,
            autograd.dot([a, b, a], [b, a, a]),
            a * 2.0 + 1.0,
            autograd.where(zero > 0, autograd.log(zero), zero * 2.0),
            autograd.where(zero.sqrt() > 0.0, zero.sqrt(), 1.0),
            zero.sqrt().relu() + zero,
            autograd.relu(-a).sqrt(),
            -(a - a),
        ]
    )


def test_a_chain_of_many_nodes():
    x = node = Value(1.0)
    for _ in range(5_000):
        node = node + x
    assert_as_backward([node])


@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus", "sigmoid"])
def test_the_loss_of_a_network(activation):
    model = MLP(3, [5, 4, 3], activation=activation, rng=0)
    logits = model([0.5, -1.0, 2.0])
    loss = autograd.logsumexp(logits) - logits[1]
    loss.backward()
    (found,) = run(graphs_script([loss]), PASSES)
    order = topological_order(loss)
    assert [unhex(x) for x in found["data"]] == pytest.approx([node.data for node in order], rel=1e-12, abs=1e-15)
    assert [unhex(x) for x in found["gradients"]] == pytest.approx([node.grad for node in order], rel=1e-12, abs=1e-15)


def test_edited_leaves():
    def loss(x, y, bias):
        return autograd.maximum(x * y, bias) * x - y / bias

    before = loss(Value(2.0), Value(-3.0), Value(0.5))
    after = loss(Value(2.0), Value(4.0), Value(-1.5))
    changed = {
        k: new.data
        for k, (old, new) in enumerate(zip(topological_order(before), topological_order(after)))
        if new.is_leaf
    }
    edits = "{" + ", ".join(f"{k}: {number(x)}" for k, x in changed.items()) + "}"
    (found,) = run(graphs_script([before], edits=edits), PASSES)
    after.backward()
    assert [unhex(x) for x in found["data"]] == [node.data for node in topological_order(after)]
    assert [unhex(x) for x in found["gradients"]] == [node.grad for node in topological_order(after)]


def test_gradients_after_the_first_steps():
    """What the page shows in the middle of the backward pass."""
    a = Value(3.0)
    script = graphs_script([a * a + a])
    states = run(
        script,
        """(() => {
          const steps = contributions(graphs[0], operations, forward(graphs[0], operations));
          return [0, 1, 2, 3, 4].map((k) => gradients(graphs[0], steps.slice(0, k)));
        })()""",
    )
    assert states == [[0, 0, 1], [0, 1, 1], [1, 1, 1], [4, 1, 1], [7, 1, 1]]
