"""The raw table: what it has committed, and the fenced commit of the next batch.

Rows and offsets go in one Iceberg snapshot, so they cannot disagree. The commit names the snapshot
it was planned from; Iceberg refuses it if any other batch was committed since.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ingest.errors import CommitLost
from ingest.read import SCHEMA

# Properties of a snapshot that is a batch of ours.
BATCH = "assay.batch-id"
OFFSETS = "assay.offsets"
TOPIC_ID = "assay.topic-id"
CLUSTER_ID = "assay.cluster-id"


@dataclass(frozen=True)
class Committed:
    """What the table holds.

    Attributes:
        snapshot_id: the current snapshot, None for an empty table; not always a batch of ours.
        batch_id: of the last batch, 0 before the first.
        offsets: next offset to read, by partition.
        topic_id: Kafka's id of the topic that was read, None if not known.
        cluster_id: of the cluster it was read from, None if not known.
    """

    snapshot_id: int | None
    batch_id: int
    offsets: dict[int, int]
    topic_id: str | None
    cluster_id: str | None


def table_of(topic: str) -> str:
    """The raw table of a topic."""
    return "raw." + topic.replace("-", "_").replace(".", "_")


def ensure_table(spark: SparkSession, table: str) -> None:
    """Create the raw table unless it is there."""
    if spark.catalog.tableExists(table):
        return
    spark.sql(f"create database if not exists {table.split('.')[0]}")
    spark.sql(
        f"""
        create table if not exists {table} (
            {SCHEMA}, batch_id bigint, ingested_at timestamp, topic_id string
        )
        using iceberg
        partitioned by (days(timestamp))
        comment 'One row per Kafka record, bytes verbatim, exactly once. Only ingest writes it.'
        """
    )


def committed(spark: SparkSession, table: str) -> Committed:
    """Read what the table has committed, from its snapshots or else from its rows."""
    head = spark.sql(f"select snapshot_id from {table}.refs where name = 'main'").first()
    if head is None:
        return Committed(None, 0, {}, None, None)
    snapshots = {
        row.snapshot_id: row
        for row in spark.sql(
            f"select snapshot_id, parent_id, summary from {table}.snapshots"
        ).collect()
    }
    # The newest snapshot may be a compaction: walk back to the last batch.
    at = snapshots.get(head.snapshot_id)
    while at is not None and OFFSETS not in at.summary:
        at = snapshots.get(at.parent_id)
    if at is None:
        return _committed_by_rows(spark, table, head.snapshot_id)
    return Committed(
        head.snapshot_id,
        int(at.summary[BATCH]),
        {int(p): offset for p, offset in json.loads(at.summary[OFFSETS]).items()},
        at.summary.get(TOPIC_ID),
        at.summary.get(CLUSTER_ID),
    )


def _committed_by_rows(spark: SparkSession, table: str, snapshot_id: int) -> Committed:
    rows = spark.sql(
        f"select partition, max(offset) + 1 as next, max(batch_id) as batch_id "
        f"from {table} version as of {snapshot_id} group by partition"
    ).collect()
    batch_id = max((row.batch_id for row in rows), default=0)
    return Committed(snapshot_id, batch_id, {r.partition: r.next for r in rows}, None, None)


def commit(
    records: DataFrame,
    table: str,
    base: Committed,
    offsets: dict[int, int],
    topic_id: str,
    cluster_id: str,
    ingested_at: datetime,
) -> None:
    """Write the next batch and its offsets, unless anybody committed since `base`.

    Args:
        records: rows of `SCHEMA`.
        table: to write to.
        base: what the batch was planned from.
        offsets: next offset to read after this batch, for every partition.
        topic_id: Kafka's id of the topic.
        cluster_id: of Kafka.
        ingested_at: the same for all rows of the batch.

    Raises:
        CommitLost: somebody else committed; nothing was written.
        PySparkException: Spark failed; nothing was written.
    """
    batch_id = base.batch_id + 1
    writer = (
        records.withColumn("batch_id", F.lit(batch_id).cast("bigint"))
        .withColumn("ingested_at", F.lit(ingested_at))
        .withColumn("topic_id", F.lit(topic_id))
        .writeTo(table)
        .option("isolation-level", "serializable")
        .option(f"snapshot-property.{BATCH}", str(batch_id))
        .option(f"snapshot-property.{OFFSETS}", json.dumps(offsets))
        .option(f"snapshot-property.{TOPIC_ID}", topic_id)
        .option(f"snapshot-property.{CLUSTER_ID}", cluster_id)
    )
    if base.snapshot_id is not None:
        writer = writer.option("validate-from-snapshot-id", str(base.snapshot_id))
    try:
        writer.overwrite(F.col("batch_id") == batch_id)
    except AnalysisException:
        raise
    except PySparkException as error:
        if "ValidationException" in str(error) or "conflicting" in str(error):
            raise CommitLost(
                f"another ingest committed batch {batch_id} of {table} first; nothing was written",
                "run again: the next run plans from what the other committed",
            ) from error
        raise


def rows_of_batch(spark: SparkSession, table: str, batch_id: int) -> int:
    """How many rows a batch has, as its snapshot says."""
    row = spark.sql(
        f"select summary['added-records'] as added from {table}.snapshots "
        f"where summary['{BATCH}'] = '{batch_id}'"
    ).first()
    return int(row.added or 0) if row else 0
