"""Scalar automatic differentiation: Values that remember how they were computed, and the chain rule across them.

Example:
    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> y = x**2 + 2 * x
    >>> y.backward()
    >>> x.grad
    8.0
"""

from autograd.collector import collector_paused
from autograd.compiler import compile as compile
from autograd.draw import draw_dot, to_mermaid
from autograd.errors import AnomalyError, CompileError
from autograd.explanation import Explanation, explain
from autograd.explorer import explore
from autograd.functions import dot, log_softmax, logsumexp, matvec, mean, norm, softmax
from autograd.functions import max as max
from autograd.functions import min as min
from autograd.functions import sum as sum
from autograd.modes import detect_anomaly, no_grad
from autograd.paths import Path, between, number_of_paths, paths, shared_nodes
from autograd.primitive import PRIMITIVES, ZERO, Primitive, select
from autograd.scopes import scope
from autograd.testing import check_grads
from autograd.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd.value import Value

TYPE_CHECKING = False

__version__ = "0.1.0"

if TYPE_CHECKING:
    from autograd.table import *  # noqa: F403
else:  # each row of the table is a function of the package
    globals().update({name: row for name, row in PRIMITIVES.items() if name not in globals()})

_ROWS = [primitive.name for primitive in PRIMITIVES.values() if primitive.arity is not None or primitive.is_method]

__all__ = [*_ROWS, "PRIMITIVES", "ZERO", "AnomalyError", "CompileError", "Explanation", "Path", "Primitive", "Value"]
__all__ += ["between", "check_grads", "collector_paused", "compile", "detect_anomaly", "dot", "draw_dot", "explain"]
__all__ += ["explore", "grad", "hessian", "hvp", "jacobian", "jvp", "log_softmax", "logsumexp", "matvec", "mean"]
__all__ += ["no_grad", "norm", "number_of_paths", "paths", "scope", "select", "shared_nodes", "softmax", "to_mermaid"]
__all__ += ["value_and_grad", "vjp"]
