"""A Spark data source that reads planned ranges of a topic: one task for each range.

Spark's workers get this package by value (see `register`), so they need kafka-python, pyarrow and
the codecs, but no installation of this package.
"""

import json
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from kafka import KafkaConsumer, TopicPartition, errors
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from ingest import kafka_client, record_batches
from ingest.arrow import record_batch

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

SCHEMA = (
    "topic string, partition int, offset bigint, timestamp timestamp, timestamp_type string, "
    "key binary, value binary, headers array<struct<key: string, value: binary>>, "
    "out_of_range_timestamp bigint"
)
# The schema of the reader. Keys and values have the type string because Spark copies a binary value
# at every access, and a string never. Nothing interprets the strings: bytes that are not UTF-8 pass
# unchanged.
AS_TEXT = SCHEMA.replace("key binary, value binary", "key string, value string")
# A few batches at a time are decoded, then sent to the JVM: memory does not grow with the lag, and
# fetching, decoding and writing overlap.
FETCH_BYTES = 1024**2
POLL_BATCHES = 8
ARROW_BYTES = 4 * 1024**2
STALL_SECONDS = 60.0
# kafka-python sleeps this long in every task before it knows the partition's leader.
RETRY_MS = 20


class KafkaRange(InputPartition):
    """Offsets `start` (included) to `end` (excluded) of one partition."""

    def __init__(self, partition: int, start: int, end: int) -> None:
        self.partition = partition
        self.start = start
        self.end = end


class KafkaRanges(DataSource):
    """A bounded Spark data source.

    Options:
        topic: name of the topic.
        topic_id: id that the topic must have; without it, the id is not checked.
        ranges: `[[partition, start, end], …]`, as JSON.
        skips: offsets of records to skip, `{partition: [offset, …]}` as JSON; by default none.

    Attributes:
        connection: argument of `ingest.kafka_client.arguments`, and `stall_seconds`. It is no
            option, because it holds secrets, and Spark shows options in its plans and its web UI.
    """

    connection: ClassVar[Mapping[str, object]] = {}

    @classmethod
    def name(cls) -> str:
        """The format's name."""
        return "kafka_ranges"

    def schema(self) -> str:
        """One row per Kafka record."""
        return AS_TEXT

    def reader(self, schema: object) -> "KafkaRangesReader":
        """The reader of the given ranges."""
        skips = json.loads(self.options.get("skips", "{}"))
        return KafkaRangesReader(
            self.connection,
            self.options["topic"],
            self.options.get("topic_id"),
            json.loads(self.options["ranges"]),
            {int(partition): frozenset(offsets) for partition, offsets in skips.items()},
        )


