"""LLVM IR made into code of this machine, through llvmlite."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
from functools import cache
from typing import Any

from autograd import modes
from autograd.compiler.codegen import vector_math
from autograd.compiler.codegen.lowering import Lowered
from autograd.compiler.codegen.target import Target
from autograd.extras import how_to_install
from autograd.symbolic.lowering import FUNCTIONS

OLDEST_LLVM = 20

_lock = threading.RLock()  # LLVM's symbols and its verifier are shared by all threads

_LIBMVEC = {64: "e", 32: "d", 16: "b"}
"""The letters of registers by their bytes in the names of glibc's vector functions, the vector ABI of x86-64."""


def llvm() -> Any:
    """llvmlite's binding; an error says how to install what is missing."""
    try:
        import numpy  # noqa: F401
        from llvmlite import binding
    except ImportError as error:
        raise ModuleNotFoundError(
            f"autograd.compile makes native code with llvmlite and NumPy, and {error.name or 'one of them'} is not "
            f"installed: {how_to_install('compile')}",
            name=error.name,
        ) from None
    if binding.llvm_version_info[0] < OLDEST_LLVM:
        version = ".".join(map(str, binding.llvm_version_info))
        raise ModuleNotFoundError(
            f"autograd.compile wants LLVM {OLDEST_LLVM} or later, this llvmlite has {version}: "
            f"{how_to_install('compile')}",
            name="llvmlite",
        )
    _initialize(binding)
    return binding


@cache
def _initialize(binding: Any) -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)


def _locks_over_fork() -> tuple[Any, Any]:
    """The locks to hold during a fork, in the order in which one thread takes them.

    Another thread may be inside of LLVM: it holds llvmlite's own lock. Freeing code takes it too, and
    the collector may do that anywhere, in `backward` as well.
    """
    return modes.one_backward_at_a_time, getattr(llvm().ffi.lib, "_lock", contextlib.nullcontext())


def _before_fork() -> None:
    for lock in _locks_over_fork():
        lock.__enter__()


def _after_fork() -> None:
    for lock in reversed(_locks_over_fork()):
        lock.__exit__(None, None, None)


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()  # a thread that held it, between two calls of LLVM, is not there
    _after_fork()


@cache
def target(dtype: str, math: str) -> Target:
    """What this machine is like, for `dtype` and `math` of `compile`: "libm" are those functions that Python uses."""
    features = llvm().get_host_cpu_features()
    size = 8 if dtype == "float64" else 4
    width = 64 if features.get("avx512f") else 32 if features.get("avx") else 16
    registers = 32 if width == 64 or _is_arm() else 16
    lanes = width // size
    names = _vector_functions(lanes, size) if math == "vector" else {}
    if math == "vector" and size == 8:
        names |= vector_math.SYMBOLS
    return Target("double" if size == 8 else "float", lanes, registers, names)


def _is_arm() -> bool:
    return platform.machine().lower() in ("arm64", "aarch64")


def _vector_functions(lanes: int, size: int) -> dict[str, str]:
    """Names of the table's functions on a whole register, as far as this machine's C library has them."""
    library, letter = _library("libmvec.so.1"), _LIBMVEC.get(lanes * size)
    if library is None or letter is None or _is_arm():
        return {}
    found = {}
    for name in FUNCTIONS:
        arguments = "vv" if name in ("pow", "atan2") else "v"
        symbol = f"_ZGV{letter}N{lanes}{arguments}_{name}{'f' if size == 4 else ''}"
        if add_symbol(symbol, library, symbol):
            found[name] = symbol
    return found


def _library(*names: str) -> Any:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


@cache
def _libm() -> Any:
    if sys.platform == "win32":
        return _library("ucrtbase", "msvcrt")
    return _library("libm.so.6", "libSystem.dylib") or ctypes.CDLL(None)


@cache
def _bind(name: str) -> None:
    """Make a function of the C library known to LLVM under a name to which LLVM attaches no meaning."""
    if not add_symbol(f"libm_{name}", _libm(), name):
        raise RuntimeError(f"the C library of this machine has no function {name}")


def add_symbol(name: str, library: Any, symbol: str) -> bool:
    """Tell LLVM where a function of a library is, for modules to call by this name; False if there is none."""
    function = getattr(library, symbol, None)
    if function is not None:
        with _lock:
            llvm().add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return function is not None


class Module:
    """LLVM IR as code in memory, which is freed with the last reference to the module. What is called comes first.

    It is verified: LLVM aborts the process when it meets a module that is not in order.
    """

    def __init__(self, *texts: str) -> None:
        with _lock:
            binding = llvm()
            cpu, features = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
            here = binding.Target.from_default_triple()
            machine = here.create_target_machine(cpu=cpu, features=features, opt=2, jit=True)
            self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
            for text in texts:
                module = binding.parse_assembly(text)
                module.verify()
                self._engine.add_module(module)
                self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function is."""
        return int(self._engine.get_function_address(name))


class Code:
    """The functions of a lowered program, called with the address of an argument block. Other threads run meanwhile."""

    def __init__(self, lowered: Lowered) -> None:
        with _lock:
            for name in lowered.library.scalar:
                _bind(name)
            self._module = Module(*lowered.modules)
        self.run, self.before, self.batch, self.after = (
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._module.address(name))
            for name in ("run", "before", "batch", "after")
        )
