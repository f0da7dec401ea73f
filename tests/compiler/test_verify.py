"""What `verify` refuses, and that LLVM, which ends the process over code that is not in order, is never handed any."""

import itertools
import math
import os
import subprocess
import sys

import pytest

import autograd
from autograd import Value

pytest.importorskip("llvmlite")

from programs import ADD, DOT, NEG, small_program

from autograd.compiler import build, goals
from autograd.compiler.program import Program, Range, Weights
from autograd.compiler.runtime import native
from autograd.compiler.verify import verify

pytestmark = pytest.mark.sampled(every=3)

# --- A program -------------------------------------------------------------------------------------------------------


def test_a_program_that_is_in_order_is_built():
    program = small_program()
    built = build.build(program, [[2]], native.target("float64", "vector"), goals.Wanted(1, range(2)))
    assert built.layout.batches[0].widths == (2,)


LAYER = Weights(1, 2, 0, 2, 1)


@pytest.mark.parametrize(
    ("operation", "operands", "attribute", "problem"),
    [
        (ADD, (0, 8), None, "not all computed before it"),
        (ADD, (0, 99), None, "not all computed before it"),
        (ADD, (0, -1), None, "not all computed before it"),
        (ADD, (0,), None, "1 operands, wants 2"),
        (NEG, (0, 1), None, "2 operands, wants 1"),
        (DOT, (), None, "no operands"),
        ("no_such", (), None, "unknown operation"),
        ("constant", (), 1, "wants a float"),
        ("constant", (), None, "wants a float"),
        ("constant", (0,), 1.0, "1 operands, wants 0"),
        ("parameter", (), 2, "wants a number below 2"),
        ("parameter", (), -1, "wants a number below 2"),
        ("parameter", (), None, "wants a number below 2"),
        ("parameter", (), 0.0, "wants a number below 2"),
        ("input", (), (1, 2), "no column 2 in batch 1"),
        ("input", (), (1, -1), "no column -1 in batch 1"),
        ("input", (), (2, 0), "no column 0 in batch 2"),
        ("input", (), (0, 0), "no column 0 in batch 0"),
        ("batch_sum", (2,), (9, 1), "no sum 9"),
        ("batch_sum", (2,), (0, 2), "no batch 2"),
        ("batch_sum", (2,), (0, 0), "no batch 0"),
        ("batch_sum", (2, 3), (0, 1), "2 operands, wants 1"),
        ("contribute", (0,), 9, "wants a number below 3"),
        ("contribute", (), 0, "0 operands, wants 1"),
        ("count", (), 2, "wants a number below 2"),
        ("copy", (0,), 2, "wants a number below 2"),
        ("element", (2,), 0, "element of input"),
        ("layer", (2, 3), LAYER._replace(depth=3), "2 operands do not fit"),
        ("layer", (2, 3), LAYER._replace(first=1), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(first=-1), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(rows=2), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(bias=2), "beyond the parameters"),
        ("layer", (2, 3), LAYER._replace(bias=-1), "beyond the parameters"),
        ("layer_inputs", (2, 3), LAYER, "2 operands do not fit"),
        ("layer_weights", (2, 3), LAYER, "2 operands do not fit"),
        ("range_dot", (), Range(2, 0, 1, 1, 1), "beyond the parameters"),
        ("range_dot", (), Range(2, 0, 2, 0, 1), "beyond the parameters"),
        ("range_dot", (0,), Range(2, 0, 1, 0, 1), "1 operands, wants 0"),
        ("range_contribute", (0,), Range(3, 0, 1, 0, 1), "beyond the parameters"),
    ],
)
def test_verify_refuses_an_instruction(operation, operands, attribute, problem):
    program = small_program()
    program.append(operation, operands, attribute)
    with pytest.raises(AssertionError, match=rf"after the pass some_pass: %8 = .*{problem}"):
        verify(program, "some_pass")


def test_verify_refuses_operands_of_different_batches():
    program = Program(0, [0, 1, 1])
    x, y = (program.append("input", (), (batch, 0)) for batch in (1, 2))
    program.append(ADD, (x, y))
    with pytest.raises(AssertionError, match=r"%2 = add: .*different batches"):
        verify(program, "trace")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda program: program.results.append(2), "the result %2 differs between examples"),
        (lambda program: program.outputs.update({2: [2]}), "%2 is no output of batch 2"),
    ],
)
def test_verify_refuses_results(change, problem):
    program = small_program()
    change(program)
    with pytest.raises(AssertionError, match=f"after the pass trace: {problem}"):
        verify(program, "trace")


def test_a_pass_that_breaks_a_program_is_named(monkeypatch):
    def breaking(program):
        program.append(ADD, (0, 99))
        return program

    monkeypatch.setattr(build, "AFTER_GRADIENT", (breaking,))
    with pytest.raises(AssertionError, match="after the pass breaking"):
        build.build(small_program(), [[2]], native.target("float64", "libm"))


# --- LLVM is never handed what it has not verified -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "no module",
        "define void @f() {",
        "define void @f() {\n  ret i32 0\n}",
        "define void @f() {\n  %x = fadd double %y, 1.0\n  ret void\n}",
        "define i32 @f() {\na:\n  br label %b\nb:\n  %x = add i32 1, 1\n  %y = phi i32 [ 0, %a ]\n  ret i32 %y\n}",
        "define i32 @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i32 1, 1\n  br label %b\nb:\n"
        "  ret i32 %x\n}",
    ],
    ids=["text", "open", "type", "undefined", "phi", "dominance"],
)
def test_code_that_is_not_in_order_is_an_error(text):
    with pytest.raises(RuntimeError):
        native.Module(text)


def test_ctrl_c_between_two_modules_leaves_nothing_half_done(monkeypatch):
    parameters = [Value(math.sin(k)) for k in range(2000)]

    def loss():
        return autograd.mean([p.tanh() * q for p, q in itertools.pairwise(parameters)]) + parameters[0].exp()

    step = autograd.compile(loss, parameters, without=["roll"])
    binding = native.llvm()
    parsed = []

    def parse(text, parse=binding.parse_assembly):
        parsed.append(text)
        if len(parsed) == 3:
            raise KeyboardInterrupt
        return parse(text)

    monkeypatch.setattr(binding, "parse_assembly", parse)
    with pytest.raises(KeyboardInterrupt):
        step()
    assert [p.grad for p in parameters] == [0.0] * len(parameters)
    value = step()
    found = [p.grad for p in parameters]
    eager = loss()
    eager.backward()
    assert value == pytest.approx(eager.data, rel=1e-13)
    assert found == pytest.approx([p.grad - g for p, g in zip(parameters, found)], rel=1e-12)


@pytest.mark.parametrize("count", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_broken_programs_never_end_the_process(count):
    code = f"import programs; programs.build_broken_programs({count})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=os.path.dirname(__file__), check=False)
    assert done.returncode == 0, done.stderr
    built, refused = map(int, done.stdout.split())
    assert built > count / 15
    assert refused > count / 3
