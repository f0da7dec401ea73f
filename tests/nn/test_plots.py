"""Plots: what they return and what is on them."""

import importlib
import io
import math
import random
import subprocess
import sys
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from sampled import sampled

import autograd
import nn
from nn import MLP, SGD, Adam, Forward, History, Layer, Module, fit, half_squared_error, predict
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
    predicted_digits,
    update_to_data,
    weights,
)

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


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TwoLayers(Module):
    """A module of the user's own, with Layers in an attribute and in a dict."""

    def __init__(self):
        self.first, self.rest = Layer(2, 3, "tanh", rng=1), {"last": [Layer(3, 1, "linear", rng=2)]}

    def __call__(self, x):
        return self.rest["last"][0](self.first(x))


class Telling(TwoLayers):
    def forward(self, x):
        z, a = self.first.forward(x)
        score, output = self.rest["last"][0].forward(a)
        return Forward(output[0], [z, score], [a, output])


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


def test_a_decision_boundary_is_shaded_by_score_with_white_at_0():
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    ax = decision_boundary(model, POINTS, CLASSES, points=15)
    shades = next(part for part in ax.collections if hasattr(part, "levels"))
    side = np.linspace(-0.5, 1.5, 15)
    scores = predict(model, [[x, y] for y in side for x in side])
    assert (shades.zmin, shades.zmax) == pytest.approx((min(scores), max(scores)))
    assert shades.norm.vmin == -shades.norm.vmax
    below, at, above = [shades.to_rgba(score) for score in (min(scores), 0.0, max(scores))]
    assert below[2] > below[0]  # blue
    assert above[0] > above[2]  # orange
    assert min(at[:3]) > 0.99
    assert legend(ax) == ["y = 1", "y = -1"]


@pytest.mark.parametrize(
    ("classes", "names"),
    [([0, 1, 0, 1], ["y = 1", "y = 0"]), ([-1, 2, -2, 1], ["y > 0", "y ≤ 0"]), ([-1] * 4, ["y = -1"])],
)
def test_the_legend_names_the_classes(classes, names):
    assert legend(decision_boundary(MLP(2, [1], rng=0), POINTS, classes, points=5)) == names


def test_of_several_outputs_the_largest_has_the_region():
    model = MLP(2, [6, 3], activation="tanh", rng=4)
    ax = decision_boundary(model, POINTS, [0, 2, 2, 0], points=60)
    regions = [part for part in ax.collections if hasattr(part, "levels") and part.filled]
    assert len(regions) == 3
    assert len({tuple(region.get_facecolor()[0]) for region in regions}) == 3
    rng = random.Random(0)
    places = [[rng.uniform(-0.45, 1.45), rng.uniform(-0.45, 1.45)] for _ in range(200)]
    clear = 0
    for place, scores in zip(places, predict(model, places)):
        if sorted(scores)[-1] - sorted(scores)[-2] > 0.02:
            inside = [any(path.contains_point(place) for path in region.get_paths()) for region in regions]
            assert inside == [score == max(scores) for score in scores]
            clear += 1
    assert clear > 150
    assert legend(ax) == ["class 0", "class 2"]
    first, last = [part for part in ax.collections if len(part.get_offsets()) == 2]
    assert first.get_offsets().tolist() == [POINTS[0], POINTS[3]]
    assert last.get_offsets().tolist() == [POINTS[1], POINTS[2]]
    render(ax.figure)


