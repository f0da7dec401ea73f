"""Optimizers, `from nn.optimisers import Adam`: see `nn.train.optimizers`."""

from nn.train.optimizer import Optimizer
from nn.train.optimizers import OPTIMIZERS, SGD, Adam, AdamW, RMSprop, clip_grad_norm

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm"]
