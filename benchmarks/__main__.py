"""`python -m benchmarks` measures everything in one run and prints one table, which is also valid Markdown."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks import imports, nodes, step
from benchmarks.table import Row, in_a_fresh_process, machine, missing_peers, render

if TYPE_CHECKING:
    from collections.abc import Callable

GROUPS: tuple[Callable[[bool], list[Row]], ...] = (step.rows, nodes.time_rows, nodes.memory_rows, imports.rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and smaller graphs: rough figures")
    quick = parser.parse_args().quick
    rows = [row for group in (*GROUPS, missing_peers) for row in in_a_fresh_process(group, quick)]
    print(render(rows))
    print()
    print(machine())


if __name__ == "__main__":
    main()
