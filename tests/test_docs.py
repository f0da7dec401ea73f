"""README and docs lead somewhere: their links, their commands, and their length."""

import re
from pathlib import Path

import pytest

import autograd
import nn
import nn.plots

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)


def anchors(page):
    """What a page's headings can be linked to as, the way GitHub does it."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    missing = []
    for found in re.finditer(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        place, _, anchor = found[1].partition("#")
        if place.startswith(("http:", "https:")):
            continue
        target = page.parent / place if place else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            missing.append(found[1])
    assert not missing, f"{page.name} links to what is not there: {missing}"


def test_readme_is_short_and_begins_with_two_commands_of_one_line():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) < 1500
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[:2]
    assert [block.count("\n") for block in blocks] == [1, 1]
    assert "-m nn digits" in blocks[0]
    assert "-m pytest" in blocks[1]


def test_the_guide_names_everything_public():
    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", text))
    packages = {"autograd": autograd.__all__, "nn": nn.__all__, "nn.plots": nn.plots.__all__}
    missing = [f"{package}.{name}" for package, names in packages.items() for name in names if name not in words]
    assert not missing, f"say in docs/guide.md what they are for: {missing}"
