"""The page in a real browser: every control, the numbers beside the engine's, the keyboard, colours, no network."""

from __future__ import annotations

import html
import math
import random
import re

import pytest
from chromium import missing

import autograd
from autograd import Primitive, Value, explore
from autograd.graph import topological_order
from autograd.primitive import PRIMITIVES
from autograd.value import CONSTANT, constant
from nn import MLP, SGD, hinge

if missing():
    pytest.skip(f"NOT TESTED in a browser: {missing()}", allow_module_level=True)


def readme_graph():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = a * b
    c.label = "c"
    d = (c + 10) * a
    d.label = "d"
    loss = d.tanh() + d**2 / 50
    loss.label = "loss"
    return loss


def number(text):
    """A number as the page writes it."""
    return float(text.replace("−", "-"))


def written(x):
    """A number as the page should write it: four digits, whole numbers in full."""
    if x == 0:
        return "0"
    if not math.isfinite(x):
        return str(x).replace("-", "−")
    if 1e-4 <= abs(x) < 1e6:
        text = repr(round(x)) if x == int(x) or abs(x) >= 1e4 else f"{x:.4g}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")
    mantissa, exponent = f"{x:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}".replace("-", "−")


def assert_written(text, x):
    """The page's operations may differ in the last bit, which can show in a last digit only at a tie."""
    assert text == written(x) or number(text) == pytest.approx(x, rel=6e-4), (text, x)


def assert_agrees(opened, root):
    """Every box shows the data and the gradient that the engine gives."""
    root.zero_grad()
    root.backward()
    boxes = opened.boxes()
    named = {node.label: node for node in topological_order(root) if node.label}
    assert named
    for label, node in named.items():
        data, gradient = boxes[label][:2]
        assert_written(data, node.data)
        assert_written("0" if gradient == "·" else gradient, node.grad)
    root.zero_grad()


# --- Steps ----------------------------------------------------------------------------------------------------------


def test_steps_are_those_of_the_engine(show):
    loss = readme_graph()
    opened = show(explore(loss))
    nodes = topological_order(loss)
    computed = [node for node in nodes if not node.is_leaf]
    edges = sum(operand._primitive is not CONSTANT for node in computed for operand in node.parents)
    assert opened.last() == len(computed) + 1 + edges
    opened.press("End")
    assert_agrees(opened, loss)
    for label in ("a", "b", "c", "d"):
        assert opened.boxes()[label][2:4] == ["✓", "whole"]
    assert opened.page.locator(".graph .bar").count() == 1  # on the way into the saturated tanh


def test_the_equation_of_a_contribution(show):
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    loss = a * b * a
    loss.label = "loss"
    opened = show(explore(loss))
    assert "Only the leaves have numbers yet." in opened.text(".equation")
    opened.press("ArrowRight")
    assert opened.text(".symbolic") == "v1 = a·b"
    assert opened.text(".terms").split("\n")[0] == "2·(−3)"
    assert opened.text(".effect") == "forward, node 1 of 2"
    assert opened.boxes()["v1"][:2] == ["−6", "·"]
    assert opened.boxes()["loss"][:2] == ["·", "·"]
    opened.press("ArrowRight", 2)
    assert opened.text(".effect").startswith("backward begins")
    assert opened.boxes()["loss"][1] == "1"
    opened.press("ArrowRight", 2)
    assert opened.page.locator(".symbolic").text_content() == "dloss/da += dloss/dloss · ∂loss/∂a"
    assert opened.text(".effect") == "a.grad: 0 → −6, 1st of 2 contributions"
    assert opened.boxes()["a"] == ["2", "−6", "1/2", "partial", "receives"]
    opened.press("ArrowRight")
    assert re.sub(r"\s+", " ", opened.text(".terms")) == (
        "2 upstream: v1.grad × (−3) local derivative: b = −6 contribution to a.grad"
    )
    assert opened.text(".effect") == "a.grad: −6 → −12, 2nd of 2 contributions"
    assert opened.boxes()["a"] == ["2", "−12", "✓", "whole", "receives"]
    assert opened.boxes()["v1"][4] == "upstream"
    assert opened.page.locator("[role=status]").text_content() == (
        "upstream 2 times local derivative (−3) = −6; a.grad: −6 → −12, 2nd of 2 contributions"
    )


def test_back_is_exact(show):
    opened = show(explore(readme_graph()))
    forth = [opened.everything()]
    for _ in range(opened.last()):
        opened.press("ArrowRight")
        forth.append(opened.everything())
    assert len(set(forth)) == len(forth)
    back = [opened.everything()]
    for _ in range(opened.last()):
        opened.press("ArrowLeft")
        back.append(opened.everything())
    assert back == forth[::-1]
    for step in random.Random(0).sample(range(len(forth)), 8):
        opened.go_to(step)
        assert opened.everything() == forth[step]


