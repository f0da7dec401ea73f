"""The progress bar of a training."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from autograd.extras import how_to_install
from nn.train.steps import WITHOUT_COMPILER

if TYPE_CHECKING:
    from nn.train.history import History

_said: set[str] = set()


class Bar:
    """A progress bar, updated a few times a second; nothing at all where `bar` is None."""

    def __init__(self, bar: Any, history: History) -> None:
        self.bar, self.history = bar, history
        self.shown, self.next_time = 0, 0.0

    def epoch_done(self) -> None:
        if self.bar is not None and time.monotonic() >= self.next_time:
            self._show()
            self.next_time = time.monotonic() + 0.1

    def close(self) -> None:
        if self.bar is not None:
            if self.history.epochs > self.shown:
                self._show()
            self.bar.close()

    def _show(self) -> None:
        accuracies = self.history.validation_accuracy or self.history.accuracy
        accuracy = f", accuracy {accuracies[-1]:.1%}" if accuracies else ""
        self.bar.set_postfix_str(f"loss {self.history.loss[-1]:.4f}{accuracy}", refresh=False)
        self.bar.update(self.history.epochs - self.shown)
        self.shown = self.history.epochs


def progress_bar(epochs: int, progress: bool | None, history: History) -> Bar:
    """A bar for the epochs, where one is wanted and can be shown: see `progress` of `fit`."""
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return Bar(None, history)
    if history.note == WITHOUT_COMPILER and history.note not in _said:
        _said.add(history.note)
        print(f"nn.fit: {history.note}", file=sys.stderr)
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        if progress is None:
            return Bar(None, history)
        raise ModuleNotFoundError(
            f"the progress bar is tqdm, which is missing: {how_to_install('progress')}, or write progress=False"
        ) from None
    mode = "compiled" if history.compiled else "eager"
    return Bar(tqdm(total=epochs, desc=mode, unit="epoch", file=sys.stderr, mininterval=0, miniters=1), history)
