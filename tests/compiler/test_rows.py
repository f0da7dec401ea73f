"""Every row of the table, compiled: its value and gradient are those of Values, at every kind of point.

The points of a row are random ones of its domain, its documented singular points, and combinations of zeros,
infinities, nan, huge and tiny numbers. At each the value and the gradient with respect to every argument are those of
Values, nan where they are nan, with the same infinities and the same sign of zero (a gradient's after adding 0.0):

- within 2 units in the last place with `math="libm"`, and one example at a time;
- with `math="vector"` within what functions that are 4 units off can make of it, see `accuracy.error_bound`.

One liberty is taken: `dot` multiplies and adds in one operation. So its value differs by the rounding of its products,
and points are left out where a product or a sum on the way overflows: there plain arithmetic gives inf, or nan, where
the sum as a whole need not.
"""

import functools
import itertools
import math
import random

import numpy as np
import pytest

import autograd
from autograd import PRIMITIVES, ZERO, CompileError, Primitive, Value, select

pytest.importorskip("llvmlite")

from accuracy import SPECIAL, differing, error_bound, overflows_on_the_way, ulps_of, vector_ulps

pytestmark = [pytest.mark.sampled(every=4), pytest.mark.usefixtures("plain_sums")]
ROWS = dict(PRIMITIVES)
CASES = [
    (name, count)
    for name, row in ROWS.items()
    for count in ([row.arity] if row.arity else (2, 4, 6) if name == "dot" else (1, 2, 3, 5))
]
"""Every row with a number of operands; those that take any number with several."""


def cases(of=lambda row: True):
    """Parametrise a test over the rows, each with its numbers of operands."""
    chosen = [case for case in CASES if of(ROWS[case[0]])]
    names = [f"{name}-{count}" for name, count in chosen]
    return pytest.mark.parametrize(("name", "count"), chosen, ids=names)


def ordinary_points(row, count, number):
    draw = random.Random(row.name)
    domain = row.domain if row.arity else row.domain[:1] * count
    return [[draw.uniform(*interval) for interval in domain] for _ in range(number)]


def special_points(row, count):
    singular = [list(point) for point, _, _ in row.singular if len(point) == count]
    if count <= 3:
        return [*singular, *map(list, itertools.product(SPECIAL, repeat=count))]
    draw = random.Random(row.name)
    return singular + [[draw.choice(SPECIAL) for _ in range(count)] for _ in range(400)]


@functools.cache
def points_of(name, count):
    """All points at which the row is looked at, a column for each argument."""
    row = ROWS[name]
    points = [*ordinary_points(row, count, 100), *special_points(row, count)]
    if name == "dot":
        points = [point for point in points if not overflows_on_the_way(point)]
    return np.array(points).T


def on_values(row, point):
    """Value and gradient of the row at a point, by Values."""
    values = [Value(x) for x in point]
    out = row(*values)
    out.backward()
    return out.data, [v.grad for v in values]


@functools.cache
def wanted_of(name, count):
    found = [on_values(ROWS[name], point) for point in points_of(name, count).T.tolist()]
    return np.array([value for value, _ in found]), np.array([gradient for _, gradient in found]).T


# --- How far off a result may be -------------------------------------------------------------------------------------


def gradient_nodes(row, point):
    """The derivatives of a row at a point, as graphs: what a compiled gradient computes."""
    gradients = autograd.grad(row, argnums=tuple(range(len(point))))(*[Value(x) for x in point])
    return [g if isinstance(g, Value) else Value(g) for g in gradients]


def check(name, points, got, wanted, allowed):
    """Hold values and gradients against those of Values, 2 units off at most, or what `allowed` says of the point."""
    for what, ours, theirs in [("value", got[0], wanted[0]), *zip(itertools.count(), got[1], wanted[1])]:
        if what != "value":
            ours, theirs = ours + 0.0, theirs + 0.0
        nans, others = differing(ours, theirs, ulps_of(theirs, 2))
        for k in np.flatnonzero(nans | others):
            point = points[:, k].tolist()
            tolerance = 0.0 if nans[k] else allowed(what, point)
            assert abs(ours[k] - theirs[k]) <= tolerance < math.inf, (
                f"{what} of {name} at {point}: {ours[k]!r} compiled, {theirs[k]!r} by Values, {tolerance!r} allowed"
            )


def rounding_of_dot(name):
    """What a fused multiply-add may change in a dot."""
    row = ROWS[name]
    if name != "dot":
        return lambda what, point: 0.0
    return lambda what, point: error_bound(row(*map(Value, point)), lambda row: 2.0)


def errors_of_functions(name, spacing=math.ulp):
    row = ROWS[name]

    def allowed(what, point):
        if what == "value":
            return error_bound(row(*map(Value, point)), vector_ulps, spacing)
        return error_bound(gradient_nodes(row, point)[what], vector_ulps, spacing)

    return allowed


