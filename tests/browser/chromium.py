"""Real Chromium, driven by Playwright. A page that asks a network for anything, or says an error, fails its test.

The fixtures are there for every test: tests/conftest.py takes this file as a plugin.
"""

from __future__ import annotations

import os
import shutil

import pytest

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def chromium():
    """The path of a browser that is installed, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def missing():
    """What these tests need and do not find, in words; "" where all is there."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return 'Playwright for Python is missing: pip install ".[browser]"'
    return "" if chromium() else "Chromium is missing: apt-get install chromium, or set CHROMIUM to the path of one"


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


class Opened:
    """A page of an explorer in the browser.

    Attributes:
        page: Playwright's page.
        requests: the addresses that it has asked for.
        said: errors and warnings, those about the content security policy among them.
    """

    def __init__(self, page, path):
        self.page, self.requests, self.said = page, [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: message.type in ("error", "warning") and self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        self.address = f"file://{path}"
        page.goto(self.address)
        page.wait_for_selector("[data-ready]")

    def check(self):
        """Nothing was asked for but the file itself, and nothing went wrong."""
        assert self.requests == [self.address]
        assert self.said == []

    # --- What it shows -----------------------------------------------------------------------------------------------

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    def step(self):
        return int(self.text(".counter").split(" / ")[0])

    def last(self):
        return int(self.text(".counter").split(" / ")[1])

    def boxes(self):
        """Of each box that has a name its data and its gradient, as they are written; marks behind them."""
        return self.page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll(".graph .box")].map((box) => {
                const texts = (name) => [...box.querySelectorAll(name)].map((text) => text.textContent);
                const [data, gradient] = texts(".number");
                return [texts(".name")[0], [data, gradient, ...texts(".badge"), box.dataset.phase, box.dataset.part]];
            }))"""
        )

    def everything(self):
        """All of the page as text, with the state of boxes and arrows: what a step looks like."""
        return self.page.evaluate(
            """() => document.querySelector(".graph").outerHTML.replace(/ (tabindex|width|height)="[^"]*"/g, "")
                + document.querySelector(".equation").outerHTML + document.querySelector(".transport").innerText"""
        )

    def wait_until(self, condition):
        """Until an expression holds. (The page forbids what Playwright itself waits with: evaluating strings.)"""
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"it never came to this: {condition}")

    # --- What is done to it ------------------------------------------------------------------------------------------

    def press(self, key, times=1):
        for _ in range(times):
            self.page.keyboard.press(key)

    def go_to(self, step):
        self.page.locator(".scrubber").fill(str(step))
        assert self.step() == step

    def click(self, name):
        """A button, by what it is called."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def write(self, label, text):
        """A number into a field."""
        field = self.page.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")


@pytest.fixture
def open_file(browser):
    """Opens pages from disk in a browser without a network."""
    contexts = []

    def open_file(path, width=1280, height=800, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, offline=True, **options))
        return Opened(contexts[-1].new_page(), path)

    yield open_file
    for context in contexts:
        context.close()


@pytest.fixture
def show(open_file, tmp_path):
    """Opens explorers from disk, and checks them when the test is over."""
    opened = []

    def show(explorer, width=1280, height=800, **options):
        path = tmp_path / f"page{len(opened)}.html"
        explorer.to_html(path)
        opened.append(open_file(path, width, height, **options))
        return opened[-1]

    yield show
    for each in opened:
        each.check()
