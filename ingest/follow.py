"""Ingest that keeps going, whatever is away for a while, until it is told to stop."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from ingest import maintain
from ingest.errors import CommitLost, NoBroker, NoSpark, OffsetsWentBack, ReadStalled
from ingest.run import Bounds, Done, Job, Progress, opened
from ingest.settings import Settings

# What mends itself, or is mended by somebody else; everything else needs a decision.
PASSING = (NoBroker, NoSpark, ReadStalled, CommitLost, OffsetsWentBack)
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
POLL_SECONDS = 0.2
# Each batch is a few small files and a snapshot, which readers and the next commit have to look at.
TIDY_EVERY_BATCHES = 200
KEEP = timedelta(hours=1)


def follow(
    settings: Settings,
    bounds: Bounds,
    latency_seconds: float,
    report: Callable[[Job, Done], None],
    progress: Progress,
) -> None:
    """Bring in what comes, batch by batch, until SIGINT or SIGTERM; the batch at hand is finished.

    Args:
        settings: of the topic.
        bounds: on each batch.
        latency_seconds: from the start of a batch to that of the next, at least.
        report: told of every batch.
        progress: told what happens besides.

    Raises:
        IngestError: something that does not pass by itself.
        KeyboardInterrupt: at the second signal.
    """
    with stopping() as stopped:
        pause = FIRST_PAUSE_SECONDS
        while not stopped.is_set():
            try:
                with opened(settings, progress) as job:
                    for done in _batches(job, bounds, latency_seconds, stopped):
                        report(job, done)
                        pause = FIRST_PAUSE_SECONDS
            except PASSING as error:
                if not isinstance(error, CommitLost):
                    progress(f"{error.problem}; trying again in {pause:.0f} s")
                    stopped.wait(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _batches(
    job: Job, bounds: Bounds, latency_seconds: float, stopped: threading.Event
) -> Iterator[Done]:
    batches = 0
    while not stopped.is_set():
        begun = time.monotonic()
        done = job.run(bounds)
        if done is None:
            stopped.wait(POLL_SECONDS)
            continue
        yield done
        batches += 1
        if batches % TIDY_EVERY_BATCHES == 0:
            job.progress("joining small files")
            maintain.tidy(job.spark, job.table, KEEP)
            job.forget()
        stopped.wait(max(0.0, latency_seconds - (time.monotonic() - begun)))


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second one interrupts."""
    event = threading.Event()

    def stop(number: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
