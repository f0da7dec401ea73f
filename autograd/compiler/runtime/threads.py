"""Threads that share the examples of a batch: a plain pool.

It buys benchmarks/RESULTS.md, "demo, batch of 65,536, two threads". In a batch of some thousand examples waking
a thread takes as long as its share of the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="chainrule")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # of all threads a child has only the one that forked


def run_all(works: Sequence[Callable[[], Any]]) -> None:
    """Do the first of these here, the others in threads. What they refer to lives until all are done."""
    tasks: list[Future[Any]] = []
    try:
        for work in works[1:]:
            tasks.append(_started(work))
        works[0]()
    finally:  # Ctrl-C as well
        _wait(tasks)
    for task in tasks:
        task.result()


def _started(work: Callable[[], Any]) -> Future[Any]:
    try:
        return _pool().submit(work)
    except RuntimeError:  # Python is about to exit and starts no more threads
        done: Future[Any] = Future()
        done.set_result(work())
        return done


def _wait(tasks: Sequence[Future[Any]]) -> None:
    """Wait until all of these are done; Ctrl-C is raised afterwards."""
    try:
        wait(tasks)
    except BaseException:
        _wait(tasks)
        raise
