"""Draws that are the same on every machine and on every Python from 3.11.

Of `random.Random` only `random()` and `getrandbits()` promise the same sequence in later versions,
so every other draw is made of these two, with arithmetic that IEEE 754 defines to the last bit.
"""

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A seeded source of draws. `uniform()` is in [0, 1), `bits(n)` in [0, 2**n)."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        self.uniform = source.random
        self.bits = source.getrandbits

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely; an item that is listed twice is twice as likely."""
        return items[int(self.uniform() * len(items))]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """The items in an order of chance."""
        uniform = self.uniform
        return sorted(items, key=lambda _: uniform())

    def bell(self) -> float:
        """A number around 0, standard deviation 1, nearly normal: four uniform draws, centred."""
        uniform = self.uniform
        # Not sum(): since Python 3.12 it adds floats differently.
        return (uniform() + uniform() + uniform() + uniform() - 2.0) * 1.732

    def uuid(self) -> str:
        """A UUID that looks like version 4."""
        digits = f"{self.bits(128):032x}"
        variant = "89ab"[self.bits(2)]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )
