"""Replay: read committed ranges again and replace their rows in one commit."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from ingest import commit
from ingest.errors import BadSetting, DataLoss, IngestError, ReplayWouldLoseRows
from ingest.plan import BatchPlan, Range, check_identity
from ingest.run import BatchResult, Job, next_batch

Position = dict[int, int] | datetime


def parse_position(text: str) -> Position:
    """Parse the value of `--from` or `--to`: `partition:offset,…`, or a time.

    Raises:
        BadSetting: it is neither, or names a partition twice.
    """
    if not re.fullmatch(r"[0-9]{1,10}:[0-9]{1,19}(,[0-9]{1,10}:[0-9]{1,19})*", text):
        return parse_time(text)
    pairs = [pair.split(":") for pair in text.split(",")]
    found = {int(partition): int(offset) for partition, offset in pairs}
    if len(found) < len(pairs):
        raise BadSetting(f"{text!r} names a partition twice", "give one offset for each")
    return found


def parse_time(text: str) -> datetime:
    """Parse a time in ISO 8601; one without a time zone is UTC.

    Raises:
        BadSetting: it is not such a time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadSetting(
            f"{text!r} is neither partition:offset nor a time",
            "give for example 0:1200,1:800 or 2018-01-28T12:00:00Z",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ranges_between(job: Job, plan: BatchPlan, start: Position, end: Position) -> list[Range]:
    """Return the ranges of committed offsets between two positions, the end excluded.

    Raises:
        BadSetting: a partition does not exist.
        DataLoss: Kafka deleted some of the offsets.
        IngestError: some of the offsets are not committed yet.
    """
    state, topic = plan.state, plan.topic
    for p in sorted({p for at in (start, end) if isinstance(at, dict) for p in at}):
        if p not in topic.end:
            raise BadSetting(
                f"{topic.name} has no partition {p}", f"it has the partitions {sorted(topic.end)}"
            )
    starts, ends = _offsets(job, plan, start), _offsets(job, plan, end)
    found = []
    for p in sorted(starts.keys() & ends.keys()):
        if p not in state.offsets or ends[p] > state.offsets[p]:
            raise IngestError(
                f"{topic.name} partition {p} is committed up to {state.offsets.get(p, 0)}, "
                f"not to {ends[p]}",
                "a replay reads again what was read; `python -m ingest run` reads what is new",
            )
        if starts[p] < topic.begin[p]:
            raise DataLoss(
                f"{topic.name} partition {p} starts at {topic.begin[p]} now: Kafka no longer has "
                f"{starts[p]}; nothing was written",
                f"replay from {p}:{topic.begin[p]}",
            )
        if starts[p] < ends[p]:
            found.append(Range(p, starts[p], ends[p]))
    return found


def check_order(start: Position, end: Position) -> None:
    """Refuse two positions of one kind that cannot have a range between them.

    Raises:
        BadSetting: the end lies before the start, or they are of different partitions.
    """
    if isinstance(start, dict) and isinstance(end, dict):
        if start.keys() != end.keys():
            raise BadSetting(
                f"--from names the partitions {sorted(start)}, and --to {sorted(end)}",
                "name the same partitions in both, for example --from 0:100 --to 0:200",
            )
        is_reversed = any(end[p] < start[p] for p in start)
    else:
        is_reversed = isinstance(start, datetime) and isinstance(end, datetime) and end < start
    if is_reversed:
        raise BadSetting(
            "--to lies before --from, so that there is nothing between them",
            "exchange them; --to is excluded from the replay",
        )


def replay(job: Job, start: Position, end: Position) -> BatchResult | None:
    """Replace the rows of committed ranges by Kafka's records; returns None for empty ranges.

    The rows are replaced on a branch of the table. The fast-forward of the main branch is the
    commit: Iceberg refuses it if another job committed meanwhile.

    Raises:
        ReplayWouldLoseRows: Kafka has fewer records than the table has rows; nothing was changed.
        CommitConflict: another job committed meanwhile; nothing was changed.
        IngestError: another kind; nothing was changed.
    """
    begun = time.monotonic()
    plan = BatchPlan(job.read_state(), job.source.describe(), [])
    state, topic = plan.state, plan.topic
    check_identity(state, topic, job.table)
    ranges = ranges_between(job, plan, start, end)
    if not ranges:
        return None
    decisions = tuple(commit.decision("replay", r, topic.topic_id) for r in ranges)
    offsets = {**topic.begin, **state.offsets}
    batch = next_batch(plan, ranges, decisions, offsets)
    records = job.read(plan, ranges)
    with commit.fast_forward_branch(job.spark, job.table, state.snapshot_id) as branch:
        where = _where(topic.topic_id, ranges)
        [count_before] = job.spark.sql(f"select count(*) from {branch} where {where}").collect()[0]
        job.spark.sql(f"delete from {branch} where {where}")
        commit.batch_writer(batch.with_batch_columns(records), branch, batch.properties()).append()
        [count_after] = job.spark.sql(f"select count(*) from {branch} where {where}").collect()[0]
        if count_after < count_before:
            raise ReplayWouldLoseRows(
                f"{job.table} has {count_before:,} rows of these ranges, and Kafka has only "
                f"{count_after:,} of them; nothing was changed",
                "compaction of the topic removed the others; replay other ranges",
            )
    seconds = time.monotonic() - begun
    job.progress(f"committed batch {batch.batch_id}")
    stats, state_after = job.log_batch(batch, seconds, {})
    lag = sum(plan.lag.values())
    return BatchResult(batch.batch_id, ranges, stats, lag, [], seconds, state_after)


def _offsets(job: Job, plan: BatchPlan, at: Position) -> dict[int, int]:
    """Return the offsets of a position; a time after the last message is the committed offset."""
    if isinstance(at, dict):
        return at
    committed = plan.state.offsets
    reached = job.source.offsets_at(at, list(committed))
    return {p: min(reached.get(p, offset), offset) for p, offset in committed.items()}


def _where(topic_id: str, ranges: Iterable[Range]) -> str:
    places = " or ".join(
        f"(partition = {r.partition} and offset >= {r.start} and offset < {r.end})" for r in ranges
    )
    return f"topic_id = '{topic_id}' and ({places})"
