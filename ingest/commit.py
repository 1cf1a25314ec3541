"""The raw table: what it has committed, and the fenced commit of the next batch.

Rows and offsets go in one Iceberg snapshot, so they cannot disagree. The commit names the snapshot
it was planned from; Iceberg refuses it if any other batch was committed since.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, DataFrameWriterV2, Row, SparkSession
from pyspark.sql import functions as F

from ingest.errors import CommitLost, TableNameClash
from ingest.plan import Range
from ingest.read import SCHEMA

# The property of a raw table that names its topic.
TOPIC = "assay.topic"
# Properties of a snapshot that is a batch of ours.
BATCH = "assay.batch-id"
OFFSETS = "assay.offsets"
RANGES = "assay.ranges"
TOPIC_ID = "assay.topic-id"
CLUSTER_ID = "assay.cluster-id"
JOB_ID = "assay.job-id"
DECISIONS = "assay.decisions"
# What the next batch starts from. A snapshot that has these and no ranges is a checkpoint.
STATE = (BATCH, OFFSETS, TOPIC_ID, CLUSTER_ID, DECISIONS)

# By default all rows of a day are shuffled to one task, and one core writes them. Within a task
# they are sorted by day, because a file for each of 1,500 days, all open at once, takes 2 GB.
# A dictionary of what hardly repeats, and the least and greatest of what nobody looks up by its
# range, cost time and are of no use.
WRITING = {
    "write.distribution-mode": "none",
    "write.spark.fanout.enabled": "false",
    "write.parquet.compression-level": "1",
    **{
        f"write.parquet.dict-encoding-enabled.column.{name}": "false"
        for name in ("offset", "key", "value")
    },
    **{
        f"write.parquet.stats-enabled.column.{name}": "false"
        for name in ("topic", "timestamp_type", "key", "value", "topic_id")
    },
}

# The rest of a branch's name is when it was made, in Unix seconds, and something unique.
BRANCH_PREFIX = "assay_"

# As Iceberg says that somebody else was first, or that the snapshot we planned from is gone.
LOST = (
    "ValidationException",
    "conflicting",
    "CommitFailedException",
    "not an ancestor",
    "metadata refresh is required",
)

Decision = dict[str, Any]


@dataclass(frozen=True)
class Committed:
    """What the table holds.

    Attributes:
        snapshot_id: the current snapshot, None for an empty table; not always a batch of ours.
        batch_id: of the last batch, 0 before the first.
        row_batch_id: of the last batch that has rows, 0 if there is none.
        offsets: next offset to read, by partition.
        topic_id: Kafka's id of the topic that was read, None if not known.
        cluster_id: of the cluster it was read from, None if not known.
        decisions: what a person accepted so far: losses, recreations, skipped records.
        at: when the last batch was committed, None if not known.
    """

    snapshot_id: int | None
    batch_id: int
    row_batch_id: int
    offsets: dict[int, int]
    topic_id: str | None
    cluster_id: str | None
    decisions: tuple[Decision, ...] = ()
    at: datetime | None = None

    @property
    def skips(self) -> dict[int, list[int]]:
        """Offsets that a person decided to pass over, by partition."""
        found: dict[int, list[int]] = {}
        for decision in self.decisions:
            if decision["kind"] == "skip" and decision["topic_id"] == self.topic_id:
                found.setdefault(decision["partition"], []).append(decision["start"])
        return found


def decision(kind: str, at: Range, topic_id: str) -> Decision:
    """What a person decided about some offsets, as it is kept."""
    return {
        "kind": kind,
        "topic_id": topic_id,
        "partition": at.partition,
        "start": at.start,
        "end": at.end,
    }


NOTHING = Committed(None, 0, 0, {}, None, None)


@dataclass(frozen=True)
class Batch:
    """What a commit says of itself, in the snapshot's properties.

    Attributes:
        batch_id: one more than the last.
        offsets: next offset to read after this batch, for every partition.
        ranges: `[partition, start, end, Kafka's begin, Kafka's end]` of what was read, or decided.
        topic_id: Kafka's id of the topic.
        cluster_id: of Kafka.
        decisions: all so far, this batch's own included.
        job_id: of the run that made it.
        ingested_at: the same for all rows of the batch, in UTC.
    """

    batch_id: int
    offsets: dict[int, int]
    ranges: list[list[int]]
    topic_id: str
    cluster_id: str
    decisions: tuple[Decision, ...] = ()
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    ingested_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def properties(self) -> dict[str, str]:
        """As a snapshot's properties."""
        return {
            BATCH: str(self.batch_id),
            OFFSETS: json.dumps(self.offsets),
            RANGES: json.dumps(self.ranges),
            TOPIC_ID: self.topic_id,
            CLUSTER_ID: self.cluster_id,
            JOB_ID: self.job_id,
            DECISIONS: json.dumps(self.decisions),
        }

    def stamped(self, records: DataFrame) -> DataFrame:
        """Rows of `SCHEMA` or `AS_TEXT` as rows of the raw table."""
        return (
            records.withColumn("key", F.col("key").cast("binary"))
            .withColumn("value", F.col("value").cast("binary"))
            .withColumn("batch_id", F.lit(self.batch_id).cast("bigint"))
            .withColumn("ingested_at", F.lit(self.ingested_at))
            .withColumn("topic_id", F.lit(self.topic_id))
        )


