"""Readers who ask while something is done to the warehouse."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.conftest import query


@dataclass
class Readers:
    """What readers saw while something else was done."""

    seen: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)
    errors: list[object] = field(default_factory=list)
    reads: int = 0


@contextmanager
def readers(queries: tuple[str, ...]) -> Iterator[Readers]:
    """Readers that ask again and again, each time in a session of their own."""
    found = Readers({sql: set() for sql in queries})
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for sql in queries:
                try:
                    found.seen[sql].update(query(sql))
                except Exception as error:
                    found.errors.append((sql, error))
                found.reads += 1
            done.wait(0.2)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def current(queries: tuple[str, ...]) -> dict[str, set[tuple[Any, ...]]]:
    """What they would see now."""
    return {sql: set(query(sql)) for sql in queries}
