"""Read planned ranges of a topic inside Spark: one task a range, Arrow batches out.

Spark's workers get this module by value (see `register`), so they need kafka-python and pyarrow,
but not this package.
"""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from ingest import client

if TYPE_CHECKING:
    import pyarrow as pa
    from kafka.consumer.fetcher import ConsumerRecord
    from pyspark.sql import SparkSession

SCHEMA = (
    "topic string, partition int, offset bigint, timestamp timestamp, timestamp_type string, "
    "key binary, value binary, headers array<struct<key: string, value: binary>>"
)
BATCH_BYTES = 8 * 1024**2
STALL_SECONDS = 60.0
TIMESTAMP_TYPES = {0: "CreateTime", 1: "LogAppendTime"}


class KafkaRange(InputPartition):
    """Offsets `start` (included) to `end` (excluded) of one partition."""

    def __init__(self, partition: int, start: int, end: int) -> None:
        self.partition = partition
        self.start = start
        self.end = end


class KafkaRanges(DataSource):
    """A bounded Spark source.

    Options:
        topic: to read.
        ranges: `[[partition, start, end], …]`, as JSON.
        skips: `{partition: [offset, …]}`, as JSON: what to pass over.
    """

    # Not an option: Spark shows options in its plans and on its page.
    connection: ClassVar[dict[str, object]] = {}

    @classmethod
    def name(cls) -> str:
        """The format's name."""
        return "kafka_ranges"

    def schema(self) -> str:
        """One row per Kafka record."""
        return SCHEMA

    def reader(self, schema: object) -> "KafkaRangesReader":
        """The reader of the given ranges."""
        return KafkaRangesReader(
            self.connection,
            self.options["topic"],
            json.loads(self.options["ranges"]),
        )


class KafkaRangesReader(DataSourceReader):
    """Reads each range with a consumer of its own."""

    def __init__(
        self, consumer: dict[str, object], topic: str, ranges: list[tuple[int, int, int]]
    ) -> None:
        self.consumer = consumer
        self.topic = topic
        self.ranges = ranges

    def partitions(self) -> Sequence[KafkaRange]:
        """One Spark task a range."""
        return [KafkaRange(*r) for r in self.ranges]

    def read(self, partition: InputPartition) -> Iterator["pa.RecordBatch"]:
        """Yield the readable records of a range.

        The range is done when the consumer's position reaches its end, not when the record before
        the end was seen: that offset may hold a transaction's mark, or nothing after compaction.
        """
        from kafka import KafkaConsumer, TopicPartition

        assert isinstance(partition, KafkaRange)
        at = TopicPartition(self.topic, partition.partition)
        settings = dict(self.consumer)
        stall_seconds = float(str(settings.pop("stall_seconds", STALL_SECONDS)))
        consumer = KafkaConsumer(
            **client.arguments(settings),
            **client.READ_ONLY,
            max_poll_records=100_000,
            fetch_max_bytes=BATCH_BYTES * 2,
            max_partition_fetch_bytes=BATCH_BYTES * 2,
        )
        try:
            consumer.assign([at])
            consumer.seek(at, partition.start)
            pending: list[ConsumerRecord] = []
            pending_bytes = 0
            position, progressed_at = partition.start, time.monotonic()
            while position < partition.end:
                for record in consumer.poll(timeout_ms=1000).get(at, ()):
                    if record.offset >= partition.end:
                        break
                    pending.append(record)
                    pending_bytes += len(record.value or b"") + len(record.key or b"")
                    if pending_bytes >= BATCH_BYTES:
                        yield _record_batch(self.topic, pending)
                        pending, pending_bytes = [], 0
                if consumer.position(at) > position:
                    position, progressed_at = consumer.position(at), time.monotonic()
                elif time.monotonic() - progressed_at > stall_seconds:
                    raise TimeoutError(
                        f"ASSAY_STALLED {self.topic} partition {at.partition} offset {position}"
                    )
            # Deleted while we read: what we did not see would otherwise be missing silently.
            first = consumer.beginning_offsets([at])[at]
            if first > partition.start:
                raise RuntimeError(
                    f"ASSAY_TRIMMED {self.topic} partition {at.partition} offset {first}"
                )
            if pending:
                yield _record_batch(self.topic, pending)
        finally:
            consumer.close()


def register(spark: "SparkSession", connection: dict[str, object]) -> None:
    """Make the source known to a session, its code and its connection sent along."""
    from pyspark import cloudpickle

    import ingest

    cloudpickle.register_pickle_by_value(ingest)  # type: ignore[no-untyped-call]
    spark.dataSource.register(type("Connected", (KafkaRanges,), {"connection": connection}))


def _record_batch(topic: str, records: "list[ConsumerRecord]") -> "pa.RecordBatch":
    import pyarrow as pa

    header = pa.struct([("key", pa.string()), ("value", pa.binary())])
    return pa.record_batch(
        {
            "topic": pa.array([topic] * len(records), pa.string()),
            "partition": pa.array([r.partition for r in records], pa.int32()),
            "offset": pa.array([r.offset for r in records], pa.int64()),
            "timestamp": pa.array(
                [r.timestamp * 1000 for r in records], pa.timestamp("us", tz="UTC")
            ),
            "timestamp_type": pa.array(
                [TIMESTAMP_TYPES.get(r.timestamp_type) for r in records], pa.string()
            ),
            "key": pa.array([r.key for r in records], pa.binary()),
            "value": pa.array([r.value for r in records], pa.binary()),
            "headers": pa.array(
                [[{"key": k, "value": v} for k, v in r.headers] for r in records], pa.list_(header)
            ),
        }
    )
