"""The chain rule written out: what it says is what the engine computes, and can be shown whatever the labels are."""

import math
import operator
import random
import re
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Explanation, Value, explain, number_of_paths
from autograd.graph import topological_order
from autograd.names import name_of, names_of
from autograd.symbolic.notation import Name
from autograd.value import constant
from nn import MLP, Layer, Neuron, losses

DEEP = 10**4


def classic():
    """C = (a - y)^2 with a = sigmoid(z), z = w x + b."""
    w, x, b, y = Value(0.5, "w"), Value(2.0, "x"), Value(-1.0, "b"), Value(1.0, "y")
    z = w * x + b
    a = z.sigmoid()
    cost = (a - y) ** 2
    z.label, a.label, cost.label = "z", "a", "C"
    return cost, w


def shown(text):
    return textwrap.dedent(text).strip("\n")


def test_old_data_is_said():
    cost, w = classic()
    assert "Old data" not in explain(cost, w).text
    w.data = 0.25
    line = "Old data: C, v2, a and 2 more nodes are not what the leaves give now, as after an optimizer step."
    for limit in (0, 30):
        lines = explain(cost, w, limit).text.splitlines()
        assert lines[-2] == f"{line} Run the forward pass again."
        assert lines[-1].startswith("backward() has not run")
    x = Value(2.0, "x")
    y = x.exp()
    x.data = 1.0
    assert "Old data: C is not what the leaves give now" in explain(y, x).text


# --- What is written out ---------------------------------------------------------------------------------------------


def test_a_product_of_factors():
    cost, w = classic()
    cost.backward()
    assert str(explain(cost, w)) == shown(
        """
        dC/dw: 1 path from w to C.

        dC/dw = ∂C/∂v2 · ∂v2/∂a · ∂a/∂z · ∂z/∂v1 · ∂v1/∂w
              = 2·v2 · 1 · a·(1 - a) · 1 · x
              = -1 · 1 · 0.25 · 1 · 2
              = -0.5

        The factors, each the local derivative of one operation by one of its operands:
          C  = v2²          ∂C/∂v2 = 2·v2      = -1
          v2 = a - y        ∂v2/∂a = 1
          a  = sigmoid(z)   ∂a/∂z  = a·(1 - a) = 0.25
          z  = v1 + b       ∂z/∂v1 = 1
          v1 = w·x          ∂v1/∂w = x         = 2
          with v2 = -0.5, a = 0.5, x = 2
        backward() agrees: w.grad = -0.5.
        """
    )


def test_a_sum_where_paths_join():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    assert str(explain(a * b + a, a)) == shown(
        """
        dC/da: 2 paths from a to C.

        dC/da = ∂C/∂v1 · ∂v1/∂a + ∂C/∂a
              = 1 · b + 1
              = 1 · (-3) + 1
              = -3 + 1
              = -2

        The factors, each the local derivative of one operation by one of its operands:
          C  = v1 + a   ∂C/∂v1 = 1
          v1 = a·b      ∂v1/∂a = b = -3
          C  = v1 + a   ∂C/∂a  = 1
          with b = -3
        backward() has not run from C yet: a.grad = 0.
        """
    )


def test_both_edges_of_a_node_used_twice():
    a = Value(3.0, "a")
    explanation = explain(a * a, a)
    assert "dC/da = ∂C/∂a|1 + ∂C/∂a|2\n      = a + a\n      = 3 + 3\n      = 6\n" in explanation.text
    assert r"\left.\frac{\partial C}{\partial a}\right|_{1} + \left.\frac" in explanation.latex


def test_latex_says_the_same():
    cost, w = classic()
    latex = explain(cost, w).latex
    product = r" \cdot ".join(
        rf"\frac{{\partial {above}}}{{\partial {below}}}"
        for above, below in [("C", "v_{2}"), ("v_{2}", "a"), ("a", "z"), ("z", "v_{1}"), ("v_{1}", "w")]
    )
    assert rf"\frac{{dC}}{{dw}} &= {product} \\" in latex
    assert r"&= 2 \cdot v_{2} \cdot 1 \cdot a \cdot \left(1 - a\right) \cdot 1 \cdot x \\" in latex
    assert r"a &= \sigma\left(z\right) & \quad \frac{\partial a}{\partial z} &= a \cdot \left(1 - a\right)" in latex


