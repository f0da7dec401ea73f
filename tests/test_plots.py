"""Plots: what they return and what is on them."""

import importlib
import io
import sys

import numpy as np
import pytest

import nn
from nn import MLP, History
from nn.plots import BLUE, ORANGE, decision_boundary, figure, learning_curves, predicted_digits

POINTS = [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
CLASSES = [-1, 1, -1, 1]
Figure = pytest.importorskip("matplotlib.figure").Figure


def history_of(loss, accuracy=(), validation_loss=(), validation_accuracy=()):
    history = History()
    history.loss, history.accuracy = list(loss), list(accuracy)
    history.validation_loss, history.validation_accuracy = list(validation_loss), list(validation_accuracy)
    return history


def drawn(ax):
    return [(line.get_xdata().tolist(), line.get_ydata().tolist(), line.get_linestyle()) for line in ax.lines]


def render(plot):
    plot.savefig(io.BytesIO(), format="png")


# --- Learning curves -------------------------------------------------------------------------------------------------


def test_learning_curves_of_a_loss_alone_are_one_plot():
    axes = learning_curves(history_of([3.0, 2.0, 1.0]))
    assert len(axes) == 1
    assert drawn(axes[0]) == [([1, 2, 3], [3.0, 2.0, 1.0], "-")]
    assert (axes[0].get_xlabel(), axes[0].get_ylabel(), axes[0].get_yscale()) == ("epoch", "loss", "log")
    render(axes[0].figure)


def test_learning_curves_with_validation_are_two_plots_of_two_lines():
    axes = learning_curves(history_of([3.0, 2.0], [0.5, 0.75], [2.5, 1.5], [0.25, 1.0]))
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy"]
    assert drawn(axes[0]) == [([1, 2], [3.0, 2.0], "-"), ([1, 2], [2.5, 1.5], "--")]
    assert drawn(axes[1]) == [([1, 2], [0.5, 0.75], "-"), ([1, 2], [0.25, 1.0], "--")]
    assert [line.get_color() for line in axes[0].lines] == [BLUE, ORANGE]
    assert axes[0].get_legend() is not None
    assert axes[0].figure is axes[1].figure
    render(axes[0].figure)


def test_learning_curves_are_drawn_into_axes_that_are_given():
    plot = Figure()
    one = plot.subplots()
    history = history_of([3.0, 2.0], [0.5, 0.75])
    assert history.plot(one) == [one]
    assert len(one.lines) == 1
    two = Figure().subplots(1, 2)
    assert learning_curves(history, two) == list(two)
    assert [ax.get_ylabel() for ax in two] == ["loss", "accuracy"]


@pytest.mark.parametrize("loss", [[], [1.0], [1.0, 0.0], [0.0, -1.0]])
def test_learning_curves_of_few_epochs_and_of_losses_without_a_logarithm(loss):
    axes = learning_curves(history_of(loss))
    assert axes[0].get_yscale() == ("log" if loss == [1.0] else "linear")
    render(axes[0].figure)


# --- Decision boundaries ---------------------------------------------------------------------------------------------


def test_a_decision_boundary_shows_scores_the_line_of_zero_and_all_points():
    model = MLP(2, [1], init=lambda rng, nin, nout: 1.0)
    model.layers[0].neurons[0].b.data = -1.0
    ax = decision_boundary(model, POINTS, CLASSES, points=21)
    scatters = [part for part in ax.collections if len(part.get_offsets()) == 2]
    assert [sorted(part.get_offsets().tolist()) for part in scatters] == [
        [[1.0, 0.0], [1.0, 1.0]],
        [[0.0, 0.0], [0.0, 1.0]],
    ]
    (line,) = [part for part in ax.collections if hasattr(part, "levels") and list(part.levels) == [0.0]]
    (path,) = line.get_paths()
    assert path.vertices.sum(axis=1) == pytest.approx([1.0] * len(path.vertices))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 1.5), (-0.5, 1.5))
    render(ax.figure)


