"""Adding an operation to the engine is one row of the table: nothing else is edited."""

import pathlib
import shutil
import subprocess
import sys

import pytest

import autograd

ROW = """
gaussian = Primitive("gaussian", lambda x: math.exp(-x * x), (lambda out, x: -2.0 * x * out,), domain=[(-3, 3)],
    singular=[((inf,), 0.0, (nan,))], summary="e ** -x^2, a bell")
"""

USE = """
import math
import autograd, nn
from autograd import PRIMITIVES, Value, check_grads, compile, draw_dot, explain, explore, grad, jvp
from nn import MLP

def f(x):
    return math.exp(-x * x)

def derivative(x):
    return -2 * x * f(x)

assert "gaussian" in autograd.__all__
assert autograd.gaussian(0.5) == f(0.5)
x = Value(0.5, label="x")
y = x.gaussian()
assert y.data == f(0.5) and Value.gaussian.__doc__ == "e ** -x^2, a bell"
y.backward()
assert x.grad == derivative(0.5)
assert math.isclose(grad(grad(autograd.gaussian))(0.5), (4 * 0.25 - 2) * f(0.5))
assert jvp(autograd.gaussian, (0.5,), (2.0,)) == (f(0.5), 2 * derivative(0.5))
check_grads(autograd.gaussian, (0.5,))
assert "gaussian" in draw_dot(y).source
assert "gaussian(x)" in str(explain(y, x)), explain(y, x)
page = explore(y).to_html()
assert "gaussian: {" in page and "Math.exp(" in page
model = MLP(2, [3, 1], activation="gaussian", rng=0)
assert PRIMITIVES["gaussian"] in [node.primitive for node in autograd.graph.topological_order(model([1.0, 2.0]))]
print("all but compiled code")
try:
    import llvmlite
except ImportError:
    raise SystemExit
assert math.isclose(compile(lambda x: x.gaussian())(0.5), f(0.5), rel_tol=1e-15)
assert math.isclose(compile(grad(autograd.gaussian))(0.5), derivative(0.5), rel_tol=1e-15)
print("compiled code too")
"""


def test_a_row_of_the_table_is_all_that_a_new_operation_takes(tmp_path):
    source = pathlib.Path(autograd.__file__).parent.parent
    for package in ("autograd", "nn"):
        shutil.copytree(source / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    table = tmp_path / "autograd" / "table.py"
    text = table.read_text(encoding="utf-8")
    assert text.count("\n# fmt: on\n") == 1
    table.write_text(text.replace("\n# fmt: on\n", ROW + "\n# fmt: on\n"), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    assert printed[0] == "all but compiled code"
    if len(printed) == 1:
        pytest.skip('compiled code wants llvmlite: pip install ".[compile]"')