def test_a_network_in_the_notation_of_lecture_notes():
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    weight = model.layers[0].neurons[1].w[0]
    explanation = explain(losses.half_squared_error(model([0.5, -1.0]), 1.0), weight)
    assert explanation.number_of_paths == 1
    assert "· ∂z1[0]/∂a0[1] · ∂a0[1]/∂z0[1]\n              · ∂z0[1]/∂W0[1,0]\n" in explanation.text
    assert "= 0.5 · 1 · 2·v1 · 1 · W1[0,1] · (1 - a0[1]²) · x[0]\n" in explanation.text
    assert re.search(r"a0\[1\] = tanh\(z0\[1\]\) +∂a0\[1\]/∂z0\[1\] += 1 - a0\[1\]² ≈ 0\.79134", explanation.text)
    assert "z0[1] = b0[1] + W0[1,0]·x[0] + W0[1,1]·x[1]     ∂z0[1]/∂W0[1,0] = x[0]       = 0.5" in explanation.text
    assert r"\frac{\partial a^{(0)}_{1}}{\partial z^{(0)}_{1}}" in explanation.latex
    assert r"W^{(1)}_{0,1}" in explanation.latex


def test_why_a_choice_was_made():
    x, y = Value(2.0, "x"), Value(-1.0, "y")
    assert "C = relu(x)   ∂C/∂x = 1    since x > 0" in explain(x.relu(), x).text
    assert "C = relu(y)   ∂C/∂y = 0    since y ≤ 0" in explain(y.relu(), y).text
    assert "∂C/∂x = 1    since x > 0" in explain(autograd.where(autograd.greater(x, 0.0), x, y), x).text
    assert r"\text{since } y \le 0" in explain(y.relu(), y).latex


def test_equal_numbers_are_told_from_rounded_ones():
    x = Value(3.0, "x")
    assert "      = 1/x\n      ≈ 0.333333\n" in explain(x.log(), x).text
    assert "      = 2·x\n      = 6\n" in explain(x**2, x).text


def test_one_value_is_wanted():
    cost, w = classic()
    with pytest.raises(TypeError, match=r"wrt is one Value, got list .*\[explain\(root, v\) for v in values\]"):
        explain(cost, [w])
    with pytest.raises(TypeError, match="root is one Value, got float"):
        explain(1.0, w)
    with pytest.raises(TypeError, match="limit is an integer, got str '30': write limit=30"):
        explain(cost, w, limit="30")
    with pytest.raises(ValueError, match="limit is at least 0"):
        explain(cost, w, limit=-1)
    with pytest.raises(autograd.CompileError, match="explain"):
        autograd.compile(lambda x: x * explain(x, x).derivative)(1.0)


# --- What it is compared with ----------------------------------------------------------------------------------------


def last_line(*arguments):
    return explain(*arguments).text.splitlines()[-1]


def test_the_gradient_is_compared_and_never_changed():
    cost, w = classic()
    order = topological_order(cost)
    w.grad = 7.0
    before = [node._grad for node in order]
    explain(cost, w), explain(cost, w, limit=0)
    assert [node._grad for node in order] == before
    assert last_line(cost, w) == "backward() has not run from C yet: w.grad = 7."
    w.grad = 0.0
    cost.backward()
    assert last_line(cost, w) == "backward() agrees: w.grad = -0.5."
    cost.backward()
    assert last_line(cost, w).startswith("w.grad = -1, not this: a leaf adds up")
    z = next(node for node in order if node.label == "z")
    assert last_line(cost, z) == "backward() agrees: z.grad = -0.25."
    (z * 3).backward()
    assert last_line(cost, z) == "z.grad = 3, not this: that is from the backward() of another root."
    cost.zero_grad()
    assert last_line(cost, w) == "Gradients are set to 0 since backward() ran, if it did: w.grad = 0."
    cost.backward(2.0)
    assert last_line(cost, w) == "backward() agrees: w.grad = -1, which is C.grad times as much."


@pytest.mark.parametrize("limit", [0, 30])
def test_nothing_to_differentiate(limit):
    cost, w = classic()
    other = Value(1.0, "w")
    assert explain(w, w, limit).text == "dw/dw = 1: it is w itself."
    assert explain(w, w, limit).derivative == 1.0
    unconnected = explain(cost, Value(1.0, "q"), limit)
    assert unconnected.text == "dC/dq = 0: C does not depend on q, which is not in its graph."
    assert (unconnected.derivative, unconnected.number_of_paths) == (0.0, 0)
    assert "Another node with the same label is" in explain(cost, other, limit).text
    assert "It is the other way round: C was computed from w." in explain(w, cost, limit).text
    assert "C is a constant: a plain number, detached" in explain(constant(2.0), w, limit).text
    number = constant(2.0)
    assert "is a constant, for which no derivative is recorded" in explain(number * w, number, limit).text


