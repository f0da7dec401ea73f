"""Scalar automatic differentiation: Values that remember how they were computed, and the chain rule across them.

Example:
    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> y = x**2 + 2 * x
    >>> y.backward()
    >>> x.grad
    8.0
"""

from autograd.draw import draw_dot
from autograd.functions import dot, log_softmax, logsumexp, matvec, max, mean, min, norm, softmax, sum
from autograd.modes import AnomalyError, detect_anomaly, no_grad
from autograd.primitives import (
    PRIMITIVES,
    ZERO,
    Primitive,
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceil,
    clip,
    cos,
    cosh,
    div,
    elu,
    equal,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    gelu,
    greater,
    greater_equal,
    hypot,
    identity,
    leaky_relu,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    log_sigmoid,
    maximum,
    minimum,
    mod,
    mul,
    neg,
    not_equal,
    relu,
    select,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    sub,
    tan,
    tanh,
    where,
)
from autograd.primitives import abs_ as abs
from autograd.primitives import pow_ as pow
from autograd.testing import check_grads
from autograd.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd.value import Value

__version__ = "0.1.0"
