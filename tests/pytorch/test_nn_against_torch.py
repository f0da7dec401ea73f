"""Optimisers, losses and a whole training against PyTorch in float64."""

import random

import pytest

from autograd import Value
from nn import (
    LOSSES,
    MLP,
    SGD,
    Adam,
    AdamW,
    RMSprop,
    binary_cross_entropy,
    clip_grad_norm,
    cross_entropy,
    fit,
    half_squared_error,
    hinge,
    mean_squared_error,
)
from nn.schedules import cosine, linear

torch = pytest.importorskip(
    "torch", minversion="2.4", reason='NOT TESTED, PyTorch is missing: pip install ".[torch]"'
)  # without it, `torch` is this directory
torch.set_num_threads(1)
functional = torch.nn.functional


def tensor(numbers):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


# --- Optimisers ------------------------------------------------------------------------------------------------------

OPTIMISERS = {
    "sgd": (lambda p: SGD(p, lr=0.02), lambda p: torch.optim.SGD(p, lr=0.02)),
    "sgd, weight decay": (
        lambda p: SGD(p, lr=0.02, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.02, weight_decay=0.1),
    ),
    "momentum": (lambda p: SGD(p, lr=0.02, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9)),
    "momentum, weight decay": (
        lambda p: SGD(p, lr=0.02, momentum=0.9, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.1),
    ),
    "nesterov": (
        lambda p: SGD(p, lr=0.02, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    ),
    "nesterov, weight decay": (
        lambda p: SGD(p, lr=0.02, momentum=0.8, nesterov=True, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8, nesterov=True, weight_decay=0.1),
    ),
    "rmsprop": (lambda p: RMSprop(p), lambda p: torch.optim.RMSprop(p)),
    "rmsprop, decay": (
        lambda p: RMSprop(p, lr=0.02, decay=0.8, eps=1e-3),
        lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.8, eps=1e-3),
    ),
    "adam": (lambda p: Adam(p), lambda p: torch.optim.Adam(p)),
    "adam, all settings": (
        lambda p: Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1),
        lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1),
    ),
    "adamw": (lambda p: AdamW(p), lambda p: torch.optim.AdamW(p)),
    "adamw, all settings": (
        lambda p: AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.3),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), OPTIMISERS.values(), ids=OPTIMISERS)
def test_fifty_steps_of_an_optimiser(ours, theirs):
    rng = random.Random(11)
    start = [rng.uniform(0.5, 2.0) * rng.choice([-1, 1]) for _ in range(6)]
    values, x = [Value(number) for number in start], tensor(start)
    optimizer, reference = ours(values), theirs([x])
    for _ in range(50):
        gradients = [rng.gauss(0.0, 1.0) * 10.0 ** rng.uniform(-3, 1) for _ in start]
        for value, gradient in zip(values, gradients):
            value.grad = gradient
        x.grad = torch.tensor(gradients, dtype=torch.float64)
        optimizer.step()
        reference.step()
        # Relative to the parameters' size: where one passes through 0 its own relative error means nothing
        assert [value.data for value in values] == pytest.approx(x.tolist(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), OPTIMISERS.values(), ids=OPTIMISERS)
def test_fifty_steps_down_a_bowl(ours, theirs):
    start = [1.0, -2.0, 0.5]
    values, x = [Value(number) for number in start], tensor(start)
    optimizer, reference = ours(values), theirs([x])
    for _ in range(50):
        optimizer.zero_grad()
        (values[0] ** 2 + (values[1] * values[2] - 1) ** 2 * 0.5).backward()
        optimizer.step()
        reference.zero_grad()
        (x[0] ** 2 + (x[1] * x[2] - 1) ** 2 * 0.5).backward()
        reference.step()
    assert [value.data for value in values] == pytest.approx(x.tolist(), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("max_norm", [0.5, 5.0, 500.0])
def test_clip_grad_norm(max_norm):
    gradients = [3.0, -4.0, 12.0]
    values, x = [Value(0.0) for _ in gradients], tensor([0.0] * 3)
    for value, gradient in zip(values, gradients):
        value.grad = gradient
    x.grad = torch.tensor(gradients, dtype=torch.float64)
    assert clip_grad_norm(values, max_norm) == pytest.approx(torch.nn.utils.clip_grad_norm_([x], max_norm).item())
    # PyTorch divides by the norm + 1e-6
    assert [value.grad for value in values] == pytest.approx(x.grad.tolist(), rel=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (linear(0.5, 0.1, 8), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.2, total_iters=8)),
        (cosine(0.5, 0.1, 8), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=8, eta_min=0.1)),
    ],
    ids=["linear", "cosine"],
)
def test_schedules(ours, theirs):
    x = tensor([1.0])
    optimizer = torch.optim.SGD([x], lr=0.5)
    schedule = theirs(optimizer)
    rates = []
    for _ in range(9):
        rates.append(optimizer.param_groups[0]["lr"])
        x.grad = torch.zeros_like(x)
        optimizer.step()
        schedule.step()
    assert [ours(step) for step in range(9)] == pytest.approx(rates, rel=1e-12)


