"""Decisions that only a person can take: each one is recorded in a commit of its own."""

import time

from pyspark.errors import PySparkException

from ingest import commit, raw_table
from ingest.errors import CorruptRecord, NothingToAccept, TopicIdChanged
from ingest.plan import BatchPlan, Range, check_identity
from ingest.read import SCHEMA
from ingest.run import Job, next_batch
from ingest.spark import translate_spark_error


def topic_recreated(job: Job) -> commit.Batch:
    """Accept the recreated topic; the next run reads it from its beginning.

    Raises:
        NothingToAccept: the topic was not recreated.
    """
    plan = _current(job)
    state, topic = plan.state, plan.topic
    try:
        check_identity(state, topic, job.table)
    except TopicIdChanged:
        pass
    else:
        raise NothingToAccept(
            f"the topic {topic.name!r} was not recreated: {job.table} was ingested from the same "
            f"topic id, {topic.topic_id}",
            "nothing needs to be done; `python -m ingest run` continues",
        )
    ranges = [Range(p, begin, begin) for p, begin in topic.begin.items()]
    decisions = tuple(
        {**commit.decision("topic-recreated", r, topic.topic_id), "instead_of": state.topic_id}
        for r in ranges
    )
    return _commit(job, plan, ranges, decisions, dict(topic.begin))


def data_loss(job: Job, partition: int | None) -> commit.Batch:
    """Accept that Kafka deleted records before they were read; the next run continues after them.

    Args:
        job: job of the topic.
        partition: only this partition; None for every partition that lost records.

    Raises:
        TopicIdChanged: the topic was recreated, so its offsets cannot be compared.
        NothingToAccept: no unread record was deleted.
    """
    plan = _current(job)
    state, topic = plan.state, plan.topic
    check_identity(state, topic, job.table)
    ranges = [
        Range(p, state.offsets[p], begin)
        for p, begin in topic.begin.items()
        if state.offsets.get(p, begin) < begin and partition in (None, p)
    ]
    if not ranges:
        raise NothingToAccept(
            f"Kafka still has all unread messages of {topic.name!r}"
            + ("" if partition is None else f", partition {partition}"),
            "nothing needs to be done; `python -m ingest run` continues",
        )
    decisions = tuple(commit.decision("data-loss", r, topic.topic_id) for r in ranges)
    offsets = {**topic.begin, **state.offsets, **{r.partition: r.end for r in ranges}}
    return _commit(job, plan, ranges, decisions, offsets)


def skip_records(job: Job, partition: int, offset: int) -> commit.Batch:
    """Skip a record that cannot be decoded, or a corrupt batch that starts at its offset.

    Raises:
        TopicIdChanged: the topic was recreated, so its offsets cannot be compared.
        NothingToAccept: the record is read already, does not exist yet, or can be decoded.
    """
    plan = _current(job)
    state, topic = plan.state, plan.topic
    check_identity(state, topic, job.table)
    next_offset = state.offsets.get(partition, topic.begin.get(partition, 0))
    place = f"{topic.name} partition {partition} offset {offset}"
    if not next_offset <= offset < topic.end.get(partition, 0):
        raise NothingToAccept(
            f"{place} is not an unread offset",
            f"the unread offsets start at {next_offset}; `python -m ingest plan` shows them",
        )
    one = Range(partition, offset, offset + 1)
    try:
        job.read(plan, [one]).select("offset").collect()
    except PySparkException as error:
        if not isinstance(reason := translate_spark_error(error, job.settings), CorruptRecord):
            raise reason from error
    else:
        raise NothingToAccept(
            f"{place} can be decoded, or is skipped already",
            "nothing needs to be done; `python -m ingest run` continues",
        )
    offsets = {**topic.begin, **state.offsets}
    decision = commit.decision("skip-records", one, topic.topic_id)
    return _commit(job, plan, [one], (decision,), offsets)


def _current(job: Job) -> BatchPlan:
    return BatchPlan(job.read_state(), job.source.describe(), [])


def _commit(
    job: Job,
    plan: BatchPlan,
    ranges: list[Range],
    decisions: tuple[raw_table.Decision, ...],
    offsets: dict[int, int],
) -> commit.Batch:
    begun = time.monotonic()
    batch = next_batch(plan, ranges, decisions, offsets)
    no_rows = job.spark.createDataFrame([], SCHEMA)
    commit.commit(no_rows, job.table, plan.state, batch)
    job.log_batch(batch, time.monotonic() - begun, {})
    return batch