# --- Rows ------------------------------------------------------------------------------------------------------------


def compiled(name, count, **options):
    row = ROWS[name]
    return autograd.compile(lambda *xs: row(*xs), **{"wrt": tuple(range(count)), "vmap": True, **options})


@pytest.mark.sampled(every=7)
@pytest.mark.parametrize("math_of", ["vector", "libm"])
@cases()
def test_values_and_gradients_of_a_batch(name, count, math_of):
    points = points_of(name, count)
    step = compiled(name, count, math=math_of)
    allowed = rounding_of_dot(name) if math_of == "libm" else errors_of_functions(name)
    check(name, points, step.value_and_grad(*points), wanted_of(name, count), allowed)


@pytest.mark.sampled(every=8)
@cases()
def test_values_and_gradients_one_at_a_time(name, count):
    points = points_of(name, count)
    step = compiled(name, count)
    found = [step.value_and_grad(*point) for point in points.T.tolist()]
    got = np.array([value for value, _ in found]), np.array([gradients for _, gradients in found]).T
    check(name, points, got, wanted_of(name, count), rounding_of_dot(name))


@pytest.mark.sampled(every=8)
@cases(lambda row: row.arity != 1)
def test_gradient_of_one_argument_is_what_it_is_among_all(name, count):
    points, (_, wanted) = points_of(name, count), wanted_of(name, count)
    for position in range(count):
        gradient = compiled(name, count, wrt=position, math="libm").grad(*points)
        nans, others = differing(gradient + 0.0, wanted[position] + 0.0, ulps_of(wanted[position], 2))
        assert not (nans | others).any(), points[:, nans | others][:, 0]


@pytest.mark.parametrize("free", range(4))
@pytest.mark.sampled(every=16)
@cases(lambda row: row.arity != 1)
def test_plain_numbers_as_operands(name, count, free):
    """A number that the function itself brings along is a constant: it is folded, and the rule runs on a float."""
    row = ROWS[name]
    if not free < count <= 4:
        return
    points = points_of(name, count).T[50:].tolist()
    points = random.Random(name).sample(points, min(60, len(points)))

    def of_numbers(xs):
        return [row(*point[:free], x, *point[free + 1 :]) for x, point in zip(xs, points)]

    leaves = [Value(point[free]) for point in points]
    results = of_numbers(leaves)
    for result in results:
        result.backward()
    wanted = np.array([result.data for result in results]), np.array([[x.grad for x in leaves]])
    xs = [x.data for x in leaves]
    values = autograd.compile(of_numbers, math="libm")(xs)
    gradients = autograd.compile(lambda xs: autograd.sum(of_numbers(xs)), math="libm").grad(xs)
    check(name, np.array(points).T, (values, [gradients]), wanted, rounding_of_dot(name))


@pytest.mark.parametrize("without", [(), ("fold_constants",)], ids=["folded", "computed"])
@pytest.mark.sampled(every=12)
@cases()
def test_constants_alone(name, count, without):
    """Folded they are what Values compute, to the bit."""
    row = ROWS[name]
    points = points_of(name, count)[:, :150]
    step = autograd.compile(lambda x: [row(*map(Value, point)) for point in points.T.tolist()], without=without)
    got, wanted = step(0.0), np.array([row(*point) for point in points.T.tolist()])
    if without:
        check(name, points, (got, ()), (wanted, ()), rounding_of_dot(name))
    else:
        nans, others = differing(got, wanted, 0.0)
        assert not (nans | others).any()


@pytest.mark.sampled(every=8)
@cases()
def test_single_precision(name, count):
    """To what operations on numbers of single precision, each a few units off, can make of it."""
    row = ROWS[name]
    points = np.array(ordinary_points(row, count, 200), np.float32).astype(float).T
    found = [on_values(row, point) for point in points.T.tolist()]
    wanted = np.array([value for value, _ in found]), np.array([gradient for _, gradient in found]).T
    value, gradients = compiled(name, count, dtype="float32").value_and_grad(*points)
    assert value.dtype == np.float32
    assert all(g.dtype == np.float32 for g in gradients)

    def spacing(number):
        return float(np.spacing(np.float32(abs(number))))

    got = value.astype(float), [g.astype(float) for g in gradients]
    check(name, points, got, wanted, errors_of_functions(name, spacing))


# --- Rows of a user's own --------------------------------------------------------------------------------------------


POINTS = np.array([-3.0, -1.0, -0.5, -0.0, 0.0, 0.25, 1.0, 2.0, 40.0, math.inf, math.nan])


