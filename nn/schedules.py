"""Learning-rate schedules, `from nn.schedules import cosine`: see `nn.train.schedules`."""

from nn.train.schedules import cosine, exponential, linear, staircase, warm_up

__all__ = ["cosine", "exponential", "linear", "staircase", "warm_up"]
