"""The ledger `raw.ingest_batches`: what each batch brought from each partition, for people to read.

It is written after the commit, as well as it goes, and never read back as truth: the raw table is
the truth, and what disagrees with it is written again.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from pyspark.sql import Column, Row, SparkSession
from pyspark.sql import functions as F

from ingest import commit as raw
from ingest.blocks import MAX_TIMESTAMP, MIN_TIMESTAMP
from ingest.settings import LEDGER as LEDGER

SCHEMA = (
    "topic string, batch_id bigint, partition int, cluster_id string, topic_id string, "
    "start_offset bigint, end_offset bigint, rows bigint, bytes bigint, "
    "min_timestamp timestamp, max_timestamp timestamp, "
    "kafka_begin_offset bigint, kafka_end_offset bigint, decision string, snapshot_id bigint, "
    "job_id string, committed_at timestamp, seconds double"
)
DECIDED = {
    "recreated": "recreated topic accepted",
    "gap": "retention gap accepted",
    "skip": "undecodable record skipped",
    "replay": "replay",
}


@dataclass(frozen=True)
class Counted:
    """What a batch holds of one partition: rows, bytes of keys and values, first and last time."""

    rows: int = 0
    bytes: int = 0
    min_timestamp: datetime | None = None
    max_timestamp: datetime | None = None


def counts(partitions: Iterable[int]) -> list[Column]:
    """Aggregates that count each partition's rows while they are written."""
    columns = []
    for p in partitions:
        mine = F.col("partition") == p
        columns += [
            F.count_if(mine).alias(f"rows_{p}"),
            F.coalesce(F.sum(F.when(mine, _size())), F.lit(0)).alias(f"bytes_{p}"),
            F.min(F.when(mine, F.unix_micros("timestamp"))).alias(f"min_{p}"),
            F.max(F.when(mine, F.unix_micros("timestamp"))).alias(f"max_{p}"),
        ]
    return columns


def counted(observed: dict[str, int | None], partitions: Iterable[int]) -> dict[int, Counted]:
    """What `counts` counted, by partition."""
    return {
        p: Counted(
            observed[f"rows_{p}"] or 0,
            observed[f"bytes_{p}"] or 0,
            _moment(observed[f"min_{p}"]),
            _moment(observed[f"max_{p}"]),
        )
        for p in partitions
    }


def count_again(spark: SparkSession, table: str, batch_id: int) -> dict[int, Counted]:
    """The same, from the rows in the table."""
    rows = (
        spark.table(table)
        .where(F.col("batch_id") == batch_id)
        .groupBy("partition")
        .agg(
            F.count("*").alias("rows"),
            F.sum(_size()).alias("bytes"),
            F.min(F.unix_micros("timestamp")).alias("first"),
            F.max(F.unix_micros("timestamp")).alias("last"),
        )
        .collect()
    )
    return {r.partition: Counted(r.rows, r.bytes, _moment(r.first), _moment(r.last)) for r in rows}


def write(
    spark: SparkSession,
    topic: str,
    batch: raw.Batch,
    counted: dict[int, Counted],
    snapshot_id: int,
    committed_at: datetime,
    seconds: float | None,
) -> None:
    """Append the rows of one batch, one for each partition that it read or decided on."""
    decided = {
        d["partition"]: d["kind"] for d in batch.decisions if d["batch_id"] == batch.batch_id
    }
    rows = [
        {
            "topic": topic,
            "batch_id": batch.batch_id,
            "partition": partition,
            "cluster_id": batch.cluster_id,
            "topic_id": batch.topic_id,
            "start_offset": start,
            "end_offset": end,
            **asdict(counted.get(partition, Counted())),
            "kafka_begin_offset": kafka_begin,
            "kafka_end_offset": kafka_end,
            "decision": DECIDED.get(decided.get(partition, "")),
            "snapshot_id": snapshot_id,
            "job_id": batch.job_id,
            "committed_at": committed_at,
            "seconds": seconds,
        }
        for partition, start, end, kafka_begin, kafka_end in batch.ranges
    ]
    if rows:
        ensure(spark)
        spark.createDataFrame(rows, SCHEMA).writeTo(LEDGER).append()