def test_buttons_of_the_transport(show):
    opened = show(explore(readme_graph()))
    last = opened.last()
    opened.click("step (→)")
    assert opened.step() == 1
    opened.click("to the end (End)")
    assert opened.step() == last
    opened.click("step (→)")
    assert opened.step() == last
    opened.click("back (←)")
    assert opened.step() == last - 1
    opened.click("to the start (Home)")
    assert opened.step() == 0
    opened.click("back (←)")
    assert opened.step() == 0


def test_node_steps_take_all_contributions_of_a_node(show):
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    opened = show(explore(a * b * a))
    stops = []
    for _ in range(6):
        opened.click("to the next node (Shift →)")
        stops.append(opened.step())
    assert stops == [1, 2, 3, 5, 7, 7]
    back = []
    for _ in range(6):
        opened.press("Shift+ArrowLeft")
        back.append(opened.step())
    assert back == [5, 3, 2, 1, 0, 0]


def test_play_pause_and_speed(show):
    opened = show(explore(readme_graph()))
    opened.page.get_by_label("speed").select_option("15")
    opened.click("play (Space)")
    opened.wait_until("Number(document.querySelector('.scrubber').value) >= 3")
    opened.click("pause (Space)")
    there = opened.step()
    opened.page.wait_for_timeout(300)
    assert opened.step() == there < opened.last()
    opened.page.get_by_label("speed").select_option("60")
    opened.page.locator("body").press(" ")
    opened.wait_until("document.querySelector('.scrubber').value === document.querySelector('.scrubber').max")
    opened.page.get_by_role("button", name="play (Space)", exact=True).wait_for()
    opened.click("play (Space)")  # from the end it begins anew
    opened.wait_until("document.querySelector('.scrubber').value !== document.querySelector('.scrubber').max")


def test_the_scrubber_goes_anywhere(show):
    opened = show(explore(readme_graph()))
    opened.go_to(7)
    scrubber = opened.page.locator(".scrubber")
    assert scrubber.get_attribute("aria-valuetext") == f"step 7 of {opened.last()}"
    scrubber.press("ArrowLeft")
    assert opened.step() == 6
    scrubber.press("Shift+ArrowRight")
    assert opened.step() == 7


# --- Numbers beside the engine's ------------------------------------------------------------------------------------


def singular_graph():
    x, y = Value(0.5, label="x"), Value(-1.0, label="y")
    loss = (x.sqrt() + y.relu() * 3 + autograd.maximum(x, y) + autograd.where(autograd.greater(x, 0.0), x.log(), y)) / y
    loss.label = "loss"
    return loss


def network():
    model = MLP(2, [3, 3, 1], activation="tanh", rng=1)
    loss = hinge(model([Value(0.5, label="x0"), Value(-1.2, label="x1")]), 1)
    loss.label = "loss"
    return loss


def many_operations():
    x, y = Value(0.7, label="x"), Value(1.3, label="y")
    parts = [
        autograd.sigmoid(x) * autograd.gelu(y), x**y, x**3, autograd.logsumexp([x, y, 0.5]), (x / y).exp(),
        autograd.softplus(x - y), autograd.hypot(x, y), autograd.clip(x, -1.0, 0.9), x % y, autograd.atan2(y, x),
        autograd.leaky_relu(-x), autograd.elu(-y), autograd.log1p(x * y), autograd.erf(x), abs(x - y),
    ]  # fmt: skip
    loss = autograd.sum(parts)
    loss.label = "loss"
    return loss


