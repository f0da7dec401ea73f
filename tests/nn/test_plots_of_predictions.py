"""Plots of what a model predicts: decision boundaries and digits."""

import random

import numpy as np
import pytest
from plotting import CLASSES, POINTS, Figure, legend, render

from nn import MLP, predict
from nn.plots import ORANGE, decision_boundary, predicted_digits

pytestmark = pytest.mark.sampled(every=3)

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