@pytest.mark.parametrize("bias", [10.0, -10.0])
def test_a_decision_boundary_outside_the_picture_is_not_drawn(bias):
    model = MLP(2, [1], init=lambda rng, nin, nout: 1.0)
    model.layers[0].neurons[0].b.data = bias
    ax = decision_boundary(model, POINTS, CLASSES, points=11)
    assert not [part for part in ax.collections if hasattr(part, "levels") and list(part.levels) == [0.0]]
    render(ax.figure)


@pytest.mark.parametrize("score", [0.0, 3.0, -2.0])
def test_a_network_that_says_the_same_everywhere_can_be_drawn(score):
    model = MLP(2, [1], init=lambda rng, nin, nout: 0.0)
    model.layers[0].neurons[0].b.data = score
    render(decision_boundary(model, POINTS, CLASSES, points=11).figure)


def test_a_decision_boundary_is_drawn_into_axes_that_are_given():
    ax = Figure().subplots()
    assert decision_boundary(MLP(2, [3, 1], rng=0), POINTS, CLASSES, ax=ax, points=5) is ax


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_a_decision_boundary_takes_arrays_and_frames_as_fit_does(kind):
    if kind == "array":
        X, y = np.array(POINTS), np.array(CLASSES)
    else:
        pandas = pytest.importorskip("pandas")
        X, y = pandas.DataFrame(POINTS, columns=["a", "b"]), pandas.Series(CLASSES, index=[5, 6, 7, 8])
    ax = decision_boundary(MLP(2, [3, 1], rng=0), X, y, points=5)
    assert sorted(len(part.get_offsets()) for part in ax.collections)[-2:] == [2, 2]


def test_a_decision_boundary_of_one_class_alone():
    render(decision_boundary(MLP(2, [1], rng=0), POINTS, [1] * 4, points=5).figure)


# --- Digits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [[0], [3, 0, 2], list(range(8)), list(range(11))])
def test_predicted_digits_are_images_with_what_they_are_taken_for(shown):
    images = [[k / 64] * 64 for k in range(12)]
    probabilities = [[0.75 if j == k % 10 else 0.25 / 9 for j in range(10)] for k in range(12)]
    classes = [k % 10 for k in range(12)]
    classes[0] = 4
    plot = predicted_digits(images, probabilities, classes, shown)
    assert isinstance(plot, Figure)
    titles = [(ax.get_title(), ax.title.get_color()) for ax in plot.axes if ax.get_title()]
    assert titles == [("0 (75%), is 4", ORANGE) if k == 0 else (f"{k % 10} (75%)", "black") for k in shown]
    pixels = [ax.images[0].get_array() for ax in plot.axes if ax.images]
    assert [image.shape for image in pixels] == [(8, 8)] * len(shown)
    assert [image.max() for image in pixels] == [k / 64 for k in shown]
    assert not any(ax.axison for ax in plot.axes)
    render(plot)


# --- Without matplotlib ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw",
    [
        lambda plots: plots.figure(),
        lambda plots: plots.learning_curves(history_of([1.0])),
        lambda plots: history_of([1.0]).plot(),
        lambda plots: plots.decision_boundary(MLP(2, [1], rng=0), POINTS, CLASSES),
        lambda plots: plots.predicted_digits([[0.0] * 64], [[0.1] * 10], [0], [0]),
    ],
    ids=["figure", "learning_curves", "History.plot", "decision_boundary", "predicted_digits"],
)
def test_without_matplotlib_the_message_says_what_to_install(draw, monkeypatch):
    for module in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    # As in a new process: the module as it is before it has made any figure
    monkeypatch.setattr(nn, "plots", nn.plots)
    monkeypatch.delitem(sys.modules, "nn.plots")
    plots = importlib.import_module("nn.plots")
    with pytest.raises(ModuleNotFoundError, match=r'matplotlib.*pip install "chainrule\[plot\]"'):
        draw(plots)


def test_a_figure_belongs_to_no_window_and_has_the_plots_that_were_asked_for():
    plot = figure(3, 2)
    assert isinstance(plot, Figure)
    assert len(plot.axes) == 6
