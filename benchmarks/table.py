"""The clock, the table and the line about the machine."""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import os
import platform
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PEERS = {"micrograd": "micrograd==0.1.0", "torch": "torch", "sklearn": "scikit-learn"}
"""What the engine is measured beside or with, and how pip calls it. The engine itself needs none of them."""


class Row(NamedTuple):
    """One line of the table: what is measured, each engine's figure, and what that says."""

    measured: str
    chainrule: str = ""
    micrograd: str = ""
    torch: str = ""
    against_micrograd: str = ""
    against_torch: str = ""
    target: str = ""


HEADER = Row("measured", "chainrule", "micrograd", "PyTorch scalars", "against micrograd", "against PyTorch", "target")


def render(rows: Sequence[tuple[str, ...]], header: tuple[str, ...] = HEADER) -> str:
    """The rows as a table that reads well as plain text and is valid Markdown."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in (header, rule, *rows)
    )


def in_a_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns where nothing ran before that has left objects, modules or a fragmented heap."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes. Garbage of whatever ran before is collected before the clock starts."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int, what: str) -> dict[str, list[float]]:
    """The seconds that each of the works takes in each round. They take turns, so that a slow spell hits them alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in progress(range(rounds), what):
        for name, work in works.items():
            times[name].append(seconds(work))
    return times


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median over the rounds of each round's own ratio."""
    return statistics.median(x / y for x, y in zip(numerators, denominators))


def progress(items: Iterable[Any], what: str) -> Iterable[Any]:
    """The items, with a bar on stderr where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    return tqdm(items, desc=what, leave=False)  # type: ignore[no-any-return, unused-ignore]


def peer(module: str) -> Any:
    """The module, or None where its package is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def missing_peers(_quick: bool) -> list[Row]:
    return [Row(name, f"not installed: pip install {package}") for name, package in PEERS.items() if peer(name) is None]


def machine() -> str:
    """One line about where the figures come from."""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("micrograd", "torch"))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_cpu()}, {os.cpu_count()} cores; {python}, {versions}; medians of interleaved rounds."


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
