"""What a training recorded."""

from __future__ import annotations

from typing import Any


class History:
    """The curves that `fit` recorded: one number per epoch.

    Attributes:
        loss: the mean over the epoch's examples, each taken before the update that its batch led to.
        accuracy: the share of the epoch's examples that were right, likewise; empty for a loss that is not for classes.
        validation_loss, validation_accuracy: after the epoch; empty without validation data.
        learning_rate: of the epoch's last step.
        interrupted: whether Ctrl-C ended the training, perhaps before its first epoch was complete.
        compiled: whether the steps ran as native code.
        note: why they did not; "" where they did.

    Example:
        >>> from nn import MLP, fit
        >>> fit(MLP(1, [1], rng=0), [[0.0], [1.0]], [0.0, 2.0], loss="half_squared_error", epochs=200, progress=False)
        History of 200 epochs: loss ... -> ...
    """

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.accuracy: list[float] = []
        self.validation_loss: list[float] = []
        self.validation_accuracy: list[float] = []
        self.learning_rate: list[float] = []
        self.interrupted = False
        self.compiled = False
        self.note = ""

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return len(self.loss)

    def plot(self, ax: Any = None) -> Any:
        """Draw the curves with matplotlib, the loss and, where there is one, the accuracy; the Axes, in a list.

        Args:
            ax: one matplotlib Axes for the loss, or two for loss and accuracy; made unless given.

        Raises:
            ModuleNotFoundError: matplotlib is missing; says how to install it.
        """
        from nn.plots.curves import learning_curves

        return learning_curves(self, ax)

    def __repr__(self) -> str:
        curves = [
            f"{name.replace('_', ' ')} {numbers[0]:.4g} -> {numbers[-1]:.4g}"
            for name in ("loss", "accuracy", "validation_loss", "validation_accuracy")
            if (numbers := getattr(self, name))
        ]
        shown = f"History of {self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        return shown + ": " * bool(curves) + ", ".join(curves) + " (interrupted)" * self.interrupted