@pytest.mark.parametrize("outputs", [2, 12])
def test_outputs_that_are_equal_everywhere_and_many_classes_can_be_drawn(outputs):
    render(decision_boundary(MLP(2, [outputs], init=lambda *_: 0.0), POINTS, [0, 1, 0, 1], points=5).figure)


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (MLP(2, [3], rng=0), [0, 1, 2, 3], r"y\[3\] is 3.*from 0 to 2"),
        (MLP(2, [3], rng=0), [0, 1, 0.5, 1], r"y\[2\] is 0.5"),
        (MLP(3, [1], rng=0), CLASSES, "wants 3 inputs|wants 3"),
        (MLP(2, [1], rng=0), [1, -1], "2 targets for 4 examples"),
    ],
)
def test_a_decision_boundary_of_what_does_not_fit_is_an_error_and_draws_nothing(model, y, message):
    ax = Figure().subplots()
    with pytest.raises(ValueError, match=message):
        decision_boundary(model, POINTS, y, ax=ax, points=5)
    assert not ax.has_data()
    with pytest.raises(ValueError, match="points is an integer of at least 2"):
        decision_boundary(MLP(2, [1], rng=0), POINTS, CLASSES, points=1)


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


# --- Weights ---------------------------------------------------------------------------------------------------------


def after_backward(model, x=(1.0, -2.0)):
    autograd.sum([z * z for z in (lambda out: out if isinstance(out, list) else [out])(model(list(x)))]).backward()
    return model


def matrices(ax):
    return [image.get_array().tolist() for image in ax.images]


@pytest.mark.parametrize("what", ["data", "grad"])
def test_weights_are_images_of_the_matrix_and_the_biases_on_one_scale_around_0(what):
    layer = after_backward(Layer(2, 5, "tanh", rng=0))
    layer.neurons[1].b.data = -3.0
    ax = weights(layer, what=what)
    rows = [[getattr(w, what) for w in neuron.w] for neuron in layer.neurons]
    biases = [[getattr(neuron.b, what)] for neuron in layer.neurons]
    assert matrices(ax) == [rows, biases]
    largest = max(abs(x) for row in rows + biases for x in row)
    assert [image.get_clim() for image in ax.images] == [(-largest, largest)] * 2
    assert ax.get_title() == "layer: 2 → 5, tanh"
    _, bar = ax.figure.axes
    assert bar.get_ylabel() == ("weight" if what == "data" else "gradient")
    assert (ax.get_ylim(), ax.get_xlim()[0]) == ((4.5, -0.5), -0.5)  # the first neuron on top
    render(ax.figure)


def test_each_number_stands_in_its_cell():
    layer = Layer(3, 2, rng=0)
    layer.neurons[1].b.data = -1.5
    ax = weights(layer)
    written = {tuple(np.round(text.get_position()).astype(int)): text.get_text() for text in ax.texts}
    numbers = [[w.data for w in (*neuron.w, neuron.b)] for neuron in layer.neurons]
    assert written == {(i, j): f"{numbers[j][i]:.2f}" for i in range(4) for j in range(2)}
    assert not weights(layer, labels=False).texts
    for neuron in layer.neurons:
        for w in neuron.w:
            w.data *= 1e-5
        neuron.b.data = 0.0
    assert {text.get_text() for text in weights(layer).texts} == {f"{x.data:.1g}" for x in layer.parameters()}


def test_numbers_are_left_out_where_there_is_no_room():
    assert not weights(Layer(40, 3, rng=0)).texts
    assert not weights(Layer(3, 60, rng=0)).texts
    assert not weights(Layer(6, 3, rng=0), ax=Figure(figsize=(2, 2)).subplots()).texts
    assert weights(Layer(6, 3, rng=0), ax=Figure(figsize=(6, 2)).subplots()).texts