@pytest.mark.parametrize("build", [readme_graph, singular_graph, network, many_operations])
@pytest.mark.parametrize("step", ["end", "middle"])
def test_edited_leaves_give_the_numbers_of_the_engine(show, build, step):
    loss = build()
    opened = show(explore(loss))
    opened.go_to(opened.last() if step == "end" else opened.last() * 2 // 3)
    leaves = [node for node in topological_order(loss) if node.is_leaf and node.label][:2]
    for leaf, x in zip(leaves * 2, [1.25, 0.3, -0.75, 1e-3]):
        select = opened.page.locator(".leaves select")
        if select.count():
            select.select_option(label=leaf.label)
        opened.write(f"{leaf.label}, number", str(x))
        leaf.data = x
        recompute(loss)
        there, before = opened.step(), opened.everything()
        opened.go_to(0)
        opened.go_to(there)
        assert opened.everything() == before
        opened.go_to(opened.last())
        assert_agrees(opened, loss)
        opened.go_to(there if step == "middle" else opened.last())


def recompute(root):
    """The graph computed anew from its leaves, with local derivatives."""
    for node in topological_order(root):
        if node.primitive:
            fresh = node.primitive(*node.parents)
            node._data = fresh._data
            for derivative in ("_d_left", "_d_right"):
                if hasattr(fresh, derivative):
                    setattr(node, derivative, getattr(fresh, derivative))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-0", "1e-300", "1e308", "−2.5", "  7 "])
def test_any_number_can_be_written(show, text):
    loss = readme_graph()
    opened = show(explore(loss))
    opened.press("End")
    opened.write("a, number", text)
    a = next(node for node in topological_order(loss) if node.label == "a")
    a.data = float(text.replace("−", "-"))
    recompute(loss)
    assert float(opened.page.get_by_label("a, number", exact=True).input_value()) == pytest.approx(a.data, nan_ok=True)
    opened.press("End")
    assert_agrees_with_nan(opened, loss)


def assert_agrees_with_nan(opened, root):
    root.zero_grad()
    root.backward()
    boxes = opened.boxes()
    for node in topological_order(root):
        if node.label:
            for text, x in zip(boxes[node.label], (node.data, node.grad)):
                assert number(text) == pytest.approx(x, rel=6e-4, abs=1e-300, nan_ok=True), node.label


def test_what_is_no_number_is_marked_and_not_taken(show):
    opened = show(explore(readme_graph()))
    opened.press("End")
    before = opened.boxes()
    for text in ("two", "", "1,5", "1e", "constructor", "0x"):
        opened.write("a, number", text)
        assert opened.page.get_by_label("a, number", exact=True).get_attribute("aria-invalid") == "true"
        assert opened.boxes() == before
    opened.write("a, number", "3")
    assert opened.page.get_by_label("a, number", exact=True).get_attribute("aria-invalid") == "false"
    assert opened.boxes()["a"][0] == "3"


def test_sliders_and_reset(show):
    opened = show(explore(readme_graph()))
    opened.press("End")
    before = opened.boxes()
    opened.go_to(9)
    event = opened.page.locator(".symbolic").text_content()
    opened.page.get_by_label("a, slider", exact=True).fill("1.8")
    assert opened.step() == 9
    assert opened.page.locator(".symbolic").text_content() == event
    opened.go_to(opened.last())
    opened.page.get_by_label("a, slider", exact=True).fill("1.2")
    assert opened.boxes()["a"][0] == "1.2"
    assert opened.page.get_by_label("a, number", exact=True).input_value() == "1.2"
    assert opened.step() == opened.last()
    opened.click("reset")
    assert opened.boxes() == before


def test_constants_can_be_edited_and_formulas_follow(show):
    x = Value(3.0, label="x")
    opened = show(explore(x**2))
    opened.press("End")
    assert "local derivative: 2·x" in opened.text(".terms")
    opened.write("constant 2, number", "3")
    assert "local derivative: 3·x^(3 − 1)" in opened.text(".terms")
    assert opened.boxes()["x"][1] == "27"


def test_an_edge_that_is_cut_by_an_edit_takes_its_step_away(show):
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    loss = autograd.where(autograd.greater(x, 0.0), x * y, y)
    opened = show(explore(loss))
    assert opened.last() == 3 + 1 + 3
    opened.press("End")
    opened.write("x, number", "-1")
    assert opened.last() == 3 + 1 + 1
    assert opened.step() == opened.last()
    assert opened.boxes()["y"][1] == "1"
    assert opened.boxes()["x"][1] == "·"


def test_nudge(show):
    loss = readme_graph()
    loss.backward()
    a = next(node for node in topological_order(loss) if node.label == "a")
    opened = show(explore(loss))
    before = opened.boxes()
    opened.write("h", "0.0001")
    opened.click("nudge a by h")
    said = opened.text(".leaves .message")
    change, gradient = re.search(r"Change / h = (\S+), and a.grad = (\S+)\.", said).groups()
    assert number(change) == pytest.approx(a.grad, rel=1e-3)
    assert_written(gradient, a.grad)
    assert "a 2 → 2.0001: loss 2.28 → 2.27994" in said
    assert opened.boxes() == before
    opened.write("h", "0")
    assert opened.page.get_by_label("h", exact=True).get_attribute("aria-invalid") == "true"


# --- Learning -------------------------------------------------------------------------------------------------------


def test_gradient_steps_are_those_of_sgd(show):
    loss = readme_graph()
    leaves = [node for node in topological_order(loss) if node.label in ("a", "b")]
    opened = show(explore(loss))
    opened.press("End")
    opened.write("learning rate", "0.05")
    for _ in range(3):
        opened.click("gradient step")
        loss.zero_grad()
        loss.backward()
        for leaf in leaves:
            leaf.data -= 0.05 * leaf.grad
        recompute(loss)
        assert_agrees(opened, loss)
        for leaf in leaves:
            field = opened.page.get_by_label(f"{leaf.label}, number", exact=True)
            assert float(field.input_value()) == pytest.approx(leaf.data, rel=1e-13)
    assert opened.text(".loss figcaption") == f"loss 2.28 → {written(loss.data)} in 3 steps"


def test_without_parameters_the_reader_holds_leaves_fixed(show):
    w, x, y = Value(0.5, label="w"), Value(2.0, label="x"), Value(-1.0, label="y")
    loss = (w * x - y) ** 2
    loss.label = "loss"
    opened = show(explore(loss, learning_rate=0.1))
    assert "moves the leaves that are ticked" in opened.text(".moving legend")
    ticks = opened.page.locator(".moving label")
    assert ticks.all_inner_texts() == ["w", "x", "y"]
    assert all(opened.page.get_by_role("checkbox", name=name).is_checked() for name in "wxy")
    for name in "xy":
        opened.page.get_by_role("checkbox", name=name).uncheck()
    opened.click("gradient step")
    assert "A step against the gradient moves w: loss 4 → " in opened.text(".learning .message")
    assert [opened.boxes()[name][0] for name in "wxy"] == ["−0.3", "2", "−1"]
    opened.page.get_by_role("checkbox", name="w").uncheck()
    opened.click("gradient step")
    assert opened.boxes()["w"][0] == "−0.3"
    assert "no leaf, since all are held fixed" in opened.text(".learning .message")
    for name in "wxy":
        opened.page.get_by_role("checkbox", name=name).check()
    opened.click("gradient step")
    assert "moves w, x and y: loss " in opened.text(".learning .message")
    assert opened.boxes()["y"][0] != "−1"


def test_where_there_are_parameters_nothing_else_moves(show):
    model, losses = training()
    opened = show(explore(losses[0]))
    count = len(model.parameters())
    assert opened.text(".learning .caption") == f"A gradient step moves the {count} parameters, no other leaf."
    assert opened.page.locator(".moving").count() == 0
    before = opened.boxes()
    opened.click("gradient step")
    assert "moves the parameters: loss " in opened.text(".learning .message")
    after = opened.boxes()
    assert [before[name][0] for name in ("x0", "x1")] == [after[name][0] for name in ("x0", "x1")]
    assert before["W1[0,0]"][0] != after["W1[0,0]"][0]


DATA = [([0.3, -0.9], 1), ([1.1, 0.4], -1), ([-0.6, 0.2], 1)]


def training():
    model = MLP(2, [3, 1], activation="tanh", rng=2)
    losses = [hinge(model([Value(x[0], label="x0"), Value(x[1], label="x1")]), y) for x, y in DATA]
    for loss in losses:
        loss.label = "loss"
    return model, losses


@pytest.mark.parametrize("over", ["this example", "all 3 examples"])
def test_training_moves_what_sgd_moves(show, over):
    model, losses = training()
    optimizer = SGD(model.parameters(), lr=0.3)
    opened = show(explore(losses[0], losses, learning_rate=0.3))
    opened.page.get_by_label("learn from").select_option(over)
    opened.page.locator(".learning select").first.select_option(index=1)
    opened.press("End")
    for _ in range(4):
        losses = [hinge(model([Value(x[0], label="x0"), Value(x[1], label="x1")]), y) for x, y in DATA]
        for loss in losses:
            loss.label = "loss"
        assert_agrees(opened, losses[1])
        learnt = losses[1] if over == "this example" else autograd.mean(losses)
        optimizer.zero_grad()
        learnt.backward()
        optimizer.step()
        opened.click("gradient step")
    curve = opened.page.locator(".curve").get_attribute("points").split()
    assert len(curve) == 5
    mean = autograd.mean([hinge(model(x), y) for x, y in DATA])
    assert opened.text(".loss figcaption").endswith(f"→ {written(mean.data)} in 4 steps")


def test_weights_are_drawn_and_move(show):
    model, losses = training()
    opened = show(explore(losses[0], losses))
    assert opened.page.locator(".weights figcaption").all_inner_texts() == ["W0", "W1", "b0", "b1"]
    squares = opened.page.locator(".weights rect")
    assert squares.count() == len(model.parameters())
    look = "() => [...document.querySelectorAll('.weights rect')].map((r) => [r.textContent, r.getAttribute('class')])"
    shown = dict(opened.page.evaluate(look))
    for parameter in model.parameters():
        kind = "negative" if parameter.data < 0 else "positive"
        assert shown[f"{parameter.label} = {written(parameter.data)}"] == kind
    opened.click("gradient step")
    assert dict(opened.page.evaluate(look)) != shown
    opened.click("reset")
    assert dict(opened.page.evaluate(look)) == shown
    assert not opened.page.locator(".loss").is_visible()


def test_train_goes_on_until_it_is_paused(show):
    _, losses = training()
    opened = show(explore(losses[0], losses))
    opened.click("train")
    opened.wait_until("document.querySelector('.curve').getAttribute('points').split(' ').length > 5")
    opened.page.get_by_role("button", name="pause", exact=True).click()
    count = len(opened.page.locator(".curve").get_attribute("points").split())
    opened.page.wait_for_timeout(250)
    assert len(opened.page.locator(".curve").get_attribute("points").split()) == count


def test_a_loss_that_explodes_stops_the_training(show):
    x = Value(3.0, label="x")
    opened = show(explore((x * x) ** 2, learning_rate=1e3))
    opened.click("train")
    opened.page.get_by_role("button", name="train", exact=True).wait_for()
    opened.wait_until("/(inf|nan)/.test(document.querySelector('.loss figcaption').textContent)")


# --- Five things to see ---------------------------------------------------------------------------------------------


def lesson(opened, k):
    opened.page.locator(".lessons li button").nth(k).click()
    return opened.text(".lessons .message")


def test_five_lessons(show):
    loss = readme_graph()
    opened = show(explore(loss))
    assert lesson(opened, 0).startswith("Step 9: upstream 1 times local derivative 1 = 1; ")
    assert opened.step() == 9
    said = lesson(opened, 1)
    assert said == "d is used 2 times: d.grad = 4.501e−7 + 0.32 = 0.32." or "is used 2 times" in said
    assert "2nd of 2 contributions" in opened.text(".effect")
    assert "Change / h = " in lesson(opened, 2)
    assert "tanh(d) is saturated" in lesson(opened, 3)
    assert opened.page.locator('.arrow[data-status="active"] .bar').count() == 1
    before, after = re.search(r"loss (\S+) → (\S+)\.", lesson(opened, 4)).groups()
    assert number(after) < number(before)


def test_a_unit_is_saturated_where_none_is(show):
    x = Value(0.1, label="x")
    opened = show(explore(x.tanh() * 3))
    said = lesson(opened, 3)
    assert said.startswith("x moved from 0.1 to ")
    assert number(opened.boxes()["x"][0]) != 0.1
    opened.click("reset")
    assert opened.boxes()["x"][0] == "0.1"


def test_lessons_where_there_is_nothing_to_see(show):
    opened = show(explore(Value(2.0, label="x")))
    said = [lesson(opened, k) for k in range(5)]
    assert said[0] == "No edge of this graph carries a derivative."
    assert said[1] == "No node of this graph is used more than once."
    assert "Change / h = 1, and x.grad = 1" in said[2]
    assert said[3] == "No unit of this graph can be saturated by moving one leaf."
    assert "loss 2 → 1.9" in said[4]
    opened = show(explore(Value(2.0, label="x").detach() * 2))
    assert lesson(opened, 2) == "No leaf of this graph has a derivative."
    assert lesson(opened, 4) == "No leaf of this graph can be moved."


# --- Looking at boxes and arrows ------------------------------------------------------------------------------------


def test_hovering_shows_formulas_and_local_derivatives(show):
    opened = show(explore(readme_graph()))
    opened.press("End")
    for name, wanted in [
        ("c", ["c", "c = a·b", "= 2·(−3) = −6", "gradient 0.64"]),
        ("d", ["d", "d = v1·a", "= 4·2 = 8", "gradient 0.32 (2 of 2 contributions)"]),
        ("a", ["a", "leaf, data 2", "gradient −0.64 (2 of 2 contributions)"]),
    ]:
        opened.page.locator(".box", has=opened.page.locator(f".name:text-is('{name}')")).hover()
        assert opened.text(".tip").split("\n") == wanted
    opened.page.get_by_label("from b to c").hover(force=True)
    assert opened.text(".tip").split("\n") == ["∂c/∂b = a = 2", "upstream × local derivative: 0.64 × 2 = 1.28"]
    opened.go_to(1)
    assert opened.text(".tip").split("\n")[1] == "nothing has come along it yet"
    opened.page.mouse.move(5, 5)
    assert not opened.page.locator(".tip").is_visible()


def test_both_arrows_of_a_sum_with_itself(show):
    a = Value(3.0, label="a")
    opened = show(explore(a + a))
    assert opened.page.locator(".arrow").count() == 2
    opened.go_to(3)
    assert opened.page.locator('.arrow[data-status="active"]').count() == 1
    assert opened.page.locator('.arrow[data-status="pending"]').count() == 1
    opened.press("End")
    assert opened.boxes()["a"][1] == "2"


def test_what_is_done_pending_and_active_differs_by_more_than_colour(show):
    opened = show(explore(readme_graph()))
    opened.go_to(10)
    look = """(status) => {
        const line = document.querySelector(`.arrow[data-status="${status}"] .line`);
        const { strokeWidth, strokeDasharray } = getComputedStyle(line);
        return [parseFloat(strokeWidth), strokeDasharray];
    }"""
    active, done, pending, none = (opened.page.evaluate(look, s) for s in ("active", "done", "pending", "none"))
    assert active[0] > done[0] > pending[0]
    assert len({active[1], pending[1], none[1]}) == 3
    assert opened.page.locator(".part").all_text_contents().count("upstream") == 1
    assert opened.page.locator(".part").all_text_contents().count("receives") == 1


def test_arrows_are_as_wide_as_their_contributions(show):
    x, y = Value(1.0, label="x"), Value(1.0, label="y")
    opened = show(explore(x * 100 + y))
    opened.press("End")
    width = {
        name: float(
            opened.page.get_by_label(re.compile(f"from {name} to")).locator(".line").get_attribute("stroke-width")
        )
        for name in ("x", "y")
    }
    assert width["x"] > width["y"] * 1.5


# --- Large graphs ---------------------------------------------------------------------------------------------------


def test_boxes_open_and_close(show):
    model = MLP(2, [16, 16, 1], rng=0)
    loss = hinge(model([Value(0.5, label="x0"), Value(-1.0, label="x1")]), 1)
    loss.label = "loss"
    opened = show(explore(loss))
    assert "collapsed" in opened.text(".main > .caption")
    opened.press("End")
    folded = opened.page.locator(".graph .box").count()
    assert folded < 60
    opened.page.locator(".box.group", has=opened.page.locator(".name:text-is('neuron 3')")).first.click()
    assert opened.text(".where") == "neuron 3 (this step is outside of it)" or opened.text(".where") == "neuron 3"
    loss.backward()
    boxes = opened.boxes()
    for k, weight in enumerate(model.layers[0].neurons[3].w):
        assert_written(boxes[f"W0[3,{k}]"][0], weight.data)
        assert_written(boxes[f"W0[3,{k}]"][1], weight.grad)
    opened.press("Escape")
    assert opened.page.locator(".graph .box").count() == folded
    opened.page.locator(".graph [tabindex='0']").focus()
    while "press Enter to open it" not in opened.text(".tip"):
        opened.press("ArrowDown")
    opened.press("Enter")
    assert opened.page.locator(".close").is_visible()
    opened.click("◂ close")
    assert opened.page.locator(".graph .box").count() == folded


def test_steps_in_a_folded_graph_are_single_edges(show):
    model = MLP(2, [16, 16, 1], rng=0)
    loss = hinge(model([0.5, -1.0]), 1)
    opened = show(explore(loss))
    nodes = topological_order(loss)
    computed = [node for node in nodes if not node.is_leaf]
    edges = sum(local is not None for node in computed for local in node.local_derivatives)
    assert opened.last() == len(computed) + 1 + edges
    opened.go_to(len(computed) + 1 + edges // 2)
    assert "local derivative" in opened.text(".terms")
    assert opened.page.locator('[data-part="upstream"]').count() + opened.page.locator('[data-part="receives"]').count()


def test_a_very_large_graph(show):
    model = MLP(8, [16, 4], rng=0)
    data = [([k % 7 * 0.3 - j * 0.1 for j in range(8)], k % 4) for k in range(200)]
    loss = autograd.mean([autograd.sum([z * z for z in model(x)]) for x, _ in data])
    loss.label = "loss"
    opened = show(explore(loss))
    assert "too large" in opened.text(".main > .caption >> nth=0")
    assert opened.page.locator(".leaves, .learning, .lessons").count() == 0
    forth = []
    for _ in range(opened.last()):
        opened.press("ArrowRight")
        forth.append(opened.everything())
    assert len(set(forth)) == len(forth)
    assert "contributions, each upstream × local derivative" in opened.text(".equation")
    loss.backward()
    gradients = sorted(p.grad for p in model.layers[0].parameters())
    assert opened.boxes()["W0, b0"][1] == f"{gradients[0]:.4g} … {gradients[-1]:.4g}".replace("-", "−")


def test_an_operation_that_the_page_cannot_compute_is_replayed(show):
    before = dict(PRIMITIVES)
    try:
        table = Primitive("table", lambda x: {2.0: 5.0}[float(x)], partials=(lambda out, x: {2.0: 7.0}[float(x)],))
        x = Value(2.0, label="x")
        loss = table(x) * x
        loss.label = "loss"
        opened = show(explore(loss))
    finally:
        PRIMITIVES.clear()
        PRIMITIVES.update(before)
    assert "editing is off" in opened.text(".main > .caption")
    assert opened.page.locator("input[type=text]").count() == 0
    opened.press("End")
    assert_agrees(opened, loss)


# --- Keyboard alone -------------------------------------------------------------------------------------------------


def test_everything_can_be_done_with_the_keyboard(show):
    opened = show(explore(readme_graph()))
    opened.press("ArrowRight", 3)
    assert opened.step() == 3
    opened.press("End")
    assert opened.step() == opened.last()
    opened.press("Home")
    assert opened.step() == 0
    opened.press("Shift+ArrowRight")
    assert opened.step() == 1
    for _ in range(20):  # by Tab to the graph, which is one stop
        opened.press("Tab")
        if opened.page.evaluate("document.activeElement.closest('.graph') !== null"):
            break
    names = []
    for _ in range(30):
        names.append(opened.page.evaluate("document.activeElement.getAttribute('aria-label')"))
        opened.press("ArrowDown")
    assert len(set(names)) == 12 + 13
    assert any("∂c/∂a = b = −3" in name for name in names)
    assert opened.page.locator(".tip").is_visible()
    opened.press("ArrowUp", 30)
    assert opened.page.evaluate("document.activeElement.getAttribute('aria-label')") == names[0]
    opened.press("Enter")  # on the leaf a: to its field
    assert opened.page.evaluate("document.activeElement.getAttribute('aria-label')") == "a, number"
    opened.press("Control+a")
    opened.page.keyboard.type("4")
    opened.press("Enter")
    assert opened.boxes()["a"][0] == "4"
    opened.press("Tab")
    assert opened.page.evaluate("document.activeElement.getAttribute('aria-label')") == "nudge a by h"
    opened.press(" ")
    assert "Change / h" in opened.text(".leaves .message")
    opened.press("Tab")
    opened.press("ArrowRight")  # the slider
    assert number(opened.boxes()["a"][0]) != 4


def test_every_control_can_be_reached_and_has_a_name(show):
    opened = show(explore(readme_graph()))
    opened.page.locator("summary").click()
    controls = opened.page.locator("button:visible, input:visible, select:visible, summary:visible")
    reached = set()
    opened.page.locator("body").press("Tab")
    for _ in range(controls.count() + 3):
        reached.add(opened.page.evaluate("document.activeElement.outerHTML"))
        opened.press("Tab")
    unnamed = opened.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select")].filter((control) =>
            !control.textContent.trim() && !control.getAttribute("aria-label") && !control.labels?.length).length"""
    )
    assert unnamed == 0
    assert len(reached) >= controls.count()


def test_zoom(show):
    opened = show(explore(readme_graph()))

    def width():
        return float(opened.page.locator(".graph").get_attribute("width"))

    fitted = width()
    opened.press("+")
    assert width() == pytest.approx(fitted * 1.25, rel=0.01)
    opened.click("smaller")
    opened.press("-")
    assert width() == pytest.approx(fitted / 1.25, rel=0.01)
    opened.press("0")
    assert width() == fitted


def nodes_in_a_row(count):
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    node = a * b
    for k in range(count - 3):
        node = (node + b).tanh() if k % 2 else node * a
    return node


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (420, 800)])
@pytest.mark.parametrize("build", [lambda: nodes_in_a_row(3), lambda: nodes_in_a_row(19), lambda: wide()])
def test_fit_fits_all_of_the_graph(show, build, size):
    opened = show(explore(build()), *size)
    overhang = """() => {
        const [pane, graph] = [".pane", ".graph"].map((name) => document.querySelector(name).getBoundingClientRect());
        return Math.max(pane.x - graph.x, graph.right - pane.right, pane.y - graph.y, graph.bottom - pane.bottom);
    }"""
    opened.click("+" if opened.page.get_by_role("button", name="+", exact=True).count() else "larger")
    opened.click("fit")
    assert opened.page.evaluate(overhang) <= 0
    opened.press("End")
    assert opened.page.evaluate(overhang) <= 0
    opened.page.set_viewport_size({"width": size[0] - 60, "height": size[1] - 60})
    opened.wait_until(f"({overhang})() <= 0")
    fitted = float(opened.page.locator(".graph").get_attribute("width"))
    opened.click("smaller")
    assert float(opened.page.locator(".graph").get_attribute("width")) <= fitted


def wide():
    return hinge(MLP(3, [8, 8, 1], rng=0)([0.5, -1.0, 2.0]), 1)


# --- Fonts ----------------------------------------------------------------------------------------------------------

COLLISIONS = """() => [...document.querySelectorAll(".graph .box")].flatMap((box) => {
    const width = box.querySelector(".shape").getBBox().width;
    const texts = [...box.querySelectorAll(".name, .symbol, .caption, .number")].filter((text) => text.textContent);
    const boxes = texts.map((text) => [text.textContent, text.getBBox()]);
    const outside = boxes.filter(([, { x, width: long }]) => x < 0 || x + long > width + 0.5);
    const over = boxes.filter(([, one], k) => boxes.some(([, other], j) =>
        j > k && Math.abs(one.y - other.y) < 8 && one.x < other.x + other.width && other.x < one.x + one.width));
    return [...outside, ...over].map(([text]) => text);
})"""


def long_numbers():
    x, y = Value(-0.0007026, label="x"), Value(-1.2345e-305, label="y")
    named, plain = constant(-0.0008765), constant(-1.2345e-205)
    named.label = "c"
    loss = x * 1.0 + y * named + plain + x * -999999.0
    loss.label = "loss"
    return loss


FONTS = ["DejaVu Sans", "Verdana", "Liberation Sans", "monospace", "system-ui"]


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("build", [long_numbers, lambda: nodes_in_a_row(12)])
def test_numbers_are_whole_in_wide_fonts(show, build, font):
    opened = show(explore(build()))
    opened.page.evaluate("(font) => (document.querySelector('.chainrule-explorer').style.fontFamily = font)", font)
    for key in ("Home", "End"):
        opened.press(key)
        assert opened.page.evaluate(COLLISIONS) == []
    assert opened.page.locator(".graph [textLength]").count() == 0  # nothing had to be made narrower


def test_what_is_too_wide_all_the_same_is_made_narrower(show):
    x = Value(-0.0007026, label="Wide words: MMMM W")
    loss = x * -1.2345e-205 + autograd.log_sigmoid(x)
    loss.label = "WWWWMMMMWWWWMMMMWW"
    opened = show(explore(loss))
    enlarge = "(size) => document.querySelectorAll('.graph text').forEach((text) => (text.style.fontSize = size))"
    opened.page.evaluate(enlarge, "19px")  # as with a smallest size of letters in the browser's settings
    assert opened.page.evaluate(COLLISIONS) != []
    opened.page.set_viewport_size({"width": 1000, "height": 700})  # then all is measured again
    numbers = f"() => ({COLLISIONS})().filter((text) => /^[−\\d]/.test(text))"
    opened.wait_until(f"({numbers})().length === 0")
    opened.press("End")
    opened.write(f"{x.label}, number", "-0.0006543")
    assert opened.page.evaluate(numbers) == []
    assert opened.page.locator(".graph .number[textLength]").count() > 0


# --- Colours and motion ---------------------------------------------------------------------------------------------


def test_dark_and_light(show):
    look = "getComputedStyle(document.querySelector('.chainrule-explorer')).backgroundColor"
    light = show(explore(readme_graph()), color_scheme="light").page.evaluate(look)
    dark = show(explore(readme_graph()), color_scheme="dark").page.evaluate(look)
    assert light == "rgb(244, 245, 247)"
    assert dark == "rgb(16, 19, 24)"


def test_motion_is_reduced_for_who_wants_that(show):
    look = "getComputedStyle(document.querySelector('.arrow[data-status=active] .line')).animationName"
    for motion, name in (("no-preference", "chainrule-flow"), ("reduce", "none")):
        opened = show(explore(readme_graph()), reduced_motion=motion)
        opened.go_to(10)
        assert opened.page.evaluate(look) == name


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (800, 600), (400, 700)])
def test_nothing_sticks_out(show, width, height):
    opened = show(
        explore(readme_graph(), title="A title that is rather long, as titles of examples sometimes are"), width, height
    )
    opened.go_to(10)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    transport = opened.page.locator(".transport").bounding_box()
    assert transport["x"] + transport["width"] <= width


# --- What must not happen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    [
        "</script><script>window.broken = 1</script>",
        "<img src=x onerror='window.broken = 1'>",
        "\" onload='x'",
        "каша 漢字 🙂",
        "x" * 10_000,
        "#1 $& \\n",
        "two\nlines",
    ],
)
def test_labels_are_text(show, label):
    a, b = Value(2.0, label=label), Value(3.0, label="b")
    with autograd.scope(label):
        loss = (a * b).tanh() + a
    opened = show(explore(loss, title=label))
    opened.press("End")
    for thing in opened.page.locator(".graph .box, .graph .arrow").all():
        thing.hover(force=True)
    opened.press("Home")
    assert opened.page.evaluate("window.broken") is None
    assert opened.page.locator("img, iframe, script:not([type])").count() == 0
    shown = " ".join(label.split())
    assert opened.page.title()[:200] == shown[:200]
    titles = opened.page.evaluate("[...document.querySelectorAll('.leaves .name')].map((name) => name.title)")
    assert shown[:200] in [title[:200] for title in titles]


def test_a_script_that_is_not_its_own_is_not_run(browser, tmp_path):
    path = tmp_path / "page.html"
    source = explore(readme_graph()).to_html()
    path.write_text(source.replace("</body>", "<script>window.broken = 1</script></body>"), encoding="utf-8")
    page = browser.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"file://{path}")
    page.wait_for_selector("[data-ready]")
    assert page.evaluate("window.broken") is None
    assert "Content Security Policy" in refused[0]
    page.close()


def test_a_request_would_be_noticed(open_file, tmp_path):
    path = tmp_path / "page.html"
    source = explore(readme_graph()).to_html()
    path.write_text(source.replace("</body>", "<img src='https://example.org/x.png'></body>"), encoding="utf-8")
    opened = open_file(path)
    with pytest.raises(AssertionError):
        opened.check()


def test_a_frame_in_a_sandbox_works_as_well(browser, tmp_path):
    path = tmp_path / "frame.html"
    source = html.escape(explore(readme_graph()).to_html())
    path.write_text(
        f'<iframe sandbox="allow-scripts" srcdoc="{source}" width=900 height=700></iframe>', encoding="utf-8"
    )
    page = browser.new_context(offline=True).new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"file://{path}")
    frame = page.frame_locator("iframe")
    frame.locator("[data-ready]").wait_for()
    frame.get_by_role("button", name="step (→)", exact=True).click()
    assert frame.locator(".counter").inner_text().startswith("1 / ")
    assert said == []
    page.context.close()
