"""Plots of each layer: weights, activations and gradients, drawn as the numbers that they are."""

import math
import random
from itertools import combinations, product

import numpy as np
import pytest
from plotting import CLASSES, POINTS, Figure, TwoLayers, after_backward, legend, render

import autograd
from nn import MLP, Forward, Layer, fit
from nn.plots import BLUE, ORANGE, activations, gradients, weights

pytestmark = pytest.mark.sampled(every=3)


class Telling(TwoLayers):
    def forward(self, x):
        z, a = self.first.forward(x)
        score, output = self.rest["last"][0].forward(a)
        return Forward(output[0], [z, score], [a, output])


# --- Weights ---------------------------------------------------------------------------------------------------------


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


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ([2, 16, 16, 1], None),
        ([2, 6, 6, 1], None),
        ([64, 32, 10], None),
        ([64, 32, 10], (8, 8)),
        ([3, 1], None),
        ([12, 20, 3], (3, 4)),
        ([2, 8, 8, 8, 8, 8, 1], None),
    ],
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


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize(("activation", "what"), [*product(SLOPES, "az")])
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


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("seed", range(20))
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