@pytest.mark.parametrize(
    ("sizes", "shape"),
    sampled(
        [
            ([2, 16, 16, 1], None),
            ([2, 6, 6, 1], None),
            ([64, 32, 10], None),
            ([64, 32, 10], (8, 8)),
            ([3, 1], None),
            ([12, 20, 3], (3, 4)),
            ([2, 8, 8, 8, 8, 8, 1], None),
        ],
        every=3,
    ),
)
def test_no_text_on_a_picture_of_weights_overlaps_another(sizes, shape):
    axes = weights(MLP(sizes[0], sizes[1:], rng=0), shape=shape)
    plot = axes[0].figure
    plot.draw_without_rendering()
    texts = []
    for ax in plot.axes:
        labels = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label] if ax.axison else []
        texts += [text for text in (ax.title, *labels, *ax.texts) if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert len(boxes) > 10
    for (a, box), (b, other) in combinations(boxes, 2):
        assert not (box.x0 < other.x1 and other.x0 < box.x1 and box.y0 < other.y1 and other.y0 < box.y1), (a, b)


def test_weights_of_a_network_are_one_picture_for_each_layer():
    for model in (MLP(2, [3, 1], activation="tanh", rng=0), TwoLayers()):
        axes = weights(model)
        assert [ax.get_title() for ax in axes] == ["layer 0: 2 → 3, tanh", "layer 1: 3 → 1, linear"]
        assert [np.shape(matrices(ax)[0]) for ax in axes] == [(3, 2), (1, 3)]


@pytest.mark.parametrize("nout", [1, 2, 7, 32])
def test_weights_of_images_are_images(nout):
    model = MLP(12, [nout, 2], rng=0)
    first, second = weights(model, shape=(3, 4))
    (picture,) = matrices(first)
    picture = np.array(picture, dtype=float)
    assert np.count_nonzero(~np.isnan(picture)) == 12 * nout
    for text, neuron in zip(first.texts, model.layers[0].neurons):
        left, top = np.round(np.array(text.get_position()) + 0.6).astype(int)
        assert picture[top : top + 3, left : left + 4].ravel().tolist() == [w.data for w in neuron.w]
    assert [text.get_text() for text in first.texts] == [str(j) for j in range(nout)]
    largest = max(abs(w.data) for neuron in model.layers[0].neurons for w in neuron.w)
    assert first.images[0].get_clim() == (-largest, largest)
    assert np.shape(matrices(second)[0]) == (2, nout)
    assert not weights(model, shape=(3, 4), labels=False)[0].texts
    render(first.figure)


def relative_luminance(colours):
    """Of sRGB colours, from 0 to 1. WCAG 2.2."""
    colours = np.array(colours)
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_numbers_stand_out_from_their_cells():
    from matplotlib.colors import to_rgb

    layer = Layer(1, 19, init=lambda *_: 1.0)
    for k, neuron in enumerate(layer.neurons):
        neuron.w[0].data, neuron.b.data = (k - 9) / 9, (k - 9.5) / 9.5
    ax = weights(layer)
    assert len(ax.texts) == 38
    for text in ax.texts:
        column, row = text.get_position()
        number = (layer.neurons[row].w[0] if column == 0 else layer.neurons[row].b).data
        pair = relative_luminance([to_rgb(text.get_color()), ax.images[0].to_rgba(number)[:3]])
        assert (max(pair) + 0.05) / (min(pair) + 0.05) > 3.7


def test_the_colours_of_signs_differ_in_hue_and_those_of_sizes_in_lightness():
    from matplotlib.colors import to_rgb

    image = weights(Layer(1, 1, init=lambda *_: 1.0)).images[0]
    colours = np.array([image.to_rgba(x)[:3] for x in np.linspace(-1, 1, 101)])
    lightness = relative_luminance(colours)
    assert (np.diff(lightness[:51]) > 0).all()
    assert (np.diff(lightness[50:]) < 0).all()
    assert lightness[50] == pytest.approx(1.0)
    assert colours[25] == pytest.approx(to_rgb(BLUE), abs=0.01)
    assert colours[75] == pytest.approx(to_rgb(ORANGE), abs=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"what": "z"}, 'what="data" or what="grad", got what=\'z\''),
        ({"what": "grad"}, r"all gradients of this model are 0: call backward\(\)"),
        ({"shape": (3, 4)}, r"shape \(3, 4\) has 12 pixels, the first layer has 2 inputs"),
        ({"shape": 2}, "height and the width"),
        ({"shape": (0, 2)}, "integer of at least 1"),
        ({"shape": (1, 2, 1)}, "height and the width"),
    ],
)
def test_weights_of_what_does_not_fit_are_an_error_and_draw_nothing(options, message):
    axes = Figure().subplots(1, 2)
    with pytest.raises(ValueError, match=message):
        weights(MLP(2, [3, 1], rng=0), ax=axes, **options)
    assert not any(ax.has_data() for ax in axes)


