"""LLVM IR made into code of this machine, through llvmlite."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from autograd import modes
from autograd.compiler.codegen import vector_math
from autograd.compiler.codegen.target import Target
from autograd.extras import how_to_install
from autograd.symbolic.lowering import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autograd.compiler.codegen.lowering import Lowered

OLDEST_LLVM = 20

_lock = threading.RLock()  # LLVM's symbols and its verifier are shared by all threads

_LIBMVEC = {8: "_ZGVeN8{}_{}", 4: "_ZGVdN4{}_{}", 2: "_ZGVbN2{}_{}"}
"""The names of glibc's vector functions on so many doubles, in the vector ABI of x86-64."""


def llvm() -> Any:
    """llvmlite's binding.

    Raises:
        ModuleNotFoundError: llvmlite or NumPy is missing; says how to install them.
    """
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
    _initialise(binding)
    return binding


@cache
def _initialise(binding: Any) -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)


def _locks_over_fork() -> tuple[Any, Any]:
    """Those that no other thread may hold when a process is copied, in the order in which one thread takes them.

    Inside of LLVM nothing is whole: llvmlite's own lock says whether anybody is there. Freeing code takes it too, and
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
    """What this machine is like.

    Args:
        dtype: "float64" or "float32".
        math: "vector" for functions on whole registers where there are some, "libm" for those that Python uses only.
    """
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
    import platform

    return platform.machine().lower() in ("arm64", "aarch64")


def _vector_functions(lanes: int, size: int) -> dict[str, str]:
    """Names of the table's functions on a whole register, as far as this machine's C library has them."""
    library = _library(("libmvec.so.1",))
    if library is None or _is_arm() or lanes * size // 8 not in _LIBMVEC:
        return {}
    found = {}
    for name in FUNCTIONS:
        arguments = "vv" if name in ("pow", "atan2") else "v"
        symbol = _LIBMVEC[lanes * size // 8].format(arguments, name)
        if size == 4:
            symbol = symbol.replace(f"N{lanes // 2}{arguments}", f"N{lanes}{arguments}") + "f"
        address = _address(library, symbol)
        if address:
            llvm().add_symbol(symbol, address)
            found[name] = symbol
    return found


def _library(names: Iterable[str]) -> Any:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _address(library: Any, symbol: str) -> int:
    try:
        return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value or 0
    except AttributeError:
        return 0


@cache
def _libm() -> Any:
    if sys.platform == "win32":
        return _library(("ucrtbase", "msvcrt"))
    return _library(("libm.so.6", "libSystem.dylib")) or ctypes.CDLL(None)


@cache
def _bind(name: str) -> None:
    """Make a function of the C library known to LLVM under a name that it knows nothing about."""
    address = _address(_libm(), name)
    if not address:
        raise RuntimeError(f"the C library of this machine has no function {name}")
    llvm().add_symbol(f"libm_{name}", address)


class Module:
    """LLVM IR as code in memory. It is given back when nobody refers to the module any more.

    Args:
        texts: LLVM IR, what is called before what calls it. It is verified: LLVM aborts the process when it meets a
            module that is not in order.
    """

    def __init__(self, *texts: str) -> None:
        with _lock:
            binding = llvm()
            self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine(binding))
            for text in texts:
                module = binding.parse_assembly(text)
                module.verify()
                self._engine.add_module(module)
                self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function is."""
        return int(self._engine.get_function_address(name))


class Code:
    """The functions of a lowered program, ready to be called with the address of an argument block.

    Attributes:
        run, before, batch, after: functions of one address. They let other threads run meanwhile.
    """

    def __init__(self, lowered: Lowered) -> None:
        with _lock:
            for name in lowered.library.scalar:
                _bind(name)
            self._module = Module(*lowered.modules)
        self.run, self.before, self.batch, self.after = (
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._module.address(name))
            for name in ("run", "before", "batch", "after")
        )


def add_symbol(name: str, address: int) -> None:
    """Tell LLVM where a function is that modules may call."""
    with _lock:
        llvm().add_symbol(name, address)


def _machine(binding: Any) -> Any:
    target = binding.Target.from_default_triple()
    features = binding.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=binding.get_host_cpu_name(), features=features, opt=2, jit=True)
