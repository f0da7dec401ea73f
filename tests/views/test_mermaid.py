"""Mermaid: the same scene as in a picture, and labels that mean nothing to it."""

from __future__ import annotations

import json
import re

import pytest
from drawing import LABELS, example, loss_of

from autograd import Value, to_mermaid
from autograd.names import in_picture
from nn import MLP

pytestmark = pytest.mark.sampled(every=2)


def test_mermaid_has_the_same_scene():
    root = example() * 2
    root.backward()
    assert to_mermaid(root, local_derivatives=True).splitlines()[:11] == [
        "flowchart LR",
        '    b0(["a<br>data 2<br>grad #45;4"]):::leaf',
        '    b1(["b<br>data #45;3<br>grad 4"]):::leaf',
        '    b2["#42;<br>data #45;6<br>grad 2"]:::computed',
        '    b3["c #43;<br>data #45;4<br>grad 2"]:::computed',
        '    b4("2"):::constant',
        '    b5["#42;<br>data #45;8<br>grad 1"]:::root',
        "    b0 -->|#45;3| b2",
        "    b1 -->|2| b2",
        "    b2 -->|1| b3",
        "    b0 -->|1| b3",
    ]
    assert "    b4 -.-> b5" in to_mermaid(root)


def test_mermaid_folds_and_says_so():
    lines = to_mermaid(loss_of(MLP(8, [4, 3], rng=0), 100), rankdir="TB", values=False).splitlines()
    assert lines[:4:2] == ["---", "---"]
    assert json.loads(lines[1].removeprefix("title: ")).startswith("2,155 nodes in 9 boxes: collapsed by layer")
    assert lines[3] == "flowchart TB"
    assert any(
        re.match(r'    b\w+\[\["layer 0 × 100<br>4 dot#44; 4 relu<br>no gradient yet"\]\]:::group$', line)
        for line in lines
    )
    assert any(
        re.match(r'    b\w+\{\{"W0#44; b0<br>36 parameters<br>no gradient yet"\}\}:::parameter$', line)
        for line in lines
    )
    assert sum("-->|×" in line for line in lines) == 5


@pytest.mark.parametrize(
    "label", [*LABELS, "`code`", "# title", "- list", "1. list", "end", "|x|", "$$x$$", "x" * 10_000]
)
def test_mermaid_labels_mean_nothing(label):
    (line,) = [
        line for line in to_mermaid(Value(1.0, label=label), values=False).splitlines() if line.startswith("    b0")
    ]
    text = re.fullmatch(r'    b0\(\["(.*)<br>no gradient yet"\]\):::root', line)[1]
    assert set(re.sub(r"#[0-9]+;", "", text)) <= set(re.findall(r"[\w .]|[^\x00-\x7f]", text))
    assert re.sub(r"#([0-9]+);", lambda code: chr(int(code[1])), text) == in_picture(label)
