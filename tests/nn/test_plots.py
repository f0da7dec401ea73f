"""Learning curves, ratios of updates, and what all plots have in common."""

import importlib
import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from plotting import CLASSES, POINTS, Figure, after_backward, history_of, legend, render

import autograd
import nn
from nn import MLP, SGD, Adam, Layer, Module, fit, half_squared_error
from nn.data import moons
from nn.plots import (
    BLUE,
    ORANGE,
    UpdateRatio,
    activations,
    decision_boundary,
    figure,
    gradients,
    learning_curves,
    update_to_data,
    weights,
)

pytestmark = pytest.mark.sampled(every=3)


def drawn(ax):
    return [(line.get_xdata().tolist(), line.get_ydata().tolist(), line.get_linestyle()) for line in ax.lines]


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


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 100])
def test_epochs_are_whole_numbers(epochs):
    (ax,) = learning_curves(history_of([1.0] * epochs))
    assert all(tick == round(tick) for tick in ax.get_xticks())
    assert ax.lines[0].get_marker() == ("o" if epochs == 1 else "")


# --- The ratio of updates to weights ---------------------------------------------------------------------------------


def one_step(model, optimizer, x, y):
    optimizer.zero_grad()
    half_squared_error(model(x), y).backward()
    optimizer.step()


def test_the_ratio_of_a_step_of_gradient_descent_is_that_of_the_lecture():
    """(lr * gradient).std() / weights.std(), with the weights as they were before the step."""
    model = MLP(2, [5, 4, 1], activation="tanh", rng=3)
    optimizer, record, wanted = SGD(model.parameters(), lr=0.05), UpdateRatio(model), [[], [], []]
    for x, y in zip(POINTS, CLASSES):
        before = [[w.data for neuron in layer.neurons for w in neuron.w] for layer in model.layers]
        one_step(model, optimizer, x, y)
        for ratios, layer, numbers in zip(wanted, model.layers, before):
            ratios.append(np.std([0.05 * w.grad for neuron in layer.neurons for w in neuron.w]) / np.std(numbers))
        record()
    assert [pytest.approx(ratios, rel=1e-9) for ratios in wanted] == record.ratios
    assert (record.unit, repr(record)) == ("step", "UpdateRatio(3 layers, 4 steps)")


@pytest.mark.parametrize("compiled", [False, True])
def test_fit_records_an_update_for_each_epoch(compiled):
    if compiled:
        pytest.importorskip("llvmlite")
    X, y = moons(20)
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    seen = []

    def keep():
        seen.append([[w.data for neuron in layer.neurons for w in neuron.w] for layer in model.layers])

    keep()
    record = UpdateRatio(model)

    def both(epoch, history):
        keep()
        record(epoch, history)

    fit(
        model, X, y, loss="hinge", optimizer=Adam(model.parameters()), epochs=3, batch_size=8, progress=False,
        compiled=compiled, callback=both,
    )  # fmt: skip
    for k, ratios in enumerate(record.ratios):
        weights_of_layer = [np.array(layers[k]) for layers in seen]
        wanted = [np.std(b - a) / np.std(a) for a, b in pairwise(weights_of_layer)]
        assert ratios == pytest.approx(wanted, rel=1e-9)
    assert (record.unit, repr(record)) == ("epoch", "UpdateRatio(2 layers, 3 epochs)")


def test_ratios_are_drawn_on_a_logarithmic_scale_with_the_rule_of_thumb():
    model = MLP(2, [5, 1], activation="tanh", rng=3)
    optimizer, record = SGD(model.parameters(), lr=0.05), UpdateRatio(model)
    for x, y in zip(POINTS[1:], CLASSES[1:]):
        one_step(model, optimizer, x, y)
        record()
    ax = update_to_data(record)
    *layers, guide = ax.lines
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in layers] == [
        ([1, 2, 3], ratios) for ratios in record.ratios
    ]
    assert list(guide.get_ydata()) == [1e-3, 1e-3]
    assert ax.get_yscale() == "log"
    assert legend(ax) == ["layer 0", "layer 1", "1e-3, rule of thumb for a step"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "std(update of one step) / std(weights)")
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 3
    assert ax.get_ylim()[0] < 1e-3 < ax.get_ylim()[1]
    render(ax.figure)


def test_updates_of_0_are_gaps_that_the_legend_counts():
    model = MLP(2, [2, 1], rng=0)
    record = UpdateRatio(model)
    record()
    model.layers[0].neurons[0].w[0].data += 0.25
    record()
    record()
    ax = update_to_data(record)
    assert legend(ax)[:2] == ["layer 0 (2 of 3 updates are 0)", "layer 1 (3 of 3 updates are 0)"]
    drawn_ratios = ax.lines[0].get_ydata()
    assert np.isnan(drawn_ratios).tolist() == [True, False, True]
    assert drawn_ratios[1] == record.ratios[0][1] > 0
    assert ax.lines[0].get_marker() == "."
    render(ax.figure)


