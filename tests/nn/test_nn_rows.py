"""What nn knows of losses and activations stands in tables: a row made at run time is all that it takes."""

import copy
import math
import pathlib
import pickle
import random
import shutil
import subprocess
import sys

import pytest

import autograd
import nn
from autograd import PRIMITIVES, Primitive, Value, check_grads, grad
from nn.initialisation import he, xavier
from nn.losses import Loss
from nn.train.evaluate import check_targets, decide, is_right

rng = random.Random(0)
X = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(12)]
SIDES = [3 if x[0] > x[1] else 7 for x in X]


def logistic_of_sides(outputs, target):
    """log(1 + e ** -m) for classes 3 and 7, which no loss of the library's own has."""
    return autograd.softplus((5 - target) * 0.5 * outputs[0])


@pytest.fixture
def sides(monkeypatch):
    row = Loss(
        logistic_of_sides,
        outputs=(1, 1),
        wants=lambda y, _: "" if y in (3, 7) else "a side, 3 or 7",
        decide=lambda z: autograd.where(autograd.greater(z[0], 0.0), 7.0, 3.0),
    )
    monkeypatch.setitem(nn.LOSSES, "sides", row)
    return row


@pytest.mark.usefixtures("sides")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_loss_for_classes_is_one_row(compiled):
    if compiled:
        pytest.importorskip("llvmlite")
    model = nn.MLP(2, [4, 1], activation="tanh", rng=1)
    fitted = nn.fit(
        model, X, SIDES, "sides", "adam", epochs=40, batch_size=5, validation=(X, SIDES), compiled=compiled, l2=1e-4
    )
    assert fitted.compiled == compiled
    assert len(fitted.accuracy) == len(fitted.validation_accuracy) == 40
    right = [c == t for c, t in zip(nn.predict(model, X, "sides"), SIDES)]
    assert nn.accuracy(model, X, SIDES, "sides") == fitted.validation_accuracy[-1] == sum(right) / len(X)
    assert nn.evaluate(model, X, SIDES, "sides")[0] == pytest.approx(fitted.validation_loss[-1], rel=1e-12)


def test_eager_and_compiled_steps_count_the_same_right_answers(sides):
    pytest.importorskip("llvmlite")
    histories = [
        nn.fit(nn.MLP(2, [4, 1], rng=1), X, SIDES, loss, epochs=9, batch_size=4, compiled=compiled)
        for loss in ("sides", sides)
        for compiled in (False, True)
    ]
    assert all(history.accuracy == histories[0].accuracy for history in histories)


def test_the_targets_of_a_row_are_checked(sides):
    with pytest.raises(ValueError, match=r"y\[1\] is 4, logistic_of_sides wants a side, 3 or 7"):
        nn.fit(nn.MLP(2, [1], rng=0), X[:2], [3, 4], "sides")
    with pytest.raises(ValueError, match="logistic_of_sides wants one output, got 2: use cross_entropy for several"):
        nn.evaluate(nn.MLP(2, [2], rng=0), X[:2], [3, 7], "sides")
    with pytest.raises(ValueError, match="the target is cat, logistic_of_sides wants a side"):
        sides(Value(1.0), "cat")
    with pytest.raises(ValueError, match="wants one number for each example, a side, 3 or 7"):
        check_targets(sides, [[3, 7]], 1)


@pytest.mark.usefixtures("sides")
def test_messages_name_the_row():
    with pytest.raises(ValueError, match=r"unknown loss 'mse': write one of .*, sides, or a function"):
        nn.fit(nn.MLP(2, [1], rng=0), X, SIDES, "mse")
    with pytest.raises(ValueError, match=r"accuracy wants a loss for classes, hinge, .* or sides, got"):
        nn.accuracy(nn.MLP(2, [1], rng=0), X, SIDES, "mean_squared_error")


def test_a_row_is_an_operation_of_its_formula(sides):
    assert sides(Value(0.5), 7).data == pytest.approx(math.log1p(math.exp(-0.5)))
    assert (decide(sides, [0.5]), decide(sides, [-0.5])) == (7, 3)
    assert is_right(sides, Value(0.5), Value(7.0)).data == 1.0
    assert "classes 3 and 7" in sides.__doc__
    check_grads(lambda z: sides(z, 7), (0.3,))
    assert [node for node in autograd.graph.topological_order(sides(Value(0.5), 7)) if node.label] == []
    cost = sides(Value(0.5, label="z"), 3)
    assert autograd.scopes.scope_of(cost).name == "logistic_of_sides"


