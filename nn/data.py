"""Examples: checking what comes in, and the two data sets of the command line."""

from __future__ import annotations

import math
from typing import Any, NamedTuple


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

    Raises:
        ModuleNotFoundError: scikit-learn is missing; says how to install it.
    """
    datasets, selection = _sklearn("datasets"), _sklearn("model_selection")
    scans = datasets.load_digits()
    train_x, test_x, train_y, test_y = selection.train_test_split(
        scans.data / 16.0, scans.target, test_size=360, random_state=0, stratify=scans.target
    )
    return Examples(train_x.tolist(), train_y.tolist(), test_x.tolist(), test_y.tolist())


def moons(n: int = 100, noise: float = 0.1, seed: int = 1337) -> tuple[list[list[float]], list[int]]:
    """Two interleaved half circles with noise, classes -1 and 1: the data of micrograd's demo, with its seed.

    Args:
        n: how many points.
        noise: the standard deviation of the noise.
        seed: of the noise and the order.

    Raises:
        ModuleNotFoundError: scikit-learn is missing; says how to install it.
    """
    points, classes = _sklearn("datasets").make_moons(n_samples=n, noise=noise, random_state=seed)
    return points.tolist(), (2 * classes - 1).tolist()


def _sklearn(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"sklearn.{module}")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'this data set comes with scikit-learn, which is not installed: pip install "chainrule[data]"'
        ) from None


def as_rows(X: Any, nin: int | None = None, name: str = "X") -> list[list[float]]:
    """Inputs as a list of lists of floats, one per example.

    Args:
        X: n examples: a list of lists, a NumPy array of shape (n, nin), or a pandas frame. With nin = 1 also a list
            or an array of n numbers.
        nin: how many inputs each must have; as many as the first unless given.
        name: what messages call it.

    Raises:
        ValueError: there are no examples, they differ in length, or a number is nan or infinite.
        TypeError: something is not a number.

    Example:
        >>> as_rows([[1, 2], [3, 4]], nin=2)
        [[1.0, 2.0], [3.0, 4.0]]
    """
    rows = [row if isinstance(row, list) else [row] for row in _as_lists(X, name)]
    if not rows:
        raise ValueError(f"{name} is empty: it wants at least one example")
    wanted = len(rows[0]) if nin is None else nin
    for k, row in enumerate(rows):
        if len(row) != wanted:
            raise ValueError(f"{name}[{k}] has {len(row)} numbers, the network wants {wanted}")
    return [[_finite(number, f"{name}[{k}][{j}]") for j, number in enumerate(row)] for k, row in enumerate(rows)]


def as_targets(y: Any, n: int, name: str = "y") -> list[Any]:
    """Targets as a list of numbers, or of lists of numbers, one per example.

    Args:
        y: n targets: a list, a NumPy array of shape (n,) or (n, k), or a pandas series or frame.
        n: how many there must be.
        name: what messages call it.

    Raises:
        ValueError: another number of targets, or a number is nan or infinite.
        TypeError: something is not a number.

    Example:
        >>> as_targets([0, 1], 2)
        [0, 1]
    """
    targets = _as_lists(y, name)
    if len(targets) != n:
        raise ValueError(f"{name} has {len(targets)} targets for {n} examples: it wants one for each")
    checked: list[Any] = []
    for k, target in enumerate(targets):
        if isinstance(target, list):
            numbers = [_finite(number, f"{name}[{k}][{j}]") for j, number in enumerate(target)]
            checked.append(numbers[0] if len(numbers) == 1 else numbers)
        else:
            number = _finite(target, f"{name}[{k}]")
            checked.append(target if isinstance(target, int) else number)
    return checked


def _as_lists(data: Any, name: str) -> list[Any]:
    """Arrays, frames and nested sequences as nested lists."""
    if isinstance(data, (str, bytes)):
        raise TypeError(f"{name} wants rows of numbers, got the text {data!r}")
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if hasattr(data, "tolist"):
        data = data.tolist()
    try:
        return [_as_lists(row, name) if _is_row(row) else row for row in data]
    except TypeError:
        raise TypeError(f"{name} wants a list, an array or a frame, got {type(data).__name__} {data!r}") from None


def _is_row(thing: Any) -> bool:
    return isinstance(thing, (list, tuple)) or bool(getattr(thing, "shape", None))


def _finite(number: Any, place: str) -> float:
    from autograd.primitives import to_float

    plain = to_float(number, place)
    if not math.isfinite(plain):
        raise ValueError(f"{place} is {plain}: remove it or fill it in before training")
    return plain