def assert_as_on_values(row, points=POINTS, ulps=2):
    """Values and gradients of a row, of a batch and of one after the other, are those of Values."""
    step = autograd.compile(lambda x: row(x), math="libm", vmap=True)
    wanted = [on_values(row, [x]) for x in points.tolist()]
    value, gradient = step.value_and_grad(points)
    for k, (x, (wanted_value, (wanted_gradient,))) in enumerate(zip(points.tolist(), wanted)):
        for ours in ((value[k], gradient[k]), step.value_and_grad(x)):
            for number, theirs in zip(np.array(ours), (wanted_value, wanted_gradient)):
                assert not any(differing(number + 0.0, theirs + 0.0, ulps_of(theirs, ulps))), (x, ours, theirs)


@pytest.mark.parametrize(
    ("forward", "rule"),
    [
        (lambda x: x * x * x, lambda out, x: 3 * x * x),
        (lambda x: x / (1 + abs(x)), lambda out, x: 1 / ((1 + abs(x)) * (1 + abs(x)))),
        (lambda x: -((+x) ** 3) % 2 - 1, lambda out, x: -3 * x * x),
        (lambda x: x // 2 + 7 // (x + 10), lambda out, x: ZERO),
        (lambda x: np.sqrt(autograd.exp(x)), lambda out, x: 0.5 * autograd.exp(x) / out),
        (lambda x: select(x > 0, x, 0.5 * x), lambda out, x: select(x > 0, 1.0, 0.5)),
        (lambda x: select(x > 0, x, 0.0), lambda out, x: select(x > 0, 1.0, ZERO)),
        (lambda x: (x > 0) * x, lambda out, x: select(x > 1, ZERO, select(x > 0, 1.0, ZERO))),
        (lambda x: x, lambda out, x: 2 * select(x > 0, 1.0, ZERO)),
        (lambda x: x, lambda out, x: select(x > 0, x, ZERO) * out + 3.0),
        (lambda x: x, lambda out, x: 1 - select(x > 0, ZERO, x) / 4),
        (lambda x: x, lambda out, x: select(x > 0, ZERO, ZERO) * x),
        (lambda x: 2.0, lambda out, x: x),
        (lambda x: x, 1.0),
        (lambda x: x, ZERO),
    ],
)
def test_a_row_of_a_users_own(forward, rule):
    row = Primitive("ours", lambda x: float(forward(x)) if isinstance(x, float) else forward(x), partials=(rule,))
    assert_as_on_values(row)
    assert_as_on_values(lambda x: row(x * 2) * x + row(row(x)))


@pytest.mark.parametrize(
    ("forward", "rule"),
    [
        (lambda x: math.exp(-abs(x)), lambda out, x: -autograd.sign(x) * out),
        (lambda x: math.atan(x) * math.pi + math.tanh(x), lambda out, x: math.pi),
        (lambda x: math.sqrt(math.fabs(x)) * sum([x, 1.0]), lambda out, x: x),
    ],
)
def test_a_row_of_a_users_own_whose_forward_function_is_written_with_math(forward, rule):
    assert_as_on_values(Primitive("ours", forward, partials=(rule,)))


def test_a_row_of_a_users_own_on_any_number_of_operands():
    row = Primitive(
        "ours", lambda *xs: functools.reduce(lambda x, y: x * y, xs), lambda out, *xs: [out / x for x in xs]
    )
    assert_as_on_values(lambda x: row(x, 3.0, x) + row(x) * row(2.0, x))


@pytest.mark.parametrize("cuts", [False, True])
def test_what_zero_holds_back_in_a_row_that_cuts(cuts):
    """Behind the row is a square root, whose derivative at 0 is infinite: 0 times it is nan, nothing times it is 0."""
    row = Primitive("ours", lambda x: x + 0.0, partials=(lambda out, x: select(x > 0.5, 1.0, ZERO),), cuts=cuts)
    points = np.array([0.0, 0.25, 1.0])
    assert_as_on_values(lambda x: row(x.sqrt()), points)
    assert_as_on_values(lambda x: row(x.sqrt()) + row(x * 2) * x, points)
    gradient = autograd.compile(lambda x: row(x.sqrt()), vmap=True).grad(points)
    assert math.isnan(gradient[0]) is not cuts
    assert gradient[1:].tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: math.lgamma(x),
        lambda x: x if x > 0 else 0.0,
        lambda x: max(x, 0.0),
        lambda x: float(x),
        lambda x: x.is_integer(),
        lambda x: round(x, 2),
    ],
    ids=["math", "if", "max", "float", "is_integer", "round"],
)
def test_a_row_whose_forward_function_cannot_be_compiled(forward):
    row = Primitive("ours", forward, partials=(1.0,))
    step = autograd.compile(lambda x: autograd.where(x > 0, row(x), x), vmap=True)
    with pytest.raises(CompileError, match=r"'ours'.* cannot be compiled"):
        step(np.array([1.0, 2.0]))
