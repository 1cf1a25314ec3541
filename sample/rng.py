"""Random numbers that are the same on every machine and on every Python from 3.11.

Of `random.Random` only `random()` and `getrandbits()` guarantee the same sequence in later
versions, so everything else is computed from these two, with exact IEEE 754 arithmetic.
"""

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Rng:
    """A seeded generator of random numbers. `uniform()` is in [0, 1), `bits(n)` in [0, 2**n)."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        self.uniform = source.random
        self.bits = source.getrandbits

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items; one that is listed twice is twice as likely."""
        return items[int(self.uniform() * len(items))]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return the items in random order."""
        uniform = self.uniform
        return sorted(items, key=lambda _: uniform())

    def gauss(self) -> float:
        """Return a nearly normal number of mean 0 and standard deviation 1: a sum of four draws."""
        uniform = self.uniform
        # Not sum(): since Python 3.12 it adds floats differently.
        return (uniform() + uniform() + uniform() + uniform() - 2.0) * 1.732

    def uuid(self) -> str:
        """Return a UUID in the form of version 4."""
        digits = f"{self.bits(128):032x}"
        variant = "89ab"[self.bits(2)]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )
