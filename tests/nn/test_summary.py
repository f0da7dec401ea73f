"""Modules as text and as a table."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from autograd import Value
from nn import MLP, Layer, Module, Neuron
from nn.plots.summary import as_html, as_text


class Two(Module):
    def __init__(self):
        self.encoder = MLP(4, [8, 8])
        self.heads = {"<a>": Layer(8, 2, activation="linear"), "b": Layer(8, 2, activation="linear")}
        self.scale = Value(1.0)
        self.itself = self


def test_a_module_is_shown_as_text():
    assert as_text(MLP(64, [32, 10], activation="tanh")) == (
        "MLP(\n"
        "  (layers.0): Layer(64, 32, activation='tanh')\n"
        "  (layers.1): Layer(32, 10, activation='linear')\n"
        ")  # 2,410 parameters"
    )
    assert as_text(Layer(3, 2)) == "Layer(\n  (neurons.0 to 1): 2 x Neuron(3, activation='relu')\n)  # 8 parameters"
    assert as_text(Neuron(3)) == "Neuron(3, activation='relu')  # 4 parameters"
    assert as_text(Two()) == (
        "Two(\n"
        "  (encoder): MLP(4, [8, 8], activation='relu', output='linear')\n"
        "  (heads.<a> to b): 2 x Layer(8, 2, activation='linear')\n"
        ")  # 149 parameters"
    )


def table(page):
    """The texts of an HTML table, row by row."""
    root = ElementTree.fromstring(page)
    return [
        "".join(root.find("caption").itertext()),
        *[["".join(cell.itertext()) for cell in row] for row in root.iter("tr")],
    ]


def test_a_module_is_shown_as_a_table():
    assert table(as_html(MLP(64, [32, 10]))) == [
        "MLP: 2,410 parameters",
        ["part", "inputs", "outputs", "activation", "parameters"],
        ["layers.0 Layer", "64", "32", "relu", "2,080"],
        ["layers.1 Layer", "32", "10", "linear", "330"],
    ]
    assert table(as_html(Two()))[2:] == [
        ["encoder.layers.0 Layer", "4", "8", "relu", "40"],
        ["encoder.layers.1 Layer", "8", "8", "linear", "72"],
        ["heads.<a> Layer", "8", "2", "linear", "18"],
        ["heads.b Layer", "8", "2", "linear", "18"],
        ["Two, its own", "", "", "", "1"],
    ]
    assert table(as_html(Neuron(3, activation=lambda z: z * z)))[2] == ["Neuron", "3", "1", "<lambda>", "4"]
    assert table(as_html(Layer(1, 5)))[2] == ["Layer", "1", "5", "relu", "10"]


def test_a_notebook_shows_modules():
    formatters = pytest.importorskip(
        "IPython.core.formatters", reason='NOT TESTED, IPython is missing: pip install ".[notebook]"'
    )
    shown, _ = formatters.DisplayFormatter().format(MLP(2, [1]))
    assert shown["text/plain"].startswith("MLP(\n")
    assert "<script" not in shown["text/html"]
    assert list(MLP(2, [1])._repr_mimebundle_(include=["text/plain"])) == ["text/plain"]
    assert list(MLP(2, [1])._repr_mimebundle_(exclude=["text/plain"])) == ["text/html"]


def test_a_module_that_cannot_tell_its_parts_is_shown_all_the_same():
    class Broken(Module):
        def parameters(self):
            raise RuntimeError

    assert list(Broken()._repr_mimebundle_()) == ["text/plain"]
