"""The explorer's views of a large graph: its boxes, their places, and who lays them out in which time."""

from __future__ import annotations

import os
import re
import shutil
import sys

import pytest
from exploring import data_of, readme_graph

import autograd
from autograd import explore
from autograd.explorer.layered import layered
from autograd.graph import topological_order
from nn import MLP, cross_entropy, hinge


def everywhere(data):
    """Every node of every view, groups taken apart."""
    for view in data["views"]:
        nodes = []
        for shown in view["boxes"]:
            runs = [[shown, shown]] if shown >= 0 else data["groups"][-1 - shown]["nodes"]
            nodes += [node for first, last in runs for node in range(first, last + 1)]
        yield view, nodes


def test_a_large_graph_is_folded_and_its_boxes_open():
    model = MLP(2, [16, 16, 1], rng=0)
    loss = hinge(model([0.5, -1.0]), 1)
    data = data_of(explore(loss))
    count = len(topological_order(loss))
    views = list(everywhere(data))
    assert sorted(views[0][1]) == list(range(count))
    assert "collapsed" in data["notes"][0]
    groups = [group for group in data["groups"] if group["kind"] == "group"]
    assert len(groups) >= 33
    for group in groups:
        _, nodes = views[group["view"]]
        inside = [node for first, last in group["nodes"] for node in range(first, last + 1)]
        assert set(inside) <= set(nodes)
    assert len(data["layouts"]) < len(data["views"]) / 2  # neurons of a layer share one
    for view in data["views"][1:]:
        assert data["views"][view["parent"]] is not view


def test_every_box_and_arrow_has_its_place():
    for loss in (readme_graph(), hinge(MLP(2, [16, 16, 1], rng=0)([0.5, -1.0]), 1)):
        data = data_of(explore(loss))
        for view in data["views"]:
            layout = data["layouts"][view["layout"]]
            assert len(layout["boxes"]) == len(view["boxes"])
            width, height = layout["size"]
            for x, y, box_width, box_height in layout["boxes"]:
                assert 0 <= x <= x + box_width <= width
                assert 0 <= y <= y + box_height <= height
            for start, end, count, steps in layout["arrows"]:
                assert start != end
                assert count >= 1
                assert len(steps) % 2 == 0
                assert (len(steps) // 2 - 1) % 3 == 0
                points = [[sum(steps[axis : k + 1 : 2]) for axis in (0, 1)] for k in range(1, len(steps), 2)]
                for (x, y), box in ((points[0], start), (points[-1], end)):
                    left, top, box_width, box_height = layout["boxes"][box]
                    assert left - 3 <= x <= left + box_width + 3
                    assert top - 3 <= y <= top + box_height + 3


def test_a_very_large_graph_is_stepped_through_by_boxes():
    model = MLP(8, [16, 4], rng=0)
    loss = autograd.mean([cross_entropy(model([k % 7 * 0.3 - j * 0.1 for j in range(8)]), k % 4) for k in range(200)])
    data = data_of(explore(loss))
    assert not data["isEditable"]
    assert len(data["nodes"]) < 30
    assert "too large" in data["notes"][0]
    kinds = [step["kind"] for step in data["recorded"]["steps"]]
    assert kinds == sorted(kinds, key=["forward", "seed", "edge"].index)
    edges = [step for step in data["recorded"]["steps"] if step["kind"] == "edge"]
    received = sum(
        int(re.search(r"([\d,]+) contribution", e["equation"]["symbolic"][0])[1].replace(",", "")) for e in edges
    )
    loss.backward()
    assert received > 10_000
    names = [row[0] for row in data["nodes"]]
    gradients = data["recorded"]["gradients"][names.index("W0, b0")]
    ends = sorted(p.grad for layer in model.layers[:1] for p in layer.parameters())
    assert gradients == f"{ends[0]:.4g} … {ends[-1]:.4g}".replace("-", "−")


def test_without_graphviz_there_is_another_layout(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    data = data_of(explore(readme_graph()))
    assert 'pip install ".[layout]"' in data["notes"][0]
    assert len(data["layouts"][0]["boxes"]) == 12
    assert len(data["layouts"][0]["arrows"]) == 13


@pytest.fixture
def dot(tmp_path, monkeypatch):
    """Makes a program of a shell script, and puts it on the path as `dot`, with no other layout on this machine."""
    if os.name == "nt":
        pytest.skip("a program that misbehaves is a shell script here, which Windows cannot run")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    def make(script):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return make


WRONG = {
    "exit 0": "dot printed nothing",
    r"printf '\377\376\000'": r"dot printed what is not json0, or not all of it: b'\xff\xfe\x00'",
    """printf '{"bb": "0,0,'""": 'dot printed what is not json0, or not all of it: b\'{"bb": "0,0,\'',
    "echo '[1]'": "dot printed what is not json0, or not all of it",
    "echo '{}'": "dot printed JSON that is no layout of this graph",
    """echo '{"bb": "0,0,9,9", "objects": []}'""": "dot printed JSON that is no layout of this graph",
    """echo '{"bb": "0,0,nan,9", "objects": []}'""": "dot printed JSON that is no layout of this graph",
    "echo no fonts >&2; exit 1": "dot gave up (status 1): no fonts",
}


@pytest.mark.parametrize("script", WRONG)
def test_a_dot_that_does_not_work_is_named_once_and_done_without(dot, script):
    dot(script)
    data = data_of(explore(hinge(MLP(2, [16, 16, 1], rng=0)([0.5, -1.0]), 1)))
    assert len(data["layouts"]) > 5
    (note,) = [note for note in data["notes"] if "Graphviz" in note]
    assert note.startswith(f"Laid out without Graphviz: {WRONG[script]}")


def test_a_dot_that_hangs_is_waited_for_once(dot, tmp_path, monkeypatch):
    monkeypatch.setattr("autograd.explorer.layouts._SECONDS", 0.5)
    dot(f"echo asked >> '{tmp_path}/asked'; exec sleep 600")
    (tmp_path / "asked").touch()
    data = data_of(explore(hinge(MLP(2, [16, 16, 1], rng=0)([0.5, -1.0]), 1)))
    assert len(data["layouts"]) > 5
    assert len((tmp_path / "asked").read_text().splitlines()) <= 1  # none where the shell had no time to say so
    assert [note for note in data["notes"] if "Graphviz" in note] == [
        "Laid out without Graphviz, which took longer than 20 seconds."
    ]


def test_all_layouts_together_have_one_time_limit(dot, tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 8))
    monkeypatch.setattr("autograd.explorer.layouts.monotonic", lambda: next(clock))
    dot(f"echo asked >> '{tmp_path}/asked'")
    data = data_of(explore(hinge(MLP(2, [16, 16, 1], rng=0)([0.5, -1.0]), 1)))
    assert len(data["layouts"]) > 5
    assert len((tmp_path / "asked").read_text().splitlines()) == 3  # of 8 seconds each


def test_layered_layout_keeps_boxes_apart():
    loss = hinge(MLP(3, [4, 4, 1], rng=0)([0.5, -1.0, 2.0]), 1)
    nodes = topological_order(loss)
    places = {node: k for k, node in enumerate(nodes)}
    arrows = [(places[operand], k) for k, node in enumerate(nodes) for operand in node.parents]
    layout = layered([(80.0 + k % 3 * 10, 40.0) for k in range(len(nodes))], arrows)
    boxes = [(x, y, 80.0 + k % 3 * 10, 40.0) for k, (x, y) in enumerate(layout.corners)]
    for k, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[:k]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y
    assert all(layout.corners[start][0] < layout.corners[end][0] for start, end in arrows)
