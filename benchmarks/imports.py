"""How long the packages take to import."""

from __future__ import annotations

import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import autograd
from benchmarks.table import Row, interleaved

HOME = Path(autograd.__file__).parent.parent


def interpret(code: str) -> None:
    """Run the code in an interpreter of its own, which finds the packages where this one does."""
    subprocess.run([sys.executable, "-c", code], cwd=HOME, check=True)


def rows(quick: bool) -> list[Row]:
    """Time interpreters that import a package, less one that does nothing in the same round.

    The packages' bytecode is on disk already, as it is for everybody after the first import.
    """
    codes = {"nothing": "pass", "autograd": "import autograd", "nn": "import nn"}
    interpret("import nn")  # writes it
    times = interleaved({name: partial(interpret, code) for name, code in codes.items()}, 3 if quick else 31, "import")
    return [
        Row(
            f"import {name}, over a bare interpreter",
            f"{statistics.median(t - bare for t, bare in zip(times[name], times['nothing'])) * 1e3:.0f} ms",
            target="40 ms",
        )
        for name in ("autograd", "nn")
    ]
