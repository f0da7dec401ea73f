"""The data sets of the command line. They come with scikit-learn: without it an error says how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from autograd.extras import how_to_install


class Examples(NamedTuple):
    """Inputs and targets for training and for testing."""

    train_x: list[list[float]]
    train_y: list[int]
    test_x: list[list[float]]
    test_y: list[int]


def digits() -> Examples:
    """1,437 handwritten digits to learn from and 360 to test on: real scans of 8 x 8 pixels, scaled to 0 to 1.

    They are the test set of Alpaydin and Kaynak's "Optical recognition of handwritten digits" (UCI, 1998), which
    scikit-learn ships. The split is fixed and has every class in proportion.
    """
    datasets, selection = _sklearn("datasets"), _sklearn("model_selection")
    scans = datasets.load_digits()
    train_x, test_x, train_y, test_y = selection.train_test_split(
        scans.data / 16.0, scans.target, test_size=360, random_state=0, stratify=scans.target
    )
    return Examples(train_x.tolist(), train_y.tolist(), test_x.tolist(), test_y.tolist())


def moons(n: int = 100, noise: float = 0.1, seed: int = 1337) -> tuple[list[list[float]], list[int]]:
    """n points of two interleaved half circles, classes -1 and 1: the data of micrograd's demo, with its seed.

    The noise is a standard deviation; the seed is that of the noise and the order.
    """
    points, classes = _sklearn("datasets").make_moons(n_samples=n, noise=noise, random_state=seed)
    return points.tolist(), (2 * classes - 1).tolist()


def _sklearn(module: str) -> Any:
    try:
        return import_module(f"sklearn.{module}")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"this data set comes with scikit-learn, which is not installed: {how_to_install('data')}"
        ) from None
