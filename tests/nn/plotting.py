"""What several tests of plots need: points, a history, models, and what is on a plot."""

import io

import pytest

import autograd
from nn import History, Layer, Module

POINTS = [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
CLASSES = [-1, 1, -1, 1]
Figure = pytest.importorskip("matplotlib.figure").Figure


def history_of(loss, accuracy=(), validation_loss=(), validation_accuracy=()):
    history = History()
    history.loss, history.accuracy = list(loss), list(accuracy)
    history.validation_loss, history.validation_accuracy = list(validation_loss), list(validation_accuracy)
    return history


def render(plot):
    plot.savefig(io.BytesIO(), format="png")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TwoLayers(Module):
    """A module of the user's own, with Layers in an attribute and in a dict."""

    def __init__(self):
        self.first, self.rest = Layer(2, 3, "tanh", rng=1), {"last": [Layer(3, 1, "linear", rng=2)]}

    def __call__(self, x):
        return self.rest["last"][0](self.first(x))


def after_backward(model, x=(1.0, -2.0)):
    autograd.sum([z * z for z in (lambda out: out if isinstance(out, list) else [out])(model(list(x)))]).backward()
    return model
