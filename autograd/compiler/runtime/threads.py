"""Threads that share the examples of a batch.

To wake a thread that sleeps takes longer than a small batch. So a worker that has done its part looks for the next one
for a while, in native code and without Python's lock, before it goes to sleep: training asks again at once. Its mailbox
is a few words of memory that both sides change atomically.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
import time
from collections import deque
from functools import cache
from typing import Any

from autograd.compiler.runtime import native

LOOKS = 1500
"""How many times a worker looks before it sleeps: some tens of microseconds."""

WAITS = 300
"""How many times a caller looks whether a worker is done before it lets others have the processor."""

STATE, FUNCTION, FRAME, DONE = range(4)
"""The words of a mailbox."""

LOOKING, POSTED, ASLEEP = range(3)
"""The states of a mailbox."""

_PAUSE = "call void @llvm.x86.sse2.pause()"

_CODE = f"""
{{declare}}

define void @serve(ptr %box, i64 %looks) {{{{
entry:
  %function_at = getelementptr i64, ptr %box, i64 {FUNCTION}
  %frame_at = getelementptr i64, ptr %box, i64 {FRAME}
  %done_at = getelementptr i64, ptr %box, i64 {DONE}
  br label %look
look:
  %k = phi i64 [ 0, %entry ], [ %next, %again ], [ 0, %work ]
  %state = load atomic i64, ptr %box acquire, align 8
  %posted = icmp eq i64 %state, {POSTED}
  br i1 %posted, label %work, label %again
again:
  {{pause}}
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %looks
  br i1 %more, label %look, label %sleep
sleep:
  %tried = cmpxchg ptr %box, i64 {LOOKING}, i64 {ASLEEP} seq_cst seq_cst
  %asleep = extractvalue {{{{ i64, i1 }}}} %tried, 1
  br i1 %asleep, label %stop, label %work
work:
  %function = load ptr, ptr %function_at
  %frame = load ptr, ptr %frame_at
  call void %function(ptr %frame)
  store atomic i64 {LOOKING}, ptr %box seq_cst, align 8
  store atomic i64 1, ptr %done_at seq_cst, align 8
  br label %look
stop:
  ret void
}}}}

define i64 @post(ptr %box) {{{{
  %before = atomicrmw xchg ptr %box, i64 {POSTED} seq_cst
  ret i64 %before
}}}}

define i64 @await(ptr %box, i64 %looks) {{{{
entry:
  %done_at = getelementptr i64, ptr %box, i64 {DONE}
  br label %look
look:
  %k = phi i64 [ 0, %entry ], [ %next, %again ]
  %done = load atomic i64, ptr %done_at acquire, align 8
  %is_done = icmp ne i64 %done, 0
  br i1 %is_done, label %stop, label %again
again:
  {{pause}}
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %looks
  br i1 %more, label %look, label %stop
stop:
  ret i64 %done
}}}}
"""


class _Native:
    def __init__(self) -> None:
        intel = platform.machine().lower() in ("x86_64", "amd64")
        declare, pause = ("declare void @llvm.x86.sse2.pause()", _PAUSE) if intel else ("", "")
        self._module = native.Module(_CODE.format(declare=declare, pause=pause))
        address, count = ctypes.c_void_p, ctypes.c_int64
        self.serve = ctypes.CFUNCTYPE(None, address, count)(self._module.address("serve"))
        self.post = ctypes.PYFUNCTYPE(count, address)(self._module.address("post"))
        self.wait = ctypes.CFUNCTYPE(count, address, count)(self._module.address("await"))


@cache
def _native() -> _Native:
    return _Native()


class Worker:
    """A thread that runs code on frames."""

    def __init__(self) -> None:
        self._native = _native()
        self._box = (ctypes.c_int64 * 4)()
        self._address = ctypes.addressof(self._box)
        self._kept: Any = None
        self._wake = threading.Lock()
        self._wake.acquire()
        threading.Thread(target=self._work, name="chainrule", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._native.serve(self._address, LOOKS)
            self._wake.acquire()

    def start(self, code: Any, frame: int, kept: Any) -> Worker:
        """Begin to run code on a frame.

        Args:
            code: a function of `native.Code`.
            frame: the address of the frame.
            kept: all that the code looks at: it lives on until it has run, whatever becomes of the caller.
        """
        self._kept = code, kept
        self._box[FUNCTION] = ctypes.cast(code, ctypes.c_void_p).value or 0
        self._box[FRAME], self._box[DONE] = frame, 0
        if self._native.post(self._address) == ASLEEP:
            self._wake.release()
        return self

    def finish(self) -> None:
        """Wait until it has run. An interruption is raised after that."""
        interruption: BaseException | None = None
        done = 0
        while not done:
            try:
                done = self._native.wait(self._address, WAITS)
                if not done:
                    time.sleep(0)
            except BaseException as error:
                interruption = error
        self._kept = None
        _idle.append(self)
        if interruption is not None:
            raise interruption


_idle: deque[Worker] = deque()


def take_worker() -> Worker:
    """A worker that has nothing to do, a new one if there is none."""
    try:
        return _idle.pop()
    except IndexError:
        return Worker()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # of all threads a child has only the one that forked
