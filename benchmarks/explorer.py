"""The explorer's page of a graph of 300 Values: how large it is, how long to write it, and when it is ready to be used.

`python -m benchmarks.explorer` prints the table. The browser is the one that the tests use: Chromium on the PATH or in
the environment variable CHROMIUM, driven by Playwright. A page is ready when the graph is drawn and answers to keys,
and seen at the first paint with content; both are counted from the moment at which the browser turns to the file.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
from typing import Any

from autograd import Value, explore
from autograd.graph import topological_order
from benchmarks.table import Row, peer, report, seconds

AIMS = {
    "explorer page of 300 nodes, size": "150 KB",
    "explorer page of 300 nodes, written in": "",
    "explorer page of 300 nodes, ready in Chromium": "300 ms",
    "explorer page of 300 nodes, seen in Chromium": "300 ms",
}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def network() -> Value:
    """A network written scalar by scalar, as in micrograd: 300 nodes, the most that are drawn one by one."""
    source = random.Random(1)
    activations = [Value(0.3, label="x0")]
    for k, (nin, nout) in enumerate([(1, 8), (8, 8), (8, 1)]):
        outputs = []
        for j in range(nout):
            z = Value(source.uniform(-1, 1), label=f"b{k}[{j}]")
            for i in range(nin):
                z = z + Value(source.uniform(-1, 1), label=f"W{k}[{j},{i}]") * activations[i]
            outputs.append(z.tanh())
        activations = outputs
    loss = activations[0]
    while len(topological_order(loss)) < 300:
        loss = loss.tanh()
    loss.label = "loss"
    return loss


def rows(quick: bool) -> list[Row]:
    """Write the page and open it again and again."""
    loss = network()
    rounds = 3 if quick else 15
    writing = statistics.median(seconds(lambda: explore(loss).to_html()) for _ in range(rounds))
    page = explore(loss).to_html()
    figures = [f"{len(page.encode()) / 1000:.0f} KB", f"{writing * 1e3:.0f} ms"]
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    playwright = peer("playwright.sync_api")
    if path is None or playwright is None:
        figures += ["not measured: Chromium or Playwright is missing"] * 2
    else:
        figures += [f"{statistics.median(times):.0f} ms" for times in zip(*_openings(playwright, path, page, rounds))]
    return [Row(measured, figure, target=aim) for (measured, aim), figure in zip(AIMS.items(), figures)]


def _openings(playwright: Any, path: str, page: str, rounds: int) -> list[tuple[float, float]]:
    """When the page was ready and when it was seen, each time, in milliseconds."""
    times = []
    with tempfile.TemporaryDirectory() as directory, playwright.sync_playwright() as driver:
        file = os.path.join(directory, "page.html")
        with open(file, "w", encoding="utf-8") as written:
            written.write(page)
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        for _ in range(rounds + 1):
            opened = browser.new_page(viewport={"width": 1280, "height": 800})
            opened.goto(f"file://{file}")
            opened.wait_for_selector("[data-ready]")
            opened.wait_for_timeout(200)
            entries = ("explorer-ready", "first-contentful-paint")
            found = [opened.evaluate(f"performance.getEntriesByName('{entry}')[0].startTime") for entry in entries]
            times.append((found[0], found[1]))
            opened.close()
        browser.close()
    return times[1:]  # the first starts the browser's own processes


if __name__ == "__main__":
    report("benchmarks.explorer", __doc__, rows)