def ensure_table(spark: SparkSession, table: str, topic: str) -> None:
    """Create the raw table of a topic unless it is there, and complete one of an earlier version.

    Raises:
        TableNameClash: it is another topic's, or no raw table; nothing was changed.
    """
    if not spark.catalog.tableExists(table):
        # Last, where it is in a table of an earlier version too.
        columns, last = SCHEMA.rsplit(", ", 1)
        properties = {**WRITING, TOPIC: topic}
        spark.sql(f"create database if not exists {table.split('.')[0]}")
        spark.sql(
            f"""
            create table if not exists {table} (
                {columns}, batch_id bigint, ingested_at timestamp, topic_id string, {last}
            )
            using iceberg
            partitioned by (days(timestamp))
            tblproperties ({", ".join(f"'{k}' = '{value}'" for k, value in properties.items())})
            comment 'One row per Kafka record, bytes verbatim, exactly once. Only ingest writes it.'
            """
        )
    if not check_topic(spark, table, topic):
        spark.sql(f"alter table {table} set tblproperties ('{TOPIC}' = '{topic}')")
    if "out_of_range_timestamp" not in spark.table(table).columns:
        spark.sql(f"alter table {table} add column out_of_range_timestamp bigint")


def check_topic(spark: SparkSession, table: str, topic: str) -> bool:
    """Whether an existing table says that it holds the records of this topic.

    Where it does not say whose records it holds, its rows tell.

    Raises:
        TableNameClash: it is another topic's, or no raw table.
    """
    remedy = (
        f"give the topic {topic!r} a table of its own: ASSAY_TABLE=raw.ANOTHER_NAME, or "
        f'`[topics."{topic}"]` with `table = "raw.ANOTHER_NAME"` in ingest.toml'
    )
    if not {"topic", "offset", "value", "batch_id", "topic_id"} <= set(spark.table(table).columns):
        raise TableNameClash(
            f"{table} exists, and it is not a raw table of ingest; nothing was written", remedy
        )
    properties = {row.key: row.value for row in spark.sql(f"show tblproperties {table}").collect()}
    owner = properties.get(TOPIC)
    if owner is None:
        first = spark.sql(f"select topic from {table} limit 1").first()
        owner = topic if first is None else first.topic
    if owner != topic:
        raise TableNameClash(
            f"{table} holds the records of the topic {owner!r}, and {topic!r} would go there too; "
            "nothing was written",
            remedy,
        )
    return TOPIC in properties


def committed(spark: SparkSession, table: str, line: list[Row] | None = None) -> Committed:
    """Read what the table has committed, from its snapshots or else from its rows.

    Args:
        spark: a session.
        table: the raw table.
        line: its `lineage`, if that is known.
    """
    line = lineage(spark, table) if line is None else line
    if not line:
        return NOTHING
    snapshot_id = line[0].snapshot_id
    # The newest snapshot may be a compaction: walk back to the last batch.
    at = next((snapshot for snapshot in line if OFFSETS in snapshot.summary), None)
    if at is None:
        return _committed_by_rows(spark, table, snapshot_id)
    [newest] = spark.sql(f"select max(batch_id) from {table} version as of {snapshot_id}").collect()
    return Committed(
        snapshot_id,
        int(at.summary[BATCH]),
        newest[0] or 0,
        {int(p): offset for p, offset in json.loads(at.summary[OFFSETS]).items()},
        at.summary.get(TOPIC_ID),
        at.summary.get(CLUSTER_ID),
        tuple(json.loads(at.summary.get(DECISIONS, "[]"))),
        moment(at.committed_us),
    )