ROW = """
@partial(
    _row,
    outputs=(1, 1),
    wants=lambda y, _: "" if y in (3, 7) else "a side, 3 or 7",
    decide=lambda z: where(greater(z[0], 0.0), 7.0, 3.0),
)
def logistic(output: list[Value], target: Value | float) -> Value:
    return softplus((5 - target) * 0.5 * output[0])
"""

USE = """
import math
import nn
from autograd import Value
from nn import logistic

assert "logistic" in nn.__all__ and repr(logistic) == "<loss logistic>"
assert logistic(Value(0.5), 7).data == math.log1p(math.exp(-0.5))
X, y = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.3]], [3, 7, 3, 7]
model = nn.MLP(2, [4, 1], activation="tanh", rng=1)
print(nn.fit(model, X, y, "logistic", "adam", epochs=60, compiled=False).accuracy[-1], nn.predict(model, X, "logistic"))
"""


def test_a_row_among_the_losses_is_all_that_a_new_loss_takes(tmp_path):
    source = pathlib.Path(nn.__file__).parent.parent
    for package in ("autograd", "nn"):
        shutil.copytree(source / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with open(tmp_path / "nn" / "losses.py", "a", encoding="utf-8") as losses:
        losses.write(ROW)
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1.0 [3, 7, 3, 7]\n"


@pytest.mark.parametrize("loss", [nn.hinge, nn.cross_entropy, nn.mean_squared_error])
def test_the_rows_of_the_library_are_themselves_in_copies_and_pickles(loss):
    assert pickle.loads(pickle.dumps(loss)) is copy.deepcopy(loss) is copy.copy(loss) is loss
    assert repr(loss) == f"<loss {loss.__name__}>"


# --- Activations -----------------------------------------------------------------------------------------------------


def test_a_row_of_the_engine_is_an_activation():
    Primitive("square_relu", lambda x: x * x if x > 0 else 0.0, partials=(lambda out, x: 2 * autograd.relu(x),))
    model = nn.MLP(2, [3, 1], activation="square_relu", rng=0)
    model([1.0, 2.0]).backward()
    assert repr(model).startswith("MLP(2, [3, 1], activation='square_relu'")
    assert grad(lambda x: nn.Neuron(1, "square_relu", init=lambda *_: 3.0)([x]))(2.0) == 2 * 6.0 * 3
    with pytest.raises(ValueError, match=r"unknown activation 'cube_relu': write one of .*, square_relu, or"):
        nn.Neuron(1, "cube_relu")


def drawn(activation):
    return [parameter.data for parameter in nn.Layer(3, 2, activation, rng=0).parameters()]


@pytest.mark.parametrize(
    ("forward", "initialiser"),
    [
        (lambda x: max(x, 0.0), he),
        (lambda x: x if x > 0 else 0.2 * x, he),
        (lambda x: x / (1 + math.exp(-1.702 * x)), he),
        (lambda x: max(-1.0, min(1.0, x)), xavier),
        (lambda x: abs(x), xavier),
        (lambda x: x, xavier),
        (lambda x: math.sqrt(x), xavier),
        (lambda x: math.exp(x), xavier),
        (lambda x: 1 / (x + 100), xavier),
    ],
    ids=["relu", "leaky", "gelu", "hard tanh", "abs", "identity", "sqrt", "exp", "pole"],
)
def test_a_row_gets_the_initialisation_that_suits_it(forward, initialiser):
    Primitive("own_activation", forward, partials=(1.0,))
    assert drawn("own_activation") == [
        parameter.data for parameter in nn.Layer(3, 2, "own_activation", init=initialiser, rng=0).parameters()
    ]


RECTIFIERS = {"relu", "leaky_relu", "elu", "silu", "gelu", "softplus"}


@pytest.mark.parametrize("name", [name for name, row in PRIMITIVES.items() if row.arity == 1 + len(row.defaults)])
def test_the_rows_of_the_engine_get_the_initialisation_that_they_always_had(name):
    assert nn.initialisation.initialiser("auto", name) is (he if name in RECTIFIERS else xavier)
