"""The table of primitives: all that is known about an operation stands in one row of this file.

A row is `Primitive(name, forward, local derivatives, how it is written, domain, values at singular points, summary)`;
`primitive.py` says what each column means and how a rule runs. To add an operation, add a row, and its reference to
tests: it is then a function of `autograd`, a method of Values, an activation of `nn`, and known to the compiler, the
explorer and the pictures.

Values at singular points are those of PyTorch, unless a row says otherwise.
"""

from __future__ import annotations

import math
import operator
from math import inf, nan

from autograd import floats
from autograd.primitive import PRIMITIVES, ZERO, Primitive, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANY = (-10.0, 10.0)
"""The domain of operations that are accurate everywhere."""

# ---------------------------------------------------------------------------------------------------------------------
# Rules that take more than a line
# ---------------------------------------------------------------------------------------------------------------------


def _pow_exponent(out: Any, x: Any, y: Any) -> Any:
    """d(x^y)/dy = x^y log x; at x = 0 that is 0 for y >= 0, where 0 * log 0 would be nan."""
    return select(x == 0, select(y >= 0, 0.0, out * log(x)), out * log(x))


def _mod_divisor(out: Any, x: Any, y: Any) -> Any:
    """x mod y = x - q y with an integer q, found from the remainder: x / y alone may round up to the next one."""
    whole = select(out == y, -1.0, ceil((x - out) / y - 0.5))  # out == y: rounded up to it, or both infinite
    return -select(y == 0, floor(x / y), whole)


def _if_larger(_out: Any, x: Any, y: Any) -> Any:
    return select(x < y, ZERO, select(x == y, 0.5, 1.0))


def _if_smaller(_out: Any, x: Any, y: Any) -> Any:
    return select(x > y, ZERO, select(x == y, 0.5, 1.0))


def _if_inside(_out: Any, x: Any, low: Any, high: Any) -> Any:
    return select(x >= low, select(x <= high, 1.0, ZERO), ZERO)


def _if_below(_out: Any, x: Any, low: Any, high: Any) -> Any:
    return select(x < low, select(low < high, 1.0, ZERO), ZERO)


def _if_above(_out: Any, x: Any, low: Any, high: Any) -> Any:
    return select(x > high, 1.0, select(low > high, 1.0, ZERO))


def _over_square(number: Any, x: Any, y: Any) -> Any:
    """number / (x^2 + y^2); 0 at the origin."""
    return select(x * x + y * y == 0, 0.0, number / (x * x + y * y))


def _gelu_slope(_out: Any, x: Any) -> Any:
    return 0.5 * erfc(-x * floats.SQRT_HALF) + x * floats.ONE_OVER_SQRT_TWO_PI * exp(-0.5 * x * x)


def _share_of_extremum(out: Any, *xs: Any) -> list[Any]:
    """Operands that are the extremum share its gradient equally."""
    ties: Any = 0.0
    for x in xs:
        ties = ties + select(x == out, 1.0, 0.0)
    return [div(select(x == out, 1.0, 0.0), ties) for x in xs]


def _dot_partials(_out: Any, *xs_then_ys: Any) -> tuple[Any, ...]:
    n = len(xs_then_ys) // 2
    return xs_then_ys[n:] + xs_then_ys[:n]


