"""What a compiled function says of itself, and what is said where llvmlite or NumPy is missing."""

import pickle
import re
import subprocess
import sys

import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from steps import LANES, Task, examples, hinge_step, rosenbrock

from autograd.compiler.runtime import native

pytestmark = pytest.mark.sampled(every=3)

# --- What was compiled, told -----------------------------------------------------------------------------------------


def test_the_program_is_readable():
    w, b = Value(2.0, label="w"), Value(1.0)
    step = autograd.compile(lambda x, target: ((w * x + b).tanh() - target) ** 2, [w, b])
    with pytest.raises(RuntimeError, match="call it, then look"):
        step.program
    step([1.0, 2.0], [0.0, 1.0])
    lines = step.program.splitlines()
    assert "forward:" in lines
    assert "backward:" in lines
    forward, backward = step.program.split("backward:")
    for part in ("tanh(", "- target", "** 2", "sum over the examples of", "/ n", "w", "x", "parameter[1]"):
        assert part in forward
    assert re.search(r"gradient of w \+= sum over the examples of %\d+", backward)
    assert re.search(r"gradient of parameter\[1\] \+= sum over the examples of %\d+", backward)
    assert all(len(line) < 200 for line in lines)


def test_printing_tells_what_was_compiled():
    step, _ = hinge_step()
    assert str(step) == repr(step) == "<compile(loss), 21 parameters, float64, 0 programs>"
    step(*examples(3))
    text = str(step)
    assert text.startswith("<compile(loss), 21 parameters, float64, 1 programs>\n")
    for name in ("trace", "fold_constants", "find_layers", "differentiate", "expand", "dead_code", "line_up"):
        assert re.search(rf"^  {name} +[\d,]+ instructions$", text, re.MULTILINE)
    assert re.search(r"compiled in \d+\.\d\d s: passes \d+\.\d\d s, LLVM \d+\.\d\d s; \d+ pieces", text)
    assert re.search(rf"{LANES} lanes of double, blocks of \d+ examples", text)
    vectorised = bool(native.target("float64", "vector").vector_functions)
    assert ("vector math" in text) == vectorised
    plain, _ = hinge_step(math="libm")
    plain(*examples(3))
    assert "vector math" not in str(plain)
    assert re.search(r"number by number, from the C library: .*tanh", str(plain))


def test_names():
    assert autograd.compile(rosenbrock).__name__ == "compile(rosenbrock)"
    assert repr(autograd.compile(rosenbrock)) == "<compile(rosenbrock), float64, 0 programs>"
    assert autograd.compile(Task().loss).__name__ == "compile(loss)"
    assert autograd.compile(autograd.hessian(rosenbrock)).__name__ == "compile(hessian(rosenbrock))"


# --- Without llvmlite ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["llvmlite", "numpy"])
def test_without_llvmlite_it_says_how_to_install_it(missing, monkeypatch):
    step = autograd.compile(rosenbrock)
    pickled = pickle.dumps(step)
    monkeypatch.setitem(sys.modules, missing, None)
    for call in (lambda: autograd.compile(rosenbrock), lambda: pickle.loads(pickled)):
        with pytest.raises(ModuleNotFoundError, match=rf'{missing}.*pip install "\.\[compile\]"') as caught:
            call()
        assert caught.value.name == missing


def test_importing_the_library_needs_neither():
    code = "import sys, autograd, nn; assert not {'llvmlite', 'numpy', 'ctypes'} & set(sys.modules); autograd.compile"
    subprocess.run([sys.executable, "-c", code], check=True)