# --- Activations -----------------------------------------------------------------------------------------------------


def bars(ax):
    """The heights of the two kinds of bars in each bin, and the edges of the bins."""
    lower, upper = ax.containers
    edges = [bar.get_x() for bar in lower] + [lower[-1].get_x() + lower[-1].get_width()]
    return [bar.get_height() for bar in lower], [bar.get_height() for bar in upper], edges


def passed(model, X):
    """z and a of each layer as arrays of shape (examples, neurons)."""
    passes = [model.forward(x) for x in X]
    layers = range(len(passes[0].z))
    numbers = lambda part, k: np.array([[v.data for v in getattr(p, part)[k]] for p in passes])  # noqa: E731
    return [(numbers("z", k), numbers("a", k)) for k in layers]


SLOPES = {
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "relu": lambda z: (z > 0) * 1.0,
    "linear": lambda z: np.ones_like(z),
    "softplus": lambda z: 1 / (1 + np.exp(-z)),
}
CLOUD = np.random.default_rng(0).normal(scale=4.0, size=(70, 2))


@pytest.mark.parametrize(("activation", "what"), sampled(product(SLOPES, "az"), every=5))
def test_activations_are_histograms_with_the_saturated_on_top(activation, what):
    model = MLP(2, [5, 3], activation=activation, rng=0)
    axes = activations(model, CLOUD, what=what)
    for ax, (z, a), name in zip(axes, passed(model, CLOUD), [activation, "linear"]):
        saturated = np.abs(SLOPES[name](z)) < 0.05
        shown = a if what == "a" else z
        lower, upper, edges = bars(ax)
        assert (edges[0], edges[-1]) == pytest.approx((shown.min(), shown.max()))
        shown = np.clip(shown, edges[0], edges[-1])  # a bar's place is rounded
        assert lower == pytest.approx(np.histogram(shown[~saturated], edges)[0] / shown.size)
        assert upper == pytest.approx(np.histogram(shown[saturated], edges)[0] / shown.size)
        assert sum(lower) + sum(upper) == pytest.approx(1.0)
        dead = np.count_nonzero(saturated.all(axis=0))
        assert ax.get_title().partition(": ")[2] == f"{z.shape[1]} {name}" + f", {dead} dead" * bool(dead)
        assert legend(ax)[1].startswith("saturated, |da/dz| < 0.05: ")
        assert ax.get_ylim()[1] > 1.3 * max(np.add(lower, upper))  # room for the legend
    assert axes[0].get_xlabel() == ("activation a" if what == "a" else "pre-activation z") + ", 70 examples"
    render(axes[0].figure)


def test_dead_neurons_are_counted_and_shares_written():
    model = MLP(1, [4, 1], init=lambda *_: 1.0)
    for neuron, bias in zip(model.layers[0].neurons, (-10.0, -10.0, 10.0, -0.5)):
        neuron.b.data = bias
    ax, output = activations(model, [0.0, 1.0])
    assert ax.get_title() == "layer 0: 4 relu, 2 dead"
    assert legend(ax) == ["|da/dz| ≥ 0.05: 38%", "saturated, |da/dz| < 0.05: 62%"]  # 5 of 8
    assert legend(output) == ["|da/dz| ≥ 0.05: 100%", "saturated, |da/dz| < 0.05: 0%"]


def test_the_threshold_of_saturation_can_be_chosen():
    model = Layer(1, 1, "tanh", init=lambda *_: 1.0)
    X = [0.0, 1.0, 2.0, 3.0]  # local derivatives 1, 0.42, 0.07, 0.0099
    shares = [legend(activations(model, X, threshold=bound))[1] for bound in (0.001, 0.05, 0.1, 0.5)]
    assert shares == [f"saturated, |da/dz| < {b:g}: {s}%" for b, s in [(0.001, 0), (0.05, 25), (0.1, 50), (0.5, 75)]]