# --- Losses ----------------------------------------------------------------------------------------------------------

TORCH_LOSSES = {
    "half_squared_error": lambda z, y: 0.5 * functional.mse_loss(z, tensor(y), reduction="sum"),
    "mean_squared_error": lambda z, y: functional.mse_loss(z, tensor(y)),
    "hinge": lambda z, y: functional.relu(1 - y * z),
    "binary_cross_entropy": lambda z, y: functional.binary_cross_entropy_with_logits(z, tensor(float(y))),
    "cross_entropy": lambda z, y: functional.cross_entropy(z, torch.tensor(y)),
}


def cases():
    rng = random.Random(5)
    logits = [[rng.gauss(0.0, scale) for _ in range(4)] for scale in (0.1, 1.0, 10.0, 300.0)]
    for z in logits:
        yield from [(loss, z, [rng.gauss(0.0, 1.0) for _ in z]) for loss in (half_squared_error, mean_squared_error)]
        yield from [(cross_entropy, z, y) for y in range(4)]
        yield from [(hinge, z[:1], y) for y in (-1, 1)]
        yield from [(binary_cross_entropy, z[:1], y) for y in (0, 1, 0.3)]


@pytest.mark.parametrize(("loss", "logits", "target"), list(cases()))
def test_losses_and_their_gradients(loss, logits, target):
    values = [Value(z) for z in logits]
    ours = loss(values if len(values) > 1 else values[0], target)
    ours.backward()
    z = tensor(logits if len(logits) > 1 else logits[0])
    theirs = TORCH_LOSSES[loss.__name__](z, target)
    theirs.backward()
    assert ours.data == pytest.approx(theirs.item(), rel=1e-12, abs=1e-14)
    gradients = z.grad.tolist() if len(logits) > 1 else [z.grad.item()]
    assert [value.grad for value in values] == pytest.approx(gradients, rel=1e-12, abs=1e-14)


# --- A whole training ------------------------------------------------------------------------------------------------

ACTIVATIONS = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "gelu": functional.gelu}

TRAININGS = {
    "cross_entropy": (3, lambda rng: rng.randrange(3)),
    "binary_cross_entropy": (1, lambda rng: rng.randrange(2)),
    "hinge": (1, lambda rng: rng.choice([-1, 1])),
    "mean_squared_error": (2, lambda rng: [rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)]),
    "half_squared_error": (1, lambda rng: rng.gauss(0.0, 1.0)),
}


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fit_is_the_same_loop_in_torch(name, activation):
    outputs, draw = TRAININGS[name]
    rng = random.Random(2)
    X = [[rng.gauss(0.0, 1.0) for _ in range(3)] for _ in range(12)]
    y = [draw(rng) for _ in X]
    model = MLP(3, [5, 4, outputs], activation, rng=4)
    W = [tensor([[w.data for w in neuron.w] for neuron in layer.neurons]) for layer in model.layers]
    b = [tensor([neuron.b.data for neuron in layer.neurons]) for layer in model.layers]
    parameters = [*W, *b]
    reference = torch.optim.Adam(parameters, lr=0.02)

    history = fit(
        model, X, y, name, Adam(model.parameters(), lr=0.02), epochs=30, l2=1e-3, clip_norm=1e9, progress=False
    )

    losses = []
    for _ in range(30):
        a = torch.tensor(X, dtype=torch.float64)
        for k, (weights, bias) in enumerate(zip(W, b)):
            z = a @ weights.T + bias
            a = ACTIVATIONS[activation](z) if k < 2 else z
        rows = [row if outputs > 1 else row[0] for row in a]
        costs = [TORCH_LOSSES[LOSSES[name].__name__](row, target) for row, target in zip(rows, y)]
        cost = torch.stack(costs).mean() + 1e-3 * sum((p**2).sum() for p in parameters)
        reference.zero_grad()
        cost.backward()
        reference.step()
        losses.append(cost.item())

    assert history.loss == pytest.approx(losses, rel=1e-9)
    for layer, weights, bias in zip(model.layers, W, b):
        for neuron, row, last in zip(layer.neurons, weights.tolist(), bias.tolist()):
            assert [w.data for w in neuron.w] == pytest.approx(row, rel=1e-9, abs=1e-12)
            assert neuron.b.data == pytest.approx(last, rel=1e-9, abs=1e-12)