def ensure(spark: SparkSession) -> None:
    """Create the ledger unless it is there."""
    spark.sql(
        f"""
        create table if not exists {LEDGER} ({SCHEMA}) using iceberg
        comment 'What each ingest batch brought. One row per topic, batch and partition.'
        """
    )


def repair(spark: SparkSession, topic: str, table: str, line: list[Row]) -> int:
    """Write anew what the ledger has wrong about the batches whose snapshots are left.

    Args:
        spark: a session.
        topic: whose batches.
        table: its raw table.
        line: the table's snapshots, newest first.

    Returns:
        how many batches were wrong or missing.
    """
    if not spark.catalog.tableExists(LEDGER):
        ensure(spark)
    batches = [s for s in line if raw.RANGES in s.summary]
    if not batches:
        return 0
    replayed = any(d["kind"] == "replay" for d in batch_of(batches[0]).decisions)
    found: dict[str, list[Row]] = {}
    oldest = min(int(s.summary[raw.BATCH]) for s in batches)
    for row in (
        spark.table(LEDGER)
        .where((F.col("topic") == topic) & (F.col("batch_id") >= oldest))
        .collect()
    ):
        found.setdefault(row.job_id or "", []).append(row)
    wrong = [s for s in batches if not _agrees(s, found.pop(s.summary[raw.JOB_ID], []), replayed)]
    invented = list(found)  # by nobody that the table knows
    if jobs := [s.summary[raw.JOB_ID] for s in wrong] + invented:
        listed = ", ".join(f"'{job}'" for job in jobs)
        spark.sql(
            f"delete from {LEDGER} where topic = '{topic}' and batch_id >= {oldest} "
            f"and coalesce(job_id, '') in ({listed})"
        )
    for s in wrong:
        batch = batch_of(s)
        write(
            spark,
            topic,
            batch,
            # One without rows may have the number of another that has some.
            count_again(spark, table, batch.batch_id) if "added-records" in s.summary else {},
            s.snapshot_id,
            raw.moment(s.committed_us),
            None,
        )
    return len(wrong) + len(invented)


def batch_of(snapshot: Row) -> raw.Batch:
    """The batch that a snapshot says it is."""
    said = snapshot.summary
    return raw.Batch(
        int(said[raw.BATCH]),
        {int(p): o for p, o in json.loads(said[raw.OFFSETS]).items()},
        json.loads(said[raw.RANGES]),
        said[raw.TOPIC_ID],
        said[raw.CLUSTER_ID],
        tuple(json.loads(said[raw.DECISIONS])),
        said[raw.JOB_ID],
    )


def _agrees(snapshot: Row, rows: list[Row], replayed: bool) -> bool:
    """Whether the ledger's rows of a batch are what its snapshot says.

    A replay takes rows out of an older batch, and then nothing says how many it had.
    """
    batch = batch_of(snapshot)
    said = sorted([r.partition, r.start_offset, r.end_offset] for r in rows)
    added = int(snapshot.summary.get("added-records", 0))
    return (
        said == sorted(r[:3] for r in batch.ranges)
        and (replayed or sum(r.rows for r in rows) == added)
        and {(r.snapshot_id, r.topic_id, r.job_id) for r in rows}
        <= {(snapshot.snapshot_id, batch.topic_id, batch.job_id)}
    )


def _size() -> Column:
    """Bytes of a row's key and value."""
    key, value = (F.coalesce(F.octet_length(name), F.lit(0)) for name in ("key", "value"))
    return (key + value).cast("bigint")


def _moment(microseconds: int | None) -> datetime | None:
    """None too where no date can say it: a table of an earlier version may hold such timestamps."""
    if microseconds is None or not MIN_TIMESTAMP <= microseconds // 1000 <= MAX_TIMESTAMP:
        return None
    return raw.moment(microseconds)
