"""Decisions that only a person can make: each one is a commit of its own, and recorded for good."""

import time

from pyspark.errors import PySparkException

from ingest import commit as raw
from ingest.errors import NothingToAccept, TopicReplaced, Undecodable
from ingest.plan import Range
from ingest.read import SCHEMA
from ingest.run import Job, Planned, check_identity
from ingest.spark import explained


def recreated(job: Job) -> raw.Batch:
    """Take the topic that is there now for the right one, and read it from its beginning.

    Raises:
        NothingToAccept: it is the one that was read so far.
    """
    planned = _now(job)
    base, topic = planned.base, planned.topic
    try:
        check_identity(base, topic, job.table)
    except TopicReplaced:
        ranges = [Range(p, begin, begin) for p, begin in topic.begin.items()]
        decisions = tuple(
            {**raw.decision("recreated", r, topic.topic_id), "instead_of": base.topic_id}
            for r in ranges
        )
        return _commit(job, planned, ranges, decisions, dict(topic.begin))
    raise NothingToAccept(
        f"{job.table} was filled from this very topic {topic.name!r} ({topic.topic_id})",
        "nothing needs to be done; `python -m ingest run` reads on",
    )


def gap(job: Job, partition: int | None) -> raw.Batch:
    """Give up what Kafka deleted before it was read, and read on from what is left.

    Args:
        job: of the topic.
        partition: only this one; None for every partition with a gap.

    Raises:
        TopicReplaced: the topic is another one, so that offsets say nothing.
        NothingToAccept: nothing was deleted.
    """
    planned = _now(job)
    base, topic = planned.base, planned.topic
    check_identity(base, topic, job.table)
    ranges = [
        Range(p, base.offsets[p], begin)
        for p, begin in topic.begin.items()
        if base.offsets.get(p, begin) < begin and partition in (None, p)
    ]
    if not ranges:
        raise NothingToAccept(
            f"Kafka still has everything of {topic.name!r} that was not read"
            + ("" if partition is None else f" of partition {partition}"),
            "nothing needs to be done; `python -m ingest run` reads on",
        )
    decisions = tuple(raw.decision("gap", r, topic.topic_id) for r in ranges)
    offsets = {**topic.begin, **base.offsets, **{r.partition: r.end for r in ranges}}
    return _commit(job, planned, ranges, decisions, offsets)


def skip(job: Job, partition: int, offset: int) -> raw.Batch:
    """Pass over a record, or the broken batch that starts there, that cannot be decoded.

    Raises:
        TopicReplaced: the topic is another one, so that offsets say nothing.
        NothingToAccept: the record was passed already, is not there yet, or can be decoded.
    """
    planned = _now(job)
    base, topic = planned.base, planned.topic
    check_identity(base, topic, job.table)
    next_offset = base.offsets.get(partition, topic.begin.get(partition, 0))
    place = f"{topic.name} partition {partition} offset {offset}"
    if not next_offset <= offset < topic.end.get(partition, 0):
        raise NothingToAccept(
            f"{place} is not among what waits to be read",
            f"what waits there starts at {next_offset}; `python -m ingest plan` shows it",
        )
    one = Range(partition, offset, offset + 1)
    try:
        job.records(planned, [one]).select("offset").collect()
    except PySparkException as error:
        if not isinstance(reason := explained(error, job.settings), Undecodable):
            raise reason from error
    else:
        raise NothingToAccept(
            f"{place} can be decoded, or was accepted already",
            "nothing needs to be done; `python -m ingest run` reads on",
        )
    offsets = {**topic.begin, **base.offsets}
    return _commit(job, planned, [one], (raw.decision("skip", one, topic.topic_id),), offsets)


def _now(job: Job) -> Planned:
    return Planned(job.committed(), job.source.describe(), [])


def _commit(
    job: Job,
    planned: Planned,
    ranges: list[Range],
    decisions: tuple[raw.Decision, ...],
    offsets: dict[int, int],
) -> raw.Batch:
    begun = time.monotonic()
    batch = job.next_batch(planned, ranges, decisions, offsets)
    nothing = job.spark.createDataFrame([], SCHEMA)
    raw.commit(nothing, job.table, planned.base, batch)
    job.keep_books(batch, {}, time.monotonic() - begun)
    return batch
