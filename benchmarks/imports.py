"""How long the packages take to import."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import autograd
from benchmarks.table import Row, interleaved

HOME = Path(autograd.__file__).parent.parent


def interpret(code: str, bytecode: str) -> None:
    """Run the code in an interpreter of its own, which finds the packages where this one does, with bytecode there."""
    environment = {name: setting for name, setting in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    subprocess.run([sys.executable, "-c", code], cwd=HOME, env=environment, check=True)


def rows(quick: bool) -> list[Row]:
    """Time interpreters that import a package, less one that does nothing in the same round.

    The packages' bytecode is on disk already, as it is for everybody after the first import.
    """
    codes = {"nothing": "pass", "autograd": "import autograd", "nn": "import nn"}
    with tempfile.TemporaryDirectory() as bytecode:
        interpret("import nn", bytecode)  # writes it
        works = {name: partial(interpret, code, bytecode) for name, code in codes.items()}
        times = interleaved(works, 3 if quick else 31, "import")
    return [
        Row(
            f"import {name}, over a bare interpreter",
            f"{statistics.median(t - bare for t, bare in zip(times[name], times['nothing'])) * 1e3:.0f} ms",
            target="40 ms",
        )
        for name in ("autograd", "nn")
    ]
