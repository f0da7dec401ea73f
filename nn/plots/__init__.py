"""Plots on matplotlib: how a training went, what a network says, what is inside its layers.

Each takes the Axes to draw into as `ax`, and makes a figure unless given; something else is a TypeError. Each returns
the Axes, or a list of them where it draws one for each layer or curve. Without matplotlib each is a ModuleNotFoundError
that says how to install it.
"""

from nn.plots.curves import UpdateRatio, learning_curves, update_to_data
from nn.plots.distributions import activations, gradients
from nn.plots.figures import BLUE, ORANGE, figure
from nn.plots.matrices import weights
from nn.plots.predictions import decision_boundary, predicted_digits

__all__ = ["BLUE", "ORANGE", "UpdateRatio", "activations", "decision_boundary", "figure", "gradients"]
__all__ += ["learning_curves", "predicted_digits", "update_to_data", "weights"]
