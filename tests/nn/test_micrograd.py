"""Micrograd's demo, two half moons: the same program and `fit` go where micrograd 0.1.0 goes."""

import random

import pytest

import autograd
from autograd import Value
from nn import MLP, SGD, fit
from nn.data import moons
from nn.schedules import linear

# The losses of micrograd 0.1.0 from PyPI in the demo of its README (random.seed(1337), np.random.seed(1337)),
# the steps counted from 0
LOSSES = {
    0: 0.8958441028683222,
    1: 1.723590533697202,
    2: 0.7429006313851131,
    3: 0.7705641260584202,
    4: 0.3692793385976538,
    5: 0.3135454819185219,
    6: 0.2814234349772434,
    7: 0.26888733313983904,
    8: 0.2567147286057417,
    9: 0.27048625516379227,
    10: 0.2450702385365804,
    20: 0.18977522856087645,
    30: 0.11731297569011845,
    40: 0.060160098952344754,
    50: 0.09875114765619616,
    60: 0.032597111578102245,
    70: 0.01422987006592693,
    80: 0.012318500800515803,
    90: 0.010984458327280172,
    99: 0.010978370135492717,
}


@pytest.fixture(scope="module")
def data():
    """The demo's own lines for its data, with NumPy's random numbers left as they were."""
    pytest.importorskip("sklearn")
    import numpy as np
    from sklearn.datasets import make_moons

    state = np.random.get_state()
    try:
        np.random.seed(1337)
        X, y = make_moons(n_samples=100, noise=0.1)
    finally:
        np.random.set_state(state)
    return X, y * 2 - 1


def make_model(MLP, **options):
    """The demo's network, under its seed."""
    state = random.getstate()
    try:
        random.seed(1337)
        return MLP(2, [16, 16, 1], **options)
    finally:
        random.setstate(state)


def demo(Value, model, X, y, steps):
    """The demo's training as it stands there; yields the loss, the accuracy and the parameters of each step."""

    def loss():
        inputs = [list(map(Value, xrow)) for xrow in X]

        # forward the model to get scores
        scores = list(map(model, inputs))

        # svm "max-margin" loss
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        # L2 regularization
        alpha = 1e-4
        reg_loss = alpha * sum((p * p for p in model.parameters()))  # noqa: UP034
        total_loss = data_loss + reg_loss

        # also get accuracy
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores)]
        return total_loss, sum(accuracy) / len(accuracy)

    for k in range(steps):
        # forward
        total_loss, acc = loss()

        # backward
        model.zero_grad()
        total_loss.backward()

        # update (sgd)
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad

        yield total_loss.data, acc, [p.data for p in model.parameters()]


def assert_follows_micrograd(losses):
    wanted = {k: loss for k, loss in LOSSES.items() if k < len(losses)}
    assert {k: losses[k] for k in wanted} == pytest.approx(wanted, rel=1e-9)


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("count", [31, 100])
def test_the_program_of_the_demo_gives_the_losses_of_micrograd(data, count):
    steps = list(demo(Value, make_model(MLP, init="micrograd"), *data, count))
    assert_follows_micrograd([loss for loss, _, _ in steps])
    assert steps[0][1] == 0.5
    assert (steps[-1][1] == 1.0) == (count == 100)


def test_fit_gives_the_losses_of_micrograd():
    pytest.importorskip("sklearn")
    X, y = moons()
    model = MLP(2, [16, 16, 1], init="micrograd", rng=1337)
    optimizer = SGD(model.parameters(), lr=linear(1.0, 0.1, 100))
    history = fit(model, X, y, loss="hinge", optimizer=optimizer, epochs=100, l2=1e-4, progress=False)
    assert_follows_micrograd(history.loss)
    assert history.accuracy[0] == 0.5
    assert history.accuracy[-1] == 1.0


def test_ten_steps_side_by_side_with_micrograd_itself(data):
    engine, nn = (
        pytest.importorskip("micrograd.engine", reason='NOT TESTED, micrograd is missing: pip install ".[benchmark]"'),
        pytest.importorskip("micrograd.nn", reason='NOT TESTED, micrograd is missing: pip install ".[benchmark]"'),
    )
    ours = demo(Value, make_model(MLP, init="micrograd"), *data, 10)
    theirs = demo(engine.Value, make_model(nn.MLP), *data, 10)
    for (loss, accuracy, parameters), (their_loss, their_accuracy, their_parameters) in zip(ours, theirs, strict=True):
        assert loss == pytest.approx(their_loss, rel=1e-9)
        assert accuracy == their_accuracy
        assert parameters == pytest.approx(their_parameters, rel=1e-9, abs=1e-12)


def test_the_engines_example_of_the_readme_gives_its_numbers():
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_the_names_that_micrograd_programs_look_at():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    assert set(c._prev) == {a, b}
    assert (c._op, a._op, (a + b)._op, a.relu()._op != "") == ("*", "", "+", True)
    assert repr(autograd.Value(2.0)) == "Value(data=2.0, grad=0.0)"
