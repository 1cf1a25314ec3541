"""The raw table: its creation, and the committed state that its snapshots hold.

The rows and the offsets of a batch are committed in one Iceberg snapshot, so they always agree.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import Row, SparkSession

from ingest import metadata_files
from ingest.errors import TableLost, TableNameClash
from ingest.read import SCHEMA

# The table property with the name of the topic.
TOPIC = "assay.topic"
# The snapshot properties of a batch.
BATCH = "assay.batch-id"
OFFSETS = "assay.offsets"
RANGES = "assay.ranges"
TOPIC_ID = "assay.topic-id"
CLUSTER_ID = "assay.cluster-id"
JOB_ID = "assay.job-id"
DECISIONS = "assay.decisions"
# The next batch is planned from these. A snapshot that has them, but no ranges, is a checkpoint.
STATE = (BATCH, OFFSETS, TOPIC_ID, CLUSTER_ID, DECISIONS)

# Each commit writes a metadata file. Iceberg keeps all of them by default, and the last 100 here.
METADATA_PROPERTIES = {"write.metadata.delete-after-commit.enabled": "true"}
# By default Iceberg shuffles all rows of a day to one task, so that one core writes them. Within a
# task the rows are sorted by day: the fanout writer would hold a file open for each day, which
# takes 2 GB for 1,500 days. Dictionaries of columns with few repeated values, and minima and
# maxima of columns that no query filters by range, cost time and have no use.
TABLE_PROPERTIES = {
    **METADATA_PROPERTIES,
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

Decision = dict[str, Any]


@dataclass(frozen=True)
class TableState:
    """The committed state of the raw table.

    Attributes:
        snapshot_id: the current snapshot, None for an empty table; it need not be a batch.
        batch_id: id of the last batch, 0 before the first.
        row_batch_id: id of the last batch that has rows, 0 if there is none.
        offsets: next offset to read, by partition.
        topic_id: Kafka's id of the topic that was read, None if unknown.
        cluster_id: Kafka's id of its cluster, None if unknown.
        decisions: the decisions so far: data loss, recreated topics, skipped records, replays.
        at: time of the last batch's commit, None if unknown.
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
        """Offsets of the records that a person decided to skip, by partition."""
        found: dict[int, list[int]] = {}
        for decision in self.decisions:
            # Tables of earlier versions have "skip".
            is_skip = decision["kind"] in ("skip-records", "skip")
            if is_skip and decision["topic_id"] == self.topic_id:
                found.setdefault(decision["partition"], []).append(decision["start"])
        return found


EMPTY = TableState(None, 0, 0, {}, None, None)


def ensure_table(spark: SparkSession, table: str, topic: str) -> None:
    """Create the raw table of a topic if it does not exist; upgrade one of an earlier version.

    Raises:
        TableNameClash: it belongs to another topic, or is no raw table; nothing was changed.
        TableLost: HDFS has batches of a table that the metastore does not know.
    """
    if not spark.catalog.tableExists(table):
        spark.sql(f"create database if not exists {table.split('.')[0]}")
        _check_not_lost(spark, table)
        # The last column, as in an upgraded table of an earlier version.
        columns, last = SCHEMA.rsplit(", ", 1)
        properties = {**TABLE_PROPERTIES, TOPIC: topic}
        spark.sql(
            f"""
            create table if not exists {table} (
                {columns}, batch_id bigint, ingested_at timestamp, topic_id string, {last}
            )
            using iceberg
            partitioned by (days(timestamp))
            tblproperties ({properties_sql(properties)})
            comment 'One row per Kafka record, bytes verbatim, exactly once. Only ingest writes it.'
            """
        )
    if not check_topic(spark, table, topic):
        set_properties(spark, table, {TOPIC: topic})
    if "out_of_range_timestamp" not in spark.table(table).columns:
        spark.sql(f"alter table {table} add column out_of_range_timestamp bigint")


