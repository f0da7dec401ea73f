"""`python -m benchmarks` measures the engine beside micrograd and PyTorch in one run, and prints one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import imports, nodes, step
from benchmarks.table import Row, in_a_fresh_process, missing_peers, report

if TYPE_CHECKING:
    from collections.abc import Callable

GROUPS: tuple[Callable[[bool], list[Row]], ...] = (step.rows, nodes.time_rows, nodes.memory_rows, imports.rows)


def rows(quick: bool) -> list[Row]:
    return [row for group in (*GROUPS, missing_peers) for row in in_a_fresh_process(group, quick)]


if __name__ == "__main__":
    report("benchmarks", __doc__, rows)