def test_shares_that_are_almost_none_or_all_do_not_look_like_none_or_all():
    ax = activations(Layer(1, 1, "relu", init=lambda *_: 1.0), [-1.0, *[1.0] * 299])
    assert legend(ax) == ["|da/dz| ≥ 0.05: >99%", "saturated, |da/dz| < 0.05: <1%"]


def test_of_many_examples_so_many_are_drawn_and_the_axis_says_so():
    layer = Layer(1, 1, "linear", init=lambda *_: 1.0)
    ax = activations(layer, [float(x) for x in range(1000)], max_examples=10)
    assert ax.get_xlabel() == "activation a, 10 of 1000 examples"
    lower, _, edges = bars(ax)
    assert (edges[0], edges[-1]) == (0.0, 900.0)
    assert lower == pytest.approx(np.histogram(range(0, 1000, 100), edges)[0] / 10)
    assert activations(layer, [[0.5]] * 501).get_xlabel() == "activation a, 500 of 501 examples"
    assert activations(layer, [[0.5]]).get_xlabel() == "activation a, 1 example"


def test_activations_of_functions_of_ones_own_and_under_no_grad():
    def cubed(z):
        return z**3

    layer = Layer(1, 1, cubed, init=lambda *_: 1.0)
    with autograd.no_grad():
        ax = activations(layer, [-1.0, 0.0, 0.1, 1.0])  # local derivatives 3, 0, 0.03, 3
    assert ax.get_title() == "layer: 1 cubed"
    assert legend(ax)[1].endswith(": 50%")


def test_drawing_activations_leaves_parameters_and_gradients_alone():
    model = after_backward(MLP(2, [3, 1], activation="tanh", rng=0))
    before = [(p.data, p.grad) for p in model.parameters()]
    activations(model, CLOUD)
    assert [(p.data, p.grad) for p in model.parameters()] == before


def test_activations_that_are_all_the_same_nan_or_infinite_can_be_drawn():
    layer = Layer(1, 3, "linear", init=lambda *_: 1.0)
    same = activations(layer, [5.0, 5.0])
    lower, _, _ = bars(same)
    assert max(lower) == pytest.approx(1.0)
    for neuron, number in zip(layer.neurons, (math.nan, math.inf, 1e300)):
        neuron.w[0].data = number
    layer.neurons.append(Layer(1, 1, "linear", init=lambda *_: 1.0).neurons[0])
    layer.nout = 4
    ax = activations(layer, [5.0, 7.0])
    assert legend(ax)[2] == "nan or beyond 1e+200: 75%"
    assert sum(bars(ax)[0]) == pytest.approx(0.25)
    render(ax.figure)


def test_a_module_of_ones_own_says_its_activations_in_forward():
    model = Telling()
    axes = activations(model, CLOUD)
    assert [ax.get_title() for ax in axes] == ["layer 0: 3 tanh", "layer 1: 1 linear"]
    (_, a), _ = passed(model, CLOUD)
    lower, upper, edges = bars(axes[0])
    assert np.add(lower, upper) == pytest.approx(np.histogram(a, edges)[0] / a.size)
    with pytest.raises(TypeError, match=r"forward\(x\) returns an nn.Forward.*2 layers.*TwoLayers"):
        activations(TwoLayers(), CLOUD)


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (POINTS, {"what": "delta"}, 'what="a"'),
        (POINTS, {"threshold": 0.0}, "threshold is a number above 0"),
        (POINTS, {"threshold": math.nan}, "threshold"),
        (POINTS, {"max_examples": 0}, "max_examples"),
        ([[1.0, 2.0, 3.0]], {}, r"X\[0\] has 3 numbers"),
        ([], {}, "empty"),
        ([[math.nan, 0.0]], {}, "nan"),
    ],
)
def test_activations_of_what_does_not_fit_are_an_error_and_draw_nothing(X, options, message):
    axes = Figure().subplots(1, 2)
    with pytest.raises(ValueError, match=message):
        activations(MLP(2, [3, 1], rng=0), X, ax=axes, **options)
    assert not any(ax.has_data() for ax in axes)


