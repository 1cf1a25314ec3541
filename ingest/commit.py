"""Commit a batch: its rows and its offsets in one Iceberg snapshot.

The lock is optimistic: a commit names the snapshot that its batch was planned from, and Iceberg
refuses it if another batch was committed since.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, DataFrameWriterV2, Row, SparkSession
from pyspark.sql import functions as F

from ingest.errors import CommitConflict
from ingest.plan import Range
from ingest.raw_table import (
    BATCH,
    CLUSTER_ID,
    DECISIONS,
    JOB_ID,
    OFFSETS,
    RANGES,
    TOPIC_ID,
    Decision,
    TableState,
)

# A branch's name is this prefix, the time of its creation in Unix seconds, and a unique suffix.
BRANCH_PREFIX = "assay_"

# Parts of Iceberg's errors for a concurrent commit, or for an expired snapshot of the plan.
CONFLICTS = (
    "ValidationException",
    "conflicting",
    "CommitFailedException",
    "not an ancestor",
    "metadata refresh is required",
)


@dataclass(frozen=True)
class Batch:
    """A batch, as the properties of its snapshot describe it.

    Attributes:
        batch_id: one more than that of the last batch.
        offsets: next offset to read after this batch, for every partition.
        ranges: `[partition, start, end, Kafka's begin, Kafka's end]` of each partition that was
            read or decided on.
        topic_id: Kafka's id of the topic.
        cluster_id: Kafka's id of the cluster.
        decisions: all decisions so far, including those of this batch.
        job_id: unique id of the commit.
        ingested_at: time of the batch, the same for all its rows, in UTC.
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
        """Return the properties of the batch's snapshot."""
        return {
            BATCH: str(self.batch_id),
            OFFSETS: json.dumps(self.offsets),
            RANGES: json.dumps(self.ranges),
            TOPIC_ID: self.topic_id,
            CLUSTER_ID: self.cluster_id,
            JOB_ID: self.job_id,
            DECISIONS: json.dumps(self.decisions),
        }

    def with_batch_columns(self, records: DataFrame) -> DataFrame:
        """Convert rows of `SCHEMA` or `AS_TEXT` to rows of the raw table."""
        return (
            records.withColumn("key", F.col("key").cast("binary"))
            .withColumn("value", F.col("value").cast("binary"))
            .withColumn("batch_id", F.lit(self.batch_id).cast("bigint"))
            .withColumn("ingested_at", F.lit(self.ingested_at))
            .withColumn("topic_id", F.lit(self.topic_id))
        )


def decision(kind: str, at: Range, topic_id: str) -> Decision:
    """Return a person's decision about a range of offsets, as the snapshot stores it."""
    return {
        "kind": kind,
        "topic_id": topic_id,
        "partition": at.partition,
        "start": at.start,
        "end": at.end,
    }


def commit(records: DataFrame, table: str, state: TableState, batch: Batch) -> None:
    """Commit the next batch and its offsets, unless another one was committed since `state`.

    Args:
        records: rows of `SCHEMA` or `AS_TEXT`.
        table: name of the raw table.
        state: state of the table that the batch was planned from.
        batch: the batch.

    Raises:
        CommitConflict: another job committed first; nothing was written.
        PySparkException: Spark failed; the batch was committed completely, or not at all.
    """
    writer = batch_writer(batch.with_batch_columns(records), table, batch.properties())
    writer = writer.option("isolation-level", "serializable")
    if state.snapshot_id is not None:
        writer = writer.option("validate-from-snapshot-id", str(state.snapshot_id))
    with translate_commit_conflict(table):
        # The condition matches no row of `state`, so the overwrite deletes nothing. It matches
        # every row that another job adds, because its batch id is higher than that of the last
        # batch with rows; Iceberg refuses the commit then. The last batch may be without rows, and
        # Iceberg detects no conflict with such a batch: rows planned before it may have its id.
        writer.overwrite(F.col("batch_id") > state.row_batch_id)


def batch_writer(rows: DataFrame, table: str, properties: dict[str, str]) -> DataFrameWriterV2:
    """Return a writer to a table or branch that sets properties of the new snapshot."""
    writer = rows.writeTo(table)
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    return writer


@contextmanager
def translate_commit_conflict(table: str) -> Iterator[None]:
    """Translate Spark's error for a commit conflict into ours; other errors pass.

    Raises:
        CommitConflict: another job committed first; nothing was written.
    """
    try:
        yield
    except AnalysisException:
        raise
    except PySparkException as error:
        if any(word in str(error) for word in CONFLICTS):
            raise CommitConflict(
                f"another job committed to {table} first; nothing was written",
                "run again: the next run plans from the other job's commit",
            ) from error
        raise


@contextmanager
def fast_forward_branch(spark: SparkSession, table: str, snapshot_id: int | None) -> Iterator[str]:
    """Create a branch at a snapshot, yield its name, and fast-forward the main branch to it.

    Iceberg refuses the fast-forward if anything was committed since that snapshot, even a
    compaction. Readers do not see the branch that a killed job leaves; `maintain` drops it.

    Raises:
        CommitConflict: another job committed first; nothing was changed.
    """
    branch = f"{BRANCH_PREFIX}{int(datetime.now(UTC).timestamp())}_{uuid.uuid4().hex}"
    spark.sql(f"alter table {table} create branch {branch} as of version {snapshot_id}")
    try:
        yield f"{table}.branch_{branch}"
        with translate_commit_conflict(table):
            spark.sql(f"call system.fast_forward('{table}', 'main', '{branch}')").collect()
    finally:
        with suppress(PySparkException):  # it would hide the original error
            spark.sql(f"alter table {table} drop branch if exists {branch}")


def batch_snapshot(spark: SparkSession, table: str, batch: Batch) -> Row | None:
    """Return this batch's snapshot and the number of rows it added; None if there is none."""
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
