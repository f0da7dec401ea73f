"""Initialisation: variances, seeds, and the weights of micrograd."""

import math
import random
import statistics

import numpy as np
import pytest
from training import data_of

from nn import MLP, Layer, Neuron
from nn.initialisation import he, xavier


def weights_of(layer):
    return [weight.data for neuron in layer.neurons for weight in neuron.w]


@pytest.mark.parametrize(
    ("activation", "init", "variance"),
    [
        ("relu", "he", 2 / 100),
        ("relu", "auto", 2 / 100),
        ("gelu", "auto", 2 / 100),
        ("tanh", "xavier", 2 / (100 + 300)),
        ("tanh", "auto", 2 / (100 + 300)),
        ("linear", "auto", 2 / (100 + 300)),
        ("relu", "micrograd", 1 / 3),
    ],
)
def test_weights_have_the_variance_of_their_initialisation_and_biases_are_zero(activation, init, variance):
    layer = Layer(100, 300, activation, init, rng=0)
    weights = weights_of(layer)
    # The variance of 30,000 draws is off by at most sqrt(2 / 30000) = 0.8% (one standard deviation)
    assert statistics.pvariance(weights) == pytest.approx(variance, rel=0.04)
    assert statistics.fmean(weights) == pytest.approx(0.0, abs=4 * math.sqrt(variance / len(weights)))
    assert [neuron.b.data for neuron in layer.neurons] == [0.0] * 300


def test_xavier_is_uniform_within_its_bound():
    weights = weights_of(Layer(100, 300, "tanh", rng=0))
    bound = math.sqrt(6 / 400)
    assert max(map(abs, weights)) <= bound
    assert sum(weight > bound / 2 for weight in weights) / len(weights) == pytest.approx(0.25, abs=0.02)


def test_the_last_layer_gets_the_initialisation_of_its_own_activation():
    model = MLP(3, [2, 2], rng=7)
    rng = random.Random(7)
    for layer, draw in zip(model.layers, (he, xavier)):
        assert weights_of(layer) == [draw(rng, layer.nin, layer.nout) for _ in range(layer.nin * layer.nout)]


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    assert data_of(MLP(3, [4, 1], rng=5)) == data_of(MLP(3, [4, 1], rng=5))
    assert data_of(MLP(3, [4, 1], rng=5)) == data_of(MLP(3, [4, 1], rng=random.Random(5)))
    assert data_of(MLP(3, [4, 1], rng=5)) != data_of(MLP(3, [4, 1], rng=6))


def test_a_seed_leaves_pythons_own_random_alone():
    state = random.getstate()
    MLP(3, [4, 1], rng=5)
    assert random.getstate() == state


def test_without_a_source_pythons_own_random_is_used():
    state = random.getstate()
    try:
        random.seed(5)
        first = data_of(MLP(3, [4, 1]))
        random.seed(5)
        second = data_of(MLP(3, [4, 1]))
    finally:
        random.setstate(state)
    assert first == second == data_of(MLP(3, [4, 1], rng=5))


def test_the_neurons_of_a_layer_differ():
    assert len(set(weights_of(Layer(3, 4, rng=0)))) == 12


def test_an_initialisation_may_be_a_function():
    sizes = []

    def init(_rng, nin, nout):
        sizes.append((nin, nout))
        return float(len(sizes))

    model = MLP(2, [2, 1], init=init)
    assert sizes == [(2, 2)] * 4 + [(2, 1)] * 2
    assert data_of(model) == [1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 5.0, 6.0, 0.0]


def test_an_unknown_initialisation_is_refused_with_the_names_of_all():
    with pytest.raises(ValueError, match="unknown initialization 'kaiming': write one of auto, he, xavier, micrograd"):
        Neuron(2, init="kaiming")


@pytest.mark.parametrize("rng", ["seed", 1.5, np.random.default_rng(0)])
def test_a_source_of_another_kind_is_refused(rng):
    with pytest.raises(TypeError, match="rng is a seed"):
        MLP(2, [1], rng=rng)


def micrograd_weights(nin, nouts, rng):
    sizes = [nin, *nouts]
    for fan_in, fan_out in zip(sizes, nouts):
        for _ in range(fan_out):
            yield from [rng.uniform(-1, 1) for _ in range(fan_in)]
            yield 0.0


def test_micrograds_initialisation_draws_in_micrograds_order():
    assert data_of(MLP(2, [3, 4, 1], init="micrograd", rng=1337)) == list(
        micrograd_weights(2, [3, 4, 1], random.Random(1337))
    )
    assert data_of(MLP(2, [1], init="micrograd", rng=1337)) == [0.23550571390294128, 0.06653114721000164, 0.0]


def test_micrograds_initialisation_gives_the_weights_of_micrograd_itself():
    micrograd = pytest.importorskip(
        "micrograd.nn", reason='NOT TESTED, micrograd is missing: pip install ".[benchmark]"'
    )
    state = random.getstate()
    try:
        random.seed(1337)
        theirs = micrograd.MLP(2, [16, 16, 1]).parameters()
        random.seed(1337)
        ours = MLP(2, [16, 16, 1], init="micrograd").parameters()
    finally:
        random.setstate(state)
    assert [p.data for p in ours] == [p.data for p in theirs]