def test_where_nothing_flows_it_says_what_cuts():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    positive = autograd.greater(x, 0.0)
    chosen = autograd.where(positive, y, x * x)
    text = explain(chosen + 1.0, x).text
    assert text.startswith("dC/dx = 0: C was computed from x, but every way between them is cut.")
    assert "v1 = (x > 0): a comparison is 0 or 1, its derivative is 0" in text
    assert "= where((x > 0), y, v2): the other one was chosen" in text
    assert "it only decides" in explain(autograd.where(x, y, 1.0), x).text


def test_nan_and_infinity():
    x = Value(0.0, "x")
    text = explain(x.sqrt() * x.log(), x).text
    assert "∂v1/∂x = 1/(2·v1) = inf" in text
    assert "From C down, the first that is not finite is dC/dv1 = -inf." in text
    closed = explain(1.0 / x.relu(), x)
    assert closed.derivative == 0.0
    assert "Nothing flows along ∂v1/∂x = 0, whatever arrives: not even nan or inf." in closed.text
    zero = explain(1.0 / (x * 0.0), x)  # this 0 is a number like any other
    assert math.isnan(zero.derivative)
    assert "Nothing flows" not in zero.text
    nan = explain(x * Value(math.nan, "y"), x)
    assert math.isnan(nan.derivative)
    assert "= y = nan" in nan.text
    assert r"\mathrm{nan}" in nan.latex


def test_backward_adds_before_it_multiplies():
    x = Value(0.0, "x")
    root = x.sqrt()
    text = explain(root * 2.0 - root, x).text
    assert "= inf - inf" in text or "inf - inf" in text
    assert "backward() adds up before it multiplies: the sum of the products is nan here." in text
    assert explain(root * 2.0 - root, x).derivative == math.inf


def test_numbers_that_changed_after_the_forward_pass_are_not_explained_away():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    product = x * y
    y.data = 100.0
    text = explain(product, x).text
    assert "∂C/∂x = 3\n" in text
    assert "= y" not in text


# --- The recursive form ----------------------------------------------------------------------------------------------


def test_beyond_the_limit_the_recursive_form():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    assert str(explain(a * b + a, a, limit=2)) == shown(
        """
        dC/da: 2 paths from a to C, with 3 factors in all, more than limit=2.
        backward() takes each of 3 edges once, from C down: dC/dx = Σ dC/dy · ∂y/∂x over all y computed directly from x.

        C = v1 + a
          dC/dC = 1
        v1 = a·b
          dC/dv1 = ∂C/∂v1 = 1
        a
          dC/da = dC/dv1 · ∂v1/∂a + ∂C/∂a = dC/dv1 · b + 1
                = 1 · (-3) + 1 = -2

        backward() has not run from C yet: a.grad = 0.
        """
    )
    assert "limit" not in explain(a * b + a, a, limit=3).text


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_network_layer_by_layer(activation):
    model = MLP(2, [16, 16, 1], activation=activation, rng=0)
    weight = model.layers[0].neurons[2].w[0]
    loss = losses.half_squared_error(model([0.5, -1.0]), 1.0)
    loss.backward()
    explanation = explain(loss, weight)
    assert explanation.number_of_paths == number_of_paths(weight, loss) == 16
    assert explanation.derivative == weight.grad
    lines = explanation.text.splitlines()
    assert len(lines) <= 40
    assert lines[0].startswith("dC/dW0[2,0]: 16 paths from W0[2,0] to C, with 144 factors in all")
    assert f"a1[0] = {activation}(z1[0]), and 15 like it, to a1[15]  (MLP / layer 1)" in lines
    assert lines[-1].startswith("backward() agrees: W0[2,0].grad ")
    assert "with x" not in explanation.text


def test_the_loss_of_the_digits():
    draw = random.Random(0)
    model = MLP(64, [32, 10], rng=0)
    loss = losses.cross_entropy(model([draw.random() for _ in range(64)]), 3)
    explanation = explain(loss, model.layers[0].neurons[0].w[5])
    lines = explanation.text.splitlines()
    assert len(lines) <= 40
    assert explanation.number_of_paths == 11
    assert "  dC/dz1[3] = dC/dv1 · ∂v1/∂z1[3] + ∂C/∂z1[3] = dC/dv1 · exp(z1[3] - v1) - 1" in lines
    assert any(line.startswith("z1[0] = b1[0] + … + W1[0,31]·a0[31], and 8 like it, to z1[9]") for line in lines)


