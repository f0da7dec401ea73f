"""Neural networks built out of Values: modules, losses, optimizers and training.

Example:
    >>> from nn import MLP
    >>> model = MLP(3, [4, 4, 1], rng=0)
    >>> len(model.parameters())
    41
"""

from nn.layers import MLP, Forward, Layer, Neuron
from nn.losses import (
    LOSSES,
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    hinge,
    mean_squared_error,
    quadratic_cost,
)
from nn.modules import Module
from nn.train.evaluate import accuracy, evaluate, predict
from nn.train.fit import fit
from nn.train.history import History
from nn.train.optimizer import Optimizer
from nn.train.optimizers import OPTIMIZERS, SGD, Adam, AdamW, RMSprop, clip_grad_norm

__all__ = ["LOSSES", "MLP", "OPTIMIZERS", "SGD", "Adam", "AdamW", "Forward", "History", "Layer", "Module", "Neuron"]
__all__ += ["Optimizer", "RMSprop", "accuracy", "binary_cross_entropy", "clip_grad_norm", "cross_entropy", "evaluate"]
__all__ += ["fit", "half_squared_error", "hinge", "mean_squared_error", "predict", "quadratic_cost"]