def _check_not_lost(spark: SparkSession, table: str) -> None:
    """Refuse to create a table beside the batches of one that the metastore has lost.

    The new table would have only what Kafka still has, and its maintenance would delete the rest.
    """
    schema, name = table.split(".")
    folder = f"{spark.catalog.getDatabase(schema).locationUri}/{name}"
    paths = metadata_files.paths(spark, folder).get(folder, [])
    files = metadata_files.read(spark, paths)
    # By now, another job may have created the table.
    if any(file.snapshot_id for file in files) and not spark.catalog.tableExists(table):
        raise TableLost(
            f"the metastore does not know {table}, but {folder} has its files; nothing was written",
            "`python -m ingest restore` registers it again; if it was dropped on purpose, delete "
            f"the folder: `python -m stack hdfs -rm -r {folder}`",
        )


def set_properties(spark: SparkSession, table: str, properties: dict[str, str]) -> None:
    """Set properties of a table, unless it has all of them."""
    rows = spark.sql(f"show tblproperties {table}").collect()
    if not properties.items() <= {row.key: row.value for row in rows}.items():
        spark.sql(f"alter table {table} set tblproperties ({properties_sql(properties)})")


def properties_sql(properties: dict[str, str]) -> str:
    """Return table properties as SQL."""
    return ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())


def check_topic(spark: SparkSession, table: str, topic: str) -> bool:
    """Check that an existing table belongs to this topic.

    If the table property is missing, the topic of a row decides.

    Returns:
        Whether the table property is set.

    Raises:
        TableNameClash: it belongs to another topic, or is no raw table.
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


def read_state(spark: SparkSession, table: str) -> TableState:
    """Read the committed state from the table's snapshots, or else derive it from its rows."""
    return state_at(spark, table, ancestors(spark, table))


def state_at(spark: SparkSession, table: str, snapshots: list[Row]) -> TableState:
    """Return the state that `ancestors` of the table hold, or else derive it from its rows."""
    if not snapshots:
        return EMPTY
    snapshot_id = snapshots[0].snapshot_id
    # The newest snapshot may be a compaction: walk back to the last batch.
    at = next((snapshot for snapshot in snapshots if OFFSETS in snapshot.summary), None)
    if at is None:
        return _state_by_rows(spark, table, snapshot_id)
    [newest] = spark.sql(f"select max(batch_id) from {table} version as of {snapshot_id}").collect()
    return TableState(
        snapshot_id,
        int(at.summary[BATCH]),
        newest[0] or 0,
        {int(p): offset for p, offset in json.loads(at.summary[OFFSETS]).items()},
        at.summary.get(TOPIC_ID),
        at.summary.get(CLUSTER_ID),
        tuple(json.loads(at.summary.get(DECISIONS, "[]"))),
        from_micros(at.committed_us),
    )


def from_micros(microseconds: int) -> datetime:
    """Convert Unix microseconds to a time in UTC, whatever the session's time zone is."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def ancestors(spark: SparkSession, table: str) -> list[Row]:
    """The retained snapshots of the main branch, newest first."""
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
    found = []
    at = known.get(head.snapshot_id)
    while at is not None:
        found.append(at)
        at = known.get(at.parent_id)
    return found


def _state_by_rows(spark: SparkSession, table: str, snapshot_id: int) -> TableState:
    """Derive the state from the rows; the offsets are those of the last batch's topic id."""
    rows = spark.sql(
        f"""
        select topic_id, partition, max(offset) + 1 as next, max(batch_id) as batch_id
        from {table} version as of {snapshot_id}
        group by topic_id, partition
        """
    ).collect()
    if not rows:
        return TableState(snapshot_id, 0, 0, {}, None, None)
    last = max(rows, key=lambda row: row.batch_id)
    offsets = {row.partition: row.next for row in rows if row.topic_id == last.topic_id}
    return TableState(snapshot_id, last.batch_id, last.batch_id, offsets, last.topic_id, None)
