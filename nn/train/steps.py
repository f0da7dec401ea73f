"""Which steps a training takes: native code where that is possible, else Values.

`EagerSteps` and `CompiledSteps` have the same face, and `fit` does not know which it works with.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from autograd.extras import how_to_install
from autograd.modes import is_checking, is_recording
from nn.train.eager import EagerSteps
from nn.train.native import CompiledSteps
from nn.train.task import Snapshot

if TYPE_CHECKING:
    from nn.train.task import Task

    Steps = EagerSteps | CompiledSteps

WITHOUT_COMPILER = (
    f"llvmlite is not installed, with which training is hundreds of times faster: {how_to_install('compile')}"
)


def choose_steps(task: Task, compiled: bool | str) -> tuple[Steps, str]:
    """The steps to take, and why they are eager, "" where they are compiled: see `compiled` of `fit`."""
    if compiled is False:
        return EagerSteps(task), "compiled=False"
    if compiled is True:
        return CompiledSteps(task), ""
    note, before = why_not_compiled(), Snapshot.of(task)
    if not note:
        try:
            return CompiledSteps(task), ""
        except Exception as error:  # if it is a real one, the eager steps raise it again
            before.restore()
            note = f"{type(error).__name__}: {error}"
    return EagerSteps(task), note


def resumed(steps: Steps, compiled: bool | str) -> tuple[Steps, str]:
    """The steps after a callback, which may have changed anything, and why they are eager from now on."""
    try:
        steps.resume()
    except Exception as error:  # as in `choose_steps`
        if compiled is True or isinstance(steps, EagerSteps):
            raise
        return EagerSteps(steps.task), f"{type(error).__name__}: {error}"
    return steps, ""


def why_not_compiled() -> str:
    """Why nothing can be compiled here, whatever the model; "" if it can."""
    if is_checking():
        return "autograd.detect_anomaly() looks at every operation"
    if not is_recording():
        return "autograd.no_grad() is on"
    try:
        for module in ("llvmlite", "llvmlite.binding"):
            import_module(module)
    except ModuleNotFoundError:
        return WITHOUT_COMPILER
    except (ImportError, OSError) as error:
        return f"llvmlite cannot be loaded: {error}"
    return ""