def test_many_examples_have_names_of_their_own():
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    cost = autograd.mean([(model([k / 10, 1.0]) - 1.0) ** 2 for k in range(20)])
    explanation = explain(cost, model.layers[0].neurons[1].w[0])
    assert "dC/dz0[1] · x[0] + dC/dz0[1]#2 · x[0]#2 + … + dC/dz0[1]#20 · x[0]#20" in explanation.text
    assert "z0[1]#20" in explanation.text
    assert explanation.number_of_paths == 20


def chain(x):
    node = x
    for _ in range(40):
        node = node * x
    return node


def network(x):
    return (MLP(1, [16, 16, 1], activation="tanh", rng=1)([x]) - 1) ** 2


def branches(x):
    return sum([(x * k).exp() * 0.1 for k in range(1, 12)])


@pytest.mark.parametrize("build", [chain, network, branches])
@pytest.mark.parametrize("limit", [0, 30])
def test_no_derivative_is_used_that_is_not_given(build, limit):
    x = Value(0.3, "x")
    root = build(x)
    root.backward()
    text = explain(root, x, limit).text.partition("\n\n")[2]
    written_out = re.findall(r"^ *dC/d(\S+) =", text, re.MULTILINE)
    numbers = re.findall(r"(?:likewise|give|,) dC/d(\S+) [=≈] (-?\d[\d.]*(?:e[+-]\d+)?)", text)
    assert set(re.findall(r"dC/d(\S+) · ", text)) <= {*written_out, *dict(numbers)}
    named = {name.text: node for node, name in names_of(root).items()}
    assert numbers
    for name, number in numbers:
        assert float(number) == pytest.approx(named[name].grad, rel=1e-5)


def test_deep_and_wide_graphs_stay_short():
    x = Value(1.0, "x")
    node = x
    for _ in range(DEEP):
        node = node * 1.00001
    explanation = explain(node, x)
    assert math.isclose(explanation.derivative, 1.00001**DEEP, rel_tol=1e-9)
    assert len(explanation.text.splitlines()) <= 40
    assert re.search(
        r"^\.\.\. 9,989 nodes left out, from v9994 to v6, which give dC/dv6 ≈ 1\.1051", explanation.text, re.M
    )
    doubled = x
    for _ in range(1000):
        doubled = doubled + doubled
    assert "dC/dx: about 1.072e301 paths from x to C" in explain(doubled, x).text
    wide = explain(autograd.sum([x * float(k) for k in range(1000)]), x)
    assert "v1 = x·0, and 999 like it, to v1000\n" in wide.text
    assert len(wide.text.splitlines()) <= 40


OPERATIONS = [operator.add, operator.sub, operator.mul, autograd.maximum, autograd.atan2]
FUNCTIONS = [autograd.tanh, autograd.sigmoid, autograd.relu, autograd.sin, operator.neg, autograd.softplus]


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12))
def test_any_graph(steps):
    nodes = [Value(0.7, "p"), Value(-1.3, "q")]
    for kind, first, second in steps:
        x, y = nodes[first % len(nodes)], nodes[second % len(nodes)]
        row = (OPERATIONS + FUNCTIONS)[kind]
        nodes.append(row(x, y) if row in OPERATIONS else row(x))
    root = nodes[-1]
    root.backward()
    for wrt in nodes[:2]:
        written_out, recursive = explain(root, wrt, limit=60), explain(root, wrt, limit=0)
        for explanation in (written_out, recursive):
            assert math.isclose(explanation.derivative, wrt.grad, rel_tol=1e-12, abs_tol=1e-15)
            assert explanation.number_of_paths == number_of_paths(wrt, root)
            assert explanation.text == explain(root, wrt, limit=60 if explanation is written_out else 0).text
            if explanation.number_of_paths and wrt is not root:
                assert last_line(root, wrt).startswith("backward() agrees")
                assert f"{explanation.derivative + 0.0:.6g}" in explanation.text
            assert max(map(len, explanation.text.splitlines())) < 200
            assert well_formed(explanation.latex)


# --- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "text", "latex"),
    [
        ("w", "w", "w"),
        ("loss", "loss", r"\mathrm{loss}"),
        ("x1", "x1", "x_{1}"),
        ("x_12", "x_12", "x_{12}"),
        ("x[3]", "x[3]", "x_{3}"),
        ("W0[1,2]", "W0[1,2]", "W^{(0)}_{1,2}"),
        ("b10[3]", "b10[3]", "b^{(10)}_{3}"),
        ("delta", "delta", r"\delta"),
        ("theta_2", "theta_2", r"\theta_{2}"),
        ("w_out", "w_out", r"w_{\mathrm{out}}"),
        ("learning_rate", "learning_rate", r"\mathrm{learning\_rate}"),
        ("learning  rate\n", '"learning rate"', r"\mathrm{“learning\ rate”}"),
        ("a + b", '"a + b"', r"\mathrm{“a\ +\ b”}"),
        ("2", '"2"', r"\mathrm{“2”}"),
        ("$x^2$", '"$x^2$"', r"\mathrm{“\$x{\wedge}2\$”}"),
        ("</script>", '"</script>"', r"\mathrm{“<{}/script>”}"),
        ("\x1b[31m", '"\ufffd[31m"', "\\mathrm{“\ufffd[31m”}"),
        ("a" * 41, f'"{"a" * 39}…"', rf"\mathrm{{“{'a' * 39}…”}}"),
    ],
)
def test_labels(label, text, latex):
    assert name_of(label) == Name(text, latex)


