"""Neural networks built out of Values: modules, losses, optimizers and training.

Example:
    >>> from nn import MLP
    >>> model = MLP(3, [4, 4, 1], rng=0)
    >>> len(model.parameters())
    41
"""

from nn.layers import MLP, Forward, Layer, Neuron
from nn.losses import LOSSES
from nn.losses import quadratic_cost as quadratic_cost
from nn.modules import Module
from nn.train.evaluate import accuracy, evaluate, predict
from nn.train.fit import fit
from nn.train.history import History
from nn.train.optimizer import Optimizer
from nn.train.optimizers import OPTIMIZERS, SGD, Adam, AdamW, RMSprop, clip_grad_norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nn.losses import *  # noqa: F403
else:  # each loss of the table is a function of the package
    globals().update({name: loss for name, loss in LOSSES.items() if name not in globals()})

__all__ = [*LOSSES, "LOSSES", "MLP", "OPTIMIZERS", "SGD", "Adam", "AdamW", "Forward", "History", "Layer", "Module"]
__all__ += ["Neuron", "Optimizer", "RMSprop", "accuracy", "clip_grad_norm", "evaluate", "fit", "predict"]
