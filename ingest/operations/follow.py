"""Continuous ingest, which retries after transient failures, until it is stopped."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from ingest.errors import (
    BrokerUnavailable,
    CommitConflict,
    EndOffsetRegressed,
    ReadStalled,
    SparkUnavailable,
)
from ingest.operations import maintain
from ingest.plan import BatchLimits
from ingest.raw_table import TableState
from ingest.run import BatchResult, Job, Progress, opened
from ingest.settings import Settings

# Failures that can end without a decision; every other one needs a person.
TRANSIENT = (BrokerUnavailable, SparkUnavailable, ReadStalled, CommitConflict, EndOffsetRegressed)
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
POLL_SECONDS = 0.2
# Each batch adds small files and a snapshot, which slow down readers and the next commit.
COMPACT_EVERY_BATCHES = 200
KEEP = timedelta(hours=1)

Report = Callable[[Job, TableState, BatchResult], None]


def follow(
    settings: Settings,
    limits: BatchLimits,
    batch_interval_seconds: float,
    report: Report,
    progress: Progress,
) -> None:
    """Ingest batch after batch until SIGINT or SIGTERM; the current batch is finished first.

    Args:
        settings: settings of the topic.
        limits: limits of each batch.
        batch_interval_seconds: minimum from the start of a batch to that of the next.
        report: called after every batch.
        progress: called with each progress message.

    Raises:
        IngestError: a failure that is not transient.
        KeyboardInterrupt: at the second signal.
    """
    with stopping() as stopped:
        pause = FIRST_PAUSE_SECONDS
        while not stopped.is_set():
            try:
                with opened(settings, progress) as job:
                    for state, result in _batches(job, limits, batch_interval_seconds, stopped):
                        report(job, state, result)
                        pause = FIRST_PAUSE_SECONDS
            except TRANSIENT as error:
                if not isinstance(error, CommitConflict):
                    progress(f"{error.problem}; trying again in {pause:.0f} s")
                    stopped.wait(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _batches(
    job: Job, limits: BatchLimits, batch_interval_seconds: float, stopped: threading.Event
) -> Iterator[tuple[TableState, BatchResult]]:
    """Yield each batch, and the table's state after it.

    The state is passed from batch to batch: while there is nothing new, only Kafka is polled.
    """
    batches = 0
    state = job.state
    while not stopped.is_set():
        started = time.monotonic()
        result = job.run(limits, state)
        if result is None:
            stopped.wait(POLL_SECONDS)
            continue
        state = result.state or job.read_state()
        yield state, result
        batches += 1
        if batches % COMPACT_EVERY_BATCHES == 0:
            job.progress("compacting")
            maintain.compact(job.spark, job.table, KEEP)
            state = job.read_state()
        stopped.wait(max(0.0, batch_interval_seconds - (time.monotonic() - started)))


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that the first SIGINT or SIGTERM sets; the second raises KeyboardInterrupt."""
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
