"""All of the page by the keyboard alone; zoom; fonts, colours and motion."""

from __future__ import annotations

import pytest
from chromium import missing
from pages import number, readme_graph

import autograd
from autograd import Value, explore
from autograd.value import constant
from nn import MLP, hinge

if missing():
    pytest.skip(f"NOT TESTED in a browser: {missing()}", allow_module_level=True)


# --- Keyboard alone --------------------------------------------------------------------------------------------------


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


# --- Zoom ------------------------------------------------------------------------------------------------------------


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


# --- Fonts -----------------------------------------------------------------------------------------------------------


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


# --- Colours and motion ----------------------------------------------------------------------------------------------


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