def well_formed(latex):
    """Whether braces, \\left, \\right and environments are paired, and nothing ends the formula or starts a tag."""
    tokens = re.findall(r"\\begin\{\w+\}|\\end\{\w+\}|\\[A-Za-z]+|\\.|.", latex, re.DOTALL)
    open_ = []
    for token in tokens:
        if token in ("{", r"\left") or token.startswith(r"\begin"):
            open_.append(token)
        elif token in ("}", r"\right") or token.startswith(r"\end"):
            expected = {"}": "{", r"\right": r"\left"}.get(token, token.replace("end", "begin"))
            if not open_ or open_.pop() != expected:
                return False
        elif token in ("$", "#", "%", "~"):
            return False
    return not open_ and not re.search(r"<[A-Za-z/!?]|&\w+;|\$\$", latex)


@given(st.lists(st.text(max_size=50), min_size=1, max_size=6))
def test_labels_of_any_text(labels):
    leaves = [Value(k + 1.0, label) for k, label in enumerate(labels)]
    root = autograd.sum([leaf * leaf.tanh() for leaf in leaves])
    names = list(names_of(root).values())
    assert len({name.text for name in names}) == len({name.latex for name in names}) == len(topological_order(root))
    with autograd.scope(labels[0] if labels[0].strip() else "scope"):
        root = root * 2.0
    for limit in (0, 30):
        explanation = explain(root, leaves[0], limit)
        assert all(line.isprintable() for line in explanation.text.splitlines())
        assert "\n\n\n" not in explanation.text
        assert well_formed(explanation.latex), explanation.latex


def test_names_are_unique_and_do_not_depend_on_wrt():
    x, v1, c = Value(1.0), Value(2.0, "v1"), Value(3.0, "C")
    first, second = x * v1, x * c
    root = first + second
    first.label = second.label = "h"
    names = names_of(root)
    assert [names[node].text for node in (x, v1, c, first, second, root)] == ["v2", "v1", "C", "h", "h#2", "C#2"]
    assert "from v2 to C#2" in explain(root, x).text
    assert "∂C#2/∂h#2 · ∂h#2/∂C" in explain(root, c).text


def test_names_of_layers_and_neurons():
    x = [Value(1.0, "p"), Value(2.0)]
    layer = Layer(2, 2, activation="sigmoid", rng=0)
    names = {name.text for name in names_of(autograd.sum(layer(x))).values()}
    assert {"z[0]", "a[1]", "W[1,0]", "b[0]", "p", "x[1]"} <= names
    neuron = Neuron(1, activation="leaky_relu", rng=0)
    assert {name.text for name in names_of(neuron([3.0]) * 2.0).values()} == {"w[0]", "b", "x[0]", "z", "a", "C"}


def test_the_loss_on_a_pre_activation_is_no_activation():
    neuron = Neuron(1, activation="linear", rng=0)
    names = {name.text for name in names_of(losses.binary_cross_entropy(neuron([3.0]), 1)).values()}
    assert "z" in names
    assert "a" not in names


# --- Showing it ------------------------------------------------------------------------------------------------------


def test_what_a_notebook_shows():
    formatters = pytest.importorskip(
        "IPython.core.formatters", reason='NOT TESTED, IPython is missing: pip install ".[notebook]"'
    )
    cost, w = classic()
    explanation = explain(cost, w)
    data, _ = formatters.DisplayFormatter().format(explanation)
    assert set(data) == {"text/plain", "text/latex"}
    assert data["text/plain"] == explanation.text == str(explanation) == repr(explanation)
    assert data["text/latex"] == f"$$\n{explanation.latex}\n$$"
    assert well_formed(explanation.latex)
    assert isinstance(explanation, Explanation)


def test_nothing_of_it_is_imported_before_it_is_asked_for():
    code = "import sys, autograd; print([m for m in sys.modules if m.startswith('autograd.explanation')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['autograd.explanation']"
