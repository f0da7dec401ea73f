"""What several files differentiate."""

import pytest

from autograd import grad, jvp


def derivative(f):
    """Forward mode with the signature of `grad`."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


BOTH = pytest.mark.parametrize("d", [grad, derivative], ids=["reverse", "forward"])