class KafkaRangesReader(DataSourceReader):
    """Reads each range with a consumer of its own."""

    def __init__(
        self,
        connection: Mapping[str, object],
        topic: str,
        topic_id: str | None,
        ranges: list[tuple[int, int, int]],
        skips: Mapping[int, frozenset[int]],
    ) -> None:
        self.connection = connection
        self.topic = topic
        self.topic_id = topic_id
        self.ranges = ranges
        self.skips = skips

    def partitions(self) -> Sequence[KafkaRange]:
        """One Spark task for each range."""
        return [KafkaRange(*r) for r in self.ranges]

    def read(self, partition: InputPartition) -> Iterator["pa.RecordBatch"]:
        """Yield the readable records of a range, as Arrow record batches.

        Raises:
            RuntimeError: with a marker in its text, because Spark passes on the text only:
                `ASSAY_STALLED topic partition p offset o`: no progress for `stall_seconds`.
                `ASSAY_RECORDS_DELETED …`: Kafka deleted records; the log starts at o now.
                `ASSAY_TOPIC_ID_CHANGED …`: the topic is not the one that was planned.
                `ASSAY_CORRUPT_RECORD …`: the record at o, or the batch that begins there.
                `ASSAY_UNSUPPORTED_CODEC codec`: its library is not installed for Spark's workers.
                `ASSAY_AUTH_ERROR reason`: authentication or authorization failed.
        """
        assert isinstance(partition, KafkaRange)
        with _translate_errors(f"{self.topic} partition {partition.partition}"):
            pending: list[record_batches.Block] = []
            pending_bytes = 0
            for block in self._blocks(partition):
                pending.append(block)
                pending_bytes += block.size_in_bytes
                if pending_bytes >= ARROW_BYTES:
                    yield record_batch(self.topic, partition.partition, pending)
                    pending, pending_bytes = [], 0
            if pending:
                yield record_batch(self.topic, partition.partition, pending)

    def _blocks(self, wanted: KafkaRange) -> Iterator[record_batches.Block]:
        """Yield the readable records of a range, one block for each record batch.

        The range is complete when the consumer's position reaches its end, not when its last record
        is read: its last offset may hold a control record, or nothing after compaction.
        """
        at = TopicPartition(self.topic, wanted.partition)
        skips = self.skips.get(wanted.partition, frozenset())
        settings = dict(self.connection)
        stall_seconds = float(str(settings.pop("stall_seconds", STALL_SECONDS)))
        consumer = KafkaConsumer(
            **kafka_client.arguments(settings),
            **kafka_client.READ_ONLY,
            retry_backoff_ms=RETRY_MS,
            max_poll_records=POLL_BATCHES,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        # kafka-python does not pass it on to the cluster's metadata, which are read twice.
        consumer._cluster.config["retry_backoff_ms"] = RETRY_MS
        try:
            record_batches.deliver(consumer, wanted.end, skips)
            consumer.assign([at])
            consumer.seek(at, wanted.start)
            try:
                yield from _polled(consumer, at, wanted, skips, stall_seconds)
            except errors.OffsetOutOfRangeError:
                self._check(consumer, at, wanted, stall_seconds)  # usually raises the cause
                raise
            self._check(consumer, at, wanted, stall_seconds)
        finally:
            consumer.close()

    def _check(
        self, consumer: KafkaConsumer, at: TopicPartition, wanted: KafkaRange, stall_seconds: float
    ) -> None:
        """Raise if records of the range were deleted, or the topic recreated, since the plan."""
        # Records that are deleted during the read would otherwise be missing silently.
        try:
            first = consumer.beginning_offsets([at], stall_seconds * 1000)[at]
        except errors.KafkaTimeoutError as error:
            raise _marked("ASSAY_STALLED", at, wanted.end) from error
        except KeyError as error:  # from kafka-python, if the partition no longer exists
            raise _marked("ASSAY_TOPIC_ID_CHANGED", at, wanted.start) from error
        if first > wanted.start:
            raise _marked("ASSAY_RECORDS_DELETED", at, first)
        # In a topic that was recreated since the plan, these offsets are those of other messages.
        consumer.topics()  # requests the metadata of all topics, with their ids
        found = consumer._cluster.topic_id(self.topic)
        if self.topic_id is not None and str(found) != self.topic_id:
            raise _marked("ASSAY_TOPIC_ID_CHANGED", at, wanted.start)


def _polled(
    consumer: KafkaConsumer,
    at: TopicPartition,
    wanted: KafkaRange,
    skips: frozenset[int],
    stall_seconds: float,
) -> Iterator[record_batches.Block]:
    """Poll until the position is at the range's end.

    Raises:
        RuntimeError: the position has not moved for `stall_seconds`.
    """
    position, progressed_at = wanted.start, time.monotonic()
    while position < wanted.end:
        yield from record_batches.of_records(
            consumer.poll(timeout_ms=1000).get(at, ()), wanted.end, skips
        )
        if consumer.position(at) > position:
            position, progressed_at = consumer.position(at), time.monotonic()
        elif time.monotonic() - progressed_at > stall_seconds:
            raise _marked("ASSAY_STALLED", at, position)


def _marked(marker: str, at: TopicPartition, offset: int) -> RuntimeError:
    """Return the error of a task: a marker, which `ingest.spark` searches for, and the place."""
    return RuntimeError(f"{marker} {at.topic} partition {at.partition} offset {offset}")


@contextmanager
def _translate_errors(place: str) -> Iterator[None]:
    """Translate the errors of a task into errors with a marker: see `KafkaRangesReader.read`."""
    try:
        yield
    except record_batches.CorruptBatch as error:
        raise RuntimeError(f"ASSAY_CORRUPT_RECORD {place} offset {error.offset}") from error
    except record_batches.MissingCodec as error:
        raise RuntimeError(f"ASSAY_UNSUPPORTED_CODEC {error}") from error
    except (
        errors.AuthorizationError,
        errors.SaslAuthenticationFailedError,
        errors.UnsupportedSaslMechanismError,
        ssl.SSLError,
    ) as error:
        raise RuntimeError(f"ASSAY_AUTH_ERROR {type(error).__name__}: {error}") from error


def register(spark: "SparkSession", connection: Mapping[str, object]) -> None:
    """Register the data source with a session; its code and its connection are sent by value."""
    from pyspark import cloudpickle

    import ingest

    cloudpickle.register_pickle_by_value(ingest)  # type: ignore[no-untyped-call]
    spark.dataSource.register(type("Connected", (KafkaRanges,), {"connection": dict(connection)}))
