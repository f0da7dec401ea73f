"""What code is generated for: a machine."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """What the machine is like."""

    number: str  # "double" or "float"
    lanes: int  # how many numbers are in a SIMD register
    registers: int  # how many such registers there are
    vector_functions: dict[str, str]  # by name, symbols of functions on a whole register: libmvec's or `vector_math`'s

    @property
    def size(self) -> int:
        return 8 if self.number == "double" else 4
