"""Batches in the raw table as ingest writes them, with coordinates as a test wants them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import SparkSession

from ingest import batch_log, raw_table
from stack.settings import Settings

RAW_SCHEMA = (
    "topic string, partition int, offset bigint, timestamp timestamp, timestamp_type string, "
    "key binary, value binary, headers array<struct<key: string, value: binary>>, "
    "batch_id bigint, ingested_at timestamp, topic_id string"
)
PARTITIONS = 3
BEGIN = datetime(2018, 1, 20, tzinfo=UTC)


@contextmanager
def emptied(stack: Settings) -> Iterator["Raw"]:
    """The raw table and its batch log, empty at first and at the end."""
    spark = SparkSession.builder.remote(stack.client_environment()["ASSAY_SPARK"]).create()
    try:
        raw_table.ensure_table(spark, "raw.assess", "assess")
        batch_log.ensure(spark)
        empty(spark)
        yield Raw(spark)
        empty(spark)
    finally:
        spark.stop()


def empty(spark: SparkSession) -> None:
    """Delete all rows, of which a topic of the same name would be told apart."""
    spark.sql("delete from raw.assess")
    spark.sql("delete from raw.ingest_batches")


@dataclass
class Raw:
    """Writes batches as ingest does, with coordinates as the test wants them."""

    spark: SparkSession
    batch_id: int = 0
    next_offset: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))

    def batch(self, values: list[bytes | None], minutes: int = 0) -> None:
        """Append a batch whose records are so many minutes late (or early)."""
        records = []
        for number, value in enumerate(values):
            partition = number % PARTITIONS
            # Few different moments, so that the order is decided by partition and offset too.
            at = BEGIN + timedelta(minutes=number // 7 + minutes)
            records.append((partition, self.next_offset[partition], at, value))
            self.next_offset[partition] += 1
        self._append(records)

    def replay(self, partition: int, start: int, end: int) -> None:
        """Replace a range of offsets by its records, each once, in a new batch."""
        where = f"partition = {partition} and offset >= {start} and offset < {end}"
        old = self.spark.sql(
            f"select distinct partition, offset, timestamp, value from raw.assess where {where}"
        ).collect()
        self.spark.sql(f"delete from raw.assess where {where}")
        self._append([(r[0], r[1], r[2].astimezone(UTC), r[3]) for r in old])

    def double(self, partition: int, offset: int) -> None:
        """Add a record's row once more, as part of its own batch."""
        self.spark.sql(
            "insert into raw.assess select * from raw.assess "
            f"where partition = {partition} and offset = {offset}"
        )

    def _append(self, records: list[tuple[int, int, datetime, Any]]) -> None:
        self.batch_id += 1
        at = BEGIN + timedelta(days=self.batch_id)
        self.spark.createDataFrame(
            [
                ("assess", p, o, t, "CreateTime", None, v, [], self.batch_id, at, "made")
                for p, o, t, v in records
            ],
            RAW_SCHEMA,
        ).writeTo("raw.assess").append()
