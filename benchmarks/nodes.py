"""What a node costs: time by the size of the graph, memory, and whether a graph that is dropped is freed at once."""

from __future__ import annotations

import gc
import statistics
import sys
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING, Any

from autograd import Value, collector_paused
from autograd.graph import topological_order
from benchmarks.step import ScalarNetwork, scalar_loss
from benchmarks.table import Row, interleaved, peer, ratio

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.step import Leaf


def program(leaf: Leaf, size: int) -> Any:
    """A graph of `size` nodes, 1 more than a multiple of 3: products and sums, each used twice, of bounded numbers."""
    a, b, left, right = leaf(1.0), leaf(2.0), leaf(0.5), leaf(0.5)
    for _ in range((size - 4) // 3):
        a, b = b, a * left + b * right
    return b


# --- Time -------------------------------------------------------------------------------------------------------------


def forward_and_backward(size: int, times: int) -> None:
    """Build the graph, go backward and drop the graph, so many times."""
    for _ in range(times):
        program(Value, size).backward()


def without_collector(size: int, times: int) -> None:
    """The same with the cyclic collector resting."""
    with collector_paused():
        forward_and_backward(size, times)


def time_rows(quick: bool) -> list[Row]:
    """Time the same number of nodes in graphs of each size, as one graph or as many.

    The clock includes what a graph costs after use, which is to be freed, and the cyclic collector runs as users have
    it: what it spends on looking through a large graph in vain counts. The last row says how much of the growth is
    not the collector's.
    """
    sizes = [10**k for k in (range(3, 5) if quick else range(3, 7))]
    largest = sizes[-1]
    for size in sizes:
        if len(topological_order(program(Value, size))) != size:
            raise AssertionError(f"the program for {size} nodes does not make so many")
    works = {f"on {size}": partial(forward_and_backward, size, largest // size) for size in sizes}
    works |= {f"off {size}": partial(without_collector, size, largest // size) for size in (sizes[0], largest)}
    times = interleaved(works, 2 if quick else 7, "time per node")
    growth = {mode: ratio(times[f"{mode} {largest}"], times[f"{mode} {sizes[0]}"]) for mode in ("on", "off")}

    def nanoseconds(size: int) -> str:
        return f"{statistics.median(times[f'on {size}']) / largest * 1e9:.0f} ns"

    ends = f"{largest:,} over {sizes[0]:,} nodes"
    return [
        *(Row(f"time per node, graph of {size:,} nodes", nanoseconds(size)) for size in sizes),
        Row(f"time per node, {ends}", f"{growth['on']:.2f}x", target="1.5x"),
        Row(f"time per node, {ends}, in collector_paused()", f"{growth['off']:.2f}x", target="1.5x"),
    ]


# --- Memory -----------------------------------------------------------------------------------------------------------


def demo_graph(leaf: Leaf) -> Any:
    """The graph of micrograd's demo with its network, scalar by scalar; weights of 0 take as much memory as any."""
    return scalar_loss(ScalarNetwork(leaf, [2, 16, 16, 1]), leaf)


def memory_rows(quick: bool) -> list[Row]:
    """Measure the bytes that graphs hold, the same graphs on micrograd beside.

    Where the bytes per node are counted garbage is collected first, so that only what the graph needs is counted, its
    leaves and every number in it included. For the graph that is dropped the collector is off, as reference counts
    alone have to do.
    """
    sys.setrecursionlimit(10**6)  # micrograd's backward() calls itself along the graph
    size = 10**3 if quick else 10**5
    leaves = {"chainrule": Value}
    if micrograd := peer("micrograd.engine"):
        leaves["micrograd"] = micrograd.Value
    graphs: dict[str, Callable[[Leaf], Any]] = {f"chain of {size:,} + and *": partial(program, size=size)}
    if peer("sklearn"):
        graphs = {"micrograd's demo": demo_graph, **graphs}
    rows = []
    for name, graph in graphs.items():
        nodes = len(topological_order(graph(Value)))
        held = {engine: bytes_of(partial(graph, leaf)) for engine, leaf in leaves.items()}
        for k, when in enumerate(("forward", "backward")):
            per_node = {engine: held[engine][k] / nodes for engine in held}
            rows.append(_bytes_row(f"bytes per node after {when}, {name}", per_node))
    dropped = {engine: bytes_after_drop(partial(program, leaf), size) for engine, leaf in leaves.items()}
    figures = {engine: f"{after:,} of {before:,} bytes" for engine, (before, after) in dropped.items()}
    rows.append(Row(f"still held of a dropped graph of {size:,} nodes, collector off", **figures, target="0"))
    return rows


def _bytes_row(measured: str, per_node: dict[str, float]) -> Row:
    figures = {engine: f"{figure:.0f}" for engine, figure in per_node.items()}
    smaller = f"{per_node['micrograd'] / per_node['chainrule']:.1f}x smaller" if "micrograd" in per_node else ""
    return Row(measured, **figures, against_micrograd=smaller, target="200")


def bytes_of(build: Callable[[], Any]) -> tuple[int, int]:
    """The bytes that a graph holds after forward and after backward."""
    build()
    gc.collect()
    tracemalloc.start()
    try:
        root = build()
        forward = _bytes_in_use()
        root.backward()
        return forward, _bytes_in_use()
    finally:
        tracemalloc.stop()


def _bytes_in_use() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def bytes_after_drop(build: Callable[[int], Any], size: int) -> tuple[int, int]:
    """The bytes held by a graph after backward, and what is left of them once it is dropped, without the collector."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        build(1000).backward()  # fills the interpreter's own store of freed floats and tuples
        base = tracemalloc.get_traced_memory()[0]
        root = build(size)
        root.backward()
        before = tracemalloc.get_traced_memory()[0] - base
        del root
        return before, tracemalloc.get_traced_memory()[0] - base
    finally:
        gc.enable()
        tracemalloc.stop()
