"""The clock, the table, the line about the machine, and what every command of the benchmarks does with them."""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import os
import platform
import re
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PEERS = {"micrograd": "micrograd==0.1.0", "torch": "torch", "sklearn": "scikit-learn"}
"""What the engine is measured beside or with, and how pip calls it. The engine itself needs none of them."""

RESULTS = Path(__file__).with_name("RESULTS.md")
"""Where the figures stand. Source files name its rows to say which number they are there for."""


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


def machine(packages: Iterable[str] = ("micrograd", "torch")) -> str:
    """One line about when and where the figures come from."""
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{date.today()}: {_cpu()}, {os.cpu_count()} cores; {python}, {versions}; medians of interleaved rounds."


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


# --- A command --------------------------------------------------------------------------------------------------------


def report(
    module: str,
    about: str | None,
    rows: Callable[[bool], Sequence[tuple[str, ...]]],
    header: tuple[str, ...] = HEADER,
    where: Callable[[], str] = machine,
) -> None:
    """`python -m module`: measure, print the table, and with `--write` put it into RESULTS.md."""
    command = f"python -m {module}"
    parser = argparse.ArgumentParser(prog=command, description=about)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller graphs: rough figures")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md as well")
    options = parser.parse_args()
    if options.write and options.quick:
        parser.error("rough figures are not for RESULTS.md: choose one of --quick and --write")
    table = f"{render(rows(options.quick), header)}\n\n{where()}\n"
    print(table, end="")
    if options.write:
        RESULTS.write_text(
            with_table(RESULTS.read_text(encoding="utf-8"), command, table), encoding="utf-8", newline="\n"
        )


def with_table(results: str, command: str, table: str) -> str:
    """The text of RESULTS.md with this table in place of what the command printed before."""
    return _section(command).sub(lambda _: table, results)


def listed(command: str) -> list[list[str]]:
    """The rows that RESULTS.md has of a command, each a list of its cells."""
    section = _section(command).search(RESULTS.read_text(encoding="utf-8"))
    assert section, f"RESULTS.md has no table between <!-- {command} --> and <!-- end -->"
    lines = [line for line in section[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _section(command: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {re.escape(command)} -->\n).*?(?=<!-- end -->)", re.DOTALL)
