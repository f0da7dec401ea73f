"""The page in a real browser: every step forth and back, what boxes and arrows show, large graphs."""

from __future__ import annotations

import random
import re

import pytest
from chromium import missing
from pages import assert_agrees, assert_written, readme_graph

import autograd
from autograd import Primitive, Value, explore
from autograd.graph import topological_order
from autograd.primitive import PRIMITIVES
from autograd.value import CONSTANT
from nn import MLP, hinge

if missing():
    pytest.skip(f"NOT TESTED in a browser: {missing()}", allow_module_level=True)


# --- Steps -----------------------------------------------------------------------------------------------------------


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


# --- Looking at boxes and arrows -------------------------------------------------------------------------------------


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
    assert opened.text(".tip").split("\n")[1] == "no gradient has arrived along it yet"
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


# --- Large graphs ----------------------------------------------------------------------------------------------------


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