def moment(microseconds: int) -> datetime:
    """A time that does not depend on any session's time zone."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def lineage(spark: SparkSession, table: str) -> list[Row]:
    """The table's own snapshots that are left, newest first, without those of other branches."""
    head = spark.sql(f"select snapshot_id from {table}.refs where name = 'main'").first()
    if head is None:
        return []
    rows = spark.sql(
        f"""
        select snapshot_id, parent_id, summary, unix_micros(committed_at) as committed_us
        from {table}.snapshots
        """
    )
    known = {row.snapshot_id: row for row in rows.collect()}
    line = []
    at = known.get(head.snapshot_id)
    while at is not None:
        line.append(at)
        at = known.get(at.parent_id)
    return line


def _committed_by_rows(spark: SparkSession, table: str, snapshot_id: int) -> Committed:
    """What the rows say, of the topic that the last batch came from."""
    rows = spark.sql(
        f"""
        select topic_id, partition, max(offset) + 1 as next, max(batch_id) as batch_id
        from {table} version as of {snapshot_id}
        group by topic_id, partition
        """
    ).collect()
    if not rows:
        return Committed(snapshot_id, 0, 0, {}, None, None)
    last = max(rows, key=lambda row: row.batch_id)
    offsets = {row.partition: row.next for row in rows if row.topic_id == last.topic_id}
    return Committed(snapshot_id, last.batch_id, last.batch_id, offsets, last.topic_id, None)


def commit(records: DataFrame, table: str, base: Committed, batch: Batch) -> None:
    """Write the next batch and its offsets, unless anybody committed since `base`.

    Args:
        records: rows of `SCHEMA` or `AS_TEXT`.
        table: to write to.
        base: what the batch was planned from.
        batch: what it is.

    Raises:
        CommitLost: somebody else committed; nothing was written.
        PySparkException: Spark failed; the batch is in the table whole, or not at all.
    """
    writer = writing(batch.stamped(records), table, batch.properties())
    writer = writer.option("isolation-level", "serializable")
    if base.snapshot_id is not None:
        writer = writer.option("validate-from-snapshot-id", str(base.snapshot_id))
    with losing(table):
        # The fence. It matches no row of `base`, so nothing is deleted, and every row that anybody
        # adds: a later plan has a higher number than the last batch with rows. Batches without rows
        # are numbered too, but Iceberg does not see them, so it must not begin after one of those.
        writer.overwrite(F.col("batch_id") > base.row_batch_id)


def writing(rows: DataFrame, table: str, properties: dict[str, str]) -> DataFrameWriterV2:
    """A write to a table, or a branch of it, whose snapshot will have these properties."""
    writer = rows.writeTo(table)
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    return writer


@contextmanager
def losing(table: str) -> Iterator[None]:
    """Tell a commit that lost from one that failed.

    Raises:
        CommitLost: somebody else committed; nothing was written.
    """
    try:
        yield
    except AnalysisException:
        raise
    except PySparkException as error:
        if any(word in str(error) for word in LOST):
            raise CommitLost(
                f"another job committed to {table} first; nothing was written",
                "run again: the next run plans from what the other committed",
            ) from error
        raise


@contextmanager
def on_a_branch(spark: SparkSession, table: str, snapshot_id: int | None) -> Iterator[str]:
    """A branch from a snapshot, by the name to write to; the table moves there if all goes well.

    It moves only if nobody committed anything since that snapshot, not even a compaction. A branch
    whose job was killed is nobody's: readers never see it, and `maintain` drops it.

    Raises:
        CommitLost: somebody else committed; nothing was changed.
    """
    branch = f"{BRANCH_PREFIX}{int(datetime.now(UTC).timestamp())}_{uuid.uuid4().hex}"
    spark.sql(f"alter table {table} create branch {branch} as of version {snapshot_id}")
    try:
        yield f"{table}.branch_{branch}"
        with losing(table):
            spark.sql(f"call system.fast_forward('{table}', 'main', '{branch}')").collect()
    finally:
        with suppress(PySparkException):  # the error that brought us here says more
            spark.sql(f"alter table {table} drop branch if exists {branch}")


def committed_batch(spark: SparkSession, table: str, batch: Batch) -> Row | None:
    """The snapshot that this very batch became, with how many rows it added; None if it is not."""
    return spark.sql(
        f"""
        select
            snapshot_id,
            cast(coalesce(summary['added-records'], '0') as bigint) as added,
            unix_micros(committed_at) as committed_us
        from {table}.snapshots
        where summary['{JOB_ID}'] = '{batch.job_id}' and summary['{RANGES}'] is not null
        """
    ).first()
