"""The table and what its rows are, under the name that they had."""

from autograd.floats import LN2 as _LN2
from autograd.floats import LN10 as _LN10
from autograd.floats import ONE_OVER_SQRT_TWO_PI as _ONE_OVER_SQRT_TWO_PI
from autograd.floats import SQRT_HALF as _SQRT_HALF
from autograd.floats import TWO_OVER_SQRT_PI as _TWO_OVER_SQRT_PI
from autograd.primitive import *  # noqa: F403
from autograd.primitive import PRIMITIVES, ZERO, Number, Primitive, run_rule, select, to_float
from autograd.table import *  # noqa: F403
from autograd.table import abs, detach, fmod, max, min, pow, sum

abs_, pow_, sum_, max_, min_ = abs, pow, sum, max, min
__all__ = ["PRIMITIVES", "ZERO", "Number", "Primitive", "detach", "fmod", "run_rule"]
__all__ += ["_LN2", "_LN10", "_ONE_OVER_SQRT_TWO_PI", "_SQRT_HALF", "_TWO_OVER_SQRT_PI", "select", "to_float"]
