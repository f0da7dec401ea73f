"""The command line: `python -m nn digits` and `python -m nn moons` train a network made of Values on real data."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import autograd
from autograd.files import check_writable, write_whole
from nn import MLP, SGD, Adam, History, binary_cross_entropy, cross_entropy, evaluate, fit, hinge, predict
from nn.demos.datasets import digits, moons
from nn.train.schedules import cosine, linear
from nn.train.steps import why_not_compiled

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Parser(argparse.ArgumentParser):
    """Errors in one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, show what was learned, and name the pictures. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _check_places(options)
        return int(options.train(options))
    except (ModuleNotFoundError, FloatingPointError, OSError, RuntimeError) as error:
        print(f"python -m nn {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def train_digits(options: argparse.Namespace) -> int:
    """Handwritten digits: softmax cross-entropy, Adam, mini-batches."""
    data = digits()
    model = MLP(64, [*options.hidden, 10], rng=options.seed)
    steps = options.epochs * -(-len(data.train_x) // 32)
    optimizer = Adam(model.parameters(), lr=cosine(options.lr, options.lr / 20, max(steps, 1)))
    what = f"{len(data.train_x)} handwritten digits, tested on {len(data.test_x)} others"
    how = {"optimizer": optimizer, "batch_size": 32, "validation": (data.test_x, data.test_y)}
    history = _train(options, what, model, data.train_x, data.train_y, **how)
    loss, accuracy = evaluate(model, data.test_x, data.test_y)
    print(f"{accuracy:.1%} of {len(data.test_x)} held-out digits are read right (loss {loss:.4f}).", flush=True)

    from nn.plots import predicted_digits

    logits = predict(model, data.test_x)
    probabilities: list[Any] = [autograd.softmax(z) for z in logits]
    wrong_first = sorted(range(len(logits)), key=lambda k: probabilities[k][data.test_y[k]])
    shown = wrong_first[:16] + wrong_first[len(wrong_first) // 2 :: 11][:16]
    example = cross_entropy(model(data.test_x[0]), data.test_y[0])
    picture = predicted_digits(data.test_x, probabilities, data.test_y, shown)
    _save_pictures(options, history, "predictions.png", picture, example)
    return 130 if history.interrupted else 0


def train_moons(options: argparse.Namespace) -> int:
    """Micrograd's demo: two half moons, hinge loss with an L2 penalty, gradient descent on the whole data set."""
    X, y = moons(seed=options.seed)
    model = MLP(2, [*options.hidden, 1], init="micrograd", rng=options.seed)
    optimizer = SGD(model.parameters(), lr=linear(options.lr, options.lr / 10, max(options.epochs, 1)))
    what = f"{len(X)} points of two half moons"
    history = _train(options, what, model, X, y, loss="hinge", optimizer=optimizer, l2=1e-4)
    loss, accuracy = evaluate(model, X, y, loss="hinge")
    print(f"{accuracy:.1%} of the points are on the right side (hinge loss {loss:.4f}).", flush=True)

    from nn.plots import decision_boundary

    picture = decision_boundary(model, X, y).figure
    _save_pictures(options, history, "decision-boundary.png", picture, hinge(model(X[0]), y[0]))
    if options.explore is not None:
        _save_explorer(options.explore, model, X, y)
    return 130 if history.interrupted else 0


def _check_places(options: argparse.Namespace) -> None:
    """See before the training that what will be learned can be kept; an error says which option to change."""
    places = {"--out": _model_path(options), "--explore": getattr(options, "explore", None)}
    for option, path in places.items():
        try:
            if option == "--out":
                os.makedirs(options.out, exist_ok=True)
            if path is not None:
                check_writable(path)
        except OSError as error:
            raise OSError(f"{error}: write {option} with a place that can be written") from None


def _model_path(options: argparse.Namespace) -> str:
    return os.path.join(options.out, f"{options.command}-model.json")


def _train(options: argparse.Namespace, what: str, model: MLP, X: Any, y: Any, **how: Any) -> History:
    """Say what is trained, on what and how; train; and save what was learned before anything else is done with it."""
    reason = "as asked for" if options.eager else why_not_compiled()
    print(f"{model!r}: {len(model.parameters())} parameters, every one a Value.\nLearning from {what}.")
    print(f"Training eagerly: {reason}" if reason else "Compiled to native code.", flush=True)
    history = fit(model, X, y, epochs=options.epochs, seed=options.seed, progress=True, compiled=not reason, **how)
    path = _model_path(options)
    model.save(path)
    stopped = f"Stopped after {history.epochs} whole epochs; what was learned so far is kept.\n" * history.interrupted
    print(f"{stopped}{history!r}\nThe model: {path}", flush=True)
    return history


def _save_pictures(
    options: argparse.Namespace, history: History, name: str, figure: Any, example: autograd.Value
) -> None:
    """The curves of the training, a figure under this name, and the graph of the loss of one example."""
    from nn.plots import learning_curves

    example.label = "loss"
    example.backward()
    pictures = [
        _save(options, "learning-curves.png", learning_curves(history)[0].figure),
        _save(options, name, figure),
        _save_graph(options, "graph-of-one-loss", example),
    ]
    print("Pictures: " + ", ".join(pictures))


def _save(options: argparse.Namespace, name: str, figure: Any) -> str:
    path = os.path.join(options.out, f"{options.command}-{name}")
    figure.savefig(path, dpi=130)
    return path


def _save_graph(options: argparse.Namespace, name: str, root: autograd.Value) -> str:
    path = os.path.join(options.out, f"{options.command}-{name}.svg")
    write_whole(path, autograd.draw_dot(root).pipe(encoding="utf-8"))
    return path


def _save_explorer(path: str, model: MLP, X: Sequence[Sequence[float]], y: Sequence[float]) -> None:
    """The page that steps through the losses of some points, those that the network finds hardest first.

    It is the cross-entropy of their scores: the hinge loss of a point that is well on its side has no gradient to show.
    """
    losses = []
    for point, target in zip(X, y):
        output = model([autograd.Value(x, label=f"x[{k}]") for k, x in enumerate(point)])
        assert isinstance(output, autograd.Value)
        losses.append(binary_cross_entropy(output, autograd.Value(0.5 + 0.5 * target, label="y")))
    hardest = sorted(losses, key=lambda loss: -loss.data)[:8]
    autograd.explore(hardest[0], hardest, title="Two half moons: the cross-entropy of one point").to_html(path)
    print(f"The explorer: {path}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nn",
        description="Train a neural network made of scalar Values on real data, and draw what it learned.",
        epilog="Ctrl-C ends the training and keeps what was learned so far.",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{digits,moons}", parser_class=_Parser, title="what to learn"
    )
    learn_digits = commands.add_parser(
        "digits",
        help="read handwritten digits: softmax cross-entropy and Adam on scikit-learn's scans",
        description="Train MLP(64, [32, 10]) to read handwritten digits (scikit-learn's load_digits, 8 x 8 pixels).",
    )
    _add_options(learn_digits, train_digits, epochs=15, lr=0.01, hidden=[32], seed=0)
    learn_moons = commands.add_parser(
        "moons",
        help="tell two half moons apart: micrograd's demo, hinge loss and gradient descent",
        description="Train MLP(2, [16, 16, 1]) to tell two half moons apart, as in micrograd's demo.",
    )
    _add_options(learn_moons, train_moons, epochs=100, lr=1.0, hidden=[16, 16], seed=1337)
    learn_moons.add_argument(
        "--explore", metavar="FILE", help="also write a page that steps through the loss of a point, such as out.html"
    )
    return parser


def _add_options(
    parser: argparse.ArgumentParser, train: Any, epochs: int, lr: float, hidden: list[int], seed: int
) -> None:
    sizes = ",".join(map(str, hidden))
    for name, kind, default, metavar, what in (
        ("--epochs", _integer, epochs, "N", f"passes over the examples (default {epochs})"),
        ("--seed", _seed, seed, "N", f"of all that is random (default {seed})"),
        ("--lr", _rate, lr, "RATE", f"the first learning rate (default {lr:g})"),
        ("--hidden", _sizes, hidden, "SIZES", f"sizes of the hidden layers (default {sizes})"),
    ):
        parser.add_argument(name, type=kind, default=default, metavar=metavar, help=what)
    parser.add_argument("--eager", action="store_true", help="train on Values, not compiled to native code")
    parser.add_argument("--out", default="pictures", metavar="DIR", help="where pictures go (default pictures)")
    parser.set_defaults(train=train)


def _integer(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"wants an integer of at least 0, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    seed = _integer(text)
    if seed >= 2**32:
        raise argparse.ArgumentTypeError(f"wants an integer below 2**32, got {text!r}")
    return seed


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"wants a number above 0, got {text!r}")
    return rate


def _sizes(text: str) -> list[int]:
    sizes = text.split(",") if text else []
    if not all(size.isascii() and size.isdigit() and int(size) > 0 for size in sizes):
        raise argparse.ArgumentTypeError(f"wants sizes such as 16,16, got {text!r}")
    return [int(size) for size in sizes]
