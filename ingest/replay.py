"""Read committed ranges again: the rows are replaced in one commit, never added to."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from pyspark.sql import Observation

from ingest import commit as raw
from ingest import ledger
from ingest.errors import BadSetting, IngestError, ReplayLoses, RetentionGap
from ingest.plan import Range
from ingest.run import Done, Job, Planned, check_identity

Place = dict[int, int] | datetime


def place(text: str) -> Place:
    """What `--from` and `--to` say: `partition:offset,…`, or a time.

    Raises:
        BadSetting: it is neither, or names a partition twice.
    """
    if not re.fullmatch(r"[0-9]{1,10}:[0-9]{1,19}(,[0-9]{1,10}:[0-9]{1,19})*", text):
        return moment(text)
    pairs = [pair.split(":") for pair in text.split(",")]
    found = {int(partition): int(offset) for partition, offset in pairs}
    if len(found) < len(pairs):
        raise BadSetting(f"{text!r} names a partition twice", "give one offset for each")
    return found


def moment(text: str) -> datetime:
    """A time as ISO 8601 says it; one without a zone is UTC.

    Raises:
        BadSetting: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadSetting(
            f"{text!r} is neither partition:offset nor a time",
            "give for example 0:1200,1:800 or 2018-01-28T12:00:00Z",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ranges_between(job: Job, planned: Planned, start: Place, end: Place) -> list[Range]:
    """The committed offsets from one place to another, the end excluded.

    Raises:
        BadSetting: a partition is not there.
        RetentionGap: Kafka no longer has all of them.
        IngestError: they were not all committed.
    """
    base, topic = planned.base, planned.topic
    for p in sorted({p for at in (start, end) if isinstance(at, dict) for p in at}):
        if p not in topic.end:
            raise BadSetting(
                f"{topic.name} has no partition {p}", f"it has the partitions {sorted(topic.end)}"
            )
    starts, ends = _offsets(job, start), _offsets(job, end)
    found = []
    for p in sorted(starts.keys() & ends.keys()):
        if p not in base.offsets or ends[p] > base.offsets[p]:
            raise IngestError(
                f"{topic.name} partition {p} is committed up to {base.offsets.get(p, 0)}, "
                f"not to {ends[p]}",
                "a replay reads again what was read; `python -m ingest run` reads what is new",
            )
        if starts[p] < topic.begin[p]:
            raise RetentionGap(
                f"{topic.name} partition {p} starts at {topic.begin[p]} now: Kafka cannot give "
                f"{starts[p]} again; nothing was written",
                f"replay from {p}:{topic.begin[p]}",
            )
        if starts[p] < ends[p]:
            found.append(Range(p, starts[p], ends[p]))
    return found


def check_order(start: Place, end: Place) -> None:
    """Refuse two places of one kind that no range lies between.

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
            "exchange them; what --to names is not replayed itself",
        )


def replay(job: Job, start: Place, end: Place) -> Done | None:
    """Replace the rows of committed ranges by what Kafka gives now; None for empty ranges.

    It is done on a branch of the table. Moving the table to the branch is the commit: Iceberg does
    that only if nobody committed meanwhile.

    Raises:
        ReplayLoses: Kafka gives fewer rows than there are; nothing was changed.
        CommitLost: somebody else committed meanwhile; nothing was changed.
        IngestError: another kind; nothing was changed.
    """
    begun = time.monotonic()
    planned = Planned(job.committed(), job.source.describe(), [])
    base, topic = planned.base, planned.topic
    check_identity(base, topic, job.table)
    ranges = ranges_between(job, planned, start, end)
    if not ranges:
        return None
    job.progress(f"reading {sum(r.size for r in ranges):,} offsets of {len(ranges)} partitions")
    decisions = tuple(raw.decision("replay", r, topic.topic_id) for r in ranges)
    offsets = {**topic.begin, **base.offsets}
    batch = job.next_batch(planned, ranges, decisions, offsets)
    partitions = [r.partition for r in ranges]
    observation = Observation()
    records = job.records(planned, ranges).observe(observation, *ledger.counts(partitions))
    with raw.on_a_branch(job.spark, job.table, base.snapshot_id) as branch:
        where = _where(topic.topic_id, ranges)
        [there] = job.spark.sql(f"select count(*) from {branch} where {where}").collect()[0]
        job.spark.sql(f"delete from {branch} where {where}")
        raw.writing(batch.stamped(records), branch, batch.properties()).append()
        counted = ledger.counted(observation.get, partitions)
        again = sum(c.rows for c in counted.values())
        if again < there:
            raise ReplayLoses(
                f"{job.table} has {there:,} rows of these ranges, and Kafka gives only {again:,} "
                "of them again; nothing was changed",
                "compaction or a transaction's end took the others; replay ranges without them",
            )
    seconds = time.monotonic() - begun
    job.progress(f"committed batch {batch.batch_id}")
    counted = job.keep_books(batch, counted, seconds)
    return Done(batch.batch_id, ranges, counted, sum(planned.waiting.values()), [], seconds)


def _offsets(job: Job, at: Place) -> dict[int, int]:
    """The offsets of a place; a time after the last message is where the committed ends."""
    if isinstance(at, dict):
        return at
    committed = job.committed().offsets
    reached = job.source.offsets_at(at, list(committed))
    return {p: min(reached.get(p, offset), offset) for p, offset in committed.items()}


def _where(topic_id: str, ranges: Iterable[Range]) -> str:
    places = " or ".join(
        f"(partition = {r.partition} and offset >= {r.start} and offset < {r.end})" for r in ranges
    )
    return f"topic_id = '{topic_id}' and ({places})"
