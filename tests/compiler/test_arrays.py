"""Arrays are what the function takes: one argument each, whatever it does with them, and their derivatives."""

import numpy as np
import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from steps import numbers_in

pytestmark = pytest.mark.sampled(every=2)

W = np.array([1.0, -2.0, 3.0])
M = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 2.0], [3.0, 0.0, 1.0]])
V = np.array([0.5, 2.0, -1.5])
A = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [1.0, 2.0, -0.5]])

SCALARS = {
    "sum of products": (lambda x: np.sum(x * W), V),
    "dot": (lambda x: np.dot(x, W), V),
    "at": (lambda x: x @ W, V),
    "quadratic form": (lambda x: x @ M @ x, V),
    "sum of squares": (lambda x: np.sum(x * x), V),
    "mean": (lambda x: np.mean(x * W + 1.0), V),
    "prod": (lambda x: np.prod(x + 3.0), V),
    "squared distance": (lambda x: ((x - W) ** 2).sum(), V),
    "one entry": (lambda x: x[1] * 2.0, V),
    "last entry": (lambda x: x[-1] ** 3, V),
    "slices": (lambda x: np.sum(x[1:] * x[:-1]), V),
    "loop": (lambda x: sum(a * b for a, b in zip(x, W)), V),
    "length": (lambda x: sum(x) / len(x), V),
    "size": (lambda x: np.sum(x) / x.size, V),
    "shape": (lambda x: np.sum(x) * x.shape[0], V),
    "norm": (lambda x: autograd.norm(list(x)), V),
    "logsumexp": (lambda x: autograd.logsumexp(x * W), V),
    "exp": (lambda x: np.sum(np.exp(x) * W), V),
    "sin": (lambda x: np.sin(x) @ W, V),
    "tanh": (lambda x: np.tanh(x * W).sum(), V),
    "matvec": (lambda x: np.sum(np.tanh(M @ x)), V),
    "cumsum": (lambda x: np.cumsum(x) @ W, V),
    "diff": (lambda x: np.sum(np.diff(x) ** 2), V),
    "outer": (lambda x: np.sum(np.outer(x, W) * M), V),
    "reversed": (lambda x: x[::-1] @ W, V),
    "concatenated": (lambda x: np.sum(np.concatenate([x, W]) ** 2), V),
    "reshaped": (lambda x: np.sum(x.reshape(3, 1) * M), V),
    "broadcast": (lambda x: np.sum(x[:, None] - x[None, :] * M), V),
    "kernel": (lambda x: np.sum(np.exp(-((x[:, None] - W[None, :]) ** 2))), V),
    "trace of a square": (lambda A: np.trace(A @ A), A),
    "sum of A * A": (lambda A: np.sum(A * A), A),
    "A and its transpose": (lambda A: np.sum(A @ A.T * M), A),
    "rows by W": (lambda A: np.sum(A @ W), A),
    "columns by W": (lambda A: np.sum(W @ A), A),
    "axis 0": (lambda A: np.sum(A, axis=0) @ W, A),
    "axis 1": (lambda A: np.sum(A, axis=1) @ W, A),
    "row": (lambda A: A[0] @ W, A),
    "column": (lambda A: A[:, 1] @ W, A),
    "determinant": (lambda A: A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0], A),
    "diagonal": (lambda A: np.diagonal(A) @ W, A),
    "einsum": (lambda A: np.sum(np.tensordot(A, M, axes=1)), A),
    "bilinear": (lambda A: W @ A @ V, A),
    "Frobenius": (lambda A: ((A - M) ** 2).sum(), A),
    "flattened": (lambda A: A.ravel() @ np.arange(9.0), A),
    "iterated": (lambda A: sum(row @ W for row in A), A),
}
ARRAYS = {
    "product": (lambda x: x * W, V),
    "shift": (lambda x: x - x[0], V),
    "twice": (lambda x: np.concatenate([x, 2 * x]), V),
    "A @ A": (lambda A: A @ A, A),
    "A.T": (lambda A: A.T * 2.0, A),
    "A @ W": (lambda A: A @ W, A),
    "softmax": (lambda x: np.exp(x) / np.exp(x).sum(), V),
    "pair": (lambda x: (x * W, np.sum(x)), V),
    "dict": (lambda A: {"rows": A @ W, "sum": np.sum(A)}, A),
}


def assert_same(found, wanted, **tolerance):
    assert isinstance(wanted, dict | tuple) or np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(numbers_in(found), numbers_in(wanted), **{"rtol": 1e-12, "atol": 1e-12, **tolerance})


@pytest.mark.parametrize("name", [*SCALARS, *ARRAYS])
def test_an_array_is_one_argument(name):
    f, x = (SCALARS | ARRAYS)[name]
    assert_same(autograd.compile(f, math="libm")(x), f(x))


