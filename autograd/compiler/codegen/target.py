"""What code is generated for: a machine."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """What the machine is like.

    Attributes:
        number: "double" or "float".
        lanes: how many numbers are in a SIMD register.
        registers: how many such registers there are.
        vector_functions: for names in FUNCTIONS, the symbol of a function on a whole register: one of the C library,
            or of `vector_math`.
    """

    number: str
    lanes: int
    registers: int
    vector_functions: dict[str, str]

    @property
    def size(self) -> int:
        return 8 if self.number == "double" else 4
