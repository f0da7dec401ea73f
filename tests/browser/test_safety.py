"""Labels are text, scripts of others are not run, nothing is asked of a network."""

from __future__ import annotations

import html

import pytest
from chromium import missing
from pages import readme_graph

import autograd
from autograd import Value, explore

if missing():
    pytest.skip(f"NOT TESTED in a browser: {missing()}", allow_module_level=True)


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