@pytest.mark.parametrize("name", SCALARS)
def test_derivatives_by_an_array(name):
    f, x = SCALARS[name]

    def derivatives(x):
        return autograd.grad(f)(x), autograd.value_and_grad(f)(x), autograd.hessian(f)(x)

    assert_same(autograd.compile(derivatives, math="libm")(x), derivatives(x))
    assert_same(autograd.compile(f, math="libm").value_and_grad(x), autograd.value_and_grad(f)(x))


@pytest.mark.parametrize("name", [name for name in ARRAYS if name not in ("pair", "dict")])
def test_jacobians_by_an_array(name):
    f, x = ARRAYS[name]
    derivative = autograd.jacobian(f)
    assert_same(autograd.compile(derivative, math="libm")(x), derivative(x))


FORMS = {
    "integers": lambda x: (4 * x).astype(int),
    "float32": np.float32,
    "not contiguous": lambda x: np.repeat(x, 2, axis=0)[::2],
    "reversed": lambda x: x[::-1],
    "transposed": lambda x: x.T,
    "Fortran": np.asfortranarray,
    "objects": lambda x: x.astype(object),
    "read-only": lambda x: np.broadcast_to(x, x.shape),
    "truth values": lambda x: x > 0,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["sum of products", "A and its transpose", "A @ A"])
def test_arrays_in_every_form(name, form):
    f, x = (SCALARS | ARRAYS)[name]
    x = FORMS[form](x)
    assert_same(autograd.compile(f)(x), f(x.astype(float)), rtol=1e-12)
    if name in SCALARS:
        assert_same(autograd.compile(f).grad(x), autograd.grad(f)(x.astype(float)))


def test_arrays_without_axes_and_without_entries():
    assert autograd.compile(lambda x: x * 2 + 1)(np.array(3.0)) == 7.0
    assert autograd.compile(lambda x: x * x).grad(np.array(3.0)) == 6.0
    assert autograd.compile(lambda x: x * 2)(np.empty((0, 3))).shape == (0, 3)
    assert autograd.compile(lambda x: np.sum(x) + 1.0)(np.empty(0)) == 1.0


def test_several_arrays_and_numbers():
    f = autograd.compile(lambda A, x, c: c * (A @ x) @ W, wrt=(0, 1, 2))
    assert f(A, V, 2.0) == pytest.approx(2.0 * (A @ V) @ W, rel=1e-14)
    of_matrix, of_vector, of_number = f.grad(A, V, 2.0)
    assert_same(of_matrix, 2.0 * np.outer(W, V))
    assert_same(of_vector, 2.0 * A.T @ W)
    assert of_number == pytest.approx((A @ V) @ W, rel=1e-14)


def test_mapping_over_examples_is_asked_for():
    """The first axis of every array, or list, is the examples; numbers are the same for all."""
    f = autograd.compile(lambda x, c: np.sum(x * W) * c, vmap=True)
    X = np.vstack([V, 2 * V, -V, A])
    assert_same(f(X, 3.0), X @ W * 3.0)
    assert_same(f(X.tolist(), 3.0), X @ W * 3.0)
    assert_same(f.grad(X, 3.0), np.tile(3.0 * W, (6, 1)))
    assert_same(f.value_and_grad(X, np.arange(6.0))[1], np.outer(np.arange(6.0), W))
    assert_same(autograd.compile(lambda x, c: np.sum(x * W) * c).evaluate(X, 3.0), X @ W * 3.0)
    with pytest.raises(TypeError, match="vmap is True or False, got 1"):
        autograd.compile(lambda x: x, vmap=1)


MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])


@pytest.mark.parametrize(
    "call",
    [
        lambda w: autograd.compile(lambda x: np.sum(x * W))(MASKED),
        lambda w: autograd.compile(lambda x: np.sum(x * W)).grad(MASKED),
        lambda w: autograd.compile(lambda p: np.sum(p["x"] * W))({"x": MASKED}),
        lambda w: autograd.compile(lambda x: x * W[0], vmap=True)(MASKED),
        lambda w: autograd.compile(lambda x: x * W[0]).evaluate(MASKED),
        lambda w: autograd.compile(lambda x: x * w, [w])(MASKED),
        lambda w: autograd.compile(lambda x: x[0] * w, [w])([MASKED, MASKED]),
        lambda w: autograd.compile(lambda x: x * w, [w]).flat([1.0], np.ones(3), MASKED),
    ],
)
def test_masked_arrays_would_lose_their_mask(call):
    with pytest.raises(ValueError, match=r"masked array.*x\.compressed\(\).*x\.filled"):
        call(Value(1.0))
    assert autograd.compile(lambda x: np.sum(x * W))(np.ma.array(V, mask=False)) == pytest.approx(V @ W)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_whose_product_is_another():
    with pytest.raises(TypeError, match=r"numpy\.matrix.*np\.asarray"):
        autograd.compile(lambda A: A * A)(np.matrix(A))