# What the longer rows say of singular points: operands, value, local derivatives.
_TIE, _BOTH = (0.5, 0.5), (1.0, 1.0)
_QUOTIENTS = [((1.0, 0.0), inf, (inf, -inf)), ((0.0, 0.0), nan, (inf, nan)), ((1.0, -0.0), -inf, (-inf, -inf))]
_FLOORS = [((5.0, 0.0), nan, (0.0, 0.0)), ((1.0, 0.1), 1.0 // 0.1, (0.0, 0.0)), ((-1.0, inf), -1.0, (0.0, 0.0))]
_POWERS = [((0.0, 0.0), 1.0, (0.0, 0.0)), ((0.0, -1.0), inf, (-inf, -inf)), ((0.0, 0.5), 0.0, (inf, 0.0))]
_POWERS += [((0.0, 1.5), 0.0, (0.0, 0.0)), ((-2.0, 2.0), 4.0, (-4.0, nan)), ((-2.0, 0.5), nan, (nan, nan))]
_CHOICES = [((0.0, inf, 2.0), 2.0, (0.0, 0.0, 1.0)), ((1.0, 2.0, nan), 2.0, (0.0, 1.0, 0.0))]
_CLIPS = [((-1.0, -1.0, 1.0), -1.0, (1.0, 0.0, 0.0)), ((1.0, -1.0, 1.0), 1.0, (1.0, 0.0, 0.0))]
_CLIPS += [((nan, -1.0, 1.0), nan, (0.0, 0.0, 0.0)), ((0.0, 2.0, 1.0), 1.0, (0.0, 0.0, 1.0))]
_LARGE_SUMS = [((0.0, -inf), 0.0, (1.0, 0.0)), ((-inf, -inf), -inf, (nan, nan)), ((inf, 0.0), inf, (nan, 0.0))]
_LARGE_SUMS += [((1000.0, -1000.0), 1000.0, (1.0, 0.0))]
_WHERE = (
    "x where the condition holds (is not 0), else y. Unlike PyTorch's, the branch not taken is out of the graph: "
    "where(x > 0, log(x), 0) at 0 has gradient 0, not nan"
)

# ---------------------------------------------------------------------------------------------------------------------
# The table
# ---------------------------------------------------------------------------------------------------------------------

# fmt: off
# --- Arithmetic ------------------------------------------------------------------------------------------------------

identity = Primitive("identity", lambda x: x, (1.0,), symbol="=", latex="#1", domain=[ANY],
    summary="x itself, as a node of its own")
add = Primitive("add", operator.add, (1.0, 1.0), symbol="+", latex="#1 + #2", domain=[ANY, ANY], summary="x + y")
sub = Primitive("sub", operator.sub, (1.0, -1.0), symbol="-", latex="#1 - #2", domain=[ANY, ANY], summary="x - y")
mul = Primitive("mul", operator.mul, (lambda out, x, y: y, lambda out, x, y: x), symbol="*", latex=r"#1 \cdot #2",
    domain=[ANY, ANY], summary="x * y")
div = Primitive("div", floats.div, (lambda out, x, y: 1 / y, lambda out, x, y: -out / y), symbol="/",
    latex=r"\frac{#1}{#2}", domain=[ANY, (0.1, 10)], singular=_QUOTIENTS, summary="x / y; 1/0 is inf and 0/0 is nan")
neg = Primitive("neg", operator.neg, (-1.0,), symbol="-", latex="-#1", domain=[ANY], summary="-x")
pow: Primitive = Primitive("pow", floats.pow,
    (lambda out, x, y: select(y == 0, ZERO, y * pow(x, y - 1)), _pow_exponent), symbol="**", latex="{#1}^{#2}",
    domain=[(0.1, 5), (-3, 3)], singular=_POWERS, summary="x ** y; a negative number to a fractional power is nan")
mod = Primitive("mod", floats.mod, (1.0, _mod_divisor), symbol="%", latex=r"#1 \bmod #2", domain=[ANY, (0.5, 3)],
    singular=[((5.0, 0.0), nan, (1.0, -inf)), ((1.0, 0.1), 1.0 % 0.1, (1.0, -9.0))],
    summary="the remainder of x / y, with the sign of y")
floor_divide = Primitive("floor_divide", floats.floor_divide, (ZERO, ZERO), symbol="//",
    latex=r"\left\lfloor \frac{#1}{#2} \right\rfloor", domain=[ANY, (0.5, 3)], singular=_FLOORS,
    summary="x // y, x / y rounded down to an integer; its derivatives are 0, and x // 0 is nan")

# --- Comparisons and choices -----------------------------------------------------------------------------------------

less = Primitive("less", lambda x, y: float(x < y), (ZERO, ZERO), symbol="<", latex="[#1 < #2]", cuts=True,
    domain=[ANY, ANY], summary="1 where x < y, else 0")
less_equal = Primitive("less_equal", lambda x, y: float(x <= y), (ZERO, ZERO), symbol="<=", latex=r"[#1 \le #2]",
    cuts=True, domain=[ANY, ANY], summary="1 where x <= y, else 0")
greater = Primitive("greater", lambda x, y: float(x > y), (ZERO, ZERO), symbol=">", latex="[#1 > #2]", cuts=True,
    domain=[ANY, ANY], summary="1 where x > y, else 0")
greater_equal = Primitive("greater_equal", lambda x, y: float(x >= y), (ZERO, ZERO), symbol=">=", latex=r"[#1 \ge #2]",
    cuts=True, domain=[ANY, ANY], summary="1 where x >= y, else 0")
equal = Primitive("equal", lambda x, y: float(x == y), (ZERO, ZERO), symbol="==", latex="[#1 = #2]", cuts=True,
    domain=[ANY, ANY], summary="1 where x == y, else 0")
not_equal = Primitive("not_equal", lambda x, y: float(x != y), (ZERO, ZERO), symbol="!=", latex=r"[#1 \ne #2]",
    cuts=True, domain=[ANY, ANY], summary="1 where x != y, else 0")
where = Primitive("where", floats.where, (ZERO, lambda out, condition, x, y: select(condition != 0, 1.0, ZERO),
    lambda out, condition, x, y: select(condition != 0, ZERO, 1.0)), method=False, cuts=True, singular=_CHOICES,
    latex=r"\left(#2 \text{ if } #1 \text{ else } #3\right)", domain=[(0, 1), ANY, ANY], summary=_WHERE)
maximum = Primitive("maximum", floats.maximum, (_if_larger, lambda out, x, y: _if_larger(out, y, x)),
    domain=[ANY, ANY], latex=r"\max\left(#1, #2\right)", singular=[((2.0, 2.0), 2.0, _TIE), ((nan, 2.0), nan, _BOTH)],
    summary="the larger of two; equals share the gradient; nan if either is")
minimum = Primitive("minimum", floats.minimum, (_if_smaller, lambda out, x, y: _if_smaller(out, y, x)),
    domain=[ANY, ANY], latex=r"\min\left(#1, #2\right)", singular=[((2.0, 2.0), 2.0, _TIE), ((2.0, nan), nan, _BOTH)],
    summary="the smaller of two; equals share the gradient; nan if either is")
clip = Primitive("clip", floats.clip, (_if_inside, _if_below, _if_above), domain=[ANY, (-5, -1), (1, 5)],
    singular=_CLIPS, summary="x, but no less than low and no more than high; at a bound the gradient is x's")
abs: Primitive = Primitive("abs", operator.abs, (lambda out, x: sign(x),), latex=r"\left|#1\right|", domain=[ANY],
    singular=[((0.0,), 0.0, (0.0,))], summary="the absolute value; its derivative at 0 is 0")
sign: Primitive = Primitive("sign", floats.sign, (ZERO,), domain=[ANY],
    singular=[((0.0,), 0.0, (0.0,)), ((nan,), 0.0, (0.0,))], summary="-1, 0 or 1; its derivative is 0")
floor = Primitive("floor", floats.floor, (ZERO,), latex=r"\left\lfloor #1 \right\rfloor", domain=[ANY],
    singular=[((2.0,), 2.0, (0.0,)), ((inf,), inf, (0.0,))], summary="x rounded down to an integer: derivative 0")
ceil = Primitive("ceil", floats.ceil, (ZERO,), latex=r"\left\lceil #1 \right\rceil", domain=[ANY],
    singular=[((2.0,), 2.0, (0.0,)), ((-inf,), -inf, (0.0,))], summary="x rounded up to an integer: derivative 0")

# --- Exponentials, logarithms, roots ---------------------------------------------------------------------------------

exp = Primitive("exp", floats.exp, (lambda out, x: out,), latex="e^{#1}", domain=[(-20, 20)],
    singular=[((1000.0,), inf, (inf,)), ((-inf,), 0.0, (0.0,))], summary="e ** x")
expm1 = Primitive("expm1", floats.expm1, (lambda out, x: out + 1,), latex="e^{#1} - 1", domain=[(-5, 20)],
    singular=[((1000.0,), inf, (inf,)), ((-inf,), -1.0, (0.0,))], summary="e ** x - 1, accurate near 0")
log = Primitive("log", floats.log, (lambda out, x: 1 / x,), latex=r"\ln #1", domain=[(0.01, 100)],
    singular=[((0.0,), -inf, (inf,)), ((-1.0,), nan, (-1.0,))],
    summary="the natural logarithm; log(0) is -inf, of a negative number nan")
log1p = Primitive("log1p", floats.log1p, (lambda out, x: 1 / (1 + x),), latex=r"\ln\left(1 + #1\right)",
    domain=[(-0.9, 100)], singular=[((-1.0,), -inf, (inf,)), ((-2.0,), nan, (-1.0,))],
    summary="log(1 + x), accurate near 0")
log2 = Primitive("log2", floats.log2, (lambda out, x: 1 / (x * floats.LN2),), latex=r"\log_2 #1", domain=[(0.01, 100)],
    singular=[((0.0,), -inf, (inf,))], summary="the logarithm to base 2")
log10 = Primitive("log10", floats.log10, (lambda out, x: 1 / (x * floats.LN10),), latex=r"\log_{10} #1",
    domain=[(0.01, 100)], singular=[((0.0,), -inf, (inf,))], summary="the logarithm to base 10")
sqrt = Primitive("sqrt", floats.sqrt, (lambda out, x: 1 / (2 * out),), latex=r"\sqrt{#1}", domain=[(0.01, 100)],
    singular=[((0.0,), 0.0, (inf,)), ((-1.0,), nan, (nan,))], summary="the square root; its derivative at 0 is inf")

# --- Trigonometric and hyperbolic functions --------------------------------------------------------------------------

sin = Primitive("sin", floats.sin, (lambda out, x: cos(x),), latex=r"\sin #1", domain=[ANY],
    singular=[((inf,), nan, (nan,))], summary="the sine of x radians")
cos: Primitive = Primitive("cos", floats.cos, (lambda out, x: -sin(x),), latex=r"\cos #1", domain=[ANY],
    singular=[((inf,), nan, (nan,))], summary="the cosine of x radians")
tan = Primitive("tan", floats.tan, (lambda out, x: 1 + out * out,), latex=r"\tan #1", domain=[(-1.5, 1.5)],
    singular=[((inf,), nan, (nan,))], summary="the tangent of x radians")
asin = Primitive("asin", floats.asin, (lambda out, x: 1 / sqrt((1 - x) * (1 + x)),), latex=r"\arcsin #1",
    domain=[(-0.99, 0.99)], singular=[((1.0,), math.pi / 2, (inf,)), ((2.0,), nan, (nan,))],
    summary="the angle in radians whose sine is x")
acos = Primitive("acos", floats.acos, (lambda out, x: -1 / sqrt((1 - x) * (1 + x)),), latex=r"\arccos #1",
    domain=[(-0.99, 0.99)], singular=[((1.0,), 0.0, (-inf,)), ((2.0,), nan, (nan,))],
    summary="the angle in radians whose cosine is x")
atan = Primitive("atan", math.atan, (lambda out, x: 1 / (1 + x * x),), latex=r"\arctan #1", domain=[ANY],
    singular=[((inf,), math.pi / 2, (0.0,))], summary="the angle in radians whose tangent is x")
atan2 = Primitive("atan2", math.atan2, (lambda out, y, x: _over_square(x, x, y),
    lambda out, y, x: _over_square(-y, x, y)), domain=[ANY, (0.1, 10)], singular=[((0.0, 0.0), 0.0, (0.0, 0.0))],
    summary="the angle in radians of the point with ordinate y and abscissa x: atan2(y, x)")
sinh = Primitive("sinh", floats.sinh, (lambda out, x: cosh(x),), latex=r"\sinh #1", domain=[ANY],
    singular=[((-1000.0,), -inf, (inf,))], summary="the hyperbolic sine")
cosh: Primitive = Primitive("cosh", floats.cosh, (lambda out, x: sinh(x),), latex=r"\cosh #1", domain=[ANY],
    singular=[((-1000.0,), inf, (-inf,))], summary="the hyperbolic cosine")
tanh = Primitive("tanh", math.tanh, (lambda out, x: 1 - out * out,), latex=r"\tanh #1", domain=[(-4, 4)],
    singular=[((1000.0,), 1.0, (0.0,))], summary="the hyperbolic tangent")
asinh = Primitive("asinh", math.asinh, (lambda out, x: 1 / sqrt(x * x + 1),), latex=r"\operatorname{arsinh} #1",
    domain=[ANY], singular=[((inf,), inf, (0.0,))], summary="the inverse of sinh")
acosh = Primitive("acosh", floats.acosh, (lambda out, x: 1 / sqrt((x - 1) * (x + 1)),),
    latex=r"\operatorname{arcosh} #1", domain=[(1.01, 10)], singular=[((1.0,), 0.0, (inf,)), ((0.0,), nan, (nan,))],
    summary="the inverse of cosh for x >= 1")
atanh = Primitive("atanh", floats.atanh, (lambda out, x: 1 / ((1 - x) * (1 + x)),), latex=r"\operatorname{artanh} #1",
    domain=[(-0.99, 0.99)], singular=[((1.0,), inf, (inf,)), ((-1.0,), -inf, (inf,)), ((2.0,), nan, (-1 / 3,))],
    summary="the inverse of tanh")
erf = Primitive("erf", math.erf, (lambda out, x: floats.TWO_OVER_SQRT_PI * exp(-x * x),),
    domain=[(-4, 4)], singular=[((inf,), 1.0, (0.0,))],
    summary="the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x")
erfc = Primitive("erfc", math.erfc, (lambda out, x: -floats.TWO_OVER_SQRT_PI * exp(-x * x),), domain=[(-4, 4)],
    singular=[((inf,), 0.0, (-0.0,))], summary="1 - erf(x), accurate for large x")

# --- Activations -----------------------------------------------------------------------------------------------------

relu = Primitive("relu", floats.relu, (lambda out, x: select(x <= 0, ZERO, 1.0),), domain=[ANY],
    singular=[((0.0,), 0.0, (0.0,)), ((nan,), nan, (1.0,))], summary="x where x > 0, else 0; its derivative at 0 is 0")
leaky_relu = Primitive("leaky_relu", floats.leaky_relu, (lambda out, x, slope: select(x > 0, 1.0, slope),
    lambda out, x, slope: select(x > 0, ZERO, x)), defaults=(0.01,), domain=[ANY, (0.01, 0.5)],
    singular=[((0.0, 0.01), 0.0, (0.01, 0.0))], summary="x where x > 0, else slope * x; derivative at 0: the slope")
elu = Primitive("elu", floats.elu, (lambda out, x, alpha: select(x <= 0, alpha * exp(x), 1.0),
    lambda out, x, alpha: select(x > 0, ZERO, expm1(x))), defaults=(1.0,), domain=[ANY, (0.5, 2)],
    singular=[((0.0, 1.0), 0.0, (1.0, 0.0))], summary="x where x > 0, else alpha * (e ** x - 1). Clevert et al. 2015")
softplus = Primitive("softplus", floats.softplus, (lambda out, x: sigmoid(x),), domain=[(-20, 20)],
    singular=[((1000.0,), 1000.0, (1.0,)), ((-1000.0,), 0.0, (0.0,))], summary="log(1 + e ** x), without overflow")
sigmoid: Primitive = Primitive("sigmoid", floats.sigmoid, (lambda out, x: out * (1 - out),),
    latex=r"\sigma\left(#1\right)", domain=[(-20, 7)], singular=[((-1000.0,), 0.0, (0.0,)), ((1000.0,), 1.0, (0.0,))],
    summary="1 / (1 + e ** -x), without overflow")
silu = Primitive("silu", floats.silu, (lambda out, x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),), domain=[(-1, 7)],
    singular=[((0.0,), 0.0, (0.5,)), ((-inf,), nan, (nan,))],
    summary="x * sigmoid(x), also known as swish. Elfwing, Uchibe, Doya 2017")
gelu = Primitive("gelu", floats.gelu, (_gelu_slope,), domain=[(-0.7, 7)],
    singular=[((0.0,), 0.0, (0.5,)), ((-inf,), nan, (nan,))],
    summary="x times the normal distribution function at x, exact. Hendrycks, Gimpel 2016")
log_sigmoid = Primitive("log_sigmoid", floats.log_sigmoid, (lambda out, x: sigmoid(-x),),
    latex=r"\ln\sigma\left(#1\right)", domain=[(-20, 20)],
    singular=[((-1000.0,), -1000.0, (1.0,)), ((1000.0,), -0.0, (0.0,))], summary="log(sigmoid(x)), without overflow")

# --- Operations on any number of operands ----------------------------------------------------------------------------

sum = Primitive("sum", floats.sum, lambda out, *xs: (1.0,) * len(xs), latex=r"\sum\left(#1\right)",
    domain=[(0.1, 10)] * 3, summary="the sum of any number of operands as one node")
dot = Primitive("dot", floats.dot, _dot_partials, domain=[(0.1, 10)] * 4,
    summary="x1 y1 + x2 y2 + ... as one node; its operands are all x, then all y")
max = Primitive("max", floats.max, _share_of_extremum, latex=r"\max\left(#1\right)", domain=[ANY] * 3,
    singular=[((1.0, 2.0, 2.0), 2.0, (0.0, 0.5, 0.5)), ((1.0, nan, 2.0), nan, (nan, nan, nan))],
    summary="the largest of any number of operands; equals share the gradient")
min = Primitive("min", floats.min, _share_of_extremum, latex=r"\min\left(#1\right)", domain=[ANY] * 3,
    singular=[((1.0, 1.0, 2.0), 1.0, (0.5, 0.5, 0.0))],
    summary="the smallest of any number of operands; equals share the gradient")
logsumexp = Primitive("logsumexp", floats.logsumexp, lambda out, *xs: [exp(x - out) for x in xs], domain=[(1, 10)] * 3,
    singular=_LARGE_SUMS, summary="log(e ** x1 + e ** x2 + ...), without overflow")
hypot = Primitive("hypot", math.hypot, lambda out, *xs: [select(out == 0, 0.0, x / out) for x in xs], method=True,
    lowering=floats.scaled_hypot, domain=[ANY] * 3, singular=[((0.0, 0.0), 0.0, (0.0, 0.0))],
    summary="sqrt(x1^2 + x2^2 + ...), without overflow; at the origin the gradient is 0 (PyTorch: nan)")

# --- In programs only, not in graphs ---------------------------------------------------------------------------------

detach = Primitive("detach", lambda x: x, (ZERO,), listed=False, latex="#1", cuts=True, domain=[ANY],
    summary="x itself, with no derivative: what `v.detach()` is in a function that is recorded to be compiled")
fmod = Primitive("fmod", floats.fmod, (ZERO, ZERO), listed=False, summary="the remainder of x / y with the sign of x")

# fmt: on

Primitive.own_names = frozenset(PRIMITIVES)

COMPARISONS = (less, less_equal, greater, greater_equal, equal, not_equal)