@pytest.mark.parametrize("nin", [1, 3])
def test_weights_without_spread_have_no_ratio(nin):
    model = MLP(nin, [1], init=lambda *_: 0.1)
    record = UpdateRatio(model)
    model.layers[0].neurons[0].w[0].data = 7.0
    record()
    assert math.isnan(record.ratios[0][0])
    render(update_to_data(record).figure)


def test_a_plot_of_nothing_recorded_and_of_something_else_is_an_error():
    with pytest.raises(ValueError, match=r"nothing was recorded: train with fit\(\.\.\., callback=record\)"):
        update_to_data(UpdateRatio(MLP(2, [1], rng=0)))
    with pytest.raises(TypeError, match=r"got History.*record = UpdateRatio\(model\)"):
        update_to_data(history_of([1.0]))


# --- What they have in common ----------------------------------------------------------------------------------------


class Line(Module):
    def __init__(self):
        self.slope = autograd.Value(2.0)
        self.line = self


@pytest.mark.parametrize("thing", [Line(), Line, 3, None, "MLP"])
@pytest.mark.parametrize(
    "draw", [weights, gradients, UpdateRatio, lambda thing: activations(thing, POINTS)], ids=lambda draw: draw.__name__
)
def test_what_has_no_layers_is_an_error(draw, thing):
    with pytest.raises(TypeError, match="wants a Layer, or a module made of Layers such as an MLP, got"):
        draw(thing)


def test_layers_are_found_once_each_wherever_they_are():
    class Net(Module):
        pass

    one, two, three, four = [Layer(k + 1, 1, rng=0) for k in range(4)]
    net, inner = Net(), Net()
    inner.back, inner.array = net, np.array([three, one], dtype=object)
    net.first, net.dict, net.again, net.last = one, {"a": (two, [inner])}, two, four
    assert [ax.get_title() for ax in weights(net)] == [
        f"layer {k}: {nin} → 1, relu" for k, nin in enumerate((1, 2, 3, 4))
    ]


def recorded(model):
    record = UpdateRatio(model)
    record()
    return record


ONE_AXES = {
    "decision_boundary": lambda ax: decision_boundary(MLP(2, [1], rng=0), POINTS, CLASSES, ax=ax, points=5),
    "weights": lambda ax: weights(Layer(2, 3, rng=0), ax=ax),
    "activations": lambda ax: activations(Layer(2, 3, rng=0), POINTS, ax=ax),
    "gradients": lambda ax: gradients(after_backward(Layer(2, 3, "tanh", rng=0)), ax=ax),
    "update_to_data": lambda ax: update_to_data(recorded(MLP(2, [1], rng=0)), ax=ax),
}
AXES_FOR_LAYERS = {
    "weights": lambda ax: weights(MLP(2, [2, 3, 1], rng=0), ax=ax),
    "activations": lambda ax: activations(MLP(2, [2, 3, 1], rng=0), POINTS, ax=ax),
    "gradients": lambda ax: gradients(after_backward(MLP(2, [2, 3, 1], "tanh", rng=0)), ax=ax),
}


@pytest.mark.parametrize("draw", ONE_AXES.values(), ids=ONE_AXES)
def test_what_is_one_plot_is_drawn_into_the_axes_that_are_given(draw):
    plot = Figure()
    ax, other = plot.subplots(1, 2)
    assert draw(ax) is ax
    assert ax.has_data()
    assert not other.has_data()
    render(plot)
    made = draw(None)
    assert made.figure is not plot
    with pytest.raises(
        ValueError, match=r"wants 1 Axes, got 2: leave ax out, or write ax=nn\.plots\.figure\(1\)\.axes"
    ):
        draw([ax, other])
    for wrong in (plot, 3, "ax", [None]):
        with pytest.raises(TypeError, match="ax is a matplotlib Axes or a list of them, got"):
            draw(wrong)


@pytest.mark.parametrize("draw", AXES_FOR_LAYERS.values(), ids=AXES_FOR_LAYERS)
def test_what_is_one_plot_for_each_layer_is_drawn_into_as_many_axes(draw):
    for axes in (Figure().subplots(1, 3), Figure().subplots(3, 1, squeeze=False), Figure().subplots(1, 3).tolist()):
        flat = list(np.ravel(axes))
        assert draw(axes) == flat
        assert all(ax.has_data() for ax in flat)
    render(flat[0].figure)
    plot = Figure()
    one = plot.subplots()
    with pytest.raises(ValueError, match="wants 3 Axes, got 1"):
        draw(one)
    assert not one.has_data()
    with pytest.raises(TypeError, match="ax is a matplotlib Axes"):
        draw([one, one, plot])
    assert len(draw(None)) == 3


