"""`detect_anomaly` names the operation, its operands and the line."""

import math
import re
from math import inf, nan

import pytest

import autograd
from autograd import Value, detect_anomaly, where
from autograd.errors import AnomalyError


def test_detect_anomaly_forward_names_operation_operands_and_line():
    x = Value(0.0)
    with detect_anomaly():
        with pytest.raises(AnomalyError) as error:
            x.log() + 1  # the line
        assert (x + 1).data == 1.0
    message = str(error.value)
    assert message.startswith("log gave -inf from 0.0 (")
    assert re.search(
        r"test_detect_anomaly.py, line \d+, in test_detect_anomaly_for.*: x.log\(\) \+ 1  # the line\)$", message
    )


@pytest.mark.parametrize(
    "program",
    [lambda x: x / 0, lambda x: x.log(), lambda x: autograd.sum([x, nan]), lambda x: autograd.dot([x], [inf])],
)
def test_detect_anomaly_sees_every_way_to_make_a_node(program):
    with (
        detect_anomaly(),
        pytest.raises(AnomalyError, match=r"gave (nan|inf|-inf) from 0.0.*test_detect_anomaly.py, line"),
    ):
        program(Value(0.0))


def test_detect_anomaly_backward_names_operation_and_line_and_restores_gradients():
    x = Value(0.0)
    w = Value(2.0)
    (x * w).backward()
    with detect_anomaly():
        h = x.sqrt()
        y = h * w
        with pytest.raises(AnomalyError) as error:
            y.backward()
    message = str(error.value)
    assert message.startswith("backward through sqrt gave the gradient inf (upstream 2.0, local derivative inf, ")
    assert "operands 0.0; " in message
    assert re.search(r"test_detect_anomaly.py, line \d+, in test_detect_anomaly_backward.*: h = x.sqrt\(\)\)$", message)
    assert (x.grad, w.grad, h.grad, y.grad) == (2.0, 0.0, 0.0, 0.0)


def test_detect_anomaly_backward_through_a_node_made_outside_it():
    y = Value(0.0).sqrt()
    with detect_anomaly(), pytest.raises(AnomalyError, match="made outside detect_anomaly: run the forward pass in it"):
        y.backward()


def test_detect_anomaly_lets_healthy_programs_pass():
    x = Value(2.0)
    with detect_anomaly():
        y = (x * x).tanh() + where(x > 0, x, 0.0)
        y.backward()
    assert math.isfinite(x.grad)