# --- Gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [MLP(2, [16, 16, 1], rng=0), TwoLayers(), Layer(2, 5, "tanh", rng=0)],
    ids=lambda model: type(model).__name__,
)
def test_gradients_are_histograms_by_sign_on_one_logarithmic_scale(model):
    after_backward(model)
    axes = gradients(model)
    axes = axes if isinstance(axes, list) else [axes]
    layers = getattr(model, "layers", None) or [
        getattr(model, "first", model),
        *getattr(model, "rest", {}).get("last", []),
    ]
    assert len(axes) == len(layers)
    for ax, layer in zip(axes, layers):
        numbers = np.array([p.grad for p in layer.parameters()])
        lower, upper, edges = bars(ax)
        assert lower == pytest.approx(np.histogram(numbers[numbers > 0], edges)[0] / numbers.size)
        assert upper == pytest.approx(np.histogram(-numbers[numbers < 0], edges)[0] / numbers.size)
        assert sum(lower) + sum(upper) == pytest.approx(np.count_nonzero(numbers) / numbers.size)
        assert ax.get_xscale() == "log"
        (line, *_) = ax.lines[-1:]
        median = np.median(np.abs(numbers[numbers != 0]))
        assert line.get_xdata()[0] == pytest.approx(median)
        assert f"median {median:.1e}" in legend(ax)
        assert ax.get_title().endswith(f": {numbers.size} parameters")
    assert len({ax.get_xlim() for ax in axes}) == 1
    render(axes[0].figure)


def test_gradients_of_0_and_nan_have_their_share_in_the_legend():
    layer = Layer(3, 1, rng=0)
    for parameter, gradient in zip(layer.parameters(), (0.0, 1e-3, math.nan, -1e-3)):
        parameter.grad = gradient
    ax = gradients(layer)
    assert legend(ax) == ["above 0: 25%", "below 0: 25%", "0: 25%", "nan or beyond 1e+200: 25%", "median 1.0e-03"]
    for parameter in layer.parameters():
        parameter.grad = math.inf
    assert legend(gradients(layer)) == ["above 0: 0%", "below 0: 0%", "nan or beyond 1e+200: 100%"]


@pytest.mark.parametrize("seed", sampled(range(20), every=5))
def test_no_gradient_is_lost_at_the_ends_of_the_scale(seed):
    rng, layer = random.Random(seed), Layer(3, 1, rng=0)
    for parameter in layer.parameters():
        parameter.grad = rng.choice([-1, 1]) * math.nextafter(10.0 ** rng.randint(-9, 9), rng.choice([0, math.inf]))
    lower, upper, _ = bars(gradients(layer))
    assert sum(lower) + sum(upper) == pytest.approx(1.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_after_fit_are_those_of_the_last_step(compiled):
    if compiled:
        pytest.importorskip("llvmlite")
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    fit(model, POINTS, CLASSES, loss="hinge", epochs=2, progress=False, compiled=compiled)
    lower, upper, _ = bars(gradients(model)[0])
    numbers = [p.grad for p in model.layers[0].parameters()]
    assert any(numbers)
    assert [sum(lower), sum(upper)] == pytest.approx([sum(g > 0 for g in numbers) / 9, sum(g < 0 for g in numbers) / 9])


def test_gradients_before_backward_and_after_zero_grad_are_an_error():
    model = MLP(2, [3, 1], rng=0)
    with pytest.raises(ValueError, match=r"call backward\(\) of a loss first"):
        gradients(model)
    gradients(after_backward(model))
    model.zero_grad()
    axes = Figure().subplots(2, 1)
    with pytest.raises(ValueError, match=r"call backward\(\) of a loss first"):
        gradients(model, ax=axes)
    assert not any(ax.has_data() for ax in axes)


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


@pytest.mark.parametrize("number", sampled([-1e199, math.nan, -math.inf, 1e308, 5e-324], every=5))
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