@pytest.mark.parametrize("draw", [weights, lambda model: activations(model, POINTS)], ids=["weights", "activations"])
def test_of_many_layers_no_more_than_four_are_side_by_side(draw):
    axes = draw(MLP(2, [2] * 7, rng=0))
    places = [ax.get_subplotspec() for ax in axes]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(k // 4, k % 4) for k in range(7)]
    assert {ax.get_label() for ax in axes[0].figure.axes if ax not in axes} <= {"<colorbar>"}  # and no empty one


def test_learning_curves_into_something_else_are_an_error():
    for wrong in (Figure(), [], [Figure().subplots(), None]):
        with pytest.raises(TypeError, match=r"ax is a matplotlib Axes.*write figure\.axes"):
            learning_curves(history_of([1.0]), ax=wrong)


@pytest.mark.parametrize("theme", ["default", "dark_background"])
def test_lines_that_guide_the_eye_are_seen_on_light_and_on_dark(theme):
    from matplotlib import style
    from matplotlib.colors import to_rgb

    with style.context(theme):
        ax = update_to_data(recorded(MLP(2, [1], rng=0)))
        gradient = gradients(after_backward(Layer(2, 3, "tanh", rng=0)))
        for one in (ax, gradient):
            line, behind = to_rgb(one.lines[-1].get_color()), to_rgb(one.get_facecolor())
            assert abs(sum(line) - sum(behind)) > 2


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("number", [-1e199, math.nan, -math.inf, 1e308, 5e-324])
def test_numbers_of_any_size_can_be_drawn(number):
    model = MLP(2, [3, 1], rng=0)
    record = UpdateRatio(model)
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.w[0].data = neuron.w[0].grad = number
            neuron.b.grad = 1.0
    record()
    record()
    for axes in (
        weights(model),
        weights(model, what="grad"),
        weights(model, shape=(1, 2)),
        activations(model, POINTS),
        gradients(model),
        [update_to_data(record)],
    ):
        render(axes[0].figure)


# --- Without matplotlib ----------------------------------------------------------------------------------------------


def called(record):
    record()
    return record


@pytest.mark.parametrize(
    "draw",
    [
        lambda plots: plots.figure(),
        lambda plots: plots.learning_curves(history_of([1.0])),
        lambda plots: plots.learning_curves(history_of([1.0]), ax=1),
        lambda plots: history_of([1.0]).plot(),
        lambda plots: plots.decision_boundary(MLP(2, [1], rng=0), POINTS, CLASSES),
        lambda plots: plots.predicted_digits([[0.0] * 64], [[0.1] * 10], [0], [0]),
        lambda plots: plots.weights(MLP(2, [1], rng=0)),
        lambda plots: plots.activations(MLP(2, [1], rng=0), POINTS),
        lambda plots: plots.gradients(after_backward(MLP(2, [1], rng=0))),
        lambda plots: plots.update_to_data(called(plots.UpdateRatio(MLP(2, [1], rng=0)))),
    ],
    ids=[
        "figure",
        "learning_curves",
        "ax",
        "History.plot",
        "decision_boundary",
        "predicted_digits",
        "weights",
        "activations",
        "gradients",
        "update_to_data",
    ],
)
def test_without_matplotlib_the_message_says_what_to_install(draw, monkeypatch):
    for module in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    # As in a new process: the modules as they are before they have made any figure
    monkeypatch.setattr(nn, "plots", nn.plots)
    for module in [name for name in sys.modules if name == "nn.plots" or name.startswith("nn.plots.")]:
        monkeypatch.delitem(sys.modules, module)
    plots = importlib.import_module("nn.plots")
    with pytest.raises(ModuleNotFoundError, match=r'matplotlib.*pip install "\.\[plot\]"'):
        draw(plots)


def test_importing_the_plots_imports_no_matplotlib_and_drawing_no_pyplot():
    program = """
import sys
from nn import MLP, fit
from nn import plots
assert "matplotlib" not in sys.modules, "matplotlib"
X, y = [[0.0, 1.0], [1.0, 0.0]], [1, -1]
model = MLP(2, [3, 1], rng=0)
record = plots.UpdateRatio(model)
history = fit(model, X, y, loss="hinge", epochs=2, progress=False, compiled=False, callback=record)
assert "matplotlib" not in sys.modules, "matplotlib"
plots.learning_curves(history), plots.update_to_data(record), plots.decision_boundary(model, X, y, points=5)
plots.weights(model), plots.activations(model, X), plots.gradients(model)
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules, "pyplot"
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_a_figure_belongs_to_no_window_and_has_the_plots_that_were_asked_for():
    plot = figure(3, 2)
    assert isinstance(plot, Figure)
    assert len(plot.axes) == 6
