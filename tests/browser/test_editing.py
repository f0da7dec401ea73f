"""Numbers written into the page, steps of learning, the five things to see: beside the engine's numbers."""

from __future__ import annotations

import re

import pytest
from chromium import missing
from pages import assert_agrees, assert_written, network, number, readme_graph, recompute, written

import autograd
from autograd import Value, explore
from autograd.graph import topological_order
from nn import MLP, SGD, hinge

if missing():
    pytest.skip(f"NOT TESTED in a browser: {missing()}", allow_module_level=True)


# --- Numbers beside the engine's -------------------------------------------------------------------------------------


def singular_graph():
    x, y = Value(0.5, label="x"), Value(-1.0, label="y")
    loss = (x.sqrt() + y.relu() * 3 + autograd.maximum(x, y) + autograd.where(autograd.greater(x, 0.0), x.log(), y)) / y
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


# --- Learning --------------------------------------------------------------------------------------------------------


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


# --- Five things to see ----------------------------------------------------------------------------------------------


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
